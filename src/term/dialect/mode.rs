//! The modes that a remote sets and resets: who keeps each, and how DECRQM is answered.

use super::super::Size;
use super::super::emulator::Emulator;
use super::translate::Translator;
use super::{Rendition, ScreenState, State};

/// A mode that is set or reset, or asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    /// `h`.
    Set,
    /// `l`.
    Reset,
}

impl Switch {
    fn is_set(self) -> bool {
        self == Self::Set
    }

    fn letter(self) -> char {
        if self.is_set() { 'h' } else { 'l' }
    }
}

impl Translator<'_> {
    /// `CSI … h` and `CSI … l`.
    pub(super) fn ansi_mode(&mut self, mode: u16, switch: Switch) {
        match mode {
            4 => self.state.insert = switch.is_set(),
            20 => self.state.newline = switch.is_set(),
            _ => {}
        }
    }

    /// `CSI ? … h` and `CSI ? … l`.
    pub(super) fn private_mode(&mut self, mode: u16, switch: Switch) {
        match mode {
            1 | 9 | 25 | 1000 | 1002 | 1003 | 1005 | 1006 | 2004 => {
                self.emit(format_args!("\x1b[?{mode}{}", switch.letter()))
            }
            6 => {
                self.state.screen().origin = switch.is_set();
                self.emit(format_args!("\x1b[?6{}", switch.letter()));
            }
            7 => self.state.autowrap = switch.is_set(),
            47 | 1047 | 1049 => self.alternate_screen(mode, switch),
            66 => self.emit(format_args!("\x1b{}", if switch.is_set() { '=' } else { '>' })),
            1004 => self.state.focus = switch.is_set(),
            1007 => self.state.alternate_scroll = switch.is_set(),
            1048 if switch.is_set() => self.save_cursor(),
            1048 => self.restore_cursor(),
            _ => {}
        }
    }

    /// The three ways to the alternate screen. The cursor stays where it is in all of them, as in xterm; 1049 saves and restores it
    /// and clears on the way in, 1047 clears on the way out.
    fn alternate_screen(&mut self, mode: u16, switch: Switch) {
        match (switch, self.state.alternate) {
            (Switch::Set, false) => {
                let (row, col) = self.cursor();
                if mode == 1049 {
                    self.save();
                    self.emit(format_args!("\x1b[?1049h"));
                    self.state.screens[1] = ScreenState::new(self.state.size);
                } else {
                    self.emit(format_args!("\x1b[?47h"));
                }
                self.state.alternate = true;
                self.emit(format_args!("\x1b[{};{}H", row + 1, col + 1));
            }
            (Switch::Reset, true) => {
                let (row, col) = self.cursor();
                if mode == 1047 {
                    self.emit(format_args!("\x1b[m\x1b[2J"));
                }
                self.emit(format_args!("\x1b[?47l"));
                self.state.alternate = false;
                if mode == 1049 {
                    self.restore_cursor();
                } else {
                    self.emit(format_args!("\x1b[{};{}H", row + 1, col + 1));
                    self.write_rendition();
                }
            }
            (Switch::Reset, false) if mode == 1049 => self.restore_cursor(),
            _ => {}
        }
    }

    /// DECSTR, `CSI ! p`: modes, margins and looks as at the start; the screen and the cursor stay.
    pub(super) fn soft_reset(&mut self) {
        let (row, col) = self.cursor();
        self.emit(format_args!(
            "\x1b[?25h\x1b[?1l\x1b>\x1b[?6l\x1b[r\x1b[m\x1b[H\x1b7\x1b[{};{}H",
            row + 1,
            col + 1
        ));
        let size = self.state.size;
        let state = &mut *self.state;
        *state.screen() = ScreenState::new(size);
        state.rendition = Rendition::default();
        state.charsets = Default::default();
        (state.insert, state.autowrap) = (false, true);
    }

    /// RIS, `ESC c`: everything as at the start, and the lines above are forgotten.
    pub(super) fn full_reset(&mut self) {
        self.emit(format_args!("\x1bc"));
        self.flush();
        self.emulator.clear_scrollback();
        let size = self.emulator.size();
        let out = std::mem::take(&mut self.state.out);
        self.fed.title_changed |= !self.state.title.is_empty();
        *self.state = State { out, ..State::new(size) };
    }

    /// DECRQM: `1` set, `2` reset, `0` not known. The number that comes back is a number.
    pub(super) fn report_mode(&mut self, private: bool, mode: u16) {
        self.flush();
        let set =
            if private { private_mode(self.state, self.emulator, mode) } else { ansi_mode(self.state, mode) };
        let value = match set {
            Some(true) => 1,
            Some(false) => 2,
            None => 0,
        };
        let mark = if private { "?" } else { "" };
        self.answer(format_args!("\x1b[{mark}{mode};{value}$y"));
    }
}

fn ansi_mode(state: &State, mode: u16) -> Option<bool> {
    match mode {
        4 => Some(state.insert),
        20 => Some(state.newline),
        _ => None,
    }
}

fn private_mode(state: &State, emulator: &Emulator, mode: u16) -> Option<bool> {
    use super::super::{MouseEncoding, MouseMode};
    let modes = emulator.input_modes();
    Some(match mode {
        1 => modes.application_cursor,
        6 => state.screens[usize::from(state.alternate)].origin,
        7 => state.autowrap,
        9 => modes.mouse == MouseMode::Press,
        25 => emulator.cursor_visible(),
        47 | 1047 | 1049 => state.alternate,
        66 => modes.application_keypad,
        1000 => modes.mouse == MouseMode::PressRelease,
        1002 => modes.mouse == MouseMode::ButtonMotion,
        1003 => modes.mouse == MouseMode::AnyMotion,
        1004 => state.focus,
        1005 => modes.mouse_encoding == MouseEncoding::Utf8,
        1006 => modes.mouse_encoding == MouseEncoding::Sgr,
        1007 => state.alternate_scroll,
        2004 => modes.bracketed_paste,
        _ => return None,
    })
}

/// The rows of a scroll region that is asked for; none if it is not one.
pub(super) fn region(size: Size, top: u16, bottom: u16) -> Option<(u16, u16)> {
    let top = top.max(1);
    let bottom = if bottom == 0 { size.rows } else { bottom.min(size.rows) };
    // On a screen of one row there is but one region.
    (top < bottom || (size.rows == 1 && top == 1)).then_some((top, bottom))
}
