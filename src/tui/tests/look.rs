//! Looking back: frozen text, search, selection by keys and mouse, links, files, and what an instance wants on the clipboard.

use std::time::Duration;

use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

use super::stage::{Stage, USUAL};
use crate::{
    session::{self, End},
    tui::{
        action::Context,
        event::{Effect, Event, Life},
        state::popup::Popup,
    },
};

/// A stage with a session that has written a hundred lines.
fn full() -> (Stage, Life) {
    let mut stage = Stage::listed(USUAL);
    let life = stage.opens("web-1");
    stage.output(life, &lines(0, 100));
    stage.taken();
    (stage, life)
}

fn lines(from: usize, to: usize) -> String {
    (from..to).map(|n| format!("line {n}\r\n")).collect()
}

/// The rows of the pane, without the badge over the first.
fn rows(stage: &Stage) -> Vec<String> {
    stage.screen().lines().skip(2).take(21).map(str::to_owned).collect()
}

fn mouse_at(kind: MouseEventKind, column: u16, row: u16, modifiers: KeyModifiers) -> MouseEvent {
    MouseEvent { kind, column, row, modifiers }
}

fn left(stage: &mut Stage, kind: fn(MouseButton) -> MouseEventKind, column: u16, row: u16) {
    stage.mouse(mouse_at(kind(MouseButton::Left), column, row, KeyModifiers::NONE));
}

fn copied(stage: &mut Stage) -> Vec<String> {
    let effects = stage.taken();
    effects
        .into_iter()
        .filter_map(|effect| match effect {
            Effect::Copy(text) => Some(text),
            _ => None,
        })
        .collect()
}

#[test]
fn what_is_looked_at_stands_still_while_the_session_goes_on() {
    let mut stage = Stage::configured(USUAL, "[terminal]\nlines = 200");
    stage.connect();
    stage.list();
    let life = stage.opens("web-1");
    stage.output(life, &lines(0, 150));
    stage.press("ctrl-] [");
    assert_eq!(stage.state.context(), Context::Scroll);
    stage.press("pageup");
    let before = rows(&stage);
    assert!(stage.screen().contains("↑ 21 lines back"), "{}", stage.screen());
    // More than is kept: every line that is looked at has left the scrollback meanwhile.
    stage.output(life, &lines(150, 2_000));
    stage.output(life, "\x1b[3J\x1b[2J\x1b[?1049hvim");
    assert_eq!(rows(&stage), before);
    assert!(stage.screen().contains("1,850 new"), "{}", stage.screen());
    stage.press("g");
    assert!(stage.screen().contains("line 0"), "{}", stage.screen());
    stage.press("q");
    assert!(stage.screen().contains("vim") && !stage.screen().contains("line 0"));
    assert_eq!(stage.state.context(), Context::Pane);
}

#[test]
fn a_lost_connection_is_told_while_one_looks_back() {
    let (mut stage, life) = full();
    stage.press("ctrl-] [ pageup");
    stage.session(life, session::Event::Reconnecting { attempt: 3, cause: "reset".to_owned() });
    assert!(stage.screen().contains("attempt 3 · ↑ 21 lines back"), "{}", stage.screen());
    stage.session(life, session::Event::Resumed { away: Duration::from_secs(40) });
    assert!(stage.screen().contains("resumed after 40 s · ↑ 21 lines back"), "{}", stage.screen());
}

#[test]
fn lines_are_looked_at_when_the_session_has_ended_and_after_a_resize() {
    let (mut stage, life) = full();
    stage.output(life, &"wide ".repeat(30));
    stage.press("ctrl-] [");
    stage.session(life, session::Event::Ended(End::Terminated));
    let ended = End::Terminated.to_string();
    assert!(stage.screen().contains(&format!("✗ {ended} · ↑")), "{}", stage.screen());
    stage.happens(Event::Resized(crate::term::Size { rows: 24, cols: 50 }));
    assert!(rows(&stage).iter().filter(|row| row.contains("wide wide")).count() == 3, "{}", stage.screen());
    stage.press("g");
    assert!(stage.screen().lines().nth(1).is_some_and(|row| row.starts_with("line 0")), "{}", stage.screen());
    stage.press("esc");
    assert_eq!(stage.state.context(), Context::Ended);
}

