//! Changes of networks: endpoints, groups, routes, and a VPC's names.

use super::{answer, enter, new_id, truth, word};
use crate::sim::{
    api::{
        Context,
        ec2::{needed, network, no_vpc},
        error::ApiError,
        form::Form,
    },
    cidr::Cidr,
    policy::Policy,
    world::network::{AclEntry, Endpoint, EndpointKind, EndpointState, Group, Network, Peer, Route, Rule},
};

/// The services that there are endpoints for.
const INTERFACES: [&str; 9] =
    ["ssm", "ssmmessages", "ec2messages", "kms", "logs", "monitoring", "sts", "ec2", "s3"];
const GATEWAYS: [&str; 2] = ["s3", "dynamodb"];

fn invalid(text: String) -> ApiError {
    ApiError::common("InvalidParameter", text)
}

/// CreateVpcEndpoint.
pub(in crate::sim::api::ec2) fn create_vpc_endpoint(
    context: &Context<'_>,
    form: &Form,
) -> Result<String, ApiError> {
    const OPERATION: &str = "CreateVpcEndpoint";
    let known = [
        "VpcEndpointType",
        "VpcId",
        "ServiceName",
        "PolicyDocument",
        "RouteTableId",
        "SubnetId",
        "SecurityGroupId",
        "IpAddressType",
        "DnsOptions",
        "ClientToken",
        "PrivateDnsEnabled",
        "TagSpecification",
    ];
    enter(context, form, OPERATION, &known)?;
    let region = &context.api.options.region;
    let vpc = needed(form, "VpcId")?;
    let name = needed(form, "ServiceName")?;
    let kind = match word(form, "VpcEndpointType", &["Interface", "Gateway"])? {
        Some("Interface") => EndpointKind::Interface,
        _ => EndpointKind::Gateway,
    };
    let services: &[&str] = if kind == EndpointKind::Interface { &INTERFACES } else { &GATEWAYS };
    let service =
        name.strip_prefix(&format!("com.amazonaws.{region}.")).filter(|name| services.contains(name));
    let service = service.ok_or_else(|| {
        ApiError::common("InvalidServiceName", format!("The Vpc Endpoint Service '{name}' does not exist"))
    })?;
    // EC2 takes private DNS for granted where nothing is said, and the VPC's default group, which no VPC here has.
    let private_dns = truth(form, "PrivateDnsEnabled")?.unwrap_or(kind == EndpointKind::Interface);
    let policy = policy(form)?;
    let texts = |name| form.list(name).into_iter().map(str::to_owned).collect::<Vec<_>>();
    let endpoint = Endpoint {
        id: new_id("vpce"),
        vpc: vpc.to_owned(),
        service: service.to_owned(),
        kind,
        state: EndpointState::Available,
        private_dns,
        subnets: texts("SubnetId"),
        groups: texts("SecurityGroupId"),
        route_tables: texts("RouteTableId"),
        policy,
    };
    context.api.change(context.now, |world| {
        check(&world.network, &endpoint)?;
        world.network.endpoints.push(endpoint.clone());
        Ok(())
    })?;
    Ok(answer(context, OPERATION, |xml| {
        xml.element("vpcEndpoint", |xml| network::write_endpoint(context, xml, &endpoint));
    }))
}

/// Refuses an endpoint that does not fit where it shall stand.
fn check(network: &Network, endpoint: &Endpoint) -> Result<(), ApiError> {
    let vpc = network.vpc(&endpoint.vpc).ok_or_else(|| no_vpc(&endpoint.vpc))?;
    for id in &endpoint.subnets {
        if network.subnet(id).is_none_or(|subnet| subnet.vpc != vpc.id) {
            let text = format!("The subnet ID '{id}' does not exist");
            return Err(ApiError::common("InvalidSubnetID.NotFound", text));
        }
    }
    for id in &endpoint.groups {
        if network.group(id).is_none_or(|group| group.vpc != vpc.id) {
            let text = format!("The security group '{id}' does not exist");
            return Err(ApiError::common("InvalidSecurityGroupID.NotFound", text));
        }
    }
    if endpoint.kind != EndpointKind::Interface || !endpoint.private_dns {
        return Ok(());
    }
    if !(vpc.dns_support && vpc.dns_hostnames) {
        return Err(invalid(
            "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true"
                .to_owned(),
        ));
    }
    let twin = network.endpoints.iter().any(|other| {
        other.id != endpoint.id
            && other.vpc == endpoint.vpc
            && other.service == endpoint.service
            && other.private_dns
            && other.kind == EndpointKind::Interface
    });
    if twin {
        let service = &endpoint.service;
        return Err(invalid(format!(
            "private-dns-enabled cannot be set because there is already a conflicting DNS domain for {service} in the VPC {}",
            endpoint.vpc
        )));
    }
    Ok(())
}

