//! The agent's half of the data channel, as a state machine without sockets, clock or tasks: time comes in as an argument.
//!
//! Its rules are those of the official agent (`agent/session/datachannel/datachannel.go`), its weaknesses included, since clients
//! have to live with them:
//!
//! | what | rule |
//! | --- | --- |
//! | resend | every 100 ms a look at the oldest unacknowledged frame only; those behind it wait |
//! | acknowledge | after the handler took it; ahead of its turn at once, if there is room; repeated: again |
//! | not taken | handler not ready or payload unreadable: no acknowledgement, the peer sends again |
//! | during a handshake | anything else is acknowledged and thrown away |
//! | pause | output waits unsent and only the resend loop ever sends it; any input or acknowledgement ends the pause |
//! | second `HandshakeResponse` | the reader hangs for ever |
//!
//! It shares the codec with the client's channel, and nothing else.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use bytes::Bytes;
use uuid::Uuid;

use super::retransmission::Estimate;
use crate::session::message::{
    Acknowledge, ActionStatus, AgentSessionState, Checks, Flag, Frame, FrameError, HandshakeComplete,
    HandshakeRequest, HandshakeResponse, HeaderLength, MessageType, PayloadError, PayloadType,
    RequestedAction, Size,
};

/// How often the resend loop looks.
pub(super) const RESEND_INTERVAL: Duration = Duration::from_millis(100);
/// How long the agent waits for a `HandshakeResponse`.
pub(super) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(15);
/// The flags of everything outside the streams: SYN and FIN.
const SYN_FIN: u64 = 3;

/// How a core is set up.
#[derive(Debug, Clone)]
pub(super) struct CoreSetup {
    /// The session's id, for the messages to the service.
    pub(super) session_id: String,
    /// What a handshake says.
    pub(super) agent_version: String,
    /// The session type that a handshake asks for; `None`: no handshake.
    pub(super) handshake: Option<String>,
    /// The wall clock at `now` of [`Core::new`], in milliseconds.
    pub(super) epoch_ms: u64,
    /// Unacknowledged frames that are kept; further ones are sent once and forgotten.
    pub(super) outgoing: usize,
    /// Frames ahead of their turn that are kept; further ones are ignored.
    pub(super) incoming: usize,
}

impl CoreSetup {
    /// With the official agent's buffers and without a handshake.
    pub(super) fn new(session_id: &str, agent_version: &str, epoch_ms: u64) -> Self {
        Self {
            session_id: session_id.to_owned(),
            agent_version: agent_version.to_owned(),
            handshake: None,
            epoch_ms,
            outgoing: 100_000,
            incoming: 100_000,
        }
    }
}

/// What the session's handler has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// Write this to the terminal.
    Input(Bytes),
    /// Give the terminal this size.
    Resize(Size),
    /// A flag of a port session.
    Flag(Flag),
    /// The handshake is done, the session may start.
    Handshaken,
    /// The handshake failed: these are the words for the user.
    HandshakeFailed(String),
    /// The service closed the channel.
    Cancelled,
}

