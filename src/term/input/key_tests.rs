//! Keys against the bytes of xterm's control sequences document, and the rows of what users of other tools complained about.

use super::*;

fn encode_with(key: KeyEvent, modes: InputModes) -> Vec<u8> {
    let mut out = Vec::new();
    encode_key(&key, modes, &mut out);
    out
}

fn encode(code: KeyCode, modifiers: KeyModifiers) -> Vec<u8> {
    encode_with(KeyEvent::new(code, modifiers), InputModes::default())
}

fn application() -> InputModes {
    InputModes { application_cursor: true, application_keypad: true, ..InputModes::default() }
}

const NONE: KeyModifiers = KeyModifiers::NONE;
const SHIFT: KeyModifiers = KeyModifiers::SHIFT;
const ALT: KeyModifiers = KeyModifiers::ALT;
const CONTROL: KeyModifiers = KeyModifiers::CONTROL;

#[track_caller]
fn check(code: KeyCode, modifiers: KeyModifiers, expected: &str) {
    let sent = encode(code, modifiers);
    assert_eq!(sent, expected.as_bytes(), "{code:?} {modifiers:?}: {:?}", String::from_utf8_lossy(&sent));
}

#[test]
fn keys_without_modifiers() {
    use KeyCode::*;
    for (code, expected) in [
        (Char('a'), "a"),
        (Char('é'), "é"),
        (Char('日'), "日"),
        (Char(' '), " "),
        (Enter, "\r"),
        (Tab, "\t"),
        (BackTab, "\x1b[Z"),
        (Backspace, "\x7f"),
        (Esc, "\x1b"),
        (Up, "\x1b[A"),
        (Down, "\x1b[B"),
        (Right, "\x1b[C"),
        (Left, "\x1b[D"),
        (Home, "\x1b[H"),
        (End, "\x1b[F"),
        (Insert, "\x1b[2~"),
        (Delete, "\x1b[3~"),
        (PageUp, "\x1b[5~"),
        (PageDown, "\x1b[6~"),
        (Null, "\0"),
        (CapsLock, ""),
        (Menu, ""),
        (F(0), ""),
        (F(21), ""),
    ] {
        check(code, NONE, expected);
    }
}

#[test]
fn function_keys() {
    let expected = [
        "\x1bOP", "\x1bOQ", "\x1bOR", "\x1bOS", "\x1b[15~", "\x1b[17~", "\x1b[18~", "\x1b[19~", "\x1b[20~",
        "\x1b[21~", "\x1b[23~", "\x1b[24~", "\x1b[25~", "\x1b[26~", "\x1b[28~", "\x1b[29~", "\x1b[31~",
        "\x1b[32~", "\x1b[33~", "\x1b[34~",
    ];
    for (n, expected) in (1..).zip(expected) {
        check(KeyCode::F(n), NONE, expected);
    }
    check(KeyCode::F(1), SHIFT, "\x1b[1;2P");
    check(KeyCode::F(4), ALT, "\x1b[1;3S");
    check(KeyCode::F(5), CONTROL, "\x1b[15;5~");
    check(KeyCode::F(12), SHIFT | CONTROL, "\x1b[24;6~");
}

