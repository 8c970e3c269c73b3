//! What the rows themselves cost: pages that are joined, the file of the last time, memory, order.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use ssmtui::fleet::cache::{Cache, Key};
use ssmtui::fleet::{
    AgentRecord, Column, Direction, Fleet, Instance, MachineRecord, MachineState, Outcome, Ping, Place,
    Platform, Source, Tag, Update, order,
};

/// Bytes of memory that this process holds.
fn held() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split_whitespace().nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4_096
}

fn now() -> Timestamp {
    "2026-05-03T12:00:00Z".parse().unwrap()
}

pub fn report(what: &str, times: &mut [Duration]) {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share).round() as usize];
    println!(
        "{what:<48} p50 {:>9.2?}  p99 {:>9.2?}  worst {:>9.2?}  n {}",
        at(0.5),
        at(0.99),
        at(1.0),
        times.len()
    );
}

/// One node as a large account has it; the same for the same number.
fn node(number: usize) -> (MachineRecord, Option<AgentRecord>) {
    let mut seed = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut random = move |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % below as u64) as usize
    };
    let now = now();
    let id = format!("i-0{:08x}{:08x}", random(1 << 32), random(1 << 32));
    let (app, stage) = (["web", "api", "db", "etl", "edge"][random(5)], ["prod", "test", "dev"][random(3)]);
    let ip = format!("10.{}.{}.{}", random(4), random(256), random(256));
    let dns = format!("ip-{}.eu-west-1.compute.internal", ip.replace('.', "-"));
    let machine = MachineRecord {
        private_ip: Some(ip.as_str().into()),
        private_dns: Some(dns.as_str().into()),
        launched: Some(now - SignedDuration::from_hours(random(2_000) as i64 + 1)),
        profile_arn: Some("arn:aws:iam::123456789012:instance-profile/node".into()),
        zone: Some(["eu-west-1a", "eu-west-1b", "eu-west-1c"][random(3)].into()),
        instance_type: Some(["t3.large", "m5.large", "c5.2xlarge"][random(3)].into()),
        vpc: Some("vpc-0a1b2c3d".into()),
        subnet: Some(format!("subnet-{:04x}", random(40)).into()),
        security_groups: Box::new([format!("sg-{:04x}", random(60)).into()]),
        platform_details: Some("Linux/UNIX".into()),
        architecture: Some("x86_64".into()),
        image: Some(format!("ami-{:04x}", random(30)).into()),
        account: Some("123456789012".into()),
        tags: Box::new([
            Tag::new("Name", format!("{app}-{stage}-{number:05}")),
            Tag::new("env", stage),
            Tag::new("app", app),
            Tag::new("team", ["core", "data", "shop"][random(3)]),
        ]),
        ..MachineRecord::new(
            id.as_str(),
            if random(20) == 0 { MachineState::Stopped } else { MachineState::Running },
        )
    };
    let agent = (random(10) != 0).then(|| AgentRecord {
        ping: Some(if random(30) == 0 { Ping::Lost } else { Ping::Online }),
        last_ping: Some(now - SignedDuration::from_secs(random(300) as i64)),
        agent_version: Some("3.3.987.0".into()),
        is_latest: Some(false),
        platform: Some(Platform::Linux),
        platform_name: Some("Amazon Linux".into()),
        platform_version: Some("2023".into()),
        resource_type: Some("EC2Instance".into()),
        source_type: Some("AWS::EC2::Instance".into()),
        source_id: Some(id.as_str().into()),
        registered: Some(now - SignedDuration::from_hours(50)),
        computer_name: Some(dns.as_str().into()),
        ip: Some(ip.as_str().into()),
        ..AgentRecord::new(id.as_str())
    });
    (machine, agent)
}

/// A list page by page as AWS sends it, each made when it is due: what waited would count as memory of the list.
pub fn pages(size: usize) -> impl Iterator<Item = Update> {
    // DescribeInstances gives 1,000 at a time and DescribeInstanceInformation 50.
    let numbers =
        move |step: usize| (0..size).step_by(step).map(move |start| start..(start + step).min(size));
    let machines = numbers(1_000)
        .map(|page| Update::Machines { generation: 1, records: page.map(|number| node(number).0).collect() });
    let agents = numbers(50).map(|page| Update::Agents {
        generation: 1,
        records: page.filter_map(|number| node(number).1).collect(),
    });
    let ends = [Source::MachineList, Source::AgentList].map(|source| Update::Done {
        generation: 1,
        source,
        outcome: Outcome::Complete,
    });
    machines.chain(agents).chain(ends)
}

fn strings(row: &Instance) -> usize {
    // Its own alone: what rows share is counted once for all of them.
    let machine = row.machine.seen();
    let own = [
        Some(row.id.as_str()),
        row.name(),
        row.private_ip(),
        machine.and_then(|machine| machine.private_dns.as_deref()),
        row.agent.seen().and_then(|agent| agent.computer_name.as_deref()),
        row.agent.seen().and_then(|agent| agent.ip.as_deref()),
        row.agent.seen().and_then(|agent| agent.source_id.as_deref()),
    ];
    // A text in two records is one.
    let own: std::collections::HashSet<_> =
        own.into_iter().flatten().map(|text| (text.as_ptr(), text.len())).collect();
    own.into_iter().map(|(_, length)| length).sum()
}

