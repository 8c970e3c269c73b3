//! The driver over real sockets. The far end is a script per test: it plays the service and the agent in one.

use std::{
    collections::VecDeque,
    io::Write,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures_util::{SinkExt, StreamExt};
use http::{HeaderMap, HeaderValue};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Notify,
};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{Request, Response},
    },
};

use super::*;
use crate::session::{channel::CLIENT_VERSION, message::*, service::*};

/// Ends a test that hangs; nothing is measured by it.
const HANG: Duration = Duration::from_secs(20);

/// How ResumeSession answers, in order; when there are no more, never.
type Answers = VecDeque<Result<Resumed, ServiceError>>;

fn options() -> Options {
    Options { size: Size { cols: 80, rows: 24 }, target: "i-0123456789abcdef0".to_owned() }
}

fn surroundings(pulse: Pulse) -> Surroundings {
    Surroundings { pulse, look: LOOK, wall: Arc::new(SystemTime::now) }
}

/// Key, session, target and challenge.
type KeyAsked = (String, String, String, Option<String>);

struct Far {
    listener: TcpListener,
    url: String,
    answers: Mutex<Answers>,
    resumes: AtomicUsize,
    terminated: Notify,
    terminates: AtomicUsize,
    /// TerminateSession is never answered.
    deaf: bool,
    dialable: bool,
    /// What GenerateDataKey was asked, and what it answers when the gate is opened.
    key_asked: Mutex<Vec<KeyAsked>>,
    key_gate: Notify,
    key_denied: bool,
}

impl Service for Far {
    fn resume<'a>(&'a self, _: &'a SessionId) -> BoxFuture<'a, Result<Resumed, ServiceError>> {
        self.resumes.fetch_add(1, Ordering::SeqCst);
        let answer = self.answers.lock().unwrap().pop_front();
        Box::pin(async {
            match answer {
                Some(answer) => answer,
                None => std::future::pending().await,
            }
        })
    }

    fn terminate<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<(), ServiceError>> {
        assert_eq!(id.as_str(), "alice-0123");
        self.terminates.fetch_add(1, Ordering::SeqCst);
        self.terminated.notify_one();
        Box::pin(async {
            if self.deaf {
                std::future::pending::<()>().await;
            }
            Ok(())
        })
    }

    fn data_key<'a>(&'a self, request: DataKeyRequest<'a>) -> BoxFuture<'a, Result<DataKey, ServiceError>> {
        self.key_asked.lock().unwrap().push((
            request.key_id.to_owned(),
            request.session_id.to_string(),
            request.target.to_owned(),
            request.challenge.map(str::to_owned),
        ));
        Box::pin(async {
            self.key_gate.notified().await;
            match self.key_denied {
                true => Err(ServiceError {
                    summary: "kms:GenerateDataKey on key/1 is denied".to_owned(),
                    retry: Again::Never,
                }),
                false => Ok(DataKey::new(vec![7; 64], b"sealed".to_vec()).unwrap()),
            }
        })
    }

    fn sign_upgrade<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<HeaderMap, ServiceError>> {
        assert!(url.starts_with(&self.url), "{url}");
        let mut headers = HeaderMap::new();
        headers.insert("authorization", HeaderValue::from_static("AWS4-HMAC-SHA256 test"));
        Box::pin(async { Ok(headers) })
    }

    fn may_dial(&self, _: &str) -> Result<(), String> {
        if self.dialable { Ok(()) } else { Err("not a host of AWS".to_owned()) }
    }
}

impl Far {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/v1/data-channel/alice-0123", listener.local_addr().unwrap());
        Self {
            listener,
            url,
            answers: Mutex::default(),
            resumes: AtomicUsize::new(0),
            terminated: Notify::new(),
            terminates: AtomicUsize::new(0),
            deaf: false,
            dialable: true,
            key_asked: Mutex::default(),
            key_gate: Notify::new(),
            key_denied: false,
        }
    }

    fn ticket(&self, token: &str) -> Ticket {
        Ticket {
            session_id: SessionId::new("alice-0123"),
            stream_url: format!("{}?role=publish_subscribe&cell-number=A+b/c={token}", self.url),
            token: Token::new(token),
        }
    }

    fn answer(&self, answer: Result<Resumed, ServiceError>) {
        self.answers.lock().unwrap().push_back(answer);
    }

    fn open(self: &Arc<Self>) -> (Commands, mpsc::Receiver<Event>) {
        open(self.ticket("first"), self.clone(), options())
    }

    /// The next connection, its OpenDataChannel already read.
    async fn accept(&self) -> Peer {
        let (stream, _) = timeout(HANG, self.listener.accept()).await.unwrap().unwrap();
        let mut uri = String::new();
        #[expect(clippy::result_large_err, reason = "the callback's type is the library's")]
        let check = |request: &Request, response: Response| {
            assert_eq!(request.headers()["authorization"], "AWS4-HMAC-SHA256 test");
            uri = request.uri().to_string();
            Ok(response)
        };
        let mut socket = accept_hdr_async(stream, check).await.unwrap();
        let Message::Text(text) = socket.next().await.unwrap().unwrap() else {
            panic!("OpenDataChannel is text")
        };
        let open = OpenDataChannel::parse(text.as_bytes()).unwrap();
        // The query is on the wire byte for byte.
        let query =
            format!("/v1/data-channel/alice-0123?role=publish_subscribe&cell-number=A+b/c={}", open.token);
        assert_eq!(uri, query);
        Peer { socket, open, acks: Vec::new() }
    }
}

struct Peer {
    socket: WebSocketStream<TcpStream>,
    open: OpenDataChannel,
    acks: Vec<i64>,
}

