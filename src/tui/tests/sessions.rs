//! Sessions in tabs: starting, typing, losing the network, ending, leaving.

use std::time::{Duration, Instant};

use ratatui::{buffer::Buffer, layout::Rect};

use super::stage::{PLACE, Stage, USUAL, failure, ticket};
use crate::{
    session::{self, End},
    term::Touched,
    tui::{
        action::Context,
        event::{Effect, Event},
        state::{
            popup::{Popup, Question},
            tab::{Dot, Phase},
        },
        view::{Theme, row_of_session, view, view_row},
    },
};

#[test]
fn enter_starts_a_session_and_the_steps_lead_to_a_prompt() {
    let mut stage = Stage::listed(USUAL);
    stage.select("web-1").press("enter");
    assert!(stage.taken().iter().any(|effect| matches!(effect, Effect::Start { .. })));
    stage.waits(Duration::from_millis(400));
    assert!(stage.screen().contains("starting… 0.4 s"), "{}", stage.screen());
    let life = stage.life();
    stage.happens(Event::Started { life, place: PLACE, result: Ok(ticket()) });
    let opened = stage.taken();
    assert!(
        opened.iter().any(|e| matches!(e, Effect::Open { size, .. } if (size.cols, size.rows) == (80, 22)))
    );
    stage.session(life, session::Event::Ready);
    assert_eq!(stage.state.context(), Context::Pane);
}

#[test]
fn a_session_that_nobody_waits_for_any_more_is_ended_on_the_service() {
    let mut stage = Stage::listed(USUAL);
    stage.select("web-1").press("enter");
    let life = stage.life();
    stage.press("esc");
    assert!(stage.state.tabs.is_empty());
    stage.happens(Event::Started { life, place: PLACE, result: Ok(ticket()) });
    assert!(
        stage
            .taken()
            .iter()
            .any(|effect| matches!(effect, Effect::Terminate { id, .. } if id.as_str() == "ops-0123"))
    );
}

#[test]
fn a_refused_start_keeps_its_tab_and_says_why() {
    let mut stage = Stage::listed(USUAL);
    stage.select("web-1").press("enter");
    let life = stage.life();
    stage.happens(Event::Started { life, place: PLACE, result: Err(failure()) });
    assert!(stage.screen().contains("may not call ssm:StartSession"));
    stage.press("x");
    assert!(stage.state.tabs.is_empty());
}

#[test]
fn peers_c01_control_c_is_data_in_a_session() {
    let mut stage = Stage::listed(USUAL);
    stage.opens("web-1");
    stage.press("ctrl-c ctrl-d ctrl-y ctrl-z q tab esc enter");
    assert_eq!(stage.typed(), "\x03\x04\x19\x1aq\t\x1b\r");
    assert!(stage.state.popup.is_none() && stage.state.leaving.is_none());
}

#[test]
fn peers_c10_all_32_control_bytes_pass() {
    let mut stage = Stage::listed(USUAL);
    stage.opens("web-1");
    stage.press("ctrl-space");
    for letter in 'a'..='z' {
        stage.press(&format!("ctrl-{letter}"));
    }
    stage.press("esc ctrl-\\ ctrl-] ctrl-] ctrl-^ ctrl-_");
    let all: String = (0..32u8).map(char::from).collect();
    assert_eq!(stage.typed(), all);
}

#[test]
fn peers_c12_a_dead_connection_looks_dead() {
    let mut stage = Stage::listed(USUAL);
    let life = stage.opens("web-1");
    let since = stage.now.instant;
    stage.session(life, session::Event::Silent { since });
    stage.waits(Duration::from_secs(12));
    assert!(stage.screen().contains("◐ no answer for 12 s"), "{}", stage.screen());
    stage.session(life, session::Event::Answering);
    assert!(!stage.screen().contains("no answer"));
}

