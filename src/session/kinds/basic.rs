//! One connection at a time over one session, for agents of before 3.0.196.1. Pure: no socket, no task, no clock.
//!
//! ```text
//! Waiting ──open──► Open ──close──► Settling (the agent has been told, and has dropped what was on its way) ──► Idle ──open──► …
//! ```
//!
//! The agent connects when the session starts, so what the server says first comes before anybody has connected here:
//! it is held. Later the agent connects again only when there is something to send, and never says that the
//! server has closed.

use std::{
    io::IoSlice,
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::mux::{Held, StreamId, Told};

/// Held for a local program before the session is not read.
const CLOGGED: usize = 1 << 20;
/// What may wait for the session before no more is read from the local program.
const OUTGOING_LIMIT: usize = 32 << 10;
/// A local program that has shut down its sending side gets what still comes, until there is such a silence: the end
/// of the reply cannot be known.
const QUIET: Duration = Duration::from_secs(1);
/// What the agent sent before it was told may come so much later than its receipt.
const SETTLE: Duration = Duration::from_millis(100);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No connection yet; output is for the first.
    Waiting,
    Open {
        stream: StreamId,
        /// The local program sends no more; when it counts as answered.
        quiet_at: Option<Instant>,
    },
    /// Output is of the last connection. Until then, once the agent has got the flag.
    Settling(Option<Instant>),
    Idle,
}

/// What goes to the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Out {
    /// Bytes.
    Bytes(Bytes),
    /// The flag DisconnectToPort; say [`Basic::disconnected`] when it has arrived.
    Disconnect,
}

/// The client's end of a session that carries one connection after another.
#[derive(Debug)]
pub(crate) struct Basic {
    state: State,
    last_id: StreamId,
    held: Held,
    outgoing: std::collections::VecDeque<Out>,
    outgoing_length: usize,
    told: std::collections::VecDeque<Told>,
}

impl Basic {
    pub(crate) fn new() -> Self {
        Self {
            state: State::Waiting,
            last_id: 0,
            held: Held::default(),
            outgoing: Default::default(),
            outgoing_length: 0,
            told: Default::default(),
        }
    }

    pub(crate) fn can_open(&self) -> bool {
        matches!(self.state, State::Waiting | State::Idle)
    }

    pub(crate) fn open(&mut self) -> StreamId {
        self.last_id += 1;
        self.state = State::Open { stream: self.last_id, quiet_at: None };
        if self.held.len() > 0 {
            self.told.push_back(Told::Readable(self.last_id));
        }
        self.last_id
    }

    fn is_open(&self, wanted: StreamId) -> bool {
        matches!(self.state, State::Open { stream, .. } if stream == wanted)
    }

    pub(crate) fn has_room(&self) -> bool {
        self.outgoing_length < OUTGOING_LIMIT
    }

    pub(crate) fn send(&mut self, stream: StreamId, bytes: Bytes) {
        if self.is_open(stream) && !bytes.is_empty() {
            self.outgoing_length += bytes.len();
            self.outgoing.push_back(Out::Bytes(bytes));
        }
    }

    pub(crate) fn local_ended(&mut self, now: Instant, stream: StreamId) {
        if self.is_open(stream) {
            self.state = State::Open { stream, quiet_at: Some(now + QUIET) };
        }
    }

    pub(crate) fn close(&mut self, stream: StreamId) {
        if self.is_open(stream) {
            self.state = State::Settling(None);
            self.held = Held::default();
            self.outgoing.push_back(Out::Disconnect);
        }
    }

    /// The agent has got the flag.
    pub(crate) fn disconnected(&mut self, now: Instant) {
        if self.state == State::Settling(None) {
            self.state = State::Settling(Some(now + SETTLE));
        }
    }

    pub(crate) fn poll_transmit(&mut self) -> Option<Out> {
        let out = self.outgoing.pop_front()?;
        if let Out::Bytes(bytes) = &out {
            self.outgoing_length -= bytes.len();
        }
        Some(out)
    }

