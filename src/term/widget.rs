//! The terminal drawn into ratatui's buffer, cell by cell, without an allocation for each.

use ratatui::buffer::{self, Buffer};
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
    first: u16,
    dimmed: bool,
}

impl<'a> TerminalView<'a> {
    /// The screen as it is.
    #[must_use]
    pub fn new(terminal: &'a Terminal) -> Self {
        Self { terminal, first: 0, dimmed: false }
    }

    /// From this row of the screen on.
    #[must_use]
    pub fn from_row(mut self, first: u16) -> Self {
        self.first = first;
        self
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

/// Draws a cell `col` columns into a row of the buffer, if it fits there.
pub(super) fn draw_cell(cell: &Cell<'_>, style: style::Style, col: usize, row: &mut [buffer::Cell]) {
    let columns = columns(cell);
    let mut symbol = symbol(cell.text, columns);
    for drawn in row.get_mut(col..col + usize::from(columns)).unwrap_or_default() {
        // Most are blank already.
        if drawn.symbol() != symbol {
            drawn.set_symbol(symbol);
        }
        drawn.set_style(style);
        // As ratatui does for its own wide characters: the diff skips what is under them.
        symbol = " ";
    }
}

/// The cells of each row of an area that lies within the buffer, made blank.
pub(super) fn blank_rows(
    area: Rect,
    dimmed: bool,
    buffer: &mut Buffer,
) -> impl Iterator<Item = &mut [buffer::Cell]> {
    let blank = paint(Style::default(), dimmed);
    let (first, width) = (usize::from(area.x - buffer.area.x), usize::from(area.width));
    let rows = buffer.content.chunks_mut(usize::from(buffer.area.width).max(1));
    let rows = rows.skip(usize::from(area.y - buffer.area.y)).take(usize::from(area.height));
    rows.map(move |row| {
        let row = &mut row[first..first + width];
        for cell in &mut *row {
            cell.reset();
            cell.set_style(blank);
        }
        row
    })
}

impl Widget for TerminalView<'_> {
    fn render(self, area: Rect, buffer: &mut Buffer) {
        let area = area.intersection(buffer.area);
        let (size, palette) = (self.terminal.size(), self.terminal.palette());
        let looks = |style| paint(palette.shown(style), self.dimmed);
        // Cells beside each other mostly look the same.
        let mut latest = (Style::default(), looks(Style::default()));
        for (number, row) in (self.first..).zip(blank_rows(area, self.dimmed, buffer)) {
            for col in 0..size.cols.min(area.width) {
                let Some(cell) = self.terminal.cell(number, col) else { break };
                if cell.style != latest.0 {
                    latest = (cell.style, looks(cell.style));
                }
                draw_cell(&cell, latest.1, col.into(), row);
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
