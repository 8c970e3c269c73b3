//! What lies over the screen.

use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    style::{Modifier, Style},
    text::{Line, Span},
};
use unicode_width::UnicodeWidthStr;

use super::{boxed, details, form, put, put_lines, theme::Theme};
use crate::{
    fleet::{Column, Direction},
    tui::{
        action::{Action, Context},
        keymap, layout,
        state::{
            State,
            popup::{MenuItem, Popup, Question},
        },
        text::{counted, fit, wrap},
    },
};

/// The widest a text over the screen gets.
const TEXT: u16 = 84;

/// Draws it; where the cursor is.
pub(super) fn draw(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) -> Option<Position> {
    let area = room(area);
    if state.leaving.is_some() {
        leaving(state, theme, area, buffer);
        return None;
    }
    match state.popup.as_ref()? {
        Popup::Menu { items, selected } => menu(state, items, *selected, theme, area, buffer),
        Popup::Order { selected } => order(state, *selected, theme, area, buffer),
        Popup::Confirm(question) => confirm(state, question, theme, area, buffer),
        Popup::Form(open) => return form::draw(state, open, theme, area, buffer),
        Popup::Documents(picker) => return form::documents(state, picker, theme, area, buffer),
        Popup::Rename { line, .. } => return rename(line, theme, area, buffer),
        popup @ (Popup::Help { scroll } | Popup::Explain { scroll, .. } | Popup::Details { scroll }) => {
            let (title, lines) = text(state, popup, theme, text_width(area));
            scrolled(&title, lines, *scroll, theme, area, buffer);
        }
    }
    None
}

/// How far the text over the screen can be scrolled.
pub fn last_line(state: &State) -> usize {
    let area = room(Rect::new(0, 0, state.size.cols, state.size.rows));
    let Some(popup @ (Popup::Help { .. } | Popup::Explain { .. } | Popup::Details { .. })) = &state.popup
    else {
        return 0;
    };
    let (_, lines) = text(state, popup, Theme::PLAIN, text_width(area));
    lines.len().saturating_sub(usize::from(area.height.saturating_sub(2)))
}

/// All but the top and the bottom line, where there is room for that.
fn room(area: Rect) -> Rect {
    let bands = layout::bands(crate::term::Size { rows: area.height, cols: area.width });
    if area.height >= 12 { bands.body } else { Rect { height: area.height - bands.footer.height, ..area } }
}

fn text_width(area: Rect) -> u16 {
    area.width.saturating_sub(4).clamp(1, TEXT)
}

fn text(state: &State, popup: &Popup, theme: Theme, width: u16) -> (String, Vec<Line<'static>>) {
    let gone = || vec![Line::styled("it is no longer in the list", theme.dim())];
    match popup {
        Popup::Help { .. } => ("keys".to_owned(), help(state, theme, width)),
        Popup::Explain { .. } => match state.subject() {
            Some(instance) => {
                let lines = details::verdict(state, instance, theme, width);
                (format!("no session on {}", instance.label()), lines)
            }
            None => (String::new(), gone()),
        },
        _ => match state.subject() {
            Some(instance) => (instance.label().to_owned(), details::lines(state, instance, theme, width)),
            None => (String::new(), gone()),
        },
    }
}

fn scrolled(
    title: &str,
    lines: Vec<Line<'static>>,
    scroll: usize,
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    let widest = lines.iter().map(Line::width).max().unwrap_or(0).max(title.width() + 4);
    let cells = (widest as u16).min(text_width(area));
    let inner = boxed(title, cells, lines.len() as u16, theme.accent(), area, buffer);
    let more = lines.len() > scroll + usize::from(inner.height);
    put_lines(lines.into_iter().skip(scroll), inner, buffer);
    let x = inner.right().saturating_sub(1);
    if more && inner.area() > 0 {
        put("↓", x, inner.bottom(), theme.accent(), area, buffer);
    }
    if scroll > 0 && inner.area() > 0 && inner.y > area.y {
        put("↑", x, inner.y - 1, theme.accent(), area, buffer);
    }
}

