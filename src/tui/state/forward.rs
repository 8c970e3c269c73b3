//! A forward in its tab: what was wished for, how it stands, and how much goes through it.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use jiff::Timestamp;

use super::port;
use crate::config::{Near, Route};

/// Sentences that are kept.
const LOG: usize = 50;
/// Seconds that the graph remembers.
const SECONDS: usize = 240;
/// A rate is the mean of so many seconds.
const WINDOW: u64 = 3;
/// The most that the agent sends in a session: it reads 1 KB and sleeps 1 ms (peers c20). From half of it on, that is what slows.
const AGENT_PACE: u64 = 600_000;

/// What the user wants forwarded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The port on the far side.
    pub port: u16,
    /// The host behind the instance; none is the instance itself.
    pub host: Option<String>,
    /// Where to listen: `localhost` and a free port unless the user says otherwise.
    pub near: Near,
    /// How many sessions carry its connections.
    pub lanes: usize,
    /// A document of the account's own instead of AWS's, with its parameters.
    pub document: Option<Run>,
}

/// A document and the values of its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Its name.
    pub document: String,
    /// Each value is a list, as StartSession takes it.
    pub parameters: Vec<(String, Vec<String>)>,
}

/// Where the forward listens unless the user says otherwise: this machine alone, in both families.
pub const LOOPBACK: &str = "localhost";

impl Default for Wish {
    fn default() -> Self {
        Self { port: 0, host: None, near: listen(0), lanes: 1, document: None }
    }
}

impl Wish {
    /// Whether others on the network can use it.
    pub fn is_open_to_others(&self) -> bool {
        let near = self.near.clone();
        Route { near, host: None, port: self.port }.is_open_to_others()
    }

    /// The wish that a saved forward stands for.
    pub fn saved(route: &Route, lanes: usize) -> Self {
        let Route { near, host, port } = route.clone();
        Self { port, host, near, lanes, document: None }
    }

    /// `db:5432`, or `web-1:80` for the instance itself.
    pub fn destination(&self, instance: &str) -> String {
        match (&self.document, self.port) {
            (Some(run), 0) => run.document.clone(),
            _ => format!("{}:{}", self.host.as_deref().unwrap_or(instance), self.port),
        }
    }

    /// The tab's name: `⇄ 8080→db:5432`.
    pub fn name(&self, local: Option<u16>, instance: &str) -> String {
        let local = match (&self.near, local) {
            (Near::Unix(path), _) => path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            (_, Some(port)) => port.to_string(),
            (Near::Tcp { port: 0, .. }, None) => String::new(),
            (Near::Tcp { port, .. }, None) => port.to_string(),
        };
        // The domain of a long host name tells nothing in a tab.
        let host = self.host.as_deref().map(|host| match host.split_once('.') {
            Some((first, _)) if host.parse::<std::net::IpAddr>().is_err() => first,
            _ => host,
        });
        let short = Self { host: host.map(str::to_owned), ..self.clone() };
        format!("⇄ {local}→{}", short.destination(instance))
    }

    /// The service that is known by its port.
    pub fn service(&self) -> Option<&'static str> {
        port::named(self.port).map(|service| service.name)
    }
}

/// This port of this machine alone.
pub fn listen(port: u16) -> Near {
    Near::Tcp { host: LOOPBACK.to_owned(), port }
}

/// Where to listen as one types it: `8080`, `0.0.0.0:8080`, `unix:/tmp/db.sock`.
///
/// # Errors
/// What is wrong with it.
pub fn parse_near(text: &str) -> Result<Near, String> {
    if let Some(path) = text.strip_prefix("unix:") {
        return match path {
            "" => Err("write unix:PATH".to_owned()),
            path => Ok(Near::Unix(path.into())),
        };
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (host.trim_matches(['[', ']']), port),
        None => (LOOPBACK, text),
    };
    if host.is_empty() || host.contains(char::is_whitespace) {
        return Err("write ADDRESS:PORT, unix:PATH, or a port alone".to_owned());
    }
    let host = if host == "*" { "0.0.0.0" } else { host };
    match port.parse::<u64>() {
        Ok(number @ 0..=65535) => Ok(Near::Tcp { host: host.to_owned(), port: number as u16 }),
        Ok(_) => Err(format!("{port} is no port: there are 1 to 65535, or 0 for a free one")),
        Err(_) => Err(format!("{port} is no port's number")),
    }
}

