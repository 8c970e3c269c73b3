//! What is wrong with a query, and where.

use std::ops::Range;

use unicode_width::UnicodeWidthStr;

/// What is wrong with a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where in the text, in bytes; empty where something is missing.
    pub range: Range<usize>,
    /// What, with the nearest right word where there is one.
    pub what: String,
    /// It only isn't finished: more letters can mend it.
    pub is_unfinished: bool,
}

impl Problem {
    pub(super) fn wrong(range: Range<usize>, what: impl Into<String>) -> Self {
        Self { range, what: what.into(), is_unfinished: false }
    }

    pub(super) fn unfinished(range: Range<usize>, what: impl Into<String>) -> Self {
        Self { range, what: what.into(), is_unfinished: true }
    }

    /// Cells before the place in `text` that it points at, and cells that it covers, at least one.
    pub fn cells(&self, text: &str) -> (usize, usize) {
        let width = |range: Range<usize>| text.get(range).map_or(0, UnicodeWidthStr::width);
        (width(0..self.range.start), width(self.range.clone()).max(1))
    }

    /// The query, a line that points into it, and what is wrong, for a terminal.
    pub fn told(&self, text: &str) -> String {
        let (before, covered) = self.cells(text);
        let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        format!("{plain}\n{}{} {}", " ".repeat(before), "^".repeat(covered), self.what)
    }
}
