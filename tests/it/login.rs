//! What only a user can do for keys, end to end: sign-ins in a browser and codes of a device, in the app and on the command
//! line; where the keys then lie; and keys that end while a session is open.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::Value;
use ssmtui::sim::{Options, Way};

use crate::harness::{Program, World, find, open, prompt, unwrapped};

/// What every device of these regions takes, and what none does.
const CODE: &str = "246810";
const WRONG: &str = "135791";
/// `printf shop | sha1sum`: where the AWS CLI looks for the token of a session of that name.
const TOKEN: &str = ".aws/sso/cache/5042d146667518a1a5017644946b8650aafca44c.json";

/// A region whose every way in is a profile, and no keys in the environment.
fn world(change: impl FnOnce(&mut Options)) -> World {
    let mut world = World::with(|options| {
        options.mfa_code = Some(CODE.to_owned());
        change(options);
    });
    world.set("AWS_ACCESS_KEY_ID", None);
    world.set("AWS_SECRET_ACCESS_KEY", None);
    let mut config = format!(
        "[sso-session shop]\nsso_region = eu-west-1\nsso_start_url = {}/start\n",
        world.region().endpoint()
    );
    for profile in world.region().profiles() {
        config += &format!("[profile {}]\nregion = eu-west-1\n", profile.name);
        config += &match profile.way {
            Way::Keys { id, secret } => {
                format!("aws_access_key_id = {id}\naws_secret_access_key = {secret}\n")
            }
            Way::Role { arn, source, mfa_serial, .. } => {
                let serial = mfa_serial.map(|serial| format!("mfa_serial = {serial}\n"));
                format!("role_arn = {arn}\nsource_profile = {source}\n{}", serial.unwrap_or_default())
            }
            Way::SignOn { account, role } => {
                format!("sso_session = shop\nsso_account_id = {account}\nsso_role_name = {role}\n")
            }
        };
    }
    fs::create_dir_all(world.home().join(".aws")).unwrap();
    fs::write(world.home().join(".aws/config"), config).unwrap();
    world
}

/// The page that the program names, once it stands on the screen.
fn page(program: &Program) -> String {
    let address = |text: &str| {
        let at = text.find("user_code=")?;
        let start = text[..at].rfind("http://")?;
        let code = &text[at + "user_code=".len()..];
        let end = code.find(|c: char| !c.is_ascii_alphanumeric() && c != '-')?;
        (end == 9).then(|| text[start..at + "user_code=".len() + end].to_owned())
    };
    let mut found = None;
    program.wait_until("the page of a sign-in", |screen| {
        found = address(&screen.text());
        found.is_some()
    });
    found.unwrap()
}

