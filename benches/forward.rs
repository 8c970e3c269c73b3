//! A forward at full speed: `cargo bench --bench forward`. Each figure stands beside a plain TCP copy's from the same run.
//!
//! The far end (agent and service), the servers and the load run in a process of their own, so that the processor time
//! counted here is the forward's. The official client 1.2.677 was measured on loopback at 0.74-0.81 MB/s up and down,
//! 1.54-1.66 ms a ping-pong and 0.09-0.13 s of processor time per MB.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, dead_code)]

#[path = "../src/session/kinds/tests/far.rs"]
mod far;

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use far::{Far, Setup};
use ssmtui::session::{
    BoxFuture, DataKey, DataKeyRequest, Resumed, Service, ServiceError, SessionId, Ticket, Token,
    kinds::{
        Opener,
        forward::{self, Forward, ForwardEvent, Listen, Plan},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

const MB: u64 = 1_000_000;
const UP: u8 = b'U';
const DOWN: u8 = b'D';
const PING: u8 = b'P';

/// The other process: sessions, servers and load, on request.
struct Other {
    child: Child,
    lines: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
}

impl Other {
    fn start() -> Arc<Self> {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg("--far")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Arc::new(Self { child, lines: Mutex::new(lines) })
    }

    fn ask(&self, request: &str) -> String {
        let mut lines = self.lines.lock().unwrap();
        writeln!(lines.0, "{request}").unwrap();
        let mut answer = String::new();
        lines.1.read_line(&mut answer).unwrap();
        answer.trim().to_owned()
    }

    fn number(&self, request: &str) -> f64 {
        self.ask(request).parse().unwrap()
    }
}

struct Region {
    other: Arc<Other>,
    pace: &'static str,
}

impl Opener for Region {
    fn start(&self) -> BoxFuture<'_, Result<(Ticket, String), ServiceError>> {
        let answer = self.other.ask(&format!("session {}", self.pace));
        let (id, url) = answer.split_once(' ').unwrap();
        let ticket =
            Ticket { session_id: SessionId::new(id), stream_url: url.to_owned(), token: Token::new(id) };
        Box::pin(async { Ok((ticket, "i-0".to_owned())) })
    }
}

impl Service for Region {
    fn resume<'a>(&'a self, _: &'a SessionId) -> BoxFuture<'a, Result<Resumed, ServiceError>> {
        panic!("the connection was lost");
    }
    fn terminate<'a>(&'a self, _: &'a SessionId) -> BoxFuture<'a, Result<(), ServiceError>> {
        Box::pin(async { Ok(()) })
    }
    fn data_key<'a>(&'a self, _: DataKeyRequest<'a>) -> BoxFuture<'a, Result<DataKey, ServiceError>> {
        unreachable!("ports are not encrypted")
    }
    fn sign_upgrade<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<http::HeaderMap, ServiceError>> {
        Box::pin(async { Ok(http::HeaderMap::new()) })
    }
    fn may_dial(&self, _: &str) -> Result<(), String> {
        Ok(())
    }
}

async fn open(other: &Arc<Other>, pace: &'static str, lanes: usize) -> (Forward, String) {
    let region = Arc::new(Region { other: other.clone(), pace });
    let listen = Listen::Tcp { host: "127.0.0.1".to_owned(), port: 0 };
    let (forward, mut events) = forward::open(Plan { listen, lanes }, region.clone(), region);
    let (mut at, mut ready) = (None, 0);
    while at.is_none() || ready < lanes {
        match events.recv().await.unwrap() {
            ForwardEvent::Listening { address } => at = Some(address),
            ForwardEvent::Lane { .. } => ready += 1,
            ForwardEvent::Ended(end) => panic!("{end}"),
            _ => {}
        }
    }
    tokio::spawn(async move { while events.recv().await.is_some() {} });
    (forward, at.unwrap())
}

/// A plain TCP copy to the same servers.
async fn plain(server: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            near.set_nodelay(true).unwrap();
            let server = server.clone();
            tokio::spawn(async move {
                let mut far = TcpStream::connect(server).await.unwrap();
                far.set_nodelay(true).unwrap();
                let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    address
}

/// User and system time of this process.
fn processor() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

fn resident() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 4096.0 / f64::from(1 << 20)
}

async fn ask(other: &Arc<Other>, request: String) -> f64 {
    let other = other.clone();
    tokio::task::spawn_blocking(move || other.number(&request)).await.unwrap()
}

async fn transfer(other: &Arc<Other>, name: &str, address: &str, what: &str, megabytes: u64) -> f64 {
    let before = processor();
    let seconds = ask(other, format!("{what} {address} {}", megabytes * MB)).await;
    let cost = (processor() - before) * 1000.0 / megabytes as f64;
    let speed = megabytes as f64 / seconds;
    println!("{name:<44} {speed:>8.1} MB/s   {cost:>6.2} ms of processor time per MB");
    speed
}

/// What a further session costs, before anything else has grown the heap.
async fn memory(other: &Arc<Other>) {
    const FURTHER: usize = 16;
    let (one, address) = open(other, "unpaced", 1).await;
    ask(other, format!("downloads 1 {address} 200000")).await;
    let before = resident();
    let (more, address) = open(other, "unpaced", FURTHER).await;
    ask(other, format!("downloads {FURTHER} {address} {}", 200_000 * FURTHER)).await;
    println!("{:<44} {:>8.2} MiB", "further session", (resident() - before) / FURTHER as f64);
    one.end();
    more.end();
}

async fn measure() {
    let other = Other::start();
    let server = other.ask("server");
    let copy = plain(server).await;
    memory(&other).await;
    let (forward, ours) = open(&other, "unpaced", 1).await;
    for what in ["upload", "download"] {
        let plain = transfer(&other, &format!("{what}, plain TCP copy"), &copy, what, 512).await;
        transfer(&other, &format!("{what}, warming up"), &ours, what, 8).await;
        let speed = transfer(&other, &format!("{what}, forward"), &ours, what, 64).await;
        let official = 0.78;
        println!(
            "{:<44} {:>8.3} of the plain copy, {:.0} times the official client",
            "",
            speed / plain,
            speed / official
        );
    }
    for (name, address) in [("ping-pong, plain TCP copy", &copy), ("ping-pong, forward", &ours)] {
        let micros = ask(&other, format!("pings {address} 3000")).await;
        println!("{name:<44} {:>8.3} ms", micros / 1000.0);
    }
    forward.end();
    let (one, address) = open(&other, "paced", 1).await;
    let single =
        transfer(&other, "download, 8 connections, agent paced, 1 lane", &address, "downloads 8", 4).await;
    let (eight, address) = open(&other, "paced", 8).await;
    let lanes =
        transfer(&other, "download, 8 connections, agent paced, 8 lanes", &address, "downloads 8", 32).await;
    println!("{:<44} {:>8.2} times one session", "", lanes / single);
    one.end();
    eight.end();
    let _ = other.ask("quit");
}

/// The other process.
async fn far_end() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    let unpaced = Far::start(Setup::forward(server.port())).await;
    let paced = Far::start(Setup { paced: true, ..Setup::forward(server.port()) }).await;
    let (sender, mut lines) = mpsc::channel(8);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines() {
            if sender.blocking_send(line.unwrap()).is_err() {
                return;
            }
        }
    });
    while let Some(line) = lines.recv().await {
        let words: Vec<&str> = line.split_whitespace().collect();
        let answer = match words[..] {
            ["server"] => server.to_string(),
            ["session", pace] => {
                let ticket = if pace == "paced" { &paced } else { &unpaced }.open_session().unwrap();
                format!("{} {}", ticket.session_id, ticket.stream_url)
            }
            ["upload", address, bytes] => upload(address, bytes.parse().unwrap()).await.to_string(),
            ["download", address, bytes] => download(address, bytes.parse().unwrap()).await.to_string(),
            ["downloads", count, address, bytes] => {
                let (count, bytes): (u64, u64) = (count.parse().unwrap(), bytes.parse().unwrap());
                let started = Instant::now();
                let all: Vec<_> = (0..count)
                    .map(|_| {
                        let address = address.to_owned();
                        tokio::spawn(async move { download(&address, bytes / count).await })
                    })
                    .collect();
                for one in all {
                    one.await.unwrap();
                }
                started.elapsed().as_secs_f64().to_string()
            }
            ["pings", address, count] => pings(address, count.parse().unwrap()).await.to_string(),
            _ => return,
        };
        println!("{answer}");
    }
}

