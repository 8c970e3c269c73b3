//! The multiplexer against recordings of the official ends, against a model, and at its bounds.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::session::message::{
    Checks, Flag, Frame as Message, MessageType, PayloadType,
    recording::{Recording, Side},
};

fn framed(data: &[u8]) -> BytesMut {
    let mut frame = BytesMut::zeroed(HEADER_LENGTH);
    frame.extend_from_slice(data);
    frame
}

/// What waits for a local program; takes it.
fn take(mux: &mut Mux, stream: StreamId, most: usize) -> Vec<u8> {
    let mut slices = [IoSlice::new(&[]); 8];
    let count = mux.slices(stream, &mut slices);
    let mut bytes: Vec<u8> = slices[..count].iter().flat_map(|slice| slice.to_vec()).collect();
    bytes.truncate(most);
    mux.consume(stream, bytes.len());
    bytes
}

fn take_all(mux: &mut Mux, stream: StreamId) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        match take(mux, stream, usize::MAX) {
            bytes if bytes.is_empty() => return all,
            bytes => all.extend(bytes),
        }
    }
}

fn transmitted(mux: &mut Mux) -> Vec<Frame> {
    let mut decoder = Decoder::new();
    let mut frames = Vec::new();
    while let Some(bytes) = mux.poll_transmit() {
        decoder.push(bytes);
        while let Some(frame) = decoder.pop().unwrap() {
            frames.push(frame);
        }
    }
    frames
}

fn wire(frames: &[Frame]) -> Bytes {
    let mut bytes = BytesMut::new();
    frames.iter().for_each(|frame| frame.encode(&mut bytes));
    bytes.freeze()
}

