//! The terminal of a tab, and what was typed into it and not taken yet.

use std::time::{Duration, Instant};

use super::{look::Look, outgoing::Outgoing};
use crate::term::{
    self, Terminal,
    scrollback::{Bounds, Scrollback},
};

/// How long a program can keep its change from being seen: longer than any that is meant to be seen at once, shorter than anybody
/// waits.
const HOLD: Duration = Duration::from_millis(200);

/// What a tab with a terminal has.
pub struct Pane {
    /// What the far side has drawn.
    pub terminal: Terminal,
    /// What was typed and not yet taken.
    pub outgoing: Outgoing,
    /// Its text as it stood when the user began to look back; none while the session is shown.
    pub look: Option<Box<Look>>,
    /// What the far side wants on the clipboard, until somebody says whether it may.
    pub wanted: Option<Wanted>,
    /// The change that the program is in the midst of (`? 2026`), and until when it is not to be seen.
    pub held: Option<(u32, Instant)>,
    /// How the bytes that come are meant.
    pub output: Output,
    /// The far side has said something, and with it how it takes pastes.
    pub heard: bool,
}

/// What the far side wants on the clipboard.
pub struct Wanted {
    /// It.
    pub text: String,
    /// Until when it is said over the session.
    pub until: Instant,
}

/// How the bytes that come are meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Output {
    /// For a terminal.
    #[default]
    Terminal,
    /// Of a program that has none: a line ends with a bare line feed.
    Plain {
        /// The last byte was a carriage return.
        returned: bool,
    },
}

impl Pane {
    /// Empty; so much of what leaves its screen is kept.
    pub fn new(size: term::Size, kept: Bounds) -> Self {
        Self {
            terminal: Terminal::with_scrollback(size, Scrollback::new(kept)),
            outgoing: Outgoing::default(),
            look: None,
            wanted: None,
            held: None,
            output: Output::Terminal,
            heard: false,
        }
    }

    /// After bytes came in: whether they are to be seen yet.
    pub fn hold(&mut self, now: Instant) {
        self.held = self.terminal.synchronized().map(|change| match self.held {
            Some((held, until)) if held == change => (held, until),
            _ => (change, now + HOLD),
        });
    }

    /// Takes bytes in; what is being looked at stands still.
    pub fn feed(&mut self, bytes: &[u8]) -> term::Fed {
        match &mut self.output {
            Output::Terminal => self.terminal.feed(bytes),
            Output::Plain { returned } => {
                let bytes = with_returns(bytes, returned);
                self.terminal.feed(&bytes)
            }
        }
    }

    /// Takes in what a program said on its standard error: in red, where that stream is known apart.
    pub fn feed_error(&mut self, bytes: &[u8]) -> term::Fed {
        if self.output == Output::Terminal {
            return self.feed(bytes);
        }
        let mut coloured = Vec::with_capacity(bytes.len() + 10);
        coloured.extend_from_slice(b"\x1b[31m");
        coloured.extend_from_slice(bytes);
        coloured.extend_from_slice(b"\x1b[39m");
        self.feed(&coloured)
    }

    /// Another size of the window.
    pub fn resize(&mut self, size: term::Size) {
        self.terminal.resize(size);
        if let Some(look) = &mut self.look {
            look.copy.resize(size);
        }
    }

    /// Makes ready for another session below the old screen (peers c19): out of the alternate screen and of every mode, with a rule
    /// below what is there.
    pub fn rule_off(&mut self) {
        self.outgoing.clear();
        (self.look, self.wanted) = (None, None);
        (self.output, self.heard) = (Output::Terminal, false);
        // Out of the alternate screen; mouse, paste and key modes off; cursor shown; wrap on; plain letters.
        self.terminal.feed(
            b"\x1b[?1049l\x1b[?9l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1004l\x1b[?1006l\x1b[?2004l\x1b[?1l\x1b>\x1b[4l\x1b[?6l\x1b[?7h\x1b[?25h\x1b(B\x0f\x1b[0m",
        );
        let used = self.terminal.text().lines().count();
        let row = self.terminal.cursor().map_or(0, |cursor| usize::from(cursor.row) + 1).max(used);
        if used > 0 {
            let rule = "─".repeat(usize::from(self.terminal.size().cols).saturating_sub(1).min(40));
            // The scroll region is lifted first, which takes the cursor home.
            self.terminal.feed(format!("\x1b[r\x1b[{row};1H\r\n\x1b[2m{rule}\x1b[0m\r\n").as_bytes());
        }
    }
}

/// A line feed without its carriage return gets one, as the line discipline of a terminal would do.
fn with_returns(bytes: &[u8], returned: &mut bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 16);
    for byte in bytes {
        if *byte == b'\n' && !*returned {
            out.push(b'\r');
        }
        *returned = *byte == b'\r';
        out.push(*byte);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell() -> Pane {
        Pane::new(term::Size { rows: 5, cols: 20 }, Bounds::default())
    }

    fn plain() -> Pane {
        Pane { output: Output::Plain { returned: false }, ..shell() }
    }

    #[test]
    fn lines_of_a_program_without_a_terminal_begin_at_the_left() {
        let mut pane = plain();
        for piece in ["one\ntwo", "\nthree\r", "\nfour\n"] {
            pane.feed(piece.as_bytes());
        }
        assert_eq!(pane.terminal.text().trim_end(), "one\ntwo\nthree\nfour");
    }

    #[test]
    fn what_comes_on_standard_error_is_told_apart_where_that_is_known() {
        let mut pane = plain();
        pane.feed(b"fine\n");
        pane.feed_error(b"broken\n");
        pane.feed(b"fine\n");
        assert_eq!(pane.terminal.text().trim_end(), "fine\nbroken\nfine");
        let mut shell = shell();
        shell.feed_error(b"\xc3");
        shell.feed_error(b"\xa4");
        assert_eq!(shell.terminal.text().trim_end(), "ä", "a terminal's bytes are left as they are");
    }
}
