//! Changes of machines: their power, their instance profile, their metadata service, their address.

use super::{answer, enter, new_id, truth, word};
use crate::sim::{
    api::{
        Context,
        ec2::{named, needed, status},
        error::ApiError,
        form::Form,
    },
    world::{Metadata, Node, World, change::StateError, network::Address, node::Association},
};

type Switch = fn(&mut World, usize, jiff::Timestamp) -> Result<(), StateError>;

/// StartInstances.
pub(in crate::sim::api::ec2) fn start_instances(
    context: &Context<'_>,
    form: &Form,
) -> Result<String, ApiError> {
    switch(context, form, "StartInstances", &["InstanceId", "AdditionalInfo"], World::start)
}

/// StopInstances.
pub(in crate::sim::api::ec2) fn stop_instances(
    context: &Context<'_>,
    form: &Form,
) -> Result<String, ApiError> {
    let known = ["InstanceId", "Force", "Hibernate", "SkipOsShutdown"];
    switch(context, form, "StopInstances", &known, World::stop)
}

/// RebootInstances.
pub(in crate::sim::api::ec2) fn reboot_instances(
    context: &Context<'_>,
    form: &Form,
) -> Result<String, ApiError> {
    enter(context, form, "RebootInstances", &["InstanceId"])?;
    let nodes = asked(context, form)?;
    context.api.change(context.now, |world| turn(world, &nodes, World::reboot, context.now))?;
    end_sessions(context, &nodes);
    Ok(answer(context, "RebootInstances", |xml| xml.text("return", "true")))
}

fn asked<'a>(context: &Context<'a>, form: &Form) -> Result<Vec<&'a Node>, ApiError> {
    let ids = form.list("InstanceId");
    if ids.is_empty() {
        let text = "The request must contain the parameter InstanceId";
        return Err(ApiError::common("MissingParameter", text));
    }
    named(context, &ids)
}

fn turn(world: &mut World, nodes: &[&Node], switch: Switch, now: jiff::Timestamp) -> Result<(), ApiError> {
    for node in nodes {
        switch(world, node.index, now).map_err(|error| wrong_state(&node.id, error))?;
    }
    Ok(())
}

/// A machine that goes down takes its sessions with it. One that stands has none.
fn end_sessions(context: &Context<'_>, nodes: &[&Node]) {
    for node in nodes {
        context.api.gateway.end_target(node.managed_id(), "");
    }
}

fn wrong_state(id: &str, error: StateError) -> ApiError {
    let state = match error {
        StateError::Terminated => "terminated",
        StateError::Now(state) => state,
    };
    let text = format!("The instance '{id}' is not in a state from which it can be changed: it is {state}.");
    ApiError::common("IncorrectInstanceState", text)
}

fn switch(
    context: &Context<'_>,
    form: &Form,
    operation: &str,
    known: &[&str],
    switch: Switch,
) -> Result<String, ApiError> {
    enter(context, form, operation, known)?;
    let nodes = asked(context, form)?;
    context.api.change(context.now, |world| turn(world, &nodes, switch, context.now))?;
    end_sessions(context, &nodes);
    let after = context.api.world();
    Ok(answer(context, operation, |xml| {
        xml.element("instancesSet", |xml| {
            for node in &nodes {
                let is = after.nodes()[node.index].machine(context.now);
                xml.element("item", |xml| {
                    xml.text("instanceId", &node.id);
                    let states = [("currentState", is), ("previousState", node.machine(context.now))];
                    for (name, state) in states {
                        let (code, state) = state.unwrap_or_default();
                        xml.element(name, |xml| {
                            xml.text("code", &code.to_string());
                            xml.text("name", state);
                        });
                    }
                });
            }
        });
    }))
}

