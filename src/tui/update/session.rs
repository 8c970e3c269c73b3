//! Events of sessions: from the wish to the end, and what is typed in between.

use std::time::{Duration, Instant};

use super::{clipboard, forward, note, problem};
use crate::{
    fleet::{Document, InstanceId, Preferences, Update, document::USUAL_IDLE_TIMEOUT},
    session::{End, Event, SessionType, Ticket},
    term::{self, Clipboard, input},
    tui::{
        event::{Effect, Failure, Life, PlaceId, TabId},
        layout,
        state::{
            Known, LEAVE_WITHIN, State,
            content::Content,
            forward::{Board, Run, Wish},
            pane::{Output, Pane},
            place::{Access, PlaceView},
            popup::{Popup, Question},
            tab::{Ending, Phase, Step, Tab, Unseen},
        },
    },
};

/// How long "resumed after 40 s" stays.
const RESUMED_SHOWS: Duration = Duration::from_secs(6);
/// How long a sentence from the agent stays.
const NOTICE_SHOWS: Duration = Duration::from_secs(15);
/// After so long without a prompt nobody gives up for other reasons.
const BLANK: Duration = Duration::from_secs(20);

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
        let Some(instance) = state.fleet.places.find(id).cloned() else { continue };
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
    if matches!(state.fleet.places.access(), Access::Failed(_)) {
        return problem(state, "there is no connection to AWS");
    }
    let Some(instance) = state.fleet.places.find(id).cloned() else {
        return problem(state, format!("{id} is no longer in the list"));
    };
    let Some(spot) = spot(state, &instance.id) else { return };
    let pane = pane(state);
    begin(state, instance.label(), spot, Content::Shell(pane), out);
}

/// Where a session is to be started.
struct Spot {
    place: PlaceId,
    instance: InstanceId,
    target: InstanceId,
}

/// Where an instance is; one that no list has is looked for in the first place that can be asked.
fn spot(state: &State, id: &InstanceId) -> Option<Spot> {
    let places = &state.fleet.places;
    let place = places.of(id).or(places.first_ready())?.id;
    let target = places.find(id).map_or(id, |instance| instance.target()).clone();
    Some(Spot { place, instance: id.clone(), target })
}

fn pane(state: &State) -> Box<Pane> {
    let mut pane = Pane::new(layout::pane(state.size), state.terminal.kept);
    pane.terminal.set_enhanced_keys(state.window.tells_keys_apart);
    pane.terminal.set_own_colours(state.window.colours);
    Box::new(pane)
}

/// The name of an instance; of one that no list has, its id.
fn named(state: &State, id: &InstanceId) -> String {
    state.fleet.places.find(id).map_or_else(|| id.to_string(), |instance| instance.label().to_owned())
}

/// Opens a forward in a tab.
pub(super) fn begin_forward(state: &mut State, id: &InstanceId, wish: Wish, out: &mut Vec<Effect>) {
    let Some(spot) = spot(state, id) else { return };
    let name = wish.name(None, &named(state, id));
    let content = Content::Forward(Box::new(Board::new(wish, state.now.instant)));
    begin(state, &name, spot, content, out);
}

/// Opens ssh in a tab.
pub(super) fn begin_ssh(state: &mut State, id: &InstanceId, out: &mut Vec<Effect>) {
    let Some(spot) = spot(state, id) else { return };
    let content = Content::Ssh(pane(state));
    begin(state, &format!("{} ssh", named(state, id)), spot, content, out);
}

/// Runs a document in a tab; what it says of its sessions goes before the account's preferences.
pub(super) fn run(state: &mut State, id: &InstanceId, run: Run, document: &Document, out: &mut Vec<Effect>) {
    let Some(spot) = spot(state, id) else { return };
    let short = document.name.rsplit(['/', ':']).next().unwrap_or_default();
    let short = short.strip_prefix("AWS-").unwrap_or(short);
    let name = format!("{} {short}", named(state, id));
    let content = Content::Command { run, pane: pane(state) };
    begin(state, &name, spot, content, out);
    if let Some(tab) = state.tabs.current_mut() {
        let own = &document.preferences;
        (tab.limits.idle, tab.limits.maximum) = (own.idle_timeout, own.max_duration);
    }
}

