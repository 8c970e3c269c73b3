//! What every end-to-end test stands on: an isolated home, a real region in this process, and the built program on a
//! pty whose screen a terminal emulator keeps.

mod child;
mod program;

use std::{fmt::Write, fs, path::Path, sync::Arc, time::Duration};

pub use child::Running;
pub use program::{Program, Screen};
use ssmtui::sim::{self, gateway::SessionState, traffic};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Turns a hang into a failure; never judges speed.
const HANG: Duration = Duration::from_secs(60);

/// A temporary home and a simulated region of the test's own.
pub struct World {
    home: TempDir,
    region: Option<sim::Region>,
    environment: Vec<(String, String)>,
    runtime: Arc<Runtime>,
}

impl World {
    /// The region as it stands in the demo, with the agent's waits lifted so that tests are quick.
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    /// The same, with options of the test's own.
    pub fn with(change: impl FnOnce(&mut sim::Options)) -> Self {
        let runtime = Arc::new(
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap(),
        );
        let mut options = sim::Options { unpaced: true, ..sim::Options::default() };
        change(&mut options);
        let region = runtime.block_on(sim::Region::start(options)).expect("a region starts on loopback");
        let environment =
            region.environment().iter().map(|(name, value)| (name.to_string(), value.clone())).collect();
        Self { home: TempDir::new().unwrap(), region: Some(region), environment, runtime }
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    pub fn region(&self) -> &sim::Region {
        self.region.as_ref().expect("the region runs until the world is dropped")
    }

    /// Writes the AWS files with a profile for each of these accounts, and takes the keys out of the environment.
    pub fn set_profiles(&mut self, names: &[&str]) {
        let folder = self.home.path().join(".aws");
        fs::create_dir_all(&folder).unwrap();
        let mut keys = String::new();
        for name in names {
            let places = self.region().places();
            let place = places.iter().find(|place| place.profile_name == *name).expect("such an account");
            let (id, secret) = (&place.access_key_id, &place.secret_access_key);
            writeln!(keys, "[{name}]\naws_access_key_id = {id}\naws_secret_access_key = {secret}").unwrap();
        }
        // In one step: a program may be reading it.
        fs::write(folder.join("new"), keys).unwrap();
        fs::rename(folder.join("new"), folder.join("credentials")).unwrap();
        self.set("AWS_ACCESS_KEY_ID", None);
        self.set("AWS_SECRET_ACCESS_KEY", None);
    }

    /// Writes the config file.
    pub fn configure(&self, text: &str) {
        let folder = self.home.path().join("config/ssmtui");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("config.toml"), text).unwrap();
    }

    /// Holds back calls, `ec2:*@data/us-east-1` say, until what is returned is dropped.
    pub fn hold(&self, calls: &str) -> Hold {
        Hold { hold: self.region().hold(calls).unwrap(), runtime: Arc::clone(&self.runtime) }
    }

    /// How many calls of an action came to the place with this profile's name and region.
    pub fn counted(&self, profile: &str, region: &str, action: &str) -> traffic::Count {
        let places = self.region().places();
        let place = places.iter().find(|place| place.profile_name == profile).expect("such an account");
        self.region().counted(&place.account, region, action)
    }

    /// Another region at the same address, with keys of its own; profiles have to be set anew.
    pub fn restart(&mut self, change: impl FnOnce(&mut sim::Options)) {
        let listen = self.region().address();
        self.stop();
        let mut options = sim::Options { unpaced: true, listen, ..sim::Options::default() };
        change(&mut options);
        let region = self.runtime.block_on(sim::Region::start(options));
        self.region = Some(region.expect("the address is free again"));
    }

    /// Stops the region: nobody answers at its address any more.
    pub fn stop(&mut self) {
        if let Some(region) = self.region.take() {
            self.runtime.block_on(region.shutdown());
        }
    }

    /// How many sessions the service still holds that nobody has told it to end.
    pub fn live_sessions(&self) -> usize {
        self.session_ids().len()
    }

    /// Their ids, the oldest first.
    pub fn session_ids(&self) -> Vec<String> {
        let ends = |state: SessionState| state.is_over() || state == SessionState::Terminating;
        let all = self.region().gateway().statuses();
        all.into_iter().filter(|status| !ends(status.state)).map(|status| status.id).collect()
    }

    /// Leaves out what the region exports, or sets something else in its place.
    pub fn set(&mut self, name: &str, value: Option<&str>) {
        self.environment.retain(|(known, _)| known != name);
        if let Some(value) = value {
            self.environment.push((name.to_owned(), value.to_owned()));
        }
    }

