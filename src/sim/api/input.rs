//! Reads the members of a JSON request, and says in AWS's words what is wrong with them.
//!
//! All violations of a request are collected and told together, as AWS does; a member of the wrong type ends it at once.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

use super::error::ApiError;

/// An expression as the model has it, and what checks it.
pub(crate) type Pattern = (&'static str, fn(&str) -> bool);

/// What a string must look like.
#[derive(Clone, Copy, Default)]
pub(crate) struct Text {
    pub(crate) required: bool,
    pub(crate) min: usize,
    /// 0: no limit.
    pub(crate) max: usize,
    pub(crate) pattern: Option<Pattern>,
    pub(crate) one_of: &'static [&'static str],
}

/// The members of one structure of a request.
pub(crate) struct Input<'a> {
    members: &'a Map<String, Value>,
    path: String,
    violations: Vec<String>,
}

impl<'a> Input<'a> {
    /// The request itself.
    pub(crate) fn new(members: &'a Map<String, Value>) -> Input<'a> {
        Input { members, path: String::new(), violations: Vec::new() }
    }

    /// A string, if it is there.
    pub(crate) fn text(&mut self, name: &str, rule: Text) -> Result<Option<&'a str>, ApiError> {
        let value = match self.present(name) {
            None => {
                if rule.required {
                    self.violate("null", name, "Member must not be null");
                }
                return Ok(None);
            }
            Some(Value::String(value)) => value.as_str(),
            Some(other) => return Err(wrong_type(other, "String")),
        };
        let quoted = format!("'{value}'");
        let length = value.chars().count();
        if length < rule.min {
            self.violate(
                &quoted,
                name,
                &format!("Member must have length greater than or equal to {}", rule.min),
            );
        }
        if rule.max > 0 && length > rule.max {
            self.violate(
                &quoted,
                name,
                &format!("Member must have length less than or equal to {}", rule.max),
            );
        }
        if let Some((expression, check)) = rule.pattern
            && !check(value)
        {
            self.violate(
                &quoted,
                name,
                &format!("Member must satisfy regular expression pattern: {expression}"),
            );
        }
        if !rule.one_of.is_empty() && !rule.one_of.contains(&value) {
            self.violate(
                &quoted,
                name,
                &format!("Member must satisfy enum value set: [{}]", rule.one_of.join(", ")),
            );
        }
        Ok(Some(value))
    }

    /// A whole number, if it is there.
    pub(crate) fn number(&mut self, name: &str, min: u64, max: u64) -> Result<Option<u64>, ApiError> {
        let number = match self.present(name) {
            None => return Ok(None),
            Some(Value::Number(number)) => match number.as_i64() {
                Some(number) => number,
                None => return Err(wrong_type(&Value::Number(number.clone()), "Integer")),
            },
            Some(other) => return Err(wrong_type(other, "Integer")),
        };
        let quoted = format!("'{number}'");
        if number < min.cast_signed() {
            self.violate(&quoted, name, &format!("Member must have value greater than or equal to {min}"));
        } else if number > max.cast_signed() {
            self.violate(&quoted, name, &format!("Member must have value less than or equal to {max}"));
        }
        Ok(Some(number.max(0).cast_unsigned()))
    }

    /// A time as JSON 1.1 has it, in seconds, if it is there.
    pub(crate) fn seconds(&mut self, name: &str) -> Result<Option<f64>, ApiError> {
        match self.present(name) {
            None => Ok(None),
            Some(Value::Number(number)) => Ok(number.as_f64()),
            Some(other) => Err(wrong_type(other, "Timestamp")),
        }
    }

    /// True or false; an absent one is false.
    pub(crate) fn truth(&mut self, name: &str) -> Result<bool, ApiError> {
        match self.present(name) {
            None => Ok(false),
            Some(Value::Bool(truth)) => Ok(*truth),
            Some(other) => Err(wrong_type(other, "Boolean")),
        }
    }

    /// Bytes in base64, if they are there.
    pub(crate) fn blob(
        &mut self,
        name: &str,
        (min, max): (usize, usize),
    ) -> Result<Option<Vec<u8>>, ApiError> {
        let bytes = match self.present(name) {
            None => {
                if min > 0 {
                    self.violate("null", name, "Member must not be null");
                }
                return Ok(None);
            }
            Some(Value::String(text)) => {
                STANDARD.decode(text).map_err(|_| ApiError::bare("SerializationException"))?
            }
            Some(other) => return Err(wrong_type(other, "ByteBuffer")),
        };
        if bytes.len() < min || bytes.len() > max {
            let words = if bytes.len() < min {
                format!("Member must have length greater than or equal to {min}")
            } else {
                format!("Member must have length less than or equal to {max}")
            };
            self.violate("'java.nio.HeapByteBuffer'", name, &words);
        }
        Ok(Some(bytes))
    }

