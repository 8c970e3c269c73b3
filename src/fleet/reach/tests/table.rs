//! Every cause under four sets of rights, each as a user reads it: one snapshot for each scenario, with four sections.

use std::fmt::Write;

use super::super::*;
use super::causes::scenarios;
use super::marked;
use super::sample::{ACCOUNT, Scenario, now};
use crate::fleet::{Evidence, Outcome, Phase, Piece};

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rights {
    /// Everything.
    Full,
    /// AWS's own end-user sample (diagnosis 3.1): both lists and GetConnectionStatus.
    ReadOnly,
    /// All of SSM, and nothing else.
    SsmAlone,
    /// Everything but SSM's list and GetConnectionStatus.
    Unlisted,
}

impl Rights {
    pub(super) const ALL: [Self; 4] = [Self::Full, Self::ReadOnly, Self::SsmAlone, Self::Unlisted];

    pub(super) fn allow(self, call: Call) -> bool {
        match self {
            Self::Full => true,
            Self::ReadOnly => call == Call::ConnectionStatus,
            Self::SsmAlone => call.action().starts_with("ssm:"),
            Self::Unlisted => call != Call::ConnectionStatus,
        }
    }
}

pub(super) fn context(rights: Rights) -> Context {
    let ended = |outcome| Phase::Ended { outcome, at: now() };
    let mut context = Context {
        profile: Some("prod".into()),
        region: Some("eu-west-1".into()),
        account: Some(ACCOUNT.into()),
        who: Some("role dev-ro".into()),
        ..Context::default()
    };
    let denied = |action: &str| Outcome::Denied { action: action.into(), message: String::new() };
    context.lists.agents.phase = ended(match rights {
        Rights::Unlisted => denied("ssm:DescribeInstanceInformation"),
        _ => Outcome::Complete,
    });
    context.lists.machines.phase = ended(match rights {
        Rights::SsmAlone => denied("ec2:DescribeInstances"),
        _ => Outcome::Complete,
    });
    context
}

/// The row as these rights show it.
pub(super) fn row(scenario: &Scenario, rights: Rights) -> Instance {
    scenario.instance(rights != Rights::SsmAlone, rights != Rights::Unlisted)
}

/// A deep check as the program makes it: round by round, until no call is left.
pub(super) fn check(scenario: &Scenario, rights: Rights) -> Evidence {
    let (row, context) = (row(scenario, rights), context(rights));
    let mut evidence = Evidence::default();
    scenario.uncalled().for_each(|piece| evidence.take(piece));
    for round in 0.. {
        let calls = next_calls(&row, &evidence, &context, now());
        if calls.is_empty() {
            break;
        }
        assert!(round < 10, "{}: the check doesn't end", scenario.name);
        for call in calls {
            evidence.take(if rights.allow(call) { scenario.answer(call) } else { Piece::denied(call) });
        }
    }
    // Asked by the form that opens a session, not by the check.
    if rights.allow(Call::Documents) {
        evidence.take(scenario.answer(Call::Documents));
    }
    evidence
}

pub(super) fn judge(scenario: &Scenario, rights: Rights) -> Verdict {
    examine(&row(scenario, rights), &check(scenario, rights), &context(rights), now())
}

/// A verdict as text, how sure it is before it.
pub(super) fn text(verdict: &Verdict) -> String {
    let sure = match verdict.findings[0].certainty {
        Certainty::Proves => "proven",
        Certainty::Suggests => "likely",
        Certainty::Unknown => "open",
    };
    format!("{} · {sure} · {}\n{}", verdict.state.word(), verdict.findings[0].owner.word(), marked(verdict))
}

#[test]
fn every_cause_under_every_set_of_rights() {
    for scenario in scenarios() {
        let mut sections = String::new();
        for rights in Rights::ALL {
            writeln!(sections, "== {rights:?}\n{}", text(&judge(&scenario, rights))).unwrap();
        }
        insta::assert_snapshot!(scenario.name, sections.trim_end());
    }
}

