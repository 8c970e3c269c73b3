//! EC2's lists beside the instances themselves: their status checks, the profiles they took, the images they came from.

use jiff::SignedDuration;

use super::{date, list::Listing, list::name_tag, named, zone};
use crate::sim::{
    api::{Context, error::ApiError, form::Form, xml::Xml},
    world::{MachineState, Node, Platform, PlatformKind},
};

/// How long the checks of a machine take after its launch.
const INITIALIZING: SignedDuration = SignedDuration::from_mins(2);

/// DescribeInstanceStatus: of running instances, unless all are asked for.
pub(super) fn describe_instance_status(context: &Context<'_>, form: &Form) -> Result<String, ApiError> {
    let listing = Listing::<Node> {
        operation: "DescribeInstanceStatus",
        set: "instanceStatusSet",
        more: &["IncludeAllInstances"],
        ids: ("InstanceId", "InvalidInstanceID.NotFound", "The instance ID '{}' does not exist"),
        id: |node| &node.id,
        filters: &[
            "availability-zone",
            "instance-state-code",
            "instance-state-name",
            "instance-status.status",
            "system-status.status",
        ],
        values: |context, node, filter| {
            let (code, state) = node.machine(context.now).unwrap_or_default();
            match filter {
                "availability-zone" => vec![zone(context.api, node)],
                "instance-state-code" => vec![code.to_string()],
                "instance-state-name" => vec![state.to_owned()],
                "instance-status.status" => vec![checks(context, node).0.to_owned()],
                "system-status.status" => vec![checks(context, node).1.to_owned()],
                _ => Vec::new(),
            }
        },
        write: |context, xml, node| {
            let (code, state) = node.machine(context.now).unwrap_or_default();
            let (instance, system) = checks(context, node);
            xml.text("instanceId", &node.id);
            xml.text("availabilityZone", &zone(context.api, node));
            xml.element("instanceState", |xml| {
                xml.text("code", &code.to_string());
                xml.text("name", state);
            });
            for (name, status) in [("instanceStatus", instance), ("systemStatus", system)] {
                xml.element(name, |xml| {
                    xml.text("status", status);
                    xml.element("details", |xml| {
                        if status == "not-applicable" {
                            return;
                        }
                        xml.element("item", |xml| {
                            xml.text("name", "reachability");
                            let (word, failed) = match status {
                                "ok" => ("passed", false),
                                "impaired" => ("failed", true),
                                other => (other, false),
                            };
                            xml.text("status", word);
                            if failed {
                                xml.text("impairedSince", &date(context.api.started));
                            }
                        });
                    });
                });
            }
        },
    };
    let ids = form.list("InstanceId");
    named(context, &ids)?;
    let all = form.get("IncludeAllInstances") == Some("true");
    let shown = context.world.nodes().iter().map(|node| &**node).filter(|node| {
        node.machine(context.now).is_some()
            && (all || !ids.is_empty() || node.state(context.now) == MachineState::Running)
    });
    listing.answer(context, form, &shown.collect::<Vec<_>>())
}

/// What the two checks say: of the instance, and of the system under it.
fn checks(context: &Context<'_>, node: &Node) -> (&'static str, &'static str) {
    match node.state(context.now) {
        MachineState::Running if node.impaired => ("impaired", "ok"),
        MachineState::Running if context.now.duration_since(node.launched) < INITIALIZING => {
            ("initializing", "initializing")
        }
        MachineState::Running => ("ok", "ok"),
        MachineState::Pending => ("initializing", "initializing"),
        _ => ("not-applicable", "not-applicable"),
    }
}

/// DescribeIamInstanceProfileAssociations.
pub(super) fn describe_iam_instance_profile_associations(
    context: &Context<'_>,
    form: &Form,
) -> Result<String, ApiError> {
    let listing = Listing::<Node> {
        operation: "DescribeIamInstanceProfileAssociations",
        set: "iamInstanceProfileAssociationSet",
        more: &[],
        ids: (
            "AssociationId",
            "InvalidAssociationID.NotFound",
            "An invalid association-id of '{}' was given",
        ),
        id: |node| node.profile.as_ref().map_or("", |profile| &profile.id),
        filters: &["instance-id", "state"],
        values: |_, node, filter| match filter {
            "instance-id" => vec![node.id.to_string()],
            "state" => vec!["associated".to_owned()],
            _ => Vec::new(),
        },
        write: |context, xml, node| association(context, xml, node, "associated"),
    };
    let with_profile = |node: &&Node| node.machine(context.now).is_some() && node.profile.is_some();
    let shown = context.world.nodes().iter().map(|node| &**node).filter(with_profile);
    listing.answer(context, form, &shown.collect::<Vec<_>>())
}

