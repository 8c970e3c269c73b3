//! The channel against a model of the official agent over a bad network, against the recorded agent, and against
//! enemies.

mod agent;
mod encrypted;
mod hostile;
mod kms;
mod pair;
mod port;
mod recorded;
mod rules;

use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::session::random::Random;
use pair::{Happening, Network, Pair};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Bytes of which no stretch looks like another.
fn pattern(seed: u64, length: usize) -> Vec<u8> {
    let mut random = Random::new(seed);
    (0..length).map(|_| random.next() as u8).collect()
}

/// Kinds of sessions, as far as the channel can tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Without a handshake.
    Shell,
    /// A shell with a handshake.
    Greeted,
    /// Output, standard error and an exit code.
    Command,
    /// Bytes and flags both ways.
    Port,
    /// A command under KMS.
    Encrypted,
}

impl Kind {
    fn session_type(self) -> Option<&'static str> {
        match self {
            Self::Shell => None,
            Self::Greeted => Some("Standard_Stream"),
            Self::Command | Self::Encrypted => Some("NonInteractiveCommands"),
            Self::Port => Some("Port"),
        }
    }

    fn keys(self) -> Option<kms::Keys> {
        (self == Self::Encrypted).then(|| kms::Keys::of(64))
    }
}

/// What is to arrive in the end.
struct Expected {
    printed: Vec<u8>,
    errors: Vec<u8>,
    codes: Vec<i32>,
    printed_flags: Vec<(usize, Flag)>,
    typed: Vec<u8>,
    typed_flags: Vec<(usize, Flag)>,
    size: Size,
}

/// One session over one network, both drawn from the seed.
fn scenario(seed: u64, kind: Kind) -> (Pair, Expected) {
    let mut random = Random::new(seed);
    let network = match random.below(4) {
        0 => Network { delay: ms(random.below(150)), ..Network::default() },
        _ => Network {
            lose: random.below(100),
            double: random.below(100),
            delay: ms(random.below(150)),
            jitter: ms(random.below(100)),
        },
    };
    let mut pair = Pair::new(seed, kind, network);
    let mut expected = Expected {
        printed: pattern(seed ^ 1, random.below(40_000) as usize + 1),
        errors: Vec::new(),
        codes: Vec::new(),
        printed_flags: Vec::new(),
        typed: pattern(seed ^ 2, random.below(30_000) as usize),
        typed_flags: Vec::new(),
        size: Size { cols: 80, rows: 24 },
    };

    let (mut rest, mut at) = (&expected.printed[..], pair.now);
    while !rest.is_empty() {
        let (chunk, left) = rest.split_at((random.below(1024) as usize + 1).min(rest.len()));
        pair.agent.script.push_back((at, PayloadType::Output, Bytes::copy_from_slice(chunk)));
        match kind {
            Kind::Command | Kind::Encrypted if random.below(4) == 0 => {
                let complaint = pattern(random.next(), random.below(1024) as usize + 1);
                expected.errors.extend_from_slice(&complaint);
                pair.agent.script.push_back((at, PayloadType::StdErr, complaint.into()));
            }
            Kind::Port if random.below(8) == 0 => {
                let flag = Flag::ConnectToPortError;
                expected.printed_flags.push((expected.printed.len() - left.len(), flag));
                pair.agent.script.push_back((at, PayloadType::Flag, flag.encode()));
            }
            _ => {}
        }
        at += ms(random.below(40));
        rest = left;
    }
    if matches!(kind, Kind::Command | Kind::Encrypted) {
        let code = random.below(300) as i32 - 20;
        expected.codes.push(code);
        pair.agent.script.push_back((at, PayloadType::ExitCode, ExitCode(code).encode()));
    }

    let (mut rest, mut at) = (&expected.typed[..], Duration::ZERO);
    while !rest.is_empty() {
        let most = if random.below(8) == 0 { 20_000 } else { 40 };
        let (piece, left) =
            rest.split_at((random.below(most) as usize + 1).min(rest.len()).max(rest.len() / 200));
        pair.after(at, Happening::Type(Bytes::copy_from_slice(piece)));
        if kind == Kind::Port && random.below(8) == 0 {
            expected.typed_flags.push((expected.typed.len() - left.len(), Flag::DisconnectToPort));
            pair.after(at, Happening::Flag(1));
        }
        at += ms(random.below(100));
        rest = left;
    }

    let mut at = Duration::ZERO;
    for _ in 0..random.below(6) {
        at += ms(random.below(1500));
        let size = Size { cols: random.below(200) as u32, rows: random.below(60) as u32 };
        expected.size = size;
        pair.after(at, Happening::Resize { cols: size.cols, rows: size.rows });
    }

    let mut at = Duration::ZERO;
    for _ in 0..random.below(4) {
        at += ms(random.below(3000));
        let away = ms(random.below(4000) + 1);
        if random.below(3) == 0 {
            pair.after(at, Happening::AgentCut);
            pair.after(at + away, Happening::AgentReconnect);
        } else {
            let unnoticed = ms(random.below(3) * random.below(1000));
            pair.after(at, Happening::Blackout);
            pair.after(at + unnoticed, Happening::Cut { tell: random.below(2) == 0 });
            pair.after(at + unnoticed + away, Happening::Reconnect);
            at += unnoticed;
        }
        at += away + ms(1);
    }
    (pair, expected)
}

