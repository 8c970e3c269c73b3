//! The simulated region: a stand-in for AWS on the loopback interface, with real shells behind it.
//!
//! | part | job |
//! | --- | --- |
//! | [`options`] | what a region is started with |
//! | [`fault`] | `--fault SPEC`: what shall go wrong, parsed and checked |
//! | [`region`] | start, address, credentials, shutdown |
//!
//! Must not know: `session::channel` (an end that shares the other end's state machine proves nothing), `aws`, `tui`.

pub mod fault;
pub mod options;
pub mod region;

pub use fault::Fault;
pub use options::Options;
pub use region::Region;
