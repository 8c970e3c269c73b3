//! The terminal of a tab, and what was typed into it and not taken yet.

use super::outgoing::Outgoing;
use crate::term::{self, Terminal};

/// What a tab with a terminal has.
pub struct Pane {
    /// What the far side has drawn.
    pub terminal: Terminal,
    /// What was typed and not yet taken.
    pub outgoing: Outgoing,
    /// Lines scrolled back; none while the newest are shown.
    pub scroll: Option<usize>,
    /// How the bytes that come are meant.
    pub output: Output,
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
    /// Empty.
    pub fn new(size: term::Size) -> Self {
        Self {
            terminal: Terminal::new(size),
            outgoing: Outgoing::default(),
            scroll: None,
            output: Output::Terminal,
        }
    }

    /// Takes bytes in; what is being read above stands still while new lines come in below.
    pub fn feed(&mut self, bytes: &[u8]) -> term::Fed {
        let lines = self.terminal.scrollback_len();
        let fed = match &mut self.output {
            Output::Terminal => self.terminal.feed(bytes),
            Output::Plain { returned } => {
                let bytes = with_returns(bytes, returned);
                self.terminal.feed(&bytes)
            }
        };
        if let Some(scroll) = &mut self.scroll {
            *scroll += self.terminal.scrollback_len().saturating_sub(lines);
        }
        fed
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
        if let Some(lines) = &mut self.scroll {
            *lines = (*lines).min(self.terminal.scrollback_len());
        }
    }

    /// Makes ready for another session below the old screen (peers c19): out of the alternate screen and of every mode, with a rule
    /// below what is there.
    pub fn rule_off(&mut self) {
        self.outgoing.clear();
        self.scroll = None;
        self.output = Output::Terminal;
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

    fn plain() -> Pane {
        Pane { output: Output::Plain { returned: false }, ..Pane::new(term::Size { rows: 5, cols: 20 }) }
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
        let mut shell = Pane::new(term::Size { rows: 5, cols: 20 });
        shell.feed_error(b"\xc3");
        shell.feed_error(b"\xa4");
        assert_eq!(shell.terminal.text().trim_end(), "ä", "a terminal's bytes are left as they are");
    }
}
