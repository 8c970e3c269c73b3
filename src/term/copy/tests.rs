//! Looking back, over what real terminals hold; each part held against a slow and obvious way.

use proptest::prelude::*;

use super::*;
use crate::term::Terminal;
use crate::term::cell::{Color, Style};

fn terminal(rows: u16, cols: u16, bytes: &str) -> Terminal {
    let mut terminal = Terminal::new(Size { rows, cols });
    terminal.feed(bytes.as_bytes());
    terminal
}

fn look(rows: u16, cols: u16, bytes: &str) -> CopyMode {
    let terminal = terminal(rows, cols, bytes);
    let cursor = terminal.cursor().expect("the cursor is shown");
    CopyMode::new(terminal.freeze(), terminal.size(), (cursor.row, cursor.col))
}

/// The rows in view.
fn view(copy: &CopyMode) -> Vec<String> {
    copy.view()
        .map(|(_, line, part)| {
            let mut text = String::new();
            copy.lines().part(line, part, &mut text);
            text
        })
        .collect()
}

fn at(line: usize, column: usize) -> Position {
    Position { line, column }
}

#[test]
fn it_begins_as_the_screen_is_and_stands_still() {
    let mut terminal = terminal(3, 10, "1\r\n2\r\n3\r\nfour and five\r\n$ ");
    let mut copy = CopyMode::new(terminal.freeze(), terminal.size(), (2, 2));
    assert_eq!(view(&copy), ["four and f", "ive", "$"]);
    assert_eq!((copy.cursor(), copy.cursor_cell()), (at(4, 0), (2, 0)), "on the last character");
    terminal.feed(b"\x1b[2J\x1b[3Jgone\r\n\r\n\r\n\r\n");
    assert_eq!(view(&copy), ["four and f", "ive", "$"]);
    assert!(copy.scroll(-2));
    assert_eq!((view(&copy), copy.rows_back()), (vec!["2".into(), "3".into(), "four and f".into()], 2));
    assert_eq!(copy.cursor_cell(), (2, 0), "the cursor stays in view");
    assert!(copy.scroll(-9) && !copy.scroll(-1));
    assert_eq!(view(&copy), ["1", "2", "3"]);
}

#[test]
fn lines_are_cut_to_the_width_of_the_moment() {
    let mut copy = look(3, 10, "abcdefghijklmnopqrstuvwx\r\n日本語日本語日本語\r\nend");
    copy.move_to(at(0, 12));
    copy.resize(Size { rows: 20, cols: 7 });
    assert_eq!(view(&copy), ["abcdefg", "hijklmn", "opqrstu", "vwx", "日本語", "日本語", "日本語", "end"]);
    assert_eq!((copy.cursor(), copy.cursor_cell()), (at(0, 12), (1, 5)));
    copy.resize(Size { rows: 2, cols: 30 });
    assert_eq!(view(&copy), ["abcdefghijklmnopqrstuvwx", "日本語日本語日本語"]);
}

/// What is copied of the oldest line.
fn copied(terminal: &Terminal, width: u16) -> String {
    let mut copy = CopyMode::new(terminal.freeze(), terminal.size(), (0, 0));
    copy.resize(Size { rows: 4, cols: width });
    copy.move_to(at(0, 0));
    copy.select(Unit::Line);
    copy.selected_text().expect("a line is selected")
}

