//! `ssmtui ssh TARGET [ARGS]`: the user's own ssh, led over Session Manager, as the user that the platform's images have.

use std::{
    ffi::{OsStr, OsString},
    process::ExitCode,
};

use tokio::process::Command;

use super::{
    super::{
        Failure,
        args::Ssh,
        exit_code,
        signal::{INTERRUPT, QUIT, Signals},
        target::{self, Found},
    },
    key::TemporaryKey,
    proxy_command,
};
use crate::{
    aws::{Client, Connector},
    config::Config,
    fleet::{Feature, InstanceId},
};

pub(in super::super) async fn run(
    connector: &Connector,
    config: &Config,
    arguments: &Ssh,
) -> Result<ExitCode, Failure> {
    let (named, target) = match arguments.target.split_once('@') {
        Some((user, target)) if !user.is_empty() => (Some(user), target),
        _ => (None, arguments.target.as_str()),
    };
    let client = connector.connect().await?;
    let found = target::find_known(&client, target).await?;
    found.require("reach over SSH", Feature::PortForwarding)?;
    let asked = arguments.user.as_deref().or(named).or(config.ssh.user.as_deref());
    // ssh takes the first it is told, so what the user tells it itself must be the only one.
    let told_to_ssh = told_user(&arguments.arguments);
    let user = asked.map(str::to_owned).or_else(|| told_to_ssh.clone());
    let user = user.or_else(|| match connector {
        // Its machines are this one, and log in whoever runs it.
        Connector::Simulated(_) => std::env::var("USER").ok(),
        Connector::Environment(_) => found.default_user().map(str::to_owned),
    });
    let key = if arguments.push_key || config.ssh.push_key {
        Some(pushed(&client, &found, user.as_deref()).await?)
    } else {
        None
    };
    let mut command = Command::new("ssh");
    command.args(options(&found, &proxy_command(connector)?));
    if let Some(user) = user.filter(|_| told_to_ssh.is_none() || asked.is_some()) {
        command.args(["-l", &user]);
    }
    if let Some(key) = &key {
        command.args(["-o", "IdentitiesOnly=yes", "-i"]).arg(key.path());
    }
    if let Connector::Simulated(simulated) = connector {
        // Host keys of a region that is gone in a moment.
        command.args([
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
            "-o",
            "LogLevel=ERROR",
        ]);
        command.env_remove("AWS_PROFILE").env_remove("AWS_SESSION_TOKEN");
        command.env("AWS_ENDPOINT_URL", &simulated.endpoint).env("AWS_REGION", &simulated.region);
        command.env("AWS_ACCESS_KEY_ID", &simulated.access_key_id);
        command.env("AWS_SECRET_ACCESS_KEY", &simulated.secret_access_key);
    }
    command.arg(destination(&found)).args(&arguments.arguments);
    let code = attended(command).await;
    // The key goes after ssh, whatever came of it.
    drop(key);
    code
}

/// A temporary key that the instance takes for the next minute.
async fn pushed(client: &Client, found: &Found, user: Option<&str>) -> Result<TemporaryKey, Failure> {
    let Some(user) = user else {
        return Err(Failure::told(
            format!("cannot put a key on {}", found.label()),
            "the user to log in is not known: neither was one named, nor is the platform known",
            "name one: --user NAME",
        ));
    };
    let key = TemporaryKey::make().await?;
    client.push_key(&InstanceId::from(found.target.as_str()), user, key.public()).await?;
    Ok(key)
}

/// What ssh must know to go by us; each instance has host keys of its own, whatever name it goes by.
fn options(found: &Found, proxy: &str) -> Vec<String> {
    let settings = [
        format!("ProxyCommand={proxy}"),
        format!("HostName={}", found.target),
        format!("HostKeyAlias={}", found.target),
    ];
    settings.into_iter().flat_map(|setting| ["-o".to_owned(), setting]).collect()
}

/// The name, so that the user's own settings for it count; the id where ssh would not take the name.
fn destination(found: &Found) -> String {
    let plain = |name: &&str| {
        let good = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        !name.is_empty() && !name.starts_with('-') && name.chars().all(good)
    };
    found.name().filter(plain).unwrap_or(&found.target).to_owned()
}

/// The user that the arguments for ssh name: `-l NAME`, `-lNAME`, `-o User=NAME`; not behind the remote command's start.
fn told_user(arguments: &[OsString]) -> Option<String> {
    /// Options of ssh that take a value (ssh(1)).
    const WITH_VALUE: &str = "BbcDEeFIiJLlmOoPpQRSWw";
    let mut words = arguments.iter().map(|word| word.to_string_lossy());
    while let Some(word) = words.next() {
        let flags = word.strip_prefix('-').filter(|flags| !flags.is_empty() && *flags != "-")?;
        let Some(at) = flags.find(|flag| WITH_VALUE.contains(flag)) else { continue };
        let value = match &flags[at + 1..] {
            "" => words.next()?.into_owned(),
            value => value.to_owned(),
        };
        match &flags[at..=at] {
            "l" => return Some(value),
            "o" => {
                let (name, user) = value.split_once(['=', ' ']).unwrap_or((&value, ""));
                if name.trim().eq_ignore_ascii_case("user") {
                    return Some(user.trim().to_owned());
                }
            }
            _ => {}
        }
    }
    None
}

/// Runs ssh with our terminal. ^C and ^\ reach it from the terminal; who ends us ends it.
async fn attended(mut command: Command) -> Result<ExitCode, Failure> {
    let mut signals = Signals::new()?;
    let program = command.as_std().get_program().to_owned();
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return Err(not_started(&program, &error)),
    };
    loop {
        tokio::select! {
            status = child.wait() => {
                let status = status.map_err(|error| Failure::told("lost ssh", error.to_string(), ""))?;
                return Ok(exit_code(status));
            }
            number = signals.end() => if number != INTERRUPT && number != QUIT && let Some(id) = child.id() {
                terminate(id);
            },
        }
    }
}

/// Asks ssh to end, so that it ends its proxy, and that the session.
fn terminate(id: u32) {
    let id = i32::try_from(id).ok().and_then(rustix::process::Pid::from_raw);
    if let Some(id) = id
        && let Err(error) = rustix::process::kill_process(id, rustix::process::Signal::TERM)
    {
        tracing::debug!(%error, "ssh is gone already");
    }
}

fn not_started(program: &OsStr, error: &std::io::Error) -> Failure {
    Failure::told(
        format!("cannot run {}", program.to_string_lossy()),
        error.to_string(),
        "install OpenSSH's client, or use `ssmtui connect`, which needs none",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(words: &[&str]) -> Option<String> {
        told_user(&words.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn a_user_told_to_ssh_is_seen() {
        assert_eq!(told(&["-l", "alice"]).as_deref(), Some("alice"));
        assert_eq!(told(&["-vlalice"]).as_deref(), Some("alice"));
        assert_eq!(told(&["-p", "2222", "-o", "User=bob"]).as_deref(), Some("bob"));
        assert_eq!(told(&["-oUser bob"]).as_deref(), Some("bob"));
        assert_eq!(told(&["-L", "8080:localhost:80", "-N"]), None);
        assert_eq!(told(&["-i", "-l", "x"]), None, "a value is no flag");
        assert_eq!(told(&["ls", "-l", "dir"]), None, "the remote command's own");
        assert_eq!(told(&[]), None);
    }
}
