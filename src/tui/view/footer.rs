//! The bottom line: the keys that work now, generated from the keymap, and at its right how the list or the session is.
//! Above it, while a sequence of keys is begun, what may follow.

use std::time::Instant;

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    text::{Line, Span},
};
use unicode_width::UnicodeWidthStr;

use super::{box_at, put_lines, theme::Theme};
use crate::tui::{
    action::{Action, Context},
    action_table::TABLE,
    layout::{self, Bands},
    state::{
        State,
        fleet::Access,
        limit::{Limit, words},
        tab::Tab,
    },
    text::{fit, short_id, span},
};

/// A key and what it does, in a word.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Hint {
    key: String,
    word: String,
}

/// Draws the bottom line.
pub(super) fn draw(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) {
    if area.height == 0 {
        return;
    }
    let width = usize::from(area.width);
    if let Some(note) = &state.note {
        let style = if note.until.is_none() { theme.warning() } else { Style::new() };
        buffer.set_stringn(
            area.x,
            area.y,
            format!(" {}", fit(&note.text, width.saturating_sub(1))),
            width,
            style,
        );
        return;
    }
    let status = fit(&status(state), width * 3 / 5);
    let room = width.saturating_sub(status.width() + 2);
    let mut spans = Vec::new();
    let mut used = 0;
    for hint in hints(state) {
        let cells = 1 + hint.key.width() + 1 + hint.word.width() + 2;
        if used + cells > room {
            break;
        }
        used += cells;
        spans.push(Span::raw(" "));
        spans.push(Span::styled(hint.key, theme.key()));
        spans.push(Span::raw(format!(" {}  ", hint.word)));
    }
    buffer.set_line(area.x, area.y, &Line::from(spans), area.width);
    let x = area.right() - (status.width() as u16).min(area.width);
    buffer.set_stringn(x, area.y, &status, width, theme.dim());
}

/// The keys that work now, the most useful first.
fn hints(state: &State) -> Vec<Hint> {
    let context = state.context();
    let facts = state.snapshot();
    let leader = state.keymap.leader().to_string();
    let mut hints = Vec::new();
    if matches!(context, Context::Pane | Context::Forward | Context::Starting | Context::Ended) {
        // The way out first: who sits in a session for the first time looks for it.
        hints.push(Hint { key: leader.clone(), word: "commands".to_owned() });
    }
    for entry in TABLE {
        let Some(word) = entry.hint() else { continue };
        let Some(key) = state.keymap.key_of(context, entry.action) else { continue };
        // In the fleet the same is to be had without the leader; inside a session the panel tells the rest.
        let led = key.starts_with(&leader);
        let useful = matches!(entry.action, Action::GoFleet | Action::Help | Action::CancelPaste);
        if (led && !(useful && context == Context::Pane)) || entry.action.disabled(&facts).is_some() {
            continue;
        }
        let word = match (entry.action, context) {
            (Action::Accept, Context::Menu) => "do it",
            (Action::Accept, Context::Order) => "order",
            (Action::Accept, Context::Rename) => "rename",
            (Action::Accept, Context::Form) => "open",
            (Action::Accept, Context::Documents) => "choose",
            (Action::Dismiss, Context::Form | Context::Documents) => "cancel",
            (Action::Dismiss, Context::Confirm) => "no",
            (Action::Dismiss, Context::Rename) => "cancel",
            (Action::Dismiss, Context::Scroll) => "back to the prompt",
            (Action::Mark, _) if is_marked(state) => "unmark",
            _ => word,
        };
        let word = match entry.action {
            Action::Shell if facts.marks > 1 => format!("{} shells", facts.marks),
            _ => word.to_owned(),
        };
        hints.push(Hint { key, word });
    }
    hints
}

fn is_marked(state: &State) -> bool {
    state.fleet.list.selected.as_ref().is_some_and(|id| state.fleet.marks.contains(id))
}

/// How the list or the session is, for the right end.
fn status(state: &State) -> String {
    match state.tabs.current() {
        Some(tab) => session_status(tab, state.now.instant, state.size.cols),
        None => fleet_status(state),
    }
}

