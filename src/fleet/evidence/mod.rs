//! What a deep check reads, in plain types: one record for each kind of answer, each in a [`Fact`], since
//! "denied", "failed" and "not asked" are never "absent". Knows no SDK and no verdict: `aws` fills these in,
//! `reach` reads them.
//!
//! | file | answers |
//! | --- | --- |
//! | `call` | the calls themselves, and the action that each takes |
//! | `identity` | the instance's profile, its role, what that role may do |
//! | `network` | subnet, routes, endpoints, groups, lists of one VPC |
//! | `surroundings` | what holds for a whole account and region |
//! | `usage` | what the other nodes have in common |
//! | `attempt` | what StartSession and the agent last said |
//!
//! A deep check goes round: [`next_calls`](super::reach::next_calls) tells which calls may still change the verdict, each is made and
//! its answer taken as a [`Piece`], until none is left.

mod attempt;
mod call;
mod identity;
mod network;
mod surroundings;
#[cfg(test)]
mod tests;
mod usage;

use std::{borrow::Cow, sync::Arc};

use jiff::Timestamp;

pub use attempt::{Answer, Attempt, Ending};
pub use call::Call;
pub use identity::{
    AssociationState, CoreProfile, Decision, InstanceProfile, ProfileAssociation, Right, Role, StatusChecks,
};
pub use network::{
    AclEntry, AddressRange, Endpoint, EndpointKind, EndpointState, NatGateway, Network, NetworkAcl, Peer,
    Protocol, Route, RouteState, RouteTable, RouteTarget, Rule, SecurityGroup, Subnet, Vpc,
};
pub use surroundings::{Activation, HostManagement, Key, KeyState, OptIn, Surroundings, Tier};
pub use usage::{Common, Usage};

use super::{
    document::{DocumentSummary, Preferences},
    instance::Instance,
    place::Place,
    record::{AgentRecord, Connection, Fact, StatusCheck, Text},
};

/// The image that an instance was started from (DescribeImages).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// ImageId.
    pub id: String,
    /// Name, "al2023-ami-2023.6.20250303.0-kernel-6.1-x86_64".
    pub name: String,
    /// ImageOwnerAlias ("amazon", "aws-marketplace"), else OwnerId.
    pub owner: String,
    /// Description; may be empty.
    pub description: String,
}

/// What this program remembers of a target from an earlier run (the list kept on disk).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Where it was seen.
    pub place: Arc<Place>,
    /// When it was last listed there.
    pub at: Option<Timestamp>,
    /// Its agent's version then.
    pub agent_version: Option<Text>,
    /// The computer's own name then.
    pub computer_name: Option<Text>,
}

impl Memory {
    /// What an agent said of itself when it was listed there.
    pub fn of(agent: &AgentRecord, place: Arc<Place>, at: Option<Timestamp>) -> Self {
        let AgentRecord { agent_version, computer_name, .. } = agent.clone();
        Self { place, at, agent_version, computer_name }
    }
}

/// A call that AWS refused, in AWS's own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Which.
    pub call: Call,
    /// The sentence, as it came.
    pub message: String,
    /// AWS's id of the request.
    pub request_id: Option<String>,
}

/// All that was read for one instance beyond the two lists.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evidence {
    /// Calls under way.
    pub asking: Vec<Call>,
    /// GetConnectionStatus, asked for this check.
    pub connection: Fact<Connection>,
    /// DescribeInstanceStatus; none when EC2 gave no row for it.
    pub status: Fact<Option<StatusChecks>>,
    /// DescribeIamInstanceProfileAssociations; none when nothing is attached.
    pub association: Fact<Option<ProfileAssociation>>,
    /// GetInstanceProfile; none for NoSuchEntity.
    pub profile: Fact<Option<InstanceProfile>>,
    /// GetRole of the instance's role; none for NoSuchEntity.
    pub role: Fact<Option<Role>>,
    /// SimulatePrincipalPolicy for the instance's role and what the agent needs ([`Right::OF_AN_AGENT`]).
    pub role_rights: Fact<Vec<Right>>,
    /// SimulatePrincipalPolicy for the instance's role and what it asks before a session that is recorded ([`Right::BUCKET`],
    /// [`Right::LOG_GROUPS`]).
    pub recording_rights: Fact<Vec<Right>>,
    /// Its way out; shared by all instances of one subnet with the same groups.
    pub network: Arc<Network>,
    /// DescribeImages; none when the image is gone.
    pub image: Fact<Option<Image>>,
    /// SimulatePrincipalPolicy for the caller: StartSession on this target and so on.
    pub own_rights: Fact<Vec<Right>>,
    /// What holds for the whole account and region, as far as this check asked.
    pub surroundings: Surroundings,
    /// The last StartSession on it.
    pub attempt: Option<Attempt>,
    /// How the last session on it ended, if it ended by itself.
    pub ending: Option<Ending>,
    /// From an earlier run.
    pub memory: Option<Memory>,
    /// AWS's own words for the calls that it refused.
    pub refused: Vec<Refused>,
}

