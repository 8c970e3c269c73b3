//! Keys that have no bytes of their own in the legacy encoding, in one of the two that give them some: the kitty keyboard
//! protocol ("Comprehensive keyboard handling in terminals"), and xterm's modifyOtherKeys (ctlseqs, `XTMODKEYS`).

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::term::KeyEncoding;

/// Writes a key, if the encoding has something for it that the legacy one has not; otherwise says `false`.
pub fn encode(key: &KeyEvent, encoding: KeyEncoding, out: &mut Vec<u8>) -> bool {
    let (code, modifiers) = told(key);
    match encoding {
        KeyEncoding::Legacy => false,
        KeyEncoding::OtherKeys { .. } if key.kind == KeyEventKind::Release => false,
        KeyEncoding::OtherKeys { all } => other_keys(code, modifiers, all, out),
        KeyEncoding::Kitty { events: false, .. } if key.kind == KeyEventKind::Release => false,
        KeyEncoding::Kitty { all, text, events } => {
            let kind = if events { key.kind } else { KeyEventKind::Press };
            let typed = typed(key).filter(|_| all && text && kind != KeyEventKind::Release);
            kitty(code, modifiers, kind, all, typed, out)
        }
    }
}

/// The key as both protocols name it: by the character without shift, which is told as a modifier.
fn told(key: &KeyEvent) -> (KeyCode, KeyModifiers) {
    match key.code {
        KeyCode::BackTab => (KeyCode::Tab, key.modifiers | KeyModifiers::SHIFT),
        KeyCode::Null => (KeyCode::Char(' '), key.modifiers | KeyModifiers::CONTROL),
        KeyCode::Char(c) if c.is_uppercase() => {
            (KeyCode::Char(c.to_lowercase().next().unwrap_or(c)), key.modifiers | KeyModifiers::SHIFT)
        }
        code => (code, key.modifiers),
    }
}

/// The character that a key types, where it types one.
fn typed(key: &KeyEvent) -> Option<char> {
    let KeyCode::Char(c) = key.code else { return None };
    let mut upper = c.to_uppercase();
    let shifted = match (upper.next(), upper.next()) {
        (Some(upper), None) if key.modifiers.contains(KeyModifiers::SHIFT) => upper,
        _ => c,
    };
    ((key.modifiers - KeyModifiers::SHIFT).is_empty() && !c.is_control()).then_some(shifted)
}

/// Both count from 1 and have a bit for each modifier; kitty has three more.
fn parameter(modifiers: KeyModifiers) -> u8 {
    let bits = [
        (KeyModifiers::SHIFT, 1),
        (KeyModifiers::ALT, 2),
        (KeyModifiers::CONTROL, 4),
        (KeyModifiers::SUPER, 8),
        (KeyModifiers::HYPER, 16),
        (KeyModifiers::META, 32),
    ];
    1 + bits.iter().filter(|(held, _)| modifiers.contains(*held)).map(|(_, bit)| bit).sum::<u8>()
}