/// Clicks "confirm" or "deny" there.
fn click(page: &str, link: &str) {
    let url = page.strip_prefix("http://").unwrap();
    let (host, path) = url.split_once("/device").unwrap();
    let mut page = TcpStream::connect(host).unwrap();
    write!(page, "GET /device/{link}{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    page.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// The token is where, and as, the AWS CLI writes it.
fn assert_token(world: &World) {
    let path = world.home().join(TOKEN);
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    let token = json(&path);
    let mut names: Vec<_> = token.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    let wanted = [
        "accessToken",
        "clientId",
        "clientSecret",
        "expiresAt",
        "refreshToken",
        "region",
        "registrationExpiresAt",
        "startUrl",
    ];
    assert_eq!(names, wanted);
    assert_eq!(token["startUrl"], format!("{}/start", world.region().endpoint()));
    let until = token["expiresAt"].as_str().unwrap();
    assert!(until.len() == 20 && until.ends_with('Z'), "{until}");
}

/// The files of roles, which are there for this user alone.
fn role_files(world: &World) -> Vec<PathBuf> {
    let folder = world.home().join(".aws/cli/cache");
    let files: Vec<_> = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(mode(&folder), 0o700);
    assert!(files.iter().all(|file| mode(file) == 0o600), "{files:?}");
    files
}

/// The only one of them.
fn role_file(world: &World) -> PathBuf {
    let mut files = role_files(world);
    assert_eq!(files.len(), 1, "{files:?}");
    files.remove(0)
}

#[test]
fn a_sign_in_in_the_app_serves_every_place_of_its_session() {
    let world = world(|_| {});
    let mut app = world.start(&["--profile", "prod-sso,staging-sso"], 40, 120);
    app.wait_for("enter signs in");
    app.press("\r");
    let page = page(&app);
    app.wait_for("there is no browser");
    app.press("y");
    app.wait_for("copied the address");
    click(&page, "approve");
    app.wait_for("signed in to shop");
    app.wait_for("2 of 2 places");
    assert_token(&world);
    let (code, _, errors) = world.output(&["--profile", "data-sso-reader", "ls"]);
    assert_eq!(code, 0, "a token serves the command line, too: {errors}");
}

#[test]
fn a_sign_in_that_is_refused_says_so_and_begins_again() {
    let world = world(|_| {});
    let mut app = world.start(&["--profile", "prod-sso"], 30, 100);
    app.wait_for("enter signs in");
    app.press("\r");
    let first = page(&app);
    click(&first, "deny");
    app.wait_for("refused in the browser");
    app.press("\r");
    app.wait_until("another code", |screen| {
        let text = screen.text();
        text.contains("user_code=") && !text.contains(&first)
    });
    app.press("\x1b");
    app.wait_gone("user_code=");
    app.wait_for("ctrl-l signs in here");
    app.press("\x0c");
    click(&page(&app), "approve");
    app.wait_for(" of ");
    open(&mut app, "web-1");
}

#[test]
fn a_sign_in_on_the_command_line_keeps_the_token_where_the_aws_cli_looks_for_it() {
    let world = world(|_| {});
    let mut login = world.start(&["--profile", "prod-sso", "login"], 30, 100);
    click(&page(&login), "approve");
    let (code, screen) = login.wait_exit();
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("Signed in to shop until"), "{screen}");
    assert_token(&world);
    let app = world.start(&["--profile", "prod-sso"], 30, 100);
    app.wait_for(" of ");
}

#[test]
fn a_token_that_is_over_is_renewed_without_a_word() {
    // Keys that are never fresh: each call looks for newer ones.
    let world = world(|options| options.credentials = Some(Duration::from_secs(60)));
    let mut login = world.start(&["--profile", "prod-sso", "login"], 30, 100);
    click(&page(&login), "approve");
    assert_eq!(login.wait_exit().0, 0);
    let path = world.home().join(TOKEN);
    let mut token = json(&path);
    let before = token["accessToken"].clone();
    token["expiresAt"] = Value::from("2026-01-01T00:00:00Z");
    fs::write(&path, token.to_string()).unwrap();
    let app = world.start(&["--profile", "prod-sso"], 30, 100);
    app.wait_for(" of ");
    let renewed = json(&path);
    assert_ne!(renewed["accessToken"], before);
    assert!(renewed["expiresAt"].as_str().unwrap() > "2026-01-01T00:00:00Z");
}

#[test]
fn stored_keys_that_aws_does_not_know_are_replaced_without_a_word() {
    let world = world(|_| {});
    let mut login = world.start(&["--profile", "prod-sso", "login"], 30, 100);
    click(&page(&login), "approve");
    assert_eq!(login.wait_exit().0, 0);
    assert_eq!(world.output(&["--profile", "prod-sso", "ls"]).0, 0);
    let file = role_file(&world);
    let mut stored = json(&file);
    for name in ["AccessKeyId", "SecretAccessKey", "SessionToken"] {
        stored["Credentials"][name] = Value::from(format!("ASIAOF{}", "ANOTHER".repeat(4)));
    }
    fs::write(&file, stored.to_string()).unwrap();
    let mut app = world.start(&["--profile", "prod-sso"], 30, 100);
    open(&mut app, "web-1");
    assert_ne!(json(&role_file(&world)), stored);
}

#[test]
fn an_mfa_code_in_the_app_is_refused_typed_again_and_kept_for_all_programs() {
    let world = world(|_| {});
    let log = world.home().join("log").display().to_string();
    // The same role by another name is, for AWS and for the cache, another session.
    let config = world.home().join(".aws/config");
    let mut text = fs::read_to_string(&config).unwrap();
    let (_, role) = text.split_once("[profile prod-mfa]\n").unwrap();
    let (role, _) = role.split_once('[').unwrap();
    text += &format!("[profile again]\n{role}role_session_name = again\n");
    fs::write(&config, text).unwrap();
    let arguments = ["--log", &log, "--log-level", "trace", "--profile", "prod-mfa,again", "--region"];
    let mut app = world.start(&[&arguments[..], &["eu-west-1,us-east-1"]].concat(), 40, 120);
    app.wait_for("enter sends it");
    app.press(&format!("{WRONG}\r"));
    let screen = app.wait_for("one time");
    assert!(unwrapped(&screen).contains("MultiFactorAuthenticationfailed"), "{screen}");
    let spaced = WRONG.chars().map(String::from).collect::<Vec<_>>().join(" ");
    app.wait_gone(&spaced);
    app.press(&format!("\x1b[200~{} {}\n\x1b[201~", &CODE[..3], &CODE[3..]));
    app.wait_for("2 4 6 8 1 0");
    app.press("\r");
    app.wait_for("4 of 4 places");
    let files = role_files(&world);
    assert_eq!(files.len(), 2, "one code does for both sessions");
    assert!(files.iter().all(|file| json(file)["Credentials"]["Expiration"].is_string()));
    let (code, _, errors) = world.output(&["--profile", "prod-mfa", "ls"]);
    assert_eq!(code, 0, "nobody is asked again: {errors}");
    app.press("\x1b");
    app.wait_until("single keys are commands", |screen| screen.cursor_hidden());
    app.press("q");
    assert_eq!(app.wait_exit().0, 0);
    let log = fs::read_to_string(log).unwrap();
    assert!(!log.is_empty() && !log.contains(CODE) && !log.contains(WRONG), "{log}");
    for file in files {
        let keys = json(&file);
        assert!(!log.contains(keys["Credentials"]["SecretAccessKey"].as_str().unwrap()));
    }
}

#[test]
fn an_mfa_code_on_the_command_line_is_not_shown_and_wrong_ones_are_asked_for_again() {
    let world = world(|_| {});
    let mut list = world.start(&["--profile", "prod-mfa", "ls"], 100, 200);
    list.wait_for("MFA code of arn:aws:iam::123456789012:mfa/mfa-user:");
    list.press(&format!("{WRONG}\r"));
    list.wait_for("MultiFactorAuthentication failed");
    list.wait_until("the question again", |screen| screen.text().matches("MFA code of").count() == 2);
    list.press(&format!("{CODE}\r"));
    let (code, screen) = list.wait_exit();
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("web-1") && screen.contains("The session is good until"), "{screen}");
    let raw = list.look(|screen| String::from_utf8_lossy(screen.raw()).into_owned());
    assert!(!raw.contains(CODE) && !raw.contains(WRONG));
    role_file(&world);
    let app = world.start(&["--profile", "prod-mfa"], 30, 100);
    app.wait_for(" of ");
}

