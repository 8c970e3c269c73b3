//! The time of a key press in the search box, at 1k, 10k and 100k instances, beside `fzf --filter` on the
//! same lines in the same run: `cargo bench --bench search`. Sizes may be given: `-- 1000 50000`.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use ssmtui::fleet::search::{Engine, Request};
use ssmtui::fleet::{
    AgentRecord, Fact, Fleet, Instance, MachineRecord, MachineState, Ping, Place, Platform, Query, Saved,
    Tag, Update,
};

/// What is typed, letter by letter; fzf knows what has no colon and no bracket.
const TYPED: [&str; 20] = [
    "web prod",
    "prod payments eu",
    "db-primary",
    "amazon linux",
    "i-0a1",
    "10.1.4",
    "e",
    "'prod web",
    "^api staging",
    "!web ubuntu",
    "state:lost web",
    "tag:env=prod api",
    "!state:ready age:>15m",
    "agent:<3.2 web",
    "zone:1a batch",
    "region:us type:m5",
    "seen:>1m !is:outdated",
    "web or state:lost",
    "!(web or api) prod",
    "ip:52. name:cache",
];
/// How often each is typed.
const ROUNDS: usize = 20;

fn main() {
    let sizes: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![1_000, 10_000, 100_000] } else { sizes };
    println!("{:>8} {:<22} {:>9} {:>9} {:>9}", "lines", "what", "p50", "p99", "worst");
    for size in sizes {
        let now: Timestamp = "2026-05-03T12:00:00Z".parse().unwrap();
        let started = Instant::now();
        let fleet = fleet(size, now);
        let joined = started.elapsed();
        let rows = placed(&fleet);
        let request = |query: &str| {
            // What is wrong for the moment asks for nothing new.
            let query = Query::typed(query, &Saved::default()).ok()?;
            Some(Request::new(Arc::clone(&rows), query, now))
        };
        let mut engine = Engine::new();
        let started = Instant::now();
        engine.search(&request("").unwrap());
        let prepared = started.elapsed();
        let (mut keys, mut shared) = (Vec::new(), Vec::new());
        let mut slowest: Vec<(Duration, String, usize)> = Vec::new();
        for _ in 0..ROUNDS {
            for typed in TYPED {
                engine.search(&request("").unwrap());
                for (end, letter) in typed.char_indices() {
                    let query = &typed[..end + letter.len_utf8()];
                    let Some(request) = request(query) else { continue };
                    let started = Instant::now();
                    let matches = engine.search(&request);
                    let took = started.elapsed();
                    keys.push(took);
                    shared.extend(fzf_knows(typed).then_some(took));
                    slowest.push((took, query.to_owned(), matches.hits.len()));
                }
            }
        }
        report(size, "ssmtui, per key", &mut keys);
        report(size, "  of them in fzf, too", &mut shared);
        slowest.sort_by_key(|slow| std::cmp::Reverse(slow.0));
        for (took, query, hits) in slowest.iter().take(3) {
            println!("{:>8} {:<22} {:>9.2?} ({hits} hits)", "", format!("  slow: {query:?}"), took);
        }
        match fzf(&rows, now) {
            Some(mut keys) => report(size, "fzf --filter, per key", &mut keys),
            None => println!("{size:>8} fzf is not installed: not compared (apt-get install fzf)"),
        }
        println!("{:>8} once: {joined:.1?} to join the lists, {prepared:.1?} to prepare the rows", "");
    }
}

fn report(size: usize, what: &str, times: &mut [Duration]) {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share).round() as usize];
    println!("{size:>8} {what:<22} {:>9.2?} {:>9.2?} {:>9.2?}", at(0.5), at(0.99), at(1.0));
}

fn fzf_knows(typed: &str) -> bool {
    !typed.contains([':', '('])
}

/// The same letters through fzf, as it is called by a script: it reads the lines each time.
fn fzf(rows: &[Arc<Instance>], now: Timestamp) -> Option<Vec<Duration>> {
    let mut lines = String::new();
    for row in rows {
        let tags: Vec<_> = row.tags().iter().map(|tag| format!("{}={}", tag.key, tag.value)).collect();
        let platform = row.platform_words().unwrap_or_default();
        lines.push_str(&format!(
            "{} {} {} {platform} {} {} {} {} {}\n",
            row.name().unwrap_or_default(),
            row.id,
            row.private_ip().unwrap_or_default(),
            row.state(now),
            tags.join(" "),
            row.place.alias.as_deref().unwrap_or_default(),
            row.place.account.as_deref().unwrap_or_default(),
            row.place.region.as_deref().unwrap_or_default(),
        ));
    }
    let mut times = Vec::new();
    for typed in TYPED.into_iter().filter(|typed| fzf_knows(typed)) {
        for (end, letter) in typed.char_indices() {
            let started = Instant::now();
            let mut child = Command::new("fzf")
                .args(["--filter", &typed[..end + letter.len_utf8()]])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .ok()?;
            let mut stdin = child.stdin.take()?;
            let lines = &lines;
            std::thread::scope(|scope| {
                scope.spawn(move || stdin.write_all(lines.as_bytes()));
                child.wait_with_output()
            })
            .ok()?;
            times.push(started.elapsed());
        }
    }
    Some(times)
}

