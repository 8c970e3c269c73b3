//! The codec: frames, payloads, handshake. Parse and print, nothing else.
