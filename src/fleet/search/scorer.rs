//! How well a word matches a text.

use fuzzy_matcher::FuzzyMatcher;
use fuzzy_matcher::skim::SkimMatcherV2;

/// Judges one word against one text; case is ignored.
pub trait Scorer {
    /// Higher is better; `None` when the word's letters don't occur in this order.
    fn score(&self, text: &str, word: &str) -> Option<i32>;
    /// The score, and which characters matched.
    fn positions(&self, text: &str, word: &str) -> Option<(i32, Vec<usize>)>;
}

/// The scorer of `fuzzy-matcher`, skim's second.
pub struct Skim(SkimMatcherV2);

impl Default for Skim {
    fn default() -> Self {
        Self(SkimMatcherV2::default().ignore_case())
    }
}

impl Scorer for Skim {
    fn score(&self, text: &str, word: &str) -> Option<i32> {
        self.0.fuzzy_match(text, word).map(|score| i32::try_from(score).unwrap_or(i32::MAX))
    }

    fn positions(&self, text: &str, word: &str) -> Option<(i32, Vec<usize>)> {
        let (score, positions) = self.0.fuzzy_indices(text, word)?;
        Some((i32::try_from(score).unwrap_or(i32::MAX), positions))
    }
}
