//! Forwards in tabs: the form, what flows, what is refused, ends and beginnings.

use std::time::Duration;

use super::stage::{Stage, USUAL};
use crate::{
    session::{
        End, SessionId,
        kinds::forward::{ForwardEvent, Mode, Outcome, Traffic},
    },
    tui::{
        action::Context,
        event::{Effect, Event, Life},
        state::{
            form::Saved,
            forward::{Wish, listen},
            popup::Popup,
            tab::{Dot, Ending, Phase},
        },
    },
};

impl Stage {
    /// Fills the form for a forward on the instance of that name and opens it.
    pub(super) fn forwards(&mut self, name: &str, remote: &str, host: &str, local: &str) -> Life {
        self.press("alt-1").select(name).press("alt-f");
        self.types(remote).press("tab").types(host).press("tab").types(local).press("enter");
        self.life()
    }

    /// Tries it on an instance whose agent has sessions, but no ports yet.
    pub(super) fn refuses(&mut self) {
        self.select("web-1").press("alt-f").types("rdp");
        let Some(Popup::Form(form)) = &mut self.state.popup else { panic!("no form") };
        form.agent = "2.3.600.0".parse().ok();
        self.press("enter");
    }

    /// The same, and it listens.
    pub(super) fn listens(&mut self, name: &str, host: &str) -> Life {
        let life = self.forwards(name, "postgres", host, "8080");
        self.forward(
            life,
            ForwardEvent::Lane {
                lane: 0,
                id: SessionId::new("ops-0123"),
                agent_version: Some("3.3.1142.0".to_owned()),
                mode: Mode::Mux,
            },
        );
        self.forward(life, ForwardEvent::Listening { address: "localhost:8080".to_owned() });
        life
    }

    pub(super) fn forward(&mut self, life: Life, event: ForwardEvent) {
        self.happens(Event::Forward { life, event });
    }

    /// Traffic flows for some seconds, four reports a second.
    pub(super) fn flows(&mut self, life: Life, seconds: u64, up: u64, down: u64) {
        let before = self.state.tabs.get(life.tab).unwrap().board().map(|board| (board.sent, board.received));
        let (sent, received) = before.unwrap();
        for step in 1..=seconds * 4 {
            self.passes(Duration::from_millis(250));
            let pulse = 1 + step / 4 % 5;
            let traffic = Traffic {
                sent: sent + step * up / 4 * pulse,
                received: received + step * down / 4 * pulse,
                open: 2,
                accepted: 14,
            };
            self.forward(life, ForwardEvent::Traffic(traffic));
        }
    }
}

fn wished(effects: &[Effect]) -> Vec<Wish> {
    let wish = |effect: &Effect| match effect {
        Effect::Forward { wish, .. } => Some(wish.clone()),
        _ => None,
    };
    effects.iter().filter_map(wish).collect()
}

#[test]
fn f_asks_what_to_forward_and_enter_opens_it() {
    let mut stage = Stage::listed(USUAL);
    stage.select("web-1").press("esc f");
    assert_eq!(stage.state.context(), Context::Form);
    stage.types("postgres").press("tab").types("db.internal").press("tab").types("15432").press("enter");
    let wish = Wish { port: 5432, host: Some("db.internal".into()), near: listen(15432), ..Wish::default() };
    assert_eq!(wished(&stage.taken()), [wish]);
    assert_eq!(stage.state.tabs.current().unwrap().name, "⇄ 15432→db:5432");
    assert_eq!(stage.state.context(), Context::Starting);
}

#[test]
fn a_form_with_something_wrong_stays_and_says_what() {
    let mut stage = Stage::listed(USUAL);
    stage.select("web-1").press("alt-f").types("99999");
    assert!(stage.screen().contains("99999 is no port"), "as one types:\n{}", stage.screen());
    stage.press("enter");
    assert!(wished(&stage.taken()).is_empty());
    stage.press("ctrl-u enter");
    assert!(stage.screen().contains("remote port is needed"), "{}", stage.screen());
    stage.press("esc");
    assert_eq!(stage.state.context(), Context::Search);
}

#[test]
fn peers_c34_the_form_says_that_the_agent_is_too_old() {
    let mut stage = Stage::listed(USUAL);
    stage.refuses();
    let screen = stage.screen();
    assert!(screen.contains("2.3.672.0") && screen.contains("2.3.600.0"), "{screen}");
    assert!(wished(&stage.taken()).is_empty(), "nothing is started that cannot work");
}

