//! From facts to lines, in the order in which a user mends them: what comes first must hold before what follows can. Pure:
//! `mod` gathers the facts, prints the lines.

use jiff::Timestamp;
use serde::Serialize;

use super::{
    facts::{Asked, Endpoint, Facts, Told},
    rights, terminal,
};
use crate::{fleet::phrase, session::proxy::Proxies};

/// AWS takes signatures that are so far off.
const SKEW_REFUSED: i64 = 5 * 60;
/// Worth a word.
const SKEW_NOTED: i64 = 60;
/// Keys that end sooner are worth a word.
const EXPIRES_SOON: i64 = 15 * 60;

/// What became of one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Outcome {
    Passed,
    Failed,
    NotChecked,
}

/// Whether sessions need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    /// Without it no session can be opened.
    Needed,
    /// Without it something is lost, which the line says.
    Useful,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Line {
    /// Stable, for scripts.
    pub(super) check: String,
    pub(super) outcome: Outcome,
    pub(super) needed: bool,
    /// What was found, in a sentence without a full stop.
    pub(super) found: String,
    /// What mends it; empty where nothing must be.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) fix: String,
    /// A command to paste, where one mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) command: Option<String>,
}

impl Line {
    fn new(check: impl Into<String>, outcome: Outcome, weight: Weight, found: impl Into<String>) -> Self {
        Self {
            check: check.into(),
            outcome,
            needed: weight == Weight::Needed,
            found: found.into(),
            fix: String::new(),
            command: None,
        }
    }

    pub(super) fn passed(check: impl Into<String>, found: impl Into<String>) -> Self {
        Self::new(check, Outcome::Passed, Weight::Useful, found)
    }

    pub(super) fn failed(check: impl Into<String>, weight: Weight, found: impl Into<String>) -> Self {
        Self::new(check, Outcome::Failed, weight, found)
    }

    pub(super) fn not_checked(check: impl Into<String>, why: impl Into<String>) -> Self {
        Self::new(check, Outcome::NotChecked, Weight::Useful, why)
    }

    pub(super) fn fixed_by(mut self, fix: impl Into<String>) -> Self {
        self.fix = fix.into();
        self
    }

    pub(super) fn command(mut self, command: impl Into<String>) -> Self {
        self.command = Some(command.into());
        self
    }

    fn of(check: impl Into<String>, weight: Weight, told: &Told) -> Self {
        Self::failed(check, weight, format!("{}: {}", told.what, told.why)).fixed_by(told.next.clone())
    }
}

/// Some checks that belong together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Section {
    pub(super) name: &'static str,
    pub(super) checks: Vec<Line>,
}

/// All checks, the first to mend first.
pub(super) fn examine(facts: &Facts) -> Vec<Section> {
    vec![
        Section { name: "settings", checks: settings(facts) },
        Section { name: "credentials", checks: credentials(facts) },
        Section { name: "network", checks: network(facts) },
        Section { name: "account", checks: account(facts) },
        Section { name: "rights", checks: rights::lines(facts) },
        Section { name: "terminal", checks: terminal::lines(&facts.terminal) },
    ]
}

/// What fails, the first to mend first.
pub(super) fn failures(sections: &[Section]) -> impl Iterator<Item = &Line> {
    let all = || sections.iter().flat_map(|section| &section.checks);
    let failed =
        move |needed| all().filter(move |line| line.outcome == Outcome::Failed && line.needed == needed);
    failed(true).chain(failed(false))
}

fn settings(facts: &Facts) -> Vec<Line> {
    let mut lines = vec![match &facts.config {
        Ok(Some(path)) => Line::passed("config", format!("{path} is right")),
        Ok(None) => Line::passed("config", "there is no config file: the defaults hold"),
        Err(why) => Line::failed("config", Weight::Needed, why.clone())
            .fixed_by("correct that line, or name another file by SSMTUI_CONFIG"),
    }];
    lines.push(match &facts.setup {
        Ok(setup) => {
            let profile = match (&setup.profile, setup.environment_keys) {
                (Some(profile), _) => format!("profile {profile}"),
                (None, true) => "no profile: the keys of the environment".to_owned(),
                (None, false) => "no profile was named: `default`".to_owned(),
            };
            let files = match facts.files.as_slice() {
                [] => "no AWS files".to_owned(),
                files => files.join(" and "),
            };
            Line::passed("aws-files", format!("{profile}; {files}"))
        }
        Err(told) => Line::of("aws-files", Weight::Needed, told),
    });
    if let Ok(setup) = &facts.setup {
        lines.push(match &setup.region {
            Some(region) => Line::passed("region", region.clone()),
            None => Line::failed("region", Weight::Needed, "no region is set anywhere")
                .fixed_by("pass --region, set AWS_REGION, or give the profile a region")
                .command(format!(
                    "aws configure set region REGION --profile {}",
                    setup.profile.as_deref().unwrap_or("default")
                )),
        });
    }
    lines
}

fn credentials(facts: &Facts) -> Vec<Line> {
    let now = facts.now;
    let mut lines: Vec<Line> = sso(facts).into_iter().collect();
    lines.push(match &facts.keys {
        Asked::Not => Line::not_checked("keys", "the settings above come first"),
        Asked::Failed(told) => Line::of("keys", Weight::Needed, told),
        Asked::Known(keys) => {
            let from = format!("from {}", keys.source);
            match keys.expires {
                None => Line::passed("keys", format!("{from}; they do not expire")),
                Some(at) if at <= now => Line::failed(
                    "keys",
                    Weight::Needed,
                    format!("{from}; they ended {} ago", phrase::age(at, now)),
                )
                .fixed_by(if keys.renewable {
                    "sign in again where they come from"
                } else {
                    "export fresh ones: keys in environment variables cannot renew themselves"
                }),
                Some(at) => {
                    let soon = now.duration_since(at).as_secs() > -EXPIRES_SOON;
                    let renewed = match (keys.renewable, soon) {
                        (true, _) => "renewed by themselves",
                        (false, true) => "soon, and nothing can renew them: export fresh ones",
                        (false, false) => "nothing can renew them",
                    };
                    Line::passed("keys", format!("{from}; until {}, {renewed}", phrase::moment(at, now)))
                }
            }
        }
    });
    lines
}

