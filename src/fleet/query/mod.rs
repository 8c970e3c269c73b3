//! The query language: one line, typed in the search box or given to `ssmtui ls`.
//!
//! Terms that stand side by side must all hold; `or` is between alternatives. Words are matched fuzzily
//! in the fields that [`super::search`] ranks by; what stands behind a field's name and a colon is a
//! filter. [`SYNTAX`] and [`FIELDS`] are the whole language, told in tables.
//!
//! | file | job |
//! | --- | --- |
//! | `field` | the tables of syntax and fields |
//! | `value` | comparisons, lengths of time, states |
//! | `parse` | from text to a query, or to a problem that points |
//! | `problem` | what is wrong, and where |
//! | `words` | a query as text again |
//! | `holds` | whether a row has what a term asks for |
//! | `complete` | what can stand at the cursor |

mod complete;
mod field;
mod holds;
mod parse;
mod problem;
#[cfg(test)]
mod tests;
mod value;
mod words;

pub use complete::{Candidate, Completion, Known, complete};
pub use field::{Entry, FIELDS, Field, Kind, SYNTAX, help, markdown};
pub use holds::Surroundings;
pub(super) use holds::{is, tag_text};
pub use problem::Problem;
pub use value::{Comparison, Trait};

use std::collections::BTreeMap;
use std::sync::Arc;

use super::instance::State;
use super::version::AgentVersion;

/// From how many letters on a word is looked for in aliases of accounts, regions and profiles.
pub(super) const PLACE: usize = 2;
/// From how many letters on a word is matched fuzzily in ids, and looked for in numbers of accounts.
pub(super) const FUZZY_ID: usize = 4;

/// What one term asks for; texts are in lower case and not empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// A word, fuzzily in any searched text; negated, as it stands in none.
    Word(String),
    /// As it stands in any searched text.
    Exact(String),
    /// At the start of any searched text.
    Prefix(String),
    /// One of these states.
    State(Vec<State>),
    /// A tag key that starts with this.
    TagKey(String),
    /// A tag.
    Tag {
        /// The whole key.
        key: String,
        /// The value, or its start; may be empty.
        value: String,
        /// All of the value.
        is_whole: bool,
    },
    /// A field's text.
    Field {
        /// Which field.
        field: Field,
        /// What it contains.
        value: String,
        /// All of it.
        is_whole: bool,
    },
    /// The agent's version, compared.
    Version {
        /// How.
        comparison: Comparison,
        /// With which.
        version: AgentVersion,
        /// How many numbers of it count: as many as were written.
        numbers: usize,
    },
    /// The time since something, compared.
    Span {
        /// Since what.
        field: Field,
        /// How.
        comparison: Comparison,
        /// With how many seconds.
        seconds: i64,
    },
    /// What `is:` asks for.
    Is(Trait),
}

/// A term, and whether it is wanted or unwanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// `!` before it.
    pub negated: bool,
    /// What it asks for.
    pub ask: Ask,
}

/// Terms, joined. Groups have two members at least, none of their own kind; `All` of none is the empty query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expr {
    /// All of them hold.
    All(Vec<Self>),
    /// One of them holds.
    Any(Vec<Self>),
    /// It holds.
    Term(Term),
}

impl Default for Expr {
    fn default() -> Self {
        Self::All(Vec::new())
    }
}

/// A query, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    root: Expr,
}

/// Queries with names, to be used as `@name`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Saved(Arc<BTreeMap<String, String>>);

impl Saved {
    /// From names and texts.
    pub fn new(queries: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(Arc::new(queries.into_iter().collect()))
    }

    /// The text of one.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// All names, in the order of the alphabet.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The first that can't be read, if there is one, and why.
    pub fn problem(&self) -> Option<(&str, Problem)> {
        self.names().find_map(|name| {
            let text = self.get(name)?;
            let read = Query::parse(text, self).and_then(|query| match query.is_empty() {
                true => Err(Problem::unfinished(0..0, "it is empty")),
                false => Query::parse(&format!("@{name}"), self),
            });
            read.err().map(|problem| (name, problem))
        })
    }
}

