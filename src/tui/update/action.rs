//! Keys, and what the user wants by them.

use crossterm::event::{KeyEvent, KeyEventKind};

use super::{
    clipboard, examination, fleet, form, kept, login, look, note, paste, place, popup, problem, save,
    session, watch,
};
use crate::{
    config::{Chord, Key},
    term::input,
    tui::{
        action::{Action, Context},
        event::Effect,
        key,
        keymap::{Lookup, spell},
        state::{
            State,
            fleet::Focus,
            line::Line,
            look::Look,
            popup::{Popup, Question},
            tab::Phase,
        },
    },
};

/// Keys that are held back until a search answers.
const HELD: usize = 1000;

/// Keys that are down at once at most.
const DOWN: usize = 16;

/// A key was pressed: the next of a sequence, an action, a letter of text, or something for the instance.
pub(super) fn key(state: &mut State, event: &KeyEvent, out: &mut Vec<Effect>) {
    state.ours.truncate(DOWN);
    state.ours.insert(0, event.code);
    if state.note.as_ref().is_some_and(|note| note.until.is_none()) {
        state.note = None;
    }
    let Some(chord) = key::chord(event) else {
        return to_session(state, event, out);
    };
    if state.leaving.is_some() {
        if chord == Chord::control('c') {
            out.push(Effect::Quit);
        }
        return;
    }
    if let Some(c) = key::typed(chord) {
        login::step_aside(state, c.encode_utf8(&mut [0; 4]), out);
    }
    let context = state.context();
    state.pending.push(chord);
    let found = state.keymap.lookup(context, &state.pending);
    // `enter` right behind a query is meant for what the query finds, never for the row that happens to be there still.
    let about_row = matches!(found, Lookup::Matched(action) if action.is_about_row());
    let list = &mut state.fleet.list;
    if in_fleet(context) && list.to_top && (about_row || !list.held.is_empty()) {
        state.pending.clear();
        if list.held.len() < HELD {
            list.held.push(*event);
        }
        return;
    }
    match found {
        Lookup::Pending(_) => {}
        Lookup::Matched(action) => {
            state.pending.clear();
            act(state, action, out);
        }
        Lookup::Unbound => {
            let keys = std::mem::take(&mut state.pending);
            if keys.len() > 1 {
                if chord != Chord::plain(Key::Escape) {
                    let help = state.keymap.key_of(context, Action::Help).unwrap_or_default();
                    note(state, format!("{} has no meaning here; {help} shows every key", spell(&keys)));
                }
            } else {
                unbound(state, context, chord, event, out);
            }
        }
    }
}

fn in_fleet(context: Context) -> bool {
    matches!(context, Context::Search | Context::List)
}

fn unbound(state: &mut State, context: Context, chord: Chord, event: &KeyEvent, out: &mut Vec<Effect>) {
    match context {
        Context::Pane | Context::Starting => to_session(state, event, out),
        Context::Search => {
            if let Some(c) = key::typed(chord) {
                state.fleet.query.insert(c);
                fleet::query_changed(state, out);
            }
        }
        Context::Rename => {
            if let (Some(Popup::Rename { line, .. }), Some(c)) = (&mut state.popup, key::typed(chord)) {
                line.insert(c);
            }
        }
        Context::Find | Context::Hints => {
            if let Some(c) = key::typed(chord) {
                look::typed(state, c.encode_utf8(&mut [0; 4]));
            }
        }
        Context::Save => {
            if let Some(c) = key::typed(chord) {
                save::typed(state, c.encode_utf8(&mut [0; 4]));
            }
        }
        Context::Form | Context::Documents => {
            if let Some(c) = key::typed(chord) {
                form::typed(state, c.encode_utf8(&mut [0; 4]));
            }
        }
        Context::Places => {
            if let Some(c) = key::typed(chord) {
                place::typed(state, c.encode_utf8(&mut [0; 4]));
            }
        }
        Context::MfaCode => {
            if let Some(c) = key::typed(chord) {
                login::typed(state, c.encode_utf8(&mut [0; 4]));
            }
        }
        _ => {}
    }
}

