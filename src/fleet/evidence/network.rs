//! The way out of one VPC, as EC2 describes it: a record for each Describe call, no more than reachability needs.

use std::{fmt, net::Ipv4Addr, str::FromStr};

use crate::fleet::record::Fact;

/// The facts about the network of one subnet and set of groups.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Network {
    /// DescribeSubnets for the instance's subnet; none when it isn't listed (shared from another account and hidden).
    pub subnet: Fact<Option<Subnet>>,
    /// DescribeVpcAttribute, twice.
    pub vpc: Fact<Vpc>,
    /// DescribeRouteTables, all of the VPC.
    pub route_tables: Fact<Vec<RouteTable>>,
    /// DescribeVpcEndpoints, all of the VPC.
    pub endpoints: Fact<Vec<Endpoint>>,
    /// DescribeSecurityGroups: those of the instance, and of the endpoints that it would use.
    pub security_groups: Fact<Vec<SecurityGroup>>,
    /// DescribeNetworkAcls, all of the VPC.
    pub acls: Fact<Vec<NetworkAcl>>,
    /// DescribeNatGateways: those that the subnet's routes name.
    pub nat_gateways: Fact<Vec<NatGateway>>,
}

/// DescribeSubnets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subnet {
    /// SubnetId.
    pub id: String,
    /// OwnerId: the account; another than the instance's where the VPC is shared.
    pub owner: String,
    /// VpcId.
    pub vpc: String,
    /// CidrBlock.
    pub cidr: String,
    /// MapPublicIpOnLaunch.
    pub gives_public_ip: bool,
}

/// DescribeVpcAttribute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vpc {
    /// VpcId.
    pub id: String,
    /// enableDnsSupport.
    pub dns_support: bool,
    /// enableDnsHostnames.
    pub dns_hostnames: bool,
}

/// DescribeRouteTables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteTable {
    /// RouteTableId.
    pub id: String,
    /// The VPC's main table.
    pub is_main: bool,
    /// Subnets that are associated by name.
    pub subnets: Vec<String>,
    /// Its routes.
    pub routes: Vec<Route>,
}

/// One route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// DestinationCidrBlock, DestinationIpv6CidrBlock or DestinationPrefixListId.
    pub destination: String,
    /// Where to.
    pub target: RouteTarget,
    /// State.
    pub state: RouteState,
}

/// Where a route leads; each with the id.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "AWS's own names")]
pub enum RouteTarget {
    Local,
    InternetGateway(String),
    EgressOnlyGateway(String),
    NatGateway(String),
    TransitGateway(String),
    VirtualPrivateGateway(String),
    Peering(String),
    NetworkInterface(String),
    /// A gateway endpoint, or one of a load balancer or firewall.
    Endpoint(String),
    /// Anything else.
    Other(String),
}

/// Whether a route carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RouteState {
    /// It does.
    Active,
    /// Its target is gone.
    Blackhole,
}

/// DescribeVpcEndpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// VpcEndpointId.
    pub id: String,
    /// ServiceName, `com.amazonaws.eu-west-1.ssm`.
    pub service: String,
    /// VpcEndpointType.
    pub kind: EndpointKind,
    /// State.
    pub state: EndpointState,
    /// PrivateDnsEnabled.
    pub private_dns: bool,
    /// Ids of its security groups.
    pub groups: Vec<String>,
    /// Ids of the subnets that it stands in.
    pub subnets: Vec<String>,
    /// PolicyDocument as JSON; none when AWS sent none.
    pub policy: Option<String>,
}

/// The type of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EndpointKind {
    /// A network interface, for ssm and ssmmessages.
    Interface,
    /// A route, for S3.
    Gateway,
    /// Any other.
    Other,
}

/// State of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndpointState {
    /// It works.
    Available,
    /// It is being made.
    Pending,
    /// `pendingAcceptance`, `rejected`, `failed`, `deleting` and so on, as it came.
    Broken(String),
}

