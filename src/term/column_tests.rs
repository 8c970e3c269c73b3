//! Characters of every width: cells keep their columns, and a terminal that is drawn on with what the widget made of them shows the
//! same, frame after frame.

use proptest::prelude::*;
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{TerminalOptions, Viewport};
use unicode_width::UnicodeWidthStr;

use super::cell::Width;
use super::{Size, Terminal, TerminalView};

/// Text, and what may come between: of one column, two, none; joined, with selectors, from right to left, cut, and not text at all.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let text = prop::sample::select(vec![
        "a",
        "bc",
        " ",
        "é",
        "日",
        "本語",
        "한",
        "e\u{301}",
        "n\u{303}\u{323}",
        "\u{301}",
        "👩\u{200d}👩\u{200d}👧",
        "🏳\u{fe0f}\u{200d}🌈",
        "☺",
        "☺\u{fe0f}",
        "☺\u{fe0e}",
        "😀\u{fe0e}",
        "❤\u{fe0f}",
        "1\u{fe0f}\u{20e3}",
        "🇩🇪",
        "🇩",
        "👍🏽",
        "🏴\u{e0067}\u{e0062}\u{e007f}",
        "שלום",
        "مرحبا",
        "لا",
        "\u{202e}abc",
        "\u{200f}",
        "นั่ง",
        "क्षि",
        "\u{ad}",
        "\u{200b}",
        "\u{2060}",
        "\u{feff}",
        "\u{17d8}",
        "ﷺ",
        "\u{1160}",
        "ᄀ\u{1161}",
        "\u{115f}",
        "½",
        "Ａ",
        "\u{fffd}",
        "\u{10fffd}",
        "\u{e0200}",
        "\u{e0fff}",
        "\u{3164}",
        "─┐",
        "█",
    ])
    .prop_map(|text| text.as_bytes().to_vec());
    let cut = prop::sample::select(vec![
        &b"\xff"[..],
        b"\xc3",
        b"\xe6\x97",
        b"\xf0\x9f\x91",
        b"\xed\xa0\x80",
        b"\xc0\x80",
        b"\xf8",
    ])
    .prop_map(<[u8]>::to_vec);
    let sequence = prop::sample::select(vec![
        "\r",
        "\n",
        "\r\n",
        "\x08",
        "\t",
        "\x1b[D",
        "\x1b[3G",
        "\x1b[2;4H",
        "\x1b[H",
        "\x1b[@",
        "\x1b[P",
        "\x1b[2X",
        "\x1b[K",
        "\x1b[1K",
        "\x1b[L",
        "\x1b[M",
        "\x1b[4h",
        "\x1b[4l",
        "\x1b[?7l",
        "\x1b[?7h",
        "\x1b[3b",
        "\x1b[9m",
        "\x1b[m",
        "\x1b[44m",
        "\x1b[?69h\x1b[2;5s",
        "\x1b[?69l",
        "\x1b[S",
        "\x1bM",
        "\x1b(0",
        "\x1b(B",
        "\x1b[1;1;2;4;1;1;2$v",
        "\x1b[8m",
    ])
    .prop_map(|text| text.as_bytes().to_vec());
    prop_oneof![6 => text, 1 => cut, 2 => sequence]
}

fn size() -> impl Strategy<Value = Size> {
    (1..5_u16, 1..14_u16).prop_map(|(rows, cols)| Size { rows, cols })
}

/// Every wide cell has its second half behind it, and every half its cell before it.
fn assert_whole(terminal: &Terminal) -> Result<(), TestCaseError> {
    let size = terminal.size();
    for row in 0..size.rows {
        let widths: Vec<_> =
            (0..size.cols).filter_map(|col| terminal.cell(row, col)).map(|cell| cell.width).collect();
        for (col, width) in widths.iter().enumerate() {
            let next = widths.get(col + 1);
            prop_assert_eq!(
                *width == Width::Wide,
                next == Some(&Width::Continuation),
                "{:?} in row {}",
                widths,
                row
            );
        }
        prop_assert_ne!(widths[0], Width::Continuation);
    }
    Ok(())
}

/// What a user sees of a cell: its text, if it can be shown in its columns.
fn seen(terminal: &Terminal, row: u16, col: u16) -> (String, Width) {
    let cell = terminal.cell(row, col).expect("a cell of the screen");
    let text = if cell.text.is_empty() { " " } else { cell.text };
    (text.to_string(), cell.width)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_outer_terminal_is_never_out_of_step(
        size in size(),
        frames in prop::collection::vec(prop::collection::vec(piece(), 0..12), 1..5),
        cut in any::<prop::sample::Index>(),
        other in size(),
    ) {
        let mut inner = Terminal::new(size);
        let area = Rect::new(0, 0, size.cols, size.rows);
        let options = TerminalOptions { viewport: Viewport::Fixed(area) };
        let mut drawn = Vec::new();
        let mut outer = Terminal::new(size);
        {
            let mut window = ratatui::Terminal::with_options(CrosstermBackend::new(&mut drawn), options).expect("memory takes everything");
            let last = frames.len() - 1;
            for (number, frame) in frames.iter().enumerate() {
                let bytes = frame.concat();
                let at = if bytes.is_empty() { 0 } else { cut.index(bytes.len()) };
                inner.feed(&bytes[..at]);
                inner.feed(&bytes[at..]);
                assert_whole(&inner)?;
                if number == last {
                    // A window that became smaller or larger and is as it was cuts and pads, and leaves no halves.
                    inner.resize(other);
                    assert_whole(&inner)?;
                    inner.resize(size);
                    assert_whole(&inner)?;
                }
                window
                    .draw(|frame| frame.render_widget(TerminalView::new(&inner), area))
                    .expect("memory takes everything");
            }
        }
        outer.feed(&drawn);
        for row in 0..size.rows {
            for col in 0..size.cols {
                let (text, width) = seen(&inner, row, col);
                if width == Width::Continuation {
                    // Its first half is compared.
                    continue;
                }
                let columns = if width == Width::Wide { 2 } else { 1 };
                let (shown, shown_width) = seen(&outer, row, col);
                // What terminals measure differently is shown by a part of it, or by a space, in no more columns than it has.
                if text.width() == columns && !text.contains('\u{fe0f}') {
                    prop_assert_eq!((&shown, shown_width), (&text, width), "row {}, column {}", row, col);
                } else {
                    let part = shown == " " || text.starts_with(&shown);
                    prop_assert!(part && shown_width != Width::Continuation, "{:?} for {:?}", shown, text);
                    prop_assert!(width == Width::Wide || shown_width == Width::Narrow, "{:?} for {:?}", shown, text);
                }
            }
        }
    }
}
