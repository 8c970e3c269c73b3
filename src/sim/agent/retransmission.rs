//! When the agent takes a frame for lost. Constants and arithmetic of the official agent (`config.go`,
//! `calculateRetransmissionTimeout`): no lower bound, no Karn rule, no back-off.

use std::time::Duration;

const DEFAULT_ROUND_TRIP: Duration = Duration::from_millis(100);
const DEFAULT_TIMEOUT: Duration = Duration::from_millis(200);
const CLOCK_GRANULARITY: Duration = Duration::from_millis(10);
const MAX_TIMEOUT: Duration = Duration::from_secs(1);

/// The estimate of the round trip.
#[derive(Debug, Clone, Copy)]
pub(super) struct Estimate {
    /// Nanoseconds, as the official agent keeps them.
    round_trip: f64,
    variation: f64,
    timeout: Duration,
}

impl Estimate {
    pub(super) fn new() -> Self {
        Self { round_trip: DEFAULT_ROUND_TRIP.as_nanos() as f64, variation: 0.0, timeout: DEFAULT_TIMEOUT }
    }

    /// A frame is taken for lost if it was sent longer ago than this.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// A frame was acknowledged so long after it was last sent.
    pub(super) fn sample(&mut self, took: Duration) {
        let took = took.as_nanos() as f64;
        self.variation = 0.75 * self.variation + 0.25 * (self.round_trip - took).abs();
        self.round_trip = 0.875 * self.round_trip + 0.125 * took;
        let margin = (4.0 * self.variation).max(CLOCK_GRANULARITY.as_nanos() as f64);
        let timeout = (self.round_trip + margin).min(MAX_TIMEOUT.as_nanos() as f64);
        self.timeout = Duration::from_nanos(timeout as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_formula_is_that_of_the_official_agent() {
        let mut estimate = Estimate::new();
        assert_eq!(estimate.timeout(), Duration::from_millis(200));
        estimate.sample(Duration::from_millis(20));
        // variation 20, round trip 90, timeout 90 + 4 × 20
        assert_eq!(estimate.timeout(), Duration::from_millis(170));
        estimate.sample(Duration::from_millis(20));
        // variation 15 + 17.5 = 32.5, round trip 78.75 + 2.5 = 81.25, timeout 211.25
        assert_eq!(estimate.timeout(), Duration::from_micros(211_250));
    }

    #[test]
    fn the_timeout_has_a_ceiling_and_no_floor_but_the_clock() {
        let mut estimate = Estimate::new();
        for _ in 0..300 {
            estimate.sample(Duration::ZERO);
        }
        assert!(estimate.timeout() < Duration::from_millis(11), "{:?}", estimate.timeout());
        for _ in 0..300 {
            estimate.sample(Duration::from_secs(9));
        }
        assert_eq!(estimate.timeout(), MAX_TIMEOUT);
    }
}
