//! The list of the last time, the history and watching, from one run of the program to the next.

use std::{fs, path::Path};

use crate::harness::{Running, Screen, World, find, open};

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect()
}

fn lists(world: &World) -> Vec<std::path::PathBuf> {
    let all = files(&world.home().join("cache/ssmtui/fleet")).into_iter();
    all.filter(|path| path.extension().is_some_and(|extension| extension == "list")).collect()
}

/// Runs the app until its list is kept.
fn first_run(world: &World) {
    let mut app = world.app(40, 140);
    app.wait_until("a list on the disk", |_| !lists(world).is_empty());
    app.press("\x03");
    assert_eq!(app.wait_exit().0, 0);
}

#[cfg(unix)]
#[test]
fn what_is_kept_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    first_run(&world);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let folder = world.home().join("cache/ssmtui/fleet");
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(files(&folder).len(), 2, "the list and what leads to it: {:?}", files(&folder));
    for file in files(&folder) {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
        let bytes = fs::read(&file).unwrap();
        let secret =
            world.environment().into_iter().find(|(name, _)| name == "AWS_SECRET_ACCESS_KEY").unwrap().1;
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "no secret is kept");
    }
}

#[test]
fn the_second_run_shows_the_rows_before_a_dead_endpoint_answers_anything() {
    let mut world = World::new();
    first_run(&world);
    world.stop();
    let mut app = world.start(&[], 40, 140);
    app.wait_until("rows with their age", |screen| {
        screen.contains("api-1") && screen.contains("from ") && screen.contains(" ago")
    });
    // They can be worked with: one is found, its details are there.
    find(&mut app, "web-1");
    app.wait_for("i-");
    app.press("\x03");
    assert_eq!(app.wait_exit().0, 0);
}

#[test]
fn the_list_of_the_last_time_is_brought_up_to_date_beneath_the_cursor() {
    let mut world = World::new();
    world.set_profiles(&["prod"]);
    world.set("AWS_PROFILE", Some("prod"));
    first_run(&world);
    // Meanwhile many were started, whose names come before and after those of the others.
    world.restart(|options| options.nodes = 200);
    world.set_profiles(&["prod"]);
    let hold = world.hold("*");
    let mut app = world.start(&[], 40, 140);
    app.wait_until("rows with their age", |screen| screen.contains("api-1") && screen.contains(" ago"));
    hold.came(1);
    let selected = |screen: &Screen| {
        let text = screen.text();
        let mut marked = text.lines().enumerate().filter(|(_, line)| line.contains('▌'));
        // Two while a frame is half drawn.
        let (at, line) = marked.next().filter(|_| marked.next().is_none())?;
        let name = line.split('▌').nth(1)?.split_whitespace().next()?;
        Some((at, name.to_owned()))
    };
    // To the middle of the list, where rows come in above and below.
    for key in ["\x1b[6~", "\x1b[6~", "\x1b[A", "\x1b[A", "\x1b[A"] {
        let was = app.look(selected);
        app.press(key);
        app.wait_until("the cursor elsewhere", |screen| {
            selected(screen).is_some_and(|now| Some(&now) != was.as_ref())
        });
    }
    let before = app.look(selected);
    drop(hold);
    app.wait_until("all rows, none from the last time", |screen| {
        assert_eq!(selected(screen), before, "the cursor stays where it is, on its row");
        // "262 of 262": as many are shown as there are.
        let text = screen.text();
        let footer: Vec<&str> = text.lines().last().unwrap_or_default().split_whitespace().collect();
        let all = footer.iter().position(|word| *word == "of").map(|at| (footer[at - 1], footer[at + 1]));
        all.is_some_and(|(shown, all)| shown == all && all.parse().is_ok_and(|all: usize| all > 200))
    });
}

