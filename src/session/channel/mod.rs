//! The reliable data channel as a state machine: no socket, no clock, no task.
//!
//! ```text
//!                 first Output
//!  ┌─────────┐ ──────────────────────────────────► ┌─────────┐  channel_closed   ┌────────┐
//!  │ Opening │  HandshakeRequest   ┌──────────┐    │ Running │ ────────────────► │ Closed │
//!  └─────────┘ ──────────────────► │ Answered │ ─► └─────────┘ (from any state)  └────────┘
//!   only acks go out   (KMS: key,  └──────────┘     size, input  a Violation     ┌────────┐
//!                      challenge) HandshakeComplete go out      ───────────────► │ Failed │
//!                                                               (from any state) └────────┘
//! ```
//!
//! Beside it, and without an effect on it, the socket comes and goes: [`Channel::handle_disconnected`] and
//! [`Channel::handle_reconnected`]. Counters and buffers outlive it; nothing is replayed by the protocol, but what is
//! unacknowledged is sent again. Frames go through the parts in this order:
//!
//! ```text
//! bytes ─► Frame ─► cipher ─► incoming (acknowledge, order) ─► handshake (what may come when) ─► events
//! send ──► input (waits, is cut) ─► outgoing (window, timers) ─► cipher ─► poll_transmit
//! ```

mod cipher;
mod compose;
mod event;
mod handshake;
mod incoming;
mod input;
mod outgoing;
mod rtt;
mod violation;

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use bytes::Bytes;

use crate::session::{
    message::{
        Acknowledge, ChannelClosed, Checks, EncryptionChallenge, ExitCode, Flag, Frame, FrameError,
        MessageType, PayloadType, SessionType, Size,
    },
    service::DataKey,
};
use cipher::{Opener, Sealer, is_sealed};
use compose::Composer;
use handshake::{Answer, Effect, Handshake};
use incoming::{Incoming, Receipt};
use outgoing::Outgoing;
use violation::Patience;

pub use event::ChannelEvent;
pub use handshake::CLIENT_VERSION;
pub use violation::Violation;

/// Delivered and not yet polled bytes above which new messages are refused, without acknowledgement, so that the
/// agent sends them again. The caller should stop reading well before (see [`Channel::unread`]).
const UNREAD_LIMIT: usize = 4 << 20;
/// Acknowledgements that may wait for the socket; beyond it the agent's own resends bring them back.
const ACKNOWLEDGES_LIMIT: usize = 20_000;
/// Messages that the agreed key does not open. The agent sends each again and again, so that one damaged on the way
/// (which its digest would have told) is no reason to give up, and a wrong key is found out within seconds.
const WRONG_TAGS: u32 = 10;
/// The agent sends 64 bytes to be sealed anew.
const CHALLENGE_LIMIT: usize = 1024;
/// Acknowledgements that may come beyond a few for each transmission of ours.
const ACKNOWLEDGES_ALLOWED: u64 = 10_000;
/// After this long without a sign of the agent, while it owes us one, the user is told.
const SILENCE: Duration = Duration::from_secs(5);

/// How a channel starts.
#[derive(Debug, Clone)]
pub struct Config {
    /// The terminal's size.
    pub size: Size,
    /// For message ids.
    pub seed: u64,
    /// Where the nonces of an encrypted session start; to be random.
    pub nonce: [u8; 12],
    /// The time of day at the start, in milliseconds since the Unix epoch.
    pub unix_ms: u64,
}

/// One end, the client's, of a data channel.
///
/// Tell it what happens with the `handle_*` methods and what is wanted with [`send`](Self::send) and
/// [`resize`](Self::resize); after any of them, poll until there is nothing more: [`poll_transmit`](Self::poll_transmit)
/// for what goes to the socket, [`poll_event`](Self::poll_event) for what happened, and
/// [`poll_timeout`](Self::poll_timeout) for when to call [`handle_timeout`](Self::handle_timeout). Time must not go
/// backwards from call to call. It starts without a socket: call [`handle_reconnected`](Self::handle_reconnected)
/// when the first one is open, too.
#[derive(Debug)]
pub struct Channel {
    composer: Composer,
    /// Taken out only during a step; gone for good after a violation.
    handshake: Option<Handshake>,
    incoming: Incoming,
    outgoing: Outgoing,
    acknowledges: VecDeque<Bytes>,
    events: VecDeque<ChannelEvent>,
    unread: usize,
    patience: Patience,
    /// Of an encrypted session.
    opener: Option<Opener>,
    nonce: [u8; 12],
    wrong_tags: u32,
    acknowledged: u64,
    connected: bool,
    paused: bool,
    ended: bool,
    damage_told: bool,
    /// The agent's last sign of life, or the start of the connection.
    heard: Instant,
    silent: bool,
    round_trip: Option<Duration>,
}

