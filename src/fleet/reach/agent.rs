//! The agent itself (L4): installed, running, new enough for what is asked of it.

use super::case::Case;
use super::network::Way;
use super::{Call, Cause, Finding, Owner};
use crate::fleet::feature::Feature;
use crate::fleet::instance::State;
use crate::fleet::phrase;
use crate::fleet::record::Fact;
use crate::fleet::version::AgentVersion;

impl Case<'_> {
    /// Everything that is wrong, or may be, with the agent.
    pub(super) fn agent(&self) -> Vec<Finding> {
        let mut findings: Vec<Finding> = Vec::new();
        findings.extend(self.predates_sessions());
        findings.extend(self.too_old());
        findings.extend(self.not_installed());
        findings.extend(self.update_broke());
        findings.extend(self.starved());
        findings
    }

    /// The version in our own memory, where no list tells one.
    pub(super) fn remembered_version(&self) -> Option<AgentVersion> {
        self.evidence.memory.as_ref()?.agent_version.as_deref()?.parse().ok()
    }

    /// When the version was last seen, where it comes from memory.
    pub(super) fn version_age(&self) -> Option<String> {
        let at = self.evidence.memory.as_ref()?.at.filter(|_| self.instance.version().is_none())?;
        Some(format!("its version was last seen {}", phrase::moment(at, self.now)))
    }

    fn update_command(&self) -> String {
        self.aws(&format!(
            "aws ssm send-command --document-name AWS-UpdateSSMAgent --targets Key=InstanceIds,Values={}",
            self.instance.target()
        ))
    }

    fn predates_sessions(&self) -> Option<Finding> {
        let version = self.instance.version()?;
        let floor = Feature::SessionManager.floor();
        (version < floor && !matches!(self.state, State::Ready | State::Gone)).then(|| {
            Finding::proves(
                Cause::PredatesSessions,
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

    fn too_old(&self) -> Option<Finding> {
        let version = self.instance.version()?;
        let missing: Vec<_> =
            self.instance.too_old_for().filter(|feature| *feature != Feature::SessionManager).collect();
        if missing.is_empty() || version < Feature::SessionManager.floor() || self.state == State::Gone {
            return None;
        }
        let names: Vec<_> =
            missing.iter().map(|feature| format!("{} (needs {})", feature.word(), feature.floor())).collect();
        Some(
            Finding::proves(
                Cause::TooOldForFeature,
                format!("{}'s agent {version} is too old for {}", self.label(), names.join(", ")),
            )
            .seen(["a shell works".to_owned()].into_iter().filter(|_| self.state == State::Ready))
            .fixed_by(Owner::InstanceOwner, "update the agent")
            .command(self.update_command()),
        )
    }

    /// E3: what is left when identity and network were read and are fine.
    fn not_installed(&self) -> Option<Finding> {
        if self.state != State::NotConfigured || !self.is_clean() {
            return None;
        }
        let details = self.instance.machine.seen()?.platform_details.as_deref().unwrap_or_default();
        let image = self.evidence.image.value().and_then(Option::as_ref);
        let name = image.map_or("", |image| &image.name);
        let origin = origin(name, details);
        let label = self.label();
        let what = match origin {
            Origin::Without => format!("{label} has probably no agent installed"),
            Origin::With => format!("{label}'s agent doesn't run, though its image brings one along"),
            Origin::Unknown => format!("{label} has no agent installed, or it doesn't run"),
        };
        let seen = match (image, origin) {
            (Some(image), Origin::Without) => {
                Some(format!("DescribeImages: {}, which comes without the agent", image.name))
            }
            (Some(image), Origin::With) => {
                Some(format!("DescribeImages: {}, which comes with the agent", image.name))
            }
            (Some(image), Origin::Unknown) => Some(format!("DescribeImages: {}", image.name)),
            (None, Origin::Without) => Some(format!("EC2: {details}, whose images come without the agent")),
            (None, _) => None,
        };
        Some(
            Finding::suggests(Cause::NotInstalled, what)
                .seen(self.running())
                .seen(["its role may register and open channels, and ssm and ssmmessages can be reached".to_owned()])
                .seen(seen)
                .fixed_by(
                    Owner::InstanceOwner,
                    match origin {
                        Origin::With => "restart the agent over SSH or the serial console, or reboot; ssm-cli get-diagnostics on the host tells what fails",
                        _ => "install amazon-ssm-agent by its user data, over SSH or the serial console, and start it; ssm-cli get-diagnostics on the host tells what fails",
                    },
                ),
        )
    }

    /// Identity and network were read to their end, and nothing is wrong with them.
    fn is_clean(&self) -> bool {
        let rights_are_fine = self
            .evidence
            .role_rights
            .value()
            .is_some_and(|rights| !rights.is_empty() && rights.iter().all(|right| right.is_allowed()));
        rights_are_fine && [&self.ways.ssm, &self.ways.channels].iter().all(|way| matches!(way, Way::Open(_)))
    }

    /// E5: another version was here before it fell silent.
    fn update_broke(&self) -> Option<Finding> {
        let now = self.instance.version().filter(|_| self.state == State::Lost)?;
        let before = self.remembered_version().filter(|before| *before != now)?;
        Some(
            Finding::suggests(
                Cause::UpdateBroke,
                format!("{}'s agent was updated from {before} to {now} before it was lost", self.label()),
            )
            .fixed_by(
                Owner::InstanceOwner,
                format!("if it doesn't come back by a reboot, install {before} again (AWS-UpdateSSMAgent with allowDowngrade)"),
            ),
        )
    }

    /// B5: a machine that runs on credits and fell silent.
    fn starved(&self) -> Option<Finding> {
        let kind = self.instance.instance_type().filter(|_| self.state == State::Lost)?;
        let is_burstable = ["t2.", "t3.", "t3a.", "t4g."].iter().any(|family| kind.starts_with(family));
        let passes =
            self.evidence.status.value().and_then(Option::as_ref).is_some_and(|checks| !checks.is_impaired());
        (is_burstable && passes && matches!(self.evidence.status, Fact::Known { .. })).then(|| {
            Finding::suggests(
                Cause::Starved,
                format!("{} may be starved: {kind} runs on CPU credits", self.label()),
            )
            .seen(["its status checks pass, and its agent is silent".to_owned()])
            .fixed_by(
                Owner::InstanceOwner,
                "look at CPUCreditBalance and CPUUtilization; if they say so, take a larger type or reboot it",
            )
            .settled_by(&[Call::Metrics])
        })
    }
}

/// Whether an image brings the agent along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    With,
    Without,
    Unknown,
}

/// By the image's name and EC2's words for the platform (AWS's list of images with the agent, diagnosis 2.5).
fn origin(image: &str, details: &str) -> Origin {
    let image = image.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| image.contains(word));
    if has(&["minimal"]) {
        return Origin::Without;
    }
    if has(&[
        "al2023-ami",
        "amzn2-ami",
        "amzn-ami",
        "amazon-eks",
        "amzn-ec2-macos",
        "ecs-hvm",
        "windows_server-",
    ]) {
        return Origin::With;
    }
    if has(&["ubuntu/images", "ubuntu-", "suse-sles-12", "suse-sles-15"]) {
        return Origin::With;
    }
    if has(&["debian", "rhel", "centos", "rocky", "almalinux", "ol7", "ol8", "ol9", "oracle"]) {
        return Origin::Without;
    }
    if ["Red Hat", "CentOS", "Oracle"].iter().any(|word| details.contains(word)) {
        return Origin::Without;
    }
    Origin::Unknown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_with_and_without_the_agent() {
        for (image, details, expected) in [
            ("al2023-ami-2023.6.20250303.0-kernel-6.1-x86_64", "Linux/UNIX", Origin::With),
            ("al2023-ami-minimal-2023.6.20250303.0-kernel-6.1-x86_64", "Linux/UNIX", Origin::Without),
            ("ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-20240301", "Linux/UNIX", Origin::With),
            ("debian-12-amd64-20240717-1811", "Linux/UNIX", Origin::Without),
            ("RHEL-9.4.0_HVM-20240605-x86_64-82-Hourly2-GP3", "Red Hat Enterprise Linux", Origin::Without),
            ("Windows_Server-2022-English-Full-Base-2024.05.15", "Windows", Origin::With),
            ("our-golden-image-17", "Linux/UNIX", Origin::Unknown),
            ("", "Red Hat Enterprise Linux", Origin::Without),
            ("", "", Origin::Unknown),
        ] {
            assert_eq!(origin(image, details), expected, "{image}");
        }
    }
}
