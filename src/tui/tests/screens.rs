//! Screens as text, every view at 80×24, 120×40 and 50×15. Read them when they change: they are what the user sees.

use std::time::Duration;

use ratatui::style::{Color, Modifier};

use super::login;
use super::stage::{PLACE, SMALL, Stage, USUAL, WIDE, failure, probed};
use crate::{
    fleet::{Connection, Outcome, Source, Update},
    session::{self, kinds::forward::ForwardEvent},
    tui::event::Event,
};

/// The same scene at three sizes, one below the other.
fn shows(name: &str, prepare: impl Fn(&mut Stage)) {
    let mut pages = String::new();
    for size in [USUAL, WIDE, SMALL] {
        let mut stage = Stage::listed(size);
        prepare(&mut stage);
        pages.push_str(&page(&stage));
    }
    insta::assert_snapshot!(name, pages);
}

/// The same, from before anything was known.
fn shows_from_start(name: &str, prepare: impl Fn(&mut Stage)) {
    let mut pages = String::new();
    for size in [USUAL, WIDE, SMALL] {
        let mut stage = Stage::new(size);
        prepare(&mut stage);
        pages.push_str(&page(&stage));
    }
    insta::assert_snapshot!(name, pages);
}

fn page(stage: &Stage) -> String {
    let size = stage.state.size;
    let edge = "─".repeat(usize::from(size.cols));
    let body: String = stage.screen().lines().map(|line| format!("{line}\n")).collect();
    format!("{}×{}\n{edge}\n{body}{edge}\n\n", size.cols, size.rows)
}

fn reading(stage: &mut Stage, source: Source, outcome: Outcome) {
    let generation = stage.generation();
    stage.happens(Event::listed_here(Update::Done { generation, source, outcome }));
}

fn denied(action: &str) -> Outcome {
    Outcome::Denied { action: action.to_owned(), message: "not authorized".to_owned() }
}

#[test]
fn fleet_connecting() {
    shows_from_start("fleet_connecting", |_| {});
}

#[test]
fn fleet_loading() {
    shows_from_start("fleet_loading", Stage::connect);
}

#[test]
fn fleet_full() {
    shows("fleet_full", |stage| {
        probed(stage, "i-0a1b2c3d4e5f60001", Connection::Connected);
        probed(stage, "i-0a1b2c3d4e5f60002", Connection::NotConnected);
        stage.select("web-1");
    });
}

#[test]
fn fleet_filtered() {
    shows("fleet_filtered", |stage| {
        stage.types("web");
    });
}

#[test]
fn fleet_filtered_away() {
    shows("fleet_filtered_away", |stage| {
        stage.types("zebra");
    });
}

#[test]
fn fleet_commands_marked_and_ordered() {
    shows("fleet_commands", |stage| {
        stage.press("esc space space o down enter");
        stage.waits(Duration::from_secs(5));
    });
}

#[test]
fn fleet_empty() {
    shows_from_start("fleet_empty", |stage| {
        stage.connect();
        reading(stage, Source::AgentList, Outcome::Complete);
        reading(stage, Source::MachineList, Outcome::Complete);
        let generation = stage.generation();
        stage.happens(Event::ListEnded { place: PLACE, generation });
    });
}

#[test]
fn fleet_denied() {
    shows_from_start("fleet_denied", |stage| {
        stage.connect();
        reading(stage, Source::AgentList, denied("ssm:DescribeInstanceInformation"));
        reading(stage, Source::MachineList, denied("ec2:DescribeInstances"));
        let generation = stage.generation();
        stage.happens(Event::ListEnded { place: PLACE, generation });
    });
}

#[test]
fn fleet_partly_denied() {
    shows_from_start("fleet_partial", |stage| {
        stage.connect();
        let generation = stage.generation();
        let records = super::stage::agents(stage.now);
        stage.happens(Event::listed_here(Update::Agents { generation, records }));
        reading(stage, Source::AgentList, Outcome::Complete);
        reading(stage, Source::MachineList, denied("ec2:DescribeInstances"));
        stage.happens(Event::ListEnded { place: PLACE, generation });
    });
}

#[test]
fn fleet_without_credentials() {
    shows_from_start("fleet_no_credentials", |stage| {
        stage.happens(Event::NotConnected {
            place: PLACE,
            failure: crate::tui::event::Failure {
                what: "cannot use profile prod (eu-west-1): the SSO sign-in has ended".to_owned(),
                why: "the token in ~/.aws/sso/cache expired at 14:02".to_owned(),
                next: "run `aws sso login --profile prod` in another terminal".to_owned(),
                detail: None,
                ask: None,
            },
        });
    });
}

