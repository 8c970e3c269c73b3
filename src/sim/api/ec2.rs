//! EC2, 2016-11-15, in the query protocol: instances and regions here, what they stand in and what changes them below.

mod change;
mod instance;
mod list;
mod network;
mod status;

use self::instance::{date, reservation};
use super::{
    Api, Context,
    error::{ApiError, Wire},
    form::Form,
    page,
    xml::Xml,
};
use crate::sim::{
    fault::glob,
    world::{Node, PlatformKind},
};

/// The one version there is.
pub(super) const VERSION: &str = "2016-11-15";
const NAMESPACE: &str = "http://ec2.amazonaws.com/doc/2016-11-15/";
/// The key pair that all machines were launched with.
pub(super) const KEY_NAME: &str = "fleet";
/// The page size where none is asked for.
const USUAL_PAGE: u64 = 1000;

/// Regions that every account has, and those that must be asked for.
pub(super) const REGIONS: [&str; 17] = [
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];
pub(super) const OPT_IN_REGIONS: [&str; 5] =
    ["af-south-1", "ap-east-1", "eu-central-2", "eu-south-1", "me-south-1"];

/// The operations, by their names.
pub(super) fn operation(name: &str) -> Option<super::FormOperation> {
    Some(match name {
        "DescribeInstances" => describe_instances,
        "DescribeRegions" => describe_regions,
        "DescribeInstanceStatus" => status::describe_instance_status,
        "DescribeIamInstanceProfileAssociations" => status::describe_iam_instance_profile_associations,
        "DescribeImages" => status::describe_images,
        "DescribeVpcs" => network::describe_vpcs,
        "DescribeVpcAttribute" => network::describe_vpc_attribute,
        "DescribeSubnets" => network::describe_subnets,
        "DescribeRouteTables" => network::describe_route_tables,
        "DescribeNatGateways" => network::describe_nat_gateways,
        "DescribeVpcEndpoints" => network::describe_vpc_endpoints,
        "DescribeSecurityGroups" => network::describe_security_groups,
        "DescribeNetworkAcls" => network::describe_network_acls,
        "StartInstances" => change::start_instances,
        "StopInstances" => change::stop_instances,
        "RebootInstances" => change::reboot_instances,
        "AssociateIamInstanceProfile" => change::associate_iam_instance_profile,
        "DisassociateIamInstanceProfile" => change::disassociate_iam_instance_profile,
        "ReplaceIamInstanceProfileAssociation" => change::replace_iam_instance_profile_association,
        "ModifyInstanceMetadataOptions" => change::modify_instance_metadata_options,
        "AllocateAddress" => change::allocate_address,
        "AssociateAddress" => change::associate_address,
        "CreateVpcEndpoint" => change::create_vpc_endpoint,
        "ModifyVpcEndpoint" => change::modify_vpc_endpoint,
        "ModifyVpcAttribute" => change::modify_vpc_attribute,
        "AuthorizeSecurityGroupIngress" => change::authorize_security_group_ingress,
        "AuthorizeSecurityGroupEgress" => change::authorize_security_group_egress,
        "CreateNetworkAclEntry" => change::create_network_acl_entry,
        "CreateRoute" => change::create_route,
        "ReplaceRoute" => change::replace_route,
        _ => return None,
    })
}

/// DescribeInstances.
pub(super) fn describe_instances(context: &Context<'_>, form: &Form) -> Result<String, ApiError> {
    form.only(&["InstanceId", "Filter", "MaxResults", "NextToken", "DryRun"])?;
    let api = context.api;
    context.permit(Wire::Ec2, "ec2:DescribeInstances", None)?;
    refuse_dry_run(form)?;
    let ids = form.list("InstanceId");
    let size = page_size(form, &ids)?;
    let filters = form.filters();
    for (name, _) in &filters {
        if !is_filter(name) {
            return Err(ApiError::common("InvalidParameterValue", format!("The filter '{name}' is invalid")));
        }
    }
    let question = format!("DescribeInstances\n{filters:?}");
    let from = match form.get("NextToken") {
        None => 0,
        Some(token) => (api.tokens.open(&question, token))
            .ok_or_else(|| ApiError::common("InvalidParameterValue", "Unable to parse pagination token"))?,
    };
    let chosen = |node: &Node| {
        let machine = node.machine(context.now)?;
        filters
            .iter()
            .all(|(name, values)| matches(context, node, machine, name, values))
            .then_some(node.index)
    };
    let (indices, next) = if ids.is_empty() {
        page::walk(context.world.nodes(), from, size, |node| chosen(node))
    } else {
        let nodes = named(context, &ids)?;
        (nodes.into_iter().filter_map(chosen).collect(), None)
    };
    let nodes: Vec<&Node> = indices.into_iter().map(|index| &*context.world.nodes()[index]).collect();
    Ok(Xml::document("DescribeInstancesResponse", Some(NAMESPACE), |xml| {
        xml.text("requestId", context.request_id);
        xml.element("reservationSet", |xml| {
            for together in nodes.chunk_by(|a, b| a.reservation == b.reservation) {
                xml.element("item", |xml| reservation(context, xml, together));
            }
        });
        if let Some(place) = next {
            xml.text("nextToken", &api.tokens.seal(&question, place));
        }
    }))
}

