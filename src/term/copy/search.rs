//! Looking for text in lines that stand still: as it stands or as a regular expression, with smart case.

use std::ops::Range;

use regex_automata::{meta, util::syntax};

use super::CopyMode;
use super::lines::{Lines, Position};

/// More are not counted.
const MOST: usize = 100_000;
/// Bytes that an expression may take: `\w{40}` fits, `\w{9999}` is none yet.
const LARGEST: usize = 1 << 20;

/// What is looked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// As it was typed.
    pub text: String,
    /// It is a regular expression.
    pub regex: bool,
}

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// Towards what is newer.
    #[default]
    Forward,
    /// Towards what is older.
    Backward,
}

impl Direction {
    /// The other way.
    #[must_use]
    pub fn reversed(self) -> Self {
        match self {
            Self::Forward => Self::Backward,
            Self::Backward => Self::Forward,
        }
    }
}

/// A place that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Match {
    line: u32,
    start: u32,
    end: u32,
}

impl Match {
    fn at(&self) -> Position {
        Position { line: self.line as usize, column: self.start as usize }
    }
}

/// What was found.
#[derive(Debug, Default)]
pub struct Search {
    query: Query,
    direction: Direction,
    matches: Vec<Match>,
    current: Option<usize>,
    wrong: Option<String>,
}

/// How a search stands, for the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Nothing is looked for.
    Idle,
    /// The expression cannot be read.
    Wrong(String),
    /// There is none.
    None,
    /// The cursor is on the `number`th of `count`; on none of them if 0. There may be more if not `all`.
    At {
        /// Which, from 1.
        number: usize,
        /// Of how many.
        count: usize,
        /// Whether all were counted.
        all: bool,
    },
}

impl CopyMode {
    /// Looks for something from `origin` on, and goes to the next place that has it, round the ends if need be; back to `origin` if
    /// there is none.
    pub fn find(&mut self, query: Query, direction: Direction, origin: Position) {
        self.search = Search { direction, ..Search::new(&self.lines, query) };
        let to = self.search.nearest(origin, direction, true);
        self.search.current = to;
        let place = to.map_or(origin, |index| self.search.matches[index].at());
        self.move_to(place);
    }

    /// To the next place found, in the direction of the search or, if `reversed`, against it; whether there is one.
    pub fn next_match(&mut self, reversed: bool) -> bool {
        let direction = if reversed { self.search.direction.reversed() } else { self.search.direction };
        let to = self.search.nearest(self.cursor, direction, false);
        if let Some(index) = to {
            self.search.current = to;
            let place = self.search.matches[index].at();
            self.move_to(place);
        }
        to.is_some()
    }

    /// Forgets what was looked for; whether something was.
    pub fn forget_search(&mut self) -> bool {
        !std::mem::take(&mut self.search).query.text.is_empty()
    }

    /// What is looked for.
    #[must_use]
    pub fn query(&self) -> &Query {
        &self.search.query
    }

    /// How the search stands.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let search = &self.search;
        let count = search.matches.len();
        if let Some(wrong) = &search.wrong {
            Standing::Wrong(wrong.clone())
        } else if search.query.text.is_empty() {
            Standing::Idle
        } else if count == 0 {
            Standing::None
        } else {
            let on = search.current.filter(|index| search.matches[*index].at() == self.cursor);
            Standing::At { number: on.map_or(0, |index| index + 1), count, all: count < MOST }
        }
    }

    /// What was found in some columns of a line, and whether the cursor is on it.
    pub fn found(&self, line: usize, columns: Range<usize>) -> impl Iterator<Item = (Range<usize>, bool)> {
        let matches = &self.search.matches;
        let first = matches
            .partition_point(|found| (found.line as usize, found.end as usize) <= (line, columns.start));
        let on = self.search.current.filter(|index| matches[*index].at() == self.cursor);
        matches[first..]
            .iter()
            .enumerate()
            .take_while(move |(_, found)| found.line as usize == line && (found.start as usize) < columns.end)
            .map(move |(index, found)| (found.start as usize..found.end as usize, on == Some(first + index)))
    }
}

impl Search {
    fn new(lines: &Lines, query: Query) -> Self {
        let matcher = match Matcher::new(&query) {
            Ok(matcher) => matcher,
            Err(wrong) => return Self { query, wrong: Some(wrong), ..Self::default() },
        };
        let mut matches = Vec::new();
        let mut text = String::new();
        for line in 0..lines.len() {
            text.clear();
            lines.text(line, &mut text);
            let mut cells = Columns::new(lines, line, text.is_ascii());
            matcher.each(&text, |bytes| {
                let (start, end) = (cells.column(bytes.start), cells.column(bytes.end));
                let number = |value| u32::try_from(value).unwrap_or(u32::MAX);
                matches.push(Match { line: number(line), start: number(start), end: number(end) });
                matches.len() < MOST
            });
            if matches.len() >= MOST {
                break;
            }
        }
        Self { query, matches, ..Self::default() }
    }

