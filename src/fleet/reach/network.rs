//! The way out (L3): does this subnet, with these groups, lead to a service on 443? A pure evaluation of endpoints, private DNS,
//! routes, groups and network ACLs, in the order of diagnosis 2.4. What can't be seen leaves the question open: it is neither a
//! finding nor a clean bill.

use std::net::Ipv4Addr;

use super::plan::{default_route, is_for, table_of};
use super::trust::{self, Passage};
use super::{Call, Context};
use crate::fleet::evidence::{
    AclEntry, AddressRange, Endpoint, EndpointKind, EndpointState, Network, Peer, Protocol, Route,
    RouteState, RouteTarget, Rule, SecurityGroup,
};
use crate::fleet::instance::Instance;
use crate::fleet::record::{Fact, MachineRecord};

/// HTTPS, and the websocket of the channels.
const PORT: u16 = 443;
/// Answers come back to one of these.
const EPHEMERAL: (u16, u16) = (1024, 65_535);
/// The number of the entry that every network ACL ends with, which denies all.
const LAST_ENTRY: i32 = 32_767;
/// What stands for a service of AWS in the judgement of ranges: outside all private ones.
const OUTSIDE: AddressRange = AddressRange::ALL;

/// What stands in the way to one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Block {
    /// No default route, and no endpoint.
    NoRoute { subnet: String, table: String },
    /// A route to an internet gateway, and no public address.
    NoAddress { gateway: String },
    /// A route, gateway or endpoint that doesn't work; what, and in which state.
    Dead { what: String, state: String },
    /// No group of the endpoint admits the instance.
    Endpoint { id: String, groups: Vec<String>, admits: Vec<String> },
    /// The endpoint is there, and its name leads elsewhere.
    Names { endpoint: String, vpc: Option<String> },
    /// No group of the instance lets 443 out.
    Egress { groups: Vec<String> },
    /// The network ACL denies one direction, or both.
    Acl { id: String, closed: Vec<ClosedDirection> },
    /// The endpoint's policy allows nothing of the service.
    Policy { endpoint: String },
}

/// A direction that a network ACL denies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ClosedDirection {
    /// 443 out, else the answers in.
    pub(super) outbound: bool,
    /// A free number for an entry before the one that denies; none when there is none.
    pub(super) free: Option<i32>,
}

/// Where the way to one service ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// It leads there; by what.
    Open(String),
    /// It doesn't; why.
    Blocked(Block),
    /// It leads on to where nothing is seen from here.
    OutOfSight(String),
    /// It may be fine or not: a limit that can't be judged, in words.
    Doubtful(String),
    /// It can't be told; the call that wasn't answered, or nothing when it wasn't asked about.
    NotChecked(Option<Call>),
}

/// The ways to the two services that sessions need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ways {
    /// To `ssm`: registration and heartbeat.
    pub(super) ssm: Way,
    /// To `ssmmessages`: the channels.
    pub(super) channels: Way,
}

impl Ways {
    /// Judges what was read of the network of an instance.
    pub(super) fn judge(instance: &Instance, network: &Network, context: &Context) -> Self {
        let region = instance.place.region.as_deref().or(context.region.as_deref()).unwrap_or_default();
        let Some(machine) = instance.machine.seen() else {
            return Self { ssm: Way::NotChecked(None), channels: Way::NotChecked(None) };
        };
        let path = Path { machine, network, region };
        Self { ssm: path.to("ssm"), channels: path.to("ssmmessages") }
    }
}

/// The way to another service: `s3`, `logs`.
pub(super) fn way_to(instance: &Instance, network: &Network, context: &Context, service: &str) -> Way {
    let region = instance.place.region.as_deref().or(context.region.as_deref()).unwrap_or_default();
    match instance.machine.seen() {
        Some(machine) => Path { machine, network, region }.to(service),
        None => Way::NotChecked(None),
    }
}

/// One instance's place in its network.
struct Path<'a> {
    machine: &'a MachineRecord,
    network: &'a Network,
    region: &'a str,
}

/// Reads a fact, or ends the judgement with the call that would have given it.
macro_rules! known {
    ($fact:expr, $call:expr) => {
        match $fact {
            Fact::Known { value, .. } => value,
            _ => return Way::NotChecked(Some($call)),
        }
    };
}

