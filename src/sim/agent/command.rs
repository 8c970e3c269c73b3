//! A program without a terminal (`NonInteractiveCommands` in `shell.go`): its words are split as a shell would split them, and run
//! without one; nothing is on its standard input.
//!
//! | output | when | exit code |
//! | --- | --- | --- |
//! | joined | all of it after the program's end | none |
//! | apart | at once; given up for good when the channel is paused | at the end, if the channel is not paused |

use std::{
    fs::{File, OpenOptions},
    io,
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, Command},
    sync::mpsc,
    time::{sleep, timeout},
};
use uuid::Uuid;

use super::{
    ERROR_TITLE, Ending, Node, Platform, START_ERROR,
    handler::{self, Active, End, Handler, Input, Output},
    output::{Cutter, READ},
    pace::Pace,
    process::{Group, Leader},
    shell,
    surroundings::Surroundings,
};
use crate::session::message::{ExitCode, PayloadType};

/// How long the official agent waits before it sends an error of its own.
const ERROR_DELAY: Duration = Duration::from_secs(1);
/// How long the output of a program that a signal has ended is read on, should its children hold the pipes.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// The longest prefix.
const LONGEST_PREFIX: usize = 30;
/// `appconfig.ErrorExitCode`.
const ERROR: i32 = 1;

/// What is run, and how its output is told.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) commands: String,
    /// `None`: output and errors are one stream.
    pub(super) apart: Option<Prefixes>,
}

/// What stands before the lines of output and of errors; may be empty.
#[derive(Debug, Clone)]
pub(super) struct Prefixes {
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Prefixes {
    /// As the official agent refuses them.
    fn check(&self) -> Result<(), String> {
        let fits = |prefix: &str| {
            prefix.len() <= LONGEST_PREFIX
                && prefix.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"\r\n_:-".contains(&byte))
        };
        match (fits(&self.stdout), fits(&self.stderr)) {
            (false, _) => Err(format!("invalid stdoutSeparatorPrefix {}", self.stdout)),
            (true, false) => Err(format!("invalid stderrSeparatorPrefix {}", self.stderr)),
            (true, true) => Ok(()),
        }
    }
}

/// Starts a job.
pub(super) fn start(node: Node, job: Job, active: Active, unpaced: bool) -> Result<Handler, End> {
    if job.commands.trim().is_empty() {
        return Err(End::failed("Commands cannot be empty for session type NonInteractiveCommands"));
    }
    if let Some(prefixes) = &job.apart {
        prefixes.check().map_err(End::failed)?;
    }
    let leader = Leader::new();
    let group = Group(leader.clone());
    let mut handler = handler::spawn(move |input, output| {
        Running { input, output, active, unpaced, leader }.run(node, job)
    });
    handler.group = Some(group);
    handler.minds_pauses = true;
    Ok(handler)
}

struct Running {
    input: mpsc::Receiver<Input>,
    output: mpsc::Sender<Output>,
    active: Active,
    unpaced: bool,
    leader: Leader,
}

/// How a program's life was followed.
struct Followed {
    code: i32,
    /// Whether all that it said was read.
    heard: bool,
}

impl Running {
    async fn run(mut self, node: Node, job: Job) -> End {
        let words = match words(&node, &job.commands) {
            Ok(words) => words,
            Err(error) => return self.unprepared(&error).await,
        };
        let Some((program, arguments)) = words.split_first() else { return End::Crashed };
        match job.apart {
            Some(prefixes) => self.apart(program, arguments, &prefixes).await,
            None => match joined_file() {
                Ok((into, from)) => self.joined(program, arguments, into, from).await,
                Err(error) => {
                    let words = format!("Failed to open file for writing command output. error: {error}\n");
                    self.unprepared(&words).await
                }
            },
        }
    }

