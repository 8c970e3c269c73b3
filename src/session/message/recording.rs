//! Recorded sessions of the official ends, for the tests of the codec, the channel and the simulated agent.
//!
//! They are in the folder that `SSMTUI_RECORDINGS` names, else in `tests/recordings`; every file there is read.

use std::path::PathBuf;

use bytes::Bytes;
use serde_json::Value;

/// One session.
pub(crate) struct Recording {
    /// File name without its ending.
    pub(crate) name: String,
    /// In the order in which the relay got them.
    pub(crate) messages: Vec<Message>,
    folder: PathBuf,
}

/// One WebSocket message.
pub(crate) struct Message {
    pub(crate) from: Side,
    /// Milliseconds since the first one.
    pub(crate) sent: f64,
    /// When the relay passed it on.
    pub(crate) due: f64,
    /// How often the relay passed it on: 0, 1 or 2.
    pub(crate) copies: usize,
    /// For messages of the service: whom it is for.
    pub(crate) to: Option<Side>,
    pub(crate) content: Content,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Agent,
    Service,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Content {
    Text(String),
    Frame(Bytes),
    Ping,
    Close,
}

impl Recording {
    /// All of them, by name.
    pub(crate) fn all() -> Vec<Self> {
        let folder = std::env::var_os("SSMTUI_RECORDINGS").map_or_else(
            || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordings")),
            PathBuf::from,
        );
        let mut names: Vec<String> = std::fs::read_dir(&folder)
            .unwrap()
            .filter_map(|entry| Some(entry.unwrap().file_name().to_str()?.strip_suffix(".jsonl")?.to_owned()))
            .collect();
        names.sort();
        assert!(!names.is_empty(), "no recordings in {}", folder.display());
        names
            .into_iter()
            .map(|name| {
                let lines = std::fs::read_to_string(folder.join(format!("{name}.jsonl"))).unwrap();
                let messages = lines.lines().skip(1).map(Message::read).collect();
                Self { name, messages, folder: folder.clone() }
            })
            .collect()
    }

    /// The file beside the recording with this ending.
    pub(crate) fn side_file(&self, ending: &str) -> Vec<u8> {
        std::fs::read(self.folder.join(format!("{}.{ending}", self.name))).unwrap()
    }

    /// All frames of `from`.
    pub(crate) fn frames(&self, from: Side) -> impl Iterator<Item = (&Message, &Bytes)> {
        self.messages.iter().filter(move |message| message.from == from).filter_map(|message| match &message
            .content
        {
            Content::Frame(bytes) => Some((message, bytes)),
            _ => None,
        })
    }
}

impl Message {
    fn read(line: &str) -> Self {
        let value: Value = serde_json::from_str(line).unwrap();
        let side = |key: &str| {
            value[key].as_str().map(|text| match text {
                "client" => Side::Client,
                "agent" => Side::Agent,
                "service" => Side::Service,
                other => panic!("side {other}"),
            })
        };
        let content = if let Some(hex) = value["hex"].as_str() {
            Content::Frame(unhex(hex).into())
        } else if let Some(text) = value["text"].as_str() {
            Content::Text(text.to_owned())
        } else if value.get("ping").is_some() {
            Content::Ping
        } else {
            assert!(value.get("close").is_some(), "{line}");
            Content::Close
        };
        let sent = value["ms"].as_f64().unwrap();
        Self {
            from: side("from").unwrap(),
            sent,
            due: value["due"].as_f64().unwrap_or(sent),
            copies: match value["fate"].as_str() {
                None => 1,
                Some("lost") => 0,
                Some("twice") => 2,
                Some(other) => panic!("fate {other}"),
            },
            to: side("to"),
            content,
        }
    }
}

/// Bytes from hexadecimal text; white space is skipped.
pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> =
        text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_digit(16).unwrap()).collect();
    digits.chunks_exact(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect()
}
