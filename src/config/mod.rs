//! The one config file: read, checked whole, or refused with the place and the nearest right word.
//!
//! ```toml
//! refresh = "30s"              # how often the fleet is read again; "off" reads it on demand only
//! leader  = "ctrl-]"           # the key that is ours inside a session
//! history = false              # remember nothing of what was opened
//! background = "light"         # the terminal's: "light", "dark", or what the terminal says of itself
//! [keys]                       # action = key, or a list of keys; which actions there are is the keymap's matter
//! refresh = ["r", "ctrl-r"]
//! [queries]                    # `@broken` in the search box and for `ssmtui ls`; the language is the fleet's matter
//! broken = "!state:ready age:>15m"
//! [forwards.db]                # `ssmtui forward db`
//! target = "web-1"
//! ports  = ["5432:db.internal:5432"]
//! lanes  = 2
//! [groups.prod]                # `ssmtui --group prod`: every profile in every region
//! profiles = ["shop-prod", "data-prod"]
//! regions  = ["eu-west-1", "us-east-1"]
//! [ssh]
//! user     = "alice"           # whom `ssmtui ssh` logs in where the command line says nothing
//! push-key = true              # as --push-key
//! [terminal]
//! lines    = 10000             # kept of each session above its screen
//! memory   = "4M"              # what they may take
//! clipboard = "ask"            # whether an instance may put text on the clipboard: "never", "ask", "always"
//! [exec]
//! document = "Exec"            # a session document with separateOutputStream, for `ssmtui exec`
//! ```
//!
//! The file is `config.toml` in the platform's config folder for `ssmtui`, or what `SSMTUI_CONFIG` names. Knows
//! neither AWS nor terminals.

mod chord;
mod file;
mod route;

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

pub use chord::{Chord, Key};
pub use route::{DEFAULT_PORT, Near, Route};

pub use crate::spelling::nearest;
use crate::term::scrollback::Bounds;

/// The variable that names another config file.
pub const PATH_VARIABLE: &str = "SSMTUI_CONFIG";

/// Everything a user can set, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Pause between two readings of the fleet; `None` reads on demand only.
    pub refresh: Option<Duration>,
    /// The key that is ours inside a session.
    pub leader: Chord,
    /// Whether what was opened is remembered.
    pub history: bool,
    /// What the user's terminal is like, where that is said.
    pub background: Option<Background>,
    /// Keys by the name of an action, as the `[keys]` table has them.
    pub keys: BTreeMap<String, Binding>,
    /// Queries by name.
    pub queries: BTreeMap<String, SavedQuery>,
    /// Forwards by name.
    pub forwards: BTreeMap<String, SavedForward>,
    /// Groups of accounts and regions by name.
    pub groups: BTreeMap<String, Group>,
    /// For `ssmtui ssh`.
    pub ssh: Ssh,
    /// For the terminals of sessions.
    pub terminal: Terminal,
    /// The session document that `ssmtui exec` uses.
    pub exec_document: Option<String>,
    /// The file this came from, if there was one.
    pub path: Option<PathBuf>,
}

/// One line of the `[keys]` table; the position lets the keymap refuse a name in the same words as this room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The keys; none takes the action's keys away.
    pub chords: Vec<Chord>,
    /// Where the action's name stands in the file.
    pub position: Position,
}

/// A query that has a name; the position lets those who know the language refuse it in the same words as this room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedQuery {
    /// As it is written.
    pub text: String,
    /// Where it stands in the file.
    pub position: Position,
}

/// A forward that has a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedForward {
    /// TARGET, as on the command line.
    pub target: String,
    /// From where to where; at least one.
    pub routes: Vec<Route>,
    /// Sessions for each, at least one.
    pub lanes: usize,
}

/// Profiles and regions that have a name together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    /// The profiles; none is the one of the environment.
    pub profiles: Vec<String>,
    /// The regions, each for every profile; none is each profile's own.
    pub regions: Vec<String>,
}

impl Group {
    /// Every profile in every region; `None` stands for what the environment or the profile says.
    pub fn pairs(&self) -> Vec<(Option<String>, Option<String>)> {
        pairs(&self.profiles, &self.regions)
    }
}

