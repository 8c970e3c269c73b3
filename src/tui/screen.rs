//! The user's terminal: taken over, and given back whatever happens.

use std::{
    io::{self, IsTerminal, Write},
    sync::{
        Once,
        atomic::{AtomicBool, Ordering},
    },
};

use base64::{Engine, engine::general_purpose::STANDARD};
use crossterm::{
    cursor::{Hide, MoveTo, SetCursorStyle, Show},
    event::{
        DisableBracketedPaste, DisableFocusChange, DisableMouseCapture, EnableBracketedPaste,
        EnableFocusChange, EnableMouseCapture, KeyboardEnhancementFlags, PopKeyboardEnhancementFlags,
        PushKeyboardEnhancementFlags,
    },
    execute, queue,
    terminal::{
        BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen,
        LeaveAlternateScreen, disable_raw_mode, enable_raw_mode, supports_keyboard_enhancement,
    },
};
use ratatui::{
    backend::{Backend, CrosstermBackend},
    buffer::Buffer,
    layout::{Position, Rect},
};

use super::{Error, colours, view::Manner};
use crate::term::{self, CursorShape};

/// Names by which terminals are known that may have kitty's keyboard protocol: the beginnings of `TERM` and `TERM_PROGRAM`. Others
/// are not asked: one that answers nothing at all would keep the first frame waiting.
const MAY_TELL_KEYS_APART: &[&str] = &[
    "xterm-kitty",
    "xterm-ghostty",
    "ghostty",
    "foot",
    "alacritty",
    "wezterm",
    "WezTerm",
    "iTerm.app",
    "rio",
];

/// The beginnings of `TERM` of terminals that print what they are asked.
const PRINTS_QUESTIONS: &[&str] = &["linux", "dumb", "vt", "ansi", "cons25"];

/// How keys are told apart: by the character that they have with shift, too.
const KEYS: KeyboardEnhancementFlags = KeyboardEnhancementFlags::DISAMBIGUATE_ESCAPE_CODES
    .union(KeyboardEnhancementFlags::REPORT_ALTERNATE_KEYS);

/// Whether the terminal was asked to tell keys apart, for whoever gives it back.
static KEYS_APART: AtomicBool = AtomicBool::new(false);

/// The user's terminal while it is ours: what it shows, and the frame that is drawn next. ratatui's own `Terminal` would ask for the
/// window's size and write in three pieces for each frame, and cannot go on from a frame of before.
pub(super) struct Screen {
    shown: Buffer,
    next: Buffer,
    /// What goes to the terminal, in one piece.
    out: Vec<u8>,
    manner: Manner,
}

