//! One session: its state, its tokens, who is connected, and how it ends. Its agent runs in [`live`] and does not notice
//! that sockets come and go, but for being told to pause.
//!
//! ```text
//!  Connecting ──client──▶ Connected ◀──▶ Disconnected          (any of them)
//!                                                     ── end(), shell ends ──▶ Terminating ──▶ Terminated
//!                                                     ── agent cannot start ─────────────────▶ Failed
//! ```

mod token;
mod uplink;

pub(super) use uplink::Uplink;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use jiff::Timestamp;
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use self::token::Tokens;
use super::{
    GatewayOptions, NewForeign, NewSession, SessionState, SessionStatus,
    foreign::Place,
    line::{Dice, Line, Weather},
    notice,
};
use crate::{
    session::message::{AgentSessionState, HeaderLength},
    sim::{
        agent::{self, SshKeys},
        fault::Fault,
    },
};

/// Frames that wait between the agent and a socket, in each direction; behind them it is back-pressure.
pub(super) const QUEUE: usize = 64;
/// An agent that was told to end and does not is dropped after this time.
const PATIENCE: Duration = Duration::from_secs(5);
/// So long an agent of ours takes to notice a cut and to dial anew; the official one's first attempt comes at once.
pub(super) const REDIAL: Duration = Duration::from_millis(100);

type Outlet = Option<mpsc::Sender<Bytes>>;

/// One session.
pub(super) struct Session {
    id: String,
    target: String,
    idle_timeout: Duration,
    max_duration: Option<Duration>,
    number: u64,
    options: GatewayOptions,
    started: Timestamp,
    born: Instant,
    book: Mutex<Book>,
    agent: AgentSide,
    outlet: watch::Sender<Outlet>,
    frozen: watch::Sender<bool>,
    /// The link of an agent of ours is cut: nothing passes between it and the gateway.
    agent_away: AtomicBool,
    told_to_end: CancellationToken,
}

/// The way to the agent.
enum AgentSide {
    /// Ours, in [`live`].
    Ours { frames: mpsc::Sender<Bytes>, control: mpsc::UnboundedSender<Bytes> },
    /// One on a socket.
    Foreign(Place),
}

struct Book {
    state: SessionState,
    ended: Option<Timestamp>,
    /// What the service says about the end; the first cause wins.
    words: Option<String>,
    output: String,
    tokens: Tokens,
    agent_tokens: Tokens,
    refuse: u32,
    connections: u64,
    client: Option<(u64, CancellationToken)>,
    last_data: Instant,
    /// `channel_closed` for the client, once the session is over.
    closure: Option<Bytes>,
}

/// The agent's ends of the wires.
pub(super) struct Wires {
    from_client: mpsc::Receiver<Bytes>,
    control: mpsc::UnboundedReceiver<Bytes>,
    outlet: watch::Receiver<Outlet>,
}

/// A client's place in a session.
pub(super) struct Seat {
    pub(super) number: u64,
    /// From the agent. Ends when the session is over.
    pub(super) frames: mpsc::Receiver<Bytes>,
    /// The socket is to be dropped.
    pub(super) cut: CancellationToken,
    pub(super) frozen: watch::Receiver<bool>,
    pub(super) inbound: Line,
    pub(super) outbound: Line,
}

impl Session {
    /// A session with an agent of ours, which [`live`] runs.
    pub(super) fn new(new: &NewSession, number: u64, options: GatewayOptions) -> (Self, Wires) {
        let (frames, from_client) = mpsc::channel(QUEUE);
        // A few small frames for each coming and going of a client.
        let (control, control_rx) = mpsc::unbounded_channel();
        let agent = AgentSide::Ours { frames, control };
        let session = Self::with_agent((&new.id, &new.target), agent, number, options)
            .limited(new.idle_timeout, new.max_duration);
        let outlet = session.outlet.subscribe();
        session.tell_agent(notice::pause_publication());
        (session, Wires { from_client, control: control_rx, outlet })
    }

    /// A session whose agent comes on a socket.
    pub(super) fn new_foreign(new: &NewForeign, number: u64, options: GatewayOptions) -> Self {
        let agent = AgentSide::Foreign(Place::default());
        let session = Self::with_agent((&new.id, &new.target), agent, number, options)
            .limited(new.idle_timeout, new.max_duration);
        session.tell_agent(notice::pause_publication());
        session
    }

