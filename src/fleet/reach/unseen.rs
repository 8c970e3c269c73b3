//! What this identity could not see of an instance, and what nobody looked at: said with every verdict, so that silence is never
//! taken for a clean bill.

use super::case::Case;
use super::network::{Way, way_to};
use super::plan::{has_profile, recording_services, role_arn};
use super::{Call, words};
use crate::fleet::instance::{Part, State};
use crate::fleet::record::Fact;

impl Case<'_> {
    /// One line for each thing.
    pub(super) fn not_visible(&self) -> Vec<String> {
        let mut lines = Vec::new();
        lines.extend(self.lists());
        let is_settled = matches!(self.state, State::Stopped | State::Gone | State::Starting);
        match &self.instance.connection {
            _ if is_settled => {}
            Fact::NotAsked if self.state == State::Online => {
                lines.push("its session channel: not asked yet".to_owned());
            }
            fact => lines.extend(self.lack(fact, "its session channel")),
        }
        if !is_settled {
            lines.extend(self.recorded());
        }
        let is_only_in_ec2 = self.state == State::Unknown && self.instance.machine.seen().is_some();
        if !matches!(self.state, State::NoChannel | State::Lost | State::NotConfigured) && !is_only_in_ec2 {
            return lines;
        }
        let mut unasked = Vec::new();
        let mut look = |fact: Lookup, what: &'static str| match fact {
            Lookup::Seen => {}
            Lookup::NotAsked => unasked.push(what),
            Lookup::Lacking(line) => lines.push(line),
        };
        if has_profile(self.instance) && role_arn(self.instance, self.evidence, self.context).is_none() {
            look(self.lookup(&self.evidence.profile, "the role in its profile"), "what its role may do");
        } else if role_arn(self.instance, self.evidence, self.context).is_some() {
            look(self.lookup(&self.evidence.role_rights, "what its role may do"), "what its role may do");
        } else if matches!(self.instance.machine, Part::Unknown) && !self.instance.target().is_hybrid() {
            look(Lookup::NotAsked, "what its role may do");
        }
        if !self.instance.target().is_hybrid() {
            look(self.way(), "its way to the endpoints");
        }
        if !unasked.is_empty() {
            lines.push(format!("not checked: {}", unasked.join(", ")));
        }
        lines
    }

    /// Where sessions are recorded: what kept us from telling whether the agent can rely on it.
    fn recorded(&self) -> Vec<String> {
        let services = recording_services(self.evidence, self.context);
        if services.is_empty() {
            return Vec::new();
        }
        let rights = "whether its role may ask where sessions are recorded";
        let role = self.lack(&self.evidence.recording_rights, rights);
        let role = role.or_else(|| self.lack(&self.evidence.profile, rights));
        let ways = services.iter().filter(|_| !self.instance.target().is_hybrid()).find_map(|service| {
            let way = way_to(self.instance, &self.evidence.network, self.context, service);
            let Way::NotChecked(Some(call)) = way else { return None };
            match self.way_by(Some(call), "its way to where sessions are recorded") {
                Lookup::Lacking(line) => Some(line),
                Lookup::Seen | Lookup::NotAsked => None,
            }
        });
        role.into_iter().chain(ways).collect()
    }

    /// The two lists, where the row lacks one of them.
    fn lists(&self) -> Vec<String> {
        let who = words::who(self.context);
        let lists = &self.context.lists;
        let missing = [
            (matches!(self.instance.agent, Part::Unknown), &lists.agents, "SSM's side (agent, heartbeat)"),
            (
                matches!(self.instance.machine, Part::Unknown) && !self.instance.is_hybrid(),
                &lists.machines,
                "EC2's side (state, profile, network)",
            ),
        ];
        let lines = missing.into_iter().filter(|(is_missing, list, _)| *is_missing && !list.is_complete());
        lines
            .map(|(_, list, what)| match (list.denied(), list.failure()) {
                (Some(action), _) => format!("{what}: {action} is denied to {who}"),
                (None, Some(failure)) => format!("{what}: {failure}"),
                (None, None) => format!("{what}: the list isn't read to its end yet"),
            })
            .collect()
    }

    /// The way to the services; what kept us from judging it.
    fn way(&self) -> Lookup {
        let open = [&self.ways.ssm, &self.ways.channels].into_iter().find_map(|way| match way {
            Way::NotChecked(call) => Some(*call),
            _ => None,
        });
        match open {
            Some(call) => self.way_by(call, "its way to the endpoints"),
            None => Lookup::Seen,
        }
    }

    /// What became of the call that a way rests on.
    fn way_by(&self, call: Option<Call>, what: &str) -> Lookup {
        let network = &self.evidence.network;
        match call {
            Some(Call::Endpoints) => self.lookup(&network.endpoints, what),
            Some(Call::RouteTables) => self.lookup(&network.route_tables, what),
            Some(Call::SecurityGroups) => self.lookup(&network.security_groups, what),
            Some(Call::NetworkAcls) => self.lookup(&network.acls, what),
            Some(Call::VpcAttributes) => self.lookup(&network.vpc, what),
            Some(Call::NatGateways) => self.lookup(&network.nat_gateways, what),
            _ => Lookup::NotAsked,
        }
    }

    fn lookup<T>(&self, fact: &Fact<T>, what: &str) -> Lookup {
        match fact {
            Fact::NotAsked => Lookup::NotAsked,
            fact => self.lack(fact, what).map_or(Lookup::Seen, Lookup::Lacking),
        }
    }

    fn lack<T>(&self, fact: &Fact<T>, what: &str) -> Option<String> {
        match fact {
            Fact::Denied { action } => {
                Some(format!("{what}: {action} is denied to {}", words::who(self.context)))
            }
            Fact::Failed(why) => Some(format!("{what}: {why}")),
            Fact::Known { .. } | Fact::NotAsked => None,
        }
    }
}

/// What a look at one fact gave.
enum Lookup {
    Seen,
    NotAsked,
    /// Denied or failed, in words.
    Lacking(String),
}
