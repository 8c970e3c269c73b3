//! STS, 2011-06-15: who is calling, and temporary keys.

use std::{sync::Arc, time::Duration};

use super::{
    Context, FormOperation, access,
    error::{ApiError, Wire},
    form::Form,
    xml::Xml,
};
use crate::sim::{
    caller::{Caller, CallerKind, Document, Held, Role},
    fault::PolicyKind,
    policy::{self, Keys, Layer, Policy, Principal, Request, Source},
};

/// The one version there is.
pub(super) const VERSION: &str = "2011-06-15";
/// The namespace of its answers.
pub(super) const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// The operation of this name.
pub(super) fn operation(name: &str) -> Option<FormOperation> {
    Some(match name {
        "GetCallerIdentity" => get_caller_identity,
        "GetSessionToken" => get_session_token,
        "AssumeRole" => assume_role,
        _ => return None,
    })
}

/// GetCallerIdentity: needs no right.
pub(super) fn get_caller_identity(context: &Context<'_>, form: &Form) -> Result<String, ApiError> {
    form.only(&[])?;
    Ok(answer(context, "GetCallerIdentity", |xml| {
        xml.text("Arn", &context.caller.arn);
        xml.text("UserId", &context.caller.user_id);
        xml.text("Account", &context.caller.account);
    }))
}

/// GetSessionToken: the user's own rights for a while, with the code of its device if that is given.
pub(super) fn get_session_token(context: &Context<'_>, form: &Form) -> Result<String, ApiError> {
    form.only(&["DurationSeconds", "SerialNumber", "TokenCode"])?;
    let caller = context.caller;
    if caller.kind != CallerKind::User {
        return Err(denied("Cannot call GetSessionToken with session credentials"));
    }
    let lifetime = duration(form, 12 * 3600, 129_600)?;
    let mfa = proof(context, form)?.then_some(context.now);
    let session = Caller { kind: CallerKind::UserSession, mfa, ..caller.clone() };
    let held = context.api.directory.issue(session, lifetime, context.now);
    Ok(answer(context, "GetSessionToken", |xml| credentials(xml, &held)))
}

/// AssumeRole.
pub(super) fn assume_role(context: &Context<'_>, form: &Form) -> Result<String, ApiError> {
    const KNOWN: [&str; 12] = [
        "RoleArn",
        "RoleSessionName",
        "DurationSeconds",
        "Policy",
        "PolicyArns",
        "ExternalId",
        "SerialNumber",
        "TokenCode",
        "SourceIdentity",
        "Tags",
        "TransitiveTagKeys",
        "ProvidedContexts",
    ];
    form.only(&KNOWN)?;
    let (directory, caller) = (&context.api.directory, context.caller);
    let arn = text(form, "RoleArn", 20, 2048)?;
    let name = text(form, "RoleSessionName", 2, 64)?;
    let named = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if !name.chars().all(named) {
        return Err(invalid(&format!(
            "Value '{name}' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*"
        )));
    }
    let lifetime = duration(form, 3600, 43_200)?;
    let refused = || {
        denied(&format!(
            "User: {} is not authorized to perform: sts:AssumeRole on resource: {arn}",
            caller.arn
        ))
    };
    context.api.permit_by_faults(caller, Wire::Query, "sts:AssumeRole", arn)?;
    // Of a role that is not there the same is said as of one that does not trust.
    let role = directory.role(arn).ok_or_else(refused)?;
    let mfa = proof(context, form)?;
    let mut keys = caller.with_keys(Keys::default(), context.now);
    if mfa {
        keys.set("aws:MultiFactorAuthPresent", "true");
        keys.set("aws:MultiFactorAuthAge", "0");
    }
    if let Some(id) = form.get("ExternalId") {
        keys.set("sts:ExternalId", id);
    }
    keys.set("sts:RoleSessionName", name);
    if !may_be(context, role, &keys) {
        return Err(refused());
    }
    let longest = role.longest_for(caller);
    if lifetime > longest {
        return Err(ApiError::common(
            "ValidationError",
            if longest < role.longest {
                "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."
            } else {
                "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
            },
        ));
    }
    let policies = session_policies(context, form)?;
    let given = mfa.then_some(context.now);
    let session = role.session(name, policies, given);
    let id = session.user_id.clone();
    let session_arn = session.arn.clone();
    let held = directory.issue(session, lifetime, context.now);
    Ok(answer(context, "AssumeRole", |xml| {
        xml.element("AssumedRoleUser", |xml| {
            xml.text("AssumedRoleId", &id);
            xml.text("Arn", &session_arn);
        });
        credentials(xml, &held);
        if let Some(policy) = form.get("Policy") {
            xml.text("PackedPolicySize", &(policy.len() * 100 / MOST_POLICY).max(1).to_string());
        }
    }))
}

/// The longest session policy, in characters.
const MOST_POLICY: usize = 2048;

