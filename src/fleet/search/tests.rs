//! The search against a naive one that follows `rank` row by row with fuzzy-matcher itself.

use std::collections::HashSet;
use std::sync::mpsc;

use proptest::prelude::*;

use super::rank::{Rank, fields, rate};
use super::scorer::{Prepared, Word};
use super::text::Texts;
use super::*;
use crate::fleet::query::{Ask, Expr, Known, Surroundings, Term};
use crate::fleet::{
    AgentRecord, Connection, Fact, InstanceId, MachineRecord, MachineState, Part, Ping, Place, Platform,
    Saved, State, Tag,
};

fn now() -> Timestamp {
    "2026-05-03T12:00:00Z".parse().unwrap()
}

/// What the search has to find, in its order.
fn naive(request: &Request) -> Vec<u32> {
    let first = request.rows.first().map(|row| &row.place);
    let around = Surroundings {
        now: request.now,
        favourites: &request.favourites,
        is_mixed: request.rows.iter().any(|row| Some(&row.place) != first),
    };
    let mut rows: Vec<u32> = (0..request.rows.len() as u32).collect();
    let (column, direction) = request.order.unwrap_or((Column::Name, Direction::Ascending));
    crate::fleet::order(&mut rows, &request.rows, column, direction, request.now);
    let mut found = Vec::new();
    for row in rows {
        let instance = &request.rows[row as usize];
        let hidden = instance.state(request.now) == State::Gone && !request.query.asks_for_gone();
        if let Some(rank) = naive_rank(request.query.root(), instance, &around).filter(|_| !hidden) {
            let weight = request.weights.get(&instance.id).copied().unwrap_or(0);
            found.push((rank.class, weight, rank.score.max(0), row));
        }
    }
    if request.order.is_none() {
        found.sort_by_key(|(class, weight, score, _)| std::cmp::Reverse((*class, *weight, *score)));
    }
    found.into_iter().map(|(.., row)| row).collect()
}

/// The rank of one row: a sum over what must all hold, the best of alternatives, nothing for filters.
fn naive_rank(expr: &Expr, instance: &Instance, around: &Surroundings<'_>) -> Option<Rank> {
    match expr {
        Expr::All(members) => members
            .iter()
            .map(|member| naive_rank(member, instance, around))
            .try_fold(Rank::default(), |sum, rank| Some(sum.and(rank?))),
        Expr::Any(members) => members.iter().filter_map(|member| naive_rank(member, instance, around)).max(),
        Expr::Term(Term { negated: false, ask: ask @ (Ask::Word(_) | Ask::Exact(_) | Ask::Prefix(_)) }) => {
            let fields = fields(instance, around.now, around.is_mixed);
            fields.iter().filter_map(|(field, text)| rate(&Skim, *field, text, ask)).max()
        }
        Expr::Term(term) => (term.ask.holds(instance, around) != term.negated).then(Rank::default),
    }
}

/// Reads what is being typed; what is wrong finds nothing to compare.
fn typed(query: &str) -> Option<Query> {
    let saved = Saved::new([("down".to_owned(), "state:lost or state:stopped".to_owned())]);
    Query::typed(query, &saved).ok()
}

fn request(rows: &Arc<[Arc<Instance>]>, query: &str) -> Request {
    Request {
        generation: 7,
        ..Request::new(Arc::clone(rows), Query::parse(query, &Saved::default()).unwrap(), now())
    }
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
        minutes in (0_i64..200, 0_i64..200, 0_i64..200),
        agent_version in prop::option::of("(2|3)\\.[0-3]\\.(40|987)\\.0"),
        zone in prop::option::of("eu-west-1[ab]"),
        public_ip in prop::option::weighted(0.3, "52\\.1\\.1\\.[0-9]"),
        vpc in prop::option::of("vpc-[ab]{2}"),
        place in prop::sample::select(vec![
            Place::default(),
            Place { region: Some("eu-west-1".into()), ..Place::default() },
            Place {
                profile: Some("prod".into()),
                region: Some("us-east-1".into()),
                account: Some("111122223333".into()),
                alias: Some("acme-Web".into()),
            },
        ]),
    ) -> Instance {
        let ago = |minutes: i64| Some(now() - jiff::SignedDuration::from_mins(minutes));
        let id = InstanceId::from(format!("i-{hex}"));
        let mut all: Vec<Tag> = tags.into_iter().map(|(key, value)| Tag::new(key, value)).collect();
        all.extend(name.map(|name| Tag::new("Name", name)));
        let machine = MachineRecord {
            private_ip: ip.map(Into::into),
            public_ip: public_ip.map(Into::into),
            zone: zone.map(Into::into),
            vpc: vpc.map(Into::into),
            launched: ago(minutes.0),
            tags: all.into(),
            ..MachineRecord::new(id.clone(), state)
        };
        let target = if is_hybrid { InstanceId::from(format!("mi-{hex}")) } else { id.clone() };
        let agent = AgentRecord {
            ping,
            last_ping: ago(minutes.1),
            registered: ago(minutes.2),
            agent_version: agent_version.map(Into::into),
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
            place: Arc::new(place),
            ..Instance::new(id)
        }
    }
}

