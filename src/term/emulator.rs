//! The screen: the one place that names the `vt100` crate. It is fed what [`super::dialect`] leaves of the remote's bytes, and
//! hands out cells, cursor and modes in our own types.
//!
//! The crate is used with no scrollback of its own (32 bytes a cell): rows that leave the main screen at the top are
//! written into [`Scrollback`] instead. Facts about it were read from and tried on `vt100` 0.18.1.

use std::fmt;
use std::num::NonZeroU16;

use vt100::capture::{BasicFormattedCaptureState, RowContents};

use super::carried::{self, Links};
use super::cell::{Cell, Color, Style, Width};
use super::scrollback::{Kind, Row, Scrollback, write_style};
use super::{CursorShape, InputModes, MouseEncoding, MouseMode, Size};

/// Stands on the screen for U+FFFD, which the crate refuses to draw: a code point that no program has a use for.
pub const REPLACEMENT: char = '\u{10fffd}';

/// A screen over `vt100`.
pub struct Emulator {
    parser: vt100::Parser<Sink>,
}

impl Emulator {
    /// An empty screen of `size`; lines that leave it go to `scrollback`.
    #[must_use]
    pub fn new(size: Size, scrollback: Scrollback) -> Self {
        let (rows, cols) = nonzero(size);
        let sink = Sink { scrollback, text: String::new(), missing: 0, links: Links::default() };
        Self { parser: vt100::Parser::new_with_callbacks(rows, cols, 0, sink) }
    }

    /// Draws text and executes sequences; whole ones only.
    pub fn process(&mut self, bytes: &[u8]) {
        self.parser.process(bytes);
    }

    /// Changes the size. A screen that grows in height gets the lines back that left it last, as in xterm and tmux.
    pub fn resize(&mut self, size: Size) {
        let (rows, cols) = nonzero(size);
        let before = self.size();
        if size == before {
            return;
        }
        // A screen that grows is given a blank row at the top by the crate for every row that ever left, and its cursor
        // moves down with them: that tells how many there are to fill.
        let cursor = self.on_main(|emulator| emulator.cursor_position().0);
        self.parser.set_size(rows, cols);
        if size.rows > before.rows {
            let pulled = self.on_main(|emulator| emulator.cursor_position().0).saturating_sub(cursor);
            self.pull(pulled);
        }
    }

    /// Draws the newest `count` rows of the scrollback into the top rows of the main screen. Where fewer are kept, the rest
    /// stays blank, and is not stored when it leaves once more.
    fn pull(&mut self, count: u16) {
        let cols = self.size().cols;
        let sink = self.parser.callbacks_mut();
        let kept = sink.scrollback.len();
        let first = kept.saturating_sub(usize::from(count));
        let missing = count.saturating_sub(u16::try_from(kept - first).unwrap_or(count));
        sink.missing = sink.missing.saturating_add(missing);
        let mut bytes = String::new();
        let mut joined = false;
        for (index, at) in (first..kept).zip(missing.saturating_add(1)..) {
            // A resize has just reset the scroll region, so positions count from the top even in origin mode. A row that fills the
            // screen and goes on is left by the margin, so that the crate, too, knows of it.
            if !joined {
                bytes.push_str(&format!("\x1b[{at};1H"));
            }
            joined = sink.redraw(index, cols, &mut bytes) && index + 1 < kept;
        }
        sink.scrollback.forget_newest(kept - first);
        if bytes.is_empty() {
            return;
        }
        self.on_main(|emulator| {
            let (row, col) = emulator.cursor_position();
            let attributes = emulator.parser.screen().attributes_formatted();
            bytes.push_str(&format!("\x1b[{};{}H{attributes}", row + 1, col + 1));
            emulator.process(bytes.as_bytes());
        });
    }

