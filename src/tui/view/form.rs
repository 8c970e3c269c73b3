//! Forms, and the choice of a document.

use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    style::{Modifier, Style},
    text::{Line, Span},
};
use unicode_width::UnicodeWidthStr;

use super::{boxed, empty, put, put_lines, theme::Theme};
use crate::{
    config::Near,
    fleet::document::Kind,
    tui::{
        action::{Action, Context},
        state::{
            State,
            document::Status,
            form::{Field, Form, Rule, Subject},
            popup::Picker,
        },
        text::{counted, fit, wrap},
    },
};

/// Choices in sight at a time.
const CHOICES: usize = 6;
/// Documents in sight at a time, where the screen is high enough.
const DOCUMENTS: u16 = 14;

/// Draws a form; where the cursor is.
pub(super) fn draw(
    state: &State,
    form: &Form,
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
) -> Option<Position> {
    let width = area.width.saturating_sub(4).min(72);
    let cells = usize::from(width);
    let label = form.fields.iter().map(|field| field.label.width()).max().unwrap_or(0).min(cells / 3) + 2;
    let below = below(state, form, theme, cells);
    let about = about(form, theme, cells);
    let choices = form.choices();
    // The room for choices stays while one walks through the fields, so that the box does not jump.
    let choosable = |field: &Field| match &field.rule {
        Rule::RemotePort => CHOICES,
        Rule::Parameter(parameter) => parameter.allowed_values.len().min(CHOICES),
        _ => 0,
    };
    let wanted = form.fields.iter().map(choosable).max().unwrap_or(0);
    let fixed = form.fields.len() + below.len();
    let room = usize::from(area.height.saturating_sub(2));
    let shown_choices = wanted.min(room.saturating_sub(fixed));
    let shown_about = about.len().min(room.saturating_sub(fixed + shown_choices));
    let height = fixed + shown_choices + shown_about;
    let inner = boxed(&title(form), width, height as u16, theme.accent(), area, buffer);
    if inner.area() == 0 {
        return None;
    }
    let mut y = inner.y;
    let row = |y: u16| Rect { y, height: 1, ..inner };
    for line in about.into_iter().take(shown_about) {
        put_lines([line], row(y), buffer);
        y += 1;
    }
    let mut cursor = None;
    // Fields above the one with the keys leave first where the screen is low.
    let fields_room = room.saturating_sub(below.len() + shown_choices + shown_about).max(1);
    let first = (form.focus + 1).saturating_sub(fields_room);
    for (at, field) in form.fields.iter().enumerate().skip(first) {
        if y >= inner.bottom() {
            break;
        }
        let focused = at == form.focus;
        let before = self::field(form, field, focused, label, theme, row(y), buffer);
        if focused {
            let x = inner.x + (label + before) as u16;
            cursor = Some(Position { x: x.min(inner.right().saturating_sub(1)), y });
        }
        y += 1;
        if focused {
            let picked = field.picked.unwrap_or(0);
            let from = (picked + 1).saturating_sub(shown_choices);
            for (at, choice) in choices.iter().enumerate().skip(from).take(shown_choices) {
                if y >= inner.bottom() {
                    break;
                }
                let place = row(y);
                let room = cells.saturating_sub(label + 2);
                let name = fit(&choice.label, room);
                let detail = fit(&choice.detail, room.saturating_sub(16.max(name.width() + 2)));
                let line = Line::from(vec![
                    Span::raw(format!("{}  {name:<16}", " ".repeat(label.saturating_sub(2)))),
                    Span::styled(detail, theme.dim()),
                ]);
                put_lines([line], place, buffer);
                if field.picked == Some(at) {
                    let mark = Rect {
                        x: place.x + label as u16 - 2,
                        width: place.width - label as u16 + 2,
                        ..place
                    };
                    buffer.set_style(mark, theme.selected());
                    put("▌", mark.x, mark.y, theme.accent(), place, buffer);
                }
                y += 1;
            }
        }
    }
    let bottom = inner.bottom().saturating_sub(below.len() as u16).max(y);
    put_lines(below, Rect { y: bottom, height: inner.bottom().saturating_sub(bottom), ..inner }, buffer);
    cursor
}

fn title(form: &Form) -> String {
    match &form.subject {
        Subject::Forward { .. } => format!("forward through {}", form.name),
        Subject::Document(document) => format!("{} on {}", document.name, form.name),
    }
}

