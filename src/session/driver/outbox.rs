//! Events that the owner of the session has not taken yet.

use std::collections::VecDeque;

use tokio::sync::mpsc::{self, error::TrySendError};

use crate::session::event::Event;

/// Above this the socket is not read: what the agent prints waits unacknowledged on its side. Below it messages are
/// acknowledged at once, however slow the screen, since an agent whose shell has ended waits only two seconds for the
/// last acknowledgements.
const LIMIT: usize = 768 << 10;
/// What an event costs beside its bytes.
const EVENT_COST: usize = 256;

#[derive(Debug)]
pub(super) struct Outbox {
    sender: mpsc::Sender<Event>,
    waiting: VecDeque<Event>,
    cost: usize,
}

impl Outbox {
    pub(super) fn new(sender: mpsc::Sender<Event>) -> Self {
        Self { sender, waiting: VecDeque::new(), cost: 0 }
    }

    pub(super) fn push(&mut self, event: Event) {
        // The state of affairs, not its history.
        if matches!(
            (self.waiting.back(), &event),
            (Some(Event::Reconnecting { .. }), Event::Reconnecting { .. })
        ) {
            self.waiting.pop_back();
            self.cost -= EVENT_COST;
        }
        self.cost += cost(&event);
        self.waiting.push_back(event);
    }

    pub(super) fn is_full(&self) -> bool {
        self.cost > LIMIT
    }

    /// Hands over what the owner has room for.
    pub(super) fn hand_over(&mut self) {
        while let Some(event) = self.pop() {
            if let Err(TrySendError::Full(event) | TrySendError::Closed(event)) = self.sender.try_send(event)
            {
                self.cost += cost(&event);
                self.waiting.push_front(event);
                return;
            }
        }
    }

    /// Waits until the owner can be handed something more (see [`hand_over`](Self::hand_over)), or is gone. Never
    /// returns if there is nothing to hand over and the owner is there.
    pub(super) async fn wait(&self) -> Result<(), OwnerGone> {
        if self.waiting.is_empty() {
            self.sender.closed().await;
            return Err(OwnerGone);
        }
        self.sender.reserve().await.map(drop).map_err(|_| OwnerGone)
    }

    /// Hands over everything, however long it takes, and then `last`.
    pub(super) async fn finish(mut self, last: Event) {
        self.push(last);
        while let Some(event) = self.pop() {
            if self.sender.send(event).await.is_err() {
                return;
            }
        }
    }

    fn pop(&mut self) -> Option<Event> {
        let event = self.waiting.pop_front()?;
        self.cost -= cost(&event);
        Some(event)
    }
}

/// Nobody listens any more.
#[derive(Debug)]
pub(super) struct OwnerGone;

fn cost(event: &Event) -> usize {
    match event {
        Event::Output(bytes) | Event::ErrorOutput(bytes) => bytes.len() + EVENT_COST,
        _ => EVENT_COST,
    }
}
