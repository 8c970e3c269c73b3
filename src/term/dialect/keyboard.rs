//! What the remote asks of the keyboard: kitty's progressive enhancement, a stack of flags for each screen, and xterm's
//! modifyOtherKeys. Nothing is granted, nor answered, while the user's own terminal does not tell such keys apart.

use super::super::KeyEncoding;
use super::translate::Translator;

/// Flags that are granted: keys that are ambiguous as escape codes (1), repeats and releases (2), all keys as escape codes (8), with the
/// text that they type (16). Of alternate keys (4) crossterm tells the shifted one alone, in place of the key: programs are told that
/// they do not get these.
const GRANTED: u8 = 1 | 2 | 8 | 16;
/// Flags that are put aside at most; the oldest make room.
const MAX_STACK: usize = 16;

/// The modes of the keyboard.
#[derive(Debug, Clone, Default)]
pub struct Keyboard {
    /// The user's terminal tells keys apart that have the same bytes in the legacy encoding.
    pub enhanced: bool,
    /// Of the main and the alternate screen: the last flags are in force.
    stacks: [Vec<u8>; 2],
    /// modifyOtherKeys: 0 to 2.
    other_keys: u8,
}

impl Keyboard {
    /// As at the start, but for the user's terminal.
    pub fn reset(&mut self) {
        *self = Self { enhanced: self.enhanced, ..Self::default() };
    }

    /// How keys are to be written.
    pub fn encoding(&self, alternate: bool) -> KeyEncoding {
        match (self.flags(alternate), self.other_keys) {
            (0, 0) => KeyEncoding::Legacy,
            (0, level) => KeyEncoding::OtherKeys { all: level == 2 },
            (flags, _) => {
                KeyEncoding::Kitty { all: flags & 8 != 0, text: flags & 16 != 0, events: flags & 2 != 0 }
            }
        }
    }

    fn flags(&self, alternate: bool) -> u8 {
        self.stacks[usize::from(alternate)].last().copied().unwrap_or(0)
    }
}

impl Translator<'_> {
    /// `CSI > … u`, `CSI < … u`, `CSI = … u`, `CSI ? u`, and `CSI > 4 … m`, `CSI ? 4 m`, `CSI > 4 n`; whether it was one of these.
    pub(super) fn keyboard(&mut self, mark: u8, last: char, first: u16, second: u16) -> bool {
        let alternate = self.state.alternate;
        let keyboard = &mut self.state.keyboard;
        match (mark, last) {
            (b'>' | b'<' | b'=' | b'?', 'u') => {}
            (b'>' | b'?', 'm') | (b'>', 'n') if first == 4 => {}
            _ => return false,
        }
        if !keyboard.enhanced {
            return true;
        }
        let flags = keyboard.flags(alternate);
        let stack = &mut keyboard.stacks[usize::from(alternate)];
        let asked = first.to_le_bytes()[0] & GRANTED;
        match (mark, last) {
            (b'>', 'u') => {
                if stack.len() == MAX_STACK {
                    stack.remove(0);
                }
                stack.push(asked);
            }
            (b'<', 'u') => stack.truncate(stack.len().saturating_sub(usize::from(first.max(1)))),
            (b'=', 'u') => {
                let flags = match second {
                    2 => flags | asked,
                    3 => flags & !asked,
                    _ => asked,
                };
                stack.pop();
                stack.push(flags);
            }
            (_, 'u') => self.answer(format_args!("\x1b[?{flags}u")),
            (b'?', _) => {
                let level = keyboard.other_keys;
                self.answer(format_args!("\x1b[>4;{level}m"));
            }
            (_, 'm') => keyboard.other_keys = second.min(2) as u8,
            _ => keyboard.other_keys = 0,
        }
        true
    }
}
