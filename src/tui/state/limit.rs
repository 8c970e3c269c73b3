//! How long a session may last, counted down (peers c18): so long without data in either direction, so long in all.
//!
//! Nothing ticks but what is shown: minutes while there are more than two, then seconds.

use std::time::{Duration, Instant};

/// From here on the end is told across the session.
pub const WARN: Duration = Duration::from_secs(120);

/// The limits of one session, as far as they are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Without data it lasts so long.
    pub idle: Option<Duration>,
    /// It lasts so long in all.
    pub maximum: Option<Duration>,
    /// When it began.
    began: Instant,
    /// When data last went one way or the other.
    active: Instant,
    /// The warning for this idleness was given.
    pub warned: bool,
}

/// Which limit ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// No data.
    Idle,
    /// Its whole time.
    Maximum,
}

impl Limits {
    /// Of a session that begins now.
    pub fn new(now: Instant) -> Self {
        Self { idle: None, maximum: None, began: now, active: now, warned: false }
    }

    /// The session has begun.
    pub fn begin(&mut self, now: Instant) {
        (self.began, self.active) = (now, now);
    }

    /// Data went one way or the other; whether what is shown of the limits changes with it.
    pub fn active(&mut self, now: Instant) -> bool {
        let before = self.idle_words(now);
        self.active = now;
        if self.left(Limit::Maximum, now).is_none_or(|left| left > WARN) {
            self.warned = false;
        }
        before != self.idle_words(now)
    }

    /// What is left before silence ends it, as it is shown.
    pub fn idle_words(&self, now: Instant) -> Option<String> {
        self.left(Limit::Idle, now).map(words)
    }

    /// What is left of a limit.
    pub fn left(&self, limit: Limit, now: Instant) -> Option<Duration> {
        let (whole, since) = match limit {
            Limit::Idle => (self.idle?, self.active),
            Limit::Maximum => (self.maximum?, self.began),
        };
        Some(whole.saturating_sub(now.saturating_duration_since(since)))
    }

    /// The limit that is reached first, if it is near.
    pub fn near(&self, now: Instant) -> Option<(Limit, Duration)> {
        [Limit::Idle, Limit::Maximum]
            .into_iter()
            .filter_map(|limit| Some((limit, self.left(limit, now)?)))
            .filter(|(_, left)| *left <= WARN)
            .min_by_key(|(_, left)| *left)
    }

    /// When what is shown of it changes next.
    pub fn next_tick(&self, now: Instant) -> Option<Instant> {
        let change = |left: Duration| {
            let unit = unit(left);
            (!left.is_zero()).then(|| now + (left - unit * (steps(left, unit) - 1)))
        };
        [Limit::Idle, Limit::Maximum].into_iter().filter_map(|limit| change(self.left(limit, now)?)).min()
    }

    /// When the warning is due, if it has not been given.
    pub fn warn_at(&self, now: Instant) -> Option<Instant> {
        if self.warned {
            return None;
        }
        [Limit::Idle, Limit::Maximum]
            .into_iter()
            .filter_map(|limit| self.left(limit, now))
            .min()
            .map(|left| now + left.saturating_sub(WARN))
    }
}

/// What is left, in its unit and rounded up: `3 h`, `18 min`, `1:43`.
pub fn words(left: Duration) -> String {
    let unit = unit(left);
    let steps = steps(left, unit);
    match unit.as_secs() {
        1 => format!("{}:{:02}", steps / 60, steps % 60),
        60 => format!("{steps} min"),
        _ => format!("{steps} h"),
    }
}

fn unit(left: Duration) -> Duration {
    Duration::from_secs(match left.as_secs_f64() {
        left if left <= 120.0 => 1,
        left if left <= 7200.0 => 60,
        _ => 3600,
    })
}

fn steps(left: Duration, unit: Duration) -> u32 {
    u32::try_from(left.as_nanos().div_ceil(unit.as_nanos())).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn peers_c18_the_end_is_counted_down_and_data_puts_it_off() {
        let start = Instant::now();
        let mut limits = Limits::new(start);
        assert_eq!(
            (limits.next_tick(start), limits.warn_at(start)),
            (None, None),
            "nothing is known: nothing ticks"
        );
        limits.idle = Some(20 * MINUTE);
        limits.maximum = Some(60 * MINUTE);
        let at = start + 17 * MINUTE;
        assert_eq!(limits.left(Limit::Idle, at), Some(3 * MINUTE));
        assert_eq!(limits.warn_at(at), Some(start + 18 * MINUTE));
        let at = start + 18 * MINUTE;
        assert_eq!(limits.near(at), Some((Limit::Idle, 2 * MINUTE)));
        limits.warned = true;
        limits.active(at);
        assert!(!limits.warned && limits.near(at).is_none());
        assert_eq!(
            limits.left(Limit::Maximum, at),
            Some(42 * MINUTE),
            "data does not put off the longest time"
        );
        let at = start + 59 * MINUTE;
        limits.active(at);
        assert_eq!(limits.near(at), Some((Limit::Maximum, MINUTE)));
    }

    #[test]
    fn it_ticks_once_a_minute_and_in_the_last_two_minutes_once_a_second() {
        let start = Instant::now();
        let mut limits = Limits::new(start);
        limits.idle = Some(5 * MINUTE);
        let (mut at, mut shown, mut ticks) = (start, vec![words(5 * MINUTE)], 0);
        while let Some(next) = limits.next_tick(at) {
            assert!(next > at);
            at = next;
            ticks += 1;
            shown.push(words(limits.left(Limit::Idle, at).unwrap()));
        }
        assert_eq!(ticks, 3 + 120);
        assert_eq!(shown[..4], ["5 min", "4 min", "3 min", "2:00"]);
        assert_eq!(shown.last().unwrap(), "0:00");
        assert!(shown.windows(2).all(|pair| pair[0] != pair[1]), "no tick is for nothing");
        assert_eq!(words(Duration::from_secs(10 * 3600)), "10 h");
        assert_eq!(words(Duration::from_millis(102_100)), "1:43");
    }
}
