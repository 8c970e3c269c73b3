//! What comes from the sessions, taken in turns: one that floods waits for the others, and the loop's keys for none.

use std::{
    future::{Future, poll_fn},
    task::Poll,
    time::Duration,
};

use tokio::sync::mpsc::{Receiver, error::TryRecvError};

use super::event::Life;
use crate::session::{Commands, End, Event};

/// Bytes of one session that are parsed before the next has its turn.
const TURN: usize = 16 << 10;
/// Bytes of all sessions that are parsed before the loop looks at keys again: some milliseconds of parsing.
const BUDGET: usize = 64 << 10;
/// How long a session that nobody listens to may take to end.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// The sessions that are listened to. What is not taken stays with the session, which then stops acknowledging: a slow
/// screen slows the far side and loses nothing.
#[derive(Default)]
pub(super) struct Sessions {
    list: Vec<Running>,
    first: usize,
}

struct Running {
    life: Life,
    commands: Commands,
    events: Receiver<Event>,
}

impl Sessions {
    /// Listens to one more.
    pub(super) fn push(&mut self, life: Life, commands: Commands, events: Receiver<Event>) {
        self.list.push(Running { life, commands, events });
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The handle of a session.
    pub(super) fn commands(&self, life: Life) -> Option<&Commands> {
        self.list.iter().find(|running| running.life == life).map(|running| &running.commands)
    }

    /// Does something with a session, if it is there.
    pub(super) fn with(&self, life: Life, what: impl FnOnce(&Commands)) {
        if let Some(commands) = self.commands(life) {
            what(commands);
        }
    }

    /// Stops listening to a session and ends it; what is left to do until it has ended.
    pub(super) fn forget(&mut self, life: Life) -> Option<impl Future<Output = ()> + Send + 'static> {
        let place = self.list.iter().position(|running| running.life == life)?;
        Some(end(self.list.remove(place)))
    }

    /// The same for all.
    pub(super) fn forget_all(&mut self) -> Vec<impl Future<Output = ()> + Send + 'static> {
        self.list.drain(..).map(end).collect()
    }

    /// The next thing that happens in any session; the sessions take turns. Nothing is lost when this is not awaited to its
    /// end.
    pub(super) async fn next(&mut self) -> (Life, Event) {
        poll_fn(|context| {
            let count = self.list.len();
            for step in 0..count {
                let place = (self.first + step) % count;
                let running = &mut self.list[place];
                if let Poll::Ready(event) = running.events.poll_recv(context) {
                    let life = running.life;
                    self.first = (place + 1) % count;
                    if event.is_none() {
                        self.list.remove(place);
                    }
                    return Poll::Ready((life, event.unwrap_or_else(lost)));
                }
            }
            Poll::Pending
        })
        .await
    }

    /// What is there already, each session within its turn and all within the budget, given to `take` one by one.
    pub(super) fn drain(&mut self, mut take: impl FnMut(Life, Event)) {
        let mut budget = BUDGET;
        let mut place = 0;
        while place < self.list.len() && budget > 0 {
            let at = (self.first + place) % self.list.len();
            let running = &mut self.list[at];
            let mut turn = TURN.min(budget);
            while turn > 0 {
                match running.events.try_recv() {
                    Ok(event) => {
                        let size = if let Event::Output(bytes) | Event::ErrorOutput(bytes) = &event {
                            bytes.len()
                        } else {
                            1
                        };
                        turn = turn.saturating_sub(size);
                        budget = budget.saturating_sub(size);
                        take(running.life, event);
                    }
                    // A closed one is told of by `next`.
                    Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
                }
            }
            place += 1;
        }
        if !self.list.is_empty() {
            self.first = (self.first + place) % self.list.len();
        }
    }
}

/// A session that stops without a last word.
fn lost() -> Event {
    Event::Ended(End::Lost("the session's task stopped".to_owned()))
}

async fn end(running: Running) {
    let Running { commands, mut events, .. } = running;
    commands.end();
    let over = async { while events.recv().await.is_some_and(|event| !matches!(event, Event::Ended(_))) {} };
    let _ = tokio::time::timeout(LAST_WORDS, over).await;
}