#[test]
fn a_search_is_incremental_counted_and_gone_through() {
    let (mut stage, _) = full();
    stage.press("ctrl-] [ ?").types("LINE 4");
    assert!(stage.screen().contains("not found"), "a capital is meant: {}", stage.screen());
    stage.press("ctrl-u").types("line 4");
    assert_eq!(stage.state.context(), Context::Find);
    assert!(stage.screen().contains("11 of 11"), "{}", stage.screen());
    insta::assert_snapshot!("find", stage.screen());
    stage.press("enter n");
    assert!(stage.screen().contains("10 of 11"), "{}", stage.screen());
    stage.press("N N");
    assert!(stage.screen().contains("1 of 11"), "round the end: {}", stage.screen());
    stage.press("/ ctrl-r").types("line [0-9]$");
    assert!(stage.screen().contains("regular expression"), "{}", stage.screen());
    stage.types("(");
    assert!(stage.screen().contains("no regular expression yet"), "{}", stage.screen());
    stage.press("esc");
    assert!(stage.screen().contains("1 of 11"), "as before: {}", stage.screen());
    stage.press("esc");
    assert_eq!(stage.state.context(), Context::Scroll, "the search goes first, the view next");
    stage.press("esc");
    assert_eq!(stage.state.context(), Context::Pane);
    assert_eq!(stage.typed(), "", "none of it reached the session");
}

#[test]
fn what_is_selected_by_keys_is_copied() {
    let (mut stage, life) = full();
    stage.output(life, "alpha beta   \r\n");
    stage.output(life, &"0123456789".repeat(12));
    stage.press("ctrl-] [ G k 0 w v $ j y");
    assert_eq!(copied(&mut stage), ["beta\n0123456789"]);
    assert_eq!(stage.state.context(), Context::Pane, "copying leads back");
    assert!(stage.screen().contains("copied 2 lines"), "{}", stage.screen());
    stage.press("ctrl-] [ G V enter");
    assert_eq!(copied(&mut stage), ["0123456789".repeat(12)], "a row that wrapped is one line");
    stage.press("ctrl-] [ g 0 ctrl-v j j $ o y");
    assert_eq!(copied(&mut stage), ["line 0\nline 1\nline 2"]);
    stage.press("ctrl-] [ y");
    assert!(stage.screen().contains("nothing is selected yet"), "{}", stage.screen());
    assert_eq!(stage.state.context(), Context::Scroll);
}

#[test]
fn prompts_are_gone_to_where_the_shell_marks_them() {
    let (mut stage, life) = full();
    stage.press("ctrl-] [ [");
    assert!(stage.screen().contains("does not mark its prompts"), "{}", stage.screen());
    stage.press("q");
    stage.output(life, &format!("\x1b]133;A\x07$ make\r\n{}\x1b]133;A\x07$ ", lines(0, 40)));
    stage.press("ctrl-] [ [ [");
    assert!(stage.screen().lines().nth(1).is_some_and(|row| row.starts_with("$ make")), "{}", stage.screen());
}

#[test]
fn a_drag_selects_and_its_release_copies() {
    let (mut stage, life) = full();
    stage.output(life, "see here");
    left(&mut stage, MouseEventKind::Down, 0, 22);
    left(&mut stage, MouseEventKind::Drag, 2, 22);
    assert_eq!(stage.state.context(), Context::Scroll);
    stage.output(life, &lines(0, 5));
    assert!(
        stage.screen().lines().nth(22).is_some_and(|row| row == "see here"),
        "it stands still: {}",
        stage.screen()
    );
    left(&mut stage, MouseEventKind::Up, 2, 22);
    assert_eq!(copied(&mut stage), ["see"]);
    assert_eq!(stage.state.context(), Context::Pane);
    // A click alone is nothing.
    left(&mut stage, MouseEventKind::Down, 0, 5);
    left(&mut stage, MouseEventKind::Up, 0, 5);
    assert_eq!((copied(&mut stage).len(), stage.state.context()), (0, Context::Pane));
}

#[test]
fn two_clicks_select_a_word_and_three_a_line() {
    let (mut stage, life) = full();
    stage.output(life, "open /var/log/app-1.log now");
    for expected in [&[][..], &["/var/log/app-1.log"], &["open /var/log/app-1.log now"], &[]] {
        left(&mut stage, MouseEventKind::Down, 8, 22);
        left(&mut stage, MouseEventKind::Up, 8, 22);
        assert_eq!(copied(&mut stage), expected);
        stage.passes(Duration::from_millis(100));
    }
    stage.passes(Duration::from_secs(1));
    left(&mut stage, MouseEventKind::Down, 8, 22);
    left(&mut stage, MouseEventKind::Up, 8, 22);
    assert_eq!(copied(&mut stage).len(), 0, "two slow clicks are two clicks");
}

