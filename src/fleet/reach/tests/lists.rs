//! Every cause that the two lists and GetConnectionStatus can show, under every set of rights, in the
//! words that a user reads.

use std::{fmt::Write, sync::Arc};

use super::super::*;
use super::marked;
use super::sample::{ago, now};
use crate::fleet::{
    AgentRecord, Connection, Fleet, HostManagement, MachineRecord, MachineState, MetadataEndpoint, Outcome,
    Ping, Source, Tag, Tier, Update,
};
use crate::fleet::{Evidence, Fact, Part, Piece};

/// Who asks, with which rights.
#[derive(Clone, Copy, Debug)]
enum Rights {
    Full,
    SsmOnly,
    Ec2Only,
}

/// One machine of the sample region.
struct Subject {
    machine: Option<MachineRecord>,
    agent: Option<AgentRecord>,
    connection: Option<Connection>,
}

fn machine(name: &str) -> MachineRecord {
    MachineRecord {
        launched: Some(ago(9 * 3_600)),
        profile_arn: Some("arn:aws:iam::123456789012:instance-profile/core".into()),
        metadata_endpoint: Some(MetadataEndpoint::Enabled),
        platform_details: Some("Linux/UNIX".into()),
        tags: Box::new([Tag::new("Name", name)]),
        ..MachineRecord::new("i-0a1", MachineState::Running)
    }
}

fn agent(name: &str, ping: Ping, seconds: i64, version: &str) -> AgentRecord {
    AgentRecord {
        ping: Some(ping),
        last_ping: Some(ago(seconds)),
        agent_version: Some(version.into()),
        computer_name: Some(name.into()),
        ..AgentRecord::new("i-0a1")
    }
}

fn judge(subject: &Subject, rights: Rights, adapt: impl FnOnce(&mut Context)) -> Verdict {
    let mut fleet = Fleet::new();
    let denied = |action: &str| Outcome::Denied { action: action.into(), message: String::new() };
    fleet.apply(Update::Started { generation: 1 }, now());
    let machines = match rights {
        Rights::SsmOnly => denied("ec2:DescribeInstances"),
        _ => {
            let records = subject.machine.clone().into_iter().collect();
            fleet.apply(Update::Machines { generation: 1, records }, now());
            Outcome::Complete
        }
    };
    let agents = match rights {
        Rights::Ec2Only => denied("ssm:DescribeInstanceInformation"),
        _ => {
            let records = subject.agent.clone().into_iter().collect();
            fleet.apply(Update::Agents { generation: 1, records }, now());
            Outcome::Complete
        }
    };
    fleet.apply(Update::Done { generation: 1, source: Source::MachineList, outcome: machines }, now());
    fleet.apply(Update::Done { generation: 1, source: Source::AgentList, outcome: agents }, now());
    let id = subject.agent.as_ref().map_or("i-0a1".into(), |agent| agent.id.clone());
    if let Some(value) = subject.connection {
        let status = Fact::Known { value, at: ago(5) };
        fleet.apply(Update::Connection { id: id.clone(), status }, now());
    }
    let instance = fleet.get(&id).cloned().unwrap_or_else(|| std::sync::Arc::new(Instance::new("i-0a1")));
    let mut context = Context {
        profile: Some("prod".into()),
        region: Some("eu-west-1".into()),
        who: Some("role dev-ro".into()),
        lists: fleet.completeness(),
        ..Context::default()
    };
    adapt(&mut context);
    diagnose(&instance, &context, now())
}

fn table(subject: &Subject) -> String {
    let mut table = String::new();
    for rights in [Rights::Full, Rights::SsmOnly, Rights::Ec2Only] {
        writeln!(table, "{rights:?}\n{}", marked(&judge(subject, rights, |_| {}))).unwrap();
    }
    table
}

fn bare(name: &str) -> MachineRecord {
    MachineRecord { profile_arn: None, ..machine(name) }
}

