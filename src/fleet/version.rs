//! Versions of the agent, compared as four numbers and never as text, and the floors below which a
//! feature is refused with a reason (diagnosis 2.5).

use std::fmt;
use std::str::FromStr;

/// `major.minor.build.revision` of amazon-ssm-agent; missing numbers are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AgentVersion([u32; 4]);

impl AgentVersion {
    /// From its four numbers.
    pub const fn new(major: u32, minor: u32, build: u32, revision: u32) -> Self {
        Self([major, minor, build, revision])
    }
}

/// The text isn't one to four numbers with dots between.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an agent version")]
pub struct BadVersion(String);

impl FromStr for AgentVersion {
    type Err = BadVersion;

    fn from_str(text: &str) -> Result<Self, BadVersion> {
        let mut numbers = [0; 4];
        let mut parts = text.trim().split('.');
        for (index, part) in parts.by_ref().take(4).enumerate() {
            numbers[index] = part.parse().map_err(|_| BadVersion(text.to_owned()))?;
        }
        if parts.next().is_some() {
            return Err(BadVersion(text.to_owned()));
        }
        Ok(Self(numbers))
    }
}

impl fmt::Display for AgentVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, build, revision] = self.0;
        write!(f, "{major}.{minor}.{build}.{revision}")
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> AgentVersion {
        text.parse().unwrap()
    }

    #[test]
    fn versions_compare_as_numbers_not_as_text() {
        assert!(version("3.0.1124.0") > version("3.0.222.0"));
        assert!(version("3.3.40.0") < version("3.3.987.0"));
        assert!(version("10.0.0.0") > version("9.9.9.9"));
        assert_eq!(version("3.1"), version("3.1.0.0"));
    }

    #[test]
    fn odd_texts_are_refused_and_not_guessed_at() {
        for text in ["", "latest", "3..1", "3.1.2.3.4", "3.1-rc1", "-1.0.0.0"] {
            assert!(text.parse::<AgentVersion>().is_err(), "{text}");
        }
    }

    #[test]
    fn floors_rise_and_name_what_is_missing() {
        assert!(Feature::ALL.is_sorted_by_key(|feature| feature.floor()));
        let missing: Vec<_> = Feature::missing_in(version("3.0.1124.0")).collect();
        assert_eq!(missing, [Feature::RemoteHostForwarding]);
        assert_eq!(Feature::missing_in(version("3.1.1374.0")).count(), 0);
        assert_eq!(Feature::missing_in(version("2.2.546.0")).next(), Some(Feature::SessionManager));
    }
}
