//! Events of sessions: from the wish to the end, and what is typed in between.

use std::time::Duration;

use super::{note, problem};
use crate::{
    fleet::{InstanceId, Update},
    session::{Event, Ticket},
    term::input,
    tui::{
        event::{Effect, Failure, Life, TabId},
        layout,
        state::{
            LEAVE_WITHIN, State,
            fleet::Access,
            popup::{Popup, Question},
            tab::{Ending, Phase, Step, Tab, Unseen},
        },
    },
};

/// How long "resumed after 40 s" stays.
const RESUMED_SHOWS: Duration = Duration::from_secs(6);
/// How long a sentence from the agent stays.
const NOTICE_SHOWS: Duration = Duration::from_secs(15);
/// What ends a bracketed paste.
const PASTE_END: &[u8] = b"\x1b[201~";

/// Opens a tab on every marked row, or on the row under the cursor; one that cannot be reached is explained instead.
pub(super) fn open_selected(state: &mut State, out: &mut Vec<Effect>) {
    state.popup = None;
    if state.fleet.marks.is_empty() {
        if let Some(id) = state.fleet.typed_id() {
            return try_id(state, id, out);
        }
        let Some(instance) = state.fleet.selected().cloned() else { return };
        if state.verdict(&instance).explains_refusal().is_some() {
            state.popup = Some(Popup::Explain { id: instance.id.clone(), scroll: 0 });
        } else {
            open(state, &instance.id.clone(), out);
        }
        return;
    }
    let marked: Vec<InstanceId> = std::mem::take(&mut state.fleet.marks).into_iter().collect();
    let first = state.tabs.len() + 1;
    let mut refused = Vec::new();
    for id in &marked {
        let Some(instance) = state.fleet.fleet.get(id).cloned() else { continue };
        if state.verdict(&instance).explains_refusal().is_some() {
            refused.push(id.clone());
        } else {
            open(state, id, out);
        }
    }
    if state.tabs.len() >= first {
        state.tabs.go(first);
    }
    if let [only] = &marked[..]
        && !refused.is_empty()
    {
        state.popup = Some(Popup::Explain { id: only.clone(), scroll: 0 });
    } else if !refused.is_empty() {
        let opened = marked.len() - refused.len();
        let text = format!("{opened} opened; {} cannot be reached and stay marked", refused.len());
        state.fleet.marks.extend(refused);
        problem(state, text);
    }
}

/// Opens a tab on an instance and shows it.
pub(super) fn open(state: &mut State, id: &InstanceId, out: &mut Vec<Effect>) {
    if state.fleet.access != Access::Ready {
        return problem(state, "there is no connection to AWS yet");
    }
    let Some(instance) = state.fleet.fleet.get(id).cloned() else {
        return problem(state, format!("{id} is no longer in the list"));
    };
    begin(state, instance.label(), instance.id.clone(), instance.target().clone(), out);
}

/// Starts a session on an id that no list has.
fn try_id(state: &mut State, id: InstanceId, out: &mut Vec<Effect>) {
    if state.fleet.access == Access::Ready {
        begin(state, id.as_str(), id.clone(), id.clone(), out);
    }
}

fn begin(state: &mut State, label: &str, instance: InstanceId, target: InstanceId, out: &mut Vec<Effect>) {
    let id = state.tabs.new_id();
    let name = state.tabs.free_name(label);
    let size = layout::pane(state.size);
    let tab = Tab::new(id, name, instance, target.clone(), size, state.now.instant);
    out.push(Effect::Start { life: tab.life(), target });
    state.tabs.push(tab);
    state.tabs.go(state.tabs.len());
}

/// Another session on the instance of the tab on the screen.
pub(super) fn duplicate(state: &mut State, out: &mut Vec<Effect>) {
    let Some(tab) = state.tabs.current() else { return };
    let (instance, target) = (tab.instance.clone(), tab.target.clone());
    let label = match state.fleet.fleet.get(&instance) {
        Some(found) => found.label().to_owned(),
        None => tab.name.clone(),
    };
    begin(state, &label, instance, target, out);
}

/// Starts the ended session of the tab anew, below its old screen (peers c19).
pub(super) fn restart(state: &mut State, out: &mut Vec<Effect>) {
    let now = state.now.instant;
    let Some(tab) = state.tabs.current_mut().filter(|tab| !tab.is_running()) else { return };
    tab.lives += 1;
    tab.phase = Phase::Starting { since: now, step: Step::Asking };
    tab.link = Default::default();
    tab.outgoing.clear();
    tab.scroll = None;
    rule_off(tab);
    out.push(Effect::Start { life: tab.life(), target: tab.target.clone() });
}

