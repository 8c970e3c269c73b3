//! Events of sessions: from the wish to the end, and what is typed in between.

use std::time::Duration;

use super::{forward, note, problem};
use crate::{
    fleet::{Document, InstanceId, Preferences, Update, document::USUAL_IDLE_TIMEOUT},
    session::{End, Event, SessionType, Ticket},
    term::{self, input},
    tui::{
        event::{Effect, Failure, Life, TabId},
        layout,
        state::{
            Known, LEAVE_WITHIN, State,
            content::Content,
            fleet::Access,
            forward::{Board, Run, Wish},
            pane::{Output, Pane},
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
    let pane = pane(state);
    begin(state, instance.label(), instance.id.clone(), instance.target().clone(), Content::Shell(pane), out);
}

fn pane(state: &State) -> Box<Pane> {
    Box::new(Pane::new(layout::pane(state.size)))
}

/// The name and the session target of an instance; of one that no list has, its id.
fn named(state: &State, id: &InstanceId) -> (String, InstanceId) {
    match state.fleet.fleet.get(id) {
        Some(instance) => (instance.label().to_owned(), instance.target().clone()),
        None => (id.to_string(), id.clone()),
    }
}

/// Opens a forward in a tab.
pub(super) fn begin_forward(state: &mut State, id: &InstanceId, wish: Wish, out: &mut Vec<Effect>) {
    let (label, target) = named(state, id);
    let name = wish.name(None, &label);
    let content = Content::Forward(Box::new(Board::new(wish, state.now.instant)));
    begin(state, &name, id.clone(), target, content, out);
}

/// Opens ssh in a tab.
pub(super) fn begin_ssh(state: &mut State, id: &InstanceId, out: &mut Vec<Effect>) {
    let (label, target) = named(state, id);
    let content = Content::Ssh(pane(state));
    begin(state, &format!("{label} ssh"), id.clone(), target, content, out);
}

/// Runs a document in a tab; what it says of its sessions goes before the account's preferences.
pub(super) fn run(state: &mut State, id: &InstanceId, run: Run, document: &Document, out: &mut Vec<Effect>) {
    let (label, target) = named(state, id);
    let short = document.name.rsplit(['/', ':']).next().unwrap_or_default();
    let short = short.strip_prefix("AWS-").unwrap_or(short);
    let name = format!("{label} {short}");
    let content = Content::Command { run, pane: pane(state) };
    begin(state, &name, id.clone(), target, content, out);
    if let Some(tab) = state.tabs.current_mut() {
        let own = &document.preferences;
        (tab.limits.idle, tab.limits.maximum) = (own.idle_timeout, own.max_duration);
    }
}

/// Starts a session on an id that no list has.
fn try_id(state: &mut State, id: InstanceId, out: &mut Vec<Effect>) {
    if state.fleet.access == Access::Ready {
        let content = Content::Shell(pane(state));
        begin(state, id.as_str(), id.clone(), id.clone(), content, out);
    }
}

fn begin(
    state: &mut State,
    label: &str,
    instance: InstanceId,
    target: InstanceId,
    content: Content,
    out: &mut Vec<Effect>,
) {
    let id = state.tabs.new_id();
    let name = state.tabs.free_name(label);
    let tab = Tab::new(id, name, instance, target, content, state.now.instant);
    start(&tab, layout::pane(state.size), out);
    state.tabs.push(tab);
    state.tabs.go(state.tabs.len());
}

/// Asks for what a tab holds to be started.
fn start(tab: &Tab, size: term::Size, out: &mut Vec<Effect>) {
    let (life, target) = (tab.life(), tab.target.clone());
    out.push(match &tab.content {
        Content::Shell(_) => Effect::Start { life, target, run: None },
        Content::Command { run, .. } => Effect::Start { life, target, run: Some(run.clone()) },
        Content::Ssh(_) => Effect::Ssh { life, target, size },
        Content::Forward(board) => Effect::Forward { life, target, wish: board.wish.clone() },
    });
}

/// The same again on the instance of the tab on the screen: another session; of a forward, the form with its values.
pub(super) fn duplicate(state: &mut State, out: &mut Vec<Effect>) {
    let Some(tab) = state.tabs.current() else { return };
    let (instance, target) = (tab.instance.clone(), tab.target.clone());
    let content = match &tab.content {
        Content::Forward(_) => return super::form::forward(state),
        Content::Shell(_) => Content::Shell(pane(state)),
        Content::Ssh(_) => return begin_ssh(state, &instance, out),
        Content::Command { run, .. } => Content::Command { run: run.clone(), pane: pane(state) },
    };
    let label = match (&content, state.fleet.fleet.get(&instance)) {
        (Content::Shell(_), Some(found)) => found.label().to_owned(),
        _ => tab.name.clone(),
    };
    begin(state, &label, instance, target, content, out);
}

/// Starts what the tab on the screen holds anew: on the old screen, when it has ended (peers c19).
pub(super) fn restart(state: &mut State, out: &mut Vec<Effect>) {
    match state.tabs.current() {
        Some(tab) if tab.is_running() && tab.board().is_some() => forward::restart(state, out),
        Some(tab) => start_again(state, tab.id, out),
        None => {}
    }
}

/// Starts what has ended in a tab anew.
pub(super) fn start_again(state: &mut State, id: TabId, out: &mut Vec<Effect>) {
    let (now, size) = (state.now.instant, layout::pane(state.size));
    if state.leaving.is_some() {
        return;
    }
    let Some(tab) = state.tabs.get_mut(id).filter(|tab| !tab.is_running()) else { return };
    tab.restart(now);
    start(tab, size, out);
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
            out.push(Effect::Open { life, target: tab.target.clone(), ticket, size });
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
        Event::Handshaken { session_type, .. } => {
            if let (SessionType::NonInteractiveCommands, Some(pane)) = (session_type, tab.pane_mut()) {
                pane.output = Output::Plain { returned: false };
            }
            advance(tab, Step::Prompt);
        }
        Event::Ready => {
            tab.phase = Phase::Live;
            tab.limits.begin(now);
            pump(tab, out);
            let (id, remote) = (tab.target.clone(), !matches!(tab.content, Content::Ssh(_)));
            if remote {
                let changes = state.fleet.fleet.apply(Update::Opened { id }, state.now.time);
                if changes.rows_changed() {
                    super::fleet::search(state, out);
                }
                state.fleet.recount(state.now.time);
                ask_preferences(state, out);
            }
        }
        Event::Output(bytes) => {
            tab.limits.active(now);
            return output(tab, |pane| pane.feed(&bytes), shown, out);
        }
        Event::ErrorOutput(bytes) => {
            tab.limits.active(now);
            return output(tab, |pane| pane.feed_error(&bytes), shown, out);
        }
        Event::ExitCode(code) => tab.exit = Some(code),
        // Signals of port sessions; those of a forward come as its own events.
        Event::Flag(_) => return false,
        Event::Notice(text) => {
            tab.encrypted |= says_encrypted(&text);
            tab.link.notice = Some((text, now + NOTICE_SHOWS));
        }
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
            tab.phase = Phase::Ended(ending(&end, tab.exit));
            tab.link = Default::default();
            if let Some(pane) = tab.pane_mut() {
                pane.outgoing.clear();
            }
            out.push(Effect::Forget(life));
            quit_when_done(state, out);
        }
    }
    true
}

