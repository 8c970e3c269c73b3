//! Agents that are no part of this program (`sim --agents`): they register as the official one does, hold a control
//! channel, and are nodes as long as their heartbeats come.
//!
//! ```text
//!  agent ── RegisterManagedInstance, role token, heartbeat ──▶ [guest] ──▶ a node in every list
//!        ── control channel ── [channel] ◀── tasks out, their ends in ──▶ gateway (sessions)
//!        ── data channel ─────────────────────────────────────────────▶ gateway (relay)
//! ```
//!
//! | part | job |
//! | --- | --- |
//! | `guest` | what is known of one agent; pure |
//! | `task` | the messages of a control channel; pure |
//! | `channel` | one control channel's socket |
//! | `tls` | the certificate by which agents know the region |
//!
//! HTTP, signatures and errors are the API's job. Must not know: what a session is about.

mod channel;
mod guest;
mod task;
mod tls;

use std::{
    collections::HashMap,
    fmt, io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use jiff::Timestamp;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::{channel::Line, guest::Guest, task::Completion};
pub(crate) use self::{
    guest::{Facts, ROLE, RoleKey},
    task::Task,
    tls::{HANDSHAKE, Tls},
};
use super::{
    api::random,
    gateway::{Gateway, SessionStatus},
    world::Node,
};

/// How many agents may register.
const MOST_GUESTS: usize = 1000;
/// The size of a key's encoding that the model of UpdateManagedInstancePublicKey has (2048 bits).
const KEY_LENGTH: usize = 392;

/// What an agent needs to register and to find the region; for whoever starts agents.
#[derive(Clone, PartialEq, Eq)]
pub struct AgentAccess {
    /// `https://localhost:PORT`.
    pub endpoint: String,
    /// The region's name.
    pub region: String,
    /// The activation's id, a UUID.
    pub activation_id: String,
    /// The activation's code, a secret.
    pub activation_code: String,
    /// The authority that signed the region's certificate, in PEM; agents must trust it (`SSL_CERT_FILE`).
    pub authority: String,
}

impl AgentAccess {
    /// The official agent's configuration (`/etc/amazon/ssm/amazon-ssm-agent.json`) with all endpoints at the region.
    pub fn configuration(&self) -> String {
        let endpoint = &self.endpoint;
        let configuration = serde_json::json!({
            // Else the agent of root writes role credentials to root's `~/.aws/credentials`.
            "Profile": { "ShareCreds": false },
            "Agent": { "Region": self.region, "TelemetryMetricsToSSM": false },
            "Ssm": { "Endpoint": endpoint, "HealthFrequencyMinutes": 5 },
            "Mgs": { "Endpoint": endpoint, "Region": self.region },
            "Mds": { "Endpoint": endpoint },
            "Kms": { "Endpoint": endpoint },
        });
        format!("{configuration:#}\n")
    }
}

impl fmt::Debug for AgentAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AgentAccess({} in {}, code [redacted])", self.endpoint, self.region)
    }
}

/// All foreign agents of a region.
pub(crate) struct Control {
    gateway: Gateway,
    tls: Tls,
    activation_id: String,
    activation_code: String,
    book: Mutex<Book>,
    stop: CancellationToken,
}

#[derive(Default)]
struct Book {
    /// In the order of their registration.
    guests: Vec<Guest>,
    lines: HashMap<String, Line>,
    seated: u64,
    /// Cancelled when a session is over, or told to end.
    tasks: HashMap<String, CancellationToken>,
}

impl Book {
    fn guest(&mut self, id: &str) -> Option<&mut Guest> {
        self.guests.iter_mut().find(|guest| guest.id == id)
    }
}

/// Why an agent cannot register, or get credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// No such activation, or not its code.
    Activation,
    /// The key is no RSA key of 2048 bits in base64.
    Key,
    /// No such node.
    Unknown,
    /// It registered on another machine.
    Fingerprint,
    /// Too many registered.
    Full,
}

impl Control {
    /// Nobody has registered yet.
    pub(crate) fn new(gateway: Gateway, now: Timestamp) -> io::Result<Control> {
        Ok(Control {
            gateway,
            tls: Tls::new(now)?,
            activation_id: Uuid::new_v4().to_string(),
            activation_code: random::activation_code(),
            book: Mutex::default(),
            stop: CancellationToken::new(),
        })
    }

    /// What the region shows by TLS.
    pub(crate) fn tls(&self) -> &Tls {
        &self.tls
    }

    /// What agents need.
    pub(crate) fn access(&self, port: u16, region: &str) -> AgentAccess {
        AgentAccess {
            endpoint: format!("https://localhost:{port}"),
            region: region.to_owned(),
            activation_id: self.activation_id.clone(),
            activation_code: self.activation_code.clone(),
            authority: self.tls.authority().to_owned(),
        }
    }

    /// RegisterManagedInstance: a new node's id. A machine that registers again is a new node, as with AWS.
    pub(crate) fn register(
        &self,
        (activation, code): (&str, &str),
        public_key: &str,
        fingerprint: &str,
        now: Timestamp,
    ) -> Result<String, Refused> {
        let same = |a: &str, b: &str| {
            aws_lc_rs::constant_time::verify_slices_are_equal(a.as_bytes(), b.as_bytes()).is_ok()
        };
        if !same(activation, &self.activation_id) || !same(code, &self.activation_code) {
            return Err(Refused::Activation);
        }
        let key = public_key_of(public_key)?;
        let mut book = self.book();
        if book.guests.len() >= MOST_GUESTS {
            return Err(Refused::Full);
        }
        let id = random::managed_id();
        book.guests.push(Guest::new(id.clone(), activation.to_owned(), fingerprint.to_owned(), key, now));
        tracing::info!(node = id, "an agent has registered");
        Ok(id)
    }

