//! A session's screen, and what has to be said over it.

use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    style::Style,
    text::{Line, Span},
    widgets::Widget,
};

use super::{boxed, empty, footer::waited, put, put_lines, theme::Theme};
use crate::{
    term::TerminalView,
    tui::{
        action::{Action, Context},
        state::{
            State,
            tab::{Ending, Phase, Step, Tab},
        },
        text::{counted, fit, span, wrap},
    },
};

/// Draws it; where the cursor is.
pub(super) fn draw(
    state: &State,
    tab: &Tab,
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
) -> Option<Position> {
    let lines_back = tab.scroll.unwrap_or(0);
    let dimmed = !matches!(tab.phase, Phase::Live) || tab.link.silent.is_some();
    TerminalView::new(&tab.terminal).scrolled(lines_back).dimmed(dimmed).render(area, buffer);
    match &tab.phase {
        Phase::Starting { since, step } => starting(state, tab, *since, *step, theme, area, buffer),
        Phase::Ended(ending) => ended(state, tab, ending, theme, area, buffer),
        Phase::Live | Phase::Reconnecting { .. } => {}
    }
    if let Some((text, detail, style)) = strip(state, tab, theme) {
        draw_strip(&text, &detail, theme.strip(style), area, buffer);
    }
    let cursor = tab.terminal.cursor().filter(|_| tab.is_live() && lines_back == 0)?;
    Some(Position { x: area.x + cursor.col, y: area.y + cursor.row })
}

/// The one thing to say across the top of a session: what matters most first.
fn strip(state: &State, tab: &Tab, theme: Theme) -> Option<(String, String, Style)> {
    let link = &tab.link;
    if let Some(lines) = tab.scroll {
        let key = |action| state.keymap.key_of(Context::Scroll, action).unwrap_or_default();
        let keys = format!(
            "{} {} {} {} move · {} goes back",
            key(Action::Up),
            key(Action::Down),
            key(Action::PageUp),
            key(Action::PageDown),
            key(Action::Dismiss)
        );
        return Some((format!("{} back", counted(lines, "line", "lines")), keys, Style::new()));
    }
    match &tab.phase {
        Phase::Reconnecting { since, attempt, cause } => {
            let text = format!("◐ reconnecting · {} · attempt {attempt}", waited(*since, state));
            Some((text, format!("{cause} · what you type is kept"), theme.warning()))
        }
        Phase::Live => {
            if let Some(since) = link.silent {
                let text = format!("◐ no answer for {}", waited(since, state));
                Some((text, "what you type is kept".to_owned(), theme.warning()))
            } else if link.paused {
                Some(("◐ paused by the agent".to_owned(), "what you type waits".to_owned(), theme.warning()))
            } else if let Some((away, _)) = link.resumed {
                let text = format!("● resumed after {}", span(away, false));
                Some((text, "nothing was lost".to_owned(), theme.good()))
            } else {
                link.notice.as_ref().map(|(text, _)| (text.clone(), String::new(), Style::new()))
            }
        }
        Phase::Starting { .. } | Phase::Ended(_) => None,
    }
}

fn draw_strip(text: &str, detail: &str, style: Style, area: Rect, buffer: &mut Buffer) {
    if area.height < 2 {
        return;
    }
    let place = Rect { height: 1, ..area };
    let cells = usize::from(area.width);
    let text = fit(&format!(" {text} "), cells);
    let detail = format!("{detail} ");
    put(" ".repeat(cells), place.x, place.y, style, place, buffer);
    let used = Line::raw(&*text).width();
    let rest = cells.saturating_sub(used + 1);
    put(text, place.x, place.y, style, place, buffer);
    if rest > 8 && detail.len() > 1 {
        let detail = fit(&detail, rest);
        let x = area.right() - Line::raw(&*detail).width() as u16;
        put(detail, x, place.y, style, place, buffer);
    }
}

/// "starting web-1… 0.4 s", and how far it is.
fn starting(
    state: &State,
    tab: &Tab,
    since: std::time::Instant,
    step: Step,
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    let passed = span(state.now.instant.saturating_duration_since(since), true);
    let cancel = state.keymap.key_of(Context::Starting, Action::CancelStart).unwrap_or_default();
    let mut lines = vec![Line::raw(format!("starting… {passed}")), Line::default()];
    for each in Step::ALL {
        let (sign, style) = match each.cmp(&step) {
            std::cmp::Ordering::Less => ("✓", theme.good()),
            std::cmp::Ordering::Equal => ("▸", theme.accent()),
            std::cmp::Ordering::Greater => ("·", theme.dim()),
        };
        lines.push(Line::from(vec![
            Span::styled(format!("{sign} "), style),
            Span::styled(each.word(), if each > step { theme.dim() } else { Style::new() }),
        ]));
    }
    lines.push(Line::default());
    lines.push(Line::styled(format!("{cancel} cancels"), theme.dim()));
    let inner = boxed(&tab.name, 30, lines.len() as u16, theme.frame(), area, buffer);
    put_lines(lines, inner, buffer);
}

/// Why it is over, and what can be done; the last screen stays above where there is room.
fn ended(state: &State, tab: &Tab, ending: &Ending, theme: Theme, area: Rect, buffer: &mut Buffer) {
    if tab.scroll.is_some() {
        return;
    }
    let key = |action| state.keymap.key_of(Context::Ended, action).unwrap_or_default();
    let keys = format!("{} starts it anew · {} closes the tab", key(Action::Restart), key(Action::CloseTab));
    let width = area.width.saturating_sub(4).min(72);
    let cells = usize::from(width);
    let mut lines = match ending {
        Ending::NotStarted(failure) => empty::told(theme, width, failure, ""),
        Ending::Session(why) => wrap(&format!("✗ {why}"), cells)
            .into_iter()
            .map(|line| Line::styled(line, theme.alarm()))
            .collect(),
        Ending::Cancelled => vec![Line::styled("✗ starting was cancelled", theme.alarm())],
    };
    if matches!(ending, Ending::NotStarted(_)) {
        lines.push(Line::default());
    }
    lines.extend(wrap(&keys, cells).into_iter().map(|line| Line::styled(line, theme.dim())));
    let height = (lines.len() as u16 + 2).min(area.height);
    let used = (tab.terminal.text().lines().count() as u16 + 1).min(area.height - height);
    let place = Rect { x: area.x, y: area.y + used, width: (width + 4).min(area.width), height };
    let inner = super::box_at(&tab.name, place, theme.bad(), buffer);
    put_lines(lines, inner, buffer);
}
