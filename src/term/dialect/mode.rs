//! The modes that a remote sets and resets: who keeps each, and how DECRQM is answered.

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
                self.address(Some(1), Some(1));
            }
            7 => self.state.autowrap = switch.is_set(),
            3 if self.state.column_switch => self.switch_columns(),
            40 => self.state.column_switch = switch.is_set(),
            5 => self.state.reversed = switch.is_set(),
            12 => self.blinking_cursor(switch),
            67 => self.state.backspace_is_bs = switch.is_set(),
            45 => self.state.reverse_wrap = switch.is_set(),
            69 => self.side_margins(switch),
            47 | 1047 | 1049 => self.alternate_screen(mode, switch),
            66 => self.emit(format_args!("\x1b{}", if switch.is_set() { '=' } else { '>' })),
            1004 => self.state.focus = switch.is_set(),
            1007 => self.state.alternate_scroll = switch.is_set(),
            2026 => self.synchronize(switch),
            1048 if switch.is_set() => self.save_cursor(),
            1048 => self.restore_cursor(),
            _ => {}
        }
    }

    /// Synchronised output: the screen is not to be shown until it is reset. Whoever shows it sets an end to that.
    fn synchronize(&mut self, switch: Switch) {
        self.state.synchronized = switch.is_set().then(|| {
            // Set once more, it is still the same change.
            let new = self.state.synchronized.is_none();
            self.state.synchronizations = self.state.synchronizations.wrapping_add(u32::from(new));
            self.state.synchronizations
        });
    }

    /// DECCOLM, where `? 40` allows it: the screen keeps the window's columns, but all that comes with the change is done.
    fn switch_columns(&mut self) {
        self.side_margins(Switch::Reset);
        self.set_rows(1, 0);
        self.erase(format_args!("\x1b[2J"));
        self.move_to(1, 1);
    }

    /// DECLRMM: without it the margins at left and right are the screen's.
    fn side_margins(&mut self, switch: Switch) {
        if self.state.due {
            self.forget_wrap();
        }
        self.state.side_margins = switch.is_set();
        for screen in &mut self.state.screens {
            (screen.left, screen.right) = (1, self.state.size.cols);
        }
    }

    /// The three ways to the alternate screen. The cursor stays where it is in all of them, as in xterm; 1049 saves and restores it
    /// and clears on the way in, 1047 clears on the way out.
    fn alternate_screen(&mut self, mode: u16, switch: Switch) {
        if self.state.due {
            self.forget_wrap();
        }
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
        self.side_margins(Switch::Reset);
        let (row, col) = self.cursor();
        self.emit(format_args!("\x1b[?25h\x1b[?1l\x1b>\x1b[r\x1b[m\x1b[H\x1b7\x1b[{};{}H", row + 1, col + 1));
        let size = self.state.size;
        let state = &mut *self.state;
        *state.screen() = ScreenState::new(size);
        state.rendition = Rendition::default();
        state.charsets = Default::default();
        (state.insert, state.autowrap, state.reverse_wrap) = (false, true, false);
        state.keyboard.reset();
    }

    /// RIS, `ESC c`: everything as at the start, and the lines above are forgotten.
    pub(super) fn full_reset(&mut self) {
        self.emit(format_args!("\x1bc"));
        self.flush();
        self.emulator.clear_scrollback();
        let size = self.emulator.size();
        let out = std::mem::take(&mut self.state.out);
        let mut keyboard = std::mem::take(&mut self.state.keyboard);
        keyboard.reset();
        self.fed.title_changed |= !self.state.title.is_empty();
        let own = self.state.palette.own();
        *self.state = State { out, keyboard, ..State::new(size) };
        self.state.palette.set_own(own);
    }

    /// `CSI ? … s`.
    pub(super) fn save_mode(&mut self, mode: u16) {
        self.flush();
        if let Some(set) = private_mode(self.state, self.emulator, mode).is_set() {
            self.state.saved_modes.retain(|(saved, _)| *saved != mode);
            self.state.saved_modes.push((mode, if set { Switch::Set } else { Switch::Reset }));
        }
    }

    /// `CSI ? … r`.
    pub(super) fn restore_mode(&mut self, mode: u16) {
        let saved = self.state.saved_modes.iter().find(|(saved, _)| *saved == mode);
        if let Some((_, switch)) = saved.copied() {
            self.private_mode(mode, switch);
        }
    }

    /// `? 12`: the cursor blinks.
    fn blinking_cursor(&mut self, switch: Switch) {
        use super::super::CursorShape as Shape;
        self.flush();
        let shape = match (self.emulator.cursor_shape(), switch) {
            (Shape::Default | Shape::SteadyBlock, Switch::Set) => Shape::BlinkingBlock,
            (Shape::SteadyUnderline, Switch::Set) => Shape::BlinkingUnderline,
            (Shape::SteadyBar, Switch::Set) => Shape::BlinkingBar,
            (Shape::BlinkingBlock, Switch::Reset) => Shape::Default,
            (Shape::BlinkingUnderline, Switch::Reset) => Shape::SteadyUnderline,
            (Shape::BlinkingBar, Switch::Reset) => Shape::SteadyBar,
            _ => return,
        };
        self.emit(format_args!("\x1b[{} q", shape as u8));
    }

    /// DECRQM. The number that comes back is a number.
    pub(super) fn report_mode(&mut self, private: bool, mode: u16) {
        self.flush();
        let report =
            if private { private_mode(self.state, self.emulator, mode) } else { ansi_mode(self.state, mode) };
        let mark = if private { "?" } else { "" };
        self.answer(format_args!("\x1b[{mark}{mode};{}$y", report as u8));
    }
}

