//! What the user can want: one table, from which come dispatch, hint bar, `?` help, the actions menu, the keys that the
//! configuration may change, and the README's key table. No key is named anywhere else.

use super::action_table::TABLE;

/// Where the keys go at this moment; each action says in which of these it exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Context {
    /// The search box of the fleet has the focus: letters are text.
    Search,
    /// The list of the fleet has the focus: letters are commands.
    List,
    /// The details of an instance lie over a narrow list.
    Details,
    /// A live session: keys go to the instance.
    Pane,
    /// A live forward.
    Forward,
    /// A session that is being started.
    Starting,
    /// A tab whose session has ended.
    Ended,
    /// Looking back through a session's lines.
    Scroll,
    /// The menu of actions.
    Menu,
    /// The page of keys.
    Help,
    /// Choosing the column to order by.
    Order,
    /// A question that is answered with yes or no.
    Confirm,
    /// A new name for a tab is being typed.
    Rename,
    /// Why an instance cannot be reached.
    Explain,
    /// What a forward or a document needs is being typed.
    Form,
    /// A document is being chosen.
    Documents,
    /// Accounts and regions are being chosen.
    Places,
    /// What was opened when.
    History,
    /// A sign-in is offered, or goes on.
    Login,
    /// An MFA code is being typed.
    MfaCode,
    /// A search in a session's lines is being typed.
    Find,
    /// A link in view is being named by its letters.
    Hints,
    /// A link is shown.
    Link,
    /// The file for a session's lines is being named.
    Save,
}

impl Context {
    /// Every context, in the order in which help tells of them.
    pub const ALL: [Self; 24] = [
        Self::Search,
        Self::List,
        Self::Details,
        Self::Pane,
        Self::Forward,
        Self::Starting,
        Self::Ended,
        Self::Scroll,
        Self::Find,
        Self::Hints,
        Self::Link,
        Self::Save,
        Self::Menu,
        Self::Help,
        Self::Order,
        Self::Confirm,
        Self::Rename,
        Self::Explain,
        Self::Form,
        Self::Documents,
        Self::Places,
        Self::History,
        Self::Login,
        Self::MfaCode,
    ];

    /// Its heading on the page of keys.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Search => "In the search box",
            Self::List => "In the list (esc from the search box)",
            Self::Details => "In the details",
            Self::Pane => "In a session",
            Self::Forward => "In a forward",
            Self::Starting => "While a session starts",
            Self::Ended => "When a session has ended",
            Self::Scroll => "Looking back",
            Self::Menu => "In the menu of actions",
            Self::Help => "On this page",
            Self::Order => "Ordering the list",
            Self::Confirm => "At a question",
            Self::Rename => "Renaming a tab",
            Self::Explain => "When an instance cannot be reached",
            Self::Form => "In a form",
            Self::Documents => "Choosing a document",
            Self::Places => "Choosing accounts and regions",
            Self::History => "In the history",
            Self::Login => "At a sign-in",
            Self::MfaCode => "Typing an MFA code",
            Self::Find => "Searching a session's lines",
            Self::Hints => "Choosing a link",
            Self::Link => "At a link",
            Self::Save => "Saving a session's lines",
        }
    }

    /// Whether a printable key that no action claims is typed into a line of text here.
    pub const fn types_text(self) -> bool {
        matches!(
            self,
            Self::Search
                | Self::Rename
                | Self::Form
                | Self::Documents
                | Self::Places
                | Self::Find
                | Self::Hints
                | Self::Save
                | Self::MfaCode
        )
    }
}

/// A set of contexts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contexts(u32);

impl Contexts {
    /// The set of these.
    pub const fn of(contexts: &[Context]) -> Self {
        let mut bits = 0;
        let mut at = 0;
        while at < contexts.len() {
            bits |= 1 << contexts[at] as u32;
            at += 1;
        }
        Self(bits)
    }

    /// Whether the context is in the set.
    pub const fn contains(self, context: Context) -> bool {
        self.0 & (1 << context as u32) != 0
    }

