//! Pieces find their place; ranges of addresses.

use super::*;
use crate::fleet::{MachineRecord, MachineState, Part, State};

fn at() -> Timestamp {
    "2026-05-03T12:00:00Z".parse().unwrap()
}

fn range(text: &str) -> AddressRange {
    text.parse().unwrap()
}

#[test]
fn ranges_hold_one_another_by_their_bits() {
    assert!(AddressRange::ALL.contains(range("10.0.0.0/8")));
    assert!(range("10.0.0.0/8").contains(range("10.1.2.3")));
    assert!(!range("10.1.0.0/16").contains(range("10.0.0.0/8")));
    assert!(range("10.1.0.0/16").meets(range("10.0.0.0/8")));
    assert!(!range("10.1.0.0/16").meets(range("10.2.0.0/16")));
    assert_eq!(range("10.1.2.3/16").to_string(), "10.1.0.0/16", "what lies below the mask doesn't count");
    for text in ["", "::/0", "10.0.0.0/33", "10.0.0/8", "pl-0a"] {
        assert!(text.parse::<AddressRange>().is_err(), "{text}");
    }
}

#[test]
fn an_answer_ends_its_call_and_a_refusal_is_kept_once() {
    let mut evidence = Evidence::default();
    evidence.take(Piece::Asking(Call::Role));
    evidence.take(Piece::Asking(Call::Role));
    evidence.take(Piece::Asking(Call::Subnet));
    assert_eq!(evidence.asking, [Call::Role, Call::Subnet]);
    for message in ["one", "two"] {
        evidence.take(Piece::Refused(Refused {
            call: Call::Role,
            message: message.into(),
            request_id: None,
        }));
    }
    evidence.take(Piece::Role(Fact::Denied { action: "iam:GetRole".into() }));
    assert_eq!(evidence.asking, [Call::Subnet]);
    assert_eq!(evidence.refused.len(), 1);
    assert_eq!(evidence.refused[0].message, "two");
}

#[test]
fn a_network_that_is_shared_stays_as_it_was_for_the_others() {
    let shared = Arc::new(Network::default());
    let mut evidence = Evidence { network: Arc::clone(&shared), ..Evidence::default() };
    evidence.take(Piece::Endpoints(Fact::Known { value: Vec::new(), at: at() }));
    assert!(evidence.network.endpoints.value().is_some());
    assert!(shared.endpoints.value().is_none());
}

#[test]
fn a_check_brings_the_row_up_to_date() {
    let machine = MachineRecord::new("i-1", MachineState::Running);
    let row = Instance { machine: Part::Seen(Arc::new(machine)), ..Instance::new("i-1") };
    let mut evidence = Evidence::default();
    assert!(matches!(evidence.applied_to(&row), Cow::Borrowed(_)));
    evidence.take(Piece::Connection(Fact::Known { value: Connection::Connected, at: at() }));
    assert_eq!(evidence.applied_to(&row).state(at()), State::Ready);
    let checks = StatusChecks { system: "impaired".into(), ..StatusChecks::default() };
    evidence.take(Piece::Connection(Fact::Failed("no answer".into())));
    evidence.take(Piece::Status(Fact::Known { value: Some(checks), at: at() }));
    assert_eq!(evidence.applied_to(&row).state(at()), State::Impaired);
}

#[test]
fn what_was_asked_here_goes_before_what_others_asked() {
    let tier = |value| Fact::Known { value, at: at() };
    let here = Surroundings { tier: tier(Tier::Advanced), ..Surroundings::default() };
    let there = Surroundings {
        tier: tier(Tier::Standard),
        opt_in: Fact::Known { value: OptIn::Enabled, at: at() },
        ..Surroundings::default()
    };
    let both = here.or(&there);
    assert_eq!(both.tier.value(), Some(&Tier::Advanced));
    assert_eq!(both.opt_in.value(), Some(&OptIn::Enabled));
}
