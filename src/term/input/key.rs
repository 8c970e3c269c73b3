//! Keys, as xterm sends them (ctlseqs, "PC-Style Function Keys" and "VT220-Style Function Keys").

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyEventState, KeyModifiers};

use super::extended;
use crate::term::InputModes;

const ESC: u8 = 0x1b;

/// Appends the bytes of a key to `out`. Lone modifiers and keys that xterm has no bytes for append nothing, nor do releases, unless they
/// were asked for.
pub fn encode_key(key: &KeyEvent, modes: InputModes, out: &mut Vec<u8>) {
    if extended::encode(key, modes.keys, out)
        || key.kind == KeyEventKind::Release
        || key.modifiers.intersects(KeyModifiers::SUPER | KeyModifiers::HYPER)
    {
        return;
    }
    let held = Held::of(key.modifiers);
    if modes.application_keypad
        && key.state.contains(KeyEventState::KEYPAD)
        && held == Held::default()
        && let Some(letter) = keypad(key.code)
    {
        out.extend([ESC, b'O', letter]);
        return;
    }
    match key.code {
        KeyCode::Char(c) => character(c, held, out),
        KeyCode::Null => character(' ', Held { ctrl: true, ..held }, out),
        KeyCode::Enter => {
            with_alt(held, b'\r', out);
            if modes.newline {
                out.push(b'\n');
            }
        }
        KeyCode::Tab if held.shift => backtab(held, out),
        KeyCode::Tab => with_alt(held, b'\t', out),
        KeyCode::BackTab => backtab(held, out),
        KeyCode::Backspace => {
            with_alt(held, if held.ctrl != modes.backspace_is_bs { 0x08 } else { 0x7f }, out)
        }
        KeyCode::Esc => with_alt(held, ESC, out),
        KeyCode::Up => cursor(b'A', held, modes, out),
        KeyCode::Down => cursor(b'B', held, modes, out),
        KeyCode::Right => cursor(b'C', held, modes, out),
        KeyCode::Left => cursor(b'D', held, modes, out),
        KeyCode::KeypadBegin => cursor(b'E', held, modes, out),
        KeyCode::End => cursor(b'F', held, modes, out),
        KeyCode::Home => cursor(b'H', held, modes, out),
        KeyCode::Insert => tilde(2, held, out),
        KeyCode::Delete => tilde(3, held, out),
        KeyCode::PageUp => tilde(5, held, out),
        KeyCode::PageDown => tilde(6, held, out),
        KeyCode::F(n) => function(n, held, out),
        _ => {}
    }
}

/// The modifiers that xterm's encoding knows.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
struct Held {
    shift: bool,
    alt: bool,
    ctrl: bool,
}

impl Held {
    fn of(modifiers: KeyModifiers) -> Self {
        Self {
            shift: modifiers.contains(KeyModifiers::SHIFT),
            alt: modifiers.intersects(KeyModifiers::ALT | KeyModifiers::META),
            ctrl: modifiers.contains(KeyModifiers::CONTROL),
        }
    }

    /// xterm's parameter: 1 and a bit each for shift, alt and control; none when nothing is held.
    fn parameter(self) -> Option<u8> {
        let bits = u8::from(self.shift) | u8::from(self.alt) << 1 | u8::from(self.ctrl) << 2;
        (bits != 0).then_some(bits + 1)
    }
}

fn character(c: char, held: Held, out: &mut Vec<u8>) {
    // Control and alt together with anything but a letter, a digit or a space is AltGr: Windows reports the level-3 shift of
    // European keyboards so, and the character is already the one on the key cap. (On Unix it comes without modifiers, and
    // ctrl-alt with a symbol comes as the digit that crossterm names the control byte by.)
    let alt_gr = held.ctrl && held.alt && !(c.is_ascii_alphanumeric() || c == ' ');
    if alt_gr {
        push_char(c, out);
        return;
    }
    if held.alt {
        out.push(ESC);
    }
    // A terminal that tells keys apart names the key; the character is the one with shift.
    let c = if held.shift { c.to_uppercase().next().unwrap_or(c) } else { c };
    match control(c).filter(|_| held.ctrl) {
        Some(byte) => out.push(byte),
        None => push_char(c, out),
    }
}

