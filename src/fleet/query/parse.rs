//! From text to a [`Query`]: pieces between spaces, then terms, then `or` between them.
//!
//! What isn't finished (`state:`, `web or`, `(web`) is wrong on a command line. In the search box it is
//! what is typed at this moment: there it has no effect yet.

use std::ops::Range;

use super::field::{FIELDS, Field, Kind};
use super::problem::Problem;
use super::value::{self, BadSpan, Comparison, Trait};
use super::{Ask, Expr, Query, Saved, Term};
use crate::fleet::instance::State;
use crate::fleet::version::AgentVersion;
use crate::spelling::nearest;

/// Groups and saved queries within each other.
const DEEPEST: usize = 32;
/// Terms of one query, saved ones unfolded.
const MOST: usize = 500;

/// Reads a query; `lenient` leaves out what isn't finished.
pub(super) fn parse(text: &str, saved: &Saved, lenient: bool) -> Result<Query, Problem> {
    let mut parser = Parser { saved, path: Vec::new(), lenient, depth: 0, count: 0 };
    Ok(Query { root: parser.text(text)?.unwrap_or_default() })
}

struct Parser<'a> {
    saved: &'a Saved,
    /// The saved queries that are being unfolded, the outermost first.
    path: Vec<String>,
    lenient: bool,
    depth: usize,
    count: usize,
}

/// A character, where it stands, and whether quotes take its meaning away.
#[derive(Clone, Copy)]
struct Letter {
    c: char,
    at: usize,
    is_quoted: bool,
}

/// What stands between spaces, without the signs before it and the brackets around it.
struct Piece {
    letters: Vec<Letter>,
    range: Range<usize>,
    ends_quoted: bool,
}

enum Token {
    Not,
    Open,
    Close,
    Or,
    Piece(Piece),
    /// A space behind `!`.
    Nothing,
}

type Tokens = std::iter::Peekable<std::vec::IntoIter<(Token, Range<usize>)>>;

