//! Reads the sample fleet (`assets/demo-fleet.toml`) and makes its nodes.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc, time::Duration};

use aws_lc_rs::digest;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Value};

use super::{
    Able, Agent, Hybrid, Life, MachineState, Metadata, Node, Platform,
    identity::{self, Entries, Identity, LimitEntry, PolicyEntry, ProfileEntry, RoleEntry},
    network::{Acl, Endpoint, Group, NatGateway, Network, RouteTable, Site, Subnet, Vpc},
    node::Association,
    recording::{Bucket, LogGroup},
    setting::{self, Settings},
};
use crate::sim::fault;

/// The file, as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sample {
    default_host_management: bool,
    activation_tier: String,
    pub(super) latest_agent: String,
    #[serde(deserialize_with = "shared")]
    pub(super) platform: BTreeMap<String, Arc<Platform>>,
    network: BTreeMap<String, Places>,
    vpc: Vec<Vpc>,
    subnet: Vec<Subnet>,
    route_table: Vec<RouteTable>,
    nat_gateway: Vec<NatGateway>,
    endpoint: Vec<Endpoint>,
    security_group: Vec<Group>,
    acl: Vec<Acl>,
    beyond: BTreeMap<String, bool>,
    policy: Vec<PolicyEntry>,
    role: Vec<RoleEntry>,
    instance_profile: Vec<ProfileEntry>,
    service_control: Vec<LimitEntry>,
    activation: Vec<ActivationEntry>,
    pub(super) key: Vec<Key>,
    bucket: Vec<Bucket>,
    log_group: Vec<LogGroup>,
    pub(super) cluster: Vec<Cluster>,
    /// The primary place's first.
    pub(super) account: Vec<Account>,
    node: Vec<Entry>,
    place: Vec<Place>,
}

/// An account.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Account {
    /// Twelve digits.
    pub(crate) id: String,
    /// What iam:ListAccountAliases tells.
    pub(crate) alias: String,
    /// What its profile is called in files for AWS clients.
    pub(crate) profile: String,
}

/// A further account and region, with a fleet of its own.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Place {
    account: String,
    pub(super) region: String,
    default_host_management: bool,
    activation_tier: String,
    /// Inputs of the session preferences, where they differ.
    #[serde(default)]
    preferences: Map<String, Value>,
    node: Vec<Entry>,
}

/// Where machines stand: in these subnets by turns, or on another network.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Places {
    #[serde(default)]
    subnets: Vec<String>,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    prefix: String,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct ActivationEntry {
    id: String,
    role: String,
    limit: u32,
    count: u32,
    #[serde(deserialize_with = "age")]
    created: Option<Duration>,
    /// How long it held from then on.
    #[serde(deserialize_with = "age")]
    lifetime: Option<Duration>,
}

/// An activation, by which nodes outside of EC2 register.
#[derive(Clone, Debug)]
pub(crate) struct Activation {
    pub(crate) id: String,
    pub(crate) description: Option<String>,
    pub(crate) instance_name: Option<String>,
    pub(crate) role: String,
    pub(crate) limit: u32,
    pub(crate) count: u32,
    pub(crate) created: Timestamp,
    pub(crate) expires: Timestamp,
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
    /// The profile came later than the machine.
    #[serde(default, deserialize_with = "age")]
    profile_attached: Option<Duration>,
    /// Its agent sleeps so long yet, from the region's start on.
    #[serde(default, deserialize_with = "age")]
    wakes_in: Option<Duration>,
    twin: Option<String>,
    #[serde(default)]
    deregistered: bool,
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
    #[serde(default)]
    impaired: bool,
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

const NAMED: &str = "what the file names is in the file; a test reads it";
const FINITE: &str = "an age in the file is no eternity";

fn span(duration: Option<Duration>) -> SignedDuration {
    SignedDuration::try_from(duration.unwrap_or_default()).expect(FINITE)
}

/// A text of the file with the account and the region in their places.
fn filled(text: &str, [account, region]: &[&str; 2]) -> String {
    text.replace("{account}", account).replace("{region}", region)
}

impl Sample {
    /// The places beside the primary one, which stands in `region`.
    pub(super) fn further(&self, region: &str) -> Vec<&Place> {
        let primary = &self.account_of(None).id;
        self.place
            .iter()
            .filter(|place| (&place.account, place.region.as_str()) != (primary, region))
            .collect()
    }

