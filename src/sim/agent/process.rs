//! Ending processes, and sending them signals.

use std::sync::{Arc, Mutex, PoisonError};

use super::core::ControlSignal;

/// The process group of a command; killed when this is dropped, unless its leader was waited for.
#[derive(Debug, Clone)]
pub(super) struct Leader(Arc<Mutex<Option<u32>>>);

/// Kills the group of a [`Leader`] when dropped.
#[derive(Debug)]
pub(super) struct Group(pub(super) Leader);

impl Leader {
    pub(super) fn new() -> Self {
        Self(Arc::default())
    }

    /// It runs, as the leader of a group of its own.
    pub(super) fn started(&self, id: Option<u32>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = id;
    }

    /// It was waited for: its id may soon mean another process.
    pub(super) fn reaped(&self) {
        self.started(None);
    }

    /// Sends it a signal, and not its children.
    pub(super) fn signal(&self, signal: ControlSignal) {
        if let Some(id) = *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            send(id, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(id) = *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) {
            kill_group(id);
        }
    }
}

#[cfg(unix)]
mod unix {
    use std::path::Path;

    use rustix::process::{Pid, Signal, geteuid, kill_process, kill_process_group};

    use crate::sim::agent::core::ControlSignal;

    /// Kills everything that runs in a terminal: the session leader's group, the group in the foreground, and whatever else belongs to the
    /// leader's session. The leader must not have been reaped yet. Processes that left the session are left alone, as `nohup setsid`
    /// is meant to do.
    pub(in crate::sim::agent) fn kill_terminal(
        leader: u32,
        foreground: Option<i32>,
        terminal: Option<&Path>,
    ) {
        let Some(group) = i32::try_from(leader).ok().and_then(pid) else { return };
        // A process that is gone already cannot be killed, and need not be.
        let _ = kill_process_group(group, Signal::KILL);
        let _ = kill_process(group, Signal::KILL);
        if let Some(group) = foreground.and_then(pid) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        for member in members(leader, terminal).into_iter().filter_map(pid) {
            let _ = kill_process(member, Signal::KILL);
        }
    }

    /// Kills a process group.
    pub(in crate::sim::agent) fn kill_group(leader: u32) {
        if let Some(group) = i32::try_from(leader).ok().and_then(pid) {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }

    /// Sends one process the signal that a key stands for.
    pub(in crate::sim::agent) fn send(process: u32, signal: ControlSignal) {
        let signal = match signal {
            ControlSignal::Interrupt => Signal::INT,
            ControlSignal::Quit => Signal::QUIT,
        };
        if let Some(process) = i32::try_from(process).ok().and_then(pid) {
            let _ = kill_process(process, signal);
        }
    }

    pub(in crate::sim::agent) fn is_root() -> bool {
        geteuid().is_root()
    }

    /// Numbers up to 1 are not the id of one process of ours.
    fn pid(number: i32) -> Option<Pid> {
        Pid::from_raw(number).filter(|_| number > 1)
    }

    /// The processes of a session, from `/proc/PID/stat`: `PID (NAME) STATE PARENT GROUP SESSION …`.
    #[cfg(target_os = "linux")]
    fn members(leader: u32, _terminal: Option<&Path>) -> Vec<i32> {
        let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
        let is_member = |process: &i32| {
            let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
            let session = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(3)?.parse().ok());
            session == Some(leader)
        };
        processes
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter(is_member)
            .collect()
    }

    /// The processes of a terminal.
    #[cfg(not(target_os = "linux"))]
    fn members(_leader: u32, terminal: Option<&Path>) -> Vec<i32> {
        let Some(name) = terminal.and_then(|path| path.strip_prefix("/dev").ok()) else { return Vec::new() };
        let listing = std::process::Command::new("ps").args(["-o", "pid=", "-t"]).arg(name).output();
        let Ok(listing) = listing else { return Vec::new() };
        String::from_utf8_lossy(&listing.stdout)
            .split_whitespace()
            .filter_map(|word| word.parse().ok())
            .collect()
    }
}

#[cfg(unix)]
pub(super) use unix::{is_root, kill_terminal};
#[cfg(unix)]
use unix::{kill_group, send};

#[cfg(not(unix))]
pub(super) fn kill_terminal(_leader: u32, _foreground: Option<i32>, _terminal: Option<&std::path::Path>) {}

#[cfg(not(unix))]
fn kill_group(_leader: u32) {}

#[cfg(not(unix))]
fn send(_process: u32, _signal: ControlSignal) {}

#[cfg(not(unix))]
pub(super) fn is_root() -> bool {
    false
}
