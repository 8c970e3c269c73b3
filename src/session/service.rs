//! What a session asks of AWS, as plain types; `aws::Client` and the tests implement it.

use std::{fmt, future::Future, pin::Pin};

use super::proxy::Proxy;

/// A future without a name, so that [`Service`] can be a trait object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Names a session; opaque.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SessionId(String);

impl SessionId {
    /// From the answer of StartSession.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// As AWS wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Opens the data channel once. A secret: it is in no log and no debug print.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// From the answer of StartSession or ResumeSession.
    pub fn new(token: impl Into<String>) -> Self {
        Self(token.into())
    }

    /// The secret itself, for the one message that carries it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// What StartSession or ResumeSession answers: enough to open the data channel once.
#[derive(Debug, Clone)]
pub struct Ticket {
    /// The session.
    pub session_id: SessionId,
    /// Where to connect; its bytes must not be changed, the query holds raw `+`, `/` and `=`.
    pub stream_url: String,
    /// Good once, for seconds.
    pub token: Token,
}

/// What ResumeSession answers.
#[derive(Debug, Clone)]
pub enum Resumed {
    /// The session lives; connect with this.
    Ticket(Ticket),
    /// The session is over, with words for the user.
    Gone(String),
}

/// Whether asking again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Yes: the network, throttling, a fault of the service.
    Later,
    /// No: denied, credentials expired or refused, no such thing.
    Never,
}

/// Why AWS did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{summary}")]
pub struct ServiceError {
    /// For the user.
    pub summary: String,
    /// Whether asking again can help.
    pub retry: Retry,
}

/// What a data key is wanted for.
#[derive(Debug, Clone, Copy)]
pub struct DataKeyRequest<'a> {
    /// The KMS key, as the agent named it.
    pub key_id: &'a str,
    /// `aws:ssm:SessionId` of the encryption context.
    pub session_id: &'a SessionId,
    /// `aws:ssm:TargetId` of the encryption context: the target of StartSession as it was given.
    pub target: &'a str,
    /// `aws:ssm:RandomChallenge` of the encryption context, for agents that send one.
    pub challenge: Option<&'a str>,
}

/// A data key of 64 bytes in clear and as only KMS can read it. A secret: it is in no log and no debug print.
#[derive(Clone)]
pub struct DataKey {
    /// What the agent encrypts with, and what we encrypt with.
    halves: Box<[[u8; 32]; 2]>,
    ciphertext: Vec<u8>,
}

impl DataKey {
    /// From the answer of GenerateDataKey; `None` unless the key has 64 bytes.
    pub fn new(mut plaintext: Vec<u8>, ciphertext: Vec<u8>) -> Option<Self> {
        let halves = match plaintext.as_chunks::<32>() {
            ([first, second], []) => Some(Box::new([*first, *second])),
            _ => None,
        };
        wipe(&mut plaintext);
        Some(Self { halves: halves?, ciphertext })
    }

    /// The first half: what the agent encrypts with.
    pub(super) fn opening(&self) -> &[u8; 32] {
        &self.halves[0]
    }

    /// The second half: what we encrypt with.
    pub(super) fn sealing(&self) -> &[u8; 32] {
        &self.halves[1]
    }

    /// For the agent, which has KMS decrypt it.
    pub(super) fn ciphertext(&self) -> &[u8] {
        &self.ciphertext
    }
}

impl Drop for DataKey {
    fn drop(&mut self) {
        self.halves.iter_mut().for_each(|half| wipe(half));
    }
}

/// Overwrites a secret that is no longer needed.
fn wipe(secret: &mut [u8]) {
    secret.fill(0);
    // So that the compiler does not find the writing useless.
    std::hint::black_box(secret);
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// What a session asks of AWS.
pub trait Service: Send + Sync + 'static {
    /// A new ticket for a session whose socket was lost (ResumeSession).
    fn resume<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<Resumed, ServiceError>>;

    /// Ends the session (TerminateSession).
    fn terminate<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<(), ServiceError>>;

    /// A new data key for an encrypted session (GenerateDataKey, 64 bytes). The agent waits 15 s for it, so nothing may
    /// ask the user on the way. The error names the key and the right that it takes (`kms:GenerateDataKey`).
    fn data_key<'a>(&'a self, request: DataKeyRequest<'a>) -> BoxFuture<'a, Result<DataKey, ServiceError>>;

    /// Headers (`Authorization`, `X-Amz-Date`, `X-Amz-Security-Token`) for the WebSocket upgrade of this URL.
    fn sign_upgrade<'a>(
        &'a self,
        stream_url: &'a str,
    ) -> BoxFuture<'a, Result<http::HeaderMap, ServiceError>>;

    /// Whether this stream URL may be dialled at all: `wss` to an `ssmmessages` host of the region, or a local
    /// simulator that the user asked for. The error is words for the user.
    fn may_dial(&self, stream_url: &str) -> Result<(), String>;

    /// The proxy by which this host is reached, if by one.
    fn proxy(&self, _scheme: &str, _host: &str) -> Option<Proxy> {
        None
    }
}