fn frame(message_type: MessageType, sequence: i64, payload_type: PayloadType, payload: Bytes) -> Bytes {
    let frame = Frame {
        message_type,
        schema_version: 1,
        created_ms: 1,
        sequence,
        flags: 0,
        id: Uuid::from_u128(sequence as u128),
        payload_type,
        payload,
        header_length: HeaderLength::Full,
    };
    frame.encode()
}

impl Peer {
    async fn send(&mut self, message_type: MessageType, sequence: i64, payload: impl Into<Bytes>) {
        let bytes = frame(message_type, sequence, PayloadType::Output, payload.into());
        timeout(HANG, self.socket.send(Message::Binary(bytes))).await.unwrap().unwrap();
    }

    async fn output(&mut self, sequence: i64, text: &str) {
        self.send(MessageType::OutputStreamData, sequence, text.to_owned()).await;
    }

    async fn close_channel(&mut self, output: &str) {
        let closed = ChannelClosed { output: output.to_owned(), ..Default::default() };
        self.send(MessageType::ChannelClosed, 0, closed.encode()).await;
    }

    async fn acknowledge(&mut self, sequence: i64) {
        let payload = Acknowledge {
            message_type: "input_stream_data".to_owned(),
            message_id: Uuid::nil(),
            sequence,
            sequential: true,
        };
        self.send(MessageType::Acknowledge, 0, payload.encode()).await;
    }

    /// The client's next stream message; acknowledgements on the way are noted.
    async fn input(&mut self) -> Frame {
        loop {
            let frame = self.any().await;
            if frame.message_type == MessageType::InputStreamData {
                return frame;
            }
        }
    }

    async fn any(&mut self) -> Frame {
        loop {
            let message =
                timeout(HANG, self.socket.next()).await.unwrap().expect("the client went away").unwrap();
            let Message::Binary(bytes) = message else { continue };
            let frame = Frame::parse(&bytes, Checks::Client).unwrap();
            if frame.message_type == MessageType::Acknowledge {
                self.acks.push(Acknowledge::parse(&frame.payload).unwrap().sequence);
            }
            return frame;
        }
    }

    async fn wait_for_ack(&mut self, sequence: i64) {
        while !self.acks.contains(&sequence) {
            self.any().await;
        }
    }
}

/// All events up to the one wanted.
async fn until(events: &mut mpsc::Receiver<Event>, wanted: impl Fn(&Event) -> bool) -> Vec<Event> {
    let mut seen = Vec::new();
    loop {
        match timeout(HANG, events.recv()).await {
            Ok(Some(event)) => seen.push(event),
            other => panic!("{other:?} after {seen:?}"),
        }
        if seen.last().is_some_and(&wanted) {
            return seen;
        }
    }
}

async fn to_the_end(events: &mut mpsc::Receiver<Event>) -> (Vec<Event>, End) {
    let mut seen = until(events, |event| matches!(event, Event::Ended(_))).await;
    assert_eq!(timeout(HANG, events.recv()).await.unwrap(), None, "Ended is the last event");
    let Some(Event::Ended(end)) = seen.pop() else { unreachable!() };
    (seen, end)
}

fn printed(events: &[Event]) -> String {
    let bytes: Vec<u8> = events
        .iter()
        .filter_map(|event| match event {
            Event::Output(bytes) => Some(&bytes[..]),
            _ => None,
        })
        .collect::<Vec<_>>()
        .concat();
    String::from_utf8(bytes).unwrap()
}

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

/// A clock that the test sets forward.
fn slept(pulse: Pulse) -> (Surroundings, Arc<AtomicUsize>) {
    let hours = Arc::new(AtomicUsize::new(0));
    let asked = hours.clone();
    let wall = move || SystemTime::now() + Duration::from_secs(3600) * asked.load(Ordering::SeqCst) as u32;
    (Surroundings { pulse, look: Duration::from_millis(20), wall: Arc::new(wall) }, hours)
}

#[tokio::test]
async fn a_machine_that_slept_looks_at_once_whether_the_connection_lives() {
    let far = Arc::new(Far::new().await);
    let pulse = Pulse { every: Duration::from_secs(3600), limit: Duration::from_millis(300) };
    let (surroundings, hours) = slept(pulse);
    let (_commands, mut events) = open_with(far.ticket("first"), far.clone(), options(), surroundings);
    let mut peer = far.accept().await;
    peer.output(0, "$ ").await;
    peer.wait_for_ack(0).await;
    until(&mut events, |event| matches!(event, Event::Output(_))).await;
    hours.store(1, Ordering::SeqCst);
    far.answer(Ok(Resumed::Ticket(far.ticket("second"))));
    // From here on nobody answers on the old connection.
    let noticed =
        |event: &Event| matches!(event, Event::Reconnecting { cause, .. } if cause == "no answer for 300ms");
    until(&mut events, noticed).await;
    let mut again = far.accept().await;
    again.output(1, "still here").await;
    until(&mut events, |event| matches!(event, Event::Resumed { .. })).await;
    drop(peer);
}

#[tokio::test]
async fn a_machine_that_slept_while_it_reconnected_does_not_wait_for_the_old_attempt() {
    let far = Arc::new(Far::new().await);
    let (surroundings, hours) = slept(Pulse::USUAL);
    let (commands, mut events) = open_with(far.ticket("first"), far.clone(), options(), surroundings);
    drop(far.accept().await);
    until(&mut events, |event| matches!(event, Event::Reconnecting { .. })).await;
    // ResumeSession hangs: its connection died with the lid.
    while far.resumes.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    far.answer(Ok(Resumed::Ticket(far.ticket("second"))));
    hours.store(1, Ordering::SeqCst);
    assert_eq!(far.accept().await.open.token, "second");
    commands.end();
    to_the_end(&mut events).await;
}

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