    pub(crate) fn handle(&mut self, now: Instant, bytes: Bytes) {
        match &mut self.state {
            State::Waiting => {}
            State::Open { stream, quiet_at } => {
                if self.held.len() == 0 {
                    self.told.push_back(Told::Readable(*stream));
                }
                if let Some(at) = quiet_at {
                    *at = now + QUIET;
                }
            }
            State::Settling(_) | State::Idle => return,
        }
        self.held.push(bytes);
    }

    pub(crate) fn poll(&mut self) -> Option<Told> {
        self.told.pop_front()
    }

    pub(crate) fn slices<'a>(&'a self, stream: StreamId, slices: &mut [IoSlice<'a>]) -> usize {
        if self.is_open(stream) { self.held.slices(slices) } else { 0 }
    }

    pub(crate) fn consume(&mut self, stream: StreamId, count: usize) {
        if self.is_open(stream) {
            self.held.consume(count);
        }
    }

    pub(crate) fn is_reading(&self) -> bool {
        self.held.len() < CLOGGED
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Open { quiet_at, .. } if self.held.len() == 0 => quiet_at,
            State::Settling(at) => at,
            _ => None,
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_none_or(|at| at > now) {
            return;
        }
        match self.state {
            State::Open { stream, .. } => {
                self.close(stream);
                self.told.push_back(Told::Finished(stream));
            }
            State::Settling(_) => self.state = State::Idle,
            State::Waiting | State::Idle => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(basic: &Basic, stream: StreamId) -> String {
        let mut slices = [IoSlice::new(&[]); 8];
        let count = basic.slices(stream, &mut slices);
        slices[..count].iter().map(|slice| String::from_utf8_lossy(slice).into_owned()).collect()
    }

    #[test]
    fn a_greeting_waits_for_the_first_connection_and_leftovers_do_not_reach_the_second() {
        let mut now = Instant::now();
        let mut basic = Basic::new();
        basic.handle(now, Bytes::from_static(b"220 hello"));
        assert_eq!(basic.poll(), None);
        let first = basic.open();
        assert!(!basic.can_open());
        assert_eq!(basic.poll(), Some(Told::Readable(first)));
        assert_eq!(text(&basic, first), "220 hello");
        basic.consume(first, 9);
        basic.send(first, Bytes::from_static(b"QUIT"));
        basic.close(first);
        assert_eq!(basic.poll_transmit(), Some(Out::Bytes(Bytes::from_static(b"QUIT"))));
        assert_eq!(basic.poll_transmit(), Some(Out::Disconnect));
        basic.handle(now, Bytes::from_static(b"late"));
        assert!(!basic.can_open());
        assert_eq!(basic.poll_timeout(), None, "the agent has not got the flag");
        basic.disconnected(now);
        basic.handle(now, Bytes::from_static(b"later"));
        now += SETTLE;
        basic.handle_timeout(now);
        let second = basic.open();
        assert_ne!(first, second);
        assert_eq!(text(&basic, second), "");
        basic.handle(now, Bytes::from_static(b"new"));
        assert_eq!(text(&basic, second), "new");
        basic.consume(first, 3);
        assert_eq!(text(&basic, second), "new", "the first has no say any more");
    }

    #[test]
    fn a_half_closed_connection_gets_its_reply_and_ends_after_a_silence() {
        let mut now = Instant::now();
        let mut basic = Basic::new();
        let stream = basic.open();
        basic.local_ended(now, stream);
        now += QUIET / 2;
        basic.handle(now, Bytes::from_static(b"reply"));
        assert_eq!(basic.poll(), Some(Told::Readable(stream)));
        assert_eq!(basic.poll_timeout(), None, "the local program has not taken it");
        basic.consume(stream, 5);
        assert_eq!(basic.poll_timeout(), Some(now + QUIET));
        now += QUIET;
        basic.handle_timeout(now);
        assert_eq!(basic.poll(), Some(Told::Finished(stream)));
        assert_eq!(basic.poll_transmit(), Some(Out::Disconnect));
    }
}
