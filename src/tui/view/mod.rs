//! From the state to a frame. Changes nothing, reads no clock: what is drawn is drawn for the state's own `now`.

mod board;
mod checklist;
mod details;
mod empty;
mod fleet;
mod footer;
mod form;
mod header;
mod login;
mod look;
mod pane;
mod place;
mod popup;
mod query;
mod theme;

use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    style::Style,
    text::Line,
    widgets::{Block, BorderType, Clear, Widget},
};

pub use self::{popup::last_line as popup_lines, theme::Theme};
use super::{
    layout,
    state::{State, tab::Tab},
};
use crate::term::{CursorShape, KeyEncoding};

/// Draws the state into a buffer of the window's size; where the cursor is.
pub fn view(state: &State, theme: Theme, buffer: &mut Buffer) -> Option<Position> {
    let area = buffer.area;
    let bands = layout::bands(state.size);
    if area.area() == 0 {
        return None;
    }
    let mut cursor = match state.tabs.current() {
        None => fleet::draw(state, theme, buffer),
        Some(tab) => pane::draw(state, tab, theme, bands.body, buffer),
    };
    header::draw(state, theme, bands.header, buffer);
    match look::draw_finding(state, theme, bands.footer, buffer) {
        Some(at) => cursor = Some(at),
        None => footer::draw(state, theme, bands.footer, buffer),
    }
    if state.popup.is_some() || state.leaving.is_some() {
        cursor = popup::draw(state, theme, area, buffer);
    }
    footer::draw_following(state, theme, bands, buffer);
    cursor.filter(|at| area.contains(*at))
}

/// Where the row of the terminal in front is on the window, if that row alone can be drawn anew: nothing lies over the session.
pub fn row_of_session(state: &State, row: u16) -> Option<u16> {
    let bare = state.popup.is_none() && state.leaving.is_none() && state.pending.is_empty();
    let body = layout::bands(state.size).body;
    let tab = state.tabs.current().filter(|tab| bare && pane::is_bare(state, tab))?;
    (row < body.height && tab.pane().is_some()).then_some(body.y + row)
}

/// Draws that row into a buffer of it alone; where the cursor is.
pub fn view_row(state: &State, row: u16, buffer: &mut Buffer) -> Option<Position> {
    let tab = state.tabs.current()?;
    pane::draw_row(tab, row, layout::bands(state.size).body, buffer)
}

/// How the user's terminal shall be, beside what it shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Manner {
    /// What the cursor looks like.
    pub cursor: CursorShape,
    /// Keys are also told when they repeat and when they are let go.
    pub releases: bool,
}

/// As the session on the screen has it, else as the user does.
pub fn manner(state: &State) -> Manner {
    let live = |tab: &&Tab| state.popup.is_none() && tab.is_live() && tab.look().is_none();
    let Some(pane) = state.tabs.current().filter(live).and_then(Tab::pane) else { return Manner::default() };
    Manner {
        cursor: pane.terminal.cursor().map(|cursor| cursor.shape).unwrap_or_default(),
        releases: matches!(pane.terminal.input_modes().keys, KeyEncoding::Kitty { events: true, .. }),
    }
}

/// Draws a text, cut at the right edge of an area; one that lies outside of the window is left out.
fn put(text: impl AsRef<str>, x: u16, y: u16, style: Style, area: Rect, buffer: &mut Buffer) {
    let area = area.intersection(buffer.area);
    if area.contains(Position { x, y }) {
        buffer.set_stringn(x, y, text, usize::from(area.right() - x), style);
    }
}

/// Draws lines from the top, cut at the edge.
fn put_lines<'a>(lines: impl IntoIterator<Item = Line<'a>>, area: Rect, buffer: &mut Buffer) {
    let area = area.intersection(buffer.area);
    for (y, line) in (area.top()..area.bottom()).zip(lines) {
        buffer.set_line(area.x, y, &line, area.width);
    }
}

/// A framed box in the middle of an area, cleared, with a title; what is inside of it.
fn boxed(title: &str, cells: u16, lines: u16, style: Style, area: Rect, buffer: &mut Buffer) -> Rect {
    let width = (cells + 4).min(area.width);
    let height = (lines + 2).min(area.height);
    let place =
        Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
    box_at(title, place, style, buffer)
}

/// A framed box at a place, cleared, with a title; what is inside of it.
fn box_at(title: &str, place: Rect, style: Style, buffer: &mut Buffer) -> Rect {
    Clear.render(place, buffer);
    let title = super::text::fit(title, usize::from(place.width).saturating_sub(6));
    let mut block = Block::bordered().border_type(BorderType::Rounded).border_style(style);
    if !title.is_empty() {
        block = block.title(format!(" {title} "));
    }
    let inner = block.inner(place);
    block.render(place, buffer);
    // A cell of air at each side, where there is room.
    let air = u16::from(inner.width > 4);
    Rect { x: inner.x + air, width: inner.width - 2 * air, ..inner }
}
