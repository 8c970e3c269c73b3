//! What asks the user for a sign-in or a code, and the words that lead there.

use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    style::{Modifier, Style},
    text::{Line, Span},
};

use super::{boxed, empty, put_lines, theme::Theme};
use crate::tui::{
    action::{Action, Context},
    event::{Ask, DeviceCode},
    state::{
        State,
        login::{CodeForm, SignIn, Stage},
    },
    text::wrap,
};

/// The widest they get: the page of a sign-in fits on a line.
const WIDE: u16 = 72;
/// Digits of a code.
const DIGITS: usize = 6;

/// "ctrl-l signs in", by the key of this context.
pub(super) fn remedy(state: &State, ask: &Ask, context: Context) -> String {
    let key = state.keymap.key_of(context, Action::Login).unwrap_or_default();
    match ask {
        Ask::Sso(_) => format!("{key} signs in"),
        Ask::Mfa(_) => format!("{key} takes it"),
    }
}

/// What the list's place, or the first one, needs of its user, and the key for it.
pub(super) fn needed(state: &State, context: Context) -> Option<String> {
    let ask = state.needing()?.ask()?;
    Some(format!("{}: {}", ask.words(), remedy(state, ask, context)))
}

fn key(state: &State, context: Context, action: Action) -> String {
    state.keymap.key_of(context, action).unwrap_or_default()
}

/// Draws a sign-in.
pub(super) fn sign_in(state: &State, open: &SignIn, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let width = area.width.saturating_sub(4).min(WIDE);
    let cells = usize::from(width);
    let dim = |text: &str| -> Vec<Line<'static>> {
        wrap(text, cells).into_iter().map(|line| Line::styled(line, theme.dim())).collect()
    };
    let (accept, dismiss) =
        (key(state, Context::Login, Action::Accept), key(state, Context::Login, Action::Dismiss));
    let mut lines: Vec<Line> = match &open.stage {
        Stage::Offered { why } => {
            let mut lines: Vec<Line> = wrap(why, cells).into_iter().map(Line::raw).collect();
            lines.push(Line::default());
            lines.extend(dim(&format!("{accept} signs in · {dismiss} not now")));
            lines
        }
        Stage::Asking => vec![Line::raw("asking IAM Identity Center for a code…")],
        Stage::Waiting { code, opened } => waiting(state, code, *opened, theme, cells),
        Stage::Failed(failure) => {
            let mut lines = empty::told(theme, width, failure, "");
            lines.push(Line::default());
            lines.extend(dim(&format!("{accept} begins again · {dismiss} closes")));
            lines
        }
    };
    if matches!(open.stage, Stage::Asking | Stage::Waiting { .. }) {
        lines.extend(dim(&format!("{dismiss} cancels")));
    }
    let title = format!("sign in to {}", open.session.label());
    let inner = boxed(&title, width, lines.len() as u16, theme.accent(), area, buffer);
    // The code and its page before all else, where there is no room.
    put_lines(lines, inner, buffer);
}

fn waiting(
    state: &State,
    code: &DeviceCode,
    opened: Option<bool>,
    theme: Theme,
    cells: usize,
) -> Vec<Line<'static>> {
    // Letter by letter: it is compared, or typed into another machine.
    let spaced = code.code.chars().map(String::from).collect::<Vec<_>>().join(" ");
    let frame = "─".repeat(spaced.chars().count() + 4);
    let pad = " ".repeat(cells.saturating_sub(spaced.chars().count() + 6) / 2);
    let large = theme.accent().add_modifier(Modifier::BOLD);
    let mut lines = vec![
        Line::styled(format!("{pad}╭{frame}╮"), theme.dim()),
        Line::from(vec![
            Span::styled(format!("{pad}│  "), theme.dim()),
            Span::styled(spaced, large),
            Span::styled("  │", theme.dim()),
        ]),
        Line::styled(format!("{pad}╰{frame}╯"), theme.dim()),
        Line::raw("Confirm this code on the page"),
    ];
    lines.extend(wrap(&code.page, cells).into_iter().map(|line| Line::styled(line, theme.command())));
    lines.push(Line::default());
    let (accept, copy) =
        (key(state, Context::Login, Action::Accept), key(state, Context::Login, Action::CopyPage));
    let browser = match opened {
        None => String::new(),
        Some(true) => {
            format!("it was opened in your browser · {accept} opens it again · {copy} copies it")
        }
        Some(false) => {
            format!("there is no browser to open it here: open it yourself · {copy} copies it")
        }
    };
    let style = if opened == Some(false) { theme.warning() } else { theme.dim() };
    lines.extend(wrap(&browser, cells).into_iter().map(|line| Line::styled(line, style)));
    let left = code.until.duration_since(state.now.time).as_secs().max(0);
    lines.push(Line::raw(format!("waiting for you · {}:{:02} left", left / 60, left % 60)));
    lines
}

/// Draws a code that is being typed; where the cursor is.
pub(super) fn code(
    state: &State,
    form: &CodeForm,
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
) -> Option<Position> {
    let width = area.width.saturating_sub(4).min(WIDE);
    let cells = usize::from(width);
    let typed = form.typed.text();
    let boxes: Vec<String> =
        (0..DIGITS).map(|at| typed.get(at..=at).map_or("_".to_owned(), str::to_owned)).collect();
    let pad = cells.saturating_sub(2 * DIGITS - 1) / 2;
    let mut lines: Vec<Line> = wrap(&form.device.serial, cells).into_iter().map(Line::raw).collect();
    let role = format!("for {}", form.device.role);
    lines.extend(wrap(&role, cells).into_iter().map(|line| Line::styled(line, theme.dim())));
    lines.push(Line::default());
    let row = lines.len() as u16;
    let style = if form.checking { theme.dim() } else { Style::new().add_modifier(Modifier::BOLD) };
    lines.push(Line::styled(format!("{}{}", " ".repeat(pad), boxes.join(" ")), style));
    lines.push(Line::default());
    if let Some(why) = &form.refused {
        lines.extend(wrap(why, cells).into_iter().map(|line| Line::styled(line, theme.warning())));
    }
    let key = |action| key(state, Context::MfaCode, action);
    let text = match form.checking {
        true => "asking AWS…".to_owned(),
        false => format!(
            "{} sends it · {} not now · each code is good once",
            key(Action::Accept),
            key(Action::Dismiss)
        ),
    };
    lines.extend(wrap(&text, cells).into_iter().map(|line| Line::styled(line, theme.dim())));
    let title = format!("MFA code of {}", form.device.label());
    let inner = boxed(&title, width, lines.len() as u16, theme.accent(), area, buffer);
    put_lines(lines, inner, buffer);
    let column = pad + 2 * typed.len().min(DIGITS - 1);
    let at = Position { x: inner.x + column as u16, y: inner.y + row };
    (!form.checking && inner.contains(at)).then_some(at)
}