fn policy(form: &Form) -> Result<Option<Policy>, ApiError> {
    let parse = |text: &str| {
        Policy::parse(text).map_err(|why| {
            ApiError::common("InvalidPolicyDocument", format!("Invalid policy document: {why}"))
        })
    };
    form.get("PolicyDocument").map(parse).transpose()
}

/// ModifyVpcEndpoint.
pub(in crate::sim::api::ec2) fn modify_vpc_endpoint(
    context: &Context<'_>,
    form: &Form,
) -> Result<String, ApiError> {
    const OPERATION: &str = "ModifyVpcEndpoint";
    let known = [
        "VpcEndpointId",
        "ResetPolicy",
        "PolicyDocument",
        "AddSubnetId",
        "RemoveSubnetId",
        "AddSecurityGroupId",
        "RemoveSecurityGroupId",
        "AddRouteTableId",
        "RemoveRouteTableId",
        "PrivateDnsEnabled",
    ];
    enter(context, form, OPERATION, &known)?;
    let id = needed(form, "VpcEndpointId")?;
    let (private_dns, reset) = (truth(form, "PrivateDnsEnabled")?, truth(form, "ResetPolicy")? == Some(true));
    let policy = policy(form)?;
    context.api.change(context.now, |world| {
        let network = &mut world.network;
        let at = network.endpoints.iter().position(|endpoint| endpoint.id == id).ok_or_else(|| {
            let text = format!("The Vpc Endpoint Id '{id}' does not exist");
            ApiError::common("InvalidVpcEndpointId.NotFound", text)
        })?;
        let mut endpoint = network.endpoints[at].clone();
        let edits = [
            (&mut endpoint.subnets, "SubnetId"),
            (&mut endpoint.groups, "SecurityGroupId"),
            (&mut endpoint.route_tables, "RouteTableId"),
        ];
        for (list, name) in edits {
            let (add, remove) = (form.list(&format!("Add{name}")), form.list(&format!("Remove{name}")));
            list.retain(|one| !remove.contains(&one.as_str()));
            let new = add.into_iter().filter(|one| !list.iter().any(|held| held == one)).map(str::to_owned);
            list.extend(new.collect::<Vec<_>>());
        }
        endpoint.private_dns = private_dns.unwrap_or(endpoint.private_dns);
        if reset || policy.is_some() {
            endpoint.policy = policy;
        }
        check(network, &endpoint)?;
        network.endpoints[at] = endpoint;
        Ok(())
    })?;
    Ok(answer(context, OPERATION, |xml| xml.text("return", "true")))
}

/// ModifyVpcAttribute: one attribute a call.
pub(in crate::sim::api::ec2) fn modify_vpc_attribute(
    context: &Context<'_>,
    form: &Form,
) -> Result<String, ApiError> {
    const OPERATION: &str = "ModifyVpcAttribute";
    enter(context, form, OPERATION, &["VpcId", "EnableDnsSupport", "EnableDnsHostnames"])?;
    let id = needed(form, "VpcId")?;
    let support = truth(form, "EnableDnsSupport.Value")?;
    let names = truth(form, "EnableDnsHostnames.Value")?;
    if support.is_some() == names.is_some() {
        let text = "Exactly one attribute must be modified in a call";
        return Err(ApiError::common("InvalidParameterCombination", text));
    }
    context.api.change(context.now, |world| {
        let vpc = world.network.vpcs.iter_mut().find(|vpc| vpc.id == id).ok_or_else(|| no_vpc(id))?;
        vpc.dns_support = support.unwrap_or(vpc.dns_support);
        vpc.dns_hostnames = names.unwrap_or(vpc.dns_hostnames);
        Ok(())
    })?;
    Ok(answer(context, OPERATION, |xml| xml.text("return", "true")))
}

/// AuthorizeSecurityGroupIngress.
pub(in crate::sim::api::ec2) fn authorize_security_group_ingress(
    context: &Context<'_>,
    form: &Form,
) -> Result<String, ApiError> {
    authorize(context, form, false)
}

/// AuthorizeSecurityGroupEgress.
pub(in crate::sim::api::ec2) fn authorize_security_group_egress(
    context: &Context<'_>,
    form: &Form,
) -> Result<String, ApiError> {
    authorize(context, form, true)
}