/// DescribeRegions.
pub(super) fn describe_regions(context: &Context<'_>, form: &Form) -> Result<String, ApiError> {
    form.only(&["RegionName", "Filter", "AllRegions", "DryRun"])?;
    let api = context.api;
    context.permit(Wire::Ec2, "ec2:DescribeRegions", None)?;
    refuse_dry_run(form)?;
    let own = api.options.region.as_str();
    let mut regions: Vec<(&str, &str)> = REGIONS.iter().map(|name| (*name, "opt-in-not-required")).collect();
    if !REGIONS.contains(&own) {
        regions.push((own, "opted-in"));
    }
    let wanted = form.list("RegionName");
    if form.get("AllRegions") == Some("true") {
        regions
            .extend(OPT_IN_REGIONS.iter().filter(|name| **name != own).map(|name| (*name, "not-opted-in")));
    }
    if let Some(unknown) = wanted.iter().find(|name| !regions.iter().any(|(region, _)| region == *name)) {
        return Err(ApiError::common("InvalidParameterValue", format!("Invalid region: '{unknown}'")));
    }
    regions.retain(|(name, _)| wanted.is_empty() || wanted.contains(name));
    for (filter, values) in form.filters() {
        let any = |text: &str| values.iter().any(|value| glob(value.as_bytes(), text.as_bytes()));
        match filter {
            "region-name" => regions.retain(|(name, _)| any(name)),
            "opt-in-status" => regions.retain(|(_, status)| any(status)),
            "endpoint" => regions.retain(|(name, _)| any(&endpoint(name))),
            other => {
                return Err(ApiError::common(
                    "InvalidParameterValue",
                    format!("The filter '{other}' is invalid"),
                ));
            }
        }
    }
    Ok(Xml::document("DescribeRegionsResponse", Some(NAMESPACE), |xml| {
        xml.text("requestId", context.request_id);
        xml.element("regionInfo", |xml| {
            for (name, status) in regions {
                xml.element("item", |xml| {
                    xml.text("regionName", name);
                    xml.text("regionEndpoint", &endpoint(name));
                    xml.text("optInStatus", status);
                });
            }
        });
    }))
}

fn endpoint(region: &str) -> String {
    format!("ec2.{region}.amazonaws.com")
}

fn refuse_dry_run(form: &Form) -> Result<(), ApiError> {
    match form.get("DryRun") {
        Some("true") => {
            Err(ApiError::common("DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
                .status(412))
        }
        _ => Ok(()),
    }
}

/// A parameter that must be there.
fn needed<'a>(form: &'a Form, name: &str) -> Result<&'a str, ApiError> {
    form.get(name).ok_or_else(|| {
        let text = format!("The request must contain the parameter {name}");
        ApiError::common("MissingParameter", text)
    })
}

fn no_vpc(id: &str) -> ApiError {
    ApiError::common("InvalidVpcID.NotFound", format!("The vpc ID '{id}' does not exist"))
}

fn page_size(form: &Form, ids: &[&str]) -> Result<usize, ApiError> {
    let Some(text) = form.get("MaxResults") else { return Ok(USUAL_PAGE as usize) };
    if !ids.is_empty() {
        return Err(ApiError::common(
            "InvalidParameterCombination",
            "The parameter instancesSet cannot be used with the parameter maxResults",
        ));
    }
    let bad = |expecting: &str| {
        let text = format!("Value ( {text} ) for parameter maxResults is invalid. {expecting}");
        ApiError::common("InvalidParameterValue", text)
    };
    match text.parse::<usize>() {
        Ok(size @ 5..=1000) => Ok(size),
        Ok(0..5) => Err(bad("Expecting a value greater than 5.")),
        Ok(_) => Err(bad("Expecting a value less than 1000.")),
        Err(_) => Err(bad("Expecting an integer.")),
    }
}

