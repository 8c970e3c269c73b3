//! Estimates the round trip and from it how long to wait for an acknowledgement.

use std::time::Duration;

/// Below this the official agent's own delays (1 ms per message, a shared reader) would cost needless resends.
const FLOOR: Duration = Duration::from_millis(200);
/// Before anything is measured; links across the world answer within it.
const INITIAL: Duration = Duration::from_millis(500);
/// However often a message was resent.
const CEILING: Duration = Duration::from_secs(8);

/// Smoothed round trip and variance as in RFC 6298, which the official ends follow without Karn's rule; that rule
/// is the caller's: it gives no sample for a message that was sent more than once.
#[derive(Debug, Clone, Default)]
pub(super) struct Rtt {
    smoothed: Option<Duration>,
    variance: Duration,
    /// Doublings since the last sample. Kept for later messages too: else a link slower than the first guess would
    /// have each message sent twice, and never a sample.
    backoff: u32,
}

impl Rtt {
    pub(super) fn sample(&mut self, sample: Duration) {
        self.backoff = 0;
        match self.smoothed {
            None => {
                self.smoothed = Some(sample);
                self.variance = sample / 2;
            }
            Some(smoothed) => {
                self.variance = (self.variance * 3 + smoothed.abs_diff(sample)) / 4;
                self.smoothed = Some((smoothed * 7 + sample) / 8);
            }
        }
    }

    pub(super) fn smoothed(&self) -> Option<Duration> {
        self.smoothed
    }

    /// How long to wait for the acknowledgement of a message that has been sent `sends` times.
    pub(super) fn timeout(&self, sends: u32) -> Duration {
        let base = match self.smoothed {
            None => INITIAL,
            Some(smoothed) => (smoothed + (self.variance * 4).max(Duration::from_millis(10))).max(FLOOR),
        };
        let doublings = self.backoff.max(sends.saturating_sub(1)).min(6);
        (base * (1 << doublings)).min(CEILING)
    }

    pub(super) fn back_off(&mut self) {
        self.backoff = (self.backoff + 1).min(6);
    }

    pub(super) fn forget_backoff(&mut self) {
        self.backoff = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn timeout_follows_the_samples_between_floor_and_ceiling() {
        let mut rtt = Rtt::default();
        assert_eq!(rtt.timeout(1), INITIAL);
        rtt.sample(ms(400));
        assert_eq!(rtt.timeout(1), ms(1200));
        for _ in 0..100 {
            rtt.sample(ms(1));
        }
        assert_eq!(rtt.timeout(1), FLOOR);
        assert_eq!(rtt.timeout(3), FLOOR * 4);
        assert_eq!(rtt.timeout(u32::MAX), CEILING);
    }

    #[test]
    fn backoff_lasts_until_the_next_sample() {
        let mut rtt = Rtt::default();
        rtt.back_off();
        assert_eq!(rtt.timeout(1), INITIAL * 2);
        rtt.sample(ms(700));
        assert_eq!(rtt.timeout(1), ms(2100));
    }
}
