//! Fuzzy search over the fleet: rows and a query in; the rows that match out, best first.
//!
//! It runs beside the screen: [`Worker`] takes the newest [`Request`] only, and hands [`Matches`] to a
//! callback with the generation that was asked for. The positions of matched letters are made for the
//! rows on the screen alone, by [`highlight`].

mod column;
mod engine;
mod plan;
mod rank;
mod scorer;
mod snapshot;
#[cfg(test)]
mod tests;
mod text;
mod values;
mod worker;

pub use engine::Engine;
pub(super) use rank::fields;
pub use rank::highlight;
pub use scorer::{Scorer, Skim};
pub use values::Values;
pub use worker::Worker;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::instance::Instance;
use super::order::{Column, Direction};
use super::query::Query;
use super::record::InstanceId;

/// What to look for in what.
#[derive(Clone, Debug)]
pub struct Request {
    /// The asker's number; comes back with the matches.
    pub generation: u64,
    /// The rows, as [`super::Fleet::instances`] has them.
    pub rows: Arc<[Arc<Instance>]>,
    /// The search box, read.
    pub query: Query,
    /// How to order what matches. `None`: best match first, and by name where there is no word.
    pub order: Option<(Column, Direction)>,
    /// The time at which states are judged.
    pub now: Timestamp,
    /// What this user opens often or opened lately weighs more, and comes first among those that match
    /// equally well; on an empty query, before all others. An order by a column knows no weights.
    pub weights: Arc<HashMap<InstanceId, u32>>,
    /// The user's favourites.
    pub favourites: Arc<HashSet<InstanceId>>,
}

impl Request {
    /// The plain question: best match first, no habits known.
    pub fn new(rows: Arc<[Arc<Instance>]>, query: Query, now: Timestamp) -> Self {
        Self {
            generation: 0,
            rows,
            query,
            order: None,
            now,
            weights: Arc::default(),
            favourites: Arc::default(),
        }
    }
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Matches {
    /// As asked.
    pub generation: u64,
    /// The rows that were searched.
    pub rows: Arc<[Arc<Instance>]>,
    /// Indices into `rows`, in the order in which to show them.
    pub hits: Vec<u32>,
    /// The query, as asked.
    pub query: Query,
    /// What the rows' fields hold, for completion.
    pub values: Values,
}

/// A searched field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// Name.
    Name,
    /// Row id.
    Id,
    /// Private address.
    Ip,
    /// Platform in words.
    Platform,
    /// State's word.
    State,
    /// The session target, where it isn't the row's id.
    Target,
    /// The tag with this index in [`Instance::tags`], as `key=value`.
    Tag(usize),
    /// The account's alias.
    Alias,
    /// The account's number.
    Account,
    /// Region.
    Region,
    /// Profile.
    Profile,
}

/// Letters of one field that matched: positions count characters, ascending, without repeats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Highlight {
    /// Which field.
    pub field: Field,
    /// Which characters of it.
    pub positions: Vec<usize>,
}

/// Searches once, for callers with one question; who asks again and again keeps an [`Engine`].
pub fn search(request: &Request) -> Matches {
    Engine::new().search(request)
}