#[test]
fn the_command_line_shows_the_list_of_the_last_time_without_a_call() {
    let mut world = World::new();
    let (code, _, errors) = world.output(&["ls", "--cached"]);
    assert!(code == 1 && errors.contains("there is no list of the last time"), "{errors}");
    first_run(&world);
    let (_, text, _) = world.output(&["ls", "--json"]);
    let listed: serde_json::Value = serde_json::from_str(&text).unwrap();
    world.stop();
    let (code, text, errors) = world.output(&["ls", "--cached", "web"]);
    assert!(code == 0 && text.contains("web-1") && !text.contains("bare-1"), "{text}");
    assert!(errors.contains("eu-west-1: as it was ") && errors.contains(" ago"), "{errors}");
    let (code, text, errors) = world.output(&["ls", "--cached", "--json"]);
    let kept: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &kept["complete"]), (0, &false.into()), "{errors}");
    assert!(kept["places"][0]["cached_at"].is_string(), "{kept:#}");
    assert_eq!(kept["places"][0]["account"], listed["places"][0]["account"]);
    let ids = |document: &serde_json::Value| -> std::collections::BTreeSet<String> {
        let rows = document["instances"].as_array().unwrap().iter();
        rows.map(|row| row["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&kept), ids(&listed));
}

#[test]
fn a_damaged_list_is_no_list_and_only_the_log_says_so() {
    let world = World::new();
    first_run(&world);
    for list in lists(&world) {
        let mut bytes = fs::read(&list).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&list, bytes).unwrap();
    }
    let log = world.home().join("log");
    let app = world.start(&["--log", log.to_str().unwrap()], 40, 140);
    app.wait_for(" of ");
    let text = fs::read_to_string(&log).unwrap();
    assert!(text.contains("a cached list is ignored") && text.contains("it is damaged"), "{text}");
}

#[test]
fn what_was_opened_is_remembered_and_told() {
    let world = World::new();
    let mut app = world.app(40, 140);
    open(&mut app, "web-1");
    app.press("exit\r");
    app.wait_for("closes the tab");
    app.press("x");
    app.wait_for(" of ");
    app.press("\x1bl");
    app.wait_until("the history", |screen| {
        screen.text().lines().any(|line| line.contains("shell") && line.contains("web-1"))
    });
    app.press("q");
    app.press("\x03");
    assert_eq!(app.wait_exit().0, 0);
    let (code, out, _) = world.output(&["history"]);
    assert!(code == 0 && out.contains("shell") && out.contains("web-1"), "{out}");
    let (code, out, _) = world.output(&["history", "--json"]);
    let document: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &document["openings"][0]["name"]), (0, &"web-1".into()));
    assert_eq!(document["openings"].as_array().unwrap().len(), 1);
}

#[test]
fn what_commands_open_is_remembered_by_its_kind() {
    let mut world = World::new();
    let nothing: [&[&str]; 4] = [
        &["connect", "web-1"],
        &["exec", "web-2", "--", "true"],
        &["run", "Shop-Report", "web-3"],
        &["ssh-proxy", "web-4", "22"],
    ];
    let open_all = |world: &World| nothing.iter().for_each(|arguments| drop(world.output(arguments)));
    let remembered = |world: &World| -> Vec<(String, String)> {
        let (_, text, _) = world.output(&["history", "--json"]);
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        let word = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let openings = document["openings"].as_array().unwrap().iter();
        openings.map(|opening| (word(&opening["name"]), word(&opening["kind"]))).collect()
    };
    let config = world.home().join("settings.toml");
    fs::write(&config, "history = false\n").unwrap();
    world.set("SSMTUI_CONFIG", Some(config.to_str().unwrap()));
    open_all(&world);
    assert_eq!(remembered(&world), []);
    world.set("SSMTUI_CONFIG", None);
    open_all(&world);
    let mut forward = Running::start(world.command(&["forward", "web-5", "0:22"]));
    forward.line();
    forward.signal("INT");
    forward.end();
    // One that could not be opened is none.
    assert_eq!(world.output(&["connect", "idle-1"]).0, 1);
    let newest = [
        ("web-5", "forward"),
        ("web-4", "ssh"),
        ("web-3", "command"),
        ("web-2", "command"),
        ("web-1", "shell"),
    ];
    assert_eq!(remembered(&world), newest.map(|(name, kind)| (name.to_owned(), kind.to_owned())));
    // The app knows them: among equals they come first.
    let app = world.app(40, 140);
    app.wait_until("what was opened above the rest", |screen| {
        let at = |name: &str| {
            let text = screen.text();
            text.lines().position(|line| line.split_whitespace().any(|word| word == name))
        };
        let opened = ["web-1", "web-2", "web-3", "web-4", "web-5"];
        at("api-1").is_some_and(|other| opened.iter().all(|name| at(name).is_some_and(|row| row < other)))
    });
}

#[test]
fn nothing_is_remembered_where_the_config_says_so() {
    let mut world = World::new();
    let config = world.home().join("settings.toml");
    fs::write(&config, "history = false\n").unwrap();
    world.set("SSMTUI_CONFIG", Some(config.to_str().unwrap()));
    let mut app = world.app(40, 140);
    open(&mut app, "web-1");
    app.press("exit\r");
    app.wait_for("closes the tab");
    assert_eq!(files(&world.home().join("state/ssmtui")), Vec::<std::path::PathBuf>::new());
    let (_, out, said) = world.output(&["history"]);
    assert!(out.is_empty() && said.contains("history = false"), "{said}");
}
