//! Everything that the screen shows. Plain data: changed by `update` alone, read by `view`.

pub mod chooser;
pub mod content;
pub mod document;
pub mod examination;
pub mod fleet;
pub mod form;
pub mod forward;
pub mod habit;
pub mod limit;
pub mod line;
pub mod login;
pub mod look;
pub mod outgoing;
pub mod pane;
pub mod place;
pub mod popup;
pub mod port;
pub mod query;
pub mod tab;
pub mod watch;

use std::{
    borrow::Cow,
    collections::BTreeMap,
    path::PathBuf,
    time::{Duration, Instant},
};

use crossterm::event::KeyCode;

use self::{
    chooser::Group,
    examination::Examinations,
    fleet::{FleetView, Focus},
    form::Saved,
    forward::{Board, LaneLink, Wish},
    habit::Habits,
    look::Click,
    place::PlaceView,
    popup::Popup,
    tab::{Phase, Tab, Tabs},
    watch::Watch,
};
use super::{
    action::{Action, Context, Snapshot, TabFacts},
    event::{Life, Now, TabId},
    keymap::{Keymap, Lookup},
    layout,
};
use crate::{
    config::{self, Chord},
    fleet::{
        Evidence, Instance, InstanceId, Text, Verdict,
        reach::{self, Finding, Owner},
    },
    term::{self, palette::Own},
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
    /// What is known of the user's terminal.
    pub window: Window,
    /// The fleet.
    pub fleet: FleetView,
    /// Deep checks of instances whose user asked why.
    pub examinations: Examinations,
    /// The sessions.
    pub tabs: Tabs,
    /// What was typed into forms before, and forwards that the user saved.
    pub memory: Memory,
    /// What terminals keep and allow.
    pub terminal: config::Terminal,
    /// The folder that the program was started in: files are saved there unless another is named.
    pub folder: PathBuf,
    /// The last press of the left button over a session.
    pub click: Option<Click>,
    /// What was opened before.
    pub habits: Habits,
    /// The rows that are watched.
    pub watches: Vec<Watch>,
    /// Tabs that start as soon as AWS can be asked.
    pub waiting: Vec<Life>,
    /// How many sign-ins were begun.
    pub sign_ins: u32,
    /// What lies over the screen.
    pub popup: Option<Popup>,
    /// Keys that were pressed for us and are still down, as far as the terminal tells; the newest first.
    pub ours: Vec<KeyCode>,
    /// A sentence in the footer.
    pub note: Option<Note>,
    /// The program is being left: until when at most.
    pub leaving: Option<Instant>,
    /// Something on the screen changed since it was drawn, beside what the session in front wrote.
    pub dirty: bool,
    /// The session in front wrote something since it was drawn.
    pub wrote: bool,
}

