//! `ssmtui ls`: the fleet as a table or as JSON. What is missing is said on stderr and in the document.

use std::{
    collections::HashSet,
    io::{self, IsTerminal},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use jiff::Timestamp;
use serde::Serialize;

use super::{
    Failure,
    args::Ls,
    clean,
    inventory::{self, Estate, Part, Patience},
    print,
    signal::{INTERRUPT, Signals},
    watch::Watch,
};
use crate::{
    aws::{Client, Connector},
    config::{self, Config},
    fleet::{
        self, Completeness, Fleet, Instance, InstanceId, Place, Query, Saved, State, Text, cache::Cache,
        phrase, search,
    },
    tui::state::query,
};

/// Nodes whose channel is asked for, at most.
const VERIFIED: usize = 200;
/// The list is not complete because a source failed.
const PARTIAL: u8 = 3;
/// The query is none.
const USAGE: u8 = 2;
/// Between two readings of `--watch` where the config file reads on demand only.
const EVERY: Duration = Duration::from_secs(30);

pub(super) async fn run(connectors: &[Connector], config: &Config, ls: &Ls) -> Result<ExitCode, Failure> {
    let saved = saved(config)?;
    if ls.queries {
        print(listed(&saved).as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    let text = ls.query.join(" ");
    let query = match Query::parse(&text, &saved) {
        Ok(query) => query,
        Err(problem) => {
            let told = problem.told(&text).replace('\n', "\n  ");
            eprintln!("ssmtui: this query cannot be read\n  {told}");
            return Ok(ExitCode::from(USAGE));
        }
    };
    if ls.cached {
        return cached(connectors, &query, ls.json);
    }
    if ls.watch {
        return watch(connectors, config, &query, ls.json).await;
    }
    // What a pipe or a script is given is all of it.
    let patience = if io::stdout().is_terminal() { Patience::UntilInterrupt } else { Patience::Endless };
    let estate = read(connectors, &query, patience).await?;
    let now = Timestamp::now();
    let rows = matches(estate.rows(), &query, now);
    let page = match ls.json {
        true => {
            let places = estate.parts.iter().map(PlaceRead::new).collect();
            json(places, estate.gaps(), &estate.fleets(), &rows, now)
        }
        false => table(&rows, now),
    };
    print(page.as_bytes())?;
    if !ls.json && rows.is_empty() {
        let all = estate.rows().len();
        eprintln!(
            "ssmtui: {}",
            match (all, query.is_empty()) {
                (0, _) => format!("there are no instances in {}", estate.words()),
                (_, false) => format!("none of {} instances matches `{text}`", phrase::count(all)),
                (_, true) => "there is nothing to show".to_owned(),
            }
        );
    }
    for gap in estate.gaps() {
        eprintln!("ssmtui: {gap}");
    }
    Ok(if estate.has_failed() { ExitCode::from(PARTIAL) } else { ExitCode::SUCCESS })
}

/// Reads all lists, and asks which nodes are ready.
async fn read(connectors: &[Connector], query: &Query, patience: Patience) -> Result<Estate, Failure> {
    let mut estate = inventory::read_all(connectors, patience).await?;
    if let Some((_, client, fleet)) = estate.reads().next()
        && estate.reads().all(|(_, _, fleet)| nothing_was_read(&fleet.completeness()))
    {
        return Err(nothing(client, &fleet.completeness()).await);
    }
    tokio::select! {
        () = verify(&mut estate.parts, query, &[State::Online]) => {}
        () = patience.ends() => {}
    }
    Ok(estate)
}

/// The lists that were kept the last time, without a single call.
fn cached(connectors: &[Connector], query: &Query, is_json: bool) -> Result<ExitCode, Failure> {
    let now = Timestamp::now();
    let cache = Cache::platform();
    let kept = |connector: &Connector| {
        let listing = cache.as_ref().zip(connector.cache_key()).and_then(|(cache, key)| cache.load(&key))?;
        Some(Fleet::from_last_time(listing, now))
    };
    let all: Vec<(Place, Option<Fleet>)> =
        connectors.iter().map(|connector| (connector.place(), kept(connector))).collect();
    let fleets: Vec<&Fleet> = all.iter().filter_map(|(_, fleet)| fleet.as_ref()).collect();
    if fleets.is_empty() {
        let why =
            "the app keeps a list when it has read it to its end, for the same profile, region and keys";
        return Err(Failure::told("there is no list of the last time", why, "leave out `--cached`"));
    }
    let places: Vec<PlaceRead> =
        all.iter().map(|(place, fleet)| PlaceRead::kept(place, fleet.as_ref())).collect();
    let gaps: Vec<String> = places.iter().flat_map(|place| place.told(now)).collect();
    let rows = matches(inventory::rows(fleets.iter().copied()), query, now);
    let page = match is_json {
        true => json(places, gaps.clone(), &fleets, &rows, now),
        false => table(&rows, now),
    };
    print(page.as_bytes())?;
    gaps.iter().for_each(|gap| eprintln!("ssmtui: {gap}"));
    Ok(ExitCode::SUCCESS)
}

/// Asks which of the nodes in these states have their channel open; where they are too many, of those that match.
async fn verify(parts: &mut [Part], query: &Query, states: &[State]) {
    let now = Timestamp::now();
    let mut left = VERIFIED;
    for (client, fleet) in parts.iter_mut().filter_map(|part| part.read.as_mut().ok()) {
        let mut asked = inventory::in_states(fleet, states, now);
        if asked.len() > left {
            let matching: HashSet<_> =
                matches(fleet.instances().into(), query, now).into_iter().map(|row| row.id.clone()).collect();
            asked.retain(|(id, _)| matching.contains(id));
            asked.truncate(left);
        }
        left -= asked.len();
        inventory::verify(client, fleet, asked).await;
    }
}

/// Shows the rows, then reads each account and region again and again, at its own pace, and prints what changed, until a
/// signal comes: SIGINT is a good end.
async fn watch(
    connectors: &[Connector],
    config: &Config,
    query: &Query,
    is_json: bool,
) -> Result<ExitCode, Failure> {
    let mut signals = Signals::new()?;
    let ended = |number| match number {
        INTERRUPT => ExitCode::SUCCESS,
        number => ExitCode::from(128 + number),
    };
    let every = config.refresh.unwrap_or(EVERY);
    let again = |at: usize, mut part: Part| async move {
        tokio::time::sleep(every).await;
        part.read_again().await;
        let states = [State::Online, State::Ready, State::NoChannel];
        verify(std::slice::from_mut(&mut part), query, &states).await;
        (at, part)
    };
    let mut estate = tokio::select! {
        number = signals.end() => return Ok(ended(number)),
        estate = read(connectors, query, Patience::Endless) => estate?,
    };
    let mut shown = Shown::default();
    let mut readings: FuturesUnordered<_> =
        estate.parts.iter().cloned().enumerate().map(|(at, part)| again(at, part)).collect();
    loop {
        show(&estate, query, is_json, &mut shown)?;
        tokio::select! {
            number = signals.end() => return Ok(ended(number)),
            Some((at, part)) = readings.next() => {
                estate.parts[at] = part.clone();
                readings.push(again(at, part));
            }
        }
    }
}

/// What `--watch` has shown.
#[derive(Default)]
struct Shown {
    watch: Option<Watch>,
    missing: Option<Vec<String>>,
}

/// Prints the rows the first time, later what changed, and what is missing whenever that is something else.
fn show(estate: &Estate, query: &Query, is_json: bool, shown: &mut Shown) -> Result<(), Failure> {
    let now = Timestamp::now();
    let rows = matches(estate.rows(), query, now);
    let listed = |id: &InstanceId| estate.get(id, now);
    let fleets = estate.fleets();
    let judge = judge(&fleets);
    let row = |instance: &Instance, now| to_json(&Row::new(instance, judge(instance, now), now));
    let is_first = shown.watch.is_none();
    let changes = shown.watch.get_or_insert_with(|| Watch::new(now)).changes(&rows, now, &row, &listed);
    let mut page = String::new();
    match (is_first, is_json) {
        (true, false) => page = table(&rows, now),
        (_, true) => changes.iter().for_each(|change| page.push_str(&(change.json(now, &row) + "\n"))),
        (_, false) => changes.iter().for_each(|change| page.push_str(&(change.words(now) + "\n"))),
    }
    let missing = estate.gaps();
    if shown.missing.as_ref() != Some(&missing) {
        if is_json {
            let listed = Listed {
                event: "listed",
                at: now.to_string(),
                instances: rows.len(),
                complete: estate.is_complete(),
                missing: &missing,
            };
            page.push_str(&(to_json(&listed).to_string() + "\n"));
        } else {
            missing.iter().for_each(|gap| eprintln!("ssmtui: {gap}"));
        }
        shown.missing = Some(missing);
    }
    print(page.as_bytes())
}

/// The config file's queries, each read once.
fn saved(config: &Config) -> Result<Saved, Failure> {
    query::saved(&config.queries).map_err(|problem| {
        let path = config.path.clone().unwrap_or_default();
        config::Error::Wrong { path, problem }.into()
    })
}

/// A line for each saved query.
fn listed(saved: &Saved) -> String {
    let width = saved.names().map(str::len).max().unwrap_or(0);
    let line = |name| format!("@{name:<width$}  {}\n", clean(saved.get(name).unwrap_or_default()));
    saved.names().map(line).collect()
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
    let reasons = lists.gaps(None);
    let next = "ask for ssm:DescribeInstanceInformation (or ssm:DescribeInstanceProperties) and ec2:DescribeInstances; \
                `ssmtui connect ID` works without";
    Failure::told(format!("cannot list instances in {}", inventory::words(client)), reasons.join("; "), next)
}

fn matches(rows: Arc<[Arc<Instance>]>, query: &Query, now: Timestamp) -> Vec<Arc<Instance>> {
    let found = search::search(&search::Request::new(rows, query.clone(), now));
    found.hits.iter().map(|hit| Arc::clone(&found.rows[*hit as usize])).collect()
}

const HEADINGS: [&str; 8] = ["NAME", "ID", "PLATFORM", "AGENT", "STATE", "SEEN", "IP", "ZONE"];
/// Behind the others, where rows differ in them.
const PLACES: [&str; 2] = ["ACCOUNT", "REGION"];

fn table(rows: &[Arc<Instance>], now: Timestamp) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let spot = |row: &Instance| (row.place.account.clone(), row.place.region.clone());
    let several = rows.iter().any(|row| spot(row) != spot(&rows[0]));
    let of_place = |cells: [String; PLACES.len()]| cells.into_iter().filter(move |_| several);
    let headings = HEADINGS.map(str::to_owned).into_iter().chain(of_place(PLACES.map(str::to_owned)));
    let mut lines: Vec<Vec<String>> = vec![headings.collect()];
    lines.extend(rows.iter().map(|row| {
        let place = [row.place.account_words(), row.place.region.as_deref()];
        cells(row, now).into_iter().chain(of_place(place.map(or_dash))).collect()
    }));
    let width = |column: usize| lines.iter().map(|line| columns(&line[column])).max().unwrap_or(0);
    let widths: Vec<usize> = (0..lines[0].len()).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        let mut row = String::new();
        for (cell, width) in line.iter().zip(&widths) {
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

fn or_dash(value: Option<&str>) -> String {
    clean(value.filter(|value| !value.is_empty()).unwrap_or("-"))
}

fn cells(instance: &Instance, now: Timestamp) -> [String; HEADINGS.len()] {
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
    /// The one that was asked for; null where there are several.
    profile: Option<Text>,
    region: Option<Text>,
    places: Vec<PlaceRead>,
    complete: bool,
    missing: Vec<String>,
    instances: Vec<Row<'a>>,
}

/// An account and region that was asked for, and how far it could be read.
#[derive(Serialize)]
struct PlaceRead {
    profile: Option<Text>,
    region: Option<Text>,
    account: Option<Text>,
    complete: bool,
    missing: Vec<String>,
    /// Of a list of the last time: when it was read.
    cached_at: Option<Timestamp>,
}

impl PlaceRead {
    fn new(part: &Part) -> Self {
        let Place { profile, region, account, .. } = part.place();
        let (complete, missing) = (part.is_complete(), part.gaps());
        Self { profile, region, account, complete, missing, cached_at: None }
    }

    /// With its list of the last time, if there is one.
    fn kept(named: &Place, fleet: Option<&Fleet>) -> Self {
        let Place { profile, region, account, .. } =
            fleet.map_or_else(|| named.clone(), |fleet| Place::clone(fleet.place()));
        let missing = match fleet {
            Some(_) => Vec::new(),
            None => vec!["there is no list of the last time".to_owned()],
        };
        let cached_at = fleet.and_then(|fleet| fleet.completeness().cached);
        Self { profile, region, account, complete: false, missing, cached_at }
    }

    /// What a list of the last time wants to be said of it.
    fn told(&self, now: Timestamp) -> Vec<String> {
        let place = Place {
            profile: self.profile.clone(),
            region: self.region.clone(),
            account: self.account.clone(),
            ..Place::default()
        };
        let age = self.cached_at.map(|at| format!("as it was {} ago", phrase::age(at, now)));
        age.iter().chain(&self.missing).map(|words| format!("{}: {words}", place.words())).collect()
    }
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
    account: Option<&'a str>,
    region: Option<&'a str>,
    profile: Option<&'a str>,
    zone: Option<&'a str>,
    instance_type: Option<&'a str>,
    role: Option<&'a str>,
    launched: Option<String>,
    tags: std::collections::BTreeMap<&'a str, &'a str>,
}

/// A line of `--json --watch` after the first reading, and whenever something else is missing. Members are added, never
/// renamed or removed.
#[derive(Serialize)]
struct Listed<'a> {
    event: &'static str,
    at: String,
    /// How many match.
    instances: usize,
    complete: bool,
    missing: &'a [String],
}

fn to_json(data: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(data).expect("plain data has a JSON form")
}

/// Why a row cannot be reached, of those that cannot.
fn judge<'a>(fleets: &[&'a Fleet]) -> impl Fn(&Instance, Timestamp) -> Option<String> + use<'a> {
    let of = |fleet: &&'a Fleet| (*fleet, inventory::context_at(fleet.place(), fleet.completeness()));
    let contexts: Vec<_> = fleets.iter().map(of).collect();
    move |instance, now| {
        if !instance.state(now).cannot_be_reached() {
            return None;
        }
        let (_, context) = contexts.iter().find(|(fleet, _)| fleet.get(&instance.id).is_some())?;
        Some(fleet::diagnose(instance, context, now).headline).filter(|words| !words.is_empty())
    }
}

