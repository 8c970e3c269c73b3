//! From where here to where there a forward leads, as one writes it: `8080:80`, `5432:db.internal:5432`,
//! `[::1]:8080:80`, `unix:/tmp/db.sock:5432`. Pure; the config file and the command line share it.

use std::{fmt, path::PathBuf, str::FromStr};

/// The remote port where none is written: AWS's own document has it.
pub const DEFAULT_PORT: u16 = 80;
const FORM: &str = "write LOCAL:REMOTE, LOCAL:HOST:REMOTE, BIND:LOCAL:REMOTE, unix:PATH:REMOTE or REMOTE";

/// The near end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Near {
    /// A TCP port.
    Tcp {
        /// `localhost` is both families.
        host: String,
        /// 0 is a free one.
        port: u16,
    },
    /// A Unix socket.
    Unix(PathBuf),
}

/// One forward.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Where to listen.
    pub near: Near,
    /// Whom the instance connects to; `None` is itself.
    pub host: Option<String>,
    /// The port there.
    pub port: u16,
}

impl Route {
    /// To this port of the instance, from the same one here.
    pub fn to(port: u16) -> Self {
        Self { near: Near::Tcp { host: "localhost".to_owned(), port }, host: None, port }
    }

    /// What AWS does where nothing is said: from a free port to port 80.
    pub fn usual() -> Self {
        Self { near: Near::Tcp { host: "localhost".to_owned(), port: 0 }, ..Self::to(DEFAULT_PORT) }
    }

    /// Whether other machines can reach the near end.
    pub fn is_open_to_others(&self) -> bool {
        match &self.near {
            Near::Tcp { host, .. } => {
                let loopback = host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
                !loopback && !host.eq_ignore_ascii_case("localhost")
            }
            Near::Unix(_) => false,
        }
    }
}

impl fmt::Display for Route {
    /// The far end: `5432` or `db.internal:5432`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Some(host) if host.contains(':') => write!(f, "[{host}]:{}", self.port),
            Some(host) => write!(f, "{host}:{}", self.port),
            None => write!(f, "{}", self.port),
        }
    }
}

impl FromStr for Route {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(rest) = text.strip_prefix("unix:") {
            return unix(text, rest);
        }
        let parts = split(text)?;
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let is_port = |part: &str| part.is_empty() || part.bytes().all(|byte| byte.is_ascii_digit());
        let (bind, local, host, remote) = match *parts.as_slice() {
            [remote] => ("localhost", remote, None, remote),
            [local, remote] => ("localhost", local, None, remote),
            ["", local, _] if !local.is_empty() && is_port(local) => {
                return Err(format!(
                    "`{text}`: nothing stands before the first colon; write * to listen on every address, 0 for a free \
                     port"
                ));
            }
            [local, host, remote] if is_port(local) => ("localhost", local, Some(host), remote),
            [bind, local, remote] => (bind, local, None, remote),
            [bind, local, host, remote] => (bind, local, Some(host), remote),
            _ => return Err(format!("`{text}` is no forward; {FORM}")),
        };
        let near = Near::Tcp {
            host: if matches!(bind, "" | "*") { "0.0.0.0".to_owned() } else { bind.to_owned() },
            port: port(text, local, 0)?,
        };
        Ok(Self { near, host: far_host(text, host)?, port: far_port(text, remote)? })
    }
}

fn unix(text: &str, rest: &str) -> Result<Route, String> {
    let wrong = || format!("`{text}` is no forward; write unix:PATH:REMOTE or unix:PATH:HOST:REMOTE");
    let (rest, remote) = rest.rsplit_once(':').ok_or_else(wrong)?;
    // A path may hold colons; a host behind it does not look like one.
    let (path, host) = match rest.rsplit_once(':') {
        Some((path, host)) if !path.is_empty() && !host.contains('/') => (path, Some(host)),
        _ => (rest, None),
    };
    if path.is_empty() {
        return Err(wrong());
    }
    Ok(Route {
        near: Near::Unix(PathBuf::from(path)),
        host: far_host(text, host)?,
        port: far_port(text, remote)?,
    })
}