    /// Does something with the main screen active, whichever is shown.
    fn on_main<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        let alternate = self.alternate_screen();
        if alternate {
            self.process(b"\x1b[?47l");
        }
        let done = work(self);
        if alternate {
            self.process(b"\x1b[?47h");
        }
        done
    }

    /// Rows and columns.
    #[must_use]
    pub fn size(&self) -> Size {
        let (rows, cols) = self.parser.screen().size();
        Size { rows: rows.get(), cols: cols.get() }
    }

    /// Row and column of the cursor. The column is one past the last while the next character is going to wrap.
    #[must_use]
    pub fn cursor_position(&self) -> (u16, u16) {
        self.parser.screen().cursor_position()
    }

    /// Whether the cursor is shown.
    #[must_use]
    pub fn cursor_visible(&self) -> bool {
        !self.parser.screen().hide_cursor()
    }

    /// What the cursor looks like.
    #[must_use]
    pub fn cursor_shape(&self) -> CursorShape {
        match self.parser.screen().cursor_style() {
            vt100::CursorStyle::Default => CursorShape::Default,
            vt100::CursorStyle::BlinkBlock => CursorShape::BlinkingBlock,
            vt100::CursorStyle::SteadyBlock => CursorShape::SteadyBlock,
            vt100::CursorStyle::BlinkUnderline => CursorShape::BlinkingUnderline,
            vt100::CursorStyle::SteadyUnderline => CursorShape::SteadyUnderline,
            vt100::CursorStyle::BlinkVerticalBar => CursorShape::BlinkingBar,
            vt100::CursorStyle::SteadyVerticalBar => CursorShape::SteadyBar,
        }
    }

    /// Whether the alternate screen is shown.
    #[must_use]
    pub fn alternate_screen(&self) -> bool {
        self.parser.screen().alternate_screen()
    }

    /// The modes that the crate keeps; those that the dialect keeps are left at their defaults.
    #[must_use]
    pub fn input_modes(&self) -> InputModes {
        let screen = self.parser.screen();
        InputModes {
            application_cursor: screen.application_cursor(),
            application_keypad: screen.application_keypad(),
            bracketed_paste: screen.bracketed_paste(),
            alternate_screen: screen.alternate_screen(),
            mouse: match screen.mouse_protocol_mode() {
                vt100::MouseProtocolMode::None => MouseMode::None,
                vt100::MouseProtocolMode::Press => MouseMode::Press,
                vt100::MouseProtocolMode::PressRelease => MouseMode::PressRelease,
                vt100::MouseProtocolMode::ButtonMotion => MouseMode::ButtonMotion,
                vt100::MouseProtocolMode::AnyMotion => MouseMode::AnyMotion,
            },
            mouse_encoding: match screen.mouse_protocol_encoding() {
                vt100::MouseProtocolEncoding::Default => MouseEncoding::Default,
                vt100::MouseProtocolEncoding::Utf8 => MouseEncoding::Utf8,
                vt100::MouseProtocolEncoding::Sgr => MouseEncoding::Sgr,
            },
            ..InputModes::default()
        }
    }

    /// The cell at a position; none outside of the screen.
    #[must_use]
    pub fn cell(&self, row: u16, col: u16) -> Option<Cell<'_>> {
        let cell = self.parser.screen().cell(row, col)?;
        let (text, carried) = carried::split(cell.contents());
        Some(Cell {
            text: readable(text),
            style: carried.complete(style(cell)),
            width: match (cell.is_wide(), cell.is_wide_continuation()) {
                (_, true) => Width::Continuation,
                (true, false) => Width::Wide,
                (false, false) => Width::Narrow,
            },
        })
    }

    /// A cell, and what has to be drawn to have it once more.
    #[must_use]
    pub fn drawn(&self, row: u16, col: u16) -> Option<(&str, Cell<'_>)> {
        let drawn = self.parser.screen().cell(row, col)?.contents();
        Some((drawn, self.cell(row, col)?))
    }

    /// Whether selective erasure leaves a cell.
    #[must_use]
    pub fn is_protected(&self, row: u16, col: u16) -> bool {
        let screen = self.parser.screen();
        let continues = screen.cell(row, col).is_some_and(vt100::Cell::is_wide_continuation);
        let base = if continues { col.saturating_sub(1) } else { col };
        screen.cell(row, base).is_some_and(|cell| carried::split(cell.contents()).1.is_protected())
    }

    /// The rows of the screen as text, without the spaces at their ends.
    pub fn rows(&self) -> impl Iterator<Item = String> + '_ {
        self.parser.screen().rows(0, self.size().cols).map(|mut row| {
            row.truncate(row.trim_end_matches(' ').len());
            // The first bytes of what stands for something else.
            if row.bytes().any(|byte| matches!(byte, 0xf3 | 0xf4)) {
                row.retain(|c| !carried::is_mark(c));
                row = row.replace(REPLACEMENT, "\u{fffd}");
            }
            row
        })
    }

    /// The rows that left the main screen, and behind them those of the screen that is shown: they stand still from here on.
    #[must_use]
    pub fn freeze(&self) -> Scrollback {
        let mut rows = self.scrollback().unbounded();
        let links = &self.parser.callbacks().links;
        let screen = self.parser.screen();
        for row in 0..self.size().rows {
            rows.write(usize::from(self.size().cols), |writer| {
                let mut kind = Kind { wrapped: screen.row_wrapped(row), prompt: false };
                // Blank columns count once something stands behind them.
                let mut blank: u16 = 0;
                let last = self.size().cols - 1;
                for (col, cell) in (0..=last).filter_map(|col| Some((col, screen.cell(row, col)?))) {
                    if cell.is_wide_continuation() {
                        continue;
                    }
                    let style = style(cell);
                    if !cell.has_contents() && style == Style::default() {
                        blank += 1;
                        continue;
                    }
                    for _ in 0..std::mem::take(&mut blank) {
                        writer.push(" ", Style::default(), None);
                    }
                    let (text, carried) = carried::split(cell.contents());
                    if carried.spacer && kind.wrapped && col == last {
                        continue;
                    }
                    kind.prompt |= carried.prompt;
                    let text = if text.is_empty() { " " } else { readable(text) };
                    writer.push(
                        text,
                        carried.complete(style),
                        carried.link.and_then(|number| links.target(number)),
                    );
                }
                // A row that was written over since, and does not reach the margin any more, goes on in no other.
                kind.wrapped &= blank == 0;
                kind
            });
        }
        rows
    }

    /// The mark that each character of a link to `target` is to be followed by.
    pub fn link(&mut self, target: &str) -> char {
        self.parser.callbacks_mut().links.mark(target)
    }

    /// The lines that left the main screen.
    #[must_use]
    pub fn scrollback(&self) -> &Scrollback {
        &self.parser.callbacks().scrollback
    }

    /// Forgets the lines that left the main screen.
    pub fn clear_scrollback(&mut self) {
        let sink = self.parser.callbacks_mut();
        sink.scrollback.clear();
        sink.missing = 0;
        // The crate's own count of rows that left, which says how many to put back when the screen grows.
        self.on_main(|emulator| emulator.process(b"\x1b[3J"));
    }
}

