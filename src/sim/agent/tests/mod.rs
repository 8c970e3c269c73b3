//! The agent's core in virtual time: its rules one by one, and a bad network over many seeds.

mod recorded;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use bytes::Bytes;
use uuid::Uuid;

use super::{
    core::{ControlSignal, Core, CoreSetup, Event, Ignored, RESEND_INTERVAL},
    handshake::{HANDSHAKE_TIMEOUT, HandshakeSetup},
};
use crate::session::message::{
    Acknowledge, ActionResult, ActionStatus, AgentSessionState, Checks, Frame, HandshakeComplete,
    HandshakeRequest, HandshakeResponse, HeaderLength, MessageType, PayloadType, ProcessedAction, Size,
};

const MS: Duration = Duration::from_millis(1);

fn setup() -> CoreSetup {
    CoreSetup::new("alice-0123456789abcdef0", "3.3.987.0", 1_700_000_000_000)
}

/// A core whose terminal is up, its first words to the service taken off.
fn ready_core(now: Instant) -> Core {
    let mut core = Core::new(setup(), now);
    core.start(now);
    core.set_handler_ready(true);
    assert_eq!(sent(&mut core)[0].message_type, MessageType::AgentSessionState);
    core
}

fn of_type(session_type: &str) -> HandshakeSetup {
    HandshakeSetup {
        session_type: session_type.to_owned(),
        properties: serde_json::Value::Null,
        separate_output: false,
        encryption: None,
    }
}

fn handshaking_core(now: Instant) -> Core {
    let mut core = Core::new(CoreSetup { handshake: Some(of_type("Standard_Stream")), ..setup() }, now);
    core.start(now);
    core.set_handler_ready(true);
    core
}

fn frame(message_type: MessageType, sequence: i64, payload_type: PayloadType, payload: &[u8]) -> Bytes {
    Frame {
        message_type,
        schema_version: 1,
        created_ms: 1_700_000_000_000,
        sequence,
        flags: 0,
        id: Uuid::new_v4(),
        payload_type,
        payload: Bytes::copy_from_slice(payload),
        header_length: HeaderLength::Full,
    }
    .encode()
}

fn typed(sequence: i64, text: &str) -> Bytes {
    frame(MessageType::InputStreamData, sequence, PayloadType::Output, text.as_bytes())
}

fn acknowledgement(sequence: i64) -> Bytes {
    let payload = Acknowledge {
        message_type: "output_stream_data".to_owned(),
        message_id: Uuid::new_v4(),
        sequence,
        sequential: true,
    };
    frame(MessageType::Acknowledge, 0, PayloadType::None, &payload.encode())
}

fn notice(message_type: MessageType) -> Bytes {
    frame(message_type, 0, PayloadType::None, b"{}")
}

fn response(status: ActionStatus, error: &str) -> Bytes {
    HandshakeResponse {
        client_version: "1.2.804.0".to_owned(),
        actions: vec![ProcessedAction {
            action_type: "SessionType".to_owned(),
            status,
            result: ActionResult::None,
            error: error.to_owned(),
        }],
        errors: None,
    }
    .encode()
}

/// Everything the core wants on the wire, parsed by the client's rules.
fn sent(core: &mut Core) -> Vec<Frame> {
    std::iter::from_fn(|| core.poll_transmit())
        .map(|bytes| Frame::parse(&bytes, Checks::Client).unwrap())
        .collect()
}

fn acknowledged(frames: &[Frame]) -> Vec<i64> {
    frames
        .iter()
        .filter(|frame| frame.message_type == MessageType::Acknowledge)
        .map(|frame| Acknowledge::parse(&frame.payload).unwrap().sequence)
        .collect()
}

fn events(core: &mut Core) -> Vec<Event> {
    std::iter::from_fn(|| core.poll_event()).collect()
}

fn input(text: &str) -> Event {
    Event::Input(Bytes::copy_from_slice(text.as_bytes()))
}

#[test]
fn output_is_numbered_and_the_first_frame_alone_carries_syn() {
    let now = Instant::now();
    let mut core = ready_core(now);
    for text in ["a", "", "b", "c"] {
        core.send(now + 5 * MS, PayloadType::Output, Bytes::copy_from_slice(text.as_bytes()));
    }
    let frames = sent(&mut core);
    let numbers: Vec<_> =
        frames.iter().map(|frame| (frame.sequence, frame.flags, frame.created_ms)).collect();
    let ms = 1_700_000_000_005;
    assert_eq!(numbers, [(0, 1, ms), (1, 0, ms), (2, 0, ms)], "an empty payload takes no number");
}

