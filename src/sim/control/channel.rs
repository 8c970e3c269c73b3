//! One control channel: the socket on which an agent is told what to do. An agent has one; a new one takes the old one's
//! place.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use jiff::Timestamp;
use serde::Deserialize;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc,
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};
use tokio_util::sync::CancellationToken;

use super::{
    Control,
    task::{self, Said},
};
use crate::session::message::{Checks, Frame};

/// So long the first message may take, and an agent may take to close a socket that was refused.
const OPENING: Duration = Duration::from_secs(30);
/// The official agent pings every 54 s and so is never silent as long.
const SILENCE: Duration = Duration::from_secs(180);
/// The official agent sends 142 000 bytes at most (`ControlChannelWriteBufferSizeLimit`).
const LARGEST: usize = 1 << 20;
/// How many frames wait for an agent that does not read.
const QUEUE: usize = 64;

/// The first message, as text.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OpenControlChannel {
    token_value: String,
    #[serde(default)]
    agent_version: Option<String>,
}

/// An agent's place at its control channel.
pub(super) struct Line {
    pub(super) number: u64,
    pub(super) frames: mpsc::Sender<Bytes>,
    pub(super) cut: CancellationToken,
}

/// Serves a socket after its upgrade until it is closed, lost or replaced.
pub(super) async fn serve<S>(control: &Control, id: &str, io: S)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let config = WebSocketConfig::default().max_message_size(Some(LARGEST)).max_frame_size(Some(LARGEST));
    let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
    let Ok(Some(open)) = timeout(OPENING, first_message(&mut socket)).await else { return };
    if !open.as_ref().is_some_and(|open| control.redeem(id, &open.token_value, Timestamp::now())) {
        let policy = CloseFrame { code: CloseCode::Policy, reason: "".into() };
        let farewell = async {
            socket.close(Some(policy)).await?;
            while let Some(Ok(_)) = socket.next().await {}
            Ok::<_, tokio_tungstenite::tungstenite::Error>(())
        };
        // Whether the agent still listens or not, this socket is over.
        let _ = timeout(OPENING, farewell).await;
        return;
    }
    let version = open.and_then(|open| open.agent_version).unwrap_or_default();
    let (sender, frames) = mpsc::channel(QUEUE);
    let cut = CancellationToken::new();
    let number = control.seat(id, sender, cut.clone());
    tracing::info!(node = id, version, "a control channel is open");
    cut.run_until_cancelled(relay(control, id, socket, frames)).await;
    control.leave(id, number);
    tracing::info!(node = id, "a control channel is closed");
}

/// `None`: the socket is gone; `Some(None)`: something else came.
async fn first_message<S>(socket: &mut WebSocketStream<S>) -> Option<Option<OpenControlChannel>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        match socket.next().await?.ok()? {
            Message::Text(text) => return Some(serde_json::from_str(text.as_str()).ok()),
            Message::Ping(_) | Message::Pong(_) => {}
            Message::Close(_) => return None,
            Message::Binary(_) | Message::Frame(_) => return Some(None),
        }
    }
}

async fn relay<S>(control: &Control, id: &str, socket: WebSocketStream<S>, mut frames: mpsc::Receiver<Bytes>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut sink, mut stream) = socket.split();
    loop {
        let reply = tokio::select! {
            frame = frames.recv() => match frame {
                Some(frame) => Some(frame),
                None => return,
            },
            message = timeout(SILENCE, stream.next()) => match message {
                Ok(Some(Ok(Message::Binary(frame)))) => hear(control, id, &frame),
                Ok(Some(Ok(Message::Close(_)))) | Ok(Some(Err(_)) | None) | Err(_) => return,
                // A ping is answered by the library as soon as something is written or read again.
                Ok(Some(Ok(_))) => None,
            },
        };
        let sent = match reply {
            Some(frame) => sink.send(Message::Binary(frame)).await,
            None => sink.flush().await,
        };
        if sent.is_err() {
            return;
        }
    }
}

/// Does what a frame asks for; returns the receipt.
fn hear(control: &Control, id: &str, frame: &Bytes) -> Option<Bytes> {
    let frame = match Frame::parse(frame, Checks::Agent) {
        Ok(frame) => frame,
        Err(error) => {
            tracing::debug!(%error, node = id, "an agent sent no frame");
            return None;
        }
    };
    match task::hear(&frame, Timestamp::now()) {
        Said::Complete(completion, receipt) => {
            control.complete(id, &completion);
            Some(receipt)
        }
        Said::Reply(receipt) => Some(receipt),
        Said::Nothing => None,
    }
}
