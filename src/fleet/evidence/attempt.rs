//! What came of trying: the answer of StartSession, and how a session ended.

use jiff::Timestamp;

use crate::fleet::denial::Denial;

/// The last StartSession on a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When.
    pub at: Timestamp,
    /// The document that was named; none for a plain shell.
    pub document: Option<String>,
    /// What AWS said.
    pub answer: Answer,
    /// AWS's id of the request.
    pub request_id: Option<String>,
}

/// An answer of StartSession.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A session.
    Opened,
    /// AccessDenied, decoded.
    Denied(Denial),
    /// AccessDenied, in words that say no more.
    DeniedWithoutWords,
    /// TargetNotConnected.
    NotConnected,
    /// BadRequest about the advanced-instances tier.
    TierNeeded,
    /// InvalidDocument: there is none of that name.
    NoDocument,
    /// InvalidDocument: it isn't of type Session.
    NotASessionDocument,
    /// InvalidParameters, ValidationException; AWS's words.
    BadParameters(String),
    /// Throttled.
    Throttled,
}

impl Answer {
    /// From AWS's code and sentence, where it answered with an error; none for what says nothing of the target or the document.
    pub fn refused(code: &str, message: &str) -> Option<Self> {
        Some(match code {
            "AccessDeniedException" | "AccessDenied" => {
                Denial::parse(message).map_or(Self::DeniedWithoutWords, Self::Denied)
            }
            "TargetNotConnected" => Self::NotConnected,
            "BadRequest" | "BadRequestException" if message.contains("advanced-instances") => {
                Self::TierNeeded
            }
            "InvalidDocument" if message.contains("Only type") => Self::NotASessionDocument,
            "InvalidDocument" => Self::NoDocument,
            "InvalidParameters" | "ValidationException" => Self::BadParameters(format!("{code}: {message}")),
            "ThrottlingException" | "Throttling" | "RequestLimitExceeded" | "TooManyRequestsException" => {
                Self::Throttled
            }
            _ => return None,
        })
    }
}

/// How a session ended that nobody here ended, or that somebody gave up in which nothing came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// When.
    pub at: Timestamp,
    /// Whether a prompt or output had come before.
    pub had_begun: bool,
    /// The far side ended it, and not what lies between it and here.
    pub by_node: bool,
    /// The words of the agent, of KMS or of our own client, as they came.
    pub said: String,
    /// SessionId.
    pub session: Option<String>,
}

impl Ending {
    /// Nothing came at all, neither a prompt nor a word, until somebody ended it.
    pub fn is_blank(&self) -> bool {
        !self.had_begun && self.said.trim().is_empty()
    }
}
