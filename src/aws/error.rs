//! What can go wrong with AWS, cut by what the reader can do, told in three parts: what, why, next.

use std::fmt;

use super::{
    login::{Ask, SsoSession},
    role::MfaNeeded,
};
use crate::fleet::{Denial, statement::START};

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
    /// A role asks for an MFA code.
    MfaNeeded,
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
    /// What AWS itself answered, if it did.
    pub said: Option<Box<Said>>,
    /// What the user can do here and now, so that the same succeeds.
    pub ask: Option<Box<Ask>>,
}

/// AWS's own words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// Its code, `AccessDeniedException`; may be empty.
    pub code: String,
    /// Its sentence; may be empty.
    pub message: String,
    /// Its id of the request, for a ticket.
    pub request_id: Option<String>,
}

impl Error {
    /// AWS's own code, where it told one.
    pub fn code(&self) -> Option<&str> {
        self.said.as_ref().map(|said| said.code.as_str()).filter(|code| !code.is_empty())
    }

    /// AWS's id of the request, for a ticket.
    pub fn request_id(&self) -> Option<&str> {
        self.said.as_ref()?.request_id.as_deref()
    }

    /// AWS's own sentence; empty where it said none.
    pub fn message(&self) -> &str {
        self.said.as_ref().map_or("", |said| said.message.as_str())
    }

    /// All three parts, as the command line and the screen print them.
    pub fn told(&self) -> String {
        let mut text = self.what.clone();
        for (label, part) in [("why ", &self.why), ("next", &self.next)] {
            if !part.is_empty() {
                text.push_str(&format!("\n  {label}  {part}"));
            }
        }
        text
    }

    /// AWS's own code and the id of the request, dim print for a ticket; empty where AWS was not reached.
    pub fn reference(&self) -> String {
        match (self.code(), self.request_id()) {
            (Some(code), Some(id)) => format!("{code}, request {id}"),
            (Some(code), None) => code.to_owned(),
            (None, Some(id)) => format!("request {id}"),
            (None, None) => String::new(),
        }
    }

    /// Whether the same call may succeed by itself a little later.
    pub fn is_passing(&self) -> bool {
        matches!(self.kind, Kind::Throttled | Kind::Unreachable | Kind::Service)
    }
}

impl fmt::Display for Error {
    /// What and why on one line; [`Error::told`] has all three parts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.why)
    }
}

impl std::error::Error for Error {}

/// A failure that no call of AWS has told.
pub(super) fn made(
    kind: Kind,
    what: impl Into<String>,
    why: impl Into<String>,
    next: impl Into<String>,
) -> Error {
    Error { kind, what: what.into(), why: why.into(), next: next.into(), said: None, ask: None }
}

/// What was being done, for the words of a failure.
#[derive(Debug, Clone)]
pub(super) struct Task<'a> {
    /// After "cannot": "open a session on i-0a1b".
    pub verb: String,
    /// `ssm:StartSession`.
    pub action: &'static str,
    /// The node that was asked for.
    pub target: Option<&'a str>,
}

/// Where it was being done and with whose keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub region: String,
    pub profile: Option<String>,
    /// Where the profile signs in, if at IAM Identity Center.
    pub sso: Option<SsoSession>,
    /// A role on the profile's way to keys asks for an MFA code.
    pub mfa: bool,
    /// The keys come from environment variables, so nothing can renew them.
    pub environment_keys: bool,
}

impl Place {
    fn words(&self) -> String {
        match &self.profile {
            Some(profile) => format!("({profile}/{})", self.region),
            None => format!("({})", self.region),
        }
    }

    fn login(&self) -> String {
        match &self.profile {
            Some(profile) => format!("ssmtui login --profile {profile}"),
            None => "ssmtui login".to_owned(),
        }
    }
}

/// One failed call in plain values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Facts {
    pub failure: Failure,
    pub code: Option<String>,
    pub message: Option<String>,
    pub request_id: Option<String>,
    /// Local clock minus AWS's, in seconds, where an answer told.
    pub skew: Option<i64>,
}

/// How far the call came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Failure {
    /// AWS answered, with an error.
    #[default]
    Answered,
    /// There were no credentials to sign with; the text is the chain's.
    Credentials(String),
    /// There were none yet for want of a code.
    Mfa(MfaNeeded),
    /// No connection, or it broke.
    Connect(String),
    /// Nothing came in time.
    TimedOut,
    /// An answer in which AWS says nothing, by its HTTP status: a page of somebody who stands in between, usually.
    Unreadable(u16),
    /// Anything else on our side.
    Other(String),
}

