//! What can go wrong with AWS, cut by what the reader can do, told in three parts: what, why, next.

use std::fmt;

/// Who can mend it, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// No region is set anywhere.
    NoRegion,
    /// The profile that was asked for does not exist.
    UnknownProfile,
    /// The AWS config or credentials file cannot be read or parsed.
    BrokenFiles,
    /// Nothing in the chain gave credentials.
    NoCredentials,
    /// The SSO login has ended, or never was.
    SsoExpired,
    /// Temporary keys have expired.
    Expired,
    /// AWS does not know the keys.
    Rejected,
    /// The signature was refused because the clocks differ, or the secret is wrong.
    Signature,
    /// The identity may not do this.
    Denied,
    /// Too many calls.
    Throttled,
    /// TargetNotConnected.
    NotConnected,
    /// The session document does not exist or is not one.
    NoDocument,
    /// A hybrid node in the standard tier.
    TierNeeded,
    /// What was asked for does not exist any more.
    Gone,
    /// Nothing came back: DNS, connect, TLS, time-out.
    Unreachable,
    /// AWS refused the request as malformed.
    Invalid,
    /// AWS itself failed, or said something that is none of the above.
    Service,
}

/// One failed task, told in three parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// Who can mend it, and how.
    pub kind: Kind,
    /// One line: what could not be done to which object where, and the cause in two or three words.
    pub what: String,
    /// Why, with what proves it.
    pub why: String,
    /// What to do now.
    pub next: String,
    /// AWS's own code.
    pub code: Option<String>,
    /// AWS's id of the request, for a ticket.
    pub request_id: Option<String>,
}

impl fmt::Display for Error {
    /// What and why on one line; [`Error::told`] has all three parts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.why)
    }
}

impl std::error::Error for Error {}