#[test]
fn the_service_hears_that_the_agent_is_connected() {
    let mut core = Core::new(setup(), Instant::now());
    let frames = sent(&mut core);
    let state = AgentSessionState::parse(&frames[0].payload).unwrap();
    assert_eq!((state.state.as_str(), state.session_id.as_str()), ("Connected", "alice-0123456789abcdef0"));
    assert_eq!((frames[0].flags, frames[0].sequence), (3, 0));
}

#[test]
fn each_frame_is_acknowledged_by_its_own_number_with_the_id_of_the_frame() {
    let now = Instant::now();
    let mut core = ready_core(now);
    let bytes = typed(0, "ls\r");
    core.handle_frame(now, &bytes).unwrap();
    let frames = sent(&mut core);
    assert_eq!((frames[0].flags, frames[0].sequence), (3, 0));
    let acknowledge = Acknowledge::parse(&frames[0].payload).unwrap();
    let id = Frame::parse(&bytes, Checks::Client).unwrap().id;
    assert_eq!((acknowledge.message_type.as_str(), acknowledge.message_id), ("input_stream_data", id));
    assert_eq!(events(&mut core), [input("ls\r")]);
}

#[test]
fn frames_out_of_order_are_acknowledged_at_once_and_delivered_in_order() {
    let now = Instant::now();
    let mut core = ready_core(now);
    core.handle_frame(now, &typed(2, "c")).unwrap();
    core.handle_frame(now, &typed(1, "b")).unwrap();
    assert_eq!(acknowledged(&sent(&mut core)), [2, 1]);
    assert_eq!(events(&mut core), []);
    core.handle_frame(now, &typed(0, "a")).unwrap();
    assert_eq!(acknowledged(&sent(&mut core)), [0], "the followers are not acknowledged again");
    assert_eq!(events(&mut core), [input("a"), input("b"), input("c")]);
}

#[test]
fn a_repeated_frame_is_acknowledged_again_and_not_delivered_again() {
    let now = Instant::now();
    let mut core = ready_core(now);
    for _ in 0..3 {
        core.handle_frame(now, &typed(0, "a")).unwrap();
    }
    assert_eq!(acknowledged(&sent(&mut core)), [0, 0, 0]);
    assert_eq!(events(&mut core), [input("a")]);
}

#[test]
fn a_full_reorder_buffer_takes_nothing_and_acknowledges_nothing() {
    let now = Instant::now();
    let mut core = Core::new(CoreSetup { incoming: 1, ..setup() }, now);
    core.set_handler_ready(true);
    core.handle_frame(now, &typed(2, "c")).unwrap();
    assert_eq!(core.handle_frame(now, &typed(1, "b")), Err(Ignored::Full));
    assert_eq!(acknowledged(&sent(&mut core)), [2]);
}

#[test]
fn input_before_the_terminal_is_up_is_refused_without_acknowledgement() {
    let now = Instant::now();
    let mut core = Core::new(setup(), now);
    core.start(now);
    assert_eq!(core.handle_frame(now, &typed(0, "a")), Err(Ignored::NotReady));
    assert_eq!(acknowledged(&sent(&mut core)), [0; 0]);
    core.set_handler_ready(true);
    core.handle_frame(now, &typed(0, "a")).unwrap();
    assert_eq!(acknowledged(&sent(&mut core)), [0]);
    assert_eq!(events(&mut core), [input("a")]);
}

