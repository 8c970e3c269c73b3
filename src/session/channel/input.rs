//! What was typed, or came from a local connection, and is not sent yet, and where it may be cut into messages.

use std::collections::VecDeque;

use bytes::{Buf, Bytes};

use crate::session::message::{Flag, PayloadType};

/// What may wait here; more is left with the caller.
pub(super) const QUEUE_LIMIT: usize = 64 * 1024;

const ESC: u8 = 0x1b;
const PASTE_BEGINS: &[u8] = b"\x1b[200~";
const PASTE_ENDS: &[u8] = b"\x1b[201~";

/// Bytes and flags in order.
#[derive(Debug, Default)]
pub(super) struct Input {
    pieces: VecDeque<Piece>,
    length: usize,
    /// The bytes of a port: cut anywhere.
    raw: bool,
}

#[derive(Debug)]
enum Piece {
    Bytes(Bytes),
    Flag(Flag),
}

impl Input {
    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// From now on the bytes are those of a port, which know no keys.
    pub(super) fn take_raw(&mut self) {
        self.raw = true;
    }

    /// Takes a flag, whatever waits already: they are few.
    pub(super) fn push_flag(&mut self, flag: Flag) {
        self.pieces.push_back(Piece::Flag(flag));
    }

    /// Takes what fits and returns the rest.
    pub(super) fn push(&mut self, mut bytes: Bytes) -> Bytes {
        let room = QUEUE_LIMIT - self.length;
        let taken = match bytes.len() <= room {
            true => bytes.len(),
            false if self.raw => room,
            false => match last_boundary(&bytes[..room]) {
                // Longer than all there is: it has to be cut somewhere.
                0 if self.is_empty() => room,
                boundary => boundary,
            },
        };
        let rest = bytes.split_off(taken);
        if !bytes.is_empty() {
            self.length += bytes.len();
            self.pieces.push_back(Piece::Bytes(bytes));
        }
        rest
    }

    /// The next message: a flag, or at most `limit` bytes.
    ///
    /// Of what is typed, an escape sequence or a character is cut only if it is longer than a message: programs tell a
    /// key from a lone Escape by what follows at once (aws/amazon-ssm-agent#166).
    pub(super) fn pop(&mut self, limit: usize) -> Option<(PayloadType, Bytes)> {
        let front = match self.pieces.front_mut()? {
            Piece::Flag(flag) => {
                let payload = flag.encode();
                self.pieces.pop_front();
                return Some((PayloadType::Flag, payload));
            }
            Piece::Bytes(bytes) => bytes,
        };
        // The usual case of a transfer: nothing to put together, nothing to copy.
        if self.raw && front.len() >= limit {
            let payload = front.split_to(limit);
            self.drop_front(0);
            self.length -= payload.len();
            return Some((PayloadType::Output, payload));
        }
        let mut payload = Vec::with_capacity(limit.min(self.length));
        let mut more = false;
        for piece in &self.pieces {
            let Piece::Bytes(bytes) = piece else { break };
            let taken = bytes.len().min(limit - payload.len());
            payload.extend_from_slice(&bytes[..taken]);
            more = taken < bytes.len();
            if more {
                break;
            }
        }
        if more && !self.raw {
            match last_boundary(&payload) {
                0 => {}
                boundary => payload.truncate(boundary),
            }
        }
        self.drop_front(payload.len());
        self.length -= payload.len();
        Some((PayloadType::Output, payload.into()))
    }

    fn drop_front(&mut self, mut count: usize) {
        while let Some(Piece::Bytes(bytes)) = self.pieces.front_mut() {
            if count < bytes.len() {
                bytes.advance(count);
                break;
            }
            count -= bytes.len();
            self.pieces.pop_front();
        }
    }

    /// Takes all bytes that wait; flags stay.
    pub(super) fn drain(&mut self) -> Vec<Bytes> {
        self.length = 0;
        let mut drained = Vec::new();
        self.pieces.retain_mut(|piece| match piece {
            Piece::Bytes(bytes) => {
                drained.push(std::mem::take(bytes));
                false
            }
            Piece::Flag(_) => true,
        });
        drained
    }
}

/// If these bytes were the rest of a bracketed paste: what tells the program that the paste is over.
pub(super) fn end_of_broken_paste<'a>(rest: impl IntoIterator<Item = &'a Bytes>) -> Option<Bytes> {
    for piece in rest {
        let mut bytes = &piece[..];
        while let Some(at) = bytes.iter().position(|&byte| byte == ESC) {
            bytes = &bytes[at..];
            if bytes.starts_with(PASTE_BEGINS) {
                return None;
            }
            if bytes.starts_with(PASTE_ENDS) {
                return Some(Bytes::from_static(PASTE_ENDS));
            }
            bytes = &bytes[1..];
        }
    }
    None
}

/// The longest prefix that ends neither within an escape sequence nor within a character, provided that more follows.
fn last_boundary(bytes: &[u8]) -> usize {
    let mut boundary = 0;
    let mut at = 0;
    while at < bytes.len() {
        match unit(&bytes[at..]) {
            Some(length) => at += length,
            None => break,
        }
        boundary = at;
    }
    boundary
}

