//! Three accounts in two regions, read side by side: one is denied something, one is throttled, one is slow. The slow one
//! is held back by the region until the test lets it go, so what the screen shows before that shows the order of things.

use std::collections::BTreeSet;

use serde_json::Value;
use ssmtui::sim;

use crate::harness::{Program, Running, Screen, World};

const ALL: [&str; 4] = ["--profile", "prod,staging,data", "--region", "eu-west-1,us-east-1"];
const SLOW: &str = "*@data/us-east-1";
const INFORMATION: &str = "ssm:DescribeInstanceInformation";
const MACHINES: &str = "ec2:DescribeInstances";

const DENIED: &str = "deny=ec2:DescribeInstances@staging/us-east-1";
const THROTTLED: &str = "throttle=ec2:DescribeInstances:50%@data/eu-west-1";

fn world(refresh: &str, faults: &[&str]) -> World {
    let faults = faults.iter().map(|fault| fault.parse().unwrap()).collect();
    let mut world = World::with(|options| options.faults = faults);
    world.set_profiles(&["prod", "staging", "data"]);
    world.configure(&format!("refresh = {refresh}\n"));
    world
}

/// The line of a place in the choice of places.
fn line(screen: &Screen, place: &str) -> String {
    screen.row_with(&format!("✓ {place} ")).unwrap_or_default()
}

/// Opens the choice of places and waits until each has its line.
fn choose(app: &mut Program) {
    app.press("\x1bp");
    app.wait_until("a line for each place", |screen| {
        let places = ["prod", "staging", "data"]
            .map(|profile| ["eu-west-1", "us-east-1"].map(|region| format!("{profile}/{region}")));
        places.iter().flatten().all(|place| !line(screen, place).is_empty())
    });
}

/// Rows by names that are there once only.
fn shows(screen: &Screen, name: &str) -> bool {
    screen.text().lines().any(|line| line.split_whitespace().any(|word| word == name))
}

#[test]
fn none_holds_up_another_and_each_has_its_own_line() {
    let world = world("\"off\"", &[DENIED, THROTTLED]);
    let slow = world.hold(SLOW);
    // High enough for every row of all places.
    let mut app = world.start(&ALL, 140, 170);
    app.wait_until("the rows of all but the slow one", |screen| {
        // EC2 alone knows the names of staging's others.
        ["bare-1", "us-web-1", "bench-gw", "ip-10-0-1-4.us…", "ingest-1"]
            .iter()
            .all(|name| shows(screen, name))
    });
    slow.came(1);
    app.look(|screen| assert!(!shows(screen, "us-pg-1"), "nothing came of the one that is held back"));

    choose(&mut app);
    app.wait_until("the lists of the others read to their end", |screen| {
        let whole = ["prod/eu-west-1", "prod/us-east-1", "staging/eu-west-1", "data/eu-west-1"];
        whole.iter().all(|place| line(screen, place).contains(" of "))
    });
    let denied = "managed nodes only: ec2:DescribeInstances is denied";
    app.wait_until("the line of the denied one", |screen| line(screen, "staging/us-east-1").contains(denied));
    app.wait_until("that the slow one is read", |screen| line(screen, "data/us-east-1").contains("listing…"));

    // Its line asks again: this place and no other, what was denied once included.
    let before = ["prod", "data"].map(|profile| world.counted(profile, "eu-west-1", MACHINES).came);
    let again = world.hold("ec2:DescribeInstances@staging/us-east-1");
    app.press(&"\x1b[B".repeat(3));
    app.wait_until("the cursor on the denied one", |screen| line(screen, "staging/us-east-1").contains('▌'));
    app.press("\x12");
    again.came(1);
    let goes_on = |screen: &Screen| line(screen, "staging/us-east-1").contains("refreshing…");
    app.wait_until("a reading that goes on", goes_on);
    drop(again);
    app.wait_until("and ends", |screen| {
        !goes_on(screen) && line(screen, "staging/us-east-1").contains(denied)
    });
    assert_eq!(
        ["prod", "data"].map(|profile| world.counted(profile, "eu-west-1", MACHINES).came),
        before,
        "the others are not asked"
    );

    drop(slow);
    app.wait_until("the slow one, read to its end", |screen| {
        line(screen, "data/us-east-1").contains("12 of 12")
    });
    app.press("\x1b");
    app.wait_until("its rows, and the list alone", |screen| {
        shows(screen, "us-pg-1") && line(screen, "data/us-east-1").is_empty()
    });
    app.press("\x03");
    assert_eq!(app.wait_exit().0, 0);
}

