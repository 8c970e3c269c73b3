//! What can stand at the cursor of the search box: names of fields, values that the fleet has, saved queries.

use std::ops::Range;

use super::field::{FIELDS, Field, Kind};
use super::value::{Comparison, Trait};
use super::{Saved, words::quoted};
use crate::fleet::instance::State;
use crate::fleet::record::Text;

/// Most that is offered at once.
const MOST: usize = 24;
/// From how many letters on a word may become the name of a field.
const FIELD_LETTERS: usize = 2;
/// Lengths of time that are offered.
const SPANS: [&str; 4] = ["10m", "1h", "1d", "1w"];

/// What the fleet knows, each list in the order of the alphabet and without repeats.
pub trait Known {
    /// The values of a field of texts or versions.
    fn values(&self, field: Field) -> &[Text];
    /// The keys of tags.
    fn tag_keys(&self) -> &[Text];
    /// The values of a tag, by its key in lower case.
    fn tag_values(&self, key: &str) -> &[Text];
}

/// What can stand in the place of a part of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The part, in bytes; it ends at the cursor.
    pub range: Range<usize>,
    /// At least one; what begins with what was typed comes first.
    pub candidates: Vec<Candidate>,
}

/// One text that can stand there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The text, in quotes where it needs them.
    pub text: String,
    /// Whether the term is whole with it; a value follows a field's name.
    pub is_whole: bool,
}

impl Completion {
    /// The text with the first candidate put in, and where the cursor stands then.
    pub fn accept(&self, text: &str) -> (String, usize) {
        let Some(first) = self.candidates.first() else { return (text.to_owned(), self.range.end) };
        let behind = &text[self.range.end..];
        let space = if first.is_whole && behind.is_empty() { " " } else { "" };
        let before = format!("{}{}{space}", &text[..self.range.start], first.text);
        (format!("{before}{behind}"), before.len())
    }
}

/// What can stand at the cursor; nothing where no field, value or saved query has begun there.
pub fn complete(text: &str, cursor: usize, known: &dyn Known, saved: &Saved) -> Option<Completion> {
    let before = text.get(..cursor)?;
    if text[cursor..].starts_with(|c: char| !c.is_whitespace() && c != ')') {
        return None;
    }
    let mut start = piece_start(before);
    start += before[start..].len() - before[start..].trim_start_matches(['!', '(']).len();
    let word = &before[start..];
    if let Some(name) = word.strip_prefix('@') {
        let names = saved.names().map(|name| (format!("@{name}"), true));
        return offer(start..cursor, &format!("@{name}"), names);
    }
    let Some((name, value)) = word.split_once(':') else {
        let is_name = word.len() >= FIELD_LETTERS && word.chars().all(|c| c.is_ascii_alphabetic());
        let begins = |name: &&str| name.starts_with(&word.to_ascii_lowercase());
        let fields = FIELDS.iter().filter_map(|entry| entry.names.iter().find(|name| begins(name)));
        return is_name
            .then(|| offer(start..cursor, word, fields.map(|name| (format!("{name}:"), false))))?;
    };
    let field = Field::named(name)?;
    let start = start + name.len() + 1;
    let whole = |text: &str| (quoted(text), true);
    match field.entry().kind {
        Kind::State => {
            let words = State::ALL.into_iter().map(|state| (state.word().replace(' ', "-"), true));
            offer(start..cursor, value, words)
        }
        Kind::Trait => offer(start..cursor, value, Trait::ALL.into_iter().map(|it| whole(it.word()))),
        Kind::Tag => match value.split_once('=') {
            None => {
                let keys = known.tag_keys().iter().map(|key| (format!("{}=", quoted(key)), false));
                offer(start..cursor, value, keys)
            }
            Some((key, value)) => {
                let values = known.tag_values(&key.replace('"', "").to_lowercase());
                offer(start + key.len() + 1..cursor, value, values.iter().map(|value| whole(value)))
            }
        },
        Kind::Span => {
            let signs = match Comparison::at_start(value) {
                Some(sign) => vec![sign.sign()],
                None => vec![Comparison::Less.sign(), Comparison::More.sign()],
            };
            let spans = signs.iter().flat_map(|sign| SPANS.map(|span| (format!("{sign}{span}"), true)));
            offer(start..cursor, value, spans)
        }
        Kind::Text | Kind::Version => {
            let sign = Comparison::at_start(value).map_or("", Comparison::sign);
            let start = start + sign.len();
            let values = known.values(field).iter().map(|value| whole(value));
            offer(start..cursor, &value[sign.len()..], values)
        }
        Kind::Nothing => None,
    }
}