    /// The account of a further place, or of the primary one.
    pub(super) fn account_of(&self, place: Option<&Place>) -> &Account {
        let found = match place {
            Some(place) => self.account.iter().find(|account| account.id == place.account),
            None => self.account.first(),
        };
        found.expect(NAMED)
    }

    /// An account's IAM.
    pub(super) fn identity(&self, account: &Account) -> Identity {
        let entries = Entries {
            policies: &self.policy,
            roles: &self.role,
            profiles: &self.instance_profile,
            limits: &self.service_control,
        };
        Identity::of(&entries, &account.id)
    }

    /// The region's networks.
    pub(super) fn network(&self) -> Network {
        Network {
            vpcs: self.vpc.clone(),
            subnets: self.subnet.clone(),
            route_tables: self.route_table.clone(),
            nat_gateways: self.nat_gateway.clone(),
            endpoints: self.endpoint.clone(),
            groups: self.security_group.clone(),
            acls: self.acl.clone(),
            addresses: Vec::new(),
            beyond: self.beyond.clone(),
        }
    }

    /// What the account has set in the region.
    pub(super) fn settings(&self, place: Option<&Place>, start: Timestamp, advanced: bool) -> Settings {
        let (host_management, tier) = match place {
            Some(place) => (place.default_host_management, &place.activation_tier),
            None => (self.default_host_management, &self.activation_tier),
        };
        let mut settings = Settings::default();
        let long_ago = start - SignedDuration::from_hours(90 * 24);
        let by = format!("arn:aws:iam::{}:user/admin", self.account_of(place).id);
        let mut set = |name, value: &str| settings.set(name, value, long_ago, &by).expect(NAMED);
        if host_management {
            set(setting::DEFAULT_ROLE, "service-role/AWSSystemsManagerDefaultEC2InstanceManagementRole");
        }
        let tier = if advanced { "advanced" } else { tier };
        if tier != "standard" {
            set(setting::TIER, tier);
        }
        settings
    }

    /// The activations that were made.
    pub(super) fn activations(&self, start: Timestamp) -> Vec<Activation> {
        let one = |entry: &ActivationEntry| {
            let created = start - span(entry.created);
            Activation {
                id: entry.id.clone(),
                description: None,
                instance_name: None,
                role: entry.role.clone(),
                limit: entry.limit,
                count: entry.count,
                created,
                expires: created + span(entry.lifetime),
            }
        };
        self.activation.iter().map(one).collect()
    }

    /// The buckets of an account in a region.
    pub(super) fn buckets(&self, here: &[&str; 2]) -> Vec<Bucket> {
        let bucket = |bucket: &Bucket| Bucket { name: filled(&bucket.name, here), ..bucket.clone() };
        self.bucket.iter().map(bucket).collect()
    }

    /// The log groups of an account in a region.
    pub(super) fn log_groups(&self, here: &[&str; 2]) -> Vec<LogGroup> {
        let group = |group: &LogGroup| {
            let key = group.key.as_deref().map(|key| filled(key, here));
            LogGroup { name: filled(&group.name, here), key }
        };
        self.log_group.iter().map(group).collect()
    }

    /// What the session preferences have in a place alone.
    pub(super) fn preferences(&self, place: Option<&Place>, here: &[&str; 2]) -> Map<String, Value> {
        let inputs = place.into_iter().flat_map(|place| &place.preferences);
        inputs
            .map(|(name, value)| match value {
                Value::String(text) => (name.clone(), Value::from(filled(text, here))),
                other => (name.clone(), other.clone()),
            })
            .collect()
    }

