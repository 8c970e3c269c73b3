//! The character sets of ISO 2022 that programs still use: ASCII, the British set, and DEC's line drawing.

/// G0 to G3, and which of them is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Charsets {
    sets: [Charset; 4],
    active: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Charset {
    #[default]
    Ascii,
    British,
    LineDrawing,
}

impl Charsets {
    /// `ESC ( x`, `ESC ) x`, `ESC * x`, `ESC + x`: sets that are not known are as good as ASCII.
    pub fn designate(&mut self, intermediate: u8, last: u8) {
        let index = match intermediate {
            b'(' => 0,
            b')' => 1,
            b'*' => 2,
            b'+' => 3,
            _ => return,
        };
        self.sets[index] = match last {
            b'0' | b'2' => Charset::LineDrawing,
            b'A' => Charset::British,
            _ => Charset::Ascii,
        };
    }

    /// SI, SO, LS2, LS3.
    pub fn shift(&mut self, index: usize) {
        self.active = index.min(3);
    }

    pub fn is_ascii(&self) -> bool {
        self.sets[self.active] == Charset::Ascii
    }

    pub fn map(&self, c: char) -> char {
        match (self.sets[self.active], c) {
            (Charset::British, '#') => '£',
            (Charset::LineDrawing, '_'..='~') => LINE_DRAWING[c as usize - '_' as usize],
            _ => c,
        }
    }
}

/// DEC Special Graphics, 0x5f to 0x7e (VT100 User Guide, table 3-9), as xterm draws them.
const LINE_DRAWING: [char; 32] = [
    '\u{a0}', '◆', '▒', '␉', '␌', '␍', '␊', '°', '±', '␤', '␋', '┘', '┐', '┌', '└', '┼', '⎺', '⎻', '─', '⎼',
    '⎽', '├', '┤', '┴', '┬', '│', '≤', '≥', 'π', '≠', '£', '·',
];
