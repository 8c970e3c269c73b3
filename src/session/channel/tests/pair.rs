//! A channel and a model agent, joined by a bad network, in a time of its own.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, VecDeque},
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{
    Kind,
    agent::{Agent, KEY, closed_frame, service_frame},
};
use crate::session::{channel::*, message::*, random::Random};

/// Enough for every seed by a factor of ten; a livelock goes past it.
const STEPS: usize = 200_000;

/// How bad the network is. Chances are in thousandths.
#[derive(Debug, Clone, Default)]
pub(super) struct Network {
    pub(super) lose: u64,
    pub(super) double: u64,
    pub(super) delay: Duration,
    pub(super) jitter: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Happening {
    ToAgent(Bytes),
    ToClient(Bytes),
    Type(Bytes),
    Flag(u32),
    /// KMS has answered.
    Key,
    Resize {
        cols: u32,
        rows: u32,
    },
    Discard,
    /// From now on nothing passes, but nobody has noticed.
    Blackout,
    /// The client's socket is gone. Whether the service tells the agent.
    Cut {
        tell: bool,
    },
    Reconnect,
    /// The agent's socket is gone.
    AgentCut,
    AgentReconnect,
}

#[derive(Debug)]
enum Typed {
    Bytes(Bytes),
    Flag(Flag),
}

pub(super) struct Pair {
    pub(super) now: Instant,
    pub(super) client: Channel,
    pub(super) agent: Agent,
    pub(super) network: Network,
    /// What the user saw: output, standard error, flags (and how much output had come before each), exit codes.
    pub(super) seen: Vec<u8>,
    pub(super) errors: Vec<u8>,
    pub(super) flags: Vec<(usize, Flag)>,
    pub(super) codes: Vec<i32>,
    pub(super) events: Vec<ChannelEvent>,
    pub(super) ended: Option<ChannelEvent>,
    /// Frames that the client put on the wire.
    pub(super) sent: Vec<Frame>,
    pub(super) most_in_flight: usize,
    up: bool,
    agent_up: bool,
    ready: bool,
    random: Random,
    queue: BinaryHeap<Reverse<(Instant, u64, Happening)>>,
    order: u64,
    kind: Kind,
    typing: VecDeque<Typed>,
    first_copies: BTreeMap<i64, Bytes>,
    acked: BTreeMap<i64, ()>,
    steps: usize,
}

impl Pair {
    pub(super) fn new(seed: u64, kind: Kind, network: Network) -> Self {
        let now = Instant::now();
        let config =
            Config { size: Size { cols: 80, rows: 24 }, seed, nonce: [0xfe; 12], unix_ms: 1_700_000_000_000 };
        let mut client = Channel::new(now, &config);
        client.handle_reconnected(now);
        Self {
            now,
            client,
            agent: Agent::new(now, kind, Duration::from_millis(300)),
            network,
            seen: Vec::new(),
            errors: Vec::new(),
            flags: Vec::new(),
            codes: Vec::new(),
            kind,
            events: Vec::new(),
            ended: None,
            sent: Vec::new(),
            most_in_flight: 0,
            up: true,
            agent_up: true,
            ready: false,
            random: Random::new(seed ^ 0x5eed),
            queue: BinaryHeap::new(),
            order: 0,
            typing: VecDeque::new(),
            first_copies: BTreeMap::new(),
            acked: BTreeMap::new(),
            steps: 0,
        }
    }

    pub(super) fn after(&mut self, delay: Duration, happening: Happening) {
        self.order += 1;
        self.queue.push(Reverse((self.now + delay, self.order, happening)));
    }

    /// Runs until nothing is left to happen but what `done` calls the end.
    pub(super) fn run(&mut self, mut done: impl FnMut(&Self) -> bool) {
        self.settle();
        while !done(self) {
            self.steps += 1;
            assert!(self.steps < STEPS, "livelock: {self}");
            if !self.step() {
                return;
            }
        }
    }

