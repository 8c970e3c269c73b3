//! The way out of one VPC: each description asked for once, however many instances stand there.

use aws_sdk_ec2::types as ec2;

use super::{Client, answers::Answer, fact, task};
use crate::fleet::evidence::{
    AclEntry, Call, Endpoint, EndpointKind, EndpointState, NatGateway, NetworkAcl, Peer, Piece, Protocol,
    Route, RouteState, RouteTable, RouteTarget, Rule, SecurityGroup, Subnet, Vpc,
};

/// All rows of a description, filtered, as the fact of a piece; asked once for what it is about.
macro_rules! described {
    ($self:ident, $call:expr, $verb:literal, $operation:ident.$filters:ident($filter:literal, $values:expr), $row:path, $piece:path) => {{
        let values: Vec<String> = $values;
        let ask = async {
            let filter = ec2::Filter::builder().name($filter).set_values(Some(values.clone())).build();
            let ask = $self.0.ec2.$operation().$filters(filter).into_paginator().items().send();
            let answer = $self.ask(&task($verb, $call.action()), ask.collect::<Result<Vec<_>, _>>()).await;
            fact($call, answer.map(|rows| rows.into_iter().map($row).collect()), $piece)
        };
        $self.0.answers.once($call, &values.join(","), ask).await
    }};
}

impl Client {
    pub(super) async fn subnet(&self, id: &str) -> Answer {
        let first = |fact: crate::fleet::record::Fact<Vec<Subnet>>| Piece::Subnet(first(fact));
        let values = vec![id.to_owned()];
        described!(
            self,
            Call::Subnet,
            "read the subnet",
            describe_subnets.filters("subnet-id", values),
            subnet,
            first
        )
    }

    pub(super) async fn vpc(&self, id: &str) -> Answer {
        let call = Call::VpcAttributes;
        let ask = async {
            let attribute = |name| {
                let ask = self.0.ec2.describe_vpc_attribute().vpc_id(id).attribute(name);
                async move { self.ask(&task("read the VPC's DNS settings", call.action()), ask.send()).await }
            };
            let support = attribute(ec2::VpcAttributeName::EnableDnsSupport).await;
            let both = match support {
                Ok(support) => attribute(ec2::VpcAttributeName::EnableDnsHostnames).await.map(|names| Vpc {
                    id: id.to_owned(),
                    dns_support: is_on(support.enable_dns_support),
                    dns_hostnames: is_on(names.enable_dns_hostnames),
                }),
                Err(unanswered) => Err(unanswered),
            };
            fact(call, both, Piece::Vpc)
        };
        self.0.answers.once(call, id, ask).await
    }

    pub(super) async fn route_tables(&self, vpc: &str) -> Answer {
        let call = Call::RouteTables;
        let values = vec![vpc.to_owned()];
        described!(
            self,
            call,
            "read the routes",
            describe_route_tables.filters("vpc-id", values),
            table,
            Piece::RouteTables
        )
    }

    pub(super) async fn endpoints(&self, vpc: &str) -> Answer {
        let call = Call::Endpoints;
        let values = vec![vpc.to_owned()];
        described!(
            self,
            call,
            "read the VPC's endpoints",
            describe_vpc_endpoints.filters("vpc-id", values),
            endpoint,
            Piece::Endpoints
        )
    }

    pub(super) async fn network_acls(&self, vpc: &str) -> Answer {
        let call = Call::NetworkAcls;
        let values = vec![vpc.to_owned()];
        described!(
            self,
            call,
            "read the network ACLs",
            describe_network_acls.filters("vpc-id", values),
            acl,
            Piece::NetworkAcls
        )
    }

    pub(super) async fn security_groups(&self, ids: Vec<String>) -> Answer {
        let call = Call::SecurityGroups;
        described!(
            self,
            call,
            "read the security groups",
            describe_security_groups.filters("group-id", ids),
            group,
            Piece::SecurityGroups
        )
    }

    pub(super) async fn nat_gateways(&self, ids: Vec<String>) -> Answer {
        let call = Call::NatGateways;
        described!(
            self,
            call,
            "read the NAT gateways",
            describe_nat_gateways.filter("nat-gateway-id", ids),
            nat,
            Piece::NatGateways
        )
    }
}

/// One row, or that there is none.
fn first<T>(rows: crate::fleet::record::Fact<Vec<T>>) -> crate::fleet::record::Fact<Option<T>> {
    use crate::fleet::record::Fact;
    match rows {
        Fact::Known { value, at } => Fact::Known { value: value.into_iter().next(), at },
        Fact::Denied { action } => Fact::Denied { action },
        Fact::Failed(why) => Fact::Failed(why),
        Fact::NotAsked => Fact::NotAsked,
    }
}

fn is_on(value: Option<ec2::AttributeBooleanValue>) -> bool {
    value.and_then(|value| value.value).unwrap_or_default()
}

fn subnet(row: ec2::Subnet) -> Subnet {
    Subnet {
        id: row.subnet_id.unwrap_or_default(),
        owner: row.owner_id.unwrap_or_default(),
        vpc: row.vpc_id.unwrap_or_default(),
        cidr: row.cidr_block.unwrap_or_default(),
        gives_public_ip: row.map_public_ip_on_launch.unwrap_or_default(),
    }
}

fn table(row: ec2::RouteTable) -> RouteTable {
    let associations = row.associations.unwrap_or_default();
    RouteTable {
        id: row.route_table_id.unwrap_or_default(),
        is_main: associations.iter().any(|association| association.main == Some(true)),
        subnets: associations.into_iter().filter_map(|association| association.subnet_id).collect(),
        routes: row.routes.unwrap_or_default().into_iter().map(route).collect(),
    }
}