/// Every key but ours is the instance's: `ctrl-c` too (peers c1). While a paste is on its way, `ctrl-c` also drops the rest of
/// it, as it would in a terminal (peers c7).
fn to_session(state: &mut State, event: &KeyEvent, out: &mut Vec<Effect>) {
    // What is typed while the session starts is kept and sent when it runs.
    if !matches!(state.context(), Context::Pane | Context::Starting) {
        return;
    }
    if key::chord(event) == Some(Chord::control('c')) && event.kind != KeyEventKind::Release {
        paste::cancel(state, out);
    }
    let Some(pane) = state.tabs.current().and_then(|tab| tab.pane()) else { return };
    let mut bytes = Vec::new();
    input::encode_key(event, pane.terminal.input_modes(), &mut bytes);
    state.ours.retain(|code| *code != event.code);
    session::send(state, bytes, out);
}

/// A key was let go: told to the session unless it was pressed for us.
pub(super) fn released(state: &mut State, event: &KeyEvent, out: &mut Vec<Effect>) {
    match state.ours.iter().position(|code| *code == event.code) {
        Some(place) => _ = state.ours.remove(place),
        None => to_session(state, event, out),
    }
}

/// Text was pasted: into a line, or into the session.
pub(super) fn paste(state: &mut State, text: String, out: &mut Vec<Effect>) {
    login::step_aside(state, &text, out);
    match state.context() {
        Context::Search => {
            state.fleet.query.insert_text(&text);
            fleet::query_changed(state, out);
        }
        Context::Rename => {
            if let Some(Popup::Rename { line, .. }) = &mut state.popup {
                line.insert_text(&text);
            }
        }
        Context::Find => look::typed(state, &text),
        Context::Save => save::typed(state, &text),
        Context::Form | Context::Documents => form::typed(state, &text),
        Context::Places => place::typed(state, &text),
        Context::MfaCode => login::typed(state, &text),
        Context::Pane | Context::Starting => paste::offered(state, text, out),
        _ => {}
    }
}

