//! What holds for a whole account and region: asked once, and true for every row.

use jiff::Timestamp;

use crate::fleet::{
    document::{DocumentSummary, Preferences},
    record::Fact,
};

use super::CoreProfile;

/// Facts of one account and region.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Surroundings {
    /// Default host management.
    pub host_management: Fact<HostManagement>,
    /// Profiles of the account that have what an agent needs.
    pub core_profiles: Fact<Vec<CoreProfile>>,
    /// The hybrid tier.
    pub tier: Fact<Tier>,
    /// DescribeActivations.
    pub activations: Fact<Vec<Activation>>,
    /// GetDocument of the account's preferences; none when it never made any, so that the defaults hold.
    pub preferences: Fact<Option<Preferences>>,
    /// ListDocuments of type Session.
    pub documents: Fact<Vec<DocumentSummary>>,
    /// DescribeKey of the preferences' key; none when it doesn't exist.
    pub key: Fact<Option<Key>>,
    /// DescribeRegions for this region.
    pub opt_in: Fact<OptIn>,
}

impl Surroundings {
    /// These, and where nothing was asked here, those.
    pub fn or(&self, others: &Self) -> Self {
        fn first<T: Clone>(one: &Fact<T>, other: &Fact<T>) -> Fact<T> {
            if matches!(one, Fact::NotAsked) { other.clone() } else { one.clone() }
        }
        Self {
            host_management: first(&self.host_management, &others.host_management),
            core_profiles: first(&self.core_profiles, &others.core_profiles),
            tier: first(&self.tier, &others.tier),
            activations: first(&self.activations, &others.activations),
            preferences: first(&self.preferences, &others.preferences),
            documents: first(&self.documents, &others.documents),
            key: first(&self.key, &others.key),
            opt_in: first(&self.opt_in, &others.opt_in),
        }
    }
}

/// Whether instances without a profile register (`/ssm/managed-instance/default-ec2-instance-management-role`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostManagement {
    /// They don't: the value is `$None`, or Status `Default`.
    Off,
    /// They do, with this role.
    On {
        /// The role's name.
        role: String,
        /// LastModifiedDate.
        since: Option<Timestamp>,
    },
}

/// The tier of hybrid nodes in this account and region (`/ssm/managed-instance/activation-tier`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// No sessions on `mi-` nodes.
    Standard,
    /// Sessions, billed per node and hour.
    Advanced,
}

/// One hybrid activation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Activation {
    /// ActivationId.
    pub id: String,
    /// DefaultInstanceName, else Description; may be empty.
    pub name: String,
    /// IamRole.
    pub role: String,
    /// Expired.
    pub expired: bool,
    /// ExpirationDate.
    pub expires: Option<Timestamp>,
    /// RegistrationLimit.
    pub limit: u32,
    /// RegistrationsCount.
    pub used: u32,
}

/// A key of KMS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// ARN.
    pub arn: String,
    /// KeyState.
    pub state: KeyState,
}

/// Whether a key can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// It can.
    Enabled,
    /// Somebody turned it off.
    Disabled,
    /// It is about to be deleted.
    PendingDeletion,
    /// Any other, as it came.
    Other(String),
}

impl KeyState {
    /// From the wire's word.
    pub fn from_wire(word: &str) -> Self {
        match word {
            "Enabled" => Self::Enabled,
            "Disabled" => Self::Disabled,
            "PendingDeletion" | "PendingReplicaDeletion" => Self::PendingDeletion,
            _ => Self::Other(word.to_owned()),
        }
    }
}

/// Whether the account uses the region (OptInStatus).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OptIn {
    /// `opt-in-not-required`, `opted-in`.
    Enabled,
    /// `not-opted-in`.
    NotEnabled,
}
