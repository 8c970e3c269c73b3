//! The payloads that are not part of the handshake. Keys and their order are those of the official ends.

use std::fmt;

use bytes::Bytes;
use serde::Serialize;
use uuid::Uuid;

use super::json::{self, Object};

/// Why a payload is not what its type says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// It should be JSON and is not.
    #[error("payload is not JSON (line {line}, column {column})")]
    NotJson {
        /// Where the parser gave up.
        line: usize,
        /// Where the parser gave up.
        column: usize,
    },
    /// It is JSON, but no object.
    #[error("payload is not a JSON object")]
    NotAnObject,
    /// A field without which the payload means nothing.
    #[error("payload lacks `{0}`")]
    Missing(&'static str),
    /// A field of another type than it should have.
    #[error("`{field}` is not {expected}")]
    Wrong {
        /// The field's name on the wire.
        field: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// A binary payload of the wrong size.
    #[error("payload of {got} bytes, expected {expected}")]
    Length {
        /// Its size.
        got: usize,
        /// What it should be.
        expected: usize,
    },
}

/// The receipt for one stream message. Receivers match it by [`sequence`](Self::sequence) alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Acknowledge {
    /// Type of the message that arrived, as on the wire.
    #[serde(rename = "AcknowledgedMessageType")]
    pub message_type: String,
    /// Its id; nil if the sender's could not be read.
    #[serde(rename = "AcknowledgedMessageId", serialize_with = "json::text_form")]
    pub message_id: Uuid,
    /// Its sequence number.
    #[serde(rename = "AcknowledgedMessageSequenceNumber")]
    pub sequence: i64,
    /// Always true.
    #[serde(rename = "IsSequentialMessage")]
    pub sequential: bool,
}

impl Acknowledge {
    /// Reads the payload of an `acknowledge` frame.
    pub fn parse(bytes: &[u8]) -> Result<Self, PayloadError> {
        let mut object = Object::parse(bytes)?;
        let sequence = "AcknowledgedMessageSequenceNumber";
        Ok(Self {
            message_type: object.text("AcknowledgedMessageType")?.unwrap_or_default(),
            message_id: object
                .text("AcknowledgedMessageId")?
                .and_then(|id| id.parse().ok())
                .unwrap_or_default(),
            sequence: object.integer(sequence)?.ok_or(PayloadError::Missing(sequence))?,
            sequential: object.flag("IsSequentialMessage")?.unwrap_or(false),
        })
    }

    /// Prints it.
    pub fn encode(&self) -> Bytes {
        json::print(self)
    }
}

/// Terminal size in cells. The agent casts both to 16 bits and applies zero as given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct Size {
    /// Width.
    pub cols: u32,
    /// Height.
    pub rows: u32,
}

impl Size {
    /// Reads the payload of a `Size` message.
    pub fn parse(bytes: &[u8]) -> Result<Self, PayloadError> {
        let mut object = Object::parse(bytes)?;
        Ok(Self { cols: object.unsigned("cols")?.unwrap_or(0), rows: object.unsigned("rows")?.unwrap_or(0) })
    }

    /// Prints it.
    pub fn encode(&self) -> Bytes {
        json::print(self)
    }
}

/// The first message on every socket, sent as text. The token in it is a secret.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct OpenDataChannel {
    /// "1.0".
    #[serde(rename = "MessageSchemaVersion")]
    pub schema_version: String,
    /// New for every socket.
    #[serde(rename = "RequestId", serialize_with = "json::text_form")]
    pub request_id: Uuid,
    /// What StartSession or ResumeSession gave; good once.
    #[serde(rename = "TokenValue")]
    pub token: String,
    /// Agents only: the instance they run on.
    #[serde(rename = "ClientInstanceId", skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
    /// One per process, the same on every socket. Some clients leave it out.
    #[serde(
        rename = "ClientId",
        serialize_with = "json::optional_text_form",
        skip_serializing_if = "Option::is_none"
    )]
    pub client_id: Option<Uuid>,
    /// Clients from 1.2.677.0 on.
    #[serde(rename = "ClientVersion", skip_serializing_if = "Option::is_none")]
    pub client_version: Option<String>,
}

impl OpenDataChannel {
    /// The client's form.
    pub fn client(request_id: Uuid, token: String, client_id: Uuid, client_version: &str) -> Self {
        Self {
            schema_version: "1.0".to_owned(),
            request_id,
            token,
            instance_id: None,
            client_id: Some(client_id),
            client_version: Some(client_version.to_owned()),
        }
    }

    /// The agent's form.
    pub fn agent(request_id: Uuid, token: String, client_id: Uuid, instance_id: String) -> Self {
        Self {
            schema_version: "1.0".to_owned(),
            request_id,
            token,
            instance_id: Some(instance_id),
            client_id: Some(client_id),
            client_version: None,
        }
    }

    /// Reads either form.
    pub fn parse(bytes: &[u8]) -> Result<Self, PayloadError> {
        let mut object = Object::parse(bytes)?;
        let token = object.text("TokenValue")?.ok_or(PayloadError::Missing("TokenValue"))?;
        Ok(Self {
            // pyssm-client, which AWS takes, sends a number here and its name as the ClientId.
            schema_version: object.scalar("MessageSchemaVersion").unwrap_or_default(),
            request_id: uuid(&mut object, "RequestId")?.unwrap_or_default(),
            token,
            instance_id: object.text("ClientInstanceId")?,
            client_id: object.text("ClientId")?.and_then(|id| id.parse().ok()),
            client_version: object.text("ClientVersion")?,
        })
    }

