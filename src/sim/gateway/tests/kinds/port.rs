//! Forwards: many connections, one at a time, refused, cut.

use super::*;

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
