//! The SSH server of the nodes: this machine's own `sshd`, one for each session, on a socket pair instead of a port.
//!
//! It runs as the user who started the region, and lets in that user alone, with a host key that is made once for a region
//! and thrown away with it, and without anything of the machine's own configuration. Who may log in: the owners of keys that were
//! handed over for a while (EC2 Instance Connect), and of keys that always hold.

use std::{
    io,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::UnixStream,
    process::Command,
    sync::OnceCell,
    time::Instant,
};
use uuid::Uuid;

use super::surroundings::Surroundings;

/// How long a key of SendSSHPublicKey holds.
pub const PUSHED_KEY_LIFETIME: Duration = Duration::from_secs(60);
/// More pushed keys than this are not remembered at once; the oldest is forgotten.
const MOST_PUSHED: usize = 1024;

/// The keys that the sshd of a region's nodes take.
#[derive(Debug, Default)]
pub struct SshKeys {
    always: Vec<String>,
    pushed: Mutex<Vec<Pushed>>,
    /// Made when the first session needs it.
    home: OnceCell<Home>,
}

/// The folder with the host key and the keys of the sessions; only its owner may look into it, and it goes with the region.
#[derive(Debug)]
struct Home(PathBuf);

impl Drop for Home {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::debug!(%error, "the folder of the SSH server stays");
        }
    }
}

#[derive(Debug)]
struct Pushed {
    target: String,
    key: String,
    expires: Instant,
}

impl SshKeys {
    /// With keys that always hold, on every node: lines of an `authorized_keys` file.
    pub(in crate::sim) fn new(always: &[String]) -> Self {
        Self { always: always.to_vec(), pushed: Mutex::default(), home: OnceCell::new() }
    }

    /// Takes a key for a node for [`PUSHED_KEY_LIFETIME`].
    pub(in crate::sim) fn push(&self, target: &str, key: &str, now: Instant) {
        let mut pushed = self.pushed.lock().unwrap_or_else(PoisonError::into_inner);
        if pushed.len() == MOST_PUSHED {
            pushed.remove(0);
        }
        pushed.push(Pushed {
            target: target.to_owned(),
            key: key.trim().to_owned(),
            expires: now + PUSHED_KEY_LIFETIME,
        });
    }

    /// The lines of a node's `authorized_keys` now.
    pub(super) fn lines(&self, target: &str, now: Instant) -> Vec<String> {
        let mut pushed = self.pushed.lock().unwrap_or_else(PoisonError::into_inner);
        pushed.retain(|key| key.expires > now);
        let pushed = pushed.iter().filter(|pushed| pushed.target == target).map(|pushed| pushed.key.clone());
        self.always.iter().cloned().chain(pushed).collect()
    }
}

/// Where `sshd` is when it is not in the PATH, which for most users it is not.
const FOLDERS: [&str; 5] = ["/usr/sbin", "/usr/local/sbin", "/sbin", "/opt/homebrew/sbin", "/opt/local/sbin"];
/// Where `sshd` separates its privileges; its service makes it on other machines.
const SEPARATION: &str = "/run/sshd";