/// Leaves the old screen standing, in a sane mode, with a rule below it.
fn rule_off(tab: &mut Tab) {
    // Out of the alternate screen; mouse, paste and key modes off; cursor shown; wrap on; plain letters.
    tab.terminal.feed(
        b"\x1b[?1049l\x1b[?9l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1004l\x1b[?1006l\x1b[?2004l\x1b[?1l\x1b>\x1b[4l\x1b[?6l\x1b[?7h\x1b[?25h\x1b(B\x0f\x1b[0m",
    );
    let used = tab.terminal.text().lines().count();
    let row = tab.terminal.cursor().map_or(0, |cursor| usize::from(cursor.row) + 1).max(used);
    if used > 0 {
        let rule = "─".repeat(usize::from(tab.terminal.size().cols).saturating_sub(1).min(40));
        // The scroll region is lifted first, which takes the cursor home.
        tab.terminal.feed(format!("\x1b[r\x1b[{row};1H\r\n\x1b[2m{rule}\x1b[0m\r\n").as_bytes());
    }
}

/// Gives up starting: a new tab goes, a restarted one keeps its old screen.
pub(super) fn cancel_start(state: &mut State, out: &mut Vec<Effect>) {
    let Some(tab) = state.tabs.current_mut() else { return };
    out.push(Effect::Forget(tab.life()));
    if tab.lives == 1 {
        let id = tab.id;
        state.tabs.remove(id);
    } else {
        tab.lives += 1;
        tab.phase = Phase::Ended(Ending::Cancelled);
    }
    note(state, "starting was cancelled");
}

/// Closes the tab on the screen.
pub(super) fn close(state: &mut State, out: &mut Vec<Effect>) {
    if let Some(tab) = state.tabs.current() {
        let (id, life) = (tab.id, tab.life());
        out.push(Effect::Forget(life));
        state.tabs.remove(id);
    }
}

/// StartSession answered. A session that nobody waits for any more is ended at once, or it would live on unseen.
pub(super) fn started(state: &mut State, life: Life, result: Result<Ticket, Failure>, out: &mut Vec<Effect>) {
    let (size, leaving) = (layout::pane(state.size), state.leaving.is_some());
    let waiting = state.tabs.alive(life).filter(|tab| tab.is_running() && !leaving);
    match (waiting, result) {
        (Some(tab), Ok(ticket)) => {
            if let Phase::Starting { step, .. } = &mut tab.phase {
                *step = Step::Connecting;
            }
            let target = tab.target.to_string();
            out.push(Effect::Open { life, ticket, size, target });
        }
        (Some(tab), Err(failure)) => tab.phase = Phase::Ended(Ending::NotStarted(failure)),
        (None, Ok(ticket)) => out.push(Effect::Terminate(ticket.session_id)),
        (None, Err(_)) => {}
    }
    if leaving && let Some(tab) = state.tabs.alive(life) {
        tab.phase = Phase::Ended(Ending::Cancelled);
        quit_when_done(state, out);
    }
}

/// Something happened in a session; whether it shows.
pub(super) fn happened(state: &mut State, life: Life, event: Event, out: &mut Vec<Effect>) -> bool {
    let now = state.now.instant;
    let shown = state.tabs.current().map(|tab| tab.id) == Some(life.tab);
    let Some(tab) = state.tabs.alive(life) else { return false };
    match event {
        Event::SocketOpen => advance(tab, Step::Handshake),
        Event::Handshaken { .. } => advance(tab, Step::Prompt),
        Event::Ready => {
            tab.phase = Phase::Live;
            pump(tab, out);
            let id = tab.target.clone();
            let changes = state.fleet.fleet.apply(Update::Opened { id }, state.now.time);
            if changes.rows_changed() {
                super::fleet::search(state, out);
            }
            state.fleet.recount(state.now.time);
        }
        Event::Output(bytes) | Event::ErrorOutput(bytes) => return output(tab, &bytes, shown, out),
        Event::ExitCode(_) | Event::Flag(_) => {}
        Event::Notice(text) => tab.link.notice = Some((text, now + NOTICE_SHOWS)),
        Event::Reconnecting { attempt, cause } => {
            let since = match &tab.phase {
                Phase::Reconnecting { since, .. } => *since,
                _ => now,
            };
            tab.link.silent = None;
            tab.phase = Phase::Reconnecting { since, attempt, cause };
        }
        Event::Resumed { away } => {
            tab.phase = Phase::Live;
            tab.link.silent = None;
            tab.link.resumed = Some((away, now + RESUMED_SHOWS));
            pump(tab, out);
        }
        Event::Silent { since } => tab.link.silent = Some(since),
        Event::Answering => tab.link.silent = None,
        Event::Paused => tab.link.paused = true,
        Event::Unpaused => tab.link.paused = false,
        Event::RoundTrip(time) => {
            tab.link.round_trip = Some(time);
            return shown;
        }
        Event::Ended(end) => {
            tab.phase = Phase::Ended(Ending::Session(end.to_string()));
            tab.link = Default::default();
            tab.outgoing.clear();
            out.push(Effect::Forget(life));
            quit_when_done(state, out);
        }
    }
    true
}

