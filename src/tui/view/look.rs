//! Looking back, drawn: text that stands still, how far it is from the session, what is searched for, letters of links.

use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    text::{Line, Span},
    widgets::Widget,
};
use unicode_width::UnicodeWidthStr;

use super::{put, theme::Theme};
use crate::{
    fleet::phrase,
    term::{
        Terminal,
        copy::{Direction, Standing, Unit},
        copy_widget::CopyView,
    },
    tui::{
        state::{State, look::Look},
        text::{counted, fit},
    },
};

/// Draws the text, and over its corner where it stands and what is to be said of the session; where the cursor is.
pub(super) fn draw(
    look: &Look,
    terminal: &Terminal,
    told: Option<&str>,
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
) -> Option<Position> {
    CopyView::new(&look.copy, theme.lights()).palette(terminal.palette()).render(area, buffer);
    if let Some(hints) = &look.hints {
        for (label, link) in &hints.links {
            let Some(rest) = label.strip_prefix(&*hints.typed) else { continue };
            let (row, col) = look.copy.cell_of(link);
            put(rest, area.x + col, area.y + row, theme.label(), area, buffer);
        }
    }
    let back = match look.copy.rows_back() {
        0 => "looking back".to_owned(),
        rows => format!("{} back", counted(rows, "line", "lines")),
    };
    let below = match look.rows_since(terminal) {
        0 => String::new(),
        new => format!(" · {} new", phrase::count(usize::try_from(new).unwrap_or(usize::MAX))),
    };
    let badge = match told {
        Some(told) => fit(&format!(" {told} · ↑ {back}{below} "), usize::from(area.width.saturating_sub(1))),
        None => format!(" ↑ {back}{below} "),
    };
    let cells = badge.width() as u16;
    // Over nothing that is being selected or named at this moment.
    let busy = look.passing && (look.drag.is_some() || look.hints.is_some());
    if !busy && cells < area.width && area.height > 1 {
        put(badge, area.right() - cells, area.y, theme.strip(theme.warning()), area, buffer);
    }
    if look.hints.is_some() {
        return None;
    }
    let (row, col) = look.copy.cursor_cell();
    Some(Position { x: area.x + col, y: area.y + row })
}

/// What is selected and what was found, in a few words.
pub(super) fn status(look: &Look) -> String {
    let mut parts = Vec::new();
    if let Some(selection) = look.copy.selection() {
        parts.push(
            match selection.unit {
                Unit::Character => "selecting",
                Unit::Word => "selecting words",
                Unit::Line => "selecting lines",
                Unit::Block => "selecting a rectangle",
            }
            .to_owned(),
        );
    }
    if let Some(found) = standing(look) {
        parts.push(found);
    }
    parts.join(" · ")
}

fn standing(look: &Look) -> Option<String> {
    match look.copy.standing() {
        Standing::Idle => None,
        Standing::Wrong(_) => Some("no regular expression yet".to_owned()),
        Standing::None => Some("not found".to_owned()),
        Standing::At { number, count, all } => {
            let more = if all { "" } else { "+" };
            Some(match number {
                0 => format!("{}{more} found", phrase::count(count)),
                number => format!("{} of {}{more}", phrase::count(number), phrase::count(count)),
            })
        }
    }
}

/// While a search is typed: what was typed, in the place of the footer, and how it stands; where the cursor is.
pub(super) fn draw_finding(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) -> Option<Position> {
    let look = state.tabs.current()?.look()?;
    let finding = look.finding.as_ref()?;
    if area.area() == 0 || state.popup.is_some() {
        return None;
    }
    let sign = if finding.direction == Direction::Forward { "/" } else { "?" };
    let kind = if look.regex { "regular expression" } else { "as it stands" };
    let key =
        state.keymap.key_of(state.context(), crate::tui::action::Action::ToggleRegex).unwrap_or_default();
    let standing = standing(look).map(|words| format!("{words} · ")).unwrap_or_default();
    let width = usize::from(area.width);
    let right = fit(&format!("{standing}{kind} ({key}) "), width / 2);
    let room = width.saturating_sub(right.width() + 3);
    let (text, before) = finding.line.window(room.max(1));
    let spans = vec![Span::styled(format!(" {sign}"), theme.accent()), Span::raw(text)];
    buffer.set_line(area.x, area.y, &Line::from(spans), area.width);
    put(&right, area.right() - (right.width() as u16).min(area.width), area.y, theme.dim(), area, buffer);
    Some(Position { x: area.x + 2 + before as u16, y: area.y })
}
