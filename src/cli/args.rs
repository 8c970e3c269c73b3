//! Every flag, declared once; help, parsing and completions come from here.

use std::{ffi::OsString, path::PathBuf};

use clap::{Parser, Subcommand};

use crate::config::{Config, Route};

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
    /// Profile of the AWS config and credentials files, or several: a,b [env: AWS_PROFILE]
    #[arg(long, global = true, value_name = "NAME", value_delimiter = ',')]
    pub profile: Vec<String>,
    /// Region, such as eu-west-1, or several: every profile is read in each [env: AWS_REGION]
    #[arg(long, global = true, value_name = "REGION", value_delimiter = ',')]
    pub region: Vec<String>,
    /// Profiles and regions that have a name in the config file
    #[arg(long, global = true, value_name = "NAME", conflicts_with_all = ["profile", "region"])]
    pub group: Option<String>,
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
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 (ls) the list is not complete; 128 + N ended by signal N; exec and ssh
end with the code of what they ran.";

/// What to do instead of the app.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// List instances with the state of each
    Ls(Ls),
    /// Open a shell on one instance in this terminal
    Connect(Connect),
    /// Forward ports of this machine to an instance, or through it to other hosts
    Forward(Forward),
    /// Run one command on an instance, with its output and exit code
    Exec(Exec),
    /// Open a session by a document, its parameters checked before the start
    Run(Run),
    /// Run ssh to an instance, without an open port there
    Ssh(Ssh),
    /// Show what was opened when, the newest first
    History(History),
    /// Carry one connection of ssh, as its ProxyCommand
    SshProxy(SshProxy),
    /// Print what makes ssh, scp, sftp and rsync go over Session Manager
    SshConfig(SshConfig),
    /// Sign in: at IAM Identity Center (SSO) or with an MFA code, whichever the profile needs
    Login,
    /// Say why no session can be started on an instance, what mends it, and what could not be seen
    Why(Why),
    /// Check your own side: settings, credentials, network, account, rights, terminal
    Doctor(Doctor),
    /// Run a simulated region for any AWS client
    #[cfg(feature = "sim")]
    Sim(Sim),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

impl Command {
    /// The TARGET of a command that is about one node, if it names one.
    pub fn target<'a>(&'a self, config: &'a Config) -> Option<&'a str> {
        match self {
            Self::Connect(connect) => Some(&connect.target),
            // The name of a saved forward stands for its target.
            Self::Forward(forward) => {
                let saved = config.forwards.get(&forward.target).filter(|_| forward.routes.is_empty());
                Some(saved.map_or(&*forward.target, |saved| &*saved.target))
            }
            Self::Exec(exec) => exec.target.as_deref(),
            Self::Run(run) => run.target.as_deref(),
            // USER@ may stand before it.
            Self::Ssh(ssh) => Some(ssh.target.rsplit_once('@').map_or(&*ssh.target, |(_, target)| target)),
            Self::SshProxy(proxy) => Some(&proxy.host),
            Self::Why(why) => why.target.as_deref(),
            _ => None,
        }
    }
}

/// `ssmtui ls`
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = ls_help())]
pub struct Ls {
    /// Words and filters as in the app's search box: `web prod`, `state:lost`, `tag:env=prod`, `!word`; more below
    pub query: Vec<String>,
    /// List the saved queries of the config file, which are used as @NAME
    #[arg(long, conflicts_with_all = ["query", "json"])]
    pub queries: bool,
    /// A JSON document instead of a table, with --watch a JSON object a line; its form is stable
    #[arg(long)]
    pub json: bool,
    /// Keep reading, at the config file's `refresh`, and print what changes; ctrl-c ends it
    #[arg(long, conflicts_with = "queries")]
    pub watch: bool,
    /// The list as the app has last read it, without asking AWS for anything
    #[arg(long, conflicts_with_all = ["queries", "watch"])]
    pub cached: bool,
}

