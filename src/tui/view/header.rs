//! The top line: name, place, tabs, counts.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    text::{Line, Span},
};

use super::{put, theme::Theme};
use crate::tui::{
    header::{SEPARATOR, header},
    state::State,
};

/// Draws the top line.
pub(super) fn draw(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) {
    if area.height == 0 {
        return;
    }
    let header = header(state);
    let line = Line::from(vec![
        Span::styled(header.brand, theme.accent()),
        Span::styled(header.place, Style::new()),
    ]);
    buffer.set_line(area.x, area.y, &line, area.width);
    if header.before > 0 {
        buffer.set_stringn(area.x, area.y, format!("‹{}", header.before), 4, theme.dim());
    }
    for (at, tab) in header.tabs.iter().enumerate() {
        let left = area.width.saturating_sub(tab.x);
        if at > 0 {
            let x = tab.x - 3;
            put(SEPARATOR, x, area.y, theme.dim(), area, buffer);
        }
        let style = if tab.current { theme.current_tab() } else { Style::new() };
        let mut spans = vec![Span::styled(tab.text.clone(), style)];
        if let Some(dot) = tab.dot {
            spans.push(Span::raw(" "));
            spans.push(Span::styled(dot.glyph(), theme.dot(dot)));
        }
        if left > 0 {
            buffer.set_line(tab.x, area.y, &Line::from(spans), left);
        }
    }
    if header.after > 0 && area.width > 4 {
        let text = format!("{}›", header.after);
        let x = area.right() - text.chars().count() as u16;
        put(text, x, area.y, theme.dim(), area, buffer);
    }
    let width = Span::raw(&*header.counts).width() as u16;
    if width > 0 && width <= area.width {
        put(&header.counts, area.right() - width, area.y, theme.dim(), area, buffer);
    }
}
