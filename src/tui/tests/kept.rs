//! The list of the last time, what was opened before, favourites, watching, and the pace of the search.

use std::time::Duration;

use jiff::SignedDuration;

use super::stage::{PLACE, Stage, USUAL, WIDE, machines, probed};
use crate::{
    fleet::{
        AgentRecord, Connection, Fact, Fleet, InstanceId, MachineRecord, MachineState, Ping, Place, Update,
        history::{self, History, Kind, Opening, Where},
    },
    session,
    tui::{
        action::Context,
        event::{Effect, Event},
        state::{popup::Popup, tab::Phase},
        update::begin,
    },
};

/// The sample fleet, as it was kept three hours ago.
fn last_time(stage: &Stage) -> Box<Fleet> {
    let mut before = Stage::listed(USUAL);
    let fleet = &before.place().fleet;
    let mut listing = fleet.listing(stage.now.time - SignedDuration::from_hours(3));
    (listing.agents_at, listing.machines_at) = (Some(listing.at), Some(listing.at));
    Box::new(Fleet::from_last_time(listing, stage.now.time))
}

fn with_last_time() -> Stage {
    let mut stage = Stage::new(WIDE);
    let fleet = last_time(&stage);
    stage.happens(Event::Cached { place: PLACE, fleet: Some(fleet) });
    stage
}

fn selected(stage: &Stage) -> String {
    stage.state.fleet.selected().map_or(String::new(), |instance| instance.label().to_owned())
}

#[test]
fn the_list_of_the_last_time_is_sought_before_anything_is_asked() {
    let stage = Stage::new(USUAL);
    let effects = begin(&stage.state);
    let sought = effects.iter().position(|effect| matches!(effect, Effect::LoadCache { .. }));
    let connects = effects.iter().position(|effect| matches!(effect, Effect::Connect { .. }));
    assert!(sought.unwrap() < connects.unwrap(), "{effects:?}");
    assert!(!stage.state.has_last_time(), "the first frame waits for it");
}

#[test]
fn rows_of_the_last_time_stand_in_the_first_frame_with_their_age() {
    let stage = with_last_time();
    assert!(stage.state.has_last_time());
    let screen = stage.screen();
    assert!(screen.contains("web-1") && screen.contains("from 3 h ago"), "{screen}");
    assert!(screen.contains("looking for credentials"), "{screen}");
}

#[test]
fn without_a_list_of_the_last_time_the_first_frame_is_as_before() {
    let mut stage = Stage::new(WIDE);
    let before = stage.screen();
    stage.happens(Event::Cached { place: PLACE, fleet: None });
    assert!(stage.state.has_last_time());
    assert_eq!(stage.screen(), before);
}

#[test]
fn the_refresh_goes_on_beneath_the_selected_row() {
    let mut stage = with_last_time();
    assert_eq!(selected(&stage), "a-very-long-name-that-no-column-holds-eu-west-1-blue");
    stage.connect();
    // A row that comes first in the order, and all others but one.
    let generation = stage.generation();
    let first = MachineRecord {
        tags: Box::new([crate::fleet::Tag::new("Name", "aaa-1")]),
        ..MachineRecord::new("i-0a1b2c3d4e5f600aa", MachineState::Running)
    };
    stage.happens(Event::listed_here(Update::Machines { generation, records: vec![first] }));
    assert!(stage.screen().contains("aaa-1"));
    assert_eq!(
        selected(&stage),
        "a-very-long-name-that-no-column-holds-eu-west-1-blue",
        "though nobody had put the cursor there"
    );
    stage.press("down down");
    let chosen = selected(&stage);
    stage.list();
    assert_eq!(selected(&stage), chosen);
    assert!(!stage.screen().contains("from 3 h ago"), "{}", stage.screen());
}

