//! The handshake's payloads: what the agent asks for, what the client did, and that the session starts.
//!
//! Shapes from the agent's `contracts/model.go` and the client's `clientmessage.go`.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::{Serialize, Serializer, ser::SerializeStruct};
use serde_json::Value;

use super::json::{self, Object};
use super::payload::PayloadError;

/// What the agent wants done before the session starts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HandshakeRequest {
    /// Version of the agent, which decides between variants of port sessions.
    #[serde(rename = "AgentVersion")]
    pub agent_version: String,
    /// What is to be done; the session type is always first.
    #[serde(rename = "RequestedClientActions")]
    pub actions: Vec<RequestedAction>,
}

/// One thing the agent wants done.
#[derive(Debug, Clone, PartialEq)]
pub enum RequestedAction {
    /// Start the handler of this type of session.
    SessionType {
        /// `Standard_Stream`, `InteractiveCommands`, `NonInteractiveCommands`, `Port`.
        session_type: String,
        /// The document's properties; `null` for all but `Port`.
        properties: Value,
    },
    /// Encrypt.
    KmsEncryption {
        /// The key to make a data key with.
        key_id: String,
        /// Newer agents: goes into the encryption context.
        challenge: Option<String>,
    },
    /// An action this client does not know.
    Other {
        /// Its name.
        action_type: String,
        /// Its parameters.
        parameters: Value,
    },
}

impl RequestedAction {
    /// The action's name on the wire.
    pub fn action_type(&self) -> &str {
        match self {
            Self::SessionType { .. } => "SessionType",
            Self::KmsEncryption { .. } => "KMSEncryption",
            Self::Other { action_type, .. } => action_type,
        }
    }

    fn from_value(value: Value) -> Result<Self, PayloadError> {
        let mut object = Object::from_value(value, "RequestedClientActions")?;
        let action_type = object.text("ActionType")?.unwrap_or_default();
        let parameters = object.take("ActionParameters").unwrap_or_default();
        Ok(match action_type.as_str() {
            "SessionType" => {
                let mut parameters = Object::from_value(parameters, "ActionParameters")?;
                Self::SessionType {
                    session_type: parameters.text("SessionType")?.unwrap_or_default(),
                    properties: parameters.take("Properties").unwrap_or_default(),
                }
            }
            "KMSEncryption" => {
                let mut parameters = Object::from_value(parameters, "ActionParameters")?;
                Self::KmsEncryption {
                    key_id: parameters.text("KMSKeyId")?.unwrap_or_default(),
                    challenge: parameters.text("Challenge")?.filter(|challenge| !challenge.is_empty()),
                }
            }
            _ => Self::Other { action_type, parameters },
        })
    }
}

impl Serialize for RequestedAction {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct SessionType<'a> {
            #[serde(rename = "SessionType")]
            session_type: &'a str,
            #[serde(rename = "Properties")]
            properties: &'a Value,
        }
        #[derive(Serialize)]
        struct Kms<'a> {
            #[serde(rename = "KMSKeyId")]
            key_id: &'a str,
            #[serde(rename = "Challenge", skip_serializing_if = "Option::is_none")]
            challenge: &'a Option<String>,
        }
        let mut action = serializer.serialize_struct("Action", 2)?;
        action.serialize_field("ActionType", self.action_type())?;
        match self {
            Self::SessionType { session_type, properties } => {
                action.serialize_field("ActionParameters", &SessionType { session_type, properties })?;
            }
            Self::KmsEncryption { key_id, challenge } => {
                action.serialize_field("ActionParameters", &Kms { key_id, challenge })?;
            }
            Self::Other { parameters, .. } => action.serialize_field("ActionParameters", parameters)?,
        }
        action.end()
    }
}

