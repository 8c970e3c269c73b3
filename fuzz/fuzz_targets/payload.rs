//! Any bytes as each kind of payload, the handshake's JSON among them: no panic, and what was read prints and reads the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ssmtui_fuzz::session::message::{
    Acknowledge, AgentSessionState, ChannelClosed, EncryptionChallenge, ExitCode, Flag, HandshakeComplete,
    HandshakeRequest, HandshakeResponse, OpenDataChannel, Size,
};

macro_rules! read_print_read {
    ($data:expr, $($payload:ty),+ $(,)?) => {$(
        if let Ok(read) = <$payload>::parse($data) {
            let again = <$payload>::parse(&read.encode());
            assert_eq!(again.as_ref().ok(), Some(&read), "{}", stringify!($payload));
        }
    )+};
}

fuzz_target!(|data: &[u8]| {
    read_print_read!(
        data,
        Acknowledge,
        AgentSessionState,
        ChannelClosed,
        EncryptionChallenge,
        ExitCode,
        Flag,
        HandshakeComplete,
        HandshakeRequest,
        HandshakeResponse,
        Size,
    );
    // Holds a secret, and so has no `Debug`.
    if let Ok(open) = OpenDataChannel::parse(data) {
        assert!(OpenDataChannel::parse(&open.encode()).is_ok());
    }
});
