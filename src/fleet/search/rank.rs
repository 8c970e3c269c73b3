//! The ranking, told for one row: what the engine computes for a whole fleet, and what marks the matched
//! letters of the rows on the screen.
//!
//! A row matches a word in its best field; a row's rank is the sum over the words. A name that starts
//! with the word comes before a name that has its letters, that before an id or address which contains
//! it, that before platform, state, tags and place: these are the classes. Within one class what the user
//! opens often comes first, then the better score. Of alternatives the best one counts. Ids are hexadecimal, so a short word's letters are in nearly
//! all of them: below four letters an id must contain the word as it stands.

use jiff::Timestamp;

use super::scorer::Scorer;
use super::text::find_folded;
use super::{Field, Highlight, Skim};
use crate::fleet::instance::Instance;
use crate::fleet::place::Place;
use crate::fleet::query::{Ask, FUZZY_ID, PLACE, Query, tag_text};
use crate::fleet::record::Text;

/// The class of a name that starts with the word.
pub(super) const NAME_START: i32 = 3;
/// The class of a name that has its letters.
pub(super) const NAME: i32 = 2;
/// The class of an id or address that contains it.
pub(super) const ADDRESS: i32 = 1;
/// How well something matches: the class counts before the score. Of a whole row, the sums over the words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    pub(super) class: i32,
    pub(super) score: i32,
}

/// Bits of a key that the score takes.
const SCORE_BITS: u32 = 20;
/// The worst key of any class.
const WORST: u32 = (1 << SCORE_BITS) - 1;

impl Rank {
    pub(super) const fn new(class: i32, score: i32) -> Self {
        Self { class, score }
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self::new(self.class.saturating_add(other.class), self.score.saturating_add(other.score))
    }

    /// The smaller the better; a score can be a little below zero, which counts as zero.
    pub(super) fn key(self) -> u32 {
        let class = self.class.clamp(0, (u32::MAX >> SCORE_BITS) as i32) as u32;
        let score = self.score.clamp(0, WORST as i32) as u32;
        u32::MAX - (class << SCORE_BITS | score)
    }

    /// What all keys of one class have in common; the smaller the better.
    pub(super) fn class_of(key: u32) -> u32 {
        key >> SCORE_BITS
    }
}

/// The rank of a text of this class that contains the word, by where it does.
pub(super) fn contained(class: i32, start: usize, word: &str) -> Rank {
    Rank::new(class, word.len() as i32 * 16 - (start.min(64) as i32))
}

/// From how many letters on a word is looked for in accounts, regions and profiles. An account's number
/// has any short word's digits.
pub(super) fn place_letters(field: Field) -> usize {
    if field == Field::Account { FUZZY_ID } else { PLACE }
}

/// The searched texts of a row. The Name tag is the name, and isn't searched twice.
pub(in crate::fleet) fn fields(instance: &Instance, now: Timestamp, is_mixed: bool) -> Vec<(Field, String)> {
    let mut fields = Vec::new();
    fields.extend(instance.name().map(|name| (Field::Name, name.to_owned())));
    fields.push((Field::Id, instance.id.as_str().to_owned()));
    fields.extend(instance.private_ip().map(|ip| (Field::Ip, ip.to_owned())));
    fields.push((Field::State, instance.state(now).word().to_owned()));
    fields.extend(instance.platform_words().map(|words| (Field::Platform, words.into_owned())));
    if instance.target() != &instance.id {
        fields.push((Field::Target, instance.target().as_str().to_owned()));
    }
    for (index, tag) in instance.tags().iter().enumerate() {
        if &*tag.key != "Name" {
            fields.push((Field::Tag(index), tag_text(tag)));
        }
    }
    if is_mixed {
        fields.extend(place_fields(&instance.place).map(|(field, text)| (field, text.to_string())));
    }
    fields
}

/// The searched texts of a place.
pub(super) fn place_fields(place: &Place) -> impl Iterator<Item = (Field, &Text)> {
    let all = [
        (Field::Alias, &place.alias),
        (Field::Account, &place.account),
        (Field::Region, &place.region),
        (Field::Profile, &place.profile),
    ];
    all.into_iter().filter_map(|(field, text)| Some((field, text.as_ref()?)))
}

/// How well one field matches what a term asks for.
pub(super) fn rate(scorer: &impl Scorer, field: Field, text: &str, ask: &Ask) -> Option<Rank> {
    let word = match ask {
        Ask::Word(word) => word,
        Ask::Exact(word) => {
            return find_folded(text, word).map(|start| contained(class(field, start == 0), start, word));
        }
        Ask::Prefix(word) => {
            let start = find_folded(text, word).filter(|start| *start == 0)?;
            return Some(contained(class(field, true), start, word));
        }
        _ => return None,
    };
    let fuzzy = |class: i32| scorer.score(text, word).map(|score| Rank::new(class, score));
    let plain = || find_folded(text, word).map(|start| contained(class(field, start == 0), start, word));
    match field {
        Field::Name => fuzzy(class(field, text.to_lowercase().starts_with(word.as_str()))),
        Field::Ip => plain(),
        Field::Id => plain().or_else(|| (word.len() >= FUZZY_ID).then(|| fuzzy(0)).flatten()),
        Field::Alias | Field::Account | Field::Region | Field::Profile => {
            (word.len() >= place_letters(field)).then(plain).flatten()
        }
        Field::Platform | Field::State | Field::Target | Field::Tag(_) => fuzzy(0),
    }
}

/// The class of a match in a field.
fn class(field: Field, is_at_start: bool) -> i32 {
    match field {
        Field::Name if is_at_start => NAME_START,
        Field::Name => NAME,
        Field::Id | Field::Ip => ADDRESS,
        _ => 0,
    }
}

/// Which letters of a row's fields to mark for this query: of each term, the best field's. For the rows
/// on the screen.
pub fn highlight(query: &Query, instance: &Instance, now: Timestamp) -> Vec<Highlight> {
    let scorer = Skim;
    let mut marks: Vec<Highlight> = Vec::new();
    if !query.has_ranks() {
        return marks;
    }
    let fields = fields(instance, now, true);
    for term in query.terms().filter(|term| !term.negated) {
        let best = fields
            .iter()
            .filter_map(|(field, text)| {
                rate(&scorer, *field, text, &term.ask).map(|rank| (rank, *field, text))
            })
            .reduce(|best, other| if other.0 > best.0 { other } else { best });
        let Some((_, field, text)) = best else { continue };
        let (Ask::Word(word) | Ask::Exact(word) | Ask::Prefix(word)) = &term.ask else { continue };
        let is_fuzzy = matches!(term.ask, Ask::Word(_)) && !matches!(field, Field::Id | Field::Ip);
        let positions = match find_folded(text, word).filter(|_| !is_fuzzy) {
            Some(start) => {
                let start = text[..start.min(text.len())].chars().count();
                (start..start + word.chars().count()).collect()
            }
            None => scorer.positions(text, word).map(|(_, positions)| positions).unwrap_or_default(),
        };
        match marks.iter_mut().find(|mark| mark.field == field) {
            Some(mark) => {
                mark.positions.extend(positions);
                mark.positions.sort_unstable();
                mark.positions.dedup();
            }
            None => marks.push(Highlight { field, positions }),
        }
    }
    marks
}
