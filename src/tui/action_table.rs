//! The table of actions itself, in the order in which the page of keys, the menu and the bar of hints show them.

use super::action::{Action, Context::*, Contexts, Danger, Entry, Shown};

const SEARCH: Contexts = Contexts::of(&[Search]);
const LIST: Contexts = Contexts::of(&[List]);
const FLEET: Contexts = Contexts::of(&[Search, List]);
const TEXT: Contexts = Contexts::of(&[Search, Rename, Form, Documents, Places, Find, Save]);
/// Where there is something to erase.
const ERASABLE: Contexts = TEXT.and(Contexts::of(&[MfaCode]));
/// Where the leader key leads: the fleet, and every face of a tab.
const LEAD: Contexts = Contexts::of(&[Search, List, Pane, Forward, Starting, Ended, Scroll]);
const TAB: Contexts = Contexts::of(&[Pane, Forward, Starting, Ended]);
/// A live forward.
const FORWARD: Contexts = Contexts::of(&[Forward]);
/// Forms.
const FORM: Contexts = Contexts::of(&[Form]);
const ENDED: Contexts = Contexts::of(&[Ended]);
const SCROLL: Contexts = Contexts::of(&[Scroll]);
/// Where single letters and arrows move a cursor or a page.
const MOVES: Contexts = Contexts::of(&[List, Details, Scroll, Menu, Help, Order, History, Explain]);
const ARROWS: Contexts = MOVES.and(SEARCH).and(Contexts::of(&[Form, Documents, Places]));
const POPUPS: Contexts = Contexts::of(&[Details, Menu, Help, Order, History, Explain]);

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
        &[(LIST, "c"), (FLEET, "alt-c"), (TAB, "leader e")],
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
        &[(LIST, "space"), (SEARCH, "ctrl-space"), (Contexts::of(&[Places]), "tab")],
    ),
    entry(
        Action::Why,
        "why",
        "details of the instance, and why it cannot be reached",
        Shown::BarAndMenu("why"),
        &[(LIST, "w"), (SEARCH, "alt-w"), (TAB, "leader d"), (ENDED, "d"), (Contexts::of(&[Explain]), "w")],
    ),
    entry(
        Action::Watch,
        "watch",
        "watch it until it is ready; then start an ended tab anew",
        Shown::BarAndMenu("watch"),
        &[(LIST, "W"), (SEARCH, "alt-e"), (ENDED, "w"), (Contexts::of(&[Explain]), "W")],
    ),
    entry(
        Action::Favourite,
        "favourite",
        "make it a favourite, or no longer",
        Shown::Menu,
        &[(LIST, "*"), (SEARCH, "alt-s")],
    ),
    entry(Action::History, "history", "what was opened when", Shown::Menu, &[(LIST, "H"), (SEARCH, "alt-l")]),
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
        &[(FLEET, "ctrl-r"), (LIST, "r"), (Contexts::of(&[Documents, Places]), "ctrl-r")],
    ),
    entry(
        Action::Places,
        "places",
        "choose accounts and regions, and see how each is",
        Shown::BarAndMenu("places"),
        &[(LIST, "p"), (SEARCH, "alt-p")],
    ),
    entry(
        Action::Login,
        "login",
        "sign in, or type the code that is waited for",
        Shown::BarAndMenu("sign in"),
        &[(LIST, "l"), (FLEET.and(Contexts::of(&[Places])), "ctrl-l"), (ENDED, "l"), (TAB, "leader l")],
    ),
    entry(
        Action::CopyPage,
        "copy-page",
        "copy the address of the page where it is confirmed",
        Shown::Bar("copy the address"),
        &[(Contexts::of(&[Login]), "y")],
    ),
    entry(
        Action::Complete,
        "complete",
        "complete the word that is being typed",
        Shown::Help,
        &[(SEARCH, "ctrl-f")],
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
        Action::CopyReport,
        "copy-report",
        "copy a report on the instance, for a ticket",
        Shown::BarAndMenu("copy a report"),
        &[(Contexts::of(&[Explain, Details]), "r"), (LIST, "R"), (SEARCH, "alt-r")],
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
        Action::SelectCharacters,
        "select",
        "select characters, or nothing",
        Shown::Bar("select"),
        &[(SCROLL, "v"), (SCROLL, "space")],
    ),
    entry(
        Action::CopySelection,
        "copy-selection",
        "copy what is selected, and go back",
        Shown::Bar("copy"),
        &[(SCROLL, "y"), (SCROLL, "enter")],
    ),
    entry(Action::Find, "find", "look for text below", Shown::Bar("find"), &[(SCROLL, "/")]),
    entry(Action::FindBack, "find-back", "look for text above", Shown::Bar("find above"), &[(SCROLL, "?")]),
    entry(Action::NextMatch, "next-match", "the next place found", Shown::Bar("next"), &[(SCROLL, "n")]),
    entry(Action::PreviousMatch, "previous-match", "the place found before", Shown::Help, &[(SCROLL, "N")]),
    entry(
        Action::ToggleRegex,
        "regex",
        "take it as a regular expression, or as it stands",
        Shown::Bar("regular expression"),
        &[(Contexts::of(&[Find]), "ctrl-r")],
    ),
    entry(
        Action::Links,
        "links",
        "letters beside the links in view: open or copy one",
        Shown::BarAndMenu("links"),
        &[(SCROLL, "f"), (TAB.and(SCROLL), "leader u")],
    ),
    entry(
        Action::OpenLink,
        "open-link",
        "open the link; what may not be opened is copied",
        Shown::Bar("open"),
        &[(Contexts::of(&[Link]), "enter"), (Contexts::of(&[Link]), "o")],
    ),
    entry(
        Action::CopyLink,
        "copy-link",
        "copy the link",
        Shown::Bar("copy"),
        &[(Contexts::of(&[Link]), "y")],
    ),
    entry(
        Action::Save,
        "save",
        "save the lines of the session to a file",
        Shown::BarAndMenu("save"),
        &[(SCROLL, "s"), (TAB.and(SCROLL), "leader s")],
    ),
    entry(
        Action::ToggleColours,
        "colours",
        "with colours, or as plain text",
        Shown::Bar("colours"),
        &[(Contexts::of(&[Save]), "tab")],
    ),
    entry(
        Action::Clipboard,
        "clipboard",
        "see what the instance wants on the clipboard",
        Shown::BarAndMenu("clipboard"),
        &[(TAB, "leader v")],
    ),
    entry(Action::SelectWords, "select-words", "select words", Shown::Help, &[(SCROLL, "i")]),
    entry(Action::SelectLines, "select-lines", "select lines", Shown::Help, &[(SCROLL, "V")]),
    entry(Action::SelectBlock, "select-block", "select a rectangle", Shown::Help, &[(SCROLL, "ctrl-v")]),
    entry(Action::SwapEnds, "swap-ends", "to the other end of the selection", Shown::Help, &[(SCROLL, "o")]),
    entry(Action::HalfUp, "half-up", "half a page up", Shown::Help, &[(SCROLL, "ctrl-u")]),
    entry(Action::HalfDown, "half-down", "half a page down", Shown::Help, &[(SCROLL, "ctrl-d")]),
    entry(Action::NextWord, "next-word", "to the next word", Shown::Help, &[(SCROLL, "w")]),
    entry(Action::PreviousWord, "previous-word", "to the word before", Shown::Help, &[(SCROLL, "b")]),
    entry(Action::WordEnd, "word-end", "to the end of the word", Shown::Help, &[(SCROLL, "e")]),
    entry(Action::LineText, "line-text", "to the first letter of the line", Shown::Help, &[(SCROLL, "^")]),
    entry(Action::ViewTop, "view-top", "to the first row in view", Shown::Help, &[(SCROLL, "H")]),
    entry(Action::ViewMiddle, "view-middle", "to the middle of the view", Shown::Help, &[(SCROLL, "M")]),
    entry(Action::ViewBottom, "view-bottom", "to the last row in view", Shown::Help, &[(SCROLL, "L")]),
    entry(Action::PreviousPrompt, "previous-prompt", "to the prompt before", Shown::Help, &[(SCROLL, "[")]),
    entry(Action::NextPrompt, "next-prompt", "to the next prompt", Shown::Help, &[(SCROLL, "]")]),
    entry(
        Action::CloseLook,
        "close-look",
        "back to the session at once",
        Shown::Bar("back"),
        &[(SCROLL, "q"), (SCROLL, "ctrl-c")],
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
            (
                Contexts::of(&[
                    Menu, Order, History, Rename, Confirm, Form, Documents, Places, Login, MfaCode, Find,
                    Save,
                ]),
                "enter",
            ),
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
            (
                POPUPS
                    .and(SCROLL)
                    .and(Contexts::of(&[Confirm, Rename, Form, Documents, Places, Login, MfaCode])),
                "esc",
            ),
            (Contexts::of(&[Find, Hints, Link, Save]), "esc"),
            (POPUPS.and(Contexts::of(&[Link])), "q"),
            (Contexts::of(&[Confirm]), "n"),
            (Contexts::of(&[Explain]), "enter"),
            (Contexts::of(&[Help]), "?"),
            (Contexts::of(&[Help]), "f1"),
            (Contexts::of(&[Details]), "w"),
            (Contexts::of(&[Menu]), "tab"),
            (Contexts::of(&[Order]), "o"),
            (Contexts::of(&[History]), "H"),
            (
                Contexts::of(&[
                    Rename, Explain, Form, Documents, Places, Find, Hints, Link, Save, Login, MfaCode,
                ]),
                "ctrl-c",
            ),
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
            (FLEET.and(Contexts::of(&[Details, Menu, Help, Order, History, Confirm])), "ctrl-c"),
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
    entry(
        Action::Erase,
        "erase",
        "erase a letter",
        Shown::Help,
        &[(ERASABLE, "backspace"), (ERASABLE, "ctrl-h")],
    ),
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
        &[(ERASABLE, "ctrl-w"), (ERASABLE, "alt-backspace")],
    ),
    entry(Action::EraseLine, "erase-line", "erase the line", Shown::Help, &[(ERASABLE, "ctrl-u")]),
    entry(
        Action::CursorLeft,
        "cursor-left",
        "one letter to the left",
        Shown::Help,
        &[(TEXT.and(SCROLL), "left"), (SCROLL, "h")],
    ),
    entry(
        Action::CursorRight,
        "cursor-right",
        "one letter to the right",
        Shown::Help,
        &[(TEXT.and(SCROLL), "right"), (SCROLL, "l")],
    ),
    entry(
        Action::CursorStart,
        "cursor-start",
        "to the start of the line",
        Shown::Help,
        &[(TEXT, "ctrl-a"), (TEXT, "home"), (SCROLL, "0")],
    ),
    entry(
        Action::CursorEnd,
        "cursor-end",
        "to the end of the line",
        Shown::Help,
        &[(TEXT, "ctrl-e"), (TEXT, "end"), (SCROLL, "$")],
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
