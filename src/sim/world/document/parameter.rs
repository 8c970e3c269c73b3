//! A document's parameter: its rules, and what AWS says of a value that breaks one.

use regex_lite::Regex;
use serde_json::{Map, Value};

use super::known;

const MEMBERS: [&str; 10] = [
    "type",
    "description",
    "default",
    "allowedPattern",
    "allowedValues",
    "minChars",
    "maxChars",
    "minItems",
    "maxItems",
    "displayType",
];

/// The two types of Session documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    List,
}

impl Kind {
    /// As DescribeDocument has it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Kind::Text => "String",
            Kind::List => "StringList",
        }
    }
}

/// What a parameter must look like.
#[derive(Clone, Debug)]
pub(crate) struct Parameter {
    pub(crate) kind: Kind,
    pub(crate) description: Option<String>,
    pub(crate) default: Option<Vec<String>>,
    allowed_pattern: Option<Regex>,
    allowed_values: Vec<String>,
    /// How many characters each value may have, from and to.
    chars: (u64, u64),
    /// How many values there may be.
    items: (u64, u64),
}

impl Parameter {
    pub(super) fn read(name: &str, definition: &Value) -> Result<Parameter, String> {
        let Value::Object(members) = definition else {
            return Err(format!("Parameter \"{name}\" is not an object."));
        };
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
        {
            return Err(format!("\"{name}\" is not a valid parameter name."));
        }
        known(&format!("Parameter \"{name}\""), members, &MEMBERS)?;
        let kind = match members.get("type").and_then(Value::as_str) {
            Some("String") => Kind::Text,
            Some("StringList") => Kind::List,
            other => {
                return Err(format!("Parameter \"{name}\" has type \"{}\".", other.unwrap_or_default()));
            }
        };
        let allowed_pattern = match members.get("allowedPattern").and_then(Value::as_str) {
            None | Some("") => None,
            Some(pattern) => Some(Regex::new(pattern).map_err(|_| {
                format!("allowedPattern of parameter \"{name}\" is not a regular expression.")
            })?),
        };
        let parameter = Parameter {
            kind,
            description: members.get("description").and_then(Value::as_str).map(str::to_owned),
            default: members.get("default").map(|value| default(name, kind, value)).transpose()?,
            allowed_pattern,
            allowed_values: match members.get("allowedValues") {
                None => Vec::new(),
                Some(value) => texts(value).ok_or_else(|| {
                    format!("allowedValues of parameter \"{name}\" is not a list of strings.")
                })?,
            },
            chars: (number(name, members, "minChars", 0)?, number(name, members, "maxChars", u64::MAX)?),
            items: (number(name, members, "minItems", 0)?, number(name, members, "maxItems", u64::MAX)?),
        };
        if let Some(values) = &parameter.default {
            // An empty default stands for none, whatever the pattern says.
            let empty = values.iter().all(String::is_empty);
            if !empty {
                parameter.check(name, values).map_err(|why| format!("The default is not allowed: {why}"))?;
            }
        }
        Ok(parameter)
    }

    /// Whether these values may be given, in AWS's words where they are known.
    pub(super) fn check(&self, name: &str, values: &[String]) -> Result<(), String> {
        if self.kind == Kind::Text && values.len() != 1 {
            return Err(format!("Parameter \"{name}\" takes one value, not {}.", values.len()));
        }
        let count = values.len() as u64;
        if count < self.items.0 || count > self.items.1 {
            let (from, to) = self.items;
            let limit = if count < from { format!("fewer than {from}") } else { format!("more than {to}") };
            return Err(format!("Parameter \"{name}\" has {limit} values."));
        }
        for value in values {
            let has = format!("Parameter \"{name}\" has value \"{value}\"");
            let length = value.chars().count() as u64;
            if length < self.chars.0 {
                return Err(format!("{has} shorter than {} characters.", self.chars.0));
            }
            if length > self.chars.1 {
                return Err(format!("{has} longer than {} characters.", self.chars.1));
            }
            if !self.allowed_values.is_empty() && !self.allowed_values.contains(value) {
                return Err(format!("{has} not found in [{}].", self.allowed_values.join(", ")));
            }
            if let Some(pattern) = &self.allowed_pattern
                && !pattern.is_match(value)
            {
                return Err(format!("{has} not matching \"{}\".", pattern.as_str()));
            }
        }
        Ok(())
    }
}

fn number(name: &str, members: &Map<String, Value>, member: &str, absent: u64) -> Result<u64, String> {
    match members.get(member) {
        None => Ok(absent),
        // Documents in the wild have numbers as strings, too.
        Some(Value::String(text)) if text.parse::<u64>().is_ok() => Ok(text.parse().unwrap_or(absent)),
        Some(value) => {
            value.as_u64().ok_or_else(|| format!("{member} of parameter \"{name}\" is not a whole number."))
        }
    }
}

fn default(name: &str, kind: Kind, value: &Value) -> Result<Vec<String>, String> {
    match (kind, value) {
        (Kind::Text, Value::String(text)) => Ok(vec![text.clone()]),
        (Kind::List, value) if value.is_array() => texts(value)
            .ok_or_else(|| format!("The default of parameter \"{name}\" is not a list of strings.")),
        _ => Err(format!("The default of parameter \"{name}\" is not a {}.", kind.as_str())),
    }
}

fn texts(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|value| Some(value.as_str()?.to_owned())).collect()
}
