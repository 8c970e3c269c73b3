//! The recorded official agent talks to the channel: what it hands on, what it acknowledges, what it sends and when.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::{kms::Keys, *};
use crate::session::message::{
    EncryptionChallenge,
    recording::{Content, Message, Recording, Side},
};

/// The data key of an encrypted recording.
fn keys(recording: &Recording) -> Option<Keys> {
    if !recording.name.starts_with("kms") {
        return None;
    }
    let file: Value = serde_json::from_slice(&recording.side_file("kms.json")).unwrap();
    let bytes = |field: &str| STANDARD.decode(file[field].as_str().unwrap()).unwrap();
    Some(Keys { plaintext: bytes("Plaintext"), ciphertext: bytes("CiphertextBlob") })
}

/// What the far side got from the official client, decrypted.
fn sent(recording: &Recording) -> Vec<u8> {
    if recording.name.starts_with("kms") {
        let file: Value = serde_json::from_slice(&recording.side_file("kms.json")).unwrap();
        return file["typed"].as_str().unwrap().as_bytes().to_vec();
    }
    recording.side_file("sent")
}

/// What the official client's user did, in order, each thing once.
#[derive(Debug)]
enum Typed {
    Bytes(Bytes),
    Size(Size),
    Flag(Flag),
}

fn typed(bytes: &Bytes, keys: Option<&Keys>) -> Option<(i64, Typed)> {
    let frame = Frame::parse(bytes, Checks::Client).unwrap();
    let typed = match (&frame.message_type, frame.payload_type) {
        (MessageType::InputStreamData, PayloadType::Output) => Typed::Bytes(match keys {
            Some(keys) => keys.open(&frame.payload).into(),
            None => frame.payload,
        }),
        (MessageType::InputStreamData, PayloadType::Size) => {
            Typed::Size(Size::parse(&frame.payload).unwrap())
        }
        (MessageType::InputStreamData, PayloadType::Flag) => {
            Typed::Flag(Flag::parse(&frame.payload).unwrap())
        }
        _ => return None,
    };
    Some((frame.sequence, typed))
}

/// A channel in the place of the recorded client.
struct Replay {
    channel: Channel,
    keys: Option<Keys>,
    start: Instant,
    now: Instant,
    ready: bool,
    delivered: Vec<u8>,
    /// Flags from the agent, and how much was delivered before each.
    flags: Vec<(usize, Flag)>,
    notices: Vec<String>,
    /// What went to the far side, by number.
    sent: BTreeMap<i64, Frame>,
    closed: bool,
}

impl Replay {
    fn new(keys: Option<Keys>) -> Self {
        let start = Instant::now();
        let config = Config { size: Size { cols: 80, rows: 24 }, seed: 1, nonce: [3; 12], unix_ms: 1 };
        Self {
            channel: Channel::new(start, &config),
            keys,
            start,
            now: start,
            ready: false,
            delivered: Vec::new(),
            flags: Vec::new(),
            notices: Vec::new(),
            sent: BTreeMap::new(),
            closed: false,
        }
    }

    fn run_to(&mut self, at_ms: f64) {
        let at = self.start + Duration::from_secs_f64(at_ms / 1000.0);
        while let Some(wake) = self.channel.poll_timeout().filter(|wake| *wake <= at) {
            self.now = self.now.max(wake);
            self.channel.handle_timeout(self.now);
            assert_eq!(self.settle(), [], "acknowledged what had not come");
        }
        self.now = self.now.max(at);
    }

    fn act(&mut self, typed: Typed) {
        match typed {
            Typed::Bytes(bytes) => assert!(self.channel.send(bytes).is_empty()),
            Typed::Size(size) => self.channel.resize(size),
            Typed::Flag(flag) => self.channel.send_flag(flag),
        }
    }

