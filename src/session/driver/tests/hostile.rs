//! A service that means ill, or is none.

use super::*;

/// Takes a connection to the point where it is a WebSocket, and gives the bare stream.
async fn bare(far: &Far) -> TcpStream {
    far.accept().await.socket.into_inner()
}

#[tokio::test]
async fn a_message_of_4_gb_ends_the_session_in_a_sentence() {
    let far = Arc::new(Far::new().await);
    let (_commands, mut events) = far.open();
    let mut stream = bare(&far).await;
    let header = [&[0x82, 127][..], &(4_u64 << 30).to_be_bytes(), &[0; 4096]].concat();
    tokio::io::AsyncWriteExt::write_all(&mut stream, &header).await.unwrap();
    let (_, end) = to_the_end(&mut events).await;
    assert!(matches!(&end, End::Protocol(text) if text.contains("far too large")), "{end:?}");
    assert_eq!(far.terminates.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_service_that_speaks_something_else_is_left_after_a_few_attempts() {
    let far = Arc::new(Far::new().await);
    let (_commands, mut events) = far.open();
    for n in 1..=3 {
        let mut stream = bare(&far).await;
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"\xff\xff220 smtp.example.com ready\r\n")
            .await
            .unwrap();
        if n < 3 {
            far.answer(Ok(Resumed::Ticket(far.ticket("next"))));
        }
        // Until the client has gone.
        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    }
    let (_, end) = to_the_end(&mut events).await;
    assert!(matches!(&end, End::Protocol(text) if text.contains("not WebSocket")), "{end:?}");
}

#[tokio::test]
async fn connections_that_break_again_and_again_are_not_made_without_a_pause_nor_for_ever() {
    let far = Arc::new(Far::new().await);
    let (_commands, mut events) = far.open();
    for n in 0..6 {
        let mut peer = far.accept().await;
        peer.output(n, "x").await;
        peer.wait_for_ack(n).await;
        far.answer(Ok(Resumed::Ticket(far.ticket("next"))));
        drop(peer);
    }
    let (mut attempts, mut pauses) = (Vec::new(), Vec::new());
    while pauses.len() < 5 {
        match timeout(HANG, events.recv()).await.unwrap() {
            Some(Event::Reconnecting { attempt, .. }) => attempts.push(attempt),
            Some(Event::Resumed { away }) => pauses.push(away),
            _ => {}
        }
    }
    assert!(attempts.iter().all(|attempt| *attempt == 1), "each is an outage of its own: {attempts:?}");
    // Two are made anew at once, the later ones wait like attempts in vain: 100 ms, 200 ms, 400 ms at least.
    for (pause, least) in pauses[2..].iter().zip([100, 200, 400]) {
        assert!(*pause >= Duration::from_millis(least), "{pauses:?}");
    }
}

#[tokio::test]
async fn a_flood_of_acknowledgements_ends_the_session() {
    for sequence in [0, 1 << 40] {
        let far = Arc::new(Far::new().await);
        let (_commands, mut events) = far.open();
        let mut peer = far.accept().await;
        peer.output(0, "$ ").await;
        peer.input().await;
        let payload = Acknowledge {
            message_type: "input_stream_data".to_owned(),
            message_id: Uuid::nil(),
            sequence,
            sequential: true,
        };
        let bytes = frame(MessageType::Acknowledge, 0, PayloadType::None, payload.encode());
        let flood =
            tokio::spawn(
                async move { while peer.socket.feed(Message::Binary(bytes.clone())).await.is_ok() {} },
            );
        let (_, end) = to_the_end(&mut events).await;
        assert!(matches!(&end, End::Protocol(text) if text.contains("acknowledgements")), "{end:?}");
        flood.abort();
    }
}

#[tokio::test]
async fn an_upgrade_whose_answer_never_ends_is_left_before_it_fills_the_memory() {
    let far = Arc::new(Far::new().await);
    let (commands, mut events) = far.open();
    let (mut stream, _) = far.listener.accept().await.unwrap();
    let endless = async {
        let mut sent = 0;
        let header = format!("x-more: {}\r\n", "y".repeat(8000));
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 101 Switching Protocols\r\n")
            .await
            .unwrap();
        while tokio::io::AsyncWriteExt::write_all(&mut stream, header.as_bytes()).await.is_ok() {
            sent += header.len();
        }
        sent
    };
    // What the sockets' own buffers take counts, too.
    let sent = timeout(HANG, endless).await.unwrap();
    assert!(sent < 16 << 20, "{sent} bytes were taken");
    until(&mut events, |event| matches!(event, Event::Reconnecting { .. })).await;
    commands.end();
    to_the_end(&mut events).await;
}