fn empty() -> Fleet {
    let mut fleet = Fleet::new();
    let (account, region) = (Some("123456789012".into()), Some("eu-west-1".into()));
    fleet.set_place(Place { account, region, ..Place::default() });
    fleet
}

/// A process of its own for each measurement of memory, since what was freed before would hide what is taken.
const MEMORY: [&str; 2] = ["memory-read", "memory-loaded"];

/// Measures memory, if that is what this process was started for.
pub fn was_memory(arguments: &[String]) -> bool {
    let Some(at) = arguments.iter().position(|argument| MEMORY.contains(&argument.as_str())) else {
        return false;
    };
    let size: usize = arguments[at + 1].parse().unwrap();
    let before = held();
    let (what, fleet) = if arguments[at] == MEMORY[0] {
        let mut fleet = empty();
        pages(size).for_each(|update| drop(fleet.apply(update, now())));
        ("read", fleet)
    } else {
        let listing = Cache::at(&arguments[at + 2]).load(&key()).unwrap();
        ("loaded", Fleet::from_last_time(listing, now()))
    };
    let memory = held() - before;
    let texts: usize = fleet.instances().iter().map(|row| strings(row)).sum();
    println!(
        "{:<48} {} B a node, {} B without its own texts",
        format!("{size}: memory of the list as it was {what}"),
        memory / size,
        (memory - texts) / size
    );
    true
}

fn memory(how: &str, size: usize, folder: &std::path::Path) {
    let program = std::env::current_exe().unwrap();
    let done = std::process::Command::new(program).args([how, &size.to_string()]).arg(folder).status();
    assert!(done.unwrap().success());
}

fn key() -> Key {
    Key::new([Some("prod")])
}

/// Joins all pages, refreshes them, keeps and loads them.
pub fn run(size: usize) {
    let mut fleet = empty();
    let mut times = Vec::new();
    for update in pages(size) {
        let started = Instant::now();
        fleet.apply(update, now());
        let _ = (fleet.completeness(), fleet.counts());
        times.push(started.elapsed());
    }
    let total: Duration = times.iter().sum();
    report(&format!("{size}: a page joined and counted"), &mut times);
    println!("{:<48} {total:.1?}", format!("{size}: all pages joined and counted"));
    let mut times = Vec::new();
    for update in pages(size).map(next_time) {
        let started = Instant::now();
        fleet.apply(update, now());
        times.push(started.elapsed());
    }
    report(&format!("{size}: a page of a refresh"), &mut times);

    let mut rows: Vec<u32> = (0..fleet.instances().len() as u32).collect();
    let mut times: Vec<Duration> = [Column::Name, Column::Seen, Column::State, Column::Ip, Column::Name]
        .into_iter()
        .map(|column| {
            let started = Instant::now();
            order(&mut rows, fleet.instances(), column, Direction::Descending, now());
            started.elapsed()
        })
        .collect();
    report(&format!("{size}: ordered by a column, beside the screen"), &mut times);

    let folder = std::env::temp_dir().join(format!("ssmtui-bench-fleet-{}", std::process::id()));
    let (cache, key) = (Cache::at(&folder), key());
    let listing = fleet.listing(now());
    let mut times: Vec<Duration> = (0..5).map(|_| timed(|| cache.store(&key, &listing))).collect();
    report(&format!("{size}: the list kept on the disk"), &mut times);
    let bytes: u64 =
        std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum();
    println!("{:<48} {:.1} MiB", format!("{size}: its file"), bytes as f64 / f64::from(1 << 20));
    drop((listing, fleet));
    let mut times: Vec<Duration> =
        (0..10).map(|_| timed(|| drop(std::hint::black_box(cache.load(&key))))).collect();
    report(&format!("{size}: the list loaded (and dropped)"), &mut times);
    let listing = cache.load(&key).unwrap();
    let started = Instant::now();
    let cached = Fleet::from_last_time(listing, now());
    println!("{:<48} {:.1?}", format!("{size}: a fleet made of it"), started.elapsed());
    let mut fleet = Fleet::new();
    let started = Instant::now();
    fleet.take_cached(cached, now());
    println!("{:<48} {:.1?}", format!("{size}: taken in on the screen's thread"), started.elapsed());
    drop(fleet);
    for how in MEMORY {
        memory(how, size, &folder);
    }
    let _ = std::fs::remove_dir_all(folder);
}

fn timed(work: impl FnOnce()) -> Duration {
    let started = Instant::now();
    work();
    started.elapsed()
}

fn next_time(mut update: Update) -> Update {
    let (Update::Agents { generation, .. }
    | Update::Machines { generation, .. }
    | Update::Done { generation, .. }) = &mut update
    else {
        return update;
    };
    *generation = 2;
    if let Update::Agents { records, .. } = &mut update {
        records.iter_mut().for_each(|record| record.last_ping = Some(now()));
    }
    update
}