/// The same in words again; nothing for what it is without any.
pub fn spell_near(near: &Near) -> String {
    match near {
        Near::Unix(path) => format!("unix:{}", path.display()),
        Near::Tcp { host, port: 0 } if host == LOOPBACK => String::new(),
        Near::Tcp { host, port } if host == LOOPBACK => port.to_string(),
        Near::Tcp { host, port } if host.contains(':') => format!("[{host}]:{port}"),
        Near::Tcp { host, port } => format!("{host}:{port}"),
    }
}

/// One session of a forward.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    /// Its id.
    pub session: String,
    /// What its agent says of itself.
    pub agent_version: Option<String>,
    /// It carries many connections at once.
    pub many: bool,
    /// How its link is.
    pub link: LaneLink,
}

/// How the link of a lane is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LaneLink {
    /// Well.
    #[default]
    Up,
    /// Nothing has answered since then.
    Silent(Instant),
    /// It is being made anew.
    Reconnecting {
        /// Since when.
        since: Instant,
        /// The how-manieth attempt.
        attempt: u32,
        /// Why the last one failed.
        cause: String,
    },
}

/// What a forward's tab shows.
#[derive(Debug)]
pub struct Board {
    /// What was wished for.
    pub wish: Wish,
    /// Where it listens, once it does.
    pub address: Option<String>,
    /// Its sessions.
    pub lanes: BTreeMap<usize, Lane>,
    /// Connections that are open.
    pub open: usize,
    /// Connections that were accepted.
    pub accepted: u64,
    /// Connections that the far side could not make.
    pub refused: u64,
    /// Bytes to the far side.
    pub sent: u64,
    /// Bytes from the far side.
    pub received: u64,
    /// Throughput over time.
    pub graph: Graph,
    /// What happened, the newest last.
    pub log: VecDeque<(Timestamp, Entry)>,
}

/// A sentence of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it says.
    pub text: String,
    /// Whether it deserves a look.
    pub bad: bool,
}

impl Board {
    /// Nothing has happened yet.
    pub fn new(wish: Wish, now: Instant) -> Self {
        Self {
            wish,
            address: None,
            lanes: BTreeMap::new(),
            open: 0,
            accepted: 0,
            refused: 0,
            sent: 0,
            received: 0,
            graph: Graph::new(now),
            log: VecDeque::new(),
        }
    }

    /// As before a start; the log is kept, as the screen of a shell is (peers c19).
    pub fn restart(&mut self, now: Instant) {
        *self = Self { log: std::mem::take(&mut self.log), ..Self::new(self.wish.clone(), now) };
    }

    /// Remembers a sentence.
    pub fn say(&mut self, at: Timestamp, text: impl Into<String>, bad: bool) {
        if self.log.len() == LOG {
            self.log.pop_front();
        }
        self.log.push_back((at, Entry { text: text.into(), bad }));
    }

    /// Takes the totals of all connections.
    pub fn traffic(&mut self, sent: u64, received: u64, now: Instant) {
        self.graph.add(now, sent.saturating_sub(self.sent), received.saturating_sub(self.received));
        (self.sent, self.received) = (sent, received);
    }

    /// The local port, once it is known.
    pub fn local_port(&self) -> Option<u16> {
        self.address.as_deref()?.rsplit_once(':')?.1.parse().ok()
    }

    /// Whether the pace of the agent is what limits the download.
    pub fn is_paced_by_agent(&self, now: Instant) -> bool {
        let lanes = self.lanes.len().max(1) as u64;
        let rate = self.graph.rate(now).1;
        (lanes * AGENT_PACE..lanes * AGENT_PACE * 2).contains(&rate)
    }

