//! The gateway over real sockets, with real shells on real ptys, driven by a client written for these tests alone.
//!
//! Deadlines end a hang; none of them judges.

mod foreign;
mod kinds;
mod shell;
mod socket;

use std::{collections::BTreeMap, future::Future, time::Duration};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        protocol::{CloseFrame, Role},
    },
};
use uuid::Uuid;

use super::*;
use crate::session::message::{
    Acknowledge, ChannelClosed, Checks, Frame, MessageType, OpenDataChannel, PayloadType, Size,
};

const HANG: Duration = Duration::from_secs(60);

async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(HANG, what).await.expect("it hangs")
}

/// Asks again until it is so; there is nothing to wait on when a process dies.
async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(HANG, waiting).await.unwrap_or_else(|_| panic!("never: {what}"));
}

fn unpaced() -> GatewayOptions {
    GatewayOptions { unpaced: true, ..GatewayOptions::default() }
}

fn faulty(specs: &[&str]) -> GatewayOptions {
    GatewayOptions { faults: specs.iter().map(|spec| spec.parse().unwrap()).collect(), ..unpaced() }
}

fn web_1() -> NewSession {
    NewSession {
        id: "demo-0123456789abcdef0".to_owned(),
        target: "i-0123456789abcdef0".to_owned(),
        name: "web-1".to_owned(),
        platform: Platform::Linux,
        agent_version: "3.3.987.0".to_owned(),
        shell: None,
        plan: Plan::shell(),
        kms: None,
        recording: Default::default(),
        idle_timeout: None,
        max_duration: None,
    }
}

const ID: &str = "demo-0123456789abcdef0";

/// A socket to the gateway, as after the upgrade.
async fn socket(gateway: &Gateway, id: &str) -> WebSocketStream<TcpStream> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (far, _) = listener.accept().await.unwrap();
    let (gateway, id) = (gateway.clone(), id.to_owned());
    tokio::spawn(async move { gateway.accept(&id, far).await });
    WebSocketStream::from_raw_socket(near, Role::Client, None).await
}

/// What came instead of a session.
#[derive(Debug)]
enum Gone {
    Closed(Option<CloseFrame>),
    Lost,
}

/// A client that acknowledges everything and sends again what is not acknowledged.
struct Client {
    socket: WebSocketStream<TcpStream>,
    next: i64,
    unacknowledged: BTreeMap<i64, Bytes>,
    /// Encrypts and decrypts, if the session is encrypted.
    cipher: Option<kinds::Cipher>,
    expected: i64,
    early: BTreeMap<i64, Frame>,
    /// All output in order.
    screen: Vec<u8>,
    /// Every frame of the output stream as it came, repeated ones too.
    frames: Vec<Frame>,
    pongs: u32,
    /// How often the service said that the agent is away, and that it is back.
    pauses: u32,
    starts: u32,
    closed: Option<(ChannelClosed, HeaderLength)>,
}

impl Client {
    async fn open(gateway: &Gateway, id: &str, token: &str) -> Self {
        let mut client = Self {
            socket: socket(gateway, id).await,
            next: 0,
            unacknowledged: BTreeMap::new(),
            cipher: None,
            expected: 0,
            early: BTreeMap::new(),
            screen: Vec::new(),
            frames: Vec::new(),
            pongs: 0,
            pauses: 0,
            starts: 0,
            closed: None,
        };
        client.say_hello(token).await;
        client
    }

    /// Starts a session and goes on when the prompt is there.
    async fn at_prompt(gateway: &Gateway, session: NewSession) -> Self {
        let id = session.id.clone();
        let token = gateway.start(session);
        let mut client = Self::open(gateway, &id, &token).await;
        client.wait_for("[sim:").await;
        client
    }

    async fn say_hello(&mut self, token: &str) {
        let hello = OpenDataChannel::client(Uuid::new_v4(), token.to_owned(), Uuid::new_v4(), "1.2.804.0");
        let text = String::from_utf8(hello.encode().to_vec()).unwrap();
        // If the socket is gone already, the next read says so.
        let _ = self.socket.send(Message::text(text)).await;
    }

    /// The same session on a new socket.
    async fn resume(&mut self, gateway: &Gateway, id: &str) {
        let token = gateway.resume(id).expect("the session lives");
        self.socket = socket(gateway, id).await;
        self.say_hello(&token).await;
    }

