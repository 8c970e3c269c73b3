//! Where the cursor may go and what scrolls: the scroll region, origin mode, and the left and right margins of a VT420.
//!
//! `vt100` knows the scroll region only. It is never told of origin mode: positions are counted out here. While the margins at
//! left and right are narrower than the screen, nothing is passed on as it came: text wraps, lines scroll and the cursor stops where
//! they say.

use super::State;
use super::rectangle::Rectangle;
use super::translate::Translator;

impl State {
    /// Where the screen scrolls.
    pub(super) fn region(&self) -> Rectangle {
        let screen = &self.screens[usize::from(self.alternate)];
        let (left, right) = if self.side_margins { (screen.left, screen.right) } else { (1, self.size.cols) };
        Rectangle { top: screen.top, left, bottom: screen.bottom, right }
    }

    /// Whether the margins at left and right leave out a part of the screen.
    pub(super) fn is_narrow(&self) -> bool {
        self.side_margins && {
            let screen = &self.screens[usize::from(self.alternate)];
            screen.left > 1 || screen.right < self.size.cols
        }
    }

    /// Where positions count from, and end: the screen, or in origin mode the region.
    pub(super) fn addressable(&self) -> Rectangle {
        if self.screens[usize::from(self.alternate)].origin {
            self.region()
        } else {
            Rectangle { top: 1, left: 1, bottom: self.size.rows, right: self.size.cols }
        }
    }
}

