//! The choice of accounts and regions: opened, ticked, taken.

use super::{fleet, note, problem};
use crate::{
    fleet::Place,
    tui::{
        action::Action,
        event::{Choices, Effect},
        state::{
            State,
            chooser::{Chooser, Item},
            line::Line,
            popup::Popup,
        },
    },
};

/// The most accounts and regions that are read side by side.
const MOST: usize = 200;

/// Opens the choice; what there is to choose from is asked for.
pub(super) fn open(state: &mut State, out: &mut Vec<Effect>) {
    let chooser = Chooser::new(&state.fleet.places, state.memory.groups.clone());
    state.popup = Some(Popup::Places(Box::new(chooser)));
    out.push(Effect::Choices(state.fleet.places.first_ready().map(|view| view.id)));
}

/// What there is to choose from.
pub(super) fn choices(state: &mut State, choices: Choices) {
    if let Some(Popup::Places(chooser)) = &mut state.popup {
        chooser.choices = Some(choices);
    }
}

/// Does an action in the choice; whether it was one of its own.
pub(super) fn act(state: &mut State, action: Action, out: &mut Vec<Effect>) -> bool {
    let Some(Popup::Places(chooser)) = &mut state.popup else { return false };
    match action {
        Action::Up => chooser.by(-1),
        Action::Down => chooser.by(1),
        Action::PageUp => chooser.by(-10),
        Action::PageDown => chooser.by(10),
        Action::Mark => chooser.toggle(),
        Action::Refresh => again(state, out),
        Action::Accept => take(state, out),
        Action::Dismiss | Action::Quit | Action::Login => return false,
        action => {
            if chooser.line.edit(action) {
                chooser.selected = 0;
            }
        }
    }
    true
}

/// Types a text into the choice.
pub(super) fn typed(state: &mut State, text: &str) {
    if let Some(Popup::Places(chooser)) = &mut state.popup {
        chooser.line.insert_text(text);
        chooser.selected = 0;
    }
}

/// Asks the place under the cursor again; on another line, each that is in trouble.
fn again(state: &mut State, out: &mut Vec<Effect>) {
    let Some(Popup::Places(chooser)) = &state.popup else { return };
    let one = match chooser.item() {
        Some(Item::Place(id, _)) => Some(id),
        _ => None,
    };
    for view in state.fleet.places.iter_mut() {
        if one.map_or(view.trouble().is_some(), |id| view.id == id) {
            fleet::refresh_place(view, out);
        }
    }
}

/// Reads what was chosen, and nothing else any more. A place alone, with nothing ticked, is what the list is filtered by.
fn take(state: &mut State, out: &mut Vec<Effect>) {
    let Some(Popup::Places(chooser)) = &state.popup else { return };
    if let Some(Item::Place(_, (profile, region))) = chooser.item().filter(|_| !chooser.touched) {
        let filter = |name: &str, value: Option<String>| value.map(|value| format!("{name}:{value} "));
        let query: String =
            [filter("profile", profile), filter("region", region)].into_iter().flatten().collect();
        state.popup = None;
        state.fleet.query = Line::new(query);
        return fleet::query_changed(state, out);
    }
    let wanted = chooser.taken();
    let current = chooser.current().to_vec();
    if wanted.is_empty() {
        return problem(state, "nothing is ticked: there would be nothing to read");
    }
    if wanted.len() > MOST {
        return problem(state, format!("{} places are too many: at most {MOST}", wanted.len()));
    }
    state.popup = None;
    let (mut more, mut fewer) = (0, 0);
    for (id, pair) in &current {
        if !wanted.contains(pair) {
            state.fleet.places.remove(*id);
            out.push(Effect::Leave(*id));
            fewer += 1;
        }
    }
    for pair in wanted.iter().filter(|pair| current.iter().all(|(_, other)| other != *pair)) {
        let text = |text: &Option<String>| text.as_deref().map(Into::into);
        let place = Place { profile: text(&pair.0), region: text(&pair.1), ..Place::default() };
        let id = state.fleet.places.add(place);
        out.extend(state.fleet.places.get(id).map(fleet::connect));
        more += 1;
    }
    if more + fewer > 0 {
        state.fleet.list.settled = false;
        state.fleet.recount();
        fleet::rows_changed(state, out);
        note(state, format!("reading {}", state.fleet.places.words()));
    }
}