/// Every profile in every region; where none is named, `None` stands for what the environment or the profile says.
pub fn pairs(profiles: &[String], regions: &[String]) -> Vec<(Option<String>, Option<String>)> {
    let or_none = |names: &[String]| -> Vec<Option<String>> {
        if names.is_empty() { vec![None] } else { names.iter().cloned().map(Some).collect() }
    };
    let regions = or_none(regions);
    let of = |profile: Option<String>| regions.iter().map(move |region| (profile.clone(), region.clone()));
    or_none(profiles).into_iter().flat_map(of).collect()
}

/// The `[ssh]` table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ssh {
    /// Whom to log in.
    pub user: Option<String>,
    /// Make a temporary key each time.
    pub push_key: bool,
}

/// The `[terminal]` table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Terminal {
    /// How much is kept above the screen.
    pub kept: Bounds,
    /// Whether an instance may put text on the user's clipboard.
    pub clipboard: Allowed,
}

/// What the user's terminal is like behind its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Background {
    /// White, or about.
    Light,
    /// Black, or about.
    Dark,
}

impl Background {
    /// What the variable `COLORFGBG` of some terminals says (`0;15`, `15;default;0`): of the sixteen colours seven are dark, and the
    /// dark grey.
    pub fn of_variable(value: &str) -> Option<Self> {
        match value.rsplit(';').next()?.parse::<u8>().ok()? {
            0..=6 | 8 => Some(Self::Dark),
            7 | 9..=15 => Some(Self::Light),
            16.. => None,
        }
    }
}

/// Whether something that an instance asks for is done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Allowed {
    /// It is not.
    Never,
    /// The user is asked.
    #[default]
    Ask,
    /// It is.
    Always,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            refresh: Some(Duration::from_secs(30)),
            leader: Chord::control(']'),
            history: true,
            background: None,
            keys: BTreeMap::new(),
            queries: BTreeMap::new(),
            forwards: BTreeMap::new(),
            groups: BTreeMap::new(),
            ssh: Ssh::default(),
            terminal: Terminal::default(),
            exec_document: None,
            path: None,
        }
    }
}

impl Config {
    /// Reads the file that `SSMTUI_CONFIG` names, else the platform's; defaults where the latter does not exist.
    ///
    /// # Errors
    /// The file cannot be read, is no TOML, or holds a key or value that is not one of ours.
    pub fn load() -> Result<Self, Error> {
        match std::env::var_os(PATH_VARIABLE).filter(|path| !path.is_empty()) {
            Some(path) => Self::read(Path::new(&path)),
            None => match Self::platform_path() {
                Some(path) if path.exists() => Self::read(&path),
                _ => Ok(Self::default()),
            },
        }
    }

    /// Reads one file.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| Error::Unreadable { path: path.to_owned(), source })?;
        let config = Self::parse(&text).map_err(|problem| Error::Wrong { path: path.to_owned(), problem })?;
        Ok(Self { path: Some(path.to_owned()), ..config })
    }

    /// Checks the text of a config file.
    ///
    /// # Errors
    /// The first thing in it that is wrong, with its place.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        file::parse(text)
    }

    /// `config.toml` in the platform's config folder; `None` without a home.
    pub fn platform_path() -> Option<PathBuf> {
        directories::ProjectDirs::from("", "", "ssmtui")
            .map(|folders| folders.config_dir().join("config.toml"))
    }
}

/// A place in the file, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Line.
    pub line: usize,
    /// Column, in characters.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// What is wrong with the text of a config file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{position}: {what}")]
pub struct Problem {
    /// Where.
    pub position: Position,
    /// What, with the nearest right word where there is one.
    pub what: String,
}

