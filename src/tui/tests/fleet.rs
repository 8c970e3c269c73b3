//! The fleet: searching, selecting, marking, refreshing, explaining.

use std::time::Duration;

use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

use super::stage::{PLACE, SMALL, Stage, USUAL, WIDE, failure, probed};
use crate::{
    fleet::{Column, Connection, Direction, InstanceId, Outcome, Source, Update, search::search},
    tui::{
        action::Context,
        event::{Effect, Event},
        state::{place::Access, popup::Popup},
        update::update,
    },
};

fn names(stage: &Stage) -> Vec<String> {
    stage.state.fleet.visible(100).map(|instance| instance.label().to_owned()).collect()
}

fn selected(stage: &Stage) -> String {
    stage.state.fleet.selected().map_or(String::new(), |instance| instance.label().to_owned())
}

#[test]
fn letters_filter_at_once_and_the_best_match_is_selected() {
    let mut stage = Stage::listed(USUAL);
    stage.select("idle-1").types("web-2");
    assert_eq!(selected(&stage), "web-2");
    stage.press("ctrl-u");
    assert_eq!(names(&stage).len(), 9);
    stage.types("state:lost");
    assert_eq!(names(&stage), ["lost-1"]);
}

#[test]
fn enter_right_behind_a_query_waits_for_what_the_query_finds() {
    let mut stage = Stage::listed(USUAL);
    stage.select("win-1");
    // By hand, so that the search has not answered when enter comes.
    let mut asked = None;
    for key in ["w", "e", "b", "-", "2", "enter", "l", "s", "enter"] {
        let key = Event::Key(crate::tui::key::event(key.parse().unwrap()));
        for effect in update(&mut stage.state, key, stage.now) {
            match effect {
                Effect::Search(request) => asked = Some(request),
                other => panic!("nothing may begin yet: {other:?}"),
            }
        }
    }
    let answer = Event::Found(search(&asked.unwrap()));
    stage.happens(answer);
    assert_eq!(stage.state.tabs.current().unwrap().name, "web-2");
    let life = stage.life();
    stage.happens(Event::Started { life, place: PLACE, result: Ok(super::stage::ticket()) });
    stage.session(life, crate::session::Event::Ready);
    assert_eq!(stage.typed(), "ls\r", "what was typed ahead reaches the session");
}

#[test]
fn an_answer_to_an_older_question_is_dropped() {
    let mut stage = Stage::listed(USUAL);
    let key = Event::Key(crate::tui::key::event("z".parse().unwrap()));
    let effects = update(&mut stage.state, key, stage.now);
    let Some(Effect::Search(old)) = effects.into_iter().next() else { panic!("no search") };
    stage.press("ctrl-u");
    stage.happens(Event::Found(search(&old)));
    assert_eq!(names(&stage).len(), 9);
}

#[test]
fn a_refresh_keeps_selection_query_and_marks() {
    let mut stage = Stage::listed(USUAL);
    stage.press("esc").select("lost-1").press("space").select("new-1");
    stage.press("r");
    assert!(stage.taken().iter().any(|effect| matches!(effect, Effect::List { generation: 2, .. })));
    stage.list();
    assert_eq!(selected(&stage), "new-1");
    assert_eq!(stage.state.fleet.marks.len(), 1);
}

#[test]
fn the_list_is_read_again_every_30_seconds_and_sleeps_in_between() {
    let mut stage = Stage::listed(USUAL);
    stage.waits(Duration::from_secs(29));
    stage.effects.retain(|effect| matches!(effect, Effect::List { .. }));
    assert!(stage.taken().is_empty());
    stage.waits(Duration::from_secs(2));
    assert!(stage.taken().iter().any(|effect| matches!(effect, Effect::List { generation: 2, .. })));
}

#[test]
fn without_a_refresh_nothing_wakes_the_loop() {
    let mut stage = Stage::configured(USUAL, "refresh = \"off\"");
    stage.connect();
    stage.list();
    stage.opens("web-1");
    stage.waits(Duration::from_secs(60));
    assert_eq!(stage.state.next_deadline(), None);
}

#[test]
fn only_rows_on_the_screen_are_asked_about_and_not_those_that_cannot_answer() {
    let mut stage = Stage::listed(SMALL);
    stage.waits(Duration::from_secs(1));
    let asked: Vec<InstanceId> = stage
        .taken()
        .into_iter()
        .filter_map(|effect| if let Effect::Probe(ids) = effect { Some(ids) } else { None })
        .flatten()
        .map(|(_, id)| id)
        .collect();
    assert!(asked.contains(&InstanceId::new("mi-0f3a5c7e9b1d20008")), "a hybrid node by its target");
    assert!(!asked.contains(&InstanceId::new("i-0a1b2c3d4e5f60006")), "idle-1 is stopped");
    assert!(asked.len() <= stage.state.list_height());
}

#[test]
fn a_row_that_changed_is_marked_for_a_moment() {
    let mut stage = Stage::listed(USUAL);
    probed(&mut stage, "i-0a1b2c3d4e5f60001", Connection::Connected);
    assert!(!stage.screen().contains("•"), "the first answer is no change");
    probed(&mut stage, "i-0a1b2c3d4e5f60001", Connection::NotConnected);
    assert!(stage.screen().contains("•  web-1") || stage.screen().contains("• web-1"), "{}", stage.screen());
    stage.waits(Duration::from_secs(6));
    assert!(!stage.screen().contains("•"));
}

