//! EC2's answers on networks: VPCs, subnets, route tables, NAT gateways, endpoints, groups, access lists.
//! What another account shares is shown as far as its owner shows it: the VPC and the subnet, and nothing that leads out of them.

use super::{
    NAMESPACE, date,
    list::{Listing, name_tag, tag_values},
    refuse_dry_run,
};
use crate::sim::{
    api::{
        Context,
        error::{ApiError, Wire},
        form::Form,
        xml::Xml,
    },
    world::network::{
        Acl, AclEntry, Endpoint, EndpointKind, Group, NatGateway, Peer, Route, RouteTable, Rule, Subnet, Vpc,
    },
};

/// A policy that allows everything to everybody, as EC2 has it.
const FULL_ACCESS: &str = "{\n  \"Statement\": [\n    {\n      \"Action\": \"*\", \n      \"Effect\": \"Allow\", \n      \"Principal\": \"*\", \n      \
                           \"Resource\": \"*\"\n    }\n  ]\n}";
/// Protocols as access lists number them.
const ALL: &str = "-1";
const TCP: &str = "6";

impl Context<'_> {
    /// Whose a VPC is.
    fn owner_of(&self, vpc: &str) -> &str {
        let owner = self.world.network.vpc(vpc).and_then(|vpc| vpc.owner.as_deref());
        owner.unwrap_or(&self.api.account)
    }

    fn shows(&self, vpc: &str) -> bool {
        self.owner_of(vpc) == self.api.account
    }
}

/// DescribeVpcs.
pub(super) fn describe_vpcs(context: &Context<'_>, form: &Form) -> Result<String, ApiError> {
    let listing = Listing::<Vpc> {
        operation: "DescribeVpcs",
        set: "vpcSet",
        more: &[],
        ids: ("VpcId", "InvalidVpcID.NotFound", "The vpc ID '{}' does not exist"),
        id: |vpc| &vpc.id,
        filters: &["cidr", "cidr-block-association.cidr-block", "is-default", "owner-id", "state", "vpc-id"],
        values: |context, vpc, filter| match filter {
            "cidr" => vpc.cidrs.first().map(ToString::to_string).into_iter().collect(),
            "cidr-block-association.cidr-block" => vpc.cidrs.iter().map(ToString::to_string).collect(),
            "is-default" => vec!["false".to_owned()],
            "owner-id" => vec![context.owner_of(&vpc.id).to_owned()],
            "state" => vec!["available".to_owned()],
            "vpc-id" => vec![vpc.id.clone()],
            filter => tag_values(&vpc.name, filter),
        },
        write: |context, xml, vpc| {
            xml.text("vpcId", &vpc.id);
            xml.text("ownerId", context.owner_of(&vpc.id));
            xml.text("state", "available");
            xml.text("cidrBlock", &vpc.cidrs.first().map(ToString::to_string).unwrap_or_default());
            xml.element("cidrBlockAssociationSet", |xml| {
                for (at, cidr) in vpc.cidrs.iter().enumerate() {
                    xml.element("item", |xml| {
                        xml.text("cidrBlock", &cidr.to_string());
                        let id = vpc.id.replacen("vpc-", "", 1);
                        xml.text("associationId", &format!("vpc-cidr-assoc-{at:02x}{}", &id[2..]));
                        xml.element("cidrBlockState", |xml| xml.text("state", "associated"));
                    });
                }
            });
            xml.text("dhcpOptionsId", "dopt-00000000000000001");
            name_tag(xml, &vpc.name);
            xml.text("instanceTenancy", "default");
            xml.text("isDefault", "false");
        },
    };
    listing.answer(context, form, &context.world.network.vpcs.iter().collect::<Vec<_>>())
}

