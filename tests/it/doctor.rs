//! `ssmtui doctor` against a region of the test's own: what it finds, in which order, and what it never says.

use serde_json::Value;

use crate::harness::World;

fn document(world: &World) -> (i32, Value) {
    let (code, out, err) = world.output(&["doctor", "--json"]);
    (code, serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{err}")))
}

fn check<'a>(document: &'a Value, name: &str) -> &'a Value {
    let sections = document["sections"].as_array().unwrap();
    let mut lines = sections.iter().flat_map(|section| section["checks"].as_array().unwrap());
    lines.find(|line| line["check"] == name).unwrap_or_else(|| panic!("no {name} in {document:#}"))
}

#[test]
fn one_who_may_connect_is_told_so_and_nothing_secret_is_printed() {
    let world = World::new();
    let (code, told) = document(&world);
    assert_eq!((code, &told["ok"]), (0, &Value::Bool(true)), "{told:#}");
    for name in ["config", "region", "keys", "endpoint-ssm", "endpoint-ssmmessages", "clock", "identity"] {
        assert_eq!(check(&told, name)["outcome"], "passed", "{name}");
    }
    assert!(check(&told, "keys")["found"].as_str().unwrap().contains("environment variables"));
    for action in ["ec2:DescribeInstances", "ssm:DescribeInstanceInformation", "ssm:GetConnectionStatus"] {
        assert_eq!(check(&told, &format!("right-{action}"))["outcome"], "passed", "{action}");
    }
    let (_, text, err) = world.output(&["doctor"]);
    for (name, value) in world.environment() {
        if name.contains("KEY") {
            assert!(!text.contains(&value) && !err.contains(&value), "{name} is printed");
        }
    }
}

#[test]
fn what_is_denied_is_told_with_what_is_lost_and_does_not_stop_sessions() {
    let world = World::with(|options| options.faults.push("deny=ec2:DescribeInstances".parse().unwrap()));
    let (code, told) = document(&world);
    assert_eq!(code, 0, "sessions need no list");
    let line = check(&told, "right-ec2:DescribeInstances");
    assert_eq!(line["outcome"], "failed");
    assert!(line["found"].as_str().unwrap().contains("instances that are not managed"), "{line}");
    assert!(line["fix"].as_str().unwrap().contains("ec2:DescribeInstances"), "{line}");
    assert!(told["mend"].as_array().unwrap().contains(&"right-ec2:DescribeInstances".into()), "{told:#}");
}

#[test]
fn the_first_thing_to_mend_stands_first() {
    let mut world = World::new();
    world.set("AWS_SECRET_ACCESS_KEY", Some("wrong"));
    let (code, told) = document(&world);
    assert_eq!(code, 4);
    assert_eq!(told["mend"][0], "identity", "{told:#}");
    assert_eq!(check(&told, "rights")["outcome"], "not-checked");

    world.set("AWS_ACCESS_KEY_ID", None);
    world.set("AWS_SECRET_ACCESS_KEY", None);
    let (code, told) = document(&world);
    assert_eq!((code, &told["mend"][0]), (4, &"keys".into()));

    world.set("AWS_PROFILE", Some("prdo"));
    let (code, told) = document(&world);
    assert_eq!((code, &told["mend"][0]), (4, &"aws-files".into()));
    let (code, text, _) = world.output(&["doctor"]);
    assert_eq!(code, 4);
    assert!(text.contains("Mend first: aws-files") && text.contains("there is no profile `prdo`"), "{text}");
}

#[test]
fn a_broken_config_file_is_a_line_and_does_not_stop_the_doctor() {
    let mut world = World::new();
    let path = world.home().join("own.toml");
    std::fs::write(&path, "refesh = \"30s\"\n").unwrap();
    world.set("SSMTUI_CONFIG", Some(&path.display().to_string()));
    let (code, told) = document(&world);
    assert_eq!((code, &told["mend"][0]), (4, &"config".into()));
    assert!(check(&told, "config")["found"].as_str().unwrap().contains("refesh"), "{told:#}");
    assert_eq!(check(&told, "identity")["outcome"], "passed", "the rest is looked at all the same");
    std::fs::write(&path, "[keys]\nrefesh = \"r\"\n").unwrap();
    let (_, told) = document(&world);
    assert!(
        check(&told, "config")["found"].as_str().unwrap().contains("refesh"),
        "a key of no action: {told:#}"
    );
}

#[test]
fn a_host_that_cannot_be_reached_is_named_with_its_port() {
    let mut world = World::new();
    world.set("AWS_ENDPOINT_URL_STS", Some("http://127.0.0.1:9"));
    let (_, told) = document(&world);
    let line = check(&told, "endpoint-sts");
    assert_eq!(line["outcome"], "failed");
    assert!(line["found"].as_str().unwrap().starts_with("127.0.0.1:9: no connection"), "{line}");
    assert_eq!(check(&told, "endpoint-ssm")["outcome"], "passed");
}

#[test]
fn the_demo_has_its_check_up_too() {
    let world = World::new();
    let (code, text, err) = world.output(&["--demo", "doctor"]);
    assert_eq!(code, 0, "{text}{err}");
    assert!(text.contains("from the simulated region"), "{text}");
}
