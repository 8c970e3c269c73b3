//! The checklist of a deep check: one line for each thing that a session needs, filling in as the calls answer.

use ratatui::{style::Style, text::Line};

use super::theme::Theme;
use crate::{
    fleet::{
        Instance,
        reach::{CheckState, checklist},
    },
    tui::{state::State, text::wrap},
};

/// Its lines, if the user asked why; what is not needed is left out.
pub(super) fn lines(state: &State, instance: &Instance, theme: Theme, width: u16) -> Vec<Line<'static>> {
    if !state.examinations.asked(&instance.id) {
        return Vec::new();
    }
    let checks =
        checklist(instance, &state.evidence(instance), &state.reach_context(instance), state.now.time);
    let mut lines = Vec::new();
    for check in checks.iter().filter(|check| check.state != CheckState::NotNeeded) {
        let style = match check.state {
            CheckState::Passed => theme.good(),
            CheckState::Failed | CheckState::Suspected => theme.alarm(),
            _ => theme.dim(),
        };
        let width = usize::from(width).saturating_sub(2);
        let mut pieces = wrap(check.title, width).into_iter();
        lines.push(Line::styled(
            format!("{} {}", check.state.mark(), pieces.next().unwrap_or_default()),
            style,
        ));
        lines.extend(pieces.map(|piece| Line::styled(format!("  {piece}"), style)));
        let says = match check.state {
            CheckState::Asking => format!("asking {}", check.says),
            _ => check.says.clone(),
        };
        // A line of its own where both don't fit on one.
        if says.is_empty() {
            continue;
        }
        let last = lines.last_mut().expect("a line was pushed above");
        if last.width() + 2 + says.chars().count() <= width + 2 {
            last.push_span(ratatui::text::Span::styled(format!("  {says}"), theme.dim()));
        } else {
            lines.extend(
                wrap(&says, width.saturating_sub(2))
                    .into_iter()
                    .map(|piece| Line::styled(format!("    {piece}"), Style::new().patch(theme.dim()))),
            );
        }
    }
    lines
}
