//! One tab: an instance, the life of what runs on it, and what it holds: a terminal or a forward.
//!
//! ```text
//!              ┌──────────────────────────── restart ─────────────────────────┐
//!              ▼                                                              │
//!  open → Starting(Asking → Connecting → Handshake → Prompt) → Live ⇄ Reconnecting
//!              │                                                 │        │   │
//!              └──────────── failed, cancelled ──────────────────┴────────┴→ Ended
//! ```

use std::time::{Duration, Instant};

use super::{content::Content, forward::Board, limit::Limits, look::Look, pane::Pane};
use crate::{
    fleet::InstanceId,
    tui::event::{Failure, Life, PlaceId, TabId},
};

/// One tab.
pub struct Tab {
    /// Which.
    pub id: TabId,
    /// The name in the header.
    pub name: String,
    /// The user chose it.
    pub renamed: bool,
    /// Where it is.
    pub place: PlaceId,
    /// The row of the fleet.
    pub instance: InstanceId,
    /// What the session is started on.
    pub target: InstanceId,
    /// Counts the starts.
    pub lives: u32,
    /// Where the session stands.
    pub phase: Phase,
    /// How the link is, while the session lives.
    pub link: Link,
    /// What it holds.
    pub content: Content,
    /// How long the session may last.
    pub limits: Limits,
    /// What happened while the tab was hidden.
    pub unseen: Unseen,
    /// The code that what ran here ended with.
    pub exit: Option<i32>,
    /// The agent said that the session is encrypted by a key of the account's.
    pub encrypted: bool,
    /// It begins anew as soon as it has ended.
    pub again: bool,
}

/// Where a session stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// On its way.
    Starting {
        /// Since when.
        since: Instant,
        /// How far.
        step: Step,
    },
    /// A session to type into.
    Live,
    /// The connection is lost and is being made anew.
    Reconnecting {
        /// Since when.
        since: Instant,
        /// The how-manieth attempt.
        attempt: u32,
        /// Why the last one failed.
        cause: String,
    },
    /// Over.
    Ended(Ending),
}

/// Why it is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The session ended; why, in a line.
    Session(String),
    /// What ran ended by itself, with this code.
    Exited(i32),
    /// It did not start.
    NotStarted(Failure),
    /// The user gave up waiting.
    Cancelled,
}

/// How far a start has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// StartSession is being asked.
    Asking,
    /// The channel is being opened.
    Connecting,
    /// Both ends agree on what they can do.
    Handshake,
    /// What was asked for is coming up: a prompt, a listening port.
    Prompt,
}

impl Step {
    /// All, in their order.
    pub const ALL: [Self; 4] = [Self::Asking, Self::Connecting, Self::Handshake, Self::Prompt];

    /// In words.
    pub fn word(self, content: &Content) -> &'static str {
        match (self, content) {
            (Self::Asking, _) => "StartSession",
            (Self::Connecting, _) => "channel",
            (Self::Handshake, _) => "handshake",
            (Self::Prompt, Content::Forward(_)) => "listening",
            (Self::Prompt, Content::Command { .. }) => "output",
            (Self::Prompt, _) => "prompt",
        }
    }
}

/// How the link of a living session is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// Nothing has answered since then.
    pub silent: Option<Instant>,
    /// The service says that the agent is away.
    pub paused: bool,
    /// It came back: how long it was gone, and until when to say so.
    pub resumed: Option<(Duration, Instant)>,
    /// Time there and back.
    pub round_trip: Option<Duration>,
    /// The last sentence from the agent, and until when to show it.
    pub notice: Option<(String, Instant)>,
}

/// What happened while a tab was hidden; the later beats the earlier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unseen {
    /// Nothing.
    #[default]
    Nothing,
    /// Output came.
    Output,
    /// The bell rang.
    Bell,
}

/// The dot of a tab in the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dot {
    /// Starting.
    Starting,
    /// Live.
    Live,
    /// Reconnecting, silent or paused.
    Unwell,
    /// Something happened while hidden.
    Attention,
    /// Ended.
    Ended,
}

impl Dot {
    /// One cell.
    pub const fn glyph(self) -> &'static str {
        match self {
            Self::Starting => "◌",
            Self::Live => "●",
            Self::Unwell => "◐",
            Self::Attention => "!",
            Self::Ended => "✗",
        }
    }
}

impl Tab {
    /// A tab whose session is about to be started.
    pub fn new(
        id: TabId,
        name: String,
        place: PlaceId,
        instance: InstanceId,
        target: InstanceId,
        content: Content,
        now: Instant,
    ) -> Self {
        Self {
            id,
            name,
            renamed: false,
            place,
            instance,
            target,
            lives: 1,
            phase: Phase::Starting { since: now, step: Step::Asking },
            link: Link::default(),
            content,
            limits: Limits::new(now),
            unseen: Unseen::Nothing,
            exit: None,
            encrypted: false,
            again: false,
        }
    }

    /// Its terminal, if it has one.
    pub fn pane(&self) -> Option<&Pane> {
        self.content.pane()
    }

    /// Its terminal, to change.
    pub fn pane_mut(&mut self) -> Option<&mut Pane> {
        self.content.pane_mut()
    }

    /// Its forward, if it is one.
    pub fn board(&self) -> Option<&Board> {
        self.content.board()
    }

