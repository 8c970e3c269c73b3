//! The data channel as its owner feels it: `cargo bench --bench session`. Each figure stands beside that of a bare
//! WebSocket in the same run, against the same far end, which plays service and agent on a thread of its own.
//!
//! - a key and its echo: handed to the session and shown, beside the same frames written and read by hand;
//! - bytes of a port, upwards and downwards, and the processor time per MB;
//! - memory of a further session under load.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::{
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::HeaderMap;
use ssmtui::session::{
    BoxFuture, DataKey, DataKeyRequest, Event, Options, Resumed, Service, ServiceError, SessionId, Size,
    Ticket, Token,
    message::{
        Acknowledge, Checks, Frame, HandshakeComplete, HandshakeRequest, HeaderLength, MessageType,
        PayloadType, RequestedAction,
    },
    open,
};
use tokio_tungstenite::tungstenite::{Message, WebSocket, accept};
use uuid::Uuid;

/// What the far end does once the session runs.
#[derive(Clone, Copy)]
enum Far {
    /// Acknowledges each input and sends it back.
    Echo,
    /// Acknowledges each input.
    Sink,
    /// Sends this many messages of 1024 bytes, at most a window ahead of the acknowledgements.
    Source(usize),
}

fn frame(message_type: MessageType, sequence: i64, payload_type: PayloadType, payload: Bytes) -> Bytes {
    let frame = Frame {
        message_type,
        schema_version: 1,
        created_ms: 1,
        sequence,
        flags: 0,
        id: Uuid::from_u128(sequence as u128 + 1),
        payload_type,
        payload,
        header_length: HeaderLength::Full,
    };
    frame.encode()
}

fn acknowledge(frame_in: &Frame) -> Bytes {
    let payload = Acknowledge {
        message_type: frame_in.message_type.as_str().to_owned(),
        message_id: frame_in.id,
        sequence: frame_in.sequence,
        sequential: true,
    };
    frame(MessageType::Acknowledge, 0, PayloadType::None, payload.encode())
}

fn output(sequence: i64, payload: Bytes) -> Message {
    Message::Binary(frame(MessageType::OutputStreamData, sequence, PayloadType::Output, payload))
}

fn greet(socket: &mut WebSocket<TcpStream>) -> i64 {
    let actions = vec![RequestedAction::SessionType {
        session_type: "Port".to_owned(),
        properties: serde_json::json!({"portNumber": "80", "type": "LocalPortForwarding"}),
    }];
    let request = HandshakeRequest { agent_version: "3.3.987.0".to_owned(), actions }.encode();
    let complete = HandshakeComplete::default().encode();
    for (sequence, kind, payload) in
        [(0, PayloadType::HandshakeRequest, request), (1, PayloadType::HandshakeComplete, complete)]
    {
        let bytes = frame(MessageType::OutputStreamData, sequence, kind, payload);
        socket.send(Message::Binary(bytes)).unwrap();
    }
    2
}

/// Serves every connection on a thread of its own.
fn serve(far: Far) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || {
                let stream = stream.unwrap();
                stream.set_nodelay(true).unwrap();
                let mut socket = accept(stream).unwrap();
                assert!(socket.read().unwrap().is_text(), "OpenDataChannel");
                let mut next = greet(&mut socket);
                let (mut sent, mut open) = (0, 0);
                loop {
                    if let Far::Source(count) = far {
                        while sent < count && open < 200 {
                            socket.write(output(next, Bytes::from(vec![b'x'; 1024]))).unwrap();
                            (sent, open, next) = (sent + 1, open + 1, next + 1);
                        }
                        socket.flush().unwrap();
                    }
                    let Ok(message) = socket.read() else { return };
                    let Message::Binary(bytes) = message else { continue };
                    let incoming = Frame::parse(&bytes, Checks::Agent).unwrap();
                    match incoming.message_type {
                        MessageType::Acknowledge => open = usize::saturating_sub(open, 1),
                        _ => {
                            socket.write(Message::Binary(acknowledge(&incoming))).unwrap();
                            if matches!(far, Far::Echo) && incoming.payload_type == PayloadType::Output {
                                socket.write(output(next, incoming.payload)).unwrap();
                                next += 1;
                            }
                            socket.flush().unwrap();
                        }
                    }
                }
            });
        }
    });
    format!("ws://{address}/v1/data-channel/bench")
}

struct Nobody;

impl Service for Nobody {
    fn resume<'a>(&'a self, _: &'a SessionId) -> BoxFuture<'a, Result<Resumed, ServiceError>> {
        Box::pin(async { Ok(Resumed::Gone("no resume here".to_owned())) })
    }

    fn terminate<'a>(&'a self, _: &'a SessionId) -> BoxFuture<'a, Result<(), ServiceError>> {
        Box::pin(async { Ok(()) })
    }

    fn data_key<'a>(&'a self, _: DataKeyRequest<'a>) -> BoxFuture<'a, Result<DataKey, ServiceError>> {
        Box::pin(std::future::pending())
    }

    fn sign_upgrade<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<HeaderMap, ServiceError>> {
        Box::pin(async { Ok(HeaderMap::new()) })
    }

    fn may_dial(&self, _: &str) -> Result<(), String> {
        Ok(())
    }
}

type Session = (ssmtui::session::Commands, tokio::sync::mpsc::Receiver<Event>);

