//! Agents that are not ours become nodes of the region: registered, listed, given sessions, cut, resumed, ended; played by a
//! small agent of the tests, over TLS, against the client's own data channel.

mod machine;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use serde_json::{Value, json};
use ssmtui::{
    aws::{Client, SessionOpener, Simulated, StartRequest},
    session::{self, End, Event, Retry, Size, kinds::Opener, message::MessageType},
    sim::{Options, Region, gateway::SessionState},
};
use tokio::sync::mpsc;

use self::machine::{Data, Heard, Keys, Machine};

async fn region() -> Region {
    Region::start(Options { agents: true, ..Options::default() }).await.unwrap()
}

fn client(region: &Region) -> Client {
    let [(_, endpoint), (_, name), (_, access_key_id), (_, secret_access_key), _] = region.environment();
    Client::simulated(&Simulated { endpoint, region: name, access_key_id, secret_access_key })
}

/// Ends a test that hangs.
async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), what).await.expect("it hangs")
}

async fn listed(machine: &Machine) -> Option<Value> {
    let filter = json!({ "Filters": [{ "Key": "InstanceIds", "Values": [machine.id] }] });
    let list = machine.user("DescribeInstanceInformation", filter).await.json();
    list["InstanceInformationList"].as_array().unwrap().first().cloned()
}

async fn connection(machine: &Machine) -> Value {
    machine.user("GetConnectionStatus", json!({ "Target": machine.id })).await.json()["Status"].clone()
}

/// A session as its user sees it.
struct Seat {
    id: String,
    commands: session::Commands,
    events: mpsc::Receiver<Event>,
}

impl Seat {
    async fn open(region: &Region, machine: &Machine) -> Seat {
        Seat::start(region, &StartRequest::shell(&machine.id)).await
    }

    async fn start(region: &Region, request: &StartRequest) -> Seat {
        let client = client(region);
        let ticket = client.start(request).await.unwrap();
        let id = ticket.session_id.as_str().to_owned();
        let options = session::Options { size: Size { cols: 80, rows: 24 }, target: request.target.clone() };
        let (commands, events) = session::open(ticket, Arc::new(client), options);
        Seat { id, commands, events }
    }

    async fn next(&mut self) -> Event {
        within(self.events.recv()).await.expect("an event")
    }

    /// Waits until output ends so.
    async fn output(&mut self, wanted: &str) {
        let mut seen = Vec::new();
        while !seen.ends_with(wanted.as_bytes()) {
            match self.next().await {
                Event::Output(bytes) => seen.extend_from_slice(&bytes),
                Event::Ended(end) => panic!("{end} instead of {wanted:?}"),
                _ => {}
            }
        }
        assert_eq!(String::from_utf8_lossy(&seen), wanted);
    }

    async fn wait(&mut self, wanted: impl Fn(&Event) -> bool) {
        loop {
            match self.next().await {
                event if wanted(&event) => return,
                Event::Ended(end) => panic!("{end}"),
                _ => {}
            }
        }
    }

    async fn end(&mut self) -> End {
        loop {
            if let Event::Ended(end) = self.next().await {
                return end;
            }
        }
    }
}

/// Waits for the next input, whatever notices come before.
async fn input(data: &mut Data) -> Bytes {
    loop {
        match within(data.hear()).await {
            Heard::Input(bytes) => return bytes,
            Heard::Notice(_) | Heard::HandshakeResponse => {}
            Heard::Gone => panic!("the data channel is gone"),
        }
    }
}

async fn notice(data: &mut Data, wanted: MessageType) {
    loop {
        match within(data.hear()).await {
            Heard::Notice(notice) if notice == wanted => return,
            Heard::Gone => panic!("the data channel is gone"),
            _ => {}
        }
    }
}

#[tokio::test]
async fn only_who_has_the_activation_and_the_key_gets_credentials() {
    let region = region().await;
    let reply = Machine::new(&region).register("abcdefghijklmnopqrst").await;
    assert_eq!((reply.status, &reply.json()["__type"]), (400, &json!("InvalidActivation")), "{reply:?}");

    let machine = Machine::registered(&region).await;
    assert!(machine.id.starts_with("mi-") && machine.id.len() == 20, "{}", machine.id);
    let mut thief = Machine::new(&region);
    thief.id = machine.id.clone();
    thief.fingerprint = machine.fingerprint.clone();
    let reply = thief.role_token().await;
    assert_eq!(reply.json()["__type"], "InvalidSignatureException", "another key: {reply:?}");
    let mut moved = machine;
    moved.fingerprint = "another machine".to_owned();
    let reply = moved.role_token().await;
    assert_eq!(reply.json()["__type"], "MachineFingerprintDoesNotMatch", "{reply:?}");

    // Its own key is for credentials alone, and its role's credentials are for no calls of users.
    let target = "AmazonSSM.UpdateInstanceInformation";
    let reply = moved.call(&Keys::Own, "ssm", target, json!({ "InstanceId": moved.id })).await;
    assert_eq!(reply.json()["__type"], "AccessDeniedException", "{reply:?}");
    let reply = moved.call(&moved.role, "ssm", "AmazonSSM.StartSession", json!({ "Target": moved.id })).await;
    assert_eq!(reply.json()["__type"], "UnknownOperationException", "{reply:?}");
    let Keys::Aws(id, secret, _) = moved.role.clone() else { panic!("a role") };
    let without_token = Keys::Aws(id, secret, None);
    let reply = moved.call(&without_token, "ssm", target, json!({ "InstanceId": moved.id })).await;
    assert_eq!(reply.json()["__type"], "UnrecognizedClientException", "{reply:?}");
    let other = Machine::registered(&region).await;
    let reply = other.create_channel(&format!("/v1/control-channel/{}", moved.id)).await;
    assert!(reply.status == 403 && reply.body.contains("<AccessDeniedException>"), "{reply:?}");
}

