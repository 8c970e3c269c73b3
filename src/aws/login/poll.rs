//! When to ask again whether the user has confirmed the code (RFC 8628, 3.5). Pure: time comes in as an argument.
//!
//! ```text
//!   asked ── pending ──> wait interval ──> ask
//!         ── slow down ─> interval + 5 s ─> ask
//!         ── no answer ─> wait interval ──> ask
//!         ── confirmed, denied, expired, or past the deadline ─> over
//! ```

use std::time::{Duration, SystemTime};

/// Where the service names none (RFC 8628, 3.2).
const USUAL_INTERVAL: Duration = Duration::from_secs(5);
/// Added for each "slow down" (RFC 8628, 3.5).
const SLOWER: Duration = Duration::from_secs(5);

/// What the service said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Pending,
    SlowDown,
    /// None came; the next may.
    Lost,
    Denied,
    Expired,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    AskAfter(Duration),
    Denied,
    Expired,
}

#[derive(Debug)]
pub(super) struct Poll {
    interval: Duration,
    deadline: SystemTime,
}

impl Poll {
    /// `interval` in seconds as the service names it; none or nonsense means the usual one.
    pub(super) fn new(interval: i32, deadline: SystemTime) -> Self {
        let named = u64::try_from(interval).ok().filter(|seconds| *seconds > 0).map(Duration::from_secs);
        Self { interval: named.unwrap_or(USUAL_INTERVAL), deadline }
    }

    pub(super) fn after(&mut self, answer: Answer, now: SystemTime) -> Next {
        match answer {
            Answer::Denied => return Next::Denied,
            Answer::Expired => return Next::Expired,
            Answer::SlowDown => self.interval += SLOWER,
            Answer::Pending | Answer::Lost => {}
        }
        if now + self.interval >= self.deadline { Next::Expired } else { Next::AskAfter(self.interval) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_sets_the_pace() {
        let start = SystemTime::UNIX_EPOCH;
        let after = |seconds| start + Duration::from_secs(seconds);
        let wait = |seconds| Next::AskAfter(Duration::from_secs(seconds));
        let mut poll = Poll::new(1, after(600));
        assert_eq!(poll.after(Answer::Pending, start), wait(1));
        assert_eq!(poll.after(Answer::SlowDown, after(1)), wait(6));
        assert_eq!(poll.after(Answer::Pending, after(7)), wait(6), "for good");
        assert_eq!(poll.after(Answer::Lost, after(13)), wait(6));
        assert_eq!(poll.after(Answer::SlowDown, after(19)), wait(11));
        assert_eq!(
            poll.after(Answer::Pending, after(589)),
            Next::Expired,
            "the next look would come too late"
        );
        assert_eq!(Poll::new(0, after(600)).after(Answer::Pending, start), wait(5));
        assert_eq!(Poll::new(-1, after(600)).after(Answer::Pending, start), wait(5));
    }

    #[test]
    fn a_no_is_final() {
        let mut poll = Poll::new(1, SystemTime::UNIX_EPOCH + Duration::from_secs(600));
        assert_eq!(poll.after(Answer::Denied, SystemTime::UNIX_EPOCH), Next::Denied);
        assert_eq!(poll.after(Answer::Expired, SystemTime::UNIX_EPOCH), Next::Expired);
    }
}
