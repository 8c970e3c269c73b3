//! The terminal drawn into ratatui's buffer, cell by cell, without an allocation for each.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{self, Modifier};
use ratatui::widgets::Widget;
use unicode_width::UnicodeWidthStr;

use super::Terminal;
use super::cell::{Cell, Color, Style, Width};

/// A view of a terminal's screen.
///
/// An area that is smaller than the screen shows its top left part; a larger one is left blank around it.
#[derive(Clone, Copy)]
pub struct TerminalView<'a> {
    terminal: &'a Terminal,
    dimmed: bool,
}

impl<'a> TerminalView<'a> {
    /// The screen as it is.
    #[must_use]
    pub fn new(terminal: &'a Terminal) -> Self {
        Self { terminal, dimmed: false }
    }

    /// Dimmed, as while the connection is lost.
    #[must_use]
    pub fn dimmed(mut self, dimmed: bool) -> Self {
        self.dimmed = dimmed;
        self
    }
}

/// Looks as ratatui has them.
pub(super) fn paint(style: Style, dimmed: bool) -> style::Style {
    let mut modifier = Modifier::empty();
    modifier.set(Modifier::BOLD, style.bold && !dimmed);
    modifier.set(Modifier::DIM, style.dim || dimmed);
    modifier.set(Modifier::ITALIC, style.italic);
    modifier.set(Modifier::UNDERLINED, style.underline);
    modifier.set(Modifier::REVERSED, style.inverse);
    modifier.set(Modifier::SLOW_BLINK, style.blink);
    modifier.set(Modifier::CROSSED_OUT, style.strike);
    style::Style {
        fg: Some(color(style.foreground)),
        bg: Some(color(style.background)),
        add_modifier: modifier,
        ..style::Style::default()
    }
}

/// Draws a cell `col` columns into `row`, if it fits there.
pub(super) fn draw_cell(cell: &Cell<'_>, style: style::Style, col: u16, row: Rect, buffer: &mut Buffer) {
    let columns = columns(cell);
    if columns == 0 || col.saturating_add(columns) > row.width {
        return;
    }
    let x = row.left() + col;
    let symbol = symbol(cell.text, columns);
    buffer[(x, row.y)].set_symbol(symbol).set_style(style);
    if columns == 2 {
        // As ratatui does for its own wide characters: the diff skips what is under them.
        buffer[(x + 1, row.y)].set_symbol(" ").set_style(style);
    }
}

impl Widget for TerminalView<'_> {
    fn render(self, area: Rect, buffer: &mut Buffer) {
        let area = area.intersection(buffer.area);
        let blank = paint(Style::default(), self.dimmed);
        for position in area.positions() {
            let cell = &mut buffer[position];
            cell.reset();
            cell.set_style(blank);
        }
        let (size, palette) = (self.terminal.size(), self.terminal.palette());
        for (number, row) in (0..size.rows).zip(area.rows()) {
            for col in 0..size.cols.min(row.width) {
                if let Some(cell) = self.terminal.cell(number, col) {
                    let style = palette.shown(cell.style);
                    draw_cell(&cell, paint(style, self.dimmed), col, row, buffer);
                }
            }
        }
    }
}

/// Asks for the character before it as an emoji, in two columns. Terminals are not of one mind about that, and ratatui writes a space
/// behind it for those that take one column, which puts the others out of step: it is shown without, and a space where it would have been.
const EMOJI: char = '\u{fe0f}';

/// What stands for a text in so many columns. ratatui measures it as a whole, as the user's terminal may: what is wider so than the
/// emulator made it, character by character, would move all that follows.
fn symbol(text: &str, columns: u16) -> &str {
    let fits = |text: &str| (1..=usize::from(columns)).contains(&text.width());
    match text.as_bytes() {
        [] => " ",
        [_] => text,
        _ => {
            let text = text.split(EMOJI).next().unwrap_or_default();
            let first = text.chars().next().map_or("", |first| &text[..first.len_utf8()]);
            [text, first].into_iter().find(|text| fits(text)).unwrap_or(" ")
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