#[test]
fn a_size_is_handed_on_and_an_unreadable_one_is_not_acknowledged() {
    let now = Instant::now();
    let mut core = ready_core(now);
    let size = |payload: &[u8]| frame(MessageType::InputStreamData, 0, PayloadType::Size, payload);
    assert!(matches!(core.handle_frame(now, &size(b"80x24")), Err(Ignored::Payload(_))));
    assert_eq!(acknowledged(&sent(&mut core)), [0; 0]);
    core.handle_frame(now, &size(br#"{"cols":80,"rows":24}"#)).unwrap();
    assert_eq!(events(&mut core), [Event::Resize(Size { cols: 80, rows: 24 })]);
}

#[test]
fn frames_are_checked_as_the_official_agent_checks_them() {
    let now = Instant::now();
    let mut core = ready_core(now);
    let good = typed(0, "a");
    let bent = |at: usize, byte: u8| {
        let mut bytes = good.to_vec();
        bytes[at] = byte;
        Bytes::from(bytes)
    };
    for bad in [Bytes::new(), good.slice(..60), bent(3, 0)] {
        assert!(matches!(core.handle_frame(now, &bad), Err(Ignored::Frame(_))));
    }
    let no_date = {
        let mut bytes = good.to_vec();
        bytes[40..48].fill(0);
        Bytes::from(bytes)
    };
    assert!(matches!(core.handle_frame(now, &no_date), Err(Ignored::Frame(_))));
    let unknown = frame(MessageType::Other("interactive_shell".to_owned()), 0, PayloadType::None, b"{}");
    assert!(matches!(core.handle_frame(now, &unknown), Err(Ignored::Type(_))));
    assert_eq!(sent(&mut core), []);
    // The digest, at 80, is not looked at.
    core.handle_frame(now, &bent(80, good[80] ^ 1)).unwrap();
    assert_eq!(events(&mut core), [input("a")]);
}

/// Lets time pass up to `until` and returns when which frames were sent.
fn watch(core: &mut Core, start: Instant, until: Duration) -> Vec<(u128, i64)> {
    let mut seen = Vec::new();
    while let Some(at) = core.poll_timeout().filter(|at| *at <= start + until) {
        core.handle_timeout(at);
        for frame in sent(core) {
            seen.push(((at - start).as_millis(), frame.sequence));
        }
    }
    seen
}

#[test]
fn only_the_oldest_frame_is_sent_again() {
    let now = Instant::now();
    let mut core = ready_core(now);
    for text in ["a", "b", "c"] {
        core.send(now, PayloadType::Output, Bytes::copy_from_slice(text.as_bytes()));
    }
    let first = sent(&mut core);
    // 200 ms is not more than 200 ms.
    assert_eq!(watch(&mut core, now, 1000 * MS), [(300, 0), (600, 0), (900, 0)]);
    core.handle_frame(now + 1000 * MS, &acknowledgement(0)).unwrap();
    core.handle_timeout(now + 1000 * MS + RESEND_INTERVAL);
    assert_eq!(sent(&mut core).last(), Some(&first[1]), "the same frame to the byte");
}

#[test]
fn an_acknowledgement_out_of_order_or_of_nothing_is_fine() {
    let now = Instant::now();
    let mut core = ready_core(now);
    for text in ["a", "b", "c"] {
        core.send(now, PayloadType::Output, Bytes::copy_from_slice(text.as_bytes()));
    }
    for sequence in [7, 1, 1, -1, 0, 2] {
        assert!(!core.is_drained());
        core.handle_frame(now, &acknowledgement(sequence)).unwrap();
    }
    assert!(core.is_drained());
    assert_eq!(core.poll_timeout(), None, "nothing to wake up for");
}

#[test]
fn a_frame_beyond_the_outgoing_buffer_is_sent_once_and_forgotten() {
    let now = Instant::now();
    let mut core = Core::new(CoreSetup { outgoing: 1, ..setup() }, now);
    core.send(now, PayloadType::Output, Bytes::from_static(b"a"));
    core.send(now, PayloadType::Output, Bytes::from_static(b"b"));
    sent(&mut core);
    core.handle_frame(now, &acknowledgement(0)).unwrap();
    assert!(core.is_drained());
}

#[test]
fn a_pause_holds_output_back_until_anything_comes_from_the_client() {
    let now = Instant::now();
    for wake in [notice(MessageType::StartPublication), acknowledgement(9), typed(0, "x")] {
        let mut core = ready_core(now);
        core.handle_frame(now, &notice(MessageType::PausePublication)).unwrap();
        assert!(!core.is_active());
        core.send(now, PayloadType::Output, Bytes::from_static(b"a"));
        assert_eq!(sent(&mut core), []);
        assert_eq!(core.poll_timeout(), None, "the resend loop idles");
        let later = now + 1000 * MS;
        core.handle_frame(later, &wake).unwrap();
        assert!(core.is_active());
        let frames = sent(&mut core);
        assert!(frames.iter().all(|frame| frame.message_type != MessageType::OutputStreamData));
        core.handle_timeout(later);
        assert_eq!(sent(&mut core).len(), 1, "held output is sent by the resend loop alone");
    }
}

#[test]
fn a_closed_channel_cancels_the_session() {
    let now = Instant::now();
    let mut core = ready_core(now);
    core.handle_frame(now, &notice(MessageType::ChannelClosed)).unwrap();
    assert_eq!(events(&mut core), [Event::Cancelled]);
}

#[test]
fn a_handshake_ends_with_its_completion_and_input_before_that_is_acknowledged_and_lost() {
    let now = Instant::now();
    let mut core = handshaking_core(now);
    let frames = sent(&mut core);
    assert_eq!((frames[1].sequence, frames[1].flags), (0, 1));
    let request = HandshakeRequest::parse(&frames[1].payload).unwrap();
    assert_eq!(request.agent_version, "3.3.987.0");
    assert_eq!(
        frames[1].payload,
        r#"{"AgentVersion":"3.3.987.0","RequestedClientActions":[{"ActionType":"SessionType","ActionParameters":{"SessionType":"Standard_Stream","Properties":null}}]}"#
    );

    core.handle_frame(now, &typed(0, "early")).unwrap();
    assert_eq!(acknowledged(&sent(&mut core)), [0]);
    let answer = response(ActionStatus::Success, "");
    let answer = frame(MessageType::InputStreamData, 1, PayloadType::HandshakeResponse, &answer);
    core.handle_frame(now + 7 * MS, &answer).unwrap();
    let frames = sent(&mut core);
    assert_eq!(acknowledged(&frames), [1]);
    assert_eq!((frames[1].payload_type, frames[1].sequence), (PayloadType::HandshakeComplete, 1));
    let complete = HandshakeComplete::parse(&frames[1].payload).unwrap();
    assert_eq!((complete.nanoseconds, complete.customer_message.as_str()), (7_000_000, ""));
    core.handle_frame(now, &typed(2, "late")).unwrap();
    assert_eq!(events(&mut core), [Event::Handshaken, input("late")]);
}

#[test]
fn a_refused_handshake_ends_the_session_with_the_clients_words() {
    let now = Instant::now();
    let mut core = handshaking_core(now);
    let answer = response(ActionStatus::Failed, "Unknown session type Standard_Stream");
    let answer = frame(MessageType::InputStreamData, 0, PayloadType::HandshakeResponse, &answer);
    core.handle_frame(now, &answer).unwrap();
    let words = "Encountered error while initiating handshake. SessionType failed on client with status 2 error: \
                 Unknown session type Standard_Stream";
    assert_eq!(events(&mut core), [Event::HandshakeFailed(words.to_owned())]);
}

#[test]
fn a_handshake_without_answer_times_out_after_15_seconds() {
    let now = Instant::now();
    let mut core = handshaking_core(now);
    watch(&mut core, now, HANDSHAKE_TIMEOUT - MS);
    assert_eq!(events(&mut core), []);
    watch(&mut core, now, HANDSHAKE_TIMEOUT);
    let [Event::HandshakeFailed(words)] = &events(&mut core)[..] else { panic!() };
    assert!(words.contains("Handshake timed out."), "{words}");
}

#[test]
fn a_second_handshake_response_hangs_the_reader_for_ever() {
    let now = Instant::now();
    let mut core = handshaking_core(now);
    let answer = |sequence| {
        let answer = response(ActionStatus::Success, "");
        frame(MessageType::InputStreamData, sequence, PayloadType::HandshakeResponse, &answer)
    };
    core.handle_frame(now, &answer(0)).unwrap();
    core.handle_frame(now, &answer(0)).expect("the same one repeated is harmless");
    sent(&mut core);
    assert_eq!(core.handle_frame(now, &answer(1)), Err(Ignored::Wedged));
    assert_eq!(core.handle_frame(now, &notice(MessageType::ChannelClosed)), Err(Ignored::Wedged));
    assert_eq!(sent(&mut core), []);

    let mut without_handshake = ready_core(now);
    assert_eq!(without_handshake.handle_frame(now, &answer(0)), Err(Ignored::Wedged));
}

#[test]
fn a_signal_for_a_command_stops_the_reader_until_the_command_has_ended() {
    let now = Instant::now();
    let mut core = Core::new(CoreSetup { signals: true, ..setup() }, now);
    core.set_handler_ready(true);
    sent(&mut core);
    core.handle_frame(now, &typed(0, "no signal in here")).unwrap();
    core.handle_frame(now, &typed(2, "behind")).unwrap();
    core.handle_frame(now, &typed(1, "a\x1cb\x03")).unwrap();
    assert!(!core.is_reading());
    assert_eq!(acknowledged(&sent(&mut core)), [0, 2]);
    assert_eq!(events(&mut core), [Event::Signal(ControlSignal::Quit)], "the first one counts");
    core.release(now);
    assert!(core.is_reading());
    assert_eq!(acknowledged(&sent(&mut core)), [1]);
    // A signal that had come ahead of its turn was acknowledged then.
    core.handle_frame(now, &typed(4, "\x03")).unwrap();
    core.handle_frame(now, &typed(3, "x")).unwrap();
    assert_eq!(acknowledged(&sent(&mut core)), [4, 3]);
    assert!(!core.is_reading());
    core.release(now);
    assert_eq!(acknowledged(&sent(&mut core)), [0; 0]);
    core.handle_frame(now, &typed(5, "x")).unwrap();
    assert_eq!(acknowledged(&sent(&mut core)), [5]);
}

#[test]
fn input_that_makes_a_connection_is_acknowledged_when_that_is_made() {
    let now = Instant::now();
    let mut core = ready_core(now);
    core.hold_next();
    core.handle_frame(
        now,
        &frame(MessageType::InputStreamData, 0, PayloadType::Size, br#"{"cols":1,"rows":1}"#),
    )
    .unwrap();
    core.handle_frame(now, &typed(1, "hello")).unwrap();
    assert_eq!(acknowledged(&sent(&mut core)), [0]);
    assert_eq!(events(&mut core)[1..], [input("hello")]);
    core.release(now);
    core.handle_frame(now, &typed(2, "more")).unwrap();
    assert_eq!(acknowledged(&sent(&mut core)), [1, 2]);
}

/// A small deterministic generator.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// What a client has to do at least, written for this test alone: acknowledge everything, send again what is not
/// acknowledged.
#[derive(Default)]
struct Peer {
    got: BTreeMap<i64, Bytes>,
    unacknowledged: BTreeSet<i64>,
}

impl Peer {
    fn handle(&mut self, bytes: &Bytes) -> Option<Bytes> {
        let frame = Frame::parse(bytes, Checks::Client).unwrap();
        match frame.message_type {
            MessageType::OutputStreamData => {
                let sequence = frame.sequence;
                if let Some(former) = self.got.insert(sequence, frame.payload.clone()) {
                    assert_eq!(former, frame.payload, "frame {sequence} came with another content");
                }
                Some(acknowledgement(sequence))
            }
            MessageType::Acknowledge => {
                self.unacknowledged.remove(&Acknowledge::parse(&frame.payload).unwrap().sequence);
                None
            }
            _ => None,
        }
    }
}

#[test]
fn every_byte_arrives_once_and_in_order_over_a_bad_network() {
    for seed in 0..400 {
        bad_network(seed);
    }
}

fn bad_network(seed: u64) {
    const COUNT: i64 = 30;
    let start = Instant::now();
    let mut dice = Dice(seed);
    let mut core = ready_core(start);
    let mut peer = Peer { unacknowledged: (0..COUNT).collect(), ..Peer::default() };
    // (due, tie breaker) -> (for the agent?, frame)
    let mut network: BTreeMap<(Instant, u64), (bool, Bytes)> = BTreeMap::new();
    let mut serial = 0;
    let mut post = |network: &mut BTreeMap<_, _>, now: Instant, to_agent: bool, bytes: Bytes| {
        for _ in 0..[0, 1, 1, 1, 1, 1, 1, 1, 1, 2][dice.below(10) as usize] {
            serial += 1;
            let due = now + Duration::from_micros(dice.below(60_000));
            network.insert((due, serial), (to_agent, bytes.clone()));
        }
    };
    let mut delivered = Vec::new();
    let mut written = 0;
    let mut now = start;
    while delivered.len() < COUNT as usize || peer.got.len() < COUNT as usize || !core.is_drained() {
        assert!(now < start + Duration::from_secs(600), "seed {seed}: stuck");
        now += 10 * MS;
        if written < COUNT {
            core.send(now, PayloadType::Output, format!("line {written}\n").into());
            written += 1;
        }
        if (now - start).as_millis().is_multiple_of(200) {
            for sequence in &peer.unacknowledged {
                post(&mut network, now, true, typed(*sequence, &format!("key {sequence}")));
            }
        }
        if core.poll_timeout().is_some_and(|at| at <= now) {
            core.handle_timeout(now);
        }
        while let Some(((due, tie), _)) = network.first_key_value().filter(|((due, _), _)| *due <= now) {
            let key = (*due, *tie);
            let (to_agent, bytes) = network.remove(&key).unwrap();
            if to_agent {
                core.handle_frame(now, &bytes).unwrap();
            } else if let Some(answer) = peer.handle(&bytes) {
                post(&mut network, now, true, answer);
            }
        }
        while let Some(bytes) = core.poll_transmit() {
            post(&mut network, now, false, bytes);
        }
        while let Some(Event::Input(bytes)) = core.poll_event() {
            delivered.push(bytes);
        }
        assert_eq!(core.backlog(), 0);
    }
    let keys: Vec<Bytes> = (0..COUNT).map(|n| format!("key {n}").into()).collect();
    assert_eq!(delivered, keys, "seed {seed}");
    let lines: Vec<Bytes> = (0..COUNT).map(|n| format!("line {n}\n").into()).collect();
    assert_eq!(peer.got.into_values().collect::<Vec<_>>(), lines, "seed {seed}");
}