fn subjects() -> Vec<(&'static str, Subject)> {
    let subject = |machine, agent, connection| Subject { machine, agent, connection };
    let connected = Some(Connection::Connected);
    let closed = Some(Connection::NotConnected);
    let stopped = MachineRecord {
        state: MachineState::Stopped,
        state_transition_reason: Some("User initiated (2026-04-30 22:10:11 GMT)".into()),
        state_reason: Some("Client.UserInitiatedShutdown".into()),
        ..machine("idle-1")
    };
    let hybrid = |ping, seconds, version| {
        Some(AgentRecord { id: "mi-0f3".into(), ..agent("rack-7", ping, seconds, version) })
    };
    let fresh = "3.3.987.0";
    vec![
        ("web-1", subject(Some(machine("web-1")), Some(agent("web-1", Ping::Online, 40, fresh)), connected)),
        ("unverified", subject(Some(machine("web-2")), Some(agent("web-2", Ping::Online, 840, fresh)), None)),
        ("idle-1", subject(Some(stopped), Some(agent("idle-1", Ping::Lost, 90_000, fresh)), None)),
        ("api-7", subject(Some(MachineRecord { launched: Some(ago(90)), ..machine("api-7") }), None, None)),
        ("bare-1", subject(Some(bare("bare-1")), None, None)),
        (
            "etl-1",
            subject(Some(machine("etl-1")), Some(agent("etl-1", Ping::Online, 40, "3.2.2222.0")), closed),
        ),
        ("lost-1", subject(Some(machine("lost-1")), Some(agent("lost-1", Ping::Lost, 10_900, fresh)), None)),
        (
            "legacy-1",
            subject(
                Some(MachineRecord { platform_details: Some("Windows".into()), ..machine("legacy-1") }),
                Some(agent("legacy-1", Ping::Online, 40, "2.2.546.0")),
                closed,
            ),
        ),
        (
            "app-5",
            subject(Some(machine("app-5")), Some(agent("app-5", Ping::Online, 40, "3.0.1124.0")), connected),
        ),
        ("noagent-1", subject(Some(machine("noagent-1")), None, None)),
        (
            "imds-0",
            subject(
                Some(MachineRecord {
                    metadata_endpoint: Some(MetadataEndpoint::Disabled),
                    ..machine("imds-0")
                }),
                None,
                None,
            ),
        ),
        (
            "spot-4",
            subject(
                Some(MachineRecord { state: MachineState::ShuttingDown, ..machine("spot-4") }),
                Some(agent("spot-4", Ping::Online, 40, fresh)),
                None,
            ),
        ),
        ("rack-7", subject(None, hybrid(Ping::Online, 40, fresh), connected)),
        ("rack-7 lost", subject(None, hybrid(Ping::Lost, 12 * 86_400, fresh), None)),
    ]
}

#[test]
fn every_cause_in_its_words_under_every_set_of_rights() {
    let mut all = String::new();
    for (name, subject) in subjects() {
        writeln!(all, "== {name}\n\n{}", table(&subject)).unwrap();
    }
    insta::assert_snapshot!("causes_by_rights", all);
}

#[test]
fn what_cannot_be_reached_is_flagged_first_and_explains_instead_of_failing() {
    for (name, subject) in subjects() {
        let verdict = judge(&subject, Rights::Full, |_| {});
        let is_refused = verdict.explains_refusal().is_some();
        if is_refused && verdict.state != State::Gone {
            assert_eq!(
                verdict.first_line(),
                "The instance you selected is not configured to use Session Manager",
                "{name}"
            );
            assert!(!verdict.findings[0].fix.is_empty(), "{name}");
        }
        let reachable = ["web-1", "unverified", "api-7", "app-5", "rack-7"].contains(&name);
        assert_eq!(is_refused, !reachable, "{name}: {:?}", verdict.state);
    }
}

