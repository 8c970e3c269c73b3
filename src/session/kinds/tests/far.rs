//! The far end over real sockets: the service and the agent in one, with books of its own. Written from the official
//! agent's `port_mux.go` and `port_basic.go`: it dials in its accept loop, answers a refused dial by flag and FIN, and
//! stands still when a destination does not read.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use http::HeaderMap;
use serde_json::{Value, json};
use ssmtui::session::{
    BoxFuture, DataKey, DataKeyRequest, Flag, Resumed, Retry, Service, ServiceError, SessionId, Ticket,
    Token,
    kinds::Opener,
    message::{
        Acknowledge, ChannelClosed, Checks, Frame, HandshakeComplete, HandshakeRequest, HeaderLength,
        MessageType, OpenDataChannel, PayloadType, RequestedAction,
        smux::{self, Decoder},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{broadcast, mpsc},
};
use tokio_tungstenite::tungstenite::Message;
use uuid::Uuid;

/// Messages on their way to the client at a time.
const WINDOW: usize = 1000;
/// What waits for one destination, in messages: the 4 MiB of smux, and then the agent stands still.
const STREAM_QUEUE: usize = 4096;

/// How the far end behaves.
#[derive(Clone)]
pub struct Setup {
    pub agent_version: String,
    /// `type`, `portNumber` and whatever else the document lists.
    pub properties: Value,
    /// 1 KiB a millisecond, as the official agent.
    pub paced: bool,
}

impl Setup {
    pub fn forward(port: u16) -> Self {
        Self {
            agent_version: "3.3.987.0".to_owned(),
            properties: json!({"portNumber": port.to_string(), "type": "LocalPortForwarding"}),
            paced: false,
        }
    }
}

/// A region with one agent; every session is a new one.
pub struct Far {
    url: String,
    setup: Setup,
    sessions: Mutex<HashMap<String, mpsc::Sender<In>>>,
    pub starts: AtomicUsize,
    pub resumes: AtomicUsize,
    /// Answers that StartSession gives before it works.
    pub start_errors: Mutex<Vec<ServiceError>>,
    /// ResumeSession knows no session any more.
    pub gone: AtomicBool,
    /// Sessions that were ended by TerminateSession.
    pub terminated: Mutex<Vec<String>>,
    /// Flags that came, by session.
    pub flags: Flags,
    cuts: broadcast::Sender<()>,
}

type Flags = Arc<Mutex<Vec<(String, Flag)>>>;

enum In {
    /// A new socket.
    Attach(mpsc::Sender<Bytes>),
    Frame(Frame),
    /// The service ends the session with these words.
    Close(String),
}

impl Far {
    pub async fn start(setup: Setup) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let far = Arc::new(Self {
            url: format!("ws://{}/v1/data-channel", listener.local_addr().unwrap()),
            setup,
            sessions: Mutex::default(),
            starts: AtomicUsize::new(0),
            resumes: AtomicUsize::new(0),
            start_errors: Mutex::default(),
            gone: false.into(),
            terminated: Mutex::default(),
            flags: Flags::default(),
            cuts: broadcast::channel(16).0,
        });
        let accepting = Arc::downgrade(&far);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Some(far) = accepting.upgrade() else { return };
                tokio::spawn(far.serve(stream));
            }
        });
        far
    }

    /// Breaks all sockets, without a word.
    pub fn cut(&self) {
        let _ = self.cuts.send(());
    }

    /// The service ends all sessions with these words.
    pub async fn close(&self, words: &str) {
        let all: Vec<_> = self.sessions.lock().unwrap().values().cloned().collect();
        for session in all {
            let _ = session.send(In::Close(words.to_owned())).await;
        }
    }

    fn ticket(&self, id: &str) -> Ticket {
        Ticket {
            session_id: SessionId::new(id),
            stream_url: format!("{}/{id}?role=publish_subscribe", self.url),
            token: Token::new(id),
        }
    }

    /// StartSession.
    pub fn open_session(&self) -> Result<Ticket, ServiceError> {
        if let Some(error) = self.start_errors.lock().unwrap().pop() {
            return Err(error);
        }
        let number = self.starts.fetch_add(1, Ordering::SeqCst);
        let id = format!("alice-{number:04}");
        let (sender, incoming) = mpsc::channel(1024);
        self.sessions.lock().unwrap().insert(id.clone(), sender);
        let ticket = self.ticket(&id);
        tokio::spawn(Agent::new(id, self.setup.clone(), self.flags.clone()).run(incoming));
        Ok(ticket)
    }

    async fn serve(self: Arc<Self>, stream: TcpStream) {
        let mut cuts = self.cuts.subscribe();
        stream.set_nodelay(true).unwrap();
        let Ok(socket) = tokio_tungstenite::accept_async(stream).await else { return };
        let (mut sink, mut stream) = socket.split();
        let Some(Ok(Message::Text(text))) = stream.next().await else { return };
        let open = OpenDataChannel::parse(text.as_bytes()).unwrap();
        let Some(session) = self.sessions.lock().unwrap().get(&open.token).cloned() else { return };
        let (to_client, mut frames) = mpsc::channel::<Bytes>(256);
        if session.send(In::Attach(to_client)).await.is_err() {
            return;
        }
        let writing = async {
            while let Some(bytes) = frames.recv().await {
                sink.feed(Message::Binary(bytes)).await?;
                while let Ok(bytes) = frames.try_recv() {
                    sink.feed(Message::Binary(bytes)).await?;
                }
                sink.flush().await?;
            }
            Ok::<_, tokio_tungstenite::tungstenite::Error>(())
        };
        let reading = async {
            while let Some(Ok(message)) = stream.next().await {
                if let Message::Binary(bytes) = message {
                    let frame = Frame::parse(&bytes, Checks::Client).unwrap();
                    // An agent that is over has its last words still on their way.
                    let _ = session.send(In::Frame(frame)).await;
                }
            }
        };
        tokio::select! {
            _ = cuts.recv() => {}
            // The last words are read by the client first.
            _ = async { let _ = writing.await; std::future::pending::<()>().await } => {}
            () = reading => {}
        }
    }
}

