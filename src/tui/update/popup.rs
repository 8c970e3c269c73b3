//! What lies over the screen: opened, moved in, answered, closed.

use super::{action, fleet, form, kept, login, look, note, paste, place, save, session};
use crate::{
    fleet::{Column, Direction},
    tui::{
        action::{Action, Context},
        action_table::TABLE,
        event::Effect,
        state::{
            State, fix,
            forward::bytes,
            popup::{MenuItem, Popup, Question},
        },
    },
};

/// Does an action in what lies over the screen; whether it was one of its own.
pub(super) fn act(state: &mut State, action: Action, out: &mut Vec<Effect>) -> bool {
    if form::act(state, action, out)
        || place::act(state, action, out)
        || login::act(state, action, out)
        || save::act(state, action, out)
        || look::link(state, action, out)
    {
        return true;
    }
    match action {
        Action::Dismiss => state.popup = None,
        Action::Quit if state.popup == Some(Popup::Confirm(Question::Quit)) => session::leave(state, out),
        Action::Accept => accept(state, out),
        Action::Up => by(state, -1),
        Action::Down => by(state, 1),
        Action::PageUp => by(state, -10),
        Action::PageDown => by(state, 10),
        Action::First => by(state, isize::MIN / 2),
        Action::Last => by(state, isize::MAX / 2),
        Action::Reverse => {
            state.popup = None;
            fleet::reverse(state, out);
        }
        _ => {
            if let Some(Popup::Rename { line, .. }) = &mut state.popup {
                line.edit(action);
                return true;
            }
            return false;
        }
    }
    true
}

fn accept(state: &mut State, out: &mut Vec<Effect>) {
    match state.popup.take() {
        Some(Popup::Menu { items, selected }) => {
            if let Some(item) = items.get(selected) {
                action::act(state, item.action, out);
            }
        }
        Some(Popup::Order { selected }) => {
            state.fleet.order = match selected.checked_sub(1).and_then(|at| Column::ALL.get(at)) {
                None => None,
                Some(column) => {
                    let direction = match state.fleet.order {
                        Some((ordered, direction)) if ordered == *column => direction.reversed(),
                        _ => Direction::Ascending,
                    };
                    Some((*column, direction))
                }
            };
            fleet::search(state, out);
            if let Some((column, direction)) = state.fleet.order {
                note(state, fleet::order_words(column, direction));
            }
        }
        Some(Popup::History { selected }) => kept::open_again(state, selected, out),
        Some(Popup::Confirm(Question::Quit)) => session::leave(state, out),
        Some(Popup::Confirm(Question::End(id))) => {
            if let Some(tab) = state.tabs.get(id) {
                out.push(Effect::End(tab.life()));
            }
        }
        Some(Popup::Confirm(Question::Clipboard { tab, text })) => {
            let name = state.tabs.get(tab).map(|tab| tab.name.clone()).unwrap_or_default();
            let what = format!("{} for {name}", bytes(text.len() as u64));
            action::copy(state, text, &what, out);
        }
        Some(Popup::Confirm(Question::Paste { tab, text })) => paste::send(state, tab, &text, out),
        Some(Popup::Rename { tab, line }) => {
            let name = line.text().trim();
            if let Some(tab) = state.tabs.get_mut(tab).filter(|_| !name.is_empty()) {
                tab.name = name.to_owned();
                tab.renamed = true;
            }
        }
        Some(
            Popup::Help { .. }
            | Popup::Explain { .. }
            | Popup::Details { .. }
            | Popup::Form(_)
            | Popup::Documents(_)
            | Popup::Save(_)
            | Popup::Link { .. }
            | Popup::Places(_)
            | Popup::Login(_)
            | Popup::MfaCode(_),
        )
        | None => {}
    }
}

/// Moves the cursor of a list, or the lines of a text.
fn by(state: &mut State, lines: isize) {
    let within = |at: &mut usize, last: usize| *at = at.saturating_add_signed(lines).min(last);
    let last_line = crate::tui::view::popup_lines(state);
    match &mut state.popup {
        Some(Popup::Menu { items, selected }) => within(selected, items.len().saturating_sub(1)),
        Some(Popup::History { selected }) => {
            within(selected, state.habits.history.newest().count().saturating_sub(1));
        }
        Some(Popup::Order { selected }) => within(selected, Column::ALL.len()),
        Some(Popup::Help { scroll } | Popup::Explain { scroll, .. } | Popup::Details { scroll }) => {
            within(scroll, last_line);
        }
        Some(
            Popup::Confirm(_)
            | Popup::Rename { .. }
            | Popup::Form(_)
            | Popup::Documents(_)
            | Popup::Save(_)
            | Popup::Link { .. }
            | Popup::Places(_)
            | Popup::Login(_)
            | Popup::MfaCode(_),
        )
        | None => {}
    }
}

/// Opens the menu of what can be done with what is selected.
pub(super) fn menu(state: &mut State) {
    let contexts: &[Context] = match state.base_context() {
        Context::Search | Context::List => &[Context::List, Context::Search],
        Context::Pane => &[Context::Pane],
        Context::Forward => &[Context::Forward],
        Context::Starting => &[Context::Starting],
        Context::Scroll => &[Context::Scroll],
        _ => &[Context::Ended],
    };
    let facts = state.snapshot();
    let items = TABLE
        .iter()
        .filter(|entry| entry.in_menu())
        .filter_map(|entry| {
            let key = contexts.iter().find_map(|context| state.keymap.key_of(*context, entry.action))?;
            Some(MenuItem { action: entry.action, key, disabled: entry.action.disabled(&facts) })
        })
        .collect();
    state.popup = Some(Popup::Menu { items, selected: 0 });
}

/// Opens the choice of a column.
pub(super) fn order(state: &mut State) {
    let selected = state
        .fleet
        .order
        .and_then(|(column, _)| Column::ALL.iter().position(|other| *other == column))
        .map_or(0, |at| at + 1);
    state.popup = Some(Popup::Order { selected });
}

/// Copies the line that mends the instance in question.
pub(super) fn copy_fix(state: &mut State, out: &mut Vec<Effect>) {
    let command = state.subject().and_then(|instance| fix(&state.verdict(instance)).map(str::to_owned));
    if let Some(command) = command {
        action::copy(state, command, "the line that mends it", out);
    }
}
