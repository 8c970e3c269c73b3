//! What happens in a session, as its owner sees it.

use std::{
    fmt,
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::message::{Flag, SessionType};

/// What happened. `Ended` comes last, and exactly once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The WebSocket is open and the channel asked for; the agent has not spoken yet.
    SocketOpen,
    /// The agent asked for a handshake and was answered.
    Handshaken {
        /// What it says of itself.
        agent_version: Option<String>,
        /// What kind of session it starts.
        session_type: SessionType,
    },
    /// The session runs (first output, or the handshake is complete). What was typed before is sent now.
    Ready,
    /// Bytes of the terminal, of standard output, of the port. Never empty.
    Output(Bytes),
    /// Bytes of standard error, where the command keeps it apart; a terminal shows them like `Output`. Never empty.
    ErrorOutput(Bytes),
    /// How the command ended; only commands with separate output say it. Killed by a signal: -1.
    ExitCode(i32),
    /// A signal of the agent in a port session, in its place among the output.
    Flag(Flag),
    /// A sentence for the user from the agent or about the session.
    Notice(String),
    /// The connection is lost and a new one is being made.
    Reconnecting {
        /// The attempt that comes now; counts from 1.
        attempt: u32,
        /// Why the last connection or attempt ended.
        cause: String,
    },
    /// The connection is back; nothing was lost.
    Resumed {
        /// How long it was gone.
        away: Duration,
    },
    /// The far side does not answer, though the connection seems to stand. Over with `Answering` or `Reconnecting`.
    Silent {
        /// Since when we wait.
        since: Instant,
    },
    /// It answers again, after `Silent`.
    Answering,
    /// The service says that the agent is away; what is typed waits. Over with `Unpaused` or `Reconnecting`.
    Paused,
    /// The agent is back, after `Paused`.
    Unpaused,
    /// Smoothed time from sending to acknowledgement; told when it has changed visibly.
    RoundTrip(Duration),
    /// The session is over.
    Ended(End),
}

/// Why a session is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The far side ended it.
    Closed {
        /// What it said, verbatim; empty after an ordinary `exit`.
        output: String,
    },
    /// We ended it.
    Terminated,
    /// It ended while we were away: by its idle time, by an `exit` or by someone else; the service says only that it is gone.
    TimedOut,
    /// AWS refuses, and asking again will not help.
    Refused(String),
    /// The connection is lost and did not come back.
    Lost(String),
    /// The far side broke the protocol.
    Protocol(String),
}

impl End {
    /// One word for the log: the far side's own words may be session data.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Closed { .. } => "closed",
            Self::Terminated => "terminated",
            Self::TimedOut => "timed out",
            Self::Refused(_) => "refused",
            Self::Lost(_) => "lost",
            Self::Protocol(_) => "protocol",
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed { output } => {
                match output.trim().trim_start_matches("----------ERROR-------").trim() {
                    "" => f.write_str("session ended"),
                    output => write!(f, "session ended: {output}"),
                }
            }
            Self::Terminated => f.write_str("session ended by you"),
            Self::TimedOut => f.write_str("session ended while the connection was away"),
            Self::Refused(why) => write!(f, "refused: {why}"),
            Self::Lost(why) => write!(f, "connection lost: {why}"),
            Self::Protocol(why) => write!(f, "the far side broke the protocol: {why}"),
        }
    }
}
