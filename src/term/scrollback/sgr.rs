//! SGR sequences: those that a captured row holds, read; looks, written.

use std::fmt::Write as _;

use crate::term::cell::{Color, Style};

/// The pieces of a captured row, each in one look.
pub fn runs<'a>(text: &'a str, mut run: impl FnMut(&'a str, Style)) {
    let mut style = Style::default();
    let mut rest = text;
    while let Some(escape) = rest.bytes().position(|byte| byte == 0x1b) {
        if escape > 0 {
            run(&rest[..escape], style);
        }
        let sequence = &rest.as_bytes()[escape..];
        let length = sequence.iter().position(|byte| *byte == b'm').map_or(sequence.len(), |last| last + 1);
        apply(&mut style, &sequence[..length]);
        rest = &rest[escape + length..];
    }
    if !rest.is_empty() {
        run(rest, style);
    }
}

/// The characters of a captured row, each with what combines with it.
pub fn cells(text: &str) -> Vec<(&str, Style)> {
    let mut cells = Vec::new();
    runs(text, |mut run, style| {
        while !run.is_empty() {
            let (cell, rest) = run.split_at(super::row::cluster(run).0);
            cells.push((cell, style));
            run = rest;
        }
    });
    cells
}

/// Applies a sequence that a captured row can hold.
fn apply(style: &mut Style, sequence: &[u8]) {
    // ESC, `[` and `m` are no digits.
    let number = |number: u8, byte: &u8| number.wrapping_mul(10).wrapping_add(byte.wrapping_sub(b'0'));
    let digits = |part: &[u8]| part.iter().filter(|byte| byte.is_ascii_digit()).fold(0, number);
    let mut numbers = sequence.split(|byte| *byte == b';').map(digits);
    while let Some(number) = numbers.next() {
        match number {
            0 => *style = Style::default(),
            1 => (style.bold, style.dim) = (true, false),
            2 => (style.bold, style.dim) = (false, true),
            22 => (style.bold, style.dim) = (false, false),
            3 | 23 => style.italic = number == 3,
            4 | 24 => style.underline = number == 4,
            7 | 27 => style.inverse = number == 7,
            30..=37 => style.foreground = Color::Indexed(number - 30),
            38 => style.foreground = extended(&mut numbers),
            39 => style.foreground = Color::Default,
            40..=47 => style.background = Color::Indexed(number - 40),
            48 => style.background = extended(&mut numbers),
            49 => style.background = Color::Default,
            90..=97 => style.foreground = Color::Indexed(number - 82),
            100..=107 => style.background = Color::Indexed(number - 92),
            _ => {}
        }
    }
}

fn extended(numbers: &mut impl Iterator<Item = u8>) -> Color {
    let mut next = || numbers.next().unwrap_or(0);
    if next() == 5 { Color::Indexed(next()) } else { Color::Rgb(next(), next(), next()) }
}

/// Adds the sequence that sets these looks, whatever was before.
pub fn write(style: Style, out: &mut String) {
    out.push_str("\x1b[");
    let codes = [
        (style.bold, "1"),
        (style.dim, "2"),
        (style.italic, "3"),
        (style.underline, "4"),
        (style.blink, "5"),
        (style.inverse, "7"),
        (style.strike, "9"),
    ];
    out.push('0');
    for (_, code) in codes.iter().filter(|(on, _)| *on) {
        out.push(';');
        out.push_str(code);
    }
    for (color, code) in [(style.foreground, 38), (style.background, 48)] {
        // A String takes everything.
        let _ = match color {
            Color::Default => Ok(()),
            Color::Indexed(index) => write!(out, ";{code};5;{index}"),
            Color::Rgb(r, g, b) => write!(out, ";{code};2;{r};{g};{b}"),
        };
    }
    out.push('m');
}
