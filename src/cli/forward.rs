//! `ssmtui forward`: ports here that lead to ports there, until a signal ends them. Each address is one line on standard
//! output once it listens; all else is on standard error, on a terminal with a line of counts that stays at the bottom.

use std::{
    collections::VecDeque,
    io::{self, IsTerminal, Write},
    path::PathBuf,
    process::ExitCode,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde::Serialize;
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};

use super::{
    Failure,
    args::Forward as Arguments,
    connect::FAREWELL,
    history::Memory,
    print,
    signal::Signals,
    target::{self, Found},
};
use crate::{
    aws::{self, Client, Connector, SessionOpener, StartRequest},
    config::{Config, Near, Route},
    fleet::{Feature, history},
    session::{
        BoxFuture, End, Service, ServiceError, Ticket,
        kinds::{
            Opener,
            forward::{self, Forward, ForwardEvent, Listen, Mode, Plan, Traffic},
        },
    },
};

/// To the instance itself.
const HERE: &str = "AWS-StartPortForwardingSession";
/// To a host that the instance reaches.
const BEYOND: &str = "AWS-StartPortForwardingSessionToRemoteHost";
/// The live line is drawn so often, and rates are over so many of these.
const TICK: Duration = Duration::from_millis(500);
const RATE_TICKS: usize = 6;

pub(super) async fn run(
    connector: &Connector,
    config: &Config,
    arguments: &Arguments,
) -> Result<ExitCode, Failure> {
    let wanted = wanted(config, arguments)?;
    let client = connector.connect().await?;
    let mut found = target::find_known(&client, &wanted.target).await?;
    let beyond = wanted.routes.iter().any(|route| route.host.is_some());
    let feature = if beyond { Feature::RemoteHostForwarding } else { Feature::PortForwarding };
    found.require("forward ports of", feature)?;
    for route in wanted.routes.iter().filter(|route| route.is_open_to_others()) {
        if let Near::Tcp { host, port } = &route.near {
            eprintln!(
                "ssmtui: whoever can reach {host} port {port} of this machine can use this forward, too"
            );
        }
    }
    // Signals first: from here on nothing may end this process without ending the sessions.
    let mut signals = Signals::new()?;
    let mut run = Run::new(&client, &found, &wanted, arguments);
    run.memory = Memory::of(config, &client, &found, history::Kind::Forward);
    let outcome = run.until_over(&mut signals).await;
    run.board.clear();
    match outcome {
        Outcome::Signal(number) => {
            eprintln!("ssmtui: {}", run.farewell_words());
            Ok(ExitCode::from(128 + number))
        }
        Outcome::Ended => Ok(ExitCode::FAILURE),
        Outcome::Refused(end, failure) => match failure {
            Some(error) => Err(target::explain(&client, &mut found, error).await),
            None => Err(refused(&found, &end)),
        },
        Outcome::Output(failure) => Err(failure),
    }
}

/// What is to be forwarded.
struct Wanted {
    target: String,
    routes: Vec<Route>,
    lanes: usize,
}

/// From the command line, or by the name of one that the config file holds.
fn wanted(config: &Config, arguments: &Arguments) -> Result<Wanted, Failure> {
    let lanes = arguments.lanes.map(usize::from);
    if arguments.routes.is_empty()
        && let Some(saved) = config.forwards.get(&arguments.target)
    {
        return Ok(Wanted {
            target: saved.target.clone(),
            routes: saved.routes.clone(),
            lanes: lanes.unwrap_or(saved.lanes),
        });
    }
    let routes = if arguments.routes.is_empty() { vec![Route::usual()] } else { arguments.routes.clone() };
    Ok(Wanted { target: arguments.target.clone(), routes, lanes: lanes.unwrap_or(1) })
}

/// A forward that never listened, or a session that could not be had.
fn refused(found: &Found, end: &End) -> Failure {
    let why = match end {
        End::Refused(why) | End::Lost(why) | End::Protocol(why) => why.clone(),
        end => end.to_string(),
    };
    let next = if why.contains("permission denied") || why.contains("Permission denied") {
        "ports below 1024 are for root here: choose a higher local port"
    } else {
        ""
    };
    Failure::told(format!("cannot forward ports of {}", found.label()), why, next)
}

/// Starts sessions, and keeps what AWS said when it did not.
struct Starter {
    opener: SessionOpener,
    failure: Mutex<Option<aws::Error>>,
}

