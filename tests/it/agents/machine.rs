//! A small agent, written from the reference and the official agent's source, with nothing of the region's own code: it
//! signs, registers, opens channels and answers frames. Only the frames' codec is ours.

use std::{collections::VecDeque, sync::Arc};

use aws_lc_rs::{
    digest,
    encoding::{AsDer, PublicKeyX509Der},
    hmac,
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{KeyPair as _, RSA_PSS_SHA256},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use jiff::Timestamp;
use serde_json::{Value, json};
use ssmtui::{
    session::message::{Acknowledge, Checks, Frame, HeaderLength, MessageType, PayloadType},
    sim::{AgentAccess, Region},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::aws_lc_rs::default_provider,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, client::IntoClientRequest},
};
use uuid::Uuid;

type Socket = WebSocketStream<TlsStream<TcpStream>>;

/// What a request is signed with.
#[derive(Clone)]
pub enum Keys {
    Nobody,
    /// The node's own.
    Own,
    /// Access key, secret, session token.
    Aws(String, String, Option<String>),
}

/// A machine with an agent.
pub struct Machine {
    access: AgentAccess,
    address: std::net::SocketAddr,
    tls: TlsConnector,
    key: KeyPair,
    user: Keys,
    pub fingerprint: String,
    /// `mi-…`, once it is registered.
    pub id: String,
    pub role: Keys,
}

/// An answer of the region.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub body: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    fn element(&self, name: &str) -> String {
        let inside = self.body.split_once(&format!("<{name}>")).and_then(|(_, rest)| rest.split_once("</"));
        inside.unwrap_or_else(|| panic!("no {name}: {self:?}")).0.to_owned()
    }
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sha256(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes))
}

impl Machine {
    /// A machine that trusts the region and is not registered.
    pub fn new(region: &Region) -> Machine {
        let access = region.agents().expect("the region takes agents");
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(access.authority.as_bytes()).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let [_, _, (_, id), (_, secret), _] = region.environment();
        Machine {
            access,
            address: region.address(),
            tls: TlsConnector::from(Arc::new(config)),
            key: KeyPair::generate(KeySize::Rsa2048).unwrap(),
            user: Keys::Aws(id, secret, None),
            fingerprint: Uuid::new_v4().to_string(),
            id: String::new(),
            role: Keys::Nobody,
        }
    }

    /// One that is registered, has its role's credentials and has sent a heartbeat.
    pub async fn registered(region: &Region) -> Machine {
        let mut machine = Machine::new(region);
        let code = machine.access.activation_code.clone();
        let reply = machine.register(&code).await;
        machine.id = reply.json()["InstanceId"].as_str().unwrap().to_owned();
        machine.get_role().await;
        machine.heartbeat("3.3.987.0").await;
        machine
    }

    /// RegisterManagedInstance, as the official agent calls it.
    pub async fn register(&self, code: &str) -> Reply {
        let key: PublicKeyX509Der<'_> = self.key.public_key().as_der().unwrap();
        let body = json!({
            "ActivationCode": code,
            "ActivationId": self.access.activation_id,
            "Fingerprint": self.fingerprint,
            "PublicKey": STANDARD.encode(key.as_ref()),
            "PublicKeyType": "Rsa",
        });
        self.call(&Keys::Nobody, "ssm", "AmazonSSM.RegisterManagedInstance", body).await
    }

    pub async fn role_token(&self) -> Reply {
        let body = json!({ "Fingerprint": self.fingerprint });
        self.call(&Keys::Own, "ssm", "AmazonSSM.RequestManagedInstanceRoleToken", body).await
    }

    async fn get_role(&mut self) {
        let reply = self.role_token().await.json();
        let text = |name: &str| reply[name].as_str().unwrap_or_else(|| panic!("{reply}")).to_owned();
        self.role = Keys::Aws(text("AccessKeyId"), text("SecretAccessKey"), Some(text("SessionToken")));
    }

