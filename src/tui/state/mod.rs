//! Everything that the screen shows. Plain data: changed by `update` alone, read by `view`.

pub mod content;
pub mod document;
pub mod fleet;
pub mod form;
pub mod forward;
pub mod limit;
pub mod line;
pub mod outgoing;
pub mod pane;
pub mod popup;
pub mod port;
pub mod tab;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use self::{
    document::Documents,
    fleet::{Access, FleetView, Focus},
    form::Saved,
    forward::{Board, LaneLink, Wish},
    popup::Popup,
    tab::{Phase, Tab, Tabs},
};
use super::{
    action::{Action, Context, Snapshot, TabFacts},
    event::{Now, Who},
    keymap::{Keymap, Lookup},
    layout,
};
use crate::{
    config::Chord,
    fleet::{Instance, InstanceId, Preferences, Verdict, diagnose, reach},
    term,
};

/// How long to wait for sessions to end before leaving all the same.
pub const LEAVE_WITHIN: Duration = Duration::from_secs(4);
/// How long a note that needs no answer stays.
pub const NOTE_SHOWS: Duration = Duration::from_secs(4);

/// The whole app.
#[derive(Debug)]
pub struct State {
    /// The clocks at the latest event: what is drawn is drawn for then.
    pub now: Now,
    /// The window.
    pub size: term::Size,
    /// The keys.
    pub keymap: Keymap,
    /// Keys pressed of a sequence that is not complete.
    pub pending: Vec<Chord>,
    /// Which account and region.
    pub place: Place,
    /// The fleet.
    pub fleet: FleetView,
    /// The sessions.
    pub tabs: Tabs,
    /// The session documents.
    pub documents: Documents,
    /// What the account's preferences say of sessions.
    pub preferences: Known<Preferences>,
    /// What was typed into forms before, and forwards that the user saved.
    pub memory: Memory,
    /// What lies over the screen.
    pub popup: Option<Popup>,
    /// A sentence in the footer.
    pub note: Option<Note>,
    /// The program is being left: until when at most.
    pub leaving: Option<Instant>,
    /// Something on the screen changed since it was drawn.
    pub dirty: bool,
}

/// Which account and region, as far as is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Profile, if one was named.
    pub profile: Option<String>,
    /// Region.
    pub region: Option<String>,
    /// The simulated region.
    pub demo: bool,
    /// Who we are.
    pub who: Option<Who>,
}

/// What is asked for at most once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Known<T> {
    /// Nobody has asked.
    #[default]
    Unasked,
    /// Asked; there is no answer, or none yet.
    Unknown,
    /// The answer.
    Yes(T),
}

/// What was typed into forms, kept as long as the program runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// The latest forward of an instance.
    pub forwards: BTreeMap<InstanceId, Wish>,
    /// The latest values of a document's parameters.
    pub documents: BTreeMap<String, Vec<(String, String)>>,
    /// The forwards of the configuration.
    pub saved: Vec<Saved>,
}

/// A sentence in the footer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What it says.
    pub text: String,
    /// Until when; none stays until the next key.
    pub until: Option<Instant>,
}

impl State {
    /// Before anything happened.
    pub fn new(keymap: Keymap, place: Place, every: Option<Duration>, size: term::Size, now: Now) -> Self {
        Self {
            now,
            size,
            keymap,
            pending: Vec::new(),
            place,
            fleet: FleetView::new(every),
            tabs: Tabs::default(),
            documents: Documents::default(),
            preferences: Known::Unasked,
            memory: Memory::default(),
            popup: None,
            note: None,
            leaving: None,
            dirty: true,
        }
    }

    /// Where the keys go.
    pub fn context(&self) -> Context {
        match &self.popup {
            Some(Popup::Menu { .. }) => return Context::Menu,
            Some(Popup::Help { .. }) => return Context::Help,
            Some(Popup::Order { .. }) => return Context::Order,
            Some(Popup::Confirm(_)) => return Context::Confirm,
            Some(Popup::Rename { .. }) => return Context::Rename,
            Some(Popup::Explain { .. }) => return Context::Explain,
            Some(Popup::Details { .. }) => return Context::Details,
            Some(Popup::Form(_)) => return Context::Form,
            Some(Popup::Documents(_)) => return Context::Documents,
            None => {}
        }
        self.base_context()
    }

    /// Where the keys go when nothing lies over the screen.
    pub fn base_context(&self) -> Context {
        match self.tabs.current() {
            Some(tab) if tab.scroll().is_some() => Context::Scroll,
            Some(tab) => match tab.phase {
                Phase::Starting { .. } => Context::Starting,
                Phase::Live | Phase::Reconnecting { .. } if tab.board().is_some() => Context::Forward,
                Phase::Live | Phase::Reconnecting { .. } => Context::Pane,
                Phase::Ended(_) => Context::Ended,
            },
            None => match self.fleet.focus {
                Focus::Search => Context::Search,
                Focus::List => Context::List,
            },
        }
    }

