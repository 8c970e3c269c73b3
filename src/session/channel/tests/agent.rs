//! A model of the official agent's end of the data channel, for the channel's tests: written from its description
//! (`datachannel.go`, `sessionplugin.go`, `shell.go`) as plainly as can be, and nothing shared with the channel but
//! the codec. Where the official agent is clumsy, so is this.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use bytes::Bytes;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Kind, kms::Keys};
use crate::session::message::*;

const RESEND_LOOP: Duration = Duration::from_millis(100);
pub(super) const KEY: &str = "arn:aws:kms:eu-west-1:123456789012:key/1111";
const OUTPUT_PAUSE: Duration = Duration::from_millis(1);

#[derive(Debug, PartialEq, Eq)]
enum Phase {
    /// No handshake: the pty comes up at this time, and input before that is refused without an acknowledgement.
    Starting(Instant),
    /// The request is to be sent, or is sent.
    AwaitResponse,
    /// The key is there; this is what the client has to seal anew.
    AwaitChallenge(Vec<u8>),
    Running,
}

pub(super) struct Agent {
    /// Frames for the network.
    pub(super) out: VecDeque<Bytes>,
    /// What the shell, or the port, got.
    pub(super) received: Vec<u8>,
    /// Flags, and how much had been received before each.
    pub(super) flags: Vec<(usize, Flag)>,
    pub(super) sizes: Vec<Size>,
    pub(super) responses: Vec<HandshakeResponse>,
    /// Input that came during the handshake and was thrown away.
    pub(super) wasted: usize,
    /// What the shell will print, and from when on.
    pub(super) script: VecDeque<(Instant, PayloadType, Bytes)>,
    phase: Phase,
    keys: Option<Keys>,
    sealed: u64,
    paused: bool,
    next: i64,
    unacked: VecDeque<(i64, Bytes, Instant)>,
    srtt: f64,
    variance: f64,
    rto: f64,
    loop_at: Instant,
    pump_at: Instant,
    expected: i64,
    early: BTreeMap<i64, Frame>,
    ids: u128,
}

impl Agent {
    pub(super) fn new(now: Instant, kind: Kind, start: Duration) -> Self {
        let mut agent = Self {
            out: VecDeque::new(),
            received: Vec::new(),
            flags: Vec::new(),
            sizes: Vec::new(),
            responses: Vec::new(),
            wasted: 0,
            script: VecDeque::new(),
            phase: Phase::Starting(now + start),
            keys: kind.keys(),
            sealed: 0,
            paused: false,
            next: 0,
            unacked: VecDeque::new(),
            srtt: 0.1,
            variance: 0.0,
            rto: 0.2,
            loop_at: now + RESEND_LOOP,
            pump_at: now + start + Duration::from_secs(1),
            expected: 0,
            early: BTreeMap::new(),
            ids: 1,
        };
        if let Some(session_type) = kind.session_type() {
            agent.phase = Phase::AwaitResponse;
            let properties = match kind {
                Kind::Port => json!({"portNumber": "80", "type": "LocalPortForwarding"}),
                _ => Value::Null,
            };
            let session_type = session_type.to_owned();
            let mut actions = vec![RequestedAction::SessionType { session_type, properties }];
            if agent.keys.is_some() {
                let challenge = Some("c2l4dGVlbiByYW5kb21zIQ==".to_owned());
                actions.push(RequestedAction::KmsEncryption { key_id: KEY.to_owned(), challenge });
            }
            let request = HandshakeRequest { agent_version: "3.3.987.0".to_owned(), actions };
            agent.send(now, PayloadType::HandshakeRequest, request.encode());
        }
        agent
    }

    fn frame(
        &mut self,
        kind: MessageType,
        sequence: i64,
        flags: u64,
        ptype: PayloadType,
        payload: Bytes,
    ) -> Bytes {
        self.ids += 1;
        let frame = Frame {
            message_type: kind,
            schema_version: 1,
            created_ms: 1_700_000_000_000,
            sequence,
            flags,
            id: Uuid::from_u128(self.ids),
            payload_type: ptype,
            payload,
            header_length: HeaderLength::Full,
        };
        frame.encode()
    }

