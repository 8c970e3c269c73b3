//! What `doctor` knows before it says anything: plain values, gathered by `gather`, judged by `check`.

use jiff::Timestamp;

use super::terminal;
use crate::{
    aws::{Broken, KeySource, Permission, Setup},
    session::proxy::{Proxies, Proxy},
};

/// A failure in three parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) what: String,
    pub(super) why: String,
    pub(super) next: String,
}

impl From<crate::aws::Error> for Told {
    fn from(error: crate::aws::Error) -> Self {
        Self { what: error.what, why: error.why, next: error.next }
    }
}

/// Something that was asked, or could not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked<T> {
    /// What it rests on is not there.
    Not,
    Failed(Told),
    Known(T),
}

/// One host that must be reachable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) service: &'static str,
    pub(super) host: String,
    pub(super) port: u16,
    /// The proxy that is asked for it.
    pub(super) by: Option<Proxy>,
    pub(super) result: Result<(), Broken>,
}

/// Whether the caller has one right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) action: &'static str,
    pub(super) permission: Permission,
}

/// Everything.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) now: Timestamp,
    /// The config file's path, if there is one; or what is wrong with it.
    pub(super) config: Result<Option<String>, String>,
    pub(super) setup: Result<Setup, Told>,
    /// The AWS files that are there.
    pub(super) files: Vec<String>,
    /// Until when the login at IAM Identity Center is good; none where there is none.
    pub(super) signed_in_until: Option<Timestamp>,
    pub(super) keys: Asked<KeySource>,
    pub(super) proxies: Proxies,
    /// AWS_CA_BUNDLE is set.
    pub(super) has_ca_bundle: bool,
    pub(super) endpoints: Vec<Endpoint>,
    /// Local clock minus AWS's, in seconds.
    pub(super) skew: Option<i64>,
    /// The caller in words.
    pub(super) identity: Asked<String>,
    /// Whether the account has the region enabled.
    pub(super) enabled: Asked<bool>,
    /// Empty where nothing could be asked.
    pub(super) rights: Vec<Held>,
    pub(super) terminal: terminal::Facts,
}
