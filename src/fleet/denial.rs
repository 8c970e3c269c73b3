//! Reading an access-denied text: who, what, where, and why AWS says no; and the smallest statement that would say yes.
//! Pure. AWS names one obstacle even where several stand, so everything here is "the first known one".

use std::fmt;

use super::document::PREFERENCES;
use super::statement::{START, Site, allow};

/// One decoded denial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// Who was refused.
    pub who: Principal,
    /// The action, `ssm:StartSession`.
    pub action: String,
    /// The resource's ARN, where AWS tells it.
    pub resource: Option<String>,
    /// What stands in the way.
    pub obstacle: Obstacle,
}

/// Whom AWS refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// A role, with its account.
    Role {
        /// Name.
        name: String,
        /// Account number.
        account: String,
    },
    /// A permission set of IAM Identity Center.
    PermissionSet {
        /// Name.
        name: String,
        /// Account number.
        account: String,
    },
    /// An IAM user.
    User {
        /// Name.
        name: String,
        /// Account number.
        account: String,
    },
    /// The instance's own role: it was the instance that was refused.
    Instance {
        /// Its id.
        id: String,
        /// Its role.
        role: String,
        /// Account number.
        account: String,
    },
    /// Anything else, as it came.
    Other(String),
}

/// The kind of policy that AWS names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "AWS's own names")]
pub enum Policy {
    Identity,
    Resource,
    ServiceControl,
    ResourceControl,
    Boundary,
    Session,
    VpcEndpoint,
}

/// What stands in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// No policy of that kind allows it.
    NotAllowed(Policy),
    /// A policy forbids it; no further Allow can mend that.
    Forbidden {
        /// Its kind.
        policy: Policy,
        /// Its ARN, which AWS tells since 2026.
        arn: Option<String>,
    },
    /// AWS did not say.
    Unknown,
}

impl Denial {
    /// Decodes `User: WHO is not authorized to perform: WHAT on resource: WHERE TAIL`, wherever in the text it starts;
    /// the resource and the tail may be missing.
    pub fn parse(text: &str) -> Option<Self> {
        let text: String = text
            .chars()
            .map(|c| if matches!(c, '"' | '\'' | '“' | '”' | '„' | '«' | '»' | '`') { ' ' } else { c })
            .collect();
        let words: Vec<&str> = text.split_whitespace().collect();
        let text = words.join(" ");
        let (before, after) = text.split_once(" is not authorized to perform: ")?;
        let who = before.rsplit_once("User: ").map_or(before, |(_, who)| who);
        let (action, mut rest) = after.split_once(' ').unwrap_or((after, ""));
        let mut resource = None;
        if let Some(after) = rest.strip_prefix("on resource: ").or_else(|| rest.strip_prefix("on resource:"))
        {
            let (arn, tail) = after.split_once(' ').unwrap_or((after, ""));
            resource = Some(arn.trim_end_matches(['.', ',']).to_owned()).filter(|arn| !arn.is_empty());
            rest = tail;
        }
        let action = action.trim_end_matches(['.', ',']).to_owned();
        let (_, name) = action.split_once(':')?;
        if name.is_empty() {
            return None;
        }
        Some(Self { who: Principal::parse(who), action, resource, obstacle: Obstacle::parse(rest) })
    }

    /// Account of the resource where it differs from the caller's: sessions do not cross accounts.
    pub fn other_account(&self) -> Option<&str> {
        let theirs = self.resource.as_deref()?.split(':').nth(4).filter(|account| !account.is_empty())?;
        let ours = self.who.account()?;
        (theirs != ours).then_some(theirs)
    }

