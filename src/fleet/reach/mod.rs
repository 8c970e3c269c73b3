//! Why can't I start a session on this instance? A pure function from what was read, and the time, to
//! a verdict (diagnosis 1.5, 2 and 4).
//!
//! Three rules: a finding says only what the evidence carries; one headline, then the rest; every
//! finding has a fix and an owner. What was denied, failed or not asked yet is never taken for "absent":
//! a finding that rests on it names the call that would settle it.

mod agent;
mod case;
mod cause;
mod checklist;
mod fill;
mod hybrid;
mod identity;
mod lifecycle;
mod network;
mod opening;
mod outward;
mod plan;
mod policy;
mod recording;
mod report;
mod right;
mod rights;
mod simulation;
#[cfg(test)]
mod tests;
mod trust;
mod unseen;
mod wait;
mod words;

use jiff::Timestamp;

pub use super::evidence::Call;
use super::evidence::{Evidence, Surroundings, Usage};
use super::instance::{Instance, State};
use super::inventory::Completeness;
use super::statement::Site;
use case::Case;
pub use cause::Cause;
pub use checklist::{Check, CheckState, checklist};
pub use plan::{endpoint_groups, nat_gateways, next_calls, recording_questions, role_arn};
pub use policy::{Purpose, policy};
pub use report::{Report, report};
pub use wait::{Expectation, expected_after};

/// The console's own sentence, so that users recognise what they look at (diagnosis 1.4).
pub const NOT_CONFIGURED: &str = "The instance you selected is not configured to use Session Manager";

/// How much the evidence carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Certainty {
    /// It can't be otherwise.
    Proves,
    /// It is likely, and other causes would look the same.
    Suggests,
    /// It can't be told from what may be read.
    Unknown,
}

/// Who can mend it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    /// The user of this program.
    You,
    /// Whoever owns the instance.
    InstanceOwner,
    /// Whoever administers the account.
    Administrator,
    /// Whoever sets the organisation's policies.
    Organisation,
    /// Time mends it.
    Nobody,
}

impl Owner {
    /// In words.
    pub const fn word(self) -> &'static str {
        match self {
            Self::You => "you",
            Self::InstanceOwner => "the instance's owner",
            Self::Administrator => "the account's administrator",
            Self::Organisation => "the organisation's administrators",
            Self::Nobody => "nobody: it mends itself",
        }
    }
}

/// What a verdict needs beside the row: who asks, where, and what else was read for account and region.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// The profile as given, for commands that can be pasted.
    pub profile: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// The identity as a user knows it: "role dev-ro".
    pub who: Option<String>,
    /// Where the two lists stand.
    pub lists: Completeness,
    /// The account's number, where it is known.
    pub account: Option<String>,
    /// What the other nodes of the account use, as the list tells.
    pub usage: Usage,
    /// What was read for the account and region.
    pub surroundings: Surroundings,
}

impl Context {
    /// The partition of the region, for ARNs.
    pub fn partition(&self) -> &'static str {
        match self.region.as_deref() {
            Some(region) if region.starts_with("cn-") => "aws-cn",
            Some(region) if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        }
    }

    /// Where the account's resources are, as their ARNs say; `account` where it is known better than here.
    pub fn site<'a>(&'a self, account: Option<&'a str>) -> Site<'a> {
        Site {
            partition: self.partition(),
            region: self.region.as_deref().unwrap_or("*"),
            account: account.or(self.account.as_deref()).unwrap_or("*"),
        }
    }
}

/// One thing that stands in the way, or might.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which.
    pub cause: Cause,
    /// How sure.
    pub certainty: Certainty,
    /// What it is, in a sentence without a full stop.
    pub what: String,
    /// What was seen, and in which call.
    pub evidence: Vec<String>,
    /// One step that mends it; empty when there is nothing to do.
    pub fix: String,
    /// A command to paste, with profile and region.
    pub command: Option<String>,
    /// Who can do it.
    pub owner: Owner,
    /// Calls that would settle what the evidence leaves open.
    pub settled_by: Vec<Call>,
}

impl Finding {
    /// How long it takes to show after somebody has mended it; none where nobody has to.
    pub fn then(&self) -> Option<Expectation> {
        expected_after(self.cause).filter(|_| !self.fix.is_empty() && self.owner != Owner::Nobody)
    }
}

/// The answer for one instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The row's state when it was judged.
    pub state: State,
    /// The console's sentence, where the instance cannot be reached.
    pub flag: Option<&'static str>,
    /// What is the matter, in one sentence without a full stop.
    pub headline: String,
    /// The headline's finding first, then the others.
    pub findings: Vec<Finding>,
    /// What this identity could not see, in words.
    pub not_visible: Vec<String>,
}

