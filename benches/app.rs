//! The program as its user feels it: `cargo bench --bench app`. Each figure stands beside a peer's from the same run.
//!
//! - start to first frame, beside `vim` starting on the same pty;
//! - memory of each further tab, and processor time and wake-ups of an idle app with ten tabs.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

#[path = "../tests/it/harness/program.rs"]
#[allow(dead_code)]
mod program;
#[allow(dead_code)]
mod region;

use std::{
    fs,
    time::{Duration, Instant},
};

use program::Program;
use region::{BINARY, Region, activity, open, percentiles, prompt};

fn base_environment() -> Vec<(String, String)> {
    let home = std::env::temp_dir().join("ssmtui-bench");
    fs::create_dir_all(&home).unwrap();
    [
        ("HOME", home.display().to_string()),
        ("PATH", std::env::var("PATH").unwrap_or_default()),
        ("TERM", "xterm-256color".to_owned()),
        ("LANG", "C.UTF-8".to_owned()),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

fn first_frame() {
    let ours = (0..20)
        .map(|_| {
            let start = Instant::now();
            let app = Program::start(BINARY, &["--demo"], &base_environment(), 40, 120);
            app.wait_until("the first frame", |screen| screen.contains("Fleet"));
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    let vim = (0..20)
        .map(|_| {
            let start = Instant::now();
            let app = Program::start("vim", &["-u", "NONE", "-N"], &base_environment(), 40, 120);
            app.wait_until("the first frame", |screen| screen.contains("VIM"));
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    let ours = percentiles("start to first frame, ssmtui --demo", ours, "ms");
    let vim = percentiles("start to first frame, vim -u NONE", vim, "ms");
    println!("{:<44} {:.2}", "ratio", ours / vim);
}

fn proportional_set(pid: u32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let kib = text
        .lines()
        .find_map(|line| line.strip_prefix("Pss:")?.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or(f64::NAN) / 1024.0
}

fn tabs(region: &Region) {
    let mut app = region.app(40, 120);
    app.wait_for("api-1");
    let empty = proportional_set(app.pid());
    open(&mut app, "web-1");
    let one = proportional_set(app.pid());
    for _ in 1..10 {
        app.press("\x1dc");
        app.wait_until("a new tab", |screen| {
            screen.text().contains("starting") || screen.row(1).trim().is_empty()
        });
        prompt(&app);
    }
    let ten = proportional_set(app.pid());
    println!("{:<44} {empty:.1} MiB", "memory, fleet alone");
    println!("{:<44} {one:.1} MiB", "memory, one tab");
    println!("{:<44} {:.2} MiB", "memory, each further tab (of 10)", (ten - one) / 9.0);
    let (ticks, sleeps) = activity(app.pid());
    std::thread::sleep(Duration::from_secs(20));
    let (ticks_after, sleeps_after) = activity(app.pid());
    println!(
        "{:<44} {} ticks of 10 ms, {:.1} wake-ups a second, over 20 s",
        "idle with 10 tabs",
        ticks_after - ticks,
        (sleeps_after - sleeps) as f64 / 20.0
    );
}

fn main() {
    first_frame();
    tabs(&Region::start(&["--unpaced"]));
}
