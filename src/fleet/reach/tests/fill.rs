//! Commands that can be typed as shown: with what they are filled in, and what is said where nothing is known.

use super::super::*;
use super::causes::scenarios;
use super::sample::*;
use super::table::{Rights, check, context, judge, row};
use crate::fleet::evidence::*;
use crate::fleet::{Fact, Piece};

fn scenario(name: &str) -> Scenario {
    scenarios().into_iter().find(|one| one.name == name).unwrap()
}

/// Fix and command of the first finding.
fn mends(verdict: &Verdict) -> (&str, &str) {
    let first = &verdict.findings[0];
    (&first.fix, first.command.as_deref().unwrap())
}

fn used() -> Context {
    let common = |name: &str| Some(Common { name: name.into(), holder: "web-1".into(), others: 11 });
    let usage = Usage { profile: common("plain"), hybrid_role: common("racks") };
    Context { usage, ..context(Rights::Full) }
}

#[test]
fn no_command_keeps_a_placeholder_where_all_may_be_read() {
    for scenario in scenarios() {
        for finding in judge(&scenario, Rights::Full).findings {
            let command = finding.command.unwrap_or_default();
            for word in ["PROFILE", "ROLE", "GROUP", "NUMBER", "ALLOCATION"] {
                // Nobody knows the role of a node that has left no trace but its id.
                let is_known = !(word == "ROLE" && finding.cause == Cause::Deregistered);
                assert!(!is_known || !command.contains(word), "{}: {command}", scenario.name);
            }
        }
    }
}

#[test]
fn a_placeholder_that_is_left_is_explained() {
    for scenario in scenarios() {
        for rights in Rights::ALL {
            for finding in judge(&scenario, rights).findings {
                let command = finding.command.unwrap_or_default();
                for word in ["PROFILE", "ROLE", "GROUP", "NUMBER"] {
                    assert!(
                        !command.contains(word) || finding.fix.contains(word),
                        "{}: {command}",
                        scenario.name
                    );
                }
            }
        }
    }
}

#[test]
fn what_others_use_goes_before_what_iam_offers_and_costs_no_call() {
    let bare = scenario("c1_no_profile");
    let verdict = diagnose(&row(&bare, Rights::Full), &used(), now());
    let (fix, command) = mends(&verdict);
    assert!(fix.starts_with("attach profile plain, as web-1 and 11 others have, then"), "{fix}");
    assert!(command.contains("--iam-instance-profile Name=plain "), "{command}");
    let evidence = check(&bare, Rights::Full);
    assert!(
        !next_calls(&row(&bare, Rights::Full), &Evidence::default(), &used(), now())
            .contains(&Call::CoreProfiles)
    );
    // By IAM: not the one that EC2 may not use, nor one that gives more than is needed.
    let verdict = examine(&row(&bare, Rights::Full), &evidence, &context(Rights::Full), now());
    assert!(mends(&verdict).0.starts_with("attach profile plain, whose role has AmazonSSM"), "{verdict:?}");
}

#[test]
fn a_profile_without_a_role_is_given_that_of_the_profile_in_use() {
    let hollow = scenario("c6_profile_without_role");
    let evidence = check(&hollow, Rights::Full);
    let mut used = used();
    let by = |context: &Context| {
        let verdict = examine(&row(&hollow, Rights::Full), &evidence, context, now());
        mends(&verdict).1.to_owned()
    };
    assert!(by(&used).contains("--role-name plain-node "));
    used.usage.profile.as_mut().unwrap().name = "admin".into();
    assert!(by(&used).contains("--role-name admin-node "), "it is what the others have");
    used.usage.profile.as_mut().unwrap().name = "function".into();
    assert!(by(&used).contains("--role-name plain-node "), "EC2 may not take the other");
}

#[test]
fn endpoints_go_into_a_group_that_lets_the_instance_in() {
    let vault = scenario("d1_no_way_out");
    let command = |pieces: Vec<Piece>| {
        let mut evidence = check(&vault, Rights::Full);
        pieces.into_iter().for_each(|piece| evidence.take(piece));
        let verdict = examine(&row(&vault, Rights::Full), &evidence, &context(Rights::Full), now());
        assert_eq!(verdict.findings[0].cause, Cause::NoWayOut);
        mends(&verdict).1.to_owned()
    };
    let logs = Piece::Endpoints(known(vec![endpoint("logs")]));
    assert!(command(vec![logs.clone()]).contains("--security-group-ids sg-9e "), "it admits the instance's");
    let itself = group("sg-12", vec![rule(Peer::Group("sg-12".into()))], vec![everywhere()]);
    let line = command(vec![Piece::SecurityGroups(known(vec![itself]))]);
    assert!(
        line.starts_with("aws ec2 create-vpc-endpoint") && line.contains("--security-group-ids sg-12 "),
        "{line}"
    );
    // Else its own group is opened to itself before.
    let closed = group("sg-12", Vec::new(), vec![everywhere()]);
    let line = command(vec![Piece::SecurityGroups(known(vec![closed]))]);
    assert!(
        line.starts_with("aws ec2 authorize-security-group-ingress --group-id sg-12 --protocol tcp --port 443 --source-group sg-12 "),
        "{line}"
    );
    // A rule that is there already can't be made, and would stop the rest.
    let line = command(vec![logs, Piece::denied(Call::SecurityGroups)]);
    assert!(line.starts_with("aws ec2 create-vpc-endpoint"), "{line}");
}