#[test]
fn peers_c13_the_leader_works_whatever_the_network_does() {
    for event in [
        session::Event::Silent { since: Instant::now() },
        session::Event::Paused,
        session::Event::Reconnecting { attempt: 7, cause: "no route".to_owned() },
    ] {
        let mut stage = Stage::listed(USUAL);
        let life = stage.opens("web-1");
        stage.session(life, event);
        // The session takes nothing: the input piles up here, and the leader still leads.
        stage.types("hello").press("ctrl-] f");
        assert_eq!(stage.state.tabs.position(), 0);
        stage.press("ctrl-] 2 ctrl-] x y");
        assert!(stage.taken().iter().any(|effect| matches!(effect, Effect::End(ended) if *ended == life)));
        stage.session(life, session::Event::Ended(End::Terminated));
        assert_eq!(stage.state.context(), Context::Ended);
    }
}

#[test]
fn peers_c14_a_pause_by_the_agent_is_told() {
    let mut stage = Stage::listed(USUAL);
    let life = stage.opens("web-1");
    stage.session(life, session::Event::Paused);
    assert!(stage.screen().contains("paused by the agent"), "{}", stage.screen());
    stage.session(life, session::Event::Unpaused);
    assert!(!stage.screen().contains("paused"));
}

#[test]
fn peers_c15_a_resumed_session_keeps_its_screen_and_says_how_long_it_was_gone() {
    let mut stage = Stage::listed(USUAL);
    let life = stage.opens("web-1");
    stage.output(life, "\r\nprecious words\r\n");
    stage.session(life, session::Event::Reconnecting { attempt: 1, cause: "reset".to_owned() });
    stage.waits(Duration::from_secs(40));
    assert!(stage.screen().contains("reconnecting · 40 s · attempt 1"), "{}", stage.screen());
    assert!(stage.screen().contains("precious words"));
    stage.types("kept");
    stage.session(life, session::Event::Resumed { away: Duration::from_secs(40) });
    assert!(stage.screen().contains("resumed after 40 s"), "{}", stage.screen());
    assert!(stage.screen().contains("precious words"));
    assert_eq!(stage.typed(), "kept");
    stage.waits(Duration::from_secs(10));
    assert!(!stage.screen().contains("resumed"));
}

#[test]
fn peers_c19_an_ended_session_is_started_anew_below_its_old_screen() {
    let mut stage = Stage::listed(USUAL);
    let life = stage.opens("web-1");
    stage.output(life, "$ make\r\n\x1b[?1049h\x1b[?1000h\x1b[?2004hin vim");
    stage.session(life, session::Event::Ended(End::Lost("no route".to_owned())));
    assert!(stage.screen().contains("connection lost: no route"), "{}", stage.screen());
    stage.press("enter");
    let again = stage.life();
    assert_ne!(again, life);
    stage.happens(Event::Started { life: again, place: PLACE, result: Ok(ticket()) });
    stage.session(again, session::Event::Ready);
    stage.output(again, "new prompt $ ");
    let screen = stage.screen();
    let (old, new) = (screen.find("$ make"), screen.find("new prompt"));
    assert!(old.is_some() && old < new, "{screen}");
    let modes = stage.state.tabs.current().unwrap().pane().unwrap().terminal.input_modes();
    assert!(!modes.bracketed_paste && !modes.alternate_screen, "modes of the old session are gone");
    stage.session(life, session::Event::Output("ghost".into()));
    assert!(!stage.screen().contains("ghost"), "what comes late from the old life is dropped");
}

#[test]
fn a_hidden_tab_is_parsed_marked_and_not_drawn() {
    let mut stage = Stage::listed(USUAL);
    let first = stage.opens("web-1");
    stage.opens("web-2");
    stage.state.dirty = false;
    stage.output(first, "news");
    assert!(stage.state.dirty, "its mark shows");
    stage.state.dirty = false;
    stage.output(first, "more news");
    assert!(!stage.state.dirty, "nothing else does");
    let tab = stage.state.tabs.get(first.tab).unwrap();
    assert_eq!(tab.dot(), Dot::Attention);
    assert_eq!(tab.pane().unwrap().terminal.text().trim(), "newsmore news");
    stage.press("alt-2");
    assert_eq!(stage.state.tabs.get(first.tab).unwrap().dot(), Dot::Live);
}

