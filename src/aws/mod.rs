//! The SDK clients per profile and region: each call one function that returns our plain types and our own errors.
//! The only place with SDK types; knows neither screens nor the data channel's bytes.
//!
//! | file | job |
//! | --- | --- |
//! | `client` | clients from a [`Scope`], or for a simulated region |
//! | `profile`, `keys`, `clock` | what the files and variables say; credentials; AWS's time |
//! | `role`, `sign_on`, `cache` | keys of assumed roles and of roles of Identity Center, and the AWS CLI's files of them |
//! | `proof` | what an MFA code proved, for all roles of its device |
//! | `login` | what only the user can do: SSO logins, MFA codes |
//! | `account` | its regions and its name |
//! | `list`, `throttle_notice` | the fleet's sources, paged and streamed; a word while AWS throttles them |
//! | `session` | StartSession, ResumeSession, TerminateSession |
//! | `document` | session documents and preferences |
//! | `key` | data keys of KMS, SSH keys by Instance Connect |
//! | `dial`, `sign` | which gateway may be dialled, and the signature of its upgrade |
//! | `checkup`, `probe`, `rights` | the caller's own side: keys, hosts, rights |
//! | `evidence` | the calls behind a verdict |
//! | `error` | failures in words, by what the reader can do |

mod account;
mod cache;
mod checkup;
mod client;
mod clock;
mod dial;
mod document;
mod error;
mod evidence;
mod key;
mod keys;
mod list;
pub mod login;
#[cfg(test)]
mod loopback;
mod probe;
mod profile;
mod proof;
mod rights;
mod role;
mod session;
mod sign;
mod sign_on;
mod throttle_notice;

pub use account::{RegionSummary, built_in_regions};
pub use checkup::{EndpointUrl, KeySource, Setup, files, setup};
pub use client::{Client, Connector, Ground, Identity, Scope, Simulated};
pub use dial::{address, is_loopback};
pub use error::{Error, Kind, Said};
pub use probe::{Broken, probe};
pub use profile::{ProfileKind, ProfileSummary, profiles};
pub use rights::Permission;
pub use session::{SessionOpener, StartRequest};
pub use sign::is_presigned;
