//! The binary frame: 116 (or 112) bytes of header, the length of the payload, the payload.
//!
//! Layout and checks as in the official client's `messageparser.go` and the official agent's `agentmessage.go`;
//! all integers big-endian:
//!
//! ```text
//!   0 u32 header length (offset of the payload length)    64  16 message id, low half first
//!   4  32 message type, padded with spaces                80  32 SHA-256 of the payload
//!  36 u32 schema version   40 u64 created, ms            112 u32 payload type (absent if header length is 112)
//!  48 i64 sequence         56 u64 flags                  116 u32 payload length, then the payload
//! ```

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use bytes::{BufMut, Bytes, BytesMut};
use uuid::Uuid;

/// One protocol message, without its digest: that is checked while parsing and computed while printing.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    /// What kind of message this is.
    pub message_type: MessageType,
    /// 1 wherever it was seen; nobody checks it.
    pub schema_version: u32,
    /// When the message was first built, milliseconds since the Unix epoch. Zero is refused by readers.
    pub created_ms: u64,
    /// Number in its stream; 0 in messages outside the streams.
    pub sequence: i64,
    /// Bit 0 SYN, bit 1 FIN. No reader looks at it.
    pub flags: u64,
    /// The message's own id.
    pub id: Uuid,
    /// What the payload of a stream message is.
    pub payload_type: PayloadType,
    /// The payload as sent (encrypted, if the session is).
    pub payload: Bytes,
    /// Which of the two header forms the frame has.
    pub header_length: HeaderLength,
}

/// Without the payload: what is typed and printed belongs into no log.
impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame")
            .field("message_type", &self.message_type)
            .field("sequence", &self.sequence)
            .field("payload_type", &self.payload_type)
            .field("payload", &format_args!("[{} bytes]", self.payload.len()))
            .field("flags", &self.flags)
            .field("id", &self.id)
            .field("created_ms", &self.created_ms)
            .field("header_length", &self.header_length)
            .finish_non_exhaustive()
    }
}

/// The type field of a frame.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum MessageType {
    /// Client to agent, numbered.
    InputStreamData,
    /// Agent to client, numbered.
    OutputStreamData,
    /// The receipt for one numbered message.
    Acknowledge,
    /// The session is over; sent by the service.
    ChannelClosed,
    /// The other side is there (again); sent by the service.
    StartPublication,
    /// The other side is away; sent by the service.
    PausePublication,
    /// Agent to service only.
    AgentSessionState,
    /// Anything else; both official ends log and drop it. At most 32 bytes of it are printed.
    Other(String),
}

impl MessageType {
    /// The text on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::InputStreamData => "input_stream_data",
            Self::OutputStreamData => "output_stream_data",
            Self::Acknowledge => "acknowledge",
            Self::ChannelClosed => "channel_closed",
            Self::StartPublication => "start_publication",
            Self::PausePublication => "pause_publication",
            Self::AgentSessionState => "agent_session_state",
            Self::Other(text) => text,
        }
    }

    /// From the text on the wire, padding already removed.
    pub fn from_text(text: &str) -> Self {
        match text {
            "input_stream_data" => Self::InputStreamData,
            "output_stream_data" => Self::OutputStreamData,
            "acknowledge" => Self::Acknowledge,
            "channel_closed" => Self::ChannelClosed,
            "start_publication" => Self::StartPublication,
            "pause_publication" => Self::PausePublication,
            "agent_session_state" => Self::AgentSessionState,
            other => Self::Other(other.to_owned()),
        }
    }

    fn is_publication(&self) -> bool {
        matches!(self, Self::StartPublication | Self::PausePublication)
    }
}

/// What the payload of a stream message is (`clientmessage.go`, `contracts/model.go`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PayloadType {
    /// 0: a message outside the streams, its payload is JSON.
    None,
    /// 1: terminal output, typed input, bytes of a port.
    Output,
    /// 2: declared and never sent by the official ends.
    Error,
    /// 3: terminal size.
    Size,
    /// 4: declared and never sent by the official ends.
    Parameter,
    /// 5: what the agent wants done before the session starts.
    HandshakeRequest,
    /// 6: what the client did about it.
    HandshakeResponse,
    /// 7: the session starts now.
    HandshakeComplete,
    /// 8: the agent's proof that both ends have the same keys.
    EncChallengeRequest,
    /// 9: the client's answer to it.
    EncChallengeResponse,
    /// 10: a signal of port sessions.
    Flag,
    /// 11: standard error of a command.
    StdErr,
    /// 12: exit code of a command.
    ExitCode,
    /// Anything else.
    Other(u32),
}

impl PayloadType {
    /// The number on the wire.
    pub fn number(self) -> u32 {
        match self {
            Self::None => 0,
            Self::Output => 1,
            Self::Error => 2,
            Self::Size => 3,
            Self::Parameter => 4,
            Self::HandshakeRequest => 5,
            Self::HandshakeResponse => 6,
            Self::HandshakeComplete => 7,
            Self::EncChallengeRequest => 8,
            Self::EncChallengeResponse => 9,
            Self::Flag => 10,
            Self::StdErr => 11,
            Self::ExitCode => 12,
            Self::Other(number) => number,
        }
    }

    /// From the number on the wire.
    pub fn from_number(number: u32) -> Self {
        match number {
            0 => Self::None,
            1 => Self::Output,
            2 => Self::Error,
            3 => Self::Size,
            4 => Self::Parameter,
            5 => Self::HandshakeRequest,
            6 => Self::HandshakeResponse,
            7 => Self::HandshakeComplete,
            8 => Self::EncChallengeRequest,
            9 => Self::EncChallengeResponse,
            10 => Self::Flag,
            11 => Self::StdErr,
            12 => Self::ExitCode,
            other => Self::Other(other),
        }
    }
}

