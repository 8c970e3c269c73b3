//! What colours the user's terminal has: the question (OSC 10 and 11), and its answers among the keys, as which they arrive, since
//! crossterm has no event for them.
//!
//! Knows how an answer is spelled; not what becomes of the colours.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::term::palette::{Own, Rgb};

/// Asks for the colour of text, and then for the one behind it.
pub(super) const QUESTION: &str = "\x1b]10;?\x1b\\\x1b]11;?\x1b\\";
/// Letters of an answer at most: `]11;rgba:ffff/ffff/ffff/ffff`.
const LONGEST: usize = 28;
const START: KeyEvent = KeyEvent::new(KeyCode::Char(']'), KeyModifiers::ALT);
const BELL: KeyEvent = KeyEvent::new(KeyCode::Char('g'), KeyModifiers::CONTROL);
const STRING_TERMINATOR: KeyEvent = KeyEvent::new(KeyCode::Char('\\'), KeyModifiers::ALT);

/// Finds the answers among the keys. A key is held back only while it can be part of one.
#[derive(Debug, Default)]
pub(super) struct Answers {
    held: Vec<KeyEvent>,
    text: Option<Rgb>,
    behind: Option<Rgb>,
}

/// What a key was.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Was {
    /// What the user pressed, if anything: keys that were held back are pressed with the one that shows them to be keys.
    Pressed(Vec<KeyEvent>),
    /// The end of an answer, by which the colours are known.
    Colours(Own),
}

impl Answers {
    /// Whether there is still something to come.
    pub(super) fn are_awaited(&self) -> bool {
        self.behind.is_none()
    }

    /// Takes in the next key.
    pub(super) fn take(&mut self, key: KeyEvent) -> Was {
        let pressed = || Was::Pressed(vec![key]);
        if !self.are_awaited() {
            return pressed();
        }
        if self.held.is_empty() {
            if key != START {
                return pressed();
            }
            self.held.push(key);
            return Was::Pressed(Vec::new());
        }
        self.held.push(key);
        let letters: String = self.held.iter().filter_map(letter).collect();
        if key == BELL || key == STRING_TERMINATOR {
            let found = letters.split_once(';').and_then(|(number, colour)| Some((number, color(colour)?)));
            match found {
                Some(("]10", colour)) => self.text = Some(colour),
                Some(("]11", colour)) => self.behind = Some(colour),
                _ => return Was::Pressed(std::mem::take(&mut self.held)),
            }
            self.held.clear();
            return self.own().map_or(Was::Pressed(Vec::new()), Was::Colours);
        }
        if letters.len() == self.held.len() && could_be(&letters) {
            return Was::Pressed(Vec::new());
        }
        Was::Pressed(std::mem::take(&mut self.held))
    }

    /// Whether keys are held back.
    pub(super) fn have_begun(&self) -> bool {
        !self.held.is_empty()
    }

    /// Nothing more comes: what was held back was pressed. (An answer arrives whole, or nearly so.)
    pub(super) fn give_up(&mut self) -> Vec<KeyEvent> {
        std::mem::take(&mut self.held)
    }

    fn own(&self) -> Option<Own> {
        let background = self.behind?;
        let contrast = if background.is_light() { Own::LIGHT } else { Own::DARK };
        Some(Own { background, text: self.text.unwrap_or(contrast.text) })
    }
}

/// The letter that a key is in an answer.
fn letter(key: &KeyEvent) -> Option<char> {
    match key.code {
        _ if *key == START => Some(']'),
        KeyCode::Char(c) if (key.modifiers - KeyModifiers::SHIFT).is_empty() => Some(c),
        _ => None,
    }
}

/// Whether this can be the beginning of an answer.
fn could_be(letters: &str) -> bool {
    let begins = |whole: &str| whole.starts_with(letters) || letters.starts_with(whole);
    letters.len() <= LONGEST
        && (begins("]10;") || begins("]11;"))
        && letters.chars().skip(4).all(|c| c.is_ascii_alphanumeric() || "#:/".contains(c))
}