/// The far end as the client's two traits.
pub struct Region(pub Arc<Far>);

impl Opener for Region {
    fn start(&self) -> BoxFuture<'_, Result<(Ticket, String), ServiceError>> {
        Box::pin(async { Ok((self.0.open_session()?, "i-0123456789abcdef0".to_owned())) })
    }
}

impl Service for Region {
    fn resume<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<Resumed, ServiceError>> {
        Box::pin(async {
            self.0.resumes.fetch_add(1, Ordering::SeqCst);
            if self.0.gone.load(Ordering::SeqCst) {
                return Ok(Resumed::Gone("the session has timed out".to_owned()));
            }
            Ok(match self.0.sessions.lock().unwrap().contains_key(id.as_str()) {
                true => Resumed::Ticket(self.0.ticket(id.as_str())),
                false => Resumed::Gone("the session has timed out".to_owned()),
            })
        })
    }

    fn terminate<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<(), ServiceError>> {
        Box::pin(async {
            self.0.terminated.lock().unwrap().push(id.to_string());
            self.0.sessions.lock().unwrap().remove(id.as_str());
            Ok(())
        })
    }

    fn data_key<'a>(&'a self, _: DataKeyRequest<'a>) -> BoxFuture<'a, Result<DataKey, ServiceError>> {
        Box::pin(async { Err(ServiceError { summary: "no keys for ports".to_owned(), retry: Retry::Never }) })
    }

    fn sign_upgrade<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<HeaderMap, ServiceError>> {
        Box::pin(async { Ok(HeaderMap::new()) })
    }

    fn may_dial(&self, _: &str) -> Result<(), String> {
        Ok(())
    }
}

/// What the streams have for the client.
enum Out {
    Bytes(Bytes),
    /// Bytes of the one connection of basic mode.
    Basic(u64, Bytes),
    /// A stream's destination has closed.
    Fin(u32),
    /// The one connection of basic mode was closed by its server.
    Eof(u64),
}

/// One session's agent.
struct Agent {
    id: String,
    flags: Flags,
    setup: Setup,
    socket: Option<mpsc::Sender<Bytes>>,
    next_out: i64,
    unacknowledged: BTreeMap<i64, Bytes>,
    next_in: i64,
    early: BTreeMap<i64, Frame>,
    decoder: Decoder,
    streams: HashMap<u32, mpsc::Sender<Bytes>>,
    basic: Option<(u64, OwnedWriteHalf)>,
    dials: u64,
    running: bool,
    over: bool,
}

impl Agent {
    fn new(id: String, setup: Setup, flags: Flags) -> Self {
        Self {
            id,
            flags,
            setup,
            socket: None,
            next_out: 0,
            unacknowledged: BTreeMap::new(),
            next_in: 0,
            early: BTreeMap::new(),
            decoder: Decoder::new(),
            streams: HashMap::new(),
            basic: None,
            dials: 0,
            running: false,
            over: false,
        }
    }