    /// The environment of the programs that this world starts: nothing of the tester's own but PATH.
    pub fn environment(&self) -> Vec<(String, String)> {
        let mut all = vec![
            ("HOME".to_owned(), self.home.path().display().to_string()),
            ("XDG_CONFIG_HOME".to_owned(), self.home.path().join("config").display().to_string()),
            ("XDG_CACHE_HOME".to_owned(), self.home.path().join("cache").display().to_string()),
            ("XDG_STATE_HOME".to_owned(), self.home.path().join("state").display().to_string()),
            ("PATH".to_owned(), std::env::var("PATH").unwrap_or_default()),
            ("TERM".to_owned(), "xterm-256color".to_owned()),
            ("COLORTERM".to_owned(), "truecolor".to_owned()),
            ("LANG".to_owned(), "C.UTF-8".to_owned()),
            ("TZ".to_owned(), "UTC".to_owned()),
            ("AWS_EC2_METADATA_DISABLED".to_owned(), "true".to_owned()),
        ];
        all.extend(self.environment.iter().cloned());
        all
    }

    /// The built program on a pty of this size.
    pub fn start(&self, arguments: &[&str], rows: u16, cols: u16) -> Program {
        Program::start(env!("CARGO_BIN_EXE_ssmtui"), arguments, &self.environment(), rows, cols)
    }

    /// The app on a pty of this size, its list complete.
    pub fn app(&self, rows: u16, cols: u16) -> Program {
        let app = self.start(&[], rows, cols);
        app.wait_for(" of ");
        app
    }

    /// The built program, to be given its standard streams.
    pub fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_ssmtui"));
        command.args(arguments).env_clear().envs(self.environment());
        command
    }

    /// The built program without a terminal: exit code, stdout, stderr.
    pub fn output(&self, arguments: &[&str]) -> (i32, String, String) {
        let output = self
            .command(arguments)
            .stdin(std::process::Stdio::null())
            .output()
            .expect("the built program starts");
        (
            output.status.code().unwrap_or(-1),
            String::from_utf8_lossy(&output.stdout).into_owned(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    }
}

/// Calls that the region holds back until this is dropped.
pub struct Hold {
    hold: traffic::Hold,
    runtime: Arc<Runtime>,
}

impl Hold {
    /// Sleeps until so many calls were held back.
    #[track_caller]
    pub fn came(&self, calls: usize) {
        let came = async { tokio::time::timeout(HANG, self.hold.came(calls)).await };
        self.runtime.block_on(came).expect("calls that are held back");
    }
}

/// A text without what only lays it out: blanks and frames. For sentences that may be wrapped anywhere.
pub fn unwrapped(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && *c != '│').collect()
}

/// Types a node's name into the search box and waits until its row is the selected one.
pub fn find(app: &mut Program, name: &str) {
    app.press(name);
    app.wait_until("the row, selected", |screen| {
        screen
            .text()
            .lines()
            .any(|line| line.contains('▌') && line.split_whitespace().any(|word| word == name))
    });
}

/// Opens a shell on the named node and waits for its prompt.
pub fn open(app: &mut Program, name: &str) {
    find(app, name);
    app.press("\r");
    prompt(app);
}

/// Waits for a shell's prompt on the cursor's row.
pub fn prompt(app: &Program) {
    app.wait_until("a prompt", |screen| {
        let (row, _) = screen.vt100().cursor_position();
        !screen.cursor_hidden()
            && screen.row(row).trim_end().trim_end_matches('│').trim_end().ends_with(['$', '#'])
    });
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(region) = self.region.take() {
            self.runtime.block_on(region.shutdown());
        }
    }
}

/// The AWS CLI of the system, whichever major; `tests/run` installs it.
pub fn aws_cli() -> &'static str {
    let known = ["/usr/local/bin/aws", "/usr/bin/aws", "/opt/homebrew/bin/aws"];
    known
        .into_iter()
        .find(|path| Path::new(path).exists())
        .expect("the AWS CLI (Debian: apt-get install awscli)")
}

/// Runs the AWS CLI against the region; it must do as it is told.
pub fn aws(world: &World, arguments: &[&str]) -> String {
    let environment = world.environment();
    let value =
        |name: &str| environment.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let endpoint = value("AWS_ENDPOINT_URL").expect("a region of ours has an address");
    let mut command = std::process::Command::new(aws_cli());
    command.args(["--endpoint-url", endpoint]).args(arguments);
    command.env_clear().envs(world.environment()).env("AWS_PAGER", "");
    let done = command.output().expect("the AWS CLI starts");
    assert!(done.status.success(), "{arguments:?}\n{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).into_owned()
}

/// A command line as it was copied, typed into a shell in which `aws` leads to the region.
pub fn type_in_shell(world: &World, line: &str) {
    let folder = world.home().join("bin");
    std::fs::create_dir_all(&folder).unwrap();
    let script = format!("#!/bin/sh\nexec {} --endpoint-url \"$AWS_ENDPOINT_URL\" \"$@\"\n", aws_cli());
    std::fs::write(folder.join("aws"), script).unwrap();
    std::fs::set_permissions(folder.join("aws"), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", line]).env_clear().envs(world.environment()).env("PATH", path).env("AWS_PAGER", "");
    let done = shell.output().unwrap();
    assert!(done.status.success(), "{line}\n{}", String::from_utf8_lossy(&done.stderr));
}
