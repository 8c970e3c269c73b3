//! The thin shell around the channel: one task that owns the WebSocket and the channel.
//!
//! ```text
//!           ┌── connect ◄──────── wait, ResumeSession ◄──┐
//!           ▼                                            │ lost
//!   open ► dial ──► carry frames ────────────────────────┤
//!                        │ channel_closed, a violation   │ gone, refused, out of patience
//!                        ▼                               ▼
//!                      Ended  ◄───────────────────────  (end() and the last handle dropped: from anywhere)
//! ```
//!
//! What is typed meanwhile is kept, up to a bound; beyond it the handle says "full". Events that the owner does not
//! take are kept, up to a bound; beyond it the socket is not read. What the bytes mean to a user is not known here.

mod command;
mod link;
mod nap;
mod outbox;
mod retry;
mod socket;

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};
use tokio_util::task::AbortOnDropHandle;
use tracing::debug;
use uuid::Uuid;

use super::{
    channel::{Channel, ChannelEvent, Config},
    event::{End, Event},
    message::{PayloadType, Size},
    random::Random,
    service::{DataKey, DataKeyRequest, Resumed, Retry as Again, Service, SessionId, Ticket},
};
use command::{Order, Orders};
use link::{Gone, Pulse, Worth};
use nap::{LOOK, Nap};
use outbox::Outbox;
use retry::Retry;
use socket::{DialError, Socket, dial};

pub use command::{Commands, Full};

/// Events that may wait in the channel to the owner; more wait in the driver.
const EVENTS: usize = 256;
/// For an answer of the service to ResumeSession.
const RESUME_LIMIT: Duration = Duration::from_secs(20);
/// For TerminateSession, while the owner waits for the end; it goes on without being waited for.
const TERMINATE_WAIT: Duration = Duration::from_secs(2);
/// For GenerateDataKey: the agent waits 15 s for the answer, which has its way to go, too.
const KEY_LIMIT: Duration = Duration::from_secs(13);
/// Connections in a row that broke within seconds, and which the next one follows at once.
const SHORT_AT_ONCE: u32 = 2;
/// Connections in a row that broke within seconds although messages came: something between here and there is wrong.
const SHORT_LIMIT: u32 = 50;
/// Connections in a row on which something else than WebSocket came.
const NONSENSE_LIMIT: u32 = 3;
/// Refusals of the socket in a row, each after a fresh ticket, that make it final.
const REJECTIONS: u32 = 3;

/// How a session is to be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Size of the terminal at the start.
    pub size: Size,
    /// The target as it was given to StartSession; part of the context in which an encrypted session's key is made.
    pub target: String,
}

/// Spawns the one task that owns socket and channel. Needs a tokio runtime.
///
/// The events are to be taken until [`Event::Ended`]; dropping the receiver or all [`Commands`] ends the session.
pub fn open(
    ticket: Ticket,
    service: Arc<dyn Service>,
    options: Options,
) -> (Commands, mpsc::Receiver<Event>) {
    let surroundings = Surroundings { pulse: Pulse::USUAL, look: LOOK, wall: Arc::new(SystemTime::now) };
    open_with(ticket, service, options, surroundings)
}

/// What tests replace.
#[derive(Clone)]
struct Surroundings {
    pulse: Pulse,
    /// How often to see whether the machine slept.
    look: Duration,
    /// The time of day.
    wall: Arc<dyn Fn() -> SystemTime + Send + Sync>,
}

fn open_with(
    ticket: Ticket,
    service: Arc<dyn Service>,
    options: Options,
    surroundings: Surroundings,
) -> (Commands, mpsc::Receiver<Event>) {
    let (commands, orders) = command::channel(options.size);
    let (sender, events) = mpsc::channel(EVENTS);
    let mut random = Random::new(Uuid::new_v4().as_u64_pair().0);
    let wall = (surroundings.wall)();
    let config = Config {
        size: options.size,
        seed: random.next(),
        nonce: nonce(),
        unix_ms: wall.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64),
    };
    let driver = Driver {
        session_id: ticket.session_id.clone(),
        target: options.target,
        service,
        key: None,
        nap: Nap::new(now(), wall),
        surroundings,
        channel: Channel::new(now(), &config),
        orders,
        outbox: Outbox::new(sender),
        pending: None,
        marks: Vec::new(),
        random,
        lost_at: None,
        opened: false,
    };
    tokio::spawn(driver.run(ticket));
    (commands, events)
}

