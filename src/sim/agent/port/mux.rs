//! Many connections in one session (`port_mux.go`, xtaci/smux 1.5 as a server): the client opens streams, each is dialled here.
//!
//! ```text
//!  input ──▶ [receive] ── streams, shared 4 MiB ──▶ [connection] ⇄ TCP
//!                └── opened ──▶ [accept: dials one after another]   │
//!  output ◀── [send: 1024 bytes a time, paced] ◀── frames ◀────────┘
//! ```
//!
//! A FIN closes both ways, whoever sends it. There is no flow control for one stream: what nobody takes stops them all.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, split},
    sync::{Notify, mpsc},
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use super::{Destination, Stream};
use crate::{
    session::message::{
        Flag, PayloadType, STREAM_PAYLOAD_LIMIT,
        smux::{Decoder, Frame, MAX_DATA, SmuxError},
    },
    sim::agent::{
        handler::{self, End, Handler, Input, Output},
        pace::Pace,
    },
};

/// What all streams together may hold before nothing more is read (`MaxReceiveBuffer`).
const RECEIVE_BUFFER: usize = 4 << 20;
/// Streams that wait to be dialled (`defaultAcceptBacklog`).
const BACKLOG: usize = 1024;
/// Frames that wait to be sent; the official agent has a socket pair there.
const FRAMES: usize = 8;
/// What is written to a connection at once.
const MOST_AT_ONCE: usize = 64 << 10;
const KEEP_ALIVE: Duration = Duration::from_secs(10);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(30);

/// Starts a session; it is ready at once.
pub(super) fn start(destination: Destination, unpaced: bool, keeps_alive: bool) -> Handler {
    handler::spawn(move |input, output| run(destination, unpaced, keeps_alive, input, output))
}

async fn run(
    destination: Destination,
    unpaced: bool,
    keeps_alive: bool,
    mut input: mpsc::Receiver<Input>,
    output: mpsc::Sender<Output>,
) -> End {
    let (frames, to_send) = mpsc::channel(FRAMES);
    let (opened, to_dial) = mpsc::channel(BACKLOG);
    let shared = Arc::new(Shared::new(frames));
    tokio::select! {
        end = receive(&shared, &mut input, opened) => match end {
            Received::Ended => End::closed(),
            Received::Broken(error) => {
                tracing::debug!(%error, "the client does not speak smux");
                End::failed("")
            }
        },
        () = accept(&shared, destination, to_dial, &output) => End::closed(),
        () = send(to_send, &output, Pace::new(unpaced)) => End::closed(),
        () = keep_alive(&shared), if keeps_alive => End::failed(""),
    }
}

/// What the parts of one session share.
struct Shared {
    streams: Mutex<Streams>,
    /// Room in the buffer.
    room: Notify,
    frames: mpsc::Sender<Frame>,
    /// Whether anything came since the last look.
    heard: AtomicBool,
}

#[derive(Default)]
struct Streams {
    by_id: HashMap<u32, Arc<Mailbox>>,
    buffered: usize,
}

/// What came for one stream.
#[derive(Default)]
struct Mailbox {
    inside: Mutex<Inside>,
    news: Notify,
    /// This side has closed it.
    closed: CancellationToken,
}

#[derive(Default)]
struct Inside {
    waiting: VecDeque<Bytes>,
    finished: bool,
}

impl Mailbox {
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What came next, as much of it as is good to write at once; `None`: the client has closed the stream.
    async fn next(&self) -> Option<Bytes> {
        loop {
            let news = self.news.notified();
            {
                let mut inside = self.inside();
                if let Some(first) = inside.waiting.pop_front() {
                    if inside.waiting.is_empty() {
                        return Some(first);
                    }
                    let mut bytes = BytesMut::from(&first[..]);
                    while let Some(next) =
                        inside.waiting.front().filter(|next| bytes.len() + next.len() <= MOST_AT_ONCE)
                    {
                        bytes.extend_from_slice(next);
                        inside.waiting.pop_front();
                    }
                    return Some(bytes.freeze());
                }
                if inside.finished {
                    return None;
                }
            }
            news.await;
        }
    }
}

impl Shared {
    fn new(frames: mpsc::Sender<Frame>) -> Self {
        Self { streams: Mutex::default(), room: Notify::new(), frames, heard: AtomicBool::new(false) }
    }

    fn streams(&self) -> MutexGuard<'_, Streams> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until what came before has been taken.
    async fn has_room(&self) {
        loop {
            let room = self.room.notified();
            if self.streams().buffered < RECEIVE_BUFFER {
                return;
            }
            room.await;
        }
    }

    fn returned(&self, length: usize) {
        let mut streams = self.streams();
        streams.buffered = streams.buffered.saturating_sub(length);
        drop(streams);
        self.room.notify_one();
    }

    /// This side closes a stream: what it still holds is thrown away, and the client is told.
    async fn close(&self, stream: u32) {
        let mailbox = self.streams().by_id.remove(&stream);
        if let Some(mailbox) = mailbox {
            mailbox.closed.cancel();
            let left: usize = mailbox.inside().waiting.drain(..).map(|bytes| bytes.len()).sum();
            self.returned(left);
            // Without a receiver the session is over.
            let _ = self.frames.send(Frame::Close { stream }).await;
        }
    }
}

enum Received {
    Ended,
    Broken(SmuxError),
}

