//! The calls that a deep check may make, and those that only a person can: each with the action that it takes.

/// One call to AWS that would settle something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Call {
    /// Is the channel connected?
    ConnectionStatus,
    /// Do the system's and the instance's status checks pass?
    StatusCheck,
    /// Is default host management on?
    HostManagement,
    /// Which tier do hybrid nodes have?
    Tier,
    /// When was the profile attached, and which?
    ProfileAssociation,
    /// Which role is in the profile?
    InstanceProfile,
    /// Which profiles have what an agent needs, to give one that lacks it?
    CoreProfiles,
    /// Whom does the role trust?
    Role,
    /// May the role do what the agent needs?
    RoleRights,
    /// May the role ask where sessions are recorded?
    RecordingRights,
    /// Whose is the subnet, and of which VPC?
    Subnet,
    /// Does the VPC resolve private names?
    VpcAttributes,
    /// Where do packets go?
    RouteTables,
    /// Which endpoints are in the VPC?
    Endpoints,
    /// What do the instance's groups let out, and the endpoints' groups in?
    SecurityGroups,
    /// What does the subnet's network ACL let through?
    NetworkAcls,
    /// Does the NAT gateway live?
    NatGateways,
    /// Does its image bring an agent along?
    Image,
    /// Are there activations that could register a node?
    Activations,
    /// What do the account's session preferences ask for?
    Preferences,
    /// Which session documents are there?
    Documents,
    /// Can the sessions' key be used?
    Key,
    /// May the caller start a session here?
    OwnRights,
    /// Is the region enabled for the account?
    OptIn,
    /// Is its processor starved? Not made by this program.
    Metrics,
    /// Which of the instance's own calls were denied? Not made by this program.
    Trail,
}

impl Call {
    /// The action that it takes.
    pub const fn action(self) -> &'static str {
        match self {
            Self::ConnectionStatus => "ssm:GetConnectionStatus",
            Self::StatusCheck => "ec2:DescribeInstanceStatus",
            Self::HostManagement | Self::Tier => "ssm:GetServiceSetting",
            Self::ProfileAssociation => "ec2:DescribeIamInstanceProfileAssociations",
            Self::InstanceProfile => "iam:GetInstanceProfile",
            Self::CoreProfiles => "iam:ListInstanceProfiles",
            Self::Role => "iam:GetRole",
            Self::RoleRights | Self::RecordingRights | Self::OwnRights => "iam:SimulatePrincipalPolicy",
            Self::Subnet => "ec2:DescribeSubnets",
            Self::VpcAttributes => "ec2:DescribeVpcAttribute",
            Self::RouteTables => "ec2:DescribeRouteTables",
            Self::Endpoints => "ec2:DescribeVpcEndpoints",
            Self::SecurityGroups => "ec2:DescribeSecurityGroups",
            Self::NetworkAcls => "ec2:DescribeNetworkAcls",
            Self::NatGateways => "ec2:DescribeNatGateways",
            Self::Image => "ec2:DescribeImages",
            Self::Activations => "ssm:DescribeActivations",
            Self::Preferences => "ssm:GetDocument",
            Self::Documents => "ssm:ListDocuments",
            Self::Key => "kms:DescribeKey",
            Self::OptIn => "ec2:DescribeRegions",
            Self::Metrics => "cloudwatch:GetMetricData",
            Self::Trail => "cloudtrail:LookupEvents",
        }
    }

    /// Whether this program makes it; the others are named for whoever goes on by hand.
    pub const fn is_made_here(self) -> bool {
        !matches!(self, Self::Metrics | Self::Trail)
    }
}
