//! Faults: what a region shall do wrong, as `--fault SPEC` spells it.
//!
//! `cut`, `cut-agent`, `drop`, `dup`, `reorder` and `delay` happen to the frames of the data channel, in both directions, and are the
//! gateway's business; `deny`, `throttle`, `slow` and `expired` happen to API calls. This file only parses; it does nothing.

use std::{fmt, str::FromStr, time::Duration};

/// One thing that goes wrong. Several may be given; each acts by itself.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// The data channel's socket is cut, without a close frame, each time it has lived so long or carried so much.
    Cut(Cut),
    /// The link between agent and service is cut so often; the agent dials anew by itself.
    CutAgent(Duration),
    /// This share of the frames is lost.
    Drop(Share),
    /// This share of the frames arrives twice.
    Dup(Share),
    /// This share of the frames is overtaken by the frame behind it.
    Reorder(Share),
    /// Each frame arrives so much later.
    Delay(Duration),
    /// Calls of the matching actions are refused as a policy would refuse them.
    Deny {
        /// Which actions.
        action: ActionPattern,
        /// Which kind of policy AWS names as the reason.
        policy: PolicyKind,
        /// Whether nothing allows it or something forbids it.
        denial: Denial,
    },
    /// Too many calls of the matching actions are refused with "Rate exceeded".
    Throttle {
        /// Which actions.
        action: ActionPattern,
        /// How many are too many.
        limit: Limit,
    },
    /// Calls of the matching actions are answered so much later.
    Slow {
        /// Which actions.
        action: ActionPattern,
        /// How much later.
        by: Duration,
    },
    /// The credentials expire so long after the region's start.
    Expired(Duration),
    /// It goes wrong in some places only.
    In(Where, Box<Fault>),
}

/// Which places a fault happens in: those of an account, or one region of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Where {
    /// Twelve digits, or an alias; `*` in either.
    account: String,
    region: Option<String>,
}

impl Fault {
    /// What goes wrong in this place; `None` if nothing does.
    pub(crate) fn at(&self, account: &str, alias: &str, region: &str) -> Option<&Fault> {
        let Fault::In(place, fault) = self else { return Some(self) };
        place.names(account, alias, region).then_some(fault)
    }
}

impl Where {
    /// Whether this place is meant.
    pub(super) fn names(&self, account: &str, alias: &str, region: &str) -> bool {
        let names = |pattern: &str, text: &str| glob(pattern.as_bytes(), text.as_bytes());
        let is_account = names(&self.account, account)
            || names(&self.account, alias)
            || alias.rsplit('-').next() == Some(&self.account);
        is_account && self.region.as_ref().is_none_or(|pattern| names(pattern, region))
    }
}

/// Calls of an action, and, behind `@`, the places where they are meant: `ec2:*@data/us-east-1`.
pub(super) fn calls(spec: &str) -> Result<(ActionPattern, Option<Where>), FaultError> {
    let malformed = |expected| FaultError::Malformed { spec: spec.to_owned(), expected };
    let (action, place) = match spec.rsplit_once('@') {
        Some((action, place)) => (action, Some(place_pattern(place).ok_or(malformed(PLACE))?)),
        None => (spec, None),
    };
    Ok((action_pattern(action).ok_or(malformed(CALLS))?, place))
}

/// When a socket is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// When it is so old; a re-opened one again after the same time.
    Every(Duration),
    /// When so many bytes of frames have passed, both directions together; a re-opened one again after as many.
    After(u64),
}

/// How many calls are too many.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    /// This share of them, evenly spread: at 50 % the first of each two.
    Share(Share),
    /// What finds a bucket empty, as AWS counts: each action, account and region has its own.
    Rate {
        /// The tokens that come back.
        per_second: u32,
        /// How many it holds.
        burst: u32,
    },
}

/// A share of events, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share(f64);

impl Share {
    /// As a number from 0 to 1.
    pub fn as_f64(self) -> f64 {
        self.0
    }
}

/// Action names such as `ssm:StartSession`, with `*` for any run of letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionPattern(String);

