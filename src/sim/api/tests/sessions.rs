//! Sessions: started, resumed, ended and listed by calls; their data channels opened by hand.

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::call::{Caller, Reply, read_reply};
use crate::sim::{Options, options::Plus};

pub(super) async fn id_of(caller: &Caller, name: &str) -> String {
    let reply = caller
        .ec2(&format!("Action=DescribeInstances&Filter.1.Name=tag%3AName&Filter.1.Value.1={name}"))
        .await;
    reply.body.split_once("<instanceId>").unwrap().1.split_once('<').unwrap().0.to_owned()
}

async fn start(caller: &Caller) -> Value {
    let target = id_of(caller, "web-1").await;
    let reply = caller.ssm("StartSession", json!({"Target": target, "Reason": "a test"})).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()
}

/// Asks for the upgrade of a stream URL, signed or not, and returns what is answered.
async fn knock(caller: &Caller, stream_url: &str, signed: bool) -> Reply {
    connect(caller, stream_url, signed).await.1
}

async fn connect(caller: &Caller, stream_url: &str, signed: bool) -> (TcpStream, Reply) {
    let address = caller.region.address();
    let target = stream_url.strip_prefix(&format!("ws://{address}")).unwrap();
    let (path, query) = target.split_once('?').unwrap();
    let host = address.to_string();
    let mut headers = vec![("host", host.as_str()), ("x-amz-date", &caller.date)];
    let authorization = caller.sign("GET", path, query, "ssmmessages", &headers, "");
    // Some clients put something of their own there (pyssm-client); that is no signature.
    headers.push(("authorization", if signed { &authorization } else { "Bearer AAEAAb" }));
    let mut text = format!("GET {target} HTTP/1.1\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("upgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let reply = read_reply(&mut stream).await;
    (stream, reply)
}

#[tokio::test]
async fn a_session_is_started_resumed_listed_and_ended() {
    let caller = Caller::of(Options { user: "alice@example.com".into(), ..Options::default() }).await;
    let ticket = start(&caller).await;
    let id = ticket["SessionId"].as_str().unwrap();
    assert!(id.starts_with("alice@example.com-"), "{id}");
    let url = ticket["StreamUrl"].as_str().unwrap();
    assert!(
        url.contains("/v1/data-channel/alice@example.com-")
            && url.contains("?role=publish_subscribe&cell-number="),
        "{url}"
    );

    let active = caller.ssm("DescribeSessions", json!({"State": "Active"})).await.json();
    let session = &active["Sessions"][0];
    assert_eq!(session["SessionId"], *id);
    assert_eq!(session["Status"], "Connecting");
    assert_eq!(session["Reason"], "a test");
    assert_eq!(session["Owner"], "arn:aws:iam::123456789012:user/alice@example.com");

    let resumed = caller.ssm("ResumeSession", json!({"SessionId": id})).await.json();
    assert_ne!(resumed["TokenValue"], ticket["TokenValue"]);
    assert_ne!(resumed["StreamUrl"], ticket["StreamUrl"]);
    assert_eq!(knock(&caller, url, true).await.status, 101, "an earlier one is good, too");
    let reply = knock(&caller, resumed["StreamUrl"].as_str().unwrap(), true).await;
    assert_eq!(reply.status, 101, "{reply:?}");
    assert_eq!(reply.headers["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");

    let ended = caller.ssm("TerminateSession", json!({"SessionId": id})).await.json();
    assert_eq!(ended, json!({"SessionId": id}));
    let history = loop {
        let history = caller.ssm("DescribeSessions", json!({"State": "History"})).await.json();
        if history["Sessions"][0].is_object() {
            break history;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(history["Sessions"][0]["Status"], "Terminated");
    assert!(history["Sessions"][0]["EndDate"].is_number());
    assert!(
        caller
            .ssm("ResumeSession", json!({"SessionId": id}))
            .await
            .error()
            .starts_with("400 DoesNotExistException")
    );
    let nobody = caller.ssm("TerminateSession", json!({"SessionId": "nobody-0"})).await;
    assert_eq!(nobody.json(), json!({"SessionId": "nobody-0"}));
    caller.region.shutdown().await;
}

#[tokio::test]
async fn sessions_are_listed_in_pages_newest_first() {
    let caller = Caller::of(Options::default()).await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(start(&caller).await["SessionId"].clone());
    }
    ids.reverse();
    let mut seen = Vec::new();
    let mut token = Value::Null;
    loop {
        let request = json!({"State": "Active", "MaxResults": 2, "NextToken": token});
        let page = caller.ssm("DescribeSessions", request).await.json();
        seen.extend(page["Sessions"].as_array().unwrap().iter().map(|session| session["SessionId"].clone()));
        // One that is started meanwhile does not shift the pages.
        start(&caller).await;
        token = page["NextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    assert_eq!(seen, ids);
    let filter =
        |key: &str, value: &Value| json!({"State": "Active", "Filters": [{"key": key, "value": value}]});
    let one = caller.ssm("DescribeSessions", filter("SessionId", &ids[2])).await.json();
    assert_eq!(one["Sessions"].as_array().unwrap().len(), 1);
    let none =
        caller.ssm("DescribeSessions", filter("InvokedBefore", &json!("2020-01-01T00:00:00Z"))).await.json();
    assert_eq!(none, json!({"Sessions": []}));
    assert!(
        caller
            .ssm("DescribeSessions", json!({"State": "Old"}))
            .await
            .error()
            .ends_with("Member must satisfy enum value set: [Active, History]")
    );
    caller.region.shutdown().await;
}

#[tokio::test]
async fn peers_c39_who_cannot_be_connected_is_refused_with_awss_bare_words() {
    let caller = Caller::of(Options::default()).await;
    for name in ["idle-1", "lost-1", "bare-1", "etl-1", "vault-2", "legacy-1", "api-7", "spot-4"] {
        let target = id_of(&caller, name).await;
        let refusal = caller.ssm("StartSession", json!({"Target": target})).await.error();
        assert_eq!(refusal, format!("400 TargetNotConnected: {target} is not connected."), "{name}");
    }
    for target in ["i-0123456789abcdef0", "nonsense", "mi-77a0b1c2d3e4f5061x"] {
        let refusal = caller.ssm("StartSession", json!({"Target": target})).await.error();
        assert_eq!(refusal, format!("400 TargetNotConnected: {target} is not connected."));
    }
    caller.region.shutdown().await;
}

#[tokio::test]
async fn each_refusal_of_a_start_has_its_own_words() {
    let caller = Caller::of(Options::default()).await;
    let web = id_of(&caller, "web-1").await;
    let pay = id_of(&caller, "pay-1").await;
    let checked = id_of(&caller, "pay-2").await;
    let user = "User: arn:aws:iam::123456789012:user/demo is not authorized to perform: ssm:StartSession on resource:";
    let tail = "because no identity-based policy allows the ssm:StartSession action";
    for (request, error) in [
        (
            json!({"Target": "mi-0f3a81c2d4e5b6a70"}),
            "400 BadRequest: Enable advanced-instances tier to use Session Manager with your on-premises instances".to_owned(),
        ),
        (
            json!({"Target": pay}),
            format!("400 AccessDeniedException: {user} arn:aws:ec2:eu-west-1:123456789012:instance/{pay} {tail}"),
        ),
        (
            json!({"Target": checked}),
            format!("400 AccessDeniedException: {user} arn:aws:ssm:eu-west-1:123456789012:document/SSM-SessionManagerRunShell {tail}"),
        ),
        (
            json!({"Target": web, "DocumentName": "MyShell"}),
            "400 InvalidDocument: Document with name MyShell does not exist.".to_owned(),
        ),
        (
            json!({"Target": web, "DocumentName": "AWS-RunShellScript"}),
            "400 InvalidDocument: Document type: 'Command' is not supported. Only type: 'Session' is supported for Session Manager."
                .to_owned(),
        ),
        (
            json!({"Target": web, "DocumentName": "AWS-StartSSHSession", "Parameters": {"portNumber": ["0"]}}),
            "400 InvalidParameters: Parameter \"portNumber\" has value \"0\" not matching \"^([1-9]|[1-9][0-9]{1,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|\
             65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])$\"."
                .to_owned(),
        ),
        (
            json!({"Target": web, "DocumentName": "AWS-StartSSHSession", "Parameters": {"port": ["22"]}}),
            "400 InvalidParameters: Parameter \"port\" is not defined in document AWS-StartSSHSession.".to_owned(),
        ),
        (
            json!({"Target": web, "Parameters": {"portNumber": ["22"]}}),
            "400 InvalidParameters: document SSM-SessionManagerRunShell does not support parameters.".to_owned(),
        ),
        (
            json!({"Target": web, "DocumentName": "AWS-StartInteractiveCommand"}),
            "400 InvalidParameters: Parameter \"command\" requires argument value.".to_owned(),
        ),
        (
            json!({"Target": checked, "DocumentName": "AWS-StartInteractiveCommand"}),
            format!("400 AccessDeniedException: {user} arn:aws:ssm:eu-west-1::document/AWS-StartInteractiveCommand {tail}"),
        ),
        (
            json!({"Target": web, "DocumentName": "a b"}),
            "400 ValidationException: 1 validation error detected: Value 'a b' at 'documentName' failed to satisfy constraint: Member must \
             satisfy regular expression pattern: ^[a-zA-Z0-9_\\-.:/]{3,128}$"
                .to_owned(),
        ),
        (
            json!({"Target": web, "Reason": "x".repeat(257)}),
            format!(
                "400 ValidationException: 1 validation error detected: Value '{}' at 'reason' failed to satisfy constraint: Member must have \
                 length less than or equal to 256",
                "x".repeat(257)
            ),
        ),
        (
            json!({}),
            "400 ValidationException: 1 validation error detected: Value null at 'target' failed to satisfy constraint: Member must not be null"
                .to_owned(),
        ),
        (json!({"Target": 5}), "400 SerializationException: NUMBER_VALUE cannot be converted to String".to_owned()),
    ] {
        assert_eq!(caller.ssm("StartSession", request.clone()).await.error(), error, "{request}");
    }
    let named = json!({"Target": checked, "DocumentName": "AWS-StartPortForwardingSession"});
    assert_eq!(caller.ssm("StartSession", named).await.status, 200);
    let arn = "arn:aws:ssm:eu-west-1:123456789012:document/SSM-SessionManagerRunShell";
    assert_eq!(caller.ssm("StartSession", json!({"Target": web, "DocumentName": arn})).await.status, 200);
    caller.region.shutdown().await;
}

#[tokio::test]
async fn an_upgrade_may_be_unsigned_unless_the_region_is_strict_but_never_signed_wrong() {
    let caller = Caller::of(Options::default().strict()).await;
    let ticket = start(&caller).await;
    let url = ticket["StreamUrl"].as_str().unwrap();
    let refusal = knock(&caller, url, false).await.error();
    assert!(refusal.starts_with("403 "), "{refusal}");
    assert_eq!(knock(&caller, url, true).await.status, 101);
    let stranger = url.replace("demo-", "eve-");
    assert!(knock(&caller, &stranger, true).await.error().contains("no such session"));
    caller.region.shutdown().await;

    let mut caller = Caller::of(Options::default()).await;
    let ticket = start(&caller).await;
    let url = ticket["StreamUrl"].as_str().unwrap();
    assert_eq!(knock(&caller, url, false).await.status, 101);
    let stranger = url.replace("demo-", "eve-");
    assert!(knock(&caller, &stranger, false).await.error().contains("no such session"));
    caller.credentials.secret_access_key = "wrong".into();
    assert!(knock(&caller, url, true).await.error().starts_with("403 InvalidSignatureException"));
    caller.region.shutdown().await;

    // Signed as Go signs, in a region that wants a `+` to be one.
    let literal = Options { plus: Plus::Literal, ..Options::default() };
    let caller = Caller::of(literal).await;
    loop {
        let ticket = start(&caller).await;
        let url = ticket["StreamUrl"].as_str().unwrap();
        let expected = if url.contains('+') { 403 } else { 101 };
        assert_eq!(knock(&caller, url, true).await.status, expected, "{url}");
        if expected == 403 {
            break;
        }
    }
    caller.region.shutdown().await;
}

#[tokio::test]
async fn a_session_is_opened_at_any_of_its_stream_urls_unless_the_region_is_strict() {
    let resume = async |caller: &Caller, ticket: &Value| {
        caller.ssm("ResumeSession", json!({"SessionId": ticket["SessionId"]})).await.json()["StreamUrl"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let caller = Caller::of(Options::default()).await;
    let (ticket, other) = (start(&caller).await, start(&caller).await);
    let first = ticket["StreamUrl"].as_str().unwrap();
    let second = resume(&caller, &ticket).await;
    let mut newest = second.clone();
    assert_eq!(knock(&caller, &second, true).await.status, 101);
    // A client that never takes a new URL is cut off more often than URLs are kept.
    for _ in 0..40 {
        newest = resume(&caller, &ticket).await;
        assert_eq!(knock(&caller, first, false).await.status, 101);
    }
    assert_eq!(knock(&caller, &newest, true).await.status, 101);
    let cell_of = |url: &str| url.split_once("cell-number=").unwrap().1.to_owned();
    let foreign = first.replace(&cell_of(first), &cell_of(other["StreamUrl"].as_str().unwrap()));
    for url in [&second, &foreign] {
        let refusal = knock(&caller, url, true).await.error();
        assert_eq!(refusal, "400 BadRequest: no such session, or not a stream URL of it");
    }
    caller.region.shutdown().await;

    let caller = Caller::of(Options::default().strict()).await;
    let ticket = start(&caller).await;
    let first = ticket["StreamUrl"].as_str().unwrap();
    assert_eq!(knock(&caller, first, true).await.status, 101);
    let newest = resume(&caller, &ticket).await;
    let refusal = knock(&caller, first, true).await.error();
    assert_eq!(refusal, "400 BadRequest: no such session, or not its newest stream URL");
    assert_eq!(knock(&caller, &newest, true).await.status, 101);
    caller.region.shutdown().await;
}

#[tokio::test]
async fn a_region_that_ends_takes_its_sessions_and_slow_calls_with_it() {
    let caller = Caller::with("slow=ssm:GetConnectionStatus:1h").await;
    let ticket = start(&caller).await;
    let address = caller.region.address();
    let (mut socket, reply) = connect(&caller, ticket["StreamUrl"].as_str().unwrap(), true).await;
    assert_eq!(reply.status, 101);
    let mut waiting = TcpStream::connect(address).await.unwrap();
    let headers = [("host", address.to_string()), ("x-amz-date", caller.date.clone())];
    let headers: Vec<(&'static str, &str)> =
        headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let target = [("x-amz-target", "AmazonSSM.GetConnectionStatus")];
    let signed = [&headers[..], &target[..]].concat();
    let body = r#"{"Target":"i-1"}"#;
    let authorization = caller.sign("POST", "/", "", "ssm", &signed, body);
    let mut text = "POST / HTTP/1.1\r\n".to_owned();
    for (name, value) in [&signed[..], &[("authorization", authorization.as_str())]].concat() {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
    waiting.write_all(text.as_bytes()).await.unwrap();
    // Other calls do not wait behind the slow one.
    assert_eq!(caller.ssm("DescribeSessions", json!({"State": "Active"})).await.status, 200);

    caller.region.shutdown().await;
    let mut rest = Vec::new();
    // Closed, or reset: either way at its end, and the slow call was not answered.
    let _ = waiting.read_to_end(&mut rest).await;
    assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
    let _ = socket.read_to_end(&mut rest).await;
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_node_that_may_open_no_data_channel_ends_each_session_with_its_reason() {
    let caller = Caller::of(Options::default()).await;
    let target = id_of(&caller, "half-1").await;
    let started = caller.ssm("StartSession", json!({"Target": target})).await.json();
    let id = started["SessionId"].as_str().unwrap();
    let mut watch = caller.region.gateway().status(id).unwrap();
    while !watch.state.is_over() {
        tokio::task::yield_now().await;
        watch = caller.region.gateway().status(id).unwrap();
    }
    assert!(watch.output.contains("half-channel-node"), "{watch:?}");
    assert!(watch.output.contains("not authorized to perform: ssmmessages:CreateDataChannel"), "{watch:?}");
    caller.region.shutdown().await;
}
