//! The counts of the fleet, kept row by row: each row is booked when a source speaks of it, and struck out before it is booked
//! again. So a page costs what its rows cost, however many others there are; a state that only time changes is counted
//! anew with the row's next record, one refresh later at most.

use jiff::Timestamp;

use super::{Counts, Fleet, Read};
use crate::fleet::instance::{Instance, State};

/// What the counts hold of one row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Booked {
    state: State,
    /// It is among the rows of the list: it hasn't ended.
    is_living: bool,
    /// The reading that brought all its records; 0 for none.
    refreshed_in: u64,
    /// Only the list of the last time has it.
    is_cached: bool,
}

/// The sums.
#[derive(Clone, Debug, Default)]
pub(super) struct Books {
    pub(super) counts: Counts,
    /// Rows that haven't ended.
    pub(super) living: usize,
    /// Those of them that the latest reading brought again.
    pub(super) refreshed: usize,
    /// Rows that only the list of the last time has.
    pub(super) cached: usize,
}

impl Booked {
    fn new(instance: &Instance, read: &Read, generation: u64, now: Timestamp) -> Self {
        let agent = instance.agent.seen().is_none() || read.agent == generation;
        let machine = instance.machine.seen().is_none() || read.machine == generation;
        Self {
            state: instance.state(now),
            is_living: !instance.has_ended(),
            refreshed_in: if agent && machine { generation } else { 0 },
            is_cached: read.is_cached(),
        }
    }

    /// What it adds to: living, refreshed, cached.
    fn adds(&self, generation: u64) -> [bool; 3] {
        let refreshed = self.is_living && generation > 0 && self.refreshed_in == generation;
        [self.is_living, refreshed, self.is_cached]
    }
}

impl Books {
    fn enter(&mut self, row: &Booked, generation: u64) {
        self.counts.0[row.state as usize] += 1;
        for (sum, adds) in self.sums().into_iter().zip(row.adds(generation)) {
            *sum += usize::from(adds);
        }
    }

    /// Takes a row out again.
    pub(super) fn strike(&mut self, row: Option<Booked>, generation: u64) {
        let Some(row) = row else { return };
        self.counts.0[row.state as usize] -= 1;
        for (sum, adds) in self.sums().into_iter().zip(row.adds(generation)) {
            *sum -= usize::from(adds);
        }
    }

    fn sums(&mut self) -> [&mut usize; 3] {
        [&mut self.living, &mut self.refreshed, &mut self.cached]
    }
}

impl Read {
    /// No reading of this run has listed it.
    pub(super) fn is_cached(&self) -> bool {
        self.agent == 0 && self.machine == 0
    }
}

impl Fleet {
    /// Counts a row as it is now in place of what it was.
    pub(super) fn book(&mut self, place: usize, now: Timestamp) {
        let booked = Booked::new(&self.rows[place], &self.read[place], self.generation, now);
        self.books.strike(self.read[place].booked.replace(booked), self.generation);
        self.books.enter(&booked, self.generation);
    }
}
