//! What was typed or pasted into a session and has not been taken by it yet.
//!
//! One piece is with the session at a time; the next follows when it was taken. So a slow network holds a paste back here,
//! where it can be seen and cancelled, and a key is never split over two pieces (peers c6).

use std::collections::VecDeque;

use bytes::Bytes;

/// Cells of a paste that go as one piece.
const PIECE: usize = 4096;
/// More than this is not kept for a session that does not take it.
const LIMIT: usize = 64 << 20;

/// The waiting input of one tab.
#[derive(Debug, Default)]
pub struct Outgoing {
    pieces: VecDeque<Piece>,
    waiting: usize,
    in_flight: Option<Kind>,
    paste: Option<Paste>,
}

#[derive(Debug)]
struct Piece {
    bytes: Bytes,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Key,
    Paste {
        bytes: usize,
    },
    /// Text as it was pasted; how it is to be sent is not known yet, and what is behind it waits.
    Kept {
        asked: bool,
    },
}

#[derive(Debug)]
struct Paste {
    total: usize,
    taken: usize,
    closing: &'static [u8],
}

/// More is waiting than is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMuch;

impl Outgoing {
    /// An answer of the terminal: it does not wait for a text that is kept, since the far side waits for it.
    pub fn answer(&mut self, bytes: impl Into<Bytes>) -> Result<(), TooMuch> {
        let waiting = self.pieces.len();
        self.push(bytes.into(), Kind::Key)?;
        if self.kept().is_some() && self.pieces.len() > waiting {
            self.pieces.rotate_right(1);
        }
        Ok(())
    }

    /// Bytes of a key.
    pub fn key(&mut self, bytes: impl Into<Bytes>) -> Result<(), TooMuch> {
        self.push(bytes.into(), Kind::Key)
    }

    /// A pasted text, until it is known how the session takes it.
    pub fn keep(&mut self, text: String) -> Result<(), TooMuch> {
        self.push(text.into(), Kind::Kept { asked: false })
    }

    /// The kept text that all else waits for, and whether the user is being asked about it.
    pub fn kept(&self) -> Option<(&str, bool)> {
        let front = self.pieces.front()?;
        let Kind::Kept { asked } = front.kind else { return None };
        Some((std::str::from_utf8(&front.bytes).unwrap_or_default(), asked))
    }

    /// The user is being asked about the kept text in front.
    pub fn ask(&mut self) {
        if let Some(Piece { kind: Kind::Kept { asked }, .. }) = self.pieces.front_mut() {
            *asked = true;
        }
    }

    /// Drops the kept text in front.
    pub fn refuse(&mut self) {
        if self.kept().is_some()
            && let Some(front) = self.pieces.pop_front()
        {
            self.waiting -= front.bytes.len();
        }
    }

    /// An encoded paste, in the place of the kept text in front if there is one; `closing` is what the far side must see should the
    /// rest be dropped.
    pub fn paste(&mut self, bytes: Bytes, closing: &'static [u8]) -> Result<(), TooMuch> {
        if self.kept().is_none() {
            return self.paste_behind(bytes, closing);
        }
        self.refuse();
        let mut later = std::mem::take(&mut self.pieces);
        let pasted = self.paste_behind(bytes, closing);
        self.pieces.append(&mut later);
        pasted
    }

    fn paste_behind(&mut self, bytes: Bytes, closing: &'static [u8]) -> Result<(), TooMuch> {
        if self.waiting + bytes.len() > LIMIT {
            return Err(TooMuch);
        }
        let total = bytes.len();
        match &mut self.paste {
            Some(paste) => {
                paste.total += total;
                paste.closing = closing;
            }
            None => self.paste = Some(Paste { total, taken: 0, closing }),
        }
        let mut at = 0;
        while at < total {
            let mut end = (at + PIECE).min(total);
            while end < total && (bytes[end] & 0xC0) == 0x80 {
                end += 1; // Not inside a UTF-8 character.
            }
            self.push(bytes.slice(at..end), Kind::Paste { bytes: end - at })?;
            at = end;
        }
        Ok(())
    }

