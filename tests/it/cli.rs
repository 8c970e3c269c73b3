//! The subcommands as a script or a user at a terminal meets them: the built binary, an empty home, a region of its own.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use tempfile::TempDir;

use crate::harness::{Program, Screen};

const BINARY: &str = env!("CARGO_BIN_EXE_ssmtui");

/// A home without settings, and a region if one was asked for.
struct World {
    home: TempDir,
    region: Option<Child>,
    environment: Vec<(String, String)>,
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(mut region) = self.region.take() {
            let _ = region.kill();
            let _ = region.wait();
        }
    }
}

impl World {
    fn empty() -> Self {
        Self { home: tempfile::tempdir().unwrap(), region: None, environment: Vec::new() }
    }

    fn with_region(flags: &[&str]) -> Self {
        let mut world = Self::empty();
        let mut region = world.command(&["sim"]).args(flags).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(region.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let exports = line.strip_prefix("export ").expect("the readiness line");
        world.environment = exports
            .split_whitespace()
            .map(|pair| pair.split_once('=').unwrap())
            .map(|(name, value)| (name.to_owned(), value.trim_matches('\'').to_owned()))
            .collect();
        world.region = Some(region);
        world
    }

    fn set(mut self, name: &str, value: &str) -> Self {
        self.environment.retain(|(held, _)| held != name);
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    fn file(&self, path: &str, text: &str) {
        let path = self.home.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn variables(&self) -> Vec<(String, String)> {
        let home = self.home.path().display().to_string();
        let mut variables = vec![
            ("PATH".to_owned(), std::env::var("PATH").unwrap()),
            ("HOME".to_owned(), home),
            ("TERM".to_owned(), "xterm-256color".to_owned()),
            ("AWS_EC2_METADATA_DISABLED".to_owned(), "true".to_owned()),
        ];
        variables.extend(self.environment.iter().cloned());
        variables
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command.args(args).env_clear().envs(self.variables()).stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    fn typed(&self, args: &[&str], input: &str) -> Output {
        let mut command = self.command(args);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    fn terminal(&self, args: &[&str]) -> Terminal {
        Terminal::start(BINARY, args, &self.variables())
    }
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A program on a pty, by all that it has written: what a screen would have scrolled away counts too.
struct Terminal(Program);

impl Terminal {
    fn start(program: &str, args: &[&str], variables: &[(String, String)]) -> Self {
        Self(Program::start(program, args, variables, 24, 100))
    }

    #[track_caller]
    fn wait_until(&self, words: &str) {
        self.0.wait_until(words, |screen| written(screen).contains(words));
    }

    fn press(&mut self, keys: &str) {
        self.0.press(keys);
    }

    fn code(&mut self) -> u32 {
        self.0.wait_exit().0
    }
}

fn written(screen: &Screen) -> String {
    String::from_utf8_lossy(screen.raw()).into_owned()
}

#[test]
fn ls_prints_an_aligned_table_and_stable_json() {
    let world = World::with_region(&[]);
    let table = world.run(&["ls"]);
    assert!(table.status.success() && stderr(&table).is_empty(), "{}", stderr(&table));
    let text = stdout(&table);
    let heading = text.lines().next().unwrap();
    let state = heading.find("STATE").unwrap();
    let row =
        |name: &str| text.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap().to_owned();
    assert!(row("web-1")[state..].starts_with("ready "), "{text}");
    assert!(row("bare-1")[state..].starts_with("not configured "), "{text}");
    assert!(
        row("lost-1")[state..].starts_with("lost ") && row("idle-1")[state..].starts_with("stopped "),
        "{text}"
    );

    let json = world.run(&["ls", "--json", "web-1"]);
    let document: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((&document["complete"], &document["region"]), (&true.into(), &"eu-west-1".into()));
    let web = &document["instances"][0];
    assert_eq!((&web["name"], &web["state"]), (&"web-1".into(), &"ready".into()));
    for member in
        ["id", "target", "reason", "platform", "agent_version", "last_seen", "private_ip", "zone", "tags"]
    {
        assert!(web.get(member).is_some(), "{member}: {web}");
    }
}

#[test]
fn ls_takes_the_filters_of_the_search_box() {
    let world = World::with_region(&[]);
    let found = stdout(&world.run(&["ls", "state:lost"]));
    assert!(found.contains("lost-1") && !found.contains("web-1"), "{found}");
    let none = world.run(&["ls", "zzzzqqq"]);
    assert!(none.status.success() && stdout(&none).is_empty());
    assert!(stderr(&none).contains("instances matches `zzzzqqq`"), "{}", stderr(&none));
}

#[test]
fn peers_c36_every_page_is_listed() {
    let world = World::with_region(&["--nodes", "2600"]);
    let document: serde_json::Value = serde_json::from_slice(&world.run(&["ls", "--json"]).stdout).unwrap();
    let rows = document["instances"].as_array().unwrap().len();
    assert!(rows > 2600, "three pages of EC2 and fifty of SSM: {rows}");
    assert_eq!(document["complete"], true);
}

#[test]
fn peers_c37_a_source_that_fails_keeps_the_rows_of_the_other() {
    for (action, kept, lost) in
        [("ssm:DescribeInstance*", "bare-1", "lab-db"), ("ec2:DescribeInstances", "lab-db", "bare-1")]
    {
        let world = World::with_region(&["--fault", &format!("deny={action}")]);
        let output = world.run(&["ls"]);
        let text = stdout(&output);
        assert!(text.contains(kept) && !text.contains(lost), "{action}: {text}");
        let said = stderr(&output);
        assert!(said.contains("is denied to you"), "{action}: {said}");
        assert!(output.status.success(), "a denial is no failure");
        let json: serde_json::Value = serde_json::from_slice(&world.run(&["ls", "--json"]).stdout).unwrap();
        assert_eq!((&json["complete"], json["missing"].as_array().unwrap().len()), (&false.into(), 1));
    }
}

#[test]
fn where_one_ssm_list_is_denied_the_other_is_asked() {
    let world = World::with_region(&["--fault", "deny=ssm:DescribeInstanceInformation"]);
    let output = world.run(&["ls", "--json"]);
    assert!(stderr(&output).is_empty(), "both of AWS's samples give a quiet list: {}", stderr(&output));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["complete"], true);
    assert!(stdout(&output).contains("lab-db"));
}

#[test]
fn nothing_that_may_be_listed_is_an_error_with_the_rights_to_ask_for() {
    let world = World::with_region(&[
        "--fault",
        "deny=ssm:DescribeInstance*",
        "--fault",
        "deny=ec2:DescribeInstances",
    ]);
    let output = world.run(&["ls"]);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(
        said.contains("ssm:DescribeInstanceInformation") && said.contains("ec2:DescribeInstances"),
        "{said}"
    );
}

#[test]
fn trouble_of_the_caller_is_told_with_what_mends_it() {
    let cases: [(World, &[&str], &str, &str); 5] = [
        (World::empty(), &["ls"], "no region is set", "pass --region"),
        (World::empty(), &["--region", "eu-west-1", "ls"], "there are no credentials", "aws configure"),
        (
            World::empty(),
            &["--profile", "nope", "ls"],
            "there is no profile `nope`",
            "aws configure --profile nope",
        ),
        (
            World::with_region(&[]).set("AWS_SECRET_ACCESS_KEY", "wrong"),
            &["ls"],
            "the signature does not match",
            "enter the keys again",
        ),
        (
            World::with_region(&[]).set("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
            &["connect", "web-1"],
            "no connection to AWS",
            "AWS_ENDPOINT_URL",
        ),
    ];
    for (world, args, what, next) in cases {
        let output = world.run(args);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(what) && said.contains(next), "{args:?}: {said}");
        assert!(said.contains("\n  why   ") && said.contains("\n  next  "), "{said}");
        assert!(stdout(&output).is_empty(), "failures belong to stderr");
    }
}

#[test]
fn an_ended_sso_login_names_the_profile_to_sign_in() {
    let world = World::empty();
    world.file(
        ".aws/config",
        "[profile prod]\nregion = eu-west-1\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = ops\n\
         [sso-session corp]\nsso_region = eu-west-1\nsso_start_url = https://corp.example/start\n",
    );
    let said = stderr(&world.run(&["--profile", "prod", "ls"]));
    assert!(said.contains("no SSO login on this machine for profile `prod`"), "{said}");
    assert!(said.contains("run `ssmtui login --profile prod`"), "{said}");
    let unknown = stderr(&world.run(&["--profile", "prd", "ls"]));
    assert!(unknown.contains("credentials files have") && unknown.contains("prod"), "{unknown}");
}

#[test]
fn a_wrong_config_file_is_refused_with_its_place() {
    let world = World::empty();
    world.file("mine.toml", "refresh = \"30s\"\nledaer = \"ctrl-a\"\n");
    let path = world.home.path().join("mine.toml");
    let world = world.set("SSMTUI_CONFIG", &path.display().to_string());
    let output = world.run(&["ls"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("line 2, column 1: `ledaer` is no key of ours; did you mean `leader`?"));
}

#[test]
fn peers_c30_session_bytes_alone_go_to_stdout() {
    let world = World::with_region(&["--unpaced"]);
    let output = world.typed(&["connect", "web-1"], "PS1=; stty -echo; echo MA''RK; exit\n");
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).contains("MARK"), "{}", stdout(&output));
    assert!(
        !stdout(&output).contains("ssmtui") && !stdout(&output).contains("session "),
        "{}",
        stdout(&output)
    );
    assert!(stderr(&output).contains("session ended"), "{}", stderr(&output));
}

#[test]
fn the_end_of_input_ends_the_shell_after_its_output() {
    let world = World::with_region(&["--unpaced"]);
    let output = world.typed(&["connect", "web-1"], "sleep 0.2; seq 1 20000; echo LA''ST\n");
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.contains("\n20000\r\nLAST"), "{}", &text[text.len().saturating_sub(400)..]);
}

#[test]
fn a_strict_region_lets_us_in_and_in_again_after_each_cut() {
    let world = World::with_region(&["--strict", "--unpaced", "--fault", "cut=20KB"]);
    let mut command = world.command(&["connect", "web-1"]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut keys = child.stdin.take().unwrap();
    keys.write_all(b"stty -echo; seq 1 3000; echo LA''ST\n").unwrap();
    // A shell that ends waits two seconds for the receipts of its output; a cut may cost more. So it ends when all is here.
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let shown: Vec<String> = lines.by_ref().map(Result::unwrap).take_while(|line| line != "LAST").collect();
    keys.write_all(b"exit\n").unwrap();
    lines.for_each(drop);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains("resumed after"), "it was cut: {}", stderr(&output));
    let all: Vec<String> = (1..=3000).map(|n| n.to_string()).collect();
    assert!(shown.ends_with(&all), "{:?}", &shown[shown.len().saturating_sub(20)..]);
}

#[test]
fn connect_explains_what_cannot_be_reached() {
    let world = World::with_region(&[]);
    for (target, words) in [
        (
            "bare-1",
            "The instance you selected is not configured to use Session Manager: bare-1 has no instance profile",
        ),
        ("idle-1", "aws ec2 start-instances --instance-ids i-"),
        ("nope", "there is no instance `nope`"),
        ("tag:team=web", "name one by its id"),
        ("i-0123456789abcdef0", "no list in eu-west-1 has it"),
    ] {
        let output = world.run(&["connect", target]);
        assert_eq!(output.status.code(), Some(1), "{target}");
        assert!(stderr(&output).contains(words), "{target}: {}", stderr(&output));
    }
}

#[test]
fn a_denied_start_names_who_what_and_the_statement() {
    let world = World::with_region(&["--fault", "deny=ssm:StartSession"]);
    let said = stderr(&world.run(&["connect", "web-1"]));
    assert!(said.contains("cannot open a session on web-1 (i-") && said.contains("access denied"), "{said}");
    assert!(said.contains("may not call `ssm:StartSession`"), "{said}");
    assert!(
        said.contains(r#""Action":"ssm:StartSession""#)
            && said.contains("document/SSM-SessionManagerRunShell"),
        "{said}"
    );
}

/// `sh` runs connect and then prints the terminal's mode: whatever happened, it must be what it was before.
fn under_a_shell(world: &World) -> Terminal {
    let script = r#"before=$(stty -g); "$0" connect web-1; code=$?; after=$(stty -g);
        [ "$before" = "$after" ] && echo "mode kept, code $code" || echo "mode lost, code $code""#;
    Terminal::start("/bin/sh", &["-c", script, BINARY], &world.variables())
}

#[test]
fn peers_c11_the_terminal_is_left_as_it_was() {
    let world = World::with_region(&["--unpaced"]);
    let mut terminal = under_a_shell(&world);
    terminal.wait_until("[sim:web-1");
    terminal.press("echo o''pen\r");
    terminal.wait_until("open");
    terminal.press("exit\r");
    terminal.wait_until("mode kept, code 0");
    assert_eq!(terminal.code(), 0);
}

#[test]
fn peers_c01_interrupt_goes_to_the_command_and_not_to_us() {
    let world = World::with_region(&["--unpaced"]);
    let mut terminal = under_a_shell(&world);
    terminal.wait_until("[sim:web-1");
    terminal.press("echo be''gun; sleep 1000\r");
    terminal.wait_until("begun");
    terminal.press("\u{3}");
    terminal.press("echo still-a''live\r");
    terminal.wait_until("still-alive");
    terminal.press("exit\r");
    terminal.wait_until("mode kept, code 0");
}

#[test]
fn peers_c13_tilde_dot_ends_a_session_whose_network_is_dead() {
    let mut world = World::with_region(&["--unpaced"]);
    let mut terminal = under_a_shell(&world);
    terminal.wait_until("[sim:web-1");
    let mut region = world.region.take().unwrap();
    region.kill().unwrap();
    region.wait().unwrap();
    terminal.wait_until("connection lost");
    terminal.press("\r~?");
    terminal.wait_until("end the session");
    terminal.press("~.");
    terminal.wait_until("mode kept, code 0");
}

#[cfg(unix)]
#[test]
fn peers_c11_a_signal_restores_the_terminal_and_ends_the_session_on_the_service() {
    let world = World::with_region(&["--unpaced"]);
    let terminal = under_a_shell(&world);
    terminal.wait_until("[sim:web-1");
    // The session's own shell knows who its client is: the one `ssmtui connect` beside this pty's `sh`.
    let parent = terminal.0.pid().to_string();
    let children = Command::new("pgrep").args(["-P", &parent]).output().unwrap();
    let client = stdout(&children).trim().to_owned();
    assert!(Command::new("kill").args(["-TERM", &client]).status().unwrap().success(), "{client}");
    terminal.wait_until("session ended by a signal");
    terminal.wait_until("mode kept, code 143");
}

#[test]
fn peers_c05_a_resize_reaches_the_far_side() {
    let world = World::with_region(&["--unpaced"]);
    let mut terminal = world.terminal(&["connect", "web-1"]);
    terminal.wait_until("[sim:web-1");
    terminal.press("stty size\r");
    terminal.wait_until("24 100");
    terminal.press("until [ \"$(stty size)\" = '33 77' ]; do :; done; echo arri''ved\r");
    terminal.0.resize(33, 77);
    terminal.wait_until("arrived");
    terminal.press("exit\r");
    assert_eq!(terminal.code(), 0);
}

#[test]
fn the_log_holds_no_key_no_token_and_no_session_data() {
    let world = World::with_region(&["--unpaced"]);
    let log = world.home.path().join("log");
    let path = log.display().to_string();
    let args = ["--log", &path, "--log-level", "trace", "connect", "web-1"];
    let output = world.typed(&args, "PS1=; echo out''put-5f1d; # typed-77aa\nexit\n");
    assert!(stdout(&output).contains("output-5f1d"), "{}", stdout(&output));
    let text = std::fs::read_to_string(Path::new(&path)).unwrap();
    assert!(text.contains("started"), "{text}");
    let secret = &world.environment.iter().find(|(name, _)| name == "AWS_SECRET_ACCESS_KEY").unwrap().1;
    for word in [secret.as_str(), "output-5f1d", "typed-77aa", "TokenValue", "Signature=", "Authorization"] {
        assert!(!text.contains(word), "{word} is in the log:\n{text}");
        assert!(!stderr(&output).contains(word), "{word} is on the screen");
    }
    // Tokens are base64 of some length: nothing of the kind may stand there.
    let long =
        text.split(|c: char| !(c.is_ascii_alphanumeric() || "+/=_".contains(c))).find(|word| word.len() > 60);
    assert_eq!(long, None);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&log).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn sim_runs_a_command_and_ends_with_its_code() {
    let world = World::empty();
    let script = r#"case "$AWS_ENDPOINT_URL" in http://127.0.0.1:*) exit 7;; esac; exit 1"#;
    assert_eq!(world.run(&["sim", "--", "sh", "-c", script]).status.code(), Some(7));
    assert_eq!(world.run(&["sim", "--", "sh", "-c", "kill -9 $$"]).status.code(), Some(137));
    assert_eq!(world.run(&["sim", "--", "/nowhere/at/all"]).status.code(), Some(127));
    let outside = world.run(&["sim", "--listen", "0.0.0.0:0"]);
    assert_eq!(outside.status.code(), Some(1));
    assert!(stderr(&outside).contains("loopback"), "{}", stderr(&outside));
}

#[test]
fn sim_gives_its_command_a_profile_for_every_way_in() {
    let world = World::empty();
    let program = env!("CARGO_BIN_EXE_ssmtui");
    for (profile, region, node) in [
        ("prod", "eu-west-1", "web-1"),
        ("staging", "us-east-1", "canary-1"),
        ("data-ops", "eu-west-1", "spark-1"),
        ("staging-reader", "eu-west-1", "win-1"),
    ] {
        let ls = [program, "--profile", profile, "--region", region, "ls", node, "--json"];
        let output = world.run(&[&["sim", "--"], &ls[..]].concat());
        assert!(stdout(&output).contains(&format!("\"{node}\"")), "{profile}: {}", stderr(&output));
    }
    let script = r#"stat -c %a "$AWS_CONFIG_FILE" "$AWS_SHARED_CREDENTIALS_FILE"; echo "$AWS_CONFIG_FILE $SSMTUI_SIM_MFA_DATA""#;
    let told = stdout(&world.run(&["sim", "--", "sh", "-c", script]));
    let (config, secret) = told.trim().strip_prefix("600\n600\n").unwrap().split_once(' ').unwrap();
    assert_eq!(secret.len(), 64);
    assert!(!std::path::Path::new(config).exists(), "what was written for the command goes with it");
}

#[test]
fn completions_help_and_version() {
    let world = World::empty();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = world.run(&["completions", shell]);
        assert!(output.status.success() && stdout(&output).contains("ssmtui"), "{shell}");
    }
    for flag in ["--help", "-h", "--version"] {
        assert!(stdout(&world.run(&[flag])).contains("Session Manager"), "{flag}");
    }
    assert_eq!(world.run(&["--nonsense"]).status.code(), Some(2));
}

#[test]
fn the_demo_serves_commands_too() {
    let world = World::empty();
    let listed = world.run(&["--demo", "ls", "web-1"]);
    assert!(stdout(&listed).contains("web-1"), "{}", stderr(&listed));
    let output = world.typed(&["connect", "web-1", "--demo"], "exit\n");
    assert!(output.status.success(), "{}", stderr(&output));
}
