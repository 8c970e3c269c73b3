//! The id of a row or a session target.

use std::borrow::Borrow;
use std::fmt;

use super::record::Text;

/// `i-…` of EC2 or `mi-…` of a hybrid node.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct InstanceId(Text);

impl InstanceId {
    /// Takes the id as it came; no shape is demanded, since AWS may invent new ones.
    pub fn new(id: impl Into<Text>) -> Self {
        Self(id.into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn text(&self) -> &Text {
        &self.0
    }

    pub(super) fn text_mut(&mut self) -> &mut Text {
        &mut self.0
    }

    /// A node registered through a hybrid activation (`mi-…`).
    pub fn is_hybrid(&self) -> bool {
        self.0.starts_with("mi-")
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for InstanceId {
    fn from(id: &str) -> Self {
        Self(id.into())
    }
}

impl From<String> for InstanceId {
    fn from(id: String) -> Self {
        Self(id.into())
    }
}

impl Borrow<str> for InstanceId {
    fn borrow(&self) -> &str {
        &self.0
    }
}
