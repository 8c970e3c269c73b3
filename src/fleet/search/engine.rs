//! One query over a whole snapshot, on all cores.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::rank::{FUZZY_ID, NAME, NAME_START, contained};
use super::scorer::{Prepared, Word};
use super::snapshot::Snapshot;
use super::{Matches, Request};
use crate::fleet::instance::State;
use crate::fleet::query::{Ask, Query, Term};

/// Searches one snapshot after another, and remembers what it found last, for queries that only grow.
#[derive(Default)]
pub struct Engine {
    snapshot: Option<Arc<Snapshot>>,
    before: Option<Found>,
}

/// What the last query found.
struct Found {
    query: Query,
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
/// A field that doesn't match.
const NO: i32 = i32::MIN;

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
        let query = Query::parse(&request.query);
        let before = self.before.take();
        let candidates = before
            .as_ref()
            .filter(|found| narrows(&query, &found.query))
            .map(|found| found.places.as_slice());
        let mut found = run(&snapshot, &query, candidates, newest)?;
        let mut places: Vec<u32> = Vec::new();
        if snapshot.is_ranked() && query.words().next().is_some() {
            sort(&mut found);
            places.extend(found.iter().map(|key| *key as u32));
        } else {
            places.extend(found.iter().map(|key| *key as u32));
        }
        let hits = places.iter().map(|place| snapshot.places[*place as usize]).collect();
        if snapshot.is_ranked() {
            places.sort_unstable();
        }
        self.before = Some(Found { query: query.clone(), places });
        Some(Matches { generation: request.generation, rows: Arc::clone(&snapshot.rows), hits, query })
    }
}

/// Whether what `before` found is all that `query` can find. Besides the language's own rule: a word that
/// grows to [`FUZZY_ID`] letters finds ids that it didn't find before.
fn narrows(query: &Query, before: &Query) -> bool {
    query.narrows(before)
        && before
            .words()
            .zip(query.words())
            .all(|(old, new)| old == new || old.len() >= FUZZY_ID || new.len() < FUZZY_ID)
}

/// All that one search needs, shared by its threads.
struct Plan<'a> {
    snapshot: &'a Snapshot,
    words: Vec<Word<'a>>,
    /// The best score of each word in each kin's texts, word by word.
    shared: Vec<i32>,
    /// Which kins pass the filters on what they share.
    admitted: Vec<bool>,
    /// Filters on what is a row's own.
    own: Vec<&'a Term>,
    unwanted: Vec<Unwanted<'a>>,
    newest: Newest<'a>,
}

/// A `!word`, and the kins that have it.
struct Unwanted<'a> {
    word: Word<'a>,
    kins: Vec<bool>,
}

