//! The codec: frames, payloads, handshake. Parse and print, nothing else; it knows neither time nor state.
//!
//! One frame is one binary WebSocket message ([`Frame`]); what is inside is one of the payload types below, told
//! apart by [`PayloadType`] (or, for messages outside the numbered streams, by [`MessageType`]). Both ends of a
//! session use it: the client and the simulated agent. It is pinned by byte vectors of the official ends.

mod frame;
mod handshake;
mod json;
mod payload;
#[cfg(test)]
pub(crate) mod recording;
mod session_type;
pub mod smux;
#[cfg(test)]
mod tests;

pub use frame::{Checks, Frame, FrameError, HeaderLength, MessageType, PayloadType};
pub use handshake::{
    ActionResult, ActionStatus, EncryptionChallenge, HandshakeComplete, HandshakeRequest, HandshakeResponse,
    ProcessedAction, RequestedAction,
};
pub use payload::{
    Acknowledge, AgentSessionState, ChannelClosed, ExitCode, Flag, OpenDataChannel, PayloadError, Size,
};
pub use session_type::{PortProperties, SessionType};

/// What one stream message carries at most as the official ends send it (`StreamDataPayloadSize` in the
/// configuration of both); readers take any size.
pub const STREAM_PAYLOAD_LIMIT: usize = 1024;
