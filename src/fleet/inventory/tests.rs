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
    let counts = fleet.counts(now());
    assert_eq!((counts.total(), counts.reachable(), counts.of(State::Gone)), (1, 1, 1));
    assert_eq!(fleet.completeness().rows, 1);
}

#[test]
fn a_row_is_small_and_repeated_texts_are_shared() {
    let row = size_of::<Instance>() + size_of::<AgentRecord>() + size_of::<MachineRecord>();
    assert!(row <= 1_536, "{row} bytes");
    let typed = |id| MachineRecord { instance_type: Some("t3.large".into()), ..running(id) };
    let fleet = fleet([machines(1, [typed("i-1"), typed("i-2")])]);
    let kind =
        |id: &str| fleet.get(&id.into()).unwrap().machine.seen().unwrap().instance_type.clone().unwrap();
    assert!(Arc::ptr_eq(&kind("i-1"), &kind("i-2")));
}
