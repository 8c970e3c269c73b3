//! The fleet's screen: the search box in the frame of the list, the rows, the details beside them.

use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    style::{Modifier, Style},
    text::{Line, Span},
    widgets::{Block, BorderType, Widget},
};
use unicode_width::UnicodeWidthStr;

use super::{details, empty, put, put_lines, query, theme::Theme};
use crate::{
    fleet::{
        Column, Direction, Instance, Query, phrase,
        search::{Field, Highlight, highlight},
    },
    tui::{
        layout::{self, FleetParts, Shown},
        state::{State, fleet::Focus},
        text::{fit, short_id},
    },
};

/// Draws it; where the cursor is.
pub(super) fn draw(state: &State, theme: Theme, buffer: &mut Buffer) -> Option<Position> {
    let parts = layout::fleet(state.size);
    if parts.border {
        let style = if state.fleet.focus == Focus::Search { theme.frame() } else { theme.accent() };
        Block::bordered().border_type(BorderType::Rounded).border_style(style).render(parts.frame, buffer);
    }
    let cursor = search_box(state, theme, &parts, buffer);
    if state.fleet.list.is_empty() {
        let area =
            Rect { y: parts.heading.y, height: parts.heading.height + parts.rows.height, ..parts.rows };
        empty::draw(state, theme, area, buffer);
    } else {
        let columns = layout::columns(parts.rows.width, state.fleet.places.spread());
        headings(state, theme, &columns, parts.heading, buffer);
        rows(state, theme, &columns, parts.rows, buffer);
    }
    if parts.heading.height > 0 {
        let box_of = parts.search;
        let room = usize::from(box_of.width).saturating_sub(count(state).width() + 5);
        let (_, before) = state.fleet.query.window(room);
        let skipped = state.fleet.query.cursor_cells().saturating_sub(before);
        let first = usize::from((box_of.x + 3).saturating_sub(parts.heading.x));
        let width = usize::from(parts.heading.width);
        if let Some(line) = query::line(state, theme, first, skipped, width) {
            put_lines([Line::raw(" ".repeat(width))], parts.heading, buffer);
            put_lines([line], parts.heading, buffer);
        }
    }
    if let Some(words) = missing(state).filter(|_| parts.border) {
        // In the frame's lower edge, where there is room for the whole sentence.
        let place = Rect { x: parts.frame.x + 2, y: parts.frame.bottom() - 1, ..parts.search };
        let words = fit(&format!(" ▲ {words} "), usize::from(place.width));
        put(words, place.x, place.y, theme.warning(), place.union(parts.frame), buffer);
    }
    if let Some(area) = parts.details {
        beside(state, theme, area, buffer);
    }
    cursor
}

/// What is missing of the list, if something is although rows are there.
pub(super) fn missing(state: &State) -> Option<String> {
    let places = &state.fleet.places;
    let told = places.iter().any(|view| view.trouble().is_some());
    (told && state.fleet.counts.total() > 0).then(|| places.status(state.now.time))
}

fn search_box(state: &State, theme: Theme, parts: &FleetParts, buffer: &mut Buffer) -> Option<Position> {
    let area = parts.search;
    if area.area() == 0 {
        return None;
    }
    let focused = state.fleet.focus == Focus::Search;
    let count = count(state);
    let room = usize::from(area.width).saturating_sub(count.width() + 5);
    let (text, before) = state.fleet.query.window(room);
    let prompt = if focused { theme.accent() } else { theme.dim() };
    let mut spans = vec![Span::styled(" > ", prompt)];
    if text.is_empty() && !focused {
        spans.push(Span::styled(fit("/ to search", room), theme.dim()));
    } else if text.is_empty() {
        spans.push(Span::styled(fit(" type a name, an id, tag:env=prod, state:lost", room), theme.dim()));
    } else {
        spans.push(Span::styled(text, Style::new().add_modifier(Modifier::BOLD)));
    }
    spans.push(Span::raw(" "));
    buffer.set_line(area.x, area.y, &Line::from(spans), area.width);
    let width = count.width() as u16;
    if width > 0 && width + 8 < area.width {
        put(count, area.right() - width, area.y, theme.dim(), area, buffer);
    }
    focused.then(|| Position { x: area.x + 3 + before as u16, y: area.y })
}

