//! A program in a terminal of this machine: the user's own ssh, in a tab.
//!
//! ```text
//!  input ──bounded──▶ writer thread ─▶ ┌─────┐ ◀─▶ program
//!  events ◀─bounded── reader thread ◀─ │ pty │
//!                     waiter thread: the exit code, once all output is through
//! ```
//!
//! The only place that names the pty library. Reads and writes block, so they have threads of their own; what is not taken from the
//! events stays in the pty, and the program waits.

use std::{
    ffi::OsString,
    io::{self, Read, Write},
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc::{RecvTimeoutError, channel as done_channel},
    },
    time::Duration,
};

use bytes::Bytes;
use portable_pty::{ChildKiller, CommandBuilder, MasterPty, PtySize, native_pty_system};
use tokio::sync::mpsc;

use crate::{
    session::{End, Event},
    term,
};

/// Events that may wait for the loop, of at most a read each.
const EVENTS: usize = 32;
/// Pieces of input that may wait for the program.
const INPUT: usize = 32;
/// Bytes of one read.
const READ: usize = 16 << 10;
/// Once the program has ended: when nothing has come for so long, nothing comes any more, though another process (a shared
/// connection of ssh) keeps the terminal open.
const QUIET: Duration = Duration::from_millis(300);

/// What to run.
#[derive(Clone, Debug)]
pub(super) struct Program {
    /// The file.
    pub(super) file: PathBuf,
    /// Its arguments.
    pub(super) arguments: Vec<OsString>,
    /// Variables that are set, or taken away.
    pub(super) environment: Vec<(&'static str, Option<OsString>)>,
}

/// Steers a running program.
pub(super) struct Local {
    input: mpsc::Sender<Bytes>,
    master: Arc<Mutex<Option<Box<dyn MasterPty + Send>>>>,
    killer: Mutex<Box<dyn ChildKiller + Send + Sync>>,
    ended: AtomicBool,
}

/// Starts a program in a terminal of this size. Its events are those of a session: `Ready`, `Output`, `ExitCode`, `Ended`.
///
/// # Errors
/// There is no pty to be had, or the program cannot be run.
pub(super) fn open(program: &Program, size: term::Size) -> io::Result<(Local, mpsc::Receiver<Event>)> {
    let pair = native_pty_system().openpty(pty_size(size)).map_err(io::Error::other)?;
    let mut command = CommandBuilder::new(&program.file);
    command.args(&program.arguments);
    if let Ok(folder) = std::env::current_dir() {
        command.cwd(folder);
    }
    // What the pane is, whatever the user's own terminal is.
    command.env("TERM", "xterm-256color");
    command.env("COLORTERM", "truecolor");
    for (name, value) in &program.environment {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        }
    }
    let mut child = pair.slave.spawn_command(command).map_err(io::Error::other)?;
    let killer = child.clone_killer();
    // Only the program shall hold that side, or its end would not be seen.
    drop(pair.slave);
    let mut reader = pair.master.try_clone_reader().map_err(io::Error::other)?;
    let mut writer = pair.master.take_writer().map_err(io::Error::other)?;
    let (events, receiver) = mpsc::channel(EVENTS);
    let (input, mut waiting) = mpsc::channel::<Bytes>(INPUT);
    let (done, over) = done_channel();
    let idle = Arc::new(AtomicBool::new(false));

    let (output, reading) = (events.clone(), idle.clone());
    thread("local-read", move || {
        let mut buffer = vec![0; READ];
        let _ = output.blocking_send(Event::Ready);
        loop {
            reading.store(true, Ordering::Release);
            let read = reader.read(&mut buffer);
            reading.store(false, Ordering::Release);
            match read {
                // Linux says EIO when the last one has closed the other side.
                Ok(0) => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
                Ok(count) => {
                    let bytes = Bytes::copy_from_slice(&buffer[..count]);
                    if output.blocking_send(Event::Output(bytes)).is_err() {
                        break;
                    }
                }
            }
        }
        let _ = done.send(());
    })?;
    thread("local-write", move || {
        while let Some(bytes) = waiting.blocking_recv() {
            if writer.write_all(&bytes).and_then(|()| writer.flush()).is_err() {
                break;
            }
        }
    })?;
    let master = Arc::new(Mutex::new(Some(pair.master)));
    let held = master.clone();
    thread("local-wait", move || {
        let status = child.wait();
        while let Err(RecvTimeoutError::Timeout) = over.recv_timeout(QUIET) {
            if idle.load(Ordering::Acquire) {
                break;
            }
        }
        drop(held.lock().map(|mut master| master.take()));
        let end = match &status {
            Ok(status) if status.signal().is_some() => {
                End::Closed { output: format!("by a signal: {}", status.signal().unwrap_or_default()) }
            }
            Ok(_) => End::Closed { output: String::new() },
            Err(error) => End::Lost(error.to_string()),
        };
        if let (Ok(status), End::Closed { output }) = (&status, &end)
            && output.is_empty()
        {
            let code = i32::try_from(status.exit_code()).unwrap_or(i32::MAX);
            let _ = events.blocking_send(Event::ExitCode(code));
        }
        let _ = events.blocking_send(Event::Ended(end));
    })?;
    Ok((Local { input, master, killer: Mutex::new(killer), ended: AtomicBool::new(false) }, receiver))
}

