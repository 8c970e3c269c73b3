//! Cuts the remote's bytes into text and sequences, however they arrive.
//!
//! The `vte` parser is given whole sequences only, so that it is in its ground state whenever text comes: text is UTF-8 that we
//! put together ourselves. (`vte` 0.15 loses a character when a feed ends inside of one and the next ends inside of another; and it
//! keeps an endless OSC in memory, where we stop after [`MAX_STRING`] bytes.) The states here are those of its machine, as far as
//! they tell where a sequence ends.

/// Bytes of an OSC, DCS or other string that are passed on; the rest is dropped. A screen full of text for the clipboard fits.
pub const MAX_STRING: usize = 128 * 1024;

/// Bytes of text that are looked at in one go, so that a flood of bytes that are no text is not read over and over.
const WINDOW: usize = 512;

/// A part of the input.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Text in ground state; may hold control characters, C1 included, but no ESC.
    Text(&'a str),
    /// One character that was put together from two feeds, or that stands for bytes that are no UTF-8.
    Character(char),
    /// A C1 control that introduces a sequence: ESC and this byte.
    Control(u8),
    /// DECRQSS: the setting that is asked for.
    Request(Vec<u8>),
    /// XTGETTCAP: the names that are asked for, in hexadecimal.
    Capabilities(Vec<u8>),
    /// Bytes of a sequence, for the parser.
    Sequence(&'a [u8]),
    /// Nothing to pass on.
    Nothing,
}

/// Where in the input we are.
#[derive(Debug, Default)]
pub struct Splitter {
    state: State,
    /// The beginning of a character that the last feed was cut in.
    partial: [u8; 4],
    partial_length: usize,
    /// Bytes of the string we are in.
    string_length: usize,
    /// How it begins, if it is a DCS.
    device: Option<Vec<u8>>,
}

/// Bytes of a DCS that are looked at: `$q` and a setting, or `+q` and the names of some capabilities. What is longer is cut, and
/// asks for nothing that there is.
const MAX_DEVICE: usize = 128;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Ground,
    Escape,
    EscapeIntermediate,
    Csi,
    Osc,
    /// DCS, SOS, PM and APC.
    String,
}

impl State {
    fn step(self, byte: u8) -> Self {
        match (self, byte) {
            (_, 0x18 | 0x1a) => Self::Ground,
            (_, 0x1b) => Self::Escape,
            (Self::Escape, b'[') => Self::Csi,
            (Self::Escape, b']') => Self::Osc,
            (Self::Escape, b'P' | b'X' | b'^' | b'_') => Self::String,
            (Self::Escape | Self::EscapeIntermediate, 0x20..=0x2f) => Self::EscapeIntermediate,
            (Self::Escape | Self::EscapeIntermediate, 0x30..=0x7e)
            | (Self::Csi, 0x40..=0x7e)
            | (Self::Osc, 0x07) => Self::Ground,
            (state, _) => state,
        }
    }
}

impl Splitter {
    /// Whether the next byte is text, or begins a sequence.
    pub fn in_ground(&self) -> bool {
        self.state == State::Ground && self.partial_length == 0
    }