    pub(super) fn send(&mut self, now: Instant, ptype: PayloadType, payload: Bytes) {
        let encrypted = matches!(ptype, PayloadType::Output | PayloadType::StdErr | PayloadType::ExitCode);
        let payload = match self.keys.as_ref().filter(|_| encrypted) {
            Some(keys) => {
                self.sealed += 1;
                keys.seal(self.sealed, &payload)
            }
            None => payload,
        };
        let sequence = self.next;
        self.next += 1;
        let flags = u64::from(sequence == 0);
        let frame = self.frame(MessageType::OutputStreamData, sequence, flags, ptype, payload);
        if !self.paused {
            self.out.push_back(frame.clone());
        }
        self.unacked.push_back((sequence, frame, now));
    }

    pub(super) fn handle_frame(&mut self, now: Instant, bytes: &Bytes) {
        let Ok(frame) = Frame::parse(bytes, Checks::Agent) else { return };
        match frame.message_type {
            MessageType::Acknowledge => {
                self.paused = false;
                let sequence = Acknowledge::parse(&frame.payload).unwrap().sequence;
                if let Some(index) = self.unacked.iter().position(|entry| entry.0 == sequence) {
                    let (_, _, sent) = self.unacked.remove(index).unwrap();
                    let sample = (now - sent).as_secs_f64();
                    self.variance = 0.75 * self.variance + 0.25 * (self.srtt - sample).abs();
                    self.srtt = 0.875 * self.srtt + 0.125 * sample;
                    self.rto = (self.srtt + (4.0 * self.variance).max(0.01)).min(1.0);
                }
            }
            MessageType::InputStreamData => {
                self.paused = false;
                self.handle_stream(now, frame);
            }
            MessageType::PausePublication => self.paused = true,
            MessageType::StartPublication => self.paused = false,
            _ => {}
        }
    }

    fn handle_stream(&mut self, now: Instant, frame: Frame) {
        if frame.sequence < self.expected {
            self.acknowledge(&frame);
        } else if frame.sequence > self.expected {
            self.acknowledge(&frame);
            self.early.entry(frame.sequence).or_insert(frame);
        } else {
            if !self.process(now, &frame) {
                return;
            }
            self.acknowledge(&frame);
            self.expected += 1;
            while let Some(frame) = self.early.remove(&self.expected) {
                assert!(
                    self.process(now, &frame),
                    "a buffered message that is refused stalls the official agent"
                );
                self.expected += 1;
            }
        }
    }

    fn acknowledge(&mut self, frame: &Frame) {
        let payload = Acknowledge {
            message_type: "input_stream_data".to_owned(),
            message_id: frame.id,
            sequence: frame.sequence,
            sequential: true,
        };
        let frame = self.frame(MessageType::Acknowledge, 0, 3, PayloadType::None, payload.encode());
        self.out.push_back(frame);
    }