/// The name of the profile that a call means, which must exist.
fn profile<'a>(context: &Context<'a>, form: &Form) -> Result<&'a str, ApiError> {
    let identity = &context.world.identity;
    let name = match (form.get("IamInstanceProfile.Name"), form.get("IamInstanceProfile.Arn")) {
        (Some(name), None) => name,
        (None, Some(arn)) => match arn.split_once(":instance-profile/") {
            Some((_, name)) if identity.profile_arn(name) == arn => name,
            _ => {
                let text = format!(
                    "Value ({arn}) for parameter iamInstanceProfile.arn is invalid. Invalid IAM Instance Profile ARN"
                );
                return Err(ApiError::common("InvalidParameterValue", text));
            }
        },
        (Some(_), Some(_)) => {
            let text = "The parameter 'iamInstanceProfile.name' may not be used in combination with 'iamInstanceProfile.arn'";
            return Err(ApiError::common("InvalidParameterCombination", text));
        }
        (None, None) => {
            let text = "The request must contain the parameter IamInstanceProfile";
            return Err(ApiError::common("MissingParameter", text));
        }
    };
    identity.profiles.get(name).map(|profile| profile.name.as_str()).ok_or_else(|| {
        let text = format!(
            "Value ({name}) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name"
        );
        ApiError::common("InvalidParameterValue", text)
    })
}

/// AssociateIamInstanceProfile.
pub(in crate::sim::api::ec2) fn associate_iam_instance_profile(
    context: &Context<'_>,
    form: &Form,
) -> Result<String, ApiError> {
    const OPERATION: &str = "AssociateIamInstanceProfile";
    enter(context, form, OPERATION, &["IamInstanceProfile", "InstanceId"])?;
    let id = needed(form, "InstanceId")?;
    let name = profile(context, form)?;
    let [node] = named(context, &[id])?[..] else { return Err(no_instance(id)) };
    if let Some(held) = &node.profile {
        let text = format!("There is an existing association for instance {id} ({})", held.id);
        return Err(ApiError::common("IncorrectState", text));
    }
    associate(context, OPERATION, node, name)
}

/// ReplaceIamInstanceProfileAssociation.
pub(in crate::sim::api::ec2) fn replace_iam_instance_profile_association(
    context: &Context<'_>,
    form: &Form,
) -> Result<String, ApiError> {
    const OPERATION: &str = "ReplaceIamInstanceProfileAssociation";
    enter(context, form, OPERATION, &["IamInstanceProfile", "AssociationId"])?;
    let name = profile(context, form)?;
    let node = holder(context, needed(form, "AssociationId")?)?;
    associate(context, OPERATION, node, name)
}

fn associate(context: &Context<'_>, operation: &str, node: &Node, name: &str) -> Result<String, ApiError> {
    let association = Association {
        id: new_id("iip-assoc"),
        profile: name.to_owned(),
        profile_id: context
            .world
            .identity
            .profiles
            .get(name)
            .map(|profile| profile.id.clone())
            .unwrap_or_default(),
        since: context.now,
    };
    context.api.change(context.now, |world| {
        let held = |node: &Node| node.profile.as_ref().map(|profile| profile.id.clone());
        if held(&world.nodes()[node.index]) != held(node) {
            let text = format!("The association of instance {} has changed meanwhile", node.id);
            return Err(ApiError::common("IncorrectState", text));
        }
        world.associate(node.index, Some(association));
        Ok(())
    })?;
    let after = context.api.world();
    Ok(answer(context, operation, |xml| {
        xml.element("iamInstanceProfileAssociation", |xml| {
            status::association(context, xml, &after.nodes()[node.index], "associating");
        });
    }))
}

/// DisassociateIamInstanceProfile.
pub(in crate::sim::api::ec2) fn disassociate_iam_instance_profile(
    context: &Context<'_>,
    form: &Form,
) -> Result<String, ApiError> {
    const OPERATION: &str = "DisassociateIamInstanceProfile";
    enter(context, form, OPERATION, &["AssociationId"])?;
    let node = holder(context, needed(form, "AssociationId")?)?;
    context.api.change(context.now, |world| {
        world.associate(node.index, None);
        Ok(())
    })?;
    Ok(answer(context, OPERATION, |xml| {
        xml.element("iamInstanceProfileAssociation", |xml| {
            status::association(context, xml, node, "disassociating");
        });
    }))
}

/// The node that an association is of.
fn holder<'a>(context: &Context<'a>, association: &str) -> Result<&'a Node, ApiError> {
    let holds = |node: &&Node| node.profile.as_ref().is_some_and(|profile| profile.id == association);
    context.world.nodes().iter().map(|node| &**node).find(holds).ok_or_else(|| {
        let text = format!("An invalid association-id of '{association}' was given");
        ApiError::common("InvalidAssociationID.NotFound", text)
    })
}