#[test]
fn a_wide_character_that_did_not_fit_leaves_nothing_in_the_line() {
    let text = "a日本語b한국어c";
    let ways = [
        ("plain", ""),
        ("in colour", "\x1b[44m"),
        ("struck through", "\x1b[9m"),
        ("of a link", "\x1b]8;;https://a.example\x07"),
        ("in another character set", "\x1b(A"),
        ("over what was there", "\x1b[7mxxxxxxxxxxxxxxxxxxxxxxx\x1b[m\x1b[H"),
    ];
    for (way, before) in ways {
        for cols in 3..20 {
            let mut shown = terminal(8, cols, before);
            shown.feed(text.as_bytes());
            for width in 2..20 {
                let copied = copied(&shown, width);
                assert!(copied.starts_with(text), "{way}, {cols} columns, looked at in {width}: {copied:?}");
                assert!(copied.len() == text.len() || way.starts_with("over"), "{way}: {copied:?}");
            }
            // In pieces, and one character after the other.
            let mut pieces = terminal(8, cols, before);
            text.as_bytes().iter().for_each(|byte| drop(pieces.feed(&[*byte])));
            assert_eq!(pieces.text(), shown.text(), "{way}, {cols} columns");
            // Away from the screen, and back with a taller one.
            shown.feed(b"\x1b[8H\r\n\n\n\n\n\n\n\n");
            assert!(copied(&shown, 9).starts_with(text), "{way}, {cols} columns, above the screen");
            shown.resize(Size { rows: 16, cols });
            assert_eq!(shown.scrollback_len(), 0);
            assert!(copied(&shown, 9).starts_with(text), "{way}, {cols} columns, back on the screen");
        }
    }
}

#[test]
fn a_last_column_that_was_left_and_written_is_part_of_the_line_again() {
    let mut shown = terminal(3, 4, "abc日\x1b[1;4Hx");
    assert_eq!((shown.text().as_str(), copied(&shown, 9).as_str()), ("abcx\n日", "abcx日"));
    // A line that does not go on any more has a blank there.
    shown.feed("\x1b[2J\x1b[Habc日\x1b[H\x1b[P\x1b[2;1Hy".as_bytes());
    assert_eq!(copied(&shown, 9), "bc");
    // The cell looks as it did before, and as it does in xterm.
    shown.feed("\x1b[2J\x1b[H\x1b[41;4m\x1b[2K\x1b[mabc\x1b[4;32m日".as_bytes());
    let left = shown.cell(0, 3).expect("a cell of the screen");
    let red = Style { background: Color::Indexed(1), ..Style::default() };
    assert_eq!((left.text.trim(), left.style), ("", red));
    assert_eq!(shown.cell(1, 0).map(|cell| cell.style.foreground), Some(Color::Indexed(2)));
}

#[test]
fn motions_of_vi() {
    let mut copy = look(4, 20, "  let x = foo.bar(日本);\r\n\r\nnext line");
    copy.move_to(at(0, 0));
    let mut visit = |motions: &[Motion], columns: &[(usize, usize)]| {
        for (motion, to) in motions.iter().cycle().zip(columns) {
            copy.go(*motion);
            assert_eq!((copy.cursor().line, copy.cursor().column), *to, "{motion:?}");
        }
    };
    visit(
        &[Motion::Word],
        &[
            (0, 2),
            (0, 6),
            (0, 8),
            (0, 10),
            (0, 13),
            (0, 14),
            (0, 17),
            (0, 18),
            (0, 22),
            (1, 0),
            (2, 0),
            (2, 5),
            (2, 8),
        ],
    );
    visit(&[Motion::WordBack], &[(2, 5), (2, 0), (0, 22), (0, 18), (0, 17), (0, 14), (0, 13), (0, 10)]);
    visit(&[Motion::WordEnd], &[(0, 12), (0, 13), (0, 16), (0, 17), (0, 20), (0, 23), (2, 3), (2, 8)]);
    visit(
        &[Motion::First, Motion::LineEnd, Motion::LineText, Motion::LineStart],
        &[(0, 0), (0, 23), (0, 2), (0, 0)],
    );
    visit(&[Motion::Last], &[(2, 0)]);
    // By rows of the view, in the column where it began; a wide character is one step.
    visit(&[Motion::Up(1)], &[(1, 0), (0, 20), (0, 0)]);
    copy.move_to(at(0, 18));
    assert!(copy.go(Motion::Right));
    assert_eq!(copy.cursor(), at(0, 20));
    copy.go(Motion::Left);
    copy.go(Motion::Left);
    assert_eq!(copy.cursor(), at(0, 17));
    copy.move_to(at(2, 8));
    assert!(!copy.go(Motion::WordEnd) && !copy.go(Motion::Right) && !copy.go(Motion::Prompt));
}

