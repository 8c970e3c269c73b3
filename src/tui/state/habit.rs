//! What this user opened before, and likes: what the search weighs rows by.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use jiff::Timestamp;

use crate::fleet::{
    InstanceId,
    history::{Event, History},
};

/// The history, and what follows from it for the search.
#[derive(Clone, Debug, Default)]
pub struct Habits {
    /// What was opened when, and the favourites.
    pub history: History,
    /// How much each row weighs that was opened before.
    pub weights: Arc<HashMap<InstanceId, u32>>,
    /// The favourites, as the search takes them.
    pub favourites: Arc<HashSet<InstanceId>>,
}

impl Habits {
    /// What follows from a history.
    pub fn new(history: History, now: Timestamp) -> Self {
        let (weights, favourites) = (Arc::new(history.weights(now)), Arc::new(history.favourites().clone()));
        Self { history, weights, favourites }
    }

    /// Takes in what happened.
    pub fn take(&mut self, event: Event, now: Timestamp) {
        let mut history = std::mem::take(&mut self.history);
        history.take(event);
        *self = Self::new(history, now);
    }
}