    /// A map of strings to strings; an absent one is empty.
    pub(crate) fn texts_by_name(&mut self, name: &str) -> Result<BTreeMap<String, String>, ApiError> {
        let members = match self.present(name) {
            None => return Ok(BTreeMap::new()),
            Some(Value::Object(members)) => members,
            Some(other) => return Err(wrong_type(other, "Map")),
        };
        let text = |(name, value): (&String, &Value)| match value {
            Value::String(text) => Ok((name.clone(), text.clone())),
            other => Err(wrong_type(other, "String")),
        };
        members.iter().map(text).collect()
    }

    /// A list of structures, each read by `read`; an absent one is empty.
    pub(crate) fn structures<T>(
        &mut self,
        name: &str,
        (min, max): (usize, usize),
        mut read: impl FnMut(&mut Input<'a>) -> Result<T, ApiError>,
    ) -> Result<Vec<T>, ApiError> {
        let Some(list) = self.list(name, (min, max), "Member must have length")? else {
            return Ok(Vec::new());
        };
        let mut read_ones = Vec::new();
        for (at, value) in list.iter().enumerate() {
            let Value::Object(members) = value else { return Err(wrong_type(value, "Structure")) };
            let path = format!("{}{}.{}.member.", self.path, lower_first(name), at + 1);
            let mut input = Input { members, path, violations: std::mem::take(&mut self.violations) };
            read_ones.push(read(&mut input)?);
            self.violations = input.violations;
        }
        Ok(read_ones)
    }

    /// A list of strings that must be there.
    pub(crate) fn strings(&mut self, name: &str, limits: (usize, usize)) -> Result<Vec<&'a str>, ApiError> {
        let Some(list) = self.list(name, limits, "Member must have length")? else {
            self.violate("null", name, "Member must not be null");
            return Ok(Vec::new());
        };
        let mut strings = Vec::new();
        for value in list {
            let Value::String(text) = value else { return Err(wrong_type(value, "String")) };
            if text.is_empty() {
                self.violate("''", name, "Member must have length greater than or equal to 1");
            }
            strings.push(text.as_str());
        }
        Ok(strings)
    }

    /// A map of strings to lists of strings, if it is there.
    pub(crate) fn lists_by_name(
        &mut self,
        name: &str,
        max: usize,
    ) -> Result<Vec<(&'a str, Vec<&'a str>)>, ApiError> {
        let members = match self.present(name) {
            None => return Ok(Vec::new()),
            Some(Value::Object(members)) => members,
            Some(other) => return Err(wrong_type(other, "Map")),
        };
        let path = format!("{}{}.", self.path, lower_first(name));
        let mut input = Input { members, path, violations: std::mem::take(&mut self.violations) };
        let mut lists = Vec::new();
        for key in members.keys() {
            let values = input.strings(key, (0, usize::MAX))?;
            for value in values.iter().filter(|value| value.chars().count() > max) {
                input.violate(
                    &format!("'{value}'"),
                    key,
                    &format!("Member must have length less than or equal to {max}"),
                );
            }
            lists.push((key.as_str(), values));
        }
        self.violations = input.violations;
        Ok(lists)
    }

    /// Whether a member was given at all.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.present(name).is_some()
    }

    /// Ends the reading: an error if anything was wrong.
    pub(crate) fn done(self) -> Result<(), ApiError> {
        match self.violations.len() {
            0 => Ok(()),
            1 => Err(ApiError::common(
                "ValidationException",
                format!("1 validation error detected: {}", self.violations[0]),
            )),
            many => Err(ApiError::common(
                "ValidationException",
                format!("{many} validation errors detected: {}", self.violations.join("; ")),
            )),
        }
    }

    fn present(&self, name: &str) -> Option<&'a Value> {
        self.members.get(name).filter(|value| !value.is_null())
    }

    fn list(
        &mut self,
        name: &str,
        (min, max): (usize, usize),
        words: &str,
    ) -> Result<Option<&'a Vec<Value>>, ApiError> {
        let list = match self.present(name) {
            None => return Ok(None),
            Some(Value::Array(list)) => list,
            Some(other) => return Err(wrong_type(other, "List")),
        };
        let quoted = || format!("'{}'", Value::Array(list.clone()));
        if list.len() < min {
            self.violate(&quoted(), name, &format!("{words} greater than or equal to {min}"));
        } else if list.len() > max {
            self.violate(&quoted(), name, &format!("{words} less than or equal to {max}"));
        }
        Ok(Some(list))
    }

    fn violate(&mut self, value: &str, name: &str, constraint: &str) {
        let name = lower_first(name);
        let text =
            format!("Value {value} at '{}{name}' failed to satisfy constraint: {constraint}", self.path);
        self.violations.push(text);
    }
}

