//! How IAM decides: the documents that speak on a request, and what follows from them.
//!
//! ```text
//!  any Deny that matches                    ──▶ ExplicitDeny, by the first kind in the order of the layers
//!  organisation or endpoint without Allow   ──▶ ImplicitDeny by that kind
//!  neither identity nor resource allows     ──▶ ImplicitDeny, identity-based
//!  boundary or session without Allow        ──▶ ImplicitDeny by that kind
//!  otherwise                                ──▶ Allowed
//! ```
//!
//! Agents, callers and `SimulatePrincipalPolicy` are all judged here. Written from the IAM user guide ("Policy evaluation logic",
//! "IAM JSON policy elements"). Pure. Must not know: the world, the API.

mod condition;
mod document;
mod pattern;

use std::collections::{BTreeMap, BTreeSet};

pub(crate) use self::document::{Effect, Malformed, Policy, Position};
use super::fault::PolicyKind;

/// A document and where it comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    /// What names it: an ARN, an inline policy's name, an SCP's id.
    pub(crate) name: &'a str,
    pub(crate) policy: &'a Policy,
}

/// The documents of one kind. Each layer but the identity's and the resource's is a limit: without an Allow in it nothing is
/// allowed. An organisation has one layer for each level (root, unit, account).
#[derive(Clone, Debug)]
pub(crate) struct Layer<'a> {
    pub(crate) kind: PolicyKind,
    pub(crate) sources: Vec<Source<'a>>,
}

/// Who calls, under every name that a policy may use for it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Principal {
    /// The session's ARN, the role's ARN, or the user's.
    pub(crate) arns: Vec<String>,
    /// 12 digits.
    pub(crate) account: String,
    /// `ec2.amazonaws.com`, where a service calls.
    pub(crate) service: Option<String>,
}

/// The condition keys of a request. Their names have no case.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keys(BTreeMap<String, Vec<String>>);

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    pub(crate) principal: &'a Principal,
    /// `ssm:StartSession`.
    pub(crate) action: &'a str,
    /// An ARN; `*` where the action names no resource.
    pub(crate) resource: &'a str,
    pub(crate) keys: &'a Keys,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Allowed,
    /// No document of this kind allows it.
    ImplicitDeny {
        kind: PolicyKind,
    },
    /// This one forbids it.
    ExplicitDeny {
        kind: PolicyKind,
        policy: String,
    },
}

/// A statement that spoke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Matched {
    pub(crate) kind: PolicyKind,
    pub(crate) policy: String,
    pub(crate) effect: Effect,
    /// Where it stands in its document.
    pub(crate) start: Position,
    pub(crate) end: Position,
}

/// The answer and what led to it.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    pub(crate) decision: Decision,
    pub(crate) matched: Vec<Matched>,
    /// Condition keys that a document asks for and that the request has not.
    pub(crate) missing: BTreeSet<String>,
}

impl Verdict {
    pub(crate) fn allowed(&self) -> bool {
        self.decision == Decision::Allowed
    }

    /// Whether a kind of limit lets the request pass: no Deny of that kind, and an Allow in it.
    pub(crate) fn passes(&self, kind: PolicyKind) -> bool {
        let spoke =
            |effect| self.matched.iter().any(|matched| matched.kind == kind && matched.effect == effect);
        spoke(Effect::Allow) && !spoke(Effect::Deny)
    }
}

impl Keys {
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_ascii_lowercase(), vec![value.into()]);
    }

    /// Of a key with many values.
    pub(crate) fn set_all(&mut self, name: &str, values: Vec<String>) {
        self.0.insert(name.to_ascii_lowercase(), values);
    }

    fn values(&self, name: &str) -> Option<&[String]> {
        self.0.get(&name.to_ascii_lowercase()).map(Vec::as_slice)
    }
}

/// Decides a request by all documents that speak on it.
pub(crate) fn evaluate(layers: &[Layer<'_>], request: &Request<'_>) -> Verdict {
    let mut matched = Vec::new();
    let mut missing = BTreeSet::new();
    let (mut outer, mut inner) = (None, None);
    let (mut granted, mut forbidden) = (false, None);
    for layer in layers {
        let mut allows = false;
        for source in &layer.sources {
            missing.extend(source.policy.missing(request.keys));
            for statement in source.policy.matching(request) {
                match statement.effect {
                    Effect::Allow => allows = true,
                    Effect::Deny if forbidden.is_none() => {
                        forbidden =
                            Some(Decision::ExplicitDeny { kind: layer.kind, policy: source.name.to_owned() });
                    }
                    Effect::Deny => {}
                }
                matched.push(Matched {
                    kind: layer.kind,
                    policy: source.name.to_owned(),
                    effect: statement.effect,
                    start: statement.start,
                    end: statement.end,
                });
            }
        }
        match layer.kind {
            PolicyKind::IdentityBased | PolicyKind::ResourceBased => granted |= allows,
            _ if allows => {}
            kind @ (PolicyKind::PermissionsBoundary | PolicyKind::Session) => inner = inner.or(Some(kind)),
            kind => outer = outer.or(Some(kind)),
        }
    }
    // In the order of the user guide's flow chart.
    let obstacle = outer.or((!granted).then_some(PolicyKind::IdentityBased)).or(inner);
    let decision =
        forbidden.or(obstacle.map(|kind| Decision::ImplicitDeny { kind })).unwrap_or(Decision::Allowed);
    Verdict { decision, matched, missing }
}

#[cfg(test)]
mod tests;
