//! `ssmtui history`: what was opened when, the newest first; and the line that a command adds when it opens something.

use std::process::ExitCode;

use jiff::Timestamp;
use serde::Serialize;

use super::{Failure, args::History, clean, print, target::Found};
use crate::{
    aws::Client,
    config::Config,
    fleet::{
        HistoryFile,
        history::{Event, Kind, Opening, Where},
        phrase,
    },
};

/// What is remembered once it works.
pub(super) struct Memory {
    file: HistoryFile,
    opening: Opening,
}

impl Memory {
    /// Of a session of this kind; none where the settings say that nothing is remembered.
    pub(super) fn of(config: &Config, client: &Client, found: &Found, kind: Kind) -> Option<Self> {
        let file = HistoryFile::platform().filter(|_| config.history)?;
        let place = Where {
            profile: client.profile().map(Into::into),
            region: Some(client.region().into()),
            account: None,
        };
        let (id, name) = (found.id().into(), found.name().unwrap_or(found.id()).into());
        Some(Self { file, opening: Opening { at: Timestamp::now(), id, name, kind, place } })
    }

    /// It works. A history that cannot be written keeps nobody from a session.
    pub(super) fn keep(self) {
        let opening = Opening { at: Timestamp::now(), ..self.opening };
        if let Err(error) = self.file.append(&Event::Opened(opening)) {
            tracing::warn!(%error, "the history cannot be written");
        }
    }
}

pub(super) fn run(config: &Config, wanted: &History) -> Result<ExitCode, Failure> {
    let Some(file) = HistoryFile::platform() else {
        return Err(Failure::told(
            "there is no place for a history",
            "this user has no home folder",
            "set HOME",
        ));
    };
    let history = file.load();
    let newest: Vec<_> = history.newest().take(wanted.count.unwrap_or(usize::MAX)).collect();
    let now = Timestamp::now();
    if wanted.json {
        let document = Document {
            openings: newest.iter().map(|opening| Row::new(opening)).collect(),
            favourites: history.favourite_ids(),
        };
        let mut text = serde_json::to_string_pretty(&document).expect("plain data has a JSON form");
        text.push('\n');
        print(text.as_bytes())?;
    } else {
        let lines: String = newest.iter().map(|opening| line(opening, now)).collect();
        print(lines.as_bytes())?;
    }
    if newest.is_empty() && !wanted.json {
        let off = if config.history { "" } else { "; `history = false` stands in the config file" };
        eprintln!("ssmtui: nothing was opened yet{off}");
    }
    Ok(ExitCode::SUCCESS)
}

fn line(opening: &Opening, now: Timestamp) -> String {
    let Opening { at, id, name, kind, place } = opening;
    let when = phrase::moment(*at, now);
    let line = format!("{when:<22}  {:<8}  {}  {id}  {}", kind.word(), clean(name), clean(&place.words()));
    format!("{}\n", line.trim_end())
}

/// The document of `--json`. Members are added, never renamed or removed; absent facts are `null`.
#[derive(Serialize)]
struct Document<'a> {
    openings: Vec<Row<'a>>,
    favourites: Vec<&'a str>,
}

#[derive(Serialize)]
struct Row<'a> {
    at: String,
    id: &'a str,
    name: &'a str,
    kind: &'static str,
    profile: Option<&'a str>,
    region: Option<&'a str>,
    account: Option<&'a str>,
}

impl<'a> Row<'a> {
    fn new(opening: &'a Opening) -> Self {
        Self {
            at: opening.at.to_string(),
            id: opening.id.as_str(),
            name: &opening.name,
            kind: opening.kind.word(),
            profile: opening.place.profile.as_deref(),
            region: opening.place.region.as_deref(),
            account: opening.place.account.as_deref(),
        }
    }
}
