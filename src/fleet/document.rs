//! Session documents (schema 1.0, protocol.md 1.4): what kind of session one makes, which parameters it takes and
//! which values those may have, and the preferences in its `inputs`. Pure; a form checks while one types, and nothing is
//! started with values that the agent would refuse.

use std::{collections::BTreeMap, time::Duration};

use regex_lite::Regex;
use serde_json::{Map, Value};

use super::record::Platform;

/// The account's own preferences document; the service takes it where no document is named.
pub const PREFERENCES: &str = "SSM-SessionManagerRunShell";
/// The only schema of session documents (agent appconfig/constants.go).
const SCHEMA: &str = "1.0";
/// What the service ends an idle session after where the document says nothing (AWS's user guide).
pub const USUAL_IDLE_TIMEOUT: Duration = Duration::from_secs(20 * 60);

/// One line of a list of documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentSummary {
    /// Name, or ARN where another account shares it.
    pub name: String,
    /// `Amazon`, an account number, or empty.
    pub owner: String,
    /// Where it runs; empty where AWS does not say.
    pub platforms: Vec<Platform>,
}

impl DocumentSummary {
    /// Amazon's own.
    pub fn is_amazons(&self) -> bool {
        self.owner.eq_ignore_ascii_case("amazon")
    }
}

/// The kind of session that a document makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// `Standard_Stream`.
    Shell,
    /// A command on a terminal.
    InteractiveCommands,
    /// A command without a terminal, its exit code perhaps included.
    NonInteractiveCommands,
    /// A port, or SSH.
    Port,
    /// What AWS may invent; as it is written.
    Other(String),
}

impl Kind {
    fn parse(text: &str) -> Self {
        match text {
            "Standard_Stream" => Self::Shell,
            "InteractiveCommands" => Self::InteractiveCommands,
            "NonInteractiveCommands" => Self::NonInteractiveCommands,
            "Port" => Self::Port,
            other => Self::Other(other.to_owned()),
        }
    }

    /// In words, as in "an interactive command".
    pub fn word(&self) -> &str {
        match self {
            Self::Shell => "shell",
            Self::InteractiveCommands => "interactive command",
            Self::NonInteractiveCommands => "non-interactive command",
            Self::Port => "port",
            Self::Other(name) => name,
        }
    }
}

/// A session document.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Name or ARN.
    pub name: String,
    /// In its author's words; may be empty.
    pub description: String,
    /// What it starts.
    pub kind: Kind,
    /// Where it runs; empty where AWS does not say.
    pub platforms: Vec<Platform>,
    /// In the document's own order as far as JSON keeps it, those without a default first.
    pub parameters: Vec<Parameter>,
    /// Of its sessions.
    pub preferences: Preferences,
    /// Per platform or flat, as `sessionType` has them.
    properties: Map<String, Value>,
}

/// Why a text is no session document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadDocument {
    /// Not JSON.
    #[error("it is no JSON: {0}")]
    Json(String),
    /// A document of another type, or of a schema that no agent takes.
    #[error("it is no session document of schema 1.0 (`{0}`)")]
    Schema(String),
}

