//! The language: every field and sign by a table, its errors, and what must hold for any text.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::fleet::{
    AgentRecord, Instance, InstanceId, MachineRecord, MachineState, Part, Ping, Place, Platform, Tag,
};

fn now() -> Timestamp {
    "2026-05-03T12:00:00Z".parse().unwrap()
}

/// Lost for 20 minutes, launched two hours ago, registered three days ago.
fn web() -> Instance {
    let ago = |minutes: i64| Some(now() - SignedDuration::from_mins(minutes));
    let machine = MachineRecord {
        private_ip: Some("10.1.4.17".into()),
        public_ip: Some("52.18.3.9".into()),
        zone: Some("eu-west-1a".into()),
        instance_type: Some("t3.large".into()),
        profile_arn: Some("arn:aws:iam::111122223333:instance-profile/path/web-instance".into()),
        vpc: Some("vpc-0b1c".into()),
        subnet: Some("subnet-0d2e".into()),
        image: Some("ami-0f3a".into()),
        launched: ago(120),
        tags: Box::new([Tag::new("Name", "web-1"), Tag::new("env", "Prod"), Tag::new("owner", "a b")]),
        ..MachineRecord::new("i-0a1", MachineState::Running)
    };
    let agent = AgentRecord {
        ping: Some(Ping::Lost),
        last_ping: ago(20),
        registered: ago(3 * 24 * 60),
        agent_version: Some("3.3.987.0".into()),
        platform: Some(Platform::Linux),
        platform_name: Some("Amazon Linux".into()),
        ..AgentRecord::new("mi-0c2")
    };
    let place = Place {
        profile: Some("main".into()),
        region: Some("eu-west-1".into()),
        account: Some("111122223333".into()),
        alias: Some("acme-prod".into()),
    };
    Instance {
        machine: Part::Seen(Arc::new(machine)),
        agent: Part::Seen(Arc::new(agent)),
        place: Arc::new(place),
        ..Instance::new("i-0a1")
    }
}

fn parse(query: &str) -> Result<Query, Problem> {
    let saved = [("down", "state:lost or state:stopped"), ("a", "@b"), ("b", "web @a"), ("bad", "agent:<x")];
    Query::parse(query, &Saved::new(saved.map(|(name, text)| (name.to_owned(), text.to_owned()))))
}

/// Whether the row has what is asked for; words as they stand.
fn holds(query: &str) -> bool {
    let favourites = HashSet::from([InstanceId::from("i-0a1")]);
    let around = Surroundings { now: now(), favourites: &favourites, is_mixed: true };
    fn of(expr: &Expr, around: &Surroundings<'_>) -> bool {
        match expr {
            Expr::All(members) => members.iter().all(|member| of(member, around)),
            Expr::Any(members) => members.iter().any(|member| of(member, around)),
            Expr::Term(term) => term.ask.holds(&web(), around) != term.negated,
        }
    }
    of(parse(query).unwrap_or_else(|problem| panic!("{}", problem.told(query))).root(), &around)
}

#[test]
fn what_the_row_has_is_found() {
    for query in [
        "state:lost",
        "STATE:Lost",
        "status:l",
        "tag:env",
        "tag:ENV=prod",
        "tag:env=pr",
        "tag:owner=\"a b\"",
        "tag:owner=",
        "tag:\"owner\"=a",
        "platform:linux",
        "os:amazon",
        "os:=\"amazon linux\"",
        "os:=linux",
        "id:0a1",
        "id:=i-0a1",
        "id:mi-0c2",
        "name:web",
        "name:=WEB-1",
        "ip:10.1",
        "ip:=52.18.3.9",
        "agent:3.3",
        "agent:=3.3",
        "agent:=3.3.987",
        "agent:<3.4",
        "agent:<=3.3",
        "agent:>=3.3.987",
        "agent:>3.2",
        "agent:>3.3.40",
        "agent:<10",
        "agent:<=3.",
        "zone:1a",
        "type:t3",
        "role:web",
        "role:=web-instance",
        "account:prod",
        "account:=111122223333",
        "region:eu-",
        "profile:=main",
        "vpc:0b1c",
        "subnet:0d2e",
        "image:ami-0f3a",
        "ami:0f3a",
        "seen:>15m",
        "seen:<1h",
        "seen:<=20m",
        "seen:>=20m",
        "age:>1h30m",
        "age:<1d",
        "registered:>2d",
        "registered:<=3d",
        "is:favourite",
        "is:fav",
        "is:favorite",
        "fav:",
        "is:hybrid",
        "'WEB",
        "'eb-1",
        "^web",
        "^env=p",
        "^10.1",
        "^mi-",
        "web",
        "acme",
        "'1111",
        "!state:ready",
        "!tag:env=dev",
        "!batch",
        "!'batch",
        "!^eb",
        "!is:outdated",
        "state:lost tag:env !windows",
        "batch or web",
        "batch or 'x or web",
        "web or batch batch",
        "(batch or web) state:lost",
        "!(batch or windows)",
        "!(web batch)",
        "!!web",
        "@down",
        "@down 'web",
        "!(!@down)",
        "!state:ready age:>15m",
        "((web))",
        "( web )",
        "\"or\" or web",
    ] {
        assert!(holds(query), "{query}");
    }
}

