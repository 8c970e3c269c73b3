//! Networks that are cut, go silent or come back: what a session keeps, and what its user is told.

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Child, Stdio},
};

use crate::harness::{World, open, prompt};

/// Kills the program when a test dies before it.
struct Kill(Child);

impl Drop for Kill {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// At the official agent's pace: what is on its way when a cut falls is little, as it is there. It sends again what was lost
/// at ten frames a second, whatever the client does.
fn paced() -> World {
    World::with(|options| options.unpaced = false)
}

#[test]
fn peers_c15_every_byte_of_a_piped_session_comes_once_and_in_order_over_cuts() {
    const LINES: usize = 20_000;
    let world = paced();
    let mut child = Kill(
        world
            .command(&["connect", "web-1"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let mut keys = child.0.stdin.take().unwrap();
    let mut shown = BufReader::new(child.0.stdout.take().unwrap());
    let errors = BufReader::new(child.0.stderr.take().unwrap());
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || errors.lines().try_for_each(|line| tell.send(line.unwrap() + "\n")));
    let mut said = String::new();
    writeln!(
        keys,
        "stty -echo; PS1=; echo be''gin; i=0; while [ $i -lt {LINES} ]; do i=$((i+1)); echo line-$i; done; echo e''nd"
    )
    .unwrap();
    let mut line = String::new();
    let mut next = || {
        line.clear();
        assert_ne!(shown.read_line(&mut line).unwrap(), 0, "the output ended early");
        line.clone()
    };
    while next() != "begin\r\n" {}
    let gateway = world.region().gateway();
    let mut cuts = vec![9_000, 1_200, 200];
    for number in 1..=LINES {
        assert_eq!(next(), format!("line-{number}\r\n"));
        // Where it is away still from the cut before, the next falls when it has said that it is back: before that it would be
        // one loss more of the same attempt.
        said.extend(told.try_iter());
        let is_back = said.matches("resumed").count() == 3 - cuts.len();
        if is_back && cuts.last().is_some_and(|at| number >= *at) && gateway.cut_all() == 1 {
            cuts.pop();
            if cuts.is_empty() {
                gateway.refuse_next(&world.session_ids()[0], 3);
                writeln!(keys, "echo typed-wh''ile-away").unwrap();
            }
        }
    }
    assert_eq!(cuts, [0; 0], "all cuts fell while lines came");
    assert_eq!(next(), "end\r\n");
    assert_eq!(next(), "typed-while-away\r\n");
    writeln!(keys, "exit").unwrap();
    let mut rest = String::new();
    shown.read_to_string(&mut rest).unwrap();
    assert_eq!(rest.trim(), "", "nothing is repeated at the end");
    assert!(child.0.wait().unwrap().success());
    said.extend(told);
    assert!(said.matches("connection lost").count() == 3 && said.matches("resumed").count() == 3, "{said}");
    assert_eq!(world.live_sessions(), 0);
}

#[test]
fn peers_c15_a_tab_shows_the_cut_keeps_what_is_typed_and_goes_on_without_a_gap() {
    const LINES: u32 = 20_000;
    let world = paced();
    let mut app = world.app(30, 100);
    open(&mut app, "web-1");
    let id = world.session_ids().pop().unwrap();
    let gateway = world.region().gateway();
    app.press(&format!(
        "i=0; while [ $i -lt {LINES} ]; do i=$((i+1)); echo line-$i; done; read x; echo got-$x; echo the-$((0))-end\r"
    ));
    let numbers = |text: &str| -> Vec<u32> {
        text.lines().filter_map(|line| line.trim().strip_prefix("line-")?.parse().ok()).collect()
    };
    let mut reached = 200;
    for round in 0..3 {
        app.wait_until("lines that come", |screen| {
            numbers(&screen.text()).last().is_some_and(|last| *last > reached)
        });
        assert!(gateway.refuse_next(&id, 4));
        assert!(gateway.cut(&id), "a socket is there to be cut");
        let text = app.wait_for("reconnecting");
        reached = *numbers(&text).last().unwrap();
        assert!(reached < LINES, "the cut came in the middle of the output");
        if round == 1 {
            app.press("typed-away\r");
        }
        app.wait_for("resumed after");
    }
    let text = app.wait_for("the-0-end");
    assert_eq!(text.matches("got-typed-away").count(), 1, "{text}");
    // The echo of what was typed stands somewhere between the lines; behind it they go on without a gap.
    let seen = numbers(&text);
    assert!(seen.len() > 5 && seen.windows(2).all(|pair| pair[1] == pair[0] + 1), "{text}");
    assert_eq!(seen.last(), Some(&LINES), "{text}");
}

#[test]
fn peers_c12_a_silent_network_is_told_and_the_leader_works_all_the_same() {
    let world = World::new();
    let mut app = world.app(30, 100);
    open(&mut app, "web-1");
    let id = world.session_ids().pop().unwrap();
    world.region().gateway().freeze(&id, true);
    app.press("echo late-$((1+1))\r");
    app.wait_for("no answer for");
    app.press("\x1df");
    app.wait_until("the fleet", |screen| screen.contains(" of "));
    app.press("\x1b2");
    app.wait_for("no answer for");
    world.region().gateway().freeze(&id, false);
    app.wait_for("late-2");
    app.wait_gone("no answer for");
}

#[test]
fn peers_c13_a_session_behind_a_silent_network_can_be_ended_and_its_tab_closed() {
    let world = World::new();
    let mut app = world.app(30, 100);
    open(&mut app, "web-1");
    let id = world.session_ids().pop().unwrap();
    world.region().gateway().freeze(&id, true);
    app.press("unheard\x1dx");
    app.wait_for("end the session?");
    app.press("y");
    app.wait_for("closes the tab");
    app.press("x");
    app.wait_gone("closes the tab");
    app.wait_for(" of ");
    app.press("\x03");
    assert_eq!(app.wait_exit().0, 0);
    assert_eq!(world.live_sessions(), 0);
}

#[test]
fn peers_c11_an_instance_that_goes_away_ends_its_tab_with_its_words_over_the_old_screen() {
    let world = World::new();
    let mut app = world.app(30, 100);
    open(&mut app, "web-1");
    app.press("echo kept-$((3+4))\r");
    app.wait_for("kept-7");
    prompt(&app);
    let target = world.region().gateway().statuses()[0].target.clone();
    assert_eq!(world.region().gateway().end_target(&target, "The instance was terminated by its owner."), 1);
    app.wait_for("The instance was terminated by its owner.");
    let text = app.wait_for("closes the tab");
    assert!(text.contains("kept-7"), "{text}");
    app.press("x");
    app.wait_gone("kept-7");
    app.wait_for(" of ");
}
