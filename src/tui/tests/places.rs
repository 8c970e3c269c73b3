//! Several accounts and regions: read side by side, chosen, told apart.

use super::stage::{PLACE, Stage, USUAL, WIDE, failure};
use crate::{
    fleet::{
        AgentRecord, InstanceId, MachineRecord, MachineState, Outcome, Ping, Place, Source, Tag, Update,
    },
    tui::{
        action::Context,
        event::{Choice, Choices, Effect, Event, PlaceId, Who},
        state::{chooser::Group, place::Access},
    },
};

const STAGING: PlaceId = PlaceId(1);
const DATA: PlaceId = PlaceId(2);

/// The sample fleet, and two more accounts that are being looked for.
fn three(size: crate::term::Size) -> Stage {
    let mut stage = Stage::listed(size);
    for (profile, region) in [("staging", "eu-west-1"), ("data", "us-east-1")] {
        let place = Place { profile: Some(profile.into()), region: Some(region.into()), ..Place::default() };
        stage.state.fleet.places.add(place);
    }
    stage
}

fn connects(stage: &mut Stage, place: PlaceId, account: &str, alias: &str) {
    let view = stage.state.fleet.places.get(place).unwrap();
    let (region, profile) = (view.place().region.clone().unwrap(), view.place().profile.clone().unwrap());
    stage.happens(Event::Connected { place, region: region.to_string(), profile: Some(profile.to_string()) });
    let who = Who {
        account: account.to_owned(),
        alias: Some(alias.to_owned()),
        principal: format!("role dev in account {account}"),
    };
    stage.happens(Event::Identified { place, who: Ok(who) });
}

fn lists(stage: &mut Stage, place: PlaceId, id: &str, name: &str) {
    let generation = stage.state.fleet.places.get(place).unwrap().reading.generation;
    let machine = MachineRecord {
        tags: Box::new([Tag::new("Name", name)]),
        ..MachineRecord::new(id, MachineState::Running)
    };
    let agent = AgentRecord { ping: Some(Ping::Online), ..AgentRecord::new(id) };
    for update in [
        Update::Agents { generation, records: vec![agent] },
        Update::Machines { generation, records: vec![machine] },
        Update::Done { generation, source: Source::AgentList, outcome: Outcome::Complete },
        Update::Done { generation, source: Source::MachineList, outcome: Outcome::Complete },
    ] {
        stage.happens(Event::Listed { place, update });
    }
    stage.happens(Event::ListEnded { place, generation });
}

fn names(stage: &Stage) -> Vec<String> {
    stage.state.fleet.visible(100).map(|instance| instance.label().to_owned()).collect()
}

fn choices() -> Event {
    let choice = |(name, about): (&str, &str)| Choice { name: name.to_owned(), about: about.to_owned() };
    Event::Choices(Choices {
        profiles: [("prod", "SSO"), ("staging", "role of prod"), ("data", "keys"), ("lab", "keys")]
            .map(choice)
            .into(),
        regions: [("eu-west-1", ""), ("us-east-1", ""), ("eu-south-1", "not enabled for this account")]
            .map(choice)
            .into(),
    })
}

#[test]
fn one_that_is_slow_or_fails_holds_up_no_other() {
    let mut stage = three(WIDE);
    connects(&mut stage, DATA, "333333333333", "shop-data");
    lists(&mut stage, DATA, "i-0d00000000000001", "warehouse-1");
    assert!(names(&stage).contains(&"warehouse-1".to_owned()), "staging has not even connected yet");
    assert!(names(&stage).contains(&"web-1".to_owned()));
    stage.happens(Event::NotConnected { place: STAGING, failure: failure() });
    assert!(names(&stage).contains(&"warehouse-1".to_owned()));
    let screen = stage.screen();
    assert!(screen.contains("2 of 3 places"), "{screen}");
    assert!(screen.contains("staging/eu-west-1: cannot open a session"), "{screen}");
}

#[test]
fn each_row_says_where_it_is_and_is_asked_and_opened_there() {
    let mut stage = three(WIDE);
    connects(&mut stage, DATA, "333333333333", "shop-data");
    lists(&mut stage, DATA, "i-0d00000000000001", "warehouse-1");
    let screen = stage.screen();
    assert!(screen.contains("shop-data") && screen.contains("us-east-1"), "{screen}");
    stage.taken();
    stage.select("warehouse-1").press("enter");
    let started = stage.taken().into_iter().find_map(|effect| match effect {
        Effect::Start { place, target, .. } => Some((place, target)),
        _ => None,
    });
    assert_eq!(started, Some((DATA, InstanceId::new("i-0d00000000000001"))));
    stage.press("alt-1").waits(std::time::Duration::from_secs(1));
    let probed: Vec<_> = stage
        .taken()
        .into_iter()
        .flat_map(|effect| if let Effect::Probe(ids) = effect { ids } else { Vec::new() })
        .filter(|(_, id)| id.as_str() == "i-0d00000000000001")
        .map(|(place, _)| place)
        .collect();
    assert!(!probed.is_empty() && probed.iter().all(|place| *place == DATA), "{probed:?}");
}

