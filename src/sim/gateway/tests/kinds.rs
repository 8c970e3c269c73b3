//! Every kind of session but the plain shell, against real sockets, programs and an SSH server.

mod command;
mod encrypted;
mod port;
mod ssh;

use std::{collections::BTreeMap, path::Path, process::Stdio, sync::Arc};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use bytes::BytesMut;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    process::Command,
};

use super::*;
use crate::session::message::{
    ActionResult, ActionStatus, EncryptionChallenge, Flag, HandshakeComplete, HandshakeRequest,
    HandshakeResponse, ProcessedAction, RequestedAction,
    smux::{Decoder, Frame as Smux},
};

/// The client's cipher.
pub(super) struct Cipher {
    open: LessSafeKey,
    seal: LessSafeKey,
    nonce: u8,
}

impl Cipher {
    fn new(data_key: &[u8]) -> Self {
        let key = |half: &[u8]| LessSafeKey::new(UnboundKey::new(&AES_256_GCM, half).unwrap());
        Self { open: key(&data_key[..32]), seal: key(&data_key[32..]), nonce: 0 }
    }

    fn open(&self, sealed: &[u8]) -> Vec<u8> {
        let mut plain = sealed[12..].to_vec();
        let nonce = Nonce::try_assume_unique_for_key(&sealed[..12]).unwrap();
        self.open.open_in_place(nonce, Aad::empty(), &mut plain).unwrap().to_vec()
    }

    fn seal(&mut self, plain: &[u8]) -> Vec<u8> {
        self.nonce += 1;
        let nonce = [self.nonce; 12];
        let mut sealed = plain.to_vec();
        self.seal
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed)
            .unwrap();
        [&nonce[..], &sealed].concat()
    }
}

fn session(plan: Plan) -> NewSession {
    NewSession { plan, ..web_1() }
}

fn port(properties: &[(&str, &str)]) -> Plan {
    Plan::Port(properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
}

fn forward(port_number: u16) -> Plan {
    port(&[
        ("portNumber", &port_number.to_string()),
        ("type", "LocalPortForwarding"),
        ("localPortNumber", "0"),
    ])
}

fn command(commands: &str, separate_output: bool) -> Plan {
    Plan::NonInteractive {
        commands: commands.to_owned(),
        separate_output,
        stdout_prefix: String::new(),
        stderr_prefix: String::new(),
    }
}

impl Client {
    /// Starts a session and answers the handshake as a client of this version.
    async fn shaken(gateway: &Gateway, new: NewSession, client_version: &str) -> (Self, HandshakeRequest) {
        let id = new.id.clone();
        let token = gateway.start(new);
        let mut client = Self::open(gateway, &id, &token).await;
        let request = client.answer(client_version, ActionResult::None).await;
        client.wait_until("the handshake's end", |client| client.complete().is_some()).await;
        (client, request)
    }

    async fn answer(&mut self, client_version: &str, kms: ActionResult) -> HandshakeRequest {
        self.wait_until("a request", |client| client.expected > 0).await;
        assert_eq!(self.frames[0].payload_type, PayloadType::HandshakeRequest);
        let request = HandshakeRequest::parse(&self.frames[0].payload).unwrap();
        let actions = request.actions.iter().map(|action| ProcessedAction {
            action_type: action.action_type().to_owned(),
            status: ActionStatus::Success,
            result: match action {
                RequestedAction::KmsEncryption { .. } => kms.clone(),
                _ => ActionResult::None,
            },
            error: String::new(),
        });
        let response = HandshakeResponse {
            client_version: client_version.to_owned(),
            actions: actions.collect(),
            errors: None,
        };
        self.post(PayloadType::HandshakeResponse, &response.encode()).await;
        request
    }

    fn payloads(&self, payload_type: PayloadType) -> Vec<Bytes> {
        let mut frames: Vec<&Frame> =
            self.frames.iter().filter(|frame| frame.payload_type == payload_type).collect();
        frames.sort_by_key(|frame| frame.sequence);
        frames.dedup_by_key(|frame| frame.sequence);
        frames.into_iter().map(|frame| frame.payload.clone()).collect()
    }

    fn complete(&self) -> Option<HandshakeComplete> {
        self.payloads(PayloadType::HandshakeComplete)
            .first()
            .map(|bytes| HandshakeComplete::parse(bytes).unwrap())
    }

    fn said(&self, payload_type: PayloadType) -> String {
        String::from_utf8(self.payloads(payload_type).concat()).unwrap()
    }

    async fn smux(&mut self, frame: Smux) {
        let mut bytes = BytesMut::new();
        frame.encode(&mut bytes);
        // As the official client cuts it.
        for piece in bytes.chunks(1024) {
            self.post(PayloadType::Output, piece).await;
        }
    }

    /// What came on a smux stream, and whether it was closed.
    fn stream(&self, id: u32) -> (Vec<u8>, bool) {
        let mut decoder = Decoder::new();
        decoder.push(self.screen.clone().into());
        let (mut data, mut closed) = (Vec::new(), false);
        while let Some(frame) = decoder.pop().unwrap() {
            match frame {
                Smux::Data { stream, bytes } if stream == id => data.extend_from_slice(&bytes),
                Smux::Close { stream } if stream == id => closed = true,
                _ => {}
            }
        }
        (data, closed)
    }

    async fn acknowledged(&mut self) {
        self.wait_until("all acknowledged", |client| client.unacknowledged.is_empty()).await;
    }
}

/// A server that sends back what it gets, and closes when the other side does; a connection begins with `greeting`.
async fn echo(greeting: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let (mut reader, mut writer) = stream.split();
                writer.write_all(greeting.as_bytes()).await.unwrap();
                let _ = tokio::io::copy(&mut reader, &mut writer).await;
            });
        }
    });
    port
}

/// A port where nobody listens.
async fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

#[tokio::test]
async fn a_session_has_limits_of_its_own() {
    let gateway = Gateway::new(unpaced());
    let new = NewSession { max_duration: Some(Duration::from_millis(50)), ..web_1() };
    let token = gateway.start(new);
    let mut client = Client::open(&gateway, ID, &token).await;
    assert_eq!(client.until_closed().await, "Your session has reached its maximum duration");
    let idle =
        NewSession { id: "demo-2".to_owned(), idle_timeout: Some(Duration::from_millis(50)), ..web_1() };
    let token = gateway.start(idle);
    let mut client = Client::open(&gateway, "demo-2", &token).await;
    assert_eq!(client.until_closed().await, "Your session timed out due to inactivity");
    gateway.shutdown().await;
}
