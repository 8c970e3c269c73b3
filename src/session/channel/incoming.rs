//! The agent's stream: puts messages in order and says which of them to acknowledge.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::session::message::{Frame, PayloadType};

/// Messages that may wait for an earlier one: as many as in the official client.
const REORDER_MESSAGES: usize = 10_000;
/// What they may hold: that many messages of the size that the official agent sends.
const REORDER_BYTES: usize = REORDER_MESSAGES * 1024;

/// What to do about a message that has arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Receipt {
    /// Acknowledge it: it was taken now or before. An acknowledgement may have been lost, and until it arrives the
    /// official agent resends that message alone and nothing behind it.
    Acknowledge,
    /// Say nothing; the agent will send it again.
    Refuse,
}

/// The reorder buffer.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    expected: i64,
    early: BTreeMap<i64, Frame>,
    early_bytes: usize,
}

impl Incoming {
    /// Takes a message in. Of two with the same number the first one counts.
    pub(super) fn accept(&mut self, mut frame: Frame) -> Receipt {
        if self.has(frame.sequence) {
            return Receipt::Acknowledge;
        }
        // The expected one always finds room, or nothing would ever move again.
        if frame.sequence > self.expected
            && (self.early.len() >= REORDER_MESSAGES
                || self.early_bytes + frame.payload.len() > REORDER_BYTES)
        {
            return Receipt::Refuse;
        }
        if frame.sequence > self.expected {
            // The payload is a slice of what was read from the socket; do not keep all that alive for it.
            frame.payload = Bytes::copy_from_slice(&frame.payload);
        }
        self.early_bytes += frame.payload.len();
        self.early.insert(frame.sequence, frame);
        Receipt::Acknowledge
    }

    /// Whether the message with this number was taken, now or before.
    pub(super) fn has(&self, sequence: i64) -> bool {
        sequence < self.expected || self.early.contains_key(&sequence)
    }

    /// The type of the first waiting message that is of such a type.
    pub(super) fn find(&self, wanted: impl Fn(PayloadType) -> bool) -> Option<PayloadType> {
        self.early.values().map(|frame| frame.payload_type).find(|kind| wanted(*kind))
    }

    /// Whether this is the message that everything waits for.
    pub(super) fn is_next(&self, frame: &Frame) -> bool {
        frame.sequence == self.expected
    }

    /// The next message in order.
    pub(super) fn pop(&mut self) -> Option<Frame> {
        let frame = self.early.remove(&self.expected)?;
        self.early_bytes -= frame.payload.len();
        self.expected += 1;
        Some(frame)
    }

    /// Whether messages wait for one that has not come.
    pub(super) fn has_gap(&self) -> bool {
        !self.early.is_empty()
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> (usize, usize) {
        (self.early.len(), self.early_bytes)
    }
}
