//! The machine that plays the node: what a command depends on outside of it.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use super::process;

/// What a command depends on outside the node.
pub(super) struct Surroundings {
    pub(super) path: OsString,
    pub(super) home: Option<PathBuf>,
    pub(super) lang: Option<OsString>,
    pub(super) is_root: bool,
}

impl Surroundings {
    pub(super) fn of_this_process() -> Self {
        Self {
            path: std::env::var_os("PATH").unwrap_or_default(),
            home: std::env::var_os("HOME")
                .map(PathBuf::from)
                .or_else(|| directories::UserDirs::new().map(|dirs| dirs.home_dir().to_owned()))
                // A shell cannot start where there is nothing.
                .map(|home| if home.is_dir() { home } else { PathBuf::from("/") }),
            lang: std::env::var_os("LANG").filter(|lang| !lang.is_empty()),
            is_root: process::is_root(),
        }
    }

    /// What has to stand before a command, and its home, so that it runs as this user; the error is words for the client.
    pub(super) fn run_as(&self, user: Option<&str>) -> Result<RunAs, String> {
        let Some(user) = user else { return Ok(RunAs { before: Vec::new(), home: self.home.clone() }) };
        if user.trim().is_empty() {
            return Err("please set the RunAs default user".to_owned());
        }
        if !self.is_root {
            return Err("the agent must run as root to use RunAs".to_owned());
        }
        let Some([uid, gid]) = ids(user) else {
            return Err(format!("failed to start pty since RunAs user {user} does not exist"));
        };
        let setpriv = self.find("setpriv").ok_or(
            "this simulated node runs sessions as another user by setpriv, which is not in \
                                                  the PATH of this machine",
        )?;
        let groups = if uid == "0" { "--clear-groups" } else { "--init-groups" };
        let words = [&format!("--reuid={uid}"), &format!("--regid={gid}"), groups, "--"];
        let before = std::iter::once(setpriv.into_os_string()).chain(words.map(OsString::from)).collect();
        // By pattern, as the official agent does it, and not as the user's entry says.
        let folder = if cfg!(target_os = "macos") { "/Users" } else { "/home" };
        Ok(RunAs { before, home: Some(Path::new(folder).join(user)) })
    }

    /// What the official agent adds to its own environment.
    pub(super) fn variables(&self, home: Option<&Path>) -> Vec<(&'static str, OsString)> {
        let mut variables = vec![("TERM", OsString::from("xterm-256color"))];
        if self.lang.is_none() {
            variables.push(("LANG", "C.UTF-8".into()));
        }
        variables.extend(home.map(|home| ("HOME", home.as_os_str().to_owned())));
        variables
    }

    /// Where commands start: at home, if that is a place.
    pub(super) fn folder<'a>(&'a self, home: Option<&'a Path>) -> Option<&'a Path> {
        home.filter(|home| home.is_dir()).or(self.home.as_deref())
    }

    pub(super) fn find(&self, program: &str) -> Option<PathBuf> {
        std::env::split_paths(&self.path).map(|folder| folder.join(program)).find(|path| is_program(path))
    }
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.is_file()
}

/// How a command runs as a user.
#[derive(Debug)]
pub(super) struct RunAs {
    /// The program and the words that stand before it; may be nothing.
    pub(super) before: Vec<OsString>,
    pub(super) home: Option<PathBuf>,
}

/// A user's number and that of the user's group.
fn ids(user: &str) -> Option<[String; 2]> {
    let ask = |what: &str| {
        let answer = Command::new("id").args([what, "--", user]).output().ok()?;
        let number = String::from_utf8(answer.stdout).ok()?.trim().to_owned();
        (answer.status.success() && number.parse::<u32>().is_ok()).then_some(number)
    };
    Some([ask("-u")?, ask("-g")?])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(is_root: bool) -> Surroundings {
        let path = std::env::var_os("PATH").unwrap_or_default();
        Surroundings { path, home: Some("/tmp".into()), lang: None, is_root }
    }

    #[test]
    fn run_as_is_refused_in_the_official_words() {
        let words = |is_root, user| around(is_root).run_as(Some(user)).unwrap_err();
        assert_eq!(words(true, "  "), "please set the RunAs default user");
        assert_eq!(words(false, "nobody"), "the agent must run as root to use RunAs");
        assert_eq!(
            words(true, "no-such-user"),
            "failed to start pty since RunAs user no-such-user does not exist"
        );
        let own = around(false).run_as(None).unwrap();
        assert!(own.before.is_empty());
        assert_eq!(own.home.as_deref(), Some(Path::new("/tmp")));
    }
}
