//! Values behind a field's colon: comparisons, lengths of time, states, and the words of `is:`.

use std::cmp::Ordering;

use crate::fleet::instance::State;

/// How a value stands to the one that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `=`
    Equal,
    /// `>=`
    AtLeast,
    /// `>`
    More,
}

impl Comparison {
    /// The longer signs before their beginnings.
    const ALL: [Self; 5] = [Self::AtMost, Self::AtLeast, Self::Less, Self::More, Self::Equal];

    /// As it is written.
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Equal => "=",
            Self::AtLeast => ">=",
            Self::More => ">",
        }
    }

    /// The comparison that a text begins with.
    pub(super) fn at_start(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|comparison| text.starts_with(comparison.sign()))
    }

    /// Whether it holds for a value that stands so to the one that was written.
    pub(in crate::fleet) fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Less => ordering.is_lt(),
            Self::AtMost => ordering.is_le(),
            Self::Equal => ordering.is_eq(),
            Self::AtLeast => ordering.is_ge(),
            Self::More => ordering.is_gt(),
        }
    }
}

/// Units of time, the longest first, in seconds.
const UNITS: [(char, i64); 5] = [('w', 604_800), ('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// What is wrong with a length of time.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BadSpan {
    /// It ends in a number: its unit is still to come.
    NoUnit,
    /// It is none.
    Nonsense,
}

/// A length of time in seconds: `90s`, `1h30m`, `2w`.
pub(super) fn span(text: &str) -> Result<i64, BadSpan> {
    let (mut seconds, mut number) = (0_i64, None::<i64>);
    for letter in text.chars() {
        if let Some(digit) = letter.to_digit(10) {
            let grown = number.unwrap_or(0).checked_mul(10).and_then(|n| n.checked_add(digit.into()));
            number = Some(grown.ok_or(BadSpan::Nonsense)?);
            continue;
        }
        let unit = UNITS.iter().find(|(name, _)| *name == letter).map(|(_, unit)| *unit);
        let part = number.take().zip(unit).and_then(|(number, unit)| number.checked_mul(unit));
        seconds = part.and_then(|part| seconds.checked_add(part)).ok_or(BadSpan::Nonsense)?;
    }
    match number {
        Some(_) => Err(BadSpan::NoUnit),
        None if text.is_empty() => Err(BadSpan::Nonsense),
        None => Ok(seconds),
    }
}

/// A length of time as it is written, in the longest unit that leaves no rest.
pub(super) fn span_words(seconds: i64) -> String {
    let (name, unit) = UNITS.into_iter().find(|(_, unit)| seconds % unit == 0).unwrap_or(('s', 1));
    match seconds {
        0 => "0s".to_owned(),
        _ => format!("{}{name}", seconds / unit),
    }
}

/// The letters of a text that count: `no channel`, `no-channel` and `nochannel` are one.
fn bare(text: &str) -> String {
    text.chars().filter(|letter| letter.is_alphanumeric()).collect()
}

/// The states whose word starts with `value`; signs and spaces aside.
pub(super) fn states(value: &str) -> Vec<State> {
    let wanted = bare(value);
    if wanted.is_empty() {
        return Vec::new();
    }
    State::ALL.into_iter().filter(|state| bare(state.word()).starts_with(&wanted)).collect()
}

/// The shortest text that stands for just these states: what their words begin with.
pub(super) fn states_word(states: &[State]) -> String {
    let words: Vec<String> = match states {
        [one] => return one.word().replace(' ', "-"),
        several => several.iter().map(|state| bare(state.word())).collect(),
    };
    let Some(first) = words.first() else { return String::new() };
    let common = |end: &usize| words.iter().all(|word| word.starts_with(&first[..*end]));
    let end = (0..=first.len()).rev().find(common).unwrap_or(0);
    first[..end].to_owned()
}

/// What `is:` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trait {
    /// A favourite of the user's.
    Favourite,
    /// A hybrid node.
    Hybrid,
    /// Its agent is too old for something.
    Outdated,
}

impl Trait {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Favourite, Self::Hybrid, Self::Outdated];

    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Favourite => "favourite",
            Self::Hybrid => "hybrid",
            Self::Outdated => "outdated",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_read_and_written() {
        for (text, seconds) in [("90s", 90), ("15m", 900), ("1h30m", 5_400), ("2w", 1_209_600), ("0s", 0)] {
            assert_eq!(span(text), Ok(seconds), "{text}");
            assert_eq!(span(&span_words(seconds)), Ok(seconds), "{text}");
        }
        assert_eq!(span("15"), Err(BadSpan::NoUnit));
        assert_eq!(span("1h30"), Err(BadSpan::NoUnit));
        for text in ["", "h", "1x", "1.5h", "-1h", "99999999999999999999s", "9223372036854775807w"] {
            assert_eq!(span(text), Err(BadSpan::Nonsense), "{text}");
        }
        assert_eq!(span_words(5_400), "90m");
    }

    #[test]
    fn every_choice_of_states_has_a_word_that_stands_for_it() {
        for start in ["s", "st", "n", "no", "not", "u", "ready", "no channel", "l"] {
            let chosen = states(start);
            assert_eq!(states(&states_word(&chosen)), chosen, "{start}");
        }
    }
}