    async fn apart(&mut self, program: &str, arguments: &[String], prefixes: &Prefixes) -> End {
        let mut command = command(program, arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => {
                self.tell(PayloadType::ExitCode, ExitCode(ERROR).encode()).await;
                return self.not_started(program, &error).await;
            }
        };
        self.leader.started(child.id());
        let (Some(mut stdout), Some(mut stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return End::Crashed;
        };
        // The pipes stay open whatever becomes of their readers, and so a program that is not heard any more waits.
        let (active, output) = (self.active.clone(), self.output.clone());
        let pipes = async {
            let (out, err) = tokio::join!(
                copy(&mut stdout, (PayloadType::Output, &prefixes.stdout), &active, &output),
                copy(&mut stderr, (PayloadType::StdErr, &prefixes.stderr), &active, &output),
            );
            out && err
        };
        let followed = self.follow(&mut child, pipes).await;
        if *self.active.borrow() {
            self.tell(PayloadType::ExitCode, ExitCode(followed.code).encode()).await;
        }
        let ending = Ending { output: String::new(), failed: !followed.heard };
        End::Over { ending, terminating: true }
    }

    async fn joined(&mut self, program: &str, arguments: &[String], into: File, from: File) -> End {
        let mut command = command(program, arguments);
        let second = match into.try_clone() {
            Ok(second) => second,
            Err(error) => return self.not_started(program, &error).await,
        };
        command.stdout(into).stderr(second);
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => return self.not_started(program, &error).await,
        };
        // It holds the file's write ends.
        drop(command);
        self.leader.started(child.id());
        self.follow(&mut child, async { true }).await;
        let mut from = tokio::fs::File::from_std(from);
        let mut pace = Pace::new(self.unpaced);
        let mut cutter = Cutter::default();
        let mut buffer = [0; READ];
        loop {
            if self.active.wait_for(|active| *active).await.is_err() {
                return End::done();
            }
            match from.read(&mut buffer).await {
                Ok(0) | Err(_) => return End::done(),
                Ok(length) => self.tell(PayloadType::Output, cutter.cut(&buffer[..length])).await,
            }
            pace.wait().await;
        }
    }

    /// Until what it says has ended, and then the program. A signal is sent on, and then the end is waited for first.
    async fn follow(&mut self, child: &mut Child, pipes: impl Future<Output = bool>) -> Followed {
        let mut pipes = std::pin::pin!(pipes);
        let (mut heard, mut signalled) = (None, false);
        let status = loop {
            tokio::select! {
                all = &mut pipes, if heard.is_none() => heard = Some(all),
                status = child.wait(), if heard.is_some() || signalled => break status,
                Some(input) = self.input.recv(), if !signalled => if let Input::Signal(signal) = input {
                    self.leader.signal(signal);
                    signalled = true;
                },
            }
        };
        self.leader.reaped();
        if heard.is_none() {
            // The official agent closes the pipes at this point, and may lose the last words.
            heard = timeout(LAST_WORDS, &mut pipes).await.ok();
        }
        if signalled {
            // Without a receiver the session is over.
            let _ = self.output.send(Output::Taken).await;
        }
        // Two wait for the end then, and the one that has to tell the code finds nothing.
        let code = if signalled { ERROR } else { code(status) };
        Followed { code, heard: heard.unwrap_or(false) }
    }

    /// The program could not be started.
    async fn not_started(&mut self, program: &str, error: &io::Error) -> End {
        if !self.unpaced {
            sleep(ERROR_DELAY).await;
        }
        self.tell(PayloadType::StdErr, exec_error(program, error).into()).await;
        End::Over { ending: Ending { output: String::new(), failed: true }, terminating: true }
    }

    /// It did not even come to that.
    async fn unprepared(&mut self, error: &str) -> End {
        let words = format!("Unable to start command: {error}\n");
        if !self.unpaced {
            sleep(START_ERROR + ERROR_DELAY).await;
        }
        self.tell(PayloadType::StdErr, words.clone().into()).await;
        End::failed(format!("{ERROR_TITLE}{words}"))
    }

    async fn tell(&mut self, payload_type: PayloadType, bytes: bytes::Bytes) {
        // Without a receiver the session is over.
        let _ = self.output.send(Output::Data(payload_type, bytes)).await;
    }
}

/// One pipe, to its end; false if it was given up.
async fn copy(
    pipe: &mut (impl AsyncRead + Unpin),
    (payload_type, prefix): (PayloadType, &str),
    active: &Active,
    output: &mpsc::Sender<Output>,
) -> bool {
    let mut cutter = Cutter::default();
    let mut buffer = vec![0; READ - prefix.len().min(READ - 1)];
    let mut at_line_start = true;
    loop {
        if !*active.borrow() {
            tracing::debug!("a command's output is given up, since the channel is paused");
            return false;
        }
        let length = match pipe.read(&mut buffer).await {
            Ok(0) => return true,
            Ok(length) => length,
            Err(_) => return false,
        };
        let read = &buffer[..length];
        let bytes =
            if at_line_start { cutter.cut(&[prefix.as_bytes(), read].concat()) } else { cutter.cut(read) };
        at_line_start = read.ends_with(b"\n");
        if !bytes.is_empty() && output.send(Output::Data(payload_type, bytes)).await.is_err() {
            return false;
        }
    }
}