fn help(state: &State, theme: Theme, width: u16) -> Vec<Line<'static>> {
    let here = state.base_context();
    // What works here first, then the rest.
    let contexts = std::iter::once(here).chain(Context::ALL.into_iter().filter(|context| *context != here));
    let mut lines = Vec::new();
    for context in contexts {
        if !lines.is_empty() {
            lines.push(Line::default());
        }
        lines.push(Line::styled(context.title(), Style::new().add_modifier(Modifier::BOLD)));
        for (keys, doc) in keymap::lines(&state.keymap, context) {
            let column = usize::from(width).saturating_sub(2).min(26);
            let pieces = wrap(&doc, usize::from(width).saturating_sub(column + 3));
            for (at, piece) in pieces.into_iter().enumerate() {
                let keys = if at == 0 { fit(&keys, column) } else { String::new() };
                let pad = " ".repeat(column - keys.width());
                lines.push(Line::from(vec![
                    Span::styled(format!("  {keys}{pad}"), theme.key()),
                    Span::raw(format!(" {piece}")),
                ]));
            }
        }
    }
    lines
}

fn menu(state: &State, items: &[MenuItem], selected: usize, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let facts = state.snapshot();
    let title = match state.fleet.marks.len() {
        marks @ 2.. if facts.tab.is_none() => counted(marks, "marked instance", "marked instances"),
        _ => facts.row.unwrap_or_else(|| "actions".to_owned()),
    };
    let keys = items.iter().map(|item| item.key.width()).max().unwrap_or(0);
    let texts: Vec<(String, Option<&str>)> =
        items.iter().map(|item| (item.action.entry().doc.to_owned(), item.disabled.as_deref())).collect();
    let widest = texts
        .iter()
        .map(|(doc, off)| keys + 3 + doc.width() + off.map_or(0, |reason| reason.width() + 3))
        .max()
        .unwrap_or(0)
        .max(title.width() + 4);
    let cells = (widest as u16).min(area.width.saturating_sub(4));
    let inner = boxed(&title, cells, items.len() as u16, theme.accent(), area, buffer);
    let height = usize::from(inner.height);
    let first = (selected + 1).saturating_sub(height);
    for (at, (item, (doc, off))) in items.iter().zip(texts).enumerate().skip(first).take(height) {
        let place = Rect { y: inner.y + (at - first) as u16, height: 1, ..inner };
        let style = if off.is_some() { theme.dim() } else { Style::new() };
        let room = usize::from(place.width).saturating_sub(keys + 2);
        let mut spans = vec![
            Span::styled(
                format!(" {:>keys$} ", item.key),
                if off.is_some() { theme.dim() } else { theme.key() },
            ),
            Span::styled(fit(&doc, room), style),
        ];
        if let Some(reason) = off {
            let rest = room.saturating_sub(doc.width());
            spans.push(Span::styled(fit(&format!(" · {reason}"), rest), theme.dim()));
        }
        put_lines([Line::from(spans)], place, buffer);
        if at == selected {
            buffer.set_style(place, theme.selected());
            put("▌", place.x, place.y, theme.accent(), place, buffer);
        }
    }
}

fn order(state: &State, selected: usize, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let ordered = state.fleet.order;
    let names = std::iter::once(("best match".to_owned(), ordered.is_none(), "")).chain(
        Column::ALL.into_iter().map(|column| {
            let direction = ordered.filter(|(by, _)| *by == column).map(|(_, direction)| direction);
            let arrow = match direction {
                Some(Direction::Ascending) => " ↑",
                Some(Direction::Descending) => " ↓",
                None => "",
            };
            (column.word().to_owned(), direction.is_some(), arrow)
        }),
    );
    let inner = boxed("order by", 22, Column::ALL.len() as u16 + 1, theme.accent(), area, buffer);
    let height = usize::from(inner.height);
    let first = (selected + 1).saturating_sub(height);
    for (at, (name, current, arrow)) in names.enumerate().skip(first).take(height) {
        let place = Rect { y: inner.y + (at - first) as u16, height: 1, ..inner };
        let sign = if current { "✓" } else { " " };
        put_lines([Line::raw(format!(" {sign} {name}{arrow}"))], place, buffer);
        if at == selected {
            buffer.set_style(place, theme.selected());
            put("▌", place.x, place.y, theme.accent(), place, buffer);
        }
    }
}