#[test]
fn modifiers_of_keys_without_a_character() {
    let modifiers = [
        (SHIFT, 2),
        (ALT, 3),
        (SHIFT | ALT, 4),
        (CONTROL, 5),
        (CONTROL | SHIFT, 6),
        (CONTROL | ALT, 7),
        (CONTROL | ALT | SHIFT, 8),
    ];
    for (held, parameter) in modifiers {
        check(KeyCode::Up, held, &format!("\x1b[1;{parameter}A"));
        check(KeyCode::Left, held, &format!("\x1b[1;{parameter}D"));
        check(KeyCode::Home, held, &format!("\x1b[1;{parameter}H"));
        check(KeyCode::End, held, &format!("\x1b[1;{parameter}F"));
        check(KeyCode::Delete, held, &format!("\x1b[3;{parameter}~"));
        check(KeyCode::PageUp, held, &format!("\x1b[5;{parameter}~"));
        check(KeyCode::F(3), held, &format!("\x1b[1;{parameter}R"));
        // A modifier takes precedence over the application mode.
        assert_eq!(
            encode_with(KeyEvent::new(KeyCode::Up, held), application()),
            format!("\x1b[1;{parameter}A").into_bytes()
        );
    }
    for (code, held, expected) in [
        (KeyCode::Backspace, CONTROL, "\x08"),
        (KeyCode::Backspace, ALT, "\x1b\x7f"),
        (KeyCode::Backspace, SHIFT, "\x7f"),
        (KeyCode::Enter, ALT, "\x1b\r"),
        (KeyCode::Enter, CONTROL, "\r"),
        (KeyCode::Enter, SHIFT, "\r"),
        (KeyCode::Tab, SHIFT, "\x1b[Z"),
        (KeyCode::BackTab, SHIFT, "\x1b[Z"),
        (KeyCode::BackTab, ALT | SHIFT, "\x1b\x1b[Z"),
        (KeyCode::Esc, ALT, "\x1b\x1b"),
    ] {
        check(code, held, expected);
    }
}

#[test]
fn alt_is_an_escape_before() {
    check(KeyCode::Char('b'), ALT, "\x1bb");
    check(KeyCode::Char('B'), ALT | SHIFT, "\x1bB");
    check(KeyCode::Char('.'), ALT, "\x1b.");
    check(KeyCode::Char('é'), ALT, "\x1bé");
    check(KeyCode::Char('a'), ALT | CONTROL, "\x1b\x01");
    // ctrl-alt with a symbol, by the digit that crossterm names its control byte by.
    check(KeyCode::Char('4'), ALT | CONTROL, "\x1b\x1c");
    check(KeyCode::Char(' '), ALT | CONTROL, "\x1b\0");
}

#[test]
fn control_with_symbols() {
    for (c, byte) in [
        (' ', 0),
        ('@', 0),
        ('[', 0x1b),
        ('\\', 0x1c),
        (']', 0x1d),
        ('^', 0x1e),
        ('_', 0x1f),
        ('/', 0x1f),
        ('?', 0x7f),
    ] {
        assert_eq!(encode(KeyCode::Char(c), CONTROL), [byte], "ctrl-{c}");
    }
    // A capital is what shift makes of it, and the byte is the same.
    assert_eq!(encode(KeyCode::Char('C'), CONTROL | SHIFT), [3]);
    // What has no control byte is sent as it is.
    assert_eq!(encode(KeyCode::Char('9'), CONTROL), b"9");
    assert_eq!(encode(KeyCode::Char('é'), CONTROL), "é".as_bytes());
}

#[test]
fn releases_send_nothing_and_repeats_do() {
    let mut key = KeyEvent::new(KeyCode::Char('a'), NONE);
    key.kind = KeyEventKind::Release;
    assert_eq!(encode_with(key, InputModes::default()), b"");
    key.kind = KeyEventKind::Repeat;
    assert_eq!(encode_with(key, InputModes::default()), b"a");
}

#[test]
fn the_numeric_pad_in_application_mode() {
    let pad = |code| KeyEvent { state: KeyEventState::KEYPAD, ..KeyEvent::new(code, NONE) };
    for (code, expected) in [
        (KeyCode::Char('0'), "\x1bOp"),
        (KeyCode::Char('5'), "\x1bOu"),
        (KeyCode::Char('9'), "\x1bOy"),
        (KeyCode::Char('+'), "\x1bOk"),
        (KeyCode::Char('-'), "\x1bOm"),
        (KeyCode::Char('*'), "\x1bOj"),
        (KeyCode::Char('/'), "\x1bOo"),
        (KeyCode::Char('.'), "\x1bOn"),
        (KeyCode::Enter, "\x1bOM"),
    ] {
        assert_eq!(encode_with(pad(code), application()), expected.as_bytes());
    }
    assert_eq!(encode_with(pad(KeyCode::Char('5')), InputModes::default()), b"5");
    assert_eq!(encode_with(pad(KeyCode::Enter), InputModes::default()), b"\r");
    // Digits above the letters are not of the pad.
    assert_eq!(encode_with(KeyEvent::new(KeyCode::Char('5'), NONE), application()), b"5");
}

