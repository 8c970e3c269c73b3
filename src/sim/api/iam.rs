//! IAM, 2010-05-08, in the query protocol: what explains a role's rights, and what mends them. An account has one, whatever the
//! region.

mod change;
mod simulate;

use jiff::{SignedDuration, Timestamp};
use url::form_urlencoded;

use super::{
    Context, FormOperation,
    error::{ApiError, Wire},
    form::Form,
    page,
    xml::Xml,
};
use crate::sim::world::identity::{Identity, InstanceProfile, Managed, Role};

/// The one version there is.
pub(super) const VERSION: &str = "2010-05-08";
const NAMESPACE: &str = "https://iam.amazonaws.com/doc/2010-05-08/";

/// The operations, by their names.
pub(super) fn operation(name: &str) -> Option<FormOperation> {
    Some(match name {
        "GetInstanceProfile" => get_instance_profile,
        "ListInstanceProfiles" => list_instance_profiles,
        "GetRole" => get_role,
        "ListAttachedRolePolicies" => list_attached_role_policies,
        "ListRolePolicies" => list_role_policies,
        "GetRolePolicy" => get_role_policy,
        "GetPolicy" => get_policy,
        "GetPolicyVersion" => get_policy_version,
        "ListAccountAliases" => list_account_aliases,
        "SimulatePrincipalPolicy" => simulate::simulate_principal_policy,
        "AttachRolePolicy" => change::attach_role_policy,
        "DetachRolePolicy" => change::detach_role_policy,
        "PutRolePolicy" => change::put_role_policy,
        "DeleteRolePolicy" => change::delete_role_policy,
        "UpdateAssumeRolePolicy" => change::update_assume_role_policy,
        "AddRoleToInstanceProfile" => change::add_role_to_instance_profile,
        "RemoveRoleFromInstanceProfile" => change::remove_role_from_instance_profile,
        _ => return None,
    })
}

fn missing(text: String) -> ApiError {
    ApiError::common("NoSuchEntity", text).status(404)
}

/// A parameter that must be there.
fn needed<'a>(form: &'a Form, name: &str) -> Result<&'a str, ApiError> {
    form.get(name).ok_or_else(|| {
        let mut chars = name.chars();
        let first = chars.next().map(|first| first.to_ascii_lowercase());
        let name: String = first.into_iter().chain(chars).collect();
        let text = format!(
            "1 validation error detected: Value null at '{name}' failed to satisfy constraint: Member must not be null"
        );
        ApiError::common("ValidationError", text)
    })
}

fn find_role<'a>(identity: &'a Identity, name: &str) -> Result<&'a Role, ApiError> {
    let found = identity.roles.get(name);
    found.ok_or_else(|| missing(format!("The role with name {name} cannot be found.")))
}

fn find_profile<'a>(identity: &'a Identity, name: &str) -> Result<&'a InstanceProfile, ApiError> {
    let found = identity.profiles.get(name);
    found.ok_or_else(|| missing(format!("Instance Profile {name} cannot be found.")))
}

fn find_policy<'a>(identity: &'a Identity, arn: &str) -> Result<&'a Managed, ApiError> {
    identity.policies.get(arn).ok_or_else(|| missing(format!("Policy {arn} was not found.")))
}

/// Lets a call in, by its parameters and the right to a resource.
fn enter(
    context: &Context<'_>,
    form: &Form,
    operation: &str,
    known: &[&str],
    resource: &str,
) -> Result<(), ApiError> {
    form.only(known)?;
    context.permit(Wire::Query, &format!("iam:{operation}"), Some(resource))
}

/// The ARN that policies name a role by, existing or not.
fn role_resource(context: &Context<'_>, name: &str) -> String {
    let identity = &context.world.identity;
    let found = identity.roles.get(name).map(|role| identity.role_arn(role));
    found.unwrap_or_else(|| format!("arn:aws:iam::{}:role/{name}", context.api.account))
}

/// An answer with its result.
fn answer(context: &Context<'_>, operation: &str, content: impl FnOnce(&mut Xml)) -> String {
    Xml::document(&format!("{operation}Response"), Some(NAMESPACE), |xml| {
        xml.element(&format!("{operation}Result"), content);
        xml.element("ResponseMetadata", |xml| xml.text("RequestId", context.request_id));
    })
}

/// An answer of an operation that only does something.
fn done(context: &Context<'_>, operation: &str) -> String {
    Xml::document(&format!("{operation}Response"), Some(NAMESPACE), |xml| {
        xml.element("ResponseMetadata", |xml| xml.text("RequestId", context.request_id));
    })
}

