//! What a hostile remote has done to other terminals, each by the advisory that told of it: whoever can write to the screen (a file
//! that is shown, a name in a list, a log line) must not be able to type at the shell, to reach the user's own terminal or files,
//! or to stop the program.
//!
//! [`MARK`] stands for text that the remote chose: it may come back nowhere but on the screen.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget as _;

use super::{Clipboard, Fed, Size, Terminal, TerminalView};

const MARK: &str = "Zq;id\n";

/// Which advisory, and what was written. `{}` stands for [`MARK`].
const TRICKS: &[(&str, &str)] = &[
    // The title, set and then asked for.
    ("CVE-2003-0063 xterm, title report", "\x1b]2;{}\x07\x1b[21t"),
    (
        "CVE-2003-0065 uxterm; 0066 rxvt; 0068 Eterm; 0069 PuTTY; 0070 VTE, title report",
        "\x1b]0;{}\x1b\\\x1b[21t",
    ),
    ("CVE-2010-2713 VTE, icon title report", "\x1b]1;{}\x07\x1b[20t"),
    (
        "CVE-2022-23465 SwiftTerm; CVE-2022-46387 and CVE-2023-39150 ConEmu, title report",
        "\x1b]2;{}\x1b\\\x1b[21;1t\x1b[20;1t",
    ),
    (
        "CVE-2024-38395 and 38396 iTerm2; CVE-2024-56803 Ghostty, title report",
        "\x1b[22;0t\x1b]0;{}\x07\x1b[23;0t\x1b[21t",
    ),
    ("title asked for through OSC", "\x1b]l{}\x1b\\\x1b]L{}\x1b\\\x1b]2;?\x07"),
    ("title with line ends and controls", "\x1b]2;a\r{}\u{8}\u{85}\u{9b}21t\x07\x1b[21t"),
    // A request whose answer repeats what was asked.
    ("CVE-2008-2383 xterm; CVE-2022-45872 iTerm2, DECRQSS", "\x1bP$q{}\x1b\\"),
    ("DECRQSS of a real setting with a tail", "\x1bP$qm{}\x1b\\\x1bP$q\"p{}\x1b\\\x1bP$q q{}\x1b\\"),
    ("CVE-2022-47583 mintty, DECRQSS and friends with a line end", "\x1bP$q\r{}\r\x1b\\"),
    ("XTGETTCAP", "\x1bP+q5a713b69640a\x1b\\\x1bP+q{}\x1b\\"),
    ("DECRQTSR, DECRSPS", "\x1b[1;1$u\x1bP1$t{}\x1b\\\x1b[1$w\x1b[2$w"),
    // Parts of the terminal that can be told a text, and be asked for it.
    ("CVE-2022-45063 xterm, font query", "\x1b]50;{}\x07\x1b]50;?\x07"),
    ("CVE-2021-33477 rxvt-unicode, graphics query", "\x1bGQ{}\x1bGQ;\r"),
    (
        "CVE-2020-35605 kitty, graphics error with the file's name",
        "\x1b_Gt=f,a=T;WnE7aWQK\x1b\\\x1b_Gi=1,a=q,t=f;{}\x1b\\",
    ),
    ("CVE-2022-41322 kitty, notification", "\x1b]99;i={}:d=0:a=report;{}\x1b\\\x1b]99;i={};p=?\x1b\\"),
    ("other notifications", "\x1b]9;{}\x07\x1b]777;notify;{};{}\x07"),
    ("CVE-2019-9535 iTerm2, tmux control mode", "\x1bP1000p%begin 1 1 1\n%output %1 {}\n%exit\n\x1b\\"),
    (
        "iTerm2: variables, files, profiles",
        "\x1b]1337;SetUserVar=a={}\x07\x1b]1337;ReportVariable=YQ==\x07\x1b]1337;File=name=WnE=;inline=0:WnE=\x07\x1b]1337;CopyToClipboard=\x07{}\x1b]1337;EndCopy\x07",
    ),
    (
        "colours set and asked for",
        "\x1b]4;1;rgb:{}/a/b;1;?\x07\x1b]12;#{}\x07\x1b]12;?\x07\x1b]4;{};?\x07\x1b]10;{}\x07\x1b]10;?\x07\x1b]11;?\x07\x1b]12;?\x07\x1b]4;1;{}\x07\x1b]4;1;?\x07\x1b]5;0;?\x07",
    ),
    ("CVE-2023-40359 xterm, ReGIS report of a character set", "\x1bPpR(L)\x1b\\\x1bPp@:A{}@;R(M(0))\x1b\\"),
    ("DECDLD and DECRQDE", "\x1bP0;1;0;0;0;1{ @{}\x1b\\\x1b[\"v"),
    ("graphics attributes, sixel", "\x1b[?1;1;0S\x1b[?2;1;0S\x1bPq#0;2;0;0;0{}\x1b\\"),
    // Keys and answerback that the remote sets, and has sent.
    ("answerback (ENQ), set in DEC's and in Wyse's way", "\x1bP1v{}\x1b\\\x05\x1bPu{}\x1b\\\x05\x05"),
    ("CVE-2003-0071 xterm, user-defined keys", "\x1bP0;1|17/5a713b69640a\x1b\\\x1bP0;1|{}\x1b\\"),
    ("macros that print themselves", "\x1bP1;0;0!z{}\x1b\\\x1b[1*z\x1bP2;0;1!z1b5b322a7a\x1b\\\x1b[2*z"),
    ("ANSI.SYS, a key redefined", "\x1b[13;\"{}\";13p\x1b[0;59;\"{}\"p"),
    // Files, programs, printers.
    (
        "CVE-2003-0021 Eterm; 0022 rxvt, the screen written to a file",
        "\x1b]55;/tmp/{}\x07\x1b]46;/tmp/{}\x07",
    ),
    ("CVE-2003-0023 rxvt; 0024 aterm, a menu entry that types", "\x1b]10;[:menu]/{}\x07\x1b]703;{}\x07"),
    ("xterm's log file; a menu; a shell of dtterm", "\x1b]46;{}\x1b\\\x1b]3;{}\x07\x1b]i{}\x1b\\"),
    (
        "media copy: print the screen, pass through to the printer",
        "\x1b[i\x1b[5i{}\x1b[4i\x1b[?5i{}\x1b[?4i\x1b[?1i",
    ),
    (
        "CVE-2022-44702 Windows Terminal; OSC 7 and 9;9, a folder",
        "\x1b]7;file://host/{}\x07\x1b]9;9;{}\x07\x1b]9;12\x07",
    ),
    ("Emacs and others, a command to run", "\x1b]51;E{}\x07\x1b]51;A{}\x07\x1b]52;c;?\x07"),
    // The clipboard, read.
    ("OSC 52, read", "\x1b]52;c;?\x07\x1b]52;;?\x1b\\\x1b]52;pc01;?\x07"),
    ("OSC 5522 and kitty's clipboard, read", "\x1b]5522;type=read;WnE=\x1b\\"),
    // A window that moves, hides, or grows.
    (
        "window operations",
        "\x1b[2t\x1b[3;9;9t\x1b[4;9999;9999t\x1b[8;9999;9999t\x1b[9;1t\x1b[11t\x1b[13t\x1b[14t\x1b[15t\x1b[16t\x1b[19t",
    ),
    ("132 columns", "\x1b[?40h\x1b[?3h"),
    ("VT52 mode, where other answers are given", "\x1b[?2l\x1bZ\x1b<"),
    // Sequences inside of others, cut, or in C1.
    ("a sequence in a string that never ends", "\x1b]2;{}\x1b[21t\x1bP$q{}\x18\x1b[21t"),
    ("C1 in UTF-8 and as a byte", "\u{9d}2;{}\u{9c}\u{9b}21t\u{90}$q{}\u{9c}"),
    ("a string in a string", "\x1b]2;\x1bP$q\x1b]2;{}\x07\x1b\\\x1b[21t"),
    ("CSI with controls in it", "\x1b[2\x0521\rt\x1b[21\n\x05t{}"),
];