/// The task's state.
struct Driver {
    session_id: SessionId,
    target: String,
    service: Arc<dyn Service>,
    surroundings: Surroundings,
    nap: Nap,
    channel: Channel,
    /// The data key that is being made.
    key: Option<KeyCall>,
    orders: Orders,
    outbox: Outbox,
    /// Input for which the channel has no room. While there is some, no more is taken.
    pending: Option<Bytes>,
    /// To be told when all input has arrived.
    marks: Vec<oneshot::Sender<()>>,
    random: Random,
    /// When the connection was lost; until the new one has shown a sign of life.
    lost_at: Option<Instant>,
    /// Whether there ever was a socket.
    opened: bool,
}

/// GenerateDataKey, going on whatever the connection does.
type KeyCall = AbortOnDropHandle<Result<DataKey, String>>;

/// What an order leads to.
enum Step {
    GoOn,
    /// Without a connection: try again now.
    Hurry,
    End,
}

/// Why there is nothing to wait for any more.
enum Interrupt {
    End,
    /// The machine slept, or the owner knows that another attempt is worth it.
    Anew,
}

/// What the channel told that concerns the driver.
#[derive(Default)]
struct Told {
    end: Option<End>,
    silent: bool,
}

impl Driver {
    async fn run(mut self, ticket: Ticket) {
        let end = self.live(ticket).await;
        debug!(session = %self.session_id, end = end.kind(), "session over");
        match &end {
            // Do not leave a session behind that nobody is in.
            End::Terminated | End::Protocol(_) => {
                if let Some(problem) = self.terminate().await {
                    self.outbox.push(Event::Notice(format!(
                        "AWS was not told to end the session ({problem}); it ends by itself when idle for long"
                    )));
                }
            }
            // Why it never came about is what counts; a clean-up that fails too is not worth a word.
            End::Refused(_) | End::Lost(_) if !self.opened => drop(self.terminate().await),
            _ => {}
        }
        self.outbox.finish(Event::Ended(end)).await;
    }

    async fn live(&mut self, ticket: Ticket) -> End {
        let mut retry = Retry::new(now());
        // Of this outage; the first connection counts as one.
        let mut attempt = 1;
        let mut ticket = Some(ticket);
        let (mut rejections, mut short, mut nonsense) = (0, 0, 0);
        loop {
            let Some(wait) = retry.next(now(), &mut self.random) else {
                return End::Lost("gave up after half an hour without a connection".to_owned());
            };
            let connect = prepare(wait, self.service.clone(), self.session_id.clone(), ticket.take());
            let socket = match self.offline(connect).await {
                Ok(socket) => socket,
                Err(Interrupt::End) => return End::Terminated,
                // Another network perhaps, and the attempt was for the old one.
                Err(Interrupt::Anew) => {
                    retry = Retry::new(now());
                    continue;
                }
            };
            let cause = match socket {
                Attempt::Open(socket) => {
                    debug!(session = %self.session_id, attempt = retry.attempt, "socket open");
                    if !std::mem::replace(&mut self.opened, true) {
                        self.outbox.push(Event::SocketOpen);
                    }
                    match self.carry(*socket).await {
                        Gone::Ended(end) => return end,
                        Gone::Lost { cause, worth } => {
                            self.channel.handle_disconnected();
                            if self.lost_at.is_none() {
                                // Another outage, whatever the pauses remember.
                                self.lost_at = Some(now());
                                attempt = 0;
                            }
                            match worth {
                                Worth::Nothing => {}
                                Worth::Nonsense => {
                                    nonsense += 1;
                                    if nonsense == NONSENSE_LIMIT {
                                        return End::Protocol(format!("not WebSocket: {cause}"));
                                    }
                                }
                                Worth::Short => {
                                    (rejections, short) = (0, short + 1);
                                    if short == SHORT_LIMIT {
                                        return End::Lost(format!(
                                            "{SHORT_LIMIT} connections in a row broke within seconds, the last one: {cause}"
                                        ));
                                    }
                                    retry = Retry::again(now(), short.saturating_sub(SHORT_AT_ONCE));
                                }
                                Worth::Lasting => {
                                    (rejections, short, nonsense) = (0, 0, 0);
                                    retry = Retry::new(now());
                                }
                            }
                            cause
                        }
                    }
                }
                Attempt::Over(end, notice) => {
                    self.outbox.push(Event::Notice(notice));
                    return end;
                }
                Attempt::Failed { cause, unspent } => {
                    // Good for one more try; after that it may be too old.
                    ticket = unspent.filter(|_| retry.attempt < 2);
                    cause
                }
                Attempt::Rejected(cause) => {
                    rejections += 1;
                    if rejections == REJECTIONS {
                        return End::Refused(cause);
                    }
                    cause
                }
                Attempt::Refused(cause) => return End::Refused(cause),
            };
            debug!(session = %self.session_id, attempt = retry.attempt, cause, "no connection");
            attempt += 1;
            self.outbox.push(Event::Reconnecting { attempt, cause });
        }
    }

