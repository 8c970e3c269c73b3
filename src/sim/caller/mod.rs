//! Who may call: the accounts' principals, their keys, and the documents that say what they may do.
//!
//! ```text
//!  user ── long-term keys (AKIA…)                       role ── trust
//!   ├── GetSessionToken ──▶ temporary keys (ASIA…)       ▲
//!   └── AssumeRole, GetRoleCredentials ──────────────────┘──▶ temporary keys of a session of it
//! ```
//!
//! Keys are drawn anew for every run. Time comes in. Must not know: requests, sockets, nodes.

mod device;
mod directory;
mod sample;

use std::{fmt, sync::Arc};

use jiff::Timestamp;

pub(crate) use self::{
    device::Device,
    directory::{Account, Directory, Role},
};
use super::{
    api::Credentials,
    fault::PolicyKind,
    policy::{Keys, Layer, Policy, Principal, Source},
};

/// A policy document and its ARN.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) arn: String,
    pub(crate) policy: Policy,
}

/// What a principal may do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Grants {
    pub(crate) policies: Vec<Arc<Document>>,
    /// Its permissions boundary.
    pub(crate) boundary: Option<Arc<Document>>,
    /// The policies that were handed over with a session of it.
    pub(crate) session: Vec<Arc<Document>>,
}

/// Who calls.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// Twelve digits.
    pub(crate) account: String,
    /// As STS tells it: of a user, or of a session of a role.
    pub(crate) arn: String,
    /// The user's ARN, or the role's.
    pub(crate) principal: String,
    /// What STS calls UserId: `AIDA…`, or `AROA…:session`.
    pub(crate) user_id: String,
    /// What the ids of its sessions begin with: the user's name, or the role session's.
    pub(crate) name: String,
    pub(crate) kind: CallerKind,
    pub(crate) grants: Grants,
    /// When it gave the code of its device, if it did.
    pub(crate) mfa: Option<Timestamp>,
}

/// What a caller is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallerKind {
    /// An IAM user, with its own keys.
    User,
    /// An IAM user, with temporary keys.
    UserSession,
    /// A session of a role.
    RoleSession,
    /// The role of a node, or of a container's task.
    Machine,
}

impl Caller {
    /// The role of a machine, as it calls other services.
    pub(crate) fn machine(account: &str, role: &str, id: &str) -> Caller {
        Caller {
            account: account.to_owned(),
            arn: format!("arn:aws:sts::{account}:assumed-role/{role}/{id}"),
            principal: format!("arn:aws:iam::{account}:role/{role}"),
            user_id: format!("AROA{}:{id}", "A".repeat(17)),
            name: id.to_owned(),
            kind: CallerKind::Machine,
            grants: Grants::default(),
            mfa: None,
        }
    }

    /// Under which names policies know it.
    pub(crate) fn named(&self) -> Principal {
        let mut arns = vec![self.arn.clone()];
        if self.principal != self.arn {
            arns.push(self.principal.clone());
        }
        Principal { arns, account: self.account.clone(), service: None }
    }

    /// Condition keys, and those that say who it is.
    pub(crate) fn with_keys(&self, mut keys: Keys, now: Timestamp) -> Keys {
        keys.set("aws:PrincipalArn", self.principal.as_str());
        keys.set("aws:PrincipalAccount", self.account.as_str());
        keys.set("aws:userid", self.user_id.as_str());
        match self.kind {
            CallerKind::User | CallerKind::UserSession => {
                keys.set("aws:username", self.name.as_str());
                keys.set("aws:PrincipalType", "User");
            }
            CallerKind::RoleSession | CallerKind::Machine => keys.set("aws:PrincipalType", "AssumedRole"),
        }
        // Long-term keys do not have this key at all (IAM user guide, global condition keys).
        if self.kind != CallerKind::User {
            keys.set("aws:MultiFactorAuthPresent", if self.mfa.is_some() { "true" } else { "false" });
        }
        if let Some(given) = self.mfa {
            keys.set("aws:MultiFactorAuthAge", now.duration_since(given).as_secs().to_string());
        }
        keys
    }

    /// The documents that speak on it.
    pub(crate) fn layers(&self) -> Vec<Layer<'_>> {
        fn source(document: &Arc<Document>) -> Source<'_> {
            Source { name: &document.arn, policy: &document.policy }
        }
        let mut layers = Vec::new();
        if let Some(boundary) = &self.grants.boundary {
            layers.push(Layer { kind: PolicyKind::PermissionsBoundary, sources: vec![source(boundary)] });
        }
        if !self.grants.session.is_empty() {
            let sources = self.grants.session.iter().map(source).collect();
            layers.push(Layer { kind: PolicyKind::Session, sources });
        }
        let sources = self.grants.policies.iter().map(source).collect();
        layers.push(Layer { kind: PolicyKind::IdentityBased, sources });
        layers
    }
}

/// Keys and whose they are.
#[derive(Clone)]
pub(crate) struct Held {
    pub(crate) credentials: Credentials,
    /// Of temporary keys.
    pub(crate) temporary: Option<Temporary>,
    pub(crate) caller: Arc<Caller>,
}

/// What temporary keys have beside the two halves.
#[derive(Clone)]
pub(crate) struct Temporary {
    pub(crate) token: String,
    pub(crate) expires: Timestamp,
}

impl Held {
    /// The token that has to come with the keys.
    pub(crate) fn token(&self) -> Option<&str> {
        self.temporary.as_ref().map(|temporary| temporary.token.as_str())
    }

    /// Whether their time is over.
    pub(crate) fn expired(&self, now: Timestamp) -> bool {
        self.temporary.as_ref().is_some_and(|temporary| temporary.expires <= now)
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Held({}, keys [redacted])", self.caller.arn)
    }
}

#[cfg(test)]
mod tests;
