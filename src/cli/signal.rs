//! Signals that steer a command while it holds sessions: none of them may end the process before the sessions are ended.

use std::{
    io,
    sync::atomic::{AtomicUsize, Ordering},
};

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Failure;

/// SIGCONT, which tokio has no name for.
const CONTINUED: i32 = if cfg!(target_os = "linux") { 18 } else { 19 };
/// SIGINT.
pub(super) const INTERRUPT: u8 = 2;
/// SIGQUIT.
pub(super) const QUIT: u8 = 3;

/// How many listen at this moment.
static LISTENERS: AtomicUsize = AtomicUsize::new(0);

/// Everything that can happen from outside while a session runs.
pub(super) struct Signals {
    resized: Signal,
    continued: Signal,
    interrupt: Signal,
    quit: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Drop for Signals {
    fn drop(&mut self) {
        LISTENERS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Resize,
    Continue,
    /// To end, by the signal of this number.
    End(u8),
}

impl Signals {
    pub(super) fn new() -> Result<Self, Failure> {
        Self::listen().map_err(|error| Failure::told("cannot listen for signals", error.to_string(), ""))
    }

    fn listen() -> io::Result<Self> {
        let signals = Self {
            resized: signal(SignalKind::window_change())?,
            continued: signal(SignalKind::from_raw(CONTINUED))?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        };
        LISTENERS.fetch_add(1, Ordering::Relaxed);
        Ok(signals)
    }

    pub(super) async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.resized.recv() => Asked::Resize,
            _ = self.continued.recv() => Asked::Continue,
            _ = self.interrupt.recv() => Asked::End(INTERRUPT),
            _ = self.quit.recv() => Asked::End(QUIT),
            _ = self.terminate.recv() => Asked::End(15),
            _ = self.hangup.recv() => Asked::End(1),
        }
    }

    /// The number of the next signal that asks to end and that nobody else in this process listens for.
    pub(super) async fn end_unless_shared(&mut self) -> u8 {
        loop {
            let number = self.end().await;
            if LISTENERS.load(Ordering::Relaxed) == 1 {
                return number;
            }
        }
    }

    /// The number of the next signal that asks to end.
    pub(super) async fn end(&mut self) -> u8 {
        loop {
            if let Asked::End(number) = self.next().await {
                return number;
            }
        }
    }
}
