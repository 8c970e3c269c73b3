//! Every kind of session but the plain shell, against real sockets, programs and an SSH server.

use std::{collections::BTreeMap, path::Path, process::Stdio, sync::Arc};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use bytes::BytesMut;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    process::Command,
};

use super::*;
use crate::session::message::{
    ActionResult, ActionStatus, EncryptionChallenge, Flag, HandshakeComplete, HandshakeRequest,
    HandshakeResponse, ProcessedAction, RequestedAction,
    smux::{Decoder, Frame as Smux},
};

/// The client's cipher.
pub(super) struct Cipher {
    open: LessSafeKey,
    seal: LessSafeKey,
    nonce: u8,
}

impl Cipher {
    fn new(data_key: &[u8]) -> Self {
        let key = |half: &[u8]| LessSafeKey::new(UnboundKey::new(&AES_256_GCM, half).unwrap());
        Self { open: key(&data_key[..32]), seal: key(&data_key[32..]), nonce: 0 }
    }

    fn open(&self, sealed: &[u8]) -> Vec<u8> {
        let mut plain = sealed[12..].to_vec();
        let nonce = Nonce::try_assume_unique_for_key(&sealed[..12]).unwrap();
        self.open.open_in_place(nonce, Aad::empty(), &mut plain).unwrap().to_vec()
    }

    fn seal(&mut self, plain: &[u8]) -> Vec<u8> {
        self.nonce += 1;
        let nonce = [self.nonce; 12];
        let mut sealed = plain.to_vec();
        self.seal
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed)
            .unwrap();
        [&nonce[..], &sealed].concat()
    }
}

fn session(plan: Plan) -> NewSession {
    NewSession { plan, ..web_1() }
}

fn port(properties: &[(&str, &str)]) -> Plan {
    Plan::Port(properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
}

fn forward(port_number: u16) -> Plan {
    port(&[
        ("portNumber", &port_number.to_string()),
        ("type", "LocalPortForwarding"),
        ("localPortNumber", "0"),
    ])
}

fn command(commands: &str, separate_output: bool) -> Plan {
    Plan::NonInteractive {
        commands: commands.to_owned(),
        separate_output,
        stdout_prefix: String::new(),
        stderr_prefix: String::new(),
    }
}

impl Client {
    /// Starts a session and answers the handshake as a client of this version.
    async fn shaken(gateway: &Gateway, new: NewSession, client_version: &str) -> (Self, HandshakeRequest) {
        let id = new.id.clone();
        let token = gateway.start(new);
        let mut client = Self::open(gateway, &id, &token).await;
        let request = client.answer(client_version, ActionResult::None).await;
        client.wait_until("the handshake's end", |client| client.complete().is_some()).await;
        (client, request)
    }

    async fn answer(&mut self, client_version: &str, kms: ActionResult) -> HandshakeRequest {
        self.wait_until("a request", |client| client.expected > 0).await;
        assert_eq!(self.frames[0].payload_type, PayloadType::HandshakeRequest);
        let request = HandshakeRequest::parse(&self.frames[0].payload).unwrap();
        let actions = request.actions.iter().map(|action| ProcessedAction {
            action_type: action.action_type().to_owned(),
            status: ActionStatus::Success,
            result: match action {
                RequestedAction::KmsEncryption { .. } => kms.clone(),
                _ => ActionResult::None,
            },
            error: String::new(),
        });
        let response = HandshakeResponse {
            client_version: client_version.to_owned(),
            actions: actions.collect(),
            errors: None,
        };
        self.post(PayloadType::HandshakeResponse, &response.encode()).await;
        request
    }

    fn payloads(&self, payload_type: PayloadType) -> Vec<Bytes> {
        let mut frames: Vec<&Frame> =
            self.frames.iter().filter(|frame| frame.payload_type == payload_type).collect();
        frames.sort_by_key(|frame| frame.sequence);
        frames.dedup_by_key(|frame| frame.sequence);
        frames.into_iter().map(|frame| frame.payload.clone()).collect()
    }

    fn complete(&self) -> Option<HandshakeComplete> {
        self.payloads(PayloadType::HandshakeComplete)
            .first()
            .map(|bytes| HandshakeComplete::parse(bytes).unwrap())
    }

    fn said(&self, payload_type: PayloadType) -> String {
        String::from_utf8(self.payloads(payload_type).concat()).unwrap()
    }

    async fn smux(&mut self, frame: Smux) {
        let mut bytes = BytesMut::new();
        frame.encode(&mut bytes);
        // As the official client cuts it.
        for piece in bytes.chunks(1024) {
            self.post(PayloadType::Output, piece).await;
        }
    }

    /// What came on a smux stream, and whether it was closed.
    fn stream(&self, id: u32) -> (Vec<u8>, bool) {
        let mut decoder = Decoder::new();
        decoder.push(self.screen.clone().into());
        let (mut data, mut closed) = (Vec::new(), false);
        while let Some(frame) = decoder.pop().unwrap() {
            match frame {
                Smux::Data { stream, bytes } if stream == id => data.extend_from_slice(&bytes),
                Smux::Close { stream } if stream == id => closed = true,
                _ => {}
            }
        }
        (data, closed)
    }

    async fn acknowledged(&mut self) {
        self.wait_until("all acknowledged", |client| client.unacknowledged.is_empty()).await;
    }
}

/// A server that sends back what it gets, and closes when the other side does; a connection begins with `greeting`.
async fn echo(greeting: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let (mut reader, mut writer) = stream.split();
                writer.write_all(greeting.as_bytes()).await.unwrap();
                let _ = tokio::io::copy(&mut reader, &mut writer).await;
            });
        }
    });
    port
}

