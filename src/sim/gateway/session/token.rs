//! The tokens of a session: each lets one socket in, once, and for a while.

use base64::{Engine, engine::general_purpose::STANDARD};
use tokio::time::Instant;
use uuid::Uuid;

/// More unused tokens than this are not kept.
const TOKENS: usize = 16;

/// Tokens that were not used yet.
#[derive(Default)]
pub(super) struct Tokens(Vec<(String, Instant)>);

impl Tokens {
    /// A new one, good until `expires`.
    pub(super) fn issue(&mut self, expires: Instant) -> String {
        let mut random = [0; 48];
        for part in random.chunks_exact_mut(16) {
            part.copy_from_slice(Uuid::new_v4().as_bytes());
        }
        let token = STANDARD.encode(random);
        if self.0.len() == TOKENS {
            self.0.remove(0);
        }
        self.0.push((token.clone(), expires));
        token
    }

    /// Whether it is good; it is so once.
    pub(super) fn redeem(&mut self, token: &str, now: Instant) -> bool {
        self.0.retain(|(_, expires)| *expires > now);
        let known = self.0.iter().position(|(known, _)| known == token);
        known.inspect(|at| drop(self.0.remove(*at))).is_some()
    }
}
