//! A port here that leads to a port there: a listener, and sessions that carry its connections.
//!
//! ```text
//!  local programs ──► listen ──► run ──► lane 0 ──► carry ──► session     all lanes are started at once;
//!                                  └───► lane 1 ──► carry ──► session     a connection goes to the one with the fewest
//! ```
//!
//! The listener stays while sessions come and go. It opens when the first session runs; a port that cannot be had is
//! said before any session is started.

mod carry;
mod event;
mod lane;
mod listen;
mod run;
mod socket;

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Opener;
use crate::session::service::Service;
use lane::Shared;

pub use event::{ForwardEvent, Listen, Mode, Outcome, Plan, Traffic};

/// Events that may wait for the owner.
const EVENTS: usize = 1024;

/// Steers one forward. When the last clone is dropped the forward is ended.
#[derive(Debug, Clone)]
pub struct Forward {
    end: CancellationToken,
    hurry: watch::Sender<()>,
    _last: Arc<DropGuard>,
}

impl Forward {
    /// Ends it: nothing listens any more, all sessions are ended on the service; then comes
    /// [`ForwardEvent::Ended`].
    pub fn end(&self) {
        self.end.cancel();
    }

    /// Whatever waits for its next attempt makes it now: what it lacked is there.
    pub fn hurry(&self) {
        self.hurry.send_replace(());
    }
}

/// Starts a forward. Needs a tokio runtime. The events are to be taken until [`ForwardEvent::Ended`].
pub fn open(
    plan: Plan,
    service: Arc<dyn Service>,
    opener: Arc<dyn Opener>,
) -> (Forward, mpsc::Receiver<ForwardEvent>) {
    let end = CancellationToken::new();
    let (sender, events) = mpsc::channel(EVENTS);
    let hurry = watch::Sender::new(());
    let last = Arc::new(end.clone().drop_guard());
    let forward = Forward { end: end.clone(), hurry: hurry.clone(), _last: last };
    let shared = Shared { service, opener, events: sender, counters: Default::default(), hurry, end };
    tokio::spawn(run::run(plan, Arc::new(shared)));
    (forward, events)
}