/// Keys of the rows that match, in the order of places: the rank's complement above, the place below, so
/// that the smallest key is the best.
fn run(
    snapshot: &Snapshot,
    query: &Query,
    candidates: Option<&[u32]>,
    newest: Newest<'_>,
) -> Option<Vec<u64>> {
    let plan = Plan::new(snapshot, query, newest);
    let count = candidates.map_or(snapshot.places.len(), <[u32]>::len);
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(count / ALONE + 1).min(8);
    let share = count.div_ceil(threads).max(1);
    let part = |index: usize| {
        let range = (index * share).min(count)..((index + 1) * share).min(count);
        match candidates {
            Some(places) => plan.part(places[range].iter().copied()),
            None => plan.part(range.start as u32..range.end as u32),
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

impl<'a> Plan<'a> {
    fn new(snapshot: &'a Snapshot, query: &'a Query, newest: Newest<'a>) -> Self {
        let kins = &snapshot.kins;
        let words: Vec<Word<'a>> = query.words().map(Word::new).collect();
        let mut scorer = Prepared::default();
        let mut shared = Vec::with_capacity(words.len() * kins.len());
        let mut scores = vec![NO; kins.texts.len()];
        for word in &words {
            for (text, score) in scores.iter_mut().enumerate() {
                *score = scorer.score(&kins.texts, text, word).unwrap_or(NO);
            }
            shared.extend(
                (0..kins.len()).map(|kin| {
                    kins.members(kin).iter().map(|text| scores[*text as usize]).max().unwrap_or(NO)
                }),
            );
        }
        let filters = || query.terms().iter().filter(|term| !is_wanted_word(term));
        let asks_for_gone = query.asks_for_gone();
        let mut admitted: Vec<bool> =
            kins.states.iter().map(|state| asks_for_gone || *state != State::Gone).collect();
        let mut own = Vec::new();
        for term in filters().filter(|term| !matches!(term.ask, Ask::Word(_))) {
            match kins.holds(&term.ask) {
                Some(holds) => {
                    admitted.iter_mut().zip(holds).for_each(|(ok, holds)| *ok &= holds != term.negated);
                }
                None => own.push(term),
            }
        }
        let unwanted = filters()
            .filter_map(|term| match &term.ask {
                Ask::Word(word) => Some(Word::new(word)),
                _ => None,
            })
            .map(|word| {
                let has: Vec<bool> =
                    (0..kins.texts.len()).map(|text| kins.texts.contains(text, &word).is_some()).collect();
                let kins = (0..kins.len())
                    .map(|kin| kins.members(kin).iter().any(|text| has[*text as usize]))
                    .collect();
                Unwanted { word, kins }
            })
            .collect();
        Self { snapshot, words, shared, admitted, own, unwanted, newest }
    }

    /// The keys of those of the places that match; `None` when overtaken.
    fn part(&self, places: impl Iterator<Item = u32>) -> Option<Vec<u64>> {
        let mut scorer = Prepared::default();
        let mut found = Vec::new();
        for (count, place) in places.enumerate() {
            if count.is_multiple_of(STRIDE) && self.newest.is_overtaken() {
                return None;
            }
            if let Some(rank) = self.rank(place as usize, &mut scorer) {
                found.push(u64::from(u32::MAX - rank as u32) << 32 | u64::from(place));
            }
        }
        Some(found)
    }

    /// The rank of one row; `None` when it doesn't match.
    fn rank(&self, place: usize, scorer: &mut Prepared) -> Option<i32> {
        let snapshot = self.snapshot;
        let kin = snapshot.kin[place] as usize;
        if !self.admitted[kin] {
            return None;
        }
        let mut rank = 0_i32;
        for (index, word) in self.words.iter().enumerate() {
            let score = match scorer.score(&snapshot.names, place, word) {
                Some(score) if snapshot.names.starts_with(place, word.text) => NAME_START + score,
                Some(score) => NAME + score,
                None => {
                    let shared = self.shared[index * snapshot.kins.len() + kin];
                    match self.address(place, word, scorer).unwrap_or(NO).max(shared) {
                        NO => return None,
                        score => score,
                    }
                }
            };
            rank = rank.saturating_add(score);
        }
        let has_unwanted = self.unwanted.iter().any(|unwanted| {
            unwanted.kins[kin]
                || [&snapshot.names, &snapshot.ids, &snapshot.addresses]
                    .iter()
                    .any(|texts| texts.contains(place, &unwanted.word).is_some())
        });
        if has_unwanted {
            return None;
        }
        let instance = || &snapshot.rows[snapshot.places[place] as usize];
        let passes = self.own.iter().all(|term| term.ask.holds(instance(), snapshot.now) != term.negated);
        // A score can be a little below zero; a rank is a key.
        passes.then_some(rank.max(0))
    }

    /// The score of a word in id and private address.
    fn address(&self, place: usize, word: &Word<'_>, scorer: &mut Prepared) -> Option<i32> {
        let snapshot = self.snapshot;
        let within =
            |texts: &super::text::Texts| texts.contains(place, word).map(|start| contained(start, word.text));
        within(&snapshot.ids).max(within(&snapshot.addresses)).or_else(|| {
            (word.text.len() >= FUZZY_ID).then(|| scorer.score(&snapshot.ids, place, word)).flatten()
        })
    }
}

fn is_wanted_word(term: &Term) -> bool {
    matches!(term, Term { negated: false, ask: Ask::Word(_) })
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
