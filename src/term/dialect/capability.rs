//! XTGETTCAP, `DCS + q`: what a program asks of the terminal's description by name, in hexadecimal. Answered are the names below and
//! no others, in our own spelling; of what was asked nothing comes back.

use std::fmt::Write as _;

use super::translate::Translator;

/// A capability's names in termcap and in terminfo, and its value; none for one that is or is not.
type Capability = (&'static [&'static str], Option<&'static str>);

/// As in terminfo's `xterm-256color`, which the remote is told by `TERM`; and what says that there are colours of 24 bits.
const CAPABILITIES: &[Capability] = &[
    (&["TN", "name"], Some("xterm-256color")),
    (&["Co", "colors"], Some("256")),
    (&["RGB"], Some("8")),
    (&["Tc"], None),
    (&["ku", "kcuu1"], Some("\x1bOA")),
    (&["kd", "kcud1"], Some("\x1bOB")),
    (&["kr", "kcuf1"], Some("\x1bOC")),
    (&["kl", "kcub1"], Some("\x1bOD")),
    (&["kh", "khome"], Some("\x1bOH")),
    (&["@7", "kend"], Some("\x1bOF")),
    (&["kI", "kich1"], Some("\x1b[2~")),
    (&["kD", "kdch1"], Some("\x1b[3~")),
    (&["kP", "kpp"], Some("\x1b[5~")),
    (&["kN", "knp"], Some("\x1b[6~")),
    (&["kb", "kbs"], Some("\x7f")),
    (&["kB", "kcbt"], Some("\x1b[Z")),
    (&["#2", "kHOM"], Some("\x1b[1;2H")),
    (&["*7", "kEND"], Some("\x1b[1;2F")),
    (&["#4", "kLFT"], Some("\x1b[1;2D")),
    (&["%i", "kRIT"], Some("\x1b[1;2C")),
    (&["k1", "kf1"], Some("\x1bOP")),
    (&["k2", "kf2"], Some("\x1bOQ")),
    (&["k3", "kf3"], Some("\x1bOR")),
    (&["k4", "kf4"], Some("\x1bOS")),
    (&["k5", "kf5"], Some("\x1b[15~")),
    (&["k6", "kf6"], Some("\x1b[17~")),
    (&["k7", "kf7"], Some("\x1b[18~")),
    (&["k8", "kf8"], Some("\x1b[19~")),
    (&["k9", "kf9"], Some("\x1b[20~")),
    (&["k;", "kf10"], Some("\x1b[21~")),
    (&["F1", "kf11"], Some("\x1b[23~")),
    (&["F2", "kf12"], Some("\x1b[24~")),
];

impl Translator<'_> {
    /// Answers the names that are known, up to the first that is not, as xterm does.
    pub(super) fn report_capabilities(&mut self, asked: &[u8]) {
        let known = asked.split(|byte| *byte == b';').map_while(answer);
        let known = known.collect::<Vec<_>>().join(";");
        let valid = u8::from(!known.is_empty());
        self.answer(format_args!("\x1bP{valid}+r{known}\x1b\\"));
    }
}

/// The name as we write it, and its value.
fn answer(asked: &[u8]) -> Option<String> {
    let mut names =
        CAPABILITIES.iter().flat_map(|(names, value)| names.iter().map(move |name| (*name, *value)));
    let (name, value) = names.find(|(name, _)| hexadecimal(name).as_bytes().eq_ignore_ascii_case(asked))?;
    let value = value.map_or_else(String::new, |value| format!("={}", hexadecimal(value)));
    Some(hexadecimal(name) + &value)
}

fn hexadecimal(text: &str) -> String {
    text.bytes().fold(String::new(), |mut digits, byte| {
        // A String takes everything.
        let _ = write!(digits, "{byte:02X}");
        digits
    })
}

#[cfg(test)]
mod tests {
    use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

    use super::*;
    use crate::term::{InputModes, Size, Terminal, input::encode_key};

    fn answers(asked: &str) -> String {
        let fed = Terminal::new(Size::default()).feed(format!("\x1bP+q{asked}\x1b\\").as_bytes());
        String::from_utf8(fed.answers).unwrap()
    }

    #[test]
    fn known_names_are_answered_in_our_spelling() {
        assert_eq!(answers("436f"), "\x1bP1+r436F=323536\x1b\\");
        assert_eq!(answers("544E"), "\x1bP1+r544E=787465726D2D323536636F6C6F72\x1b\\");
        assert_eq!(answers("5463"), "\x1bP1+r5463\x1b\\");
        assert_eq!(answers("436F;524742"), "\x1bP1+r436F=323536;524742=38\x1b\\");
        // The answer ends where something is not known.
        assert_eq!(answers("436F;5a71;524742"), "\x1bP1+r436F=323536\x1b\\");
    }

    #[test]
    fn nothing_comes_back_of_what_is_not_known() {
        let long = "61".repeat(1 << 16);
        for asked in ["", ";", "5a713b69640a", "436", "43 6F", "Co", "43G6", "id\n", "436F436F", &long] {
            assert_eq!(answers(asked), "\x1bP0+r\x1b\\", "{asked:.20}");
        }
        // A long question is not answered by its first part.
        assert_eq!(answers(&format!("436F{}", "0".repeat(1 << 16))), "\x1bP0+r\x1b\\");
    }

    #[test]
    fn the_keys_send_what_is_told_of_them() {
        use KeyCode::{
            BackTab, Backspace, Delete, Down, End, F, Home, Insert, Left, PageDown, PageUp, Right, Up,
        };
        let plain = [
            ("kcuu1", Up),
            ("kcud1", Down),
            ("kcuf1", Right),
            ("kcub1", Left),
            ("khome", Home),
            ("kend", End),
            ("kich1", Insert),
            ("kdch1", Delete),
            ("kpp", PageUp),
            ("knp", PageDown),
            ("kbs", Backspace),
            ("kcbt", BackTab),
        ];
        let shifted = [("kHOM", Home), ("kEND", End), ("kLFT", Left), ("kRIT", Right)];
        let functions: Vec<_> = (1..=12).map(|n| (format!("kf{n}"), F(n))).collect();
        let keys = plain.iter().map(|(name, code)| (*name, *code, KeyModifiers::NONE));
        let keys = keys.chain(shifted.iter().map(|(name, code)| (*name, *code, KeyModifiers::SHIFT)));
        let keys =
            keys.chain(functions.iter().map(|(name, code)| (name.as_str(), *code, KeyModifiers::NONE)));
        let mut checked = 0;
        for (name, code, held) in keys {
            let mut sent = Vec::new();
            let modes = InputModes { application_cursor: true, ..InputModes::default() };
            encode_key(&KeyEvent::new(code, held), modes, &mut sent);
            let told =
                CAPABILITIES.iter().find(|(names, _)| names.contains(&name)).and_then(|(_, value)| *value);
            assert_eq!(told.map(str::as_bytes), Some(&*sent), "{name}");
            checked += 1;
        }
        let all = CAPABILITIES
            .iter()
            .filter(|(_, value)| value.is_some_and(|value| value < " " || value == "\x7f"));
        assert_eq!(checked, all.count());
    }
}
