//! One connection at a time (`port_basic.go`): for SSH, and for forwarding where one of the ends is too old for more.
//!
//! ```text
//!  connected ──the far side closes, or the client's flag──▶ closed, silently ──the next input──▶ connected
//!      └── without a type (SSH): the far side closes ──▶ over            └── refused: the worker crashes
//! ```

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split},
    sync::mpsc,
};

use super::{Destination, Stream};
use crate::{
    session::message::{Flag, PayloadType, STREAM_PAYLOAD_LIMIT},
    sim::agent::{
        handler::{self, End, Handler, Input, Output},
        pace::Pace,
    },
};

/// What kind of basic session it is.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    /// Whether it carries a user's local connections, one after another.
    pub(super) local: bool,
    /// Whether the agent knows the flag that ends it.
    pub(super) knows_terminate: bool,
}

type Reader = ReadHalf<Box<dyn Stream>>;
type Writer = WriteHalf<Box<dyn Stream>>;

/// Dials, and serves the connection.
pub(super) async fn start(destination: Destination, kind: Kind, unpaced: bool) -> Result<Handler, End> {
    let stream = match destination.dial().await {
        Ok(stream) => stream,
        // A machine without sshd says so; the official agent has one or crashes.
        Err(error) if destination.sshd.is_some() => return Err(End::failed(error.to_string())),
        Err(error) => {
            tracing::debug!(%error, "unable to connect to the port");
            return Err(End::Crashed);
        }
    };
    Ok(handler::spawn(move |input, output| {
        Basic { destination, kind, input, output, pace: Pace::new(unpaced) }.run(stream)
    }))
}

struct Basic {
    destination: Destination,
    kind: Kind,
    input: mpsc::Receiver<Input>,
    output: mpsc::Sender<Output>,
    pace: Pace,
}

/// Why a connection ended.
enum Closed {
    /// By the far side, or by an error.
    There(io::Result<()>),
    /// By the client's flag.
    ByClient,
    /// This could not be written any more.
    Unwritten(Bytes),
    /// The session is over.
    Over,
}

impl Basic {
    async fn run(mut self, stream: Box<dyn Stream>) -> End {
        let (mut reader, mut writer) = split(stream);
        loop {
            let closed = self.serve(&mut reader, &mut writer).await;
            drop((reader, writer));
            let pending = match closed {
                Closed::Over => return End::closed(),
                Closed::There(Ok(())) if !self.kind.local => return End::closed(),
                _ if !self.kind.local => return End::failed(""),
                Closed::There(_) | Closed::ByClient => {
                    if self.output.send(Output::Hold).await.is_err() {
                        return End::closed();
                    }
                    None
                }
                Closed::Unwritten(bytes) => Some(bytes),
            };
            let bytes = match pending {
                Some(bytes) => bytes,
                None => match self.next_input().await {
                    Some(bytes) => bytes,
                    None => return End::closed(),
                },
            };
            let stream = match self.destination.dial().await {
                Ok(stream) => stream,
                Err(error) => {
                    tracing::debug!(%error, "unable to connect to the port again");
                    return End::Crashed;
                }
            };
            (reader, writer) = split(stream);
            if writer.write_all(&bytes).await.is_ok() {
                let _ = writer.flush().await;
            }
            if self.output.send(Output::Taken).await.is_err() {
                return End::closed();
            }
        }
    }

    /// What the client sends next; `None`: the session is over.
    async fn next_input(&mut self) -> Option<Bytes> {
        loop {
            match self.input.recv().await? {
                Input::Data(bytes) => return Some(bytes),
                Input::Flag(Flag::TerminateSession) if self.kind.knows_terminate => return None,
                Input::Flag(_) | Input::Size(_) | Input::Signal(_) => {}
            }
        }
    }

    /// Copies both ways until the connection ends.
    async fn serve(&mut self, reader: &mut Reader, writer: &mut Writer) -> Closed {
        let Self { kind, input, output, pace, .. } = self;
        let from_port = async {
            let mut buffer = BytesMut::new();
            loop {
                // Room first, so that no more is read than can be sent.
                let Ok(permit) = output.reserve().await else { return Ok(()) };
                pace.wait().await;
                buffer.resize(STREAM_PAYLOAD_LIMIT, 0);
                let length = reader.read(&mut buffer).await?;
                if length == 0 {
                    return Ok(());
                }
                permit.send(Output::Data(PayloadType::Output, buffer.split_to(length).freeze()));
            }
        };
        let to_port = async {
            loop {
                match input.recv().await {
                    None => return Closed::Over,
                    Some(Input::Data(bytes)) => {
                        if writer.write_all(&bytes).await.is_err() || writer.flush().await.is_err() {
                            return Closed::Unwritten(bytes);
                        }
                    }
                    Some(Input::Flag(Flag::DisconnectToPort)) => return Closed::ByClient,
                    Some(Input::Flag(Flag::TerminateSession)) if kind.knows_terminate => return Closed::Over,
                    Some(Input::Flag(_) | Input::Size(_) | Input::Signal(_)) => {}
                }
            }
        };
        tokio::select! {
            closed = to_port => closed,
            ended = from_port => Closed::There(ended),
        }
    }
}
