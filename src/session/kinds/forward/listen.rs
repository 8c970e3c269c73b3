//! Where local programs connect.

use std::{
    io,
    net::SocketAddr,
    os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use tokio::net::{TcpListener, UnixListener, UnixSocket, UnixStream, lookup_host};

use super::socket::Socket;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1024;
/// Ports that are tried until one is free in both families.
const TRIES: usize = 8;

/// An open listener. A Unix socket's file goes with it.
#[derive(Debug)]
pub(super) enum Listener {
    Tcp(Vec<TcpListener>),
    Unix(UnixListener, SocketFile),
}

/// The file of a Unix socket, removed when dropped, unless another one is in its place.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    inode: u64,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if std::fs::symlink_metadata(&self.path).is_ok_and(|found| found.ino() == self.inode) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl Listener {
    /// Listens on TCP. `localhost` is both families, if the machine has both; the error is words for the user.
    pub(super) async fn tcp(host: &str, port: u16) -> Result<Self, String> {
        let fail = |error: io::Error| match error.kind() {
            io::ErrorKind::AddrInUse => {
                format!("port {port} of {host} is in use; choose another, or 0 for a free one")
            }
            io::ErrorKind::PermissionDenied => {
                format!("not allowed to listen on port {port} of {host}; ports below 1024 are for root")
            }
            _ => format!("cannot listen on port {port} of {host}: {error}"),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let hosts: Vec<SocketAddr> = match host {
            "localhost" => vec![([127, 0, 0, 1], port).into(), ([0u16, 0, 0, 0, 0, 0, 0, 1], port).into()],
            "*" => vec![([0, 0, 0, 0], port).into()],
            _ => lookup_host((host, port))
                .await
                .map_err(|error| format!("cannot find the address of {host}: {error}"))?
                .collect(),
        };
        let (&first, others) =
            hosts.split_first().ok_or_else(|| format!("{host} has no address to listen on"))?;
        for attempt in 1.. {
            let mut listeners = Vec::new();
            let mut port = port;
            match TcpListener::bind(first).await {
                Ok(listener) => {
                    port = listener.local_addr().map_err(fail)?.port();
                    listeners.push(listener);
                }
                // A machine without this family.
                Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable && !others.is_empty() => {}
                Err(error) => return Err(fail(error)),
            }
            let mut taken = None;
            for other in others {
                match TcpListener::bind(SocketAddr::new(other.ip(), port)).await {
                    Ok(listener) => {
                        port = listener.local_addr().map_err(fail)?.port();
                        listeners.push(listener);
                    }
                    // Half of the programs would reach the wrong one.
                    Err(error) if error.kind() == io::ErrorKind::AddrInUse => taken = Some(error),
                    Err(_) => {}
                }
            }
            match taken {
                None if !listeners.is_empty() => return Ok(Self::Tcp(listeners)),
                None => return Err(format!("{host} has no address to listen on")),
                Some(error) if first.port() != 0 || attempt == TRIES => return Err(fail(error)),
                Some(_) => {}
            }
        }
        unreachable!("the loop ends after some attempts")
    }

    /// Listens on a Unix socket for this user only. A file that a dead program left is replaced.
    pub(super) async fn unix(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let fail = |error: io::Error| format!("cannot listen on {shown}: {error}");
        if let Ok(found) = std::fs::symlink_metadata(path) {
            if !found.file_type().is_socket() {
                return Err(format!("{shown} exists and is no socket; choose another path"));
            }
            match UnixStream::connect(path).await {
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    std::fs::remove_file(path).map_err(fail)?;
                }
                _ => return Err(format!("{shown} is in use; choose another path")),
            }
        }
        let socket = UnixSocket::new_stream().map_err(fail)?;
        socket.bind(path).map_err(fail)?;
        // Before anybody can connect.
        let inode = std::fs::symlink_metadata(path).map_err(fail)?.ino();
        let file = SocketFile { path: path.to_owned(), inode };
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(fail)?;
        Ok(Self::Unix(socket.listen(BACKLOG).map_err(fail)?, file))
    }

    /// For the user and for programs: "127.0.0.1:8080", or a path.
    pub(super) fn address(&self) -> String {
        match self {
            Self::Tcp(listeners) => listeners
                .first()
                .and_then(|listener| listener.local_addr().ok())
                .map_or_else(String::new, |address| address.to_string()),
            Self::Unix(_, file) => file.path.display().to_string(),
        }
    }

    /// The next connection, and who it is.
    pub(super) async fn accept(&self) -> io::Result<(Socket, String)> {
        match self {
            Self::Tcp(listeners) => {
                let accepts = listeners.iter().map(|listener| Box::pin(listener.accept()));
                let (accepted, _, _) = futures_util::future::select_all(accepts).await;
                let (stream, peer) = accepted?;
                // Small messages go at once; if they cannot, they go later.
                let _ = stream.set_nodelay(true);
                Ok((Socket::Tcp(stream), peer.to_string()))
            }
            Self::Unix(listener, _) => {
                let (stream, _) = listener.accept().await?;
                Ok((Socket::Unix(stream), String::new()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn localhost_is_one_port_in_both_families() {
        let listener = Listener::tcp("localhost", 0).await.unwrap();
        let Listener::Tcp(listeners) = &listener else { panic!() };
        let ports: Vec<u16> = listeners.iter().map(|one| one.local_addr().unwrap().port()).collect();
        assert!(ports.iter().all(|port| *port == ports[0] && *port != 0), "{ports:?}");
        assert_eq!(listener.address(), format!("127.0.0.1:{}", ports[0]));
        let why = Listener::tcp("localhost", ports[0]).await.unwrap_err();
        assert!(why.contains("in use"), "{why}");
    }

    #[tokio::test]
    async fn peers_c25_the_listen_address_can_be_chosen() {
        let listener = Listener::tcp("127.0.0.2", 0).await.unwrap();
        assert!(listener.address().starts_with("127.0.0.2:"), "{}", listener.address());
        let why = Listener::tcp("192.0.2.1", 0).await.unwrap_err();
        assert!(why.contains("192.0.2.1"), "{why}");
    }

    #[tokio::test]
    async fn a_socket_is_private_replaces_a_dead_one_and_goes_in_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "a dead program's socket is there");
        let listener = Listener::unix(&path).await.unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(Listener::unix(&path).await.unwrap_err().contains("in use"));
        drop(listener);
        assert!(!path.exists());
        std::fs::write(&path, "a file").unwrap();
        assert!(Listener::unix(&path).await.unwrap_err().contains("no socket"));
    }
}