#[test]
fn a_drag_beyond_the_edge_scrolls_by_itself() {
    let (mut stage, _) = full();
    left(&mut stage, MouseEventKind::Down, 3, 5);
    left(&mut stage, MouseEventKind::Drag, 0, 0);
    stage.waits(Duration::from_millis(900));
    left(&mut stage, MouseEventKind::Drag, 0, 3);
    let top = stage.screen();
    stage.waits(Duration::from_secs(5));
    assert_eq!(stage.screen(), top, "back within, it stands still");
    left(&mut stage, MouseEventKind::Up, 0, 3);
    let text = copied(&mut stage).pop().expect("something is copied");
    assert!(text.lines().count() > 20 && text.ends_with("line"), "{text}");
    assert_eq!(
        stage.state.next_deadline().map(|at| at > stage.now.instant),
        Some(true),
        "no clock is left ticking"
    );
}

#[test]
fn the_wheel_looks_back_and_returns() {
    let (mut stage, life) = full();
    let wheel = |stage: &mut Stage, kind| stage.mouse(mouse_at(kind, 5, 5, KeyModifiers::NONE));
    wheel(&mut stage, MouseEventKind::ScrollUp);
    assert!(stage.screen().contains("↑ 3 lines back"), "{}", stage.screen());
    wheel(&mut stage, MouseEventKind::ScrollDown);
    assert_eq!(stage.state.context(), Context::Pane);
    let fresh = stage.opens("web-2");
    wheel(&mut stage, MouseEventKind::ScrollUp);
    assert_eq!(stage.state.context(), Context::Pane, "there is nothing above");
    stage.output(fresh, "\x1b[?1049h");
    wheel(&mut stage, MouseEventKind::ScrollUp);
    assert_eq!(stage.typed(), "\x1b[A\x1b[A\x1b[A", "a pager gets arrows");
    assert_ne!(life, fresh);
}

#[test]
fn a_program_that_asks_for_the_mouse_gets_it_unless_shift_is_held() {
    let (mut stage, life) = full();
    stage.output(life, "text\x1b[?1000h\x1b[?1006h");
    left(&mut stage, MouseEventKind::Down, 0, 22);
    left(&mut stage, MouseEventKind::Drag, 2, 22);
    left(&mut stage, MouseEventKind::Up, 2, 22);
    assert_eq!(stage.typed(), "\x1b[<0;1;22M\x1b[<0;3;22m", "a drag is not asked for, and not ours either");
    assert_eq!(copied(&mut stage).len(), 0);
    for (kind, column) in [
        (MouseEventKind::Down(MouseButton::Left), 0),
        (MouseEventKind::Drag(MouseButton::Left), 3),
        (MouseEventKind::Up(MouseButton::Left), 3),
    ] {
        stage.mouse(mouse_at(kind, column, 22, KeyModifiers::SHIFT));
    }
    assert_eq!((stage.typed().as_str(), copied(&mut stage)), ("", vec!["text".to_owned()]));
}

#[test]
fn links_are_named_by_letters_and_shown_whole() {
    let (mut stage, life) = full();
    stage.output(
        life,
        "see https://a.example/x and \x1b]8;;https://evil.example/\x07https://good.example\x1b]8;;\x07 in /etc/hosts",
    );
    stage.press("ctrl-] u");
    assert_eq!(stage.state.context(), Context::Hints);
    insta::assert_snapshot!("hints", stage.screen());
    stage.press("s");
    assert!(
        stage.screen().contains("https://evil.example/"),
        "what is declared is what counts: {}",
        stage.screen()
    );
    insta::assert_snapshot!("link", stage.screen());
    stage.press("enter");
    assert!(
        stage
            .taken()
            .iter()
            .any(|e| matches!(e, Effect::Browse(target) if target == "https://evil.example/"))
    );
    assert_eq!(stage.state.context(), Context::Pane);
    stage.press("ctrl-] u a y");
    assert_eq!(copied(&mut stage), ["https://a.example/x"]);
    stage.press("ctrl-] u d");
    assert!(!stage.screen().contains("opens it"), "a path is the instance's own: {}", stage.screen());
    stage.press("enter");
    let effects = stage.taken();
    assert!(!effects.iter().any(|e| matches!(e, Effect::Browse(_))));
    assert!(effects.iter().any(|e| matches!(e, Effect::Copy(text) if text == "/etc/hosts")));
    stage.press("ctrl-] u esc");
    assert_eq!(stage.state.context(), Context::Pane);
    stage.output(life, "\x1b[2J\x1b[H");
    stage.press("ctrl-] u");
    assert!(stage.screen().contains("there is no link"), "{}", stage.screen());
    stage.happens(Event::Browsed { opened: false });
    assert!(stage.screen().contains("copy the link instead"));
    assert_eq!(stage.typed(), "");
}

