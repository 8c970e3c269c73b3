//! Forwards: connections, refusals, half-close, cuts, ends.

use std::sync::{Arc, atomic::Ordering};

use serde_json::json;
use tokio::{sync::mpsc, time::timeout};

use super::{
    far::{Far, Region, Setup},
    *,
};
use crate::session::{
    End, Flag, Retry, ServiceError,
    kinds::forward::{self, Forward, ForwardEvent, Listen, Mode, Outcome, Plan},
};

struct Stage {
    far: Arc<Far>,
    forward: Forward,
    events: mpsc::Receiver<ForwardEvent>,
    seen: Vec<ForwardEvent>,
    address: String,
}

fn any_port() -> Listen {
    Listen::Tcp { host: "127.0.0.1".to_owned(), port: 0 }
}

impl Stage {
    async fn start(setup: Setup, listen: Listen, lanes: usize) -> Self {
        let far = Far::start(setup).await;
        let mut stage = Self::over(far, listen, lanes);
        stage.until(|event| matches!(event, ForwardEvent::Listening { .. })).await;
        let Some(ForwardEvent::Listening { address }) = stage.seen.last() else { unreachable!() };
        stage.address = address.clone();
        stage
    }

    fn over(far: Arc<Far>, listen: Listen, lanes: usize) -> Self {
        let region = Arc::new(Region(far.clone()));
        let (forward, events) = forward::open(Plan { listen, lanes }, region.clone(), region);
        Self { far, forward, events, seen: Vec::new(), address: String::new() }
    }

    async fn to(port: u16) -> Self {
        Self::start(Setup::forward(port), any_port(), 1).await
    }

    async fn connect(&self) -> TcpStream {
        timeout(HANG, TcpStream::connect(&self.address)).await.unwrap().unwrap()
    }

    /// Takes events up to the one wanted.
    async fn until(&mut self, wanted: impl Fn(&ForwardEvent) -> bool) -> ForwardEvent {
        loop {
            match timeout(HANG, self.events.recv()).await {
                Ok(Some(event)) => self.seen.push(event),
                other => panic!("{other:?} after {:?}", self.seen),
            }
            if let Some(event) = self.seen.last().filter(|event| wanted(event)) {
                return event.clone();
            }
        }
    }

    async fn end(&mut self) -> End {
        let ForwardEvent::Ended(end) = self.until(|event| matches!(event, ForwardEvent::Ended(_))).await
        else {
            unreachable!()
        };
        assert_eq!(timeout(HANG, self.events.recv()).await.unwrap(), None, "Ended is the last event");
        end
    }

    fn flags(&self) -> Vec<Flag> {
        self.far.flags.lock().unwrap().iter().map(|(_, flag)| *flag).collect()
    }
}

async fn exchange(stream: &mut TcpStream, bytes: &[u8]) {
    let (mut reader, mut writer) = stream.split();
    let mut back = vec![0; bytes.len()];
    let (sent, read) =
        timeout(HANG, async { tokio::join!(writer.write_all(bytes), reader.read_exact(&mut back)) })
            .await
            .unwrap();
    sent.unwrap();
    read.unwrap();
    assert!(back == bytes, "what came back is not what was sent");
}

