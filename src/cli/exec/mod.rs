//! `ssmtui exec TARGET -- CMD…`: one command there, its streams and its exit code as if it had run here.

mod frame;
mod stream;

use std::{
    io::{self, IsTerminal},
    os::unix::fs::FileTypeExt,
    process::ExitCode,
};

pub(super) use stream::{Form, stream};

use self::frame::Frames;
use super::{
    Failure,
    args::Exec,
    history::Memory,
    target::{self, Found},
};
use crate::{
    aws::{self, Client, Connector, StartRequest},
    config::Config,
    fleet::{
        AgentVersion, Document, Feature, Platform,
        document::{self, Kind},
        history,
    },
};

/// Amazon's own: one stream, no code, and nothing before the command has ended (protocol.md 7.3).
const AMAZONS: &str = "AWS-StartNonInteractiveCommand";
/// For agents that do not know that one.
const AMAZONS_OLDER: &str = "AWS-StartInteractiveCommand";
/// Their parameter, and what any document is expected to call it.
const PARAMETER: &str = "command";

pub(super) async fn run(
    connector: &Connector,
    config: &Config,
    arguments: &Exec,
) -> Result<ExitCode, Failure> {
    if arguments.print_document {
        super::print(OWN_DOCUMENT.as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    let client = connector.connect().await?;
    let target = arguments.target.as_deref().unwrap_or_default();
    let mut found = target::find_known(&client, target).await?;
    let own = arguments.document.as_ref().or(config.exec_document.as_ref());
    let way = match own {
        Some(name) => Way::by(name, read(&client, name).await?, found.platform())?,
        None => Way::usual(&found)?,
    };
    found.require("run a command on", way.feature())?;
    if has_input() {
        eprintln!("ssmtui: standard input is not passed on: commands of Session Manager have none");
    }
    let nonce = uuid::Uuid::new_v4().simple().to_string();
    let windows = found.platform() == Some(Platform::Windows);
    let words = &arguments.command;
    let (line, form) = match (way.is_native, windows) {
        (true, false) => (frame::native(words), Form::Native),
        (true, true) => (frame::native_windows(words), Form::Native),
        (false, false) => (frame::wrapped(words, &nonce), Form::Framed(Frames::new(&nonce))),
        (false, true) => (frame::wrapped_windows(words, &nonce), Form::Framed(Frames::new(&nonce))),
    };
    let mut request = StartRequest::by(&way.document, &found.target).with(&way.parameter, line);
    request.reason.clone_from(&arguments.reason);
    let memory = Memory::of(config, &client, &found, history::Kind::Command);
    stream(&client, &mut found, &request, form, memory).await
}

/// The document as far as we may read it: without the right, it is taken as its user says.
async fn read(client: &Client, name: &str) -> Result<Option<Document>, Failure> {
    match client.document(name).await {
        Ok(document) => Ok(Some(document)),
        Err(error) if error.kind == aws::Kind::Denied => {
            tracing::debug!(%error, "the document is not read");
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// By which document, and how its sessions bring the streams back.
#[derive(Debug, PartialEq, Eq)]
struct Way {
    document: String,
    parameter: String,
    /// Streams and code come apart by themselves.
    is_native: bool,
    kind: Kind,
}

impl Way {
    /// Without a document of the user's.
    fn usual(found: &Found) -> Result<Self, Failure> {
        Ok(Self::amazons(found.version(), found.platform()))
    }

    fn amazons(version: Option<AgentVersion>, platform: Option<Platform>) -> Self {
        let old = version.is_some_and(|version| version < Feature::NonInteractiveCommand.floor());
        let (document, kind) = if old && platform != Some(Platform::Windows) {
            (AMAZONS_OLDER, Kind::InteractiveCommands)
        } else {
            (AMAZONS, Kind::NonInteractiveCommands)
        };
        Self { document: document.to_owned(), parameter: PARAMETER.to_owned(), is_native: false, kind }
    }

    fn by(name: &str, document: Option<Document>, platform: Option<Platform>) -> Result<Self, Failure> {
        let Some(document) = document else {
            return Ok(Self {
                document: name.to_owned(),
                parameter: PARAMETER.to_owned(),
                is_native: name != AMAZONS && name != AMAZONS_OLDER,
                kind: Kind::NonInteractiveCommands,
            });
        };
        let refuse = |why: String| {
            let next = "`ssmtui exec --print-document` shows one that does; `ssmtui run` runs any other";
            Err(Failure::told(format!("{name} cannot run commands of yours"), why, next))
        };
        if !matches!(document.kind, Kind::NonInteractiveCommands | Kind::InteractiveCommands) {
            return refuse(format!("it makes sessions of the kind {}", document.kind.word()));
        }
        let commands = document.property(platform, "commands").unwrap_or_default();
        let Some(parameter) = placeholder(&commands) else {
            return refuse(format!("its command is not a parameter alone: {commands}"));
        };
        Ok(Self {
            document: name.to_owned(),
            parameter,
            is_native: document.separates_output(platform),
            kind: document.kind,
        })
    }

    fn feature(&self) -> Feature {
        match self.kind {
            document::Kind::InteractiveCommands => Feature::InteractiveCommand,
            _ => Feature::NonInteractiveCommand,
        }
    }
}

/// The name in `{{ name }}`, if there is nothing else.
fn placeholder(commands: &str) -> Option<String> {
    let name = commands.trim().strip_prefix("{{")?.strip_suffix("}}")?.trim();
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    (!name.is_empty() && name.chars().all(plain)).then(|| name.to_owned())
}

/// A pipe or a file waits on standard input; /dev/null and terminals are what everybody has.
fn has_input() -> bool {
    if io::stdin().is_terminal() {
        return false;
    }
    let kind = std::fs::metadata("/dev/stdin").map(|input| input.file_type());
    kind.is_ok_and(|kind| kind.is_fifo() || kind.is_file())
}

/// A document that brings streams and code apart, live; for `aws ssm create-document --document-type Session`.
const OWN_DOCUMENT: &str = r#"{
  "schemaVersion": "1.0",
  "description": "One command; standard output, standard error and the exit code come back apart, while it runs",
  "sessionType": "NonInteractiveCommands",
  "parameters": {
    "command": { "type": "String", "description": "The command and its arguments, quoted as for a shell" }
  },
  "properties": {
    "linux": { "commands": "{{ command }}", "separateOutputStream": true },
    "macos": { "commands": "{{ command }}", "separateOutputStream": true },
    "windows": { "commands": "{{ command }}", "separateOutputStream": true }
  }
}
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_that_we_print_is_one_that_we_take() {
        let document = Document::parse("Exec", OWN_DOCUMENT).unwrap();
        let way = Way::by("Exec", Some(document), Some(Platform::Windows)).ok().unwrap();
        assert!(way.is_native);
        assert_eq!((way.parameter.as_str(), way.feature()), ("command", Feature::NonInteractiveCommand));
    }

    #[test]
    fn a_document_whose_command_is_fixed_is_refused() {
        let fixed = r#"{"schemaVersion":"1.0","sessionType":"InteractiveCommands","properties":{"linux":{"commands":"tail -f {{ log }}"}}}"#;
        let refused = Way::by("Tail", Document::parse("Tail", fixed).ok(), None).unwrap_err().to_string();
        assert!(refused.contains("tail -f {{ log }}") && refused.contains("ssmtui run"), "{refused}");
        let port = r#"{"schemaVersion":"1.0","sessionType":"Port"}"#;
        assert!(Way::by("P", Document::parse("P", port).ok(), None).is_err());
    }

    #[test]
    fn an_agent_too_old_for_the_one_document_gets_the_other() {
        let old = Way::amazons("3.0.1000.0".parse().ok(), Some(Platform::Linux));
        assert_eq!((old.document.as_str(), old.feature()), (AMAZONS_OLDER, Feature::InteractiveCommand));
        assert_eq!(Way::amazons(None, None).document, AMAZONS);
        assert_eq!(Way::amazons("3.3.1142.0".parse().ok(), None).document, AMAZONS);
    }

    #[test]
    fn a_lone_placeholder_names_the_parameter() {
        assert_eq!(placeholder(" {{ cmd }} ").as_deref(), Some("cmd"));
        assert_eq!(placeholder("{{cmd}}").as_deref(), Some("cmd"));
        for other in ["ls {{ cmd }}", "{{ a }} {{ b }}", "{{ ssm:x }}", "ls", ""] {
            assert_eq!(placeholder(other), None, "{other}");
        }
    }
}
