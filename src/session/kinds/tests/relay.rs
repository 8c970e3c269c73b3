//! One stream over one session: both directions are drained.

use std::sync::Arc;

use serde_json::json;
use tokio::{io::duplex, time::timeout};

use super::{
    far::{Far, Region, Setup},
    *,
};
use crate::session::{
    self, End, Flag, Options, Size,
    kinds::relay::{self, Outcome},
};

struct Stage {
    far: Arc<Far>,
    running: tokio::task::JoinHandle<Outcome>,
    stream: tokio::io::DuplexStream,
}

impl Stage {
    async fn start(port: u16) -> Self {
        let setup = Setup { properties: json!({"portNumber": port.to_string()}), ..Setup::forward(port) };
        let far = Far::start(setup).await;
        let options = Options { size: Size { cols: 80, rows: 24 }, target: "i-0".to_owned() };
        let region = Arc::new(Region(far.clone()));
        let (commands, events) = session::open(far.open_session().unwrap(), region, options);
        let (stream, near) = duplex(64 * 1024);
        let (reader, writer) = tokio::io::split(near);
        let running = tokio::spawn(relay::run(commands, events, reader, writer));
        Self { far, running, stream }
    }

    async fn outcome(self) -> (Outcome, Arc<Far>) {
        (timeout(HANG, self.running).await.unwrap().unwrap(), self.far)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_before_the_end_of_input_arrives_and_the_answer_comes_back() {
    let port = server(|mut stream| async move {
        let mut got = vec![0; 2_000_000];
        stream.read_exact(&mut got).await.unwrap();
        stream.write_all(if got == pattern(2_000_000) { b"equal" } else { b"other" }).await.unwrap();
    })
    .await;
    let mut stage = Stage::start(port).await;
    let sent = async {
        stage.stream.write_all(&pattern(2_000_000)).await.unwrap();
        stage.stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        stage.stream.read_to_end(&mut answer).await.unwrap();
        answer
    };
    assert_eq!(timeout(HANG, sent).await.unwrap(), b"equal");
    let (outcome, _) = stage.outcome().await;
    let end = End::Closed { output: String::new() };
    assert_eq!(outcome, Outcome { end, sent: 2_000_000, received: 5, port: Some(port.to_string()) });
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_the_far_side_sent_is_written_before_its_end() {
    let port = server(|mut stream| async move {
        stream.write_all(&pattern(1_000_000)).await.unwrap();
    })
    .await;
    let mut stage = Stage::start(port).await;
    let mut got = Vec::new();
    timeout(HANG, stage.stream.read_to_end(&mut got)).await.unwrap().unwrap();
    assert!(got == pattern(1_000_000));
    assert_eq!(stage.outcome().await.0.end, End::Closed { output: String::new() });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_loses_nothing() {
    let mut stage = Stage::start(echo().await).await;
    for round in 0..3 {
        let text = pattern(100_000 + round);
        let mut back = vec![0; text.len()];
        let (mut reader, mut writer) = tokio::io::split(&mut stage.stream);
        let far = stage.far.clone();
        let exchange = async {
            let half = text.len() / 2;
            tokio::join!(
                async {
                    writer.write_all(&text[..half]).await.unwrap();
                    far.cut();
                    writer.write_all(&text[half..]).await.unwrap();
                },
                async { reader.read_exact(&mut back).await.unwrap() }
            )
        };
        timeout(HANG, exchange).await.unwrap();
        assert!(back == text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stays_is_left_after_the_end_of_input() {
    let mut stage = Stage::start(echo().await).await;
    stage.stream.write_all(b"bye").await.unwrap();
    stage.stream.shutdown().await.unwrap();
    let mut back = Vec::new();
    timeout(HANG, stage.stream.read_to_end(&mut back)).await.unwrap().unwrap();
    assert_eq!(back, b"bye");
    let (outcome, far) = stage.outcome().await;
    assert_eq!(outcome.end, End::Terminated);
    assert_eq!(far.flags.lock().unwrap().last().map(|(_, flag)| *flag), Some(Flag::TerminateSession));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_where_nothing_listens_is_named() {
    let port = unused_port().await;
    let stage = Stage::start(port).await;
    let words = format!("nothing listens on port {port} of the instance");
    assert_eq!(stage.outcome().await.0.end, End::Closed { output: words });
}
