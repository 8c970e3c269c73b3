//! A session without a terminal: its streams to ours, its code as our own; ^C is passed on.

use std::{
    collections::VecDeque,
    io::{self, IsTerminal},
    process::ExitCode,
    sync::Arc,
};

use bytes::Bytes;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until, timeout},
};

use super::super::{
    Failure,
    connect::{FAREWELL, last_words, own_code, tty, words},
    history::Memory,
    signal::{INTERRUPT, QUIT, Signals},
    target::{self, Found},
};
use super::frame::{Frames, Piece};
use crate::{
    aws::{Client, StartRequest},
    session::{self, Commands, End, Event},
};

/// How the streams come.
#[derive(Debug)]
pub(in super::super) enum Form {
    /// By themselves, the code, too.
    Native,
    /// By themselves; that there is no code is no failure.
    Codeless,
    /// In frames of ours.
    Framed(Frames),
}

/// How it ended.
enum Outcome {
    Ended(End),
    Signal(u8),
    Output(io::Error),
}

/// Starts the session and carries its output until it ends.
pub(in super::super) async fn stream(
    client: &Client,
    found: &mut Found,
    request: &StartRequest,
    form: Form,
    memory: Option<Memory>,
) -> Result<ExitCode, Failure> {
    // Signals first: from here on nothing may end this process without ending the session.
    let signals = Signals::new()?;
    let ticket = match client.start(request).await {
        Ok(ticket) => ticket,
        Err(error) => return Err(target::explain(client, found, error).await),
    };
    memory.into_iter().for_each(Memory::keep);
    let options = session::Options { size: tty::size(), target: found.target.clone() };
    let (commands, events) = session::open(ticket, Arc::new(client.clone()), options);
    let mut carrier = Carrier {
        commands,
        events,
        signals,
        form,
        code: None,
        interrupted: false,
        has_run: false,
        told: Vec::new(),
    };
    let (output, mut output_failure) = tty::write();
    let (error, mut error_failure) = tty::write_to(io::stderr());
    let outcome = carrier.carry(&output, &error, &mut output_failure).await;
    let outcome = carrier.farewell(outcome).await;
    drop((output, error));
    // All written, or nobody takes it.
    let _ = timeout(FAREWELL, output_failure.recv()).await;
    let _ = timeout(FAREWELL, error_failure.recv()).await;
    carrier.conclude(outcome, &found.label())
}

struct Carrier {
    commands: Commands,
    events: mpsc::Receiver<Event>,
    signals: Signals,
    form: Form,
    code: Option<i32>,
    /// ^C was passed on.
    interrupted: bool,
    has_run: bool,
    /// Sentences about the session; where nobody watches they are said only if it fails.
    told: Vec<String>,
}

impl Carrier {
    async fn carry(
        &mut self,
        output: &mpsc::Sender<Bytes>,
        error: &mpsc::Sender<Bytes>,
        failure: &mut mpsc::Receiver<io::Error>,
    ) -> Outcome {
        let mut waiting: VecDeque<Piece> = VecDeque::new();
        loop {
            let next = match waiting.front() {
                Some(Piece::Output(bytes)) => Some((output, bytes.clone())),
                Some(Piece::Error(bytes)) => Some((error, bytes.clone())),
                Some(Piece::Code(code)) => {
                    self.code = Some(*code);
                    waiting.pop_front();
                    continue;
                }
                None => None,
            };
            tokio::select! {
                event = self.events.recv(), if next.is_none() => match event {
                    Some(Event::Output(bytes)) => {
                        self.has_run = true;
                        match &mut self.form {
                            Form::Framed(frames) => waiting.extend(frames.feed(&bytes)),
                            _ => waiting.push_back(Piece::Output(bytes)),
                        }
                    }
                    Some(Event::ErrorOutput(bytes)) => {
                        self.has_run = true;
                        waiting.push_back(Piece::Error(bytes));
                    }
                    Some(Event::ExitCode(code)) => waiting.push_back(Piece::Code(code)),
                    Some(Event::Ended(end)) => {
                        if let Form::Framed(frames) = &mut self.form
                            && let Some(rest) = frames.rest()
                        {
                            let _ = output.send(rest).await;
                        }
                        return Outcome::Ended(end);
                    }
                    Some(event) => self.tell(&event),
                    None => return Outcome::Ended(End::Lost("the session's task has gone".to_owned())),
                },
                permit = reserve(next.as_ref()), if next.is_some() => {
                    // Who does not read standard error any more does not stop the rest.
                    if let (Some(permit), Some((_, bytes))) = (permit, next) {
                        permit.send(bytes);
                    }
                    waiting.pop_front();
                }
                Some(error) = failure.recv() => return Outcome::Output(error),
                number = self.signals.end() => match number {
                    INTERRUPT | QUIT if !self.interrupted => {
                        self.interrupted = true;
                        let byte: &'static [u8] = if number == QUIT { b"\x1c" } else { b"\x03" };
                        let _ = self.commands.try_input(Bytes::from_static(byte));
                    }
                    number => return Outcome::Signal(number),
                },
            }
        }
    }

