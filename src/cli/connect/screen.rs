//! What a session has done to the user's terminal, as far as words of ours must know it: whether the cursor stands at the
//! start of a line, and whether a full-screen program has the alternate screen. Pure; works on bytes, however split.

/// Private modes that switch the screen.
const ALTERNATE: [&[u8]; 3] = [b"1049", b"1047", b"47"];
/// Longest parameters that are looked at.
const LONGEST: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Ground,
    Escape,
    /// Behind `ESC [`, before the first parameter.
    Start,
    /// Behind `ESC [ ?`.
    Private,
    /// In a sequence that does not matter.
    Other,
}

/// Follows the output.
#[derive(Debug)]
pub(super) struct Screen {
    at_line_start: bool,
    alternate: bool,
    place: Place,
    parameters: Vec<u8>,
}

impl Screen {
    pub(super) fn new() -> Self {
        Self { at_line_start: true, alternate: false, place: Place::Ground, parameters: Vec::new() }
    }

    pub(super) fn is_at_line_start(&self) -> bool {
        self.at_line_start
    }

    /// A full-screen program runs: a line of ours would tear its picture.
    pub(super) fn is_alternate(&self) -> bool {
        self.alternate
    }

    pub(super) fn feed(&mut self, output: &[u8]) {
        for &byte in output {
            self.place = match (self.place, byte) {
                (_, 0x1b) => Place::Escape,
                (Place::Escape, b'[') => Place::Start,
                (Place::Start, b'?') => {
                    self.parameters.clear();
                    Place::Private
                }
                (Place::Private, b'0'..=b'9' | b';') => {
                    if self.parameters.len() < LONGEST {
                        self.parameters.push(byte);
                    }
                    Place::Private
                }
                (Place::Private, b'h' | b'l') => {
                    let mut modes = self.parameters.split(|byte| *byte == b';');
                    if modes.any(|mode| ALTERNATE.contains(&mode)) {
                        self.alternate = byte == b'h';
                    }
                    Place::Ground
                }
                (Place::Start | Place::Private | Place::Other, 0x40..=0x7e) => Place::Ground,
                (Place::Start | Place::Private | Place::Other, _) => Place::Other,
                (Place::Escape | Place::Ground, _) => Place::Ground,
            };
        }
        if let Some(last) = output.last() {
            self.at_line_start = *last == b'\n';
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(output: &[u8]) -> (bool, bool) {
        let (mut whole, mut pieces) = (Screen::new(), Screen::new());
        whole.feed(output);
        output.iter().for_each(|byte| pieces.feed(&[*byte]));
        let state = |screen: &Screen| (screen.is_alternate(), screen.is_at_line_start());
        assert_eq!(state(&whole), state(&pieces), "however it is split");
        state(&whole)
    }

    #[test]
    fn full_screen_programs_are_seen_coming_and_going() {
        assert_eq!(after(b"$ vi\r\n\x1b[?1049h\x1b[H~"), (true, false));
        assert_eq!(after(b"\x1b[?1049hx\x1b[?1049l\r\n"), (false, true));
        assert_eq!(after(b"\x1b[?25;1049h"), (true, false), "among others");
        assert_eq!(after(b"\x1b[?47h"), (true, false));
        assert_eq!(after(b"\x1b[?2004h$ "), (false, false), "bracketed paste is none");
        assert_eq!(after(b"\x1b[31m?1049h"), (false, false), "text is text");
    }

    #[test]
    fn endless_parameters_cost_nothing() {
        let mut screen = Screen::new();
        screen.feed(b"\x1b[?");
        screen.feed(&[b'1'; 100_000]);
        assert!(screen.parameters.len() <= LONGEST);
    }
}
