//! `ssmtui doctor`: the user's own side, a line a check, the first to mend first.
//!
//! | file | job |
//! | --- | --- |
//! | here | gathers facts, prints lines |
//! | `facts` | what there is to know |
//! | `check` | from facts to lines, pure |
//! | `rights`, `terminal` | the lines of these, pure |

mod check;
mod facts;
mod rights;
mod terminal;

use std::{
    io::{self, IsTerminal},
    process::ExitCode,
};

use futures_util::{StreamExt, future::join_all, stream};
use jiff::Timestamp;
use serde::Serialize;

use self::{
    check::{Line, Outcome, Section},
    facts::{Asked, Endpoint, Facts, Held},
    rights::{RIGHTS, Right},
};
use super::{Failure, args::Doctor, print};
use crate::{
    aws::{self, Client, Connector},
    config::Config,
    session::proxy::Proxies,
    tui::keymap::Keymap,
};

/// Something that sessions need failed.
const BROKEN: u8 = 4;
/// Questions about rights under way at once.
const AT_ONCE: usize = 6;

pub(super) async fn run(connector: &Connector, doctor: &Doctor) -> Result<ExitCode, Failure> {
    let facts = gather(connector).await;
    let sections = check::examine(&facts);
    let broken = check::failures(&sections).any(|line| line.needed);
    let text = if doctor.json { json(&sections, !broken) } else { text(&sections) };
    print(text.as_bytes())?;
    Ok(if broken { ExitCode::from(BROKEN) } else { ExitCode::SUCCESS })
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

async fn gather(connector: &Connector) -> Facts {
    let (setup, files) = match connector {
        Connector::Environment(scope) => (aws::setup(scope).await, aws::files()),
        Connector::Simulated(simulated) => (Ok(aws::Setup::simulated(simulated)), Vec::new()),
    };
    let sso = setup.as_ref().ok().and_then(|setup| setup.sso.as_ref());
    let signed_in_until = sso.and_then(aws::login::SsoSession::signed_in_until);
    let mut facts = Facts {
        now: Timestamp::now(),
        config: config(),
        setup: setup.map_err(Into::into),
        files,
        signed_in_until,
        keys: Asked::Not,
        proxies: match connector {
            Connector::Environment(_) => Proxies::read(variable),
            Connector::Simulated(_) => Proxies::default(),
        },
        has_ca_bundle: variable("AWS_CA_BUNDLE").is_some_and(|value| !value.is_empty()),
        endpoints: Vec::new(),
        skew: None,
        identity: Asked::Not,
        enabled: Asked::Not,
        rights: Vec::new(),
        terminal: terminal::Facts::read(
            variable,
            io::stdin().is_terminal() && io::stdout().is_terminal(),
            crossterm::terminal::size().ok().map(|(cols, rows)| (rows, cols)),
        ),
    };
    // Without a region there is nobody to ask.
    let Ok(client) = connector.connect().await else { return facts };
    facts.keys = match client.key_source().await {
        Ok(keys) => Asked::Known(keys),
        Err(error) => Asked::Failed(error.into()),
    };
    facts.endpoints = reach(&client).await;
    if matches!(facts.keys, Asked::Known(_)) {
        facts.identity = match client.identity().await {
            Ok(identity) => Asked::Known(identity.principal),
            Err(error) => Asked::Failed(error.into()),
        };
        facts.skew = client.clock_skew();
        facts.enabled = enabled(connector, &client).await;
    }
    if matches!(facts.identity, Asked::Known(_)) {
        let client = &client;
        let ask = |right: &'static Right| async move {
            Held { action: right.action, permission: client.may(right.action).await }
        };
        facts.rights = stream::iter(&RIGHTS).map(ask).buffered(AT_ONCE).collect().await;
    }
    facts
}

fn config() -> Result<Option<String>, String> {
    let config = Config::load().map_err(|error| error.to_string())?;
    Keymap::new(config.leader, &config.keys).map_err(|error| error.to_string())?;
    Ok(config.path.map(|path| path.display().to_string()))
}