impl HandshakeRequest {
    /// Reads the payload of a `HandshakeRequest` message.
    pub fn parse(bytes: &[u8]) -> Result<Self, PayloadError> {
        let mut object = Object::parse(bytes)?;
        Ok(Self {
            agent_version: object.text("AgentVersion")?.unwrap_or_default(),
            actions: object
                .list("RequestedClientActions")?
                .unwrap_or_default()
                .into_iter()
                .map(RequestedAction::from_value)
                .collect::<Result<_, _>>()?,
        })
    }

    /// Prints it.
    pub fn encode(&self) -> Bytes {
        json::print(self)
    }
}

/// What the client did about the agent's request. Sent once in the life of a session: a second one blocks the
/// official agent for ever.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HandshakeResponse {
    /// Version of the client; a plain number of four parts.
    #[serde(rename = "ClientVersion")]
    pub client_version: String,
    /// One entry per requested action, in their order.
    #[serde(rename = "ProcessedClientActions")]
    pub actions: Vec<ProcessedAction>,
    /// Causes of failed actions; `null` on the wire if there are none, and ignored by the agent.
    #[serde(rename = "Errors")]
    pub errors: Option<Vec<String>>,
}

/// What became of one action.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProcessedAction {
    /// The action's name.
    #[serde(rename = "ActionType")]
    pub action_type: String,
    /// The agent ends the session on anything but success.
    #[serde(rename = "ActionStatus")]
    pub status: ActionStatus,
    /// What came of it.
    #[serde(rename = "ActionResult")]
    pub result: ActionResult,
    /// Why it failed; the user is shown this.
    #[serde(rename = "Error")]
    pub error: String,
}

/// How an action went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActionStatus {
    /// 0: what the official client leaves for an action that it does not know.
    Unset,
    /// 1.
    Success,
    /// 2.
    Failed,
    /// 3.
    Unsupported,
    /// Anything else.
    Other(i64),
}

impl ActionStatus {
    /// The number on the wire.
    pub fn number(self) -> i64 {
        match self {
            Self::Unset => 0,
            Self::Success => 1,
            Self::Failed => 2,
            Self::Unsupported => 3,
            Self::Other(number) => number,
        }
    }

    /// From the number on the wire.
    pub fn from_number(number: i64) -> Self {
        match number {
            0 => Self::Unset,
            1 => Self::Success,
            2 => Self::Failed,
            3 => Self::Unsupported,
            other => Self::Other(other),
        }
    }
}

impl Serialize for ActionStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.number())
    }
}

/// What came of an action.
#[derive(Debug, Clone, PartialEq)]
pub enum ActionResult {
    /// Nothing (`null`).
    None,
    /// The encrypted data key.
    Kms {
        /// What the agent has KMS decrypt.
        cipher_text_key: Vec<u8>,
        /// Declared and never filled by the official client.
        cipher_text_hash: Option<Vec<u8>>,
        /// Whether the agent's challenge is in the encryption context; printed only if so.
        challenge_acknowledged: bool,
    },
    /// Anything else.
    Other(Value),
}

impl ActionResult {
    fn from_value(value: Value) -> Result<Self, PayloadError> {
        let Value::Object(map) = value else {
            return Ok(if value.is_null() { Self::None } else { Self::Other(value) });
        };
        if !map.keys().any(|key| key.eq_ignore_ascii_case("KMSCipherTextKey")) {
            return Ok(Self::Other(Value::Object(map)));
        }
        let mut object = Object::from_value(Value::Object(map), "ActionResult")?;
        Ok(Self::Kms {
            cipher_text_key: base64(&mut object, "KMSCipherTextKey")?.unwrap_or_default(),
            cipher_text_hash: base64(&mut object, "KMSCipherTextHash")?,
            challenge_acknowledged: object.flag("ChallengeAcknowledgement")?.unwrap_or(false),
        })
    }
}

