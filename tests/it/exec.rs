//! `ssmtui exec`: streams apart, the exit code of the far side as our own.

use std::{
    io::{Read, Write},
    process::Stdio,
};

use crate::harness::{Running, World};

fn exec(world: &World, command: &[&str]) -> (i32, String, String) {
    let mut all = vec!["exec", "web-1", "--"];
    all.extend(command);
    world.output(&all)
}

#[test]
fn peers_c29_streams_come_apart_and_the_exit_code_is_ours() {
    let world = World::new();
    let (code, out, error) = exec(&world, &["sh", "-c", "echo out; echo error >&2; exit 7"]);
    assert_eq!((code, out.as_str(), error.as_str()), (7, "out\n", "error\n"));
    let (code, out, error) = exec(&world, &["true"]);
    assert_eq!((code, out.as_str(), error.as_str()), (0, "", ""), "peers 30: nothing of ours in between");
    let (code, _, error) = exec(&world, &["no-such-program", "x"]);
    assert_eq!(code, 127);
    assert!(error.contains("no-such-program"), "{error}");
    assert_eq!(world.live_sessions(), 0);
}

#[test]
fn peers_c28_words_are_passed_as_they_are_and_one_word_is_a_line() {
    let world = World::new();
    let (_, out, _) =
        exec(&world, &["printf", "%s|", "a  b", "", "it's", "$HOME", "{{ x }}", "#", "\\", "two\nlines"]);
    assert_eq!(out, "a  b||it's|$HOME|{{ x }}|#|\\|two\nlines|");
    let (code, out, _) = exec(&world, &["echo $((6*7)) | tr 4 5; exit 3"]);
    assert_eq!((code, out.as_str()), (3, "52\n"));
}

#[test]
fn bytes_arrive_as_they_were() {
    let world = World::new();
    // Every byte, and what the agent's pump does not leave alone.
    let script = r"i=0; while [ $i -lt 256 ]; do printf \\$(printf %o $i); i=$((i+1)); done; printf '\357\277\275\303'";
    let mut command = world.command(&["exec", "web-1", "--", script]);
    let output = command.stdin(Stdio::null()).output().unwrap();
    let mut wanted: Vec<u8> = (0..=255).collect();
    wanted.extend(b"\xef\xbf\xbd\xc3");
    assert_eq!(output.stdout, wanted);
    let mut command = world.command(&["exec", "web-1", "--", "seq 1 100000"]);
    let output = command.stdin(Stdio::null()).output().unwrap();
    let wanted: String = (1..=100_000).map(|number| format!("{number}\n")).collect();
    assert!(output.stdout == wanted.as_bytes(), "{} bytes came", output.stdout.len());
}

#[test]
fn a_document_that_keeps_streams_apart_is_used_as_it_is_and_encrypted() {
    let world = World::new();
    let line = "echo out; echo error >&2; exit 9";
    let arguments = ["exec", "--document", "Shop-EncryptedCheck", "web-1", "--", line];
    let (code, out, error) = world.output(&arguments);
    assert_eq!((code, out.as_str(), error.as_str()), (9, "out\n", "error\n"));
    // And by the config file, live: the line is there before the command has ended.
    let file = world.home().join("settings.toml");
    std::fs::write(&file, "[exec]\ndocument = \"Shop-EncryptedCheck\"\n").unwrap();
    let mut command = world.command(&["exec", "web-1", "--", "echo first; exec sleep 600"]);
    command.env("SSMTUI_CONFIG", &file).stdin(Stdio::null());
    let mut running = Running::start(command);
    assert_eq!(running.line(), "first");
    running.signal("INT");
    let (code, _, words) = running.end();
    assert_eq!(code, 130, "{words}");
    assert_eq!(world.live_sessions(), 0);
}

#[test]
fn a_document_that_does_something_of_its_own_is_refused_with_what_does() {
    let world = World::new();
    let (code, _, words) = world.output(&["exec", "--document", "Shop-Check", "web-1", "--", "ls"]);
    assert_eq!(code, 1);
    assert!(
        words.contains("its command is not a parameter alone") && words.contains("--print-document"),
        "{words}"
    );
    let (_, document, _) = world.output(&["exec", "--print-document"]);
    assert!(document.contains("separateOutputStream"), "{document}");
}

#[test]
fn ctrl_c_ends_the_command_there() {
    let world = World::new();
    let mark = world.home().join("started");
    let script = format!("echo $$ > {}; exec sleep 600", mark.display());
    let mut command = world.command(&["exec", "web-1", "--", &script]);
    command.stdin(Stdio::null());
    let running = Running::start(command);
    let id = loop {
        match std::fs::read_to_string(&mark) {
            Ok(id) if id.ends_with('\n') => break id.trim().to_owned(),
            _ => std::thread::yield_now(),
        }
    };
    running.signal("INT");
    assert_eq!(running.end().0, 130);
    assert!(!std::path::Path::new(&format!("/proc/{id}")).exists(), "the command is gone");
    assert_eq!(world.live_sessions(), 0);
}

#[test]
fn piped_input_is_not_swallowed_in_silence() {
    let world = World::new();
    let mut command = world.command(&["exec", "web-1", "--", "cat"]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let _ = child.stdin.take().unwrap().write_all(b"lost\n");
    let mut words = String::new();
    child.stderr.take().unwrap().read_to_string(&mut words).unwrap();
    assert!(child.wait().unwrap().success());
    assert!(words.contains("standard input is not passed on"), "{words}");
}

#[test]
fn an_old_agent_runs_commands_by_the_older_document() {
    let world = World::new();
    let (code, out, error) = world.output(&["exec", "app-5", "--", "echo out; echo error >&2; exit 4"]);
    assert_eq!((code, out.as_str(), error.as_str()), (4, "out\n", "error\n"));
    let (code, _, words) = world.output(&["exec", "legacy-1", "--", "dir"]);
    assert_eq!(code, 1);
    assert!(words.contains("the agent is too old for"), "{words}");
}

#[test]
fn suggestions_are_made_and_nothing_is_guessed() {
    let world = World::new();
    let (code, _, words) = world.output(&["exec", "wb-1", "--", "ls"]);
    assert_eq!(code, 1);
    assert!(
        words.contains("there is no instance `wb-1`") && words.contains("perhaps you mean web-1"),
        "{words}"
    );
    assert_eq!(world.region().gateway().statuses().len(), 0);
}