impl Document {
    /// Reads the content of a document in JSON form.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(name: &str, content: &str) -> Result<Self, BadDocument> {
        let value: Value =
            serde_json::from_str(content).map_err(|error| BadDocument::Json(error.to_string()))?;
        let text = |key: &str| value.get(key).map(written).unwrap_or_default();
        let schema = text("schemaVersion");
        if schema != SCHEMA || !value["sessionType"].is_string() {
            return Err(BadDocument::Schema(schema));
        }
        let table = |key: &str| value.get(key).and_then(Value::as_object).cloned().unwrap_or_default();
        let mut parameters: Vec<_> =
            table("parameters").iter().map(|(name, value)| Parameter::parse(name, value)).collect();
        parameters.sort_by_key(|parameter| !parameter.is_required());
        Ok(Self {
            name: name.to_owned(),
            description: text("description"),
            kind: Kind::parse(&text("sessionType")),
            platforms: Vec::new(),
            parameters,
            preferences: Preferences::parse(name, &table("inputs")),
            properties: table("properties"),
        })
    }

    /// The parameter of this name.
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }

    /// A property of the session type, `commands` say: of this platform, or one that stands for all. It may hold
    /// `{{ placeholders }}`.
    pub fn property(&self, platform: Option<Platform>, name: &str) -> Option<String> {
        let section = |platform: Platform| match platform {
            Platform::Linux => "linux",
            Platform::Windows => "windows",
            Platform::MacOs => "macos",
        };
        let own = platform.and_then(|platform| self.properties.get(section(platform)));
        // Nobody knows the platform: most nodes are Linux.
        let own = own.or_else(|| self.properties.get("linux").filter(|_| platform.is_none()));
        own.and_then(|section| section.get(name)).or_else(|| self.properties.get(name)).map(written)
    }

    /// Whether a non-interactive command's streams come apart, with its exit code (protocol.md 7.3).
    pub fn separates_output(&self, platform: Option<Platform>) -> bool {
        self.kind == Kind::NonInteractiveCommands
            && self.property(platform, "separateOutputStream").is_some_and(|value| value == "true")
    }

    /// Names in `{{ … }}` that stand in its properties, without those of the Parameter Store.
    pub fn placeholders(&self) -> Vec<String> {
        let mut names = Vec::new();
        let text = Value::Object(self.properties.clone()).to_string();
        for piece in text.split("{{").skip(1) {
            if let Some((name, _)) = piece.split_once("}}") {
                let name = name.trim().to_owned();
                if !name.contains(':') && !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        names
    }

    /// Checks all values against the document: unknown names, missing ones, values that are not allowed.
    ///
    /// # Errors
    /// A sentence for each thing that is wrong, in the order of the values, the missing ones last.
    pub fn check(&self, values: &BTreeMap<String, String>) -> Result<(), Vec<String>> {
        let mut wrong = Vec::new();
        for (name, value) in values {
            match self.parameter(name) {
                Some(parameter) => {
                    if let Err(why) = parameter.check(value) {
                        wrong.push(format!("`{name}`: {why}"));
                    }
                }
                None => wrong.push(self.unknown(name)),
            }
        }
        let missing = self.parameters.iter().filter(|parameter| parameter.is_required());
        for parameter in missing.filter(|parameter| !values.contains_key(&parameter.name)) {
            wrong.push(format!("`{}` is needed and has no default", parameter.name));
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    fn unknown(&self, name: &str) -> String {
        let names: Vec<_> = self.parameters.iter().map(|parameter| format!("`{}`", parameter.name)).collect();
        match names.as_slice() {
            [] => format!("`{name}` is no parameter of {}: it takes none", self.name),
            names => format!("`{name}` is no parameter of {}: it takes {}", self.name, names.join(", ")),
        }
    }
}

/// The type of a parameter's value; all travel as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterKind {
    /// One text.
    Text,
    /// Several texts; on the command line with commas between.
    List,
    /// `true` or `false`.
    Boolean,
    /// A whole number.
    Integer,
    /// Anything else is left to the agent.
    Other,
}

/// One parameter of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// As the document has it.
    pub name: String,
    /// What values look like.
    pub kind: ParameterKind,
    /// In its author's words; may be empty.
    pub description: String,
    /// Taken where no value is given.
    pub default: Option<String>,
    /// The only values, if there are any here.
    pub allowed_values: Vec<String>,
    /// A regular expression that must match somewhere in the value, as the agent reads it.
    pub allowed_pattern: Option<String>,
    /// Fewest bytes.
    pub min_chars: Option<usize>,
    /// Most bytes.
    pub max_chars: Option<usize>,
}

impl Parameter {
    /// Reads one member of `parameters`.
    fn parse(name: &str, value: &Value) -> Self {
        let text = |key: &str| value.get(key).map(written).filter(|text| !text.is_empty());
        let number = |key: &str| text(key).and_then(|text| text.trim().parse().ok());
        let allowed = value.get("allowedValues").and_then(Value::as_array);
        Self {
            name: name.to_owned(),
            kind: match text("type").unwrap_or_default().as_str() {
                "String" | "" => ParameterKind::Text,
                "StringList" => ParameterKind::List,
                "Boolean" => ParameterKind::Boolean,
                "Integer" => ParameterKind::Integer,
                _ => ParameterKind::Other,
            },
            description: text("description").unwrap_or_default(),
            // An empty default is one.
            default: value.get("default").map(written),
            allowed_values: allowed.map(|list| list.iter().map(written).collect()).unwrap_or_default(),
            allowed_pattern: text("allowedPattern"),
            min_chars: number("minChars"),
            max_chars: number("maxChars"),
        }
    }

    /// A text without any rule but its name.
    pub fn text(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            kind: ParameterKind::Text,
            description: String::new(),
            default: None,
            allowed_values: Vec::new(),
            allowed_pattern: None,
            min_chars: None,
            max_chars: None,
        }
    }

    /// Must be given.
    pub fn is_required(&self) -> bool {
        self.default.is_none()
    }

    /// Whether the agent would take this value; the rules are those of its validators (agent docparser/paramvalidator:
    /// the pattern need only match somewhere, lengths are in bytes).
    ///
    /// # Errors
    /// What is wrong with it, and what would be right.
    pub fn check(&self, value: &str) -> Result<(), String> {
        // The agent fetches the value from the Parameter Store and checks what it finds there.
        if is_reference(value) {
            return Ok(());
        }
        match self.kind {
            ParameterKind::List => value.split(',').map(str::trim).try_for_each(|one| self.check_one(one)),
            ParameterKind::Boolean if !matches!(value, "true" | "false") => {
                Err(format!("`{value}` is neither `true` nor `false`"))
            }
            ParameterKind::Integer if value.trim().parse::<i64>().is_err() => {
                Err(format!("`{value}` is no whole number"))
            }
            _ => self.check_one(value),
        }
    }

    fn check_one(&self, value: &str) -> Result<(), String> {
        if !self.allowed_values.is_empty() && !self.allowed_values.iter().any(|allowed| allowed == value) {
            let allowed: Vec<_> = self.allowed_values.iter().map(|value| format!("`{value}`")).collect();
            return Err(format!("`{value}` is not allowed; there are {}", allowed.join(", ")));
        }
        if let Some(most) = self.max_chars.filter(|most| value.len() > *most) {
            return Err(format!("{} characters are too many; at most {most}", value.len()));
        }
        if let Some(fewest) = self.min_chars.filter(|fewest| value.len() < *fewest) {
            return Err(format!("{} characters are too few; at least {fewest}", value.len()));
        }
        // A pattern that we cannot read is left to the agent.
        let pattern = self.allowed_pattern.as_deref().and_then(|pattern| Regex::new(pattern).ok());
        match pattern {
            Some(pattern) if !pattern.is_match(value) => {
                Err(format!("`{value}` does not match {}", pattern.as_str()))
            }
            _ => Ok(()),
        }
    }

    /// The value as StartSession takes it: a list of texts.
    pub fn values(&self, value: &str) -> Vec<String> {
        match self.kind {
            ParameterKind::List => value.split(',').map(|one| one.trim().to_owned()).collect(),
            _ => vec![value.to_owned()],
        }
    }
}

