//! Events of the fleet: lists, searches, answers about rows.

use std::{sync::Arc, time::Duration};

use super::{note, problem};
use crate::{
    fleet::{
        Connection, Direction, Fact, InstanceId, Place, Text, Update,
        search::{Matches, Request},
    },
    tui::{
        event::{Effect, Failure, PlaceId, Who},
        state::{
            State,
            fleet::{CHANGED_SHOWS, PACED_FROM, PAUSE_PER_ROW, PROBE_AFTER},
            place::{Access, PlaceView},
        },
    },
};

/// Looks for the way to AWS for a place.
pub(super) fn connect(view: &PlaceView) -> Effect {
    let text = |text: &Option<Text>| text.as_deref().map(str::to_owned);
    let place = view.place();
    Effect::Connect { place: view.id, profile: text(&place.profile), region: text(&place.region) }
}

/// Looks for the list of the last time of a place.
pub(super) fn seek(view: &PlaceView) -> Effect {
    let text = |text: &Option<Text>| text.as_deref().map(str::to_owned);
    let place = view.place();
    Effect::LoadCache { place: view.id, profile: text(&place.profile), region: text(&place.region) }
}

/// There is a way to AWS: who are we, and what is there?
pub(super) fn connected(
    state: &mut State,
    place: PlaceId,
    region: String,
    profile: Option<String>,
    out: &mut Vec<Effect>,
) {
    let Some(view) = state.fleet.places.get_mut(place) else { return };
    view.access = Access::Ready;
    view.missing = None;
    if view.place().region.as_deref().is_some_and(|known| known != region) {
        // The profile means another region than the last time.
        view.fleet.forget_cached();
    }
    let (region, profile) = (Some(region.into()), profile.map(Into::into).or(view.place().profile.clone()));
    view.fleet.set_place(Place { region, profile, ..view.place().clone() });
    out.push(Effect::Identify(place));
    read(view, out);
    rows_changed(state, out);
    super::session::may_start(state, place, out);
}

/// There is no way to AWS.
pub(super) fn not_connected(state: &mut State, place: PlaceId, failure: Failure) {
    if let Some(view) = state.fleet.places.get_mut(place) {
        view.access = Access::Failed(failure.clone());
        super::session::cannot_start(state, place, &failure);
    }
}

/// AWS said who we are, and with that which account it is.
pub(super) fn identified(state: &mut State, place: PlaceId, who: Option<Who>, out: &mut Vec<Effect>) {
    let Some(view) = state.fleet.places.get_mut(place) else { return };
    let had_rows = !view.fleet.instances().is_empty();
    if let Some(who) = &who {
        if view.place().account.as_deref().is_some_and(|known| known != who.account) {
            // The profile means another account than the last time.
            view.fleet.forget_cached();
        }
        let account = Some(who.account.as_str().into());
        let alias = who.alias.as_deref().map(Into::into);
        view.fleet.set_place(Place { account, alias, ..view.place().clone() });
    }
    view.who = who;
    view.completeness = view.fleet.completeness();
    if had_rows {
        state.fleet.recount();
        rows_changed(state, out);
    }
    super::kept::store(state, place, out);
}

/// The user wants to know anew.
pub(super) fn refresh(state: &mut State, out: &mut Vec<Effect>) {
    state.fleet.probed.clear();
    for view in state.fleet.places.iter_mut() {
        refresh_place(view, out);
    }
}

/// The user wants to know anew of one place.
pub(super) fn refresh_place(view: &mut PlaceView, out: &mut Vec<Effect>) {
    match view.access {
        Access::Ready => {
            out.push(Effect::ForgetDenials(view.id));
            if view.who.is_none() {
                out.push(Effect::Identify(view.id));
            }
            read(view, out);
        }
        Access::Connecting => {}
        Access::Failed(_) => {
            view.access = Access::Connecting;
            out.push(connect(view));
        }
    }
}

/// Begins a reading of the lists of a place.
pub(super) fn read(view: &mut PlaceView, out: &mut Vec<Effect>) {
    let reading = &mut view.reading;
    reading.due = None;
    if !reading.running {
        reading.generation += 1;
        reading.running = true;
        out.push(Effect::List { place: view.id, generation: reading.generation });
    }
}

/// Reads the lists whose time has come.
pub(super) fn read_due(state: &mut State, out: &mut Vec<Effect>) {
    let now = state.now.instant;
    for view in state.fleet.places.iter_mut().filter(|view| view.reading.due.is_some_and(|at| at <= now)) {
        read(view, out);
    }
}

/// The lists of a place have something new.
pub(super) fn listed(state: &mut State, place: PlaceId, update: Update, out: &mut Vec<Effect>) {
    let changes = apply(state, place, update, out);
    // At the first reading everything is new, and nothing is worth a mark.
    let known = state.fleet.places.get(place).is_some_and(|view| view.reading.ended.is_some());
    if known {
        let until = state.now.instant + CHANGED_SHOWS;
        for id in changes.changed.into_iter().chain(changes.added) {
            state.fleet.changed.insert(id, until);
        }
    }
    for id in &changes.removed {
        state.fleet.marks.remove(id);
    }
}

