//! What the terminal costs: the dialect in front of `vt100` against the bare crate, and a terminal in memory.
//!
//! `cargo bench --bench term`. Every figure is the best of several runs in one process, both sides taking turns, so that the
//! ratio means something on a busy machine.

#![expect(clippy::print_stdout, reason = "figures are what a benchmark is for")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::num::NonZeroU16;
use std::time::{Duration, Instant};

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget as _;
use ssmtui::term::copy::{CopyMode, Direction, Query};
use ssmtui::term::copy_widget::{CopyView, Lights};
use ssmtui::term::emulator::Emulator;
use ssmtui::term::scrollback::Scrollback;
use ssmtui::term::{Size, Terminal, TerminalView};

const ROWS: u16 = 50;
const COLS: u16 = 120;
const ROUNDS: usize = 15;
/// As large as what a session hands over at once.
const PIECE: usize = 1024;

fn main() {
    // First, as what others have given back would be taken again without a trace.
    memory();
    println!("{:<28} {:>12} {:>12} {:>12} {:>9}", "", "vt100", "+ rows kept", "terminal", "dialect");
    for (name, text) in
        [("plain lines", plain()), ("coloured lines", coloured()), ("full-screen program", program())]
    {
        compare(name, text.as_bytes());
    }
    widget();
}

/// The crate alone; with the rows that leave it written down, as the terminal does; the terminal, which has the dialect before it.
fn compare(name: &str, bytes: &[u8]) {
    let mut best = [Duration::MAX; 3];
    for _ in 0..ROUNDS {
        let (rows, cols) = (nonzero(ROWS), nonzero(COLS));
        let mut bare = vt100::Parser::new(rows, cols, 0);
        best[0] = best[0].min(time(|| bytes.chunks(PIECE).for_each(|piece| bare.process(piece))));
        black_box(bare.screen().cursor_position());

        let mut keeping = Emulator::new(Size { rows: ROWS, cols: COLS }, Scrollback::default());
        best[1] = best[1].min(time(|| bytes.chunks(PIECE).for_each(|piece| keeping.process(piece))));
        black_box(keeping.scrollback().len());

        let mut terminal = Terminal::new(Size { rows: ROWS, cols: COLS });
        best[2] = best[2].min(time(|| {
            for piece in bytes.chunks(PIECE) {
                black_box(terminal.feed(piece));
            }
        }));
    }
    let rate = |time: Duration| format!("{:.1} MB/s", bytes.len() as f64 / time.as_secs_f64() / 1e6);
    let cost = (best[2].as_secs_f64() / best[1].as_secs_f64() - 1.0) * 100.0;
    println!("{name:<28} {:>12} {:>12} {:>12} {cost:>8.1}%", rate(best[0]), rate(best[1]), rate(best[2]));
}

fn widget() {
    let mut terminal = Terminal::new(Size { rows: 60, cols: 200 });
    terminal.feed(coloured().as_bytes());
    let mut buffer = Buffer::empty(Rect::new(0, 0, 200, 60));
    best("draw 200×60", || TerminalView::new(&terminal).render(buffer.area, &mut buffer));
    let look = |terminal: &Terminal| CopyMode::new(terminal.freeze(), terminal.size(), (59, 0));
    best("begin to look back", || drop(black_box(look(&terminal))));
    let mut copy = look(&terminal);
    let from = copy.cursor();
    let mut find = |text: &str, regex| {
        copy.find(Query { text: text.into(), regex }, Direction::Backward, from);
        black_box(copy.standing());
    };
    best("find `from 10`", || find("from 10", false));
    best("find `t(oo|ake)k [0-9]+`", || find("t(oo|ake)k [0-9]+", true));
    find("10", false);
    copy.scroll(-5_000);
    best("draw 200×60, looking back", || {
        CopyView::new(&copy, Lights::default()).render(buffer.area, &mut buffer);
    });
}

fn best(name: &str, mut work: impl FnMut()) {
    let best = (0..ROUNDS * 5).map(|_| time(&mut work)).min().unwrap_or_default();
    println!("{name:<28} {:>9} µs", best.as_micros());
}

fn memory() {
    let text = coloured();
    let before = resident();
    let tabs: Vec<_> = (0..10)
        .map(|_| {
            let mut terminal = Terminal::new(Size { rows: ROWS, cols: COLS });
            for piece in text.as_bytes().chunks(PIECE) {
                terminal.feed(piece);
            }
            terminal
        })
        .collect();
    let lines = tabs.iter().map(Terminal::scrollback_len).min().unwrap_or(0);
    let each = resident().saturating_sub(before) as f64 / tabs.len() as f64 / 1024.0;
    println!("{:<28} {each:>9.2} MiB with {lines} lines above", "a terminal in memory");
}

/// Resident memory of this process in KiB; 0 where there is no /proc.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()).and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn time(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn nonzero(number: u16) -> NonZeroU16 {
    NonZeroU16::new(number).unwrap_or(NonZeroU16::MIN)
}

fn plain() -> String {
    lines(|text, line| {
        let _ = write!(
            text,
            "Nov 23 22:{:02}:{:02} web-1 app[{line}]: request {line} took {} ms",
            line / 60 % 60,
            line % 60,
            line % 997
        );
    })
}

fn coloured() -> String {
    lines(|text, line| {
        let colour = 31 + line % 7;
        let _ = write!(
            text,
            "\x1b[{colour}m{line:>6}\x1b[0m \x1b[1;34mINFO\x1b[m  request from \x1b[38;5;{}m10.1.4.{}\x1b[m took \x1b[4m{} ms\x1b[0m",
            line % 256,
            line % 255,
            line % 997
        );
    })
}

fn lines(write: impl Fn(&mut String, usize)) -> String {
    let mut text = String::new();
    for line in 0..20_000 {
        write(&mut text, line);
        text.push_str("\r\n");
    }
    text
}

/// What an editor or a monitor sends: positions, erasures, colours.
fn program() -> String {
    let mut text = String::from("\x1b[?1049h\x1b[?1h\x1b=");
    for frame in 0..400 {
        text.push_str("\x1b[H");
        for row in 1..=ROWS {
            let _ = write!(
                text,
                "\x1b[{row};1H\x1b[K\x1b[7m{row:>4} \x1b[27m\x1b[32m{frame}\x1b[39m let answer = {row} * {frame};\x1b[{row};90H\x1b[2mutf-8 é\x1b[22m"
            );
        }
    }
    text
}
