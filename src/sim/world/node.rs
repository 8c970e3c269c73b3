//! A node's facts: what it is made of, where it stands, what happened to it. No answers; those are derived in [`super`].

use std::{borrow::Cow, sync::Arc};

use jiff::Timestamp;
use serde::Deserialize;

use super::network::Site;

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
    /// The instance profile, as it was associated.
    pub(crate) profile: Option<Association>,
    pub(crate) site: Arc<Site>,
    pub(crate) agent: Option<Agent>,
    /// When it was launched (EC2) or installed.
    pub(crate) launched: Timestamp,
    pub(crate) life: Life,
    /// Why it did, as EC2 tells it (`User initiated`, `Server.SpotInstanceTermination`).
    pub(crate) reason: Text,
    pub(crate) instance_type: Text,
    pub(crate) metadata: Metadata,
    pub(crate) hybrid: Option<Hybrid>,
    pub(crate) tags: Vec<(Text, Text)>,
    /// The document that stands for the region's preferences on this node, so that one region can show several.
    pub(crate) preferences: Option<Text>,
    /// Whether its status checks fail.
    pub(crate) impaired: bool,
    /// The name of a copy that signs in by the same registration: the two take turns.
    pub(crate) twin: Option<String>,
    /// Its elastic address.
    pub(crate) elastic: Option<String>,
    /// Taken out of Systems Manager.
    pub(crate) deregistered: bool,
    /// What Systems Manager had heard before its present circumstances.
    pub(crate) heard: Option<Heard>,
    /// What its agent can do in its present circumstances; see [`super::World::judge`].
    pub(crate) able: Able,
    /// Of foreign agents: what was heard of them, instead of what would be.
    pub(crate) told: Option<Told>,
}

/// An instance profile that an instance took.
#[derive(Clone, Debug)]
pub(crate) struct Association {
    /// `iip-assoc-…`
    pub(crate) id: String,
    pub(crate) profile: String,
    /// The profile's id at that time: one that was deleted and made anew has another.
    pub(crate) profile_id: String,
    pub(crate) since: Timestamp,
}

/// A machine's state, and the one that it goes over to by itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Life {
    pub(super) state: MachineState,
    pub(crate) since: Timestamp,
    pub(super) then: Option<(Timestamp, MachineState)>,
}

impl Life {
    /// In one state for good, since a time.
    pub(crate) fn settled(state: MachineState, since: Timestamp) -> Life {
        Life { state, since, then: None }
    }

    /// The state at a time, and since when.
    pub(crate) fn at(self, now: Timestamp) -> (MachineState, Timestamp) {
        match self.then {
            Some((when, state)) if when <= now => (state, when),
            _ => (self.state, self.since),
        }
    }
}

/// What Systems Manager heard of a node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heard {
    pub(crate) since: Timestamp,
    pub(crate) last_ping: Timestamp,
}

/// What an agent can do by its rights and its way there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Able {
    /// Sign in to `ssm`, and beat.
    pub(crate) registers: bool,
    /// Open its control channel.
    pub(crate) channel: bool,
    /// Open a session's data channel.
    pub(crate) data: bool,
    /// The role by which it signs in.
    pub(crate) role: Option<String>,
    /// Whether default host management lent it that role.
    pub(crate) lent: bool,
    /// It was refused, and did not only find no way: it then sleeps longer before it tries again.
    pub(super) refused: bool,
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
    /// When its process came up: its tries are counted from there.
    pub(crate) began: Timestamp,
    /// When it signs in, if it is able to.
    pub(crate) starts: Timestamp,
    /// When its control channel opens, if it is able to.
    pub(crate) channel: Timestamp,
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
    /// Whether EC2 lists it: its state's code and name.
    pub(crate) fn machine(&self, now: Timestamp) -> Option<(u8, &'static str)> {
        if self.on_ec2() { self.state(now).listed() } else { None }
    }

    /// Whether it is, or was, a machine of EC2.
    pub(crate) fn on_ec2(&self) -> bool {
        !self.id.starts_with("mi-")
    }

    /// What it does now.
    pub(crate) fn state(&self, now: Timestamp) -> MachineState {
        self.life.at(now).0
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
        format!("{}.{}.{}", self.site.prefix, self.index / 250 % 250 + 1, self.index % 250 + 4)
    }

    /// Its public address; an elastic one stays while it stands still.
    pub(crate) fn public_address(&self, now: Timestamp) -> Option<String> {
        let running = matches!(self.state(now), MachineState::Running | MachineState::ShuttingDown);
        let own = || (self.site.public && running).then(|| format!("198.51.100.{}", self.index % 250 + 4));
        self.elastic.clone().or_else(own)
    }

    /// Whether it has one when it runs.
    pub(super) fn is_public(&self) -> bool {
        self.site.public || self.elastic.is_some()
    }

    /// Its name on its own network.
    pub(crate) fn host_name(&self, region: &str) -> String {
        if let Some(told) = &self.told {
            return told.computer_name.clone();
        }
        if self.on_ec2() {
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
