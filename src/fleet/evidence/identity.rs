//! The instance's own identity: profile, role, rights; and its status checks.

use jiff::Timestamp;

/// DescribeInstanceStatus for one instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatusChecks {
    /// SystemStatus, as it came: `ok`, `impaired`, `initializing`, `insufficient-data`, `not-applicable`.
    pub system: String,
    /// InstanceStatus, likewise.
    pub instance: String,
    /// Since when a check fails (ImpairedSince), if one does.
    pub impaired_since: Option<Timestamp>,
    /// Descriptions of scheduled events that lie ahead.
    pub events: Vec<String>,
}

impl StatusChecks {
    /// One of them fails.
    pub fn is_impaired(&self) -> bool {
        self.system == "impaired" || self.instance == "impaired"
    }
}

/// Where the attaching of a profile stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "AWS's own names")]
pub enum AssociationState {
    Associating,
    Associated,
    Disassociating,
    Disassociated,
    Other,
}

impl AssociationState {
    /// From the wire's word.
    pub fn from_wire(word: &str) -> Self {
        match word {
            "associating" => Self::Associating,
            "associated" => Self::Associated,
            "disassociating" => Self::Disassociating,
            "disassociated" => Self::Disassociated,
            _ => Self::Other,
        }
    }
}

/// The attaching of a profile to an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileAssociation {
    /// AssociationId, `iip-assoc-…`.
    pub id: String,
    /// ARN of the profile.
    pub profile_arn: String,
    /// Id of the profile, `AIPA…`: another than the profile's own when that was deleted and made anew.
    pub profile_id: String,
    /// Where it stands.
    pub state: AssociationState,
    /// Timestamp: since when.
    pub since: Option<Timestamp>,
}

/// GetInstanceProfile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceProfile {
    /// Name.
    pub name: String,
    /// `AIPA…`.
    pub id: String,
    /// ARN.
    pub arn: String,
    /// The roles in it: one, or none; their ARNs.
    pub roles: Vec<String>,
}

impl InstanceProfile {
    /// The name of its role, without the path.
    pub fn role_name(&self) -> Option<&str> {
        self.roles.first()?.rsplit('/').next()
    }
}

/// A profile whose role has AmazonSSMManagedInstanceCore attached (ListInstanceProfiles, ListAttachedRolePolicies).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoreProfile {
    /// Name.
    pub name: String,
    /// The name of its role, without the path.
    pub role: String,
    /// The role's AssumeRolePolicyDocument as JSON.
    pub trust: String,
    /// How many managed policies the role has attached, that one among them.
    pub policies: usize,
}

/// GetRole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Name, without the path.
    pub name: String,
    /// ARN.
    pub arn: String,
    /// AssumeRolePolicyDocument as JSON (AWS sends it URL-encoded).
    pub trust: String,
    /// ARN of its permissions boundary.
    pub boundary: Option<String>,
}

/// What the simulator decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    /// `allowed`.
    Allowed,
    /// `implicitDeny`: nothing allows it.
    ImplicitDeny,
    /// `explicitDeny`: something forbids it.
    ExplicitDeny,
}

impl Decision {
    /// From the wire's word; one that is not known counts as nothing that allows.
    pub fn from_wire(word: &str) -> Self {
        match word {
            "allowed" => Self::Allowed,
            "explicitDeny" => Self::ExplicitDeny,
            _ => Self::ImplicitDeny,
        }
    }
}

/// One action in an answer of SimulatePrincipalPolicy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Right {
    /// EvalActionName, `ssmmessages:OpenDataChannel`.
    pub action: String,
    /// EvalResourceName, an ARN or `*`.
    pub resource: String,
    /// EvalDecision.
    pub decision: Decision,
    /// OrganizationsDecisionDetail: whether the organisation's policies allow it; none when it isn't told.
    pub organisation_allows: Option<bool>,
    /// PermissionsBoundaryDecisionDetail: whether the boundary allows it; none when there is none.
    pub boundary_allows: Option<bool>,
    /// MatchedStatements: SourcePolicyId of the policies that decided.
    pub policies: Vec<String>,
    /// MissingContextValues: condition keys that the simulation had no value for, `ssm:resourceTag/team`.
    pub missing_context: Vec<String>,
    /// Keys of the target's tags that the policies look at, where that was asked.
    pub tags: Vec<String>,
}

impl Right {
    /// What registers an agent and keeps its heartbeat.
    pub const REGISTER: &'static str = "ssm:UpdateInstanceInformation";
    /// What sessions need of the instance's role.
    pub const CHANNELS: [&'static str; 4] = [
        "ssmmessages:CreateControlChannel",
        "ssmmessages:CreateDataChannel",
        "ssmmessages:OpenControlChannel",
        "ssmmessages:OpenDataChannel",
    ];
    /// What to simulate for the role of an instance, on resource `*`.
    pub const OF_AN_AGENT: [&'static str; 5] =
        [Self::REGISTER, Self::CHANNELS[0], Self::CHANNELS[1], Self::CHANNELS[2], Self::CHANNELS[3]];

    /// What asks how a bucket is encrypted (GetBucketEncryption).
    pub const BUCKET: &'static str = "s3:GetEncryptionConfiguration";
    /// What asks whether a log group is there and how it is encrypted.
    pub const LOG_GROUPS: &'static str = "logs:DescribeLogGroups";

    /// A decision on an action, all else unknown: the base for struct update syntax.
    pub fn new(action: impl Into<String>, resource: impl Into<String>, decision: Decision) -> Self {
        Self {
            action: action.into(),
            resource: resource.into(),
            decision,
            organisation_allows: None,
            boundary_allows: None,
            policies: Vec::new(),
            missing_context: Vec::new(),
            tags: Vec::new(),
        }
    }

    /// The tag that a condition key asks of the target: `team` of `ssm:resourceTag/team`.
    pub fn tag_of(condition: &str) -> Option<&str> {
        let (prefix, tag) = condition.split_once('/')?;
        prefix.split_once(':').filter(|(_, name)| name.eq_ignore_ascii_case("resourceTag")).map(|_| tag)
    }

    /// Whether it may be done.
    pub fn is_allowed(&self) -> bool {
        self.decision == Decision::Allowed
    }
}
