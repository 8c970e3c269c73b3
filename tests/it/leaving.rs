//! However the app ends, the terminal is as it was and no session is left behind.

use crate::harness::{Program, World, find, open, prompt};

#[track_caller]
fn assert_restored(app: &Program) {
    app.look(|screen| {
        assert!(!screen.alternate(), "the alternate screen was left on");
        assert!(!screen.cursor_hidden(), "the cursor was left hidden");
        assert!(!screen.vt100().bracketed_paste(), "bracketed paste was left on");
        assert_eq!(
            screen.vt100().mouse_protocol_mode(),
            vt100::MouseProtocolMode::None,
            "the mouse was kept"
        );
    });
}

#[test]
fn peers_c11_a_signal_to_the_app_gives_the_terminal_back_and_ends_every_session() {
    for (name, number) in [("TERM", 15), ("HUP", 1), ("INT", 2)] {
        let world = World::new();
        let mut app = world.app(30, 100);
        open(&mut app, "web-1");
        app.press("\x1dc");
        app.wait_until("the second tab", |screen| screen.contains("web-1·2"));
        prompt(&app);
        assert_eq!(world.live_sessions(), 2);
        let kill =
            std::process::Command::new("kill").args([&format!("-{name}"), &app.pid().to_string()]).status();
        assert!(kill.unwrap().success());
        assert_eq!(app.wait_exit().0, 128 + number, "SIG{name}");
        assert_restored(&app);
        assert_eq!(world.live_sessions(), 0, "a session outlived SIG{name}");
    }
}

#[test]
fn twenty_tabs_are_all_alive_and_end_with_the_app() {
    let world = World::new();
    let mut app = world.app(40, 160);
    find(&mut app, "web-1");
    app.press("\x7f");
    app.wait_for("web-8");
    app.press("\x1b");
    app.wait_until("single keys are commands", |screen| screen.cursor_hidden());
    app.press(&" ".repeat(8));
    app.wait_for("8 marked");
    app.press("\r");
    prompt(&app);
    app.press(&"\x1dc".repeat(12));
    // The first nine have a key of their own; the others are reached one by one.
    for tab in 2..=21 {
        app.press(&if tab <= 9 { format!("\x1b{tab}") } else { "\x1dn".to_owned() });
        prompt(&app);
        app.press(&format!("clear; echo tab-$(({tab}+1000))\r"));
        app.wait_until("the answer of this tab", |screen| screen.contains(&format!("tab-{}", tab + 1000)));
    }
    assert_eq!(world.live_sessions(), 20);
    app.press("\x1b2");
    app.wait_for("tab-1002");
    app.press("\x1dq");
    app.wait_for("20 sessions are still running");
    app.press("y");
    assert_eq!(app.wait_exit().0, 0);
    assert_restored(&app);
    assert_eq!(world.live_sessions(), 0, "a session outlived the app");
}
