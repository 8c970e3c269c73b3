//! Mouse events, as xterm writes them (ctlseqs, "Mouse Tracking").

use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

use crate::term::{InputModes, MouseEncoding, MouseMode};

/// How many lines a notch of the wheel scrolls in a program that has not asked for the mouse.
const LINES_A_NOTCH: usize = 3;

/// Appends a mouse event to `out` if the remote asked for it. `event`'s row and column count from the pane's own corner.
///
/// While the alternate screen is shown and no mouse mode is on, the wheel becomes arrows. Nothing appended means that the event
/// is ours (to scroll, to select).
pub fn encode_mouse(event: &MouseEvent, modes: InputModes, out: &mut Vec<u8>) {
    if modes.mouse == MouseMode::None {
        wheel_as_arrows(event.kind, modes, out);
        return;
    }
    let Some((button, action)) = report(event.kind) else { return };
    let wanted = match modes.mouse {
        MouseMode::None => false,
        MouseMode::Press => action == Action::Press && button < 3,
        MouseMode::PressRelease => matches!(action, Action::Press | Action::Release),
        MouseMode::ButtonMotion => action != Action::Move,
        MouseMode::AnyMotion => true,
    };
    if !wanted {
        return;
    }
    let mut code = match action {
        // Only SGR can say which button was released.
        Action::Release if modes.mouse_encoding != MouseEncoding::Sgr => 3,
        Action::Press | Action::Release => button,
        Action::Drag => button + 32,
        Action::Move => 3 + 32,
    };
    if modes.mouse != MouseMode::Press {
        code += modifiers(event.modifiers);
    }
    let (column, row) = (u32::from(event.column) + 1, u32::from(event.row) + 1);
    match modes.mouse_encoding {
        MouseEncoding::Sgr => {
            let last = if action == Action::Release { 'm' } else { 'M' };
            out.extend_from_slice(format!("\x1b[<{code};{column};{row}{last}").as_bytes());
        }
        MouseEncoding::Default => {
            let bytes = [code, column, row].map(|value| u8::try_from(value + 32));
            if let [Ok(code), Ok(column), Ok(row)] = bytes {
                out.extend([0x1b, b'[', b'M', code, column, row]);
            }
        }
        MouseEncoding::Utf8 => {
            // xterm stops at two bytes a character: 2047.
            if column.max(row) + 32 > 0x7ff {
                return;
            }
            out.extend_from_slice(b"\x1b[M");
            for c in [code, column, row].into_iter().filter_map(|value| char::from_u32(value + 32)) {
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
    }
}

/// Appends the report that the pane gained or lost the focus, if the remote asked for it.
pub fn encode_focus(gained: bool, modes: InputModes, out: &mut Vec<u8>) {
    if modes.focus {
        out.extend_from_slice(if gained { b"\x1b[I" } else { b"\x1b[O" });
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Press,
    Release,
    Drag,
    Move,
}

fn report(kind: MouseEventKind) -> Option<(u32, Action)> {
    Some(match kind {
        MouseEventKind::Down(button) => (number(button), Action::Press),
        MouseEventKind::Up(button) => (number(button), Action::Release),
        MouseEventKind::Drag(button) => (number(button), Action::Drag),
        MouseEventKind::Moved => (3, Action::Move),
        MouseEventKind::ScrollUp => (64, Action::Press),
        MouseEventKind::ScrollDown => (65, Action::Press),
        MouseEventKind::ScrollLeft => (66, Action::Press),
        MouseEventKind::ScrollRight => (67, Action::Press),
    })
}

fn number(button: MouseButton) -> u32 {
    match button {
        MouseButton::Left => 0,
        MouseButton::Middle => 1,
        MouseButton::Right => 2,
    }
}

fn modifiers(held: KeyModifiers) -> u32 {
    let bit = |modifier, value| if held.contains(modifier) { value } else { 0 };
    bit(KeyModifiers::SHIFT, 4) + bit(KeyModifiers::ALT, 8) + bit(KeyModifiers::CONTROL, 16)
}

fn wheel_as_arrows(kind: MouseEventKind, modes: InputModes, out: &mut Vec<u8>) {
    if !(modes.alternate_screen && modes.alternate_scroll) {
        return;
    }
    let letter = match kind {
        MouseEventKind::ScrollUp => b'A',
        MouseEventKind::ScrollDown => b'B',
        _ => return,
    };
    let second = if modes.application_cursor { b'O' } else { b'[' };
    for _ in 0..LINES_A_NOTCH {
        out.extend([0x1b, second, letter]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: MouseEventKind, column: u16, row: u16, modifiers: KeyModifiers) -> MouseEvent {
        MouseEvent { kind, column, row, modifiers }
    }

    fn modes(mouse: MouseMode, mouse_encoding: MouseEncoding) -> InputModes {
        InputModes { mouse, mouse_encoding, ..InputModes::default() }
    }

    fn encode(event: MouseEvent, modes: InputModes) -> Vec<u8> {
        let mut out = Vec::new();
        encode_mouse(&event, modes, &mut out);
        out
    }

    const LEFT: MouseButton = MouseButton::Left;
    const NONE: KeyModifiers = KeyModifiers::NONE;

    #[test]
    fn each_mode_reports_what_xterm_would() {
        use MouseEventKind::{Down, Drag, Moved, ScrollDown, Up};
        let kinds = [Down(LEFT), Up(LEFT), Drag(LEFT), Moved, ScrollDown];
        for (mouse, wanted) in [
            (MouseMode::None, [false, false, false, false, false]),
            (MouseMode::Press, [true, false, false, false, false]),
            (MouseMode::PressRelease, [true, true, false, false, true]),
            (MouseMode::ButtonMotion, [true, true, true, false, true]),
            (MouseMode::AnyMotion, [true, true, true, true, true]),
        ] {
            for (kind, wanted) in kinds.into_iter().zip(wanted) {
                let sent = encode(event(kind, 1, 2, NONE), modes(mouse, MouseEncoding::Sgr));
                assert_eq!(!sent.is_empty(), wanted, "{mouse:?} {kind:?}");
            }
        }
    }

    #[test]
    fn sgr() {
        let modes = modes(MouseMode::AnyMotion, MouseEncoding::Sgr);
        use MouseEventKind::{Down, Drag, Moved, ScrollUp, Up};
        for (kind, held, expected) in [
            (Down(LEFT), NONE, "\x1b[<0;301;6M"),
            (Up(LEFT), NONE, "\x1b[<0;301;6m"),
            (Down(MouseButton::Right), KeyModifiers::SHIFT, "\x1b[<6;301;6M"),
            (Drag(MouseButton::Middle), KeyModifiers::CONTROL, "\x1b[<49;301;6M"),
            (Moved, KeyModifiers::ALT, "\x1b[<43;301;6M"),
            (ScrollUp, NONE, "\x1b[<64;301;6M"),
        ] {
            assert_eq!(encode(event(kind, 300, 5, held), modes), expected.as_bytes());
        }
    }

    #[test]
    fn the_old_encodings_and_their_limits() {
        let default = modes(MouseMode::PressRelease, MouseEncoding::Default);
        assert_eq!(encode(event(MouseEventKind::Down(LEFT), 0, 0, NONE), default), b"\x1b[M !!");
        assert_eq!(encode(event(MouseEventKind::Up(LEFT), 0, 0, NONE), default), b"\x1b[M#!!");
        assert_eq!(encode(event(MouseEventKind::Down(LEFT), 222, 0, NONE), default), b"\x1b[M \xff!");
        assert_eq!(encode(event(MouseEventKind::Down(LEFT), 223, 0, NONE), default), b"");
        let utf8 = modes(MouseMode::PressRelease, MouseEncoding::Utf8);
        assert_eq!(
            encode(event(MouseEventKind::Down(LEFT), 223, 0, NONE), utf8),
            "\x1b[M \u{100}!".as_bytes()
        );
        assert_eq!(encode(event(MouseEventKind::Down(LEFT), 2015, 0, NONE), utf8), b"");
    }

    #[test]
    fn the_wheel_scrolls_a_pager() {
        let wheel = event(MouseEventKind::ScrollUp, 0, 0, NONE);
        let mut modes = InputModes { alternate_screen: true, ..InputModes::default() };
        assert_eq!(encode(wheel, modes), b"\x1b[A\x1b[A\x1b[A");
        modes.application_cursor = true;
        assert_eq!(encode(wheel, modes), b"\x1bOA\x1bOA\x1bOA");
        modes.alternate_scroll = false;
        assert_eq!(encode(wheel, modes), b"");
        assert_eq!(encode(wheel, InputModes::default()), b"");
    }

    #[test]
    fn focus_is_told_when_asked_for() {
        let mut out = Vec::new();
        encode_focus(true, InputModes::default(), &mut out);
        assert!(out.is_empty());
        let modes = InputModes { focus: true, ..InputModes::default() };
        encode_focus(true, modes, &mut out);
        encode_focus(false, modes, &mut out);
        assert_eq!(out, b"\x1b[I\x1b[O");
    }
}
