//! OSC strings: titles, links, prompts, the pane's colours, and what the remote wants on the user's clipboard, whose text is never
//! told.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::split::MAX_STRING;
use super::translate::Translator;
use crate::term::Clipboard;
use crate::term::palette::{Dynamic, Rgb};

/// Characters of a title that are kept.
const MAX_TITLE: usize = 256;
/// Titles that are kept aside; xterm keeps ten.
const MAX_TITLES: usize = 10;
/// Bytes of a link's target; VTE and others take no more either.
const MAX_LINK: usize = 2083;

impl Translator<'_> {
    /// One string; answers end as it did.
    pub(super) fn osc(&mut self, params: &[&[u8]], end: &str) {
        match params {
            // A title may have semicolons in it; it may not have what a terminal would act on or hide behind.
            [b"0" | b"2", title @ ..] => {
                let title = String::from_utf8_lossy(&title.join(&b';')).into_owned();
                self.set_title(title.chars().filter(|c| is_visible(*c)).take(MAX_TITLE).collect());
            }
            // After the parameters, of which none concerns us: the id only says what is to be lit together.
            [b"8", _, target @ ..] => self.link(&target.join(&b';')),
            [b"52", _, b"?"] => {}
            [b"52", _, text] => self.fed.clipboard = Some(clipboard(text)),
            [b"4", pairs @ ..] => self.palette(pairs, end),
            [b"104"] | [b"104", b""] => self.state.palette.reset_indexed(),
            [b"104", indices @ ..] => {
                indices
                    .iter()
                    .filter_map(|text| index(text))
                    .for_each(|index| self.state.palette.set_indexed(index, None));
            }
            [b"10", specs @ ..] => self.dynamic_colors(10, specs, end),
            [b"11", specs @ ..] => self.dynamic_colors(11, specs, end),
            [b"12", specs @ ..] => self.dynamic_colors(12, specs, end),
            [b"110", ..] => self.state.palette.set_dynamic(Dynamic::Foreground, None),
            [b"111", ..] => self.state.palette.set_dynamic(Dynamic::Background, None),
            [b"112", ..] => self.state.palette.set_dynamic(Dynamic::Cursor, None),
            [b"133", mark, ..] if mark.starts_with(b"A") => self.state.prompt_due = true,
            _ => {}
        }
    }

    /// OSC 4: numbers and colours by turns, as many as `vte` passes on (7 pairs); a question mark asks.
    fn palette(&mut self, pairs: &[&[u8]], end: &str) {
        for pair in pairs.chunks_exact(2) {
            let Some(index) = index(pair[0]) else { continue };
            if pair[1] == b"?" {
                let color = channels(self.state.palette.indexed(index));
                self.answer(format_args!("\x1b]4;{index};{color}{end}"));
            } else if let Some(color) = Rgb::parse(pair[1]) {
                self.state.palette.set_indexed(index, Some(color));
            }
        }
    }

    /// OSC 10, 11 and 12; each further colour is that of the next number.
    fn dynamic_colors(&mut self, first: usize, specs: &[&[u8]], end: &str) {
        let dynamics = [Dynamic::Foreground, Dynamic::Background, Dynamic::Cursor];
        for ((number, which), spec) in (10..).zip(dynamics).skip(first - 10).zip(specs) {
            if *spec == b"?" {
                if let Some(color) = self.state.palette.dynamic(which) {
                    let color = channels(color);
                    self.answer(format_args!("\x1b]{number};{color}{end}"));
                }
            } else if let Some(color) = Rgb::parse(spec) {
                self.state.palette.set_dynamic(which, Some(color));
            }
        }
    }

    /// XTWINOPS that concern the title, which is kept aside and brought back, never told.
    pub(super) fn window(&mut self, operation: u16, what: u16) {
        // 0 is icon name and title, 1 the icon name alone.
        if what == 1 {
            return;
        }
        match operation {
            22 if self.state.titles.len() < MAX_TITLES => self.state.titles.push(self.state.title.clone()),
            23 => {
                if let Some(title) = self.state.titles.pop() {
                    self.set_title(title);
                }
            }
            _ => {}
        }
    }

    fn set_title(&mut self, title: String) {
        if title != self.state.title {
            self.state.title = title;
            self.fed.title_changed = true;
        }
    }

    /// What is drawn from here on leads to `target`; to nothing where it is empty, or no address that a person could read.
    fn link(&mut self, target: &[u8]) {
        let target = std::str::from_utf8(target).unwrap_or_default();
        let honest = target.len() <= MAX_LINK && target.chars().all(|c| is_visible(c) && c != ' ');
        self.state.link = (honest && !target.is_empty()).then(|| {
            self.flush();
            self.emulator.link(target)
        });
    }
}

/// A number of the palette.
fn index(text: &[u8]) -> Option<u8> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// A colour in four digits a channel, as xterm tells them.
fn channels(Rgb(red, green, blue): Rgb) -> String {
    let wide = |channel: u8| u16::from(channel) * 0x101;
    format!("rgb:{:04x}/{:04x}/{:04x}", wide(red), wide(green), wide(blue))
}

