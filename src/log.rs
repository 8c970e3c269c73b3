//! Tracing to a file. Off unless asked for, never on the screen, and without secrets.
//!
//! Our own code logs ids, sizes, times and words, never payloads; its secret types print `[redacted]`. Libraries are
//! held to warnings whatever the level: below that the SDK and the HTTP client print whole requests and answers, tokens
//! among them.

use std::{
    fs::{File, OpenOptions},
    io,
    path::Path,
    sync::Mutex,
};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};

/// The variable beside `--log-level`.
pub const LEVEL_VARIABLE: &str = "SSMTUI_LOG";

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Level {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl From<Level> for LevelFilter {
    fn from(level: Level) -> Self {
        match level {
            Level::Error => Self::ERROR,
            Level::Warn => Self::WARN,
            Level::Info => Self::INFO,
            Level::Debug => Self::DEBUG,
            Level::Trace => Self::TRACE,
        }
    }
}

/// Starts logging for this process, behind what the file holds already.
///
/// # Errors
/// The file cannot be opened.
pub fn start(path: &Path, level: Level) -> io::Result<()> {
    let file = open(path)?;
    tracing_subscriber::registry().with(layer(file)).with(targets(level)).init();
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "started");
    Ok(())
}

/// One level for our own targets, warnings at most from everybody else.
fn targets(level: Level) -> Targets {
    let own = LevelFilter::from(level);
    Targets::new().with_target(env!("CARGO_CRATE_NAME"), own).with_default(own.min(LevelFilter::WARN))
}

fn layer<S>(file: File) -> impl tracing_subscriber::Layer<S>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    tracing_subscriber::fmt::layer().with_ansi(false).with_writer(Mutex::new(file))
}

/// For the owner's eyes only, also where the file was there before.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
        let file = options.mode(0o600).open(path)?;
        let now = file.metadata()?;
        if now.is_file() && now.permissions().mode() & 0o077 != 0 {
            file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
        }
        Ok(file)
    }
    #[cfg(not(unix))]
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logged(level: Level, act: impl FnOnce()) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let subscriber =
            tracing_subscriber::registry().with(layer(open(&path).unwrap())).with(targets(level));
        tracing::subscriber::with_default(subscriber, act);
        std::fs::read_to_string(&path).unwrap()
    }

    #[test]
    fn libraries_stay_at_warnings_even_at_trace() {
        let text = logged(Level::Trace, || {
            tracing::trace!("own trace");
            tracing::trace!(target: "aws_smithy_runtime::client", "body s3cret");
            tracing::debug!(target: "aws_config::profile", "keys s3cret");
            tracing::info!(target: "hyper::proto", "head s3cret");
            tracing::warn!(target: "rustls", "a warning");
        });
        assert!(text.contains("own trace") && text.contains("a warning"), "{text}");
        assert!(!text.contains("s3cret"), "{text}");
    }

    #[test]
    fn the_level_holds_for_ourselves() {
        let text = logged(Level::Error, || {
            tracing::error!("loud");
            tracing::warn!("quiet");
            tracing::warn!(target: "rustls", "quiet, too");
        });
        assert!(text.contains("loud") && !text.contains("quiet"), "{text}");
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read_the_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        open(&path).unwrap();
        assert_eq!(mode(&path), 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        open(&path).unwrap();
        assert_eq!(mode(&path), 0o600, "a file that was there is closed to others, too");
    }
}
