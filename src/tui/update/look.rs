//! Looking back: the cursor, the search, the selection and the links of text that stands still.

use std::time::Duration;

use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

use super::{action, note, problem};
use crate::{
    term::copy::{Direction, Motion, Unit, link},
    tui::{
        action::Action,
        event::Effect,
        layout,
        state::{
            State,
            forward::bytes,
            line::Line,
            look::{Click, Drag, Finding, Hints, Look},
            popup::Popup,
        },
        text::counted,
    },
};

/// Lines of one notch of the wheel.
const NOTCH: isize = 3;
/// Two presses within this time on one cell are a double click.
const DOUBLE_CLICK: Duration = Duration::from_millis(400);
/// How often the view moves while the mouse is held beyond its edge.
const DRAG_EVERY: Duration = Duration::from_millis(40);
/// More than this is cut off by terminals that take a hundred thousand bytes of an OSC 52.
const USUAL_CLIPBOARD: usize = 74_000;

/// The text of the tab on the screen that stands still.
fn current(state: &mut State) -> Option<&mut Look> {
    state.tabs.current_mut()?.pane_mut()?.look.as_deref_mut()
}

/// The text of the tab on the screen; it stands still from here on.
fn opened(state: &mut State) -> Option<&mut Look> {
    let pane = state.tabs.current_mut()?.pane_mut()?;
    Some(pane.look.get_or_insert_with(|| Box::new(Look::new(&pane.terminal))))
}

/// Back to the session.
pub(super) fn close(state: &mut State) {
    if let Some(pane) = state.tabs.current_mut().and_then(|tab| tab.pane_mut()) {
        pane.look = None;
    }
}

/// Opens the view.
pub(super) fn open(state: &mut State) {
    opened(state);
}

/// Does an action of the view; whether it was one of its own.
pub(super) fn act(state: &mut State, action: Action, out: &mut Vec<Effect>) -> bool {
    let Some(look) = current(state) else { return false };
    if look.hints.is_some() {
        if action == Action::Dismiss {
            look.hints = None;
            if look.passing {
                close(state);
            }
        }
        return action == Action::Dismiss;
    }
    if look.finding.is_some() {
        return finding(look, action);
    }
    let copy = &mut look.copy;
    let motion = match action {
        Action::Up => Motion::Up(1),
        Action::Down => Motion::Down(1),
        Action::PageUp => Motion::PageUp,
        Action::PageDown => Motion::PageDown,
        Action::HalfUp => Motion::HalfUp,
        Action::HalfDown => Motion::HalfDown,
        Action::First => Motion::First,
        Action::Last => Motion::Last,
        Action::CursorLeft => Motion::Left,
        Action::CursorRight => Motion::Right,
        Action::CursorStart => Motion::LineStart,
        Action::LineText => Motion::LineText,
        Action::CursorEnd => Motion::LineEnd,
        Action::NextWord => Motion::Word,
        Action::PreviousWord => Motion::WordBack,
        Action::WordEnd => Motion::WordEnd,
        Action::ViewTop => Motion::ViewTop,
        Action::ViewMiddle => Motion::ViewMiddle,
        Action::ViewBottom => Motion::ViewBottom,
        Action::PreviousPrompt | Action::NextPrompt => {
            let back = action == Action::PreviousPrompt;
            if !copy.go(if back { Motion::PromptBack } else { Motion::Prompt }) {
                let text = match (0..copy.lines().len()).any(|line| copy.lines().is_prompt(line)) {
                    true => "there is no prompt further on",
                    false => "the shell does not mark its prompts (OSC 133)",
                };
                note(state, text);
            }
            return true;
        }
        Action::SelectCharacters => return select(look, Unit::Character),
        Action::SelectWords => return select(look, Unit::Word),
        Action::SelectLines => return select(look, Unit::Line),
        Action::SelectBlock => return select(look, Unit::Block),
        Action::SwapEnds => {
            copy.swap_ends();
            return true;
        }
        Action::Find | Action::FindBack => {
            let direction = if action == Action::Find { Direction::Forward } else { Direction::Backward };
            let (origin, before) = (copy.cursor(), copy.query().clone());
            look.finding = Some(Finding { line: Line::default(), direction, origin, before });
            return true;
        }
        Action::NextMatch | Action::PreviousMatch => {
            if !copy.next_match(action == Action::PreviousMatch) {
                note(state, "nothing was found to go to");
            }
            return true;
        }
        Action::CopySelection => {
            copy_selection(state, out);
            return true;
        }
        // One thing after the other: the selection, what is lit, the view.
        Action::Dismiss => {
            if !copy.unselect() && !copy.forget_search() {
                close(state);
            }
            return true;
        }
        Action::CloseLook => {
            close(state);
            return true;
        }
        _ => return false,
    };
    copy.go(motion);
    true
}