/// DescribeSubnets.
pub(super) fn describe_subnets(context: &Context<'_>, form: &Form) -> Result<String, ApiError> {
    fn zone(context: &Context<'_>, subnet: &Subnet) -> String {
        format!("{}{}", context.api.options.region, subnet.zone)
    }
    let listing = Listing::<Subnet> {
        operation: "DescribeSubnets",
        set: "subnetSet",
        more: &[],
        ids: ("SubnetId", "InvalidSubnetID.NotFound", "The subnet ID '{}' does not exist"),
        id: |subnet| &subnet.id,
        filters: &[
            "availability-zone",
            "availabilityZone",
            "cidr-block",
            "default-for-az",
            "map-public-ip-on-launch",
            "owner-id",
            "state",
            "subnet-id",
            "vpc-id",
        ],
        values: |context, subnet, filter| match filter {
            "availability-zone" | "availabilityZone" => vec![zone(context, subnet)],
            "cidr-block" => vec![subnet.cidr.to_string()],
            "default-for-az" => vec!["false".to_owned()],
            "map-public-ip-on-launch" => vec![subnet.public.to_string()],
            "owner-id" => vec![context.owner_of(&subnet.vpc).to_owned()],
            "state" => vec!["available".to_owned()],
            "subnet-id" => vec![subnet.id.clone()],
            "vpc-id" => vec![subnet.vpc.clone()],
            filter => tag_values(&subnet.name, filter),
        },
        write: |context, xml, subnet| {
            let owner = context.owner_of(&subnet.vpc);
            let region = &context.api.options.region;
            xml.text("subnetId", &subnet.id);
            xml.text("subnetArn", &format!("arn:aws:ec2:{region}:{owner}:subnet/{}", subnet.id));
            xml.text("state", "available");
            xml.text("ownerId", owner);
            xml.text("vpcId", &subnet.vpc);
            xml.text("cidrBlock", &subnet.cidr.to_string());
            xml.element("ipv6CidrBlockAssociationSet", |_| ());
            xml.text("assignIpv6AddressOnCreation", "false");
            xml.text("ipv6Native", "false");
            xml.text("enableDns64", "false");
            let room = 1_u64 << (32 - u32::from(subnet.cidr.bits()).min(32));
            let taken = context.world.nodes().iter().filter(|node| node.site.subnet == subnet.id).count();
            xml.text("availableIpAddressCount", &room.saturating_sub(5 + taken as u64).to_string());
            xml.text("availabilityZone", &zone(context, subnet));
            xml.text("availabilityZoneId", &zone_id(region, &subnet.zone));
            xml.text("defaultForAz", "false");
            xml.text("mapPublicIpOnLaunch", &subnet.public.to_string());
            xml.text("mapCustomerOwnedIpOnLaunch", "false");
            xml.element("privateDnsNameOptionsOnLaunch", |xml| {
                xml.text("hostnameType", "ip-name");
                xml.text("enableResourceNameDnsARecord", "false");
                xml.text("enableResourceNameDnsAAAARecord", "false");
            });
            name_tag(xml, &subnet.name);
        },
    };
    listing.answer(context, form, &context.world.network.subnets.iter().collect::<Vec<_>>())
}

/// `euw1-az1`, of the zone `a` in eu-west-1.
fn zone_id(region: &str, zone: &str) -> String {
    let mut words = region.split('-');
    let (area, side, number) = (words.next(), words.next().unwrap_or_default(), words.next());
    let side = match side {
        "northeast" => "ne",
        "northwest" => "nw",
        "southeast" => "se",
        "southwest" => "sw",
        side => side.get(..1).unwrap_or_default(),
    };
    let place = zone.bytes().next().map_or(1, |letter| letter.saturating_sub(b'a') + 1);
    format!("{}{side}{}-az{place}", area.unwrap_or_default(), number.unwrap_or_default())
}