/// A port where nobody listens.
async fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

#[tokio::test]
async fn a_forward_carries_many_connections_at_once() {
    let gateway = Gateway::new(unpaced());
    let (mut client, request) =
        Client::shaken(&gateway, session(forward(echo("hi ").await)), "1.2.804.0").await;
    let RequestedAction::SessionType { session_type, properties } = &request.actions[0] else { panic!() };
    assert_eq!((session_type.as_str(), request.actions.len()), ("Port", 1));
    assert_eq!(properties["type"], "LocalPortForwarding");
    assert_eq!(client.complete().unwrap().customer_message, "");
    for stream in [3, 5] {
        client.smux(Smux::Open { stream }).await;
    }
    let big: Vec<u8> = (0..100_000u32).map(|n| (n % 251) as u8).collect();
    client.smux(Smux::Data { stream: 3, bytes: big.clone().into() }).await;
    client.smux(Smux::Data { stream: 5, bytes: Bytes::from_static(b"small") }).await;
    client
        .wait_until("both echoes", |client| {
            client.stream(3).0.len() == 100_003 && client.stream(5).0.len() == 8
        })
        .await;
    assert_eq!(client.stream(3).0[3..], big);
    assert_eq!(client.stream(5).0, b"hi small");
    client.smux(Smux::Close { stream: 3 }).await;
    client.wait_until("a FIN for a FIN", |client| client.stream(3).1).await;
    assert!(!client.stream(5).1, "the other one goes on");
    assert!(client.frames.iter().all(|frame| frame.payload.len() <= 1024));
    client.post(PayloadType::Flag, &Flag::TerminateSession.encode()).await;
    assert_eq!(client.until_closed().await, "");
    assert_eq!(gateway.status(ID).unwrap().state, SessionState::Terminated);
    gateway.shutdown().await;
}

#[tokio::test]
async fn a_closed_port_is_told_by_flag_and_fin_and_the_session_goes_on() {
    let gateway = Gateway::new(unpaced());
    let (mut client, _) = Client::shaken(&gateway, session(forward(closed_port().await)), "1.2.804.0").await;
    for stream in [3, 5] {
        client.smux(Smux::Open { stream }).await;
        client.wait_until("a FIN", |client| client.stream(stream).1).await;
    }
    assert_eq!(
        client.payloads(PayloadType::Flag),
        [Flag::ConnectToPortError.encode(), Flag::ConnectToPortError.encode()]
    );
    let order: Vec<_> = client.frames.iter().map(|frame| frame.payload_type).skip(2).collect();
    assert_eq!(
        order,
        [PayloadType::Flag, PayloadType::Output, PayloadType::Flag, PayloadType::Output],
        "flag, then FIN"
    );
    gateway.shutdown().await;
}