    /// The next piece of `bytes`, which are not empty, and how many of them it took.
    pub fn next<'a>(&mut self, bytes: &'a [u8]) -> (Piece<'a>, usize) {
        match self.state {
            State::Ground if self.partial_length > 0 => self.complete(bytes),
            State::Ground => self.ground(bytes),
            State::Osc | State::String => self.string(bytes),
            State::Escape | State::EscapeIntermediate | State::Csi => {
                let mut length = 0;
                while let Some(byte) = bytes.get(length)
                    && matches!(self.state, State::Escape | State::EscapeIntermediate | State::Csi)
                {
                    let escaped = self.state == State::Escape;
                    self.enter(self.state.step(*byte));
                    self.device = (escaped && *byte == b'P').then(Vec::new);
                    length += 1;
                }
                (Piece::Sequence(&bytes[..length]), length)
            }
        }
    }

    fn enter(&mut self, state: State) {
        if matches!(state, State::Osc | State::String) && state != self.state {
            self.string_length = 0;
        }
        // A C1 control enters the state at once, ESC and a letter through `Escape`.
        if state != State::String && state != State::Escape {
            self.device = None;
        }
        self.state = state;
    }

    fn ground<'a>(&mut self, bytes: &'a [u8]) -> (Piece<'a>, usize) {
        if bytes[0] == 0x1b {
            self.enter(State::Escape);
            return (Piece::Sequence(&bytes[..1]), 1);
        }
        let window = &bytes[..bytes.len().min(WINDOW)];
        let escape = window.iter().position(|byte| *byte == 0x1b);
        let end = escape.unwrap_or(window.len());
        let (text, error) = match std::str::from_utf8(&window[..end]) {
            Ok(text) => (text, None),
            Err(error) => {
                let valid = std::str::from_utf8(&window[..error.valid_up_to()]).unwrap_or_default();
                (valid, error.error_len())
            }
        };
        // In UTF-8 they begin with this byte.
        if text.as_bytes().contains(&0xc2)
            && let Some(introducer) = text.char_indices().find(|(_, c)| is_introducer(*c))
        {
            return self.introduced(text, introducer);
        }
        if !text.is_empty() {
            return (Piece::Text(text), text.len());
        }
        match (error, escape) {
            (Some(length), _) => (Piece::Character(char::REPLACEMENT_CHARACTER), length),
            (None, Some(escape)) => (Piece::Character(char::REPLACEMENT_CHARACTER), escape),
            (None, None) => {
                // The beginning of a character, at the end of what there is: three bytes at most.
                self.partial_length = bytes.len().min(3);
                self.partial[..self.partial_length].copy_from_slice(&bytes[..self.partial_length]);
                (Piece::Nothing, bytes.len())
            }
        }
    }

    /// The text before a C1 control that introduces a sequence, and then the control.
    fn introduced<'a>(&mut self, text: &'a str, (index, c): (usize, char)) -> (Piece<'a>, usize) {
        if index > 0 {
            return (Piece::Text(&text[..index]), index);
        }
        (self.introduce(c), c.len_utf8())
    }

    fn introduce<'a>(&mut self, c: char) -> Piece<'a> {
        // 0x90 DCS, 0x98 SOS, 0x9b CSI, 0x9d OSC, 0x9e PM, 0x9f APC are ESC and the byte 0x40 lower.
        let second = (u32::from(c) as u8).wrapping_sub(0x40);
        self.enter(State::Escape.step(second));
        self.device = (second == b'P').then(Vec::new);
        Piece::Control(second)
    }

    /// Goes on with the character that the last feed was cut in.
    fn complete<'a>(&mut self, bytes: &'a [u8]) -> (Piece<'a>, usize) {
        self.partial[self.partial_length] = bytes[0];
        let length = self.partial_length + 1;
        let character = match std::str::from_utf8(&self.partial[..length]) {
            Ok(text) => text.chars().next(),
            Err(error) if error.error_len().is_none() => {
                self.partial_length = length;
                return (Piece::Nothing, 1);
            }
            Err(_) => None,
        };
        self.partial_length = 0;
        match character {
            Some(c) if is_introducer(c) => (self.introduce(c), 1),
            Some(c) => (Piece::Character(c), 1),
            // What was there stays without an end; the new byte is looked at afresh.
            None => (Piece::Character(char::REPLACEMENT_CHARACTER), 0),
        }
    }

    fn string<'a>(&mut self, bytes: &'a [u8]) -> (Piece<'a>, usize) {
        let ends =
            |byte: &u8| matches!(byte, 0x18 | 0x1a | 0x1b) || (*byte == 0x07 && self.state == State::Osc);
        let end = bytes.iter().position(ends);
        if end == Some(0) {
            let device = self.device.take().filter(|_| bytes[0] == 0x1b);
            match device.as_deref() {
                Some([b'$', b'q', setting @ ..]) => return (Piece::Request(setting.to_vec()), 0),
                // The last name may be cut.
                Some([b'+', b'q', ..]) if device.as_ref().is_some_and(|all| all.len() == MAX_DEVICE) => {
                    return (Piece::Capabilities(Vec::new()), 0);
                }
                Some([b'+', b'q', names @ ..]) => return (Piece::Capabilities(names.to_vec()), 0),
                _ => {}
            }
            self.enter(self.state.step(bytes[0]));
            return (Piece::Sequence(&bytes[..1]), 1);
        }
        let length = end.unwrap_or(bytes.len());
        let room = MAX_STRING - self.string_length.min(MAX_STRING);
        self.string_length += length.min(room);
        if self.state == State::String {
            if let Some(device) = &mut self.device {
                device.extend(bytes[..length].iter().take(MAX_DEVICE - device.len()));
            }
            // Nobody reads the rest of these. And `vte` takes 0x9c for an end, which UTF-8 is full of.
            return (Piece::Nothing, length);
        }
        (Piece::Sequence(&bytes[..length.min(room)]), length)
    }
}

