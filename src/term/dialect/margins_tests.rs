//! Margins on all four sides, origin mode, rectangles, the colour of what comes in, and what is told of settings.

use super::super::cell::{Color, Style};
use super::super::{Size, Terminal};

fn terminal(rows: u16, cols: u16, bytes: &str) -> Terminal {
    let mut terminal = Terminal::new(Size { rows, cols });
    terminal.feed(bytes.as_bytes());
    terminal
}

/// A screen of 5 by 9 full of letters by row and digits by column, and then the bytes.
fn full(bytes: &str) -> Terminal {
    let rows: Vec<_> = ('a'..='e').map(|row| format!("{row}12345678")).collect();
    terminal(5, 9, &format!("{}{bytes}", rows.join("\r\n")))
}

#[track_caller]
fn shows(terminal: &Terminal, rows: [&str; 5]) {
    let text = terminal.text();
    let mut shown: Vec<_> = text.lines().collect();
    shown.resize(5, "");
    assert_eq!(shown, rows);
}

fn cursor(terminal: &Terminal) -> (u16, u16) {
    terminal.cursor().map(|cursor| (cursor.row + 1, cursor.col + 1)).expect("the cursor is shown")
}

fn answers(bytes: &str) -> String {
    String::from_utf8(terminal(24, 80, "").feed(bytes.as_bytes()).answers).expect("answers are text")
}

/// Margins around the middle: rows 2 to 4, columns 3 to 6.
const BOX: &str = "\x1b[2;4r\x1b[?69h\x1b[3;6s";

#[test]
fn between_the_margins_lines_scroll_alone() {
    let untouched = ["a12345678", "b12345678", "c12345678", "d12345678", "e12345678"];
    shows(&full(BOX), untouched);
    shows(
        &full(&format!("{BOX}\x1b[4;3H\n")),
        ["a12345678", "b12345678", "c12345678", "d1    678", "e12345678"],
    );
    shows(&full(&format!("{BOX}\x1b[2S")), ["a12345678", "b12345678", "c1    678", "d1    678", "e12345678"]);
    shows(
        &full(&format!("{BOX}\x1b[4;4HX\x1b[S")),
        ["a12345678", "b12345678", "c12X45678", "d1    678", "e12345678"],
    );
    shows(
        &full(&format!("{BOX}\x1b[2;4HX\x1b[T")),
        ["a12345678", "b1    678", "c12X45678", "d12345678", "e12345678"],
    );
    shows(
        &full(&format!("{BOX}\x1b[2;3H\x1bM")),
        ["a12345678", "b1    678", "c12345678", "d12345678", "e12345678"],
    );
    shows(
        &full(&format!("{BOX}\x1b[3;4HX\x1b[L")),
        ["a12345678", "b12345678", "c1    678", "d12X45678", "e12345678"],
    );
    shows(
        &full(&format!("{BOX}\x1b[4;4HX\x1b[3;4H\x1b[M")),
        ["a12345678", "b12345678", "c12X45678", "d1    678", "e12345678"],
    );
    // Outside of them nothing scrolls.
    for outside in ["\x1b[4;7H\n", "\x1b[4;2H\n", "\x1b[2;7H\x1bM", "\x1b[3;1H\x1b[L", "\x1b[5;4H\x1b[M"] {
        shows(&full(&format!("{BOX}{outside}")), untouched);
    }
    // The lines above are not those of a part of the screen.
    assert_eq!(full(&format!("{BOX}\x1b[4;3H\n\n\n\n")).scrollback_len(), 0);
}

