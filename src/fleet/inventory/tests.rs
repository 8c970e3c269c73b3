//! Pages, generations, joins and failures of the inventory.

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::fleet::State;
use crate::fleet::record::{Connection, Tag};

fn now() -> Timestamp {
    "2026-05-03T12:00:00Z".parse().unwrap()
}

fn later(minutes: i64) -> Timestamp {
    now() + SignedDuration::from_mins(minutes)
}

fn online(id: &str) -> AgentRecord {
    AgentRecord { ping: Some(Ping::Online), last_ping: Some(now()), ..AgentRecord::new(id) }
}

fn running(id: &str) -> MachineRecord {
    let launched = Some(now() - SignedDuration::from_hours(9));
    MachineRecord { launched, ..MachineRecord::new(id, MachineState::Running) }
}

fn agents(generation: u64, records: impl IntoIterator<Item = AgentRecord>) -> Update {
    Update::Agents { generation, records: records.into_iter().collect() }
}

fn machines(generation: u64, records: impl IntoIterator<Item = MachineRecord>) -> Update {
    Update::Machines { generation, records: records.into_iter().collect() }
}

fn done(generation: u64, source: Source, outcome: Outcome) -> Update {
    Update::Done { generation, source, outcome }
}

fn denied(action: &str) -> Outcome {
    Outcome::Denied { action: action.into(), message: "User: … is not authorized".into() }
}

fn failed() -> Outcome {
    Outcome::Failed { message: "AWS is throttling the list".into() }
}

fn fleet(updates: impl IntoIterator<Item = Update>) -> Fleet {
    let mut fleet = Fleet::new();
    for update in updates {
        fleet.apply(update, now());
    }
    fleet
}

fn state(fleet: &Fleet, id: &str) -> Option<State> {
    fleet.get(&id.into()).map(|instance| instance.state(now()))
}

fn complete(ids: &[&str]) -> Fleet {
    fleet([
        Update::Started { generation: 1 },
        machines(1, ids.iter().map(|id| running(id))),
        agents(1, ids.iter().map(|id| online(id))),
        done(1, Source::MachineList, Outcome::Complete),
        done(1, Source::AgentList, Outcome::Complete),
    ])
}

#[test]
fn both_lists_make_one_row_whichever_comes_first() {
    let one = fleet([machines(1, [running("i-1")]), agents(1, [online("i-1")])]);
    let two = fleet([agents(1, [online("i-1")]), machines(1, [running("i-1")])]);
    assert_eq!(one.instances(), two.instances());
    assert_eq!(one.instances().len(), 1);
}

#[test]
fn peers_c35_hybrid_nodes_are_rows_like_any_other() {
    let hybrid = AgentRecord { name: Some("rack-7".into()), ..online("mi-0f3") };
    let joined = AgentRecord {
        source_type: Some("AWS::EC2::Instance".into()),
        source_id: Some("i-7".into()),
        ..online("mi-ec2")
    };
    let thing = AgentRecord {
        source_type: Some("AWS::IoT::Thing".into()),
        source_id: Some("i-like-things".into()),
        ..online("mi-iot")
    };
    let fleet = fleet([
        machines(1, [running("i-7")]),
        agents(1, [hybrid, joined, thing]),
        done(1, Source::MachineList, Outcome::Complete),
        done(1, Source::AgentList, Outcome::Complete),
    ]);
    assert_eq!(fleet.instances().len(), 3, "the one that runs on EC2 is one row");
    let row = fleet.get(&"mi-ec2".into()).unwrap();
    assert_eq!((row.id.as_str(), row.target().as_str()), ("i-7", "mi-ec2"));
    assert_eq!(fleet.get(&"mi-0f3".into()).unwrap().name(), Some("rack-7"));
    for id in ["mi-0f3", "mi-iot", "i-7"] {
        assert_eq!(state(&fleet, id), Some(State::Online), "{id}: EC2 not listing it means nothing");
    }
}

#[test]
fn a_hybrid_target_elsewhere_is_not_gone_because_ec2_here_does_not_list_it() {
    let elsewhere = AgentRecord { source_id: Some("i-far".into()), ..online("mi-far") };
    let fleet = fleet([agents(1, [elsewhere]), done(1, Source::MachineList, Outcome::Complete)]);
    assert_eq!(state(&fleet, "mi-far"), Some(State::Online));
}

