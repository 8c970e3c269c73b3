//! A session whose agent is not ours: it comes on a socket of its own, and may go and come back like the client.
//!
//! Its frames are relayed untouched, both ways. What is sent to it while it is away is lost; the client sends again.
//! When the session is over its socket is closed.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{mpsc, watch},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, protocol::Role},
};
use tokio_util::sync::CancellationToken;

use super::{
    cable::Cable,
    client::{Socket, first_message, say_farewell, socket_config},
    session::{QUEUE, Session, Uplink},
};
use crate::sim::agent::{Ending, Uplink as _};

/// So long the first message may take.
const OPENING: Duration = Duration::from_secs(30);
/// So long the last words may take to reach an agent that does not read.
const FAREWELL: Duration = Duration::from_secs(5);

/// The place of a foreign agent in its session.
#[derive(Default)]
pub(super) struct Place {
    seated: Mutex<Seated>,
    /// What the agent said about the end, once.
    ended: watch::Sender<Option<Ending>>,
    /// The session is over.
    over: CancellationToken,
}

#[derive(Default)]
struct Seated {
    connections: u64,
    agent: Option<Agent>,
    /// Notices for an agent that is not there yet; only the last one tells how things are.
    notice: Option<Bytes>,
}

struct Agent {
    number: u64,
    frames: mpsc::Sender<Bytes>,
    /// A few small frames for each coming and going of a client.
    notices: mpsc::UnboundedSender<Bytes>,
    cut: CancellationToken,
}

/// An agent's seat, as its socket has it.
struct Seat {
    number: u64,
    frames: mpsc::Receiver<Bytes>,
    notices: mpsc::UnboundedReceiver<Bytes>,
    cut: CancellationToken,
}

impl Place {
    /// Seats an agent; one that sat there is cut off.
    fn seat(&self) -> Seat {
        let (frames_in, frames) = mpsc::channel(QUEUE);
        let (notices_in, notices) = mpsc::unbounded_channel();
        let cut = CancellationToken::new();
        let mut seated = self.seated();
        seated.connections += 1;
        let number = seated.connections;
        if let Some(notice) = seated.notice.clone() {
            // Its receiver is here.
            let _ = notices_in.send(notice);
        }
        let agent = Agent { number, frames: frames_in, notices: notices_in, cut: cut.clone() };
        if let Some(former) = seated.agent.replace(agent) {
            former.cut.cancel();
        }
        Seat { number, frames, notices, cut }
    }

    /// False if another one sits there by now.
    fn leave(&self, number: u64) -> bool {
        let mut seated = self.seated();
        let sits = seated.agent.as_ref().is_some_and(|agent| agent.number == number);
        if sits {
            seated.agent = None;
        }
        sits
    }

    /// A frame of the client; lost if nobody is there.
    pub(super) async fn relay(&self, frame: Bytes) {
        let agent = self.seated().agent.as_ref().map(|agent| agent.frames.clone());
        if let Some(agent) = agent {
            let _ = agent.send(frame).await;
        }
    }

    /// A frame of the service. An agent that comes later gets the last one.
    pub(super) fn tell(&self, notice: Bytes) {
        let mut seated = self.seated();
        if let Some(agent) = &seated.agent {
            // Its socket may just have gone.
            let _ = agent.notices.send(notice.clone());
        }
        seated.notice = Some(notice);
    }

    /// Cuts the agent's socket; false if there is none.
    pub(super) fn cut(&self) -> bool {
        self.seated().agent.as_ref().inspect(|agent| agent.cut.cancel()).is_some()
    }

    /// The agent reported the end.
    pub(super) fn finish(&self, ending: Ending) {
        self.ended.send_if_modified(|ended| {
            let first = ended.is_none();
            if first {
                *ended = Some(ending);
            }
            first
        });
    }

    /// What the agent says about the end.
    pub(super) async fn ending(&self) -> Ending {
        let mut ended = self.ended.subscribe();
        let ending = ended.wait_for(Option::is_some).await;
        // The sender is in `self`.
        ending.ok().and_then(|ending| ending.clone()).unwrap_or_default()
    }

    /// The session is over.
    pub(super) fn close(&self) {
        self.over.cancel();
    }

    fn seated(&self) -> MutexGuard<'_, Seated> {
        self.seated.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves an agent's socket after its upgrade until it is closed, lost or cut, or the session is over.
pub(super) async fn serve<S>(session: Arc<Session>, io: S)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Some(place) = session.foreign() else { return };
    let mut socket =
        WebSocketStream::from_raw_socket(Cable::new(io, None), Role::Server, Some(socket_config())).await;
    let Ok(Some(open)) = timeout(OPENING, first_message(&mut socket)).await else { return };
    if !open.is_some_and(|open| session.redeem_agent(&open.token)) {
        return say_farewell(socket, session.options().bad_token).await;
    }
    let seat = place.seat();
    let number = seat.number;
    session.agent_arrived();
    relay(&session, place, socket, seat).await;
    if place.leave(number) {
        session.agent_left();
    }
}

async fn relay<S>(session: &Arc<Session>, place: &Place, socket: Socket<S>, seat: Seat)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Seat { mut frames, mut notices, cut, .. } = seat;
    let (mut sink, mut stream) = socket.split();
    let mut uplink = Uplink::new(session.clone());
    let from_agent = async {
        while let Some(Ok(message)) = stream.next().await {
            let mut frame = match message {
                Message::Binary(frame) => frame,
                // Readers of frames take text for binary.
                Message::Text(text) => Bytes::from(text),
                Message::Close(_) => return,
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => continue,
            };
            while let Some(refused) = uplink.offer(frame) {
                frame = refused;
                uplink.room().await;
            }
        }
    };
    let to_agent = async {
        loop {
            let frame = tokio::select! {
                biased;
                Some(notice) = notices.recv() => notice,
                Some(frame) = frames.recv() => frame,
                () = place.over.cancelled() => break,
                else => break,
            };
            if sink.send(Message::Binary(frame)).await.is_err() {
                return;
            }
        }
        let last = async {
            while let Ok(notice) = notices.try_recv() {
                sink.send(Message::Binary(notice)).await?;
            }
            sink.close().await
        };
        // An agent that is gone need not be told.
        let _ = timeout(FAREWELL, last).await;
    };
    tokio::select! {
        () = cut.cancelled() => {}
        () = from_agent => {}
        () = to_agent => {}
    }
}