    pub async fn heartbeat(&self, version: &str) {
        let body = json!({
            "InstanceId": self.id,
            "AgentName": "amazon-ssm-agent",
            "AgentStatus": "Active",
            "AgentVersion": version,
            "PlatformType": "Linux",
            "PlatformName": "Test Linux",
            "PlatformVersion": "7",
            "IPAddress": "192.0.2.9",
            "ComputerName": "box",
        });
        let reply = self.call(&self.role, "ssm", "AmazonSSM.UpdateInstanceInformation", body).await;
        assert_eq!(reply.status, 200, "{reply:?}");
    }

    /// A call of the account's user.
    pub async fn user(&self, operation: &str, body: Value) -> Reply {
        self.call(&self.user, "ssm", &format!("AmazonSSM.{operation}"), body).await
    }

    pub async fn call(&self, keys: &Keys, service: &str, target: &str, body: Value) -> Reply {
        let body = body.to_string();
        let extra = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target)];
        self.send(keys, service, "POST", "/", &extra, &body).await
    }

    /// The headers of a signed request, all of them.
    fn headers(
        &self,
        keys: &Keys,
        service: &str,
        (method, target): (&str, &str),
        extra: &[(&str, &str)],
        body: &str,
    ) -> Vec<(String, String)> {
        let now = Timestamp::now();
        let (date, day) = (now.strftime("%Y%m%dT%H%M%SZ").to_string(), now.strftime("%Y%m%d").to_string());
        let host = self.access.endpoint.strip_prefix("https://").unwrap();
        let mut headers: Vec<(String, String)> =
            extra.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        headers.push(("host".to_owned(), host.to_owned()));
        headers.push(("x-amz-date".to_owned(), date.clone()));
        if let Keys::Aws(_, _, Some(token)) = keys {
            headers.push(("x-amz-security-token".to_owned(), token.clone()));
        }
        headers.sort();
        let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
        let names = names.join(";");
        let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let canonical = format!("{method}\n{path}\n{query}\n{lines}\n{names}\n{}", sha256(body.as_bytes()));
        let scope = format!("{day}/{}/{service}/aws4_request", self.access.region);
        let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", sha256(canonical.as_bytes()));
        let (id, signature) = match keys {
            Keys::Nobody => return headers,
            Keys::Own => {
                let mut signature = vec![0; self.key.public_modulus_len()];
                let random = SystemRandom::new();
                self.key.sign(&RSA_PSS_SHA256, &random, text.as_bytes(), &mut signature).unwrap();
                (self.id.clone(), STANDARD.encode(signature))
            }
            Keys::Aws(id, secret, _) => {
                let mut key = format!("AWS4{secret}").into_bytes();
                for part in scope.split('/').chain([text.as_str()]) {
                    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), part.as_bytes());
                    key = tag.as_ref().to_vec();
                }
                (id.clone(), hex(key))
            }
        };
        let authorization =
            format!("AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}");
        headers.push(("authorization".to_owned(), authorization));
        headers
    }

    async fn connect(&self) -> TlsStream<TcpStream> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        self.tls.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap()
    }

    pub async fn send(
        &self,
        keys: &Keys,
        service: &str,
        method: &str,
        target: &str,
        extra: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let mut text = format!("{method} {target} HTTP/1.1\r\nconnection: close\r\n");
        for (name, value) in self.headers(keys, service, (method, target), extra, body) {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
        let mut stream = self.connect().await;
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Reply { status, body: body.to_owned() }
    }

    /// CreateControlChannel or CreateDataChannel.
    pub async fn create_channel(&self, path: &str) -> Reply {
        let body =
            json!({ "MessageSchemaVersion": "1.0", "RequestId": Uuid::new_v4().to_string() }).to_string();
        let extra = [("content-type", "application/json")];
        self.send(&self.role, "ssmmessages", "POST", path, &extra, &body).await
    }

    async fn open(&self, path: &str, query: &str, first: Value) -> Socket {
        let reply = self.create_channel(path).await;
        assert_eq!(reply.status, 201, "{reply:?}");
        let mut first = first;
        first["MessageSchemaVersion"] = json!("1.0");
        first["RequestId"] = json!(Uuid::new_v4().to_string());
        first["TokenValue"] = json!(reply.element("TokenValue"));
        let target = format!("{path}?{query}");
        let mut request = format!("wss{}{target}", self.access.endpoint.strip_prefix("https").unwrap())
            .into_client_request()
            .unwrap();
        for (name, value) in self.headers(&self.role, "ssmmessages", ("GET", &target), &[], "") {
            let name: http::HeaderName = name.parse().unwrap();
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        let (mut socket, _) = tokio_tungstenite::client_async(request, self.connect().await).await.unwrap();
        socket.send(Message::text(first.to_string())).await.unwrap();
        socket
    }

    /// Opens the control channel; returns when the region has taken it.
    pub async fn control(&self) -> Control {
        let path = format!("/v1/control-channel/{}", self.id);
        let first = json!({ "Cookie": null, "AgentVersion": "3.3.987.0", "PlatformType": "linux" });
        let mut socket = self.open(&path, "role=subscribe&stream=input", first).await;
        // A ping is answered behind what was sent before it.
        socket.send(Message::Ping(Bytes::new())).await.unwrap();
        while !matches!(socket.next().await.expect("a pong").unwrap(), Message::Pong(_)) {}
        Control { socket }
    }

    /// Opens the data channel of a session.
    pub async fn data(&self, session: &str) -> Data {
        // As the official agent does, whose ClientId is empty.
        let first = json!({ "ClientInstanceId": self.id, "ClientId": "" });
        let socket = self.open(&format!("/v1/data-channel/{session}"), "role=publish_subscribe", first).await;
        let mut data = Data { socket, sequence: 0, expected: 0, unacked: VecDeque::new() };
        let state = json!({ "SchemaVersion": 1, "SessionState": "Connected", "SessionId": session });
        data.send(&frame("agent_session_state", 0, PayloadType::None, state.to_string().into())).await;
        data
    }
}

fn frame(kind: &str, sequence: i64, payload_type: PayloadType, payload: Bytes) -> Frame {
    Frame {
        message_type: MessageType::from_text(kind),
        schema_version: 1,
        created_ms: Timestamp::now().as_millisecond().unsigned_abs(),
        sequence,
        flags: 0,
        id: Uuid::new_v4(),
        payload_type,
        payload,
        header_length: HeaderLength::Full,
    }
}

/// `None`: the region has closed the socket.
async fn next_frame(socket: &mut Socket) -> Option<Frame> {
    loop {
        match socket.next().await?.ok()? {
            Message::Binary(bytes) => return Some(Frame::parse(&bytes, Checks::Agent).unwrap()),
            Message::Close(_) => return None,
            _ => {}
        }
    }
}

/// An open control channel.
pub struct Control {
    socket: Socket,
}

impl Control {
    /// The next frame: its type and its payload. `None`: the region has closed the channel.
    pub async fn hear(&mut self) -> Option<(String, Value)> {
        let frame = next_frame(&mut self.socket).await?;
        Some((frame.message_type.as_str().to_owned(), serde_json::from_slice(&frame.payload).unwrap()))
    }

    /// What `interactive_shell` carries.
    pub async fn task(&mut self) -> Value {
        let (kind, payload) = self.hear().await.expect("a task");
        assert_eq!(kind, "interactive_shell");
        serde_json::from_str(payload["Content"].as_str().unwrap()).unwrap()
    }

    /// `agent_task_complete`; returns when the receipt has come.
    pub async fn complete(&mut self, session: &str, status: &str, output: &str) {
        let payload = json!({
            "SchemaVersion": 1, "TaskId": session, "Topic": "agent_task_complete", "FinalTaskStatus": status,
            "IsRoutingFailure": false, "AwsAccountId": "", "InstanceId": "", "Output": output, "RetryNumber": 0,
        });
        let frame = frame("agent_task_complete", 0, PayloadType::None, payload.to_string().into());
        let id = frame.id.to_string();
        self.socket.send(Message::Binary(frame.encode())).await.unwrap();
        let (kind, receipt) = self.hear().await.expect("a receipt");
        assert_eq!((kind.as_str(), &receipt["MessageId"]), ("agent_task_acknowledge", &json!(id)));
        assert_eq!(receipt["TaskId"], session);
    }
}

/// What an agent hears on a data channel.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// Input in its order.
    Input(Bytes),
    /// `start_publication`, `pause_publication`, `channel_closed`.
    Notice(MessageType),
    /// The client's half of the handshake.
    HandshakeResponse,
    /// The socket is closed.
    Gone,
}

