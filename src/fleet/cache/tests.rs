//! Round trips, damage and the folder.

use std::sync::OnceLock;

use jiff::SignedDuration;
use proptest::prelude::*;

use super::codec::{Damage, decode, encode};
use super::*;
use crate::fleet::{
    AgentRecord, Connection, Fact, Fleet, InstanceId, MachineRecord, MachineState, MetadataEndpoint, Outcome,
    Part, Ping, Platform, Properties, Source, Tag, Update,
};

fn now() -> Timestamp {
    "2026-05-03T12:00:00Z".parse().unwrap()
}

fn text() -> impl Strategy<Value = Option<Text>> {
    // Few letters, so that texts repeat; some that are no ASCII.
    proptest::option::of("[abé🙂]{0,3}".prop_map(Text::from))
}

fn time() -> impl Strategy<Value = Option<Timestamp>> {
    let any = (-2_000_000_000_i64..9_000_000_000, 0..999_999_999_i32);
    proptest::option::of(
        any.prop_map(|(second, part)| Timestamp::new(second, if second < 0 { -part } else { part }).unwrap()),
    )
}

fn tags() -> impl Strategy<Value = Box<[Tag]>> {
    let tag = (text(), text())
        .prop_map(|(key, value)| Tag::new(key.unwrap_or_default(), value.unwrap_or_default()));
    proptest::collection::vec(tag, 0..4).prop_map(Vec::into_boxed_slice)
}

fn agent() -> impl Strategy<Value = AgentRecord> {
    let words = proptest::collection::vec(text(), 19);
    let times = proptest::collection::vec(time(), 5);
    let ping = proptest::option::of(prop_oneof![Just(Ping::Online), Just(Ping::Lost), Just(Ping::Other)]);
    let platform = proptest::option::of(prop_oneof![
        Just(Platform::Linux),
        Just(Platform::Windows),
        Just(Platform::MacOs)
    ]);
    let kinds = (ping, platform, any::<Option<bool>>(), proptest::option::of(state()));
    (words, times, kinds, tags()).prop_map(
        |(mut words, mut times, (ping, platform, is_latest, machine_state), tags)| {
            let mut word = || words.pop().unwrap();
            let mut time = || times.pop().unwrap();
            AgentRecord {
                id: InstanceId::new(word().unwrap_or_else(|| "mi-1".into())),
                ping,
                last_ping: time(),
                agent_version: word(),
                is_latest,
                platform,
                platform_name: word(),
                platform_version: word(),
                resource_type: word(),
                source_type: word(),
                source_id: word(),
                source_location: word(),
                activation_id: word(),
                iam_role: word(),
                registered: time(),
                name: word(),
                computer_name: word(),
                ip: word(),
                association_status: word(),
                association_ran: time(),
                association_succeeded: time(),
                properties: machine_state.map(|state| {
                    Box::new(Properties {
                        machine_state: Some(state),
                        instance_role: word(),
                        instance_type: word(),
                        key_name: word(),
                        architecture: word(),
                        zone: word(),
                        launched: time(),
                    })
                }),
                tags,
            }
        },
    )
}

fn state() -> impl Strategy<Value = MachineState> {
    use MachineState::{Other, Pending, Running, ShuttingDown, Stopped, Stopping, Terminated};
    proptest::sample::select(vec![Pending, Running, Stopping, Stopped, ShuttingDown, Terminated, Other])
}

fn machine() -> impl Strategy<Value = MachineRecord> {
    let words = proptest::collection::vec(text(), 18);
    let groups = proptest::collection::vec("sg-[ab]{1,2}".prop_map(Text::from), 0..3);
    let metadata =
        proptest::option::of(prop_oneof![Just(MetadataEndpoint::Enabled), Just(MetadataEndpoint::Disabled)]);
    (words, groups, metadata, state(), time(), tags()).prop_map(
        |(mut words, groups, metadata, state, launched, tags)| {
            let mut word = || words.pop().unwrap();
            MachineRecord {
                id: InstanceId::new(word().unwrap_or_else(|| "i-1".into())),
                state,
                state_transition_reason: word(),
                state_reason: word(),
                launched,
                profile_arn: word(),
                instance_type: word(),
                zone: word(),
                vpc: word(),
                subnet: word(),
                security_groups: groups.into(),
                private_ip: word(),
                public_ip: word(),
                private_dns: word(),
                public_dns: word(),
                metadata_endpoint: metadata,
                platform_details: word(),
                architecture: word(),
                image: word(),
                key_name: word(),
                account: word(),
                lifecycle: word(),
                tags,
            }
        },
    )
}