    /// False: not ready, try again.
    fn process(&mut self, now: Instant, frame: &Frame) -> bool {
        match (&self.phase, frame.payload_type) {
            (Phase::AwaitResponse, PayloadType::HandshakeResponse) => {
                let response = HandshakeResponse::parse(&frame.payload).unwrap();
                assert!(response.actions.iter().all(|action| action.status == ActionStatus::Success));
                let ciphertext = response.actions.get(1).map(|action| match &action.result {
                    ActionResult::Kms { cipher_text_key, challenge_acknowledged: true, .. } => {
                        cipher_text_key
                    }
                    other => panic!("{other:?}"),
                });
                assert_eq!(ciphertext, self.keys.as_ref().map(|keys| &keys.ciphertext));
                self.responses.push(response);
                let Some(keys) = &self.keys else {
                    self.complete(now, "");
                    return true;
                };
                let challenge: Vec<u8> = (0..64).map(|n| n ^ 0x35).collect();
                self.sealed += 1;
                let question = EncryptionChallenge { challenge: keys.seal(self.sealed, &challenge).to_vec() };
                self.phase = Phase::AwaitChallenge(challenge);
                self.send(now, PayloadType::EncChallengeRequest, question.encode());
            }
            (Phase::AwaitChallenge(challenge), PayloadType::EncChallengeResponse) => {
                let answer = EncryptionChallenge::parse(&frame.payload).unwrap();
                assert_eq!(&self.keys.as_ref().unwrap().open(&answer.challenge), challenge);
                self.complete(now, "This session is encrypted using AWS KMS.");
            }
            (Phase::AwaitChallenge(_), _) => self.wasted += 1,
            (_, PayloadType::HandshakeResponse) => {
                panic!("a further response blocks the official agent for ever")
            }
            (Phase::AwaitResponse, _) => self.wasted += 1,
            (Phase::Starting(at), _) if now < *at => return false,
            (_, PayloadType::Size) => self.sizes.push(Size::parse(&frame.payload).unwrap()),
            (_, PayloadType::Output) => match &self.keys {
                Some(keys) => self.received.extend(keys.open(&frame.payload)),
                None => self.received.extend_from_slice(&frame.payload),
            },
            (_, PayloadType::Flag) => {
                self.flags.push((self.received.len(), Flag::parse(&frame.payload).unwrap()));
            }
            (_, other) => panic!("unexpected {other:?}"),
        }
        true
    }

    fn complete(&mut self, now: Instant, message: &str) {
        self.phase = Phase::Running;
        self.pump_at = now;
        let complete = HandshakeComplete { nanoseconds: 1, customer_message: message.to_owned() };
        self.send(now, PayloadType::HandshakeComplete, complete.encode());
    }

    fn may_print(&self) -> bool {
        !self.paused && matches!(self.phase, Phase::Running | Phase::Starting(_))
    }

    pub(super) fn timeout(&self) -> Option<Instant> {
        let resend = (!self.unacked.is_empty()).then_some(self.loop_at);
        let pump = match self.script.front() {
            Some((at, ..)) if self.may_print() => Some((*at).max(self.pump_at)),
            _ => None,
        };
        resend.into_iter().chain(pump).min()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if now >= self.loop_at {
            while self.loop_at <= now {
                self.loop_at += RESEND_LOOP;
            }
            let rto = Duration::from_secs_f64(self.rto);
            if let Some((_, frame, sent)) = self.unacked.front_mut()
                && !self.paused
                && now - *sent > rto
            {
                *sent = now;
                self.out.push_back(frame.clone());
            }
        }
        if self.may_print() && now >= self.pump_at && self.script.front().is_some_and(|(at, ..)| *at <= now) {
            let (_, kind, bytes) = self.script.pop_front().unwrap();
            self.send(now, kind, bytes);
            self.pump_at = now + OUTPUT_PAUSE;
        }
    }

    /// Everything printed has been acknowledged.
    pub(super) fn is_idle(&self) -> bool {
        self.script.is_empty() && self.unacked.is_empty()
    }
}

/// A message of the service itself.
pub(super) fn service_frame(message_type: MessageType, payload: Bytes) -> Bytes {
    let frame = Frame {
        message_type,
        schema_version: 1,
        created_ms: 1_700_000_000_000,
        sequence: 0,
        flags: 3,
        id: Uuid::from_u128(7),
        payload_type: PayloadType::None,
        payload,
        header_length: HeaderLength::WithoutPayloadType,
    };
    frame.encode()
}

pub(super) fn closed_frame(output: &str) -> Bytes {
    let closed = ChannelClosed { output: output.to_owned(), ..Default::default() };
    service_frame(MessageType::ChannelClosed, closed.encode())
}