fn advance(tab: &mut Tab, to: Step) {
    if let Phase::Starting { step, .. } = &mut tab.phase {
        *step = to.max(*step);
    }
}

/// What the instance wrote; whether it shows: a hidden tab's output is parsed, and at most its dot changes.
fn output(tab: &mut Tab, bytes: &[u8], shown: bool, out: &mut Vec<Effect>) -> bool {
    let lines = tab.terminal.scrollback_len();
    let fed = tab.terminal.feed(bytes);
    if let Some(scroll) = &mut tab.scroll {
        // What is being read stands still while new lines come in below.
        *scroll += tab.terminal.scrollback_len().saturating_sub(lines);
    }
    // Never dropped for lack of room in practice: answers are short, and the far side waits for them.
    let _ = tab.outgoing.key(fed.answers);
    pump(tab, out);
    if fed.bell {
        out.push(Effect::Bell);
    }
    if shown {
        return true;
    }
    let unseen = tab.unseen.max(if fed.bell { Unseen::Bell } else { Unseen::Output });
    std::mem::replace(&mut tab.unseen, unseen) != unseen
}

/// Types bytes into the session on the screen.
pub(super) fn send(state: &mut State, bytes: Vec<u8>, out: &mut Vec<Effect>) {
    let Some(tab) = state.tabs.current_mut().filter(|tab| tab.is_running()) else { return };
    if tab.outgoing.key(bytes).is_err() {
        return problem(state, "the session takes no more input: too much is waiting already");
    }
    pump(tab, out);
}

/// Pastes a text into a session.
pub(super) fn paste(state: &mut State, id: TabId, text: &str, out: &mut Vec<Effect>) {
    let Some(tab) = state.tabs.get_mut(id).filter(|tab| tab.is_live()) else { return };
    let modes = tab.terminal.input_modes();
    let mut bytes = Vec::new();
    input::encode_paste(text, modes, &mut bytes);
    let closing = if modes.bracketed_paste { PASTE_END } else { b"" };
    if tab.outgoing.paste(bytes.into(), closing).is_err() {
        return problem(state, "this paste is too large to be kept until the session takes it");
    }
    pump(tab, out);
}

/// Drops what is left of a paste, here and in the session.
pub(super) fn cancel_paste(state: &mut State, out: &mut Vec<Effect>) {
    let Some(tab) = state.tabs.current_mut() else { return };
    if tab.outgoing.cancel_paste() {
        out.push(Effect::DiscardInput(tab.life()));
        pump(tab, out);
    }
}

/// The session took its piece of input; whether that shows (as the per cent of a paste).
pub(super) fn taken(state: &mut State, life: Life, out: &mut Vec<Effect>) -> bool {
    let Some(tab) = state.tabs.alive(life) else { return false };
    let before = tab.outgoing.percent();
    tab.outgoing.taken();
    pump(tab, out);
    tab.outgoing.percent() != before
}

/// Gives the session its next piece of input, if it has none.
fn pump(tab: &mut Tab, out: &mut Vec<Effect>) {
    if tab.is_live()
        && let Some(bytes) = tab.outgoing.piece()
    {
        out.push(Effect::Input { life: tab.life(), bytes });
    }
}

/// Leaves; asks first while sessions run.
pub(super) fn quit(state: &mut State, out: &mut Vec<Effect>) {
    let asked = state.popup == Some(Popup::Confirm(Question::Quit));
    if state.tabs.running() > 0 && !asked {
        state.popup = Some(Popup::Confirm(Question::Quit));
    } else {
        leave(state, out);
    }
}

/// Ends every session and leaves when they have ended, or after a while.
pub(super) fn leave(state: &mut State, out: &mut Vec<Effect>) {
    if state.leaving.is_some() {
        return out.push(Effect::Quit);
    }
    state.popup = None;
    state.leaving = Some(state.now.instant + LEAVE_WITHIN);
    out.extend(state.tabs.iter().filter(|tab| tab.is_running()).map(|tab| Effect::End(tab.life())));
    quit_when_done(state, out);
}

fn quit_when_done(state: &State, out: &mut Vec<Effect>) {
    if state.leaving.is_some() && state.tabs.running() == 0 {
        out.push(Effect::Quit);
    }
}