impl Local {
    /// Gives the program input; it comes back if too much waits already.
    pub(super) fn try_input(&self, bytes: Bytes) -> Result<(), Bytes> {
        match self.input.try_send(bytes) {
            Err(mpsc::error::TrySendError::Full(bytes)) => Err(bytes),
            // A program that has ended takes nothing: its last event says so.
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
        }
    }

    /// Where input goes that has to wait.
    pub(super) fn sender(&self) -> mpsc::Sender<Bytes> {
        self.input.clone()
    }

    /// Another size of the pane.
    pub(super) fn resize(&self, size: term::Size) {
        if let Ok(master) = self.master.lock()
            && let Some(master) = master.as_ref()
        {
            let _ = master.resize(pty_size(size));
        }
    }

    /// Ends the program, as a terminal that is closed does.
    pub(super) fn end(&self) {
        if !self.ended.swap(true, Ordering::AcqRel)
            && let Ok(mut killer) = self.killer.lock()
        {
            let _ = killer.kill();
        }
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        // Whoever has ended is not there to be killed, and its number may be another's.
        if self.master.lock().is_ok_and(|master| master.is_some()) {
            self.end();
        }
    }
}

fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new().name(name.to_owned()).stack_size(256 << 10).spawn(work).map(drop)
}

fn pty_size(size: term::Size) -> PtySize {
    PtySize { rows: size.rows, cols: size.cols, pixel_width: 0, pixel_height: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: term::Size = term::Size { rows: 24, cols: 80 };

    fn shell(script: &str) -> Program {
        Program {
            file: "/bin/sh".into(),
            arguments: vec!["-c".into(), script.into()],
            environment: vec![("SSMTUI_TEST", Some("here".into())), ("HOME", None)],
        }
    }

    /// All that is written until the end, the code and the end.
    fn played(
        local: &Local,
        mut events: mpsc::Receiver<Event>,
        mut answer: impl FnMut(&str, &Local),
    ) -> (String, Option<i32>, End) {
        let (mut text, mut code) = (String::new(), None);
        loop {
            match events.blocking_recv().expect("an end comes") {
                Event::Output(bytes) => {
                    text.push_str(&String::from_utf8_lossy(&bytes));
                    answer(&text, local);
                }
                Event::ExitCode(number) => code = Some(number),
                Event::Ended(end) => return (text, code, end),
                _ => {}
            }
        }
    }

    #[test]
    fn output_code_and_environment_of_a_program_arrive() {
        let (local, events) = open(&shell("echo $TERM $SSMTUI_TEST ${HOME:-none}; exit 7"), SIZE).unwrap();
        let (text, code, end) = played(&local, events, |_, _| {});
        assert_eq!(text.trim(), "xterm-256color here none");
        assert_eq!((code, end), (Some(7), End::Closed { output: String::new() }));
    }

    #[test]
    fn it_is_a_terminal_that_takes_keys_and_sizes() {
        let (local, events) = open(&shell("stty size; read word; stty size; echo got $word"), SIZE).unwrap();
        let mut typed = false;
        let (text, code, _) = played(&local, events, |text, local| {
            if text.contains("24 80") && !typed {
                typed = true;
                local.resize(term::Size { rows: 10, cols: 40 });
                local.try_input(Bytes::from_static(b"word\r")).unwrap();
            }
        });
        assert!(text.contains("10 40") && text.contains("got word"), "{text}");
        assert_eq!(code, Some(0));
    }

    #[test]
    fn a_flood_arrives_whole_before_the_end() {
        let (local, events) =
            open(&shell("i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done"), SIZE).unwrap();
        let (text, _, _) = played(&local, events, |_, _| {});
        assert_eq!(text.lines().count(), 20_000);
        assert_eq!(text.lines().last(), Some("line 19999"));
    }

    #[test]
    fn ending_it_ends_the_program() {
        let (local, events) = open(&shell("echo up; sleep 1000"), SIZE).unwrap();
        let (_, code, end) = played(&local, events, |_, local| local.end());
        assert!(
            code.is_none() && matches!(&end, End::Closed { output } if output.contains("signal")),
            "{end:?}"
        );
    }

    #[test]
    fn a_process_that_keeps_the_terminal_does_not_keep_the_tab() {
        let (local, events) = open(&shell("trap '' HUP; sleep 30 & echo bye"), SIZE).unwrap();
        let (text, code, _) = played(&local, events, |_, _| {});
        assert_eq!((text.trim(), code), ("bye", Some(0)));
    }

    #[test]
    fn what_cannot_be_run_says_so() {
        let program = Program { file: "/nowhere/ssh".into(), ..shell("") };
        assert!(open(&program, SIZE).is_err());
    }
}
