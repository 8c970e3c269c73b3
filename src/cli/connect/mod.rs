//! `ssmtui connect`: one session in the user's own terminal. Session bytes alone go to standard output; all words go to
//! standard error.
//!
//! ```text
//!  stdin ─ thread ─► escape ─► waiting input ─► session      ~. ─► end the session, whatever the network does
//!  stdout ◄─ thread ◄─ one piece of output at a time ◄─ session      (a stopped terminal slows the session, not us)
//! ```
//!
//! A word of ours waits while a full-screen program has the terminal, and is said when it is gone.

pub(super) mod escape;
mod screen;
pub(super) mod tty;

use std::{
    collections::VecDeque,
    io::{self, IsTerminal},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until, timeout},
};

use self::{
    escape::{Escape, Step},
    screen::Screen,
    tty::{Raw, Typed},
};
use super::{
    Failure,
    args::Connect,
    history::Memory,
    signal::{Asked, Signals},
    target::{self, Found},
};
use crate::{
    aws::{Client, Connector, StartRequest},
    config::Config,
    fleet::{Platform, history::Kind},
    session::{self, Commands, End, Event},
};

/// How long the service and the terminal get to finish after the end was asked for.
pub(super) const FAREWELL: Duration = Duration::from_secs(3);
/// Input from a pipe that may wait here; a terminal is always read, so that `~.` is always seen.
const PIPE_WAITING: usize = 256 * 1024;
/// Words that wait for a full-screen program to end; older ones go.
const HELD_WORDS: usize = 8;
const END_OF_TRANSMISSION: &[u8] = b"\x04";
const HELP: &str = "after a new line:  ~.  end the session   ~?  this list   ~~  send one ~";

pub(super) async fn run(
    connector: &Connector,
    config: &Config,
    connect: &Connect,
) -> Result<ExitCode, Failure> {
    let client = connector.connect().await?;
    let found = target::find(&client, &connect.target).await?;
    let request = StartRequest { reason: connect.reason.clone(), ..StartRequest::shell(&found.target) };
    let memory = Memory::of(config, &client, &found, Kind::Shell);
    on_terminal(&client, found, &request, memory).await
}

/// Starts the session and gives it this terminal until one of them ends.
pub(super) async fn on_terminal(
    client: &Client,
    mut found: Found,
    request: &StartRequest,
    memory: Option<Memory>,
) -> Result<ExitCode, Failure> {
    let ticket = match client.start(request).await {
        Ok(ticket) => ticket,
        Err(error) => return Err(target::explain(client, &mut found, error).await),
    };
    memory.into_iter().for_each(Memory::keep);
    eprintln!(
        "ssmtui: session {} on {}; ~? after a new line lists what you can do",
        ticket.session_id,
        found.label()
    );
    let options = session::Options { size: tty::size(), target: found.target.clone() };
    let service = Arc::new(client.clone());
    // Signals first: from here on nothing may end this process without ending the session.
    let signals = Signals::new()?;
    let (commands, events) = session::open(ticket, service, options);
    let raw = match Raw::enter() {
        Ok(raw) => raw,
        Err(error) => {
            commands.end();
            return Err(Failure::told("cannot use this terminal", error.to_string(), ""));
        }
    };
    let session = Session {
        at_eof: if found.platform() == Some(Platform::Windows) { b"exit\r" } else { END_OF_TRANSMISSION },
        commands,
        events,
        signals,
        raw,
        has_run: false,
        screen: Screen::new(),
        held: VecDeque::new(),
        exit_code: None,
        told: None,
    };
    session.run().await
}

struct Session {
    commands: Commands,
    events: mpsc::Receiver<Event>,
    signals: Signals,
    raw: Raw,
    /// What ends a shell whose input has ended.
    at_eof: &'static [u8],
    /// The far side has shown something.
    has_run: bool,
    /// What it did to the terminal.
    screen: Screen,
    /// Words that wait for a full-screen program to end.
    held: VecDeque<String>,
    /// The command's own, where it says it.
    exit_code: Option<i32>,
    /// The last sentence about the session.
    told: Option<String>,
}

