//! The sockets of a session: tokens, greetings, cuts, faults, ends.

use super::*;

#[tokio::test]
async fn a_token_opens_one_socket_of_its_own_session() {
    let gateway = Gateway::new(unpaced());
    let token = gateway.start(web_1());
    let other = gateway.start(NewSession { id: "demo-other".to_owned(), ..web_1() });
    for wrong in ["", "AAAA", &other] {
        let gone = Client::open(&gateway, ID, wrong).await.until_gone().await;
        assert!(matches!(&gone, Gone::Closed(Some(frame)) if u16::from(frame.code) == 1008), "{gone:?}");
    }
    let mut client = Client::open(&gateway, ID, &token).await;
    client.wait_for("[sim:").await;
    let gone = Client::open(&gateway, ID, &token).await.until_gone().await;
    assert!(matches!(&gone, Gone::Closed(Some(frame)) if u16::from(frame.code) == 1008), "{gone:?}");
    client.type_text("echo still''here\r").await;
    client.wait_for("stillhere").await;
    gateway.shutdown().await;
}

#[tokio::test]
async fn an_expired_token_is_refused_as_the_options_say() {
    let gateway = Gateway::new(GatewayOptions {
        token_lifetime: Duration::ZERO,
        bad_token: Farewell::Drop,
        ..unpaced()
    });
    let token = gateway.start(web_1());
    let gone = Client::open(&gateway, ID, &token).await.until_gone().await;
    assert!(matches!(gone, Gone::Lost), "{gone:?}");
    assert_eq!(gateway.status(ID).unwrap().state, SessionState::Connecting);
    gateway.shutdown().await;
}

#[tokio::test]
async fn something_else_than_a_greeting_is_refused() {
    let gateway = Gateway::new(unpaced());
    gateway.start(web_1());
    for message in [Message::text("hello"), Message::binary(vec![0; 120])] {
        let mut socket = socket(&gateway, ID).await;
        socket.send(message).await.unwrap();
        let answer = soon(socket.next()).await;
        assert!(matches!(answer, Some(Ok(Message::Close(Some(_))))), "{answer:?}");
    }
    gateway.shutdown().await;
}

#[tokio::test]
async fn a_cut_and_resumed_session_loses_and_repeats_nothing() {
    let gateway = Gateway::new(unpaced());
    let mut client = Client::at_prompt(&gateway, web_1()).await;
    client.screen.clear();
    // What is under way at a cut is lost, and the agent sends one lost frame in 100 ms: with more of it that takes minutes.
    client.type_text("stty -echo; echo be''gin; seq 1 5000; echo en''d\r").await;
    for mark in ["\n1000\r", "\n3000\r"] {
        client.wait_for(mark).await;
        assert!(gateway.cut(ID));
        client.until_gone().await;
        eventually("disconnected", || gateway.status(ID).unwrap().state == SessionState::Disconnected).await;
        assert!(!gateway.cut(ID), "nobody is connected");
        client.resume(&gateway, ID).await;
        eventually("connected", || gateway.status(ID).unwrap().state == SessionState::Connected).await;
    }
    client.wait_for("end\r\n").await;
    let text = client.text();
    let expected: String = (1..=5000).map(|n| format!("{n}\r\n")).collect();
    let got = &text[text.find("begin\r\n").unwrap() + 7..text.find("end\r\n").unwrap()];
    assert!(got == expected, "{} bytes instead of {}", got.len(), expected.len());
    gateway.shutdown().await;
}

#[tokio::test]
async fn input_typed_around_a_cut_arrives_once() {
    let gateway = Gateway::new(unpaced());
    let mut client = Client::at_prompt(&gateway, web_1()).await;
    client.type_text("cat\r").await;
    client.wait_for("cat\r\n").await;
    client.type_text("one\r").await;
    gateway.cut(ID);
    client.type_text("two\r").await;
    client.until_gone().await;
    client.type_text("three\r").await;
    client.resume(&gateway, ID).await;
    client
        .wait_until("three, echoed and repeated", |client| client.text().matches("three\r\n").count() == 2)
        .await;
    let text = client.text();
    // The echo of the terminal and the output of cat: twice each, whatever their order.
    for word in ["one\r\n", "two\r\n", "three\r\n"] {
        assert_eq!(text.matches(word).count(), 2, "{text:?}");
    }
    gateway.shutdown().await;
}

#[tokio::test]
async fn sockets_are_refused_for_as_often_as_asked() {
    let gateway = Gateway::new(unpaced());
    let token = gateway.start(web_1());
    gateway.refuse_next(ID, 2);
    for _ in 0..2 {
        let gone = Client::open(&gateway, ID, &token).await.until_gone().await;
        assert!(matches!(gone, Gone::Lost), "{gone:?}");
    }
    Client::open(&gateway, ID, &token).await.wait_for("[sim:").await;
    gateway.shutdown().await;
}

