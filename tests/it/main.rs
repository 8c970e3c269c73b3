//! One integration binary, a module per capability: the built program on a real pty against a real simulated region.
//!
//! Tests wait for a screen, never for a time; a deadline only turns a hang into a failure that shows the last screen.

#![allow(clippy::unwrap_used, reason = "a test may die of what it did not expect, its helpers, too")]

mod access;
mod agents;
mod cache;
mod cli;
mod doctor;
mod document;
mod exec;
mod fleet;
mod forward;
#[allow(dead_code, unused_imports, reason = "a harness offers what some tests need and others do not")]
mod harness;
mod house;
mod leaving;
mod login;
mod look;
mod mending;
mod network;
mod pane;
mod places;
mod proxy;
mod query;
mod readme;
mod run;
mod session;
mod ssh;
mod tab;
mod target;
mod why;
mod work;