#[test]
fn default_host_management_settles_a_missing_profile() {
    let subject = Subject { machine: Some(bare("bare-1")), agent: None, connection: None };
    let headline = |fact: Fact<HostManagement>| {
        let verdict = judge(&subject, Rights::Full, |context| context.surroundings.host_management = fact);
        (verdict.findings[0].certainty, verdict.headline)
    };
    let known = |value| Fact::Known { value, at: now() };
    assert_eq!(
        headline(known(HostManagement::Off)),
        (Certainty::Proves, "bare-1 has no instance profile, so its agent can't sign in".into())
    );
    assert_eq!(
        headline(Fact::Denied { action: "ssm:GetServiceSetting".into() }),
        (
            Certainty::Suggests,
            "bare-1 has no instance profile; default host management couldn't be checked".into()
        )
    );
    let on = known(HostManagement::On { role: "service-role/dhmc".into(), since: None });
    assert_eq!(
        headline(on.clone()),
        (
            Certainty::Suggests,
            "bare-1 has no instance profile, and default host management doesn't reach it".into()
        )
    );
    let old = Subject {
        machine: Some(bare("batch-2")),
        agent: Some(agent("batch-2", Ping::Lost, 90_000, "3.1.1732.0")),
        connection: None,
    };
    let verdict = judge(&old, Rights::Full, |context| context.surroundings.host_management = on);
    assert_eq!(verdict.headline, "batch-2's agent 3.1.1732.0 is too old for default host management");
}

#[test]
fn the_tier_of_hybrid_nodes_comes_before_their_connection() {
    let node = AgentRecord { id: "mi-0f3".into(), ..agent("rack-7", Ping::Online, 40, "3.3.987.0") };
    let subject = Subject { machine: None, agent: Some(node), connection: Some(Connection::Connected) };
    let tier = |value| {
        judge(&subject, Rights::Full, |context| context.surroundings.tier = Fact::Known { value, at: now() })
    };
    let standard = tier(Tier::Standard);
    assert_eq!(standard.headline, "rack-7 needs the advanced tier");
    assert_eq!(standard.first_line(), NOT_CONFIGURED);
    assert!(standard.findings[0].fix.contains("billed"), "it costs, and that is said");
    let advanced = tier(Tier::Advanced);
    assert_eq!((advanced.headline.as_str(), advanced.findings.len()), ("rack-7 is ready", 1));
}

#[test]
fn peers_c39_target_not_connected_is_never_shown_bare() {
    let context =
        Context { profile: Some("prod".into()), region: Some("eu-west-1".into()), ..Context::default() };
    assert_eq!(
        explain_not_connected("i-0dead", None, &context, now()),
        "i-0dead is not connected, and no list in eu-west-1 with profile prod has it: check the id, the region and the account"
    );
    for (name, subject) in subjects() {
        let mut instance = Instance::new("i-0a1");
        instance.machine = subject.machine.map_or(crate::fleet::Part::Absent, |machine| {
            crate::fleet::Part::Seen(std::sync::Arc::new(machine))
        });
        instance.agent = subject
            .agent
            .map_or(crate::fleet::Part::Absent, |agent| crate::fleet::Part::Seen(std::sync::Arc::new(agent)));
        let words = explain_not_connected("i-0a1", Some(&instance), &context, now());
        assert!(
            words.contains(": ") && words.len() > 40 && !words.contains("TargetNotConnected"),
            "{name}: {words}"
        );
    }
}

#[test]
fn peers_c40_a_fix_says_how_long_the_agent_takes_to_notice() {
    for name in ["bare-1", "noagent-1", "imds-0"] {
        let (_, subject) = subjects().into_iter().find(|(this, _)| *this == name).unwrap();
        let verdict = judge(&subject, Rights::Full, |_| {});
        assert!(verdict.findings[0].fix.contains("30 min"), "{name}: {}", verdict.findings[0].fix);
    }
}

#[test]
fn peers_c41_what_was_not_checked_is_said() {
    let (_, subject) = subjects().into_iter().find(|(name, _)| *name == "noagent-1").unwrap();
    let verdict = judge(&subject, Rights::Full, |_| {});
    assert_eq!(verdict.not_visible, ["not checked: what its role may do, its way to the endpoints"]);
    assert!(verdict.findings[0].settled_by.contains(&Call::RouteTables));
}