#[tokio::test]
async fn an_agent_is_listed_from_its_heartbeat_on_and_connected_with_its_control_channel() {
    let region = region().await;
    let machine = Machine::registered(&region).await;
    let row = listed(&machine).await.expect("listed");
    for (name, value) in [
        ("PingStatus", "Online"),
        ("AgentVersion", "3.3.987.0"),
        ("PlatformName", "Test Linux"),
        ("PlatformVersion", "7"),
        ("ResourceType", "ManagedInstance"),
        ("Name", "box"),
        ("IPAddress", "192.0.2.9"),
    ] {
        assert_eq!(row[name], value, "{row}");
    }
    assert_eq!(connection(&machine).await, "notconnected");
    let start = json!({ "Target": machine.id });
    assert_eq!(machine.user("StartSession", start).await.json()["__type"], "TargetNotConnected");

    let mut first = machine.control().await;
    assert_eq!(connection(&machine).await, "connected");
    let second = machine.control().await;
    assert_eq!(within(first.hear()).await, None, "a new control channel takes the old one's place");
    assert_eq!(connection(&machine).await, "connected");
    drop(second);
    within(async { while connection(&machine).await != "notconnected" {} }).await;

    machine.heartbeat("3.3.1142.0").await;
    assert_eq!(listed(&machine).await.unwrap()["AgentVersion"], "3.3.1142.0");
    let reply = machine.user("DeregisterManagedInstance", json!({ "InstanceId": machine.id })).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(listed(&machine).await, None);
}

#[tokio::test]
async fn peers_c17_a_machine_that_starts_anew_is_waited_for() {
    let region = region().await;
    let machine = Machine::registered(&region).await;
    let opener = || SessionOpener::new(client(&region), StartRequest::shell(&machine.id));
    let never = opener().start().await.unwrap_err();
    assert_eq!(never.retry, Retry::Never, "nobody knows whether it will ever come: {never}");

    let forward = opener();
    let control = machine.control().await;
    forward.start().await.unwrap();
    drop(control);
    within(async { while connection(&machine).await != "notconnected" {} }).await;
    let later = forward.start().await.unwrap_err();
    assert_eq!(later.retry, Retry::Later, "it was there before: {later}");
    let _control = machine.control().await;
    forward.start().await.unwrap();
}

#[tokio::test]
async fn an_agent_that_falls_silent_is_lost() {
    let heartbeat = Duration::from_millis(1);
    let region = Region::start(Options { agents: true, heartbeat, ..Options::default() }).await.unwrap();
    let machine = Machine::registered(&region).await;
    within(async { while listed(&machine).await.unwrap()["PingStatus"] != "ConnectionLost" {} }).await;
}

#[tokio::test]
async fn a_shell_runs_on_an_agent_through_cuts_on_both_sides() {
    let region = region().await;
    let machine = Machine::registered(&region).await;
    let mut control = machine.control().await;
    let mut seat = Seat::open(&region, &machine).await;
    let task = within(control.task()).await;
    assert_eq!(task["SessionId"], seat.id);
    assert_eq!(task["DocumentName"], "SSM-SessionManagerRunShell");
    assert_eq!(task["DocumentContent"]["sessionType"], "Standard_Stream");
    assert_eq!(task["SessionOwner"], "arn:aws:iam::123456789012:user/demo");

    let mut data = machine.data(&seat.id).await;
    notice(&mut data, MessageType::StartPublication).await;
    data.say("$ ").await;
    seat.output("$ ").await;
    seat.commands.input(Bytes::from_static(b"ls\r")).await;
    assert_eq!(input(&mut data).await, "ls\r");

    // The client is cut. The agent is told so, and what it says meanwhile arrives once, afterwards.
    assert!(region.gateway().cut(&seat.id));
    notice(&mut data, MessageType::PausePublication).await;
    data.say("while you were away\r\n").await;
    notice(&mut data, MessageType::StartPublication).await;
    data.repeat().await;
    seat.wait(|event| matches!(event, Event::Resumed { .. })).await;
    seat.output("while you were away\r\n").await;

    // The agent is cut: what is typed meanwhile arrives once, on its next socket.
    let next = machine.data(&seat.id).await;
    let mut data = data.moved(next).await;
    seat.commands.input(Bytes::from_static(b"pwd\r")).await;
    assert_eq!(input(&mut data).await, "pwd\r");
    data.say("/\r\n").await;
    seat.output("/\r\n").await;
    seat.commands.input(Bytes::from_static(b"exit\r")).await;
    assert_eq!(input(&mut data).await, "exit\r");
    assert!(data.all_acknowledged(), "the client's receipts came before its next input");

    control.complete(&seat.id, "Success", "good-bye").await;
    assert_eq!(seat.end().await, End::Closed { output: "good-bye".to_owned() });
    assert_eq!(region.gateway().status(&seat.id).unwrap().state, SessionState::Terminated);
    let reply = machine.create_channel(&format!("/v1/data-channel/{}", seat.id)).await;
    assert!(reply.body.contains("Session is already terminated"), "{reply:?}");
}