/// DescribeRouteTables.
pub(super) fn describe_route_tables(context: &Context<'_>, form: &Form) -> Result<String, ApiError> {
    fn named<'a>(table: &'a RouteTable, prefix: &'a str) -> impl Iterator<Item = &'a Route> {
        table.routes.iter().filter(move |route| route.via.starts_with(prefix))
    }
    let listing = Listing::<RouteTable> {
        operation: "DescribeRouteTables",
        set: "routeTableSet",
        more: &[],
        ids: ("RouteTableId", "InvalidRouteTableID.NotFound", "The routeTable ID '{}' does not exist"),
        id: |table| &table.id,
        filters: &[
            "association.main",
            "association.route-table-id",
            "association.subnet-id",
            "owner-id",
            "route-table-id",
            "route.destination-cidr-block",
            "route.gateway-id",
            "route.nat-gateway-id",
            "route.state",
            "route.transit-gateway-id",
            "vpc-id",
        ],
        values: |context, table, filter| match filter {
            "association.main" => vec![table.main.to_string()],
            "association.route-table-id" | "route-table-id" => vec![table.id.clone()],
            "association.subnet-id" => table.subnets.clone(),
            "owner-id" => vec![context.api.account.clone()],
            "route.destination-cidr-block" => table.routes.iter().map(|route| route.to.to_string()).collect(),
            "route.gateway-id" => {
                let through = |prefix| named(table, prefix).map(|route| route.via.clone());
                through("igw-").chain(through("vgw-")).chain(["local".to_owned()]).collect()
            }
            "route.nat-gateway-id" => named(table, "nat-").map(|route| route.via.clone()).collect(),
            "route.transit-gateway-id" => named(table, "tgw-").map(|route| route.via.clone()).collect(),
            "route.state" => {
                let state = |route: &Route| if route.blackhole { "blackhole" } else { "active" };
                table.routes.iter().map(state).chain(["active"]).map(str::to_owned).collect()
            }
            "vpc-id" => vec![table.vpc.clone()],
            _ => Vec::new(),
        },
        write: |context, xml, table| {
            xml.text("routeTableId", &table.id);
            xml.text("vpcId", &table.vpc);
            xml.text("ownerId", &context.api.account);
            xml.element("routeSet", |xml| {
                let vpc = context.world.network.vpc(&table.vpc);
                for cidr in vpc.iter().flat_map(|vpc| &vpc.cidrs) {
                    xml.element("item", |xml| {
                        xml.text("destinationCidrBlock", &cidr.to_string());
                        xml.text("gatewayId", "local");
                        xml.text("state", "active");
                        xml.text("origin", "CreateRouteTable");
                    });
                }
                for route in &table.routes {
                    xml.element("item", |xml| write_route(xml, route));
                }
                for endpoint in context.world.network.gateways_of(table) {
                    xml.element("item", |xml| {
                        // A prefix list of a service has the same id in all of a region's VPCs.
                        let list = if endpoint.service == "s3" { "pl-6da54004" } else { "pl-6fa54006" };
                        xml.text("destinationPrefixListId", list);
                        xml.text("gatewayId", &endpoint.id);
                        xml.text("state", "active");
                        xml.text("origin", "CreateRoute");
                    });
                }
            });
            xml.element("associationSet", |xml| {
                let id = table.id.replacen("rtb-", "rtbassoc-", 1);
                if table.main {
                    xml.element("item", |xml| {
                        xml.text("routeTableAssociationId", &id);
                        xml.text("routeTableId", &table.id);
                        xml.text("main", "true");
                        xml.element("associationState", |xml| xml.text("state", "associated"));
                    });
                }
                for subnet in &table.subnets {
                    xml.element("item", |xml| {
                        xml.text("routeTableAssociationId", &subnet.replacen("subnet-", "rtbassoc-", 1));
                        xml.text("routeTableId", &table.id);
                        xml.text("subnetId", subnet);
                        xml.text("main", "false");
                        xml.element("associationState", |xml| xml.text("state", "associated"));
                    });
                }
            });
            xml.element("propagatingVgwSet", |_| ());
            name_tag(xml, "");
        },
    };
    let shown = context.world.network.route_tables.iter().filter(|table| context.shows(&table.vpc));
    listing.answer(context, form, &shown.collect::<Vec<_>>())
}

fn write_route(xml: &mut Xml, route: &Route) {
    let destination =
        if route.to.first().is_ipv4() { "destinationCidrBlock" } else { "destinationIpv6CidrBlock" };
    xml.text(destination, &route.to.to_string());
    let target = match route.via.split('-').next() {
        Some("nat") => "natGatewayId",
        Some("tgw") => "transitGatewayId",
        Some("pcx") => "vpcPeeringConnectionId",
        Some("eni") => "networkInterfaceId",
        Some("i") => "instanceId",
        _ => "gatewayId",
    };
    xml.text(target, &route.via);
    xml.text("state", if route.blackhole { "blackhole" } else { "active" });
    xml.text("origin", "CreateRoute");
}