impl Path<'_> {
    fn to(&self, service: &str) -> Way {
        let Some(subnet) = self.machine.subnet.as_deref() else { return Way::NotChecked(None) };
        // A subnet that another account shares shows neither its routes nor its endpoints.
        match &self.network.subnet {
            Fact::Known { value: None, .. } => {
                return Way::OutOfSight(format!("{subnet}, which isn't this account's"));
            }
            Fact::Known { value: Some(seen), .. }
                if self.machine.account.as_deref().is_some_and(|account| *account != *seen.owner) =>
            {
                return Way::OutOfSight(format!("{subnet}, which account {} shares", seen.owner));
            }
            _ => {}
        }
        let endpoints = known!(&self.network.endpoints, Call::Endpoints);
        let mut own: Vec<&Endpoint> = endpoints
            .iter()
            .filter(|one| one.kind == EndpointKind::Interface && is_for(one, self.region, service))
            .collect();
        // One that works goes before one that doesn't.
        own.sort_by_key(|endpoint| (endpoint.state != EndpointState::Available, !endpoint.private_dns));
        match own.first() {
            Some(endpoint) if endpoint.state == EndpointState::Available => {
                if !endpoint.private_dns {
                    return self.unless_by_internet(
                        subnet,
                        Block::Names { endpoint: endpoint.id.clone(), vpc: None },
                    );
                }
                let vpc = known!(&self.network.vpc, Call::VpcAttributes);
                if !(vpc.dns_support && vpc.dns_hostnames) {
                    let block = Block::Names { endpoint: endpoint.id.clone(), vpc: Some(vpc.id.clone()) };
                    return self.unless_by_internet(subnet, block);
                }
                self.by_endpoint(endpoint, subnet, service)
            }
            Some(endpoint) => {
                let state = match &endpoint.state {
                    EndpointState::Broken(word) => word.clone(),
                    _ => "pending".to_owned(),
                };
                let block = Block::Dead { what: format!("endpoint {}", endpoint.id), state };
                self.unless_by_internet(subnet, block)
            }
            None => match self.gateway(endpoints, subnet, service) {
                Some(gateway) => self.by_gateway(gateway, subnet, service),
                None => self.by_internet(subnet),
            },
        }
    }

    /// The gateway endpoint of a service that the subnet's table leads to: S3's, most of the time.
    fn gateway<'b>(&self, endpoints: &'b [Endpoint], subnet: &str, service: &str) -> Option<&'b Endpoint> {
        let tables = self.network.route_tables.value()?;
        let table = table_of(tables, subnet)?;
        let leads = |id: &str| {
            let target = |route: &Route| matches!(&route.target, RouteTarget::Endpoint(to) if to == id);
            table.routes.iter().any(|route| route.state == RouteState::Active && target(route))
        };
        endpoints.iter().find(|one| {
            one.kind == EndpointKind::Gateway && is_for(one, self.region, service) && leads(&one.id)
        })
    }

    fn by_gateway(&self, endpoint: &Endpoint, subnet: &str, service: &str) -> Way {
        let groups = known!(&self.network.security_groups, Call::SecurityGroups);
        if let Err(way) = self.egress(groups, None) {
            return way;
        }
        if let Err(way) = self.acl(subnet, false) {
            return way;
        }
        match trust::passage(endpoint.policy.as_deref(), service) {
            Passage::Free => Way::Open(format!("endpoint {}", endpoint.id)),
            Passage::Limited => {
                Way::Doubtful(format!("the policy of {} doesn't give full access", endpoint.id))
            }
            Passage::Closed => Way::Blocked(Block::Policy { endpoint: endpoint.id.clone() }),
        }
    }

    /// The endpoint is of no use: then its name leads to the public address, which a route may still reach.
    fn unless_by_internet(&self, subnet: &str, block: Block) -> Way {
        match self.by_internet(subnet) {
            Way::Blocked(Block::NoRoute { .. }) => Way::Blocked(block),
            other => other,
        }
    }

    fn by_endpoint(&self, endpoint: &Endpoint, subnet: &str, service: &str) -> Way {
        let groups = known!(&self.network.security_groups, Call::SecurityGroups);
        let mut doubt = None;
        let theirs = members(groups, &endpoint.groups);
        let own: Vec<String> = self.machine.security_groups.iter().map(|group| group.to_string()).collect();
        // A group that wasn't described leaves it open whether it would have let us through.
        let is_whole = theirs.len() == endpoint.groups.len();
        match self.admission(&theirs, &own) {
            Admission::Yes => {}
            Admission::No if is_whole => {
                return Way::Blocked(Block::Endpoint {
                    id: endpoint.id.clone(),
                    groups: endpoint.groups.clone(),
                    admits: admitted(&theirs),
                });
            }
            Admission::No => return Way::NotChecked(Some(Call::SecurityGroups)),
            Admission::Perhaps(what) => doubt = Some(what),
        }
        match self.egress(groups, Some(&endpoint.groups)) {
            Ok(()) => {}
            Err(Way::Doubtful(what)) => doubt = Some(what),
            Err(other) => return other,
        }
        match self.acl(subnet, true) {
            Ok(()) => {}
            Err(other @ Way::Blocked(_)) => return other,
            Err(other) => return other,
        }
        match trust::passage(endpoint.policy.as_deref(), service) {
            Passage::Free => {}
            Passage::Limited => {
                doubt = Some(format!("the policy of {} doesn't give full access", endpoint.id));
            }
            Passage::Closed => return Way::Blocked(Block::Policy { endpoint: endpoint.id.clone() }),
        }
        match doubt {
            Some(what) => Way::Doubtful(what),
            None => Way::Open(format!("endpoint {}", endpoint.id)),
        }
    }

    fn by_internet(&self, subnet: &str) -> Way {
        let tables = known!(&self.network.route_tables, Call::RouteTables);
        // Without any table the list isn't that of this VPC.
        let Some(table) = table_of(tables, subnet) else { return Way::NotChecked(Some(Call::RouteTables)) };
        let Some(route) = default_route(table) else {
            return match table.routes.iter().find(|route| leads_elsewhere(route)) {
                Some(route) => Way::OutOfSight(name(&route.target).to_owned()),
                None => Way::Blocked(Block::NoRoute { subnet: subnet.to_owned(), table: table.id.clone() }),
            };
        };
        if route.state == RouteState::Blackhole {
            let what = format!("the default route of {} to {}", table.id, name(&route.target));
            return Way::Blocked(Block::Dead { what, state: "blackhole".to_owned() });
        }
        let by = match &route.target {
            RouteTarget::InternetGateway(gateway) if self.machine.public_ip.is_some() => gateway.clone(),
            RouteTarget::InternetGateway(gateway) => {
                return Way::Blocked(Block::NoAddress { gateway: gateway.clone() });
            }
            RouteTarget::NatGateway(id) => {
                let gateways = known!(&self.network.nat_gateways, Call::NatGateways);
                match gateways.iter().find(|gateway| gateway.id == *id) {
                    Some(gateway) if gateway.state != "available" => {
                        let state = match &gateway.failure {
                            Some(why) => format!("{} ({why})", gateway.state),
                            None => gateway.state.clone(),
                        };
                        return Way::Blocked(Block::Dead { what: format!("NAT gateway {id}"), state });
                    }
                    Some(gateway) if !gateway.is_public => {
                        return Way::OutOfSight(format!("{id}, a private NAT gateway"));
                    }
                    Some(_) => id.clone(),
                    None => return Way::NotChecked(Some(Call::NatGateways)),
                }
            }
            other => return Way::OutOfSight(name(other).to_owned()),
        };
        let groups = known!(&self.network.security_groups, Call::SecurityGroups);
        if let Err(way) = self.egress(groups, None) {
            return way;
        }
        if let Err(way) = self.acl(subnet, false) {
            return way;
        }
        Way::Open(by)
    }

    /// Whether the instance's groups let 443 out, towards an endpoint's groups or the internet.
    fn egress(&self, groups: &[SecurityGroup], endpoint: Option<&[String]>) -> Result<(), Way> {
        let ids: Vec<String> = self.machine.security_groups.iter().map(|group| group.to_string()).collect();
        let own = members(groups, &ids);
        let mut limits = Vec::new();
        for rule in own.iter().flat_map(|group| &group.egress).filter(|rule| covers_port(rule)) {
            for peer in &rule.peers {
                match peer {
                    Peer::Cidr(cidr) if cidr.parse() == Ok(OUTSIDE) => return Ok(()),
                    Peer::Group(id) if endpoint.is_some_and(|groups| groups.contains(id)) => return Ok(()),
                    // Towards an endpoint, whose addresses aren't known here, a range may be enough.
                    Peer::Cidr(cidr) if cidr.parse::<AddressRange>().is_ok() => limits.push(cidr.clone()),
                    Peer::PrefixList(id) => limits.push(id.clone()),
                    Peer::Cidr(_) | Peer::Group(_) => {}
                }
            }
        }
        if !limits.is_empty() {
            return Err(Way::Doubtful(format!("its groups let 443 out to {} only", limits.join(", "))));
        }
        if own.len() < ids.len() || ids.is_empty() {
            return Err(Way::NotChecked(Some(Call::SecurityGroups)));
        }
        Err(Way::Blocked(Block::Egress { groups: ids }))
    }

    /// Whether an endpoint's groups admit 443 from the instance.
    fn admission(&self, theirs: &[&SecurityGroup], own: &[String]) -> Admission {
        let address = self.machine.private_ip.as_deref().and_then(|ip| ip.parse::<Ipv4Addr>().ok());
        let mut perhaps = None;
        for rule in theirs.iter().flat_map(|group| &group.ingress).filter(|rule| covers_port(rule)) {
            for peer in &rule.peers {
                match peer {
                    Peer::Group(id) if own.contains(id) => return Admission::Yes,
                    Peer::Cidr(cidr) => match (cidr.parse::<AddressRange>(), address) {
                        (Ok(AddressRange::ALL), _) => return Admission::Yes,
                        (Ok(range), Some(address)) if range.contains(AddressRange::one(address)) => {
                            return Admission::Yes;
                        }
                        (Ok(_), None) => {
                            perhaps =
                                Some(format!("the endpoint admits {cidr}; this one's address isn't known"))
                        }
                        _ => {}
                    },
                    Peer::PrefixList(id) => perhaps = Some(format!("the endpoint admits prefix list {id}")),
                    Peer::Group(_) => {}
                }
            }
        }
        perhaps.map_or(Admission::No, Admission::Perhaps)
    }

    /// The subnet's network ACL: 443 out, and answers in.
    fn acl(&self, subnet: &str, is_private: bool) -> Result<(), Way> {
        let Fact::Known { value: acls, .. } = &self.network.acls else {
            return Err(Way::NotChecked(Some(Call::NetworkAcls)));
        };
        let Some(acl) = acls.iter().find(|acl| acl.subnets.iter().any(|id| id == subnet)) else {
            return Err(Way::NotChecked(Some(Call::NetworkAcls)));
        };
        let (mut closed, mut doubt) = (Vec::new(), None);
        for outbound in [true, false] {
            let ports = if outbound { (PORT, PORT) } else { EPHEMERAL };
            let mut entries: Vec<&AclEntry> = acl
                .entries
                .iter()
                .filter(|entry| entry.egress == outbound && entry.protocol != Protocol::Other)
                .filter(|entry| entry.ports.is_none_or(|(from, to)| from <= ports.1 && ports.0 <= to))
                .collect();
            entries.sort_by_key(|entry| entry.number);
            let decides = entries.iter().find_map(|entry| {
                let range = entry.cidr.parse::<AddressRange>().ok()?;
                let is_all = range == AddressRange::ALL;
                // A part of the ports or of the addresses that is denied leaves the rest; a part that is allowed may be
                // the one that matters.
                let is_whole = entry.ports.is_none_or(|(from, to)| from <= ports.0 && ports.1 <= to);
                match entry.allows {
                    true if is_all || is_private || entry.ports.is_some() => Some((true, entry.number)),
                    false if is_all && is_whole => Some((false, entry.number)),
                    _ => None,
                }
            });
            let denies = match decides {
                Some((true, _)) => continue,
                Some((false, number)) => number,
                None if entries.iter().any(|entry| entry.allows) => {
                    doubt = Some(format!("network ACL {} allows a part of the addresses only", acl.id));
                    continue;
                }
                None => LAST_ENTRY,
            };
            let taken = acl.entries.iter().filter(|entry| entry.egress == outbound);
            let free = free_number(taken.map(|entry| entry.number), denies);
            closed.push(ClosedDirection { outbound, free });
        }
        match doubt {
            _ if !closed.is_empty() => Err(Way::Blocked(Block::Acl { id: acl.id.clone(), closed })),
            Some(why) => Err(Way::Doubtful(why)),
            None => Ok(()),
        }
    }
}

