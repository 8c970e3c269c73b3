//! One connection, from the open socket until it is lost or the session is over.

use std::{
    future::poll_fn,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use tokio_tungstenite::tungstenite::{self, Message};

use super::{
    Driver, Step, now, sleep_until,
    socket::{Socket, describe},
};
use crate::session::event::End;

/// How the connection is kept alive.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pulse {
    /// Time between pings.
    pub(super) every: Duration,
    /// With no message of any kind for so long after a ping, the connection is dead.
    pub(super) limit: Duration,
}

impl Pulse {
    /// Shorter than the idle times of NATs, proxies and interface endpoints.
    pub(super) const USUAL: Self = Self { every: Duration::from_secs(30), limit: Duration::from_secs(10) };
}

/// A connection that lasts this long was a good one.
const LASTING: Duration = Duration::from_secs(10);
/// For each of the messages that were on their way when the socket stopped taking ours.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// For the last acknowledgements.
const FAREWELL: Duration = Duration::from_secs(1);

/// Why a connection is no more.
#[derive(Debug)]
pub(super) enum Gone {
    /// It broke; why, and whether it had been any good.
    Lost { cause: String, good: bool },
    /// The session is over.
    Ended(End),
}

struct Link {
    sink: SplitSink<Socket, Message>,
    stream: SplitStream<Socket>,
    /// Taken from the channel, not yet given to the socket.
    next: Option<Message>,
    /// Given to the socket, perhaps not sent.
    unflushed: bool,
    pulse: Pulse,
    ping_at: Instant,
    /// Since when we want a sign of life.
    pinged: Option<Instant>,
    /// The ping is not given to the socket yet.
    ping_owed: bool,
    opened: Instant,
    good: bool,
}

impl Driver {
    /// Carries frames until the connection or the session ends.
    pub(super) async fn carry(&mut self, socket: Socket) -> Gone {
        let (sink, stream) = socket.split();
        let opened = now();
        // The first ping goes out at once: its pong shows that the service is really there.
        let mut link = Link {
            sink,
            stream,
            next: None,
            unflushed: true,
            pulse: self.pulse,
            ping_at: opened,
            pinged: None,
            ping_owed: false,
            opened,
            good: false,
        };
        self.channel.handle_reconnected(opened);
        loop {
            let now = now();
            if self.channel.poll_timeout().is_some_and(|at| at <= now) {
                self.channel.handle_timeout(now);
            }
            self.take_input();
            let told = self.take_events();
            if let Some(end) = told.end {
                link.farewell(self).await;
                return Gone::Ended(end);
            }
            if told.silent {
                link.ping_at = now;
            }
            self.outbox.hand_over();
            let reading = !self.outbox.is_full();
            if let Err(cause) = link.keep_alive(now, reading) {
                return Gone::Lost { cause, good: link.is_good(now) };
            }
            if link.next.is_none() {
                link.next = match std::mem::take(&mut link.ping_owed) {
                    true => Some(Message::Ping(Bytes::from_static(b"keepalive"))),
                    false => self.channel.poll_transmit(now).map(Message::Binary),
                };
            }
            let wake = link.deadline(self.channel.poll_timeout(), reading);

            let Link { sink, stream, next, unflushed, .. } = &mut link;
            let sending = next.is_some();
            tokio::select! {
                biased;
                step = self.orders.next(self.pending.is_none()) => match self.obey(step) {
                    Step::GoOn => {}
                    Step::End => return Gone::Ended(End::Terminated),
                },
                ready = poll_fn(|cx| match sending {
                    true => sink.poll_ready_unpin(cx),
                    false => sink.poll_flush_unpin(cx),
                }), if sending || *unflushed => {
                    *unflushed = sending;
                    let sent = ready.and_then(|()| match next.take() {
                        Some(message) => sink.start_send_unpin(message),
                        None => Ok(()),
                    });
                    if let Err(error) = sent {
                        return link.last_words(self, describe(&error)).await;
                    }
                }
                handed = self.outbox.wait() => if handed.is_err() {
                    return Gone::Ended(End::Terminated);
                },
                message = stream.next(), if reading => match link.receive(message) {
                    Ok(Some(bytes)) => {
                        self.sign_of_life();
                        self.channel.handle_frame(super::now(), &bytes);
                    }
                    Ok(None) => self.sign_of_life(),
                    Err(cause) => return Gone::Lost { cause, good: link.is_good(super::now()) },
                },
                () = sleep_until(wake) => {}
            }
        }
    }
}

