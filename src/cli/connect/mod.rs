//! `ssmtui connect`: one session in the user's own terminal. Session bytes alone go to standard output; all words go to
//! standard error.
//!
//! ```text
//!  stdin ─ thread ─► escape ─► waiting input ─► session      ~. ─► end the session, whatever the network does
//!  stdout ◄─ thread ◄─ one piece of output at a time ◄─ session      (a stopped terminal slows the session, not us)
//! ```

pub(super) mod escape;
pub(super) mod tty;

use std::{
    collections::VecDeque,
    io::{self, IsTerminal},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use jiff::Timestamp;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
    time::{Instant, sleep_until, timeout},
};

use self::{
    escape::{Escape, Step},
    tty::{Raw, Typed},
};
use super::{Failure, args::Connect, inventory};
use crate::{
    aws::{Client, Connector, Error, Kind},
    fleet::{self, Fleet, Instance, InstanceId, Platform, Target, reach},
    session::{self, Commands, End, Event},
};

/// How long the service and the terminal get to finish after the end was asked for.
const FAREWELL: Duration = Duration::from_secs(3);
/// Input from a pipe that may wait here; a terminal is always read, so that `~.` is always seen.
const PIPE_WAITING: usize = 256 * 1024;
/// SIGCONT, which tokio has no name for.
const CONTINUED: i32 = if cfg!(target_os = "linux") { 18 } else { 19 };
const END_OF_TRANSMISSION: &[u8] = b"\x04";
const HELP: &str = "after a new line:  ~.  end the session   ~?  this list   ~~  send one ~";

pub(super) async fn run(connector: &Connector, connect: &Connect) -> Result<ExitCode, Failure> {
    let client = connector.connect().await?;
    let mut found = find(&client, &connect.target).await?;
    let ticket = match client.start_session_for(&found.target, connect.reason.as_deref()).await {
        Ok(ticket) => ticket,
        Err(mut error) => {
            error.what = error.what.replacen(&found.target, &found.label(), 1);
            return Err(explain(&client, &mut found, error).await);
        }
    };
    eprintln!(
        "ssmtui: session {} on {}; ~? after a new line lists what you can do",
        ticket.session_id,
        found.label()
    );
    let options = session::Options { size: tty::size(), target: found.target.clone() };
    let service = Arc::new(client.clone());
    // Signals first: from here on nothing may end this process without ending the session.
    let signals =
        Signals::new().map_err(|error| Failure::told("cannot listen for signals", error.to_string(), ""))?;
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
        at_line_start: true,
    };
    session.run().await
}

/// What TARGET turned out to be.
struct Found {
    /// For StartSession.
    target: String,
    /// The row and the fleet it was found in; an id is taken as it is, without asking for any list.
    row: Option<(Arc<Instance>, Fleet)>,
}

impl Found {
    fn label(&self) -> String {
        match self.row.as_ref().and_then(|(row, _)| row.name()) {
            Some(name) => format!("{name} ({})", self.target),
            None => self.target.clone(),
        }
    }

    fn platform(&self) -> Option<Platform> {
        self.row.as_ref().and_then(|(row, _)| row.platform())
    }
}

