//! `ssmtui forward`: real connections from this machine through the region to servers on this machine.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::net::UnixStream,
    process::Stdio,
    thread,
};

use crate::harness::{Running, World};

/// Answers each connection with a greeting, then with what it is sent.
fn echo(address: &str) -> SocketAddr {
    let listener = TcpListener::bind(address).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for connection in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || {
                let (mut from, mut to) = (connection.try_clone().unwrap(), connection);
                let _ = to.write_all(b"hello\n");
                let _ = std::io::copy(&mut from, &mut to);
                let _ = to.shutdown(std::net::Shutdown::Write);
            });
        }
    });
    address
}

/// Sends, says that nothing more comes, and reads all.
fn ask(mut connection: impl Read + Write, question: &[u8]) -> Vec<u8> {
    let mut greeting = [0; 6];
    connection.read_exact(&mut greeting).unwrap();
    assert_eq!(&greeting, b"hello\n", "a server that speaks first is heard");
    connection.write_all(question).unwrap();
    let mut answer = vec![0; question.len()];
    connection.read_exact(&mut answer).unwrap();
    answer
}

fn start(world: &World, arguments: &[&str]) -> Running {
    let mut all = vec!["forward"];
    all.extend(arguments);
    let mut command = world.command(&all);
    command.stdin(Stdio::null());
    Running::start(command)
}

/// The address at the start of a line.
fn address(line: &str) -> &str {
    line.split(' ').next().unwrap()
}

#[test]
fn peers_c28_a_forward_says_where_it_listens_carries_connections_and_ends_its_sessions_at_ctrl_c() {
    let world = World::new();
    let port = echo("127.0.0.1:0").port();
    let mut forward = start(&world, &["web-1", &format!("0:{port}")]);
    let line = forward.line();
    assert!(line.ends_with(&format!("port {port}")) && line.contains("-> web-1 (i-"), "{line}");
    forward.wait_for("holding 1 session on web-1");
    let question: Vec<u8> = (0..200_000u32).flat_map(u32::to_be_bytes).collect();
    for _ in 0..3 {
        assert_eq!(ask(TcpStream::connect(address(&line)).unwrap(), &question), question);
    }
    assert_eq!(world.live_sessions(), 1);
    forward.signal("INT");
    let (code, rest, words) = forward.end();
    assert_eq!((code, rest.len()), (130, 0), "{words}");
    assert!(words.contains("3 connections, 2.4 MB sent, 2.4 MB received"), "{words}");
    assert_eq!(world.live_sessions(), 0);
    assert!(TcpStream::connect(address(&line)).is_err(), "nothing listens any more");
}

#[test]
fn peers_c27_forwards_end_with_the_program_whatever_ends_it() {
    let world = World::new();
    let port = echo("127.0.0.1:0").port();
    for (signal, code) in [("TERM", 143), ("HUP", 129)] {
        let mut forward = start(&world, &["web-1", &format!("0:{port}"), "--lanes", "3"]);
        forward.line();
        forward.wait_for("holding 3 sessions");
        assert_eq!(world.live_sessions(), 3);
        forward.signal(signal);
        assert_eq!(forward.end().0, code);
        assert_eq!(world.live_sessions(), 0, "after {signal}");
    }
}

#[test]
fn several_forwards_are_told_in_their_order_as_json_too() {
    let world = World::new();
    let own = echo("127.0.0.1:0").port();
    let other = echo("127.0.0.2:0").port();
    let socket = world.home().join("db.sock");
    let (first, second, third) =
        (format!(":{own}"), format!("0:127.0.0.2:{other}"), format!("unix:{}:{own}", socket.display()));
    let mut forward = start(&world, &["--json", "web-1", &first, &second, &third]);
    let lines: Vec<serde_json::Value> =
        (0..3).map(|_| serde_json::from_str(&forward.line()).unwrap()).collect();
    for (index, line) in lines.iter().enumerate() {
        assert_eq!(
            (line["event"].as_str(), line["forward"].as_u64()),
            (Some("listening"), Some(index as u64))
        );
        assert_eq!(line["name"], "web-1");
    }
    assert_eq!((lines[0]["host"].as_str(), lines[0]["port"].as_u64()), (None, Some(u64::from(own))));
    assert_eq!(lines[1]["host"], "127.0.0.2");
    for line in &lines[..2] {
        let connection = TcpStream::connect(line["address"].as_str().unwrap()).unwrap();
        assert_eq!(ask(connection, b"ping"), b"ping");
    }
    assert_eq!(lines[2]["address"], socket.display().to_string());
    assert_eq!(ask(UnixStream::connect(&socket).unwrap(), b"ping"), b"ping");
    forward.signal("TERM");
    assert_eq!(forward.end().0, 143);
    assert!(!socket.exists(), "the socket goes with its forward");
}

#[test]
fn peers_c25_a_listener_that_others_can_reach_is_warned_of() {
    let world = World::new();
    let port = echo("127.0.0.1:0").port();
    let mut forward = start(&world, &["web-1", &format!("*:0:{port}")]);
    assert!(forward.line().starts_with("0.0.0.0:"));
    forward.wait_for("whoever can reach 0.0.0.0 port 0");
    forward.signal("INT");
    forward.end();
}

