//! The two forms in which documents are written: JSON and YAML.

use serde_json::{Map, Number, Value};
use yaml_rust2::{Event, Yaml, YamlEmitter, YamlLoader, parser::Parser, yaml::Hash};

/// How a document is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Yaml,
}

/// How deep a document may be nested; the deepest of AWS's have five levels.
const DEPTH: usize = 32;

impl Format {
    /// As DocumentFormat has it; TEXT is for documents of other types.
    pub(crate) fn parse(text: &str) -> Option<Format> {
        match text {
            "JSON" => Some(Format::Json),
            "YAML" => Some(Format::Yaml),
            _ => None,
        }
    }

    /// As DocumentFormat has it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Format::Json => "JSON",
            Format::Yaml => "YAML",
        }
    }

    /// Reads a text; the error says what is wrong with it.
    pub(crate) fn read(self, text: &str) -> Result<Value, String> {
        match self {
            Format::Json => {
                serde_json::from_str(text).map_err(|error| format!("JSON not well-formed. {error}."))
            }
            Format::Yaml => {
                let not = |why: String| format!("YAML not well-formed. {why}.");
                if !shallow(text).map_err(not)? {
                    return Err(not("It is nested too deep, or has aliases".to_owned()));
                }
                let documents = YamlLoader::load_from_str(text).map_err(|error| not(error.to_string()))?;
                match documents.as_slice() {
                    [document] => json(document, DEPTH).ok_or_else(|| not("It has no JSON form".to_owned())),
                    _ => Err(not("It must be one document".to_owned())),
                }
            }
        }
    }

    /// Writes a value.
    pub(crate) fn write(self, value: &Value) -> String {
        match self {
            Format::Json => serde_json::to_string_pretty(value).unwrap_or_default(),
            Format::Yaml => {
                let mut text = String::new();
                let mut emitter = YamlEmitter::new(&mut text);
                emitter.multiline_strings(true);
                // Writing to a string cannot fail.
                let _ = emitter.dump(&yaml(value));
                text.push('\n');
                text
            }
        }
    }
}

/// Whether a text is nested no deeper than is good for readers that call themselves, and repeats nothing by aliases.
fn shallow(text: &str) -> Result<bool, String> {
    let mut parser = Parser::new_from_str(text);
    let mut depth = 0_usize;
    loop {
        let (event, _) = parser.next_token().map_err(|error| error.to_string())?;
        match event {
            Event::SequenceStart(..) | Event::MappingStart(..) if depth == DEPTH => return Ok(false),
            Event::SequenceStart(..) | Event::MappingStart(..) => depth += 1,
            Event::SequenceEnd | Event::MappingEnd => depth = depth.saturating_sub(1),
            Event::Alias(_) => return Ok(false),
            Event::StreamEnd => return Ok(true),
            _ => {}
        }
    }
}

fn json(value: &Yaml, depth: usize) -> Option<Value> {
    let below = depth.checked_sub(1)?;
    Some(match value {
        Yaml::Null => Value::Null,
        Yaml::Boolean(truth) => Value::Bool(*truth),
        Yaml::Integer(number) => Value::from(*number),
        // AWS keeps a number as it is written: `1.0` is the schema's name.
        Yaml::Real(text) => Value::String(text.clone()),
        Yaml::String(text) => Value::String(text.clone()),
        Yaml::Array(items) => {
            Value::Array(items.iter().map(|item| json(item, below)).collect::<Option<Vec<_>>>()?)
        }
        Yaml::Hash(members) => {
            let mut object = Map::new();
            for (key, value) in members {
                object.insert(key.as_str()?.to_owned(), json(value, below)?);
            }
            Value::Object(object)
        }
        Yaml::Alias(_) | Yaml::BadValue => return None,
    })
}

fn yaml(value: &Value) -> Yaml {
    match value {
        Value::Null => Yaml::Null,
        Value::Bool(truth) => Yaml::Boolean(*truth),
        Value::Number(number) => number_of(number),
        Value::String(text) => Yaml::String(text.clone()),
        Value::Array(items) => Yaml::Array(items.iter().map(yaml).collect()),
        Value::Object(members) => {
            let mut hash = Hash::new();
            for (key, value) in members {
                hash.insert(Yaml::String(key.clone()), yaml(value));
            }
            Yaml::Hash(hash)
        }
    }
}

fn number_of(number: &Number) -> Yaml {
    number.as_i64().map_or_else(|| Yaml::Real(number.to_string()), Yaml::Integer)
}
