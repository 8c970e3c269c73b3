//! From TOML to [`Config`]: each key once, each value checked, each refusal with its place.

use std::{borrow::Cow, time::Duration};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    Allowed, Background, Binding, Chord, Config, Group, Key, Position, Problem, Route, SavedForward,
    SavedQuery, nearest,
};

const KEYS: [&str; 11] = [
    "refresh",
    "leader",
    "history",
    "background",
    "keys",
    "queries",
    "forwards",
    "groups",
    "ssh",
    "terminal",
    "exec",
];
const FORWARD_KEYS: [&str; 3] = ["target", "ports", "lanes"];
const GROUP_KEYS: [&str; 2] = ["profiles", "regions"];
const SSH_KEYS: [&str; 2] = ["user", "push-key"];
const TERMINAL_KEYS: [&str; 3] = ["lines", "memory", "clipboard"];
const EXEC_KEYS: [&str; 1] = ["document"];
/// Sessions that one forward may hold.
const MOST_LANES: usize = 16;
/// Lines of a session that may be kept.
const MOST_LINES: usize = 10_000_000;
/// What they may take, in bytes.
const MEMORY: std::ops::RangeInclusive<usize> = 64 << 10..=4 << 30;
/// Below this a big account would be asked faster than it can answer.
const FASTEST_REFRESH: u64 = 5;

struct Source<'a>(&'a str);

impl Source<'_> {
    fn position(&self, offset: usize) -> Position {
        let before = self.0.get(..offset).unwrap_or(self.0);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Position { line: before.matches('\n').count() + 1, column: before[line_start..].chars().count() + 1 }
    }

    fn problem<T>(&self, at: &Spanned<T>, what: impl Into<String>) -> Problem {
        Problem { position: self.position(at.span().start), what: what.into() }
    }
}

pub(super) fn parse(text: &str) -> Result<Config, Problem> {
    let source = Source(text);
    let document = DeTable::parse(text).map_err(|error| Problem {
        position: source.position(error.span().map_or(0, |span| span.start)),
        what: error.message().to_owned(),
    })?;
    let mut config = Config::default();
    for (name, value) in document.get_ref() {
        match name.get_ref().as_ref() {
            "refresh" => config.refresh = refresh(&source, value)?,
            "leader" => config.leader = leader(&source, value)?,
            "history" => config.history = flag(&source, "history", value)?,
            "background" => config.background = Some(background(&source, value)?),
            "keys" => keys(&source, value, &mut config)?,
            "queries" => {
                for (name, value) in table(&source, "queries", value)? {
                    config.queries.insert(name.get_ref().to_string(), query(&source, name, value)?);
                }
            }
            "forwards" => {
                for (name, value) in table(&source, "forwards", value)? {
                    config.forwards.insert(name.get_ref().to_string(), forward(&source, name, value)?);
                }
            }
            "groups" => {
                for (name, value) in table(&source, "groups", value)? {
                    config.groups.insert(name.get_ref().to_string(), group(&source, name, value)?);
                }
            }
            "ssh" => {
                for (name, value) in table(&source, "ssh", value)? {
                    match name.get_ref().as_ref() {
                        "user" => config.ssh.user = Some(text_of(&source, "user", value)?),
                        "push-key" => config.ssh.push_key = flag(&source, "push-key", value)?,
                        unknown => return Err(source.problem(name, unknown_key(unknown, &SSH_KEYS))),
                    }
                }
            }
            "terminal" => {
                for (name, value) in table(&source, "terminal", value)? {
                    let terminal = &mut config.terminal;
                    match name.get_ref().as_ref() {
                        "lines" => terminal.kept.lines = lines(&source, value)?,
                        "memory" => terminal.kept.bytes = memory(&source, value)?,
                        "clipboard" => terminal.clipboard = allowed(&source, value)?,
                        unknown => return Err(source.problem(name, unknown_key(unknown, &TERMINAL_KEYS))),
                    }
                }
            }
            "exec" => {
                for (name, value) in table(&source, "exec", value)? {
                    match name.get_ref().as_ref() {
                        "document" => config.exec_document = Some(text_of(&source, "document", value)?),
                        unknown => return Err(source.problem(name, unknown_key(unknown, &EXEC_KEYS))),
                    }
                }
            }
            unknown => return Err(source.problem(name, unknown_key(unknown, &KEYS))),
        }
    }
    Ok(config)
}

fn unknown_key(word: &str, keys: &[&str]) -> String {
    match nearest(word, keys.iter().copied()) {
        Some(name) => format!("`{word}` is no key of ours; did you mean `{name}`?"),
        None => {
            let keys: Vec<_> = keys.iter().map(|key| format!("`{key}`")).collect();
            format!("`{word}` is no key of ours; there are {}", keys.join(", "))
        }
    }
}

