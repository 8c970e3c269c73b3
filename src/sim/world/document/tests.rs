//! Documents: read, refused, filled in, stored.

use jiff::Timestamp;
use serde_json::{Map, json};

use super::{resolve::Command, *};
use crate::sim::world::PlatformKind;

fn shelf() -> Shelf {
    let start = "2026-03-01T12:00:00Z".parse::<Timestamp>().unwrap();
    Shelf::sample(start, ["123456789012", "eu-west-1"], &Map::new())
}

fn document(shelf: &Shelf, name: &str) -> Document {
    shelf.find(name).unwrap().in_force().unwrap().document.clone().unwrap()
}

fn resolve(name: &str, given: &[(&str, &[&str])]) -> Result<Resolved, String> {
    let given: Vec<(&str, Vec<&str>)> = given.iter().map(|(key, values)| (*key, values.to_vec())).collect();
    document(&shelf(), name).resolve(name, &given)
}

#[test]
fn defaults_and_values_come_to_their_places() {
    let port = resolve("AWS-StartPortForwardingSession", &[]).unwrap().port();
    assert_eq!(port["portNumber"], "80");
    assert_eq!(port["localPortNumber"], "0");
    assert_eq!(port["type"], "LocalPortForwarding");
    let far = resolve("AWS-StartPortForwardingSessionToRemoteHost", &[("host", &["db.internal"])]).unwrap();
    assert_eq!(far.port()["host"], "db.internal");
    let ssh = resolve("AWS-StartSSHSession", &[("portNumber", &["2222"])]).unwrap().port();
    assert_eq!(ssh.into_iter().collect::<Vec<_>>(), [("portNumber".to_owned(), "2222".to_owned())]);
    let command = resolve("AWS-StartInteractiveCommand", &[("command", &["top -b {{ x }}"])]).unwrap();
    assert_eq!(
        command.command(PlatformKind::Linux).commands,
        "top -b {{ x }}",
        "values are not filled in again"
    );
    let check = resolve("Shop-Check", &[("service", &["cart"]), ("code", &["7"])]).unwrap();
    let command = check.command(PlatformKind::MacOS);
    assert!(command.separate_output && command.commands.ends_with("exit 7'"), "{command:?}");
    assert_eq!(check.command(PlatformKind::Windows), Command::default());
    let marked = resolve("Shop-CheckMarked", &[]).unwrap().command(PlatformKind::Linux);
    assert!(marked.separate_output && marked.stdout_prefix == "OUT:" && marked.stderr_prefix == "ERR:");
    let told = resolve("Shop-Announce", &[("service", &["cart"])]).unwrap().command(PlatformKind::Linux);
    assert!(told.commands.contains(r#"'["web","api"]'"#), "{}", told.commands);
}

#[test]
fn values_that_break_a_rule_are_refused_with_the_rule() {
    for (name, given, words) in [
        (
            "SSM-SessionManagerRunShell",
            &[("x", &["y"][..])][..],
            "document SSM-SessionManagerRunShell does not support parameters.",
        ),
        (
            "AWS-StartSSHSession",
            &[("host", &["y"])],
            "Parameter \"host\" is not defined in document AWS-StartSSHSession.",
        ),
        ("AWS-StartInteractiveCommand", &[], "Parameter \"command\" requires argument value."),
        (
            "AWS-StartSSHSession",
            &[("portNumber", &["1", "2"])],
            "Parameter \"portNumber\" takes one value, not 2.",
        ),
        (
            "AWS-StartSSHSession",
            &[("portNumber", &["70000"])],
            "Parameter \"portNumber\" has value \"70000\" not matching \"^(",
        ),
        (
            "AWS-StartPortForwardingSessionToRemoteHost",
            &[("host", &["a;b"])],
            "Parameter \"host\" has value \"a;b\" not matching",
        ),
        (
            "Shop-Announce",
            &[("service", &["a"]), ("level", &["bad"])],
            "Parameter \"level\" has value \"bad\" not found in [info, warning, alarm].",
        ),
        ("Shop-Announce", &[("service", &["abcdefghijklmnopqrstuvwxyz"])], "longer than 24 characters."),
        (
            "Shop-Announce",
            &[("service", &["a"]), ("audience", &["a", "b", "c", "d", "e", "f"])],
            "has more than 5 values.",
        ),
    ] {
        let why = resolve(name, given).unwrap_err();
        assert!(why.contains(words), "{name}: {why}");
    }
}

#[test]
fn inputs_say_who_how_long_and_with_which_key() {
    let short = resolve("Shop-ShortShell", &[]).unwrap();
    assert_eq!((short.idle_minutes(), short.max_minutes()), (Some(1), Some(2)));
    let plain = resolve(PREFERENCES, &[]).unwrap();
    assert_eq!((plain.idle_minutes(), plain.max_minutes(), plain.kms_key()), (Some(20), None, None));
    assert_eq!(plain.run_as(Some("deploy")), None);
    let recorded = resolve("Shop-VaultedShell", &[]).unwrap();
    let vault = "session-vault-123456789012-eu-west-1";
    assert_eq!(recorded.bucket().map(|wanted| (wanted.name, wanted.must_be_encrypted)), Some((vault, true)));
    assert_eq!(recorded.log_group(), None);
    let kept = resolve("Shop-KeptShell", &[]).unwrap();
    assert_eq!(kept.bucket().map(|wanted| wanted.must_be_encrypted), Some(false));
    let logged = resolve("Shop-LoggedCommand", &[("command", &["id"])]).unwrap();
    let group = logged.log_group().map(|wanted| (wanted.name, wanted.must_be_encrypted));
    assert_eq!((logged.bucket(), group), (None, Some(("/sessions/sealed", true))));
    assert_eq!(short.bucket().or(short.log_group()), None, "empty names are none");
    let deploy = resolve("Shop-DeployShell", &[]).unwrap();
    assert_eq!(deploy.run_as(None).as_deref(), Some("deploy"));
    assert_eq!(deploy.run_as(Some("alice")).as_deref(), Some("alice"), "the caller's tag goes before");
    assert_eq!(resolve("Shop-NobodyShell", &[]).unwrap().run_as(None).as_deref(), Some(""));
    let user = resolve("Shop-UserShell", &[("user", &["bob"])]).unwrap();
    assert_eq!(user.run_as(None).as_deref(), Some("bob"));
    assert_eq!(
        resolve("Shop-EncryptedCheck", &[("command", &["id"])]).unwrap().kms_key(),
        Some("alias/sessions")
    );
    let profile = resolve("Shop-ProfileShell", &[]).unwrap();
    assert!(profile.profile(PlatformKind::MacOS).starts_with("export SHOP"));
    assert!(profile.profile(PlatformKind::Windows).starts_with("$env"));
}

#[test]
fn what_is_no_session_document_is_refused() {
    let good = json!({"schemaVersion": "1.0", "sessionType": "Standard_Stream"});
    assert!(Document::read(&good).is_ok());
    let with = |key: &str, value: serde_json::Value| {
        let mut content = good.clone();
        content[key] = value;
        match Document::read(&content).unwrap_err() {
            ContentError::Schema(why) | ContentError::Content(why) => why,
        }
    };
    assert!(with("schemaVersion", json!("2.2")).contains("2.2, is not supported"));
    assert!(with("schemaVersion", json!(1.0)).contains("missing"));
    assert!(with("sessionType", json!("Party")).contains("'Party' is not valid"));
    assert!(with("mainSteps", json!([])).contains("no member \"mainSteps\""));
    assert!(with("inputs", json!({"idleTimeout": "5"})).contains("no member \"idleTimeout\""));
    assert!(with("inputs", json!({"idleSessionTimeout": "61"})).contains("from 1 to 60"));
    assert!(with("inputs", json!({"maxSessionDuration": "0"})).contains("from 1 to 1440"));
    assert!(with("inputs", json!({"runAsEnabled": "yes"})).contains("true or false"));
    assert!(with("inputs", json!({"kmsKeyId": "{{ key }}"})).contains("\"key\" is used but not defined"));
    assert!(with("sessionType", json!("Port")).contains("portNumber is missing"));
    assert!(with("sessionType", json!("InteractiveCommands")).contains("no commands"));
    assert!(with("parameters", json!({"a": {"type": "Map"}})).contains("type \"Map\""));
    assert!(
        with("parameters", json!({"a": {"type": "String", "allowedPattern": "("}}))
            .contains("regular expression")
    );
    let default = json!({"a": {"type": "String", "default": "x", "allowedPattern": "^y$"}});
    assert!(with("parameters", default).contains("The default is not allowed"));
    assert!(with("parameters", json!({"a b": {"type": "String"}})).contains("not a valid parameter name"));
    assert!(Document::read(&json!([])).is_err());
}

#[test]
fn placeholders_are_found_among_other_braces() {
    let found = |text: &str| resolve::placeholders(&json!(text));
    assert_eq!(found("a {{b}} {{ c }} {{{ d }}} {{}} {{ e f }} {{g"), ["b", "c", "d"]);
    assert_eq!(found("awk '{print $1}' {{ssm:x/y}}"), ["ssm:x/y"]);
    assert!(found("}} {{").is_empty());
}

#[test]
fn both_forms_say_the_same() {
    for stored in shelf().all() {
        for version in stored.versions() {
            assert_eq!(version.format.read(&version.text).unwrap(), version.value, "{}", stored.name);
            let yaml = Format::Yaml.write(&version.value);
            assert_eq!(Format::Yaml.read(&yaml).unwrap(), version.value, "{}\n{yaml}", stored.name);
        }
    }
    let typed = "schemaVersion: 1.0\nsessionType: Standard_Stream\ninputs:\n  runAsEnabled: true\n  idleSessionTimeout: \"5\"\n";
    assert!(
        Document::read(&Format::Yaml.read(typed).unwrap()).is_ok(),
        "an unquoted 1.0 is the schema's name"
    );
    for bad in
        ["a: [", "a: 1\n---\nb: 2", "", &"[".repeat(100_000), &"- ".repeat(100_000), &"a:\n  ".repeat(5000)]
    {
        let read = Format::Yaml.read(bad).map(|value| Document::read(&value).is_err());
        assert_ne!(read, Ok(false), "{}", &bad[..bad.len().min(20)]);
    }
}

#[test]
fn versions_are_added_chosen_and_taken_away() {
    let mut shelf = shelf();
    let now = "2026-03-01T13:00:00Z".parse().unwrap();
    let text = |idle: &str| {
        json!({"schemaVersion": "1.0", "sessionType": "Standard_Stream", "inputs": {"idleSessionTimeout": idle}}).to_string()
    };
    let new = |text: &'static str| New { format: Format::Json, text, version_name: None, created: now };
    let five: &'static str = Box::leak(text("5").into_boxed_str());
    let six: &'static str = Box::leak(text("6").into_boxed_str());
    assert_eq!(shelf.create("Mine", "Session", &new(five)).unwrap().default_version(), 1);
    assert_eq!(shelf.create("Mine", "Session", &new(five)).unwrap_err(), ShelfError::Exists);
    assert_eq!(shelf.update("Mine", &new(five)).unwrap_err(), ShelfError::SameContent);
    assert_eq!(shelf.update("Mine", &new(six)).unwrap().latest().number, 2);
    assert_eq!(shelf.find("Mine").unwrap().in_force().unwrap().number, 1);
    assert_eq!(shelf.set_default("Mine", 3).unwrap_err(), ShelfError::NoVersion);
    shelf.set_default("Mine", 2).unwrap();
    assert_eq!(shelf.find("Mine").unwrap().in_force().unwrap().number, 2);
    assert_eq!(shelf.delete("Mine", Some(Wanted::Default)).unwrap_err(), ShelfError::IsDefault);
    shelf.delete("Mine", Some(Wanted::Number(1))).unwrap();
    shelf.delete("Mine", None).unwrap();
    assert!(shelf.find("Mine").is_none());
    assert_eq!(shelf.update("AWS-StartSSHSession", &new(five)).unwrap_err(), ShelfError::Amazons);
    assert_eq!(shelf.delete("Nobody", None).unwrap_err(), ShelfError::NoDocument);
    // The preferences change as soon as they are written.
    shelf.update(PREFERENCES, &new(six)).unwrap();
    assert_eq!(shelf.find(PREFERENCES).unwrap().in_force().unwrap().number, 2);
    assert_eq!(document(&shelf, PREFERENCES).resolve(PREFERENCES, &[]).unwrap().idle_minutes(), Some(6));
    let greet = shelf.find("Shop-Greet").unwrap();
    assert_eq!((greet.default_version(), greet.latest().number), (1, 2));
    assert_eq!(greet.version(Wanted::of(None, Some("louder"))).unwrap().number, 2);
    assert_eq!(greet.version(Wanted::of(Some("$LATEST"), None)).unwrap().format, Format::Yaml);
}