#[test]
fn entries_of_an_acl_come_before_the_one_that_denies_and_after_the_others() {
    let walled = scenario("d6_acl_closed");
    let numbers = |entries: Vec<AclEntry>| {
        let mut evidence = check(&walled, Rights::Full);
        evidence.take(Piece::NetworkAcls(known(acl(entries))));
        let verdict = examine(&row(&walled, Rights::Full), &evidence, &context(Rights::Full), now());
        assert_eq!(verdict.findings[0].cause, Cause::AclClosed);
        let (_, command) = mends(&verdict);
        let value = |line: &str, flag: &str| {
            let words = shlex::split(line).unwrap();
            words[words.iter().position(|word| word == flag).unwrap() + 1].clone()
        };
        command
            .split(" && ")
            .map(|line| {
                format!(
                    "{} {}",
                    value(line, "--rule-number"),
                    if line.contains("--egress") { "out" } else { "in" }
                )
            })
            .collect::<Vec<_>>()
    };
    let last = |egress| entry(32_767, egress, false);
    assert_eq!(numbers(vec![last(true), last(false)]), ["1 out", "1 in"]);
    assert_eq!(numbers(vec![entry(100, true, true), last(true), last(false)]), ["1 in"]);
    let narrow = AclEntry { cidr: "10.9.0.0/16".into(), ..entry(80, true, false) };
    let denying =
        vec![narrow.clone(), entry(90, true, false), entry(100, true, true), entry(100, false, true)];
    assert_eq!(numbers(denying), ["81 out"], "the narrow one still decides first");
    let tight = vec![AclEntry { number: 89, ..narrow }, entry(90, true, false), entry(100, false, true)];
    assert_eq!(numbers(tight), ["88 out"]);
    assert_eq!(numbers(vec![entry(1, true, false), entry(100, false, true)]), ["NUMBER out"]);
}

#[test]
fn a_young_machine_is_not_said_to_be_unregistered_by_whoever_may_not_look() {
    let young = scenario("b3_just_started");
    let verdict = judge(&young, Rights::Unlisted);
    assert_eq!(verdict.findings[0].certainty, Certainty::Unknown);
    assert!(verdict.headline.contains("whether it has registered can't be seen"), "{}", verdict.headline);
    assert_eq!(verdict.findings[0].fix, "try it: opening a session is itself the test");
    assert_eq!(judge(&young, Rights::Full).findings[0].certainty, Certainty::Proves);
}

#[test]
fn what_ec2_and_iam_show_is_proven_without_a_look_at_ssm() {
    for name in
        ["c1_no_profile", "c6_profile_without_role", "c7_role_not_trusted", "d1_no_way_out", "d6_acl_closed"]
    {
        let scenario = scenario(name);
        let verdict = judge(&scenario, Rights::Unlisted);
        let first = &verdict.findings[0];
        assert_eq!((first.cause, first.certainty), (scenario.expected, Certainty::Proves), "{name}");
        assert!(verdict.not_visible[0].contains("ssm:DescribeInstanceInformation is denied"), "{verdict:?}");
        assert_eq!(verdict.explains_refusal(), None, "{name}: it may be tried all the same");
    }
    // Default host management may have reached a machine of which SSM may not be asked.
    let role = "service-role/hosts".to_owned();
    let on = Piece::HostManagement(known(HostManagement::On { role, since: None }));
    let bare = scenario("c1_no_profile").with([on, trusted_by("ssm.amazonaws.com")]);
    let verdict = judge(&bare, Rights::Unlisted);
    assert_eq!(verdict.findings.len(), 1, "{verdict:?}");
    assert_eq!(verdict.findings[0].cause, Cause::NotVisible);
    let evidence = check(&scenario("ready"), Rights::Unlisted);
    assert!(matches!(evidence.role_rights, Fact::Known { .. }), "the deep check is made");
}
