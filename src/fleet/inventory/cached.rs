//! The list of the last time inside the fleet: its rows are generation 0, so that any reading of this run replaces and removes
//! them, and until then they are shown with their age.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Fleet, Outcome, Part, Phase, Read};
use crate::fleet::cache::Listing;
use crate::fleet::evidence::Usage;
use crate::fleet::place::Place;
use crate::fleet::record::{InstanceId, Text};

/// What is known of a place now, and beyond that what was known the last time; none where they are two places.
fn common(now: &Place, last: &Place) -> Option<Place> {
    let differ = |one: &Option<Text>, other: &Option<Text>| one.is_some() && other.is_some() && one != other;
    if differ(&now.account, &last.account) || differ(&now.region, &last.region) {
        return None;
    }
    let either = |now: &Option<Text>, last: &Option<Text>| now.clone().or_else(|| last.clone());
    Some(Place {
        profile: either(&now.profile, &last.profile),
        region: either(&now.region, &last.region),
        account: either(&now.account, &last.account),
        alias: either(&now.alias, &last.alias),
    })
}

impl Fleet {
    /// What is worth keeping for the next time: the rows, and when each source was last read to its end.
    pub fn listing(&self, at: Timestamp) -> Listing {
        Listing {
            place: Arc::clone(&self.place),
            at,
            agents_at: self.agents.complete_at,
            machines_at: self.machines.complete_at,
            rows: self.rows.clone(),
            memories: self.memories(at),
            shared: Vec::new(),
        }
    }

    /// A fleet of nothing but a list of the last time. Costs as much as there are rows: make it where nobody waits.
    pub fn from_last_time(listing: Listing, now: Timestamp) -> Self {
        let Listing { place, at, agents_at, machines_at, rows, memories, shared } = listing;
        let mut fleet =
            Self { place, cached: Some(at), pool: shared.into_iter().collect(), ..Self::default() };
        fleet.remembered = memories.into_iter().collect();
        fleet.agents.complete_at = agents_at;
        fleet.machines.complete_at = machines_at;
        fleet.index.reserve(rows.len());
        fleet.read.reserve(rows.len());
        fleet.rows.reserve(rows.len());
        for row in rows {
            fleet.push_cached(row, now);
        }
        fleet.usage = Usage::of(fleet.rows.iter().map(|row| &**row));
        fleet
    }

    /// Takes in the list of the last time, [`Fleet::from_last_time`]. What a reading has brought meanwhile stays as it is.
    /// Whether there are more rows now; there are none where it is known already that it was another account or region.
    pub fn take_cached(&mut self, mut cached: Self, now: Timestamp) -> bool {
        let Some(place) = common(&self.place, &cached.place) else { return false };
        let before = self.rows.len();
        if self.rows.is_empty() {
            let (generation, agents, machines) =
                (self.generation, self.agents.clone(), self.machines.clone());
            std::mem::swap(self, &mut cached);
            self.generation = generation;
            self.agents.complete_at = agents.complete_at.or(self.agents.complete_at);
            self.machines.complete_at = machines.complete_at.or(self.machines.complete_at);
            (self.agents.phase, self.agents.rows, self.agents.before) =
                (agents.phase, agents.rows, agents.before);
            (self.machines.phase, self.machines.rows, self.machines.before) =
                (machines.phase, machines.rows, machines.before);
            self.set_place(place);
        } else {
            self.cached = cached.cached;
            for (id, memory) in cached.remembered {
                self.remembered.entry(id).or_insert(memory);
            }
            for row in cached.rows {
                let agent = row.agent.seen();
                match self.index_of(&row.id).or_else(|| self.index_of(&agent?.id)) {
                    None => self.push_cached(row, now),
                    Some(place) => {
                        if let Some(agent) = agent {
                            self.remember_last_time(place, agent);
                        }
                    }
                }
            }
        }
        self.drop_read_to_end(now);
        self.rows.len() > before
    }

    /// Forgets the rows that only the list of the last time has: it was another account's. Whether there were any.
    pub fn forget_cached(&mut self) -> bool {
        self.cached = None;
        self.remembered.clear();
        self.usage = Usage::default();
        !self.retain(|_, read| !read.is_cached()).is_empty()
    }

    /// When a row was read that no reading of this run has brought yet.
    pub fn cached_at(&self, id: &InstanceId) -> Option<Timestamp> {
        self.cached.filter(|_| self.index_of(id).is_some_and(|place| self.read[place].is_cached()))
    }

    fn push_cached(&mut self, row: Arc<crate::fleet::Instance>, now: Timestamp) {
        let place = self.rows.len();
        if let Some(agent) = row.agent.seen().filter(|agent| agent.id != row.id) {
            self.aliases.insert(agent.id.clone(), row.id.clone());
        }
        self.index.insert(row.id.clone(), place);
        self.rows.push(row);
        self.read.push(Read::default());
        self.book(place, now);
    }

    /// The list of the last time came after a reading had ended: that has the last word on what is there.
    fn drop_read_to_end(&mut self, now: Timestamp) {
        let ended = |phase: &Phase| matches!(phase, Phase::Ended { outcome: Outcome::Complete, .. });
        let (agents, machines) = (ended(&self.agents.phase), ended(&self.machines.phase));
        if !agents && !machines {
            return;
        }
        for place in 0..self.rows.len() {
            if self.read[place].is_cached() {
                if agents {
                    self.remember(place, None, None);
                }
                let row = Arc::make_mut(&mut self.rows[place]);
                if agents {
                    row.agent = Part::Absent;
                }
                if machines {
                    row.machine = Part::Absent;
                }
                self.book(place, now);
            }
        }
        self.retain(|row, _| !super::is_unlisted(row));
    }
}
