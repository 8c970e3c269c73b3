//! The loop: await one thing, take all others that are ready, update, do what is to be done, draw at most 60 times a second
//! (and at once for a key and its echo).
//! Nothing wakes while nothing happens.

use std::{
    collections::VecDeque,
    io,
    pin::pin,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use tokio::signal::unix::{SignalKind, signal};

use super::{
    Error, Options,
    effect::{Message, Outcome, Works},
    event::{Effect, Event, Now},
    input::Inputs,
    keep::Keep,
    keymap::Keymap,
    screen::Screen,
    state::{State, chooser::Group, form::Saved, forward::Wish, query, tab::Tab},
    update::{begin, update},
    view::{Theme, manner, row_of_session, view, view_row},
};
use crate::{
    aws::Ground,
    config::{Background, Config},
    fleet::Place,
    term::{Touched, palette::Own},
};

/// The least time between two frames. A key press is shown at once all the same, and so is the first that comes back for it:
/// the echo is what users feel.
const FRAME: Duration = Duration::from_millis(16);
/// How long a terminal may take to answer before we leave without having read it.
const LATE: Duration = Duration::from_secs(1);
/// Results that are taken in one turn of the loop.
const BATCH: usize = 256;

/// Runs the app until the user leaves it; the terminal is as before when this returns. Gives the number of the signal that
/// ended it, if one did.
///
/// # Errors
/// The keymap is wrong, or the terminal cannot be used.
pub async fn run(options: Options) -> Result<Option<u8>, Error> {
    let keymap = Keymap::new(options.config.leader, &options.config.keys).map_err(Error::Keys)?;
    let queries = query::saved(&options.config.queries).map_err(Error::Queries)?;
    let mut screen = Screen::enter()?;
    let size = screen.size()?;
    let mut state = State::new(keymap, options.config.refresh, size, now());
    state.window.tells_keys_apart = screen.tells_keys_apart();
    let background = std::env::var("COLORFGBG").ok();
    let background = options.config.background.or_else(|| Background::of_variable(&background?));
    state.window.colours = background.map(|background| match background {
        Background::Light => Own::LIGHT,
        Background::Dark => Own::DARK,
    });
    // What the user says is not asked.
    let asked = options.config.background.is_none() && screen.ask_for_colours()?;
    let (inputs, started) = (Inputs::listen(asked), Instant::now());
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    state.fleet.places.demo = matches!(options.ground, Ground::Simulated(_));
    for scope in options.scopes {
        let text = |text: Option<String>| text.map(Into::into);
        let (profile, region) = (text(scope.profile), text(scope.region));
        state.fleet.places.add(Place { profile, region, ..Place::default() });
    }
    state.folder = std::env::current_dir().unwrap_or_default();
    state.terminal = options.config.terminal;
    state.memory.saved = saved(&options.config);
    state.fleet.asked.saved = queries;
    state.memory.groups = options
        .config
        .groups
        .iter()
        .map(|(name, group)| Group { name: name.clone(), pairs: group.pairs() })
        .collect();
    // What a simulated region shows is not worth remembering.
    let keep = if state.fleet.places.demo { Keep::default() } else { Keep::platform(options.config.history) };
    let (works, messages) = Works::new(options.ground, keep)?;
    let mut app = App { state, works, screen, plain, inputs, signal: None };
    let mut messages = messages;
    let ran = app.run(&mut messages).await;
    let App { works, screen, inputs, signal, .. } = app;
    inputs.last_answers((started + LATE).into()).await;
    works.finish(messages).await;
    drop(screen);
    ran?;
    Ok(signal)
}

/// The forwards of the configuration, each of its routes by itself.
fn saved(config: &Config) -> Vec<Saved> {
    let all = config.forwards.iter().flat_map(|(name, saved)| {
        saved.routes.iter().map(move |route| Saved {
            name: name.clone(),
            target: saved.target.clone(),
            wish: Wish::saved(route, saved.lanes),
        })
    });
    all.collect()
}

struct App {
    state: State,
    works: Works,
    screen: Screen,
    /// Without colours of ours.
    plain: bool,
    inputs: Inputs,
    /// The signal that told us to leave.
    signal: Option<u8>,
}

/// Whether the loop goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Turn,
    Leave,
}