/// What is run; the error is words for the user.
fn words(node: &Node, commands: &str) -> Result<Vec<String>, String> {
    if node.platform == Platform::Windows {
        let shell = shell::powershell(node, &Surroundings::of_this_process())?;
        let shell = shell.to_string_lossy().into_owned();
        return Ok(vec![shell, "-NoLogo".to_owned(), "-Command".to_owned(), commands.to_owned()]);
    }
    shlex::split(commands)
        .ok_or_else(|| "Failed to parse commands input: EOF found when expecting closing quote\n".to_owned())
}

fn command(program: &str, arguments: &[String]) -> Command {
    let around = Surroundings::of_this_process();
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    let home = around.home.as_deref();
    command.envs(around.variables(home));
    if let Some(home) = around.folder(home) {
        command.current_dir(home);
    }
    #[cfg(unix)]
    command.process_group(0);
    command
}

/// A file without a name, to write to and to read from.
fn joined_file() -> io::Result<(File, File)> {
    let path = std::env::temp_dir().join(format!("ssmtui-output-{}", Uuid::new_v4()));
    let mut options = OpenOptions::new();
    options.append(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let into = options.open(&path)?;
    let from = File::open(&path);
    std::fs::remove_file(&path)?;
    Ok((into, from?))
}

/// As Go tells it; -1 stands for a signal.
fn code(status: io::Result<ExitStatus>) -> i32 {
    status.map_or(ERROR, |status| status.code().unwrap_or(-1))
}

/// Why a program cannot be started, as Go tells it.
fn exec_error(program: &str, error: &io::Error) -> String {
    let why = match error.kind() {
        io::ErrorKind::NotFound if !program.contains('/') => {
            return format!("exec: \"{program}\": executable file not found in $PATH");
        }
        io::ErrorKind::NotFound if Path::new(program).exists() => error.to_string(),
        io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    };
    format!("fork/exec {program}: {why}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_checked_as_the_official_agent_checks_them() {
        let check = |stdout: &str, stderr: &str| {
            Prefixes { stdout: stdout.to_owned(), stderr: stderr.to_owned() }.check()
        };
        assert_eq!(check("", "err_1:-\n"), Ok(()));
        assert_eq!(check("a b", ""), Err("invalid stdoutSeparatorPrefix a b".to_owned()));
        let long = "x".repeat(31);
        assert_eq!(check("", &long), Err(format!("invalid stderrSeparatorPrefix {long}")));
    }

    #[tokio::test]
    async fn a_prefix_stands_before_each_chunk_that_begins_a_line() {
        let (output, mut sent) = mpsc::channel(1);
        let (_pause, active) = tokio::sync::watch::channel(true);
        let (mut pipe, mut program) = tokio::io::duplex(64);
        tokio::spawn(async move { copy(&mut pipe, (PayloadType::Output, "out: "), &active, &output).await });
        for (said, told) in
            [("one\n", "out: one\n"), ("tw", "out: tw"), ("o\n", "o\n"), ("three", "out: three")]
        {
            tokio::io::AsyncWriteExt::write_all(&mut program, said.as_bytes()).await.unwrap();
            let Some(Output::Data(PayloadType::Output, bytes)) = sent.recv().await else { panic!() };
            assert_eq!(bytes, told);
        }
    }

    #[test]
    fn a_program_that_is_not_there_is_told_as_go_tells_it() {
        let missing = io::Error::from(io::ErrorKind::NotFound);
        assert_eq!(exec_error("nosuch", &missing), "exec: \"nosuch\": executable file not found in $PATH");
        assert_eq!(exec_error("/no/such", &missing), "fork/exec /no/such: no such file or directory");
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        assert_eq!(exec_error("/etc/passwd", &denied), "fork/exec /etc/passwd: permission denied");
    }
}
