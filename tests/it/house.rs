//! The house rules that the compiler does not hold: who may know whom, a head comment in every file, no file past its size.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A room, and the rooms it must not name. `architecture`: dependencies go one way.
const FORBIDDEN: &[(&str, &[&str])] = &[
    ("src/fleet", &["aws", "cli", "config", "session", "sim", "term", "tui"]),
    ("src/term", &["aws", "cli", "config", "fleet", "session", "sim", "tui"]),
    ("src/session", &["aws", "cli", "config", "fleet", "sim", "term", "tui"]),
    ("src/session/message", &["session::channel", "session::driver"]),
    ("src/session/channel", &["session::driver", "session::kinds"]),
    ("src/session/driver", &["session::kinds"]),
    ("src/aws", &["cli", "sim", "term", "tui"]),
    ("src/sim", &["aws", "cli", "config", "fleet", "session::channel", "session::driver", "term", "tui"]),
    ("src/tui", &["cli", "sim"]),
    ("src/tui/view", &["aws"]),
    ("src/config", &["aws", "cli", "session", "sim", "fleet"]),
];

/// Words that only the named place may use: the seams around libraries, the clock and the runtime.
const ONLY_IN: &[(&str, &[&str])] = &[
    ("vt100::", &["src/term"]),
    ("aws_sdk_", &["src/aws"]),
    ("portable_pty", &["src/sim", "src/tui/local.rs"]),
    ("hyper", &["src/sim"]),
    ("process::exit", &["src/main.rs", "src/cli"]),
];

/// Pure rooms: no clock, no runtime, no file, no thread of their own.
const PURE: &[&str] = &[
    "src/session/message",
    "src/session/channel",
    "src/session/kinds/mux.rs",
    "src/session/kinds/basic.rs",
    "src/session/kinds/carrier.rs",
    "src/term",
    "src/tui/view",
    "src/tui/update",
];
const IMPURE_WORDS: &[&str] =
    &["Instant::now", "SystemTime::now", "Timestamp::now", "tokio::", "std::fs", "std::net", "thread::"];

/// Lines a file may have without its tests; a room that outgrows it is two rooms.
const MAX_LINES: usize = 600;

fn sources() -> Vec<(PathBuf, String)> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    walk(&root.join("src"), &mut found);
    assert!(found.len() > 20, "the walk found {} files only", found.len());
    found
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            (path.strip_prefix(root).unwrap().to_path_buf(), text)
        })
        .collect()
}

/// The file's own code: tests at its end, and comments, may speak of other rooms.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(number, line)| (number + 1, line))
}

fn is_test(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "tests")
        || path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .is_some_and(|stem| stem == "tests" || stem == "recording" || stem.ends_with("_tests"))
}

fn assert_none(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn dependencies_go_one_way() {
    let mut complaints = Vec::new();
    for (path, text) in sources().iter().filter(|(path, _)| !is_test(path)) {
        for (room, forbidden) in FORBIDDEN.iter().filter(|(room, _)| path.starts_with(room)) {
            for (number, line) in code(text) {
                for name in forbidden.iter().filter(|name| line.contains(&format!("crate::{name}"))) {
                    complaints.push(format!("{}:{number}: {room} must not know {name}", path.display()));
                }
            }
        }
    }
    assert_none(complaints);
}

#[test]
fn libraries_stay_behind_their_seam() {
    let mut complaints = Vec::new();
    for (path, text) in sources().iter().filter(|(path, _)| !is_test(path)) {
        for (word, places) in
            ONLY_IN.iter().filter(|(_, places)| !places.iter().any(|place| path.starts_with(place)))
        {
            for (number, _) in code(text).filter(|(_, line)| line.contains(word)) {
                complaints.push(format!("{}:{number}: {word} belongs in {places:?}", path.display()));
            }
        }
    }
    assert_none(complaints);
}

#[test]
fn pure_rooms_have_no_clock_and_no_io() {
    let mut complaints = Vec::new();
    for (path, text) in sources().iter().filter(|(path, _)| !is_test(path)) {
        if !PURE.iter().any(|room| path.starts_with(room)) {
            continue;
        }
        for (number, line) in code(text) {
            for word in IMPURE_WORDS.iter().filter(|word| line.contains(**word)) {
                complaints.push(format!("{}:{number}: {word} in a pure room", path.display()));
            }
        }
    }
    assert_none(complaints);
}

#[test]
fn every_file_says_its_job_and_keeps_its_size() {
    let mut complaints = Vec::new();
    for (path, text) in sources() {
        if !text.starts_with("//!") {
            complaints.push(format!("{}: no `//!` at its head", path.display()));
        }
        let lines = text.lines().take_while(|line| !line.starts_with("#[cfg(test)]")).count();
        if lines > MAX_LINES && !is_test(&path) {
            complaints.push(format!("{}: {lines} lines; {MAX_LINES} are the limit", path.display()));
        }
        if path.file_stem().is_some_and(|stem| stem == "utils" || stem == "common" || stem == "helpers") {
            complaints.push(format!("{}: a name that says nothing", path.display()));
        }
    }
    assert_none(complaints);
}