impl Channel {
    /// A channel that has no socket yet.
    pub fn new(now: Instant, config: &Config) -> Self {
        Self {
            composer: Composer::new(config.seed, now, config.unix_ms),
            handshake: Some(Handshake::new()),
            incoming: Incoming::default(),
            outgoing: Outgoing::new(config.size),
            acknowledges: VecDeque::new(),
            events: VecDeque::new(),
            unread: 0,
            patience: Patience::new(now),
            opener: None,
            nonce: config.nonce,
            wrong_tags: 0,
            acknowledged: 0,
            connected: false,
            paused: false,
            ended: false,
            damage_told: false,
            heard: now,
            silent: false,
            round_trip: None,
        }
    }

    /// A message has come from the socket.
    pub fn handle_frame(&mut self, now: Instant, bytes: &Bytes) {
        if self.ended {
            return;
        }
        let result = match Frame::parse(bytes, Checks::Client) {
            Ok(frame) => self.handle_parsed(now, frame),
            Err(error) => self.handle_damaged(now, error),
        };
        if let Err(violation) = result {
            self.end(ChannelEvent::Failed(violation));
        }
    }

    fn handle_parsed(&mut self, now: Instant, frame: Frame) -> Result<(), Violation> {
        match &frame.message_type {
            MessageType::OutputStreamData => {
                self.hear(now);
                self.handle_stream(now, frame)
            }
            MessageType::Acknowledge => match Acknowledge::parse(&frame.payload) {
                Ok(acknowledge) => {
                    self.hear(now);
                    self.handle_acknowledge(now, acknowledge.sequence)
                }
                Err(error) => self.patience.spend(now, Violation::BadAcknowledges(error)),
            },
            MessageType::ChannelClosed => {
                // Whatever is in it, the session is over.
                let closed = ChannelClosed::parse(&frame.payload).unwrap_or_default();
                if self.incoming.has_gap() {
                    let lost = "some of the last output was lost on the way".to_owned();
                    self.events.push_back(ChannelEvent::Notice(lost));
                }
                self.end(ChannelEvent::Closed { output: closed.output });
                Ok(())
            }
            // Meant for an agent. The official client goes on sending, so do we; but the user may know.
            MessageType::PausePublication => {
                if !std::mem::replace(&mut self.paused, true) {
                    self.outgoing.pause();
                    self.events.push_back(ChannelEvent::Paused);
                }
                Ok(())
            }
            MessageType::StartPublication => {
                self.unpause(now);
                Ok(())
            }
            MessageType::InputStreamData | MessageType::AgentSessionState | MessageType::Other(_) => {
                let name = frame.message_type.as_str().to_owned();
                self.patience.spend(now, Violation::UnknownMessages(name))
            }
        }
    }

    fn handle_acknowledge(&mut self, now: Instant, sequence: i64) -> Result<(), Violation> {
        if sequence >= self.outgoing.next_sequence() {
            return self.patience.spend(now, Violation::NotSent { sequence });
        }
        // Each of our transmissions may be acknowledged, and the network may double both.
        self.acknowledged += 1;
        if self.acknowledged > self.outgoing.transmissions() * 8 + ACKNOWLEDGES_ALLOWED {
            return Err(Violation::TooManyAcknowledges);
        }
        self.outgoing.acknowledge(now, sequence);
        self.tell_round_trip();
        Ok(())
    }

    fn handle_damaged(&mut self, now: Instant, error: FrameError) -> Result<(), Violation> {
        if !std::mem::replace(&mut self.damage_told, true) {
            let notice = format!("a damaged message came and was dropped ({error})");
            self.events.push_back(ChannelEvent::Notice(notice));
        }
        self.patience.spend(now, Violation::BadFrames(error))
    }

    fn handle_stream(&mut self, now: Instant, mut frame: Frame) -> Result<(), Violation> {
        let full = self.unread > UNREAD_LIMIT;
        if full && self.incoming.is_next(&frame) || self.acknowledges.len() >= ACKNOWLEDGES_LIMIT {
            return Ok(());
        }
        // Opened before it is acknowledged: what cannot be opened was never here.
        if let Some(opener) = self.opener.as_ref().filter(|_| is_sealed(frame.payload_type))
            && !self.incoming.has(frame.sequence)
        {
            match opener.open(&frame.payload) {
                Some(content) => frame.payload = content,
                None => {
                    self.wrong_tags += 1;
                    let sequence = frame.sequence;
                    return match self.wrong_tags {
                        WRONG_TAGS.. => Err(Violation::WrongTag { sequence }),
                        _ => Ok(()),
                    };
                }
            }
        }
        let acknowledge = self.composer.acknowledge(now, &frame);
        if self.incoming.accept(frame) == Receipt::Refuse {
            return Ok(());
        }
        self.acknowledges.push_back(acknowledge);
        while let Some(frame) = self.incoming.pop() {
            self.step(now, frame)?;
        }
        Ok(())
    }

