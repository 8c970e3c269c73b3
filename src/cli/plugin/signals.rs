//! What reaches the plugin from outside. The AWS CLI leaves SIGINT, SIGQUIT and SIGTSTP to its plugin.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGTSTP and SIGCONT, which tokio has no names for.
const STOPPED: i32 = if cfg!(target_os = "linux") { 20 } else { 18 };
const CONTINUED: i32 = if cfg!(target_os = "linux") { 18 } else { 19 };

/// Everything that can happen from outside while a session runs.
pub(super) struct Signals {
    interrupt: Signal,
    quit: Signal,
    stop: Signal,
    continued: Signal,
    resized: Signal,
    terminate: Signal,
    hangup: Signal,
}

/// What a signal means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// A control key: its byte. A shell gets it, a forward ends.
    Key(u8),
    Resize,
    Continue,
    /// Whoever started us wants us gone.
    End,
}

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            stop: signal(SignalKind::from_raw(STOPPED))?,
            continued: signal(SignalKind::from_raw(CONTINUED))?,
            resized: signal(SignalKind::window_change())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// The next one. Nothing is lost if the future is dropped.
    pub(super) async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.interrupt.recv() => Asked::Key(0x03),
            _ = self.quit.recv() => Asked::Key(0x1c),
            _ = self.stop.recv() => Asked::Key(0x1a),
            _ = self.continued.recv() => Asked::Continue,
            _ = self.resized.recv() => Asked::Resize,
            _ = self.terminate.recv() => Asked::End,
            _ = self.hangup.recv() => Asked::End,
        }
    }

    /// The next one that ends a session which has no keyboard.
    pub(super) async fn end(&mut self) {
        while matches!(self.next().await, Asked::Resize | Asked::Continue) {}
    }
}
