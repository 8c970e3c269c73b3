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
    event::{Effect, Event, Failure, Life, Who},
    forwards::Forwards,
    local, ssh,
    state::forward::{Run, Wish},
    stream::{Handle, Sessions, wire_size},
};
use crate::{
    aws::{self, Client, Connector, StartRequest},
    fleet::{InstanceId, search::Worker},
    session::{self, End, Service, Ticket},
    term,
};

/// StartSession calls at a time: AWS allows three a second to an account.
const STARTS: usize = 3;
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
    /// The way to AWS was found.
    Client(Client),
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
    connector: Connector,
    client: Option<Client>,
    inbox: mpsc::Sender<Message>,
    search: Worker,
    starts: Arc<Semaphore>,
    waiting: HashMap<Life, CancellationToken>,
    probe: Option<AbortHandle>,
    tasks: TaskTracker,
    forwards: Forwards,
    /// The sessions, which the loop listens to.
    pub(super) sessions: Sessions,
}

impl Works {
    /// Idle, with the queue that results come by.
    pub(super) fn new(connector: Connector) -> std::io::Result<(Self, mpsc::Receiver<Message>)> {
        let (inbox, messages) = mpsc::channel(WAITING);
        let found = inbox.clone();
        let search = Worker::spawn(move |matches| {
            // A closed queue means that the program is being left.
            let _ = found.blocking_send(Message::Event(Event::Found(matches)));
        })?;
        let works = Self {
            connector,
            client: None,
            inbox,
            search,
            starts: Arc::new(Semaphore::new(STARTS)),
            waiting: HashMap::new(),
            probe: None,
            tasks: TaskTracker::new(),
            forwards: Forwards::default(),
            sessions: Sessions::default(),
        };
        Ok((works, messages))
    }

    /// What a task said, as an event.
    pub(super) fn receive(&mut self, message: Message) -> Event {
        match message {
            Message::Event(event) => event,
            Message::Client(client) => {
                let event = Event::Connected {
                    region: client.region().to_owned(),
                    profile: client.profile().map(str::to_owned),
                };
                self.client = Some(client);
                event
            }
        }
    }

