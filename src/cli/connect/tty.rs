//! The user's own terminal: raw while a session runs, and as it was before on every way out; what is typed and what is
//! shown, each on a thread of its own, since a terminal may block for ever and the session must not.

use std::{
    io::{self, IsTerminal, Read, Write},
    thread,
};

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::session::Size;

/// One read; a paste arrives in pieces of this size.
const READ: usize = 16 * 1024;
/// For output that is no terminal: as the official client says it.
const WIDE: Size = Size { cols: 300, rows: 100 };
const USUAL: Size = Size { cols: 80, rows: 24 };

/// Raw mode as long as this lives; nothing where input is no terminal.
#[derive(Debug)]
pub(in crate::cli) struct Raw {
    active: bool,
}

impl Raw {
    /// Every key becomes a byte for the far side: no echo, no line, no signals.
    pub(in crate::cli) fn enter() -> io::Result<Self> {
        if !io::stdin().is_terminal() {
            return Ok(Self { active: false });
        }
        crossterm::terminal::enable_raw_mode()?;
        let told = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let _ = crossterm::terminal::disable_raw_mode();
            told(info);
        }));
        Ok(Self { active: true })
    }

    pub(in crate::cli) fn is_active(&self) -> bool {
        self.active
    }

    /// After a stop and a continue the shell has put its own mode back.
    pub(in crate::cli) fn again(&self) {
        if self.active {
            let _ = crossterm::terminal::disable_raw_mode();
            let _ = crossterm::terminal::enable_raw_mode();
        }
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        if self.active {
            let _ = crossterm::terminal::disable_raw_mode();
        }
    }
}

/// The terminal's size, or what suits where there is none.
pub(in crate::cli) fn size() -> Size {
    if !io::stdout().is_terminal() {
        return WIDE;
    }
    match crossterm::terminal::size() {
        Ok((cols, rows)) if cols > 0 && rows > 0 => Size { cols: cols.into(), rows: rows.into() },
        _ => USUAL,
    }
}

/// What the input said.
#[derive(Debug)]
pub(in crate::cli) enum Typed {
    Bytes(Bytes),
    /// Nothing more comes.
    End,
    /// The terminal is gone (EIO and the like).
    Lost(io::Error),
}

/// Reads standard input until it ends. The thread is left behind when the process ends.
pub(in crate::cli) fn read() -> mpsc::Receiver<Typed> {
    let (sender, receiver) = mpsc::channel(16);
    thread::spawn(move || {
        let mut input = io::stdin().lock();
        let mut buffer = vec![0; READ];
        loop {
            let typed = match input.read(&mut buffer) {
                Ok(0) => Typed::End,
                Ok(length) => Typed::Bytes(Bytes::copy_from_slice(&buffer[..length])),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Typed::Lost(error),
            };
            let is_last = !matches!(typed, Typed::Bytes(_));
            if sender.blocking_send(typed).is_err() || is_last {
                return;
            }
        }
    });
    receiver
}

/// Writes to standard output; `None` from the receiver of results means all was written, once the sender is dropped.
pub(in crate::cli) fn write() -> (mpsc::Sender<Bytes>, mpsc::Receiver<io::Error>) {
    write_to(io::stdout())
}

/// As [`write`], to another stream.
pub(in crate::cli) fn write_to(
    mut output: impl Write + Send + 'static,
) -> (mpsc::Sender<Bytes>, mpsc::Receiver<io::Error>) {
    let (sender, mut queue) = mpsc::channel::<Bytes>(8);
    let (failed, failure) = mpsc::channel(1);
    thread::spawn(move || {
        while let Some(bytes) = queue.blocking_recv() {
            // Flushed when nothing waits: many small pieces cost one write.
            let written = output
                .write_all(&bytes)
                .and_then(|()| if queue.is_empty() { output.flush() } else { Ok(()) });
            if let Err(error) = written {
                let _ = failed.blocking_send(error);
                return;
            }
        }
        let _ = output.flush();
    });
    (sender, failure)
}