    /// Handles one message in its place in the stream.
    fn step(&mut self, now: Instant, frame: Frame) -> Result<(), Violation> {
        let Some(handshake) = self.handshake.take() else { return Ok(()) };
        let (next, effect) = handshake.step(now, &frame)?;
        self.handshake = Some(next);
        match effect {
            Effect::Deliver => self.deliver(frame),
            Effect::StartAndDeliver => {
                self.start();
                self.deliver(frame);
            }
            Effect::Start { message } => {
                self.start();
                if !message.trim().is_empty() {
                    self.events.push_back(ChannelEvent::Notice(message.trim().to_owned()));
                }
            }
            Effect::AskKey { key_id, challenge } => {
                self.events.push_back(ChannelEvent::KeyWanted { key_id, challenge });
            }
            Effect::Answer(answer) => self.answer(answer),
            Effect::MeetChallenge(challenge) => self.meet_challenge(&challenge)?,
            Effect::OutOfPlace { expected } => {
                self.patience.spend(now, Violation::OutOfPlace { got: frame.payload_type, expected })?;
            }
        }
        Ok(())
    }

    fn answer(&mut self, answer: Answer) {
        let Answer { response, until, agent_version, session_type, refusal } = answer;
        self.outgoing.answer(PayloadType::HandshakeResponse, response, Some(until));
        if matches!(session_type, SessionType::Port(_)) {
            self.outgoing.carry_a_port();
        }
        self.events.push_back(ChannelEvent::Handshaken { agent_version, session_type });
        if let Some(refusal) = refusal {
            self.events.push_back(ChannelEvent::Notice(refusal));
        }
    }

    /// The data key that [`ChannelEvent::KeyWanted`] asked for, or why there is none, in words for the user. Encryption
    /// is on from here.
    pub fn provide_key(&mut self, now: Instant, key: Result<DataKey, String>) {
        let state = match self.handshake.take() {
            Some(Handshake::AwaitKey(state)) if !self.ended => state,
            other => {
                self.handshake = other;
                return;
            }
        };
        let ciphertext = key.as_ref().map(DataKey::ciphertext).map_err(String::as_str);
        match state.answer(now, ciphertext) {
            Ok((next, answer)) => {
                self.handshake = Some(next);
                if let Ok(key) = key {
                    if let Some(got) = self.incoming.find(is_sealed) {
                        return self.end(ChannelEvent::Failed(Violation::InClear { got }));
                    }
                    self.opener = Some(Opener::new(key.opening()));
                    self.composer.encrypt(Sealer::new(key.sealing(), self.nonce));
                }
                self.answer(answer);
            }
            Err(next) => {
                self.handshake = Some(next);
                let why = key.err().unwrap_or_else(|| "KMS took too long".to_owned());
                let notice = format!("{why}; the agent waits 15 s for the session's key and no longer");
                self.events.push_back(ChannelEvent::Notice(notice));
            }
        }
    }

    /// Shows the agent that we have both halves of the key.
    fn meet_challenge(&mut self, challenge: &[u8]) -> Result<(), Violation> {
        let content = self.opener.as_ref().and_then(|opener| opener.open(challenge));
        let content =
            content.filter(|content| content.len() <= CHALLENGE_LIMIT).ok_or(Violation::Challenge)?;
        let challenge = self.composer.seal(&content).to_vec();
        let response = EncryptionChallenge { challenge }.encode();
        self.outgoing.answer(PayloadType::EncChallengeResponse, response, None);
        Ok(())
    }

    fn start(&mut self) {
        self.outgoing.start();
        self.events.push_back(ChannelEvent::Ready);
    }

    fn deliver(&mut self, frame: Frame) {
        let event = match frame.payload_type {
            PayloadType::Flag => Flag::parse(&frame.payload).ok().map(ChannelEvent::Flag),
            PayloadType::ExitCode => {
                ExitCode::parse(&frame.payload).ok().map(|code| ChannelEvent::ExitCode(code.0))
            }
            _ => None,
        };
        let data = || ChannelEvent::Data { kind: frame.payload_type, bytes: frame.payload.clone() };
        let event = event.or_else(|| (!frame.payload.is_empty()).then(data));
        if let Some(event) = event {
            self.unread += event.cost();
            self.events.push_back(event);
        }
    }

    /// A sign of life from the agent itself.
    fn hear(&mut self, now: Instant) {
        self.heard = now;
        if std::mem::take(&mut self.silent) {
            self.events.push_back(ChannelEvent::Answering);
        }
        self.unpause(now);
    }