/// ModifyInstanceMetadataOptions.
pub(in crate::sim::api::ec2) fn modify_instance_metadata_options(
    context: &Context<'_>,
    form: &Form,
) -> Result<String, ApiError> {
    const OPERATION: &str = "ModifyInstanceMetadataOptions";
    let known = [
        "InstanceId",
        "HttpTokens",
        "HttpPutResponseHopLimit",
        "HttpEndpoint",
        "HttpProtocolIpv6",
        "InstanceMetadataTags",
    ];
    enter(context, form, OPERATION, &known)?;
    let id = needed(form, "InstanceId")?;
    let endpoint = word(form, "HttpEndpoint", &["enabled", "disabled"])?;
    let tokens = word(form, "HttpTokens", &["required", "optional"])?.unwrap_or("required");
    let [node] = named(context, &[id])?[..] else { return Err(no_instance(id)) };
    let metadata = match endpoint {
        Some("disabled") => Metadata::Disabled,
        Some(_) => Metadata::Enabled,
        None => node.metadata,
    };
    context.api.change(context.now, |world| {
        world.set_metadata(node.index, metadata);
        Ok(())
    })?;
    Ok(answer(context, OPERATION, |xml| {
        xml.text("instanceId", id);
        xml.element("instanceMetadataOptions", |xml| {
            xml.text("state", "pending");
            xml.text("httpTokens", tokens);
            xml.text("httpPutResponseHopLimit", form.get("HttpPutResponseHopLimit").unwrap_or("2"));
            xml.text("httpEndpoint", if metadata == Metadata::Enabled { "enabled" } else { "disabled" });
            xml.text("httpProtocolIpv6", "disabled");
            xml.text("instanceMetadataTags", "disabled");
        });
    }))
}

fn no_instance(id: &str) -> ApiError {
    ApiError::common("InvalidInstanceID.NotFound", format!("The instance ID '{id}' does not exist"))
}

/// AllocateAddress.
pub(in crate::sim::api::ec2) fn allocate_address(
    context: &Context<'_>,
    form: &Form,
) -> Result<String, ApiError> {
    const OPERATION: &str = "AllocateAddress";
    enter(context, form, OPERATION, &["Domain", "TagSpecification", "NetworkBorderGroup"])?;
    word(form, "Domain", &["vpc"])?;
    let allocation = new_id("eipalloc");
    let address = context.api.change(context.now, |world| {
        let count = world.network.addresses.len();
        // EC2's own default quota.
        if count >= 5 {
            let text = "The maximum number of addresses has been reached.";
            return Err(ApiError::common("AddressLimitExceeded", text));
        }
        let address = format!("203.0.113.{}", 100 + count);
        world.network.addresses.push(Address {
            allocation: allocation.clone(),
            address: address.clone(),
            association: None,
        });
        Ok(address)
    })?;
    Ok(answer(context, OPERATION, |xml| {
        xml.text("publicIp", &address);
        xml.text("domain", "vpc");
        xml.text("allocationId", &allocation);
        xml.text("publicIpv4Pool", "amazon");
        xml.text("networkBorderGroup", &context.api.options.region);
    }))
}

/// AssociateAddress.
pub(in crate::sim::api::ec2) fn associate_address(
    context: &Context<'_>,
    form: &Form,
) -> Result<String, ApiError> {
    const OPERATION: &str = "AssociateAddress";
    enter(context, form, OPERATION, &["AllocationId", "InstanceId", "AllowReassociation"])?;
    let (allocation, id) = (needed(form, "AllocationId")?, needed(form, "InstanceId")?);
    truth(form, "AllowReassociation")?;
    let [node] = named(context, &[id])?[..] else { return Err(no_instance(id)) };
    let association = new_id("eipassoc");
    context.api.change(context.now, |world| {
        let addresses = &world.network.addresses;
        let at = addresses.iter().position(|address| address.allocation == allocation).ok_or_else(|| {
            let text = format!("The allocation ID '{allocation}' does not exist");
            ApiError::common("InvalidAllocationID.NotFound", text)
        })?;
        if addresses[at].association.as_ref().is_some_and(|(_, instance)| instance != id) {
            let text = format!("resource {allocation} is already associated with associate-id");
            return Err(ApiError::common("Resource.AlreadyAssociated", text));
        }
        world.tie(at, &association, node.index);
        Ok(())
    })?;
    Ok(answer(context, OPERATION, |xml| {
        xml.text("associationId", &association);
    }))
}
