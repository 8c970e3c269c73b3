//! The language of the search box: words that must all match, in any order, and filters.
//!
//! ```text
//! web prod              both words, fuzzily, each in any field
//! state:lost            by state; state:no-channel, state:"not configured"
//! tag:env  tag:env=prod a tag's key, or key and value (from the value's start; in quotes, exactly)
//! platform:windows      also os:
//! id: name: ip: agent: zone: type: role:   plain text within that field
//! !word !state:lost     without it
//! ```
//!
//! Nothing is ever an error: a filter that isn't finished (`state:`) does nothing yet, and one that
//! nobody knows is a word like any other. Case never matters.

use super::instance::{Instance, State};
use jiff::Timestamp;

/// A field that can be named before a colon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// `id:`, the row's id or its target's.
    Id,
    /// `name:`.
    Name,
    /// `ip:`, private or public.
    Ip,
    /// `agent:`, its version.
    Agent,
    /// `zone:`.
    Zone,
    /// `type:`.
    Type,
    /// `role:`.
    Role,
}

/// What one term asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// A word, fuzzily in any field; negated, plainly in none.
    Word(String),
    /// One of these states.
    State(Vec<State>),
    /// A platform's word or name that contains this.
    Platform(String),
    /// A tag key that starts with this.
    TagKey(String),
    /// A tag.
    Tag {
        /// The whole key.
        key: String,
        /// The value, or its start.
        value: String,
        /// The value was quoted: all of it.
        exact: bool,
    },
    /// A field that contains this.
    Field(Field, String),
}

/// A term, and whether it is wanted or unwanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// `!` before it.
    pub negated: bool,
    /// What it asks for; texts are in lower case.
    pub ask: Ask,
}

/// What is in the search box, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    terms: Vec<Term>,
}

impl Query {
    /// Reads the box; never fails.
    pub fn parse(text: &str) -> Self {
        Self { terms: split(text).into_iter().filter_map(Term::parse).collect() }
    }

    /// Its terms, those without effect left out.
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// Whether it asks for nothing, so that everything matches.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// The words to match fuzzily, in lower case.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.terms.iter().filter_map(|term| match term {
            Term { negated: false, ask: Ask::Word(word) } => Some(word.as_str()),
            _ => None,
        })
    }

    /// Whether instances that are gone are asked for by name; otherwise they are hidden.
    pub fn asks_for_gone(&self) -> bool {
        self.terms.iter().any(|term| {
            !term.negated && matches!(&term.ask, Ask::State(states) if states.contains(&State::Gone))
        })
    }

    /// Whether all filters and unwanted words let the instance through. The fuzzy words are the
    /// search's business.
    pub fn admits(&self, instance: &Instance, now: Timestamp) -> bool {
        (self.asks_for_gone() || instance.state(now) != State::Gone)
            && self.terms.iter().all(|term| match (&term.ask, term.negated) {
                (Ask::Word(_), false) => true,
                (ask, negated) => ask.holds(instance, now) != negated,
            })
    }

    /// Whether everything that this query finds was found by `before`, so that it may look at those
    /// only: each term of before is still here, or a word that only grew.
    pub fn narrows(&self, before: &Self) -> bool {
        self.terms.len() >= before.terms.len()
            && before.asks_for_gone() == self.asks_for_gone()
            && before.terms.iter().zip(&self.terms).all(|(old, new)| {
                old == new
                    || matches!(
                        (old, new),
                        (
                            Term { negated: false, ask: Ask::Word(old) },
                            Term { negated: false, ask: Ask::Word(new) }
                        ) if new.starts_with(old.as_str())
                    )
            })
    }
}

