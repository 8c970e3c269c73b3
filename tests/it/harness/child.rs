//! A program under test with pipes in the place of a terminal: its lines as they come, signals, its end.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread::{self, JoinHandle},
    time::Duration,
};

/// Turns a hang into a failure; never judges speed.
const HANG: Duration = Duration::from_secs(60);

/// A running program. Dropping it kills it.
pub struct Running {
    /// Until its end is waited for.
    child: Option<Child>,
    id: u32,
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
        Self { id: child.id(), child: Some(child), lines, errors, reader: Some(reader) }
    }

    /// The next line of standard output.
    #[track_caller]
    pub fn line(&mut self) -> String {
        match self.lines.recv_timeout(HANG) {
            Ok(line) => line,
            Err(_) => {
                self.kill();
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
        self.id
    }

    /// Sends a signal by its name, `INT` say.
    pub fn signal(&self, name: &str) {
        let id = self.id.to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }

    /// Its standard input, once.
    pub fn input(&mut self) -> std::process::ChildStdin {
        self.child.as_mut().and_then(|child| child.stdin.take()).expect("standard input is a pipe")
    }

    fn kill(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Waits for its end: code, the lines that were not taken, all of standard error.
    #[track_caller]
    pub fn end(mut self) -> (i32, Vec<String>, String) {
        let mut child = self.child.take().unwrap();
        let (sender, ended) = channel();
        thread::spawn(move || sender.send(child.wait()));
        let Ok(status) = ended.recv_timeout(HANG) else {
            self.signal("KILL");
            panic!("the program did not end");
        };
        let status = status.unwrap();
        let errors = self.reader.take().unwrap().join().unwrap();
        (status.code().unwrap_or(-1), self.lines.iter().collect(), errors)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}
