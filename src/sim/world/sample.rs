//! Reads the sample fleet (`assets/demo-fleet.toml`) and makes its nodes.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc, time::Duration};

use aws_lc_rs::digest;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, de};

use super::node::{Agent, Hybrid, MachineState, Metadata, Network, Node, Platform, Profile};
use crate::sim::fault;

/// The file, as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sample {
    pub(super) account: String,
    pub(super) default_host_management: bool,
    pub(super) activation_tier: Tier,
    pub(super) latest_agent: String,
    #[serde(deserialize_with = "shared")]
    pub(super) platform: BTreeMap<String, Arc<Platform>>,
    #[serde(deserialize_with = "shared")]
    pub(super) profile: BTreeMap<String, Arc<Profile>>,
    #[serde(deserialize_with = "shared")]
    pub(super) network: BTreeMap<String, Arc<Network>>,
    pub(super) condition: Vec<Condition>,
    pub(super) key: Vec<Key>,
    pub(super) cluster: Vec<Cluster>,
    node: Vec<Entry>,
}

/// What the region pays for its `mi-` nodes.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Tier {
    Standard,
    Advanced,
}

/// A limit of the caller's rights to nodes with a tag.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Condition {
    pub(crate) tag: Tag,
    /// The action that is not allowed.
    pub(crate) deny: Option<String>,
    /// The documents that may be used, each by its name alone, as AWS checks it under `ssm:SessionDocumentAccessCheck`.
    /// Where none is named, the first is the one that is missed. None at all: no check.
    #[serde(default)]
    pub(crate) documents: Vec<String>,
}

/// A symmetric key of KMS.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Key {
    /// A UUID.
    pub(crate) id: String,
    /// Without `alias/`.
    pub(crate) alias: String,
    #[serde(default)]
    pub(crate) state: KeyState,
    /// What the caller may not do with it: `kms:GenerateDataKey`.
    #[serde(default)]
    pub(crate) caller_lacks: Vec<String>,
    /// What the roles of the nodes may not do with it.
    #[serde(default)]
    pub(crate) nodes_lack: Vec<String>,
}

/// What KMS says of a key's life.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum KeyState {
    #[default]
    Enabled,
    Disabled,
    PendingDeletion,
}

/// A cluster of ECS and its tasks.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cluster {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) task: Vec<Task>,
}

/// A running task.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Task {
    pub(crate) id: String,
    pub(crate) family: String,
    /// Whether it was started with execute-command enabled.
    pub(crate) exec: bool,
    pub(crate) container: Vec<Container>,
}

/// A container of a task.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Container {
    pub(crate) name: String,
    pub(crate) image: String,
    /// What comes behind the task's id in its runtime id.
    pub(crate) suffix: String,
}

impl Task {
    /// The runtime id of one of its containers, as Fargate makes them.
    pub(crate) fn runtime_id(&self, container: &Container) -> String {
        format!("{}-{}", self.id, container.suffix)
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tag {
    pub(crate) key: String,
    pub(crate) value: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    id: Option<String>,
    count: Option<usize>,
    platform: String,
    profile: Option<String>,
    agent: Option<String>,
    #[serde(default, deserialize_with = "age")]
    agent_stopped: Option<Duration>,
    #[serde(default, deserialize_with = "age")]
    registers_after: Option<Duration>,
    #[serde(default = "nat")]
    network: String,
    #[serde(deserialize_with = "age")]
    launched: Option<Duration>,
    #[serde(default)]
    state: MachineState,
    #[serde(default, deserialize_with = "age")]
    since: Option<Duration>,
    #[serde(default)]
    reason: String,
    instance_type: Option<String>,
    #[serde(default)]
    metadata: Metadata,
    hybrid: Option<Hybrid>,
    preferences: Option<String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

fn shared<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, Arc<T>>, D::Error> {
    Ok(BTreeMap::deserialize(deserializer)?
        .into_iter()
        .map(|(name, value)| (name, Arc::new(value)))
        .collect())
}

fn nat() -> String {
    "nat".to_owned()
}

fn age<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    fault::duration(&text)
        .map(Some)
        .ok_or_else(|| de::Error::custom(format!("`{text}` is not an age such as 90s or 3h")))
}

/// The fleet that comes with the program.
pub(super) fn load() -> Sample {
    toml::from_str(include_str!("../../../assets/demo-fleet.toml"))
        .expect("the fleet in assets/ is well-formed; a test reads it")
}

impl Sample {
    /// The nodes, with ages turned into times.
    pub(super) fn nodes(&self, start: Timestamp) -> Vec<Node> {
        let mut nodes = Vec::new();
        for entry in &self.node {
            let reservation = nodes.len();
            for n in 1..=entry.count.unwrap_or(1) {
                let name = entry.name.replace("{n}", &n.to_string());
                let node = self.node(entry, &name, nodes.len(), start);
                nodes.push(Node { reservation, ..node });
            }
        }
        nodes
    }

    fn node(&self, entry: &Entry, name: &str, index: usize, start: Timestamp) -> Node {
        const NAMED: &str = "what a node names is in the file; a test reads it";
        let platform = self.platform.get(&entry.platform).expect(NAMED);
        let before =
            |age: Duration| start - SignedDuration::try_from(age).expect("an age in the file is no eternity");
        let launched = before(entry.launched.unwrap_or_default());
        // Agents that have run for long beat each at its own time.
        let settled = entry.launched.is_some_and(|age| age >= Duration::from_secs(3600));
        let beat = Duration::from_secs(if settled { index as u64 * 97 % 240 } else { 0 });
        let registers_after = entry.registers_after.unwrap_or(USUAL_REGISTRATION + beat);
        Node {
            index,
            reservation: index,
            id: entry.id.clone().unwrap_or_else(|| stable_id(name)).into(),
            name: name.to_owned().into(),
            platform: Arc::clone(platform),
            profile: entry.profile.as_ref().map(|key| Arc::clone(self.profile.get(key).expect(NAMED))),
            network: Arc::clone(self.network.get(&entry.network).expect(NAMED)),
            agent: entry.agent.clone().map(|version| Agent {
                version: version.into(),
                starts: launched
                    + SignedDuration::try_from(registers_after).expect("a delay in the file is no eternity"),
                stopped: entry.agent_stopped.map(before),
            }),
            launched,
            state: entry.state,
            since: entry.since.map_or(launched, before),
            reason: entry.reason.clone().into(),
            instance_type: (entry.instance_type.clone())
                .or_else(|| platform.instance_type.clone())
                .map_or(Cow::Borrowed("t3.micro"), Cow::Owned),
            metadata: entry.metadata,
            hybrid: entry.hybrid.clone(),
            tags: entry.tags.iter().map(|(k, v)| (k.clone().into(), v.clone().into())).collect(),
            told: None,
            preferences: entry.preferences.clone().map(Cow::Owned),
        }
    }
}

/// How long after its launch a node's agent signs in, where nothing else is said.
pub(super) const USUAL_REGISTRATION: Duration = Duration::from_secs(45);

/// The same id for the same name, in every run.
fn stable_id(name: &str) -> String {
    let digest = digest::digest(&digest::SHA256, name.as_bytes());
    let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("i-0{}", &hex[..16])
}
