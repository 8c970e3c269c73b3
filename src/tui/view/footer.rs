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

use super::{box_at, login, put_lines, theme::Theme};
use crate::tui::{
    action::{Action, Context},
    action_table::TABLE,
    event::Ask,
    layout::{self, Bands},
    state::{
        State,
        limit::{Limit, words},
        login::Stage,
        look::Look,
        place::Access,
        popup::Popup,
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
            (Action::Accept, Context::History) => "open again",
            (Action::Accept, Context::Rename) => "rename",
            (Action::Accept, Context::Form) => "open",
            (Action::Accept, Context::Documents) => "choose",
            (Action::Accept, Context::Places) => "read these",
            (Action::Mark, Context::Places) => "tick",
            (Action::Accept, Context::MfaCode) => "send it",
            (Action::Accept, Context::Login) => match &state.popup {
                Some(Popup::Login(open)) => match open.stage {
                    Stage::Offered { .. } => "sign in",
                    Stage::Asking => continue,
                    Stage::Waiting { .. } => "open the page",
                    Stage::Failed(_) => "begin again",
                },
                _ => word,
            },
            (Action::Dismiss, Context::Login | Context::MfaCode) => "cancel",
            (Action::Dismiss, Context::Form | Context::Documents | Context::Places) => "cancel",
            (Action::Dismiss, Context::Confirm) => "no",
            (Action::Dismiss, Context::Rename) => "cancel",
            (Action::Dismiss, Context::Scroll) if !undoes(state) => continue,
            (Action::Dismiss, Context::Scroll) => "undo",
            (Action::Dismiss, Context::Find | Context::Hints | Context::Save) => "cancel",
            (Action::Accept, Context::Find) => "go there",
            (Action::Accept, Context::Save) => "save",
            (Action::CopySelection, _) if !selects(state) => continue,
            (Action::NextMatch, _) if !finds(state) => continue,
            (Action::Mark, _) if is_marked(state) => "unmark",
            _ => word,
        };
        let word = match entry.action {
            Action::Login if state.needing().is_some_and(|view| matches!(view.ask(), Some(Ask::Mfa(_)))) => {
                "type the code".to_owned()
            }
            Action::Shell if facts.marks > 1 => format!("{} shells", facts.marks),
            _ => word.to_owned(),
        };
        hints.push(Hint { key, word });
    }
    hints
}

fn look(state: &State) -> Option<&Look> {
    state.tabs.current().and_then(|tab| tab.look())
}

fn selects(state: &State) -> bool {
    look(state).is_some_and(|look| look.copy.selection().is_some())
}

fn finds(state: &State) -> bool {
    look(state).is_some_and(|look| !look.copy.query().text.is_empty())
}

/// Whether there is something to undo before the view is left.
fn undoes(state: &State) -> bool {
    selects(state) || finds(state)
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
    let told_in_place_of_rows = matches!(fleet.places.access(), Access::Failed(_)) && fleet.places.len() == 1;
    let told = told_in_place_of_rows || matches!(state.popup, Some(Popup::Login(_) | Popup::MfaCode(_)));
    if let Some(needed) = login::needed(state, state.base_context()).filter(|_| !told) {
        return format!("{needed} ");
    }
    match fleet.places.access() {
        Access::Connecting if !fleet.places.have_cached() => "looking for credentials… ".to_owned(),
        Access::Connecting => format!("{} · looking for credentials… ", fleet.places.status(state.now.time)),
        Access::Failed(_) if !fleet.places.have_cached() => String::new(),
        Access::Failed(_) => format!("{} ", fleet.places.status(state.now.time)),
        Access::Ready => {
            let words = match super::fleet::missing(state) {
                Some(_) if layout::fleet(state.size).border => "not complete".to_owned(),
                _ if fleet.counts.total() == 0 && !fleet.places.are_complete() => String::new(),
                _ => fleet.places.status(state.now.time),
            };
            let watched = match state.watches.len() {
                0 => String::new(),
                1 => format!("watching {} · ", state.watches[0].name),
                many => format!("watching {many} · "),
            };
            let marks = match fleet.marks.len() {
                0 => String::new(),
                marks => format!("{marks} marked · "),
            };
            match fleet.places.is_reading() {
                true if fleet.counts.total() == 0 => "listing… ".to_owned(),
                true => format!("{watched}{marks}{words} · refreshing… "),
                false => format!("{watched}{marks}{words} "),
            }
        }
    }
}

fn session_status(tab: &Tab, now: Instant, cols: u16) -> String {
    let mut parts = Vec::new();
    if let Some(look) = tab.look() {
        return format!("{} ", super::look::status(look));
    }
    if tab.pane().is_some_and(|pane| pane.wanted.is_some()) {
        parts.push("clipboard?".to_owned());
    }
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