    /// Jumps to the next thing that happens; false if there is none.
    fn step(&mut self) -> bool {
        let arrival = self.queue.peek().map(|Reverse((at, ..))| *at);
        let timeout = self.client.poll_timeout();
        let agent = self.agent.timeout().filter(|_| self.agent_up);
        let Some(at) = arrival.into_iter().chain(timeout).chain(agent).min() else { return false };
        self.now = self.now.max(at);
        while let Some(Reverse((at, ..))) = self.queue.peek()
            && *at <= self.now
        {
            let Reverse((_, _, happening)) = self.queue.pop().unwrap();
            self.happen(happening);
        }
        if timeout.is_some_and(|at| at <= self.now) {
            self.client.handle_timeout(self.now);
        }
        if agent.is_some_and(|at| at <= self.now) {
            self.agent.handle_timeout(self.now);
        }
        self.settle();
        true
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::ToAgent(bytes) => self.agent.handle_frame(self.now, &bytes),
            Happening::ToClient(bytes) => {
                if let Ok(frame) = Frame::parse(&bytes, Checks::Client)
                    && frame.message_type == MessageType::Acknowledge
                {
                    self.acked.insert(Acknowledge::parse(&frame.payload).unwrap().sequence, ());
                }
                self.client.handle_frame(self.now, &bytes);
            }
            Happening::Type(bytes) => self.typing.push_back(Typed::Bytes(bytes)),
            Happening::Flag(number) => {
                self.typing.push_back(Typed::Flag(Flag::parse(&number.to_be_bytes()).unwrap()));
            }
            Happening::Key => {
                let key = self.kind.keys().unwrap().data_key();
                self.client.provide_key(self.now, Ok(key));
            }
            Happening::Resize { cols, rows } => self.client.resize(Size { cols, rows }),
            Happening::Discard => {
                let typed = self.typing.drain(..).filter_map(|typed| match typed {
                    Typed::Bytes(bytes) => Some(bytes),
                    Typed::Flag(_) => None,
                });
                self.client.discard_input(typed.collect());
            }
            Happening::Blackout => {
                self.up = false;
                self.drop_in_flight();
            }
            Happening::Cut { tell } => {
                self.up = false;
                self.drop_in_flight();
                self.client.handle_disconnected();
                if tell && self.agent_up {
                    self.agent
                        .handle_frame(self.now, &service_frame(MessageType::PausePublication, "{}".into()));
                }
            }
            Happening::Reconnect => {
                self.up = true;
                self.client.handle_reconnected(self.now);
                if self.agent_up {
                    self.agent
                        .handle_frame(self.now, &service_frame(MessageType::StartPublication, "{}".into()));
                }
            }
            Happening::AgentCut => {
                self.agent_up = false;
                self.drop_in_flight();
                if self.up {
                    let pause = service_frame(MessageType::PausePublication, Bytes::new());
                    self.client.handle_frame(self.now, &pause);
                }
            }
            Happening::AgentReconnect => {
                self.agent_up = true;
                self.agent.handle_frame(self.now, &service_frame(MessageType::StartPublication, "{}".into()));
                if self.up {
                    let start = service_frame(MessageType::StartPublication, Bytes::new());
                    self.client.handle_frame(self.now, &start);
                }
            }
        }
    }

    /// What was on its way is gone; what people do is not.
    fn drop_in_flight(&mut self) {
        self.queue
            .retain(|Reverse((_, _, what))| !matches!(what, Happening::ToAgent(_) | Happening::ToClient(_)));
    }

