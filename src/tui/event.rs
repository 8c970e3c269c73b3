//! What can happen, and what must then be done: the two values that pass between the pure middle and the world.

use std::time::Instant;

use bytes::Bytes;
use crossterm::event::{KeyEvent, MouseEvent};
use jiff::Timestamp;

use crate::{
    fleet::{
        Connection, Document, DocumentSummary, Fact, InstanceId, Preferences, Update,
        search::{Matches, Request},
    },
    session::{self, SessionId, Ticket, kinds::forward::ForwardEvent},
    term,
    tui::state::forward::{Run, Wish},
};

/// The two clocks, read once per event: one for spans, one for dates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// For spans and deadlines.
    pub instant: Instant,
    /// For dates and ages.
    pub time: Timestamp,
}

/// Names a tab as long as the program runs; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TabId(pub u32);

/// One life of a tab's session: a restart begins another, and what comes late from the one before is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Life {
    /// The tab.
    pub tab: TabId,
    /// Counts the starts in this tab, from 1.
    pub number: u32,
}

/// Something that failed, told in three parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What could not be done.
    pub what: String,
    /// Why.
    pub why: String,
    /// What to do.
    pub next: String,
    /// AWS's code and request id, for a ticket.
    pub detail: Option<String>,
}

/// Who AWS says we are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// Account number.
    pub account: String,
    /// In words: "role ops-read in account 1234".
    pub principal: String,
}

/// Something happened.
#[derive(Debug)]
pub enum Event {
    /// A key was pressed.
    Key(KeyEvent),
    /// Text was pasted.
    Paste(String),
    /// The mouse did something.
    Mouse(MouseEvent),
    /// The window has this size now.
    Resized(term::Size),
    /// A deadline that the state named has come.
    Tick,
    /// The system asks the program to leave (SIGTERM, SIGHUP, SIGINT, closed terminal).
    Told,
    /// There is a way to AWS.
    Connected {
        /// Region.
        region: String,
        /// Profile, if one was named.
        profile: Option<String>,
    },
    /// There is none.
    NotConnected(Failure),
    /// Who we are, if AWS said so.
    Identified(Result<Who, Failure>),
    /// The list has something new.
    Listed(Update),
    /// The reading of that generation is over.
    ListEnded {
        /// Which.
        generation: u64,
    },
    /// GetConnectionStatus answered.
    Probed {
        /// The target that was asked about.
        id: InstanceId,
        /// The answer.
        status: Fact<Connection>,
    },
    /// A search answered.
    Found(Matches),
    /// StartSession answered.
    Started {
        /// For which life of which tab.
        life: Life,
        /// The answer.
        result: Result<Ticket, Failure>,
    },
    /// Something happened in a session.
    Session {
        /// In which.
        life: Life,
        /// What.
        event: session::Event,
    },
    /// Something happened in a forward.
    Forward {
        /// In which.
        life: Life,
        /// What.
        event: ForwardEvent,
    },
    /// Some documents that can be run.
    Documents {
        /// The number of the reading.
        generation: u64,
        /// They.
        page: Vec<DocumentSummary>,
    },
    /// The listing of documents is over.
    DocumentsEnded {
        /// The number of the reading.
        generation: u64,
        /// Whether these are all.
        result: Result<(), Failure>,
    },
    /// A document was read.
    Document {
        /// Its name.
        name: String,
        /// What it says.
        result: Box<Result<Document, Failure>>,
    },
    /// The account's preferences; none where they cannot be had.
    Preferences(Option<Preferences>),
    /// The session took the piece of input that it was given.
    InputTaken {
        /// Which.
        life: Life,
    },
}

/// Something must be done.
#[derive(Debug)]
pub enum Effect {
    /// Find a way to AWS.
    Connect,
    /// Ask who we are.
    Identify,
    /// Read the lists.
    List {
        /// The number of this reading.
        generation: u64,
    },
    /// What was denied before is asked for again: the user may have been given the right.
    ForgetDenials,
    /// Ask for the connection of these targets, a few at a time; those asked for before and not begun are dropped.
    Probe(Vec<InstanceId>),
    /// Search; the newest replaces what waits or runs.
    Search(Request),
    /// Start a session on a target.
    Start {
        /// For which life.
        life: Life,
        /// The session target.
        target: InstanceId,
        /// By a document; none is a shell.
        run: Option<Run>,
    },
    /// Begin a forward: it starts its sessions itself.
    Forward {
        /// For which life.
        life: Life,
        /// The session target.
        target: InstanceId,
        /// What is wished for.
        wish: Wish,
    },
    /// Run ssh in a local terminal.
    Ssh {
        /// For which life.
        life: Life,
        /// The instance.
        target: InstanceId,
        /// The pane's size.
        size: term::Size,
    },
    /// List the documents that can be run.
    Documents {
        /// The number of this reading.
        generation: u64,
    },
    /// Read a document.
    Document {
        /// Its name.
        name: String,
    },
    /// Ask for the account's preferences.
    Preferences,
    /// Open the data channel.
    Open {
        /// For which life.
        life: Life,
        /// On what it was started.
        target: InstanceId,
        /// With what.
        ticket: Ticket,
        /// The pane's size.
        size: term::Size,
    },
    /// End a session on the service of which nobody wants to hear any more.
    Terminate(SessionId),
    /// Give a session input; `Event::InputTaken` follows.
    Input {
        /// Which.
        life: Life,
        /// What.
        bytes: Bytes,
    },
    /// Drop the input that a session has taken and not sent.
    DiscardInput(Life),
    /// Tell a session the pane's size.
    Resize(Life, term::Size),
    /// End a session.
    End(Life),
    /// Nobody listens to this session any more; end it if it runs.
    Forget(Life),
    /// Ring the user's bell: a session rang its own.
    Bell,
    /// Put text on the user's clipboard.
    Copy(String),
    /// Leave the program.
    Quit,
}