#[test]
fn between_the_margins_cells_move_alone() {
    shows(
        &full(&format!("{BOX}\x1b[3;4H\x1b[@")),
        ["a12345678", "b12345678", "c12 34678", "d12345678", "e12345678"],
    );
    shows(
        &full(&format!("{BOX}\x1b[3;4H\x1b[2P")),
        ["a12345678", "b12345678", "c125  678", "d12345678", "e12345678"],
    );
    shows(
        &full(&format!("{BOX}\x1b[3;4H\x1b['}}")),
        ["a12345678", "b12 34678", "c12 34678", "d12 34678", "e12345678"],
    );
    shows(
        &full(&format!("{BOX}\x1b[3;4H\x1b['~")),
        ["a12345678", "b1245 678", "c1245 678", "d1245 678", "e12345678"],
    );
    shows(
        &full(&format!("{BOX}\x1b[3;6H\x1b9")),
        ["a12345678", "b1345 678", "c1345 678", "d1345 678", "e12345678"],
    );
    shows(
        &full(&format!("{BOX}\x1b[3;3H\x1b6")),
        ["a12345678", "b1 234678", "c1 234678", "d1 234678", "e12345678"],
    );
    shows(
        &full(&format!("{BOX}\x1b[4h\x1b[3;4HX")),
        ["a12345678", "b12345678", "c12X34678", "d12345678", "e12345678"],
    );
    shows(
        &full(&format!("{BOX}\x1b[3;2H\x1b[@\x1b[3;7H\x1b[P")),
        ["a12345678", "b12345678", "c12345678", "d12345678", "e12345678"],
    );
    assert_eq!(cursor(&full(&format!("{BOX}\x1b[3;4H\x1b9\x1b9"))), (3, 6));
}

#[test]
fn text_wraps_at_the_right_margin() {
    let wrapped = full(&format!("{BOX}\x1b[3;5HABCD"));
    shows(&wrapped, ["a12345678", "b12345678", "c123AB678", "d1CD45678", "e12345678"]);
    // Not before it has to; what combines stays with its character.
    let due = full(&format!("{BOX}\x1b[3;5HAe\u{301}"));
    assert_eq!(
        (cursor(&due), due.cell(2, 5).map(|cell| cell.text.to_string())),
        ((3, 6), Some("e\u{301}".into()))
    );
    shows(
        &full(&format!("{BOX}\x1b[3;5HAB\x08C")),
        ["a12345678", "b12345678", "c123CB678", "d12345678", "e12345678"],
    );
    shows(
        &full(&format!("{BOX}\x1b[3;5HAB\x1b[AC")),
        ["a12345678", "b1234C678", "c123AB678", "d12345678", "e12345678"],
    );
    shows(
        &full(&format!("{BOX}\x1b[?7l\x1b[3;5HABCD")),
        ["a12345678", "b12345678", "c123AD678", "d12345678", "e12345678"],
    );
    // At the bottom the box scrolls.
    shows(
        &full(&format!("{BOX}\x1b[4;6HAB")),
        ["a12345678", "b12345678", "c1234A678", "d1B   678", "e12345678"],
    );
    // A wide character is not cut, neither by the margin nor by what moves.
    shows(
        &full(&format!("{BOX}\x1b[3;6H日")),
        ["a12345678", "b12345678", "c12345678", "d1日45678", "e12345678"],
    );
    shows(
        &full(&format!("{BOX}\x1b[3;5H日\x1b[3;3H\x1b[@")),
        ["a12345678", "b12345678", "c1 23 678", "d12345678", "e12345678"],
    );
}

#[test]
fn the_cursor_stops_at_the_margins() {
    for (moves, at) in [
        ("\x1b[3;5H\x1b[9D", (3, 3)),
        ("\x1b[3;5H\x1b[9C", (3, 6)),
        ("\x1b[3;2H\x1b[9D", (3, 1)),
        ("\x1b[3;7H\x1b[9C", (3, 9)),
        ("\x1b[3;3H\x08", (3, 3)),
        ("\x1b[3;5H\r", (3, 3)),
        ("\x1b[3;2H\r", (3, 1)),
        ("\x1b[3;4H\t", (3, 6)),
        ("\x1b[3;5H\x1bE", (4, 3)),
        ("\x1b[3;5H\x1b[E", (4, 3)),
        ("\x1b[?6h", (2, 3)),
        ("\x1b[?6h\x1b[2;2H", (3, 4)),
        ("\x1b[?6h\x1b[99;99H", (4, 6)),
        ("\x1b[?6h\x1b[2d\x1b[3G", (3, 5)),
        ("\x1b[?6h\x1b[?69l\x1b[1;1H", (2, 1)),
        ("\x1b[3;5H\x1b[!p\x1b[9D", (3, 1)),
    ] {
        assert_eq!(cursor(&full(&format!("{BOX}{moves}"))), at, "{moves:?}");
    }
    let mut origin = full(&format!("{BOX}\x1b[?6h\x1b[2;2H"));
    assert_eq!(origin.feed(b"\x1b[6n").answers, b"\x1b[2;2R");
    // A new size has margins of its own.
    origin.resize(Size { rows: 6, cols: 12 });
    origin.feed(b"\x1b[?6l\x1b[1;12Hx\x1b[1;12H\r");
    assert_eq!(cursor(&origin), (1, 1));
}

