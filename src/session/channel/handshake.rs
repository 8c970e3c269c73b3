//! What may come when, and the answer to the agent's handshake. Each state is a type and a step consumes it.
//!
//! ```text
//!            Output (there is no handshake)
//! Opening ───────────────────────────────────────────────────► Running
//!    │ HandshakeRequest          EncChallengeRequest (once)       ▲
//!    ├──────────────────► Answered ◄──┘ ──── HandshakeComplete ───┘
//!    │ with KMS              ▲
//!    ├─────────► AwaitKey ───┤ key
//!    │                       │ no key, or too late for the agent
//!    └───────────────────► Refused     (the agent ends the session)
//! ```
//!
//! The agent decides whether there is a handshake (its `sessionplugin.go`); until it is complete, everything typed
//! would be acknowledged and thrown away. The answer is made here once and never again: a second one blocks the
//! agent's reader for ever, and so does one after the agent has given up waiting.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{cipher::is_sealed, violation::Violation};
use crate::session::message::{
    ActionResult, ActionStatus, EncryptionChallenge, Frame, HandshakeComplete, HandshakeRequest,
    HandshakeResponse, PayloadType, ProcessedAction, RequestedAction, SessionType,
};

/// What we say we are: four plain numbers, above every gate of the agent and of the service (1.2.764.0 is the
/// lowest client version that AWS supports).
pub const CLIENT_VERSION: &str = "1.2.804.0";

/// How long the agent waits for the answer (`handshakeTimeout` in its `datachannel.go`).
pub(super) const ANSWER_LIMIT: Duration = Duration::from_secs(15);

/// Where the session is.
#[derive(Debug)]
pub(super) enum Handshake {
    Opening(Opening),
    AwaitKey(AwaitKey),
    Answered(Answered),
    Refused(Refused),
    Running(Running),
}

/// Nothing has come yet.
#[derive(Debug)]
pub(super) struct Opening;
/// The agent wants encryption; the key is being made.
#[derive(Debug)]
pub(super) struct AwaitKey {
    request: HandshakeRequest,
    since: Instant,
}
/// The request is granted.
#[derive(Debug)]
pub(super) struct Answered {
    /// Whether the agent may still ask for the proof of the key.
    challenge: Challenge,
}
/// Part of the request is refused.
#[derive(Debug)]
pub(super) struct Refused;
/// The session runs.
#[derive(Debug)]
pub(super) struct Running;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Challenge {
    /// There is no key.
    Keyless,
    Due,
    Met,
}

/// What follows from a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Hand the payload on.
    Deliver,
    /// The session runs from now on; then hand the payload on.
    StartAndDeliver,
    /// The session runs from now on.
    Start {
        /// For the user, if not empty.
        message: String,
    },
    /// Have a data key made.
    AskKey { key_id: String, challenge: Option<String> },
    /// Send the answer.
    Answer(Answer),
    /// Open this with one half of the key, seal it with the other and send it back.
    MeetChallenge(Vec<u8>),
    /// The message does not belong here; drop it.
    OutOfPlace { expected: &'static str },
}

/// The answer to the request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) response: Bytes,
    /// The agent waits until then.
    pub(super) until: Instant,
    pub(super) agent_version: String,
    pub(super) session_type: SessionType,
    /// For the user: why the session will not come about.
    pub(super) refusal: Option<String>,
}

impl Handshake {
    pub(super) fn new() -> Self {
        Self::Opening(Opening)
    }

    /// The next state, and what to do. Messages come here in order, each once.
    pub(super) fn step(self, now: Instant, frame: &Frame) -> Result<(Self, Effect), Violation> {
        match self {
            Self::Opening(state) => state.step(now, frame),
            Self::AwaitKey(state) => state.step(frame),
            Self::Answered(state) => state.step(frame),
            Self::Refused(state) => state.step(frame),
            Self::Running(state) => state.step(frame),
        }
    }
}

