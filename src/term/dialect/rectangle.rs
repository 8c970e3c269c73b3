//! Rectangles of cells: copied, filled and erased by drawing them anew, which is all that `vt100` lets one do with a part of a
//! row. What scrolls between left and right margins is moved so, and what a program asks for with the VT420's rectangle
//! operations. Selective erasure is here, too: it leaves the cells that DECSCA protects.

use super::super::cell::Width;
use super::rendition::Rendition;
use super::translate::Translator;

/// Rows and columns from 1, the last ones included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rectangle {
    pub top: u16,
    pub left: u16,
    pub bottom: u16,
    pub right: u16,
}

impl Rectangle {
    pub fn rows(self) -> u16 {
        (self.bottom + 1).saturating_sub(self.top)
    }

    pub fn cols(self) -> u16 {
        (self.right + 1).saturating_sub(self.left)
    }

    pub fn is_empty(self) -> bool {
        self.rows() == 0 || self.cols() == 0
    }
}

/// A cell that was taken up to be put down elsewhere.
struct Taken {
    text: String,
    looks: Rendition,
    width: Width,
}

impl Translator<'_> {
    /// Draws the cells of `from` once more with their first one at `top`, `left`; what would be outside of the screen is cut. The
    /// cursor stays.
    pub(super) fn copy_rectangle(&mut self, from: Rectangle, top: u16, left: u16) {
        let size = self.state.size;
        let rows = from.rows().min((size.rows + 1).saturating_sub(top));
        let cols = from.cols().min((size.cols + 1).saturating_sub(left));
        let back = self.cursor();
        let taken: Vec<Vec<_>> =
            (0..rows).map(|row| self.take_up(from.top + row, from.left, from.left + cols)).collect();
        let mut looks = Rendition::default();
        looks.write(&mut self.state.out);
        for (row, cells) in (top..).zip(taken) {
            for (col, cell) in (left..).zip(cells) {
                if cell.width == Width::Continuation {
                    continue;
                }
                if looks != cell.looks {
                    looks = cell.looks;
                    looks.write(&mut self.state.out);
                }
                self.emit(format_args!("\x1b[{row};{col}H"));
                if cell.text.is_empty() {
                    self.state.out.extend_from_slice(b"\x1b[X");
                } else {
                    self.state.out.extend_from_slice(cell.text.as_bytes());
                }
            }
        }
        self.write_rendition();
        self.go_back(back);
    }

    /// The cells of a row from column `left` to before `end`; halves of wide ones are blank.
    fn take_up(&self, row: u16, left: u16, end: u16) -> Vec<Taken> {
        let mut cells = Vec::new();
        for col in left..end {
            let Some((text, cell)) = self.emulator.drawn(row - 1, col - 1) else { break };
            let cut = match cell.width {
                Width::Narrow => false,
                Width::Wide => col + 1 == end,
                Width::Continuation => col == left,
            };
            let (text, width) = if cut { ("", Width::Narrow) } else { (text, cell.width) };
            cells.push(Taken { text: text.to_string(), looks: Rendition::of(cell.style), width });
        }
        cells
    }

    /// Erases to the colour of the background that is set. The cursor stays.
    pub(super) fn blank(&mut self, area: Rectangle) {
        if area.is_empty() {
            return;
        }
        let back = self.cursor();
        self.state.rendition.write_background(&mut self.state.out);
        for row in area.top..=area.bottom {
            self.emit(format_args!("\x1b[{row};{}H\x1b[{}X", area.left, area.cols()));
        }
        self.write_rendition();
        self.go_back(back);
    }

    /// As [`Self::blank`], but for the cells that are protected.
    fn blank_selectively(&mut self, area: Rectangle) {
        // No mark was ever drawn: nothing is protected.
        if !self.state.marked {
            self.blank(area);
            return;
        }
        let back = self.cursor();
        for row in area.top..=area.bottom {
            let mut left = area.left;
            for col in area.left..=area.right + 1 {
                if col > area.right || self.emulator.is_protected(row - 1, col - 1) {
                    self.blank(Rectangle { top: row, left, bottom: row, right: col - 1 });
                    left = col + 1;
                }
            }
        }
        self.go_back(back);
    }

    /// DECSED, `CSI ? J`.
    pub(super) fn erase_screen_selectively(&mut self, which: u16) {
        let ((row, _), size) = (self.shown(), self.state.size);
        let rows = |top, bottom| Rectangle { top, left: 1, bottom, right: size.cols };
        match which {
            0 => {
                self.erase_row_selectively(0);
                self.blank_selectively(rows(row + 1, size.rows));
            }
            1 => {
                self.blank_selectively(rows(1, row - 1));
                self.erase_row_selectively(1);
            }
            2 => self.blank_selectively(rows(1, size.rows)),
            _ => {}
        }
    }

    /// DECSEL, `CSI ? K`.
    pub(super) fn erase_row_selectively(&mut self, which: u16) {
        let ((row, col), cols) = (self.shown(), self.state.size.cols);
        let (left, right) = match which {
            0 => (col, cols),
            1 => (1, col),
            2 => (1, cols),
            _ => return,
        };
        self.blank_selectively(Rectangle { top: row, left, bottom: row, right });
    }

    /// Puts the cursor where [`Self::cursor`] said that it was. A wrap that was due no longer is.
    pub(super) fn go_back(&mut self, (row, col): (u16, u16)) {
        self.emit(format_args!("\x1b[{};{}H", row + 1, col + 1));
    }

    /// The rectangle of a sequence's parameters from number `first` on, in the coordinates that origin mode gives; the screen, where
    /// there are none.
    fn rectangle(&mut self, params: &[u16], first: usize) -> Option<Rectangle> {
        let number = |index: usize| params.get(first + index).copied().unwrap_or(0);
        let area = self.state.addressable();
        let place = |value: u16, default: u16, start: u16, end: u16| match value {
            0 => default,
            value => (value - 1).saturating_add(start).min(end),
        };
        let rectangle = Rectangle {
            top: place(number(0), area.top, area.top, area.bottom),
            left: place(number(1), area.left, area.left, area.right),
            bottom: place(number(2), area.bottom, area.top, area.bottom),
            right: place(number(3), area.right, area.left, area.right),
        };
        (!rectangle.is_empty()).then_some(rectangle)
    }

    /// DECCRA, `CSI top ; left ; bottom ; right ; page ; top ; left ; page $ v`.
    pub(super) fn copy_area(&mut self, params: &[u16]) {
        let number = |index: usize| params.get(index).copied().unwrap_or(0).max(1);
        // The end comes before the beginning: nothing is meant.
        if params.len() >= 4
            && params[2] != 0
            && (params[2] < params[0] || params[3] != 0 && params[3] < params[1])
        {
            return;
        }
        let Some(from) = self.rectangle(params, 0) else { return };
        let area = self.state.addressable();
        let (top, left) = (number(5).saturating_add(area.top - 1), number(6).saturating_add(area.left - 1));
        if top <= self.state.size.rows && left <= self.state.size.cols {
            self.copy_rectangle(from, top, left);
        }
    }

    /// DECERA, `CSI top ; left ; bottom ; right $ z`.
    pub(super) fn erase_area(&mut self, params: &[u16]) {
        if let Some(area) = self.rectangle(params, 0) {
            self.blank(area);
        }
    }

    /// DECSERA, `CSI top ; left ; bottom ; right $ {`.
    pub(super) fn erase_area_selectively(&mut self, params: &[u16]) {
        if let Some(area) = self.rectangle(params, 0) {
            self.blank_selectively(area);
        }
    }

    /// DECFRA, `CSI character ; top ; left ; bottom ; right $ x`.
    pub(super) fn fill_area(&mut self, params: &[u16]) {
        let code = params.first().copied().unwrap_or(0);
        let (Some(c @ (' '..='~' | '\u{a0}'..='\u{ff}')), Some(area)) =
            (char::from_u32(code.into()), self.rectangle(params, 1))
        else {
            return;
        };
        let c = self.state.charsets.map(c);
        let back = self.cursor();
        for row in area.top..=area.bottom {
            self.emit(format_args!("\x1b[{row};{}H", area.left));
            for _ in 0..area.cols() {
                self.state.out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        self.go_back(back);
    }
}