impl Term {
    /// Reads one term; `None` when it has no effect (yet).
    fn parse(raw: Raw) -> Option<Self> {
        let (negated, text) = match raw.text.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, raw.text.as_str()),
        };
        if text.is_empty() {
            return None;
        }
        let word = || Some(Ask::Word(text.to_lowercase()));
        let ask = match text.split_once(':') {
            None => word(),
            Some((name, value)) => {
                let value = value.to_lowercase();
                let field = |field| (!value.is_empty()).then(|| Ask::Field(field, value.clone()));
                match name.to_ascii_lowercase().as_str() {
                    "state" | "status" if value.is_empty() => None,
                    "state" | "status" => match states(&value) {
                        found if found.is_empty() => word(),
                        found => Some(Ask::State(found)),
                    },
                    "platform" | "os" => (!value.is_empty()).then(|| Ask::Platform(value.clone())),
                    "tag" => match value.split_once('=') {
                        None if value.is_empty() => None,
                        None => Some(Ask::TagKey(value.clone())),
                        Some((key, value)) => Some(Ask::Tag {
                            key: key.to_owned(),
                            value: value.to_owned(),
                            exact: raw.ends_quoted,
                        }),
                    },
                    "id" => field(Field::Id),
                    "name" => field(Field::Name),
                    "ip" => field(Field::Ip),
                    "agent" => field(Field::Agent),
                    "zone" => field(Field::Zone),
                    "type" => field(Field::Type),
                    "role" => field(Field::Role),
                    _ => word(),
                }
            }
        };
        ask.map(|ask| Self { negated, ask })
    }
}

impl Ask {
    /// Whether a tag is what is asked for.
    pub(super) fn fits(&self, tag: &super::Tag) -> bool {
        match self {
            Self::TagKey(start) => tag.key.to_lowercase().starts_with(start.as_str()),
            Self::Tag { key, value, exact } => {
                let held = tag.value.to_lowercase();
                tag.key.to_lowercase() == *key
                    && if *exact { held == *value } else { held.starts_with(value.as_str()) }
            }
            _ => false,
        }
    }

    /// Whether the instance has what is asked for; a word is looked for plainly here.
    pub(super) fn holds(&self, instance: &Instance, now: Timestamp) -> bool {
        match self {
            Self::Word(word) => {
                let has = |text: &str| contains(text, word);
                instance.name().is_some_and(has)
                    || has(instance.id.as_str())
                    || has(instance.target().as_str())
                    || instance.private_ip().is_some_and(has)
                    || instance.platform_words().is_some_and(|words| has(&words))
                    || has(instance.state(now).word())
                    || instance.tags().iter().any(|tag| &*tag.key != "Name" && has(&tag_text(tag)))
            }
            Self::State(states) => states.contains(&instance.state(now)),
            Self::Platform(wanted) => {
                instance.platform().is_some_and(|platform| contains(platform.word(), wanted))
                    || instance.platform_words().is_some_and(|words| contains(&words, wanted))
            }
            Self::TagKey(_) | Self::Tag { .. } => instance.tags().iter().any(|tag| self.fits(tag)),
            Self::Field(field, wanted) => {
                let has = |text: Option<&str>| text.is_some_and(|text| contains(text, wanted));
                match field {
                    Field::Id => has(Some(instance.id.as_str())) || has(Some(instance.target().as_str())),
                    Field::Name => has(instance.name()),
                    Field::Ip => {
                        let public = instance.machine.seen().and_then(|machine| machine.public_ip.as_deref());
                        has(instance.private_ip()) || has(public)
                    }
                    Field::Agent => has(instance.agent_version()),
                    Field::Zone => has(instance.zone()),
                    Field::Type => has(instance.instance_type()),
                    Field::Role => has(instance.role()),
                }
            }
        }
    }
}

/// A tag as it is searched and shown: `key=value`.
pub(super) fn tag_text(tag: &super::Tag) -> String {
    format!("{}={}", tag.key, tag.value)
}

/// Whether `text` contains `wanted`, which is in lower case.
pub(super) fn contains(text: &str, wanted: &str) -> bool {
    text.to_lowercase().contains(wanted)
}

/// The states whose word starts with `value`, or has all letters of it without the space.
fn states(value: &str) -> Vec<State> {
    let bare = |text: &str| text.chars().filter(|letter| letter.is_alphanumeric()).collect::<String>();
    let wanted = bare(value);
    if wanted.is_empty() {
        return Vec::new();
    }
    State::ALL.into_iter().filter(|state| bare(state.word()).starts_with(&wanted)).collect()
}

/// A piece of the box between spaces, quotes taken off.
struct Raw {
    text: String,
    ends_quoted: bool,
}

