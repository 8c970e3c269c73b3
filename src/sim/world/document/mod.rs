//! Session documents, schema 1.0 (protocol 1.4): what one says, whether it is one at all, and what a session made from it does.
//!
//! | part | job |
//! | --- | --- |
//! | this file | reads a document's content and says what is wrong with it |
//! | `parameter` | a parameter's definition, its rules, and the values given for it |
//! | `resolve` | values put into their places: what the agent is to do |
//! | `format` | JSON and YAML |
//! | `shelf` | all documents of a region with their versions |
//!
//! Pure: time comes in as an argument.

mod format;
mod parameter;
mod resolve;
mod shelf;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

pub(crate) use self::{
    format::Format,
    parameter::{Kind, Parameter},
    resolve::Resolved,
    shelf::{New, Owner, Shelf, ShelfError, Stored, Version, Wanted},
};

/// The document of a plain shell, which is also meant when none is named: the region's preferences.
pub(crate) const PREFERENCES: &str = "SSM-SessionManagerRunShell";
/// The one schema version there is.
pub(crate) const SCHEMA: &str = "1.0";

const TOP: [&str; 6] = ["schemaVersion", "description", "sessionType", "inputs", "parameters", "properties"];
const INPUTS: [&str; 12] = [
    "s3BucketName",
    "s3KeyPrefix",
    "s3EncryptionEnabled",
    "cloudWatchLogGroupName",
    "cloudWatchEncryptionEnabled",
    "cloudWatchStreamingEnabled",
    "kmsKeyId",
    "runAsEnabled",
    "runAsDefaultUser",
    "idleSessionTimeout",
    "maxSessionDuration",
    "shellProfile",
];
/// The members of a command's platform, and of a port session.
const SHELL: [&str; 5] =
    ["commands", "runAsElevated", "separateOutputStream", "stdOutSeparatorPrefix", "stdErrSeparatorPrefix"];
const PORT: [&str; 6] =
    ["portNumber", "localPortNumber", "type", "host", "localConnectionType", "localUnixSocket"];
const PLATFORMS: [(&str, &str); 3] = [("windows", "Windows"), ("linux", "Linux"), ("macos", "MacOS")];

/// Why something is no session document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ContentError {
    /// Another schema than 1.0.
    Schema(String),
    /// Anything else, in words.
    Content(String),
}

/// The four kinds of session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SessionType {
    StandardStream,
    InteractiveCommands,
    NonInteractiveCommands,
    Port,
}

impl SessionType {
    const ALL: [(&'static str, SessionType); 4] = [
        ("Standard_Stream", SessionType::StandardStream),
        ("InteractiveCommands", SessionType::InteractiveCommands),
        ("NonInteractiveCommands", SessionType::NonInteractiveCommands),
        ("Port", SessionType::Port),
    ];

    fn parse(text: &str) -> Option<SessionType> {
        Some(SessionType::ALL.iter().find(|(name, _)| *name == text)?.1)
    }
}

/// What a document says.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub(crate) description: Option<String>,
    pub(crate) session_type: SessionType,
    pub(crate) parameters: BTreeMap<String, Parameter>,
    inputs: Value,
    properties: Value,
}

impl Document {
    /// Reads a document's content.
    pub(crate) fn read(content: &Value) -> Result<Document, ContentError> {
        let wrong = |text: String| ContentError::Content(text);
        let Value::Object(members) = content else {
            return Err(wrong("The document is not an object.".to_owned()));
        };
        known("The document", members, &TOP).map_err(wrong)?;
        match members.get("schemaVersion").and_then(Value::as_str) {
            Some(SCHEMA) => {}
            Some(other) => {
                let text = format!(
                    "Document schema version, {other}, is not supported by the document type, Session."
                );
                return Err(ContentError::Schema(text));
            }
            None => return Err(wrong("schemaVersion is missing.".to_owned())),
        }
        let session_type = members.get("sessionType").and_then(Value::as_str).unwrap_or_default();
        let session_type = SessionType::parse(session_type)
            .ok_or_else(|| wrong(format!("sessionType '{session_type}' is not valid.")))?;
        let mut parameters = BTreeMap::new();
        for (name, definition) in object("parameters", members.get("parameters")).map_err(wrong)? {
            let parameter = Parameter::read(name, definition).map_err(wrong)?;
            parameters.insert(name.clone(), parameter);
        }
        let inputs = object("inputs", members.get("inputs")).map_err(wrong)?;
        check_inputs(inputs).map_err(wrong)?;
        let properties = object("properties", members.get("properties")).map_err(wrong)?;
        check_properties(session_type, properties).map_err(wrong)?;
        let document = Document {
            description: members.get("description").and_then(Value::as_str).map(str::to_owned),
            session_type,
            parameters,
            inputs: Value::Object(inputs.clone()),
            properties: Value::Object(properties.clone()),
        };
        for text in [&document.inputs, &document.properties] {
            for name in resolve::placeholders(text) {
                if !document.parameters.contains_key(&name) && !name.starts_with("ssm:") {
                    return Err(wrong(format!("Parameter \"{name}\" is used but not defined.")));
                }
            }
        }
        Ok(document)
    }