    /// What was acknowledged: sequence and id.
    fn settle(&mut self) -> Vec<(i64, uuid::Uuid)> {
        while let Some(event) = self.channel.poll_event() {
            match event {
                ChannelEvent::Data { bytes, .. } => self.delivered.extend_from_slice(&bytes),
                ChannelEvent::ExitCode(code) => self.delivered.extend_from_slice(&ExitCode(code).encode()),
                ChannelEvent::Flag(flag) => self.flags.push((self.delivered.len(), flag)),
                ChannelEvent::KeyWanted { .. } => {
                    let key = self.keys.as_ref().expect("a recording without a key").data_key();
                    self.channel.provide_key(self.now, Ok(key));
                }
                ChannelEvent::Notice(text) => self.notices.push(text),
                ChannelEvent::Ready => self.ready = true,
                ChannelEvent::Closed { .. } => self.closed = true,
                ChannelEvent::Failed(violation) => panic!("{violation}"),
                _ => {}
            }
        }
        let mut acknowledged = Vec::new();
        while let Some(bytes) = self.channel.poll_transmit(self.now) {
            let frame = Frame::parse(&bytes, Checks::Client).unwrap();
            match (&frame.message_type, frame.payload_type) {
                (MessageType::Acknowledge, _) => {
                    let acknowledge = Acknowledge::parse(&frame.payload).unwrap();
                    assert_eq!(acknowledge.message_type, "output_stream_data");
                    acknowledged.push((acknowledge.sequence, acknowledge.message_id));
                }
                (
                    MessageType::InputStreamData,
                    PayloadType::HandshakeResponse | PayloadType::EncChallengeResponse,
                ) => self.keep(frame),
                (
                    MessageType::InputStreamData,
                    PayloadType::Size | PayloadType::Output | PayloadType::Flag,
                ) => {
                    assert!(self.ready, "sent before the session ran");
                    self.keep(frame);
                }
                other => panic!("{other:?} was sent"),
            }
        }
        acknowledged
    }

    fn keep(&mut self, frame: Frame) {
        let first = self.sent.entry(frame.sequence).or_insert_with(|| frame.clone());
        assert_eq!(first, &frame, "a resend is the same message");
        assert!(first.payload == frame.payload);
    }

    fn arrive(&mut self, bytes: &Bytes, place: &str) {
        let frame = Frame::parse(bytes, Checks::Client).unwrap();
        let closed = self.closed;
        self.channel.handle_frame(self.now, bytes);
        let expected = match frame.message_type {
            MessageType::OutputStreamData if !closed => vec![(frame.sequence, frame.id)],
            _ => vec![],
        };
        assert_eq!(
            self.settle(),
            expected,
            "{place}: one acknowledgement for each arrival, none for the rest"
        );
    }

    /// Everything of one type that went to the far side, decrypted and put together.
    fn sent_bytes(&self) -> Vec<u8> {
        self.of(PayloadType::Output)
            .flat_map(|frame| match &self.keys {
                Some(keys) => keys.open(&frame.payload),
                None => frame.payload.to_vec(),
            })
            .collect()
    }

    fn of(&self, kind: PayloadType) -> impl Iterator<Item = &Frame> {
        self.sent.values().filter(move |frame| frame.payload_type == kind)
    }

    /// Flags to the far side, and how many bytes went before each.
    fn sent_flags(&self) -> Vec<(usize, Flag)> {
        let mut before = 0;
        let mut flags = Vec::new();
        for frame in self.sent.values() {
            match frame.payload_type {
                PayloadType::Output => before += frame.payload.len(),
                PayloadType::Flag => flags.push((before, Flag::parse(&frame.payload).unwrap())),
                _ => {}
            }
        }
        flags
    }

    /// What goes for every recording, however it was replayed.
    fn check(&self, recording: &Recording, handshake: bool, until: f64) {
        let name = &recording.name;
        assert!(
            self.delivered == recording.side_file("expected"),
            "{name}: not what the official client wrote"
        );
        assert!(self.sent_bytes() == sent(recording), "{name}: not what the official client sent");
        assert_eq!(self.of(PayloadType::HandshakeResponse).count(), usize::from(handshake), "{name}");
        assert_eq!(self.sent_flags(), flags(recording, Side::Client, until), "{name}");
        assert_eq!(self.flags, flags(recording, Side::Agent, f64::INFINITY), "{name}");
        if name.starts_with("port") {
            assert_eq!(self.of(PayloadType::Size).count(), 0, "{name}: a port has no size");
        }
        let challenges = self.of(PayloadType::EncChallengeResponse).count();
        match &self.keys {
            None => assert_eq!(challenges, 0),
            Some(keys) => {
                assert_eq!(challenges, 1);
                assert_eq!(self.notices, ["This session is encrypted using AWS KMS."]);
                // The answer is what the agent sealed, sealed anew.
                let of = |side, kind| {
                    let mut found =
                        recording.frames(side).map(|(_, bytes)| Frame::parse(bytes, Checks::Client).unwrap());
                    found.find(|frame| frame.payload_type == kind).unwrap().payload
                };
                let challenge = |payload: &Bytes| EncryptionChallenge::parse(payload).unwrap().challenge;
                let asked = challenge(&of(Side::Agent, PayloadType::EncChallengeRequest));
                let ours = challenge(&self.of(PayloadType::EncChallengeResponse).next().unwrap().payload);
                let theirs = challenge(&of(Side::Client, PayloadType::EncChallengeResponse));
                assert_eq!(keys.open(&ours), keys.open_output(&asked));
                assert_eq!(keys.open(&ours), keys.open(&theirs));
            }
        }
    }
}