/// A group for an endpoint that is to be made: one that lets the instance in, those of endpoints before its own.
pub(super) fn admitting_group(machine: &MachineRecord, network: &Network) -> Option<String> {
    let path = Path { machine, network, region: "" };
    let groups = network.security_groups.value()?;
    let own: Vec<String> = machine.security_groups.iter().map(|group| group.to_string()).collect();
    let endpoints = network.endpoints.value().map(Vec::as_slice).unwrap_or_default();
    let admits = |id: &&String| {
        matches!(path.admission(&members(groups, std::slice::from_ref(*id)), &own), Admission::Yes)
    };
    endpoints.iter().flat_map(|endpoint| &endpoint.groups).chain(&own).find(admits).cloned()
}

/// The smallest free number before an entry that comes after all others before it, so that it overrules none of them; where
/// there is no such gap, the last that is free.
fn free_number(taken: impl Iterator<Item = i32>, before: i32) -> Option<i32> {
    let taken: Vec<i32> = taken.filter(|number| *number < before).collect();
    let next = taken.iter().max().map_or(1, |last| last + 1);
    if next < before { Some(next) } else { (1..before).rev().find(|number| !taken.contains(number)) }
}

/// Whether an endpoint lets an instance in.
enum Admission {
    Yes,
    No,
    /// By a rule that can't be judged; which.
    Perhaps(String),
}

