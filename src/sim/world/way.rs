//! Whether a machine comes through to one of AWS's services, by the network's facts alone.
//!
//! ```text
//!  a name ─ resolver on? ─ private DNS of an endpoint? ─▶ egress ─ lists ─ the endpoint's groups ─▶ there
//!                        └ no: a public address ─ egress ─ list ─ route ─▶ igw + public address │ nat │ beyond
//! ```
//!
//! Written from the VPC and PrivateLink user guides. Pure. Must not know: who calls, and whether the call would be allowed.

use std::net::{IpAddr, Ipv4Addr};

use super::network::{Acl, Endpoint, EndpointKind, EndpointState, Network, Peer, Rule, Site, Subnet, Vpc};

/// Services speak TLS.
const PORT: u16 = 443;
/// A port that answers come back to; the ephemeral ranges of all systems hold it.
const EPHEMERAL: u16 = 50_000;
/// Where AWS's public endpoints are; for blocks of addresses any address outside of the VPCs does.
const PUBLIC: IpAddr = IpAddr::V4(Ipv4Addr::new(52, 94, 5, 1));

/// A machine, as the network sees it.
pub(super) struct Standing<'a> {
    pub(super) site: &'a Site,
    pub(super) address: IpAddr,
    /// Whether it has a public address as well.
    pub(super) public: bool,
}

/// A way to a service.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way<'a> {
    /// Over a private line, whose policy may still refuse.
    Endpoint(&'a Endpoint),
    Internet,
}

impl Network {
    /// The way from a machine to a service (`ssm`), if there is one.
    pub(super) fn way(&self, from: &Standing<'_>, service: &str) -> Option<Way<'_>> {
        let subnet = self.subnet(&from.site.subnet)?;
        let vpc = self.vpc(&subnet.vpc)?;
        if !vpc.dns_support {
            return None;
        }
        if let Some(endpoint) = self.private(vpc, service) {
            // The name now means the endpoint, and nothing else.
            return self.reaches(from, subnet, endpoint).then_some(Way::Endpoint(endpoint));
        }
        let leaves = self.lets_out(from, PUBLIC, &[]) && self.passes(subnet, PUBLIC);
        let gateway = || {
            let table = self.routes_of(subnet)?;
            self.gateways_of(table).find(|endpoint| endpoint.service == service)
        };
        match gateway() {
            _ if !leaves => None,
            Some(endpoint) => Some(Way::Endpoint(endpoint)),
            None => self.leads_out(subnet, from.public).then_some(Way::Internet),
        }
    }

    /// The endpoint that a service's name leads to inside of a VPC.
    fn private(&self, vpc: &Vpc, service: &str) -> Option<&Endpoint> {
        self.endpoints.iter().find(|endpoint| {
            endpoint.vpc == vpc.id
                && endpoint.service == service
                && endpoint.kind == EndpointKind::Interface
                && endpoint.state == EndpointState::Available
                && endpoint.private_dns
                && vpc.dns_hostnames
        })
    }

    fn reaches(&self, from: &Standing<'_>, subnet: &Subnet, endpoint: &Endpoint) -> bool {
        let admitted = endpoint
            .groups
            .iter()
            .filter_map(|id| self.group(id))
            .any(|group| group.ingress.iter().any(|rule| permits(rule, from.address, &from.site.groups)));
        // Any of its addresses will do: the client tries them all.
        let through = endpoint.subnets.iter().filter_map(|id| self.subnet(id)).any(|there| {
            let address = first_address(there);
            self.lets_out(from, address, &endpoint.groups)
                && (there.id == subnet.id
                    || (self.passes(subnet, address) && self.takes(there, from.address)))
        });
        admitted && through
    }

    /// Whether the machine's groups let it call an address.
    fn lets_out(&self, from: &Standing<'_>, address: IpAddr, groups: &[String]) -> bool {
        (from.site.groups.iter().filter_map(|id| self.group(id)))
            .any(|group| group.egress.iter().any(|rule| permits(rule, address, groups)))
    }

    /// Whether a subnet's list lets calls out, and their answers in.
    fn passes(&self, subnet: &Subnet, address: IpAddr) -> bool {
        self.acl_of(subnet)
            .is_none_or(|acl| acl.allows(true, address, PORT) && acl.allows(false, address, EPHEMERAL))
    }

    /// Whether a subnet's list lets calls in, and their answers out.
    fn takes(&self, subnet: &Subnet, address: IpAddr) -> bool {
        self.acl_of(subnet)
            .is_none_or(|acl| acl.allows(false, address, PORT) && acl.allows(true, address, EPHEMERAL))
    }

    /// Whether a subnet's routes lead to the internet.
    fn leads_out(&self, subnet: &Subnet, public: bool) -> bool {
        let Some(table) = self.routes_of(subnet) else { return false };
        let routes = table.routes.iter().filter(|route| route.to.contains(PUBLIC));
        let Some(route) = routes.max_by_key(|route| route.to.bits()) else { return false };
        if route.blackhole {
            return false;
        }
        match route.via.split('-').next() {
            Some("igw") => public,
            Some("nat") => {
                (self.nat_gateways.iter()).find(|gateway| gateway.id == route.via).is_some_and(|gateway| {
                    gateway.state == super::network::NatState::Available
                        && gateway.subnet != subnet.id
                        && self.subnet(&gateway.subnet).is_some_and(|subnet| self.leads_out(subnet, true))
                })
            }
            _ => self.beyond.get(&route.via).copied().unwrap_or(false),
        }
    }
}

impl Acl {
    fn allows(&self, egress: bool, address: IpAddr, port: u16) -> bool {
        (self.entries.iter())
            .filter(|entry| entry.egress == egress && entry.cidr.contains(address))
            .filter(|entry| entry.ports.is_none_or(|(from, to)| (from..=to).contains(&port)))
            .min_by_key(|entry| entry.number)
            .is_some_and(|entry| entry.allow)
    }
}

/// Whether a rule permits calls with the other side, which has these groups.
fn permits(rule: &Rule, address: IpAddr, groups: &[String]) -> bool {
    let protocol = rule.protocol == "-1" || rule.protocol == "tcp";
    protocol
        && rule.ports.is_none_or(|(from, to)| (from..=to).contains(&PORT))
        && match &rule.peer {
            Peer::Cidr(block) => block.contains(address),
            Peer::Group(id) => groups.contains(id),
        }
}

/// An address in a subnet, for an endpoint's interface.
pub(super) fn first_address(subnet: &Subnet) -> IpAddr {
    match subnet.cidr.first() {
        IpAddr::V4(first) => IpAddr::V4(Ipv4Addr::from(u32::from(first).wrapping_add(10))),
        first => first,
    }
}
