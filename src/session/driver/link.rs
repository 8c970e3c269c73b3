//! One connection, from the open socket until it is lost or the session is over.
//!
//! Each turn sends all that the socket takes with one flush, then reads what is there; a key that is handed over is on
//! its way within the same turn.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::time::Sleep;
use tokio_tungstenite::tungstenite::{self, Message, error::ProtocolError};

use super::{
    Driver, Step, next_key, now,
    socket::{Socket, describe},
};
use crate::session::{channel::Channel, event::End};

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

/// For the answer to the ping after the machine slept: the connection is probably dead.
const AFTER_NAP: Duration = Duration::from_secs(3);
/// A connection that lasts this long was a good one.
const LASTING: Duration = Duration::from_secs(10);
/// For each of the messages that were on their way when the socket stopped taking ours.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// For the last acknowledgements.
const FAREWELL: Duration = Duration::from_secs(1);
/// Messages that are sent or read in one turn, so that the session's owner is heard in between.
const TURN: usize = 64;

/// Why a connection is no more.
#[derive(Debug)]
pub(super) enum Gone {
    /// It broke; why, and what it had been worth.
    Lost { cause: String, worth: Worth },
    /// The session is over.
    Ended(End),
}

/// What a connection was worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Worth {
    /// No message came.
    Nothing,
    /// What came is not WebSocket.
    Nonsense,
    /// Messages came, but it did not last.
    Short,
    /// It lasted.
    Lasting,
}

/// What a turn came to.
enum Turn {
    /// There is room for more input.
    Room,
    /// Something came.
    Heard,
    /// The socket takes nothing more.
    Deaf(String),
    /// Nothing more will come.
    Broken(tungstenite::Error),
    /// The same, told politely.
    Closed(String),
}

struct Link {
    socket: Socket,
    /// Given to the socket, perhaps not sent.
    unflushed: bool,
    /// What ends the connection, once what came before it is handled.
    over: Option<Turn>,
    pulse: Pulse,
    /// For the answer to the ping that is out.
    limit: Duration,
    ping_at: Instant,
    /// Since when we want a sign of life.
    pinged: Option<Instant>,
    /// The ping is not given to the socket yet.
    ping_owed: bool,
    opened: Instant,
    good: bool,
}

/// Wakes the task. It is set anew only for an earlier time; a wake-up too early costs less than setting it each turn.
struct Alarm {
    sleep: Pin<Box<Sleep>>,
    set: Option<Instant>,
}

impl Alarm {
    fn set(&mut self, at: Instant) {
        if self.set.is_none_or(|set| at < set) {
            self.sleep.as_mut().reset(at.into());
            self.set = Some(at);
        }
    }

    async fn wait(&mut self) {
        self.sleep.as_mut().await;
        self.set = None;
    }
}

impl Driver {
    /// Carries frames until the connection or the session ends.
    pub(super) async fn carry(&mut self, socket: Socket) -> Gone {
        let opened = now();
        let mut link = Link::new(socket, self.surroundings.pulse, opened);
        let mut alarm = Alarm { sleep: Box::pin(tokio::time::sleep_until(opened.into())), set: None };
        self.channel.handle_reconnected(opened);
        loop {
            let now = now();
            if self.has_slept(now) {
                link.ping_after_nap(now);
            }
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
                return link.lost(cause);
            }
            let look = now + self.surroundings.look;
            alarm.set(link.deadline(self.channel.poll_timeout(), reading).map_or(look, |at| at.min(look)));

            let hungry = self.pending.is_some();
            tokio::select! {
                biased;
                order = self.orders.next(!hungry) => match self.obey(order) {
                    Step::GoOn | Step::Hurry => {}
                    Step::End => return Gone::Ended(End::Terminated),
                },
                key = next_key(&mut self.key) => self.take_key(key),
                turn = poll_fn(|cx| link.turn(cx, &mut self.channel, reading, hungry)) => match turn {
                    Turn::Room => {}
                    Turn::Heard => self.sign_of_life(),
                    Turn::Deaf(cause) => return link.last_words(self, cause).await,
                    Turn::Closed(cause) => return link.lost(cause),
                    Turn::Broken(error) => return link.broken(&error),
                },
                handed = self.outbox.wait() => if handed.is_err() {
                    return Gone::Ended(End::Terminated);
                },
                () = alarm.wait() => {}
            }
        }
    }
}

impl Link {
    fn new(socket: Socket, pulse: Pulse, opened: Instant) -> Self {
        // The first ping goes out at once: its pong shows that the service is really there.
        Self {
            socket,
            unflushed: true,
            over: None,
            pulse,
            limit: pulse.limit,
            ping_at: opened,
            pinged: None,
            ping_owed: false,
            opened,
            good: false,
        }
    }

    /// Sends and reads what can be without waiting. Wakes when there is more.
    fn turn(
        &mut self,
        cx: &mut Context<'_>,
        channel: &mut Channel,
        reading: bool,
        hungry: bool,
    ) -> Poll<Turn> {
        if let Some(over) = self.over.take() {
            return Poll::Ready(over);
        }
        let sent = match self.send(cx, channel) {
            Ok(sent) => sent,
            Err(error) => return Poll::Ready(Turn::Deaf(describe(&error))),
        };
        let mut heard = false;
        while reading && self.over.is_none() {
            match self.socket.poll_next_unpin(cx) {
                Poll::Pending => break,
                Poll::Ready(message) => match self.receive(message) {
                    Ok(Some(bytes)) => channel.handle_frame(now(), &bytes),
                    Ok(None) => {}
                    Err(over) => {
                        self.over = Some(over);
                        break;
                    }
                },
            }
            heard = true;
            // The acknowledgements of what has come go out together, and soon.
            if channel.unread() > TURN * 1024 {
                break;
            }
        }
        if heard {
            return Poll::Ready(Turn::Heard);
        }
        match self.over.take() {
            Some(over) => Poll::Ready(over),
            None if sent == TURN || sent > 0 && hungry => Poll::Ready(Turn::Room),
            None => Poll::Pending,
        }
    }

