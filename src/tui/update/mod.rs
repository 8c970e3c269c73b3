//! What an event makes of the state, and what must then be done. No I/O, no clock: time comes with the event.
//!
//! | file | events of |
//! | --- | --- |
//! | `action` | keys, and what the user wants by them |
//! | `examination` | deep checks |
//! | `fleet` | lists, searches, answers about rows |
//! | `session` | starts, sessions, their input |
//! | `forward` | forwards |
//! | `form` | forms and the choice of a document |
//! | `place` | the choice of accounts and regions, and how each is |
//! | `popup` | what lies over the screen |
//! | `login` | sign-ins and codes |
//! | `kept` | lists of the last time, history, favourites |
//! | `watch` | rows that are watched until they are ready |
//! | `look` | looking back: cursor, search, selection, links |
//! | `save` | a session's lines, saved to a file |
//! | `clipboard` | what an instance wants on the clipboard |
//! | `mouse` | the mouse |
//! | `paste` | text pasted into sessions |

mod action;
mod clipboard;
mod examination;
mod fleet;
mod form;
mod forward;
mod kept;
mod login;
mod look;
mod mouse;
mod paste;
mod place;
mod popup;
mod save;
mod session;
mod watch;

use super::{
    action::Context,
    event::{Effect, Event, Now, TabId},
    layout,
    state::{
        Note, State,
        tab::{Tab, Unseen},
    },
};

/// Takes in one event; what must be done comes back, in this order.
pub fn update(state: &mut State, event: Event, now: Now) -> Vec<Effect> {
    state.now = now;
    let out = &mut Vec::new();
    let was_dirty = state.dirty;
    let signing_in = login::under_way(state);
    state.dirty = true;
    match event {
        Event::Key(key) => {
            let before = quiet(state);
            action::key(state, &key, out);
            // A key that only went to the session shows nothing: its echo does.
            state.dirty = was_dirty || before.is_none() || before != quiet(state);
        }
        Event::Released(key) => {
            action::released(state, &key, out);
            state.dirty = was_dirty;
        }
        Event::Paste(text) => action::paste(state, text, out),
        Event::Mouse(mouse) => {
            state.dirty = was_dirty | mouse::mouse(state, mouse, out);
        }
        Event::Resized(size) => resized(state, size, out),
        Event::Focused(focused) => {
            state.window.focused = focused;
            state.dirty = was_dirty;
        }
        Event::Coloured(own) => {
            state.window.colours = Some(own);
            for pane in state.tabs.iter_mut().filter_map(Tab::pane_mut) {
                pane.terminal.set_own_colours(Some(own));
            }
        }
        Event::Tick => tick(state, out),
        Event::Told => session::leave(state, out),
        Event::Connected { place, region, profile } => fleet::connected(state, place, region, profile, out),
        Event::NotConnected { place, failure } => {
            fleet::not_connected(state, place, failure);
            login::offer(state, place);
        }
        Event::Identified { place, who } => {
            if let Err(failure) = &who {
                login::failed(state, place, failure);
            }
            fleet::identified(state, place, who.ok(), out);
        }
        Event::Listed { place, update } => fleet::listed(state, place, update, out),
        Event::ListEnded { place, generation } => fleet::list_ended(state, place, generation, out),
        Event::Saved(result) => save::saved(state, result),
        Event::Choices(choices) => place::choices(state, choices),
        Event::KeysSought { place, missing } => login::keys_sought(state, place, missing, out),
        Event::CodeShown { number, code } => login::code_shown(state, number, code, out),
        Event::Browsed { opened } => {
            if !login::browsed(state, opened) && !opened {
                problem(state, "no browser could be started here: copy the link instead");
            }
        }
        Event::SignedIn { number, session, result } => {
            login::signed_in(state, number, *session, result, out);
        }
        Event::CodeTried { device, result } => login::code_tried(state, *device, result, out),
        Event::Cached { place, fleet } => kept::cached(state, place, fleet, out),
        Event::Recalled(history) => kept::recalled(state, history, out),
        Event::Looked { place, id, updates } => watch::looked(state, place, &id, updates, out),
        Event::Probed { id, status } => fleet::probed(state, id, status, out),
        Event::Evidence { id, piece } => examination::took(state, &id, *piece),
        Event::Examined { id } => examination::ended(state, &id),
        Event::Found(matches) => fleet::found(state, matches, out),
        Event::Started { life, place, result } => session::started(state, life, place, result, out),
        Event::Session { life, event } => {
            state.dirty = was_dirty | session::happened(state, life, event, out);
        }
        Event::Forward { life, event } => {
            state.dirty = was_dirty | forward::happened(state, life, event, out);
        }
        Event::Documents { place, generation, page } => form::listed(state, place, generation, page),
        Event::DocumentsEnded { place, generation, result } => {
            if let Err(failure) = &result {
                login::failed(state, place, failure);
            }
            form::list_ended(state, place, generation, result);
        }
        Event::Document { place, name, result } => {
            if let Err(failure) = &*result {
                login::failed(state, place, failure);
            }
            form::read(state, place, &name, *result);
        }
        Event::Preferences { place, preferences } => {
            session::preferences(state, place, preferences.map(|preferences| *preferences));
        }
        Event::InputTaken { life } => {
            state.dirty = was_dirty | session::taken(state, life, out);
        }
    }
    login::cancel(state, signing_in, out);
    paste::settle(state, out);
    session::tell_focus(state, out);
    std::mem::take(out)
}

/// The tab whose session has the keys, if nothing on the screen tells of them, and what is told of its idle time.
fn quiet(state: &State) -> Option<(TabId, Option<String>)> {
    let tab = state.tabs.current().filter(|tab| tab.paste_percent().is_none())?;
    let quiet = state.context() == Context::Pane && state.pending.is_empty() && state.note.is_none();
    quiet.then(|| (tab.id, tab.limits.idle_words(state.now.instant)))
}

/// What happens before the first event: the ways to AWS are looked for while the first frame is drawn.
pub fn begin(state: &State) -> Vec<Effect> {
    let places = &state.fleet.places;
    let kept = places.iter().map(fleet::seek);
    std::iter::once(Effect::Recall).chain(kept).chain(places.iter().map(fleet::connect)).collect()
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
    look::tick(state);
    warn_of_ends(state);
    fleet::read_due(state, out);
    if due(state.fleet.publish_due) {
        fleet::publish(state, out);
    }
    watch::look(state, out);
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
