//! What a region hands out to those who want to get in: keys, roles, sign-ins, in the terms of AWS's own files.

use std::fmt;

use super::caller::{Account, Directory};

/// A place of a running region, and the keys of a caller there.
#[derive(Clone, PartialEq, Eq)]
pub struct PlaceAccess {
    /// Twelve digits.
    pub account: String,
    /// The account's alias.
    pub alias: String,
    /// The region.
    pub region: String,
    /// What the account's profile is called in files for AWS clients.
    pub profile_name: String,
    /// Access key.
    pub access_key_id: String,
    /// Secret key.
    pub secret_access_key: String,
}

impl fmt::Debug for PlaceAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PlaceAccess({} in {}, keys [redacted])", self.alias, self.region)
    }
}

/// A profile of AWS's files: its name, and how it becomes a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// `prod-ops`.
    pub name: String,
    /// How it becomes one.
    pub way: Way,
}

/// How a profile becomes a caller.
#[derive(Clone, PartialEq, Eq)]
pub enum Way {
    /// By keys of a user.
    Keys {
        /// Access key.
        id: String,
        /// Secret key.
        secret: String,
    },
    /// By a role that another profile assumes.
    Role {
        /// The role.
        arn: String,
        /// The other profile.
        source: String,
        /// The device whose code has to be given.
        mfa_serial: Option<String>,
        /// What the role's trust asks for.
        external_id: Option<String>,
    },
    /// By IAM Identity Center.
    SignOn {
        /// The account.
        account: String,
        /// The permission set.
        role: String,
    },
}

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Way::Keys { id, .. } => write!(f, "Keys({id}, secret [redacted])"),
            Way::Role { arn, source, .. } => write!(f, "Role({arn} by {source})"),
            Way::SignOn { account, role } => write!(f, "SignOn({role} in {account})"),
        }
    }
}

/// An MFA device of a user.
#[derive(Clone, PartialEq, Eq)]
pub struct DeviceAccess {
    /// What the profiles of the user's account begin with: `prod`.
    pub profile: String,
    /// Its ARN.
    pub serial: String,
    /// The secret, in base32, as authenticator apps take it (RFC 6238: SHA-1, 30 seconds, six digits).
    pub secret: String,
}

impl fmt::Debug for DeviceAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceAccess({}, secret [redacted])", self.serial)
    }
}

/// The profiles of all accounts: the starter's keys under the account's own name, everybody else's behind it.
pub(super) fn profiles(directory: &Directory) -> Vec<Profile> {
    directory.accounts.iter().flat_map(of_account).collect()
}

fn of_account(account: &Account) -> Vec<Profile> {
    let prefix = &account.facts.profile;
    let named = |name: &str| if name.is_empty() { prefix.clone() } else { format!("{prefix}-{name}") };
    let users = account.users.iter().enumerate().map(|(at, user)| Profile {
        name: named(if at == 0 { "" } else { &user.caller.name }),
        way: Way::Keys { id: user.keys.access_key_id.clone(), secret: user.keys.secret_access_key.clone() },
    });
    let roles = account.roles.iter().map(|role| match &role.permission_set {
        None => {
            let source = role.source.as_deref().unwrap_or_default();
            let device = account.user(source).and_then(|user| user.device.as_ref());
            Profile {
                name: named(&role.profile),
                way: Way::Role {
                    arn: role.arn.clone(),
                    source: named(source),
                    mfa_serial: device.map(|device| device.serial.clone()),
                    external_id: role.external_id.clone(),
                },
            }
        }
        Some(set) => Profile {
            name: named(&role.profile),
            way: Way::SignOn { account: account.facts.id.clone(), role: set.clone() },
        },
    });
    users.chain(roles).collect()
}

/// The devices of all accounts.
pub(super) fn devices(directory: &Directory) -> Vec<DeviceAccess> {
    let accounts = directory.accounts.iter();
    accounts
        .flat_map(|account| account.users.iter().map(move |user| (account, user)))
        .filter_map(|(account, user)| {
            let device = user.device.as_ref()?;
            Some(DeviceAccess {
                profile: account.facts.profile.clone(),
                serial: device.serial.clone(),
                secret: device.secret.clone(),
            })
        })
        .collect()
}
