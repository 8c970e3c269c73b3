//! The user's terminal: taken over, and given back whatever happens.

use std::{
    io::{self, BufWriter, IsTerminal, Stdout, Write},
    sync::{
        Once,
        atomic::{AtomicBool, Ordering},
    },
};

use base64::{Engine, engine::general_purpose::STANDARD};
use crossterm::{
    cursor::{SetCursorStyle, Show},
    event::{
        DisableBracketedPaste, DisableFocusChange, DisableMouseCapture, EnableBracketedPaste,
        EnableFocusChange, EnableMouseCapture, KeyboardEnhancementFlags, PopKeyboardEnhancementFlags,
        PushKeyboardEnhancementFlags,
    },
    execute, queue,
    terminal::{
        BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
        disable_raw_mode, enable_raw_mode, supports_keyboard_enhancement,
    },
};
use ratatui::{Frame, Terminal, backend::CrosstermBackend};

use super::Error;
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

/// Whether the terminal was asked to tell keys apart, for whoever gives it back.
static KEYS_APART: AtomicBool = AtomicBool::new(false);

/// The user's terminal while it is ours.
pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<BufWriter<Stdout>>>,
    shape: CursorShape,
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
        let terminal = entered.and_then(|()| tell_keys_apart()).and_then(|()| {
            Terminal::new(CrosstermBackend::new(BufWriter::with_capacity(64 << 10, io::stdout())))
        });
        match terminal {
            Ok(terminal) => Ok(Self { terminal, shape: CursorShape::Default }),
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

    /// The window's size.
    pub(super) fn size(&self) -> io::Result<term::Size> {
        let size = self.terminal.size()?;
        Ok(term::Size { rows: size.height, cols: size.width })
    }

    /// Draws a frame in one piece.
    pub(super) fn draw(&mut self, shape: CursorShape, draw: impl FnOnce(&mut Frame)) -> io::Result<()> {
        queue!(self.terminal.backend_mut(), BeginSynchronizedUpdate)?;
        self.terminal.draw(draw)?;
        if shape != self.shape {
            self.shape = shape;
            queue!(self.terminal.backend_mut(), style(shape))?;
        }
        queue!(self.terminal.backend_mut(), EndSynchronizedUpdate)?;
        Write::flush(self.terminal.backend_mut())
    }

    /// Puts text on the clipboard of the user's terminal (OSC 52), which may be on another machine.
    pub(super) fn copy(&mut self, text: &str) -> io::Result<()> {
        let out = self.terminal.backend_mut();
        write!(out, "\x1b]52;c;{}\x07", STANDARD.encode(text))?;
        Write::flush(out)
    }

    /// Rings the bell.
    pub(super) fn bell(&mut self) -> io::Result<()> {
        let out = self.terminal.backend_mut();
        out.write_all(b"\x07")?;
        Write::flush(out)
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
        let flags = KeyboardEnhancementFlags::DISAMBIGUATE_ESCAPE_CODES
            | KeyboardEnhancementFlags::REPORT_ALTERNATE_KEYS;
        execute!(io::stdout(), PushKeyboardEnhancementFlags(flags))?;
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