/// Takes in what is new of a place; the list on the screen follows.
pub(super) fn apply(
    state: &mut State,
    place: PlaceId,
    update: Update,
    out: &mut Vec<Effect>,
) -> crate::fleet::Changes {
    let Some(view) = state.fleet.places.get_mut(place) else { return Default::default() };
    let changes = view.fleet.apply(update, state.now.time);
    if changes.rows_changed() || changes.progress {
        view.completeness = view.fleet.completeness();
        state.fleet.recount();
    }
    if changes.rows_changed() {
        rows_changed(state, out);
    }
    changes
}

/// The rows are others, or look different: the search gets them at once where that costs little, else at a pace. What the user
/// asks meanwhile is answered from the rows that it has.
pub(super) fn rows_changed(state: &mut State, out: &mut Vec<Effect>) {
    let rows = state.fleet.places.iter().map(|view| view.fleet.instances().len()).sum::<usize>();
    let pause = if rows < PACED_FROM { Duration::ZERO } else { PAUSE_PER_ROW * rows as u32 };
    match state.fleet.published.map(|at| at + pause).filter(|at| *at > state.now.instant) {
        Some(later) => state.fleet.publish_due = Some(later),
        None => publish(state, out),
    }
}

/// Gives the search the rows as they are now.
pub(super) fn publish(state: &mut State, out: &mut Vec<Effect>) {
    state.fleet.publish_due = None;
    state.fleet.published = Some(state.now.instant);
    state.fleet.rows = None;
    search(state, out);
}

/// A reading is over; the next one comes by itself.
pub(super) fn list_ended(state: &mut State, place: PlaceId, generation: u64, out: &mut Vec<Effect>) {
    let (every, now) = (state.fleet.every, state.now);
    let Some(view) = state.fleet.places.get_mut(place) else { return };
    if view.reading.generation == generation {
        view.reading.running = false;
        view.reading.ended = Some(now.time);
        view.reading.due = every.map(|every| now.instant + every);
        view.completeness = view.fleet.completeness();
        let lists = [&view.completeness.agents, &view.completeness.machines];
        if lists.iter().any(|list| list.failure().is_some()) {
            out.push(Effect::FindKeys(place));
        } else {
            view.missing = None;
            view.reading.again = false;
        }
        state.fleet.recount();
        probe_soon(state);
        super::kept::store(state, place, out);
    }
}

/// GetConnectionStatus answered for a row.
pub(super) fn probed(state: &mut State, id: InstanceId, status: Fact<Connection>, out: &mut Vec<Effect>) {
    state.fleet.probed.insert(id.clone(), state.now.instant);
    let known = |state: &State| {
        let instance = state.fleet.places.find(&id)?;
        Some((instance.id.clone(), instance.connection.value().copied()))
    };
    let before = known(state);
    let Some(place) = state.fleet.places.of(&id).map(|view| view.id) else { return };
    apply(state, place, Update::Connection { id: id.clone(), status }, out);
    if let (Some((row, Some(before))), Some((_, Some(after)))) = (before, known(state))
        && before != after
    {
        state.fleet.changed.insert(row, state.now.instant + CHANGED_SHOWS);
    }
}

/// What stands in the search box is another: what is found starts at its top. While it cannot be read the rows stay.
pub(super) fn query_changed(state: &mut State, out: &mut Vec<Effect>) {
    if state.fleet.asked.read(state.fleet.query.text()) {
        state.fleet.list.to_top = true;
        search(state, out);
    }
}

/// Puts in what can stand at the cursor of the search box; whether there was something.
pub(super) fn complete(state: &mut State, out: &mut Vec<Effect>) -> bool {
    let Some(completion) = state.fleet.completion() else { return false };
    let (text, cursor) = completion.accept(state.fleet.query.text());
    state.fleet.query.replace(text, cursor);
    query_changed(state, out);
    true
}

/// Asks the search; an answer to an older question will be dropped.
pub(super) fn search(state: &mut State, out: &mut Vec<Effect>) {
    let rows = state.fleet.rows();
    let list = &mut state.fleet.list;
    list.question += 1;
    out.push(Effect::Search(Request {
        generation: list.question,
        order: state.fleet.order,
        weights: Arc::clone(&state.habits.weights),
        favourites: Arc::clone(&state.habits.favourites),
        ..Request::new(rows, state.fleet.asked.query.clone(), state.now.time)
    }));
}

/// A search answered.
pub(super) fn found(state: &mut State, matches: Matches, out: &mut Vec<Effect>) {
    let height = state.list_height();
    // While rows come in for the first time the cursor stays at the top, unless the user has put it somewhere.
    // The search may answer from the rows it had before, and then once more.
    let newest = state.fleet.rows.as_ref().is_some_and(|rows| std::sync::Arc::ptr_eq(rows, &matches.rows));
    let settled = newest && (state.fleet.places.are_settled() || state.fleet.places.have_cached());
    let list = &mut state.fleet.list;
    if !list.settled && matches.generation == list.question {
        list.to_top |= !list.placed;
        list.settled = settled;
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
    if state.fleet.places.is_ready() {
        let wanted = state.fleet.to_probe(state.list_height(), state.now.instant, state.now.time);
        if !wanted.is_empty() {
            out.push(Effect::Probe(wanted));
        }
    }
}
