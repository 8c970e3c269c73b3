//! Sessions in tabs: a real shell on a real pty, through the real data channel.

use crate::harness::{World, open, prompt};

#[test]
fn a_shell_in_a_tab_takes_keys_and_shows_output() {
    let world = World::new();
    let mut app = world.app(30, 100);
    open(&mut app, "web-1");
    app.press("echo $((6*7))-done\r");
    app.wait_for("42-done");
}

#[test]
fn peers_c04_the_remote_knows_the_panes_size_at_once_and_after_every_change() {
    let world = World::new();
    let mut app = world.app(30, 100);
    open(&mut app, "web-1");
    app.press("stty size; echo end-1\r");
    let before =
        app.wait_until("the size", |screen| screen.text().lines().any(|line| line.trim() == "end-1"));
    let size = |text: &str| {
        text.lines()
            .rev()
            .find_map(|line| {
                let (rows, cols) = line.trim().split_once(' ')?;
                Some((rows.parse::<u16>().ok()?, cols.parse::<u16>().ok()?))
            })
            .expect("stty prints a size")
    };
    let (rows, cols) = size(&before);
    assert!((20..30).contains(&rows) && (90..=100).contains(&cols), "{rows}x{cols}");
    app.resize(40, 130);
    app.wait_until("the wide header", |screen| screen.row(0).trim_end().chars().count() > 100);
    app.press("stty size; echo end-2\r");
    let after =
        app.wait_until("the new size", |screen| screen.text().lines().any(|line| line.trim() == "end-2"));
    assert_eq!(size(&after), (rows + 10, cols + 30));
}

#[test]
fn keys_in_the_moment_of_a_resize_are_not_lost() {
    let world = World::new();
    let mut app = world.app(30, 100);
    open(&mut app, "web-1");
    for round in 0..20 {
        app.resize(30 + round % 2, 100 + round % 3);
        app.press(&format!("echo $(({round}+1))-th\r"));
        app.wait_for(&format!("{}-th", round + 1));
    }
}

#[test]
fn peers_c01_control_c_stops_the_command_and_not_the_session() {
    let world = World::new();
    let mut app = world.app(30, 100);
    open(&mut app, "web-1");
    app.press("echo start; cat\r");
    app.wait_until("cat runs", |screen| screen.text().lines().any(|line| line.trim() == "start"));
    // The far terminal throws away what is typed ahead of an interrupt: wait for the prompt, as a person would.
    app.wait_until("cat sits on an empty line", |screen| {
        screen.row(screen.vt100().cursor_position().0).trim().is_empty()
    });
    app.press("\x03");
    prompt(&app);
    app.press("echo still-$((1+1))\r");
    app.wait_for("still-2");
}

#[test]
fn two_tabs_keep_their_own_screens() {
    let world = World::new();
    let mut app = world.app(30, 100);
    open(&mut app, "web-1");
    app.press("echo first-$((1+0))\r");
    app.wait_for("first-1");
    // leader f: back to the fleet, then another node.
    app.press("\x1df");
    app.wait_gone("first-1");
    app.press("\x15");
    open(&mut app, "web-2");
    app.press("echo second-$((1+1))\r");
    app.wait_for("second-2");
    app.press("\x1b2");
    app.wait_until("the first tab", |screen| screen.contains("first-1") && !screen.contains("second-2"));
    app.press("\x1b3");
    app.wait_until("the second tab", |screen| screen.contains("second-2") && !screen.contains("first-1"));
}

#[test]
fn peers_c19_an_ended_session_keeps_its_screen_says_why_and_starts_anew_on_enter() {
    let world = World::new();
    let mut app = world.app(30, 100);
    open(&mut app, "web-1");
    app.press("echo kept-$((3+4))\r");
    app.wait_for("kept-7");
    app.press("exit\r");
    app.wait_until("the reason, under the old screen", |screen| {
        screen.contains("kept-7") && screen.text().to_lowercase().contains("ended")
    });
    app.press("\r");
    app.wait_gone("ended");
    prompt(&app);
    app.press("echo anew-$((5+4))\r");
    app.wait_for("anew-9");
}

#[test]
fn vim_is_usable_in_a_tab() {
    let world = World::new();
    let mut app = world.app(30, 100);
    open(&mut app, "web-1");
    app.press("cd $(mktemp -d); vim -u NONE -N note.txt\r");
    app.wait_for("note.txt");
    app.press("ione\rtwo\rthree\x1b");
    app.wait_until("typed text", |screen| screen.contains("three"));
    app.press("gg");
    app.press("ddGp:wq\r");
    prompt(&app);
    app.press("cat note.txt | tr '\\n' ,\r");
    app.wait_for("two,three,one,");
}

#[test]
fn sessions_are_ended_on_the_service_when_the_app_quits() {
    let world = World::new();
    let mut app = world.app(30, 100);
    open(&mut app, "web-1");
    let (code, active, _) = world.output(&["ls", "web-1", "--json"]);
    assert_eq!(code, 0, "{active}");
    // leader f, then out of the search box and quit; the app asks once.
    app.press("\x1df\x03");
    app.wait_until("the question", |screen| screen.text().to_lowercase().contains("quit"));
    app.press("\r");
    let (code, _) = app.wait_exit();
    assert_eq!(code, 0);
    assert_eq!(world.live_sessions(), 0, "a session outlived the app");
}