/// The text that is to go to the clipboard: in base64, and without controls that would press keys where it is pasted.
fn clipboard(encoded: &[u8]) -> Clipboard {
    // What was cut is not what was meant.
    if encoded.len() + "52;c;".len() >= MAX_STRING {
        return Clipboard::TooLong;
    }
    let decoded = STANDARD.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    match decoded {
        Some(text) => {
            Clipboard::Text(text.chars().filter(|c| matches!(c, '\n' | '\t') || !c.is_control()).collect())
        }
        None => Clipboard::NoText,
    }
}

/// Whether a character may stand in a title or a link: no controls, and none that turn the direction of what follows.
fn is_visible(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::term::{Fed, Size, Terminal, cell::Style, palette::Own};

    fn terminal(rows: u16, cols: u16, bytes: &str) -> Terminal {
        let mut terminal = Terminal::new(Size { rows, cols });
        terminal.feed(bytes.as_bytes());
        terminal
    }

    /// The text of each row with the links in it as Markdown has them.
    fn linked(terminal: &Terminal) -> Vec<String> {
        let frozen = terminal.freeze();
        let rows = frozen.rows().map(|row| {
            let (mut text, mut open) = (String::new(), None);
            let mut cells = row.cells();
            while let Some(cell) = cells.next() {
                if cells.link() != open {
                    open.inspect(|target| text.push_str(&format!("]({target})")));
                    open = cells.link();
                    open.inspect(|_| text.push('['));
                }
                text.push_str(cell.text);
            }
            open.inspect(|target| text.push_str(&format!("]({target})")));
            text
        });
        rows.collect()
    }

    #[test]
    fn a_link_goes_with_its_characters() {
        let link = "\x1b]8;id=1;https://a.example/;x\x1b\\";
        let end = "\x1b]8;;\x07";
        let shows = |bytes: &str, rows: &[&str]| {
            let terminal = terminal(2, 20, bytes);
            assert_eq!(linked(&terminal), rows, "{bytes:?}");
            assert!(!terminal.text().chars().any(crate::term::carried::is_mark));
        };
        let a = "[read](https://a.example/;x)";
        shows(&format!("{link}read{end} me"), &[&format!("{a} me"), ""]);
        // Scrolled away, moved by insertion, drawn again by REP, and partly erased.
        shows(&format!("{link}read{end}\r\n1\r\n2"), &[a, "1", "2"]);
        shows(&format!("{link}read{end}\r\x1b[2@"), &[&format!("  {a}"), ""]);
        shows(&format!("{link}ab{end}\x1b[2b"), &["[ab](https://a.example/;x)bb", ""]);
        shows(&format!("{link}日本{end}\x1b[4GX"), &["[日](https://a.example/;x) X", ""]);
        // A row that is too short for it.
        let mut narrow = terminal(2, 3, &format!("{link}read{end}"));
        assert_eq!(linked(&narrow), ["[rea](https://a.example/;x)", "[d](https://a.example/;x)"]);
        assert!(narrow.freeze().row(0).is_some_and(|row| row.kind().wrapped));
        // Away, and back with a taller screen.
        narrow.feed(b"\r\n1\r\n2");
        narrow.resize(Size { rows: 9, cols: 3 });
        assert_eq!(linked(&narrow)[..2], ["[rea](https://a.example/;x)", "[d](https://a.example/;x)"]);
        assert!(narrow.freeze().row(0).is_some_and(|row| row.kind().wrapped), "it is one line still");
    }

    #[test]
    fn a_link_that_nobody_could_read_is_none() {
        for target in ["a\u{202e}b", "a b", "a\u{9b}1m", &"x".repeat(MAX_LINK + 1)] {
            assert_eq!(linked(&terminal(1, 9, &format!("\x1b]8;;{target}\x07x"))), ["x"], "{target}");
        }
        assert_eq!(linked(&terminal(1, 9, "\x1b]8;;http://a\x07x\x1bcy")), ["y"], "a reset ends it");
    }

    #[test]
    fn marks_of_the_remotes_own_are_left_out() {
        let terminal = terminal(1, 9, "a\u{e0200}b\u{e0fff}\x1b]133;D\x07c");
        assert_eq!(linked(&terminal), ["abc"]);
        assert!(!terminal.freeze().row(0).unwrap().kind().prompt);
    }

    #[test]
    fn prompts_are_known() {
        let mut screen =
            terminal(3, 20, "\x1b]133;A\x07$ ls\r\nfile\r\n\x1b]133;A;cl=m\x1b\\$ \x1b]133;B\x07");
        let prompts =
            |screen: &Terminal| screen.freeze().rows().map(|row| row.kind().prompt).collect::<Vec<_>>();
        assert_eq!(prompts(&screen), [true, false, true]);
        screen.feed(b"\r\n\r\n");
        assert_eq!(prompts(&screen), [true, false, true, false, false]);
    }

    fn answers(terminal: &mut Terminal, bytes: &str) -> String {
        String::from_utf8(terminal.feed(bytes.as_bytes()).answers).unwrap()
    }

    #[test]
    fn the_palette_is_set_told_and_reset() {
        let mut screen = terminal(1, 9, "\x1b]4;1;rgb:1/2/3;2;#040506;300;#fff;3;red\x07");
        assert_eq!(
            answers(&mut screen, "\x1b]4;1;?;2;?;3;?\x07\x1b]4;17;?\x1b\\\x1b]4;256;?;x;?\x07"),
            "\x1b]4;1;rgb:1111/2222/3333\x07\x1b]4;2;rgb:0404/0505/0606\x07\x1b]4;3;rgb:cdcd/cdcd/0000\x07\x1b]4;17;rgb:0000/0000/5f5f\x1b\\"
        );
        screen.feed(b"\x1b]104;2;x;999\x07");
        let both = |screen: &mut Terminal| answers(screen, "\x1b]4;1;?;2;?\x07");
        let (set, reset) = ("\x1b]4;1;rgb:1111/2222/3333\x07", "\x1b]4;1;rgb:cdcd/0000/0000\x07");
        let second = "\x1b]4;2;rgb:0000/cdcd/0000\x07";
        assert_eq!(both(&mut screen), format!("{set}{second}"));
        for reset_by in ["\x1b]104\x07", "\x1b]104;\x1b\\", "\x1bc"] {
            screen.feed(b"\x1b]4;1;rgb:1/2/3\x07");
            assert_eq!(both(&mut screen), format!("{set}{second}"));
            screen.feed(reset_by.as_bytes());
            assert_eq!(both(&mut screen), format!("{reset}{second}"), "{reset_by:?}");
        }
    }

    #[test]
    fn the_other_colours_are_told_where_they_are_known() {
        let ask = "\x1b]10;?\x07\x1b]11;?\x1b\\\x1b]12;?\x07";
        let mut screen = terminal(1, 9, "");
        assert_eq!(answers(&mut screen, ask), "", "a guess would be worse than nothing");
        for reset_by in ["\x1b]110\x07\x1b]111;\x07\x1b]112\x1b\\", "\x1bc"] {
            screen.feed(b"\x1b]10;#fff;#102030;rgb:a/b/c;#111\x07\x1b]13;#fff\x07");
            assert_eq!(
                answers(&mut screen, "\x1b]10;?;?;?;?\x07"),
                "\x1b]10;rgb:f0f0/f0f0/f0f0\x07\x1b]11;rgb:1010/2020/3030\x07\x1b]12;rgb:aaaa/bbbb/cccc\x07"
            );
            screen.feed(reset_by.as_bytes());
            assert_eq!(answers(&mut screen, ask), "", "{reset_by:?}");
        }
        let mut light = terminal(1, 9, "");
        light.set_own_colours(Some(Own::LIGHT));
        for before in ["", "\x1b]11;#102030\x07\x1b]111\x07", "\x1bc"] {
            light.feed(before.as_bytes());
            assert_eq!(
                answers(&mut light, ask),
                "\x1b]10;rgb:0000/0000/0000\x07\x1b]11;rgb:ffff/ffff/ffff\x1b\\\x1b]12;rgb:0000/0000/0000\x07",
                "{before:?}"
            );
        }
        // What is told is not drawn: the user's terminal has its own.
        assert_eq!(light.palette().shown(Style::default()), Style::default());
    }

    fn clipboard_of(bytes: &[u8]) -> Option<Clipboard> {
        let Fed { clipboard, answers, .. } = Terminal::new(Size::default()).feed(bytes);
        assert!(answers.is_empty());
        clipboard
    }

    #[test]
    fn what_is_meant_for_the_clipboard_is_text_and_whole() {
        let wanted = |text: &str| clipboard_of(format!("\x1b]52;c;{}\x07", STANDARD.encode(text)).as_bytes());
        assert_eq!(wanted("grüße\n"), Some(Clipboard::Text("grüße\n".into())));
        assert_eq!(wanted("a\x1b[201~\rrm\u{9b}"), Some(Clipboard::Text("a[201~rm".into())));
        assert_eq!(clipboard_of(b"\x1b]52;c;?\x07"), None);
        assert_eq!(clipboard_of(b"\x1b]52;c;%%%\x07"), Some(Clipboard::NoText));
        assert_eq!(clipboard_of(b"\x1b]52;c;/w==\x07"), Some(Clipboard::NoText));
        for length in 90_000..90_020 {
            let text = "x".repeat(length);
            assert_eq!(wanted(&text), Some(Clipboard::Text(text)));
        }
        for length in 98_400..98_420 {
            assert_eq!(wanted(&"x".repeat(length)), Some(Clipboard::TooLong), "{length}");
        }
        assert_eq!(format!("{:?}", wanted("secret")), "Some(Text(6 bytes))");
    }
}
