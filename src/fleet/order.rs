//! The columns of the list, and the order by any of them.

use std::cmp::Ordering;
use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;

use super::instance::Instance;

/// A column that can be shown and ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Column {
    /// Name, or id when there is none.
    Name,
    /// Row id.
    Id,
    /// Platform in words.
    Platform,
    /// Agent version.
    Agent,
    /// State.
    State,
    /// Last heartbeat.
    Seen,
    /// Availability zone.
    Zone,
    /// Private address.
    Ip,
    /// Instance type.
    Type,
    /// Last start.
    Launched,
    /// Role or profile.
    Role,
    /// The account's alias, or its number.
    Account,
    /// Region.
    Region,
    /// The profile that reads it.
    Profile,
}

impl Column {
    /// All of them, in the order of the widest table.
    pub const ALL: [Self; 14] = [
        Self::Name,
        Self::Id,
        Self::Platform,
        Self::Agent,
        Self::State,
        Self::Seen,
        Self::Zone,
        Self::Ip,
        Self::Type,
        Self::Launched,
        Self::Role,
        Self::Account,
        Self::Region,
        Self::Profile,
    ];

    /// The heading.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Id => "id",
            Self::Platform => "platform",
            Self::Agent => "agent",
            Self::State => "state",
            Self::Seen => "seen",
            Self::Zone => "zone",
            Self::Ip => "ip",
            Self::Type => "type",
            Self::Launched => "launched",
            Self::Role => "role",
            Self::Account => "account",
            Self::Region => "region",
            Self::Profile => "profile",
        }
    }
}

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Direction {
    /// Smallest, oldest or first in the alphabet on top.
    #[default]
    Ascending,
    /// The other way round; what has no value stays at the end.
    Descending,
}

impl Direction {
    /// The other one.
    pub const fn reversed(self) -> Self {
        match self {
            Self::Ascending => Self::Descending,
            Self::Descending => Self::Ascending,
        }
    }
}

/// Orders indices into `instances`. Rows without a value come last either way; equal rows go by name
/// and id, so that a refresh never shuffles them.
pub fn order(
    rows: &mut [u32],
    instances: &[Arc<Instance>],
    column: Column,
    direction: Direction,
    now: Timestamp,
) {
    let mut keyed: Vec<(Key<'_>, u32)> =
        rows.iter().map(|&row| (Key::of(&instances[row as usize], column, now), row)).collect();
    keyed.sort_by(|(one, row_one), (two, row_two)| {
        let by_key = match (one, two) {
            (Key::None, Key::None) => Ordering::Equal,
            (Key::None, _) => Ordering::Greater,
            (_, Key::None) => Ordering::Less,
            _ if direction == Direction::Descending => two.cmp(one),
            _ => one.cmp(two),
        };
        by_key.then_with(|| {
            let (one, two) = (&instances[*row_one as usize], &instances[*row_two as usize]);
            Natural(one.label()).cmp(&Natural(two.label())).then_with(|| one.id.cmp(&two.id))
        })
    });
    for (place, (_, row)) in rows.iter_mut().zip(keyed) {
        *place = row;
    }
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Key<'a> {
    Text(Natural<'a>),
    Owned(String),
    Number(u8),
    Time(Timestamp),
    Version(super::AgentVersion),
    Ip(IpAddr),
    None,
}

impl<'a> Key<'a> {
    fn of(instance: &'a Instance, column: Column, now: Timestamp) -> Self {
        let text = |text: Option<&'a str>| text.map(|text| Key::Text(Natural(text)));
        let key = match column {
            Column::Name => text(Some(instance.label())),
            Column::Id => text(Some(instance.id.as_str())),
            Column::Platform => instance.platform_words().map(|words| Key::Owned(words.to_lowercase())),
            Column::Agent => instance.version().map(Key::Version),
            Column::State => Some(Key::Number(instance.state(now) as u8)),
            Column::Seen => instance.last_seen().map(Key::Time),
            Column::Zone => text(instance.zone()),
            Column::Ip => instance.private_ip().and_then(|ip| ip.parse().ok()).map(Key::Ip),
            Column::Type => text(instance.instance_type()),
            Column::Launched => instance.launched().map(Key::Time),
            Column::Role => text(instance.role()),
            Column::Account => text(instance.place.account_words()),
            Column::Region => text(instance.place.region.as_deref()),
            Column::Profile => text(instance.place.profile.as_deref()),
        };
        key.unwrap_or(Key::None)
    }
}

/// Text whose runs of digits compare as numbers and whose case doesn't matter: web-2 before web-10.
#[derive(PartialEq, Eq)]
pub(super) struct Natural<'a>(pub(super) &'a str);

impl PartialOrd for Natural<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Natural<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let (mut one, mut two) = (self.0.as_bytes(), other.0.as_bytes());
        loop {
            let (Some(&first), Some(&second)) = (one.first(), two.first()) else {
                return one.len().cmp(&two.len()).then_with(|| self.0.cmp(other.0));
            };
            if first.is_ascii_digit() && second.is_ascii_digit() {
                let (number_one, rest_one) = split_number(one);
                let (number_two, rest_two) = split_number(two);
                let by_number =
                    number_one.len().cmp(&number_two.len()).then_with(|| number_one.cmp(number_two));
                if by_number.is_ne() {
                    return by_number;
                }
                (one, two) = (rest_one, rest_two);
                continue;
            }
            let by_letter = first.to_ascii_lowercase().cmp(&second.to_ascii_lowercase());
            if by_letter.is_ne() {
                return by_letter;
            }
            (one, two) = (&one[1..], &two[1..]);
        }
    }
}