/// What a program may be answered: `ESC [`, marks and numbers, a final letter; or our own name; or a setting in numbers.
fn is_answer(answers: &[u8]) -> bool {
    let text = std::str::from_utf8(answers).unwrap_or("\n");
    let name = concat!("P>|ssmtui(", env!("CARGO_PKG_VERSION"), ")");
    let plain = |body: &str| body.chars().all(|c| c.is_ascii_digit() || ";:?>=$*\"' !".contains(c));
    text.split('\x1b').skip(1).all(|one| match one.as_bytes() {
        [b'[', body @ .., last] => {
            last.is_ascii_alphabetic() && plain(std::str::from_utf8(body).unwrap_or("\n")) || one == "[0*{"
        }
        [b'P', ..] => {
            one == name
                || one == "P0+r"
                || one.split_once("$r").is_some_and(|(valid, setting)| {
                    ["P0", "P1"].contains(&valid)
                        && setting
                            .trim_end_matches(|c: char| c.is_ascii_lowercase())
                            .chars()
                            .all(|c| plain(&c.to_string()))
                })
        }
        b"\\" => true,
        // A colour, in digits.
        [b']', body @ ..] => {
            let body = std::str::from_utf8(body).unwrap_or("\n").trim_end_matches('\x07');
            body.split_once("rgb:").is_some_and(|(which, color)| {
                let indexed = which.strip_prefix("4;").and_then(|which| which.strip_suffix(';'));
                (["10;", "11;", "12;"].contains(&which) || indexed.is_some_and(plain))
                    && color.len() == 14
                    && color.chars().all(|c| c.is_ascii_hexdigit() || c == '/')
            })
        }
        _ => false,
    }) && (text.is_empty() || text.starts_with('\x1b'))
}

