//! What each character, control and sequence becomes. Where this says nothing, `vt100` does as xterm does.

use std::fmt::{Arguments, Write as _};

use unicode_width::UnicodeWidthChar;
use vte::Params;

use super::super::Fed;
use super::super::emulator::Emulator;
use super::mode::Switch;
use super::rendition::Known;
use super::reply::{self, Answer};
use super::{Saved, ScreenState, State};

/// Memory that is kept for what goes to the emulator.
const MAX_OUT: usize = 32 * 1024;

/// The dialect at work on one feed.
pub struct Translator<'a> {
    pub(super) state: &'a mut State,
    pub(super) emulator: &'a mut Emulator,
    pub(super) fed: &'a mut Fed,
}

impl<'a> Translator<'a> {
    pub(super) fn new(state: &'a mut State, emulator: &'a mut Emulator, fed: &'a mut Fed) -> Self {
        Self { state, emulator, fed }
    }

    /// Gives the emulator what it has not been given yet.
    pub(super) fn flush(&mut self) {
        if !self.state.out.is_empty() {
            self.emulator.process(&self.state.out);
            self.state.out.clear();
            // One large piece is no reason to hold on to as much.
            self.state.out.shrink_to(MAX_OUT);
        }
    }

    /// Row and column of the cursor, after all that went before. The column is past the last one while a wrap is due.
    pub(super) fn cursor(&mut self) -> (u16, u16) {
        self.flush();
        self.emulator.cursor_position()
    }

