//! Any bytes in pieces of any size as multiplexed streams: the same frames as from one piece, and they print and read the same.
#![no_main]

use bytes::{Bytes, BytesMut};
use libfuzzer_sys::fuzz_target;
use ssmtui_fuzz::session::message::smux::{Decoder, Frame, SmuxError};

/// The frames, data of one stream in a row joined, and what broke the reading.
fn decode(pieces: impl Iterator<Item = Bytes>) -> (Vec<Frame>, Option<SmuxError>) {
    let mut decoder = Decoder::new();
    let mut frames: Vec<Frame> = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        loop {
            match decoder.pop() {
                Err(error) => return (frames, Some(error)),
                Ok(None) => break,
                Ok(Some(Frame::Data { stream, bytes })) => {
                    assert!(!bytes.is_empty());
                    match frames.last_mut() {
                        Some(Frame::Data { stream: last, bytes: before }) if *last == stream => {
                            *before = [&before[..], &bytes[..]].concat().into();
                        }
                        _ => frames.push(Frame::Data { stream, bytes }),
                    }
                }
                Ok(Some(frame)) => frames.push(frame),
            }
        }
    }
    (frames, None)
}

fuzz_target!(|input: (u8, Vec<u8>)| {
    let (size, data) = (usize::from(input.0).max(1), Bytes::from(input.1));
    let (whole, error) = decode([data.clone()].into_iter());
    let pieces = (0..data.len()).step_by(size).map(|at| data.slice(at..(at + size).min(data.len())));
    assert_eq!(decode(pieces), (whole.clone(), error));
    let mut printed = BytesMut::new();
    whole.iter().for_each(|frame| frame.encode(&mut printed));
    assert_eq!(decode([printed.freeze()].into_iter()), (whole, None));
});
