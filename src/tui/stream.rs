//! What comes from the sessions, taken in turns: one that floods waits for the others, and the loop's keys for none.

use std::{
    future::{Future, poll_fn},
    task::Poll,
    time::Duration,
};

use tokio::sync::mpsc::{Receiver, error::TryRecvError};

use bytes::Bytes;

use super::{event::Life, local::Local};
use crate::{
    session::{self, Commands, End, Event},
    term,
};

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
    handle: Handle,
    events: Receiver<Event>,
}

/// What a terminal's tab is connected to.
pub(super) enum Handle {
    /// A session of Session Manager.
    Session(Commands),
    /// A program of this machine.
    Local(Local),
}

impl Handle {
    /// Gives it input; what it has no room for comes back.
    pub(super) fn try_input(&self, bytes: Bytes) -> Result<(), Bytes> {
        match self {
            Self::Session(commands) => commands.try_input(bytes).map_err(|session::Full(bytes)| bytes),
            Self::Local(local) => local.try_input(bytes),
        }
    }

    /// Gives it input when it has room.
    pub(super) fn input(&self, bytes: Bytes) -> impl Future<Output = ()> + Send + 'static {
        let way = match self {
            Self::Session(commands) => Ok(commands.clone()),
            Self::Local(local) => Err(local.sender()),
        };
        async move {
            match way {
                Ok(commands) => commands.input(bytes).await,
                // A program that has ended says so itself.
                Err(sender) => drop(sender.send(bytes).await),
            }
        }
    }

    /// Drops what it has taken and not passed on, where that can be done.
    pub(super) fn discard_input(&self) {
        if let Self::Session(commands) = self {
            commands.discard_input();
        }
    }

    /// Another size of the pane.
    pub(super) fn resize(&self, size: term::Size) {
        match self {
            Self::Session(commands) => commands.resize(wire_size(size)),
            Self::Local(local) => local.resize(size),
        }
    }

    /// A lost connection need not wait for its next attempt.
    pub(super) fn hurry(&self) {
        if let Self::Session(commands) = self {
            commands.hurry();
        }
    }

    /// Ends it.
    pub(super) fn end(&self) {
        match self {
            Self::Session(commands) => commands.end(),
            Self::Local(local) => local.end(),
        }
    }
}

/// A size as the session's message has it.
pub(super) fn wire_size(size: term::Size) -> session::Size {
    session::Size { cols: size.cols.into(), rows: size.rows.into() }
}

impl Sessions {
    /// Listens to one more.
    pub(super) fn push(&mut self, life: Life, handle: Handle, events: Receiver<Event>) {
        self.list.push(Running { life, handle, events });
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The handle of a session.
    pub(super) fn handle(&self, life: Life) -> Option<&Handle> {
        self.list.iter().find(|running| running.life == life).map(|running| &running.handle)
    }

    /// Does something with a session, if it is there.
    pub(super) fn with(&self, life: Life, what: impl FnOnce(&Handle)) {
        if let Some(handle) = self.handle(life) {
            what(handle);
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
                        let size = match &event {
                            Event::Output(bytes) | Event::ErrorOutput(bytes) => bytes.len(),
                            _ => 1,
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
    let Running { handle, mut events, .. } = running;
    handle.end();
    let over = async { while events.recv().await.is_some_and(|event| !matches!(event, Event::Ended(_))) {} };
    let _ = tokio::time::timeout(LAST_WORDS, over).await;
}
