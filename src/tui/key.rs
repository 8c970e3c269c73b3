//! From what a terminal reports to the chord that keymap and configuration speak of, and back.
//!
//! Knows how terminals spell keys; not what a key does.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::config::{Chord, Key};

/// The chord of a key event; none for keys that no keymap names (media keys, lone modifiers).
///
/// A terminal without the newer keyboard protocols sends `ctrl-\ ] ^ _` as the bytes 0x1C to 0x1F, which crossterm
/// reads as `ctrl-4` to `ctrl-7`; here they are what was pressed.
pub fn chord(event: &KeyEvent) -> Option<Chord> {
    // No keymap has them; the letter alone would be another key.
    if event.modifiers.intersects(KeyModifiers::SUPER | KeyModifiers::HYPER) {
        return None;
    }
    let ctrl = event.modifiers.contains(KeyModifiers::CONTROL);
    let mut shift = event.modifiers.contains(KeyModifiers::SHIFT);
    let key = match event.code {
        KeyCode::Char(c) => {
            let c = match c {
                '4' if ctrl => '\\',
                '5' if ctrl => ']',
                '6' if ctrl => '^',
                '7' if ctrl => '_',
                c if ctrl => c.to_ascii_lowercase(),
                c if shift => c.to_uppercase().next().unwrap_or(c),
                c => c,
            };
            shift = false;
            Key::Char(c)
        }
        KeyCode::F(n) => Key::Function(n),
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Escape,
        KeyCode::Tab => Key::Tab,
        KeyCode::BackTab => {
            shift = true;
            Key::Tab
        }
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Delete => Key::Delete,
        KeyCode::Insert => Key::Insert,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::Left => Key::Left,
        KeyCode::Right => Key::Right,
        _ => return None,
    };
    Some(Chord { ctrl, alt: event.modifiers.contains(KeyModifiers::ALT), shift, key })
}

/// The event of a chord, for the encoder of a session: what the leader sends when it is sent itself.
pub fn event(chord: Chord) -> KeyEvent {
    let mut modifiers = KeyModifiers::NONE;
    for (held, modifier) in [
        (chord.ctrl, KeyModifiers::CONTROL),
        (chord.alt, KeyModifiers::ALT),
        (chord.shift, KeyModifiers::SHIFT),
    ] {
        modifiers.set(modifier, held);
    }
    let code = match chord.key {
        Key::Char(c) => KeyCode::Char(c),
        Key::Function(n) => KeyCode::F(n),
        Key::Enter => KeyCode::Enter,
        Key::Escape => KeyCode::Esc,
        Key::Tab if chord.shift => KeyCode::BackTab,
        Key::Tab => KeyCode::Tab,
        Key::Backspace => KeyCode::Backspace,
        Key::Delete => KeyCode::Delete,
        Key::Insert => KeyCode::Insert,
        Key::Home => KeyCode::Home,
        Key::End => KeyCode::End,
        Key::PageUp => KeyCode::PageUp,
        Key::PageDown => KeyCode::PageDown,
        Key::Up => KeyCode::Up,
        Key::Down => KeyCode::Down,
        Key::Left => KeyCode::Left,
        Key::Right => KeyCode::Right,
    };
    KeyEvent::new(code, modifiers)
}

/// The character that this chord types into a line of text, if it types one. AltGr arrives as ctrl and alt from
/// terminals that tell the two apart (peers c8).
pub fn typed(chord: Chord) -> Option<char> {
    match chord.key {
        Key::Char(c) if !chord.ctrl && !chord.alt => Some(c),
        Key::Char(c) if chord.ctrl && chord.alt && !c.is_ascii_alphanumeric() => Some(c),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pressed(code: KeyCode, modifiers: KeyModifiers) -> String {
        chord(&KeyEvent::new(code, modifiers)).unwrap().to_string()
    }

    #[test]
    fn a_terminal_without_newer_protocols_sends_the_leader_as_ctrl_5() {
        assert_eq!(pressed(KeyCode::Char('5'), KeyModifiers::CONTROL), "ctrl-]");
        assert_eq!(pressed(KeyCode::Char(']'), KeyModifiers::CONTROL), "ctrl-]");
    }

    #[test]
    fn capitals_carry_no_shift_and_other_keys_do() {
        assert_eq!(pressed(KeyCode::Char('O'), KeyModifiers::SHIFT), "O");
        assert_eq!(pressed(KeyCode::Char('o'), KeyModifiers::SHIFT), "O");
        assert_eq!(pressed(KeyCode::BackTab, KeyModifiers::SHIFT), "shift-tab");
        assert_eq!(pressed(KeyCode::Up, KeyModifiers::SHIFT), "shift-up");
    }

    #[test]
    fn a_chord_is_its_event_and_back() {
        for text in ["ctrl-]", "alt-1", "f1", "shift-tab", "space", "A", "ctrl-alt-left"] {
            let there: Chord = text.parse().unwrap();
            assert_eq!(chord(&event(there)), Some(there), "{text}");
        }
    }

    #[test]
    fn altgr_types_and_control_does_not() {
        let both = KeyModifiers::CONTROL | KeyModifiers::ALT;
        assert_eq!(typed(chord(&KeyEvent::new(KeyCode::Char('@'), both)).unwrap()), Some('@'));
        assert_eq!(typed(chord(&KeyEvent::new(KeyCode::Char('a'), KeyModifiers::CONTROL)).unwrap()), None);
        assert_eq!(typed("x".parse().unwrap()), Some('x'));
    }
}