#[test]
fn peers_c36_every_page_counts_and_the_footer_says_so() {
    let mut fleet = Fleet::new();
    fleet.apply(Update::Started { generation: 1 }, now());
    let ids: Vec<String> = (0..1_900).map(|number| format!("i-{number:04}")).collect();
    for page in ids.chunks(50) {
        fleet.apply(agents(1, page.iter().map(|id| online(id))), now());
        // A page may be empty and not be the last.
        fleet.apply(agents(1, []), now());
    }
    assert_eq!(fleet.completeness().words(None, now()), "1,900 so far");
    for page in ids.chunks(1_000) {
        fleet.apply(machines(1, page.iter().map(|id| running(id))), now());
    }
    fleet.apply(done(1, Source::MachineList, Outcome::Complete), now());
    assert_eq!(fleet.completeness().words(None, now()), "1,900 so far");
    fleet.apply(done(1, Source::AgentList, Outcome::Complete), now());
    assert_eq!(fleet.completeness().words(None, now()), "1,900 of 1,900");
    assert!(fleet.completeness().is_complete());
}

#[test]
fn a_list_that_is_throttled_says_so_until_pages_come_unhindered_for_a_while() {
    let mut fleet = Fleet::new();
    fleet.apply(agents(1, [online("mi-1")]), now());
    let throttled = |generation| Update::Throttled { generation, source: Source::AgentList };
    assert!(fleet.apply(throttled(0), now()).is_empty(), "an older reading's");
    assert!(fleet.apply(throttled(1), now()).progress);
    let words = |fleet: &Fleet, seconds| {
        fleet.completeness().words(None, now() + jiff::SignedDuration::from_secs(seconds))
    };
    assert_eq!(words(&fleet, 14), "1 so far · AWS throttles the list; it goes on by itself");
    assert_eq!(words(&fleet, 15), "1 so far");
    fleet.apply(done(1, Source::AgentList, Outcome::Complete), now());
    fleet.apply(done(1, Source::MachineList, Outcome::Complete), now());
    assert_eq!(words(&fleet, 0), "1 of 1", "it is over");
    fleet.apply(Update::Started { generation: 2 }, now());
    assert_eq!(fleet.completeness().throttled(now()), None, "a new reading begins unhindered");
}

#[test]
fn peers_c37_one_stale_id_spoils_nothing() {
    let mut fleet = complete(&["i-1", "i-2"]);
    let status = Fact::Failed("InvalidInstanceId".into());
    assert!(
        fleet.apply(Update::Connection { id: "i-stale".into(), status: status.clone() }, now()).is_empty()
    );
    fleet.apply(Update::Connection { id: "i-1".into(), status }, now());
    let status = Fact::Known { value: Connection::Connected, at: now() };
    fleet.apply(Update::Connection { id: "i-2".into(), status }, now());
    assert_eq!(state(&fleet, "i-1"), Some(State::Online));
    assert_eq!(state(&fleet, "i-2"), Some(State::Ready));
}

#[test]
fn peers_c38_only_connected_means_ready() {
    let mut fleet = complete(&["i-1"]);
    assert_eq!(state(&fleet, "i-1"), Some(State::Online), "a heartbeat is not a channel");
    let answer = |value| Update::Connection { id: "i-1".into(), status: Fact::Known { value, at: now() } };
    fleet.apply(answer(Connection::Connected), now());
    assert_eq!(state(&fleet, "i-1"), Some(State::Ready));
    fleet.apply(answer(Connection::NotConnected), now());
    assert_eq!(state(&fleet, "i-1"), Some(State::NoChannel));
    let status = Fact::Denied { action: "ssm:GetConnectionStatus".into() };
    fleet.apply(Update::Connection { id: "i-1".into(), status }, now());
    assert_eq!(state(&fleet, "i-1"), Some(State::Online));
}

