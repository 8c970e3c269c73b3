//! Whether a host can be reached, and how far a connection comes: its name, the connection (by a proxy where there is one),
//! TLS, an answer. The last is asked for by the upgrade that a session begins with: whatever answers it, answers.

use std::{fmt, time::Duration};

use tokio::time::timeout;
use tokio_tungstenite::{
    client_async_tls,
    tungstenite::{self, client::IntoClientRequest},
};

use super::dial::address;
use crate::session::{
    proxy::Proxy,
    tunnel::{self, NoWay},
};

/// For TLS and the answer.
const LIMIT: Duration = Duration::from_secs(5);

/// How far a connection came; the text is the system's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broken {
    /// There is no connection.
    Way(NoWay),
    /// Its certificate is not trusted, or it speaks no TLS.
    Tls(String),
    /// It took the connection and says nothing that makes sense.
    Answer(String),
}

impl Broken {
    /// What mends it.
    pub fn fix(&self) -> &'static str {
        match self {
            Self::Way(NoWay::Name(_)) => {
                "check the network, the VPN and the resolver, and that the region's name is right"
            }
            Self::Way(NoWay::Connection(_)) => {
                "a firewall or the VPN is in the way: that host and port must be let out"
            }
            Self::Way(NoWay::Proxy { .. }) => {
                "check HTTPS_PROXY, and whether the proxy lets that host through; NO_PROXY leaves hosts out"
            }
            Self::Tls(_) => {
                "something reads TLS on the way: put its authority into the system's trust store, or name the file by SSL_CERT_FILE"
            }
            Self::Answer(_) => "something other than AWS answers there: check proxies and AWS_ENDPOINT_URL",
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Way(no_way) => write!(f, "{no_way}"),
            Self::Tls(why) => write!(f, "no TLS ({why})"),
            Self::Answer(why) => write!(f, "no answer that makes sense ({why})"),
        }
    }
}

/// Tries to reach the host of a URL, by this proxy if there is one.
///
/// # Errors
/// The step that failed.
pub async fn probe(url: &str, proxy: Option<&Proxy>) -> Result<(), Broken> {
    let (host, port) =
        address(url).ok_or_else(|| Broken::Way(NoWay::Name("no URL of http or https".to_owned())))?;
    let stream = tunnel::connect(&host, port, proxy).await.map_err(Broken::Way)?;
    let socket = url.replacen("http", "ws", 1);
    let request = socket.into_client_request().map_err(|error| Broken::Answer(error.to_string()))?;
    match timeout(LIMIT, client_async_tls(request, stream)).await {
        Err(_) => Err(Broken::Answer(format!("nothing within {} s", LIMIT.as_secs()))),
        // AWS refuses an upgrade that is none; that it does so is the proof.
        Ok(Ok(_) | Err(tungstenite::Error::Http(_))) => Ok(()),
        Ok(Err(tungstenite::Error::Tls(error))) => Err(Broken::Tls(error.to_string())),
        // rustls tells of certificates by errors of reading and writing.
        Ok(Err(tungstenite::Error::Io(error))) if url.starts_with("https") => {
            Err(Broken::Tls(error.to_string()))
        }
        Ok(Err(error)) => Err(Broken::Answer(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;
    use crate::session::proxy::Proxies;

    /// A server that answers the first bytes of every connection with this.
    async fn server(answer: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut first = [0; 1024];
                    let _ = stream.read(&mut first).await;
                    let _ = stream.write_all(answer.as_bytes()).await;
                });
            }
        });
        address.to_string()
    }

    const REFUSED: &str = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";

    #[tokio::test]
    async fn whoever_refuses_the_upgrade_answers() {
        assert_eq!(probe(&format!("http://{}", server(REFUSED).await), None).await, Ok(()));
        let nonsense = probe(&format!("http://{}", server("220 hello\r\n").await), None).await;
        assert!(matches!(nonsense, Err(Broken::Answer(_))), "{nonsense:?}");
    }

    #[tokio::test]
    async fn each_step_that_fails_is_told_apart() {
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let refused = probe(&format!("http://{closed}"), None).await;
        assert!(matches!(refused, Err(Broken::Way(NoWay::Connection(_)))), "{refused:?}");
        let nowhere = probe("https://nothing.invalid", None).await;
        assert!(matches!(nowhere, Err(Broken::Way(NoWay::Name(_)))), "{nowhere:?}");
        let plain = probe(&format!("https://{}", server(REFUSED).await), None).await;
        assert!(matches!(plain, Err(Broken::Tls(_))), "{plain:?}");
    }

    fn proxy(at: &str) -> Proxy {
        let proxies = Proxies::read(|name| (name == "ALL_PROXY").then(|| at.to_owned()));
        proxies.of("http", "a.example").unwrap().clone()
    }

    #[tokio::test]
    async fn a_proxy_is_asked_first_and_its_refusal_is_told() {
        let refuses = server("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await;
        let through = proxy(&format!("http://me:x@{refuses}"));
        let told = probe("https://ssm.eu-west-1.amazonaws.com", Some(&through)).await;
        let Err(Broken::Way(NoWay::Proxy { why, status: Some(407) })) = told else { panic!("{told:?}") };
        assert!(why.contains("refuses the login") && !why.contains("me:x"), "{why}");
        let passes = server(
            "HTTP/1.1 200 Connection established\r\n\r\nHTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
        )
        .await;
        assert_eq!(
            probe("http://far.invalid", Some(&proxy(&passes))).await,
            Ok(()),
            "the far side needs no name here"
        );
    }
}
