//! A model of the official agent's end of the data channel, for the channel's tests: written from its description
//! (`datachannel.go`, `sessionplugin.go`, `shell.go`) as plainly as can be, and nothing shared with the channel but
//! the codec. Where the official agent is clumsy, so is this.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use bytes::Bytes;
use serde_json::Value;
use uuid::Uuid;

use crate::session::message::*;

const RESEND_LOOP: Duration = Duration::from_millis(100);
const OUTPUT_PAUSE: Duration = Duration::from_millis(1);

#[derive(Debug, PartialEq, Eq)]
enum Phase {
    /// No handshake: the pty comes up at this time, and input before that is refused without an acknowledgement.
    Starting(Instant),
    /// The request is to be sent, or is sent.
    AwaitResponse,
    Running,
}

pub(super) struct Agent {
    /// Frames for the network.
    pub(super) out: VecDeque<Bytes>,
    /// What the shell got.
    pub(super) received: Vec<u8>,
    pub(super) sizes: Vec<Size>,
    pub(super) responses: Vec<HandshakeResponse>,
    /// Input that came during the handshake and was thrown away.
    pub(super) wasted: usize,
    /// What the shell will print, and from when on.
    pub(super) script: VecDeque<(Instant, Bytes)>,
    phase: Phase,
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
    pub(super) fn new(now: Instant, session_type: Option<&str>, start: Duration) -> Self {
        let mut agent = Self {
            out: VecDeque::new(),
            received: Vec::new(),
            sizes: Vec::new(),
            responses: Vec::new(),
            wasted: 0,
            script: VecDeque::new(),
            phase: Phase::Starting(now + start),
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
        if let Some(session_type) = session_type {
            agent.phase = Phase::AwaitResponse;
            let request = HandshakeRequest {
                agent_version: "3.3.987.0".to_owned(),
                actions: vec![RequestedAction::SessionType {
                    session_type: session_type.to_owned(),
                    properties: Value::Null,
                }],
            };
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
                self.responses.push(response);
                self.phase = Phase::Running;
                self.pump_at = now;
                let complete = HandshakeComplete { nanoseconds: 1, customer_message: String::new() };
                self.send(now, PayloadType::HandshakeComplete, complete.encode());
            }
            (_, PayloadType::HandshakeResponse) => {
                panic!("a further response blocks the official agent for ever")
            }
            (Phase::AwaitResponse, _) => self.wasted += 1,
            (Phase::Starting(at), _) if now < *at => return false,
            (_, PayloadType::Size) => self.sizes.push(Size::parse(&frame.payload).unwrap()),
            (_, PayloadType::Output) => self.received.extend_from_slice(&frame.payload),
            (_, other) => panic!("unexpected {other:?}"),
        }
        true
    }

    pub(super) fn timeout(&self) -> Option<Instant> {
        let resend = (!self.unacked.is_empty()).then_some(self.loop_at);
        let pump = match self.script.front() {
            Some((at, _)) if !self.paused && self.phase != Phase::AwaitResponse => {
                Some((*at).max(self.pump_at))
            }
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
        if self.phase != Phase::AwaitResponse
            && !self.paused
            && now >= self.pump_at
            && self.script.front().is_some_and(|(at, _)| *at <= now)
        {
            let (_, bytes) = self.script.pop_front().unwrap();
            self.send(now, PayloadType::Output, bytes);
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