/// `ssmtui history`
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "The app and the commands that open something write it; `history = false` in the config file turns that off."
)]
pub struct History {
    /// The newest N alone
    #[arg(short = 'n', long, value_name = "N")]
    pub count: Option<usize>,
    /// A JSON document instead of lines; its form is stable
    #[arg(long)]
    pub json: bool,
}

fn ls_help() -> String {
    format!(
        "Queries:\n{}\n\nWhether a node is ready is asked of AWS node by node, for 200 at most; beyond that they are \"online\".",
        crate::fleet::query::help()
    )
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

/// `ssmtui forward`
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
    ssmtui forward web-1 8080:80                 port 80 of web-1 on port 8080 here\n\
    ssmtui forward web-1 5432                    the same port on both ends\n\
    ssmtui forward web-1 :5432                   a free port here\n\
    ssmtui forward web-1 5432:db.internal:5432   what web-1 calls db.internal\n\
    ssmtui forward web-1 0.0.0.0:8080:80         for other machines, too\n\
    ssmtui forward web-1 unix:/tmp/db:5432       a Unix socket here\n\
    ssmtui forward db                            [forwards.db] of the config file\n\n\
    Each address is a line on standard output once it listens. IPv6 stands in brackets. Without a port: from a free one to port 80.")]
pub struct Forward {
    /// Instance id, name, private IP, DNS name, tag:KEY=VALUE, or the name of a forward in the config file
    pub target: String,
    /// From where to where; may be given more than once
    #[arg(value_name = "[[BIND:]LOCAL:][HOST:]REMOTE")]
    pub routes: Vec<Route>,
    /// Carry the connections of each forward over so many sessions, chosen by load
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=16))]
    pub lanes: Option<u8>,
    /// Say what listens as JSON, one line each; its form is stable
    #[arg(long)]
    pub json: bool,
    /// A reason, kept by AWS in the sessions' history
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// `ssmtui exec`
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
    ssmtui exec web-1 -- uptime\n\
    ssmtui exec web-1 -- 'ls /var/log | wc -l'\n\n\
    One word behind -- is a line for the shell there, several are a program and its arguments. ^C goes to the command; a second one \
    leaves. Standard input is not passed on. With Amazon's own document the output comes when the command has ended; a document \
    with separateOutputStream brings it while it runs (--print-document, then [exec] document in the config file).\n\
    Exit codes: the command's own; 1 where it is not known or nothing was run.")]
pub struct Exec {
    /// Instance id, name, private IP, DNS name, or tag:KEY=VALUE
    #[arg(required_unless_present = "print_document")]
    pub target: Option<String>,
    /// The session document to use
    #[arg(long, value_name = "NAME")]
    pub document: Option<String>,
    /// Print a document that brings streams and exit code apart, for `aws ssm create-document`
    #[arg(long)]
    pub print_document: bool,
    /// A reason, kept by AWS in the session's history
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// The command
    #[arg(last = true, value_name = "CMD", required_unless_present = "print_document")]
    pub command: Vec<String>,
}

/// `ssmtui run`
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
    ssmtui run --list\n\
    ssmtui run --describe AWS-StartInteractiveCommand\n\
    ssmtui run AWS-StartInteractiveCommand web-1 command='top -d 1'")]