/// What a line of [`Verdict::lines`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LineKind {
    /// The console's sentence.
    Flag,
    /// The headline.
    Headline,
    /// Something that was seen.
    Evidence,
    /// What mends it.
    Fix,
    /// A command to paste.
    Command,
    /// How long it takes to show, once that is done.
    Then,
    /// A further finding.
    Also,
    /// Something that was not visible.
    NotVisible,
}

impl Verdict {
    /// Its first line: the console's sentence if the instance cannot be reached, else the headline.
    pub fn first_line(&self) -> &str {
        self.flag.unwrap_or(&self.headline)
    }

    /// All of it, in the order in which to show it.
    pub fn lines(&self) -> Vec<(LineKind, String)> {
        let mut lines = Vec::new();
        lines.extend(self.flag.map(|flag| (LineKind::Flag, flag.to_owned())));
        lines.push((LineKind::Headline, self.headline.clone()));
        for (index, finding) in self.findings.iter().enumerate() {
            if index > 0 {
                lines.push((LineKind::Also, finding.what.clone()));
            }
            lines.extend(finding.evidence.iter().map(|seen| (LineKind::Evidence, seen.clone())));
            if !finding.fix.is_empty() {
                lines.push((LineKind::Fix, finding.fix.clone()));
            }
            lines.extend(finding.command.iter().map(|command| (LineKind::Command, command.clone())));
            lines.extend(finding.then().map(|then| (LineKind::Then, then.words.to_owned())));
        }
        lines.extend(self.not_visible.iter().map(|what| (LineKind::NotVisible, what.clone())));
        lines
    }

    /// For whoever wants to open a session here all the same: why that is refused, in one line with its
    /// fix. `None` when it is worth trying.
    pub fn explains_refusal(&self) -> Option<String> {
        is_refused(self.state, &self.findings).then(|| self.summary())
    }

    /// Headline and first fix in one line.
    pub fn summary(&self) -> String {
        match self.findings.first().map(|finding| finding.fix.as_str()).filter(|fix| !fix.is_empty()) {
            Some(fix) => format!("{}: {fix}", self.headline),
            None => self.headline.clone(),
        }
    }
}

/// Whether opening a session is known to fail.
fn is_refused(state: State, findings: &[Finding]) -> bool {
    state.cannot_be_reached()
        || findings.iter().any(|finding| {
            finding.certainty == Certainty::Proves
                && matches!(finding.cause, Cause::StandardTier | Cause::PredatesSessions)
        })
}

/// Judges one instance by what the lists say.
pub fn diagnose(instance: &Instance, context: &Context, now: Timestamp) -> Verdict {
    examine(instance, &Evidence::default(), context, now)
}

/// Judges one instance by the lists and by what a deep check has read so far.
pub fn examine(instance: &Instance, evidence: &Evidence, context: &Context, now: Timestamp) -> Verdict {
    let row = evidence.applied_to(instance);
    let case = Case::new(&row, evidence, context, now);
    let findings = case.findings();
    // What isn't here isn't a matter of configuration.
    let isnt_here = findings
        .first()
        .is_some_and(|first| matches!(first.cause, Cause::Gone | Cause::NotHere | Cause::Deregistered));
    let is_flagged = !isnt_here && is_refused(case.state, &findings);
    Verdict {
        state: case.state,
        flag: is_flagged.then_some(NOT_CONFIGURED),
        headline: findings.first().map_or_else(String::new, |finding| finding.what.clone()),
        not_visible: if isnt_here { Vec::new() } else { case.not_visible() },
        findings,
    }
}

/// What to say when StartSession answered TargetNotConnected, which by itself says nothing: stopped,
/// lost, not set up, or another region or account. `instance` is the row, if any list has it.
pub fn explain_not_connected(
    target: &str,
    instance: Option<&Instance>,
    context: &Context,
    now: Timestamp,
) -> String {
    let Some(instance) = instance else {
        let region = context.region.as_deref().unwrap_or("this region");
        let by =
            context.profile.as_ref().map(|profile| format!(" with profile {profile}")).unwrap_or_default();
        return format!(
            "{target} is not connected, and no list in {region}{by} has it: check the id, the region and the account"
        );
    };
    let verdict = diagnose(instance, context, now);
    if let Some(why) = verdict.explains_refusal() {
        return why;
    }
    if verdict.state == State::Starting {
        return verdict.summary();
    }
    let seen = match instance.last_seen() {
        Some(at) => format!(" although its agent was seen {} ago", super::phrase::age(at, now)),
        None => String::new(),
    };
    format!(
        "{} has no session channel right now{seen}: its agent is restarting, or its role or network doesn't let it reach ssmmessages; try again in a minute",
        instance.label()
    )
}
