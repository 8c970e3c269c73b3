//! Makes frames: each gets an id and a date, and in an encrypted session its payload is sealed.

use std::time::Instant;

use bytes::Bytes;

use super::cipher::{Sealer, is_sealed};
use crate::session::{
    message::{Acknowledge, Frame, HeaderLength, MessageType, PayloadType},
    random::Random,
};

/// Knows what time of day an `Instant` is, and draws ids.
#[derive(Debug)]
pub(super) struct Composer {
    random: Random,
    start: Instant,
    start_ms: u64,
    sealer: Option<Sealer>,
}

impl Composer {
    /// `start_ms` is the time of day at `start`, in milliseconds since the Unix epoch.
    pub(super) fn new(seed: u64, start: Instant, start_ms: u64) -> Self {
        Self { random: Random::new(seed), start, start_ms, sealer: None }
    }

    /// From now on.
    pub(super) fn encrypt(&mut self, sealer: Sealer) {
        self.sealer = Some(sealer);
    }

    /// Sealed, if the session is encrypted.
    pub(super) fn seal(&mut self, content: &[u8]) -> Bytes {
        match &mut self.sealer {
            Some(sealer) => sealer.seal(content),
            None => Bytes::copy_from_slice(content),
        }
    }

    /// A numbered message. The official client sets no flag on any of them.
    pub(super) fn stream(&mut self, now: Instant, sequence: i64, kind: PayloadType, payload: Bytes) -> Bytes {
        debug_assert!(!payload.is_empty(), "the official ends cannot print an empty payload");
        let payload = match &mut self.sealer {
            Some(sealer) if is_sealed(kind) => sealer.seal(&payload),
            _ => payload,
        };
        self.frame(now, MessageType::InputStreamData, sequence, 0, kind, payload)
    }

    /// The receipt for `frame`; SYN and FIN are set in all of them.
    pub(super) fn acknowledge(&mut self, now: Instant, frame: &Frame) -> Bytes {
        let payload = Acknowledge {
            message_type: frame.message_type.as_str().to_owned(),
            message_id: frame.id,
            sequence: frame.sequence,
            sequential: true,
        };
        self.frame(now, MessageType::Acknowledge, 0, 3, PayloadType::None, payload.encode())
    }

    fn frame(
        &mut self,
        now: Instant,
        message_type: MessageType,
        sequence: i64,
        flags: u64,
        payload_type: PayloadType,
        payload: Bytes,
    ) -> Bytes {
        let elapsed = now.saturating_duration_since(self.start).as_millis() as u64;
        let frame = Frame {
            message_type,
            schema_version: 1,
            // Readers refuse the date zero.
            created_ms: (self.start_ms + elapsed).max(1),
            sequence,
            flags,
            id: self.random.uuid(),
            payload_type,
            payload,
            header_length: HeaderLength::Full,
        };
        frame.encode()
    }
}
