//! Commands, with and without a terminal, and the shell that the preferences ask for.

use super::*;

#[tokio::test]
async fn a_command_says_output_errors_and_code_apart() {
    let gateway = Gateway::new(unpaced());
    let plan = command("sh -c 'echo out; echo err >&2; read x || echo no input; exit 7'", true);
    let (mut client, request) = Client::shaken(&gateway, session(plan), "1.2.804.0").await;
    let RequestedAction::SessionType { session_type, properties } = &request.actions[0] else { panic!() };
    assert_eq!((session_type.as_str(), properties), ("NonInteractiveCommands", &serde_json::Value::Null));
    client.post(PayloadType::Size, br#"{"cols":80,"rows":24}"#).await;
    assert_eq!(client.until_closed().await, "");
    assert_eq!(client.said(PayloadType::Output), "out\nno input\n");
    assert_eq!(client.said(PayloadType::StdErr), "err\n");
    assert_eq!(client.said(PayloadType::ExitCode), "EXIT_CODE: 7");
    assert_eq!(client.frames.last().unwrap().payload_type, PayloadType::ExitCode);
    assert_eq!(gateway.status(ID).unwrap().state, SessionState::Terminated);
    gateway.shutdown().await;
}

#[tokio::test]
async fn a_command_with_prefixes_and_an_old_client_gets_them_and_a_notice() {
    let gateway = Gateway::new(unpaced());
    let plan = Plan::NonInteractive {
        commands: "sh -c 'echo out; echo err >&2'".to_owned(),
        separate_output: true,
        stdout_prefix: "O:".to_owned(),
        stderr_prefix: "E:".to_owned(),
    };
    let (mut client, _) = Client::shaken(&gateway, session(plan.clone()), "1.2.295").await;
    client.until_closed().await;
    assert_eq!(
        (client.said(PayloadType::Output), client.said(PayloadType::StdErr)),
        ("O:out\n".to_owned(), "E:err\n".to_owned())
    );
    let notice = client.complete().unwrap().customer_message;
    assert!(notice.starts_with("Please update session manager plugin version"), "{notice}");
    let Plan::NonInteractive { commands, .. } = plan else { panic!() };
    let bad = Plan::NonInteractive {
        commands,
        separate_output: true,
        stdout_prefix: "not this".to_owned(),
        stderr_prefix: String::new(),
    };
    let (mut client, _) =
        Client::shaken(&gateway, NewSession { id: "demo-2".to_owned(), ..session(bad) }, "1.2.804.0").await;
    assert_eq!(client.until_closed().await, "invalid stdoutSeparatorPrefix not this");
    gateway.shutdown().await;
}

#[tokio::test]
async fn the_output_of_a_joined_command_comes_after_its_end() {
    let gateway = Gateway::new(unpaced());
    let folder = tempfile::tempdir().unwrap();
    let (begun, go) = (folder.path().join("begun"), folder.path().join("go"));
    let script = format!(
        "sh -c 'echo out; echo err >&2; touch {}; until [ -e {} ]; do sleep 0.01; done; echo end'",
        begun.display(),
        go.display()
    );
    let (mut client, _) = Client::shaken(&gateway, session(command(&script, false)), "1.2.804.0").await;
    eventually("the command has begun", || begun.exists()).await;
    assert_eq!(client.said(PayloadType::Output), "");
    std::fs::write(&go, "").unwrap();
    client.until_closed().await;
    assert_eq!(client.said(PayloadType::Output), "out\nerr\nend\n");
    assert_eq!(client.said(PayloadType::ExitCode), "");
    gateway.shutdown().await;
}

#[tokio::test]
async fn a_command_that_is_not_there_says_so_after_its_code() {
    let gateway = Gateway::new(unpaced());
    let (mut client, _) =
        Client::shaken(&gateway, session(command("no-such-program --x", true)), "1.2.804.0").await;
    assert_eq!(client.until_closed().await, "");
    let told: Vec<_> = client.frames.iter().skip(2).map(|frame| frame.payload.clone()).collect();
    assert_eq!(told, ["EXIT_CODE: 1", "exec: \"no-such-program\": executable file not found in $PATH"]);
    assert_eq!(gateway.status(ID).unwrap().state, SessionState::Failed);
    for (id, commands, words) in [
        ("demo-2", "  ", "Commands cannot be empty for session type NonInteractiveCommands"),
        (
            "demo-3",
            "echo 'open",
            "\n----------ERROR-------\nUnable to start command: Failed to parse commands input: ",
        ),
    ] {
        let new = NewSession { id: id.to_owned(), ..session(command(commands, true)) };
        let (mut client, _) = Client::shaken(&gateway, new, "1.2.804.0").await;
        let said = client.until_closed().await;
        assert!(said.starts_with(words), "{said}");
    }
    gateway.shutdown().await;
}

#[tokio::test]
async fn a_control_c_stops_a_command_and_is_acknowledged_when_it_has_ended() {
    let gateway = Gateway::new(unpaced());
    let folder = tempfile::tempdir().unwrap();
    let (trapped, go) = (folder.path().join("trapped"), folder.path().join("go"));
    // It takes its time to end.
    let script = format!(
        "sh -c 'trap \"touch {}; until [ -e {} ]; do sleep 0.01; done; exit 5\" INT; echo begin; while :; do sleep 0.01; done'",
        trapped.display(),
        go.display()
    );
    let (mut client, _) = Client::shaken(&gateway, session(command(&script, true)), "1.2.804.0").await;
    client.wait_for("begin\n").await;
    client.type_text("ignored").await;
    client.acknowledged().await;
    client.type_text("x\x03y").await;
    eventually("the signal has come", || trapped.exists()).await;
    client.type_text("waits").await;
    assert_eq!(client.unacknowledged.len(), 2, "the reader stands still");
    std::fs::write(&go, "").unwrap();
    client.until_closed().await;
    assert_eq!(client.said(PayloadType::ExitCode), "EXIT_CODE: 1", "whatever the command says");
    gateway.shutdown().await;
}

#[tokio::test]
async fn a_killed_command_has_the_code_minus_one() {
    let gateway = Gateway::new(unpaced());
    let (mut client, _) =
        Client::shaken(&gateway, session(command("sh -c 'kill -9 $$'", true)), "1.2.804.0").await;
    client.until_closed().await;
    assert_eq!(client.said(PayloadType::ExitCode), "EXIT_CODE: -1");
    gateway.shutdown().await;
}

#[tokio::test]
async fn a_command_whose_client_goes_away_is_never_heard_again() {
    let gateway = Gateway::new(unpaced());
    let folder = tempfile::tempdir().unwrap();
    let go = folder.path().join("go");
    let script =
        format!("sh -c 'echo one; until [ -e {} ]; do sleep 0.01; done; echo two; echo three'", go.display());
    let (mut client, _) = Client::shaken(&gateway, session(command(&script, true)), "1.2.804.0").await;
    client.wait_for("one\n").await;
    assert!(gateway.cut(ID));
    assert!(matches!(client.until_gone().await, Gone::Lost));
    eventually("the cut is noticed", || gateway.status(ID).unwrap().state == SessionState::Disconnected)
        .await;
    std::fs::write(&go, "").unwrap();
    eventually("the command has ended", || gateway.status(ID).unwrap().state == SessionState::Terminating)
        .await;
    client.resume(&gateway, ID).await;
    client.until_closed().await;
    assert_eq!(client.said(PayloadType::ExitCode), "");
    assert_eq!(gateway.status(ID).unwrap().state, SessionState::Failed);
    gateway.shutdown().await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_terminated_command_is_killed_with_its_children() {
    let gateway = Gateway::new(unpaced());
    let plan = command("sh -c 'echo pid=$$; sleep 1000 & wait'", true);
    let (mut client, _) = Client::shaken(&gateway, session(plan), "1.2.804.0").await;
    client.wait_for("\n").await;
    let pid = client.text().trim().strip_prefix("pid=").unwrap().to_owned();
    assert!(gateway.terminate(ID));
    client.until_closed().await;
    eventually("it is dead", || !runs(&pid)).await;
    gateway.shutdown().await;
}

#[tokio::test]
async fn interactive_commands_run_in_a_terminal_without_a_handshake() {
    let gateway = Gateway::new(unpaced());
    let plan = Plan::Interactive {
        commands: "test -t 0 && echo tty; read answer; echo \"got $answer\"".to_owned(),
        run_as: None,
    };
    let token = gateway.start(session(plan));
    let mut client = Client::open(&gateway, ID, &token).await;
    client.wait_for("tty").await;
    client.type_text("yes\r").await;
    client.wait_for("got yes").await;
    assert_eq!(client.until_closed().await, "");
    let empty = Plan::Interactive { commands: " ".to_owned(), run_as: None };
    let token = gateway.start(NewSession { id: "demo-2".to_owned(), ..session(empty) });
    let mut client = Client::open(&gateway, "demo-2", &token).await;
    assert_eq!(client.until_closed().await, "Commands cannot be empty for session type InteractiveCommands");
    gateway.shutdown().await;
}

#[tokio::test]
async fn a_shell_profile_is_typed_and_a_user_that_is_not_there_is_refused() {
    let gateway = Gateway::new(unpaced());
    let plan = Plan::Shell { profile: "echo profile=$((40+2))".to_owned(), run_as: None };
    let mut client = Client::at_prompt(&gateway, session(plan)).await;
    client.wait_for("profile=42").await;
    let plan = Plan::Shell { profile: String::new(), run_as: Some("no-such-user".to_owned()) };
    let token = gateway.start(NewSession { id: "demo-2".to_owned(), ..session(plan) });
    let mut client = Client::open(&gateway, "demo-2", &token).await;
    let words = client.until_closed().await;
    assert!(words.starts_with("\n----------ERROR-------\nUnable to start command: "), "{words}");
    assert!(words.contains("RunAs"), "{words}");
    gateway.shutdown().await;
}