/// Why there is no config.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is there and cannot be read, or was named and is not there.
    #[error("cannot read the config file {path}: {source}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file holds something wrong.
    #[error("the config file {path} is wrong at {problem}", path = path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// The first thing wrong in it.
        problem: Problem,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> String {
        Config::parse(text).expect_err("wrong on purpose").to_string()
    }

    #[test]
    fn an_empty_file_is_the_defaults() {
        assert_eq!(Config::parse("").unwrap(), Config::default());
        assert_eq!(Config::default().refresh, Some(Duration::from_secs(30)));
        assert_eq!(Config::default().leader.to_string(), "ctrl-]");
    }

    #[test]
    fn every_key_is_taken_over() {
        let config = Config::parse(
            "refresh = \"2m\"\nleader = \"ctrl-a\"\n[keys]\nquit = \"q\"\nwhy = [\"w\", \"f2\"]\n",
        )
        .unwrap();
        assert_eq!(config.refresh, Some(Duration::from_secs(120)));
        assert_eq!(config.leader, Chord::control('a'));
        assert_eq!(config.keys["quit"].chords, [Chord::plain(Key::Char('q'))]);
        assert_eq!(config.keys["why"].chords, [Chord::plain(Key::Char('w')), Chord::plain(Key::Function(2))]);
        assert_eq!(config.keys["why"].position, Position { line: 5, column: 1 });
        assert_eq!(Config::parse("refresh = 45").unwrap().refresh, Some(Duration::from_secs(45)));
        assert_eq!(Config::parse("refresh = \"off\"").unwrap().refresh, None);
        assert!(Config::default().history && !Config::parse("history = false").unwrap().history);
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_name_and_the_place() {
        assert_eq!(
            wrong("\nrefesh = 3"),
            "line 2, column 1: `refesh` is no key of ours; did you mean `refresh`?"
        );
        assert_eq!(
            wrong("colour = 3"),
            "line 1, column 1: `colour` is no key of ours; there are `refresh`, `leader`, `history`, `background`, `keys`, `queries`, `forwards`, `groups`, `ssh`, `terminal`, `exec`"
        );
    }

    #[test]
    fn the_background_is_what_the_file_says_or_the_terminal() {
        let said = |text| Config::parse(text).unwrap().background;
        assert_eq!(said("background = \"light\""), Some(Background::Light));
        assert_eq!(said("background = \"dark\""), Some(Background::Dark));
        assert_eq!(said(""), None);
        assert_eq!(
            wrong("background = \"red\""),
            "line 1, column 14: `background` is \"light\" or \"dark\"; leave it out for what the terminal says"
        );
        for (value, background) in [
            ("0;15", Some(Background::Light)),
            ("15;default;0", Some(Background::Dark)),
            ("15;8", Some(Background::Dark)),
            ("0;7", Some(Background::Light)),
            ("0;default", None),
            ("0;231", None),
            ("", None),
        ] {
            assert_eq!(Background::of_variable(value), background, "{value}");
        }
    }

    #[test]
    fn a_wrong_value_says_what_is_right_and_where() {
        assert_eq!(
            wrong("refresh = \"soon\""),
            "line 1, column 11: `soon` is no interval; write \"30s\", \"2m\", a number of seconds, or \"off\""
        );
        assert_eq!(
            wrong("refresh = 1"),
            "line 1, column 11: the fleet cannot be read more often than every 5 s"
        );
        assert_eq!(wrong("refresh = true"), "line 1, column 11: `refresh` is an interval such as \"30s\"");
        assert_eq!(
            wrong("leader = \"x\""),
            "line 1, column 10: the leader needs ctrl, alt or a function key: `x` is what people type"
        );
        assert_eq!(
            wrong("leader = \"ctrl-c\""),
            "line 1, column 10: the leader cannot be `ctrl-c`: it belongs to the shell"
        );
        assert_eq!(
            wrong("leader = \"crtl-x\""),
            "line 1, column 10: `crtl` is no modifier; did you mean `ctrl`?"
        );
        assert_eq!(
            wrong("[keys]\nquit = 3"),
            "line 2, column 8: keys are written \"q\" or [\"q\", \"ctrl-q\"]"
        );
        assert_eq!(
            wrong("[keys]\nquit = [\"q\", \"entr\"]"),
            "line 2, column 14: `entr` is no key; did you mean `enter`?"
        );
    }

    #[test]
    fn forwards_ssh_and_exec_are_taken_over() {
        let config = Config::parse(
            "[forwards.db]\ntarget = \"web-1\"\nports = [\"5432:db.internal:5432\", 80]\nlanes = 2\n\
             [forwards.web]\ntarget = \"tag:role=web\"\n[ssh]\nuser = \"alice\"\npush-key = true\n[exec]\ndocument = \"Exec\"\n",
        )
        .unwrap();
        let db = &config.forwards["db"];
        assert_eq!((db.target.as_str(), db.lanes), ("web-1", 2));
        assert_eq!(db.routes, ["5432:db.internal:5432".parse().unwrap(), Route::to(80)]);
        assert_eq!(config.forwards["web"].routes, [Route::usual()]);
        assert_eq!(config.ssh, Ssh { user: Some("alice".into()), push_key: true });
        assert_eq!(config.exec_document.as_deref(), Some("Exec"));
    }

    #[test]
    fn what_a_terminal_keeps_and_allows_is_taken_over() {
        let config =
            Config::parse("[terminal]\nlines = 500\nmemory = \"2M\"\nclipboard = \"never\"").unwrap();
        let kept = Bounds { lines: 500, bytes: 2 << 20 };
        assert_eq!(config.terminal, Terminal { kept, clipboard: Allowed::Never });
        let memory =
            |text: &str| Config::parse(&format!("[terminal]\nmemory = {text}")).unwrap().terminal.kept.bytes;
        assert_eq!((memory("\"512 K\""), memory("\"1GiB\""), memory("70000")), (512 << 10, 1 << 30, 70_000));
        assert_eq!(
            wrong("[terminal]\nclipboard = \"sometimes\""),
            "line 2, column 13: `clipboard` is \"never\", \"ask\" or \"always\""
        );
        assert_eq!(
            wrong("[terminal]\nlines = 0"),
            "line 2, column 9: `lines` is a number from 1 to 10000000"
        );
        assert_eq!(
            wrong("[terminal]\nmemory = \"much\""),
            "line 2, column 10: `memory` is written \"4M\", \"512K\", or as a number of bytes from 64K to 4G"
        );
    }

    #[test]
    fn queries_are_taken_over_and_their_names_checked() {
        let config = Config::parse("[queries]\nbroken = \"!state:ready age:>15m\"").unwrap();
        let position = Position { line: 2, column: 10 };
        assert_eq!(config.queries["broken"], SavedQuery { text: "!state:ready age:>15m".into(), position });
        assert_eq!(wrong("[queries]\na = \" \""), "line 2, column 5: `a` is empty");
        assert_eq!(
            wrong("[queries]\n\"a b\" = \"web\""),
            "line 2, column 1: `a b` cannot be used as `@a b`; names have letters, digits, `-` and `_`"
        );
    }

    #[test]
    fn a_wrong_forward_says_where() {
        assert_eq!(wrong("[forwards.db]\nports = [1]"), "line 1, column 11: `db` has no `target`");
        assert_eq!(
            wrong("[forwards.db]\ntarget = \"x\"\nlanes = 0"),
            "line 3, column 9: `lanes` is a number from 1 to 16"
        );
        assert_eq!(
            wrong("[forwards.db]\ntaget = \"x\""),
            "line 2, column 1: `taget` is no key of ours; did you mean `target`?"
        );
        assert!(
            wrong("[forwards.db]\ntarget = \"x\"\nports = [\"1:x\"]").starts_with("line 3, column 10: `1:x`")
        );
        assert_eq!(wrong("[ssh]\nuser = 3"), "line 2, column 8: `user` is a text");
        assert_eq!(wrong("ssh = 3"), "line 1, column 7: `ssh` is a table: `[ssh]`, then lines below it");
    }

    #[test]
    fn broken_toml_says_where() {
        assert!(wrong("refresh = ").starts_with("line 1, column "), "{}", wrong("refresh = "));
    }

    #[test]
    fn a_file_that_was_named_must_be_there() {
        let error = Config::read(Path::new("/nowhere/at/all.toml")).unwrap_err().to_string();
        assert!(error.starts_with("cannot read the config file /nowhere/at/all.toml: "), "{error}");
    }
}