impl Parser<'_> {
    fn text(&mut self, text: &str) -> Result<Option<Expr>, Problem> {
        let (tokens, open_quote) = tokens(text)?;
        if let Some(quote) = open_quote {
            self.pass(Problem::unfinished(quote..quote + 1, "this quote is not closed"))?;
        }
        let mut tokens = tokens.into_iter().peekable();
        self.any(&mut tokens)
    }

    /// Alternatives up to a closing bracket or the end; `None` when nothing of it has an effect.
    fn any(&mut self, tokens: &mut Tokens) -> Result<Option<Expr>, Problem> {
        let mut alternatives = Vec::new();
        let mut before: Option<Range<usize>> = None;
        loop {
            let found = self.all(tokens)?;
            let next = tokens.next_if(|(token, _)| matches!(token, Token::Or)).map(|(_, range)| range);
            let is_empty = found.terms.is_empty();
            alternatives.extend((!is_empty).then(|| Expr::all(found.terms)));
            if let (false, Some(or)) = (found.has_pieces, before.as_ref().or(next.as_ref())) {
                let side = if before.is_some() { "behind" } else { "before" };
                let what = format!("there is nothing {side} `or`; in quotes it is a word");
                self.pass(Problem::unfinished(or.clone(), what))?;
            }
            match next {
                Some(or) => before = Some(or),
                None => return Ok((!alternatives.is_empty()).then(|| Expr::any(alternatives))),
            }
        }
    }

    fn all(&mut self, tokens: &mut Tokens) -> Result<All, Problem> {
        let mut all = All::default();
        while tokens.peek().is_some_and(|(token, _)| !matches!(token, Token::Or | Token::Close)) {
            all.has_pieces = true;
            all.terms.extend(self.term(tokens)?);
        }
        Ok(all)
    }

    fn term(&mut self, tokens: &mut Tokens) -> Result<Option<Expr>, Problem> {
        let mut negated = false;
        let mut sign = None;
        while let Some((_, range)) = tokens.next_if(|(token, _)| matches!(token, Token::Not)) {
            negated = !negated;
            sign = Some(range);
        }
        let found = match tokens.next_if(|(token, _)| !matches!(token, Token::Or | Token::Close)) {
            Some((Token::Piece(piece), _)) => self.piece(&piece),
            Some((Token::Open, open)) => self.group(open, tokens),
            _ => Err(Problem::unfinished(sign.unwrap_or_default(), "there is nothing behind `!`")),
        };
        match found {
            Ok(Some(found)) => Ok(Some(if negated { found.negated() } else { found })),
            Ok(None) => Ok(None),
            Err(problem) => self.pass(problem).map(|()| None),
        }
    }

    fn group(&mut self, open: Range<usize>, tokens: &mut Tokens) -> Result<Option<Expr>, Problem> {
        self.enter(&open)?;
        let is_empty = matches!(tokens.peek(), Some((Token::Close, _)));
        let found = self.any(tokens)?;
        self.depth -= 1;
        match tokens.next_if(|(token, _)| matches!(token, Token::Close)) {
            Some(_) if is_empty => {
                self.pass(Problem::unfinished(open, "there is nothing between `(` and `)`"))?
            }
            Some(_) => {}
            None => self.pass(Problem::unfinished(open, "there is no `)` to this `(`"))?,
        }
        Ok(found)
    }

    fn enter(&mut self, range: &Range<usize>) -> Result<(), Problem> {
        self.depth += 1;
        match self.depth > DEEPEST {
            true => Err(Problem::wrong(range.clone(), "this goes too deep")),
            false => Ok(()),
        }
    }

    /// Lets pass what isn't finished, where that is no fault.
    fn pass(&self, problem: Problem) -> Result<(), Problem> {
        if problem.is_unfinished && self.lenient { Ok(()) } else { Err(problem) }
    }

    fn piece(&mut self, piece: &Piece) -> Result<Option<Expr>, Problem> {
        self.count += 1;
        if self.count > MOST {
            return Err(Problem::wrong(piece.range.clone(), format!("that is more than {MOST} terms")));
        }
        let ask = match piece.letters.first() {
            None => return Err(Problem::unfinished(piece.range.clone(), "there is nothing in the quotes")),
            Some(Letter { c: '\'', is_quoted: false, .. }) => Ask::Exact(piece.behind("'")?),
            Some(Letter { c: '^', is_quoted: false, .. }) => Ask::Prefix(piece.behind("^")?),
            Some(Letter { c: '@', is_quoted: false, .. }) => {
                return self.unfold(&piece.behind("@")?, &piece.range);
            }
            Some(_) => match piece.field()? {
                Some((field, start)) => ask(field, &Value::new(piece, start))?,
                None => Ask::Word(piece.text(0)),
            },
        };
        Ok(Some(Expr::Term(Term { negated: false, ask })))
    }

    /// What a saved query stands for.
    fn unfold(&mut self, name: &str, range: &Range<usize>) -> Result<Option<Expr>, Problem> {
        let at = |what: String| Problem::wrong(range.clone(), what);
        let Some(text) = self.saved.get(name) else {
            let begins = self.saved.names().find(|known| known.starts_with(name));
            let near = match begins.or_else(|| nearest(name, self.saved.names())) {
                Some(near) => format!("; did you mean `@{near}`?"),
                None => "; the config file names them under `[queries]`".to_owned(),
            };
            let what = format!("there is no saved query `{name}`{near}");
            return Err(Problem { range: range.clone(), what, is_unfinished: begins.is_some() });
        };
        if self.path.iter().any(|known| known == name) {
            let path: Vec<_> =
                self.path.iter().chain([&name.to_owned()]).map(|name| format!("@{name}")).collect();
            return Err(at(format!("`@{name}` leads back to itself: {}", path.join(" → "))));
        }
        self.enter(range)?;
        self.path.push(name.to_owned());
        let lenient = std::mem::replace(&mut self.lenient, false);
        let found = self.text(text);
        self.lenient = lenient;
        self.path.pop();
        self.depth -= 1;
        match found {
            Ok(None) => Err(at(format!("the saved query `{name}` is empty"))),
            Ok(found) => Ok(found),
            Err(problem) => Err(at(format!("in `@{name}`, which is `{text}`: {}", problem.what))),
        }
    }
}

