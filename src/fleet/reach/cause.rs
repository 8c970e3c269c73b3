//! The rules: which cause follows from which evidence, and its words (diagnosis 2 and 4).
//!
//! Order: what blocks by the state itself (lifecycle, channel, heartbeat), then the instance's identity,
//! then the agent, then the hybrid tier. A proven blocking cause goes before a likely one.

use jiff::Timestamp;

use super::{Call, Cause, Certainty, Context, Finding, Owner, words};
use crate::fleet::instance::{Instance, State};
use crate::fleet::phrase;
use crate::fleet::record::{Connection, Fact, MachineState};

/// The evidence for one verdict.
pub(super) struct Case<'a> {
    pub(super) instance: &'a Instance,
    pub(super) state: State,
    pub(super) context: &'a Context,
    now: Timestamp,
}

/// All that stands in the way of a session, the first blocking layer first.
pub(super) fn findings(instance: &Instance, state: State, context: &Context, now: Timestamp) -> Vec<Finding> {
    let case = Case { instance, state, context, now };
    let mut findings = vec![case.lifecycle_or_channel()];
    match state {
        State::Ready | State::Online | State::Gone => {}
        _ => {
            findings.extend(case.metadata_off());
            findings.extend(case.no_profile());
        }
    }
    findings.extend(case.predates_sessions());
    findings.extend(case.too_old());
    findings.extend(case.tier());
    // "Never registered" is what is left when nothing else says why.
    if findings.len() > 1 && findings[1..].iter().any(Finding::explains_silence) {
        findings.retain(|finding| finding.cause != Cause::NeverRegistered);
    }
    let first =
        findings.iter().position(|finding| finding.certainty == Certainty::Proves && finding.blocks());
    if let Some(first) = first
        && !findings[0].is_lifecycle()
    {
        findings[..=first].rotate_right(1);
    }
    findings
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

    pub(super) fn seen(mut self, evidence: impl IntoIterator<Item = String>) -> Self {
        self.evidence.extend(evidence);
        self
    }

    pub(super) fn fixed_by(mut self, owner: Owner, fix: &str) -> Self {
        self.owner = owner;
        fix.clone_into(&mut self.fix);
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

    /// Says by itself why an agent is silent.
    fn explains_silence(&self) -> bool {
        matches!(self.cause, Cause::MetadataOff | Cause::NoProfile | Cause::TooOldForHostManagement)
    }

    /// No session opens before it is mended.
    pub(super) fn blocks(&self) -> bool {
        self.explains_silence() || matches!(self.cause, Cause::PredatesSessions | Cause::StandardTier)
    }

    /// The machine itself isn't there: comes before any other cause.
    fn is_lifecycle(&self) -> bool {
        matches!(self.cause, Cause::Stopped | Cause::Gone | Cause::JustStarted)
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

    fn ago(&self, at: Timestamp) -> String {
        phrase::age(at, self.now)
    }

    fn heartbeat(&self) -> Option<String> {
        let at = self.instance.last_seen()?;
        Some(format!("SSM: last heartbeat {} ago ({})", self.ago(at), phrase::moment(at, self.now)))
    }

    /// What GetConnectionStatus said, or why it said nothing.
    fn channel(&self) -> Option<String> {
        match &self.instance.connection {
            Fact::Known { value, at } => Some(format!(
                "GetConnectionStatus: {}, {} ago",
                match value {
                    Connection::Connected => "connected",
                    Connection::NotConnected => "notconnected",
                },
                self.ago(*at)
            )),
            _ => None,
        }
    }

    /// What EC2 says about the machine's life, or SSM in its place.
    fn running(&self) -> Option<String> {
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

    fn lifecycle_or_channel(&self) -> Finding {
        match self.state {
            State::Ready => self.ready(),
            State::Online => self.online(),
            State::NoChannel => self.no_channel(),
            State::Lost if self.instance.is_hybrid() => self.hybrid_lost(),
            State::Lost => self.lost(),
            State::NotConfigured => self.never_registered(),
            State::Stopped => self.stopped(),
            State::Starting => self.starting(),
            State::Impaired => self.impaired(),
            State::Unknown => self.unknown(),
            State::Gone => self.gone(),
        }
    }

    fn ready(&self) -> Finding {
        let opened =
            self.instance.opened.map(|at| format!("a session opened here {} ago", phrase::age(at, self.now)));
        Finding::new(Cause::Ready, Certainty::Proves, format!("{} is ready", self.label()))
            .seen(self.channel().or(opened))
            .fixed_by(Owner::Nobody, "")
    }

    fn online(&self) -> Finding {
        let late = self.instance.late_since(self.now);
        Finding::new(
            Cause::NotVerified,
            Certainty::Suggests,
            format!("{} is online, not verified", self.label()),
        )
        .seen(self.heartbeat())
        .seen(late.map(|_| "its heartbeat is late: one is due every 5 minutes".to_owned()))
        .fixed_by(Owner::Nobody, "")
        .settled_by(&[Call::ConnectionStatus])
    }

    fn no_channel(&self) -> Finding {
        let is_registered = self.instance.agent.seen().is_some();
        let what = if is_registered {
            format!("{} is registered, but has no session channel", self.label())
        } else {
            format!("{} has no session channel", self.label())
        };
        let profile = self.profile_name();
        let finding = Finding::new(Cause::NoChannel, Certainty::Suggests, what)
            .seen(self.heartbeat())
            .seen((!is_registered).then(|| self.running()).flatten())
            .seen(self.channel())
            .settled_by(&[Call::RoleRights, Call::Network]);
        match (self.instance.role(), profile) {
            (_, Some(profile)) => finding
                .fixed_by(
                    Owner::Administrator,
                    &format!(
                        "likely the role in profile {profile} lacks the four ssmmessages actions (AmazonSSMManagedInstanceCore has them), or there is no way to the ssmmessages endpoint: look at the role first"
                    ),
                )
                .command(self.aws(&format!("aws iam get-instance-profile --instance-profile-name {}", words::quoted(profile)))),
            (Some(role), None) => finding
                .fixed_by(
                    Owner::Administrator,
                    &format!(
                        "likely role {role} lacks the four ssmmessages actions (AmazonSSMManagedInstanceCore has them), or there is no way to the ssmmessages endpoint: look at the role first"
                    ),
                )
                .command(self.aws(&format!("aws iam list-attached-role-policies --role-name {}", words::quoted(role)))),
            (None, None) => finding.fixed_by(
                Owner::Administrator,
                "likely its role lacks the four ssmmessages actions (AmazonSSMManagedInstanceCore has them), or there is no way to the ssmmessages endpoint: check the role, then the network",
            ),
        }
    }

    fn lost(&self) -> Finding {
        let what = match self.instance.last_seen() {
            Some(at) => format!("{} was lost {} ago", self.label(), self.ago(at)),
            None => format!("{} was lost", self.label()),
        };
        let finding = Finding::new(Cause::Lost, Certainty::Suggests, what)
            .seen(self.heartbeat())
            .seen(self.running())
            .seen(self.channel());
        if self.instance.lifecycle() == Some(MachineState::Running) {
            finding
                .fixed_by(
                    Owner::InstanceOwner,
                    "its agent stopped, its disk is full or its way out changed: reboot it, or restart the agent over the serial console",
                )
                .command(self.aws(&format!("aws ec2 reboot-instances --instance-ids {}", self.id())))
                .settled_by(&[Call::StatusCheck, Call::Network])
        } else {
            finding
                .fixed_by(
                    Owner::InstanceOwner,
                    "whether it runs is not known here: if it is stopped, start it; else reboot it or restart its agent",
                )
                .command(self.aws(&format!(
                    "aws ec2 describe-instance-status --include-all-instances --instance-ids {}",
                    self.id()
                )))
                .settled_by(&[Call::StatusCheck])
        }
    }

    fn hybrid_lost(&self) -> Finding {
        let what = match self.instance.last_seen() {
            Some(at) => format!("{} was lost {} ago", self.label(), self.ago(at)),
            None => format!("{} was lost", self.label()),
        };
        Finding::new(Cause::HybridLost, Certainty::Suggests, what)
            .seen(self.heartbeat())
            .seen(Some("a hybrid node: EC2 knows nothing of it".to_owned()))
            .seen(Some("an activation that expired doesn't hurt a node that is registered".to_owned()))
            .fixed_by(
                Owner::InstanceOwner,
                "on the host: is it up, does it reach the ssm endpoint on 443, and does the agent run (restart amazon-ssm-agent)",
            )
    }

    fn never_registered(&self) -> Finding {
        let profile = self.profile_name();
        let machine = self.instance.machine.seen();
        let is_red_hat = machine
            .and_then(|machine| machine.platform_details.as_deref())
            .is_some_and(|details| details.contains("Red Hat"));
        let finding = Finding::new(
            Cause::NeverRegistered,
            Certainty::Suggests,
            format!("{} is not managed: its agent isn't registered", self.label()),
        )
        .seen(self.running())
        .seen(Some("both lists were read to the end, and SSM doesn't have it".to_owned()))
        .seen(profile.map(|profile| format!("EC2: profile {profile} is attached; what its role may do was not checked")))
        .seen(is_red_hat.then(|| "Red Hat images usually come without the agent".to_owned()))
        .fixed_by(
            Owner::InstanceOwner,
            "check, in this order: its role has AmazonSSMManagedInstanceCore, it reaches the ssm endpoint on 443, the agent is installed; then reboot it, or wait: the agent tries again within 30 min",
        )
        .settled_by(&[Call::RoleRights, Call::Network, Call::ProfileAssociation]);
        match profile {
            Some(profile) => finding.command(self.aws(&format!(
                "aws iam get-instance-profile --instance-profile-name {}",
                words::quoted(profile)
            ))),
            None => finding,
        }
    }

    fn stopped(&self) -> Finding {
        let is_stopping = self.instance.lifecycle() == Some(MachineState::Stopping);
        let word = if is_stopping { "stopping" } else { "stopped" };
        let seen = match self.instance.machine.seen() {
            Some(machine) => words::stopped(machine, word, self.now),
            None => format!("DescribeInstanceProperties: {word}"),
        };
        Finding::new(Cause::Stopped, Certainty::Proves, format!("{} is {word}", self.label()))
            .seen(Some(seen))
            .fixed_by(
                Owner::InstanceOwner,
                if is_stopping {
                    "wait until it has stopped, then start it"
                } else {
                    "start it; ready about 2 min later"
                },
            )
            .command(self.aws(&format!("aws ec2 start-instances --instance-ids {}", self.id())))
    }

    fn starting(&self) -> Finding {
        let what = match self.instance.launched() {
            Some(at) if self.instance.lifecycle() != Some(MachineState::Pending) => {
                format!("{} started {} ago and hasn't registered yet", self.label(), self.ago(at))
            }
            _ => format!("{} is starting", self.label()),
        };
        Finding::new(Cause::JustStarted, Certainty::Proves, what).seen(self.running()).fixed_by(
            Owner::Nobody,
            &format!(
                "nothing to do: this row turns ● by itself; a verdict follows {} min after the start",
                self.instance.grace().as_mins()
            ),
        )
    }

    fn impaired(&self) -> Finding {
        Finding::new(
            Cause::Impaired,
            Certainty::Suggests,
            format!("{} fails its status checks", self.label()),
        )
        .seen(Some("DescribeInstanceStatus: impaired".to_owned()))
        .seen(self.heartbeat())
        .fixed_by(Owner::InstanceOwner, "reboot it; stopping and starting it moves it to another host")
        .command(self.aws(&format!("aws ec2 reboot-instances --instance-ids {}", self.id())))
    }

    fn unknown(&self) -> Finding {
        let lists = &self.context.lists;
        let what = if self.instance.machine.seen().is_none() && self.instance.agent.seen().is_none() {
            format!("{} is in no list that could be read", self.label())
        } else if self.instance.agent.seen().is_some() {
            format!("{} is registered; SSM doesn't say whether it is online", self.label())
        } else if lists.agents.denied().is_some() {
            format!("{}: whether SSM knows it may not be read", self.label())
        } else {
            format!("{} is not seen by SSM (yet)", self.label())
        };
        Finding::new(Cause::NotVisible, Certainty::Unknown, what)
            .seen(self.running())
            .fixed_by(Owner::You, "try it: opening a session is itself the test")
            .settled_by(&[Call::ConnectionStatus])
    }

    fn gone(&self) -> Finding {
        let (what, seen) = match self.instance.lifecycle() {
            Some(MachineState::ShuttingDown) => ("is being terminated", "EC2: shutting-down"),
            Some(MachineState::Terminated) => ("has been terminated", "EC2: terminated"),
            _ => ("no longer exists", "EC2's list was read to the end, and doesn't have it"),
        };
        Finding::new(Cause::Gone, Certainty::Proves, format!("{} {what}", self.label()))
            .seen(Some(seen.to_owned()))
            .fixed_by(Owner::Nobody, "nothing mends that: choose another instance")
    }
}
