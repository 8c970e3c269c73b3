//! A list without rows: still coming, filtered away, nothing there, or not allowed; each says what to do next.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::{Modifier, Style},
    text::Line,
};

use super::{login, put_lines, theme::Theme};
use crate::{
    fleet::phrase,
    tui::{
        action::{Action, Context},
        event::Failure,
        state::{State, place::Access},
        text::wrap,
    },
};

/// Draws what there is to say in place of rows.
pub(super) fn draw(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let width = area.width.saturating_sub(6).min(76);
    if width == 0 {
        return;
    }
    let lines = lines(state, theme, width);
    let height = (lines.len() as u16).min(area.height);
    let place = Rect {
        x: area.x + (area.width - width) / 2,
        // Somewhat above the middle, where the eye rests.
        y: area.y + (area.height - height) / 3,
        width,
        height,
    };
    put_lines(lines, place, buffer);
}

fn lines(state: &State, theme: Theme, width: u16) -> Vec<Line<'static>> {
    let key = |action| state.keymap.key_of(state.base_context(), action).unwrap_or_default();
    let again = || format!("press {} to try again", key(Action::Refresh));
    let elsewhere = || format!("{} chooses accounts and regions", key(Action::Places));
    let places = &state.fleet.places;
    let (whole, reading) = (places.words(), places.is_reading());
    if let (Access::Ready, Some(id), false) = (places.access(), state.fleet.typed_id(), reading) {
        let what = format!("{id} is in no list");
        let place = places.only().is_none().then(|| places.first_ready()).flatten();
        let place = place.map_or_else(String::new, |view| format!(" in {}", view.place().words()));
        let try_it = format!("{} tries to start a session on it all the same{place}", key(Action::Shell));
        let opened = state.habits.history.newest().find(|opening| opening.id == id).map(|opening| {
            let when = phrase::moment(opening.at, state.now.time);
            format!("you opened it in {}, {when}: {}", opening.place.words(), elsewhere())
        });
        let more = [opened.as_deref().unwrap_or_default(), "", &try_it];
        return said(theme, width, Style::new(), &what, &more[usize::from(opened.is_none())..]);
    }
    match places.access() {
        Access::Connecting => said(theme, width, theme.dim(), "looking for credentials…", &[]),
        Access::Failed(failure) => {
            told(theme, width, &with_key(state, failure, state.base_context()), &again())
        }
        Access::Ready if reading && state.fleet.counts.total() == 0 => {
            said(theme, width, theme.dim(), &format!("listing the instances of {whole}…"), &[])
        }
        Access::Ready if !state.fleet.query.text().trim().is_empty() && state.fleet.counts.total() > 0 => {
            let query = state.fleet.query.text().trim();
            let erase = state.keymap.key_of(Context::Search, Action::EraseLine).unwrap_or_default();
            let clear = format!("{erase} in the search box clears it");
            said(theme, width, Style::new(), &format!("nothing matches {query}"), &["", &clear])
        }
        Access::Ready => nothing(state, theme, width, &whole, &again()),
    }
}

/// AWS gave no row: because there is none, or because it would not say.
fn nothing(state: &State, theme: Theme, width: u16, whole: &str, again: &str) -> Vec<Line<'static>> {
    let Some(view) = state.fleet.places.only() else {
        let what = format!("no instances in {whole}");
        let lines: Vec<String> = state
            .fleet
            .places
            .iter()
            .map(|view| format!("{}: {}", view.place().words(), view.words(state.now.time)))
            .collect();
        let mut more = vec![""];
        more.extend(lines.iter().map(String::as_str));
        more.extend(["", again]);
        return said(theme, width, Style::new(), &what, &more);
    };
    let lists = &view.completeness;
    let who = view.principal().unwrap_or("you");
    match (lists.agents.denied(), lists.machines.denied()) {
        (Some(agents), Some(machines)) => {
            let failure = Failure {
                what: format!("cannot list the instances of {whole}: access denied"),
                why: format!("{who} may call neither {agents} nor {machines}"),
                next: format!(
                    "ask for a statement that allows one of them: \
                     {{\"Effect\":\"Allow\",\"Action\":[\"{agents}\",\"{machines}\"],\"Resource\":\"*\"}}"
                ),
                detail: None,
                ask: None,
            };
            told(theme, width, &failure, again)
        }
        (agents, machines) => {
            let failed = lists.agents.failure().or(lists.machines.failure());
            if let Some(failed) = failed {
                let failure = Failure {
                    what: format!("cannot list the instances of {whole}"),
                    why: failed.to_owned(),
                    next: again.to_owned(),
                    detail: None,
                    ask: None,
                };
                return told(theme, width, &failure, "");
            }
            let what = format!("no instances in {whole}");
            let asked = match (agents, machines) {
                (Some(action), _) => format!("EC2 lists none there; {action} is denied to {who}"),
                (_, Some(action)) => {
                    format!("Systems Manager manages none there; {action} is denied to {who}")
                }
                _ => "Systems Manager manages none there, and EC2 has none".to_owned(),
            };
            let other = "another place: ssmtui --profile NAME --region REGION";
            said(theme, width, Style::new(), &what, &[&asked, "", other, again])
        }
    }
}

/// What only the user can mend is mended here, by a key.
pub(super) fn with_key(state: &State, failure: &Failure, context: Context) -> Failure {
    let key = failure.ask.as_deref().map(|ask| login::remedy(state, ask, context));
    let next = match key {
        Some(key) => format!("{key} here; or {}", failure.next),
        None => failure.next.clone(),
    };
    Failure { next, ..failure.clone() }
}

fn said(theme: Theme, width: u16, style: Style, what: &str, more: &[&str]) -> Vec<Line<'static>> {
    let cells = usize::from(width);
    let head = wrap(what, cells).into_iter().map(|line| Line::styled(line, style));
    let rest = more.iter().flat_map(|text| wrap(text, cells)).map(|line| Line::styled(line, theme.dim()));
    head.chain(rest).map(Line::centered).map(|line| centre(line, cells)).collect()
}

/// `set_line` knows no alignment: the spaces are put in front here.
fn centre(line: Line<'static>, cells: usize) -> Line<'static> {
    let pad = cells.saturating_sub(line.width()) / 2;
    let style = line.style;
    let text: String = line.spans.iter().map(|span| &*span.content).collect();
    Line::styled(format!("{}{text}", " ".repeat(pad)), style)
}

/// A failure in its three parts: what, why, next.
pub(super) fn told(theme: Theme, width: u16, failure: &Failure, again: &str) -> Vec<Line<'static>> {
    let cells = usize::from(width);
    let mut lines: Vec<Line> =
        wrap(&failure.what, cells).into_iter().map(|line| Line::styled(line, theme.alarm())).collect();
    lines.push(Line::default());
    for (name, text, style) in [
        ("why", &failure.why, Style::new()),
        ("next", &failure.next, Style::new().add_modifier(Modifier::BOLD)),
    ] {
        for (at, line) in wrap(text, cells.saturating_sub(6)).into_iter().enumerate() {
            let name = if at == 0 { name } else { "" };
            lines.push(Line::from(vec![
                ratatui::text::Span::styled(format!("{name:<6}"), theme.dim()),
                ratatui::text::Span::styled(line, style),
            ]));
        }
    }
    for text in failure.detail.iter().map(String::as_str).chain([again]).filter(|text| !text.is_empty()) {
        let pieces = wrap(text, cells.saturating_sub(6)).into_iter();
        lines.extend(pieces.map(|line| Line::styled(format!("      {line}"), theme.dim())));
    }
    lines
}