/// A page of a list, with IAM's markers.
fn pages<T>(
    context: &Context<'_>,
    form: &Form,
    (operation, list): (&str, &str),
    all: &[T],
    write: impl Fn(&mut Xml, &T),
) -> Result<String, ApiError> {
    let invalid = |text: String| ApiError::common("ValidationError", text);
    let size = match form.get("MaxItems").map(str::parse::<usize>) {
        None => 100,
        Some(Ok(size @ 1..=1000)) => size,
        Some(_) => {
            let text =
                "Value at 'maxItems' failed to satisfy constraint: Member must have value between 1 and 1000";
            return Err(invalid(format!("1 validation error detected: {text}")));
        }
    };
    let tokens = &context.api.tokens;
    // Everything but the marker is the question.
    let question = format!("{operation}\n{:?}\n{:?}", form.get("RoleName"), form.get("PolicySourceArn"));
    let from = match form.get("Marker") {
        None => 0,
        Some(marker) => {
            tokens.open(&question, marker).ok_or_else(|| invalid("Invalid Marker.".to_owned()))?
        }
    };
    let all: Vec<&T> = all.iter().collect();
    let (shown, next) = page::walk(&all, from, size, |one| Some(*one));
    Ok(answer(context, operation, |xml| {
        xml.element(list, |xml| {
            for one in shown {
                write(xml, one);
            }
        });
        xml.text("IsTruncated", &next.is_some().to_string());
        if let Some(place) = next {
            xml.text("Marker", &tokens.seal(&question, place));
        }
    }))
}

