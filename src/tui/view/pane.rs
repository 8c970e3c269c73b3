//! A tab's screen: its terminal or its forward, and what has to be said over it.

use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    style::Style,
    text::{Line, Span},
    widgets::Widget,
};

use super::{board, boxed, empty, footer::waited, login, look, put, put_lines, theme::Theme};
use crate::{
    term::TerminalView,
    tui::{
        action::{Action, Context},
        state::{
            State,
            content::Content,
            forward::{LaneLink, bytes},
            limit::{Limit, words},
            pane::Pane,
            tab::{Ending, Phase, Step, Tab},
        },
        text::{fit, span, wrap},
    },
};

/// Rows that the last words of a forward have below its board.
const ENDED: u16 = 5;

/// Draws it; where the cursor is.
pub(super) fn draw(
    state: &State,
    tab: &Tab,
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
) -> Option<Position> {
    let dimmed = !matches!(tab.phase, Phase::Live) || tab.link.silent.is_some();
    let used = match (&tab.content, tab.pane()) {
        (Content::Forward(board), _) if !matches!(tab.phase, Phase::Starting { .. }) => {
            let below = if matches!(tab.phase, Phase::Ended(_)) { ENDED.min(area.height / 2) } else { 0 };
            let place = Rect { height: area.height - below, ..area };
            board::draw(state, tab, board, theme, place, buffer)
        }
        (_, Some(Pane { look: Some(look), terminal, .. })) => {
            let told = match &tab.phase {
                Phase::Ended(ending) => headline(ending).map(|(text, _)| text),
                _ => strip(state, tab, theme).map(|(text, ..)| text),
            };
            return look::draw(look, terminal, told.as_deref(), theme, area, buffer);
        }
        (_, Some(pane)) => {
            TerminalView::new(&pane.terminal).dimmed(dimmed).render(area, buffer);
            match tab.phase {
                Phase::Ended(_) => pane.terminal.text().lines().count() as u16,
                _ => 0,
            }
        }
        _ => 0,
    };
    match &tab.phase {
        Phase::Starting { since, step } => starting(state, tab, *since, *step, theme, area, buffer),
        Phase::Ended(ending) => ended(state, tab, ending, used, theme, area, buffer),
        Phase::Live | Phase::Reconnecting { .. } => {}
    }
    if let Some((text, detail, style)) = strip(state, tab, theme) {
        draw_strip(&text, &detail, theme.strip(style), area, buffer);
    }
    cursor(tab, area)
}

fn cursor(tab: &Tab, area: Rect) -> Option<Position> {
    let cursor = tab.pane()?.terminal.cursor().filter(|_| tab.is_live())?;
    Some(Position { x: area.x + cursor.col, y: area.y + cursor.row })
}

/// Whether its session is shown as it is, with nothing over it.
pub(super) fn is_bare(state: &State, tab: &Tab) -> bool {
    matches!(tab.phase, Phase::Live)
        && tab.link.silent.is_none()
        && tab.look().is_none()
        && strip(state, tab, Theme::PLAIN).is_none()
}

/// Draws one row of a session with nothing over it; where the cursor is.
pub(super) fn draw_row(tab: &Tab, row: u16, area: Rect, buffer: &mut Buffer) -> Option<Position> {
    let place = Rect { y: area.y + row, height: 1, ..area };
    TerminalView::new(&tab.pane()?.terminal).from_row(row).render(place, buffer);
    cursor(tab, area)
}

