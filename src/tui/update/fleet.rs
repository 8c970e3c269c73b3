//! Events of the fleet: lists, searches, answers about rows.

use std::sync::Arc;

use super::{note, problem};
use crate::{
    fleet::{
        Connection, Direction, Fact, InstanceId, Update,
        search::{Matches, Request},
    },
    tui::{
        event::{Effect, Failure},
        state::{
            State,
            fleet::{Access, CHANGED_SHOWS, PROBE_AFTER},
        },
    },
};

/// There is a way to AWS: who are we, and what is there?
pub(super) fn connected(state: &mut State, region: String, profile: Option<String>, out: &mut Vec<Effect>) {
    state.fleet.access = Access::Ready;
    state.place.region = Some(region);
    state.place.profile = profile;
    out.push(Effect::Identify);
    read(state, out);
}

/// There is no way to AWS.
pub(super) fn not_connected(state: &mut State, failure: Failure) {
    state.fleet.access = Access::Failed(failure);
}

/// The user wants to know anew.
pub(super) fn refresh(state: &mut State, out: &mut Vec<Effect>) {
    match state.fleet.access {
        Access::Ready => {
            state.fleet.probed.clear();
            out.push(Effect::ForgetDenials);
            if state.place.who.is_none() {
                out.push(Effect::Identify);
            }
            read(state, out);
        }
        Access::Connecting => {}
        Access::Failed(_) => {
            state.fleet.access = Access::Connecting;
            out.push(Effect::Connect);
        }
    }
}

/// Begins a reading of the lists.
pub(super) fn read(state: &mut State, out: &mut Vec<Effect>) {
    let reading = &mut state.fleet.reading;
    reading.due = None;
    if !reading.running {
        reading.generation += 1;
        reading.running = true;
        out.push(Effect::List { generation: reading.generation });
    }
}

/// The lists have something new.
pub(super) fn listed(state: &mut State, update: Update, out: &mut Vec<Effect>) {
    let until = state.now.instant + CHANGED_SHOWS;
    let changes = state.fleet.fleet.apply(update, state.now.time);
    // At the first reading everything is new, and nothing is worth a mark.
    if state.fleet.reading.ended.is_some() {
        for id in changes.changed.iter().chain(&changes.added) {
            state.fleet.changed.insert(id.clone(), until);
        }
    }
    for id in &changes.removed {
        state.fleet.marks.remove(id);
    }
    if changes.rows_changed() || !changes.touched.is_empty() || changes.progress {
        state.fleet.recount(state.now.time);
    }
    if changes.rows_changed() || !changes.touched.is_empty() {
        search(state, out);
    }
}

/// A reading is over; the next one comes by itself.
pub(super) fn list_ended(state: &mut State, generation: u64) {
    let reading = &mut state.fleet.reading;
    if reading.generation == generation {
        reading.running = false;
        reading.ended = Some(state.now.time);
        reading.due = reading.every.map(|every| state.now.instant + every);
        state.fleet.recount(state.now.time);
        probe_soon(state);
    }
}

/// GetConnectionStatus answered for a row.
pub(super) fn probed(state: &mut State, id: InstanceId, status: Fact<Connection>, out: &mut Vec<Effect>) {
    state.fleet.probed.insert(id.clone(), state.now.instant);
    let known = |state: &State| {
        let instance = state.fleet.fleet.get(&id)?;
        Some((instance.id.clone(), instance.connection.value().copied()))
    };
    let before = known(state);
    let changes = state.fleet.fleet.apply(Update::Connection { id: id.clone(), status }, state.now.time);
    if let (Some((row, Some(before))), Some((_, Some(after)))) = (before, known(state))
        && before != after
    {
        state.fleet.changed.insert(row, state.now.instant + CHANGED_SHOWS);
    }
    state.fleet.recount(state.now.time);
    if changes.rows_changed() {
        search(state, out);
    }
}

/// What stands in the search box is another: what is found starts at its top.
pub(super) fn query_changed(state: &mut State, out: &mut Vec<Effect>) {
    state.fleet.list.to_top = true;
    search(state, out);
}

/// Asks the search; an answer to an older question will be dropped.
pub(super) fn search(state: &mut State, out: &mut Vec<Effect>) {
    let list = &mut state.fleet.list;
    list.question += 1;
    out.push(Effect::Search(Request {
        generation: list.question,
        rows: Arc::from(state.fleet.fleet.instances()),
        query: state.fleet.query.text().to_owned(),
        order: state.fleet.order,
        now: state.now.time,
    }));
}

/// A search answered.
pub(super) fn found(state: &mut State, matches: Matches, out: &mut Vec<Effect>) {
    let height = state.list_height();
    // While rows come in for the first time the cursor stays at the top, unless the user has put it somewhere.
    let list = &mut state.fleet.list;
    if !list.settled && matches.generation == list.question {
        list.to_top |= !list.placed;
        list.settled = state.fleet.reading.ended.is_some();
    }
    if state.fleet.list.take(matches, height) {
        probe_soon(state);
        for key in std::mem::take(&mut state.fleet.list.held) {
            super::action::key(state, &key, out);
        }
    }
}

/// Marks the row under the cursor or unmarks it, and goes on to the next.
pub(super) fn mark(state: &mut State) {
    if let Some(id) = state.fleet.list.selected.clone() {
        if !state.fleet.marks.remove(&id) {
            state.fleet.marks.insert(id);
        }
        let height = state.list_height();
        let list = &mut state.fleet.list;
        list.go(list.cursor + 1, height);
        probe_soon(state);
    }
}

/// Turns the order round.
pub(super) fn reverse(state: &mut State, out: &mut Vec<Effect>) {
    match &mut state.fleet.order {
        Some((column, direction)) => {
            *direction = direction.reversed();
            let words = order_words(*column, *direction);
            search(state, out);
            note(state, words);
        }
        None => problem(state, "the best match comes first; order by a column to turn that round"),
    }
}

/// "by name, from the top" in words.
pub(super) fn order_words(column: crate::fleet::Column, direction: Direction) -> String {
    let way = match direction {
        Direction::Ascending => "upwards",
        Direction::Descending => "downwards",
    };
    format!("ordered by {}, {way}", column.word())
}

/// Asks about the rows on the screen when they have stood still for a moment.
pub(super) fn probe_soon(state: &mut State) {
    state.fleet.probe_due = Some(state.now.instant + PROBE_AFTER);
}

/// Asks about the rows on the screen.
pub(super) fn probe(state: &mut State, out: &mut Vec<Effect>) {
    state.fleet.probe_due = None;
    if state.fleet.access == Access::Ready {
        let wanted = state.fleet.to_probe(state.list_height(), state.now.instant, state.now.time);
        if !wanted.is_empty() {
            out.push(Effect::Probe(wanted));
        }
    }
}
