//! Pasted text. What comes from a clipboard is text that somebody else may have written: it may not press keys.

use crate::term::InputModes;

const START: &[u8] = b"\x1b[200~";
const END: &str = "\x1b[201~";

/// Appends a paste to `out`: between the marks of bracketed paste where the remote asked for them. Line ends become CR, as the
/// Enter key is; control characters other than tabs and line ends are left out, and so is a mark that would end the paste early.
pub fn encode_paste(text: &str, modes: InputModes, out: &mut Vec<u8>) {
    out.reserve(text.len() + START.len() + END.len());
    if modes.bracketed_paste {
        out.extend_from_slice(START);
    }
    for piece in text.split(END) {
        push_text(piece, out);
    }
    if modes.bracketed_paste {
        out.extend_from_slice(END.as_bytes());
    }
}

fn push_text(text: &str, out: &mut Vec<u8>) {
    let mut after_return = false;
    for c in text.chars() {
        match c {
            '\n' if after_return => {}
            '\n' | '\r' => out.push(b'\r'),
            '\t' => out.push(b'\t'),
            c if c.is_control() => {}
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
        after_return = c == '\r';
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paste(text: &str, bracketed_paste: bool) -> String {
        let mut out = Vec::new();
        encode_paste(text, InputModes { bracketed_paste, ..InputModes::default() }, &mut out);
        String::from_utf8(out).expect("a paste of text is text")
    }

    #[test]
    fn line_ends_are_the_enter_key() {
        assert_eq!(paste("a\nb\r\nc\rd\n\ne", false), "a\rb\rc\rd\r\re");
    }

    #[test]
    fn bracketed_when_the_remote_asked() {
        assert_eq!(paste("a\nb", true), "\x1b[200~a\rb\x1b[201~");
    }

    #[test]
    fn a_paste_cannot_end_itself() {
        assert_eq!(paste("a\x1b[201~\nrm -rf /\n", true), "\x1b[200~a\rrm -rf /\r\x1b[201~");
        let nested = paste("\x1b[20\x1b[201~1~x", true);
        assert_eq!(nested.matches("\x1b[201~").count(), 1, "{nested:?}");
        assert!(!paste("\u{9b}201~x", true).contains('\u{9b}'));
    }

    #[test]
    fn a_paste_presses_no_keys() {
        assert_eq!(paste("a\x03b\x04c\x1b[Ad\x7fe\x00f\tg", false), "abc[Adef\tg");
    }

    #[test]
    fn text_of_every_language_arrives_whole() {
        let text = "grüße 日本語 👩‍👩‍👧 ¼";
        assert_eq!(paste(text, false), text);
        let long = "x".repeat(10_000_000);
        assert_eq!(paste(&long, false).len(), long.len());
    }
}
