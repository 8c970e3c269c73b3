//! smux version 1, by which one port session carries many TCP connections: frames of 8 bytes and data.
//!
//! ```text
//! version=1 (1) | command (1) | length (2, little-endian) | stream (4, little-endian) | data
//! ```
//!
//! Its bytes are cut into session messages anywhere ([`Decoder`] takes pieces of any size). From xtaci/smux 1.5, which
//! both official ends use as it comes.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// Bytes before the data of a frame.
pub const HEADER_LENGTH: usize = 8;
/// Data that the official ends put in one frame at most.
pub const MAX_DATA: usize = 32 * 1024;

const VERSION: u8 = 1;

/// What a frame does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Command {
    /// Opens a stream (SYN).
    Open,
    /// Closes a stream, both ways (FIN). There is no half-close.
    Close,
    /// Carries data (PSH).
    Data,
    /// Only shows that the sender lives (NOP).
    KeepAlive,
}

impl Command {
    fn number(self) -> u8 {
        match self {
            Self::Open => 0,
            Self::Close => 1,
            Self::Data => 2,
            Self::KeepAlive => 3,
        }
    }
}

/// What stands before the data of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Header {
    /// What the frame does.
    pub command: Command,
    /// How much data follows.
    pub length: u16,
    /// On which stream; 0 for [`Command::KeepAlive`].
    pub stream: u32,
}

/// Why bytes are not smux version 1. Nothing after them can be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SmuxError {
    /// Another version, or no smux at all.
    #[error("multiplexer version {0}, expected 1")]
    Version(u8),
    /// Not one of the four.
    #[error("unknown multiplexer command {0}")]
    Command(u8),
    /// Only [`Command::Data`] carries data.
    #[error("multiplexer command {0:?} with {1} bytes of data")]
    Data(Command, u16),
}

impl Header {
    /// Reads it.
    pub fn parse(bytes: [u8; HEADER_LENGTH]) -> Result<Self, SmuxError> {
        let [version, command, l0, l1, s0, s1, s2, s3] = bytes;
        if version != VERSION {
            return Err(SmuxError::Version(version));
        }
        let command = match command {
            0 => Command::Open,
            1 => Command::Close,
            2 => Command::Data,
            3 => Command::KeepAlive,
            other => return Err(SmuxError::Command(other)),
        };
        let length = u16::from_le_bytes([l0, l1]);
        if length > 0 && command != Command::Data {
            return Err(SmuxError::Data(command, length));
        }
        Ok(Self { command, length, stream: u32::from_le_bytes([s0, s1, s2, s3]) })
    }

    /// Prints it.
    pub fn encode(self) -> [u8; HEADER_LENGTH] {
        let [l0, l1] = self.length.to_le_bytes();
        let [s0, s1, s2, s3] = self.stream.to_le_bytes();
        [VERSION, self.command.number(), l0, l1, s0, s1, s2, s3]
    }
}

/// Something that came. Data may come in more pieces than it was sent in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A stream was opened.
    Open {
        /// Which.
        stream: u32,
    },
    /// A stream was closed.
    Close {
        /// Which.
        stream: u32,
    },
    /// Data on a stream; never empty.
    Data {
        /// Which.
        stream: u32,
        /// The data, or a piece of it.
        bytes: Bytes,
    },
    /// The other end lives.
    KeepAlive,
}

impl Frame {
    /// Appends it to `out`; data of more than 64 KiB becomes several frames.
    pub fn encode(&self, out: &mut BytesMut) {
        let bare = |command, stream| Header { command, length: 0, stream }.encode();
        match self {
            Self::Open { stream } => out.put_slice(&bare(Command::Open, *stream)),
            Self::Close { stream } => out.put_slice(&bare(Command::Close, *stream)),
            Self::KeepAlive => out.put_slice(&bare(Command::KeepAlive, 0)),
            Self::Data { stream, bytes } => {
                for piece in bytes.chunks(MAX_DATA) {
                    let header =
                        Header { command: Command::Data, length: piece.len() as u16, stream: *stream };
                    out.put_slice(&header.encode());
                    out.put_slice(piece);
                }
            }
        }
    }
}

/// Bytes in, frames out. Holds at most the piece it was given and a part of a header.
#[derive(Debug, Default)]
pub struct Decoder {
    header: [u8; HEADER_LENGTH],
    /// Bytes of `header` that are there.
    filled: usize,
    /// Data of the current frame that is still to come, and its stream.
    data: usize,
    stream: u32,
    input: Bytes,
    broken: Option<SmuxError>,
}

impl Decoder {
    /// A decoder at the start of a session.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives it the next bytes. Take all frames first: what is still waiting is joined to the new bytes by copying.
    pub fn push(&mut self, bytes: Bytes) {
        if self.input.is_empty() {
            self.input = bytes;
        } else {
            self.input = [&self.input[..], &bytes[..]].concat().into();
        }
    }