#[derive(Default)]
struct All {
    terms: Vec<Expr>,
    has_pieces: bool,
}

impl Piece {
    /// The text from its `start`-th letter on, in lower case.
    fn text(&self, start: usize) -> String {
        self.letters[start..].iter().map(|letter| letter.c).collect::<String>().to_lowercase()
    }

    /// The text behind its first letter, a sign.
    fn behind(&self, sign: &str) -> Result<String, Problem> {
        match self.text(1) {
            text if text.is_empty() => {
                Err(Problem::unfinished(self.range.clone(), format!("there is nothing behind `{sign}`")))
            }
            text => Ok(text),
        }
    }

    /// The field before its colon, and the letter where the value begins; nothing where it is a word.
    fn field(&self) -> Result<Option<(Field, usize)>, Problem> {
        let colon = self.letters.iter().position(|letter| letter.c == ':' && !letter.is_quoted);
        let Some(colon) = colon else { return Ok(None) };
        let name: String = self.letters[..colon].iter().map(|letter| letter.c).collect();
        if let Some(field) = Field::named(&name) {
            let is_plain = self.letters[..colon].iter().all(|letter| !letter.is_quoted);
            return Ok(is_plain.then_some((field, colon + 1)));
        }
        // Two letters are near to too many names, and other words have colons, too.
        let names = FIELDS.iter().flat_map(|entry| entry.names).filter(|known| known.len() > 2);
        let near = nearest(&name, names.copied())
            .filter(|_| name.len() > 2 && self.letters[..colon].iter().all(|letter| !letter.is_quoted));
        match near {
            Some(near) => {
                let range = self.range.start..self.letters[colon].at;
                let what = format!("`{name}` is no field; did you mean `{near}:`? In quotes it is a word");
                Err(Problem::wrong(range, what))
            }
            None => Ok(None),
        }
    }
}

/// What stands behind a field's colon.
struct Value<'a> {
    piece: &'a Piece,
    /// In lower case.
    text: String,
    /// The letter where it begins.
    start: usize,
    comparison: Option<Comparison>,
}

impl<'a> Value<'a> {
    fn new(piece: &'a Piece, start: usize) -> Self {
        let signs: String =
            piece.letters[start..].iter().take_while(|letter| !letter.is_quoted).map(|l| l.c).collect();
        Self { piece, text: piece.text(start), start, comparison: Comparison::at_start(&signs) }
    }

    /// Where it stands, from its `skip`-th letter on.
    fn range(&self, skip: usize) -> Range<usize> {
        let end = self.piece.range.end;
        self.piece.letters.get(self.start + skip).map_or(end, |letter| letter.at)..end
    }

    /// The text behind the comparison.
    fn compared(&self, comparison: Comparison) -> &str {
        &self.text[comparison.sign().len()..]
    }

    fn wrong(&self, what: String) -> Problem {
        Problem::wrong(self.range(self.comparison.map_or(0, |comparison| comparison.sign().len())), what)
    }

    fn unfinished(&self, what: String) -> Problem {
        Problem { is_unfinished: true, range: self.piece.range.clone(), what }
    }
}

