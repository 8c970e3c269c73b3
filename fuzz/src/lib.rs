//! The rooms that read what comes from outside, built by themselves: without the AWS SDKs, which take minutes to instrument.

#![allow(dead_code, missing_docs, unreachable_pub)]

#[path = "../../src/session"]
pub mod session {
    pub mod channel;
    pub mod message;
    pub mod proxy;
    mod random;
    pub mod service;
}

#[path = "../../src/percent.rs"]
mod percent;

#[path = "../../src/sim/mod.rs"]
pub mod sim;

#[path = "../../src/term/mod.rs"]
pub mod term;