/// At colons, but not at those in brackets, which go.
fn split(text: &str) -> Result<Vec<String>, String> {
    let mut parts = vec![String::new()];
    let mut inside = false;
    for letter in text.chars() {
        match letter {
            '[' if !inside => inside = true,
            ']' if inside => inside = false,
            ':' if !inside => parts.push(String::new()),
            other => parts.last_mut().expect("never empty").push(other),
        }
    }
    if inside { Err(format!("`{text}`: a bracket is not closed")) } else { Ok(parts) }
}

fn port(text: &str, part: &str, empty: u16) -> Result<u16, String> {
    if part.is_empty() {
        return Ok(empty);
    }
    part.parse().map_err(|_| format!("`{text}`: `{part}` is no port (0 to 65535); {FORM}"))
}

fn far_port(text: &str, part: &str) -> Result<u16, String> {
    match port(text, part, DEFAULT_PORT)? {
        0 => Err(format!("`{text}`: 0 is no remote port")),
        port => Ok(port),
    }
}

/// The instance itself needs no name.
fn far_host(text: &str, host: Option<&str>) -> Result<Option<String>, String> {
    match host {
        None | Some("localhost" | "127.0.0.1" | "::1") => Ok(None),
        Some("") => Err(format!("`{text}`: the host is missing; {FORM}")),
        Some(host) => Ok(Some(host.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (String, String, bool) {
        let route: Route = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        let near = match &route.near {
            Near::Tcp { host, port } => format!("{host} {port}"),
            Near::Unix(path) => path.display().to_string(),
        };
        (near, route.to_string(), route.is_open_to_others())
    }

    #[test]
    fn every_form_is_read() {
        for (text, near, far, open) in [
            ("5432", "localhost 5432", "5432", false),
            ("8080:80", "localhost 8080", "80", false),
            ("8080:", "localhost 8080", "80", false),
            (":5432", "localhost 0", "5432", false),
            ("0:5432", "localhost 0", "5432", false),
            ("5432:db.internal:5433", "localhost 5432", "db.internal:5433", false),
            (":db.internal:5433", "localhost 0", "db.internal:5433", false),
            ("8080:localhost:80", "localhost 8080", "80", false),
            ("127.0.0.1:8080:80", "127.0.0.1 8080", "80", false),
            ("*:8080:80", "0.0.0.0 8080", "80", true),
            ("0.0.0.0:8080:db:80", "0.0.0.0 8080", "db:80", true),
            ("[::1]:8080:80", "::1 8080", "80", false),
            ("[::1]:8080:[fd00::7]:80", "::1 8080", "[fd00::7]:80", false),
            ("8080:[fd00::7]:80", "localhost 8080", "[fd00::7]:80", false),
            ("unix:/tmp/db.sock:5432", "/tmp/db.sock", "5432", false),
            ("unix:/tmp/a:b.sock:5432", "/tmp/a", "b.sock:5432", false),
            ("unix:./db.sock:db.internal:5432", "./db.sock", "db.internal:5432", false),
        ] {
            assert_eq!(read(text), (near.to_owned(), far.to_owned(), open), "{text}");
        }
    }

    #[test]
    fn what_is_none_is_told_why() {
        for (text, why) in [
            ("80:x", "`x` is no port"),
            ("99999:80", "`99999` is no port"),
            ("8080:0", "0 is no remote port"),
            ("8080::80", "the host is missing"),
            (":8080:80", "write * to listen on every address"),
            ("1:2:3:4:5", "is no forward"),
            ("[::1:8080:80", "not closed"),
            ("unix:5432", "unix:PATH:REMOTE"),
        ] {
            let error = text.parse::<Route>().unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn nothing_said_is_awss_default() {
        assert_eq!(Route::usual().port, 80);
        assert_eq!(Route::usual().near, Near::Tcp { host: "localhost".into(), port: 0 });
    }
}