impl EndpointState {
    /// From the wire's word; AWS writes them in either case.
    pub fn from_wire(word: &str) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "available" => Self::Available,
            "pending" => Self::Pending,
            _ => Self::Broken(word.to_owned()),
        }
    }
}

/// DescribeSecurityGroups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecurityGroup {
    /// GroupId.
    pub id: String,
    /// GroupName.
    pub name: String,
    /// IpPermissions.
    pub ingress: Vec<Rule>,
    /// IpPermissionsEgress.
    pub egress: Vec<Rule>,
}

/// One permission of a security group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// IpProtocol.
    pub protocol: Protocol,
    /// FromPort and ToPort; none for all.
    pub ports: Option<(u16, u16)>,
    /// Who, on the other side.
    pub peers: Vec<Peer>,
}

/// The protocol of a rule or an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// `-1`.
    All,
    /// `tcp`, `6`.
    Tcp,
    /// Any other: of no matter here.
    Other,
}

impl Protocol {
    /// From the wire's word or number.
    pub fn from_wire(word: &str) -> Self {
        match word {
            "-1" => Self::All,
            "tcp" | "6" => Self::Tcp,
            _ => Self::Other,
        }
    }
}

/// The other side of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A range of addresses, IPv4 or IPv6.
    Cidr(String),
    /// Members of a security group.
    Group(String),
    /// A prefix list, whose content isn't known here.
    PrefixList(String),
}

/// DescribeNetworkAcls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkAcl {
    /// NetworkAclId.
    pub id: String,
    /// The VPC's default.
    pub is_default: bool,
    /// Subnets that are associated.
    pub subnets: Vec<String>,
    /// Its entries, in any order.
    pub entries: Vec<AclEntry>,
}

/// One entry of a network ACL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AclEntry {
    /// RuleNumber: the lowest that matches decides.
    pub number: i32,
    /// Outbound, else inbound.
    pub egress: bool,
    /// RuleAction `allow`, else `deny`.
    pub allows: bool,
    /// Protocol.
    pub protocol: Protocol,
    /// CidrBlock or Ipv6CidrBlock.
    pub cidr: String,
    /// PortRange; none for all.
    pub ports: Option<(u16, u16)>,
}

/// DescribeNatGateways.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NatGateway {
    /// NatGatewayId.
    pub id: String,
    /// State, as it came: `available`, `pending`, `failed`, `deleting`, `deleted`.
    pub state: String,
    /// ConnectivityType `public`, else `private`, which leads to no internet.
    pub is_public: bool,
    /// FailureMessage.
    pub failure: Option<String>,
}

/// A range of IPv4 addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRange {
    base: u32,
    bits: u8,
}

impl AddressRange {
    /// Every address.
    pub const ALL: Self = Self { base: 0, bits: 0 };

    /// One address.
    pub fn one(address: Ipv4Addr) -> Self {
        Self { base: address.into(), bits: 32 }
    }

    /// All of `other` lies in it.
    pub fn contains(self, other: Self) -> bool {
        self.bits <= other.bits && (self.base ^ other.base) & self.mask() == 0
    }

    /// They share an address.
    pub fn meets(self, other: Self) -> bool {
        self.contains(other) || other.contains(self)
    }

    fn mask(self) -> u32 {
        u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0)
    }
}

/// The text is no range of IPv4 addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no range of IPv4 addresses")]
pub struct BadRange(String);

impl FromStr for AddressRange {
    type Err = BadRange;

    fn from_str(text: &str) -> Result<Self, BadRange> {
        let bad = || BadRange(text.to_owned());
        let (address, bits) = text.split_once('/').unwrap_or((text, "32"));
        let address: Ipv4Addr = address.parse().map_err(|_| bad())?;
        let bits: u8 = bits.parse().ok().filter(|bits| *bits <= 32).ok_or_else(bad)?;
        let range = Self { base: address.into(), bits };
        Ok(Self { base: range.base & range.mask(), ..range })
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", Ipv4Addr::from(self.base), self.bits)
    }
}