impl Serialize for ActionResult {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_unit(),
            Self::Other(value) => value.serialize(serializer),
            Self::Kms { cipher_text_key, cipher_text_hash, challenge_acknowledged } => {
                let fields = if *challenge_acknowledged { 3 } else { 2 };
                let mut result = serializer.serialize_struct("ActionResult", fields)?;
                result.serialize_field("KMSCipherTextKey", &STANDARD.encode(cipher_text_key))?;
                let hash = cipher_text_hash.as_ref().map(|hash| STANDARD.encode(hash));
                result.serialize_field("KMSCipherTextHash", &hash)?;
                if *challenge_acknowledged {
                    result.serialize_field("ChallengeAcknowledgement", &true)?;
                }
                result.end()
            }
        }
    }
}

impl HandshakeResponse {
    /// Reads the payload of a `HandshakeResponse` message.
    pub fn parse(bytes: &[u8]) -> Result<Self, PayloadError> {
        let mut object = Object::parse(bytes)?;
        let actions = object.list("ProcessedClientActions")?.unwrap_or_default();
        let errors = object.list("Errors")?.map(|errors| {
            errors.into_iter().map(|error| error.as_str().unwrap_or_default().to_owned()).collect()
        });
        Ok(Self {
            client_version: object.text("ClientVersion")?.unwrap_or_default(),
            actions: actions.into_iter().map(ProcessedAction::from_value).collect::<Result<_, _>>()?,
            errors,
        })
    }

    /// Prints it.
    pub fn encode(&self) -> Bytes {
        json::print(self)
    }
}

impl ProcessedAction {
    fn from_value(value: Value) -> Result<Self, PayloadError> {
        let mut object = Object::from_value(value, "ProcessedClientActions")?;
        Ok(Self {
            action_type: object.text("ActionType")?.unwrap_or_default(),
            status: ActionStatus::from_number(object.integer("ActionStatus")?.unwrap_or(0)),
            result: ActionResult::from_value(object.take("ActionResult").unwrap_or_default())?,
            error: object.text("Error")?.unwrap_or_default(),
        })
    }
}

/// The session starts now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct HandshakeComplete {
    /// How long the handshake took the agent, in nanoseconds.
    #[serde(rename = "HandshakeTimeToComplete")]
    pub nanoseconds: i64,
    /// For the user, on a line of its own, if not empty.
    #[serde(rename = "CustomerMessage")]
    pub customer_message: String,
}

impl HandshakeComplete {
    /// Reads the payload of a `HandshakeComplete` message.
    pub fn parse(bytes: &[u8]) -> Result<Self, PayloadError> {
        let mut object = Object::parse(bytes)?;
        Ok(Self {
            nanoseconds: object.integer("HandshakeTimeToComplete")?.unwrap_or(0),
            customer_message: object.text("CustomerMessage")?.unwrap_or_default(),
        })
    }

    /// Prints it.
    pub fn encode(&self) -> Bytes {
        json::print(self)
    }
}

/// 64 random bytes, encrypted: the agent's question and the client's answer have the same form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncryptionChallenge {
    /// Nonce, ciphertext and tag.
    pub challenge: Vec<u8>,
}

impl EncryptionChallenge {
    /// Reads the payload of an `EncChallengeRequest` or `EncChallengeResponse` message.
    pub fn parse(bytes: &[u8]) -> Result<Self, PayloadError> {
        let challenge = base64(&mut Object::parse(bytes)?, "Challenge")?;
        Ok(Self { challenge: challenge.ok_or(PayloadError::Missing("Challenge"))? })
    }

    /// Prints it.
    pub fn encode(&self) -> Bytes {
        #[derive(Serialize)]
        struct Wire {
            #[serde(rename = "Challenge")]
            challenge: String,
        }
        json::print(&Wire { challenge: STANDARD.encode(&self.challenge) })
    }
}

fn base64(object: &mut Object, field: &'static str) -> Result<Option<Vec<u8>>, PayloadError> {
    object
        .text(field)?
        .map(|text| STANDARD.decode(text).map_err(|_| PayloadError::Wrong { field, expected: "base64" }))
        .transpose()
}