async fn session(url: &str) -> Session {
    let ticket = Ticket {
        session_id: SessionId::new("bench"),
        stream_url: url.to_owned(),
        token: Token::new("token"),
    };
    let options = Options { size: Size { cols: 80, rows: 24 }, target: "i-0123456789abcdef0".to_owned() };
    let (commands, mut events) = open(ticket, Arc::new(Nobody), options);
    while events.recv().await.expect("the session starts") != Event::Ready {}
    (commands, events)
}

async fn output_of(events: &mut tokio::sync::mpsc::Receiver<Event>) -> usize {
    loop {
        match events.recv().await.expect("the session runs") {
            Event::Output(bytes) => return bytes.len(),
            Event::Ended(end) => panic!("{end}"),
            _ => {}
        }
    }
}

const KEYS: usize = 3000;

async fn echo_of_the_session(url: &str) -> Vec<Duration> {
    let (commands, mut events) = session(url).await;
    let mut times = Vec::new();
    for _ in 0..KEYS {
        let start = Instant::now();
        commands.input(Bytes::from_static(b"x")).await;
        output_of(&mut events).await;
        times.push(start.elapsed());
    }
    commands.end();
    times
}

/// The same frames by hand: write, read the acknowledgement and the echo, acknowledge.
async fn echo_by_hand(url: &str) -> Vec<Duration> {
    let (mut socket, _) = tokio_tungstenite::connect_async_with_config(url, None, true).await.unwrap();
    socket.send(Message::text("{}")).await.unwrap();
    let mut times = Vec::new();
    for sequence in 0..KEYS as i64 {
        let start = Instant::now();
        let bytes =
            frame(MessageType::InputStreamData, sequence, PayloadType::Output, Bytes::from_static(b"x"));
        socket.send(Message::Binary(bytes)).await.unwrap();
        let echo = loop {
            let Message::Binary(bytes) = socket.next().await.unwrap().unwrap() else { continue };
            let frame = Frame::parse(&bytes, Checks::Client).unwrap();
            if frame.payload_type == PayloadType::Output {
                break frame;
            }
        };
        times.push(start.elapsed());
        socket.send(Message::Binary(acknowledge(&echo))).await.unwrap();
    }
    times
}

fn percentile(times: &mut [Duration], percent: usize) -> f64 {
    times.sort();
    times[times.len() * percent / 100].as_secs_f64() * 1e6
}

/// Processor time of this thread so far; the far end has its own threads.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

const MEGABYTES: usize = 100;

async fn upload(url: &str) -> (f64, f64) {
    let (commands, _events) = session(url).await;
    let (start, busy) = (Instant::now(), cpu());
    for _ in 0..MEGABYTES * 64 {
        commands.input(Bytes::from(vec![b'x'; 16 << 10])).await;
    }
    commands.drained().await;
    let rate = MEGABYTES as f64 * 1.048_576 / start.elapsed().as_secs_f64();
    commands.end();
    (rate, (cpu() - busy) / MEGABYTES as f64)
}

async fn download(url: &str) -> (f64, f64) {
    let (start, busy) = (Instant::now(), cpu());
    let (commands, mut events) = session(url).await;
    let mut received = 0;
    while received < MEGABYTES << 20 {
        received += output_of(&mut events).await;
    }
    commands.end();
    (MEGABYTES as f64 * 1.048_576 / start.elapsed().as_secs_f64(), (cpu() - busy) / MEGABYTES as f64)
}

/// Sessions that upload at the same time; their far ends' memory is in the figure, too.
async fn memory(url: &str) -> usize {
    const SESSIONS: usize = 20;
    let mut warm = Vec::new();
    let before = resident_kib();
    for _ in 0..SESSIONS {
        let (commands, events) = session(url).await;
        let busy = commands.clone();
        tokio::spawn(async move {
            for _ in 0..200 {
                busy.input(Bytes::from(vec![b'x'; 16 << 10])).await;
            }
        });
        warm.push((commands, events));
    }
    let mut most = 0;
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        most = most.max(resident_kib());
    }
    most.saturating_sub(before) / SESSIONS
}

fn main() {
    // `cargo test` runs benches, too, and asks for nothing to be measured.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    for (name, runtime) in [
        ("one thread", tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()),
        ("threads", tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap()),
    ] {
        let echo = serve(Far::Echo);
        let (mut ours, mut bare) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            bare.extend(runtime.block_on(echo_by_hand(&echo)));
            ours.extend(runtime.block_on(echo_of_the_session(&echo)));
        }
        let (a, b) = (percentile(&mut ours, 50), percentile(&mut bare, 50));
        println!("{name}: echo p50 {a:.0} us, by hand {b:.0} us, ratio {:.2}", a / b);
        println!(
            "{name}: echo p99 {:.0} us, by hand {:.0} us",
            percentile(&mut ours, 99),
            percentile(&mut bare, 99)
        );
        let (rate, busy) = runtime.block_on(upload(&serve(Far::Sink)));
        println!("{name}: up   {rate:.0} MB/s, {:.1} ms of CPU per MB on this thread", busy * 1e3);
        let (rate, busy) = runtime.block_on(download(&serve(Far::Source(MEGABYTES * 1024))));
        println!("{name}: down {rate:.0} MB/s, {:.1} ms of CPU per MB on this thread", busy * 1e3);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    println!("a further session under load: {} KiB", runtime.block_on(memory(&serve(Far::Sink))));
}
