//! `ssmtui`: AWS Session Manager in the terminal. The map of the house:
//!
//! | room | job | rests on |
//! | --- | --- | --- |
//! | [`cli`] | arguments, one file per subcommand | all |
//! | [`tui`] | the app: events, state, views | `fleet`, `session`, `term`, `config` |
//! | [`term`] | a terminal over `vt100`, its keys, its widget | nothing |
//! | [`fleet`] | instances, reasons, query language, search | nothing |
//! | [`session`] | the Session Manager data channel | nothing |
//! | [`aws`] | the SDK clients; the only place with SDK types | `fleet`, `session` |
//! | [`config`] | file, environment and flags as one checked value | nothing |
//! | [`log`] | tracing to a file, without secrets | nothing |
//! | [`percent`] | percent-encoding, read | nothing |
//! | [`spelling`] | the right word nearest to a wrong one | nothing |
//! | [`sim`] | the simulated region | `session::message` only |

// The far ends of tests and benchmarks are the same files.
#[cfg(test)]
extern crate self as ssmtui;

pub mod aws;
pub mod cli;
pub mod config;
pub mod fleet;
pub mod log;
pub mod percent;
pub mod session;
#[cfg(feature = "sim")]
pub mod sim;
pub mod spelling;
pub mod term;
pub mod tui;
