//! How connections travel over a session: by the multiplexer or one at a time. Which, the agent's version decides.

use std::{io::IoSlice, time::Instant};

use bytes::{Buf, Bytes, BytesMut};

use super::{
    basic::{Basic, Out},
    forward::Mode,
    mux::{Mux, StreamId, Told},
};
use crate::session::message::smux::{HEADER_LENGTH, SmuxError};

/// What an agent can, by the official client's rule: four numbers, compared one by one; anything else can nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Abilities {
    pub(crate) mode: Mode,
    /// The multiplexer's keepalives are wanted.
    pub(crate) keep_alive: bool,
    /// It knows the flag TerminateSession.
    pub(crate) terminate_flag: bool,
}

impl Abilities {
    pub(crate) fn of(agent_version: Option<&str>) -> Self {
        let version = agent_version.and_then(parse);
        let later_than = |floor: [u64; 4]| version.is_some_and(|version| version > floor);
        Self {
            mode: if later_than([3, 0, 196, 0]) { Mode::Mux } else { Mode::Basic },
            keep_alive: !later_than([3, 1, 1511, 0]),
            terminate_flag: later_than([2, 3, 722, 0]),
        }
    }
}

fn parse(version: &str) -> Option<[u64; 4]> {
    let mut parts = version.split('.').map(|part| part.parse().ok());
    let numbers = [parts.next()??, parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(numbers)
}

/// One of the two ways.
#[derive(Debug)]
pub(crate) enum Carrier {
    Mux(Box<Mux>),
    Basic(Basic),
}

impl Carrier {
    pub(crate) fn new(now: Instant, abilities: Abilities) -> Self {
        match abilities.mode {
            Mode::Mux => Self::Mux(Box::new(Mux::new(now, abilities.keep_alive))),
            Mode::Basic => Self::Basic(Basic::new()),
        }
    }

    /// Whether one more connection can travel now.
    pub(crate) fn can_open(&self) -> bool {
        match self {
            Self::Mux(_) => true,
            Self::Basic(basic) => basic.can_open(),
        }
    }

    pub(crate) fn open(&mut self) -> StreamId {
        match self {
            Self::Mux(mux) => mux.open(),
            Self::Basic(basic) => basic.open(),
        }
    }

    /// Whether to read from local programs.
    pub(crate) fn has_room(&self) -> bool {
        match self {
            Self::Mux(mux) => mux.has_room(),
            Self::Basic(basic) => basic.has_room(),
        }
    }

    /// `frame` starts with a gap of [`HEADER_LENGTH`] bytes.
    pub(crate) fn send(&mut self, stream: StreamId, mut frame: BytesMut) {
        match self {
            Self::Mux(mux) => mux.send(stream, frame),
            Self::Basic(basic) => {
                frame.advance(HEADER_LENGTH);
                basic.send(stream, frame.freeze());
            }
        }
    }

    pub(crate) fn local_ended(&mut self, now: Instant, stream: StreamId) {
        match self {
            Self::Mux(mux) => mux.local_ended(now, stream),
            Self::Basic(basic) => basic.local_ended(now, stream),
        }
    }

    pub(crate) fn close(&mut self, stream: StreamId) {
        match self {
            Self::Mux(mux) => mux.close(stream),
            Self::Basic(basic) => basic.close(stream),
        }
    }

    pub(crate) fn poll_transmit(&mut self) -> Option<Out> {
        match self {
            Self::Mux(mux) => mux.poll_transmit().map(Out::Bytes),
            Self::Basic(basic) => basic.poll_transmit(),
        }
    }

    /// The flag of [`Out::Disconnect`] has arrived.
    pub(crate) fn disconnected(&mut self, now: Instant) {
        if let Self::Basic(basic) = self {
            basic.disconnected(now);
        }
    }

    pub(crate) fn handle(&mut self, now: Instant, bytes: Bytes) -> Result<(), SmuxError> {
        match self {
            Self::Mux(mux) => mux.handle(now, bytes),
            Self::Basic(basic) => {
                basic.handle(now, bytes);
                Ok(())
            }
        }
    }

    pub(crate) fn handle_refusal(&mut self) {
        if let Self::Mux(mux) = self {
            mux.handle_refusal();
        }
    }

    pub(crate) fn poll(&mut self) -> Option<Told> {
        match self {
            Self::Mux(mux) => mux.poll(),
            Self::Basic(basic) => basic.poll(),
        }
    }

    pub(crate) fn slices<'a>(&'a self, stream: StreamId, slices: &mut [IoSlice<'a>]) -> usize {
        match self {
            Self::Mux(mux) => mux.slices(stream, slices),
            Self::Basic(basic) => basic.slices(stream, slices),
        }
    }

    pub(crate) fn consume(&mut self, stream: StreamId, count: usize) {
        match self {
            Self::Mux(mux) => mux.consume(stream, count),
            Self::Basic(basic) => basic.consume(stream, count),
        }
    }

    pub(crate) fn is_reading(&self) -> bool {
        match self {
            Self::Mux(mux) => mux.is_reading(),
            Self::Basic(basic) => basic.is_reading(),
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Mux(mux) => mux.poll_timeout(),
            Self::Basic(basic) => basic.poll_timeout(),
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        match self {
            Self::Mux(mux) => mux.handle_timeout(now),
            Self::Basic(basic) => basic.handle_timeout(now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mode_follows_the_official_rule_at_its_edges() {
        let of = |version| {
            let abilities = Abilities::of(Some(version));
            (abilities.mode, abilities.keep_alive, abilities.terminate_flag)
        };
        assert_eq!(of("2.3.722.0"), (Mode::Basic, true, false));
        assert_eq!(of("2.3.722.1"), (Mode::Basic, true, true));
        assert_eq!(of("3.0.196.0"), (Mode::Basic, true, true));
        assert_eq!(of("3.0.197.0"), (Mode::Mux, true, true));
        assert_eq!(of("3.1.1511.0"), (Mode::Mux, true, true));
        assert_eq!(of("3.1.1511.1"), (Mode::Mux, false, true));
        assert_eq!(of("3.10.1.0"), (Mode::Mux, false, true), "numbers, not text");
        for odd in ["", "3.3.987", "3.3.987.0.1", "3.3.x.0", "latest"] {
            assert_eq!(of(odd), (Mode::Basic, true, false), "{odd}");
        }
        assert_eq!(Abilities::of(None), Abilities::of(Some("")));
    }
}
