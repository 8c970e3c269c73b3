//! What an event makes of the state, and what must then be done. No I/O, no clock: time comes with the event.
//!
//! | file | events of |
//! | --- | --- |
//! | `action` | keys, and what the user wants by them |
//! | `fleet` | lists, searches, answers about rows |
//! | `session` | starts, sessions, their input |
//! | `forward` | forwards |
//! | `form` | forms and the choice of a document |
//! | `popup` | what lies over the screen |
//! | `mouse` | the mouse |

mod action;
mod fleet;
mod form;
mod forward;
mod mouse;
mod popup;
mod session;

pub(in crate::tui) use form::hits;

use super::{
    action::Context,
    event::{Effect, Event, Now, TabId},
    layout,
    state::{Note, State, tab::Unseen},
};

/// Takes in one event; what must be done comes back, in this order.
pub fn update(state: &mut State, event: Event, now: Now) -> Vec<Effect> {
    state.now = now;
    let out = &mut Vec::new();
    let was_dirty = state.dirty;
    state.dirty = true;
    match event {
        Event::Key(key) => {
            let before = quiet(state);
            action::key(state, &key, out);
            // A key that only went to the session shows nothing: its echo does.
            state.dirty = was_dirty || before.is_none() || before != quiet(state);
        }
        Event::Paste(text) => action::paste(state, text, out),
        Event::Mouse(mouse) => {
            state.dirty = was_dirty | mouse::mouse(state, mouse, out);
        }
        Event::Resized(size) => resized(state, size, out),
        Event::Tick => tick(state, out),
        Event::Told => session::leave(state, out),
        Event::Connected { region, profile } => fleet::connected(state, region, profile, out),
        Event::NotConnected(failure) => fleet::not_connected(state, failure),
        Event::Identified(who) => state.place.who = who.ok(),
        Event::Listed(update) => fleet::listed(state, update, out),
        Event::ListEnded { generation } => fleet::list_ended(state, generation),
        Event::Probed { id, status } => fleet::probed(state, id, status, out),
        Event::Found(matches) => fleet::found(state, matches, out),
        Event::Started { life, result } => session::started(state, life, result, out),
        Event::Session { life, event } => {
            state.dirty = was_dirty | session::happened(state, life, event, out);
        }
        Event::Forward { life, event } => {
            state.dirty = was_dirty | forward::happened(state, life, event, out);
        }
        Event::Documents { generation, page } => form::listed(state, generation, page),
        Event::DocumentsEnded { generation, result } => form::list_ended(state, generation, result),
        Event::Document { name, result } => form::read(state, &name, *result),
        Event::Preferences(preferences) => session::preferences(state, preferences),
        Event::InputTaken { life } => {
            state.dirty = was_dirty | session::taken(state, life, out);
        }
    }
    std::mem::take(out)
}

/// The tab whose session has the keys, if nothing on the screen tells of them.
fn quiet(state: &State) -> Option<TabId> {
    let tab = state.tabs.current().filter(|tab| tab.paste_percent().is_none())?;
    let quiet = state.context() == Context::Pane && state.pending.is_empty() && state.note.is_none();
    quiet.then_some(tab.id)
}

/// What happens before the first event: the way to AWS is looked for while the first frame is drawn.
pub fn begin() -> Vec<Effect> {
    vec![Effect::Connect]
}

fn resized(state: &mut State, size: crate::term::Size, out: &mut Vec<Effect>) {
    state.size = size;
    let pane = layout::pane(size);
    for tab in state.tabs.iter_mut() {
        if let Some(terminal) = tab.pane_mut() {
            terminal.resize(pane);
            if tab.is_running() {
                out.push(Effect::Resize(tab.life(), pane));
            }
        }
    }
    let height = state.list_height();
    state.fleet.list.show_cursor(height);
    fleet::probe_soon(state);
}

/// A deadline has come: whatever is due.
fn tick(state: &mut State, out: &mut Vec<Effect>) {
    let now = state.now.instant;
    let due = |at: Option<std::time::Instant>| at.is_some_and(|at| at <= now);
    if state.note.as_ref().is_some_and(|note| due(note.until)) {
        state.note = None;
    }
    state.fleet.changed.retain(|_, until| *until > now);
    if let Some(tab) = state.tabs.current_mut() {
        if tab.link.resumed.is_some_and(|(_, until)| until <= now) {
            tab.link.resumed = None;
        }
        if tab.link.notice.as_ref().is_some_and(|(_, until)| *until <= now) {
            tab.link.notice = None;
        }
    }
    warn_of_ends(state);
    if due(state.fleet.reading.due) {
        fleet::read(state, out);
    }
    if due(state.fleet.probe_due) {
        fleet::probe(state, out);
    }
    if due(state.leaving) {
        out.push(Effect::Quit);
    }
}

/// A hidden session that is about to be ended says so.
fn warn_of_ends(state: &mut State) {
    let now = state.now.instant;
    let shown = state.tabs.current().map(|tab| tab.id);
    let mut near = Vec::new();
    for tab in state.tabs.iter_mut().filter(|tab| tab.is_live()) {
        if tab.limits.warn_at(now).is_some_and(|at| at <= now) {
            tab.limits.warned = true;
            if shown != Some(tab.id) {
                tab.unseen = Unseen::Bell;
                near.push(tab.name.clone());
            }
        }
    }
    if !near.is_empty() {
        let them = if near.len() == 1 { "is" } else { "are" };
        note(state, format!("{} {them} ended in 2 min unless used", near.join(", ")));
    }
}

/// Says something in the footer for a moment.
fn note(state: &mut State, text: impl Into<String>) {
    let until = Some(state.now.instant + super::state::NOTE_SHOWS);
    state.note = Some(Note { text: text.into(), until });
}

/// Says something in the footer until the next key.
fn problem(state: &mut State, text: impl Into<String>) {
    state.note = Some(Note { text: text.into(), until: None });
}