fn is_introducer(c: char) -> bool {
    matches!(c, '\u{90}' | '\u{98}' | '\u{9b}' | '\u{9d}'..='\u{9f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything that comes out, text joined.
    fn split(pieces: &[&[u8]]) -> (String, Vec<u8>) {
        let mut splitter = Splitter::default();
        let (mut text, mut sequences) = (String::new(), Vec::new());
        for piece in pieces {
            let mut rest = *piece;
            while !rest.is_empty() {
                let (piece, length) = splitter.next(rest);
                match piece {
                    Piece::Text(part) => text.push_str(part),
                    Piece::Character(c) => text.push(c),
                    Piece::Control(second) => sequences.extend([0x1b, second]),
                    Piece::Sequence(part) => sequences.extend_from_slice(part),
                    Piece::Request(asked) | Piece::Capabilities(asked) => sequences.extend(asked),
                    Piece::Nothing => {}
                }
                rest = &rest[length..];
            }
        }
        (text, sequences)
    }

    #[test]
    fn a_character_cut_in_two_before_another_loses_nothing() {
        assert_eq!(split(&[b"\xc3", b"\xa9A\xe2", b"\x82\xac"]).0, "éA€");
    }

    #[test]
    fn bytes_that_are_no_utf8_are_replaced() {
        assert_eq!(split(&[b"a\xffb\xc3(\xe2\x82"]).0, "a\u{fffd}b\u{fffd}(");
        assert_eq!(split(&[b"\xe2\x82\x1b[mx"]), ("\u{fffd}x".into(), b"\x1b[m".to_vec()));
        assert_eq!(split(&[b"\xe2\x82", b"\x1b[mx"]), ("\u{fffd}x".into(), b"\x1b[m".to_vec()));
        assert_eq!(split(&[b"\xe0", b"\x80\x80"]).0, split(&[b"\xe0\x80\x80"]).0);
    }

    #[test]
    fn sequences_end_where_they_end() {
        for (sequence, text) in [
            ("\x1b[1;31m", "x"),
            ("\x1b(0", "x"),
            ("\x1b]0;tïtle\x07", "x"),
            ("\x1b]0;title\x1b\\", "x"),
            ("\x1b[1;\x1b[m", "x"),
            ("\x1b[?1?2h", "x"),
            ("\x1b[12\x18", "x"),
        ] {
            let input = format!("{sequence}{text}");
            assert_eq!(
                split(&[input.as_bytes()]),
                (text.into(), sequence.as_bytes().to_vec()),
                "{sequence:?}"
            );
        }
        assert_eq!(split(&["\u{9b}1mx".as_bytes()]), ("x".into(), b"\x1b[1m".to_vec()));
        assert_eq!(split(&[b"\xc2", b"\x9b1mx"]), ("x".into(), b"\x1b[1m".to_vec()));
    }

    #[test]
    fn an_endless_string_is_not_kept() {
        let mut splitter = Splitter::default();
        let mut passed = 0;
        let mut feed = |mut rest: &[u8]| {
            while !rest.is_empty() {
                let (piece, length) = splitter.next(rest);
                if let Piece::Sequence(part) = piece {
                    passed += part.len();
                }
                rest = &rest[length..];
            }
        };
        feed(b"\x1b]0;");
        for _ in 0..1_000 {
            feed(&[b'x'; 1_000]);
        }
        feed(b"\x07");
        assert!(passed <= MAX_STRING + 3, "{passed} bytes");
        assert!(splitter.in_ground());
    }
}
