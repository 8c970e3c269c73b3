//! The network's facts: what EC2 would describe of VPCs and what stands in them. Ways through it are found in [`super::way`].

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, de};

use crate::sim::{cidr::Cidr, policy::Policy};

/// Everything that EC2 knows of the networks of an account and region.
#[derive(Clone, Debug, Default)]
pub(crate) struct Network {
    pub(crate) vpcs: Vec<Vpc>,
    pub(crate) subnets: Vec<Subnet>,
    pub(crate) route_tables: Vec<RouteTable>,
    pub(crate) nat_gateways: Vec<NatGateway>,
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) groups: Vec<Group>,
    pub(crate) acls: Vec<Acl>,
    /// Elastic addresses.
    pub(crate) addresses: Vec<Address>,
    /// What the owner cannot see: whether traffic that leaves through a transit gateway, an appliance's interface and the like
    /// comes to the internet. What is not named here does not.
    pub(crate) beyond: BTreeMap<String, bool>,
}

/// A place where machines stand.
#[derive(Clone, Debug, Default)]
pub(crate) struct Site {
    /// Empty: not on EC2, and nothing stands in the way.
    pub(crate) subnet: String,
    pub(crate) vpc: String,
    /// `a`, `b`, `c`.
    pub(crate) zone: String,
    pub(crate) groups: Vec<String>,
    /// Whether machines there have a public address too.
    pub(crate) public: bool,
    /// The first two numbers of the addresses there.
    pub(crate) prefix: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Vpc {
    pub(crate) id: String,
    pub(crate) name: String,
    /// The first is the one that it was made with.
    pub(crate) cidrs: Vec<Cidr>,
    #[serde(default = "yes")]
    pub(crate) dns_support: bool,
    #[serde(default = "yes")]
    pub(crate) dns_hostnames: bool,
    /// Another account, which shares it with this one and shows neither its routes nor its endpoints.
    pub(crate) owner: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Subnet {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) vpc: String,
    pub(crate) cidr: Cidr,
    /// `a`, `b`, `c`.
    #[serde(default = "zone_a")]
    pub(crate) zone: String,
    /// Whether machines get a public address by themselves.
    #[serde(default)]
    pub(crate) public: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RouteTable {
    pub(crate) id: String,
    pub(crate) vpc: String,
    /// The one of the subnets that none is associated with.
    #[serde(default)]
    pub(crate) main: bool,
    #[serde(default)]
    pub(crate) subnets: Vec<String>,
    /// Without the local ones, which every table has.
    #[serde(default)]
    pub(crate) routes: Vec<Route>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Route {
    pub(crate) to: Cidr,
    /// `igw-…`, `nat-…`, `tgw-…`, `pcx-…`, `eni-…`, `vgw-…`.
    pub(crate) via: String,
    /// What it led to is gone.
    #[serde(default)]
    pub(crate) blackhole: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NatGateway {
    pub(crate) id: String,
    pub(crate) vpc: String,
    pub(crate) subnet: String,
    #[serde(default)]
    pub(crate) state: NatState,
    pub(crate) address: String,
    /// Why it failed: a code and a text.
    pub(crate) failure: Option<(String, String)>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum NatState {
    #[default]
    Available,
    Failed,
    Deleted,
}

impl NatState {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            NatState::Available => "available",
            NatState::Failed => "failed",
            NatState::Deleted => "deleted",
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Endpoint {
    pub(crate) id: String,
    pub(crate) vpc: String,
    /// `ssmmessages`.
    pub(crate) service: String,
    #[serde(default)]
    pub(crate) kind: EndpointKind,
    #[serde(default)]
    pub(crate) state: EndpointState,
    #[serde(default = "yes")]
    pub(crate) private_dns: bool,
    #[serde(default)]
    pub(crate) subnets: Vec<String>,
    #[serde(default)]
    pub(crate) groups: Vec<String>,
    /// Of a gateway endpoint.
    #[serde(default)]
    pub(crate) route_tables: Vec<String>,
    /// `None` allows everything to everybody.
    #[serde(default, deserialize_with = "policy")]
    pub(crate) policy: Option<Policy>,
}

fn policy<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Policy>, D::Error> {
    let text = String::deserialize(deserializer)?;
    Policy::parse(text.trim()).map(Some).map_err(de::Error::custom)
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum EndpointKind {
    #[default]
    Interface,
    Gateway,
}

impl EndpointKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            EndpointKind::Interface => "Interface",
            EndpointKind::Gateway => "Gateway",
        }
    }
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum EndpointState {
    #[default]
    Available,
    PendingAcceptance,
    Rejected,
    Failed,
}

impl EndpointState {
    /// As EC2 answers; its model spells them with capitals.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            EndpointState::Available => "available",
            EndpointState::PendingAcceptance => "pendingAcceptance",
            EndpointState::Rejected => "rejected",
            EndpointState::Failed => "failed",
        }
    }
}

/// A security group.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Group {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) vpc: String,
    #[serde(default)]
    pub(crate) ingress: Vec<Rule>,
    /// What EC2 gives a new group, where nothing is said.
    #[serde(default = "everything")]
    pub(crate) egress: Vec<Rule>,
}

/// One permission of a group: to or from a block of addresses, or another group.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    /// `tcp`, `udp`, `icmp`; `-1` is all.
    #[serde(default = "all_protocols")]
    pub(crate) protocol: String,
    /// From and to; `None` with `-1`.
    pub(crate) ports: Option<(u16, u16)>,
    pub(crate) peer: Peer,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Peer {
    Cidr(Cidr),
    Group(String),
}

/// A network access list.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Acl {
    pub(crate) id: String,
    pub(crate) vpc: String,
    /// The one of the subnets that none is associated with.
    #[serde(default)]
    pub(crate) default: bool,
    #[serde(default)]
    pub(crate) subnets: Vec<String>,
    /// Besides the last one, which denies all.
    pub(crate) entries: Vec<AclEntry>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AclEntry {
    pub(crate) number: u16,
    pub(crate) egress: bool,
    pub(crate) allow: bool,
    pub(crate) cidr: Cidr,
    /// Of TCP; `None`: all protocols and ports.
    pub(crate) ports: Option<(u16, u16)>,
}

/// An elastic address.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    pub(crate) allocation: String,
    pub(crate) address: String,
    /// The association's id, and the instance's.
    pub(crate) association: Option<(String, String)>,
}

fn yes() -> bool {
    true
}

fn zone_a() -> String {
    "a".to_owned()
}

fn all_protocols() -> String {
    "-1".to_owned()
}

fn everything() -> Vec<Rule> {
    let all = "0.0.0.0/0".parse().expect("the block of all addresses");
    vec![Rule { protocol: all_protocols(), ports: None, peer: Peer::Cidr(all) }]
}

impl Network {
    pub(crate) fn vpc(&self, id: &str) -> Option<&Vpc> {
        self.vpcs.iter().find(|vpc| vpc.id == id)
    }

    pub(crate) fn subnet(&self, id: &str) -> Option<&Subnet> {
        self.subnets.iter().find(|subnet| subnet.id == id)
    }

    pub(crate) fn group(&self, id: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.id == id)
    }

    /// The table that a subnet's traffic follows.
    pub(crate) fn routes_of(&self, subnet: &Subnet) -> Option<&RouteTable> {
        let own = self.route_tables.iter().find(|table| table.subnets.contains(&subnet.id));
        own.or_else(|| self.route_tables.iter().find(|table| table.main && table.vpc == subnet.vpc))
    }

    /// The gateway endpoints that a table leads to.
    pub(crate) fn gateways_of(&self, table: &RouteTable) -> impl Iterator<Item = &Endpoint> {
        self.endpoints.iter().filter(|endpoint| {
            endpoint.kind == EndpointKind::Gateway && endpoint.route_tables.contains(&table.id)
        })
    }

    /// The list that guards a subnet.
    pub(crate) fn acl_of(&self, subnet: &Subnet) -> Option<&Acl> {
        let own = self.acls.iter().find(|acl| acl.subnets.contains(&subnet.id));
        own.or_else(|| self.acls.iter().find(|acl| acl.default && acl.vpc == subnet.vpc))
    }
}
