//! One direction of one socket: which of its frames are lost, doubled, overtaken or late. Pure; the same seed makes the
//! same choices, whatever the timing.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use bytes::Bytes;

use crate::sim::fault::Fault;

/// What happens to frames, in shares from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Weather {
    lost: f64,
    doubled: f64,
    overtaken: f64,
    delay: Duration,
}

impl Weather {
    /// The part of a region's faults that concerns frames; of several of one kind the last counts.
    pub(super) fn from_faults(faults: &[Fault]) -> Self {
        let mut weather = Self::default();
        for fault in faults {
            match fault {
                Fault::Drop(share) => weather.lost = share.as_f64(),
                Fault::Dup(share) => weather.doubled = share.as_f64(),
                Fault::Reorder(share) => weather.overtaken = share.as_f64(),
                Fault::Delay(delay) => weather.delay = *delay,
                _ => {}
            }
        }
        weather
    }
}

/// Frames under way.
pub(super) struct Line {
    weather: Weather,
    dice: Dice,
    /// In the order of their arrival, which is also that of their due times.
    under_way: VecDeque<(Instant, Bytes)>,
    /// Waits to be overtaken, at most until its time.
    held: Option<(Instant, Bytes)>,
}

/// As many frames as one direction may have under way before it stops taking more.
const ROOM: usize = 4096;
/// So long a frame waits for one that overtakes it.
const HELD: Duration = Duration::from_millis(50);

impl Line {
    pub(super) fn new(weather: Weather, dice: Dice) -> Self {
        Self { weather, dice, under_way: VecDeque::new(), held: None }
    }

    /// Whether another frame may be pushed.
    pub(super) fn has_room(&self) -> bool {
        self.under_way.len() < ROOM
    }

    /// Takes a frame in. Three throws for every frame, so that one kind of fault does not change the luck of another.
    pub(super) fn push(&mut self, now: Instant, frame: Bytes) {
        let lost = self.dice.throw() < self.weather.lost;
        let doubled = self.dice.throw() < self.weather.doubled;
        let overtaken = self.dice.throw() < self.weather.overtaken;
        let due = now + self.weather.delay;
        if lost {
            return;
        }
        if overtaken && self.held.is_none() {
            self.held = Some((due + HELD, frame));
            return;
        }
        if doubled {
            self.under_way.push_back((due, frame.clone()));
        }
        self.under_way.push_back((due, frame));
        if let Some((_, late)) = self.held.take() {
            self.under_way.push_back((due, late));
        }
    }

    /// The next frame that is to be delivered by now.
    pub(super) fn pop(&mut self, now: Instant) -> Option<Bytes> {
        if self.under_way.front().is_some_and(|(due, _)| *due <= now) {
            return self.under_way.pop_front().map(|(_, frame)| frame);
        }
        match &self.held {
            Some((due, _)) if *due <= now => self.held.take().map(|(_, frame)| frame),
            _ => None,
        }
    }

    /// When the next frame is to be delivered; `None`: nothing is under way.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let front = self.under_way.front().map(|(due, _)| *due);
        let held = self.held.as_ref().map(|(due, _)| *due);
        front.into_iter().chain(held).min()
    }
}

/// A small generator (splitmix64): deterministic, good enough for dice.
#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    /// Dice for one purpose: each part makes another sequence.
    pub(super) fn new(seed: u64, parts: [u64; 3]) -> Self {
        let mut dice = Self(seed);
        for part in parts {
            dice.0 = dice.next() ^ part;
        }
        dice
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 up to, but not including, 1.
    pub(super) fn throw(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weather(specs: &[&str]) -> Weather {
        let faults: Vec<Fault> = specs.iter().map(|spec| spec.parse().unwrap()).collect();
        Weather::from_faults(&faults)
    }

    /// Sends 0..count one millisecond apart and returns what arrives, in order of arrival.
    fn pass(specs: &[&str], seed: u64, count: u64) -> Vec<u64> {
        let mut line = Line::new(weather(specs), Dice::new(seed, [1, 2, 3]));
        let start = Instant::now();
        let mut arrived = Vec::new();
        for ms in 0..count + 1000 {
            let now = start + Duration::from_millis(ms);
            if ms < count {
                line.push(now, Bytes::copy_from_slice(&ms.to_be_bytes()));
            }
            while let Some(frame) = line.pop(now) {
                arrived.push(u64::from_be_bytes(frame[..].try_into().unwrap()));
            }
        }
        assert_eq!(line.next_due(), None);
        arrived
    }

    #[test]
    fn fair_weather_changes_nothing() {
        assert_eq!(pass(&[], 1, 500), (0..500).collect::<Vec<_>>());
    }

    #[test]
    fn the_same_seed_makes_the_same_weather_and_another_one_does_not() {
        let specs = ["drop=10%", "dup=10%", "reorder=10%"];
        assert_eq!(pass(&specs, 7, 500), pass(&specs, 7, 500));
        assert_ne!(pass(&specs, 7, 500), pass(&specs, 8, 500));
    }

    #[test]
    fn frames_are_lost_doubled_and_overtaken_in_about_the_share_asked_for() {
        let lost = 2000 - pass(&["drop=10%"], 1, 2000).len();
        assert!((120..280).contains(&lost), "{lost} of 2000 lost");
        let doubled = pass(&["dup=10%"], 1, 2000).len() - 2000;
        assert!((120..280).contains(&doubled), "{doubled} of 2000 doubled");
        let arrived = pass(&["reorder=10%"], 1, 2000);
        let overtaken = arrived.windows(2).filter(|pair| pair[0] > pair[1]).count();
        assert!((120..280).contains(&overtaken), "{overtaken} of 2000 overtaken");
        let mut sorted = arrived;
        sorted.sort_unstable();
        assert_eq!(sorted, (0..2000).collect::<Vec<_>>(), "reordering loses nothing");
    }

    #[test]
    fn a_delay_holds_every_frame_back_by_as_much() {
        let mut line = Line::new(weather(&["delay=50ms"]), Dice::new(1, [0; 3]));
        let now = Instant::now();
        line.push(now, Bytes::from_static(b"x"));
        assert_eq!(line.pop(now + Duration::from_millis(49)), None);
        assert_eq!(line.next_due(), Some(now + Duration::from_millis(50)));
        assert_eq!(line.pop(now + Duration::from_millis(50)), Some(Bytes::from_static(b"x")));
    }

    #[test]
    fn a_full_line_takes_no_more() {
        let mut line = Line::new(weather(&["delay=1s"]), Dice::new(1, [0; 3]));
        let now = Instant::now();
        let mut taken = 0;
        while line.has_room() {
            line.push(now, Bytes::from_static(b"x"));
            taken += 1;
        }
        assert_eq!(taken, ROOM);
    }
}