    fn with_agent(
        (id, target): (&str, &str),
        agent: AgentSide,
        number: u64,
        options: GatewayOptions,
    ) -> Self {
        let born = Instant::now();
        let book = Book {
            state: SessionState::Connecting,
            ended: None,
            words: None,
            output: String::new(),
            tokens: Tokens::default(),
            agent_tokens: Tokens::default(),
            refuse: 0,
            connections: 0,
            client: None,
            last_data: born,
            closure: None,
        };
        Self {
            id: id.to_owned(),
            target: target.to_owned(),
            idle_timeout: options.idle_timeout,
            max_duration: options.max_duration,
            number,
            options,
            started: Timestamp::now(),
            born,
            book: Mutex::new(book),
            agent,
            outlet: watch::Sender::new(None),
            frozen: watch::Sender::new(false),
            agent_away: AtomicBool::new(false),
            told_to_end: CancellationToken::new(),
        }
    }

    fn limited(mut self, idle_timeout: Option<Duration>, max_duration: Option<Duration>) -> Self {
        self.idle_timeout = idle_timeout.unwrap_or(self.idle_timeout);
        self.max_duration = max_duration.or(self.max_duration);
        self
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn target(&self) -> &str {
        &self.target
    }

    pub(super) fn options(&self) -> &GatewayOptions {
        &self.options
    }

    pub(super) fn status(&self) -> SessionStatus {
        let book = self.book();
        SessionStatus {
            id: self.id.clone(),
            target: self.target.clone(),
            state: book.state,
            started: self.started,
            ended: book.ended,
            output: book.output.clone(),
        }
    }

    pub(super) fn issue_token(&self) -> String {
        self.book().tokens.issue(Instant::now() + self.options.token_lifetime)
    }

    /// Whether this token opens the session. It does so once.
    pub(super) fn redeem(&self, token: &str) -> bool {
        self.book().tokens.redeem(token, Instant::now())
    }

    pub(super) fn issue_agent_token(&self) -> String {
        self.book().agent_tokens.issue(Instant::now() + self.options.token_lifetime)
    }

    pub(super) fn redeem_agent(&self, token: &str) -> bool {
        self.book().agent_tokens.redeem(token, Instant::now())
    }

    /// The place of its agent, if that is not ours.
    pub(super) fn foreign(&self) -> Option<&Place> {
        match &self.agent {
            AgentSide::Ours { .. } => None,
            AgentSide::Foreign(place) => Some(place),
        }
    }

    /// Is cancelled when the session is told to end.
    pub(super) fn told_to_end(&self) -> CancellationToken {
        self.told_to_end.clone()
    }

    pub(super) fn refuse_next(&self, times: u32) {
        self.book().refuse = times;
    }

    /// Whether this socket is to be dropped unheard.
    pub(super) fn refuses(&self) -> bool {
        let mut book = self.book();
        let refuses = book.refuse > 0;
        book.refuse -= u32::from(refuses);
        refuses
    }

    /// Seats a client; one that sat there is cut off, since a session has one client.
    pub(super) fn seat(&self) -> Seat {
        let (sender, frames) = mpsc::channel(QUEUE);
        let cut = CancellationToken::new();
        let mut book = self.book();
        book.connections += 1;
        let number = book.connections;
        if let Some((_, former)) = book.client.replace((number, cut.clone())) {
            former.cancel();
        }
        if !book.state.is_over() {
            if book.state != SessionState::Terminating {
                book.state = SessionState::Connected;
            }
            self.outlet.send_replace(Some(sender));
            self.tell_agent(notice::start_publication());
        }
        let weather = Weather::from_faults(&self.options.faults);
        let line =
            |direction| Line::new(weather, Dice::new(self.options.seed, [self.number, number, direction]));
        Seat { number, frames, cut, frozen: self.frozen.subscribe(), inbound: line(0), outbound: line(1) }
    }

    /// A client's socket is gone.
    pub(super) fn leave(&self, number: u64) {
        let mut book = self.book();
        if book.client.as_ref().is_none_or(|(seated, _)| *seated != number) {
            return;
        }
        book.client = None;
        self.outlet.send_replace(None);
        if book.state == SessionState::Connected {
            book.state = SessionState::Disconnected;
        }
        self.tell_agent(notice::pause_publication());
    }

    /// To the agent; if it has ended, to nobody.
    pub(super) async fn relay(&self, frame: Bytes) {
        self.note_data(&frame);
        match &self.agent {
            AgentSide::Ours { .. } if self.is_agent_away() => {}
            AgentSide::Ours { frames, .. } => drop(frames.send(frame).await),
            AgentSide::Foreign(place) => place.relay(frame).await,
        }
    }

    /// Cuts the client's socket.
    pub(super) fn cut(&self) -> bool {
        let client = self.book().client.as_ref().map(|(_, cut)| cut.clone());
        client.inspect(CancellationToken::cancel).is_some()
    }

    pub(super) fn freeze(&self, frozen: bool) {
        self.frozen.send_replace(frozen);
    }

    /// Ends the session with these words for its user; empty: cleanly. Nothing happens if it is ending already.
    pub(super) fn end(&self, words: String) {
        let mut book = self.book();
        if book.state.is_over() || book.state == SessionState::Terminating {
            return;
        }
        book.state = SessionState::Terminating;
        book.words = Some(words);
        self.tell_agent(notice::channel_closed(&self.id, "", HeaderLength::Full));
        self.told_to_end.cancel();
    }

    /// What a client is told at the end; `None`: the session lives.
    pub(super) fn closure(&self) -> Option<Bytes> {
        self.book().closure.clone()
    }

    /// Cuts the link of the agent; false if it is cut already, or has none. A foreign one comes back when it likes.
    pub(super) fn cut_agent(&self) -> bool {
        match &self.agent {
            AgentSide::Foreign(place) => place.cut(),
            AgentSide::Ours { .. } => {
                let cut = !self.status().state.is_over() && !self.agent_away.swap(true, Ordering::Relaxed);
                if cut {
                    self.agent_left();
                }
                cut
            }
        }
    }

    /// An agent of ours has dialled anew. A pause does not outlive the link (`Reconnect`), but the service knows better.
    pub(super) fn agent_came_back(&self) {
        self.agent_away.store(false, Ordering::Relaxed);
        self.tell_agent(notice::start_publication());
        if self.book().client.is_none() {
            self.tell_agent(notice::pause_publication());
        }
        self.agent_arrived();
    }

    pub(super) fn is_agent_away(&self) -> bool {
        self.agent_away.load(Ordering::Relaxed)
    }

    /// The client is told that its agent is away. No client is known to mind.
    pub(super) fn agent_left(&self) {
        self.tell_client(notice::pause_publication());
    }

    /// The client is told that its agent is there.
    pub(super) fn agent_arrived(&self) {
        self.tell_client(notice::start_publication());
    }

    /// A client that does not read is not waited for.
    fn tell_client(&self, notice: Bytes) {
        if let Some(client) = &*self.outlet.borrow() {
            let _ = client.try_send(notice);
        }
    }

    fn over(&self, ending: agent::Ending) {
        let mut book = self.book();
        let failed = ending.failed && book.words.is_none();
        book.output = book.words.take().unwrap_or(ending.output);
        book.state = if failed { SessionState::Failed } else { SessionState::Terminated };
        book.ended = Some(Timestamp::now());
        book.closure = Some(notice::channel_closed(&self.id, &book.output, self.options.channel_closed));
        self.outlet.send_replace(None);
    }

    /// Waits until the session has been idle too long or lives too long, and says so.
    async fn expired(&self) -> &'static str {
        loop {
            let idle = self.book().last_data + self.idle_timeout;
            let oldest = self.max_duration.map(|max| self.born + max);
            let now = Instant::now();
            // The wording of the service is not known.
            if oldest.is_some_and(|oldest| oldest <= now) {
                return "Your session has reached its maximum duration";
            }
            if idle <= now {
                return "Your session timed out due to inactivity";
            }
            tokio::time::sleep_until(oldest.map_or(idle, |oldest| oldest.min(idle))).await;
        }
    }

