//! Looking back in a tab: its text as it stood at one moment, and what is being done with it. The session goes on below.

use std::time::Instant;

use super::line::Line;
use crate::{
    term::{
        Terminal,
        copy::{CopyMode, Direction, Position, Query, link::Link, link::labels},
    },
    tui::event::TabId,
};

/// Text that stands still, and what is being done with it.
pub struct Look {
    /// The text, the cursor in it, what is selected and found.
    pub copy: CopyMode,
    /// Rows that had left the screen when it was taken.
    taken_at: u64,
    /// The mouse or the hints opened it for one thing; it closes when that is done.
    pub passing: bool,
    /// A search is being typed.
    pub finding: Option<Finding>,
    /// Links wait to be named by their letters.
    pub hints: Option<Hints>,
    /// The left button is held.
    pub drag: Option<Drag>,
    /// Searches are regular expressions.
    pub regex: bool,
}

/// A press of the left button, to tell double clicks by.
#[derive(Clone, Copy, Debug)]
pub struct Click {
    /// When.
    pub at: Instant,
    /// In which tab.
    pub tab: TabId,
    /// On which row and column of its pane.
    pub cell: (u16, u16),
    /// How many there have been on that cell, one soon after the other.
    pub count: u8,
}

/// A search that is being typed.
pub struct Finding {
    /// What was typed.
    pub line: Line,
    /// Which way.
    pub direction: Direction,
    /// Where the cursor was before.
    pub origin: Position,
    /// What was looked for before.
    pub before: Query,
}

/// Links in view, each with its letters.
pub struct Hints {
    /// They.
    pub links: Vec<(String, Link)>,
    /// The letters typed so far.
    pub typed: String,
}

/// The left button is held.
#[derive(Clone, Copy, Debug)]
pub struct Drag {
    /// Where it was pressed: row and column of the view.
    pub from: (u16, u16),
    /// Rows beyond the edge of the view, above it if negative; 0 within.
    pub beyond: isize,
    /// When the view moves on by itself.
    pub due: Option<Instant>,
}

impl Look {
    /// Takes the text of a terminal as it stands.
    pub fn new(terminal: &Terminal) -> Self {
        let size = terminal.size();
        let cursor = terminal.cursor().map_or((size.rows - 1, 0), |cursor| (cursor.row, cursor.col));
        Self {
            copy: CopyMode::new(terminal.freeze(), size, cursor),
            taken_at: terminal.rows_left(),
            passing: false,
            finding: None,
            hints: None,
            drag: None,
            regex: false,
        }
    }

    /// Rows that left the terminal's screen since.
    pub fn rows_since(&self, terminal: &Terminal) -> u64 {
        terminal.rows_left().saturating_sub(self.taken_at)
    }

    /// Looks for what is typed, from where the cursor was.
    pub fn find_typed(&mut self) {
        let Some(finding) = &self.finding else { return };
        let query = Query { text: finding.line.text().to_owned(), regex: self.regex };
        self.copy.find(query, finding.direction, finding.origin);
    }
}

impl Hints {
    /// Letters for the links in view; none if there is no link.
    pub fn new(copy: &CopyMode) -> Option<Self> {
        let links = copy.links();
        let links: Vec<_> = labels(links.len()).into_iter().zip(links).collect();
        (!links.is_empty()).then_some(Self { links, typed: String::new() })
    }
}
