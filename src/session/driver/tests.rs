//! The driver over real sockets. The far end is a script per test: it plays the service and the agent in one.

mod connection;
mod content;
mod hostile;
mod sleep;

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