#[test]
fn reverse_wrap_goes_on_above() {
    assert_eq!(cursor(&full("\x1b[?45h\x1b[3;1H\x08")), (2, 9));
    assert_eq!(cursor(&full("\x1b[?45h\x1b[3;2H\x1b[3D")), (2, 8));
    assert_eq!(cursor(&full("\x1b[?45h\x1b[?7l\x1b[3;1H\x08")), (3, 1));
    assert_eq!(cursor(&full("\x1b[?45h\x1b[1;1H\x1b[45D")), (1, 1));
    assert_eq!(cursor(&full("\x1b[?45h\x1b[1;1H\x1b[65535D")), (4, 4));
}

#[test]
fn rectangles() {
    shows(&full("\x1b[2;2;3;4;1;4;5;1$v"), ["a12345678", "b12345678", "c12345678", "d12312378", "e12312378"]);
    shows(&full("\x1b[88;2;2;3;4$x"), ["a12345678", "bXXX45678", "cXXX45678", "d12345678", "e12345678"]);
    shows(&full("\x1b[2;2;3;4$z"), ["a12345678", "b   45678", "c   45678", "d12345678", "e12345678"]);
    // Beyond the screen, the other way round, and of nothing.
    shows(&full("\x1b[4;8;9;99$z"), ["a12345678", "b12345678", "c12345678", "d123456", "e123456"]);
    shows(
        &full("\x1b[3;3;2;2$z\x1b[7;1;1;2;2$x\x1b[9;9;1;1;1;1;1$v"),
        ["a12345678", "b12345678", "c12345678", "d12345678", "e12345678"],
    );
    // Looks go with the cells; the cursor and what is drawn next stay as they were.
    let copied = full("\x1b[1;1H\x1b[31mX\x1b[32m\x1b[2;2H\x1b[1;1;1;1;1;5;5;1$vY");
    assert_eq!(
        copied.cell(4, 4).map(|cell| (cell.text.to_string(), cell.style.foreground)),
        Some(("X".into(), Color::Indexed(1)))
    );
    assert_eq!(copied.cell(1, 1).map(|cell| cell.style.foreground), Some(Color::Indexed(2)));
}

#[test]
fn what_comes_in_has_the_background() {
    let blue = Style { background: Color::Indexed(4), ..Style::default() };
    for (bytes, (row, col)) in [
        ("\x1b[5;1H\n", (4, 8)),
        ("\x1b[5;9Hxy", (4, 8)),
        ("\x1b[5;1Hxxxxxxxxxyyyyyyyyyz", (4, 8)),
        ("\x1b[5;1Hx\r\nyy", (4, 8)),
        ("\x1b[1;1H\x1bM", (0, 8)),
        ("\x1b[S", (4, 8)),
        ("\x1b[T", (0, 8)),
        ("\x1b[2;1H\x1b[L", (1, 8)),
        ("\x1b[2;1H\x1b[M", (4, 8)),
        ("\x1b[2;1H\x1b[@", (1, 0)),
        ("\x1b[2;1H\x1b[P", (1, 8)),
        ("\x1b[2;1H\x1b[K", (1, 8)),
        ("\x1b[2J", (0, 0)),
        ("\x1b[2;5r\x1b[?69h\x1b[2;5s\x1b[2S", (4, 4)),
    ] {
        let screen = full(&format!("\x1b[44m{bytes}"));
        assert_eq!(screen.cell(row, col).map(|cell| cell.style), Some(blue), "{bytes:?}");
    }
    // Only the background: no line under what is erased, and not its other colour.
    for bytes in ["\x1b[K", "\x1b[J", "\x1b[9X", "\x1b[?K", "\x1b[2J"] {
        let screen = full(&format!("\x1b[2;1H\x1b[4;7m{bytes}x"));
        assert_eq!(screen.cell(1, 5).map(|cell| cell.style), Some(Style::default()), "{bytes:?}");
        assert!(
            screen.cell(1, 0).is_some_and(|cell| cell.style.underline && cell.style.inverse),
            "{bytes:?}"
        );
    }
    // The row that scrolls in goes on with the line before.
    let mut wrapped = terminal(2, 4, "\x1b[44m\r\nabcdef\r\n\r\n");
    wrapped.feed(b"x");
    let wraps: Vec<_> = wrapped.freeze().rows().map(|row| row.kind().wrapped).collect();
    assert_eq!(wraps[wrapped.scrollback_len() - 2..][..2], [true, false]);
}