fn members<'a>(groups: &'a [SecurityGroup], ids: &[String]) -> Vec<&'a SecurityGroup> {
    groups.iter().filter(|group| ids.contains(&group.id)).collect()
}

/// Whom the groups admit on 443, for the evidence.
fn admitted(groups: &[&SecurityGroup]) -> Vec<String> {
    let mut found = Vec::new();
    for peer in groups
        .iter()
        .flat_map(|group| &group.ingress)
        .filter(|rule| covers_port(rule))
        .flat_map(|rule| &rule.peers)
    {
        let (Peer::Cidr(text) | Peer::Group(text) | Peer::PrefixList(text)) = peer;
        if !found.contains(text) {
            found.push(text.clone());
        }
    }
    found
}

fn covers_port(rule: &Rule) -> bool {
    match rule.protocol {
        Protocol::All => true,
        Protocol::Tcp => rule.ports.is_none_or(|(from, to)| (from..=to).contains(&PORT)),
        Protocol::Other => false,
    }
}

/// A route to another network, where an endpoint for all may stand.
fn leads_elsewhere(route: &Route) -> bool {
    route.state == RouteState::Active
        && matches!(
            route.target,
            RouteTarget::TransitGateway(_)
                | RouteTarget::VirtualPrivateGateway(_)
                | RouteTarget::Peering(_)
                | RouteTarget::NetworkInterface(_)
                | RouteTarget::EgressOnlyGateway(_)
                | RouteTarget::Other(_)
        )
}

fn name(target: &RouteTarget) -> &str {
    match target {
        RouteTarget::Local => "local",
        RouteTarget::InternetGateway(id)
        | RouteTarget::EgressOnlyGateway(id)
        | RouteTarget::NatGateway(id)
        | RouteTarget::TransitGateway(id)
        | RouteTarget::VirtualPrivateGateway(id)
        | RouteTarget::Peering(id)
        | RouteTarget::NetworkInterface(id)
        | RouteTarget::Endpoint(id)
        | RouteTarget::Other(id) => id,
    }
}
