//! The terminal drawn into ratatui's buffer, cell by cell, without an allocation for each.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{self, Modifier};
use ratatui::widgets::Widget;

use super::Terminal;
use super::cell::{Cell, Color, Style, Width};
use super::scrollback::Line;

/// A view of a terminal: its screen, or lines that have left it.
///
/// An area that is smaller than the screen shows its top left part; a larger one is left blank around it.
#[derive(Clone, Copy)]
pub struct TerminalView<'a> {
    terminal: &'a Terminal,
    scrolled: usize,
    dimmed: bool,
}

impl<'a> TerminalView<'a> {
    /// The screen as it is.
    #[must_use]
    pub fn new(terminal: &'a Terminal) -> Self {
        Self { terminal, scrolled: 0, dimmed: false }
    }

    /// So many lines up; more than there are is as far as there are. The cursor moves out of sight by as many rows.
    #[must_use]
    pub fn scrolled(mut self, lines: usize) -> Self {
        self.scrolled = lines;
        self
    }

    /// Dimmed, as while the connection is lost.
    #[must_use]
    pub fn dimmed(mut self, dimmed: bool) -> Self {
        self.dimmed = dimmed;
        self
    }

    fn style(&self, style: Style) -> style::Style {
        let mut modifier = Modifier::empty();
        modifier.set(Modifier::BOLD, style.bold && !self.dimmed);
        modifier.set(Modifier::DIM, style.dim || self.dimmed);
        modifier.set(Modifier::ITALIC, style.italic);
        modifier.set(Modifier::UNDERLINED, style.underline);
        modifier.set(Modifier::REVERSED, style.inverse);
        style::Style {
            fg: Some(color(style.foreground)),
            bg: Some(color(style.background)),
            add_modifier: modifier,
            ..style::Style::default()
        }
    }

    /// Draws a cell `col` columns into `row`, if it fits there.
    fn draw(&self, cell: &Cell<'_>, col: u16, row: Rect, buffer: &mut Buffer) {
        let columns = columns(cell);
        if columns == 0 || col.saturating_add(columns) > row.width {
            return;
        }
        let x = row.left() + col;
        let style = self.style(cell.style);
        let symbol = if cell.text.is_empty() { " " } else { cell.text };
        buffer[(x, row.y)].set_symbol(symbol).set_style(style);
        if columns == 2 {
            // As ratatui does for its own wide characters: the diff skips what is under them.
            buffer[(x + 1, row.y)].set_symbol(" ").set_style(style);
        }
    }
}

impl Widget for TerminalView<'_> {
    fn render(self, area: Rect, buffer: &mut Buffer) {
        let area = area.intersection(buffer.area);
        let blank = self.style(Style::default());
        for position in area.positions() {
            let cell = &mut buffer[position];
            cell.reset();
            cell.set_style(blank);
        }
        let size = self.terminal.size();
        let above = self.scrolled.min(self.terminal.scrollback_len());
        for (index, row) in area.rows().take(usize::from(size.rows)).enumerate() {
            match above.checked_sub(index + 1) {
                Some(above) => {
                    let mut col = 0;
                    for cell in self.terminal.scrollback_line(above).into_iter().flat_map(Line::cells) {
                        self.draw(&cell, col, row, buffer);
                        col = col.saturating_add(columns(&cell));
                    }
                }
                None => {
                    let number = u16::try_from(index - above).unwrap_or(u16::MAX);
                    for col in 0..size.cols.min(row.width) {
                        if let Some(cell) = self.terminal.cell(number, col) {
                            self.draw(&cell, col, row, buffer);
                        }
                    }
                }
            }
        }
    }
}

fn columns(cell: &Cell<'_>) -> u16 {
    match cell.width {
        Width::Narrow => 1,
        Width::Wide => 2,
        Width::Continuation => 0,
    }
}

fn color(color: Color) -> style::Color {
    match color {
        Color::Default => style::Color::Reset,
        Color::Indexed(index) => style::Color::Indexed(index),
        Color::Rgb(r, g, b) => style::Color::Rgb(r, g, b),
    }
}

#[cfg(test)]
#[path = "widget_tests.rs"]
mod tests;