fn fleet_status(state: &State) -> String {
    let fleet = &state.fleet;
    match fleet.access {
        Access::Connecting => "looking for credentials… ".to_owned(),
        Access::Failed(_) => String::new(),
        Access::Ready => {
            let who = state.place.who.as_ref().map(|who| who.principal.as_str());
            let words = match super::fleet::missing(state) {
                Some(_) if layout::fleet(state.size).border => "not complete".to_owned(),
                _ if fleet.counts.total() == 0 && !fleet.completeness.is_complete() => String::new(),
                _ => fleet.completeness.words(who, state.now.time),
            };
            let marks = match fleet.marks.len() {
                0 => String::new(),
                marks => format!("{marks} marked · "),
            };
            match fleet.reading.running {
                true if fleet.counts.total() == 0 => "listing… ".to_owned(),
                true => format!("{marks}{words} · refreshing… "),
                false => format!("{marks}{words} "),
            }
        }
    }
}

fn session_status(tab: &Tab, now: Instant, cols: u16) -> String {
    let mut parts = Vec::new();
    if let Some(percent) = tab.paste_percent() {
        parts.push(format!("paste {percent} %"));
    }
    if tab.encrypted {
        parts.push("encrypted".to_owned());
    }
    if tab.is_live() {
        let idle = tab.limits.left(Limit::Idle, now);
        let maximum = tab.limits.left(Limit::Maximum, now);
        parts.extend(idle.map(|left| format!("idle {}", words(left))));
        parts.extend(maximum.map(|left| format!("ends in {}", words(left))));
    }
    if let Some(time) = tab.link.round_trip {
        parts.push(format!("{} ms", time.as_millis()));
    }
    parts.push(if cols < 70 { short_id(tab.target.as_str()) } else { tab.target.to_string() });
    format!("{} ", parts.join(" · "))
}

/// While a sequence of keys is begun: what may follow, in a panel above the bottom line.
pub(super) fn draw_following(state: &State, theme: Theme, bands: Bands, buffer: &mut Buffer) {
    let Some(following) = state.following() else { return };
    let facts = state.snapshot();
    let mut entries: Vec<(String, String, bool)> = Vec::new();
    for (chord, action) in following {
        let (key, word, works) = match action {
            Some(Action::GoTab(1)) => ("1…9".to_owned(), "go to tab".to_owned(), true),
            Some(Action::GoTab(_)) => continue,
            Some(action) => {
                let entry = action.entry();
                let word = entry.hint().unwrap_or(entry.doc).to_owned();
                (chord.to_string(), word, action.disabled(&facts).is_none())
            }
            None => (chord.to_string(), "…".to_owned(), true),
        };
        entries.push((key, word, works));
    }
    let cells =
        entries.iter().map(|(key, word, _)| key.width().max(6) + 1 + word.width() + 2).max().unwrap_or(0);
    let body = bands.body;
    let columns = (usize::from(body.width).saturating_sub(4) / cells.max(1)).clamp(1, 4);
    let rows = entries.len().div_ceil(columns);
    let height = (rows as u16 + 2).min(body.height);
    let width = ((columns * cells) as u16 + 4).min(body.width);
    let place = Rect { x: body.right() - width, y: body.bottom() - height, width, height };
    if place.area() == 0 {
        return;
    }
    let title = state.pending.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    let inner = box_at(&format!("{title} …"), place, theme.accent(), buffer);
    let lines = (0..rows).map(|row| {
        let spans = entries.iter().skip(row).step_by(rows.max(1)).flat_map(|(key, word, works)| {
            let pad = cells - key.width().max(6) - 1 - word.width();
            let (on, off) = if *works { (theme.key(), Style::new()) } else { (theme.dim(), theme.dim()) };
            [Span::styled(format!("{key:>6} "), on), Span::styled(format!("{word}{}", " ".repeat(pad)), off)]
        });
        Line::from(spans.collect::<Vec<_>>())
    });
    put_lines(lines.collect::<Vec<_>>(), inner, buffer);
}

/// The strip's words for the link of a session, if there is something to say.
pub(super) fn waited(since: std::time::Instant, state: &State) -> String {
    span(state.now.instant.saturating_duration_since(since), false)
}
