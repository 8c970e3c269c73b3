//! A forward's screen: where it listens and leads, what goes through it, what happened.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::{Modifier, Style},
    text::{Line, Span},
};

use super::{put_lines, theme::Theme};
use crate::{
    fleet::phrase,
    tui::{
        action::{Action, Context},
        state::{
            State,
            forward::{Board, LaneLink, bytes},
            tab::{Phase, Tab},
        },
        text::{counted, fit, wrap},
    },
};

/// Eighths of a cell.
const BARS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
/// The labels' column.
const LABEL: usize = 13;
/// The most rows of the graph.
const GRAPH: usize = 4;
/// More than this is too wide to read.
const WIDEST: u16 = 110;

/// Draws it; how many rows it took.
pub(super) fn draw(
    state: &State,
    tab: &Tab,
    board: &Board,
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
) -> u16 {
    let side = if area.width >= 60 { 2 } else { 1 };
    let top = u16::from(area.height >= 16);
    let place = Rect {
        x: area.x + side.min(area.width),
        y: area.y + top,
        width: area.width.saturating_sub(2 * side).min(WIDEST),
        height: area.height.saturating_sub(top),
    };
    if place.area() == 0 {
        return 0;
    }
    let cells = usize::from(place.width);
    let room = usize::from(place.height);
    let mut sections = vec![head(state, tab, board, theme, cells), figures(state, tab, board, theme)];
    sections.push(sessions(board, theme, cells));
    let used: usize = sections.iter().map(Vec::len).sum();
    let log = log(board, theme, cells);
    // What is left is shared by the graph and the log; blank lines only where there is plenty.
    let left = room.saturating_sub(used);
    // As long as nothing has flowed there is nothing to draw.
    let rows = if board.graph.is_empty() { 0 } else { (left / 3).min(GRAPH) };
    if rows > 0 {
        sections.insert(2, graph(state, board, theme, cells, rows));
    }
    let used: usize = sections.iter().map(Vec::len).sum();
    let airy = room >= used + sections.len() + 3;
    let kept = room.saturating_sub(used + if airy { sections.len() + 1 } else { 0 });
    let skipped = log.len().saturating_sub(kept);
    sections.push(log.into_iter().skip(skipped).collect());
    let mut lines: Vec<Line> = Vec::new();
    for section in sections.into_iter().filter(|section| !section.is_empty()) {
        if airy && !lines.is_empty() {
            lines.push(Line::default());
        }
        lines.extend(section);
    }
    let count = lines.len().min(room) as u16;
    put_lines(lines, place, buffer);
    count + top
}

/// Where it listens and where it leads.
fn head(state: &State, tab: &Tab, board: &Board, theme: Theme, cells: usize) -> Vec<Line<'static>> {
    let label = state.fleet.places.find(&tab.instance).map_or(tab.instance.as_str(), |found| found.label());
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let (glyph, word, style) = match (&tab.phase, board.worst()) {
        (Phase::Starting { .. }, _) => ("◌", "starting", theme.warning()),
        (Phase::Ended(_), _) => ("✗", "ended", theme.bad()),
        (_, Some(LaneLink::Reconnecting { .. })) => ("◐", "reconnecting", theme.warning()),
        (_, Some(_)) => ("◐", "no answer", theme.warning()),
        _ if tab.again => ("◌", "ending, to start anew", theme.warning()),
        _ => ("●", "listening", theme.good()),
    };
    let mut first = vec![Span::styled(format!("{glyph} {word}"), style)];
    if let Some(address) = board.address.as_ref().filter(|_| tab.is_live()) {
        first.push(Span::raw(" on "));
        first.push(Span::styled(address.clone(), bold));
        if let Some(key) = state.keymap.key_of(Context::Forward, Action::CopyAddress) {
            first.push(Span::raw("  "));
            first.push(Span::styled(key, theme.key()));
            first.push(Span::styled(" copies it", theme.dim()));
        }
    }
    let destination = board.wish.destination("itself");
    let service = board.wish.service().map(|name| format!(" ({name})")).unwrap_or_default();
    let way = match (&board.wish.host, board.wish.port) {
        (None, port @ 1..) => format!("  leads to port {port}{service} of {label}"),
        _ => format!("  leads through {label} to {destination}{service}"),
    };
    let mut lines = vec![Line::from(first), Line::raw(fit(&way, cells))];
    if board.wish.is_open_to_others() {
        let text = "  whoever reaches this machine's network can use it, without a password";
        lines.push(Line::styled(fit(text, cells), theme.warning()));
    }
    lines
}