/// Starts a session on an id that no list has.
pub(super) fn try_id(state: &mut State, id: InstanceId, out: &mut Vec<Effect>) {
    if let Some(spot) = spot(state, &id) {
        let content = Content::Shell(pane(state));
        begin(state, id.as_str(), spot, content, out);
    }
}

fn begin(state: &mut State, label: &str, spot: Spot, content: Content, out: &mut Vec<Effect>) {
    let id = state.tabs.new_id();
    let name = state.tabs.free_name(label);
    let Spot { place, instance, target } = spot;
    let tab = Tab::new(id, name, place, instance, target, content, state.now.instant);
    let life = tab.life();
    state.tabs.push(tab);
    state.tabs.go(state.tabs.len());
    start_when_ready(state, life, out);
}

/// Starts what a tab holds: at once, or as soon as AWS can be asked.
fn start_when_ready(state: &mut State, life: Life, out: &mut Vec<Effect>) {
    let size = layout::pane(state.size);
    let Some(tab) = state.tabs.alive(life) else { return };
    let connecting = |view: &PlaceView| view.access == Access::Connecting;
    match state.fleet.places.get(tab.place).is_some_and(connecting) {
        true => state.waiting.push(life),
        false => start(tab, size, out),
    }
}

/// AWS can be asked at a place: what waits for that starts.
pub(super) fn may_start(state: &mut State, place: PlaceId, out: &mut Vec<Effect>) {
    let size = layout::pane(state.size);
    for tab in waiting(state, place) {
        if let Some(tab) = state.tabs.alive(tab) {
            start(tab, size, out);
        }
    }
}

/// AWS cannot be asked at a place: what waits for that has failed.
pub(super) fn cannot_start(state: &mut State, place: PlaceId, failure: &Failure) {
    for tab in waiting(state, place) {
        if let Some(tab) = state.tabs.alive(tab) {
            tab.phase = Phase::Ended(Ending::NotStarted(failure.clone()));
        }
    }
}

/// Those that wait for a place and are waited for still; they wait no longer.
fn waiting(state: &mut State, place: PlaceId) -> Vec<Life> {
    let State { waiting, tabs, .. } = state;
    waiting.retain(|life| tabs.alive(*life).is_some_and(|tab| tab.is_running()));
    let there = |life: &Life| tabs.get(life.tab).is_some_and(|tab| tab.place == place);
    let (now, later) = std::mem::take(waiting).into_iter().partition(there);
    *waiting = later;
    now
}

/// Asks for what a tab holds to be started.
fn start(tab: &Tab, size: term::Size, out: &mut Vec<Effect>) {
    let (life, place, target) = (tab.life(), tab.place, tab.target.clone());
    out.push(match &tab.content {
        Content::Shell(_) => Effect::Start { life, place, target, run: None },
        Content::Command { run, .. } => Effect::Start { life, place, target, run: Some(run.clone()) },
        Content::Ssh(_) => Effect::Ssh { life, place, target, size },
        Content::Forward(board) => Effect::Forward { life, place, target, wish: board.wish.clone() },
    });
}

/// The same again on the instance of the tab on the screen: another session; of a forward, the form with its values.
pub(super) fn duplicate(state: &mut State, out: &mut Vec<Effect>) {
    let Some(tab) = state.tabs.current() else { return };
    let spot = Spot { place: tab.place, instance: tab.instance.clone(), target: tab.target.clone() };
    let content = match &tab.content {
        Content::Forward(_) => return super::form::forward(state),
        Content::Shell(_) => Content::Shell(pane(state)),
        Content::Ssh(_) => return begin_ssh(state, &spot.instance, out),
        Content::Command { run, .. } => Content::Command { run: run.clone(), pane: pane(state) },
    };
    let label = match (&content, state.fleet.places.find(&spot.instance)) {
        (Content::Shell(_), Some(found)) => found.label().to_owned(),
        _ => tab.name.clone(),
    };
    begin(state, &label, spot, content, out);
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
    let now = state.now.instant;
    if state.leaving.is_some() {
        return;
    }
    let Some(tab) = state.tabs.get_mut(id).filter(|tab| !tab.is_running()) else { return };
    tab.restart(now);
    let life = tab.life();
    start_when_ready(state, life, out);
}

