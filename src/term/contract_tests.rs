//! xterm's terminfo as the contract: a remote program is told `TERM=xterm-256color`, and may use whatever that entry has. Each of
//! its capabilities is fed to a terminal, or is a key that must be encoded so; a capability without a check fails the test.

use std::collections::BTreeSet;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyEventState, KeyModifiers};
use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};

use super::cell::{Color, Style};
use super::input::{encode_key, encode_mouse, encode_paste};
use super::{CursorShape, InputModes, MouseEncoding, MouseMode, Size, Terminal};

/// The names in the entry, as `infocmp -x xterm-256color` of ncurses 6.4 lists them.
const CAPABILITIES: &str = "
OTbs am bce ccc km mc5i mir msgr npc xenl AX XT colors cols it lines pairs acsc bel blink bold cbt civis clear cnorm cr
csr cub cub1 cud cud1 cuf cuf1 cup cuu cuu1 cvvis dch dch1 dim dl dl1 ech ed el el1 flash home hpa ht hts ich il il1 ind
indn initc invis is2 kDC kEND kHOM kIC kLFT kNXT kPRV kRIT ka1 ka3 kb2 kbeg kbs kc1 kc3 kcbt kcub1 kcud1 kcuf1 kcuu1
kdch1 kend kent kf1 kf10 kf11 kf12 kf13 kf14 kf15 kf16 kf17 kf18 kf19 kf2 kf20 kf21 kf22 kf23 kf24 kf25 kf26 kf27 kf28
kf29 kf3 kf30 kf31 kf32 kf33 kf34 kf35 kf36 kf37 kf38 kf39 kf4 kf40 kf41 kf42 kf43 kf44 kf45 kf46 kf47 kf48 kf49 kf5
kf50 kf51 kf52 kf53 kf54 kf55 kf56 kf57 kf58 kf59 kf6 kf60 kf61 kf62 kf63 kf7 kf8 kf9 khome kich1 kind kmous knp kpp
kri mc0 mc4 mc5 meml memu mgc nel oc op rc rep rev ri rin ritm rmacs rmam rmcup rmir rmkx rmm rmso rmul rs1 rs2 sc setab
setaf sgr sgr0 sitm smacs smam smcup smglp smglr smgrp smir smkx smm smso smul tbc u6 u7 u8 u9 vpa BD BE Cr Cs E3 Ms PE
PS Se Ss XM kDC3 kDC4 kDC5 kDC6 kDC7 kDN kDN3 kDN4 kDN5 kDN6 kDN7 kEND3 kEND4 kEND5 kEND6 kEND7 kHOM3 kHOM4 kHOM5 kHOM6
kHOM7 kIC3 kIC4 kIC5 kIC6 kIC7 kLFT3 kLFT4 kLFT5 kLFT6 kLFT7 kNXT3 kNXT4 kNXT5 kNXT6 kNXT7 kPRV3 kPRV4 kPRV5 kPRV6 kPRV7
kRIT3 kRIT4 kRIT5 kRIT6 kRIT7 kUP kUP3 kUP4 kUP5 kUP6 kUP7 ka2 kb1 kb3 kc2 kp5 kpADD kpCMA kpDIV kpDOT kpMUL kpSUB kpZRO
rmxx smxx xm";

/// The screen of a check: as large as this, full of `1abc` to `5abc`, the cursor at the `b` of the third row.
const SIZE: Size = Size { rows: 5, cols: 10 };
const BEFORE: &str = "1abc\r\n2abc\r\n3abc\r\n4abc\r\n5abc\x1b[3;3H";
const FULL: &str = "1abc\n2abc\n3abc\n4abc\n5abc";

fn screen(bytes: &str) -> Terminal {
    let mut terminal = Terminal::new(SIZE);
    terminal.feed(BEFORE.as_bytes());
    terminal.feed(bytes.as_bytes());
    terminal
}

fn cursor(terminal: &Terminal) -> (u16, u16) {
    terminal.cursor().map(|cursor| (cursor.row, cursor.col)).expect("the cursor is shown")
}

