//! How well a word matches a text.
//!
//! [`Skim`] is the judge: `fuzzy-matcher`'s second skim algorithm. It takes about a microsecond a text and
//! two allocations, so the bulk of a large fleet is scored by [`Prepared`], which computes the same
//! recurrences over bytes prepared once; a property test holds it to the judge's numbers.

use fuzzy_matcher::FuzzyMatcher;
use fuzzy_matcher::skim::SkimMatcherV2;

use super::text::Texts;

/// Judges one word against one text; case is ignored.
pub trait Scorer {
    /// Higher is better; `None` when the word's letters don't occur in this order.
    fn score(&self, text: &str, word: &str) -> Option<i32>;
    /// The score, and which characters matched.
    fn positions(&self, text: &str, word: &str) -> Option<(i32, Vec<usize>)>;
}

/// The scorer of `fuzzy-matcher`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Skim;

impl Scorer for Skim {
    fn score(&self, text: &str, word: &str) -> Option<i32> {
        self.positions(text, word).map(|(score, _)| score)
    }

    fn positions(&self, text: &str, word: &str) -> Option<(i32, Vec<usize>)> {
        // The matcher ignores ASCII's case only.
        let folded;
        let text = if text.is_ascii() {
            text
        } else {
            folded = text.chars().map(fold).collect::<String>();
            &folded
        };
        // A new matcher each time: version 0.3.7 reads bonuses that the call before left in its cached
        // matrix, so that one pair gets different scores, and panics when told not to cache. With
        // positions left out it mixes up two rows besides.
        let (score, positions) = SkimMatcherV2::default().ignore_case().fuzzy_indices(text, word)?;
        Some((i32::try_from(score).unwrap_or(i32::MAX), positions))
    }
}

/// One character to its lower case, where that is one character outside of ASCII.
fn fold(letter: char) -> char {
    let mut lower = letter.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(lower), None) if !letter.is_ascii() => lower,
        _ => letter,
    }
}

/// Skim's weights.
const MATCH: i32 = 16;
const GAP_START: i32 = -3;
const GAP: i32 = -1;
const CONSECUTIVE: i32 = 4;
const WRONG_CASE: i32 = -2;
const HEAD: u8 = 8;
const BREAK: u8 = 7;
const CAMEL: u8 = 6;
/// Below any score that can be reached.
const NEVER: i32 = i16::MIN as i32;

/// Set in a bonus byte where the text has an upper-case letter.
const UPPER: u8 = 0x80;

/// The bonus of each byte for standing where it stands (at a word's start, after a separator, at a hump).
pub(super) fn bonuses(text: &[u8], out: &mut Vec<u8>) {
    #[derive(Clone, Copy, PartialEq)]
    enum Kind {
        Start,
        Upper,
        Lower,
        Number,
        Hard,
        Soft,
    }
    let kind = |byte: u8| match byte {
        0 => Kind::Start,
        b' ' | b'/' | b'\\' | b'|' | b'(' | b')' | b'[' | b']' | b'{' | b'}' => Kind::Hard,
        b'!'..=b'\'' | b'*'..=b'.' | b':'..=b'@' | b'^'..=b'`' | b'~' => Kind::Soft,
        b'0'..=b'9' => Kind::Number,
        b'A'..=b'Z' => Kind::Upper,
        _ => Kind::Lower,
    };
    let mut before = Kind::Start;
    for (index, &byte) in text.iter().enumerate() {
        let this = kind(byte);
        let mut bonus = match (before, this) {
            (Kind::Start | Kind::Hard, _) => HEAD,
            (Kind::Soft, _) => BREAK,
            (Kind::Lower | Kind::Number, Kind::Upper) => CAMEL,
            _ => 0,
        };
        if index == 0 {
            bonus *= 2;
        }
        out.push(bonus | if this == Kind::Upper { UPPER } else { 0 });
        before = this;
    }
}

/// A word, ready to be matched against many texts.
pub(super) struct Word<'a> {
    pub(super) text: &'a str,
    pub(super) mask: u64,
    /// Whether the bytes may be matched without the judge.
    is_plain: bool,
}