pub struct Run {
    /// Name or ARN of a session document; with --list a part of the names
    #[arg(required_unless_present = "list")]
    pub document: Option<String>,
    /// Instance id, name, private IP, DNS name, or tag:KEY=VALUE
    #[arg(required_unless_present_any = ["list", "describe"])]
    pub target: Option<String>,
    /// Its parameters; lists have commas
    #[arg(value_name = "NAME=VALUE")]
    pub parameters: Vec<String>,
    /// List the session documents that you may use
    #[arg(long, conflicts_with = "describe")]
    pub list: bool,
    /// Tell what a document takes
    #[arg(long)]
    pub describe: bool,
    /// --list and --describe as JSON; its form is stable
    #[arg(long)]
    pub json: bool,
    /// A reason, kept by AWS in the session's history
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// `ssmtui ssh`
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
    ssmtui ssh web-1\n\
    ssmtui ssh --push-key web-1 uptime\n\
    ssmtui ssh web-1 -L 8080:localhost:80 -N\n\n\
    Our own flags stand before TARGET. Host keys are kept by instance id; exit codes are ssh's own.")]
pub struct Ssh {
    /// Instance id, name, private IP, DNS name, or tag:KEY=VALUE; USER@ may stand before it
    #[arg(value_name = "[USER@]TARGET")]
    pub target: String,
    /// Whom to log in; without it [ssh] user of the config file, else the usual user of the platform's images
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// Make a key for this connection alone and put it on the instance by EC2 Instance Connect
    #[arg(long)]
    pub push_key: bool,
    /// For ssh: its options, the command
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    pub arguments: Vec<OsString>,
}

/// `ssmtui ssh-proxy`
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "In ~/.ssh/config (`ssmtui ssh-config` prints it):\n  \
    Host i-* mi-*\n    ProxyCommand ssmtui ssh-proxy %h %p")]
pub struct SshProxy {
    /// Instance id, name, private IP, DNS name, or tag:KEY=VALUE; NAME--REGION for another region
    pub host: String,
    /// The port there
    #[arg(default_value_t = 22, value_parser = clap::value_parser!(u16).range(1..))]
    pub port: u16,
}

/// `ssmtui ssh-config`
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
    ssmtui ssh-config >> ~/.ssh/config\n\
    ssmtui --profile prod ssh-config 'web-*' 'db-*'\n\
    ssmtui ssh-config --names > ~/.ssh/session-manager     then: Include session-manager")]
pub struct SshConfig {
    /// Host patterns whose names are looked up at each connection
    #[arg(value_name = "PATTERN")]
    pub patterns: Vec<String>,
    /// A block for each named instance, with its id and the usual user of its platform
    #[arg(long)]
    pub names: bool,
}

/// `ssmtui why`
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
    ssmtui why bare-1\n\
    ssmtui why bare-1 --report                     a text for whoever can mend it\n\
    ssmtui why --policy                            the rights that this program can use, as policies\n\
    ssmtui why --message 'User: … is not authorized to perform: …'     what a pasted message means; - reads it from standard input\n\n\
    Only calls that read are made, those that can still change the verdict and no others.\n\
    Exit codes: 0 nothing that is known keeps a session from starting, 4 something does, 1 failed.")]
pub struct Why {
    /// Instance id, name, private IP, DNS name, or tag:KEY=VALUE
    #[arg(required_unless_present_any = ["policy", "message"])]
    pub target: Option<String>,
    /// A JSON document instead of text; its form is stable
    #[arg(long, conflicts_with_all = ["report", "policy", "message"])]
    pub json: bool,
    /// The text of a ticket: the verdict, all that was checked, and the smallest statement that would allow a session
    #[arg(long, conflicts_with_all = ["policy", "message"])]
    pub report: bool,
    /// Print the policies that give the rights which this program can use, for this account and region
    #[arg(long, conflicts_with_all = ["target", "message", "document"])]
    pub policy: bool,
    /// The session document by which a session shall be started; without it a plain shell
    #[arg(long, value_name = "NAME", conflicts_with = "message")]
    pub document: Option<String>,
    /// Explain a message of AWS's consoles or calls; - reads it from standard input
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub message: Option<String>,
}

/// `ssmtui doctor`
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
    Lines stand in the order in which to mend them. \"less\" marks what costs something and stops no session. Rights are found out by dry\n\
    runs, by questions about what does not exist, and by IAM's policy simulator; nothing is changed and nothing is started.\n\
    Exit codes: 0 sessions can be opened from here, as far as can be told; 4 something that they need failed; 1 doctor itself failed.")]
