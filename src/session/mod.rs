//! The Session Manager data channel: codec, state machine, driver.
pub mod message;