/// DescribeNatGateways.
pub(super) fn describe_nat_gateways(context: &Context<'_>, form: &Form) -> Result<String, ApiError> {
    let listing = Listing::<NatGateway> {
        operation: "DescribeNatGateways",
        set: "natGatewaySet",
        more: &[],
        ids: ("NatGatewayId", "NatGatewayNotFound", "The Nat Gateway {} was not found"),
        id: |gateway| &gateway.id,
        filters: &["nat-gateway-id", "state", "subnet-id", "vpc-id"],
        values: |_, gateway, filter| match filter {
            "nat-gateway-id" => vec![gateway.id.clone()],
            "state" => vec![gateway.state.as_str().to_owned()],
            "subnet-id" => vec![gateway.subnet.clone()],
            "vpc-id" => vec![gateway.vpc.clone()],
            _ => Vec::new(),
        },
        write: |context, xml, gateway| {
            xml.text("natGatewayId", &gateway.id);
            xml.text("subnetId", &gateway.subnet);
            xml.text("vpcId", &gateway.vpc);
            xml.text("state", gateway.state.as_str());
            xml.text("createTime", &date(context.api.started));
            if let Some((code, message)) = &gateway.failure {
                xml.text("failureCode", code);
                xml.text("failureMessage", message);
            }
            xml.text("connectivityType", "public");
            xml.element("natGatewayAddressSet", |xml| {
                xml.element("item", |xml| {
                    xml.text("allocationId", &gateway.id.replacen("nat-", "eipalloc-", 1));
                    xml.text("publicIp", &gateway.address);
                    xml.text("isPrimary", "true");
                });
            });
            name_tag(xml, "");
        },
    };
    listing.answer(context, form, &context.world.network.nat_gateways.iter().collect::<Vec<_>>())
}

/// DescribeVpcEndpoints.
pub(super) fn describe_vpc_endpoints(context: &Context<'_>, form: &Form) -> Result<String, ApiError> {
    let listing = Listing::<Endpoint> {
        operation: "DescribeVpcEndpoints",
        set: "vpcEndpointSet",
        more: &[],
        ids: ("VpcEndpointId", "InvalidVpcEndpointId.NotFound", "The Vpc Endpoint Id '{}' does not exist"),
        id: |endpoint| &endpoint.id,
        filters: &["service-name", "vpc-endpoint-id", "vpc-endpoint-state", "vpc-endpoint-type", "vpc-id"],
        values: |context, endpoint, filter| match filter {
            "service-name" => vec![service_name(context, endpoint)],
            "vpc-endpoint-id" => vec![endpoint.id.clone()],
            "vpc-endpoint-state" => vec![endpoint.state.as_str().to_owned()],
            "vpc-endpoint-type" => vec![endpoint.kind.as_str().to_owned()],
            "vpc-id" => vec![endpoint.vpc.clone()],
            _ => Vec::new(),
        },
        write: write_endpoint,
    };
    let shown = context.world.network.endpoints.iter().filter(|endpoint| context.shows(&endpoint.vpc));
    listing.answer(context, form, &shown.collect::<Vec<_>>())
}

fn service_name(context: &Context<'_>, endpoint: &Endpoint) -> String {
    format!("com.amazonaws.{}.{}", context.api.options.region, endpoint.service)
}

pub(super) fn write_endpoint(context: &Context<'_>, xml: &mut Xml, endpoint: &Endpoint) {
    let region = &context.api.options.region;
    let interface = endpoint.kind == EndpointKind::Interface;
    xml.text("vpcEndpointId", &endpoint.id);
    xml.text("vpcEndpointType", endpoint.kind.as_str());
    xml.text("vpcId", &endpoint.vpc);
    xml.text("serviceName", &service_name(context, endpoint));
    xml.text("state", endpoint.state.as_str());
    xml.text("policyDocument", endpoint.policy.as_ref().map_or(FULL_ACCESS, |policy| &policy.text));
    xml.element("routeTableIdSet", |xml| {
        endpoint.route_tables.iter().for_each(|id| xml.text("item", id));
    });
    xml.element("subnetIdSet", |xml| endpoint.subnets.iter().for_each(|id| xml.text("item", id)));
    xml.element("groupSet", |xml| {
        for group in endpoint.groups.iter().filter_map(|id| context.world.network.group(id)) {
            xml.element("item", |xml| {
                xml.text("groupId", &group.id);
                xml.text("groupName", &group.name);
            });
        }
    });
    xml.text("ipAddressType", "ipv4");
    xml.element("dnsOptions", |xml| xml.text("dnsRecordIpType", "ipv4"));
    xml.text("privateDnsEnabled", &(interface && endpoint.private_dns).to_string());
    xml.text("requesterManaged", "false");
    xml.element("networkInterfaceIdSet", |xml| {
        for subnet in &endpoint.subnets {
            xml.text("item", &format!("eni-{}{}", &endpoint.id[5..14], &subnet[subnet.len() - 8..]));
        }
    });
    xml.element("dnsEntrySet", |xml| {
        if interface {
            let name = format!("{}-0a1b2c3d.{}.{region}.vpce.amazonaws.com", endpoint.id, endpoint.service);
            let private = format!("{}.{region}.amazonaws.com", endpoint.service);
            let zones = [(name, true), (private, endpoint.private_dns)];
            for (name, _) in zones.into_iter().filter(|(_, shown)| *shown) {
                xml.element("item", |xml| {
                    xml.text("dnsName", &name);
                    xml.text("hostedZoneId", "Z7HUB22UULQXV");
                });
            }
        }
    });
    xml.text("creationTimestamp", &date(context.api.started));
    name_tag(xml, "");
    xml.text("ownerId", &context.api.account);
}

