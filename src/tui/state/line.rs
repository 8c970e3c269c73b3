//! A line of text that is being typed, and its cursor.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::tui::action::Action;

/// The text and where the cursor stands in it, as a byte offset at a character's start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    text: String,
    cursor: usize,
}

impl Line {
    /// A line with this text, the cursor behind it.
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { cursor: text.len(), text }
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where the cursor stands, in bytes.
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// Whether the cursor stands behind the text.
    pub fn at_end(&self) -> bool {
        self.cursor == self.text.len()
    }

    /// Puts another text in the place, the cursor at this byte of it.
    pub fn replace(&mut self, text: String, cursor: usize) {
        self.cursor = if text.is_char_boundary(cursor) { cursor } else { text.len() };
        self.text = text;
    }

    /// Cells before the cursor.
    pub fn cursor_cells(&self) -> usize {
        self.text[..self.cursor].width()
    }

    /// The part of the text that `cells` cells can show with the cursor in sight, and the cells before the cursor in it.
    pub fn window(&self, cells: usize) -> (&str, usize) {
        let mut start = 0;
        while self.text[start..self.cursor].width() >= cells.max(1) {
            start += self.text[start..].chars().next().map_or(1, char::len_utf8);
        }
        let mut used = 0;
        let end = self.text[start..]
            .char_indices()
            .find(|(_, c)| {
                used += c.width().unwrap_or(0);
                used > cells
            })
            .map_or(self.text.len(), |(at, _)| start + at);
        (&self.text[start..end], self.text[start..self.cursor].width())
    }

    /// Types a character.
    pub fn insert(&mut self, c: char) {
        if !c.is_control() {
            self.text.insert(self.cursor, c);
            self.cursor += c.len_utf8();
        }
    }

    /// Types a text; line ends become spaces.
    pub fn insert_text(&mut self, text: &str) {
        for c in text.trim_end_matches(['\n', '\r']).chars() {
            self.insert(if c.is_control() { ' ' } else { c });
        }
    }

    /// Does one of the editing actions; whether the *text* changed.
    pub fn edit(&mut self, action: Action) -> bool {
        let before = self.text.len();
        match action {
            Action::Erase => {
                let start = self.before_cursor();
                self.text.drain(start..self.cursor);
                self.cursor = start;
            }
            Action::EraseForward => {
                let end = self.after_cursor();
                self.text.drain(self.cursor..end);
            }
            Action::EraseWord => {
                let kept = self.text[..self.cursor].trim_end();
                let start = kept.rfind(char::is_whitespace).map_or(0, |at| at + 1);
                self.text.drain(start..self.cursor);
                self.cursor = start;
            }
            Action::EraseLine => {
                self.text.drain(..self.cursor);
                self.cursor = 0;
            }
            Action::CursorLeft => self.cursor = self.before_cursor(),
            Action::CursorRight => self.cursor = self.after_cursor(),
            Action::CursorStart => self.cursor = 0,
            Action::CursorEnd => self.cursor = self.text.len(),
            _ => {}
        }
        self.text.len() != before
    }

    fn before_cursor(&self) -> usize {
        self.text[..self.cursor].char_indices().next_back().map_or(0, |(at, _)| at)
    }

    fn after_cursor(&self) -> usize {
        self.text[self.cursor..].chars().next().map_or(self.cursor, |c| self.cursor + c.len_utf8())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_and_erasing_keep_to_characters() {
        let mut line = Line::default();
        line.insert_text("wéb prod");
        assert!(line.edit(Action::EraseWord));
        assert_eq!(line.text(), "wéb ");
        line.edit(Action::CursorStart);
        line.edit(Action::CursorRight);
        line.edit(Action::EraseForward);
        assert_eq!((line.text(), line.cursor_cells()), ("wb ", 1));
        assert!(!line.edit(Action::CursorEnd));
        assert!(line.edit(Action::Erase));
        assert!(line.edit(Action::EraseLine));
        assert!(!line.edit(Action::Erase), "nothing is left to erase");
    }

    #[test]
    fn a_pasted_line_end_is_a_space_and_no_command() {
        let mut line = Line::default();
        line.insert_text("one\ntwo\r\n");
        assert_eq!(line.text(), "one two");
    }

    #[test]
    fn the_window_follows_the_cursor() {
        let mut line = Line::new("abcdefghij");
        assert_eq!(line.window(4), ("hij", 3));
        line.edit(Action::CursorStart);
        assert_eq!(line.window(4), ("abcd", 0));
        assert_eq!(Line::new("").window(0), ("", 0));
        assert_eq!(Line::new("日本語").window(4), ("語", 2));
    }
}
