//! Rows in their compact form, some hundred of them in one piece of memory.
//!
//! A row is its text, with a mark of one byte (three where a block has many looks) where its looks change or a link begins or
//! ends. No text of a screen has control characters, so they are free to be these marks, and the whole stays UTF-8. The marks
//! are numbers of the block's own tables: looks and links that a row names are written down once for hundreds of rows.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::term::cell::{Cell, Color, Style, Width};

/// Looks by a number of two digits in base 64, which follow.
const FAR_STYLE: u8 = 0x01;
/// A link by a number in two digits.
const LINK: u8 = 0x02;
/// The link ends.
const UNLINK: u8 = 0x03;
/// The first of the marks that are the number of a look.
const STYLE: u8 = 0x04;
/// Looks that have a mark of one byte.
const NEAR_STYLES: u16 = 0x20 - STYLE as u16;
/// The first digit.
const DIGIT: u8 = 0x40;
/// A table that has more is full.
const TABLE: usize = 64 * 64;
/// A block with so many looks or links takes no further row.
const CROWDED: usize = TABLE / 2;
/// Links that are sought among so many of the newest before they are written down anew.
const RECENT: usize = 64;
/// Looks that are found again at once.
const FAMILIAR: usize = 128;
/// Places that each of them may have.
const WAYS: usize = 4;

/// What is known of a row beside its cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Kind {
    /// The line goes on in the next row, because it was too long for the screen.
    pub wrapped: bool,
    /// A prompt begins in it.
    pub prompt: bool,
}

/// Where a row ends in the text, and its kind.
#[derive(Debug, Clone, Copy)]
struct End(u32);

impl End {
    const WRAPPED: u32 = 1 << 31;
    const PROMPT: u32 = 1 << 30;

    fn new(end: usize, kind: Kind) -> Self {
        let wrapped = if kind.wrapped { Self::WRAPPED } else { 0 };
        let prompt = if kind.prompt { Self::PROMPT } else { 0 };
        Self(end as u32 | wrapped | prompt)
    }

    fn end(self) -> usize {
        (self.0 & (Self::PROMPT - 1)) as usize
    }

    fn kind(self) -> Kind {
        Kind { wrapped: self.0 & Self::WRAPPED != 0, prompt: self.0 & Self::PROMPT != 0 }
    }
}

/// Some hundred rows.
#[derive(Debug, Clone)]
pub struct Block {
    text: String,
    ends: Vec<End>,
    styles: Vec<Style>,
    /// The numbers of looks that were used last, each at the place that its colours give it.
    familiar: [u16; FAMILIAR],
    links: Vec<Box<str>>,
    link_bytes: usize,
}

impl Block {
    /// Empty, with room for so many bytes of text.
    pub fn new(room: usize) -> Self {
        Self {
            text: String::with_capacity(room),
            ends: Vec::new(),
            styles: Vec::new(),
            familiar: [0; FAMILIAR],
            links: Vec::new(),
            link_bytes: 0,
        }
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// What it takes in memory.
    pub fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.text.capacity()
            + self.ends.capacity() * size_of::<End>()
            + self.styles.capacity() * size_of::<Style>()
            + self.links.capacity() * size_of::<Box<str>>()
            + self.link_bytes
    }

    /// Whether a row of so many bytes belongs in another block.
    pub fn is_full_for(&self, bytes: usize) -> bool {
        let room = self.text.capacity() - self.text.len();
        (bytes > room && !self.ends.is_empty()) || self.styles.len() >= CROWDED || self.links.len() >= CROWDED
    }

    /// No further row comes.
    pub fn seal(&mut self) {
        self.ends.shrink_to_fit();
        self.styles.shrink_to_fit();
        self.links.shrink_to_fit();
    }

    /// Begins a row at the end.
    pub fn write(&mut self) -> Writer<'_> {
        let start = self.text.len();
        Writer { block: self, style: Style::default(), link: None, visible: start }
    }

    pub fn row(&self, index: usize) -> Option<Row<'_>> {
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before].end());
        Some(Row { text: &self.text[start..end.end()], kind: end.kind(), block: self })
    }

    /// Forgets the rows behind the first `len`.
    pub fn truncate(&mut self, len: usize) {
        self.ends.truncate(len);
        self.text.truncate(self.ends.last().map_or(0, |end| end.end()));
    }

    fn style_number(&mut self, style: Style) -> u16 {
        let mix = color_bits(style.foreground).wrapping_mul(0x9e37_79b1)
            ^ color_bits(style.background).wrapping_mul(0x85eb_ca6b)
            ^ u32::from(style.bold) << 29;
        let place = |way: usize| ((mix >> 24) as usize + way) % FAMILIAR;
        for way in 0..WAYS {
            let number = self.familiar[place(way)];
            if self.styles.get(usize::from(number)) == Some(&style) {
                return number;
            }
        }
        // A row of thousands of looks: the last one has to do.
        if self.styles.len() < TABLE {
            self.styles.push(style);
        }
        let number = (self.styles.len() - 1) as u16;
        self.familiar[place(usize::from(number) % WAYS)] = number;
        number
    }

    fn link_number(&mut self, target: &str) -> Option<u16> {
        let recent = self.links.iter().rev().take(RECENT).position(|other| **other == *target);
        match recent {
            Some(back) => Some((self.links.len() - 1 - back) as u16),
            None if self.links.len() < TABLE => {
                self.links.push(target.into());
                self.link_bytes += target.len();
                Some((self.links.len() - 1) as u16)
            }
            None => None,
        }
    }

    fn push_far(&mut self, mark: u8, number: u16) {
        let digits = [DIGIT + (number >> 6) as u8, DIGIT + (number & 0x3f) as u8];
        self.text.extend([mark, digits[0], digits[1]].map(char::from));
    }
}