/// Where the piece begins that reaches to the end.
fn piece_start(text: &str) -> usize {
    let (mut start, mut is_quoted) = (0, false);
    for (at, c) in text.char_indices() {
        match c {
            '"' => is_quoted = !is_quoted,
            c if c.is_whitespace() && !is_quoted => start = at + c.len_utf8(),
            _ => {}
        }
    }
    start
}

/// Those texts that have what was typed, unless one of them is what was typed.
fn offer(
    range: Range<usize>,
    typed: &str,
    texts: impl Iterator<Item = (String, bool)>,
) -> Option<Completion> {
    let typed = typed.replace('"', "").to_lowercase();
    let (mut first, mut then) = (Vec::new(), Vec::new());
    for (text, is_whole) in texts {
        let bare = text.replace('"', "").to_lowercase();
        if bare == typed {
            return None;
        }
        match bare.find(&typed) {
            Some(0) if first.len() < MOST => first.push(Candidate { text, is_whole }),
            Some(at) if at > 0 && then.len() < MOST => then.push(Candidate { text, is_whole }),
            _ => {}
        }
    }
    first.extend(then);
    first.truncate(MOST);
    (!first.is_empty()).then_some(Completion { range, candidates: first })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fleet;

    fn texts(texts: &[&str]) -> &'static [Text] {
        texts.iter().map(|text| Text::from(*text)).collect::<Vec<_>>().leak()
    }

    impl Known for Fleet {
        fn values(&self, field: Field) -> &[Text] {
            match field {
                Field::Zone => texts(&["eu-west-1a", "eu-west-1b", "us-east-1a"]),
                Field::Platform => texts(&["Amazon Linux 2023", "Ubuntu 24.04"]),
                Field::Agent => texts(&["3.1.1", "3.3.987.0"]),
                _ => &[],
            }
        }

        fn tag_keys(&self) -> &[Text] {
            texts(&["Env", "team"])
        }

        fn tag_values(&self, key: &str) -> &[Text] {
            if key == "env" { texts(&["dev", "preprod", "prod"]) } else { &[] }
        }
    }

    /// What is offered at the end of a text, and the text with the first of it.
    fn offered(text: &str) -> (Vec<String>, String) {
        let saved = Saved::new([("broken".to_owned(), "state:lost".to_owned())]);
        match complete(text, text.len(), &Fleet, &saved) {
            Some(found) => {
                let accepted = found.accept(text).0;
                (found.candidates.into_iter().map(|candidate| candidate.text).collect(), accepted)
            }
            None => (Vec::new(), text.to_owned()),
        }
    }

    #[test]
    fn fields_values_and_saved_queries_are_offered() {
        for (typed, first, accepted) in [
            ("st", "state:", "state:"),
            ("web !sta", "state:", "web !state:"),
            ("(os", "os:", "(os:"),
            ("state:no", "no-channel", "state:no-channel "),
            ("zone:eu", "eu-west-1a", "zone:eu-west-1a "),
            ("zone:1b", "eu-west-1b", "zone:eu-west-1b "),
            ("os:ama", "\"Amazon Linux 2023\"", "os:\"Amazon Linux 2023\" "),
            ("os:\"amazon li", "\"Amazon Linux 2023\"", "os:\"Amazon Linux 2023\" "),
            ("tag:", "Env=", "tag:Env="),
            ("tag:ENV=pro", "prod", "tag:ENV=prod "),
            ("agent:>=3.3", "3.3.987.0", "agent:>=3.3.987.0 "),
            ("seen:", "<10m", "seen:<10m "),
            ("age:>1", ">10m", "age:>10m "),
            ("is:f", "favourite", "is:favourite "),
            ("web @", "@broken", "web @broken "),
        ] {
            let (texts, whole) = offered(typed);
            assert_eq!(
                (texts.first().map(String::as_str), whole.as_str()),
                (Some(first), accepted),
                "{typed}"
            );
        }
    }

    #[test]
    fn nothing_is_offered_for_words_and_for_what_is_whole() {
        for typed in
            ["", "web", "s", "state:ready", "zone:eu-west-1b", "tag:team=x", "fav:", "\"st", "http://x"]
        {
            assert_eq!(offered(typed).0, [""; 0], "{typed}");
        }
    }

    #[test]
    fn only_the_word_at_the_cursor_is_completed() {
        let saved = Saved::default();
        let found = complete("sta web", 3, &Fleet, &saved).unwrap();
        assert_eq!(found.accept("sta web"), ("state: web".to_owned(), 6));
        assert_eq!(complete("state web", 2, &Fleet, &saved), None, "the cursor is within a word");
        assert!(complete("(sta)", 4, &Fleet, &saved).is_some());
    }
}