fn authorize(context: &Context<'_>, form: &Form, egress: bool) -> Result<String, ApiError> {
    let operation = if egress { "AuthorizeSecurityGroupEgress" } else { "AuthorizeSecurityGroupIngress" };
    let known =
        ["GroupId", "IpPermissions", "IpProtocol", "FromPort", "ToPort", "CidrIp", "TagSpecification"];
    enter(context, form, operation, &known)?;
    let id = needed(form, "GroupId")?;
    let rules = rules(form)?;
    context.api.change(context.now, |world| {
        let missing = |id: &str| {
            let text = format!("The security group '{id}' does not exist");
            ApiError::common("InvalidGroup.NotFound", text)
        };
        for rule in &rules {
            if let Peer::Group(peer) = &rule.peer
                && world.network.group(peer).is_none()
            {
                return Err(missing(peer));
            }
        }
        let group: &mut Group =
            world.network.groups.iter_mut().find(|group| group.id == id).ok_or_else(|| missing(id))?;
        let held = if egress { &mut group.egress } else { &mut group.ingress };
        for rule in &rules {
            if held.contains(rule) {
                let text = "the specified rule already exists in the security group";
                return Err(ApiError::common("InvalidPermission.Duplicate", text));
            }
            held.push(rule.clone());
        }
        Ok(())
    })?;
    Ok(answer(context, operation, |xml| {
        xml.text("return", "true");
        xml.element("securityGroupRuleSet", |xml| {
            for rule in &rules {
                xml.element("item", |xml| {
                    xml.text("securityGroupRuleId", &new_id("sgr"));
                    xml.text("groupId", id);
                    xml.text("groupOwnerId", &context.api.account);
                    xml.text("isEgress", &egress.to_string());
                    xml.text("ipProtocol", &rule.protocol);
                    let (from, to) =
                        rule.ports.map_or((-1, -1), |(from, to)| (i32::from(from), i32::from(to)));
                    xml.text("fromPort", &from.to_string());
                    xml.text("toPort", &to.to_string());
                    match &rule.peer {
                        Peer::Cidr(cidr) if cidr.first().is_ipv6() => xml.text("cidrIpv6", &cidr.to_string()),
                        Peer::Cidr(cidr) => xml.text("cidrIpv4", &cidr.to_string()),
                        Peer::Group(group) => xml.element("referencedGroupInfo", |xml| {
                            xml.text("groupId", group);
                            xml.text("userId", &context.api.account);
                        }),
                    }
                });
            }
        });
    }))
}

/// The rules of a request, in the form with lists or in the short one.
fn rules(form: &Form) -> Result<Vec<Rule>, ApiError> {
    let mut rules = Vec::new();
    for n in form.numbers("IpPermissions") {
        let at = format!("IpPermissions.{n}");
        let (protocol, ports) = ports(form, &format!("{at}."))?;
        let mut peers = Vec::new();
        for (list, member) in [("IpRanges", "CidrIp"), ("Ipv6Ranges", "CidrIpv6")] {
            for m in form.numbers(&format!("{at}.{list}")) {
                peers.push(Peer::Cidr(cidr(form, &format!("{at}.{list}.{m}.{member}"))?));
            }
        }
        for m in form.numbers(&format!("{at}.Groups")) {
            let id = needed(form, &format!("{at}.Groups.{m}.GroupId"))?;
            peers.push(Peer::Group(id.to_owned()));
        }
        rules.extend(peers.into_iter().map(|peer| Rule { protocol: protocol.clone(), ports, peer }));
    }
    if form.get("CidrIp").is_some() {
        let (protocol, ports) = ports(form, "")?;
        rules.push(Rule { protocol, ports, peer: Peer::Cidr(cidr(form, "CidrIp")?) });
    }
    if rules.is_empty() {
        let text = "The request must contain the parameter ipPermissions";
        return Err(ApiError::common("MissingParameter", text));
    }
    Ok(rules)
}

type Ports = Option<(u16, u16)>;

fn ports(form: &Form, before: &str) -> Result<(String, Ports), ApiError> {
    let protocol = match needed(form, &format!("{before}IpProtocol"))? {
        "6" => "tcp",
        "17" => "udp",
        "1" => "icmp",
        other => other,
    };
    if !["-1", "tcp", "udp", "icmp"].contains(&protocol) {
        let text = format!("Invalid value '{protocol}' for IP protocol. Unknown protocol.");
        return Err(ApiError::common("InvalidParameterValue", text));
    }
    let port = |name: &str| {
        let text = needed(form, &format!("{before}{name}"))?;
        text.parse::<u16>().map_err(|_| {
            ApiError::common("InvalidParameterValue", format!("Invalid value '{text}' for portRange."))
        })
    };
    let ports = match protocol {
        "tcp" | "udp" => Some((port("FromPort")?, port("ToPort")?)),
        _ => None,
    };
    Ok((protocol.to_owned(), ports))
}

fn cidr(form: &Form, name: &str) -> Result<Cidr, ApiError> {
    let text = needed(form, name)?;
    text.parse()
        .map_err(|_| ApiError::common("InvalidParameterValue", format!("CIDR block {text} is malformed")))
}

