//! What people do in a shell: paste, page, watch.

use std::{fmt::Write, fs};

use crate::harness::{Program, World, find, open, prompt};

fn lines(count: usize) -> String {
    (1..=count).fold(String::new(), |mut text, number| {
        let _ = writeln!(
            text,
            "{number:04} the quick brown fox jumps over the lazy dog; 'quotes' \"and\" $signs"
        );
        text
    })
}

fn paste(app: &mut Program, text: &str) {
    app.press(&format!("\x1b[200~{}\x1b[201~", text.replace('\n', "\r")));
}

/// Readline asks for bracketed paste, which the plain `sh` does not.
fn bash(app: &mut Program) {
    app.press("PS1='ready$ ' bash --norc --noprofile\r");
    // Its own prompt, not the echo of ours: the mode is set right before it is shown.
    app.wait_until("bash's prompt", |screen| screen.text().lines().any(|line| line.trim() == "ready$"));
}

#[test]
fn peers_c07_a_paste_of_650_lines_arrives_whole() {
    let world = World::new();
    let mut app = world.app(30, 100);
    open(&mut app, "web-1");
    let (file, text) = (world.home().join("pasted"), lines(650));
    app.press(&format!("stty -echo; cat > {}; echo ca''t-ended\r", file.display()));
    app.wait_until("cat runs", |_| file.exists());
    paste(&mut app, &text);
    app.wait_for("650 lines go to web-1");
    app.press("y");
    app.wait_gone("650 lines go to web-1");
    app.press("\x04");
    app.wait_for("cat-ended");
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
}

#[test]
fn peers_c07_many_lines_into_a_plain_shell_are_asked_about_and_can_be_refused() {
    let world = World::new();
    let mut app = world.app(30, 100);
    open(&mut app, "web-1");
    let (one, two) = (world.home().join("one"), world.home().join("two"));
    paste(&mut app, &format!("touch {}\ntouch {}\n", one.display(), two.display()));
    app.wait_for("2 lines go to web-1, which runs each line as it comes.");
    app.press("\x1b");
    app.wait_gone("2 lines go to web-1");
    app.press("echo not-$((1+1))\r");
    app.wait_for("not-2");
    assert!(!one.exists() && !two.exists(), "a refused paste was run");
    paste(&mut app, &format!("touch {}\ntouch {}\necho pasted-$((2+2))\n", one.display(), two.display()));
    app.wait_for("3 lines go to web-1");
    app.press("\r");
    app.wait_for("pasted-4");
    assert!(one.exists() && two.exists());
}

#[test]
fn peers_c07_a_shell_that_knows_pastes_gets_many_lines_unasked_and_runs_none_of_them() {
    let world = World::new();
    let mut app = world.app(30, 100);
    open(&mut app, "web-1");
    bash(&mut app);
    let file = world.home().join("touched");
    paste(&mut app, &format!("touch {}\necho sec''ond", file.display()));
    let text = app.wait_for("echo sec''ond");
    assert!(!text.contains("paste?"), "{text}");
    assert!(!file.exists(), "a line was run before enter");
    app.press("\r");
    app.wait_until("both ran", |screen| screen.text().lines().any(|line| line.trim() == "second"));
    assert!(file.exists());
}

#[test]
fn a_paste_before_the_prompt_is_not_lost() {
    let world = World::new();
    let mut app = world.app(30, 100);
    find(&mut app, "web-1");
    // In one piece with the key that opens the session: it is still starting then, as a rule.
    app.press("\r\x1b[200~echo first-$((1+1))\recho second-$((1+1))\r\x1b[201~");
    app.wait_for("2 lines go to web-1, which runs each line as it comes.");
    app.press("y");
    app.wait_for("first-2");
    app.wait_for("second-2");
}

#[test]
fn peers_c07_a_paste_that_nobody_reads_is_stopped_on_the_way() {
    const BYTES: usize = 10 << 20;
    let world = World::new();
    let mut app = world.app(30, 100);
    open(&mut app, "web-1");
    let (go, got) = (world.home().join("go"), world.home().join("got"));
    app.press(&format!(
        "mkfifo {0}; stty -icanon -echo; echo wai''ting; read x < {0}; sed -u /over/q > {1}; stty sane; echo sed-en''ded\r",
        go.display(),
        got.display()
    ));
    app.wait_for("waiting");
    paste(&mut app, &"x".repeat(BYTES));
    app.wait_for("stop paste");
    app.press("\x1dk");
    app.wait_for("the rest of the paste was dropped");
    app.wait_gone("stop paste");
    fs::write(&go, "\n").unwrap();
    app.press("\rover\r");
    app.wait_for("sed-ended");
    let got = fs::read_to_string(&got).unwrap();
    let (pasted, typed) = got.split_once('\n').unwrap();
    assert!(pasted.bytes().all(|byte| byte == b'x') && pasted.len() < BYTES / 10, "{} bytes", pasted.len());
    assert_eq!(typed, "over\n", "what is typed after it arrives");
}

#[test]
fn less_pages_there_and_back() {
    let world = World::new();
    let mut app = world.app(30, 100);
    open(&mut app, "web-1");
    fs::write(world.home().join("long"), lines(500)).unwrap();
    app.press(&format!("less {}/long\r", world.home().display()));
    app.wait_until("the first page", |screen| screen.contains("0001 the") && screen.contains("0020 the"));
    app.press(" ");
    app.wait_until("the second page", |screen| !screen.contains("0001 the") && screen.contains("0040 the"));
    app.press("b");
    app.wait_for("0001 the");
    app.press("G");
    app.wait_for("0500 the");
    app.press("q");
    prompt(&app);
    app.press("echo after-$((1+1))\r");
    app.wait_for("after-2");
}

#[test]
fn top_refreshes_until_it_is_left() {
    let world = World::new();
    let mut app = world.app(30, 100);
    open(&mut app, "web-1");
    app.press("top -d 0.2\r");
    app.wait_until("the table", |screen| screen.contains("PID") && screen.contains("COMMAND"));
    let clock = |screen: &crate::harness::Screen| screen.row_with("top - ");
    let before = app.look(clock);
    app.wait_until("the next second", |screen| clock(screen).is_some_and(|now| Some(now) != before));
    app.press("q");
    prompt(&app);
    app.press("echo after-$((1+1))\r");
    app.wait_for("after-2");
}