fn route(row: ec2::Route) -> Route {
    let gateway = |id: String| match id.split_once('-').map_or(id.as_str(), |(kind, _)| kind) {
        "local" => RouteTarget::Local,
        "igw" => RouteTarget::InternetGateway(id),
        "vgw" => RouteTarget::VirtualPrivateGateway(id),
        "vpce" => RouteTarget::Endpoint(id),
        _ => RouteTarget::Other(id),
    };
    let target = row
        .gateway_id
        .map(gateway)
        .or(row.nat_gateway_id.map(RouteTarget::NatGateway))
        .or(row.transit_gateway_id.map(RouteTarget::TransitGateway))
        .or(row.vpc_peering_connection_id.map(RouteTarget::Peering))
        .or(row.egress_only_internet_gateway_id.map(RouteTarget::EgressOnlyGateway))
        .or(row.network_interface_id.map(RouteTarget::NetworkInterface))
        .or(row.instance_id.map(RouteTarget::NetworkInterface))
        .or(row.local_gateway_id.or(row.carrier_gateway_id).or(row.core_network_arn).map(RouteTarget::Other));
    let destination =
        row.destination_cidr_block.or(row.destination_ipv6_cidr_block).or(row.destination_prefix_list_id);
    Route {
        destination: destination.unwrap_or_default(),
        target: target.unwrap_or_else(|| RouteTarget::Other(String::new())),
        state: match row.state {
            Some(ec2::RouteState::Blackhole) => RouteState::Blackhole,
            _ => RouteState::Active,
        },
    }
}

fn endpoint(row: ec2::VpcEndpoint) -> Endpoint {
    Endpoint {
        id: row.vpc_endpoint_id.unwrap_or_default(),
        service: row.service_name.unwrap_or_default(),
        kind: match row.vpc_endpoint_type {
            Some(ec2::VpcEndpointType::Interface) => EndpointKind::Interface,
            Some(ec2::VpcEndpointType::Gateway) => EndpointKind::Gateway,
            _ => EndpointKind::Other,
        },
        state: EndpointState::from_wire(row.state.as_ref().map_or("", |state| state.as_str())),
        private_dns: row.private_dns_enabled.unwrap_or_default(),
        groups: row.groups.unwrap_or_default().into_iter().filter_map(|group| group.group_id).collect(),
        subnets: row.subnet_ids.unwrap_or_default(),
        policy: row.policy_document.filter(|policy| !policy.is_empty()),
    }
}

fn group(row: ec2::SecurityGroup) -> SecurityGroup {
    let rules =
        |rows: Option<Vec<ec2::IpPermission>>| rows.unwrap_or_default().into_iter().map(rule).collect();
    SecurityGroup {
        id: row.group_id.unwrap_or_default(),
        name: row.group_name.unwrap_or_default(),
        ingress: rules(row.ip_permissions),
        egress: rules(row.ip_permissions_egress),
    }
}

fn rule(row: ec2::IpPermission) -> Rule {
    let v4 = row.ip_ranges.unwrap_or_default().into_iter().filter_map(|range| range.cidr_ip).map(Peer::Cidr);
    let v6 =
        row.ipv6_ranges.unwrap_or_default().into_iter().filter_map(|range| range.cidr_ipv6).map(Peer::Cidr);
    let groups = row.user_id_group_pairs.unwrap_or_default().into_iter();
    let lists = row.prefix_list_ids.unwrap_or_default().into_iter();
    Rule {
        protocol: Protocol::from_wire(row.ip_protocol.as_deref().unwrap_or_default()),
        ports: ports(row.from_port, row.to_port),
        peers: v4
            .chain(v6)
            .chain(groups.filter_map(|pair| pair.group_id).map(Peer::Group))
            .chain(lists.filter_map(|list| list.prefix_list_id).map(Peer::PrefixList))
            .collect(),
    }
}

/// `-1`, and nothing at all, mean every port.
fn ports(from: Option<i32>, to: Option<i32>) -> Option<(u16, u16)> {
    Some((u16::try_from(from?).ok()?, u16::try_from(to?).ok()?))
}

fn acl(row: ec2::NetworkAcl) -> NetworkAcl {
    NetworkAcl {
        id: row.network_acl_id.unwrap_or_default(),
        is_default: row.is_default.unwrap_or_default(),
        subnets: row.associations.unwrap_or_default().into_iter().filter_map(|one| one.subnet_id).collect(),
        entries: row.entries.unwrap_or_default().into_iter().map(entry).collect(),
    }
}

fn entry(row: ec2::NetworkAclEntry) -> AclEntry {
    AclEntry {
        number: row.rule_number.unwrap_or(i32::MAX),
        egress: row.egress.unwrap_or_default(),
        allows: row.rule_action == Some(ec2::RuleAction::Allow),
        protocol: Protocol::from_wire(row.protocol.as_deref().unwrap_or_default()),
        cidr: row.cidr_block.or(row.ipv6_cidr_block).unwrap_or_default(),
        ports: row.port_range.and_then(|range| ports(range.from, range.to)),
    }
}

fn nat(row: ec2::NatGateway) -> NatGateway {
    NatGateway {
        id: row.nat_gateway_id.unwrap_or_default(),
        state: row.state.as_ref().map(|state| state.as_str().to_owned()).unwrap_or_default(),
        is_public: row.connectivity_type != Some(ec2::ConnectivityType::Private),
        failure: row.failure_message,
    }
}
