//! Looking back in a real session: frozen text, search, copying to the user's terminal, files, links, the clipboard of OSC 52.

use std::{fs, os::unix::fs::PermissionsExt};

use crate::harness::{Program, Screen, World, open};

fn has_line(screen: &Screen, wanted: &str) -> bool {
    screen.text().lines().any(|line| line.trim_end() == wanted)
}

/// Waits until the app has asked its terminal to put these on the clipboard (OSC 52 with this base64).
fn wait_copied(app: &Program, base64: &str) {
    let wanted = format!("\x1b]52;c;{base64}\x07");
    app.wait_until("a copy", |screen| {
        screen.raw().windows(wanted.len()).any(|bytes| bytes == wanted.as_bytes())
    });
}

#[test]
fn a_session_is_looked_through_while_it_goes_on_and_when_it_has_ended() {
    let world = World::new();
    let mut app = world.app(24, 80);
    open(&mut app, "web-1");
    app.press("for i in $(seq 1 400); do echo row-$i; done; read x; for i in $(seq 1 9); do echo late-$i; done; exit\r");
    app.wait_for("row-400");
    app.press("\x1d[?row-12\r");
    app.wait_for("of 11");
    app.press("N");
    app.wait_for(" 1 of 11");
    app.wait_until("the first", |screen| screen.row(1).starts_with("row-12 "));
    app.press("\x1b");
    app.wait_gone("1 of 11");
    // `row-12`, by its word and by the whole of its line.
    app.press("iy");
    wait_copied(&app, "cm93LTEy");
    app.press("\r");
    app.wait_for("starts it anew");
    app.press("\x1d[g");
    app.wait_until("the first rows", |screen| !screen.contains("late-9") && !screen.contains("row-400"));
    app.press("/row-400\rVy");
    wait_copied(&app, "cm93LTQwMA==");
}

#[test]
fn the_mouse_selects_and_copies() {
    let world = World::new();
    let mut app = world.app(24, 80);
    open(&mut app, "web-1");
    app.press("clear; printf 'abc%s\\n' def; cat\r");
    let screen = app.wait_until("the line", |screen| has_line(screen, "abcdef"));
    let row = screen.lines().position(|line| line.trim_end() == "abcdef").unwrap() + 1;
    app.press(&format!("\x1b[<0;2;{row}M\x1b[<32;3;{row}M\x1b[<32;5;{row}M\x1b[<0;5;{row}m"));
    wait_copied(&app, "YmNkZQ==");
    app.wait_for("copied 4 characters");
    app.press("still typed\r");
    app.wait_until("it twice", |screen| screen.text().matches("still typed").count() == 2);
}

#[test]
fn lines_are_saved_for_the_user_alone_and_no_file_is_overwritten() {
    let world = World::new();
    let mut app = world.app(24, 80);
    open(&mut app, "web-1");
    app.press("clear; seq 1 100; printf '\\033[32mgreen\\033[m\\n'\r");
    app.wait_until("all of it", |screen| has_line(screen, "green"));
    app.press("\x1ds");
    app.wait_for("save the lines of web-1 to");
    app.press("\x15~/out.txt\r");
    app.wait_for("out.txt");
    app.wait_for("saved ");
    let path = world.home().join("out.txt");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("1\n2\n3\n") && text.contains("\n100\ngreen\n"), "{text}");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    app.press("\x1ds");
    app.wait_for("save the lines of web-1 to");
    app.press("\x15~/out.txt\t\r");
    app.wait_for("there is such a file already");
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    app.press("\x7f\x7f\x7fansi\r");
    app.wait_for("out.ansi");
    app.wait_gone("there is such a file already");
    assert!(
        fs::read_to_string(world.home().join("out.ansi")).unwrap().contains("\x1b[0;38;5;2mgreen\x1b[m\n")
    );
}

#[test]
fn a_link_is_opened_by_the_users_own_program() {
    let mut world = World::new();
    let bin = world.home().join("bin");
    fs::create_dir(&bin).unwrap();
    let opener = bin.join(if cfg!(target_os = "macos") { "open" } else { "xdg-open" });
    fs::write(&opener, "#!/bin/sh\nprintf '%s\\n' \"$@\" >> \"$HOME/opened\"\n").unwrap();
    fs::set_permissions(&opener, fs::Permissions::from_mode(0o700)).unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    world.set("PATH", Some(&path));
    world.set("DISPLAY", Some(":0"));
    let mut app = world.app(24, 80);
    open(&mut app, "web-1");
    app.press(
        "clear; printf 'read \\033]8;;https://a.example/?q=1;2\\033\\\\this\\033]8;;\\033\\\\ now\\n'\r",
    );
    app.wait_until("the line", |screen| has_line(screen, "read this now"));
    app.press("\x1du");
    app.wait_until("the letters", |screen| has_line(screen, "read ahis now"));
    app.press("a");
    app.wait_for("https://a.example/?q=1;2");
    app.press("\r");
    let opened = world.home().join("opened");
    // The program is another process: its file is there when it is; the screen is drawn on meanwhile.
    app.press(&format!("while ! [ -s {} ]; do :; done; echo op''ened\r", opened.display()));
    app.wait_for("opened");
    assert_eq!(fs::read_to_string(opened).unwrap(), "https://a.example/?q=1;2\n");
}

#[test]
fn an_instance_sets_the_clipboard_only_when_it_may() {
    let world = World::new();
    let mut app = world.app(24, 80);
    open(&mut app, "web-1");
    app.press("printf '\\033]52;c;aGVsbG8=\\007\\033]52;c;?\\007'\r");
    app.wait_for("it wants to put 5 B on your clipboard");
    let asked = |screen: &Screen| screen.raw().windows(7).any(|bytes| bytes == b"\x1b]52;c;");
    assert!(!app.look(asked), "nothing is copied unasked");
    app.press("\x1dv");
    app.wait_for("│ hello");
    app.press("y");
    wait_copied(&app, "aGVsbG8=");
}