#[tokio::test]
async fn a_newer_socket_takes_the_session_over() {
    let gateway = Gateway::new(unpaced());
    let mut old = Client::at_prompt(&gateway, web_1()).await;
    let token = gateway.resume(ID).unwrap();
    let mut new = Client::open(&gateway, ID, &token).await;
    assert!(matches!(old.until_gone().await, Gone::Lost));
    (new.next, new.expected) = (old.next, old.expected);
    new.type_text("echo new''comer\r").await;
    new.wait_for("newcomer").await;
    assert_eq!(gateway.status(ID).unwrap().state, SessionState::Connected);
    gateway.shutdown().await;
}

#[tokio::test]
async fn bad_frames_are_dropped_and_the_session_goes_on() {
    let gateway = Gateway::new(unpaced());
    let mut client = Client::at_prompt(&gateway, web_1()).await;
    for bad in [vec![], vec![0; 50], vec![0; 200], vec![0xff; 400]] {
        client.socket.send(Message::binary(bad)).await.unwrap();
    }
    client.socket.send(Message::text("not a frame")).await.unwrap();
    client.type_text("echo still''here\r").await;
    client.wait_for("stillhere").await;
    gateway.shutdown().await;
}

#[tokio::test]
async fn a_message_in_fragments_is_put_together() {
    use tokio_tungstenite::tungstenite::protocol::frame::{
        Frame as Fragment,
        coding::{Data, OpCode},
    };
    let gateway = Gateway::new(unpaced());
    let mut client = Client::at_prompt(&gateway, web_1()).await;
    let whole = Frame {
        message_type: MessageType::InputStreamData,
        payload_type: PayloadType::Output,
        sequence: 0,
        payload: Bytes::from_static(b"echo in'' pie''ces\r"),
        ..client.frames[0].clone()
    }
    .encode();
    client.next = 1;
    let parts = [
        (Data::Binary, 0..40, false),
        (Data::Continue, 40..121, false),
        (Data::Continue, 121..whole.len(), true),
    ];
    for (kind, range, last) in parts {
        let fragment = Fragment::message(whole.slice(range), OpCode::Data(kind), last);
        client.socket.send(Message::Frame(fragment)).await.unwrap();
    }
    client.wait_for("in pieces").await;
    gateway.shutdown().await;
}

#[tokio::test]
async fn input_is_refused_without_receipt_until_the_terminal_is_up_and_then_taken() {
    let delay = Duration::from_millis(700);
    let gateway = Gateway::new(GatewayOptions { shell_delay: delay, ..unpaced() });
    let started = tokio::time::Instant::now();
    let token = gateway.start(web_1());
    let mut client = Client::open(&gateway, ID, &token).await;
    client.type_text("echo at'' last\r").await;
    client.wait_until("a receipt", |client| client.unacknowledged.is_empty()).await;
    assert!(started.elapsed() >= delay, "taken before there was a terminal");
    client.wait_for("at last").await;
    assert_eq!(client.text().matches("at last").count(), 1, "{}", client.text());
    gateway.shutdown().await;
}

#[tokio::test]
async fn pings_are_answered_unless_the_network_is_frozen() {
    let gateway = Gateway::new(unpaced());
    let mut client = Client::at_prompt(&gateway, web_1()).await;
    client.socket.send(Message::Ping(Bytes::from_static(b"keepalive"))).await.unwrap();
    client.wait_until("a pong", |client| client.pongs == 1).await;
    gateway.freeze(ID, true);
    client.socket.send(Message::Ping(Bytes::from_static(b"keepalive"))).await.unwrap();
    client.type_text("echo tha''wed\r").await;
    for _ in 0..3 {
        client.step().await.unwrap();
    }
    assert_eq!((client.pongs, client.text().contains("thawed")), (1, false));
    gateway.freeze(ID, false);
    client.wait_for("thawed").await;
    client.wait_until("the other pong", |client| client.pongs == 2).await;
    gateway.shutdown().await;
}

#[tokio::test]
async fn an_idle_session_and_an_old_one_are_ended_with_words() {
    let short = Duration::from_millis(300);
    for (options, words) in [
        (GatewayOptions { idle_timeout: short, ..unpaced() }, "inactivity"),
        (GatewayOptions { max_duration: Some(short), ..unpaced() }, "maximum duration"),
    ] {
        let gateway = Gateway::new(options);
        let token = gateway.start(web_1());
        let mut client = Client::open(&gateway, ID, &token).await;
        let output = client.until_closed().await;
        assert!(output.contains(words), "{output}");
        let status = gateway.status(ID).unwrap();
        assert_eq!((status.state, status.output), (SessionState::Terminated, output));
        gateway.shutdown().await;
    }
}