    /// The match nearest to a place, itself included or not.
    fn nearest(&self, from: Position, direction: Direction, inclusive: bool) -> Option<usize> {
        let count = self.matches.len();
        if count == 0 {
            return None;
        }
        let before = |found: &Match| found.at() < from || (found.at() == from && !inclusive);
        Some(match direction {
            Direction::Forward => self.matches.partition_point(before) % count,
            Direction::Backward => {
                let until = self
                    .matches
                    .partition_point(|found| found.at() < from || (found.at() == from && inclusive));
                (until + count - 1) % count
            }
        })
    }
}

/// The columns of the bytes of a line's text, asked for from the left.
struct Columns<'a> {
    lines: &'a Lines,
    line: usize,
    ascii: bool,
    /// Every cell's first byte and column, once somebody asks.
    cells: Vec<(usize, usize)>,
}

impl<'a> Columns<'a> {
    fn new(lines: &'a Lines, line: usize, ascii: bool) -> Self {
        Self { lines, line, ascii, cells: Vec::new() }
    }

    /// The column of the cell that a byte is in; of the end, the column behind the last.
    fn column(&mut self, byte: usize) -> usize {
        if self.ascii {
            return byte;
        }
        if self.cells.is_empty() {
            let mut at = 0;
            for cell in self.lines.cells(self.line, 0) {
                self.cells.push((at, cell.column));
                at += cell.cell.text.len();
            }
            self.cells.push((at, self.lines.columns(self.line)));
        }
        // A byte inside of a cell: what combines with a character is not found without it.
        let index = self.cells.partition_point(|(at, _)| *at < byte);
        self.cells.get(index).map_or(0, |(_, column)| *column)
    }
}

enum Matcher {
    /// Nothing is looked for.
    Nothing,
    Exact(String),
    /// Of ASCII alone, in lower case.
    Ascii(Vec<u8>),
    /// In lower case.
    Folded(Vec<char>),
    Regex(meta::Regex),
}

impl Matcher {
    /// Small letters match both, a capital matches only itself.
    fn new(query: &Query) -> Result<Self, String> {
        let text = &query.text;
        let exact = text.chars().any(char::is_uppercase);
        Ok(match () {
            () if text.is_empty() => Self::Nothing,
            () if query.regex => {
                let syntax = syntax::Config::new().case_insensitive(!exact_expression(text));
                let config = meta::Config::new().nfa_size_limit(Some(LARGEST));
                let regex = meta::Builder::new().syntax(syntax).configure(config).build(text);
                Self::Regex(regex.map_err(|error| error.to_string())?)
            }
            () if exact => Self::Exact(text.clone()),
            () if text.is_ascii() => Self::Ascii(text.clone().into_bytes()),
            () => Self::Folded(text.chars().flat_map(char::to_lowercase).collect()),
        })
    }

    /// Hands over every place in a text, from the left, none of them empty, until `found` says stop.
    fn each(&self, text: &str, mut found: impl FnMut(Range<usize>) -> bool) {
        match self {
            Self::Nothing => {}
            Self::Exact(needle) => {
                let mut places = text.match_indices(&**needle);
                while let Some((at, _)) = places.next()
                    && found(at..at + needle.len())
                {}
            }
            Self::Ascii(needle) => {
                let bytes = text.as_bytes();
                let same = |first: &u8| first.to_ascii_lowercase() == needle[0];
                let mut at = 0;
                while let Some(next) = bytes[at..].iter().position(same) {
                    at += next;
                    match bytes.get(at..at + needle.len()) {
                        None => return,
                        Some(part) if part.eq_ignore_ascii_case(needle) => {
                            if !found(at..at + needle.len()) {
                                return;
                            }
                            at += needle.len();
                        }
                        Some(_) => at += 1,
                    }
                }
            }
            Self::Folded(needle) => {
                let mut after = 0;
                for (at, _) in text.char_indices() {
                    if at >= after
                        && let Some(length) = folded_prefix(&text[at..], needle)
                    {
                        after = at + length;
                        if !found(at..after) {
                            return;
                        }
                    }
                }
            }
            Self::Regex(regex) => {
                let mut places = regex.find_iter(text).filter(|place| !place.is_empty());
                while let Some(place) = places.next()
                    && found(place.range())
                {}
            }
        }
    }
}

/// Whether an expression has a capital that is no class (`\S`, `\W`, `\D`, `\B`).
fn exact_expression(text: &str) -> bool {
    let mut escaped = false;
    for c in text.chars() {
        if !escaped && c.is_uppercase() {
            return true;
        }
        escaped = c == '\\' && !escaped;
    }
    false
}

/// The bytes at the front of a text that are `needle` when case is left aside.
fn folded_prefix(text: &str, needle: &[char]) -> Option<usize> {
    let mut wanted = needle.iter();
    for (at, c) in text.char_indices() {
        for lower in c.to_lowercase() {
            match wanted.next() {
                Some(next) if *next == lower => {}
                Some(_) => return None,
                // It ends inside of a character that is several small ones.
                None => return None,
            }
        }
        if wanted.len() == 0 {
            return Some(at + c.len_utf8());
        }
    }
    None
}
