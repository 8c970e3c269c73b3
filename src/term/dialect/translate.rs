//! What each character, control and sequence becomes. Where this says nothing, `vt100` does as xterm does.

use std::fmt::{Arguments, Write as _};

use unicode_width::UnicodeWidthChar;
use vte::Params;

use super::super::Fed;
use super::super::emulator::{Emulator, REPLACEMENT};
use super::mode::{Switch, region};
use super::rendition::Known;
use super::reply::{self, Answer};
use super::{Saved, State};

/// Characters of a title that are kept.
const MAX_TITLE: usize = 256;
/// Asks for the character before it as an emoji, in two columns. In the last column it is left out: `vt100` 0.18.1 would have to
/// move the character to the next row, does not find it where that scrolled, and panics when what it left there is drawn over.
const EMOJI: char = '\u{fe0f}';
/// Titles that are kept aside; xterm keeps ten.
const MAX_TITLES: usize = 10;

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

    /// Passes ordinary text or an ordinary sequence at the start of `bytes` through untouched, and says how long it is. All
    /// that goes through here would come out of the longer way the same, just later.
    pub(super) fn pass(&mut self, bytes: &[u8]) -> Option<usize> {
        if bytes[0] == 0x1b {
            return self.pass_sequence(bytes);
        }
        if !self.state.is_plain() {
            return None;
        }
        let ordinary = |byte: &u8| matches!(byte, 0x20..=0x7e | b'\r' | b'\n' | b'\t');
        let length = bytes.iter().position(|byte| !ordinary(byte)).unwrap_or(bytes.len());
        // A mark that combines with the last character comes later, and changes nothing about it.
        let (text, last) = (&bytes[..length], bytes[..length].iter().rev().find(|byte| **byte >= 0x20));
        self.state.out.extend_from_slice(text);
        if let Some(last) = last {
            self.state.last = char::from(*last);
        }
        (length > 0).then_some(length)
    }

    fn pass_sequence(&mut self, bytes: &[u8]) -> Option<usize> {
        const MAX: usize = 32;
        let parameters = bytes.strip_prefix(b"\x1b[")?;
        let length = parameters.iter().take(MAX).position(|byte| !matches!(byte, b'0'..=b'9' | b';'))?;
        let (parameters, last) = (&parameters[..length], parameters[length]);
        match last {
            b'm' => {
                let mut numbers = [0; MAX];
                let mut count = 1;
                for byte in parameters {
                    if *byte == b';' {
                        count += 1;
                    } else {
                        let number = &mut numbers[count - 1];
                        *number = u16::saturating_mul(*number, 10).saturating_add(u16::from(byte - b'0'));
                    }
                }
                let numbers = numbers[..count].iter().map(std::slice::from_ref);
                if self.state.rendition.apply(numbers) == Known::No {
                    self.write_rendition();
                    return Some(2 + length + 1);
                }
            }
            b'H' | b'K' | b'G' | b'C' | b'P' | b'X' | b'@' | b'L' | b'M' => {}
            b'J' if parameters.len() < 2 && parameters != b"3" => {}
            _ => return None,
        }
        self.state.out.extend_from_slice(&bytes[..2 + length + 1]);
        Some(2 + length + 1)
    }

    /// Text, with the controls in it.
    pub(super) fn text(&mut self, text: &str) {
        let mut rest = text;
        while !rest.is_empty() {
            if self.state.is_plain() {
                rest = self.plain_text(rest);
            } else if let Some(c) = rest.chars().next() {
                self.character(c);
                rest = &rest[c.len_utf8()..];
            }
        }
    }

    /// Copies text that needs no looking at, and does the one thing that follows it. Returns what is left.
    fn plain_text<'t>(&mut self, text: &'t str) -> &'t str {
        let special = |index: &usize| match text.as_bytes()[*index] {
            b'\t' | b'\n' | b'\r' => false,
            0..=0x1f | 0x7f => true,
            // C1 controls; and two characters that the emulator has its difficulties with.
            0xc2 => text.as_bytes()[index + 1] < 0xa0,
            0xef => text[*index..].starts_with([char::REPLACEMENT_CHARACTER, EMOJI]),
            _ => false,
        };
        let end = (0..text.len()).find(special).unwrap_or(text.len());
        let (plain, rest) = text.split_at(end);
        self.state.out.extend_from_slice(plain.as_bytes());
        let drawn = |c: &char| !c.is_control() && c.width().unwrap_or(0) > 0;
        if let Some(last) = plain.chars().rev().find(drawn) {
            self.state.last = last;
        }
        match rest.chars().next() {
            Some(c) => {
                self.character(c);
                &rest[c.len_utf8()..]
            }
            None => rest,
        }
    }

    /// One character or control.
    pub(super) fn character(&mut self, c: char) {
        match c {
            '\u{0}'..='\u{1f}' | '\u{80}'..='\u{9f}' => self.control(c),
            '\u{7f}' => {}
            char::REPLACEMENT_CHARACTER => self.draw(REPLACEMENT),
            c => self.draw(self.state.charsets.map(c)),
        }
    }

    /// A character that is not a control, in the character set that it is shown in.
    fn draw(&mut self, c: char) {
        let width = c.width().map_or(1, |width| width.min(2)) as u16;
        if width > 0 {
            self.state.last = c;
        }
        if self.state.rendition.hidden {
            for _ in 0..width {
                self.place(' ', 1);
            }
        } else {
            self.place(c, width);
        }
    }

    /// Puts a character where insertion and the right margin want it.
    fn place(&mut self, c: char, width: u16) {
        let cols = self.state.size.cols;
        if c == EMOJI && self.wrap_is_due() {
            return;
        }
        if width > 0 && width <= cols && (self.state.insert || !self.state.autowrap) {
            let (_, col) = self.cursor();
            if col + width > cols {
                if self.state.autowrap {
                    // Wrap now, so that there is something to insert into.
                    self.state.out.extend_from_slice(b"\r\n");
                } else {
                    self.emit(format_args!("\x1b[{}G", cols - width + 1));
                }
            }
            if self.state.insert {
                self.emit(format_args!("\x1b[{width}@"));
            }
        }
        self.state.out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }

    fn control(&mut self, control: char) {
        match control {
            '\u{7}' => self.fed.bell = true,
            '\u{8}' => {
                // While a wrap is due, the cursor is shown in the last column, and counts from there.
                let due = self.wrap_is_due();
                self.state.out.extend_from_slice(if due { b"\x1b[2D" } else { b"\x08" });
            }
            '\t' if self.state.tabs.is_default() => self.state.out.push(b'\t'),
            '\t' => self.tab_forward(1),
            '\n' | '\u{b}' | '\u{c}' if self.state.newline => self.state.out.extend_from_slice(b"\r\n"),
            '\n' | '\u{b}' | '\u{c}' | '\u{84}' => self.state.out.push(b'\n'),
            '\r' => self.state.out.push(b'\r'),
            '\u{e}' => self.state.charsets.shift(1),
            '\u{f}' => self.state.charsets.shift(0),
            '\u{85}' => self.state.out.extend_from_slice(b"\r\n"),
            '\u{88}' => self.set_tab_stop(),
            '\u{8d}' => self.emit_unwrapped(format_args!("\x1bM")),
            // ENQ among them: there is no answerback.
            _ => {}
        }
    }

    fn wrap_is_due(&mut self) -> bool {
        self.cursor().1 >= self.state.size.cols
    }

    /// A vertical movement: it forgets that a wrap is due, which the crate would keep.
    fn emit_unwrapped(&mut self, sequence: Arguments<'_>) {
        if self.wrap_is_due() {
            self.state.out.extend_from_slice(b"\x1b[C");
        }
        self.emit(sequence);
    }

    fn tab_forward(&mut self, count: u16) {
        let (_, col) = self.cursor();
        let col = self.state.tabs.forward(col, count);
        self.emit(format_args!("\x1b[{}G", col + 1));
    }

    fn tab_backward(&mut self, count: u16) {
        let (_, col) = self.cursor();
        let col = self.state.tabs.backward(col.min(self.state.size.cols - 1), count);
        self.emit(format_args!("\x1b[{}G", col + 1));
    }

    fn set_tab_stop(&mut self) {
        let (_, col) = self.cursor();
        self.state.tabs.set(col.min(self.state.size.cols - 1), true);
    }

    fn clear_tab_stops(&mut self, which: u16) {
        match which {
            0 => {
                let (_, col) = self.cursor();
                self.state.tabs.set(col.min(self.state.size.cols - 1), false);
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
        self.emit(format_args!("\x1b7"));
    }

    pub(super) fn restore_cursor(&mut self) {
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
        self.emit(format_args!("\x1b[r\x1b[?6l\x1b[m"));
        for row in 1..=size.rows {
            self.emit(format_args!("\x1b[{row}H"));
            self.state.out.extend(std::iter::repeat_n(b'E', usize::from(size.cols)));
        }
        self.emit(format_args!("\x1b[H"));
        self.write_rendition();
        let screen = self.state.screen();
        (screen.origin, screen.top, screen.bottom) = (false, 1, size.rows);
    }

    fn scroll_region(&mut self, top: u16, bottom: u16) {
        if let Some((top, bottom)) = region(self.state.size, top, bottom) {
            // The crate puts the cursor on the region's first row, also where positions don't count from there.
            self.emit(format_args!("\x1b[{top};{bottom}r\x1b[H"));
            let screen = self.state.screen();
            (screen.top, screen.bottom) = (top, bottom);
        }
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

    fn reply(&mut self, intermediates: &[u8], last: char, parameter: u16) {
        match reply::find(intermediates, last, parameter) {
            Some(Answer::Fixed(text)) => self.answer(format_args!("{text}")),
            Some(Answer::Position(start)) => {
                let (row, col) = self.cursor();
                let col = col.min(self.state.size.cols - 1);
                let screen = self.state.screen();
                let top = if screen.origin { screen.top } else { 1 };
                let row = (row + 1).saturating_sub(top - 1).max(1);
                self.answer(format_args!("{start}{row};{}R", col + 1));
            }
            Some(Answer::Size) => {
                let size = self.state.size;
                self.answer(format_args!("\x1b[8;{};{}t", size.rows, size.cols));
            }
            None => {}
        }
    }

    /// XTWINOPS that concern the title, which is kept aside and brought back, never told.
    fn window(&mut self, operation: u16, what: u16) {
        // 0 is icon name and title, 1 the icon name alone.
        if what == 1 {
            return;
        }
        match operation {
            22 if self.state.titles.len() < MAX_TITLES => self.state.titles.push(self.state.title.clone()),
            23 => {
                if let Some(title) = self.state.titles.pop() {
                    self.set_title(title);
                }
            }
            _ => {}
        }
    }

    fn set_title(&mut self, title: String) {
        if title != self.state.title {
            self.state.title = title;
            self.fed.title_changed = true;
        }
    }

    fn plain_csi(&mut self, params: &Params, last: char) {
        let first = parameter(params, 0);
        let count = first.max(1);
        let rows = self.state.size.rows;
        match last {
            '@' | 'P' | 'X' | 'L' | 'M' | 'G' | '`' | 'C' | 'K' => {
                self.emit(format_args!("\x1b[{first}{last}"))
            }
            'a' => self.emit(format_args!("\x1b[{count}C")),
            'H' | 'f' => self.emit(format_args!("\x1b[{first};{}H", parameter(params, 1))),
            // The crate's VPA counts from the top of the screen even in origin mode.
            'd' if self.state.screen().origin => {
                let (_, col) = self.cursor();
                self.emit(format_args!("\x1b[{count};{}H", col + 1));
            }
            'A' | 'B' | 'd' | 'E' | 'F' => self.emit_unwrapped(format_args!("\x1b[{count}{last}")),
            'e' => self.emit_unwrapped(format_args!("\x1b[{count}B")),
            'k' => self.emit_unwrapped(format_args!("\x1b[{count}A")),
            'D' | 'j' => {
                let due = u16::from(self.wrap_is_due());
                self.emit(format_args!("\x1b[{}D", count.saturating_add(due)));
            }
            'I' => self.tab_forward(count),
            'Z' => self.tab_backward(count),
            'g' => self.clear_tab_stops(first),
            'J' if first == 3 => {
                self.flush();
                self.emulator.clear_scrollback();
            }
            'J' => self.emit(format_args!("\x1b[{first}J")),
            'S' => self.emit(format_args!("\x1b[{}S", count.min(rows))),
            // With more parameters, `T` is highlight tracking of the mouse.
            'T' if params.len() > 1 => {}
            'T' | '^' => self.emit(format_args!("\x1b[{}T", count.min(rows))),
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
            'r' => self.scroll_region(first, parameter(params, 1)),
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
        match (intermediates, last) {
            (b"", last) => self.plain_csi(params, last),
            (b"?", 'h' | 'l') => {
                let switch = if last == 'h' { Switch::Set } else { Switch::Reset };
                params
                    .iter()
                    .filter_map(|mode| mode.first())
                    .for_each(|mode| self.private_mode(*mode, switch));
            }
            (b"?", 'J') if first < 3 => self.emit(format_args!("\x1b[?{first}J")),
            (b"?", 'K') => self.emit(format_args!("\x1b[?{first}K")),
            (b"?", 'W') if first == 5 => self.state.tabs = super::TabStops::new(self.state.size.cols),
            (b" ", 'q') if first <= 6 => self.emit(format_args!("\x1b[{first} q")),
            (b"!", 'p') => self.soft_reset(),
            (b"$", 'p') => self.report_mode(false, first),
            (b"?$", 'p') => self.report_mode(true, first),
            (intermediates, last) => self.reply(intermediates, last, first),
        }
    }

    fn esc_dispatch(&mut self, intermediates: &[u8], _ignore: bool, last: u8) {
        match (intermediates, last) {
            (b"", b'7') => self.save_cursor(),
            (b"", b'8') => self.restore_cursor(),
            (b"", b'=' | b'>') => self.emit(format_args!("\x1b{}", char::from(last))),
            (b"", b'c') => self.full_reset(),
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

    fn osc_dispatch(&mut self, params: &[&[u8]], _bell_terminated: bool) {
        if let [b"0" | b"2", title @ ..] = params {
            // A title may have semicolons in it; it may not have what a terminal would act on or hide behind.
            let title = title.join(&b';');
            let title = String::from_utf8_lossy(&title);
            let title = title.chars().filter(|c| is_visible(*c)).take(MAX_TITLE).collect();
            self.set_title(title);
        }
    }
}

/// The first number of a parameter; 0 where there is none.
fn parameter(params: &Params, index: usize) -> u16 {
    params.iter().nth(index).and_then(|param| param.first().copied()).unwrap_or(0)
}

/// Whether a character may stand in a title: no controls, and none that turn the direction of what follows.
fn is_visible(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