    fn is_forward(&self) -> bool {
        self.setup.properties["type"] == "LocalPortForwarding"
    }

    fn is_mux(&self) -> bool {
        let version: Vec<u32> =
            self.setup.agent_version.split('.').map(|part| part.parse().unwrap()).collect();
        self.is_forward() && version > vec![3, 0, 196, 0]
    }

    fn destination(&self) -> String {
        let host = self.setup.properties["host"].as_str().unwrap_or("127.0.0.1");
        format!("{host}:{}", self.setup.properties["portNumber"].as_str().unwrap())
    }

    async fn run(mut self, mut incoming: mpsc::Receiver<In>) {
        let (from_streams, mut out) = mpsc::channel(64);
        let request = HandshakeRequest {
            agent_version: self.setup.agent_version.clone(),
            actions: vec![RequestedAction::SessionType {
                session_type: "Port".to_owned(),
                properties: self.setup.properties.clone(),
            }],
        };
        self.send(PayloadType::HandshakeRequest, request.encode()).await;
        while !self.over {
            tokio::select! {
                Some(input) = incoming.recv() => match input {
                    In::Attach(socket) => {
                        self.socket = Some(socket);
                        for bytes in self.unacknowledged.values().cloned().collect::<Vec<_>>() {
                            self.put(bytes).await;
                        }
                    }
                    In::Frame(frame) => self.receive(frame, &from_streams).await,
                    In::Close(words) => self.close(&words).await,
                },
                Some(out) = out.recv(), if self.unacknowledged.len() < WINDOW => match out {
                    Out::Basic(dial, _) if self.basic.as_ref().is_none_or(|(now, _)| *now != dial) => {}
                    Out::Bytes(bytes) | Out::Basic(_, bytes) => for piece in bytes.chunks(1024) {
                        self.send(PayloadType::Output, Bytes::copy_from_slice(piece)).await;
                        if self.setup.paced {
                            tokio::time::sleep(Duration::from_millis(1)).await;
                        }
                    },
                    Out::Fin(stream) => {
                        self.streams.remove(&stream);
                        self.smux(smux::Frame::Close { stream }).await;
                    }
                    Out::Eof(dial) if self.basic.as_ref().is_some_and(|(now, _)| *now == dial) => {
                        if !self.is_forward() {
                            self.close("").await;
                        }
                        self.basic = None;
                    }
                    Out::Eof(_) => {}
                },
                else => return,
            }
        }
    }

    async fn put(&mut self, bytes: Bytes) {
        if let Some(socket) = &self.socket
            && socket.send(bytes).await.is_err()
        {
            self.socket = None;
        }
    }

    async fn frame(
        &mut self,
        message_type: MessageType,
        sequence: i64,
        kind: PayloadType,
        payload: Bytes,
    ) -> Bytes {
        let frame = Frame {
            message_type,
            schema_version: 1,
            created_ms: 1,
            sequence,
            flags: 0,
            id: Uuid::from_u128(sequence as u128),
            payload_type: kind,
            payload,
            header_length: HeaderLength::Full,
        };
        frame.encode()
    }

    async fn send(&mut self, kind: PayloadType, payload: Bytes) {
        let bytes = self.frame(MessageType::OutputStreamData, self.next_out, kind, payload).await;
        self.unacknowledged.insert(self.next_out, bytes.clone());
        self.next_out += 1;
        self.put(bytes).await;
    }

    async fn smux(&mut self, frame: smux::Frame) {
        let mut bytes = BytesMut::new();
        frame.encode(&mut bytes);
        self.send(PayloadType::Output, bytes.freeze()).await;
    }

    async fn close(&mut self, words: &str) {
        let closed = ChannelClosed { output: words.to_owned(), ..Default::default() };
        let bytes = self.frame(MessageType::ChannelClosed, 0, PayloadType::None, closed.encode()).await;
        self.put(bytes).await;
        self.over = true;
    }

    async fn receive(&mut self, frame: Frame, out: &mpsc::Sender<Out>) {
        match frame.message_type {
            MessageType::Acknowledge => {
                let sequence = Acknowledge::parse(&frame.payload).unwrap().sequence;
                self.unacknowledged.remove(&sequence);
            }
            MessageType::InputStreamData => {
                let sequence = frame.sequence;
                let receipt = Acknowledge {
                    message_type: "input_stream_data".to_owned(),
                    message_id: frame.id,
                    sequence,
                    sequential: true,
                };
                if sequence >= self.next_in {
                    self.early.insert(sequence, frame);
                }
                while let Some(frame) = self.early.remove(&self.next_in) {
                    self.next_in += 1;
                    self.step(frame, out).await;
                }
                let bytes =
                    self.frame(MessageType::Acknowledge, 0, PayloadType::None, receipt.encode()).await;
                self.put(bytes).await;
            }
            _ => {}
        }
    }

