//! The region's world: its nodes, and what AWS would know about them at a given time.
//!
//! | part | job |
//! | --- | --- |
//! | [`node`], [`network`], [`identity`], [`setting`] | the facts |
//! | [`way`] | whether a machine comes through to a service |
//! | [`judge`] | what an agent can do: its credentials, their rights, its way |
//! | [`change`] | what the API changes, and when the agents notice |
//! | [`document`] | what sessions are made from |
//! | [`recording`] | where they are recorded |
//!
//! Nothing here is a stored verdict. A node is registered because its agent runs, has credentials that Systems Manager takes
//! and reaches it; it is online because its last heartbeat is young; a session can be opened because the same holds for
//! `ssmmessages`. Pure: time comes in as an argument.

pub(crate) mod change;
pub(crate) mod document;
pub(crate) mod identity;
mod judge;
pub(crate) mod network;
pub(crate) mod node;
pub(crate) mod recording;
mod sample;
pub(crate) mod setting;
mod synthetic;
mod way;

use std::{cmp::Ordering, collections::HashMap, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};

use serde_json::{Map, Value};

use self::{
    identity::Identity,
    network::Network,
    recording::{Bucket, LogGroup},
    setting::Settings,
};
pub(crate) use network::Site;
pub use node::PlatformKind;
pub(crate) use node::{Able, Agent, Hybrid, Life, MachineState, Metadata, Node, Platform, Told};
pub(crate) use sample::{Account, Activation, Cluster, Container, Key, KeyState, Task};

use super::options::{Options, Spread};

/// The oldest agent that opens sessions at all (diagnosis 2.5).
const SESSION_FLOOR: &str = "2.3.68.0";

/// The nodes of an account in a region, and its settings.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) account: String,
    /// What iam:ListAccountAliases tells.
    pub(crate) alias: String,
    pub(crate) region: String,
    pub(crate) latest_agent: String,
    /// Keys of KMS.
    pub(crate) keys: Vec<Key>,
    /// Clusters of ECS.
    pub(crate) clusters: Vec<Cluster>,
    pub(crate) network: Network,
    /// The account's, and the same in all its regions.
    pub(crate) identity: Arc<Identity>,
    pub(crate) settings: Settings,
    pub(crate) activations: Vec<Activation>,
    /// Where sessions may be recorded.
    pub(crate) buckets: Vec<Bucket>,
    pub(crate) log_groups: Vec<LogGroup>,
    /// What the session preferences have here beside what they have everywhere.
    pub(crate) preferences: Map<String, Value>,
    nodes: Vec<Arc<Node>>,
    by_id: Arc<HashMap<String, usize>>,
    /// Where the sample fleet ends in `nodes`.
    first_synthetic: usize,
    heartbeat: SignedDuration,
    /// How many times as often as real ones the agents try again.
    haste: u32,
}

/// What Systems Manager knows of a node that registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Registration {
    pub(crate) since: Timestamp,
    pub(crate) last_ping: Timestamp,
    pub(crate) ping: Ping,
}

/// The ping status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ping {
    Online,
    ConnectionLost,
}

impl Ping {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Ping::Online => "Online",
            Ping::ConnectionLost => "ConnectionLost",
        }
    }
}

impl World {
    /// The places of the sample, the primary one first, and the synthetic nodes that the options ask for, as they are at `start`.
    pub(crate) fn all(options: &Options, start: Timestamp) -> Vec<World> {
        let sample = sample::load();
        let further = sample.further(&options.region);
        let sharing = match options.spread {
            Spread::Primary => 1,
            Spread::All => 1 + further.len(),
        };
        let mut worlds = Vec::new();
        for (at, place) in std::iter::once(None).chain(further.into_iter().map(Some)).enumerate() {
            let share = if at < sharing { options.nodes } else { 0 };
            let numbers = (0..share).skip(at).step_by(sharing);
            worlds.push(World::of(&sample, place, options, start, numbers));
        }
        worlds
    }

    /// The accounts of the places, the primary one's first.
    pub(crate) fn accounts() -> Vec<Account> {
        sample::load().account
    }

    fn of(
        sample: &sample::Sample,
        place: Option<&sample::Place>,
        options: &Options,
        start: Timestamp,
        synthetic: impl Iterator<Item = usize>,
    ) -> World {
        let account = sample.account_of(place);
        let mut nodes = sample.nodes(place, start);
        let first = nodes.len();
        let sites = sample.sites();
        for (number, index) in synthetic.zip(first..) {
            nodes.push(synthetic::node((sample, &sites), options.seed, number, index, start));
        }
        let mut by_id: HashMap<String, usize> =
            nodes.iter().map(|node| (node.id.to_string(), node.index)).collect();
        by_id.extend(nodes.iter().filter_map(|node| Some((node.hybrid.as_ref()?.id.clone()?, node.index))));
        let region = place.map_or(&options.region, |place| &place.region).clone();
        let here = [account.id.as_str(), region.as_str()];
        let mut world = World {
            identity: Arc::new(sample.identity(account)),
            network: sample.network(),
            settings: sample.settings(place, start, options.advanced_tier || options.agents),
            activations: sample.activations(start),
            buckets: sample.buckets(&here),
            log_groups: sample.log_groups(&here),
            preferences: sample.preferences(place, &here),
            account: account.id.clone(),
            alias: account.alias.clone(),
            region: region.clone(),
            latest_agent: sample.latest_agent.clone(),
            keys: sample.key.clone(),
            clusters: if place.is_none() { sample.cluster.clone() } else { Vec::new() },
            nodes: nodes.into_iter().map(Arc::new).collect(),
            by_id: Arc::new(by_id),
            first_synthetic: first,
            // A heartbeat of zero would make every time the last one.
            heartbeat: SignedDuration::try_from(options.heartbeat.max(Duration::from_millis(1)))
                .unwrap_or(SignedDuration::MAX),
            haste: options.retry_scale.max(1),
        };
        world.judge_all();
        world
    }

