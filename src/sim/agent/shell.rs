//! A real shell on a real pty, started as the official agent starts one (`shell_unix.go`): without arguments that matter, with
//! `TERM=xterm-256color`, in a terminal of no size until the client tells it one.
//!
//! It is a shell of the user who started the region, on the user's own machine. The prompt says which node is played, and that it
//! is simulated: `[sim:web-1 src]$ `.
//!
//! Two threads do the blocking reads and writes. Reading is paced like the official agent's: a second of silence, then at
//! most 1024 bytes each millisecond.

use std::{
    io::{Read, Write},
    path::PathBuf,
    thread,
    time::Duration,
};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use tokio::sync::mpsc;

use super::{
    Node, Platform,
    handler::{End, Handler, INPUTS, Input, Output},
    output::{Cutter, READ},
    process,
    surroundings::Surroundings,
};
use crate::session::message::{PayloadType, Size};

/// The official agent gives the shell this long before it reads the first output.
const FIRST_READ: Duration = Duration::from_secs(1);
/// And rests this long after every read.
const PAUSE: Duration = Duration::from_millis(1);
/// A running shell. Dropping it kills everything that runs in its terminal.
pub(super) struct Shell {
    master: Box<dyn MasterPty + Send>,
    child: Box<dyn Child + Send + Sync>,
}

