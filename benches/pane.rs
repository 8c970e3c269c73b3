//! The pane beside tmux: `cargo bench --bench pane`. Both show the same session, tmux by `ssmtui connect` in a window of its own, and
//! take turns; a tmux with a shell of this machine stands beside them as the bound.
//!
//! - `cat` of 50 MB until the shell is back;
//! - echo of a key, alone and while another tab (window) floods;
//! - what a hidden tab that floods costs, and what it draws;
//! - a frame of 200×60 of which every cell changed.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

#[path = "../tests/it/harness/program.rs"]
#[allow(dead_code)]
mod program;
#[allow(dead_code)]
mod region;

use std::{
    fmt::Write as _,
    fs, io,
    process::Command,
    time::{Duration, Instant},
};

use program::Program;
use ratatui::{Terminal as Screen, TerminalOptions, Viewport, backend::CrosstermBackend, layout::Rect};
use region::{BINARY, Region, activity, open, percentiles, prompt, until};
use ssmtui::term::{Size, Terminal, TerminalView};

const ROWS: u16 = 40;
const COLS: u16 = 120;
const LENGTH: usize = 50_000_000;
const ROUNDS: usize = 3;
const KEYS: u32 = 2000;
/// Prints for ever, a line at a time as logs do.
const FLOOD: &str = "yes 'Nov 23 22:14:07 web-1 app[4711]: request 4711 took 12 ms'\r";

/// Who shows a shell.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Shower {
    Ours,
    TmuxConnect,
    TmuxLocal,
}

impl Shower {
    const ALL: [Self; 3] = [Self::Ours, Self::TmuxConnect, Self::TmuxLocal];

    const fn name(self) -> &'static str {
        match self {
            Self::Ours => "ssmtui, a session",
            Self::TmuxConnect => "tmux, the same session",
            Self::TmuxLocal => "tmux, a shell of this machine",
        }
    }

    /// What runs in tmux's window.
    fn command(self) -> String {
        match self {
            Self::TmuxLocal => "sh".to_owned(),
            _ => format!("{BINARY} connect web-1"),
        }
    }

    /// With a prompt on the screen.
    fn start(self, region: &Region) -> Program {
        if self == Self::Ours {
            let mut app = region.app(ROWS, COLS);
            open(&mut app, "web-1");
            return app;
        }
        let command = self.command();
        let arguments = ["-S", &socket(region), "-f", "/dev/null", "new-session", "-s", "s", &command];
        let app = Program::start("tmux", &arguments, &region.environment, ROWS, COLS);
        prompt(&app);
        app
    }

    /// A second shell that floods, behind the first.
    fn flood_behind(self, app: &mut Program, region: &Region) {
        match self {
            Self::Ours => app.press("\x1dc"),
            _ => tmux(region, &["new-window", &self.command()]),
        }
        // Not the first one's prompt.
        app.wait_until("another shell", |screen| {
            let text = screen.text();
            !text.contains("marked") && text.lines().any(|line| line.trim_end().ends_with(['$', '#']))
        });
        app.press(FLOOD);
        until(app, |screen| screen.text().matches("request 4711").count() > 20);
        match self {
            Self::Ours => app.press("\x1d2"),
            _ => tmux(region, &["select-window", "-t", ":0"]),
        }
        until(app, |screen| screen.contains("marked"));
    }

    fn end(self, app: Program, region: &Region) {
        drop(app);
        if self != Self::Ours {
            tmux(region, &["kill-server"]);
            // It answers before it is gone, and a new one would find its socket.
            while fs::remove_file(socket(region)).is_ok() {}
        }
    }
}

fn tmux(region: &Region, command: &[&str]) {
    let mut tmux = Command::new("tmux");
    let done = tmux.args(["-S", &socket(region)]).args(command).envs(region.environment.clone()).status();
    assert!(done.unwrap().success(), "tmux {command:?}");
}

/// Where tmux's server listens.
fn socket(region: &Region) -> String {
    region.home.join("tmux").display().to_string()
}

fn main() {
    // `cargo bench --bench pane -- echo` measures only what has the word in its name.
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let measure = |what: &str, measure: &dyn Fn(&str)| {
        if what.contains(&wanted) {
            measure(what);
        }
    };
    measure("frame", &|_| frames());
    measure("cat of 50 MB", &|what| cat(&Region::start(&["--unpaced"]), what));
    measure("echo of a key", &|what| echo(&Region::start(&["--unpaced"]), what, false));
    // As fast as this machine can, and as fast as the official agent lets a session be.
    measure("echo beside an unpaced flood", &|what| echo(&Region::start(&["--unpaced"]), what, true));
    measure("echo beside a flood", &|what| echo(&Region::start(&[]), what, true));
    measure("a tab that floods", &|what| hidden(&Region::start(&["--unpaced"]), what));
}

