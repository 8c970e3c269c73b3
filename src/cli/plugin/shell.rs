//! A shell or a command in the caller's terminal, as the official client carries it: all output to standard output, keys as
//! bytes, signals as keys. Unlike it, we stay while the connection is away, and when input has ended we wait for the output.

use std::{collections::VecDeque, io::IsTerminal, time::Duration};

use bytes::Bytes;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until, timeout},
};

use super::{Carried, ending, show, signals::Asked};
use crate::{
    cli::connect::{
        escape::{Escape, Step},
        tty::{self, Raw, Typed},
    },
    session::{End, Event},
};

/// How long the service and the terminal get to finish after the end was asked for.
const FAREWELL: Duration = Duration::from_secs(3);
/// Input from a pipe that may wait here; a terminal is always read, so that `~.` is always seen.
const PIPE_WAITING: usize = 256 * 1024;
const HELP: &str = "after a new line:  ~.  end the session   ~?  this list   ~~  send one ~";

/// What the session does with keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keys {
    /// They are typed into a terminal on the far side.
    Typed,
    /// Nobody reads them (protocol.md 7.3): only the signals of ^C and ^\ go there.
    SignalsOnly,
}

/// How the loop ended.
enum Outcome {
    Ended(End),
    /// By `~.`, by a signal, or because the terminal went away.
    Left,
}

/// Carries it to its end; `first` is what told that it is a shell.
pub(super) async fn run(mut carried: Carried, keys: Keys, first: Option<Event>) {
    // Where nobody reads keys the terminal stays as it is: it turns ^C into a signal and ends lines well.
    let raw = match (keys == Keys::Typed).then(Raw::enter).transpose() {
        Ok(raw) => raw,
        Err(error) => {
            carried.commands.end();
            carried.farewell(FAREWELL).await;
            show(&format!("Cannot perform start session: {error}\n"));
            return;
        }
    };
    let (output, mut failure) = tty::write();
    let mut shell = Shell { carried, keys, raw, ran: false, customer_may_speak: false };
    let outcome = tokio::select! {
        outcome = shell.relay(first, &output) => outcome,
        // Whoever read our output has gone.
        Some(_) = failure.recv() => Outcome::Left,
    };
    let Shell { mut carried, raw, ran, .. } = shell;
    let end = match outcome {
        Outcome::Ended(end) => end,
        Outcome::Left => {
            carried.commands.end();
            carried.farewell(FAREWELL).await.unwrap_or(End::Terminated)
        }
    };
    drop(output);
    // All written, or the terminal does not take it.
    let written = timeout(FAREWELL, failure.recv()).await;
    drop(raw);
    if matches!(written, Ok(None)) {
        show(&ending::words(&carried.id, &end, ran));
    }
}

struct Shell {
    carried: Carried,
    keys: Keys,
    raw: Option<Raw>,
    /// It has begun.
    ran: bool,
    /// The sentence of the handshake's end comes right behind `Ready`.
    customer_may_speak: bool,
}

impl Shell {
    /// Until the session ends or somebody ends it.
    async fn relay(&mut self, first: Option<Event>, output: &mpsc::Sender<Bytes>) -> Outcome {
        let mut reading = self.keys == Keys::Typed;
        let mut typed = if reading { tty::read() } else { mpsc::channel(1).1 };
        let terminal = self.is_raw();
        let mut escape = Escape::new();
        let mut input: VecDeque<Bytes> = VecDeque::new();
        let mut waiting = 0;
        let mut in_line = false;
        let mut shown: VecDeque<Bytes> = VecDeque::new();
        if let Some(event) = first
            && let Some(end) = self.tell(event, &mut shown)
        {
            return Outcome::Ended(end);
        }
        loop {
            tokio::select! {
                chunk = typed.recv(), if reading && (terminal || waiting < PIPE_WAITING) => {
                    let bytes = match chunk {
                        Some(Typed::Bytes(bytes)) => bytes,
                        Some(Typed::Lost(_)) => return Outcome::Left,
                        Some(Typed::End) | None if terminal => return Outcome::Left,
                        Some(Typed::End) | None => {
                            reading = false;
                            // A terminal hears the end only where a line begins.
                            Bytes::from_static(if in_line { b"\r\x04" } else { b"\x04" })
                        }
                    };
                    in_line = !matches!(bytes.last(), Some(b'\r' | b'\n'));
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
                () = async { self.carried.commands.input(input.front().cloned().unwrap_or_default()).await },
                    if !input.is_empty() =>
                {
                    waiting -= input.pop_front().map_or(0, |bytes| bytes.len());
                }
                event = self.carried.events.recv(), if shown.is_empty() => {
                    let event = event.unwrap_or_else(|| Event::Ended(End::Lost("the session's task has gone".to_owned())));
                    if let Some(end) = self.tell(event, &mut shown) {
                        return Outcome::Ended(end);
                    }
                }
                permit = output.reserve(), if !shown.is_empty() => match (permit, shown.pop_front()) {
                    (Ok(permit), Some(bytes)) => permit.send(bytes),
                    _ => return Outcome::Left,
                },
                asked = self.carried.signals.next() => match asked {
                    Asked::Key(key) => {
                        waiting += 1;
                        input.push_back(Bytes::copy_from_slice(&[key]));
                    }
                    Asked::Resize => self.carried.commands.resize(tty::size()),
                    Asked::Continue => {
                        if let Some(raw) = &self.raw {
                            raw.again();
                        }
                        self.carried.commands.resize(tty::size());
                    }
                    Asked::End => return Outcome::Left,
                },
            }
        }
    }

    /// What an event puts on the screen; the end, if it is that.
    fn tell(&mut self, event: Event, shown: &mut VecDeque<Bytes>) -> Option<End> {
        let customer_may_speak = std::mem::take(&mut self.customer_may_speak);
        match event {
            Event::Output(bytes) | Event::ErrorOutput(bytes) => {
                self.ran = true;
                shown.push_back(bytes);
            }
            // As it came: the official client prints this message like any other.
            Event::ExitCode(code) => shown.push_back(Bytes::from(format!("EXIT_CODE: {code}"))),
            Event::Ready => {
                self.ran = true;
                self.customer_may_speak = true;
            }
            Event::Notice(words) if customer_may_speak => {
                let line_end = if self.is_raw() { "\r\n" } else { "\n" };
                shown.push_back(Bytes::from(format!("{}{line_end}", words.trim())));
            }
            Event::Ended(end) => return Some(end),
            event => {
                if let Some(words) = super::words(&event) {
                    self.say(&words);
                }
            }
        }
        None
    }

    fn is_raw(&self) -> bool {
        self.raw.as_ref().is_some_and(Raw::is_active)
    }

    /// A line of ours in the middle of the session's, for the person at the terminal only.
    fn say(&self, words: &str) {
        if !std::io::stderr().is_terminal() {
            return;
        }
        let (start, end) = if self.is_raw() { ("\r\n", "\r\n") } else { ("", "\n") };
        eprint!("{start}{}: {words}{end}", super::NAME);
    }
}

impl Carried {
    /// Waits for the session to end on the service, too; nobody reads its output any more.
    pub(super) async fn farewell(&mut self, patience: Duration) -> Option<End> {
        let deadline = Instant::now() + patience;
        loop {
            tokio::select! {
                event = self.events.recv() => match event {
                    Some(Event::Ended(end)) => return Some(end),
                    Some(_) => {}
                    None => return None,
                },
                () = sleep_until(deadline) => return None,
            }
        }
    }
}