/// `SSMTUI_SEEDS` says how many seeds each kind is tried with.
fn every_byte_arrives_once_and_in_order_or_the_end_is_told(kind: Kind) {
    let seeds = std::env::var("SSMTUI_SEEDS").map_or(300, |seeds| seeds.parse().unwrap());
    for seed in 0..seeds {
        let (mut pair, expected) = scenario(seed, kind);
        let finished = |pair: &Pair| !pair.is_typing() && pair.client.is_idle() && pair.agent.is_idle();
        if seed % 10 == 9 {
            // The far side ends it at any moment: then what came is the beginning of what was sent.
            let moment = pair.now + ms(seed % 7919);
            pair.run(|pair| pair.now >= moment || finished(pair));
            assert!(expected.printed.starts_with(&pair.seen), "seed {seed}");
            assert!(expected.errors.starts_with(&pair.errors), "seed {seed}");
            assert!(expected.printed_flags.starts_with(&pair.flags), "seed {seed}");
            assert!(expected.typed.starts_with(&pair.agent.received), "seed {seed}");
            assert!(expected.typed_flags.starts_with(&pair.agent.flags), "seed {seed}");
        } else {
            pair.run(finished);
            assert!(pair.seen == expected.printed, "seed {seed}: {pair}");
            assert!(pair.errors == expected.errors, "seed {seed}: {pair}");
            assert_eq!(pair.codes, expected.codes, "seed {seed}: {pair}");
            assert_eq!(pair.flags, expected.printed_flags, "seed {seed}: {pair}");
            assert!(pair.agent.received == expected.typed, "seed {seed}: {pair}");
            assert_eq!(pair.agent.flags, expected.typed_flags, "seed {seed}: {pair}");
            let size = (kind != Kind::Port).then_some(&expected.size);
            assert_eq!(pair.agent.sizes.last(), size, "seed {seed}: {pair}");
            assert_eq!(pair.agent.responses.len(), usize::from(kind.session_type().is_some()), "seed {seed}");
        }
        assert_eq!(pair.agent.wasted, 0, "seed {seed}: typed into a handshake");
        let window = if kind == Kind::Port { 512 } else { 256 };
        assert!(pair.most_in_flight <= window + 2, "seed {seed}: {} in flight", pair.most_in_flight);
        pair.close("the end");
        assert_eq!(pair.ended, Some(ChannelEvent::Closed { output: "the end".to_owned() }), "seed {seed}");
        assert_eq!(pair.client.poll_timeout(), None);
    }
}

#[test]
fn every_byte_of_a_shell_arrives_once_and_in_order() {
    every_byte_arrives_once_and_in_order_or_the_end_is_told(Kind::Shell);
}

#[test]
fn every_byte_of_a_shell_with_a_handshake_arrives_once_and_in_order() {
    every_byte_arrives_once_and_in_order_or_the_end_is_told(Kind::Greeted);
}

#[test]
fn both_outputs_and_the_code_of_a_command_arrive_once_and_in_order() {
    every_byte_arrives_once_and_in_order_or_the_end_is_told(Kind::Command);
}

#[test]
fn bytes_and_flags_of_a_port_arrive_once_and_in_order() {
    every_byte_arrives_once_and_in_order_or_the_end_is_told(Kind::Port);
}

#[test]
fn what_is_encrypted_arrives_once_and_in_order() {
    every_byte_arrives_once_and_in_order_or_the_end_is_told(Kind::Encrypted);
}