/// Reads a value.
fn ask(field: Field, value: &Value<'_>) -> Result<Ask, Problem> {
    let entry = field.entry();
    let name = entry.names[0];
    let is_missing = match value.comparison {
        Some(comparison) if entry.kind != Kind::Tag => value.compared(comparison).is_empty(),
        _ => value.text.is_empty(),
    };
    if is_missing && entry.kind != Kind::Nothing {
        return Err(value.unfinished(format!("a value is missing: `{}`, say", entry.examples[0])));
    }
    if let Some(comparison) = value.comparison.filter(|comparison| *comparison != Comparison::Equal)
        && !matches!(entry.kind, Kind::Span | Kind::Version | Kind::Tag)
    {
        let sign = comparison.sign();
        let what = format!("`{sign}` compares `agent`, `seen`, `age` and `registered` only");
        return Err(Problem::wrong(value.range(0), what));
    }
    match entry.kind {
        Kind::Tag => tag(value),
        Kind::State => state(value),
        Kind::Trait => is(value),
        Kind::Nothing if value.text.is_empty() => Ok(Ask::Is(Trait::Favourite)),
        Kind::Nothing => Err(value.wrong(format!("nothing stands behind `{name}:`"))),
        Kind::Span => span(field, value),
        Kind::Version => match value.comparison {
            Some(comparison) => version(comparison, value),
            None => Ok(Ask::Field { field, value: value.text.clone(), is_whole: false }),
        },
        Kind::Text => Ok(match value.comparison {
            Some(sign) => Ask::Field { field, value: value.compared(sign).to_owned(), is_whole: true },
            None => Ask::Field { field, value: value.text.clone(), is_whole: false },
        }),
    }
}

fn tag(value: &Value<'_>) -> Result<Ask, Problem> {
    match value.text.split_once('=') {
        None => Ok(Ask::TagKey(value.text.clone())),
        Some(("", _)) => Err(Problem::wrong(value.range(0), "there is no key before `=`")),
        Some((key, text)) => {
            Ok(Ask::Tag { key: key.to_owned(), value: text.to_owned(), is_whole: value.piece.ends_quoted })
        }
    }
}

fn state(value: &Value<'_>) -> Result<Ask, Problem> {
    match value::states(&value.text) {
        found if found.is_empty() => {
            let near = match nearest(&value.text, State::ALL.map(State::word)) {
                Some(near) => format!("did you mean `{}`?", near.replace(' ', "-")),
                None => {
                    format!("there are {}", State::ALL.map(|state| state.word().replace(' ', "-")).join(", "))
                }
            };
            Err(value.wrong(format!("`{}` is no state; {near}", value.text)))
        }
        found => Ok(Ask::State(found)),
    }
}

fn is(value: &Value<'_>) -> Result<Ask, Problem> {
    let begins = |word: &str| word.starts_with(&value.text);
    let found = Trait::ALL
        .into_iter()
        .find(|known| begins(known.word()))
        .or_else(|| begins("favorite").then_some(Trait::Favourite));
    found.map(Ask::Is).ok_or_else(|| {
        let words = Trait::ALL.map(Trait::word);
        let near = match nearest(&value.text, words) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are {}", words.join(", ")),
        };
        value.wrong(format!("`is:` does not know `{}`; {near}", value.text))
    })
}

fn span(field: Field, value: &Value<'_>) -> Result<Ask, Problem> {
    let name = field.name();
    let comparison = match value.comparison {
        Some(Comparison::Equal) => None,
        comparison => comparison,
    };
    let Some(comparison) = comparison else {
        let what = format!("`{name}` is compared: `{name}:<1h` is less than an hour ago, `{name}:>1h` more");
        return Err(Problem::wrong(value.range(0), what));
    };
    match value::span(value.compared(comparison)) {
        Ok(seconds) => Ok(Ask::Span { field, comparison, seconds }),
        Err(BadSpan::NoUnit) => Err(Problem {
            is_unfinished: true,
            ..value.wrong("its unit is missing: s, m, h, d or w".to_owned())
        }),
        Err(BadSpan::Nonsense) => Err(value.wrong(format!(
            "`{}` is no length of time; write 90s, 15m, 1h30m, 2d or 1w",
            value.compared(comparison)
        ))),
    }
}