#[tokio::test]
async fn peers_c11_a_terminated_instance_ends_its_sessions_with_words() {
    let gateway = Gateway::new(GatewayOptions { channel_closed: HeaderLength::Full, ..unpaced() });
    let mut client = Client::at_prompt(&gateway, web_1()).await;
    gateway.start(NewSession { id: "demo-elsewhere".to_owned(), target: "i-other".to_owned(), ..web_1() });
    let words = "The instance i-0123456789abcdef0 was terminated";
    assert_eq!(gateway.end_target("i-0123456789abcdef0", words), 1);
    assert_eq!(client.until_closed().await, words);
    assert_eq!(client.closed.clone().unwrap().1, HeaderLength::Full);
    assert!(matches!(client.until_gone().await, Gone::Closed(Some(_))), "the client is not left hanging");
    assert_eq!(gateway.status(ID).unwrap().output, words);
    assert!(!gateway.status("demo-elsewhere").unwrap().state.is_over());
    gateway.shutdown().await;
}

#[tokio::test]
async fn a_session_that_cannot_start_says_why_to_a_client_that_comes_late() {
    if ["pwsh", "powershell.exe"].iter().any(|shell| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|folder| folder.join(shell).exists())
    }) {
        return; // A machine with PowerShell runs it.
    }
    let gateway = Gateway::new(unpaced());
    let token = gateway.start(NewSession { platform: Platform::Windows, ..web_1() });
    eventually("failed", || gateway.status(ID).unwrap().state == SessionState::Failed).await;
    let mut client = Client::open(&gateway, ID, &token).await;
    let output = client.until_closed().await;
    assert!(output.starts_with("\n----------ERROR-------\nUnable to start command: "), "{output:?}");
    assert!(output.contains("neither pwsh nor powershell.exe"), "{output:?}");
    gateway.shutdown().await;
}

#[tokio::test]
async fn a_client_that_does_not_read_stops_its_agent_and_not_the_end_of_its_session() {
    let gateway = Gateway::new(unpaced());
    let mut client = Client::at_prompt(&gateway, web_1()).await;
    client.type_text("yes\r").await;
    client.wait_for("y\r\ny\r\n").await;
    // Not a byte is read from here on, until the session is over.
    gateway.terminate(ID);
    eventually("terminated", || gateway.status(ID).unwrap().state == SessionState::Terminated).await;
    assert_eq!(client.until_closed().await, "");
    gateway.shutdown().await;
}

#[tokio::test]
async fn everything_arrives_whatever_the_faults() {
    for (seed, faults) in
        [(1, &["drop=5%", "dup=5%", "reorder=5%"][..]), (2, &["delay=5ms", "reorder=20%"][..])]
    {
        let gateway = Gateway::new(GatewayOptions { seed, ..faulty(faults) });
        let mut client = Client::at_prompt(&gateway, web_1()).await;
        client.type_text("stty -echo; echo be''gin; seq 1 3000; echo en''d\r").await;
        client.wait_for("end\r\n").await;
        let text = client.text();
        let expected: String = (1..=3000).map(|n| format!("{n}\r\n")).collect();
        assert!(text.contains(&format!("begin\r\n{expected}end\r\n")), "{faults:?}: {text}");
        gateway.shutdown().await;
    }
}

#[tokio::test]
async fn a_socket_that_is_cut_every_so_many_bytes_still_carries_everything() {
    let gateway = Gateway::new(faulty(&["cut=30KB"]));
    let mut client = Client::at_prompt(&gateway, web_1()).await;
    client.type_text("stty -echo; echo be''gin; seq 1 20000; echo en''d\r").await;
    let mut cuts = 0;
    soon(async {
        while !client.text().contains("end\r\n") {
            if client.step().await.is_err() {
                cuts += 1;
                client.resume(&gateway, ID).await;
            }
        }
    })
    .await;
    let expected: String = (1..=20000).map(|n| format!("{n}\r\n")).collect();
    assert!(client.text().contains(&format!("begin\r\n{expected}end\r\n")));
    assert!(cuts >= 3, "cut {cuts} times");
    gateway.shutdown().await;
}

#[tokio::test]
async fn a_socket_is_cut_when_it_is_old() {
    let gateway = Gateway::new(faulty(&["cut=500ms"]));
    let token = gateway.start(web_1());
    let mut client = Client::open(&gateway, ID, &token).await;
    assert!(matches!(client.until_gone().await, Gone::Lost));
    client.resume(&gateway, ID).await;
    assert!(matches!(client.until_gone().await, Gone::Lost), "and again");
    assert!(client.text().contains("[sim:"), "{}", client.text());
    gateway.shutdown().await;
}

#[tokio::test]
async fn ended_sessions_are_remembered_up_to_a_number() {
    let gateway = Gateway::new(unpaced());
    let started: Vec<String> = (0..3).map(|n| format!("demo-{n}")).collect();
    for id in &started {
        gateway.start(NewSession { id: id.clone(), ..web_1() });
    }
    let listed: Vec<String> = gateway.statuses().into_iter().map(|status| status.id).collect();
    assert_eq!(listed, started);
    gateway.shutdown().await;
}
