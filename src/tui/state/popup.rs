//! What lies over the screen and takes the keys until it is closed.

use super::{
    chooser::Chooser,
    document::Hit,
    form::Form,
    line::Line,
    login::{CodeForm, SignIn},
    place::Places,
};
use crate::{
    fleet::{InstanceId, Platform},
    tui::{
        action::Action,
        event::{Failure, PlaceId, TabId},
    },
};

/// One of them; there is at most one at a time.
#[derive(Clone, Debug, PartialEq)]
pub enum Popup {
    /// The actions for what is selected.
    Menu {
        /// Those offered, with the key that does the same and why it cannot be done now.
        items: Vec<MenuItem>,
        /// The one under the cursor.
        selected: usize,
    },
    /// Every key.
    Help {
        /// Lines scrolled away at the top.
        scroll: usize,
    },
    /// Which column to order by.
    Order {
        /// The one under the cursor: 0 is "best match", then the columns.
        selected: usize,
    },
    /// What was opened when.
    History {
        /// The one under the cursor, from the newest.
        selected: usize,
    },
    /// A question.
    Confirm(Question),
    /// A new name for a tab.
    Rename {
        /// Which tab.
        tab: TabId,
        /// The name so far.
        line: Line,
    },
    /// Why an instance cannot be reached, instead of a session that fails.
    Explain {
        /// Which.
        id: InstanceId,
        /// Lines scrolled away at the top.
        scroll: usize,
    },
    /// What is needed to open a forward or a document.
    Form(Box<Form>),
    /// Choosing a document.
    Documents(Picker),
    /// Choosing accounts and regions.
    Places(Box<Chooser>),
    /// Signing in.
    Login(Box<SignIn>),
    /// Typing an MFA code.
    MfaCode(Box<CodeForm>),
    /// Where the lines of a session are to be saved.
    Save(Save),
    /// A link, shown whole before anything is done with it.
    Link {
        /// Where it leads to.
        target: String,
    },
    /// The details of the selected instance, over a narrow list.
    Details {
        /// Lines scrolled away at the top.
        scroll: usize,
    },
}

/// Where the lines of a session are to be saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Save {
    /// Those of this tab.
    pub tab: TabId,
    /// The file's path so far.
    pub line: Line,
    /// With their colours.
    pub coloured: bool,
    /// Why it could not be written.
    pub failure: Option<String>,
}

/// Choosing a document for an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picker {
    /// Where the instance is.
    pub place: PlaceId,
    /// The instance.
    pub instance: InstanceId,
    /// Its name.
    pub name: String,
    /// What it runs; documents for others are left out.
    pub platform: Option<Platform>,
    /// What is searched for.
    pub line: Line,
    /// The one under the cursor, among those that match.
    pub selected: usize,
    /// The document that is being read.
    pub reading: Option<String>,
    /// Why the last one could not be read.
    pub failure: Option<Failure>,
}

impl Picker {
    /// The documents that answer what is typed.
    pub fn hits(&self, places: &Places) -> Vec<Hit> {
        let view = places.get(self.place);
        view.map_or_else(Vec::new, |view| view.documents.hits(self.line.text(), self.platform))
    }
}

/// A line of the menu.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MenuItem {
    /// What it does.
    pub action: Action,
    /// The key that does the same.
    pub key: String,
    /// Why it cannot be done now.
    pub disabled: Option<String>,
}

/// A question that is answered with yes or no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Leave, and end the sessions that run?
    Quit,
    /// End this tab's session?
    End(TabId),
    /// Put this on the clipboard, as an instance wants it?
    Clipboard {
        /// The session of which tab.
        tab: TabId,
        /// What.
        text: String,
    },
    /// Paste these lines into a shell that will run them one by one?
    Paste {
        /// Into which tab.
        tab: TabId,
        /// What.
        text: String,
    },
}