#[test]
fn peers_c36_the_footer_says_whether_the_list_is_complete() {
    let mut stage = Stage::listed(USUAL);
    assert!(stage.screen().ends_with("9 of 9"), "{}", stage.screen());
    stage.press("ctrl-r");
    let generation = stage.generation();
    stage.happens(Event::listed_here(Update::Started { generation }));
    assert!(stage.screen().ends_with("refreshing…"), "{}", stage.screen());
    let outcome = Outcome::Failed { message: "too many calls".to_owned() };
    stage.happens(Event::listed_here(Update::Done { generation, source: Source::MachineList, outcome }));
    stage.happens(Event::ListEnded { place: PLACE, generation });
    assert!(stage.screen().contains("too many calls"), "{}", stage.screen());
    assert_eq!(stage.state.fleet.list.len(), 9, "what was known is kept");
}

#[test]
fn peers_c39_what_cannot_be_reached_is_explained_and_never_bare() {
    let mut stage = Stage::listed(WIDE);
    for name in ["bare-1", "lost-1", "idle-1"] {
        stage.select(name).press("enter");
        assert!(matches!(stage.state.popup, Some(Popup::Explain { .. })), "{name}");
        let screen = stage.screen();
        assert!(
            screen.contains("The instance you selected is not configured to use Session Manager"),
            "{screen}"
        );
        assert!(screen.contains("→ "), "what mends it: {screen}");
        stage.press("esc");
    }
    assert!(!stage.taken().iter().any(|effect| matches!(effect, Effect::Start { .. })));
}

#[test]
fn what_cannot_be_reached_can_be_tried_all_the_same() {
    let mut stage = Stage::listed(USUAL);
    stage.select("bare-1").press("enter t");
    assert!(stage.taken().iter().any(|effect| matches!(effect, Effect::Start { .. })));
    assert_eq!(stage.state.context(), Context::Starting);
}

#[test]
fn the_line_that_mends_it_is_copied() {
    let mut stage = Stage::listed(USUAL);
    stage.select("bare-1").press("enter y");
    let copied = stage
        .taken()
        .into_iter()
        .find_map(|effect| if let Effect::Copy(text) = effect { Some(text) } else { None });
    assert!(copied.as_deref().is_some_and(|line| line.starts_with("aws ec2 ")), "{copied:?}");
}

#[test]
fn marked_rows_open_together_and_those_that_cannot_stay_marked() {
    let mut stage = Stage::listed(USUAL);
    stage.press("esc");
    for name in ["web-1", "web-2", "idle-1"] {
        stage.select(name).press("space");
    }
    stage.press("s");
    let starts = stage.taken().iter().filter(|effect| matches!(effect, Effect::Start { .. })).count();
    assert_eq!((starts, stage.state.tabs.len(), stage.state.tabs.position()), (2, 2, 1));
    assert_eq!(stage.state.fleet.marks.len(), 1);
    assert!(stage.screen().contains("2 opened; 1 cannot be reached"), "{}", stage.screen());
}

#[test]
fn the_list_orders_by_a_column_and_back() {
    let mut stage = Stage::listed(USUAL);
    stage.press("esc o down enter");
    assert_eq!(stage.state.fleet.order, Some((Column::Name, Direction::Ascending)));
    let up = names(&stage);
    stage.press("O");
    let mut down = names(&stage);
    down.reverse();
    assert_eq!(up, down);
}

#[test]
fn without_a_way_to_aws_the_screen_says_why_and_tries_again() {
    let mut stage = Stage::new(USUAL);
    stage.happens(Event::NotConnected { place: PLACE, failure: failure() });
    let screen = stage.screen();
    for words in ["access denied", "why", "next", "press ctrl-r to try again", "7f3c"] {
        assert!(screen.contains(words), "{words}\n{screen}");
    }
    stage.press("ctrl-r");
    assert!(stage.taken().iter().any(|effect| matches!(effect, Effect::Connect { .. })));
    assert_eq!(*stage.state.fleet.places.access(), Access::Connecting);
}

#[test]
fn an_id_that_no_list_has_can_be_tried() {
    let mut stage = Stage::listed(USUAL);
    stage.types("i-0123456789abcdef0");
    assert!(stage.screen().contains("enter tries to start a session on it"), "{}", stage.screen());
    stage.press("enter");
    assert!(stage.taken().iter().any(
        |effect| matches!(effect, Effect::Start { target, .. } if target.as_str() == "i-0123456789abcdef0")
    ));
}

#[test]
fn a_click_selects_a_row_and_the_wheel_moves_through_them() {
    let mut stage = Stage::listed(USUAL);
    let row = stage.screen().lines().position(|line| line.contains("lost-1")).unwrap() as u16;
    let event = |kind, row| MouseEvent { kind, column: 20, row, modifiers: KeyModifiers::NONE };
    stage.mouse(event(MouseEventKind::Down(MouseButton::Left), row));
    assert_eq!(selected(&stage), "lost-1");
    stage.mouse(event(MouseEventKind::ScrollUp, 10));
    assert_ne!(selected(&stage), "lost-1");
}

#[test]
fn what_the_menu_cannot_do_says_why() {
    let mut stage = Stage::listed(WIDE);
    stage.select("web-1").press("tab");
    assert!(stage.screen().contains("nothing is marked"), "{}", stage.screen());
    stage.press("enter");
    assert_eq!(stage.state.context(), Context::Starting, "the first line opens a shell");
}

#[test]
fn the_cursor_stays_at_the_top_while_the_first_rows_come_in() {
    let mut stage = Stage::listed(USUAL);
    assert_eq!(stage.state.fleet.list.cursor, 0, "rows that came later stand above the first page's");
    let first = selected(&stage);
    stage.press("ctrl-r");
    stage.list();
    assert_eq!(selected(&stage), first);
}

#[test]
fn a_narrow_list_keeps_name_state_and_id() {
    let stage = Stage::listed(SMALL);
    let screen = stage.screen();
    for heading in ["name", "id", "state"] {
        assert!(screen.contains(heading), "{heading}\n{screen}");
    }
}