#[test]
fn pages_and_prompts() {
    let lines: String = (0..50).map(|n| format!("line {n}\r\n")).collect();
    let mut copy = look(10, 20, &format!("\x1b]133;A\x07$ a\r\n{lines}\x1b]133;A\x07$ b\r\n{lines}$ c"));
    assert_eq!(copy.rows_back(), 0);
    copy.go(Motion::PageUp);
    assert_eq!((copy.rows_back(), copy.cursor_cell().0), (9, 9));
    copy.go(Motion::HalfDown);
    assert_eq!(copy.rows_back(), 4);
    copy.go(Motion::PromptBack);
    assert_eq!((copy.cursor(), copy.cursor_cell().0), (at(51, 0), 0));
    copy.go(Motion::PromptBack);
    assert_eq!(copy.cursor(), at(0, 0));
    assert!(!copy.go(Motion::PromptBack));
    copy.go(Motion::Prompt);
    assert_eq!(copy.cursor(), at(51, 0));
    copy.go(Motion::ViewTop);
    let top = copy.cursor();
    copy.go(Motion::ViewBottom);
    assert_eq!(copy.cursor().line, top.line + 9);
    copy.go(Motion::ViewMiddle);
    assert_eq!(copy.cursor().line, top.line + 4);
}

#[test]
fn selections_are_text() {
    let text = "one  two-2   \r\nlong line that wraps here\r\n\r\nlast";
    let mut copy = look(9, 10, text);
    let mut select = |unit, from: Position, to: Position| {
        copy.unselect();
        copy.move_to(from);
        copy.select(unit);
        copy.move_to(to);
        let forwards = copy.selected_text().unwrap();
        copy.swap_ends();
        assert_eq!(copy.cursor(), from);
        assert_eq!(copy.selected_text().unwrap(), forwards, "either end may be the cursor");
        forwards
    };
    assert_eq!(select(Unit::Character, at(0, 5), at(0, 7)), "two");
    assert_eq!(select(Unit::Character, at(0, 5), at(1, 3)), "two-2\nlong");
    assert_eq!(select(Unit::Character, at(1, 10), at(3, 0)), "that wraps here\n\nl");
    assert_eq!(select(Unit::Line, at(1, 4), at(1, 4)), "long line that wraps here");
    assert_eq!(select(Unit::Word, at(0, 6), at(0, 6)), "two-2");
    assert_eq!(select(Unit::Word, at(0, 1), at(1, 6)), "one  two-2\nlong line");
    assert_eq!(select(Unit::Block, at(0, 5), at(1, 13)), "  t\ng l\nt w");
    let mut copy = look(9, 10, "ab日c\r\nabcde");
    copy.move_to(at(0, 2));
    copy.select(Unit::Block);
    copy.move_to(at(1, 2));
    assert_eq!(copy.selected_text().unwrap(), "日\ncd", "a wide character takes its two columns along");
}

