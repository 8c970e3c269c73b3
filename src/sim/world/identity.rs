//! IAM's facts: roles, instance profiles, policies, what the organisation denies; and what a role may do by them.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::sim::{
    fault::PolicyKind,
    policy::{self, Keys, Layer, Policy, Principal, Request, Source, Verdict},
};

/// What every organisation allows before it denies.
const FULL_ACCESS: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

/// The IAM of an account.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    account: String,
    /// By their names.
    pub(crate) roles: BTreeMap<String, Role>,
    pub(crate) profiles: BTreeMap<String, InstanceProfile>,
    /// By their ARNs.
    pub(crate) policies: BTreeMap<String, Managed>,
    /// What the organisation lays upon the account, by id.
    organisation: Vec<(String, Policy)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Role {
    pub(crate) name: String,
    /// `/`, `/service-role/`.
    pub(crate) path: String,
    pub(crate) id: String,
    pub(crate) trust: Policy,
    /// ARNs of managed policies.
    pub(crate) attached: Vec<String>,
    pub(crate) inline: BTreeMap<String, Policy>,
    /// The ARN of its boundary.
    pub(crate) boundary: Option<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct InstanceProfile {
    pub(crate) name: String,
    pub(crate) id: String,
    /// At most one role, by name.
    pub(crate) roles: Vec<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Managed {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) path: String,
    pub(crate) description: String,
    pub(crate) document: Policy,
}

/// As the file has them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RoleEntry {
    name: String,
    #[serde(default = "slash")]
    path: String,
    /// The services that may be it.
    #[serde(default = "ec2")]
    trusts: Vec<String>,
    /// Names of policies of the file.
    #[serde(default)]
    attached: Vec<String>,
    #[serde(default)]
    inline: BTreeMap<String, String>,
    boundary: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProfileEntry {
    pub(super) name: String,
    /// None: it holds no role.
    role: Option<String>,
    /// The profile was deleted and made anew since instances took it: the id that those still have.
    pub(super) former_id: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PolicyEntry {
    name: String,
    /// Of AWS, and not of the account.
    #[serde(default)]
    aws: bool,
    #[serde(default = "slash")]
    path: String,
    #[serde(default)]
    description: String,
    document: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LimitEntry {
    id: String,
    document: String,
}

fn slash() -> String {
    "/".to_owned()
}

fn ec2() -> Vec<String> {
    vec!["ec2.amazonaws.com".to_owned()]
}

/// What stands in the file of a fleet, as far as IAM is concerned.
pub(super) struct Entries<'a> {
    pub(super) policies: &'a [PolicyEntry],
    pub(super) roles: &'a [RoleEntry],
    pub(super) profiles: &'a [ProfileEntry],
    pub(super) limits: &'a [LimitEntry],
}

impl Identity {
    /// The file's facts, for an account.
    pub(super) fn of(entries: &Entries<'_>, account: &str) -> Identity {
        const SOUND: &str = "the policies in the file are well-formed; a test reads it";
        let parse = |text: &str| Policy::parse(&text.trim().replace("{account}", account)).expect(SOUND);
        let arns: BTreeMap<&str, String> = (entries.policies.iter())
            .map(|entry| {
                let owner = if entry.aws { "aws" } else { account };
                (entry.name.as_str(), format!("arn:aws:iam::{owner}:policy{}{}", entry.path, entry.name))
            })
            .collect();
        let arn = |name: &String| arns.get(name.as_str()).expect("a policy of the file").clone();
        let policies = entries.policies.iter().map(|entry| {
            let managed = Managed {
                name: entry.name.clone(),
                id: unique_id("ANPA", &entry.name),
                path: entry.path.clone(),
                description: entry.description.clone(),
                document: parse(&entry.document),
            };
            (arn(&entry.name), managed)
        });
        let roles = entries.roles.iter().map(|entry| {
            let role = Role {
                name: entry.name.clone(),
                path: entry.path.clone(),
                id: unique_id("AROA", &entry.name),
                trust: trust(&entry.trusts),
                attached: entry.attached.iter().map(arn).collect(),
                inline: entry.inline.iter().map(|(name, text)| (name.clone(), parse(text))).collect(),
                boundary: entry.boundary.as_ref().map(arn),
            };
            (entry.name.clone(), role)
        });
        let profiles = entries.profiles.iter().map(|entry| {
            let profile = InstanceProfile {
                name: entry.name.clone(),
                id: profile_id(&entry.name),
                roles: entry.role.iter().cloned().collect(),
            };
            (entry.name.clone(), profile)
        });
        let full = ("p-FullAWSAccess".to_owned(), parse(FULL_ACCESS));
        let limits = entries.limits.iter().map(|limit| (limit.id.clone(), parse(&limit.document)));
        Identity {
            account: account.to_owned(),
            roles: roles.collect(),
            profiles: profiles.collect(),
            policies: policies.collect(),
            organisation: std::iter::once(full).chain(limits).collect(),
        }
    }

    pub(crate) fn role_arn(&self, role: &Role) -> String {
        format!("arn:aws:iam::{}:role{}{}", self.account, role.path, role.name)
    }

    pub(crate) fn profile_arn(&self, name: &str) -> String {
        format!("arn:aws:iam::{}:instance-profile/{name}", self.account)
    }

    /// A role by its name, with or without its path before it.
    pub(crate) fn role(&self, name: &str) -> Option<&Role> {
        self.roles.get(name.rsplit('/').next().unwrap_or_default())
    }

    /// The organisation's layer; it speaks on everybody in the account.
    pub(crate) fn organisation(&self) -> Layer<'_> {
        let sources = self.organisation.iter().map(|(name, policy)| Source { name, policy });
        Layer { kind: PolicyKind::ServiceControl, sources: sources.collect() }
    }

    /// What speaks on a role beside the organisation: its boundary, and its own policies.
    pub(crate) fn layers<'a>(&'a self, role: &'a Role) -> Vec<Layer<'a>> {
        let managed = |arn: &'a String| {
            self.policies.get(arn).map(|managed| Source { name: arn, policy: &managed.document })
        };
        let mut layers = Vec::new();
        if let Some(boundary) = &role.boundary {
            layers.push(Layer {
                kind: PolicyKind::PermissionsBoundary,
                sources: managed(boundary).into_iter().collect(),
            });
        }
        let inline = role.inline.iter().map(|(name, policy)| Source { name, policy });
        let sources = role.attached.iter().filter_map(managed).chain(inline).collect();
        layers.push(Layer { kind: PolicyKind::IdentityBased, sources });
        layers
    }

    /// Whether a service may be the role.
    pub(crate) fn trusts(&self, role: &Role, service: &str) -> bool {
        let principal = Principal { service: Some(service.to_owned()), ..Principal::default() };
        let keys = Keys::default();
        let arn = self.role_arn(role);
        let request =
            Request { principal: &principal, action: "sts:AssumeRole", resource: &arn, keys: &keys };
        let layer = Layer {
            kind: PolicyKind::ResourceBased,
            sources: vec![Source { name: &role.name, policy: &role.trust }],
        };
        policy::evaluate(&[layer], &request).allowed()
    }

    /// Whether a machine with a role may call a service's action. `endpoint`: the policy of the endpoint on the way.
    pub(super) fn may(
        &self,
        role: &Role,
        machine: &str,
        endpoint: Option<&Policy>,
        (action, resource): (&str, &str),
    ) -> Verdict {
        let arn = self.role_arn(role);
        let session = format!("arn:aws:sts::{}:assumed-role/{}/{machine}", self.account, role.name);
        let mut keys = Keys::default();
        keys.set("aws:PrincipalArn", arn.as_str());
        keys.set("aws:PrincipalAccount", self.account.as_str());
        keys.set("aws:userid", format!("{}:{machine}", role.id));
        let principal = Principal { arns: vec![session, arn], account: self.account.clone(), service: None };
        let mut layers = vec![self.organisation()];
        if let Some(policy) = endpoint {
            layers.push(Layer {
                kind: PolicyKind::VpcEndpoint,
                sources: vec![Source { name: "the endpoint's policy", policy }],
            });
        }
        layers.extend(self.layers(role));
        policy::evaluate(&layers, &Request { principal: &principal, action, resource, keys: &keys })
    }
}

/// The trust policy that the console writes.
fn trust(services: &[String]) -> Policy {
    let document = serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Principal": { "Service": services }, "Action": "sts:AssumeRole" }],
    });
    Policy::parse(&document.to_string()).expect("names of services make no document bad")
}

/// The id of a profile of this name.
pub(super) fn profile_id(name: &str) -> String {
    unique_id("AIPA", name)
}

/// One of IAM's unique ids, the same for the same name.
fn unique_id(prefix: &str, name: &str) -> String {
    let letters: String = name.to_uppercase().chars().filter(char::is_ascii_alphanumeric).take(17).collect();
    format!("{prefix}{letters:A<17}")
}
