//! What is kept on the disk beside the app: the lists of the last time, and what was opened when. Reads and writes where nobody
//! waits; a failure is said in the log alone, since nothing depends on it.

use std::collections::HashMap;

use super::event::{Event, PlaceId};
use crate::{
    aws::Connector,
    fleet::{
        Fleet, HistoryFile,
        cache::{Cache, Key, Listing},
        history,
    },
};

/// Where things are kept, if they are.
#[derive(Debug, Default)]
pub(super) struct Keep {
    cache: Option<Cache>,
    history: Option<HistoryFile>,
    keys: HashMap<PlaceId, Key>,
}

impl Keep {
    /// In the platform's folders; the history only where the user wants one.
    pub(super) fn platform(history: bool) -> Self {
        let history = history.then(HistoryFile::platform).flatten();
        Self { cache: Cache::platform(), history, keys: HashMap::new() }
    }

    /// Looks for the list of the last time of a place. A simulated region of our own has none.
    pub(super) fn load(&mut self, place: PlaceId, connector: &Connector) -> impl FnOnce() -> Event + use<> {
        let key = connector.cache_key();
        if let Some(key) = &key {
            self.keys.insert(place, key.clone());
        }
        let cache = self.cache.clone();
        move || {
            let listing = cache.zip(key).and_then(|(cache, key)| cache.load(&key));
            let now = jiff::Timestamp::now();
            let fleet = listing.map(|listing| Box::new(Fleet::from_last_time(listing, now)));
            Event::Cached { place, fleet }
        }
    }

    /// Keeps a list for the next time.
    pub(super) fn store(&self, place: PlaceId, listing: Listing) {
        if let (Some(cache), Some(key)) = (self.cache.clone(), self.keys.get(&place).cloned()) {
            tokio::task::spawn_blocking(move || cache.store(&key, &listing));
        }
    }

    /// Reads what was opened before.
    pub(super) fn recall(&self) -> impl FnOnce() -> Event + use<> {
        let file = self.history.clone();
        move || Event::Recalled(file.map(|file| file.load()).unwrap_or_default())
    }

    /// Keeps what happened. At once: a line is short, and the program may be left the next moment.
    pub(super) fn remember(&self, event: &history::Event) {
        if let Some(file) = &self.history
            && let Err(error) = file.append(event)
        {
            tracing::warn!(path = %file.path().display(), %error, "the history cannot be written");
        }
    }
}
