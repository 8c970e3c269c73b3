//! `ssmtui ls`: the fleet as a table or as JSON. What is missing is said on stderr and in the document.

use std::{process::ExitCode, sync::Arc};

use jiff::Timestamp;
use serde::Serialize;

use super::{Failure, args::Ls, clean, inventory, print};
use crate::{
    aws::{Client, Connector},
    fleet::{self, Completeness, Fleet, Instance, phrase, search},
};

/// Nodes whose channel is asked for, at most.
const VERIFIED: usize = 200;
/// The list is not complete because a source failed.
const PARTIAL: u8 = 3;

pub(super) async fn run(connector: &Connector, ls: &Ls) -> Result<ExitCode, Failure> {
    let client = connector.connect().await?;
    let query = ls.query.join(" ");
    let mut fleet = inventory::read(&client).await;
    let lists = fleet.completeness();
    if nothing_was_read(&lists) {
        return Err(nothing(&client, &lists).await);
    }
    let now = Timestamp::now();
    let mut online = inventory::online(&fleet, now);
    if online.len() > VERIFIED {
        let matching = matches(&fleet, &query, now);
        online.retain(|(id, _)| matching.iter().any(|instance| instance.id == *id));
        online.truncate(VERIFIED);
    }
    inventory::verify(&client, &mut fleet, online).await;
    let now = Timestamp::now();
    let rows = matches(&fleet, &query, now);
    let gaps = inventory::gaps(&lists);
    let text = if ls.json { json(&client, &lists, &rows, now) } else { table(&rows, now) };
    print(text.as_bytes())?;
    if !ls.json && rows.is_empty() {
        let all = lists.rows;
        eprintln!(
            "ssmtui: {}",
            match (all, query.is_empty()) {
                (0, _) => format!("there are no instances in {}", place(&client)),
                (_, false) => format!("none of {} instances matches `{query}`", phrase::count(all)),
                (_, true) => "there is nothing to show".to_owned(),
            }
        );
    }
    for gap in &gaps {
        eprintln!("ssmtui: {gap}");
    }
    let failed = lists.agents.failure().or(lists.machines.failure()).is_some();
    Ok(if failed { ExitCode::from(PARTIAL) } else { ExitCode::SUCCESS })
}

fn place(client: &Client) -> String {
    client
        .profile()
        .map_or_else(|| client.region().to_owned(), |profile| format!("{profile}/{}", client.region()))
}

/// Neither source gave a single row, and neither was read to its end.
fn nothing_was_read(lists: &Completeness) -> bool {
    lists.rows == 0 && !lists.agents.is_complete() && !lists.machines.is_complete()
}

/// The same cause is told once; the caller's own trouble (no keys, no network) in AWS's three parts.
async fn nothing(client: &Client, lists: &Completeness) -> Failure {
    if let Some(error) = client.trouble("list instances").await {
        return error.into();
    }
    let mut reasons = inventory::gaps(lists);
    reasons.dedup();
    let next = "ask for ssm:DescribeInstanceInformation (or ssm:DescribeInstanceProperties) and ec2:DescribeInstances; \
                `ssmtui connect ID` works without";
    Failure::told(format!("cannot list instances in {}", place(client)), reasons.join("; "), next)
}

fn matches(fleet: &Fleet, query: &str, now: Timestamp) -> Vec<Arc<Instance>> {
    let rows: Arc<[Arc<Instance>]> = fleet.instances().into();
    let found =
        search::search(&search::Request { generation: 0, rows, query: query.to_owned(), order: None, now });
    found.hits.iter().map(|hit| Arc::clone(&found.rows[*hit as usize])).collect()
}

const HEADINGS: [&str; 8] = ["NAME", "ID", "PLATFORM", "AGENT", "STATE", "SEEN", "IP", "ZONE"];

fn table(rows: &[Arc<Instance>], now: Timestamp) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut lines = vec![HEADINGS.map(str::to_owned)];
    lines.extend(rows.iter().map(|instance| cells(instance, now)));
    let width = |column: usize| lines.iter().map(|line| columns(&line[column])).max().unwrap_or(0);
    let widths: [usize; HEADINGS.len()] = std::array::from_fn(width);
    let mut text = String::new();
    for line in &lines {
        let mut row = String::new();
        for (cell, width) in line.iter().zip(widths) {
            row.push_str(cell);
            row.extend(std::iter::repeat_n(' ', width - columns(cell) + 2));
        }
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text
}

fn columns(text: &str) -> usize {
    unicode_width::UnicodeWidthStr::width(text)
}

