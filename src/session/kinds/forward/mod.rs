//! A port here that leads to a port there: a listener, and sessions that carry its connections.

mod event;

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Opener;
use crate::session::{event::End, service::Service};

pub use event::{ForwardEvent, Listen, Mode, Outcome, Plan, Traffic};

/// Events that may wait for the owner.
const EVENTS: usize = 1024;

/// Steers one forward. When the last clone is dropped the forward is ended.
#[derive(Debug, Clone)]
pub struct Forward {
    end: CancellationToken,
    _last: Arc<DropGuard>,
}

impl Forward {
    /// Ends it: nothing listens any more, all sessions are ended on the service; then comes
    /// [`ForwardEvent::Ended`].
    pub fn end(&self) {
        self.end.cancel();
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
    let forward = Forward { end: end.clone(), _last: Arc::new(end.clone().drop_guard()) };
    tokio::spawn(async move {
        let _ = (plan, service, opener);
        let _ = sender.send(ForwardEvent::Ended(End::Refused("forwards are being built".to_owned()))).await;
    });
    (forward, events)
}
