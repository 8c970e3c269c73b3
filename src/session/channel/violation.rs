//! How the far side may break the protocol, one variant per rule, and how much of it is put up with.

use std::time::{Duration, Instant};

use crate::session::message::{FrameError, PayloadError, PayloadType};

/// A rule that the far side broke so that the session cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// Too many frames that cannot be read.
    #[error("too many damaged messages, the last one: {0}")]
    BadFrames(FrameError),
    /// Too many acknowledgements that cannot be read.
    #[error("too many damaged acknowledgements, the last one: {0}")]
    BadAcknowledges(PayloadError),
    /// Too many messages of types that do not belong here.
    #[error("too many messages of unknown type, the last one `{0}`")]
    UnknownMessages(String),
    /// Too many stream messages that the state of the session does not allow.
    #[error("too many messages out of place, the last one {got:?}, expected {expected}")]
    OutOfPlace {
        /// What came.
        got: PayloadType,
        /// What could have come.
        expected: &'static str,
    },
    /// The handshake cannot be read, so it cannot be answered.
    #[error("handshake request cannot be read: {0}")]
    Handshake(PayloadError),
    /// The agent wants proof of a key that was never agreed on.
    #[error("encryption challenge without an agreed key")]
    ChallengeWithoutKey,
    /// The agent's challenge does not open with the agreed key.
    #[error("the agent's encryption challenge does not fit the agreed key")]
    Challenge,
    /// What should be encrypted is not.
    #[error("{got:?} in clear in a session that is to be encrypted")]
    InClear {
        /// What came.
        got: PayloadType,
    },
    /// Messages that are not sealed with the agreed key, or were changed on the way.
    #[error("messages cannot be decrypted with the agreed key, the last one number {sequence}")]
    WrongTag {
        /// The last one's number.
        sequence: i64,
    },
    /// Too many acknowledgements of messages that were never sent.
    #[error("too many acknowledgements of messages that were never sent, the last one of number {sequence}")]
    NotSent {
        /// The last one's number.
        sequence: i64,
    },
    /// Many times more acknowledgements than messages.
    #[error("a flood of acknowledgements")]
    TooManyAcknowledges,
    /// The agent starts a session that we refused.
    #[error("session started although its terms were refused")]
    StartedAfterRefusal,
}

/// Faults that may come within [`WINDOW`]: an agent that repeats a damaged message does so ten times a second at
/// most, so that it takes a flood to get past this.
const ALLOWED: u32 = 200;
const WINDOW: Duration = Duration::from_secs(10);

/// Counts what both official ends log and drop. Now and then it is harmless (a newer service may say more than we
/// understand), in a flood it is an attack.
#[derive(Debug)]
pub(super) struct Patience {
    since: Instant,
    count: u32,
}

impl Patience {
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, count: 0 }
    }

    /// Counts one fault; the error is the fault itself, when it was one too many.
    pub(super) fn spend(&mut self, now: Instant, fault: Violation) -> Result<(), Violation> {
        if now.saturating_duration_since(self.since) > WINDOW {
            *self = Self::new(now);
        }
        self.count += 1;
        if self.count > ALLOWED { Err(fault) } else { Ok(()) }
    }
}
