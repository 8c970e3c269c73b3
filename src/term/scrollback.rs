//! The lines that have left the screen: text with the colours' sequences in it, bounded in lines and in bytes.
//!
//! A line is about as large as what the program wrote, where a row of cells would take 32 bytes a column. It is taken apart
//! into cells again only when it is looked at. Selection and search will read the same lines.

use std::collections::VecDeque;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::cell::{Cell, Color, Style, Width};
use super::emulator::readable;

/// Lines kept unless told otherwise.
pub const MAX_LINES: usize = 10_000;
/// Bytes kept unless told otherwise, with what it costs to keep a line.
pub const MAX_BYTES: usize = 2 * 1024 * 1024;

/// What a line costs beside its text: its place in the queue, and about what the allocator adds.
const OVERHEAD: usize = size_of::<Line>() + 16;

/// A queue of lines; the oldest make room for the newest.
#[derive(Debug)]
pub struct Scrollback {
    lines: VecDeque<Line>,
    bytes: usize,
    max_lines: usize,
    max_bytes: usize,
}

impl Default for Scrollback {
    fn default() -> Self {
        Self::new(MAX_LINES, MAX_BYTES)
    }
}

impl Scrollback {
    /// Keeps at most so many lines and so many bytes.
    #[must_use]
    pub fn new(max_lines: usize, max_bytes: usize) -> Self {
        Self { lines: VecDeque::new(), bytes: 0, max_lines, max_bytes }
    }

    /// How many lines there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// What they take in memory, roughly.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// A line, counted from the newest (0).
    #[must_use]
    pub fn newest(&self, index: usize) -> Option<&Line> {
        self.lines.len().checked_sub(index + 1).and_then(|index| self.lines.get(index))
    }

    /// Adds a row that left the screen: text with SGR sequences only. `wrapped`: its line goes on in the next.
    pub(super) fn push(&mut self, text: &str, wrapped: bool) {
        let line = Line { text: trimmed(text).into(), wrapped };
        self.bytes += line.cost();
        self.lines.push_back(line);
        while self.lines.len() > self.max_lines || self.bytes > self.max_bytes {
            let Some(oldest) = self.lines.pop_front() else { break };
            self.bytes -= oldest.cost();
        }
    }

    /// Takes the newest lines out, oldest first; fewer than `count` if there are no more.
    pub(super) fn take_newest(&mut self, count: usize) -> VecDeque<Line> {
        let taken = self.lines.split_off(self.lines.len().saturating_sub(count));
        self.bytes -= taken.iter().map(Line::cost).sum::<usize>();
        taken
    }

    pub(super) fn clear(&mut self) {
        *self = Self::new(self.max_lines, self.max_bytes);
    }
}

/// A row that left the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    text: Box<str>,
    wrapped: bool,
}

impl Line {
    /// Whether the line goes on in the next row, because it was too long for the screen.
    #[must_use]
    pub fn wrapped(&self) -> bool {
        self.wrapped
    }

    /// Its cells from the left, as they were on the screen; continuations are not among them.
    #[must_use]
    pub fn cells(&self) -> Cells<'_> {
        Cells { rest: &self.text, style: Style::default() }
    }

    /// Its text alone.
    #[must_use]
    pub fn plain(&self) -> String {
        self.cells().map(|cell| cell.text).collect()
    }

    /// As much of the stored text, with its sequences, as fits into `cols` columns.
    pub(super) fn prefix(&self, cols: u16) -> &str {
        let mut cells = self.cells();
        let mut columns = 0;
        loop {
            let before = cells.rest;
            match cells.next() {
                Some(cell) => columns += if cell.width == Width::Wide { 2 } else { 1 },
                None => return &self.text,
            }
            if columns > cols {
                return &self.text[..self.text.len() - before.len()];
            }
        }
    }

    fn cost(&self) -> usize {
        self.text.len() + OVERHEAD
    }
}

/// The cells of a line. See [`Line::cells`].
#[derive(Debug, Clone)]
pub struct Cells<'a> {
    rest: &'a str,
    style: Style,
}

impl<'a> Iterator for Cells<'a> {
    type Item = Cell<'a>;

    fn next(&mut self) -> Option<Cell<'a>> {
        while let Some(sequence) = self.rest.strip_prefix("\x1b[") {
            let (parameters, rest) = sequence.split_once('m').unwrap_or((sequence, ""));
            apply(&mut self.style, parameters);
            self.rest = rest;
        }
        let first = self.rest.chars().next()?;
        let end = self.rest[first.len_utf8()..]
            .char_indices()
            .find(|(_, c)| *c == '\x1b' || c.width() != Some(0))
            .map_or(self.rest.len(), |(index, _)| index + first.len_utf8());
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        let wide = first.width().unwrap_or(1) > 1 || (text.len() > first.len_utf8() && text.width() > 1);
        let width = if wide { Width::Wide } else { Width::Narrow };
        Some(Cell { text: readable(text), style: self.style, width })
    }
}