impl Query {
    /// Reads a whole query.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(text: &str, saved: &Saved) -> Result<Self, Problem> {
        parse::parse(text, saved, false)
    }

    /// Reads a query that is being typed: what isn't finished (`state:`, `web or`) has no effect yet.
    ///
    /// # Errors
    /// What more letters can't mend, and where.
    pub fn typed(text: &str, saved: &Saved) -> Result<Self, Problem> {
        parse::parse(text, saved, true)
    }

    /// The words of a text, whatever signs there are in it.
    pub fn words_of(text: &str) -> Self {
        let word = |text: &str| Expr::Term(Term { negated: false, ask: Ask::Word(text.to_lowercase()) });
        Self { root: Expr::all(text.split_whitespace().map(word)) }
    }

    /// All of it.
    pub fn root(&self) -> &Expr {
        &self.root
    }

    /// All terms in it, wherever they stand.
    pub fn terms(&self) -> impl Iterator<Item = &Term> {
        self.root.terms()
    }

    /// Whether it asks for nothing, so that everything matches.
    pub fn is_empty(&self) -> bool {
        self.root == Expr::default()
    }

    /// Whether anything in it makes one row a better match than another.
    pub fn has_ranks(&self) -> bool {
        self.terms()
            .any(|term| !term.negated && matches!(term.ask, Ask::Word(_) | Ask::Exact(_) | Ask::Prefix(_)))
    }

    /// Whether instances that are gone are asked for by name; otherwise they are hidden.
    pub fn asks_for_gone(&self) -> bool {
        self.terms().any(|term| {
            !term.negated && matches!(&term.ask, Ask::State(states) if states.contains(&State::Gone))
        })
    }

    /// Whether everything that this query finds was found by `before`, so that it may look at those
    /// only: each term of before is still here, or a text that only grew.
    pub fn narrows(&self, before: &Self) -> bool {
        before.asks_for_gone() == self.asks_for_gone() && self.root.narrows(&before.root)
    }
}

impl Expr {
    /// All of these: groups of its own kind become part of it.
    pub(super) fn all(members: impl IntoIterator<Item = Self>) -> Self {
        let mut flat = Vec::new();
        for member in members {
            match member {
                Self::All(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        if flat.len() == 1 { flat.remove(0) } else { Self::All(flat) }
    }

    /// One of these, likewise.
    pub(super) fn any(members: impl IntoIterator<Item = Self>) -> Self {
        let mut flat = Vec::new();
        for member in members {
            match member {
                Self::Any(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        if flat.len() == 1 { flat.remove(0) } else { Self::Any(flat) }
    }

    /// The opposite; the signs end up at the terms.
    fn negated(self) -> Self {
        match self {
            Self::All(members) => Self::any(members.into_iter().map(Self::negated)),
            Self::Any(members) => Self::all(members.into_iter().map(Self::negated)),
            Self::Term(term) => Self::Term(Term { negated: !term.negated, ..term }),
        }
    }

    fn terms(&self) -> Box<dyn Iterator<Item = &Term> + '_> {
        match self {
            Self::All(members) | Self::Any(members) => Box::new(members.iter().flat_map(Self::terms)),
            Self::Term(term) => Box::new(std::iter::once(term)),
        }
    }

    fn narrows(&self, before: &Self) -> bool {
        fn conjuncts(of: &Expr) -> &[Expr] {
            match of {
                Expr::All(members) => members,
                one => std::slice::from_ref(one),
            }
        }
        match (self, before) {
            _ if self == before => true,
            (Self::Term(new), Self::Term(old)) => new.narrows(old),
            (Self::Any(new), Self::Any(old)) => {
                new.len() == old.len() && new.iter().zip(old).all(|(new, old)| new.narrows(old))
            }
            (Self::All(_), _) | (_, Self::All(_)) => {
                let (new, old) = (conjuncts(self), conjuncts(before));
                new.len() >= old.len() && new.iter().zip(old).all(|(new, old)| new.narrows(old))
            }
            _ => false,
        }
    }
}

impl Term {
    fn narrows(&self, before: &Self) -> bool {
        if self == before || self.negated || before.negated {
            return self == before;
        }
        match (&self.ask, &before.ask) {
            // A word that grows to so many letters finds what it didn't find before.
            (Ask::Word(new), Ask::Word(old)) => {
                let goes_past = |letters| old.len() < letters && new.len() >= letters;
                new.starts_with(old.as_str()) && !goes_past(PLACE) && !goes_past(FUZZY_ID)
            }
            (Ask::Exact(new), Ask::Exact(old))
            | (Ask::Prefix(new), Ask::Prefix(old))
            | (Ask::TagKey(new), Ask::TagKey(old)) => new.starts_with(old.as_str()),
            (
                Ask::Field { field, value: new, .. },
                Ask::Field { field: other, value: old, is_whole: false },
            ) => field == other && new.contains(old.as_str()),
            (Ask::Tag { key, value: new, .. }, Ask::Tag { key: other, value: old, is_whole: false }) => {
                key == other && new.starts_with(old.as_str())
            }
            (Ask::State(new), Ask::State(old)) => new.iter().all(|state| old.contains(state)),
            _ => false,
        }
    }
}
