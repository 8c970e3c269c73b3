//! A node's facts: what it is made of, where it stands, what happened to it. No answers; those are derived in [`super`].

use std::{borrow::Cow, sync::Arc};

use jiff::Timestamp;
use serde::Deserialize;

/// Text that the program holds or that a node owns.
pub(crate) type Text = Cow<'static, str>;

/// One machine of the region, on EC2 or not.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// Its place in the world's order, from 0; addresses and the like are drawn from it.
    pub(crate) index: usize,
    /// The first index of those launched together with it.
    pub(crate) reservation: usize,
    /// `i-…`, or `mi-…` where it is not on EC2.
    pub(crate) id: Text,
    pub(crate) name: Text,
    pub(crate) platform: Arc<Platform>,
    /// The instance profile.
    pub(crate) profile: Option<Arc<Profile>>,
    pub(crate) network: Arc<Network>,
    pub(crate) agent: Option<Agent>,
    /// When it was launched (EC2) or installed.
    pub(crate) launched: Timestamp,
    pub(crate) state: MachineState,
    /// When it came into that state.
    pub(crate) since: Timestamp,
    /// Why it did, as EC2 tells it (`User initiated`, `Server.SpotInstanceTermination`).
    pub(crate) reason: Text,
    pub(crate) instance_type: Text,
    pub(crate) metadata: Metadata,
    pub(crate) hybrid: Option<Hybrid>,
    pub(crate) tags: Vec<(Text, Text)>,
    /// The document that stands for the region's preferences on this node, so that one region can show several.
    pub(crate) preferences: Option<Text>,
    /// Of foreign agents: what was heard of them, instead of what would be.
    pub(crate) told: Option<Told>,
}

/// What a foreign agent told, and when.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) last_ping: Timestamp,
    /// Whether its control channel is open.
    pub(crate) connected: bool,
    pub(crate) address: String,
    pub(crate) computer_name: String,
}

/// What runs on a node.
#[derive(Clone, Debug)]
pub(crate) struct Agent {
    pub(crate) version: Text,
    /// When it begins to sign in.
    pub(crate) starts: Timestamp,
    /// When it stopped, if it did.
    pub(crate) stopped: Option<Timestamp>,
}

/// A registration through an activation.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hybrid {
    pub(crate) role: String,
    pub(crate) activation: String,
    /// The `mi-` id of a machine that has an `i-` id too.
    pub(crate) id: Option<String>,
}

/// An operating system and the image that brings it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Platform {
    pub(crate) kind: PlatformKind,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) image: String,
    /// EC2's PlatformDetails, where it is not plain `Linux/UNIX` or `Windows`.
    pub(crate) details: Option<String>,
    pub(crate) instance_type: Option<String>,
    #[serde(default = "x86_64")]
    pub(crate) architecture: String,
}

fn x86_64() -> String {
    "x86_64".to_owned()
}

/// The families that Systems Manager knows, spelled as it does.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub enum PlatformKind {
    /// Any Linux.
    Linux,
    /// Any Windows.
    Windows,
    /// macOS.
    MacOS,
}

impl PlatformKind {
    /// As PlatformType has it.
    pub fn as_str(self) -> &'static str {
        match self {
            PlatformKind::Linux => "Linux",
            PlatformKind::Windows => "Windows",
            PlatformKind::MacOS => "MacOS",
        }
    }
}

/// An instance profile and what its role may call.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Profile {
    pub(crate) name: String,
    pub(crate) role: String,
    pub(crate) grants: Vec<String>,
}

/// A place in the network and what can be reached from there.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Network {
    pub(crate) vpc: String,
    pub(crate) subnet: String,
    pub(crate) group: String,
    /// The first two numbers of the addresses there.
    pub(crate) prefix: String,
    /// Whether machines there have a public address too.
    #[serde(default)]
    pub(crate) public: bool,
    pub(crate) reaches: Vec<String>,
}

/// What EC2 says of a machine's life.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum MachineState {
    Pending,
    #[default]
    Running,
    Stopping,
    Stopped,
    ShuttingDown,
    Terminated,
    /// Terminated so long ago that EC2 no longer lists it.
    Purged,
}

impl MachineState {
    /// EC2's code and name; `None` when EC2 does not list it.
    pub(crate) fn listed(self) -> Option<(u8, &'static str)> {
        Some(match self {
            MachineState::Pending => (0, "pending"),
            MachineState::Running => (16, "running"),
            MachineState::ShuttingDown => (32, "shutting-down"),
            MachineState::Terminated => (48, "terminated"),
            MachineState::Stopping => (64, "stopping"),
            MachineState::Stopped => (80, "stopped"),
            MachineState::Purged => return None,
        })
    }
}

/// Whether the instance metadata service answers.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Metadata {
    #[default]
    Enabled,
    Disabled,
}

impl Node {
    /// Whether EC2 lists it.
    pub(crate) fn machine(&self) -> Option<(u8, &'static str)> {
        if self.id.starts_with("mi-") { None } else { self.state.listed() }
    }

    /// The id under which Systems Manager knows it.
    pub(crate) fn managed_id(&self) -> &str {
        self.hybrid.as_ref().and_then(|hybrid| hybrid.id.as_deref()).unwrap_or(&self.id)
    }

    /// Its private address.
    pub(crate) fn address(&self) -> String {
        if let Some(told) = &self.told {
            return told.address.clone();
        }
        format!("{}.{}.{}", self.network.prefix, self.index / 250 % 250 + 1, self.index % 250 + 4)
    }

    /// Its public address.
    pub(crate) fn public_address(&self) -> Option<String> {
        let running = matches!(self.state, MachineState::Running | MachineState::ShuttingDown);
        (self.network.public && running).then(|| format!("198.51.100.{}", self.index % 250 + 4))
    }

    /// Its name on its own network.
    pub(crate) fn host_name(&self, region: &str) -> String {
        if let Some(told) = &self.told {
            return told.computer_name.clone();
        }
        if self.machine().is_some() || self.state == MachineState::Purged {
            format!("ip-{}.{region}.compute.internal", self.address().replace('.', "-"))
        } else {
            format!("{}.office.example", self.name)
        }
    }

    /// The value of one of its tags; `Name` is its name.
    pub(crate) fn tag(&self, key: &str) -> Option<&str> {
        if key == "Name" {
            return Some(&self.name);
        }
        self.tags.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_ref())
    }
}
