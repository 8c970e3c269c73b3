//! Sessions with an agent that is not ours, and agents whose link is cut.

use super::*;
use crate::session::message::AgentSessionState;

fn new_foreign() -> NewForeign {
    NewForeign {
        id: ID.to_owned(),
        target: "i-0123456789abcdef0".to_owned(),
        idle_timeout: None,
        max_duration: None,
    }
}

/// The socket of an agent, with which a test plays one by hand.
struct Agent {
    socket: WebSocketStream<TcpStream>,
}

impl Agent {
    async fn open(gateway: &Gateway, token: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (far, _) = listener.accept().await.unwrap();
        let gateway = gateway.clone();
        tokio::spawn(async move { gateway.accept_agent(ID, far).await });
        let mut socket = WebSocketStream::from_raw_socket(near, Role::Client, None).await;
        let hello = OpenDataChannel::client(Uuid::new_v4(), token.to_owned(), Uuid::new_v4(), "");
        let text = String::from_utf8(hello.encode().to_vec()).unwrap();
        let _ = socket.send(Message::text(text)).await;
        Self { socket }
    }

    async fn send(&mut self, bytes: Bytes) {
        self.socket.send(Message::Binary(bytes)).await.unwrap();
    }

    /// The next frame as it came; `None`: the socket is gone.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            match soon(self.socket.next()).await {
                Some(Ok(Message::Binary(bytes))) => return Some(bytes),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    async fn notice(&mut self) -> MessageType {
        Frame::parse(&self.next().await.unwrap(), Checks::Agent).unwrap().message_type
    }
}

fn frame(message_type: MessageType, sequence: i64, payload: &[u8]) -> Bytes {
    let payload_type = PayloadType::Output;
    let id = Uuid::new_v4();
    let payload = Bytes::copy_from_slice(payload);
    let header_length = HeaderLength::Full;
    Frame {
        message_type,
        schema_version: 1,
        created_ms: 1,
        sequence,
        flags: 0,
        id,
        payload_type,
        payload,
        header_length,
    }
    .encode()
}

/// A session with both ends connected.
async fn both(gateway: &Gateway) -> (Client, Agent) {
    let token = gateway.start_foreign(new_foreign());
    let agent_token = gateway.agent_token(ID).unwrap();
    let mut agent = Agent::open(gateway, &agent_token).await;
    assert_eq!(agent.notice().await, MessageType::PausePublication, "nobody is there yet");
    let client = Client::open(gateway, ID, &token).await;
    assert_eq!(agent.notice().await, MessageType::StartPublication);
    (client, agent)
}

#[tokio::test]
async fn frames_of_a_foreign_agent_are_relayed_untouched_both_ways() {
    let gateway = Gateway::new(unpaced());
    let (mut client, mut agent) = both(&gateway).await;
    // Nothing that the gateway would understand.
    for odd in [&b"\0\0\0\x74 no frame at all"[..], &[0xff; 3000]] {
        agent.send(Bytes::copy_from_slice(odd)).await;
        let got = soon(async {
            loop {
                if let Message::Binary(bytes) = client.socket.next().await.unwrap().unwrap()
                    && Frame::parse(&bytes, Checks::Client).is_err()
                {
                    return bytes;
                }
            }
        });
        assert_eq!(got.await, odd);
        client.socket.send(Message::Binary(Bytes::copy_from_slice(odd))).await.unwrap();
        assert_eq!(agent.next().await.unwrap(), odd);
    }
    // What the agent tells the service stays with the service.
    let state =
        AgentSessionState { schema_version: 1, state: "Terminating".to_owned(), session_id: ID.to_owned() };
    let state = Frame {
        payload_type: PayloadType::None,
        payload: state.encode(),
        message_type: MessageType::AgentSessionState,
        ..Frame::parse(&frame(MessageType::OutputStreamData, 0, b"x"), Checks::Client).unwrap()
    };
    agent.send(state.encode()).await;
    eventually("terminating", || gateway.status(ID).unwrap().state == SessionState::Terminating).await;
    agent.send(frame(MessageType::OutputStreamData, 0, b"last")).await;
    client.wait_for("last").await;
    assert!(gateway.finish_foreign(ID, "what the agent says", true));
    assert_eq!(client.until_closed().await, "what the agent says");
    assert_eq!(gateway.status(ID).unwrap().state, SessionState::Failed);
    while agent.next().await.is_some() {}
    assert_eq!(gateway.agent_token(ID), None, "it is over");
    gateway.shutdown().await;
}