fn cells(instance: &Instance, now: Timestamp) -> [String; HEADINGS.len()] {
    let or_dash = |value: Option<&str>| clean(value.filter(|value| !value.is_empty()).unwrap_or("-"));
    [
        or_dash(instance.name()),
        clean(instance.id.as_str()),
        or_dash(instance.platform_words().as_deref()),
        or_dash(instance.agent_version()),
        instance.state(now).word().to_owned(),
        instance.last_seen().map_or_else(|| "-".to_owned(), |seen| phrase::short_age(seen, now)),
        or_dash(instance.private_ip()),
        or_dash(instance.zone()),
    ]
}

/// The document of `--json`. Members are added, never renamed or removed; absent facts are `null`.
#[derive(Serialize)]
struct Document<'a> {
    profile: Option<&'a str>,
    region: &'a str,
    complete: bool,
    missing: Vec<String>,
    instances: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    id: &'a str,
    target: &'a str,
    name: Option<&'a str>,
    state: &'static str,
    reason: Option<String>,
    platform: Option<String>,
    agent_version: Option<&'a str>,
    last_seen: Option<String>,
    private_ip: Option<&'a str>,
    zone: Option<&'a str>,
    instance_type: Option<&'a str>,
    role: Option<&'a str>,
    launched: Option<String>,
    tags: std::collections::BTreeMap<&'a str, &'a str>,
}

fn json(client: &Client, lists: &Completeness, rows: &[Arc<Instance>], now: Timestamp) -> String {
    let context = inventory::context(client, lists.clone());
    let row = |instance: &'_ Arc<Instance>| {
        let reason = instance.state(now).cannot_be_reached();
        reason.then(|| fleet::diagnose(instance, &context, now).headline).filter(|words| !words.is_empty())
    };
    let document = Document {
        profile: client.profile(),
        region: client.region(),
        complete: lists.is_complete(),
        missing: inventory::gaps(lists),
        instances: rows
            .iter()
            .map(|instance| Row {
                id: instance.id.as_str(),
                target: instance.target().as_str(),
                name: instance.name(),
                state: instance.state(now).word(),
                reason: row(instance),
                platform: instance.platform_words().map(|words| words.into_owned()),
                agent_version: instance.agent_version(),
                last_seen: instance.last_seen().map(|at| at.to_string()),
                private_ip: instance.private_ip(),
                zone: instance.zone(),
                instance_type: instance.instance_type(),
                role: instance.role(),
                launched: instance.launched().map(|at| at.to_string()),
                tags: instance.tags().iter().map(|tag| (&*tag.key, &*tag.value)).collect(),
            })
            .collect(),
    };
    let mut text = serde_json::to_string_pretty(&document).expect("plain data has a JSON form");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::{MachineRecord, MachineState, Source, Tag, Update};

    fn fleet() -> Fleet {
        let mut fleet = Fleet::new();
        let now = Timestamp::UNIX_EPOCH;
        let machine = |id: &str, name: &str| MachineRecord {
            tags: Box::new([Tag::new("Name", name)]),
            zone: Some("eu-west-1a".into()),
            ..MachineRecord::new(id, MachineState::Stopped)
        };
        let records = vec![machine("i-0b", "wéb-2"), machine("i-0a", "web-1\u{1b}[31m")];
        for update in [
            Update::Started { generation: 1 },
            Update::Machines { generation: 1, records },
            Update::Done { generation: 1, source: Source::MachineList, outcome: fleet::Outcome::Complete },
        ] {
            fleet.apply(update, now);
        }
        fleet
    }

    #[test]
    fn the_table_is_aligned_and_no_name_can_steer_the_terminal() {
        let now = Timestamp::UNIX_EPOCH;
        let text = table(&matches(&fleet(), "", now), now);
        insta::assert_snapshot!(text, @r"
        NAME        ID    PLATFORM  AGENT  STATE    SEEN  IP  ZONE
        web-1�[31m  i-0a  -         -      stopped  -     -   eu-west-1a
        wéb-2       i-0b  -         -      stopped  -     -   eu-west-1a
        ");
    }

    #[test]
    fn a_query_leaves_out_what_does_not_match() {
        let now = Timestamp::UNIX_EPOCH;
        let found = matches(&fleet(), "web-1", now);
        assert_eq!(found.iter().map(|instance| instance.id.as_str()).collect::<Vec<_>>(), ["i-0a"]);
        assert!(matches(&fleet(), "state:lost", now).is_empty());
        assert_eq!(table(&[], now), "");
    }
}