/// Splits at spaces outside of quotes; a quote that isn't closed reaches to the end.
fn split(text: &str) -> Vec<Raw> {
    let mut pieces = Vec::new();
    let mut piece = String::new();
    let mut is_open = false;
    let mut is_quoted = false;
    let mut ends_quoted = false;
    for letter in text.chars() {
        match letter {
            '"' => {
                ends_quoted = is_quoted;
                is_quoted = !is_quoted;
                is_open = true;
            }
            letter if letter.is_whitespace() && !is_quoted => {
                if is_open {
                    pieces.push(Raw { text: std::mem::take(&mut piece), ends_quoted });
                }
                is_open = false;
                ends_quoted = false;
            }
            letter => {
                piece.push(letter);
                is_open = true;
                ends_quoted = false;
            }
        }
    }
    if is_open {
        pieces.push(Raw { text: piece, ends_quoted });
    }
    pieces
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::fleet::{AgentRecord, MachineRecord, MachineState, Part, Ping, Platform, Tag};

    fn web() -> Instance {
        let machine = MachineRecord {
            private_ip: Some("10.1.4.17".into()),
            zone: Some("eu-west-1a".into()),
            instance_type: Some("t3.large".into()),
            tags: Box::new([Tag::new("Name", "web-1"), Tag::new("env", "Prod"), Tag::new("owner", "a b")]),
            ..MachineRecord::new("i-0a1", MachineState::Running)
        };
        let agent = AgentRecord {
            ping: Some(Ping::Lost),
            agent_version: Some("3.3.987.0".into()),
            platform: Some(Platform::Linux),
            platform_name: Some("Amazon Linux".into()),
            ..AgentRecord::new("i-0a1")
        };
        Instance {
            machine: Part::Seen(Arc::new(machine)),
            agent: Part::Seen(Arc::new(agent)),
            ..Instance::new("i-0a1")
        }
    }

    fn admits(query: &str) -> bool {
        Query::parse(query).admits(&web(), "2026-05-03T12:00:00Z".parse().unwrap())
    }

    #[test]
    fn filters_admit_what_they_name() {
        for query in [
            "state:lost",
            "STATE:Lost",
            "state:l",
            "tag:env",
            "tag:ENV=prod",
            "tag:env=pr",
            "tag:owner=\"a b\"",
            "platform:linux",
            "os:amazon",
            "id:0a1",
            "name:web",
            "ip:10.1",
            "agent:3.3",
            "zone:1a",
            "type:t3",
            "!state:ready",
            "!tag:env=dev",
            "!batch",
            "state:lost tag:env !windows",
        ] {
            assert!(admits(query), "{query}");
        }
    }

    #[test]
    fn filters_keep_out_what_they_do_not() {
        for query in [
            "state:ready",
            "!state:lost",
            "tag:team",
            "tag:env=dev",
            "tag:env=\"pr\"",
            "platform:windows",
            "name:db",
            "ip:10.2",
            "!web",
            "!prod",
            "state:lost !tag:env",
            "!10.1.4",
        ] {
            assert!(!admits(query), "{query}");
        }
    }

    #[test]
    fn half_typed_filters_change_nothing() {
        for query in
            ["", " ", "!", "state:", "!state:", "tag:", "platform:", "id:", "!name:", "\"", "state:\""]
        {
            assert!(Query::parse(query).is_empty(), "{query:?}: {:?}", Query::parse(query));
            assert!(admits(query), "{query}");
        }
    }

    #[test]
    fn what_nobody_knows_is_a_word() {
        for query in ["state:zz", "colour:red", "a:b:c", "::"] {
            assert_eq!(Query::parse(query).words().collect::<Vec<_>>(), [query]);
        }
    }

    #[test]
    fn states_of_two_words_can_be_typed() {
        for query in ["state:no-channel", "state:nochannel", "state:\"no channel\"", "state:no_ch"] {
            assert_eq!(Query::parse(query).terms()[0].ask, Ask::State(vec![State::NoChannel]), "{query}");
        }
    }

    #[test]
    fn only_growing_queries_narrow() {
        let narrows = |new: &str, old: &str| Query::parse(new).narrows(&Query::parse(old));
        assert!(narrows("web", "we"));
        assert!(narrows("web pr", "web"));
        assert!(narrows("web state:lost", "web"));
        assert!(!narrows("we", "web"));
        assert!(!narrows("!web", "!we"));
        assert!(!narrows("state:", "state"));
        assert!(!narrows("state:gone", ""));
        assert!(!narrows("tag:env=x", "tag:env"));
    }
}