#[tokio::test]
async fn either_end_of_a_foreign_session_may_go_and_come_back() {
    let gateway = Gateway::new(unpaced());
    let (mut client, mut agent) = both(&gateway).await;
    assert!(gateway.cut(ID));
    assert!(matches!(client.until_gone().await, Gone::Lost));
    loop {
        match agent.notice().await {
            MessageType::PausePublication => break,
            MessageType::Acknowledge | MessageType::StartPublication => {}
            other => panic!("{other:?}"),
        }
    }
    client.resume(&gateway, ID).await;
    assert_eq!(agent.notice().await, MessageType::StartPublication);
    assert!(gateway.cut_agent(ID));
    assert_eq!(agent.next().await, None);
    client.wait_until("a pause", |client| client.pauses == 1).await;
    let token = gateway.agent_token(ID).unwrap();
    let mut agent = Agent::open(&gateway, &token).await;
    assert_eq!(agent.notice().await, MessageType::StartPublication, "how things are");
    client.wait_until("the agent is back", |client| client.starts > 0).await;
    agent.send(frame(MessageType::OutputStreamData, 0, b"back")).await;
    client.wait_for("back").await;
    gateway.shutdown().await;
}

#[tokio::test]
async fn a_terminated_foreign_session_tells_both_ends() {
    let gateway = Gateway::new(unpaced());
    let (mut client, mut agent) = both(&gateway).await;
    let told = gateway.told_to_end(ID).unwrap();
    assert!(gateway.terminate(ID));
    soon(told.cancelled()).await;
    assert_eq!(agent.notice().await, MessageType::ChannelClosed);
    assert!(gateway.finish_foreign(ID, "", false));
    assert_eq!(client.until_closed().await, "");
    assert_eq!(gateway.status(ID).unwrap().state, SessionState::Terminated);
    gateway.shutdown().await;
}

#[tokio::test]
async fn a_foreign_agent_needs_a_token_of_its_own() {
    let gateway = Gateway::new(unpaced());
    let clients = gateway.start_foreign(new_foreign());
    for token in ["", clients.as_str()] {
        let mut agent = Agent::open(&gateway, token).await;
        assert_eq!(agent.next().await, None, "token {token:?}");
    }
    let token = gateway.agent_token(ID).unwrap();
    let mut agent = Agent::open(&gateway, &token).await;
    assert_eq!(agent.notice().await, MessageType::PausePublication);
    let mut again = Agent::open(&gateway, &token).await;
    assert_eq!(again.next().await, None, "it opens one socket");
    assert_eq!(gateway.agent_token("demo-9"), None);
    gateway.start(NewSession { id: "demo-2".to_owned(), ..web_1() });
    assert_eq!(gateway.agent_token("demo-2"), None, "its agent is ours");
    gateway.shutdown().await;
}

#[tokio::test]
async fn an_agent_whose_link_is_cut_comes_back_by_itself_and_nothing_is_lost() {
    let gateway = Gateway::new(unpaced());
    let mut client = Client::at_prompt(&gateway, web_1()).await;
    client.type_text("cat\r").await;
    client.wait_for("cat\r\n").await;
    for round in 1..=3 {
        assert!(gateway.cut_agent(ID));
        assert!(!gateway.cut_agent(ID), "it is cut already");
        client.type_text(&format!("line {round}\r")).await;
        // The echo of the terminal, and what cat says.
        let twice = format!("line {round}\r\nline {round}\r\n");
        client.wait_for(&twice).await;
        client.wait_until("the agent is back", |client| client.starts >= round).await;
    }
    assert_eq!(client.pauses, 3);
    assert_eq!(client.text().matches("line").count(), 6, "{}", client.text());
    gateway.shutdown().await;
}

#[tokio::test]
async fn an_agent_is_cut_every_so_often_as_the_fault_says() {
    let gateway = Gateway::new(faulty(&["cut-agent=300ms"]));
    let mut client = Client::at_prompt(&gateway, web_1()).await;
    client.type_text("seq 1 500; echo en''d\r").await;
    client.wait_until("three cuts", |client| client.pauses >= 3).await;
    client.wait_for("\nend\r\n").await;
    let text = client.text();
    let expected: String = (1..=500).map(|n| format!("{n}\r\n")).collect();
    assert!(text.contains(&expected), "{text}");
    gateway.shutdown().await;
}