    async fn post(&mut self, payload_type: PayloadType, payload: &[u8]) {
        let frame = Frame {
            message_type: MessageType::InputStreamData,
            schema_version: 1,
            created_ms: 1,
            sequence: self.next,
            flags: 0,
            id: Uuid::new_v4(),
            payload_type,
            payload: Bytes::copy_from_slice(payload),
            header_length: HeaderLength::Full,
        };
        self.unacknowledged.insert(self.next, frame.encode());
        self.next += 1;
        let _ = self.socket.send(Message::Binary(frame.encode())).await;
    }

    async fn type_text(&mut self, text: &str) {
        self.post(PayloadType::Output, text.as_bytes()).await;
    }

    /// Takes what comes next, or sends again if nothing comes for a while.
    async fn step(&mut self) -> Result<(), Gone> {
        let Ok(message) = timeout(Duration::from_millis(200), self.socket.next()).await else {
            for bytes in self.unacknowledged.values() {
                let _ = self.socket.send(Message::Binary(bytes.clone())).await;
            }
            return Ok(());
        };
        match message {
            Some(Ok(Message::Binary(bytes))) => {
                let frame = Frame::parse(&bytes, Checks::Client).unwrap();
                self.take(frame).await;
                Ok(())
            }
            Some(Ok(Message::Close(reason))) => Err(Gone::Closed(reason)),
            Some(Ok(Message::Pong(_))) => {
                self.pongs += 1;
                Ok(())
            }
            Some(Ok(other)) => panic!("unexpected {other:?}"),
            Some(Err(_)) | None => Err(Gone::Lost),
        }
    }

    async fn take(&mut self, frame: Frame) {
        match frame.message_type {
            MessageType::OutputStreamData => {
                let acknowledge = Acknowledge {
                    message_type: "output_stream_data".to_owned(),
                    message_id: frame.id,
                    sequence: frame.sequence,
                    sequential: true,
                };
                let answer = Frame {
                    message_type: MessageType::Acknowledge,
                    sequence: 0,
                    flags: 3,
                    id: Uuid::new_v4(),
                    payload_type: PayloadType::None,
                    payload: acknowledge.encode(),
                    ..frame.clone()
                };
                let _ = self.socket.send(Message::Binary(answer.encode())).await;
                self.frames.push(frame.clone());
                if frame.sequence >= self.expected {
                    self.early.insert(frame.sequence, frame);
                }
                while let Some(frame) = self.early.remove(&self.expected) {
                    self.expected += 1;
                    if frame.payload_type == PayloadType::Output {
                        self.screen.extend_from_slice(&frame.payload);
                    }
                }
            }
            MessageType::Acknowledge => {
                let acknowledge = Acknowledge::parse(&frame.payload).unwrap();
                self.unacknowledged.remove(&acknowledge.sequence);
            }
            MessageType::ChannelClosed => {
                self.closed = Some((ChannelClosed::parse(&frame.payload).unwrap(), frame.header_length));
            }
            MessageType::StartPublication => self.starts += 1,
            MessageType::PausePublication => self.pauses += 1,
            other => panic!("{other:?} is not for clients"),
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.screen).into_owned()
    }

    async fn wait_for(&mut self, needle: &str) {
        self.wait_until(needle, |client| client.text().contains(needle)).await;
    }

    async fn wait_until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let waiting = async {
            while !is_so(self) {
                if let Err(gone) = self.step().await {
                    panic!("{gone:?} while waiting for {what:?}; screen: {:?}", self.text());
                }
            }
        };
        if timeout(HANG, waiting).await.is_err() {
            panic!("never {what:?}; screen: {:?}", self.text());
        }
    }

    /// Reads on until the socket is gone.
    async fn until_gone(&mut self) -> Gone {
        soon(async {
            loop {
                if let Err(gone) = self.step().await {
                    return gone;
                }
            }
        })
        .await
    }

    /// Reads on until the session is over and returns what the user is told.
    async fn until_closed(&mut self) -> String {
        self.wait_until("channel_closed", |client| client.closed.is_some()).await;
        self.closed.clone().unwrap().0.output
    }

    /// Runs a line and returns the word that stands after `mark=` in its output.
    async fn ask(&mut self, line: &str, mark: &str) -> String {
        // The quotes keep the echo of the line from being taken for its answer.
        self.type_text(&format!("{line}\r")).await;
        let start = format!("{mark}=");
        let found = |text: &str| {
            let rest = text.rsplit_once(&start)?.1;
            rest.find(['\r', '\n']).map(|end| rest[..end].trim().to_owned())
        };
        self.wait_until(mark, |client| found(&client.text()).is_some()).await;
        found(&self.text()).unwrap()
    }
}

/// Whether a process runs; a dead one that nobody has reaped does not.
#[cfg(target_os = "linux")]
fn runs(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}