fn is_reference(value: &str) -> bool {
    let inner = value.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
    inner.is_some_and(|inner| inner.trim().starts_with("ssm:") || inner.trim().starts_with("ssm-secure:"))
}

/// What the `inputs` of a document set for its sessions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preferences {
    /// The service ends a session that was idle for so long.
    pub idle_timeout: Option<Duration>,
    /// The service ends a session of this age.
    pub max_duration: Option<Duration>,
    /// The key that encrypts shells and commands.
    pub kms_key: Option<String>,
    /// Shells run as a named user of the node.
    pub run_as: bool,
    /// Which one, where the caller's own tag `SSMSessionRunAs` names none.
    pub run_as_user: Option<String>,
    /// Typed into a new shell of Linux and macOS.
    pub shell_profile: Option<String>,
    /// Typed into a new shell of Windows.
    pub shell_profile_windows: Option<String>,
    /// What is typed and shown is recorded in this bucket.
    pub s3_bucket: Option<String>,
    /// Under names that begin so.
    pub s3_prefix: Option<String>,
    /// Without encryption of the bucket no shell and no command starts.
    pub s3_encrypted: bool,
    /// What is typed and shown is recorded in this log group.
    pub log_group: Option<String>,
    /// Without a key of KMS for the log group no shell and no command starts.
    pub log_encrypted: bool,
    /// The document that says so, where it isn't the account's preferences.
    pub document: Option<String>,
}

