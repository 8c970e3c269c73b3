//! A key for one connection: made by ssh-keygen in a folder that only this user may enter, and gone with it.

use std::{
    fs::{self, DirBuilder},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::process::Command;

use super::super::Failure;

/// A temporary ed25519 key pair; dropping it removes both halves.
#[derive(Debug)]
pub(super) struct TemporaryKey {
    folder: PathBuf,
    public: String,
}

impl TemporaryKey {
    pub(super) async fn make() -> Result<Self, Failure> {
        let failed = |why: String| Failure::told("cannot make a temporary SSH key", why, "");
        // The user's own run-time folder is in memory; not every system has one.
        let own = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_dir());
        let folder =
            own.unwrap_or_else(std::env::temp_dir).join(format!("ssmtui-{}", uuid::Uuid::new_v4().simple()));
        DirBuilder::new()
            .mode(0o700)
            .create(&folder)
            .map_err(|error| failed(format!("{}: {error}", folder.display())))?;
        let mut key = Self { folder, public: String::new() };
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-C", "ssmtui", "-f"])
            .arg(key.path())
            .stdin(Stdio::null())
            .output()
            .await
            .map_err(|error| failed(format!("ssh-keygen: {error}")))?;
        if !made.status.success() {
            return Err(failed(format!("ssh-keygen: {}", String::from_utf8_lossy(&made.stderr).trim())));
        }
        let public =
            fs::read_to_string(key.folder.join("key.pub")).map_err(|error| failed(error.to_string()))?;
        key.public = public.trim().to_owned();
        Ok(key)
    }

    /// The secret half, for ssh's `-i`.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.join("key")
    }

    pub(super) fn public(&self) -> &str {
        &self.public
    }

    /// Where it lies.
    #[cfg(test)]
    fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for TemporaryKey {
    fn drop(&mut self) {
        remove(&self.folder);
    }
}

fn remove(folder: &Path) {
    if let Err(error) = fs::remove_dir_all(folder) {
        tracing::warn!(folder = %folder.display(), %error, "a temporary key is left behind");
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[tokio::test]
    async fn a_key_is_for_us_alone_and_goes_with_its_owner() {
        // Not every machine that builds has OpenSSH.
        let Ok(key) = TemporaryKey::make().await else { return };
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(key.folder()), mode(&key.path())), (0o700, 0o600));
        assert!(key.public().starts_with("ssh-ed25519 "), "{}", key.public());
        let folder = key.folder().to_owned();
        drop(key);
        assert!(!folder.exists());
    }
}
