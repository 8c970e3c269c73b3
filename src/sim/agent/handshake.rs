//! The agent's side of the handshake (`datachannel.go`, `PerformHandshake`).
//!
//! ```text
//!  Skipped
//!  Waiting ──response──▶ Answered ──not encrypted───────────────────────────────────▶ Complete
//!     │                      └─encrypted: challenge─▶ Challenged ──proof──▶ Proven ──────▲
//!     └── 15 s, or an action that failed ──▶ Failed ◀── 15 s ──┘
//! ```
//!
//! `Answered` and `Proven` last only until the client's message is acknowledged.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use bytes::Bytes;
use serde_json::Value;

use super::{cipher::Cipher, core::Ignored, plan::KmsSetup, version};
use crate::session::message::{
    ActionResult, ActionStatus, EncryptionChallenge, HandshakeComplete, HandshakeRequest, HandshakeResponse,
    PayloadType, ProcessedAction, RequestedAction,
};

/// How long the agent waits for a `HandshakeResponse`, and again for the answer to its challenge.
pub(super) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(15);

const TIMED_OUT: &str =
    "Handshake timed out. Please ensure that you have the latest version of the session manager plugin.";
const UNPROVEN: &str = "Timed out waiting for encryption challenge.";
const OLD_CLIENT: &str = "Please update session manager plugin version (minimum required version 1.2.312.0) for fully support of \
                          separate StdOut/StdErr output.\r\n";
const ENCRYPTED: &str = "This session is encrypted using AWS KMS.";

/// What a handshake asks for.
#[derive(Debug, Clone)]
pub(super) struct HandshakeSetup {
    pub(super) session_type: String,
    /// What a port session tells the client; else `null`.
    pub(super) properties: Value,
    /// Whether old clients have to be told that they mix errors with output.
    pub(super) separate_output: bool,
    pub(super) encryption: Option<Encryption>,
}

/// What an encrypted session needs.
#[derive(Debug, Clone)]
pub(super) struct Encryption {
    pub(super) kms: KmsSetup,
    /// The node's id, for the encryption context.
    pub(super) target: String,
    /// For the encryption context: base64 of 16 random bytes.
    pub(super) challenge: String,
    /// What the client has to encrypt with its key: 64 random bytes.
    pub(super) proof: Vec<u8>,
}

#[derive(Debug)]
enum State {
    Skipped,
    Waiting,
    Answered,
    Challenged { since: Instant },
    Proven,
    Complete,
    Failed,
}

/// What became of a `HandshakeResponse`.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Response {
    Taken,
    Failed(String),
    /// Nobody waits for it.
    Unexpected,
}

/// The handshake of one session, and the cipher that came of it.
#[derive(Debug)]
pub(super) struct Handshake {
    setup: Option<HandshakeSetup>,
    state: State,
    started: Instant,
    cipher: Option<Cipher>,
    client_version: String,
}

impl Handshake {
    /// None if there is no setup.
    pub(super) fn new(setup: Option<HandshakeSetup>, now: Instant) -> Self {
        let state = if setup.is_some() { State::Waiting } else { State::Skipped };
        Self { setup, state, started: now, cipher: None, client_version: String::new() }
    }

    /// What is sent first; the time runs from here.
    pub(super) fn request(&mut self, now: Instant, agent_version: &str) -> Option<Bytes> {
        self.started = now;
        let setup = self.setup.as_ref()?;
        let session_type = RequestedAction::SessionType {
            session_type: setup.session_type.clone(),
            properties: setup.properties.clone(),
        };
        let encryption = setup.encryption.as_ref().map(|encryption| RequestedAction::KmsEncryption {
            key_id: encryption.kms.key_id.clone(),
            challenge: encryption.kms.challenge.then(|| encryption.challenge.clone()),
        });
        let actions = std::iter::once(session_type).chain(encryption).collect();
        Some(HandshakeRequest { agent_version: agent_version.to_owned(), actions }.encode())
    }

    /// The client's version, once it is known.
    pub(super) fn client_version(&self) -> &str {
        &self.client_version
    }