#[test]
fn the_selected_row_keeps_its_line_when_rows_come_in_above_it() {
    let mut stage = Stage::listed(WIDE);
    let rows = |stage: &mut Stage, letter: char, count: usize| {
        let generation = stage.generation();
        let row = |number: usize| MachineRecord {
            tags: Box::new([crate::fleet::Tag::new("Name", format!("{letter}-{number:03}"))]),
            ..MachineRecord::new(format!("i-{:x}{number:016x}", u32::from(letter)), MachineState::Running)
        };
        let records = (0..count).map(row).collect();
        stage.happens(Event::listed_here(Update::Machines { generation, records }));
    };
    rows(&mut stage, 'x', 100);
    // Near the end of what is shown, and near the end of the list.
    for keys in ["pagedown up up up", "pagedown pagedown pagedown pagedown up up"] {
        stage.press(keys);
        let list = &stage.state.fleet.list;
        let (line, chosen) = (list.cursor - list.offset, selected(&stage));
        assert!(line > 5, "{keys}: {line}");
        let first = if keys.starts_with("pagedown up") { 'b' } else { 'c' };
        rows(&mut stage, first, 70);
        let list = &stage.state.fleet.list;
        assert_eq!((list.cursor - list.offset, selected(&stage)), (line, chosen), "{keys}");
    }
}

#[test]
fn a_session_begun_on_a_row_of_the_last_time_starts_when_aws_can_be_asked() {
    let mut stage = with_last_time();
    stage.select("web-1").press("enter");
    assert!(matches!(stage.state.tabs.current().unwrap().phase, Phase::Starting { .. }));
    assert!(!stage.taken().iter().any(|effect| matches!(effect, Effect::Start { .. })));
    stage.connect();
    let started = stage.taken().into_iter().filter(|effect| matches!(effect, Effect::Start { .. })).count();
    assert_eq!(started, 1);
}

#[test]
fn a_session_that_waited_ends_with_the_reason_where_aws_cannot_be_asked() {
    let mut stage = with_last_time();
    stage.select("web-1").press("enter");
    stage.happens(Event::NotConnected { place: PLACE, failure: super::stage::failure() });
    assert!(matches!(stage.state.tabs.current().unwrap().phase, Phase::Ended(_)));
    assert!(stage.screen().contains("access denied"), "{}", stage.screen());
}

#[test]
fn rows_of_another_account_go_as_soon_as_that_is_known() {
    let mut stage = Stage::new(WIDE);
    let mut fleet = last_time(&stage);
    fleet.set_place(Place { account: Some("999999999999".into()), ..fleet.place().as_ref().clone() });
    stage.happens(Event::Cached { place: PLACE, fleet: Some(fleet) });
    assert!(stage.screen().contains("web-1"));
    stage.connect();
    assert!(!stage.screen().contains("web-1"), "{}", stage.screen());
}

#[test]
fn a_whole_reading_is_kept_once_and_again_after_a_while() {
    let kept = |stage: &mut Stage| {
        let kept = stage.taken().into_iter().filter_map(|effect| match effect {
            Effect::StoreCache { listing, .. } => Some(listing.rows.len()),
            _ => None,
        });
        kept.collect::<Vec<_>>()
    };
    let mut stage = Stage::new(USUAL);
    stage.connect();
    stage.list();
    assert_eq!(kept(&mut stage), [9]);
    for (waits, expected) in [(60, 0), (600, 1)] {
        stage.passes(Duration::from_secs(waits));
        stage.press("ctrl-r");
        stage.list();
        assert_eq!(kept(&mut stage).len(), expected, "{waits} s later");
    }
}

fn opening(stage: &Stage, id: &str, hours: i64) -> history::Event {
    history::Event::Opened(Opening {
        at: stage.now.time - SignedDuration::from_hours(hours),
        id: id.into(),
        name: "web-2".into(),
        kind: Kind::Shell,
        place: Where { profile: Some("prod".into()), region: Some("eu-west-1".into()), account: None },
    })
}

fn recalled(stage: &mut Stage, events: impl IntoIterator<Item = history::Event>) {
    let mut history = History::default();
    events.into_iter().for_each(|event| history.take(event));
    stage.happens(Event::Recalled(history));
}

