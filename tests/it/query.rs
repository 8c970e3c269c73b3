//! `ssmtui ls` with queries: errors that point, saved queries, and --watch against nodes that are stopped by API calls.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use aws_credential_types::Credentials;
use aws_sdk_ec2::config::{BehaviorVersion, Region};
use serde_json::Value;

use crate::harness::{Running, World};

const CONFIG: &str = "refresh = 5\n[queries]\nbroken = \"!state:ready age:>15m\"\nwebs = \"^web-\"\n";

fn world(config: &str) -> World {
    let world = World::new();
    world.configure(config);
    world
}

fn ids_and_states(world: &World, query: &str) -> Vec<(String, String)> {
    let (code, text, errors) = world.output(&["ls", "--json", query]);
    assert_eq!(code, 0, "{errors}");
    let document: Value = serde_json::from_str(&text).unwrap();
    let word = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    let rows = document["instances"].as_array().unwrap();
    rows.iter().map(|row| (word(row, "id"), word(row, "state"))).collect()
}

/// StopInstances, as anybody else would call it.
fn stop(world: &World, id: &str) {
    let value = |name: &str| {
        let all = world.environment();
        all.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()).unwrap()
    };
    let keys =
        Credentials::new(value("AWS_ACCESS_KEY_ID"), value("AWS_SECRET_ACCESS_KEY"), None, None, "test");
    let config = aws_sdk_ec2::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .endpoint_url(world.region().endpoint())
        .credentials_provider(keys)
        .build();
    let call = aws_sdk_ec2::Client::from_conf(config).stop_instances().instance_ids(id);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(call.send()).unwrap();
}

#[test]
fn a_query_finds_what_it_says_whatever_its_form() {
    let world = world(CONFIG);
    let all = ids_and_states(&world, "");
    let lost = ids_and_states(&world, "state:lost");
    assert!(!lost.is_empty() && lost.iter().all(|(_, state)| state == "lost"), "{lost:?}");
    let neither = ids_and_states(&world, "!(state:lost or state:ready)");
    assert!(neither.iter().all(|(_, state)| state != "lost" && state != "ready"));
    let ready = ids_and_states(&world, "state:ready");
    assert_eq!(lost.len() + ready.len() + neither.len(), all.len());
    assert_eq!(ids_and_states(&world, "region:=eu-west-1").len(), all.len());
    assert!(ids_and_states(&world, "region:us-").is_empty());
    let (old, new) = (ids_and_states(&world, "agent:<3.1"), ids_and_states(&world, "agent:>=3.1"));
    assert!(!old.is_empty() && !new.is_empty());
    assert!(old.iter().all(|row| !new.contains(row)));
    assert!(!ids_and_states(&world, "age:<1h").is_empty());
}

#[test]
fn an_error_points_at_the_letter_and_is_wrong_usage() {
    let world = world(CONFIG);
    let (code, text, errors) = world.output(&["ls", "web", "agent:<abc"]);
    assert_eq!((code, text.as_str()), (2, ""));
    assert_eq!(
        errors,
        "ssmtui: this query cannot be read\n  web agent:<abc\n             ^^^ `abc` is no version; write 3.2 or 3.3.987.0\n"
    );
    let (code, _, errors) = world.output(&["ls", "state:"]);
    assert_eq!(code, 2, "half a filter is none: {errors}");
    let (code, _, errors) = world.output(&["ls", "@webz"]);
    assert!(code == 2 && errors.contains("did you mean `@webs`?"), "{errors}");
}

#[test]
fn saved_queries_are_listed_used_and_checked() {
    let saved = world(CONFIG);
    let (code, text, _) = saved.output(&["ls", "--queries"]);
    assert_eq!((code, text.as_str()), (0, "@broken  !state:ready age:>15m\n@webs    ^web-\n"));
    let broken = ids_and_states(&saved, "@broken");
    assert!(!broken.is_empty() && broken.iter().all(|(_, state)| state != "ready"), "{broken:?}");
    assert_eq!(ids_and_states(&saved, "@webs"), ids_and_states(&saved, "^web-"));
    let wrong = world("[queries]\na = \"@b\"\nb = \"web @a\"\n");
    let (code, _, errors) = wrong.output(&["ls"]);
    assert_eq!(code, 1);
    assert!(errors.contains("config.toml is wrong at line 2, column 5"), "{errors}");
    assert!(
        errors.contains("`@a` leads back to itself: @a → @b → @a") || errors.contains("@b → @a → @b"),
        "{errors}"
    );
}

#[test]
fn watch_tells_what_changed_and_ctrl_c_is_a_good_end() {
    let world = world(CONFIG);
    let id = ids_and_states(&world, "name:=web-1")[0].0.clone();
    let mut json = Running::start(world.command(&["ls", "--json", "--watch", "name:=web-1"]));
    let mut words = Running::start(world.command(&["ls", "--watch", "name:=web-1 or name:=web-2"]));
    let mut ready = Running::start(world.command(&["ls", "--watch", "name:=web-1", "state:ready"]));
    let mut event = || -> Value { serde_json::from_str(&json.line()).unwrap() };
    let first = event();
    assert_eq!((&first["event"], &first["instance"]["state"]), (&"added".into(), &"ready".into()));
    let listed = event();
    assert_eq!((&listed["event"], &listed["instances"]), (&"listed".into(), &1.into()));
    assert_eq!(listed["complete"], true);
    // The table's head, and its rows.
    (0..3).for_each(|_| drop(words.line()));
    (0..2).for_each(|_| drop(ready.line()));

    stop(&world, &id);
    let changed = event();
    assert_eq!(changed["event"], "changed", "{changed}");
    assert!(changed["changed"].as_array().unwrap().contains(&"state".into()), "{changed}");
    assert_eq!(
        (&changed["before"]["state"], &changed["instance"]["state"]),
        (&"ready".into(), &"stopped".into())
    );
    let line = words.line();
    assert!(line.starts_with(&format!("web-1 ({id}): ")) && line.contains("ready -> stopped"), "{line}");
    assert_eq!(ready.line(), format!("- web-1 ({id}): stopped, does not match any more"));
    for watching in [json, words, ready] {
        watching.signal("INT");
        let (code, _, errors) = watching.end();
        assert_eq!((code, errors.as_str()), (0, ""));
    }
}

#[test]
fn a_watch_whose_reader_has_gone_ends_quietly() {
    let world = world(CONFIG);
    let id = ids_and_states(&world, "name:=web-1")[0].0.clone();
    let mut command = world.command(&["ls", "--watch", "name:=web-1"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    // The head and the only row; then nobody reads any more.
    for _ in 0..2 {
        assert_ne!(lines.read_line(&mut String::new()).unwrap(), 0);
    }
    drop(lines);
    stop(&world, &id);
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