fn select(look: &mut Look, unit: Unit) -> bool {
    look.copy.select(unit);
    true
}

/// An action while a search is typed.
fn finding(look: &mut Look, action: Action) -> bool {
    let Some(finding) = &mut look.finding else { return false };
    match action {
        Action::Accept => {
            // Nothing typed means: the same again.
            if finding.line.text().is_empty() {
                let (before, direction, origin) = (finding.before.clone(), finding.direction, finding.origin);
                look.copy.find(before, direction, origin);
                look.copy.next_match(false);
            }
            look.finding = None;
        }
        Action::Dismiss => {
            let (before, direction, origin) = (finding.before.clone(), finding.direction, finding.origin);
            look.copy.find(before, direction, origin);
            look.copy.move_to(origin);
            look.finding = None;
        }
        Action::ToggleRegex => {
            look.regex = !look.regex;
            look.find_typed();
        }
        action => {
            if finding.line.edit(action) {
                look.find_typed();
            }
        }
    }
    true
}

/// Text was typed into a search, or a letter of a link.
pub(super) fn typed(state: &mut State, text: &str) {
    let Some(look) = current(state) else { return };
    if let Some(finding) = &mut look.finding {
        finding.line.insert_text(text);
        look.find_typed();
    } else if look.hints.is_some() {
        hint(state, text);
    }
}

/// Shows letters beside the links in view.
pub(super) fn hints(state: &mut State) {
    let open = current(state).is_some();
    let Some(look) = opened(state) else { return };
    look.hints = Hints::new(&look.copy);
    look.passing |= !open;
    if look.hints.is_none() {
        if !open {
            close(state);
        }
        note(state, "there is no link, address or path in view");
    }
}

fn hint(state: &mut State, text: &str) {
    let Some(look) = current(state) else { return };
    let Some(hints) = &mut look.hints else { return };
    hints.typed.push_str(&text.to_lowercase());
    let chosen = hints.links.iter().find(|(label, _)| *label == hints.typed);
    if let Some((_, link)) = chosen {
        let target = link.target.clone();
        look.hints = None;
        if look.passing {
            close(state);
        }
        state.popup = Some(Popup::Link { target });
    } else if !hints.links.iter().any(|(label, _)| label.starts_with(&hints.typed)) {
        hints.typed.clear();
    }
}

/// Opens or copies the link that is shown.
pub(super) fn link(state: &mut State, action: Action, out: &mut Vec<Effect>) -> bool {
    let Some(Popup::Link { target }) = &state.popup else { return false };
    let target = target.clone();
    match action {
        Action::OpenLink if link::is_openable(&target) => out.push(Effect::Browse(target)),
        Action::OpenLink | Action::CopyLink => action::copy(state, target, "the link", out),
        _ => return false,
    }
    state.popup = None;
    true
}

/// Copies what is selected, and goes back to the session.
fn copy_selection(state: &mut State, out: &mut Vec<Effect>) {
    let Some(look) = current(state) else { return };
    match look.copy.selected_text() {
        Some(text) => {
            close(state);
            copied(state, text, out);
        }
        None => problem(state, "nothing is selected yet"),
    }
}

fn copied(state: &mut State, text: String, out: &mut Vec<Effect>) {
    let lines = text.lines().count();
    let what = match lines {
        0 | 1 => counted(text.chars().count(), "character", "characters"),
        _ => counted(lines, "line", "lines"),
    };
    let what = match text.len() {
        USUAL_CLIPBOARD.. => {
            format!("{what}, {}: some terminals take no more than 75 kB", bytes(text.len() as u64))
        }
        _ => what,
    };
    action::copy(state, text, &what, out);
}