/// DescribeSecurityGroups.
pub(super) fn describe_security_groups(context: &Context<'_>, form: &Form) -> Result<String, ApiError> {
    let listing = Listing::<Group> {
        operation: "DescribeSecurityGroups",
        set: "securityGroupInfo",
        more: &[],
        ids: ("GroupId", "InvalidGroup.NotFound", "The security group '{}' does not exist"),
        id: |group| &group.id,
        filters: &["description", "group-id", "group-name", "owner-id", "vpc-id"],
        values: |context, group, filter| match filter {
            "description" | "group-name" => vec![group.name.clone()],
            "group-id" => vec![group.id.clone()],
            "owner-id" => vec![context.api.account.clone()],
            "vpc-id" => vec![group.vpc.clone()],
            _ => Vec::new(),
        },
        write: |context, xml, group| {
            let api = context.api;
            xml.text("ownerId", &api.account);
            xml.text("groupId", &group.id);
            let (region, account) = (&api.options.region, &api.account);
            xml.text(
                "securityGroupArn",
                &format!("arn:aws:ec2:{region}:{account}:security-group/{}", group.id),
            );
            xml.text("groupName", &group.name);
            xml.text("groupDescription", &group.name);
            xml.text("vpcId", &group.vpc);
            xml.element("ipPermissions", |xml| permissions(context, xml, &group.ingress));
            xml.element("ipPermissionsEgress", |xml| permissions(context, xml, &group.egress));
            name_tag(xml, "");
        },
    };
    listing.answer(context, form, &context.world.network.groups.iter().collect::<Vec<_>>())
}

fn permissions(context: &Context<'_>, xml: &mut Xml, rules: &[Rule]) {
    for rule in rules {
        xml.element("item", |xml| {
            xml.text("ipProtocol", &rule.protocol);
            if let Some((from, to)) = rule.ports {
                xml.text("fromPort", &from.to_string());
                xml.text("toPort", &to.to_string());
            }
            let (cidr, group) = match &rule.peer {
                Peer::Cidr(cidr) => (Some(cidr), None),
                Peer::Group(group) => (None, Some(group)),
            };
            xml.element("groups", |xml| {
                if let Some(group) = group {
                    xml.element("item", |xml| {
                        xml.text("userId", &context.api.account);
                        xml.text("groupId", group);
                    });
                }
            });
            let (four, six) = match cidr {
                Some(cidr) if cidr.first().is_ipv6() => (None, Some(cidr)),
                cidr => (cidr, None),
            };
            xml.element("ipRanges", |xml| {
                if let Some(cidr) = four {
                    xml.element("item", |xml| xml.text("cidrIp", &cidr.to_string()));
                }
            });
            xml.element("ipv6Ranges", |xml| {
                if let Some(cidr) = six {
                    xml.element("item", |xml| xml.text("cidrIpv6", &cidr.to_string()));
                }
            });
            xml.element("prefixListIds", |_| ());
        });
    }
}

