//! One query after another over whole snapshots, on all cores; and the order of what they find.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::plan::Plan;
use super::rank::Rank;
use super::scorer::Prepared;
use super::snapshot::Snapshot;
use super::{Matches, Request, Values};
use crate::fleet::InstanceId;
use crate::fleet::query::Query;

/// Searches one snapshot after another, and remembers what it found last, for queries that only grow.
#[derive(Default)]
pub struct Engine {
    snapshot: Option<Arc<Snapshot>>,
    heavy: Heavy,
    before: Option<Found>,
}

/// The places of the rows that have a weight, ascending, and those weights; made anew when either changes.
#[derive(Default)]
struct Heavy {
    weights: Arc<HashMap<InstanceId, u32>>,
    places: Vec<(u32, u32)>,
}

/// What the last query found.
struct Found {
    query: Query,
    favourites: Arc<HashSet<InstanceId>>,
    /// Ascending.
    places: Vec<u32>,
}

/// A number that only grows; a search ends early when it is no longer the one it started with.
#[derive(Clone, Copy)]
pub(super) struct Newest<'a> {
    pub(super) counter: &'a AtomicU64,
    pub(super) mine: u64,
}

impl Newest<'_> {
    fn is_overtaken(self) -> bool {
        self.counter.load(Ordering::Relaxed) != self.mine
    }
}

/// Rows that a thread looks at between two looks at the clock of newer queries.
const STRIDE: usize = 1_024;
/// Rows from which on a second thread pays for its start.
const ALONE: usize = 4_096;

impl Engine {
    /// An engine that has seen nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Searches at once, on this thread and its helpers.
    pub fn search(&mut self, request: &Request) -> Matches {
        let counter = AtomicU64::new(0);
        self.prepare(request);
        self.find(request, Newest { counter: &counter, mine: 0 }).expect("nobody overtakes this search")
    }

    /// Whether the rows of the request are prepared.
    pub(super) fn is_prepared(&self, request: &Request) -> bool {
        self.snapshot
            .as_ref()
            .is_some_and(|snapshot| snapshot.serves(&request.rows, request.order, request.now))
    }

    /// Whether anything is prepared, if older than the request's rows.
    pub(super) fn has_rows(&self) -> bool {
        self.snapshot.is_some()
    }

    /// Prepares the rows of the request, unless they are.
    pub(super) fn prepare(&mut self, request: &Request) {
        if !self.is_prepared(request) {
            let before = self.snapshot.take();
            self.before = None;
            self.heavy = Heavy::default();
            self.snapshot = Some(Arc::new(Snapshot::new(
                Arc::clone(&request.rows),
                request.order,
                request.now,
                before.as_deref(),
            )));
        }
    }

    /// Searches what is prepared; `None` when overtaken.
    pub(super) fn find(&mut self, request: &Request, newest: Newest<'_>) -> Option<Matches> {
        let snapshot = Arc::clone(self.snapshot.as_ref()?);
        let query = &request.query;
        if !Arc::ptr_eq(&self.heavy.weights, &request.weights) {
            self.heavy = Heavy::new(&snapshot, &request.weights);
        }
        let before = self.before.take();
        let candidates = before
            .as_ref()
            .filter(|found| {
                Arc::ptr_eq(&found.favourites, &request.favourites) && query.narrows(&found.query)
            })
            .map(|found| found.places.as_slice());
        let found = run(&snapshot, request, candidates, newest)?;
        let mut places = if snapshot.is_ranked() {
            self.heavy.arrange(found, query.has_ranks())
        } else {
            found.iter().map(|key| *key as u32).collect()
        };
        let hits = places.iter().map(|place| snapshot.places[*place as usize]).collect();
        if snapshot.is_ranked() {
            places.sort_unstable();
        }
        let favourites = Arc::clone(&request.favourites);
        self.before = Some(Found { query: query.clone(), favourites, places });
        Some(Matches {
            generation: request.generation,
            rows: Arc::clone(&snapshot.rows),
            hits,
            query: query.clone(),
            values: Values::new(&snapshot),
        })
    }

    /// Makes ready what completion will ask for, unless something newer is asked.
    pub(super) fn warm(&self, newest: Newest<'_>) {
        if let Some(snapshot) = &self.snapshot {
            snapshot.warm(|| newest.is_overtaken());
        }
    }
}

