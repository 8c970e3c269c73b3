//! The mouse: a click selects a tab or a row, the wheel scrolls what is under it, and a program that asks for the mouse
//! gets it.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

use super::{fleet, session};
use crate::{
    term::input,
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
            state.popup = None;
            return state.tabs.go(position);
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
        Context::Pane | Context::Scroll | Context::Ended if bands.body.contains(at) => {
            in_session(state, event, out)
        }
        _ => false,
    }
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

fn in_session(state: &mut State, mut event: MouseEvent, out: &mut Vec<Effect>) -> bool {
    let top = layout::bands(state.size).body.y;
    let Some(tab) = state.tabs.current_mut() else { return false };
    let live = tab.is_live();
    let Some(pane) = tab.pane_mut() else { return false };
    if live && pane.scroll.is_none() {
        event.row -= top;
        let mut bytes = Vec::new();
        input::encode_mouse(&event, pane.terminal.input_modes(), &mut bytes);
        if !bytes.is_empty() {
            session::send(state, bytes, out);
            return false;
        }
    }
    let Some(pane) = state.tabs.current_mut().and_then(|tab| tab.pane_mut()) else { return false };
    let length = pane.terminal.scrollback_len();
    let lines = pane.scroll.unwrap_or(0);
    let after = match event.kind {
        MouseEventKind::ScrollUp => (lines + NOTCH).min(length),
        MouseEventKind::ScrollDown => lines.saturating_sub(NOTCH),
        _ => return false,
    };
    pane.scroll = (after > 0).then_some(after);
    true
}