/// DescribeNetworkAcls.
pub(super) fn describe_network_acls(context: &Context<'_>, form: &Form) -> Result<String, ApiError> {
    let listing = Listing::<Acl> {
        operation: "DescribeNetworkAcls",
        set: "networkAclSet",
        more: &[],
        ids: ("NetworkAclId", "InvalidNetworkAclID.NotFound", "The networkAcl ID '{}' does not exist"),
        id: |acl| &acl.id,
        filters: &["association.subnet-id", "default", "network-acl-id", "owner-id", "vpc-id"],
        values: |context, acl, filter| match filter {
            "association.subnet-id" => guarded(context, acl).map(|subnet| subnet.id.clone()).collect(),
            "default" => vec![acl.default.to_string()],
            "network-acl-id" => vec![acl.id.clone()],
            "owner-id" => vec![context.api.account.clone()],
            "vpc-id" => vec![acl.vpc.clone()],
            _ => Vec::new(),
        },
        write: |context, xml, acl| {
            xml.text("networkAclId", &acl.id);
            xml.text("vpcId", &acl.vpc);
            xml.text("ownerId", &context.api.account);
            xml.text("default", &acl.default.to_string());
            xml.element("entrySet", |xml| {
                let everything = "0.0.0.0/0".parse().expect("the block of all addresses");
                let last = [true, false].map(|egress| AclEntry {
                    number: 32767,
                    egress,
                    allow: false,
                    cidr: everything,
                    ports: None,
                });
                for entry in acl.entries.iter().chain(&last) {
                    xml.element("item", |xml| write_entry(xml, entry));
                }
            });
            xml.element("associationSet", |xml| {
                for subnet in guarded(context, acl) {
                    xml.element("item", |xml| {
                        xml.text("networkAclAssociationId", &subnet.id.replacen("subnet-", "aclassoc-", 1));
                        xml.text("networkAclId", &acl.id);
                        xml.text("subnetId", &subnet.id);
                    });
                }
            });
            name_tag(xml, "");
        },
    };
    let shown = context.world.network.acls.iter().filter(|acl| context.shows(&acl.vpc));
    listing.answer(context, form, &shown.collect::<Vec<_>>())
}

/// The subnets that a list guards: EC2 names those of the default one, too.
fn guarded<'a>(context: &'a Context<'_>, acl: &'a Acl) -> impl Iterator<Item = &'a Subnet> {
    let network = &context.world.network;
    network
        .subnets
        .iter()
        .filter(move |subnet| network.acl_of(subnet).is_some_and(|guard| guard.id == acl.id))
}

fn write_entry(xml: &mut Xml, entry: &AclEntry) {
    xml.text("ruleNumber", &entry.number.to_string());
    xml.text("protocol", if entry.ports.is_some() { TCP } else { ALL });
    xml.text("ruleAction", if entry.allow { "allow" } else { "deny" });
    xml.text("egress", &entry.egress.to_string());
    xml.text("cidrBlock", &entry.cidr.to_string());
    if let Some((from, to)) = entry.ports {
        xml.element("portRange", |xml| {
            xml.text("from", &from.to_string());
            xml.text("to", &to.to_string());
        });
    }
}

/// DescribeVpcAttribute: one attribute a call.
pub(super) fn describe_vpc_attribute(context: &Context<'_>, form: &Form) -> Result<String, ApiError> {
    form.only(&["Attribute", "VpcId", "DryRun"])?;
    context.permit(Wire::Ec2, "ec2:DescribeVpcAttribute", None)?;
    refuse_dry_run(form)?;
    let id = super::needed(form, "VpcId")?;
    let attribute = super::needed(form, "Attribute")?;
    let vpc = context.world.network.vpc(id).ok_or_else(|| super::no_vpc(id))?;
    let value = match attribute {
        "enableDnsSupport" => vpc.dns_support,
        "enableDnsHostnames" => vpc.dns_hostnames,
        "enableNetworkAddressUsageMetrics" => false,
        _ => {
            let text = format!("Value ({attribute}) for parameter attribute is invalid. Unknown attribute.");
            return Err(ApiError::common("InvalidParameterValue", text));
        }
    };
    Ok(Xml::document("DescribeVpcAttributeResponse", Some(NAMESPACE), |xml| {
        xml.text("requestId", context.request_id);
        xml.text("vpcId", id);
        xml.element(attribute, |xml| xml.text("value", &value.to_string()));
    }))
}
