//! The simulated region: a stand-in for AWS on the loopback interface, with real shells behind it.
//!
//! | part | job |
//! | --- | --- |
//! | [`options`] | what a region is started with |
//! | [`fault`] | `--fault SPEC`: what shall go wrong, parsed and checked |
//! | [`region`] | start, address, credentials, shutdown |
//! | `world` | the nodes, and what AWS would know of them at a given time; pure |
//! | `api` | AWS's calls: who may come in, what is answered |
//! | [`gateway`] | sessions and their sockets: tokens, relay, faults on the way |
//! | `control` | agents that are not ours: registration, control channel, TLS |
//! | `agent` | the agent of one session: protocol core, real shell |
//!
//! Must not know: `session::channel` (an end that shares the other end's state machine proves nothing), `aws`, `tui`.

mod agent;
mod api;
mod control;
pub mod fault;
#[cfg(fuzzing)]
pub mod fuzz;
pub mod gateway;
pub mod options;
pub mod region;
mod world;

pub use control::AgentAccess;
pub use fault::Fault;
pub use options::{Options, Rights};
pub use region::Region;
