//! The thread that searches, so that the screen never waits for it.
//!
//! ```text
//! ask ──→ [ one slot: a newer request replaces one that waits ] ──→ thread ──→ deliver(Matches)
//!   └──── counter + 1: a search that runs sees it and stops ────────┘
//! ```
//!
//! Rows that changed have to be prepared before they can be searched, which takes longer than a search;
//! so a query over changed rows is answered from the rows prepared before, and then once more.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::engine::{Engine, Newest};
use super::{Matches, Request};

/// A thread that searches: the newest request replaces one that waits and cancels one that runs.
pub struct Worker {
    mailbox: Arc<Mailbox>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Mailbox {
    slot: Mutex<Slot>,
    changed: Condvar,
    /// Counts requests; a search belongs to one value of it.
    newest: AtomicU64,
}

#[derive(Default)]
struct Slot {
    waiting: Option<Request>,
    is_closed: bool,
}

impl Worker {
    /// Starts the thread. `deliver` runs on it: once for each request that wasn't overtaken, or twice,
    /// when the rows had changed; [`Matches::rows`] tells for which rows the indices hold.
    pub fn spawn(mut deliver: impl FnMut(Matches) + Send + 'static) -> std::io::Result<Self> {
        let mailbox = Arc::new(Mailbox::default());
        let theirs = Arc::clone(&mailbox);
        let thread = std::thread::Builder::new().name("search".to_owned()).spawn(move || {
            let mut engine = Engine::new();
            while let Some((request, mine)) = theirs.take() {
                let newest = Newest { counter: &theirs.newest, mine };
                if engine.has_rows() && !engine.is_prepared(&request) {
                    match engine.find(&request, newest) {
                        Some(matches) => deliver(matches),
                        None => continue,
                    }
                }
                engine.prepare(&request);
                if let Some(matches) = engine.find(&request, newest) {
                    deliver(matches);
                    engine.warm(newest);
                }
            }
        })?;
        Ok(Self { mailbox, thread: Some(thread) })
    }

    /// Asks; never waits for a search.
    pub fn ask(&self, request: Request) {
        let mut slot = self.mailbox.slot.lock().unwrap_or_else(PoisonError::into_inner);
        self.mailbox.newest.fetch_add(1, Ordering::Relaxed);
        slot.waiting = Some(request);
        self.mailbox.changed.notify_one();
    }
}

impl Mailbox {
    /// The newest request and its number; `None` when the worker ends.
    fn take(&self) -> Option<(Request, u64)> {
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if slot.is_closed {
                return None;
            }
            if let Some(request) = slot.waiting.take() {
                return Some((request, self.newest.load(Ordering::Relaxed)));
            }
            slot = self.changed.wait(slot).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.mailbox.slot.lock().unwrap_or_else(PoisonError::into_inner).is_closed = true;
        self.mailbox.newest.fetch_add(1, Ordering::Relaxed);
        self.mailbox.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic on the thread was told by the hook already.
            let _ = thread.join();
        }
    }
}