impl ActionPattern {
    /// Whether an action (`service:Operation`) is meant; IAM compares without regard to case, so does this.
    pub fn matches(&self, action: &str) -> bool {
        glob(self.0.to_ascii_lowercase().as_bytes(), action.to_ascii_lowercase().as_bytes())
    }
}

/// The kinds of policy that AWS names at the end of an access-denied text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyKind {
    /// A policy of the caller.
    IdentityBased,
    /// A policy of the thing acted on.
    ResourceBased,
    /// An organisation's limit for accounts (SCP).
    ServiceControl,
    /// An organisation's limit for resources (RCP).
    ResourceControl,
    /// A permissions boundary.
    PermissionsBoundary,
    /// The policy handed over when the role was assumed.
    Session,
    /// The policy of the VPC endpoint that the call came through.
    VpcEndpoint,
}

/// The two ways to be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// No policy of that kind allows the action.
    Implicit,
    /// A policy of that kind forbids it.
    Explicit,
}

const KINDS: [(&str, PolicyKind); 7] = [
    ("identity-based", PolicyKind::IdentityBased),
    ("resource-based", PolicyKind::ResourceBased),
    ("service-control", PolicyKind::ServiceControl),
    ("resource-control", PolicyKind::ResourceControl),
    ("permissions-boundary", PolicyKind::PermissionsBoundary),
    ("session", PolicyKind::Session),
    ("vpc-endpoint", PolicyKind::VpcEndpoint),
];

impl fmt::Display for PolicyKind {
    /// As AWS writes it in its texts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PolicyKind::IdentityBased => "identity-based",
            PolicyKind::ResourceBased => "resource-based",
            PolicyKind::ServiceControl => "service control",
            PolicyKind::ResourceControl => "resource control",
            PolicyKind::PermissionsBoundary => "permissions boundary",
            PolicyKind::Session => "session",
            PolicyKind::VpcEndpoint => "VPC endpoint",
        })
    }
}

/// A SPEC that is none; the text says what would be one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// No fault has that name.
    #[error("there is no fault `{0}`; there are {ALL}")]
    Unknown(String),
    /// The name is right and the rest is not.
    #[error("`{spec}` is not a fault: {expected}")]
    Malformed {
        /// What was given.
        spec: String,
        /// What is allowed after this name.
        expected: &'static str,
    },
}

const ALL: &str = "cut=5s, cut=100KB, cut-agent=5s, drop=2%, dup=2%, reorder=2%, delay=50ms, deny=ACTION, throttle[=ACTION], slow=ACTION[:2s], slow=2s, \
                   expired[=30s], each also with @ACCOUNT[/REGION] behind it";
const PLACE: &str = "after `@` stands an account, by its number, its alias (shop-data) or the alias's last word (data), and, if wanted, `/` and a \
                     region (data/us-east-1)";
const CALLS: &str = "before `@` stands an action (ec2:DescribeInstances, ssm:*, *)";
const CUT: &str = "after `cut=` stands a time (5s) or an amount (100KB)";
const CUT_AGENT: &str = "after `cut-agent=` stands a time (5s)";
const SHARE: &str = "after `=` stands a share from 0% to 100% (2%)";
const DELAY: &str = "after `delay=` stands a time (50ms)";
const DENY: &str = "after `deny=` stands an action (ssm:StartSession, ec2:*) and, if wanted, `/` and the kind of policy (identity-based, \
                    resource-based, service-control, resource-control, permissions-boundary, session, vpc-endpoint; each also with \
                    `explicit-` before it)";
const THROTTLE: &str = "after `throttle=` stands an action (ec2:DescribeInstances) and, if wanted, `:` and a share (100%), or a rate \
                        and how many may come at once (5/s, 5/s+20)";
