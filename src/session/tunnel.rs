//! A connection to a host: by its addresses, or through a proxy that is asked to pass it on (HTTP CONNECT). What is spoken on it
//! is not known here.

use std::{fmt, io, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::proxy::Proxy;

/// For each step.
const LIMIT: Duration = Duration::from_secs(5);
/// For a proxy's answer, which has its own way to go.
const PROXY_LIMIT: Duration = Duration::from_secs(10);
/// A proxy says no in fewer bytes.
const PROXY_ANSWER: usize = 4096;

/// Why there is no connection; the text is the system's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoWay {
    /// The name has no address.
    Name(String),
    /// Nobody takes the connection.
    Connection(String),
    /// The proxy cannot be reached, or does not pass it on.
    Proxy {
        /// In words.
        why: String,
        /// The HTTP status that it answered, if it did.
        status: Option<u16>,
    },
}

impl fmt::Display for NoWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(why) => write!(f, "the name cannot be resolved ({why})"),
            Self::Connection(why) => write!(f, "no connection ({why})"),
            Self::Proxy { why, .. } => write!(f, "the proxy does not pass it on ({why})"),
        }
    }
}

impl std::error::Error for NoWay {}

/// Connects to a host, by this proxy if there is one; `host` as in a URL.
///
/// # Errors
/// The step that failed.
pub async fn connect(host: &str, port: u16, proxy: Option<&Proxy>) -> Result<TcpStream, NoWay> {
    match proxy {
        None => dial(host, port).await,
        Some(proxy) => tunnel(proxy, host, port).await.map_err(|(why, status)| NoWay::Proxy { why, status }),
    }
}

async fn dial(host: &str, port: u16) -> Result<TcpStream, NoWay> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let slow = |what: &str| format!("{what} within {} s", LIMIT.as_secs());
    let mut addresses = match timeout(LIMIT, tokio::net::lookup_host((bare, port))).await {
        Err(_) => return Err(NoWay::Name(slow("no answer"))),
        Ok(Err(error)) => return Err(NoWay::Name(error.to_string())),
        Ok(Ok(addresses)) => addresses.peekable(),
    };
    if addresses.peek().is_none() {
        return Err(NoWay::Name("it has no address".to_owned()));
    }
    let mut last = String::new();
    for address in addresses {
        match timeout(LIMIT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // A key that is typed is worth a packet.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "small packets wait for each other");
                }
                return Ok(stream);
            }
            Ok(Err(error)) => last = error.to_string(),
            Err(_) => last = slow("nothing answers"),
        }
    }
    Err(NoWay::Connection(last))
}

async fn tunnel(proxy: &Proxy, host: &str, port: u16) -> Result<TcpStream, (String, Option<u16>)> {
    let (at, at_port) = proxy.address().ok_or_else(|| (format!("{proxy} is no proxy of http://"), None))?;
    let mut stream =
        dial(&at, at_port).await.map_err(|no_way| (format!("{at}:{at_port}: {no_way}"), None))?;
    let login =
        proxy.authorization().map(|login| format!("Proxy-Authorization: {login}\r\n")).unwrap_or_default();
    let ask = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n{login}\r\n");
    let answer = async {
        stream.write_all(ask.as_bytes()).await?;
        // A byte at a time: what follows the answer belongs to the tunnel.
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") && answer.len() < PROXY_ANSWER {
            answer.push(stream.read_u8().await?);
        }
        Ok::<_, io::Error>(answer)
    };
    let answer = match timeout(PROXY_LIMIT, answer).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => return Err((error.to_string(), None)),
        Err(_) => return Err((format!("no answer within {} s", PROXY_LIMIT.as_secs()), None)),
    };
    let text = String::from_utf8_lossy(&answer);
    let line: String = text.lines().next().unwrap_or_default().chars().take(100).collect();
    match line.split_whitespace().nth(1).and_then(|status| status.parse().ok()) {
        Some(200..=299) => Ok(stream),
        Some(status @ 407) => {
            let why = if login.is_empty() { "it asks for a login" } else { "it refuses the login" };
            Err((
                format!("{why}, which stands in its URL: http://USER:PASSWORD@{at}:{at_port}"),
                Some(status),
            ))
        }
        status => Err((format!("it answers `{line}`"), status)),
    }
}
