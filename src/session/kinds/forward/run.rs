//! The forward's own task: the listener, the choice of a lane, the totals, the end.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};

use super::{
    event::{ForwardEvent, Listen, Plan, Traffic},
    lane::{Arrival, Lane, Seat, Shared},
    listen::Listener,
};
use crate::session::{event::End, message::PortProperties};

/// Between two totals.
const TRAFFIC_PACE: Duration = Duration::from_millis(250);
/// Connections at a time; more wait in the listener.
const CONNECTIONS: usize = 2048;
/// After a failed accept: too many open files, mostly.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// A lane as seen from here.
struct Entry {
    index: usize,
    arrivals: mpsc::UnboundedSender<Arrival>,
    load: Arc<AtomicUsize>,
}

/// Runs a forward until it is over.
pub(super) async fn run(plan: Plan, shared: Arc<Shared>) {
    let end = live(plan, &shared).await;
    shared.end.cancel();
    shared.tell(ForwardEvent::Ended(end)).await;
}

async fn live(plan: Plan, shared: &Arc<Shared>) -> End {
    // Before any session is started, where it can be.
    let bound = match &plan.listen {
        Listen::Tcp { host, port } => Some(Listener::tcp(host, *port).await),
        Listen::Unix(path) => Some(Listener::unix(path).await),
        Listen::Document { .. } => None,
    };
    let mut bound = match bound.transpose() {
        Ok(bound) => bound,
        Err(why) => return End::Refused(why),
    };

    let (ready_in, mut ready) = mpsc::channel(1);
    let mut tasks = JoinSet::new();
    let mut lanes: Vec<Entry> = Vec::new();
    for index in 0..plan.lanes.max(1) {
        let (sender, arrivals) = mpsc::unbounded_channel();
        lanes.push(Entry { index, arrivals: sender, load: Arc::default() });
        tasks.spawn(Lane { index, shared: shared.clone(), arrivals, ready: ready_in.clone() }.run());
    }
    drop(ready_in);

    let mut listener: Option<Listener> = None;
    let mut told = Traffic::default();
    let mut told_at = Instant::now();
    let mut connection = 0;
    let mut over: Option<End> = None;
    loop {
        let counters = &shared.counters;
        let accepting = listener.is_some() && counters.open.load(Ordering::Relaxed) < CONNECTIONS;
        let totals = counters.traffic();
        let ticking = totals != told || totals.open > 0;
        tokio::select! {
            () = shared.end.cancelled() => break,
            Some(port) = ready.recv(), if listener.is_none() => {
                let opened = match (&plan.listen, bound.take()) {
                    (_, Some(bound)) => Ok(bound),
                    (Listen::Document { host }, None) => by_document(host, &port).await,
                    (_, None) => continue,
                };
                match opened {
                    Ok(opened) => {
                        shared.tell(ForwardEvent::Listening { address: opened.address() }).await;
                        listener = Some(opened);
                    }
                    Err(why) => {
                        over = Some(End::Refused(why));
                        break;
                    }
                }
            }
            accepted = accept(&listener), if accepting => match accepted {
                Ok((socket, peer)) => {
                    let Some(entry) = lanes.iter().min_by_key(|entry| entry.load.load(Ordering::Relaxed)) else {
                        continue;
                    };
                    connection += 1;
                    let seat = Seat::take(shared.clone(), entry.load.clone());
                    shared.tell(ForwardEvent::Accepted { connection, peer, lane: entry.index }).await;
                    if let Err(mpsc::error::SendError(arrival)) = entry.arrivals.send(Arrival { connection, socket, seat }) {
                        // The lane is ending at this moment.
                        arrival.socket.reset();
                        shared.tell(super::carry::lost(connection, 0, 0)).await;
                    }
                }
                Err(error) => {
                    shared.tell(ForwardEvent::Notice(format!("a connection could not be accepted: {error}"))).await;
                    sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(done) = tasks.join_next() => {
                let (index, end) = done.unwrap_or((usize::MAX, End::Lost("a task of the forward broke off".to_owned())));
                lanes.retain(|entry| entry.index != index);
                if lanes.is_empty() || index == usize::MAX {
                    over = Some(end);
                    break;
                }
                let left = lanes.len();
                shared.tell(ForwardEvent::Notice(format!("lane {index}: {end}; {left} left"))).await;
            }
            () = sleep_until(told_at + TRAFFIC_PACE), if ticking => {
                told_at = Instant::now();
                if totals != told && shared.events.try_send(ForwardEvent::Traffic(totals)).is_ok() {
                    told = totals;
                }
            }
        }
    }
    // Nobody new; then the sessions.
    drop(listener);
    drop(lanes);
    shared.end.cancel();
    let mut last = None;
    while let Some(done) = tasks.join_next().await {
        last = done.ok().map(|(_, end)| end);
    }
    let totals = shared.counters.traffic();
    if totals != told {
        shared.tell(ForwardEvent::Traffic(totals)).await;
    }
    over.or(last).unwrap_or(End::Terminated)
}

async fn accept(listener: &Option<Listener>) -> std::io::Result<(super::socket::Socket, String)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => pending().await,
    }
}

/// As the document's properties say.
async fn by_document(host: &str, port: &PortProperties) -> Result<Listener, String> {
    if port.local_connection_type.as_deref() == Some("unix")
        && let Some(path) = &port.local_unix_socket
    {
        return Listener::unix(path.as_ref()).await;
    }
    let number = match port.local_port.as_deref() {
        None => 0,
        Some(text) => text.parse().map_err(|_| format!("`{text}` is no local port"))?,
    };
    Listener::tcp(host, number).await
}