/// The flags that one side sent before a time, each once and in order, and how many of its bytes went before each.
fn flags(recording: &Recording, side: Side, until: f64) -> Vec<(usize, Flag)> {
    let kind = match side {
        Side::Client => MessageType::InputStreamData,
        _ => MessageType::OutputStreamData,
    };
    let stream: BTreeMap<i64, Frame> = recording
        .frames(side)
        .filter(|(message, _)| message.sent < until)
        .map(|(_, bytes)| Frame::parse(bytes, Checks::Client).unwrap())
        .filter(|frame| frame.message_type == kind)
        .map(|frame| (frame.sequence, frame))
        .collect();
    let mut before = 0;
    let mut flags = Vec::new();
    for frame in stream.values() {
        match frame.payload_type {
            PayloadType::Output | PayloadType::StdErr => before += frame.payload.len(),
            PayloadType::Flag => flags.push((before, Flag::parse(&frame.payload).unwrap())),
            _ => {}
        }
    }
    flags
}

#[test]
fn the_recorded_agent_is_understood() {
    let recordings = Recording::all();
    for kind in ["shell", "interactive", "noninteractive", "kms-shell", "port-mux", "port-basic", "port-ssh"]
    {
        assert!(recordings.iter().any(|recording| recording.name.starts_with(kind)), "no {kind}");
    }
    for recording in recordings {
        let mut replay = Replay::new(keys(&recording));
        let mut messages: Vec<&Message> = recording.messages.iter().collect();
        messages.sort_by(|a, b| a.due.total_cmp(&b.due));
        let mut opened = 0;
        let mut done = BTreeSet::new();
        let mut handshake = false;
        // What the user did when the session was over went nowhere.
        let mut until = f64::INFINITY;
        for message in messages {
            let place = format!("{} at {} ms", recording.name, message.due);
            replay.run_to(message.due);
            match (&message.content, message.from) {
                (Content::Text(_), Side::Client) => {
                    // The second one is a reconnect: what was on its way is not in the recording.
                    if opened > 0 {
                        replay.channel.handle_disconnected();
                    }
                    opened += 1;
                    replay.channel.handle_reconnected(replay.now);
                    assert_eq!(replay.settle(), [], "{place}");
                }
                (Content::Frame(bytes), Side::Client) => {
                    let keys = replay.keys.clone();
                    let Some((sequence, typed)) = typed(bytes, keys.as_ref()) else { continue };
                    if done.insert(sequence) {
                        replay.act(typed);
                        assert_eq!(replay.settle(), [], "{place}");
                    }
                }
                (Content::Frame(bytes), Side::Agent) => {
                    let frame = Frame::parse(bytes, Checks::Client).unwrap();
                    handshake |= frame.payload_type == PayloadType::HandshakeRequest;
                    if frame.message_type != MessageType::AgentSessionState {
                        (0..message.copies).for_each(|_| replay.arrive(bytes, &place));
                    }
                }
                (Content::Frame(bytes), Side::Service) if message.to == Some(Side::Client) => {
                    (0..message.copies).for_each(|_| replay.arrive(bytes, &place));
                    if replay.closed {
                        until = until.min(message.due);
                    }
                }
                _ => {}
            }
        }
        replay.check(&recording, handshake, until);
    }
}