#[test]
fn the_values_of_the_last_time_are_there_again_for_the_same_instance() {
    let mut stage = Stage::listed(USUAL);
    stage.forwards("web-1", "mysql", "db", "13306");
    stage.taken();
    stage.press("alt-1").select("web-1").press("alt-f enter");
    let wish = Wish { port: 3306, host: Some("db".into()), near: listen(13306), ..Wish::default() };
    assert_eq!(wished(&stage.taken()), [wish]);
    stage.press("alt-1").select("web-2").press("alt-f");
    let Some(Popup::Form(form)) = &stage.state.popup else { panic!("no form") };
    assert!(
        form.fields.iter().all(|field| field.line.text().is_empty()),
        "another instance, another forward"
    );
}

#[test]
fn peers_c26_the_saved_forwards_of_an_instance_are_offered_for_it_alone() {
    let mut stage = Stage::listed(USUAL);
    let wish = Wish { port: 5432, host: Some("db".into()), near: listen(15432), lanes: 2, ..Wish::default() };
    let saved = Saved { name: "orders".to_owned(), target: "web-1".to_owned(), wish: wish.clone() };
    stage.state.memory.saved = vec![saved];
    stage.select("web-2").press("alt-f");
    assert!(!stage.screen().contains("orders"), "{}", stage.screen());
    stage.press("esc").select("web-1").press("alt-f");
    assert!(stage.screen().contains("orders          saved: db:5432"), "{}", stage.screen());
    stage.press("down enter enter");
    assert_eq!(wished(&stage.taken()), [wish]);
}

#[test]
fn a_listening_forward_has_its_address_in_name_and_screen_and_on_the_clipboard() {
    let mut stage = Stage::listed(USUAL);
    let life = stage.forwards("web-1", "80", "", "");
    assert_eq!(stage.state.tabs.current().unwrap().name, "⇄ →web-1:80");
    stage.forward(life, ForwardEvent::Listening { address: "localhost:40123".to_owned() });
    assert_eq!(stage.state.tabs.current().unwrap().name, "⇄ 40123→web-1:80");
    assert_eq!(stage.state.context(), Context::Forward);
    assert!(stage.screen().contains("● listening on localhost:40123"), "{}", stage.screen());
    stage.press("y");
    assert!(stage.taken().iter().any(|e| matches!(e, Effect::Copy(text) if text == "localhost:40123")));
}

#[test]
fn a_name_that_the_user_gave_stays() {
    let mut stage = Stage::listed(USUAL);
    let life = stage.forwards("web-1", "80", "", "");
    stage.press("ctrl-] r ctrl-u").types("orders").press("enter");
    stage.forward(life, ForwardEvent::Listening { address: "localhost:40123".to_owned() });
    assert_eq!(stage.state.tabs.current().unwrap().name, "orders");
}

#[test]
fn a_refused_connection_is_told() {
    let mut stage = Stage::listed(USUAL);
    let life = stage.listens("web-1", "db");
    let why = "nothing listens on port 5432 of db".to_owned();
    stage.forward(life, ForwardEvent::Refused { connection: 3, why });
    let screen = stage.screen();
    assert!(screen.contains("1 refused"), "{screen}");
    assert!(screen.contains("connection 3 refused: nothing listens on port 5432 of db"), "{screen}");
}

#[test]
fn idle_forwards_let_the_program_sleep() {
    let mut stage = Stage::listed(USUAL);
    let life = stage.listens("web-1", "db");
    stage.place().reading.due = None;
    stage.state.fleet.every = None;
    stage.waits(Duration::from_secs(60));
    assert_eq!(stage.state.next_deadline(), None, "nothing flows: nothing ticks");
    stage.flows(life, 3, 1000, 500_000);
    assert!(stage.screen().contains("kB/s") || stage.screen().contains("MB/s"), "{}", stage.screen());
    stage.waits(Duration::from_secs(60));
    assert_eq!(stage.state.next_deadline(), None);
    assert!(!stage.screen().lines().any(|line| line.contains("received") && line.contains("/s")));
}

#[test]
fn peers_c26_a_forward_that_lost_the_network_says_so_and_comes_back() {
    let mut stage = Stage::listed(USUAL);
    let life = stage.listens("web-1", "db");
    let cause = "connection reset".to_owned();
    stage.forward(life, ForwardEvent::Reconnecting { lane: 0, attempt: 1, cause: cause.clone() });
    stage.passes(Duration::from_secs(12));
    stage.forward(life, ForwardEvent::Reconnecting { lane: 0, attempt: 3, cause });
    let screen = stage.screen();
    assert!(screen.contains("reconnecting · 12 s · attempt 3"), "{screen}");
    assert_eq!(stage.state.tabs.current().unwrap().dot(), Dot::Unwell);
    stage.forward(life, ForwardEvent::Resumed { lane: 0, away: Duration::from_secs(13) });
    assert!(stage.screen().contains("resumed after 13 s"), "{}", stage.screen());
    assert_eq!(stage.state.tabs.current().unwrap().dot(), Dot::Live);
    stage.forward(life, ForwardEvent::Restarted { lane: 0, id: SessionId::new("ops-9999") });
    let screen = stage.screen();
    assert!(screen.contains("re-established in a new session") && screen.contains("ops-9999"), "{screen}");
}

