//! Opens the WebSocket of a data channel: dial, sign, upgrade, OpenDataChannel.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use futures_util::SinkExt;
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, client_async_tls_with_config,
    tungstenite::{self, Message, client::IntoClientRequest, protocol::WebSocketConfig},
};
use uuid::Uuid;

use crate::session::{
    channel::CLIENT_VERSION,
    message::OpenDataChannel,
    service::{Retry, Service, Ticket},
    tunnel::{self, NoWay},
};

pub(super) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// For everything from the first packet to the last of OpenDataChannel.
const DIAL_LIMIT: Duration = Duration::from_secs(15);
/// The official ends send at most some KiB in a message and read any size; this is what we would hold in memory.
const MESSAGE_LIMIT: usize = 16 << 20;
/// Above this a burst of messages is written before it is complete.
const WRITE_BUFFER: usize = 16 << 10;
/// Allocated for each connection.
const READ_BUFFER: usize = 32 << 10;

/// Why there is no socket.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum DialError {
    /// Trying again does not help.
    #[error("{0}")]
    Never(String),
    /// The service turned us down; a fresh ticket may help.
    #[error("{0}")]
    Rejected(String),
    /// The network, or a fault of the service.
    #[error("{0}")]
    Later(String),
}

/// Opens the socket; from then on both sides may send. The ticket is spent if this succeeds.
pub(super) async fn dial(service: Arc<dyn Service>, ticket: Ticket) -> Result<Socket, DialError> {
    timeout(DIAL_LIMIT, connect(&*service, &ticket))
        .await
        .unwrap_or_else(|_| Err(DialError::Later(format!("no answer within {} s", DIAL_LIMIT.as_secs()))))
}

async fn connect(service: &dyn Service, ticket: &Ticket) -> Result<Socket, DialError> {
    service.may_dial(&ticket.stream_url).map_err(DialError::Never)?;
    let mut request = ticket
        .stream_url
        .as_str()
        .into_client_request()
        // Not the error itself: it may quote the URL.
        .map_err(|_| DialError::Never("the service gave a stream URL that is none".to_owned()))?;
    let headers = service.sign_upgrade(&ticket.stream_url).await.map_err(|error| match error.retry {
        Retry::Later => DialError::Later(error.summary),
        Retry::Never => DialError::Never(error.summary),
    })?;
    request.headers_mut().extend(headers);

    let config = WebSocketConfig::default()
        .write_buffer_size(WRITE_BUFFER)
        .read_buffer_size(READ_BUFFER)
        .max_message_size(Some(MESSAGE_LIMIT))
        .max_frame_size(Some(MESSAGE_LIMIT));
    let stream = reach(service, request.uri()).await?;
    let (mut socket, _) =
        client_async_tls_with_config(request, stream, Some(config), None).await.map_err(explain)?;
    let open = OpenDataChannel::client(
        Uuid::new_v4(),
        ticket.token.expose().to_owned(),
        client_id(),
        CLIENT_VERSION,
    );
    let text = String::from_utf8_lossy(&open.encode()).into_owned();
    socket.send(Message::text(text)).await.map_err(explain)?;
    Ok(socket)
}

/// A connection to the host of a stream URL, by a proxy where calls go by one, too.
async fn reach(service: &dyn Service, url: &http::Uri) -> Result<TcpStream, DialError> {
    let scheme = url.scheme_str().unwrap_or_default();
    let host = url.host().ok_or_else(|| DialError::Never("the stream URL names no host".to_owned()))?;
    let port = url.port_u16().unwrap_or(if scheme == "wss" { 443 } else { 80 });
    let proxy = service.proxy(scheme, host);
    tunnel::connect(host, port, proxy.as_ref()).await.map_err(|no_way| match no_way {
        // As with the service: what a proxy refuses, it may refuse for good.
        NoWay::Proxy { status: Some(400..=499), .. } => DialError::Rejected(no_way.to_string()),
        _ => DialError::Later(no_way.to_string()),
    })
}

/// One for the whole process, the same on every socket of every session.
fn client_id() -> Uuid {
    static CLIENT_ID: OnceLock<Uuid> = OnceLock::new();
    *CLIENT_ID.get_or_init(Uuid::new_v4)
}

fn explain(error: tungstenite::Error) -> DialError {
    match error {
        tungstenite::Error::Http(response) => {
            let status = response.status();
            let body = response.body().as_deref().map(String::from_utf8_lossy).unwrap_or_default();
            let body: String = body.chars().filter(|c| !c.is_control()).take(200).collect();
            let words = match body.trim() {
                "" => format!("the service answered HTTP {status}"),
                body => format!("the service answered HTTP {status}: {body}"),
            };
            match status.as_u16() {
                429 | 500.. => DialError::Later(words),
                _ => DialError::Rejected(words),
            }
        }
        error => DialError::Later(describe(&error)),
    }
}

/// In words, without the URL.
pub(super) fn describe(error: &tungstenite::Error) -> String {
    match error {
        tungstenite::Error::Io(error) => error.to_string(),
        tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed => {
            "connection closed".to_owned()
        }
        tungstenite::Error::Protocol(error) => error.to_string(),
        tungstenite::Error::Tls(error) => format!("TLS: {error}"),
        tungstenite::Error::Url(_) => "the stream URL cannot be dialled".to_owned(),
        error => error.to_string(),
    }
}