fn looks(terminal: &Terminal, row: u16, col: u16) -> Style {
    terminal.cell(row, col).expect("a cell of the screen").style
}

/// What is seen after a capability was used on the screen above.
enum Seen {
    /// The text, and where the cursor is.
    Text(&'static str, (u16, u16)),
    /// The text as it was, the cursor here.
    Cursor(u16, u16),
    /// Nothing at all.
    Nothing,
    /// The looks of the `x` at the end of the sequence.
    Looks(Style),
    /// What else there is to see.
    That(fn(&mut Terminal) -> bool),
}

use Seen::{Cursor, Looks, Nothing, Text, That};

const PLAIN: Style = Style {
    foreground: Color::Default,
    background: Color::Default,
    bold: false,
    dim: false,
    italic: false,
    underline: false,
    inverse: false,
    blink: false,
    strike: false,
};
const MODES: fn(&Terminal) -> InputModes = |terminal| terminal.input_modes();

/// Name, the capability with its parameters filled in and what is needed to see it, what is seen.
const DRAWN: &[(&str, &str, Seen)] = &[
    // Moving.
    ("cr", "\r", Cursor(2, 0)),
    ("cub", "\x1b[2D", Cursor(2, 0)),
    ("cub1", "\x08", Cursor(2, 1)),
    ("OTbs", "\x08", Cursor(2, 1)),
    ("cud", "\x1b[2B", Cursor(4, 2)),
    ("cud1", "\n", Cursor(3, 2)),
    ("cuf", "\x1b[3C", Cursor(2, 5)),
    ("cuf1", "\x1b[C", Cursor(2, 3)),
    ("cup", "\x1b[2;5H", Cursor(1, 4)),
    ("cuu", "\x1b[2A", Cursor(0, 2)),
    ("cuu1", "\x1b[A", Cursor(1, 2)),
    ("home", "\x1b[H", Cursor(0, 0)),
    ("hpa", "\x1b[8G", Cursor(2, 7)),
    ("vpa", "\x1b[5d", Cursor(4, 2)),
    ("nel", "\x1bE", Cursor(3, 0)),
    ("ht", "\t", Cursor(2, 8)),
    ("it", "\x1b[H\t", Cursor(0, 8)),
    ("cbt", "\x1b[9G\x1b[Z", Cursor(2, 0)),
    ("hts", "\x1bH\r\t", Cursor(2, 2)),
    ("tbc", "\x1b[3g\t", Cursor(2, 9)),
    ("sc", "\x1b7\x1b[H\x1b8", Cursor(2, 2)),
    ("rc", "\x1b7\x1b[H\x1b8", Cursor(2, 2)),
    ("am", "\x1b[3;10Hxy", Text("1abc\n2abc\n3abc     x\nyabc\n5abc", (3, 1))),
    ("xenl", "\x1b[3;10Hx\r\ny", Text("1abc\n2abc\n3abc     x\nyabc\n5abc", (3, 1))),
    // Erasing, inserting, deleting.
    ("clear", "\x1b[H\x1b[2J", Text("", (0, 0))),
    ("ed", "\x1b[J", Text("1abc\n2abc\n3a", (2, 2))),
    ("el", "\x1b[K", Text("1abc\n2abc\n3a\n4abc\n5abc", (2, 2))),
    ("el1", "\x1b[1K", Text("1abc\n2abc\n   c\n4abc\n5abc", (2, 2))),
    ("ech", "\x1b[1X", Text("1abc\n2abc\n3a c\n4abc\n5abc", (2, 2))),
    ("dch", "\x1b[2P", Text("1abc\n2abc\n3a\n4abc\n5abc", (2, 2))),
    ("dch1", "\x1b[P", Text("1abc\n2abc\n3ac\n4abc\n5abc", (2, 2))),
    ("ich", "\x1b[2@", Text("1abc\n2abc\n3a  bc\n4abc\n5abc", (2, 2))),
    ("dl", "\x1b[2M", Text("1abc\n2abc\n5abc", (2, 0))),
    ("dl1", "\x1b[M", Text("1abc\n2abc\n4abc\n5abc", (2, 0))),
    ("il", "\x1b[2L", Text("1abc\n2abc\n\n\n3abc", (2, 0))),
    ("il1", "\x1b[L", Text("1abc\n2abc\n\n3abc\n4abc", (2, 0))),
    ("smir", "\x1b[4hx\x1b[4ly", Text("1abc\n2abc\n3axyc\n4abc\n5abc", (2, 4))),
    ("rmir", "\x1b[4h\x1b[4lx", Text("1abc\n2abc\n3axc\n4abc\n5abc", (2, 3))),
    ("mir", "\x1b[4h\x1b[1;3Hx", Text("1axbc\n2abc\n3abc\n4abc\n5abc", (0, 3))),
    ("rep", "-\x1b[4b", Text("1abc\n2abc\n3a-----\n4abc\n5abc", (2, 7))),
    ("E3", "\x1b[5;1H\n\x1b[3J", That(|terminal| terminal.scrollback_len() == 0)),
    // Scrolling.
    ("ind", "\x1b[5;3H\n", Text("2abc\n3abc\n4abc\n5abc", (4, 2))),
    ("indn", "\x1b[2S", Text("3abc\n4abc\n5abc", (2, 2))),
    ("ri", "\x1b[1;3H\x1bM", Text("\n1abc\n2abc\n3abc\n4abc", (0, 2))),
    ("rin", "\x1b[2T", Text("\n\n1abc\n2abc\n3abc", (2, 2))),
    ("csr", "\x1b[2;3r\x1b[3;1H\n", Text("1abc\n3abc\n\n4abc\n5abc", (2, 0))),
    ("meml", "\x1bl\x1b[5;1H\n", Text("1abc\n2abc\n4abc\n5abc", (4, 0))),
    ("memu", "\x1bl\x1bm\x1b[5;1H\n", Text("2abc\n3abc\n4abc\n5abc", (4, 0))),
    ("smglr", "\x1b[?69h\x1b[2;3s\x1b[5;2H\n", Text("1abc\n2abc\n3abc\n4abc\n5  c", (4, 1))),
    ("smglp", "\x1b[?69h\x1b[3s\x1b[5;3H\r", Cursor(4, 2)),
    ("smgrp", "\x1b[?69h\x1b[;3s\x1b[1;3Hxy", Text("1axc\nyabc\n3abc\n4abc\n5abc", (1, 1))),
    ("mgc", "\x1b[?69h\x1b[2;3s\x1b[?69l\x1b[1;3H\r", Cursor(0, 0)),
    // Looks.
    ("bold", "\x1b[1mx", Looks(Style { bold: true, ..PLAIN })),
    ("dim", "\x1b[2mx", Looks(Style { dim: true, ..PLAIN })),
    ("sitm", "\x1b[3mx", Looks(Style { italic: true, ..PLAIN })),
    ("ritm", "\x1b[3m\x1b[23mx", Looks(PLAIN)),
    ("smul", "\x1b[4mx", Looks(Style { underline: true, ..PLAIN })),
    ("rmul", "\x1b[4m\x1b[24mx", Looks(PLAIN)),
    ("rev", "\x1b[7mx", Looks(Style { inverse: true, ..PLAIN })),
    ("smso", "\x1b[7mx", Looks(Style { inverse: true, ..PLAIN })),
    ("rmso", "\x1b[7m\x1b[27mx", Looks(PLAIN)),
    ("sgr0", "\x1b[1;3;4;7;31m\x1b(0\x1b(B\x1b[mx", Looks(PLAIN)),
    ("sgr", "\x1b(B\x1b[0;1;4;7mx", Looks(Style { bold: true, underline: true, inverse: true, ..PLAIN })),
    ("invis", "\x1b[8msecret", That(|terminal| !terminal.text().contains("secret"))),
    ("blink", "\x1b[5mx", Looks(Style { blink: true, ..PLAIN })),
    ("smxx", "\x1b[9mx", Looks(Style { strike: true, ..PLAIN })),
    ("rmxx", "\x1b[9m\x1b[29mx", Looks(PLAIN)),
    ("setaf", "\x1b[31mx", Looks(Style { foreground: Color::Indexed(1), ..PLAIN })),
    ("setab", "\x1b[48;5;200mx", Looks(Style { background: Color::Indexed(200), ..PLAIN })),
    ("colors", "\x1b[97mx", Looks(Style { foreground: Color::Indexed(15), ..PLAIN })),
    ("AX", "\x1b[31;42m\x1b[39;49mx", Looks(PLAIN)),
    ("op", "\x1b[31;42m\x1b[39;49mx", Looks(PLAIN)),
    ("bce", "\x1b[44m\x1b[K\x1b[mx", That(|terminal| looks(terminal, 2, 9).background == Color::Indexed(4))),
    (
        "msgr",
        "\x1b[7m\x1b[Hx",
        That(|terminal| looks(terminal, 0, 0).inverse && terminal.text().starts_with("xabc")),
    ),
    ("smacs", "\x1b(0qx", Text("1abc\n2abc\n3a─│\n4abc\n5abc", (2, 4))),
    ("rmacs", "\x1b(0\x1b(Bqx", Text("1abc\n2abc\n3aqx\n4abc\n5abc", (2, 4))),
    ("acsc", "\x1b(0``aa~~", Text("1abc\n2abc\n3a◆◆▒▒··\n4abc\n5abc", (2, 8))),
    // Modes.
    ("smam", "\x1b[?7l\x1b[?7h\x1b[3;10Hxy", Text("1abc\n2abc\n3abc     x\nyabc\n5abc", (3, 1))),
    ("rmam", "\x1b[?7l\x1b[3;10Hxy", Text("1abc\n2abc\n3abc     y\n4abc\n5abc", (2, 9))),
    (
        "smcup",
        "\x1b[?1049h\x1b[22;0;0t",
        That(|terminal| terminal.alternate_screen() && terminal.text().is_empty()),
    ),
    ("rmcup", "\x1b[?1049h\x1b[22;0;0t\x1b[Hvim\x1b[?1049l\x1b[23;0;0t", Cursor(2, 2)),
    (
        "smkx",
        "\x1b[?1h\x1b=",
        That(|terminal| MODES(terminal).application_cursor && MODES(terminal).application_keypad),
    ),
    ("rmkx", "\x1b[?1h\x1b=\x1b[?1l\x1b>", That(|terminal| MODES(terminal) == InputModes::default())),
    ("civis", "\x1b[?25l", That(|terminal| terminal.cursor().is_none())),
    (
        "cnorm",
        "\x1b[?12;25h\x1b[?25l\x1b[?12l\x1b[?25h",
        That(|terminal| shape(terminal) == CursorShape::Default),
    ),
    ("cvvis", "\x1b[?25l\x1b[?12;25h", That(|terminal| shape(terminal) == CursorShape::BlinkingBlock)),
    ("Ss", "\x1b[4 q", That(|terminal| shape(terminal) == CursorShape::SteadyUnderline)),
    ("Se", "\x1b[4 q\x1b[2 q", That(|terminal| shape(terminal) == CursorShape::SteadyBlock)),
    ("BE", "\x1b[?2004h", That(|terminal| MODES(terminal).bracketed_paste)),
    ("BD", "\x1b[?2004h\x1b[?2004l", That(|terminal| !MODES(terminal).bracketed_paste)),
    (
        "XM",
        "\x1b[?1006;1000h",
        That(|terminal| {
            MODES(terminal).mouse == MouseMode::PressRelease
                && MODES(terminal).mouse_encoding == MouseEncoding::Sgr
        }),
    ),
    // The visible bell: light text on dark becomes dark on light, and back.
    (
        "flash",
        "\x1b[?5h",
        That(|terminal| {
            let reversed = looks(terminal, 0, 0).inverse && looks(terminal, 4, 9).inverse;
            terminal.feed(b"\x1b[?5l");
            reversed && !looks(terminal, 0, 0).inverse
        }),
    ),
    ("bel", "", That(|terminal| terminal.feed(b"\x07").bell)),
    ("is2", "\x1b[2;3r\x1b[4h\x1b=\x1b[!p\x1b[?3;4l\x1b[4l\x1b>", That(is_reset)),
    ("rs2", "\x1b[2;3r\x1b[4h\x1b=\x1b[!p\x1b[?3;4l\x1b[4l\x1b>", That(is_reset)),
    ("rs1", "\x1b[2;3r\x1b[4h\x1b[31m\x1bc\x1b]104\x07", Text("", (0, 0))),
    // Questions.
    ("u6", "", That(|terminal| terminal.feed(b"\x1b[6n").answers == b"\x1b[3;3R")),
    ("u7", "", That(|terminal| terminal.feed(b"\x1b[6n").answers == b"\x1b[3;3R")),
    ("u8", "", That(|terminal| terminal.feed(b"\x1b[c").answers == b"\x1b[?1;2c")),
    ("u9", "", That(|terminal| terminal.feed(b"\x1b[c").answers == b"\x1b[?1;2c")),
    // There is no printer, the meta key always sends ESC, colours of the user's own terminal are left alone: nothing to see.
    ("mc0", "\x1b[i", Nothing),
    ("mc4", "\x1b[4i", Nothing),
    ("mc5", "\x1b[5i", Nothing),
    ("mc5i", "\x1b[5i", Nothing),
    ("smm", "\x1b[?1034h", Nothing),
    ("rmm", "\x1b[?1034l", Nothing),
    ("ccc", "\x1b]4;1;rgb:FF/00/00\x1b\\", Nothing),
    ("initc", "\x1b]4;1;rgb:FF/00/00\x1b\\", Nothing),
    ("oc", "\x1b]104\x07", Nothing),
    ("Cs", "\x1b]12;red\x07", Nothing),
    ("Cr", "\x1b]112\x07", Nothing),
    ("Ms", "\x1b]52;c;aGVsbG8=\x07", Nothing),
];

/// Properties that say how other capabilities behave, or that the program's terminal is of a size that the kernel tells.
const SAID: &[&str] = &["km", "npc", "XT", "cols", "lines", "pairs"];

fn shape(terminal: &Terminal) -> CursorShape {
    terminal.cursor().map_or(CursorShape::Default, |cursor| cursor.shape)
}

fn is_reset(terminal: &mut Terminal) -> bool {
    terminal.feed(b"\x1b[3;3Hx\x1b[5;1H\n");
    terminal.input_modes() == InputModes::default() && terminal.text() == "2abc\n3axc\n4abc\n5abc"
}

/// A key: name, code, modifiers, what it sends while `smkx` is on.
type Key = (String, KeyCode, KeyModifiers, String);

/// Keys with a modifier are named by its number in xterm's encoding; terminfo has older names for some with shift.
fn keys() -> Vec<Key> {
    const MODIFIERS: [(u8, KeyModifiers); 7] = [
        (2, KeyModifiers::SHIFT),
        (3, KeyModifiers::ALT),
        (4, KeyModifiers::SHIFT.union(KeyModifiers::ALT)),
        (5, KeyModifiers::CONTROL),
        (6, KeyModifiers::SHIFT.union(KeyModifiers::CONTROL)),
        (7, KeyModifiers::ALT.union(KeyModifiers::CONTROL)),
        (8, KeyModifiers::SHIFT.union(KeyModifiers::ALT).union(KeyModifiers::CONTROL)),
    ];
    let mut keys: Vec<Key> = Vec::new();
    let mut key =
        |name: &str, code, held, sent: &str| keys.push((name.to_string(), code, held, sent.to_string()));
    let none = KeyModifiers::NONE;
    for (name, code, sent) in [
        ("kbs", KeyCode::Backspace, "\x7f"),
        ("kcbt", KeyCode::BackTab, "\x1b[Z"),
        ("kcub1", KeyCode::Left, "\x1bOD"),
        ("kcud1", KeyCode::Down, "\x1bOB"),
        ("kcuf1", KeyCode::Right, "\x1bOC"),
        ("kcuu1", KeyCode::Up, "\x1bOA"),
        ("kdch1", KeyCode::Delete, "\x1b[3~"),
        ("kend", KeyCode::End, "\x1bOF"),
        ("khome", KeyCode::Home, "\x1bOH"),
        ("kich1", KeyCode::Insert, "\x1b[2~"),
        ("knp", KeyCode::PageDown, "\x1b[6~"),
        ("kpp", KeyCode::PageUp, "\x1b[5~"),
        ("kbeg", KeyCode::KeypadBegin, "\x1bOE"),
        ("kp5", KeyCode::KeypadBegin, "\x1bOE"),
    ] {
        key(name, code, none, sent);
    }
    for (name, code, start, last) in [
        ("kDC", KeyCode::Delete, "3", '~'),
        ("kEND", KeyCode::End, "1", 'F'),
        ("kHOM", KeyCode::Home, "1", 'H'),
        ("kIC", KeyCode::Insert, "2", '~'),
        ("kLFT", KeyCode::Left, "1", 'D'),
        ("kNXT", KeyCode::PageDown, "6", '~'),
        ("kPRV", KeyCode::PageUp, "5", '~'),
        ("kRIT", KeyCode::Right, "1", 'C'),
        ("kUP", KeyCode::Up, "1", 'A'),
        ("kDN", KeyCode::Down, "1", 'B'),
    ] {
        for (number, held) in MODIFIERS.into_iter().take(6) {
            let suffix = if number == 2 { String::new() } else { number.to_string() };
            key(&format!("{name}{suffix}"), code, held, &format!("\x1b[{start};{number}{last}"));
        }
    }
    key("kri", KeyCode::Up, KeyModifiers::SHIFT, "\x1b[1;2A");
    key("kind", KeyCode::Down, KeyModifiers::SHIFT, "\x1b[1;2B");
    // Twelve keys, then the same with shift, control, control and shift, alt, alt and shift.
    let rows = [(0, none), (2, KeyModifiers::SHIFT), (5, KeyModifiers::CONTROL)];
    let rows = rows.into_iter().chain([(6, MODIFIERS[4].1), (3, KeyModifiers::ALT), (4, MODIFIERS[2].1)]);
    for (row, (number, held)) in rows.enumerate() {
        for n in 1..=12_usize {
            let index = row * 12 + n;
            let sent = match (n, number) {
                (1..=4, 0) => format!("\x1bO{}", ["P", "Q", "R", "S"][n - 1]),
                (1..=4, number) => format!("\x1b[1;{number}{}", ["P", "Q", "R", "S"][n - 1]),
                (n, number) => {
                    let code = [15, 17, 18, 19, 20, 21, 23, 24][n - 5];
                    if number == 0 { format!("\x1b[{code}~") } else { format!("\x1b[{code};{number}~") }
                }
            };
            if index <= 63 {
                key(&format!("kf{index}"), KeyCode::F(n as u8), held, &sent);
            }
        }
    }
    keys
}

/// Keys of the numeric pad.
const PAD: &[(&str, KeyCode, char)] = &[
    ("kent", KeyCode::Enter, 'M'),
    ("ka1", KeyCode::Char('7'), 'w'),
    ("ka2", KeyCode::Char('8'), 'x'),
    ("ka3", KeyCode::Char('9'), 'y'),
    ("kb1", KeyCode::Char('4'), 't'),
    ("kb2", KeyCode::Char('5'), 'u'),
    ("kb3", KeyCode::Char('6'), 'v'),
    ("kc1", KeyCode::Char('1'), 'q'),
    ("kc2", KeyCode::Char('2'), 'r'),
    ("kc3", KeyCode::Char('3'), 's'),
    ("kpADD", KeyCode::Char('+'), 'k'),
    ("kpCMA", KeyCode::Char(','), 'l'),
    ("kpDIV", KeyCode::Char('/'), 'o'),
    ("kpDOT", KeyCode::Char('.'), 'n'),
    ("kpMUL", KeyCode::Char('*'), 'j'),
    ("kpSUB", KeyCode::Char('-'), 'm'),
    ("kpZRO", KeyCode::Char('0'), 'p'),
];

/// What is told of pastes and the mouse.
const TOLD: &[&str] = &["PS", "PE", "kmous", "xm"];

#[test]
fn every_capability_is_checked() {
    let mut checked: Vec<String> = DRAWN.iter().map(|(name, ..)| name.to_string()).collect();
    checked.extend(keys().into_iter().map(|(name, ..)| name));
    checked.extend(PAD.iter().map(|(name, ..)| name.to_string()));
    checked.extend([SAID, TOLD].concat().iter().map(|name| name.to_string()));
    let unique: BTreeSet<&str> = checked.iter().map(String::as_str).collect();
    assert_eq!(unique.len(), checked.len(), "a capability is checked twice");
    assert_eq!(unique, CAPABILITIES.split_whitespace().collect());
}

#[test]
fn what_is_sent_does_what_terminfo_says() {
    for (name, sequence, seen) in DRAWN {
        let mut terminal = screen(sequence);
        let now = (terminal.text(), cursor_of(&terminal));
        match seen {
            Text(text, at) => assert_eq!(now, (text.to_string(), Some(*at)), "{name}"),
            Cursor(row, col) => assert_eq!(now, (FULL.to_string(), Some((*row, *col))), "{name}"),
            Nothing => {
                assert_eq!(now, (FULL.to_string(), Some((2, 2))), "{name}");
                assert_eq!(terminal.feed(sequence.as_bytes()).answers, b"", "{name}");
            }
            Looks(style) => {
                let (row, col) = cursor(&terminal);
                assert_eq!(looks(&terminal, row, col - 1), *style, "{name}");
            }
            That(holds) => assert!(holds(&mut terminal), "{name}"),
        }
    }
}

fn cursor_of(terminal: &Terminal) -> Option<(u16, u16)> {
    terminal.cursor().map(|cursor| (cursor.row, cursor.col))
}

#[test]
fn keys_send_what_terminfo_says() {
    let modes = screen("\x1b[?1h\x1b=").input_modes();
    for (name, code, held, expected) in keys() {
        let mut sent = Vec::new();
        encode_key(&KeyEvent::new(code, held), modes, &mut sent);
        assert_eq!(String::from_utf8_lossy(&sent), expected, "{name}");
    }
    for (name, code, letter) in PAD {
        let key = KeyEvent::new_with_kind_and_state(
            *code,
            KeyModifiers::NONE,
            KeyEventKind::Press,
            KeyEventState::KEYPAD,
        );
        let mut sent = Vec::new();
        encode_key(&key, modes, &mut sent);
        assert_eq!(String::from_utf8_lossy(&sent), format!("\x1bO{letter}"), "{name}");
    }
}

#[test]
fn pastes_and_the_mouse_are_told_as_terminfo_says() {
    let modes = screen("\x1b[?2004h\x1b[?1006;1000h").input_modes();
    let mut sent = Vec::new();
    encode_paste("x", modes, &mut sent);
    assert_eq!(sent, b"\x1b[200~x\x1b[201~");
    for (kind, last) in
        [(MouseEventKind::Down(MouseButton::Left), 'M'), (MouseEventKind::Up(MouseButton::Left), 'm')]
    {
        let event = MouseEvent { kind, column: 4, row: 2, modifiers: KeyModifiers::NONE };
        let mut sent = Vec::new();
        encode_mouse(&event, modes, &mut sent);
        assert_eq!(String::from_utf8_lossy(&sent), format!("\x1b[<0;5;3{last}"));
    }
}
