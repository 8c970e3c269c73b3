//! A query as text that reads as the same query again.

use std::fmt;

use super::value::{span_words, states_word};
use super::{Ask, Expr, Query, Term};

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root().fmt(f)
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (members, between) = match self {
            Self::Term(term) => return term.fmt(f),
            Self::All(members) => (members, " "),
            Self::Any(members) => (members, " or "),
        };
        for (at, member) in members.iter().enumerate() {
            if at > 0 {
                f.write_str(between)?;
            }
            match (self, member) {
                (Self::All(_), Self::Any(_)) => write!(f, "({member})")?,
                _ => member.fmt(f)?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.negated { "!" } else { "" })?;
        match &self.ask {
            Ask::Word(word) => f.write_str(&quoted(word)),
            Ask::Exact(word) => write!(f, "'{}", quoted(word)),
            Ask::Prefix(word) => write!(f, "^{}", quoted(word)),
            Ask::State(states) => write!(f, "state:{}", states_word(states)),
            Ask::TagKey(key) => write!(f, "tag:{}", quoted(key)),
            Ask::Tag { key, value, is_whole: true } => write!(f, "tag:{}=\"{value}\"", quoted(key)),
            Ask::Tag { key, value, is_whole: false } => write!(f, "tag:{}={}", quoted(key), open(value)),
            Ask::Field { field, value, is_whole } => {
                write!(f, "{}:{}{}", field.name(), if *is_whole { "=" } else { "" }, quoted(value))
            }
            Ask::Version { comparison, version, numbers } => {
                let version = version.to_string();
                let written: Vec<_> = version.split('.').take(*numbers).collect();
                write!(f, "agent:{}{}", comparison.sign(), written.join("."))
            }
            Ask::Span { field, comparison, seconds } => {
                write!(f, "{}:{}{}", field.name(), comparison.sign(), span_words(*seconds))
            }
            Ask::Is(it) => write!(f, "is:{}", it.word()),
        }
    }
}

/// A text as one piece, in quotes where a letter could mean something.
pub(super) fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./+".contains(c);
    if text.chars().all(is_plain) && !text.eq_ignore_ascii_case("or") && !text.is_empty() {
        text.to_owned()
    } else {
        format!("\"{text}\"")
    }
}

/// The start of a tag's value: a quote at its end would make it the whole value, so the last letter stands
/// outside of them.
fn open(text: &str) -> String {
    match text.char_indices().next_back() {
        Some((last, _)) if quoted(text) != text && last > 0 => {
            format!("\"{}\"{}", &text[..last], &text[last..])
        }
        _ => text.to_owned(),
    }
}
