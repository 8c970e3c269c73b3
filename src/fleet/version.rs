//! Versions of the agent, compared as four numbers and never as text.

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

    /// Its first `numbers` numbers, the others zero: 3.3.987.0 cut to two is 3.3.0.0.
    pub fn cut(mut self, numbers: usize) -> Self {
        self.0.iter_mut().skip(numbers).for_each(|number| *number = 0);
        self
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
}
