//! Port sessions (`plugins/port`): where they lead, and which of the two kinds they are.
//!
//! | part | job |
//! | --- | --- |
//! | `basic` | one connection at a time |
//! | `mux` | many connections in one session |

mod basic;
mod mux;

use std::{collections::BTreeMap, io, net::IpAddr, sync::Arc};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

use super::{
    handler::{End, Handler},
    ssh::{self, SshKeys},
    version,
};

/// The type of sessions that carry a user's local connections; those without one are for SSH.
const LOCAL_FORWARDING: &str = "LocalPortForwarding";
/// Where SSH listens, on a node that is played.
const SSH: &str = "22";
/// Addresses that the official agent forwards nothing to (`DefaultDeniedPortForwardingRemoteIPs`). Those of its own
/// network it finds out by asking EC2, which a node that is played does not.
const FORBIDDEN: [&str; 9] = [
    "169.254.169.254",
    "fd00:ec2::254",
    "169.254.169.253",
    "fd00:ec2::253",
    "169.254.169.123",
    "fd00:ec2::123",
    "169.254.169.250",
    "169.254.169.251",
    "fd00:ec2::240",
];

/// What a port session needs besides its properties.
pub(super) struct Circumstances {
    pub(super) session_id: String,
    pub(super) target: String,
    pub(super) agent_version: String,
    pub(super) client_version: String,
    pub(super) unpaced: bool,
    pub(super) ssh: Arc<SshKeys>,
}

/// Where a session leads.
#[derive(Clone)]
struct Destination {
    port: String,
    /// Of the remote host, in the resolver's order; `None`: this machine itself.
    addresses: Option<Vec<IpAddr>>,
    /// The node's own SSH server, which is started for the session.
    sshd: Option<Sshd>,
}

#[derive(Clone)]
struct Sshd {
    keys: Arc<SshKeys>,
    session_id: String,
    target: String,
}

/// A connection of any kind.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Starts a port session.
pub(super) async fn start(
    properties: BTreeMap<String, String>,
    around: Circumstances,
) -> Result<Handler, End> {
    let property = |name: &str| properties.get(name).map(String::as_str).unwrap_or_default();
    let port = property("portNumber");
    if port.is_empty() {
        let words = format!("Port number is empty in session properties. {}", go_map(&properties));
        return Err(End::failed(words));
    }
    let addresses = match property("host") {
        "" => None,
        host => Some(resolve(host).await.map_err(End::failed)?),
    };
    let local = property("type") == LOCAL_FORWARDING;
    let sshd = (!local && port == SSH && addresses.is_none()).then(|| Sshd {
        keys: around.ssh,
        session_id: around.session_id,
        target: around.target,
    });
    let destination = Destination { port: port.to_owned(), addresses, sshd };
    let knows_terminate = version::knows_terminate(&around.agent_version);
    if local && version::multiplexes(&around.agent_version, &around.client_version) {
        let keeps_alive = version::keeps_alive(&around.agent_version, &around.client_version);
        return Ok(mux::start(destination, around.unpaced, keeps_alive));
    }
    basic::start(destination, basic::Kind { local, knows_terminate }, around.unpaced).await
}

/// As Go prints a map.
fn go_map(properties: &BTreeMap<String, String>) -> String {
    let pairs: Vec<String> = properties.iter().map(|(name, value)| format!("{name}:{value}")).collect();
    format!("map[{}]", pairs.join(" "))
}

/// The addresses of a remote host; the error is words for the user.
async fn resolve(host: &str) -> Result<Vec<IpAddr>, String> {
    let found = tokio::net::lookup_host((host, 0)).await;
    let mut addresses: Vec<IpAddr> = Vec::new();
    for address in found.into_iter().flatten().map(|address| address.ip()) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() {
        return Err(no_such_host(host, &std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default()));
    }
    let forbidden = |address: &IpAddr| {
        FORBIDDEN
            .iter()
            .any(|name| name.parse().is_ok_and(|forbidden: IpAddr| forbidden == address.to_canonical()))
    };
    if addresses.iter().any(forbidden) {
        return Err(format!("Forwarding to IP address {host} is forbidden."));
    }
    Ok(addresses)
}

/// As Go's resolver says it, which names the server that it asked.
fn no_such_host(host: &str, resolv_conf: &str) -> String {
    let server = resolv_conf.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        (words.next() == Some("nameserver")).then(|| words.next()).flatten()
    });
    match server {
        Some(server) if server.contains(':') => format!("lookup {host} on [{server}]:53: no such host"),
        Some(server) => format!("lookup {host} on {server}:53: no such host"),
        None => format!("lookup {host}: no such host"),
    }
}

impl Destination {
    /// A new connection; of several addresses the first that answers, else the error of the first.
    async fn dial(&self) -> io::Result<Box<dyn Stream>> {
        if let Some(Sshd { keys, session_id, target }) = &self.sshd {
            return Ok(Box::new(ssh::serve(keys, session_id, target).await?));
        }
        let port: u16 = self.port.parse().map_err(|_| {
            io::Error::new(io::ErrorKind::InvalidInput, format!("unknown port tcp/{}", self.port))
        })?;
        let stream = match &self.addresses {
            None => TcpStream::connect(("localhost", port)).await?,
            Some(addresses) => {
                let mut first = None;
                let mut found = None;
                for address in addresses {
                    match TcpStream::connect((*address, port)).await {
                        Ok(stream) => {
                            found = Some(stream);
                            break;
                        }
                        Err(error) => {
                            first.get_or_insert(error);
                        }
                    }
                }
                match (found, first) {
                    (Some(stream), _) => stream,
                    (None, Some(error)) => return Err(error),
                    (None, None) => return Err(io::Error::other("missing address")),
                }
            }
        };
        stream.set_nodelay(true)?;
        Ok(Box::new(stream))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_host_is_told_as_the_official_agent_tells_it() {
        let words = |conf| no_such_host("db.internal", conf);
        assert_eq!(words("# x\nnameserver 10.0.0.2\n"), "lookup db.internal on 10.0.0.2:53: no such host");
        assert_eq!(words("nameserver fd00::2"), "lookup db.internal on [fd00::2]:53: no such host");
        assert_eq!(words(""), "lookup db.internal: no such host");
    }

    #[tokio::test]
    async fn addresses_that_give_keys_away_are_forbidden() {
        for host in ["169.254.169.254", "fd00:ec2::254", "::ffff:169.254.169.253"] {
            let words = resolve(host).await.unwrap_err();
            assert_eq!(words, format!("Forwarding to IP address {host} is forbidden."));
        }
        assert_eq!(resolve("127.0.0.1").await.unwrap(), ["127.0.0.1".parse::<IpAddr>().unwrap()]);
    }

    #[test]
    fn properties_are_printed_as_go_prints_them() {
        let properties = [("type", "LocalPortForwarding"), ("portNumber", "")];
        let properties = properties.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        assert_eq!(go_map(&properties), "map[portNumber: type:LocalPortForwarding]");
    }
}