impl Translator<'_> {
    /// Row and column of the cursor as it is shown, from 1.
    pub(super) fn shown(&mut self) -> (u16, u16) {
        let (row, col) = self.cursor();
        let col = if self.state.due { col } else { col + 1 };
        (row + 1, col.min(self.state.size.cols))
    }

    /// Whether the next character is going to wrap.
    pub(super) fn wrap_is_due(&mut self) -> bool {
        self.state.due || self.cursor().1 >= self.state.size.cols
    }

    /// Forgets that a wrap is due, as every movement does. The crate would keep that in mind over vertical ones.
    pub(super) fn forget_wrap(&mut self) {
        if std::mem::take(&mut self.state.due) {
            self.state.out.extend_from_slice(b"\x1b[D");
        } else if self.cursor().1 >= self.state.size.cols {
            self.state.out.extend_from_slice(b"\x1b[C");
        }
    }

    /// Puts the cursor into a row and a column of the screen.
    pub(super) fn move_to(&mut self, row: u16, col: u16) {
        self.state.due = false;
        self.emit(format_args!("\x1b[{row};{col}H"));
    }

    /// CUP and its kin: parameters from 1, where 0 is none, and no parameter leaves the row or column as it is.
    pub(super) fn address(&mut self, row: Option<u16>, col: Option<u16>) {
        let area = self.state.addressable();
        let (row_now, col_now) = match (row, col) {
            (Some(_), Some(_)) => (0, 0),
            _ => self.shown(),
        };
        let row = row.map_or(row_now, |row| (row.max(1) - 1).saturating_add(area.top).min(area.bottom));
        let col = col.map_or(col_now, |col| (col.max(1) - 1).saturating_add(area.left).min(area.right));
        self.move_to(row, col);
    }

    /// CUF.
    pub(super) fn move_right(&mut self, count: u16) {
        let (row, col) = self.shown();
        let region = self.state.region();
        let end = if col <= region.right { region.right } else { self.state.size.cols };
        self.move_to(row, col.saturating_add(count).min(end));
    }

    /// CUB and backspace. Reverse wrap (`? 45`) goes on from the left margin at the right margin of the row above.
    pub(super) fn move_left(&mut self, count: u16) {
        let due = self.wrap_is_due();
        let (mut row, mut col) = self.shown();
        let region = self.state.region();
        let mut count = count;
        let reverse = self.state.reverse_wrap && self.state.autowrap;
        if reverse && due {
            count -= 1;
        }
        loop {
            let start = if col >= region.left { region.left } else { 1 };
            let step = count.min(col - start);
            col -= step;
            count -= step;
            if count == 0 || !reverse {
                break;
            }
            // More than a screen full of it leads nowhere new.
            count = (count - 1) % (region.rows().max(1) * region.cols().max(1)).max(1);
            row = if row == region.top { region.bottom } else { row.max(2) - 1 };
            col = region.right;
        }
        self.move_to(row, col);
    }

    /// CR: to the left margin, or from the left of it to the first column.
    pub(super) fn carriage_return(&mut self) {
        if !self.state.is_narrow() {
            self.state.out.push(b'\r');
            return;
        }
        let (row, col) = self.shown();
        let left = self.state.region().left;
        let origin = self.state.screen().origin;
        self.move_to(row, if col >= left || origin { left } else { 1 });
    }

    /// Whether the cursor is between the margins, on all sides.
    fn is_within(&mut self) -> bool {
        let (row, col) = self.shown();
        let region = self.state.region();
        (region.top..=region.bottom).contains(&row) && (region.left..=region.right).contains(&col)
    }

    /// IND and LF: down, and at the bottom margin everything up.
    pub(super) fn index(&mut self) {
        let narrow = self.state.is_narrow();
        if !narrow && !self.state.rendition.is_coloured() {
            self.state.out.push(b'\n');
            return;
        }
        let region = self.state.region();
        let at_bottom = self.cursor().0 + 1 == region.bottom;
        if !narrow {
            self.state.out.push(b'\n');
            if at_bottom {
                self.erase(format_args!("\x1b[2K"));
            }
        } else if !at_bottom {
            self.forget_wrap();
            self.state.out.extend_from_slice(b"\x1b[B");
        } else if self.is_within() {
            self.forget_wrap();
            self.shift_up(region, 1);
        }
    }

    /// RI: up, and at the top margin everything down.
    pub(super) fn reverse_index(&mut self) {
        self.forget_wrap();
        let region = self.state.region();
        let at_top = self.cursor().0 + 1 == region.top;
        if !self.state.is_narrow() {
            self.state.out.extend_from_slice(b"\x1bM");
            if at_top && self.state.rendition.is_coloured() {
                self.erase(format_args!("\x1b[2K"));
            }
        } else if !at_top {
            self.state.out.extend_from_slice(b"\x1b[A");
        } else if self.is_within() {
            self.shift_down(region, 1);
        }
    }

    /// Moves the rows of a rectangle up; below them it is blank.
    fn shift_up(&mut self, area: Rectangle, count: u16) {
        let count = count.min(area.rows());
        self.copy_rectangle(Rectangle { top: area.top + count, ..area }, area.top, area.left);
        self.blank(Rectangle { top: area.bottom + 1 - count, ..area });
    }

    fn shift_down(&mut self, area: Rectangle, count: u16) {
        let count = count.min(area.rows());
        self.copy_rectangle(Rectangle { bottom: area.bottom - count, ..area }, area.top + count, area.left);
        self.blank(Rectangle { bottom: area.top + count - 1, ..area });
    }

    fn shift_left(&mut self, area: Rectangle, count: u16) {
        let count = count.min(area.cols());
        self.copy_rectangle(Rectangle { left: area.left + count, ..area }, area.top, area.left);
        self.blank(Rectangle { left: area.right + 1 - count, ..area });
    }

    fn shift_right(&mut self, area: Rectangle, count: u16) {
        let count = count.min(area.cols());
        self.copy_rectangle(Rectangle { right: area.right - count, ..area }, area.top, area.left + count);
        self.blank(Rectangle { right: area.left + count - 1, ..area });
    }

    /// SU. Rows that leave a region as wide as the screen leave it by the crate's doing, which stores them.
    pub(super) fn scroll_up(&mut self, count: u16) {
        let region = self.state.region();
        let count = count.min(region.rows());
        if self.state.is_narrow() {
            self.forget_wrap();
            self.shift_up(region, count);
            return;
        }
        self.emit(format_args!("\x1b[{count}S"));
        if self.state.rendition.is_coloured() {
            self.blank(Rectangle { top: region.bottom + 1 - count, ..region });
        }
    }

    /// SD.
    pub(super) fn scroll_down(&mut self, count: u16) {
        let region = self.state.region();
        let count = count.min(region.rows());
        if self.state.is_narrow() {
            self.forget_wrap();
            self.shift_down(region, count);
            return;
        }
        self.emit(format_args!("\x1b[{count}T"));
        if self.state.rendition.is_coloured() {
            self.blank(Rectangle { bottom: region.top + count - 1, ..region });
        }
    }

    /// IL and DL: between the margins only; the cursor goes to the left one.
    pub(super) fn lines(&mut self, count: u16, last: char) {
        if !self.is_within() {
            return;
        }
        let region = self.state.region();
        let (row, _) = self.shown();
        let area = Rectangle { top: row, ..region };
        let count = count.min(area.rows());
        self.move_to(row, region.left);
        match (self.state.is_narrow(), last) {
            (true, 'L') => self.shift_down(area, count),
            (true, _) => self.shift_up(area, count),
            (false, _) => {
                self.emit(format_args!("\x1b[{count}{last}"));
                if self.state.rendition.is_coloured() {
                    self.blank(if last == 'L' {
                        Rectangle { bottom: row + count - 1, ..area }
                    } else {
                        Rectangle { top: area.bottom + 1 - count, ..area }
                    });
                }
            }
        }
    }

    /// ICH and DCH: between the margins only.
    pub(super) fn cells(&mut self, count: u16, last: char) {
        if !self.state.is_narrow() && !self.state.rendition.is_coloured() {
            self.emit(format_args!("\x1b[{count}{last}"));
            return;
        }
        self.forget_wrap();
        let (row, col) = self.shown();
        let region = self.state.region();
        if !(region.left..=region.right).contains(&col) {
            return;
        }
        let area = Rectangle { top: row, bottom: row, left: col, right: region.right };
        if self.state.is_narrow() {
            if last == '@' {
                self.shift_right(area, count)
            } else {
                self.shift_left(area, count)
            }
            return;
        }
        let count = count.min(area.cols());
        self.emit(format_args!("\x1b[{count}{last}"));
        self.blank(if last == '@' {
            Rectangle { right: col + count - 1, ..area }
        } else {
            Rectangle { left: area.right + 1 - count, ..area }
        });
    }

    /// DECIC and DECDC: columns of the whole region, from the cursor's on.
    pub(super) fn columns(&mut self, count: u16, insert: bool) {
        if self.is_within() {
            self.forget_wrap();
            let (_, col) = self.shown();
            let area = Rectangle { left: col, ..self.state.region() };
            if insert { self.shift_right(area, count) } else { self.shift_left(area, count) }
        }
    }

    /// DECFI and DECBI: right or left, and at the margin the region moves the other way.
    pub(super) fn index_sideways(&mut self, forward: bool) {
        self.forget_wrap();
        let (row, col) = self.shown();
        let region = self.state.region();
        let margin = if forward { region.right } else { region.left };
        if col != margin {
            if forward && col < self.state.size.cols {
                self.move_to(row, col + 1);
            } else if !forward && col > 1 {
                self.move_to(row, col - 1);
            }
        } else if self.is_within() {
            if forward { self.shift_left(region, 1) } else { self.shift_right(region, 1) }
        }
    }

    /// A character where margins at the sides are narrower than the screen.
    pub(super) fn place_between(&mut self, c: char, width: u16) {
        let text = &mut [0; 4];
        let text = c.encode_utf8(text).as_bytes();
        if width == 0 {
            self.state.out.extend_from_slice(text);
            return;
        }
        let region = self.state.region();
        let due = self.wrap_is_due();
        let (row, col) = self.shown();
        let end = if col <= region.right { region.right } else { self.state.size.cols };
        if due || col + width > end + 1 {
            if self.state.autowrap {
                self.move_to(row, region.left);
                self.index();
            } else {
                self.move_to(row, (end + 1).saturating_sub(width).max(1));
            }
        }
        let (row, col) = self.shown();
        if self.state.insert && (region.left..=region.right).contains(&col) {
            self.shift_right(Rectangle { top: row, bottom: row, left: col, right: region.right }, width);
        }
        self.state.out.extend_from_slice(text);
        // At the last column of the screen the crate itself keeps it in mind.
        self.state.due = col + width == region.right + 1 && region.right < self.state.size.cols;
    }

    /// DECSTBM.
    pub(super) fn set_rows(&mut self, top: u16, bottom: u16) {
        let size = self.state.size;
        let top = top.max(1);
        let bottom = if bottom == 0 { size.rows } else { bottom.min(size.rows) };
        // On a screen of one row there is but one region.
        if top < bottom || (size.rows == 1 && top == 1) {
            self.emit(format_args!("\x1b[{top};{bottom}r"));
            let screen = self.state.screen();
            (screen.top, screen.bottom) = (top, bottom);
            self.address(Some(1), Some(1));
        }
    }

    /// DECSLRM, while `? 69` is on.
    pub(super) fn set_columns(&mut self, left: u16, right: u16) {
        let cols = self.state.size.cols;
        let left = left.max(1);
        let right = if right == 0 { cols } else { right.min(cols) };
        if left < right {
            let screen = self.state.screen();
            (screen.left, screen.right) = (left, right);
            self.address(Some(1), Some(1));
        }
    }
}
