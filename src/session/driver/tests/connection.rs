//! The connection: made, lost, resumed, given up, ended; what is typed and printed meanwhile.

use super::*;

#[tokio::test]
async fn peers_c04_the_size_goes_out_before_what_was_typed() {
    let far = Arc::new(Far::new().await);
    let (commands, mut events) = far.open();
    commands.try_input(Bytes::from_static(b"typed early\r")).unwrap();
    let mut peer = far.accept().await;
    assert_eq!(peer.open.token, "first");
    assert_eq!(peer.open.client_version.as_deref(), Some(CLIENT_VERSION));

    peer.output(0, "$ ").await;
    let size = peer.input().await;
    assert_eq!((size.payload_type, size.sequence), (PayloadType::Size, 0));
    assert_eq!(Size::parse(&size.payload).unwrap(), Size { cols: 80, rows: 24 });
    assert_eq!(peer.input().await.payload, "typed early\r");
    assert_eq!(peer.acks, [0]);

    commands.resize(Size { cols: 132, rows: 43 });
    assert_eq!(peer.input().await.payload, r#"{"cols":132,"rows":43}"#);

    peer.close_channel("").await;
    let (seen, end) = to_the_end(&mut events).await;
    assert_eq!(end, End::Closed { output: String::new() });
    assert_eq!(seen[..3], [Event::SocketOpen, Event::Ready, Event::Output(Bytes::from_static(b"$ "))]);
    assert_eq!(far.terminates.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn peers_c15_a_cut_and_resumed_connection_loses_and_repeats_nothing() {
    let far = Arc::new(Far::new().await);
    let (commands, mut events) = far.open();
    let mut peer = far.accept().await;
    let client_id = peer.open.client_id;
    for sequence in 0..5 {
        peer.output(sequence, &format!("{sequence} ")).await;
    }
    peer.wait_for_ack(4).await;
    let size = peer.input().await;
    commands.input(Bytes::from_static(b"one")).await;
    let one = peer.input().await;
    // Neither is acknowledged. The socket dies without a word.
    drop(peer);
    until(&mut events, |event| matches!(event, Event::Reconnecting { attempt: 1, .. })).await;
    commands.input(Bytes::from_static(b"two")).await;
    far.answer(Err(ServiceError { summary: "throttled".to_owned(), retry: Again::Later }));
    far.answer(Ok(Resumed::Ticket(far.ticket("second"))));

    let mut peer = far.accept().await;
    assert_eq!(peer.open.token, "second");
    assert_eq!(peer.open.client_id, client_id);
    assert_eq!(far.resumes.load(Ordering::SeqCst), 2);
    // What was unacknowledged comes first, the same to the byte; then the size again and what was typed meanwhile.
    assert_eq!(peer.input().await, size);
    assert_eq!(peer.input().await, one);
    assert_eq!(peer.input().await.payload_type, PayloadType::Size);
    assert_eq!(peer.input().await.payload, "two");
    for sequence in 3..8 {
        peer.output(sequence, &format!("{sequence} ")).await;
    }
    peer.wait_for_ack(7).await;
    assert_eq!(peer.acks, [3, 4, 5, 6, 7], "duplicates are acknowledged too");
    peer.close_channel("bye").await;

    let (seen, end) = to_the_end(&mut events).await;
    assert_eq!(printed(&seen), "5 6 7 ");
    assert!(seen.iter().any(|event| matches!(event, Event::Resumed { .. })), "{seen:?}");
    assert_eq!(end, End::Closed { output: "bye".to_owned() });
}

#[tokio::test]
async fn the_end_is_heard_although_the_socket_takes_nothing_more() {
    for _ in 0..20 {
        let far = Arc::new(Far::new().await);
        far.answer(Ok(Resumed::Gone("only if the end was not heard".to_owned())));
        let (commands, mut events) = far.open();
        let mut peer = far.accept().await;
        peer.output(0, "$ ").await;
        peer.wait_for_ack(0).await;
        // The client writes while the far side says its last word and is gone.
        commands.input(vec![b'x'; 60_000].into()).await;
        peer.close_channel("").await;
        drop(peer);
        assert_eq!(to_the_end(&mut events).await.1, End::Closed { output: String::new() });
    }
}

#[tokio::test]
async fn a_session_that_is_gone_says_so() {
    let far = Arc::new(Far::new().await);
    far.answer(Ok(Resumed::Gone("Session alice-0123 timed out".to_owned())));
    let (_commands, mut events) = far.open();
    drop(far.accept().await);
    let (seen, end) = to_the_end(&mut events).await;
    assert_eq!(end, End::TimedOut);
    assert!(seen.contains(&Event::Notice("Session alice-0123 timed out".to_owned())), "{seen:?}");
}

#[tokio::test]
async fn a_definite_answer_ends_the_attempts() {
    let far = Arc::new(Far::new().await);
    far.answer(Err(ServiceError { summary: "credentials have expired".to_owned(), retry: Again::Never }));
    let (_commands, mut events) = far.open();
    drop(far.accept().await);
    assert_eq!(to_the_end(&mut events).await.1, End::Refused("credentials have expired".to_owned()));
}

#[tokio::test]
async fn the_first_connection_is_tried_again_with_the_same_ticket() {
    let far = Arc::new(Far::new().await);
    let (commands, mut events) = far.open();
    drop(far.listener.accept().await.unwrap());
    let peer = far.accept().await;
    assert_eq!(peer.open.token, "first");
    assert_eq!(far.resumes.load(Ordering::SeqCst), 0);
    commands.end();
    assert_eq!(to_the_end(&mut events).await.1, End::Terminated);
}

#[tokio::test]
async fn a_stream_url_that_may_not_be_dialled_is_not_dialled() {
    let far = Arc::new(Far { dialable: false, ..Far::new().await });
    let (_commands, mut events) = far.open();
    assert_eq!(to_the_end(&mut events).await, (vec![], End::Refused("not a host of AWS".to_owned())));
    assert_eq!(far.terminates.load(Ordering::SeqCst), 1, "nobody will ever be in that session");
}

#[tokio::test]
async fn a_service_that_turns_us_down_again_and_again_is_believed() {
    let far = Arc::new(Far::new().await);
    let (_commands, mut events) = far.open();
    for n in 1..=3 {
        let (mut stream, _) = far.listener.accept().await.unwrap();
        let answer = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 11\r\n\r\nbad request";
        let mut request = [0; 4096];
        let read = tokio::io::AsyncReadExt::read(&mut stream, &mut request).await.unwrap();
        assert!(read > 0);
        tokio::io::AsyncWriteExt::write_all(&mut stream, answer).await.unwrap();
        if n < 3 {
            far.answer(Ok(Resumed::Ticket(far.ticket("next"))));
        }
    }
    let (_, end) = to_the_end(&mut events).await;
    assert_eq!(end, End::Refused("the service answered HTTP 403 Forbidden: bad request".to_owned()));
}

#[tokio::test]
async fn peers_c13_a_session_ends_at_once_whatever_the_network_does() {
    // The service takes the connection and never says a word.
    let far = Arc::new(Far::new().await);
    let (commands, mut events) = far.open();
    let _mute = far.listener.accept().await.unwrap();
    commands.end();
    assert_eq!(to_the_end(&mut events).await.1, End::Terminated);
    assert_eq!(far.terminates.load(Ordering::SeqCst), 1);

    // The connection is lost and ResumeSession is never answered.
    let far = Arc::new(Far::new().await);
    let (commands, mut events) = far.open();
    drop(far.accept().await);
    until(&mut events, |event| matches!(event, Event::Reconnecting { .. })).await;
    commands.end();
    assert_eq!(to_the_end(&mut events).await.1, End::Terminated);

    // Nor is TerminateSession.
    let far = Arc::new(Far { deaf: true, ..Far::new().await });
    let (commands, mut events) = far.open();
    let _peer = far.accept().await;
    commands.end();
    let (seen, end) = to_the_end(&mut events).await;
    assert_eq!(end, End::Terminated);
    assert!(matches!(seen.last(), Some(Event::Notice(text)) if text.contains("no answer yet")), "{seen:?}");
}

#[tokio::test]
async fn a_session_whose_owner_is_gone_is_ended() {
    let far = Arc::new(Far::new().await);
    let (commands, events) = far.open();
    let _peer = far.accept().await;
    drop(events);
    timeout(HANG, far.terminated.notified()).await.unwrap();
    drop(commands);

    let far = Arc::new(Far::new().await);
    let (commands, mut events) = far.open();
    let _peer = far.accept().await;
    let clone = commands.clone();
    drop(commands);
    clone.input(Bytes::from_static(b"x")).await;
    drop(clone);
    assert_eq!(to_the_end(&mut events).await.1, End::Terminated);
}

#[tokio::test]
async fn damaged_messages_are_dropped_and_a_flood_of_them_ends_the_session() {
    let far = Arc::new(Far::new().await);
    let (_commands, mut events) = far.open();
    let mut peer = far.accept().await;
    for bytes in [&b""[..], b"x", &[0; 120], &[0xff; 4000]] {
        peer.socket.send(Message::Binary(Bytes::copy_from_slice(bytes))).await.unwrap();
    }
    peer.socket.send(Message::text("not a frame")).await.unwrap();
    peer.output(0, "still here").await;
    let seen = until(&mut events, |event| matches!(event, Event::Output(_))).await;
    assert_eq!(printed(&seen), "still here");
    for _ in 0..1000 {
        // The client may be gone before the last of them.
        let _ = peer.socket.send(Message::Binary(Bytes::from_static(&[7; 200]))).await;
    }
    let (_, end) = to_the_end(&mut events).await;
    assert!(matches!(&end, End::Protocol(text) if text.contains("damaged")), "{end:?}");
    assert_eq!(far.terminates.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_slow_screen_delays_no_acknowledgement_and_loses_nothing() {
    let far = Arc::new(Far::new().await);
    let (_commands, mut events) = far.open();
    let mut peer = far.accept().await;
    let line = "x".repeat(1000);
    // Nobody takes an event while these are acknowledged: more than the channel of events holds.
    for sequence in 0..500 {
        peer.output(sequence, &line).await;
    }
    peer.wait_for_ack(499).await;
    // More than the driver holds: the rest waits in the socket.
    let rest = tokio::spawn(async move {
        for sequence in 500..8000 {
            peer.output(sequence, &line).await;
        }
        peer.close_channel("").await;
        peer
    });
    let (seen, end) = to_the_end(&mut events).await;
    assert_eq!(printed(&seen).len(), 8_000_000);
    assert_eq!(end, End::Closed { output: String::new() });
    drop(rest.await.unwrap());
}

#[tokio::test]
async fn peers_c07_a_paste_is_paced_by_acknowledgements_and_can_be_cancelled() {
    let far = Arc::new(Far::new().await);
    let (commands, mut events) = far.open();
    let mut peer = far.accept().await;
    peer.output(0, "$ ").await;
    let size = peer.input().await.sequence;
    peer.acknowledge(size).await;
    let paste = format!("\x1b[200~{}\x1b[201~", "y".repeat(10 << 20));
    commands.try_input(paste.into()).unwrap();

    let mut received = 0;
    for _ in 0..100 {
        let frame = peer.input().await;
        received += frame.payload.len();
        peer.acknowledge(frame.sequence).await;
    }
    commands.discard_input();
    commands.input(Bytes::from_static(b"\x03")).await;
    let mut tail = Vec::new();
    while !tail.ends_with(b"\x03") {
        let frame = peer.input().await;
        received += frame.payload.len();
        tail.extend_from_slice(&frame.payload);
        peer.acknowledge(frame.sequence).await;
    }
    // The program is told that the paste is over; then comes what was typed after it.
    assert!(tail.ends_with(b"\x1b[201~\x03"), "{:?}", &tail[tail.len().saturating_sub(20)..]);
    assert!(received < 5 << 20, "{received} bytes came after all");
    commands.end();
    to_the_end(&mut events).await;
}

#[tokio::test]
async fn peers_c23_an_idle_connection_is_kept_up_by_pings_and_large_messages_come_whole() {
    let far = Arc::new(Far::new().await);
    let pulse = Pulse { every: Duration::from_millis(20), limit: HANG };
    let (_commands, mut events) = open_with(far.ticket("first"), far.clone(), options(), surroundings(pulse));
    let mut peer = far.accept().await;
    peer.output(0, "$ ").await;
    // Nothing else is on the way: only pings keep the middle from taking the connection for dead.
    let pings = async {
        let mut pings = 0;
        while pings < 3 {
            match peer.socket.next().await {
                Some(Ok(Message::Ping(_))) => pings += 1,
                Some(Ok(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    };
    timeout(HANG, pings).await.expect("pings go on");

    let large: Vec<u8> = (0..3_000_000u32).map(|n| (n % 251) as u8).collect();
    peer.send(MessageType::OutputStreamData, 1, large.clone()).await;
    let mut read = Vec::new();
    while read.len() < large.len() {
        match timeout(HANG, events.recv()).await.expect("the rest comes") {
            Some(Event::Output(bytes)) if bytes != "$ " => read.extend_from_slice(&bytes),
            Some(Event::Ended(end)) => panic!("{end}"),
            Some(_) => {}
            None => panic!("no last word"),
        }
    }
    assert!(read == large);
}

#[tokio::test]
async fn peers_c12_a_dead_connection_is_noticed() {
    let far = Arc::new(Far::new().await);
    far.answer(Ok(Resumed::Gone("too late".to_owned())));
    let options = options();
    let pulse = Pulse { every: Duration::from_millis(50), limit: Duration::from_millis(300) };
    let (_commands, mut events) = open_with(far.ticket("first"), far.clone(), options, surroundings(pulse));
    let mut peer = far.accept().await;
    peer.output(0, "$ ").await;
    // From here on nobody reads the other end, which stays open.
    let (seen, end) = to_the_end(&mut events).await;
    assert_eq!(end, End::TimedOut);
    let noticed =
        |event: &Event| matches!(event, Event::Reconnecting { cause, .. } if cause == "no answer for 300ms");
    assert!(seen.iter().any(noticed), "{seen:?}");
    drop(peer);
}
