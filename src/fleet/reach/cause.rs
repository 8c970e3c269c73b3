//! The rules: which cause follows from which evidence, and its words.

use jiff::Timestamp;

use super::{Call, Cause, Certainty, Context, Finding, Owner};
use crate::fleet::instance::{Instance, State};

/// All that stands in the way of a session, the first blocking layer first.
pub(super) fn findings(
    instance: &Instance,
    state: State,
    _context: &Context,
    _now: Timestamp,
) -> Vec<Finding> {
    vec![Finding {
        cause: Cause::NotVisible,
        certainty: Certainty::Unknown,
        what: format!("{} is {state}", instance.label()),
        evidence: Vec::new(),
        fix: String::new(),
        command: None,
        owner: Owner::You,
        settled_by: vec![Call::ConnectionStatus],
    }]
}

/// What this identity could not see.
pub(super) fn not_visible(_instance: &Instance, _state: State, _context: &Context) -> Vec<String> {
    Vec::new()
}