fn any_query() -> impl Strategy<Value = String> {
    let term = prop_oneof![
        6 => "[a-eA-Eprodwnix0-9.-]{1,5}",
        2 => "(é|web|prod|amazon|eu-w|1111|acme)",
        3 => "!?['^]([a-e0-9]{1,3}|we|pro|eu|é)",
        2 => "!?state:(r|lo|stopped|gone|n|)",
        2 => "!?tag:(env|team=|name=web|env=pr|na|env=\"pr\"|env=\"prod\")",
        3 => "!?(platform|os|region|profile|account|zone|vpc):=?(win|linux|eu-|1a|prod|1111|vpc-aa)",
        2 => "!?(id|name|ip|type|role|subnet|image):=?[0-9a-e.]{0,2}",
        1 => "!?agent:[0-9.]{0,2}",
        2 => "!?agent:(<|<=|=|>|>=)(2|3)\\.[0-3](\\.40)?",
        2 => "!?(seen|age|registered):(<|<=|>|>=)(1h|90m|2h|30m)",
        2 => "!?(is:(f|hybrid|outdated)|fav:)",
        1 => "!?@down",
        2 => "![a-e0-9]{1,2}",
    ];
    let group = prop::collection::vec(prop::collection::vec(term, 1..3), 1..3);
    let piece =
        (group, prop::bool::weighted(0.25), prop::bool::weighted(0.3)).prop_map(|(any, group, not)| {
            let any: Vec<_> = any.into_iter().map(|all| all.join(" ")).collect();
            match (group, not) {
                (true, true) => format!("!({})", any.join(" or ")),
                (true, false) => format!("({})", any.join(" or ")),
                (false, _) => any.join(" or "),
            }
        });
    prop::collection::vec(piece, 0..3).prop_map(|terms| terms.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// As typed, letter by letter, so that results narrow; and deleted again.
    #[test]
    fn search_equals_a_naive_one(
        instances in prop::collection::vec(any_instance(), 0..40),
        query in any_query(),
        is_ordered in prop::bool::weighted(0.2),
        weights in prop::collection::vec(0_u32..4, 0..40),
    ) {
        let ids = || instances.iter().map(|instance| instance.id.clone());
        let favourites = Arc::new(ids().step_by(3).collect());
        let weights = Arc::new(ids().zip(weights).collect());
        let rows: Arc<[Arc<Instance>]> = instances.iter().cloned().map(Arc::new).collect();
        let mut engine = Engine::new();
        let ends: Vec<usize> =
            query.char_indices().map(|(start, letter)| start + letter.len_utf8()).collect();
        for end in ends.iter().copied().chain(ends.iter().rev().copied().skip(1)).chain([0]) {
            let Some(read) = typed(&query[..end]) else { continue };
            let order = is_ordered.then_some((Column::Id, Direction::Descending));
            let request = Request {
                order,
                weights: Arc::clone(&weights),
                favourites: Arc::clone(&favourites),
                ..Request::new(Arc::clone(&rows), read, now())
            };
            prop_assert_eq!(engine.search(&request).hits, naive(&request), "{:?}", &query[..end]);
        }
        prop_assert!(typed(&query).is_some(), "whole, it is a query: {}", query);
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
        let query = Query::words_of(&word);
        for mark in highlight(&query, &instance, now()) {
            let (_, text) = fields(&instance, now(), true).into_iter().find(|(field, _)| *field == mark.field).unwrap();
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
    for query in ["w", "we", "web", "web 9", "!web 9", "'web 9 or ^api", "zone:x or !(web or tag:env)"] {
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
fn what_weighs_more_comes_first_among_equals_and_on_an_empty_query() {
    let names = [("i-1", "old-web"), ("i-2", "web-1"), ("i-3", "web-2"), ("i-4", "web-3")];
    let rows: Arc<[Arc<Instance>]> = names.map(|(id, name)| Arc::new(instance(id, name, &[]))).into();
    let weights: HashMap<InstanceId, u32> =
        [("i-1", 9), ("i-4", 5), ("i-3", 7)].map(|(id, weight)| (id.into(), weight)).into();
    let weights = Arc::new(weights);
    let found = |query: &str, order| {
        let request = Request { weights: Arc::clone(&weights), order, ..request(&rows, query) };
        search(&request).hits
    };
    assert_eq!(found("web", None), [2, 3, 1, 0], "a name that begins with it is a better match");
    assert_eq!(found("", None), [0, 2, 3, 1]);
    assert_eq!(found("", Some((Column::Id, Direction::Ascending))), [0, 1, 2, 3], "as the user wants it");
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
    let marks = highlight(&Query::words_of("7f prod"), &row, now());
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
fn places_are_searched_where_there_is_more_than_one() {
    let placed = |id: &str, region: &str, account: &str| {
        let place = Place { region: Some(region.into()), account: Some(account.into()), ..Place::default() };
        Instance { place: Arc::new(place), ..instance(id, "web", &[]) }
    };
    let one = placed("i-1", "eu-west-1", "111122223333");
    let fleet = || vec![one.clone(), placed("i-2", "us-east-1", "444455556666")];
    assert_eq!(found(fleet(), "eu"), ["i-1"]);
    assert_eq!(found(fleet(), "!eu"), ["i-2"]);
    assert_eq!(found(fleet(), "5566"), ["i-2"]);
    assert_eq!(found(fleet(), "55"), [""; 0], "any short word's digits are in a number");
    assert_eq!(found(vec![one.clone()], "eu"), [""; 0], "what all rows share tells nothing apart");
    assert_eq!(found(vec![one], "region:eu account:1111"), ["i-1"]);
}

#[test]
fn an_exact_word_stands_as_it_is_and_a_prefix_begins_something() {
    let fleet = || {
        vec![
            instance("i-1", "old-web", &[]),
            instance("i-2", "web-1", &[]),
            instance("i-3", "w-e-b", &[]),
            instance("i-4", "zeta", &[("app", "webby")]),
        ]
    };
    assert_eq!(found(fleet(), "'web"), ["i-2", "i-1", "i-4"]);
    assert_eq!(found(fleet(), "^web"), ["i-2"]);
    assert_eq!(found(fleet(), "^app='web or ^app"), ["i-4"]);
    assert_eq!(found(fleet(), "!'web !^w"), [""; 0]);
}

#[test]
fn what_the_fields_hold_is_known_for_completion() {
    let machine = |id: &str, zone: &str| MachineRecord {
        zone: Some(zone.into()),
        tags: Box::new([Tag::new("Name", id), Tag::new("Env", "prod")]),
        ..MachineRecord::new(id, MachineState::Running)
    };
    let rows: Arc<[Arc<Instance>]> = [("i-2", "eu-west-1b"), ("i-1", "eu-west-1a"), ("i-3", "eu-west-1b")]
        .map(|(id, zone)| {
            Arc::new(Instance { machine: Part::Seen(Arc::new(machine(id, zone))), ..Instance::new(id) })
        })
        .into();
    let values = search(&request(&rows, "")).values;
    let texts = |texts: &[crate::fleet::Text]| texts.iter().map(|text| text.to_string()).collect::<Vec<_>>();
    assert_eq!(texts(values.values(crate::fleet::query::Field::Zone)), ["eu-west-1a", "eu-west-1b"]);
    assert_eq!(texts(values.tag_keys()), ["Env"]);
    assert_eq!(texts(values.tag_values("env")), ["prod"]);
    assert_eq!(texts(values.tag_values("team")), [""; 0]);
}

#[test]
fn every_row_is_found_once_without_a_query() {
    let fleet: Vec<_> = (0..9).map(|number| instance(&format!("i-{number}"), "web", &[])).collect();
    let hits = found(fleet, "");
    assert_eq!(hits.iter().collect::<HashSet<_>>().len(), 9);
    assert_eq!(hits.len(), 9);
}
