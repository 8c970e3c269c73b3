//! What programs that people live in wrote, and the screen that tmux 3.3a shows for the same bytes: text, looks and cursor of each
//! cell. Recorded with `TERM=xterm-256color` on 24 rows of 80 columns.

use std::fmt::Write as _;
use std::path::Path;

use super::cell::{Color, Style, Width};
use super::{Size, Terminal};

const PROGRAMS: &[&str] = &[
    "bash",
    "checklist",
    "dialog",
    "emacs",
    "fzf",
    "fzf-preview",
    "git-diff",
    "htop",
    "less",
    "mc",
    "nano",
    "node",
    "nvim",
    "python3",
    "screen",
    "tmux",
    "unicode",
    "vim",
];

/// The screen as the recordings have it: the rows; the runs of columns whose looks can be told from plain ones; the cursor.
fn screen(terminal: &Terminal) -> String {
    let mut screen = terminal.text();
    let size = terminal.size();
    let rows = screen.lines().count();
    screen.push_str(&"\n".repeat(1 + usize::from(size.rows) - rows));
    screen.push_str("--\n");
    for row in 0..size.rows {
        let mut run: Option<(u16, Style)> = None;
        for col in 0..=size.cols {
            let cell = terminal.cell(row, col);
            let looks = match (&cell, run) {
                (Some(cell), Some((_, looks))) if cell.width == Width::Continuation => Some(looks),
                (Some(cell), _) => Some(seen(cell.text, cell.style)),
                (None, _) => None,
            };
            if let Some((start, style)) = run
                && looks != Some(style)
            {
                if style != Style::default() {
                    let _ = writeln!(screen, "{row} {start}-{} {}", col - 1, words(style));
                }
                run = None;
            }
            if let (None, Some(looks)) = (run, looks) {
                run = Some((col, looks));
            }
        }
    }
    match terminal.cursor() {
        Some(cursor) => screen.push_str(&format!("cursor {} {}\n", cursor.row, cursor.col)),
        None => screen.push_str("cursor hidden\n"),
    }
    screen
}

/// The looks, without those that cannot be seen where there is no character.
fn seen(text: &str, style: Style) -> Style {
    if !text.trim_matches(' ').is_empty() {
        return style;
    }
    let foreground = if style.inverse { style.foreground } else { Color::Default };
    Style { foreground, bold: false, dim: false, italic: false, blink: false, ..style }
}

fn words(style: Style) -> String {
    let color = |color| match color {
        Color::Default => "-".to_string(),
        Color::Indexed(index) => index.to_string(),
        Color::Rgb(r, g, b) => format!("#{r:02x}{g:02x}{b:02x}"),
    };
    let mut words = format!("{} on {}", color(style.foreground), color(style.background));
    for (on, word) in [
        (style.bold, " bold"),
        (style.dim, " dim"),
        (style.italic, " italic"),
        (style.underline, " underline"),
        (style.inverse, " inverse"),
        (style.blink, " blink"),
        (style.strike, " strike"),
    ] {
        words.push_str(if on { word } else { "" });
    }
    words
}

#[test]
fn programs_look_as_in_tmux() {
    let recordings = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings/programs");
    for program in PROGRAMS {
        let read = |ending| std::fs::read(recordings.join(program).with_extension(ending));
        let bytes = read("bytes").expect("the recording is in the repository");
        let expected = read("screen").expect("its screen is in the repository");
        let mut terminal = Terminal::new(Size { rows: 24, cols: 80 });
        terminal.feed(&bytes);
        let (shown, expected) = (screen(&terminal), String::from_utf8_lossy(&expected));
        for (number, (shown, expected)) in shown.lines().zip(expected.lines()).enumerate() {
            assert_eq!(shown, expected, "{program}, line {} of its screen", number + 1);
        }
        assert_eq!(shown.len(), expected.len(), "{program}");
    }
}
