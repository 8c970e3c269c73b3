//! The app: a fleet to search, and sessions in tabs beside it.
//!
//! ```text
//!  keys, mouse, paste ─┐
//!  session events ─────┤→ Event → update(&mut State, Event, Now) → Vec<Effect> → tasks ─┐
//!  fleet batches ──────┤            │                                                   │
//!  timers, signals ────┘            └→ dirty? → view(&State, &mut Buffer)               │
//!         ▲─────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! | part | job | |
//! | --- | --- | --- |
//! | [`event`] | what can happen, and what must be done about it | data |
//! | [`action`], [`keymap`], [`key`] | what the user can want, and by which keys | data |
//! | [`state`] | everything the screen shows | pure |
//! | [`update`] | state × event → effects | pure: no I/O, no clock |
//! | [`view`] | state → frame | pure: no change, no clock |
//! | `effect`, `stream`, `forwards` | the only place that starts work | shell |
//! | `keep` | what is kept on the disk: lists of the last time, history | shell |
//! | `login` | sign-ins and MFA codes | shell |
//! | `local`, `ssh` | a program of this machine in a tab | shell |
//! | `file` | files that the user saves | shell |
//! | `colours` | what the user's terminal answers about its colours | pure |
//! | `run`, `screen`, `input` | loop and signals, what the terminal shows, what it sends | shell |
//!
//! One task owns the state; results come back as events in bounded channels.

pub mod action;
mod action_table;
mod colours;
mod effect;
pub mod event;
mod file;
mod forwards;
pub mod header;
mod input;
mod keep;
pub mod key;
pub mod keymap;
pub mod layout;
mod local;
mod login;
mod run;
mod screen;
mod ssh;
pub mod state;
mod stream;
pub mod text;
pub mod update;
pub mod view;

#[cfg(test)]
mod tests;

pub use run::run;

use crate::{aws, config};

/// What the app is started with.
#[derive(Debug)]
pub struct Options {
    /// Whose AWS is asked.
    pub ground: aws::Ground,
    /// The accounts and regions to begin with, in this order.
    pub scopes: Vec<aws::Scope>,
    /// The user's settings.
    pub config: config::Config,
}

/// Why the app could not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The keys of the config file do not make a keymap.
    #[error("the `[keys]` of the config file are wrong at {0}")]
    Keys(config::Problem),
    /// The queries of the config file are none.
    #[error("the `[queries]` of the config file are wrong at {0}")]
    Queries(config::Problem),
    /// Standard input or output is no terminal.
    #[error("the app needs a terminal; `ssmtui ls` and `ssmtui connect` work without one")]
    NoTerminal,
    /// The terminal could not be read or written.
    #[error("cannot use this terminal: {0}")]
    Terminal(#[from] std::io::Error),
}