/// What is known of the user's terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// It tells keys apart that have the same bytes in the legacy encoding.
    pub tells_keys_apart: bool,
    /// Its colours, if they are said.
    pub colours: Option<Own>,
    /// It has the focus, as far as it says so.
    pub focused: bool,
    /// The tab that was told last that it has the focus.
    pub told: Option<TabId>,
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
    /// The groups of accounts and regions of the configuration.
    pub groups: Vec<Group>,
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
    pub fn new(keymap: Keymap, every: Option<Duration>, size: term::Size, now: Now) -> Self {
        Self {
            now,
            size,
            keymap,
            pending: Vec::new(),
            ours: Vec::new(),
            window: Window { tells_keys_apart: false, colours: None, focused: true, told: None },
            fleet: FleetView::new(every),
            examinations: Examinations::default(),
            tabs: Tabs::default(),
            memory: Memory::default(),
            terminal: config::Terminal::default(),
            folder: PathBuf::new(),
            click: None,
            habits: Habits::default(),
            watches: Vec::new(),
            waiting: Vec::new(),
            sign_ins: 0,
            popup: None,
            note: None,
            leaving: None,
            dirty: true,
            wrote: false,
        }
    }

    /// Whether the first frame has all that it can have without a call: the lists of the last time were looked for, and what was
    /// found of them stands in the list.
    pub fn has_last_time(&self) -> bool {
        let sought = self.fleet.places.iter().all(|view| view.sought);
        let list = &self.fleet.list;
        sought
            && (list.question == 0
                || list.found.as_ref().is_some_and(|found| found.generation == list.question))
    }

    /// Where the keys go.
    pub fn context(&self) -> Context {
        match &self.popup {
            Some(Popup::Menu { .. }) => return Context::Menu,
            Some(Popup::Help { .. }) => return Context::Help,
            Some(Popup::Order { .. }) => return Context::Order,
            Some(Popup::History { .. }) => return Context::History,
            Some(Popup::Confirm(_)) => return Context::Confirm,
            Some(Popup::Rename { .. }) => return Context::Rename,
            Some(Popup::Explain { .. }) => return Context::Explain,
            Some(Popup::Details { .. }) => return Context::Details,
            Some(Popup::Form(_)) => return Context::Form,
            Some(Popup::Documents(_)) => return Context::Documents,
            Some(Popup::Places(_)) => return Context::Places,
            Some(Popup::Login(_)) => return Context::Login,
            Some(Popup::MfaCode(_)) => return Context::MfaCode,
            Some(Popup::Save(_)) => return Context::Save,
            Some(Popup::Link { .. }) => return Context::Link,
            None => {}
        }
        self.base_context()
    }

    /// Where the keys go when nothing lies over the screen.
    pub fn base_context(&self) -> Context {
        match self.tabs.current() {
            Some(tab) if let Some(look) = tab.look() => match (&look.finding, &look.hints) {
                (_, Some(_)) => Context::Hints,
                (Some(_), _) => Context::Find,
                _ => Context::Scroll,
            },
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
                wanted: tab.pane().is_some_and(|pane| pane.wanted.is_some()),
                address: tab.board().is_some_and(|board| board.address.is_some()),
            }),
            connected: self.fleet.places.is_ready(),
            refreshing: self.fleet.places.are_busy() && !matches!(self.popup, Some(Popup::Places(_))),
            needs_user: self.needing().is_some(),
            has_page: matches!(&self.popup, Some(Popup::Login(open)) if open.code().is_some()),
        }
    }

    /// The place whose user is waited for: that of the tab on the screen or of the line under the cursor, else the first.
    pub fn needing(&self) -> Option<&PlaceView> {
        let places = &self.fleet.places;
        let here = match (&self.popup, self.tabs.current()) {
            (Some(Popup::Places(chooser)), _) => match chooser.item() {
                Some(chooser::Item::Place(id, _)) => Some(id),
                _ => None,
            },
            (_, Some(tab)) => Some(tab.place),
            (_, None) => self.fleet.selected().and_then(|row| places.of(&row.id)).map(|view| view.id),
        };
        let needs = |view: &&PlaceView| view.needs().is_some();
        here.and_then(|id| places.get(id)).filter(needs).or_else(|| places.iter().find(needs))
    }

    /// The instance that actions are about: that of the tab on the screen, or of the row under the cursor.
    pub fn subject(&self) -> Option<&Instance> {
        match (&self.popup, self.tabs.current()) {
            (Some(Popup::Explain { id, .. }), _) => self.fleet.places.find(id).map(|found| &**found),
            (_, Some(tab)) => self.fleet.places.find(&tab.instance).map(|found| &**found),
            (_, None) => self.fleet.selected().map(|found| &**found),
        }
    }

    /// What can be said of why an instance can or cannot be reached.
    pub fn verdict(&self, instance: &Instance) -> Verdict {
        let context = self.reach_context(instance);
        reach::examine(instance, &self.evidence(instance), &context, self.now.time)
    }

    /// What is known of an instance beyond its row: from a deep check, from trying, from the last time.
    pub fn evidence(&self, instance: &Instance) -> Cow<'_, Evidence> {
        let known = self.examinations.of(&instance.id);
        let memory = self.fleet.places.of(&instance.id).and_then(|view| view.fleet.memory(&instance.id));
        match (known, memory) {
            (Some(known), None) => Cow::Borrowed(known),
            (known, memory) => {
                Cow::Owned(Evidence { memory: memory.cloned(), ..known.cloned().unwrap_or_default() })
            }
        }
    }

    /// What a verdict on an instance needs beside its row: who asks, and where.
    pub fn reach_context(&self, instance: &Instance) -> reach::Context {
        let view = self.fleet.places.of(&instance.id);
        let text = |text: &Option<Text>| text.as_deref().map(str::to_owned);
        reach::Context {
            profile: text(&instance.place.profile),
            region: text(&instance.place.region),
            who: view.and_then(|view| view.principal()).map(str::to_owned),
            account: text(&instance.place.account),
            lists: view.map(|view| view.completeness.clone()).unwrap_or_default(),
            usage: view.map(|view| view.fleet.usage().clone()).unwrap_or_default(),
            ..reach::Context::default()
        }
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

    /// Until when the screen stays as it is, for a program that is in the midst of a change which is to be seen at once; none while
    /// there is something else to see.
    pub fn held_until(&self) -> Option<Instant> {
        let pane = self.tabs.current()?.pane()?;
        pane.held.map(|(_, until)| until).filter(|_| self.context() == Context::Pane)
    }

    /// When the state wants to be woken though nothing happens; none: let it sleep.
    pub fn next_deadline(&self) -> Option<Instant> {
        let now = self.now.instant;
        let fleet = [self.fleet.places.due(), self.fleet.probe_due, self.fleet.publish_due, self.leaving];
        let watched = self.watches.iter().filter_map(|watch| watch.due).min();
        let note = self.note.as_ref().and_then(|note| note.until);
        let sign_in = match &self.popup {
            Some(Popup::Login(open)) => open.code().map(|_| now + Duration::from_secs(1)),
            _ => None,
        };
        let changed = self.fleet.changed.values().copied().min();
        let clock = self.tabs.current().and_then(|tab| clock(tab, now));
        // The warning of an end that is near is for hidden tabs, too.
        let warning =
            self.tabs.iter().filter(|tab| tab.is_live()).filter_map(|tab| tab.limits.warn_at(now)).min();
        fleet
            .into_iter()
            .flatten()
            .chain(watched)
            .chain(note)
            .chain(sign_in)
            .chain(changed)
            .chain(clock)
            .chain(warning)
            .min()
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
    let wanted =
        tab.pane().and_then(|pane| pane.wanted.as_ref()).map(|wanted| wanted.until).filter(|at| *at > now);
    let drag = tab.look().and_then(|look| look.drag).and_then(|drag| drag.due);
    let graph = board.and_then(|board| board.graph.next_tick(now));
    [ends, notice, clock, limits, graph, wanted, drag].into_iter().flatten().min()
}

/// The line that mends what a verdict tells of: its first command, or what to ask an administrator for.
pub fn fix(verdict: &Verdict) -> Option<&str> {
    let commands = verdict.findings.iter().find_map(|finding| finding.command.as_deref());
    let asked = |finding: &&Finding| finding.owner == Owner::Administrator && !finding.fix.is_empty();
    commands.or_else(|| verdict.findings.iter().find(asked).map(|finding| finding.fix.as_str()))
}
