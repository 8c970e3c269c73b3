//! The mouse: a click selects a tab or a row, the wheel scrolls what is under it, and a program that asks for the mouse
//! gets it.

use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

use super::{action, fleet, look, session};
use crate::{
    term::{MouseMode, input},
    tui::{
        action::{Action, Context},
        event::Effect,
        header, layout,
        state::State,
    },
};

/// Lines of one notch of the wheel.
const NOTCH: usize = 3;

/// The mouse did something; whether that shows.
pub(super) fn mouse(state: &mut State, event: MouseEvent, out: &mut Vec<Effect>) -> bool {
    let at = Position { x: event.column, y: event.row };
    let bands = layout::bands(state.size);
    let left = event.kind == MouseEventKind::Down(MouseButton::Left);
    if left && bands.header.contains(at) {
        if let Some(position) = header::hit(state, at.x) {
            action::go(state, position);
            return true;
        }
        return false;
    }
    if state.popup.is_some() {
        let action = match event.kind {
            MouseEventKind::ScrollUp => Action::Up,
            MouseEventKind::ScrollDown => Action::Down,
            _ => return false,
        };
        return super::popup::act(state, action, out);
    }
    match state.context() {
        Context::Search | Context::List => in_fleet(state, event, at),
        // A button that is held may leave the pane.
        Context::Scroll if dragging(state) => look::mouse(state, event, out),
        Context::Pane | Context::Scroll | Context::Ended if bands.body.contains(at) => {
            in_session(state, event, out)
        }
        _ => false,
    }
}

fn dragging(state: &State) -> bool {
    state.tabs.current().and_then(|tab| tab.look()).is_some_and(|look| look.drag.is_some())
}

fn in_fleet(state: &mut State, event: MouseEvent, at: Position) -> bool {
    let parts = layout::fleet(state.size);
    let height = state.list_height();
    let list = &mut state.fleet.list;
    match event.kind {
        MouseEventKind::Down(MouseButton::Left) if parts.rows.contains(at) => {
            let place = list.offset + usize::from(at.y - parts.rows.y);
            if place >= list.len() {
                return false;
            }
            list.go(place, height);
        }
        MouseEventKind::Down(MouseButton::Left) if parts.search.contains(at) => {
            state.fleet.focus = crate::tui::state::fleet::Focus::Search;
        }
        MouseEventKind::ScrollUp => list.go(list.cursor.saturating_sub(NOTCH), height),
        MouseEventKind::ScrollDown => list.go(list.cursor + NOTCH, height),
        _ => return false,
    }
    fleet::probe_soon(state);
    true
}

/// A program that asks for the mouse gets it, unless shift is held; all else looks back.
fn in_session(state: &mut State, event: MouseEvent, out: &mut Vec<Effect>) -> bool {
    let top = layout::bands(state.size).body.y;
    let Some(tab) = state.tabs.current() else { return false };
    let Some(pane) = tab.pane() else { return false };
    if tab.is_live() && pane.look.is_none() && !event.modifiers.contains(KeyModifiers::SHIFT) {
        let modes = pane.terminal.input_modes();
        let mut bytes = Vec::new();
        input::encode_mouse(&MouseEvent { row: event.row.saturating_sub(top), ..event }, modes, &mut bytes);
        if !bytes.is_empty() || modes.mouse != MouseMode::None {
            session::send(state, bytes, out);
            return false;
        }
    }
    look::mouse(state, event, out)
}
