//! Lines that stand still: rows joined where they only wrapped, and cut again to the width of the moment.

use std::collections::HashMap;
use std::ops::Range;

use crate::term::cell::{Cell, Width};
use crate::term::scrollback::{Row, Scrollback, write_style};

/// A place in the text. It stays the same whatever the width.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Position {
    /// The line, counted from the oldest.
    pub line: usize,
    /// The column of the line as if it had never wrapped; that of a wide character is its first.
    pub column: usize,
}

/// A cell of a line.
#[derive(Debug, Clone, Copy)]
pub struct Placed<'a> {
    /// Its column.
    pub column: usize,
    /// What is in it.
    pub cell: Cell<'a>,
    /// Where it leads to.
    pub link: Option<&'a str>,
}

impl Placed<'_> {
    /// The column behind it.
    #[must_use]
    pub fn end(&self) -> usize {
        self.column + if self.cell.width == Width::Wide { 2 } else { 1 }
    }

    /// Its first character.
    #[must_use]
    pub fn first(&self) -> char {
        self.cell.text.chars().next().unwrap_or(' ')
    }
}

/// One line.
#[derive(Debug, Clone, Copy)]
struct Span {
    /// The first of its rows.
    row: usize,
    columns: usize,
    wide: bool,
    prompt: bool,
}

/// All lines there are.
#[derive(Debug)]
pub struct Lines {
    rows: Scrollback,
    lines: Vec<Span>,
    /// The column of its line at which each row begins.
    starts: Vec<u32>,
}

impl Lines {
    /// Joins rows that only wrapped.
    #[must_use]
    pub fn new(rows: Scrollback) -> Self {
        let mut lines: Vec<Span> = Vec::with_capacity(rows.len());
        let mut starts = Vec::with_capacity(rows.len());
        let mut joined = false;
        for (index, row) in rows.rows().enumerate() {
            if !joined {
                lines.push(Span { row: index, columns: 0, wide: false, prompt: false });
            }
            let (columns, wide) = row.columns();
            if let Some(line) = lines.last_mut() {
                starts.push(u32::try_from(line.columns).unwrap_or(u32::MAX));
                line.columns += columns;
                line.wide |= wide;
                line.prompt |= row.kind().prompt;
            }
            joined = row.kind().wrapped;
        }
        if lines.is_empty() {
            lines.push(Span { row: 0, columns: 0, wide: false, prompt: false });
        }
        Self { rows, lines, starts }
    }

    /// How many there are; at least one.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "there is always one")]
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// How many columns a line has.
    #[must_use]
    pub fn columns(&self, line: usize) -> usize {
        self.lines.get(line).map_or(0, |line| line.columns)
    }

    /// Whether a prompt begins in it.
    #[must_use]
    pub fn is_prompt(&self, line: usize) -> bool {
        self.lines.get(line).is_some_and(|line| line.prompt)
    }

    fn rows_of(&self, line: usize) -> Range<usize> {
        let Some(first) = self.lines.get(line) else { return 0..0 };
        first.row..self.lines.get(line + 1).map_or(self.rows.len(), |next| next.row)
    }

