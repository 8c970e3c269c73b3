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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::{AgentRecord, MachineRecord, MachineState, Part, Tag};

    fn fleet() -> Vec<Arc<Instance>> {
        let machine = |id: &str, name: &str, ip: &str, state| {
            let record = MachineRecord {
                private_ip: Some(ip.into()),
                private_dns: Some(format!("ip-{}.internal", ip.replace('.', "-")).into()),
                tags: Box::new([Tag::new("Name", name), Tag::new("team", "web")]),
                ..MachineRecord::new(id, state)
            };
            Instance { machine: Part::Seen(Arc::new(record)), ..Instance::new(id) }
        };
        let mut hybrid = machine("i-7", "rack", "10.0.0.7", MachineState::Running);
        hybrid.agent = Part::Seen(Arc::new(AgentRecord::new("mi-7")));
        [
            machine("i-1", "web-1", "10.0.0.1", MachineState::Running),
            machine("i-2", "api", "10.0.0.2", MachineState::Running),
            machine("i-3", "api", "10.0.0.3", MachineState::Stopped),
            machine("i-4", "web-1", "10.0.0.4", MachineState::Terminated),
            machine("i-5", "i-1", "10.0.0.5", MachineState::Running),
            hybrid,
        ]
        .map(Arc::new)
        .into()
    }

    fn resolved(text: &str) -> Vec<String> {
        let ids = |found: &[Arc<Instance>]| found.iter().map(|one| one.id.to_string()).collect();
        match resolve_target(&fleet(), text) {
            Target::One(one) => ids(&[one]),
            Target::None => Vec::new(),
            Target::Several(several) => {
                assert!(several.len() > 1);
                ids(&several)
            }
        }
    }

    #[test]
    fn one_way_or_another_to_one_instance() {
        for (text, id) in [
            ("i-1", "i-1"),
            ("web-1", "i-1"),
            ("WEB-1", "i-1"),
            ("10.0.0.2", "i-2"),
            ("ip-10-0-0-3.internal", "i-3"),
            ("mi-7", "i-7"),
            (" rack ", "i-7"),
            ("tag:Name=rack", "i-7"),
        ] {
            assert_eq!(resolved(text), [id], "{text}");
        }
    }

    #[test]
    fn nothing_is_guessed() {
        assert_eq!(resolved("api"), ["i-2", "i-3"]);
        assert_eq!(resolved("tag:team=web").len(), 5, "all that live");
        for text in ["", "ap", "web", "10.0.0", "tag:team", "tag:team=WEB", "i-99"] {
            assert!(resolved(text).is_empty(), "{text}");
        }
    }
}