    /// Its text that stands still, while the user looks back.
    pub fn look(&self) -> Option<&Look> {
        self.pane()?.look.as_deref()
    }

    /// How much of a paste is through, in per cent; none without one.
    pub fn paste_percent(&self) -> Option<usize> {
        self.pane().filter(|_| self.is_running())?.outgoing.percent()
    }

    /// Begins another life: as new, on the old screen.
    pub fn restart(&mut self, now: Instant) {
        self.lives += 1;
        self.phase = Phase::Starting { since: now, step: Step::Asking };
        self.link = Link::default();
        self.limits = Limits::new(now);
        self.exit = None;
        self.encrypted = false;
        self.again = false;
        match &mut self.content {
            Content::Shell(pane) | Content::Ssh(pane) | Content::Command { pane, .. } => pane.rule_off(),
            Content::Forward(board) => board.restart(now),
        }
    }

    /// The life that it is in.
    pub fn life(&self) -> Life {
        Life { tab: self.id, number: self.lives }
    }

    /// Whether there is a session on the service, or one is being made.
    pub fn is_running(&self) -> bool {
        !matches!(self.phase, Phase::Ended(_))
    }

    /// Whether the session can be typed into, now or when the connection is back.
    pub fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Live | Phase::Reconnecting { .. })
    }

    /// Its dot in the header.
    pub fn dot(&self) -> Dot {
        match self.phase {
            Phase::Ended(_) => Dot::Ended,
            _ if self.unseen != Unseen::Nothing => Dot::Attention,
            Phase::Starting { .. } => Dot::Starting,
            Phase::Reconnecting { .. } => Dot::Unwell,
            Phase::Live if self.link.silent.is_some() || self.link.paused => Dot::Unwell,
            Phase::Live if self.board().and_then(Board::worst).is_some() => Dot::Unwell,
            Phase::Live => Dot::Live,
        }
    }
}

impl std::fmt::Debug for Tab {
    /// Without the terminal: what a session shows is in no log (peers: nothing secret in crash reports).
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tab").field("id", &self.id).field("phase", &self.phase).finish_non_exhaustive()
    }
}

/// The tabs beside the fleet, and which one is on the screen.
#[derive(Debug, Default)]
pub struct Tabs {
    list: Vec<Tab>,
    current: Option<TabId>,
    last: u32,
}

impl Tabs {
    /// All, in the order of the header.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Tab> {
        self.list.iter()
    }

    /// All, to change.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Tab> {
        self.list.iter_mut()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many have a session that runs or starts.
    pub fn running(&self) -> usize {
        self.list.iter().filter(|tab| tab.is_running()).count()
    }

    /// An id that was never used.
    pub fn new_id(&mut self) -> TabId {
        self.last += 1;
        TabId(self.last)
    }

    /// A name for a new tab that no other has: `web-1`, `web-1·2`.
    pub fn free_name(&self, wanted: &str) -> String {
        let taken = |name: &str| self.list.iter().any(|tab| tab.name == name);
        if !taken(wanted) {
            return wanted.to_owned();
        }
        (2..).map(|n| format!("{wanted}·{n}")).find(|name| !taken(name)).expect("some number is free")
    }

    /// Puts a tab at the end.
    pub fn push(&mut self, tab: Tab) {
        self.list.push(tab);
    }

    /// Takes a tab out; what was on the screen stays, or its neighbour comes.
    pub fn remove(&mut self, id: TabId) {
        let Some(place) = self.place(id) else { return };
        self.list.remove(place);
        if self.current == Some(id) {
            self.current = self.list.get(place).or(self.list.last()).map(|tab| tab.id);
            self.seen();
        }
    }

    /// A tab by its id.
    pub fn get(&self, id: TabId) -> Option<&Tab> {
        self.list.iter().find(|tab| tab.id == id)
    }

    /// A tab by its id, to change.
    pub fn get_mut(&mut self, id: TabId) -> Option<&mut Tab> {
        self.list.iter_mut().find(|tab| tab.id == id)
    }

    /// The tab of this life; none if it is gone or has begun another.
    pub fn alive(&mut self, life: Life) -> Option<&mut Tab> {
        self.get_mut(life.tab).filter(|tab| tab.lives == life.number)
    }

    /// The tab on the screen; none is the fleet.
    pub fn current(&self) -> Option<&Tab> {
        self.get(self.current?)
    }

    /// The tab on the screen, to change.
    pub fn current_mut(&mut self) -> Option<&mut Tab> {
        self.get_mut(self.current?)
    }

    /// Its place in the header: 0 is the fleet.
    pub fn position(&self) -> usize {
        self.current.and_then(|id| self.place(id)).map_or(0, |place| place + 1)
    }

    /// Shows the tab at this place of the header, 0 being the fleet; whether there is one.
    pub fn go(&mut self, position: usize) -> bool {
        if position > self.list.len() {
            return false;
        }
        self.current = position.checked_sub(1).map(|place| self.list[place].id);
        self.seen();
        true
    }

    fn seen(&mut self) {
        if let Some(tab) = self.current_mut() {
            tab.unseen = Unseen::Nothing;
        }
    }

    fn place(&self, id: TabId) -> Option<usize> {
        self.list.iter().position(|tab| tab.id == id)
    }
}