#[tokio::test]
async fn a_half_close_of_the_client_loses_the_reply() {
    let gateway = Gateway::new(unpaced());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let new = session(forward(listener.local_addr().unwrap().port()));
    let (mut client, _) = Client::shaken(&gateway, new, "1.2.804.0").await;
    client.smux(Smux::Open { stream: 3 }).await;
    client.smux(Smux::Data { stream: 3, bytes: Bytes::from_static(b"question") }).await;
    client.smux(Smux::Close { stream: 3 }).await;
    let (mut server, _) = soon(listener.accept()).await.unwrap();
    let mut asked = Vec::new();
    soon(server.read_to_end(&mut asked)).await.unwrap();
    assert_eq!(asked, b"question", "all of it, before the connection is closed");
    client.wait_until("a FIN", |client| client.stream(3).1).await;
    let _ = server.write_all(b"answer").await;
    client.post(PayloadType::Flag, &Flag::TerminateSession.encode()).await;
    client.until_closed().await;
    assert_eq!(client.stream(3).0, b"");
    gateway.shutdown().await;
}

#[tokio::test]
async fn what_is_no_smux_ends_the_session() {
    let gateway = Gateway::new(unpaced());
    let (mut client, _) = Client::shaken(&gateway, session(forward(closed_port().await)), "1.2.804.0").await;
    client.post(PayloadType::Output, b"GET / HTTP/1.0\r\n\r\n").await;
    assert_eq!(client.until_closed().await, "");
    assert_eq!(gateway.status(ID).unwrap().state, SessionState::Failed);
    gateway.shutdown().await;
}

#[tokio::test]
async fn old_ends_get_one_connection_at_a_time() {
    for (agent_version, client_version) in [("3.3.987.0", "1.1.69.0"), ("3.0.100.0", "1.2.804.0")] {
        let gateway = Gateway::new(unpaced());
        let new =
            NewSession { agent_version: agent_version.to_owned(), ..session(forward(echo("hi ").await)) };
        let (mut client, request) = Client::shaken(&gateway, new, client_version).await;
        assert_eq!(request.agent_version, agent_version);
        client.wait_for("hi ").await;
        client.type_text("one").await;
        client.wait_for("hi one").await;
        client.post(PayloadType::Flag, &Flag::DisconnectToPort.encode()).await;
        client.acknowledged().await;
        assert_eq!(client.text(), "hi one", "the next connection is made when there is something for it");
        client.type_text("two").await;
        client.wait_for("two").await;
        assert_eq!(client.text(), "hi onehi two");
        client.post(PayloadType::Flag, &Flag::TerminateSession.encode()).await;
        assert_eq!(client.until_closed().await, "");
        gateway.shutdown().await;
    }
}

#[tokio::test]
async fn a_far_end_that_closes_a_basic_forward_is_dialled_again_with_the_next_input() {
    let gateway = Gateway::new(unpaced());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let new = session(forward(listener.local_addr().unwrap().port()));
    let new = NewSession { agent_version: "2.3.760.0".to_owned(), ..new };
    let (mut client, _) = Client::shaken(&gateway, new, "1.2.804.0").await;
    let (mut first, _) = soon(listener.accept()).await.unwrap();
    first.write_all(b"bye").await.unwrap();
    client.wait_for("bye").await;
    drop(first);
    client.type_text("again").await;
    let (mut second, _) = soon(listener.accept()).await.unwrap();
    let mut got = [0; 5];
    soon(second.read_exact(&mut got)).await.unwrap();
    assert_eq!(&got, b"again");
    client.acknowledged().await;
    // Nobody listens any more: the worker of the official agent crashes, and the input is never acknowledged.
    drop((second, listener));
    client.post(PayloadType::Flag, &Flag::DisconnectToPort.encode()).await;
    client.type_text("lost").await;
    let words = client.until_closed().await;
    assert!(words.starts_with("document process failed unexpectedly: ipc messaging"), "{words}");
    assert_eq!(client.unacknowledged.len(), 1);
    assert_eq!(gateway.status(ID).unwrap().state, SessionState::Failed);
    gateway.shutdown().await;
}

