//! Why can't I start a session on this instance? A pure function from what was read, and the time, to
//! a verdict (diagnosis 1.5, 2 and 4).
//!
//! Three rules: a finding says only what the evidence carries; one headline, then the rest; every
//! finding has a fix and an owner. What was denied, failed or not asked yet is never taken for "absent":
//! a finding that rests on it names the call that would settle it.

mod cause;
mod identity;
#[cfg(test)]
mod tests;
mod words;

use jiff::Timestamp;

use super::instance::{Instance, State};
use super::inventory::Completeness;
use super::record::Fact;

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
            Self::Nobody => "nobody: it mends itself",
        }
    }
}

/// A further call that would settle a finding, not made by the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// Is the channel connected?
    ConnectionStatus,
    /// Do the system's and the instance's status checks pass?
    StatusCheck,
    /// Is default host management on; which tier do hybrid nodes have?
    ServiceSetting,
    /// When was the profile attached?
    ProfileAssociation,
    /// May the role do what the agent needs?
    RoleRights,
    /// Is there a way to the endpoints?
    Network,
}

impl Call {
    /// The action that it takes.
    pub const fn action(self) -> &'static str {
        match self {
            Self::ConnectionStatus => "ssm:GetConnectionStatus",
            Self::StatusCheck => "ec2:DescribeInstanceStatus",
            Self::ServiceSetting => "ssm:GetServiceSetting",
            Self::ProfileAssociation => "ec2:DescribeIamInstanceProfileAssociations",
            Self::RoleRights => "iam:SimulatePrincipalPolicy",
            Self::Network => "ec2:DescribeRouteTables",
        }
    }
}

/// Whether instances without a profile register (`/ssm/managed-instance/default-ec2-instance-management-role`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostManagement {
    /// They don't.
    Off,
    /// They do, with this role.
    On {
        /// The role's name.
        role: String,
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
    /// Default host management.
    pub host_management: Fact<HostManagement>,
    /// The hybrid tier.
    pub tier: Fact<Tier>,
}

/// The causes that can be told (numbers of diagnosis 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// Its channel is connected.
    Ready,
    /// It beats, and nobody asked for its channel (or may).
    NotVerified,
    /// Nothing readable says anything (A8, A7).
    NotVisible,
    /// Stopped or hibernated (B1), or on the way there (B2).
    Stopped,
    /// Ended, or no longer listed (B2).
    Gone,
    /// Just started (B3).
    JustStarted,
    /// Status checks fail (B4).
    Impaired,
    /// No profile, and default host management off (C1) or not known (C2).
    NoProfile,
    /// No profile, host management on, and the agent too old for it (C3).
    TooOldForHostManagement,
    /// The metadata service is off (C4).
    MetadataOff,
    /// Registered, without a channel (C9, D2).
    NoChannel,
    /// Runs with a profile and never registered (C6 to C8, D1 to D10, E3).
    NeverRegistered,
    /// Was online, and its heartbeats stopped (E4, B5).
    Lost,
    /// The agent predates Session Manager (E1).
    PredatesSessions,
    /// The agent is too old for some features (E2).
    TooOldForFeature,
    /// The hybrid tier doesn't have sessions (F1).
    StandardTier,
    /// The hybrid tier isn't known.
    TierNotChecked,
    /// A hybrid node was lost.
    HybridLost,
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

/// Judges one instance by what was read so far.
pub fn diagnose(instance: &Instance, context: &Context, now: Timestamp) -> Verdict {
    let state = instance.state(now);
    let findings = cause::findings(instance, state, context, now);
    // What no longer exists isn't a matter of configuration.
    let is_flagged = state != State::Gone && is_refused(state, &findings);
    Verdict {
        state,
        flag: is_flagged.then_some(NOT_CONFIGURED),
        headline: findings.first().map_or_else(String::new, |finding| finding.what.clone()),
        findings,
        not_visible: words::not_visible(instance, state, context),
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
