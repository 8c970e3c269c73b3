//! Every view at every size from 1×1: nothing panics, and nothing is drawn outside of the window.

use std::time::Duration;

use super::login;
use super::stage::{PLACE, SMALL, Stage, USUAL, failure};
use crate::{
    session::{self, kinds::forward::ForwardEvent},
    term::Size,
    tui::event::Event,
};

/// A stage in every state that has a screen of its own.
fn scenes() -> Vec<(&'static str, Stage)> {
    let mut scenes = Vec::new();
    let mut scene = |name, prepare: &dyn Fn(&mut Stage)| {
        let mut stage = Stage::listed(USUAL);
        prepare(&mut stage);
        scenes.push((name, stage));
    };
    scene("list", &|_| {});
    scene("filtered", &|stage| {
        stage.types("web prod");
    });
    scene("nothing found", &|stage| {
        stage.types("zzzz");
    });
    scene("commands", &|stage| {
        stage.press("esc space o enter");
    });
    scene("details", &|stage| {
        stage.select("bare-1").press("esc w");
    });
    scene("explain", &|stage| {
        stage.select("bare-1").press("enter");
    });
    scene("help", &|stage| {
        stage.press("f1 down end");
    });
    scene("menu", &|stage| {
        stage.press("tab end");
    });
    scene("order", &|stage| {
        stage.press("esc o end");
    });
    scene("starting", &|stage| {
        stage.select("web-1").press("enter");
    });
    scene("not started", &|stage| {
        stage.select("web-1").press("enter");
        let life = stage.life();
        stage.happens(Event::Started { life, place: PLACE, result: Err(failure()) });
    });
    scene("many tabs", &|stage| {
        for _ in 0..20 {
            stage.opens("web-1");
        }
    });
    scene("live and wide", &|stage| {
        let life = stage.opens("web-1");
        stage.output(life, &"日本語 \x1b[31mred\x1b[0m ".repeat(500));
        stage.press("ctrl-]");
    });
    scene("scrolled", &|stage| {
        let life = stage.opens("web-1");
        stage.output(life, &"line\r\n".repeat(500));
        stage.press("ctrl-] [ pageup");
    });
    let looking = |keys: &'static str| {
        move |stage: &mut Stage| {
            let life = stage.opens("web-1");
            stage.output(life, &"日本語 https://a.example/x /etc/hosts:1 \x1b]52;c;YQ==\x07".repeat(90));
            stage.press(keys);
        }
    };
    scene("searching", &looking("ctrl-] [ ? h t t p"));
    scene("selecting", &looking("ctrl-] [ / 本 enter ctrl-v pageup w w"));
    scene("hints", &looking("ctrl-] u"));
    scene("link", &looking("ctrl-] u a a a"));
    scene("saving", &looking("ctrl-] s"));
    scene("clipboard", &looking("ctrl-] v"));
    scene("reconnecting", &|stage| {
        let life = stage.opens("web-1");
        stage
            .session(life, session::Event::Reconnecting { attempt: 3, cause: "connection reset".to_owned() });
        stage.passes(Duration::from_secs(12));
    });
    scene("ended", &|stage| {
        let life = stage.opens("web-1");
        stage.session(life, session::Event::Ended(session::End::Closed { output: String::new() }));
    });
    scene("form", &|stage| {
        stage.select("web-1").press("alt-f").types("m").press("down");
    });
    scene("refused form", &|stage| {
        stage.refuses();
        stage.press("ctrl-u").types("99999").press("tab").types("http://db").press("enter");
    });
    scene("forward", &|stage| {
        let life = stage.listens("web-1", "db");
        stage.flows(life, 30, 300, 20_000_000);
    });
    scene("forward ended", &|stage| {
        let life = stage.listens("web-1", "");
        stage.forward(life, ForwardEvent::Ended(session::End::Terminated));
    });
    scene("documents", &|stage| {
        stage.chooses("web-1");
        stage.types("st").press("down");
    });
    scene("documents none", &|stage| {
        stage.select("web-1").press("alt-c");
    });
    scene("document", &|stage| {
        stage.reads("web-1");
        stage.press("down down");
    });
    scene("command ended", &|stage| {
        let life = stage.runs(session::SessionType::NonInteractiveCommands);
        stage.session(life, session::Event::ExitCode(3));
        stage.session(life, session::Event::Ended(session::End::Closed { output: String::new() }));
    });
    scene("limits", &|stage| {
        stage.opens("web-1");
        stage.happens(Event::Preferences { place: PLACE, preferences: Some(Box::default()) });
        stage.waits(Duration::from_secs(19 * 60));
    });
    scene("rename", &|stage| {
        stage.opens("web-1");
        stage.press("ctrl-] r");
    });
    scene("quit", &|stage| {
        stage.opens("web-1");
        stage.press("ctrl-] q");
    });
    scene("leaving", &|stage| {
        stage.opens("web-1");
        stage.press("ctrl-] q y");
    });
    scene("paste", &|stage| {
        stage.opens("web-1");
        stage.happens(Event::Paste("one\ntwo\nthree\n".to_owned()));
    });
    scene("note", &|stage| {
        stage.press("esc y");
    });
    scene("sign-in offered", &|stage| {
        stage.happens(Event::KeysSought { place: PLACE, missing: Some(login::sso("prod")) });
    });
    scene("sign-in", &|stage| {
        stage.happens(Event::KeysSought { place: PLACE, missing: Some(login::sso("prod")) });
        stage.press("enter");
        login::waits_for_the_user(stage);
    });
    scene("code", &|stage| {
        stage.happens(Event::KeysSought { place: PLACE, missing: Some(login::mfa("ops", "")) });
        stage.types("1234").press("enter");
    });
    let mut failed = Stage::new(SMALL);
    failed.happens(Event::NotConnected { place: PLACE, failure: failure() });
    scenes.push(("failed", failed));
    scenes
}

#[test]
fn every_view_is_drawn_at_every_size() {
    for (name, mut stage) in scenes() {
        for (rows, cols) in (1..=12).flat_map(|rows| (1..=24).map(move |cols| (rows, cols))).chain([
            (10, 40),
            (15, 50),
            (24, 59),
            (24, 60),
            (24, 99),
            (24, 100),
            (60, 200),
            (120, 400),
            (1, 400),
            (100, 1),
        ]) {
            stage.happens(Event::Resized(Size { rows, cols }));
            let screen = stage.screen();
            let widest = screen.lines().map(unicode_width::UnicodeWidthStr::width).max().unwrap_or(0);
            assert!(widest <= usize::from(cols), "{name} at {cols}×{rows}:\n{screen}");
            if rows >= 12 && cols >= 40 {
                let header = screen.lines().next().unwrap_or_default();
                assert!(header.contains(" │ ") || header.contains("1 Fleet"), "{name}:\n{screen}");
            }
        }
    }
}

#[test]
fn at_40_by_10_the_list_and_its_way_out_are_there() {
    let mut stage = Stage::listed(Size { rows: 10, cols: 40 });
    stage.select("web-1");
    let screen = stage.screen();
    assert!(screen.contains("web-1"), "{screen}");
    assert!(screen.contains("enter shell"), "{screen}");
    assert!(screen.contains("online"), "{screen}");
}