/// What is run in a terminal.
#[derive(Debug, Clone, Copy)]
pub(super) enum Job<'a> {
    /// The node's shell, and what is typed into it at once.
    Shell { profile: &'a str },
    /// Commands, by `sh -c`.
    Commands(&'a str),
}

/// Starts a job in a terminal; the error is words for the user.
pub(super) fn start(
    node: &Node,
    job: Job<'_>,
    run_as: Option<&str>,
    unpaced: bool,
) -> Result<Handler, String> {
    let command = command(node, job, run_as, &Surroundings::of_this_process())?;
    let handler = spawn(command, unpaced).map_err(|error| format!("Failed to start pty: {error}\n"))?;
    if let Job::Shell { profile } = job
        && !profile.trim().is_empty()
    {
        // The first of many that there is room for.
        let _ = handler.input.try_send(Input::Data(format!("{profile}\n").into()));
    }
    Ok(handler)
}

fn spawn(command: CommandBuilder, unpaced: bool) -> Result<Handler, String> {
    let no_size = PtySize { rows: 0, cols: 0, pixel_width: 0, pixel_height: 0 };
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let pair = native_pty_system().openpty(no_size).map_err(|error| text(&error))?;
    let reader = pair.master.try_clone_reader().map_err(|error| text(&error))?;
    let writer = pair.master.take_writer().map_err(|error| text(&error))?;
    let child = pair.slave.spawn_command(command).map_err(|error| text(&error))?;
    let (input, writes) = mpsc::channel(INPUTS);
    let (reads, output) = mpsc::channel(1);
    // From here on a failure to start a thread drops the shell, which kills the child.
    let shell = Shell { master: pair.master, child };
    let spawn = |name: &str, work: Box<dyn FnOnce() + Send>| {
        thread::Builder::new().name(name.to_owned()).spawn(work).map(drop).map_err(|error| text(&error))
    };
    spawn("sim-pty-read", Box::new(move || read(reader, &reads, unpaced)))?;
    spawn("sim-pty-write", Box::new(move || write(writer, writes)))?;
    Ok(Handler {
        input,
        output: Some(output),
        terminal: Some(shell),
        _task: None,
        group: None,
        minds_pauses: false,
    })
}

impl Shell {
    /// Gives the terminal a size, as it came: the official agent casts to 16 bits and takes zero too.
    pub(super) fn resize(&self, size: Size) {
        let size =
            PtySize { rows: size.rows as u16, cols: size.cols as u16, pixel_width: 0, pixel_height: 0 };
        if let Err(error) = self.master.resize(size) {
            tracing::debug!(%error, "set pty size failed");
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        // Not reaped before this point, so its id still means it and nobody else.
        if let Some(leader) = self.child.process_id() {
            let terminal = self.master.tty_name();
            process::kill_terminal(leader, self.master.process_group_leader(), terminal.as_deref());
        }
        if let Err(error) = self.child.wait() {
            tracing::debug!(%error, "waiting for the shell failed");
        }
    }
}

/// The thread that reads the terminal.
fn read(mut reader: Box<dyn Read + Send>, reads: &mpsc::Sender<Output>, unpaced: bool) {
    if !unpaced {
        thread::sleep(FIRST_READ);
    }
    let mut buffer = [0; READ];
    let mut cutter = Cutter::default();
    while let Ok(length @ 1..) = reader.read(&mut buffer) {
        let bytes = cutter.cut(&buffer[..length]);
        if reads.blocking_send(Output::Data(PayloadType::Output, bytes)).is_err() {
            return;
        }
        if !unpaced {
            thread::sleep(PAUSE);
        }
    }
    // Without a receiver the session is over already.
    let _ = reads.blocking_send(Output::End(End::done()));
}

/// The thread that writes to the terminal.
fn write(mut writer: Box<dyn Write + Send>, mut writes: mpsc::Receiver<Input>) {
    while let Some(input) = writes.blocking_recv() {
        if let Input::Data(bytes) = input
            && writer.write_all(&bytes).is_err()
        {
            return;
        }
    }
}

/// The PowerShell of this machine; the error is words for the user.
pub(super) fn powershell(node: &Node, around: &Surroundings) -> Result<PathBuf, String> {
    around.find("pwsh").or_else(|| around.find("powershell.exe")).ok_or_else(|| {
        format!(
            "{} is a simulated Windows node, which runs PowerShell, and neither pwsh nor powershell.exe is in the PATH of this \
             machine",
            node.name
        )
    })
}

/// The command line of a job; the error is words for the user.
fn command(
    node: &Node,
    job: Job<'_>,
    run_as: Option<&str>,
    around: &Surroundings,
) -> Result<CommandBuilder, String> {
    let sign = if around.is_root { '#' } else { '$' };
    let name: String = node
        .name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "-._".contains(c) { c } else { '-' })
        .collect();
    let mut prompt = format!("[sim:{name} ${{PWD##*/}}]{sign} ");
    let (program, arguments): (PathBuf, Vec<&str>) = match (job, node.platform) {
        (Job::Shell { .. }, Platform::Windows) => (powershell(node, around)?, vec!["-NoLogo"]),
        (Job::Commands(commands), Platform::Windows) => {
            (powershell(node, around)?, vec!["-NoLogo", "-Command", commands])
        }
        (Job::Commands(commands), _) => ("sh".into(), vec!["-c", commands]),
        (_, Platform::MacOs) if node.shell.is_none() && around.find("zsh").is_some() => {
            prompt = format!("[sim:{name} %1~]{sign} ");
            ("zsh".into(), vec!["-f"])
        }
        (_, Platform::Linux | Platform::MacOs) => match node.shell.as_deref() {
            Some("bash") if around.find("bash").is_some() => ("bash".into(), vec!["--norc", "--noprofile"]),
            _ => ("sh".into(), vec![]),
        },
    };
    let run_as = around.run_as(run_as)?;
    let mut words = run_as.before.iter().cloned().chain([program.into_os_string()]);
    let mut command = CommandBuilder::new(words.next().unwrap_or_default());
    command.args(words);
    command.args(arguments);
    let home = run_as.home.as_deref();
    for (name, value) in around.variables(home) {
        command.env(name, value);
    }
    if let Some(folder) = around.folder(home) {
        command.cwd(folder);
    }
    // The node's prompt, and none of the habits of the user's own shells: no start files, no history.
    command.env("PS1", prompt);
    command.env("HISTFILE", "");
    for name in ["ENV", "BASH_ENV", "PROMPT_COMMAND", "COLUMNS", "LINES"] {
        command.env_remove(name);
    }
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(platform: Platform, shell: Option<&str>) -> Node {
        Node { name: "web-1".to_owned(), platform, shell: shell.map(str::to_owned) }
    }

    fn around(path: &str) -> Surroundings {
        Surroundings { path: path.into(), home: Some("/tmp".into()), lang: None, is_root: false }
    }

    fn line(node: &Node, path: &str) -> String {
        let command = command(node, Job::Shell { profile: "" }, None, &around(path)).unwrap();
        let words: Vec<_> =
            command.get_argv().iter().map(|word| word.to_string_lossy().into_owned()).collect();
        words.join(" ")
    }

    #[cfg(unix)]
    fn folder_with(programs: &[&str]) -> tempfile::TempDir {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        for program in programs {
            let path = folder.path().join(program);
            std::fs::write(&path, "").unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        folder
    }

    #[cfg(unix)]
    #[test]
    fn each_platform_has_its_shell() {
        let folder = folder_with(&["bash", "zsh", "pwsh"]);
        let path = folder.path().to_str().unwrap();
        assert_eq!(line(&node(Platform::Linux, None), path), "sh");
        assert_eq!(line(&node(Platform::Linux, Some("bash")), path), "bash --norc --noprofile");
        assert_eq!(line(&node(Platform::Linux, Some("bash")), ""), "sh", "no bash here");
        assert_eq!(line(&node(Platform::MacOs, None), path), "zsh -f");
        assert_eq!(line(&node(Platform::MacOs, None), ""), "sh");
        assert_eq!(line(&node(Platform::Windows, None), path), format!("{path}/pwsh -NoLogo"));
        let folder = folder_with(&["powershell.exe"]);
        let path = folder.path().to_str().unwrap();
        assert_eq!(line(&node(Platform::Windows, None), path), format!("{path}/powershell.exe -NoLogo"));
    }

    #[test]
    fn commands_are_run_by_sh() {
        let command = command(&node(Platform::Linux, Some("bash")), Job::Commands("a; b"), None, &around(""));
        assert_eq!(*command.unwrap().get_argv(), ["sh", "-c", "a; b"].map(std::ffi::OsString::from));
    }

    #[test]
    fn a_windows_node_without_powershell_says_what_is_missing() {
        let words = command(&node(Platform::Windows, None), Job::Shell { profile: "" }, None, &around(""))
            .unwrap_err();
        assert!(words.contains("web-1 is a simulated Windows node"), "{words}");
        assert!(words.contains("neither pwsh nor powershell.exe"), "{words}");
    }

    #[test]
    fn the_environment_is_that_of_the_official_agent_and_the_prompt_names_the_node() {
        let odd = Node { name: "a$(reboot)`b".to_owned(), platform: Platform::Linux, shell: None };
        let command = command(&odd, Job::Shell { profile: "" }, None, &around("")).unwrap();
        let env = |name: &str| command.get_env(name).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(env("TERM").as_deref(), Some("xterm-256color"));
        assert_eq!(env("LANG").as_deref(), Some("C.UTF-8"));
        assert_eq!(env("HOME").as_deref(), Some("/tmp"));
        assert_eq!(env("PS1").as_deref(), Some("[sim:a--reboot--b ${PWD##*/}]$ "));
        assert_eq!(command.get_cwd().map(|cwd| cwd.to_str().unwrap()), Some("/tmp"));
    }
}
