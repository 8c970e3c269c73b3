//! Reads the callers that come with the program (`assets/demo-callers.toml`).

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Deserializer, de};

use crate::sim::{fault, options::Rights};

/// The file, as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sample {
    rights: BTreeMap<String, Vec<String>>,
    pub(super) user: Vec<UserEntry>,
    pub(super) role: Vec<RoleEntry>,
    #[serde(rename = "permission-set")]
    pub(super) permission_set: Vec<PermissionSet>,
    pub(super) policy: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UserEntry {
    pub(super) name: String,
    pub(super) policies: Vec<String>,
    pub(super) boundary: Option<String>,
    /// Whether it has a device.
    #[serde(default)]
    pub(super) mfa: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RoleEntry {
    pub(super) name: String,
    pub(super) policies: Vec<String>,
    /// The principal who may be it.
    trusts: String,
    /// The Condition of the trust, as JSON.
    condition: Option<String>,
    /// What its profile is called behind the account's.
    pub(super) profile: String,
    /// The user behind whose profile it stands; without one the starter's.
    pub(super) source: Option<String>,
    #[serde(rename = "external-id")]
    pub(super) external_id: Option<String>,
    /// The longest session.
    #[serde(default = "four_hours", deserialize_with = "time")]
    pub(super) longest: Duration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PermissionSet {
    pub(super) name: String,
    pub(super) profile: String,
    pub(super) policies: Vec<String>,
}

fn four_hours() -> Duration {
    Duration::from_secs(4 * 3600)
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    fault::duration(&text).ok_or_else(|| de::Error::custom(format!("`{text}` is not a time such as 2h")))
}

/// The file.
pub(super) fn load() -> Sample {
    toml::from_str(include_str!("../../../assets/demo-callers.toml"))
        .expect("the callers in assets/ are well-formed; a test reads them")
}

impl Sample {
    /// The names of the policies that a choice of rights stands for.
    pub(super) fn rights(&self, rights: Rights) -> &[String] {
        let name = match rights {
            Rights::Full => "full",
            Rights::EndUser => "end-user",
            Rights::NoList => "no-list",
        };
        self.rights.get(name).map(Vec::as_slice).unwrap_or_default()
    }
}

impl RoleEntry {
    /// The trust policy, as JSON.
    pub(super) fn trust(&self) -> String {
        let condition = self.condition.as_deref().unwrap_or("{}");
        format!(
            r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", "Principal": {{"AWS": "{}"}}, "Action": "sts:AssumeRole", "Condition": {condition}}}]}}"#,
            self.trusts
        )
    }
}