/// An open data channel. It survives its sockets as the official one does.
pub struct Data {
    socket: Socket,
    sequence: i64,
    expected: i64,
    unacked: VecDeque<Frame>,
}

impl Data {
    /// Sends output, and keeps it until it is acknowledged.
    pub async fn say(&mut self, text: &str) {
        self.stream(PayloadType::Output, Bytes::copy_from_slice(text.as_bytes())).await;
    }

    async fn stream(&mut self, payload_type: PayloadType, payload: Bytes) {
        let frame = frame("output_stream_data", self.sequence, payload_type, payload);
        self.sequence += 1;
        self.send(&frame).await;
        self.unacked.push_back(frame);
    }

    /// The agent's half of a handshake for a port session: asks, waits for the answer, says that it is complete.
    pub async fn shake_hands(&mut self, properties: Value) {
        let request = json!({
            "AgentVersion": "3.3.987.0",
            "RequestedClientActions": [{
                "ActionType": "SessionType",
                "ActionParameters": { "SessionType": "Port", "Properties": properties },
            }],
        });
        self.stream(PayloadType::HandshakeRequest, request.to_string().into()).await;
        while self.hear().await != Heard::HandshakeResponse {}
        let complete = json!({ "HandshakeTimeToComplete": 1_000_000, "CustomerMessage": "" });
        self.stream(PayloadType::HandshakeComplete, complete.to_string().into()).await;
    }

