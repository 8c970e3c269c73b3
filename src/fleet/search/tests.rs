//! The search against a naive one that follows `rank` row by row with fuzzy-matcher itself.

use std::collections::HashSet;
use std::sync::mpsc;

use proptest::prelude::*;

use super::rank::{fields, rate};
use super::scorer::{Prepared, Word};
use super::text::Texts;
use super::*;
use crate::fleet::{
    AgentRecord, Connection, Fact, InstanceId, MachineRecord, MachineState, Part, Ping, Platform, Tag,
};

fn now() -> Timestamp {
    "2026-05-03T12:00:00Z".parse().unwrap()
}

/// What the search has to find, in its order.
fn naive(request: &Request) -> Vec<u32> {
    let query = Query::parse(&request.query);
    let scorer = Skim;
    let mut rows: Vec<u32> = (0..request.rows.len() as u32).collect();
    let (column, direction) = request.order.unwrap_or((Column::Name, Direction::Ascending));
    crate::fleet::order(&mut rows, &request.rows, column, direction, request.now);
    let mut found = Vec::new();
    for row in rows {
        let instance = &request.rows[row as usize];
        let fields = fields(instance, request.now);
        let best = |word| fields.iter().filter_map(|(field, text)| rate(&scorer, *field, text, word)).max();
        let rank = query.words().map(best).sum::<Option<i32>>();
        if let Some(rank) = rank
            && query.admits(instance, request.now)
        {
            found.push((rank.max(0), row));
        }
    }
    if request.order.is_none() {
        found.sort_by_key(|(rank, _)| std::cmp::Reverse(*rank));
    }
    found.into_iter().map(|(_, row)| row).collect()
}

fn request(rows: &Arc<[Arc<Instance>]>, query: &str) -> Request {
    Request { generation: 7, rows: Arc::clone(rows), query: query.to_owned(), order: None, now: now() }
}

fn instance(id: &str, name: &str, tags: &[(&str, &str)]) -> Instance {
    let tags = std::iter::once(("Name", name)).chain(tags.iter().copied());
    let machine = MachineRecord {
        tags: tags.map(|(key, value)| Tag::new(key, value)).collect(),
        ..MachineRecord::new(id, MachineState::Running)
    };
    Instance { machine: Part::Seen(Arc::new(machine)), ..Instance::new(id) }
}

fn found(instances: Vec<Instance>, query: &str) -> Vec<String> {
    let rows: Arc<[Arc<Instance>]> = instances.into_iter().map(Arc::new).collect();
    let matches = search(&request(&rows, query));
    matches.hits.iter().map(|row| rows[*row as usize].id.as_str().to_owned()).collect()
}

prop_compose! {
    fn any_instance()(
        hex in "[0-9a-f]{6}",
        is_hybrid in prop::bool::weighted(0.1),
        name in prop::option::of("(web|API|db|[a-cE]{1,3})[-_. ]?(prod|Eu|[0-9é]{1,3})?"),
        ip in prop::option::of("10\\.[0-9]\\.[0-9]{1,2}\\.[0-9]"),
        tags in prop::collection::vec(("(env|Team|name)", "(prod|dev|Web|)"), 0..3),
        platform in prop::option::of(prop::sample::select(vec![
            (Platform::Linux, "Amazon Linux", "2023"),
            (Platform::Windows, "Microsoft Windows Server 2022", "10.0"),
        ])),
        state in prop::sample::select(vec![MachineState::Running, MachineState::Stopped, MachineState::Terminated]),
        ping in prop::option::of(prop::sample::select(vec![Ping::Online, Ping::Lost])),
        is_connected in prop::bool::ANY,
    ) -> Instance {
        let id = InstanceId::from(format!("i-{hex}"));
        let mut all: Vec<Tag> = tags.into_iter().map(|(key, value)| Tag::new(key, value)).collect();
        all.extend(name.map(|name| Tag::new("Name", name)));
        let machine = MachineRecord {
            private_ip: ip.map(Into::into),
            tags: all.into(),
            ..MachineRecord::new(id.clone(), state)
        };
        let target = if is_hybrid { InstanceId::from(format!("mi-{hex}")) } else { id.clone() };
        let agent = AgentRecord {
            ping,
            platform: platform.map(|(kind, ..)| kind),
            platform_name: platform.map(|(_, name, _)| name.into()),
            platform_version: platform.map(|(.., version)| version.into()),
            ..AgentRecord::new(target)
        };
        let connection = Fact::Known { value: Connection::Connected, at: now() };
        Instance {
            agent: if ping.is_some() { Part::Seen(Arc::new(agent)) } else { Part::Absent },
            machine: Part::Seen(Arc::new(machine)),
            connection: if is_connected { connection } else { Fact::NotAsked },
            ..Instance::new(id)
        }
    }
}