#[tokio::test]
async fn a_port_without_a_type_ends_with_its_connection_and_a_refused_one_with_the_crash() {
    let gateway = Gateway::new(unpaced());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port_number = listener.local_addr().unwrap().port().to_string();
    let (mut client, _) =
        Client::shaken(&gateway, session(port(&[("portNumber", &port_number)])), "1.2.804.0").await;
    let (mut server, _) = soon(listener.accept()).await.unwrap();
    server.write_all(b"last words").await.unwrap();
    drop(server);
    assert_eq!(client.until_closed().await, "");
    assert_eq!(client.text(), "last words");
    drop(listener);
    let again = NewSession { id: "demo-2".to_owned(), ..session(port(&[("portNumber", &port_number)])) };
    let (mut client, _) = Client::shaken(&gateway, again, "1.2.804.0").await;
    let words = client.until_closed().await;
    assert!(words.starts_with("document process failed unexpectedly: ipc messaging"), "{words}");
    gateway.shutdown().await;
}

#[tokio::test]
async fn hosts_are_looked_up_and_forbidden_ones_refused() {
    let gateway = Gateway::new(unpaced());
    let port_number = echo("").await.to_string();
    for (number, (host, words)) in [
        ("169.254.169.254", "Forwarding to IP address 169.254.169.254 is forbidden."),
        ("no-such-host.invalid", "lookup no-such-host.invalid"),
    ]
    .into_iter()
    .enumerate()
    {
        let plan = port(&[("portNumber", &port_number), ("type", "LocalPortForwarding"), ("host", host)]);
        let new = NewSession { id: format!("demo-{number}"), ..session(plan) };
        let (mut client, _) = Client::shaken(&gateway, new, "1.2.804.0").await;
        let said = client.until_closed().await;
        assert!(said.starts_with(words), "{said}");
    }
    let plan = port(&[("portNumber", &port_number), ("type", "LocalPortForwarding"), ("host", "localhost")]);
    let (mut client, _) = Client::shaken(&gateway, session(plan), "1.2.804.0").await;
    client.smux(Smux::Open { stream: 3 }).await;
    client.smux(Smux::Data { stream: 3, bytes: Bytes::from_static(b"there") }).await;
    client.wait_until("an echo", |client| client.stream(3).0 == b"there").await;
    let nowhere = NewSession { id: "demo-9".to_owned(), ..session(port(&[("type", "LocalPortForwarding")])) };
    let (mut client, _) = Client::shaken(&gateway, nowhere, "1.2.804.0").await;
    let words = "Port number is empty in session properties. map[type:LocalPortForwarding]";
    assert_eq!(client.until_closed().await, words);
    gateway.shutdown().await;
}

#[tokio::test]
async fn a_forward_that_is_cut_again_and_again_carries_everything_once() {
    let gateway = Gateway::new(GatewayOptions { seed: 5, ..faulty(&["cut=100KB", "dup=5%", "reorder=5%"]) });
    let new = session(forward(echo("").await));
    let token = gateway.start(new);
    let mut client = Client::open(&gateway, ID, &token).await;
    client.answer("1.2.804.0", ActionResult::None).await;
    client.wait_until("the handshake's end", |client| client.complete().is_some()).await;
    client.smux(Smux::Open { stream: 3 }).await;
    let big: Vec<u8> = (0..60_000u32).map(|n| (n % 249) as u8).collect();
    client.smux(Smux::Data { stream: 3, bytes: big.clone().into() }).await;
    let carry = async {
        while client.stream(3).0.len() < big.len() {
            if client.step().await.is_err() {
                client.resume(&gateway, ID).await;
            }
        }
    };
    timeout(HANG, carry).await.expect("all of it");
    assert_eq!(client.stream(3).0, big);
    gateway.shutdown().await;
}

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

/// A KMS with one data key.
struct OneKey {
    challenged: bool,
}

const DATA_KEY: [u8; 64] = [7; 64];

impl Keys for OneKey {
    fn decrypt(
        &self,
        ciphertext: &[u8],
        key_id: &str,
        context: &BTreeMap<String, String>,
    ) -> Result<Vec<u8>, String> {
        let is = |name: &str, value: &str| context.get(name).is_some_and(|is| is == value);
        let fits = ciphertext == b"sealed"
            && key_id == "arn:key"
            && is("aws:ssm:SessionId", ID)
            && is("aws:ssm:TargetId", "i-0123456789abcdef0")
            && context.contains_key("aws:ssm:RandomChallenge") == self.challenged;
        let mut key = DATA_KEY;
        key[32..].fill(9);
        fits.then(|| key.to_vec()).ok_or_else(|| "InvalidCiphertextException: ".to_owned())
    }
}