impl Opener for Starter {
    fn start(&self) -> BoxFuture<'_, Result<(Ticket, String), ServiceError>> {
        Box::pin(async {
            self.opener.ticket().await.map_err(|error| {
                *self.failure.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(error.clone());
                ServiceError::from(error)
            })
        })
    }
}

fn request(found: &Found, route: &Route, reason: Option<&str>) -> StartRequest {
    let document = if route.host.is_some() { BEYOND } else { HERE };
    let mut request = StartRequest::by(document, &found.target).with("portNumber", route.port.to_string());
    if let Near::Tcp { port, .. } = route.near {
        request = request.with("localPortNumber", port.to_string());
    }
    if let Some(host) = &route.host {
        request = request.with("host", host);
    }
    request.reason = reason.map(str::to_owned);
    request
}

fn listen(route: &Route) -> Listen {
    match &route.near {
        Near::Tcp { host, port } => Listen::Tcp { host: host.clone(), port: *port },
        Near::Unix(path) => Listen::Unix(PathBuf::from(path)),
    }
}

/// One forward of several.
struct One {
    route: Route,
    /// Said once all before it are.
    address: Option<String>,
    starter: Arc<Starter>,
    handle: Forward,
    listens: bool,
    lanes: usize,
    ended: bool,
    traffic: Traffic,
}

/// All forwards of this process.
struct Run {
    all: Vec<One>,
    events: mpsc::Receiver<(usize, ForwardEvent)>,
    label: String,
    target: String,
    name: Option<String>,
    json: bool,
    /// Sessions that are to run.
    sessions: usize,
    /// Addresses that standard output has.
    said: usize,
    /// Kept once one of them listens.
    memory: Option<Memory>,
    board: Board,
}

enum Outcome {
    Signal(u8),
    /// All are over, each with its words.
    Ended,
    /// One could not be had at all.
    Refused(End, Option<aws::Error>),
    Output(Failure),
}

impl Run {
    fn new(client: &Client, found: &Found, wanted: &Wanted, arguments: &Arguments) -> Self {
        let (sender, events) = mpsc::channel(256);
        let mut all = Vec::new();
        for (index, route) in wanted.routes.iter().enumerate() {
            let request = request(found, route, arguments.reason.as_deref());
            let opener = SessionOpener::new(client.clone(), request);
            let starter = Arc::new(Starter { opener, failure: Mutex::new(None) });
            let plan = Plan { listen: listen(route), lanes: wanted.lanes };
            let service: Arc<dyn Service> = Arc::new(client.clone());
            let (handle, mut own) = forward::open(plan, service, Arc::clone(&starter) as Arc<dyn Opener>);
            let sender = sender.clone();
            tokio::spawn(async move {
                while let Some(event) = own.recv().await {
                    if sender.send((index, event)).await.is_err() {
                        return;
                    }
                }
            });
            all.push(One {
                route: route.clone(),
                address: None,
                starter,
                handle,
                listens: false,
                lanes: 0,
                ended: false,
                traffic: Traffic::default(),
            });
        }
        Self {
            sessions: all.len() * wanted.lanes,
            said: 0,
            memory: None,
            all,
            events,
            label: found.label(),
            target: found.target.clone(),
            name: found.name().map(str::to_owned),
            json: arguments.json,
            board: Board::new(),
        }
    }

    async fn until_over(&mut self, signals: &mut Signals) -> Outcome {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let outcome = loop {
            tokio::select! {
                event = self.events.recv() => {
                    let Some((index, event)) = event else { break Outcome::Ended };
                    if let Some(outcome) = self.handle(index, event) {
                        break outcome;
                    }
                }
                number = signals.end() => break Outcome::Signal(number),
                _ = tick.tick() => {
                    let total = self.total();
                    self.board.tick(total);
                }
            }
        };
        self.farewell().await;
        outcome
    }