/// How many rows match, beside the box.
fn count(state: &State) -> String {
    let total = state.fleet.counts.total();
    match total {
        0 => String::new(),
        _ if state.fleet.query.text().is_empty() => format!(" {} ", phrase::count(total)),
        _ => format!(" {} of {} ", phrase::count(state.fleet.list.len()), phrase::count(total)),
    }
}

fn headings(state: &State, theme: Theme, columns: &[Shown], area: Rect, buffer: &mut Buffer) {
    if area.height == 0 {
        return;
    }
    for shown in columns {
        let ordered = state.fleet.order.filter(|(column, _)| *column == shown.column);
        let arrow = match ordered {
            Some((_, Direction::Ascending)) => " ↑",
            Some((_, Direction::Descending)) => " ↓",
            None => "",
        };
        let text = fit(&format!("{}{arrow}", shown.column.word()), usize::from(shown.width));
        let style = if ordered.is_some() { theme.accent() } else { theme.heading() };
        put(text, area.x + shown.x, area.y, style, area, buffer);
    }
}

fn rows(state: &State, theme: Theme, columns: &[Shown], area: Rect, buffer: &mut Buffer) {
    let query = state.fleet.list.found.as_ref().map(|found| &found.query);
    let first = state.fleet.list.offset;
    for (at, instance) in state.fleet.visible(usize::from(area.height)).enumerate() {
        let place = Rect { y: area.y + at as u16, height: 1, ..area };
        let selected = first + at == state.fleet.list.cursor;
        row(state, theme, columns, instance, query, place, buffer);
        if selected {
            buffer.set_style(place, theme.selected());
            put("▌", place.x, place.y, theme.accent(), place, buffer);
        }
    }
}

fn row(
    state: &State,
    theme: Theme,
    columns: &[Shown],
    instance: &Instance,
    query: Option<&Query>,
    area: Rect,
    buffer: &mut Buffer,
) {
    let highlights = match query {
        Some(query) if !query.is_empty() => highlight(query, instance, state.now.time),
        _ => Vec::new(),
    };
    let (sign, style) = if state.fleet.marks.contains(&instance.id) {
        ("✓", theme.accent())
    } else if state.fleet.changed.contains_key(&instance.id) {
        ("•", theme.warning())
    } else if state.watches.iter().any(|watch| watch.id == instance.id) {
        ("◷", theme.accent())
    } else if state.habits.favourites.contains(&instance.id) {
        ("★", theme.accent())
    } else {
        (" ", Style::new())
    };
    if area.width > 1 {
        put(sign, area.x + 1, area.y, style, area, buffer);
    }
    for shown in columns {
        let line = cell(state, theme, instance, *shown, &highlights);
        buffer.set_line(area.x + shown.x, area.y, &line, shown.width);
    }
    if state.fleet.places.cached_at(&instance.id).is_some() {
        buffer.set_style(area, theme.dim());
    }
}

