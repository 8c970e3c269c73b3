//! The message gateway: sessions, their tokens, and the relay between a client's socket and its agent.
//!
//! ```text
//!  client ── socket ── [client] ── line ──▶ agent      the socket may come and go; session and agent stay
//!                          ▲                  │
//!                          └───── line ◀── [uplink]    nobody connected: the frame is lost, the agent is told to pause
//! ```
//!
//! | part | job |
//! | --- | --- |
//! | `session` | one session's book: state, tokens, who is connected, how it ends |
//! | `client` | one socket: the first message, the two pumps, the farewell |
//! | `foreign` | the socket of an agent that is not ours |
//! | `cable` | the bytes under the socket, which a fault may cut |
//! | `line` | what happens to the frames of one direction; pure |
//! | `notice` | the frames that the service makes itself |
//!
//! What AWS does here is mostly not public; what the reference marks as unverified is an option.

mod cable;
mod client;
mod foreign;
mod line;
mod notice;
mod session;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::session::Session;
use super::{
    agent::{self, SshKeys},
    fault::Fault,
};
use crate::session::message::HeaderLength;

pub use super::agent::{Keys, KmsSetup, Plan, Platform, Recording, RecordingBucket, RecordingGroup, Reply};

/// How a gateway behaves.
#[derive(Clone, Debug)]
pub struct GatewayOptions {
    /// What faults are drawn from.
    pub seed: u64,
    /// Lifts the official agent's pauses: 1 s before the first output, 1 ms after each, 2 s before a start error.
    pub unpaced: bool,
    /// How long after its start an agent brings its terminal up. Until then it refuses input without a receipt, as the official one does
    /// for some milliseconds.
    pub shell_delay: Duration,
    /// What goes wrong on the way; faults of API calls are ignored here.
    pub faults: Vec<Fault>,
    /// How long a token may be used.
    pub token_lifetime: Duration,
    /// A session without data frames in either direction ends after this time.
    pub idle_timeout: Duration,
    /// A session ends after this time whatever happens in it; `None`: never.
    pub max_duration: Option<Duration>,
    /// How the socket of somebody with a bad token ends.
    pub bad_token: Farewell,
    /// The header form of `channel_closed` to the client. AWS was seen to send it without payload type.
    pub channel_closed: HeaderLength,
    /// Public keys (lines of an `authorized_keys` file) that every node's sshd takes, beside those of
    /// [`Gateway::push_ssh_key`].
    pub authorized_keys: Vec<String>,
}

impl Default for GatewayOptions {
    fn default() -> Self {
        Self {
            seed: 1,
            unpaced: false,
            shell_delay: Duration::ZERO,
            faults: Vec::new(),
            token_lifetime: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(20 * 60),
            max_duration: None,
            bad_token: Farewell::Close(1008),
            channel_closed: HeaderLength::WithoutPayloadType,
            authorized_keys: Vec::new(),
        }
    }
}

/// How a socket is ended on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Farewell {
    /// With a close frame of this code.
    Close(u16),
    /// Without a word, as both official ends do.
    Drop,
}

/// A session that is to be started.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Its id; opaque here.
    pub id: String,
    /// The node: `i-…` or `mi-…`.
    pub target: String,
    /// The node's name, shown in the prompt.
    pub name: String,
    /// Decides which shell is started.
    pub platform: Platform,
    /// The version that the node's agent announces in a handshake.
    pub agent_version: String,
    /// The shell of this node, if it is not the platform's: a program name, such as `bash`.
    pub shell: Option<String>,
    /// What it is for.
    pub plan: Plan,
    /// How it is encrypted; `None`: it is not.
    pub kms: Option<KmsSetup>,
    /// Where it is recorded.
    pub recording: Recording,
    /// Instead of the gateway's own [`GatewayOptions::idle_timeout`].
    pub idle_timeout: Option<Duration>,
    /// Instead of the gateway's own [`GatewayOptions::max_duration`].
    pub max_duration: Option<Duration>,
}

/// A session whose agent is not ours: it comes on a WebSocket of its own.
#[derive(Clone, Debug)]
pub struct NewForeign {
    /// Its id; opaque here.
    pub id: String,
    /// The node: `i-…` or `mi-…`.
    pub target: String,
    /// Instead of the gateway's own [`GatewayOptions::idle_timeout`].
    pub idle_timeout: Option<Duration>,
    /// Instead of the gateway's own [`GatewayOptions::max_duration`].
    pub max_duration: Option<Duration>,
}