    /// Does `work` while there is no socket: orders are taken, events handed over.
    async fn offline<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Interrupt> {
        tokio::pin!(work);
        let look = self.surroundings.look;
        loop {
            if self.has_slept(now()) {
                return Err(Interrupt::Anew);
            }
            self.take_input();
            self.take_events();
            self.outbox.hand_over();
            tokio::select! {
                biased;
                step = self.orders.next(self.pending.is_none()) => match self.obey(step) {
                    Step::GoOn => {}
                    Step::Hurry => return Err(Interrupt::Anew),
                    Step::End => return Err(Interrupt::End),
                },
                key = next_key(&mut self.key) => self.take_key(key),
                done = &mut work => return Ok(done),
                handed = self.outbox.wait() => if handed.is_err() {
                    return Err(Interrupt::End);
                },
                () = tokio::time::sleep(look) => {}
            }
        }
    }

    /// Whether the machine slept since the last time this was asked.
    fn has_slept(&mut self, now: Instant) -> bool {
        let slept = self.nap.look(now, (self.surroundings.wall)());
        if let Some(slept) = slept {
            debug!(session = %self.session_id, ?slept, "awake again");
        }
        slept.is_some()
    }

    /// Has a data key made. The agent waits for it, so nothing else is waited for.
    fn ask_key(&mut self, key_id: String, challenge: Option<String>) {
        debug!(session = %self.session_id, "data key wanted");
        let (service, session_id) = (self.service.clone(), self.session_id.clone());
        let target = self.target.clone();
        let call = async move {
            let (target, challenge) = (&target[..], challenge.as_deref());
            let request = DataKeyRequest { key_id: &key_id, session_id: &session_id, target, challenge };
            match timeout(KEY_LIMIT, service.data_key(request)).await {
                Ok(Ok(key)) => Ok(key),
                Ok(Err(error)) => Err(error.summary),
                Err(_) => Err(format!(
                    "KMS gave no data key of {key_id} within {} s (kms:GenerateDataKey)",
                    KEY_LIMIT.as_secs()
                )),
            }
        };
        self.key = Some(AbortOnDropHandle::new(tokio::spawn(call)));
    }

    fn take_key(&mut self, key: Result<DataKey, String>) {
        self.key = None;
        debug!(session = %self.session_id, made = key.is_ok(), "data key");
        self.channel.provide_key(now(), key);
    }

    fn obey(&mut self, order: Order) -> Step {
        match order {
            Order::End => return Step::End,
            Order::Hurry => return Step::Hurry,
            Order::Input(bytes) => self.pending = Some(bytes),
            Order::Flag(flag) => self.channel.send_flag(flag),
            Order::Mark(arrived) => self.marks.push(arrived),
            Order::Resize(size) => self.channel.resize(size),
            Order::Discard => {
                let mut more: Vec<Bytes> = self.pending.take().into_iter().collect();
                more.extend(self.orders.drain_input());
                self.channel.discard_input(more);
            }
        }
        Step::GoOn
    }

    /// Gives the channel the input that it had no room for before.
    fn take_input(&mut self) {
        if let Some(bytes) = self.pending.take() {
            self.pending = Some(self.channel.send(bytes)).filter(|rest| !rest.is_empty());
        }
        if !self.marks.is_empty() && self.pending.is_none() && self.channel.is_idle() {
            for arrived in self.marks.drain(..) {
                // Whoever asked may have gone.
                let _ = arrived.send(());
            }
        }
    }