    /// The smallest policy statement that allows it; for StartSession both halves, instance and document, since the
    /// second would be refused next. `target` is the id that was asked for, `region` where.
    pub fn statement(&self, target: Option<&str>, region: &str) -> String {
        let told = self.resource.as_deref();
        if self.action != START {
            return allow(&self.action, &[told.unwrap_or("*").to_owned()]);
        }
        let mut parts = told.unwrap_or_default().split(':');
        let mut part = |at| parts.nth(at).filter(|part| !part.is_empty());
        let partition = part(1).or(self.who.partition_hint()).unwrap_or("aws");
        let account = part(2).or(self.who.account()).unwrap_or("*");
        let site = Site { partition, region, account };
        let (node, document) = match told {
            Some(arn) if arn.contains(":document/") => (None, Some(arn)),
            told => (told, None),
        };
        match (target, node) {
            (None, Some(arn)) => {
                allow(START, &[arn.to_owned(), site.document(document.unwrap_or(PREFERENCES))])
            }
            (target, _) => site.start(target.unwrap_or("*"), document),
        }
    }

    /// One sentence: who may not do what on what, and what stands in the way.
    pub fn sentence(&self) -> String {
        let on = match self.resource.as_deref() {
            Some(arn) if arn != "*" => format!(" on {}", short(arn)),
            _ => String::new(),
        };
        let why = match &self.obstacle {
            Obstacle::NotAllowed(policy) => format!(": no {policy} policy allows it"),
            Obstacle::Forbidden { policy, arn: Some(arn) } => {
                format!(": the {policy} policy {arn} forbids it")
            }
            Obstacle::Forbidden { policy, arn: None } => {
                format!(": {} {policy} policy forbids it", policy.article())
            }
            Obstacle::Unknown => ": AWS does not say which policy stands in the way".to_owned(),
        };
        format!("{} may not call `{}`{on}{why}", self.who, self.action)
    }

    /// Who can mend it and with what.
    pub fn next(&self, target: Option<&str>, region: &str) -> String {
        if let (Some(other), START) = (self.other_account(), self.action.as_str()) {
            return format!(
                "the node belongs to account {other} and sessions do not cross accounts: use a profile there"
            );
        }
        let allow =
            || format!("ask whoever manages {} to add {}", self.who.name(), self.statement(target, region));
        match &self.obstacle {
            Obstacle::Forbidden { policy, .. } => {
                format!("no further right can mend that; ask {} about that policy", policy.owner())
            }
            Obstacle::NotAllowed(Policy::Identity) | Obstacle::Unknown => allow(),
            Obstacle::NotAllowed(Policy::Session) => {
                format!(
                    "ask whoever vends {} for a larger permission set: {}",
                    self.who.name(),
                    self.statement(target, region)
                )
            }
            Obstacle::NotAllowed(policy) => {
                format!("ask {} to allow it there: {}", policy.owner(), self.statement(target, region))
            }
        }
    }
}

/// The last, telling part of an ARN.
fn short(arn: &str) -> &str {
    let name = arn.splitn(6, ':').nth(5).unwrap_or(arn);
    name.strip_prefix("instance/").or_else(|| name.strip_prefix("managed-instance/")).unwrap_or(name)
}