#[test]
fn peers_c34_an_agent_too_old_is_told_before_anything_is_started() {
    let world = World::new();
    let (code, out, words) = world.output(&["forward", "legacy-1", "8080:80"]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(words.contains("it needs 2.3.672.0 or newer, and 2.2.546.0 is there"), "{words}");
    assert!(words.contains("AWS-UpdateSSMAgent"), "{words}");
    assert_eq!(world.region().gateway().statuses().len(), 0, "no session was made");
}

#[test]
fn a_node_that_is_not_connected_is_explained_and_a_port_in_use_named() {
    let world = World::new();
    let (code, _, words) = world.output(&["forward", "sick-1", "0:80"]);
    assert_eq!(code, 1);
    assert!(words.contains("was lost") && words.contains("TargetNotConnected"), "{words}");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let held = TcpListener::bind(taken).unwrap();
    let (code, out, words) = world.output(&["forward", "web-1", &format!("127.0.0.1:{}:80", taken.port())]);
    assert_eq!((code, out.as_str()), (1, ""), "{words}");
    assert!(words.contains(&format!("port {} of 127.0.0.1 is in use", taken.port())), "{words}");
    drop(held);
    assert_eq!(world.live_sessions(), 0);
}

#[test]
fn what_refuses_there_is_told_here() {
    let world = World::new();
    let mut forward = start(&world, &["web-1", "0:1"]);
    let line = forward.line();
    let mut connection = TcpStream::connect(address(&line)).unwrap();
    let mut nothing = Vec::new();
    assert!(matches!(connection.read_to_end(&mut nothing), Ok(0) | Err(_)));
    forward.wait_for("a connection was refused there");
    forward.signal("INT");
    assert_eq!(forward.end().0, 130);
}

#[test]
fn peers_c26_a_saved_forward_is_started_by_its_name() {
    let world = World::new();
    let port = echo("127.0.0.1:0").port();
    let file = world.home().join("settings.toml");
    fs::write(&file, format!("[forwards.shop]\ntarget = \"web-1\"\nports = [\"0:{port}\"]\nlanes = 2\n"))
        .unwrap();
    let mut command = world.command(&["forward", "shop"]);
    command.env("SSMTUI_CONFIG", &file);
    let mut forward = Running::start(command);
    let line = forward.line();
    forward.wait_for("holding 2 sessions on web-1");
    assert_eq!(ask(TcpStream::connect(address(&line)).unwrap(), b"ping"), b"ping");
    forward.signal("INT");
    forward.end();
}

#[test]
fn peers_c31_a_denied_end_is_a_footnote() {
    let world = World::with(|options| options.faults.push("deny=ssm:TerminateSession".parse().unwrap()));
    let port = echo("127.0.0.1:0").port();
    let mut forward = start(&world, &["web-1", &format!("0:{port}")]);
    forward.line();
    forward.signal("INT");
    let (code, _, words) = forward.end();
    assert_eq!(code, 130, "{words}");
    let last = words.trim().lines().last().unwrap();
    assert!(last.contains("forwards ended") || last.contains("left;"), "{words}");
}

#[test]
fn on_a_terminal_a_line_counts() {
    let world = World::new();
    let port = echo("127.0.0.1:0").port();
    let mut forward = world.start(&["forward", "web-1", &format!("0:{port}")], 24, 100);
    let line = forward.wait_until("the address", |screen| screen.row_with("-> web-1").is_some());
    let line = line.lines().find(|line| line.contains("-> web-1")).unwrap().to_owned();
    let mut connection = TcpStream::connect(address(&line)).unwrap();
    connection.read_exact(&mut [0; 6]).unwrap();
    forward.wait_for("1 of 1 connections open");
    forward.press("\x03");
    let (code, text) = forward.wait_exit();
    assert_eq!(code, 130);
    assert!(text.contains("forwards ended: 1 connections") && !text.contains("connections open"), "{text}");
}

/// Linux tells of the children of a process.
#[cfg(target_os = "linux")]
#[test]
fn peers_c02_one_process_does_it_all_and_an_interrupt_leaves_nothing_behind() {
    let world = World::new();
    let port = echo("127.0.0.1:0").port();
    let mut forward = start(&world, &["web-1", &format!("0:{port}")]);
    let line = forward.line();
    assert_eq!(ask(TcpStream::connect(address(&line)).unwrap(), b"through"), b"through");
    let threads = fs::read_dir(format!("/proc/{}/task", forward.id())).unwrap();
    let children: String = threads
        .map(|thread| fs::read_to_string(thread.unwrap().path().join("children")).unwrap_or_default())
        .collect();
    assert_eq!(children, "", "no child that could outlive it");
    forward.signal("INT");
    assert_eq!(forward.end().0, 130);
    assert_eq!(world.live_sessions(), 0);
    assert!(TcpStream::connect(address(&line)).is_err(), "nobody listens any more");
}
