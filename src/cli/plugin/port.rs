//! Port sessions, as the official client carries them: a listener with its words (muxportforwarding.go,
//! basicportforwarding.go), or standard input and output as one stream for ssh (standardstreamforwarding.go).

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

use super::{Carried, NAME, ending, show, signals::Signals};
use crate::session::{
    BoxFuture, End, Event, PortProperties, Retry, Service, ServiceError, SessionId, SessionType, Ticket,
    kinds::{
        Opener, Running,
        forward::{self, ForwardEvent, Listen, Mode, Plan},
        relay,
    },
};

/// Where local connections are taken, if not on `localhost`.
const LOCAL_HOST: &str = "SSM_PLUGIN_LOCAL_HOST";
/// How long the service gets to confirm the end that a signal asked for.
const FAREWELL: Duration = Duration::from_secs(5);
/// Events that may wait on the way to who carries the session.
const EVENTS: usize = 64;

/// A port session right behind its handshake.
pub(super) struct Port {
    pub carried: Carried,
    pub service: Arc<dyn Service>,
    pub agent_version: Option<String>,
    pub properties: PortProperties,
}

impl Port {
    /// Carries it to its end.
    pub(super) async fn run(self) {
        if self.properties.forwards() { self.forward().await } else { self.relay().await }
    }

    /// The session as somebody sees it who has not seen its handshake.
    fn replayed(self) -> (SessionId, Running, Signals, Arc<dyn Service>) {
        let Carried { id, commands, events, signals } = self.carried;
        let handshaken = Event::Handshaken {
            agent_version: self.agent_version,
            session_type: SessionType::Port(self.properties),
        };
        let events = replay(handshaken, events);
        (id.clone(), Running { id, commands, events }, signals, self.service)
    }

    async fn relay(self) {
        let (id, Running { commands, events, .. }, mut signals, _) = self.replayed();
        let steering = commands.clone();
        let relay = relay::run_with(commands, events, tokio::io::stdin(), tokio::io::stdout(), super::tell);
        tokio::pin!(relay);
        let outcome = loop {
            tokio::select! {
                outcome = &mut relay => break outcome,
                // Whoever runs us as its proxy is done.
                () = signals.end() => steering.end(),
            }
        };
        show(&ending::words(&id, &outcome.end, true));
    }

    async fn forward(self) {
        let host = std::env::var(LOCAL_HOST).ok().filter(|host| !host.is_empty());
        let host = host.unwrap_or_else(|| "localhost".to_owned());
        let (id, running, mut signals, service) = self.replayed();
        let plan = Plan { listen: Listen::Document { host }, lanes: 1 };
        let (forward, mut events) = forward::open(plan, service, Arc::new(Once::new(running)));
        let mut words = Words::new(id.clone());
        let mut deadline = None;
        let end = loop {
            tokio::select! {
                event = events.recv() => match event {
                    Some(ForwardEvent::Ended(end)) => break end,
                    Some(event) => words.tell(&event),
                    None => break End::Lost("the session's task has gone".to_owned()),
                },
                () = signals.end(), if deadline.is_none() => {
                    show("Terminate signal received, exiting.\n");
                    forward.end();
                    deadline = Some(Instant::now() + FAREWELL);
                }
                () = async { sleep_until(deadline.unwrap_or_else(Instant::now)).await }, if deadline.is_some() => {
                    break End::Terminated;
                }
            }
        };
        show(&ending::words(&id, &end, words.opened));
    }
}

/// The same events with one before them.
fn replay(first: Event, mut rest: mpsc::Receiver<Event>) -> mpsc::Receiver<Event> {
    let (sender, events) = mpsc::channel(EVENTS);
    tokio::spawn(async move {
        let mut next = Some(first);
        while let Some(event) = next {
            if sender.send(event).await.is_err() {
                return;
            }
            next = rest.recv().await;
        }
    });
    events
}

/// The one session that the caller started; we start none.
struct Once(Mutex<Option<Running>>);

impl Once {
    fn new(running: Running) -> Self {
        Self(Mutex::new(Some(running)))
    }
}

impl Opener for Once {
    fn start(&self) -> BoxFuture<'_, Result<(Ticket, String), ServiceError>> {
        Box::pin(async {
            let summary = "the session is over; start a new one".to_owned();
            Err(ServiceError { summary, retry: Retry::Never })
        })
    }

    fn running(&self) -> Option<Running> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn again(&self) -> bool {
        false
    }
}

/// The official client's words about a forward, each when it says it.
struct Words {
    id: SessionId,
    address: Option<String>,
    mode: Option<Mode>,
    /// That it listens was told.
    opened: bool,
    /// That somebody connected was told.
    accepted: bool,
}

