//! Notices that the machine slept: the time of day went on and the program did not, or the program's own clock jumped.
//!
//! On Linux and macOS the monotonic clock stands still while a laptop is closed, and so do all timers: without this a
//! connection that died meanwhile would be found dead by the next ping only.

use std::time::{Duration, Instant, SystemTime};

/// How often to look, at least.
pub(super) const LOOK: Duration = Duration::from_secs(5);
/// Less than this may be a correction of the clock, and harms no connection.
const LEAST: Duration = Duration::from_secs(4);
/// For so long nobody looks away who is awake: where the monotonic clock counts sleep, this is it.
const ASTRAY: Duration = Duration::from_secs(60);

/// What the clocks said last.
#[derive(Debug)]
pub(super) struct Nap {
    now: Instant,
    wall: SystemTime,
}

impl Nap {
    pub(super) fn new(now: Instant, wall: SystemTime) -> Self {
        Self { now, wall }
    }

    /// How long the machine slept since the last look, if it did.
    pub(super) fn look(&mut self, now: Instant, wall: SystemTime) -> Option<Duration> {
        let awake = now.saturating_duration_since(self.now);
        let passed = wall.duration_since(self.wall).unwrap_or_default();
        *self = Self::new(now, wall);
        let slept = if awake >= ASTRAY { awake } else { passed.saturating_sub(awake) };
        (slept >= LEAST).then_some(slept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn sleep_is_told_from_waking_and_from_a_corrected_clock() {
        let (now, wall) = (Instant::now(), SystemTime::now());
        let mut nap = Nap::new(now, wall);
        assert_eq!(nap.look(now + secs(5), wall + secs(5)), None);
        assert_eq!(nap.look(now + secs(10), wall + secs(12)), None, "set forward a little");
        assert_eq!(nap.look(now + secs(15), wall - secs(3600)), None, "set back");
        assert_eq!(nap.look(now + secs(20), wall - secs(3595)), None);
        assert_eq!(nap.look(now + secs(21), wall), Some(secs(3594)), "the clock of Linux stood still");
        assert_eq!(nap.look(now + secs(22), wall + secs(1)), None, "told once");
        assert_eq!(nap.look(now + secs(622), wall + secs(601)), Some(secs(600)), "that of Windows went on");
    }
}
