//! The agent's way to the client.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{mpsc, watch};

use super::{Outlet, Session};
use crate::{
    session::message::{AgentSessionState, Checks, Frame, MessageType},
    sim::agent,
};

/// The queue of whoever is connected.
pub(in crate::sim::gateway) struct Uplink {
    pub(super) session: Arc<Session>,
    pub(super) outlet: watch::Receiver<Outlet>,
}

impl Uplink {
    /// For an agent on a socket.
    pub(in crate::sim::gateway) fn new(session: Arc<Session>) -> Self {
        let outlet = session.outlet.subscribe();
        Self { session, outlet }
    }
}

impl agent::Uplink for Uplink {
    fn offer(&mut self, frame: Bytes) -> Option<Bytes> {
        if frame.get(4..).is_some_and(|kind| kind.starts_with(b"agent_session_state")) {
            if let Ok(frame) = Frame::parse(&frame, Checks::Agent)
                && frame.message_type == MessageType::AgentSessionState
                && let Ok(state) = AgentSessionState::parse(&frame.payload)
            {
                self.session.agent_says(&state);
            }
            return None;
        }
        if self.session.is_agent_away() {
            return None;
        }
        // Not borrowed any longer: whoever replaces the outlet holds the book meanwhile.
        let client = self.outlet.borrow().clone();
        let refused = client.and_then(|client| match client.try_send(frame.clone()) {
            Err(mpsc::error::TrySendError::Full(frame)) => Some(frame),
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => None,
        });
        if refused.is_none() {
            self.session.note_data(&frame);
        }
        refused
    }

    async fn room(&mut self) {
        loop {
            let Some(client) = self.outlet.borrow_and_update().clone() else { return };
            tokio::select! {
                _ = client.reserve() => return,
                changed = self.outlet.changed() => if changed.is_err() { return },
            }
        }
    }
}