/// How the loop ended.
enum Outcome {
    Ended(End),
    /// By `~.`.
    Left,
    Signal(u8),
    Input(io::Error),
    Output(io::Error),
}

impl Session {
    async fn run(mut self) -> Result<ExitCode, Failure> {
        let (output, mut failure) = tty::write();
        let mut outcome = self.relay(&output, &mut failure).await;
        if !matches!(outcome, Outcome::Ended(_)) {
            self.commands.end();
            if let Some(end) = self.farewell().await
                && matches!(outcome, Outcome::Left)
            {
                outcome = Outcome::Ended(end);
            }
        }
        drop(output);
        // All written, or the terminal does not take it.
        let _ = timeout(FAREWELL, failure.recv()).await;
        // Our last words begin a line of their own, wherever the session left the cursor.
        if self.has_run && !self.screen.is_at_line_start() && io::stdout().is_terminal() {
            eprint!("\r\n");
        }
        self.say_held(true);
        drop(self.raw);
        conclude(outcome, self.has_run, self.exit_code, self.told.as_deref())
    }

    /// Until the session ends or somebody ends it.
    async fn relay(
        &mut self,
        output: &mpsc::Sender<Bytes>,
        failure: &mut mpsc::Receiver<io::Error>,
    ) -> Outcome {
        let mut typed = tty::read();
        let mut escape = Escape::new();
        let mut input: VecDeque<Bytes> = VecDeque::new();
        let mut waiting = 0;
        let mut shown: Option<Bytes> = None;
        let mut reading = true;
        let terminal = self.raw.is_active();
        loop {
            tokio::select! {
                chunk = typed.recv(), if reading && (terminal || waiting < PIPE_WAITING) => {
                    let bytes = match chunk {
                        Some(Typed::Bytes(bytes)) => bytes,
                        Some(Typed::Lost(error)) => return Outcome::Input(error),
                        Some(Typed::End) | None if terminal => {
                            return Outcome::Input(io::Error::new(io::ErrorKind::UnexpectedEof, "the terminal was closed"));
                        }
                        Some(Typed::End) | None => {
                            reading = false;
                            Bytes::from_static(self.at_eof)
                        }
                    };
                    let steps = if terminal { escape.feed(&bytes) } else { vec![Step::Send(bytes)] };
                    for step in steps {
                        match step {
                            Step::Send(bytes) => {
                                waiting += bytes.len();
                                input.push_back(bytes);
                            }
                            Step::Help => self.say(HELP),
                            Step::End => return Outcome::Left,
                        }
                    }
                }
                () = async { self.commands.input(input.front().cloned().unwrap_or_default()).await }, if !input.is_empty() => {
                    waiting -= input.pop_front().map_or(0, |bytes| bytes.len());
                }
                event = self.events.recv(), if shown.is_none() => match event {
                    // A terminal knows one stream only.
                    Some(Event::Output(bytes) | Event::ErrorOutput(bytes)) => {
                        self.has_run = true;
                        self.screen.feed(&bytes);
                        shown = Some(bytes);
                    }
                    Some(Event::ExitCode(code)) => self.exit_code = Some(code),
                    Some(Event::Ended(end)) => return Outcome::Ended(end),
                    Some(event) => if let Some(words) = words(&event) {
                        self.say(&words);
                        self.told = Some(words);
                    },
                    None => return Outcome::Ended(End::Lost("the session's task has gone".to_owned())),
                },
                permit = output.reserve(), if shown.is_some() => {
                    if let (Ok(permit), Some(bytes)) = (permit, shown.take()) {
                        permit.send(bytes);
                        self.say_held(false);
                    }
                }
                Some(error) = failure.recv() => return Outcome::Output(error),
                asked = self.signals.next() => match asked {
                    Asked::Resize => self.commands.resize(tty::size()),
                    Asked::Continue => {
                        self.raw.again();
                        self.commands.resize(tty::size());
                    }
                    Asked::End(number) => return Outcome::Signal(number),
                },
            }
        }
    }