/// What DECRQM says of a mode, with its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Report {
    Unknown = 0,
    Set = 1,
    Reset = 2,
    /// Known, and never set.
    AlwaysReset = 4,
}

impl Report {
    fn is_set(self) -> Option<bool> {
        match self {
            Self::Set => Some(true),
            Self::Reset => Some(false),
            Self::Unknown | Self::AlwaysReset => None,
        }
    }
}

impl From<bool> for Report {
    fn from(set: bool) -> Self {
        if set { Self::Set } else { Self::Reset }
    }
}

fn ansi_mode(state: &State, mode: u16) -> Report {
    match mode {
        4 => state.insert.into(),
        20 => state.newline.into(),
        // GATM, KAM, SRTM, VEM, HEM, PUM, SRM, FEAM … EBM.
        1 | 2 | 5 | 7 | 10..=19 => Report::AlwaysReset,
        _ => Report::Unknown,
    }
}

fn private_mode(state: &State, emulator: &Emulator, mode: u16) -> Report {
    use super::super::{CursorShape, MouseEncoding, MouseMode};
    let modes = emulator.input_modes();
    Report::from(match mode {
        1 => modes.application_cursor,
        5 => state.reversed,
        6 => state.screens[usize::from(state.alternate)].origin,
        7 => state.autowrap,
        9 => modes.mouse == MouseMode::Press,
        12 => matches!(
            emulator.cursor_shape(),
            CursorShape::BlinkingBlock | CursorShape::BlinkingUnderline | CursorShape::BlinkingBar
        ),
        25 => emulator.cursor_visible(),
        40 => state.column_switch,
        45 => state.reverse_wrap,
        47 | 1047 | 1049 => state.alternate,
        66 => modes.application_keypad,
        67 => state.backspace_is_bs,
        69 => state.side_margins,
        1000 => modes.mouse == MouseMode::PressRelease,
        1002 => modes.mouse == MouseMode::ButtonMotion,
        1003 => modes.mouse == MouseMode::AnyMotion,
        1004 => state.focus,
        1005 => modes.mouse_encoding == MouseEncoding::Utf8,
        1006 => modes.mouse_encoding == MouseEncoding::Sgr,
        1007 => state.alternate_scroll,
        2004 => modes.bracketed_paste,
        2026 => state.synchronized.is_some(),
        // 132 columns, smooth scrolling, national character sets, and DEC's horizontal coupling.
        3 | 4 | 42 | 60 => return Report::AlwaysReset,
        _ => return Report::Unknown,
    })
}
