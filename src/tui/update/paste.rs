//! Text pasted into a session: kept while it starts, asked about where its lines would run, cancelled.

use super::{note, problem, session::pump};
use crate::{
    term::input,
    tui::{
        event::{Effect, TabId},
        state::{
            State,
            pane::Pane,
            popup::{Popup, Question},
        },
        text,
    },
};

/// What ends a bracketed paste.
const PASTE_END: &[u8] = b"\x1b[201~";

/// Text was pasted into the tab on the screen. While its session starts nobody knows yet how the shell takes it: it is kept, and
/// what is typed meanwhile stays behind it.
pub(super) fn offered(state: &mut State, text: String, out: &mut Vec<Effect>) {
    let Some(tab) = state.tabs.current_mut().filter(|tab| tab.is_running()) else { return };
    let (id, live) = (tab.id, tab.is_live());
    let Some(pane) = tab.pane_mut() else { return };
    if live && pane.outgoing.kept().is_none() {
        if runs_lines(pane, &text) {
            state.popup = Some(Popup::Confirm(Question::Paste { tab: id, text }));
        } else {
            send(state, id, &text, out);
        }
    } else if pane.outgoing.keep(text).is_err() {
        too_much(state);
    } else {
        note(state, "the paste is kept until the session takes input");
    }
}

/// Whether a text has several lines, and the shell would run each as it comes.
fn runs_lines(pane: &Pane, text: &str) -> bool {
    let lines = text.trim_end_matches(['\n', '\r']).contains(['\n', '\r']);
    lines && !pane.terminal.input_modes().bracketed_paste
}

fn too_much(state: &mut State) {
    problem(state, "this paste is too large to be kept until the session takes it");
}

/// Sends what was kept to the sessions that have said how they take it; asks first where each line would run. After every event.
pub(super) fn settle(state: &mut State, out: &mut Vec<Effect>) {
    let waits = |pane: &Pane| pane.heard && pane.outgoing.kept().is_some();
    let ready = state.tabs.iter().filter(|tab| tab.is_live() && tab.pane().is_some_and(waits));
    let ready: Vec<TabId> = ready.map(|tab| tab.id).collect();
    let shown = state.tabs.current().map(|tab| tab.id);
    for id in ready {
        while let Some(pane) = state.tabs.get_mut(id).and_then(|tab| tab.pane_mut())
            && let Some((text, asked)) = pane.outgoing.kept()
        {
            if !runs_lines(pane, text) {
                let text = text.to_owned();
                send(state, id, &text, out);
            } else if shown != Some(id) || state.popup.is_some() || pane.look.is_some() {
                break;
            } else if asked {
                // The question is gone, and the text is not: no was the answer.
                pane.outgoing.refuse();
                if let Some(tab) = state.tabs.get_mut(id) {
                    pump(tab, out);
                }
            } else {
                let text = text.to_owned();
                pane.outgoing.ask();
                state.popup = Some(Popup::Confirm(Question::Paste { tab: id, text }));
            }
        }
    }
}

/// Sends a text to a session: in the place of the one that is asked about, or behind all that waits.
pub(super) fn send(state: &mut State, id: TabId, text: &str, out: &mut Vec<Effect>) {
    let Some(tab) = state.tabs.get_mut(id).filter(|tab| tab.is_live()) else { return };
    let Some(pane) = tab.pane_mut() else { return };
    let modes = pane.terminal.input_modes();
    let mut bytes = Vec::new();
    input::encode_paste(text, modes, &mut bytes);
    let closing = if modes.bracketed_paste { PASTE_END } else { b"" };
    let pasted = pane.outgoing.paste(bytes.into(), closing);
    pump(tab, out);
    if pasted.is_err() {
        return too_much(state);
    }
    let controls = text::controls(text);
    if controls > 0 {
        let what = text::counted(controls, "control character", "control characters");
        note(state, format!("{what} were left out of the paste"));
    }
}

/// Drops what is left of a paste, here and in the session.
pub(super) fn cancel(state: &mut State, out: &mut Vec<Effect>) {
    let Some(tab) = state.tabs.current_mut() else { return };
    if tab.pane_mut().is_some_and(|pane| pane.outgoing.cancel_paste()) {
        out.push(Effect::DiscardInput(tab.life()));
        pump(tab, out);
    }
}