fn kitty(
    code: KeyCode,
    modifiers: KeyModifiers,
    kind: KeyEventKind,
    all: bool,
    typed: Option<char>,
    out: &mut Vec<u8>,
) -> bool {
    let released = kind == KeyEventKind::Release;
    let (number, last) = match code {
        // Text is sent as such.
        KeyCode::Char(_) if !all && !released && (modifiers - KeyModifiers::SHIFT).is_empty() => {
            return false;
        }
        // A shell can still be typed into when a program has left the keyboard so.
        KeyCode::Enter | KeyCode::Tab | KeyCode::Backspace if !all && (released || modifiers.is_empty()) => {
            return false;
        }
        KeyCode::Char(c) => (u32::from(c), 'u'),
        KeyCode::Enter => (13, 'u'),
        KeyCode::Tab => (9, 'u'),
        KeyCode::Backspace => (127, 'u'),
        KeyCode::Esc => (27, 'u'),
        KeyCode::Up => (1, 'A'),
        KeyCode::Down => (1, 'B'),
        KeyCode::Right => (1, 'C'),
        KeyCode::Left => (1, 'D'),
        KeyCode::KeypadBegin => (1, 'E'),
        KeyCode::End => (1, 'F'),
        KeyCode::Home => (1, 'H'),
        KeyCode::Insert => (2, '~'),
        KeyCode::Delete => (3, '~'),
        KeyCode::PageUp => (5, '~'),
        KeyCode::PageDown => (6, '~'),
        KeyCode::F(1) => (1, 'P'),
        KeyCode::F(2) => (1, 'Q'),
        // `CSI R` is a report of the cursor.
        KeyCode::F(3) => (13, '~'),
        KeyCode::F(4) => (1, 'S'),
        KeyCode::F(n @ 5..=12) => ([15, 17, 18, 19, 20, 21, 23, 24][usize::from(n) - 5], '~'),
        KeyCode::F(n @ 13..=35) => (57_376 + u32::from(n) - 13, 'u'),
        KeyCode::CapsLock => (57_358, 'u'),
        KeyCode::ScrollLock => (57_359, 'u'),
        KeyCode::NumLock => (57_360, 'u'),
        KeyCode::PrintScreen => (57_361, 'u'),
        KeyCode::Pause => (57_362, 'u'),
        KeyCode::Menu => (57_363, 'u'),
        _ => return false,
    };
    let held = match (kind, parameter(modifiers)) {
        (KeyEventKind::Press, 1) => String::new(),
        (KeyEventKind::Press, held) => held.to_string(),
        (KeyEventKind::Repeat, held) => format!("{held}:2"),
        (KeyEventKind::Release, held) => format!("{held}:3"),
    };
    let text = match (number, held.as_str(), typed.map(u32::from)) {
        (number, held, Some(typed)) => format!("\x1b[{number};{held};{typed}{last}"),
        (1, "", None) => format!("\x1b[{last}"),
        (number, "", None) => format!("\x1b[{number}{last}"),
        (number, held, None) => format!("\x1b[{number};{held}{last}"),
    };
    out.extend_from_slice(text.as_bytes());
    true
}

