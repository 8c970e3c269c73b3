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

mod capability;
mod charset;
mod keyboard;
mod margins;
mod mode;
mod osc;
mod rectangle;
mod rendition;
mod reply;
mod row;
mod split;
mod tab;
mod text;
mod translate;

use super::emulator::Emulator;
use super::palette::{Own, Palette};
use super::{Fed, InputModes, Size};
use charset::Charsets;
use keyboard::Keyboard;
use mode::Switch;
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
            if splitter.in_ground() {
                rest = &rest[translator.pass(rest)..];
                if rest.is_empty() {
                    break;
                }
            }
            let (piece, length) = splitter.next(rest);
            match piece {
                Piece::Text(text) => translator.text(text),
                Piece::Character(c) => translator.character(c),
                // The two bytes for which a C1 control stands in UTF-8.
                Piece::Control(second) => parser.advance(&mut translator, &[0x1b, second]),
                Piece::Sequence(part) => parser.advance(&mut translator, part),
                Piece::Request(setting) => translator.report_setting(&setting),
                Piece::Capabilities(names) => translator.report_capabilities(&names),
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

    /// Row and column in which the cursor is shown: in the last one, or at the right margin, while a wrap is due.
    #[must_use]
    pub fn cursor(&self, emulator: &Emulator) -> (u16, u16) {
        let (row, col) = emulator.cursor_position();
        (row, col.min(self.state.size.cols - 1) - u16::from(self.state.due))
    }

    /// Whether the user's terminal tells keys apart that have the same bytes in the legacy encoding.
    pub fn set_enhanced_keys(&mut self, enhanced: bool) {
        self.state.keyboard.enhanced = enhanced;
    }

    /// The colours of the user's own terminal.
    pub fn set_own_colours(&mut self, own: Option<Own>) {
        self.state.palette.set_own(own);
    }

    /// The colours that the remote set.
    #[must_use]
    pub fn palette(&self) -> &Palette {
        &self.state.palette
    }

    /// While the remote is in the midst of a change that it wants to be seen at once: a number for it.
    #[must_use]
    pub fn synchronized(&self) -> Option<u32> {
        self.state.synchronized
    }

    /// Whether the screen's two colours are exchanged (DECSCNM).
    #[must_use]
    pub fn reversed(&self) -> bool {
        self.state.reversed
    }

    /// The modes of the emulator, with those that are kept here.
    #[must_use]
    pub fn input_modes(&self, emulator: &Emulator) -> InputModes {
        InputModes {
            newline: self.state.newline,
            focus: self.state.focus,
            alternate_scroll: self.state.alternate_scroll,
            backspace_is_bs: self.state.backspace_is_bs,
            keys: self.state.keyboard.encoding(self.state.alternate),
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
    /// `? 45`: moving left goes on at the end of the row above.
    reverse_wrap: bool,
    /// `? 40`: DECCOLM clears the screen, as it would where it changed the width.
    column_switch: bool,
    /// DECLRMM: there are margins at left and right.
    side_margins: bool,
    /// A wrap is due at a right margin before the last column; the cursor stands one column behind it.
    due: bool,
    focus: bool,
    alternate_scroll: bool,
    keyboard: Keyboard,
    palette: Palette,
    /// Synchronised output (`? 2026`) is on: the number of this change.
    synchronized: Option<u32>,
    /// How many changes there were.
    synchronizations: u32,
    /// DECSCNM: the screen's two colours are exchanged.
    reversed: bool,
    /// DECBKM: the backspace key sends BS.
    backspace_is_bs: bool,
    /// Modes that the remote put aside (`CSI ? … s`), each once.
    saved_modes: Vec<(u16, Switch)>,
    /// The last character drawn, for REP.
    last: char,
    /// The mark of the link that is drawn.
    link: Option<char>,
    /// The next character begins a prompt.
    prompt_due: bool,
    /// There are, or were, cells with marks behind their characters: what combines with them has to be looked at.
    marked: bool,
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
            reverse_wrap: false,
            column_switch: false,
            side_margins: false,
            due: false,
            focus: false,
            alternate_scroll: true,
            keyboard: Keyboard::default(),
            palette: Palette::default(),
            synchronized: None,
            synchronizations: 0,
            reversed: false,
            backspace_is_bs: false,
            saved_modes: Vec::new(),
            last: ' ',
            link: None,
            prompt_due: false,
            marked: false,
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
            *screen = ScreenState { origin: screen.origin, saved: screen.saved, ..ScreenState::new(size) };
        }
        self.due = false;
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
            && self.link.is_none()
            && !self.prompt_due
            && self.rendition.mark().is_none()
            && self.charsets.is_ascii()
            && self.tabs.is_default()
            && !self.side_margins
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
    /// The margins' columns, from 1, as far as [`State::side_margins`] lets them count.
    left: u16,
    right: u16,
    saved: Saved,
}

impl ScreenState {
    fn new(size: Size) -> Self {
        Self { origin: false, top: 1, bottom: size.rows, left: 1, right: size.cols, saved: Saved::default() }
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
mod margins_tests;
#[cfg(test)]
mod stream_tests;
#[cfg(test)]
mod tests;