    fn note_data(&self, frame: &[u8]) {
        let kind = frame.get(4..).unwrap_or_default();
        if kind.starts_with(b"input_stream_data") || kind.starts_with(b"output_stream_data") {
            self.book().last_data = Instant::now();
        }
    }

    fn agent_says(&self, state: &AgentSessionState) {
        let mut book = self.book();
        if state.state == "Terminating" && !book.state.is_over() {
            book.state = SessionState::Terminating;
        }
    }

    /// If the agent has ended there is nobody to tell.
    fn tell_agent(&self, notice: Bytes) {
        match &self.agent {
            AgentSide::Ours { control, .. } => drop(control.send(notice)),
            AgentSide::Foreign(place) => place.tell(notice),
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The life of a session, from the start of its agent until its shell is dead.
pub(super) async fn live(
    session: Arc<Session>,
    new: NewSession,
    wires: Wires,
    ssh: Arc<SshKeys>,
    shutdown: CancellationToken,
) {
    let setup = agent::Setup {
        session_id: new.id,
        target: new.target,
        agent_version: new.agent_version,
        plan: new.plan,
        kms: new.kms,
        recording: new.recording,
        unpaced: session.options.unpaced,
        shell_delay: session.options.shell_delay,
        node: agent::Node { name: new.name, platform: new.platform, shell: new.shell },
        ssh,
    };
    let uplink = Uplink { session: session.clone(), outlet: wires.outlet };
    let agent = agent::run(setup, wires.control, wires.from_client, uplink);
    until_over(session, agent, shutdown).await;
}

/// The life of a session with a foreign agent.
pub(super) async fn live_foreign(session: Arc<Session>, shutdown: CancellationToken) {
    let Some(place) = session.foreign() else { return };
    until_over(session.clone(), place.ending(), shutdown).await;
    place.close();
}

async fn until_over(
    session: Arc<Session>,
    agent: impl Future<Output = agent::Ending>,
    shutdown: CancellationToken,
) {
    let mut agent = std::pin::pin!(agent);
    let out_of_patience = async {
        session.told_to_end.cancelled().await;
        tokio::time::sleep(PATIENCE).await;
    };
    let mut out_of_patience = std::pin::pin!(out_of_patience);
    let mut expired = std::pin::pin!(session.expired());
    let mut cuts = std::pin::pin!(cut_again_and_again(&session));
    let mut expects_expiry = true;
    let ending = loop {
        tokio::select! {
            ending = &mut agent => break ending,
            () = &mut out_of_patience => break agent::Ending::default(),
            () = shutdown.cancelled() => break agent::Ending::default(),
            () = &mut cuts => {}
            words = &mut expired, if expects_expiry => {
                expects_expiry = false;
                session.end(words.to_owned());
            }
        }
    };
    session.over(ending);
}

/// Cuts the agent's link as often as a fault says; never ends.
async fn cut_again_and_again(session: &Session) {
    let every = session.options.faults.iter().find_map(|fault| match fault {
        Fault::CutAgent(every) => Some(*every),
        _ => None,
    });
    let Some(every) = every else { return std::future::pending().await };
    loop {
        tokio::time::sleep(every).await;
        if session.cut_agent() && session.foreign().is_none() {
            tokio::time::sleep(REDIAL).await;
            session.agent_came_back();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::message::{Checks, Frame, MessageType};
    use crate::sim::{agent::Uplink as _, gateway::Platform};

    fn session() -> (Arc<Session>, Wires) {
        let new = NewSession {
            id: "demo-1".to_owned(),
            target: "i-1".to_owned(),
            name: "web-1".to_owned(),
            platform: Platform::Linux,
            agent_version: "3.3.987.0".to_owned(),
            shell: None,
            plan: crate::sim::gateway::Plan::shell(),
            kms: None,
            recording: Default::default(),
            idle_timeout: None,
            max_duration: None,
        };
        let (session, wires) = Session::new(&new, 1, GatewayOptions::default());
        (Arc::new(session), wires)
    }

    fn notices(wires: &mut Wires) -> Vec<MessageType> {
        std::iter::from_fn(|| wires.control.try_recv().ok())
            .map(|bytes| Frame::parse(&bytes, Checks::Agent).unwrap().message_type)
            .collect()
    }

    #[tokio::test]
    async fn the_agent_is_paused_while_nobody_is_connected() {
        let (session, mut wires) = session();
        assert_eq!(notices(&mut wires), [MessageType::PausePublication]);
        let first = session.seat();
        assert_eq!(notices(&mut wires), [MessageType::StartPublication]);
        let second = session.seat();
        assert!(first.cut.is_cancelled(), "a session has one client");
        session.leave(first.number);
        assert_eq!(notices(&mut wires), [MessageType::StartPublication], "the former one is not missed");
        session.leave(second.number);
        assert_eq!(notices(&mut wires), [MessageType::PausePublication]);
        assert_eq!(session.status().state, SessionState::Disconnected);
    }

    #[tokio::test]
    async fn a_client_that_does_not_read_fills_its_queue_and_nothing_more() {
        let (session, wires) = session();
        let mut uplink = Uplink { session: session.clone(), outlet: wires.outlet };
        let frame = Bytes::from_static(b"frame");
        assert_eq!(uplink.offer(frame.clone()), None, "lost, since nobody is connected");
        let mut seat = session.seat();
        let taken = (0..).find(|_| uplink.offer(frame.clone()).is_some());
        assert_eq!(taken, Some(QUEUE));
        assert!(seat.frames.recv().await.is_some());
        uplink.room().await;
        assert_eq!(uplink.offer(frame.clone()), None);
        assert_eq!(uplink.offer(frame.clone()), Some(frame.clone()));
        session.leave(seat.number);
        uplink.room().await;
        assert_eq!(uplink.offer(frame), None, "a lost client does not block the agent");
    }

    #[tokio::test]
    async fn the_first_cause_of_an_end_wins() {
        let (session, mut wires) = session();
        session.end("The instance was terminated".to_owned());
        session.end(String::new());
        assert_eq!(notices(&mut wires), [MessageType::PausePublication, MessageType::ChannelClosed]);
        session.over(agent::Ending { output: "killed".to_owned(), failed: true });
        let status = session.status();
        assert_eq!(
            (status.state, status.output.as_str()),
            (SessionState::Terminated, "The instance was terminated")
        );
    }
}
