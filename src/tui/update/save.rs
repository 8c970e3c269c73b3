//! Saving what a session has shown to a file.

use super::{note, problem};
use crate::{
    term::copy::Lines,
    tui::{
        action::Action,
        event::Effect,
        state::{
            State,
            line::Line,
            popup::{Popup, Save},
        },
        text::counted,
    },
};

/// Asks where to.
pub(super) fn open(state: &mut State) {
    let Some(tab) = state.tabs.current() else { return };
    let plain = |c: char| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let name: String = tab.name.chars().map(plain).collect();
    let when = state.now.time.strftime("%Y%m%d-%H%M%S");
    let path = state.folder.join(format!("{}-{when}.txt", name.trim_matches(['-', '.'])));
    let line = Line::new(path.display().to_string());
    state.popup = Some(Popup::Save(Save { tab: tab.id, line, coloured: false, failure: None }));
}

/// Does an action of the question; whether it was one of its own.
pub(super) fn act(state: &mut State, action: Action, out: &mut Vec<Effect>) -> bool {
    let Some(Popup::Save(save)) = &mut state.popup else { return false };
    match action {
        Action::Accept => {
            let pane = state.tabs.get(save.tab).and_then(|tab| tab.pane());
            let Some(pane) = pane else {
                state.popup = None;
                return true;
            };
            let text = match &pane.look {
                Some(look) => look.copy.lines().export(save.coloured),
                None => Lines::new(pane.terminal.freeze()).export(save.coloured),
            };
            let path = save.line.text().trim().to_owned();
            if path.is_empty() {
                save.failure = Some("a file needs a name".to_owned());
            } else {
                out.push(Effect::Save { path, text });
            }
        }
        Action::ToggleColours => save.coloured = !save.coloured,
        Action::Dismiss => state.popup = None,
        action => {
            save.line.edit(action);
        }
    }
    true
}

/// Text was typed into the name.
pub(super) fn typed(state: &mut State, text: &str) {
    if let Some(Popup::Save(save)) = &mut state.popup {
        save.line.insert_text(text);
    }
}

/// The file is written, or why it is not.
pub(super) fn saved(state: &mut State, result: Result<(String, usize), String>) {
    match (result, &mut state.popup) {
        (Ok((path, lines)), popup) => {
            if matches!(popup, Some(Popup::Save(_))) {
                state.popup = None;
            }
            note(state, format!("saved {} to {path}", counted(lines, "line", "lines")));
        }
        (Err(why), Some(Popup::Save(save))) => save.failure = Some(why),
        (Err(why), _) => problem(state, why),
    }
}