/// The two header forms: the service leaves the payload type out of some of its own messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HeaderLength {
    /// 116: with payload type, as both official ends write.
    Full,
    /// 112: without payload type, as AWS sends `channel_closed`.
    WithoutPayloadType,
}

impl HeaderLength {
    /// The number on the wire: the offset of the payload length.
    pub fn bytes(self) -> usize {
        match self {
            Self::Full => 116,
            Self::WithoutPayloadType => 112,
        }
    }
}

/// Whose rules a frame is read by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checks {
    /// Length and digest must be right, except in `start_publication` and `pause_publication`, where anything goes.
    Client,
    /// As the official agent: neither the stated payload length nor the digest is looked at.
    Agent,
}

/// Why a frame was not taken. The official ends log and drop such a frame and go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The frame ends before its payload can begin.
    #[error("frame of {got} bytes, {needed} needed")]
    Short {
        /// Length of the frame.
        got: usize,
        /// What its header length asks for.
        needed: usize,
    },
    /// The header length is neither 112 nor 116.
    #[error("header length {0}, expected 112 or 116")]
    HeaderLength(u32),
    /// The message type is blank.
    #[error("no message type")]
    NoMessageType,
    /// The created date is zero.
    #[error("no created date")]
    NoCreatedDate,
    /// The stated payload length is not that of the rest of the frame.
    #[error("payload of {found} bytes, {stated} stated")]
    PayloadLength {
        /// What the frame says.
        stated: u32,
        /// What it holds.
        found: usize,
    },
    /// The payload is not the one that was sent.
    #[error("payload digest is wrong")]
    Digest,
}

impl Frame {
    /// Reads one frame; the payload shares the buffer of `bytes`. Never panics, whatever the bytes.
    pub fn parse(bytes: &Bytes, checks: Checks) -> Result<Self, FrameError> {
        let short = |needed| FrameError::Short { got: bytes.len(), needed };
        let message_type =
            message_type(bytes.get(4..36).ok_or(short(36))?).ok_or(FrameError::NoMessageType)?;
        let lenient = checks == Checks::Client && message_type.is_publication();

        let header_length = match u32_at(bytes, 0) {
            116 => HeaderLength::Full,
            112 => HeaderLength::WithoutPayloadType,
            _ if lenient => HeaderLength::Full,
            other => return Err(FrameError::HeaderLength(other)),
        };
        let length_at = header_length.bytes();
        if bytes.len() < length_at + 4 && !lenient {
            return Err(short(length_at + 4));
        }
        let payload = bytes.slice((length_at + 4).min(bytes.len())..);
        let created_ms = u64_at(bytes, 40);
        if !lenient {
            if created_ms == 0 {
                return Err(FrameError::NoCreatedDate);
            }
            if checks == Checks::Client {
                check_payload(bytes, u32_at(bytes, length_at), &payload)?;
            }
        }
        Ok(Self {
            message_type,
            schema_version: u32_at(bytes, 36),
            created_ms,
            sequence: u64_at(bytes, 48) as i64,
            flags: u64_at(bytes, 56),
            id: id_at(bytes, 64),
            payload_type: match header_length {
                HeaderLength::Full => PayloadType::from_number(u32_at(bytes, 112)),
                HeaderLength::WithoutPayloadType => PayloadType::None,
            },
            payload,
            header_length,
        })
    }

    /// Prints the frame, with the digest of its payload.
    pub fn encode(&self) -> Bytes {
        let header_length = self.header_length.bytes();
        let mut out = BytesMut::with_capacity(header_length + 4 + self.payload.len());
        out.put_u32(header_length as u32);
        let text = self.message_type.as_str().as_bytes();
        let text = &text[..text.len().min(32)];
        out.put_slice(text);
        out.put_bytes(b' ', 32 - text.len());
        out.put_u32(self.schema_version);
        out.put_u64(self.created_ms);
        out.put_i64(self.sequence);
        out.put_u64(self.flags);
        let (high, low) = self.id.as_u64_pair();
        out.put_u64(low);
        out.put_u64(high);
        out.put_slice(digest(&SHA256, &self.payload).as_ref());
        if self.header_length == HeaderLength::Full {
            out.put_u32(self.payload_type.number());
        }
        out.put_u32(self.payload.len() as u32);
        out.put_slice(&self.payload);
        out.freeze()
    }
}

fn check_payload(bytes: &[u8], stated: u32, payload: &[u8]) -> Result<(), FrameError> {
    if stated as usize != payload.len() {
        return Err(FrameError::PayloadLength { stated, found: payload.len() });
    }
    // The official client leaves the digest of an empty payload alone.
    if !payload.is_empty() && digest(&SHA256, payload).as_ref() != &bytes[80..112] {
        return Err(FrameError::Digest);
    }
    Ok(())
}

/// The official readers trim NULs from both ends, then white space.
fn message_type(field: &[u8]) -> Option<MessageType> {
    let text = String::from_utf8_lossy(field);
    let text = text.trim_matches('\0').trim();
    (!text.is_empty()).then(|| MessageType::from_text(text))
}

/// The field at `offset`, or zero where the frame is too short to have it.
fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    bytes.get(offset..offset + 8).and_then(|field| field.try_into().ok()).map_or(0, u64::from_be_bytes)
}

fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    bytes.get(offset..offset + 4).and_then(|field| field.try_into().ok()).map_or(0, u32::from_be_bytes)
}

fn id_at(bytes: &[u8], offset: usize) -> Uuid {
    Uuid::from_u64_pair(u64_at(bytes, offset + 8), u64_at(bytes, offset))
}