#[test]
fn a_search_is_incremental_and_goes_round() {
    let mut copy = look(4, 20, "Error one\r\nfine\r\nerror two\r\nmore\r\nERROR three\r\n$ ");
    let query = |text: &str| Query { text: text.into(), regex: false };
    let origin = copy.cursor();
    copy.find(query("e"), Direction::Backward, origin);
    copy.find(query("err"), Direction::Backward, origin);
    assert_eq!(copy.cursor(), at(4, 0));
    assert_eq!(copy.standing(), Standing::At { number: 3, count: 3, all: true });
    copy.next_match(false);
    assert_eq!((copy.cursor(), copy.cursor_cell()), (at(2, 0), (0, 0)), "it is brought into view");
    copy.next_match(false);
    copy.next_match(false);
    assert_eq!(copy.standing(), Standing::At { number: 3, count: 3, all: true }, "round the top");
    copy.next_match(true);
    assert_eq!(copy.cursor(), at(0, 0), "round the end");
    copy.find(query("Err"), Direction::Forward, origin);
    assert_eq!(copy.standing(), Standing::At { number: 1, count: 1, all: true }, "a capital is meant");
    copy.find(query("nothing"), Direction::Forward, origin);
    assert_eq!((copy.standing(), copy.cursor()), (Standing::None, origin));
    copy.find(Query { text: r"t(wo|hree)\b".into(), regex: true }, Direction::Forward, at(0, 0));
    assert_eq!((copy.cursor(), copy.standing()), (at(2, 6), Standing::At { number: 1, count: 2, all: true }));
    let found: Vec<_> = copy.found(2, 0..20).collect();
    assert_eq!(found, [(6..9, true)]);
    for text in ["(", r"\w{9999}"] {
        copy.find(Query { text: text.into(), regex: true }, Direction::Forward, at(0, 0));
        assert!(matches!(copy.standing(), Standing::Wrong(_)), "{text}");
    }
    assert!(copy.forget_search() && !copy.forget_search());
    assert_eq!(copy.standing(), Standing::Idle);
    // Over the wrap, in columns, not bytes.
    copy.find(query("x"), Direction::Forward, at(0, 0));
    let mut copy = look(4, 8, "日本語é wrapped");
    copy.find(query("é wrap"), Direction::Forward, at(0, 0));
    assert_eq!(copy.found(0, 0..99).collect::<Vec<_>>(), [(6..12, true)]);
}

#[test]
fn links_are_found_where_they_are() {
    let copy = look(
        12,
        30,
        "see https://a.example/x(1), or\r\n(http://b.example/).\r\n\x1b]8;;https://c.example\x07here\x1b]8;;\x07 www.d.example!\r\nsrc/main.rs:10:5: error in /var/log/x.log\r\n~/a/b:7 and 3/4, 10:30:05 ./c\r\nmailto:e@f.example <https://very.long.example/that/wraps>",
    );
    let found: Vec<_> =
        copy.links().into_iter().map(|link| (link.at.line, link.at.column, link.target)).collect();
    let expected = [
        (0, 4, "https://a.example/x(1)"),
        (1, 1, "http://b.example/"),
        (2, 0, "https://c.example"),
        (2, 5, "https://www.d.example"),
        (3, 0, "src/main.rs:10:5"),
        (3, 27, "/var/log/x.log"),
        (4, 0, "~/a/b:7"),
        (4, 26, "./c"),
        (5, 0, "mailto:e@f.example"),
        (5, 20, "https://very.long.example/that/wraps"),
    ];
    let found: Vec<_> = found.iter().map(|(line, column, target)| (*line, *column, &**target)).collect();
    assert_eq!(found, expected);
    for target in ["https://a.example", "HTTP://a"] {
        assert!(link::is_openable(target), "{target}");
    }
    for target in [
        "file:///etc/passwd",
        "mailto:a@b",
        "/bin/sh",
        "javascript:alert(1)",
        "https://a b",
        "-x",
        "ssh://h",
        "https",
    ] {
        assert!(!link::is_openable(target), "{target}");
    }
}

#[test]
fn what_is_in_view_is_text() {
    let mut copy = look(4, 6, "above\r\nlong line here\r\n\r\n\x1b[1mx\x1b[m  \r\n");
    assert_eq!(copy.view_text(), "re\n\nx");
    copy.scroll(-2);
    assert_eq!(copy.view_text(), "long line here");
}

#[test]
fn labels_are_told_apart_by_their_letters() {
    for count in [0, 1, 26, 27, 400] {
        let labels = link::labels(count);
        assert_eq!(labels.len(), count);
        for (index, label) in labels.iter().enumerate() {
            assert!(
                !labels[..index]
                    .iter()
                    .any(|other| other.starts_with(&**label) || label.starts_with(&**other))
            );
        }
    }
}