#[test]
fn a_sign_in() {
    shows_from_start("login_offered", |stage| {
        stage.happens(Event::NotConnected { place: PLACE, failure: login::sso("prod") });
    });
    shows_from_start("login_declined", |stage| {
        stage.happens(Event::NotConnected { place: PLACE, failure: login::sso("prod") });
        stage.press("esc");
    });
    shows_from_start("login_waiting", |stage| {
        stage.happens(Event::NotConnected { place: PLACE, failure: login::sso("prod") });
        stage.press("enter");
        login::waits_for_the_user(stage);
        stage.waits(Duration::from_secs(19));
    });
    shows_from_start("login_without_browser", |stage| {
        stage.happens(Event::NotConnected { place: PLACE, failure: login::sso("prod") });
        stage.press("enter");
        login::waits_for_the_user(stage);
        stage.happens(Event::Browsed { opened: false });
    });
    shows_from_start("login_failed", |stage| {
        stage.happens(Event::NotConnected { place: PLACE, failure: login::sso("prod") });
        stage.press("enter");
        let number = login::waits_for_the_user(stage);
        let result = Err(failure());
        stage.happens(Event::SignedIn { number, session: Box::new(login::shop("prod")), result });
    });
    shows("login_while_a_session_is_open", |stage| {
        let life = stage.opens("web-1");
        stage.output(life, "$ make\r\n");
        let cause = "cannot resume".to_owned();
        stage.session(life, session::Event::Reconnecting { attempt: 2, cause });
        stage.happens(Event::KeysSought { place: PLACE, missing: Some(login::sso("prod")) });
    });
}

#[test]
fn an_mfa_code() {
    let why = "role arn:aws:iam::123456789012:role/ops asks for an MFA code";
    shows_from_start("mfa_code", |stage| {
        stage.happens(Event::NotConnected { place: PLACE, failure: login::mfa("ops", why) });
        stage.types("1234");
    });
    shows_from_start("mfa_refused", |stage| {
        stage.happens(Event::NotConnected { place: PLACE, failure: login::mfa("ops", why) });
        stage.types("123456").press("enter");
        let why = "AWS says: MultiFactorAuthentication failed with invalid MFA one time pass code.";
        let (device, result) = (Box::new(login::device("ops")), Err(login::mfa("ops", why)));
        stage.happens(Event::CodeTried { device, result });
    });
    shows("mfa_of_a_place_beside", |stage| {
        let place = crate::fleet::Place {
            profile: Some("ops".into()),
            region: Some("us-east-1".into()),
            ..crate::fleet::Place::default()
        };
        let ops = stage.state.fleet.places.add(place);
        stage.happens(Event::NotConnected { place: ops, failure: login::mfa("ops", why) });
        stage.press("alt-p down");
    });
}

#[test]
fn places() {
    shows("places", |stage| {
        let place = crate::fleet::Place {
            profile: Some("data".into()),
            region: Some("us-east-1".into()),
            ..crate::fleet::Place::default()
        };
        let data = stage.state.fleet.places.add(place);
        stage.happens(Event::NotConnected { place: data, failure: failure() });
        stage.press("alt-p");
        let choice = |(name, about): (&str, &str)| crate::tui::event::Choice {
            name: name.to_owned(),
            about: about.to_owned(),
        };
        stage.happens(Event::Choices(crate::tui::event::Choices {
            profiles: [("data", "keys in the files"), ("prod", "SSO, account 123456789012")]
                .map(choice)
                .into(),
            regions: [("eu-west-1", ""), ("eu-south-1", "not enabled for this account")].map(choice).into(),
        }));
        stage.press("down");
    });
}

#[test]
fn details_of_what_cannot_be_reached() {
    shows("details_not_configured", |stage| {
        stage.select("bare-1").press("esc w");
    });
}

#[test]
fn explained_instead_of_failing() {
    shows("explain", |stage| {
        stage.select("lost-1").press("enter");
    });
}

#[test]
fn help() {
    shows("help", |stage| {
        stage.press("f1");
    });
}

#[test]
fn menu() {
    shows("menu", |stage| {
        stage.select("web-1").press("tab");
    });
}

