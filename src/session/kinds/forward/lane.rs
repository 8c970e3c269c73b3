//! One session of a forward: started, carried, started anew when it ended while the network was away.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{mpsc, watch},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{
    Opener,
    carry::Carry,
    event::{ForwardEvent, Traffic},
    socket::Socket,
};
use crate::session::{
    driver::{self, Options},
    event::End,
    kinds::{Running, far_words},
    message::{PortProperties, Size},
    service::{Retry, Service, ServiceError, SessionId, Ticket},
};

/// Attempts at the very first start: after that, nothing was ever there to be kept.
const FIRST_ATTEMPTS: u32 = 3;
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// For an answer to StartSession.
const START_LIMIT: Duration = Duration::from_secs(30);

/// What all parts of a forward share.
pub(super) struct Shared {
    pub(super) service: Arc<dyn Service>,
    pub(super) opener: Arc<dyn Opener>,
    pub(super) events: mpsc::Sender<ForwardEvent>,
    pub(super) counters: Counters,
    /// Tells that nothing need wait for its next attempt.
    pub(super) hurry: watch::Sender<()>,
    /// Everything is to end.
    pub(super) end: CancellationToken,
}

impl Shared {
    /// Waits while the owner is slow; goes on when it is gone.
    pub(super) async fn tell(&self, event: ForwardEvent) {
        let _ = self.events.send(event).await;
    }
}

/// Totals of the forward.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) sent: AtomicU64,
    pub(super) received: AtomicU64,
    pub(super) open: AtomicUsize,
    pub(super) accepted: AtomicU64,
}

impl Counters {
    pub(super) fn traffic(&self) -> Traffic {
        Traffic {
            sent: self.sent.load(Ordering::Relaxed),
            received: self.received.load(Ordering::Relaxed),
            open: self.open.load(Ordering::Relaxed),
            accepted: self.accepted.load(Ordering::Relaxed),
        }
    }
}

/// A connection on its way to a lane. Counts as open until it is dropped.
pub(super) struct Arrival {
    pub(super) connection: u64,
    pub(super) socket: Socket,
    pub(super) seat: Seat,
}

/// A place in the counts of the lane and of the forward.
pub(super) struct Seat {
    pub(super) shared: Arc<Shared>,
    pub(super) load: Arc<AtomicUsize>,
}

impl Seat {
    pub(super) fn take(shared: Arc<Shared>, load: Arc<AtomicUsize>) -> Self {
        shared.counters.open.fetch_add(1, Ordering::Relaxed);
        shared.counters.accepted.fetch_add(1, Ordering::Relaxed);
        load.fetch_add(1, Ordering::Relaxed);
        Self { shared, load }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.shared.counters.open.fetch_sub(1, Ordering::Relaxed);
        self.load.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One lane's task.
pub(super) struct Lane {
    pub(super) index: usize,
    pub(super) shared: Arc<Shared>,
    pub(super) arrivals: mpsc::UnboundedReceiver<Arrival>,
    /// Told once the first session runs: what the document says.
    pub(super) ready: mpsc::Sender<PortProperties>,
}

/// What follows the end of a session.
enum Verdict {
    Over(End),
    /// A new one, now.
    Anew(String),
    /// A new one, when somebody wants it.
    WhenWanted,
}

impl Lane {
    /// Runs until the lane is over for good; why.
    pub(super) async fn run(mut self) -> (usize, End) {
        let end = self.live().await;
        let index = self.index;
        // Whoever still waits to be carried.
        self.arrivals.close();
        while let Some(arrival) = self.arrivals.recv().await {
            let connection = arrival.connection;
            arrival.socket.reset();
            self.shared.tell(super::carry::lost(connection, 0, 0)).await;
        }
        (index, end)
    }

    async fn live(&mut self) -> End {
        let end = self.shared.end.clone();
        let mut ran = false;
        let mut waiting = None;
        loop {
            let running = match self.shared.opener.running() {
                Some(running) => running,
                None => tokio::select! {
                    () = end.cancelled() => return End::Terminated,
                    started = self.start(ran) => match started {
                        Ok((ticket, target)) => self.open(ticket, target),
                        Err(end) => return end,
                    },
                },
            };
            let mut carry = Carry::new(self, running, ran, waiting.take());
            let over = carry.run().await;
            ran |= carry.ran;
            let port = carry.port.take();
            drop(carry);
            match verdict(over, port.as_ref(), ran && self.shared.opener.again()) {
                Verdict::Over(end) => return end,
                Verdict::Anew(cause) => {
                    let (lane, attempt) = (self.index, 1);
                    self.shared.tell(ForwardEvent::Reconnecting { lane, attempt, cause }).await;
                }
                Verdict::WhenWanted => {
                    let words = "the session was idle for so long that it was ended; the next connection starts a new one";
                    self.shared.tell(ForwardEvent::Notice(words.to_owned())).await;
                    waiting = tokio::select! {
                        () = end.cancelled() => return End::Terminated,
                        arrival = self.arrivals.recv() => arrival,
                    };
                }
            }
        }
    }

    fn open(&self, ticket: Ticket, target: String) -> Running {
        let id = ticket.session_id.clone();
        let options = Options { size: Size { cols: 80, rows: 24 }, target };
        let (commands, events) = driver::open(ticket, self.shared.service.clone(), options);
        Running { id, commands, events }
    }

    /// StartSession, again and again if need be.
    async fn start(&self, ran: bool) -> Result<(Ticket, String), End> {
        let mut wait = FIRST_WAIT;
        let mut hurry = self.shared.hurry.subscribe();
        for attempt in 1.. {
            let error = match timeout(START_LIMIT, self.shared.opener.start()).await {
                Ok(Ok(started)) => return Ok(started),
                Ok(Err(error)) => error,
                Err(_) => {
                    ServiceError { summary: "no answer from Systems Manager".to_owned(), retry: Retry::Later }
                }
            };
            if error.retry == Retry::Never {
                return Err(End::Refused(error.summary));
            }
            if !ran && attempt == FIRST_ATTEMPTS {
                return Err(End::Lost(error.summary));
            }
            let cause = error.summary;
            let event = ForwardEvent::Reconnecting { lane: self.index, attempt: attempt + 1, cause };
            self.shared.tell(event).await;
            let _ = timeout(wait, hurry.changed()).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
        unreachable!("attempts do not run out")
    }
}

fn verdict(end: End, port: Option<&PortProperties>, again: bool) -> Verdict {
    match end {
        End::TimedOut if again => {
            Verdict::Anew("the session was ended while the connection was away".to_owned())
        }
        End::Lost(cause) if again => Verdict::Anew(cause),
        End::Closed { output } if again && is_idle_end(&output) => Verdict::WhenWanted,
        end => Verdict::Over(far_words(end, port.map(|port| port.port.as_str()))),
    }
}

/// Whether the service ended the session since nobody used it. What AWS says then is not documented; this is what
/// people report.
fn is_idle_end(output: &str) -> bool {
    let output = output.to_ascii_lowercase();
    ["inactivity", "idle"].iter().any(|word| output.contains(word))
}

/// Names a lane's session in events.
pub(super) fn lane_event(
    lane: usize,
    id: SessionId,
    agent_version: Option<String>,
    mode: super::Mode,
) -> ForwardEvent {
    ForwardEvent::Lane { lane, id, agent_version, mode }
}