    /// Waits for the session to end on the service, too; nobody reads its output any more.
    async fn farewell(&mut self) -> Option<End> {
        let deadline = Instant::now() + FAREWELL;
        loop {
            tokio::select! {
                event = self.events.recv() => match event {
                    Some(Event::Ended(end)) => return Some(end),
                    // That the service was not told to end the session, say.
                    Some(event @ Event::Notice(_)) => if let Some(words) = words(&event) { self.say(&words) },
                    Some(_) => {}
                    None => return None,
                },
                () = sleep_until(deadline) => return None,
            }
        }
    }

    /// A line of ours in the middle of the session's, or for later.
    fn say(&mut self, words: &str) {
        if self.screen.is_alternate() && self.raw.is_active() {
            self.held.push_back(words.to_owned());
            if self.held.len() > HELD_WORDS {
                self.held.pop_front();
            }
            return;
        }
        let start = if self.screen.is_at_line_start() { "" } else { "\r\n" };
        let (start, end) = if self.raw.is_active() { (start, "\r\n") } else { ("", "\n") };
        eprint!("{start}ssmtui: {words}{end}");
    }

    /// The full-screen program is gone, or the session is.
    fn say_held(&mut self, over: bool) {
        if self.held.is_empty() || self.screen.is_alternate() && !over {
            return;
        }
        let end = if self.raw.is_active() { "\r\n" } else { "\n" };
        for words in self.held.drain(..) {
            eprint!("{end}ssmtui: {words}");
        }
        eprint!("{end}");
    }
}

/// Events that a user wants to hear of.
pub(super) fn words(event: &Event) -> Option<String> {
    match event {
        Event::Notice(words) => Some(words.trim().to_owned()).filter(|words| !words.is_empty()),
        Event::Reconnecting { attempt: 1, cause } => Some(format!(
            "connection lost ({cause}); reconnecting, what you type is kept (~. ends the session)"
        )),
        Event::Reconnecting { attempt, cause } => {
            Some(format!("still reconnecting, attempt {attempt} ({cause})"))
        }
        Event::Resumed { away } => Some(format!("resumed after {} s", away.as_secs())),
        Event::Silent { .. } => {
            Some("no answer from the far side (~. after a new line ends the session)".to_owned())
        }
        Event::Answering => Some("the far side answers again".to_owned()),
        Event::Paused => Some("paused by the agent; what you type is kept".to_owned()),
        Event::Unpaused => Some("the agent goes on".to_owned()),
        Event::SocketOpen
        | Event::Handshaken { .. }
        | Event::Ready
        | Event::Output(_)
        | Event::ErrorOutput(_)
        | Event::ExitCode(_)
        | Event::Flag(_)
        | Event::RoundTrip(_)
        | Event::Ended(_) => None,
    }
}

/// The last words, and the code: the command's own where it says it; else 0 when the session ended by itself or was left,
/// 1 when it was refused, lost or broken.
fn conclude(
    outcome: Outcome,
    has_run: bool,
    exit_code: Option<i32>,
    told: Option<&str>,
) -> Result<ExitCode, Failure> {
    match outcome {
        Outcome::Ended(end) => {
            eprintln!("ssmtui: {}", last_words(&end, told));
            Ok(code(&end, has_run, exit_code))
        }
        Outcome::Left => {
            eprintln!("ssmtui: left; the service did not confirm the end in time, its idle timeout will");
            Ok(ExitCode::SUCCESS)
        }
        Outcome::Signal(number) => {
            eprintln!("ssmtui: session ended by a signal");
            Ok(ExitCode::from(128 + number))
        }
        Outcome::Input(error) => Err(Failure::told(
            "the terminal is gone, so the session was ended",
            format!("reading it failed: {error}"),
            "",
        )),
        Outcome::Output(error) => Err(Failure::output(&error)),
    }
}

