//! One query made ready for one snapshot: what rows share is judged once for all of them, so that a row
//! costs a few look-ups and, for words, a look at its own texts.

use std::collections::HashSet;

use super::column::{Ages, Column};
use super::rank::{ADDRESS, NAME, NAME_START, Rank, contained, place_letters};
use super::scorer::{Prepared, Word};
use super::snapshot::{Origin, Snapshot};
use super::text::Texts;
use crate::fleet::InstanceId;
use crate::fleet::feature::Feature;
use crate::fleet::instance::State;
use crate::fleet::query::{self, Ask, Comparison, Expr, FUZZY_ID, Query, Surroundings, Term, Trait};
use crate::fleet::version::AgentVersion;

/// A score that stands for none.
const NO: i32 = i32::MIN;

/// All that one search needs, shared by its threads.
pub(super) struct Plan<'a> {
    snapshot: &'a Snapshot,
    around: Surroundings<'a>,
    root: Node<'a>,
}

/// An expression, ready; what can be judged for many rows at once has been.
enum Node<'a> {
    /// All of them, the cheapest first.
    All(Vec<Self>),
    /// One of them; the best counts.
    Any(Vec<Self>),
    /// By kin.
    Kin(Vec<bool>),
    /// By the text in a column, with the answer for having none first.
    Column(&'a Column, Vec<bool>),
    /// By how long ago something was.
    Span { ages: &'a Ages, comparison: Comparison, seconds: i64, negated: bool },
    /// Rows at these places, ascending.
    Places { places: Vec<u32>, negated: bool },
    /// Rows whose text contains the word, or is it.
    Text { texts: &'a Texts, word: Word<'a>, is_whole: bool, negated: bool },
    /// A word, matched fuzzily, with its best score in each kin's texts.
    Fuzzy { word: Word<'a>, shared: Vec<i32> },
    /// A word as it stands, likewise.
    Plain { word: Word<'a>, at_start: bool, shared: Vec<i32> },
    /// A word that must stand nowhere, and the kins that have it.
    Nowhere { word: Word<'a>, at_start: bool, kins: Vec<bool> },
    /// Row by row.
    Row(&'a Term),
}

impl<'a> Plan<'a> {
    pub(super) fn new(snapshot: &'a Snapshot, query: &'a Query, favourites: &'a HashSet<InstanceId>) -> Self {
        let around = Surroundings { now: snapshot.now, favourites, is_mixed: snapshot.is_mixed };
        let maker = Maker { snapshot, scorer: Prepared::default() };
        let root = maker.all(query);
        Self { snapshot, around, root }
    }

    /// The rank of one row; `None` when it doesn't match.
    pub(super) fn rank(&self, place: usize, scorer: &mut Prepared) -> Option<Rank> {
        self.node(&self.root, place, self.snapshot.kin[place] as usize, scorer)
    }

    fn node(&self, node: &Node<'_>, place: usize, kin: usize, scorer: &mut Prepared) -> Option<Rank> {
        let snapshot = self.snapshot;
        let holds = match node {
            Node::All(members) => {
                let mut rank = Rank::default();
                for member in members {
                    rank = rank.and(self.node(member, place, kin, scorer)?);
                }
                return Some(rank);
            }
            Node::Any(members) => {
                return members.iter().filter_map(|member| self.node(member, place, kin, scorer)).max();
            }
            Node::Fuzzy { word, shared } => return self.fuzzy(word, shared[kin], place, scorer),
            Node::Plain { word, at_start, shared } => return self.plain(word, *at_start, shared[kin], place),
            Node::Kin(kins) => kins[kin],
            Node::Column(column, holds) => holds[column.number(place)],
            Node::Span { ages, comparison, seconds, negated } => {
                ages.of(place).is_some_and(|age| comparison.holds(age.cmp(seconds))) != *negated
            }
            Node::Places { places, negated } => places.binary_search(&(place as u32)).is_ok() != *negated,
            Node::Text { texts, word, is_whole: true, negated } => texts.is(place, word) != *negated,
            Node::Text { texts, word, is_whole: false, negated } => {
                texts.contains(place, word).is_some() != *negated
            }
            Node::Nowhere { word, at_start, kins } => {
                let has = |texts: &Texts| stands(texts, place, word, *at_start).is_some();
                !(kins[kin] || has(&snapshot.names) || has(&snapshot.ids) || has(&snapshot.addresses))
            }
            Node::Row(term) => term.ask.holds(snapshot.row(place), &self.around) != term.negated,
        };
        holds.then(Rank::default)
    }

    fn fuzzy(&self, word: &Word<'_>, shared: i32, place: usize, scorer: &mut Prepared) -> Option<Rank> {
        let snapshot = self.snapshot;
        match scorer.score(&snapshot.names, place, word) {
            Some(score) if snapshot.names.starts_with(place, word.text) => Some(Rank::new(NAME_START, score)),
            Some(score) => Some(Rank::new(NAME, score)),
            None => {
                let in_id = || {
                    let fuzzy = word.text.len() >= FUZZY_ID;
                    let score = fuzzy.then(|| scorer.score(&snapshot.ids, place, word)).flatten()?;
                    Some(Rank::new(0, score))
                };
                let address = self.address(word, false, place).or_else(in_id);
                address.max((shared != NO).then_some(Rank::new(0, shared)))
            }
        }
    }

    fn plain(&self, word: &Word<'_>, at_start: bool, shared: i32, place: usize) -> Option<Rank> {
        match stands(&self.snapshot.names, place, word, at_start) {
            Some(start) => Some(contained(if start == 0 { NAME_START } else { NAME }, start, word.text)),
            None => {
                let address = self.address(word, at_start, place);
                address.max((shared != NO).then_some(Rank::new(0, shared)))
            }
        }
    }

    /// The rank of a word as it stands in id and private address.
    fn address(&self, word: &Word<'_>, at_start: bool, place: usize) -> Option<Rank> {
        let within = |texts: &Texts| {
            stands(texts, place, word, at_start).map(|start| contained(ADDRESS, start, word.text))
        };
        within(&self.snapshot.ids).max(within(&self.snapshot.addresses))
    }
}

/// Where a word stands in a text.
fn stands(texts: &Texts, index: usize, word: &Word<'_>, at_start: bool) -> Option<usize> {
    if at_start {
        return texts.starts_with(index, word.text).then_some(0);
    }
    texts.contains(index, word)
}

/// What makes nodes of expressions.
struct Maker<'a> {
    snapshot: &'a Snapshot,
    scorer: Prepared,
}

impl<'a> Maker<'a> {
    fn all(mut self, query: &'a Query) -> Node<'a> {
        let root = self.node(query.root());
        if query.asks_for_gone() {
            return root;
        }
        let is_here = self.snapshot.kins.states.iter().map(|state| *state != State::Gone).collect();
        group([Node::Kin(is_here), root], true)
    }

    fn node(&mut self, expr: &'a Expr) -> Node<'a> {
        match expr {
            Expr::All(members) => group(members.iter().map(|member| self.node(member)), true),
            Expr::Any(members) => group(members.iter().map(|member| self.node(member)), false),
            Expr::Term(term) => self.term(term),
        }
    }

    fn term(&mut self, term: &'a Term) -> Node<'a> {
        let snapshot = self.snapshot;
        let negated = term.negated;
        if let Some(mut kins) = snapshot.kins.holds(&term.ask) {
            kins.iter_mut().for_each(|holds| *holds ^= negated);
            return Node::Kin(kins);
        }
        match &term.ask {
            Ask::Word(text) if !negated => {
                let word = Word::new(text);
                let shared = self.fuzzy(&word);
                Node::Fuzzy { word, shared }
            }
            Ask::Word(text) | Ask::Exact(text) => self.plain(text, false, negated),
            Ask::Prefix(text) => self.plain(text, true, negated),
            Ask::Version { .. } => {
                let column = snapshot.column(query::Field::Agent, 0);
                let judged = column.judge(|text| term.ask.compares(text));
                Node::Column(column, signed(judged, negated))
            }
            // That is a matter of the agent's version alone.
            Ask::Is(Trait::Outdated) => {
                let column = snapshot.column(query::Field::Agent, 0);
                let is_old = |text: &str| {
                    let version = text.parse::<AgentVersion>().ok();
                    version.is_some_and(|version| Feature::missing_in(version).next().is_some())
                };
                Node::Column(column, signed(column.judge(is_old), negated))
            }
            Ask::Field { field, value, is_whole } => self.field(*field, value, *is_whole, negated),
            Ask::Span { field, comparison, seconds } => Node::Span {
                ages: snapshot.ages(*field),
                comparison: *comparison,
                seconds: *seconds,
                negated,
            },
            Ask::State(_) | Ask::TagKey(_) | Ask::Tag { .. } | Ask::Is(_) => Node::Row(term),
        }
    }

    /// The best score of a word in each kin's texts.
    fn fuzzy(&mut self, word: &Word<'_>) -> Vec<i32> {
        let kins = &self.snapshot.kins;
        self.shared(|scorer, text| match kins.origins[text] {
            Origin::Place(field) if word.text.len() < place_letters(field) => None,
            Origin::Place(_) => {
                kins.texts.contains(text, word).map(|start| contained(0, start, word.text).score)
            }
            Origin::Plain | Origin::Tag(_) => scorer.score(&kins.texts, text, word),
        })
    }

    fn shared(&mut self, score: impl Fn(&mut Prepared, usize) -> Option<i32>) -> Vec<i32> {
        let kins = &self.snapshot.kins;
        let scores: Vec<i32> =
            (0..kins.texts.len()).map(|text| score(&mut self.scorer, text).unwrap_or(NO)).collect();
        let best = |kin| kins.members(kin).iter().map(|text| scores[*text as usize]).max().unwrap_or(NO);
        (0..kins.len()).map(best).collect()
    }

    fn plain(&mut self, text: &'a str, at_start: bool, negated: bool) -> Node<'a> {
        let kins = &self.snapshot.kins;
        let word = Word::new(text);
        let shared = self.shared(|_, text| {
            stands(&kins.texts, text, &word, at_start).map(|start| contained(0, start, word.text).score)
        });
        match negated {
            false => Node::Plain { word, at_start, shared },
            true => {
                let kins = shared.iter().map(|score| *score != NO).collect();
                Node::Nowhere { word, at_start, kins }
            }
        }
    }

    fn field(&self, field: query::Field, value: &'a str, is_whole: bool, negated: bool) -> Node<'a> {
        let snapshot = self.snapshot;
        let text = |texts| Node::Text { texts, word: Word::new(value), is_whole, negated };
        let column = |side| {
            let column = snapshot.column(field, side);
            Node::Column(column, signed(column.judge(|text| query::is(text, value, is_whole)), negated))
        };
        // Negated, it must be in neither.
        match field {
            query::Field::Name => text(&snapshot.names),
            query::Field::Id => {
                let is = |place: &u32| {
                    let target = snapshot.row(*place as usize).target();
                    query::is(target.as_str(), value, is_whole)
                };
                let places = snapshot.hybrids.iter().copied().filter(is).collect();
                group([text(&snapshot.ids), Node::Places { places, negated }], negated)
            }
            query::Field::Ip => group([text(&snapshot.addresses), text(snapshot.publics())], negated),
            query::Field::Account => group([column(0), column(1)], negated),
            _ => column(0),
        }
    }
}

/// Answers, turned round where the term is negated.
fn signed(mut answers: Vec<bool>, negated: bool) -> Vec<bool> {
    answers.iter_mut().for_each(|holds| *holds ^= negated);
    answers
}

/// A group of nodes: what is judged by kin becomes one, and what is cheap comes first.
fn group<'a>(members: impl IntoIterator<Item = Node<'a>>, is_all: bool) -> Node<'a> {
    let mut rest = Vec::new();
    let mut by_kin: Option<Vec<bool>> = None;
    let flat = members.into_iter().flat_map(|member| match member {
        Node::All(inner) if is_all => inner,
        other => vec![other],
    });
    for member in flat {
        match (member, &mut by_kin) {
            (Node::Kin(kins), Some(known)) => {
                for (known, holds) in known.iter_mut().zip(kins) {
                    *known = if is_all { *known && holds } else { *known || holds };
                }
            }
            (Node::Kin(kins), none) => *none = Some(kins),
            (other, _) => rest.push(other),
        }
    }
    rest.extend(by_kin.map(Node::Kin));
    rest.sort_by_key(Node::cost);
    match rest.len() {
        1 => rest.remove(0),
        _ if is_all => Node::All(rest),
        _ => Node::Any(rest),
    }
}

impl Node<'_> {
    fn cost(&self) -> u8 {
        match self {
            Self::Kin(_) => 0,
            Self::Column(..) | Self::Span { .. } => 1,
            Self::Places { .. } | Self::Text { .. } | Self::Nowhere { .. } => 2,
            Self::Plain { .. } => 3,
            Self::Fuzzy { .. } => 4,
            Self::All(_) | Self::Any(_) => 5,
            Self::Row(_) => 6,
        }
    }
}