    /// The plain values that decide what can be done.
    pub fn snapshot(&self) -> Snapshot {
        let instance = self.subject();
        let verdict = instance.map(|instance| self.verdict(instance));
        Snapshot {
            row: instance
                .map(|instance| instance.label().to_owned())
                .or_else(|| self.fleet.typed_id().map(|id| id.to_string())),
            unreachable: verdict.as_ref().and_then(Verdict::explains_refusal),
            has_fix: verdict.as_ref().is_some_and(|verdict| fix(verdict).is_some()),
            marks: self.fleet.marks.len(),
            tabs: self.tabs.len(),
            tab: self.tabs.current().map(|tab| TabFacts {
                live: tab.is_live(),
                starting: matches!(tab.phase, Phase::Starting { .. }),
                pasting: tab.paste_percent().is_some(),
                terminal: tab.pane().is_some(),
                address: tab.board().is_some_and(|board| board.address.is_some()),
            }),
            connected: self.fleet.access == Access::Ready,
            refreshing: self.fleet.reading.running,
        }
    }

    /// The instance that actions are about: that of the tab on the screen, or of the row under the cursor.
    pub fn subject(&self) -> Option<&Instance> {
        match (&self.popup, self.tabs.current()) {
            (Some(Popup::Explain { id, .. }), _) => self.fleet.fleet.get(id).map(|found| &**found),
            (_, Some(tab)) => self.fleet.fleet.get(&tab.instance).map(|found| &**found),
            (_, None) => self.fleet.selected().map(|found| &**found),
        }
    }

    /// What can be said of why an instance can or cannot be reached.
    pub fn verdict(&self, instance: &Instance) -> Verdict {
        let context = reach::Context {
            profile: self.place.profile.clone(),
            region: self.place.region.clone(),
            who: self.place.who.as_ref().map(|who| who.principal.clone()),
            lists: self.fleet.completeness.clone(),
            ..reach::Context::default()
        };
        diagnose(instance, &context, self.now.time)
    }

    /// What may follow the keys of a sequence begun.
    pub fn following(&self) -> Option<Vec<(Chord, Option<Action>)>> {
        if self.pending.is_empty() {
            return None;
        }
        match self.keymap.lookup(self.context(), &self.pending) {
            Lookup::Pending(next) => Some(next),
            _ => None,
        }
    }

    /// Rows of the list on the screen.
    pub fn list_height(&self) -> usize {
        usize::from(layout::fleet(self.size).rows.height)
    }

    /// When the state wants to be woken though nothing happens; none: let it sleep.
    pub fn next_deadline(&self) -> Option<Instant> {
        let now = self.now.instant;
        let fleet = [self.fleet.reading.due, self.fleet.probe_due, self.leaving];
        let note = self.note.as_ref().and_then(|note| note.until);
        let changed = self.fleet.changed.values().copied().min();
        let clock = self.tabs.current().and_then(|tab| clock(tab, now));
        // The warning of an end that is near is for hidden tabs, too.
        let warning =
            self.tabs.iter().filter(|tab| tab.is_live()).filter_map(|tab| tab.limits.warn_at(now)).min();
        fleet.into_iter().flatten().chain(note).chain(changed).chain(clock).chain(warning).min()
    }
}

/// When what is shown of a tab changes by time alone. Clocks tick only where they are seen.
fn clock(tab: &Tab, now: Instant) -> Option<Instant> {
    let ticks = |since: Instant, every: Duration| {
        let passed = now.saturating_duration_since(since).as_millis() / every.as_millis().max(1);
        since + every * u32::try_from(passed + 1).unwrap_or(u32::MAX)
    };
    let second = Duration::from_secs(1);
    let ends = tab.link.resumed.map(|(_, until)| until);
    let notice = tab.link.notice.as_ref().map(|(_, until)| *until);
    let board = tab.board();
    let clock = match tab.phase {
        Phase::Starting { since, .. } => Some(ticks(since, Duration::from_millis(100))),
        Phase::Reconnecting { since, .. } => Some(ticks(since, second)),
        Phase::Live => match board.and_then(Board::worst) {
            Some(LaneLink::Silent(since) | LaneLink::Reconnecting { since, .. }) => {
                Some(ticks(*since, second))
            }
            _ => tab.link.silent.map(|since| ticks(since, second)),
        },
        Phase::Ended(_) => None,
    };
    let limits = tab.limits.next_tick(now).filter(|_| tab.is_live());
    let graph = board.and_then(|board| board.graph.next_tick(now));
    [ends, notice, clock, limits, graph].into_iter().flatten().min()
}

/// The line that mends what a verdict tells of: its first command.
pub fn fix(verdict: &Verdict) -> Option<&str> {
    verdict.findings.iter().find_map(|finding| finding.command.as_deref())
}
