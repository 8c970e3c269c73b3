//! Events of what is kept on the disk: the list of the last time, what was opened when, the favourites.

use std::time::Duration;

use super::{fleet, note, session};
use crate::{
    fleet::{
        Fleet,
        history::{Event as Happened, History, Kind, Opening, Where},
    },
    tui::{
        event::{Effect, Life, PlaceId},
        state::{State, content::Content, habit::Habits, popup::Popup},
    },
};

/// How long a list that was kept is good enough for the next time while the program runs.
const STORE_AGAIN: Duration = Duration::from_secs(5 * 60);

/// The list of the last time was looked for.
pub(super) fn cached(state: &mut State, place: PlaceId, cached: Option<Box<Fleet>>, out: &mut Vec<Effect>) {
    let now = state.now.time;
    let Some(view) = state.fleet.places.get_mut(place) else { return };
    view.sought = true;
    let Some(cached) = cached else { return };
    if view.fleet.take_cached(*cached, now) {
        view.completeness = view.fleet.completeness();
        state.fleet.recount();
        fleet::rows_changed(state, out);
    }
}

/// A reading is over, or it is known now whose it was: what it gave is kept, if that is worth it.
pub(super) fn store(state: &mut State, place: PlaceId, out: &mut Vec<Effect>) {
    let now = state.now;
    let Some(view) = state.fleet.places.get_mut(place) else { return };
    let lists = &view.completeness;
    let whole = (lists.agents.is_complete() || lists.machines.is_complete()) && lists.cached.is_none();
    // The first reading may end before it is known whose account this is, and the file is named by that.
    let named = view.who.is_some() || view.reading.generation > 1;
    let fresh = view.stored.is_some_and(|at| now.instant.saturating_duration_since(at) < STORE_AGAIN);
    if whole && named && !fresh && !view.reading.running {
        view.stored = Some(now.instant);
        out.push(Effect::StoreCache { place, listing: view.fleet.listing(now.time) });
    }
}

/// What was opened before was read.
pub(super) fn recalled(state: &mut State, history: History, out: &mut Vec<Effect>) {
    state.habits = Habits::new(history, state.now.time);
    if state.fleet.rows.is_some() {
        fleet::search(state, out);
    }
}

/// What a tab holds has begun to work.
pub(super) fn opened(state: &mut State, life: Life, out: &mut Vec<Effect>) {
    let Some(tab) = state.tabs.alive(life) else { return };
    let kind = match &tab.content {
        Content::Shell(_) => Kind::Shell,
        Content::Command { .. } => Kind::Command,
        Content::Forward(_) => Kind::Forward,
        Content::Ssh(_) => Kind::Ssh,
    };
    let (id, place) = (tab.instance.clone(), tab.place);
    let name = state.fleet.places.find(&id).map_or_else(|| id.to_string(), |row| row.label().to_owned());
    let place = state.fleet.places.get(place).map(|view| Where::from(view.place())).unwrap_or_default();
    let opening = Opening { at: state.now.time, id, name: name.into(), kind, place };
    happened(state, Happened::Opened(opening), out);
}

/// Makes the row under the cursor a favourite, or no longer.
pub(super) fn toggle_favourite(state: &mut State, out: &mut Vec<Effect>) {
    let Some((id, name)) = state.subject().map(|row| (row.id.clone(), row.label().to_owned())) else {
        return;
    };
    let on = !state.habits.favourites.contains(&id);
    happened(state, Happened::Favourite { id, on }, out);
    note(
        state,
        if on { format!("★ {name} is a favourite") } else { format!("{name} is no favourite any more") },
    );
}

fn happened(state: &mut State, event: Happened, out: &mut Vec<Effect>) {
    state.habits.take(event.clone(), state.now.time);
    out.push(Effect::Remember(event));
    fleet::search(state, out);
}

/// Opens what was opened once again: the line under the cursor of the history.
pub(super) fn open_again(state: &mut State, selected: usize, out: &mut Vec<Effect>) {
    let Some(opening) = state.habits.history.newest().nth(selected).cloned() else { return };
    state.popup = None;
    if state.fleet.places.find(&opening.id).is_some() {
        session::open(state, &opening.id, out);
    } else {
        // No list has it at this moment: to start a session is itself the test.
        session::try_id(state, opening.id, out);
    }
}

/// Opens the history.
pub(super) fn show(state: &mut State) {
    state.popup = Some(Popup::History { selected: 0 });
}