    /// A plain shell, where the account has no preferences.
    pub(crate) fn plain() -> Document {
        Document {
            description: None,
            session_type: SessionType::StandardStream,
            parameters: BTreeMap::new(),
            inputs: Value::Object(Map::new()),
            properties: Value::Object(Map::new()),
        }
    }

    /// The platforms that it is for, as PlatformTypes has them.
    pub(crate) fn platforms(&self) -> Vec<&'static str> {
        let of_command = |key: &str| self.properties.get(key).is_some();
        let all = match self.session_type {
            SessionType::StandardStream | SessionType::Port => true,
            SessionType::InteractiveCommands | SessionType::NonInteractiveCommands => false,
        };
        PLATFORMS.iter().filter(|(key, _)| all || of_command(key)).map(|(_, name)| *name).collect()
    }
}

/// An object that may be absent.
fn object<'a>(name: &str, value: Option<&'a Value>) -> Result<&'a Map<String, Value>, String> {
    static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    match value {
        None | Some(Value::Null) => Ok(&NONE),
        Some(Value::Object(members)) => Ok(members),
        // The agent takes "" for no properties.
        Some(Value::String(text)) if text.is_empty() => Ok(&NONE),
        Some(_) => Err(format!("{name} is not an object.")),
    }
}

fn known(what: &str, members: &Map<String, Value>, names: &[&str]) -> Result<(), String> {
    match members.keys().find(|name| !names.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => Err(format!("{what} has no member \"{name}\".")),
    }
}

fn check_inputs(inputs: &Map<String, Value>) -> Result<(), String> {
    known("inputs", inputs, &INPUTS)?;
    for (name, value) in inputs {
        let text = match value {
            Value::String(text) => text.as_str(),
            Value::Bool(_) if name.ends_with("Enabled") => continue,
            Value::Object(shells) if name == "shellProfile" => {
                known("shellProfile", shells, &["linux", "windows"])?;
                if let Some((shell, _)) = shells.iter().find(|(_, text)| !text.is_string()) {
                    return Err(format!("shellProfile.{shell} is not a string."));
                }
                continue;
            }
            _ => return Err(format!("inputs.{name} is of the wrong type.")),
        };
        let limit = match name.as_str() {
            "idleSessionTimeout" => 60,
            "maxSessionDuration" => 1440,
            name if name.ends_with("Enabled")
                && !["true", "false", ""].contains(&text)
                && !text.contains("{{") =>
            {
                return Err(format!("inputs.{name} must be true or false."));
            }
            _ => continue,
        };
        if !text.is_empty() && !text.contains("{{") && minutes(text, limit).is_none() {
            return Err(format!("inputs.{name} must be a number of minutes from 1 to {limit}."));
        }
    }
    Ok(())
}

/// A time in minutes, as the preferences have it.
fn minutes(text: &str, limit: u64) -> Option<u64> {
    text.parse().ok().filter(|minutes| (1..=limit).contains(minutes))
}

fn check_properties(session_type: SessionType, properties: &Map<String, Value>) -> Result<(), String> {
    match session_type {
        SessionType::StandardStream => known("properties", properties, &["linux", "windows", "macos"]),
        SessionType::Port => {
            known("properties", properties, &PORT)?;
            if !properties.contains_key("portNumber") {
                return Err("properties.portNumber is missing.".to_owned());
            }
            match properties.iter().find(|(_, value)| !value.is_string()) {
                None => Ok(()),
                Some((name, _)) => Err(format!("properties.{name} is not a string.")),
            }
        }
        SessionType::InteractiveCommands | SessionType::NonInteractiveCommands => {
            known("properties", properties, &["linux", "windows", "macos"])?;
            if properties.is_empty() {
                return Err("properties has no commands.".to_owned());
            }
            for (platform, shell) in properties {
                let shell = object(platform, Some(shell))?;
                known(&format!("properties.{platform}"), shell, &SHELL)?;
                if !shell.get("commands").is_some_and(Value::is_string) {
                    return Err(format!("properties.{platform}.commands is missing."));
                }
                for prefix in ["stdOutSeparatorPrefix", "stdErrSeparatorPrefix"] {
                    let text = shell.get(prefix).map_or("", |value| value.as_str().unwrap_or("\0"));
                    if !is_prefix(text) {
                        return Err(format!("properties.{platform}.{prefix} is not valid."));
                    }
                }
            }
            Ok(())
        }
    }
}

/// The agent's rule for a stream's prefix (protocol 7.3).
fn is_prefix(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "\r\n_:-".contains(c);
    text.contains("{{") || (text.chars().count() <= 30 && text.chars().all(allowed))
}
