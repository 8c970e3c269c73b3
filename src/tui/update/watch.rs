//! Rows that are watched until a session can be opened on them: looked at at a polite pace, told by a bell.

use super::{fleet, note, problem, session};
use crate::{
    fleet::{InstanceId, State as Condition, Update, phrase},
    tui::{
        event::{Effect, PlaceId, TabId},
        state::{State, watch::Watch},
    },
};

/// Watches the row under the cursor, or the instance of the ended tab on the screen; a second time ends that.
pub(super) fn toggle(state: &mut State, out: &mut Vec<Effect>) {
    let tab = state.tabs.current().map(|tab| (tab.id, tab.instance.clone(), tab.name.clone()));
    let wanted = match (tab, state.subject()) {
        (Some((tab, id, name)), _) => Some((id, name, Some(tab))),
        (None, Some(row)) => Some((row.id.clone(), row.label().to_owned(), None)),
        (None, None) => None,
    };
    let Some((id, name, reopen)) = wanted else { return };
    if let Some(at) = state.watches.iter().position(|watch| watch.id == id && watch.reopen == reopen) {
        state.watches.remove(at);
        return note(state, format!("{name} is no longer watched"));
    }
    if reopen.is_none() && condition(state, &id) == Some(Condition::Ready) {
        return problem(state, format!("{name} is ready: there is nothing to wait for"));
    }
    let patience = patience(state, &id);
    let text = match reopen {
        Some(_) => format!("the session starts anew when {name} is back{patience}"),
        None => format!("{name} is watched: the bell rings when it is ready{patience}"),
    };
    state.watches.push(Watch::new(id, name, reopen, state.now.instant));
    look(state, out);
    note(state, text);
}

fn condition(state: &State, id: &InstanceId) -> Option<Condition> {
    state.fleet.places.find(id).map(|row| row.state(state.now.time))
}

/// How long its agent may take to notice, once what stands in the way is mended.
fn patience(state: &State, id: &InstanceId) -> String {
    let verdict = state.fleet.places.find(id).map(|row| state.verdict(row));
    let then = verdict.and_then(|verdict| verdict.findings.first()?.then());
    then.map(|then| format!(", up to {} after the fix", phrase::span(then.at_most.as_secs())))
        .unwrap_or_default()
}

/// Looks at those whose time has come.
pub(super) fn look(state: &mut State, out: &mut Vec<Effect>) {
    let now = state.now.instant;
    for at in 0..state.watches.len() {
        let watch = &state.watches[at];
        if watch.due.is_none_or(|due| due > now) {
            continue;
        }
        let id = watch.id.clone();
        let Some(view) = state.fleet.places.of(&id) else {
            // It has left the list: it may come back.
            state.watches[at].looked(now);
            continue;
        };
        let target = view.fleet.get(&id).map_or(&id, |row| row.target()).clone();
        let generation = view.fleet.generation();
        out.push(Effect::Look { place: view.id, id, target, generation });
        state.watches[at].due = None;
    }
}

/// A look has ended: the row is what it said, and if it is ready, whoever waited hears of it.
pub(super) fn looked(
    state: &mut State,
    place: PlaceId,
    id: &InstanceId,
    updates: Vec<Update>,
    out: &mut Vec<Effect>,
) {
    for update in updates {
        fleet::apply(state, place, update, out);
    }
    let now = state.now.instant;
    let ready = condition(state, id) == Some(Condition::Ready);
    let (told, waiting): (Vec<_>, Vec<_>) =
        std::mem::take(&mut state.watches).into_iter().partition(|watch| ready && watch.id == *id);
    state.watches = waiting;
    for watch in state.watches.iter_mut().filter(|watch| watch.id == *id) {
        watch.looked(now);
    }
    for watch in told {
        tell(state, &watch, out);
    }
}

fn tell(state: &mut State, watch: &Watch, out: &mut Vec<Effect>) {
    let passed = state.now.instant.saturating_duration_since(watch.since);
    let since = jiff::SignedDuration::try_from(passed).unwrap_or_default();
    let after = phrase::age(state.now.time - since, state.now.time);
    out.push(Effect::Bell);
    match watch.reopen.filter(|tab| ended(state, *tab)) {
        Some(tab) => {
            session::start_again(state, tab, out);
            note(state, format!("{} is back after {after}: its session starts anew", watch.name));
        }
        None => problem(state, format!("● {} is ready, after {after}", watch.name)),
    }
}

fn ended(state: &State, tab: TabId) -> bool {
    state.tabs.get(tab).is_some_and(|tab| !tab.is_running())
}