/// A row that is being written.
pub struct Writer<'a> {
    block: &'a mut Block,
    style: Style,
    link: Option<u16>,
    /// Up to where there is something to see.
    visible: usize,
}

impl Writer<'_> {
    /// Text in these looks, and what it leads to.
    pub fn push(&mut self, text: &str, style: Style, link: Option<&str>) {
        let link = link.and_then(|target| self.block.link_number(target));
        if link != self.link {
            self.link = link;
            match link {
                Some(number) => self.block.push_far(LINK, number),
                None => self.block.text.push(char::from(UNLINK)),
            }
        }
        if style != self.style {
            self.style = style;
            match self.block.style_number(style) {
                near if near < NEAR_STYLES => self.block.text.push(char::from(STYLE + near as u8)),
                far => self.block.push_far(FAR_STYLE, far),
            }
        }
        // Spaces at the end are not kept where they look like nothing.
        let seen = if style.shows_on_blank() { text.len() } else { text.trim_end_matches(' ').len() };
        if seen > 0 {
            self.visible = self.block.text.len() + seen;
        }
        self.block.text.push_str(text);
    }

    /// Ends the row.
    pub fn end(self, kind: Kind) {
        if !kind.wrapped {
            self.block.text.truncate(self.visible);
        }
        self.block.ends.push(End::new(self.block.text.len(), kind));
    }
}

/// A row that left the screen.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    text: &'a str,
    kind: Kind,
    block: &'a Block,
}

impl<'a> Row<'a> {
    /// Whether it wraps, whether a prompt is in it.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its cells from the left, as they were on the screen; continuations are not among them.
    #[must_use]
    pub fn cells(&self) -> Cells<'a> {
        Cells { rest: self.text, style: Style::default(), link: None, block: self.block }
    }

    /// Its text alone, added to `out`.
    pub fn plain(&self, out: &mut String) {
        let mut rest = self.text;
        while let Some(at) = rest.bytes().position(|byte| byte < 0x20) {
            out.push_str(&rest[..at]);
            rest = &rest[at + mark_length(rest.as_bytes()[at])..];
        }
        out.push_str(rest);
    }

    /// How many columns it has, and whether any of its characters takes two.
    #[must_use]
    pub fn columns(&self) -> (usize, bool) {
        if self.text.is_ascii() {
            let mut columns = self.text.len();
            let marks = self.text.bytes().filter(|byte| *byte < 0x20);
            marks.for_each(|mark| columns -= mark_length(mark));
            return (columns, false);
        }
        self.cells().fold((0, false), |(columns, wide), cell| match cell.width {
            Width::Wide => (columns + 2, true),
            _ => (columns + 1, wide),
        })
    }
}

/// The bytes of a mark, its digits included.
fn mark_length(mark: u8) -> usize {
    if matches!(mark, FAR_STYLE | LINK) { 3 } else { 1 }
}

/// The cells of a row. See [`Row::cells`].
#[derive(Clone)]
pub struct Cells<'a> {
    rest: &'a str,
    style: Style,
    link: Option<u16>,
    block: &'a Block,
}

impl<'a> Cells<'a> {
    /// Where the cell that came last leads to.
    #[must_use]
    pub fn link(&self) -> Option<&'a str> {
        self.block.links.get(usize::from(self.link?)).map(|target| &**target)
    }

    /// Takes a mark from the front of the rest.
    fn mark(&mut self, mark: u8) {
        let (mark_and_digits, rest) = self.rest.split_at(mark_length(mark));
        let digits = mark_and_digits.bytes().skip(1);
        let far = digits.fold(0, |number, digit| number << 6 | u16::from(digit - DIGIT));
        let style = |number: u16| self.block.styles.get(usize::from(number)).copied().unwrap_or_default();
        match mark {
            FAR_STYLE => self.style = style(far),
            LINK => self.link = Some(far),
            UNLINK => self.link = None,
            near => self.style = style(u16::from(near - STYLE)),
        }
        self.rest = rest;
    }
}

impl<'a> Iterator for Cells<'a> {
    type Item = Cell<'a>;

    fn next(&mut self) -> Option<Cell<'a>> {
        let first = loop {
            match *self.rest.as_bytes().first()? {
                mark @ ..0x20 => self.mark(mark),
                byte => break byte,
            }
        };
        let (end, wide) = if first < 0x80 && self.rest.as_bytes().get(1).is_none_or(|next| *next < 0x80) {
            (1, false)
        } else {
            cluster(self.rest)
        };
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(Cell { text, style: self.style, width: if wide { Width::Wide } else { Width::Narrow } })
    }
}

/// The length of the first character with what combines with it, and whether it takes two columns, as the emulator counts.
pub(super) fn cluster(text: &str) -> (usize, bool) {
    let mut chars = text.char_indices();
    let Some((_, first)) = chars.next() else { return (0, false) };
    let end = chars.find(|(_, c)| *c < ' ' || c.width() != Some(0)).map_or(text.len(), |(index, _)| index);
    let wide = first.width().unwrap_or(1) > 1 || (end > first.len_utf8() && text[..end].width() > 1);
    (end, wide)
}

fn color_bits(color: Color) -> u32 {
    match color {
        Color::Default => 0,
        Color::Indexed(index) => 1 << 24 | u32::from(index),
        Color::Rgb(r, g, b) => u32::from_be_bytes([2, r, g, b]),
    }
}

impl Style {
    /// Whether a space in these looks can be told from nothing.
    fn shows_on_blank(&self) -> bool {
        let on_text_alone =
            Style { foreground: Color::Default, bold: false, dim: false, italic: false, ..*self };
        on_text_alone != Style::default()
    }
}