#[test]
fn order() {
    shows("order", |stage| {
        stage.press("esc o down");
    });
}

#[test]
fn tab_starting() {
    shows("tab_starting", |stage| {
        stage.select("web-1").press("enter");
        let life = stage.life();
        stage.happens(Event::Started { life, place: PLACE, result: Ok(super::stage::ticket()) });
        stage.session(life, session::Event::SocketOpen);
        stage.passes(Duration::from_millis(430));
        stage.happens(Event::Tick);
    });
}

#[test]
fn tab_not_started() {
    shows("tab_not_started", |stage| {
        stage.select("web-1").press("enter");
        let life = stage.life();
        stage.happens(Event::Started { life, place: PLACE, result: Err(failure()) });
    });
}

fn live(stage: &mut Stage) -> crate::tui::event::Life {
    let other = stage.opens("web-2");
    let life = stage.opens("web-1");
    stage.output(other, "\x07");
    stage.output(life, "Last login: Sun May  3 11:58:02 2026\r\n$ uptime\r\n 12:00:00 up 3 days\r\n$ ");
    stage.session(life, session::Event::RoundTrip(Duration::from_millis(23)));
    life
}

#[test]
fn tab_live() {
    shows("tab_live", |stage| {
        live(stage);
    });
}

#[test]
fn tab_which_key() {
    shows("tab_which_key", |stage| {
        live(stage);
        stage.press("ctrl-]");
    });
}

#[test]
fn tab_reconnecting() {
    shows("tab_reconnecting", |stage| {
        let life = live(stage);
        stage
            .session(life, session::Event::Reconnecting { attempt: 1, cause: "connection reset".to_owned() });
        stage.passes(Duration::from_secs(12));
        stage
            .session(life, session::Event::Reconnecting { attempt: 3, cause: "no route to host".to_owned() });
    });
}

#[test]
fn tab_ended() {
    shows("tab_ended", |stage| {
        let life = live(stage);
        stage.session(life, session::Event::Ended(session::End::Closed { output: String::new() }));
    });
}

#[test]
fn tab_scrolled_back() {
    shows("tab_scrolled", |stage| {
        let life = live(stage);
        let lines: String = (1..=100).map(|n| format!("line {n}\r\n")).collect();
        stage.output(life, &lines);
        stage.press("ctrl-] [ pageup");
    });
}

#[test]
fn rename() {
    shows("rename", |stage| {
        live(stage);
        stage.press("ctrl-] r");
    });
}

#[test]
fn quit_confirm() {
    shows("quit_confirm", |stage| {
        live(stage);
        stage.press("ctrl-] q");
    });
}

#[test]
fn paste_confirm() {
    shows("paste_confirm", |stage| {
        live(stage);
        stage.happens(Event::Paste("cd /tmp\nrm -rf build\nmake\n".to_owned()));
    });
}

#[test]
fn many_tabs() {
    shows("many_tabs", |stage| {
        for _ in 0..20 {
            stage.opens("web-1");
        }
        stage.press("alt-1");
        stage.press("alt-9");
    });
}

#[test]
fn form_forward() {
    shows("form_forward", |stage| {
        stage.select("web-1").press("alt-f").types("my").press("down");
    });
}

#[test]
fn form_forward_filled() {
    shows("form_forward_filled", |stage| {
        stage.select("web-1").press("alt-f").types("postgres").press("tab").types("db.prod.internal");
        stage.press("tab").types("0.0.0.0:15432");
    });
}

#[test]
fn form_forward_refused() {
    shows("form_forward_refused", |stage| {
        stage.refuses();
    });
}

#[test]
fn tab_forward() {
    shows("tab_forward", |stage| {
        let life = stage.listens("web-1", "db.prod.internal");
        stage.flows(life, 30, 300, 20_000);
        let why = "nothing listens on port 5432 of db.prod.internal".to_owned();
        stage.forward(life, ForwardEvent::Refused { connection: 3, why });
    });
}

#[test]
fn tab_forward_quiet() {
    shows("tab_forward_quiet", |stage| {
        stage.listens("web-1", "");
    });
}