#[test]
fn enter_with_line_feed_mode() {
    let modes = InputModes { newline: true, ..InputModes::default() };
    assert_eq!(encode_with(KeyEvent::new(KeyCode::Enter, NONE), modes), b"\r\n");
}

#[test]
fn peers_c01_control_c_is_data() {
    assert_eq!(encode(KeyCode::Char('c'), CONTROL), [0x03]);
}

/// The key event that crossterm makes of a byte from a terminal in raw mode (its `sys/unix/parse.rs`, version 0.29).
fn crossterm_event(byte: u8) -> KeyEvent {
    match byte {
        0x00 => KeyEvent::new(KeyCode::Char(' '), CONTROL),
        b'\r' => KeyEvent::new(KeyCode::Enter, NONE),
        b'\t' => KeyEvent::new(KeyCode::Tab, NONE),
        0x1b => KeyEvent::new(KeyCode::Esc, NONE),
        0x01..=0x1a => KeyEvent::new(KeyCode::Char(char::from(byte - 1 + b'a')), CONTROL),
        0x1c..=0x1f => KeyEvent::new(KeyCode::Char(char::from(byte - 0x1c + b'4')), CONTROL),
        0x7f => KeyEvent::new(KeyCode::Backspace, NONE),
        other => KeyEvent::new(KeyCode::Char(char::from(other)), NONE),
    }
}

#[test]
fn peers_c10_all_32_control_bytes_pass() {
    for byte in (0x00..=0x1f).chain([0x7f]) {
        assert_eq!(encode_with(crossterm_event(byte), InputModes::default()), [byte], "{byte:#04x}");
        assert_eq!(encode_with(crossterm_event(byte), application()), [byte], "{byte:#04x}");
    }
}

#[test]
fn peers_c04_home_and_end_work_in_editors() {
    assert_eq!(encode(KeyCode::Home, NONE), b"\x1b[H");
    assert_eq!(encode(KeyCode::End, NONE), b"\x1b[F");
    assert_eq!(encode_with(KeyEvent::new(KeyCode::Home, NONE), application()), b"\x1bOH");
    assert_eq!(encode_with(KeyEvent::new(KeyCode::End, NONE), application()), b"\x1bOF");
}

#[test]
fn peers_c08_alt_gr_characters_of_five_layouts() {
    // German, Swiss, French, Spanish and Polish: what AltGr gives there.
    let layouts = ["@{[]}\\|~€µ²³", "@#[]{}\\|~€¢´", "~#{[|`\\^@]}€", "\\|@#~€{}[]¬", "ąćęłńóśźżĄĆĘŁŃÓŚŹŻ€"];
    for layout in layouts {
        for c in layout.chars() {
            let text = c.to_string();
            // Unix sends the character; Windows says that control and alt are held with it.
            check(KeyCode::Char(c), NONE, &text);
            check(KeyCode::Char(c), CONTROL | ALT, &text);
            check(KeyCode::Char(c), CONTROL | ALT | SHIFT, &text);
        }
    }
    for c in ['@', '{', '[', '$', '\\'] {
        check(KeyCode::Char(c), CONTROL | ALT, &c.to_string());
    }
}

#[test]
fn peers_c09_arrows_follow_application_cursor_mode() {
    for (code, letter) in
        [(KeyCode::Up, 'A'), (KeyCode::Down, 'B'), (KeyCode::Right, 'C'), (KeyCode::Left, 'D')]
    {
        check(code, NONE, &format!("\x1b[{letter}"));
        assert_eq!(
            encode_with(KeyEvent::new(code, NONE), application()),
            format!("\x1bO{letter}").into_bytes()
        );
    }
}