/// What a gateway tells about a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionStatus {
    /// Its id.
    pub id: String,
    /// Its node.
    pub target: String,
    /// Where it is in its life.
    pub state: SessionState,
    /// When it was started.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// What the client was told about the end; empty on a clean one.
    pub output: String,
}

/// The states of DescribeSessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SessionState {
    /// No client was there yet.
    Connecting,
    /// A client is connected.
    Connected,
    /// A client was connected and is away.
    Disconnected,
    /// It was told to end, or its shell has ended.
    Terminating,
    /// It is over.
    Terminated,
    /// Its agent could not start it.
    Failed,
}

impl SessionState {
    /// As DescribeSessions spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connecting => "Connecting",
            Self::Connected => "Connected",
            Self::Disconnected => "Disconnected",
            Self::Terminating => "Terminating",
            Self::Terminated => "Terminated",
            Self::Failed => "Failed",
        }
    }

    /// Whether DescribeSessions lists it under `History` rather than `Active`.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Terminated | Self::Failed)
    }
}

/// How many ended sessions are remembered.
const HISTORY: usize = 1000;

/// The gateway of one region. Cheap to clone; all clones are the same gateway.
#[derive(Clone)]
pub struct Gateway {
    inner: Arc<Inner>,
}

struct Inner {
    options: GatewayOptions,
    ssh: Arc<SshKeys>,
    sessions: Mutex<Sessions>,
    shutdown: CancellationToken,
    tasks: TaskTracker,
}

#[derive(Default)]
struct Sessions {
    by_id: HashMap<String, Arc<Session>>,
    /// In the order of their start.
    order: Vec<String>,
    started: u64,
}