    /// What one event means for the whole.
    fn handle(&mut self, index: usize, event: ForwardEvent) -> Option<Outcome> {
        let several = self.all.len() > 1;
        let one = &mut self.all[index];
        let whose = if several { format!("{}: ", one.route) } else { String::new() };
        let words = match event {
            ForwardEvent::Listening { address } => {
                one.listens = true;
                one.address = Some(address);
                self.memory.take().into_iter().for_each(Memory::keep);
                return self.say_addresses().err().map(Outcome::Output);
            }
            ForwardEvent::Lane { mode, agent_version, .. } => {
                one.lanes += 1;
                let basic = mode == Mode::Basic && one.lanes == 1;
                let complete = self.all.iter().map(|one| one.lanes).sum::<usize>() == self.sessions;
                if complete {
                    let sessions = match self.sessions {
                        1 => "1 session".to_owned(),
                        many => format!("{many} sessions"),
                    };
                    self.board.say(&format!("holding {sessions} on {}; ^C ends it all", self.label));
                }
                basic.then(|| {
                    format!(
                        "agent {} carries one connection at a time",
                        agent_version.as_deref().unwrap_or("of this age")
                    )
                })
            }
            ForwardEvent::Traffic(traffic) => {
                one.traffic = traffic;
                None
            }
            ForwardEvent::Refused { why, .. } => Some(format!("a connection was refused there: {why}")),
            ForwardEvent::Reconnecting { attempt: 1, cause, .. } => {
                Some(format!("connection lost ({cause}); reconnecting"))
            }
            ForwardEvent::Reconnecting { attempt, cause, .. } if attempt.is_power_of_two() => {
                Some(format!("still reconnecting, attempt {attempt} ({cause})"))
            }
            ForwardEvent::Resumed { away, .. } => Some(format!("resumed after {} s", away.as_secs())),
            ForwardEvent::Restarted { .. } => {
                Some("the session was over, a new one is in its place; its connections are lost".to_owned())
            }
            ForwardEvent::Silent { .. } => Some("no answer from the far side".to_owned()),
            ForwardEvent::Answering { .. } => Some("the far side answers again".to_owned()),
            ForwardEvent::Notice(words) => Some(words),
            ForwardEvent::Ended(end) => {
                one.ended = true;
                if !one.listens {
                    let failure = one.starter.failure.lock();
                    let failure = failure.unwrap_or_else(|poisoned| poisoned.into_inner()).take();
                    return Some(Outcome::Refused(end, failure));
                }
                self.board.say(&format!("{whose}{end}"));
                return self.all.iter().all(|one| one.ended).then_some(Outcome::Ended);
            }
            _ => None,
        };
        if let Some(words) = words.filter(|words| !words.trim().is_empty()) {
            self.board.say(&format!("{whose}{}", words.trim()));
        }
        None
    }

    /// Ends what still runs, and waits until the service knows.
    async fn farewell(&mut self) {
        self.all.iter().for_each(|one| one.handle.end());
        let deadline = Instant::now() + FAREWELL;
        while self.all.iter().any(|one| !one.ended) {
            tokio::select! {
                event = self.events.recv() => match event {
                    Some((index, ForwardEvent::Ended(_))) => self.all[index].ended = true,
                    Some((index, ForwardEvent::Traffic(traffic))) => self.all[index].traffic = traffic,
                    // That the service was not told to end the session, say.
                    Some((_, ForwardEvent::Notice(words))) => self.board.say(&words),
                    Some(_) => {}
                    None => return,
                },
                () = sleep_until(deadline) => return,
            }
        }
    }

    fn farewell_words(&self) -> String {
        let total = self.total();
        let carried = format!(
            "{} connections, {} sent, {} received",
            total.accepted,
            bytes(total.sent),
            bytes(total.received)
        );
        if self.all.iter().all(|one| one.ended) {
            format!("forwards ended: {carried}")
        } else {
            format!("left; the service did not confirm the end in time, its idle timeout will ({carried})")
        }
    }

    fn total(&self) -> Traffic {
        self.all.iter().fold(Traffic::default(), |sum, one| Traffic {
            sent: sum.sent + one.traffic.sent,
            received: sum.received + one.traffic.received,
            open: sum.open + one.traffic.open,
            accepted: sum.accepted + one.traffic.accepted,
        })
    }

    /// In the order in which they were asked for, so that a script can count.
    fn say_addresses(&mut self) -> Result<(), Failure> {
        while let Some(address) = self.all.get(self.said).and_then(|one| one.address.as_deref()) {
            let line = self.line(self.said, address);
            self.board.clear();
            print(line.as_bytes())?;
            self.said += 1;
        }
        Ok(())
    }

    /// What standard output says of a forward that listens.
    fn line(&self, index: usize, address: &str) -> String {
        let route = &self.all[index].route;
        if !self.json {
            return match &route.host {
                Some(_) => format!("{address} -> {route} by {}\n", self.label),
                None => format!("{address} -> {} port {route}\n", self.label),
            };
        }
        let line = Line {
            event: "listening",
            forward: index,
            address,
            target: &self.target,
            name: self.name.as_deref(),
            host: route.host.as_deref(),
            port: route.port,
            sessions: self.sessions / self.all.len(),
        };
        let mut text = serde_json::to_string(&line).expect("plain data has a JSON form");
        text.push('\n');
        text
    }
}