#[test]
fn what_it_has_not_is_not() {
    for query in [
        "state:ready",
        "!state:lost",
        "tag:team",
        "tag:env=dev",
        "tag:env=\"pr\"",
        "tag:en=prod",
        "platform:windows",
        "os:=amazon",
        "name:db",
        "name:=web",
        "id:=0a1",
        "ip:10.2",
        "agent:3.4",
        "agent:=3.2",
        "agent:<3.3",
        "agent:>3.3",
        "agent:>=3.4",
        "agent:<3.3.987",
        "zone:=1a",
        "account:=prod",
        "seen:<15m",
        "seen:>20m",
        "age:<2h",
        "age:>2h",
        "registered:<1d",
        "is:outdated",
        "!is:fav",
        "!fav:",
        "'w-1",
        "^eb",
        "^prod",
        "!web",
        "!prod",
        "!10.1.4",
        "!'acme",
        "!^we",
        "state:lost !tag:env",
        "batch or windows",
        "web batch or batch web",
        "(batch or web) state:ready",
        "!(web or batch)",
        "!@down",
        "\"or\"",
    ] {
        assert!(!holds(query), "{query}");
    }
}

#[test]
fn each_field_is_in_the_table_once_with_examples_that_are_queries() {
    for (at, entry) in FIELDS.iter().enumerate() {
        assert_eq!(entry.field as usize, at, "columns are found by the order of the table");
        for name in entry.names {
            assert_eq!(Field::named(&name.to_uppercase()), Some(entry.field), "{name}");
        }
        for example in entry.examples {
            assert!(parse(example).is_ok_and(|query| !query.is_empty()), "{example}");
        }
    }
    for (pattern, _) in SYNTAX.iter().filter(|(pattern, _)| !pattern.starts_with('@')) {
        assert!(parse(pattern).is_ok(), "{pattern}");
    }
}

