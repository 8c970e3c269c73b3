//! The terminal on a buffer.

use ratatui::style::Color as Paint;

use super::*;
use crate::term::Size;

fn terminal(rows: u16, cols: u16, bytes: &str) -> Terminal {
    let mut terminal = Terminal::new(Size { rows, cols });
    terminal.feed(bytes.as_bytes());
    terminal
}

fn draw(view: TerminalView<'_>, width: u16, height: u16) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    view.render(buffer.area, &mut buffer);
    buffer
}

fn rows(buffer: &Buffer) -> Vec<String> {
    let row = |y| (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (0..buffer.area.height).map(row).collect()
}

#[test]
fn text_stands_where_it_stands() {
    let terminal = terminal(3, 6, "ab\r\n\x1b[3Cc");
    assert_eq!(rows(&draw(TerminalView::new(&terminal), 6, 3)), ["ab    ", "   c  ", "      "]);
}

#[test]
fn wide_and_combining_characters_keep_the_columns() {
    let terminal = terminal(1, 8, "日e\u{301}本x");
    let buffer = draw(TerminalView::new(&terminal), 8, 1);
    let symbols: Vec<_> = (0..8).map(|x| buffer[(x, 0)].symbol()).collect();
    assert_eq!(symbols, ["日", " ", "e\u{301}", "本", " ", "x", " ", " "]);
    // Half of a wide character is not drawn.
    let buffer = draw(TerminalView::new(&terminal), 4, 1);
    assert_eq!(buffer[(3, 0)].symbol(), " ");
}

#[test]
fn colours_and_attributes() {
    let bytes = "\x1b[31ma\x1b[95mb\x1b[38;5;200;48;5;17mc\x1b[38;2;1;2;3;48;2;4;5;6md\x1b[m\x1b[1me\x1b[22;2mf\x1b[22;3mg\x1b[23;4mh\x1b[24;7mi\x1b[27;5mj\x1b[25;9mk";
    let terminal = terminal(1, 12, bytes);
    let buffer = draw(TerminalView::new(&terminal), 12, 1);
    let colours: Vec<_> = (0..4).map(|x| (buffer[(x, 0)].fg, buffer[(x, 0)].bg)).collect();
    assert_eq!(
        colours,
        [
            (Paint::Indexed(1), Paint::Reset),
            (Paint::Indexed(13), Paint::Reset),
            (Paint::Indexed(200), Paint::Indexed(17)),
            (Paint::Rgb(1, 2, 3), Paint::Rgb(4, 5, 6)),
        ]
    );
    let modifiers: Vec<_> = (4..12).map(|x| buffer[(x, 0)].modifier).collect();
    let expected = [
        Modifier::BOLD,
        Modifier::DIM,
        Modifier::ITALIC,
        Modifier::UNDERLINED,
        Modifier::REVERSED,
        Modifier::SLOW_BLINK,
        Modifier::CROSSED_OUT,
        Modifier::empty(),
    ];
    assert_eq!(modifiers, expected);
}

#[test]
fn colours_that_the_program_set_are_its_panes_alone() {
    let set = "\x1b]4;1;rgb:01/02/03;200;#040506\x07\x1b]10;#070809\x07\x1b]11;#0a0b0c\x07";
    let text = "\x1b[31ma\x1b[32;48;5;200mb\x1b[m c";
    let mut shown = terminal(1, 4, &format!("{text}{set}"));
    let colours = |shown: &Terminal| -> Vec<_> {
        let buffer = draw(TerminalView::new(shown), 5, 1);
        (0..5).map(|x| (buffer[(x, 0)].fg, buffer[(x, 0)].bg)).collect()
    };
    let (text, ground) = (Paint::Rgb(7, 8, 9), Paint::Rgb(10, 11, 12));
    assert_eq!(
        colours(&shown),
        [
            (Paint::Rgb(1, 2, 3), ground),
            (Paint::Indexed(2), Paint::Rgb(4, 5, 6)),
            (text, ground),
            (text, ground),
            // Outside of the screen.
            (Paint::Reset, Paint::Reset),
        ]
    );
    shown.feed(b"\x1b]104;1\x07\x1b]111\x07");
    assert_eq!(
        colours(&shown)[..2],
        [(Paint::Indexed(1), Paint::Reset), (Paint::Indexed(2), Paint::Rgb(4, 5, 6))]
    );
}

#[test]
fn dimmed_dims_every_cell_and_keeps_the_text() {
    let terminal = terminal(2, 4, "\x1b[1;31mab\x1b[m");
    let buffer = draw(TerminalView::new(&terminal).dimmed(true), 4, 2);
    assert_eq!(rows(&buffer), ["ab  ", "    "]);
    assert!(buffer.content.iter().all(|cell| cell.modifier == Modifier::DIM), "{buffer:?}");
}

#[test]
fn what_was_on_the_buffer_is_gone() {
    let terminal = terminal(1, 2, "ab");
    let mut buffer = Buffer::filled(Rect::new(0, 0, 4, 3), ratatui::buffer::Cell::new("#"));
    TerminalView::new(&terminal).render(Rect::new(1, 0, 3, 2), &mut buffer);
    assert_eq!(rows(&buffer), ["#ab ", "#   ", "####"]);
}

#[test]
fn no_area_is_too_small_or_too_large() {
    for (rows, cols) in [(1, 1), (1, 2), (3, 5), (60, 200)] {
        let terminal = terminal(rows, cols, "日本\u{301}\r\nxyz\n\n\n\n\n\x1b[?1049h日");
        for width in [0, 1, 2, 5, 201] {
            for height in [0, 1, 3, 61] {
                draw(TerminalView::new(&terminal).dimmed(true), width, height);
            }
        }
        // An area that is not all on the buffer.
        let mut buffer = Buffer::empty(Rect::new(0, 0, 10, 10));
        TerminalView::new(&terminal).render(Rect::new(5, 5, 50, 50), &mut buffer);
        TerminalView::new(&terminal).render(Rect::new(50, 50, 5, 5), &mut buffer);
    }
}
