//! What an agent can do: which credentials it finds, what they allow, and whether it comes through.
//!
//! The order is the official agent's: an activation's role, or else the instance profile's, and default host management only
//! where that one is missing, cannot be assumed or is refused; a call that finds no way there does not change credentials
//! (diagnosis 1.5).

use std::{
    cmp::Ordering,
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use super::{
    Able, Metadata, Node, World, compare_versions,
    identity::Role,
    way::{Standing, Way},
};
use crate::sim::policy::{Policy, Verdict};

/// The oldest agent that default host management registers (diagnosis 2.5).
const DEFAULT_HOST_MANAGEMENT_FLOOR: &str = "3.2.582.0";
const EC2: &str = "ec2.amazonaws.com";
const SSM: &str = "ssm.amazonaws.com";
const REGISTERS: &str = "ssm:UpdateInstanceInformation";
const CONTROL: [&str; 2] = ["ssmmessages:CreateControlChannel", "ssmmessages:OpenControlChannel"];
const DATA: [&str; 2] = ["ssmmessages:CreateDataChannel", "ssmmessages:OpenDataChannel"];

/// The verdicts on nodes that differ in nothing that matters: there may be 100,000 synthetic ones.
#[derive(Default)]
pub(super) struct Memo(HashMap<(usize, String, bool), Able>);

impl World {
    /// Judges all nodes anew.
    pub(super) fn judge_all(&mut self) {
        let mut memo = Memo::default();
        for index in 0..self.nodes.len() {
            let able = self.judge(&self.nodes[index], &mut memo);
            if able != self.nodes[index].able {
                Arc::make_mut(&mut self.nodes[index]).able = able;
            }
        }
    }

    /// Judges a node: each of the sample fleet for itself, synthetic ones once for all that stand at the same site.
    pub(super) fn judge(&self, node: &Node, memo: &mut Memo) -> Able {
        let Some(profile) = &node.profile else { return self.judge_one(node) };
        let plain = node.index >= self.first_synthetic
            && node.elastic.is_none()
            && node.metadata == Metadata::Enabled
            && profile.profile_id == super::identity::profile_id(&profile.profile);
        if !plain {
            return self.judge_one(node);
        }
        let site = std::ptr::from_ref(&*node.site).addr();
        let key = (site, profile.profile.clone(), self.may_borrow(node));
        if let Some(able) = memo.0.get(&key) {
            return able.clone();
        }
        let able = self.judge_one(node);
        memo.0.insert(key, able.clone());
        able
    }

    fn judge_one(&self, node: &Node) -> Able {
        if node.told.is_some() || node.agent.is_none() {
            return Able::default();
        }
        let (Some(to_ssm), to_messages) = (self.way(node, "ssm"), self.way(node, "ssmmessages")) else {
            return Able::default();
        };
        let resource = self.arn_of(node);
        for (role, lent) in self.credentials(node) {
            let may = |way: &Way<'_>, action: &str, resource: &str| {
                self.identity.may(role, node.managed_id(), policy(way), (action, resource)).allowed()
            };
            if !may(&to_ssm, REGISTERS, &resource) {
                continue;
            }
            let all = |actions: &[&str]| {
                to_messages.as_ref().is_some_and(|way| actions.iter().all(|action| may(way, action, "*")))
            };
            return Able {
                registers: true,
                channel: all(&CONTROL),
                data: all(&DATA),
                role: Some(role.name.clone()),
                lent,
                refused: false,
            };
        }
        // Without a metadata service there is nobody who could refuse anything.
        Able { refused: node.metadata == Metadata::Enabled, ..Able::default() }
    }

    /// Whether Run Command comes through to a node: by its control channel, or by the older service beside it.
    pub(crate) fn takes_commands(&self, node: &Node) -> bool {
        let older = || {
            let role = self.identity.role(node.able.role.as_deref()?)?;
            let way = self.way(node, "ec2messages")?;
            let call = ("ec2messages:GetMessages", "*");
            Some(self.identity.may(role, node.managed_id(), policy(&way), call).allowed())
        };
        node.able.channel || older().unwrap_or(false)
    }

    /// What comes of a call that the agent of a node makes: nothing where it does not come through, or has no role.
    pub(crate) fn calls(&self, node: &Node, service: &str, call: (&str, &str)) -> Option<Verdict> {
        let way = self.way(node, service)?;
        let role = self.identity.role(node.able.role.as_deref()?)?;
        Some(self.identity.may(role, node.managed_id(), policy(&way), call))
    }

    /// The roles that the agent tries, in its order; with each, whether default host management lends it.
    fn credentials(&self, node: &Node) -> Vec<(&Role, bool)> {
        if let Some(hybrid) = &node.hybrid {
            let role = self.identity.role(&hybrid.role);
            return role
                .filter(|role| self.identity.trusts(role, SSM))
                .map(|role| (role, false))
                .into_iter()
                .collect();
        }
        if node.metadata == Metadata::Disabled {
            return Vec::new();
        }
        let own = node.profile.as_ref().and_then(|association| {
            let profile = self.identity.profiles.get(&association.profile)?;
            let role = self.identity.role(profile.roles.first()?)?;
            (profile.id == association.profile_id && self.identity.trusts(role, EC2)).then_some((role, false))
        });
        let lent = || {
            let role = self.identity.role(self.settings.default_role()?)?;
            self.identity.trusts(role, SSM).then_some((role, true))
        };
        own.into_iter().chain(if self.may_borrow(node) { lent() } else { None }).collect()
    }

    /// Whether its agent knows default host management.
    fn may_borrow(&self, node: &Node) -> bool {
        let agent = node.agent.as_ref();
        agent.is_some_and(|agent| {
            compare_versions(&agent.version, DEFAULT_HOST_MANAGEMENT_FLOOR) != Ordering::Less
        })
    }

    /// The way from a node to a service. What is not on EC2 has one.
    pub(super) fn way(&self, node: &Node, service: &str) -> Option<Way<'_>> {
        if node.site.subnet.is_empty() {
            return Some(Way::Internet);
        }
        let address = node.address().parse().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let standing = Standing { site: &node.site, address, public: node.is_public() };
        self.network.way(&standing, service)
    }

    fn arn_of(&self, node: &Node) -> String {
        let (service, kind) = if node.managed_id().starts_with("mi-") {
            ("ssm", "managed-instance")
        } else {
            ("ec2", "instance")
        };
        format!("arn:aws:{service}:{}:{}:{kind}/{}", self.region, self.account, node.managed_id())
    }
}

fn policy<'a>(way: &Way<'a>) -> Option<&'a Policy> {
    match way {
        Way::Endpoint(endpoint) => endpoint.policy.as_ref(),
        Way::Internet => None,
    }
}
