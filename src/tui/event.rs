//! What can happen, and what must then be done: the two values that pass between the pure middle and the world.

use std::time::Instant;

use bytes::Bytes;
use crossterm::event::{KeyEvent, MouseEvent};
use jiff::Timestamp;

pub use crate::aws::login::{Ask, MfaCode, MfaDevice, SsoSession};
use crate::{
    fleet::{
        Connection, Document, DocumentSummary, Fact, Fleet, Instance, InstanceId, Piece, Preferences, Update,
        cache::Listing,
        history::{self, History},
        reach,
        search::{Matches, Request},
    },
    session::{self, SessionId, Ticket, kinds::forward::ForwardEvent},
    term::{self, palette::Own},
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

/// Names an account and region, read with one profile, as long as the program runs; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PlaceId(pub u16);

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
    /// What the user can do here and now, so that the same succeeds.
    pub ask: Option<Box<Ask>>,
}

/// What a user confirms in a browser to sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceCode {
    /// The code, as the page shows it.
    pub code: String,
    /// The page, with the code filled in.
    pub page: String,
    /// The code is good until then.
    pub until: Timestamp,
}

/// Who AWS says we are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// Account number.
    pub account: String,
    /// The account's alias, where there is one and it may be read.
    pub alias: Option<String>,
    /// In words: "role ops-read in account 1234".
    pub principal: String,
}

/// What the choice of places offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choices {
    /// The profiles of the AWS files, each with a few words about it; or why they cannot be read.
    pub profiles: Vec<Choice>,
    /// The regions; those that are not enabled for the account say so.
    pub regions: Vec<Choice>,
}

/// A profile or region that can be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Its name.
    pub name: String,
    /// What else is known of it: "SSO, account 1234", "not enabled".
    pub about: String,
}