    /// Both sets together.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// What the user wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Open a shell on the row under the cursor, or on every marked one.
    Shell,
    /// Forward a port through the instance.
    Forward,
    /// Open ssh to the instance in a tab.
    Ssh,
    /// Choose a session document and run it.
    Command,
    /// Copy the address of this tab's forward.
    CopyAddress,
    /// To the next field.
    NextField,
    /// To the field before.
    PreviousField,
    /// Start the session although the list says that it cannot work.
    TryAnyway,
    /// Start the ended session of this tab anew.
    Restart,
    /// Give up starting.
    CancelStart,
    /// Another session on the instance of this tab.
    Duplicate,
    /// End this tab's session.
    EndSession,
    /// Close this tab.
    CloseTab,
    /// Give this tab a name.
    Rename,
    /// Look back through the lines of this tab.
    Scroll,
    /// Copy the visible screen of this tab.
    CopyScreen,
    /// Drop what has not been sent yet of a paste.
    CancelPaste,
    /// See what the instance wants on the clipboard, and say whether it may.
    Clipboard,
    /// Show letters beside the links in view.
    Links,
    /// Open the link that is shown.
    OpenLink,
    /// Copy the link that is shown.
    CopyLink,
    /// Save the lines of this tab to a file.
    Save,
    /// Save with colours, or without.
    ToggleColours,
    /// Look for text, towards the newer.
    Find,
    /// Look for text, towards the older.
    FindBack,
    /// The text that is looked for is a regular expression, or is not.
    ToggleRegex,
    /// To the next place found.
    NextMatch,
    /// To the one before.
    PreviousMatch,
    /// Select characters.
    SelectCharacters,
    /// Select words.
    SelectWords,
    /// Select lines.
    SelectLines,
    /// Select a rectangle.
    SelectBlock,
    /// To the other end of the selection.
    SwapEnds,
    /// Copy what is selected.
    CopySelection,
    /// Half a page up.
    HalfUp,
    /// Half a page down.
    HalfDown,
    /// To the next word.
    NextWord,
    /// To the word before.
    PreviousWord,
    /// To the end of the word.
    WordEnd,
    /// To the first letter of the line that is no blank.
    LineText,
    /// To the first row in view.
    ViewTop,
    /// To the middle of the view.
    ViewMiddle,
    /// To the last row in view.
    ViewBottom,
    /// To the prompt before.
    PreviousPrompt,
    /// To the next prompt.
    NextPrompt,
    /// Back to the session at once.
    CloseLook,
    /// Send the leader key itself.
    SendLeader,
    /// Go to the tab of that number; 1 is the fleet.
    GoTab(u8),
    /// The next tab.
    NextTab,
    /// The previous tab.
    PreviousTab,
    /// Back to the fleet.
    GoFleet,
    /// The menu of actions for what is selected.
    Menu,
    /// Leave the search box for the single-key commands.
    Commands,
    /// Back to the search box.
    Search,
    /// Put in what can stand at the cursor of the search box.
    Complete,
    /// Filter by a tag.
    TagFilter,
    /// Ask AWS again.
    Refresh,
    /// Choose accounts and regions, and see how each is.
    Places,
    /// Sign in, or type the code that is waited for.
    Login,
    /// Copy the address of the page where a sign-in is confirmed.
    CopyPage,
    /// Details of the instance, its verdict first.
    Why,
    /// Copy the id of the instance.
    CopyId,
    /// Copy the line that mends it.
    CopyFix,
    /// Copy all that is known of the instance, for a ticket.
    CopyReport,
    /// Make the row a favourite, or no longer.
    Favourite,
    /// What was opened when.
    History,
    /// Watch the row until it is ready; of an ended tab, start it anew then.
    Watch,
    /// Mark the row, or take the mark away.
    Mark,
    /// Take all marks away.
    UnmarkAll,
    /// Choose the column to order by.
    Order,
    /// Turn the order round.
    Reverse,
    /// The page of keys.
    Help,
    /// Leave the program.
    Quit,
    /// One up.
    Up,
    /// One down.
    Down,
    /// A page up.
    PageUp,
    /// A page down.
    PageDown,
    /// To the first.
    First,
    /// To the last.
    Last,
    /// Take what is selected; say yes.
    Accept,
    /// Say no; close.
    Dismiss,
    /// Erase the letter before the cursor.
    Erase,
    /// Erase the letter under the cursor.
    EraseForward,
    /// Erase the word before the cursor.
    EraseWord,
    /// Erase the whole line.
    EraseLine,
    /// One letter to the left.
    CursorLeft,
    /// One letter to the right.
    CursorRight,
    /// To the start of the line.
    CursorStart,
    /// To the end of the line.
    CursorEnd,
}

