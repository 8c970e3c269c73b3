//! A shell, and what is left of its processes.

use super::*;

#[tokio::test]
async fn a_shell_is_driven_from_prompt_to_exit() {
    let gateway = Gateway::new(unpaced());
    let mut client = Client::at_prompt(&gateway, web_1()).await;
    assert_eq!((client.frames[0].sequence, client.frames[0].flags), (0, 1));
    assert!(client.text().contains("[sim:web-1 "), "{}", client.text());
    assert_eq!(gateway.status(ID).unwrap().state, SessionState::Connected);
    client.type_text("echo $((6*7))\r").await;
    client.wait_for("42").await;
    client.type_text("exit\r").await;
    assert_eq!(client.until_closed().await, "");
    let (closed, header_length) = client.closed.clone().unwrap();
    assert_eq!(header_length, HeaderLength::WithoutPayloadType);
    assert_eq!((closed.session_id.as_str(), closed.message_type.as_str()), (ID, "channel_closed"));
    assert!(matches!(client.until_gone().await, Gone::Closed(Some(_))));
    let status = gateway.status(ID).unwrap();
    assert_eq!(status.state, SessionState::Terminated);
    assert!(status.ended.unwrap() >= status.started);
    assert_eq!(gateway.resume(ID), None, "it is gone");
    gateway.shutdown().await;
}

#[tokio::test]
async fn the_terminal_has_no_size_until_the_client_tells_one() {
    let gateway = Gateway::new(unpaced());
    let mut client = Client::at_prompt(&gateway, web_1()).await;
    assert_eq!(client.ask("echo 'a''='$(stty size)", "a").await, "0 0");
    client.post(PayloadType::Size, &Size { cols: 132, rows: 43 }.encode()).await;
    assert_eq!(client.ask("echo 'b''='$(stty size)", "b").await, "43 132");
    assert_eq!(client.ask("echo 'c''='$TERM", "c").await, "xterm-256color");
    gateway.shutdown().await;
}

#[tokio::test]
async fn a_paced_agent_gives_the_shell_a_second_and_sends_at_most_1024_bytes_at_once() {
    let gateway = Gateway::new(GatewayOptions::default());
    let started = tokio::time::Instant::now();
    let mut client = Client::at_prompt(&gateway, web_1()).await;
    assert!(started.elapsed() >= Duration::from_secs(1));
    client.type_text("seq 1 3000; echo en''d\r").await;
    client.wait_for("\nend").await;
    let longest = client.frames.iter().map(|frame| frame.payload.len()).max().unwrap();
    assert!(longest <= 1024 + 3, "a payload of {longest} bytes");
    gateway.shutdown().await;
}

/// A shell with a job in the background, one in the foreground, and the ids of all three.
#[cfg(target_os = "linux")]
async fn busy_shell(client: &mut Client) -> Vec<String> {
    let shell = client.ask("echo 'shell''='$$", "shell").await;
    let job = client.ask("sleep 1000 & echo 'job''='$!", "job").await;
    let front = client.ask("sh -c 'echo \"front\"\"=\"$$; exec sleep 1001'", "front").await;
    let pids = vec![shell, job, front];
    assert!(pids.iter().all(|pid| runs(pid)), "{pids:?}");
    pids
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_terminated_session_leaves_no_process_behind() {
    let gateway = Gateway::new(unpaced());
    let mut client = Client::at_prompt(&gateway, web_1()).await;
    let pids = busy_shell(&mut client).await;
    assert!(gateway.terminate(ID));
    assert_eq!(client.until_closed().await, "");
    assert_eq!(gateway.status(ID).unwrap().state, SessionState::Terminated);
    eventually("all are dead", || !pids.iter().any(|pid| runs(pid))).await;
    assert!(gateway.terminate(ID), "once more is no error");
    assert!(!gateway.terminate("demo-none"));
    gateway.shutdown().await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_shutdown_leaves_no_process_behind() {
    let gateway = Gateway::new(unpaced());
    let mut client = Client::at_prompt(&gateway, web_1()).await;
    let pids = busy_shell(&mut client).await;
    soon(gateway.shutdown()).await;
    eventually("all are dead", || !pids.iter().any(|pid| runs(pid))).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_region_that_is_only_dropped_leaves_no_process_behind() {
    let options = crate::sim::Options { unpaced: true, ..crate::sim::Options::default() };
    let region = crate::sim::Region::start(options).await.unwrap();
    let mut client = Client::at_prompt(region.gateway(), web_1()).await;
    let pids = busy_shell(&mut client).await;
    drop(region);
    eventually("all are dead", || !pids.iter().any(|pid| runs(pid))).await;
}
