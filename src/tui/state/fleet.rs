//! What the fleet's screen shows: the instances, the search box, the list with its cursor and marks.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use crossterm::event::KeyEvent;
use jiff::Timestamp;

use super::{line::Line, place::Places, query::Asked};
use crate::{
    fleet::{Column, Counts, Direction, Fact, Instance, InstanceId, State, search::Matches},
    tui::event::PlaceId,
};

/// How long a row that changed is marked.
pub const CHANGED_SHOWS: Duration = Duration::from_secs(5);
/// How long an answer about a row's connection is not asked for again.
pub const PROBE_AGAIN: Duration = Duration::from_secs(45);
/// How long the list stands still before its rows are asked about.
pub const PROBE_AFTER: Duration = Duration::from_millis(150);

/// Rows from which on the search gets them at a pace.
pub const PACED_FROM: usize = 2_000;
/// The least pause between two of those times, for each row: preparing 100,000 takes the search a quarter of a second, which is
/// to be had once a second while pages stream in.
pub const PAUSE_PER_ROW: Duration = Duration::from_micros(10);

/// The fleet's screen.
#[derive(Debug)]
pub struct FleetView {
    /// The accounts and regions, with the instances of each.
    pub places: Places,
    /// The instances of all, as the search has them; made anew when they have changed.
    pub rows: Option<Arc<[Arc<Instance>]>>,
    /// When the search got them last.
    pub published: Option<Instant>,
    /// When the search shall get those that came since.
    pub publish_due: Option<Instant>,
    /// How many are in which state, since the last change.
    pub counts: Counts,
    /// The pause between two readings of a place; none: they are read on demand.
    pub every: Option<Duration>,
    /// The search box.
    pub query: Line,
    /// What it asks.
    pub asked: Asked,
    /// Which part has the keys.
    pub focus: Focus,
    /// The list.
    pub list: List,
    /// The marked rows.
    pub marks: BTreeSet<InstanceId>,
    /// The order; none is best match first, by name without a word.
    pub order: Option<(Column, Direction)>,
    /// Rows that changed, and until when to show it.
    pub changed: HashMap<InstanceId, Instant>,
    /// When each row's connection was last answered for.
    pub probed: HashMap<InstanceId, Instant>,
    /// When to ask for the connections of the rows on the screen.
    pub probe_due: Option<Instant>,
}

/// Which part of the screen has the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Focus {
    /// The search box: letters filter.
    Search,
    /// The list: letters are commands.
    List,
}

/// The rows that the search found, and the cursor in them.
#[derive(Debug, Default)]
pub struct List {
    /// What was found last.
    pub found: Option<Matches>,
    /// The number of the latest question.
    pub question: u64,
    /// What is found next moves the cursor to its first row: the query changed.
    pub to_top: bool,
    /// The user has put the cursor somewhere; until then it stays at the top while rows come in.
    pub placed: bool,
    /// The rows of the first reading are all there.
    pub settled: bool,
    /// The row under the cursor, by its place.
    pub cursor: usize,
    /// The same row by its id, so that a refresh does not move it.
    pub selected: Option<InstanceId>,
    /// The first row on the screen.
    pub offset: usize,
    /// What the user did while the rows on the screen did not answer the query yet: the first is about the row that the search will
    /// find, the rest follows it.
    pub held: Vec<KeyEvent>,
}

impl List {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.found.as_ref().map_or(0, |found| found.hits.len())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The id of the row at this place.
    pub fn id(&self, place: usize) -> Option<&InstanceId> {
        let found = self.found.as_ref()?;
        found.hits.get(place).map(|hit| &found.rows[*hit as usize].id)
    }

    /// The place of a row.
    pub fn place(&self, id: &InstanceId) -> Option<usize> {
        let found = self.found.as_ref()?;
        found.hits.iter().position(|hit| found.rows[*hit as usize].id == *id)
    }

