//! A cell of the screen in plain types, so that neither the emulator nor the widget needs to know the other's crate.

/// A colour as the remote named it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Color {
    /// The terminal's own.
    #[default]
    Default,
    /// One of the palette of 256; 0–15 are the user's own sixteen.
    Indexed(u8),
    /// 24 bits.
    Rgb(u8, u8, u8),
}

/// Colours and attributes of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Style {
    /// Colour of the text.
    pub foreground: Color,
    /// Colour behind it.
    pub background: Color,
    /// Bold.
    pub bold: bool,
    /// Dim.
    pub dim: bool,
    /// Italic.
    pub italic: bool,
    /// Underlined, in any style.
    pub underline: bool,
    /// Foreground and background exchanged.
    pub inverse: bool,
    /// Blinking.
    pub blink: bool,
    /// Struck through.
    pub strike: bool,
}

/// How many columns a cell's text takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    /// One column.
    Narrow,
    /// Two columns; the next cell is a [`Width::Continuation`].
    Wide,
    /// The second column of a wide cell: nothing to draw.
    Continuation,
}

/// One cell: what is in it, and how it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell<'a> {
    /// A character with what combines with it; empty where nothing was written.
    pub text: &'a str,
    /// Its looks.
    pub style: Style,
    /// Its columns.
    pub width: Width,
}