async fn serve(mut stream: TcpStream) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let kind = stream.read_u8().await.ok()?;
    let mut left = stream.read_u64().await.ok()?;
    let mut block = vec![7; 64 * 1024];
    match kind {
        UP => {
            while left > 0 {
                left -= stream.read(&mut block).await.ok().filter(|count| *count > 0)? as u64;
            }
            stream.write_u8(1).await.ok()
        }
        DOWN => {
            while left > 0 {
                let count = left.min(block.len() as u64) as usize;
                stream.write_all(&block[..count]).await.ok()?;
                left -= count as u64;
            }
            stream.read_u8().await.ok().map(drop)
        }
        _ => loop {
            let byte = stream.read_u8().await.ok()?;
            stream.write_u8(byte).await.ok()?;
        },
    }
}

async fn connect(address: &str, kind: u8, bytes: u64) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut head = vec![kind];
    head.extend(bytes.to_be_bytes());
    stream.write_all(&head).await.unwrap();
    stream
}

async fn upload(address: &str, bytes: u64) -> f64 {
    let started = Instant::now();
    let mut stream = connect(address, UP, bytes).await;
    let block = vec![7; 64 * 1024];
    let mut left = bytes;
    while left > 0 {
        let count = left.min(block.len() as u64) as usize;
        stream.write_all(&block[..count]).await.unwrap();
        left -= count as u64;
    }
    stream.read_u8().await.unwrap();
    started.elapsed().as_secs_f64()
}

async fn download(address: &str, bytes: u64) -> f64 {
    let started = Instant::now();
    let mut stream = connect(address, DOWN, bytes).await;
    let mut block = vec![0; 64 * 1024];
    let mut left = bytes;
    while left > 0 {
        let count = stream.read(&mut block).await.unwrap() as u64;
        assert!(count > 0, "{left} bytes are missing");
        left -= count;
    }
    started.elapsed().as_secs_f64()
}

/// Median in microseconds.
async fn pings(address: &str, count: usize) -> f64 {
    let mut stream = connect(address, PING, 0).await;
    let mut samples: Vec<Duration> = Vec::new();
    for _ in 0..count {
        let started = Instant::now();
        stream.write_u8(b'\n').await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), b'\n');
        samples.push(started.elapsed());
    }
    samples.sort();
    samples[count / 2].as_secs_f64() * 1e6
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if std::env::args().any(|word| word == "--far") {
        runtime.block_on(far_end());
    } else {
        runtime.block_on(measure());
    }
    runtime.shutdown_background();
}
