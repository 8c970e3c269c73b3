//! `ssmtui run DOCUMENT TARGET k=v…`: a session by any document, its parameters checked before anything is started; and
//! what documents there are.

use std::{collections::BTreeMap, process::ExitCode};

use serde::Serialize;
use tokio::sync::mpsc;

use super::{
    Failure,
    args::Run,
    clean, connect, exec,
    history::Memory,
    print,
    target::{self, Found},
};
use crate::{
    aws::{self, Client, Connector, StartRequest},
    config::Config,
    fleet::{Document, DocumentSummary, Feature, Parameter, document::Kind, history},
};

pub(super) async fn run(
    connector: &Connector,
    config: &Config,
    arguments: &Run,
) -> Result<ExitCode, Failure> {
    let client = connector.connect().await?;
    if arguments.list {
        return list(&client, arguments).await;
    }
    let name = arguments.document.as_deref().unwrap_or_default();
    if arguments.describe {
        let document = client.document(name).await?;
        let text = if arguments.json { json(&described(&document)) } else { sheet(&document) };
        print(text.as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    let values = values(&arguments.parameters)?;
    let (document, found) = futures_util::future::join(
        client.document(name),
        target::find_known(&client, arguments.target.as_deref().unwrap_or_default()),
    )
    .await;
    let mut found = found?;
    let memory = Memory::of(config, &client, &found, history::Kind::Command);
    let document = match document {
        Ok(document) => Some(document),
        // Who may start it need not be allowed to read it: AWS and the agent check what we cannot.
        Err(error) if error.kind == aws::Kind::Denied => {
            eprintln!(
                "ssmtui: {name} may not be read, so its parameters are not checked here: {}",
                error.why
            );
            None
        }
        Err(error) => return Err(error.into()),
    };
    let mut request = StartRequest::by(name, &found.target);
    request.reason.clone_from(&arguments.reason);
    let Some(document) = document else {
        request.parameters = values.into_iter().map(|(name, value)| (name, vec![value])).collect();
        return connect::on_terminal(&client, found, &request, memory).await;
    };
    check(&document, &values, &found)?;
    let parameter = |name: &str| document.parameter(name).cloned().unwrap_or_else(|| Parameter::text(name));
    request.parameters =
        values.iter().map(|(name, value)| (name.clone(), parameter(name).values(value))).collect();
    match document.kind {
        Kind::Port => Err(Failure::told(
            format!("{name} opens a port, not a command"),
            "there is nothing to show on a terminal",
            "`ssmtui forward` and `ssmtui ssh` use such documents",
        )),
        Kind::NonInteractiveCommands => {
            let form = if document.separates_output(found.platform()) {
                exec::Form::Native
            } else {
                exec::Form::Codeless
            };
            exec::stream(&client, &mut found, &request, form, memory).await
        }
        _ => connect::on_terminal(&client, found, &request, memory).await,
    }
}

/// `NAME=VALUE`, each name once.
fn values(words: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    let mut values = BTreeMap::new();
    for word in words {
        let Some((name, value)) = word.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            return Err(Failure::told(
                format!("`{word}` is no parameter"),
                "parameters are written NAME=VALUE",
                "`ssmtui run --describe DOCUMENT` lists them",
            ));
        };
        if values.insert(name.to_owned(), value.to_owned()).is_some() {
            return Err(Failure::told(
                format!("`{name}` is given twice"),
                "each parameter has one value",
                "",
            ));
        }
    }
    Ok(values)
}

/// Refuses before the start what the agent would refuse after it.
fn check(document: &Document, values: &BTreeMap<String, String>, found: &Found) -> Result<(), Failure> {
    let name = &document.name;
    if let Err(wrong) = document.check(values) {
        let next = format!("`ssmtui run --describe {name}` tells what it takes");
        return Err(Failure::told(format!("{name} does not take these parameters"), wrong.join("; "), next));
    }
    if let Some(platform) = found.platform()
        && !document.platforms.is_empty()
        && !document.platforms.contains(&platform)
    {
        let runs: Vec<_> = document.platforms.iter().map(|platform| platform.word()).collect();
        return Err(Failure::told(
            format!("{name} does not run on {}", found.label()),
            format!("it is for {}, and that is {}", runs.join(", "), platform.word()),
            "",
        ));
    }
    let feature = match document.kind {
        Kind::InteractiveCommands => Feature::InteractiveCommand,
        Kind::NonInteractiveCommands => Feature::NonInteractiveCommand,
        Kind::Port => Feature::PortForwarding,
        Kind::Shell | Kind::Other(_) => Feature::SessionManager,
    };
    found.require(&format!("run {name} on"), feature)
}

async fn list(client: &Client, arguments: &Run) -> Result<ExitCode, Failure> {
    let (sender, mut pages) = mpsc::channel(4);
    let collect = async {
        let mut all = Vec::new();
        while let Some(page) = pages.recv().await {
            all.extend(page);
        }
        all
    };
    let (result, mut all) = futures_util::future::join(client.documents(sender), collect).await;
    result?;
    // With --list the first word is what the names must hold.
    if let Some(part) = &arguments.document {
        let part = part.to_lowercase();
        all.retain(|document| document.name.to_lowercase().contains(&part));
    }
    all.sort_by(|a, b| (a.is_amazons(), &a.name).cmp(&(b.is_amazons(), &b.name)));
    let text = if arguments.json { json(&all.iter().map(listed).collect::<Vec<_>>()) } else { table(&all) };
    print(text.as_bytes())?;
    if all.is_empty() && !arguments.json {
        eprintln!("ssmtui: there is no such session document");
    }
    Ok(ExitCode::SUCCESS)
}

fn table(all: &[DocumentSummary]) -> String {
    let width = |text: &str| unicode_width::UnicodeWidthStr::width(text);
    let widest = all.iter().map(|document| width(&document.name)).max().unwrap_or(0);
    let owners = all.iter().map(|document| width(&document.owner)).max().unwrap_or(0);
    let mut text = String::new();
    for document in all {
        let platforms: Vec<_> = document.platforms.iter().map(|platform| platform.word()).collect();
        let (name, owner) = (clean(&document.name), clean(&document.owner));
        let (pad, gap) = (widest - width(&document.name), owners - width(&document.owner));
        let line = format!("{name}{:pad$}  {owner}{:gap$}  {}", "", "", platforms.join(", "));
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A document as its user needs it.
fn sheet(document: &Document) -> String {
    let mut text = format!("{}  ({})\n", clean(&document.name), clean(document.kind.word()));
    if !document.description.is_empty() {
        text.push_str(&format!("{}\n", clean(&document.description)));
    }
    for parameter in &document.parameters {
        let need = match &parameter.default {
            None => "needed".to_owned(),
            Some(default) if default.is_empty() => "may be left out".to_owned(),
            Some(default) => format!("default {default}"),
        };
        text.push_str(&format!("\n  {}  ({})\n", clean(&parameter.name), clean(&need)));
        if !parameter.description.is_empty() {
            text.push_str(&format!("    {}\n", clean(&parameter.description)));
        }
        for rule in rules(parameter) {
            text.push_str(&format!("    {}\n", clean(&rule)));
        }
    }
    text
}

fn rules(parameter: &Parameter) -> Vec<String> {
    let mut rules = Vec::new();
    if !parameter.allowed_values.is_empty() {
        rules.push(format!("one of: {}", parameter.allowed_values.join(", ")));
    }
    if let Some(pattern) = &parameter.allowed_pattern {
        rules.push(format!("must match {pattern}"));
    }
    match (parameter.min_chars, parameter.max_chars) {
        (Some(fewest), Some(most)) => rules.push(format!("{fewest} to {most} characters")),
        (Some(fewest), None) => rules.push(format!("at least {fewest} characters")),
        (None, Some(most)) => rules.push(format!("at most {most} characters")),
        (None, None) => {}
    }
    rules
}

/// One line of `--list --json`. Members are added, never renamed or removed.
#[derive(Debug, Serialize)]
struct Listed<'a> {
    name: &'a str,
    owner: &'a str,
    platforms: Vec<&'static str>,
}

fn listed(document: &DocumentSummary) -> Listed<'_> {
    Listed {
        name: &document.name,
        owner: &document.owner,
        platforms: document.platforms.iter().map(|platform| platform.word()).collect(),
    }
}

/// `--describe --json`.
#[derive(Debug, Serialize)]
struct Described<'a> {
    name: &'a str,
    kind: &'a str,
    description: &'a str,
    platforms: Vec<&'static str>,
    parameters: Vec<DescribedParameter<'a>>,
}