/// Something happened.
#[derive(Debug)]
pub enum Event {
    /// A key was pressed.
    Key(KeyEvent),
    /// A key was let go; terminals tell only while they are asked to.
    Released(KeyEvent),
    /// Text was pasted.
    Paste(String),
    /// The mouse did something.
    Mouse(MouseEvent),
    /// The window has this size now.
    Resized(term::Size),
    /// The window has the focus now, or no longer.
    Focused(bool),
    /// The terminal has these colours.
    Coloured(Own),
    /// A deadline that the state named has come.
    Tick,
    /// The system asks the program to leave (SIGTERM, SIGHUP, SIGINT, closed terminal).
    Told,
    /// There is a way to AWS.
    Connected {
        /// Where.
        place: PlaceId,
        /// Region.
        region: String,
        /// Profile, if one was named.
        profile: Option<String>,
    },
    /// There is none.
    NotConnected {
        /// Where.
        place: PlaceId,
        /// Why.
        failure: Failure,
    },
    /// Who we are, if AWS said so.
    Identified {
        /// Where.
        place: PlaceId,
        /// Who.
        who: Result<Who, Failure>,
    },
    /// A list has something new.
    Listed {
        /// Where.
        place: PlaceId,
        /// What.
        update: Update,
    },
    /// The reading of that generation is over.
    ListEnded {
        /// Where.
        place: PlaceId,
        /// Which.
        generation: u64,
    },
    /// The list of the last time was looked for.
    Cached {
        /// Where.
        place: PlaceId,
        /// It, if there was one.
        fleet: Option<Box<Fleet>>,
    },
    /// What was opened before, and the favourites.
    Recalled(History),
    /// A watched row was looked at.
    Looked {
        /// Where it is.
        place: PlaceId,
        /// The row.
        id: InstanceId,
        /// What AWS said of it.
        updates: Vec<Update>,
    },
    /// GetConnectionStatus answered.
    Probed {
        /// The target that was asked about.
        id: InstanceId,
        /// The answer.
        status: Fact<Connection>,
    },
    /// A call of a deep check is under way, or answered; or a start was refused, which says as much.
    Evidence {
        /// Of which row, or its target.
        id: InstanceId,
        /// What.
        piece: Box<Piece>,
    },
    /// A deep check is over.
    Examined {
        /// Of which row.
        id: InstanceId,
    },
    /// A search answered.
    Found(Matches),
    /// StartSession answered.
    Started {
        /// For which life of which tab.
        life: Life,
        /// Where.
        place: PlaceId,
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
        /// Where.
        place: PlaceId,
        /// The number of the reading.
        generation: u64,
        /// They.
        page: Vec<DocumentSummary>,
    },
    /// The listing of documents is over.
    DocumentsEnded {
        /// Where.
        place: PlaceId,
        /// The number of the reading.
        generation: u64,
        /// Whether these are all.
        result: Result<(), Failure>,
    },
    /// A document was read.
    Document {
        /// Where.
        place: PlaceId,
        /// Its name.
        name: String,
        /// What it says.
        result: Box<Result<Document, Failure>>,
    },
    /// The account's preferences.
    Preferences {
        /// Where.
        place: PlaceId,
        /// They; none where they cannot be had.
        preferences: Option<Box<Preferences>>,
    },
    /// Lines were saved: the whole path and how many; or why they were not.
    Saved(Result<(String, usize), String>),
    /// What there is to choose from.
    Choices(Choices),
    /// It was seen whether there are keys.
    KeysSought {
        /// Where.
        place: PlaceId,
        /// What keeps us from them, where only the user can mend it.
        missing: Option<Failure>,
    },
    /// IAM Identity Center gave a code for a sign-in.
    CodeShown {
        /// The number of the sign-in.
        number: u32,
        /// It.
        code: DeviceCode,
    },
    /// A page was to be opened.
    Browsed {
        /// Whether there was a browser for it.
        opened: bool,
    },
    /// A sign-in is over.
    SignedIn {
        /// Its number.
        number: u32,
        /// Where.
        session: Box<SsoSession>,
        /// Until when it is good.
        result: Result<Timestamp, Failure>,
    },
    /// An MFA code was tried.
    CodeTried {
        /// Of this device.
        device: Box<MfaDevice>,
        /// Until when the keys are good, where they end.
        result: Result<Option<Timestamp>, Failure>,
    },
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
    Connect {
        /// For which place from now on.
        place: PlaceId,
        /// The profile, if one is named.
        profile: Option<String>,
        /// The region, if one is named.
        region: Option<String>,
    },
    /// Nobody asks there any more; what is under way there is dropped.
    Leave(PlaceId),
    /// Ask who we are.
    Identify(PlaceId),
    /// Read the lists.
    List {
        /// Where.
        place: PlaceId,
        /// The number of this reading.
        generation: u64,
    },
    /// What was denied before is asked for again: the user may have been given the right.
    ForgetDenials(PlaceId),
    /// Look for the list of the last time.
    LoadCache {
        /// Of which place.
        place: PlaceId,
        /// The profile, if one is named.
        profile: Option<String>,
        /// The region, if one is named.
        region: Option<String>,
    },
    /// Keep a list for the next time.
    StoreCache {
        /// Of which place.
        place: PlaceId,
        /// It.
        listing: Listing,
    },
    /// Read what was opened before.
    Recall,
    /// Keep what happened in the history.
    Remember(history::Event),
    /// Ask AWS for all about one row.
    Look {
        /// Where it is.
        place: PlaceId,
        /// The row.
        id: InstanceId,
        /// Its session target.
        target: InstanceId,
        /// When its lists were numbered last.
        generation: u64,
    },
    /// Ask for the connection of these targets, a few at a time; those asked for before and not begun are dropped.
    Probe(Vec<(PlaceId, InstanceId)>),
    /// Ask what the lists can't show about an instance: `Event::Evidence` for each answer, then `Event::Examined`.
    Examine {
        /// Where it is.
        place: PlaceId,
        /// Its row.
        instance: Box<Instance>,
        /// Who asks, and where.
        context: Box<reach::Context>,
    },
    /// Ask which profiles and regions there are to choose from.
    Choices(Option<PlaceId>),
    /// See whether there are keys, where it may be that only the user can give them: `Event::KeysSought`.
    FindKeys(PlaceId),
    /// Begin a sign-in, in the place of the one before: `Event::CodeShown`, then `Event::SignedIn`.
    SignIn {
        /// Its number.
        number: u32,
        /// Where.
        session: SsoSession,
    },
    /// Nobody waits for the sign-in any more.
    CancelSignIn,
    /// Open a page in the user's browser: `Event::Browsed`.
    Browse(String),
    /// Try an MFA code: `Event::CodeTried`.
    TryCode {
        /// Where it was asked for.
        place: PlaceId,
        /// The device.
        device: MfaDevice,
        /// It.
        code: MfaCode,
    },
    /// A session or forward that has lost its connection need not wait for its next attempt.
    Hurry(Life),
    /// Search; the newest replaces what waits or runs.
    Search(Request),
    /// Start a session on a target.
    Start {
        /// For which life.
        life: Life,
        /// Where it is.
        place: PlaceId,
        /// The session target.
        target: InstanceId,
        /// By a document; none is a shell.
        run: Option<Run>,
    },
    /// Begin a forward: it starts its sessions itself.
    Forward {
        /// For which life.
        life: Life,
        /// Where it is.
        place: PlaceId,
        /// The session target.
        target: InstanceId,
        /// What is wished for.
        wish: Wish,
    },
    /// Run ssh in a local terminal.
    Ssh {
        /// For which life.
        life: Life,
        /// Where it is.
        place: PlaceId,
        /// The instance.
        target: InstanceId,
        /// The pane's size.
        size: term::Size,
    },
    /// List the documents that can be run.
    Documents {
        /// Where.
        place: PlaceId,
        /// The number of this reading.
        generation: u64,
    },
    /// Read a document.
    Document {
        /// Where.
        place: PlaceId,
        /// Its name.
        name: String,
    },
    /// Ask for the account's preferences.
    Preferences(PlaceId),
    /// Open the data channel.
    Open {
        /// For which life.
        life: Life,
        /// Where it was started.
        place: PlaceId,
        /// On what it was started.
        target: InstanceId,
        /// With what.
        ticket: Ticket,
        /// The pane's size.
        size: term::Size,
    },
    /// End a session on the service of which nobody wants to hear any more.
    Terminate {
        /// Where it was started.
        place: PlaceId,
        /// Which.
        id: SessionId,
    },
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
    /// Write a new file, for the user alone; `Event::Saved` follows.
    Save {
        /// Its path.
        path: String,
        /// What is in it.
        text: String,
    },
    /// Leave the program.
    Quit,
}