    fn unpause(&mut self, now: Instant) {
        if std::mem::take(&mut self.paused) {
            // It could not answer before.
            self.heard = now;
            self.outgoing.unpause(now);
            // Nobody has seen the pause: nothing to tell, and nothing to pile up.
            match self.events.back() {
                Some(ChannelEvent::Paused) => drop(self.events.pop_back()),
                _ => self.events.push_back(ChannelEvent::Unpaused),
            }
        }
    }

    fn tell_round_trip(&mut self) {
        let Some(round_trip) = self.outgoing.round_trip() else { return };
        let visible = self
            .round_trip
            .is_none_or(|told| told.abs_diff(round_trip) > (told / 10).max(Duration::from_millis(1)));
        if visible {
            self.round_trip = Some(round_trip);
            if matches!(self.events.back(), Some(ChannelEvent::RoundTrip(_))) {
                self.events.pop_back();
            }
            self.events.push_back(ChannelEvent::RoundTrip(round_trip));
        }
    }

    fn end(&mut self, event: ChannelEvent) {
        self.ended = true;
        self.events.push_back(event);
    }

    /// The time that [`poll_timeout`](Self::poll_timeout) named has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.ended || !self.connected {
            return;
        }
        self.outgoing.handle_timeout(now);
        if let Some(at) = self.silence_timeout()
            && at <= now
        {
            self.silent = true;
            self.events.push_back(ChannelEvent::Silent { since: at - SILENCE });
        }
    }

    /// The socket is gone. Nothing is sent and no timer runs until there is a new one.
    pub fn handle_disconnected(&mut self) {
        self.connected = false;
        // Reconnecting is what the user sees now.
        self.silent = false;
        self.paused = false;
    }

    /// A socket is open and OpenDataChannel is on it.
    pub fn handle_reconnected(&mut self, now: Instant) {
        self.connected = true;
        self.heard = now;
        self.outgoing.reconnected();
    }

    /// Takes typed bytes in and returns those for which there is no room: try again after the next
    /// [`poll_transmit`](Self::poll_transmit) that yields a frame. Bytes may be given at any time; they go out when
    /// the session runs. After the end they go nowhere.
    #[must_use = "what is returned was not taken"]
    pub fn send(&mut self, input: Bytes) -> Bytes {
        if self.ended {
            return Bytes::new();
        }
        self.outgoing.input.push(input)
    }

    /// Sends a signal of port sessions, after the bytes that [`send`](Self::send) has taken before.
    pub fn send_flag(&mut self, flag: Flag) {
        if !self.ended {
            self.outgoing.input.push_flag(flag);
        }
    }

    /// Throws away what was given to [`send`](Self::send) and is not on its way yet, and `more` that the caller
    /// still has. If that breaks a bracketed paste, the program is told that the paste is over.
    pub fn discard_input(&mut self, more: Vec<Bytes>) {
        let mut rest = self.outgoing.input.drain();
        rest.extend(more);
        if let Some(end) = input::end_of_broken_paste(&rest) {
            let left = self.outgoing.input.push(end);
            debug_assert!(left.is_empty(), "the queue was just emptied");
        }
    }

    /// The terminal's size is now this. If several come before the next can be sent, the latest is sent.
    pub fn resize(&mut self, size: Size) {
        self.outgoing.resize(size);
    }

    /// The next frame for the socket: acknowledgements first, then what is to be sent again, then what is new.
    pub fn poll_transmit(&mut self, now: Instant) -> Option<Bytes> {
        if !self.connected {
            return None;
        }
        // Also after the end: the agent may wait for the last acknowledgements.
        if let Some(acknowledge) = self.acknowledges.pop_front() {
            return Some(acknowledge);
        }
        if self.ended { None } else { self.outgoing.poll(now, &mut self.composer) }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.ended || !self.connected {
            return None;
        }
        [self.outgoing.timeout(), self.silence_timeout()].into_iter().flatten().min()
    }

    /// When the agent will have been silent for too long.
    fn silence_timeout(&self) -> Option<Instant> {
        let waiting = self.outgoing.waiting_since()?;
        (!self.silent && !self.paused).then(|| waiting.max(self.heard) + SILENCE)
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<ChannelEvent> {
        let event = self.events.pop_front()?;
        self.unread -= event.cost();
        Some(event)
    }

    /// Bytes delivered and not yet polled. Above some bound, stop reading the socket.
    pub fn unread(&self) -> usize {
        self.unread
    }

    /// Whether everything that was sent has arrived.
    pub fn is_idle(&self) -> bool {
        self.outgoing.is_idle()
    }
}

#[cfg(test)]
mod tests;