    /// Prints it; send as a text message.
    pub fn encode(&self) -> Bytes {
        json::print(self)
    }
}

impl fmt::Debug for OpenDataChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenDataChannel")
            .field("request_id", &self.request_id)
            .field("token", &"[redacted]")
            .field("instance_id", &self.instance_id)
            .field("client_id", &self.client_id)
            .field("client_version", &self.client_version)
            .finish_non_exhaustive()
    }
}

/// An empty one is none: the official agent (3.3.1142, seen) has no ClientId and sends it so.
fn uuid(object: &mut Object, field: &'static str) -> Result<Option<Uuid>, PayloadError> {
    object
        .text(field)?
        .filter(|text| !text.is_empty())
        .map(|text| text.parse().map_err(|_| PayloadError::Wrong { field, expected: "a UUID" }))
        .transpose()
}

/// The 4-byte signal of port sessions; an ordinary numbered message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Flag {
    /// Client to agent: the local connection ended (one connection at a time only).
    DisconnectToPort,
    /// Client to agent: end the port session (agents above 2.3.722.0).
    TerminateSession,
    /// Agent to client: one stream's destination could not be dialled.
    ConnectToPortError,
    /// Anything else.
    Other(u32),
}

impl Flag {
    /// Reads the payload of a `Flag` message.
    pub fn parse(bytes: &[u8]) -> Result<Self, PayloadError> {
        let number: [u8; 4] =
            bytes.try_into().map_err(|_| PayloadError::Length { got: bytes.len(), expected: 4 })?;
        Ok(match u32::from_be_bytes(number) {
            1 => Self::DisconnectToPort,
            2 => Self::TerminateSession,
            3 => Self::ConnectToPortError,
            other => Self::Other(other),
        })
    }

    /// Prints it.
    pub fn encode(&self) -> Bytes {
        let number: u32 = match self {
            Self::DisconnectToPort => 1,
            Self::TerminateSession => 2,
            Self::ConnectToPortError => 3,
            Self::Other(number) => *number,
        };
        Bytes::copy_from_slice(&number.to_be_bytes())
    }
}

/// The service's word that the session is over. Key order as in a sample from AWS.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ChannelClosed {
    /// Id of this message, as text.
    #[serde(rename = "MessageId")]
    pub message_id: String,
    /// When, as text.
    #[serde(rename = "CreatedDate")]
    pub created_date: String,
    /// Whom it is for.
    #[serde(rename = "DestinationId")]
    pub destination_id: String,
    /// The session that ended.
    #[serde(rename = "SessionId")]
    pub session_id: String,
    /// "channel_closed".
    #[serde(rename = "MessageType")]
    pub message_type: String,
    /// 1.
    #[serde(rename = "SchemaVersion")]
    pub schema_version: u32,
    /// Why, in words for the user; empty on a clean end.
    #[serde(rename = "Output")]
    pub output: String,
}

impl ChannelClosed {
    /// Reads the payload of a `channel_closed` frame. One that cannot be read ends the session all the same.
    pub fn parse(bytes: &[u8]) -> Result<Self, PayloadError> {
        let mut object = Object::parse(bytes)?;
        Ok(Self {
            message_id: object.text("MessageId")?.unwrap_or_default(),
            created_date: object.text("CreatedDate")?.unwrap_or_default(),
            destination_id: object.text("DestinationId")?.unwrap_or_default(),
            session_id: object.text("SessionId")?.unwrap_or_default(),
            message_type: object.text("MessageType")?.unwrap_or_default(),
            schema_version: object.unsigned("SchemaVersion")?.unwrap_or(0),
            output: object.text("Output")?.unwrap_or_default(),
        })
    }

    /// Prints it.
    pub fn encode(&self) -> Bytes {
        json::print(self)
    }
}

/// The agent's word to the service about the session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AgentSessionState {
    /// 1.
    #[serde(rename = "SchemaVersion")]
    pub schema_version: u32,
    /// "Connected" or "Terminating".
    #[serde(rename = "SessionState")]
    pub state: String,
    /// Which session.
    #[serde(rename = "SessionId")]
    pub session_id: String,
}

impl AgentSessionState {
    /// Reads the payload of an `agent_session_state` frame.
    pub fn parse(bytes: &[u8]) -> Result<Self, PayloadError> {
        let mut object = Object::parse(bytes)?;
        Ok(Self {
            schema_version: object.unsigned("SchemaVersion")?.unwrap_or(0),
            state: object.text("SessionState")?.unwrap_or_default(),
            session_id: object.text("SessionId")?.unwrap_or_default(),
        })
    }

    /// Prints it.
    pub fn encode(&self) -> Bytes {
        json::print(self)
    }
}

/// How a command ended (`EXIT_CODE: n`); only commands with separate streams send it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ExitCode(pub i32);

impl ExitCode {
    /// Reads the payload of an `ExitCode` message.
    pub fn parse(bytes: &[u8]) -> Result<Self, PayloadError> {
        std::str::from_utf8(bytes)
            .ok()
            .and_then(|text| text.trim().strip_prefix("EXIT_CODE:"))
            .and_then(|number| number.trim().parse().ok())
            .map(Self)
            .ok_or(PayloadError::Wrong { field: "EXIT_CODE", expected: "a number" })
    }

    /// Prints it.
    pub fn encode(&self) -> Bytes {
        format!("EXIT_CODE: {}", self.0).into()
    }
}