#[test]
fn errors_point_and_tell_the_nearest_right_word() {
    let told: Vec<_> = [
        "web agent:<abc",
        "web state:lsot",
        "state:zz",
        "seen:>1x",
        "seen:>1",
        "seen:5m",
        "age:=5m",
        "stat:lost",
        "regoin:eu web",
        "name:<5",
        "is:favuorite",
        "is:zz",
        "fav:yes",
        "tag:=prod",
        "state:",
        "web tag:",
        "agent:>=",
        "(web or api",
        "web )",
        "web or",
        "or web",
        "a or or b",
        "a ()",
        "wéb !",
        "!or b",
        "'",
        "\"\"",
        "\"web prod",
        "@dwon",
        "@do",
        "@zebra",
        "x @a",
        "@bad",
    ]
    .into_iter()
    .map(|query| parse(query).expect_err(query).told(query))
    .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn what_is_not_finished_has_no_effect_while_it_is_typed() {
    let typed = |query: &str| Query::typed(query, &Saved::new([("down".into(), "state:lost".into())]));
    for query in [
        "",
        " ",
        "!",
        "state:",
        "!state:",
        "tag:",
        "platform:",
        "id:",
        "!name:",
        "\"",
        "\"\"",
        "'",
        "!^",
        "(",
        "()",
        "or",
        "agent:<",
        "seen:",
        "seen:>",
        "seen:>1",
        "age:<1h30",
        "@",
        "@do",
        "( !",
        "is:",
    ] {
        assert_eq!(typed(query), Ok(Query::default()), "{query:?}");
        assert!(query.trim().is_empty() || parse(query).is_err(), "{query:?} is wrong on a command line");
    }
    for (query, same) in
        [("web or", "web"), ("web (db or", "web db"), ("web state:", "web"), ("a or (b", "a or b")]
    {
        assert_eq!(typed(query).unwrap().to_string(), same);
    }
    for query in ["agent:<x", "state:zz", "web)", "@zebra"] {
        assert!(typed(query).is_err(), "{query}: more letters do not mend it");
    }
}

#[test]
fn what_nobody_knows_is_a_word() {
    for query in
        ["colour:red", "a:b:c", "::", "http://x", "\"state:lost\"", "ecs:web", "x'y", "a^b", "me@here", "a(b"]
    {
        let word = query.replace('"', "");
        assert_eq!(parse(query), Ok(Query::words_of(&word)), "{query}");
    }
}

#[test]
fn states_of_two_words_can_be_typed() {
    for query in ["state:no-channel", "state:nochannel", "state:\"no channel\"", "state:no_ch"] {
        let found = parse(query).unwrap();
        assert_eq!(found.terms().next().unwrap().ask, Ask::State(vec![State::NoChannel]), "{query}");
    }
}

#[test]
fn only_growing_queries_narrow() {
    let narrows = |new: &str, old: &str| {
        let typed = |query| Query::typed(query, &Saved::default()).unwrap();
        typed(new).narrows(&typed(old))
    };
    for (new, old) in [
        ("web", "we"),
        ("web pr", "web"),
        ("web state:lost", "web"),
        ("'web", "'we"),
        ("^web", "^we"),
        ("name:web", "name:we"),
        ("tag:env=pr", "tag:env=p"),
        ("aa or bcd", "aa or bc"),
        ("state:lost", "state:l"),
        ("web x", "web"),
        ("webs", ""),
        ("(a or b) c", "a or b"),
    ] {
        assert!(narrows(new, old), "{new} {old}");
    }
    for (new, old) in [
        ("we", "web"),
        ("!web", "!we"),
        ("state:", "state"),
        ("state:gone", ""),
        ("tag:env=x", "tag:env"),
        ("a or b", "a"),
        ("0abc", "0ab"),
        ("we", "w"),
        ("name:=web", "name:=we"),
        ("tag:e=\"p\"", "tag:e=\"pr\""),
        ("web", "'we"),
        ("agent:<3.2", "agent:<3"),
        ("^web", "'we"),
    ] {
        assert!(!narrows(new, old), "{new} {old}");
    }
}

#[test]
fn deep_and_long_queries_are_refused_and_not_followed() {
    let deep = format!("{}web", "(".repeat(100_000));
    assert!(parse(&deep).unwrap_err().what.contains("too deep"));
    assert!(parse(&"a ".repeat(10_000)).unwrap_err().what.contains("more than"));
    let doubled = (0..40).map(|n| (format!("q{n}"), format!("@q{m} @q{m}", m = n + 1)));
    let saved = Saved::new(doubled.chain([("q40".to_owned(), "web".to_owned())]));
    assert!(Query::parse("@q0", &saved).is_err());
}

#[test]
fn saved_queries_are_checked_as_a_whole() {
    let saved = |queries: &[(&str, &str)]| {
        Saved::new(queries.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())))
    };
    assert_eq!(saved(&[("a", "web"), ("b", "@a or db")]).problem(), None);
    let problem = |queries: &[(&str, &str)]| {
        saved(queries).problem().map(|(name, problem)| format!("{name}: {}", problem.what))
    };
    assert_eq!(
        problem(&[("a", "@a")]).unwrap(),
        "a: in `@a`, which is `@a`: `@a` leads back to itself: @a → @a"
    );
    assert_eq!(problem(&[("a", " ")]).unwrap(), "a: it is empty");
    assert!(problem(&[("a", "web"), ("b", "state:zz")]).unwrap().starts_with("b: `zz` is no state"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_text_breaks_the_parser_and_problems_lie_within_it(
        text in prop_oneof![
            "\\PC{0,30}",
            "([a-cé:@!'^()\"<>=., -]|or |state:|tag:|agent:|seen:|is:|@down){0,16}",
        ],
    ) {
        for read in [parse(&text), Query::typed(&text, &Saved::default())] {
            if let Err(problem) = read {
                prop_assert!(text.get(problem.range.clone()).is_some(), "{:?} {:?}", text, problem);
                prop_assert!(!problem.what.is_empty());
                prop_assert!(problem.told(&text).lines().count() == 2);
            }
        }
        prop_assert!(!matches!(Query::typed(&text, &Saved::default()), Err(problem) if problem.is_unfinished));
    }

    #[test]
    fn a_query_as_text_reads_as_the_same_query(
        text in "([a-cé:!'^()\"<>=.1 -]|or |state:(n|st|lost)|tag:|agent:[<>]=?3|(seen|age):>1h|is:f|name:|@down){0,16}",
    ) {
        if let Ok(query) = parse(&text) {
            let written = query.to_string();
            prop_assert_eq!(parse(&written), Ok(query), "{:?} is written {:?}", text, written);
        }
    }
}
