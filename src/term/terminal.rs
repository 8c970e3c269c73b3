//! The terminal as the app sees it: dialect and emulator in one.

use super::cell::Cell;
use super::dialect::Dialect;
use super::emulator::Emulator;
use super::palette::{Own, Palette};
use super::scrollback::Scrollback;
use super::{Cursor, InputModes, Size};

/// What came of feeding bytes, beside the screen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fed {
    /// Answers to the remote's questions: to be sent to it as input, never to the user's own terminal.
    pub answers: Vec<u8>,
    /// The bell rang.
    pub bell: bool,
    /// [`Terminal::title`] says something new.
    pub title_changed: bool,
    /// The last that the remote wants on the user's clipboard. Whether it may is for others to say.
    pub clipboard: Option<Clipboard>,
}

/// What a remote wants on the user's clipboard.
#[derive(Clone, PartialEq, Eq)]
pub enum Clipboard {
    /// This text; without controls but tabs and line ends.
    Text(String),
    /// More than is taken.
    TooLong,
    /// Something that is no text.
    NoText,
}

impl std::fmt::Debug for Clipboard {
    /// Without the text: what a session shows is in no log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::TooLong => f.write_str("TooLong"),
            Self::NoText => f.write_str("NoText"),
        }
    }
}

/// What of the screen may look different than before; the cursor apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Touched {
    /// Nothing.
    #[default]
    Nothing,
    /// This row.
    Row(u16),
    /// Whatever is on it.
    Anything,
}

impl Touched {
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nothing, touched) | (touched, Self::Nothing) => touched,
            (one, other) if one == other => one,
            _ => Self::Anything,
        }
    }
}

/// A terminal that a remote program writes to.
pub struct Terminal {
    emulator: Emulator,
    dialect: Dialect,
    touched: Touched,
}

impl Terminal {
    /// An empty terminal.
    #[must_use]
    pub fn new(size: Size) -> Self {
        Self::with_scrollback(size, Scrollback::default())
    }

    /// An empty terminal with its own bounds for the lines that leave it.
    #[must_use]
    pub fn with_scrollback(size: Size, scrollback: Scrollback) -> Self {
        let size = size.at_least_one();
        let emulator = Emulator::new(size, scrollback);
        Self { emulator, dialect: Dialect::new(size), touched: Touched::Nothing }
    }

    /// Takes what the remote wrote. Pieces may be cut anywhere, also inside of a character or a sequence.
    pub fn feed(&mut self, bytes: &[u8]) -> Fed {
        let mut fed = Fed::default();
        if !bytes.is_empty() {
            let row = self.dialect.only_row(&self.emulator, bytes);
            self.touched = self.touched.and(row.map_or(Touched::Anything, Touched::Row));
        }
        self.dialect.feed(&mut self.emulator, bytes, &mut fed);
        fed
    }

    /// Changes the size; what does not fit is cut, lines that leave at the top go to the scrollback.
    pub fn resize(&mut self, size: Size) {
        let size = size.at_least_one();
        if size != self.size() {
            self.emulator.resize(size);
            self.dialect.resize(size);
            self.touched = Touched::Anything;
        }
    }

    /// What was touched since [`Terminal::take_touched`].
    #[must_use]
    pub fn touched(&self) -> Touched {
        self.touched
    }

    /// The same, and from here on anew.
    pub fn take_touched(&mut self) -> Touched {
        std::mem::take(&mut self.touched)
    }

    /// Rows and columns.
    #[must_use]
    pub fn size(&self) -> Size {
        self.emulator.size()
    }

    /// The title that the remote set; empty when it set none.
    #[must_use]
    pub fn title(&self) -> &str {
        self.dialect.title()
    }

    /// Tells whether the user's terminal tells keys apart that have the same bytes in the legacy encoding: only then does the remote
    /// get one of the newer encodings when it asks.
    pub fn set_enhanced_keys(&mut self, enhanced: bool) {
        self.dialect.set_enhanced_keys(enhanced);
    }

    /// Tells what colours the user's own terminal has, for programs that ask.
    pub fn set_own_colours(&mut self, own: Option<Own>) {
        self.dialect.set_own_colours(own);
    }

    /// The colours that the remote set: what the cells' colours are to be shown as.
    #[must_use]
    pub fn palette(&self) -> &Palette {
        self.dialect.palette()
    }

    /// While the remote is in the midst of a change that it wants to be seen at once (`? 2026`): a number, another for each
    /// such change. The screen should not be drawn until it is over, within reason.
    #[must_use]
    pub fn synchronized(&self) -> Option<u32> {
        self.dialect.synchronized()
    }

    /// What the encoders of [`super::input`] need to know.
    #[must_use]
    pub fn input_modes(&self) -> InputModes {
        self.dialect.input_modes(&self.emulator)
    }

    /// The cursor; none while it is hidden.
    #[must_use]
    pub fn cursor(&self) -> Option<Cursor> {
        self.emulator.cursor_visible().then(|| {
            let (row, col) = self.dialect.cursor(&self.emulator);
            Cursor { row, col, shape: self.emulator.cursor_shape() }
        })
    }

    /// A cell of the screen; none outside of it.
    #[must_use]
    pub fn cell(&self, row: u16, col: u16) -> Option<Cell<'_>> {
        let mut cell = self.emulator.cell(row, col)?;
        cell.style.inverse ^= self.dialect.reversed();
        Some(cell)
    }

    /// Whether the alternate screen is shown, which has no scrollback.
    #[must_use]
    pub fn alternate_screen(&self) -> bool {
        self.emulator.alternate_screen()
    }

    /// How many rows are kept above the screen.
    #[must_use]
    pub fn scrollback_len(&self) -> usize {
        self.emulator.scrollback().len()
    }

    /// All rows that can be looked at, those on the screen last. They stand still from here on.
    #[must_use]
    pub fn freeze(&self) -> Scrollback {
        self.emulator.freeze()
    }

    /// How many rows have left the screen, whether they are still kept or not.
    #[must_use]
    pub fn rows_left(&self) -> u64 {
        self.emulator.scrollback().total()
    }

    /// The rows of the screen as text, without spaces at their ends and empty rows at the bottom.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for row in self.emulator.rows() {
            text.push_str(&row);
            text.push('\n');
        }
        text.truncate(text.trim_end_matches('\n').len());
        text
    }

    #[cfg(test)]
    pub(super) fn dialect_titles(&self) -> usize {
        self.dialect.titles()
    }
}
