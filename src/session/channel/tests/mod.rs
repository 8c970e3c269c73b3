//! The channel against a model of the official agent over a bad network, against the recorded agent, and against
//! enemies.

mod agent;
mod hostile;
mod pair;
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

/// One session over one network, both drawn from the seed.
fn scenario(seed: u64) -> (Pair, Vec<u8>, Vec<u8>, Size) {
    let mut random = Random::new(seed);
    let session_type =
        [None, Some("NonInteractiveCommands"), Some("Standard_Stream")][random.below(3) as usize];
    let network = match random.below(4) {
        0 => Network { delay: ms(random.below(150)), ..Network::default() },
        _ => Network {
            lose: random.below(100),
            double: random.below(100),
            delay: ms(random.below(150)),
            jitter: ms(random.below(100)),
        },
    };
    let mut pair = Pair::new(seed, session_type, network);

    let printed = pattern(seed ^ 1, random.below(40_000) as usize + 1);
    let (mut rest, mut at) = (&printed[..], pair.now);
    while !rest.is_empty() {
        let (chunk, left) = rest.split_at((random.below(1024) as usize + 1).min(rest.len()));
        pair.agent.script.push_back((at, Bytes::copy_from_slice(chunk)));
        at += ms(random.below(40));
        rest = left;
    }

    let typed = pattern(seed ^ 2, random.below(30_000) as usize);
    let (mut rest, mut at) = (&typed[..], Duration::ZERO);
    while !rest.is_empty() {
        let most = if random.below(8) == 0 { 20_000 } else { 40 };
        let (piece, left) =
            rest.split_at((random.below(most) as usize + 1).min(rest.len()).max(rest.len() / 200));
        pair.after(at, Happening::Type(Bytes::copy_from_slice(piece)));
        at += ms(random.below(100));
        rest = left;
    }

    let mut size = Size { cols: 80, rows: 24 };
    let mut at = Duration::ZERO;
    for _ in 0..random.below(6) {
        at += ms(random.below(1500));
        size = Size { cols: random.below(200) as u32, rows: random.below(60) as u32 };
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
    (pair, printed, typed, size)
}

#[test]
fn every_byte_arrives_once_and_in_order_or_the_end_is_told() {
    let seeds = std::env::var("SSMTUI_SEEDS").map_or(2000, |seeds| seeds.parse().unwrap());
    for seed in 0..seeds {
        let (mut pair, printed, typed, size) = scenario(seed);
        let finished = |pair: &Pair| !pair.is_typing() && pair.client.is_idle() && pair.agent.is_idle();
        if seed % 10 == 9 {
            // The far side ends it at any moment: then what came is the beginning of what was sent.
            let moment = pair.now + ms(seed % 7919);
            pair.run(|pair| pair.now >= moment || finished(pair));
            assert!(printed.starts_with(&pair.seen), "seed {seed}");
            assert!(typed.starts_with(&pair.agent.received), "seed {seed}");
        } else {
            pair.run(finished);
            assert!(pair.seen == printed, "seed {seed}: {pair}");
            assert!(pair.agent.received == typed, "seed {seed}: {pair}");
            assert_eq!(pair.agent.sizes.last(), Some(&size), "seed {seed}: {pair}");
        }
        assert_eq!(pair.agent.wasted, 0, "seed {seed}: typed into a handshake");
        assert!(pair.most_in_flight <= 256 + 2, "seed {seed}: {} in flight", pair.most_in_flight);
        pair.close("the end");
        assert_eq!(pair.ended, Some(ChannelEvent::Closed { output: "the end".to_owned() }), "seed {seed}");
        assert_eq!(pair.client.poll_timeout(), None);
    }
}