#[test]
fn a_row_goes_only_when_its_source_was_read_to_the_end_without_it() {
    let mut fleet = complete(&["i-1", "i-2"]);
    fleet.apply(Update::Started { generation: 2 }, later(1));
    fleet.apply(agents(2, [online("i-1")]), later(1));
    fleet.apply(machines(2, [running("i-1")]), later(1));
    fleet.apply(done(2, Source::AgentList, failed()), later(1));
    fleet.apply(done(2, Source::MachineList, denied("ec2:DescribeInstances")), later(1));
    assert_eq!(fleet.instances().len(), 2);
    assert_eq!(
        fleet.completeness().words(None, later(5)),
        "1 of 2 refreshed; the rest are 5 min old: AWS is throttling the list"
    );

    fleet.apply(Update::Started { generation: 3 }, later(2));
    fleet.apply(agents(3, [online("i-1")]), later(2));
    fleet.apply(machines(3, [running("i-1")]), later(2));
    assert!(fleet.apply(done(3, Source::AgentList, Outcome::Complete), later(2)).removed.is_empty());
    let changes = fleet.apply(done(3, Source::MachineList, Outcome::Complete), later(2));
    assert_eq!(changes.removed, [InstanceId::from("i-2")]);
    assert_eq!(fleet.get(&"i-1".into()).unwrap().id.as_str(), "i-1");
    assert!(fleet.get(&"i-2".into()).is_none());
}

#[test]
fn not_managed_is_claimed_only_when_both_lists_were_read_to_the_end() {
    let mut fleet = fleet([machines(1, [running("i-1")])]);
    fleet.apply(done(1, Source::MachineList, Outcome::Complete), now());
    assert_eq!(state(&fleet, "i-1"), Some(State::Unknown));
    fleet.apply(done(1, Source::AgentList, denied("ssm:DescribeInstanceInformation")), now());
    assert_eq!(state(&fleet, "i-1"), Some(State::Unknown));
    fleet.apply(done(2, Source::AgentList, Outcome::Complete), now());
    assert_eq!(state(&fleet, "i-1"), Some(State::NotConfigured));
}

#[test]
fn updates_of_an_older_reading_are_ignored() {
    let mut fleet = complete(&["i-1"]);
    fleet.apply(Update::Started { generation: 3 }, now());
    assert!(fleet.apply(agents(2, [online("i-late")]), now()).is_empty());
    assert!(fleet.apply(done(2, Source::AgentList, Outcome::Complete), now()).is_empty());
    assert_eq!(fleet.instances().len(), 1);
}

#[test]
fn a_heartbeat_is_no_change_and_a_new_name_is_one() {
    let mut fleet = complete(&["i-1"]);
    let beat = AgentRecord { last_ping: Some(later(5)), ..online("i-1") };
    let changes = fleet.apply(agents(2, [beat.clone()]), later(5));
    assert_eq!((changes.changed.len(), changes.touched.len()), (0, 1));
    let changes = fleet.apply(agents(2, [beat]), later(5));
    assert!(!changes.rows_changed());
    let renamed = MachineRecord { tags: Box::new([Tag::new("Name", "web-1")]), ..running("i-1") };
    assert_eq!(fleet.apply(machines(2, [renamed]), later(5)).changed, [InstanceId::from("i-1")]);
}

#[test]
fn a_stop_unsays_what_was_true_of_the_channel() {
    let mut fleet = complete(&["i-1"]);
    fleet.apply(Update::Opened { id: "i-1".into() }, now());
    let status = Fact::Known { value: Connection::Connected, at: now() };
    fleet.apply(Update::Connection { id: "i-1".into(), status }, now());
    assert_eq!(state(&fleet, "i-1"), Some(State::Ready));
    let stopped = MachineRecord { state: MachineState::Stopped, ..running("i-1") };
    fleet.apply(machines(2, [stopped]), now());
    assert_eq!(state(&fleet, "i-1"), Some(State::Stopped));
    fleet.apply(machines(3, [running("i-1")]), now());
    assert_eq!(state(&fleet, "i-1"), Some(State::Online));
}

#[test]
fn of_two_registrations_the_living_one_is_the_target() {
    let hybrid = AgentRecord { source_id: Some("i-1".into()), ..online("mi-1") };
    let dead = AgentRecord { ping: Some(Ping::Lost), ..online("i-1") };
    for records in [[hybrid.clone(), dead.clone()], [dead.clone(), hybrid.clone()]] {
        let mut fleet = fleet([agents(1, records), done(1, Source::AgentList, Outcome::Complete)]);
        assert_eq!(fleet.get(&"i-1".into()).unwrap().target().as_str(), "mi-1");
        fleet.apply(agents(2, [dead.clone()]), now());
        fleet.apply(done(2, Source::AgentList, Outcome::Complete), now());
        assert_eq!(fleet.get(&"i-1".into()).unwrap().target().as_str(), "i-1", "the other one takes over");
    }
}

