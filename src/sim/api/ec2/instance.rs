//! How EC2 writes an instance, with the members that every instance has today.

use jiff::Timestamp;

use super::{KEY_NAME, named_after, platform_details, profile, reservation_id, tenancy, zone};
use crate::sim::{
    api::{Context, xml::Xml},
    world::{Metadata, Node, PlatformKind},
};

/// A time as EC2 has it.
pub(super) fn date(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}

/// One reservation: what was launched together.
pub(super) fn reservation(context: &Context<'_>, xml: &mut Xml, together: &[&Node]) {
    if let Some(first) = together.first() {
        xml.text("reservationId", &reservation_id(context, first));
    }
    xml.text("ownerId", &context.api.account);
    xml.element("groupSet", |_| ());
    xml.element("instancesSet", |xml| {
        for (place, node) in together.iter().enumerate() {
            xml.element("item", |xml| instance(context, xml, node, place));
        }
    });
}

fn instance(context: &Context<'_>, xml: &mut Xml, node: &Node, place: usize) {
    let Some((code, state)) = node.machine(context.now) else { return };
    // A terminated machine has given back its network.
    let networked = state != "terminated";
    let running = ["pending", "running"].contains(&state);
    xml.text("instanceId", &node.id);
    xml.text("imageId", &node.platform.image);
    xml.element("instanceState", |xml| {
        xml.text("code", &code.to_string());
        xml.text("name", state);
    });
    let private_name = if networked { node.host_name(&context.api.options.region) } else { String::new() };
    xml.text("privateDnsName", &private_name);
    let public = node.public_address(context.now);
    let public_name = public.as_ref().map(|address| public_name(context, address));
    xml.text("dnsName", public_name.as_deref().unwrap_or_default());
    xml.text("reason", &transition_reason(node, context.now));
    xml.text("keyName", KEY_NAME);
    xml.text("amiLaunchIndex", &place.to_string());
    xml.element("productCodes", |_| ());
    xml.text("instanceType", &node.instance_type);
    xml.text("launchTime", &date(node.launched));
    xml.element("placement", |xml| {
        xml.text("availabilityZone", &zone(context.api, node));
        xml.text("groupName", "");
        xml.text("tenancy", tenancy(node));
    });
    if node.platform.kind == PlatformKind::Windows {
        xml.text("platform", "windows");
    }
    xml.element("monitoring", |xml| xml.text("state", "disabled"));
    if networked {
        xml.text("subnetId", &node.site.subnet);
        xml.text("vpcId", &node.site.vpc);
        xml.text("privateIpAddress", &node.address());
        if let Some(public) = &public {
            xml.text("ipAddress", public);
        }
        xml.text("sourceDestCheck", "true");
    }
    xml.element("groupSet", |xml| {
        if networked {
            groups(context, xml, node);
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
            xml.element("item", |xml| interface(context, xml, node, public.as_deref()));
        }
    });
    if let Some((arn, id)) = profile(context, node) {
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

fn interface(context: &Context<'_>, xml: &mut Xml, node: &Node, public: Option<&str>) {
    let association = |xml: &mut Xml| {
        if let Some(public) = public {
            xml.element("association", |xml| {
                xml.text("publicIp", public);
                xml.text("publicDnsName", &public_name(context, public));
                xml.text("ipOwnerId", "amazon");
            });
        }
    };
    let private_name = node.host_name(&context.api.options.region);
    xml.text("networkInterfaceId", &named_after("eni", node));
    xml.text("subnetId", &node.site.subnet);
    xml.text("vpcId", &node.site.vpc);
    xml.text("description", "");
    xml.text("ownerId", &context.api.account);
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
    xml.element("groupSet", |xml| groups(context, xml, node));
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

fn public_name(context: &Context<'_>, address: &str) -> String {
    format!("ec2-{}.{}.compute.amazonaws.com", address.replace('.', "-"), context.api.options.region)
}

fn groups(context: &Context<'_>, xml: &mut Xml, node: &Node) {
    for group in node.site.groups.iter().filter_map(|id| context.world.network.group(id)) {
        xml.element("item", |xml| {
            xml.text("groupId", &group.id);
            xml.text("groupName", &group.name);
        });
    }
}

pub(super) fn tag(xml: &mut Xml, key: &str, value: &str) {
    xml.element("item", |xml| {
        xml.text("key", key);
        xml.text("value", value);
    });
}

/// StateTransitionReason: empty while it runs.
fn transition_reason(node: &Node, now: Timestamp) -> String {
    let (_, since) = node.life.at(now);
    match node.reason.as_ref() {
        "" => String::new(),
        "User initiated" => format!("User initiated ({})", since.strftime("%Y-%m-%d %H:%M:%S GMT")),
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