    fn push(&mut self, bytes: Bytes, kind: Kind) -> Result<(), TooMuch> {
        if bytes.is_empty() {
            return Ok(());
        }
        if self.waiting + bytes.len() > LIMIT {
            return Err(TooMuch);
        }
        self.waiting += bytes.len();
        self.pieces.push_back(Piece { bytes, kind });
        Ok(())
    }

    /// The piece that the session shall have now; none while it still has one.
    pub fn piece(&mut self) -> Option<Bytes> {
        if self.in_flight.is_some() || self.kept().is_some() {
            return None;
        }
        let piece = self.pieces.pop_front()?;
        self.waiting -= piece.bytes.len();
        self.in_flight = Some(piece.kind);
        Some(piece.bytes)
    }

    /// The session took its piece.
    pub fn taken(&mut self) {
        if let (Some(Kind::Paste { bytes }), Some(paste)) = (self.in_flight.take(), &mut self.paste) {
            paste.taken += bytes;
            if paste.taken >= paste.total {
                self.paste = None;
            }
        }
    }

    /// How much of a paste is through, in per cent; none without one.
    pub fn percent(&self) -> Option<usize> {
        let keeps = self.pieces.iter().any(|piece| matches!(piece.kind, Kind::Kept { .. }));
        let percent = self.paste.as_ref().map(|paste| paste.taken * 100 / paste.total.max(1));
        percent.or(keeps.then_some(0))
    }

    /// Drops what is left of a paste; whether there was one. The far side is told that it is over.
    pub fn cancel_paste(&mut self) -> bool {
        if self.percent().is_none() {
            return false;
        }
        self.pieces.retain(|piece| piece.kind == Kind::Key);
        if let Some(paste) = self.paste.take()
            && !paste.closing.is_empty()
        {
            self.pieces.push_front(Piece { bytes: Bytes::from_static(paste.closing), kind: Kind::Key });
        }
        self.waiting = self.pieces.iter().map(|piece| piece.bytes.len()).sum();
        true
    }

    /// Forgets everything: the session is over.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_piece_is_with_the_session_at_a_time() {
        let mut out = Outgoing::default();
        out.key(&b"a"[..]).unwrap();
        out.key(&b"\x1b[A"[..]).unwrap();
        assert_eq!(out.piece().as_deref(), Some(&b"a"[..]));
        assert_eq!(out.piece(), None);
        out.taken();
        assert_eq!(out.piece().as_deref(), Some(&b"\x1b[A"[..]), "an escape sequence is one piece");
    }

    #[test]
    fn a_paste_of_ten_megabytes_arrives_whole_and_says_how_far_it_is() {
        let text: Bytes = "äö\n".repeat(2 << 20).into_bytes().into();
        let mut out = Outgoing::default();
        out.paste(text.clone(), b"").unwrap();
        assert_eq!(out.percent(), Some(0));
        let (mut sent, mut percent) = (Vec::new(), 0);
        while let Some(piece) = out.piece() {
            assert!(std::str::from_utf8(&piece).is_ok(), "a character was split");
            sent.extend_from_slice(&piece);
            out.taken();
            percent = percent.max(out.percent().unwrap_or(100));
        }
        assert_eq!(sent, text);
        assert_eq!((percent, out.percent()), (100, None));
    }

    #[test]
    fn peers_c07_a_paste_in_progress_can_be_cancelled() {
        let mut out = Outgoing::default();
        out.paste(vec![b'x'; 3 * PIECE].into(), b"\x1b[201~").unwrap();
        out.key(&b"q"[..]).unwrap();
        out.piece().unwrap();
        assert!(out.cancel_paste());
        out.taken();
        assert_eq!(
            out.piece().as_deref(),
            Some(&b"\x1b[201~"[..]),
            "the shell is told that the paste is over"
        );
        out.taken();
        assert_eq!(out.piece().as_deref(), Some(&b"q"[..]), "what was typed since is kept");
        out.taken();
        assert_eq!((out.piece(), out.percent()), (None, None));
        assert!(!out.cancel_paste());
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut out = Outgoing::default();
        assert_eq!(out.paste(vec![0; LIMIT + 1].into(), b""), Err(TooMuch));
        assert_eq!(out.percent(), None);
    }
}
