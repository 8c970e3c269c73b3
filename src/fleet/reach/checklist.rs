//! The checklist of `w` and of `ssmtui why`: one line for each thing that a session needs, filled in as the calls answer. It is
//! derived from the same case as the verdict, and so can't say anything else.

use jiff::Timestamp;

use super::case::Case;
use super::network::Way;
use super::plan::{has_profile, next_calls, role_arn};
use super::{Call, Cause, Certainty, Context, Finding, words};
use crate::fleet::evidence::{Evidence, HostManagement, Right};
use crate::fleet::feature::Feature;
use crate::fleet::instance::{Instance, Part, State};
use crate::fleet::record::Fact;

/// Where one check stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckState {
    /// Its call comes later, if at all.
    Waiting,
    /// Its call is under way.
    Asking,
    /// It is as it should be.
    Passed,
    /// It is proven to stand in the way.
    Failed,
    /// It is likely to.
    Suspected,
    /// It could not be seen: the action that is denied, or none where the call failed.
    Hidden(Option<String>),
    /// It says nothing about this instance, or nothing any more.
    NotNeeded,
}

impl CheckState {
    /// Its word, also in JSON; stable.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Asking => "asking",
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Suspected => "suspected",
            Self::Hidden(_) => "not visible",
            Self::NotNeeded => "not needed",
        }
    }

    /// Its mark; one cell wide.
    pub const fn mark(&self) -> &'static str {
        match self {
            Self::Waiting => "·",
            Self::Asking => "…",
            Self::Passed => "✓",
            Self::Failed => "✗",
            Self::Suspected => "!",
            Self::Hidden(_) => "?",
            Self::NotNeeded => "-",
        }
    }
}

/// One line of the checklist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What is checked, in plain words.
    pub title: &'static str,
    /// Where it stands.
    pub state: CheckState,
    /// One line of evidence; may be empty.
    pub says: String,
}

/// The checks of one instance, in the order in which they matter.
pub fn checklist(instance: &Instance, evidence: &Evidence, context: &Context, now: Timestamp) -> Vec<Check> {
    let row = evidence.applied_to(instance);
    let case = Case::new(&row, evidence, context, now);
    let list =
        List { findings: case.findings(), due: next_calls(instance, evidence, context, now), case: &case };
    let mut checks = vec![list.runs(), list.registered(), list.channel()];
    if case.instance.target().is_hybrid() {
        checks.push(list.tier());
    } else {
        checks.extend([list.status(), list.metadata(), list.profile(), list.trust()]);
    }
    checks.extend([list.registration_right(), list.channel_right()]);
    if !case.instance.target().is_hybrid() {
        checks.extend([
            list.way("a way to ssm", &case.ways.ssm),
            list.way("a way to ssmmessages", &case.ways.channels),
        ]);
    }
    checks.extend([list.version(), list.own_right(), list.preferences()]);
    checks
}

struct List<'a> {
    case: &'a Case<'a>,
    findings: Vec<Finding>,
    due: Vec<Call>,
}

