//! The colours of a pane: those that its program set (OSC 4, 10, 11 and 12), and what is answered when it asks for one.
//!
//! They are this pane's alone: the widget draws what was set as 24 bits, and nothing of it goes to the user's own terminal, which
//! also draws the cursor; so the cursor's colour is only kept and told. Colours have eight bits a channel, as they are drawn.

use super::cell::{Color, Style};

/// A colour of eight bits a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rgb(pub u8, pub u8, pub u8);

impl From<Rgb> for Color {
    fn from(Rgb(red, green, blue): Rgb) -> Self {
        Self::Rgb(red, green, blue)
    }
}

impl Rgb {
    /// Whether black text is read on it more easily than white (ITU-R BT.601's luma).
    #[must_use]
    pub fn is_light(self) -> bool {
        let Self(red, green, blue) = self;
        299 * u32::from(red) + 587 * u32::from(green) + 114 * u32::from(blue) >= 127_500
    }

    /// Reads a colour as X11 writes it (`XParseColor`): `rgb:r/g/b` with one to four digits each, which are scaled, and `#` with as many
    /// digits for each, which are the first ones of four. Names, and colours by how they are seen, are not known.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        if let Some(digits) = text.strip_prefix('#') {
            let each = digits.len() / 3;
            if !(1..=4).contains(&each) || digits.len() != 3 * each || !digits.is_ascii() {
                return None;
            }
            let first = |part: usize| {
                let value = hexadecimal(&digits[part * each..][..each])?;
                Some(((value << (16 - 4 * each)) >> 8) as u8)
            };
            return Some(Self(first(0)?, first(1)?, first(2)?));
        }
        let mut channels = text.strip_prefix("rgb:")?.split('/').map(|digits| {
            let value = hexadecimal(digits)?;
            Some(((value * 0xffff / ((1 << (4 * digits.len())) - 1)) >> 8) as u8)
        });
        let color = Self(channels.next()??, channels.next()??, channels.next()??);
        channels.next().is_none().then_some(color)
    }
}

/// One to four digits.
fn hexadecimal(digits: &str) -> Option<u32> {
    let valid = (1..=4).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    u32::from_str_radix(digits, 16).ok().filter(|_| valid)
}

/// The colours that are no part of the palette of 256.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dynamic {
    /// Of text that has none.
    Foreground,
    /// Behind it.
    Background,
    /// Of the cursor.
    Cursor,
}

/// The colours of one pane.
#[derive(Debug, Clone, Default)]
pub struct Palette {
    /// Those of the palette, once one was set.
    indexed: Option<Box<[Option<Rgb>; 256]>>,
    dynamic: [Option<Rgb>; 3],
    own: Option<Own>,
}

/// The colours of the user's own terminal, as far as somebody has said so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Own {
    /// Of text.
    pub text: Rgb,
    /// Behind it.
    pub background: Rgb,
}

impl Own {
    /// Black text on white.
    pub const LIGHT: Self = Self { text: Rgb(0, 0, 0), background: Rgb(255, 255, 255) };
    /// White on black.
    pub const DARK: Self = Self { text: Rgb(255, 255, 255), background: Rgb(0, 0, 0) };
}

impl Palette {
    /// Of a terminal below that has turned out to have these colours.
    pub fn set_own(&mut self, own: Option<Own>) {
        self.own = own;
    }

    /// The colours of the terminal below.
    #[must_use]
    pub fn own(&self) -> Option<Own> {
        self.own
    }

    /// Sets a colour of the palette, or takes that back.
    pub fn set_indexed(&mut self, index: u8, color: Option<Rgb>) {
        if color.is_some() || self.indexed.is_some() {
            self.indexed.get_or_insert_with(|| Box::new([None; 256]))[usize::from(index)] = color;
        }
    }

    /// Takes back all that was set of the palette.
    pub fn reset_indexed(&mut self) {
        self.indexed = None;
    }

    /// Sets another colour, or takes that back.
    pub fn set_dynamic(&mut self, which: Dynamic, color: Option<Rgb>) {
        self.dynamic[which as usize] = color;
    }

    /// What a program is told of the palette: what was set, or xterm's default. (The user's own first sixteen may differ.)
    #[must_use]
    pub fn indexed(&self, index: u8) -> Rgb {
        self.set(index).unwrap_or_else(|| default(index))
    }