pub struct Doctor {
    /// A JSON document instead of text; its form is stable
    #[arg(long)]
    pub json: bool,
}

/// `ssmtui sim`
#[cfg(feature = "sim")]
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Without CMD it prints one line of exports once it answers, and runs until it is interrupted:\n  \
    ssmtui sim > exports & sleep 1; . ./exports; aws ssm describe-instance-information\n\
    It hands out shells of the user who runs it, and so listens on loopback addresses only.\n\n\
    There are three accounts, each in eu-west-1 and us-east-1. CMD finds AWS files with a profile for every way in (--aws-config\n\
    keeps them): prod, staging, data (keys of a user); behind each of these names -admin, -reader, -limited, -contractor, -mfa-user\n\
    (other users), -ops (a role), -mfa (a role that asks for a code; the secret of the device is in SSMTUI_SIM_MFA_PROD and so on),\n\
    -audit (a role that asks for an external id), -sso, -sso-reader (IAM Identity Center, whose page is on the same address):\n  \
    ssmtui sim -- aws --profile data-ops --region us-east-1 ec2 describe-instances\n\
    --fault deny=ec2:Describe*@staging, throttle=ssm:*:5/s+20@data/us-east-1 and the like happen in these places alone.\n\n\
    With --agents it also speaks TLS on the same port, and an agent that registers there as a hybrid node (mi-…) becomes a node. It\n\
    writes ca.pem (for SSL_CERT_FILE) and amazon-ssm-agent.json (for /etc/amazon/ssm), and says how to start the official agent:\n  \
    SSL_CERT_FILE=ca.pem amazon-ssm-agent -register -y -id ID -code CODE -region eu-west-1\n  \
    SSL_CERT_FILE=ca.pem amazon-ssm-agent\n\
    (Go reads SSL_CERT_FILE on Linux alone; on macOS and Windows ca.pem must be put into the system's store.)\n\
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
    /// Where the synthetic nodes stand: in the primary account and region, or spread over all
    #[arg(long, value_name = "WHERE", value_enum, default_value_t)]
    pub places: crate::sim::Spread,
    /// What the synthetic nodes and the faults are drawn from
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// Let agents send output as fast as they can instead of at the official agent's pace
    #[arg(long)]
    pub unpaced: bool,
    /// What shall go wrong; may be given more than once: cut, drop, dup, reorder, delay, deny=ACTION, throttle, slow=ACTION,
    /// expired; with @ACCOUNT[/REGION] behind it there alone
    #[arg(long, value_name = "SPEC")]
    pub fault: Vec<crate::sim::Fault>,
    /// What the caller may do, after AWS's sample policies: all, all but one of the two SSM lists, or no list at all
    #[arg(long, value_name = "WHICH", value_enum, default_value_t)]
    pub rights: crate::sim::Rights,
    /// Temporary keys last so long, whatever was asked for: 90s, 2h
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub credentials: Option<std::time::Duration>,
    /// So long lasts the sign-in of IAM Identity Center
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "1h")]
    pub sso_token: std::time::Duration,
    /// Six digits that every MFA device takes at any time, beside its own codes
    #[arg(long, value_name = "CODE", value_parser = six_digits)]
    pub mfa_code: Option<String>,
    /// Write `config` and `credentials` with the profiles of all accounts into this folder; a CMD finds them in any case, in a
    /// temporary one
    #[arg(long, value_name = "DIR")]
    pub aws_config: Option<std::path::PathBuf>,
    /// Take signed data channels at their newest URL only; without this, what clients before 1.2.835 do is taken, too
    #[arg(long)]
    pub strict: bool,
    /// The user that the caller's own tag SSMSessionRunAs names; counts where a document has run-as on
    #[arg(long, value_name = "USER")]
    pub run_as: Option<String>,
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

