//! What the sources say, in plain types: one row of an SSM list, one EC2 instance, and the updates
//! that carry them here page by page. Knows no SDK; `aws` fills these in, `inventory` merges them.

use jiff::Timestamp;

pub use super::id::InstanceId;

/// Text that many rows share (platform, zone, role): cheap to clone, interned by the inventory.
pub type Text = arcstr::ArcStr;

/// PingStatus of SSM. `Inactive` is deprecated and means the same as `ConnectionLost`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ping {
    /// A heartbeat came within the service's patience.
    Online,
    /// Heartbeats stopped.
    Lost,
    /// A value that this program doesn't know.
    Other,
}

impl Ping {
    /// From the wire's word.
    pub fn from_wire(word: &str) -> Self {
        match word {
            "Online" => Self::Online,
            "ConnectionLost" | "Inactive" => Self::Lost,
            _ => Self::Other,
        }
    }
}

/// The kind of operating system, as far as both services tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Platform {
    /// Any Linux.
    Linux,
    /// Windows.
    Windows,
    /// macOS.
    MacOs,
}

impl Platform {
    /// From SSM's PlatformType.
    pub fn from_wire(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().as_str() {
            "linux" => Some(Self::Linux),
            "windows" => Some(Self::Windows),
            "macos" => Some(Self::MacOs),
            _ => None,
        }
    }

    /// As shown and as typed in `platform:`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Linux => "Linux",
            Self::Windows => "Windows",
            Self::MacOs => "macOS",
        }
    }
}

/// What only DescribeInstanceProperties gives of a row (diagnosis 1.1). Apart from the rest, which most rows have without it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Properties {
    /// InstanceState.
    pub machine_state: Option<MachineState>,
    /// InstanceRole.
    pub instance_role: Option<Text>,
    /// InstanceType.
    pub instance_type: Option<Text>,
    /// KeyName.
    pub key_name: Option<Text>,
    /// Architecture.
    pub architecture: Option<Text>,
    /// AvailabilityZone.
    pub zone: Option<Text>,
    /// LaunchTime.
    pub launched: Option<Timestamp>,
}

/// One row of DescribeInstanceInformation or of DescribeInstanceProperties.
#[derive(Clone, Debug, PartialEq)]
pub struct AgentRecord {
    /// InstanceId: `i-…` or `mi-…`. The session target.
    pub id: InstanceId,
    /// PingStatus.
    pub ping: Option<Ping>,
    /// LastPingDateTime.
    pub last_ping: Option<Timestamp>,
    /// AgentVersion, as text; compare it through [`super::AgentVersion`].
    pub agent_version: Option<Text>,
    /// IsLatestVersion; speaks of Linux only.
    pub is_latest: Option<bool>,
    /// PlatformType.
    pub platform: Option<Platform>,
    /// PlatformName, "Amazon Linux".
    pub platform_name: Option<Text>,
    /// PlatformVersion, "2023".
    pub platform_version: Option<Text>,
    /// ResourceType as it came: `EC2Instance`, `ManagedInstance`.
    pub resource_type: Option<Text>,
    /// SourceType: `AWS::EC2::Instance`, `AWS::SSM::ManagedInstance`, `AWS::IoT::Thing`.
    pub source_type: Option<Text>,
    /// SourceId: the `i-…` behind an `mi-…`, or the name of a thing.
    pub source_id: Option<Text>,
    /// SourceLocation.
    pub source_location: Option<Text>,
    /// ActivationId of a hybrid node.
    pub activation_id: Option<Text>,
    /// IamRole of a hybrid node.
    pub iam_role: Option<Text>,
    /// RegistrationDate.
    pub registered: Option<Timestamp>,
    /// Name: set for `mi-` nodes; under DescribeInstanceProperties also EC2's Name tag.
    pub name: Option<Text>,
    /// ComputerName.
    pub computer_name: Option<Text>,
    /// IPAddress, as the agent reported it.
    pub ip: Option<Text>,
    /// AssociationStatus.
    pub association_status: Option<Text>,
    /// LastAssociationExecutionDate.
    pub association_ran: Option<Timestamp>,
    /// LastSuccessfulAssociationExecutionDate.
    pub association_succeeded: Option<Timestamp>,
    /// What DescribeInstanceProperties says beyond that.
    pub properties: Option<Box<Properties>>,
    /// SSM's own tags of a hybrid node (ListTagsForResource); empty when not asked.
    pub tags: Box<[Tag]>,
}

