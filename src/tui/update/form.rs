//! Forms and the choice of a document: opened, typed into, taken.

use super::{forward, note, problem, session};
use crate::{
    fleet::{Document, DocumentSummary, InstanceId, Target, document::Kind, resolve_target},
    tui::{
        action::Action,
        event::{Effect, Failure, PlaceId},
        state::{
            State,
            document::{Documents, Status},
            form::{Form, Saved, Subject},
            line::Line,
            popup::{Picker, Popup},
        },
    },
};

/// The instance that something is to be opened on, and its name; one that cannot be reached is explained instead.
pub(super) fn subject(state: &mut State) -> Option<(InstanceId, String)> {
    state.popup = None;
    if !state.fleet.places.is_ready() {
        problem(state, "there is no connection to AWS yet");
        return None;
    }
    let in_tab = state.tabs.current().is_some();
    match state.subject().cloned() {
        Some(instance) if !in_tab && state.verdict(&instance).explains_refusal().is_some() => {
            state.popup = Some(Popup::Explain { id: instance.id, scroll: 0 });
            None
        }
        Some(instance) => Some((instance.id.clone(), instance.label().to_owned())),
        None => {
            let tab = state.tabs.current().map(|tab| tab.instance.clone());
            let id = tab.or_else(|| state.fleet.typed_id())?;
            let name = id.to_string();
            Some((id, name))
        }
    }
}

/// Asks what to forward.
pub(super) fn forward(state: &mut State) {
    let Some((instance, name)) = subject(state) else { return };
    let agent = state.fleet.places.find(&instance).and_then(|instance| instance.version());
    let last = state.memory.forwards.get(&instance);
    let rows = state.fleet.places.rows();
    // Those that were saved for this instance; of the others it is not known that they make sense here.
    let for_it = |saved: &&Saved| match resolve_target(&rows, &saved.target) {
        Target::One(found) => found.id == instance,
        Target::None | Target::Several(_) => false,
    };
    let saved = state.memory.saved.iter().filter(for_it).cloned().collect();
    let form = Form::forward(instance.clone(), name, agent, last, saved);
    state.popup = Some(Popup::Form(Box::new(form)));
}

/// Asks for a document.
pub(super) fn documents(state: &mut State, out: &mut Vec<Effect>) {
    let Some((instance, name)) = subject(state) else { return };
    let places = &state.fleet.places;
    let platform = places.find(&instance).and_then(|instance| instance.platform());
    let Some(place) = places.of(&instance).or(places.first_ready()).map(|view| view.id) else { return };
    state.popup = Some(Popup::Documents(Picker {
        place,
        instance,
        name,
        platform,
        line: Line::default(),
        selected: 0,
        reading: None,
        failure: None,
    }));
    list(state, place, false, out);
}

/// Lists the documents of a place; those that are listed already only if they are wanted `anew`.
fn list(state: &mut State, place: PlaceId, anew: bool, out: &mut Vec<Effect>) {
    let Some(view) = state.fleet.places.get_mut(place) else { return };
    let documents = &mut view.documents;
    if documents.status == Status::Reading || (documents.status == Status::Complete && !anew) {
        return;
    }
    documents.list.clear();
    documents.status = Status::Reading;
    documents.generation += 1;
    out.push(Effect::Documents { place, generation: documents.generation });
}

/// Some documents came.
pub(super) fn listed(state: &mut State, place: PlaceId, generation: u64, page: Vec<DocumentSummary>) {
    if let Some(documents) = documents_of(state, place, generation) {
        documents.list.extend(page);
    }
}

/// The documents of a place, if this reading is the latest.
fn documents_of(state: &mut State, place: PlaceId, generation: u64) -> Option<&mut Documents> {
    let view = state.fleet.places.get_mut(place)?;
    Some(&mut view.documents).filter(|documents| documents.generation == generation)
}

/// The listing is over.
pub(super) fn list_ended(state: &mut State, place: PlaceId, generation: u64, result: Result<(), Failure>) {
    if let Some(documents) = documents_of(state, place, generation) {
        documents.status = match result {
            Ok(()) => Status::Complete,
            Err(failure) => Status::Failed(failure),
        };
    }
}

/// A document was read: its form.
pub(super) fn read(state: &mut State, place: PlaceId, name: &str, result: Result<Document, Failure>) {
    let Some(Popup::Documents(picker)) = &mut state.popup else { return };
    if picker.place != place || picker.reading.as_deref() != Some(name) {
        return;
    }
    picker.reading = None;
    match result {
        Err(failure) => picker.failure = Some(failure),
        Ok(document) => {
            let (instance, label) = (picker.instance.clone(), picker.name.clone());
            let agent = state.fleet.places.find(&instance).and_then(|instance| instance.version());
            let last = state.memory.documents.get(name).map(Vec::as_slice);
            let form = Form::document(instance, label, agent, document, last);
            state.popup = Some(Popup::Form(Box::new(form)));
        }
    }
}