impl List<'_> {
    /// The finding of one of these causes, if there is one.
    fn found(&self, causes: &[Cause]) -> Option<&Finding> {
        self.findings.iter().find(|finding| causes.contains(&finding.cause))
    }

    /// A check that failed by a finding.
    fn by_finding(&self, title: &'static str, causes: &[Cause]) -> Option<Check> {
        let finding = self.found(causes)?;
        let state = match finding.certainty {
            Certainty::Proves => CheckState::Failed,
            Certainty::Suggests => CheckState::Suspected,
            Certainty::Unknown => CheckState::Hidden(None),
        };
        Some(Check { title, state, says: finding.what.clone() })
    }

    /// Where one call stands that a check rests on.
    fn pending<T>(&self, title: &'static str, call: Call, fact: &Fact<T>) -> Check {
        let (state, says) = match fact {
            _ if self.case.evidence.asking.contains(&call) => (CheckState::Asking, call.action().to_owned()),
            Fact::Denied { action } => (
                CheckState::Hidden(Some(action.clone())),
                format!("{action} is denied to {}", words::who(self.case.context)),
            ),
            Fact::Failed(why) => (CheckState::Hidden(None), why.clone()),
            Fact::NotAsked if self.due.contains(&call) => (CheckState::Waiting, call.action().to_owned()),
            Fact::NotAsked if self.is_over() => (CheckState::NotNeeded, String::new()),
            Fact::NotAsked => (CheckState::Waiting, String::new()),
            Fact::Known { .. } => (CheckState::Passed, String::new()),
        };
        Check { title, state, says }
    }

    /// Nothing more will be asked.
    fn is_over(&self) -> bool {
        self.due.is_empty() && self.case.evidence.asking.is_empty()
    }

    /// The machine doesn't run: nothing behind that matters yet.
    fn is_down(&self) -> bool {
        matches!(self.case.state, State::Stopped | State::Gone | State::Starting)
    }

    /// A channel that is open proves all that it needs.
    fn is_proven(&self) -> bool {
        self.case.state == State::Ready
    }

    fn passed(title: &'static str, says: impl Into<String>) -> Check {
        Check { title, state: CheckState::Passed, says: says.into() }
    }

    fn not_needed(title: &'static str, says: &str) -> Check {
        Check { title, state: CheckState::NotNeeded, says: says.to_owned() }
    }

    /// What goes before a check's own facts: proof by the channel, a machine that is down.
    fn settled(&self, title: &'static str) -> Option<Check> {
        if self.is_proven() {
            return Some(Self::passed(title, "the open channel proves it"));
        }
        self.is_down().then(|| Self::not_needed(title, ""))
    }

    fn runs(&self) -> Check {
        let title = "it exists and runs";
        if let Some(check) =
            self.by_finding(title, &[Cause::Stopped, Cause::Gone, Cause::NotHere, Cause::Deregistered])
        {
            return check;
        }
        if self.case.state == State::Starting {
            return Self::passed(title, self.case.running().unwrap_or_default());
        }
        match self.case.running() {
            Some(says) => Self::passed(title, says),
            None if self.case.instance.is_hybrid() || self.is_proven() => {
                Self::not_needed(title, "EC2 isn't asked for it")
            }
            None => Check {
                title,
                state: CheckState::Hidden(self.case.context.lists.machines.denied().map(str::to_owned)),
                says: "EC2's list doesn't say".to_owned(),
            },
        }
    }

    fn registered(&self) -> Check {
        let title = "its agent is registered and beats";
        let case = self.case;
        match &case.instance.agent {
            Part::Seen(_) => {
                let says = case.heartbeat().unwrap_or_default();
                let state = match case.state {
                    _ if case.has_heartbeat() || self.is_proven() => CheckState::Passed,
                    State::Lost | State::Impaired => CheckState::Failed,
                    _ => CheckState::NotNeeded,
                };
                Check { title, state, says }
            }
            Part::Absent if case.state == State::Starting => {
                Check { title, state: CheckState::Waiting, says: "it was started a moment ago".to_owned() }
            }
            Part::Absent if self.is_down() => Self::not_needed(title, ""),
            Part::Absent => Check {
                title,
                state: CheckState::Failed,
                says: "SSM's list, read to the end, doesn't have it".to_owned(),
            },
            Part::Unknown if self.is_proven() => Self::passed(title, "the open channel proves it"),
            Part::Unknown => {
                let denied = case.context.lists.agents.denied();
                let says = denied.map_or_else(
                    || "SSM's list isn't read to its end".to_owned(),
                    |action| format!("{action} is denied to {}", words::who(case.context)),
                );
                Check { title, state: CheckState::Hidden(denied.map(str::to_owned)), says }
            }
        }
    }

    fn channel(&self) -> Check {
        let title = "its session channel is open";
        if self.is_down() && self.case.state != State::Starting {
            return Self::not_needed(title, "");
        }
        let says = self.case.channel();
        match (&self.case.instance.connection, says) {
            (_, Some(says)) if self.is_proven() => Self::passed(title, says),
            (Fact::Known { .. }, Some(says)) if self.case.state == State::Starting => {
                Check { title, state: CheckState::Waiting, says }
            }
            (Fact::Known { .. }, Some(says)) => Check { title, state: CheckState::Failed, says },
            (_, None) if self.is_proven() => Self::passed(title, "a session opened here a moment ago"),
            (fact, _) => self.pending(title, Call::ConnectionStatus, fact),
        }
    }

    fn status(&self) -> Check {
        let title = "its status checks pass";
        if let Some(check) = self.by_finding(title, &[Cause::Impaired]) {
            return check;
        }
        if self.case.state == State::NoChannel || self.case.state == State::Online {
            return Self::not_needed(title, "its agent beats");
        }
        self.settled(title).unwrap_or_else(|| {
            let mut check = self.pending(title, Call::StatusCheck, &self.case.evidence.status);
            if let Some(checks) = self.case.evidence.status.value().and_then(Option::as_ref) {
                check.says = format!("system {}, instance {}", checks.system, checks.instance);
            }
            check
        })
    }

    fn metadata(&self) -> Check {
        let title = "its metadata service answers";
        if let Some(check) = self.by_finding(title, &[Cause::MetadataOff]) {
            return check;
        }
        if let Some(check) = self.settled(title) {
            return check;
        }
        if self.case.has_heartbeat() {
            return Self::passed(title, "the heartbeat proves it");
        }
        match self.case.instance.machine.seen().and_then(|machine| machine.metadata_endpoint) {
            Some(_) => Self::passed(title, "EC2: HttpEndpoint is enabled"),
            None => Check { title, state: CheckState::Hidden(None), says: "EC2 doesn't say".to_owned() },
        }
    }

    fn profile(&self) -> Check {
        let title = "it has a profile, or default host management serves it";
        let causes = [
            Cause::NoProfile,
            Cause::TooOldForHostManagement,
            Cause::HostManagementNew,
            Cause::ProfileBroken,
            Cause::ProfileNew,
        ];
        if let Some(check) = self.by_finding(title, &causes) {
            return check;
        }
        if let Some(check) = self.settled(title) {
            return check;
        }
        let case = self.case;
        if case.has_heartbeat() {
            return Self::passed(title, "the heartbeat proves it");
        }
        if has_profile(case.instance) {
            let mut check = self.pending(title, Call::InstanceProfile, &case.evidence.profile);
            if check.state == CheckState::Passed {
                check.says = format!("profile {}", case.profile_name().unwrap_or_default());
            }
            return check;
        }
        if case.instance.machine.seen().is_none() {
            let denied = case.context.lists.machines.denied().map(str::to_owned);
            return Check {
                title,
                state: CheckState::Hidden(denied),
                says: "EC2's list doesn't say".to_owned(),
            };
        }
        let mut check = self.pending(title, Call::HostManagement, &case.around.host_management);
        if let Some(HostManagement::On { role, .. }) = case.around.host_management.value() {
            check.says = format!("default host management, role {role}");
        }
        check
    }

    fn trust(&self) -> Check {
        let title = "its role may be taken by the service";
        if let Some(check) = self.by_finding(title, &[Cause::RoleNotTrusted]) {
            return check;
        }
        self.settled(title).unwrap_or_else(|| {
            if self.case.has_heartbeat() {
                return Self::passed(title, "the heartbeat proves it");
            }
            self.of_role(title, Call::Role, &self.case.evidence.role)
        })
    }

    /// A check of the role: which role it is must be known first.
    fn of_role<T>(&self, title: &'static str, call: Call, fact: &Fact<T>) -> Check {
        let case = self.case;
        if role_arn(case.instance, case.evidence, case.context).is_some() || !matches!(fact, Fact::NotAsked) {
            let mut check = self.pending(title, call, fact);
            if check.state == CheckState::Passed {
                check.says = case.role_name().map(|role| format!("role {role}")).unwrap_or_default();
            }
            return check;
        }
        if has_profile(case.instance) && !case.instance.target().is_hybrid() {
            let check = self.pending(title, Call::InstanceProfile, &case.evidence.profile);
            return match check.state {
                CheckState::Passed => Self::not_needed(title, "there is no role"),
                _ => check,
            };
        }
        Self::not_needed(title, "no role is known for it")
    }

    fn registration_right(&self) -> Check {
        let title = "its role may register";
        let causes = [Cause::RoleMayNotRegister];
        if let Some(check) = self.by_finding(title, &causes) {
            return check;
        }
        self.settled(title).unwrap_or_else(|| {
            if self.case.has_heartbeat() {
                return Self::passed(title, "the heartbeat proves it");
            }
            self.of_role(title, Call::RoleRights, &self.case.evidence.role_rights)
        })
    }

    fn channel_right(&self) -> Check {
        let title = "its role may open session channels";
        let causes = [Cause::RoleMayNotOpenChannels, Cause::HalfProfile, Cause::OrganisationDenies];
        if let Some(check) = self.by_finding(title, &causes) {
            return check;
        }
        self.settled(title).unwrap_or_else(|| {
            let check = self.of_role(title, Call::RoleRights, &self.case.evidence.role_rights);
            // The simulator may have been asked about less.
            let refused = self.case.evidence.role_rights.value().and_then(|rights| {
                rights
                    .iter()
                    .find(|right| Right::CHANNELS.contains(&right.action.as_str()) && !right.is_allowed())
            });
            match refused {
                Some(right) if check.state == CheckState::Passed => {
                    Check { state: CheckState::Failed, says: format!("{} is refused", right.action), ..check }
                }
                _ => check,
            }
        })
    }

    fn way(&self, title: &'static str, way: &Way) -> Check {
        let is_ssm = title == "a way to ssm";
        if let Some(check) = self.settled(title) {
            return check;
        }
        if is_ssm && self.case.has_heartbeat() {
            return Self::passed(title, "the heartbeat proves it");
        }
        let network = &self.case.evidence.network;
        match way {
            Way::Open(by) => Self::passed(title, format!("by {by}")),
            Way::Blocked(_) => {
                let causes = [
                    Cause::NoWayOut,
                    Cause::NoWayToChannels,
                    Cause::EndpointClosed,
                    Cause::EndpointWithoutNames,
                    Cause::EgressClosed,
                    Cause::AclClosed,
                    Cause::NoPublicAddress,
                    Cause::WayBroken,
                    Cause::EndpointPolicy,
                ];
                self.by_finding(title, &causes).unwrap_or_else(|| Check {
                    title,
                    state: CheckState::Suspected,
                    says: "it seems closed".to_owned(),
                })
            }
            Way::OutOfSight(at) => {
                Check { title, state: CheckState::Hidden(None), says: format!("it leaves our sight at {at}") }
            }
            Way::Doubtful(why) => Check { title, state: CheckState::Suspected, says: why.clone() },
            Way::NotChecked(Some(call)) => match call {
                Call::Endpoints
                    if matches!(network.endpoints, Fact::NotAsked)
                        && matches!(network.subnet, Fact::NotAsked) =>
                {
                    self.pending(title, Call::Subnet, &network.subnet)
                }
                Call::Endpoints => self.pending(title, *call, &network.endpoints),
                Call::RouteTables => self.pending(title, *call, &network.route_tables),
                Call::SecurityGroups => self.pending(title, *call, &network.security_groups),
                Call::NetworkAcls => self.pending(title, *call, &network.acls),
                Call::VpcAttributes => self.pending(title, *call, &network.vpc),
                _ => self.pending(title, *call, &network.nat_gateways),
            }
            .not_passed(),
            Way::NotChecked(None) => {
                let denied = self.case.context.lists.machines.denied().map(str::to_owned);
                Check {
                    title,
                    state: CheckState::Hidden(denied),
                    says: "EC2's list doesn't say where it is".to_owned(),
                }
            }
        }
    }

    fn version(&self) -> Check {
        let title = "its agent is new enough";
        if let Some(check) = self.by_finding(title, &[Cause::PredatesSessions]) {
            return check;
        }
        if let Some(finding) = self.found(&[Cause::TooOldForFeature]) {
            return Self::passed(title, format!("for a shell; {}", finding.what));
        }
        match self.case.instance.version() {
            Some(version) => {
                Self::passed(title, format!("{version}, needed is {}", Feature::SessionManager.floor()))
            }
            None if self.is_proven() => Self::passed(title, "the open channel proves it"),
            None => {
                Check { title, state: CheckState::Hidden(None), says: "its version isn't known".to_owned() }
            }
        }
    }

    fn tier(&self) -> Check {
        let title = "the tier of hybrid nodes has sessions";
        match self.found(&[Cause::StandardTier]) {
            Some(finding) => Check {
                title,
                state: CheckState::Failed,
                says: finding.evidence.first().cloned().unwrap_or_default(),
            },
            None => self.pending(title, Call::Tier, &self.case.around.tier),
        }
    }

    fn own_right(&self) -> Check {
        let title = "you may start a session on it";
        let causes = [
            Cause::NotAllowed,
            Cause::DocumentNotAllowed,
            Cause::TagCondition,
            Cause::Forbidden,
            Cause::OtherPolicy,
            Cause::OtherAccount,
            Cause::JustInTime,
        ];
        if let Some(check) = self.by_finding(title, &causes) {
            return check;
        }
        if self.case.instance.opened.is_some_and(|at| self.case.is_within(at, 60)) {
            return Self::passed(title, "you did so a moment ago");
        }
        let check = self.pending(title, Call::OwnRights, &self.case.evidence.own_rights);
        match self.case.state {
            State::Ready | State::Online => check,
            // Not asked about what can't be reached anyway.
            _ if check.state == CheckState::Waiting => Self::not_needed(title, "only once it can be reached"),
            _ => check,
        }
    }

    fn preferences(&self) -> Check {
        let title = "the session preferences can be met";
        let causes = [
            Cause::KeyNotAllowed,
            Cause::KeyUnusable,
            Cause::NodeKeyDenied,
            Cause::RunAs,
            Cause::Logging,
            Cause::NoPrompt,
            Cause::Worker,
            Cause::DomainController,
            Cause::DataChannelDenied,
        ];
        if let Some(check) = self.by_finding(title, &causes) {
            return check;
        }
        let fact = &self.case.around.preferences;
        let check = self.pending(title, Call::Preferences, fact);
        match (fact.value(), self.case.state) {
            (Some(None), _) => Check { says: "the account has none: the defaults hold".to_owned(), ..check },
            (Some(Some(wants)), _) => {
                let key = wants.kms_key.as_deref().map(|key| format!("encrypted with {key}"));
                let places = wants.s3_bucket.iter().chain(&wants.log_group);
                let says = std::iter::once(key.unwrap_or_else(|| "not encrypted".to_owned()))
                    .chain(places.map(|place| format!("recorded in {place}")));
                Check { says: says.collect::<Vec<_>>().join(", "), ..check }
            }
            (None, State::Ready | State::Online) => check,
            (None, _) if check.state == CheckState::Waiting => {
                Self::not_needed(title, "only once it can be reached")
            }
            (None, _) => check,
        }
    }
}

impl Check {
    /// Of facts that are known one by one and still don't suffice together.
    fn not_passed(self) -> Self {
        match self.state {
            CheckState::Passed => Self {
                state: CheckState::Hidden(None),
                says: "not all that it rests on is listed".to_owned(),
                ..self
            },
            _ => self,
        }
    }
}