/// The sign-in that the profile needs, if it does.
fn sso(facts: &Facts) -> Option<Line> {
    let setup = facts.setup.as_ref().ok()?;
    let (place, now) = (setup.sso.as_ref()?.label(), facts.now);
    let command = match &setup.profile {
        Some(profile) => format!("ssmtui login --profile {profile}"),
        None => "ssmtui login".to_owned(),
    };
    let found = match facts.signed_in_until {
        Some(at) if at > now => {
            return Some(Line::passed(
                "sso",
                format!("signed in at {place} until {}", phrase::moment(at, now)),
            ));
        }
        Some(at) => format!("the sign-in at {place} ended {} ago", phrase::age(at, now)),
        None => format!("nobody has signed in at {place} on this machine"),
    };
    // A token that ended may still be renewed: whether there are keys decides, in the next line.
    let weight = if matches!(facts.keys, Asked::Known(_)) { Weight::Useful } else { Weight::Needed };
    let mend = "sign in; open sessions go on, but cannot be resumed after a network loss";
    Some(Line::failed("sso", weight, found).fixed_by(mend).command(command))
}

fn network(facts: &Facts) -> Vec<Line> {
    let mut lines = Vec::new();
    if let Some(words) = proxies(&facts.proxies) {
        lines.push(Line::passed("proxy", words));
    }
    if facts.has_ca_bundle {
        let words = "AWS_CA_BUNDLE is set, which the AWS CLI reads and this program does not";
        lines.push(
            Line::passed("certificates", words).fixed_by(
                "put that authority into the system's trust store, or name the file by SSL_CERT_FILE",
            ),
        );
    }
    if facts.endpoints.is_empty() {
        lines.push(Line::not_checked("endpoints", "without a region there is nothing to reach"));
    }
    lines.extend(facts.endpoints.iter().map(reached));
    lines
}

/// Which proxies are set; none where nothing is.
fn proxies(proxies: &Proxies) -> Option<String> {
    let set = [("HTTPS_PROXY", &proxies.https), ("HTTP_PROXY", &proxies.http)];
    let mut set: Vec<_> =
        set.iter().filter_map(|(name, proxy)| Some(format!("{name} is {}", proxy.as_ref()?))).collect();
    if set.is_empty() {
        return None;
    }
    if !proxies.except.is_empty() {
        set.push(format!("NO_PROXY leaves out {}", proxies.except.join(", ")));
    }
    set.push("calls to AWS and sessions go by it".to_owned());
    Some(set.join("; "))
}

fn reached(endpoint: &Endpoint) -> Line {
    let Endpoint { service, host, port, by, result } = endpoint;
    let check = format!("endpoint-{service}");
    let place = format!("{host}:{port}");
    let way = by.as_ref().map_or_else(String::new, |proxy| format!(" by the proxy {proxy}"));
    let Err(broken) = result else {
        return Line::passed(check, format!("{place} answers{way}"));
    };
    // Only the lists and verdicts need EC2, only the identity needs STS.
    let weight = if matches!(*service, "ssm" | "ssmmessages") { Weight::Needed } else { Weight::Useful };
    Line::failed(check, weight, format!("{place}{way}: {broken}")).fixed_by(broken.fix())
}

fn account(facts: &Facts) -> Vec<Line> {
    let mut lines = Vec::new();
    lines.push(match facts.skew {
        None => Line::not_checked("clock", "no answer of AWS told its time"),
        Some(skew) if skew.abs() >= SKEW_REFUSED => {
            Line::failed("clock", Weight::Needed, clock(skew)).fixed_by("set the clock of this machine")
        }
        Some(skew) if skew.abs() >= SKEW_NOTED => {
            Line::passed("clock", format!("{}; AWS takes up to 5 min", clock(skew)))
        }
        Some(_) => Line::passed("clock", "as AWS's"),
    });
    lines.push(match &facts.identity {
        Asked::Not => Line::not_checked("identity", "without keys there is none"),
        Asked::Failed(told) => Line::of("identity", Weight::Needed, told),
        Asked::Known(principal) => Line::passed("identity", principal.clone()),
    });
    let region = facts.setup.as_ref().ok().and_then(|setup| setup.region.as_deref()).unwrap_or("the region");
    lines.push(match &facts.enabled {
        Asked::Not => Line::not_checked("region-enabled", "without an identity there is no account"),
        Asked::Failed(told) => Line::not_checked("region-enabled", format!("{}: {}", told.what, told.why)),
        Asked::Known(true) => Line::passed("region-enabled", format!("the account has {region} enabled")),
        Asked::Known(false) => {
            Line::failed("region-enabled", Weight::Needed, format!("{region} is not enabled in this account"))
                .fixed_by("enable it in the account settings, or choose another with --region")
                .command(format!("aws account enable-region --region-name {region}"))
        }
    });
    lines
}

fn clock(skew: i64) -> String {
    let side = if skew > 0 { "ahead of" } else { "behind" };
    let zero = Timestamp::UNIX_EPOCH;
    let amount = phrase::age(zero, zero + jiff::SignedDuration::from_secs(skew.abs()));
    format!("this machine's clock is {amount} {side} AWS's")
}

#[cfg(test)]
mod tests;
