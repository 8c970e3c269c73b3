//! What a session of each type does with its bytes, on top of [`Commands`](super::Commands) and [`Event`](super::Event).
//!
//! ```text
//! forward   a listener here, connections over one or more sessions: lanes, restarts     shell
//! relay     one stream over one session: SSH, netcat                                  shell
//! carrier   mux or basic: how connections travel over one session                     pure
//! ```
//!
//! A shell needs nothing here: its bytes are the terminal's.

mod basic;
mod carrier;
pub mod forward;
mod mux;
pub mod relay;

use tokio::sync::mpsc;

use super::{
    driver::Commands,
    event::{End, Event},
    service::{BoxFuture, ServiceError, SessionId, Ticket},
};

/// A session that runs already; its events begin with the handshake.
#[derive(Debug)]
pub struct Running {
    /// The session.
    pub id: SessionId,
    /// Steers it.
    pub commands: Commands,
    /// What happens in it.
    pub events: mpsc::Receiver<Event>,
}

/// Starts sessions for a forward: the first, further lanes, and anew after one ended while the network was away.
pub trait Opener: Send + Sync + 'static {
    /// StartSession: the ticket, and the target as it was given (the handshake's encryption context wants it).
    fn start(&self) -> BoxFuture<'_, Result<(Ticket, String), ServiceError>>;

    /// A session that somebody else started and that the forward shall take; asked before each [`Opener::start`].
    fn running(&self) -> Option<Running> {
        None
    }

    /// Whether [`Opener::start`] is of any use after the first session; else the forward ends with it.
    fn again(&self) -> bool {
        true
    }
}

/// The end of a port session in words that help: an agent whose server is not there crashes, and what is said then
/// speaks of its insides.
fn far_words(end: End, port: Option<&str>) -> End {
    match end {
        End::Closed { output }
            if output.contains("ipc messaging received timeout signal")
                || output.contains("Unable to connect to specified port") =>
        {
            let port = port.unwrap_or("that port");
            End::Closed { output: format!("nothing listens on port {port} of the instance") }
        }
        end => end,
    }
}

#[cfg(test)]
mod tests;