/// Gives up starting: a new tab goes, a restarted one keeps its old screen.
pub(super) fn cancel_start(state: &mut State, out: &mut Vec<Effect>) {
    let now = state.now.instant;
    let Some(tab) = state.tabs.current_mut() else { return };
    out.push(Effect::Forget(tab.life()));
    let is_terminal = matches!(tab.content, Content::Shell(_) | Content::Command { .. });
    let blank = match tab.phase {
        Phase::Starting { since, step } if step > Step::Connecting && is_terminal => {
            (now.duration_since(since) >= BLANK).then(|| tab.target.clone())
        }
        _ => None,
    };
    if tab.lives == 1 {
        let id = tab.id;
        state.tabs.remove(id);
    } else {
        tab.lives += 1;
        tab.phase = Phase::Ended(Ending::Cancelled);
    }
    if let Some(target) = blank {
        super::examination::nothing_came(state, &target);
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
pub(super) fn started(
    state: &mut State,
    life: Life,
    place: PlaceId,
    result: Result<Ticket, Failure>,
    out: &mut Vec<Effect>,
) {
    let (size, leaving) = (layout::pane(state.size), state.leaving.is_some());
    let waiting = state.tabs.alive(life).filter(|tab| tab.is_running() && !leaving);
    match (waiting, result) {
        (Some(tab), Ok(ticket)) => {
            if let Phase::Starting { step, .. } = &mut tab.phase {
                *step = Step::Connecting;
            }
            out.push(Effect::Open { life, place: tab.place, target: tab.target.clone(), ticket, size });
        }
        (Some(tab), Err(failure)) => {
            let place = tab.place;
            tab.phase = Phase::Ended(Ending::NotStarted(failure.clone()));
            super::login::failed(state, place, &failure);
        }
        (None, Ok(ticket)) => out.push(Effect::Terminate { place, id: ticket.session_id }),
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
            if !matches!(tab.content, Content::Ssh(_)) {
                let (place, target) = (tab.place, tab.target.clone());
                opened(state, place, target, out);
            }
            super::kept::opened(state, life, out);
        }
        Event::Output(bytes) => {
            let limits = tab.limits.active(now) && shown;
            let (shows, clipboard) = output(tab, |pane| pane.feed(&bytes), shown, now, out);
            state.wrote |= shown;
            return clipboard::wanted(state, life.tab, clipboard, out) | shows | limits;
        }
        Event::ErrorOutput(bytes) => {
            let limits = tab.limits.active(now) && shown;
            let (shows, clipboard) = output(tab, |pane| pane.feed_error(&bytes), shown, now, out);
            state.wrote |= shown;
            return clipboard::wanted(state, life.tab, clipboard, out) | shows | limits;
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
            super::login::suspect(state, life, attempt, out);
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
            let told = |time: Option<Duration>| time.map(|time| time.as_millis());
            let before = tab.link.round_trip.replace(time);
            return shown && told(before) != told(Some(time));
        }
        Event::Ended(end) => {
            let had_begun = tab.is_live();
            tab.phase = Phase::Ended(ending(&end, tab.exit));
            tab.link = Default::default();
            if let Some(pane) = tab.pane_mut() {
                pane.outgoing.clear();
                pane.wanted = None;
            }
            // The user's own ssh tells what it met in its own words.
            let target = (!matches!(tab.content, Content::Ssh(_))).then(|| tab.target.clone());
            out.push(Effect::Forget(life));
            if let Some(target) = target {
                super::examination::session_ended(state, &target, &end, had_begun);
            }
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

/// A session opened on a target: its row is ready, and how long it may last is asked for.
pub(super) fn opened(state: &mut State, place: PlaceId, target: InstanceId, out: &mut Vec<Effect>) {
    super::examination::opened(state, &target);
    super::fleet::apply(state, place, Update::Opened { id: target }, out);
    ask_preferences(state, place, out);
}

/// Asks once for the account's preferences: they say how long sessions may last.
fn ask_preferences(state: &mut State, place: PlaceId, out: &mut Vec<Effect>) {
    if let Some(view) = state.fleet.places.get_mut(place).filter(|view| view.preferences == Known::Unasked) {
        view.preferences = Known::Unknown;
        out.push(Effect::Preferences(place));
    }
    limit(state);
}

/// The account's preferences came, if they can be had.
pub(super) fn preferences(state: &mut State, place: PlaceId, preferences: Option<Preferences>) {
    if let Some(view) = state.fleet.places.get_mut(place) {
        view.preferences = preferences.map_or(Known::Unknown, Known::Yes);
        limit(state);
    }
}

/// Sets the limits of sessions that have none of their own.
fn limit(state: &mut State) {
    for tab in state.tabs.iter_mut().filter(|tab| !matches!(tab.content, Content::Ssh(_))) {
        let view = state.fleet.places.get(tab.place);
        let Some(Known::Yes(preferences)) = view.map(|view| &view.preferences) else { continue };
        tab.limits.idle.get_or_insert(preferences.idle_timeout.unwrap_or(USUAL_IDLE_TIMEOUT));
        tab.limits.maximum = tab.limits.maximum.or(preferences.max_duration);
    }
}

/// What the instance wrote; whether more shows of it than itself: a hidden tab's output is parsed, and at most its dot changes. And what
/// it wants on the clipboard.
fn output(
    tab: &mut Tab,
    feed: impl FnOnce(&mut Pane) -> term::Fed,
    shown: bool,
    now: Instant,
    out: &mut Vec<Effect>,
) -> (bool, Option<Clipboard>) {
    let Some(pane) = tab.pane_mut() else { return (false, None) };
    let fed = feed(pane);
    pane.heard = true;
    pane.hold(now);
    // Never dropped for lack of room in practice: answers are short, and the far side waits for them.
    let _ = pane.outgoing.answer(fed.answers);
    pump(tab, out);
    if fed.bell {
        out.push(Effect::Bell);
    }
    if shown {
        return (fed.title_changed, fed.clipboard);
    }
    let unseen = tab.unseen.max(if fed.bell { Unseen::Bell } else { Unseen::Output });
    (std::mem::replace(&mut tab.unseen, unseen) != unseen, fed.clipboard)
}

/// Types bytes into the session on the screen.
pub(super) fn send(state: &mut State, bytes: Vec<u8>, out: &mut Vec<Effect>) {
    let now = state.now.instant;
    let Some(tab) = state.tabs.current_mut().filter(|tab| tab.is_running()) else { return };
    let live = tab.is_live();
    let Some(pane) = tab.content.pane_mut() else { return };
    // Who types into a session that says nothing waits for no prompt.
    pane.heard |= live;
    if !bytes.is_empty() {
        tab.limits.active(now);
    }
    if pane.outgoing.key(bytes).is_err() {
        return problem(state, "the session takes no more input: too much is waiting already");
    }
    pump(tab, out);
}

/// Tells programs that want to know (`? 1004`) that they gained or lost the focus: with the tab, or with the window.
pub(super) fn tell_focus(state: &mut State, out: &mut Vec<Effect>) {
    let focused = state.tabs.current().map(|tab| tab.id).filter(|_| state.window.focused);
    let before = std::mem::replace(&mut state.window.told, focused);
    if before == focused {
        return;
    }
    for (id, gained) in [(before, false), (focused, true)] {
        let Some(tab) = id.and_then(|id| state.tabs.get_mut(id)).filter(|tab| tab.is_live()) else {
            continue;
        };
        let Some(pane) = tab.pane_mut() else { continue };
        let mut bytes = Vec::new();
        input::encode_focus(gained, pane.terminal.input_modes(), &mut bytes);
        if !bytes.is_empty() {
            // One that takes no more input has more to catch up with than this.
            let _ = pane.outgoing.key(bytes);
            pump(tab, out);
        }
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
pub(super) fn pump(tab: &mut Tab, out: &mut Vec<Effect>) {
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
