//! The table of actions itself, in the order in which the page of keys, the menu and the bar of hints show them.

use super::action::{Action, Context::*, Contexts, Danger, Entry, Shown};

const SEARCH: Contexts = Contexts::of(&[Search]);
const LIST: Contexts = Contexts::of(&[List]);
const FLEET: Contexts = Contexts::of(&[Search, List]);
const TEXT: Contexts = Contexts::of(&[Search, Rename, Form, Documents]);
/// Where the leader key leads: the fleet, and every face of a tab.
const LEAD: Contexts = Contexts::of(&[Search, List, Pane, Forward, Starting, Ended]);
const TAB: Contexts = Contexts::of(&[Pane, Forward, Starting, Ended]);
/// A live forward.
const FORWARD: Contexts = Contexts::of(&[Forward]);
/// Forms.
const FORM: Contexts = Contexts::of(&[Form]);
const ENDED: Contexts = Contexts::of(&[Ended]);
/// Where single letters and arrows move a cursor or a page.
const MOVES: Contexts = Contexts::of(&[List, Details, Scroll, Menu, Help, Order, Explain]);
const ARROWS: Contexts = MOVES.and(SEARCH).and(Contexts::of(&[Form, Documents]));
const POPUPS: Contexts = Contexts::of(&[Details, Scroll, Menu, Help, Order, Explain]);

const fn entry(
    action: Action,
    name: &'static str,
    doc: &'static str,
    shown: Shown,
    keys: &'static [(Contexts, &'static str)],
) -> Entry {
    Entry { action, name, doc, keys, danger: Danger::None, shown }
}

const fn loses(entry: Entry) -> Entry {
    Entry { danger: Danger::Loses, ..entry }
}

