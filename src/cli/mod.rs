//! The command line: flags declared once in `args`, one file per subcommand. The only room that prints.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "printing is this room's job")]

#[cfg(feature = "sim")]
mod agents;
mod args;
mod connect;
mod exec;
mod forward;
mod inventory;
mod ls;
mod plugin;
mod run;
mod signal;
#[cfg(feature = "sim")]
mod sim;
mod ssh;
mod target;

use std::{fmt, io, process::ExitCode};

use clap::{CommandFactory, Parser};

pub use args::{Args, Command};

use crate::{
    aws::{self, Connector, Scope},
    config::{self, Config},
    log, tui,
};

/// Why a command failed; printed once, by [`run`].
#[derive(Debug)]
enum Failure {
    /// What, why and next, from AWS.
    Aws(Box<aws::Error>),
    /// The config file.
    Config(config::Error),
    /// Anything else in three parts; empty ones are left out.
    Told { what: String, why: String, next: String },
    /// The reader of our output has gone: nothing to say to it.
    PipeClosed,
}

impl Failure {
    fn told(what: impl Into<String>, why: impl Into<String>, next: impl Into<String>) -> Self {
        Self::Told { what: what.into(), why: why.into(), next: next.into() }
    }

    /// For a failed print.
    fn output(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::PipeClosed,
            _ => Self::told("cannot write the output", error.to_string(), ""),
        }
    }
}

impl From<aws::Error> for Failure {
    fn from(error: aws::Error) -> Self {
        Self::Aws(Box::new(error))
    }
}

impl From<config::Error> for Failure {
    fn from(error: config::Error) -> Self {
        Self::Config(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Aws(error) => f.write_str(&error.told()),
            Self::Config(error) => error.fmt(f),
            Self::Told { what, why, next } => {
                f.write_str(what)?;
                for (label, part) in [("why ", why), ("next", next)] {
                    if !part.is_empty() {
                        write!(f, "\n  {label}  {part}")?;
                    }
                }
                Ok(())
            }
            Self::PipeClosed => Ok(()),
        }
    }
}

/// Reads the arguments, does what they say, prints a failure once.
pub fn run() -> ExitCode {
    let mut arguments = std::env::args_os();
    if plugin::is_called(arguments.next().as_deref()) {
        return plugin::run(arguments);
    }
    let args = Args::parse();
    match dispatch(args) {
        Ok(code) => code,
        Err(Failure::PipeClosed) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("ssmtui: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(args: Args) -> Result<ExitCode, Failure> {
    if let Some(Command::Completions { shell }) = args.command {
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut Args::command(), "ssmtui", &mut text);
        print(&text)?;
        return Ok(ExitCode::SUCCESS);
    }
    let config = Config::load()?;
    if let Some(path) = &args.log {
        log::start(path, args.log_level).map_err(|error| {
            Failure::told(format!("cannot write the log file {}", path.display()), error.to_string(), "")
        })?;
    }
    let runtime = threads(&args)
        .enable_all()
        .build()
        .map_err(|error| Failure::told("cannot start", error.to_string(), ""))?;
    let result = runtime.block_on(command(args, config));
    // What still waits for a network has nobody to tell.
    runtime.shutdown_background();
    result
}

/// One thread carries one session fastest: a key and its echo wake no other on their way.
fn threads(args: &Args) -> tokio::runtime::Builder {
    match args.command {
        Some(Command::Connect(_) | Command::SshProxy(_)) if !args.demo => {
            tokio::runtime::Builder::new_current_thread()
        }
        _ => {
            let workers = std::thread::available_parallelism().map_or(2, |n| n.get().clamp(2, 4));
            let mut builder = tokio::runtime::Builder::new_multi_thread();
            builder.worker_threads(workers);
            builder
        }
    }
}

async fn command(args: Args, config: Config) -> Result<ExitCode, Failure> {
    #[cfg(feature = "sim")]
    if let Some(Command::Sim(sim)) = args.command {
        return sim::run(sim).await;
    }
    let scope = Scope { profile: args.profile, region: args.region };
    let Where { connector, region } = place(scope, args.demo).await?;
    let result = match args.command {
        Some(Command::Ls(ls)) => ls::run(&connector, &ls).await,
        Some(Command::Connect(connect)) => connect::run(&connector, &connect).await,
        Some(Command::Forward(forward)) => forward::run(&connector, &config, &forward).await,
        Some(Command::Exec(exec)) => exec::run(&connector, &config, &exec).await,
        Some(Command::Run(run)) => run::run(&connector, &run).await,
        Some(Command::Ssh(ssh)) => ssh::run(&connector, &config, &ssh).await,
        Some(Command::SshProxy(proxy)) => ssh::proxy(&connector, &proxy).await,
        Some(Command::SshConfig(settings)) => ssh::config(&connector, &settings).await,
        _ => app(connector, args.demo, config).await,
    };
    region.end().await;
    result
}

async fn app(connector: Connector, demo: bool, config: Config) -> Result<ExitCode, Failure> {
    match tui::run(tui::Options { connector, demo, config }).await {
        Ok(None) => Ok(ExitCode::SUCCESS),
        Ok(Some(signal)) => Ok(ExitCode::from(128 + signal)),
        Err(error) => Err(Failure::told(error.to_string(), "", "")),
    }
}

/// How to get at AWS, and the region in this process, if there is one.
struct Where {
    connector: Connector,
    region: InProcess,
}

async fn place(scope: Scope, demo: bool) -> Result<Where, Failure> {
    if !demo {
        return Ok(Where { connector: Connector::Environment(scope), region: InProcess::none() });
    }
    #[cfg(feature = "sim")]
    {
        let (simulated, region) = sim::start(crate::sim::Options::default()).await?;
        Ok(Where { connector: Connector::Simulated(simulated), region: InProcess { region: Some(region) } })
    }
    #[cfg(not(feature = "sim"))]
    Err(Failure::told("this build has no simulated region", "it was built without the feature `sim`", ""))
}

/// A region that lives as long as the command.
struct InProcess {
    #[cfg(feature = "sim")]
    region: Option<crate::sim::Region>,
}

impl InProcess {
    fn none() -> Self {
        Self {
            #[cfg(feature = "sim")]
            region: None,
        }
    }

    async fn end(self) {
        #[cfg(feature = "sim")]
        if let Some(region) = self.region {
            region.shutdown().await;
        }
    }
}

/// To standard output, all of it or a failure.
fn print(bytes: &[u8]) -> Result<(), Failure> {
    use io::Write;
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|error| Failure::output(&error))
}

/// Names and tags come from whoever may tag an instance: no control character of theirs reaches the terminal.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Quotes for the shell only where the shell would read more into it.
fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:+=@".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\'', r"'\''"))
}

/// A child's own code; 128 + N for a signal, as shells have it.
fn exit_code(status: std::process::ExitStatus) -> ExitCode {
    use std::os::unix::process::ExitStatusExt;
    if let Some(signal) = status.signal() {
        return ExitCode::from(u8::try_from(128 + signal).unwrap_or(u8::MAX));
    }
    ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_a_shell() {
        assert_eq!(quoted("http://127.0.0.1:4000"), "http://127.0.0.1:4000");
        assert_eq!(quoted("a b'c"), r"'a b'\''c'");
        assert_eq!(quoted(""), "''");
    }
}