/// Starts an SSH server for one session, and returns its connection. An error is words for the user.
pub(super) async fn serve(keys: &SshKeys, session_id: &str, target: &str) -> io::Result<UnixStream> {
    let around = Surroundings::of_this_process();
    let missing = |name: &str| {
        io::Error::new(
            io::ErrorKind::NotFound,
            format!(
                "{target} is a simulated node, whose SSH server is the one of this machine, and {name} is not installed here"
            ),
        )
    };
    let sshd = around
        .find("sshd")
        .or_else(|| FOLDERS.iter().map(|folder| Path::new(folder).join("sshd")).find(|path| path.is_file()))
        .ok_or_else(|| missing("sshd"))?;
    let keygen = around.find("ssh-keygen").ok_or_else(|| missing("ssh-keygen"))?;
    let home = &keys.home.get_or_try_init(|| make_home(&keygen)).await?.0;
    // The id is opaque, and no name for a file.
    let file = home.join(format!("keys-{}", Uuid::new_v4()));
    write_private(&file, &(keys.lines(target, Instant::now()).join("\n") + "\n"))?;
    if around.is_root && !Path::new(SEPARATION).is_dir() {
        // sshd says what is wrong if this fails.
        let _ = std::fs::create_dir_all(SEPARATION);
    }
    let (near, far) = std::os::unix::net::UnixStream::pair()?;
    near.set_nonblocking(true)?;
    let far = std::os::fd::OwnedFd::from(far);
    let mut child = Command::new(sshd)
        .args(["-i", "-e", "-f"])
        .arg(home.join("sshd_config"))
        .arg("-o")
        .arg(format!("AuthorizedKeysFile={}", file.display()))
        .stdin(far.try_clone()?)
        .stdout(far)
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let (session_id, log) = (session_id.to_owned(), child.stderr.take());
    // It ends when the connection does.
    tokio::spawn(async move {
        if let Some(log) = log {
            let mut lines = BufReader::new(log).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                tracing::debug!(session_id, "sshd: {line}");
            }
        }
        if let Err(error) = child.wait().await {
            tracing::debug!(%error, "waiting for sshd failed");
        }
        let _ = std::fs::remove_file(file);
    });
    UnixStream::from_std(near)
}

/// A private folder with a host key and a configuration.
async fn make_home(keygen: &Path) -> io::Result<Home> {
    let path = std::env::temp_dir().join(format!("ssmtui-sshd-{}", Uuid::new_v4()));
    let mut builder = std::fs::DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(&path)?;
    let home = Home(path);
    let host_key = home.0.join("host_key");
    let made = Command::new(keygen)
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "simulated node", "-f"])
        .arg(&host_key)
        .stdin(Stdio::null())
        .output()
        .await?;
    if !made.status.success() {
        let why = String::from_utf8_lossy(&made.stderr).trim().to_owned();
        return Err(io::Error::other(format!("the simulated node cannot make a host key: {why}")));
    }
    write_private(&home.0.join("sshd_config"), &config(&host_key, &user_name().await?))?;
    Ok(home)
}

/// Nothing of the machine's own: neither its keys nor its ways to log in.
fn config(host_key: &Path, user: &str) -> String {
    let host_key = host_key.display();
    format!(
        "HostKey {host_key}\n\
         AllowUsers {user}\n\
         PermitRootLogin prohibit-password\n\
         PubkeyAuthentication yes\n\
         PasswordAuthentication no\n\
         KbdInteractiveAuthentication no\n\
         StrictModes no\n\
         UsePAM no\n\
         UseDNS no\n\
         PidFile none\n\
         PrintMotd no\n\
         PrintLastLog no\n\
         AcceptEnv LANG LC_*\n\
         Subsystem sftp internal-sftp\n\
         LogLevel VERBOSE\n"
    )
}

/// Whose shells they are.
async fn user_name() -> io::Result<String> {
    let answer = Command::new("id").arg("-un").stdin(Stdio::null()).output().await?;
    Ok(String::from_utf8_lossy(&answer.stdout).trim().to_owned())
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    io::Write::write_all(&mut options.open(path)?, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pushed_key_holds_for_a_minute_on_its_node() {
        let keys = SshKeys::new(&["ssh-ed25519 ALWAYS".to_owned()]);
        let now = Instant::now();
        keys.push("i-1", "ssh-ed25519 PUSHED\n", now);
        assert_eq!(keys.lines("i-1", now), ["ssh-ed25519 ALWAYS", "ssh-ed25519 PUSHED"]);
        assert_eq!(keys.lines("i-2", now), ["ssh-ed25519 ALWAYS"]);
        assert_eq!(keys.lines("i-1", now + PUSHED_KEY_LIFETIME), ["ssh-ed25519 ALWAYS"]);
    }
}