/// CreateNetworkAclEntry, of TCP or of all protocols.
pub(in crate::sim::api::ec2) fn create_network_acl_entry(
    context: &Context<'_>,
    form: &Form,
) -> Result<String, ApiError> {
    const OPERATION: &str = "CreateNetworkAclEntry";
    let known = ["NetworkAclId", "RuleNumber", "Protocol", "RuleAction", "Egress", "CidrBlock", "PortRange"];
    enter(context, form, OPERATION, &known)?;
    let id = needed(form, "NetworkAclId")?;
    let invalid = |name: &str| {
        ApiError::common("InvalidParameterValue", format!("Invalid value for the parameter {name}."))
    };
    let number: u16 = needed(form, "RuleNumber")?.parse().map_err(|_| invalid("ruleNumber"))?;
    if !(1..=32766).contains(&number) {
        return Err(invalid("ruleNumber"));
    }
    let ports = match needed(form, "Protocol")? {
        "-1" => None,
        "6" | "tcp" => {
            let port = |name| needed(form, name)?.parse().map_err(|_| invalid("portRange"));
            Some((port("PortRange.From")?, port("PortRange.To")?))
        }
        _ => return Err(invalid("protocol")),
    };
    let allow =
        word(form, "RuleAction", &["allow", "deny"])?.ok_or_else(|| invalid("ruleAction"))? == "allow";
    let egress = truth(form, "Egress")?.ok_or_else(|| invalid("egress"))?;
    let entry = AclEntry { number, egress, allow, cidr: cidr(form, "CidrBlock")?, ports };
    context.api.change(context.now, |world| {
        let acl = world.network.acls.iter_mut().find(|acl| acl.id == id).ok_or_else(|| {
            let text = format!("The networkAcl ID '{id}' does not exist");
            ApiError::common("InvalidNetworkAclID.NotFound", text)
        })?;
        if acl.entries.iter().any(|held| held.number == number && held.egress == egress) {
            let text = format!("The network acl entry identified by {number} already exists.");
            return Err(ApiError::common("NetworkAclEntryAlreadyExists", text));
        }
        acl.entries.push(entry);
        Ok(())
    })?;
    Ok(answer(context, OPERATION, |xml| xml.text("return", "true")))
}

/// The parameters that say where a route leads.
const TARGETS: [&str; 6] = [
    "GatewayId",
    "NatGatewayId",
    "TransitGatewayId",
    "VpcPeeringConnectionId",
    "NetworkInterfaceId",
    "InstanceId",
];

/// CreateRoute.
pub(in crate::sim::api::ec2) fn create_route(context: &Context<'_>, form: &Form) -> Result<String, ApiError> {
    route(context, form, "CreateRoute", |table, route| {
        if table.iter().any(|held| held.to == route.to) {
            let text = format!("The route identified by {} already exists.", route.to);
            return Err(ApiError::common("RouteAlreadyExists", text));
        }
        table.push(route);
        Ok(())
    })
}

/// ReplaceRoute.
pub(in crate::sim::api::ec2) fn replace_route(
    context: &Context<'_>,
    form: &Form,
) -> Result<String, ApiError> {
    route(context, form, "ReplaceRoute", |table, route| {
        let held = table.iter_mut().find(|held| held.to == route.to).ok_or_else(|| {
            let text = format!("There is no route defined for '{}' in the route table.", route.to);
            ApiError::common("InvalidParameterValue", text)
        })?;
        *held = route;
        Ok(())
    })
}

fn route(
    context: &Context<'_>,
    form: &Form,
    operation: &str,
    put: impl FnOnce(&mut Vec<Route>, Route) -> Result<(), ApiError>,
) -> Result<String, ApiError> {
    enter(context, form, operation, &[&["RouteTableId", "DestinationCidrBlock"][..], &TARGETS].concat())?;
    let id = needed(form, "RouteTableId")?;
    let to = cidr(form, "DestinationCidrBlock")?;
    let targets: Vec<&str> = TARGETS.iter().filter_map(|name| form.get(name)).collect();
    let [via] = targets[..] else {
        let text = "The request must contain exactly one of gatewayId, natGatewayId, networkInterfaceId, vpcPeeringConnectionId or transitGatewayId";
        return Err(ApiError::common("InvalidParameterCombination", text));
    };
    context.api.change(context.now, |world| {
        if via.starts_with("nat-") && !world.network.nat_gateways.iter().any(|gateway| gateway.id == via) {
            let text = format!("The NAT gateway ID '{via}' does not exist");
            return Err(ApiError::common("InvalidNatGatewayID.NotFound", text));
        }
        let tables = &mut world.network.route_tables;
        let table = tables.iter_mut().find(|table| table.id == id).ok_or_else(|| {
            let text = format!("The routeTable ID '{id}' does not exist");
            ApiError::common("InvalidRouteTableID.NotFound", text)
        })?;
        put(&mut table.routes, Route { to, via: via.to_owned(), blackhole: false })
    })?;
    Ok(answer(context, operation, |xml| xml.text("return", "true")))
}