impl Heavy {
    fn new(snapshot: &Snapshot, weights: &Arc<HashMap<InstanceId, u32>>) -> Self {
        let weight = |place: u32| {
            let row = snapshot.row(place as usize);
            weights.get(&row.id).filter(|weight| **weight > 0).map(|weight| (place, *weight))
        };
        let all = if weights.is_empty() { 0 } else { snapshot.places.len() as u32 };
        Self { weights: Arc::clone(weights), places: (0..all).filter_map(weight).collect() }
    }

    /// The places of keys that come in the order of places, as they are shown: within a class the heavy
    /// ones first, then the better score, then the place.
    fn arrange(&self, mut keys: Vec<u64>, has_ranks: bool) -> Vec<u32> {
        let rank = |key: u64| (key >> 32) as u32;
        let mut weighed = self.places.iter().peekable();
        let mut heavy: Vec<(u32, std::cmp::Reverse<u32>, u64)> = Vec::new();
        if !self.places.is_empty() {
            keys.retain(|key| {
                while weighed.peek().is_some_and(|(place, _)| *place < *key as u32) {
                    weighed.next();
                }
                let found = weighed.next_if(|(place, _)| *place == *key as u32);
                heavy.extend(
                    found.map(|(_, weight)| (Rank::class_of(rank(*key)), std::cmp::Reverse(*weight), *key)),
                );
                found.is_none()
            });
        }
        if has_ranks {
            sort(&mut keys);
        }
        heavy.sort_unstable();
        let mut places = Vec::with_capacity(keys.len() + heavy.len());
        let mut heavy = heavy.into_iter().peekable();
        for key in keys {
            let class = Rank::class_of(rank(key));
            while let Some((.., first)) = heavy.next_if(|(heavier, ..)| *heavier <= class) {
                places.push(first as u32);
            }
            places.push(key as u32);
        }
        places.extend(heavy.map(|(.., key)| key as u32));
        places
    }
}

/// Keys of the rows that match, in the order of places: the rank's complement above, the place below, so
/// that the smallest key is the best.
fn run(
    snapshot: &Snapshot,
    request: &Request,
    candidates: Option<&[u32]>,
    newest: Newest<'_>,
) -> Option<Vec<u64>> {
    let plan = Plan::new(snapshot, &request.query, &request.favourites);
    let count = candidates.map_or(snapshot.places.len(), <[u32]>::len);
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(count / ALONE + 1).min(8);
    let share = count.div_ceil(threads).max(1);
    let part = |index: usize| {
        let range = (index * share).min(count)..((index + 1) * share).min(count);
        match candidates {
            Some(places) => part_of(&plan, places[range].iter().copied(), newest),
            None => part_of(&plan, range.start as u32..range.end as u32, newest),
        }
    };
    std::thread::scope(|scope| {
        let helpers: Vec<_> = (1..threads).map(|index| scope.spawn(move || part(index))).collect();
        let mut found = part(0);
        for helper in helpers {
            match (helper.join(), &mut found) {
                (Ok(Some(more)), Some(found)) => found.extend(more),
                (Ok(None), _) => found = None,
                (Ok(Some(_)), None) => {}
                (Err(panic), _) => std::panic::resume_unwind(panic),
            }
        }
        found
    })
}

/// The keys of those of the places that match; `None` when overtaken.
fn part_of(plan: &Plan<'_>, places: impl Iterator<Item = u32>, newest: Newest<'_>) -> Option<Vec<u64>> {
    let mut scorer = Prepared::default();
    let mut found = Vec::new();
    for (count, place) in places.enumerate() {
        if count.is_multiple_of(STRIDE) && newest.is_overtaken() {
            return None;
        }
        if let Some(rank) = plan.rank(place as usize, &mut scorer) {
            found.push(u64::from(rank.key()) << 32 | u64::from(place));
        }
    }
    Some(found)
}

/// Sorts keys, on two threads where there are many.
fn sort(keys: &mut Vec<u64>) {
    if keys.len() < 4 * ALONE {
        keys.sort_unstable();
        return;
    }
    let middle = keys.len() / 2;
    let (left, right) = keys.split_at_mut(middle);
    std::thread::scope(|scope| {
        scope.spawn(|| left.sort_unstable());
        right.sort_unstable();
    });
    let mut merged = Vec::with_capacity(keys.len());
    let (mut left, mut right) = (&keys[..middle], &keys[middle..]);
    while let (Some((one, rest_left)), Some((two, rest_right))) = (left.split_first(), right.split_first()) {
        if one < two {
            merged.push(*one);
            left = rest_left;
        } else {
            merged.push(*two);
            right = rest_right;
        }
    }
    merged.extend_from_slice(left);
    merged.extend_from_slice(right);
    *keys = merged;
}