    /// The lane that is worst off, if one is unwell.
    pub fn worst(&self) -> Option<&LaneLink> {
        let rank = |link: &LaneLink| match link {
            LaneLink::Up => 0,
            LaneLink::Silent(_) => 1,
            LaneLink::Reconnecting { .. } => 2,
        };
        self.lanes.values().map(|lane| &lane.link).max_by_key(|link| rank(link)).filter(|link| rank(link) > 0)
    }
}

/// Bytes per second over the last minutes. It moves while something flows and stands still after: nothing ticks for it.
#[derive(Debug)]
pub struct Graph {
    start: Instant,
    /// The second, and the bytes up and down in it.
    seconds: VecDeque<(u64, u64, u64)>,
}

impl Graph {
    fn new(start: Instant) -> Self {
        Self { start, seconds: VecDeque::new() }
    }

    /// Whether nothing has flowed yet.
    pub fn is_empty(&self) -> bool {
        self.seconds.is_empty()
    }

    fn second(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.start).as_secs()
    }

    fn add(&mut self, now: Instant, sent: u64, received: u64) {
        if sent == 0 && received == 0 {
            return;
        }
        let second = self.second(now);
        match self.seconds.back_mut() {
            Some((last, up, down)) if *last == second => {
                *up += sent;
                *down += received;
            }
            _ => self.seconds.push_back((second, sent, received)),
        }
        if self.seconds.len() > SECONDS {
            self.seconds.pop_front();
        }
    }

    /// Bytes a second, up and down, as the mean of the last seconds.
    pub fn rate(&self, now: Instant) -> (u64, u64) {
        let age = now.saturating_duration_since(self.start);
        let second = age.as_secs();
        let recent = self.seconds.iter().rev().take_while(|(at, _, _)| at + WINDOW > second);
        let (up, down) = recent.fold((0, 0), |(up, down), (_, sent, received)| (up + sent, down + received));
        let part = age.as_secs_f64() - second as f64;
        // At the beginning there are fewer seconds to take the mean of.
        let first = self.seconds.front().map_or(second, |(at, _, _)| *at);
        let whole = (second - first).min(WINDOW - 1) as f64;
        let span = (whole + part).max(0.5);
        ((up as f64 / span) as u64, (down as f64 / span) as u64)
    }

    /// The second that the graph ends with: now while something flows, and shortly after the last of it when nothing does.
    fn end(&self, now: Instant) -> u64 {
        let last = self.seconds.back().map_or(0, |(at, _, _)| *at);
        self.second(now).min(last + WINDOW)
    }

    /// Bytes (up and down together) in each of the last `count` seconds, the latest last.
    pub fn bars(&self, now: Instant, count: usize) -> Vec<u64> {
        let end = self.end(now);
        let mut bars = vec![0; count];
        for (at, up, down) in &self.seconds {
            let back = (end - *at) as usize;
            if back < count {
                bars[count - 1 - back] = up + down;
            }
        }
        bars
    }

    /// When the graph or a rate changes by time alone; none while nothing has flowed for a while.
    pub fn next_tick(&self, now: Instant) -> Option<Instant> {
        let (last, _, _) = self.seconds.back()?;
        let second = self.second(now);
        (second < last + WINDOW).then(|| self.start + Duration::from_secs(second + 1))
    }
}