/// Does an action in a form or in the choice of a document; whether it was one of theirs.
pub(super) fn act(state: &mut State, action: Action, out: &mut Vec<Effect>) -> bool {
    match &mut state.popup {
        Some(Popup::Form(form)) => match action {
            Action::Accept => accept(state, out),
            Action::Up => form.by(-1),
            Action::Down => form.by(1),
            Action::PageUp => form.by(-5),
            Action::PageDown => form.by(5),
            Action::NextField => form.go(true),
            Action::PreviousField => form.go(false),
            Action::Dismiss | Action::Quit => return false,
            action => form.edit(action),
        },
        Some(Popup::Documents(_)) => return choose(state, action, out),
        _ => return false,
    }
    true
}

fn choose(state: &mut State, action: Action, out: &mut Vec<Effect>) -> bool {
    let Some(Popup::Documents(picker)) = &state.popup else { return false };
    let place = picker.place;
    let Some(documents) = state.fleet.places.get(place).map(|view| &view.documents) else { return false };
    let hits = picker.hits(&state.fleet.places);
    let chosen = hits.get(picker.selected).map(|hit| documents.list[hit.at].name.clone());
    let listing = documents.status == Status::Reading;
    let Some(Popup::Documents(picker)) = &mut state.popup else { return false };
    let mut by = |lines: isize| {
        picker.selected = picker.selected.saturating_add_signed(lines).min(hits.len().saturating_sub(1));
        picker.failure = None;
    };
    match action {
        Action::Up => by(-1),
        Action::Down => by(1),
        Action::PageUp => by(-10),
        Action::PageDown => by(10),
        Action::Accept => {
            // A document that no list has can be named whole: listing may be denied and reading it not.
            let typed = picker.line.text().trim();
            let typed = (!typed.is_empty() && !typed.contains(' ')).then(|| typed.to_owned());
            if let Some(name) = chosen.or(typed.filter(|_| !listing)) {
                picker.reading = Some(name.clone());
                picker.failure = None;
                out.push(Effect::Document { place, name });
            }
        }
        Action::Refresh => list(state, place, true, out),
        Action::Dismiss | Action::Quit => return false,
        action => {
            if picker.line.edit(action) {
                changed(picker);
            }
        }
    }
    true
}

fn changed(picker: &mut Picker) {
    picker.selected = 0;
    picker.failure = None;
    picker.reading = None;
}

/// Types a text into a form or into the choice of a document.
pub(super) fn typed(state: &mut State, text: &str) {
    match &mut state.popup {
        Some(Popup::Form(form)) => form.insert_text(text),
        Some(Popup::Documents(picker)) => {
            picker.line.insert_text(text);
            changed(picker);
        }
        _ => {}
    }
}

/// Opens what the form describes, if nothing is in the way.
fn accept(state: &mut State, out: &mut Vec<Effect>) {
    let Some(Popup::Form(form)) = &mut state.popup else { return };
    if form.take() {
        return form.go(true);
    }
    form.tried = true;
    if let Some((at, _)) = form.problem() {
        form.focus = at;
        return;
    }
    if form.refusal().is_some() {
        return;
    }
    match &form.subject {
        Subject::Forward { .. } => {
            if let Some(wish) = form.wish() {
                forward::open(state, wish, out);
            }
        }
        Subject::Document(document) => {
            let (document, typed, run) = (document.clone(), form.typed(), form.run());
            let Some(run) = run else { return };
            state.memory.documents.insert(document.name.clone(), typed);
            if document.kind == Kind::Port {
                return forward::open_by_document(state, run, out);
            }
            let Some(Popup::Form(form)) = state.popup.take() else { return };
            session::run(state, &form.instance, run, &document, out);
        }
    }
}

/// Opens ssh to the instance in a tab.
pub(super) fn ssh(state: &mut State, out: &mut Vec<Effect>) {
    let Some((instance, _)) = subject(state) else { return };
    let agent = state.fleet.places.find(&instance).and_then(|instance| instance.version());
    match crate::fleet::feature::check(agent, crate::fleet::Feature::PortForwarding) {
        Ok(()) => session::begin_ssh(state, &instance, out),
        Err(why) => note(state, why),
    }
}