fn encrypted(challenge: bool, require_challenge: bool, challenged: bool) -> NewSession {
    let keys = Arc::new(OneKey { challenged });
    let kms = KmsSetup { key_id: "arn:key".to_owned(), keys, challenge, require_challenge };
    NewSession { kms: Some(kms), ..session(Plan::shell()) }
}

fn key_answer(cipher_text_key: &[u8], challenge_acknowledged: bool) -> ActionResult {
    ActionResult::Kms {
        cipher_text_key: cipher_text_key.to_vec(),
        cipher_text_hash: None,
        challenge_acknowledged,
    }
}

#[tokio::test]
async fn an_encrypted_shell_proves_its_key_and_hides_what_is_said() {
    for challenge in [false, true] {
        let gateway = Gateway::new(unpaced());
        let token = gateway.start(encrypted(challenge, challenge, challenge));
        let mut client = Client::open(&gateway, ID, &token).await;
        let request = client.answer("1.2.804.0", key_answer(b"sealed", challenge)).await;
        let RequestedAction::KmsEncryption { key_id, challenge: asked } = &request.actions[1] else {
            panic!()
        };
        assert_eq!((key_id.as_str(), asked.is_some()), ("arn:key", challenge));
        let question = |client: &Client| client.payloads(PayloadType::EncChallengeRequest).first().cloned();
        client.wait_until("a challenge", |client| question(client).is_some()).await;
        let mut key = DATA_KEY;
        key[32..].fill(9);
        let mut cipher = Cipher::new(&key);
        let proof = cipher.open(&EncryptionChallenge::parse(&question(&client).unwrap()).unwrap().challenge);
        assert_eq!(proof.len(), 64);
        // A wrong answer is not acknowledged, and the right one, under the same number, is taken.
        let wrong = EncryptionChallenge { challenge: cipher.seal(&[0; 64]) };
        client.post(PayloadType::EncChallengeResponse, &wrong.encode()).await;
        client.unacknowledged.remove(&1);
        client.next = 1;
        let right = EncryptionChallenge { challenge: cipher.seal(&proof) };
        client.post(PayloadType::EncChallengeResponse, &right.encode()).await;
        client.wait_until("the handshake's end", |client| client.complete().is_some()).await;
        assert_eq!(client.complete().unwrap().customer_message, "This session is encrypted using AWS KMS.");
        let typed = cipher.seal(b"echo $((6*7))\r");
        client.post(PayloadType::Size, br#"{"cols":80,"rows":24}"#).await;
        client.post(PayloadType::Output, &typed).await;
        client.cipher = Some(cipher);
        let shown = |client: &Client| {
            let cipher = client.cipher.as_ref().unwrap();
            let plain: Vec<u8> =
                client.payloads(PayloadType::Output).iter().flat_map(|sealed| cipher.open(sealed)).collect();
            String::from_utf8_lossy(&plain).into_owned()
        };
        client.wait_until("the result", |client| shown(client).contains("\n42")).await;
        assert!(!client.text().contains("42\r"), "in the clear");
        gateway.shutdown().await;
    }
}

#[tokio::test]
async fn a_key_that_cannot_be_decrypted_ends_the_session_with_the_words_of_kms() {
    let title = "\n----------ERROR-------\nEncountered error while initiating handshake. ";
    for (new, answer, words) in [
        (
            encrypted(false, false, false),
            key_answer(b"wrong", false),
            "Fetching data key failed: Unable to retrieve data key, Error when decrypting data key InvalidCiphertextException: ",
        ),
        (
            encrypted(true, true, false),
            key_answer(b"sealed", false),
            "client does not support required encryption context random challenge",
        ),
    ] {
        let gateway = Gateway::new(unpaced());
        let token = gateway.start(new);
        let mut client = Client::open(&gateway, ID, &token).await;
        client.answer("1.2.804.0", answer).await;
        assert_eq!(client.until_closed().await, format!("{title}{words}"));
        assert_eq!(gateway.status(ID).unwrap().state, SessionState::Failed);
        gateway.shutdown().await;
    }
}

#[tokio::test]
async fn a_session_has_limits_of_its_own() {
    let gateway = Gateway::new(unpaced());
    let new = NewSession { max_duration: Some(Duration::from_millis(50)), ..web_1() };
    let token = gateway.start(new);
    let mut client = Client::open(&gateway, ID, &token).await;
    assert_eq!(client.until_closed().await, "Your session has reached its maximum duration");
    let idle =
        NewSession { id: "demo-2".to_owned(), idle_timeout: Some(Duration::from_millis(50)), ..web_1() };
    let token = gateway.start(idle);
    let mut client = Client::open(&gateway, "demo-2", &token).await;
    assert_eq!(client.until_closed().await, "Your session timed out due to inactivity");
    gateway.shutdown().await;
}

/// Where this machine has a program; SSH is not everywhere.
fn program(name: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin"].map(Into::into))
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

async fn make_key(folder: &Path) -> String {
    let mut keygen = Command::new("ssh-keygen");
    keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(folder.join("key"));
    assert!(keygen.status().await.unwrap().success());
    std::fs::read_to_string(folder.join("key.pub")).unwrap()
}

/// Runs ssh over a session: a listener stands for the proxy command.
async fn ssh(client: &mut Client, folder: &Path, words: &[&str]) -> (Option<i32>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let user = Command::new("id").arg("-un").output().await.unwrap();
    let user = String::from_utf8(user.stdout).unwrap().trim().to_owned();
    let mut child = Command::new("ssh")
        .args([
            "-F",
            "none",
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "IdentitiesOnly=yes",
            "-o",
            "BatchMode=yes",
        ])
        .arg("-o")
        .arg(format!("UserKnownHostsFile={}", folder.join("known").display()))
        .arg("-i")
        .arg(folder.join("key"))
        .args(["-p", &port, "-l", &user, "127.0.0.1"])
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let (mut socket, _) = soon(listener.accept()).await.unwrap();
    let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let said = tokio::spawn(async move {
        let (mut out, mut err) = (String::new(), String::new());
        let _ = tokio::join!(stdout.read_to_string(&mut out), stderr.read_to_string(&mut err));
        out + &err
    });
    let (mut shown, mut buffer) = (0, [0; 1024]);
    let carry = async {
        loop {
            if client.screen.len() > shown {
                let _ = socket.write_all(&client.screen[shown..]).await;
                shown = client.screen.len();
            }
            if client.closed.is_some() {
                break;
            }
            tokio::select! {
                read = socket.read(&mut buffer) => match read {
                    Ok(length @ 1..) => client.post(PayloadType::Output, &buffer[..length]).await,
                    _ => break,
                },
                step = client.step() => step.unwrap(),
            }
        }
    };
    timeout(HANG, carry).await.expect("ssh ends");
    drop(socket);
    (soon(child.wait()).await.unwrap().code(), soon(said).await.unwrap())
}

#[tokio::test]
async fn ssh_reaches_the_sshd_of_this_machine_with_a_pushed_key_and_with_none_it_does_not() {
    if program("sshd").is_none() || program("ssh").is_none() {
        eprintln!("not tried: this machine has no OpenSSH");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let key = make_key(folder.path()).await;
    let gateway = Gateway::new(unpaced());
    let plan = || port(&[("portNumber", "22")]);
    let (mut client, _) = Client::shaken(&gateway, session(plan()), "1.2.804.0").await;
    let (code, said) = ssh(&mut client, folder.path(), &["echo", "never"]).await;
    assert_eq!(code, Some(255), "{said}");
    assert!(said.contains("Permission denied"), "{said}");

    gateway.push_ssh_key("i-0123456789abcdef0", &key);
    let new = NewSession { id: "demo-2".to_owned(), ..session(plan()) };
    let (mut client, _) = Client::shaken(&gateway, new, "1.2.804.0").await;
    let (code, said) = ssh(&mut client, folder.path(), &["echo over ssh; exit 9"]).await;
    assert_eq!(code, Some(9), "{said}");
    assert!(said.contains("over ssh\n"), "{said}");
    assert_eq!(client.until_closed().await, "", "the session ends with its connection");
    gateway.shutdown().await;
}
