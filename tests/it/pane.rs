//! What a session's programs and the user's terminal tell each other through the pane: keys and the focus.

use crate::harness::{Program, World, open};

fn has(raw: &[u8], bytes: &str) -> bool {
    raw.windows(bytes.len()).any(|window| window == bytes.as_bytes())
}

/// The app on a terminal that tells keys apart.
fn on_kitty() -> (World, Program) {
    let mut world = World::new();
    world.set("TERM", Some("xterm-kitty"));
    let mut app = world.start(&[], 30, 100);
    app.wait_until("the question for the keyboard", |screen| has(screen.raw(), "\x1b[?u"));
    app.press("\x1b[?0u\x1b[?62c");
    app.wait_for(" of ");
    (world, app)
}

#[test]
fn a_program_is_told_when_the_window_loses_the_focus() {
    let world = World::new();
    let mut app = world.app(30, 100);
    open(&mut app, "web-1");
    app.press("printf '\\033[?1004h'; echo ar''med; cat -v\r");
    app.wait_for("armed");
    // The tab was the focused one all the time: it is told of changes.
    app.press("\x1b[O");
    app.wait_for("^[[O");
    app.press("\x1b[I");
    app.wait_for("^[[O^[[I");
    app.press("\x03\x1dq");
    app.wait_for("still running");
    app.press("y");
    app.wait_exit();
    app.look(|screen| {
        let after = screen.raw().windows(8).rposition(|window| window == b"\x1b[?1004l");
        let before = screen.raw().windows(8).rposition(|window| window == b"\x1b[?1004h");
        assert!(after > before, "the terminal goes on telling of its focus");
    });
}

#[test]
fn keys_are_told_apart_where_the_terminal_can_and_it_is_given_back_as_it_was() {
    let (_world, mut app) = on_kitty();
    app.look(|screen| assert!(has(screen.raw(), "\x1b[>5u"), "keys were not asked to be told apart"));
    open(&mut app, "web-1");
    app.press("printf '\\033[>1u'; echo ar''med; cat -v\r");
    app.wait_for("armed");
    // Shift and enter, and control with a letter that was the tab key.
    app.press("\x1b[13;2u\x1b[105;5u");
    app.wait_for("^[[13;2u^[[105;5u");
    // The leader, as such a terminal sends it.
    app.press("\x1b[93;5uq");
    app.wait_for("still running");
    app.press("y");
    app.wait_exit();
    app.look(|screen| assert!(has(screen.raw(), "\x1b[<1u"), "the keyboard was left as we had it"));
}

#[test]
fn repeats_and_releases_are_asked_for_while_a_program_wants_them() {
    let (_world, mut app) = on_kitty();
    open(&mut app, "web-1");
    app.press("printf '\\033[>3u'; echo ar''med; cat -v\r");
    app.wait_until("the terminal is asked", |screen| has(screen.raw(), "\x1b[=7;1u"));
    app.wait_for("armed");
    // Up goes down, repeats and is let go; the leader and what follows are ours, and so are their releases.
    app.press("\x1b[1;1:1A\x1b[1;1:2A\x1b[1;1:3A\x1b[93;5u\x1b[93;5:3u2\x1b[50;1:3ua\x1b[97;1:3u\r");
    app.wait_for("^[[A^[[1;1:2A^[[1;1:3Aa^[[97;1:3u");
    // Not in the list.
    app.press("\x1b[93;5uf");
    app.wait_until("the terminal is not asked any more", |screen| {
        let last = |bytes: &[u8]| screen.raw().windows(bytes.len()).rposition(|window| window == bytes);
        last(b"\x1b[=5;1u") > last(b"\x1b[=7;1u")
    });
}

#[test]
fn a_terminal_that_is_not_known_to_tell_keys_apart_is_not_asked() {
    let world = World::new();
    let app = world.app(30, 100);
    app.look(|screen| assert!(!has(screen.raw(), "\x1b[?u") && !has(screen.raw(), "\x1b[>5u")));
}

#[test]
fn the_terminals_own_colours_are_asked_for_and_told_to_programs() {
    let world = World::new();
    let mut app = world.start(&[], 30, 100);
    app.wait_until("the question for the colours", |screen| has(screen.raw(), "\x1b]11;?"));
    open(&mut app, "web-1");
    // Keys of before are not lost, nor is the session told in the answer's place.
    app.press("echo be''fore\x1b]10;rgb:1c1c/1b1b/1a1a\x1b\\\x1b]11;rgb:fdfd/f6f6/e3e3\x1b\\\r");
    app.wait_until("before", |screen| screen.text().lines().any(|line| line.trim() == "before"));
    app.press("printf '\\033]11;?\\a'; head -c 24 | cat -v; echo; echo a''sked\r\r");
    app.wait_until("the colour, as the program was told", |screen| {
        screen.contains("^[]11;rgb:fdfd/f6f6/e3e3")
    });
    assert!(!app.look(|screen| has(screen.raw(), "48;5;254")));
    // The fleet is drawn for a light background.
    app.press("\x1df");
    app.wait_until("the grey of a light background", |screen| has(screen.raw(), "48;5;254"));
}

#[test]
fn an_answer_that_comes_late_is_not_left_to_the_shell() {
    let world = World::new();
    let mut app = world.start(&[], 30, 100);
    app.wait_until("the question for the colours", |screen| has(screen.raw(), "\x1b]11;?"));
    app.press("\x1dq\x1b]10;rgb:0000/0000/0000\x1b\\\x1b]11;rgb:ffff/ffff/ffff\x1b\\");
    let (code, screen) = app.wait_exit();
    assert_eq!(code, 0);
    assert!(!screen.contains("rgb"), "{screen}");
}

/// What programs wrote, through agent, session, pane and all, is on the user's screen as in tmux.
#[test]
fn recorded_programs_are_shown_as_they_draw() {
    let recordings = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordings/programs");
    let world = World::new();
    // A pane of 24 rows: the app has one above and one below.
    let mut app = world.app(26, 80);
    open(&mut app, "web-1");
    for program in ["vim", "nvim", "less", "mc", "dialog", "emacs", "tmux", "fzf", "git-diff", "python3"] {
        // Answers to the program's questions come in before the key that goes on.
        app.press(&format!(
            "stty raw -echo; printf '\\033c'; cat {recordings}/{program}.bytes; \
             until [ \"$(head -c 1)\" = x ]; do :; done; stty sane; printf '\\033c'\r"
        ));
        let expected = std::fs::read_to_string(format!("{recordings}/{program}.screen")).unwrap();
        let expected: Vec<_> = expected.lines().take(24).collect();
        app.wait_until(&format!("the screen of {program}:\n{}", expected.join("\n")), |screen| {
            (1..25).map(|row| screen.row(row)).zip(&expected).all(|(shown, row)| shown.trim_end() == *row)
        });
        app.press("x");
        app.wait_until("the shell alone", |screen| {
            screen.row(1).starts_with("[sim:web-1") && (2..25).all(|row| screen.row(row).trim().is_empty())
        });
    }
}