impl Screen {
    /// Takes the terminal over.
    pub(super) fn enter() -> Result<Self, Error> {
        if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
            return Err(Error::NoTerminal);
        }
        restore_on_panic();
        // What the instance draws keeps its colours under NO_COLOR; ours go by the theme.
        crossterm::style::force_color_output(true);
        enable_raw_mode()?;
        let entered = execute!(
            io::stdout(),
            EnterAlternateScreen,
            EnableBracketedPaste,
            EnableMouseCapture,
            EnableFocusChange
        );
        match entered.and_then(|()| tell_keys_apart()) {
            Ok(()) => Ok(Self {
                shown: Buffer::default(),
                next: Buffer::default(),
                out: Vec::new(),
                manner: Manner::default(),
            }),
            Err(error) => {
                restore();
                Err(error.into())
            }
        }
    }

    /// Whether the terminal tells keys apart that have the same bytes in the legacy encoding.
    pub(super) fn tells_keys_apart(&self) -> bool {
        KEYS_APART.load(Ordering::Relaxed)
    }

    /// Asks the terminal for its colours, unless it is known to print what it does not understand; whether it was asked.
    pub(super) fn ask_for_colours(&mut self) -> io::Result<bool> {
        let term = std::env::var("TERM").unwrap_or_default();
        let asked = !PRINTS_QUESTIONS.iter().any(|name| term.starts_with(name));
        if asked {
            let mut stdout = io::stdout().lock();
            stdout.write_all(colours::QUESTION.as_bytes())?;
            stdout.flush()?;
        }
        Ok(asked)
    }

    /// The window's size, as it is now.
    pub(super) fn size(&self) -> io::Result<term::Size> {
        let (cols, rows) = crossterm::terminal::size()?;
        Ok(term::Size { rows, cols })
    }

    /// The window changed: what it shows now is not known.
    pub(super) fn forget(&mut self) {
        self.shown = Buffer::default();
    }

    /// Draws a frame of a size; `draw` says where the cursor is.
    pub(super) fn draw(
        &mut self,
        size: term::Size,
        manner: Manner,
        draw: impl FnOnce(&mut Buffer) -> Option<Position>,
    ) -> io::Result<()> {
        let area = Rect::new(0, 0, size.cols, size.rows);
        queue!(self.out, BeginSynchronizedUpdate)?;
        if self.shown.area != area {
            queue!(self.out, Clear(ClearType::All))?;
            (self.shown, self.next) = (Buffer::empty(area), Buffer::empty(area));
        }
        self.next.reset();
        let cursor = draw(&mut self.next);
        CrosstermBackend::new(&mut self.out).draw(self.shown.diff_iter(&self.next))?;
        std::mem::swap(&mut self.shown, &mut self.next);
        self.finish(cursor, manner)
    }

    /// Draws one row of the window over what is shown; not if that is not known. Whether it was drawn.
    pub(super) fn draw_row(
        &mut self,
        row: u16,
        manner: Manner,
        draw: impl FnOnce(&mut Buffer) -> Option<Position>,
    ) -> io::Result<bool> {
        let width = usize::from(self.shown.area.width);
        let cells = usize::from(row) * width..(usize::from(row) + 1) * width;
        let Some(shown) = self.shown.content.get_mut(cells) else { return Ok(false) };
        let area = Rect { y: row, height: 1, ..self.shown.area };
        let before = Buffer { area, content: shown.to_vec() };
        let mut after = before.clone();
        let cursor = draw(&mut after);
        queue!(self.out, BeginSynchronizedUpdate)?;
        CrosstermBackend::new(&mut self.out).draw(before.diff_iter(&after))?;
        shown.clone_from_slice(&after.content);
        self.finish(cursor, manner)?;
        Ok(true)
    }

    /// Puts the cursor where it belongs, and sends the frame.
    fn finish(&mut self, cursor: Option<Position>, manner: Manner) -> io::Result<()> {
        match cursor {
            Some(Position { x, y }) => queue!(self.out, MoveTo(x, y), Show)?,
            None => queue!(self.out, Hide)?,
        }
        if manner.cursor != self.manner.cursor {
            queue!(self.out, style(manner.cursor))?;
        }
        if manner.releases != self.manner.releases && self.tells_keys_apart() {
            let flags =
                if manner.releases { KEYS | KeyboardEnhancementFlags::REPORT_EVENT_TYPES } else { KEYS };
            // In place of the flags that were pushed, which are popped all the same.
            write!(self.out, "\x1b[={};1u", flags.bits())?;
        }
        self.manner = manner;
        queue!(self.out, EndSynchronizedUpdate)?;
        let mut stdout = io::stdout().lock();
        let sent = stdout.write_all(&self.out).and_then(|()| stdout.flush());
        self.out.clear();
        sent
    }

    /// Puts text on the clipboard of the user's terminal (OSC 52), which may be on another machine.
    pub(super) fn copy(&mut self, text: &str) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        write!(stdout, "\x1b]52;c;{}\x07", STANDARD.encode(text))?;
        stdout.flush()
    }

    /// Rings the bell.
    pub(super) fn bell(&mut self) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(b"\x07")?;
        stdout.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

/// Asks for keys that can be told apart, of a terminal that can.
fn tell_keys_apart() -> io::Result<()> {
    let known = ["TERM", "TERM_PROGRAM"]
        .iter()
        .filter_map(|name| std::env::var(name).ok())
        .any(|value| MAY_TELL_KEYS_APART.iter().any(|name| value.starts_with(name)));
    // A terminal that does not answer has not.
    if known && supports_keyboard_enhancement().unwrap_or(false) {
        KEYS_APART.store(true, Ordering::Relaxed);
        execute!(io::stdout(), PushKeyboardEnhancementFlags(KEYS))?;
    }
    Ok(())
}

/// Gives the terminal back. Nothing can be done about a terminal that takes no more.
fn restore() {
    if KEYS_APART.swap(false, Ordering::Relaxed) {
        let _ = execute!(io::stdout(), PopKeyboardEnhancementFlags);
    }
    let _ = execute!(
        io::stdout(),
        EndSynchronizedUpdate,
        DisableFocusChange,
        DisableMouseCapture,
        DisableBracketedPaste,
        SetCursorStyle::DefaultUserShape,
        LeaveAlternateScreen,
        Show
    );
    let _ = disable_raw_mode();
}

/// A panic is told on a terminal that can show it.
fn restore_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            restore();
            before(panic);
        }));
    });
}

fn style(shape: CursorShape) -> SetCursorStyle {
    match shape {
        CursorShape::Default => SetCursorStyle::DefaultUserShape,
        CursorShape::BlinkingBlock => SetCursorStyle::BlinkingBlock,
        CursorShape::SteadyBlock => SetCursorStyle::SteadyBlock,
        CursorShape::BlinkingUnderline => SetCursorStyle::BlinkingUnderScore,
        CursorShape::SteadyUnderline => SetCursorStyle::SteadyUnderScore,
        CursorShape::BlinkingBar => SetCursorStyle::BlinkingBar,
        CursorShape::SteadyBar => SetCursorStyle::SteadyBar,
    }
}
