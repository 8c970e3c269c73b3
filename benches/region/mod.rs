//! The simulated region as a process of its own, so that its memory and its wake-ups are not the app's; and the app on a pty.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use super::program::{Program, Screen};

/// The built program.
pub const BINARY: &str = env!("CARGO_BIN_EXE_ssmtui");

/// Ends with its owner.
pub struct Region {
    child: Child,
    /// A folder that goes with it.
    pub home: PathBuf,
    /// For programs that are to find it, and nothing of the user's.
    pub environment: Vec<(String, String)>,
}

impl Region {
    /// `ssmtui sim ARGUMENTS`; the app reads its lists once and leaves them.
    pub fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(BINARY)
            .arg("sim")
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the region starts");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let home = std::env::temp_dir().join(format!("ssmtui-bench-{}", child.id()));
        fs::create_dir_all(&home).unwrap();
        let config = home.join("config.toml");
        fs::write(&config, "refresh = \"off\"\n").unwrap();
        let mut environment: Vec<(String, String)> = [
            ("HOME", home.display().to_string()),
            ("SSMTUI_CONFIG", config.display().to_string()),
            ("PATH", std::env::var("PATH").unwrap_or_default()),
            ("TERM", "xterm-256color".to_owned()),
            ("LANG", "C.UTF-8".to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        while environment.iter().filter(|(name, _)| name.starts_with("AWS_")).count() < 5 {
            let line = lines.next().expect("the region prints its exports").unwrap();
            for word in line.split_whitespace() {
                if let Some((name, value)) = word.trim_end_matches(';').split_once('=') {
                    environment.push((name.to_owned(), value.trim_matches(['"', '\'']).to_owned()));
                }
            }
        }
        Self { child, home, environment }
    }

    /// The app on a pty.
    pub fn app(&self, rows: u16, cols: u16) -> Program {
        Program::start(BINARY, &[], &self.environment, rows, cols)
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.home);
    }
}

/// Waits as long as it takes.
pub fn until(app: &Program, there: impl Fn(&Screen) -> bool) {
    while !app.look(|screen| there(screen)) {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Opens a shell on the node of that name, from the list.
pub fn open(app: &mut Program, name: &str) {
    app.wait_for("api-1");
    app.press(name);
    app.wait_until("the row", |screen| screen.contains("1 of "));
    app.press("\r");
    prompt(app);
}

/// Waits for a shell's prompt.
pub fn prompt(app: &Program) {
    app.wait_until("a prompt", |screen| {
        screen.text().lines().any(|line| line.trim_end().ends_with(['$', '#']))
    });
}

/// Clock ticks of the process so far, and how often its threads went to sleep of their own will.
pub fn activity(pid: u32) -> (u64, u64) {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = fields.get(11..13).map_or(0, |both| both.iter().filter_map(|n| n.parse::<u64>().ok()).sum());
    let sleeps = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten().map(|task| {
        let text = fs::read_to_string(task.path().join("status")).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        line.and_then(|count| count.trim().parse::<u64>().ok()).unwrap_or(0)
    });
    (ticks, sleeps.sum())
}

/// Prints the 50th and the 99th of a hundred; gives the former.
pub fn percentiles(name: &str, mut samples: Vec<f64>, unit: &str) -> f64 {
    samples.sort_by(f64::total_cmp);
    let at = |share: f64| samples[((samples.len() as f64 * share) as usize).min(samples.len() - 1)];
    println!("{name:<52} p50 {:>8.2} {unit}   p99 {:>8.2} {unit}   n {}", at(0.5), at(0.99), samples.len());
    at(0.5)
}
