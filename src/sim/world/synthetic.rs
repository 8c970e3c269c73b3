//! Synthetic nodes, for fleets of any size: the same seed and number give the same node.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};

use super::{
    identity::profile_id,
    network::Site,
    node::{Able, Agent, Association, Life, MachineState, Metadata, Node},
    sample::{Sample, USUAL_REGISTRATION},
};

const PLATFORMS: [&str; 8] =
    ["al2023", "al2023", "al2023", "al2", "ubuntu22", "ubuntu20", "rhel9", "win2022"];
const AGENTS: [&str; 6] = ["3.3.987.0", "3.3.987.0", "3.3.859.0", "3.2.2222.0", "3.1.1732.0", "3.0.151.0"];
const TYPES: [&str; 6] = ["t3.micro", "t3.large", "m5.large", "m6i.xlarge", "c5.2xlarge", "r5.large"];
const ROLES: [&str; 10] =
    ["web", "api", "db", "cache", "queue", "batch", "proxy", "search", "worker", "build"];
const ENVIRONMENTS: [&str; 4] = ["prod", "prod", "staging", "dev"];
/// The profile that most have.
const PROFILE: &str = "ssm-node";
const TEAMS: [&str; 6] = ["shop", "core", "data", "mobile", "platform", "growth"];

/// The `number`-th synthetic node, from 0; it stands at `index` in the world.
pub(super) fn node(
    (sample, sites): (&Sample, &BTreeMap<String, Vec<Arc<Site>>>),
    seed: u64,
    number: usize,
    index: usize,
    start: Timestamp,
) -> Node {
    let mut draw = Draw(mix(seed).wrapping_add(number as u64));
    // A permutation of the numbers, so ids are as different as the numbers are.
    let id = draw.next();
    let platform = Arc::clone(
        sample.platform.get(draw.of(&PLATFORMS)).expect("the platforms named here are in the file"),
    );
    let role = draw.of(&ROLES);
    let before = |seconds: u64| start - SignedDuration::from_secs(seconds.cast_signed());
    let launched = before(3600 + draw.below(400 * 86_400));
    let fate = draw.below(100);
    let (state, since, reason) = match fate {
        0..8 => (MachineState::Stopped, before(60 + draw.below(3600)), "User initiated"),
        8 => (MachineState::Terminated, before(60 + draw.below(1800)), "User initiated"),
        _ => (MachineState::Running, launched, ""),
    };
    let network = if fate == 10 { "isolated" } else { "nat" };
    let sites = sites.get(network).expect("the networks named here are in the file");
    let starts = launched + SignedDuration::try_from(USUAL_REGISTRATION).expect("under a minute");
    let stopped = (11..15).contains(&fate).then(|| before(900 + draw.below(3000)));
    Node {
        index,
        reservation: index,
        id: format!("i-0{id:016x}").into(),
        name: format!("{role}-{:05}", number + 1).into(),
        platform,
        profile: (fate != 9).then(|| Association {
            id: format!("iip-assoc-0{id:016x}"),
            profile: PROFILE.to_owned(),
            profile_id: profile_id(PROFILE),
            since: launched,
        }),
        site: Arc::clone(&sites[index % sites.len()]),
        agent: (fate != 15).then(|| Agent {
            version: Cow::Borrowed(if fate == 9 { "3.1.1732.0" } else { draw.of(&AGENTS) }),
            began: starts,
            starts,
            channel: starts,
            stopped,
        }),
        launched,
        life: Life::settled(state, since),
        reason: Cow::Borrowed(reason),
        instance_type: Cow::Borrowed(draw.of(&TYPES)),
        metadata: Metadata::Enabled,
        hybrid: None,
        tags: vec![
            (Cow::Borrowed("env"), Cow::Borrowed(draw.of(&ENVIRONMENTS))),
            (Cow::Borrowed("role"), Cow::Borrowed(role)),
            (Cow::Borrowed("team"), Cow::Borrowed(draw.of(&TEAMS))),
        ],
        impaired: false,
        twin: None,
        elastic: None,
        deregistered: false,
        heard: None,
        able: Able::default(),
        told: None,
        preferences: None,
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): a stream of well-mixed numbers from any start.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        let number = mix(self.0);
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        number
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn of(&mut self, choices: &[&'static str]) -> &'static str {
        choices[(self.next() % choices.len() as u64) as usize]
    }
}

fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
