//! The simulated region: a stand-in for AWS on the loopback interface, with real shells behind it.
//!
//! | part | job |
//! | --- | --- |
//! | [`options`] | what a region is started with |
//! | [`fault`] | `--fault SPEC`: what shall go wrong, parsed and checked |
//! | [`gateway`] | sessions and their sockets: tokens, relay, faults on the way |
//! | `agent` | the agent of one session: protocol core, real shell |
//! | [`region`] | start, address, credentials, shutdown |
//!
//! Must not know: `session::channel` (an end that shares the other end's state machine proves nothing), `aws`, `tui`.

mod agent;
pub mod fault;
pub mod gateway;
pub mod options;
pub mod region;

pub use fault::Fault;
pub use options::Options;
pub use region::Region;
