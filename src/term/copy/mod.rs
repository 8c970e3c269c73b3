//! Looking back: text that stands still while the session goes on, a cursor that moves through it, what is selected and what was
//! found. Pure; the keys and the screen are others' matter.
//!
//! | file | job |
//! | --- | --- |
//! | [`lines`] | rows joined over wraps, cut to the width of the moment |
//! | [`motion`] | where the cursor goes |
//! | [`selection`] | what is selected, as text and on the screen |
//! | [`search`] | what was found |
//! | [`link`] | where the text on the screen leads to |

pub mod lines;
pub mod link;
pub mod motion;
pub mod search;
pub mod selection;

use std::ops::Range;

pub use lines::{Layout, Lines, Placed, Position};
pub use motion::Motion;
pub use search::{Direction, Query, Standing};
pub use selection::{Selection, Unit};

use super::Size;
use super::scrollback::Scrollback;
use search::Search;

/// A view of text that stands still.
#[derive(Debug)]
pub struct CopyMode {
    lines: Lines,
    layout: Layout,
    size: Size,
    /// The first row in view.
    top: usize,
    cursor: Position,
    /// The column of the view that up and down keep to.
    goal: Option<usize>,
    selection: Option<Selection>,
    search: Search,
}

impl CopyMode {
    /// Looks at rows, of which the last are those on a screen of that size, with the cursor at a cell of it.
    #[must_use]
    pub fn new(rows: Scrollback, size: Size, (row, col): (u16, u16)) -> Self {
        let size = size.at_least_one();
        let lines = Lines::new(rows);
        let layout = Layout::new(&lines, usize::from(size.cols));
        let top = layout.rows().saturating_sub(usize::from(size.rows));
        let mut copy = Self {
            lines,
            layout,
            size,
            top,
            cursor: Position::default(),
            goal: None,
            selection: None,
            search: Search::default(),
        };
        copy.cursor = copy.at(top + usize::from(row), usize::from(col));
        copy
    }

    /// Another size: the lines are cut anew, and cursor and selection stay where they are in the text.
    pub fn resize(&mut self, size: Size) {
        let size = size.at_least_one();
        if size == self.size {
            return;
        }
        let at_end = self.rows_back() == 0;
        let above = self.layout.row(self.cursor).saturating_sub(self.top);
        self.layout = Layout::new(&self.lines, usize::from(size.cols));
        self.size = size;
        self.goal = None;
        let end = self.layout.rows().saturating_sub(self.height());
        self.top = if at_end { end } else { self.layout.row(self.cursor).saturating_sub(above).min(end) };
        self.show_cursor();
    }

    /// The lines.
    #[must_use]
    pub fn lines(&self) -> &Lines {
        &self.lines
    }

    /// The size of the view.
    #[must_use]
    pub fn size(&self) -> Size {
        self.size
    }

    /// Where the cursor is.
    #[must_use]
    pub fn cursor(&self) -> Position {
        self.cursor
    }

    /// What is selected.
    #[must_use]
    pub fn selection(&self) -> Option<Selection> {
        self.selection
    }

    /// The cell of the view that the cursor is in: row and column.
    #[must_use]
    pub fn cursor_cell(&self) -> (u16, u16) {
        let row = self.layout.row(self.cursor);
        let (_, part) = self.layout.part(&self.lines, row);
        let cell = |number: usize| u16::try_from(number).unwrap_or(u16::MAX);
        (cell(row.saturating_sub(self.top)), cell(self.cursor.column - part.start).min(self.size.cols - 1))
    }

    /// The rows in view: the number of each, its line, and the columns of it.
    pub fn view(&self) -> impl Iterator<Item = (usize, usize, Range<usize>)> {
        (self.top..self.layout.rows()).take(self.height()).map(|row| {
            let (line, part) = self.layout.part(&self.lines, row);
            (row, line, part)
        })
    }

    /// The lines in view, and the columns of each that are.
    fn lines_in_view(&self) -> Vec<(usize, Range<usize>)> {
        let mut parts: Vec<(usize, Range<usize>)> = Vec::new();
        for (_, line, part) in self.view() {
            match parts.last_mut() {
                Some((last, columns)) if *last == line => columns.end = part.end,
                _ => parts.push((line, part)),
            }
        }
        parts
    }

    /// The text in view: rows that only wrapped are one line, and nothing is left of blanks at the ends.
    #[must_use]
    pub fn view_text(&self) -> String {
        let mut text = String::new();
        for (line, part) in self.lines_in_view() {
            self.lines.part(line, part, &mut text);
            text.push('\n');
        }
        text.truncate(text.trim_end_matches('\n').len());
        text
    }

    /// How many rows the view is away from the end.
    #[must_use]
    pub fn rows_back(&self) -> usize {
        self.layout.rows().saturating_sub(self.top + self.height())
    }

    /// Moves the view by rows, up if negative; the cursor stays in it. Whether it moved.
    pub fn scroll(&mut self, rows: isize) -> bool {
        let end = self.layout.rows().saturating_sub(self.height());
        let top = self.top.saturating_add_signed(rows).min(end);
        let moved = std::mem::replace(&mut self.top, top) != top;
        let row = self.layout.row(self.cursor);
        let within = row.clamp(top, top + self.height() - 1);
        if within != row {
            let (_, part) = self.layout.part(&self.lines, row);
            self.cursor = self.at(within, self.goal.unwrap_or(self.cursor.column - part.start));
        }
        moved
    }

    /// Puts the cursor on a cell of the view.
    pub fn point(&mut self, row: u16, col: u16) {
        let to = self.at(self.top + usize::from(row), usize::from(col));
        self.move_to(to);
    }

    /// Puts the cursor somewhere, and the view where it shows it.
    pub fn move_to(&mut self, to: Position) {
        self.goal = None;
        self.cursor = to;
        self.show_cursor();
    }

    fn height(&self) -> usize {
        usize::from(self.size.rows)
    }

    fn show_cursor(&mut self) {
        let row = self.layout.row(self.cursor);
        self.top = self.top.clamp((row + 1).saturating_sub(self.height()), row);
    }

    /// The place that a row shows at a column of the view; what is past the end of the row is its last cell.
    fn at(&self, row: usize, x: usize) -> Position {
        let (line, part) = self.layout.part(&self.lines, row);
        let last = part.end.saturating_sub(1).max(part.start);
        self.lines.snap(Position { line, column: (part.start + x).min(last) })
    }
}

#[cfg(test)]
mod tests;