    /// Whether input goes to the session. Before, it is acknowledged and thrown away.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.state, State::Skipped | State::Complete)
    }

    /// Until when the client has to have said something.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Waiting => Some(self.started + HANDSHAKE_TIMEOUT),
            State::Challenged { since } => Some(since + HANDSHAKE_TIMEOUT),
            _ => None,
        }
    }

    /// The deadline has passed: words for the user.
    pub(super) fn expire(&mut self) -> &'static str {
        let words = if matches!(self.state, State::Waiting) { TIMED_OUT } else { UNPROVEN };
        self.state = State::Failed;
        words
    }

    pub(super) fn handle_response(&mut self, payload: &[u8], session_id: &str) -> Result<Response, Ignored> {
        let response = HandshakeResponse::parse(payload)?;
        if !matches!(self.state, State::Waiting) {
            return Ok(Response::Unexpected);
        }
        self.client_version = response.client_version;
        let mut failure = None;
        for action in &response.actions {
            // Of several the last one counts.
            failure = self.take(action, session_id).err().or(failure);
        }
        if failure.is_none() && self.is_encrypted() && self.cipher.is_none() {
            failure = Some("KMSEncryption was not answered by the client".to_owned());
        }
        Ok(match failure {
            None => {
                self.state = State::Answered;
                Response::Taken
            }
            Some(words) => {
                self.state = State::Failed;
                Response::Failed(words)
            }
        })
    }

    fn take(&mut self, action: &ProcessedAction, session_id: &str) -> Result<(), String> {
        if action.status != ActionStatus::Success {
            let (kind, status, error) = (&action.action_type, action.status.number(), &action.error);
            return Err(format!("{kind} failed on client with status {status} error: {error}"));
        }
        let encryption = self.setup.as_ref().and_then(|setup| setup.encryption.as_ref());
        let (Some(encryption), "KMSEncryption") = (encryption, action.action_type.as_str()) else {
            return Ok(());
        };
        let ActionResult::Kms { cipher_text_key, challenge_acknowledged, .. } = &action.result else {
            return Err("KMSEncryption came without a key".to_owned());
        };
        if encryption.kms.require_challenge && !challenge_acknowledged {
            return Err("client does not support required encryption context random challenge".to_owned());
        }
        let mut context = BTreeMap::from([
            ("aws:ssm:SessionId".to_owned(), session_id.to_owned()),
            ("aws:ssm:TargetId".to_owned(), encryption.target.clone()),
        ]);
        if *challenge_acknowledged {
            context.insert("aws:ssm:RandomChallenge".to_owned(), encryption.challenge.clone());
        }
        let decrypted = encryption.kms.keys.decrypt(cipher_text_key, &encryption.kms.key_id, &context);
        let data_key = decrypted.map_err(|error| {
            format!(
                "Fetching data key failed: Unable to retrieve data key, Error when decrypting data key {error}"
            )
        })?;
        self.cipher = Some(Cipher::new(&data_key).ok_or_else(|| {
            format!("Fetching data key failed: a key of {} bytes, expected 64", data_key.len())
        })?);
        Ok(())
    }

    /// The answer to the challenge. A wrong one is not acknowledged, and so shows as a timeout.
    pub(super) fn handle_proof(&mut self, payload: &[u8]) -> Result<Response, Ignored> {
        let answer = EncryptionChallenge::parse(payload)?.challenge;
        let encryption = self.setup.as_ref().and_then(|setup| setup.encryption.as_ref());
        let (Some(cipher), Some(encryption)) = (&self.cipher, encryption) else {
            return Err(Ignored::NotReady);
        };
        let proof = cipher.open(&answer).map_err(|_| Ignored::Undecipherable)?;
        if proof != encryption.proof {
            return Err(Ignored::Undecipherable);
        }
        if !matches!(self.state, State::Challenged { .. }) {
            return Ok(Response::Unexpected);
        }
        self.state = State::Proven;
        Ok(Response::Taken)
    }

    /// What is sent after the acknowledgement of the client's message.
    pub(super) fn next(&mut self, now: Instant) -> Option<(PayloadType, Bytes)> {
        let setup = self.setup.as_ref()?;
        match (&self.state, &setup.encryption, &mut self.cipher) {
            (State::Answered, Some(encryption), Some(cipher)) => {
                let challenge = cipher.seal(&encryption.proof).ok()?.to_vec();
                self.state = State::Challenged { since: now };
                return Some((PayloadType::EncChallengeRequest, EncryptionChallenge { challenge }.encode()));
            }
            (State::Answered | State::Proven, _, _) => {}
            _ => return None,
        }
        let mut customer_message = String::new();
        if setup.separate_output && version::lacks_separation(&self.client_version) {
            customer_message.push_str(OLD_CLIENT);
        }
        if setup.encryption.is_some() {
            customer_message.push_str(ENCRYPTED);
        }
        let took = now.saturating_duration_since(self.started).as_nanos();
        let nanoseconds = i64::try_from(took).unwrap_or(i64::MAX);
        self.state = State::Complete;
        Some((PayloadType::HandshakeComplete, HandshakeComplete { nanoseconds, customer_message }.encode()))
    }

    /// A payload as it goes on the wire.
    pub(super) fn seal(&mut self, payload_type: PayloadType, payload: Bytes) -> Option<Bytes> {
        let encrypted =
            matches!(payload_type, PayloadType::Output | PayloadType::StdErr | PayloadType::ExitCode);
        match &mut self.cipher {
            Some(cipher) if encrypted => cipher.seal(&payload).ok(),
            _ => Some(payload),
        }
    }

    /// A payload as it came from the wire.
    pub(super) fn open(&self, payload_type: PayloadType, payload: &Bytes) -> Result<Bytes, Ignored> {
        if !self.is_encrypted() || payload_type != PayloadType::Output {
            return Ok(payload.clone());
        }
        let cipher = self.cipher.as_ref().ok_or(Ignored::NotReady)?;
        cipher.open(payload).map_err(|_| Ignored::Undecipherable)
    }

    fn is_encrypted(&self) -> bool {
        self.setup.as_ref().is_some_and(|setup| setup.encryption.is_some())
    }
}
