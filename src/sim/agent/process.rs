//! Ending processes.

#[cfg(unix)]
mod unix {
    use rustix::process::{Pid, Signal, geteuid, kill_process, kill_process_group};

    /// Kills everything that runs in a terminal: the session leader's group, the group in the foreground, and whatever else belongs to the
    /// leader's session. The leader must not have been reaped yet. Processes that left the session are left alone, as `nohup setsid`
    /// is meant to do.
    pub(in crate::sim::agent) fn kill_terminal(leader: u32, foreground: Option<i32>) {
        let Some(leader) = pid(leader) else { return };
        // A process that is gone already cannot be killed, and need not be.
        let _ = kill_process_group(leader, Signal::KILL);
        let _ = kill_process(leader, Signal::KILL);
        if let Some(group) = foreground.and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        for member in members(leader) {
            let _ = kill_process(member, Signal::KILL);
        }
    }

    pub(in crate::sim::agent) fn is_root() -> bool {
        geteuid().is_root()
    }

    fn pid(number: u32) -> Option<Pid> {
        i32::try_from(number).ok().and_then(Pid::from_raw)
    }

    /// The other processes of a session.
    #[cfg(target_os = "linux")]
    fn members(leader: Pid) -> Vec<Pid> {
        let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
        processes
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter_map(pid)
            .filter(|process| *process != leader && rustix::process::getsid(Some(*process)) == Ok(leader))
            .collect()
    }

    /// The other processes of a session.
    #[cfg(not(target_os = "linux"))]
    fn members(leader: Pid) -> Vec<Pid> {
        let Ok(listing) = std::process::Command::new("ps").args(["-A", "-o", "pid="]).output() else {
            return Vec::new();
        };
        String::from_utf8_lossy(&listing.stdout)
            .split_whitespace()
            .filter_map(|word| word.parse().ok())
            .filter_map(pid)
            .filter(|process| *process != leader && rustix::process::getsid(Some(*process)) == Ok(leader))
            .collect()
    }
}

#[cfg(unix)]
pub(super) use unix::{is_root, kill_terminal};

#[cfg(not(unix))]
pub(super) fn kill_terminal(_leader: u32, _foreground: Option<i32>) {}

#[cfg(not(unix))]
pub(super) fn is_root() -> bool {
    false
}
