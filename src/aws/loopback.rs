//! For tests: a service on loopback that answers as it is told, and remembers what it was asked.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

/// One call.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) path: String,
    pub(super) body: String,
}

/// Status, headers beside the length, body.
pub(super) type Answer = (u16, &'static str, String);

pub(super) struct Loopback {
    pub(super) endpoint: String,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Loopback {
    /// Answers each call by what `answer` makes of it and of the number of those before.
    pub(super) async fn start(answer: impl Fn(&Call, usize) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let calls = Arc::<Mutex<Vec<Call>>>::default();
        let (answer, told) = (Arc::new(answer), Arc::clone(&calls));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&answer), Arc::clone(&told)));
            }
        });
        Self { endpoint, calls }
    }

    pub(super) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }
}

async fn serve(
    stream: TcpStream,
    answer: Arc<impl Fn(&Call, usize) -> Answer>,
    calls: Arc<Mutex<Vec<Call>>>,
) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let path = line.split(' ').nth(1)?.to_owned();
        let mut length = 0;
        loop {
            let mut header = String::new();
            stream.read_line(&mut header).await.ok()?;
            let header = header.trim_end().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.ok()?;
        let call = Call { path, body: String::from_utf8_lossy(&body).into_owned() };
        let before = calls.lock().unwrap().len();
        calls.lock().unwrap().push(call.clone());
        let (status, headers, body) = answer(&call, before);
        let text = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len());
        stream.get_mut().write_all(text.as_bytes()).await.ok()?;
    }
}
