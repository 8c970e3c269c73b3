//! How the cursor moves through text that stands still.

use super::CopyMode;
use super::lines::{Lines, Position};

/// Where to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Motion {
    /// The character before, in its line.
    Left,
    /// The next character, in its line.
    Right,
    /// So many rows up.
    Up(usize),
    /// So many rows down.
    Down(usize),
    /// A page up; the view moves along.
    PageUp,
    /// A page down.
    PageDown,
    /// Half a page up.
    HalfUp,
    /// Half a page down.
    HalfDown,
    /// The start of the next word.
    Word,
    /// The start of this word, or of the one before.
    WordBack,
    /// The end of this word, or of the next.
    WordEnd,
    /// The start of the line.
    LineStart,
    /// The first character of the line that is no blank.
    LineText,
    /// The last character of the line.
    LineEnd,
    /// The first row of the view.
    ViewTop,
    /// The row in its middle.
    ViewMiddle,
    /// Its last row.
    ViewBottom,
    /// The first line.
    First,
    /// The last line with something in it.
    Last,
    /// The prompt before.
    PromptBack,
    /// The next prompt.
    Prompt,
}

impl CopyMode {
    /// Moves the cursor, and the view so that it is in it; whether there was somewhere to go.
    pub fn go(&mut self, motion: Motion) -> bool {
        let before = self.cursor;
        let height = self.height();
        match motion {
            Motion::Up(rows) => self.vertical(-(rows as isize)),
            Motion::Down(rows) => self.vertical(rows as isize),
            Motion::PageUp => self.page(-(height.saturating_sub(1).max(1) as isize)),
            Motion::PageDown => self.page(height.saturating_sub(1).max(1) as isize),
            Motion::HalfUp => self.page(-((height / 2).max(1) as isize)),
            Motion::HalfDown => self.page((height / 2).max(1) as isize),
            Motion::ViewTop => self.vertical_to(self.top),
            Motion::ViewMiddle => self.vertical_to(self.top + (height - 1) / 2),
            Motion::ViewBottom => self.vertical_to(self.top + height - 1),
            _ => {
                if let Some(to) = target(&self.lines, self.cursor, motion) {
                    self.move_to(to);
                }
            }
        }
        self.cursor != before
    }

    fn vertical(&mut self, rows: isize) {
        let row = self.layout.row(self.cursor);
        self.vertical_to(row.saturating_add_signed(rows));
    }

    fn vertical_to(&mut self, row: usize) {
        let row = row.min(self.layout.rows().saturating_sub(1));
        let (_, part) = self.layout.part(&self.lines, self.layout.row(self.cursor));
        let x = self.goal.unwrap_or(self.cursor.column - part.start);
        let to = self.at(row, x);
        self.move_to(to);
        self.goal = Some(x);
    }

    /// View and cursor together, so that the cursor keeps its row of the view.
    fn page(&mut self, rows: isize) {
        let height = self.height();
        let last = self.layout.rows().saturating_sub(height);
        let row = self.layout.row(self.cursor);
        let top = self.top.saturating_add_signed(rows).min(last);
        let moved = top.abs_diff(self.top);
        // At the very end, the cursor goes on alone.
        let row = if moved == 0 {
            row.saturating_add_signed(rows)
        } else if top > self.top {
            row + moved
        } else {
            row - moved
        };
        self.top = top;
        self.vertical_to(row);
    }
}

/// Where a motion leads that does not depend on the view.
fn target(lines: &Lines, from: Position, motion: Motion) -> Option<Position> {
    let on = |line: usize, column: usize| Position { line, column };
    let here = |column: usize| on(from.line, column);
    match motion {
        Motion::Left => Some(lines.snap(here(from.column.checked_sub(1)?))),
        Motion::Right => lines.cells(from.line, from.column).nth(1).map(|cell| here(cell.column)),
        Motion::LineStart => Some(here(0)),
        Motion::LineText => {
            let first = lines.cells(from.line, 0).find(|cell| !cell.first().is_whitespace());
            Some(here(first.map_or(0, |cell| cell.column)))
        }
        Motion::LineEnd => Some(last_of(lines, from.line)),
        Motion::First => Some(on(0, 0)),
        Motion::Last => {
            let line = (0..lines.len()).rev().find(|line| lines.columns(*line) > 0);
            Some(on(line.unwrap_or(0), 0))
        }
        Motion::PromptBack => {
            (0..from.line).rev().find(|line| lines.is_prompt(*line)).map(|line| on(line, 0))
        }
        Motion::Prompt => {
            (from.line + 1..lines.len()).find(|line| lines.is_prompt(*line)).map(|line| on(line, 0))
        }
        Motion::Word => {
            let mut cells = words(lines, from.line, from.column);
            // An empty line is a word of its own.
            let mut class = cells.next().map_or(Class::Blank, |(_, class)| class);
            for (column, next) in cells {
                if next != class && next != Class::Blank {
                    return Some(here(column));
                }
                class = next;
            }
            match lines.len() > from.line + 1 {
                true => target(lines, on(from.line + 1, 0), Motion::LineText),
                false => Some(last_of(lines, from.line)),
            }
        }
        Motion::WordEnd => {
            let mut line = from.line;
            let mut column = from.column + 1;
            loop {
                let mut end = None;
                for (at, class) in words(lines, line, column).filter(|(at, _)| *at >= column) {
                    match end {
                        None if class == Class::Blank => {}
                        Some((_, word)) if class != word => break,
                        _ => end = Some((at, class)),
                    }
                }
                match end {
                    Some((at, _)) => return Some(on(line, at)),
                    None if line + 1 < lines.len() => (line, column) = (line + 1, 0),
                    None => return None,
                }
            }
        }
        Motion::WordBack => {
            let mut line = from.line;
            let mut before = from.column;
            loop {
                // The last word that begins before the cursor.
                let mut start = None;
                let mut last = Class::Blank;
                for (at, class) in words(lines, line, 0).take_while(|(at, _)| *at < before) {
                    if class != last && class != Class::Blank {
                        start = Some(at);
                    }
                    last = class;
                }
                match (start, line.checked_sub(1)) {
                    (Some(at), _) => return Some(on(line, at)),
                    (None, Some(previous)) => (line, before) = (previous, usize::MAX),
                    (None, None) => return None,
                }
            }
        }
        _ => None,
    }
}

/// The last cell of a line.
fn last_of(lines: &Lines, line: usize) -> Position {
    lines.snap(Position { line, column: lines.columns(line).saturating_sub(1) })
}

/// What words are made of, as vi has it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Blank,
    Letter,
    Sign,
}

fn words(lines: &Lines, line: usize, from: usize) -> impl Iterator<Item = (usize, Class)> {
    lines.cells(line, from).map(|cell| {
        let class = match cell.first() {
            c if c.is_whitespace() => Class::Blank,
            c if c.is_alphanumeric() || c == '_' => Class::Letter,
            _ => Class::Sign,
        };
        (cell.column, class)
    })
}