impl Preferences {
    fn parse(name: &str, inputs: &Map<String, Value>) -> Self {
        let text = |value: Option<&Value>| value.map(written).filter(|text| !text.trim().is_empty());
        let of = |key: &str| text(inputs.get(key));
        let minutes =
            |key: &str| of(key)?.trim().parse::<u64>().ok().map(|minutes| Duration::from_secs(minutes * 60));
        let truth = |key: &str| of(key).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let profile = |key: &str| text(inputs.get("shellProfile").and_then(|profile| profile.get(key)));
        Self {
            idle_timeout: minutes("idleSessionTimeout"),
            max_duration: minutes("maxSessionDuration"),
            kms_key: of("kmsKeyId"),
            run_as: truth("runAsEnabled"),
            run_as_user: of("runAsDefaultUser"),
            shell_profile: profile("linux"),
            shell_profile_windows: profile("windows"),
            s3_bucket: of("s3BucketName"),
            s3_prefix: of("s3KeyPrefix"),
            s3_encrypted: truth("s3EncryptionEnabled"),
            log_group: of("cloudWatchLogGroupName"),
            log_encrypted: truth("cloudWatchEncryptionEnabled"),
            document: (name != PREFERENCES).then(|| name.to_owned()),
        }
    }

    /// What ends an idle session, the service's usual time where nothing is set.
    pub fn idle_timeout(&self) -> Duration {
        self.idle_timeout.unwrap_or(USUAL_IDLE_TIMEOUT)
    }
}

