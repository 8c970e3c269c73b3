//! What holds of any evidence, however odd: it never panics, nothing is proven by what wasn't read, and learning more never
//! turns one proof into another that contradicts it.

use proptest::prelude::*;

use super::super::*;
use super::causes::scenarios;
use super::sample::now;
use super::table::{Rights, context, row};
use crate::fleet::{Evidence, Piece};

const CALLS: [Call; 23] = [
    Call::ConnectionStatus,
    Call::StatusCheck,
    Call::HostManagement,
    Call::CoreProfiles,
    Call::Tier,
    Call::ProfileAssociation,
    Call::InstanceProfile,
    Call::Role,
    Call::RoleRights,
    Call::Subnet,
    Call::VpcAttributes,
    Call::RouteTables,
    Call::Endpoints,
    Call::SecurityGroups,
    Call::NetworkAcls,
    Call::NatGateways,
    Call::Image,
    Call::Activations,
    Call::Preferences,
    Call::Documents,
    Call::Key,
    Call::OwnRights,
    Call::OptIn,
];

/// The calls whose answers a proof of this cause rests on, beside the lists.
fn rests_on(finding: &Finding) -> &'static [Call] {
    match finding.cause {
        Cause::Impaired => &[Call::StatusCheck],
        Cause::NoProfile | Cause::TooOldForHostManagement => &[Call::HostManagement],
        Cause::ProfileBroken => &[Call::InstanceProfile],
        Cause::RoleNotTrusted => &[Call::Role],
        Cause::RoleMayNotRegister | Cause::RoleMayNotOpenChannels | Cause::OrganisationDenies => {
            &[Call::RoleRights]
        }
        Cause::HalfProfile => &[Call::RoleRights, Call::HostManagement],
        Cause::NoWayOut | Cause::NoWayToChannels | Cause::NoPublicAddress => {
            &[Call::Endpoints, Call::RouteTables]
        }
        Cause::EndpointClosed => &[Call::Endpoints, Call::SecurityGroups, Call::VpcAttributes],
        Cause::EgressClosed => &[Call::SecurityGroups],
        Cause::AclClosed => &[Call::NetworkAcls],
        Cause::WayBroken => &[Call::Endpoints],
        Cause::StandardTier => &[Call::Tier],
        Cause::NoActivation => &[Call::Activations],
        Cause::KeyUnusable => &[Call::Preferences, Call::Key],
        Cause::KeyNotAllowed => &[Call::Preferences, Call::OwnRights],
        _ => &[],
    }
}

/// How each call answers: with the piece of some scenario, denied, failed, or not asked.
fn answers() -> impl Strategy<Value = (usize, Vec<(usize, u8)>)> {
    let count = scenarios().len();
    (0..count, proptest::collection::vec((0..count, 0..6_u8), CALLS.len()))
}

fn piece(own: usize, call: Call, other: usize, how: u8, all: &[super::sample::Scenario]) -> Option<Piece> {
    match how {
        0 => None,
        1 => Some(Piece::denied(call)),
        2 => Some(Piece::failed(call, "no answer in time")),
        3 => Some(all[other].answer(call)),
        _ => Some(all[own].answer(call)),
    }
}

fn proven(verdict: &Verdict) -> impl Iterator<Item = &Finding> {
    verdict.findings.iter().filter(|finding| finding.certainty == Certainty::Proves)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_proven_by_what_was_not_read((own, hows) in answers(), rights in 0..Rights::ALL.len()) {
        let all = scenarios();
        let rights = Rights::ALL[rights];
        let mut evidence = Evidence::default();
        let mut read = Vec::new();
        all[own].uncalled().for_each(|piece| evidence.take(piece));
        for (call, (other, how)) in CALLS.into_iter().zip(hows) {
            if how >= 3 {
                read.push(call);
            }
            if let Some(piece) = piece(own, call, other, how, &all) {
                evidence.take(piece);
            }
        }
        let (row, context) = (row(&all[own], rights), context(rights));
        let verdict = examine(&row, &evidence, &context, now());
        for finding in proven(&verdict) {
            for call in rests_on(finding) {
                prop_assert!(read.contains(call), "{:?} without {:?}", finding, call);
            }
        }
        // None of the others panics either, and all agree on the headline.
        let report = report(&row, &evidence, &context, now());
        prop_assert_eq!(&report.headline, &verdict.headline);
        prop_assert!(!report.text().is_empty() && report.json().is_object());
        prop_assert!(!checklist(&row, &evidence, &context, now()).is_empty());
        let _ = next_calls(&row, &evidence, &context, now());
    }

    #[test]
    fn learning_more_never_unproves(own in 0..scenarios().len(), known in proptest::collection::vec(any::<bool>(), CALLS.len())) {
        let all = scenarios();
        let (row, context) = (row(&all[own], Rights::Full), context(Rights::Full));
        let mut evidence = Evidence::default();
        all[own].uncalled().for_each(|piece| evidence.take(piece));
        // The channel decides which question is asked at all.
        evidence.take(all[own].answer(Call::ConnectionStatus));
        for (call, known) in CALLS.into_iter().zip(known) {
            if known {
                evidence.take(all[own].answer(call));
            }
        }
        let before = examine(&row, &evidence, &context, now());
        CALLS.into_iter().for_each(|call| evidence.take(all[own].answer(call)));
        let after = examine(&row, &evidence, &context, now());
        // "Ready" is a state: whom it lets in is learnt later.
        for finding in proven(&before).filter(|finding| finding.cause != Cause::Ready) {
            let stays = proven(&after).any(|other| other.cause == finding.cause);
            // What a channel lacks is the same; whom it keeps away is learnt later.
            let is_refined = finding.cause == Cause::RoleMayNotOpenChannels
                && proven(&after).any(|other| other.cause == Cause::HalfProfile);
            prop_assert!(stays || is_refined, "{:?} is gone: {:?}", finding.cause, after.findings);
        }
    }
}
