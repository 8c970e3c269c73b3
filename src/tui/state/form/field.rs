//! One field of a form: what was typed, which values it takes, what can be taken into it.

use super::super::{forward::parse_near, line::Line, port};
use crate::fleet::{
    Parameter,
    document::ParameterKind,
    search::{Scorer, Skim},
};

/// The most sessions that one forward may hold.
const MOST_LANES: usize = 16;

/// One field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// What is asked for.
    pub label: String,
    /// Shown while it is empty: what that means.
    pub empty: String,
    /// What was typed.
    pub line: Line,
    /// Which values it takes.
    pub rule: Rule,
    /// The choice that the cursor is on.
    pub picked: Option<usize>,
}

/// Which values a field takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// A port, or the name of a service.
    RemotePort,
    /// A host; empty is the instance.
    Host,
    /// `8080`, `0.0.0.0:8080`, `unix:/tmp/db.sock`; empty is a free port.
    Local,
    /// How many sessions.
    Lanes,
    /// What the document says.
    Parameter(Parameter),
}

/// Something that can be taken into a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// What is taken.
    pub value: String,
    /// What is shown.
    pub label: String,
    /// What is shown behind it.
    pub detail: String,
    /// The saved forward that fills the whole form.
    pub saved: Option<usize>,
}

impl Choice {
    pub(super) fn plain(value: &str, detail: impl Into<String>) -> Self {
        Self { value: value.to_owned(), label: value.to_owned(), detail: detail.into(), saved: None }
    }
}

impl Field {
    pub(super) fn new(label: impl Into<String>, empty: impl Into<String>, rule: Rule) -> Self {
        Self { label: label.into(), empty: empty.into(), line: Line::default(), rule, picked: None }
    }

    pub(super) fn text(&self) -> &str {
        self.line.text().trim()
    }

    /// What can be taken into it.
    pub(super) fn choices(&self) -> Vec<Choice> {
        let text = self.text();
        match &self.rule {
            Rule::RemotePort => port::matching(text)
                .into_iter()
                .filter(|service| service.port.to_string() != text)
                .map(|service| Choice {
                    value: service.port.to_string(),
                    label: service.name.to_owned(),
                    detail: service.port.to_string(),
                    saved: None,
                })
                .collect(),
            Rule::Parameter(parameter) => {
                let mut values: Vec<String> = parameter.allowed_values.clone();
                if parameter.kind == ParameterKind::Boolean && values.is_empty() {
                    values = vec!["true".to_owned(), "false".to_owned()];
                }
                let whole = text.is_empty() || values.iter().any(|value| value == text);
                let default = |value: &String| match parameter.default.as_ref() == Some(value) {
                    true => "default",
                    false => "",
                };
                let mut found: Vec<(i32, Choice)> = values
                    .iter()
                    .filter_map(|value| {
                        let score = if whole { 0 } else { Skim.score(value, text)? };
                        Some((score, Choice::plain(value, default(value))))
                    })
                    .collect();
                found.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
                found.into_iter().map(|(_, choice)| choice).collect()
            }
            Rule::Host | Rule::Local | Rule::Lanes => Vec::new(),
        }
    }

    /// The value that will be used: what was typed, or what it stands for. None where it is empty.
    pub fn value(&self) -> Option<String> {
        let text = self.text();
        if text.is_empty() {
            return None;
        }
        let choices = || self.choices().into_iter().nth(self.picked.unwrap_or(0)).map(|choice| choice.value);
        match &self.rule {
            Rule::RemotePort if text.parse::<u32>().is_err() => choices().or(Some(text.to_owned())),
            Rule::Parameter(_) => Some(self.line.text().to_owned()),
            _ => Some(text.to_owned()),
        }
    }

    /// What is wrong with what was typed; nothing is wrong with an empty field before the user is done.
    pub fn problem(&self) -> Option<String> {
        let value = self.value()?;
        match &self.rule {
            Rule::RemotePort => match value.parse::<u64>() {
                Ok(1..=65535) => None,
                Ok(_) => Some(format!("{value} is no port: there are 1 to 65535")),
                Err(_) => Some(format!("no service is known as {value}: type the port's number")),
            },
            Rule::Host => host_problem(&value),
            Rule::Local => parse_near(&value).err(),
            Rule::Lanes => match value.parse::<usize>() {
                Ok(1..=MOST_LANES) => None,
                _ => Some(format!("a forward holds 1 to {MOST_LANES} sessions")),
            },
            Rule::Parameter(parameter) => parameter.check(&value).err(),
        }
    }

    /// Whether it must not be left empty.
    pub fn is_required(&self) -> bool {
        match &self.rule {
            Rule::RemotePort => true,
            Rule::Parameter(parameter) => parameter.is_required(),
            Rule::Host | Rule::Local | Rule::Lanes => false,
        }
    }
}

fn host_problem(host: &str) -> Option<String> {
    if host.contains("://") || host.contains('/') {
        return Some("a host's name or address, without a scheme or a path".to_owned());
    }
    if host.contains(char::is_whitespace) {
        return Some("a host's name has no spaces".to_owned());
    }
    if host.parse::<std::net::IpAddr>().is_err() && host.contains(':') {
        return Some("the port has its own field above".to_owned());
    }
    None
}