/// The agent's own sentence for it (agent buildHandshakeCompletePayload).
fn says_encrypted(text: &str) -> bool {
    text.contains("encrypted using AWS KMS")
}

/// A command that told its code and ended in order is told by that code.
fn ending(end: &End, exit: Option<i32>) -> Ending {
    match (end, exit) {
        (End::Closed { output }, Some(code)) if output.trim().is_empty() => Ending::Exited(code),
        (end, Some(code)) => Ending::Session(format!("{end} (exit code {code})")),
        (end, None) => Ending::Session(end.to_string()),
    }
}

fn advance(tab: &mut Tab, to: Step) {
    if let Phase::Starting { step, .. } = &mut tab.phase {
        *step = to.max(*step);
    }
}

/// Asks once for the account's preferences: they say how long sessions may last.
pub(super) fn ask_preferences(state: &mut State, out: &mut Vec<Effect>) {
    if state.preferences == Known::Unasked {
        state.preferences = Known::Unknown;
        out.push(Effect::Preferences);
    }
    limit(state);
}

/// The account's preferences came, if they can be had.
pub(super) fn preferences(state: &mut State, preferences: Option<Preferences>) {
    state.preferences = preferences.map_or(Known::Unknown, Known::Yes);
    limit(state);
}

/// Sets the limits of sessions that have none of their own.
fn limit(state: &mut State) {
    let Known::Yes(preferences) = &state.preferences else { return };
    for tab in state.tabs.iter_mut().filter(|tab| !matches!(tab.content, Content::Ssh(_))) {
        tab.limits.idle.get_or_insert(preferences.idle_timeout.unwrap_or(USUAL_IDLE_TIMEOUT));
        tab.limits.maximum = tab.limits.maximum.or(preferences.max_duration);
    }
}

