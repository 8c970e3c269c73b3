//! The SDK clients per profile and region: each call one function that returns our plain types and our own errors.
//! The only place with SDK types; knows neither screens nor the data channel's bytes.

mod client;
mod error;

pub use client::{Client, Connector, Identity, Scope, Simulated};
pub use error::{Error, Kind};
