//! EC2, 2016-11-15: DescribeInstances and DescribeRegions, in the query protocol.

use jiff::Timestamp;

use super::{
    Api, Context,
    error::{ApiError, Wire},
    form::Form,
    page,
    xml::Xml,
};
use crate::sim::{
    fault::glob,
    world::{Metadata, Node, PlatformKind},
};

/// The one version there is.
pub(super) const VERSION: &str = "2016-11-15";
const NAMESPACE: &str = "http://ec2.amazonaws.com/doc/2016-11-15/";
/// The key pair that all machines were launched with.
pub(super) const KEY_NAME: &str = "fleet";
/// The page size where none is asked for.
const USUAL_PAGE: u64 = 1000;

/// Regions that every account has, and those that must be asked for.
const REGIONS: [&str; 17] = [
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
const OPT_IN_REGIONS: [&str; 5] = ["af-south-1", "ap-east-1", "eu-central-2", "eu-south-1", "me-south-1"];

/// DescribeInstances.
pub(super) fn describe_instances(context: &Context<'_>, form: &Form) -> Result<String, ApiError> {
    form.only(&["InstanceId", "Filter", "MaxResults", "NextToken", "DryRun"])?;
    let api = context.api;
    api.permit(Wire::Ec2, "ec2:DescribeInstances", None)?;
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
        let machine = node.machine()?;
        filters.iter().all(|(name, values)| matches(api, node, machine, name, values)).then_some(node.index)
    };
    let (indices, next) = if ids.is_empty() {
        page::walk(api.world.nodes(), from, size, chosen)
    } else {
        let nodes = named(api, &ids)?;
        (nodes.into_iter().filter_map(chosen).collect(), None)
    };
    let nodes: Vec<&Node> = indices.into_iter().map(|index| &api.world.nodes()[index]).collect();
    Ok(Xml::document("DescribeInstancesResponse", Some(NAMESPACE), |xml| {
        xml.text("requestId", context.request_id);
        xml.element("reservationSet", |xml| {
            for together in nodes.chunk_by(|a, b| a.reservation == b.reservation) {
                xml.element("item", |xml| reservation(api, xml, together));
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
    api.permit(Wire::Ec2, "ec2:DescribeRegions", None)?;
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
fn named<'a>(api: &'a Api, ids: &[&str]) -> Result<Vec<&'a Node>, ApiError> {
    for id in ids {
        let hex = id.strip_prefix("i-").unwrap_or_default();
        if ![8, 17].contains(&hex.len()) || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(ApiError::common("InvalidInstanceID.Malformed", format!("Invalid id: \"{id}\"")));
        }
    }
    let find = |id: &str| api.world.find(id).filter(|node| node.machine().is_some());
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

fn matches(api: &Api, node: &Node, (code, state): (u8, &str), filter: &str, values: &[&str]) -> bool {
    let any = |text: &str| values.iter().any(|value| glob(value.as_bytes(), text.as_bytes()));
    if let Some(key) = filter.strip_prefix("tag:") {
        return node.tag(key).is_some_and(any);
    }
    match filter {
        "architecture" => any(&node.platform.architecture),
        "availability-zone" => any(&zone(api, node)),
        "iam-instance-profile.arn" => profile(api, node).is_some_and(|(arn, _)| any(&arn)),
        "image-id" => any(&node.platform.image),
        "instance-id" => any(&node.id),
        "instance-state-code" => any(&code.to_string()),
        "instance-state-name" => any(state),
        "instance-type" => any(&node.instance_type),
        "instance.group-id" => any(&node.network.group),
        "ip-address" => node.public_address().is_some_and(|address| any(&address)),
        "key-name" => any(KEY_NAME),
        "owner-id" => any(&api.world.account),
        "platform" => node.platform.kind == PlatformKind::Windows && any("windows"),
        "platform-details" => any(platform_details(node)),
        "private-dns-name" => any(&node.host_name(&api.options.region)),
        "private-ip-address" => any(&node.address()),
        "reservation-id" => any(&reservation_id(api, node)),
        "root-device-type" => any("ebs"),
        "subnet-id" => any(&node.network.subnet),
        "tag-key" => any("Name") || node.tags.iter().any(|(key, _)| any(key)),
        "tenancy" => any(tenancy(node)),
        "vpc-id" => any(&node.network.vpc),
        _ => false,
    }
}

/// The zone a machine stands in.
fn zone(api: &Api, node: &Node) -> String {
    format!("{}{}", api.options.region, ["a", "b", "c"][node.index % 3])
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

fn reservation_id(api: &Api, node: &Node) -> String {
    named_after("r", &api.world.nodes()[node.reservation])
}

/// An id of another kind that belongs to the node.
fn named_after(kind: &str, node: &Node) -> String {
    format!("{kind}-{}", node.id.trim_start_matches("m").trim_start_matches("i-"))
}

fn profile(api: &Api, node: &Node) -> Option<(String, String)> {
    let profile = node.profile.as_ref()?;
    let arn = format!("arn:aws:iam::{}:instance-profile/{}", api.world.account, profile.name);
    let letters: String = profile.name.to_uppercase().chars().filter(char::is_ascii_alphanumeric).collect();
    Some((arn, format!("AIPA{letters:A<17}")))
}

/// A time as EC2 has it.
fn date(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}

fn reservation(api: &Api, xml: &mut Xml, together: &[&Node]) {
    if let Some(first) = together.first() {
        xml.text("reservationId", &reservation_id(api, first));
    }
    xml.text("ownerId", &api.world.account);
    xml.element("groupSet", |_| ());
    xml.element("instancesSet", |xml| {
        for (place, node) in together.iter().enumerate() {
            xml.element("item", |xml| instance(api, xml, node, place));
        }
    });
}

/// One instance, with the members that EC2 gives every instance today.
fn instance(api: &Api, xml: &mut Xml, node: &Node, place: usize) {
    let Some((code, state)) = node.machine() else { return };
    // A terminated machine has given back its network.
    let networked = state != "terminated";
    let running = ["pending", "running"].contains(&state);
    xml.text("instanceId", &node.id);
    xml.text("imageId", &node.platform.image);
    xml.element("instanceState", |xml| {
        xml.text("code", &code.to_string());
        xml.text("name", state);
    });
    let private_name = if networked { node.host_name(&api.options.region) } else { String::new() };
    xml.text("privateDnsName", &private_name);
    let public = node.public_address();
    let public_name = public.as_ref().map(|address| public_name(api, address));
    xml.text("dnsName", public_name.as_deref().unwrap_or_default());
    xml.text("reason", &transition_reason(node));
    xml.text("keyName", KEY_NAME);
    xml.text("amiLaunchIndex", &place.to_string());
    xml.element("productCodes", |_| ());
    xml.text("instanceType", &node.instance_type);
    xml.text("launchTime", &date(node.launched));
    xml.element("placement", |xml| {
        xml.text("availabilityZone", &zone(api, node));
        xml.text("groupName", "");
        xml.text("tenancy", tenancy(node));
    });
    if node.platform.kind == PlatformKind::Windows {
        xml.text("platform", "windows");
    }
    xml.element("monitoring", |xml| xml.text("state", "disabled"));
    if networked {
        xml.text("subnetId", &node.network.subnet);
        xml.text("vpcId", &node.network.vpc);
        xml.text("privateIpAddress", &node.address());
        if let Some(public) = &public {
            xml.text("ipAddress", public);
        }
        xml.text("sourceDestCheck", "true");
    }
    xml.element("groupSet", |xml| {
        if networked {
            xml.element("item", |xml| group(xml, node));
        }
    });
    if !running {
        let (code, message) = state_reason(node);
        xml.element("stateReason", |xml| {
            xml.text("code", &code);
            xml.text("message", &message);
        });
    }
    xml.text("architecture", &node.platform.architecture);
    xml.text("rootDeviceType", "ebs");
    xml.text("rootDeviceName", "/dev/xvda");
    xml.element("blockDeviceMapping", |xml| {
        if networked {
            xml.element("item", |xml| {
                xml.text("deviceName", "/dev/xvda");
                xml.element("ebs", |xml| {
                    xml.text("volumeId", &named_after("vol", node));
                    xml.text("status", "attached");
                    xml.text("attachTime", &date(node.launched));
                    xml.text("deleteOnTermination", "true");
                });
            });
        }
    });
    xml.text("virtualizationType", "hvm");
    xml.text("clientToken", "");
    xml.element("tagSet", |xml| {
        tag(xml, "Name", &node.name);
        for (key, value) in &node.tags {
            tag(xml, key, value);
        }
    });
    xml.text("hypervisor", "xen");
    xml.element("networkInterfaceSet", |xml| {
        if networked {
            xml.element("item", |xml| interface(api, xml, node, public.as_deref()));
        }
    });
    if let Some((arn, id)) = profile(api, node) {
        xml.element("iamInstanceProfile", |xml| {
            xml.text("arn", &arn);
            xml.text("id", &id);
        });
    }
    options(xml, node);
}

fn options(xml: &mut Xml, node: &Node) {
    xml.text("ebsOptimized", "false");
    xml.text("enaSupport", "true");
    xml.element("cpuOptions", |xml| {
        xml.text("coreCount", "1");
        xml.text("threadsPerCore", "2");
    });
    xml.element("capacityReservationSpecification", |xml| xml.text("capacityReservationPreference", "open"));
    xml.element("hibernationOptions", |xml| xml.text("configured", "false"));
    xml.element("enclaveOptions", |xml| xml.text("enabled", "false"));
    xml.element("metadataOptions", |xml| {
        xml.text("state", "applied");
        xml.text("httpTokens", "required");
        xml.text("httpPutResponseHopLimit", "2");
        xml.text("httpEndpoint", if node.metadata == Metadata::Enabled { "enabled" } else { "disabled" });
        xml.text("httpProtocolIpv6", "disabled");
        xml.text("instanceMetadataTags", "disabled");
    });
    xml.text("platformDetails", platform_details(node));
    let operation = match node.platform.kind {
        PlatformKind::Windows => "RunInstances:0002",
        _ if node.platform.details.is_some() => "RunInstances:0010",
        _ => "RunInstances",
    };
    xml.text("usageOperation", operation);
    xml.text("usageOperationUpdateTime", &date(node.launched));
    xml.element("privateDnsNameOptions", |xml| {
        xml.text("hostnameType", "ip-name");
        xml.text("enableResourceNameDnsARecord", "false");
        xml.text("enableResourceNameDnsAAAARecord", "false");
    });
    xml.element("maintenanceOptions", |xml| xml.text("autoRecovery", "default"));
    xml.text("currentInstanceBootMode", "uefi");
}

fn interface(api: &Api, xml: &mut Xml, node: &Node, public: Option<&str>) {
    let association = |xml: &mut Xml| {
        if let Some(public) = public {
            xml.element("association", |xml| {
                xml.text("publicIp", public);
                xml.text("publicDnsName", &public_name(api, public));
                xml.text("ipOwnerId", "amazon");
            });
        }
    };
    let private_name = node.host_name(&api.options.region);
    xml.text("networkInterfaceId", &named_after("eni", node));
    xml.text("subnetId", &node.network.subnet);
    xml.text("vpcId", &node.network.vpc);
    xml.text("description", "");
    xml.text("ownerId", &api.world.account);
    xml.text("status", "in-use");
    xml.text(
        "macAddress",
        &format!(
            "02:00:00:{:02x}:{:02x}:{:02x}",
            node.index >> 16 & 255,
            node.index >> 8 & 255,
            node.index & 255
        ),
    );
    xml.text("privateIpAddress", &node.address());
    xml.text("privateDnsName", &private_name);
    xml.text("sourceDestCheck", "true");
    xml.element("groupSet", |xml| xml.element("item", |xml| group(xml, node)));
    xml.element("attachment", |xml| {
        xml.text("attachmentId", &named_after("eni-attach", node));
        xml.text("deviceIndex", "0");
        xml.text("status", "attached");
        xml.text("attachTime", &date(node.launched));
        xml.text("deleteOnTermination", "true");
        xml.text("networkCardIndex", "0");
    });
    association(xml);
    xml.element("privateIpAddressesSet", |xml| {
        xml.element("item", |xml| {
            xml.text("privateIpAddress", &node.address());
            xml.text("privateDnsName", &private_name);
            xml.text("primary", "true");
            association(xml);
        });
    });
    xml.element("ipv6AddressesSet", |_| ());
    xml.text("interfaceType", "interface");
}

fn public_name(api: &Api, address: &str) -> String {
    format!("ec2-{}.{}.compute.amazonaws.com", address.replace('.', "-"), api.options.region)
}

fn group(xml: &mut Xml, node: &Node) {
    xml.text("groupId", &node.network.group);
    xml.text("groupName", "fleet");
}

fn tag(xml: &mut Xml, key: &str, value: &str) {
    xml.element("item", |xml| {
        xml.text("key", key);
        xml.text("value", value);
    });
}

/// StateTransitionReason: empty while it runs.
fn transition_reason(node: &Node) -> String {
    match node.reason.as_ref() {
        "" => String::new(),
        "User initiated" => format!("User initiated ({})", node.since.strftime("%Y-%m-%d %H:%M:%S GMT")),
        server => format!("{server}: Spot instance termination"),
    }
}

fn state_reason(node: &Node) -> (String, String) {
    match node.reason.as_ref() {
        "" | "User initiated" => (
            "Client.UserInitiatedShutdown".to_owned(),
            "Client.UserInitiatedShutdown: User initiated shutdown".to_owned(),
        ),
        server => (server.to_owned(), format!("{server}: Spot instance termination")),
    }
}
