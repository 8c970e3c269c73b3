//! `ssmtui ssh-proxy HOST PORT`, ssh's ProxyCommand: the stream alone on standard output, words on standard error and only
//! where it failed, since ssh's own screen is there.

use std::{process::ExitCode, sync::Arc};

use tokio::time::timeout;

use super::super::{
    Failure,
    args::SshProxy,
    connect::{FAREWELL, is_crash, last_words},
    history::Memory,
    signal::Signals,
    target,
};
use crate::{
    aws::{Connector, StartRequest},
    config::Config,
    fleet::{Feature, history},
    session::{self, End, Size, kinds::relay},
};

/// A port of the instance as one stream.
const DOCUMENT: &str = "AWS-StartSSHSession";

pub(in super::super) async fn run(
    connector: &Connector,
    config: &Config,
    arguments: &SshProxy,
) -> Result<ExitCode, Failure> {
    let (host, region) = split_region(&arguments.host);
    let connector = match region {
        Some(region) => connector.in_region(region),
        None => connector.clone(),
    };
    let client = connector.connect().await?;
    let mut found = target::find(&client, host).await?;
    found.require("reach over SSH", Feature::PortForwarding)?;
    let mut signals = Signals::new()?;
    let port = arguments.port.to_string();
    let request = StartRequest::by(DOCUMENT, &found.target).with("portNumber", &port);
    let ticket = match client.start(&request).await {
        Ok(ticket) => ticket,
        Err(error) => return Err(target::explain(&client, &mut found, error).await),
    };
    Memory::of(config, &client, &found, history::Kind::Ssh).into_iter().for_each(Memory::keep);
    let options = session::Options { size: Size { cols: 80, rows: 24 }, target: found.target.clone() };
    let (commands, events) = session::open(ticket, Arc::new(client.clone()), options);
    let ending = commands.clone();
    let relay = relay::run(commands, events, tokio::io::stdin(), tokio::io::stdout());
    tokio::pin!(relay);
    let (outcome, signal) = tokio::select! {
        outcome = &mut relay => (Some(outcome), None),
        // ssh tells its proxy so that it is done.
        number = signals.end() => {
            ending.end();
            (timeout(FAREWELL, &mut relay).await.ok(), Some(number))
        }
    };
    if let Some(number) = signal {
        return Ok(ExitCode::from(128 + number));
    }
    let Some(outcome) = outcome else { return Ok(ExitCode::FAILURE) };
    match &outcome.end {
        End::Terminated => Ok(ExitCode::SUCCESS),
        End::Closed { output } if output.trim().is_empty() => Ok(ExitCode::SUCCESS),
        End::Closed { output } if output.contains("nothing listens") || is_crash(output) => {
            Err(Failure::told(
                format!("cannot reach port {port} of {}", found.label()),
                output.trim(),
                "start sshd there, or name its port: ssh -p PORT",
            ))
        }
        End::Closed { output } if output.contains("is not supported") => {
            found.learn(&client).await;
            found.require("reach over SSH", Feature::PortForwarding)?;
            Err(ended(&found.label(), &outcome.end))
        }
        end => Err(ended(&found.label(), end)),
    }
}

fn ended(label: &str, end: &End) -> Failure {
    Failure::told(format!("the connection to {label} is over"), last_words(end, None), "")
}

/// `name--eu-west-1`: the name in a region of its own, where ssh leaves no place for flags.
fn split_region(host: &str) -> (&str, Option<&str>) {
    match host.rsplit_once("--") {
        Some((name, region)) if !name.is_empty() && is_region(region) => (name, Some(region)),
        _ => (host, None),
    }
}

/// `eu-west-1`, `us-gov-east-1`: words and a digit at the end.
fn is_region(text: &str) -> bool {
    let mut parts = text.rsplit('-');
    let number =
        parts.next().is_some_and(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
    let words: Vec<_> = parts.collect();
    let plain = |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    number && (2..=4).contains(&words.len()) && words.iter().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_may_carry_its_region() {
        assert_eq!(split_region("web-1--eu-west-1"), ("web-1", Some("eu-west-1")));
        assert_eq!(split_region("i-0a1b2c3d--us-gov-east-1"), ("i-0a1b2c3d", Some("us-gov-east-1")));
        for host in ["web-1", "web--1", "a--b", "--eu-west-1", "web--eu-west", "web--EU-west-1"] {
            assert_eq!(split_region(host), (host, None), "{host}");
        }
    }
}