#[test]
fn the_footer_says_what_is_denied_and_to_whom() {
    let who = Some("role dev-ro");
    let list = |agents: Outcome, machines: Outcome| {
        fleet([
            self::agents(1, [online("i-1")]),
            self::machines(1, (machines == Outcome::Complete).then(|| running("i-1"))),
            done(1, Source::AgentList, agents),
            done(1, Source::MachineList, machines),
        ])
    };
    let words = |fleet: &Fleet| fleet.completeness().words(who, now());
    let mut half = list(Outcome::Complete, denied("ec2:DescribeInstances"));
    let managed_only = "1 · managed nodes only: ec2:DescribeInstances is denied to role dev-ro";
    assert_eq!(words(&half), managed_only);
    half.apply(Update::Started { generation: 2 }, now());
    assert_eq!(words(&half), managed_only, "a refresh doesn't hide it");
    assert_eq!(
        words(&list(denied("ssm:DescribeInstanceInformation"), Outcome::Complete)),
        "1 · session status asked row by row: ssm:DescribeInstanceInformation is denied to role dev-ro"
    );
    assert_eq!(
        words(&list(denied("ssm:DescribeInstanceInformation"), denied("ec2:DescribeInstances"))),
        "you may not list instances here; type an id, or pick a recent one"
    );
    assert_eq!(words(&list(failed(), Outcome::Complete)), "1, not complete: AWS is throttling the list");
}

#[test]
fn rows_that_are_gone_are_not_counted() {
    let mut fleet = complete(&["i-1", "i-2"]);
    fleet.apply(machines(2, [MachineRecord::new("i-2", MachineState::ShuttingDown)]), now());
    let counts = fleet.counts();
    assert_eq!((counts.total(), counts.reachable(), counts.of(State::Gone)), (1, 1, 1));
    assert_eq!(fleet.completeness().rows, 1);
}

#[test]
fn a_row_is_small_and_repeated_texts_are_shared() {
    let row = size_of::<Instance>() + size_of::<AgentRecord>() + size_of::<MachineRecord>();
    assert!(row <= 1_120, "{row} bytes");
    let typed = |id| MachineRecord { instance_type: Some("t3.large".into()), ..running(id) };
    let fleet = fleet([machines(1, [typed("i-1"), typed("i-2")])]);
    let kind =
        |id: &str| fleet.get(&id.into()).unwrap().machine.seen().unwrap().instance_type.clone().unwrap();
    assert!(Text::ptr_eq(&kind("i-1"), &kind("i-2")));
}

/// What the counts should be: by looking at every row.
fn counted(fleet: &Fleet) -> (Counts, usize, usize, usize) {
    let mut counts = Counts::default();
    let (mut living, mut refreshed, mut cached) = (0, 0, 0);
    for (instance, read) in fleet.rows.iter().zip(&fleet.read) {
        counts.0[instance.state(now()) as usize] += 1;
        cached += usize::from(read.is_cached());
        if !instance.has_ended() {
            living += 1;
            let agent = instance.agent.seen().is_none() || read.agent == fleet.generation;
            let machine = instance.machine.seen().is_none() || read.machine == fleet.generation;
            refreshed += usize::from(agent && machine && !read.is_cached());
        }
    }
    (counts, living, refreshed, cached)
}

#[derive(Clone, Debug)]
enum Step {
    Apply(Update),
    TakeCached,
    ForgetCached,
}

