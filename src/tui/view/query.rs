//! The line below the search box, in the place of the headings while it has something to say: what is wrong with the query,
//! with a mark below the letters it is about, or what can stand at the cursor.

use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use super::theme::Theme;
use crate::{
    fleet::query::{Completion, Problem},
    tui::{
        action::{Action, Context},
        state::{State, fleet::Focus},
        text::fit,
    },
};

/// What there is to say, if there is something; `first` is the cell of the line below the first letter in the box, and
/// `skipped` counts the cells of the text that are out of sight before it.
pub(super) fn line(
    state: &State,
    theme: Theme,
    first: usize,
    skipped: usize,
    width: usize,
) -> Option<Line<'static>> {
    if let Some(problem) = &state.fleet.asked.problem {
        return Some(wrong(problem, state.fleet.query.text(), theme, first, skipped, width));
    }
    if state.fleet.focus != Focus::Search || state.context() != Context::Search {
        return None;
    }
    let key = state.keymap.key_of(Context::Search, Action::Complete)?;
    Some(offered(&state.fleet.completion()?, &key, theme, width))
}

/// The mark, and the words at that side of it where they have more room.
fn wrong(
    problem: &Problem,
    text: &str,
    theme: Theme,
    first: usize,
    skipped: usize,
    width: usize,
) -> Line<'static> {
    let (before, covered) = problem.cells(text);
    let start = (first + before.saturating_sub(skipped)).min(width.saturating_sub(1));
    let covered = covered.min(width.saturating_sub(start)).max(1);
    let room = width.saturating_sub(start + covered + 1);
    let words = problem.what.as_str();
    let mark = Span::styled("^".repeat(covered), theme.alarm());
    if words.width() <= room || room >= start {
        let words = format!(" {}", fit(words, room));
        return Line::from(vec![Span::raw(" ".repeat(start)), mark, Span::styled(words, theme.bad())]);
    }
    let words = fit(words, start.saturating_sub(1));
    let pad = " ".repeat(start.saturating_sub(words.width() + 1));
    Line::from(vec![Span::styled(format!("{pad}{words} "), theme.bad()), mark])
}

/// The key, what it puts in, and what else could stand there.
fn offered(completion: &Completion, key: &str, theme: Theme, width: usize) -> Line<'static> {
    let mut spans = vec![Span::styled(format!(" {key} "), theme.key())];
    let mut used = spans[0].width();
    for (at, candidate) in completion.candidates.iter().enumerate() {
        let text = if at == 0 { candidate.text.clone() } else { format!("  {}", candidate.text) };
        used += text.width();
        if used > width {
            break;
        }
        spans.push(Span::styled(text, if at == 0 { theme.accent() } else { theme.dim() }));
    }
    Line::from(spans)
}
