//! What the channel has to tell.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::Violation;
use crate::session::message::{Flag, PayloadType, SessionType};

/// What the channel has to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChannelEvent {
    /// The agent wants the session encrypted: get a data key and call [`Channel::provide_key`](super::Channel::provide_key).
    /// It waits 15 s for the answer. Told once.
    KeyWanted {
        /// The KMS key to make the data key with.
        key_id: String,
        /// For the encryption context, if the agent sent one.
        challenge: Option<String>,
    },
    /// The agent asked for a handshake and is answered.
    Handshaken {
        /// What it says of itself.
        agent_version: String,
        /// What it starts.
        session_type: SessionType,
    },
    /// The session runs.
    Ready,
    /// Bytes from the agent; never empty.
    Data {
        /// `Output`, `StdErr`, or an `ExitCode` that cannot be read.
        kind: PayloadType,
        /// The payload.
        bytes: Bytes,
    },
    /// How a command ended.
    ExitCode(i32),
    /// A signal of a port session.
    Flag(Flag),
    /// A sentence for the user.
    Notice(String),
    /// The agent owes us an acknowledgement for so long that something must be wrong.
    Silent {
        /// Since when.
        since: Instant,
    },
    /// It gave a sign, after `Silent`.
    Answering,
    /// The service says that the agent is away.
    Paused,
    /// It is back, after `Paused`.
    Unpaused,
    /// The smoothed round trip has changed visibly.
    RoundTrip(Duration),
    /// The far side ended the session. The last event.
    Closed {
        /// Its words, verbatim.
        output: String,
    },
    /// The far side broke a rule. The last event.
    Failed(Violation),
}

impl ChannelEvent {
    /// What an event of the agent's holds of memory until it is polled, so that a flood of tiny ones is bounded too.
    pub(super) fn cost(&self) -> usize {
        match self {
            Self::Data { bytes, .. } => bytes.len() + 256,
            Self::ExitCode(_) | Self::Flag(_) => 256,
            _ => 0,
        }
    }
}
