//! Tab stops.

/// Where a tab stops, by column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TabStops {
    stops: Vec<bool>,
    default: bool,
}

fn is_default_stop(col: usize) -> bool {
    col.is_multiple_of(8)
}

impl TabStops {
    /// A stop in every eighth column.
    pub fn new(cols: u16) -> Self {
        Self { stops: (0..usize::from(cols)).map(is_default_stop).collect(), default: true }
    }

    /// Whether the stops are where the emulator has them.
    pub fn is_default(&self) -> bool {
        self.default
    }

    /// New columns have a stop in every eighth.
    pub fn resize(&mut self, cols: u16) {
        let before = self.stops.len();
        self.stops.truncate(usize::from(cols));
        self.stops.extend((before..usize::from(cols)).map(is_default_stop));
        self.look();
    }

    /// HTS.
    pub fn set(&mut self, col: u16, stop: bool) {
        if let Some(at) = self.stops.get_mut(usize::from(col)) {
            *at = stop;
        }
        self.look();
    }

    /// TBC 3.
    pub fn clear(&mut self) {
        self.stops.fill(false);
        self.look();
    }

    /// The column that `count` tabs lead to: the last one, if there is no stop before it.
    pub fn forward(&self, col: u16, count: u16) -> u16 {
        let last = self.stops.len().saturating_sub(1);
        let mut stops = (usize::from(col) + 1..last).filter(|col| self.stops[*col]);
        let reached = stops.nth(usize::from(count.max(1)) - 1).unwrap_or(last);
        u16::try_from(reached).unwrap_or(u16::MAX)
    }

    /// The column that `count` backward tabs lead to.
    pub fn backward(&self, col: u16, count: u16) -> u16 {
        let end = usize::from(col).min(self.stops.len());
        let mut stops = (0..end).rev().filter(|col| self.stops[*col]);
        let reached = stops.nth(usize::from(count.max(1)) - 1).unwrap_or(0);
        u16::try_from(reached).unwrap_or(u16::MAX)
    }

    fn look(&mut self) {
        self.default = self.stops.iter().enumerate().all(|(col, stop)| *stop == is_default_stop(col));
    }
}