/// A text, number or boolean as one would write it; documents have either.
fn written(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Array(list) => list.iter().map(written).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORWARD: &str = r#"{"schemaVersion":"1.0","description":"Port","sessionType":"Port","parameters":{
        "portNumber":{"type":"String","description":"remote","allowedPattern":"^([1-9]|[1-9][0-9]{1,3}|[1-5][0-9]{4}|6553[0-5])$","default":"80"},
        "host":{"type":"String","allowedPattern":"^[^,$^&\\(\\)!;'\"<>`{}\\[\\]\\|#=]{3,}$"}},
        "properties":{"portNumber":"{{ portNumber }}","type":"LocalPortForwarding","host":"{{host}}"}}"#;

    fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn amazons_own_port_document_is_read() {
        let document = Document::parse("X", FORWARD).unwrap();
        assert_eq!(document.kind, Kind::Port);
        assert_eq!(document.parameters[0].name, "host", "what must be given comes first");
        assert_eq!(document.parameter("portNumber").unwrap().default.as_deref(), Some("80"));
        let mut placeholders = document.placeholders();
        placeholders.sort();
        assert_eq!(placeholders, ["host", "portNumber"]);
        assert_eq!(document.property(None, "type").as_deref(), Some("LocalPortForwarding"));
        assert_eq!(document.check(&values(&[("host", "db.internal"), ("portNumber", "5432")])), Ok(()));
        assert_eq!(
            document.check(&values(&[("host", "db")])).unwrap_err().len(),
            1,
            "too short for the pattern"
        );
        assert_eq!(
            document.check(&values(&[("port", "1")])).unwrap_err(),
            [
                "`port` is no parameter of X: it takes `host`, `portNumber`",
                "`host` is needed and has no default"
            ]
        );
    }

    #[test]
    fn what_is_wrong_with_a_value_is_told_with_what_is_right() {
        let mut parameter = Parameter::text("p");
        parameter.allowed_values = vec!["a".into(), "b".into()];
        assert_eq!(parameter.check("c").unwrap_err(), "`c` is not allowed; there are `a`, `b`");
        assert_eq!(parameter.check("a"), Ok(()));
        let parameter = Parameter { max_chars: Some(3), min_chars: Some(2), ..Parameter::text("p") };
        assert_eq!(parameter.check("abcd").unwrap_err(), "4 characters are too many; at most 3");
        assert_eq!(parameter.check("a").unwrap_err(), "1 characters are too few; at least 2");
        let number = Parameter { kind: ParameterKind::Integer, ..Parameter::text("p") };
        assert!(number.check("x").is_err() && number.check("7").is_ok());
        let list = Parameter {
            kind: ParameterKind::List,
            allowed_pattern: Some("^[a-z]+$".into()),
            ..Parameter::text("p")
        };
        assert!(list.check("a, b").is_ok() && list.check("a,B").is_err());
        assert_eq!(list.values("a, b"), ["a", "b"]);
    }

    #[test]
    fn a_pattern_matches_as_the_agent_matches_it() {
        let with =
            |pattern: &str| Parameter { allowed_pattern: Some(pattern.into()), ..Parameter::text("p") };
        assert!(with("b").check("abc").is_ok(), "somewhere is enough: Go's MatchString");
        assert!(with("^b$").check("abc").is_err());
        assert!(with("^a$").check("a\n").is_err(), "the end is the end");
        assert!(with("(?<!x)").check("abc").is_ok(), "what cannot be read is left to the agent");
        assert!(with("^[0-9]+$").check("{{ ssm:port }}").is_ok(), "known to the Parameter Store only");
    }

    #[test]
    fn preferences_are_read_in_either_form() {
        let content = r#"{"schemaVersion":"1.0","sessionType":"Standard_Stream","inputs":{"kmsKeyId":"alias/x",
            "runAsEnabled":"true","runAsDefaultUser":"web","idleSessionTimeout":"5","maxSessionDuration":60,
            "shellProfile":{"linux":"bash -l","windows":""}}}"#;
        let preferences = Document::parse(PREFERENCES, content).unwrap().preferences;
        assert_eq!(preferences.idle_timeout(), Duration::from_secs(300));
        assert_eq!(preferences.max_duration, Some(Duration::from_secs(3600)));
        assert_eq!(preferences.kms_key.as_deref(), Some("alias/x"));
        assert!(preferences.run_as && preferences.run_as_user.as_deref() == Some("web"));
        assert_eq!(preferences.shell_profile.as_deref(), Some("bash -l"));
        assert_eq!(preferences.shell_profile_windows, None);
        assert_eq!(Preferences::default().idle_timeout(), USUAL_IDLE_TIMEOUT);
    }

    #[test]
    fn streams_come_apart_where_the_platform_says_so() {
        let content = r#"{"schemaVersion":"1.0","sessionType":"NonInteractiveCommands","properties":{
            "linux":{"commands":"{{ command }}","separateOutputStream":true},"windows":{"commands":"x"}}}"#;
        let document = Document::parse("x", content).unwrap();
        assert!(document.separates_output(Some(Platform::Linux)) && document.separates_output(None));
        assert!(!document.separates_output(Some(Platform::Windows)));
        assert_eq!(document.property(Some(Platform::Windows), "commands").as_deref(), Some("x"));
    }

    #[test]
    fn what_is_no_session_document_is_refused() {
        assert!(matches!(Document::parse("x", "schemaVersion: x"), Err(BadDocument::Json(_))));
        assert_eq!(
            Document::parse("x", r#"{"schemaVersion":"2.2","mainSteps":[]}"#),
            Err(BadDocument::Schema("2.2".into()))
        );
    }
}
