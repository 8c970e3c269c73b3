//! The region's world: its nodes, and what AWS would know about them at a given time.
//!
//! [`document`] holds what sessions are made from. Nothing here is a stored verdict. A node is registered because its agent runs, has credentials that Systems Manager takes
//! and reaches it; it is online because its last heartbeat is young; a session can be opened because the same holds for
//! `ssmmessages`. Pure: time comes in as an argument.

pub(crate) mod document;
mod node;
mod sample;
mod synthetic;

use std::{cmp::Ordering, collections::HashMap, time::Duration};

use jiff::{SignedDuration, Timestamp};

pub use node::PlatformKind;
pub(crate) use node::{Agent, Hybrid, MachineState, Metadata, Network, Node, Platform, Told};
pub(crate) use sample::{Cluster, Condition, Container, Key, KeyState, Task, Tier};

/// The oldest agent that default host management registers (diagnosis 2.5).
const DEFAULT_HOST_MANAGEMENT_FLOOR: &str = "3.2.582.0";
/// The oldest agent that opens sessions at all (diagnosis 2.5).
const SESSION_FLOOR: &str = "2.3.68.0";
/// What default host management's role may call.
const DEFAULT_HOST_MANAGEMENT_GRANTS: [&str; 3] = ["ssm", "ssmmessages", "ec2messages"];

/// The nodes of a region and its settings.
pub(crate) struct World {
    pub(crate) account: String,
    pub(crate) tier: Tier,
    pub(crate) latest_agent: String,
    pub(crate) conditions: Vec<Condition>,
    /// Keys of KMS.
    pub(crate) keys: Vec<Key>,
    /// Clusters of ECS.
    pub(crate) clusters: Vec<Cluster>,
    nodes: Vec<Node>,
    by_id: HashMap<String, usize>,
    default_host_management: bool,
    heartbeat: SignedDuration,
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
    /// The sample fleet and `synthetic` more nodes, as they are at `start`.
    pub(crate) fn new(synthetic: usize, seed: u64, heartbeat: Duration, start: Timestamp) -> World {
        let sample = sample::load();
        let mut nodes = sample.nodes(start);
        let first = nodes.len();
        nodes.extend(
            (0..synthetic).map(|number| synthetic::node(&sample, seed, number, first + number, start)),
        );
        let mut by_id: HashMap<String, usize> =
            nodes.iter().map(|node| (node.id.to_string(), node.index)).collect();
        by_id.extend(nodes.iter().filter_map(|node| Some((node.hybrid.as_ref()?.id.clone()?, node.index))));
        World {
            account: sample.account,
            tier: sample.activation_tier,
            latest_agent: sample.latest_agent,
            conditions: sample.condition,
            keys: sample.key,
            clusters: sample.cluster,
            nodes,
            by_id,
            default_host_management: sample.default_host_management,
            // A heartbeat of zero would make every time the last one.
            heartbeat: SignedDuration::try_from(heartbeat.max(Duration::from_millis(1)))
                .unwrap_or(SignedDuration::MAX),
        }
    }

    /// All nodes, in an order that does not change.
    pub(crate) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The node with this id, `i-` or `mi-`.
    pub(crate) fn find(&self, id: &str) -> Option<&Node> {
        self.by_id.get(id).map(|&index| &self.nodes[index])
    }

    /// What Systems Manager knows of a node; `None` when it never registered or was forgotten.
    pub(crate) fn registration(&self, node: &Node, now: Timestamp) -> Option<Registration> {
        let agent = node.agent.as_ref()?;
        if let Some(told) = &node.told {
            return Some(self.registered(agent.starts, told.last_ping, now));
        }
        if !self.may(node, "ssm") || now < agent.starts || node.state == node::MachineState::Terminated {
            return None;
        }
        let alive_until = self.alive_until(node, now)?;
        if alive_until < agent.starts {
            return None;
        }
        let alive = alive_until.duration_since(agent.starts);
        let into_period = alive.as_nanos() % self.heartbeat.as_nanos();
        let last_ping = alive_until - SignedDuration::from_nanos_i128(into_period);
        Some(self.registered(agent.starts, last_ping, now))
    }

    /// The status lags: it is lost when two heartbeats in a row are missing.
    fn registered(&self, since: Timestamp, last_ping: Timestamp, now: Timestamp) -> Registration {
        let silent = now.duration_since(last_ping);
        let ping = if silent > self.heartbeat * 2 { Ping::ConnectionLost } else { Ping::Online };
        Registration { since, last_ping, ping }
    }

    /// Whether a session can be opened on the node now.
    pub(crate) fn connected(&self, node: &Node, now: Timestamp) -> bool {
        let Some(agent) = &node.agent else { return false };
        if let Some(told) = &node.told {
            return told.connected && compare_versions(&agent.version, SESSION_FLOOR) != Ordering::Less;
        }
        self.registration(node, now).is_some()
            && self.alive_until(node, now) == Some(now)
            && self.may(node, "ssmmessages")
            && compare_versions(&agent.version, SESSION_FLOOR) != Ordering::Less
    }

    /// The last time at which the agent ran, up to now; `None` before the machine runs.
    fn alive_until(&self, node: &Node, now: Timestamp) -> Option<Timestamp> {
        let machine = match node.state {
            node::MachineState::Pending => return None,
            node::MachineState::Running => now,
            _ => node.since.min(now),
        };
        let agent = node.agent.as_ref()?.stopped.unwrap_or(now);
        Some(machine.min(agent))
    }

    /// Whether the agent has the right to call a service, and a way there.
    fn may(&self, node: &Node, service: &str) -> bool {
        self.grants(node).any(|granted| granted == service)
            && node.network.reaches.iter().any(|reached| reached == service)
    }

    /// What the agent's credentials allow. Instance profile first; default host management only without one.
    fn grants<'a>(&'a self, node: &'a Node) -> Box<dyn Iterator<Item = &'a str> + 'a> {
        if node.hybrid.is_some() {
            return Box::new(DEFAULT_HOST_MANAGEMENT_GRANTS.into_iter());
        }
        if node.metadata == Metadata::Disabled {
            return Box::new(std::iter::empty());
        }
        match (&node.profile, &node.agent) {
            (Some(profile), _) => Box::new(profile.grants.iter().map(String::as_str)),
            (None, Some(agent))
                if self.default_host_management
                    && compare_versions(&agent.version, DEFAULT_HOST_MANAGEMENT_FLOOR) != Ordering::Less =>
            {
                Box::new(DEFAULT_HOST_MANAGEMENT_GRANTS.into_iter())
            }
            _ => Box::new(std::iter::empty()),
        }
    }

    /// The role that SSM shows for the node: an activation's, or default host management's.
    pub(crate) fn shown_role<'a>(&self, node: &'a Node) -> Option<&'a str> {
        match (&node.hybrid, &node.profile) {
            (Some(hybrid), _) => Some(&hybrid.role),
            (None, None) if self.default_host_management => {
                Some("AWSSystemsManagerDefaultEC2InstanceManagementRole")
            }
            _ => None,
        }
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