    /// The cells of a line from that column on.
    pub fn cells(&self, line: usize, from: usize) -> impl Iterator<Item = Placed<'_>> {
        let rows = self.rows_of(line);
        let before = self.starts[rows.clone()].partition_point(|start| *start as usize <= from);
        let first = rows.start + before.saturating_sub(1);
        let mut column = self.starts.get(first).map_or(0, |start| *start as usize);
        let rows = (first..rows.end).filter_map(|row| self.rows.row(row));
        rows.flat_map(placed)
            .map(move |(cell, link)| {
                let placed = Placed { column, cell, link };
                column = placed.end();
                placed
            })
            .skip_while(move |placed| placed.end() <= from)
    }

    /// The text of a line, added to `out`.
    pub fn text(&self, line: usize, out: &mut String) {
        self.rows_of(line).filter_map(|row| self.rows.row(row)).for_each(|row| row.plain(out));
    }

    /// The text of some columns of a line, without blanks at its end, added to `out`.
    pub fn part(&self, line: usize, columns: Range<usize>, out: &mut String) {
        let start = out.len();
        for cell in self.cells(line, columns.start).take_while(|cell| cell.column < columns.end) {
            if cell.column >= columns.start {
                out.push_str(cell.cell.text);
            }
        }
        out.truncate(start + out[start..].trim_end_matches(' ').len());
    }

    /// The column of the cell that a column belongs to.
    #[must_use]
    pub fn snap(&self, at: Position) -> Position {
        if !self.lines.get(at.line).is_some_and(|line| line.wide) {
            return at;
        }
        let column = self.cells(at.line, at.column).next().map_or(at.column, |cell| cell.column);
        Position { column: column.min(at.column), ..at }
    }

    /// All lines as text, those at the end left out that have nothing in them; with sequences for their looks if `coloured`.
    #[must_use]
    pub fn export(&self, coloured: bool) -> String {
        let mut out = String::new();
        let mut end = 0;
        for line in 0..self.len() {
            let start = out.len();
            if coloured {
                let mut style = Default::default();
                for placed in self.cells(line, 0) {
                    if placed.cell.style != style {
                        style = placed.cell.style;
                        write_style(style, &mut out);
                    }
                    out.push_str(placed.cell.text);
                }
                if style != Default::default() {
                    out.push_str("\x1b[m");
                }
            } else {
                self.text(line, &mut out);
                out.truncate(start + out[start..].trim_end_matches(' ').len());
            }
            let empty = out.len() == start;
            out.push('\n');
            if !empty {
                end = out.len();
            }
        }
        out.truncate(end);
        out
    }
}

fn placed<'a>(row: Row<'a>) -> impl Iterator<Item = (Cell<'a>, Option<&'a str>)> {
    let mut cells = row.cells();
    std::iter::from_fn(move || cells.next().map(|cell| (cell, cells.link())))
}

/// Lines cut to a width: which row shows what.
#[derive(Debug)]
pub struct Layout {
    width: usize,
    /// The first row of each line, and behind them the number of all rows.
    tops: Vec<usize>,
    /// The first columns of the rows of those lines that cannot be cut anywhere, for they have wide characters.
    wide: HashMap<usize, Box<[usize]>>,
}

impl Layout {
    /// Cuts the lines to a width of at least one column.
    #[must_use]
    pub fn new(lines: &Lines, width: usize) -> Self {
        let width = width.max(1);
        let mut wide = HashMap::new();
        let mut tops = Vec::with_capacity(lines.len() + 1);
        let mut top = 0;
        for (index, line) in lines.lines.iter().enumerate() {
            tops.push(top);
            top += if line.wide && line.columns > width {
                let starts = cuts(lines.cells(index, 0), width);
                let rows = starts.len();
                wide.insert(index, starts.into_boxed_slice());
                rows
            } else {
                line.columns.div_ceil(width).max(1)
            };
        }
        tops.push(top);
        Self { width, tops, wide }
    }

    /// How many rows there are.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.tops.last().copied().unwrap_or(0)
    }

    /// The line that a row shows a part of, and the columns of that part; past the last row, the last.
    #[must_use]
    pub fn part(&self, lines: &Lines, row: usize) -> (usize, Range<usize>) {
        let row = row.min(self.rows().saturating_sub(1));
        let line = self.tops.partition_point(|top| *top <= row).saturating_sub(1);
        let number = row - self.tops[line];
        let columns = lines.columns(line);
        match self.wide.get(&line) {
            Some(starts) => (line, starts[number]..starts.get(number + 1).copied().unwrap_or(columns)),
            None => (line, number * self.width..((number + 1) * self.width).min(columns)),
        }
    }

    /// The row that shows a place.
    #[must_use]
    pub fn row(&self, at: Position) -> usize {
        let line = at.line.min(self.tops.len().saturating_sub(2));
        let number = match self.wide.get(&line) {
            Some(starts) => starts.partition_point(|start| *start <= at.column).saturating_sub(1),
            None => at.column / self.width,
        };
        (self.tops[line] + number).min(self.tops[line + 1].saturating_sub(1))
    }
}

/// Where the rows of a line with wide characters begin.
fn cuts<'a>(cells: impl Iterator<Item = Placed<'a>>, width: usize) -> Vec<usize> {
    let mut starts = vec![0];
    let mut start = 0;
    for cell in cells {
        if cell.end() - start > width && cell.column > start {
            start = cell.column;
            starts.push(start);
        }
    }
    starts
}