/// A time as IAM has it.
fn date(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// When everything in IAM was made.
fn made(context: &Context<'_>) -> String {
    date(context.api.started - SignedDuration::from_hours(400 * 24))
}

/// A document as IAM hands it out (RFC 3986).
fn encoded(document: &str) -> String {
    form_urlencoded::byte_serialize(document.as_bytes())
        .collect::<String>()
        .replace('+', "%20")
        .replace('*', "%2A")
}

/// GetInstanceProfile.
fn get_instance_profile(context: &Context<'_>, form: &Form) -> Result<String, ApiError> {
    const OPERATION: &str = "GetInstanceProfile";
    let name = needed(form, "InstanceProfileName")?;
    let identity = &context.world.identity;
    enter(context, form, OPERATION, &["InstanceProfileName"], &identity.profile_arn(name))?;
    let profile = find_profile(identity, name)?;
    Ok(answer(context, OPERATION, |xml| {
        xml.element("InstanceProfile", |xml| write_profile(context, xml, profile));
    }))
}

/// ListInstanceProfiles.
fn list_instance_profiles(context: &Context<'_>, form: &Form) -> Result<String, ApiError> {
    const OPERATION: &str = "ListInstanceProfiles";
    let resource = format!("arn:aws:iam::{}:instance-profile/", context.api.account);
    enter(context, form, OPERATION, &["PathPrefix", "Marker", "MaxItems"], &resource)?;
    let root = form.get("PathPrefix").is_none_or(|prefix| prefix == "/");
    let all: Vec<&InstanceProfile> = context.world.identity.profiles.values().filter(|_| root).collect();
    pages(context, form, (OPERATION, "InstanceProfiles"), &all, |xml, profile| {
        xml.element("member", |xml| write_profile(context, xml, profile));
    })
}

fn write_profile(context: &Context<'_>, xml: &mut Xml, profile: &InstanceProfile) {
    let identity = &context.world.identity;
    xml.text("Path", "/");
    xml.text("InstanceProfileName", &profile.name);
    xml.text("InstanceProfileId", &profile.id);
    xml.text("Arn", &identity.profile_arn(&profile.name));
    xml.text("CreateDate", &made(context));
    xml.element("Roles", |xml| {
        for role in profile.roles.iter().filter_map(|name| identity.roles.get(name)) {
            xml.element("member", |xml| write_role(context, xml, role));
        }
    });
}

fn write_role(context: &Context<'_>, xml: &mut Xml, role: &Role) {
    xml.text("Path", &role.path);
    xml.text("RoleName", &role.name);
    xml.text("RoleId", &role.id);
    xml.text("Arn", &context.world.identity.role_arn(role));
    xml.text("CreateDate", &made(context));
    xml.text("AssumeRolePolicyDocument", &encoded(&role.trust.text));
}

/// GetRole.
fn get_role(context: &Context<'_>, form: &Form) -> Result<String, ApiError> {
    const OPERATION: &str = "GetRole";
    let name = needed(form, "RoleName")?;
    enter(context, form, OPERATION, &["RoleName"], &role_resource(context, name))?;
    let role = find_role(&context.world.identity, name)?;
    Ok(answer(context, OPERATION, |xml| {
        xml.element("Role", |xml| {
            write_role(context, xml, role);
            xml.text("MaxSessionDuration", "3600");
            if let Some(boundary) = &role.boundary {
                xml.element("PermissionsBoundary", |xml| {
                    xml.text("PermissionsBoundaryType", "PermissionsBoundaryPolicy");
                    xml.text("PermissionsBoundaryArn", boundary);
                });
            }
            xml.element("RoleLastUsed", |xml| xml.text("Region", &context.api.options.region));
        });
    }))
}

/// ListAttachedRolePolicies.
fn list_attached_role_policies(context: &Context<'_>, form: &Form) -> Result<String, ApiError> {
    const OPERATION: &str = "ListAttachedRolePolicies";
    let name = needed(form, "RoleName")?;
    let known = ["RoleName", "PathPrefix", "Marker", "MaxItems"];
    enter(context, form, OPERATION, &known, &role_resource(context, name))?;
    let role = find_role(&context.world.identity, name)?;
    pages(context, form, (OPERATION, "AttachedPolicies"), &role.attached, |xml, arn| {
        xml.element("member", |xml| {
            xml.text("PolicyName", arn.rsplit('/').next().unwrap_or_default());
            xml.text("PolicyArn", arn);
        });
    })
}

/// ListRolePolicies.
fn list_role_policies(context: &Context<'_>, form: &Form) -> Result<String, ApiError> {
    const OPERATION: &str = "ListRolePolicies";
    let name = needed(form, "RoleName")?;
    enter(context, form, OPERATION, &["RoleName", "Marker", "MaxItems"], &role_resource(context, name))?;
    let role = find_role(&context.world.identity, name)?;
    let names: Vec<&String> = role.inline.keys().collect();
    pages(context, form, (OPERATION, "PolicyNames"), &names, |xml, name| xml.text("member", name))
}

/// GetRolePolicy.
fn get_role_policy(context: &Context<'_>, form: &Form) -> Result<String, ApiError> {
    const OPERATION: &str = "GetRolePolicy";
    let (name, policy) = (needed(form, "RoleName")?, needed(form, "PolicyName")?);
    enter(context, form, OPERATION, &["RoleName", "PolicyName"], &role_resource(context, name))?;
    let role = find_role(&context.world.identity, name)?;
    let document = role.inline.get(policy).ok_or_else(|| no_inline(policy))?;
    Ok(answer(context, OPERATION, |xml| {
        xml.text("RoleName", name);
        xml.text("PolicyName", policy);
        xml.text("PolicyDocument", &encoded(&document.text));
    }))
}

fn no_inline(policy: &str) -> ApiError {
    missing(format!("The role policy with name {policy} cannot be found."))
}

/// GetPolicy.
fn get_policy(context: &Context<'_>, form: &Form) -> Result<String, ApiError> {
    const OPERATION: &str = "GetPolicy";
    let arn = needed(form, "PolicyArn")?;
    enter(context, form, OPERATION, &["PolicyArn"], arn)?;
    let identity = &context.world.identity;
    let policy = find_policy(identity, arn)?;
    let attached = |role: &&Role| role.attached.iter().any(|held| held == arn);
    let bounded = |role: &&Role| role.boundary.as_deref() == Some(arn);
    Ok(answer(context, OPERATION, |xml| {
        xml.element("Policy", |xml| {
            xml.text("PolicyName", &policy.name);
            xml.text("PolicyId", &policy.id);
            xml.text("Arn", arn);
            xml.text("Path", &policy.path);
            xml.text("DefaultVersionId", "v1");
            xml.text("AttachmentCount", &identity.roles.values().filter(attached).count().to_string());
            let count = identity.roles.values().filter(bounded).count();
            xml.text("PermissionsBoundaryUsageCount", &count.to_string());
            xml.text("IsAttachable", "true");
            xml.text("Description", &policy.description);
            xml.text("CreateDate", &made(context));
            xml.text("UpdateDate", &made(context));
        });
    }))
}

/// GetPolicyVersion.
fn get_policy_version(context: &Context<'_>, form: &Form) -> Result<String, ApiError> {
    const OPERATION: &str = "GetPolicyVersion";
    let (arn, version) = (needed(form, "PolicyArn")?, needed(form, "VersionId")?);
    enter(context, form, OPERATION, &["PolicyArn", "VersionId"], arn)?;
    let policy = find_policy(&context.world.identity, arn)?;
    if version != "v1" {
        return Err(missing(format!("Policy {arn} version {version} does not exist or is not attachable.")));
    }
    Ok(answer(context, OPERATION, |xml| {
        xml.element("PolicyVersion", |xml| {
            xml.text("Document", &encoded(&policy.document.text));
            xml.text("VersionId", "v1");
            xml.text("IsDefaultVersion", "true");
            xml.text("CreateDate", &made(context));
        });
    }))
}

/// ListAccountAliases: an account has one, or none.
fn list_account_aliases(context: &Context<'_>, form: &Form) -> Result<String, ApiError> {
    const OPERATION: &str = "ListAccountAliases";
    enter(context, form, OPERATION, &["Marker", "MaxItems"], "*")?;
    let aliases: Vec<&String> = vec![&context.world.alias];
    pages(context, form, (OPERATION, "AccountAliases"), &aliases, |xml, alias| xml.text("member", alias))
}
