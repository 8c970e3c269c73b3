//! Behind a proxy: calls and sessions go by it, with its login, which nobody ever reads anywhere.

use std::{
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    process::Stdio,
    sync::{Arc, Mutex},
    thread,
};

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::harness::World;

const LOGIN: &str = "me:s3cret";

/// A proxy that passes on what has the login; it keeps the first line of every request that opened a connection.
struct Proxy {
    address: String,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let lines = Arc::clone(&lines);
                // A connection that breaks is its ends' own matter.
                thread::spawn(move || drop(pass_on(stream, &lines)));
            }
        });
        Self { address, seen }
    }

    fn seen(&self, start: &str) -> usize {
        self.seen.lock().unwrap().iter().filter(|line| line.starts_with(start)).count()
    }
}

fn pass_on(mut near: TcpStream, lines: &Mutex<Vec<String>>) -> io::Result<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        near.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    let line = text.lines().next().unwrap_or_default().to_owned();
    lines.lock().unwrap().push(line.clone());
    let login = format!("basic {}", STANDARD.encode(LOGIN));
    let is_known = text.lines().filter_map(|line| line.split_once(": ")).any(|(name, value)| {
        name.eq_ignore_ascii_case("proxy-authorization")
            && value
                .split_once(' ')
                .is_some_and(|(kind, code)| format!("{} {code}", kind.to_lowercase()) == login)
    });
    if !is_known {
        return near.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
    }
    let mut words = line.split_whitespace();
    let is_tunnel = words.next() == Some("CONNECT");
    let place = words.next().unwrap_or_default().trim_start_matches("http://");
    let mut far = TcpStream::connect(place.split('/').next().unwrap_or_default())?;
    match is_tunnel {
        true => near.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?,
        false => far.write_all(&head)?,
    }
    let (mut from, mut to) = (near.try_clone()?, far.try_clone()?);
    thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(std::net::Shutdown::Write);
    });
    io::copy(&mut far, &mut near)?;
    near.shutdown(std::net::Shutdown::Write)
}

/// A session by a pipe: what came of it, in words.
fn session(world: &World) -> (i32, String, String) {
    let log = world.home().join("trace.log").display().to_string();
    let mut child = world
        .command(&["--log", &log, "--log-level", "trace", "connect", "web-1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"echo $((6*7))-done\nexit\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let log = std::fs::read_to_string(log).unwrap();
    assert!(!log.contains("s3cret") && !log.contains(&STANDARD.encode(LOGIN)), "the log holds the login");
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

#[test]
fn calls_and_sessions_go_by_the_proxy_with_its_login() {
    let (mut world, proxy) = (World::new(), Proxy::start());
    let here = world.region().address().to_string();
    world.set("HTTP_PROXY", Some(&format!("http://me:s3%63ret@{}", proxy.address)));
    let (code, out, err) = session(&world);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("42-done"), "{out}{err}");
    assert_eq!(proxy.seen(&format!("CONNECT {here} ")), 1, "the session is a tunnel");
    assert!(proxy.seen("POST http://") > 0, "the calls are passed on");
    let (code, told, _) = world.output(&["doctor"]);
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("calls to AWS and sessions go by it") && !told.contains("s3"), "{told}");
    assert!(told.contains(&format!("{here} answers by the proxy http://{}", proxy.address)), "{told}");
}

#[test]
fn what_no_proxy_leaves_out_goes_past_it_and_so_does_the_demo() {
    let (mut world, proxy) = (World::new(), Proxy::start());
    world.set("HTTP_PROXY", Some(&format!("http://{}", proxy.address)));
    let (code, _, err) = world.output(&["--demo", "ls", "web-1"]);
    assert_eq!(code, 0, "{err}");
    world.set("no_proxy", Some("127.0.0.0/8"));
    let (code, out, err) = session(&world);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("42-done"), "{out}{err}");
    assert!(proxy.seen.lock().unwrap().is_empty());
}

#[test]
fn a_proxy_that_refuses_the_login_is_named_without_it() {
    let (mut world, proxy) = (World::new(), Proxy::start());
    world.set("HTTP_PROXY", Some(&format!("http://me:s3cres@{}", proxy.address)));
    let (code, told, _) = world.output(&["doctor"]);
    assert_eq!(code, 4);
    assert!(told.contains("it refuses the login") && !told.contains("s3cres"), "{told}");
}