    pub(super) fn emit(&mut self, sequence: Arguments<'_>) {
        struct Out<'a>(&'a mut Vec<u8>);
        impl std::fmt::Write for Out<'_> {
            fn write_str(&mut self, text: &str) -> std::fmt::Result {
                self.0.extend_from_slice(text.as_bytes());
                Ok(())
            }
        }
        // A Vec takes everything.
        let _ = Out(&mut self.state.out).write_fmt(sequence);
    }

    pub(super) fn answer(&mut self, answer: Arguments<'_>) {
        self.fed.answers.extend_from_slice(answer.to_string().as_bytes());
    }

    pub(super) fn control(&mut self, control: char) {
        match control {
            '\u{7}' => self.fed.bell = true,
            '\u{8}' => {
                // While a wrap is due, the cursor is shown in the last column, and counts from there.
                if self.state.side_margins || self.state.reverse_wrap || self.wrap_is_due() {
                    self.move_left(1);
                } else {
                    self.state.out.push(0x08);
                }
            }
            '\t' if self.state.tabs.is_default() && !self.state.side_margins => self.state.out.push(b'\t'),
            '\t' => self.tab_forward(1),
            '\n' | '\u{b}' | '\u{c}' if self.state.newline => self.next_line(),
            '\n' | '\u{b}' | '\u{c}' | '\u{84}' => self.index(),
            '\r' => self.carriage_return(),
            '\u{e}' => self.state.charsets.shift(1),
            '\u{f}' => self.state.charsets.shift(0),
            '\u{85}' => self.next_line(),
            '\u{88}' => self.set_tab_stop(),
            '\u{8d}' => self.reverse_index(),
            // ENQ among them: there is no answerback.
            _ => {}
        }
    }

    fn next_line(&mut self) {
        self.index();
        self.carriage_return();
    }

    /// Erases to the colour of the background, and to none of the other looks, which the crate would draw, too.
    pub(super) fn erase(&mut self, sequence: Arguments<'_>) {
        if self.state.rendition.smears() {
            self.state.rendition.write_background(&mut self.state.out);
            self.emit(sequence);
            self.write_rendition();
        } else {
            self.emit(sequence);
        }
    }

    fn tab_forward(&mut self, count: u16) {
        let (row, col) = self.shown();
        let right = self.state.region().right;
        let to = self.state.tabs.forward(col - 1, count) + 1;
        self.move_to(row, if col <= right { to.min(right) } else { to });
    }

    fn tab_backward(&mut self, count: u16) {
        let (row, col) = self.shown();
        let col = self.state.tabs.backward(col - 1, count) + 1;
        self.move_to(row, col);
    }

    fn set_tab_stop(&mut self) {
        let (_, col) = self.shown();
        self.state.tabs.set(col - 1, true);
    }

    fn clear_tab_stops(&mut self, which: u16) {
        match which {
            0 => {
                let (_, col) = self.shown();
                self.state.tabs.set(col - 1, false);
            }
            3 => self.state.tabs.clear(),
            _ => {}
        }
    }

    pub(super) fn write_rendition(&mut self) {
        self.state.rendition.write(&mut self.state.out);
    }

    /// Keeps what the crate does not save with the cursor.
    pub(super) fn save(&mut self) {
        let (charsets, rendition) = (self.state.charsets, self.state.rendition);
        let screen = self.state.screen();
        screen.saved = Saved { origin: screen.origin, charsets, rendition };
    }

    pub(super) fn save_cursor(&mut self) {
        self.save();
        if self.state.due {
            self.forget_wrap();
        }
        self.emit(format_args!("\x1b7"));
    }

    pub(super) fn restore_cursor(&mut self) {
        self.state.due = false;
        self.emit(format_args!("\x1b8"));
        let screen = self.state.screen();
        let saved = screen.saved;
        screen.origin = saved.origin;
        self.state.charsets = saved.charsets;
        self.state.rendition = saved.rendition;
        self.write_rendition();
    }

    /// DECALN: the screen full of E.
    fn alignment(&mut self) {
        let size = self.state.size;
        self.state.due = false;
        self.emit(format_args!("\x1b[r\x1b[m"));
        for row in 1..=size.rows {
            self.emit(format_args!("\x1b[{row}H"));
            self.state.out.extend(std::iter::repeat_n(b'E', usize::from(size.cols)));
        }
        self.emit(format_args!("\x1b[H"));
        self.write_rendition();
        let screen = self.state.screen();
        *screen = ScreenState { saved: screen.saved, ..ScreenState::new(size) };
    }

    fn repeat(&mut self, count: u16) {
        let size = self.state.size;
        // A screen full is as much as can be seen of it.
        let count = usize::from(count).min(usize::from(size.rows) * usize::from(size.cols));
        let last = self.state.last;
        if last.width().unwrap_or(0) > 0 {
            for _ in 0..count {
                self.draw(last);
            }
        }
    }

    /// DECRQSS: a setting in numbers of ours. What is asked for is never in the answer.
    pub(super) fn report_setting(&mut self, setting: &[u8]) {
        self.flush();
        let region = self.state.region();
        match setting {
            b"m" => {
                let looks = self.state.rendition.describe();
                self.answer(format_args!("\x1bP1$r{looks}m\x1b\\"));
            }
            b"r" => self.answer(format_args!("\x1bP1$r{};{}r\x1b\\", region.top, region.bottom)),
            b"s" => self.answer(format_args!("\x1bP1$r{};{}s\x1b\\", region.left, region.right)),
            b"\"q" => {
                let protected = u8::from(self.state.rendition.protected);
                self.answer(format_args!("\x1bP1$r{protected}\"q\x1b\\"));
            }
            b" q" => {
                let shape = self.emulator.cursor_shape() as u8;
                self.answer(format_args!("\x1bP1$r{shape} q\x1b\\"));
            }
            _ => self.answer(format_args!("\x1bP0$r\x1b\\")),
        }
    }

    fn reply(&mut self, intermediates: &[u8], last: char, parameter: u16) {
        match reply::find(intermediates, last, parameter) {
            Some(Answer::Fixed(text)) => self.answer(format_args!("{text}")),
            Some(Answer::Position(start)) => {
                let (row, col) = self.shown();
                let area = self.state.addressable();
                let (row, col) =
                    (row.saturating_sub(area.top - 1).max(1), col.saturating_sub(area.left - 1).max(1));
                self.answer(format_args!("{start}{row};{col}R"));
            }
            Some(Answer::Size) => {
                let size = self.state.size;
                self.answer(format_args!("\x1b[8;{};{}t", size.rows, size.cols));
            }
            None => {}
        }
    }

    fn plain_csi(&mut self, params: &Params, last: char) {
        let first = parameter(params, 0);
        let count = first.max(1);
        let counted = self.state.side_margins || self.state.screen().origin;
        match last {
            '@' | 'P' => self.cells(count, last),
            'L' | 'M' => self.lines(count, last),
            'X' | 'K' => self.erase(format_args!("\x1b[{first}{last}")),
            'G' | '`' if counted => self.address(None, Some(first)),
            'C' if counted => self.move_right(count),
            'a' => self.emit(format_args!("\x1b[{count}C")),
            'G' | '`' | 'C' => self.emit(format_args!("\x1b[{first}{last}")),
            'H' | 'f' => self.address(Some(first), Some(parameter(params, 1))),
            'd' if counted => self.address(Some(first), None),
            'A' | 'B' | 'd' | 'e' | 'k' | 'E' | 'F' => {
                let direction = match last {
                    'A' | 'k' | 'F' => 'A',
                    'd' => 'd',
                    _ => 'B',
                };
                self.forget_wrap();
                self.emit(format_args!("\x1b[{count}{direction}"));
                if matches!(last, 'E' | 'F') {
                    self.carriage_return();
                }
            }
            'D' | 'j' => self.move_left(count),
            'I' => self.tab_forward(count),
            'Z' => self.tab_backward(count),
            'g' => self.clear_tab_stops(first),
            'J' if first == 3 => {
                self.flush();
                self.emulator.clear_scrollback();
            }
            'J' => self.erase(format_args!("\x1b[{first}J")),
            'S' => self.scroll_up(count),
            // With more parameters, `T` is highlight tracking of the mouse.
            'T' if params.len() > 1 => {}
            'T' | '^' => self.scroll_down(count),
            'b' => self.repeat(count),
            'h' | 'l' => {
                let switch = if last == 'h' { Switch::Set } else { Switch::Reset };
                params.iter().filter_map(|mode| mode.first()).for_each(|mode| self.ansi_mode(*mode, switch));
            }
            'm' => {
                let known = self.state.rendition.apply(params.iter());
                if known == Known::No {
                    self.write_rendition();
                } else {
                    self.emit(format_args!("\x1b["));
                    for (index, param) in params.iter().flatten().enumerate() {
                        self.emit(format_args!("{}{param}", if index == 0 { "" } else { ";" }));
                    }
                    self.state.out.push(b'm');
                }
            }
            'r' => self.set_rows(first, parameter(params, 1)),
            's' if self.state.side_margins => self.set_columns(first, parameter(params, 1)),
            's' => self.save_cursor(),
            'u' => self.restore_cursor(),
            't' if matches!(first, 22 | 23) => self.window(first, parameter(params, 1)),
            last => self.reply(b"", last, first),
        }
    }
}

