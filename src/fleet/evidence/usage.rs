//! What the nodes of an account that are well have in common: a model for one that lacks it. Free, since the lists tell.

use std::collections::BTreeMap;

use crate::fleet::{
    instance::Instance,
    record::{Connection, Ping},
};

/// So many nodes tell what most of them use, however many there are: this is counted on the screen's thread.
const MOST_ASKED: usize = 4096;

/// What most of the registered nodes use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// The instance profile of most machines of EC2.
    pub profile: Option<Common>,
    /// The role of most hybrid nodes.
    pub hybrid_role: Option<Common>,
}

/// Something that several nodes have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Common {
    /// Its name, without a path.
    pub name: String,
    /// One of those who have it, as sentences call it.
    pub holder: String,
    /// How many more have it.
    pub others: usize,
}

impl Common {
    /// "as web-1 and 11 others have".
    pub fn words(&self) -> String {
        let Self { holder, others, .. } = self;
        match others {
            0 => format!("as {holder} has"),
            1 => format!("as {holder} and another have"),
            100.. => format!("as {holder} and many others have"),
            _ => format!("as {holder} and {others} others have"),
        }
    }
}

impl Usage {
    /// Counts what the nodes that beat use, those left out of which it is known that no session opens there. Of very many
    /// some are looked at, evenly spread.
    pub fn of<'a>(rows: impl ExactSizeIterator<Item = &'a Instance>) -> Self {
        let (mut profiles, mut roles) = (BTreeMap::new(), BTreeMap::new());
        let step = rows.len().div_ceil(MOST_ASKED).max(1);
        for row in rows.step_by(step) {
            let Some(agent) = row.agent.seen().filter(|agent| agent.ping == Some(Ping::Online)) else {
                continue;
            };
            if row.connection.value() == Some(&Connection::NotConnected) {
                continue;
            }
            let (counts, arn) = match row.target().is_hybrid() {
                true => (&mut roles, agent.iam_role.as_deref()),
                false => {
                    (&mut profiles, row.machine.seen().and_then(|machine| machine.profile_arn.as_deref()))
                }
            };
            if let Some(name) = arn.and_then(|arn| arn.rsplit('/').next()).filter(|name| !name.is_empty()) {
                count(counts, name, row.label());
            }
        }
        Self { profile: most(profiles), hybrid_role: most(roles) }
    }
}

type Counts<'a> = BTreeMap<&'a str, (usize, &'a str)>;

/// Of the holders the first is named, `web-2` before `web-10`, in whichever order they came.
fn count<'a>(counts: &mut Counts<'a>, name: &'a str, holder: &'a str) {
    let (number, first) = counts.entry(name).or_insert((0, holder));
    *number += 1;
    if (holder.len(), holder) < (first.len(), *first) {
        *first = holder;
    }
}

/// The one that most have; of equals the first by name.
fn most(counts: Counts<'_>) -> Option<Common> {
    let (name, (number, holder)) = counts.into_iter().rev().max_by_key(|(_, (number, _))| *number)?;
    Some(Common { name: name.to_owned(), holder: holder.to_owned(), others: number - 1 })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;

    use super::*;
    use crate::fleet::{
        instance::Part,
        record::{AgentRecord, Fact, MachineRecord, MachineState, Tag},
    };

    fn node(name: &str, profile: &str) -> Instance {
        let machine = MachineRecord {
            profile_arn: Some(format!("arn:aws:iam::123456789012:instance-profile/{profile}").into()),
            tags: Box::new([Tag::new("Name", name)]),
            ..MachineRecord::new(name, MachineState::Running)
        };
        let agent = AgentRecord { ping: Some(Ping::Online), ..AgentRecord::new(name) };
        Instance {
            machine: Part::Seen(Arc::new(machine)),
            agent: Part::Seen(Arc::new(agent)),
            ..Instance::new(name)
        }
    }

    fn profile(rows: &[Instance]) -> Option<String> {
        Usage::of(rows.iter()).profile.map(|common| format!("{} {}", common.name, common.words()))
    }

    #[test]
    fn the_profile_of_most_nodes_that_are_well_is_told_with_its_holders() {
        assert_eq!(profile(&[]), None);
        let mut rows = vec![node("web-10", "core"), node("etl-1", "etl")];
        assert_eq!(profile(&rows).unwrap(), "core as web-10 has", "of equals the first by name");
        rows.push(node("web-2", "core"));
        assert_eq!(profile(&rows).unwrap(), "core as web-2 and another have");
        rows.push(node("api-11", "core"));
        assert_eq!(profile(&rows).unwrap(), "core as web-2 and 2 others have");
        // A profile by which no channel opens is no model, nor is that of a node that fell silent.
        let refused = Fact::Known { value: Connection::NotConnected, at: Timestamp::UNIX_EPOCH };
        for row in &mut rows[2..] {
            row.connection = refused.clone();
        }
        let silent = AgentRecord { ping: Some(Ping::Lost), ..AgentRecord::new("web-10") };
        rows[0].agent = Part::Seen(Arc::new(silent));
        assert_eq!(profile(&rows).unwrap(), "etl as etl-1 has");
    }

    #[test]
    fn of_very_many_nodes_some_tell_what_most_use() {
        let rows: Vec<_> = (0..3 * MOST_ASKED)
            .map(|number| node(&format!("n-{number}"), if number % 5 == 0 { "etl" } else { "core" }))
            .collect();
        assert_eq!(profile(&rows).unwrap(), "core as n-3 and many others have");
    }

    #[test]
    fn hybrid_nodes_have_roles_and_no_profiles() {
        let agent = AgentRecord {
            ping: Some(Ping::Online),
            iam_role: Some("service-role/hybrid-node".into()),
            computer_name: Some("rack-7".into()),
            ..AgentRecord::new("mi-0f3")
        };
        let rack = Instance { agent: Part::Seen(Arc::new(agent)), ..Instance::new("mi-0f3") };
        let usage = Usage::of([&rack].into_iter());
        assert_eq!(usage.profile, None);
        assert_eq!(usage.hybrid_role.map(|role| role.name).as_deref(), Some("hybrid-node"));
    }
}