impl Principal {
    fn parse(who: &str) -> Self {
        let mut parts = who.trim().splitn(6, ':');
        let (Some("arn"), Some(_), Some(service), Some(_), Some(account), Some(path)) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Self::Other(who.trim().to_owned());
        };
        let account = account.to_owned();
        let pieces: Vec<&str> = path.split('/').collect();
        match (service, pieces.as_slice()) {
            ("sts", ["assumed-role", role, session]) if is_instance(session) => {
                Self::Instance { id: (*session).to_owned(), role: (*role).to_owned(), account }
            }
            ("sts", ["assumed-role", role, ..]) | ("iam", ["role", .., role]) => match permission_set(role) {
                Some(name) => Self::PermissionSet { name: name.to_owned(), account },
                None => Self::Role { name: (*role).to_owned(), account },
            },
            ("iam", ["user", .., name]) => Self::User { name: (*name).to_owned(), account },
            _ => Self::Other(who.trim().to_owned()),
        }
    }

    /// From an ARN, as GetCallerIdentity gives it.
    pub fn from_arn(arn: &str) -> Self {
        Self::parse(arn)
    }

    fn account(&self) -> Option<&str> {
        match self {
            Self::Role { account, .. }
            | Self::PermissionSet { account, .. }
            | Self::User { account, .. }
            | Self::Instance { account, .. } => Some(account),
            Self::Other(_) => None,
        }
    }

    fn partition_hint(&self) -> Option<&str> {
        match self {
            Self::Other(arn) => arn.split(':').nth(1),
            _ => None,
        }
    }

    /// Without the account: "role `ops-read`".
    pub fn name(&self) -> String {
        match self {
            Self::Role { name, .. } => format!("role `{name}`"),
            Self::PermissionSet { name, .. } => format!("permission set `{name}`"),
            Self::User { name, .. } => format!("user `{name}`"),
            Self::Instance { role, .. } => format!("the instance's role `{role}`"),
            Self::Other(text) => format!("`{text}`"),
        }
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Instance { id, role, account } = self {
            return write!(f, "instance {id} (its role `{role}` in account {account}, not you)");
        }
        f.write_str(&self.name())?;
        self.account().map_or(Ok(()), |account| write!(f, " in account {account}"))
    }
}

fn is_instance(session: &str) -> bool {
    let hex = session.strip_prefix("i-").or_else(|| session.strip_prefix("mi-"));
    hex.is_some_and(|hex| matches!(hex.len(), 8 | 17) && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// `AWSReservedSSO_NAME_0123456789abcdef` → `NAME`.
fn permission_set(role: &str) -> Option<&str> {
    let (name, hex) = role.strip_prefix("AWSReservedSSO_")?.rsplit_once('_')?;
    (!hex.is_empty() && hex.bytes().all(|b| b.is_ascii_hexdigit())).then_some(name)
}

impl Obstacle {
    fn parse(tail: &str) -> Self {
        let kind = |rest: &str| Policy::ALL.into_iter().find(|policy| rest.starts_with(policy.words()));
        if let Some((_, rest)) = tail.split_once("because no ") {
            return kind(rest).map_or(Self::Unknown, Self::NotAllowed);
        }
        if let Some((_, rest)) = tail.split_once("with an explicit deny in ") {
            let rest = rest.trim_start_matches("an ").trim_start_matches("a ").trim_start_matches("the ");
            let arn = rest.split_whitespace().find(|word| word.starts_with("arn:"));
            let arn = arn.map(|arn| arn.trim_end_matches(['.', ',', ')']).to_owned());
            return kind(rest).map_or(Self::Unknown, |policy| Self::Forbidden { policy, arn });
        }
        Self::Unknown
    }
}

impl Policy {
    const ALL: [Self; 7] = [
        Self::Identity,
        Self::ResourceControl,
        Self::Resource,
        Self::ServiceControl,
        Self::Boundary,
        Self::Session,
        Self::VpcEndpoint,
    ];

    /// As AWS writes it before the word "policy".
    const fn words(self) -> &'static str {
        match self {
            Self::Identity => "identity-based",
            Self::Resource => "resource-based",
            Self::ServiceControl => "service control",
            Self::ResourceControl => "resource control",
            Self::Boundary => "permissions boundary",
            Self::Session => "session",
            Self::VpcEndpoint => "VPC endpoint",
        }
    }

    const fn article(self) -> &'static str {
        if matches!(self, Self::Identity) { "an" } else { "a" }
    }

    const fn owner(self) -> &'static str {
        match self {
            Self::Identity => "the account's administrators",
            Self::Resource => "the owner of the resource",
            Self::ServiceControl | Self::ResourceControl => "the organisation's administrators",
            Self::Boundary => "the account's administrators, who set the boundary,",
            Self::Session => "whoever vends the role",
            Self::VpcEndpoint => "the network's administrators",
        }
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

#[cfg(test)]
mod tests;
