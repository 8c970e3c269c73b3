//! JSON as the official ends, written in Go, read and print it: keys match whatever their case, `null` and absent are
//! the same, and `<`, `>`, `&`, U+2028 and U+2029 are printed as escapes.

use std::fmt::Display;

use bytes::Bytes;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::payload::PayloadError;

/// Prints `value` with the fields in the order of its type.
pub(super) fn print(value: &impl Serialize) -> Bytes {
    let text = serde_json::to_string(value).expect("payload types hold nothing that JSON lacks");
    if !text.contains(['<', '>', '&', '\u{2028}', '\u{2029}']) {
        return text.into();
    }
    // Outside of strings JSON has none of these characters.
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("\\u003c"),
            '>' => escaped.push_str("\\u003e"),
            '&' => escaped.push_str("\\u0026"),
            '\u{2028}' => escaped.push_str("\\u2028"),
            '\u{2029}' => escaped.push_str("\\u2029"),
            c => escaped.push(c),
        }
    }
    escaped.into()
}

/// For fields that are printed in their text form.
pub(super) fn text_form<S: Serializer>(value: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// For fields that are printed in their text form, if they are there.
pub(super) fn optional_text_form<S: Serializer>(
    value: &Option<impl Display>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.collect_str(value),
        None => serializer.serialize_none(),
    }
}

/// A JSON object whose keys are found whatever their case.
pub(super) struct Object(Map<String, Value>);

impl Object {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, PayloadError> {
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(map)) => Ok(Self(map)),
            Ok(_) => Err(PayloadError::NotAnObject),
            Err(error) => Err(PayloadError::NotJson { line: error.line(), column: error.column() }),
        }
    }

    pub(super) fn from_value(value: Value, field: &'static str) -> Result<Self, PayloadError> {
        match value {
            Value::Object(map) => Ok(Self(map)),
            Value::Null => Ok(Self(Map::new())),
            _ => Err(PayloadError::Wrong { field, expected: "an object" }),
        }
    }

    /// Takes the value out; `None` when absent or `null`.
    pub(super) fn take(&mut self, key: &str) -> Option<Value> {
        let found = match self.0.contains_key(key) {
            true => key.to_owned(),
            false => self.0.keys().find(|name| name.eq_ignore_ascii_case(key))?.clone(),
        };
        self.0.remove(&found).filter(|value| !value.is_null())
    }

    pub(super) fn text(&mut self, field: &'static str) -> Result<Option<String>, PayloadError> {
        match self.take(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(PayloadError::Wrong { field, expected: "a string" }),
        }
    }

    /// A text, or a number or truth value in its text form.
    pub(super) fn scalar(&mut self, field: &str) -> Option<String> {
        match self.take(field)? {
            Value::String(text) => Some(text),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(flag) => Some(flag.to_string()),
            _ => None,
        }
    }

    pub(super) fn integer(&mut self, field: &'static str) -> Result<Option<i64>, PayloadError> {
        self.take(field)
            .map(|value| value.as_i64().ok_or(PayloadError::Wrong { field, expected: "an integer" }))
            .transpose()
    }

    pub(super) fn unsigned(&mut self, field: &'static str) -> Result<Option<u32>, PayloadError> {
        self.integer(field)?
            .map(|n| u32::try_from(n).map_err(|_| PayloadError::Wrong { field, expected: "a 32-bit number" }))
            .transpose()
    }

    pub(super) fn flag(&mut self, field: &'static str) -> Result<Option<bool>, PayloadError> {
        match self.take(field) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(_) => Err(PayloadError::Wrong { field, expected: "true or false" }),
        }
    }

    pub(super) fn list(&mut self, field: &'static str) -> Result<Option<Vec<Value>>, PayloadError> {
        match self.take(field) {
            None => Ok(None),
            Some(Value::Array(items)) => Ok(Some(items)),
            Some(_) => Err(PayloadError::Wrong { field, expected: "a list" }),
        }
    }
}