    /// A node's RSA key, in DER.
    pub(crate) fn public_key(&self, id: &str) -> Option<Vec<u8>> {
        self.book().guest(id).map(|guest| guest.public_key.clone())
    }

    /// UpdateManagedInstancePublicKey.
    pub(crate) fn rotate(&self, id: &str, public_key: &str) -> Result<(), Refused> {
        let key = public_key_of(public_key)?;
        self.book().guest(id).ok_or(Refused::Unknown)?.public_key = key;
        Ok(())
    }

    /// RequestManagedInstanceRoleToken.
    pub(crate) fn role(&self, id: &str, fingerprint: &str, now: Timestamp) -> Result<RoleKey, Refused> {
        let mut book = self.book();
        let guest = book.guest(id).ok_or(Refused::Unknown)?;
        if guest.fingerprint != fingerprint {
            return Err(Refused::Fingerprint);
        }
        Ok(guest.issue_role_key(now))
    }

    /// Whose credentials these are: the node and its keys.
    pub(crate) fn holder(&self, access_key_id: &str) -> Option<(String, RoleKey)> {
        let book = self.book();
        book.guests.iter().find_map(|guest| Some((guest.id.clone(), guest.role_key(access_key_id)?.clone())))
    }

    /// UpdateInstanceInformation.
    pub(crate) fn heartbeat(&self, id: &str, facts: Facts, now: Timestamp) {
        if let Some(guest) = self.book().guest(id) {
            guest.hear(facts, now);
        }
    }

    /// DeregisterManagedInstance: its control channel ends, its keys are good for nothing. False: there is none.
    pub(crate) fn deregister(&self, id: &str) -> bool {
        let mut book = self.book();
        let Some(at) = book.guests.iter().position(|guest| guest.id == id) else { return false };
        book.guests.remove(at);
        if let Some(line) = book.lines.remove(id) {
            line.cut.cancel();
        }
        drop(book);
        self.gateway.end_target(id, "");
        true
    }

    /// All that are nodes by now. `first` is the index of the first one in the region's order.
    pub(crate) fn nodes(&self, first: usize) -> Vec<Node> {
        let book = self.book();
        let nodes = book.guests.iter().enumerate();
        nodes.filter_map(|(at, guest)| guest.node(first + at, book.lines.contains_key(&guest.id))).collect()
    }

    /// A token for a control channel; `None`: no such node.
    pub(crate) fn channel_token(&self, id: &str, now: Timestamp) -> Option<String> {
        self.book().guest(id).map(|guest| guest.issue_token(now))
    }

    /// Ends all control channels.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }

    /// Serves a control channel after its upgrade.
    pub(crate) async fn accept<S>(&self, id: &str, io: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        self.stop.run_until_cancelled(channel::serve(self, id, io)).await;
    }

    /// Tells a node to start a session that the gateway knows already, and, when the session is told to end, to end it.
    pub(crate) fn start(self: &Arc<Self>, id: &str, task: Task) {
        let Some(told_to_end) = self.gateway.told_to_end(&task.session_id) else { return };
        let finished = told_to_end.child_token();
        let sent = {
            let mut book = self.book();
            let frame = task.start(Timestamp::now());
            let sent = book.lines.get(id).is_some_and(|line| line.frames.try_send(frame).is_ok());
            if sent {
                book.tasks.insert(task.session_id.clone(), finished.clone());
            }
            sent
        };
        if !sent {
            // It was there a moment ago, or it does not read.
            self.gateway.finish_foreign(&task.session_id, "", true);
            return;
        }
        let (control, id) = (Arc::clone(self), id.to_owned());
        tokio::spawn(async move {
            if control.stop.run_until_cancelled(finished.cancelled()).await.is_none() {
                return;
            }
            let mut book = control.book();
            book.tasks.remove(&task.session_id);
            if told_to_end.is_cancelled()
                && let Some(line) = book.lines.get(&id)
            {
                // One that does not read loses its data channel a little later.
                let _ = line.frames.try_send(task::terminate(&task.session_id, Timestamp::now()));
            }
        });
    }

    /// A session of this node that still lives.
    pub(crate) fn session(&self, id: &str, session_id: &str) -> Option<SessionStatus> {
        let status = self.gateway.status(session_id)?;
        (status.target == id && !status.state.is_over()).then_some(status)
    }

    fn complete(&self, id: &str, completion: &Completion) {
        if self.session(id, &completion.task_id).is_some() {
            let failed = matches!(completion.final_task_status.as_str(), "Failed" | "TimedOut");
            self.gateway.finish_foreign(&completion.task_id, &completion.output, failed);
        }
        if let Some(finished) = self.book().tasks.get(&completion.task_id) {
            finished.cancel();
        }
    }

    fn redeem(&self, id: &str, token: &str, now: Timestamp) -> bool {
        self.book().guest(id).is_some_and(|guest| guest.redeem(token, now))
    }

    fn seat(&self, id: &str, frames: mpsc::Sender<Bytes>, cut: CancellationToken) -> u64 {
        let mut book = self.book();
        book.seated += 1;
        let number = book.seated;
        if let Some(former) = book.lines.insert(id.to_owned(), Line { number, frames, cut }) {
            former.cut.cancel();
        }
        number
    }

    fn leave(&self, id: &str, number: u64) {
        let mut book = self.book();
        if book.lines.get(id).is_some_and(|line| line.number == number) {
            book.lines.remove(id);
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn public_key_of(text: &str) -> Result<Vec<u8>, Refused> {
    if text.len() < KEY_LENGTH {
        return Err(Refused::Key);
    }
    STANDARD.decode(text).map_err(|_| Refused::Key)
}