/// The answer to one call, or that it is being made.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "each is the field of `Evidence`, `Network` or `Surroundings` of that name")]
pub enum Piece {
    /// The call is on its way.
    Asking(Call),
    /// AWS refused it; goes before the piece with `Fact::Denied`.
    Refused(Refused),
    Connection(Fact<Connection>),
    Status(Fact<Option<StatusChecks>>),
    Association(Fact<Option<ProfileAssociation>>),
    Profile(Fact<Option<InstanceProfile>>),
    Role(Fact<Option<Role>>),
    RoleRights(Fact<Vec<Right>>),
    RecordingRights(Fact<Vec<Right>>),
    Subnet(Fact<Option<Subnet>>),
    Vpc(Fact<Vpc>),
    RouteTables(Fact<Vec<RouteTable>>),
    Endpoints(Fact<Vec<Endpoint>>),
    SecurityGroups(Fact<Vec<SecurityGroup>>),
    NetworkAcls(Fact<Vec<NetworkAcl>>),
    NatGateways(Fact<Vec<NatGateway>>),
    /// The whole network, asked for another instance of the same subnet and groups.
    Network(Arc<Network>),
    Image(Fact<Option<Image>>),
    OwnRights(Fact<Vec<Right>>),
    CoreProfiles(Fact<Vec<CoreProfile>>),
    HostManagement(Fact<HostManagement>),
    Tier(Fact<Tier>),
    Activations(Fact<Vec<Activation>>),
    Preferences(Fact<Option<Preferences>>),
    Documents(Fact<Vec<DocumentSummary>>),
    Key(Fact<Option<Key>>),
    OptIn(Fact<OptIn>),
    Attempt(Attempt),
    Ending(Ending),
    Memory(Memory),
}

impl Piece {
    /// The answer to a call that the identity may not make.
    pub fn denied(call: Call) -> Self {
        Self::without_value(call, &Lack::Denied(call.action()))
    }

    /// The answer to a call that failed; why, in words.
    pub fn failed(call: Call, why: impl Into<String>) -> Self {
        Self::without_value(call, &Lack::Failed(why.into()))
    }

    fn without_value(call: Call, lack: &Lack) -> Self {
        match call {
            Call::ConnectionStatus => Self::Connection(lack.fact()),
            Call::StatusCheck => Self::Status(lack.fact()),
            Call::HostManagement => Self::HostManagement(lack.fact()),
            Call::CoreProfiles => Self::CoreProfiles(lack.fact()),
            Call::Tier => Self::Tier(lack.fact()),
            Call::ProfileAssociation => Self::Association(lack.fact()),
            Call::InstanceProfile => Self::Profile(lack.fact()),
            Call::Role => Self::Role(lack.fact()),
            Call::RoleRights => Self::RoleRights(lack.fact()),
            Call::RecordingRights => Self::RecordingRights(lack.fact()),
            Call::Subnet => Self::Subnet(lack.fact()),
            Call::VpcAttributes => Self::Vpc(lack.fact()),
            Call::RouteTables => Self::RouteTables(lack.fact()),
            Call::Endpoints => Self::Endpoints(lack.fact()),
            Call::SecurityGroups => Self::SecurityGroups(lack.fact()),
            Call::NetworkAcls => Self::NetworkAcls(lack.fact()),
            Call::NatGateways => Self::NatGateways(lack.fact()),
            Call::Image => Self::Image(lack.fact()),
            Call::Activations => Self::Activations(lack.fact()),
            Call::Preferences => Self::Preferences(lack.fact()),
            Call::Documents => Self::Documents(lack.fact()),
            Call::Key => Self::Key(lack.fact()),
            Call::OptIn => Self::OptIn(lack.fact()),
            Call::OwnRights | Call::Metrics | Call::Trail => Self::OwnRights(lack.fact()),
        }
    }

