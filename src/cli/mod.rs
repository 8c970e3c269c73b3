//! The command line: flags declared once in `args`, one file per subcommand. The only room that prints.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "printing is this room's job")]

#[cfg(feature = "sim")]
mod agents;
mod args;
mod connect;
mod doctor;
mod exec;
#[cfg(feature = "sim")]
mod folder;
mod forward;
mod history;
mod inventory;
mod login;
mod ls;
mod plugin;
#[cfg(feature = "sim")]
mod profiles;
mod run;
mod signal;
#[cfg(feature = "sim")]
mod sim;
mod ssh;
mod target;
mod watch;
mod why;

use std::{fmt, io, process::ExitCode};

use clap::{CommandFactory, Parser};

use args::Ls;
pub use args::{Args, Command};

use crate::{
    aws::{self, Connector, Ground, Scope},
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
    /// The signal of this number asks us to end.
    Signal(u8),
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
            Self::PipeClosed | Self::Signal(_) => Ok(()),
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
        Err(Failure::Signal(number)) => ExitCode::from(128 + number),
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
    let config = match Config::load() {
        // What is wrong with the file is one of its lines.
        Err(_) if matches!(args.command, Some(Command::Doctor(_))) => Config::default(),
        loaded => loaded?,
    };
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
    if let Some(Command::History(wanted)) = &args.command {
        return history::run(&config, wanted);
    }
    let scopes = scopes(&args, &config)?;
    let (ground, region) = ground(args.demo).await?;
    let scopes = scopes.into_iter().map(|scope| ground.named(scope)).collect();
    let result = match args.command {
        Some(command) => of_command(command, &ground, scopes, &config).await,
        None => app(ground, scopes, config).await,
    };
    region.end().await;
    result
}

async fn of_command(
    command: Command,
    ground: &Ground,
    scopes: Vec<Scope>,
    config: &Config,
) -> Result<ExitCode, Failure> {
    let connectors: Vec<Connector> = scopes.into_iter().map(|scope| ground.connector(scope)).collect();
    let mut asked = None;
    // `login` asks by itself, and `doctor` tells of what is missing.
    if !matches!(command, Command::Login | Command::Doctor(_) | Command::Ls(Ls { cached: true, .. })) {
        for connector in &connectors {
            match login::ensure(connector, &mut asked).await {
                // One that cannot be signed in holds up no other; the list says what is missing for want of it.
                Err(failure) if connectors.len() > 1 && !matches!(failure, Failure::Signal(_)) => {
                    eprintln!("ssmtui: {failure}");
                }
                done => done?,
            }
        }
    }
    let work = work(command, connectors, config);
    match asked {
        // Whoever has listened for signals once must go on, or nothing ends the program until the command itself listens.
        Some(mut signals) => tokio::select! {
            result = work => result,
            number = signals.end_unless_shared() => Err(Failure::Signal(number)),
        },
        None => work.await,
    }
}

async fn work(command: Command, connectors: Vec<Connector>, config: &Config) -> Result<ExitCode, Failure> {
    if let Command::Ls(ls) = command {
        return ls::run(&connectors, config, &ls).await;
    }
    let connector = target::choose(connectors, command.target(config)).await?;
    match command {
        Command::Login => login::run(&connector).await,
        Command::Why(why) => why::run(&connector, &why).await,
        Command::Doctor(doctor) => doctor::run(&connector, &doctor).await,
        Command::Connect(connect) => connect::run(&connector, config, &connect).await,
        Command::Forward(forward) => forward::run(&connector, config, &forward).await,
        Command::Exec(exec) => exec::run(&connector, config, &exec).await,
        Command::Run(run) => run::run(&connector, config, &run).await,
        Command::Ssh(ssh) => ssh::run(&connector, config, &ssh).await,
        Command::SshProxy(proxy) => ssh::proxy(&connector, config, &proxy).await,
        Command::SshConfig(settings) => ssh::config(&connector, &settings).await,
        // Those that need no account were done before.
        Command::Ls(_) | Command::History(_) | Command::Completions { .. } => Ok(ExitCode::SUCCESS),
        #[cfg(feature = "sim")]
        Command::Sim(_) => Ok(ExitCode::SUCCESS),
    }
}

/// Every profile in every region that the command line names, or the group of the config file.
fn scopes(args: &Args, config: &Config) -> Result<Vec<Scope>, Failure> {
    let pairs = match &args.group {
        None => config::pairs(&args.profile, &args.region),
        Some(name) => match config.groups.get(name) {
            Some(group) => group.pairs(),
            None => {
                let names: Vec<&str> = config.groups.keys().map(String::as_str).collect();
                let why = match names.as_slice() {
                    [] => "the config file has none".to_owned(),
                    names => format!("the config file has {}", names.join(", ")),
                };
                let next = format!("add it: [groups.{name}] with profiles = [...] and regions = [...]");
                return Err(Failure::told(format!("there is no group `{name}`"), why, next));
            }
        },
    };
    Ok(pairs.into_iter().map(|(profile, region)| Scope { profile, region }).collect())
}

async fn app(ground: Ground, scopes: Vec<Scope>, config: Config) -> Result<ExitCode, Failure> {
    match tui::run(tui::Options { ground, scopes, config }).await {
        Ok(None) => Ok(ExitCode::SUCCESS),
        Ok(Some(signal)) => Ok(ExitCode::from(128 + signal)),
        Err(error) => Err(Failure::told(error.to_string(), "", "")),
    }
}

/// Whose AWS is asked, and the region in this process, if there is one.
async fn ground(demo: bool) -> Result<(Ground, InProcess), Failure> {
    if !demo {
        return Ok((Ground::Environment, InProcess::none()));
    }
    #[cfg(feature = "sim")]
    {
        let (_, region) = sim::start(crate::sim::Options::default()).await?;
        let all = sim::places(&region);
        Ok((Ground::Simulated(all), InProcess { region: Some(region) }))
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
