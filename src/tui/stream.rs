//! What comes from the sessions, taken in turns: one that floods waits for the others, and the loop's keys for none.

use std::{
    future::{Future, poll_fn},
    task::Poll,
    time::{Duration, Instant},
};

use tokio::sync::mpsc::Receiver;

use bytes::Bytes;

use super::{event::Life, local::Local};
use crate::{
    session::{self, Commands, End, Event},
    term,
};

/// Bytes of the session in front that are parsed before the loop looks at keys again: less than a millisecond of parsing.
const FRONT: usize = 64 << 10;
/// Bytes of all others in that time: a flood that nobody sees leaves the processor to what is seen.
const HIDDEN: usize = 8 << 10;
/// How long they rest when one of them had its share of that: some megabytes a second are left, more than an official agent sends, and the processor is
/// free for what is seen.
const REST: Duration = Duration::from_millis(1);
/// How long a session that nobody listens to may take to end.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// The sessions that are listened to. What is not taken stays with the session, which then stops acknowledging: a slow
/// screen slows the far side and loses nothing.
#[derive(Default)]
pub(super) struct Sessions {
    list: Vec<Running>,
    first: usize,
    /// Until when the hidden ones rest.
    rest: Option<Instant>,
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

    /// The next thing that happens in any session; the sessions take turns, and the hidden ones rest after a flood. Nothing is lost
    /// when this is not awaited to its end.
    pub(super) async fn next(&mut self, front: Option<Life>) -> (Life, Event) {
        if let Some(end) = self.rest {
            tokio::select! {
                biased;
                happened = self.next_of(|life| Some(life) == front) => return happened,
                () = tokio::time::sleep_until(end.into()) => self.rest = None,
            }
        }
        self.next_of(|_| true).await
    }

    async fn next_of(&mut self, wanted: impl Fn(Life) -> bool) -> (Life, Event) {
        poll_fn(|context| {
            let count = self.list.len();
            for step in 0..count {
                let place = (self.first + step) % count;
                let running = &mut self.list[place];
                if wanted(running.life)
                    && let Poll::Ready(event) = running.events.poll_recv(context)
                {
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

    /// What is there already, given to `take` one by one: of the session in front first, then of the others in turns, unless they rest.
    pub(super) fn drain(&mut self, front: Option<Life>, now: Instant, mut take: impl FnMut(Life, Event)) {
        if let Some(running) = self.list.iter_mut().find(|running| Some(running.life) == front) {
            running.take_up_to(FRONT, &mut take);
        }
        if self.rest.is_some_and(|end| now < end) {
            return;
        }
        self.rest = None;
        let count = self.list.len();
        let hidden = self.list.iter().filter(|running| Some(running.life) != front).count();
        let (turn, mut budget) = (HIDDEN / hidden.max(1), HIDDEN);
        for _ in 0..count {
            let running = &mut self.list[self.first % count];
            self.first = (self.first + 1) % count;
            if Some(running.life) == front {
                continue;
            }
            let taken = running.take_up_to(turn, &mut take);
            budget = budget.saturating_sub(taken);
            if taken >= turn {
                self.rest = Some(now + REST);
            }
            if budget == 0 {
                break;
            }
        }
    }
}

impl Running {
    /// Takes what is there, up to some bytes and the rest of an event; how many they were.
    fn take_up_to(&mut self, limit: usize, take: &mut impl FnMut(Life, Event)) -> usize {
        let mut taken = 0;
        // A closed one is told of by `next`.
        while taken < limit
            && let Ok(event) = self.events.try_recv()
        {
            taken += match &event {
                Event::Output(bytes) | Event::ErrorOutput(bytes) => bytes.len().max(1),
                _ => 1,
            };
            take(self.life, event);
        }
        taken
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

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use tokio::sync::mpsc;

    use super::*;
    use crate::{
        term::Size,
        tui::{
            event::TabId,
            local::{self, Program},
        },
    };

    const PIECE: &[u8] = &[b'x'; 1024];

    fn life(tab: u32) -> Life {
        Life { tab: TabId(tab), number: 1 }
    }

    /// Three sessions that have all flooded their channels.
    fn floods() -> Sessions {
        let mut sessions = Sessions::default();
        for tab in 0..3 {
            let program =
                Program { file: PathBuf::from("true"), arguments: Vec::new(), environment: Vec::new() };
            let (handle, _) = local::open(&program, Size { rows: 24, cols: 80 }).unwrap();
            let (sender, events) = mpsc::channel(1000);
            while sender.try_send(Event::Output(Bytes::from_static(PIECE))).is_ok() {}
            sessions.push(life(tab), Handle::Local(handle), events);
        }
        sessions
    }

    fn drain(sessions: &mut Sessions, front: Option<Life>, now: Instant) -> Vec<u32> {
        let mut taken = Vec::new();
        sessions.drain(front, now, |life, _| taken.push(life.tab.0));
        taken
    }

    #[tokio::test]
    async fn what_is_seen_comes_first_and_what_is_hidden_takes_turns() {
        let mut sessions = floods();
        let taken = drain(&mut sessions, Some(life(1)), Instant::now());
        assert!(taken[..FRONT / PIECE.len()].iter().all(|tab| *tab == 1), "{taken:?}");
        assert_eq!(taken[FRONT / PIECE.len()..], [0, 0, 0, 0, 2, 2, 2, 2]);
    }

    #[tokio::test]
    async fn no_hidden_session_is_passed_over_and_a_flood_of_them_rests() {
        let mut sessions = floods();
        let mut pieces = [0_usize; 3];
        for _ in 0..30 {
            let now = Instant::now();
            for tab in drain(&mut sessions, None, now) {
                pieces[tab as usize] += 1;
            }
            assert!(drain(&mut sessions, None, now).is_empty(), "they rest");
            let (life, _) = sessions.next(None).await;
            pieces[life.tab.0 as usize] += 1;
        }
        let most = pieces.iter().max().unwrap();
        assert!(pieces.iter().all(|count| count + 5 >= *most), "{pieces:?}");
    }

    #[tokio::test]
    async fn what_is_seen_does_not_wait_while_the_hidden_rest() {
        let mut sessions = floods();
        for _ in 0..10 {
            drain(&mut sessions, Some(life(1)), Instant::now());
            assert_eq!(sessions.next(Some(life(1))).await.0, life(1));
        }
    }

    #[tokio::test]
    async fn a_flood_in_front_does_not_keep_the_hidden_resting() {
        let mut sessions = floods();
        let mut now = Instant::now();
        for _ in 0..5 {
            assert!(drain(&mut sessions, Some(life(1)), now).contains(&0));
            now += REST;
        }
    }
}
