//! The program under test on a pty, and the screen that its user would see.

use std::{
    io::{Read, Write},
    sync::{Arc, Condvar, Mutex},
    time::{Duration, Instant},
};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// Turns a hang into a failure; never judges speed.
const HANG: Duration = Duration::from_secs(30);

/// What the terminal shows now.
pub struct Screen {
    parser: vt100::Parser,
    /// Every byte that came, for what a screen does not keep.
    raw: Vec<u8>,
    closed: bool,
}

impl Screen {
    /// The rows, without trailing blanks.
    pub fn text(&self) -> String {
        self.parser.screen().contents()
    }

    pub fn row(&self, row: u16) -> String {
        self.parser.screen().rows(0, u16::MAX).nth(row.into()).unwrap_or_default()
    }

    /// The row that holds these words, if any.
    pub fn row_with(&self, words: &str) -> Option<String> {
        self.text().lines().find(|line| line.contains(words)).map(str::to_owned)
    }

    pub fn contains(&self, words: &str) -> bool {
        self.text().contains(words)
    }

    pub fn alternate(&self) -> bool {
        self.parser.screen().alternate_screen()
    }

    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    pub fn cursor_hidden(&self) -> bool {
        self.parser.screen().hide_cursor()
    }

    pub fn vt100(&self) -> &vt100::Screen {
        self.parser.screen()
    }
}

/// A running program. Dropping it kills it.
pub struct Program {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    writer: Box<dyn Write + Send>,
    screen: Arc<(Mutex<Screen>, Condvar)>,
}

impl Program {
    pub fn start(
        program: &str,
        arguments: &[&str],
        environment: &[(String, String)],
        rows: u16,
        cols: u16,
    ) -> Self {
        let size = PtySize { rows, cols, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a pty opens");
        let mut command = CommandBuilder::new(program);
        command.args(arguments);
        command.env_clear();
        for (name, value) in environment {
            command.env(name, value);
        }
        if let Some((_, home)) = environment.iter().find(|(name, _)| name == "HOME") {
            command.cwd(home);
        }
        let child = pair.slave.spawn_command(command).expect("the program starts");
        drop(pair.slave);
        let parser = vt100::Parser::new(rows.try_into().unwrap(), cols.try_into().unwrap(), 0);
        let screen =
            Arc::new((Mutex::new(Screen { parser, raw: Vec::new(), closed: false }), Condvar::new()));
        let mut reader = pair.master.try_clone_reader().expect("the pty can be read");
        let shared = Arc::clone(&screen);
        std::thread::spawn(move || {
            let mut buffer = [0; 16 * 1024];
            loop {
                let read = reader.read(&mut buffer);
                let (lock, changed) = &*shared;
                let mut screen = lock.lock().unwrap();
                match read {
                    Ok(0) | Err(_) => screen.closed = true,
                    Ok(length) => {
                        screen.raw.extend_from_slice(&buffer[..length]);
                        screen.parser.process(&buffer[..length]);
                    }
                }
                changed.notify_all();
                if screen.closed {
                    return;
                }
            }
        });
        let writer = pair.master.take_writer().expect("the pty can be written");
        Self { child, master: pair.master, writer, screen }
    }

    /// Types these bytes as they are: `\r` is enter, `\x1b` escape, `\x1d` the leader.
    pub fn press(&mut self, keys: &str) {
        self.writer.write_all(keys.as_bytes()).expect("the program reads its terminal");
        self.writer.flush().unwrap();
    }

    pub fn resize(&mut self, rows: u16, cols: u16) {
        self.screen.0.lock().unwrap().parser.set_size(rows.try_into().unwrap(), cols.try_into().unwrap());
        self.master
            .resize(PtySize { rows, cols, pixel_width: 0, pixel_height: 0 })
            .expect("the pty takes a size");
    }

    /// Sleeps until the screen is as wanted; each received byte wakes it. Returns the screen's text.
    #[track_caller]
    pub fn wait_until(&self, wanted: &str, mut holds: impl FnMut(&Screen) -> bool) -> String {
        let (lock, changed) = &*self.screen;
        let end = Instant::now() + HANG;
        let mut screen = lock.lock().unwrap();
        loop {
            if holds(&screen) {
                return screen.text();
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || screen.closed {
                let (row, col) = screen.parser.screen().cursor_position();
                panic!(
                    "waited for: {wanted}\n{} cursor {row},{col}\n{}",
                    if screen.closed { "the program closed its terminal;" } else { "gave up;" },
                    screen.text()
                );
            }
            screen = changed.wait_timeout(screen, left).unwrap().0;
        }
    }

    #[track_caller]
    pub fn wait_for(&self, words: &str) -> String {
        self.wait_until(words, |screen| screen.contains(words))
    }

    #[track_caller]
    pub fn wait_gone(&self, words: &str) -> String {
        self.wait_until(&format!("no {words}"), |screen| !screen.contains(words))
    }

    /// Waits until the program has ended and all it wrote was read: its exit code, and the screen it left.
    #[track_caller]
    pub fn wait_exit(&mut self) -> (u32, String) {
        let (lock, changed) = &*self.screen;
        let end = Instant::now() + HANG;
        let mut screen = lock.lock().unwrap();
        while !screen.closed {
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "the program did not end\n{}", screen.text());
            screen = changed.wait_timeout(screen, left).unwrap().0;
        }
        let text = screen.text();
        drop(screen);
        (self.child.wait().expect("the child can be waited for").exit_code(), text)
    }

    /// Looks at the screen as it is now.
    pub fn look<T>(&self, look: impl FnOnce(&Screen) -> T) -> T {
        look(&self.screen.0.lock().unwrap())
    }

    pub fn pid(&self) -> u32 {
        self.child.process_id().expect("the child runs")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