/// Every action there is.
pub static TABLE: &[Entry] = &[
    entry(
        Action::Shell,
        "shell",
        "open a shell on the instance, or on every marked one",
        Shown::BarAndMenu("shell"),
        &[(FLEET, "enter"), (LIST, "s"), (Contexts::of(&[Details]), "enter")],
    ),
    entry(
        Action::CopyAddress,
        "copy-address",
        "copy the address of the forward",
        Shown::BarAndMenu("copy address"),
        &[(FORWARD, "y")],
    ),
    entry(
        Action::Menu,
        "menu",
        "the actions for what is selected",
        Shown::Bar("actions"),
        &[(FLEET, "tab"), (LEAD, "leader tab")],
    ),
    entry(
        Action::Restart,
        "restart",
        "start the session anew",
        Shown::BarAndMenu("start anew"),
        &[(ENDED, "enter"), (FORWARD, "r")],
    ),
    loses(entry(
        Action::CloseTab,
        "close-tab",
        "close the tab",
        Shown::BarAndMenu("close"),
        &[(ENDED, "x"), (ENDED, "q")],
    )),
    entry(
        Action::CancelStart,
        "cancel-start",
        "give up starting",
        Shown::BarAndMenu("cancel"),
        &[(Contexts::of(&[Starting]), "esc"), (Contexts::of(&[Starting]), "ctrl-c")],
    ),
    entry(
        Action::Commands,
        "commands",
        "leave the search box: single keys are commands",
        Shown::Bar("commands"),
        &[(SEARCH, "esc")],
    ),
    entry(
        Action::Forward,
        "forward",
        "forward a port through the instance",
        Shown::BarAndMenu("forward"),
        &[(LIST, "f"), (FLEET, "alt-f"), (TAB, "leader o")],
    ),
    entry(
        Action::Command,
        "command",
        "run a session document on the instance",
        Shown::BarAndMenu("command"),
        &[(LIST, "c"), (FLEET, "alt-c"), (TAB, "leader s")],
    ),
    entry(
        Action::Ssh,
        "ssh",
        "open ssh to the instance in a tab",
        Shown::BarAndMenu("ssh"),
        &[(LIST, "h"), (FLEET, "alt-h"), (TAB, "leader h")],
    ),
    entry(
        Action::Mark,
        "mark",
        "mark the instance, or take its mark away",
        Shown::BarAndMenu("mark"),
        &[(LIST, "space"), (SEARCH, "ctrl-space")],
    ),
    entry(
        Action::Why,
        "why",
        "details of the instance, and why it cannot be reached",
        Shown::BarAndMenu("why"),
        &[(LIST, "w"), (SEARCH, "alt-w"), (TAB, "leader d")],
    ),
    entry(
        Action::Search,
        "search",
        "back to the search box",
        Shown::Bar("search"),
        &[(LIST, "/"), (LIST, "i")],
    ),
    entry(
        Action::Refresh,
        "refresh",
        "ask AWS again",
        Shown::BarAndMenu("refresh"),
        &[(FLEET, "ctrl-r"), (LIST, "r"), (Contexts::of(&[Documents]), "ctrl-r")],
    ),
    entry(Action::TagFilter, "tag-filter", "filter by a tag", Shown::Bar("tag filter"), &[(FLEET, "ctrl-t")]),
    entry(
        Action::Order,
        "order",
        "order by a column",
        Shown::BarAndMenu("order"),
        &[(LIST, "o"), (SEARCH, "alt-o")],
    ),
    entry(
        Action::Reverse,
        "reverse",
        "turn the order round",
        Shown::Help,
        &[(LIST, "O"), (Contexts::of(&[Order]), "r")],
    ),
    entry(
        Action::CopyId,
        "copy-id",
        "copy the id of the instance",
        Shown::BarAndMenu("copy id"),
        &[(LIST, "y"), (SEARCH, "ctrl-y")],
    ),
    entry(
        Action::UnmarkAll,
        "unmark-all",
        "take all marks away",
        Shown::Menu,
        &[(LIST, "u"), (SEARCH, "alt-u")],
    ),
    entry(
        Action::CopyFix,
        "copy-fix",
        "copy the line that mends it",
        Shown::BarAndMenu("copy the fix"),
        &[(Contexts::of(&[Explain, Details]), "y"), (LIST, "Y"), (SEARCH, "alt-y")],
    ),
    entry(
        Action::TryAnyway,
        "try-anyway",
        "start a session all the same",
        Shown::Bar("try all the same"),
        &[(Contexts::of(&[Explain]), "t")],
    ),
    entry(
        Action::Duplicate,
        "duplicate",
        "another session on the same instance",
        Shown::BarAndMenu("new session"),
        &[(TAB, "leader c")],
    ),
    loses(entry(
        Action::EndSession,
        "end",
        "end the session",
        Shown::BarAndMenu("end"),
        &[(TAB, "leader x"), (FORWARD, "x")],
    )),
    entry(Action::Rename, "rename", "rename the tab", Shown::BarAndMenu("rename"), &[(TAB, "leader r")]),
    entry(
        Action::Scroll,
        "scroll",
        "look back through the lines",
        Shown::BarAndMenu("scroll"),
        &[(TAB, "leader [")],
    ),
    entry(
        Action::CopyScreen,
        "copy-screen",
        "copy the screen of the session",
        Shown::BarAndMenu("copy"),
        &[(TAB, "leader y")],
    ),
    entry(
        Action::CancelPaste,
        "cancel-paste",
        "drop the rest of a paste",
        Shown::BarAndMenu("stop paste"),
        &[(TAB, "leader k")],
    ),
    entry(
        Action::GoFleet,
        "fleet",
        "back to the fleet",
        Shown::BarAndMenu("fleet"),
        &[(LEAD, "leader f"), (ENDED, "f"), (FORWARD, "f")],
    ),
    entry(Action::NextTab, "next-tab", "the next tab", Shown::Bar("next"), &[(LEAD, "leader n")]),
    entry(
        Action::PreviousTab,
        "previous-tab",
        "the previous tab",
        Shown::Bar("previous"),
        &[(LEAD, "leader p")],
    ),
    go_tab(1, "tab-1", "the fleet", &[(LEAD, "alt-1"), (LEAD, "leader 1")]),
    go_tab(2, "tab-2", "tab 2", &[(LEAD, "alt-2"), (LEAD, "leader 2")]),
    go_tab(3, "tab-3", "tab 3", &[(LEAD, "alt-3"), (LEAD, "leader 3")]),
    go_tab(4, "tab-4", "tab 4", &[(LEAD, "alt-4"), (LEAD, "leader 4")]),
    go_tab(5, "tab-5", "tab 5", &[(LEAD, "alt-5"), (LEAD, "leader 5")]),
    go_tab(6, "tab-6", "tab 6", &[(LEAD, "alt-6"), (LEAD, "leader 6")]),
    go_tab(7, "tab-7", "tab 7", &[(LEAD, "alt-7"), (LEAD, "leader 7")]),
    go_tab(8, "tab-8", "tab 8", &[(LEAD, "alt-8"), (LEAD, "leader 8")]),
    go_tab(9, "tab-9", "tab 9", &[(LEAD, "alt-9"), (LEAD, "leader 9")]),
    entry(
        Action::SendLeader,
        "send-leader",
        "send the leader key itself",
        Shown::Bar("sends it"),
        &[(Contexts::of(&[Pane]), "leader leader")],
    ),
    entry(
        Action::Accept,
        "accept",
        "take it; yes",
        Shown::Bar("yes"),
        &[
            (Contexts::of(&[Menu, Order, Rename, Confirm, Form, Documents]), "enter"),
            (Contexts::of(&[Confirm]), "y"),
        ],
    ),
    entry(
        Action::NextField,
        "next-field",
        "to the next field",
        Shown::Bar("next field"),
        &[(FORM, "tab"), (FORM, "ctrl-n")],
    ),
    entry(
        Action::PreviousField,
        "previous-field",
        "to the field before",
        Shown::Help,
        &[(FORM, "shift-tab"), (FORM, "ctrl-p")],
    ),
    entry(
        Action::Dismiss,
        "dismiss",
        "close; no",
        Shown::Bar("close"),
        &[
            (POPUPS.and(Contexts::of(&[Confirm, Rename, Form, Documents])), "esc"),
            (POPUPS, "q"),
            (Contexts::of(&[Confirm]), "n"),
            (Contexts::of(&[Explain, Scroll]), "enter"),
            (Contexts::of(&[Help]), "?"),
            (Contexts::of(&[Help]), "f1"),
            (Contexts::of(&[Details]), "w"),
            (Contexts::of(&[Menu]), "tab"),
            (Contexts::of(&[Order]), "o"),
            (Contexts::of(&[Rename, Explain, Scroll, Form, Documents]), "ctrl-c"),
        ],
    ),
    entry(
        Action::Help,
        "help",
        "every key",
        Shown::Bar("help"),
        &[(LIST, "?"), (FLEET, "f1"), (FORWARD, "?"), (LEAD, "leader ?")],
    ),
    loses(entry(
        Action::Quit,
        "quit",
        "leave; sessions that still run are ended",
        Shown::BarAndMenu("quit"),
        &[
            (LIST, "q"),
            (FLEET.and(Contexts::of(&[Details, Menu, Help, Order, Confirm])), "ctrl-c"),
            (LEAD, "leader q"),
        ],
    )),
    entry(Action::Up, "up", "one up", Shown::Help, &[(ARROWS, "up"), (MOVES, "k"), (SEARCH, "ctrl-p")]),
    entry(
        Action::Down,
        "down",
        "one down",
        Shown::Help,
        &[(ARROWS, "down"), (MOVES, "j"), (SEARCH, "ctrl-n")],
    ),
    entry(Action::PageUp, "page-up", "a page up", Shown::Help, &[(ARROWS, "pageup"), (MOVES, "ctrl-b")]),
    entry(
        Action::PageDown,
        "page-down",
        "a page down",
        Shown::Help,
        &[(ARROWS, "pagedown"), (MOVES, "ctrl-f")],
    ),
    entry(Action::First, "first", "to the first", Shown::Help, &[(MOVES, "home"), (MOVES, "g")]),
    entry(Action::Last, "last", "to the last", Shown::Help, &[(MOVES, "end"), (MOVES, "G")]),
    entry(Action::Erase, "erase", "erase a letter", Shown::Help, &[(TEXT, "backspace"), (TEXT, "ctrl-h")]),
    entry(
        Action::EraseForward,
        "erase-forward",
        "erase the letter under the cursor",
        Shown::Help,
        &[(TEXT, "delete")],
    ),
    entry(
        Action::EraseWord,
        "erase-word",
        "erase a word",
        Shown::Help,
        &[(TEXT, "ctrl-w"), (TEXT, "alt-backspace")],
    ),
    entry(Action::EraseLine, "erase-line", "erase the line", Shown::Help, &[(TEXT, "ctrl-u")]),
    entry(Action::CursorLeft, "cursor-left", "one letter to the left", Shown::Help, &[(TEXT, "left")]),
    entry(Action::CursorRight, "cursor-right", "one letter to the right", Shown::Help, &[(TEXT, "right")]),
    entry(
        Action::CursorStart,
        "cursor-start",
        "to the start of the line",
        Shown::Help,
        &[(TEXT, "ctrl-a"), (TEXT, "home")],
    ),
    entry(
        Action::CursorEnd,
        "cursor-end",
        "to the end of the line",
        Shown::Help,
        &[(TEXT, "ctrl-e"), (TEXT, "end")],
    ),
];

const fn go_tab(
    number: u8,
    name: &'static str,
    doc: &'static str,
    keys: &'static [(Contexts, &'static str)],
) -> Entry {
    Entry { action: Action::GoTab(number), name, doc, keys, danger: Danger::None, shown: Shown::Help }
}