/// Connections and bytes.
fn figures(state: &State, tab: &Tab, board: &Board, theme: Theme) -> Vec<Line<'static>> {
    let (up, down) = if tab.is_live() { board.graph.rate(state.now.instant) } else { (0, 0) };
    let count = |number: u64| phrase::count(usize::try_from(number).unwrap_or(usize::MAX));
    let label = |text: &str| Span::styled(format!("{text:<LABEL$}"), theme.dim());
    let mut connections = vec![
        label("connections"),
        Span::raw(format!("{} open", count(board.open as u64))),
        Span::styled(" · ", theme.dim()),
        Span::raw(format!("{} accepted", count(board.accepted))),
    ];
    if board.refused > 0 {
        connections.push(Span::styled(" · ", theme.dim()));
        connections.push(Span::styled(format!("{} refused", count(board.refused)), theme.bad()));
    }
    let flow = |name: &str, arrow: &str, total: u64, rate: u64| {
        let rate = if rate == 0 { String::new() } else { format!("{:>9}/s", bytes(rate)) };
        Line::from(vec![
            label(name),
            Span::styled(format!("{arrow} "), theme.dim()),
            Span::raw(format!("{:>9}", bytes(total))),
            Span::styled(format!("  {rate}"), theme.good()),
        ])
    };
    let mut lines = vec![
        Line::from(connections),
        flow("sent", "↑", board.sent, up),
        flow("received", "↓", board.received, down),
    ];
    if tab.is_live()
        && board.is_paced_by_agent(state.now.instant)
        && let Some(Line { spans, .. }) = lines.last_mut()
    {
        spans.push(Span::styled("  the agent's own pace: more sessions carry more", theme.dim()));
    }
    lines
}

/// Throughput, the latest at the right, and its scale.
fn graph(state: &State, board: &Board, theme: Theme, cells: usize, rows: usize) -> Vec<Line<'static>> {
    let width = cells.min(120);
    let bars = board.graph.bars(state.now.instant, width);
    let peak = bars.iter().copied().max().unwrap_or(0);
    let mut lines = Vec::new();
    for row in (0..rows).rev() {
        let line: String = bars
            .iter()
            .map(|bar| {
                let eighths = if peak == 0 { 0 } else { (*bar * rows as u64 * 8).div_ceil(peak) as usize };
                BARS[eighths.saturating_sub(row * 8).min(8)]
            })
            .collect();
        lines.push(Line::styled(line, theme.key()));
    }
    let seconds = bars.len() as u64;
    let scale = format!("peak {}/s", bytes(peak));
    let span = if seconds >= 120 { format!("{} min", seconds / 60) } else { format!("{seconds} s") };
    let gap = width.saturating_sub(span.len() + scale.len());
    let rest = if gap > 0 { format!("{span}{}{scale}", " ".repeat(gap)) } else { scale };
    lines.push(Line::styled(fit(&rest, width), theme.dim()));
    lines
}

/// The sessions that it holds.
fn sessions(board: &Board, theme: Theme, cells: usize) -> Vec<Line<'static>> {
    if board.lanes.is_empty() {
        return Vec::new();
    }
    let mut text = counted(board.lanes.len(), "session", "sessions");
    if board.wish.lanes > board.lanes.len() {
        text.push_str(&format!(" of {}", board.wish.lanes));
    }
    if let Some(version) = board.lanes.values().find_map(|lane| lane.agent_version.as_deref()) {
        text.push_str(&format!(" · agent {version}"));
    }
    if board.lanes.values().any(|lane| !lane.many) {
        text.push_str(" · one connection at a time");
    }
    let ids: Vec<&str> = board.lanes.values().map(|lane| lane.session.as_str()).collect();
    text.push_str(&format!(" · {}", ids.join(", ")));
    let label = Span::styled(format!("{:<LABEL$}", "held by"), theme.dim());
    vec![Line::from(vec![label, Span::raw(fit(&text, cells.saturating_sub(LABEL)))])]
}

/// What happened, the newest last.
fn log(board: &Board, theme: Theme, cells: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for (at, entry) in &board.log {
        let style = if entry.bad { theme.warning() } else { Style::new() };
        let time = at.strftime("%H:%M:%S").to_string();
        for (row, text) in wrap(&entry.text, cells.saturating_sub(LABEL)).into_iter().enumerate() {
            let time = if row == 0 { time.as_str() } else { "" };
            lines.push(Line::from(vec![
                Span::styled(format!("{time:<LABEL$}"), theme.dim()),
                Span::styled(text, style),
            ]));
        }
    }
    lines
}
