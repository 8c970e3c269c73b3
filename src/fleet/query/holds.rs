//! Whether a row has what a term asks for, looked at row by row: the plain meaning of the language. The
//! search computes the same for a whole fleet at once.

use std::borrow::Cow;
use std::collections::HashSet;

use jiff::Timestamp;

use super::{Ask, Field, Trait};
use crate::fleet::instance::Instance;
use crate::fleet::record::{InstanceId, MachineRecord, Tag, Text};
use crate::fleet::search::fields;
use crate::fleet::version::AgentVersion;

/// What a term can ask about besides the row.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// The time at which states and ages are judged.
    pub now: Timestamp,
    /// The user's favourites.
    pub favourites: &'a HashSet<InstanceId>,
    /// Whether the rows are in more than one place: else words don't look for accounts, regions and
    /// profiles, which would find all rows or none.
    pub is_mixed: bool,
}

impl Ask {
    /// Whether the instance has what is asked for; a word is looked for as it stands here.
    pub fn holds(&self, instance: &Instance, around: &Surroundings<'_>) -> bool {
        let any = |holds: &dyn Fn(&str) -> bool| {
            fields(instance, around.now, around.is_mixed).iter().any(|(_, text)| holds(text))
        };
        match self {
            Self::Word(word) | Self::Exact(word) => any(&|text| contains(text, word)),
            Self::Prefix(word) => any(&|text| text.to_lowercase().starts_with(word.as_str())),
            Self::State(states) => states.contains(&instance.state(around.now)),
            Self::TagKey(_) | Self::Tag { .. } => instance.tags().iter().any(|tag| self.fits(tag)),
            Self::Field { field, value, is_whole } => {
                field.texts(instance).into_iter().flatten().any(|text| is(&text, value, *is_whole))
            }
            Self::Version { .. } => instance.agent_version().is_some_and(|version| self.compares(version)),
            Self::Span { field, comparison, seconds } => {
                field.age(instance, around.now).is_some_and(|age| comparison.holds(age.cmp(seconds)))
            }
            Self::Is(Trait::Favourite) => around.favourites.contains(&instance.id),
            Self::Is(Trait::Hybrid) => instance.target().is_hybrid(),
            Self::Is(Trait::Outdated) => instance.too_old_for().next().is_some(),
        }
    }

    /// Whether a tag is what is asked for.
    pub(in crate::fleet) fn fits(&self, tag: &Tag) -> bool {
        match self {
            Self::TagKey(start) => tag.key.to_lowercase().starts_with(start.as_str()),
            Self::Tag { key, value, is_whole } => {
                let held = tag.value.to_lowercase();
                tag.key.to_lowercase() == *key
                    && if *is_whole { held == *value } else { held.starts_with(value.as_str()) }
            }
            _ => false,
        }
    }

    /// Whether an agent's version stands as asked to the one that was written.
    pub(in crate::fleet) fn compares(&self, held: &str) -> bool {
        let Self::Version { comparison, version, numbers } = self else { return false };
        held.parse::<AgentVersion>().is_ok_and(|held| comparison.holds(held.cut(*numbers).cmp(version)))
    }
}

impl Field {
    /// The texts that the field stands for, two at most.
    pub(in crate::fleet) fn texts(self, instance: &Instance) -> [Option<Cow<'_, str>>; 2] {
        fn of(text: Option<&str>) -> Option<Cow<'_, str>> {
            text.map(Cow::Borrowed)
        }
        let place = &instance.place;
        let machine = |text: fn(&MachineRecord) -> &Option<Text>| {
            of(instance.machine.seen().and_then(|machine| text(machine).as_deref()))
        };
        match self {
            Self::Name => [of(instance.name()), None],
            Self::Id => [of(Some(instance.id.as_str())), of(Some(instance.target().as_str()))],
            Self::Ip => [of(instance.private_ip()), machine(|machine| &machine.public_ip)],
            Self::Platform => {
                [of(instance.platform().map(|platform| platform.word())), instance.platform_words()]
            }
            Self::Agent => [of(instance.agent_version()), None],
            Self::Type => [of(instance.instance_type()), None],
            Self::Role => [of(instance.role()), None],
            Self::Account => [of(place.alias.as_deref()), of(place.account.as_deref())],
            Self::Region => [of(place.region.as_deref()), None],
            Self::Profile => [of(place.profile.as_deref()), None],
            Self::Zone => [of(instance.zone()), None],
            Self::Vpc => [machine(|machine| &machine.vpc), None],
            Self::Subnet => [machine(|machine| &machine.subnet), None],
            Self::Image => [machine(|machine| &machine.image), None],
            Self::State
            | Self::Tag
            | Self::Seen
            | Self::Age
            | Self::Registered
            | Self::Is
            | Self::Favourite => [None, None],
        }
    }

    /// How long ago the moment was that the field counts from, in whole seconds; one to come is now.
    pub(in crate::fleet) fn age(self, instance: &Instance, now: Timestamp) -> Option<i64> {
        let moment = match self {
            Self::Seen => instance.last_seen(),
            Self::Age => instance.launched(),
            Self::Registered => instance.agent.seen().and_then(|agent| agent.registered),
            _ => None,
        }?;
        Some(now.duration_since(moment).as_secs().max(0))
    }
}

/// A tag as it is searched and shown: `key=value`.
pub(in crate::fleet) fn tag_text(tag: &Tag) -> String {
    format!("{}={}", tag.key, tag.value)
}

/// Whether `text` contains `wanted`, which is in lower case.
fn contains(text: &str, wanted: &str) -> bool {
    text.to_lowercase().contains(wanted)
}

/// Whether a text is what a field's value asks for.
pub(in crate::fleet) fn is(text: &str, wanted: &str, is_whole: bool) -> bool {
    if is_whole { text.to_lowercase() == wanted } else { contains(text, wanted) }
}