#[tokio::test]
async fn a_session_that_its_user_ends_is_closed_on_both_channels_of_the_agent() {
    let region = region().await;
    let machine = Machine::registered(&region).await;
    let mut control = machine.control().await;
    let mut seat = Seat::open(&region, &machine).await;
    within(control.task()).await;
    let mut data = machine.data(&seat.id).await;
    data.say("$ ").await;
    seat.wait(|event| *event == Event::Ready).await;
    seat.commands.end();
    assert_eq!(seat.end().await, End::Terminated);
    let (kind, payload) = within(control.hear()).await.expect("a frame");
    assert_eq!((kind.as_str(), &payload["SessionId"]), ("channel_closed", &json!(seat.id)));
    notice(&mut data, MessageType::ChannelClosed).await;
    control.complete(&seat.id, "Success", "").await;
    assert_eq!(within(data.hear()).await, Heard::Gone);
    assert_eq!(region.gateway().status(&seat.id).unwrap().state, SessionState::Terminated);
}

#[tokio::test]
async fn a_session_that_an_agent_cannot_start_says_why() {
    let region = region().await;
    let machine = Machine::registered(&region).await;
    let mut control = machine.control().await;
    let mut seat = Seat::open(&region, &machine).await;
    within(control.task()).await;
    let words = "\n----------ERROR-------\nUnable to start command: Failed to start pty: no such user";
    control.complete(&seat.id, "Failed", words).await;
    assert_eq!(seat.end().await, End::Closed { output: words.to_owned() });
    assert_eq!(region.gateway().status(&seat.id).unwrap().state, SessionState::Failed);
}

#[tokio::test]
async fn an_agent_is_given_the_document_as_it_is_and_its_values_as_plain_strings() {
    let region = region().await;
    let machine = Machine::registered(&region).await;
    let mut control = machine.control().await;
    let request = StartRequest::by("AWS-StartPortForwardingSessionToRemoteHost", &machine.id)
        .with("host", "db.example.com")
        .with("portNumber", "5432");
    let mut seat = Seat::start(&region, &request).await;
    let task = within(control.task()).await;
    assert_eq!(task["DocumentName"], "AWS-StartPortForwardingSessionToRemoteHost");
    assert_eq!(task["Parameters"], json!({ "host": "db.example.com", "portNumber": "5432" }));
    let document = &task["DocumentContent"];
    assert_eq!(document["sessionType"], "Port");
    assert_eq!(document["properties"]["portNumber"], "{{ portNumber }}", "the agent fills it in");
    assert!(
        document["parameters"]["localPortNumber"].is_object(),
        "defaults are the agent's job, too: {document}"
    );

    let mut data = machine.data(&seat.id).await;
    data.shake_hands(
        json!({ "portNumber": "5432", "host": "db.example.com", "type": "LocalPortForwarding" }),
    )
    .await;
    seat.wait(|event| matches!(event, Event::Handshaken { session_type: session::SessionType::Port(_), .. }))
        .await;
    seat.wait(|event| *event == Event::Ready).await;
    seat.commands.end();
    assert_eq!(seat.end().await, End::Terminated);
    assert_eq!(within(control.hear()).await.expect("a frame").0, "channel_closed");
    control.complete(&seat.id, "Success", "").await;
}

#[tokio::test]
async fn a_region_ends_though_agents_are_connected() {
    let region = region().await;
    let machine = Machine::registered(&region).await;
    let mut control = machine.control().await;
    let seat = Seat::open(&region, &machine).await;
    within(control.task()).await;
    let mut data = machine.data(&seat.id).await;
    within(region.shutdown()).await;
    assert_eq!(within(control.hear()).await, None);
    while within(data.hear()).await != Heard::Gone {}
}

#[tokio::test]
async fn an_agent_cannot_touch_the_sessions_of_another() {
    let region = region().await;
    let (machine, other) = (Machine::registered(&region).await, Machine::registered(&region).await);
    let (mut control, mut theirs) = (machine.control().await, other.control().await);
    let seat = Seat::open(&region, &machine).await;
    within(control.task()).await;
    let reply = other.create_channel(&format!("/v1/data-channel/{}", seat.id)).await;
    assert_eq!(reply.status, 403, "{reply:?}");
    theirs.complete(&seat.id, "Success", "").await;
    assert!(!region.gateway().status(&seat.id).unwrap().state.is_over());
}