#[test]
fn a_refresh_asks_each_as_it_stands() {
    let mut stage = three(USUAL);
    connects(&mut stage, STAGING, "222222222222", "shop-staging");
    lists(&mut stage, STAGING, "i-0500000000000001", "stage-1");
    stage.happens(Event::NotConnected { place: DATA, failure: failure() });
    stage.taken();
    stage.press("ctrl-r");
    let effects = stage.taken();
    for place in [PLACE, STAGING] {
        assert!(
            effects.iter().any(|e| matches!(e, Effect::List { place: p, .. } if *p == place)),
            "{place:?}"
        );
    }
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Connect { place: DATA, .. })));
}

#[test]
fn places_are_chosen_while_running_and_their_rows_come_and_go() {
    let mut stage = Stage::listed(USUAL);
    stage.press("alt-p");
    assert_eq!(stage.state.context(), Context::Places);
    assert!(stage.taken().iter().any(|effect| matches!(effect, Effect::Choices(Some(PLACE)))));
    stage.happens(choices());
    stage.types("staging").press("tab enter");
    let connects: Vec<_> = stage
        .taken()
        .into_iter()
        .filter_map(|effect| match effect {
            Effect::Connect { place, profile, region } => Some((place, profile, region)),
            _ => None,
        })
        .collect();
    assert_eq!(connects, [(STAGING, Some("staging".to_owned()), Some("eu-west-1".to_owned()))]);
    assert_eq!(names(&stage).len(), 9, "those of prod stay");
    // Without a tick, enter takes the profile under the cursor alone.
    stage.press("alt-p");
    stage.happens(choices());
    stage.types("lab").press("enter");
    assert_eq!(names(&stage).len(), 0, "prod is not read any more");
    let left = stage.taken().iter().filter(|effect| matches!(effect, Effect::Leave(_))).count();
    assert_eq!(left, 2);
    assert_eq!(stage.state.fleet.places.words(), "lab/eu-west-1");
}

#[test]
fn a_session_outlives_the_place_it_was_opened_in() {
    let mut stage = Stage::listed(USUAL);
    let life = stage.opens("web-1");
    stage.press("alt-1 alt-p");
    stage.happens(choices());
    stage.types("lab").press("enter");
    stage.press("alt-2").types("ls");
    stage.output(life, "still here\r\n");
    assert_eq!(stage.typed(), "ls");
    assert!(stage.screen().contains("still here"), "{}", stage.screen());
}

#[test]
fn nothing_ticked_is_refused_and_one_line_alone_filters() {
    let mut stage = Stage::listed(USUAL);
    stage.press("alt-p");
    stage.happens(choices());
    stage.press("tab enter");
    assert!(stage.screen().contains("nothing is ticked"), "{}", stage.screen());
    assert_eq!(stage.state.context(), Context::Places);
    stage.press("esc alt-p enter");
    assert_eq!(stage.state.fleet.query.text(), "profile:prod region:eu-west-1 ");
}

#[test]
fn a_group_of_the_config_file_is_one_line() {
    let mut stage = Stage::listed(USUAL);
    let pair = |profile: &str| (Some(profile.to_owned()), Some("eu-west-1".to_owned()));
    stage.state.memory.groups =
        vec![Group { name: "everything".to_owned(), pairs: vec![pair("prod"), pair("staging")] }];
    stage.press("alt-p");
    stage.happens(choices());
    stage.types("everything").press("enter");
    assert_eq!(stage.state.fleet.places.words(), "2 profiles/eu-west-1");
    assert_eq!(names(&stage).len(), 9, "what was read already is not read anew");
}

#[test]
fn one_in_trouble_is_asked_again_from_its_line() {
    let mut stage = three(USUAL);
    stage.happens(Event::NotConnected { place: STAGING, failure: failure() });
    stage.press("alt-p");
    stage.happens(choices());
    stage.taken();
    stage.press("ctrl-r");
    // The cursor is on the first line: prod, which is read again.
    assert!(stage.taken().iter().any(|effect| matches!(effect, Effect::List { place: PLACE, .. })));
    stage.press("down ctrl-r");
    assert!(stage.taken().iter().any(|effect| matches!(effect, Effect::Connect { place: STAGING, .. })));
    assert_eq!(stage.state.fleet.places.get(STAGING).unwrap().access, Access::Connecting);
}
