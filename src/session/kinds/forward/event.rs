//! What a forward is to do, and what happens in it.

use std::{path::PathBuf, time::Duration};

use crate::session::{event::End, service::SessionId};

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// On a TCP port.
    Tcp {
        /// `localhost` is both families; else an address or a name.
        host: String,
        /// 0 is a free one.
        port: u16,
    },
    /// On a Unix socket that only this user may use.
    Unix(PathBuf),
    /// As the document's properties say (port, Unix socket or a free port); known after the handshake.
    Document {
        /// For TCP.
        host: String,
    },
}

/// What a forward is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Where to listen.
    pub listen: Listen,
    /// Sessions that share the connections, at least one. All are started at once.
    pub lanes: usize,
}

/// How connections travel, by the agent's version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Old agents: one connection at a time.
    Basic,
    /// Many at once.
    Mux,
}

/// What happened. `Ended` comes last, and exactly once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForwardEvent {
    /// Connections are accepted.
    Listening {
        /// "127.0.0.1:8080", or the path of the Unix socket.
        address: String,
    },
    /// A session runs for the first time.
    Lane {
        /// Counts from 0.
        lane: usize,
        /// Its session.
        id: SessionId,
        /// What the agent says of itself.
        agent_version: Option<String>,
        /// How connections travel on it.
        mode: Mode,
    },
    /// A local program has connected.
    Accepted {
        /// Counts from 1 within the forward.
        connection: u64,
        /// Who; empty for Unix sockets.
        peer: String,
        /// The session that carries it.
        lane: usize,
    },
    /// A connection is over.
    Closed {
        /// Which.
        connection: u64,
        /// Bytes towards the far side.
        sent: u64,
        /// Bytes from there.
        received: u64,
        /// How it ended.
        outcome: Outcome,
    },
    /// The far side cannot connect; the local program was told by a reset. Instead of `Closed`.
    Refused {
        /// Which.
        connection: u64,
        /// For the user.
        why: String,
    },
    /// Totals; at most four a second, while they change.
    Traffic(Traffic),
    /// The connection of a session is lost, or the session itself; a new one is being made.
    Reconnecting {
        /// Which.
        lane: usize,
        /// The attempt that comes now; counts from 1.
        attempt: u32,
        /// Why the last one ended.
        cause: String,
    },
    /// The connection of a session is back, nothing was lost.
    Resumed {
        /// Which.
        lane: usize,
        /// How long it was gone.
        away: Duration,
    },
    /// A new session is in the place of one that is over; the connections of that one are lost.
    Restarted {
        /// Which.
        lane: usize,
        /// The new session.
        id: SessionId,
    },
    /// The session's far side does not answer. Over with `Answering`, `Reconnecting` or `Restarted`.
    Silent {
        /// Which.
        lane: usize,
    },
    /// It answers again.
    Answering {
        /// Which.
        lane: usize,
    },
    /// A sentence for the user.
    Notice(String),
    /// The forward is over: nothing listens, no session is left.
    Ended(End),
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The far side closed it, and all that it sent has been handed over.
    Finished,
    /// The local program is gone.
    Left,
    /// The session under it is over.
    Lost,
    /// The local program did not read what came, and others waited for it.
    Unread,
}

/// What a forward has carried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes towards the far side.
    pub sent: u64,
    /// Bytes from there.
    pub received: u64,
    /// Connections now.
    pub open: usize,
    /// Connections ever.
    pub accepted: u64,
}