    /// The same channel on another socket; what was not acknowledged is sent again.
    pub async fn moved(mut self, to: Data) -> Data {
        self.socket = to.socket;
        self.repeat().await;
        self
    }

    /// Sends again what was not acknowledged.
    pub async fn repeat(&mut self) {
        for frame in self.unacked.clone() {
            self.send(&frame).await;
        }
    }

    /// Whether the client has everything.
    pub fn all_acknowledged(&self) -> bool {
        self.unacked.is_empty()
    }

    /// The next thing that matters; acknowledges on the way.
    pub async fn hear(&mut self) -> Heard {
        loop {
            let Some(frame) = next_frame(&mut self.socket).await else { return Heard::Gone };
            match frame.message_type {
                MessageType::Acknowledge => {
                    let acknowledged = Acknowledge::parse(&frame.payload).unwrap();
                    self.unacked.retain(|sent| sent.sequence != acknowledged.sequence);
                }
                MessageType::InputStreamData => {
                    // One that comes too early comes again.
                    if frame.sequence > self.expected {
                        continue;
                    }
                    let receipt = json!({
                        "AcknowledgedMessageType": "input_stream_data",
                        "AcknowledgedMessageId": frame.id.to_string(),
                        "AcknowledgedMessageSequenceNumber": frame.sequence,
                        "IsSequentialMessage": true,
                    });
                    let receipt =
                        self::frame("acknowledge", 0, PayloadType::None, receipt.to_string().into());
                    self.send(&receipt).await;
                    if frame.sequence == self.expected {
                        self.expected += 1;
                        if frame.payload_type == PayloadType::HandshakeResponse {
                            return Heard::HandshakeResponse;
                        }
                        if frame.payload_type == PayloadType::Output {
                            return Heard::Input(frame.payload);
                        }
                    }
                }
                notice => return Heard::Notice(notice),
            }
        }
    }

    async fn send(&mut self, frame: &Frame) {
        // A socket that is gone says so when it is read.
        let _ = self.socket.send(Message::Binary(frame.encode())).await;
    }
}