#[test]
fn lines_are_saved_to_a_file_that_is_named() {
    let (mut stage, life) = full();
    stage.state.folder = "/home/me".into();
    stage.output(life, "\x1b[31mred\x1b[m");
    stage.press("ctrl-] s");
    insta::assert_snapshot!("save", stage.screen());
    stage.press("enter");
    let saved = |stage: &mut Stage| match stage.taken().pop() {
        Some(Effect::Save { path, text }) => (path, text),
        other => panic!("{other:?}"),
    };
    let (path, text) = saved(&mut stage);
    assert_eq!(path, "/home/me/web-1-20260503-120000.txt");
    assert!(text.starts_with("line 0\nline 1\n") && text.ends_with("line 99\nred\n"), "{text}");
    stage.happens(Event::Saved(Err("there is such a file already: choose another name".to_owned())));
    assert!(stage.screen().contains("choose another name"), "{}", stage.screen());
    stage.press("ctrl-u tab").types("~/x.ansi").press("enter");
    let (path, text) = saved(&mut stage);
    assert_eq!(path, "~/x.ansi");
    assert!(text.ends_with("\x1b[0;38;5;1mred\x1b[m\n"), "{text:?}");
    stage.happens(Event::Saved(Ok(("/home/me/x.ansi".to_owned(), 101))));
    assert_eq!(stage.state.popup, None);
    assert!(stage.screen().contains("saved 101 lines to /home/me/x.ansi"), "{}", stage.screen());
}

/// OSC 52 with "héllo" and a sequence in it.
const CLIPBOARD: &str = "\x1b]52;c;aMOpbGxvChtbMjAxfg==\x07";

#[test]
fn an_instance_may_set_the_clipboard_when_the_user_says_so() {
    let (mut stage, life) = full();
    stage.output(life, CLIPBOARD);
    assert_eq!(copied(&mut stage).len(), 0);
    assert!(stage.screen().contains("it wants to put 12 B on your clipboard"), "{}", stage.screen());
    stage.types("y").press("enter");
    assert_eq!(stage.typed(), "y\r", "the question takes no keys by itself");
    stage.press("ctrl-] v");
    insta::assert_snapshot!("clipboard", stage.screen());
    stage.press("n");
    assert_eq!(copied(&mut stage).len(), 0);
    stage.press("ctrl-] v");
    assert!(stage.screen().contains("no instance wants anything"), "no means no: {}", stage.screen());
    stage.output(life, CLIPBOARD);
    stage.press("ctrl-] v y");
    assert_eq!(copied(&mut stage), ["héllo\n[201~"]);
    stage.output(life, CLIPBOARD);
    stage.waits(Duration::from_secs(30));
    assert!(!stage.screen().contains("wants to put"), "it is not said for ever: {}", stage.screen());
    assert!(stage.screen().contains("clipboard?"), "but it still waits");
    stage.output(life, "\x1b]52;c;?\x07");
    assert_eq!(stage.typed(), "", "it is never read");
}

#[test]
fn the_settings_may_forbid_or_allow_the_clipboard() {
    for (allowed, expected) in [("never", None), ("always", Some("héllo\n[201~"))] {
        let mut stage = Stage::configured(USUAL, &format!("[terminal]\nclipboard = \"{allowed}\""));
        stage.connect();
        stage.list();
        let life = stage.opens("web-1");
        stage.taken();
        stage.output(life, CLIPBOARD);
        assert_eq!(copied(&mut stage).pop().as_deref(), expected, "{allowed}");
        assert_eq!(
            stage.screen().contains("copied 12 B for web-1"),
            expected.is_some(),
            "{}",
            stage.screen()
        );
    }
}

#[test]
fn a_paste_shows_what_would_run_and_leaves_controls_out() {
    let (mut stage, life) = full();
    stage.happens(Event::Paste("echo a\x1b[A\x03\nrm -rf build\n".to_owned()));
    insta::assert_snapshot!("paste_controls", stage.screen());
    stage.press("y");
    assert_eq!(stage.typed(), "echo a[A\rrm -rf build\r");
    stage.output(life, "\x1b[?2004h");
    stage.happens(Event::Paste("a\x1b[201~b\x07".to_owned()));
    assert_eq!(stage.typed(), "\x1b[200~ab\x1b[201~");
    assert!(stage.screen().contains("2 control characters were left out of the paste"), "{}", stage.screen());
    assert!(!matches!(stage.state.popup, Some(Popup::Confirm(_))));
}
