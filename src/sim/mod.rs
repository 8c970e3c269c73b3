//! The simulated region: a stand-in for AWS on the loopback interface, with real shells behind it.
//!
//! | part | job |
//! | --- | --- |
//! | [`options`] | what a region is started with |
//! | [`fault`] | `--fault SPEC`: what shall go wrong, parsed and checked |
//! | [`region`] | start, address, credentials, shutdown |
//! | `world` | the nodes, and what AWS would know of them at a given time; pure |
//! | `policy` | how IAM decides by documents; pure |
//! | `caller` | accounts, principals and their keys |
//! | `api` | AWS's calls: who may come in, which place is meant, what is answered |
//! | [`gateway`] | sessions and their sockets: tokens, relay, faults on the way |
//! | `control` | agents that are not ours: registration, control channel, TLS |
//! | [`traffic`] | how many calls came, and which are held back: for tests |
//! | `agent` | the agent of one session: protocol core, real shell |
//!
//! Must not know: `session::channel` (an end that shares the other end's state machine proves nothing), `aws`, `tui`.

mod access;
mod agent;
mod api;
mod caller;
mod cidr;
mod control;
pub mod fault;
#[cfg(fuzzing)]
pub mod fuzz;
pub mod gateway;

pub mod options;
mod policy;
pub mod region;
pub mod traffic;
mod world;

pub use access::{DeviceAccess, PlaceAccess, Profile, Way};
pub use control::AgentAccess;
pub use fault::Fault;
pub use options::{Options, Rights, Spread};
pub use region::Region;