    /// The next frame; `None` when more bytes are needed. After an error there is only that error.
    pub fn pop(&mut self) -> Result<Option<Frame>, SmuxError> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        loop {
            if self.data > 0 {
                if self.input.is_empty() {
                    return Ok(None);
                }
                let length = self.data.min(self.input.len());
                self.data -= length;
                return Ok(Some(Frame::Data { stream: self.stream, bytes: self.input.split_to(length) }));
            }
            let length = (HEADER_LENGTH - self.filled).min(self.input.len());
            self.header[self.filled..][..length].copy_from_slice(&self.input[..length]);
            self.input.advance(length);
            self.filled += length;
            if self.filled < HEADER_LENGTH {
                return Ok(None);
            }
            self.filled = 0;
            let header = Header::parse(self.header).inspect_err(|error| {
                self.broken = Some(*error);
                self.input = Bytes::new();
            })?;
            let stream = header.stream;
            match header.command {
                Command::Open => return Ok(Some(Frame::Open { stream })),
                Command::Close => return Ok(Some(Frame::Close { stream })),
                Command::KeepAlive => return Ok(Some(Frame::KeepAlive)),
                Command::Data => {
                    self.stream = stream;
                    self.data = header.length.into();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::session::message::recording::unhex;

    fn decode(pieces: impl IntoIterator<Item = Bytes>) -> Result<Vec<Frame>, SmuxError> {
        let mut decoder = Decoder::new();
        let mut frames: Vec<Frame> = Vec::new();
        for piece in pieces {
            decoder.push(piece);
            while let Some(frame) = decoder.pop()? {
                match (frames.last_mut(), frame) {
                    (Some(Frame::Data { stream: last, bytes: before }), Frame::Data { stream, bytes })
                        if *last == stream =>
                    {
                        *before = [&before[..], &bytes[..]].concat().into()
                    }
                    (_, frame) => frames.push(frame),
                }
            }
        }
        Ok(frames)
    }

    fn encode(frames: &[Frame]) -> Bytes {
        let mut out = BytesMut::new();
        frames.iter().for_each(|frame| frame.encode(&mut out));
        out.freeze()
    }

    /// The reference's example: open, "GET", close.
    #[test]
    fn bytes_are_those_of_the_official_ends() {
        let frames = [
            Frame::Open { stream: 3 },
            Frame::Data { stream: 3, bytes: Bytes::from_static(b"GET") },
            Frame::Close { stream: 3 },
            Frame::KeepAlive,
        ];
        let wire = unhex("0100000003000000 0102030003000000474554 0101000003000000 0103000000000000");
        assert_eq!(encode(&frames), wire);
        assert_eq!(decode([wire.into()]).unwrap(), frames);
    }

    #[test]
    fn what_is_not_smux_is_refused_for_good() {
        for (wire, error) in [
            ("0200000003000000", SmuxError::Version(2)),
            ("0104080003000000", SmuxError::Command(4)),
            ("0101010003000000", SmuxError::Data(Command::Close, 1)),
        ] {
            let mut decoder = Decoder::new();
            decoder.push(unhex(wire).into());
            assert_eq!(decoder.pop(), Err(error));
            decoder.push(unhex("0100000003000000").into());
            assert_eq!(decoder.pop(), Err(error));
        }
    }

    #[test]
    fn empty_data_is_nothing() {
        assert_eq!(decode([unhex("0102000003000000").into()]).unwrap(), []);
    }

    fn frame() -> impl Strategy<Value = Frame> {
        prop_oneof![
            any::<u32>().prop_map(|stream| Frame::Open { stream }),
            any::<u32>().prop_map(|stream| Frame::Close { stream }),
            (0..4u32, prop::collection::vec(any::<u8>(), 1..200))
                .prop_map(|(stream, bytes)| Frame::Data { stream, bytes: bytes.into() }),
            Just(Frame::KeepAlive),
        ]
    }

    proptest! {
        #[test]
        fn frames_survive_any_cutting(
            frames in prop::collection::vec(frame(), 0..30),
            sizes in prop::collection::vec(1..40usize, 1..20),
        ) {
            let wire = encode(&frames);
            let mut rest = wire.clone();
            let mut sizes = sizes.iter().cycle();
            let pieces = std::iter::from_fn(|| {
                let size = (*sizes.next()?).min(rest.len());
                (size > 0).then(|| rest.split_to(size))
            });
            // Neighbouring data of one stream is the same data.
            prop_assert_eq!(decode(pieces).unwrap(), decode([wire]).unwrap());
            let streams: usize = frames.iter().filter(|frame| matches!(frame, Frame::Open { .. })).count();
            let whole = decode([encode(&frames)]).unwrap();
            prop_assert_eq!(whole.iter().filter(|frame| matches!(frame, Frame::Open { .. })).count(), streams);
            prop_assert_eq!(encode(&whole).len() <= encode(&frames).len(), true);
        }

        #[test]
        fn no_input_makes_it_panic_or_hoard(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..30), 0..30)) {
            let _ = decode(pieces.into_iter().map(Bytes::from));
        }
    }
}