    /// What a program is told: what was set, else what the user's own terminal has. Nothing where that is not known: one that chooses
    /// its colours by the background then keeps to its own default, where a guess could make it unreadable.
    #[must_use]
    pub fn dynamic(&self, which: Dynamic) -> Option<Rgb> {
        let own = self.own.map(|own| match which {
            Dynamic::Background => own.background,
            Dynamic::Foreground | Dynamic::Cursor => own.text,
        });
        self.dynamic[which as usize].or(own)
    }

    /// Looks with the colours that were set.
    #[must_use]
    pub fn shown(&self, style: Style) -> Style {
        let shown = |color, default: Dynamic| match color {
            Color::Default => self.dynamic[default as usize].map_or(color, Color::from),
            Color::Indexed(index) => self.set(index).map_or(color, Color::from),
            Color::Rgb(..) => color,
        };
        Style {
            foreground: shown(style.foreground, Dynamic::Foreground),
            background: shown(style.background, Dynamic::Background),
            ..style
        }
    }

    fn set(&self, index: u8) -> Option<Rgb> {
        self.indexed.as_ref()?[usize::from(index)]
    }
}

/// xterm's palette: its sixteen (`XTerm-col.ad`, `color0` to `color15`), a cube of six levels, a ramp of grey (`256colres.pl`).
fn default(index: u8) -> Rgb {
    const FIRST: [Rgb; 16] = [
        Rgb(0, 0, 0),
        Rgb(205, 0, 0),
        Rgb(0, 205, 0),
        Rgb(205, 205, 0),
        Rgb(0, 0, 238),
        Rgb(205, 0, 205),
        Rgb(0, 205, 205),
        Rgb(229, 229, 229),
        Rgb(127, 127, 127),
        Rgb(255, 0, 0),
        Rgb(0, 255, 0),
        Rgb(255, 255, 0),
        Rgb(92, 92, 255),
        Rgb(255, 0, 255),
        Rgb(0, 255, 255),
        Rgb(255, 255, 255),
    ];
    let level = |level: u8| if level == 0 { 0 } else { 55 + 40 * level };
    match index {
        0..16 => FIRST[usize::from(index)],
        16..232 => {
            let cube = index - 16;
            Rgb(level(cube / 36), level(cube / 6 % 6), level(cube % 6))
        }
        232.. => {
            let grey = 8 + 10 * (index - 232);
            Rgb(grey, grey, grey)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_as_x11_writes_them() {
        for (text, color) in [
            ("rgb:f/0/8", Some(Rgb(0xff, 0, 0x88))),
            ("rgb:f0/08/7f", Some(Rgb(0xf0, 0x08, 0x7f))),
            ("rgb:fff/800/001", Some(Rgb(0xff, 0x80, 0))),
            ("rgb:ffff/8000/00ff", Some(Rgb(0xff, 0x80, 0))),
            ("rgb:Ab/c/0123", Some(Rgb(0xab, 0xcc, 0x01))),
            // The first digits, not scaled.
            ("#fff", Some(Rgb(0xf0, 0xf0, 0xf0))),
            ("#1a2B3c", Some(Rgb(0x1a, 0x2b, 0x3c))),
            ("#f00800123", Some(Rgb(0xf0, 0x80, 0x12))),
            ("#f000800012ff", Some(Rgb(0xf0, 0x80, 0x12))),
            ("rgb:f/0", None),
            ("rgb:f/0/0/0", None),
            ("rgb:12345/0/0", None),
            ("rgb:/0/0", None),
            ("rgb:+1/0/0", None),
            ("rgb:g/0/0", None),
            ("#", None),
            ("#1", None),
            ("#12", None),
            ("#12345", None),
            ("#1234567890abcdef", None),
            ("#é0000", None),
            ("#+1+1+1", None),
            ("red;id", None),
            ("", None),
        ] {
            assert_eq!(Rgb::parse(text.as_bytes()), color, "{text}");
        }
        assert_eq!(Rgb::parse(b"#\xff\xff\xff"), None);
    }

    #[test]
    fn the_palette_of_xterm() {
        let palette = Palette::default();
        for (index, color) in [
            (1, Rgb(205, 0, 0)),
            (12, Rgb(92, 92, 255)),
            (16, Rgb(0, 0, 0)),
            (17, Rgb(0, 0, 95)),
            (208, Rgb(255, 135, 0)),
            (231, Rgb(255, 255, 255)),
            (232, Rgb(8, 8, 8)),
            (255, Rgb(238, 238, 238)),
        ] {
            assert_eq!(palette.indexed(index), color, "{index}");
        }
    }
}