/// What the instance wrote; whether it shows: a hidden tab's output is parsed, and at most its dot changes.
fn output(
    tab: &mut Tab,
    feed: impl FnOnce(&mut Pane) -> term::Fed,
    shown: bool,
    out: &mut Vec<Effect>,
) -> bool {
    let Some(pane) = tab.pane_mut() else { return false };
    let fed = feed(pane);
    // Never dropped for lack of room in practice: answers are short, and the far side waits for them.
    let _ = pane.outgoing.key(fed.answers);
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
    let now = state.now.instant;
    let Some(tab) = state.tabs.current_mut().filter(|tab| tab.is_running()) else { return };
    let Some(pane) = tab.content.pane_mut() else { return };
    if !bytes.is_empty() {
        tab.limits.active(now);
    }
    if pane.outgoing.key(bytes).is_err() {
        return problem(state, "the session takes no more input: too much is waiting already");
    }
    pump(tab, out);
}

/// Pastes a text into a session.
pub(super) fn paste(state: &mut State, id: TabId, text: &str, out: &mut Vec<Effect>) {
    let Some(tab) = state.tabs.get_mut(id).filter(|tab| tab.is_live()) else { return };
    let Some(pane) = tab.pane_mut() else { return };
    let modes = pane.terminal.input_modes();
    let mut bytes = Vec::new();
    input::encode_paste(text, modes, &mut bytes);
    let closing = if modes.bracketed_paste { PASTE_END } else { b"" };
    if pane.outgoing.paste(bytes.into(), closing).is_err() {
        return problem(state, "this paste is too large to be kept until the session takes it");
    }
    pump(tab, out);
}

/// Drops what is left of a paste, here and in the session.
pub(super) fn cancel_paste(state: &mut State, out: &mut Vec<Effect>) {
    let Some(tab) = state.tabs.current_mut() else { return };
    if tab.pane_mut().is_some_and(|pane| pane.outgoing.cancel_paste()) {
        out.push(Effect::DiscardInput(tab.life()));
        pump(tab, out);
    }
}

/// The session took its piece of input; whether that shows (as the per cent of a paste).
pub(super) fn taken(state: &mut State, life: Life, out: &mut Vec<Effect>) -> bool {
    let Some(tab) = state.tabs.alive(life) else { return false };
    let before = tab.paste_percent();
    if let Some(pane) = tab.pane_mut() {
        pane.outgoing.taken();
    }
    pump(tab, out);
    tab.paste_percent() != before
}

/// Gives the session its next piece of input, if it has none.
fn pump(tab: &mut Tab, out: &mut Vec<Effect>) {
    if tab.is_live()
        && let Some(bytes) = tab.pane_mut().and_then(|pane| pane.outgoing.piece())
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

pub(super) fn quit_when_done(state: &State, out: &mut Vec<Effect>) {
    if state.leaving.is_some() && state.tabs.running() == 0 {
        out.push(Effect::Quit);
    }
}
