//! Rights and credentials: what the app says without them, and what it never says of them.

use std::fs;

use crate::harness::{World, find, open, unwrapped};

#[test]
fn a_denied_start_names_who_what_where_and_the_statement_to_ask_for() {
    let world = World::with(|options| options.faults.push("deny=ssm:StartSession".parse().unwrap()));
    let mut app = world.app(40, 120);
    find(&mut app, "web-1");
    app.press("\r");
    app.wait_for("closes the tab");
    let text = unwrapped(&app.look(|screen| screen.text()));
    for words in [
        "cannot open a session on",
        "access denied",
        "demo",
        "eu-west-1",
        "may not call `ssm:StartSession`",
        r#""Action":"ssm:StartSession""#,
        "document/SSM-SessionManagerRunShell",
    ] {
        assert!(text.contains(&unwrapped(words)), "{words}: {text}");
    }
    app.press("x");
    app.wait_gone("closes the tab");
}

#[test]
fn without_credentials_the_screen_says_what_to_do_and_tries_again_on_a_key() {
    let mut world = World::new();
    let value = |name: &str| {
        world.environment().iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()).unwrap()
    };
    let (id, secret) = (value("AWS_ACCESS_KEY_ID"), value("AWS_SECRET_ACCESS_KEY"));
    world.set("AWS_ACCESS_KEY_ID", None);
    world.set("AWS_SECRET_ACCESS_KEY", None);
    let mut app = world.start(&[], 40, 120);
    app.wait_for("there are no credentials");
    app.wait_for("aws configure");
    app.wait_for("ctrl-r");
    app.press("\x12");
    app.wait_for("there are no credentials");
    let folder = world.home().join(".aws");
    fs::create_dir_all(&folder).unwrap();
    let text = format!("[default]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n");
    fs::write(folder.join("credentials"), text).unwrap();
    // The try before may still run: it ends without the file, and the key is pressed anew.
    app.press("\x12");
    app.wait_for(" of ");
    open(&mut app, "web-1");
}

/// The numbers of every `CSI … m` in these bytes.
fn styles(raw: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(raw);
    text.split("\x1b[")
        .filter_map(|rest| {
            let end = rest.find(|c: char| !c.is_ascii_digit() && c != ';' && c != ':')?;
            rest[end..].starts_with('m').then(|| rest[..end].to_owned())
        })
        .collect()
}

#[test]
fn no_color_means_no_colour() {
    let colour = |style: &String| {
        style.split([';', ':']).filter_map(|number| number.parse::<u16>().ok()).any(|number| {
            // 39, 49 and 59 are the terminal's own.
            matches!(number, 30..=38 | 40..=48 | 58 | 90..=97 | 100..=107)
        })
    };
    let tour = |world: &World| {
        let mut app = world.app(40, 120);
        find(&mut app, "bare-1");
        app.press("\r");
        app.wait_for("no session on bare-1");
        app.press("q\x15");
        open(&mut app, "web-1");
        app.press("exit\r");
        app.wait_for("closes the tab");
        app.press("\x1d?");
        app.wait_for("every key");
        app.look(|screen| styles(screen.raw()))
    };
    let mut world = World::new();
    assert!(tour(&world).iter().any(colour), "this test sees colours where there are some");
    world.set("NO_COLOR", Some("1"));
    let plain = tour(&world);
    assert!(plain.len() > 20, "bold and reverse tell what colours do not");
    let coloured: Vec<_> = plain.iter().filter(|style| colour(style)).collect();
    assert!(coloured.is_empty(), "{coloured:?}");
}

#[test]
fn the_log_of_the_app_holds_no_key_no_token_and_no_session_data() {
    let world = World::new();
    let log = world.home().join("log");
    let mut app = world.start(&["--log", &log.display().to_string(), "--log-level", "trace"], 30, 100);
    app.wait_for(" of ");
    open(&mut app, "web-1");
    app.press("echo out''put-5f1d # typed-77aa\r");
    app.wait_for("output-5f1d");
    let id = world.session_ids().pop().unwrap();
    world.region().gateway().cut(&id);
    app.wait_for("resumed");
    app.press("\x1b[200~pasted-93bc\x1b[201~");
    app.wait_for("pasted-93bc");
    app.press("\x1dq");
    app.wait_for("still running");
    app.press("y");
    assert_eq!(app.wait_exit().0, 0);
    let text = fs::read_to_string(&log).unwrap();
    assert!(text.contains("started") && text.contains("session over"), "{text}");
    let secret = world.environment().into_iter().find(|(name, _)| name == "AWS_SECRET_ACCESS_KEY").unwrap().1;
    for word in
        [&*secret, "output-5f1d", "typed-77aa", "pasted-93bc", "TokenValue", "Signature=", "Authorization"]
    {
        assert!(!text.contains(word), "{word} is in the log:\n{text}");
    }
    // Tokens are base64 of some length: nothing of the kind may stand there.
    let long =
        text.split(|c: char| !(c.is_ascii_alphanumeric() || "+/=_".contains(c))).find(|word| word.len() > 60);
    assert_eq!(long, None);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&log).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