/// One line of `--json`. Members are added, never renamed or removed.
#[derive(Debug, Serialize)]
struct Line<'a> {
    event: &'static str,
    forward: usize,
    address: &'a str,
    target: &'a str,
    name: Option<&'a str>,
    host: Option<&'a str>,
    port: u16,
    sessions: usize,
}

/// The lines on standard error: words that stay, and below them on a terminal one that is drawn anew.
struct Board {
    live: bool,
    shown: Option<String>,
    past: VecDeque<(u64, u64)>,
}

impl Board {
    fn new() -> Self {
        Self { live: io::stderr().is_terminal(), shown: None, past: VecDeque::new() }
    }

    fn clear(&mut self) {
        if self.shown.take().is_some() {
            eprint!("\r\x1b[K");
            let _ = io::stderr().flush();
        }
    }

    fn say(&mut self, words: &str) {
        self.clear();
        eprintln!("ssmtui: {words}");
    }

    fn tick(&mut self, total: Traffic) {
        if !self.live {
            return;
        }
        self.past.push_back((total.sent, total.received));
        if self.past.len() > RATE_TICKS + 1 {
            self.past.pop_front();
        }
        let line = live(total, &self.past);
        if total.accepted > 0 && self.shown.as_ref() != Some(&line) {
            eprint!("\r\x1b[K{line}");
            let _ = io::stderr().flush();
            self.shown = Some(line);
        }
    }
}

/// `2 of 14 connections open · sent 1.2 MB, 30 kB/s · received 45 MB, 800 kB/s`
fn live(total: Traffic, past: &VecDeque<(u64, u64)>) -> String {
    let (sent, received) = past.front().copied().unwrap_or_default();
    let span = TICK.as_millis() as u64 * (past.len().saturating_sub(1)).max(1) as u64;
    let rate = |now: u64, then: u64| bytes(now.saturating_sub(then) * 1000 / span);
    format!(
        "{} of {} connections open · sent {}, {}/s · received {}, {}/s",
        total.open,
        total.accepted,
        bytes(total.sent),
        rate(total.sent, sent),
        bytes(total.received),
        rate(total.received, received)
    )
}

/// `0 B`, `812 B`, `45 kB`, `1.2 MB`
fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if count < 1000 {
        return format!("{count} B");
    }
    let mut value = count as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let digits = usize::from(value < 9.95);
    format!("{value:.digits$} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_short() {
        let said: Vec<_> = [0, 999, 1000, 9_949, 45_300, 999_600, 1_234_567, 5_000_000_000].map(bytes).into();
        assert_eq!(said, ["0 B", "999 B", "1.0 kB", "9.9 kB", "45 kB", "1.0 MB", "1.2 MB", "5.0 GB"]);
    }

    #[test]
    fn rates_are_over_the_last_seconds_and_fall_to_nothing() {
        let total = Traffic { sent: 3_000_000, received: 600, open: 2, accepted: 14 };
        let past = VecDeque::from([(0, 0), (1_500_000, 300), (3_000_000, 600)]);
        assert_eq!(
            live(total, &past),
            "2 of 14 connections open · sent 3.0 MB, 3.0 MB/s · received 600 B, 600 B/s"
        );
        let quiet = VecDeque::from([(3_000_000, 600), (3_000_000, 600)]);
        assert!(live(total, &quiet).contains("3.0 MB, 0 B/s"));
    }

    #[test]
    fn a_saved_forward_is_taken_by_its_name_unless_more_is_said() {
        let config = Config::parse("[forwards.db]\ntarget = \"web-1\"\nports = [5432]\nlanes = 2").unwrap();
        let arguments = |routes: &[&str], lanes| Arguments {
            target: "db".into(),
            routes: routes.iter().map(|route| route.parse().unwrap()).collect(),
            lanes,
            json: false,
            reason: None,
        };
        let saved = wanted(&config, &arguments(&[], None)).ok().unwrap();
        assert_eq!((saved.target.as_str(), saved.routes.len(), saved.lanes), ("web-1", 1, 2));
        assert_eq!(wanted(&config, &arguments(&[], Some(4))).ok().unwrap().lanes, 4);
        let own = wanted(&config, &arguments(&["80"], None)).ok().unwrap();
        assert_eq!((own.target.as_str(), own.lanes), ("db", 1), "a node of that name");
    }
}
