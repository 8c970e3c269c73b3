//! Text in cells: cut to a width, broken into lines, put in words.

use std::time::Duration;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The text in at most `cells` cells; what is cut off shows as `…`.
pub fn fit(text: &str, cells: usize) -> String {
    if text.width() <= cells {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 0;
    for c in text.chars() {
        let width = c.width().unwrap_or(0);
        if used + width + 1 > cells {
            break;
        }
        used += width;
        kept.push(c);
    }
    if cells > 0 {
        kept.push('…');
    }
    kept
}

/// An id in its short form: `i-0a1…9f3a`.
pub fn short_id(id: &str) -> String {
    if id.len() <= 10 || !id.is_ascii() {
        return id.to_owned();
    }
    format!("{}…{}", &id[..5], &id[id.len() - 4..])
}

/// The text in lines of at most `cells` cells, broken at spaces where it has some.
pub fn wrap(text: &str, cells: usize) -> Vec<String> {
    let cells = cells.max(1);
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            if !line.is_empty() && line.width() + 1 + word.width() > cells {
                lines.push(std::mem::take(&mut line));
            } else if !line.is_empty() {
                line.push(' ');
            }
            for c in word.chars() {
                if line.width() + c.width().unwrap_or(0) > cells {
                    lines.push(std::mem::take(&mut line));
                }
                line.push(c);
            }
        }
        lines.push(line);
    }
    lines
}

/// The text with what has no glyph made visible: `^[` for ESC, `^C`, `^?`; others as `�`. Tabs are two spaces.
pub fn visible(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars() {
        match c {
            '\t' => shown.push_str("  "),
            '\0'..='\u{1f}' => shown.extend(['^', char::from(c as u8 + b'@')]),
            '\u{7f}' => shown.push_str("^?"),
            c if c.is_control() || is_turning(c) => shown.push(char::REPLACEMENT_CHARACTER),
            c => shown.push(c),
        }
    }
    shown
}

/// How many characters of a paste are left out: they would press keys.
pub fn controls(text: &str) -> usize {
    text.chars().filter(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')).count()
}

/// Whether a character turns the direction of what follows, and so can hide what a text says.
fn is_turning(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A span as people say it: `0.4 s` below ten seconds if `tenths`, else `12 s`, `3 min`, `2 h`.
pub fn span(time: Duration, tenths: bool) -> String {
    match time.as_secs() {
        0..10 if tenths => format!("{:.1} s", time.as_millis() as f64 / 1000.0),
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}

/// `1 session`, `3 sessions`.
pub fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{} {}", crate::fleet::phrase::count(number), if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_to_cells_not_letters() {
        assert_eq!(fit("web-7f3a", 8), "web-7f3a");
        assert_eq!(fit("web-7f3a", 6), "web-7…");
        assert_eq!(fit("日本語", 5), "日本…");
        assert_eq!(fit("日本語", 4), "日…");
        assert_eq!((fit("abc", 1), fit("abc", 0)), ("…".into(), String::new()));
    }

    #[test]
    fn lines_break_at_spaces_and_long_words_anywhere() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefghij k", 4), ["abcd", "efgh", "ij k"]);
        assert_eq!(wrap("a\nb", 10), ["a", "b"]);
        assert_eq!(wrap("", 10), [""]);
    }

    #[test]
    fn what_cannot_be_seen_is_shown() {
        assert_eq!(visible("a\x1b[31m\tb\x03\x7f"), "a^[[31m  b^C^?");
        assert_eq!(visible("a\u{9b}\u{202e}b"), "a\u{fffd}\u{fffd}b");
        assert_eq!(visible("grüße 日本"), "grüße 日本");
    }

    #[test]
    fn ids_and_spans_are_short() {
        assert_eq!(short_id("i-0a1b2c3d4e5f69f3a"), "i-0a1…9f3a");
        assert_eq!(short_id("mi-0a1"), "mi-0a1");
        assert_eq!(span(Duration::from_millis(430), true), "0.4 s");
        assert_eq!(span(Duration::from_secs(12), true), "12 s");
        assert_eq!(span(Duration::from_secs(430), false), "7 min");
        assert_eq!(
            (counted(1, "session", "sessions"), counted(2, "session", "sessions")),
            ("1 session".into(), "2 sessions".into())
        );
    }
}
