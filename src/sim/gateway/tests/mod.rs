//! The gateway over real sockets, with real shells on real ptys, driven by a client written for these tests alone.
//!
//! Deadlines end a hang; none of them judges.

mod foreign;
mod kinds;

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

#[tokio::test]
async fn a_shell_is_driven_from_prompt_to_exit() {
    let gateway = Gateway::new(unpaced());
    let mut client = Client::at_prompt(&gateway, web_1()).await;
    assert_eq!((client.frames[0].sequence, client.frames[0].flags), (0, 1));
    assert!(client.text().contains("[sim:web-1 "), "{}", client.text());
    assert_eq!(gateway.status(ID).unwrap().state, SessionState::Connected);
    client.type_text("echo $((6*7))\r").await;
    client.wait_for("42").await;
    client.type_text("exit\r").await;
    assert_eq!(client.until_closed().await, "");
    let (closed, header_length) = client.closed.clone().unwrap();
    assert_eq!(header_length, HeaderLength::WithoutPayloadType);
    assert_eq!((closed.session_id.as_str(), closed.message_type.as_str()), (ID, "channel_closed"));
    assert!(matches!(client.until_gone().await, Gone::Closed(Some(_))));
    let status = gateway.status(ID).unwrap();
    assert_eq!(status.state, SessionState::Terminated);
    assert!(status.ended.unwrap() >= status.started);
    assert_eq!(gateway.resume(ID), None, "it is gone");
    gateway.shutdown().await;
}

#[tokio::test]
async fn the_terminal_has_no_size_until_the_client_tells_one() {
    let gateway = Gateway::new(unpaced());
    let mut client = Client::at_prompt(&gateway, web_1()).await;
    assert_eq!(client.ask("echo 'a''='$(stty size)", "a").await, "0 0");
    client.post(PayloadType::Size, &Size { cols: 132, rows: 43 }.encode()).await;
    assert_eq!(client.ask("echo 'b''='$(stty size)", "b").await, "43 132");
    assert_eq!(client.ask("echo 'c''='$TERM", "c").await, "xterm-256color");
    gateway.shutdown().await;
}

#[tokio::test]
async fn a_paced_agent_gives_the_shell_a_second_and_sends_at_most_1024_bytes_at_once() {
    let gateway = Gateway::new(GatewayOptions::default());
    let started = tokio::time::Instant::now();
    let mut client = Client::at_prompt(&gateway, web_1()).await;
    assert!(started.elapsed() >= Duration::from_secs(1));
    client.type_text("seq 1 3000; echo en''d\r").await;
    client.wait_for("\nend").await;
    let longest = client.frames.iter().map(|frame| frame.payload.len()).max().unwrap();
    assert!(longest <= 1024 + 3, "a payload of {longest} bytes");
    gateway.shutdown().await;
}

/// Whether a process runs; a dead one that nobody has reaped does not.
#[cfg(target_os = "linux")]
fn runs(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// A shell with a job in the background, one in the foreground, and the ids of all three.
#[cfg(target_os = "linux")]
async fn busy_shell(client: &mut Client) -> Vec<String> {
    let shell = client.ask("echo 'shell''='$$", "shell").await;
    let job = client.ask("sleep 1000 & echo 'job''='$!", "job").await;
    let front = client.ask("sh -c 'echo \"front\"\"=\"$$; exec sleep 1001'", "front").await;
    let pids = vec![shell, job, front];
    assert!(pids.iter().all(|pid| runs(pid)), "{pids:?}");
    pids
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_terminated_session_leaves_no_process_behind() {
    let gateway = Gateway::new(unpaced());
    let mut client = Client::at_prompt(&gateway, web_1()).await;
    let pids = busy_shell(&mut client).await;
    assert!(gateway.terminate(ID));
    assert_eq!(client.until_closed().await, "");
    assert_eq!(gateway.status(ID).unwrap().state, SessionState::Terminated);
    eventually("all are dead", || !pids.iter().any(|pid| runs(pid))).await;
    assert!(gateway.terminate(ID), "once more is no error");
    assert!(!gateway.terminate("demo-none"));
    gateway.shutdown().await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_shutdown_leaves_no_process_behind() {
    let gateway = Gateway::new(unpaced());
    let mut client = Client::at_prompt(&gateway, web_1()).await;
    let pids = busy_shell(&mut client).await;
    soon(gateway.shutdown()).await;
    eventually("all are dead", || !pids.iter().any(|pid| runs(pid))).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_region_that_is_only_dropped_leaves_no_process_behind() {
    let options = crate::sim::Options { unpaced: true, ..crate::sim::Options::default() };
    let region = crate::sim::Region::start(options).await.unwrap();
    let mut client = Client::at_prompt(region.gateway(), web_1()).await;
    let pids = busy_shell(&mut client).await;
    drop(region);
    eventually("all are dead", || !pids.iter().any(|pid| runs(pid))).await;
}

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
