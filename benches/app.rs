//! The program as its user feels it: `cargo bench --bench app`. Each figure stands beside a peer's from the same run.
//!
//! - start to first frame, beside `vim` starting on the same pty;
//! - echo of a key inside a tab, beside the same shell on a bare pty;
//! - memory of each further tab, and processor time and wake-ups of an idle app with ten tabs.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

#[path = "../tests/it/harness/program.rs"]
#[allow(dead_code)]
mod program;

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use program::Program;

const BINARY: &str = env!("CARGO_BIN_EXE_ssmtui");

/// The simulated region as a process of its own, so that its memory and its wake-ups are not the app's.
struct Region {
    child: Child,
    environment: Vec<(String, String)>,
}

impl Region {
    fn start() -> Self {
        let mut child = Command::new(BINARY)
            .args(["sim", "--unpaced"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the region starts");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut environment = base_environment();
        while environment.iter().filter(|(name, _)| name.starts_with("AWS_")).count() < 5 {
            let line = lines.next().expect("the region prints its exports").unwrap();
            for word in line.split_whitespace() {
                if let Some((name, value)) = word.trim_end_matches(';').split_once('=') {
                    environment.push((name.to_owned(), value.trim_matches(['"', '\'']).to_owned()));
                }
            }
        }
        Self { child, environment }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

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

fn percentiles(name: &str, mut samples: Vec<f64>, unit: &str) -> f64 {
    samples.sort_by(f64::total_cmp);
    let at = |share: f64| samples[((samples.len() as f64 * share) as usize).min(samples.len() - 1)];
    println!("{name:<44} p50 {:>8.2} {unit}   p99 {:>8.2} {unit}   n {}", at(0.5), at(0.99), samples.len());
    at(0.5)
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

/// Types single letters into a raw `cat` and waits for each to come back.
fn echo(name: &str, program: &mut Program) -> f64 {
    program.press("stty raw -echo; echo re''ady; cat\r");
    program.wait_for("ready");
    let mut samples = Vec::new();
    for i in 0..400u32 {
        let letter = char::from(b'A' + (i % 26) as u8);
        let before = program.look(|screen| screen.raw().len());
        let start = Instant::now();
        program.press(&letter.to_string());
        program.wait_until("the echo", |screen| screen.raw()[before..].contains(&(letter as u8)));
        samples.push(start.elapsed().as_secs_f64() * 1e3);
        std::thread::sleep(Duration::from_millis(3));
    }
    percentiles(name, samples, "ms")
}

fn open(app: &mut Program, name: &str) {
    app.wait_for("web-1");
    app.press(name);
    app.wait_until("the row", |screen| screen.contains("1 of "));
    app.press("\r");
    prompt(app);
}

fn prompt(app: &Program) {
    app.wait_until("a prompt", |screen| {
        screen.text().lines().any(|line| line.trim_end().ends_with(['$', '#']))
    });
}

fn key_echo(region: &Region) {
    let mut app = Program::start(BINARY, &[], &region.environment, 40, 120);
    open(&mut app, "web-1");
    let ours = echo("key echo inside a tab", &mut app);
    let mut bare = Program::start("sh", &[], &base_environment(), 40, 120);
    prompt(&bare);
    let bare = echo("key echo on a bare pty", &mut bare);
    println!("{:<44} {:.2}", "ratio", ours / bare);
}

fn proportional_set(pid: u32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let kib = text
        .lines()
        .find_map(|line| line.strip_prefix("Pss:")?.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or(f64::NAN) / 1024.0
}

/// Clock ticks of the process so far, and how often its threads went to sleep of their own will.
fn activity(pid: u32) -> (u64, u64) {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = fields.get(11..13).map_or(0, |both| both.iter().filter_map(|n| n.parse::<u64>().ok()).sum());
    let mut sleeps = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
        let text = fs::read_to_string(task.path().join("status")).unwrap_or_default();
        sleeps += text
            .lines()
            .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")?.trim().parse::<u64>().ok())
            .unwrap_or(0);
    }
    (ticks, sleeps)
}

fn tabs(region: &Region) {
    let mut app = Program::start(BINARY, &[], &region.environment, 40, 120);
    app.wait_for("web-1");
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
    let region = Region::start();
    key_echo(&region);
    tabs(&region);
}
