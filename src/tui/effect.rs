//! The only place that starts work: each effect becomes a task or a call, each result an event.
//!
//! Work is bounded where it could pile up: three StartSession at a time, six questions about connections, one search with at most one
//! waiting, one reading of the lists. Nothing here decides anything.

use std::{collections::HashMap, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::{
    sync::{Semaphore, mpsc},
    task::AbortHandle,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    event::{Choice, Choices, Effect, Event, Failure, Life, PlaceId, Who},
    file,
    forwards::Forwards,
    keep::Keep,
    local,
    login::{self, SignIns},
    ssh,
    state::forward::{Run, Wish},
    stream::{Handle, Sessions, wire_size},
};
use crate::{
    aws::{self, Client, Connector, Ground, Scope, StartRequest},
    fleet::{Instance, InstanceId, Piece, reach, search::Worker},
    session::{self, End, Service, Ticket},
    term,
};

/// StartSession calls at a time: AWS allows three a second to an account.
const STARTS: usize = 3;
/// Places whose lists are read at a time; AWS throttles each account and region by itself, but this machine is one.
const READINGS: usize = 16;
/// Why nothing can be begun in a place.
const NO_CONNECTION: &str = "there is no connection to AWS";
/// GetConnectionStatus calls at a time.
const PROBES: usize = 6;
/// Results that may wait for the loop.
const WAITING: usize = 512;
/// How long the last calls may take when the program is left.
const LAST_CALLS: Duration = Duration::from_secs(3);

/// What a task hands to the loop.
pub(super) enum Message {
    /// Something happened.
    Event(Event),
    /// The way to AWS was found for a place.
    Client(PlaceId, Client),
}

/// What the loop itself must do about an effect.
pub(super) enum Outcome {
    /// Nothing: the work goes on by itself.
    Nothing,
    /// It is done already: this happened.
    Event(Event),
    /// Put this on the user's clipboard.
    Copy(String),
    /// Ring the user's bell.
    Bell,
    /// Leave the loop.
    Quit,
}

/// Everything that work needs.
pub(super) struct Works {
    ground: Ground,
    clients: HashMap<PlaceId, Client>,
    connectors: HashMap<PlaceId, Connector>,
    readings: Arc<Semaphore>,
    keep: Keep,
    inbox: mpsc::Sender<Message>,
    search: Worker,
    starts: Arc<Semaphore>,
    waiting: HashMap<Life, CancellationToken>,
    probe: Option<AbortHandle>,
    tasks: TaskTracker,
    forwards: Forwards,
    sign_ins: SignIns,
    /// The sessions, which the loop listens to.
    pub(super) sessions: Sessions,
}

impl Works {
    /// Idle, with the queue that results come by.
    pub(super) fn new(ground: Ground, keep: Keep) -> std::io::Result<(Self, mpsc::Receiver<Message>)> {
        let (inbox, messages) = mpsc::channel(WAITING);
        let found = inbox.clone();
        let search = Worker::spawn(move |matches| {
            // A closed queue means that the program is being left.
            let _ = found.blocking_send(Message::Event(Event::Found(matches)));
        })?;
        let works = Self {
            ground,
            clients: HashMap::new(),
            connectors: HashMap::new(),
            readings: Arc::new(Semaphore::new(READINGS)),
            keep,
            inbox,
            search,
            starts: Arc::new(Semaphore::new(STARTS)),
            waiting: HashMap::new(),
            probe: None,
            tasks: TaskTracker::new(),
            forwards: Forwards::default(),
            sign_ins: SignIns::default(),
            sessions: Sessions::default(),
        };
        Ok((works, messages))
    }

    /// What a task said, as an event.
    pub(super) fn receive(&mut self, message: Message) -> Event {
        match message {
            Message::Event(event) => event,
            Message::Client(place, client) => {
                let event = Event::Connected {
                    place,
                    region: client.region().to_owned(),
                    profile: client.profile().map(str::to_owned),
                };
                // One that was left meanwhile is not asked any more.
                if self.connectors.contains_key(&place) {
                    self.clients.insert(place, client);
                }
                event
            }
        }
    }

    /// Does what an effect asks for, or begins to.
    pub(super) fn perform(&mut self, effect: Effect) -> Outcome {
        match effect {
            Effect::Connect { place, profile, region } => self.connect(place, profile, region),
            Effect::Leave(place) => {
                // Sessions that were opened there keep their own clients.
                self.clients.remove(&place);
                self.connectors.remove(&place);
            }
            Effect::Identify(place) => self.identify(place),
            Effect::ForgetDenials(place) => {
                if let Some(client) = self.clients.get(&place) {
                    client.forget_denials();
                }
            }
            Effect::LoadCache { place, profile, region } => {
                let connector = self.ground.connector(Scope { profile, region });
                let load = self.keep.load(place, &connector);
                self.read(load);
            }
            Effect::StoreCache { place, listing } => self.keep.store(place, listing),
            Effect::Recall => {
                let recall = self.keep.recall();
                self.read(recall);
            }
            Effect::Remember(event) => self.keep.remember(&event),
            Effect::Look { place, id, target, generation } => self.look(place, id, target, generation),
            Effect::List { place, generation } => self.list(place, generation),
            Effect::Probe(ids) => self.probe(ids),
            Effect::Examine { place, instance, context } => self.examine(place, *instance, *context),
            Effect::Choices(place) => self.choices(place),
            Effect::FindKeys(place) => self.find_keys(place),
            Effect::SignIn { number, session } => {
                self.sign_ins.begin(number, session, self.inbox.clone());
            }
            Effect::CancelSignIn => self.sign_ins.cancel(),
            Effect::Browse(page) => {
                return Outcome::Event(Event::Browsed { opened: aws::login::open_browser(&page) });
            }
            Effect::TryCode { place, device, code } => {
                if let Some(connector) = self.connectors.get(&place) {
                    tokio::spawn(login::try_code(connector.clone(), device, code, self.inbox.clone()));
                }
            }
            Effect::Hurry(life) => {
                self.sessions.with(life, Handle::hurry);
                self.forwards.hurry(life);
            }
            Effect::Search(request) => self.search.ask(request),
            Effect::Start { life, place, target, run } => self.start(life, place, request(&target, run)),
            Effect::Open { life, place, target, ticket, size } => {
                self.open(life, place, &target, ticket, size);
            }
            Effect::Forward { life, place, target, wish } => {
                return self.forward(life, place, &target, wish);
            }
            Effect::Ssh { life, place, target, size } => return self.ssh(life, place, &target, size),
            Effect::Documents { place, generation } => self.documents(place, generation),
            Effect::Document { place, name } => self.document(place, name),
            Effect::Preferences(place) => self.preferences(place),
            Effect::Terminate { place, id } => {
                if let Some(client) = self.client(place) {
                    self.tasks.spawn(async move {
                        if let Err(error) = client.terminate(&id).await {
                            tracing::warn!(session = %id, %error, "an unwanted session could not be ended");
                        }
                    });
                }
            }
            Effect::Input { life, bytes } => return self.input(life, bytes),
            Effect::DiscardInput(life) => self.sessions.with(life, Handle::discard_input),
            Effect::Resize(life, size) => self.sessions.with(life, |handle| handle.resize(size)),
            Effect::End(life) => {
                self.stop_waiting(life);
                self.sessions.with(life, Handle::end);
                self.forwards.end(life);
            }
            Effect::Forget(life) => {
                self.stop_waiting(life);
                self.forwards.forget(life);
                if let Some(rest) = self.sessions.forget(life) {
                    self.tasks.spawn(rest);
                }
            }
            Effect::Save { path, text } => self.read(move || Event::Saved(file::save(&path, &text))),
            Effect::Copy(text) => return Outcome::Copy(text),
            Effect::Bell => return Outcome::Bell,
            Effect::Quit => return Outcome::Quit,
        }
        Outcome::Nothing
    }

    /// Reads from the disk where nobody waits.
    fn read(&self, work: impl FnOnce() -> Event + Send + 'static) {
        let inbox = self.inbox.clone();
        tokio::task::spawn_blocking(move || {
            // When the program is being left nobody listens.
            let _ = inbox.blocking_send(Message::Event(work()));
        });
    }

    fn look(&self, place: PlaceId, id: InstanceId, target: InstanceId, generation: u64) {
        let Some(client) = self.client(place) else { return };
        let inbox = self.inbox.clone();
        tokio::spawn(async move {
            let updates = client.look(&id, &target, generation).await;
            let _ = inbox.send(Message::Event(Event::Looked { place, id, updates })).await;
        });
    }

    fn client(&self, place: PlaceId) -> Option<Client> {
        self.clients.get(&place).cloned()
    }

    fn connect(&mut self, place: PlaceId, profile: Option<String>, region: Option<String>) {
        let connector = self.ground.connector(Scope { profile, region });
        let inbox = self.inbox.clone();
        self.clients.remove(&place);
        self.connectors.insert(place, connector.clone());
        tokio::spawn(async move {
            let connected = async {
                let client = connector.connect().await?;
                client.find_keys().await?;
                Ok(client)
            };
            let message = match connected.await {
                Ok(client) => Message::Client(place, client),
                Err(error) => Message::Event(Event::NotConnected { place, failure: told(&error) }),
            };
            let _ = inbox.send(message).await;
        });
    }

    /// Asks nobody where no user can be asked.
    fn find_keys(&self, place: PlaceId) {
        let Some(client) = self.client(place) else { return };
        if client.sso().is_none() && !client.needs_mfa() {
            return;
        }
        let inbox = self.inbox.clone();
        tokio::spawn(async move {
            let missing = client.find_keys().await.err().map(|error| told(&error));
            let missing = missing.filter(|failure| failure.ask.is_some());
            let _ = inbox.send(Message::Event(Event::KeysSought { place, missing })).await;
        });
    }

    fn identify(&mut self, place: PlaceId) {
        let Some(client) = self.client(place) else { return };
        let inbox = self.inbox.clone();
        tokio::spawn(async move {
            let (who, alias) = futures_util::future::join(client.identity(), client.account_alias()).await;
            let who = who.map(|who| Who { account: who.account, alias, principal: who.principal });
            let who = who.map_err(|error| told(&error));
            let _ = inbox.send(Message::Event(Event::Identified { place, who })).await;
        });
    }

    fn list(&mut self, place: PlaceId, generation: u64) {
        let Some(client) = self.client(place) else { return };
        let (inbox, readings) = (self.inbox.clone(), Arc::clone(&self.readings));
        tokio::spawn(async move {
            // Never closed.
            let _turn = readings.acquire_owned().await;
            let (updates, mut pages) = mpsc::channel(16);
            let pass_on = async {
                while let Some(update) = pages.recv().await {
                    let _ = inbox.send(Message::Event(Event::Listed { place, update })).await;
                }
            };
            tokio::join!(client.list(generation, updates), pass_on);
            let _ = inbox.send(Message::Event(Event::ListEnded { place, generation })).await;
        });
    }

    fn probe(&mut self, ids: Vec<(PlaceId, InstanceId)>) {
        let asked: Vec<_> =
            ids.into_iter().filter_map(|(place, id)| Some((self.client(place)?, id))).collect();
        let inbox = self.inbox.clone();
        if let Some(before) = self.probe.take() {
            before.abort();
        }
        let task = tokio::spawn(async move {
            stream::iter(asked)
                .for_each_concurrent(PROBES, |(client, id)| {
                    let inbox = &inbox;
                    async move {
                        let status = client.connection(&id).await;
                        let _ = inbox.send(Message::Event(Event::Probed { id, status })).await;
                    }
                })
                .await;
        });
        self.probe = Some(task.abort_handle());
    }

    fn examine(&mut self, place: PlaceId, instance: Instance, context: reach::Context) {
        let Some(client) = self.client(place) else { return };
        let inbox = self.inbox.clone();
        tokio::spawn(async move {
            let (pieces, mut answers) = mpsc::channel(16);
            let pass_on = async {
                while let Some(piece) = answers.recv().await {
                    let event = Event::Evidence { id: instance.id.clone(), piece: Box::new(piece) };
                    let _ = inbox.send(Message::Event(event)).await;
                }
            };
            tokio::join!(client.examine(&instance, &context, None, pieces), pass_on);
            let _ = inbox.send(Message::Event(Event::Examined { id: instance.id.clone() })).await;
        });
    }

    fn start(&mut self, life: Life, place: PlaceId, request: StartRequest) {
        let Some(client) = self.client(place) else { return self.gone(life, place) };
        let (inbox, starts, given_up) = (self.inbox.clone(), self.starts.clone(), CancellationToken::new());
        self.waiting.retain(|_, token| !token.is_cancelled());
        self.waiting.insert(life, given_up.clone());
        self.tasks.spawn(async move {
            let turn = tokio::select! {
                turn = starts.acquire_owned() => turn,
                () = given_up.cancelled() => return,
            };
            let result = client.start(&request).await;
            drop(turn);
            if let Some(attempt) = result.as_ref().err().and_then(|error| request.refused(error)) {
                let _ = inbox.send(learned(&request.target, Piece::Attempt(attempt))).await;
            }
            let result = result.map_err(|error| told(&error));
            let message = Message::Event(Event::Started { life, place, result });
            if let Err(mpsc::error::SendError(Message::Event(Event::Started {
                result: Ok(ticket), ..
            }))) = inbox.send(message).await
            {
                // The program is being left: nobody will open this session, so it must not live on.
                let _ = client.terminate(&ticket.session_id).await;
            }
        });
    }

    fn open(&mut self, life: Life, place: PlaceId, target: &InstanceId, ticket: Ticket, size: term::Size) {
        let Some(client) = self.client(place) else { return };
        self.waiting.remove(&life);
        let options = session::Options { size: wire_size(size), target: target.to_string() };
        let (commands, events) = session::open(ticket, Arc::new(client), options);
        self.sessions.push(life, Handle::Session(commands), events);
    }

    fn forward(&mut self, life: Life, place: PlaceId, target: &InstanceId, wish: Wish) -> Outcome {
        let Some(client) = self.client(place) else { return refused(life, NO_CONNECTION) };
        let rest = self.forwards.open(life, client, target, wish, self.inbox.clone());
        self.tasks.spawn(rest);
        Outcome::Nothing
    }

    fn ssh(&mut self, life: Life, place: PlaceId, target: &InstanceId, size: term::Size) -> Outcome {
        let Some(connector) = self.connectors.get(&place) else { return refused(life, NO_CONNECTION) };
        let started = ssh::program(connector, target).and_then(|program| local::open(&program, size));
        match started {
            Ok((program, events)) => {
                self.sessions.push(life, Handle::Local(program), events);
                Outcome::Nothing
            }
            Err(error) => refused(life, &format!("ssh cannot be run: {error}")),
        }
    }

    fn documents(&mut self, place: PlaceId, generation: u64) {
        let Some(client) = self.client(place) else { return };
        let inbox = self.inbox.clone();
        tokio::spawn(async move {
            let (sender, mut pages) = mpsc::channel(4);
            let pass_on = async {
                while let Some(page) = pages.recv().await {
                    let _ = inbox.send(Message::Event(Event::Documents { place, generation, page })).await;
                }
            };
            let (result, ()) = tokio::join!(client.documents(sender), pass_on);
            let result = result.map_err(|error| told(&error));
            let _ = inbox.send(Message::Event(Event::DocumentsEnded { place, generation, result })).await;
        });
    }

    fn document(&mut self, place: PlaceId, name: String) {
        let Some(client) = self.client(place) else { return };
        let inbox = self.inbox.clone();
        tokio::spawn(async move {
            let result = Box::new(client.document(&name).await.map_err(|error| told(&error)));
            let _ = inbox.send(Message::Event(Event::Document { place, name, result })).await;
        });
    }

    /// What cannot be read is told in the list itself: there may be others to choose from.
    fn choices(&self, place: Option<PlaceId>) {
        let client = place.and_then(|place| self.client(place));
        let (ground, inbox) = (self.ground.clone(), self.inbox.clone());
        tokio::spawn(async move {
            let regions = async {
                let Some(client) = client else { return Vec::new() };
                match client.regions().await {
                    Ok(regions) => regions.into_iter().map(region).collect(),
                    Err(error) => vec![Choice { name: client.region().to_owned(), about: error.what }],
                }
            };
            let (profiles, regions) = futures_util::future::join(ground.profiles(), regions).await;
            let profiles = match profiles {
                Ok(profiles) => profiles.into_iter().map(|(name, about)| Choice { name, about }).collect(),
                Err(error) => {
                    vec![Choice { name: String::new(), about: format!("{}: {}", error.what, error.why) }]
                }
            };
            let _ = inbox.send(Message::Event(Event::Choices(Choices { profiles, regions }))).await;
        });
    }

    /// Preferences that may not be read are not known, and that is all: no session fails for it.
    fn preferences(&mut self, place: PlaceId) {
        let Some(client) = self.client(place) else { return };
        let inbox = self.inbox.clone();
        tokio::spawn(async move {
            let preferences = match client.preferences().await {
                Ok(preferences) => Some(preferences.unwrap_or_default()),
                Err(error) => {
                    tracing::debug!(%error, "the preferences are not known");
                    None
                }
            };
            let preferences = preferences.map(Box::new);
            let _ = inbox.send(Message::Event(Event::Preferences { place, preferences })).await;
        });
    }

    /// A start in a place that has no way to AWS any more has failed.
    fn gone(&self, life: Life, place: PlaceId) {
        let inbox = self.inbox.clone();
        let failure = Failure {
            what: format!("cannot start the session: {NO_CONNECTION}"),
            why: "the account and region it is in were left, or the login there ended".to_owned(),
            next: "choose them again, or refresh".to_owned(),
            detail: None,
            ask: None,
        };
        tokio::spawn(async move {
            let _ = inbox.send(Message::Event(Event::Started { life, place, result: Err(failure) })).await;
        });
    }

    fn input(&mut self, life: Life, bytes: Bytes) -> Outcome {
        let Some(handle) = self.sessions.handle(life) else { return Outcome::Nothing };
        match handle.try_input(bytes) {
            Ok(()) => Outcome::Event(Event::InputTaken { life }),
            Err(bytes) => {
                let (input, inbox) = (handle.input(bytes), self.inbox.clone());
                tokio::spawn(async move {
                    input.await;
                    let _ = inbox.send(Message::Event(Event::InputTaken { life })).await;
                });
                Outcome::Nothing
            }
        }
    }

    fn stop_waiting(&mut self, life: Life) {
        if let Some(token) = self.waiting.remove(&life) {
            token.cancel();
        }
    }

    /// Ends what still runs and waits for it, but not for long.
    pub(super) async fn finish(mut self, messages: mpsc::Receiver<Message>) {
        drop(messages);
        self.forwards.forget_all();
        for rest in self.sessions.forget_all() {
            self.tasks.spawn(rest);
        }
        self.tasks.close();
        let _ = tokio::time::timeout(LAST_CALLS, self.tasks.wait()).await;
    }
}

/// Something was learned of a target without a check.
pub(super) fn learned(target: &str, piece: Piece) -> Message {
    Message::Event(Event::Evidence { id: target.into(), piece: Box::new(piece) })
}

fn request(target: &InstanceId, run: Option<Run>) -> StartRequest {
    let shell = StartRequest::shell(target.as_str());
    match run {
        None => shell,
        Some(Run { document, parameters }) => StartRequest { document: Some(document), parameters, ..shell },
    }
}

fn region(region: aws::RegionSummary) -> Choice {
    let about = match (region.enabled, region.built_in) {
        (_, true) => "whether it is enabled is not known",
        (true, false) => "",
        (false, false) => "not enabled for this account",
    };
    Choice { name: region.name, about: about.to_owned() }
}

/// What could not even be begun has ended.
fn refused(life: Life, why: &str) -> Outcome {
    Outcome::Event(Event::Session { life, event: session::Event::Ended(End::Refused(why.to_owned())) })
}

/// An error of AWS in plain parts.
pub(super) fn told(error: &aws::Error) -> Failure {
    let detail = error.reference();
    Failure {
        what: error.what.clone(),
        why: error.why.clone(),
        next: error.next.clone(),
        detail: (!detail.is_empty()).then_some(detail),
        ask: error.ask.clone(),
    }
}
