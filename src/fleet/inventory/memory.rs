//! What an agent said of itself before a list lost it, or before it said something else: what a verdict can still know then
//! (diagnosis C3, E5, F4, F5). Kept with the list of the last time.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::Fleet;
use crate::fleet::evidence::Memory;
use crate::fleet::record::{AgentRecord, InstanceId};

/// What was seen longer ago than this is forgotten.
const KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Whether an agent says something else of itself than before; of two registrations each has its own.
fn differs(before: &AgentRecord, now: &AgentRecord) -> bool {
    let differ = |one: &Option<_>, other: &Option<_>| one.is_some() && other.is_some() && one != other;
    before.id == now.id
        && (differ(&before.agent_version, &now.agent_version)
            || differ(&before.computer_name, &now.computer_name))
}

impl Fleet {
    /// What is remembered of a row's agent.
    pub fn memory(&self, id: &InstanceId) -> Option<&Memory> {
        let row = self.index_of(id).map_or(id, |place| &self.rows[place].id);
        self.remembered.get(row)
    }

    /// A row's agent is about to be `now`, or nobody: what it was is remembered, if that tells anything.
    pub(super) fn remember(
        &mut self,
        place: usize,
        now: Option<&AgentRecord>,
        read_to_end: Option<Timestamp>,
    ) {
        let Some(before) = self.rows[place].agent.seen() else { return };
        if now.is_none_or(|now| differs(before, now)) {
            let at = if self.read[place].agent == 0 { self.cached } else { read_to_end };
            let memory = Memory::of(before, Arc::clone(&self.place), at);
            self.remembered.insert(self.rows[place].id.clone(), memory);
        }
    }

    /// A row of the last time that a reading of this run brought before: what differs is remembered.
    pub(super) fn remember_last_time(&mut self, place: usize, before: &AgentRecord) {
        let row = &self.rows[place];
        if row.agent.seen().is_none_or(|now| differs(before, now)) {
            let memory = Memory::of(before, Arc::clone(&self.place), self.cached);
            self.remembered.entry(row.id.clone()).or_insert(memory);
        }
    }

    /// Rows that are gone leave nothing behind, but for hybrid nodes: those may be asked for when nobody lists them any more.
    pub(super) fn forget(&mut self, removed: &HashSet<InstanceId>) {
        self.remembered.retain(|id, _| id.is_hybrid() || !removed.contains(id));
    }

    /// What is worth keeping for the next time.
    pub(super) fn memories(&self, now: Timestamp) -> Vec<(InstanceId, Memory)> {
        let kept = self
            .remembered
            .iter()
            .filter(|(_, memory)| memory.at.is_some_and(|at| now.duration_since(at) < KEPT));
        let mut kept: Vec<_> = kept.map(|(id, memory)| (id.clone(), memory.clone())).collect();
        kept.sort_by(|(one, _), (other, _)| one.cmp(other));
        kept
    }
}