fn part<T: Clone + std::fmt::Debug>(record: impl Strategy<Value = T>) -> impl Strategy<Value = Part<T>> {
    prop_oneof![
        Just(Part::Unknown),
        Just(Part::Absent),
        record.prop_map(|record| Part::Seen(Arc::new(record)))
    ]
}

fn connection() -> impl Strategy<Value = Fact<Connection>> {
    prop_oneof![
        Just(Fact::NotAsked),
        time().prop_map(|at| Fact::Known { value: Connection::Connected, at: at.unwrap_or_else(now) }),
        time().prop_map(|at| Fact::Known { value: Connection::NotConnected, at: at.unwrap_or_else(now) }),
    ]
}

fn listing() -> impl Strategy<Value = Listing> {
    let place = (text(), text(), text(), text())
        .prop_map(|(profile, region, account, alias)| Arc::new(Place { profile, region, account, alias }));
    let row = (text(), part(agent()), part(machine()), connection());
    let rows = proptest::collection::vec(row, 0..12);
    let memory = (text(), time(), text(), text());
    let memories = proptest::collection::vec(memory, 0..4);
    (place, (time(), time(), time()), rows, memories).prop_map(|(place, times, rows, memories)| {
        let (at, agents_at, machines_at) = times;
        let memories = memories.into_iter().map(|(id, at, agent_version, computer_name)| {
            let place = Arc::clone(&place);
            let id = InstanceId::new(id.unwrap_or_default());
            (id, Memory { place, at, agent_version, computer_name })
        });
        let memories = memories.collect();
        let rows = rows.into_iter().map(|(id, agent, machine, connection)| {
            let place = Arc::clone(&place);
            Arc::new(Instance {
                place,
                agent,
                machine,
                connection,
                ..Instance::new(InstanceId::new(id.unwrap_or_default()))
            })
        });
        let rows = rows.collect();
        let (at, shared) = (at.unwrap_or_else(now), Vec::new());
        Listing { place, at, agents_at, machines_at, rows, memories, shared }
    })
}

fn without_pool(listing: Listing) -> Listing {
    Listing { shared: Vec::new(), ..listing }
}

/// A list as the fleet makes it.
fn sample() -> &'static Listing {
    static SAMPLE: OnceLock<Listing> = OnceLock::new();
    SAMPLE.get_or_init(|| fleet(12).listing(now()))
}

fn fleet(rows: usize) -> Fleet {
    let mut fleet = Fleet::new();
    fleet.set_place(Place {
        region: Some("eu-west-1".into()),
        account: Some("123456789012".into()),
        ..Place::default()
    });
    let machines = (0..rows).map(|number| MachineRecord {
        launched: Some(now() - SignedDuration::from_hours(9)),
        zone: Some("eu-west-1a".into()),
        tags: Box::new([Tag::new("Name", format!("web-{number}")), Tag::new("env", "prod")]),
        ..MachineRecord::new(format!("i-{number}"), MachineState::Running)
    });
    let agents = (0..rows).map(|number| AgentRecord {
        ping: Some(Ping::Online),
        last_ping: Some(now()),
        platform_name: Some("Amazon Linux".into()),
        ..AgentRecord::new(format!("i-{number}"))
    });
    for update in [
        Update::Machines { generation: 1, records: machines.collect() },
        Update::Agents { generation: 1, records: agents.collect() },
        Update::Done { generation: 1, source: Source::MachineList, outcome: Outcome::Complete },
        Update::Done { generation: 1, source: Source::AgentList, outcome: Outcome::Complete },
    ] {
        fleet.apply(update, now());
    }
    fleet
}

proptest! {
    #[test]
    fn any_list_comes_back_as_it_was(listing in listing()) {
        prop_assert_eq!(decode(&encode(&listing)).map(without_pool), Ok(listing));
    }

    #[test]
    fn a_file_with_any_byte_changed_is_refused(place: prop::sample::Index, change in 1_u8..) {
        let mut bytes = encode(sample());
        let at = place.index(bytes.len());
        bytes[at] ^= change;
        prop_assert!(decode(&bytes).is_err(), "byte {}", at);
    }

    #[test]
    fn a_file_cut_anywhere_is_refused(place: prop::sample::Index) {
        let bytes = encode(sample());
        prop_assert!(decode(&bytes[..place.index(bytes.len())]).is_err());
    }

    #[test]
    fn foreign_bytes_behind_a_right_head_never_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut bytes = encode(sample());
        bytes.truncate(20);
        bytes.extend_from_slice(&super::codec::checksum(&body).to_le_bytes());
        bytes.extend_from_slice(&body);
        // Nearly always refused; a body that happens to be a list is one.
        let _ = decode(&bytes);
    }
}