/// The object that a request's body is.
pub(crate) fn object(body: &[u8]) -> Result<Map<String, Value>, ApiError> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(members)) => Ok(members),
        // As AWS does, no body is an empty request.
        Err(_) if body.is_empty() => Ok(Map::new()),
        _ => Err(ApiError::bare("SerializationException")),
    }
}

fn wrong_type(value: &Value, wanted: &str) -> ApiError {
    let given = match value {
        Value::Null => "NULL_VALUE",
        Value::Bool(true) => "TRUE_VALUE",
        Value::Bool(false) => "FALSE_VALUE",
        Value::Number(number) if number.is_f64() => "DECIMAL_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        Value::String(_) => "STRING_VALUE",
        Value::Array(_) => "START_ARRAY",
        Value::Object(_) => "START_OBJECT",
    };
    ApiError::modelled("SerializationException", format!("{given} cannot be converted to {wanted}"))
}

/// `MaxResults` as AWS's texts have it: `maxResults`.
fn lower_first(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refuse(body: Value, read: impl FnOnce(&mut Input<'_>) -> Result<(), ApiError>) -> String {
        let Value::Object(members) = body else { panic!() };
        let mut input = Input::new(&members);
        let read = read(&mut input);
        let error = read.and_then(|()| input.done()).unwrap_err();
        format!("{}: {}", error.code, error.message.unwrap_or_default())
    }

    const TARGET: Text = Text { required: true, min: 1, max: 4, pattern: None, one_of: &[] };

    #[test]
    fn violations_are_told_in_awss_words() {
        assert_eq!(
            refuse(json!({}), |input| input.text("Target", TARGET).map(drop)),
            "ValidationException: 1 validation error detected: Value null at 'target' failed to satisfy constraint: Member must not be null"
        );
        assert_eq!(
            refuse(json!({"Target": "", "MaxResults": 4}), |input| {
                input.text("Target", TARGET)?;
                input.number("MaxResults", 5, 50).map(drop)
            }),
            "ValidationException: 2 validation errors detected: Value '' at 'target' failed to satisfy constraint: Member must have length \
             greater than or equal to 1; Value '4' at 'maxResults' failed to satisfy constraint: Member must have value greater than or equal to 5"
        );
        assert_eq!(
            refuse(json!({"State": "Old"}), |input| {
                input.text("State", Text { one_of: &["Active", "History"], ..Text::default() }).map(drop)
            }),
            "ValidationException: 1 validation error detected: Value 'Old' at 'state' failed to satisfy constraint: Member must satisfy enum \
             value set: [Active, History]"
        );
        assert_eq!(
            refuse(json!({"Filters": [{"Key": "x", "Values": []}]}), |input| {
                input
                    .structures("Filters", (0, 5), |input| input.strings("Values", (1, 100)).map(drop))
                    .map(drop)
            }),
            "ValidationException: 1 validation error detected: Value '[]' at 'filters.1.member.values' failed to satisfy constraint: Member must \
             have length greater than or equal to 1"
        );
    }

    #[test]
    fn a_wrong_type_is_a_serialization_error() {
        assert_eq!(
            refuse(json!({"Target": 5}), |input| input.text("Target", TARGET).map(drop)),
            "SerializationException: NUMBER_VALUE cannot be converted to String"
        );
        assert_eq!(
            refuse(json!({"MaxResults": "5"}), |input| input.number("MaxResults", 5, 50).map(drop)),
            "SerializationException: STRING_VALUE cannot be converted to Integer"
        );
        assert_eq!(
            refuse(json!({"Parameters": {"portNumber": "80"}}), |input| input
                .lists_by_name("Parameters", 10)
                .map(drop)),
            "SerializationException: STRING_VALUE cannot be converted to List"
        );
        assert_eq!(object(b"[1]").unwrap_err().code, "SerializationException");
        assert!(object(b"").unwrap().is_empty());
    }
}