#[test]
fn a_session_that_the_node_ended_with_a_reason_leads_to_its_verdict() {
    let ended = |output: &str| {
        let mut stage = Stage::listed(USUAL);
        let life = stage.opens("web-1");
        stage.session(life, session::Event::Ended(End::Closed { output: output.to_owned() }));
        stage
    };
    assert!(!ended("").screen().contains("says why"), "somebody typed `exit`");
    let mut stage = ended("RunAs user deploy does not exist");
    assert!(stage.screen().contains("x closes the tab · d says why"), "{}", stage.screen());
    stage.press("d");
    assert_eq!(stage.state.context(), Context::Details);
}

#[test]
fn one_row_drawn_alone_looks_as_in_the_whole_frame() {
    let mut stage = Stage::listed(USUAL);
    let life = stage.opens("web-1");
    stage.output(life, "one\r\n\x1b[32mtwo\x1b[m $ ");
    stage.state.tabs.current_mut().unwrap().pane_mut().unwrap().terminal.take_touched();
    stage.output(life, "\x1b[1mls\x1b[m");
    let terminal = &stage.state.tabs.current().unwrap().pane().unwrap().terminal;
    assert_eq!(terminal.touched(), Touched::Row(1));
    let whole = stage.buffer();
    let at = row_of_session(&stage.state, 1).unwrap();
    let mut row = Buffer::empty(Rect { y: at, height: 1, ..whole.area });
    let mut other = Buffer::empty(whole.area);
    assert_eq!(view_row(&stage.state, 1, &mut row), view(&stage.state, Theme::COLOURED, &mut other));
    for x in whole.area.columns().map(|column| column.x) {
        assert_eq!(row[(x, at)], whole[(x, at)]);
    }
    assert_eq!(row_of_session(&stage.state, 99), None, "no such row");
    // Something lies over it, or the keys mean something else.
    for keys in ["ctrl-]", "ctrl-] ?", "ctrl-] ["] {
        stage.press(keys);
        assert_eq!(row_of_session(&stage.state, 1), None, "{keys}");
        stage.press("esc");
    }
    assert_eq!(row_of_session(&stage.state, 1), Some(at));
    stage.session(life, session::Event::Silent { since: stage.now.instant });
    assert_eq!(row_of_session(&stage.state, 1), None, "it is dimmed");
}

#[test]
fn a_key_for_the_session_draws_nothing_and_another_tab_does() {
    let mut stage = Stage::listed(USUAL);
    stage.opens("web-1");
    stage.opens("web-2");
    stage.state.dirty = false;
    stage.types("x");
    assert!(!stage.state.dirty, "the echo will");
    let life = stage.state.tabs.current().unwrap().life();
    stage.output(life, "x");
    assert!(stage.state.wrote && !stage.state.dirty, "it can be drawn by itself");
    stage.output(life, "\x1b]2;title\x07");
    assert!(stage.state.dirty, "the title is elsewhere");
    stage.state.dirty = false;
    stage.session(life, session::Event::RoundTrip(Duration::from_micros(48_100)));
    assert!(std::mem::take(&mut stage.state.dirty));
    stage.session(life, session::Event::RoundTrip(Duration::from_micros(48_900)));
    assert!(!stage.state.dirty, "the same in the footer");
    stage.press("alt-2");
    assert!(stage.state.dirty);
}