async fn get(stream: &mut TcpStream, count: usize) {
    stream.write_all(format!("GET {count}\n").as_bytes()).await.unwrap();
    let mut page = vec![0; count];
    timeout(HANG, stream.read_exact(&mut page)).await.expect("the page comes").unwrap();
    assert!(page == pattern(count), "the page is another one");
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_go_both_ways_and_the_ends_are_told() {
    let mut stage = Stage::to(echo().await).await;
    let mut first = stage.connect().await;
    exchange(&mut first, &pattern(100_000)).await;
    // One byte is what the official client corrupts.
    exchange(&mut first, b"\n").await;
    drop(first);
    let mut second = stage.connect().await;
    exchange(&mut second, b"hello").await;
    let server_closes =
        stage.until(|event| matches!(event, ForwardEvent::Accepted { connection: 2, .. })).await;
    assert!(
        matches!(server_closes, ForwardEvent::Accepted { lane: 0, ref peer, .. } if peer.starts_with("127."))
    );
    let lane = stage.seen.iter().find(|event| matches!(event, ForwardEvent::Lane { .. })).unwrap();
    assert!(
        matches!(lane, ForwardEvent::Lane { mode: Mode::Mux, agent_version: Some(version), .. } if version == "3.3.987.0")
    );
    stage.forward.end();
    assert_eq!(stage.end().await, End::Terminated);
    let totals = stage.seen.iter().rev().find_map(|event| match event {
        ForwardEvent::Traffic(traffic) => Some(*traffic),
        _ => None,
    });
    let totals = totals.unwrap();
    assert_eq!((totals.sent, totals.received, totals.accepted, totals.open), (100_006, 100_006, 2, 0));
    assert_eq!(stage.flags(), [Flag::TerminateSession], "the agent is told in its own way");
    assert!(TcpStream::connect(&stage.address).await.is_err(), "nothing listens any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_connection_is_reset_and_told_and_the_next_one_works() {
    let port = unused_port().await;
    let mut stage = Stage::to(port).await;
    // So fast, at times, that it is seen by who has hardly connected.
    let refused = async { TcpStream::connect(&stage.address).await?.read(&mut [0; 10]).await };
    let refused = timeout(HANG, refused).await.unwrap();
    assert_eq!(refused.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    let event = stage.until(|event| matches!(event, ForwardEvent::Refused { .. })).await;
    let why = format!("nothing listens on port {port} of the instance");
    assert_eq!(event, ForwardEvent::Refused { connection: 1, why });
    // The session goes on.
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let mut works = stage.connect().await;
    works.write_all(b"now").await.unwrap();
    let (mut server, _) = timeout(HANG, listener.accept()).await.unwrap().unwrap();
    let mut got = [0; 3];
    server.read_exact(&mut got).await.unwrap();
    assert_eq!(&got, b"now");
    drop(server);
    assert_eq!(timeout(HANG, works.read(&mut [0; 10])).await.unwrap().unwrap(), 0, "the end comes in order");
    let closed = stage.until(|event| matches!(event, ForwardEvent::Closed { connection: 2, .. })).await;
    assert_eq!(
        closed,
        ForwardEvent::Closed { connection: 2, sent: 3, received: 0, outcome: Outcome::Finished }
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_closed_program_gets_its_reply() {
    // Replies late, long after the request's end.
    let port = server(|mut stream| async move {
        let mut request = [0; 7];
        stream.read_exact(&mut request).await.unwrap();
        tokio::task::yield_now().await;
        stream.write_all(&pattern(50_000)).await.unwrap();
    })
    .await;
    let stage = Stage::to(port).await;
    let mut stream = stage.connect().await;
    stream.write_all(b"request").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut reply = Vec::new();
    timeout(HANG, stream.read_to_end(&mut reply)).await.unwrap().unwrap();
    assert!(reply == pattern(50_000));
}

/// Servers that wait for their client for ever learn that it is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_leaves_after_a_half_close_is_told_to_the_far_side() {
    let (ended, mut ends) = mpsc::channel(4);
    let port = server(move |mut stream| {
        let ended = ended.clone();
        async move {
            let _ = stream.read_to_end(&mut Vec::new()).await;
            ended.send(()).await.unwrap();
            // Says nothing itself.
            std::future::pending::<()>().await;
        }
    })
    .await;
    let mut stage = Stage::to(port).await;
    let mut stream = stage.connect().await;
    stream.shutdown().await.unwrap();
    stream.set_zero_linger().unwrap();
    let accepted = |event: &ForwardEvent| matches!(event, ForwardEvent::Accepted { .. });
    stage.until(accepted).await;
    drop(stream);
    let left = |event: &ForwardEvent| matches!(event, ForwardEvent::Closed { outcome: Outcome::Left, .. });
    stage.until(left).await;
    timeout(HANG, ends.recv()).await.unwrap().unwrap();

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let mut stage = Stage::start(Setup::forward(port), Listen::Unix(path.clone()), 1).await;
    let stream = tokio::net::UnixStream::connect(&path).await.unwrap();
    stage.until(accepted).await;
    drop(stream);
    stage.until(left).await;
    timeout(HANG, ends.recv()).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_c21_big_uploads_do_not_stall() {
    const SIZE: usize = 64 << 20;
    // Answers with what it got.
    let port = server(|mut stream| async move {
        let mut got = Vec::with_capacity(SIZE);
        (&mut stream).take(SIZE as u64).read_to_end(&mut got).await.unwrap();
        stream.write_all(if got == pattern(SIZE) { b"equal" } else { b"other" }).await.unwrap();
    })
    .await;
    let stage = Stage::to(port).await;
    let mut stream = stage.connect().await;
    let mut answer = [0; 5];
    timeout(HANG * 3, async {
        stream.write_all(&pattern(SIZE)).await.unwrap();
        stream.read_exact(&mut answer).await.unwrap();
    })
    .await
    .expect("the upload ends");
    assert_eq!(&answer, b"equal");
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_c22_one_page_that_nobody_reads_does_not_freeze_the_others() {
    let mut stage = Stage::to(pages().await).await;
    let mut unread = stage.connect().await;
    unread.write_all(b"GET 20000000\n").await.unwrap();
    let mut others = Vec::new();
    for _ in 0..8 {
        others.push(stage.connect().await);
    }
    // At the same time, several times each.
    let work = others.into_iter().map(|mut stream| {
        tokio::spawn(async move {
            for round in 1..5 {
                get(&mut stream, round * 10_000).await;
            }
        })
    });
    for done in work.collect::<Vec<_>>() {
        done.await.unwrap();
    }
    // It is all still there.
    let mut page = vec![0; 20_000_000];
    timeout(HANG, unread.read_exact(&mut page)).await.unwrap().unwrap();
    assert!(page == pattern(20_000_000));
    stage.forward.end();
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_connections_at_once() {
    let stage = Stage::to(echo().await).await;
    let streams = (0..200).map(|number: u32| {
        let address = stage.address.clone();
        tokio::spawn(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let text = pattern(3_000 + number as usize);
            exchange(&mut stream, &text).await;
            stream
        })
    });
    let mut open = Vec::new();
    for stream in streams.collect::<Vec<_>>() {
        open.push(stream.await.unwrap());
    }
    for stream in &mut open {
        exchange(stream, b"still here").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_in_mid_transfer_loses_nothing() {
    let mut stage = Stage::to(echo().await).await;
    let mut stream = stage.connect().await;
    let text = pattern(3_000_000);
    let (mut reader, mut writer) = stream.split();
    let mut back = vec![0; text.len()];
    let far = stage.far.clone();
    let transfer = async {
        tokio::join!(async { writer.write_all(&text).await.unwrap() }, async {
            for piece in back.chunks_mut(750_000) {
                reader.read_exact(piece).await.unwrap();
                far.cut();
            }
        })
    };
    timeout(HANG, transfer).await.unwrap();
    assert!(back == text);
    let resumed = stage.until(|event| matches!(event, ForwardEvent::Resumed { .. })).await;
    assert!(matches!(resumed, ForwardEvent::Resumed { lane: 0, .. }));
    assert_eq!(stage.far.starts.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_c26_a_forward_comes_back_after_its_session_ended_while_away() {
    let mut stage = Stage::to(echo().await).await;
    let mut old = stage.connect().await;
    exchange(&mut old, b"before").await;
    stage.far.gone.store(true, Ordering::SeqCst);
    // The way back takes two attempts.
    stage
        .far
        .start_errors
        .lock()
        .unwrap()
        .push(ServiceError { summary: "no network".to_owned(), retry: Retry::Later });
    stage.far.cut();
    let restarted = stage.until(|event| matches!(event, ForwardEvent::Restarted { .. })).await;
    assert!(matches!(restarted, ForwardEvent::Restarted { lane: 0, ref id } if id.as_str() == "alice-0001"));
    let lost = |event: &&ForwardEvent| {
        matches!(event, ForwardEvent::Closed { connection: 1, outcome: Outcome::Lost, .. })
    };
    assert!(stage.seen.iter().any(|event| lost(&event)), "{:?}", stage.seen);
    let read = timeout(HANG, old.read(&mut [0; 10])).await.unwrap();
    assert_eq!(read.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset, "no ordinary end");
    let causes: Vec<_> = stage
        .seen
        .iter()
        .filter_map(|event| match event {
            ForwardEvent::Reconnecting { cause, .. } => Some(cause.as_str()),
            _ => None,
        })
        .collect();
    assert!(causes.contains(&"no network"), "{causes:?}");
    exchange(&mut stage.connect().await, b"after").await;
    stage.forward.end();
    assert_eq!(stage.end().await, End::Terminated);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_end_is_followed_by_a_new_session_when_somebody_comes() {
    let mut stage = Stage::to(echo().await).await;
    stage.far.close("Session ended after 20 minutes of inactivity").await;
    stage.until(|event| matches!(event, ForwardEvent::Notice(words) if words.contains("idle"))).await;
    assert_eq!(stage.far.starts.load(Ordering::SeqCst), 1, "nobody wants it yet");
    exchange(&mut stage.connect().await, b"back").await;
    assert_eq!(stage.far.starts.load(Ordering::SeqCst), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_by_the_far_side_ends_the_forward_with_its_words() {
    let mut stage = Stage::to(echo().await).await;
    let words = "lookup nowhere.internal on 10.0.0.2:53: no such host";
    stage.far.close(words).await;
    assert_eq!(stage.end().await, End::Closed { output: words.to_owned() });
    assert!(TcpStream::connect(&stage.address).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_c27_nothing_stays_open_when_the_handle_is_gone() {
    let mut stage = Stage::to(echo().await).await;
    let mut stream = stage.connect().await;
    exchange(&mut stream, b"hello").await;
    let Stage { forward, events, far, .. } = &mut stage;
    let last = std::mem::replace(forward, {
        let region = Arc::new(Region(far.clone()));
        let plan = Plan { listen: any_port(), lanes: 1 };
        far.start_errors.lock().unwrap().push(ServiceError { summary: "no".to_owned(), retry: Retry::Never });
        forward::open(plan, region.clone(), region).0
    });
    drop(last);
    let ended = async { while !matches!(events.recv().await, Some(ForwardEvent::Ended(End::Terminated))) {} };
    timeout(HANG, ended).await.unwrap();
    assert!(timeout(HANG, stream.read(&mut [0; 10])).await.unwrap().is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_go_to_the_lane_with_the_fewest_and_all_lanes_end() {
    let mut stage = Stage::start(Setup::forward(echo().await), any_port(), 3).await;
    let mut streams = Vec::new();
    for _ in 0..6 {
        let mut stream = stage.connect().await;
        exchange(&mut stream, b"hello").await;
        streams.push(stream);
    }
    stage.until(|event| matches!(event, ForwardEvent::Accepted { connection: 6, .. })).await;
    let mut loads = [0; 3];
    for event in &stage.seen {
        if let ForwardEvent::Accepted { lane, .. } = event {
            loads[*lane] += 1;
        }
    }
    assert_eq!(loads, [2, 2, 2]);
    stage.forward.end();
    assert_eq!(stage.end().await, End::Terminated);
    assert_eq!(stage.flags(), [Flag::TerminateSession; 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn old_agents_carry_one_connection_after_the_other() {
    // Greets first; then echoes.
    let port = server(|mut stream| async move {
        let _ = stream.write_all(b"220 ready\r\n").await;
        let (mut reader, mut writer) = stream.split();
        let _ = tokio::io::copy(&mut reader, &mut writer).await;
    })
    .await;
    let setup = Setup { agent_version: "2.3.760.0".to_owned(), ..Setup::forward(port) };
    let mut stage = Stage::start(setup, any_port(), 1).await;
    for round in 0..3 {
        let mut stream = stage.connect().await;
        let mut greeting = [0; 11];
        if round > 0 {
            // Only now the agent connects.
            stream.write_all(b"x").await.unwrap();
        }
        timeout(HANG, stream.read_exact(&mut greeting)).await.unwrap().unwrap();
        assert_eq!(&greeting, b"220 ready\r\n", "round {round}");
        if round > 0 {
            assert_eq!(timeout(HANG, stream.read_u8()).await.unwrap().unwrap(), b'x');
        }
        exchange(&mut stream, &pattern(20_000)).await;
    }
    let lane = stage.seen.iter().find(|event| matches!(event, ForwardEvent::Lane { .. })).unwrap();
    assert!(matches!(lane, ForwardEvent::Lane { mode: Mode::Basic, .. }));
    stage.forward.end();
    assert_eq!(stage.end().await, End::Terminated);
    let flags = stage.flags();
    assert!(flags.starts_with(&[Flag::DisconnectToPort, Flag::DisconnectToPort]), "{flags:?}");
    assert_eq!(flags.last(), Some(&Flag::TerminateSession));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_agents_are_ended_by_the_service() {
    let setup = Setup { agent_version: "2.3.700.0".to_owned(), ..Setup::forward(echo().await) };
    let mut stage = Stage::start(setup, any_port(), 1).await;
    stage.forward.end();
    assert_eq!(stage.end().await, End::Terminated);
    assert_eq!(stage.flags(), []);
    assert_eq!(*stage.far.terminated.lock().unwrap(), ["alice-0000"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_basic_session_whose_server_is_gone_ends_with_words_that_help() {
    let port = unused_port().await;
    let setup = Setup { agent_version: "2.3.760.0".to_owned(), ..Setup::forward(port) };
    let mut stage = Stage::over(Far::start(setup).await, any_port(), 1);
    let words = format!("nothing listens on port {port} of the instance");
    assert_eq!(stage.end().await, End::Closed { output: words });
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_says_where_to_listen() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("forward.sock");
    let mut setup = Setup::forward(echo().await);
    setup.properties["localConnectionType"] = json!("unix");
    setup.properties["localUnixSocket"] = json!(path.to_str().unwrap());
    let mut stage = Stage::start(setup.clone(), Listen::Document { host: "localhost".to_owned() }, 1).await;
    assert_eq!(stage.address, path.to_str().unwrap());
    let mut stream = tokio::net::UnixStream::connect(&path).await.unwrap();
    stream.write_all(b"over a file").await.unwrap();
    let mut back = [0; 11];
    timeout(HANG, stream.read_exact(&mut back)).await.unwrap().unwrap();
    assert_eq!(&back, b"over a file");
    stage.forward.end();
    stage.end().await;
    assert!(!path.exists());

    let port = unused_port().await;
    setup.properties["localConnectionType"] = json!("");
    setup.properties["localPortNumber"] = json!(port.to_string());
    let stage = Stage::start(setup, Listen::Document { host: "127.0.0.1".to_owned() }, 1).await;
    assert_eq!(stage.address, format!("127.0.0.1:{port}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_is_said_before_a_session_is_started() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let listen = Listen::Tcp { host: "127.0.0.1".to_owned(), port };
    let mut stage = Stage::over(Far::start(Setup::forward(1)).await, listen, 1);
    assert!(matches!(stage.end().await, End::Refused(why) if why.contains("in use")));
    assert_eq!(stage.far.starts.load(Ordering::SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_start_ends_the_forward() {
    let far = Far::start(Setup::forward(1)).await;
    far.start_errors.lock().unwrap().push(ServiceError { summary: "denied".to_owned(), retry: Retry::Never });
    let mut stage = Stage::over(far, any_port(), 1);
    assert_eq!(stage.end().await, End::Refused("denied".to_owned()));
}