    /// Takes in what a search found; whether it answers the latest question.
    pub fn take(&mut self, found: Matches, height: usize) -> bool {
        if found.generation != self.question {
            return false;
        }
        self.found = Some(found);
        let place = match self.selected.as_ref().filter(|_| !self.to_top).and_then(|id| self.place(id)) {
            Some(place) => {
                if self.placed {
                    // The row stays on its line, whatever comes in above it.
                    self.offset = (self.offset + place).saturating_sub(self.cursor);
                }
                place
            }
            None if self.to_top => 0,
            None => self.cursor,
        };
        let placed = self.placed && !self.to_top;
        self.to_top = false;
        self.go(place, height);
        self.placed = placed;
        true
    }

    /// Moves the cursor to a place, or as near as there is, and the window with it.
    pub fn go(&mut self, place: usize, height: usize) {
        self.placed = true;
        self.cursor = place.min(self.len().saturating_sub(1));
        self.selected = self.id(self.cursor).cloned();
        self.show_cursor(height);
    }

    /// Moves the window so that the cursor is in it and no room is wasted.
    pub fn show_cursor(&mut self, height: usize) {
        let height = height.max(1);
        if self.cursor < self.offset {
            self.offset = self.cursor;
        } else if self.cursor >= self.offset + height {
            self.offset = self.cursor + 1 - height;
        }
        self.offset = self.offset.min(self.len().saturating_sub(height));
    }
}

impl FleetView {
    /// Nothing read yet.
    pub fn new(every: Option<Duration>) -> Self {
        Self {
            places: Places::default(),
            rows: None,
            published: None,
            publish_due: None,
            counts: Counts::default(),
            every,
            query: Line::default(),
            asked: Asked::default(),
            focus: Focus::Search,
            list: List::default(),
            marks: BTreeSet::new(),
            order: None,
            changed: HashMap::new(),
            probed: HashMap::new(),
            probe_due: None,
        }
    }

    /// The id that was typed into the search box although no list has it: where nothing can be listed, starting a session is
    /// itself the test.
    pub fn typed_id(&self) -> Option<InstanceId> {
        let text = self.query.text().trim();
        let digits = text.strip_prefix("i-").or_else(|| text.strip_prefix("mi-"))?;
        let whole = matches!(digits.len(), 8 | 17) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        (whole && self.list.is_empty()).then(|| InstanceId::new(text))
    }

    /// The instance under the cursor.
    pub fn selected(&self) -> Option<&Arc<Instance>> {
        self.places.find(self.list.selected.as_ref()?)
    }

    /// The instances in the window of this height, the newest knowledge of each.
    pub fn visible(&self, height: usize) -> impl Iterator<Item = &Arc<Instance>> {
        let found = self.list.found.as_ref();
        let hits = found.map_or(&[][..], |found| &found.hits);
        hits.iter().skip(self.list.offset).take(height).filter_map(move |hit| {
            let row = &found?.rows[*hit as usize];
            Some(self.places.find(&row.id).unwrap_or(row))
        })
    }

    /// The session targets in the window whose connection is worth asking for now.
    pub fn to_probe(&self, height: usize, now: Instant, time: Timestamp) -> Vec<(PlaceId, InstanceId)> {
        self.visible(height)
            .filter(|instance| {
                let recently = self
                    .probed
                    .get(instance.target())
                    .is_some_and(|at| now.saturating_duration_since(*at) < PROBE_AGAIN);
                let may = !matches!(instance.connection, Fact::Denied { .. });
                !recently && may && asking_helps(instance, time)
            })
            .filter_map(|instance| Some((self.places.of(&instance.id)?.id, instance.target().clone())))
            .collect()
    }

    /// Counts anew after a change.
    pub fn recount(&mut self) {
        self.counts = self.places.counts();
    }

    /// The instances of all places, as they are now.
    pub fn rows(&mut self) -> Arc<[Arc<Instance>]> {
        Arc::clone(self.rows.get_or_insert_with(|| self.places.rows()))
    }
}

/// Whether GetConnectionStatus can change what is said of this row: not for one that does not run, or never registered.
fn asking_helps(instance: &Instance, time: Timestamp) -> bool {
    !matches!(instance.state(time), State::Stopped | State::Gone | State::NotConfigured | State::Starting)
}
