//! OpenSSH through a session, to the sshd of this machine.

use super::*;

/// Where this machine has a program; SSH is not everywhere.
fn program(name: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin"].map(Into::into))
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

async fn make_key(folder: &Path) -> String {
    let mut keygen = Command::new("ssh-keygen");
    keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(folder.join("key"));
    assert!(keygen.status().await.unwrap().success());
    std::fs::read_to_string(folder.join("key.pub")).unwrap()
}

/// Runs ssh over a session: a listener stands for the proxy command.
async fn ssh(client: &mut Client, folder: &Path, words: &[&str]) -> (Option<i32>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let user = Command::new("id").arg("-un").output().await.unwrap();
    let user = String::from_utf8(user.stdout).unwrap().trim().to_owned();
    let mut child = Command::new("ssh")
        .args([
            "-F",
            "none",
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "IdentitiesOnly=yes",
            "-o",
            "BatchMode=yes",
        ])
        .arg("-o")
        .arg(format!("UserKnownHostsFile={}", folder.join("known").display()))
        .arg("-i")
        .arg(folder.join("key"))
        .args(["-p", &port, "-l", &user, "127.0.0.1"])
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let (mut socket, _) = soon(listener.accept()).await.unwrap();
    let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let said = tokio::spawn(async move {
        let (mut out, mut err) = (String::new(), String::new());
        let _ = tokio::join!(stdout.read_to_string(&mut out), stderr.read_to_string(&mut err));
        out + &err
    });
    let (mut shown, mut buffer) = (0, [0; 1024]);
    let carry = async {
        loop {
            if client.screen.len() > shown {
                let _ = socket.write_all(&client.screen[shown..]).await;
                shown = client.screen.len();
            }
            if client.closed.is_some() {
                break;
            }
            tokio::select! {
                read = socket.read(&mut buffer) => match read {
                    Ok(length @ 1..) => client.post(PayloadType::Output, &buffer[..length]).await,
                    _ => break,
                },
                step = client.step() => step.unwrap(),
            }
        }
    };
    timeout(HANG, carry).await.expect("ssh ends");
    drop(socket);
    (soon(child.wait()).await.unwrap().code(), soon(said).await.unwrap())
}

#[tokio::test]
async fn ssh_reaches_the_sshd_of_this_machine_with_a_pushed_key_and_with_none_it_does_not() {
    if program("sshd").is_none() || program("ssh").is_none() {
        eprintln!("not tried: this machine has no OpenSSH");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let key = make_key(folder.path()).await;
    let gateway = Gateway::new(unpaced());
    let plan = || port(&[("portNumber", "22")]);
    let (mut client, _) = Client::shaken(&gateway, session(plan()), "1.2.804.0").await;
    let (code, said) = ssh(&mut client, folder.path(), &["echo", "never"]).await;
    assert_eq!(code, Some(255), "{said}");
    assert!(said.contains("Permission denied"), "{said}");

    gateway.push_ssh_key("i-0123456789abcdef0", &key);
    let new = NewSession { id: "demo-2".to_owned(), ..session(plan()) };
    let (mut client, _) = Client::shaken(&gateway, new, "1.2.804.0").await;
    let (code, said) = ssh(&mut client, folder.path(), &["echo over ssh; exit 9"]).await;
    assert_eq!(code, Some(9), "{said}");
    assert!(said.contains("over ssh\n"), "{said}");
    assert_eq!(client.until_closed().await, "", "the session ends with its connection");
    gateway.shutdown().await;
}