impl<'a> Row<'a> {
    fn new(instance: &'a Instance, reason: Option<String>, now: Timestamp) -> Self {
        Self {
            id: instance.id.as_str(),
            target: instance.target().as_str(),
            name: instance.name(),
            state: instance.state(now).word(),
            reason,
            platform: instance.platform_words().map(|words| words.into_owned()),
            agent_version: instance.agent_version(),
            last_seen: instance.last_seen().map(|at| at.to_string()),
            private_ip: instance.private_ip(),
            account: instance.place.account.as_deref(),
            region: instance.place.region.as_deref(),
            profile: instance.place.profile.as_deref(),
            zone: instance.zone(),
            instance_type: instance.instance_type(),
            role: instance.role(),
            launched: instance.launched().map(|at| at.to_string()),
            tags: instance.tags().iter().map(|tag| (&*tag.key, &*tag.value)).collect(),
        }
    }
}

fn json(
    places: Vec<PlaceRead>,
    missing: Vec<String>,
    fleets: &[&Fleet],
    rows: &[Arc<Instance>],
    now: Timestamp,
) -> String {
    let judge = judge(fleets);
    let (profile, region) = match places.as_slice() {
        [only] => (only.profile.clone(), only.region.clone()),
        _ => (None, None),
    };
    let document = Document {
        profile,
        region,
        complete: places.iter().all(|place| place.complete),
        places,
        missing,
        instances: rows.iter().map(|row| Row::new(row, judge(row, now), now)).collect(),
    };
    let mut text = serde_json::to_string_pretty(&document).expect("plain data has a JSON form");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::{Fleet, MachineRecord, MachineState, Source, Tag, Update};

    fn rows() -> Arc<[Arc<Instance>]> {
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
        fleet.instances().into()
    }

    #[test]
    fn the_table_is_aligned_and_no_name_can_steer_the_terminal() {
        let now = Timestamp::UNIX_EPOCH;
        let text = table(&matches(rows(), &Query::default(), now), now);
        insta::assert_snapshot!(text, @r"
        NAME        ID    PLATFORM  AGENT  STATE    SEEN  IP  ZONE
        web-1�[31m  i-0a  -         -      stopped  -     -   eu-west-1a
        wéb-2       i-0b  -         -      stopped  -     -   eu-west-1a
        ");
    }

    #[test]
    fn a_query_leaves_out_what_does_not_match() {
        let now = Timestamp::UNIX_EPOCH;
        let found = matches(rows(), &Query::words_of("web-1"), now);
        assert_eq!(found.iter().map(|instance| instance.id.as_str()).collect::<Vec<_>>(), ["i-0a"]);
        let lost = Query::parse("state:lost", &Saved::default()).unwrap();
        assert!(matches(rows(), &lost, now).is_empty());
        assert_eq!(table(&[], now), "");
    }
}
