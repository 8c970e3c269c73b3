//! What a tab holds: a terminal with a session of one kind or another behind it, or a forward.

use super::{
    forward::{Board, Run},
    pane::Pane,
};

/// What a tab holds, with all that starting it anew takes.
pub enum Content {
    /// A shell of Session Manager.
    Shell(Box<Pane>),
    /// The user's own ssh in a local terminal.
    Ssh(Box<Pane>),
    /// A session by a document of commands.
    Command {
        /// The document and its values.
        run: Run,
        /// Its terminal.
        pane: Box<Pane>,
    },
    /// A forward.
    Forward(Box<Board>),
}

impl Content {
    /// Its terminal, if it has one.
    pub fn pane(&self) -> Option<&Pane> {
        match self {
            Self::Shell(pane) | Self::Ssh(pane) | Self::Command { pane, .. } => Some(pane),
            Self::Forward(_) => None,
        }
    }

    /// Its terminal, to change.
    pub fn pane_mut(&mut self) -> Option<&mut Pane> {
        match self {
            Self::Shell(pane) | Self::Ssh(pane) | Self::Command { pane, .. } => Some(pane),
            Self::Forward(_) => None,
        }
    }

    /// Its forward, if it is one.
    pub fn board(&self) -> Option<&Board> {
        match self {
            Self::Forward(board) => Some(board),
            _ => None,
        }
    }

    /// Its forward, to change.
    pub fn board_mut(&mut self) -> Option<&mut Board> {
        match self {
            Self::Forward(board) => Some(board),
            _ => None,
        }
    }

    /// What it is called when it is spoken of: "the session", "the forward".
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Shell(_) | Self::Command { .. } => "session",
            Self::Ssh(_) => "ssh",
            Self::Forward(_) => "forward",
        }
    }
}