    /// The call whose answer it is; none for what no call of a check gives.
    pub fn call(&self) -> Option<Call> {
        Some(match self {
            Self::Connection(_) => Call::ConnectionStatus,
            Self::Status(_) => Call::StatusCheck,
            Self::Association(_) => Call::ProfileAssociation,
            Self::Profile(_) => Call::InstanceProfile,
            Self::Role(_) => Call::Role,
            Self::RoleRights(_) => Call::RoleRights,
            Self::RecordingRights(_) => Call::RecordingRights,
            Self::Subnet(_) => Call::Subnet,
            Self::Vpc(_) => Call::VpcAttributes,
            Self::RouteTables(_) => Call::RouteTables,
            Self::Endpoints(_) => Call::Endpoints,
            Self::SecurityGroups(_) => Call::SecurityGroups,
            Self::NetworkAcls(_) => Call::NetworkAcls,
            Self::NatGateways(_) => Call::NatGateways,
            Self::Image(_) => Call::Image,
            Self::OwnRights(_) => Call::OwnRights,
            Self::HostManagement(_) => Call::HostManagement,
            Self::CoreProfiles(_) => Call::CoreProfiles,
            Self::Tier(_) => Call::Tier,
            Self::Activations(_) => Call::Activations,
            Self::Preferences(_) => Call::Preferences,
            Self::Documents(_) => Call::Documents,
            Self::Key(_) => Call::Key,
            Self::OptIn(_) => Call::OptIn,
            Self::Asking(_)
            | Self::Refused(_)
            | Self::Network(_)
            | Self::Attempt(_)
            | Self::Ending(_)
            | Self::Memory(_) => return None,
        })
    }
}

/// Why there is no value.
enum Lack {
    Denied(&'static str),
    Failed(String),
}

impl Lack {
    fn fact<T>(&self) -> Fact<T> {
        match self {
            Self::Denied(action) => Fact::Denied { action: (*action).to_owned() },
            Self::Failed(why) => Fact::Failed(why.clone()),
        }
    }
}

impl Evidence {
    /// Takes in one answer; the call that gave it is no longer under way.
    pub fn take(&mut self, piece: Piece) {
        if let Some(call) = piece.call() {
            self.asking.retain(|asked| *asked != call);
        }
        match piece {
            Piece::Asking(call) if !self.asking.contains(&call) => self.asking.push(call),
            Piece::Asking(_) => {}
            Piece::Refused(refused) => {
                self.refused.retain(|other| other.call != refused.call);
                self.refused.push(refused);
            }
            Piece::Connection(fact) => self.connection = fact,
            Piece::Status(fact) => self.status = fact,
            Piece::Association(fact) => self.association = fact,
            Piece::Profile(fact) => self.profile = fact,
            Piece::Role(fact) => self.role = fact,
            Piece::RoleRights(fact) => self.role_rights = fact,
            Piece::RecordingRights(fact) => self.recording_rights = fact,
            Piece::Subnet(fact) => self.network_mut().subnet = fact,
            Piece::Vpc(fact) => self.network_mut().vpc = fact,
            Piece::RouteTables(fact) => self.network_mut().route_tables = fact,
            Piece::Endpoints(fact) => self.network_mut().endpoints = fact,
            Piece::SecurityGroups(fact) => self.network_mut().security_groups = fact,
            Piece::NetworkAcls(fact) => self.network_mut().acls = fact,
            Piece::NatGateways(fact) => self.network_mut().nat_gateways = fact,
            Piece::Network(network) => self.network = network,
            Piece::Image(fact) => self.image = fact,
            Piece::OwnRights(fact) => self.own_rights = fact,
            Piece::HostManagement(fact) => self.surroundings.host_management = fact,
            Piece::CoreProfiles(fact) => self.surroundings.core_profiles = fact,
            Piece::Tier(fact) => self.surroundings.tier = fact,
            Piece::Activations(fact) => self.surroundings.activations = fact,
            Piece::Preferences(fact) => self.surroundings.preferences = fact,
            Piece::Documents(fact) => self.surroundings.documents = fact,
            Piece::Key(fact) => self.surroundings.key = fact,
            Piece::OptIn(fact) => self.surroundings.opt_in = fact,
            Piece::Attempt(attempt) => self.attempt = Some(attempt),
            Piece::Ending(ending) => self.ending = Some(ending),
            Piece::Memory(memory) => self.memory = Some(memory),
        }
    }

    /// The row as it is after this check: its channel and its status checks as answered here.
    pub fn applied_to<'a>(&self, instance: &'a Instance) -> Cow<'a, Instance> {
        let mut row = Cow::Borrowed(instance);
        if !matches!(self.connection, Fact::NotAsked) && self.connection != instance.connection {
            row.to_mut().connection = self.connection.clone();
        }
        if let Fact::Known { value: Some(checks), at } = &self.status {
            let value = if checks.is_impaired() { StatusCheck::Impaired } else { StatusCheck::Passed };
            row.to_mut().check = Fact::Known { value, at: *at };
        }
        row
    }

    fn network_mut(&mut self) -> &mut Network {
        Arc::make_mut(&mut self.network)
    }
}
