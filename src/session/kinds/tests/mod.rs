//! Forwards and relays over real sockets, against a far end with books of its own.

mod far;
mod forward;
mod relay;

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Ends a test that hangs; nothing is measured by it.
const HANG: Duration = Duration::from_secs(60);

/// A server: what it does with each connection.
async fn server<F: Future<Output = ()> + Send + 'static>(
    serve: impl Fn(TcpStream) -> F + Send + 'static,
) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    port
}

/// A server that sends back what it gets, and closes after its client.
async fn echo() -> u16 {
    server(|mut stream| async move {
        let (mut reader, mut writer) = stream.split();
        let _ = tokio::io::copy(&mut reader, &mut writer).await;
    })
    .await
}

/// A server that answers a line "GET n" with n bytes and closes on "END".
async fn pages() -> u16 {
    server(|mut stream| async move {
        let mut line = Vec::new();
        loop {
            match stream.read_u8().await {
                Ok(b'\n') => {}
                Ok(byte) => {
                    line.push(byte);
                    continue;
                }
                Err(_) => return,
            }
            let text = String::from_utf8(std::mem::take(&mut line)).unwrap();
            let Some(count) = text.strip_prefix("GET ") else { return };
            if stream.write_all(&pattern(count.parse().unwrap())).await.is_err() {
                return;
            }
        }
    })
    .await
}

/// Bytes that show when one is missing, twice or elsewhere.
fn pattern(count: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(count + 8);
    while bytes.len() < count {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(count);
    bytes
}

async fn unused_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}
