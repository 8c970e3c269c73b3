//! SimulatePrincipalPolicy: what a role's policies say of actions, without the resources' own.

use super::{enter, missing, needed, pages};
use crate::sim::{
    api::{Context, error::ApiError, form::Form},
    caller::Caller,
    fault::PolicyKind,
    policy::{self, Decision, Effect, Keys, Layer, Policy, Principal, Request, Source, Verdict},
    world::identity::Role,
};

const OPERATION: &str = "SimulatePrincipalPolicy";

/// One action on one resource.
struct Simulated<'a> {
    action: &'a str,
    resource: &'a str,
    verdict: Verdict,
    bounded: bool,
}

/// Whose policies are asked about.
enum Subject<'a> {
    /// A role of machines.
    Role(&'a Role),
    /// A user, or a role that callers assume.
    Caller(Caller),
}

/// SimulatePrincipalPolicy.
pub(super) fn simulate_principal_policy(context: &Context<'_>, form: &Form) -> Result<String, ApiError> {
    let known = [
        "PolicySourceArn",
        "PolicyInputList",
        "PermissionsBoundaryPolicyInputList",
        "ActionNames",
        "ResourceArns",
        "ContextEntries",
        "CallerArn",
        "MaxItems",
        "Marker",
    ];
    let source = needed(form, "PolicySourceArn")?;
    enter(context, form, OPERATION, &known, source)?;
    let identity = &context.world.identity;
    let role = identity.roles.values().find(|role| identity.role_arn(role) == source).map(Subject::Role);
    let caller = || context.api.directory.principal(source).map(Subject::Caller);
    let subject = role.or_else(caller).ok_or_else(|| match source.starts_with("arn:") {
        true => missing(format!("The entity {source} cannot be found.")),
        false => ApiError::common("InvalidInput", "Invalid Entity Arn: it is not an ARN."),
    })?;
    let actions = form.list("ActionNames.member");
    needed(form, "ActionNames.member.1")?;
    if let Some(bad) = actions.iter().find(|action| !action.contains(':') || action.contains('*')) {
        return Err(ApiError::common("InvalidInput", format!("Invalid Action: {bad}")));
    }
    let mut resources = form.list("ResourceArns.member");
    if resources.is_empty() {
        resources.push("*");
    }
    let more = documents(form, "PolicyInputList.member")?;
    let boundaries = documents(form, "PermissionsBoundaryPolicyInputList.member")?;
    let layers = layers(context, &subject, &more, &boundaries);
    let keys = keys(form);
    // AWS's simulator knows whom it simulates, and leaves out organisations' policies with conditions; the one here has such a
    // condition, and is counted, since no other policy could speak of one role alone.
    let (keys, principal, bounded) = match &subject {
        Subject::Role(role) => {
            let (mut keys, arn) = (keys, identity.role_arn(role));
            keys.set("aws:PrincipalArn", arn.as_str());
            let account = context.api.account.clone();
            (keys, Principal { arns: vec![arn], account, service: None }, role.boundary.is_some())
        }
        Subject::Caller(caller) => {
            (caller.with_keys(keys, context.now), caller.named(), caller.grants.boundary.is_some())
        }
    };
    let bounded = bounded || !boundaries.is_empty();
    let results: Vec<Simulated<'_>> = (actions.iter())
        .flat_map(|action| resources.iter().map(move |resource| (*action, *resource)))
        .map(|(action, resource)| {
            let request = Request { principal: &principal, action, resource, keys: &keys };
            Simulated { action, resource, verdict: policy::evaluate(&layers, &request), bounded }
        })
        .collect();
    pages(context, form, (OPERATION, "EvaluationResults"), &results, |xml, result| {
        xml.element("member", |xml| {
            let verdict = &result.verdict;
            xml.text("EvalActionName", result.action);
            xml.text("EvalResourceName", result.resource);
            xml.text(
                "EvalDecision",
                match verdict.decision {
                    Decision::Allowed => "allowed",
                    Decision::ImplicitDeny { .. } => "implicitDeny",
                    Decision::ExplicitDeny { .. } => "explicitDeny",
                },
            );
            xml.element("MatchedStatements", |xml| {
                for matched in statements(verdict) {
                    xml.element("member", |xml| {
                        xml.text("SourcePolicyId", matched.policy.rsplit('/').next().unwrap_or_default());
                        xml.text("SourcePolicyType", kind_of(&matched.policy));
                        for (name, place) in [("StartPosition", matched.start), ("EndPosition", matched.end)]
                        {
                            xml.element(name, |xml| {
                                xml.text("Line", &place.line.to_string());
                                xml.text("Column", &place.column.to_string());
                            });
                        }
                    });
                }
            });
            xml.element("MissingContextValues", |xml| {
                verdict.missing.iter().for_each(|key| xml.text("member", key));
            });
            xml.element("OrganizationsDecisionDetail", |xml| {
                let allowed = verdict.passes(PolicyKind::ServiceControl);
                xml.text("AllowedByOrganizations", &allowed.to_string());
            });
            if result.bounded {
                xml.element("PermissionsBoundaryDecisionDetail", |xml| {
                    let allowed = verdict.passes(PolicyKind::PermissionsBoundary);
                    xml.text("AllowedByPermissionsBoundary", &allowed.to_string());
                });
            }
        });
    })
}

