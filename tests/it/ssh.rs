//! `ssmtui ssh`, `ssh-proxy` and `ssh-config`, with the OpenSSH of this machine against the region's sshd.

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::harness::{Running, World};

/// Both halves of OpenSSH; without them there is nothing to try.
fn has_ssh() -> bool {
    let there = |program: &str| {
        std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
            .chain([PathBuf::from("/usr/sbin"), PathBuf::from("/usr/local/sbin")])
            .any(|folder| folder.join(program).is_file())
    };
    there("ssh") && there("sshd") && there("ssh-keygen")
}

fn user() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// For our ssh: the world's own list of hosts, no questions.
fn quiet(world: &World) -> Vec<String> {
    let hosts = format!("UserKnownHostsFile={}", world.home().join("hosts").display());
    [
        "-F",
        "none",
        "-o",
        &hosts,
        "-o",
        "StrictHostKeyChecking=accept-new",
        "-o",
        "BatchMode=yes",
        "-o",
        "LogLevel=ERROR",
    ]
    .map(str::to_owned)
    .into()
}

fn ssh(world: &World, rest: &[&str]) -> Command {
    let user = user();
    let mut all = vec!["ssh", "--push-key", "--user", &user, "web-1"];
    let quiet = quiet(world);
    all.extend(quiet.iter().map(String::as_str));
    all.extend(rest);
    world.command(&all)
}

/// What is left of temporary keys in this folder.
fn keys(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).map(|entries| entries.filter_map(Result::ok).collect::<Vec<_>>());
    let is_key = |name: &str| name.starts_with("ssmtui-") && !name.starts_with("ssmtui-sshd");
    entries.unwrap_or_default().iter().filter(|entry| is_key(&entry.file_name().to_string_lossy())).count()
}

#[test]
fn a_pushed_key_opens_ssh_and_the_code_is_the_commands() {
    if !has_ssh() {
        return;
    }
    let world = World::new();
    let temporary = world.home().join("tmp");
    fs::create_dir(&temporary).unwrap();
    let mut command = ssh(&world, &["cat; echo $((6*7)); echo error >&2; exit 5"]);
    command.env("XDG_RUNTIME_DIR", &temporary);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"typed\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(5), "{error}");
    assert_eq!(
        (String::from_utf8_lossy(&output.stdout).as_ref(), error.as_ref()),
        ("typed\n42\n", "error\n")
    );
    assert_eq!(keys(&temporary), 0, "the key is gone");
    let hosts = fs::read_to_string(world.home().join("hosts")).unwrap();
    assert!(hosts.starts_with("i-"), "host keys are kept by instance id: {hosts}");
    assert_eq!(world.live_sessions(), 0);
}

#[test]
fn megabytes_pass_through_ssh_both_ways_unchanged() {
    if !has_ssh() {
        return;
    }
    let world = World::new();
    let data: Vec<u8> = (0..1_000_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let mut child = ssh(&world, &["cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let sent = data.clone();
    let writer = std::thread::spawn(move || input.write_all(&sent));
    let mut back = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut back).unwrap();
    writer.join().unwrap().unwrap();
    assert!(child.wait().unwrap().success());
    assert!(back == data, "{} of {} bytes came back", back.len(), data.len());
}

#[test]
fn peers_c24_socks_goes_over_ssh_over_a_session() {
    if !has_ssh() {
        return;
    }
    let web = TcpListener::bind("127.0.0.1:0").unwrap();
    let there = web.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        let (mut peer, _) = web.accept().unwrap();
        peer.write_all(b"greetings from the far side").unwrap();
    });
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let world = World::new();
    // Whoever reads its line knows that the listener stands.
    let mut command =
        ssh(&world, &["-D", &free.to_string(), "-o", "ExitOnForwardFailure=yes", "echo up; cat"]);
    command.stdin(Stdio::piped());
    let mut ssh = Running::start(command);
    let input = ssh.input();
    assert_eq!(ssh.line(), "up");

    let mut socks = TcpStream::connect(("127.0.0.1", free)).unwrap();
    socks.write_all(&[5, 1, 0]).unwrap();
    let mut answer = [0; 2];
    socks.read_exact(&mut answer).unwrap();
    assert_eq!(answer, [5, 0]);
    let [high, low] = there.to_be_bytes();
    socks.write_all(&[5, 1, 0, 1, 127, 0, 0, 1, high, low]).unwrap();
    let mut answer = [0; 10];
    socks.read_exact(&mut answer).unwrap();
    assert_eq!(answer[..2], [5, 0], "connected");
    let mut text = String::new();
    socks.read_to_string(&mut text).unwrap();
    assert_eq!(text, "greetings from the far side");
    server.join().unwrap();
    // ssh stays for as long as a connection does.
    drop((socks, input));
    assert_eq!(ssh.end().0, 0);
}