fn step() -> impl proptest::strategy::Strategy<Value = Step> {
    use proptest::prelude::*;
    let id = || (0..6_u8).prop_map(|number| format!("i-{number}"));
    let agent = (id(), any::<bool>()).prop_map(|(id, hybrid)| match hybrid {
        true => AgentRecord { source_id: Some(id.as_str().into()), ..online(&format!("m{id}")) },
        false => online(&id),
    });
    let machine = (id(), any::<bool>()).prop_map(|(id, runs)| match runs {
        true => running(&id),
        false => MachineRecord::new(id, MachineState::Terminated),
    });
    let source = prop_oneof![Just(Source::AgentList), Just(Source::MachineList)];
    let outcome = prop_oneof![3 => Just(Outcome::Complete), 1 => Just(failed())];
    let update = prop_oneof![
        1 => (1..4_u64).prop_map(|generation| Update::Started { generation }),
        3 => (1..4_u64, proptest::collection::vec(agent, 0..4))
            .prop_map(|(generation, records)| Update::Agents { generation, records }),
        3 => (1..4_u64, proptest::collection::vec(machine, 0..4))
            .prop_map(|(generation, records)| Update::Machines { generation, records }),
        3 => (1..4_u64, source, outcome)
            .prop_map(|(generation, source, outcome)| Update::Done { generation, source, outcome }),
        1 => id().prop_map(|id| Update::Opened { id: id.into() }),
    ];
    prop_oneof![12 => update.prop_map(Step::Apply), 1 => Just(Step::TakeCached), 1 => Just(Step::ForgetCached)]
}

proptest::proptest! {
    #[test]
    fn counts_kept_row_by_row_are_those_of_a_look_at_all_rows(steps in proptest::collection::vec(step(), 0..40)) {
        let mut fleet = Fleet::new();
        for step in steps {
            match step {
                Step::Apply(update) => drop(fleet.apply(update, now())),
                Step::TakeCached => {
                    let before = complete(&["i-1", "i-4", "i-9"]).listing(later(-180));
                    fleet.take_cached(Fleet::from_last_time(before, now()), now());
                }
                Step::ForgetCached => drop(fleet.forget_cached()),
            }
            let books = &fleet.books;
            proptest::prop_assert_eq!((books.counts, books.living, books.refreshed, books.cached), counted(&fleet));
            for (place, row) in fleet.rows.iter().enumerate() {
                proptest::prop_assert_eq!(fleet.index.get(&row.id), Some(&place));
                proptest::prop_assert!(!super::is_unlisted(row));
            }
        }
    }
}

fn last_time(ids: &[&str]) -> Fleet {
    let read = Some(later(-180));
    let listing = complete(ids).listing(later(-180));
    Fleet::from_last_time(
        crate::fleet::cache::Listing { agents_at: read, machines_at: read, ..listing },
        now(),
    )
}

#[test]
fn the_list_of_the_last_time_shows_its_age_until_it_is_read_anew() {
    let mut fleet = Fleet::new();
    assert!(fleet.take_cached(last_time(&["i-1", "i-2"]), now()));
    let words = |fleet: &Fleet| fleet.completeness().words(None, now());
    assert_eq!(words(&fleet), "2 from 3 h ago");
    assert_eq!(fleet.cached_at(&"i-1".into()), Some(later(-180)));
    fleet.apply(Update::Started { generation: 1 }, now());
    fleet.apply(machines(1, [running("i-1")]), now());
    fleet.apply(agents(1, [online("i-1")]), now());
    assert_eq!(words(&fleet), "1 of 2 refreshed; the rest are from 3 h ago");
    assert_eq!(fleet.cached_at(&"i-1".into()), None);
    assert_eq!(fleet.cached_at(&"i-2".into()), Some(later(-180)));
    fleet.apply(done(1, Source::MachineList, Outcome::Complete), now());
    let changes = fleet.apply(done(1, Source::AgentList, Outcome::Complete), now());
    assert_eq!(
        changes.removed,
        ["i-2".into()],
        "what is no longer there goes when both lists have been read"
    );
    assert_eq!(words(&fleet), "1 of 1");
}

#[test]
fn a_reading_that_breaks_off_leaves_the_rest_of_the_last_time_with_its_age() {
    let mut fleet = Fleet::new();
    fleet.take_cached(last_time(&["i-1", "i-2"]), now());
    fleet.apply(machines(1, [running("i-1")]), now());
    fleet.apply(agents(1, [online("i-1")]), now());
    fleet.apply(done(1, Source::AgentList, failed()), now());
    let words = fleet.completeness().words(None, now());
    assert_eq!(words, "1 of 2 refreshed; the rest are 3 h old: AWS is throttling the list");
}

#[test]
fn a_list_of_the_last_time_that_comes_late_changes_nothing_that_was_read() {
    let mut fleet = complete(&["i-1"]);
    assert!(!fleet.take_cached(last_time(&["i-1", "i-2"]), now()));
    assert_eq!(fleet.instances().len(), 1);
    assert_eq!(fleet.completeness().words(None, now()), "1 of 1");
}