/// From what is known to what is told.
pub(super) fn classify(task: &Task, place: &Place, facts: Facts) -> Error {
    let told = match &facts.failure {
        Failure::Answered => answered(task, place, &facts),
        Failure::Credentials(chain) => credentials(place, chain),
        Failure::Mfa(needed) => mfa(place, needed),
        Failure::Connect(chain) => unreachable(place, chain),
        Failure::TimedOut => unreachable(place, "no answer in time"),
        Failure::Unreadable(status) => Told::new(
            Kind::Service,
            "the answer is not AWS's",
            format!(
                "HTTP {status} came without an answer of AWS's in it; a proxy or gateway in between may have sent it"
            ),
            "check proxy and endpoint settings (`ssmtui doctor`), and try again",
        ),
        Failure::Other(text) => Told::new(Kind::Service, "the call failed", text.clone(), TRY_AGAIN),
    };
    let ask = match (told.kind, facts.failure) {
        (Kind::MfaNeeded, Failure::Mfa(needed)) => Some(Ask::Mfa(needed.device)),
        (Kind::SsoExpired, _) => place.sso.clone().map(Ask::Sso),
        _ => None,
    };
    let id = facts.request_id.as_deref().map(|id| format!(" (request {id})")).unwrap_or_default();
    let said = (facts.code.is_some() || facts.request_id.is_some()).then(|| Said {
        code: facts.code.unwrap_or_default(),
        message: facts.message.unwrap_or_default(),
        request_id: facts.request_id,
    });
    Error {
        kind: told.kind,
        what: format!("cannot {} {}: {}", task.verb, place.words(), told.cause),
        why: format!("{}{id}", told.why),
        next: told.next,
        said: said.map(Box::new),
        ask: ask.map(Box::new),
    }
}

const TRY_AGAIN: &str = "try again in a moment; if it stays, give the request id to AWS support";

struct Told {
    kind: Kind,
    cause: &'static str,
    why: String,
    next: String,
}

impl Told {
    fn new(kind: Kind, cause: &'static str, why: impl Into<String>, next: impl Into<String>) -> Self {
        Self { kind, cause, why: why.into(), next: next.into() }
    }
}

fn answered(task: &Task, place: &Place, facts: &Facts) -> Told {
    let code = facts.code.as_deref().unwrap_or("");
    let message = facts.message.as_deref().unwrap_or("").trim();
    let said = |otherwise: &str| {
        if message.is_empty() { otherwise.to_owned() } else { format!("AWS says: {message}") }
    };
    match code {
        "AccessDeniedException" | "AccessDenied" | "UnauthorizedOperation" => denied(task, place, message),
        "ExpiredTokenException" | "ExpiredToken" | "RequestExpired" => expired(place),
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "AuthFailure"
        | "InvalidClientTokenIdException" => Told::new(
            Kind::Rejected,
            "AWS does not know these keys",
            format!(
                "{code}: the access key is wrong, deleted, of another partition, or the region is not enabled"
            ),
            format!(
                "check the key with `aws sts get-caller-identity`, and whether {} is enabled",
                place.region
            ),
        ),
        "InvalidSignatureException" | "SignatureDoesNotMatch" => signature(facts, message),
        "IncompleteSignature" | "MissingAuthenticationToken" | "MissingAuthenticationTokenException" => {
            Told::new(
                Kind::Signature,
                "the request arrived without a good signature",
                said(code),
                "something between here and AWS changes requests: check proxy and endpoint settings",
            )
        }
        "OptInRequired" => Told::new(
            Kind::Rejected,
            "the region is not enabled",
            format!("{} is not opted in for this account", place.region),
            "enable it in the account settings, or choose another with --region",
        ),
        "TargetNotConnected" => not_connected(task, place),
        "BadRequest" | "BadRequestException"
            if message.contains("advanced-instances") || is_hybrid_without_words(task, message) =>
        {
            Told::new(
                Kind::TierNeeded,
                "the node needs the advanced tier",
                "hybrid nodes can be opened only in the advanced-instances tier, and this region's tier is standard",
                "an administrator can turn it on, billed per node and hour: aws ssm update-service-setting --setting-id \
                 /ssm/managed-instance/activation-tier --setting-value advanced",
            )
        }
        "InvalidDocument" if message.contains("Only type") => Told::new(
            Kind::NoDocument,
            "the document is not a session document",
            said(code),
            "choose a document of type Session",
        ),
        "InvalidDocument" | "InvalidDocumentVersion" => Told::new(
            Kind::NoDocument,
            "there is no such session document",
            said("the account has no document of that name, or you may not see it"),
            "list them: aws ssm list-documents --filters Key=DocumentType,Values=Session",
        ),
        "DoesNotExistException" | "InvalidSessionId" => Told::new(
            Kind::Gone,
            "the session is over",
            said("AWS knows no such session any more"),
            "start a new one",
        ),
        code if is_throttle(code) => Told::new(
            Kind::Throttled,
            "AWS asks to slow down",
            format!("{code}: {}", if message.is_empty() { "Rate exceeded" } else { message }),
            "nothing to do: wait a little and try again",
        ),
        "ValidationException"
        | "InvalidParameters"
        | "InvalidInstanceId"
        | "InvalidInstanceID.Malformed"
        | "InvalidInstanceID.NotFound"
        | "InvalidFilterKey"
        | "InvalidNextToken"
        | "SerializationException"
        | "BadRequest"
        | "UnknownOperationException" => Told::new(
            Kind::Invalid,
            "AWS refuses the request",
            if message.is_empty() { code.to_owned() } else { format!("{code}: {message}") },
            match task.target {
                Some(target) => format!("check that `{target}` is the right id, region and profile"),
                None => "check region and profile".to_owned(),
            },
        ),
        _ => Told::new(
            Kind::Service,
            "AWS failed",
            match (code, message) {
                ("", "") => "the answer was an error without words".to_owned(),
                ("", message) => format!("AWS says: {message}"),
                (code, "") => code.to_owned(),
                (code, message) => format!("{code}: {message}"),
            },
            TRY_AGAIN,
        ),
    }
}