async fn reach(client: &Client) -> Vec<Endpoint> {
    let urls = client.endpoint_urls().await;
    let probe = |found: aws::EndpointUrl| async move {
        let (host, port) = aws::address(&found.url)?;
        let scheme = found.url.split("://").next().unwrap_or_default();
        let by = client.proxies().of(scheme, &host).cloned();
        let result = aws::probe(&found.url, by.as_ref()).await;
        Some(Endpoint { service: found.service, host, port, by, result })
    };
    join_all(urls.into_iter().map(probe)).await.into_iter().flatten().collect()
}

/// Whether the account uses the region. One that does not refuses the keys, so another region is asked then.
async fn enabled(connector: &Connector, client: &Client) -> Asked<bool> {
    match client.is_region_enabled(client.region()).await {
        Ok(enabled) => return Asked::Known(enabled),
        Err(error) if error.kind != aws::Kind::Rejected => return Asked::Failed(error.into()),
        Err(_) => {}
    }
    let home = home_region(client.region());
    match connector.in_region(home).connect().await {
        Ok(elsewhere) => match elsewhere.is_region_enabled(client.region()).await {
            Ok(enabled) => Asked::Known(enabled),
            Err(error) => Asked::Failed(error.into()),
        },
        Err(error) => Asked::Failed(error.into()),
    }
}

/// A region of the same partition that every account has.
fn home_region(region: &str) -> &'static str {
    let homes = [
        ("cn-", "cn-north-1"),
        ("us-gov-", "us-gov-west-1"),
        ("us-isob-", "us-isob-east-1"),
        ("us-isof-", "us-isof-south-1"),
        ("us-iso-", "us-iso-east-1"),
        ("eu-isoe-", "eu-isoe-west-1"),
        ("eusc-", "eusc-de-east-1"),
    ];
    homes.iter().find(|(start, _)| region.starts_with(start)).map_or("us-east-1", |(_, home)| home)
}

fn text(sections: &[Section]) -> String {
    let mut text = format!("ssmtui {}\n", env!("CARGO_PKG_VERSION"));
    for section in sections {
        text.push_str(&format!("\n{}\n", section.name));
        let width = section.checks.iter().map(|line| short(&line.check).len()).max().unwrap_or_default();
        for line in &section.checks {
            let mark = match line.outcome {
                Outcome::Passed => "ok",
                Outcome::Failed if line.needed => "FAIL",
                Outcome::Failed => "less",
                Outcome::NotChecked => "?",
            };
            text.push_str(&format!(
                "  {mark:<4}  {:<width$}  {}\n",
                short(&line.check),
                super::clean(&line.found)
            ));
            mend(&mut text, line, "        ");
        }
    }
    let failed: Vec<_> = check::failures(sections).collect();
    text.push_str(&match failed.first() {
        None => "\nNothing stands in the way on this side.\n".to_owned(),
        Some(first) if first.needed => {
            format!("\nMend first: {} ({})\n", short(&first.check), super::clean(&first.found))
        }
        Some(_) => format!(
            "\nSessions can be opened from here; {} marked \"less\" would give more.\n",
            lines(failed.len())
        ),
    });
    text
}

fn lines(count: usize) -> String {
    if count == 1 { "the line".to_owned() } else { format!("the {count} lines") }
}

fn mend(text: &mut String, line: &Line, margin: &str) {
    if !line.fix.is_empty() {
        text.push_str(&format!("{margin}mend: {}\n", super::clean(&line.fix)));
    }
    if let Some(command) = &line.command {
        text.push_str(&format!("{margin}{}\n", super::clean(command)));
    }
}

/// Rights stand under their own heading.
fn short(check: &str) -> &str {
    check.strip_prefix("right-").unwrap_or(check)
}

/// The document of `--json`. Members are added, never renamed or removed.
#[derive(Serialize)]
struct Document<'a> {
    version: &'static str,
    /// Nothing that sessions need failed.
    ok: bool,
    /// Names of the checks that failed, the first to mend first.
    mend: Vec<&'a str>,
    sections: &'a [Section],
}

fn json(sections: &[Section], ok: bool) -> String {
    let mend = check::failures(sections).map(|line| &*line.check).collect();
    let document = Document { version: env!("CARGO_PKG_VERSION"), ok, mend, sections };
    let mut text = serde_json::to_string_pretty(&document).expect("plain data has a JSON form");
    text.push('\n');
    text
}