impl Gateway {
    /// A gateway without sessions.
    pub fn new(options: GatewayOptions) -> Self {
        let inner = Inner {
            ssh: Arc::new(SshKeys::new(&options.authorized_keys)),
            options,
            sessions: Mutex::default(),
            shutdown: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Starts a session: its agent begins at once, in a task of the current runtime. Returns the token for the client's
    /// first message, good once and only for a while.
    pub fn start(&self, new: NewSession) -> String {
        let (session, wires) = Session::new(&new, self.next_number(), self.inner.options.clone());
        let session = Arc::new(session);
        let token = session.issue_token();
        self.sessions().add(session.clone());
        let shutdown = self.inner.shutdown.clone();
        let ssh = Arc::clone(&self.inner.ssh);
        self.inner.tasks.spawn(session::live(session, new, wires, ssh, shutdown));
        token
    }

    /// Starts a session with an agent that is not ours: who called this sends it there, and it comes with
    /// [`accept_agent`](Self::accept_agent). Returns the client's token.
    pub fn start_foreign(&self, new: NewForeign) -> String {
        let session = Session::new_foreign(&new, self.next_number(), self.inner.options.clone());
        let session = Arc::new(session);
        let token = session.issue_token();
        self.sessions().add(session.clone());
        let shutdown = self.inner.shutdown.clone();
        self.inner.tasks.spawn(session::live_foreign(session, shutdown));
        token
    }

    /// A token for the data channel of a foreign agent (CreateDataChannel); `None`: there is no such session, or it is over.
    pub fn agent_token(&self, session_id: &str) -> Option<String> {
        let session = self.session(session_id)?;
        let open = session.foreign().is_some() && !session.status().state.is_over();
        open.then(|| session.issue_agent_token())
    }

    /// Serves the data channel of a foreign agent, from after the answer to the upgrade. Its first message has to bring a
    /// token of [`agent_token`](Self::agent_token).
    pub async fn accept_agent<S>(&self, session_id: &str, io: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Some(session) = self.session(session_id) else { return };
        let serve = self.inner.tasks.track_future(foreign::serve(session, io));
        self.inner.shutdown.run_until_cancelled(serve).await;
    }

    /// A foreign agent has reported the end of a session (`agent_task_complete`): `output` goes to the client. False if
    /// there is no such session.
    pub fn finish_foreign(&self, session_id: &str, output: &str, failed: bool) -> bool {
        let ending = agent::Ending { output: output.to_owned(), failed };
        self.session(session_id)
            .is_some_and(|session| session.foreign().inspect(|place| place.finish(ending)).is_some())
    }

    /// Is cancelled when the session is told to end (TerminateSession, a limit, its node); `None`: there is no such session.
    pub fn told_to_end(&self, session_id: &str) -> Option<CancellationToken> {
        Some(self.session(session_id)?.told_to_end())
    }

    /// Lets the owner of this public key (a line of an `authorized_keys` file) log in to a node by SSH for 60 seconds, as
    /// SendSSHPublicKey does.
    pub fn push_ssh_key(&self, target: &str, public_key: &str) {
        self.inner.ssh.push(target, public_key, tokio::time::Instant::now());
    }

    /// Cuts the link of a session's agent without a word; false if it is cut already, or there is none. An agent of ours comes back by itself
    /// after a moment, a foreign one when it likes.
    pub fn cut_agent(&self, id: &str) -> bool {
        let Some(session) = self.session(id) else { return false };
        let cut = session.cut_agent();
        if cut && session.foreign().is_none() {
            self.inner.tasks.spawn(async move {
                tokio::time::sleep(session::REDIAL).await;
                session.agent_came_back();
            });
        }
        cut
    }

    fn next_number(&self) -> u64 {
        let mut sessions = self.sessions();
        sessions.started += 1;
        sessions.started
    }

    /// A new token for a session that still lives; `None`: it is gone.
    pub fn resume(&self, id: &str) -> Option<String> {
        let session = self.session(id)?;
        (!session.status().state.is_over()).then(|| session.issue_token())
    }

    /// Ends a session as TerminateSession does; false if there is none of that id. Ending an ended one is not an error.
    pub fn terminate(&self, id: &str) -> bool {
        self.end(id, "")
    }

    /// Ends a session with words for its user, as when its agent could not take it up; false if there is none of that id.
    pub fn end(&self, id: &str, output: &str) -> bool {
        self.session(id).inspect(|session| session.end(output.to_owned())).is_some()
    }

    /// Ends all sessions of a node with words for their users, as when the instance is terminated. Returns how many.
    pub fn end_target(&self, target: &str, output: &str) -> usize {
        let sessions = self.all();
        let ended = sessions.iter().filter(|s| s.target() == target && !s.status().state.is_over());
        ended.map(|session| session.end(output.to_owned())).count()
    }

    /// What DescribeSessions tells about one session.
    pub fn status(&self, id: &str) -> Option<SessionStatus> {
        Some(self.session(id)?.status())
    }

    /// What DescribeSessions tells about all, the oldest first.
    pub fn statuses(&self) -> Vec<SessionStatus> {
        self.all().iter().map(|session| session.status()).collect()
    }

    /// Serves one client's socket, from after the answer to the upgrade until it is closed or lost. Signature, Host and Origin have been
    /// checked by the caller.
    pub async fn accept<S>(&self, session_id: &str, io: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Some(session) = self.session(session_id) else { return };
        let serve = self.inner.tasks.track_future(client::serve(session, io));
        self.inner.shutdown.run_until_cancelled(serve).await;
    }

    /// Cuts the client's socket without a close frame; false if there is none.
    pub fn cut(&self, id: &str) -> bool {
        self.session(id).is_some_and(|session| session.cut())
    }

    /// Cuts all clients' sockets; returns how many.
    pub fn cut_all(&self) -> usize {
        self.all().iter().filter(|session| session.cut()).count()
    }

    /// The next `times` sockets of this session are dropped unheard.
    pub fn refuse_next(&self, id: &str, times: u32) -> bool {
        self.session(id).is_some_and(|session| {
            session.refuse_next(times);
            true
        })
    }

    /// Frozen: the socket stays open and nothing passes, not even pongs, as behind a network that went away.
    pub fn freeze(&self, id: &str, frozen: bool) -> bool {
        self.session(id).is_some_and(|session| {
            session.freeze(frozen);
            true
        })
    }

    /// Ends everything: agents, shells, sockets; waits for nothing.
    pub fn stop(&self) {
        self.inner.shutdown.cancel();
        self.inner.tasks.close();
    }

    /// Ends everything: agents, shells, sockets; returns when the shells are dead.
    pub async fn shutdown(&self) {
        self.stop();
        self.inner.tasks.wait().await;
    }

    fn session(&self, id: &str) -> Option<Arc<Session>> {
        self.sessions().by_id.get(id).cloned()
    }

    fn all(&self) -> Vec<Arc<Session>> {
        let sessions = self.sessions();
        sessions.order.iter().filter_map(|id| sessions.by_id.get(id).cloned()).collect()
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.inner.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sessions {
    fn add(&mut self, session: Arc<Session>) {
        let id = session.id().to_owned();
        if self.by_id.insert(id.clone(), session).is_none() {
            self.order.push(id);
        }
        let over = |id: &String| self.by_id.get(id).is_none_or(|s| s.status().state.is_over());
        if self.order.len() > HISTORY
            && let Some(oldest) = self.order.iter().position(over)
        {
            let id = self.order.remove(oldest);
            self.by_id.remove(&id);
        }
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("sessions", &self.sessions().order.len()).finish_non_exhaustive()
    }
}
