//! What is selected: from an anchor to the cursor, both included.

use std::ops::Range;

use super::CopyMode;
use super::lines::{Lines, Position};

/// What a selection is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Characters.
    Character,
    /// Whole words.
    Word,
    /// Whole lines, as long as they are.
    Line,
    /// A rectangle of the view.
    Block,
}

/// A selection; its other end is the cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Selection {
    /// What it is made of.
    pub unit: Unit,
    /// Where it began.
    pub anchor: Position,
}

impl CopyMode {
    /// Begins a selection at the cursor; one of the same kind ends instead, and one of another becomes this kind.
    pub fn select(&mut self, unit: Unit) {
        self.selection = match self.selection {
            Some(selection) if selection.unit == unit => None,
            Some(selection) => Some(Selection { unit, ..selection }),
            None => Some(Selection { unit, anchor: self.cursor }),
        };
    }

    /// Nothing is selected any more; whether something was.
    pub fn unselect(&mut self) -> bool {
        self.selection.take().is_some()
    }

    /// Anchor and cursor change places.
    pub fn swap_ends(&mut self) {
        if let Some(selection) = &mut self.selection {
            let to = std::mem::replace(&mut selection.anchor, self.cursor);
            self.move_to(to);
        }
    }

    /// The first and the last place of a selection that is no block.
    fn ends(&self, selection: Selection) -> (Position, Position) {
        let (from, to) = (selection.anchor.min(self.cursor), selection.anchor.max(self.cursor));
        match selection.unit {
            Unit::Word => {
                let (from_word, to_word) = (word(&self.lines, from), word(&self.lines, to));
                let last = to_word.end.saturating_sub(1);
                (Position { column: from_word.start, ..from }, Position { column: last, ..to })
            }
            Unit::Line => (Position { column: 0, ..from }, Position { column: usize::MAX, ..to }),
            Unit::Character | Unit::Block => (from, to),
        }
    }

    /// The rows and the columns of the view that a block takes.
    fn block(&self, anchor: Position) -> (Range<usize>, Range<usize>) {
        let corner = |at: Position| {
            let row = self.layout.row(at);
            let (_, part) = self.layout.part(&self.lines, row);
            let x = at.column - part.start;
            let wide = self.lines.cells(at.line, at.column).next().map_or(1, |cell| cell.end() - cell.column);
            (row, x, x + wide.max(1))
        };
        let (a, b) = (corner(anchor), corner(self.cursor));
        (a.0.min(b.0)..a.0.max(b.0) + 1, a.1.min(b.1)..a.2.max(b.2))
    }

    /// The columns of a row's line that are selected in that row.
    #[must_use]
    pub fn selected(&self, row: usize) -> Range<usize> {
        let Some(selection) = self.selection else { return 0..0 };
        let (line, part) = self.layout.part(&self.lines, row);
        if selection.unit == Unit::Block {
            let (rows, columns) = self.block(selection.anchor);
            return match rows.contains(&row) {
                true => part.start + columns.start..part.start + columns.end,
                false => 0..0,
            };
        }
        let (from, to) = self.ends(selection);
        if !(from.line..=to.line).contains(&line) {
            return 0..0;
        }
        let start = if line == from.line { from.column.max(part.start) } else { part.start };
        // An empty line that is selected shows it by one column.
        let end = part.end.max(part.start + 1);
        let end = if line == to.line { to.column.saturating_add(1).min(end) } else { end };
        start..end.max(start)
    }

    /// The text that is selected: rows that only wrapped are one line, blanks at the end of lines are left out.
    #[must_use]
    pub fn selected_text(&self) -> Option<String> {
        let selection = self.selection?;
        let mut text = String::new();
        if selection.unit == Unit::Block {
            let (rows, columns) = self.block(selection.anchor);
            for row in rows {
                let (line, part) = self.layout.part(&self.lines, row);
                let end = (part.start + columns.end).min(part.end);
                self.lines.part(line, part.start + columns.start..end, &mut text);
                text.push('\n');
            }
        } else {
            let (from, to) = self.ends(selection);
            for line in from.line..=to.line {
                let start = if line == from.line { from.column } else { 0 };
                let end = if line == to.line { to.column.saturating_add(1) } else { usize::MAX };
                self.lines.part(line, start..end, &mut text);
                text.push('\n');
            }
        }
        text.pop();
        Some(text)
    }
}

/// The word at a place, with what paths, addresses and options are made of; elsewhere the one cell.
fn word(lines: &Lines, at: Position) -> Range<usize> {
    let belongs = |c: char| c.is_alphanumeric() || "@-./_~?&=%+#$".contains(c);
    let mut start = None;
    let mut end = at.column + 1;
    for cell in lines.cells(at.line, 0) {
        let inside = belongs(cell.first());
        if cell.column < at.column {
            start = if inside { start.or(Some(cell.column)) } else { None };
        } else if cell.column == at.column {
            if !inside {
                return cell.column..cell.end();
            }
            end = cell.end();
        } else if inside {
            end = cell.end();
        } else {
            break;
        }
    }
    start.unwrap_or(at.column)..end
}