const SLOW: &str = "after `slow=` stands an action (ssm:StartSession) and, if wanted, `:` and a time (2s); or a time for all of them";
const EXPIRED: &str = "after `expired=` stands a time (30s)";

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(spec: &str) -> Result<Fault, FaultError> {
        if let Some((fault, place)) = spec.rsplit_once('@') {
            let place = place_pattern(place)
                .ok_or_else(|| FaultError::Malformed { spec: spec.to_owned(), expected: PLACE })?;
            return Ok(Fault::In(place, Box::new(fault.parse()?)));
        }
        let (name, value) = match spec.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (spec, None),
        };
        let malformed = |expected| FaultError::Malformed { spec: spec.to_owned(), expected };
        let needed = |expected| value.ok_or(malformed(expected));
        Ok(match name {
            "cut" => Fault::Cut(cut(needed(CUT)?).ok_or(malformed(CUT))?),
            "cut-agent" => {
                let every = duration(needed(CUT_AGENT)?).filter(|every| !every.is_zero());
                Fault::CutAgent(every.ok_or(malformed(CUT_AGENT))?)
            }
            "drop" => Fault::Drop(share(needed(SHARE)?).ok_or(malformed(SHARE))?),
            "dup" => Fault::Dup(share(needed(SHARE)?).ok_or(malformed(SHARE))?),
            "reorder" => Fault::Reorder(share(needed(SHARE)?).ok_or(malformed(SHARE))?),
            "delay" => Fault::Delay(duration(needed(DELAY)?).ok_or(malformed(DELAY))?),
            "deny" => deny(needed(DENY)?).ok_or(malformed(DENY))?,
            "throttle" => throttle(value).ok_or(malformed(THROTTLE))?,
            "slow" => slow(needed(SLOW)?).ok_or(malformed(SLOW))?,
            "expired" => Fault::Expired(match value {
                Some(value) => duration(value).ok_or(malformed(EXPIRED))?,
                None => Duration::ZERO,
            }),
            _ => return Err(FaultError::Unknown(name.to_owned())),
        })
    }
}

/// `ACCOUNT`, or `ACCOUNT/REGION`.
fn place_pattern(text: &str) -> Option<Where> {
    let (account, region) = match text.split_once('/') {
        Some((account, region)) => (account, Some(region)),
        None => (text, None),
    };
    let well_formed =
        |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-*".contains(c));
    (well_formed(account) && region.is_none_or(well_formed))
        .then(|| Where { account: account.to_owned(), region: region.map(str::to_owned) })
}

fn cut(text: &str) -> Option<Cut> {
    if let Some(every) = duration(text) {
        return (!every.is_zero()).then_some(Cut::Every(every));
    }
    let bytes = bytes(text)?;
    (bytes > 0).then_some(Cut::After(bytes))
}

fn deny(text: &str) -> Option<Fault> {
    let (action, kind) = text.split_once('/').unwrap_or((text, "identity-based"));
    let (kind, denial) = match kind.strip_prefix("explicit-") {
        Some(kind) => (kind, Denial::Explicit),
        None => (kind, Denial::Implicit),
    };
    let policy = KINDS.iter().find(|(name, _)| *name == kind)?.1;
    Some(Fault::Deny { action: action_pattern(action)?, policy, denial })
}

const HALF: Limit = Limit::Share(Share(0.5));

/// `5/s`, or with the size of the bucket `5/s+20`.
fn rate(text: &str) -> Option<Limit> {
    let (rate, burst) = text.split_once("/s")?;
    let per_second = rate.parse().ok()?;
    let burst = match burst.strip_prefix('+') {
        Some(burst) => burst.parse().ok()?,
        None if burst.is_empty() => per_second,
        None => return None,
    };
    (burst > 0).then_some(Limit::Rate { per_second, burst })
}

fn throttle(text: Option<&str>) -> Option<Fault> {
    let Some(text) = text else {
        return Some(Fault::Throttle { action: ActionPattern("*".into()), limit: HALF });
    };
    let (action, limit) = match text.rsplit_once(':') {
        Some((action, last)) if last.ends_with('%') => (action, Limit::Share(share(last)?)),
        Some((action, last)) if last.starts_with(|c: char| c.is_ascii_digit()) => (action, rate(last)?),
        _ => (text, HALF),
    };
    Some(Fault::Throttle { action: action_pattern(action)?, limit })
}