impl<'a> Word<'a> {
    /// `text` is in lower case and not empty.
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            mask: super::text::mask(text.as_bytes()),
            is_plain: text.is_ascii() && text.len() <= WORD,
        }
    }
}

/// Longest word that is matched over bytes.
const WORD: usize = 48;

/// Skim's score over prepared texts. Holds what a thread can reuse.
#[derive(Default)]
pub(super) struct Prepared {
    skim: Skim,
    matched: Vec<i32>,
    skipped: Vec<i32>,
}

impl Prepared {
    /// The score of a word in the text `index`, the same number that [`Skim`] gives.
    pub(super) fn score(&mut self, texts: &Texts, index: usize, word: &Word<'_>) -> Option<i32> {
        if texts.masks[index] & word.mask != word.mask {
            return None;
        }
        if let Some(odd) = texts.odd(index) {
            return self.skim.score(odd, word.text);
        }
        if !word.is_plain {
            return if word.text.is_ascii() {
                self.skim.score(texts.original(index)?, word.text)
            } else {
                None
            };
        }
        let (text, bonus) = texts.bytes(index);
        self.plain(text, bonus, word.text.as_bytes())
    }

    fn plain(&mut self, text: &[u8], bonus: &[u8], word: &[u8]) -> Option<i32> {
        // Where each letter can match at the earliest and at the latest bounds the columns to compute.
        let mut first = [0_u16; WORD];
        let mut from = 0;
        for (letter, place) in word.iter().zip(&mut first) {
            from += text[from..].iter().position(|byte| byte == letter)?;
            *place = from as u16;
            from += 1;
        }
        let value = |column: usize| MATCH + if bonus[column] & UPPER == 0 { 0 } else { WRONG_CASE };
        let standing = |column: usize| i32::from(bonus[column] & !UPPER);
        let start = usize::from(first[0]);
        if word.len() == 1 {
            return (start..text.len())
                .filter(|&column| text[column] == word[0])
                .map(|column| GAP + standing(column) + value(column))
                .max();
        }
        let mut last = [0_u16; WORD];
        let mut to = text.len();
        for (letter, place) in word.iter().zip(&mut last[..word.len()]).rev() {
            to = text[..to].iter().rposition(|byte| byte == letter)?;
            *place = to as u16;
        }
        if self.matched.len() < text.len() {
            self.matched.resize(text.len(), NEVER);
            self.skipped.resize(text.len(), NEVER);
        }
        let (matched, skipped) = (&mut self.matched[..text.len()], &mut self.skipped[..text.len()]);
        let end = |row: usize| {
            last.get(row + 1).filter(|_| row + 1 < word.len()).map_or(text.len(), |end| usize::from(*end))
        };
        // Row 0: nothing before it but a gap that costs one, however long.
        let (mut m, mut p) = (NEVER, NEVER);
        for column in start..end(0) {
            p = (m + GAP_START + GAP).max(p + GAP);
            m = if text[column] == word[0] { GAP + standing(column) + value(column) } else { NEVER };
            matched[column] = m;
            skipped[column] = p;
        }
        for row in 1..word.len() {
            let begin = usize::from(first[row]);
            let letter = word[row];
            // What the row above had one column to the left, before this row overwrites it.
            let (mut above_m, mut above_p) = (matched[begin - 1], skipped[begin - 1]);
            let (mut m, mut p) = (NEVER, NEVER);
            let end = end(row);
            for column in begin..end {
                p = (m + GAP_START + GAP).max(p + GAP);
                m = if text[column] == letter {
                    let standing = standing(column);
                    (above_m + standing.max(CONSECUTIVE)).max(above_p + standing) + value(column)
                } else {
                    NEVER
                };
                (above_m, above_p) = (matched[column], skipped[column]);
                matched[column] = m;
                skipped[column] = p;
            }
        }
        matched[usize::from(first[word.len() - 1])..].iter().copied().max()
    }
}