fn data(stream: StreamId, bytes: &[u8]) -> Frame {
    Frame::Data { stream, bytes: Bytes::copy_from_slice(bytes) }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn multiplexed() -> Vec<Recording> {
    let all: Vec<_> = Recording::all()
        .into_iter()
        .filter(|recording| {
            recording.name.starts_with("port-mux")
                || ["port-halfclose", "port-remote-host"].contains(&&*recording.name)
        })
        .collect();
    assert_eq!(all.len(), 4);
    all
}

/// The agent's stream messages in order, each once.
fn agent_messages(recording: &Recording) -> BTreeMap<i64, Message> {
    recording
        .frames(Side::Agent)
        .filter_map(|(_, bytes)| Message::parse(bytes, Checks::Client).ok())
        .filter(|message| message.message_type == MessageType::OutputStreamData)
        .map(|message| (message.sequence, message))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// What the official agent sent becomes the same streams, however it is cut.
    #[test]
    fn recordings_replay_at_any_cut(sizes in prop::collection::vec(1..3000usize, 1..30)) {
        for recording in multiplexed() {
            let streams: BTreeMap<String, Value> =
                serde_json::from_slice(&recording.side_file("streams.json")).unwrap();
            let mut mux = Mux::new(Instant::now(), false);
            for _ in &streams {
                mux.open();
            }
            let mut sizes = sizes.iter().cycle();
            let mut got: BTreeMap<StreamId, Vec<u8>> = BTreeMap::new();
            let mut ends = BTreeMap::new();
            for message in agent_messages(&recording).into_values() {
                match message.payload_type {
                    PayloadType::Flag => {
                        prop_assert_eq!(Flag::parse(&message.payload).unwrap(), Flag::ConnectToPortError);
                        mux.handle_refusal();
                    }
                    PayloadType::Output => {
                        let mut rest = message.payload;
                        while !rest.is_empty() {
                            let size = rest.len().min(*sizes.next().unwrap());
                            mux.handle(Instant::now(), rest.split_to(size)).unwrap();
                            while let Some(told) = mux.poll() {
                                match told {
                                    Told::Readable(stream) => {
                                        let bytes = take_all(&mut mux, stream);
                                        got.entry(stream).or_default().extend(bytes);
                                    }
                                    Told::Finished(stream) | Told::Refused(stream) => {
                                        prop_assert_eq!(ends.insert(stream, told), None);
                                    }
                                    other => panic!("{other:?}"),
                                }
                            }
                        }
                    }
                    _ => {}
                }
            }
            for (stream, facts) in &streams {
                let stream: StreamId = stream.parse().unwrap();
                let bytes = got.remove(&stream).unwrap_or_default();
                prop_assert_eq!(bytes.len() as u64, facts["to_local_len"].as_u64().unwrap(), "{}", &recording.name);
                let sum = hex(digest(&SHA256, &bytes).as_ref());
                prop_assert_eq!(&sum, facts["to_local_sha256"].as_str().unwrap());
                let refused = recording.name == "port-mux" && stream == 9;
                let end = if refused { Told::Refused(stream) } else { Told::Finished(stream) };
                if facts["fin_from_agent"] == 1 {
                    prop_assert_eq!(ends.remove(&stream), Some(end), "{}", &recording.name);
                }
            }
            prop_assert!(got.is_empty() && ends.is_empty());
        }
    }
}

/// The same openings and data make the same bytes as the official client's, header for header.
#[test]
fn recordings_are_sent_as_the_official_client_does() {
    for recording in multiplexed() {
        let sent = recording.side_file("sent");
        let mut decoder = Decoder::new();
        let mut mux = Mux::new(Instant::now(), false);
        let mut expected = Vec::new();
        // A frame is whole here, as the file is one piece.
        decoder.push(sent.clone().into());
        while let Some(frame) = decoder.pop().unwrap() {
            match &frame {
                Frame::Open { stream } => assert_eq!(mux.open(), *stream),
                Frame::Data { stream, bytes } => mux.send(*stream, framed(bytes)),
                Frame::Close { .. } | Frame::KeepAlive => continue,
            }
            expected.push(frame);
        }
        let ours: Vec<u8> = std::iter::from_fn(|| mux.poll_transmit()).flatten().collect();
        assert_eq!(ours, wire(&expected), "{}", recording.name);
        assert!(!ours.is_empty());
    }
}

#[test]
fn a_half_closed_program_is_not_announced_and_waits_for_its_reply() {
    let mut now = Instant::now();
    let mut mux = Mux::new(now, false);
    let stream = mux.open();
    mux.send(stream, framed(b"request"));
    transmitted(&mut mux);
    mux.local_ended(now, stream);
    assert_eq!(transmitted(&mut mux), [], "closing would cost the reply");
    now += LINGER / 2;
    mux.handle(now, wire(&[data(stream, b"reply")])).unwrap();
    assert_eq!(mux.poll(), Some(Told::Readable(stream)));
    assert_eq!(take_all(&mut mux, stream), b"reply");
    assert_eq!(mux.poll_timeout(), Some(now + LINGER));
    mux.handle(now, wire(&[Frame::Close { stream }])).unwrap();
    assert_eq!(mux.poll(), Some(Told::Finished(stream)));
    assert_eq!(transmitted(&mut mux), [Frame::Close { stream }], "as the official client answers");
    assert_eq!(mux.poll_timeout(), None);
}

#[test]
fn a_half_closed_program_that_nobody_answers_is_left_in_the_end() {
    let now = Instant::now();
    let mut mux = Mux::new(now, false);
    let (stream, other) = (mux.open(), mux.open());
    mux.local_ended(now, stream);
    transmitted(&mut mux);
    mux.handle_timeout(now + LINGER - Duration::from_secs(1));
    assert_eq!(mux.poll(), None);
    mux.handle_timeout(now + LINGER);
    assert_eq!(mux.poll(), Some(Told::Silent(stream)));
    assert_eq!(transmitted(&mut mux), [Frame::Close { stream }]);
    mux.send(other, framed(b"x"));
    assert_eq!(transmitted(&mut mux), [data(other, b"x")]);
}

#[test]
fn a_refusal_goes_to_the_stream_that_ends_with_nothing_received() {
    let now = Instant::now();
    let mut mux = Mux::new(now, false);
    let (works, refused, empty) = (mux.open(), mux.open(), mux.open());
    mux.handle(now, wire(&[data(works, b"x")])).unwrap();
    mux.handle_refusal();
    mux.handle(now, wire(&[Frame::Close { stream: works }, Frame::Close { stream: refused }])).unwrap();
    mux.handle(now, wire(&[Frame::Close { stream: empty }])).unwrap();
    let told: Vec<_> = std::iter::from_fn(|| mux.poll()).collect();
    assert_eq!(told, [Told::Readable(works), Told::Refused(refused), Told::Finished(empty)]);
    // What nobody has read yet is still there after the end.
    assert_eq!(take_all(&mut mux, works), b"x");
    assert_eq!(mux.poll(), Some(Told::Finished(works)));
}

#[test]
fn only_old_agents_get_keepalives() {
    let mut now = Instant::now();
    let mut mux = Mux::new(now, true);
    assert_eq!(Mux::new(now, false).poll_timeout(), None);
    for _ in 0..3 {
        now += KEEP_ALIVE;
        assert_eq!(mux.poll_timeout(), Some(now));
        mux.handle_timeout(now);
        assert_eq!(transmitted(&mut mux), [Frame::KeepAlive]);
    }
}

#[test]
fn a_lone_stream_that_nobody_reads_stops_the_session_and_takes_no_more_memory() {
    let now = Instant::now();
    let mut mux = Mux::new(now, false);
    let stream = mux.open();
    let mut given = 0;
    while mux.is_reading() {
        mux.handle(now, wire(&[data(stream, &[7; 1000])])).unwrap();
        given += 1000;
    }
    assert!((CLOGGED..CLOGGED + 1000).contains(&given), "{given}");
    // Somebody else comes: the session is read again.
    let other = mux.open();
    assert!(mux.is_reading());
    mux.close(other);
    assert!(!mux.is_reading());
    assert_eq!(take(&mut mux, stream, 1000).len(), 1000);
    assert!(mux.is_reading());
}

#[test]
fn a_stream_that_nobody_reads_is_given_up_before_it_costs_too_much() {
    let now = Instant::now();
    let mut mux = Mux::new(now, false);
    let (unread, other) = (mux.open(), mux.open());
    transmitted(&mut mux);
    let piece = vec![7; 32_000];
    let mut most = 0;
    let told = loop {
        assert!(mux.is_reading(), "the other must not wait");
        mux.handle(now, wire(&[data(unread, &piece)])).unwrap();
        most = most.max(mux.held);
        if let Some(told) = mux.poll().filter(|told| *told != Told::Readable(unread)) {
            break told;
        }
    };
    assert_eq!(told, Told::Unread(unread));
    assert!(most <= HELD_LIMIT + piece.len());
    assert_eq!(mux.held, 0);
    assert_eq!(transmitted(&mut mux), [Frame::Close { stream: unread }]);
    // What still comes for it goes nowhere.
    mux.handle(now, wire(&[data(unread, &piece), data(other, b"y")])).unwrap();
    assert_eq!(mux.held, 1);
    assert_eq!(mux.poll(), Some(Told::Readable(other)));
}

#[test]
fn nonsense_ends_the_session() {
    let mut mux = Mux::new(Instant::now(), false);
    assert!(mux.handle(Instant::now(), Bytes::from_static(b"HTTP/1.1 200")).is_err());
}

/// What may happen.
#[derive(Debug, Clone)]
enum Step {
    Open,
    FarData(usize, Vec<u8>),
    FarClose(usize),
    Refusal,
    Take(usize, usize),
    LocalEnd(usize),
    LocalClose(usize),
    Send(usize, Vec<u8>),
}

fn step() -> impl Strategy<Value = Step> {
    let some = || 0..6usize;
    let bytes = || prop::collection::vec(any::<u8>(), 1..50);
    prop_oneof![
        Just(Step::Open),
        (some(), bytes()).prop_map(|(stream, bytes)| Step::FarData(stream, bytes)),
        (some(), bytes()).prop_map(|(stream, bytes)| Step::FarData(stream, bytes)),
        some().prop_map(Step::FarClose),
        Just(Step::Refusal),
        (some(), 1..80usize).prop_map(|(stream, count)| Step::Take(stream, count)),
        some().prop_map(Step::LocalEnd),
        some().prop_map(Step::LocalClose),
        (some(), bytes()).prop_map(|(stream, bytes)| Step::Send(stream, bytes)),
    ]
}

/// What should be true of one stream.
#[derive(Default)]
struct Model {
    from_far: Vec<u8>,
    taken: Vec<u8>,
    sent: Vec<u8>,
    far_closed: bool,
    local_closed: bool,
    finished: bool,
    refused: bool,
}

proptest! {
    /// Whatever happens: bytes arrive once and in order, a stream ends once, after its last byte, and is closed
    /// exactly once towards the far side.
    #[test]
    fn streams_keep_their_bytes_and_end_once(steps in prop::collection::vec(step(), 0..150)) {
        let now = Instant::now();
        let mut mux = Mux::new(now, false);
        let mut models: Vec<Model> = Vec::new();
        let id = |index: usize| 3 + 2 * index as StreamId;
        let mut refusals = 0;
        for step in steps {
            match step {
                Step::Open => {
                    let stream = mux.open();
                    prop_assert_eq!(stream, id(models.len()));
                    models.push(Model::default());
                }
                Step::FarData(index, bytes) => {
                    if let Some(model) = models.get_mut(index).filter(|model| !model.far_closed) {
                        if !model.local_closed {
                            model.from_far.extend(&bytes);
                        }
                        mux.handle(now, wire(&[data(id(index), &bytes)])).unwrap();
                    }
                }
                Step::FarClose(index) => {
                    if let Some(model) = models.get_mut(index).filter(|model| !model.far_closed) {
                        model.far_closed = true;
                        if !model.local_closed && refusals > 0 && model.from_far.is_empty() {
                            refusals -= 1;
                            model.refused = true;
                        }
                        mux.handle(now, wire(&[Frame::Close { stream: id(index) }])).unwrap();
                    }
                }
                Step::Refusal => {
                    refusals += 1;
                    mux.handle_refusal();
                }
                Step::Take(index, count) => {
                    if let Some(model) = models.get_mut(index).filter(|model| !model.local_closed) {
                        model.taken.extend(take(&mut mux, id(index), count));
                    }
                }
                Step::LocalEnd(index) => mux.local_ended(now, id(index)),
                Step::LocalClose(index) => {
                    if let Some(model) = models.get_mut(index) {
                        model.local_closed = true;
                        mux.close(id(index));
                    }
                }
                Step::Send(index, bytes) => {
                    if let Some(model) = models.get_mut(index)
                        && !model.far_closed
                        && !model.local_closed
                    {
                        model.sent.extend(&bytes);
                        mux.send(id(index), framed(&bytes));
                    }
                }
            }
            while let Some(told) = mux.poll() {
                match told {
                    Told::Readable(_) => {}
                    Told::Finished(stream) => {
                        let model = &mut models[(stream as usize - 3) / 2];
                        prop_assert!(!std::mem::replace(&mut model.finished, true));
                        prop_assert!(model.far_closed && !model.refused);
                        prop_assert_eq!(&model.taken, &model.from_far);
                    }
                    Told::Refused(stream) => {
                        let model = &mut models[(stream as usize - 3) / 2];
                        prop_assert!(model.refused && !std::mem::replace(&mut model.finished, true));
                    }
                    other => panic!("{other:?}"),
                }
            }
            let held: usize = models
                .iter()
                .filter(|model| !model.local_closed)
                .map(|model| model.from_far.len() - model.taken.len())
                .sum();
            prop_assert_eq!(mux.held, held);
        }
        let mut sent: BTreeMap<StreamId, Vec<u8>> = BTreeMap::new();
        let mut closes: BTreeMap<StreamId, usize> = BTreeMap::new();
        for frame in transmitted(&mut mux) {
            match frame {
                Frame::Open { stream } => prop_assert!(sent.insert(stream, Vec::new()).is_none()),
                Frame::Data { stream, bytes } => {
                    prop_assert!(!closes.contains_key(&stream), "data after the end");
                    sent.get_mut(&stream).unwrap().extend(&bytes);
                }
                Frame::Close { stream } => *closes.entry(stream).or_default() += 1,
                Frame::KeepAlive => prop_assert!(false),
            }
        }
        for (index, model) in models.iter().enumerate() {
            prop_assert_eq!(&sent[&id(index)], &model.sent);
            prop_assert!(model.from_far.starts_with(&model.taken));
            let closed = usize::from(model.far_closed || model.local_closed);
            prop_assert_eq!(closes.get(&id(index)).copied().unwrap_or(0), closed);
            if model.far_closed && !model.local_closed && model.taken == model.from_far {
                prop_assert!(model.finished);
            }
        }
    }
}
