//! Rows go in and come out as they were, within the bounds; held against a queue of plain rows.

use proptest::prelude::*;

use super::super::cell::{Cell, Color, Width};
use super::*;

fn plain(row: Row<'_>) -> String {
    let mut text = String::new();
    row.plain(&mut text);
    text
}

fn texts(scrollback: &Scrollback) -> Vec<String> {
    scrollback.rows().map(plain).collect()
}

fn pushed(text: &str) -> Scrollback {
    let mut scrollback = Scrollback::default();
    scrollback.push(text, false, &Links::default());
    scrollback
}

#[test]
fn keeps_the_newest_within_both_bounds() {
    let mut few = Scrollback::new(Bounds { lines: 3, bytes: MAX_BYTES });
    for number in 0..10 {
        few.push(&number.to_string(), false, &Links::default());
    }
    assert_eq!(texts(&few), ["7", "8", "9"]);
    assert_eq!(few.row(0).map(plain).as_deref(), Some("7"));
    assert!(few.row(3).is_none());
    assert_eq!(few.total(), 10);

    let mut small = Scrollback::new(Bounds { lines: MAX_LINES, bytes: 20_000 });
    for _ in 0..1_000 {
        small.push(&"x".repeat(60), false, &Links::default());
        assert!(small.bytes() <= 20_000);
    }
    assert!(small.len() > 150, "{}", small.len());
    small.forget_newest(usize::MAX);
    assert_eq!((small.len(), small.bytes()), (0, 0));
}

#[test]
fn invisible_ends_are_not_kept() {
    for (text, stored) in [
        ("a  ", "a"),
        ("\x1b[31ma\x1b[m   ", "a"),
        ("\x1b[31ma\x1b[m b  ", "a b"),
        ("\x1b[31ma   ", "a"),
        ("\x1b[41ma   ", "a   "),
        ("\x1b[4m \x1b[m   ", " "),
        ("   ", ""),
    ] {
        assert_eq!(texts(&pushed(text)), [stored], "{text:?}");
    }
    // What follows in the next row belongs to the same line: its spaces are between words.
    let mut wrapped = Scrollback::default();
    wrapped.push("a  ", true, &Links::default());
    assert_eq!(texts(&wrapped), ["a  "]);
}

#[test]
fn cells_come_back_as_they_were() {
    let scrollback =
        pushed("a\x1b[1;31;48;5;200me\u{301}\x1b[m日\x1b[38;2;1;2;3m\u{10fffd}☺\u{fe0f}\x1b[4;7;22mz");
    let row = scrollback.row(0).unwrap();
    let cells: Vec<_> = row.cells().collect();
    let texts: Vec<_> = cells.iter().map(|cell| cell.text).collect();
    assert_eq!(texts, ["a", "e\u{301}", "日", "\u{fffd}", "☺\u{fe0f}", "z"]);
    let wide: Vec<_> = cells.iter().map(|cell| cell.width == Width::Wide).collect();
    assert_eq!(wide, [false, false, true, false, true, false]);
    assert_eq!(row.columns(), (8, true));
    let (red, pink) = (Color::Indexed(1), Color::Indexed(200));
    assert_eq!(cells[1].style, Style { foreground: red, background: pink, bold: true, ..Style::default() });
    assert_eq!(cells[2].style, Style::default());
    let last = Style { foreground: Color::Rgb(1, 2, 3), underline: true, inverse: true, ..Style::default() };
    assert_eq!(cells[5].style, last);
}

#[test]
fn links_and_prompts_come_back() {
    let mut links = Links::default();
    let (a, b) = (links.mark("https://a.example"), links.mark("https://b.example"));
    let mut scrollback = Scrollback::default();
    scrollback.push(&format!("${} x{a}y{a}z{b} \x1b[1mw", carried::PROMPT), false, &links);
    let row = scrollback.row(0).unwrap();
    assert!(row.kind().prompt);
    assert_eq!(plain(row), "$ xyz w");
    let mut cells = row.cells();
    let mut found = Vec::new();
    while let Some(cell) = cells.next() {
        found.push((cell.text, cells.link()));
    }
    let (a, b) = (Some("https://a.example"), Some("https://b.example"));
    assert_eq!(found, [("$", None), (" ", None), ("x", a), ("y", a), ("z", b), (" ", None), ("w", None)]);
}

#[test]
fn ten_thousand_coloured_lines_take_less_than_a_mebibyte() {
    let mut scrollback = Scrollback::default();
    for line in 0..20_000 {
        let text = format!(
            "\x1b[{}m{line:>6}\x1b[m \x1b[34;1mINFO\x1b[m  request from \x1b[38;5;{}m10.1.4.{}\x1b[m took \x1b[4m{} ms",
            31 + line % 7,
            line % 256,
            line % 255,
            line % 997
        );
        scrollback.push(&text, false, &Links::default());
    }
    assert_eq!(scrollback.len(), MAX_LINES);
    assert!(scrollback.bytes() < 1024 * 1024, "{}", scrollback.bytes());
}