#[test]
fn full_rights_find_each_cause_and_it_comes_first_where_it_blocks() {
    for scenario in scenarios() {
        let verdict = judge(&scenario, Rights::Full);
        let causes: Vec<Cause> = verdict.findings.iter().map(|finding| finding.cause).collect();
        assert!(causes.contains(&scenario.expected), "{}: {causes:?}", scenario.name);
        // A row that is ready stays so as long as what might keep one out is only likely.
        let told = verdict.findings.iter().find(|finding| finding.cause == scenario.expected).unwrap();
        let is_ready = verdict.state == crate::fleet::State::Ready;
        if scenario.expected.blocks() && (told.certainty == Certainty::Proves || !is_ready) {
            assert_eq!(causes[0], scenario.expected, "{}: {causes:?}", scenario.name);
        }
    }
}

#[test]
fn the_table_has_every_cause_of_a_row() {
    let told: Vec<Cause> = scenarios().iter().map(|scenario| scenario.expected).collect();
    let by_lists = [Cause::NotVerified, Cause::NotVisible, Cause::NoChannel, Cause::NeverRegistered];
    for cause in Cause::ALL {
        let elsewhere = by_lists.contains(cause) || *cause == Cause::TierNotChecked;
        assert!(told.contains(cause) || elsewhere, "{cause:?} has no scenario");
    }
}

#[test]
fn names_of_causes_are_unique() {
    let mut names: Vec<&str> = Cause::ALL.iter().map(|cause| cause.name()).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn a_row_that_is_ready_for_whoever_may_look_is_ready_for_whoever_may_not() {
    let scenario = &scenarios()[0];
    for rights in Rights::ALL {
        let verdict = judge(scenario, rights);
        // Without either sign of its agent it is not said to be ready, and nothing is held against it.
        let told = if rights == Rights::Unlisted { Cause::NotVisible } else { Cause::Ready };
        assert_eq!(verdict.findings[0].cause, told, "{rights:?}");
        assert_eq!(verdict.findings.len(), 1, "{rights:?}");
        assert_eq!(verdict.explains_refusal(), None);
    }
}

#[test]
fn commands_are_words_of_a_shell_with_profile_and_region() {
    for scenario in scenarios() {
        for rights in Rights::ALL {
            for finding in judge(&scenario, rights).findings {
                let Some(command) = finding.command else { continue };
                for line in command.split(" && ") {
                    let words = shlex::split(line).unwrap_or_else(|| panic!("{}: {line}", scenario.name));
                    assert_eq!(words[0], "aws", "{line}");
                    let value = |flag: &str| {
                        words.iter().position(|word| word == flag).map(|at| words[at + 1].as_str())
                    };
                    assert_eq!(value("--profile"), Some("prod"), "{line}");
                    // IAM has no regions, but one tells the CLI which partition's IAM is meant.
                    assert_eq!(value("--region"), Some("eu-west-1"), "{line}");
                }
            }
        }
    }
}

#[test]
fn every_finding_that_blocks_says_what_mends_it_and_who() {
    for scenario in scenarios() {
        for rights in Rights::ALL {
            for finding in judge(&scenario, rights).findings {
                let says = !finding.fix.is_empty() && !finding.fix.ends_with('.');
                assert!(says || !finding.cause.blocks(), "{}: {}", scenario.name, finding.what);
                assert!(!finding.what.ends_with('.'), "{}", finding.what);
            }
        }
    }
}

#[test]
fn other_partitions_have_their_own_arns_and_services() {
    let scenario = scenarios().into_iter().find(|one| one.name == "c9_role_may_not_open_channels").unwrap();
    let evidence = check(&scenario, Rights::Full);
    for (region, arn) in [
        ("cn-north-1", "arn:aws-cn:iam::aws:policy/AmazonSSMManagedInstanceCore"),
        ("us-gov-west-1", "arn:aws-us-gov:iam::aws:policy/AmazonSSMManagedInstanceCore"),
    ] {
        let context = Context { region: Some(region.into()), ..context(Rights::Full) };
        let verdict = examine(&row(&scenario, Rights::Full), &evidence, &context, now());
        assert!(verdict.findings[0].command.as_ref().unwrap().contains(arn), "{verdict:?}");
    }
}