/// The control byte of ctrl with a character: the 32 of ASCII and DEL, by letters, symbols, and the digits that stand for them
/// on a VT220's keyboard (and in crossterm's reports).
pub fn control(c: char) -> Option<u8> {
    Some(match c {
        'a'..='z' => c as u8 - b'a' + 1,
        'A'..='Z' => c as u8 - b'A' + 1,
        ' ' | '@' | '`' | '2' => 0x00,
        '[' | '{' | '3' => 0x1b,
        '\\' | '|' | '4' => 0x1c,
        ']' | '}' | '5' => 0x1d,
        '^' | '~' | '6' => 0x1e,
        '_' | '/' | '7' => 0x1f,
        '?' | '8' => 0x7f,
        _ => return None,
    })
}

fn push_char(c: char, out: &mut Vec<u8>) {
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

fn with_alt(held: Held, byte: u8, out: &mut Vec<u8>) {
    if held.alt {
        out.push(ESC);
    }
    out.push(byte);
}

fn backtab(held: Held, out: &mut Vec<u8>) {
    if held.alt {
        out.push(ESC);
    }
    out.extend_from_slice(b"\x1b[Z");
}

/// Arrows, Home, End and the middle of the pad: by letter, `ESC O` in application mode, always `CSI 1 ; m` with a modifier.
fn cursor(letter: u8, held: Held, modes: InputModes, out: &mut Vec<u8>) {
    match held.parameter() {
        Some(parameter) => modified(b"1", parameter, letter, out),
        None if modes.application_cursor => out.extend([ESC, b'O', letter]),
        None => out.extend([ESC, b'[', letter]),
    }
}

fn function(n: u8, held: Held, out: &mut Vec<u8>) {
    match n {
        1..=4 => {
            let letter = b'P' + n - 1;
            match held.parameter() {
                Some(parameter) => modified(b"1", parameter, letter, out),
                None => out.extend([ESC, b'O', letter]),
            }
        }
        // The gaps are those of the VT220's keyboard.
        5 => tilde(15, held, out),
        6..=10 => tilde(n + 11, held, out),
        11..=14 => tilde(n + 12, held, out),
        15..=16 => tilde(n + 13, held, out),
        17..=20 => tilde(n + 14, held, out),
        _ => {}
    }
}

/// The keys that are known by a number: `CSI n ~`, `CSI n ; m ~`.
fn tilde(number: u8, held: Held, out: &mut Vec<u8>) {
    let number = number.to_string();
    match held.parameter() {
        Some(parameter) => modified(number.as_bytes(), parameter, b'~', out),
        None => {
            out.extend([ESC, b'[']);
            out.extend_from_slice(number.as_bytes());
            out.push(b'~');
        }
    }
}

fn modified(number: &[u8], parameter: u8, last: u8, out: &mut Vec<u8>) {
    out.extend([ESC, b'[']);
    out.extend_from_slice(number);
    // The parameter is 2 to 8: one digit.
    out.extend([b';', b'0' + parameter, last]);
}

/// The letter after `ESC O` of a key of the numeric pad in application mode.
fn keypad(code: KeyCode) -> Option<u8> {
    Some(match code {
        KeyCode::Char(digit @ '0'..='9') => digit as u8 - b'0' + b'p',
        KeyCode::Char('*') => b'j',
        KeyCode::Char('+') => b'k',
        KeyCode::Char(',') => b'l',
        KeyCode::Char('-') => b'm',
        KeyCode::Char('.') => b'n',
        KeyCode::Char('/') => b'o',
        KeyCode::Char('=') => b'X',
        KeyCode::Enter => b'M',
        _ => return None,
    })
}

#[cfg(test)]
#[path = "key_tests.rs"]
mod tests;
