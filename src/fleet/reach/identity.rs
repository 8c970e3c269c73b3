//! Causes in the instance itself: its identity, its agent's version, its hybrid tier.

use super::cause::Case;
use super::{Call, Cause, Certainty, Finding, HostManagement, Owner, Tier, words};
use crate::fleet::feature::Feature;
use crate::fleet::instance::State;
use crate::fleet::record::{Fact, MachineRecord, MetadataEndpoint, Ping};

impl Case<'_> {
    /// The profile's name, which is often the role's too, but needn't be.
    pub(super) fn profile_name(&self) -> Option<&str> {
        let arn = self.instance.machine.seen()?.profile_arn.as_deref()?;
        arn.rsplit('/').next().filter(|name| !name.is_empty())
    }

    pub(super) fn metadata_off(&self) -> Option<Finding> {
        let machine = self.instance.machine.seen()?;
        (machine.metadata_endpoint == Some(MetadataEndpoint::Disabled) && !self.instance.target().is_hybrid())
            .then(|| {
                Finding::new(
                    Cause::MetadataOff,
                    Certainty::Proves,
                    format!("{}'s metadata service is off, so its agent has no identity", self.label()),
                )
                .seen(Some("EC2: MetadataOptions.HttpEndpoint is disabled".to_owned()))
                .fixed_by(
                    Owner::InstanceOwner,
                    "turn the metadata service on, then reboot it or wait up to 30 min",
                )
                .command(self.aws(&format!(
                    "aws ec2 modify-instance-metadata-options --instance-id {} --http-endpoint enabled",
                    self.id()
                )))
            })
    }

    /// C1 to C3. Speaks only where EC2 was read, and where the agent doesn't prove by its heartbeat that it has an identity.
    pub(super) fn no_profile(&self) -> Option<Finding> {
        let machine: &MachineRecord = self.instance.machine.seen()?;
        if machine.profile_arn.is_some() || self.instance.target().is_hybrid() || self.has_heartbeat() {
            return None;
        }
        let label = self.label();
        let seen = "EC2: no IamInstanceProfile".to_owned();
        let attach = "attach a profile whose role has AmazonSSMManagedInstanceCore, then reboot it or wait up to 30 min";
        let command = self.aws(&format!(
            "aws ec2 associate-iam-instance-profile --instance-id {} --iam-instance-profile Name=PROFILE",
            self.id()
        ));
        let floor = Feature::DefaultHostManagement.floor();
        Some(match &self.context.host_management {
            Fact::Known { value: HostManagement::Off, .. } => Finding::new(
                Cause::NoProfile,
                Certainty::Proves,
                format!("{label} has no instance profile, so its agent can't sign in"),
            )
            .seen([seen, "default host management is off in this region".to_owned()])
            .fixed_by(Owner::InstanceOwner, attach)
            .command(command),
            Fact::Known { value: HostManagement::On { role }, .. } => {
                let on = format!("default host management is on in this region, with role {role}");
                match self.instance.version() {
                    Some(version) if version >= floor => return None,
                    Some(version) => Finding::new(
                        Cause::TooOldForHostManagement,
                        Certainty::Proves,
                        format!("{label}'s agent {version} is too old for default host management"),
                    )
                    .seen([seen, on, format!("it needs {floor}")]),
                    None => Finding::new(
                        Cause::TooOldForHostManagement,
                        Certainty::Suggests,
                        format!("{label} has no instance profile, and default host management doesn't reach it"),
                    )
                    .seen([seen, on, format!("it needs agent {floor} or newer; this one's version is unknown")]),
                }
                .fixed_by(Owner::InstanceOwner, "update the agent, or attach a profile whose role has AmazonSSMManagedInstanceCore")
                .command(command)
            }
            Fact::Denied { action } => Finding::new(
                Cause::NoProfile,
                Certainty::Suggests,
                format!("{label} has no instance profile; default host management couldn't be checked"),
            )
            .seen([seen, format!("{action} is denied to {}", words::who(self.context))])
            .fixed_by(
                Owner::InstanceOwner,
                "attach a profile whose role has AmazonSSMManagedInstanceCore, or ask whether default host management is on here",
            )
            .command(command),
            Fact::Failed(_) | Fact::NotAsked => Finding::new(
                Cause::NoProfile,
                Certainty::Suggests,
                format!("{label} has no instance profile, so its agent can't sign in unless default host management is on"),
            )
            .seen([seen])
            .fixed_by(Owner::InstanceOwner, attach)
            .command(command)
            .settled_by(&[Call::ServiceSetting]),
        })
    }

    fn has_heartbeat(&self) -> bool {
        self.instance.agent.seen().is_some_and(|agent| agent.ping == Some(Ping::Online))
            && self.state != State::Stopped
    }

    fn update_command(&self) -> String {
        self.aws(&format!(
            "aws ssm send-command --document-name AWS-UpdateSSMAgent --targets Key=InstanceIds,Values={}",
            self.instance.target()
        ))
    }

    pub(super) fn predates_sessions(&self) -> Option<Finding> {
        let version = self.instance.version()?;
        let floor = Feature::SessionManager.floor();
        (version < floor && !matches!(self.state, State::Ready | State::Gone)).then(|| {
            Finding::new(
                Cause::PredatesSessions,
                Certainty::Proves,
                format!("{}'s agent {version} predates Session Manager", self.label()),
            )
            .seen([format!("sessions need {floor}")])
            .fixed_by(
                Owner::InstanceOwner,
                "run AWS-UpdateSSMAgent on it (Run Command needs no session channel)",
            )
            .command(self.update_command())
        })
    }

    pub(super) fn too_old(&self) -> Option<Finding> {
        let version = self.instance.version()?;
        let missing: Vec<_> =
            self.instance.too_old_for().filter(|feature| *feature != Feature::SessionManager).collect();
        if missing.is_empty() || version < Feature::SessionManager.floor() || self.state == State::Gone {
            return None;
        }
        let names: Vec<_> =
            missing.iter().map(|feature| format!("{} (needs {})", feature.word(), feature.floor())).collect();
        Some(
            Finding::new(
                Cause::TooOldForFeature,
                Certainty::Proves,
                format!("{}'s agent {version} is too old for {}", self.label(), names.join(", ")),
            )
            .seen(["a shell works".to_owned()].into_iter().filter(|_| self.state == State::Ready))
            .fixed_by(Owner::InstanceOwner, "update the agent")
            .command(self.update_command()),
        )
    }

    pub(super) fn tier(&self) -> Option<Finding> {
        if !self.instance.target().is_hybrid() || self.state == State::Gone {
            return None;
        }
        match &self.context.tier {
            Fact::Known { value: Tier::Advanced, .. } => None,
            Fact::Known { value: Tier::Standard, .. } => Some(
                Finding::new(
                    Cause::StandardTier,
                    Certainty::Proves,
                    format!("{} needs the advanced tier", self.label()),
                )
                .seen(["this region's hybrid tier is standard, which has no sessions".to_owned()])
                .fixed_by(
                    Owner::Administrator,
                    "an administrator turns on advanced-instances; it is billed per node and hour",
                )
                .command(self.aws(
                    "aws ssm update-service-setting --setting-id /ssm/managed-instance/activation-tier --setting-value advanced",
                )),
            ),
            _ => Some(
                Finding::new(
                    Cause::TierNotChecked,
                    Certainty::Unknown,
                    "sessions on hybrid nodes need the advanced-instances tier, which was not checked".to_owned(),
                )
                .fixed_by(Owner::You, "")
                .settled_by(&[Call::ServiceSetting]),
            ),
        }
    }
}