/// A count of bytes as people say it: `512 B`, `34.1 kB`, `1.2 GB`.
pub fn bytes(count: u64) -> String {
    let mut value = count as f64;
    if value < 1000.0 {
        return format!("{count} B");
    }
    for unit in ["kB", "MB", "GB"] {
        value /= 1000.0;
        if value < 999.5 {
            return if value < 99.95 { format!("{value:.1} {unit}") } else { format!("{value:.0} {unit}") };
        }
    }
    format!("{:.1} TB", value / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn wish(host: Option<&str>, local: u16) -> Wish {
        Wish { port: 5432, host: host.map(str::to_owned), near: listen(local), ..Wish::default() }
    }

    #[test]
    fn a_forward_is_named_by_its_two_ends() {
        assert_eq!(wish(Some("db"), 8080).name(None, "web-1"), "⇄ 8080→db:5432");
        assert_eq!(wish(Some("db.prod.internal"), 0).name(Some(40_001), "web-1"), "⇄ 40001→db:5432");
        assert_eq!(wish(Some("10.0.0.7"), 0).name(None, "web-1"), "⇄ →10.0.0.7:5432");
        assert_eq!(wish(None, 1).name(None, "web-1"), "⇄ 1→web-1:5432");
        let unix = Wish { near: Near::Unix("/tmp/db.sock".into()), ..wish(None, 1) };
        assert_eq!(unix.name(None, "web-1"), "⇄ db.sock→web-1:5432");
    }

    #[test]
    fn peers_c25_an_address_off_loopback_is_known_as_such() {
        for (text, open) in [
            ("8080", false),
            ("127.0.0.1:0", false),
            ("localhost:1", false),
            ("[::1]:1", false),
            ("unix:/tmp/x", false),
            ("0.0.0.0:1", true),
            ("*:1", true),
            ("[::]:1", true),
            ("192.168.1.4:1", true),
            ("myhost:1", true),
        ] {
            let near = parse_near(text).unwrap();
            assert_eq!(parse_near(&spell_near(&near)).unwrap(), near, "{text}");
            assert_eq!(Wish { near, ..Wish::default() }.is_open_to_others(), open, "{text}");
        }
    }

    #[test]
    fn rates_rise_and_fall_and_the_graph_stands_still_when_nothing_flows() {
        let start = Instant::now();
        let mut board = Board::new(wish(None, 0), start);
        assert_eq!((board.graph.rate(start), board.graph.next_tick(start)), ((0, 0), None));
        let mut now = start;
        for step in 1..=20u64 {
            now = start + Duration::from_millis(250) * step as u32;
            board.traffic(step * 250, step * 25_000, now);
        }
        let (up, down) = board.graph.rate(now);
        assert!((900..=1300).contains(&up) && (90_000..=130_000).contains(&down), "{up} {down}");
        assert_eq!(board.graph.bars(now, 3)[1], 101_000);
        let mut ticks = 0;
        while let Some(next) = board.graph.next_tick(now) {
            assert!(next > now);
            now = next;
            ticks += 1;
        }
        assert_eq!((ticks, board.graph.rate(now)), (3, (0, 0)));
        let bars = board.graph.bars(now, 8);
        assert_eq!(bars, board.graph.bars(now + 600 * SECOND, 8), "no time passes on it");
        board.traffic(6_000, 500_000, now + 600 * SECOND);
        assert_eq!(board.graph.bars(now + 600 * SECOND, 8)[..7], [0; 7], "and it knows of the pause");
    }

    #[test]
    fn peers_c20_the_pace_of_the_agent_is_known_as_the_reason() {
        let start = Instant::now();
        let mut board = Board::new(wish(None, 0), start);
        for step in 1..=24u64 {
            board.traffic(0, step * 200_000, start + Duration::from_millis(250) * step as u32);
        }
        assert!(board.is_paced_by_agent(start + 6 * SECOND), "{:?}", board.graph.rate(start + 6 * SECOND));
        assert!(!board.is_paced_by_agent(start + 60 * SECOND));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let start = Instant::now();
        let mut board = Board::new(wish(None, 0), start);
        for n in 1..=10_000u64 {
            board.traffic(n, n, start + SECOND * n as u32);
            board.say(Timestamp::UNIX_EPOCH, "again", false);
        }
        assert!(board.graph.seconds.len() <= SECONDS && board.log.len() <= LOG);
    }

    #[test]
    fn bytes_are_said_in_units_of_a_thousand() {
        let said: Vec<_> =
            [0, 999, 1_000, 34_120, 812_400, 1_250_000, 84_000_000, 999_600, 3_000_000_000_000]
                .map(bytes)
                .into();
        assert_eq!(
            said,
            ["0 B", "999 B", "1.0 kB", "34.1 kB", "812 kB", "1.2 MB", "84.0 MB", "1.0 MB", "3.0 TB"]
        );
    }
}