    /// Puts what the channel has to tell in the outbox.
    fn take_events(&mut self) -> Told {
        let mut told = Told::default();
        while let Some(event) = self.channel.poll_event() {
            let event = match event {
                ChannelEvent::KeyWanted { key_id, challenge } => {
                    self.ask_key(key_id, challenge);
                    continue;
                }
                ChannelEvent::Data { kind: PayloadType::StdErr, bytes } => Event::ErrorOutput(bytes),
                ChannelEvent::Data { bytes, .. } => Event::Output(bytes),
                ChannelEvent::ExitCode(code) => Event::ExitCode(code),
                ChannelEvent::Flag(flag) => Event::Flag(flag),
                ChannelEvent::Handshaken { agent_version, session_type } => Event::Handshaken {
                    agent_version: Some(agent_version).filter(|version| !version.is_empty()),
                    session_type,
                },
                ChannelEvent::Ready => Event::Ready,
                ChannelEvent::Notice(text) => Event::Notice(text),
                ChannelEvent::Silent { since } => {
                    told.silent = true;
                    Event::Silent { since }
                }
                ChannelEvent::Answering => Event::Answering,
                ChannelEvent::Paused => Event::Paused,
                ChannelEvent::Unpaused => Event::Unpaused,
                ChannelEvent::RoundTrip(round_trip) => Event::RoundTrip(round_trip),
                ChannelEvent::Closed { output } => {
                    told.end = Some(End::Closed { output });
                    continue;
                }
                ChannelEvent::Failed(violation) => {
                    told.end = Some(End::Protocol(violation.to_string()));
                    continue;
                }
            };
            self.outbox.push(event);
        }
        told
    }

    /// Something came over the new connection.
    fn sign_of_life(&mut self) {
        if let Some(lost_at) = self.lost_at.take() {
            debug!(session = %self.session_id, "resumed");
            self.outbox.push(Event::Resumed { away: now().saturating_duration_since(lost_at) });
        }
    }

    /// Ends the session on AWS's side; returns what went wrong. Does not wait for long: an unanswered call goes on by
    /// itself.
    async fn terminate(&mut self) -> Option<String> {
        let (service, id) = (self.service.clone(), self.session_id.clone());
        let call = tokio::spawn(async move { service.terminate(&id).await });
        let problem = match timeout(TERMINATE_WAIT, call).await {
            Ok(Ok(Ok(()))) => return None,
            Ok(Ok(Err(error))) => error.summary,
            Ok(Err(_)) => "the call broke off".to_owned(),
            Err(_) => "no answer yet".to_owned(),
        };
        debug!(session = %self.session_id, problem, "terminate");
        Some(problem)
    }
}

/// What came of an attempt to connect.
enum Attempt {
    Open(Box<Socket>),
    /// The session is over, with words for the user.
    Over(End, String),
    /// Not this time; the ticket was not used.
    Failed {
        cause: String,
        unspent: Option<Ticket>,
    },
    Rejected(String),
    Refused(String),
}

/// Waits, gets a ticket unless there is one, and dials.
async fn prepare(
    wait: Duration,
    service: Arc<dyn Service>,
    session_id: SessionId,
    ticket: Option<Ticket>,
) -> Attempt {
    tokio::time::sleep(wait).await;
    let ticket = match ticket {
        Some(ticket) => ticket,
        None => match timeout(RESUME_LIMIT, service.resume(&session_id)).await {
            Ok(Ok(Resumed::Ticket(ticket))) => ticket,
            Ok(Ok(Resumed::Gone(words))) => return Attempt::Over(End::TimedOut, words),
            Ok(Err(error)) => match error.retry {
                Again::Later => return Attempt::Failed { cause: error.summary, unspent: None },
                Again::Never => return Attempt::Refused(error.summary),
            },
            Err(_) => {
                return Attempt::Failed { cause: "no answer from Systems Manager".to_owned(), unspent: None };
            }
        },
    };
    match dial(service, ticket.clone()).await {
        Ok(socket) => Attempt::Open(Box::new(socket)),
        Err(DialError::Never(cause)) => Attempt::Refused(cause),
        Err(DialError::Rejected(cause)) => Attempt::Rejected(cause),
        Err(DialError::Later(cause)) => Attempt::Failed { cause, unspent: Some(ticket) },
    }
}

/// The runtime's clock, which tests can hold.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// The data key, when it is there; never, if none was asked for.
async fn next_key(call: &mut Option<KeyCall>) -> Result<DataKey, String> {
    match call {
        Some(call) => call.await.unwrap_or_else(|_| Err("the call for a data key broke off".to_owned())),
        None => std::future::pending().await,
    }
}

/// Where an encrypted session's nonces start.
fn nonce() -> [u8; 12] {
    let mut nonce = [0; 12];
    // Zero would do as well: the key is new in each session.
    let _ = aws_lc_rs::rand::fill(&mut nonce);
    nonce
}

#[cfg(test)]
mod tests;