#[test]
fn a_copy_stands_still_while_the_original_goes_on() {
    let mut scrollback = Scrollback::new(Bounds { lines: 5, bytes: MAX_BYTES });
    for number in 0..5 {
        scrollback.push(&number.to_string(), false, &Links::default());
    }
    let copy = scrollback.unbounded();
    for number in 5..2_000 {
        scrollback.push(&number.to_string(), false, &Links::default());
    }
    scrollback.clear();
    assert_eq!(texts(&copy), ["0", "1", "2", "3", "4"]);
    assert_eq!(scrollback.total(), 2_000);
}

/// What a row is made of.
fn row_strategy() -> impl Strategy<Value = (Vec<(&'static str, Style)>, Kind)> {
    let text = prop_oneof![Just("a"), Just("bc"), Just(" "), Just("日"), Just("e\u{301}"), Just("☺\u{fe0f}")];
    let color = prop_oneof![
        3 => Just(Color::Default),
        2 => any::<u8>().prop_map(Color::Indexed),
        1 => any::<[u8; 3]>().prop_map(|[r, g, b]| Color::Rgb(r, g, b)),
    ];
    let style = (color.clone(), color, any::<[bool; 4]>()).prop_map(|(foreground, background, on)| Style {
        foreground,
        background,
        bold: on[0],
        italic: on[1],
        underline: on[2],
        inverse: on[3],
        ..Style::default()
    });
    let style = prop_oneof![2 => Just(Style::default()), 1 => style];
    (prop::collection::vec((text, style), 0..20), any::<[bool; 2]>())
        .prop_map(|(cells, [wrapped, prompt])| (cells, Kind { wrapped, prompt }))
}

#[derive(Debug, Clone)]
enum Step {
    Push(Vec<(&'static str, Style)>, Kind),
    Forget(usize),
    Clear,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn it_is_a_queue_of_rows(
        steps in prop::collection::vec(
            prop_oneof![
                20 => row_strategy().prop_map(|(cells, kind)| Step::Push(cells, kind)),
                2 => (0usize..9).prop_map(Step::Forget),
                1 => Just(Step::Clear),
            ],
            0..120,
        ),
        lines in 1usize..40,
        bytes in 3_000usize..9_000,
    ) {
        let mut scrollback = Scrollback::new(Bounds { lines, bytes });
        // The slow way: every row whole, as cells.
        let mut rows: Vec<(Vec<(String, Style)>, Kind)> = Vec::new();
        let last = steps.len();
        for (number, step) in steps.into_iter().enumerate() {
            let whole = number % 16 == 0 || number + 1 == last || !matches!(step, Step::Push(..));
            match step {
                Step::Push(cells, kind) => {
                    scrollback.write(40, |row| {
                        cells.iter().for_each(|(text, style)| row.push(text, *style, None));
                        kind
                    });
                    let mut slow: Vec<(String, Style)> =
                        cells.iter().flat_map(|(text, style)| match *text {
                            "bc" => vec![("b".to_owned(), *style), ("c".to_owned(), *style)],
                            text => vec![(text.to_owned(), *style)],
                        }).collect();
                    let blank = |(text, style): &(String, Style)| {
                        text == " " && style.background == Color::Default && !style.underline && !style.inverse
                    };
                    while !kind.wrapped && slow.last().is_some_and(blank) {
                        slow.pop();
                    }
                    rows.push((slow, kind));
                    prop_assert!(scrollback.bytes() <= bytes);
                }
                Step::Forget(count) => {
                    scrollback.forget_newest(count);
                    rows.truncate(rows.len().saturating_sub(count));
                }
                Step::Clear => {
                    scrollback.clear();
                    rows.clear();
                }
            }
            prop_assert!(scrollback.len() <= lines);
            prop_assert_eq!(scrollback.rows().count(), scrollback.len());
            // Whole blocks go where memory is short, so that there may be fewer than the slow way has.
            prop_assert!(scrollback.len() <= rows.len());
            rows.drain(..rows.len() - scrollback.len());
            for (index, (cells, kind)) in rows.iter().enumerate().filter(|_| whole) {
                let row = scrollback.row(index).unwrap();
                prop_assert_eq!(row.kind(), *kind);
                let found: Vec<(String, Style)> =
                    row.cells().map(|Cell { text, style, .. }| (text.to_owned(), style)).collect();
                prop_assert_eq!(&found, cells);
                let columns: usize = row.cells().map(|cell| if cell.width == Width::Wide { 2 } else { 1 }).sum();
                prop_assert_eq!(row.columns().0, columns);
            }
        }
    }
}
