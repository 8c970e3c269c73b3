//! Fuzzy search over the fleet: rows and a query in; the rows that match out, best first.
//!
//! It runs beside the screen: [`Worker`] takes the newest [`Request`] only, and hands [`Matches`] to a
//! callback with the generation that was asked for. The positions of matched letters are made for the
//! rows on the screen alone, by [`highlight`].

mod engine;
mod rank;
mod scorer;
mod snapshot;
#[cfg(test)]
mod tests;
mod text;
mod worker;

pub use engine::Engine;
pub use rank::highlight;
pub use scorer::{Scorer, Skim};
pub use worker::Worker;

use std::sync::Arc;

use jiff::Timestamp;

use super::instance::Instance;
use super::order::{Column, Direction};
use super::query::Query;

/// What to look for in what.
#[derive(Clone, Debug)]
pub struct Request {
    /// The asker's number; comes back with the matches.
    pub generation: u64,
    /// The rows, as [`super::Fleet::instances`] has them.
    pub rows: Arc<[Arc<Instance>]>,
    /// The search box.
    pub query: String,
    /// How to order what matches. `None`: best match first, and by name where there is no word.
    pub order: Option<(Column, Direction)>,
    /// The time at which states are judged.
    pub now: Timestamp,
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
    /// The query, read.
    pub query: Query,
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