#[test]
fn twenty_tabs_are_open_at_once_and_each_is_reached() {
    let mut stage = Stage::listed(USUAL);
    for _ in 0..20 {
        stage.opens("web-1");
    }
    assert_eq!(stage.state.tabs.len(), 20);
    let names: std::collections::BTreeSet<_> = stage.state.tabs.iter().map(|tab| tab.name.clone()).collect();
    assert_eq!(names.len(), 20, "no two have the same name");
    for position in (0..=20).rev() {
        let screen = stage.screen();
        let header = screen.lines().next().unwrap();
        let current = stage.state.tabs.current().map_or("Fleet".to_owned(), |tab| tab.name.clone());
        assert!(header.contains(&current), "{current}: {header}");
        assert_eq!(stage.state.tabs.position(), position);
        stage.press("ctrl-] p");
    }
}

#[test]
fn answers_of_the_terminal_go_to_the_session() {
    let mut stage = Stage::listed(USUAL);
    let life = stage.opens("web-1");
    stage.output(life, "\x1b[6n");
    assert_eq!(stage.typed(), "\x1b[1;1R");
}

#[test]
fn a_pane_has_the_size_of_its_place_at_once() {
    let mut stage = Stage::listed(USUAL);
    let life = stage.opens("web-1");
    stage.taken();
    stage.happens(Event::Resized(crate::term::Size { rows: 50, cols: 132 }));
    assert!(stage.taken().iter().any(
        |effect| matches!(effect, Effect::Resize(of, size) if *of == life && (size.cols, size.rows) == (132, 48))
    ));
}

#[test]
fn a_paste_of_many_lines_asks_where_the_shell_would_run_them() {
    let mut stage = Stage::listed(USUAL);
    let life = stage.opens("web-1");
    stage.happens(Event::Paste("one\ntwo\n".to_owned()));
    assert!(matches!(stage.state.popup, Some(Popup::Confirm(Question::Paste { .. }))));
    stage.press("n");
    assert_eq!(stage.typed(), "");
    stage.happens(Event::Paste("one\ntwo\n".to_owned()));
    stage.press("y");
    assert_eq!(stage.typed(), "one\rtwo\r");
    stage.output(life, "\x1b[?2004h");
    stage.happens(Event::Paste("one\ntwo\n".to_owned()));
    assert_eq!(stage.typed(), "\x1b[200~one\rtwo\r\x1b[201~");
}

#[test]
fn a_paste_into_a_session_that_starts_is_kept_and_asked_about_once_the_shell_has_spoken() {
    let starting = || {
        let mut stage = Stage::listed(USUAL);
        stage.select("web-1").press("enter");
        let life = stage.life();
        stage.happens(Event::Started { life, place: PLACE, result: Ok(ticket()) });
        (stage, life)
    };
    let (mut stage, life) = starting();
    stage.types("a");
    stage.happens(Event::Paste("one\ntwo\n".to_owned()));
    assert!(stage.screen().contains("the paste is kept"), "{}", stage.screen());
    stage.types("b");
    stage.happens(Event::Paste("three".to_owned()));
    stage.session(life, session::Event::Ready);
    assert_eq!((stage.typed().as_str(), &stage.state.popup), ("a", &None), "the shell has not spoken yet");
    stage.output(life, "$ ");
    assert!(stage.screen().contains("2 lines go to web-1"), "{}", stage.screen());
    stage.output(life, "\x1b[5n");
    assert_eq!(stage.typed(), "\x1b[0n", "what a program asks is answered meanwhile");
    stage.press("y");
    assert_eq!(stage.typed(), "one\rtwo\rbthree", "in the order of the keys");

    let (mut stage, life) = starting();
    stage.happens(Event::Paste("one\ntwo\n".to_owned()));
    stage.types("b");
    stage.session(life, session::Event::Ready);
    stage.output(life, "$ ");
    stage.press("n");
    assert_eq!((stage.typed().as_str(), &stage.state.popup), ("b", &None), "no means no");

    let (mut stage, life) = starting();
    stage.happens(Event::Paste("one\ntwo\n".to_owned()));
    stage.session(life, session::Event::Ready);
    stage.press("alt-1");
    stage.output(life, "\x1b[?2004h$ ");
    assert_eq!(stage.typed(), "\x1b[200~one\rtwo\r\x1b[201~", "a shell that knows pastes is asked nothing");

    let (mut stage, life) = starting();
    stage.happens(Event::Paste("one".to_owned()));
    stage.press("ctrl-] k");
    stage.session(life, session::Event::Ready);
    stage.output(life, "$ ");
    assert_eq!(stage.typed(), "", "it can be taken back");
    // One that says nothing: who types does not wait for it.
    let (mut stage, life) = starting();
    stage.happens(Event::Paste("one".to_owned()));
    stage.session(life, session::Event::Ready);
    stage.types("x");
    assert_eq!(stage.typed(), "onex");
}

