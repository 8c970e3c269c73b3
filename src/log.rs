//! Tracing to a file, redacted. To be filled.