fn is_id(text: &str) -> bool {
    let hex = text.strip_prefix("mi-").or_else(|| text.strip_prefix("i-"));
    hex.is_some_and(|hex| matches!(hex.len(), 8 | 17) && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

async fn find(client: &Client, target: &str) -> Result<Found, Failure> {
    if is_id(target) {
        return Ok(Found { target: target.to_owned(), row: None });
    }
    let fleet = inventory::read(client).await;
    match fleet::resolve_target(fleet.instances(), target) {
        Target::One(row) => Ok(Found { target: row.target().to_string(), row: Some((row, fleet)) }),
        Target::Several(rows) => Err(several(target, &rows)),
        Target::None => Err(none(client, target, &fleet).await),
    }
}

fn several(target: &str, rows: &[Arc<Instance>]) -> Failure {
    const SHOWN: usize = 10;
    let now = Timestamp::now();
    let line = |row: &Arc<Instance>| format!("{} {} ({})", row.label(), row.id, row.state(now).word());
    let mut list = rows.iter().take(SHOWN).map(line).collect::<Vec<_>>().join(", ");
    if rows.len() > SHOWN {
        list.push_str(&format!(" and {} more", rows.len() - SHOWN));
    }
    Failure::told(format!("`{target}` is {} instances", rows.len()), list, "name one by its id")
}

async fn none(client: &Client, target: &str, fleet: &Fleet) -> Failure {
    let lists = fleet.completeness();
    // Nothing was read: the caller's own trouble is the answer.
    if lists.rows == 0
        && let Some(error) = client.trouble(&format!("look for `{target}`")).await
    {
        return error.into();
    }
    let place =
        client.profile().map_or_else(|| client.region().to_owned(), |p| format!("{p}/{}", client.region()));
    let mut why = format!(
        "none of {} instances in {place} has that id, name, private IP or DNS name",
        fleet::phrase::count(lists.rows)
    );
    for gap in inventory::gaps(&lists) {
        why.push_str(&format!("; {gap}"));
    }
    let next = format!("`ssmtui ls {target}` looks for what is like it; else check --region and --profile");
    Failure::told(format!("there is no instance `{target}`"), why, next)
}

/// TargetNotConnected says nothing by itself: the fleet tells why (peers 39).
async fn explain(client: &Client, found: &mut Found, error: Error) -> Failure {
    if error.kind != Kind::NotConnected {
        return error.into();
    }
    let (row, mut fleet) = match found.row.take() {
        Some((row, fleet)) => (Some(row), fleet),
        None => {
            let fleet = inventory::read(client).await;
            (fleet.get(&InstanceId::from(found.target.as_str())).cloned(), fleet)
        }
    };
    let id = row.as_ref().map(|row| row.id.clone());
    if let Some(id) = &id {
        inventory::not_connected(&mut fleet, id);
    }
    let row = id.and_then(|id| fleet.get(&id).cloned());
    let context = inventory::context(client, fleet.completeness());
    let now = Timestamp::now();
    let reference = format!("AWS says {}", error.reference());
    let Some(row) = row else {
        let why = reach::explain_not_connected(&found.target, None, &context, now);
        return Failure::told(error.what, format!("{why} ({reference})"), error.next);
    };
    let verdict = fleet::diagnose(&row, &context, now);
    let Some(first) = verdict.findings.first().filter(|_| verdict.explains_refusal().is_some()) else {
        let why = reach::explain_not_connected(&found.target, Some(&row), &context, now);
        return Failure::told(error.what, format!("{why} ({reference})"), error.next);
    };
    let flag = verdict.flag.map(|flag| format!("{flag}: ")).unwrap_or_default();
    let evidence = first.evidence.iter().map(|seen| format!("; {seen}")).collect::<String>();
    let command = first.command.as_ref().map(|line| format!("\n        {line}")).unwrap_or_default();
    Failure::told(
        error.what,
        format!("{flag}{}{evidence} ({reference})", verdict.headline),
        format!("{}{command}", first.fix),
    )
}

/// Everything that can happen from outside while a session runs.
struct Signals {
    resized: Signal,
    continued: Signal,
    interrupt: Signal,
    quit: Signal,
    terminate: Signal,
    hangup: Signal,
}

/// What a signal asks for.
enum Asked {
    Resize,
    Continue,
    /// To end, by the signal of this number.
    End(u8),
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            resized: signal(SignalKind::window_change())?,
            continued: signal(SignalKind::from_raw(CONTINUED))?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.resized.recv() => Asked::Resize,
            _ = self.continued.recv() => Asked::Continue,
            _ = self.interrupt.recv() => Asked::End(2),
            _ = self.quit.recv() => Asked::End(3),
            _ = self.terminate.recv() => Asked::End(15),
            _ = self.hangup.recv() => Asked::End(1),
        }
    }
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
    /// What it showed last ended a line.
    at_line_start: bool,
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
        if self.has_run && !self.at_line_start && io::stdout().is_terminal() {
            eprint!("\r\n");
        }
        drop(self.raw);
        conclude(outcome, self.has_run)
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
                    Some(Event::Output(bytes) | Event::ErrorOutput(bytes)) => {
                        self.has_run = true;
                        self.at_line_start = bytes.ends_with(b"\n");
                        shown = Some(bytes);
                    }
                    Some(Event::Ended(end)) => return Outcome::Ended(end),
                    Some(event) => if let Some(words) = words(&event) { self.say(&words) },
                    None => return Outcome::Ended(End::Lost("the session's task has gone".to_owned())),
                },
                permit = output.reserve(), if shown.is_some() => {
                    if let (Ok(permit), Some(bytes)) = (permit, shown.take()) {
                        permit.send(bytes);
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

    /// A line of ours in the middle of the session's.
    fn say(&self, words: &str) {
        let (start, end) = if self.raw.is_active() { ("\r\n", "\r\n") } else { ("", "\n") };
        eprint!("{start}ssmtui: {words}{end}");
    }
}

/// Events that a user wants to hear of.
fn words(event: &Event) -> Option<String> {
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

/// The last words, and the code: 0 when the session ended by itself or was left, 1 when it was refused, lost or broken.
fn conclude(outcome: Outcome, has_run: bool) -> Result<ExitCode, Failure> {
    match outcome {
        Outcome::Ended(end) => {
            eprintln!("ssmtui: {end}");
            Ok(code(&end, has_run))
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

fn code(end: &End, has_run: bool) -> ExitCode {
    match end {
        // A session that ended with words before it showed anything could not be started.
        End::Closed { output } if output.contains("----------ERROR-------") => ExitCode::FAILURE,
        End::Closed { output } if !has_run && !output.trim().is_empty() => ExitCode::FAILURE,
        End::Closed { .. } | End::Terminated => ExitCode::SUCCESS,
        End::TimedOut | End::Refused(_) | End::Lost(_) | End::Protocol(_) => ExitCode::FAILURE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_taken_as_it_is() {
        for id in ["i-0a1b2c3d", "i-0a1b2c3d4e5f60718", "mi-0a1b2c3d4e5f60718"] {
            assert!(is_id(id), "{id}");
        }
        for name in ["web-1", "i-web", "mi-", "i-0a1b2c3d4", "10.1.2.3"] {
            assert!(!is_id(name), "{name}");
        }
    }

    #[test]
    fn peers_c03_a_lost_terminal_ends_the_session_with_words() {
        let lost = Outcome::Input(io::Error::from_raw_os_error(5));
        let words = conclude(lost, true).unwrap_err().to_string();
        assert!(words.contains("the terminal is gone, so the session was ended"), "{words}");
        assert!(words.contains("Input/output error"), "{words}");
    }

    #[test]
    fn only_a_good_end_is_a_success() {
        let success = |end: End| format!("{:?}", code(&end, true)) == format!("{:?}", ExitCode::SUCCESS);
        assert!(success(End::Closed { output: String::new() }));
        assert!(success(End::Terminated));
        assert!(!success(End::Closed {
            output: "\n----------ERROR-------\nRunAs user x does not exist".into()
        }));
        assert!(
            !success(End::TimedOut) && !success(End::Lost("x".into())) && !success(End::Refused("x".into()))
        );
    }
}