#[test]
fn peers_c07_control_c_stops_a_paste() {
    let mut stage = Stage::listed(USUAL);
    stage.opens("web-1");
    stage.taken();
    stage.happens(Event::Paste("x".repeat(100_000)));
    assert!(stage.screen().contains("paste 0 %"), "{}", stage.screen());
    stage.press("ctrl-c");
    assert!(stage.effects.iter().any(|effect| matches!(effect, Effect::DiscardInput(_))));
    let typed = stage.typed();
    assert!(typed.len() < 10_000 && typed.ends_with('\x03'), "{} bytes", typed.len());
}

#[test]
fn leaving_asks_once_while_sessions_run_and_ends_them() {
    let mut stage = Stage::listed(USUAL);
    let life = stage.opens("web-1");
    stage.press("alt-1 ctrl-c");
    assert!(stage.screen().contains("1 session is still running"), "{}", stage.screen());
    stage.press("n");
    assert!(stage.state.leaving.is_none());
    stage.press("ctrl-c y");
    let effects = stage.taken();
    assert!(effects.iter().any(|effect| matches!(effect, Effect::End(ended) if *ended == life)));
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Quit)), "not before it has ended");
    stage.session(life, session::Event::Ended(End::Terminated));
    assert!(stage.taken().iter().any(|effect| matches!(effect, Effect::Quit)));
}

#[test]
fn leaving_does_not_wait_for_ever() {
    let mut stage = Stage::listed(USUAL);
    stage.opens("web-1");
    stage.happens(Event::Told);
    assert!(stage.state.leaving.is_some(), "a signal asks nothing");
    stage.passes(Duration::from_secs(5));
    stage.happens(Event::Tick);
    assert!(stage.taken().iter().any(|effect| matches!(effect, Effect::Quit)));
}

#[test]
fn without_sessions_control_c_leaves_at_once() {
    let mut stage = Stage::listed(USUAL);
    stage.press("ctrl-c");
    assert!(stage.taken().iter().any(|effect| matches!(effect, Effect::Quit)));
}

#[test]
fn a_tab_is_renamed() {
    let mut stage = Stage::listed(USUAL);
    stage.opens("web-1");
    stage.press("ctrl-] r ctrl-u").types("blue").press("enter");
    assert!(stage.screen().lines().next().unwrap().contains("2 blue ●"), "{}", stage.screen());
}

#[test]
fn scrolling_back_stands_still_while_lines_come_in() {
    let mut stage = Stage::listed(USUAL);
    let life = stage.opens("web-1");
    let lines = |from, to| (from..to).map(|n| format!("line {n}\r\n")).collect::<String>();
    stage.output(life, &lines(0, 100));
    stage.press("ctrl-] [ pageup");
    let rows = |stage: &Stage| stage.screen().lines().skip(2).take(20).map(str::to_owned).collect::<Vec<_>>();
    let before = rows(&stage);
    stage.output(life, &lines(100, 120));
    assert_eq!(rows(&stage), before);
    stage.press("q");
    assert!(stage.screen().contains("line 119"));
    assert_eq!(stage.state.context(), Context::Pane);
}