/// No symbol on the outer screen may hold what a terminal acts on.
fn assert_drawn(terminal: &Terminal, name: &str) {
    let mut buffer = Buffer::empty(Rect::new(0, 0, 80, 24));
    TerminalView::new(terminal).render(buffer.area, &mut buffer);
    for cell in buffer.content() {
        assert!(!cell.symbol().chars().any(char::is_control), "{name}: {:?} is drawn", cell.symbol());
    }
}

fn assert_harmless(terminal: &Terminal, fed: &Fed, name: &str) {
    assert!(is_answer(&fed.answers), "{name}: answered {:?}", String::from_utf8_lossy(&fed.answers));
    assert_eq!(fed.clipboard, None, "{name}: on the clipboard");
    assert!(!terminal.title().chars().any(char::is_control), "{name}: title {:?}", terminal.title());
    assert_eq!(terminal.size(), Size::default(), "{name}: the size is the user's");
    assert_drawn(terminal, name);
}

#[test]
fn no_known_trick_types_at_the_shell_or_reaches_the_users_terminal() {
    for (name, written) in TRICKS {
        let written = written.replace("{}", MARK);
        let mut terminal = Terminal::new(Size::default());
        let fed = terminal.feed(written.as_bytes());
        assert_harmless(&terminal, &fed, name);
        // A shell that was left in a string takes the next prompt, and no more than a reset to be right again.
        let fed = terminal.feed(b"\x1b\\\x1bc$ ls\r\n");
        assert_harmless(&terminal, &fed, name);
        assert_eq!(terminal.text(), "$ ls", "{name}");
    }
}

/// The same, with each byte by itself, and in eight bits.
#[test]
fn no_trick_works_in_pieces() {
    for (name, written) in TRICKS {
        let written = written.replace("{}", MARK).replace("\x1b]", "\u{9d}").replace("\x1b[", "\u{9b}");
        let mut terminal = Terminal::new(Size::default());
        for byte in written.bytes() {
            let fed = terminal.feed(&[byte]);
            assert_harmless(&terminal, &fed, name);
        }
    }
}

/// CVE-2003-0078 and 0079 (hanterm), CVE-2012-2738 (VTE): numbers that make a terminal work for ever.
#[test]
fn large_numbers_end() {
    for last in "@ABCDEFGHIJKLMPSTXZ`abcdefghlmnqrstu".chars() {
        for number in
            ["4294967295", "18446744073709551615", "99999999999999999999999", "65535;65535;65535;65535"]
        {
            let mut terminal = Terminal::new(Size::default());
            let fed =
                terminal.feed(format!("x\x1b[{number}{last}\x1b[?{number}{last}\x1b[{number}$r").as_bytes());
            assert!(is_answer(&fed.answers), "{last}: {:?}", String::from_utf8_lossy(&fed.answers));
            assert_eq!(terminal.size(), Size::default());
        }
    }
}