    /// The same account in another region, in which nothing is.
    pub(crate) fn emptied(&self, region: &str) -> World {
        World {
            region: region.to_owned(),
            nodes: Vec::new(),
            by_id: Arc::default(),
            first_synthetic: 0,
            activations: Vec::new(),
            clusters: Vec::new(),
            buckets: Vec::new(),
            log_groups: Vec::new(),
            preferences: Map::new(),
            ..self.clone()
        }
    }

    /// All nodes, in an order that does not change.
    pub(crate) fn nodes(&self) -> &[Arc<Node>] {
        &self.nodes
    }

    /// The node with this id, `i-` or `mi-`.
    pub(crate) fn find(&self, id: &str) -> Option<&Node> {
        self.by_id.get(id).map(|&index| &*self.nodes[index])
    }

    /// What Systems Manager knows of a node; `None` when it never registered or was forgotten.
    pub(crate) fn registration(&self, node: &Node, now: Timestamp) -> Option<Registration> {
        let agent = node.agent.as_ref()?;
        if let Some(told) = &node.told {
            return Some(self.registered(agent.starts, told.last_ping, now));
        }
        if node.deregistered || node.state(now) == MachineState::Terminated {
            return None;
        }
        match (self.last_ping(node, agent, now), node.heard) {
            (Some(ping), heard) => {
                Some(self.registered(heard.map_or(agent.starts, |heard| heard.since), ping, now))
            }
            (None, Some(heard)) => Some(self.registered(heard.since, heard.last_ping, now)),
            (None, None) => None,
        }
    }

    /// The last heartbeat in the node's present circumstances.
    fn last_ping(&self, node: &Node, agent: &Agent, now: Timestamp) -> Option<Timestamp> {
        let alive_until = self.alive_until(node, now)?;
        if !node.able.registers || now < agent.starts || alive_until < agent.starts {
            return None;
        }
        let alive = alive_until.duration_since(agent.starts);
        let into_period = alive.as_nanos() % self.heartbeat.as_nanos();
        Some(alive_until - SignedDuration::from_nanos_i128(into_period))
    }

    /// The status lags: it is lost when two heartbeats in a row are missing.
    fn registered(&self, since: Timestamp, last_ping: Timestamp, now: Timestamp) -> Registration {
        let silent = now.duration_since(last_ping);
        let ping = if silent > self.heartbeat * 2 { Ping::ConnectionLost } else { Ping::Online };
        Registration { since, last_ping, ping }
    }

    /// Whether the last heartbeat was the copy's, where two machines share a registration.
    pub(crate) fn is_twins_turn(&self, registration: Registration) -> bool {
        let beats =
            registration.last_ping.duration_since(registration.since).as_nanos() / self.heartbeat.as_nanos();
        beats % 2 == 1
    }

    /// Whether a session can be opened on the node now.
    pub(crate) fn connected(&self, node: &Node, now: Timestamp) -> bool {
        let Some(agent) = &node.agent else { return false };
        if compare_versions(&agent.version, SESSION_FLOOR) == Ordering::Less {
            return false;
        }
        if let Some(told) = &node.told {
            return told.connected;
        }
        !node.deregistered
            && node.able.channel
            && now >= agent.channel
            && self.last_ping(node, agent, now).is_some()
            && self.alive_until(node, now) == Some(now)
    }

    /// The last time at which the agent ran, up to now; `None` before the machine runs.
    fn alive_until(&self, node: &Node, now: Timestamp) -> Option<Timestamp> {
        let machine = match node.life.at(now) {
            (MachineState::Pending, _) => return None,
            (MachineState::Running, _) => now,
            (_, since) => since.min(now),
        };
        let agent = node.agent.as_ref()?.stopped.unwrap_or(now);
        Some(machine.min(agent))
    }

    /// The role that SSM shows for the node: an activation's, or default host management's.
    pub(crate) fn shown_role<'a>(&'a self, node: &'a Node) -> Option<&'a str> {
        match &node.hybrid {
            Some(hybrid) => Some(&hybrid.role),
            None if node.able.lent => node.able.role.as_deref(),
            None => None,
        }
    }

    /// The role of a node's instance profile.
    pub(crate) fn profile_role(&self, node: &Node) -> Option<&str> {
        let profile = self.identity.profiles.get(&node.profile.as_ref()?.profile)?;
        profile.roles.first().map(String::as_str)
    }
}

/// Compares dotted versions as numbers; what is no number counts as 0.
pub(crate) fn compare_versions(a: &str, b: &str) -> Ordering {
    let numbers = |text: &str| -> [u32; 4] {
        let mut parts = text.split('.').map(|part| part.parse().unwrap_or(0));
        std::array::from_fn(|_| parts.next().unwrap_or(0))
    };
    numbers(a).cmp(&numbers(b))
}

#[cfg(test)]
mod tests;