/// Length of the character or escape sequence at the front; `None` if it is not complete.
fn unit(bytes: &[u8]) -> Option<usize> {
    let (&first, rest) = bytes.split_first()?;
    match first {
        ESC => match rest.first()? {
            // Alt with another sequence.
            &ESC => unit(rest).map(|length| length + 1),
            b'[' => control_sequence(&rest[1..]).map(|length| length + 2),
            b'O' => rest.get(1).map(|_| 3),
            // Strings (answers to queries) end with BEL or ESC \.
            b']' | b'P' | b'_' | b'^' | b'X' => string(&rest[1..]).map(|length| length + 2),
            // Alt with a character.
            _ => unit(rest).map(|length| length + 1),
        },
        0xc2..=0xf4 => {
            let wanted = match first {
                0xc2..=0xdf => 1,
                0xe0..=0xef => 2,
                _ => 3,
            };
            let found = rest.iter().take(wanted).take_while(|&&byte| byte & 0xc0 == 0x80).count();
            // Stops for want of bytes: incomplete. Stops for another byte: no character, go on behind it.
            (found == wanted || found < rest.len()).then_some(1 + found)
        }
        _ => Some(1),
    }
}

/// Length of what follows `ESC [`.
fn control_sequence(bytes: &[u8]) -> Option<usize> {
    match bytes.first()? {
        // Mouse reports of the oldest kind: three bytes follow.
        b'M' => (bytes.len() >= 4).then_some(4),
        // Function keys of the Linux console.
        b'[' => (bytes.len() >= 2).then_some(2),
        _ => {
            let parameters = bytes.iter().take_while(|byte| (0x20..0x40).contains(*byte)).count();
            bytes.get(parameters).map(|_| parameters + 1)
        }
    }
}

/// Length of a control string and its end.
fn string(bytes: &[u8]) -> Option<usize> {
    let end = bytes.iter().position(|byte| matches!(byte, 0x07 | &ESC))?;
    match bytes[end] {
        0x07 => Some(end + 1),
        _ => bytes.get(end + 1).map(|_| end + 2),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn queue(pieces: &[&[u8]]) -> Input {
        let mut input = Input::default();
        for piece in pieces {
            assert!(input.push(Bytes::copy_from_slice(piece)).is_empty());
        }
        input
    }

    #[test]
    fn peers_c06_escape_sequences_are_not_split() {
        for sequence in [
            "\x1b[A",
            "\x1bOA",
            "\x1b[1;5C",
            "\x1b[200~",
            "\x1b\x1b[A",
            "\x1b[M !!",
            "\x1b[<0;10;20M",
            "\x1b[[A",
            "\x1bx",
            "\x1bé",
            "é",
            "€",
            "😀",
            "\x1b]11;rgb:0/0/0\x07",
            "\x1b]11;rgb:0/0/0\x1b\\",
            "\x1bP1$r0m\x1b\\",
        ] {
            let text = sequence.repeat(40);
            for limit in sequence.len()..64 {
                let mut input = queue(&[text.as_bytes()]);
                while let Some((_, payload)) = input.pop(limit) {
                    assert_eq!(payload.len() % sequence.len(), 0, "{sequence:?} at {limit}: {payload:?}");
                    assert!(payload.starts_with(sequence.as_bytes()));
                }
            }
        }
    }

    #[test]
    fn keys_typed_while_the_window_is_full_go_in_one_message() {
        let mut input = queue(&[b"l", b"s", b"\r"]);
        assert_eq!(input.pop(1024).unwrap().1, "ls\r");
        assert_eq!(input.pop(1024), None);
    }

    #[test]
    fn what_does_not_fit_is_given_back_from_a_boundary() {
        let mut input = Input::default();
        assert!(input.push(vec![b'x'; QUEUE_LIMIT - 1].into()).is_empty());
        assert_eq!(input.push(Bytes::from_static(b"\x1b[A")), "\x1b[A");
        assert_eq!(input.push(Bytes::from_static(b"y\x1b[A")), "\x1b[A");
        assert_eq!(input.push(Bytes::from_static(b"z")), "z");
    }

    #[test]
    fn a_broken_paste_is_closed() {
        let pieces = |text: &'static str| vec![Bytes::from_static(text.as_bytes())];
        assert_eq!(end_of_broken_paste(&pieces("rest\x1b[201~")).unwrap(), PASTE_ENDS);
        assert_eq!(end_of_broken_paste(&pieces("ls\r\x1b[200~whole\x1b[201~")), None);
        assert_eq!(end_of_broken_paste(&pieces("typed")), None);
    }

    proptest! {
        #[test]
        fn all_bytes_come_out_in_order_and_never_in_an_empty_piece(
            pieces in prop::collection::vec(prop::collection::vec(prop_oneof![Just(ESC), Just(b'['), Just(b']'), any::<u8>()], 0..40), 0..40),
            limit in 1..50usize,
        ) {
            let mut input = Input::default();
            for piece in &pieces {
                prop_assert!(input.push(Bytes::copy_from_slice(piece)).is_empty());
            }
            let mut out = Vec::new();
            while let Some((_, payload)) = input.pop(limit) {
                prop_assert!(!payload.is_empty() && payload.len() <= limit);
                out.extend_from_slice(&payload);
            }
            prop_assert_eq!(out, pieces.concat());
        }
    }
}
