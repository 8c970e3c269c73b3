//! In the official client's place: run or linked under the name `session-manager-plugin`, this program takes its arguments,
//! prints what it prints, and exits with 0 whatever happens, since the AWS CLI takes any other code for a crash.
//!
//! ```text
//!  arguments ─ call ─► session::open ─► what the handshake says ─► shell    keys and output of a terminal
//!                          │                                   ─► port     local connections, or one stream for ssh
//!                       service  ResumeSession at argument 6, signing, data keys
//! ```
//!
//! Standard output holds the official client's words and nothing else; ours (a lost connection, say) go to standard error.

mod call;
mod ending;
mod port;
mod service;
mod shell;
mod signals;

use std::{
    ffi::OsStr,
    io::{self, Write},
    path::Path,
    process::ExitCode,
    sync::Arc,
};

use tokio::sync::mpsc;

use self::{
    call::{Call, Start},
    port::Port,
    service::{PluginService, Signing},
    shell::Keys,
    signals::{Asked, Signals},
};
use super::connect::tty;
use crate::{
    aws::{Client, Scope, address, is_presigned},
    session::{self, Commands, End, Event, Service, SessionId, SessionType, channel::CLIENT_VERSION},
};

/// The name that makes this program a plugin.
const NAME: &str = "session-manager-plugin";
const PRESENT: &str =
    "\nThe Session Manager plugin was installed successfully. Use the AWS CLI to start a session.\n\n";

/// Whether the program was called as the plugin.
pub(super) fn is_called(program: Option<&OsStr>) -> bool {
    program.and_then(|program| Path::new(program).file_stem()).is_some_and(|stem| stem == NAME)
}

/// Does what the arguments behind the program's name say.
pub(super) fn run(arguments: impl Iterator<Item = std::ffi::OsString>) -> ExitCode {
    let arguments: Vec<String> = arguments.map(|text| text.to_string_lossy().into_owned()).collect();
    match Call::read(&arguments, |name| std::env::var(name).ok()) {
        Call::Presence => show(PRESENT),
        Call::Version => show(&format!("{CLIENT_VERSION}\n")),
        Call::Unknown(word) => {
            show(&format!("\nUnknown operation {word}. \nUse {NAME} --version to check the version.\n\n"))
        }
        Call::WrongOperation => show("Invalid Operation"),
        Call::BadResponse(why) => show(&format!("Cannot perform start session: {why}\n")),
        Call::Start(start) => {
            match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
                Ok(runtime) => {
                    runtime.block_on(carry(*start));
                    // What still waits for a network or a key has nobody to tell.
                    runtime.shutdown_background();
                }
                Err(error) => show(&format!("Cannot perform start session: {error}\n")),
            }
        }
    }
    ExitCode::SUCCESS
}

/// A session on its way, and what can happen to it from outside.
struct Carried {
    id: SessionId,
    commands: Commands,
    events: mpsc::Receiver<Event>,
    signals: Signals,
}

async fn carry(start: Start) {
    // Signals first: from here on nothing may end this process without ending the session. The AWS CLI has us begin
    // with those of the keyboard ignored.
    let signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => return show(&format!("Cannot perform start session: {error}\n")),
    };
    let id = start.ticket.session_id.clone();
    show(&format!("\nStarting session with SessionId: {id}\n"));
    let (mut carried, service) = match open(start, signals).await {
        Ok(opened) => opened,
        Err(why) => return show(&format!("Cannot perform start session: {why}\n")),
    };
    // The kind is known by the handshake, or by output without one.
    let end = loop {
        let event = tokio::select! {
            event = carried.events.recv() => event,
            asked = carried.signals.next() => match asked {
                Asked::Resize => {
                    carried.commands.resize(tty::size());
                    continue;
                }
                Asked::Continue => continue,
                Asked::Key(_) | Asked::End => {
                    carried.commands.end();
                    continue;
                }
            },
        };
        match event {
            Some(Event::Handshaken { agent_version, session_type }) => match session_type {
                SessionType::Shell | SessionType::InteractiveCommands => {
                    return shell::run(carried, Keys::Typed, None).await;
                }
                SessionType::NonInteractiveCommands => {
                    return shell::run(carried, Keys::SignalsOnly, None).await;
                }
                SessionType::Port(properties) => {
                    return Port { carried, service, agent_version, properties }.run().await;
                }
            },
            Some(event @ (Event::Ready | Event::Output(_))) => {
                return shell::run(carried, Keys::Typed, Some(event)).await;
            }
            Some(Event::Ended(end)) => break end,
            Some(event) => tell(&event),
            None => break End::Lost("the session's task has gone".to_owned()),
        }
    };
    show(&ending::words(&id, &end, false));
}

async fn open(start: Start, signals: Signals) -> Result<(Carried, Arc<dyn Service>), String> {
    let skip = std::env::var("SSM_PLUGIN_SKIP_CLIENT_CONFIGURE").is_ok_and(|value| value == "true");
    let scope = Scope { profile: start.profile, region: start.region };
    let client = Client::connect_at(&scope, start.endpoint.as_deref()).await;
    let client = client.map_err(|error| format!("{error}: {}", error.why))?;
    let service: Arc<dyn Service> = Arc::new(PluginService {
        client,
        signing: if skip { Signing::Off } else { Signing::Own },
        presigned: is_presigned(&start.ticket.stream_url),
        caller: start.caller_endpoint.as_deref().and_then(address),
        old_caller: start.old_caller,
    });
    let id = start.ticket.session_id.clone();
    let options = session::Options { size: tty::size(), target: start.target.unwrap_or_default() };
    let (commands, events) = session::open(start.ticket, service.clone(), options);
    Ok((Carried { id, commands, events, signals }, service))
}

/// To standard output; whoever does not read it does not want to know.
fn show(text: &str) {
    let mut output = io::stdout().lock();
    let _ = output.write_all(text.as_bytes()).and_then(|()| output.flush());
}

/// A line on standard error.
fn tell(event: &Event) {
    if let Some(words) = words(event) {
        eprintln!("{NAME}: {words}");
    }
}

/// Events that a user wants to hear of; the official client is silent about all of them.
fn words(event: &Event) -> Option<String> {
    match event {
        Event::Notice(words) => Some(words.trim().to_owned()).filter(|words| !words.is_empty()),
        Event::Reconnecting { attempt: 1, cause } => Some(format!("connection lost ({cause}); reconnecting")),
        Event::Reconnecting { attempt, cause } => {
            Some(format!("still reconnecting, attempt {attempt} ({cause})"))
        }
        Event::Resumed { away } => Some(format!("resumed after {} s", away.as_secs())),
        Event::Silent { .. } => Some("no answer from the far side".to_owned()),
        Event::Answering => Some("the far side answers again".to_owned()),
        Event::Paused => Some("paused by the agent; what you type is kept".to_owned()),
        Event::Unpaused => Some("the agent goes on".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_makes_the_plugin() {
        let called = |name: &str| is_called(Some(OsStr::new(name)));
        assert!(called("session-manager-plugin") && called("/usr/local/bin/session-manager-plugin"));
        assert!(called("session-manager-plugin.exe"));
        assert!(!called("ssmtui") && !called("/opt/session-manager-plugin/ssmtui") && !is_called(None));
    }
}