impl vte::Perform for Translator<'_> {
    fn print(&mut self, c: char) {
        // Only for the sake of completeness: text does not come this way.
        self.character(c);
    }

    fn execute(&mut self, byte: u8) {
        self.control(char::from(byte));
    }

    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], _ignore: bool, last: char) {
        let first = parameter(params, 0);
        if self.state.due && !matches!(last, 'm' | 'n' | 'c' | 'h' | 'l' | 'p' | 'q' | 't' | 'b') {
            self.forget_wrap();
        }
        if let [mark] = *intermediates
            && self.keyboard(mark, last, first, parameter(params, 1))
        {
            return;
        }
        match (intermediates, last) {
            (b"", last) => self.plain_csi(params, last),
            (b"?", 'h' | 'l') => {
                let switch = if last == 'h' { Switch::Set } else { Switch::Reset };
                params
                    .iter()
                    .filter_map(|mode| mode.first())
                    .for_each(|mode| self.private_mode(*mode, switch));
            }
            (b"?", 's' | 'r') => params
                .iter()
                .filter_map(|mode| mode.first())
                .for_each(|mode| if last == 's' { self.save_mode(*mode) } else { self.restore_mode(*mode) }),
            (b"?", 'J') => self.erase_screen_selectively(first),
            (b"?", 'K') => self.erase_row_selectively(first),
            (b"\"", 'q') if first <= 2 => self.state.rendition.protected = first == 1,
            (b"?", 'W') if first == 5 => self.state.tabs = super::TabStops::new(self.state.size.cols),
            (b" ", 'q') if first <= 6 => self.emit(format_args!("\x1b[{first} q")),
            (b"!", 'p') => self.soft_reset(),
            (b"$", 'v' | 'x' | 'z' | '{') => {
                let params: Vec<_> = params.iter().map(|param| param.first().copied().unwrap_or(0)).collect();
                match last {
                    'v' => self.copy_area(&params),
                    'x' => self.fill_area(&params),
                    '{' => self.erase_area_selectively(&params),
                    _ => self.erase_area(&params),
                }
            }
            (b"'", '}' | '~') => self.columns(first.max(1), last == '}'),
            (b"$", 'p') => self.report_mode(false, first),
            (b"?$", 'p') => self.report_mode(true, first),
            (intermediates, last) => self.reply(intermediates, last, first),
        }
    }

    fn esc_dispatch(&mut self, intermediates: &[u8], _ignore: bool, last: u8) {
        match (intermediates, last) {
            (b"", b'7') => self.save_cursor(),
            (b"", b'8') => self.restore_cursor(),
            (b"", b'6' | b'9') => self.index_sideways(last == b'9'),
            (b"", b'=' | b'>') => self.emit(format_args!("\x1b{}", char::from(last))),
            (b"", b'c') => self.full_reset(),
            // HP's memory lock, which xterm's terminfo still has: rows above the cursor stay.
            (b"", b'l') => {
                let (row, _) = self.shown();
                self.set_rows(row, self.state.region().bottom);
            }
            (b"", b'm') => self.set_rows(1, self.state.region().bottom),
            (b"", b'n') => self.state.charsets.shift(2),
            (b"", b'o') => self.state.charsets.shift(3),
            (b"", b'Z') => self.answer(format_args!("{}", reply::IDENTITY)),
            // ESC and a letter is the C1 control 0x40 higher.
            (b"", b'D' | b'E' | b'H' | b'M') => self.control(char::from(last + 0x40)),
            (b"#", b'8') => self.alignment(),
            ([set @ (b'(' | b')' | b'*' | b'+')], last) => self.state.charsets.designate(*set, last),
            _ => {}
        }
    }

    fn osc_dispatch(&mut self, params: &[&[u8]], bell_terminated: bool) {
        self.osc(params, if bell_terminated { "\x07" } else { "\x1b\\" });
    }
}

/// The first number of a parameter; 0 where there is none.
fn parameter(params: &Params, index: usize) -> u16 {
    params.iter().nth(index).and_then(|param| param.first().copied()).unwrap_or(0)
}