#[test]
fn a_profile_that_is_not_signed_in_holds_up_no_other_on_the_command_line() {
    let world = world(|_| {});
    let mut list = world.start(&["--profile", "prod-mfa,staging", "ls", "web"], 100, 200);
    for asked in 1..=3 {
        list.wait_until("the question", |screen| screen.text().matches("MFA code of").count() == asked);
        list.press(&format!("{WRONG}\r"));
    }
    let (_, screen) = list.wait_exit();
    assert!(screen.contains("web-1"), "{screen}");
    assert!(screen.contains("prod-mfa/eu-west-1"), "the list says what is missing: {screen}");
}

#[test]
fn a_signal_while_a_code_is_asked_for_leaves_the_terminal_as_it_was() {
    for (name, number) in [("TERM", 15), ("HUP", 1), ("INT", 2)] {
        let world = world(|_| {});
        // The shell ignores the signal and lives to tell of the terminal.
        let binary = env!("CARGO_BIN_EXE_ssmtui");
        let script =
            format!("trap : {name}; {binary} --profile prod-mfa ls; echo code $?; stty -a; echo over");
        let mut shell = Program::start("sh", &["-c", &script], &world.environment(), 40, 120);
        shell.wait_for("MFA code of");
        let group = format!("-{}", shell.pid());
        assert!(Command::new("kill").args([&format!("-{name}"), "--", &group]).status().unwrap().success());
        let screen = shell.wait_for("over");
        assert!(screen.contains(&format!("code {}", 128 + number)), "SIG{name}: {screen}");
        for setting in [" echo ", " icanon ", " isig ", " opost "] {
            assert!(screen.replace([';', '\n'], " ").contains(setting), "SIG{name} {setting}: {screen}");
        }
        assert_eq!(shell.wait_exit().0, 0);
    }
}

#[test]
fn keys_that_end_while_a_session_is_open_are_asked_for_and_the_session_goes_on() {
    let world = world(|options| options.credentials = Some(Duration::from_secs(8)));
    let config = world.home().join("config.toml");
    fs::write(&config, "refresh = \"5s\"\n").unwrap();
    let mut environment = world.environment();
    environment.push(("SSMTUI_CONFIG".to_owned(), config.display().to_string()));
    let binary = env!("CARGO_BIN_EXE_ssmtui");
    let mut app = Program::start(binary, &["--profile", "prod-sso"], &environment, 30, 120);
    app.wait_for("enter signs in");
    app.press("\r");
    click(&page(&app), "approve");
    app.wait_for(" of ");
    open(&mut app, "web-1");
    let session = world.session_ids();
    // From here on no new keys are to be had, and the old ones end within seconds.
    fs::remove_file(world.home().join(TOKEN)).unwrap();
    app.press("\x1df");
    app.wait_for("a login to shop is needed: ctrl-l signs in");
    app.press("\x1b2");
    prompt(&app);
    app.press("echo still-$((40+1))\r");
    app.wait_for("still-41");
    world.region().gateway().cut(&session[0]);
    app.wait_for("a login to shop is needed: ctrl-] l signs in");
    app.press("echo kept-$((40+2))\r");
    app.press("\x1dl");
    click(&page(&app), "approve");
    app.wait_for("resumed after");
    app.wait_for("kept-42");
    assert_eq!(world.session_ids(), session, "it is the same session");
    app.press("\x1df");
    app.wait_gone("login");
    app.press("\x15");
    find(&mut app, "web-2");
    assert_token(&world);
}