fn slow(text: &str) -> Option<Fault> {
    if let Some(by) = duration(text) {
        return Some(Fault::Slow { action: ActionPattern("*".into()), by });
    }
    let (action, by) = match text.rsplit_once(':') {
        Some((action, last)) if last.starts_with(|c: char| c.is_ascii_digit()) => (action, duration(last)?),
        _ => (text, Duration::from_secs(2)),
    };
    Some(Fault::Slow { action: action_pattern(action)?, by })
}

const SERVICES: [&str; 11] = [
    "ssm",
    "ec2",
    "sts",
    "ssmmessages",
    "kms",
    "ec2-instance-connect",
    "ecs",
    "iam",
    "sso",
    "sso-oauth",
    "*",
];

/// `*`, or `service:Operation` with `*` anywhere in the operation.
fn action_pattern(text: &str) -> Option<ActionPattern> {
    let name = |c: char| c.is_ascii_alphanumeric() || c == '*';
    let well_formed = text == "*"
        || text.split_once(':').is_some_and(|(service, operation)| {
            SERVICES.contains(&service) && !operation.is_empty() && operation.chars().all(name)
        });
    well_formed.then(|| ActionPattern(text.to_owned()))
}

fn share(text: &str) -> Option<Share> {
    let number: f64 = text.strip_suffix('%')?.parse().ok()?;
    (0.0..=100.0).contains(&number).then_some(Share(number / 100.0))
}

fn bytes(text: &str) -> Option<u64> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let unit = match &text[split..] {
        "B" => 1,
        "KB" => 1000,
        "KiB" => 1024,
        "MB" => 1_000_000,
        "MiB" => 1024 * 1024,
        _ => return None,
    };
    text[..split].parse::<u64>().ok()?.checked_mul(unit)
}

/// A time as `50ms`, `5s`, `2m`, `3h` or `12d`; the sample fleet is written in the same form.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let milliseconds = match &text[split..] {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    text[..split].parse::<u64>().ok()?.checked_mul(milliseconds).map(Duration::from_millis)
}