/// The rows of a fleet spread over three accounts and two regions.
fn placed(fleet: &Fleet) -> Arc<[Arc<Instance>]> {
    let place = |number: usize| Place {
        profile: Some(["prod", "staging", "tools"][number / 2].into()),
        region: Some(["eu-west-1", "us-east-1"][number % 2].into()),
        account: Some(["111122223333", "444455556666", "777788889999"][number / 2].into()),
        alias: Some(["acme-prod", "acme-staging", "acme-tools"][number / 2].into()),
    };
    let places: Vec<_> = (0..6).map(|number| Arc::new(place(number))).collect();
    let row = |(number, row): (usize, &Arc<Instance>)| {
        Arc::new(Instance { place: Arc::clone(&places[number % 6]), ..Instance::clone(row) })
    };
    fleet.instances().iter().enumerate().map(row).collect()
}

/// A fleet as a large account has it: a few platforms, tags that repeat, names with numbers.
fn fleet(size: usize, now: Timestamp) -> Fleet {
    let mut seed = 0x5eed_u64;
    let mut random = move |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % below as u64) as usize
    };
    let apps =
        ["web", "api", "db-primary", "db-replica", "payments", "etl", "batch", "cache", "search", "edge"];
    let environments = ["prod", "staging", "dev", "test"];
    let teams = ["platform", "payments", "growth", "data", "core"];
    let platforms = [
        (Platform::Linux, "Amazon Linux", "2023"),
        (Platform::Linux, "Amazon Linux", "2"),
        (Platform::Linux, "Ubuntu", "22.04"),
        (Platform::Linux, "Red Hat Enterprise Linux", "9.4"),
        (Platform::Windows, "Microsoft Windows Server 2022 Datacenter", "10.0.20348"),
    ];
    let mut agents = Vec::new();
    let mut machines = Vec::new();
    for number in 0..size {
        let id = format!("i-0{:08x}{:08x}", random(1 << 32), random(1 << 32));
        let app = apps[random(apps.len())];
        let environment = environments[random(environments.len())];
        let name = format!("{app}-{environment}-eu-{number:05}");
        let tags = Box::new([
            Tag::new("Name", name),
            Tag::new("env", environment),
            Tag::new("app", app),
            Tag::new("team", teams[random(teams.len())]),
            Tag::new("aws:autoscaling:groupName", format!("{app}-{environment}-asg-{}", random(20))),
        ]);
        let state = if random(20) == 0 { MachineState::Stopped } else { MachineState::Running };
        let is_managed = random(10) != 0;
        machines.push(MachineRecord {
            private_ip: Some(format!("10.{}.{}.{}", random(4), random(256), random(256)).into()),
            launched: Some(now - SignedDuration::from_hours(random(2_000) as i64 + 1)),
            zone: Some(format!("eu-west-1{}", ["a", "b", "c"][random(3)]).into()),
            public_ip: (random(4) == 0).then(|| format!("52.{}.{}.9", random(256), random(256)).into()),
            instance_type: Some(["t3.large", "m5.large", "c6g.xlarge", "r5.2xlarge"][random(4)].into()),
            tags,
            ..MachineRecord::new(id.as_str(), state)
        });
        if is_managed {
            let (platform, name, version) = platforms[random(platforms.len())];
            agents.push(AgentRecord {
                ping: Some(if random(30) == 0 { Ping::Lost } else { Ping::Online }),
                last_ping: Some(now - SignedDuration::from_secs(random(300) as i64)),
                agent_version: Some(["3.3.987.0", "3.3.40.0", "3.1.1732.0", "2.3.1319.0"][random(4)].into()),
                platform: Some(platform),
                platform_name: Some(name.into()),
                platform_version: Some(version.into()),
                ..AgentRecord::new(id.as_str())
            });
        }
    }
    let mut fleet = Fleet::new();
    fleet.apply(Update::Started { generation: 1 }, now);
    for page in machines.chunks(1_000) {
        fleet.apply(Update::Machines { generation: 1, records: page.to_vec() }, now);
    }
    for page in agents.chunks(50) {
        fleet.apply(Update::Agents { generation: 1, records: page.to_vec() }, now);
    }
    let ids: Vec<_> = fleet.instances().iter().map(|instance| instance.id.clone()).take(40).collect();
    for id in ids {
        let status = Fact::Known { value: ssmtui::fleet::Connection::Connected, at: now };
        fleet.apply(Update::Connection { id, status }, now);
    }
    fleet
}