/// A colour, without how much of it shines through.
fn color(text: &str) -> Option<Rgb> {
    match text.strip_prefix("rgba:").and_then(|channels| channels.rsplit_once('/')) {
        Some((channels, _)) => Rgb::parse(format!("rgb:{channels}").as_bytes()),
        None => Rgb::parse(text.as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As crossterm reads them.
    fn keys(bytes: &str) -> Vec<KeyEvent> {
        let mut alt = KeyModifiers::NONE;
        let mut keys = Vec::new();
        for c in bytes.chars() {
            let (c, held) = match c {
                '\x1b' => {
                    alt = KeyModifiers::ALT;
                    continue;
                }
                '\x07' => ('g', KeyModifiers::CONTROL),
                c if c.is_uppercase() => (c, KeyModifiers::SHIFT),
                c => (c, KeyModifiers::NONE),
            };
            keys.push(KeyEvent::new(
                KeyCode::Char(c),
                held | std::mem::replace(&mut alt, KeyModifiers::NONE),
            ));
        }
        keys
    }

    /// The keys that come through, and the colours.
    fn read(answers: &mut Answers, bytes: &str) -> (Vec<KeyEvent>, Vec<Own>) {
        let (mut through, mut colours) = (Vec::new(), Vec::new());
        for key in keys(bytes) {
            match answers.take(key) {
                Was::Pressed(pressed) => through.extend(pressed),
                Was::Colours(own) => colours.push(own),
            }
        }
        through.extend(answers.give_up());
        (through, colours)
    }

    #[test]
    fn the_answers_of_terminals() {
        let own = |text, background| Own { text, background };
        for (bytes, expected) in [
            // xterm, kitty.
            (
                "\x1b]10;rgb:1c1c/1b1b/1a1a\x1b\\\x1b]11;rgb:FDFD/f6f6/e3e3\x1b\\",
                own(Rgb(0x1c, 0x1b, 0x1a), Rgb(0xfd, 0xf6, 0xe3)),
            ),
            // Ended by a bell; two digits (the Windows terminal has had them).
            ("\x1b]10;rgb:ee/ee/ee\x07\x1b]11;rgb:00/00/2f\x07", own(Rgb(238, 238, 238), Rgb(0, 0, 47))),
            // One through which something shines.
            (
                "\x1b]10;rgb:0000/0000/0000\x07\x1b]11;rgba:ffff/ffff/ffff/e6e6\x07",
                own(Rgb(0, 0, 0), Rgb(255, 255, 255)),
            ),
            // One that tells only what is behind.
            ("\x1b]11;rgb:1e1e/1e1e/1e1e\x1b\\", own(Rgb(255, 255, 255), Rgb(30, 30, 30))),
            ("\x1b]11;#fafafa\x1b\\", own(Rgb(0, 0, 0), Rgb(250, 250, 250))),
        ] {
            let mut answers = Answers::default();
            assert_eq!(read(&mut answers, bytes), (Vec::new(), vec![expected]), "{bytes:?}");
            assert!(!answers.are_awaited());
        }
    }

    #[test]
    fn keys_between_and_around_answers_are_pressed() {
        let mut answers = Answers::default();
        let typed = "a\x1b]10;rgb:00/00/00\x07bc\x1b]11;rgb:ff/ff/ff\x07\x1b]d";
        let (through, colours) = read(&mut answers, typed);
        assert_eq!(through, keys("abc\x1b]d"));
        assert_eq!(colours, [Own::LIGHT]);
    }

    #[test]
    fn what_only_begins_like_an_answer_is_pressed_whole() {
        for bytes in [
            "\x1b]",
            "\x1b]q",
            "\x1b]1q",
            "\x1b]10;rgb:\x1b[",
            "\x1b]11;red\x07",
            "\x1b]12;rgb:00/00/00\x07",
            "\x1b]11;rgb:00/00/00/00/00/00/00/00\x07",
        ] {
            assert_eq!(read(&mut Answers::default(), bytes), (keys(bytes), Vec::new()), "{bytes:?}");
        }
    }
}
