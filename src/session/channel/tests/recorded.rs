//! The recorded official agent talks to the channel: what it hands on, what it acknowledges, what it sends and when.

use std::collections::BTreeSet;

use super::*;
use crate::session::message::recording::{Content, Message, Recording, Side};

/// Sessions of the kinds that this client opens; ports and encryption come with a later one.
fn shells() -> Vec<Recording> {
    let kinds = ["shell", "interactive", "noninteractive"];
    let mut all = Recording::all();
    all.retain(|recording| kinds.iter().any(|kind| recording.name.starts_with(kind)));
    all
}

/// A channel in the place of the recorded client.
struct Replay {
    channel: Channel,
    start: Instant,
    now: Instant,
    ready: bool,
    delivered: Vec<u8>,
    typed: Vec<u8>,
    answers: BTreeSet<i64>,
    closed: bool,
    sent: BTreeSet<i64>,
}

impl Replay {
    fn new() -> Self {
        let start = Instant::now();
        let config = Config { size: Size { cols: 80, rows: 24 }, seed: 1, unix_ms: 1 };
        Self {
            channel: Channel::new(start, &config),
            start,
            now: start,
            ready: false,
            delivered: Vec::new(),
            typed: Vec::new(),
            answers: BTreeSet::new(),
            closed: false,
            sent: BTreeSet::new(),
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

    /// What was acknowledged: sequence and id.
    fn settle(&mut self) -> Vec<(i64, uuid::Uuid)> {
        while let Some(event) = self.channel.poll_event() {
            match event {
                ChannelEvent::Data { bytes, .. } => self.delivered.extend_from_slice(&bytes),
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
                (MessageType::InputStreamData, PayloadType::HandshakeResponse) => {
                    self.answers.insert(frame.sequence);
                }
                (MessageType::InputStreamData, PayloadType::Size | PayloadType::Output) => {
                    assert!(self.ready, "sent before the session ran");
                    if self.sent.insert(frame.sequence) && frame.payload_type == PayloadType::Output {
                        self.typed.extend_from_slice(&frame.payload);
                    }
                }
                other => panic!("{other:?} was sent"),
            }
        }
        acknowledged
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
}

#[test]
fn the_recorded_agent_is_understood() {
    let recordings = shells();
    assert!(!recordings.is_empty());
    for recording in recordings {
        let mut replay = Replay::new();
        let mut messages: Vec<&Message> = recording.messages.iter().collect();
        messages.sort_by(|a, b| a.due.total_cmp(&b.due));
        let mut opened = 0;
        let mut typed = BTreeSet::new();
        let mut handshake = false;
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
                    let frame = Frame::parse(bytes, Checks::Client).unwrap();
                    if frame.message_type != MessageType::InputStreamData || !typed.insert(frame.sequence) {
                        continue;
                    }
                    match frame.payload_type {
                        PayloadType::Output => assert!(replay.channel.send(frame.payload).is_empty()),
                        PayloadType::Size => replay.channel.resize(Size::parse(&frame.payload).unwrap()),
                        _ => {}
                    }
                    assert_eq!(replay.settle(), [], "{place}");
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
                }
                _ => {}
            }
        }
        let name = &recording.name;
        assert!(
            replay.delivered == recording.side_file("expected"),
            "{name}: not what the official client wrote"
        );
        assert!(replay.typed == recording.side_file("sent"), "{name}: {:?}", replay.typed);
        assert_eq!(replay.answers.len(), usize::from(handshake), "{name}: answers");
    }
}