/// All names under which AWS throttles (protocol.md 1.1, botocore's retry list).
pub(super) fn is_throttle(code: &str) -> bool {
    matches!(
        code,
        "ThrottlingException"
            | "ThrottledException"
            | "Throttling"
            | "RequestThrottledException"
            | "RequestThrottled"
            | "TooManyRequestsException"
            | "RequestLimitExceeded"
            | "PriorRequestNotComplete"
    )
}

/// An `mi-` node with an empty BadRequest means the tier too (diagnosis 1.4).
fn is_hybrid_without_words(task: &Task, message: &str) -> bool {
    message.is_empty() && task.target.is_some_and(|target| target.starts_with("mi-"))
}

fn denied(task: &Task, place: &Place, message: &str) -> Told {
    match Denial::parse(message) {
        Some(denial) => {
            let mut next = denial.next(task.target, &place.region);
            if let (START, Some(target)) = (task.action, task.target) {
                next.push_str(&format!("; `ssmtui why {target}` tells more"));
            }
            Told::new(Kind::Denied, "access denied", denial.sentence(), next)
        }
        None => Told::new(
            Kind::Denied,
            "access denied",
            match message {
                "" => format!("you may not call `{}`", task.action),
                message => format!("you may not call `{}`; AWS says: {message}", task.action),
            },
            format!("ask for the right `{}`, or use another profile", task.action),
        ),
    }
}

fn expired(place: &Place) -> Told {
    if place.sso.is_some() {
        return sso_ended(place, "the temporary keys of this SSO login have expired");
    }
    let (why, next) = if place.environment_keys {
        (
            "keys in environment variables cannot renew themselves",
            "export fresh ones, or unset them and use a profile",
        )
    } else {
        (
            "the temporary keys have expired and the profile's source gave no newer ones",
            "sign in again where they come from",
        )
    };
    Told::new(Kind::Expired, "the keys have expired", why, next)
}

/// A login that was, and whose keys sessions may have been opened with.
fn sso_ended(place: &Place, why: &str) -> Told {
    Told {
        cause: "the SSO login has ended",
        ..sso(place, why, "; open sessions go on, but cannot be resumed after a network loss")
    }
}

fn sso(place: &Place, why: &str, then: &str) -> Told {
    let whose =
        place.profile.as_deref().map(|profile| format!(" for profile `{profile}`")).unwrap_or_default();
    let next = format!("run `{}`, then try again", place.login());
    Told::new(Kind::SsoExpired, "nobody has signed in", format!("{why}{whose}{then}"), next)
}

fn mfa(place: &Place, needed: &MfaNeeded) -> Told {
    let device = &needed.device;
    let (cause, why) = match &needed.refused {
        None => ("an MFA code is needed", format!("{needed}")),
        Some(words) => ("the MFA code is refused", format!("AWS says: {words}")),
    };
    let login = place.login();
    let next = format!("run `{login}` and type the code of {}; each code is good once", device.serial);
    Told::new(Kind::MfaNeeded, cause, why, next)
}