/// The digits at the start without leading zeros, and what follows them.
fn split_number(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    let start = digits.iter().position(|digit| *digit != b'0').unwrap_or(end);
    (&digits[start..], rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::{AgentRecord, MachineRecord, MachineState, Part, Tag};

    fn named(id: &str, name: &str) -> Instance {
        let tags = Box::new([Tag::new("Name", name)]);
        let machine = MachineRecord { tags, ..MachineRecord::new(id, MachineState::Running) };
        Instance { machine: Part::Seen(Arc::new(machine)), ..Instance::new(id) }
    }

    fn ordered(instances: &[Arc<Instance>], column: Column, direction: Direction) -> Vec<&str> {
        let mut rows: Vec<u32> = (0..instances.len() as u32).collect();
        order(&mut rows, instances, column, direction, Timestamp::UNIX_EPOCH);
        rows.iter().map(|row| instances[*row as usize].id.as_str()).collect()
    }

    #[test]
    fn names_order_as_people_count() {
        let fleet: Vec<_> = [("i-3", "web-10"), ("i-1", "Web-2"), ("i-4", "api-1"), ("i-2", "web-02")]
            .map(|(id, name)| Arc::new(named(id, name)))
            .into();
        assert_eq!(ordered(&fleet, Column::Name, Direction::Ascending), ["i-4", "i-1", "i-2", "i-3"]);
        assert_eq!(ordered(&fleet, Column::Name, Direction::Descending), ["i-3", "i-2", "i-1", "i-4"]);
    }

    #[test]
    fn what_has_no_value_comes_last_either_way() {
        let versioned = |id: &str, version: Option<&str>| {
            let agent = AgentRecord { agent_version: version.map(Into::into), ..AgentRecord::new(id) };
            Arc::new(Instance { agent: Part::Seen(Arc::new(agent)), ..Instance::new(id) })
        };
        let fleet = [
            versioned("i-none", None),
            versioned("i-new", Some("3.3.987.0")),
            versioned("i-old", Some("3.3.40.0")),
        ];
        assert_eq!(ordered(&fleet, Column::Agent, Direction::Ascending), ["i-old", "i-new", "i-none"]);
        assert_eq!(ordered(&fleet, Column::Agent, Direction::Descending), ["i-new", "i-old", "i-none"]);
    }

    #[test]
    fn addresses_order_as_numbers() {
        let addressed = |id: &str, ip: &str| {
            let agent = AgentRecord { ip: Some(ip.into()), ..AgentRecord::new(id) };
            Arc::new(Instance { agent: Part::Seen(Arc::new(agent)), ..Instance::new(id) })
        };
        let fleet = [addressed("i-1", "10.0.0.100"), addressed("i-2", "10.0.0.9")];
        assert_eq!(ordered(&fleet, Column::Ip, Direction::Ascending), ["i-2", "i-1"]);
    }
}
