//! The checklist as it fills in, the ticket, its JSON, the banners of the caller's own side, and what to expect after a fix.

use std::fmt::Write;

use super::super::*;
use super::causes::scenarios;
use super::sample::now;
use super::table::{Rights, check, context, row};
use crate::fleet::evidence::Refused;
use crate::fleet::{Evidence, Piece};

fn list(checks: &[Check]) -> String {
    let mut text = String::new();
    for check in checks {
        let line = format!("{} {:<52} {}", check.state.mark(), check.title, check.says);
        writeln!(text, "{}", line.trim_end()).unwrap();
    }
    text
}

fn scenario(name: &str) -> super::sample::Scenario {
    scenarios().into_iter().find(|one| one.name == name).unwrap()
}

#[test]
fn the_checklist_fills_in_as_the_calls_answer() {
    let scenario = scenario("d1_no_way_out");
    let (row, context) = (row(&scenario, Rights::Full), context(Rights::Full));
    let mut evidence = Evidence::default();
    let mut told = String::new();
    for round in 0.. {
        let calls = next_calls(&row, &evidence, &context, now());
        calls.iter().for_each(|call| evidence.take(Piece::Asking(*call)));
        writeln!(told, "round {round}\n{}", list(&checklist(&row, &evidence, &context, now()))).unwrap();
        if calls.is_empty() {
            break;
        }
        calls.iter().for_each(|call| evidence.take(scenario.answer(*call)));
    }
    insta::assert_snapshot!("checklist_fills_in", told.trim_end());
}

#[test]
fn every_check_is_settled_when_nothing_is_left_to_ask() {
    for scenario in scenarios() {
        for rights in Rights::ALL {
            let evidence = check(&scenario, rights);
            for check in checklist(&row(&scenario, rights), &evidence, &context(rights), now()) {
                let settled = !matches!(check.state, CheckState::Asking | CheckState::Waiting)
                    || scenario.expected == Cause::JustStarted;
                assert!(settled, "{} {rights:?}: {check:?}", scenario.name);
            }
        }
    }
}

#[test]
fn a_check_never_passes_what_the_verdict_blames() {
    for scenario in scenarios() {
        for rights in Rights::ALL {
            let evidence = check(&scenario, rights);
            let (row, context) = (row(&scenario, rights), context(rights));
            let verdict = examine(&row, &evidence, &context, now());
            let first = &verdict.findings[0];
            if first.certainty != Certainty::Proves || !first.cause.blocks() {
                continue;
            }
            let checks = checklist(&row, &evidence, &context, now());
            let is_told = checks.iter().any(|check| check.state == CheckState::Failed);
            let by_document =
                matches!(first.cause, Cause::NoDocument | Cause::WrongDocument | Cause::BadParameters);
            assert!(is_told || by_document, "{} {rights:?}\n{}", scenario.name, list(&checks));
        }
    }
}

#[test]
fn the_report_is_a_ticket() {
    let scenario = scenario("c9_role_may_not_open_channels");
    let mut evidence = check(&scenario, Rights::ReadOnly);
    evidence.take(Piece::Refused(Refused {
        call: Call::InstanceProfile,
        message:
            "User: arn:aws:iam::123456789012:user/alice is not authorized to perform: iam:GetInstanceProfile"
                .into(),
        request_id: Some("7f3c-22".into()),
    }));
    let report = report(&row(&scenario, Rights::ReadOnly), &evidence, &context(Rights::ReadOnly), now());
    insta::assert_snapshot!("report", report.text());
}

#[test]
fn the_json_is_stable() {
    let scenario = scenario("c9_role_may_not_open_channels");
    let evidence = check(&scenario, Rights::Full);
    let report = report(&row(&scenario, Rights::Full), &evidence, &context(Rights::Full), now());
    insta::assert_snapshot!("report_json", serde_json::to_string_pretty(&report.json()).unwrap());
}

#[test]
fn what_the_agent_has_to_notice_says_how_long_that_takes() {
    for cause in Cause::ALL {
        let of_the_instance = cause.blocks()
            && ["B1", "B4", "C", "D", "E1"].iter().any(|number| cause.number().starts_with(number));
        let told = expected_after(*cause);
        assert!(told.is_some() || !of_the_instance, "{cause:?}");
        assert!(told.is_none_or(|told| told.at_most.as_secs() >= 60));
    }
    assert_eq!(expected_after(Cause::NoProfile).unwrap().at_most.as_secs(), 35 * 60);
    assert!(expected_after(Cause::RoleMayNotOpenChannels).unwrap().words.contains("40 min"));
}
