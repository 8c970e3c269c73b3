//! Where the text in view leads to: links that the remote declared (OSC 8), addresses, and paths, for hints by key.

use std::ops::Range;
use std::sync::LazyLock;

use regex_lite::Regex;

use super::CopyMode;
use super::lines::{Placed, Position};

/// Columns before and behind the view in which a link that is partly in view may lie.
const AROUND: usize = 2048;
/// What may be opened on the user's machine: nothing that runs a program or reads a file there.
const OPENABLE: [&str; 2] = ["https://", "http://"];

/// Something that leads somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Where it begins.
    pub at: Position,
    /// The column behind its end.
    pub end: usize,
    /// Where it leads to.
    pub target: String,
}

/// Whether a target may be opened on the user's machine. Paths are the instance's own.
#[must_use]
pub fn is_openable(target: &str) -> bool {
    let starts =
        |scheme: &&str| target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    OPENABLE.iter().any(starts) && target.chars().all(|c| !c.is_control() && !c.is_whitespace())
}

static ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
    expression(r#"(?i)\b(?:(?:https?|ftp|ssh|git|s3|file)://|mailto:|www\.)[^\s<>"'`{}|\\^│┃]+"#)
});
/// A path from the root, from home or from here; a file with a line in it; each perhaps with a line and a column.
static PATH: LazyLock<Regex> = LazyLock::new(|| {
    expression(
        r#"(?:^|[\s"'`(\[{<=,:│┃])((?:(?:~|\.\.?)?(?:/[\w.@%+-]+)+/?(?::\d+(?::\d+)?)?)|[\w.@%+/-]*\w\.\w+:\d+(?::\d+)?)"#,
    )
});

fn expression(text: &str) -> Regex {
    Regex::new(text).expect("the expressions of this file are right: their test uses them")
}

/// Letters for so many things, as few as can be, the easiest first; none is the beginning of another.
#[must_use]
pub fn labels(count: usize) -> Vec<String> {
    const LETTERS: &str = "asdfghjklweruioxcvnmtyzbpq";
    let letters = || LETTERS.chars();
    if count <= LETTERS.len() {
        return letters().map(String::from).take(count).collect();
    }
    letters()
        .flat_map(|first| letters().map(move |second| String::from_iter([first, second])))
        .take(count)
        .collect()
}

impl CopyMode {
    /// The links in view, from the top.
    #[must_use]
    pub fn links(&self) -> Vec<Link> {
        let mut links: Vec<Link> = Vec::new();
        for (line, part) in self.lines_in_view() {
            let start = part.start.saturating_sub(AROUND);
            let cells: Vec<Placed<'_>> =
                self.lines.cells(line, start).take_while(|cell| cell.column < part.end + AROUND).collect();
            let in_view = |link: &Link| link.at.column < part.end && link.end > part.start;
            let mut found = declared(line, &cells);
            for other in written(line, &cells) {
                let apart = |link: &Link| link.end <= other.at.column || other.end <= link.at.column;
                if found.iter().all(apart) {
                    found.push(other);
                }
            }
            found.retain(in_view);
            found.sort_by_key(|link| link.at);
            links.append(&mut found);
        }
        links
    }

    /// The cell of the view at which a link begins, or goes on in the first row.
    #[must_use]
    pub fn cell_of(&self, link: &Link) -> (u16, u16) {
        let row = self.layout.row(link.at);
        let cell = |number: usize| u16::try_from(number).unwrap_or(u16::MAX);
        match row.checked_sub(self.top) {
            Some(within) => {
                let (_, part) = self.layout.part(&self.lines, row);
                (cell(within), cell(link.at.column - part.start))
            }
            None => (0, 0),
        }
    }
}

/// The links that the remote declared.
fn declared(line: usize, cells: &[Placed<'_>]) -> Vec<Link> {
    let mut links: Vec<Link> = Vec::new();
    for cell in cells {
        let Some(target) = cell.link else { continue };
        match links.last_mut() {
            Some(link) if link.end == cell.column && link.target == target => link.end = cell.end(),
            _ => {
                let at = Position { line, column: cell.column };
                links.push(Link { at, end: cell.end(), target: target.to_owned() });
            }
        }
    }
    links
}

/// Addresses and paths that stand in the text.
fn written(line: usize, cells: &[Placed<'_>]) -> Vec<Link> {
    let mut text = String::new();
    let mut starts = Vec::with_capacity(cells.len());
    for cell in cells {
        starts.push(text.len());
        text.push_str(cell.cell.text);
    }
    let mut links: Vec<Link> = Vec::new();
    let mut add = |range: Range<usize>| {
        let target = trimmed(&text[range.clone()]);
        let cell_of = |byte: usize| starts.partition_point(|start| *start <= byte).saturating_sub(1);
        let (first, last) = (cell_of(range.start), cell_of(range.start + target.len().saturating_sub(1)));
        let at = Position { line, column: cells[first].column };
        let end = cells[last].end();
        if target.len() > 1 && links.iter().all(|link| link.end <= at.column || end <= link.at.column) {
            let scheme = if target.to_ascii_lowercase().starts_with("www.") { "https://" } else { "" };
            links.push(Link { at, end, target: format!("{scheme}{target}") });
        }
    };
    for place in ADDRESS.find_iter(&text) {
        add(place.range());
    }
    for place in PATH.captures_iter(&text).filter_map(|captures| captures.get(1)) {
        add(place.range());
    }
    links
}

/// Without the signs of the sentence around it.
fn trimmed(text: &str) -> &str {
    let mut text = text;
    loop {
        let shorter = text.trim_end_matches(['.', ',', ';', ':', '!', '?', '*', '…']);
        let shorter = match shorter.chars().next_back() {
            Some(closing @ (')' | ']')) => {
                let opening = if closing == ')' { '(' } else { '[' };
                let count = |sign: char| shorter.matches(sign).count();
                if count(closing) > count(opening) { &shorter[..shorter.len() - 1] } else { shorter }
            }
            _ => shorter,
        };
        if shorter.len() == text.len() {
            return text;
        }
        text = shorter;
    }
}