/// Whether the role's trust lets the caller in, and the caller's own policies let it go there. A trust that names the
/// principal itself, and not its account, is enough within an account.
fn may_be(context: &Context<'_>, role: &Role, keys: &Keys) -> bool {
    let caller = context.caller;
    let trusts = |principal: &Principal| {
        let request = Request { principal, action: "sts:AssumeRole", resource: &role.arn, keys };
        let layer = Layer {
            kind: PolicyKind::ResourceBased,
            sources: vec![Source { name: &role.arn, policy: &role.trust }],
        };
        policy::evaluate(&[layer], &request).allowed()
    };
    let principal = caller.named();
    if !trusts(&principal) {
        return false;
    }
    let alone = Principal { account: String::new(), ..principal.clone() };
    if role.account() == caller.account && trusts(&alone) {
        return true;
    }
    let request = Request { principal: &principal, action: "sts:AssumeRole", resource: &role.arn, keys };
    policy::evaluate(&access::layers(caller, context.world), &request).allowed()
}

/// The policies that the session is to be held to.
fn session_policies(context: &Context<'_>, form: &Form) -> Result<Vec<Arc<Document>>, ApiError> {
    let mut policies = Vec::new();
    if let Some(text) = form.get("Policy") {
        if text.chars().count() > MOST_POLICY {
            let text = "The requested policy is too large: it may have 2048 characters.";
            return Err(ApiError::common("PackedPolicyTooLarge", text));
        }
        let policy = Policy::parse(text)
            .map_err(|error| ApiError::common("MalformedPolicyDocument", error.to_string()))?;
        policies.push(Arc::new(Document { arn: "session policy".to_owned(), policy }));
    }
    for arn in form.numbered("PolicyArns.member", "arn") {
        let known = context.api.directory.policy(arn).ok_or_else(|| {
            ApiError::common(
                "ValidationError",
                format!("The policy {arn} does not exist or is not attachable."),
            )
        })?;
        policies.push(known);
    }
    Ok(policies)
}

/// Whether the code of the caller's device was given, and is right; nothing given is no proof and no error.
fn proof(context: &Context<'_>, form: &Form) -> Result<bool, ApiError> {
    let (serial, code) = (form.get("SerialNumber"), form.get("TokenCode"));
    let (serial, code) = match (serial, code) {
        (None, None) => return Ok(false),
        (Some(serial), Some(code)) => (serial, code),
        _ => {
            return Err(denied(
                "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code.",
            ));
        }
    };
    if code.len() != 6 || !code.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(invalid(&format!(
            "Value '{code}' at 'tokenCode' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\d]*"
        )));
    }
    let device = context.api.directory.device(context.caller).filter(|device| device.serial == serial);
    let Some(device) = device else {
        return Err(denied(
            "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated \
             with this user.",
        ));
    };
    match device.accept(code, context.now) {
        true => Ok(true),
        false => Err(denied("MultiFactorAuthentication failed with invalid MFA one time pass code. ")),
    }
}

fn duration(form: &Form, usual: u64, most: u64) -> Result<Duration, ApiError> {
    let Some(text) = form.get("DurationSeconds") else { return Ok(Duration::from_secs(usual)) };
    let bound = |words: &str| {
        invalid(&format!(
            "Value '{text}' at 'durationSeconds' failed to satisfy constraint: Member must have value {words}"
        ))
    };
    match text.parse::<u64>() {
        Ok(seconds) if seconds < 900 => Err(bound("greater than or equal to 900")),
        Ok(seconds) if seconds > most => Err(bound(&format!("less than or equal to {most}"))),
        Ok(seconds) => Ok(Duration::from_secs(seconds)),
        Err(_) => Err(ApiError::common("MalformedInput", "DurationSeconds is no number")),
    }
}

/// A text that must be there, within its limits.
fn text<'a>(form: &'a Form, name: &str, least: usize, most: usize) -> Result<&'a str, ApiError> {
    let lower = format!("{}{}", name[..1].to_ascii_lowercase(), &name[1..]);
    let text = form.get(name).ok_or_else(|| {
        invalid(&format!("Value null at '{lower}' failed to satisfy constraint: Member must not be null"))
    })?;
    let bound = |words: &str| {
        invalid(&format!(
            "Value '{text}' at '{lower}' failed to satisfy constraint: Member must have length {words}"
        ))
    };
    match text.chars().count() {
        length if length < least => Err(bound(&format!("greater than or equal to {least}"))),
        length if length > most => Err(bound(&format!("less than or equal to {most}"))),
        _ => Ok(text),
    }
}

fn invalid(text: &str) -> ApiError {
    ApiError::common("ValidationError", format!("1 validation error detected: {text}"))
}

fn denied(text: &str) -> ApiError {
    ApiError::denied(Wire::Query, text)
}

fn credentials(xml: &mut Xml, held: &Held) {
    let Some(temporary) = &held.temporary else { return };
    xml.element("Credentials", |xml| {
        xml.text("AccessKeyId", &held.credentials.access_key_id);
        xml.text("SecretAccessKey", &held.credentials.secret_access_key);
        xml.text("SessionToken", &temporary.token);
        xml.text("Expiration", &temporary.expires.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    });
}

fn answer(context: &Context<'_>, operation: &str, content: impl FnOnce(&mut Xml)) -> String {
    Xml::document(&format!("{operation}Response"), Some(NAMESPACE), |xml| {
        xml.element(&format!("{operation}Result"), content);
        xml.element("ResponseMetadata", |xml| xml.text("RequestId", context.request_id));
    })
}