impl AgentRecord {
    /// A row that says nothing but its id: the base for `AgentRecord { ping, ..AgentRecord::new(id) }`.
    pub fn new(id: impl Into<InstanceId>) -> Self {
        Self {
            id: id.into(),
            ping: None,
            last_ping: None,
            agent_version: None,
            is_latest: None,
            platform: None,
            platform_name: None,
            platform_version: None,
            resource_type: None,
            source_type: None,
            source_id: None,
            source_location: None,
            activation_id: None,
            iam_role: None,
            registered: None,
            name: None,
            computer_name: None,
            ip: None,
            association_status: None,
            association_ran: None,
            association_succeeded: None,
            properties: None,
            tags: Box::default(),
        }
    }

    /// The EC2 instance behind a hybrid registration: SourceId, when its kind is an EC2 instance.
    pub fn behind(&self) -> Option<&str> {
        let source = self.source_id.as_deref()?;
        let is_machine = self.source_type.as_deref().is_none_or(|kind| kind == "AWS::EC2::Instance");
        (self.id.is_hybrid() && is_machine && source.starts_with("i-")).then_some(source)
    }
}

/// EC2's lifecycle state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MachineState {
    /// On its way up.
    Pending,
    /// Up.
    Running,
    /// On its way to `stopped`.
    Stopping,
    /// Stopped or hibernated.
    Stopped,
    /// On its way to `terminated`.
    ShuttingDown,
    /// Ended for good.
    Terminated,
    /// A value that this program doesn't know.
    Other,
}

impl MachineState {
    /// From the wire's word.
    pub fn from_wire(word: &str) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "pending" => Self::Pending,
            "running" => Self::Running,
            "stopping" => Self::Stopping,
            "stopped" => Self::Stopped,
            "shutting-down" => Self::ShuttingDown,
            "terminated" => Self::Terminated,
            _ => Self::Other,
        }
    }

    /// The wire's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::ShuttingDown => "shutting-down",
            Self::Terminated => "terminated",
            Self::Other => "unknown",
        }
    }
}

/// Whether the instance metadata service answers (MetadataOptions.HttpEndpoint).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetadataEndpoint {
    /// It answers.
    Enabled,
    /// It is off, so the agent has no identity.
    Disabled,
}

/// A key and its value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tag {
    /// Key, as it came.
    pub key: Text,
    /// Value, may be empty.
    pub value: Text,
}

impl Tag {
    /// A tag of two texts.
    pub fn new(key: impl Into<Text>, value: impl Into<Text>) -> Self {
        Self { key: key.into(), value: value.into() }
    }
}

/// One EC2 instance.
#[derive(Clone, Debug, PartialEq)]
pub struct MachineRecord {
    /// InstanceId.
    pub id: InstanceId,
    /// State.
    pub state: MachineState,
    /// StateTransitionReason, "User initiated (2024-05-03 22:10:11 GMT)".
    pub state_transition_reason: Option<Text>,
    /// StateReason's code, "Client.UserInitiatedShutdown", "Server.SpotInstanceTermination".
    pub state_reason: Option<Text>,
    /// LaunchTime: of the last start, not of the first.
    pub launched: Option<Timestamp>,
    /// IamInstanceProfile's ARN; none when no profile is attached.
    pub profile_arn: Option<Text>,
    /// InstanceType.
    pub instance_type: Option<Text>,
    /// Placement's AvailabilityZone.
    pub zone: Option<Text>,
    /// VpcId.
    pub vpc: Option<Text>,
    /// SubnetId.
    pub subnet: Option<Text>,
    /// Ids of the security groups.
    pub security_groups: Box<[Text]>,
    /// PrivateIpAddress.
    pub private_ip: Option<Text>,
    /// PublicIpAddress.
    pub public_ip: Option<Text>,
    /// PrivateDnsName.
    pub private_dns: Option<Text>,
    /// PublicDnsName.
    pub public_dns: Option<Text>,
    /// MetadataOptions.HttpEndpoint.
    pub metadata_endpoint: Option<MetadataEndpoint>,
    /// PlatformDetails, "Linux/UNIX", "Windows".
    pub platform_details: Option<Text>,
    /// Architecture.
    pub architecture: Option<Text>,
    /// ImageId.
    pub image: Option<Text>,
    /// KeyName.
    pub key_name: Option<Text>,
    /// OwnerId of the reservation: the account.
    pub account: Option<Text>,
    /// InstanceLifecycle, "spot"; none for on-demand.
    pub lifecycle: Option<Text>,
    /// Tags.
    pub tags: Box<[Tag]>,
}

