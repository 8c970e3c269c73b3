//! Every flag, declared once; help, parsing and completions come from here.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// AWS Session Manager in the terminal
///
/// Without a command, the app: your fleet as a list, the reason why what cannot be reached cannot be reached, and
/// shells in tabs. Profiles, regions, credentials and endpoints are found as the AWS CLI finds them; neither that nor
/// its session plugin is needed.
#[derive(Debug, Clone, Parser)]
#[command(name = "ssmtui", version, max_term_width = 100, after_help = AFTER_HELP, disable_help_subcommand = true)]
#[command(about = "ssmtui: AWS Session Manager in the terminal", long_version = LONG_VERSION)]
pub struct Args {
    /// What to do instead of the app.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Profile of the AWS config and credentials files [env: AWS_PROFILE]
    #[arg(long, global = true, value_name = "NAME", conflicts_with = "demo")]
    pub profile: Option<String>,
    /// Region, such as eu-west-1 [env: AWS_REGION]
    #[arg(long, global = true, value_name = "REGION", conflicts_with = "demo")]
    pub region: Option<String>,
    /// Use a simulated region inside this process: no AWS account, real shells of this machine
    #[arg(long, global = true)]
    pub demo: bool,
    /// Write a log to this file; it never holds keys, tokens or session data
    #[arg(long, global = true, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// How much to log
    #[arg(long, global = true, value_name = "LEVEL", env = crate::log::LEVEL_VARIABLE, default_value = "debug")]
    #[arg(hide_env_values = true)]
    pub log_level: crate::log::Level,
}

const LONG_VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (AWS Session Manager in the terminal)");

const AFTER_HELP: &str = "\
Try it without an AWS account:
  ssmtui --demo

Settings: config.toml in the platform's config folder for ssmtui, or the file that SSMTUI_CONFIG names.
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 (ls) the list is not complete; 128 + N ended by signal N.";

/// What to do instead of the app.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// List instances with the state of each
    Ls(Ls),
    /// Open a shell on one instance in this terminal
    Connect(Connect),
    /// Run a simulated region for any AWS client
    #[cfg(feature = "sim")]
    Sim(Sim),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// `ssmtui ls`
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Whether a node is ready is asked of AWS node by node, for 200 at most; beyond that they are \"online\"."
)]
pub struct Ls {
    /// Words and filters as in the app's search box: `web prod`, `state:lost`, `tag:env=prod`, `!word`
    pub query: Vec<String>,
    /// A JSON document instead of a table; its form is stable
    #[arg(long)]
    pub json: bool,
}

/// `ssmtui connect`
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "In the session, after a new line: ~. ends it whatever the network does, ~? lists these, ~~ sends one ~.\n\
    Where input is no terminal these count for nothing, and the end of input ends the shell."
)]
pub struct Connect {
    /// Instance id, name, private IP, DNS name, or tag:KEY=VALUE
    pub target: String,
    /// A reason, kept by AWS in the session's history
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// `ssmtui sim`
#[cfg(feature = "sim")]
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Without CMD it prints one line of exports once it answers, and runs until it is interrupted:\n  \
    ssmtui sim > exports & sleep 1; . ./exports; aws ssm describe-instance-information\n\
    It hands out shells of the user who runs it, and so listens on loopback addresses only.\n\n\
    With --agents it also speaks TLS on the same port, and an agent that registers there as a hybrid node (mi-…) becomes a node. It\n\
    writes ca.pem (for SSL_CERT_FILE) and amazon-ssm-agent.json (for /etc/amazon/ssm), and says how to start the official agent:\n  \
    SSL_CERT_FILE=ca.pem amazon-ssm-agent -register -y -id ID -code CODE -region eu-west-1\n  \
    SSL_CERT_FILE=ca.pem amazon-ssm-agent\n\
    CMD finds the same in SSMTUI_AGENT_ENDPOINT, _ACTIVATION_ID, _ACTIVATION_CODE, _CA and _CONFIG. A registration is good for as\n\
    long as the region runs."
)]
pub struct Sim {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub listen: std::net::SocketAddr,
    /// So many synthetic nodes beside the sample fleet, at most 100000
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub nodes: usize,
    /// What the synthetic nodes and the faults are drawn from
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// Let agents send output as fast as they can instead of at the official agent's pace
    #[arg(long)]
    pub unpaced: bool,
    /// What shall go wrong; may be given more than once: cut, drop, dup, reorder, delay, deny=ACTION, throttle, slow=ACTION,
    /// expired
    #[arg(long, value_name = "SPEC")]
    pub fault: Vec<crate::sim::Fault>,
    /// What the caller may do, after AWS's sample policies: all, all but one of the two SSM lists, or no list at all
    #[arg(long, value_name = "WHICH", value_enum, default_value_t)]
    pub rights: crate::sim::Rights,
    /// Take signed data channels at their newest URL only; without this, what clients before 1.2.835 do is taken, too
    #[arg(long)]
    pub strict: bool,
    /// Take agents, too: one that registers with the activation that is printed becomes a node
    #[arg(long)]
    pub agents: bool,
    /// Where to put the files that agents need; without this, a temporary folder
    #[arg(long, value_name = "DIR", requires = "agents")]
    pub agents_dir: Option<std::path::PathBuf>,
    /// Run this with the region in its environment, and end with its exit code
    #[arg(last = true, value_name = "CMD")]
    pub command: Vec<std::ffi::OsString>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_declaration_holds_together() {
        Args::command().debug_assert();
    }

    #[test]
    fn help_and_version_name_the_product() {
        assert!(Args::command().render_help().to_string().contains("Session Manager"));
        assert!(Args::command().render_long_version().contains("Session Manager"));
    }

    #[test]
    fn global_flags_stand_before_or_behind_the_command() {
        for line in [
            ["ssmtui", "--region", "eu-west-1", "ls", "web"],
            ["ssmtui", "ls", "web", "--region", "eu-west-1"],
        ] {
            let args = Args::try_parse_from(line).unwrap();
            assert_eq!(args.region.as_deref(), Some("eu-west-1"));
            assert!(matches!(args.command, Some(Command::Ls(Ls { query, .. })) if query == ["web"]));
        }
    }

    #[test]
    fn the_demo_has_no_profile() {
        assert!(Args::try_parse_from(["ssmtui", "--demo", "--profile", "x"]).is_err());
    }

    #[cfg(feature = "sim")]
    #[test]
    fn what_follows_two_dashes_is_the_command() {
        let args = Args::try_parse_from(["ssmtui", "sim", "--seed", "7", "--", "sh", "-c", "true"]).unwrap();
        let Some(Command::Sim(sim)) = args.command else { panic!("sim") };
        assert_eq!((sim.seed, sim.command.len()), (7, 3));
    }
}
