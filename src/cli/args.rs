//! Every flag, declared once; help, parsing and completions come from here.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// AWS Session Manager in the terminal
///
/// Without a command, the app: your fleet as a list, why what cannot be reached cannot be reached, and shells in tabs.
/// Profiles, regions, credentials and endpoints are found as the AWS CLI finds them; neither that nor its session
/// plugin is needed.
#[derive(Debug, Clone, Parser)]
#[command(name = "ssmtui", version, max_term_width = 100)]
pub struct Args {
    /// What to do instead of the app.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Profile of the AWS config and credentials files
    #[arg(long, global = true, value_name = "NAME", conflicts_with = "demo")]
    pub profile: Option<String>,
    /// Region, such as eu-west-1
    #[arg(long, global = true, value_name = "REGION", conflicts_with = "demo")]
    pub region: Option<String>,
    /// Use a simulated region inside this process: no AWS account, real shells of this machine
    #[arg(long, global = true)]
    pub demo: bool,
    /// Write a log to this file; it never holds keys, tokens or session data
    #[arg(long, global = true, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// How much to log: error, warn, info, debug or trace
    #[arg(long, global = true, value_name = "LEVEL", env = "SSMTUI_LOG", default_value = "debug")]
    pub log_level: crate::log::Level,
}

/// What to do instead of the app.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// List instances, the state of each, and what matches a query
    Ls(Ls),
    /// Open a shell on one instance in this terminal
    Connect(Connect),
}

/// `ssmtui ls`
#[derive(Debug, Clone, clap::Args)]
pub struct Ls {
    /// Words and filters, as in the app's search box: `web prod`, `state:lost`, `tag:env=prod`, `!word`
    pub query: Vec<String>,
    /// A stable JSON document instead of a table
    #[arg(long)]
    pub json: bool,
}

/// `ssmtui connect`
#[derive(Debug, Clone, clap::Args)]
pub struct Connect {
    /// Instance id, name, private IP, DNS name, or tag:KEY=VALUE
    pub target: String,
}
