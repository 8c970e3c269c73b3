//! What an instance wants on the user's clipboard (OSC 52). The user has the last word, unless the settings have it; and the question
//! takes no keys by itself, since somebody may be typing.

use super::{action, note};
use crate::{
    config::Allowed,
    term::Clipboard,
    tui::{
        event::{Effect, TabId},
        state::{
            State,
            forward::bytes,
            pane::Wanted,
            popup::{Popup, Question},
        },
    },
};

/// How long the strip says that something waits.
const SHOWS: std::time::Duration = std::time::Duration::from_secs(20);

/// An instance wants something on the clipboard; whether that shows.
pub(super) fn wanted(
    state: &mut State,
    id: TabId,
    clipboard: Option<Clipboard>,
    out: &mut Vec<Effect>,
) -> bool {
    let Some(clipboard) = clipboard.filter(|_| state.terminal.clipboard != Allowed::Never) else {
        return false;
    };
    let until = state.now.instant + SHOWS;
    let Some(tab) = state.tabs.get_mut(id) else { return false };
    let name = tab.name.clone();
    let text = match clipboard {
        Clipboard::Text(text) => text,
        Clipboard::TooLong => {
            note(state, format!("{name} wanted more on your clipboard than is taken: it was left out"));
            return true;
        }
        Clipboard::NoText => {
            note(
                state,
                format!("{name} wanted something on your clipboard that is no text: it was left out"),
            );
            return true;
        }
    };
    if state.terminal.clipboard == Allowed::Always {
        let what = format!("{} for {name}", bytes(text.len() as u64));
        action::copy(state, text, &what, out);
    } else if let Some(pane) = tab.pane_mut() {
        pane.wanted = Some(Wanted { text, until });
    }
    true
}

/// Shows what waits, and asks.
pub(super) fn ask(state: &mut State) {
    let Some(tab) = state.tabs.current_mut() else { return };
    let id = tab.id;
    if let Some(wanted) = tab.pane_mut().and_then(|pane| pane.wanted.take()) {
        state.popup = Some(Popup::Confirm(Question::Clipboard { tab: id, text: wanted.text }));
    }
}