fn signature(facts: &Facts, message: &str) -> Told {
    const MENDS: &str = "set the clock of this machine; nothing else is wrong";
    if let Some(skew) = facts.skew.filter(|skew| skew.abs() >= 60) {
        let side = if skew > 0 { "ahead of" } else { "behind" };
        let why = format!("this machine's clock is {} {side} AWS's", minutes(skew.unsigned_abs()));
        return Told::new(Kind::Signature, "the clocks differ", why, MENDS);
    }
    if message.contains("expired") || message.contains("not yet current") {
        return Told::new(Kind::Signature, "the clocks differ", format!("AWS says: {message}"), MENDS);
    }
    Told::new(
        Kind::Signature,
        "the signature does not match",
        "the secret key does not belong to the access key id, or something between here and AWS changes requests",
        "enter the keys again (`aws configure`), and check proxy settings",
    )
}

fn minutes(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3600),
    }
}

fn not_connected(task: &Task, place: &Place) -> Told {
    let target = task.target.unwrap_or("the node");
    Told::new(
        Kind::NotConnected,
        "its agent is not connected",
        format!(
            "TargetNotConnected: {target} is stopped, not set up for Session Manager, has lost its agent, or is of \
             another region or account than {}",
            place.words()
        ),
        match task.target {
            Some(target) => format!("`ssmtui why {target}` tells which; else check --region and --profile"),
            None => "check its state in the list, and --region and --profile".to_owned(),
        },
    )
}

fn credentials(place: &Place, chain: &str) -> Told {
    let lower = chain.to_lowercase();
    if is_network(&lower) {
        return unreachable(place, chain);
    }
    if place.sso.is_some() {
        if lower.contains("failed to load the cached") || lower.contains("failed to read") {
            return sso(place, "there is no SSO login on this machine", "");
        }
        if lower.contains("expired") || lower.contains("unauthorized") {
            return sso_ended(place, "the SSO token has expired");
        }
    }
    if let Some(denial) = Denial::parse(chain) {
        let next = denial.next(None, &place.region);
        return Told::new(Kind::NoCredentials, "the role gives no keys", denial.sentence(), next);
    }
    if lower.contains("credentials-login") {
        return Told::new(
            Kind::NoCredentials,
            "the keys of `aws login` cannot be read",
            "the profile signs in to the console by `aws login`, whose keys only the AWS CLI renews",
            "give another profile credential_process = aws configure export-credentials --profile NAME",
        );
    }
    let nothing_found = lower.contains("no providers in chain")
        || lower.contains("not loaded")
        || lower.contains("not enabled");
    let why = match (&place.profile, nothing_found) {
        (Some(profile), true) => format!("profile `{profile}` holds no keys and names no source for them"),
        (None, true) => {
            "no environment variables, no default profile, no role of a container or instance gave keys"
                .to_owned()
        }
        (_, false) => chain.to_owned(),
    };
    Told::new(
        Kind::NoCredentials,
        "there are no credentials",
        why,
        "choose a profile with --profile, sign in with `ssmtui login`, or set up keys with `aws configure`; `ssmtui --demo` needs none",
    )
}

fn is_network(lower: &str) -> bool {
    [
        "dns error",
        "connection refused",
        "network is unreachable",
        "timed out",
        "timeout",
        "tcp connect",
        "certificate",
        "tls",
    ]
    .iter()
    .any(|sign| lower.contains(sign))
}

fn unreachable(place: &Place, chain: &str) -> Told {
    let lower = chain.to_lowercase();
    let (why, next) = if lower.contains("dns") || lower.contains("failed to lookup") {
        ("its name cannot be resolved", "check the network, the VPN, and that the region's name is right")
    } else if lower.contains("certificate") || lower.contains("tls") {
        (
            "its certificate is not trusted",
            "a proxy may be reading TLS: add its CA to the system's trust store",
        )
    } else if lower.contains("refused") {
        ("the connection is refused", "check proxy settings and AWS_ENDPOINT_URL")
    } else if lower.contains("no answer") || lower.contains("timed out") || lower.contains("timeout") {
        ("nothing answers", "check the network, the VPN and proxy settings (HTTPS_PROXY, NO_PROXY)")
    } else {
        ("the connection failed", "check the network, the VPN and proxy settings (HTTPS_PROXY, NO_PROXY)")
    };
    let why = format!("the endpoint of {} cannot be reached: {why} ({chain})", place.region);
    Told::new(Kind::Unreachable, "no connection to AWS", why, next)
}

#[cfg(test)]
mod tests;