#[test]
fn another_version_and_foreign_files_are_told_apart() {
    let mut bytes = encode(sample());
    bytes[8] += 1;
    assert_eq!(decode(&bytes), Err(Damage::Version));
    assert_eq!(decode(b"{\"rows\": []}"), Err(Damage::Foreign));
    assert_eq!(decode(b""), Err(Damage::Foreign));
}

#[test]
fn what_rows_share_is_one_text_after_loading() {
    let listing = decode(&encode(sample())).unwrap();
    let zone = |row: usize| listing.rows[row].machine.seen().unwrap().zone.clone().unwrap();
    assert!(Text::ptr_eq(&zone(0), &zone(11)));
    assert!(listing.shared.iter().any(|text| &**text == "eu-west-1a"), "{:?}", listing.shared);
    assert!(!listing.shared.iter().any(|text| text.starts_with("web-")), "{:?}", listing.shared);
}

fn key() -> Key {
    Key::new([Some("prod"), None])
}

#[test]
fn what_is_stored_is_loaded_by_the_same_words_alone() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path().join("fleet"));
    assert_eq!(cache.load(&key()), None);
    cache.store(&key(), sample());
    assert_eq!(cache.load(&key()).map(without_pool).as_ref(), Some(sample()));
    assert_eq!(cache.load(&Key::new([None, Some("prod")])), None);
    assert!(folder.path().join("fleet/123456789012.eu-west-1.list").is_file());
    // Another profile of the same account writes the same file.
    cache.store(
        &Key::new([Some("other")]),
        &Listing { at: now() + SignedDuration::from_hours(1), ..sample().clone() },
    );
    assert_eq!(cache.load(&key()).unwrap().at, now() + SignedDuration::from_hours(1));
}

#[test]
fn damage_on_the_disk_counts_as_no_list_and_leads_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path());
    cache.store(&key(), sample());
    let list = folder.path().join("123456789012.eu-west-1.list");
    std::fs::write(&list, b"nothing").unwrap();
    assert_eq!(cache.load(&key()), None);
    std::fs::remove_file(&list).unwrap();
    assert_eq!(cache.load(&key()), None);
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("x.list"), encode(sample())).unwrap();
    let lead = |name: &str| std::fs::write(cache.pointer(&key()), name).unwrap();
    lead(&outside.path().join("x.list").display().to_string());
    assert_eq!(cache.load(&key()), None);
    lead("../x.list");
    assert_eq!(cache.load(&key()), None);
}

#[cfg(unix)]
#[test]
fn folder_and_files_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("a/fleet");
    Cache::at(&inner).store(&key(), sample());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&inner), 0o700);
    let files: Vec<_> = fs::read_dir(&inner).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 2, "no temporary file is left: {files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[test]
fn lists_that_nobody_writes_any_more_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path());
    cache.store(&key(), sample());
    cache.prune(SystemTime::now() + KEPT / 2);
    assert!(cache.load(&key()).is_some());
    cache.prune(SystemTime::now() + 2 * KEPT);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn an_instance_is_found_in_whichever_list_saw_it_last() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path().join("fleet"));
    let listing = |region: &str, version: &str, hours: i64| {
        let place = Place { region: Some(region.into()), account: Some("1".into()), ..Place::default() };
        let mut fleet = Fleet::new();
        fleet.set_place(place);
        let record = AgentRecord { agent_version: Some(version.into()), ..AgentRecord::new("i-1") };
        fleet.apply(Update::Agents { generation: 1, records: vec![record] }, now());
        fleet.listing(now() - SignedDuration::from_hours(hours))
    };
    cache.store(&Key::new([Some("one")]), &listing("eu-west-1", "3.1", 9));
    cache.store(&Key::new([Some("two")]), &listing("us-east-1", "3.2", 2));
    let memory = cache.seen(&"i-1".into()).expect("it is in both");
    assert_eq!(
        (memory.place.region.as_deref(), memory.agent_version.as_deref()),
        (Some("us-east-1"), Some("3.2"))
    );
    assert_eq!(cache.seen(&"i-2".into()), None);
}