#[test]
fn ending_a_forward_asks_and_tells_of_open_connections() {
    let mut stage = Stage::listed(USUAL);
    let life = stage.listens("web-1", "db");
    stage.flows(life, 1, 10, 10);
    stage.press("x");
    assert!(stage.screen().contains("2 connections are open and are lost"), "{}", stage.screen());
    stage.taken();
    stage.press("y");
    assert!(stage.taken().iter().any(|effect| matches!(effect, Effect::End(ended) if *ended == life)));
    stage.forward(life, ForwardEvent::Ended(End::Terminated));
    assert!(stage.taken().iter().any(|effect| matches!(effect, Effect::Forget(_))));
    assert!(stage.screen().contains("forward ended by you"), "{}", stage.screen());
    stage.press("enter");
    assert_eq!(wished(&stage.taken()).len(), 1, "enter starts it anew");
    assert_eq!(stage.life().number, 2);
}

#[test]
fn a_restart_ends_the_old_one_first_so_that_its_port_is_free() {
    let mut stage = Stage::listed(USUAL);
    let life = stage.listens("web-1", "db");
    stage.taken();
    stage.press("r");
    let effects = stage.taken();
    assert!(effects.iter().any(|effect| matches!(effect, Effect::End(ended) if *ended == life)));
    assert!(wished(&effects).is_empty());
    stage.forward(life, ForwardEvent::Ended(End::Terminated));
    assert_eq!(wished(&stage.taken()).len(), 1);
    assert!(matches!(stage.state.tabs.current().unwrap().phase, Phase::Starting { .. }));
    stage.forward(life, ForwardEvent::Listening { address: "localhost:1".to_owned() });
    assert!(
        matches!(stage.state.tabs.current().unwrap().phase, Phase::Starting { .. }),
        "a late word of the old"
    );
}

#[test]
fn peers_c27_leaving_ends_the_forwards_too() {
    let mut stage = Stage::listed(USUAL);
    let life = stage.listens("web-1", "db");
    stage.taken();
    stage.press("ctrl-] q y");
    let effects = stage.taken();
    assert!(effects.iter().any(|effect| matches!(effect, Effect::End(ended) if *ended == life)));
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Quit)), "not before it has ended");
    stage.forward(life, ForwardEvent::Ended(End::Terminated));
    assert!(stage.taken().iter().any(|effect| matches!(effect, Effect::Quit)));
}

#[test]
fn a_forward_that_could_not_begin_says_why_whole() {
    let mut stage = Stage::listed(USUAL);
    let life = stage.forwards("web-1", "80", "", "8080");
    let why = "cannot listen on localhost:8080: the port is taken by another program";
    stage.forward(life, ForwardEvent::Ended(End::Refused(why.to_owned())));
    let ended = &stage.state.tabs.current().unwrap().phase;
    assert!(matches!(ended, Phase::Ended(Ending::Session(words)) if words.contains(why)), "{ended:?}");
    assert!(stage.screen().contains("the port is taken by another"), "{}", stage.screen());
}

#[test]
fn letters_in_a_forward_are_commands_and_go_nowhere_else() {
    let mut stage = Stage::listed(USUAL);
    stage.listens("web-1", "db");
    stage.taken();
    stage.types("abcgz").press("ctrl-c");
    assert!(!stage.taken().iter().any(|effect| matches!(effect, Effect::Input { .. })));
    stage.press("f");
    assert_eq!(stage.state.context(), Context::Search, "f is the fleet");
}

#[test]
fn lost_and_unread_connections_are_told_and_ordinary_ends_are_not() {
    let mut stage = Stage::listed(USUAL);
    let life = stage.listens("web-1", "db");
    let closed =
        |connection, outcome| ForwardEvent::Closed { connection, sent: 10, received: 2_000, outcome };
    stage.forward(life, closed(1, Outcome::Finished));
    stage.forward(life, closed(2, Outcome::Lost));
    let screen = stage.screen();
    assert!(!screen.contains("connection 1 "), "{screen}");
    assert!(screen.contains("connection 2 was lost with its session (10 B up, 2.0 kB down)"), "{screen}");
}