/// `CSI 27 ; modifiers ; character ~`. Without `all`, keys stay as they are whose legacy bytes are well known.
fn other_keys(code: KeyCode, modifiers: KeyModifiers, all: bool, out: &mut Vec<u8>) -> bool {
    let held = modifiers & (KeyModifiers::SHIFT | KeyModifiers::ALT | KeyModifiers::CONTROL);
    let ctrl = held.contains(KeyModifiers::CONTROL);
    let number = match code {
        KeyCode::Char(c) => {
            let known = !ctrl || super::key::control(c).is_some();
            if (held - KeyModifiers::SHIFT).is_empty() || (known && !all) {
                return false;
            }
            // xterm names the character, kitty the key.
            if held.contains(KeyModifiers::SHIFT) { c.to_uppercase().next().unwrap_or(c) } else { c }
        }
        KeyCode::Enter if !held.is_empty() => '\r',
        KeyCode::Tab if all && ctrl => '\t',
        KeyCode::Esc if all && !held.is_empty() => '\x1b',
        _ => return false,
    };
    let text = format!("\x1b[27;{};{}~", parameter(held), u32::from(number));
    out.extend_from_slice(text.as_bytes());
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::term::{InputModes, input::encode_key};

    const NONE: KeyModifiers = KeyModifiers::NONE;
    const SHIFT: KeyModifiers = KeyModifiers::SHIFT;
    const ALT: KeyModifiers = KeyModifiers::ALT;
    const CONTROL: KeyModifiers = KeyModifiers::CONTROL;

    #[track_caller]
    fn check(keys: KeyEncoding, rows: &[(KeyCode, KeyModifiers, &str)]) {
        for (code, held, expected) in rows {
            let modes = InputModes {
                keys,
                application_cursor: true,
                application_keypad: true,
                ..InputModes::default()
            };
            let mut sent = Vec::new();
            encode_key(&KeyEvent::new(*code, *held), modes, &mut sent);
            assert_eq!(String::from_utf8_lossy(&sent), *expected, "{code:?} {held:?}");
        }
    }

    use KeyCode::{BackTab, Backspace, Char, Delete, Down, Enter, Esc, F, Home, Null, Tab, Up};

    #[test]
    fn kitty_tells_apart_what_was_ambiguous() {
        check(
            KeyEncoding::Kitty { all: false, text: false, events: false },
            &[
                (Char('a'), NONE, "a"),
                (Char('A'), SHIFT, "A"),
                (Char('é'), NONE, "é"),
                (Enter, NONE, "\r"),
                (Tab, NONE, "\t"),
                (Backspace, NONE, "\x7f"),
                (Esc, NONE, "\x1b[27u"),
                (Enter, SHIFT, "\x1b[13;2u"),
                (Enter, CONTROL, "\x1b[13;5u"),
                (Tab, CONTROL, "\x1b[9;5u"),
                (BackTab, SHIFT, "\x1b[9;2u"),
                (Backspace, ALT, "\x1b[127;3u"),
                (Char('i'), CONTROL, "\x1b[105;5u"),
                (Char('['), CONTROL, "\x1b[91;5u"),
                (Char('c'), CONTROL, "\x1b[99;5u"),
                (Char('a'), ALT, "\x1b[97;3u"),
                (Char('A'), CONTROL | SHIFT, "\x1b[97;6u"),
                (Char('A'), CONTROL, "\x1b[97;6u"),
                (Char('a'), KeyModifiers::SUPER, "\x1b[97;9u"),
                (Null, NONE, "\x1b[32;5u"),
                // No application mode here.
                (Up, NONE, "\x1b[A"),
                (Down, SHIFT | ALT, "\x1b[1;4B"),
                (Home, CONTROL, "\x1b[1;5H"),
                (Delete, NONE, "\x1b[3~"),
                (F(1), NONE, "\x1b[P"),
                (F(3), CONTROL, "\x1b[13;5~"),
                (F(5), NONE, "\x1b[15~"),
                (F(12), SHIFT, "\x1b[24;2~"),
                (F(13), NONE, "\x1b[57376u"),
                (KeyCode::Menu, NONE, "\x1b[57363u"),
            ],
        );
    }

    #[test]
    fn kitty_can_have_every_key_as_a_code() {
        check(
            KeyEncoding::Kitty { all: true, text: false, events: false },
            &[
                (Char('a'), NONE, "\x1b[97u"),
                (Char('A'), SHIFT, "\x1b[97;2u"),
                (Enter, NONE, "\x1b[13u"),
                (Tab, NONE, "\x1b[9u"),
                (Backspace, NONE, "\x1b[127u"),
            ],
        );
    }

    #[test]
    fn kitty_can_have_the_text_with_the_key() {
        let keys: &[(KeyCode, KeyModifiers, &str)] = &[
            (Char('a'), NONE, "\x1b[97;;97u"),
            (Char('A'), SHIFT, "\x1b[97;2;65u"),
            (Char('a'), SHIFT, "\x1b[97;2;65u"),
            (Char('ß'), SHIFT, "\x1b[223;2;223u"),
            (Char('日'), NONE, "\x1b[26085;;26085u"),
            // What types nothing has none.
            (Char('a'), CONTROL, "\x1b[97;5u"),
            (Char('a'), ALT, "\x1b[97;3u"),
            (Enter, NONE, "\x1b[13u"),
            (Tab, SHIFT, "\x1b[9;2u"),
            (Up, NONE, "\x1b[A"),
        ];
        check(KeyEncoding::Kitty { all: true, text: true, events: false }, keys);
        // Without all keys, text is text.
        check(
            KeyEncoding::Kitty { all: false, text: true, events: false },
            &[(Char('a'), NONE, "a"), (Char('A'), SHIFT, "A")],
        );
    }

    #[test]
    fn kitty_can_have_repeats_and_releases() {
        use KeyEventKind::{Press, Release, Repeat};
        for (all, code, held, kind, expected) in [
            (false, Char('a'), NONE, Press, "a"),
            (false, Char('a'), NONE, Repeat, "a"),
            (false, Char('a'), NONE, Release, "\x1b[97;1:3u"),
            (false, Char('A'), SHIFT, Release, "\x1b[97;2:3u"),
            (false, Char('c'), CONTROL, Repeat, "\x1b[99;5:2u"),
            (false, Char('c'), CONTROL, Release, "\x1b[99;5:3u"),
            (false, Up, NONE, Press, "\x1b[A"),
            (false, Up, NONE, Repeat, "\x1b[1;1:2A"),
            (false, Up, NONE, Release, "\x1b[1;1:3A"),
            (false, Delete, SHIFT, Release, "\x1b[3;2:3~"),
            (false, Enter, NONE, Repeat, "\r"),
            (false, Enter, SHIFT, Release, ""),
            (false, Backspace, NONE, Release, ""),
            (true, Enter, NONE, Release, "\x1b[13;1:3u"),
            (true, Char('a'), NONE, Repeat, "\x1b[97;1:2;97u"),
            (true, Char('a'), NONE, Release, "\x1b[97;1:3u"),
        ] {
            let modes = InputModes {
                keys: KeyEncoding::Kitty { all, text: true, events: true },
                ..InputModes::default()
            };
            let mut sent = Vec::new();
            encode_key(&KeyEvent::new_with_kind(code, held, kind), modes, &mut sent);
            assert_eq!(String::from_utf8_lossy(&sent), expected, "{code:?} {held:?} {kind:?}");
        }
        // Whoever has not asked gets none.
        for keys in [
            KeyEncoding::Legacy,
            KeyEncoding::OtherKeys { all: true },
            KeyEncoding::Kitty { all: true, text: true, events: false },
        ] {
            let mut sent = Vec::new();
            let modes = InputModes { keys, ..InputModes::default() };
            encode_key(&KeyEvent::new_with_kind(Char('c'), CONTROL, Release), modes, &mut sent);
            assert!(sent.is_empty(), "{keys:?}");
        }
    }

    #[test]
    fn modify_other_keys() {
        check(
            KeyEncoding::OtherKeys { all: true },
            &[
                (Char('a'), NONE, "a"),
                (Char('A'), SHIFT, "A"),
                (Char('a'), CONTROL, "\x1b[27;5;97~"),
                (Char('A'), CONTROL | SHIFT, "\x1b[27;6;65~"),
                (Char('a'), ALT, "\x1b[27;3;97~"),
                (Char('.'), CONTROL, "\x1b[27;5;46~"),
                (Enter, SHIFT, "\x1b[27;2;13~"),
                (Tab, CONTROL, "\x1b[27;5;9~"),
                (Esc, ALT, "\x1b[27;3;27~"),
                (Enter, NONE, "\r"),
                (Esc, NONE, "\x1b"),
                (BackTab, SHIFT, "\x1b[Z"),
                (Backspace, NONE, "\x7f"),
                (Up, NONE, "\x1bOA"),
                (Up, CONTROL, "\x1b[1;5A"),
            ],
        );
        check(
            KeyEncoding::OtherKeys { all: false },
            &[
                (Char('a'), CONTROL, "\x01"),
                (Char('.'), CONTROL, "\x1b[27;5;46~"),
                (Char('a'), ALT, "\x1ba"),
                (Enter, SHIFT, "\x1b[27;2;13~"),
                (Tab, CONTROL, "\t"),
            ],
        );
    }

    #[test]
    fn the_legacy_encoding_has_nothing_for_super_keys() {
        check(
            KeyEncoding::Legacy,
            &[
                (Char('v'), KeyModifiers::SUPER, ""),
                (Up, KeyModifiers::HYPER, ""),
                (Char('a'), ALT | SHIFT, "\x1bA"),
                (Char('i'), CONTROL, "\t"),
                (Char('['), CONTROL, "\x1b"),
            ],
        );
    }
}