#[test]
fn the_leader_twice_sends_it_and_an_unknown_key_says_so() {
    let mut stage = Stage::listed(USUAL);
    stage.opens("web-1");
    stage.press("ctrl-] ctrl-]");
    assert_eq!(stage.typed(), "\x1d");
    stage.press("ctrl-] @");
    assert!(
        stage.screen().contains("ctrl-] @ has no meaning here; ctrl-] ? shows every key"),
        "{}",
        stage.screen()
    );
    assert_eq!(stage.typed(), "");
}

#[test]
fn a_session_that_reconnects_while_it_starts_still_gets_there() {
    let mut stage = Stage::listed(USUAL);
    stage.select("web-1").press("enter");
    let life = stage.life();
    stage.happens(Event::Started { life, place: PLACE, result: Ok(ticket()) });
    stage.session(life, session::Event::Reconnecting { attempt: 1, cause: "reset".to_owned() });
    stage.session(life, session::Event::Resumed { away: Duration::from_secs(1) });
    stage.session(life, session::Event::Ready);
    assert_eq!(stage.state.tabs.current().unwrap().phase, Phase::Live);
}

#[test]
fn programs_that_want_to_know_are_told_of_the_focus() {
    let mut stage = Stage::listed(USUAL);
    let first = stage.opens("web-1");
    stage.output(first, "\x1b[?1004h");
    stage.typed();
    let focused = |stage: &mut Stage, focused| {
        stage.happens(Event::Focused(focused));
        stage.typed()
    };
    assert_eq!(focused(&mut stage, false), "\x1b[O");
    assert_eq!(focused(&mut stage, false), "");
    assert_eq!(focused(&mut stage, true), "\x1b[I");
    // The tab has it only while it is shown, and the second never asked.
    stage.opens("web-2");
    assert_eq!(stage.typed(), "\x1b[O");
    assert_eq!((focused(&mut stage, false), focused(&mut stage, true)), (String::new(), String::new()));
    stage.press("alt-2");
    assert_eq!(stage.typed(), "\x1b[I");
    stage.output(first, "\x1b[?1004l");
    stage.press("alt-1");
    assert_eq!(stage.typed(), "");
}

#[test]
fn a_change_that_is_to_be_seen_at_once_waits_for_its_end_but_not_for_ever() {
    let mut stage = Stage::listed(USUAL);
    let life = stage.opens("web-1");
    stage.output(life, "\x1b[?2026hhalf");
    let until = stage.state.held_until().expect("the half is not to be seen");
    assert!(until > stage.now.instant && until <= stage.now.instant + Duration::from_secs(1));
    // More of the same change does not make it later; another change does.
    stage.passes(Duration::from_millis(100));
    stage.output(life, "\x1b[?2026hmore");
    assert_eq!(stage.state.held_until(), Some(until));
    // What lies over the screen is seen, and so is another tab.
    stage.press("ctrl-] ?");
    assert_eq!(stage.state.held_until(), None);
    stage.press("esc");
    stage.press("alt-1");
    assert_eq!(stage.state.held_until(), None);
    stage.press("alt-2");
    stage.output(life, "\x1b[?2026l\x1b[?2026h");
    assert!(stage.state.held_until().is_some_and(|later| later > until));
    stage.output(life, "\x1b[?2026l");
    assert_eq!(stage.state.held_until(), None);
}

#[test]
fn a_session_gets_keys_apart_only_from_a_terminal_that_tells_them_apart() {
    use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
    for (apart, asked, sent) in [(false, "", "\r"), (true, "\x1b[?1u", "\x1b[13;2u")] {
        let mut stage = Stage::listed(USUAL);
        stage.state.window.tells_keys_apart = apart;
        let life = stage.opens("web-1");
        stage.output(life, "\x1b[>1u\x1b[?u");
        assert_eq!(stage.typed(), asked);
        stage.happens(Event::Key(KeyEvent::new(KeyCode::Enter, KeyModifiers::SHIFT)));
        assert_eq!(stage.typed(), sent);
    }
}
