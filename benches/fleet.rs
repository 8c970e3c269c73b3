//! A fleet of 100,000: `cargo bench --bench fleet`. Other sizes: `-- 10000`.
//!
//! - the rows themselves (`lists`): pages joined, the file of the last time, memory a node, order;
//! - the screen's own thread: the longest that one page, one answer of the search or one key holds it up;
//! - the app on a pty: first frame with a list of the last time, a whole listing with and without throttling, idle CPU.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

#[path = "fleet/lists.rs"]
mod lists;
#[path = "../tests/it/harness/program.rs"]
#[allow(dead_code)]
mod program;
#[allow(dead_code)]
mod region;

use std::{
    fs,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use program::{Program, Screen};
use region::{Region, activity, until};
use ssmtui::{
    config::Config,
    fleet::{Place, search::Engine},
    term::Size,
    tui::{
        event::{Effect, Event, Now},
        key,
        keymap::Keymap,
        state::State,
        update::update,
        view::{Theme, view},
    },
};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if lists::was_memory(&arguments) {
        return;
    }
    let size = arguments.iter().filter_map(|argument| argument.parse().ok()).next().unwrap_or(100_000);
    lists::run(size);
    thread(size);
    app(size);
}

/// What the screen's thread does while pages stream in: each event by itself. The search has a thread of its own in the app; here its
/// answers are made outside of what is timed.
fn thread(size: usize) {
    let config = Config::default();
    let keymap = Keymap::new(config.leader, &config.keys).unwrap();
    let mut now = Now { instant: Instant::now(), time: Timestamp::now() };
    let mut state = State::new(keymap, config.refresh, Size { rows: 40, cols: 120 }, now);
    let place = state.fleet.places.add(Place::default());
    let mut engine = Engine::new();
    let (mut pages, mut searches, mut keys, mut frames) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut asked = 0;
    let mut terminal = ratatui::Terminal::new(ratatui::backend::TestBackend::new(120, 40)).unwrap();
    let connected = Event::Connected { place, region: "eu-west-1".to_owned(), profile: None };
    let mut happen = |state: &mut State,
                      event: Event,
                      now: Now,
                      times: &mut Vec<Duration>,
                      answers: &mut Vec<Duration>| {
        let started = Instant::now();
        let effects = update(state, event, now);
        times.push(started.elapsed());
        for effect in effects {
            if let Effect::Search(request) = effect {
                asked += 1;
                let found = engine.search(&request);
                let started = Instant::now();
                update(state, Event::Found(found), now);
                answers.push(started.elapsed());
            }
        }
    };
    happen(&mut state, connected, now, &mut keys, &mut searches);
    for (at, update) in lists::pages(size).enumerate() {
        // AWS takes about 100 ms for a page of 50.
        let passed = Duration::from_millis(100);
        now = Now { instant: now.instant + passed, time: now.time + jiff::SignedDuration::from_millis(100) };
        happen(&mut state, Event::Listed { place, update }, now, &mut pages, &mut searches);
        if state.next_deadline().is_some_and(|due| due <= now.instant) {
            happen(&mut state, Event::Tick, now, &mut pages, &mut searches);
        }
        if at.is_multiple_of(20) {
            let down = Event::Key(key::event("down".parse().unwrap()));
            happen(&mut state, down, now, &mut keys, &mut searches);
            let started = Instant::now();
            terminal.draw(|frame| _ = view(&state, Theme::COLOURED, frame.buffer_mut())).unwrap();
            frames.push(started.elapsed());
        }
    }
    happen(&mut state, Event::ListEnded { place, generation: 1 }, now, &mut pages, &mut searches);
    for letter in "web-prod-0".chars() {
        let typed = Event::Key(key::event(letter.to_string().parse().unwrap()));
        happen(&mut state, typed, now, &mut keys, &mut searches);
    }
    println!("{:<48} {asked}", format!("{size}: searches while all pages came"));
    lists::report(&format!("{size}: an event of a page, on the screen's thread"), &mut pages);
    lists::report(&format!("{size}: an answer of the search, there"), &mut searches);
    lists::report(&format!("{size}: a key, there"), &mut keys);
    lists::report(&format!("{size}: a frame, there (scrolled)"), &mut frames);
}

fn has_rows(screen: &Screen) -> bool {
    screen.text().lines().any(|line| line.contains("● ") || line.contains("■ "))
}

/// A list is kept for the next time once it has been read to its end; some nodes of the region are gone, and not on the screen.
fn is_complete(region: &Region) -> bool {
    let home = region.environment.iter().find(|(name, _)| name == "HOME").map(|(_, home)| home);
    let lists = home.and_then(|home| fs::read_dir(format!("{home}/.cache/ssmtui/fleet")).ok());
    lists.into_iter().flatten().flatten().any(|file| file.path().extension().is_some_and(|end| end == "list"))
}

fn app(size: usize) {
    let nodes = size.to_string();
    let region = Region::start(&["--nodes", &nodes]);
    let started = Instant::now();
    let app = region.app(40, 140);
    until(&app, has_rows);
    println!(
        "{:<48} {:.1?}",
        format!("{size}: first rows without a list of the last time"),
        started.elapsed()
    );
    until(&app, |_| is_complete(&region));
    println!("{:<48} {:.1?}", format!("{size}: the whole listing"), started.elapsed());
    idle(&app, size);
    drop(app);
    let (mut first, mut rows) = (Vec::new(), Vec::new());
    for _ in 0..10 {
        let started = Instant::now();
        let app = region.app(40, 140);
        until(&app, |screen| screen.contains("Fleet"));
        first.push(started.elapsed());
        until(&app, has_rows);
        rows.push(started.elapsed());
    }
    lists::report(&format!("{size}: first frame with a list of the last time"), &mut first);
    lists::report(&format!("{size}: its rows on the screen"), &mut rows);
    drop(region);
    // AWS counts calls a second beside a bucket of them, by account and region.
    let (ssm, ec2) = ("ssm:DescribeInstanceInformation", "ec2:DescribeInstances");
    let limits = [format!("throttle={ssm}:40/s+100"), format!("throttle={ec2}:20/s+50")];
    let region = Region::start(&["--nodes", &nodes, "--fault", &limits[0], "--fault", &limits[1]]);
    let bound = (size as f64 / 50.0 - 100.0).max(0.0) / 40.0;
    let started = Instant::now();
    let app = region.app(40, 140);
    until(&app, |screen| is_complete(&region) || screen.contains("not complete"));
    let outcome = if app.look(|screen| screen.contains("not complete")) { "broken off" } else { "complete" };
    println!(
        "{:<48} {:.1?}, {outcome}; the limit alone takes {bound:.1} s",
        format!("{size}: the whole listing, 40 calls a second"),
        started.elapsed()
    );
}

fn idle(app: &Program, size: usize) {
    std::thread::sleep(Duration::from_secs(8));
    let (ticks, sleeps) = activity(app.pid());
    std::thread::sleep(Duration::from_secs(20));
    let (ticks_after, sleeps_after) = activity(app.pid());
    println!(
        "{:<48} {} ticks of 10 ms, {} wake-ups, over 20 s",
        format!("{size}: idle"),
        ticks_after - ticks,
        sleeps_after - sleeps
    );
    let status = fs::read_to_string(format!("/proc/{}/status", app.pid())).unwrap_or_default();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default().trim();
    println!("{:<48} {resident}", format!("{size}: memory of the whole app"));
}
