//! Keys as a config file writes them: `ctrl-]`, `alt-1`, `f5`, `shift-tab`. Plain data; what a terminal sends for
//! them is not known here.

use std::{fmt, str::FromStr};

use super::nearest;

/// One press: a key and what is held with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Chord {
    /// Control is held.
    pub ctrl: bool,
    /// Alt (Option, Meta) is held.
    pub alt: bool,
    /// Shift is held; never set for a character, which shows it itself.
    pub shift: bool,
    /// The key.
    pub key: Key,
}

/// A key of the keyboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Key {
    Char(char),
    Function(u8),
    Enter,
    Escape,
    Tab,
    Backspace,
    Delete,
    Insert,
    Home,
    End,
    PageUp,
    PageDown,
    Up,
    Down,
    Left,
    Right,
}

const NAMES: [(&str, Key); 17] = [
    ("enter", Key::Enter),
    ("esc", Key::Escape),
    ("escape", Key::Escape),
    ("tab", Key::Tab),
    ("backspace", Key::Backspace),
    ("delete", Key::Delete),
    ("insert", Key::Insert),
    ("home", Key::Home),
    ("end", Key::End),
    ("pageup", Key::PageUp),
    ("pagedown", Key::PageDown),
    ("up", Key::Up),
    ("down", Key::Down),
    ("left", Key::Left),
    ("right", Key::Right),
    ("space", Key::Char(' ')),
    ("minus", Key::Char('-')),
];

impl Chord {
    /// The key alone.
    pub const fn plain(key: Key) -> Self {
        Self { ctrl: false, alt: false, shift: false, key }
    }

    /// Control and a character.
    pub const fn control(character: char) -> Self {
        Self { ctrl: true, alt: false, shift: false, key: Key::Char(character) }
    }
}

impl FromStr for Chord {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut chord = Self::plain(Key::Char(' '));
        let mut rest = text;
        // A lone `-` at the end is the key itself: `ctrl--`.
        while let Some((modifier, after)) =
            rest.split_once('-').filter(|(m, after)| !m.is_empty() && !after.is_empty())
        {
            match modifier.to_lowercase().as_str() {
                "ctrl" | "control" | "c" => chord.ctrl = true,
                "alt" | "meta" | "option" | "m" => chord.alt = true,
                "shift" => chord.shift = true,
                other => {
                    return Err(match nearest(other, ["ctrl", "alt", "shift"]) {
                        Some(name) => format!("`{modifier}` is no modifier; did you mean `{name}`?"),
                        None => format!("`{modifier}` is no modifier; there are `ctrl`, `alt`, `shift`"),
                    });
                }
            }
            rest = after;
        }
        chord.key = key(rest)?;
        if let Key::Char(character) = chord.key {
            if chord.ctrl {
                chord.key = Key::Char(character.to_ascii_lowercase());
            } else if chord.shift {
                chord.key = Key::Char(character.to_ascii_uppercase());
            }
            chord.shift = false;
        }
        Ok(chord)
    }
}

fn key(word: &str) -> Result<Key, String> {
    let mut characters = word.chars();
    if let (Some(character), None) = (characters.next(), characters.next()) {
        return Ok(Key::Char(character));
    }
    let word = word.to_lowercase();
    if let Some((_, key)) = NAMES.iter().find(|(name, _)| *name == word) {
        return Ok(*key);
    }
    if let Some(number) = word.strip_prefix('f').and_then(|digits| digits.parse().ok()) {
        return if (1..=24).contains(&number) {
            Ok(Key::Function(number))
        } else {
            Err(format!("`{word}` is no key: function keys go from `f1` to `f24`"))
        };
    }
    Err(match nearest(&word, NAMES.map(|(name, _)| name)) {
        Some(name) => format!("`{word}` is no key; did you mean `{name}`?"),
        None => format!(
            "`{word}` is no key; write one character, `f1` to `f24`, or a name such as `enter` or `pageup`"
        ),
    })
}

impl fmt::Display for Chord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (held, name) in [(self.ctrl, "ctrl-"), (self.alt, "alt-"), (self.shift, "shift-")] {
            if held {
                f.write_str(name)?;
            }
        }
        match self.key {
            Key::Char(' ') => f.write_str("space"),
            Key::Char(character) => write!(f, "{character}"),
            Key::Function(number) => write!(f, "f{number}"),
            key => {
                let named = NAMES.iter().find(|(_, other)| *other == key);
                f.write_str(named.map_or("?", |(name, _)| name))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_what_is_read() {
        for text in [
            "ctrl-]",
            "a",
            "A",
            "alt-1",
            "f12",
            "shift-tab",
            "ctrl-alt-left",
            "space",
            "ctrl--",
            "-",
            "pagedown",
        ] {
            assert_eq!(text.parse::<Chord>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn other_spellings_are_understood() {
        for (written, meant) in [
            ("Ctrl-X", "ctrl-x"),
            ("C-x", "ctrl-x"),
            ("shift-a", "A"),
            ("ESCAPE", "esc"),
            ("ctrl-minus", "ctrl--"),
        ] {
            assert_eq!(written.parse::<Chord>().unwrap(), meant.parse().unwrap(), "{written}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "f0", "f25", "ctrl-", "hyper-x", "bananas"] {
            assert!(text.parse::<Chord>().is_err(), "{text}");
        }
    }
}