impl Link {
    /// The frame in a message; `None` for what only shows that the service lives.
    fn receive(
        &mut self,
        message: Option<Result<Message, tungstenite::Error>>,
    ) -> Result<Option<Bytes>, String> {
        self.pinged = None;
        match message {
            // Text or binary, the official readers take both alike.
            Some(Ok(Message::Binary(bytes))) => {
                self.good = true;
                Ok(Some(bytes))
            }
            Some(Ok(Message::Text(text))) => Ok(Some(text.into())),
            Some(Ok(Message::Close(frame))) => Err(match frame {
                Some(frame) if !frame.reason.is_empty() => {
                    format!("the service closed the connection ({}: {})", u16::from(frame.code), frame.reason)
                }
                Some(frame) => format!("the service closed the connection ({})", u16::from(frame.code)),
                None => "the service closed the connection".to_owned(),
            }),
            Some(Ok(_)) => {
                // The library has queued a pong if it was a ping.
                self.unflushed = true;
                Ok(None)
            }
            Some(Err(error)) => Err(describe(&error)),
            None => Err("the connection was closed".to_owned()),
        }
    }

    /// Pings when it is time, and notices that nothing comes back.
    fn keep_alive(&mut self, now: Instant, reading: bool) -> Result<(), String> {
        match self.pinged {
            // An answer may be there, it is we who do not look.
            _ if !reading => self.pinged = None,
            Some(pinged) if now >= pinged + self.pulse.limit => {
                return Err(format!("no answer for {:?}", self.pulse.limit));
            }
            // Even if it cannot be sent: a network that takes nothing is dead too.
            None if now >= self.ping_at => {
                self.ping_owed = true;
                self.pinged = Some(now);
                self.ping_at = now + self.pulse.every;
            }
            _ => {}
        }
        Ok(())
    }

    fn deadline(&self, channel: Option<Instant>, reading: bool) -> Option<Instant> {
        let alive = match self.pinged {
            _ if !reading => None,
            Some(pinged) => Some(pinged + self.pulse.limit),
            None => Some(self.ping_at),
        };
        [channel, alive].into_iter().flatten().min()
    }

    fn is_good(&self, now: Instant) -> bool {
        self.good || now.saturating_duration_since(self.opened) >= LASTING
    }

    /// The socket takes nothing more, but what the service said before may still be there: that the session is over,
    /// for one.
    async fn last_words(mut self, driver: &mut Driver, cause: String) -> Gone {
        while let Ok(message) = tokio::time::timeout(LAST_WORDS, self.stream.next()).await {
            match self.receive(message) {
                Ok(Some(bytes)) => driver.channel.handle_frame(now(), &bytes),
                Ok(None) => {}
                Err(_) => break,
            }
            if let Some(end) = driver.take_events().end {
                return Gone::Ended(end);
            }
        }
        Gone::Lost { cause, good: self.is_good(now()) }
    }

    /// Sends what acknowledgements are left: the agent may wait for them.
    async fn farewell(mut self, driver: &mut Driver) {
        let sending = async {
            if let Some(message) = self.next.take() {
                self.sink.feed(message).await?;
            }
            while let Some(frame) = driver.channel.poll_transmit(now()) {
                self.sink.feed(Message::Binary(frame)).await?;
            }
            self.sink.flush().await
        };
        // Nothing depends on it.
        let _: Result<Result<(), tungstenite::Error>, _> = tokio::time::timeout(FAREWELL, sending).await;
    }
}