impl Opening {
    fn step(self, now: Instant, frame: &Frame) -> Result<(Handshake, Effect), Violation> {
        match frame.payload_type {
            PayloadType::HandshakeRequest => {
                let request = HandshakeRequest::parse(&frame.payload).map_err(Violation::Handshake)?;
                // Nobody is asked for a key to a session that will not be.
                let refused = request.actions.iter().any(|action| process(action).is_err());
                if let Some((key_id, challenge)) = request.kms().filter(|_| !refused) {
                    let effect = Effect::AskKey { key_id, challenge };
                    return Ok((Handshake::AwaitKey(AwaitKey { request, since: now }), effect));
                }
                let key = Err("not tried, since another action failed");
                let answer = answer(&request, key, now + ANSWER_LIMIT);
                let next = match answer.refusal {
                    None => Handshake::Answered(Answered { challenge: Challenge::Keyless }),
                    Some(_) => Handshake::Refused(Refused),
                };
                Ok((next, Effect::Answer(answer)))
            }
            PayloadType::Output | PayloadType::StdErr | PayloadType::ExitCode => {
                Ok((Handshake::Running(Running), Effect::StartAndDeliver))
            }
            PayloadType::EncChallengeRequest => Err(Violation::ChallengeWithoutKey),
            _ => Ok((
                Handshake::Opening(self),
                Effect::OutOfPlace { expected: "a handshake request or output" },
            )),
        }
    }
}

impl AwaitKey {
    fn step(self, frame: &Frame) -> Result<(Handshake, Effect), Violation> {
        match frame.payload_type {
            got if is_sealed(got) => Err(Violation::InClear { got }),
            PayloadType::EncChallengeRequest => Err(Violation::ChallengeWithoutKey),
            _ => {
                Ok((Handshake::AwaitKey(self), Effect::OutOfPlace { expected: "nothing before our answer" }))
            }
        }
    }

    /// The data key as KMS sealed it for the agent, or why there is none. `Err` if the agent does not wait any more:
    /// then no answer must go out.
    pub(super) fn answer(
        self,
        now: Instant,
        key: Result<&[u8], &str>,
    ) -> Result<(Handshake, Answer), Handshake> {
        let until = self.since + ANSWER_LIMIT;
        if now >= until {
            return Err(Handshake::Refused(Refused));
        }
        let answer = answer(&self.request, key, until);
        let next = match answer.refusal {
            None => Handshake::Answered(Answered { challenge: Challenge::Due }),
            Some(_) => Handshake::Refused(Refused),
        };
        Ok((next, answer))
    }
}

impl Answered {
    fn step(self, frame: &Frame) -> Result<(Handshake, Effect), Violation> {
        match frame.payload_type {
            PayloadType::HandshakeComplete => {
                // What cannot be read says nothing to the user; the session starts all the same.
                let complete = HandshakeComplete::parse(&frame.payload).unwrap_or_default();
                Ok((Handshake::Running(Running), Effect::Start { message: complete.customer_message }))
            }
            PayloadType::Output | PayloadType::StdErr | PayloadType::ExitCode => {
                Ok((Handshake::Answered(self), Effect::Deliver))
            }
            PayloadType::EncChallengeRequest => match self.challenge {
                Challenge::Keyless => Err(Violation::ChallengeWithoutKey),
                Challenge::Met => {
                    Ok((Handshake::Answered(self), Effect::OutOfPlace { expected: "no second challenge" }))
                }
                Challenge::Due => {
                    let challenge =
                        EncryptionChallenge::parse(&frame.payload).map_err(Violation::Handshake)?;
                    let next = Handshake::Answered(Answered { challenge: Challenge::Met });
                    Ok((next, Effect::MeetChallenge(challenge.challenge)))
                }
            },
            _ => Ok((Handshake::Answered(self), Effect::OutOfPlace { expected: "the end of the handshake" })),
        }
    }
}