#[test]
fn a_right_that_is_missing_is_named_and_leaves_no_key() {
    if !has_ssh() {
        return;
    }
    let world = World::with(|options| {
        options.faults.push("deny=ec2-instance-connect:SendSSHPublicKey".parse().unwrap())
    });
    let mut command = ssh(&world, &["true"]);
    command.env("XDG_RUNTIME_DIR", world.home());
    let output = command.stdin(Stdio::null()).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{words}");
    assert!(words.contains("ec2-instance-connect:SendSSHPublicKey"), "{words}");
    assert_eq!(keys(world.home()), 0);
    assert_eq!(world.region().gateway().statuses().len(), 0, "no session was made");
}

#[test]
fn peers_c30_the_proxy_speaks_the_stream_alone_and_ends_its_session_with_ssh() {
    if !has_ssh() {
        return;
    }
    let world = World::new();
    let mut command = world.command(&["ssh-proxy", "web-1", "22"]);
    command.stdin(Stdio::piped());
    let mut proxy = Running::start(command);
    let input = proxy.input();
    let greeting = proxy.line();
    assert!(greeting.starts_with("SSH-2.0-"), "the first byte is sshd's: {greeting}");
    assert_eq!(world.live_sessions(), 1);
    proxy.signal("TERM");
    let (code, _, words) = proxy.end();
    assert_eq!((code, words.as_str()), (143, ""));
    assert_eq!(world.live_sessions(), 0);
    drop(input);
}

#[test]
fn a_proxy_that_fails_says_why_on_standard_error_only() {
    let world = World::new();
    let (code, out, words) = world.output(&["ssh-proxy", "nowhere", "22"]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(words.contains("there is no instance `nowhere`"), "{words}");
    let (code, out, words) = world.output(&["ssh-proxy", "legacy-1", "22"]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(words.contains("it needs 2.3.672.0 or newer"), "{words}");
}

#[test]
fn peers_c45_what_ssh_config_prints_is_what_ssh_reads() {
    if !has_ssh() {
        return;
    }
    let world = World::new();
    let (code, text, _) = world.output(&["--region", "eu-west-1", "ssh-config", "--names", "web-*"]);
    assert_eq!(code, 0);
    let file = world.home().join("ssh_config");
    fs::write(&file, &text).unwrap();
    let read = |host: &str| {
        let output = Command::new("ssh").arg("-G").arg("-F").arg(&file).arg(host).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let by_id = read("i-0a1b2c3d");
    let proxy =
        format!("proxycommand {} ssh-proxy --region eu-west-1 i-0a1b2c3d 22", env!("CARGO_BIN_EXE_ssmtui"));
    let shown = by_id.lines().find(|line| line.starts_with("proxycommand ")).unwrap_or_default();
    let expanded = shown.replace("%h", "i-0a1b2c3d").replace("%p", "22");
    assert_eq!(expanded, proxy);
    let by_name = read("api-1");
    assert!(by_name.contains("user ubuntu\n") && by_name.contains("hostname i-"), "{by_name}");
    assert!(read("web-99").contains("ssh-proxy"), "by its pattern");
    assert!(!read("elsewhere.example").contains("ssh-proxy"), "other hosts are left alone");
}
