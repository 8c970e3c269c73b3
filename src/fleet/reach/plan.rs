//! Which calls a deep check makes, and in which order: those that can still change the verdict of this instance, and
//! no others. Round by round: each answer may make a further call worth its while, or the rest of them pointless.

use jiff::Timestamp;

use super::Context;
use crate::fleet::{
    evidence::{
        AddressRange, Call, Endpoint, Evidence, HostManagement, Right, Route, RouteTable, RouteTarget,
    },
    feature::Feature,
    instance::{Instance, Part, State},
    record::{Connection, Fact},
};

/// The calls to make now, all at once; empty when nothing that may be asked is left to learn. Calls under way aren't named again,
/// nor are those that were answered, denied or failed.
pub fn next_calls(instance: &Instance, evidence: &Evidence, context: &Context, now: Timestamp) -> Vec<Call> {
    let plan = Plan { instance, evidence, context };
    let mut calls = plan.wanted(now);
    calls.retain(|call| plan.is_open(*call) && !evidence.asking.contains(call));
    calls.dedup();
    calls
}

/// The role whose rights count for this instance: that of its profile, of a hybrid node's registration, or of default host
/// management. None as long as it isn't known.
pub fn role_arn(instance: &Instance, evidence: &Evidence, context: &Context) -> Option<String> {
    let named = |role: &str| {
        let account = instance
            .place
            .account
            .as_deref()
            .or(instance.machine.seen().and_then(|machine| machine.account.as_deref()))
            .or(context.account.as_deref())?;
        Some(format!("arn:{}:iam::{account}:role/{}", context.partition(), role.trim_start_matches('/')))
    };
    if instance.target().is_hybrid() {
        return named(instance.agent.seen()?.iam_role.as_deref()?);
    }
    if has_profile(instance) {
        return evidence.profile.value()?.as_ref()?.roles.first().cloned();
    }
    match evidence.surroundings.or(&context.surroundings).host_management.value()? {
        HostManagement::On { role, .. } if matches!(instance.machine, Part::Seen(_)) => named(role),
        _ => None,
    }
}

/// The security groups to describe: the instance's own, and those of the endpoints for its services once they are known.
pub fn endpoint_groups(instance: &Instance, evidence: &Evidence, context: &Context) -> Vec<String> {
    let own = instance.machine.seen().map(|machine| &*machine.security_groups).unwrap_or_default();
    let mut groups: Vec<String> = own.iter().map(|group| group.to_string()).collect();
    let endpoints = evidence.network.endpoints.value().map(Vec::as_slice).unwrap_or_default();
    for endpoint in endpoints.iter().filter(|endpoint| serves(endpoint, evidence, context)) {
        groups.extend(endpoint.groups.iter().cloned());
    }
    groups.sort();
    groups.dedup();
    groups
}

/// The NAT gateways to describe: those that the subnet's routes lead to.
pub fn nat_gateways(instance: &Instance, evidence: &Evidence) -> Vec<String> {
    let subnet = instance.machine.seen().and_then(|machine| machine.subnet.as_deref()).unwrap_or_default();
    let tables = evidence.network.route_tables.value().map(Vec::as_slice).unwrap_or_default();
    let routes = table_of(tables, subnet).map(|table| table.routes.as_slice()).unwrap_or_default();
    let ids = routes.iter().filter_map(|route| match &route.target {
        RouteTarget::NatGateway(id) => Some(id.clone()),
        _ => None,
    });
    let mut ids: Vec<String> = ids.collect();
    ids.sort();
    ids.dedup();
    ids
}

/// The table that routes a subnet: its own, else the VPC's main one.
pub(super) fn table_of<'a>(tables: &'a [RouteTable], subnet: &str) -> Option<&'a RouteTable> {
    let own = tables.iter().find(|table| table.subnets.iter().any(|id| id == subnet));
    own.or_else(|| tables.iter().find(|table| table.is_main))
}

/// The route that all the internet goes by, over IPv4.
pub(super) fn default_route(table: &RouteTable) -> Option<&Route> {
    table.routes.iter().find(|route| route.destination.parse() == Ok(AddressRange::ALL))
}

/// An endpoint for a service that the agent or its sessions use.
fn serves(endpoint: &Endpoint, evidence: &Evidence, context: &Context) -> bool {
    let region = context.region.as_deref().unwrap_or_default();
    let recording = recording_services(evidence, context);
    ["ssm", "ssmmessages", "ec2messages"]
        .iter()
        .chain(&recording)
        .any(|service| is_for(endpoint, region, service))
}

/// The services that sessions are recorded with, as the preferences say: `s3`, `logs`.
pub(super) fn recording_services(evidence: &Evidence, context: &Context) -> Vec<&'static str> {
    let around = evidence.surroundings.or(&context.surroundings);
    let Some(Some(wants)) = around.preferences.value() else { return Vec::new() };
    let bucket = wants.s3_bucket.as_ref().map(|_| "s3");
    bucket.into_iter().chain(wants.log_group.as_ref().map(|_| "logs")).collect()
}