fn table<'a, 'b>(
    source: &Source,
    name: &str,
    value: &'b Spanned<DeValue<'a>>,
) -> Result<&'b DeTable<'a>, Problem> {
    match value.get_ref() {
        DeValue::Table(table) => Ok(table),
        _ => Err(source.problem(value, format!("`{name}` is a table: `[{name}]`, then lines below it"))),
    }
}

fn text_of(source: &Source, name: &str, value: &Spanned<DeValue>) -> Result<String, Problem> {
    match value.get_ref() {
        DeValue::String(text) if !text.trim().is_empty() => Ok(text.to_string()),
        DeValue::String(_) => Err(source.problem(value, format!("`{name}` is empty"))),
        _ => Err(source.problem(value, format!("`{name}` is a text"))),
    }
}

fn flag(source: &Source, name: &str, value: &Spanned<DeValue>) -> Result<bool, Problem> {
    match value.get_ref() {
        DeValue::Boolean(flag) => Ok(*flag),
        _ => Err(source.problem(value, format!("`{name}` is `true` or `false`"))),
    }
}

/// One text, or a list of them.
fn texts(source: &Source, name: &str, value: &Spanned<DeValue>) -> Result<Vec<String>, Problem> {
    match value.get_ref() {
        DeValue::Array(list) => list.iter().map(|one| text_of(source, name, one)).collect(),
        _ => Ok(vec![text_of(source, name, value)?]),
    }
}

fn group(source: &Source, name: &Spanned<Cow<str>>, value: &Spanned<DeValue>) -> Result<Group, Problem> {
    let mut group = Group::default();
    for (key, value) in table(source, &format!("groups.{}", name.get_ref()), value)? {
        match key.get_ref().as_ref() {
            "profiles" => group.profiles = texts(source, "profiles", value)?,
            "regions" => group.regions = texts(source, "regions", value)?,
            unknown => return Err(source.problem(key, unknown_key(unknown, &GROUP_KEYS))),
        }
    }
    if group.profiles.is_empty() && group.regions.is_empty() {
        return Err(source.problem(name, "a group names `profiles`, `regions` or both"));
    }
    Ok(group)
}

fn number(value: &Spanned<DeValue>) -> Option<usize> {
    match value.get_ref() {
        DeValue::Integer(number) => usize::from_str_radix(number.as_str(), number.radix()).ok(),
        _ => None,
    }
}

fn lines(source: &Source, value: &Spanned<DeValue>) -> Result<usize, Problem> {
    let wrong = || source.problem(value, format!("`lines` is a number from 1 to {MOST_LINES}"));
    number(value).filter(|lines| (1..=MOST_LINES).contains(lines)).ok_or_else(wrong)
}

fn memory(source: &Source, value: &Spanned<DeValue>) -> Result<usize, Problem> {
    let bytes = match value.get_ref() {
        DeValue::String(text) => {
            let unit = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
            let (number, unit) = text.split_at(unit);
            let shift = match unit.trim().trim_end_matches('B').trim_end_matches('i') {
                "" => Some(0),
                "K" | "k" => Some(10),
                "M" => Some(20),
                "G" => Some(30),
                _ => None,
            };
            shift.and_then(|shift| number.parse::<usize>().ok()?.checked_mul(1 << shift))
        }
        _ => number(value),
    };
    let right = "`memory` is written \"4M\", \"512K\", or as a number of bytes from 64K to 4G";
    bytes.filter(|bytes| MEMORY.contains(bytes)).ok_or_else(|| source.problem(value, right))
}

fn background(source: &Source, value: &Spanned<DeValue>) -> Result<Background, Problem> {
    match value.get_ref() {
        DeValue::String(text) if text == "light" => Ok(Background::Light),
        DeValue::String(text) if text == "dark" => Ok(Background::Dark),
        _ => {
            let what = "`background` is \"light\" or \"dark\"; leave it out for what the terminal says";
            Err(source.problem(value, what))
        }
    }
}

fn allowed(source: &Source, value: &Spanned<DeValue>) -> Result<Allowed, Problem> {
    match value.get_ref() {
        DeValue::String(text) if text == "never" => Ok(Allowed::Never),
        DeValue::String(text) if text == "ask" => Ok(Allowed::Ask),
        DeValue::String(text) if text == "always" => Ok(Allowed::Always),
        _ => Err(source.problem(value, "`clipboard` is \"never\", \"ask\" or \"always\"")),
    }
}

fn query(source: &Source, name: &Spanned<Cow<str>>, value: &Spanned<DeValue>) -> Result<SavedQuery, Problem> {
    let word = name.get_ref();
    if word.is_empty() || !word.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)) {
        let what = format!("`{word}` cannot be used as `@{word}`; names have letters, digits, `-` and `_`");
        return Err(source.problem(name, what));
    }
    Ok(SavedQuery { text: text_of(source, word, value)?, position: source.position(value.span().start) })
}