/// What the document is, in its author's words.
fn about(form: &Form, theme: Theme, cells: usize) -> Vec<Line<'static>> {
    let Subject::Document(document) = &form.subject else { return Vec::new() };
    let kind = match &document.kind {
        Kind::Other(_) => String::new(),
        kind => format!(" ({})", kind.word()),
    };
    let text = match form.about.trim() {
        "" => format!("no description{kind}"),
        about => format!("{about}{kind}"),
    };
    let lines = wrap(&text, cells).into_iter().map(|line| Line::styled(line, theme.dim()));
    lines.chain([Line::default()]).collect()
}

/// One field in one line; the cells before the cursor in its value.
fn field(
    form: &Form,
    field: &Field,
    focused: bool,
    label: usize,
    theme: Theme,
    place: Rect,
    buffer: &mut Buffer,
) -> usize {
    let room = usize::from(place.width).saturating_sub(label);
    let wrong = field.problem().is_some() || (form.tried && field.is_required() && field.value().is_none());
    let style = match (focused, wrong) {
        (_, true) => theme.bad(),
        (true, false) => theme.accent(),
        (false, false) => theme.dim(),
    };
    let name = fit(&field.label, label.saturating_sub(2));
    let pad = " ".repeat(label.saturating_sub(name.width()));
    let mut spans = vec![Span::styled(name, style), Span::raw(pad)];
    let (text, before) = field.line.window(room.saturating_sub(1));
    if text.is_empty() {
        spans.push(Span::styled(fit(&field.empty, room), theme.dim()));
    } else {
        let value = if focused { Style::new().add_modifier(Modifier::BOLD) } else { Style::new() };
        spans.push(Span::styled(text.to_owned(), value));
        // What a name stands for, or the name of a number.
        let meant = match (&field.rule, field.value()) {
            (Rule::RemotePort, Some(value)) if value != text.trim() => {
                let name = value.parse().ok().and_then(crate::tui::state::port::named);
                name.map(|service| format!("= {} ({value})", service.name)).unwrap_or_default()
            }
            (Rule::RemotePort, Some(value)) => {
                let name = value.parse().ok().and_then(crate::tui::state::port::named);
                name.map(|service| format!("= {}", service.name)).unwrap_or_default()
            }
            _ => String::new(),
        };
        spans.push(Span::styled(fit(&format!("  {meant}"), room.saturating_sub(text.width())), theme.dim()));
    }
    put_lines([Line::from(spans)], place, buffer);
    before
}

/// Below the fields: what is wrong, else what will be opened; and the keys.
fn below(state: &State, form: &Form, theme: Theme, cells: usize) -> Vec<Line<'static>> {
    let mut lines = vec![Line::default()];
    let mut say = |text: &str, style: Style| {
        lines.extend(wrap(text, cells).into_iter().map(|line| Line::styled(line, style)));
    };
    let wrong = form.fields.iter().find_map(Field::problem);
    let missing = form.problem().filter(|_| form.tried).map(|(_, why)| why);
    if let Some(refusal) = form.refusal() {
        say(&format!("✗ {refusal}"), theme.bad());
    }
    match wrong.or(missing) {
        Some(why) => say(&format!("✗ {why}"), theme.bad()),
        None => {
            if let Some(warning) = form.warning() {
                say(&format!("▲ {warning}"), theme.warning());
            }
            match (&form.subject, form.wish()) {
                (Subject::Forward { .. }, Some(wish)) => {
                    let near = match &wish.near {
                        Near::Unix(path) => path.display().to_string(),
                        Near::Tcp { host, port: 0 } => format!("{host}, a free port"),
                        Near::Tcp { host, port } if host.contains(':') => format!("[{host}]:{port}"),
                        Near::Tcp { host, port } => format!("{host}:{port}"),
                    };
                    let way = match &wish.host {
                        Some(_) => format!("{} → {}", form.name, wish.destination(&form.name)),
                        None => wish.destination(&form.name),
                    };
                    say(&format!("{near} → {way}"), Style::new());
                }
                (Subject::Forward { .. }, None) => say(" ", Style::new()),
                (Subject::Document(_), _) => {
                    let about = form.fields.get(form.focus).and_then(|field| match &field.rule {
                        Rule::Parameter(parameter) => Some(parameter.description.clone()),
                        _ => None,
                    });
                    match about.filter(|about| !about.is_empty()) {
                        Some(about) => say(&about, Style::new()),
                        None if form.fields.is_empty() => say("it takes no parameters", theme.dim()),
                        None => say(" ", Style::new()),
                    }
                }
            }
        }
    }
    let key = |action| state.keymap.key_of(Context::Form, action).unwrap_or_default();
    let mut keys = vec![Span::styled(key(Action::Accept), theme.key()), Span::raw(" opens it   ")];
    if form.fields.len() > 1 {
        keys.extend([Span::styled(key(Action::NextField), theme.key()), Span::raw(" next field   ")]);
    }
    keys.extend([Span::styled(key(Action::Dismiss), theme.key()), Span::raw(" cancels")]);
    lines.push(Line::from(keys));
    lines
}