/// What kind of policy has this name: an ARN tells, and without one it is the role's own.
fn kind_of(policy: &str) -> &'static str {
    match policy.strip_prefix("arn:aws:iam::") {
        Some(rest) if rest.starts_with("aws:") => "aws-managed",
        Some(_) => "user-managed",
        None => "role",
    }
}

/// The statements that led to the decision: the simulator names none of an organisation's.
fn statements(verdict: &Verdict) -> impl Iterator<Item = &policy::Matched> {
    let denied = matches!(verdict.decision, Decision::ExplicitDeny { .. });
    verdict.matched.iter().filter(move |matched| {
        matched.kind != PolicyKind::ServiceControl && (!denied || matched.effect == Effect::Deny)
    })
}

fn layers<'a>(
    context: &Context<'a>,
    subject: &'a Subject<'_>,
    more: &'a [Policy],
    boundaries: &'a [Policy],
) -> Vec<Layer<'a>> {
    let identity = &context.world.identity;
    let sources = |policies: &'a [Policy], name: &'a str| {
        policies.iter().map(move |policy| Source { name, policy }).collect::<Vec<_>>()
    };
    let mut layers = vec![identity.organisation()];
    layers.extend(match subject {
        Subject::Role(role) => identity.layers(role),
        Subject::Caller(caller) => caller.layers(),
    });
    if !boundaries.is_empty() {
        layers.retain(|layer| layer.kind != PolicyKind::PermissionsBoundary);
        layers.push(Layer {
            kind: PolicyKind::PermissionsBoundary,
            sources: sources(boundaries, "PermissionsBoundaryPolicyInputList.1"),
        });
    }
    layers.push(Layer { kind: PolicyKind::IdentityBased, sources: sources(more, "PolicyInputList.1") });
    layers
}

fn documents(form: &Form, list: &str) -> Result<Vec<Policy>, ApiError> {
    let parse =
        |text: &str| Policy::parse(text).map_err(|why| ApiError::common("InvalidInput", why.to_string()));
    form.list(list).into_iter().map(parse).collect()
}

fn keys(form: &Form) -> Keys {
    let mut keys = Keys::default();
    for n in form.numbers("ContextEntries.member") {
        let at = format!("ContextEntries.member.{n}");
        let values = form.list(&format!("{at}.ContextKeyValues.member"));
        if let Some(name) = form.get(&format!("{at}.ContextKeyName")) {
            keys.set_all(name, values.into_iter().map(str::to_owned).collect());
        }
    }
    keys
}