fn confirm(state: &State, question: &Question, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let name = |id| state.tabs.get(id).map_or("", |tab| &tab.name);
    let (title, mut lines) = match question {
        Question::Quit => {
            let running = state.tabs.running();
            let them = if running == 1 { "It is" } else { "They are" };
            let names: Vec<&str> =
                state.tabs.iter().filter(|tab| tab.is_running()).map(|tab| &*tab.name).collect();
            let text = format!("{} still running. {them} ended on the service too.", is_are(running));
            ("leave?", vec![text, names.join(", ")])
        }
        Question::End(id) => match state.tabs.get(*id).and_then(|tab| tab.board()) {
            Some(board) => {
                let open = counted(board.open, "connection", "connections");
                let loses = match board.open {
                    0 => format!("Nothing listens for {} any more then.", name(*id)),
                    1 => format!("{open} is open and is lost with it."),
                    _ => format!("{open} are open and are lost with it."),
                };
                ("end the forward?", vec![loses])
            }
            None => ("end the session?", vec![format!("What runs in {} ends with it.", name(*id))]),
        },
        Question::Paste { tab, text } => {
            // Terminals paste `\r` for a new line.
            let text = text.replace("\r\n", "\n").replace('\r', "\n");
            let lines = text.trim_end_matches('\n').lines().count();
            let them = if lines == 1 { "goes" } else { "go" };
            let warning = format!(
                "{} {them} to {}, which runs each line as it comes.",
                counted(lines, "line", "lines"),
                name(*tab)
            );
            let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
            let first: String = first.chars().filter(|c| !c.is_control()).collect();
            ("paste?", vec![warning, format!("It begins: {}", fit(&first, 48))])
        }
    };
    let width = usize::from(area.width.saturating_sub(4)).clamp(1, 60);
    lines.retain(|line| !line.is_empty());
    let mut shown: Vec<Line> = lines.iter().flat_map(|text| wrap(text, width)).map(Line::raw).collect();
    let key = |action| state.keymap.keys_of(Context::Confirm, action).pop().unwrap_or_default();
    shown.push(Line::default());
    shown.push(Line::from(vec![
        Span::styled(state.keymap.key_of(Context::Confirm, Action::Accept).unwrap_or_default(), theme.key()),
        Span::raw(" or "),
        Span::styled(key(Action::Accept), theme.key()),
        Span::raw(" yes   "),
        Span::styled(state.keymap.key_of(Context::Confirm, Action::Dismiss).unwrap_or_default(), theme.key()),
        Span::raw(" no"),
    ]));
    let widest = shown.iter().map(Line::width).max().unwrap_or(0) as u16;
    let inner = boxed(title, widest, shown.len() as u16, theme.warning(), area, buffer);
    put_lines(shown, inner, buffer);
}

fn is_are(running: usize) -> String {
    let sessions = counted(running, "session", "sessions");
    if running == 1 { format!("{sessions} is") } else { format!("{sessions} are") }
}

fn rename(
    line: &crate::tui::state::line::Line,
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
) -> Option<Position> {
    let inner = boxed("rename the tab", 36, 1, theme.accent(), area, buffer);
    let (text, before) = line.window(usize::from(inner.width).saturating_sub(1));
    put_lines([Line::raw(text)], inner, buffer);
    (inner.area() > 0).then_some(Position { x: inner.x + before as u16, y: inner.y })
}

fn leaving(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let sessions = counted(state.tabs.running(), "session", "sessions");
    let lines = vec![
        Line::raw(format!("ending {sessions} on the service…")),
        Line::styled("ctrl-c leaves at once", theme.dim()),
    ];
    let inner = boxed("leaving", 38, 2, theme.accent(), area, buffer);
    put_lines(lines, inner, buffer);
}