/// The agent's stream as it reached the client, in order, without repetitions.
fn stream(recording: &Recording) -> Vec<Bytes> {
    let mut stream = BTreeMap::new();
    for (message, bytes) in recording.frames(Side::Agent).filter(|(message, _)| message.copies > 0) {
        assert!(message.copies <= 2);
        let frame = Frame::parse(bytes, Checks::Client).unwrap();
        if frame.message_type == MessageType::OutputStreamData {
            stream.entry(frame.sequence).or_insert(bytes.clone());
        }
    }
    // What came behind a message that never came was never seen.
    stream
        .into_iter()
        .zip(0..)
        .take_while(|((sequence, _), place)| sequence == place)
        .map(|((_, bytes), _)| bytes)
        .collect()
}

/// Hands the agent's messages over as a bad network would, until each is acknowledged: in another order, repeated, and
/// with cuts of which one end, both or none knows.
fn replay_badly(recording: &Recording, seed: u64) {
    let mut random = Random::new(seed);
    let mut replay = Replay::new(keys(recording));
    let place = format!("{}, seed {seed}", recording.name);
    let stream = stream(recording);
    let mut doing: BTreeMap<i64, Typed> = recording
        .frames(Side::Client)
        .filter_map(|(_, bytes)| typed(bytes, keys(recording).as_ref()))
        .collect();
    replay.channel.handle_reconnected(replay.now);
    let (mut acknowledged, mut heard) = (BTreeSet::new(), BTreeSet::new());
    // The agent resends what is not acknowledged, and sends at most so many beyond.
    let ahead = 1 + random.below(40) as usize;
    let mut steps = 0;
    while acknowledged.len() < stream.len() || !doing.is_empty() {
        steps += 1;
        assert!(steps < 1_000_000, "{place}: livelock");
        replay.now += ms(random.below(30));
        match random.below(40) {
            0 => {
                replay.channel.handle_disconnected();
                replay.now += ms(random.below(3000));
                replay.channel.handle_reconnected(replay.now);
            }
            // Repeated, long after its time.
            1 if !acknowledged.is_empty() => {
                let old = random.below(acknowledged.len() as u64) as usize;
                replay.arrive(&stream[old], &place);
            }
            2..=9 => {
                if let Some((_, typed)) = doing.pop_first() {
                    replay.act(typed);
                }
            }
            _ => {
                // An agent that waits for a key says nothing before it has it.
                let most = if replay.ready || replay.keys.is_none() { ahead } else { 1 };
                let open: Vec<usize> =
                    (0..stream.len()).filter(|at| !acknowledged.contains(at)).take(most).collect();
                if !open.is_empty() {
                    let at = open[random.below(open.len() as u64) as usize];
                    replay.arrive(&stream[at], &place);
                    // Its acknowledgement may get lost: then it comes again.
                    if random.below(5) > 0 {
                        acknowledged.insert(at);
                    }
                }
            }
        }
        if replay.channel.poll_timeout().is_some_and(|at| at <= replay.now) {
            replay.channel.handle_timeout(replay.now);
        }
        replay.settle();
        // So that the window opens.
        let open: Vec<i64> =
            replay.sent.keys().copied().filter(|sequence| !heard.contains(sequence)).collect();
        for sequence in open {
            if random.below(3) == 0 {
                // One in ten comes twice or more.
                if random.below(10) > 0 {
                    heard.insert(sequence);
                }
                let payload = Acknowledge {
                    message_type: "input_stream_data".to_owned(),
                    message_id: uuid::Uuid::nil(),
                    sequence,
                    sequential: true,
                };
                let mut frame = replay.sent[&sequence].clone();
                frame.message_type = MessageType::Acknowledge;
                frame.payload_type = PayloadType::None;
                frame.payload = payload.encode();
                replay.channel.handle_frame(replay.now, &frame.encode());
            }
        }
        replay.settle();
    }
    let handshake = recording.frames(Side::Agent).any(|(_, bytes)| {
        Frame::parse(bytes, Checks::Client).unwrap().payload_type == PayloadType::HandshakeRequest
    });
    replay.check(recording, handshake, f64::INFINITY);
}

#[test]
fn the_recorded_agent_is_understood_however_its_messages_are_cut_off_repeated_and_delayed() {
    let seeds = std::env::var("SSMTUI_SEEDS").map_or(3, |seeds| seeds.parse::<u64>().unwrap() / 100);
    // The longest ones are what `shell-cut` is: 20 000 lines.
    for recording in Recording::all() {
        let seeds = if recording.messages.len() > 2000 { 1 } else { seeds };
        for seed in 0..seeds {
            replay_badly(&recording, seed);
        }
    }
}
