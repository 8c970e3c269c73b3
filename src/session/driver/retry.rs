//! When to try again, and for how long.

use std::time::{Duration, Instant};

use crate::session::random::Random;

/// The official client starts like this and gives up within seconds, silently.
const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);
/// A closed lid or a lost train connection is over by then, or the session is: its idle time is 20 minutes unless
/// the account says otherwise, and ResumeSession will say so.
const PATIENCE: Duration = Duration::from_secs(30 * 60);

/// One row of attempts, from the loss of a connection until one lasts.
#[derive(Debug)]
pub(super) struct Retry {
    /// When the connection was lost, or first wanted.
    pub(super) since: Instant,
    /// Attempts so far.
    pub(super) attempt: u32,
}

impl Retry {
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, attempt: 0 }
    }

    /// After connections that worked and did not last: as after `attempts` in vain.
    pub(super) fn again(now: Instant, attempts: u32) -> Self {
        Self { since: now, attempt: attempts }
    }

    /// Counts an attempt; how long to wait before it, or `None` when it is time to give up. The first one is made at
    /// once.
    pub(super) fn next(&mut self, now: Instant, random: &mut Random) -> Option<Duration> {
        if now.saturating_duration_since(self.since) > PATIENCE {
            return None;
        }
        self.attempt += 1;
        let doublings = match self.attempt {
            1 => return Some(Duration::ZERO),
            attempt => (attempt - 2).min(6),
        };
        let step = (FIRST * (1 << doublings)).min(LONGEST);
        let jitter = random.below(step.as_millis() as u64);
        Some(step + Duration::from_millis(jitter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_come_at_once_then_ever_slower_until_patience_is_over() {
        let start = Instant::now();
        let mut random = Random::new(1);
        let mut retry = Retry::new(start);
        assert_eq!(retry.next(start, &mut random), Some(Duration::ZERO));
        let mut now = start;
        while let Some(wait) = retry.next(now, &mut random) {
            assert!((FIRST..LONGEST * 2).contains(&wait), "{wait:?}");
            now += wait;
        }
        assert!(now > start + PATIENCE);
        assert!(retry.attempt > 100);
    }
}
