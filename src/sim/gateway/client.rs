//! One client's socket: its first message is checked, then frames are relayed both ways, each direction by a pump of its
//! own, so that a client that does not read can still be heard, and stops its agent instead of filling memory.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc,
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};

use super::{Farewell, cable::Cable, line::Line, session::Session};
use crate::{session::message::OpenDataChannel, sim::fault::Cut, sim::fault::Fault};

/// So long the first message may take.
const OPENING: Duration = Duration::from_secs(30);
/// So long a client may take to close the socket of a session that is over.
const LINGER: Duration = Duration::from_secs(5);
/// Larger messages end the socket. The official ends know no limit, and send about 1 KiB.
const LARGEST: usize = 1 << 20;

pub(super) type Socket<S> = WebSocketStream<Cable<S>>;

/// Serves a socket after its upgrade until it is closed, lost or cut.
pub(super) async fn serve<S>(session: Arc<Session>, io: S)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    if session.refuses() {
        return;
    }
    let (limit, age) = cuts(&session.options().faults);
    let cable = Cable::new(io, limit);
    let mut socket = WebSocketStream::from_raw_socket(cable, Role::Server, Some(socket_config())).await;
    let Ok(Some(open)) = timeout(OPENING, first_message(&mut socket)).await else { return };
    if !open.is_some_and(|open| session.redeem(&open.token)) {
        return say_farewell(socket, session.options().bad_token).await;
    }
    relay(&session, socket, age).await;
}

/// What a socket of either side takes.
pub(super) fn socket_config() -> WebSocketConfig {
    WebSocketConfig::default().max_message_size(Some(LARGEST)).max_frame_size(Some(LARGEST))
}

/// After how many bytes and after what time a socket is cut.
fn cuts(faults: &[Fault]) -> (Option<u64>, Option<Duration>) {
    let mut cuts = (None, None);
    for fault in faults {
        match fault {
            Fault::Cut(Cut::After(bytes)) => cuts.0 = Some(*bytes),
            Fault::Cut(Cut::Every(age)) => cuts.1 = Some(*age),
            _ => {}
        }
    }
    cuts
}

/// `None`: the socket is gone; `Some(None)`: something else than OpenDataChannel came.
pub(super) async fn first_message<S>(socket: &mut Socket<S>) -> Option<Option<OpenDataChannel>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        match socket.next().await?.ok()? {
            Message::Text(text) => return Some(OpenDataChannel::parse(text.as_bytes()).ok()),
            Message::Ping(_) | Message::Pong(_) => {}
            Message::Close(_) => return None,
            Message::Binary(_) | Message::Frame(_) => return Some(None),
        }
    }
}

pub(super) async fn say_farewell<S>(mut socket: Socket<S>, farewell: Farewell)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Farewell::Close(code) = farewell else { return };
    let frame = CloseFrame { code: CloseCode::from(code), reason: "".into() };
    // Whether the client still listens or not, this socket is over.
    let _ = timeout(LINGER, async {
        socket.close(Some(frame)).await?;
        while let Some(Ok(_)) = socket.next().await {}
        Ok::<_, tokio_tungstenite::tungstenite::Error>(())
    })
    .await;
}

async fn relay<S>(session: &Arc<Session>, socket: Socket<S>, age: Option<Duration>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let seat = session.seat();
    let _guard = Leave { session: session.clone(), number: seat.number };
    let (sink, stream) = socket.split();
    let mut frozen = seat.frozen;
    let mut inbound = std::pin::pin!(pump_in(session, stream, seat.inbound));
    let mut outbound = std::pin::pin!(pump_out(session, sink, seat.frames, seat.outbound));
    let cut = std::pin::pin!(async {
        tokio::select! {
            () = seat.cut.cancelled() => {}
            () = async { sleep(age.unwrap_or_default()).await }, if age.is_some() => {}
        }
    });
    let mut cut = cut;
    let mut lingering: Option<Instant> = None;
    loop {
        if *frozen.borrow_and_update() {
            tokio::select! {
                () = &mut cut => return,
                _ = frozen.changed() => continue,
            }
        }
        tokio::select! {
            biased;
            () = &mut cut => return,
            _ = frozen.changed() => {}
            () = &mut inbound => return,
            said = &mut outbound, if lingering.is_none() => match said {
                Said::Goodbye => lingering = Some(Instant::now() + LINGER),
                Said::Nothing => return,
            },
            () = until(lingering), if lingering.is_some() => return,
        }
    }
}

/// Tells the session that its client is gone, however the relay ends.
struct Leave {
    session: Arc<Session>,
    number: u64,
}

impl Drop for Leave {
    fn drop(&mut self) {
        self.session.leave(self.number);
    }
}

/// Client to agent, until the socket ends.
async fn pump_in<S>(session: &Session, mut stream: SplitStream<Socket<S>>, mut line: Line)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        while let Some(frame) = line.pop(Instant::now().into_std()) {
            session.relay(frame).await;
        }
        let due = line.next_due().map(Instant::from_std);
        tokio::select! {
            message = stream.next(), if line.has_room() => match message {
                Some(Ok(Message::Binary(frame))) => line.push(Instant::now().into_std(), frame),
                // Readers of frames take text for binary.
                Some(Ok(Message::Text(text))) => line.push(Instant::now().into_std(), Bytes::from(text)),
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
            },
            () = until(due), if due.is_some() => {}
        }
    }
}

/// How a socket's outgoing half ended.
enum Said {
    /// The client was told that the session is over.
    Goodbye,
    /// The socket failed.
    Nothing,
}

/// Agent to client, until the session is over and the client was told so.
async fn pump_out<S>(
    session: &Session,
    mut sink: SplitSink<Socket<S>, Message>,
    mut frames: mpsc::Receiver<Bytes>,
    mut line: Line,
) -> Said
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut ended = false;
    loop {
        while let Some(frame) = line.pop(Instant::now().into_std()) {
            if sink.send(Message::Binary(frame)).await.is_err() {
                return Said::Nothing;
            }
        }
        let due = line.next_due().map(Instant::from_std);
        if ended && due.is_none() {
            break;
        }
        tokio::select! {
            frame = frames.recv(), if !ended && line.has_room() => match frame {
                Some(frame) => line.push(Instant::now().into_std(), frame),
                None => ended = true,
            },
            () = until(due), if due.is_some() => {}
        }
    }
    let Some(closure) = session.closure() else { return Said::Nothing };
    let close = CloseFrame { code: CloseCode::Normal, reason: "".into() };
    let said = async {
        sink.send(Message::Binary(closure)).await?;
        sink.send(Message::Close(Some(close))).await
    };
    match said.await {
        Ok(()) => Said::Goodbye,
        Err(_) => Said::Nothing,
    }
}

/// Sleeps until then; without a time for ever.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