/// Does what the user wants, or says why it cannot be done.
pub(super) fn act(state: &mut State, action: Action, out: &mut Vec<Effect>) {
    if let Some(reason) = action.disabled(&state.snapshot()) {
        return problem(state, reason);
    }
    if state.popup.is_some() && popup::act(state, action, out) {
        return;
    }
    if state.popup.is_none() && look::act(state, action, out) {
        return;
    }
    match action {
        Action::Shell => session::open_selected(state, out),
        Action::Forward => form::forward(state),
        Action::Command => form::documents(state, out),
        Action::Ssh => form::ssh(state, out),
        Action::CopyAddress => {
            let address = state.tabs.current().and_then(|tab| tab.board()?.address.clone());
            if let Some(address) = address {
                copy(state, address.clone(), &address, out);
            }
        }
        Action::TryAnyway => {
            if let Some(Popup::Explain { id, .. }) = state.popup.take() {
                session::open(state, &id, out);
            }
        }
        Action::Restart => session::restart(state, out),
        Action::CancelStart => session::cancel_start(state, out),
        Action::Duplicate => session::duplicate(state, out),
        Action::EndSession => match state.tabs.current().map(|tab| (tab.id, tab.phase.clone())) {
            Some((_, Phase::Starting { .. })) => session::cancel_start(state, out),
            Some((id, _)) => state.popup = Some(Popup::Confirm(Question::End(id))),
            None => {}
        },
        Action::CloseTab => session::close(state, out),
        Action::Rename => {
            if let Some(tab) = state.tabs.current() {
                state.popup = Some(Popup::Rename { tab: tab.id, line: Line::new(tab.name.clone()) });
            }
        }
        Action::Scroll => look::open(state),
        Action::Links => look::hints(state),
        Action::Save => save::open(state),
        Action::Clipboard => clipboard::ask(state),
        Action::CopyScreen => {
            if let Some(pane) = state.tabs.current().and_then(|tab| tab.pane()) {
                let text = Look::new(&pane.terminal).copy.view_text();
                copy(state, text, "the screen", out);
            }
        }
        Action::CancelPaste => {
            paste::cancel(state, out);
            note(state, "the rest of the paste was dropped");
        }
        Action::SendLeader => to_session(state, &key::event(state.keymap.leader()), out),
        Action::GoTab(number) => go(state, usize::from(number) - 1),
        Action::NextTab => go(state, (state.tabs.position() + 1) % (state.tabs.len() + 1)),
        Action::PreviousTab => {
            let tabs = state.tabs.len() + 1;
            go(state, (state.tabs.position() + tabs - 1) % tabs);
        }
        Action::GoFleet => go(state, 0),
        Action::Menu => popup::menu(state),
        Action::Commands => state.fleet.focus = Focus::List,
        Action::Search => state.fleet.focus = Focus::Search,
        Action::TagFilter => {
            state.fleet.focus = Focus::Search;
            let text = state.fleet.query.text();
            let space = if text.is_empty() || text.ends_with(' ') { "" } else { " " };
            state.fleet.query = Line::new(format!("{text}{space}tag:"));
            fleet::query_changed(state, out);
        }
        Action::Refresh => fleet::refresh(state, out),
        Action::Places => place::open(state, out),
        Action::Login => login::start(state, out),
        Action::Why => examination::why(state, out),
        Action::CopyId => {
            if let Some(id) = state.subject().map(|instance| instance.id.to_string()) {
                copy(state, id.clone(), &id, out);
            }
        }
        Action::CopyFix => popup::copy_fix(state, out),
        Action::CopyReport => examination::copy_report(state, out),
        Action::Mark => fleet::mark(state),
        Action::Favourite => kept::toggle_favourite(state, out),
        Action::History => kept::show(state),
        Action::Watch => watch::toggle(state, out),
        Action::UnmarkAll => state.fleet.marks.clear(),
        Action::Order => popup::order(state),
        Action::Reverse => fleet::reverse(state, out),
        Action::Help => state.popup = Some(Popup::Help { scroll: 0 }),
        Action::Quit => session::quit(state, out),
        Action::Up | Action::Down | Action::PageUp | Action::PageDown | Action::First | Action::Last => {
            moved(state, action)
        }
        Action::Complete => {
            fleet::complete(state, out);
        }
        // At the end of the line there is no letter to the right but the one that could stand there.
        Action::CursorRight if state.fleet.query.at_end() && fleet::complete(state, out) => {}
        // Of a popup or of the lines of a session, and done there.
        Action::Accept
        | Action::Dismiss
        | Action::NextField
        | Action::PreviousField
        | Action::OpenLink
        | Action::CopyLink
        | Action::ToggleColours
        | Action::Find
        | Action::FindBack
        | Action::ToggleRegex
        | Action::NextMatch
        | Action::PreviousMatch
        | Action::SelectCharacters
        | Action::SelectWords
        | Action::SelectLines
        | Action::SelectBlock
        | Action::SwapEnds
        | Action::CopySelection
        | Action::HalfUp
        | Action::HalfDown
        | Action::NextWord
        | Action::PreviousWord
        | Action::WordEnd
        | Action::LineText
        | Action::ViewTop
        | Action::ViewMiddle
        | Action::ViewBottom
        | Action::PreviousPrompt
        | Action::NextPrompt
        | Action::CopyPage
        | Action::CloseLook => {}
        Action::Erase
        | Action::EraseForward
        | Action::EraseWord
        | Action::EraseLine
        | Action::CursorLeft
        | Action::CursorRight
        | Action::CursorStart
        | Action::CursorEnd => {
            if state.fleet.query.edit(action) {
                fleet::query_changed(state, out);
            }
        }
    }
}

/// Puts text on the clipboard and says so.
pub(super) fn copy(state: &mut State, text: String, what: &str, out: &mut Vec<Effect>) {
    out.push(Effect::Copy(text));
    note(state, format!("copied {what}"));
}

pub(super) fn go(state: &mut State, position: usize) {
    look::let_go(state);
    if state.tabs.go(position) {
        state.popup = None;
        state.pending.clear();
    }
}

/// Moves the cursor of the list.
fn moved(state: &mut State, action: Action) {
    if state.tabs.current().is_some() {
        return;
    }
    let height = state.list_height();
    let list = &mut state.fleet.list;
    let page = height.saturating_sub(1).max(1);
    let place = match action {
        Action::Up => list.cursor.saturating_sub(1),
        Action::Down => list.cursor + 1,
        Action::PageUp => list.cursor.saturating_sub(page),
        Action::PageDown => list.cursor + page,
        Action::First => 0,
        _ => usize::MAX,
    };
    list.go(place, height);
    fleet::probe_soon(state);
}
