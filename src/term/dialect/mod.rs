//! The translator in front of `vt100`: what the crate knows passes as it is, what it does not know is rewritten into what it
//! does, and what nobody may see is left out. It has to come before: the crate's callbacks can look at the screen, but not
//! change it.
//!
//! ```text
//!  bytes ─► split ─┬─ text ───────────────► translate ─► out ─► emulator
//!                  └─ sequences ─► vte ─────►    │
//!                                                └─► answers, bell, title
//! ```
//!
//! Ordinary text, and the sequences that ordinary programs use most, are copied through without being taken apart.

mod charset;
mod mode;
mod rendition;
mod reply;
mod split;
mod tab;
mod translate;

use super::emulator::Emulator;
use super::{Fed, InputModes, Size};
use charset::Charsets;
use rendition::Rendition;
use split::{Piece, Splitter};
use tab::TabStops;
use translate::Translator;

/// What the translator keeps from one piece of input to the next.
pub struct Dialect {
    splitter: Splitter,
    parser: vte::Parser,
    state: State,
}

impl Dialect {
    /// For an empty screen of that size.
    #[must_use]
    pub fn new(size: Size) -> Self {
        Self { splitter: Splitter::default(), parser: vte::Parser::new(), state: State::new(size) }
    }

    /// Takes bytes of the remote, cut anywhere; draws on `emulator`, and adds to `fed` what is for others.
    pub fn feed(&mut self, emulator: &mut Emulator, bytes: &[u8], fed: &mut Fed) {
        let Self { splitter, parser, state } = self;
        let mut translator = Translator::new(state, emulator, fed);
        let mut rest = bytes;
        while !rest.is_empty() {
            if splitter.in_ground()
                && let Some(length) = translator.pass(rest)
            {
                rest = &rest[length..];
                continue;
            }
            let (piece, length) = splitter.next(rest);
            match piece {
                Piece::Text(text) => translator.text(text),
                Piece::Character(c) => translator.character(c),
                // The two bytes for which a C1 control stands in UTF-8.
                Piece::Control(second) => parser.advance(&mut translator, &[0x1b, second]),
                Piece::Sequence(part) => parser.advance(&mut translator, part),
                Piece::Nothing => {}
            }
            rest = &rest[length..];
        }
        translator.flush();
    }

    /// Follows the emulator to a new size.
    pub fn resize(&mut self, size: Size) {
        self.state.resize(size);
    }

    /// The title that the remote set.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.state.title
    }

    #[cfg(test)]
    pub(super) fn titles(&self) -> usize {
        self.state.titles.len()
    }

    /// The modes of the emulator, with those that are kept here.
    #[must_use]
    pub fn input_modes(&self, emulator: &Emulator) -> InputModes {
        InputModes {
            newline: self.state.newline,
            focus: self.state.focus,
            alternate_scroll: self.state.alternate_scroll,
            ..emulator.input_modes()
        }
    }
}

/// The part of a terminal's state that `vt100` does not have, or does not tell.
struct State {
    size: Size,
    /// What goes to the emulator, until somebody needs to know where the cursor is.
    out: Vec<u8>,
    charsets: Charsets,
    tabs: TabStops,
    rendition: Rendition,
    /// IRM: characters push those behind them to the right.
    insert: bool,
    /// LNM: a line feed is also a carriage return.
    newline: bool,
    /// DECAWM.
    autowrap: bool,
    focus: bool,
    alternate_scroll: bool,
    /// The last character drawn, for REP.
    last: char,
    /// Whether the alternate screen is shown.
    alternate: bool,
    /// Main and alternate.
    screens: [ScreenState; 2],
    title: String,
    /// Titles that the remote put aside (`CSI 22 t`).
    titles: Vec<String>,
}

impl State {
    fn new(size: Size) -> Self {
        Self {
            size,
            out: Vec::new(),
            charsets: Charsets::default(),
            tabs: TabStops::new(size.cols),
            rendition: Rendition::default(),
            insert: false,
            newline: false,
            autowrap: true,
            focus: false,
            alternate_scroll: true,
            last: ' ',
            alternate: false,
            screens: [ScreenState::new(size); 2],
            title: String::new(),
            titles: Vec::new(),
        }
    }

    fn resize(&mut self, size: Size) {
        self.size = size;
        self.tabs.resize(size.cols);
        // As the crate does, and xterm.
        for screen in &mut self.screens {
            (screen.top, screen.bottom) = (1, size.rows);
        }
    }

    fn screen(&mut self) -> &mut ScreenState {
        &mut self.screens[usize::from(self.alternate)]
    }

    /// Whether text can go to the emulator as it is.
    fn is_plain(&self) -> bool {
        self.autowrap
            && !self.insert
            && !self.newline
            && !self.rendition.hidden
            && self.charsets.is_ascii()
            && self.tabs.is_default()
    }
}

/// What each of the two screens has of its own.
#[derive(Clone, Copy)]
struct ScreenState {
    /// DECOM: positions count from the top of the scroll region.
    origin: bool,
    /// The scroll region's rows, from 1.
    top: u16,
    bottom: u16,
    saved: Saved,
}

impl ScreenState {
    fn new(size: Size) -> Self {
        Self { origin: false, top: 1, bottom: size.rows, saved: Saved::default() }
    }
}

/// What DECSC saves beside the cursor's position, which the crate saves.
#[derive(Clone, Copy, Default)]
struct Saved {
    origin: bool,
    charsets: Charsets,
    rendition: Rendition,
}

#[cfg(test)]
mod tests;
