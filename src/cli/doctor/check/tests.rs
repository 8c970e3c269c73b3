//! Each kind of trouble, as facts, and the lines that follow.

use jiff::SignedDuration;

use super::*;
use crate::{
    aws::{Broken, KeySource, Permission, Setup, login::SsoSession},
    cli::doctor::{
        facts::Held,
        rights::RIGHTS,
        terminal::{self, Clipboard, Colours},
    },
    fleet::reach,
    session::tunnel::NoWay,
};

fn now() -> Timestamp {
    "2026-05-03T12:00:00Z".parse().unwrap()
}

fn endpoint(service: &'static str, result: Result<(), Broken>) -> Endpoint {
    Endpoint { service, host: format!("{service}.eu-west-1.amazonaws.com"), port: 443, by: None, result }
}

/// A user with nothing to mend.
fn well() -> Facts {
    Facts {
        now: now(),
        config: Ok(None),
        setup: Ok(Setup {
            profile: Some("prod".into()),
            region: Some("eu-west-1".into()),
            environment_keys: false,
            sso: None,
        }),
        files: vec!["/home/a/.aws/config".into()],
        signed_in_until: None,
        keys: Asked::Known(KeySource { source: "the AWS files".into(), expires: None, renewable: true }),
        proxies: Proxies::default(),
        has_ca_bundle: false,
        endpoints: ["ssm", "ssmmessages", "ec2", "sts"].map(|service| endpoint(service, Ok(()))).into(),
        skew: Some(2),
        identity: Asked::Known("role `ops` in account 123456789012".into()),
        enabled: Asked::Known(true),
        rights: RIGHTS
            .iter()
            .map(|right| Held { action: right.action, permission: Permission::Allowed })
            .collect(),
        terminal: terminal::Facts {
            is_terminal: true,
            size: Some((40, 120)),
            name: "xterm-kitty".into(),
            colours: Colours::All,
            unicode: true,
            clipboard: Clipboard::Taken,
        },
    }
}

fn told(what: &str) -> Told {
    Told { what: what.into(), why: "why".into(), next: "next".into() }
}

fn deny(facts: &mut Facts, actions: &[&str]) {
    for held in facts.rights.iter_mut().filter(|held| actions.contains(&held.action)) {
        held.permission = Permission::Denied { why: "no policy allows it".into(), next: "ask for it".into() };
    }
}

/// What fails and is not needed stands in brackets.
fn to_mend(facts: &Facts) -> Vec<String> {
    let sections = examine(facts);
    failures(&sections)
        .map(|line| if line.needed { line.check.clone() } else { format!("({})", line.check) })
        .collect()
}

fn found(facts: &Facts, check: &str) -> Line {
    let sections = examine(facts);
    let mut lines = sections.into_iter().flat_map(|section| section.checks);
    lines.find(|line| line.check == check).unwrap_or_else(|| panic!("there is no line {check}"))
}

#[test]
fn one_who_is_well_has_nothing_to_mend() {
    assert!(to_mend(&well()).is_empty());
    let sections = examine(&well());
    let lines = || sections.iter().flat_map(|section| &section.checks);
    assert!(lines().filter(|line| line.outcome == Outcome::NotChecked).all(|line| line.check == "mouse"));
    let mut names: Vec<_> = lines().map(|line| &line.check).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), lines().count(), "a script finds each check by its name");
}

#[test]
fn what_comes_first_is_mended_first_and_what_rests_on_it_is_not_judged() {
    let facts = Facts {
        config: Err("config.toml:3:1: `refesh` is no key of ours".into()),
        keys: Asked::Failed(told("cannot find credentials")),
        endpoints: vec![
            endpoint("ssm", Err(Broken::Way(NoWay::Connection("refused".into())))),
            endpoint("sts", Err(Broken::Tls("unknown issuer".into()))),
        ],
        skew: None,
        identity: Asked::Not,
        enabled: Asked::Not,
        rights: Vec::new(),
        ..well()
    };
    assert_eq!(to_mend(&facts), ["config", "keys", "endpoint-ssm", "(endpoint-sts)"]);
    for check in ["clock", "identity", "region-enabled", "rights"] {
        assert_eq!(found(&facts, check).outcome, Outcome::NotChecked, "{check}");
    }
}

#[test]
fn a_missing_right_is_told_with_what_is_lost_and_stops_only_what_needs_it() {
    let mut facts = well();
    deny(&mut facts, &["ec2:DescribeInstances", "iam:GetRole"]);
    assert_eq!(to_mend(&facts), ["(right-ec2:DescribeInstances)", "(right-iam:GetRole)"]);
    let line = found(&facts, "right-ec2:DescribeInstances");
    assert!(line.found.contains("lost: instances that are not managed"), "{}", line.found);
    deny(&mut facts, &["ssm:StartSession"]);
    assert_eq!(to_mend(&facts)[0], "right-ssm:StartSession");
}