#[cfg(feature = "sim")]
fn time(text: &str) -> Result<std::time::Duration, &'static str> {
    crate::sim::fault::duration(text).ok_or("a time is written as 90s, 15m or 2h")
}

#[cfg(feature = "sim")]
fn six_digits(text: &str) -> Result<String, &'static str> {
    let right = text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit());
    right.then(|| text.to_owned()).ok_or("a code has six digits")
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
            assert_eq!(args.region, ["eu-west-1"]);
            assert!(matches!(args.command, Some(Command::Ls(Ls { query, .. })) if query == ["web"]));
        }
    }

    #[test]
    fn several_profiles_and_regions_are_one_flag_each_and_a_group_stands_alone() {
        let args = Args::try_parse_from(["ssmtui", "--profile", "a,b", "--region", "r1", "--region", "r2"]);
        let args = args.unwrap();
        assert_eq!((args.profile.len(), args.region), (2, vec!["r1".to_owned(), "r2".to_owned()]));
        assert!(Args::try_parse_from(["ssmtui", "--group", "g", "--profile", "a"]).is_err());
    }

    #[test]
    fn exec_takes_the_command_behind_two_dashes_and_ssh_all_that_follows_the_target() {
        let args = Args::try_parse_from(["ssmtui", "exec", "web-1", "--", "ls", "-l", "--json"]).unwrap();
        let Some(Command::Exec(exec)) = args.command else { panic!("exec") };
        assert_eq!(
            (exec.target.as_deref(), exec.command.join(" ").as_str()),
            (Some("web-1"), "ls -l --json")
        );
        assert!(Args::try_parse_from(["ssmtui", "exec", "web-1"]).is_err(), "nothing to run");
        assert!(Args::try_parse_from(["ssmtui", "exec", "--print-document"]).is_ok());
        for line in [
            vec!["ssmtui", "ssh", "--push-key", "web-1", "-v", "ls", "-l"],
            vec!["ssmtui", "ssh", "--push-key", "web-1", "--", "-v", "ls", "-l"],
        ] {
            let args = Args::try_parse_from(line).unwrap();
            let Some(Command::Ssh(ssh)) = args.command else { panic!("ssh") };
            assert!(ssh.push_key);
            assert_eq!(ssh.arguments, ["-v", "ls", "-l"]);
        }
    }

    #[test]
    fn forwards_are_read_and_refused_here() {
        let args =
            Args::try_parse_from(["ssmtui", "forward", "web-1", "8080:80", "5432:db:5432", "--lanes", "4"]);
        let Some(Command::Forward(forward)) = args.unwrap().command else { panic!("forward") };
        assert_eq!((forward.routes.len(), forward.lanes), (2, Some(4)));
        let wrong = Args::try_parse_from(["ssmtui", "forward", "web-1", "80:x"]).unwrap_err().to_string();
        assert!(wrong.contains("`x` is no port"), "{wrong}");
        assert!(Args::try_parse_from(["ssmtui", "forward", "web-1", "--lanes", "0"]).is_err());
    }

    #[test]
    fn run_needs_a_target_unless_it_only_tells() {
        for line in [
            vec!["run", "--list"],
            vec!["run", "--list", "Start"],
            vec!["run", "--describe", "D"],
            vec!["run", "D", "web", "a=b"],
        ] {
            assert!(
                Args::try_parse_from(std::iter::once("ssmtui").chain(line.iter().copied())).is_ok(),
                "{line:?}"
            );
        }
        assert!(Args::try_parse_from(["ssmtui", "run", "D"]).is_err());
    }

    #[cfg(feature = "sim")]
    #[test]
    fn what_follows_two_dashes_is_the_command() {
        let args = Args::try_parse_from(["ssmtui", "sim", "--seed", "7", "--", "sh", "-c", "true"]).unwrap();
        let Some(Command::Sim(sim)) = args.command else { panic!("sim") };
        assert_eq!((sim.seed, sim.command.len()), (7, 3));
    }
}