/// Why an incoming frame had no effect; for the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Ignored {
    /// It does not pass the official agent's checks.
    #[error("invalid frame: {0}")]
    Frame(#[from] FrameError),
    /// Its payload is not what its type says.
    #[error("invalid payload: {0}")]
    Payload(#[from] PayloadError),
    /// The terminal is not up.
    #[error("the handler is not ready")]
    NotReady,
    /// Nothing the agent knows.
    #[error("message type {0}")]
    Type(String),
    /// The reorder buffer is full.
    #[error("the reorder buffer is full")]
    Full,
    /// The reader hangs in a handshake response that nobody waits for.
    #[error("the reader hangs")]
    Wedged,
}

#[derive(Debug)]
struct Outgoing {
    sequence: i64,
    frame: Bytes,
    last_sent: Instant,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Handshake {
    Skipped,
    Waiting { since: Instant },
    Answered { complete: Bytes },
    Complete,
    Failed,
}

/// The state machine.
#[derive(Debug)]
pub(super) struct Core {
    setup: CoreSetup,
    born: Instant,
    handshake: Handshake,
    handler_ready: bool,
    wedged: bool,
    paused: bool,
    /// The sequence number that the client's next frame has.
    expected: i64,
    incoming: HashMap<i64, Frame>,
    /// The sequence number that our next frame gets.
    next: i64,
    outgoing: VecDeque<Outgoing>,
    estimate: Estimate,
    next_look: Instant,
    transmit: VecDeque<Bytes>,
    events: VecDeque<Event>,
}

impl Core {
    /// An agent that has just opened its channel: it tells the service, and asks for a handshake if there is to be one.
    pub(super) fn new(setup: CoreSetup, now: Instant) -> Self {
        let mut core = Self {
            handshake: match setup.handshake {
                Some(_) => Handshake::Waiting { since: now },
                None => Handshake::Skipped,
            },
            setup,
            born: now,
            handler_ready: false,
            wedged: false,
            paused: false,
            expected: 0,
            incoming: HashMap::new(),
            next: 0,
            outgoing: VecDeque::new(),
            estimate: Estimate::new(),
            next_look: now + RESEND_INTERVAL,
            transmit: VecDeque::new(),
            events: VecDeque::new(),
        };
        core.send_state(now, "Connected");
        core
    }

    /// Sends the handshake request, if there is to be one. Apart from [`new`](Self::new) so that a pause may come first.
    pub(super) fn start(&mut self, now: Instant) {
        let Some(session_type) = self.setup.handshake.clone() else { return };
        let request = HandshakeRequest {
            agent_version: self.setup.agent_version.clone(),
            actions: vec![RequestedAction::SessionType { session_type, properties: serde_json::Value::Null }],
        };
        self.handshake = Handshake::Waiting { since: now };
        self.send(now, PayloadType::HandshakeRequest, request.encode());
    }

    /// Whether the terminal is up; until then its input is not taken.
    pub(super) fn set_handler_ready(&mut self, ready: bool) {
        self.handler_ready = ready;
    }

    /// Whether the pump may read on: it does not while the channel is paused.
    pub(super) fn is_active(&self) -> bool {
        !self.paused
    }

    /// Whether everything that was sent is acknowledged.
    pub(super) fn is_drained(&self) -> bool {
        self.outgoing.is_empty()
    }

    /// Frames that wait for [`poll_transmit`](Self::poll_transmit).
    pub(super) fn backlog(&self) -> usize {
        self.transmit.len()
    }

    /// The next frame for the wire.
    pub(super) fn poll_transmit(&mut self) -> Option<Bytes> {
        self.transmit.pop_front()
    }

    /// The next thing the handler has to do.
    pub(super) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let look = (!self.outgoing.is_empty() && !self.paused).then_some(self.next_look);
        let handshake = match self.handshake {
            Handshake::Waiting { since } => Some(since + HANDSHAKE_TIMEOUT),
            _ => None,
        };
        look.into_iter().chain(handshake).min()
    }

    /// The resend loop and the handshake's deadline.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if let Handshake::Waiting { since } = self.handshake
            && now >= since + HANDSHAKE_TIMEOUT
        {
            self.fail_handshake(
                "Handshake timed out. Please ensure that you have the latest version of the session manager plugin.",
            );
        }
        if now < self.next_look {
            return;
        }
        let behind = now.duration_since(self.next_look).as_nanos() / RESEND_INTERVAL.as_nanos();
        self.next_look += RESEND_INTERVAL * u32::try_from(behind + 1).unwrap_or(u32::MAX);
        // A wire that is not ready blocks the official agent's loop.
        if self.paused || !self.transmit.is_empty() {
            return;
        }
        let timeout = self.estimate.timeout();
        if let Some(front) = self.outgoing.front_mut()
            && now.saturating_duration_since(front.last_sent) > timeout
        {
            front.last_sent = now;
            self.transmit.push_back(front.frame.clone());
        }
    }

    /// Sends one stream message. An empty payload is dropped and takes no number.
    pub(super) fn send(&mut self, now: Instant, payload_type: PayloadType, payload: Bytes) {
        if payload.is_empty() {
            return;
        }
        let sequence = self.next;
        self.next += 1;
        let flags = u64::from(sequence == 0);
        let frame = self.frame(now, MessageType::OutputStreamData, sequence, flags, payload_type, payload);
        if !self.paused {
            self.transmit.push_back(frame.clone());
        }
        if self.outgoing.len() < self.setup.outgoing {
            self.outgoing.push_back(Outgoing { sequence, frame, last_sent: now });
        }
    }

    /// Tells the service how the session is.
    pub(super) fn send_state(&mut self, now: Instant, state: &str) {
        let payload = AgentSessionState {
            schema_version: 1,
            state: state.to_owned(),
            session_id: self.setup.session_id.clone(),
        };
        self.send_outside(now, MessageType::AgentSessionState, payload.encode());
    }

    /// Takes one frame from the wire.
    pub(super) fn handle_frame(&mut self, now: Instant, bytes: &Bytes) -> Result<(), Ignored> {
        if self.wedged {
            return Err(Ignored::Wedged);
        }
        let frame = Frame::parse(bytes, Checks::Agent)?;
        match frame.message_type {
            MessageType::InputStreamData => {
                self.paused = false;
                self.handle_stream(now, frame)
            }
            MessageType::Acknowledge => {
                self.paused = false;
                let acknowledge = Acknowledge::parse(&frame.payload)?;
                self.handle_acknowledge(now, acknowledge.sequence);
                Ok(())
            }
            MessageType::PausePublication => {
                self.paused = true;
                Ok(())
            }
            MessageType::StartPublication => {
                self.paused = false;
                Ok(())
            }
            MessageType::ChannelClosed => {
                self.events.push_back(Event::Cancelled);
                Ok(())
            }
            other => Err(Ignored::Type(other.as_str().to_owned())),
        }
    }

    fn handle_acknowledge(&mut self, now: Instant, sequence: i64) {
        // Matched by number alone; an unknown number means nothing.
        if let Ok(at) = self.outgoing.binary_search_by_key(&sequence, |sent| sent.sequence)
            && let Some(sent) = self.outgoing.remove(at)
        {
            self.estimate.sample(now.saturating_duration_since(sent.last_sent));
        }
    }

    fn handle_stream(&mut self, now: Instant, frame: Frame) -> Result<(), Ignored> {
        if frame.sequence < self.expected {
            self.acknowledge(now, &frame);
            return Ok(());
        }
        if frame.sequence > self.expected {
            if self.incoming.len() >= self.setup.incoming {
                return Err(Ignored::Full);
            }
            self.acknowledge(now, &frame);
            self.incoming.insert(frame.sequence, frame);
            return Ok(());
        }
        self.process(now, &frame)?;
        if self.wedged {
            return Err(Ignored::Wedged);
        }
        self.acknowledge(now, &frame);
        self.expected += 1;
        self.complete_handshake(now);
        // The followers have been acknowledged already. An error stalls the stream for good.
        while let Some(follower) = self.incoming.remove(&self.expected) {
            if let Err(error) = self.process(now, &follower) {
                self.incoming.insert(self.expected, follower);
                return Err(error);
            }
            if self.wedged {
                return Err(Ignored::Wedged);
            }
            self.expected += 1;
            self.complete_handshake(now);
        }
        Ok(())
    }

    /// Hands one message to whom it is for; an error means that it was not taken.
    fn process(&mut self, now: Instant, frame: &Frame) -> Result<(), Ignored> {
        match frame.payload_type {
            PayloadType::HandshakeResponse => return self.handle_response(now, frame),
            // Only encrypted sessions ask for it; in others the official agent has no cipher to look at it with.
            PayloadType::EncChallengeResponse => return Err(Ignored::NotReady),
            _ => {}
        }
        if !matches!(self.handshake, Handshake::Skipped | Handshake::Complete) {
            return Ok(());
        }
        if !self.handler_ready {
            return Err(Ignored::NotReady);
        }
        match frame.payload_type {
            PayloadType::Output => self.events.push_back(Event::Input(frame.payload.clone())),
            PayloadType::Size => self.events.push_back(Event::Resize(Size::parse(&frame.payload)?)),
            PayloadType::Flag => self.events.push_back(Event::Flag(Flag::parse(&frame.payload)?)),
            _ => {}
        }
        Ok(())
    }

    fn handle_response(&mut self, now: Instant, frame: &Frame) -> Result<(), Ignored> {
        let response = HandshakeResponse::parse(&frame.payload)?;
        let Handshake::Waiting { since } = self.handshake else {
            // The official reader hands it to a waiter that is not there, and waits for ever.
            self.wedged = true;
            return Ok(());
        };
        let failed = response.actions.iter().rfind(|action| action.status != ActionStatus::Success);
        if let Some(action) = failed {
            let (kind, status, error) = (&action.action_type, action.status.number(), &action.error);
            self.fail_handshake(&format!("{kind} failed on client with status {status} error: {error}"));
            return Ok(());
        }
        let took = now.saturating_duration_since(since).as_nanos();
        let complete = HandshakeComplete {
            nanoseconds: i64::try_from(took).unwrap_or(i64::MAX),
            customer_message: String::new(),
        };
        self.handshake = Handshake::Answered { complete: complete.encode() };
        Ok(())
    }

    /// After the acknowledgement of the response.
    fn complete_handshake(&mut self, now: Instant) {
        if let Handshake::Answered { complete } = &self.handshake {
            let complete = complete.clone();
            self.send(now, PayloadType::HandshakeComplete, complete);
            self.handshake = Handshake::Complete;
            self.events.push_back(Event::Handshaken);
        }
    }

    fn fail_handshake(&mut self, why: &str) {
        self.handshake = Handshake::Failed;
        self.events.push_back(Event::HandshakeFailed(format!(
            "Encountered error while initiating handshake. {why}"
        )));
    }

    fn acknowledge(&mut self, now: Instant, frame: &Frame) {
        let payload = Acknowledge {
            message_type: frame.message_type.as_str().to_owned(),
            message_id: frame.id,
            sequence: frame.sequence,
            sequential: true,
        };
        self.send_outside(now, MessageType::Acknowledge, payload.encode());
    }

    fn send_outside(&mut self, now: Instant, message_type: MessageType, payload: Bytes) {
        let frame = self.frame(now, message_type, 0, SYN_FIN, PayloadType::None, payload);
        self.transmit.push_back(frame);
    }

    fn frame(
        &self,
        now: Instant,
        message_type: MessageType,
        sequence: i64,
        flags: u64,
        payload_type: PayloadType,
        payload: Bytes,
    ) -> Bytes {
        let age = now.saturating_duration_since(self.born).as_millis();
        Frame {
            message_type,
            schema_version: 1,
            created_ms: self.setup.epoch_ms + u64::try_from(age).unwrap_or(u64::MAX / 2),
            sequence,
            flags,
            id: Uuid::new_v4(),
            payload_type,
            payload,
            header_length: HeaderLength::Full,
        }
        .encode()
    }
}
