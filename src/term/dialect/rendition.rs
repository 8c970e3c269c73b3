//! SGR: the looks of what is drawn next. Kept here whole, since `vt100` knows only part of it and has one place for the saved
//! looks where there are two screens.

use std::fmt::Write as _;

use super::super::carried;
use super::super::cell::{Color, Style};

/// Looks. What the crate cannot hold of them goes with each character as a mark ([`Rendition::mark`]); what nobody can show is left
/// out: overline, the colour of an underline, and its style but for that it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rendition {
    style: Style,
    /// Shown as spaces.
    pub hidden: bool,
    /// DECSCA: selective erasure leaves what is drawn. No SGR changes it.
    pub protected: bool,
}

/// Whether the emulator understands a sequence as it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// It does.
    Yes,
    /// It has to be told the result, by [`Rendition::write`].
    No,
}

impl Rendition {
    /// Those of a cell that was drawn.
    pub fn of(style: Style) -> Self {
        Self { style, ..Self::default() }
    }

    /// What stands behind each character for the looks that the crate cannot hold.
    pub fn mark(&self) -> Option<char> {
        carried::mark_of(self.style, self.protected)
    }

    /// Whether there is a colour behind what is drawn, which rows and cells that come in get, too (`bce`).
    pub fn is_coloured(&self) -> bool {
        self.style.background != Color::Default
    }

    /// Whether the crate would draw these looks where it erases, where xterm has the background only.
    pub fn smears(&self) -> bool {
        self.style.underline || self.style.inverse
    }

    /// The sequence that gives the emulator the background alone.
    pub fn write_background(&self, out: &mut Vec<u8>) {
        Self::of(Style { background: self.style.background, ..Style::default() }).write(out);
    }

    /// Applies the parameters of one `CSI … m`, each with its sub-parameters.
    pub fn apply<'a>(&mut self, mut parameters: impl Iterator<Item = &'a [u16]>) -> Known {
        let mut known = Known::Yes;
        while let Some(parameter) = parameters.next() {
            let style = &mut self.style;
            match *parameter {
                [] | [0] => *self = Self { protected: self.protected, ..Self::default() },
                [1] => style.bold = true,
                [2] => style.dim = true,
                [3] => style.italic = true,
                [4] => style.underline = true,
                [7] => style.inverse = true,
                [22] => (style.bold, style.dim) = (false, false),
                [23] => style.italic = false,
                [24] => style.underline = false,
                [27] => style.inverse = false,
                [n @ 30..=37] => style.foreground = Color::Indexed(n as u8 - 30),
                [39] => style.foreground = Color::Default,
                [n @ 40..=47] => style.background = Color::Indexed(n as u8 - 40),
                [49] => style.background = Color::Default,
                [n @ 90..=97] => style.foreground = Color::Indexed(n as u8 - 82),
                [n @ 100..=107] => style.background = Color::Indexed(n as u8 - 92),
                [code @ (38 | 48 | 58)] => match (code, color_after(&mut parameters)) {
                    // The colour of the underline alone.
                    (58, Some(_)) => known = Known::No,
                    (_, Some(color)) => *self.color(code) = color,
                    // What follows can't be told apart from the colour: xterm and the crate stop here too.
                    (_, None) => {
                        known = Known::No;
                        break;
                    }
                },
                [code @ (38 | 48), ref color @ ..] => {
                    if let Some(color) = color_within(color) {
                        *self.color(code) = color;
                    }
                    known = Known::No;
                }
                ref other => {
                    known = Known::No;
                    match *other {
                        [4, underline] => style.underline = underline != 0,
                        [21] => style.underline = true,
                        [5 | 6] => style.blink = true,
                        [25] => style.blink = false,
                        [8] => self.hidden = true,
                        [28] => self.hidden = false,
                        [9] => style.strike = true,
                        [29] => style.strike = false,
                        // Overline, underline colours, fonts, and what we have never heard of.
                        _ => {}
                    }
                }
            }
        }
        // The crate has bold or dim, the last one said; xterm has both.
        if self.style.bold && self.style.dim { Known::No } else { known }
    }

    /// The sequence that gives the emulator these looks, whatever it had before.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut text = String::from("\x1b[0");
        let style = self.style;
        if style.bold {
            text.push_str(";1");
        } else if style.dim {
            text.push_str(";2");
        }
        for (on, code) in [(style.italic, ";3"), (style.underline, ";4"), (style.inverse, ";7")] {
            if on {
                text.push_str(code);
            }
        }
        for (color, code) in [(style.foreground, 38), (style.background, 48)] {
            // Writing to a String cannot fail.
            let _ = match color {
                Color::Default => Ok(()),
                Color::Indexed(index) => write!(text, ";{code};5;{index}"),
                Color::Rgb(r, g, b) => write!(text, ";{code};2;{r};{g};{b}"),
            };
        }
        text.push('m');
        out.extend_from_slice(text.as_bytes());
    }

    /// The looks as the parameters of SGR, with colours as the standard writes them: `0;1;38:2::1:2:3`.
    pub fn describe(&self) -> String {
        let mut text = String::from("0");
        let style = self.style;
        for (on, code) in [
            (style.bold, ";1"),
            (style.dim, ";2"),
            (style.italic, ";3"),
            (style.underline, ";4"),
            (style.blink, ";5"),
            (style.inverse, ";7"),
            (self.hidden, ";8"),
            (style.strike, ";9"),
        ] {
            if on {
                text.push_str(code);
            }
        }
        for (color, code) in [(style.foreground, 38), (style.background, 48)] {
            // Writing to a String cannot fail.
            let _ = match color {
                Color::Default => Ok(()),
                Color::Indexed(index @ 0..8) => write!(text, ";{}", code - 8 + u16::from(index)),
                Color::Indexed(index) => write!(text, ";{code}:5:{index}"),
                Color::Rgb(r, g, b) => write!(text, ";{code}:2::{r}:{g}:{b}"),
            };
        }
        text
    }

    fn color(&mut self, code: u16) -> &mut Color {
        if code == 38 { &mut self.style.foreground } else { &mut self.style.background }
    }
}

/// `38 ; 5 ; n` and `38 ; 2 ; r ; g ; b`, after the 38.
fn color_after<'a>(parameters: &mut impl Iterator<Item = &'a [u16]>) -> Option<Color> {
    let mut next = || match parameters.next() {
        Some(&[value]) => u8::try_from(value).ok(),
        _ => None,
    };
    match next()? {
        5 => Some(Color::Indexed(next()?)),
        2 => Some(Color::Rgb(next()?, next()?, next()?)),
        _ => None,
    }
}

/// `38 : 5 : n`, `38 : 2 : r : g : b` and, as the standard has it, `38 : 2 : space : r : g : b`, after the 38.
fn color_within(parameters: &[u16]) -> Option<Color> {
    let byte = |value: u16| u8::try_from(value).ok();
    match *parameters {
        [5, index, ..] => Some(Color::Indexed(byte(index)?)),
        [2, r, g, b] | [2, _, r, g, b, ..] => Some(Color::Rgb(byte(r)?, byte(g)?, byte(b)?)),
        _ => None,
    }
}