/// Whether an action can destroy something that cannot be had back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Danger {
    /// Nothing is lost.
    None,
    /// Something is lost, such as a running session.
    Loses,
}

/// Where an action shows itself apart from the page of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Only on the page of keys.
    Help,
    /// Also in the bar of hints, by this word.
    Bar(&'static str),
    /// Also in the menu of actions.
    Menu,
    /// In both.
    BarAndMenu(&'static str),
}

/// One row of the table.
#[derive(Debug)]
pub struct Entry {
    /// The action.
    pub action: Action,
    /// Its name in the configuration.
    pub name: &'static str,
    /// What it does, in a few words.
    pub doc: &'static str,
    /// Default keys and where they work; `leader` stands for the leader key, a space separates keys of a sequence.
    pub keys: &'static [(Contexts, &'static str)],
    /// Whether something is lost by it.
    pub danger: Danger,
    /// Where it shows.
    pub shown: Shown,
}

impl Entry {
    /// Whether the action exists in this context.
    pub fn exists_in(&self, context: Context) -> bool {
        self.keys.iter().any(|(contexts, _)| contexts.contains(context))
    }

    /// Its word in the bar of hints.
    pub fn hint(&self) -> Option<&'static str> {
        match self.shown {
            Shown::Bar(word) | Shown::BarAndMenu(word) => Some(word),
            Shown::Help | Shown::Menu => None,
        }
    }

    /// Whether the menu of actions offers it.
    pub fn in_menu(&self) -> bool {
        matches!(self.shown, Shown::Menu | Shown::BarAndMenu(_))
    }
}

/// What `disabled` may know: plain values, taken from the state before asking.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The name of the row under the cursor.
    pub row: Option<String>,
    /// Why that row cannot be reached, in one line; none if it can, or if nobody knows.
    pub unreachable: Option<String>,
    /// Whether its verdict has a line to copy.
    pub has_fix: bool,
    /// How many rows are marked.
    pub marks: usize,
    /// How many tabs there are beside the fleet.
    pub tabs: usize,
    /// The tab on the screen, if it is not the fleet.
    pub tab: Option<TabFacts>,
    /// Whether AWS can be asked: there is a client.
    pub connected: bool,
    /// Whether the list is being asked for at this moment.
    pub refreshing: bool,
    /// Whether a login or a code is waited for.
    pub needs_user: bool,
    /// Whether there is a page where a sign-in is confirmed.
    pub has_page: bool,
}

/// What `disabled` may know of the tab on the screen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TabFacts {
    /// Its session runs (or is reconnecting).
    pub live: bool,
    /// Its session is being started.
    pub starting: bool,
    /// A paste is on its way.
    pub pasting: bool,
    /// It has a terminal.
    pub terminal: bool,
    /// It has an address to copy.
    pub address: bool,
    /// It wants something on the clipboard.
    pub wanted: bool,
}

