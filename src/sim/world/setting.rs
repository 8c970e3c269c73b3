//! Systems Manager's service settings: what an account has set in a region, and AWS's values for the rest.

use std::collections::BTreeMap;

use jiff::Timestamp;

/// The role that lets instances without a profile register; `$None` switches default host management off.
pub(crate) const DEFAULT_ROLE: &str = "/ssm/managed-instance/default-ec2-instance-management-role";
/// `standard`, or `advanced`, which is paid for.
pub(crate) const TIER: &str = "/ssm/managed-instance/activation-tier";
/// No role.
const NONE: &str = "$None";

/// The settings that there are, with AWS's values, and which values they take; none named: any.
const KNOWN: [(&str, &str, &[&str]); 9] = [
    ("/ssm/appmanager/appmanager-enabled", "False", &["True", "False"]),
    ("/ssm/automation/customer-script-log-destination", "Disabled", &["CloudWatch", "Disabled"]),
    ("/ssm/automation/customer-script-log-group-name", "/aws/ssm/automation", &[]),
    ("/ssm/documents/console/public-sharing-permission", "Enable", &["Enable", "Disable"]),
    (TIER, "standard", &["standard", "advanced"]),
    (DEFAULT_ROLE, NONE, &[]),
    ("/ssm/opsinsights/opscenter", "Disabled", &["Enabled", "Disabled"]),
    (
        "/ssm/parameter-store/default-parameter-tier",
        "Standard",
        &["Standard", "Advanced", "Intelligent-Tiering"],
    ),
    ("/ssm/parameter-store/high-throughput-enabled", "false", &["true", "false"]),
];

/// What was set.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings(BTreeMap<&'static str, Setting>);

/// A setting's value, when it was set and by whom.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) value: String,
    pub(crate) modified: Timestamp,
    pub(crate) by: String,
}

/// Why a setting was not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SettingError {
    Unknown,
    Value,
}

impl Settings {
    /// The name of a setting and what AWS has for it, if there is such a setting.
    pub(crate) fn known(name: &str) -> Option<(&'static str, &'static str)> {
        KNOWN.iter().find(|(known, ..)| *known == name).map(|(name, value, _)| (*name, *value))
    }

    /// What was set; `None`: AWS's value holds.
    pub(crate) fn custom(&self, name: &str) -> Option<&Setting> {
        self.0.get(name)
    }

    pub(crate) fn value(&self, name: &str) -> &str {
        let otherwise = || Self::known(name).map_or("", |(_, value)| value);
        self.custom(name).map_or_else(otherwise, |setting| &setting.value)
    }

    /// Sets it; AWS's own value takes it back.
    pub(crate) fn set(
        &mut self,
        name: &str,
        value: &str,
        now: Timestamp,
        by: &str,
    ) -> Result<(), SettingError> {
        let (name, _, values) =
            *KNOWN.iter().find(|(known, ..)| *known == name).ok_or(SettingError::Unknown)?;
        if !values.is_empty() && !values.contains(&value) {
            return Err(SettingError::Value);
        }
        self.0.insert(name, Setting { value: value.to_owned(), modified: now, by: by.to_owned() });
        Ok(())
    }

    /// Takes it back.
    pub(crate) fn reset(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// The role of default host management, without its path; `None`: it is off.
    pub(crate) fn default_role(&self) -> Option<&str> {
        let value = self.value(DEFAULT_ROLE);
        (value != NONE).then(|| value.rsplit('/').next().unwrap_or(value))
    }

    /// Whether the region pays for sessions on nodes outside of EC2.
    pub(crate) fn is_advanced(&self) -> bool {
        self.value(TIER) == "advanced"
    }
}
