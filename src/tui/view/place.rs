//! The choice of accounts and regions: how each that is read now is, and what there is to choose from.

use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    style::Style,
    text::{Line, Span},
};
use unicode_width::UnicodeWidthStr;

use super::{boxed, login, put, put_lines, theme::Theme};
use crate::tui::{
    action::Context,
    state::{
        State,
        chooser::{Chooser, Item},
    },
    text::fit,
};

/// The widest it gets.
const WIDE: u16 = 96;

/// Draws it; where the cursor is.
pub(super) fn draw(
    state: &State,
    chooser: &Chooser,
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
) -> Option<Position> {
    let width = area.width.saturating_sub(4).min(WIDE);
    let cells = usize::from(width);
    let height = area.height.saturating_sub(2);
    let items = chooser.items();
    let (lines, cursor_line) = lines(state, chooser, &items, theme, cells);
    let wanted = u16::try_from(lines.len() + 1).unwrap_or(u16::MAX).min(height);
    let inner = boxed("accounts and regions", width, wanted, theme.accent(), area, buffer);
    if inner.area() == 0 {
        return None;
    }
    let (text, before) = chooser.line.window(cells.saturating_sub(3));
    let typed = match text.is_empty() {
        true => Span::styled("a profile, a region", theme.dim()),
        false => Span::raw(text.to_owned()),
    };
    put_lines([Line::from(vec![Span::styled("> ", theme.accent()), typed])], inner, buffer);
    let list = Rect { y: inner.y + 1, height: inner.height - 1, ..inner };
    let rows = usize::from(list.height);
    let first = (cursor_line + 1).saturating_sub(rows);
    put_lines(lines.into_iter().skip(first).take(rows), list, buffer);
    if !items.is_empty() && rows > 0 {
        let place = Rect { y: list.y + (cursor_line - first) as u16, height: 1, ..list };
        buffer.set_style(place, theme.selected());
        put("▌", place.x, place.y, theme.accent(), place, buffer);
    }
    Some(Position { x: inner.x + 2 + before as u16, y: inner.y })
}

/// All lines, headings among them, and which of them is under the cursor.
fn lines(
    state: &State,
    chooser: &Chooser,
    items: &[Item],
    theme: Theme,
    cells: usize,
) -> (Vec<Line<'static>>, usize) {
    let mut lines = Vec::new();
    let mut cursor = 0;
    let mut heading = "";
    let names = items.iter().map(|item| item.name().width()).max().unwrap_or(0).min(cells / 2);
    for (at, item) in items.iter().enumerate() {
        if item.heading() != heading {
            heading = item.heading();
            lines.push(Line::styled(format!(" {heading}"), theme.heading()));
        }
        if at == chooser.selected {
            cursor = lines.len();
        }
        lines.push(line(state, chooser, item, theme, names, cells));
    }
    if chooser.choices.is_none() {
        lines.push(Line::styled(" reading the AWS files…", theme.dim()));
    } else if items.is_empty() {
        lines.push(Line::styled(format!(" nothing matches {}", chooser.line.text().trim()), theme.dim()));
    }
    (lines, cursor)
}

fn line(
    state: &State,
    chooser: &Chooser,
    item: &Item,
    theme: Theme,
    names: usize,
    cells: usize,
) -> Line<'static> {
    let sign = if chooser.is_ticked(item) { "✓" } else { " " };
    let (about, style) = match item {
        Item::Place(id, _) => match state.fleet.places.get(*id) {
            Some(view) => {
                let account = view.place().account_words().map(|account| format!("{account} · "));
                let words = view.words(state.now.time);
                let words = match view.ask() {
                    Some(ask) => format!("{words}: {}", login::remedy(state, ask, Context::Places)),
                    None => words,
                };
                let style = if view.trouble().is_some() { theme.warning() } else { theme.dim() };
                (format!("{}{words}", account.unwrap_or_default()), style)
            }
            None => (String::new(), theme.dim()),
        },
        Item::Group(group) => (format!("{} places", group.pairs.len()), theme.dim()),
        Item::Profile(choice) | Item::Region(choice) => (choice.about.clone(), theme.dim()),
    };
    let name = fit(&item.name(), names);
    let pad = " ".repeat(names - name.width() + 2);
    let room = cells.saturating_sub(names + 6);
    Line::from(vec![
        Span::styled(format!("  {sign} "), theme.accent()),
        Span::styled(name, Style::new()),
        Span::raw(pad),
        Span::styled(fit(&about, room), style),
    ])
}