impl Words {
    fn new(id: SessionId) -> Self {
        Self { id, address: None, mode: None, opened: false, accepted: false }
    }

    fn tell(&mut self, event: &ForwardEvent) {
        if let Some(words) = self.official(event) {
            show(&words);
        } else if let Some(words) = own(event) {
            eprintln!("{NAME}: {words}");
        }
    }

    fn official(&mut self, event: &ForwardEvent) -> Option<String> {
        match event {
            ForwardEvent::Listening { address } => self.address = Some(address.clone()),
            ForwardEvent::Lane { mode, .. } => self.mode = Some(*mode),
            ForwardEvent::Accepted { .. } if !std::mem::replace(&mut self.accepted, true) => {
                return Some(match self.mode {
                    Some(Mode::Basic) => format!("Connection accepted for session {}.\n", self.id),
                    _ => format!("\nConnection accepted for session [{}]\n", self.id),
                });
            }
            ForwardEvent::Refused { .. } => {
                return Some("\nConnection to destination port failed, check SSM Agent logs.\n".to_owned());
            }
            _ => return None,
        }
        let (Some(address), Some(mode), false) = (&self.address, self.mode, self.opened) else { return None };
        self.opened = true;
        let place = match address.rsplit_once(':') {
            Some((_, port)) if !Path::new(address).is_absolute() => format!("Port {port}"),
            _ => format!("Unix socket {address}"),
        };
        let rest = if mode == Mode::Mux { "\nWaiting for connections...\n" } else { "\n" };
        Some(format!("{place} opened for sessionId {}.{rest}", self.id))
    }
}

/// What the official client is silent about.
fn own(event: &ForwardEvent) -> Option<String> {
    Some(match event {
        ForwardEvent::Reconnecting { attempt: 1, cause, .. } => {
            format!("connection lost ({cause}); reconnecting")
        }
        ForwardEvent::Reconnecting { attempt, cause, .. } => {
            format!("still reconnecting, attempt {attempt} ({cause})")
        }
        ForwardEvent::Resumed { away, .. } => format!("resumed after {} s", away.as_secs()),
        ForwardEvent::Silent { .. } => "no answer from the far side".to_owned(),
        ForwardEvent::Answering { .. } => "the far side answers again".to_owned(),
        ForwardEvent::Notice(words) => words.trim().to_owned(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(mode: Mode) -> ForwardEvent {
        ForwardEvent::Lane { lane: 0, id: SessionId::new("alice-0a1b"), agent_version: None, mode }
    }

    fn told(events: &[ForwardEvent]) -> String {
        let mut words = Words::new(SessionId::new("alice-0a1b"));
        events.iter().filter_map(|event| words.official(event)).collect()
    }

    fn accepted(connection: u64) -> ForwardEvent {
        ForwardEvent::Accepted { connection, peer: String::new(), lane: 0 }
    }

    #[test]
    fn a_forward_speaks_as_the_official_client() {
        let listening = ForwardEvent::Listening { address: "127.0.0.1:8080".to_owned() };
        let refused = ForwardEvent::Refused { connection: 2, why: "refused".to_owned() };
        let expected = "Port 8080 opened for sessionId alice-0a1b.\nWaiting for connections...\n\
                        \nConnection accepted for session [alice-0a1b]\n\
                        \nConnection to destination port failed, check SSM Agent logs.\n";
        let rest = [accepted(1), accepted(2), refused];
        for start in [[listening.clone(), lane(Mode::Mux)], [lane(Mode::Mux), listening.clone()]] {
            assert_eq!(told(&[&start[..], &rest[..]].concat()), expected);
        }
        assert_eq!(
            told(&[listening, lane(Mode::Basic), accepted(1), accepted(2)]),
            "Port 8080 opened for sessionId alice-0a1b.\nConnection accepted for session alice-0a1b.\n"
        );
    }

    #[test]
    fn a_socket_and_an_address_are_told_apart() {
        let at = |address: &str| {
            told(&[ForwardEvent::Listening { address: address.to_owned() }, lane(Mode::Basic)])
        };
        assert_eq!(at("/tmp/a:1.sock"), "Unix socket /tmp/a:1.sock opened for sessionId alice-0a1b.\n");
        assert_eq!(at("[::1]:80"), "Port 80 opened for sessionId alice-0a1b.\n");
    }

    #[tokio::test]
    async fn nothing_is_lost_by_the_replay() {
        let (sender, rest) = mpsc::channel(1);
        let mut events = replay(Event::SocketOpen, rest);
        sender.send(Event::Ready).await.unwrap();
        drop(sender);
        assert_eq!(events.recv().await, Some(Event::SocketOpen));
        assert_eq!(events.recv().await, Some(Event::Ready));
        assert_eq!(events.recv().await, None);
    }
}