#[test]
fn tab_forward_reconnecting() {
    shows("tab_forward_reconnecting", |stage| {
        let life = stage.listens("web-1", "db");
        stage.flows(life, 5, 300, 20_000);
        let cause = "connection reset".to_owned();
        stage.forward(life, ForwardEvent::Reconnecting { lane: 0, attempt: 1, cause });
        stage.passes(Duration::from_secs(12));
        let cause = "no route to host".to_owned();
        stage.forward(life, ForwardEvent::Reconnecting { lane: 0, attempt: 3, cause });
    });
}

#[test]
fn tab_forward_ended() {
    shows("tab_forward_ended", |stage| {
        let life = stage.listens("web-1", "db");
        stage.flows(life, 5, 300, 20_000);
        stage.forward(life, ForwardEvent::Ended(session::End::Terminated));
    });
}

#[test]
fn documents() {
    shows("documents", |stage| {
        stage.chooses("web-1");
        stage.types("st");
    });
}

#[test]
fn documents_loading() {
    shows("documents_loading", |stage| {
        stage.select("web-1").press("alt-c");
    });
}

#[test]
fn documents_none() {
    shows("documents_none", |stage| {
        stage.select("web-1").press("alt-c");
        let generation = stage.place().documents.generation;
        stage.happens(Event::DocumentsEnded { place: PLACE, generation, result: Ok(()) });
    });
}

#[test]
fn documents_denied() {
    shows("documents_denied", |stage| {
        stage.select("web-1").press("alt-c");
        let generation = stage.place().documents.generation;
        let denied = crate::tui::event::Failure {
            what: "cannot list session documents (eu-west-1): access denied".to_owned(),
            why: "role ops-read in account 123456789012 may not call ssm:ListDocuments".to_owned(),
            next: "ask for that right".to_owned(),
            detail: Some("AccessDeniedException, request 7f3c".to_owned()),
            ask: None,
        };
        stage.happens(Event::DocumentsEnded { place: PLACE, generation, result: Err(denied) });
    });
}

#[test]
fn form_document() {
    shows("form_document", |stage| {
        stage.reads("web-1");
        stage.press("down down");
    });
}

#[test]
fn form_document_wrong() {
    shows("form_document_wrong", |stage| {
        stage.reads("web-1");
        stage.types("redis").press("tab").types("many");
    });
}

#[test]
fn tab_command_ended() {
    shows("tab_command_ended", |stage| {
        let life = stage.runs(session::SessionType::NonInteractiveCommands);
        stage.output(life, "restarting nginx\nnginx is up\n");
        stage.session(life, session::Event::ExitCode(0));
        stage.session(life, session::Event::Ended(session::End::Closed { output: String::new() }));
    });
}

#[test]
fn tab_limits() {
    shows("tab_limits", |stage| {
        let life = live(stage);
        stage.happens(Event::Preferences { place: PLACE, preferences: Some(Box::default()) });
        stage.session(life, session::Event::Notice("This session is encrypted using AWS KMS.".to_owned()));
        stage.waits(Duration::from_secs(18 * 60 + 17));
    });
}

#[test]
fn colour_tells_states_apart_and_marks_what_matched() {
    let mut stage = Stage::listed(USUAL);
    stage.types("bare");
    let buffer = stage.buffer();
    let row = stage.screen().lines().position(|line| line.contains("bare-1")).unwrap() as u16;
    let line: Vec<&str> = (0..80).map(|x| buffer[(x, row)].symbol()).collect();
    let at = |symbol: &str| line.iter().position(|cell| *cell == symbol).unwrap() as u16;
    assert_eq!(buffer[(at("✗"), row)].fg, Color::Red);
    let matched = &buffer[(at("b"), row)];
    assert!(matched.modifier.contains(Modifier::UNDERLINED), "{matched:?}");
    assert_eq!(matched.fg, Color::Yellow);
    let rest = &buffer[(at("-"), row)];
    assert!(!rest.modifier.contains(Modifier::UNDERLINED), "only what matched is marked");
}

#[test]
fn a_lost_connection_dims_the_screen() {
    let mut stage = Stage::listed(USUAL);
    let life = live(&mut stage);
    let before = stage.buffer();
    stage.session(life, session::Event::Reconnecting { attempt: 1, cause: "reset".to_owned() });
    let after = stage.buffer();
    // The `$` of the second line, which the strip at the top does not cover.
    let cell = (0, 2);
    assert_eq!(before[cell].symbol(), "$");
    assert!(!before[cell].modifier.contains(Modifier::DIM));
    assert!(after[cell].modifier.contains(Modifier::DIM), "{:?}", after[cell]);
}