#[derive(Debug, Serialize)]
struct DescribedParameter<'a> {
    name: &'a str,
    description: &'a str,
    required: bool,
    default: Option<&'a str>,
    allowed_values: &'a [String],
    allowed_pattern: Option<&'a str>,
    min_chars: Option<usize>,
    max_chars: Option<usize>,
}

fn described(document: &Document) -> Described<'_> {
    Described {
        name: &document.name,
        kind: document.kind.word(),
        description: &document.description,
        platforms: document.platforms.iter().map(|platform| platform.word()).collect(),
        parameters: document
            .parameters
            .iter()
            .map(|parameter| DescribedParameter {
                name: &parameter.name,
                description: &parameter.description,
                required: parameter.is_required(),
                default: parameter.default.as_deref(),
                allowed_values: &parameter.allowed_values,
                allowed_pattern: parameter.allowed_pattern.as_deref(),
                min_chars: parameter.min_chars,
                max_chars: parameter.max_chars,
            })
            .collect(),
    }
}

fn json(value: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(value).expect("plain data has a JSON form");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_pairs_each_once() {
        let read = |words: &[&str]| values(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert_eq!(
            read(&["a=1", "b=x=y", "c="]).ok().unwrap().into_values().collect::<Vec<_>>(),
            ["1", "x=y", ""]
        );
        assert!(read(&["a"]).unwrap_err().to_string().contains("NAME=VALUE"));
        assert!(read(&["=1"]).is_err());
        assert!(read(&["a=1", "a=2"]).unwrap_err().to_string().contains("twice"));
    }

    #[test]
    fn a_document_is_told_whole() {
        let content = r#"{"schemaVersion":"1.0","description":"Follows a log","sessionType":"InteractiveCommands","parameters":{
            "log":{"type":"String","description":"Which","allowedPattern":"^[a-z]+$","maxChars":20},
            "lines":{"type":"String","default":"10","allowedValues":["10","100"]}},
            "properties":{"linux":{"commands":"tail {{log}} {{lines}}"}}}"#;
        let document = Document::parse("Tail", content).unwrap();
        insta::assert_snapshot!(sheet(&document), @r"
        Tail  (interactive command)
        Follows a log

          log  (needed)
            Which
            must match ^[a-z]+$
            at most 20 characters

          lines  (default 10)
            one of: 10, 100
        ");
    }
}
