//! Any bytes as a frame: refused with a reason, or read so that it prints and reads the same again.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use ssmtui_fuzz::session::message::{Checks, Frame, MessageType};

fuzz_target!(|data: &[u8]| {
    let bytes = Bytes::copy_from_slice(data);
    for checks in [Checks::Client, Checks::Agent] {
        if let Ok(frame) = Frame::parse(&bytes, checks) {
            assert!(frame.payload.len() <= data.len());
            let printed = frame.encode();
            // A name that is no text is kept as what can be shown of it.
            if matches!(frame.message_type, MessageType::Other(_)) {
                continue;
            }
            let again = Frame::parse(&printed, checks).expect("what is printed can be read");
            assert_eq!(again, frame);
        }
    }
});