#[test]
fn one_of_the_two_lists_is_enough() {
    let lists = ["ssm:DescribeInstanceInformation", "ssm:DescribeInstanceProperties"];
    for denied in lists {
        let mut facts = well();
        deny(&mut facts, &[denied]);
        assert!(to_mend(&facts).is_empty(), "{denied}: AWS's own sample policies have one and not the other");
    }
    let mut facts = well();
    deny(&mut facts, &lists);
    assert_eq!(to_mend(&facts).len(), 2);
}

#[test]
fn the_clock_fails_where_signatures_would() {
    for (skew, outcome, words) in [
        (Some(420), Outcome::Failed, "7 min ahead of"),
        (Some(-420), Outcome::Failed, "7 min behind"),
        (Some(90), Outcome::Passed, "1 min ahead of"),
        (Some(-3), Outcome::Passed, "as AWS's"),
        (None, Outcome::NotChecked, "no answer"),
    ] {
        let line = found(&Facts { skew, ..well() }, "clock");
        assert_eq!(line.outcome, outcome, "{skew:?}");
        assert!(line.found.contains(words), "{}", line.found);
    }
}

#[test]
fn keys_that_end_are_told_with_what_renews_them() {
    let keys = |minutes: i64, renewable| {
        let expires = Some(now() + SignedDuration::from_mins(minutes));
        let source = "environment variables".into();
        found(&Facts { keys: Asked::Known(KeySource { source, expires, renewable }), ..well() }, "keys")
    };
    assert_eq!(keys(-1, false).outcome, Outcome::Failed);
    assert!(keys(-1, false).fix.contains("export fresh ones"));
    assert_eq!(keys(5, false).outcome, Outcome::Passed);
    assert!(keys(5, false).found.contains("soon, and nothing can renew them"), "{}", keys(5, false).found);
    assert!(keys(120, true).found.ends_with("renewed by themselves"), "{}", keys(120, true).found);
}

#[test]
fn a_sign_in_that_ended_is_mended_before_the_keys() {
    let session = SsoSession {
        profile: Some("prod".into()),
        name: Some("corp".into()),
        start_url: "https://x.awsapps.com/start".into(),
        region: "eu-west-1".into(),
        scopes: Vec::new(),
    };
    let setup = well().setup.unwrap();
    let signed_in = |minutes: Option<i64>, keys: Asked<KeySource>| Facts {
        setup: Ok(Setup { sso: Some(session.clone()), ..setup.clone() }),
        signed_in_until: minutes.map(|minutes| now() + SignedDuration::from_mins(minutes)),
        keys,
        ..well()
    };
    let without = || Asked::Failed(told("cannot find credentials"));
    assert!(
        found(&signed_in(Some(60), well().keys), "sso").found.contains("signed in at corp until 3 May 13:00")
    );
    assert_eq!(to_mend(&signed_in(Some(-60), without())), ["sso", "keys"]);
    let line = found(&signed_in(None, without()), "sso");
    assert_eq!(line.command.as_deref(), Some("ssmtui login --profile prod"));
    assert_eq!(
        to_mend(&signed_in(Some(-60), well().keys)),
        ["(sso)"],
        "the token was renewed, there are keys"
    );
}

#[test]
fn calls_and_sessions_go_by_the_proxy_and_its_password_is_never_said() {
    let set = [("HTTPS_PROXY", "http://me:s3cret@p:3128"), ("NO_PROXY", "169.254.169.254")];
    let proxies = Proxies::read(|name| {
        set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    });
    let by = proxies.of("wss", "ssmmessages.eu-west-1.amazonaws.com").cloned();
    let refused = NoWay::Proxy { why: "it answers `HTTP/1.1 403 Forbidden`".into(), status: Some(403) };
    let endpoint = Endpoint { by, ..endpoint("ssmmessages", Err(Broken::Way(refused))) };
    let facts = Facts { proxies, endpoints: vec![endpoint], ..well() };
    assert_eq!(
        found(&facts, "proxy").found,
        "HTTPS_PROXY is http://p:3128; NO_PROXY leaves out 169.254.169.254; calls to AWS and sessions go by it"
    );
    let line = found(&facts, "endpoint-ssmmessages");
    assert!(line.needed && line.found.contains(" by the proxy http://p:3128: "), "{}", line.found);
    assert!(line.fix.contains("lets that host through") && !line.found.contains("s3cret"), "{}", line.fix);
}

#[test]
fn a_region_that_is_not_enabled_has_its_command() {
    let line = found(&Facts { enabled: Asked::Known(false), ..well() }, "region-enabled");
    assert_eq!(line.command.as_deref(), Some("aws account enable-region --region-name eu-west-1"));
}

#[test]
fn without_a_terminal_the_app_alone_is_lost() {
    let facts = Facts { terminal: terminal::Facts::default(), ..well() };
    assert!(to_mend(&facts).is_empty());
    assert_eq!(found(&facts, "terminal").outcome, Outcome::NotChecked);
}

#[test]
fn each_right_that_is_looked_at_is_in_the_policies_that_give_them() {
    let policy = reach::policy(&reach::Purpose::ALL, &reach::Context::default());
    for right in RIGHTS {
        assert!(policy.contains(&format!("\"{}\"", right.action)), "{}", right.action);
    }
}
