//! Whether bytes change one row of the screen and no other, told before they are drawn: then the echo of a key need not wait for a
//! whole frame.

use super::Dialect;
use crate::term::emulator::Emulator;

/// More than an echo or a prompt has.
const LONGEST: usize = 512;

impl Dialect {
    /// The row that these bytes change alone; none if others may change as well, or that is not plain to see.
    #[must_use]
    pub fn only_row(&self, emulator: &Emulator, bytes: &[u8]) -> Option<u16> {
        if bytes.is_empty()
            || bytes.len() > LONGEST
            || !self.splitter.in_ground()
            || self.state.side_margins
            || self.state.reverse_wrap
        {
            return None;
        }
        let (mut row, col) = emulator.cursor_position();
        let cols = self.state.size.cols;
        // Columns that are left before text would go on in the next row.
        let mut room = cols.saturating_sub(col);
        let bottom = self.state.screens[usize::from(self.state.alternate)].bottom;
        if room == 0 && self.state.autowrap && row + 1 < bottom && matches!(bytes[0], 0x20..=0x7e) {
            // A wrap is due, and nothing scrolls.
            (row, room) = (row + 1, cols);
        }
        let mut rest = bytes.iter();
        while let Some(byte) = rest.next() {
            match byte {
                0x20..=0x7e => room = room.checked_sub(1)?,
                b'\r' => room = cols,
                0x07 | 0x08 => {}
                0x1b if rest.next() == Some(&b'[') => {
                    match rest.find(|byte| !matches!(byte, b'0'..=b'9' | b';'))? {
                        // Looks; erasing, deleting, inserting in the row.
                        b'm' | b'K' | b'X' | b'P' | b'@' => {}
                        b'C' => room = 0,
                        _ => return None,
                    }
                }
                _ => return None,
            }
        }
        Some(row)
    }
}
