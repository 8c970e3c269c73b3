//! The lines that have left the screen, in a compact form (see [`row`]), bounded in lines and in bytes.
//!
//! A copy costs next to nothing: blocks of rows are shared, and only the newest is ever written to. That is what freezes a view
//! while output goes on.

mod row;
mod sgr;

use std::collections::VecDeque;
use std::sync::Arc;

use super::carried::{self, Links};
use super::cell::Style;
use super::emulator::readable;
use row::{Block, Writer};
pub use row::{Cells, Kind, Row};

/// Rows kept unless told otherwise.
pub const MAX_LINES: usize = 10_000;
/// Bytes kept unless told otherwise. Ten thousand rows of usual output take a quarter of it.
pub const MAX_BYTES: usize = 4 * 1024 * 1024;

/// Text of a full block.
const BLOCK: usize = 16 * 1024;

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Rows.
    pub lines: usize,
    /// Bytes of memory.
    pub bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { lines: MAX_LINES, bytes: MAX_BYTES }
    }
}

/// A queue of rows; the oldest make room for the newest.
#[derive(Debug, Clone, Default)]
pub struct Scrollback {
    blocks: VecDeque<Arc<Block>>,
    /// Rows at the front of the first block that are no longer kept.
    skipped: usize,
    len: usize,
    /// What all blocks but the last take.
    sealed: usize,
    /// Rows that came in all, those included that are no longer kept.
    total: u64,
    bounds: Bounds,
}

impl Scrollback {
    /// Empty.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, ..Self::default() }
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many rows have come, whether they are still kept or not.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// What they take in memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.sealed + self.blocks.back().map_or(0, |block| block.bytes())
    }

    /// A row, counted from the oldest.
    #[must_use]
    pub fn row(&self, index: usize) -> Option<Row<'_>> {
        // Most look near the end, and there are few blocks.
        let mut behind = self.len.checked_sub(index + 1)?;
        for block in self.blocks.iter().rev() {
            match block.len().checked_sub(behind + 1) {
                Some(place) => return block.row(place),
                None => behind -= block.len(),
            }
        }
        None
    }

    /// All rows, the oldest first.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let all = self.blocks.iter().flat_map(|block| (0..block.len()).filter_map(|index| block.row(index)));
        all.skip(self.skipped)
    }

    /// A copy that takes as many rows as one likes.
    #[must_use]
    pub fn unbounded(&self) -> Self {
        Self { bounds: Bounds { lines: usize::MAX, bytes: usize::MAX }, ..self.clone() }
    }

    /// Adds a row that left the screen: text with SGR sequences only, and with the marks that its cells carry.
    pub(super) fn push(&mut self, text: &str, wrapped: bool, links: &Links) {
        self.write(text.len(), |row| {
            let mut prompt = false;
            // The first bytes of what stands for something else.
            if text.bytes().any(|byte| matches!(byte, 0xf3 | 0xf4)) {
                let mut cells = sgr::cells(text);
                if wrapped && cells.last().is_some_and(|(cell, _)| carried::split(cell).1.spacer) {
                    cells.pop();
                }
                for (cell, style) in cells {
                    let (cell, carried) = carried::split(cell);
                    prompt |= carried.prompt;
                    row.push(
                        readable(cell),
                        carried.complete(style),
                        carried.link.and_then(|number| links.target(number)),
                    );
                }
            } else {
                sgr::runs(text, |run, style| row.push(run, style, None));
            }
            Kind { wrapped, prompt }
        });
    }

    /// Adds a row cell by cell, of about so many bytes.
    pub(super) fn write(&mut self, bytes: usize, write: impl FnOnce(&mut Writer<'_>) -> Kind) {
        if self.blocks.back().is_none_or(|block| block.is_full_for(bytes)) {
            if let Some(last) = self.blocks.back_mut() {
                let last = Arc::make_mut(last);
                last.seal();
                self.sealed += last.bytes();
            }
            let room = BLOCK.min(self.bounds.bytes / 16).max(bytes);
            self.blocks.push_back(Arc::new(Block::new(room)));
        }
        let Some(block) = self.blocks.back_mut() else { return };
        let mut row = Arc::make_mut(block).write();
        let kind = write(&mut row);
        row.end(kind);
        self.len += 1;
        self.total += 1;
        self.bound();
    }

    /// Lets the oldest go, as far as the bounds want.
    fn bound(&mut self) {
        let drop = self.len.saturating_sub(self.bounds.lines);
        self.len -= drop;
        self.skipped += drop;
        while let Some(first) = self.blocks.front()
            && (self.skipped >= first.len() || self.bytes() > self.bounds.bytes)
        {
            self.len -= first.len() - self.skipped.min(first.len());
            self.skipped = self.skipped.saturating_sub(first.len());
            if self.blocks.len() > 1 {
                self.sealed -= first.bytes();
            }
            self.blocks.pop_front();
        }
    }

    /// Takes the newest rows out.
    pub(super) fn forget_newest(&mut self, count: usize) {
        let mut left = count.min(self.len);
        self.len -= left;
        while left > 0
            && let Some(last) = self.blocks.back_mut()
        {
            let rows = last.len();
            if rows > left {
                Arc::make_mut(last).truncate(rows - left);
                break;
            }
            left -= rows;
            self.blocks.pop_back();
            if let Some(last) = self.blocks.back() {
                self.sealed -= last.bytes();
            }
        }
        if self.len == 0 {
            self.blocks.clear();
            (self.skipped, self.sealed) = (0, 0);
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self { total: self.total, ..Self::new(self.bounds) };
    }
}

/// Looks as a sequence that sets them, whatever was before.
pub fn write_style(style: Style, out: &mut String) {
    sgr::write(style, out);
}

#[cfg(test)]
mod tests;