/// `*` stands for any run of characters, also none; `?` for one.
pub(crate) fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p, t));
                p += 1;
            }
            Some(&c) if c == b'?' || c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match retry {
                Some((star, from)) => {
                    p = star + 1;
                    t = from + 1;
                    retry = Some((star, t));
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(spec: &str) -> Fault {
        spec.parse().unwrap()
    }

    #[test]
    fn every_form_of_a_fault_is_read() {
        assert_eq!(parse("cut=5s"), Fault::Cut(Cut::Every(Duration::from_secs(5))));
        assert_eq!(parse("cut=100KB"), Fault::Cut(Cut::After(100_000)));
        assert_eq!(parse("cut-agent=2s"), Fault::CutAgent(Duration::from_secs(2)));
        assert_eq!(parse("drop=2%"), Fault::Drop(Share(0.02)));
        assert_eq!(parse("dup=0.5%"), Fault::Dup(Share(0.005)));
        assert_eq!(parse("reorder=100%"), Fault::Reorder(Share(1.0)));
        assert_eq!(parse("delay=50ms"), Fault::Delay(Duration::from_millis(50)));
        assert_eq!(parse("expired"), Fault::Expired(Duration::ZERO));
        assert_eq!(parse("expired=1m"), Fault::Expired(Duration::from_secs(60)));
        let Fault::Deny { policy, denial, .. } = parse("deny=ssm:StartSession/explicit-service-control")
        else {
            panic!()
        };
        assert_eq!((policy, denial), (PolicyKind::ServiceControl, Denial::Explicit));
        let Fault::Slow { by, .. } = parse("slow=ssm:StartSession:300ms") else { panic!() };
        assert_eq!(by, Duration::from_millis(300));
        let Fault::Slow { by, .. } = parse("slow=ssm:StartSession") else { panic!() };
        assert_eq!(by, Duration::from_secs(2));
        let Fault::Slow { action, by } = parse("slow=5s") else { panic!() };
        assert!(action.matches("sso:GetRoleCredentials") && by == Duration::from_secs(5));
        let limit = |spec: &str| match parse(spec) {
            Fault::Throttle { limit, .. } => limit,
            other => panic!("{other:?}"),
        };
        assert_eq!(limit("throttle=ec2:DescribeInstances:100%"), Limit::Share(Share(1.0)));
        assert_eq!(limit("throttle=ec2:*:5/s"), Limit::Rate { per_second: 5, burst: 5 });
        assert_eq!(limit("throttle=ssm:Describe*:2/s+40"), Limit::Rate { per_second: 2, burst: 40 });
    }

    #[test]
    fn a_fault_may_be_of_one_place() {
        let seen = |spec: &str| -> Vec<&str> {
            let fault = parse(spec);
            [
                ("1", "shop-prod", "eu-west-1"),
                ("2", "shop-data", "eu-west-1"),
                ("2", "shop-data", "us-east-1"),
            ]
            .into_iter()
            .zip(["prod/eu", "data/eu", "data/us"])
            .filter(|((account, alias, region), _)| fault.at(account, alias, region).is_some())
            .map(|(_, name)| name)
            .collect()
        };
        assert_eq!(seen("throttle"), ["prod/eu", "data/eu", "data/us"]);
        assert_eq!(seen("throttle@shop-data"), ["data/eu", "data/us"]);
        assert_eq!(seen("throttle@data/us-east-1"), ["data/us"]);
        assert_eq!(seen("slow=ec2:*:5s@1"), ["prod/eu"]);
        assert_eq!(seen("deny=ec2:Describe*/explicit-service-control@*/us-*"), ["data/us"]);
        assert_eq!(seen("delay=5ms@elsewhere"), [] as [&str; 0]);
        assert_eq!(parse("delay=5ms@2").at("2", "b", "c"), Some(&Fault::Delay(Duration::from_millis(5))));
    }

    #[test]
    fn an_action_may_hold_a_star() {
        let Fault::Deny { action, .. } = parse("deny=ssm:describe*") else { panic!() };
        assert!(action.matches("ssm:DescribeSessions"));
        assert!(!action.matches("ssm:StartSession"));
        let Fault::Throttle { action, .. } = parse("throttle") else { panic!() };
        assert!(action.matches("sts:GetCallerIdentity"));
        for service in ["kms:GenerateDataKey", "ecs:*", "ec2-instance-connect:SendSSHPublicKey"] {
            parse(&format!("deny={service}"));
        }
    }

    #[test]
    fn a_bad_spec_is_refused_with_what_is_allowed() {
        for (spec, said) in [
            ("lag=5s", "there are cut=5s"),
            ("cut", "a time (5s) or an amount (100KB)"),
            ("cut=0s", "a time (5s)"),
            ("cut=5", "a time (5s)"),
            ("cut-agent=100KB", "`cut-agent=` stands a time (5s)"),
            ("drop=2", "from 0% to 100%"),
            ("drop=101%", "from 0% to 100%"),
            ("drop=NaN%", "from 0% to 100%"),
            ("delay=soon", "a time (50ms)"),
            ("deny=StartSession", "an action (ssm:StartSession"),
            ("deny=s3:GetObject", "an action (ssm:StartSession"),
            ("deny=ssm:StartSession/moon", "permissions-boundary"),
            ("slow", "an action"),
            ("throttle=", "an action"),
            ("throttle=ec2:*:5", "5/s+20"),
            ("throttle=ec2:*:5/s+", "5/s+20"),
            ("throttle=ec2:*:0/s", "5/s+20"),
            ("expired=99999999999999999999s", "a time (30s)"),
            ("throttle@", "an account"),
            ("throttle@data/", "a region (data/us-east-1)"),
            ("lag@data", "there are cut=5s"),
            ("", "there are cut=5s"),
        ] {
            let error = spec.parse::<Fault>().unwrap_err().to_string();
            assert!(error.contains(said), "{spec}: {error}");
        }
    }

    #[test]
    fn a_glob_backtracks() {
        assert!(glob(b"*a*b", b"xxaxxaxb"));
        assert!(!glob(b"*a*b", b"xxaxxax"));
        assert!(glob(b"web-?", b"web-1"));
        assert!(!glob(b"web-?", b"web-12"));
        assert!(glob(b"", b""));
    }
}
