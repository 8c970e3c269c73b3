//! The frames that the service itself makes: the session is over, the other side is away or back.

use bytes::Bytes;
use jiff::Timestamp;
use uuid::Uuid;

use crate::session::message::{ChannelClosed, Frame, HeaderLength, MessageType, PayloadType};

/// `channel_closed`, with the words for the user.
pub(super) fn channel_closed(session_id: &str, output: &str, header_length: HeaderLength) -> Bytes {
    let now = Timestamp::now();
    let id = Uuid::new_v4();
    let payload = ChannelClosed {
        message_id: id.to_string(),
        created_date: format!("{now:.3}"),
        destination_id: Uuid::new_v4().to_string(),
        session_id: session_id.to_owned(),
        message_type: MessageType::ChannelClosed.as_str().to_owned(),
        schema_version: 1,
        output: output.to_owned(),
    };
    frame(MessageType::ChannelClosed, id, now, payload.encode(), header_length)
}

/// `start_publication`: the other side is there. Nobody reads the payload.
pub(super) fn start_publication() -> Bytes {
    publication(MessageType::StartPublication)
}

/// `pause_publication`: the other side is away.
pub(super) fn pause_publication() -> Bytes {
    publication(MessageType::PausePublication)
}

fn publication(message_type: MessageType) -> Bytes {
    let payload = Bytes::from_static(br#"{"SchemaVersion":1}"#);
    frame(message_type, Uuid::new_v4(), Timestamp::now(), payload, HeaderLength::Full)
}

fn frame(
    message_type: MessageType,
    id: Uuid,
    now: Timestamp,
    payload: Bytes,
    header_length: HeaderLength,
) -> Bytes {
    Frame {
        message_type,
        schema_version: 1,
        created_ms: now.as_millisecond().unsigned_abs(),
        sequence: 0,
        flags: 3,
        id,
        payload_type: PayloadType::None,
        payload,
        header_length,
    }
    .encode()
}