/// What to ask the policy simulator about the role of an instance, for a session that is recorded: each an action and an ARN.
pub fn recording_questions(
    instance: &Instance,
    evidence: &Evidence,
    context: &Context,
) -> Vec<(&'static str, String)> {
    let around = evidence.surroundings.or(&context.surroundings);
    let Some(Some(wants)) = around.preferences.value() else { return Vec::new() };
    let partition = context.partition();
    let account = instance.place.account.as_deref();
    let account = account.or(instance.machine.seen().and_then(|machine| machine.account.as_deref()));
    let site = context.site(account);
    let bucket = wants.s3_bucket.as_ref();
    let bucket = bucket.map(|name| (Right::BUCKET, format!("arn:{partition}:s3:::{name}")));
    // As CloudWatch Logs names all groups in its denials.
    let groups = format!("arn:{partition}:logs:{}:{}:log-group::log-stream:", site.region, site.account);
    let group = wants.log_group.as_ref().map(|_| (Right::LOG_GROUPS, groups));
    bucket.into_iter().chain(group).collect()
}

/// Whether an endpoint is that of a service; China's names begin with `cn.`.
pub(super) fn is_for(endpoint: &Endpoint, region: &str, service: &str) -> bool {
    let name = endpoint.service.strip_prefix("cn.").unwrap_or(&endpoint.service);
    name.strip_prefix("com.amazonaws.")
        .and_then(|rest| rest.rsplit_once('.'))
        .is_some_and(|(place, what)| what == service && (place == region || region.is_empty()))
}

/// A profile is attached, as far as EC2 was read.
pub(super) fn has_profile(instance: &Instance) -> bool {
    instance.machine.seen().is_some_and(|machine| machine.profile_arn.is_some())
}

struct Plan<'a> {
    instance: &'a Instance,
    evidence: &'a Evidence,
    context: &'a Context,
}

