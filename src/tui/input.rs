//! What the user's terminal sends, as events: read by a thread that does nothing else, so that all that is there comes at once.
//! (crossterm's stream hands over one key at a time, and wakes a thread of its own for each.)

use std::{future, thread, time::Duration};

use crossterm::event::{Event as Input, KeyEventKind, read};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};

use super::{
    colours::{Answers, Was},
    event::Event,
};
use crate::term;

/// Inputs that may wait; what comes beyond them waits in the terminal.
const WAITING: usize = 1024;
/// Inputs that are taken in one turn of the loop.
const BATCH: usize = 256;
/// How long the rest of an answer may take that has begun.
const REST: Duration = Duration::from_millis(20);

/// What comes from the terminal.
pub(super) struct Inputs {
    inputs: mpsc::Receiver<Input>,
    /// What the terminal answers about its colours, if it was asked.
    answers: Option<Answers>,
    /// When a key that may begin an answer becomes a key.
    rest: Option<Instant>,
    gone: bool,
}

impl Inputs {
    /// Listens, also to what the terminal answers if it was asked for its colours.
    pub(super) fn listen(asked: bool) -> Self {
        let (sender, inputs) = mpsc::channel(WAITING);
        // Ends with the process, or when the terminal is gone.
        thread::spawn(move || {
            while let Ok(input) = read()
                && sender.blocking_send(input).is_ok()
            {}
        });
        Self { inputs, answers: asked.then(Answers::default), rest: None, gone: false }
    }

    /// The next that come; a terminal that is gone is told of once. Nothing is lost when this is not awaited to its end.
    pub(super) async fn next(&mut self) -> Vec<Event> {
        let input = match self.rest {
            _ if self.gone => future::pending().await,
            None => self.inputs.recv().await,
            Some(rest) => match timeout_at(rest, self.inputs.recv()).await {
                Ok(input) => input,
                Err(_) => return self.give_up(),
            },
        };
        let mut events = Vec::new();
        match input {
            Some(input) => self.push(&mut events, input),
            None => {
                self.gone = true;
                events.push(Event::Told);
            }
        }
        events.extend(self.ready());
        events
    }

    /// Those that are there already.
    pub(super) fn ready(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while events.len() < BATCH
            && let Ok(input) = self.inputs.try_recv()
        {
            self.push(&mut events, input);
        }
        events
    }

    /// Waits for an answer that is still on its way: whoever has the terminal next would read it as typed.
    pub(super) async fn last_answers(mut self, until: Instant) {
        while self.answers.as_ref().is_some_and(Answers::are_awaited)
            && let Ok(Some(input)) = timeout_at(until, self.inputs.recv()).await
        {
            self.push(&mut Vec::new(), input);
        }
    }

    fn push(&mut self, events: &mut Vec<Event>, input: Input) {
        events.push(match input {
            Input::Key(key) if key.kind == KeyEventKind::Release => Event::Released(key),
            Input::Key(key) => {
                let Some(answers) = &mut self.answers else { return events.push(Event::Key(key)) };
                let was = answers.take(key);
                self.rest = answers.have_begun().then(|| Instant::now() + REST);
                match was {
                    Was::Colours(own) => Event::Coloured(own),
                    Was::Pressed(keys) => return events.extend(keys.into_iter().map(Event::Key)),
                }
            }
            Input::Paste(text) => Event::Paste(text),
            Input::Mouse(mouse) => Event::Mouse(mouse),
            Input::Resize(cols, rows) => Event::Resized(term::Size { rows, cols }),
            Input::FocusGained => Event::Focused(true),
            Input::FocusLost => Event::Focused(false),
        });
    }

    /// What began like an answer and does not go on was typed.
    fn give_up(&mut self) -> Vec<Event> {
        self.rest = None;
        let keys = self.answers.as_mut().map(Answers::give_up).unwrap_or_default();
        keys.into_iter().map(Event::Key).collect()
    }
}