/// From the client to the streams.
async fn receive(
    shared: &Shared,
    input: &mut mpsc::Receiver<Input>,
    opened: mpsc::Sender<(u32, Arc<Mailbox>)>,
) -> Received {
    let mut decoder = Decoder::new();
    loop {
        shared.has_room().await;
        match input.recv().await {
            None | Some(Input::Flag(Flag::TerminateSession)) => return Received::Ended,
            Some(Input::Data(bytes)) => decoder.push(bytes),
            // There is no one connection that the other flag could mean.
            Some(Input::Flag(_) | Input::Size(_) | Input::Signal(_)) => continue,
        }
        shared.heard.store(true, Ordering::Relaxed);
        loop {
            match decoder.pop() {
                Err(error) => return Received::Broken(error),
                Ok(None) => break,
                Ok(Some(Frame::KeepAlive)) => {}
                Ok(Some(Frame::Open { stream })) => {
                    let mailbox = Arc::new(Mailbox::default());
                    let is_new = {
                        let mut streams = shared.streams();
                        let is_new = !streams.by_id.contains_key(&stream);
                        if is_new {
                            streams.by_id.insert(stream, Arc::clone(&mailbox));
                        }
                        is_new
                    };
                    if is_new && opened.send((stream, mailbox)).await.is_err() {
                        return Received::Ended;
                    }
                }
                Ok(Some(Frame::Close { stream })) => {
                    let mailbox = shared.streams().by_id.get(&stream).cloned();
                    if let Some(mailbox) = mailbox {
                        mailbox.inside().finished = true;
                        mailbox.news.notify_one();
                    }
                }
                // Data for a stream that is not there is thrown away.
                Ok(Some(Frame::Data { stream, bytes })) => {
                    let mut streams = shared.streams();
                    if let Some(mailbox) = streams.by_id.get(&stream).cloned() {
                        streams.buffered += bytes.len();
                        mailbox.inside().waiting.push_back(bytes);
                        mailbox.news.notify_one();
                    }
                }
            }
        }
    }
}

/// Dials for the streams, one after another, and serves them.
async fn accept(
    shared: &Arc<Shared>,
    destination: Destination,
    mut opened: mpsc::Receiver<(u32, Arc<Mailbox>)>,
    output: &mpsc::Sender<Output>,
) {
    let mut connections = JoinSet::new();
    while let Some((stream, mailbox)) = opened.recv().await {
        while connections.try_join_next().is_some() {}
        match destination.dial().await {
            Ok(connection) => {
                let shared = Arc::clone(shared);
                connections.spawn(serve(shared, stream, mailbox, connection));
            }
            Err(error) => {
                tracing::debug!(%error, stream, "unable to dial");
                let flag = Flag::ConnectToPortError.encode();
                if output.send(Output::Data(PayloadType::Flag, flag)).await.is_err() {
                    return;
                }
                shared.close(stream).await;
            }
        }
    }
}

/// One stream and its connection.
async fn serve(shared: Arc<Shared>, stream: u32, mailbox: Arc<Mailbox>, connection: Box<dyn Stream>) {
    let (mut reader, mut writer) = split(connection);
    let to_port = async {
        while let Some(bytes) = mailbox.next().await {
            let written = writer.write_all(&bytes).await;
            shared.returned(bytes.len());
            if written.is_err() {
                return;
            }
        }
        let _ = writer.flush().await;
    };
    let from_port = async {
        let mut buffer = BytesMut::new();
        loop {
            buffer.resize(MAX_DATA, 0);
            let length = match reader.read(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(length) => length,
            };
            let bytes = buffer.split_to(length).freeze();
            if shared.frames.send(Frame::Data { stream, bytes }).await.is_err() {
                return;
            }
        }
    };
    // Whichever ends first ends the other.
    tokio::select! {
        () = to_port => {}
        () = from_port => {}
        () = mailbox.closed.cancelled() => {}
    }
    shared.close(stream).await;
}

/// From the streams to the client: at most 1024 bytes a time, without regard to frames.
async fn send(mut frames: mpsc::Receiver<Frame>, output: &mpsc::Sender<Output>, mut pace: Pace) {
    let mut buffer = BytesMut::new();
    loop {
        if buffer.is_empty() {
            match frames.recv().await {
                Some(frame) => frame.encode(&mut buffer),
                None => return,
            }
        }
        pace.wait().await;
        let Ok(permit) = output.reserve().await else { return };
        while buffer.len() < STREAM_PAYLOAD_LIMIT
            && let Ok(frame) = frames.try_recv()
        {
            frame.encode(&mut buffer);
        }
        let length = buffer.len().min(STREAM_PAYLOAD_LIMIT);
        permit.send(Output::Data(PayloadType::Output, buffer.split_to(length).freeze()));
    }
}

/// Sends a sign of life every 10 s, and returns when none came for 30 s though there was room for it.
async fn keep_alive(shared: &Shared) {
    let (mut ping, mut look) = (interval(KEEP_ALIVE), interval(KEEP_ALIVE_TIMEOUT));
    for ticker in [&mut ping, &mut look] {
        ticker.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticker.tick().await;
    }
    loop {
        tokio::select! {
            _ = ping.tick() => if shared.frames.send(Frame::KeepAlive).await.is_err() { return },
            _ = look.tick() => {
                let heard = shared.heard.swap(false, Ordering::Relaxed);
                if !heard && shared.streams().buffered < RECEIVE_BUFFER {
                    return;
                }
            }
        }
    }
}
