//! TARGET of the command line: an id, a name, a private address or DNS name, or `tag:key=value`. Two
//! matches are the caller's error to tell, never a guess.

use std::sync::Arc;

use super::instance::Instance;

/// What TARGET resolved to.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// Exactly this one.
    One(Arc<Instance>),
    /// Nothing matches.
    None,
    /// More than one matches; list them.
    Several(Vec<Arc<Instance>>),
}

/// Resolves TARGET among the instances: an id before a name, a name before an address; the first kind
/// that matches anything decides. Names match in their own case before they match in another.
/// Of several, those that have ended don't count.
pub fn resolve_target(instances: &[Arc<Instance>], text: &str) -> Target {
    let text = text.trim();
    if text.is_empty() {
        return Target::None;
    }
    if let Some((key, value)) = text.strip_prefix("tag:").and_then(|tag| tag.split_once('=')) {
        return pick(instances, |instance| instance.tag(key) == Some(value));
    }
    let kinds: [&dyn Fn(&Instance) -> bool; 4] = [
        &|instance| instance.id.as_str() == text || instance.target().as_str() == text,
        &|instance| instance.name() == Some(text),
        &|instance| instance.name().is_some_and(|name| name.eq_ignore_ascii_case(text)),
        &|instance| is_address(instance, text),
    ];
    kinds
        .into_iter()
        .map(|kind| pick(instances, kind))
        .find(|found| *found != Target::None)
        .unwrap_or(Target::None)
}

fn pick(instances: &[Arc<Instance>], matches: impl Fn(&Instance) -> bool) -> Target {
    let mut found: Vec<_> = instances.iter().filter(|instance| matches(instance)).cloned().collect();
    if found.len() > 1 {
        // A replaced instance keeps its name for an hour after its end.
        let living: Vec<_> = found.iter().filter(|instance| !instance.has_ended()).cloned().collect();
        if !living.is_empty() {
            found = living;
        }
    }
    match found.len() {
        0 => Target::None,
        1 => Target::One(found.remove(0)),
        _ => Target::Several(found),
    }
}

fn is_address(instance: &Instance, text: &str) -> bool {
    let same = |held: &str| held.eq_ignore_ascii_case(text);
    let dns = instance.machine.seen().and_then(|machine| machine.private_dns.as_deref());
    let computer = instance.agent.seen().and_then(|agent| agent.computer_name.as_deref());
    instance.private_ip().is_some_and(same) || dns.is_some_and(same) || computer.is_some_and(same)
}
