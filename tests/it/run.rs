//! `ssmtui run`: documents listed, described, checked and started.

use crate::harness::World;

#[test]
fn documents_are_listed_own_and_shared_before_amazons() {
    let world = World::new();
    let (code, out, _) = world.output(&["run", "--list"]);
    assert_eq!(code, 0);
    let names: Vec<_> = out.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let place = |name: &str| {
        names.iter().position(|known| known.contains(name)).unwrap_or_else(|| panic!("{name}: {out}"))
    };
    assert!(
        place("Shop-Check") < place("Platform-Uptime")
            && place("Platform-Uptime") < place("AWS-StartSSHSession")
    );
    let (_, out, _) = world.output(&["run", "--list", "--json", "shop-check"]);
    let listed: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(listed[0]["name"], "Shop-Check");
    assert!(listed[0]["platforms"].as_array().unwrap().contains(&"Linux".into()), "{listed}");
}

#[test]
fn a_document_is_described() {
    let world = World::new();
    let (code, out, _) = world.output(&["run", "--describe", "Shop-Check"]);
    assert_eq!(code, 0);
    assert!(
        out.contains("service  (needed)") && out.contains("must match") && out.contains("default 0"),
        "{out}"
    );
    let (code, _, words) = world.output(&["run", "--describe", "No-Such"]);
    assert_eq!(code, 1);
    assert!(words.contains("there is no such session document"), "{words}");
}

#[test]
fn wrong_parameters_are_refused_before_anything_is_started() {
    let world = World::new();
    for (arguments, wanted) in [
        (vec!["run", "Shop-Check", "web-1"], "`service` is needed"),
        (vec!["run", "Shop-Check", "web-1", "service=Web!"], "`Web!` does not match"),
        (vec!["run", "Shop-Check", "web-1", "service=web", "cod=3"], "`cod` is no parameter of Shop-Check"),
        (vec!["run", "Shop-Check", "web-1", "service"], "NAME=VALUE"),
        (vec!["run", "Shop-DatabaseTunnel", "web-1"], "opens a port"),
        (vec!["run", "Shop-Check", "dc-1", "service=web"], "does not run on dc-1"),
    ] {
        let (code, out, words) = world.output(&arguments);
        assert_eq!((code, out.as_str()), (1, ""), "{words}");
        assert!(words.contains(wanted), "{wanted}: {words}");
    }
    assert_eq!(world.region().gateway().statuses().len(), 0, "no session was made");
}

#[test]
fn peers_c29_a_command_without_a_terminal_gives_its_streams_and_code() {
    let world = World::new();
    let (code, out, error) = world.output(&["run", "Shop-Check", "web-1", "service=web", "code=6"]);
    assert_eq!((code, out.as_str(), error.as_str()), (6, "web: port open\n", "web: 3 slow requests\n"));
}

#[test]
fn a_command_on_a_terminal_is_carried_as_a_shell_is() {
    let world = World::new();
    let mut run = world.start(
        &["run", "AWS-StartInteractiveCommand", "web-1", "command=echo name; read x; echo got-$x"],
        24,
        100,
    );
    run.wait_for("name");
    run.press("me\r");
    run.wait_for("got-me");
    let (code, text) = run.wait_exit();
    assert_eq!(code, 0, "{text}");
    assert_eq!(world.live_sessions(), 0);
}

#[test]
fn a_key_that_is_not_there_is_told_once() {
    let world = World::new();
    let (code, _, words) = world.output(&["run", "Shop-LostKeyShell", "web-1"]);
    assert_eq!(code, 1);
    assert_eq!(words.matches("there is no such key").count(), 1, "{words}");
    let (code, _, words) = world.output(&["run", "Shop-VaultShell", "web-1"]);
    assert_eq!(code, 1);
    assert!(words.contains("kms:GenerateDataKey"), "{words}");
}
