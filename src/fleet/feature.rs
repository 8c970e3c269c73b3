//! What an agent must be able to do for a session, the version that has it first (diagnosis 2.5), and the sentence for
//! one that is too old: said before the start, since the agent's own words come late or never (peers 34).

use super::version::AgentVersion;

/// From here on an agent no longer uses ec2messages once its channel stands (the agent's release notes).
pub const ENDPOINT_FEWER: AgentVersion = AgentVersion::new(3, 3, 40, 0);

/// What a session may want of the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Feature {
    /// Sessions at all.
    SessionManager,
    /// Sessions encrypted with KMS.
    Encryption,
    /// AWS-StartInteractiveCommand.
    InteractiveCommand,
    /// SSH, SCP, port forwarding and RunAs.
    PortForwarding,
    /// Many connections over one port session.
    Multiplexing,
    /// AWS-StartNonInteractiveCommand.
    NonInteractiveCommand,
    /// AWS-StartPortForwardingSessionToRemoteHost.
    RemoteHostForwarding,
    /// Registering without an instance profile.
    DefaultHostManagement,
}

impl Feature {
    /// All, the lowest floor first.
    pub const ALL: [Self; 8] = [
        Self::SessionManager,
        Self::Encryption,
        Self::InteractiveCommand,
        Self::PortForwarding,
        Self::Multiplexing,
        Self::NonInteractiveCommand,
        Self::RemoteHostForwarding,
        Self::DefaultHostManagement,
    ];

    /// The first version that has it.
    pub const fn floor(self) -> AgentVersion {
        match self {
            Self::SessionManager => AgentVersion::new(2, 3, 68, 0),
            Self::Encryption => AgentVersion::new(2, 3, 539, 0),
            Self::InteractiveCommand => AgentVersion::new(2, 3, 668, 0),
            Self::PortForwarding => AgentVersion::new(2, 3, 672, 0),
            // The plugin asks for more than 3.0.196.0.
            Self::Multiplexing => AgentVersion::new(3, 0, 196, 1),
            Self::NonInteractiveCommand => AgentVersion::new(3, 0, 1124, 0),
            Self::RemoteHostForwarding => AgentVersion::new(3, 1, 1374, 0),
            Self::DefaultHostManagement => AgentVersion::new(3, 2, 582, 0),
        }
    }

    /// The feature in words, as in "too old for …".
    pub const fn word(self) -> &'static str {
        match self {
            Self::SessionManager => "Session Manager",
            Self::Encryption => "encrypted sessions",
            Self::InteractiveCommand => "interactive commands",
            Self::PortForwarding => "port forwarding and SSH",
            Self::Multiplexing => "several connections over one forward",
            Self::NonInteractiveCommand => "non-interactive commands",
            Self::RemoteHostForwarding => "forwarding to another host",
            Self::DefaultHostManagement => "default host management",
        }
    }

    /// What a user of sessions would miss with this agent. Default host management is left out: it
    /// matters only where there is no profile.
    pub fn missing_in(version: AgentVersion) -> impl Iterator<Item = Self> {
        Self::ALL
            .into_iter()
            .filter(move |feature| *feature != Self::DefaultHostManagement && version < feature.floor())
    }
}

/// Whether an agent of this version can do it; the error says which version is needed and which is there. An unknown
/// version is let through: the agent itself will refuse.
///
/// # Errors
/// The agent is too old.
pub fn check(version: Option<AgentVersion>, feature: Feature) -> Result<(), String> {
    match version {
        Some(version) if version < feature.floor() => Err(format!(
            "the agent is too old for {}: it needs {} or newer, and {version} is there",
            feature.word(),
            feature.floor()
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> AgentVersion {
        text.parse().unwrap()
    }

    #[test]
    fn floors_rise_and_name_what_is_missing() {
        assert!(Feature::ALL.is_sorted_by_key(|feature| feature.floor()));
        let missing: Vec<_> = Feature::missing_in(version("3.0.1124.0")).collect();
        assert_eq!(missing, [Feature::RemoteHostForwarding]);
        assert_eq!(Feature::missing_in(version("3.1.1374.0")).count(), 0);
        assert_eq!(Feature::missing_in(version("2.2.546.0")).next(), Some(Feature::SessionManager));
    }

    #[test]
    fn peers_c34_an_old_agent_is_refused_with_both_versions() {
        let told = check(Some(version("2.3.50.0")), Feature::PortForwarding).unwrap_err();
        assert_eq!(
            told,
            "the agent is too old for port forwarding and SSH: it needs 2.3.672.0 or newer, and 2.3.50.0 is there"
        );
        assert_eq!(check(Some(version("2.3.672.0")), Feature::PortForwarding), Ok(()));
        assert!(check(Some(version("3.1.1373.0")), Feature::RemoteHostForwarding).is_err());
        assert_eq!(check(None, Feature::RemoteHostForwarding), Ok(()), "nobody knows; the agent does");
    }
}
