//! `~.` and its kin, as ssh has them: a `~` that begins a line is held until the next key tells what it means.
//! Pure; works on bytes, however they are split.

use bytes::{Bytes, BytesMut};

/// What to do with what was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) enum Step {
    /// Bytes for the far side.
    Send(Bytes),
    /// End the session.
    End,
    /// List the escapes.
    Help,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Nothing was typed since the last return.
    LineStart,
    /// A `~` began this line and is held back.
    Tilde,
    InLine,
}

/// Follows the typist.
#[derive(Debug)]
pub(in crate::cli) struct Escape {
    place: Place,
}

impl Escape {
    pub(in crate::cli) fn new() -> Self {
        Self { place: Place::LineStart }
    }

    /// Takes what was typed; nothing is looked at behind an `End`.
    pub(in crate::cli) fn feed(&mut self, typed: &[u8]) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut out = BytesMut::with_capacity(typed.len() + 1);
        for &byte in typed {
            match (self.place, byte) {
                (Place::LineStart, b'~') => {
                    self.place = Place::Tilde;
                    continue;
                }
                (Place::Tilde, b'.') => {
                    flush(&mut out, &mut steps);
                    steps.push(Step::End);
                    return steps;
                }
                (Place::Tilde, b'?') => {
                    flush(&mut out, &mut steps);
                    steps.push(Step::Help);
                    self.place = Place::LineStart;
                    continue;
                }
                (Place::Tilde, b'~') => out.extend_from_slice(b"~"),
                (Place::Tilde, other) => out.extend_from_slice(&[b'~', other]),
                (_, other) => out.extend_from_slice(&[other]),
            }
            self.place = if matches!(byte, b'\r' | b'\n') { Place::LineStart } else { Place::InLine };
        }
        flush(&mut out, &mut steps);
        steps
    }
}

fn flush(out: &mut BytesMut, steps: &mut Vec<Step>) {
    if !out.is_empty() {
        steps.push(Step::Send(out.split().freeze()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What came through, with `<end>` and `<help>` in place; bytes one by one and all at once must agree.
    fn typed(text: &str) -> String {
        let render = |steps: Vec<Step>| -> String {
            steps
                .into_iter()
                .map(|step| match step {
                    Step::Send(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
                    Step::End => "<end>".to_owned(),
                    Step::Help => "<help>".to_owned(),
                })
                .collect()
        };
        let whole = render(Escape::new().feed(text.as_bytes()));
        let mut escape = Escape::new();
        let mut piecewise = String::new();
        for byte in text.bytes() {
            piecewise.push_str(&render(escape.feed(&[byte])));
            if piecewise.ends_with("<end>") {
                break;
            }
        }
        assert_eq!(whole, piecewise, "{text:?}");
        whole
    }

    #[test]
    fn peers_c13_tilde_dot_after_a_new_line_ends_the_session() {
        assert_eq!(typed("~."), "<end>", "at the very start");
        assert_eq!(typed("ls\r~."), "ls\r<end>");
        assert_eq!(typed("ls\n~.rest"), "ls\n<end>");
        assert_eq!(typed("\r\r~."), "\r\r<end>");
    }

    #[test]
    fn elsewhere_a_tilde_is_a_tilde() {
        assert_eq!(typed("cd ~.\r"), "cd ~.\r");
        assert_eq!(typed("cd ~/x"), "cd ~/x");
        assert_eq!(typed("~/bin/x\r"), "~/bin/x\r");
        assert_eq!(typed("\r~\r~."), "\r~\r<end>", "a held tilde and a return begin a new line");
    }

    #[test]
    fn two_tildes_send_one_and_begin_no_escape() {
        assert_eq!(typed("~~"), "~");
        assert_eq!(typed("~~.\r"), "~.\r");
    }

    #[test]
    fn help_sends_nothing_and_leaves_the_line_new() {
        assert_eq!(typed("\r~?~."), "\r<help><end>");
    }

    #[test]
    fn peers_c01_control_bytes_pass() {
        let all: String = (0u8..32).filter(|b| !matches!(b, b'\r' | b'\n')).map(char::from).collect();
        assert_eq!(typed(&all), all);
    }
}