/// Why it is over, and what to do where that is not plain. `told` is what was said of the session last: the far side's
/// echo of our own words adds nothing.
pub(super) fn last_words(end: &End, told: Option<&str>) -> String {
    match end {
        End::Closed { output } if told.is_some_and(|told| output.contains(told)) => {
            "session ended".to_owned()
        }
        End::TimedOut => format!(
            "{end}; the session preferences set how long it may be idle and how old, start a new one to go on"
        ),
        // protocol.md 7.5: so the agent's master reports that its worker crashed.
        End::Closed { output } if is_crash(output) => {
            format!("the agent's session worker crashed: {}", output.trim())
        }
        end => end.to_string(),
    }
}

/// The words of an agent whose worker died.
pub(super) fn is_crash(output: &str) -> bool {
    output.contains("document process failed unexpectedly")
}

fn code(end: &End, has_run: bool, exit_code: Option<i32>) -> ExitCode {
    if let (End::Closed { .. } | End::Terminated, Some(code)) = (end, exit_code) {
        return ExitCode::from(own_code(code));
    }
    match end {
        // A session that ended with words before it showed anything could not be started.
        End::Closed { output } if output.contains("----------ERROR-------") || is_crash(output) => {
            ExitCode::FAILURE
        }
        End::Closed { output } if !has_run && !output.trim().is_empty() => ExitCode::FAILURE,
        End::Closed { .. } | End::Terminated => ExitCode::SUCCESS,
        End::TimedOut | End::Refused(_) | End::Lost(_) | End::Protocol(_) => ExitCode::FAILURE,
    }
}

/// A remote exit code as ours: those that do not fit (a signal's -1, what Windows has) are at least not 0.
pub(super) fn own_code(code: i32) -> u8 {
    u8::try_from(code).unwrap_or(match code.to_le_bytes()[0] {
        0 => 1,
        low => low,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_c03_a_lost_terminal_ends_the_session_with_words() {
        let lost = Outcome::Input(io::Error::from_raw_os_error(5));
        let words = conclude(lost, true, None, None).unwrap_err().to_string();
        assert!(words.contains("the terminal is gone, so the session was ended"), "{words}");
        assert!(words.contains("Input/output error"), "{words}");
    }

    #[test]
    fn only_a_good_end_is_a_success() {
        let success =
            |end: End| format!("{:?}", code(&end, true, None)) == format!("{:?}", ExitCode::SUCCESS);
        let closed = |output: &str| End::Closed { output: output.to_owned() };
        assert!(success(closed("")));
        assert!(success(End::Terminated));
        assert!(!success(closed("\n----------ERROR-------\nRunAs user x does not exist")));
        assert!(!success(closed(
            "document process failed unexpectedly: ipc messaging received timeout signal"
        )));
        assert!(
            !success(End::TimedOut) && !success(End::Lost("x".into())) && !success(End::Refused("x".into()))
        );
    }

    #[test]
    fn what_was_told_already_is_not_told_twice() {
        let end = End::Closed { output: "handshake failed: there is no such key".into() };
        assert_eq!(last_words(&end, Some("there is no such key")), "session ended");
        assert_eq!(last_words(&end, None), "session ended: handshake failed: there is no such key");
    }

    #[test]
    fn peers_c29_the_commands_own_code_is_ours() {
        let closed = || End::Closed { output: String::new() };
        let code = |code| format!("{:?}", super::code(&closed(), true, Some(code)));
        assert_eq!(code(0), format!("{:?}", ExitCode::SUCCESS));
        assert_eq!(code(7), format!("{:?}", ExitCode::from(7)));
        assert_eq!((own_code(-1), own_code(256), own_code(0x1_0003), own_code(255)), (255, 1, 3, 255));
        let lost = super::code(&End::Lost("x".into()), true, Some(0));
        assert_eq!(format!("{lost:?}"), format!("{:?}", ExitCode::FAILURE), "nobody knows what came after");
    }
}