impl Plan<'_> {
    fn wanted(&self, now: Timestamp) -> Vec<Call> {
        let instance = self.evidence.applied_to(self.instance);
        let state = instance.state(now);
        if matches!(state, State::Gone | State::Stopped) {
            return Vec::new();
        }
        let mut calls = Vec::new();
        if !matches!(self.instance.connection, Fact::Known { at, .. } if at == now) {
            calls.push(Call::ConnectionStatus);
        }
        if instance.target().is_hybrid() {
            calls.push(Call::Tier);
        }
        match state {
            State::Gone | State::Stopped | State::Starting => {}
            State::Ready => calls.extend(self.opening()),
            State::Impaired => calls.push(Call::StatusCheck),
            // What SSM has of it can't be seen: what keeps it away may be, all the same.
            State::Unknown if instance.machine.seen().is_some() && !instance.target().is_hybrid() => {
                calls.push(Call::StatusCheck);
                if !self.is_impaired() {
                    calls.extend(self.identity(state));
                    calls.extend(self.network());
                }
            }
            State::Unknown => {
                calls.push(Call::OptIn);
                if instance.target().is_hybrid() {
                    calls.push(Call::Activations);
                }
            }
            State::Lost if instance.target().is_hybrid() => {}
            State::Online | State::NoChannel | State::Lost | State::NotConfigured => {
                // An agent that has no sessions in it is mended first; nothing else can be judged before.
                if instance.version().is_some_and(|version| version < Feature::SessionManager.floor()) {
                    return calls;
                }
                // The channel settles whether there is anything to look for.
                let is_pending = matches!(self.evidence.connection, Fact::NotAsked)
                    && self.instance.connection(now) != Some(Connection::NotConnected);
                if state == State::Online && is_pending {
                    return calls;
                }
                if state != State::NoChannel {
                    calls.push(Call::StatusCheck);
                }
                if self.is_impaired() {
                    return calls;
                }
                calls.extend(self.identity(state));
                if !instance.target().is_hybrid() {
                    calls.extend(self.network());
                    if state == State::NotConfigured {
                        calls.push(Call::Image);
                    }
                }
                if state == State::Online {
                    calls.extend(self.opening());
                }
            }
        }
        calls
    }

    fn is_impaired(&self) -> bool {
        self.evidence.status.value().and_then(Option::as_ref).is_some_and(|checks| checks.is_impaired())
    }

    /// What an agent that runs could still be refused.
    fn opening(&self) -> Vec<Call> {
        let mut calls = vec![Call::OwnRights, Call::Preferences];
        let preferences = self.evidence.surroundings.or(&self.context.surroundings).preferences;
        if preferences.value().and_then(Option::as_ref).is_some_and(|wants| wants.kms_key.is_some()) {
            calls.push(Call::Key);
        }
        let services = recording_services(self.evidence, self.context);
        if !services.is_empty() {
            calls.extend(self.recording());
        }
        calls
    }

    /// Whether the agent may ask where the session is recorded, and gets there.
    fn recording(&self) -> Vec<Call> {
        let mut calls = Vec::new();
        if role_arn(self.instance, self.evidence, self.context).is_some() {
            calls.push(Call::RecordingRights);
        } else if has_profile(self.instance) {
            calls.push(Call::InstanceProfile);
        } else if self.instance.machine.seen().is_some() {
            calls.push(Call::HostManagement);
        }
        if !self.instance.target().is_hybrid() {
            calls.extend(self.network());
        }
        calls
    }

    fn identity(&self, state: State) -> Vec<Call> {
        let mut calls = Vec::new();
        if !self.instance.target().is_hybrid() {
            if has_profile(self.instance) {
                calls.extend([Call::ProfileAssociation, Call::InstanceProfile]);
                // Half a profile shadows default host management.
                if state == State::NoChannel {
                    calls.push(Call::HostManagement);
                }
                // Nothing is in the profile: what could be?
                let profile = self.evidence.profile.value().and_then(Option::as_ref);
                if profile.is_some_and(|profile| profile.roles.is_empty()) {
                    calls.push(Call::CoreProfiles);
                }
            } else {
                calls.push(Call::HostManagement);
                let around = self.evidence.surroundings.or(&self.context.surroundings);
                // Which one to attach, is free where others have one.
                if self.context.usage.profile.is_none() && !matches!(around.host_management, Fact::NotAsked) {
                    calls.push(Call::CoreProfiles);
                }
            }
        }
        if role_arn(self.instance, self.evidence, self.context).is_some() {
            // A heartbeat proves that the role can be assumed.
            if !matches!(state, State::Online | State::NoChannel) {
                calls.push(Call::Role);
            }
            calls.push(Call::RoleRights);
        }
        calls
    }

    fn network(&self) -> Vec<Call> {
        let Some(machine) = self.instance.machine.seen() else { return Vec::new() };
        let (Some(_), Some(_)) = (&machine.vpc, &machine.subnet) else { return Vec::new() };
        let mut calls = vec![Call::Subnet];
        let network = &self.evidence.network;
        match &network.subnet {
            Fact::NotAsked => return calls,
            // In a VPC that another account shares, nothing of it can be seen.
            Fact::Known { value, .. } if self.is_shared(value.as_ref().map(|subnet| &*subnet.owner)) => {
                return calls;
            }
            _ => {}
        }
        calls.extend([Call::Endpoints, Call::RouteTables, Call::NetworkAcls]);
        // Which groups, is told by the endpoints.
        if !matches!(network.endpoints, Fact::NotAsked) {
            calls.push(Call::SecurityGroups);
        }
        let endpoints = network.endpoints.value().map(Vec::as_slice).unwrap_or_default();
        if endpoints.iter().any(|endpoint| serves(endpoint, self.evidence, self.context)) {
            calls.push(Call::VpcAttributes);
        }
        if !nat_gateways(self.instance, self.evidence).is_empty() {
            calls.push(Call::NatGateways);
        }
        calls
    }

    fn is_shared(&self, owner: Option<&str>) -> bool {
        let account = self.instance.machine.seen().and_then(|machine| machine.account.as_deref());
        match (owner, account) {
            (Some(owner), Some(account)) => owner != account,
            (owner, _) => owner.is_none(),
        }
    }

    /// Whether nobody has asked yet: neither this check nor, for what holds everywhere, any other.
    fn is_open(&self, call: Call) -> bool {
        fn open<T>(fact: &Fact<T>) -> bool {
            matches!(fact, Fact::NotAsked)
        }
        let evidence = self.evidence;
        let network = &evidence.network;
        let around = evidence.surroundings.or(&self.context.surroundings);
        match call {
            Call::ConnectionStatus => open(&evidence.connection),
            Call::StatusCheck => open(&evidence.status),
            Call::HostManagement => open(&around.host_management),
            Call::CoreProfiles => open(&around.core_profiles),
            Call::Tier => open(&around.tier),
            Call::ProfileAssociation => open(&evidence.association),
            Call::InstanceProfile => open(&evidence.profile),
            Call::Role => open(&evidence.role),
            Call::RoleRights => open(&evidence.role_rights),
            Call::RecordingRights => open(&evidence.recording_rights),
            Call::Subnet => open(&network.subnet),
            Call::VpcAttributes => open(&network.vpc),
            Call::RouteTables => open(&network.route_tables),
            Call::Endpoints => open(&network.endpoints),
            Call::SecurityGroups => open(&network.security_groups),
            Call::NetworkAcls => open(&network.acls),
            Call::NatGateways => open(&network.nat_gateways),
            Call::Image => open(&evidence.image),
            Call::Activations => open(&around.activations),
            Call::Preferences => open(&around.preferences),
            Call::Documents => open(&around.documents),
            Call::Key => open(&around.key),
            Call::OwnRights => open(&evidence.own_rights),
            Call::OptIn => open(&around.opt_in),
            Call::Metrics | Call::Trail => false,
        }
    }
}