/// What a program meant to write, of what is kept in a cell.
#[must_use]
pub fn readable(text: &str) -> &str {
    // 0xf4 starts the code points of the last plane only, so that ordinary text costs a comparison of one byte.
    if text.as_bytes().first() == Some(&0xf4) && text.starts_with(REPLACEMENT) { "\u{fffd}" } else { text }
}

fn nonzero(size: Size) -> (NonZeroU16, NonZeroU16) {
    (
        NonZeroU16::new(size.rows).unwrap_or(NonZeroU16::MIN),
        NonZeroU16::new(size.cols).unwrap_or(NonZeroU16::MIN),
    )
}

fn style(cell: &vt100::Cell) -> Style {
    Style {
        foreground: color(cell.fgcolor()),
        background: color(cell.bgcolor()),
        bold: cell.bold(),
        dim: cell.dim(),
        italic: cell.italic(),
        underline: cell.underline(),
        inverse: cell.inverse(),
        ..Style::default()
    }
}

fn color(color: vt100::Color) -> Color {
    match color {
        vt100::Color::Default => Color::Default,
        vt100::Color::Idx(index) => Color::Indexed(index),
        vt100::Color::Rgb(r, g, b) => Color::Rgb(r, g, b),
    }
}

/// Takes the rows that leave the screen.
struct Sink {
    scrollback: Scrollback,
    /// Where a row is written before it is stored: one buffer for all.
    text: String,
    /// Blank rows on the main screen that stand for lines that are no longer kept.
    missing: u16,
    /// Where the links lead to that are on the screen.
    links: Links,
}

impl Sink {
    /// Adds what draws a stored row again, as far as it fits into `cols` columns; whether it fills them and goes on in the next row.
    /// A column that is too few for the wide character there is filled.
    fn redraw(&mut self, index: usize, cols: u16, out: &mut String) -> bool {
        let Some(row) = self.scrollback.row(index) else { return false };
        let mut cells = row.cells();
        let (mut columns, mut style) = (0, None);
        let mut prompt = row.kind().prompt;
        let mut fits = true;
        while let Some(cell) = cells.next() {
            columns += if cell.width == Width::Wide { 2 } else { 1 };
            if columns > cols {
                fits = false;
                break;
            }
            if style != Some(cell.style) {
                style = Some(cell.style);
                write_style(cell.style, out);
            }
            out.push_str(if cell.text == "\u{fffd}" { "\u{10fffd}" } else { cell.text });
            out.extend(carried::mark_of(cell.style, false));
            out.extend(cells.link().map(|target| self.links.mark(target)));
            out.extend(std::mem::take(&mut prompt).then_some(carried::PROMPT));
        }
        if !fits || !row.kind().wrapped {
            return false;
        }
        let wide = |row: Row<'_>| row.cells().next().is_some_and(|cell| cell.width == Width::Wide);
        if columns + 1 == cols && self.scrollback.row(index + 1).is_some_and(wide) {
            write_style(Style::default(), out);
            out.extend([' ', carried::SPACER]);
            columns += 1;
        }
        columns == cols
    }
}

impl vt100::Callbacks for Sink {
    fn on_scroll(&mut self, row: RowContents<'_>, alternate_screen: bool) {
        if alternate_screen {
            return;
        }
        self.text.clear();
        let mut state = BasicFormattedCaptureState::new();
        let written = row.write_formatted_basic(&mut self.text, &mut state);
        debug_assert!(written.is_ok(), "a String takes everything");
        if self.missing > 0 {
            self.missing -= 1;
            if self.text.is_empty() {
                return;
            }
        }
        let wrapped = !ends_line(&row, state);
        self.scrollback.push(&self.text, wrapped, &self.links);
    }
}

/// Whether a row that was written ends a line, or continues in the next row. The state knows, and shows it only by what it
/// writes first when it is used again.
fn ends_line(row: &RowContents<'_>, mut state: BasicFormattedCaptureState) -> bool {
    struct First(bool);
    impl fmt::Write for First {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0 = text.starts_with('\n');
            Err(fmt::Error)
        }
    }
    let mut first = First(false);
    // The error is the writer's own, to stop after the first piece.
    let _ = row.write_formatted_basic(&mut first, &mut state);
    first.0
}
