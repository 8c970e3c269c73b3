//! What lies over the screen.

use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    style::{Modifier, Style},
    text::{Line, Span},
};
use unicode_width::UnicodeWidthStr;

use super::{boxed, checklist, details, form, login, place, put, put_lines, theme::Theme};
use crate::{
    fleet::{Column, Direction, phrase},
    term::copy::link::is_openable,
    tui::{
        action::{Action, Context},
        keymap, layout,
        state::{
            State,
            forward::bytes,
            popup::{MenuItem, Popup, Question, Save},
        },
        text::{controls, counted, fit, short_id, visible, wrap},
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
        Popup::History { selected } => history(state, *selected, theme, area, buffer),
        Popup::Order { selected } => order(state, *selected, theme, area, buffer),
        Popup::Confirm(question) => confirm(state, question, theme, area, buffer),
        Popup::Form(open) => return form::draw(state, open, theme, area, buffer),
        Popup::Documents(picker) => return form::documents(state, picker, theme, area, buffer),
        Popup::Places(chooser) => return place::draw(state, chooser, theme, area, buffer),
        Popup::Login(open) => login::sign_in(state, open, theme, area, buffer),
        Popup::MfaCode(form) => return login::code(state, form, theme, area, buffer),
        Popup::Rename { line, .. } => return rename(line, theme, area, buffer),
        Popup::Save(open) => return save(state, open, theme, area, buffer),
        Popup::Link { target } => link(state, target, theme, area, buffer),
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
                let mut lines = details::verdict(state, instance, theme, width);
                let checks = checklist::lines(state, instance, theme, width);
                if !checks.is_empty() {
                    lines.push(Line::default());
                    lines.extend(checks);
                }
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

fn history(state: &State, selected: usize, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let openings = || state.habits.history.newest();
    let count = openings().count();
    let lines = count.max(1).min(usize::from(area.height.saturating_sub(2)));
    let inner = boxed("opened", text_width(area), lines as u16, theme.accent(), area, buffer);
    let height = usize::from(inner.height);
    if count == 0 {
        put_lines([Line::styled(" nothing was opened yet", theme.dim())], inner, buffer);
    }
    let first = (selected + 1).saturating_sub(height);
    for (at, opening) in openings().enumerate().skip(first).take(height) {
        let place = Rect { y: inner.y + (at - first) as u16, height: 1, ..inner };
        let age = phrase::age(opening.at, state.now.time);
        let line = Line::from(vec![
            Span::styled(format!(" {age:>6} ago  {:<8} ", opening.kind.word()), theme.dim()),
            Span::raw(format!("{}  ", opening.name)),
            Span::styled(
                format!("{}  {}", short_id(opening.id.as_str()), opening.place.words()),
                theme.dim(),
            ),
        ]);
        buffer.set_line(place.x, place.y, &line, place.width);
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
            let mut shown = vec![warning, left_out(&text)];
            shown.extend(sample(&text, area));
            ("paste?", shown)
        }
        Question::Clipboard { tab, text } => {
            let lines = counted(text.lines().count(), "line", "lines");
            let size = bytes(text.len() as u64);
            let warning = format!("{} wants to put this on your clipboard: {lines}, {size}.", name(*tab));
            let mut shown = vec![warning];
            shown.extend(sample(text, area));
            ("let it?", shown)
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

/// Lines of a text as they are, as far as there is room, with what cannot be seen made visible.
fn sample(text: &str, area: Rect) -> Vec<String> {
    let room = usize::from(area.height.saturating_sub(9)).clamp(1, 12);
    let count = text.lines().count();
    let width = usize::from(area.width.saturating_sub(6)).clamp(1, 58);
    let mut shown: Vec<String> =
        text.lines().take(room).map(|line| format!("│ {}", fit(&visible(line), width))).collect();
    if count > room {
        shown.push(format!("│ … and {} more", counted(count - room, "line", "lines")));
    }
    shown
}

/// What of a text is not pasted; nothing if all of it is.
fn left_out(text: &str) -> String {
    match controls(text) {
        0 => String::new(),
        count => format!(
            "{} shown below as ^X and left out.",
            match count {
                1 => "1 control character is".to_owned(),
                _ => format!("{} are", counted(count, "control character", "control characters")),
            }
        ),
    }
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

fn save(state: &State, open: &Save, theme: Theme, area: Rect, buffer: &mut Buffer) -> Option<Position> {
    let key = |action| state.keymap.key_of(Context::Save, action).unwrap_or_default();
    let how = if open.coloured { "with their colours" } else { "as plain text" };
    let mut below = vec![
        Line::default(),
        Line::from(vec![
            Span::raw(format!("{how}; ")),
            Span::styled(key(Action::ToggleColours), theme.key()),
            Span::raw(if open.coloured { " without colours" } else { " with colours" }),
        ]),
        Line::styled("the file is new, and for you alone", theme.dim()),
    ];
    let width = text_width(area).min(76);
    if let Some(failure) = &open.failure {
        below.extend(
            wrap(failure, usize::from(width)).into_iter().map(|line| Line::styled(line, theme.bad())),
        );
    }
    let name = state.tabs.get(open.tab).map_or("", |tab| &tab.name);
    let title = format!("save the lines of {name} to");
    let inner = boxed(&title, width, below.len() as u16 + 1, theme.accent(), area, buffer);
    let (text, before) = open.line.window(usize::from(inner.width).saturating_sub(1));
    let lines = std::iter::once(Line::raw(text)).chain(below);
    put_lines(lines, inner, buffer);
    (inner.area() > 0).then_some(Position { x: inner.x + before as u16, y: inner.y })
}

/// A link, whole: what is written in it may say anything.
fn link(state: &State, target: &str, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let key = |action| state.keymap.key_of(Context::Link, action).unwrap_or_default();
    let width = usize::from(text_width(area)).min(76);
    let mut lines: Vec<Line<'_>> = wrap(&visible(target), width).into_iter().map(Line::raw).collect();
    lines.push(Line::default());
    let copies = [Span::styled(key(Action::CopyLink), theme.key()), Span::raw(" copies it")];
    if is_openable(target) {
        let mut keys = vec![Span::styled(key(Action::OpenLink), theme.key()), Span::raw(" opens it   ")];
        keys.extend(copies);
        lines.push(Line::from(keys));
    } else {
        lines.push(Line::from(copies.to_vec()));
        lines.push(Line::styled("it is the instance's own, or of a kind that is not opened", theme.dim()));
    }
    let widest = lines.iter().map(Line::width).max().unwrap_or(0) as u16;
    let inner = boxed("link", widest, lines.len() as u16, theme.accent(), area, buffer);
    put_lines(lines, inner, buffer);
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