#[test]
fn what_is_opened_is_remembered_when_it_works() {
    let mut stage = Stage::listed(USUAL);
    stage.select("web-1").press("enter");
    assert!(!stage.taken().iter().any(|effect| matches!(effect, Effect::Remember(_))), "not yet");
    let life = stage.life();
    stage.happens(Event::Started { life, place: PLACE, result: Ok(super::stage::ticket()) });
    stage.session(life, session::Event::Ready);
    let remembered: Vec<_> = stage
        .taken()
        .into_iter()
        .filter_map(|effect| match effect {
            Effect::Remember(history::Event::Opened(opening)) => Some(opening),
            _ => None,
        })
        .collect();
    let [opening] = &remembered[..] else { panic!("{remembered:?}") };
    assert_eq!((&*opening.name, opening.kind, opening.at), ("web-1", Kind::Shell, stage.now.time));
    assert_eq!(opening.place.words(), "prod/eu-west-1");
    assert_eq!(stage.state.habits.weights.get(&opening.id), Some(&1_000));
}

#[test]
fn the_history_shows_the_newest_first_and_opens_again() {
    let mut stage = Stage::listed(WIDE);
    let events = [opening(&stage, "i-0a1b2c3d4e5f60002", 5), opening(&stage, "i-0a1b2c3d4e5f60007", 30)];
    recalled(&mut stage, events);
    stage.press("esc H");
    assert_eq!(stage.state.context(), Context::History);
    insta::assert_snapshot!(stage.screen());
    stage.press("enter");
    assert_eq!(stage.state.tabs.current().unwrap().instance, InstanceId::from("i-0a1b2c3d4e5f60002"));
    assert_eq!(stage.state.popup, None);
}

#[test]
fn what_was_opened_lately_comes_first_on_an_empty_query() {
    let mut stage = Stage::listed(WIDE);
    let events = [opening(&stage, "i-0a1b2c3d4e5f60002", 5)];
    recalled(&mut stage, events);
    let first = stage.state.fleet.visible(1).next().unwrap().label().to_owned();
    assert_eq!(first, "web-2");
    stage.select("web-2");
    let screen = stage.screen();
    assert!(screen.contains("opened   shell 5 h ago"), "{screen}");
}

#[test]
fn an_empty_history_says_so_and_closes() {
    let mut stage = Stage::listed(USUAL);
    stage.press("alt-l");
    assert!(stage.screen().contains("nothing was opened yet"), "{}", stage.screen());
    stage.press("enter");
    stage.press("alt-l down esc");
    assert_eq!(stage.state.popup, None::<Popup>);
}

#[test]
fn a_favourite_has_its_star_and_its_word() {
    let mut stage = Stage::listed(WIDE);
    stage.press("esc").select("win-1").press("*");
    let row =
        |stage: &Stage| stage.screen().lines().find(|line| line.contains("i-0a1…0003")).unwrap().to_owned();
    assert!(row(&stage).contains('★'), "{}", row(&stage));
    assert!(stage.screen().contains("★ favourite"), "{}", stage.screen());
    let kept = |stage: &mut Stage| {
        let mut kept = stage.taken().into_iter().filter_map(|effect| match effect {
            Effect::Remember(history::Event::Favourite { on, .. }) => Some(on),
            _ => None,
        });
        kept.next()
    };
    assert_eq!(kept(&mut stage), Some(true));
    stage.press("*");
    assert_eq!(kept(&mut stage), Some(false));
    assert!(!row(&stage).contains('★'));
}

/// What a look at new-1 brought.
fn looks_at_new(stage: &mut Stage, connected: bool) {
    let (generation, at) = (stage.generation(), stage.now.time);
    let id = InstanceId::from("i-0a1b2c3d4e5f60007");
    let machine = machines(stage.now).into_iter().find(|machine| machine.id == id).unwrap();
    let mut updates = vec![Update::Machines { generation, records: vec![machine] }];
    if connected {
        let agent =
            AgentRecord { ping: Some(Ping::Online), last_ping: Some(at), ..AgentRecord::new(id.as_str()) };
        updates.push(Update::Agents { generation, records: vec![agent] });
    }
    let value = if connected { Connection::Connected } else { Connection::NotConnected };
    updates.push(Update::Connection { id: id.clone(), status: Fact::Known { value, at } });
    stage.happens(Event::Looked { place: PLACE, id, updates });
}

fn looks(stage: &mut Stage) -> usize {
    stage.taken().into_iter().filter(|effect| matches!(effect, Effect::Look { .. })).count()
}