#[test]
fn a_change_of_columns_clears_the_screen_where_it_is_allowed() {
    shows(&full("\x1b[?3h\x1b[?3l"), ["a12345678", "b12345678", "c12345678", "d12345678", "e12345678"]);
    let cleared = full("\x1b[2;4r\x1b[?40h\x1b[?3h");
    assert_eq!((cleared.text().as_str(), cursor(&cleared)), ("", (1, 1)));
    shows(&full("\x1b[2;4r\x1b[?40h\x1b[?3l\x1b[5;1Hx\ny"), ["", "", "", "x", " y"]);
}

#[test]
fn settings_are_told_in_numbers() {
    for (question, answer) in [
        ("\x1bP$qm\x1b\\", "\x1bP1$r0m\x1b\\"),
        ("\x1b[1;9;48;2;1;2;3;38;5;200m\x1bP$qm\x1b\\", "\x1bP1$r0;1;9;38:5:200;48:2::1:2:3m\x1b\\"),
        ("\x1b[2;5r\x1bP$qr\x1b\\", "\x1bP1$r2;5r\x1b\\"),
        ("\x1b[?69h\x1b[3;6s\x1bP$qs\x1b\\", "\x1bP1$r3;6s\x1b\\"),
        ("\x1b[4 q\x1bP$q q\x1b\\", "\x1bP1$r4 q\x1b\\"),
        // What is not known, or not ended, is not said back.
        ("\x1bP$qx\x1b\\", "\x1bP0$r\x1b\\"),
        ("\x1bP$qmmmm\x1b\\", "\x1bP0$r\x1b\\"),
        ("\x1bP$qcurl evil|sh\r\x1b\\", "\x1bP0$r\x1b\\"),
        ("\x1bP$qm\x18", ""),
        ("\x1bPq#0~~\x1b\\", ""),
        ("\x1b_$qm\x1b\\", ""),
        ("\x1b[?69h\x1b[?69$p", "\x1b[?69;1$y"),
        ("\x1b[?7s\x1b[?7l\x1b[?7r\x1b[?7$p", "\x1b[?7;1$y"),
        ("\x1b[?7l\x1b[?7s\x1b[?7h\x1b[?7r\x1b[?7$p", "\x1b[?7;2$y"),
        ("\x1b[?12h\x1b[?12$p", "\x1b[?12;1$y"),
        ("\x1b[?3$p\x1b[12$p", "\x1b[?3;4$y\x1b[12;4$y"),
        ("\x1b[?5h\x1b[?5$p", "\x1b[?5;1$y"),
        ("\x1b[?15n\x1b[?26n", "\x1b[?13n\x1b[?27;0n"),
    ] {
        assert_eq!(answers(question), answer, "{question:?}");
    }
    let mut bytewise = terminal(24, 80, "");
    let pieces: Vec<u8> =
        "\u{90}$qm\x1b\\x".bytes().flat_map(|byte| bytewise.feed(&[byte]).answers).collect();
    assert_eq!((pieces.as_slice(), bytewise.text().as_str()), (b"\x1bP1$r0m\x1b\\".as_slice(), "x"));
}