    /// Gives the socket what it takes, and flushes it. How many messages that were.
    fn send(&mut self, cx: &mut Context<'_>, channel: &mut Channel) -> Result<usize, tungstenite::Error> {
        let now = now();
        let mut sent = 0;
        while sent < TURN && self.socket.poll_ready_unpin(cx)?.is_ready() {
            let message = match std::mem::take(&mut self.ping_owed) {
                true => Message::Ping(Bytes::from_static(b"keepalive")),
                false => match channel.poll_transmit(now) {
                    Some(frame) => Message::Binary(frame),
                    None => break,
                },
            };
            self.socket.start_send_unpin(message)?;
            self.unflushed = true;
            sent += 1;
        }
        // More comes at once: one flush for all of it.
        if self.unflushed && sent < TURN {
            self.unflushed = self.socket.poll_flush_unpin(cx)?.is_pending();
        }
        Ok(sent)
    }

    /// The frame in a message; `None` for what only shows that the service lives.
    fn receive(
        &mut self,
        message: Option<Result<Message, tungstenite::Error>>,
    ) -> Result<Option<Bytes>, Turn> {
        self.pinged = None;
        self.limit = self.pulse.limit;
        match message {
            // Text or binary, the official readers take both alike.
            Some(Ok(Message::Binary(bytes))) => {
                self.good = true;
                Ok(Some(bytes))
            }
            Some(Ok(Message::Text(text))) => Ok(Some(text.into())),
            Some(Ok(Message::Close(frame))) => Err(Turn::Closed(match frame {
                Some(frame) if !frame.reason.is_empty() => {
                    format!("the service closed the connection ({}: {})", u16::from(frame.code), frame.reason)
                }
                Some(frame) => format!("the service closed the connection ({})", u16::from(frame.code)),
                None => "the service closed the connection".to_owned(),
            })),
            Some(Ok(_)) => {
                // The library has queued a pong if it was a ping.
                self.unflushed = true;
                Ok(None)
            }
            Some(Err(error)) => Err(Turn::Broken(error)),
            None => Err(Turn::Closed("the connection was closed".to_owned())),
        }
    }

    /// Pings when it is time, and notices that nothing comes back.
    fn keep_alive(&mut self, now: Instant, reading: bool) -> Result<(), String> {
        match self.pinged {
            // An answer may be there, it is we who do not look.
            _ if !reading => self.pinged = None,
            Some(pinged) if now >= pinged + self.limit => {
                return Err(format!("no answer for {:?}", self.limit));
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

    /// The machine slept; see at once whether the connection did not outlive it.
    fn ping_after_nap(&mut self, now: Instant) {
        self.limit = self.pulse.limit.min(AFTER_NAP);
        self.pinged = None;
        self.ping_at = now;
    }

    fn deadline(&self, channel: Option<Instant>, reading: bool) -> Option<Instant> {
        let alive = match self.pinged {
            // Nothing to wait for but what the owner does.
            _ if !reading => None,
            Some(pinged) => Some(pinged + self.limit),
            None => Some(self.ping_at),
        };
        [channel, alive].into_iter().flatten().min()
    }

    fn worth(&self) -> Worth {
        match self.good {
            _ if now().saturating_duration_since(self.opened) >= LASTING => Worth::Lasting,
            true => Worth::Short,
            false => Worth::Nothing,
        }
    }

    fn lost(&self, cause: String) -> Gone {
        Gone::Lost { cause, worth: self.worth() }
    }

    fn broken(&self, error: &tungstenite::Error) -> Gone {
        match error {
            // Nobody who means well sends that.
            tungstenite::Error::Capacity(_) => {
                Gone::Ended(End::Protocol(format!("a message that is far too large ({error})")))
            }
            tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
                self.lost(describe(error))
            }
            tungstenite::Error::Protocol(_) | tungstenite::Error::Utf8(_) => {
                Gone::Lost { cause: describe(error), worth: Worth::Nonsense }
            }
            error => self.lost(describe(error)),
        }
    }

    /// The socket takes nothing more, but what the service said before may still be there: that the session is over,
    /// for one.
    async fn last_words(mut self, driver: &mut Driver, cause: String) -> Gone {
        while let Ok(message) = tokio::time::timeout(LAST_WORDS, self.socket.next()).await {
            match self.receive(message) {
                Ok(Some(bytes)) => driver.channel.handle_frame(now(), &bytes),
                Ok(None) => {}
                Err(_) => break,
            }
            if let Some(end) = driver.take_events().end {
                return Gone::Ended(end);
            }
        }
        self.lost(cause)
    }

    /// Sends what acknowledgements are left: the agent may wait for them.
    async fn farewell(mut self, driver: &mut Driver) {
        let sending = async {
            while let Some(frame) = driver.channel.poll_transmit(now()) {
                self.socket.feed(Message::Binary(frame)).await?;
            }
            self.socket.flush().await
        };
        // Nothing depends on it.
        let _: Result<Result<(), tungstenite::Error>, _> = tokio::time::timeout(FAREWELL, sending).await;
    }
}
