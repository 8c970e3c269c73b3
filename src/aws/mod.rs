//! The SDK clients per profile and region: each call one function that returns our plain types and our own errors.
//! The only place with SDK types; knows neither screens nor the data channel's bytes.
//!
//! | file | job |
//! | --- | --- |
//! | `client` | clients from a [`Scope`], or for a simulated region |
//! | `profile`, `keys`, `clock` | what the files and variables say; credentials; AWS's time |
//! | `list` | the fleet's sources, paged and streamed |
//! | `session` | StartSession, ResumeSession, TerminateSession |
//! | `document` | session documents and preferences |
//! | `key` | data keys of KMS, SSH keys by Instance Connect |
//! | `dial`, `sign` | which gateway may be dialled, and the signature of its upgrade |
//! | `error`, `denial` | failures in words, by what the reader can do |

mod client;
mod clock;
mod denial;
mod dial;
mod document;
mod error;
mod key;
mod keys;
mod list;
mod profile;
mod session;
mod sign;

pub use client::{Client, Connector, Identity, Scope, Simulated};
pub use denial::{Denial, Obstacle, Policy, Principal};
pub use dial::{address, is_loopback};
pub use error::{Error, Kind};
pub use session::{SessionOpener, StartRequest};
pub use sign::is_presigned;
