//! What a session carries: nothing of it in the log, keys, ports.

use super::*;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_token_and_nothing_typed_or_printed_is_in_the_log() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let far = Arc::new(Far::new().await);
    let ticket = far.ticket("s3cret");
    let (commands, mut events) = open(ticket, far.clone(), options());
    let mut peer = far.accept().await;
    peer.output(0, "pr1nted").await;
    commands.input(Bytes::from_static(b"typ3d")).await;
    while peer.input().await.payload != "typ3d" {}
    peer.close_channel("0utput").await;
    to_the_end(&mut events).await;

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("socket open"), "{log}");
    for secret in ["s3cret", "pr1nted", "typ3d", "0utput"] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}

fn kms_request() -> Bytes {
    let actions = vec![
        RequestedAction::SessionType {
            session_type: "Standard_Stream".to_owned(),
            properties: serde_json::Value::Null,
        },
        RequestedAction::KmsEncryption { key_id: "key/1".to_owned(), challenge: Some("cmFuZG9t".to_owned()) },
    ];
    HandshakeRequest { agent_version: "3.3.987.0".to_owned(), actions }.encode()
}

#[tokio::test]
async fn a_data_key_is_asked_for_once_and_survives_a_cut_connection() {
    let far = Arc::new(Far::new().await);
    let (_commands, mut events) = far.open();
    let mut peer = far.accept().await;
    let request = frame(MessageType::OutputStreamData, 0, PayloadType::HandshakeRequest, kms_request());
    peer.socket.send(Message::Binary(request.clone())).await.unwrap();
    peer.wait_for_ack(0).await;
    drop(peer);
    until(&mut events, |event| matches!(event, Event::Reconnecting { .. })).await;
    far.key_gate.notify_one();
    far.answer(Ok(Resumed::Ticket(far.ticket("second"))));
    let mut peer = far.accept().await;
    // The agent may not have heard that we have the request.
    peer.socket.send(Message::Binary(request)).await.unwrap();
    let answer = peer.input().await;
    assert_eq!(answer.payload_type, PayloadType::HandshakeResponse);
    let answer = HandshakeResponse::parse(&answer.payload).unwrap();
    let result = ActionResult::Kms {
        cipher_text_key: b"sealed".to_vec(),
        cipher_text_hash: None,
        challenge_acknowledged: true,
    };
    assert_eq!(answer.actions[1].result, result);
    let asked = ["key/1", "alice-0123", "i-0123456789abcdef0"].map(str::to_owned);
    let [key, session, target] = asked;
    assert_eq!(*far.key_asked.lock().unwrap(), [(key, session, target, Some("cmFuZG9t".to_owned()))]);
    until(&mut events, |event| matches!(event, Event::Handshaken { .. })).await;
}

#[tokio::test]
async fn a_key_that_is_denied_is_told_to_both_sides() {
    let far = Arc::new(Far { key_denied: true, ..Far::new().await });
    let (_commands, mut events) = far.open();
    let mut peer = far.accept().await;
    let request = frame(MessageType::OutputStreamData, 0, PayloadType::HandshakeRequest, kms_request());
    peer.socket.send(Message::Binary(request)).await.unwrap();
    far.key_gate.notify_one();
    let answer = HandshakeResponse::parse(&peer.input().await.payload).unwrap();
    assert_eq!(answer.actions[1].status, ActionStatus::Failed);
    assert!(answer.actions[1].error.ends_with("kms:GenerateDataKey on key/1 is denied"));
    peer.close_channel("Encountered error while initiating handshake.").await;
    let (seen, _) = to_the_end(&mut events).await;
    assert!(seen.contains(&Event::Notice("kms:GenerateDataKey on key/1 is denied".to_owned())), "{seen:?}");
}

#[tokio::test]
async fn a_port_is_told_and_its_flags_and_bytes_keep_their_order_and_are_waited_for() {
    let far = Arc::new(Far::new().await);
    let (commands, mut events) = far.open();
    let mut peer = far.accept().await;
    let actions = vec![RequestedAction::SessionType {
        session_type: "Port".to_owned(),
        properties: serde_json::json!({"portNumber": "80", "type": "LocalPortForwarding"}),
    }];
    let request = HandshakeRequest { agent_version: "3.3.987.0".to_owned(), actions }.encode();
    for (sequence, kind, payload) in [
        (0, PayloadType::HandshakeRequest, request),
        (1, PayloadType::HandshakeComplete, HandshakeComplete::default().encode()),
        (2, PayloadType::Flag, Flag::ConnectToPortError.encode()),
        (3, PayloadType::StdErr, Bytes::from_static(b"complaint")),
        (4, PayloadType::ExitCode, ExitCode(7).encode()),
    ] {
        let bytes = frame(MessageType::OutputStreamData, sequence, kind, payload);
        peer.socket.send(Message::Binary(bytes)).await.unwrap();
    }
    let seen = until(&mut events, |event| matches!(event, Event::ExitCode(7))).await;
    assert!(
        matches!(&seen[1], Event::Handshaken { session_type: SessionType::Port(port), .. } if port.port == "80")
    );
    let complaint = Event::ErrorOutput(Bytes::from_static(b"complaint"));
    assert_eq!(seen[3..5], [Event::Flag(Flag::ConnectToPortError), complaint]);

    commands.input(Bytes::from_static(b"one")).await;
    commands.flag(Flag::DisconnectToPort).await;
    commands.input(Bytes::from_static(b"two")).await;
    let drained = tokio::spawn(async move { commands.drained().await });
    assert_eq!(peer.input().await.payload_type, PayloadType::HandshakeResponse);
    let mut last = 0;
    for (kind, payload) in [
        (PayloadType::Output, &b"one"[..]),
        (PayloadType::Flag, &[0, 0, 0, 1]),
        (PayloadType::Output, b"two"),
    ] {
        let frame = peer.input().await;
        assert_eq!((frame.payload_type, &frame.payload[..]), (kind, payload));
        last = frame.sequence;
    }
    for sequence in 0..last {
        peer.acknowledge(sequence).await;
    }
    assert!(!drained.is_finished(), "one is not there yet");
    peer.acknowledge(last).await;
    timeout(HANG, drained).await.unwrap().unwrap();
    // The last handle went with it.
    assert_eq!(to_the_end(&mut events).await.1, End::Terminated);
}