    /// Ends the session where it has not ended by itself. The agent kills the command only, not what that has started: so
    /// it is interrupted first.
    async fn farewell(&mut self, outcome: Outcome) -> Outcome {
        if matches!(outcome, Outcome::Ended(_)) {
            return outcome;
        }
        let _ = self.commands.try_input(Bytes::from_static(b"\x03"));
        let interrupted = self.until_ended(FAREWELL / 3).await;
        if !interrupted {
            self.commands.end();
            self.until_ended(FAREWELL).await;
        }
        outcome
    }

    async fn until_ended(&mut self, patience: std::time::Duration) -> bool {
        let deadline = Instant::now() + patience;
        loop {
            tokio::select! {
                event = self.events.recv() => match event {
                    Some(Event::Ended(_)) | None => return true,
                    Some(event @ Event::Notice(_)) => self.tell(&event),
                    Some(_) => {}
                },
                () = sleep_until(deadline) => return false,
            }
        }
    }

    fn tell(&mut self, event: &Event) {
        if let Some(words) = words(event) {
            if io::stderr().is_terminal() {
                eprintln!("ssmtui: {words}");
            }
            self.told.push(words);
        }
    }

    /// What a script would want to know now that it failed.
    fn tell_all(&self) {
        if !io::stderr().is_terminal() {
            self.told.iter().for_each(|words| eprintln!("ssmtui: {words}"));
        }
    }

    fn conclude(self, outcome: Outcome, label: &str) -> Result<ExitCode, Failure> {
        let end = match outcome {
            Outcome::Ended(end) => end,
            Outcome::Signal(number) => return Ok(ExitCode::from(128 + number)),
            Outcome::Output(error) => return Err(Failure::output(&error)),
        };
        let what = format!("cannot run the command on {label}");
        if let (End::Closed { .. } | End::Terminated, Some(code)) = (&end, self.code) {
            if let End::Closed { output } = &end
                && !output.trim().is_empty()
            {
                eprintln!("ssmtui: {}", last_words(&end, self.told.last().map(String::as_str)));
            }
            if code < 0 {
                eprintln!("ssmtui: the command was ended by a signal");
            }
            // Interrupted by us, as a shell here would have it.
            return Ok(ExitCode::from(if self.interrupted && code != 0 { 130 } else { own_code(code) }));
        }
        if !matches!((&end, &self.form), (End::Closed { output }, Form::Codeless) if output.trim().is_empty())
        {
            self.tell_all();
        }
        match &end {
            End::Closed { output } if output.trim().is_empty() => match self.form {
                Form::Codeless => {
                    eprintln!("ssmtui: session ended; this document does not tell the exit code");
                    Ok(ExitCode::SUCCESS)
                }
                Form::Framed(frames) if self.has_run && !frames.is_whole() => Err(Failure::told(
                    "the command's exit code is not known",
                    "its output came to an end before the code did",
                    "the node needs sh, mktemp and base64 or od, and room in its temporary folder",
                )),
                Form::Native | Form::Framed(_) => Err(Failure::told(
                    "the command's exit code is not known",
                    "the session ended without it",
                    "a session document with separateOutputStream tells it: `ssmtui exec --print-document`",
                )),
            },
            end => Err(Failure::told(what, last_words(end, self.told.last().map(String::as_str)), "")),
        }
    }
}

async fn reserve<'a>(next: Option<&(&'a mpsc::Sender<Bytes>, Bytes)>) -> Option<mpsc::Permit<'a, Bytes>> {
    next?.0.reserve().await.ok()
}
