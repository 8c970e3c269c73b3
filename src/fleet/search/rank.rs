//! The ranking, told for one row: what the engine computes for a whole fleet, and what marks the matched
//! letters of the rows on the screen.
//!
//! A row matches a word in its best field; a row's rank is the sum over the words. A name that starts
//! with the word comes before a name that has its letters, that before an id or address which contains
//! it, that before platform, state and tags. Ids are hexadecimal, so a short word's letters are in nearly
//! all of them: below four letters an id must contain the word as it stands.

use jiff::Timestamp;

use super::scorer::Scorer;
use super::text::find_folded;
use super::{Field, Highlight, Skim};
use crate::fleet::instance::Instance;
use crate::fleet::query::{Query, tag_text};

/// Above any score: a name that starts with the word.
pub(super) const NAME_START: i32 = 3 << 20;
/// A name that has its letters.
pub(super) const NAME: i32 = 2 << 20;
/// An id or address that contains it.
pub(super) const ADDRESS: i32 = 1 << 20;
/// From how many letters on an id is matched fuzzily.
pub(super) const FUZZY_ID: usize = 4;

/// The score of an id or address that contains the word, by where it does.
pub(super) fn contained(start: usize, word: &str) -> i32 {
    ADDRESS + word.len() as i32 * 16 - (start.min(64) as i32)
}

/// The searched texts of a row. The Name tag is the name, and isn't searched twice.
pub(super) fn fields(instance: &Instance, now: Timestamp) -> Vec<(Field, String)> {
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
    fields
}

/// How well one field matches a word.
pub(super) fn rate(scorer: &impl Scorer, field: Field, text: &str, word: &str) -> Option<i32> {
    match field {
        Field::Name => {
            let start = text.to_lowercase().starts_with(word);
            scorer.score(text, word).map(|score| score + if start { NAME_START } else { NAME })
        }
        Field::Id | Field::Ip => find_folded(text, word).map(|start| contained(start, word)).or_else(|| {
            (field == Field::Id && word.len() >= FUZZY_ID).then(|| scorer.score(text, word)).flatten()
        }),
        Field::Platform | Field::State | Field::Target | Field::Tag(_) => scorer.score(text, word),
    }
}

/// Which letters of a row's fields to mark for this query: of each word, the best field's. For the rows
/// on the screen.
pub fn highlight(query: &Query, instance: &Instance, now: Timestamp) -> Vec<Highlight> {
    let scorer = Skim;
    let mut marks: Vec<Highlight> = Vec::new();
    if query.words().next().is_none() {
        return marks;
    }
    let fields = fields(instance, now);
    for word in query.words() {
        let best = fields
            .iter()
            .filter_map(|(field, text)| rate(&scorer, *field, text, word).map(|score| (score, *field, text)))
            .reduce(|best, other| if other.0 > best.0 { other } else { best });
        let Some((_, field, text)) = best else { continue };
        let contained = matches!(field, Field::Id | Field::Ip).then(|| find_folded(text, word)).flatten();
        let positions = match contained {
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