impl Action {
    /// Its row in the table.
    pub fn entry(self) -> &'static Entry {
        TABLE
            .iter()
            .find(|entry| entry.action == self)
            .expect("every action has its row: a test holds the table to it")
    }

    /// The action of that name in the configuration.
    pub fn named(name: &str) -> Option<Self> {
        TABLE.iter().find(|entry| entry.name == name).map(|entry| entry.action)
    }

    /// Whether it is about the row under the cursor of the list.
    pub fn is_about_row(self) -> bool {
        matches!(
            self,
            Self::Shell
                | Self::Forward
                | Self::Ssh
                | Self::Command
                | Self::Why
                | Self::CopyId
                | Self::CopyFix
                | Self::CopyReport
                | Self::Mark
                | Self::Favourite
                | Self::Watch
                | Self::Menu
                | Self::Up
                | Self::Down
        )
    }

    /// Why it cannot be done now, in a line for the user; none if it can.
    pub fn disabled(self, now: &Snapshot) -> Option<String> {
        let row = || now.row.is_none().then(|| "no instance is selected".to_owned());
        let tab = now.tab.as_ref();
        let in_tab = || tab.is_none().then(|| "this works in a session's tab".to_owned());
        match self {
            Self::Shell if now.marks == 0 => row(),
            Self::CopyId | Self::Forward | Self::Ssh | Self::Command => row(),
            Self::Why | Self::CopyReport => row(),
            Self::Mark | Self::Favourite | Self::Watch => row(),
            Self::Login => (!now.needs_user).then(|| "no login and no code is waited for".to_owned()),
            Self::CopyPage => (!now.has_page).then(|| "there is no page to open yet".to_owned()),
            Self::CopyFix => (!now.has_fix).then(|| "there is no line to copy here".to_owned()),
            Self::UnmarkAll => (now.marks == 0).then(|| "nothing is marked".to_owned()),
            Self::Refresh if now.refreshing => Some("the list is being asked for already".to_owned()),
            Self::Duplicate | Self::Rename => in_tab(),
            Self::Scroll | Self::CopyScreen | Self::Links | Self::Save => match tab {
                Some(tab) if !tab.terminal => Some("a forward has no screen".to_owned()),
                _ => in_tab(),
            },
            Self::CopyAddress => match tab {
                Some(tab) if tab.address => None,
                _ => Some("there is no address yet".to_owned()),
            },
            Self::SendLeader => match tab {
                Some(tab) if tab.live => None,
                _ => Some("there is no session here to send it to".to_owned()),
            },
            Self::EndSession => match tab {
                None => in_tab(),
                Some(tab) if !tab.live && !tab.starting => Some("this session has ended already".to_owned()),
                Some(_) => None,
            },
            Self::Clipboard => match tab {
                Some(tab) if tab.wanted => None,
                _ => Some("no instance wants anything on the clipboard here".to_owned()),
            },
            Self::CancelPaste => match tab {
                Some(tab) if tab.pasting => None,
                _ => Some("no paste is on its way".to_owned()),
            },
            Self::GoTab(n) => (usize::from(n) > now.tabs + 1).then(|| format!("there is no tab {n}")),
            Self::NextTab | Self::PreviousTab => (now.tabs == 0).then(|| "there is no other tab".to_owned()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_docs_are_short_sentences() {
        for (at, entry) in TABLE.iter().enumerate() {
            assert!(!TABLE[..at].iter().any(|other| other.name == entry.name), "{} twice", entry.name);
            assert!(
                !TABLE[..at].iter().any(|other| other.action == entry.action),
                "{:?} twice",
                entry.action
            );
            assert!(!entry.keys.is_empty(), "{} has no key", entry.name);
            assert!(!entry.doc.ends_with('.') && entry.doc.len() <= 60, "{}", entry.doc);
            assert_eq!(Action::named(entry.name), Some(entry.action));
        }
    }

    #[test]
    fn a_disabled_action_says_why() {
        let nothing = Snapshot::default();
        assert_eq!(Action::Shell.disabled(&nothing).as_deref(), Some("no instance is selected"));
        assert_eq!(Action::GoTab(4).disabled(&nothing).as_deref(), Some("there is no tab 4"));
        assert_eq!(Action::GoTab(1).disabled(&nothing), None);
        let ended = Snapshot { tabs: 1, tab: Some(TabFacts::default()), ..Snapshot::default() };
        assert_eq!(Action::EndSession.disabled(&ended).as_deref(), Some("this session has ended already"));
        assert_eq!(Action::Help.disabled(&nothing), None);
    }

    #[test]
    fn what_loses_a_session_is_marked_as_such() {
        for action in [Action::EndSession, Action::CloseTab, Action::Quit] {
            assert_eq!(action.entry().danger, Danger::Loses, "{action:?}");
        }
        assert_eq!(Action::Shell.entry().danger, Danger::None);
    }
}
