//! A case: the row, what was read for it, and the time; and the order of what follows (diagnosis 1.5): the first layer
//! that blocks gives the headline, a proven cause goes before a likely one, and what is only left when nothing
//! says why gives way to whatever does.

use jiff::{SignedDuration, Timestamp};

use super::network::Ways;
use super::{Call, Cause, Certainty, Context, Finding, Owner, words};
use crate::fleet::evidence::{Evidence, Surroundings};
use crate::fleet::instance::{Instance, State};
use crate::fleet::phrase;
use crate::fleet::record::{Connection, Fact, MachineState, Ping};

/// The evidence for one verdict.
pub(super) struct Case<'a> {
    pub(super) instance: &'a Instance,
    pub(super) state: State,
    pub(super) evidence: &'a Evidence,
    pub(super) context: &'a Context,
    /// The check's own, and where it didn't ask, the context's.
    pub(super) around: Surroundings,
    /// The ways to the services, as far as they can be seen.
    pub(super) ways: Ways,
    pub(super) now: Timestamp,
}

impl<'a> Case<'a> {
    /// `instance` is the row with the check's answers applied.
    pub(super) fn new(
        instance: &'a Instance,
        evidence: &'a Evidence,
        context: &'a Context,
        now: Timestamp,
    ) -> Self {
        Self {
            instance,
            state: instance.state(now),
            evidence,
            context,
            around: evidence.surroundings.or(&context.surroundings),
            ways: Ways::judge(instance, &evidence.network, context),
            now,
        }
    }

    /// All that stands in the way of a session, what to mend first before the rest.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        if !matches!(self.state, State::Ready | State::Gone) {
            findings.extend(self.identity());
            findings.extend(self.network());
        }
        findings.extend(self.agent());
        findings.extend(self.hybrid());
        if !matches!(self.state, State::Stopped | State::Gone) {
            findings.extend(self.right());
            findings.extend(self.opening());
        }
        // Stable: within one rank the layers keep their order.
        findings.sort_by_key(Finding::rank);
        let state = self.by_state();
        let first = findings.first();
        let is_explained = first.is_some_and(|first| match first.certainty {
            Certainty::Proves => first.blocks(),
            // A machine that was well and fell silent isn't explained by what may have been so before, and one of which
            // nothing is known may be well.
            Certainty::Suggests => {
                first.blocks() && matches!(state.cause, Cause::NeverRegistered | Cause::NoChannel)
            }
            Certainty::Unknown => false,
        });
        if !is_explained || state.is_lifecycle() {
            findings.insert(0, state);
        } else if !state.is_what_is_left() {
            findings.insert(1, state);
        }
        // A missing agent is what is left when nothing else stands in the way.
        if findings.iter().any(|finding| finding.blocks() && finding.cause != Cause::NotInstalled) {
            findings.retain(|finding| finding.cause != Cause::NotInstalled);
        }
        findings
    }
}

impl Finding {
    pub(super) fn new(cause: Cause, certainty: Certainty, what: String) -> Self {
        Self {
            cause,
            certainty,
            what,
            evidence: Vec::new(),
            fix: String::new(),
            command: None,
            owner: Owner::InstanceOwner,
            settled_by: Vec::new(),
        }
    }

    pub(super) fn proves(cause: Cause, what: String) -> Self {
        Self::new(cause, Certainty::Proves, what)
    }

    pub(super) fn suggests(cause: Cause, what: String) -> Self {
        Self::new(cause, Certainty::Suggests, what)
    }

    pub(super) fn seen(mut self, evidence: impl IntoIterator<Item = String>) -> Self {
        self.evidence.extend(evidence);
        self
    }

    pub(super) fn fixed_by(mut self, owner: Owner, fix: impl Into<String>) -> Self {
        self.owner = owner;
        self.fix = fix.into();
        self
    }

    pub(super) fn command(mut self, command: String) -> Self {
        self.command = Some(command);
        self
    }

    pub(super) fn settled_by(mut self, calls: &[Call]) -> Self {
        self.settled_by = calls.to_vec();
        self
    }

    /// No session opens before it is mended.
    pub(super) fn blocks(&self) -> bool {
        self.cause.blocks()
    }

    /// Proven obstacles, then likely ones, then what only limits.
    fn rank(&self) -> u8 {
        match (self.blocks(), self.certainty) {
            (true, Certainty::Proves) => 0,
            (true, Certainty::Suggests) => 1,
            _ => 2,
        }
    }

    /// The machine itself isn't there: comes before any other cause.
    fn is_lifecycle(&self) -> bool {
        matches!(self.cause, Cause::Stopped | Cause::Gone | Cause::JustStarted)
    }

    /// Said only when no layer says why the agent is silent.
    fn is_what_is_left(&self) -> bool {
        matches!(
            self.cause,
            Cause::NeverRegistered
                | Cause::NoChannel
                | Cause::Lost
                | Cause::HybridLost
                | Cause::NotVerified
                | Cause::NotVisible
                | Cause::Ready
        )
    }
}

impl Case<'_> {
    pub(super) fn label(&self) -> &str {
        self.instance.label()
    }

    pub(super) fn id(&self) -> &str {
        self.instance.id.as_str()
    }

    pub(super) fn aws(&self, command: &str) -> String {
        words::command(self.context, command)
    }

    pub(super) fn ago(&self, at: Timestamp) -> String {
        phrase::age(at, self.now)
    }

    /// Whether something happened within so many minutes.
    pub(super) fn is_within(&self, at: Timestamp, minutes: i64) -> bool {
        self.now.duration_since(at) < SignedDuration::from_mins(minutes)
    }

    /// The agent's heartbeat proves that it has an identity which may register, and a way to `ssm`.
    pub(super) fn has_heartbeat(&self) -> bool {
        self.instance.agent.seen().is_some_and(|agent| agent.ping == Some(Ping::Online))
            && self.state != State::Stopped
    }

    pub(super) fn heartbeat(&self) -> Option<String> {
        let at = self.instance.last_seen()?;
        Some(format!("SSM: last heartbeat {} ago ({})", self.ago(at), phrase::moment(at, self.now)))
    }

    /// What GetConnectionStatus said; nothing when it said nothing.
    pub(super) fn channel(&self) -> Option<String> {
        match &self.instance.connection {
            Fact::Known { value, at } => Some(format!(
                "GetConnectionStatus: {}, {} ago",
                match value {
                    Connection::Connected => "connected",
                    Connection::NotConnected => "not connected",
                },
                self.ago(*at)
            )),
            _ => None,
        }
    }

    /// What EC2 says about the machine's life, or SSM in its place.
    pub(super) fn running(&self) -> Option<String> {
        if let Some(machine) = self.instance.machine.seen() {
            let state = machine.state.word();
            return Some(match machine.launched {
                Some(at) if machine.state == MachineState::Running => {
                    format!("EC2: {state}, started {} ago", self.ago(at))
                }
                _ => format!("EC2: {state}"),
            });
        }
        let state = self.instance.lifecycle()?;
        Some(format!("DescribeInstanceProperties: {}", state.word()))
    }
}