fn any_query() -> impl Strategy<Value = String> {
    let term = prop_oneof![
        4 => "[a-eA-Eprodwnix0-9.-]{1,5}",
        1 => "(é|web|prod|amazon)",
        1 => "!?state:(r|lo|stopped|gone|zz|)",
        1 => "!?tag:(env|team=|name=web|env=pr|na)",
        1 => "!?(platform|os):(win|linux|amazon)",
        1 => "!?(id|name|ip|agent):[0-9a-e.]{0,2}",
        1 => "![a-e0-9]{1,2}",
    ];
    prop::collection::vec(term, 0..4).prop_map(|terms| terms.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// As typed, letter by letter, so that results narrow; and deleted again.
    #[test]
    fn search_equals_a_naive_one(
        instances in prop::collection::vec(any_instance(), 0..40),
        query in any_query(),
        is_ordered in prop::bool::weighted(0.2),
    ) {
        let rows: Arc<[Arc<Instance>]> = instances.into_iter().map(Arc::new).collect();
        let mut engine = Engine::new();
        let ends: Vec<usize> =
            query.char_indices().map(|(start, letter)| start + letter.len_utf8()).collect();
        for end in ends.iter().copied().chain(ends.iter().rev().copied().skip(1)).chain([0]) {
            let order = is_ordered.then_some((Column::Id, Direction::Descending));
            let request = Request { order, ..request(&rows, &query[..end]) };
            prop_assert_eq!(engine.search(&request).hits, naive(&request), "{:?}", &query[..end]);
        }
    }

    /// The bulk scorer gives the judge's numbers.
    #[test]
    fn prepared_scores_are_skims_scores(
        text in "[a-cA-C0-1 ./_-]{0,24}",
        word in "[a-c0-1./-]{1,6}",
    ) {
        let mut texts = Texts::default();
        texts.push(&text);
        let prepared = Prepared::default().score(&texts, 0, &Word::new(&word));
        prop_assert_eq!(prepared, Skim.score(&text, &word));
    }

    /// Highlights lie within their field and spell the word.
    #[test]
    fn highlights_spell_the_words(instance in any_instance(), word in "[a-e0-9]{1,4}") {
        let query = Query::parse(&word);
        for mark in highlight(&query, &instance, now()) {
            let (_, text) = fields(&instance, now()).into_iter().find(|(field, _)| *field == mark.field).unwrap();
            let letters: Vec<char> = text.chars().collect();
            let spelt: String = mark.positions.iter().map(|place| letters[*place].to_ascii_lowercase()).collect();
            prop_assert_eq!(spelt, word.clone());
        }
    }
}

#[test]
fn large_fleets_are_searched_on_several_threads_with_the_same_result() {
    let rows: Arc<[Arc<Instance>]> = (0..20_000)
        .map(|number| {
            let app = ["web", "api", "worker-edge-box"][number % 3];
            Arc::new(instance(
                &format!("i-{number:017x}"),
                &format!("{app}-{}", number % 977),
                &[("env", "prod")],
            ))
        })
        .collect();
    let mut engine = Engine::new();
    for query in ["w", "we", "web", "web 9", "!web 9"] {
        let request = request(&rows, query);
        assert_eq!(engine.search(&request).hits, naive(&request), "{query}");
    }
}

#[test]
fn names_come_before_tags_and_prefixes_before_both() {
    let fleet = vec![
        instance("i-tag", "zeta", &[("app", "web")]),
        instance("i-inner", "old-web", &[]),
        instance("i-prefix", "web-1", &[]),
        instance("i-none", "zeta", &[]),
    ];
    assert_eq!(found(fleet, "web"), ["i-prefix", "i-inner", "i-tag"]);
}

#[test]
fn words_match_in_any_order_and_all_of_them() {
    let fleet =
        || vec![instance("i-1", "web-1", &[("env", "prod")]), instance("i-2", "web-2", &[("env", "dev")])];
    assert_eq!(found(fleet(), "web prod"), ["i-1"]);
    assert_eq!(found(fleet(), "prod web"), ["i-1"]);
    assert_eq!(found(fleet(), "web !prod"), ["i-2"]);
}

#[test]
fn ties_keep_the_order_of_names() {
    let fleet = ["web-10", "web-2", "web-1"].map(|name| instance(&format!("i-{name}"), name, &[]));
    assert_eq!(found(fleet.into(), "web"), ["i-web-1", "i-web-2", "i-web-10"]);
}

#[test]
fn short_words_are_not_looked_for_in_the_letters_of_hexadecimal_ids() {
    let fleet = || vec![instance("i-0d1b2c3", "zeta", &[]), instance("i-00db000", "zeta", &[])];
    assert_eq!(found(fleet(), "db"), ["i-00db000"]);
    assert_eq!(found(fleet(), "d123"), ["i-0d1b2c3"], "as the list shortens ids, so they are typed");
}

#[test]
fn what_is_gone_is_hidden_unless_asked_for() {
    let mut gone = instance("i-gone", "web-1", &[]);
    gone.machine = Part::Seen(Arc::new(MachineRecord::new("i-gone", MachineState::Terminated)));
    assert!(found(vec![gone.clone()], "").is_empty());
    assert_eq!(found(vec![gone], "state:gone"), ["i-gone"]);
}

#[test]
fn highlights_mark_the_best_field_of_each_word() {
    let row = instance("i-0a1", "web-7f3a", &[("env", "prod")]);
    let marks = highlight(&Query::parse("7f prod"), &row, now());
    assert_eq!(
        marks,
        [
            Highlight { field: Field::Name, positions: vec![4, 5] },
            Highlight { field: Field::Tag(1), positions: vec![4, 5, 6, 7] },
        ]
    );
}

#[test]
fn the_worker_answers_the_newest_question_last() {
    let rows: Arc<[Arc<Instance>]> = (0..5_000)
        .map(|number| Arc::new(instance(&format!("i-{number}"), &format!("web-{number}"), &[])))
        .collect();
    let (answers, answered) = mpsc::channel();
    let worker = Worker::spawn(move |matches| {
        // The test may have ended.
        let _ = answers.send((matches.generation, matches.hits.len()));
    })
    .unwrap();
    for generation in 1..=50 {
        let query =
            if generation == 50 { "web-4999".to_owned() } else { "w".repeat(generation as usize % 3) };
        worker.ask(Request { generation, ..request(&rows, &query) });
    }
    let mut generations = Vec::new();
    let last = loop {
        let (generation, count) = answered.recv_timeout(std::time::Duration::from_secs(60)).unwrap();
        generations.push(generation);
        if generation == 50 {
            break count;
        }
    };
    assert_eq!(last, naive(&request(&rows, "web-4999")).len());
    assert!(generations.is_sorted(), "{generations:?}");
    drop(worker);
    assert!(answered.recv().is_err(), "the thread ends with its handle");
}

#[test]
fn changed_rows_are_answered_from_the_old_ones_and_then_from_the_new() {
    let rows = |count: usize| -> Arc<[Arc<Instance>]> {
        (0..count).map(|number| Arc::new(instance(&format!("i-{number}"), "web", &[]))).collect()
    };
    let (answers, answered) = mpsc::channel();
    let worker = Worker::spawn(move |matches| {
        let _ = answers.send((matches.rows.len(), matches.hits.len()));
    })
    .unwrap();
    let next = || answered.recv_timeout(std::time::Duration::from_secs(60)).unwrap();
    worker.ask(request(&rows(2), "web"));
    assert_eq!(next(), (2, 2));
    worker.ask(request(&rows(3), "we"));
    assert_eq!((next(), next()), ((2, 2), (3, 3)));
}

#[test]
fn every_row_is_found_once_without_a_query() {
    let fleet: Vec<_> = (0..9).map(|number| instance(&format!("i-{number}"), "web", &[])).collect();
    let hits = found(fleet, "");
    assert_eq!(hits.iter().collect::<HashSet<_>>().len(), 9);
    assert_eq!(hits.len(), 9);
}