impl Refused {
    fn step(self, frame: &Frame) -> Result<(Handshake, Effect), Violation> {
        match frame.payload_type {
            PayloadType::HandshakeComplete => Err(Violation::StartedAfterRefusal),
            _ => Ok((Handshake::Refused(self), Effect::OutOfPlace { expected: "the end of the session" })),
        }
    }
}

impl Running {
    fn step(self, frame: &Frame) -> Result<(Handshake, Effect), Violation> {
        let effect = match frame.payload_type {
            PayloadType::Output | PayloadType::StdErr | PayloadType::ExitCode | PayloadType::Flag => {
                Effect::Deliver
            }
            _ => Effect::OutOfPlace { expected: "output" },
        };
        Ok((Handshake::Running(self), effect))
    }
}

/// The answer, and why the session cannot be if so. The agent ends it on the first action that is not a success and
/// shows the user that action's error.
fn answer(request: &HandshakeRequest, key: Result<&[u8], &str>, until: Instant) -> Answer {
    let mut errors = Vec::new();
    let mut key = Some(key);
    let mut actions = Vec::new();
    for action in &request.actions {
        let outcome = match (action, process(action)) {
            (RequestedAction::KmsEncryption { challenge, .. }, Ok(())) => match key.take() {
                Some(Ok(ciphertext)) => Ok(ActionResult::Kms {
                    cipher_text_key: ciphertext.to_vec(),
                    cipher_text_hash: None,
                    challenge_acknowledged: challenge.is_some(),
                }),
                Some(Err(cause)) => Err((ActionStatus::Failed, cause.to_owned())),
                None => Err((ActionStatus::Failed, "a session has one key".to_owned())),
            },
            (_, outcome) => outcome.map(|()| ActionResult::None),
        };
        let action_type = action.action_type().to_owned();
        let (status, result, error) = match outcome {
            Ok(result) => (ActionStatus::Success, result, String::new()),
            Err((status, cause)) => {
                // The official client's words around the cause.
                let error = format!("Failed to process action {action_type}: {cause}");
                errors.push(cause);
                (status, ActionResult::None, error)
            }
        };
        actions.push(ProcessedAction { action_type, status, result, error });
    }
    let refusal = errors.first().cloned();
    let response = HandshakeResponse {
        client_version: CLIENT_VERSION.to_owned(),
        actions,
        errors: (!errors.is_empty()).then_some(errors),
    };
    Answer {
        response: response.encode(),
        until,
        agent_version: request.agent_version.clone(),
        session_type: session_type(request),
        refusal,
    }
}

/// The kind of session that is asked for; a shell where nothing is said.
fn session_type(request: &HandshakeRequest) -> SessionType {
    let asked = request.actions.iter().find_map(|action| match action {
        RequestedAction::SessionType { session_type, properties } => Some((session_type, properties)),
        _ => None,
    });
    asked
        .and_then(|(session_type, properties)| SessionType::from_action(session_type, properties))
        .unwrap_or(SessionType::Shell)
}

/// Whether we can do this at all.
fn process(action: &RequestedAction) -> Result<(), (ActionStatus, String)> {
    match action {
        RequestedAction::SessionType { session_type, properties } => {
            match SessionType::from_action(session_type, properties) {
                Some(_) => Ok(()),
                None => Err((ActionStatus::Failed, format!("Unknown session type {session_type}"))),
            }
        }
        RequestedAction::KmsEncryption { .. } => Ok(()),
        RequestedAction::Other { action_type, .. } => {
            Err((ActionStatus::Unsupported, format!("Unsupported action {action_type}")))
        }
    }
}

impl HandshakeRequest {
    /// The key to encrypt with, if the agent wants that.
    fn kms(&self) -> Option<(String, Option<String>)> {
        self.actions.iter().find_map(|action| match action {
            RequestedAction::KmsEncryption { key_id, challenge } => Some((key_id.clone(), challenge.clone())),
            _ => None,
        })
    }
}
