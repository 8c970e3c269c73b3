//! Who may log in to the nodes of a region by SSH: keys that were handed over for a while (EC2 Instance Connect), and keys that
//! always hold.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// How long a key of SendSSHPublicKey holds.
pub const PUSHED_KEY_LIFETIME: Duration = Duration::from_secs(60);
/// More pushed keys than this are not remembered at once; the oldest is forgotten.
const MOST_PUSHED: usize = 1024;

/// The keys that the sshd of a region's nodes take.
#[derive(Debug, Default)]
pub struct SshKeys {
    always: Vec<String>,
    pushed: Mutex<Vec<Pushed>>,
}

#[derive(Debug)]
struct Pushed {
    target: String,
    key: String,
    expires: Instant,
}

impl SshKeys {
    /// With keys that always hold, on every node: lines of an `authorized_keys` file.
    pub(in crate::sim) fn new(always: &[String]) -> Self {
        Self { always: always.to_vec(), pushed: Mutex::default() }
    }

    /// Takes a key for a node for [`PUSHED_KEY_LIFETIME`].
    pub(in crate::sim) fn push(&self, target: &str, key: &str) {
        let mut pushed = self.pushed.lock().unwrap_or_else(PoisonError::into_inner);
        if pushed.len() == MOST_PUSHED {
            pushed.remove(0);
        }
        pushed.push(Pushed {
            target: target.to_owned(),
            key: key.trim().to_owned(),
            expires: Instant::now() + PUSHED_KEY_LIFETIME,
        });
    }

    /// The lines of a node's `authorized_keys` now.
    pub(super) fn lines(&self, target: &str) -> Vec<String> {
        let mut pushed = self.pushed.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        pushed.retain(|key| key.expires > now);
        let pushed = pushed.iter().filter(|pushed| pushed.target == target).map(|pushed| pushed.key.clone());
        self.always.iter().cloned().chain(pushed).collect()
    }
}
