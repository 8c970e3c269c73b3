//! Hybrid nodes (L5): the tier of sessions, activations, and what our memory says of a node that is no longer listed.

use super::case::Case;
use super::{Call, Cause, Certainty, Finding, Owner};
use crate::fleet::evidence::{Answer, Tier};
use crate::fleet::instance::{Part, State};
use crate::fleet::phrase;
use crate::fleet::record::Fact;

impl Case<'_> {
    /// Everything that is particular to nodes outside EC2.
    pub(super) fn hybrid(&self) -> Vec<Finding> {
        if !self.instance.target().is_hybrid() || self.state == State::Gone {
            return self.deregistered().into_iter().collect();
        }
        let mut findings: Vec<Finding> = Vec::new();
        findings.extend(self.deregistered());
        findings.extend(self.tier());
        findings.extend(self.no_activation());
        findings.extend(self.cloned());
        findings
    }

    fn tier(&self) -> Option<Finding> {
        let refused =
            self.evidence.attempt.as_ref().is_some_and(|attempt| {
                attempt.answer == Answer::TierNeeded && self.is_within(attempt.at, 60)
            });
        let seen = match &self.around.tier {
            Fact::Known { value: Tier::Advanced, .. } => return None,
            Fact::Known { value: Tier::Standard, .. } => {
                "this region's hybrid tier is standard, which has no sessions"
            }
            _ if refused => "StartSession: BadRequest, which asks for the advanced-instances tier",
            _ => {
                return Some(
                    Finding::new(
                        Cause::TierNotChecked,
                        Certainty::Unknown,
                        "sessions on hybrid nodes need the advanced-instances tier, which was not checked"
                            .to_owned(),
                    )
                    .fixed_by(Owner::You, "")
                    .settled_by(&[Call::Tier]),
                );
            }
        };
        let setting = match (&self.context.region, self.account()) {
            (Some(region), Some(account)) => format!(
                "arn:{}:ssm:{region}:{account}:servicesetting/ssm/managed-instance/activation-tier",
                self.context.partition()
            ),
            _ => "/ssm/managed-instance/activation-tier".to_owned(),
        };
        Some(
            Finding::proves(Cause::StandardTier, format!("{} needs the advanced tier", self.label()))
                .seen([seen.to_owned()])
                .fixed_by(
                    Owner::Administrator,
                    "an administrator turns on advanced-instances; it is billed per node and hour",
                )
                .command(self.aws(&format!(
                    "aws ssm update-service-setting --setting-id {setting} --setting-value advanced"
                ))),
        )
    }

    /// F2: a node that never registered, and nothing is left to register it with. One that is registered isn't hurt by that.
    fn no_activation(&self) -> Option<Finding> {
        if matches!(self.instance.agent, Part::Seen(_)) || self.evidence.memory.is_some() {
            return None;
        }
        let activations = self.around.activations.value()?;
        let is_usable = |one: &crate::fleet::evidence::Activation| {
            !one.expired && one.used < one.limit && one.expires.is_none_or(|at| at > self.now)
        };
        if activations.iter().any(is_usable) {
            return None;
        }
        let latest = activations.iter().max_by_key(|one| one.expires);
        let seen = match latest {
            None => "DescribeActivations: there is none".to_owned(),
            Some(one) if one.used >= one.limit => {
                format!("DescribeActivations: {} is used up ({} of {})", one.id, one.used, one.limit)
            }
            Some(one) => match one.expires {
                Some(at) => {
                    format!("DescribeActivations: {} expired {}", one.id, phrase::moment(at, self.now))
                }
                None => format!("DescribeActivations: {} expired", one.id),
            },
        };
        let is_read = self.context.lists.agents.is_complete();
        let certainty = if is_read { Certainty::Proves } else { Certainty::Suggests };
        let role = self.role_to_activate();
        Some(
            Finding::new(
                Cause::NoActivation,
                certainty,
                format!("{} isn't registered, and no activation is left to register it with", self.label()),
            )
            .seen([seen])
            .fixed_by(
                Owner::Administrator,
                format!(
                    "make a new activation with {}, and register the node with its id and code",
                    role.words
                ),
            )
            .command(
                self.aws(&format!(
                    "aws ssm create-activation --iam-role {} --registration-limit 1",
                    role.value
                )),
            ),
        )
    }

    /// F4: two machines that beat under one id.
    fn cloned(&self) -> Option<Finding> {
        let agent = self.instance.agent.seen()?;
        let memory = self.evidence.memory.as_ref()?;
        let (before, now) = (memory.computer_name.as_deref()?, agent.computer_name.as_deref()?);
        (before != now).then(|| {
            Finding::suggests(
                Cause::Cloned,
                format!("{} was the computer {before} before, and is {now} now: perhaps two share its registration", self.label()),
            )
            .fixed_by(
                Owner::InstanceOwner,
                "if one is a copy of the other, register the copy anew (amazon-ssm-agent -register -clear, then an activation)",
            )
        })
    }

    /// F5, A7: our memory has seen it, and the complete lists don't have it.
    fn deregistered(&self) -> Option<Finding> {
        let memory = self.evidence.memory.as_ref()?;
        let is_absent = self.instance.agent.seen().is_none() && self.instance.machine.seen().is_none();
        if !is_absent || !self.context.lists.agents.is_complete() {
            return None;
        }
        let at = memory.at.map(|at| format!(", {}", phrase::moment(at, self.now))).unwrap_or_default();
        let place = memory.place.words();
        let same = |there: Option<&str>, here: Option<&str>| there.is_none() || there == here;
        // Where the accounts are known, it doesn't matter with which profile it was seen.
        let whose = match (memory.place.account.as_deref(), self.account()) {
            (Some(there), Some(here)) => there == here,
            _ => same(memory.place.profile.as_deref(), self.context.profile.as_deref()),
        };
        let is_here = whose && same(memory.place.region.as_deref(), self.context.region.as_deref());
        if !is_here {
            return Some(
                Finding::proves(Cause::NotHere, format!("{} was last seen in {place}{at}", self.label()))
                    .seen([match self.context.lists.machines.is_complete() {
                        true => "neither list here has it".to_owned(),
                        false => "SSM's list here, read to the end, doesn't have it".to_owned(),
                    }])
                    .fixed_by(Owner::You, format!("look there: {place}")),
            );
        }
        if !self.instance.target().is_hybrid() {
            // EC2 lists what was terminated for an hour or so.
            return self.context.lists.machines.is_complete().then(|| {
                Finding::proves(Cause::Gone, format!("{} no longer exists", self.label()))
                    .seen([format!("it was listed here before{at}, and neither list has it now")])
                    .fixed_by(Owner::Nobody, "nothing mends that: choose another instance")
            });
        }
        let role = self.role_to_activate();
        Some(
            Finding::proves(Cause::Deregistered, format!("{} is no longer registered", self.label()))
                .seen([format!(
                    "it was listed here before{at}, and SSM's list, read to the end, doesn't have it"
                )])
                .fixed_by(
                    Owner::InstanceOwner,
                    format!("register it again, by a new activation with {}", role.words),
                )
                .command(self.aws(&format!(
                    "aws ssm create-activation --iam-role {} --registration-limit 1",
                    role.value
                ))),
        )
    }

    /// The account's number, from wherever it is known.
    pub(super) fn account(&self) -> Option<&str> {
        self.instance
            .place
            .account
            .as_deref()
            .or(self.instance.machine.seen().and_then(|machine| machine.account.as_deref()))
            .or(self.context.account.as_deref())
    }
}