#[test]
fn one_without_keys_is_asked_again_from_its_line_when_it_has_them() {
    let mut world = world("\"off\"", &[DENIED]);
    world.set_profiles(&["prod", "staging"]);
    let mut app = world.start(&ALL, 140, 170);
    app.wait_until("the rows of the others", |screen| shows(screen, "bare-1") && shows(screen, "bench-gw"));
    choose(&mut app);
    app.wait_until("what is in the way", |screen| {
        ["data/eu-west-1", "data/us-east-1"].iter().all(|place| line(screen, place).contains("data"))
            && line(screen, "data/us-east-1").contains("there is no profile `data`")
    });
    world.set_profiles(&["prod", "staging", "data"]);
    app.press(&"\x1b[B".repeat(5));
    app.wait_until("the cursor on its line", |screen| line(screen, "data/us-east-1").contains('▌'));
    app.press("\x12");
    app.wait_until("its list", |screen| line(screen, "data/us-east-1").contains("12 of 12"));
    let other = |screen: &Screen| line(screen, "data/eu-west-1").contains("no profile");
    app.wait_until("the other as it was: one line asks for one place", other);
}

#[test]
fn a_slow_place_is_named_and_can_be_left_out_of_a_table() {
    let world = world("\"off\"", &[]);
    let _slow = world.hold(SLOW);
    let mut arguments = vec!["ls", "name:web-1"];
    arguments.extend(ALL);
    let mut ls = world.start(&arguments, 30, 150);
    ls.wait_for("ssmtui: waiting for data/us-east-1; ctrl-c shows what is there");
    ls.press("\x03");
    let (code, screen) = ls.wait_exit();
    assert_eq!(code, 3, "{screen}");
    assert!(screen.contains("i-0c4719afa76fa448b"), "{screen}");
    assert!(screen.contains("data/us-east-1 is left out: it had not answered when ctrl-c came"), "{screen}");
}

/// The places of `ls --json`, each with whether it is complete and what is missing.
fn places(document: &Value) -> Vec<(String, bool, Vec<String>)> {
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let places = document["places"].as_array().unwrap().iter();
    places
        .map(|place| {
            let name = format!("{}/{}", word(&place["profile"]), word(&place["region"]));
            let missing = place["missing"].as_array().unwrap().iter().map(word).collect();
            (name, place["complete"].as_bool().unwrap(), missing)
        })
        .collect()
}

#[test]
fn the_command_line_asks_all_at_once_and_tells_of_each() {
    let mut world = world("\"off\"", &[DENIED]);
    world.set_profiles(&["prod", "data"]);
    // All lists are held back: that each has come shows that none waits for another.
    let held = ["prod/eu-west-1", "prod/us-east-1", "data/eu-west-1", "data/us-east-1"]
        .map(|place| world.hold(&format!("ec2:DescribeInstances@{place}")));
    let listing = Running::start(world.command(&[&ALL[..], &["ls", "--json"]].concat()));
    held.iter().for_each(|hold| hold.came(1));
    drop(held);
    let (code, lines, errors) = listing.end();
    assert_eq!(code, 3, "{errors}");
    let document: Value = serde_json::from_str(&lines.join("\n")).unwrap();
    assert_eq!(document["complete"], false);
    let places = places(&document);
    for place in ["prod/eu-west-1", "prod/us-east-1", "data/eu-west-1", "data/us-east-1"] {
        assert!(places.contains(&(place.to_owned(), true, vec![])), "{places:?}");
    }
    for place in ["staging/eu-west-1", "staging/us-east-1"] {
        let (_, complete, missing) = places.iter().find(|(name, ..)| name == place).unwrap();
        assert!(!complete && missing[0].contains("there is no profile `staging`"), "{places:?}");
    }
    let rows = document["instances"].as_array().unwrap();
    let accounts: BTreeSet<_> = rows.iter().map(|row| row["account"].as_str().unwrap()).collect();
    assert_eq!(accounts.len(), 2);

    world.set_profiles(&["prod", "staging", "data"]);
    let (code, text, errors) = world.output(&[&ALL[..], &["ls", "--json"]].concat());
    assert_eq!(code, 0, "a denial is no failure: {errors}");
    let document: Value = serde_json::from_str(&text).unwrap();
    let denied = "EC2's list of instances is missing: ec2:DescribeInstances is denied to you";
    for (place, complete, missing) in self::places(&document) {
        match place.as_str() {
            "staging/us-east-1" => assert!(!complete && missing[0].starts_with(denied), "{missing:?}"),
            _ => assert_eq!((complete, missing), (true, vec![]), "{place}"),
        }
    }
}