/// One cell of a row, with the letters that matched.
fn cell(
    state: &State,
    theme: Theme,
    instance: &Instance,
    shown: Shown,
    highlights: &[Highlight],
) -> Line<'static> {
    let width = usize::from(shown.width);
    let now = state.now.time;
    let marked = |field: Field| {
        highlights.iter().find(|found| found.field == field).map_or(&[][..], |found| &found.positions)
    };
    let plain = Style::new();
    let or_dash = |text: Option<&str>| match text {
        Some(text) => Line::styled(fit(text, width), plain),
        None => Line::styled("–", theme.dim()),
    };
    match shown.column {
        Column::Name => match instance.name() {
            Some(name) => letters(name, width, marked(Field::Name), plain, theme),
            None => Line::styled("–", theme.dim()),
        },
        Column::Id => {
            let id = instance.id.as_str();
            if id.len() > width {
                short_letters(id, marked(Field::Id), theme.dim(), theme)
            } else {
                letters(id, width, marked(Field::Id), theme.dim(), theme)
            }
        }
        Column::Platform => match instance.platform_words() {
            Some(words) => letters(&words, width, marked(Field::Platform), plain, theme),
            None => Line::styled("–", theme.dim()),
        },
        Column::Agent => or_dash(instance.agent_version()),
        Column::State => {
            let now_is = instance.state(now);
            let style = theme.state(now_is);
            let mut line = Line::styled(format!("{} ", now_is.glyph()), style);
            line.extend(letters(now_is.word(), width.saturating_sub(2), marked(Field::State), style, theme));
            if instance.too_old_for().next().is_some() {
                line.push_span(Span::styled(" ▲", theme.warning()));
            }
            line
        }
        Column::Seen => or_dash(instance.last_seen().map(|at| phrase::short_age(at, now)).as_deref()),
        Column::Zone => or_dash(instance.zone()),
        Column::Ip => match instance.private_ip() {
            Some(ip) => letters(ip, width, marked(Field::Ip), plain, theme),
            None => Line::styled("–", theme.dim()),
        },
        Column::Type => or_dash(instance.instance_type()),
        Column::Launched => or_dash(instance.launched().map(|at| phrase::short_age(at, now)).as_deref()),
        Column::Role => or_dash(instance.role()),
        Column::Account => or_dash(instance.place.account_words()),
        Column::Region => or_dash(instance.place.region.as_deref()),
        Column::Profile => or_dash(instance.place.profile.as_deref()),
    }
}

/// A text cut to its cells, the matched letters marked.
fn letters(text: &str, width: usize, marked: &[usize], style: Style, theme: Theme) -> Line<'static> {
    let fitted = fit(text, width);
    if marked.is_empty() {
        return Line::styled(fitted, style);
    }
    spans(fitted.chars().enumerate(), marked, style, theme)
}

/// An id in its short form, the matched letters marked where they are still seen.
fn short_letters(id: &str, marked: &[usize], style: Style, theme: Theme) -> Line<'static> {
    let short = short_id(id);
    let cut = id.chars().count() - short.chars().count();
    // Behind the `…` the letters stand further to the right in the whole id.
    let places = short.chars().enumerate().map(|(at, c)| match at {
        0..5 => (at, c),
        5 if cut > 0 => (usize::MAX, c),
        _ => (at + cut, c),
    });
    spans(places, marked, style, theme)
}

fn spans(
    letters: impl Iterator<Item = (usize, char)>,
    marked: &[usize],
    style: Style,
    theme: Theme,
) -> Line<'static> {
    let mut spans: Vec<Span<'static>> = Vec::new();
    for (at, c) in letters {
        let style = if marked.contains(&at) { theme.matched() } else { style };
        match spans.last_mut() {
            Some(last) if last.style == style => last.content.to_mut().push(c),
            _ => spans.push(Span::styled(c.to_string(), style)),
        }
    }
    Line::from(spans)
}

/// The details of the row under the cursor, beside the list.
fn beside(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let Some(instance) = state.fleet.selected() else {
        super::box_at("", area, theme.frame(), buffer);
        return;
    };
    let inner = super::box_at(instance.label(), area, theme.frame(), buffer);
    let mut lines = details::lines(state, instance, theme, inner.width);
    let height = usize::from(inner.height);
    if lines.len() > height && height > 0 {
        lines.truncate(height - 1);
        let key =
            state.keymap.key_of(state.base_context(), crate::tui::action::Action::Why).unwrap_or_default();
        lines.push(Line::styled(format!("… {key} shows the rest"), theme.dim()));
    }
    put_lines(lines, inner, buffer);
}