/// The mouse did something over the text of a session, that no program there wants to know; whether it shows.
pub(super) fn mouse(state: &mut State, event: MouseEvent, out: &mut Vec<Effect>) -> bool {
    let body = layout::bands(state.size).body;
    let (row, col) = (event.row.saturating_sub(body.y), event.column);
    let beyond = match event.row.checked_sub(body.bottom().saturating_sub(1)) {
        Some(rows) => rows as isize,
        None if event.row < body.y => -1,
        None => 0,
    };
    match event.kind {
        MouseEventKind::ScrollUp => wheel(state, -NOTCH),
        MouseEventKind::ScrollDown => wheel(state, NOTCH),
        MouseEventKind::Down(MouseButton::Left) => press(state, (row, col)),
        MouseEventKind::Drag(MouseButton::Left) => {
            let block = event.modifiers.contains(KeyModifiers::ALT);
            let row = row.min(body.height.saturating_sub(1));
            drag(state, (row, col), beyond, if block { Unit::Block } else { Unit::Character })
        }
        MouseEventKind::Up(MouseButton::Left) => release(state, out),
        _ => false,
    }
}

fn wheel(state: &mut State, rows: isize) -> bool {
    let open = current(state).is_some();
    if !open && rows > 0 {
        return false;
    }
    let Some(look) = opened(state) else { return false };
    let moved = look.copy.scroll(rows);
    // Down to the end is back, unless there is something that would be lost.
    let done =
        look.copy.rows_back() == 0 && look.copy.selection().is_none() && look.copy.query().text.is_empty();
    if done && (rows > 0 || !open) {
        close(state);
    }
    moved || open
}

fn press(state: &mut State, cell: (u16, u16)) -> bool {
    let (Some(tab), now) = (state.tabs.current().map(|tab| tab.id), state.now.instant) else { return false };
    let again = state.click.filter(|click| {
        click.tab == tab && click.cell == cell && now.saturating_duration_since(click.at) <= DOUBLE_CLICK
    });
    let count = again.map_or(1, |click| click.count % 3 + 1);
    state.click = Some(Click { at: now, tab, cell, count });
    let open = current(state).is_some();
    let Some(look) = opened(state) else { return false };
    look.passing |= !open;
    look.copy.unselect();
    look.copy.point(cell.0, cell.1);
    match count {
        2 => look.copy.select(Unit::Word),
        3 => look.copy.select(Unit::Line),
        _ => {}
    }
    look.drag = Some(Drag { from: cell, beyond: 0, due: None });
    true
}

fn drag(state: &mut State, cell: (u16, u16), beyond: isize, unit: Unit) -> bool {
    let now = state.now.instant;
    let Some(look) = current(state) else { return false };
    let Some(drag) = &mut look.drag else { return false };
    if look.copy.selection().is_none() {
        if cell == drag.from {
            return false;
        }
        look.copy.select(unit);
    }
    drag.beyond = beyond;
    drag.due = (beyond != 0).then(|| drag.due.unwrap_or(now + DRAG_EVERY));
    look.copy.point(cell.0, cell.1);
    true
}

/// The view follows a mouse that is held beyond its edge.
pub(super) fn tick(state: &mut State) {
    let now = state.now.instant;
    let Some(look) = current(state) else { return };
    let Some(drag) = &mut look.drag else { return };
    if drag.due.is_some_and(|due| due <= now) {
        drag.due = Some(now + DRAG_EVERY);
        look.copy.go(if drag.beyond < 0 {
            Motion::Up(drag.beyond.unsigned_abs())
        } else {
            Motion::Down(drag.beyond.unsigned_abs())
        });
    }
}

/// The tab leaves the screen: the button is held no longer as far as its text is concerned.
pub(super) fn let_go(state: &mut State) {
    if let Some(look) = current(state) {
        look.drag = None;
        if look.passing {
            close(state);
        }
    }
}

/// What was selected with the mouse is copied.
fn release(state: &mut State, out: &mut Vec<Effect>) -> bool {
    let Some(look) = current(state) else { return false };
    if look.drag.take().is_none() {
        return false;
    }
    let (text, passing) = (look.copy.selected_text(), look.passing);
    if passing {
        close(state);
    }
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        copied(state, text, out);
    }
    true
}