#[test]
fn commands_carry_profile_and_region_and_can_be_pasted() {
    let (_, subject) = subjects().into_iter().find(|(name, _)| *name == "idle-1").unwrap();
    let command = |profile: Option<&str>, region: Option<&str>| {
        let verdict = judge(&subject, Rights::Full, |context| {
            context.profile = profile.map(Into::into);
            context.region = region.map(Into::into);
        });
        verdict.findings[0].command.clone().unwrap()
    };
    assert_eq!(command(None, None), "aws ec2 start-instances --instance-ids i-0a1");
    assert_eq!(
        command(Some("it's mine"), Some("cn-north-1")),
        r"aws ec2 start-instances --instance-ids i-0a1 --profile 'it'\''s mine' --region cn-north-1"
    );
}

#[test]
fn reasons_of_a_stop_say_by_whom() {
    let said = |transition: &str, code: &str| {
        let record = MachineRecord {
            state_transition_reason: Some(transition.into()),
            state_reason: Some(code.into()),
            ..MachineRecord::new("i-1", MachineState::Stopped)
        };
        words::stopped(&record, "stopped", now())
    };
    assert_eq!(
        said("User initiated (2026-05-03 08:10:11 GMT)", "Client.UserInitiatedShutdown"),
        "EC2: stopped since 3 May 08:10 UTC, by user request"
    );
    assert_eq!(
        said("Server.SpotInstanceTermination", "Server.SpotInstanceTermination"),
        "EC2: stopped, by EC2, for its spot capacity"
    );
    assert_eq!(
        said("User initiated (2026-05-03 08:10:11 GMT)", "Client.InstanceInitiatedShutdown"),
        "EC2: stopped since 3 May 08:10 UTC, by a shutdown from inside"
    );
    assert_eq!(said("", ""), "EC2: stopped");
    assert_eq!(said("(nonsense", ""), "EC2: stopped");
}

#[test]
fn a_check_asks_for_nothing_that_cannot_change_the_verdict() {
    let context = Context { region: Some("eu-west-1".into()), ..Context::default() };
    let calls = |name: &str| {
        let (_, subject) = subjects().into_iter().find(|(this, _)| *this == name).unwrap();
        let mut instance = Instance::new("i-0a1");
        instance.machine = subject.machine.map_or(Part::Absent, |machine| Part::Seen(Arc::new(machine)));
        instance.agent = subject.agent.map_or(Part::Absent, |agent| Part::Seen(Arc::new(agent)));
        next_calls(&instance, &Evidence::default(), &context, now())
    };
    assert!(calls("idle-1").is_empty(), "a machine that is stopped has no way to judge");
    assert!(calls("spot-4").is_empty());
    assert_eq!(calls("api-7"), [Call::ConnectionStatus], "too young for more");
    assert_eq!(calls("legacy-1"), [Call::ConnectionStatus], "its agent is mended first");
    assert!(calls("bare-1").contains(&Call::HostManagement));
    assert!(!calls("bare-1").contains(&Call::InstanceProfile), "there is none");
    assert!(calls("noagent-1").contains(&Call::InstanceProfile));
    assert!(calls("rack-7").contains(&Call::Tier));
}

#[test]
fn a_check_ends() {
    let context = Context { region: Some("eu-west-1".into()), ..Context::default() };
    for (name, subject) in subjects() {
        let mut instance = Instance::new("i-0a1");
        instance.machine = subject.machine.map_or(Part::Absent, |machine| Part::Seen(Arc::new(machine)));
        instance.agent = subject.agent.map_or(Part::Absent, |agent| Part::Seen(Arc::new(agent)));
        let mut evidence = Evidence::default();
        let mut asked = Vec::new();
        loop {
            let calls = next_calls(&instance, &evidence, &context, now());
            if calls.is_empty() {
                break;
            }
            for call in calls {
                assert!(!asked.contains(&call), "{name}: {call:?} twice");
                asked.push(call);
                evidence.take(Piece::denied(call));
            }
        }
    }
}