pub(super) fn association(context: &Context<'_>, xml: &mut Xml, node: &Node, state: &str) {
    let Some(profile) = &node.profile else { return };
    xml.text("associationId", &profile.id);
    xml.text("instanceId", &node.id);
    xml.element("iamInstanceProfile", |xml| {
        xml.text("arn", &context.world.identity.profile_arn(&profile.profile));
        xml.text("id", &profile.profile_id);
    });
    xml.text("state", state);
    xml.text("timestamp", &date(profile.since));
}

/// DescribeImages: those that the machines here came from.
pub(super) fn describe_images(context: &Context<'_>, form: &Form) -> Result<String, ApiError> {
    let listing = Listing::<Platform> {
        operation: "DescribeImages",
        set: "imagesSet",
        more: &["Owner", "ExecutableBy", "IncludeDeprecated", "IncludeDisabled"],
        ids: ("ImageId", "InvalidAMIID.NotFound", "The image id '[{}]' does not exist"),
        id: |platform| &platform.image,
        filters: &["architecture", "image-id", "is-public", "name", "owner-alias", "platform", "state"],
        values: |_, platform, filter| match filter {
            "architecture" => vec![platform.architecture.clone()],
            "image-id" => vec![platform.image.clone()],
            "is-public" => vec!["true".to_owned()],
            "name" => vec![image_name(platform)],
            "owner-alias" => vec!["amazon".to_owned()],
            "platform" if platform.kind == PlatformKind::Windows => vec!["windows".to_owned()],
            "state" => vec!["available".to_owned()],
            _ => Vec::new(),
        },
        write: |_, xml, platform| {
            xml.text("imageId", &platform.image);
            xml.text("imageLocation", &format!("amazon/{}", image_name(platform)));
            xml.text("imageState", "available");
            xml.text("imageOwnerId", "137112412989");
            xml.text("creationDate", "2026-01-15T00:00:00.000Z");
            xml.text("isPublic", "true");
            xml.text("architecture", &platform.architecture);
            xml.text("imageType", "machine");
            let windows = platform.kind == PlatformKind::Windows;
            if windows {
                xml.text("platform", "windows");
            }
            let usual = if windows { "Windows" } else { "Linux/UNIX" };
            xml.text("platformDetails", platform.details.as_deref().unwrap_or(usual));
            xml.text("imageOwnerAlias", "amazon");
            xml.text("name", &image_name(platform));
            xml.text("description", &format!("{} {}", platform.name, platform.version));
            xml.text("rootDeviceType", "ebs");
            xml.text("rootDeviceName", "/dev/xvda");
            xml.text("virtualizationType", "hvm");
            xml.text("hypervisor", "xen");
            xml.text("enaSupport", "true");
            name_tag(xml, "");
        },
    };
    let mut images: Vec<&Platform> = (context.world.nodes().iter())
        .filter(|node| node.machine(context.now).is_some())
        .map(|node| &*node.platform)
        .collect();
    images.sort_unstable_by(|a, b| a.image.cmp(&b.image));
    images.dedup_by(|a, b| a.image == b.image);
    listing.answer(context, form, &images)
}

/// As the makers of images name them.
fn image_name(platform: &Platform) -> String {
    match platform.name.as_str() {
        "Amazon Linux" if platform.version == "2023" => {
            "al2023-ami-2023.6.20260115.0-kernel-6.1-x86_64".to_owned()
        }
        "Amazon Linux" => "amzn2-ami-kernel-5.10-hvm-2.0.20260115.0-x86_64-gp2".to_owned(),
        "Ubuntu" => {
            let code = if platform.version == "22.04" { "jammy" } else { "focal" };
            format!("ubuntu/images/hvm-ssd/ubuntu-{code}-{}-amd64-server-20260115", platform.version)
        }
        "Debian GNU/Linux" => format!("debian-{}-amd64-20260115-2000", platform.version),
        "Red Hat Enterprise Linux" => {
            format!("RHEL-{}.0_HVM-20260115-x86_64-0-Hourly2-GP3", platform.version)
        }
        "macOS" => format!("amzn-ec2-macos-{}-20260115-000000-arm64", platform.version),
        name => format!(
            "Windows_Server-{}-English-Full-Base-2026.01.15",
            name.split(' ').nth(3).unwrap_or("2022")
        ),
    }
}
