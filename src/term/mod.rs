//! A terminal: bytes of a remote program in; screen, answers, title and bell out; keys, pastes and the mouse back into bytes.
//!
//! ```text
//!            ┌───────────┐ text and    ┌──────────┐  rows that leave  ┌────────────┐
//!  feed ───► │  dialect  │ sequences   │ emulator │ ────────────────► │ scrollback │
//!            │ (+ reply) │ ──────────► │ (vt100)  │                   └─────┬──────┘
//!            └───────────┘ it knows    └────┬─────┘        frozen ─► copy ◄─┘
//!               │ answers, bell, title      └── cells, cursor ──► widget │
//!                                                          copy_widget ◄─┘
//! ```
//!
//! Pure: no clock, no I/O, no task. Only [`emulator`] names the `vt100` crate, only [`widget`] and [`copy_widget`] name `ratatui`, only
//! [`input`] knows `crossterm`'s events; the rest speaks in the types of [`cell`] and [`mode`]. What `vt100` does not know is
//! rewritten by [`dialect`] *before* it gets there; what it has no place for (links, prompts) travels in its cells, see [`carried`].

pub mod carried;
pub mod cell;
pub mod copy;
pub mod copy_widget;
pub mod dialect;
pub mod emulator;
pub mod input;
pub mod mode;
pub mod palette;
pub mod scrollback;
mod terminal;
pub mod widget;

#[cfg(test)]
mod column_tests;
#[cfg(test)]
mod contract_tests;
#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod recorded_tests;

pub use mode::{Cursor, CursorShape, InputModes, KeyEncoding, MouseEncoding, MouseMode};
pub use terminal::{Clipboard, Fed, Terminal, Touched};
pub use widget::TerminalView;

/// Size of a screen in cells. A terminal takes nothing below 1×1: a smaller one is taken as that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Size {
    /// Rows (lines).
    pub rows: u16,
    /// Columns.
    pub cols: u16,
}

impl Size {
    /// At least one row and one column.
    #[must_use]
    pub fn at_least_one(self) -> Self {
        Self { rows: self.rows.max(1), cols: self.cols.max(1) }
    }
}

impl Default for Size {
    fn default() -> Self {
        Self { rows: 24, cols: 80 }
    }
}
