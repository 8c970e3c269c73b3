//! What was answered, kept for a while: instances of one VPC, one profile or one role share it, and a second question waits
//! for the answer to the first. Failures are not kept, denials are.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};

use crate::{
    aws::{Error, Kind},
    fleet::evidence::{Call, Piece, Refused},
};

/// Rights and routes change rarely, and those who change them look again.
const HOLDS: Duration = Duration::from_secs(5 * 60);
/// Calls under way at once.
const AT_ONCE: usize = 6;

/// One answer.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) refused: Option<Refused>,
    pub(super) piece: Piece,
    /// Asking again gives the same.
    pub(super) is_final: bool,
}

impl Answer {
    pub(super) fn new(piece: Piece) -> Self {
        Self { refused: None, piece, is_final: true }
    }
}

type Held = HashMap<(Call, String), (Instant, Arc<OnceCell<Answer>>)>;

/// The answers of one account and region.
#[derive(Debug)]
pub(in crate::aws) struct Answers {
    held: Mutex<Held>,
    denied: Mutex<HashMap<&'static str, (Instant, Error)>>,
    turns: Semaphore,
}

impl Default for Answers {
    fn default() -> Self {
        Self { held: Mutex::default(), denied: Mutex::default(), turns: Semaphore::new(AT_ONCE) }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Answers {
    /// The answer to a call about `what` (a VPC, a role; empty for the account), asked once.
    pub(super) async fn once(&self, call: Call, what: &str, ask: impl Future<Output = Answer>) -> Answer {
        let cell = {
            let mut held = locked(&self.held);
            held.retain(|_, (since, _)| since.elapsed() < HOLDS);
            let (_, cell) =
                held.entry((call, what.to_owned())).or_insert_with(|| (Instant::now(), Arc::default()));
            Arc::clone(cell)
        };
        let asked = cell.get_or_try_init(|| async {
            let answer = ask.await;
            if answer.is_final { Ok(answer) } else { Err(answer) }
        });
        asked.await.cloned().unwrap_or_else(|failed| failed)
    }

    /// Waits until one more call may be made.
    pub(super) async fn turn(&self) -> SemaphorePermit<'_> {
        self.turns.acquire().await.expect("nobody closes it")
    }

    /// Why an action was refused a moment ago.
    pub(super) fn denied(&self, action: &str) -> Option<Error> {
        let denied = locked(&self.denied);
        denied.get(action).filter(|(since, _)| since.elapsed() < HOLDS).map(|(_, denied)| denied.clone())
    }

    /// Keeps a denial that holds for every resource at once: the describing calls of EC2 know none.
    pub(super) fn remember(&self, action: &'static str, error: &Error) {
        if error.kind == Kind::Denied && action.starts_with("ec2:") {
            locked(&self.denied).insert(action, (Instant::now(), error.clone()));
        }
    }

    /// All is asked anew.
    pub(in crate::aws) fn forget(&self) {
        locked(&self.held).clear();
        locked(&self.denied).clear();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join;

    use super::*;
    use crate::fleet::{evidence::Tier, record::Fact};

    fn answer(is_final: bool) -> Answer {
        let piece = match is_final {
            true => Piece::Tier(Fact::Known { value: Tier::Standard, at: jiff::Timestamp::UNIX_EPOCH }),
            false => Piece::Tier(Fact::Failed("no answer".into())),
        };
        Answer { refused: None, piece, is_final }
    }

    #[tokio::test]
    async fn two_who_ask_the_same_make_one_call() {
        let (answers, calls) = (Answers::default(), AtomicUsize::new(0));
        let ask = |what: &'static str| {
            answers.once(Call::Subnet, what, async {
                calls.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
                answer(true)
            })
        };
        join(ask("subnet-1"), ask("subnet-1")).await;
        assert_eq!(calls.load(Ordering::Relaxed), 1);
        ask("subnet-2").await;
        assert_eq!(calls.load(Ordering::Relaxed), 2, "another one is another question");
        answers.forget();
        ask("subnet-1").await;
        assert_eq!(calls.load(Ordering::Relaxed), 3);
    }

    #[tokio::test]
    async fn a_failure_is_asked_again_and_an_answer_is_not() {
        let answers = Answers::default();
        let first = answers.once(Call::Tier, "", async { answer(false) }).await;
        assert!(matches!(first.piece, Piece::Tier(Fact::Failed(_))));
        let second = answers.once(Call::Tier, "", async { answer(true) }).await;
        assert!(matches!(second.piece, Piece::Tier(Fact::Known { .. })));
        let third = answers.once(Call::Tier, "", async { unreachable!("it is known") }).await;
        assert!(matches!(third.piece, Piece::Tier(Fact::Known { .. })));
    }
}
