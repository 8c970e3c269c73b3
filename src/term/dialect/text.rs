//! Text: what is drawn, and what can go through untouched.

use unicode_width::UnicodeWidthChar;

use super::super::carried;
use super::super::cell::Width;
use super::super::emulator::REPLACEMENT;
use super::rendition::{Known, Rendition};
use super::translate::Translator;

/// Asks for the character before it as an emoji, in two columns. In the last column it is left out: `vt100` 0.18.1 would have to
/// move the character to the next row, does not find it where that scrolled, and panics when what it left there is drawn over.
const EMOJI: char = '\u{fe0f}';
/// The first byte of the first wide character (U+1100); those after it have no lower one.
const WIDE: u8 = 0xe1;
/// Bytes of parameters that an ordinary sequence has at most.
const MAX_PARAMETERS: usize = 32;

impl Translator<'_> {
    /// Passes ordinary text and ordinary sequences at the start of `bytes` through untouched, and says how far they go. All that
    /// goes through here would come out of the longer way the same, just later.
    pub(super) fn pass(&mut self, bytes: &[u8]) -> usize {
        let (mut given, mut at) = (0, 0);
        let mut plain = self.passes_text();
        while let Some(first) = bytes.get(at) {
            let length = if *first == 0x1b {
                let Some((length, known)) = self.ordinary_sequence(&bytes[at..]) else { break };
                if known == Known::No {
                    self.state.out.extend_from_slice(&bytes[given..at]);
                    self.write_rendition();
                    given = at + length;
                }
                plain = self.passes_text();
                length
            } else if plain {
                self.ordinary_text(&bytes[at..])
            } else {
                0
            };
            if length == 0 {
                break;
            }
            at += length;
        }
        self.state.out.extend_from_slice(&bytes[given..at]);
        at
    }

    fn passes_text(&self) -> bool {
        self.state.is_plain() && !self.state.rendition.is_coloured()
    }

    fn ordinary_text(&mut self, bytes: &[u8]) -> usize {
        let mut length = 0;
        while let Some(more) = ordinary_character(&bytes[length..]) {
            length += more;
        }
        // A mark that combines with the last character comes later, and changes nothing about it.
        if let Some(last) = bytes[..length].iter().rposition(|byte| matches!(byte, 0x20..=0x7e | 0xc0..)) {
            let last = std::str::from_utf8(&bytes[last..length]).ok().and_then(|text| text.chars().next());
            self.state.last = last.unwrap_or(self.state.last);
        }
        length
    }

    /// The length of a sequence that may pass, and whether the emulator understands it.
    fn ordinary_sequence(&mut self, bytes: &[u8]) -> Option<(usize, Known)> {
        let parameters = bytes.strip_prefix(b"\x1b[")?;
        let numbers = parameters.iter().take(MAX_PARAMETERS);
        let length = numbers.take_while(|byte| matches!(byte, b'0'..=b'9' | b';')).count();
        let (parameters, last) = (&parameters[..length], *parameters.get(length)?);
        let known = match last {
            b'm' => self.apply(parameters),
            _ if self.state.side_margins => return None,
            b'C' => Known::Yes,
            b'H' | b'G' if !self.state.screens[usize::from(self.state.alternate)].origin => Known::Yes,
            b'K' | b'X' if !self.state.rendition.smears() => Known::Yes,
            b'J' if length < 2 && parameters != b"3" && !self.state.rendition.smears() => Known::Yes,
            b'P' | b'@' if !self.state.rendition.is_coloured() => Known::Yes,
            _ => return None,
        };
        Some((2 + length + 1, known))
    }

    /// SGR with plain numbers.
    fn apply(&mut self, parameters: &[u8]) -> Known {
        let mut numbers = [0; MAX_PARAMETERS + 1];
        let mut count = 1;
        for byte in parameters {
            if *byte == b';' {
                count += 1;
            } else {
                let number = &mut numbers[count - 1];
                *number = u16::saturating_mul(*number, 10).saturating_add(u16::from(byte - b'0'));
            }
        }
        self.state.rendition.apply(numbers[..count].iter().map(std::slice::from_ref))
    }

    /// Text, with the controls in it.
    pub(super) fn text(&mut self, text: &str) {
        let mut rest = text;
        while !rest.is_empty() {
            if self.state.is_plain() {
                let end = if self.state.rendition.is_coloured() { self.still(rest) } else { rest.len() };
                if end > 0 {
                    let left = self.plain_text(&rest[..end]).len();
                    rest = &rest[end - left..];
                    continue;
                }
            }
            if let Some(c) = rest.chars().next() {
                self.character(c);
                rest = &rest[c.len_utf8()..];
            }
        }
    }

    /// How many bytes of a text can be drawn before a row could scroll in, whose colour has to be seen to.
    fn still(&mut self, text: &str) -> usize {
        let (row, col) = self.cursor();
        let (bottom, cols) = (self.state.region().bottom, self.state.size.cols);
        // No character takes more columns than it has bytes.
        let room = match bottom.checked_sub(row + 1) {
            Some(rows) => usize::from(rows) * usize::from(cols) + usize::from(cols.saturating_sub(col)),
            None => text.len(),
        };
        let end = text.bytes().position(|byte| byte == b'\n').unwrap_or(text.len());
        (0..=end.min(room)).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0)
    }

    /// Copies text that needs no looking at, and does the one thing that follows it. Returns what is left.
    fn plain_text<'t>(&mut self, text: &'t str) -> &'t str {
        let special = |index: &usize| match text.as_bytes()[*index] {
            b'\t' | b'\n' | b'\r' => false,
            0..=0x1f | 0x7f => true,
            // C1 controls; and two characters that the emulator has its difficulties with.
            0xc2 => text.as_bytes()[index + 1] < 0xa0,
            0xef => text[*index..].starts_with([char::REPLACEMENT_CHARACTER, EMOJI]),
            0xf3 if text[*index..].starts_with(carried::is_mark) => true,
            0xcc.. if self.state.marked => text[*index..].chars().next().and_then(char::width) == Some(0),
            _ => false,
        };
        let end = (0..text.len()).find(special).unwrap_or(text.len());
        let (plain, rest) = text.split_at(end);
        if plain.bytes().all(|byte| byte < WIDE) {
            self.state.out.extend_from_slice(plain.as_bytes());
        } else {
            self.maybe_wide_text(plain);
        }
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

    /// Copies text in which there may be wide characters, some of which may not fit in the last column.
    fn maybe_wide_text(&mut self, text: &str) {
        let cols = self.state.size.cols;
        let (mut given, mut col) = (0, None);
        for (index, c) in text.char_indices() {
            let width = match c {
                '\r' => {
                    col = Some(0);
                    continue;
                }
                '\n' => continue,
                '\0'..='\x1f' => {
                    col = None;
                    continue;
                }
                c => c.width().map_or(1, |width| width.min(2)) as u16,
            };
            if width == 2 && cols > 1 {
                let at = col.unwrap_or_else(|| {
                    self.state.out.extend_from_slice(&text.as_bytes()[given..index]);
                    given = index;
                    self.cursor().1
                });
                if at + 1 == cols {
                    self.state.out.extend_from_slice(&text.as_bytes()[given..index]);
                    given = index;
                    self.fill_last_column();
                }
                col = Some(at);
            }
            col = col.map(|col| if col + width > cols { width } else { col + width });
        }
        self.state.out.extend_from_slice(&text.as_bytes()[given..]);
    }

    /// Marks the cell of the cursor, the last of its row, as one that a wide character does not fit into. It looks as before. The
    /// crate, too, takes the line for one that goes on then; it does not where the cell is empty.
    fn fill_last_column(&mut self) {
        let (row, col) = self.cursor();
        let Some((drawn, cell)) = self.emulator.drawn(row, col) else { return };
        if cell.width != Width::Narrow {
            return;
        }
        let text = if drawn.is_empty() { " " } else { drawn }.to_string();
        Rendition::of(cell.style).write(&mut self.state.out);
        self.emit(format_args!("{text}{}", carried::SPACER));
        self.write_rendition();
    }

    /// One character or control.
    pub(super) fn character(&mut self, c: char) {
        match c {
            '\u{0}'..='\u{1f}' | '\u{80}'..='\u{9f}' => self.control(c),
            '\u{7f}' => {}
            c if carried::is_mark(c) => {}
            char::REPLACEMENT_CHARACTER => self.draw(REPLACEMENT),
            c => self.draw(self.state.charsets.map(c)),
        }
    }

    /// A character that is not a control, in the character set that it is shown in.
    pub(super) fn draw(&mut self, c: char) {
        let width = c.width().map_or(1, |width| width.min(2)) as u16;
        if width > 0 {
            self.state.last = c;
        } else if (c == EMOJI && self.wrap_is_due()) || (self.state.marked && self.combine(c)) {
            return;
        }
        if self.state.rendition.hidden {
            for _ in 0..width {
                self.place(' ', 1);
            }
        } else {
            self.place(c, width);
        }
        if width > 0 && width <= self.state.size.cols {
            self.mark();
        }
    }

    /// Puts behind a character what its cell carries.
    fn mark(&mut self) {
        let prompt = std::mem::take(&mut self.state.prompt_due).then_some(carried::PROMPT);
        for mark in [self.state.rendition.mark(), self.state.link, prompt].into_iter().flatten() {
            self.state.marked = true;
            self.state.out.extend_from_slice(mark.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }

    /// Puts a character of no width before the marks of the cell that it belongs to, which is drawn anew; whether there were any.
    fn combine(&mut self, c: char) -> bool {
        let (row, col) = self.cursor();
        let wide =
            col > 1 && self.emulator.cell(row, col - 1).is_some_and(|cell| cell.width == Width::Continuation);
        let Some(base) = col.checked_sub(1 + u16::from(wide)) else { return false };
        let Some((drawn, cell)) = self.emulator.drawn(row, base) else { return false };
        let Some(marks) = drawn.find(carried::is_mark) else { return false };
        let mut text = drawn.to_string();
        text.insert(marks, c);
        let looks = Rendition::of(cell.style);
        self.emit(format_args!("\x1b[{};{}H", row + 1, base + 1));
        looks.write(&mut self.state.out);
        self.emit(format_args!("{text}"));
        self.write_rendition();
        true
    }

    /// Puts a character where insertion and the right margin want it.
    fn place(&mut self, c: char, width: u16) {
        let cols = self.state.size.cols;
        if width > cols {
            return;
        }
        if self.state.is_narrow() {
            self.place_between(c, width);
            return;
        }
        if width == 2 && self.state.autowrap && !self.state.insert && self.cursor().1 + 1 == cols {
            self.fill_last_column();
        }
        let text = &mut [0; 4];
        let text = c.encode_utf8(text).as_bytes();
        if width > 0 && (self.state.insert || !self.state.autowrap || self.state.rendition.is_coloured()) {
            let (row, col) = self.cursor();
            let wraps = col + width > cols;
            if wraps && !self.state.autowrap {
                self.emit(format_args!("\x1b[{}G", cols - width + 1));
            } else if wraps && self.state.insert {
                // Wrap now, so that there is something to insert into.
                self.carriage_return();
                self.index();
            } else if wraps && row + 1 == self.state.region().bottom {
                // The crate wraps, and knows that the line goes on; the row that scrolls in has our colour.
                self.state.out.extend_from_slice(text);
                self.erase(format_args!("\x1b[K"));
                return;
            }
            if self.state.insert {
                self.cells(width, '@');
            }
        }
        self.state.out.extend_from_slice(text);
    }
}

/// The length of a character that needs no looking at, or of a control that moves to the next line or column: ASCII, and of what takes
/// more bytes what programs write most, Latin letters (U+00C0 to U+027F), and lines and blocks (U+2500 to U+259F).
fn ordinary_character(bytes: &[u8]) -> Option<usize> {
    match *bytes {
        [0x20..=0x7e | b'\r' | b'\n' | b'\t', ..] => Some(1),
        [0xc3..=0xc9, 0x80..=0xbf, ..] => Some(2),
        [0xe2, 0x94 | 0x95, 0x80..=0xbf, ..] | [0xe2, 0x96, 0x80..=0x9f, ..] => Some(3),
        _ => None,
    }
}
