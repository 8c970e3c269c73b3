//! What a session of each type does with its bytes, on top of [`Commands`](super::Commands) and [`Event`](super::Event).
//!
//! ```text
//! forward   a listener here, connections over one or more sessions     (lanes, events, restarts)
//! relay     one stream over one session: SSH, netcat
//! ```
//!
//! A shell needs nothing here: its bytes are the terminal's.

pub mod forward;
pub mod relay;

use tokio::sync::mpsc;

use super::{
    driver::Commands,
    event::Event,
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
}
