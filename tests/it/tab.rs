//! Forwards, documents and ssh in tabs: real connections, real commands, a real ssh.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    thread,
};

use crate::harness::{Program, World, find, prompt, unwrapped};

/// A server that sends each line back and hangs up after `bye`, for as long as the test runs; its port.
fn echo() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut lines = BufReader::new(connection.try_clone().unwrap());
                let mut out = connection;
                let mut line = String::new();
                while lines.read_line(&mut line).is_ok_and(|count| count > 0) {
                    if out.write_all(line.as_bytes()).is_err() || line == "bye\n" {
                        break;
                    }
                    line.clear();
                }
                let _ = out.shutdown(std::net::Shutdown::Both);
            });
        }
    });
    port
}

/// A port on which nothing listens.
fn closed() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Opens a forward to that port of the named node; where it listens.
fn forward(app: &mut Program, name: &str, port: u16) -> String {
    find(app, name);
    app.press("\x1bf");
    app.wait_for("forward through");
    app.press(&format!("{port}\r"));
    let screen = app.wait_for("listening on");
    let words = screen.split("listening on ").nth(1).and_then(|rest| rest.split_whitespace().next());
    words.expect("an address is told").to_owned()
}

fn echoes(connection: &mut TcpStream, line: &str) {
    connection.write_all(format!("{line}\n").as_bytes()).unwrap();
    let mut back = vec![0; line.len() + 1];
    connection.read_exact(&mut back).unwrap();
    assert_eq!(back, format!("{line}\n").into_bytes());
}

#[test]
fn a_forward_in_a_tab_carries_connections_and_ends_with_its_port() {
    let world = World::new();
    let mut app = world.app(30, 100);
    let address = forward(&mut app, "web-1", echo());
    let mut first = TcpStream::connect(&address).unwrap();
    echoes(&mut first, "hello");
    let mut second = TcpStream::connect(&address).unwrap();
    echoes(&mut second, "again");
    app.wait_for("2 open · 2 accepted");
    echoes(&mut first, "bye");
    app.wait_for("1 open · 2 accepted");
    echoes(&mut second, "still there");
    app.press("x");
    app.wait_for("1 connection is open and is lost with it");
    app.press("y");
    app.wait_for("forward ended by you");
    assert_eq!(world.live_sessions(), 0);
    assert!(TcpStream::connect(&address).is_err(), "nothing listens any more");
    app.press("\r");
    app.wait_for("listening on");
}

#[test]
fn a_connection_that_the_far_side_refuses_is_told() {
    let world = World::new();
    let mut app = world.app(30, 100);
    let address = forward(&mut app, "web-1", closed());
    let mut connection = TcpStream::connect(&address).unwrap();
    assert!(matches!(connection.read(&mut [0; 1]), Ok(0) | Err(_)), "it is closed on this side, too");
    app.wait_for("1 refused");
}

#[test]
fn peers_c27_no_forward_outlives_the_program() {
    let world = World::new();
    let mut app = world.app(30, 100);
    let address = forward(&mut app, "web-1", echo());
    app.press("\x1dq");
    app.wait_for("leave?");
    app.press("y");
    let (code, _) = app.wait_exit();
    assert_eq!((code, world.live_sessions()), (0, 0));
    assert!(TcpStream::connect(&address).is_err());
}

/// Chooses a document for the named node; its form is there.
fn choose(app: &mut Program, name: &str, document: &str) {
    find(app, name);
    app.press("\x1bc");
    app.wait_for("documents");
    app.press(document);
    app.wait_until("the document, selected", |screen| {
        screen.text().lines().any(|line| line.contains('▌') && line.contains(document))
    });
    app.press("\r");
    app.wait_for(&format!("{document} on {name}"));
}

#[test]
fn peers_c29_a_documents_command_shows_both_streams_and_its_code() {
    let world = World::new();
    let mut app = world.app(30, 100);
    choose(&mut app, "web-1", "Shop-Check");
    app.press("Web");
    app.wait_for("does not match");
    app.press("\x15nginx\t7\r");
    app.wait_for("✗ ended with exit code 7");
    let screen = app.wait_for("nginx: 3 slow requests");
    assert!(screen.contains("nginx: port open"), "{screen}");
}

#[test]
fn an_interactive_document_runs_in_a_terminal() {
    let world = World::new();
    let mut app = world.app(30, 100);
    choose(&mut app, "web-1", "AWS-StartInteractiveCommand");
    // The agent begins before it knows the pane's size.
    app.press("echo ready; read word; stty size; echo got $word\r");
    app.wait_for("ready");
    app.press("answer\r");
    app.wait_for("got answer");
    app.wait_for("28 100");
}

#[test]
fn an_encrypted_session_says_so_and_a_lost_key_says_which() {
    let world = World::new();
    let mut app = world.app(30, 100);
    choose(&mut app, "web-1", "Shop-EncryptedShell");
    app.press("\r");
    prompt(&app);
    app.wait_until("the mark", |screen| screen.row(29).contains("encrypted"));
    app.press("echo $((6*7))-safe\r");
    app.wait_for("42-safe");
    app.press("\x1df");
    app.wait_gone("42-safe");
    app.press("\x1b/\x15");
    choose(&mut app, "web-1", "Shop-LostKeyShell");
    app.press("\r");
    let screen = app.wait_for("starts it anew");
    assert!(unwrapped(&screen).contains("alias/nowhere"), "{screen}");
}

#[test]
fn peers_c18_the_idle_end_of_the_preferences_is_counted_down() {
    let world = World::new();
    let mut app = world.app(30, 100);
    find(&mut app, "web-1");
    app.press("\r");
    prompt(&app);
    app.wait_until("the countdown", |screen| screen.row(29).contains("idle 20 min"));
}

#[test]
fn ssh_in_a_tab_of_the_demo_logs_in_and_tells_its_code() {
    let world = World::new();
    let mut app = world.start(&["--demo"], 30, 100);
    app.wait_for(" of ");
    find(&mut app, "web-1");
    app.press("\x1bh");
    prompt(&app);
    app.press("echo $((6*7))-$SSH_CONNECTION-here\r");
    app.wait_for("42-");
    app.press("exit 3\r");
    app.wait_for("✗ ended with exit code 3");
}