#[test]
fn the_backspace_key_can_be_changed() {
    use crate::term::input::encode_key;
    use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
    let sent = |bytes, held| {
        let mut out = Vec::new();
        encode_key(&KeyEvent::new(KeyCode::Backspace, held), terminal(2, 2, bytes).input_modes(), &mut out);
        out
    };
    assert_eq!(sent("\x1b[?67h", KeyModifiers::NONE), b"\x08");
    assert_eq!(sent("\x1b[?67h", KeyModifiers::CONTROL), b"\x7f");
    assert_eq!(sent("\x1b[?67h\x1b[?67l", KeyModifiers::NONE), b"\x7f");
}

#[test]
fn a_keyboard_that_tells_keys_apart_is_granted_where_there_is_one() {
    use crate::term::KeyEncoding::{Kitty, Legacy, OtherKeys};
    let mut plain = terminal(2, 10, "");
    assert_eq!(plain.feed(b"\x1b[>1u\x1b[?u\x1b[>4;2m\x1b[?4m").answers, b"");
    assert_eq!(plain.input_modes().keys, Legacy);
    assert_eq!(plain.text(), "");

    let mut enhanced = terminal(2, 10, "");
    enhanced.set_enhanced_keys(true);
    for (bytes, keys, answers) in [
        ("\x1b[?u", Legacy, "\x1b[?0u"),
        ("\x1b[>3u\x1b[?u", Kitty { all: false, text: false, events: true }, "\x1b[?3u"),
        // Alternate keys are not told, and programs can see that.
        ("\x1b[>31u\x1b[?u", Kitty { all: true, text: true, events: true }, "\x1b[?27u"),
        ("\x1b[<u\x1b[=2;3u", Kitty { all: false, text: false, events: false }, ""),
        ("\x1b[=8;2u", Kitty { all: true, text: false, events: false }, ""),
        ("\x1b[=8;3u", Kitty { all: false, text: false, events: false }, ""),
        // The alternate screen has flags of its own.
        ("\x1b[?1049h", Legacy, ""),
        ("\x1b[=9u", Kitty { all: true, text: false, events: false }, ""),
        ("\x1b[?1049l", Kitty { all: false, text: false, events: false }, ""),
        ("\x1b[<99u", Legacy, ""),
        ("\x1b[>4;1m\x1b[?4m", OtherKeys { all: false }, "\x1b[>4;1m"),
        ("\x1b[>4;2m", OtherKeys { all: true }, ""),
        ("\x1b[>4m", Legacy, ""),
        ("\x1b[>4;2m\x1b[>1u", Kitty { all: false, text: false, events: false }, ""),
        ("\x1b[!p", Legacy, ""),
        ("\x1b[>1u\x1bc", Legacy, ""),
        ("\x1b[>1u", Kitty { all: false, text: false, events: false }, ""),
    ] {
        assert_eq!(enhanced.feed(bytes.as_bytes()).answers, answers.as_bytes(), "{bytes:?}");
        assert_eq!(enhanced.input_modes().keys, keys, "{bytes:?}");
    }
    for _ in 0..1_000 {
        enhanced.feed(b"\x1b[>1u");
    }
    enhanced.feed(b"\x1b[<16u");
    assert_eq!(enhanced.input_modes().keys, Legacy);
}

#[test]
fn a_change_that_is_to_be_seen_at_once_has_a_number() {
    let mut screen = terminal(2, 10, "");
    assert_eq!(screen.synchronized(), None);
    screen.feed(b"\x1b[?2026hx");
    let first = screen.synchronized();
    assert!(first.is_some());
    screen.feed(b"\x1b[?2026hy");
    assert_eq!(screen.synchronized(), first);
    screen.feed(b"\x1b[?2026l\x1b[?2026h");
    assert!(screen.synchronized().is_some_and(|second| Some(second) != first));
    screen.feed(b"\x1b[?2026l");
    assert_eq!((screen.synchronized(), screen.text().as_str()), (None, "xy"));
}