fn version(id: &str, version: &str) -> AgentRecord {
    AgentRecord { agent_version: Some(version.into()), ..online(id) }
}

#[test]
fn what_an_agent_said_is_remembered_when_it_is_lost_or_says_something_else() {
    let said = |fleet: &Fleet, id: &str| {
        let memory = fleet.memory(&id.into())?;
        Some((memory.agent_version.as_deref().unwrap_or_default().to_owned(), memory.at))
    };
    let mut fleet = Fleet::new();
    let read = |fleet: &mut Fleet, generation, records: Vec<AgentRecord>| {
        fleet.apply(Update::Started { generation }, now());
        fleet.apply(machines(generation, [running("i-1"), running("i-2")]), now());
        fleet.apply(agents(generation, records), now());
        fleet.apply(done(generation, Source::MachineList, Outcome::Complete), now());
        fleet.apply(done(generation, Source::AgentList, Outcome::Complete), now());
    };
    read(&mut fleet, 1, vec![version("i-1", "3.1"), version("i-2", "3.1"), version("mi-3", "3.1")]);
    assert!(fleet.remembered.is_empty(), "nothing has changed yet");
    read(&mut fleet, 2, vec![version("i-2", "3.2")]);
    for id in ["i-1", "i-2", "mi-3"] {
        assert_eq!(said(&fleet, id), Some(("3.1".to_owned(), Some(now()))), "{id}");
    }
    assert!(fleet.get(&"mi-3".into()).is_none(), "a hybrid node is remembered after its row");
    // It survives the program.
    let next = Fleet::from_last_time(fleet.listing(now()), now());
    assert_eq!(said(&next, "i-1"), said(&fleet, "i-1"));
    // A reading of this run that comes first is compared with the list of the last time that comes late.
    let mut late = Fleet::new();
    read(&mut late, 1, vec![version("i-2", "3.3")]);
    late.take_cached(next, later(60));
    assert_eq!(said(&late, "i-1").map(|(version, _)| version).as_deref(), Some("3.1"));
    assert!(late.forget_cached() || late.remembered.is_empty());
}

#[test]
fn each_call_that_is_denied_says_what_it_would_show() {
    let mut fleet = complete(&["i-1"]);
    assert!(fleet.completeness().gaps(None).is_empty());
    let action = "ssm:GetConnectionStatus".to_owned();
    let denied = Update::Connection { id: "i-1".into(), status: Fact::Denied { action } };
    assert!(fleet.apply(denied.clone(), now()).progress);
    assert!(!fleet.apply(denied, now()).progress, "it is said once");
    assert_eq!(
        fleet.completeness().words(Some("role dev-ro"), now()),
        "1 of 1 · online is not verified: ssm:GetConnectionStatus is denied to role dev-ro"
    );
    for (source, action) in [
        (Source::AgentList, "ssm:DescribeInstanceInformation"),
        (Source::MachineList, "ec2:DescribeInstances"),
    ] {
        let outcome = Outcome::Denied { action: action.to_owned(), message: String::new() };
        fleet.apply(done(2, source, outcome), now());
    }
    insta::assert_snapshot!(fleet.completeness().gaps(Some("role dev-ro")).join("\n"), @"
    SSM's list of managed nodes is missing: ssm:DescribeInstanceInformation is denied to role dev-ro; that right would show agent, last seen, the platform's version, and all hybrid nodes
    EC2's list of instances is missing: ec2:DescribeInstances is denied to role dev-ro; that right would show instances that are not managed, and zone, type, network, profile and tags of all
    whether nodes are ready is not known: ssm:GetConnectionStatus is denied to role dev-ro; that right would tell `ready` from `online`
    ");
    let status = Fact::Known { value: Connection::Connected, at: now() };
    fleet.apply(Update::Connection { id: "i-1".into(), status }, now());
    assert_eq!(fleet.completeness().gaps(None).len(), 2, "the right is there now");
}

#[test]
fn the_rows_of_another_account_are_forgotten() {
    let mut fleet = Fleet::new();
    fleet.take_cached(last_time(&["i-1", "i-2"]), now());
    fleet.apply(machines(1, [running("i-2")]), now());
    assert!(fleet.forget_cached());
    assert_eq!(fleet.instances().iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["i-2"]);
}
