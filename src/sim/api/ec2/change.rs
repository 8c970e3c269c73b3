//! What EC2's callers change: machines and their profiles, and the networks they stand in.

mod machine;
mod network;

pub(super) use self::{
    machine::{
        allocate_address, associate_address, associate_iam_instance_profile,
        disassociate_iam_instance_profile, modify_instance_metadata_options, reboot_instances,
        replace_iam_instance_profile_association, start_instances, stop_instances,
    },
    network::{
        authorize_security_group_egress, authorize_security_group_ingress, create_network_acl_entry,
        create_route, create_vpc_endpoint, modify_vpc_attribute, modify_vpc_endpoint, replace_route,
    },
};
use super::{NAMESPACE, refuse_dry_run};
use crate::sim::api::{
    Context,
    error::{ApiError, Wire},
    form::Form,
    random,
    xml::Xml,
};

/// Lets a call in: its parameters, its right, and whether it was only a question.
fn enter(context: &Context<'_>, form: &Form, operation: &str, known: &[&str]) -> Result<(), ApiError> {
    form.only(&[known, &["DryRun"]].concat())?;
    context.permit(Wire::Ec2, &format!("ec2:{operation}"), None)?;
    refuse_dry_run(form)
}

/// An answer with what `content` writes in it.
fn answer(context: &Context<'_>, operation: &str, content: impl FnOnce(&mut Xml)) -> String {
    Xml::document(&format!("{operation}Response"), Some(NAMESPACE), |xml| {
        xml.text("requestId", context.request_id);
        content(xml);
    })
}

/// A new id of a kind: `vpce-…`.
fn new_id(kind: &str) -> String {
    let hex: String = random::bytes::<9>().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{kind}-0{}", &hex[..16])
}

/// A parameter that is one of some words.
fn word<'a>(form: &'a Form, name: &str, words: &[&str]) -> Result<Option<&'a str>, ApiError> {
    match form.get(name) {
        Some(value) if !words.contains(&value) => {
            let text = format!(
                "Value ({value}) for parameter {name} is invalid. Valid values: {}",
                words.join(", ")
            );
            Err(ApiError::common("InvalidParameterValue", text))
        }
        value => Ok(value),
    }
}

/// A parameter that is true or false.
fn truth(form: &Form, name: &str) -> Result<Option<bool>, ApiError> {
    Ok(word(form, name, &["true", "false"])?.map(|value| value == "true"))
}