    /// Does what an effect asks for, or begins to.
    pub(super) fn perform(&mut self, effect: Effect) -> Outcome {
        match effect {
            Effect::Connect => self.connect(),
            Effect::Identify => self.identify(),
            Effect::ForgetDenials => {
                if let Some(client) = &self.client {
                    client.forget_denials();
                }
            }
            Effect::List { generation } => self.list(generation),
            Effect::Probe(ids) => self.probe(ids),
            Effect::Search(request) => self.search.ask(request),
            Effect::Start { life, target, run } => self.start(life, request(&target, run)),
            Effect::Open { life, target, ticket, size } => self.open(life, &target, ticket, size),
            Effect::Forward { life, target, wish } => return self.forward(life, &target, wish),
            Effect::Ssh { life, target, size } => return self.ssh(life, &target, size),
            Effect::Documents { generation } => self.documents(generation),
            Effect::Document { name } => self.document(name),
            Effect::Preferences => self.preferences(),
            Effect::Terminate(id) => {
                if let Some(client) = self.client.clone() {
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
            Effect::Copy(text) => return Outcome::Copy(text),
            Effect::Bell => return Outcome::Bell,
            Effect::Quit => return Outcome::Quit,
        }
        Outcome::Nothing
    }

    fn connect(&mut self) {
        let (connector, inbox) = (self.connector.clone(), self.inbox.clone());
        self.client = None;
        tokio::spawn(async move {
            let connected = async {
                let client = connector.connect().await?;
                client.find_keys().await?;
                Ok(client)
            };
            let message = match connected.await {
                Ok(client) => Message::Client(client),
                Err(error) => Message::Event(Event::NotConnected(told(&error))),
            };
            let _ = inbox.send(message).await;
        });
    }

    fn identify(&mut self) {
        let Some(client) = self.client.clone() else { return };
        let inbox = self.inbox.clone();
        tokio::spawn(async move {
            let who = client.identity().await;
            let who = who.map(|who| Who { account: who.account, principal: who.principal });
            let _ = inbox.send(Message::Event(Event::Identified(who.map_err(|error| told(&error))))).await;
        });
    }

    fn list(&mut self, generation: u64) {
        let Some(client) = self.client.clone() else { return };
        let inbox = self.inbox.clone();
        tokio::spawn(async move {
            let (updates, mut pages) = mpsc::channel(16);
            let pass_on = async {
                while let Some(update) = pages.recv().await {
                    let _ = inbox.send(Message::Event(Event::Listed(update))).await;
                }
            };
            tokio::join!(client.list(generation, updates), pass_on);
            let _ = inbox.send(Message::Event(Event::ListEnded { generation })).await;
        });
    }

    fn probe(&mut self, ids: Vec<InstanceId>) {
        let Some(client) = self.client.clone() else { return };
        let inbox = self.inbox.clone();
        if let Some(before) = self.probe.take() {
            before.abort();
        }
        let task = tokio::spawn(async move {
            stream::iter(ids)
                .for_each_concurrent(PROBES, |id| {
                    let (client, inbox) = (&client, &inbox);
                    async move {
                        let status = client.connection(&id).await;
                        let _ = inbox.send(Message::Event(Event::Probed { id, status })).await;
                    }
                })
                .await;
        });
        self.probe = Some(task.abort_handle());
    }

    fn start(&mut self, life: Life, request: StartRequest) {
        let Some(client) = self.client.clone() else { return };
        let (inbox, starts, given_up) = (self.inbox.clone(), self.starts.clone(), CancellationToken::new());
        self.waiting.retain(|_, token| !token.is_cancelled());
        self.waiting.insert(life, given_up.clone());
        self.tasks.spawn(async move {
            let turn = tokio::select! {
                turn = starts.acquire_owned() => turn,
                () = given_up.cancelled() => return,
            };
            let result = client.start(&request).await.map_err(|error| told(&error));
            drop(turn);
            let message = Message::Event(Event::Started { life, result });
            if let Err(mpsc::error::SendError(Message::Event(Event::Started {
                result: Ok(ticket), ..
            }))) = inbox.send(message).await
            {
                // The program is being left: nobody will open this session, so it must not live on.
                let _ = client.terminate(&ticket.session_id).await;
            }
        });
    }

    fn open(&mut self, life: Life, target: &InstanceId, ticket: Ticket, size: term::Size) {
        let Some(client) = self.client.clone() else { return };
        self.waiting.remove(&life);
        let options = session::Options { size: wire_size(size), target: target.to_string() };
        let (commands, events) = session::open(ticket, Arc::new(client), options);
        self.sessions.push(life, Handle::Session(commands), events);
    }

    fn forward(&mut self, life: Life, target: &InstanceId, wish: Wish) -> Outcome {
        let Some(client) = self.client.clone() else { return refused(life, "there is no connection to AWS") };
        let rest = self.forwards.open(life, client, target, wish, self.inbox.clone());
        self.tasks.spawn(rest);
        Outcome::Nothing
    }

    fn ssh(&mut self, life: Life, target: &InstanceId, size: term::Size) -> Outcome {
        let started = ssh::program(&self.connector, target).and_then(|program| local::open(&program, size));
        match started {
            Ok((program, events)) => {
                self.sessions.push(life, Handle::Local(program), events);
                Outcome::Nothing
            }
            Err(error) => refused(life, &format!("ssh cannot be run: {error}")),
        }
    }

    fn documents(&mut self, generation: u64) {
        let Some(client) = self.client.clone() else { return };
        let inbox = self.inbox.clone();
        tokio::spawn(async move {
            let (sender, mut pages) = mpsc::channel(4);
            let pass_on = async {
                while let Some(page) = pages.recv().await {
                    let _ = inbox.send(Message::Event(Event::Documents { generation, page })).await;
                }
            };
            let (result, ()) = tokio::join!(client.documents(sender), pass_on);
            let result = result.map_err(|error| told(&error));
            let _ = inbox.send(Message::Event(Event::DocumentsEnded { generation, result })).await;
        });
    }

    fn document(&mut self, name: String) {
        let Some(client) = self.client.clone() else { return };
        let inbox = self.inbox.clone();
        tokio::spawn(async move {
            let result = Box::new(client.document(&name).await.map_err(|error| told(&error)));
            let _ = inbox.send(Message::Event(Event::Document { name, result })).await;
        });
    }

    /// Preferences that may not be read are not known, and that is all: no session fails for it.
    fn preferences(&mut self) {
        let Some(client) = self.client.clone() else { return };
        let inbox = self.inbox.clone();
        tokio::spawn(async move {
            let preferences = match client.preferences().await {
                Ok(preferences) => Some(preferences.unwrap_or_default()),
                Err(error) => {
                    tracing::debug!(%error, "the preferences are not known");
                    None
                }
            };
            let _ = inbox.send(Message::Event(Event::Preferences(preferences))).await;
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

fn request(target: &InstanceId, run: Option<Run>) -> StartRequest {
    let shell = StartRequest::shell(target.as_str());
    match run {
        None => shell,
        Some(Run { document, parameters }) => StartRequest { document: Some(document), parameters, ..shell },
    }
}

/// What could not even be begun has ended.
fn refused(life: Life, why: &str) -> Outcome {
    Outcome::Event(Event::Session { life, event: session::Event::Ended(End::Refused(why.to_owned())) })
}

/// An error of AWS in plain parts.
fn told(error: &aws::Error) -> Failure {
    let detail = error.reference();
    Failure {
        what: error.what.clone(),
        why: error.why.clone(),
        next: error.next.clone(),
        detail: (!detail.is_empty()).then_some(detail),
    }
}