#[test]
fn a_watch_asks_again_whom_it_could_not_and_waits_for_nobody() {
    let mut world = world("5", &[]);
    world.set_profiles(&["prod"]);
    let arguments = ["--profile", "prod,staging", "ls", "--json", "--watch", "name:=web-1"];
    let mut watching = Running::start(world.command(&arguments));
    let mut event = || -> Value { serde_json::from_str(&watching.line()).unwrap() };
    let first = event();
    assert_eq!((&first["event"], &first["instance"]["profile"]), (&"added".into(), &"prod".into()));
    let listed = event();
    assert_eq!((&listed["event"], &listed["complete"]), (&"listed".into(), &false.into()));
    assert!(listed["missing"][0].as_str().unwrap().contains("there is no profile `staging`"), "{listed}");
    // While one does not answer, the other is read again and told.
    let slow = world.hold("*@prod");
    slow.came(1);
    world.set_profiles(&["prod", "staging"]);
    let second = event();
    assert_eq!((&second["event"], &second["instance"]["profile"]), (&"added".into(), &"staging".into()));
    let listed = event();
    assert_eq!((&listed["event"], &listed["complete"]), (&"listed".into(), &true.into()), "{listed}");
    drop(slow);
    watching.signal("INT");
    let (code, _, errors) = watching.end();
    assert_eq!((code, errors.as_str()), (0, ""));
}

/// Enough nodes for several pages, and what goes wrong.
fn large(faults: &[&str]) -> World {
    let faults: Vec<sim::Fault> = faults.iter().map(|fault| fault.parse().unwrap()).collect();
    let mut world = World::with(|options| (options.nodes, options.faults) = (240, faults));
    world.set("AWS_PROFILE", None);
    world
}

fn ids(text: &str) -> (Value, Vec<String>) {
    let document: Value = serde_json::from_str(text).unwrap();
    let rows = document["instances"].as_array().unwrap();
    let ids = rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect();
    (document, ids)
}

#[test]
fn a_throttled_list_is_completed_with_one_more_call_for_each_refusal() {
    let plain = large(&[]);
    let (_, text, _) = plain.output(&["ls", "--json"]);
    let (_, mut wanted) = ids(&text);
    let world = large(&["throttle=ssm:DescribeInstanceInformation:2/s+2"]);
    let (code, text, errors) = world.output(&["ls", "--json"]);
    assert_eq!((code, errors.as_str()), (0, ""));
    let (document, mut found) = ids(&text);
    assert_eq!(document["complete"], true);
    wanted.sort();
    found.sort();
    assert_eq!(found, wanted, "each once");
    let pages = plain.counted("prod", "eu-west-1", INFORMATION).came;
    let count = world.counted("prod", "eu-west-1", INFORMATION);
    // A page that was refused is asked for again, and no other: a list that begins anew would be more.
    assert_eq!(count.came, pages + count.refused);
    // AWS, "Retry behavior": a call has so many attempts and no more (our lists eight), and calls slow down where they are
    // refused: a storm would need all of them.
    assert!((1..=3 * pages).contains(&count.refused), "{count:?} for {pages} pages");
    assert_eq!(world.counted("prod", "eu-west-1", MACHINES).refused, 0, "the other list is not throttled");
    // On the screen, too, each stands once.
    let app = world.app(40, 140);
    app.wait_for(&format!("{0} of {0}", wanted.len()));
}

#[test]
fn a_list_that_aws_throttles_says_so_while_it_is_read() {
    let world = large(&["throttle=ssm:DescribeInstanceInformation:100%"]);
    let app = world.app(40, 140);
    app.wait_for("AWS throttles the list; it goes on by itself");
}