/// CVE-2021-28847, 28848, 31701, 33500, 40147, 42095 (MobaXterm, mintty, PuTTY, ZOC, Xshell): titles without end. One piece of output
/// tells of one change, however many there were.
#[test]
fn titles_without_end_are_one_change_and_take_no_memory() {
    let mut terminal = Terminal::new(Size::default());
    let mut flood = String::new();
    for number in 0..20_000 {
        flood.push_str(&format!("\x1b]2;{number}{}\x07\x1b[22t", "x".repeat(20)));
    }
    let fed = terminal.feed(flood.as_bytes());
    assert!(fed.title_changed && fed.answers.is_empty());
    assert!(terminal.title().starts_with("19999x"));
    assert!(terminal.dialect_titles() <= 64, "{} titles are kept", terminal.dialect_titles());
    terminal.feed(format!("\x1b]2;{}\x07", "長".repeat(1 << 20)).as_bytes());
    assert!(terminal.title().len() <= 1024);
}

/// CVE-2021-27135 (xterm) and CVE-2021-26937 (screen): combining characters without end on one cell.
#[test]
fn a_cell_does_not_grow_without_end() {
    let mut terminal = Terminal::new(Size::default());
    for mark in ["\u{301}", "\u{20dd}", "\u{fe0f}", "\u{200d}👩", "\u{e0100}"] {
        terminal.feed(b"\x1b[Ha");
        for _ in 0..10_000 {
            terminal.feed(mark.as_bytes());
        }
        let longest = (0..24).flat_map(|row| (0..80).map(move |col| (row, col)));
        let longest =
            longest.filter_map(|(row, col)| terminal.cell(row, col).map(|cell| cell.text.len())).max();
        assert!(longest.unwrap_or_default() <= 64, "{mark:?} makes a cell of {longest:?} bytes");
        assert_drawn(&terminal, mark);
    }
}

/// Strings that never end are not kept whole, and what follows them is the shell's again.
#[test]
fn strings_without_end_take_no_memory() {
    for start in ["\x1b]52;c;", "\x1b]2;", "\x1b]8;;", "\x1bP$q", "\x1b_G", "\x1b^", "\x1bX", "\x1b["] {
        let mut terminal = Terminal::new(Size::default());
        terminal.feed(start.as_bytes());
        for _ in 0..64 {
            let fed = terminal.feed(&[b'1'; 1 << 16]);
            assert_eq!(fed, Fed::default(), "{start:?}");
        }
        let fed = terminal.feed(b"\x1b\\\x18\x1bcok");
        assert!(
            matches!(fed.clipboard, None | Some(Clipboard::TooLong | Clipboard::NoText)),
            "{start:?}: {fed:?}"
        );
        assert!(terminal.title().len() <= 1024);
        assert_eq!(terminal.text(), "ok", "{start:?}");
    }
}

/// CVE-2022-46663 (less) and the like: a link's target is one that a person can read, whatever was written.
#[test]
fn titles_and_links_hide_nothing() {
    for hidden in ["\u{202e}", "\u{2066}", "\u{200e}", "\u{85}", "\x08"] {
        let mut terminal = Terminal::new(Size::default());
        terminal.feed(format!("\x1b]2;a{hidden}b\x1b\\").as_bytes());
        assert!(!terminal.title().contains(hidden), "{:?}", terminal.title());
    }
}

#[test]
fn what_other_terminals_answered_would_be_found() {
    for answered in [
        "\x1b]lZq;id\n\x1b\\",
        "Zq;id\n",
        "\x1bP0$rZq;id\n\x1b\\",
        "\x1bP1$rZq;id\n\x1b\\",
        "\x1b[Zq;idt",
        "0\n",
        "\x1b]50;a\x1b\\",
        "\x1b]10;rgb:Zq;id/0000/0000\x07",
        "\x1b]4;a;rgb:0000/0000/0000\x07",
        "\x1b]11;rgb:0000/0000/0000;id\x07",
    ] {
        assert!(!is_answer(answered.as_bytes()), "{answered:?}");
    }
    let color = "\x1b]4;1;rgb:1212/3434/abab\x07\x1b]11;rgb:ffff/ffff/ffff\x1b\\";
    for answered in ["\x1b[?1;2c\x1b[0n", "\x1bP1$r0;1m\x1b\\", "\x1bP0$r\x1b\\", color, ""] {
        assert!(is_answer(answered.as_bytes()), "{answered:?}");
    }
}