fn cat(region: &Region, what: &str) {
    let path = std::env::temp_dir().join(format!("ssmtui-bench-{}.txt", std::process::id()));
    let mut text = String::new();
    for line in 0usize.. {
        if text.len() >= LENGTH {
            break;
        }
        let colour = 31 + line % 7;
        let _ = writeln!(
            text,
            "\x1b[{colour}m{line:>6}\x1b[0m INFO request from 10.1.4.{} took {} ms",
            line % 255,
            line % 997
        );
    }
    fs::write(&path, text).unwrap();
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        for (times, shower) in times.iter_mut().zip(Shower::ALL) {
            let mut app = shower.start(region);
            let started = Instant::now();
            app.press(&format!("cat {}; echo it is d''one\r", path.display()));
            until(&app, |screen| screen.contains("it is done"));
            times.push(started.elapsed());
            shower.end(app, region);
        }
    }
    fs::remove_file(path).unwrap();
    for (times, shower) in times.iter_mut().zip(Shower::ALL) {
        times.sort();
        let (min, max) = (times[0], times[times.len() - 1]);
        println!("{:<52} {:.2?} ({min:.2?} to {max:.2?})", name(what, shower), times[ROUNDS / 2]);
    }
}

/// Types single letters into a raw `cat` and waits for each to come back.
fn echo(region: &Region, what: &str, floods: bool) {
    for shower in Shower::ALL {
        let mut app = shower.start(region);
        app.press("stty raw -echo; echo mar''ked; cat\r");
        app.wait_for("marked");
        if floods {
            shower.flood_behind(&mut app, region);
        }
        let mut samples = Vec::new();
        for key in 0..KEYS {
            let letter = char::from(b'A' + (key % 26) as u8);
            let before = app.look(|screen| screen.raw().len());
            let started = Instant::now();
            app.press(&letter.to_string());
            app.wait_until("the echo", |screen| screen.raw()[before..].contains(&(letter as u8)));
            samples.push(started.elapsed().as_secs_f64() * 1e3);
            std::thread::sleep(Duration::from_millis(3));
        }
        percentiles(&name(what, shower), samples, "ms");
        shower.end(app, region);
    }
}

/// A tab that floods, in front and then hidden.
fn hidden(region: &Region, what: &str) {
    let mut app = region.app(ROWS, COLS);
    open(&mut app, "web-1");
    app.press(FLOOD);
    until(&app, |screen| screen.text().matches("request 4711").count() > 20);
    for (place, keys) in [("in front", ""), ("hidden", "\x1df")] {
        app.press(keys);
        if !keys.is_empty() {
            app.wait_for("1 of 65");
        }
        std::thread::sleep(Duration::from_secs(1));
        let (before, written) = (activity(app.pid()).0, app.look(|screen| screen.raw().len()));
        std::thread::sleep(Duration::from_secs(5));
        let (after, more) = (activity(app.pid()).0, app.look(|screen| screen.raw().len()));
        println!(
            "{:<52} {} ms of processor and {} KB drawn a second",
            format!("{what}, {place}"),
            (after - before) * 2,
            (more - written) / 5000
        );
    }
}

/// Every cell changed: the widget, ratatui's comparison, and the bytes for the outer terminal.
fn frames() {
    let (rows, cols) = (60, 200);
    let full = |first: char| {
        let mut terminal = Terminal::new(Size { rows, cols });
        for row in 0..rows {
            let mut line = format!("\x1b[{};1H", row + 1);
            for col in 0..cols {
                let letter = char::from_u32(first as u32 + u32::from((row + col) % 20)).unwrap();
                let _ = write!(line, "\x1b[{}m{letter}", 31 + (u32::from(col / 8) + first as u32) % 7);
            }
            terminal.feed(line.as_bytes());
        }
        terminal
    };
    let both = [full('A'), full('a')];
    let area = Rect::new(0, 0, cols, rows);
    let options = TerminalOptions { viewport: Viewport::Fixed(area) };
    let mut screen = Screen::with_options(CrosstermBackend::new(io::sink()), options).unwrap();
    let mut samples = Vec::new();
    for turn in 0..400 {
        let started = Instant::now();
        screen.draw(|frame| frame.render_widget(TerminalView::new(&both[turn % 2]), frame.area())).unwrap();
        samples.push(started.elapsed().as_secs_f64() * 1e3);
    }
    percentiles("a frame of 200×60, every cell changed", samples, "ms");
    let mut shell = full('A');
    let mut samples = Vec::new();
    for turn in 0..400 {
        shell.feed(if turn % 2 == 0 { b"\x1b[3;3Hx" } else { b"\x1b[3;3Hy" });
        let started = Instant::now();
        screen.draw(|frame| frame.render_widget(TerminalView::new(&shell), frame.area())).unwrap();
        samples.push(started.elapsed().as_secs_f64() * 1e3);
    }
    percentiles("a frame of 200×60, one cell changed", samples, "ms");
}

fn name(what: &str, shower: Shower) -> String {
    format!("{what}: {}", shower.name())
}