/// The nodes that were asked for by id; one that EC2 does not list refuses the whole call.
pub(super) fn named<'a>(context: &Context<'a>, ids: &[&str]) -> Result<Vec<&'a Node>, ApiError> {
    for id in ids {
        let hex = id.strip_prefix("i-").unwrap_or_default();
        if ![8, 17].contains(&hex.len()) || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(ApiError::common("InvalidInstanceID.Malformed", format!("Invalid id: \"{id}\"")));
        }
    }
    let world = context.world;
    let find = |id: &str| world.find(id).filter(|node| node.machine(context.now).is_some());
    let missing: Vec<&str> = ids.iter().copied().filter(|id| find(id).is_none()).collect();
    match missing[..] {
        [] => {}
        [one] => {
            let text = format!("The instance ID '{one}' does not exist");
            return Err(ApiError::common("InvalidInstanceID.NotFound", text));
        }
        _ => {
            let text = format!("The instance IDs '{}' do not exist", missing.join(", "));
            return Err(ApiError::common("InvalidInstanceID.NotFound", text));
        }
    }
    let mut nodes: Vec<&Node> = ids.iter().copied().filter_map(find).collect();
    nodes.sort_unstable_by_key(|node| node.index);
    nodes.dedup_by_key(|node| node.index);
    Ok(nodes)
}

const FILTERS: [&str; 22] = [
    "architecture",
    "availability-zone",
    "iam-instance-profile.arn",
    "image-id",
    "instance-id",
    "instance-state-code",
    "instance-state-name",
    "instance-type",
    "instance.group-id",
    "ip-address",
    "key-name",
    "owner-id",
    "platform",
    "platform-details",
    "private-dns-name",
    "private-ip-address",
    "reservation-id",
    "root-device-type",
    "subnet-id",
    "tag-key",
    "tenancy",
    "vpc-id",
];

fn is_filter(name: &str) -> bool {
    FILTERS.contains(&name) || name.starts_with("tag:")
}

fn matches(
    context: &Context<'_>,
    node: &Node,
    (code, state): (u8, &str),
    filter: &str,
    values: &[&str],
) -> bool {
    let api = context.api;
    let any = |text: &str| values.iter().any(|value| glob(value.as_bytes(), text.as_bytes()));
    if let Some(key) = filter.strip_prefix("tag:") {
        return node.tag(key).is_some_and(any);
    }
    match filter {
        "architecture" => any(&node.platform.architecture),
        "availability-zone" => any(&zone(api, node)),
        "iam-instance-profile.arn" => profile(context, node).is_some_and(|(arn, _)| any(&arn)),
        "image-id" => any(&node.platform.image),
        "instance-id" => any(&node.id),
        "instance-state-code" => any(&code.to_string()),
        "instance-state-name" => any(state),
        "instance-type" => any(&node.instance_type),
        "instance.group-id" => node.site.groups.iter().any(|id| any(id)),
        "ip-address" => node.public_address(context.now).is_some_and(|address| any(&address)),
        "key-name" => any(KEY_NAME),
        "owner-id" => any(&api.account),
        "platform" => node.platform.kind == PlatformKind::Windows && any("windows"),
        "platform-details" => any(platform_details(node)),
        "private-dns-name" => any(&node.host_name(&api.options.region)),
        "private-ip-address" => any(&node.address()),
        "reservation-id" => any(&reservation_id(context, node)),
        "root-device-type" => any("ebs"),
        "subnet-id" => any(&node.site.subnet),
        "tag-key" => any("Name") || node.tags.iter().any(|(key, _)| any(key)),
        "tenancy" => any(tenancy(node)),
        "vpc-id" => any(&node.site.vpc),
        _ => false,
    }
}

/// The zone a machine stands in.
pub(super) fn zone(api: &Api, node: &Node) -> String {
    format!("{}{}", api.options.region, node.site.zone)
}

fn tenancy(node: &Node) -> &'static str {
    if node.platform.kind == PlatformKind::MacOS { "host" } else { "default" }
}

fn platform_details(node: &Node) -> &str {
    match (&node.platform.details, node.platform.kind) {
        (Some(details), _) => details,
        (None, PlatformKind::Windows) => "Windows",
        (None, _) => "Linux/UNIX",
    }
}

fn reservation_id(context: &Context<'_>, node: &Node) -> String {
    named_after("r", &context.world.nodes()[node.reservation])
}

/// An id of another kind that belongs to the node.
fn named_after(kind: &str, node: &Node) -> String {
    format!("{kind}-{}", node.id.trim_start_matches("m").trim_start_matches("i-"))
}

/// The ARN and the id of its instance profile.
fn profile(context: &Context<'_>, node: &Node) -> Option<(String, String)> {
    let profile = node.profile.as_ref()?;
    Some((context.world.identity.profile_arn(&profile.profile), profile.profile_id.clone()))
}