/// Draws the choice of a document; where the cursor is.
pub(super) fn documents(
    state: &State,
    picker: &Picker,
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
) -> Option<Position> {
    let width = area.width.saturating_sub(4).min(72);
    let cells = usize::from(width);
    let height = area.height.saturating_sub(2).min(DOCUMENTS + 2);
    let inner = boxed(&format!("run on {}", picker.name), width, height, theme.accent(), area, buffer);
    if inner.area() == 0 {
        return None;
    }
    let (text, before) = picker.line.window(cells.saturating_sub(3));
    put_lines(
        [Line::from(vec![Span::styled("> ", theme.accent()), Span::raw(text.to_owned())])],
        inner,
        buffer,
    );
    let cursor = Position { x: inner.x + 2 + before as u16, y: inner.y };
    let Some(view) = state.fleet.places.get(picker.place) else { return Some(cursor) };
    let hits = picker.hits(&state.fleet.places);
    let list = Rect { y: inner.y + 1, height: inner.height.saturating_sub(2), ..inner };
    let lines = instead(state, &view.documents.status, picker, hits.is_empty(), theme, width);
    if lines.is_empty() {
        let rows = usize::from(list.height);
        let first = (picker.selected + 1).saturating_sub(rows);
        for (row, (at, hit)) in hits.iter().enumerate().skip(first).take(rows).enumerate() {
            let place = Rect { y: list.y + row as u16, height: 1, ..list };
            let document = &view.documents.list[hit.at];
            let me = view.who.as_ref().map(|who| who.account.as_str());
            let owner = match document.owner.as_str() {
                _ if document.is_amazons() => "Amazon",
                owner if Some(owner) == me => "this account",
                owner => owner,
            };
            let owner = fit(owner, cells / 3);
            let name = fit(&document.name, cells.saturating_sub(owner.width() + 4));
            let mut spans = vec![Span::raw("  ")];
            for (letter, c) in name.chars().enumerate() {
                let matched = hit.positions.contains(&letter);
                let style = if matched { theme.matched() } else { Style::new() };
                spans.push(Span::styled(c.to_string(), style));
            }
            spans.push(Span::raw(" ".repeat(cells.saturating_sub(2 + name.width() + owner.width()))));
            spans.push(Span::styled(owner, theme.dim()));
            put_lines([Line::from(spans)], place, buffer);
            if at == picker.selected {
                buffer.set_style(place, theme.selected());
                put("▌", place.x, place.y, theme.accent(), place, buffer);
            }
        }
    } else {
        put_lines(lines, list, buffer);
    }
    if inner.height > 2 {
        let words = match (&picker.reading, &view.documents.status) {
            (Some(name), _) => format!("reading {name}…"),
            (None, Status::Reading) => format!("listing… {} so far", view.documents.list.len()),
            (None, _) if hits.is_empty() => String::new(),
            (None, _) => counted(hits.len(), "document", "documents"),
        };
        let place = Rect { y: inner.bottom() - 1, height: 1, ..inner };
        put_lines([Line::styled(fit(&words, cells), theme.dim())], place, buffer);
    }
    Some(cursor)
}

/// What is said instead of a list.
fn instead(
    state: &State,
    status: &Status,
    picker: &Picker,
    none: bool,
    theme: Theme,
    width: u16,
) -> Vec<Line<'static>> {
    let key = |action| state.keymap.key_of(Context::Documents, action).unwrap_or_default();
    let again = format!("{} asks again", key(Action::Refresh));
    let cells = usize::from(width);
    let dim = |text: &str| -> Vec<Line<'static>> {
        wrap(text, cells).into_iter().map(|line| Line::styled(line, theme.dim())).collect()
    };
    if let Some(failure) = &picker.failure {
        return empty::told(theme, width, failure, "");
    }
    let typed = picker.line.text().trim();
    match status {
        _ if !none => Vec::new(),
        Status::Failed(failure) => {
            let named = "a document can be opened by its whole name";
            empty::told(theme, width, failure, &format!("{again}; {named}"))
        }
        Status::Unasked | Status::Reading => dim("listing the session documents…"),
        Status::Complete if typed.is_empty() => dim(&format!(
            "there is no session document for this instance that you may use; one is made with \
             aws ssm create-document --document-type Session. {again}"
        )),
        Status::Complete => {
            let open = key(Action::Accept);
            dim(&format!("no document matches {typed}; {open} opens one of exactly that name"))
        }
    }
}