impl MachineRecord {
    /// An instance of which only id and state are known: the base for struct update syntax.
    pub fn new(id: impl Into<InstanceId>, state: MachineState) -> Self {
        Self {
            id: id.into(),
            state,
            state_transition_reason: None,
            state_reason: None,
            launched: None,
            profile_arn: None,
            instance_type: None,
            zone: None,
            vpc: None,
            subnet: None,
            security_groups: Box::default(),
            private_ip: None,
            public_ip: None,
            private_dns: None,
            public_dns: None,
            metadata_endpoint: None,
            platform_details: None,
            architecture: None,
            image: None,
            key_name: None,
            account: None,
            lifecycle: None,
            tags: Box::default(),
        }
    }

    /// Whether EC2 calls it Windows.
    pub fn is_windows(&self) -> bool {
        self.platform_details.as_deref().is_some_and(|words| words.to_ascii_lowercase().contains("windows"))
    }
}

/// GetConnectionStatus: the best single truth about a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Connection {
    /// The agent holds its control channel open: a session can start.
    Connected,
    /// It doesn't.
    NotConnected,
}

/// DescribeInstanceStatus, both checks together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StatusCheck {
    /// Both passed, or are not measured yet.
    Passed,
    /// One of them failed.
    Impaired,
}

/// Something that may have been asked. Only `Known` is a value: the other three are never "absent".
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Fact<T> {
    /// The answer, and when it was given.
    Known {
        /// What was answered.
        value: T,
        /// When.
        at: Timestamp,
    },
    /// The identity may not ask.
    Denied {
        /// The action's name, `ssm:GetConnectionStatus`.
        action: String,
    },
    /// Asked, and no answer came; why, in words.
    Failed(String),
    /// Nobody asked yet.
    #[default]
    NotAsked,
}

impl<T> Fact<T> {
    /// The value, if there is one.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Known { value, .. } => Some(value),
            _ => None,
        }
    }
}

/// A list that the fleet is built from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// SSM: DescribeInstanceInformation or DescribeInstanceProperties.
    AgentList,
    /// EC2: DescribeInstances.
    MachineList,
}

/// How reading a list ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// To its last page.
    Complete,
    /// The identity may not read it.
    Denied {
        /// The action that was refused, `ec2:DescribeInstances`.
        action: String,
        /// AWS's own words.
        message: String,
    },
    /// It broke off: throttled, unreachable, anything else.
    Failed {
        /// What happened, in words for a user.
        message: String,
    },
}

/// What a refresh sends to the fleet, in the order in which it happens.
#[derive(Clone, Debug, PartialEq)]
pub enum Update {
    /// Both lists are being read anew. Numbers only grow; older generations' updates are ignored.
    Started {
        /// The number of this reading.
        generation: u64,
    },
    /// A page of the SSM list.
    Agents {
        /// The reading that it belongs to.
        generation: u64,
        /// Its rows.
        records: Vec<AgentRecord>,
    },
    /// A page of the EC2 list.
    Machines {
        /// The reading that it belongs to.
        generation: u64,
        /// Its rows.
        records: Vec<MachineRecord>,
    },
    /// AWS refused a page of a list for now; it is asked for again.
    Throttled {
        /// The reading that it belongs to.
        generation: u64,
        /// Which list.
        source: Source,
    },
    /// A list ended.
    Done {
        /// The reading that it belongs to.
        generation: u64,
        /// Which list.
        source: Source,
        /// How.
        outcome: Outcome,
    },
    /// GetConnectionStatus answered for one target (its row may carry another id).
    Connection {
        /// The session target that was asked about.
        id: InstanceId,
        /// The answer.
        status: Fact<Connection>,
    },
    /// DescribeInstanceStatus answered for one instance.
    StatusCheck {
        /// Which.
        id: InstanceId,
        /// The answer.
        status: Fact<StatusCheck>,
    },
    /// A session opened on this target just now, which beats every other sign for five minutes.
    Opened {
        /// The session target.
        id: InstanceId,
    },
}