/// Applies the SGR parameters that a captured row can hold.
fn apply(style: &mut Style, parameters: &str) {
    let mut numbers = parameters.split(';').map(|number| number.parse::<u8>().unwrap_or(0));
    while let Some(number) = numbers.next() {
        match number {
            0 => *style = Style::default(),
            1 => (style.bold, style.dim) = (true, false),
            2 => (style.bold, style.dim) = (false, true),
            22 => (style.bold, style.dim) = (false, false),
            3 | 23 => style.italic = number == 3,
            4 | 24 => style.underline = number == 4,
            7 | 27 => style.inverse = number == 7,
            30..=37 => style.foreground = Color::Indexed(number - 30),
            38 => style.foreground = extended(&mut numbers),
            39 => style.foreground = Color::Default,
            40..=47 => style.background = Color::Indexed(number - 40),
            48 => style.background = extended(&mut numbers),
            49 => style.background = Color::Default,
            90..=97 => style.foreground = Color::Indexed(number - 82),
            100..=107 => style.background = Color::Indexed(number - 92),
            _ => {}
        }
    }
}

fn extended(numbers: &mut impl Iterator<Item = u8>) -> Color {
    let mut next = || numbers.next().unwrap_or(0);
    if next() == 5 { Color::Indexed(next()) } else { Color::Rgb(next(), next(), next()) }
}

/// Without the spaces at the end that cannot be seen.
fn trimmed(text: &str) -> &str {
    const RESET: &str = "\x1b[m";
    match text.rfind('\x1b') {
        None => text.trim_end_matches(' '),
        Some(last) if text[last..].starts_with(RESET) => {
            let trimmed = text.trim_end_matches(' ');
            // The reset itself is of no use when nothing follows.
            if trimmed.len() == last + RESET.len() { &text[..last] } else { trimmed }
        }
        Some(_) => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line {
        let mut scrollback = Scrollback::default();
        scrollback.push(text, false);
        scrollback.newest(0).expect("just pushed").clone()
    }

    #[test]
    fn keeps_the_newest_within_both_bounds() {
        let mut few = Scrollback::new(3, MAX_BYTES);
        for number in 0..10 {
            few.push(&number.to_string(), false);
        }
        let kept: Vec<_> = (0..few.len()).filter_map(|index| few.newest(index)).map(Line::plain).collect();
        assert_eq!(kept, ["9", "8", "7"]);
        assert!(few.newest(3).is_none());

        let mut small = Scrollback::new(MAX_LINES, 1_000);
        for _ in 0..100 {
            small.push(&"x".repeat(60), false);
            assert!(small.bytes() <= 1_000);
        }
        assert_eq!(small.len(), 1_000 / (60 + OVERHEAD));
        small.take_newest(usize::MAX);
        assert_eq!((small.len(), small.bytes()), (0, 0));
    }

    #[test]
    fn invisible_ends_are_not_kept() {
        for (text, stored) in [
            ("a  ", "a"),
            ("\x1b[31ma\x1b[m   ", "\x1b[31ma"),
            ("\x1b[31ma\x1b[m b  ", "\x1b[31ma\x1b[m b"),
            ("\x1b[41ma   ", "\x1b[41ma   "),
            ("   ", ""),
        ] {
            assert_eq!(&*line(text).text, stored);
        }
    }

    #[test]
    fn cells_come_back_as_they_were() {
        let line =
            line("a\x1b[1;31;48;5;200me\u{301}\x1b[m日\x1b[38;2;1;2;3m\u{10fffd}☺\u{fe0f}\x1b[4;7;22mz");
        let cells: Vec<_> = line.cells().collect();
        let texts: Vec<_> = cells.iter().map(|cell| cell.text).collect();
        assert_eq!(texts, ["a", "e\u{301}", "日", "\u{fffd}", "☺\u{fe0f}", "z"]);
        let wide: Vec<_> = cells.iter().map(|cell| cell.width == Width::Wide).collect();
        assert_eq!(wide, [false, false, true, false, true, false]);
        let red = Color::Indexed(1);
        let pink = Color::Indexed(200);
        assert_eq!(
            cells[1].style,
            Style { foreground: red, background: pink, bold: true, ..Style::default() }
        );
        assert_eq!(cells[2].style, Style::default());
        let last =
            Style { foreground: Color::Rgb(1, 2, 3), underline: true, inverse: true, ..Style::default() };
        assert_eq!(cells[5].style, last);
    }

    #[test]
    fn a_prefix_fits() {
        let line = line("\x1b[31mab\x1b[m日c");
        assert_eq!(line.prefix(1), "\x1b[31ma");
        assert_eq!(line.prefix(3), "\x1b[31mab");
        assert_eq!(line.prefix(4), "\x1b[31mab\x1b[m日");
        assert_eq!(line.prefix(80), "\x1b[31mab\x1b[m日c");
    }
}