#[test]
fn what_is_saved_is_all_of_it() {
    let copy = look(3, 6, "\x1b[31mred\x1b[m and long\r\n  \r\nend\r\n\r\n");
    assert_eq!(copy.lines().export(false), "red and long\n\nend\n");
    assert_eq!(copy.lines().export(true), "\x1b[0;38;5;1mred\x1b[0m and long\n\nend\n");
}

fn text() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a",
        "B",
        "b c",
        "foo.bar",
        " ",
        "   ",
        "日",
        "本語",
        "e\u{301}",
        "\r\n",
        "\r\n",
        "\r\n\r\n",
        "/x/y:1",
        "Ab",
        "☺\u{fe0f}",
    ]);
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

/// Everything as cells: a line, its columns, its text.
fn slow(lines: &Lines) -> Vec<Vec<(usize, String)>> {
    (0..lines.len())
        .map(|line| lines.cells(line, 0).map(|cell| (cell.column, cell.cell.text.to_owned())).collect())
        .collect()
}

fn motion() -> impl Strategy<Value = Motion> {
    use Motion::*;
    prop::sample::select(vec![
        Left,
        Right,
        Up(1),
        Down(1),
        Up(3),
        PageUp,
        PageDown,
        HalfUp,
        HalfDown,
        Word,
        WordBack,
        WordEnd,
        LineStart,
        LineText,
        LineEnd,
        ViewTop,
        ViewMiddle,
        ViewBottom,
        First,
        Last,
        PromptBack,
        Prompt,
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Cutting lines to a width, against taking cell after cell until a row is full.
    #[test]
    fn rows_are_cut_as_by_hand(text in text(), width in 1u16..12, again in 1u16..20) {
        let mut copy = look(5, width.max(2), &text);
        copy.resize(Size { rows: 5, cols: again });
        let cells = slow(copy.lines());
        let mut rows = Vec::new();
        for (line, cells) in cells.iter().enumerate() {
            let mut row = Vec::new();
            let mut used = 0;
            for (index, (column, text)) in cells.iter().enumerate() {
                let end = cells.get(index + 1).map_or(copy.lines().columns(line), |next| next.0);
                if used + end - column > usize::from(again) && !row.is_empty() {
                    rows.push((line, std::mem::take(&mut row)));
                    used = 0;
                }
                used += end - column;
                row.push((*column, text.clone()));
            }
            rows.push((line, row));
        }
        prop_assert_eq!(copy.layout.rows(), rows.len());
        for (number, (line, cells)) in rows.iter().enumerate() {
            let (found, part) = copy.layout.part(&copy.lines, number);
            let shown: Vec<_> = copy.lines.cells(found, part.start)
                .take_while(|cell| cell.column < part.end)
                .map(|cell| (cell.column, cell.cell.text.to_owned()))
                .collect();
            prop_assert_eq!((found, &shown), (*line, cells));
            for (column, _) in cells {
                prop_assert_eq!(copy.layout.row(at(*line, *column)), number);
            }
        }
    }

    /// What is found, against a look at every place of every line in lower case.
    #[test]
    fn matches_are_those_of_a_plain_look(text in text(), needle in prop::sample::select(vec!["a", "b", "B", "ab", "Ab", " ", "日", "語日", "é", "foo", "."]), width in 2u16..12) {
        let mut copy = look(5, width, &text);
        copy.find(Query { text: needle.to_owned(), regex: false }, Direction::Forward, at(0, 0));
        let exact = needle.chars().any(char::is_uppercase);
        let mut count = 0;
        for (line, cells) in slow(copy.lines()).into_iter().enumerate() {
            let found: Vec<_> = copy.found(line, 0..usize::MAX).map(|(columns, _)| columns.start).collect();
            let text: String = cells.iter().map(|(_, text)| &**text).collect();
            let text = if exact { text } else { text.to_lowercase() };
            let mut starts = Vec::new();
            let mut from = 0;
            while let Some(place) = text[from..].find(needle) {
                let byte = from + place;
                let mut bytes = 0;
                let column = cells.iter().find(|(_, text)| {
                    let here = bytes >= byte;
                    bytes += text.len();
                    here
                });
                starts.push(column.map_or(copy.lines().columns(line), |(column, _)| *column));
                from = byte + needle.len();
            }
            prop_assert_eq!(&found, &starts);
            count += starts.len();
        }
        match copy.standing() {
            Standing::At { number, count: told, all } => prop_assert_eq!((number > 0, told, all), (true, count, true)),
            standing => prop_assert_eq!((standing, count), (Standing::None, 0)),
        }
    }

    /// What an expression finds, against another engine that is asked line by line.
    #[test]
    fn expressions_find_what_another_engine_finds(text in text(), expression in prop::sample::select(vec!["a", "B", "[ab]+", "a.", "o\\.b|本", "^b", "b$", "(a|b) *c", "日.?", ".*b", "x*", " +", "/[a-z]:[0-9]"]), width in 2u16..12) {
        let mut copy = look(5, width, &text);
        copy.find(Query { text: expression.to_owned(), regex: true }, Direction::Forward, at(0, 0));
        let other = regex_lite::RegexBuilder::new(expression).case_insensitive(expression != "B").build().expect("it is one");
        for (line, cells) in slow(copy.lines()).into_iter().enumerate() {
            let text: String = cells.iter().map(|(_, text)| &**text).collect();
            let column = |byte: usize| {
                let mut bytes = 0;
                let cell = cells.iter().find(|(_, text)| {
                    let here = bytes >= byte;
                    bytes += text.len();
                    here
                });
                cell.map_or(copy.lines().columns(line), |(column, _)| *column)
            };
            let expected: Vec<_> = other.find_iter(&text)
                .filter(|place| !place.is_empty())
                .map(|place| column(place.start())..column(place.end()))
                .collect();
            let found: Vec<_> = copy.found(line, 0..usize::MAX).map(|(columns, _)| columns).collect();
            prop_assert_eq!(found, expected);
        }
    }

    /// Wherever one goes: the cursor is on a cell and in view, and what is lit is what is copied.
    #[test]
    fn the_cursor_is_always_on_a_cell_in_view(
        text in text(),
        width in 1u16..12,
        motions in prop::collection::vec((motion(), prop::sample::select(vec![None, None, None, Some(Unit::Character), Some(Unit::Word), Some(Unit::Line), Some(Unit::Block)]), prop::option::weighted(0.1, (1u16..8, 1u16..12))), 1..30),
    ) {
        let mut copy = look(4, width, &text);
        for (motion, select, resize) in motions {
            if let Some((rows, cols)) = resize {
                let before = copy.cursor();
                copy.resize(Size { rows, cols });
                prop_assert_eq!(copy.cursor(), before);
            }
            if let Some(unit) = select {
                copy.select(unit);
            }
            copy.go(motion);
            let cursor = copy.cursor();
            let cells = slow(copy.lines());
            let on_cell = cells[cursor.line].iter().any(|(column, _)| *column == cursor.column);
            prop_assert!(on_cell || (cells[cursor.line].is_empty() && cursor.column == 0), "{:?}", cursor);
            let (row, col) = copy.cursor_cell();
            prop_assert!(row < copy.size().rows && col < copy.size().cols);
            let Some(selection) = copy.selection() else { continue };
            // Read off the rows what is lit.
            let mut lit = Vec::new();
            for row in 0..copy.layout.rows() {
                let columns = copy.selected(row);
                let (line, part) = copy.layout.part(&copy.lines, row);
                let text: String = cells[line].iter()
                    .filter(|(column, _)| columns.contains(column) && part.contains(column))
                    .map(|(_, text)| &**text)
                    .collect();
                match lit.last_mut() {
                    Some((last, all)) if *last == line && selection.unit != Unit::Block => { let all: &mut String = all; all.push_str(&text) }
                    _ if !columns.is_empty() => lit.push((line, text)),
                    _ => {}
                }
            }
            let text = lit.iter().map(|(_, text)| text.trim_end_matches(' ')).collect::<Vec<_>>().join("\n");
            prop_assert_eq!(copy.selected_text(), Some(text));
        }
    }
}