impl App {
    async fn run(&mut self, messages: &mut tokio::sync::mpsc::Receiver<Message>) -> io::Result<()> {
        let mut told = [
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
            signal(SignalKind::interrupt())?,
            signal(SignalKind::quit())?,
        ];
        let effects = begin(&self.state);
        if self.perform(effects)? == Next::Leave {
            return Ok(());
        }
        self.last_time(messages).await?;
        let mut drawn = Instant::now();
        let mut echo_awaited = false;
        self.draw()?;
        loop {
            // A frame that is owed wakes the loop; so does a deadline of the state.
            let held = self.state.held_until();
            let owed = self.state.dirty || self.state.wrote;
            let frame = owed.then(|| held.map_or(drawn + FRAME, |held| held.max(drawn + FRAME)));
            let wake = [frame, self.state.next_deadline()].into_iter().flatten().min();
            let sleep = pin!(async {
                match wake {
                    Some(at) => tokio::time::sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            });
            let [terminate, hangup, interrupt, quit] = &mut told;
            let front = self.state.tabs.current().map(Tab::life);
            let (mut input, mut events) = (Vec::new(), VecDeque::new());
            let mut signalled = |events: &mut VecDeque<Event>, number| {
                self.signal.get_or_insert(number);
                events.push_back(Event::Told);
            };
            tokio::select! {
                biased;
                batch = self.inputs.next() => input = batch,
                _ = terminate.recv() => signalled(&mut events, 15),
                _ = hangup.recv() => signalled(&mut events, 1),
                _ = interrupt.recv() => signalled(&mut events, 2),
                _ = quit.recv() => signalled(&mut events, 3),
                Some(message) = messages.recv() => events.push_back(self.works.receive(message)),
                (life, event) = self.works.sessions.next(front), if !self.works.sessions.is_empty() => {
                    events.push_back(Event::Session { life, event });
                }
                () = sleep => {
                    if self.state.next_deadline().is_some_and(|at| at <= Instant::now()) {
                        events.push_back(Event::Tick);
                    }
                }
            }
            if input.is_empty() {
                input = self.inputs.ready();
            }
            let urgent = !input.is_empty();
            events.extend(input);
            for _ in 0..BATCH {
                match messages.try_recv() {
                    Ok(message) => events.push_back(self.works.receive(message)),
                    Err(_) => break,
                }
            }
            let take = |life, event| events.push_back(Event::Session { life, event });
            self.works.sessions.drain(front, Instant::now(), take);
            for event in events {
                if self.happened(event)? == Next::Leave {
                    return Ok(());
                }
            }
            let held = self.state.held_until().is_some_and(|until| Instant::now() < until);
            let echoes = echo_awaited && self.state.wrote;
            if held {
                // The change is to be seen at once.
            } else if echoes && self.draw_row()? {
                echo_awaited = false;
            } else if (self.state.dirty || self.state.wrote) && (urgent || echoes || drawn.elapsed() >= FRAME)
            {
                echo_awaited &= !self.state.wrote;
                self.draw()?;
                drawn = Instant::now();
            }
            echo_awaited |= urgent;
        }
    }

    /// The list of the last time belongs to the first frame, if it can be had within the time of one.
    async fn last_time(&mut self, messages: &mut tokio::sync::mpsc::Receiver<Message>) -> io::Result<()> {
        let until = tokio::time::Instant::now() + FRAME;
        while !self.state.has_last_time() {
            let Ok(Some(message)) = tokio::time::timeout_at(until, messages.recv()).await else { break };
            let event = self.works.receive(message);
            self.happened(event)?;
        }
        Ok(())
    }

    fn happened(&mut self, event: Event) -> io::Result<Next> {
        if let Event::Resized(_) = event {
            self.screen.forget();
        }
        let effects = update(&mut self.state, event, now());
        self.perform(effects)
    }

    /// Does what is to be done; what that makes happen at once is taken in at once.
    fn perform(&mut self, effects: Vec<Effect>) -> io::Result<Next> {
        let mut waiting = VecDeque::from(effects);
        while let Some(effect) = waiting.pop_front() {
            match self.works.perform(effect) {
                Outcome::Nothing => {}
                Outcome::Event(event) => waiting.extend(update(&mut self.state, event, now())),
                Outcome::Copy(text) => self.screen.copy(&text)?,
                Outcome::Bell => self.screen.bell()?,
                Outcome::Quit => return Ok(Next::Leave),
            }
        }
        Ok(Next::Turn)
    }

    fn draw(&mut self) -> io::Result<()> {
        self.state.now = now();
        if let Some(pane) = self.state.tabs.current_mut().and_then(Tab::pane_mut) {
            pane.terminal.take_touched();
        }
        let state = &self.state;
        let theme = match state.window.colours {
            _ if self.plain => Theme::PLAIN,
            Some(own) if own.background.is_light() => Theme::LIGHT,
            _ => Theme::COLOURED,
        };
        self.screen.draw(state.size, manner(state), |buffer| view(state, theme, buffer))?;
        (self.state.dirty, self.state.wrote) = (false, false);
        Ok(())
    }

    /// Draws the one row that the session in front has changed, if it is but one; whether it was. What else is to be drawn waits for the
    /// next frame.
    fn draw_row(&mut self) -> io::Result<bool> {
        let Some(pane) = self.state.tabs.current_mut().and_then(Tab::pane_mut) else { return Ok(false) };
        let Touched::Row(row) = pane.terminal.touched() else { return Ok(false) };
        let state = &self.state;
        let Some(at) = row_of_session(state, row) else { return Ok(false) };
        let drawn = self.screen.draw_row(at, manner(state), |buffer| view_row(state, row, buffer))?;
        if drawn {
            self.state.wrote = false;
            if let Some(pane) = self.state.tabs.current_mut().and_then(Tab::pane_mut) {
                pane.terminal.take_touched();
            }
        }
        Ok(drawn)
    }
}

fn now() -> Now {
    Now { instant: Instant::now(), time: Timestamp::now() }
}