fn version(comparison: Comparison, value: &Value<'_>) -> Result<Ask, Problem> {
    let text = value.compared(comparison);
    // The dot of a number that is still to come.
    let numbers = text.strip_suffix('.').unwrap_or(text);
    match numbers.parse::<AgentVersion>() {
        Ok(version) => Ok(Ask::Version { comparison, version, numbers: numbers.split('.').count() }),
        Err(_) => Err(value.wrong(format!("`{text}` is no version; write 3.2 or 3.3.987.0"))),
    }
}

/// Tokens in their order, and where the quote begins that reaches to the end.
type Split = (Vec<(Token, Range<usize>)>, Option<usize>);

/// Splits at spaces, signs and brackets outside of quotes.
fn tokens(text: &str) -> Result<Split, Problem> {
    let mut tokens = Vec::new();
    let mut open_quote = None;
    let mut open = 0_usize;
    let mut letters = text.char_indices().peekable();
    while let Some(&(at, c)) = letters.peek() {
        match c {
            c if c.is_whitespace() => {
                letters.next();
            }
            '!' => {
                letters.next();
                tokens.push((Token::Not, at..at + 1));
                if letters.peek().is_none_or(|(_, next)| next.is_whitespace()) {
                    // Not a sign before what comes behind the space.
                    tokens.push((Token::Nothing, at..at + 1));
                }
            }
            '(' => {
                letters.next();
                open += 1;
                tokens.push((Token::Open, at..at + 1));
            }
            _ => {
                let (mut piece, quote) = Piece::read(&mut letters, text.len());
                open_quote = quote;
                let mut closed = Vec::new();
                while let Some(last) = piece.letters.pop_if(|last| last.c == ')' && !last.is_quoted) {
                    piece.range.end = last.at;
                    closed.push(last.at);
                }
                if let Some(stray) = closed.len().checked_sub(open + 1).and_then(|stray| closed.get(stray)) {
                    let what = "no `(` is open that this could close; in quotes it is a letter";
                    return Err(Problem::wrong(*stray..*stray + 1, what));
                }
                if !closed.is_empty() {
                    piece.ends_quoted = text[..piece.range.end].ends_with('"');
                    open -= closed.len();
                }
                if !piece.range.is_empty() {
                    let range = piece.range.clone();
                    let token = if piece.is_or() { Token::Or } else { Token::Piece(piece) };
                    tokens.push((token, range));
                }
                tokens.extend(closed.into_iter().rev().map(|at| (Token::Close, at..at + 1)));
            }
        }
    }
    Ok((tokens, open_quote))
}

impl Piece {
    /// Takes letters up to a space outside of quotes; and where the quote is that isn't closed.
    fn read(
        letters: &mut std::iter::Peekable<std::str::CharIndices<'_>>,
        end: usize,
    ) -> (Self, Option<usize>) {
        let start = letters.peek().map_or(end, |(at, _)| *at);
        let mut piece = Self { letters: Vec::new(), range: start..end, ends_quoted: false };
        let mut quote = None;
        while let Some(&(at, c)) = letters.peek() {
            if c.is_whitespace() && quote.is_none() {
                piece.range.end = at;
                break;
            }
            letters.next();
            match (c, quote) {
                ('"', None) => quote = Some(at),
                ('"', Some(_)) => {
                    quote = None;
                    piece.ends_quoted = true;
                    continue;
                }
                _ => piece.letters.push(Letter { c, at, is_quoted: quote.is_some() }),
            }
            piece.ends_quoted = false;
        }
        (piece, quote)
    }

    fn is_or(&self) -> bool {
        let [o, r] = self.letters.as_slice() else { return false };
        [o, r].iter().all(|letter| !letter.is_quoted)
            && o.c.eq_ignore_ascii_case(&'o')
            && r.c.eq_ignore_ascii_case(&'r')
    }
}
