//! What mends a role: its policies, whom it trusts, which profile holds it.

use std::sync::Arc;

use super::{done, enter, find_profile, find_role, missing, needed, no_inline, role_resource};
use crate::sim::{
    api::{Context, error::ApiError, form::Form},
    policy::{Malformed, Policy},
    world::identity::Role,
};

/// Changes one role.
fn change(
    context: &Context<'_>,
    form: &Form,
    (operation, known): (&str, &[&str]),
    change: impl FnOnce(&mut Role) -> Result<(), ApiError>,
) -> Result<String, ApiError> {
    let name = needed(form, "RoleName")?;
    enter(context, form, operation, known, &role_resource(context, name))?;
    context.api.change(context.now, |world| {
        find_role(&world.identity, name)?;
        Arc::make_mut(&mut world.identity).roles.get_mut(name).map_or(Ok(()), change)
    })?;
    Ok(done(context, operation))
}

fn malformed(why: &Malformed) -> ApiError {
    ApiError::common("MalformedPolicyDocument", why.to_string())
}

/// AttachRolePolicy.
pub(super) fn attach_role_policy(context: &Context<'_>, form: &Form) -> Result<String, ApiError> {
    let arn = needed(form, "PolicyArn")?;
    change(context, form, ("AttachRolePolicy", &["RoleName", "PolicyArn"]), |role| {
        if !context.world.identity.policies.contains_key(arn) {
            return Err(missing(format!("Policy {arn} does not exist or is not attachable.")));
        }
        if !role.attached.iter().any(|held| held == arn) {
            role.attached.push(arn.to_owned());
        }
        Ok(())
    })
}

/// DetachRolePolicy.
pub(super) fn detach_role_policy(context: &Context<'_>, form: &Form) -> Result<String, ApiError> {
    let arn = needed(form, "PolicyArn")?;
    change(context, form, ("DetachRolePolicy", &["RoleName", "PolicyArn"]), |role| {
        let before = role.attached.len();
        role.attached.retain(|held| held != arn);
        if role.attached.len() == before {
            return Err(missing(format!("Policy {arn} was not found.")));
        }
        Ok(())
    })
}

/// PutRolePolicy.
pub(super) fn put_role_policy(context: &Context<'_>, form: &Form) -> Result<String, ApiError> {
    let name = needed(form, "PolicyName")?;
    let policy = Policy::parse(needed(form, "PolicyDocument")?).and_then(Policy::for_principals);
    change(context, form, ("PutRolePolicy", &["RoleName", "PolicyName", "PolicyDocument"]), |role| {
        role.inline.insert(name.to_owned(), policy.map_err(|why| malformed(&why))?);
        Ok(())
    })
}

/// DeleteRolePolicy.
pub(super) fn delete_role_policy(context: &Context<'_>, form: &Form) -> Result<String, ApiError> {
    let name = needed(form, "PolicyName")?;
    change(context, form, ("DeleteRolePolicy", &["RoleName", "PolicyName"]), |role| {
        role.inline.remove(name).map(drop).ok_or_else(|| no_inline(name))
    })
}

/// UpdateAssumeRolePolicy.
pub(super) fn update_assume_role_policy(context: &Context<'_>, form: &Form) -> Result<String, ApiError> {
    let policy = Policy::parse(needed(form, "PolicyDocument")?).and_then(Policy::for_trust);
    change(context, form, ("UpdateAssumeRolePolicy", &["RoleName", "PolicyDocument"]), |role| {
        role.trust = policy.map_err(|why| malformed(&why))?;
        Ok(())
    })
}

/// AddRoleToInstanceProfile: a profile holds one role at most.
pub(super) fn add_role_to_instance_profile(context: &Context<'_>, form: &Form) -> Result<String, ApiError> {
    const OPERATION: &str = "AddRoleToInstanceProfile";
    let (name, role) = (needed(form, "InstanceProfileName")?, needed(form, "RoleName")?);
    let resource = context.world.identity.profile_arn(name);
    enter(context, form, OPERATION, &["InstanceProfileName", "RoleName"], &resource)?;
    context.api.change(context.now, |world| {
        find_role(&world.identity, role)?;
        let held = &find_profile(&world.identity, name)?.roles;
        if !held.is_empty() {
            let text = "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1";
            return Err(ApiError::common("LimitExceeded", text).status(409));
        }
        if let Some(profile) = Arc::make_mut(&mut world.identity).profiles.get_mut(name) {
            profile.roles.push(role.to_owned());
        }
        Ok(())
    })?;
    Ok(done(context, OPERATION))
}

/// RemoveRoleFromInstanceProfile.
pub(super) fn remove_role_from_instance_profile(
    context: &Context<'_>,
    form: &Form,
) -> Result<String, ApiError> {
    const OPERATION: &str = "RemoveRoleFromInstanceProfile";
    let (name, role) = (needed(form, "InstanceProfileName")?, needed(form, "RoleName")?);
    let resource = context.world.identity.profile_arn(name);
    enter(context, form, OPERATION, &["InstanceProfileName", "RoleName"], &resource)?;
    context.api.change(context.now, |world| {
        if !find_profile(&world.identity, name)?.roles.iter().any(|held| held == role) {
            return Err(missing(format!("Instance Profile {name} does not hold the role {role}.")));
        }
        if let Some(profile) = Arc::make_mut(&mut world.identity).profiles.get_mut(name) {
            profile.roles.retain(|held| held != role);
        }
        Ok(())
    })?;
    Ok(done(context, OPERATION))
}
