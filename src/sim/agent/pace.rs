//! How fast the official agent reads from a connection: at most 1024 bytes, then it sleeps for a millisecond.
//!
//! With what waking, reading and sending take besides that makes 0.78 to 0.81 MB/s, measured on loopback. Timers here are too coarse to
//! sleep for a millisecond each time, so a read that comes late makes up for it with the next.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// From one read to the next.
const PERIOD: Duration = Duration::from_micros(1280);
/// How far reads may run ahead, having been late.
const SLACK: Duration = Duration::from_millis(4);

/// The pace of one pump.
#[derive(Debug)]
pub(super) struct Pace {
    /// When the next read would be due; `None`: there is no pace.
    due: Option<Instant>,
}

impl Pace {
    pub(super) fn new(unpaced: bool) -> Self {
        Self { due: (!unpaced).then(Instant::now) }
    }

    /// Waits until the next read may be.
    pub(super) async fn wait(&mut self) {
        let Some(due) = self.due else { return };
        if due > Instant::now() {
            sleep_until(due).await;
        }
        self.read(Instant::now());
    }

    fn read(&mut self, now: Instant) {
        let earliest = now.checked_sub(SLACK).unwrap_or(now);
        self.due = self.due.map(|due| due.max(earliest) + PERIOD);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_reads_take_as_long_as_the_official_agent_takes_though_each_comes_late() {
        let start = Instant::now();
        let mut pace = Pace { due: Some(start) };
        let mut now = start;
        for read in 0..1000 {
            now = now.max(pace.due.unwrap()) + Duration::from_micros(read % 900);
            pace.read(now);
        }
        let took = (now - start).as_millis();
        assert!((1270..1290).contains(&took), "{took} ms");
    }

    #[test]
    fn a_rest_is_not_made_up_for() {
        let start = Instant::now();
        let mut pace = Pace { due: Some(start) };
        let later = start + Duration::from_secs(1);
        let mut reads = 0;
        while pace.due.unwrap() <= later {
            pace.read(later);
            reads += 1;
        }
        assert_eq!(reads, 4, "as many as fit into the slack");
    }
}
