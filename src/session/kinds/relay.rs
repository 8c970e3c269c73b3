//! One stream over one session: what ssh wants of a ProxyCommand.
//!
//! The official client exits at the end of its input, with what was on its way lost. Here both directions are drained:
//! after the end of the input its arrival is awaited, then the far side's end for a while, then the session is ended.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::mpsc,
    time::{Instant, sleep_until, timeout},
};

use super::{carrier::Abilities, far_words};
use crate::session::{
    driver::Commands,
    event::{End, Event},
    message::{Flag, SessionType},
};

/// Read at a time.
const PIECE: usize = 16 * 1024;
/// After the end of the input: for each piece of output that still comes.
const REPLY: Duration = Duration::from_secs(5);
/// How long the agent gets to end the session by itself when it is told to.
const LEAVE: Duration = Duration::from_secs(1);

/// How a relay went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Why it is over; [`End::Closed`] without words when the far side has closed in order, [`End::Terminated`] when
    /// this side was done first.
    pub end: End,
    /// Bytes towards the far side.
    pub sent: u64,
    /// Bytes from there.
    pub received: u64,
    /// The port there, if the agent named it.
    pub port: Option<String>,
}

/// Carries `reader` to the far side and its bytes to `writer`, until both directions are drained or the session is
/// over; then ends the session.
pub async fn run(
    commands: Commands,
    events: mpsc::Receiver<Event>,
    reader: impl AsyncRead + Unpin,
    writer: impl AsyncWrite + Unpin,
) -> Outcome {
    run_with(commands, events, reader, writer, |_| {}).await
}

/// As [`run`], and shows every event but the bytes to `observe`.
pub async fn run_with(
    commands: Commands,
    mut events: mpsc::Receiver<Event>,
    mut reader: impl AsyncRead + Unpin,
    mut writer: impl AsyncWrite + Unpin,
    mut observe: impl FnMut(&Event),
) -> Outcome {
    let mut outcome = Outcome { end: End::Terminated, sent: 0, received: 0, port: None };
    let mut flag_known = false;
    let mut running = false;
    let mut kept: Option<Event> = None;
    let mut buffer = BytesMut::new();
    let mut pending: Option<Bytes> = None;
    let mut input_open = true;
    // When the far side has been silent for long enough after the end of our input.
    let mut leave_at: Option<Instant> = None;
    let (drained_in, mut drained) = mpsc::channel::<()>(1);
    let end = loop {
        if let Some(bytes) = pending.take() {
            pending = commands.try_input(bytes).err().map(|full| full.0);
        }
        let waiting = pending.clone();
        if buffer.capacity() < PIECE {
            buffer = BytesMut::with_capacity(4 * PIECE);
        }
        tokio::select! {
            event = next(&mut kept, &mut events) => match event {
                Some(Event::Output(bytes)) => {
                    outcome.received += bytes.len() as u64;
                    leave_at = leave_at.map(|_| Instant::now() + REPLY);
                    let mut written = writer.write_all(&bytes).await;
                    // What is there already goes in the same breath.
                    while written.is_ok() && kept.is_none() && let Ok(event) = events.try_recv() {
                        match event {
                            Event::Output(bytes) => {
                                outcome.received += bytes.len() as u64;
                                written = writer.write_all(&bytes).await;
                            }
                            other => kept = Some(other),
                        }
                    }
                    if written.is_ok() {
                        written = writer.flush().await;
                    }
                    if written.is_err() {
                        // Nobody wants it any more.
                        break None;
                    }
                }
                Some(Event::Ended(end)) => break Some(end),
                Some(event) => {
                    observe(&event);
                    match event {
                        Event::Handshaken { agent_version, session_type: SessionType::Port(port) } => {
                            flag_known = Abilities::of(agent_version.as_deref()).terminate_flag;
                            outcome.port = Some(port.port).filter(|port| !port.is_empty());
                        }
                        Event::Ready => running = true,
                        _ => {}
                    }
                }
                None => break Some(End::Lost("the session broke off".to_owned())),
            },
            read = reader.read_buf(&mut buffer), if input_open && pending.is_none() => match read {
                Ok(0) | Err(_) => {
                    input_open = false;
                    let (commands, done) = (commands.clone(), drained_in.clone());
                    tokio::spawn(async move {
                        commands.drained().await;
                        let _ = done.send(()).await;
                    });
                }
                Ok(count) => {
                    outcome.sent += count as u64;
                    pending = Some(buffer.split().freeze());
                }
            },
            () = give(&commands, waiting.clone()), if waiting.is_some() => pending = None,
            Some(()) = drained.recv(), if leave_at.is_none() => leave_at = Some(Instant::now() + REPLY),
            () = sleep_until(leave_at.unwrap_or_else(Instant::now)), if leave_at.is_some() => break None,
        }
    };
    outcome.end = match end {
        Some(end) => far_words(end, outcome.port.as_deref()),
        None => {
            if running && flag_known {
                let goodbye = async {
                    commands.flag(Flag::TerminateSession).await;
                    ended(&mut events).await;
                };
                let _ = timeout(LEAVE, goodbye).await;
            }
            commands.end();
            ended(&mut events).await;
            End::Terminated
        }
    };
    // The reader may be waiting for its end.
    let _ = writer.shutdown().await;
    outcome
}

async fn next(kept: &mut Option<Event>, events: &mut mpsc::Receiver<Event>) -> Option<Event> {
    match kept.take() {
        Some(event) => Some(event),
        None => events.recv().await,
    }
}

async fn give(commands: &Commands, bytes: Option<Bytes>) {
    if let Some(bytes) = bytes {
        commands.input(bytes).await;
    }
}

async fn ended(events: &mut mpsc::Receiver<Event>) {
    while !matches!(events.recv().await, None | Some(Event::Ended(_))) {}
}