fn forward(
    source: &Source,
    name: &Spanned<Cow<str>>,
    value: &Spanned<DeValue>,
) -> Result<SavedForward, Problem> {
    let (mut target, mut routes, mut lanes) = (None, Vec::new(), 1);
    for (key, value) in table(source, &format!("forwards.{}", name.get_ref()), value)? {
        match key.get_ref().as_ref() {
            "target" => target = Some(text_of(source, "target", value)?),
            "ports" => match value.get_ref() {
                DeValue::Array(list) => {
                    routes = list.iter().map(|one| route(source, one)).collect::<Result<_, _>>()?;
                }
                _ => routes = vec![route(source, value)?],
            },
            "lanes" => {
                let wrong = || source.problem(value, format!("`lanes` is a number from 1 to {MOST_LANES}"));
                lanes = number(value).filter(|lanes| (1..=MOST_LANES).contains(lanes)).ok_or_else(wrong)?;
            }
            unknown => return Err(source.problem(key, unknown_key(unknown, &FORWARD_KEYS))),
        }
    }
    if routes.is_empty() {
        routes.push(Route::usual());
    }
    match target {
        Some(target) => Ok(SavedForward { target, routes, lanes }),
        None => Err(source.problem(name, format!("`{}` has no `target`", name.get_ref()))),
    }
}

fn route(source: &Source, value: &Spanned<DeValue>) -> Result<Route, Problem> {
    let text = match value.get_ref() {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) => number.as_str().to_owned(),
        _ => {
            return Err(
                source.problem(value, "a forward is written \"8080:80\" or \"5432:db.internal:5432\"")
            );
        }
    };
    text.parse().map_err(|what: String| source.problem(value, what))
}

fn refresh(source: &Source, value: &Spanned<DeValue>) -> Result<Option<Duration>, Problem> {
    let seconds = match value.get_ref() {
        DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix()).ok(),
        DeValue::String(text) if text == "off" => return Ok(None),
        DeValue::String(text) => interval(text),
        _ => return Err(source.problem(value, "`refresh` is an interval such as \"30s\"")),
    };
    match seconds {
        None => {
            let written = match value.get_ref() {
                DeValue::Integer(number) => Cow::Borrowed(number.as_str()),
                DeValue::String(text) => text.clone(),
                _ => Cow::Borrowed("this"),
            };
            let right = "write \"30s\", \"2m\", a number of seconds, or \"off\"";
            Err(source.problem(value, format!("`{written}` is no interval; {right}")))
        }
        Some(seconds) if seconds < FASTEST_REFRESH => {
            let what = format!("the fleet cannot be read more often than every {FASTEST_REFRESH} s");
            Err(source.problem(value, what))
        }
        Some(seconds) => Ok(Some(Duration::from_secs(seconds))),
    }
}

fn interval(text: &str) -> Option<u64> {
    let text = text.trim();
    let unit = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit);
    let factor = match unit.trim() {
        "" | "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

fn leader(source: &Source, value: &Spanned<DeValue>) -> Result<Chord, Problem> {
    let chord = chord(source, value)?;
    let refuse = |what| Err(source.problem(value, what));
    match chord {
        Chord { ctrl: false, alt: false, key: Key::Function(_), .. } => Ok(chord),
        Chord { ctrl: false, alt: false, .. } => {
            refuse(format!("the leader needs ctrl, alt or a function key: `{chord}` is what people type"))
        }
        Chord { ctrl: true, alt: false, key: Key::Char('c' | 'd' | 'z' | 'm' | 'i' | 'h' | 'j'), .. } => {
            refuse(format!("the leader cannot be `{chord}`: it belongs to the shell"))
        }
        _ => Ok(chord),
    }
}

fn keys(source: &Source, value: &Spanned<DeValue>, config: &mut Config) -> Result<(), Problem> {
    let DeValue::Table(table) = value.get_ref() else {
        return Err(source.problem(value, "`keys` is a table: `[keys]`, then lines such as `quit = \"q\"`"));
    };
    for (action, value) in table {
        let chords = match value.get_ref() {
            DeValue::String(_) => vec![chord(source, value)?],
            DeValue::Array(list) => list.iter().map(|one| chord(source, one)).collect::<Result<_, _>>()?,
            _ => return Err(source.problem(value, KEY_FORM)),
        };
        let binding = Binding { chords, position: source.position(action.span().start) };
        config.keys.insert(action.get_ref().to_string(), binding);
    }
    Ok(())
}

const KEY_FORM: &str = "keys are written \"q\" or [\"q\", \"ctrl-q\"]";

fn chord(source: &Source, value: &Spanned<DeValue>) -> Result<Chord, Problem> {
    match value.get_ref() {
        DeValue::String(text) => text.parse().map_err(|what: String| source.problem(value, what)),
        _ => Err(source.problem(value, KEY_FORM)),
    }
}