    /// Moves everything that moves without time passing.
    fn settle(&mut self) {
        loop {
            while let Some(typed) = self.typing.pop_front() {
                let rest = match typed {
                    Typed::Bytes(bytes) => self.client.send(bytes),
                    Typed::Flag(flag) => {
                        self.client.send_flag(flag);
                        continue;
                    }
                };
                if !rest.is_empty() {
                    self.typing.push_front(Typed::Bytes(rest));
                    break;
                }
            }
            let Some(bytes) = self.client.poll_transmit(self.now) else { break };
            self.check_sent(&bytes);
            self.travel(bytes, Happening::ToAgent);
        }
        while let Some(bytes) = self.agent.out.pop_front() {
            self.travel(bytes, Happening::ToClient);
        }
        while let Some(event) = self.client.poll_event() {
            assert_eq!(self.ended, None, "an event after the last one: {event:?}");
            match &event {
                ChannelEvent::Data { kind: PayloadType::StdErr, bytes } => {
                    self.errors.extend_from_slice(bytes);
                }
                ChannelEvent::Data { bytes, .. } => self.seen.extend_from_slice(bytes),
                ChannelEvent::Flag(flag) => self.flags.push((self.seen.len(), *flag)),
                ChannelEvent::ExitCode(code) => self.codes.push(*code),
                ChannelEvent::KeyWanted { key_id, challenge } => {
                    assert_eq!((&key_id[..], challenge.is_some()), (KEY, true));
                    let delay = Duration::from_millis(self.random.below(5000));
                    self.after(delay, Happening::Key);
                }
                ChannelEvent::Ready => self.ready = true,
                ChannelEvent::Closed { .. } | ChannelEvent::Failed(_) => self.ended = Some(event.clone()),
                _ => {}
            }
            self.events.push(event);
        }
    }

    fn check_sent(&mut self, bytes: &Bytes) {
        let frame = Frame::parse(bytes, Checks::Client).unwrap();
        assert!(!frame.payload.is_empty());
        if frame.message_type == MessageType::InputStreamData {
            match frame.payload_type {
                PayloadType::HandshakeResponse => assert_eq!(frame.sequence, 0),
                PayloadType::EncChallengeResponse => assert_eq!(frame.sequence, 1),
                _ => {
                    assert!(
                        self.first_copies.contains_key(&frame.sequence) || self.is_running(),
                        "too early: {frame:?}"
                    );
                    let sealed = if self.kind == Kind::Encrypted { 28 } else { 0 };
                    assert!(frame.payload.len() <= STREAM_PAYLOAD_LIMIT + sealed);
                    assert!(self.kind != Kind::Port || frame.payload_type != PayloadType::Size);
                }
            }
            let expected = self.first_copies.len() as i64;
            let first = self.first_copies.entry(frame.sequence).or_insert_with(|| bytes.clone());
            assert_eq!(first, bytes, "a resend is the same message");
            assert!(frame.sequence <= expected, "a number was left out");
            self.most_in_flight = self.most_in_flight.max(self.first_copies.len() - self.acked.len());
        } else {
            assert_eq!(frame.message_type, MessageType::Acknowledge);
        }
        self.sent.push(frame);
    }

    /// Ready was said, if not yet polled.
    fn is_running(&self) -> bool {
        self.ready || self.client.events.contains(&ChannelEvent::Ready)
    }

    fn travel(&mut self, bytes: Bytes, arrive: impl Fn(Bytes) -> Happening) {
        if !self.up || !self.agent_up || self.random.below(1000) < self.network.lose {
            return;
        }
        let copies = if self.random.below(1000) < self.network.double { 2 } else { 1 };
        for _ in 0..copies {
            let jitter = self.random.below(self.network.jitter.as_micros() as u64 + 1);
            let delay = self.network.delay + Duration::from_micros(jitter);
            self.after(delay, arrive(bytes.clone()));
        }
    }

    pub(super) fn close(&mut self, output: &str) {
        self.client.handle_frame(self.now, &closed_frame(output));
        self.settle();
    }

    pub(super) fn is_typing(&self) -> bool {
        !self.typing.is_empty()
            || self
                .queue
                .iter()
                .any(|Reverse((_, _, what))| !matches!(what, Happening::ToAgent(_) | Happening::ToClient(_)))
    }

    /// How often the client sent the message with this number.
    pub(super) fn sends(&self, sequence: i64) -> usize {
        let input = MessageType::InputStreamData;
        self.sent.iter().filter(|frame| frame.message_type == input && frame.sequence == sequence).count()
    }
}

impl std::fmt::Display for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} steps, network {:?}, seen {} bytes, agent received {} bytes, idle {} and {}\n{:?}",
            self.steps,
            self.network,
            self.seen.len(),
            self.agent.received.len(),
            self.client.is_idle(),
            self.agent.is_idle(),
            self.client.outgoing,
        )
    }
}
