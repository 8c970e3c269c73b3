//! What may come when, and the answer to the agent's handshake. Each state is a type and a step consumes it.
//!
//! ```text
//!            Output (there is no handshake)
//! Opening ─────────────────────────────────────► Running
//!    │ HandshakeRequest                             ▲
//!    ├──────────► Answered ──── HandshakeComplete ──┘
//!    └──────────► Refused     (the agent ends the session)
//! ```
//!
//! The agent decides whether there is a handshake (its `sessionplugin.go`); until it is complete, everything typed
//! would be acknowledged and thrown away. The answer is made here once and never again: a second one blocks the
//! agent's reader for ever.

use bytes::Bytes;

use super::violation::Violation;
use crate::session::message::{
    ActionResult, ActionStatus, Frame, HandshakeComplete, HandshakeRequest, HandshakeResponse, PayloadType,
    ProcessedAction, RequestedAction, SessionType,
};

/// What we say we are: four plain numbers, above every gate of the agent and of the service (1.2.764.0 is the
/// lowest client version that AWS supports).
pub const CLIENT_VERSION: &str = "1.2.804.0";

/// Where the session is.
#[derive(Debug)]
pub(super) enum Handshake {
    Opening(Opening),
    Answered(Answered),
    Refused(Refused),
    Running(Running),
}

/// Nothing has come yet.
#[derive(Debug)]
pub(super) struct Opening;
/// The request is granted.
#[derive(Debug)]
pub(super) struct Answered;
/// Part of the request is refused.
#[derive(Debug)]
pub(super) struct Refused;
/// The session runs.
#[derive(Debug)]
pub(super) struct Running;

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
    /// Send the answer.
    Answer {
        response: Bytes,
        agent_version: String,
        session_type: SessionType,
        /// For the user: why the session will not come about.
        refusal: Option<String>,
    },
    /// The message does not belong here; drop it.
    OutOfPlace { expected: &'static str },
}

impl Handshake {
    pub(super) fn new() -> Self {
        Self::Opening(Opening)
    }

    /// The next state, and what to do. Messages come here in order, each once.
    pub(super) fn step(self, frame: &Frame) -> Result<(Self, Effect), Violation> {
        match self {
            Self::Opening(state) => state.step(frame),
            Self::Answered(state) => state.step(frame),
            Self::Refused(state) => state.step(frame),
            Self::Running(state) => state.step(frame),
        }
    }
}

impl Opening {
    fn step(self, frame: &Frame) -> Result<(Handshake, Effect), Violation> {
        match frame.payload_type {
            PayloadType::HandshakeRequest => {
                let request = HandshakeRequest::parse(&frame.payload).map_err(Violation::Handshake)?;
                let (response, refusal) = answer(&request);
                let next = match refusal {
                    None => Handshake::Answered(Answered),
                    Some(_) => Handshake::Refused(Refused),
                };
                let session_type = session_type(&request);
                let agent_version = request.agent_version;
                let response = response.encode();
                Ok((next, Effect::Answer { response, agent_version, session_type, refusal }))
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
            PayloadType::EncChallengeRequest => Err(Violation::ChallengeWithoutKey),
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
fn answer(request: &HandshakeRequest) -> (HandshakeResponse, Option<String>) {
    let outcomes: Vec<_> = request.actions.iter().map(|action| (action, process(action))).collect();
    let errors: Vec<String> = outcomes
        .iter()
        .filter_map(|(_, outcome)| outcome.as_ref().err().map(|(_, cause)| cause.clone()))
        .collect();
    let refusal = errors.first().cloned();
    let actions = outcomes
        .into_iter()
        .map(|(action, outcome)| {
            let action_type = action.action_type().to_owned();
            let (status, error) = match outcome {
                Ok(()) => (ActionStatus::Success, String::new()),
                // The official client's words around the cause.
                Err((status, cause)) => (status, format!("Failed to process action {action_type}: {cause}")),
            };
            ProcessedAction { action_type, status, result: ActionResult::None, error }
        })
        .collect();
    let response = HandshakeResponse {
        client_version: CLIENT_VERSION.to_owned(),
        actions,
        errors: (!errors.is_empty()).then_some(errors),
    };
    (response, refusal)
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

fn process(action: &RequestedAction) -> Result<(), (ActionStatus, String)> {
    match action {
        RequestedAction::SessionType { session_type, properties } => {
            match SessionType::from_action(session_type, properties) {
                Some(_) => Ok(()),
                None => Err((ActionStatus::Failed, format!("Unknown session type {session_type}"))),
            }
        }
        RequestedAction::KmsEncryption { .. } => Err((
            ActionStatus::Failed,
            "the account's preferences want this session encrypted with KMS, and this version of ssmtui lacks KMS yet"
                .to_owned(),
        )),
        RequestedAction::Other { action_type, .. } => {
            Err((ActionStatus::Unsupported, format!("Unsupported action {action_type}")))
        }
    }
}
