//! Puts the values of parameters into their places, as the agent does (protocol 1.4): the result says what a session is to do.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Document, Kind, SessionType, minutes, parameter::Parameter};
use crate::sim::world::PlatformKind;

/// A document with its values: what a session does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resolved {
    pub(crate) session_type: SessionType,
    inputs: Value,
    properties: Value,
}

/// A command of a document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Command {
    pub(crate) commands: String,
    pub(crate) separate_output: bool,
    pub(crate) stdout_prefix: String,
    pub(crate) stderr_prefix: String,
}

/// Where a session is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Destination<'a> {
    pub(crate) name: &'a str,
    /// Without it no session starts.
    pub(crate) must_be_encrypted: bool,
}

impl Document {
    /// Checks the values that were given, adds the defaults, and puts all into their places. `name` is for the words.
    pub(crate) fn resolve(&self, name: &str, given: &[(&str, Vec<&str>)]) -> Result<Resolved, String> {
        if self.parameters.is_empty() && !given.is_empty() {
            return Err(format!("document {name} does not support parameters."));
        }
        if let Some((unknown, _)) = given.iter().find(|(key, _)| !self.parameters.contains_key(*key)) {
            return Err(format!("Parameter \"{unknown}\" is not defined in document {name}."));
        }
        let mut values = BTreeMap::new();
        for (key, parameter) in &self.parameters {
            values.insert(key.as_str(), text_of(key, parameter, given)?);
        }
        let mut resolved = Resolved {
            session_type: self.session_type,
            inputs: self.inputs.clone(),
            properties: self.properties.clone(),
        };
        replace(&mut resolved.inputs, &values);
        replace(&mut resolved.properties, &values);
        Ok(resolved)
    }
}

/// A parameter's value as text: a list is written as JSON.
fn text_of(name: &str, parameter: &Parameter, given: &[(&str, Vec<&str>)]) -> Result<String, String> {
    let values: Vec<String> = match given.iter().find(|(key, _)| *key == name) {
        Some((_, values)) => {
            let values: Vec<String> = values.iter().map(|&value| value.to_owned()).collect();
            parameter.check(name, &values)?;
            values
        }
        None => {
            let missing = || format!("Parameter \"{name}\" requires argument value.");
            parameter.default.clone().ok_or_else(missing)?
        }
    };
    Ok(match parameter.kind {
        Kind::Text => values.into_iter().next().unwrap_or_default(),
        Kind::List => Value::from(values).to_string(),
    })
}

/// Cuts a text at its placeholders: what stands before one, its name, and so on; the rest last.
fn cut(text: &str) -> (Vec<(&str, &str)>, &str) {
    let (mut parts, mut rest) = (Vec::new(), text);
    let mut from = 0;
    while let Some(open) = rest[from..].find("{{").map(|at| at + from) {
        let Some(close) = rest[open..].find("}}").map(|at| at + open) else { break };
        let name = rest[open + 2..close].trim();
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-:/.".contains(&b)) {
            from = open + 1;
            continue;
        }
        parts.push((&rest[..open], name));
        rest = &rest[close + 2..];
        from = 0;
    }
    (parts, rest)
}

fn replace(value: &mut Value, values: &BTreeMap<&str, String>) {
    match value {
        Value::String(text) => {
            let (parts, rest) = cut(text);
            if parts.is_empty() {
                return;
            }
            let mut filled = String::new();
            for (before, name) in parts {
                filled.push_str(before);
                match values.get(name) {
                    Some(value) => filled.push_str(value),
                    // Parameter Store's: left as it is, since this region has no store.
                    None => filled.push_str(&format!("{{{{{name}}}}}")),
                }
            }
            filled.push_str(rest);
            *text = filled;
        }
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, values)),
        Value::Object(members) => members.values_mut().for_each(|member| replace(member, values)),
        _ => {}
    }
}

/// The names of all placeholders.
pub(super) fn placeholders(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => cut(text).0.into_iter().map(|(_, name)| name.to_owned()).collect(),
        Value::Array(items) => items.iter().flat_map(placeholders).collect(),
        Value::Object(members) => members.values().flat_map(placeholders).collect(),
        _ => Vec::new(),
    }
}

impl Resolved {
    /// The command for a platform; empty where the document has none, which its agent will refuse.
    pub(crate) fn command(&self, platform: PlatformKind) -> Command {
        let key = match platform {
            PlatformKind::Linux => "linux",
            PlatformKind::Windows => "windows",
            PlatformKind::MacOS => "macos",
        };
        let Some(shell) = self.properties.get(key) else { return Command::default() };
        let text = |name| shell.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Command {
            commands: text("commands"),
            separate_output: truth(shell.get("separateOutputStream")),
            stdout_prefix: text("stdOutSeparatorPrefix"),
            stderr_prefix: text("stdErrSeparatorPrefix"),
        }
    }

    /// The properties of a port session.
    pub(crate) fn port(&self) -> BTreeMap<String, String> {
        let members = self.properties.as_object().into_iter().flatten();
        members.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
    }

    /// What is typed into a shell right after its start. macOS has Linux's.
    pub(crate) fn profile(&self, platform: PlatformKind) -> &str {
        let key = if platform == PlatformKind::Windows { "windows" } else { "linux" };
        self.inputs
            .get("shellProfile")
            .and_then(|shells| shells.get(key))
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// The key that sessions are encrypted with, as the document names it.
    pub(crate) fn kms_key(&self) -> Option<&str> {
        self.input("kmsKeyId").filter(|key| !key.trim().is_empty())
    }

    /// The bucket that it is recorded in.
    pub(crate) fn bucket(&self) -> Option<Destination<'_>> {
        self.destination("s3BucketName", "s3EncryptionEnabled")
    }

    /// The log group that it is recorded in.
    pub(crate) fn log_group(&self) -> Option<Destination<'_>> {
        self.destination("cloudWatchLogGroupName", "cloudWatchEncryptionEnabled")
    }

    fn destination(&self, name: &str, encryption: &str) -> Option<Destination<'_>> {
        let name = self.input(name).filter(|name| !name.is_empty())?;
        Some(Destination { name, must_be_encrypted: truth(self.inputs.get(encryption)) })
    }

    /// The user that commands run as: the caller's own before the document's; empty where run-as is on and nobody is named.
    pub(crate) fn run_as(&self, callers: Option<&str>) -> Option<String> {
        let own = callers.filter(|user| !user.trim().is_empty());
        truth(self.inputs.get("runAsEnabled"))
            .then(|| own.or(self.input("runAsDefaultUser")).unwrap_or_default().trim().to_owned())
    }

    /// After how many minutes of silence a session ends, where the document says so.
    pub(crate) fn idle_minutes(&self) -> Option<u64> {
        minutes(self.input("idleSessionTimeout")?, 60)
    }

    /// After how many minutes it ends in any case.
    pub(crate) fn max_minutes(&self) -> Option<u64> {
        minutes(self.input("maxSessionDuration")?, 1440)
    }

    fn input(&self, name: &str) -> Option<&str> {
        self.inputs.get(name)?.as_str()
    }
}

/// Booleans come as themselves or as text.
fn truth(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Bool(truth)) => *truth,
        Some(Value::String(text)) => text == "true",
        _ => false,
    }
}