/// The one thing to say across the top of a session: what matters most first.
fn strip(state: &State, tab: &Tab, theme: Theme) -> Option<(String, String, Style)> {
    let link = &tab.link;
    let needs = || state.fleet.places.get(tab.place)?.ask();
    match &tab.phase {
        Phase::Reconnecting { .. } if needs().is_some() => {
            let text = login::needed(state, state.base_context()).unwrap_or_default();
            Some((format!("◐ {text}"), "what you type is kept".to_owned(), theme.warning()))
        }
        Phase::Reconnecting { since, attempt, cause } => {
            let text = format!("◐ reconnecting · {} · attempt {attempt}", waited(*since, state));
            Some((text, format!("{cause} · what you type is kept"), theme.warning()))
        }
        Phase::Live => {
            if let Some(strip) = lane_strip(state, tab, theme) {
                return Some(strip);
            }
            if let Some(since) = link.silent {
                let text = format!("◐ no answer for {}", waited(since, state));
                Some((text, "what you type is kept".to_owned(), theme.warning()))
            } else if link.paused {
                Some(("◐ paused by the agent".to_owned(), "what you type waits".to_owned(), theme.warning()))
            } else if let Some((limit, left)) = tab.limits.near(state.now.instant) {
                let text = format!("◷ the service ends this in {}", words(left));
                let why = match (limit, tab.board().is_some()) {
                    (Limit::Idle, false) => "nothing was typed or shown; any key keeps it",
                    (Limit::Idle, true) => "nothing went through it; any traffic keeps it",
                    (Limit::Maximum, _) => "no session may last longer here",
                };
                Some((text, why.to_owned(), theme.warning()))
            } else if let Some(wanted) = tab
                .pane()
                .and_then(|pane| pane.wanted.as_ref())
                .filter(|wanted| wanted.until > state.now.instant)
            {
                let text = format!("? it wants to put {} on your clipboard", bytes(wanted.text.len() as u64));
                let key = state.keymap.key_of(Context::Pane, Action::Clipboard).unwrap_or_default();
                Some((text, format!("{key} shows what, and asks"), theme.warning()))
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

/// What is to be said of the sessions of a forward.
fn lane_strip(state: &State, tab: &Tab, theme: Theme) -> Option<(String, String, Style)> {
    let kept = "connections are kept".to_owned();
    let needs = || state.fleet.places.get(tab.place)?.ask();
    match tab.board()?.worst()? {
        LaneLink::Up => None,
        LaneLink::Reconnecting { .. } if needs().is_some() => {
            let text = login::needed(state, state.base_context()).unwrap_or_default();
            Some((format!("◐ {text}"), kept, theme.warning()))
        }
        LaneLink::Silent(since) => {
            Some((format!("◐ no answer for {}", waited(*since, state)), kept, theme.warning()))
        }
        LaneLink::Reconnecting { since, attempt, cause } => {
            let text = format!("◐ reconnecting · {} · attempt {attempt}", waited(*since, state));
            Some((text, format!("{cause} · {kept}"), theme.warning()))
        }
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
    // A local ssh has no steps that could be seen.
    let steps = if matches!(tab.content, Content::Ssh(_)) { &[][..] } else { &Step::ALL[..] };
    for each in steps.iter().copied() {
        let (sign, style) = match each.cmp(&step) {
            std::cmp::Ordering::Less => ("✓", theme.good()),
            std::cmp::Ordering::Equal => ("▸", theme.accent()),
            std::cmp::Ordering::Greater => ("·", theme.dim()),
        };
        lines.push(Line::from(vec![
            Span::styled(format!("{sign} "), style),
            Span::styled(each.word(&tab.content), if each > step { theme.dim() } else { Style::new() }),
        ]));
    }
    lines.push(Line::default());
    lines.push(Line::styled(format!("{cancel} cancels"), theme.dim()));
    let inner = boxed(&tab.name, 30, lines.len() as u16, theme.frame(), area, buffer);
    put_lines(lines, inner, buffer);
}

/// Why it is over, in a sentence, and whether it went well; none where there was no session, which takes more to say.
fn headline(ending: &Ending) -> Option<(String, bool)> {
    let words = match ending {
        Ending::NotStarted(_) => return None,
        Ending::Exited(0) => "✓ ended with exit code 0".to_owned(),
        Ending::Exited(code) => format!("✗ ended with exit code {code}"),
        Ending::Session(why) => format!("✗ {why}"),
        Ending::Cancelled => "✗ starting was cancelled".to_owned(),
    };
    Some((words, *ending == Ending::Exited(0)))
}

/// Why it is over, and what can be done; the last screen stays above where there is room.
fn ended(
    state: &State,
    tab: &Tab,
    ending: &Ending,
    used: u16,
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    let key = |action| state.keymap.key_of(Context::Ended, action).unwrap_or_default();
    let mut keys =
        format!("{} starts it anew · {} closes the tab", key(Action::Restart), key(Action::CloseTab));
    let known = [&tab.instance, &tab.target].into_iter().find_map(|id| state.examinations.of(id));
    if matches!(ending, Ending::Session(_)) && known.is_some_and(|known| known.ending.is_some()) {
        keys.push_str(&format!(" · {} says why", key(Action::Why)));
    }
    let width = area.width.saturating_sub(4).min(72);
    let cells = usize::from(width);
    let mut lines = match ending {
        Ending::NotStarted(failure) => {
            empty::told(theme, width, &empty::with_key(state, failure, Context::Ended), "")
        }
        _ => {
            let (words, well) = headline(ending).unwrap_or_default();
            let style = if well { theme.good() } else { theme.alarm() };
            wrap(&words, cells).into_iter().map(|line| Line::styled(line, style)).collect()
        }
    };
    if matches!(ending, Ending::NotStarted(_)) {
        lines.push(Line::default());
    }
    lines.extend(wrap(&keys, cells).into_iter().map(|line| Line::styled(line, theme.dim())));
    let height = (lines.len() as u16 + 2).min(area.height);
    let used = (used + 1).min(area.height - height);
    let place = Rect { x: area.x, y: area.y + used, width: (width + 4).min(area.width), height };
    let frame = if *ending == Ending::Exited(0) { theme.frame() } else { theme.bad() };
    let inner = super::box_at(&tab.name, place, frame, buffer);
    put_lines(lines, inner, buffer);
}