    async fn step(&mut self, frame: Frame, out: &mpsc::Sender<Out>) {
        match frame.payload_type {
            PayloadType::HandshakeResponse if !self.running => {
                self.running = true;
                self.send(PayloadType::HandshakeComplete, HandshakeComplete::default().encode()).await;
                if !self.is_mux() {
                    self.dial(out).await;
                }
            }
            PayloadType::Output if self.is_mux() => {
                assert!(frame.payload.len() <= 1024, "messages are as long as the official client's");
                self.decoder.push(frame.payload);
                while let Some(frame) = self.decoder.pop().expect("it is smux") {
                    self.demultiplex(frame, out).await;
                }
            }
            PayloadType::Output => {
                if self.basic.is_none() {
                    self.dial(out).await;
                }
                if let Some((_, server)) = &mut self.basic {
                    // A server that is gone shows when it is read.
                    let _ = server.write_all(&frame.payload).await;
                }
            }
            PayloadType::Flag => {
                let flag = Flag::parse(&frame.payload).unwrap();
                self.flags.lock().unwrap().push((self.id.clone(), flag));
                match flag {
                    Flag::DisconnectToPort => self.basic = None,
                    Flag::TerminateSession => self.close("").await,
                    _ => {}
                }
            }
            _ => {}
        }
    }

    /// Basic mode: one connection.
    async fn dial(&mut self, out: &mpsc::Sender<Out>) {
        match TcpStream::connect(self.destination()).await {
            Ok(stream) => {
                self.dials += 1;
                let (mut reader, writer) = stream.into_split();
                self.basic = Some((self.dials, writer));
                let (out, dial) = (out.clone(), self.dials);
                tokio::spawn(async move {
                    let mut buffer = BytesMut::new();
                    while reader.read_buf(&mut buffer).await.is_ok_and(|count| count > 0) {
                        if out.send(Out::Basic(dial, buffer.split().freeze())).await.is_err() {
                            return;
                        }
                    }
                    let _ = out.send(Out::Eof(dial)).await;
                });
            }
            Err(_) => {
                let words = "document process failed unexpectedly: ipc messaging received timeout signal , check [ssm-document-worker]/[ssm-session-worker] log for crash reason";
                self.close(words).await;
            }
        }
    }

    async fn demultiplex(&mut self, frame: smux::Frame, out: &mpsc::Sender<Out>) {
        match frame {
            smux::Frame::Open { stream } => match TcpStream::connect(self.destination()).await {
                Ok(server) => {
                    let (reader, writer) = server.into_split();
                    let (sender, data) = mpsc::channel(STREAM_QUEUE);
                    self.streams.insert(stream, sender);
                    tokio::spawn(carry(stream, reader, writer, data, out.clone()));
                }
                Err(_) => {
                    self.send(PayloadType::Flag, Flag::ConnectToPortError.encode()).await;
                    self.smux(smux::Frame::Close { stream }).await;
                }
            },
            smux::Frame::Data { stream, bytes } => {
                if let Some(sender) = self.streams.get(&stream)
                    && sender.send(bytes).await.is_err()
                {
                    self.streams.remove(&stream);
                }
            }
            smux::Frame::Close { stream } => drop(self.streams.remove(&stream)),
            smux::Frame::KeepAlive => {}
        }
    }
}

/// Both directions of one stream until one of them ends: then the connection is closed as a whole.
async fn carry(
    stream: u32,
    mut reader: OwnedReadHalf,
    mut writer: OwnedWriteHalf,
    mut data: mpsc::Receiver<Bytes>,
    out: mpsc::Sender<Out>,
) {
    let down = async {
        let mut buffer = BytesMut::new();
        loop {
            buffer.reserve(32 * 1024);
            match reader.read_buf(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {
                    let mut bytes = BytesMut::new();
                    smux::Frame::Data { stream, bytes: buffer.split().freeze() }.encode(&mut bytes);
                    if out.send(Out::Bytes(bytes.freeze())).await.is_err() {
                        return;
                    }
                }
            }
        }
    };
    let up = async {
        while let Some(bytes) = data.recv().await {
            if writer.write_all(&bytes).await.is_err() {
                break;
            }
        }
    };
    tokio::select! {
        () = down => {}
        () = up => {}
    }
    let _ = out.send(Out::Fin(stream)).await;
}
