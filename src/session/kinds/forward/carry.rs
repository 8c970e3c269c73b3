//! One session's life in a lane, in one task: local sockets on one side, the session's commands and events on the other.
//!
//! Sockets are read and written without waiting; what is not ready is watched. So a piece of data costs one wake-up.

use std::{
    collections::{HashMap, VecDeque},
    future::Future,
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use bytes::{BufMut, BytesMut};
use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::{
    sync::mpsc,
    time::{sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    event::{ForwardEvent, Outcome},
    lane::{Arrival, Lane, Seat, Shared, lane_event},
    socket::Socket,
};
use crate::session::{
    driver::Commands,
    event::{End, Event},
    kinds::{
        Running,
        basic::Out,
        carrier::{Abilities, Carrier},
        mux::{StreamId, Told},
    },
    message::{Flag, PortProperties, SessionType, smux::HEADER_LENGTH},
    service::SessionId,
};

/// Data in one frame. Small enough that connections take turns, large enough that the header does not count.
const PIECE: usize = 8 * 1024;
/// Allocated at a time for several pieces.
const BLOCK: usize = 8 * (PIECE + HEADER_LENGTH);
/// Slices of one write.
const SLICES: usize = 32;
/// Events taken in a row.
const BATCH: usize = 64;
/// How long the agent gets to end the session by itself when it is told to.
const LEAVE: Duration = Duration::from_secs(1);

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

struct Connection {
    id: u64,
    socket: Arc<Socket>,
    /// Ends the watching of the socket.
    gone: CancellationToken,
    sent: u64,
    received: u64,
    /// Waits until the socket can be written.
    blocked: bool,
    _seat: Seat,
}

enum Ready {
    Read(StreamId),
    Write(StreamId),
    /// The program has left.
    Left(StreamId),
    /// Was watched, and is closed.
    Gone,
}

/// What of a socket is waited for.
#[derive(Clone, Copy)]
enum Watch {
    Read,
    Write,
    Left,
}

/// What is on its way to the session and had no room at once.
enum Sending {
    Bytes,
    Disconnect,
}

/// A session that carries connections.
pub(super) struct Carry<'a> {
    lane: &'a mut Lane,
    shared: Arc<Shared>,
    commands: Commands,
    events: mpsc::Receiver<Event>,
    id: SessionId,
    /// A session of this lane ran before.
    again: bool,
    /// This one ran.
    pub(super) ran: bool,
    pub(super) port: Option<PortProperties>,
    agent_version: Option<String>,
    abilities: Abilities,
    carrier: Option<Carrier>,
    waiting: Option<Arrival>,
    connections: HashMap<StreamId, Connection>,
    readiness: FuturesUnordered<Boxed<Ready>>,
    /// Sockets that can be read.
    readable: VecDeque<StreamId>,
    /// Sockets that can be written again.
    unblocked: Vec<StreamId>,
    /// Programs that have left.
    left: Vec<StreamId>,
    sending: Option<(Sending, Boxed<()>)>,
    buffer: BytesMut,
}

/// The event for a connection whose session is over.
pub(super) fn lost(connection: u64, sent: u64, received: u64) -> ForwardEvent {
    ForwardEvent::Closed { connection, sent, received, outcome: Outcome::Lost }
}

impl<'a> Carry<'a> {
    pub(super) fn new(
        lane: &'a mut Lane,
        Running { id, commands, events }: Running,
        again: bool,
        waiting: Option<Arrival>,
    ) -> Self {
        Self {
            shared: lane.shared.clone(),
            lane,
            commands,
            events,
            id,
            again,
            ran: false,
            port: None,
            agent_version: None,
            abilities: Abilities::of(None),
            carrier: None,
            waiting,
            connections: HashMap::new(),
            readiness: FuturesUnordered::new(),
            readable: VecDeque::new(),
            unblocked: Vec::new(),
            left: Vec::new(),
            sending: None,
            buffer: BytesMut::new(),
        }
    }

    /// Runs until the session is over; why.
    pub(super) async fn run(&mut self) -> End {
        let end = self.work().await;
        for (_, connection) in std::mem::take(&mut self.connections) {
            let event = lost(connection.id, connection.sent, connection.received);
            self.release(connection, Socket::reset).await;
            self.shared.tell(event).await;
        }
        if let Some(waiting) = self.waiting.take() {
            waiting.socket.reset();
            self.shared.tell(lost(waiting.connection, 0, 0)).await;
        }
        end
    }

    async fn work(&mut self) -> End {
        let token = self.shared.end.clone();
        let mut hurry = self.shared.hurry.subscribe();
        loop {
            self.pass_on().await;
            let carrier = self.carrier.as_ref();
            let reading = carrier.is_none_or(Carrier::is_reading);
            let opening = carrier.is_some_and(Carrier::can_open);
            let wake = carrier.and_then(Carrier::poll_timeout);
            if opening && let Some(arrival) = self.waiting.take() {
                self.open(arrival);
                continue;
            }
            let sending = self.sending.is_some();
            tokio::select! {
                () = token.cancelled() => return self.leave().await,
                Ok(()) = hurry.changed() => self.commands.hurry(),
                () = sent(&mut self.sending), if sending => {
                    if let Some((Sending::Disconnect, _)) = self.sending.take()
                        && let Some(carrier) = &mut self.carrier
                    {
                        carrier.disconnected(now());
                    }
                }
                event = self.events.recv(), if reading => {
                    if event.is_none() {
                        return End::Lost("the session broke off".to_owned());
                    }
                    let mut next = event;
                    let mut taken = 0;
                    while let Some(event) = next.take() {
                        if let Some(end) = self.handle(event).await {
                            return end;
                        }
                        taken += 1;
                        if taken < BATCH {
                            next = self.events.try_recv().ok();
                        }
                    }
                }
                Some(ready) = self.readiness.next() => self.note(ready),
                arrival = self.lane.arrivals.recv(), if opening => if let Some(arrival) = arrival {
                    self.open(arrival);
                } else {
                    return self.leave().await;
                },
                () = sleep_until(wake.unwrap_or_else(now).into()), if wake.is_some() => {
                    if let Some(carrier) = &mut self.carrier {
                        carrier.handle_timeout(now());
                    }
                }
            }
        }
    }

    /// Moves what can be moved without waiting.
    async fn pass_on(&mut self) {
        loop {
            self.transmit();
            while let Some(stream) = self.unblocked.pop() {
                self.write(stream).await;
            }
            while let Some(stream) = self.left.pop() {
                self.leave_stream(stream).await;
            }
            self.flush().await;
            let room = self.carrier.as_ref().is_some_and(Carrier::has_room);
            match self.readable.pop_front() {
                Some(stream) if room => self.read(stream).await,
                Some(stream) => {
                    self.readable.push_front(stream);
                    return;
                }
                None => return self.transmit(),
            }
        }
    }

    /// Gives the session what it has room for.
    fn transmit(&mut self) {
        while self.sending.is_none()
            && let Some(out) = self.carrier.as_mut().and_then(Carrier::poll_transmit)
        {
            let commands = self.commands.clone();
            match out {
                Out::Bytes(bytes) => {
                    if let Err(full) = self.commands.try_input(bytes) {
                        let future = Box::pin(async move { commands.input(full.0).await });
                        self.sending = Some((Sending::Bytes, future));
                    }
                }
                Out::Disconnect => {
                    let future = Box::pin(async move {
                        commands.flag(Flag::DisconnectToPort).await;
                        commands.drained().await;
                    });
                    self.sending = Some((Sending::Disconnect, future));
                }
            }
        }
    }

    /// Handles an event of the session; its end, if it is that.
    async fn handle(&mut self, event: Event) -> Option<End> {
        let lane = self.lane.index;
        let told = match event {
            Event::Output(bytes) => {
                let handled = self.carrier.as_mut().map(|carrier| carrier.handle(now(), bytes));
                if let Some(Err(error)) = handled {
                    self.commands.end();
                    return Some(End::Protocol(error.to_string()));
                }
                self.flush().await;
                return None;
            }
            Event::Flag(Flag::ConnectToPortError) => {
                if let Some(carrier) = &mut self.carrier {
                    carrier.handle_refusal();
                }
                return None;
            }
            Event::Handshaken { agent_version, session_type } => {
                let SessionType::Port(port) = session_type else {
                    self.commands.end();
                    let kind = session_type.as_str();
                    return Some(End::Refused(format!("the document starts {kind}, no port forwarding")));
                };
                self.abilities = Abilities::of(agent_version.as_deref());
                if !port.forwards() {
                    // The agent carries one stream and nothing around it.
                    self.abilities.mode = super::Mode::Basic;
                }
                self.carrier = None;
                self.agent_version = agent_version;
                self.port = Some(port);
                return None;
            }
            Event::Ready => {
                let Some(port) = &self.port else {
                    self.commands.end();
                    return Some(End::Refused("the document starts a shell, no port forwarding".to_owned()));
                };
                self.ran = true;
                self.carrier = Some(Carrier::new(now(), self.abilities));
                let id = self.id.clone();
                if self.again {
                    ForwardEvent::Restarted { lane, id }
                } else {
                    // The first to be ready opens the listener.
                    let _ = self.lane.ready.try_send(port.clone());
                    lane_event(lane, id, self.agent_version.clone(), self.abilities.mode)
                }
            }
            Event::Notice(words) => ForwardEvent::Notice(words),
            Event::Reconnecting { attempt, cause } => ForwardEvent::Reconnecting { lane, attempt, cause },
            Event::Resumed { away } => ForwardEvent::Resumed { lane, away },
            Event::Silent { .. } => ForwardEvent::Silent { lane },
            Event::Answering => ForwardEvent::Answering { lane },
            Event::Ended(end) => return Some(end),
            _ => return None,
        };
        self.shared.tell(told).await;
        None
    }

    /// Hands over what has come, so that a batch of messages does not pile up.
    async fn flush(&mut self) {
        while let Some(told) = self.carrier.as_mut().and_then(Carrier::poll) {
            match told {
                Told::Readable(stream) => self.write(stream).await,
                Told::Finished(stream) => self.close(stream, Outcome::Finished).await,
                Told::Silent(stream) => self.close(stream, Outcome::Left).await,
                Told::Unread(stream) => self.close(stream, Outcome::Unread).await,
                Told::Refused(stream) => self.refuse(stream).await,
            }
        }
    }

    fn open(&mut self, arrival: Arrival) {
        let Some(carrier) = &mut self.carrier else { return };
        let stream = carrier.open();
        let connection = Connection {
            id: arrival.connection,
            socket: Arc::new(arrival.socket),
            gone: CancellationToken::new(),
            sent: 0,
            received: 0,
            blocked: false,
            _seat: arrival.seat,
        };
        self.connections.insert(stream, connection);
        self.watch(stream, Watch::Read);
    }

    /// Waits, beside everything else, for something to happen to a socket.
    fn watch(&self, stream: StreamId, watch: Watch) {
        let Some(connection) = self.connections.get(&stream) else { return };
        let (socket, gone) = (connection.socket.clone(), connection.gone.clone());
        self.readiness.push(Box::pin(async move {
            let happening = async {
                // Errors show when the socket is used.
                match watch {
                    Watch::Read => drop(socket.readable().await),
                    Watch::Write => drop(socket.writable().await),
                    Watch::Left => socket.gone().await,
                }
            };
            tokio::select! {
                () = gone.cancelled() => Ready::Gone,
                () = happening => match watch {
                    Watch::Read => Ready::Read(stream),
                    Watch::Write => Ready::Write(stream),
                    Watch::Left => Ready::Left(stream),
                },
            }
        }));
    }

    async fn leave_stream(&mut self, stream: StreamId) {
        if let Some(carrier) = &mut self.carrier {
            carrier.close(stream);
        }
        self.close(stream, Outcome::Left).await;
    }

    fn note(&mut self, ready: Ready) {
        match ready {
            Ready::Read(stream) => self.readable.push_back(stream),
            Ready::Write(stream) => {
                if let Some(connection) = self.connections.get_mut(&stream) {
                    connection.blocked = false;
                    self.unblocked.push(stream);
                }
            }
            Ready::Left(stream) => self.left.push(stream),
            Ready::Gone => {}
        }
    }

    /// Reads one piece from a socket that is said to have one.
    async fn read(&mut self, stream: StreamId) {
        let Some(connection) = self.connections.get_mut(&stream) else { return };
        if self.buffer.capacity() < HEADER_LENGTH + PIECE {
            self.buffer = BytesMut::with_capacity(BLOCK);
        }
        self.buffer.put_bytes(0, HEADER_LENGTH);
        let read = connection.socket.try_read(&mut (&mut self.buffer).limit(PIECE));
        let frame = self.buffer.split();
        let Some(carrier) = &mut self.carrier else { return };
        match read {
            Ok(0) => {
                carrier.local_ended(now(), stream);
                self.watch(stream, Watch::Left);
            }
            Ok(count) => {
                connection.sent += count as u64;
                self.shared.counters.sent.fetch_add(count as u64, Ordering::Relaxed);
                carrier.send(stream, frame);
                // Perhaps more; the others come first.
                if count == PIECE { self.readable.push_back(stream) } else { self.watch(stream, Watch::Read) }
            }
            Err(error) if would_block(&error) => self.watch(stream, Watch::Read),
            Err(_) => self.leave_stream(stream).await,
        }
    }

    /// Writes what is there for a local program, as far as it takes it.
    async fn write(&mut self, stream: StreamId) {
        loop {
            let Some(connection) = self.connections.get_mut(&stream).filter(|one| !one.blocked) else {
                return;
            };
            let Some(carrier) = &mut self.carrier else { return };
            let mut slices = [IoSlice::new(&[]); SLICES];
            let count = carrier.slices(stream, &mut slices);
            if count == 0 {
                return;
            }
            match connection.socket.try_write(&slices[..count]) {
                Ok(count) => {
                    connection.received += count as u64;
                    self.shared.counters.received.fetch_add(count as u64, Ordering::Relaxed);
                    carrier.consume(stream, count);
                }
                Err(error) if would_block(&error) => {
                    connection.blocked = true;
                    return self.watch(stream, Watch::Write);
                }
                Err(_) => return self.leave_stream(stream).await,
            }
        }
    }

    /// The carrier has no such stream any more; now the connection goes, too.
    async fn close(&mut self, stream: StreamId, outcome: Outcome) {
        let Some(connection) = self.connections.remove(&stream) else { return };
        let (id, sent, received) = (connection.id, connection.sent, connection.received);
        let how = if outcome == Outcome::Finished { Socket::finish } else { Socket::reset };
        self.release(connection, how).await;
        self.shared.tell(ForwardEvent::Closed { connection: id, sent, received, outcome }).await;
    }

    async fn refuse(&mut self, stream: StreamId) {
        let Some(connection) = self.connections.remove(&stream) else { return };
        let id = connection.id;
        self.release(connection, Socket::reset).await;
        let why = match &self.port {
            Some(PortProperties { port, host: Some(host), .. }) => {
                format!("the instance cannot connect to port {port} of {host}")
            }
            Some(PortProperties { port, .. }) => format!("nothing listens on port {port} of the instance"),
            None => "the instance cannot connect".to_owned(),
        };
        self.shared.tell(ForwardEvent::Refused { connection: id, why }).await;
    }

    /// Gets the socket back from those who watch it, and closes it.
    async fn release(&mut self, connection: Connection, how: fn(Socket)) {
        connection.gone.cancel();
        let mut socket = connection.socket;
        loop {
            match Arc::try_unwrap(socket) {
                Ok(socket) => return how(socket),
                Err(shared) => socket = shared,
            }
            match self.readiness.next().await {
                Some(ready) => self.note(ready),
                None => return,
            }
        }
    }

    /// Ends the session in the way the agent knows.
    async fn leave(&mut self) -> End {
        if self.ran && self.abilities.terminate_flag {
            let commands = self.commands.clone();
            let goodbye = async {
                commands.flag(Flag::TerminateSession).await;
                while !matches!(self.events.recv().await, None | Some(Event::Ended(_))) {}
            };
            let _ = timeout(LEAVE, goodbye).await;
        }
        self.commands.end();
        while !matches!(self.events.recv().await, None | Some(Event::Ended(_))) {}
        End::Terminated
    }
}

async fn sent(sending: &mut Option<(Sending, Boxed<()>)>) {
    if let Some((_, future)) = sending {
        future.await;
    }
}

fn would_block(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// The runtime's clock, which tests can hold.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
