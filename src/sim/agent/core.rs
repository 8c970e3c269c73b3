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
//! | what takes time | the reader waits for it, and acknowledges then: a signal to a command, a connection made anew |
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

use super::{
    handshake::{Handshake, HandshakeSetup, Response},
    retransmission::Estimate,
};
use crate::session::message::{
    Acknowledge, AgentSessionState, Checks, Flag, Frame, FrameError, HeaderLength, MessageType, PayloadError,
    PayloadType, Size,
};

/// How often the resend loop looks.
pub(super) const RESEND_INTERVAL: Duration = Duration::from_millis(100);
/// The flags of everything outside the streams: SYN and FIN.
const SYN_FIN: u64 = 3;

/// How a core is set up.
#[derive(Debug, Clone)]
pub(super) struct CoreSetup {
    /// The session's id, for the messages to the service.
    pub(super) session_id: String,
    /// What a handshake says.
    pub(super) agent_version: String,
    /// What a handshake asks for; `None`: no handshake.
    pub(super) handshake: Option<HandshakeSetup>,
    /// Input is for a command without a terminal: only the signals in it count.
    pub(super) signals: bool,
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
            signals: false,
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
    /// Send this signal to the command, then [`Core::release`].
    Signal(ControlSignal),
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

/// A key that stands for a signal (`ByteControlSignalsLinux`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ControlSignal {
    /// ^C.
    Interrupt,
    /// ^\\.
    Quit,
}

impl ControlSignal {
    /// The first one among these bytes.
    fn find(bytes: &[u8]) -> Option<Self> {
        bytes.iter().find_map(|byte| match byte {
            0x03 => Some(Self::Interrupt),
            0x1c => Some(Self::Quit),
            _ => None,
        })
    }
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
    /// It was not encrypted with the session's key.
    #[error("the payload cannot be decrypted")]
    Undecipherable,
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

/// A message that the handler has not finished with; meanwhile the reader stands still.
#[derive(Debug)]
struct Held {
    frame: Frame,
    acknowledged: bool,
}

/// Whether a message is done with.
enum Taken {
    Now,
    Later,
}

/// The state machine.
#[derive(Debug)]
pub(super) struct Core {
    setup: CoreSetup,
    born: Instant,
    handshake: Handshake,
    handler_ready: bool,
    wedged: bool,
    held: Option<Held>,
    holds_next: bool,
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
            handshake: Handshake::new(setup.handshake.clone(), now),
            setup,
            born: now,
            handler_ready: false,
            wedged: false,
            held: None,
            holds_next: false,
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
        if let Some(request) = self.handshake.request(now, &self.setup.agent_version) {
            self.send(now, PayloadType::HandshakeRequest, request);
        }
    }

    /// The client's version, once the handshake has told it.
    pub(super) fn client_version(&self) -> &str {
        self.handshake.client_version()
    }

    /// Whether the next frame may be handed in; not while the handler still has the last one.
    pub(super) fn is_reading(&self) -> bool {
        self.held.is_none()
    }

    /// The next piece of input stays unacknowledged until [`release`](Self::release).
    pub(super) fn hold_next(&mut self) {
        self.holds_next = true;
    }

    /// The handler is done with what it has held.
    pub(super) fn release(&mut self, now: Instant) {
        self.holds_next = false;
        let Some(held) = self.held.take() else { return };
        if !held.acknowledged {
            self.acknowledge(now, &held.frame);
        }
        if let Err(reason) = self.advance(now) {
            tracing::debug!(%reason, "frame ignored");
        }
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
        look.into_iter().chain(self.handshake.deadline()).min()
    }

    /// The resend loop and the handshake's deadline.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if self.handshake.deadline().is_some_and(|deadline| deadline <= now) {
            let words = self.handshake.expire();
            self.fail_handshake(words);
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
        let Some(payload) = self.handshake.seal(payload_type, payload) else { return };
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
        if let Taken::Later = self.process(&frame)? {
            self.held = Some(Held { frame, acknowledged: false });
            return Ok(());
        }
        if self.wedged {
            return Err(Ignored::Wedged);
        }
        self.acknowledge(now, &frame);
        self.advance(now)
    }

    /// On to the next number, and through the frames that came ahead of their turn. Those have been acknowledged already;
    /// an error stalls the stream for good.
    fn advance(&mut self, now: Instant) -> Result<(), Ignored> {
        self.expected += 1;
        self.go_on_with_handshake(now);
        while let Some(follower) = self.incoming.remove(&self.expected) {
            match self.process(&follower) {
                Ok(Taken::Now) if self.wedged => return Err(Ignored::Wedged),
                Ok(Taken::Now) => {}
                Ok(Taken::Later) => {
                    self.held = Some(Held { frame: follower, acknowledged: true });
                    return Ok(());
                }
                Err(error) => {
                    self.incoming.insert(self.expected, follower);
                    return Err(error);
                }
            }
            self.expected += 1;
            self.go_on_with_handshake(now);
        }
        Ok(())
    }

    /// Hands one message to whom it is for; an error means that it was not taken.
    fn process(&mut self, frame: &Frame) -> Result<Taken, Ignored> {
        let payload = self.handshake.open(frame.payload_type, &frame.payload)?;
        match frame.payload_type {
            PayloadType::HandshakeResponse => {
                let response = self.handshake.handle_response(&payload, &self.setup.session_id)?;
                self.handle_response(response);
                return Ok(Taken::Now);
            }
            PayloadType::EncChallengeResponse => {
                let response = self.handshake.handle_proof(&payload)?;
                self.handle_response(response);
                return Ok(Taken::Now);
            }
            _ => {}
        }
        if !self.handshake.is_over() {
            return Ok(Taken::Now);
        }
        if !self.handler_ready {
            return Err(Ignored::NotReady);
        }
        match frame.payload_type {
            PayloadType::Output if self.setup.signals => {
                if let Some(signal) = ControlSignal::find(&payload) {
                    self.events.push_back(Event::Signal(signal));
                    return Ok(Taken::Later);
                }
            }
            PayloadType::Output => {
                self.events.push_back(Event::Input(payload));
                if self.holds_next {
                    return Ok(Taken::Later);
                }
            }
            // A command has no terminal, and its sizes are not even read.
            PayloadType::Size if self.setup.signals => {}
            PayloadType::Size => self.events.push_back(Event::Resize(Size::parse(&payload)?)),
            PayloadType::Flag => self.events.push_back(Event::Flag(Flag::parse(&payload)?)),
            _ => {}
        }
        Ok(Taken::Now)
    }

    fn handle_response(&mut self, response: Response) {
        match response {
            Response::Taken => {}
            Response::Failed(words) => self.fail_handshake(&words),
            // The official reader hands it to a waiter that is not there, and waits for ever.
            Response::Unexpected => self.wedged = true,
        }
    }

    /// After the acknowledgement of the client's answer.
    fn go_on_with_handshake(&mut self, now: Instant) {
        if let Some((payload_type, payload)) = self.handshake.next(now) {
            self.send(now, payload_type, payload);
            if payload_type == PayloadType::HandshakeComplete {
                self.events.push_back(Event::Handshaken);
            }
        }
    }

    fn fail_handshake(&mut self, why: &str) {
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
