//! A remote that writes anything, in any pieces, while the window changes: no panic, the same screen as in one piece, nothing on
//! the outer screen that a terminal would act on.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use ratatui::{buffer::Buffer, layout::Rect, widgets::Widget};
use ssmtui_fuzz::term::{Size, Terminal, TerminalView};

#[derive(Arbitrary, Debug)]
enum Op {
    Write { bytes: Vec<u8>, cut: u8 },
    Resize { rows: u8, cols: u16 },
    Draw,
    LookBack,
}

fn text(terminal: &Terminal) -> String {
    let mut text = String::new();
    for row in terminal.freeze().rows() {
        row.plain(&mut text);
        text.push('\n');
    }
    text
}

fuzz_target!(|ops: Vec<Op>| {
    let mut whole = Terminal::new(Size::default());
    let mut pieces = Terminal::new(Size::default());
    for op in ops {
        match op {
            Op::Write { bytes, cut } => {
                whole.feed(&bytes);
                let (first, second) = bytes.split_at(usize::from(cut).min(bytes.len()));
                pieces.feed(first);
                pieces.feed(second);
            }
            Op::Resize { rows, cols } => {
                let size = Size { rows: u16::from(rows % 201), cols: cols % 501 };
                whole.resize(size);
                pieces.resize(size);
                assert_eq!(whole.size(), size.at_least_one());
            }
            Op::Draw => {
                let mut buffer = Buffer::empty(Rect::new(0, 0, 80, 24));
                TerminalView::new(&whole).render(buffer.area, &mut buffer);
                for cell in buffer.content() {
                    assert!(!cell.symbol().chars().any(char::is_control), "{:?}", cell.symbol());
                }
            }
            Op::LookBack => assert_eq!(text(&whole), text(&pieces)),
        }
        assert_eq!(whole.cursor(), pieces.cursor());
    }
    // Once: a large screen costs more to read than most inputs to draw.
    assert_eq!(whole.text(), pieces.text());
});
