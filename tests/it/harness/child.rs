//! A program under test with pipes in the place of a terminal: its lines as they come, signals, its end.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// Turns a hang into a failure; never judges speed.
const HANG: Duration = Duration::from_secs(60);

/// A running program. Dropping it kills it.
pub struct Running {
    child: Child,
    lines: Receiver<String>,
    errors: Receiver<String>,
    reader: Option<JoinHandle<String>>,
}

impl Running {
    /// Starts it with both outputs taken.
    pub fn start(mut command: Command) -> Self {
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let (sender, lines) = channel();
        let output = child.stdout.take().unwrap();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let (sender, errors) = channel();
        let error = child.stderr.take().unwrap();
        let reader = thread::spawn(move || {
            let mut all = String::new();
            for line in BufReader::new(error).lines().map_while(Result::ok) {
                all.push_str(&line);
                all.push('\n');
                let _ = sender.send(line);
            }
            all
        });
        Self { child, lines, errors, reader: Some(reader) }
    }

    /// The next line of standard output.
    #[track_caller]
    pub fn line(&mut self) -> String {
        match self.lines.recv_timeout(HANG) {
            Ok(line) => line,
            Err(_) => {
                let _ = self.child.kill();
                let words = self.reader.take().unwrap().join().unwrap();
                panic!("no line came; on standard error stands:\n{words}");
            }
        }
    }

    /// Waits for a line of standard error that holds these words.
    #[track_caller]
    pub fn wait_for(&mut self, words: &str) -> String {
        loop {
            let line = self.errors.recv_timeout(HANG).unwrap_or_else(|_| panic!("waited for: {words}"));
            if line.contains(words) {
                return line;
            }
        }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by its name, `INT` say.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }

    /// Its standard input, once.
    pub fn input(&mut self) -> std::process::ChildStdin {
        self.child.stdin.take().expect("standard input is a pipe")
    }

    /// Waits for its end: code, the lines that were not taken, all of standard error.
    #[track_caller]
    pub fn end(mut self) -> (i32, Vec<String>, String) {
        let deadline = Instant::now() + HANG;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "the program did not end");
            thread::sleep(Duration::from_millis(5));
        };
        let errors = self.reader.take().unwrap().join().unwrap();
        (status.code().unwrap_or(-1), self.lines.iter().collect(), errors)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
