//! What a cell carries beside its character: the link that it is part of, whether a prompt begins there, whether it stands for
//! nothing at all, and looks that `vt100` does not know.
//!
//! The crate has no place for these. But it keeps the marks that combine with a character in the character's cell, and moves them
//! with it, however it scrolls, inserts or erases. So a link is a mark of no width behind each of its characters: a code point
//! that Unicode has not given to anybody (U+E0200 to U+E0FFF, without width by its default). What the remote writes of these is
//! left out before, so that none is ever taken for ours; none leaves this module's callers.

use std::collections::VecDeque;

use super::cell::Style;

/// Links that are told apart at a time; the oldest make room. Few screens have room for more.
const LINKS: usize = 1024;
/// The first of the code points.
const FIRST: u32 = 0xe0200;
/// A prompt begins with this cell.
pub const PROMPT: char = '\u{e0fff}';
/// A wide character found no room in this cell, the last of its row, and is the first of the next: what the cell shows is no part
/// of the line.
pub const SPACER: char = '\u{e0ffe}';

/// The first of those that stand for looks, a bit each.
const LOOKS: u32 = 0xe0e00;
const BLINK: u32 = 1;
const STRIKE: u32 = 2;
const BOLD_AND_DIM: u32 = 4;
const PROTECTED: u32 = 8;
const ALL_LOOKS: u32 = BLINK | STRIKE | BOLD_AND_DIM | PROTECTED;

/// The mark for those looks of a style that the crate cannot hold, and for that selective erasure leaves the cell (DECSCA); none
/// if there is nothing of that.
#[must_use]
pub fn mark_of(style: Style, protected: bool) -> Option<char> {
    let bits = if style.blink { BLINK } else { 0 }
        | if style.strike { STRIKE } else { 0 }
        | if style.bold && style.dim { BOLD_AND_DIM } else { 0 }
        | if protected { PROTECTED } else { 0 };
    char::from_u32(LOOKS + bits).filter(|_| bits != 0)
}

/// Whether a character is one of those that mean something here, or could.
#[must_use]
pub fn is_mark(c: char) -> bool {
    ('\u{e0200}'..='\u{e0fff}').contains(&c)
}

/// What was found behind a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Carried {
    /// The number of the link.
    pub link: Option<u16>,
    /// A prompt begins here.
    pub prompt: bool,
    /// A wide character that did not fit here went on to the next row.
    pub spacer: bool,
    looks: u32,
}

impl Carried {
    /// Selective erasure leaves the cell.
    #[must_use]
    pub fn is_protected(self) -> bool {
        self.looks & PROTECTED != 0
    }

    /// What the crate holds of a cell's looks, with what it does not.
    #[must_use]
    pub fn complete(self, style: Style) -> Style {
        let has = |bit| self.looks & bit != 0;
        Style {
            blink: has(BLINK),
            strike: has(STRIKE),
            bold: style.bold || has(BOLD_AND_DIM),
            dim: style.dim || has(BOLD_AND_DIM),
            ..style
        }
    }
}

/// The text of a cell, and what it carries.
#[must_use]
pub fn split(text: &str) -> (&str, Carried) {
    let mut carried = Carried::default();
    // A mark has four bytes and stands behind a character: most cells are too short to hold one.
    if text.len() < 5 {
        return (text, carried);
    }
    let Some(at) = text.find(is_mark) else { return (text, carried) };
    for mark in text[at..].chars() {
        match mark {
            PROMPT => carried.prompt = true,
            SPACER => carried.spacer = true,
            mark if (LOOKS..=LOOKS + ALL_LOOKS).contains(&u32::from(mark)) => {
                carried.looks = u32::from(mark) - LOOKS
            }
            mark if is_mark(mark) => carried.link = u16::try_from(u32::from(mark) - FIRST).ok(),
            _ => {}
        }
    }
    (&text[..at], carried)
}

/// Where the links lead to.
#[derive(Debug, Clone, Default)]
pub struct Links {
    targets: VecDeque<Box<str>>,
    /// The number of the first of them, as it would be without an end.
    first: usize,
}

impl Links {
    /// The mark for a link to `target`.
    pub fn mark(&mut self, target: &str) -> char {
        // A link is mostly named once for each of its rows, or once for each row of a table.
        let recent = self.targets.iter().rev().take(64).position(|other| **other == *target);
        let index = match recent {
            Some(back) => self.first + self.targets.len() - 1 - back,
            None => {
                if self.targets.len() == LINKS {
                    self.targets.pop_front();
                    self.first += 1;
                }
                self.targets.push_back(target.into());
                self.first + self.targets.len() - 1
            }
        };
        char::from_u32(FIRST + (index % LINKS) as u32).unwrap_or(PROMPT)
    }

    /// Where a number leads to.
    #[must_use]
    pub fn target(&self, number: u16) -> Option<&str> {
        let back = (usize::from(number) + LINKS - self.first % LINKS) % LINKS;
        self.targets.get(back).map(|target| &**target)
    }
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthChar;

    use super::*;

    #[test]
    fn marks_have_no_width_and_are_told_from_text() {
        for c in ['\u{e0200}', '\u{e05ff}', '\u{e0e07}', SPACER, PROMPT] {
            assert_eq!(c.width(), Some(0));
            assert_eq!(c.len_utf8(), 4);
        }
        for text in ["", "a", "日", "e\u{301}", "葛\u{e0100}", "👩\u{200d}", "🏴\u{e0067}\u{e007f}"] {
            assert_eq!(split(text), (text, Carried::default()));
        }
        let link = Links::default().mark("https://a.example");
        let both = Carried { link: Some(0), prompt: true, ..Carried::default() };
        assert_eq!(split(&format!("日{link}{PROMPT}")), ("日", both));
        for style in [
            Style { blink: true, ..Style::default() },
            Style { strike: true, bold: true, ..Style::default() },
            Style { bold: true, dim: true, ..Style::default() },
        ] {
            let mark = mark_of(style, false).unwrap();
            let held = Style { blink: false, strike: false, dim: false, ..style };
            assert_eq!(split(&format!("x{mark}")).1.complete(held), style);
        }
        assert_eq!(mark_of(Style { bold: true, underline: true, ..Style::default() }, false), None);
        let protected = mark_of(Style::default(), true).unwrap();
        assert!(split(&format!("x{protected}")).1.is_protected());
    }

    #[test]
    fn the_newest_links_are_told_apart() {
        let mut links = Links::default();
        let name = |n: usize| format!("https://{n}.example");
        for n in 0..3 * LINKS {
            let mark = links.mark(&name(n));
            assert_eq!(links.mark(&name(n)), mark, "the same again is the same");
            for back in [0, 1, n.min(LINKS - 1)] {
                let mark = char::from_u32(FIRST + ((n.saturating_sub(back)) % LINKS) as u32).unwrap();
                let (_, carried) = split(&format!("x{mark}"));
                let target = links.target(carried.link.unwrap());
                assert_eq!(target, Some(&*name(n.saturating_sub(back))));
            }
        }
        assert_eq!(Links::default().target(0), None);
    }
}