#[test]
fn a_watched_row_is_looked_at_at_a_polite_pace_and_rings_when_it_is_ready() {
    let mut stage = Stage::configured(WIDE, "refresh = \"off\"");
    stage.connect();
    stage.list();
    stage.taken();
    stage.press("esc").select("new-1").press("W");
    assert_eq!(looks(&mut stage), 1, "at once");
    assert!(stage.screen().contains("new-1 is watched"), "{}", stage.screen());
    let mut times = Vec::new();
    for _ in 0..20 {
        looks_at_new(&mut stage, false);
        let mut waited = 0;
        while looks(&mut stage) == 0 {
            stage.waits(Duration::from_secs(1));
            waited += 1;
            assert!(waited <= 60, "the next look never comes");
        }
        times.push(waited);
    }
    assert!(times[..10].iter().all(|time| *time == 5) && times[19] == 30, "{times:?}");
    assert!(stage.screen().contains("watching new-1"), "{}", stage.screen());
    looks_at_new(&mut stage, true);
    assert!(stage.taken().iter().any(|effect| matches!(effect, Effect::Bell)));
    assert!(stage.screen().contains("new-1 is ready, after"), "{}", stage.screen());
    stage.waits(Duration::from_secs(120));
    assert_eq!(looks(&mut stage), 0, "it is not watched any more");
}

#[test]
fn a_watch_ends_by_the_same_key_and_a_ready_row_is_not_watched() {
    let mut stage = Stage::listed(WIDE);
    stage.press("esc").select("new-1").press("W W");
    assert!(stage.state.watches.is_empty());
    probed(&mut stage, "i-0a1b2c3d4e5f60001", Connection::Connected);
    stage.select("web-1").press("W");
    assert!(stage.state.watches.is_empty());
    assert!(stage.screen().contains("nothing to wait for"), "{}", stage.screen());
}

#[test]
fn an_ended_tab_starts_anew_when_its_instance_is_back() {
    let mut stage = Stage::listed(WIDE);
    let life = stage.opens("new-1");
    stage.session(life, session::Event::Ended(session::End::Lost("the network is gone".to_owned())));
    stage.taken();
    stage.press("w");
    assert_eq!(looks(&mut stage), 1);
    stage.passes(Duration::from_secs(600));
    looks_at_new(&mut stage, false);
    assert!(!stage.taken().iter().any(|effect| matches!(effect, Effect::Start { .. })));
    looks_at_new(&mut stage, true);
    let effects = stage.taken();
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Start { .. })), "{effects:?}");
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Bell)));
    assert!(matches!(stage.state.tabs.current().unwrap().phase, Phase::Starting { .. }));
}

#[test]
fn the_search_gets_many_rows_at_a_pace_and_the_first_page_at_once() {
    let mut stage = Stage::new(USUAL);
    stage.connect();
    let generation = stage.generation();
    let page = |number: usize| -> Vec<MachineRecord> {
        (0..1_000)
            .map(|row| MachineRecord::new(format!("i-{:017x}", number * 1_000 + row), MachineState::Running))
            .collect()
    };
    let mut asked = stage.state.fleet.list.question;
    let mut searches = |stage: &Stage| {
        let before = std::mem::replace(&mut asked, stage.state.fleet.list.question);
        asked - before
    };
    stage.happens(Event::listed_here(Update::Machines { generation, records: page(0) }));
    assert_eq!((searches(&stage), stage.state.fleet.list.len()), (1, 1_000));
    for number in 1..50 {
        stage.happens(Event::listed_here(Update::Machines { generation, records: page(number) }));
    }
    let streamed = searches(&stage);
    assert!(streamed <= 2, "{streamed} searches for 50 pages that came at once");
    stage.waits(Duration::from_secs(2));
    assert_eq!((searches(&stage), stage.state.fleet.list.len()), (1, 50_000), "the rest follows by itself");
    stage.types("i");
    assert_eq!(searches(&stage), 1, "a letter is answered at once");
    stage.waits(Duration::from_secs(5));
    assert_eq!(searches(&stage), 0, "and nothing more while nothing happens");
}