    /// Where machines may stand, by the file's names for it: each subnet of a place for itself.
    pub(super) fn sites(&self) -> BTreeMap<String, Vec<Arc<Site>>> {
        let sites = |places: &Places| {
            if places.subnets.is_empty() {
                return vec![Arc::new(Site { prefix: places.prefix.clone(), ..Site::default() })];
            }
            let site = |id: &String| {
                let subnet = self.subnet.iter().find(|subnet| subnet.id == *id).expect(NAMED);
                let first = subnet.cidr.first().to_string();
                Arc::new(Site {
                    vpc: subnet.vpc.clone(),
                    zone: subnet.zone.clone(),
                    subnet: id.clone(),
                    groups: places.groups.clone(),
                    public: subnet.public,
                    prefix: first.split('.').take(2).collect::<Vec<_>>().join("."),
                })
            };
            places.subnets.iter().map(site).collect()
        };
        self.network.iter().map(|(name, places)| (name.clone(), sites(places))).collect()
    }

    /// A profile as an instance took it.
    fn association(&self, node: &str, name: &str, since: Timestamp) -> Association {
        let entry = self.instance_profile.iter().find(|entry| entry.name == name).expect(NAMED);
        Association {
            id: node.replacen("i-", "iip-assoc-", 1),
            profile: name.to_owned(),
            profile_id: entry.former_id.clone().unwrap_or_else(|| identity::profile_id(name)),
            since,
        }
    }

    /// The nodes, with ages turned into times.
    pub(super) fn nodes(&self, place: Option<&Place>, start: Timestamp) -> Vec<Node> {
        let sites = self.sites();
        // Names repeat from place to place, ids never do.
        let scope = place.map_or_else(String::new, |at| format!("{}/{}/", at.account, at.region));
        let mut nodes = Vec::new();
        for entry in place.map_or(&self.node, |place| &place.node) {
            let reservation = nodes.len();
            for n in 1..=entry.count.unwrap_or(1) {
                let name = entry.name.replace("{n}", &n.to_string());
                let sites = sites.get(&entry.network).expect(NAMED);
                let site = &sites[nodes.len() % sites.len()];
                let id = entry.id.clone().unwrap_or_else(|| stable_id(&format!("{scope}{name}")));
                let node = self.node(entry, &name, id, (nodes.len(), site), start);
                nodes.push(Node { reservation, ..node });
            }
        }
        nodes
    }

    fn node(
        &self,
        entry: &Entry,
        name: &str,
        id: String,
        (index, site): (usize, &Arc<Site>),
        start: Timestamp,
    ) -> Node {
        let platform = self.platform.get(&entry.platform).expect(NAMED);
        let before = |age: Duration| start - SignedDuration::try_from(age).expect(FINITE);
        let launched = before(entry.launched.unwrap_or_default());
        // Agents that have run for long beat each at its own time.
        let settled = entry.launched.is_some_and(|age| age >= Duration::from_secs(3600));
        let beat = Duration::from_secs(if settled { index as u64 * 97 % 240 } else { 0 });
        let registers_after = entry.registers_after.unwrap_or(USUAL_REGISTRATION + beat);
        let starts = launched + SignedDuration::try_from(registers_after).expect(FINITE);
        let attached = entry.profile_attached.map_or(launched, before);
        Node {
            index,
            reservation: index,
            name: name.to_owned().into(),
            platform: Arc::clone(platform),
            profile: entry.profile.as_ref().map(|profile| self.association(&id, profile, attached)),
            site: Arc::clone(site),
            agent: entry.agent.clone().map(|version| Agent {
                version: version.into(),
                began: starts,
                starts: starts.max(entry.wakes_in.map_or(starts, |delay| start + span(Some(delay)))),
                channel: starts,
                stopped: entry.agent_stopped.map(before),
            }),
            launched,
            life: Life::settled(entry.state, entry.since.map_or(launched, before)),
            reason: entry.reason.clone().into(),
            instance_type: (entry.instance_type.clone())
                .or_else(|| platform.instance_type.clone())
                .map_or(Cow::Borrowed("t3.micro"), Cow::Owned),
            metadata: entry.metadata,
            hybrid: entry.hybrid.clone(),
            tags: entry.tags.iter().map(|(k, v)| (k.clone().into(), v.clone().into())).collect(),
            told: None,
            preferences: entry.preferences.clone().map(Cow::Owned),
            impaired: entry.impaired,
            twin: entry.twin.clone(),
            elastic: None,
            deregistered: entry.deregistered,
            heard: None,
            able: Able::default(),
            id: id.into(),
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
