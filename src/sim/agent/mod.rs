//! The simulated agent of one session: the protocol as the official agent speaks it, and a real shell behind it.
//!
//! | part | job |
//! | --- | --- |
//! | `core` | the data channel as a pure state machine, with books of its own |
//! | `retransmission` | when a frame is taken for lost |
//! | `plan` | what a session is for |
//! | `output` | how terminal output is cut into payloads |
//! | `shell` | a shell on a pty, its threads, its pace |
//! | `process` | killing all that runs in a terminal |
//!
//! [`run`] joins them: one task that lives as long as the session and does not know of sockets.
//!
//! ```text
//!   handshake (or none) ──▶ running ──shell ends──▶ draining (all acknowledged, or 2 s) ──▶ "Terminating" ──▶ over
//!                              └──────── channel_closed: the shell is killed ─────────────────────────────▶ over
//! ```

mod core;
mod output;
mod plan;
mod process;
mod retransmission;
mod shell;
mod ssh;
#[cfg(test)]
mod tests;

use std::{collections::VecDeque, future::Future, time::Duration};

use bytes::Bytes;
use jiff::Timestamp;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, sleep_until},
};

use self::{
    core::{Core, CoreSetup, Event},
    output::Cutter,
    shell::{Shell, Streams},
};
use crate::session::message::PayloadType;

pub use plan::{Keys, KmsSetup, Plan};
pub(super) use ssh::SshKeys;

/// How long the end of a shell waits for the acknowledgement of its last output.
const DRAINING: Duration = Duration::from_secs(2);
/// How long the official agent waits before it reports that a shell could not be started.
const START_ERROR: Duration = Duration::from_secs(2);
/// Frames that wait for the wire before the agent stops reading from it and from its terminal.
const BACKLOG: usize = 64;
/// What the official agent puts before an error that fails the session.
const ERROR_TITLE: &str = "\n----------ERROR-------\n";

/// What a node runs; decides the shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Platform {
    /// `sh`, or what the node's facts name.
    Linux,
    /// `zsh` where there is one, else `sh`.
    MacOs,
    /// `pwsh` or `powershell.exe` where there is one, else a refusal.
    Windows,
}

/// The node that is played.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// For the prompt.
    pub(super) name: String,
    pub(super) platform: Platform,
    /// The shell, if it is not the platform's.
    pub(super) shell: Option<String>,
}

/// What an agent is started with.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    pub(super) session_id: String,
    /// The node's id, for the encryption context.
    pub(super) target: String,
    pub(super) agent_version: String,
    pub(super) plan: Plan,
    pub(super) kms: Option<KmsSetup>,
    pub(super) unpaced: bool,
    /// From the start, or the end of the handshake, until the terminal is up.
    pub(super) shell_delay: Duration,
    pub(super) node: Node,
    pub(super) ssh: std::sync::Arc<SshKeys>,
}

/// The agent's way to the service.
pub(super) trait Uplink {
    /// Sends a frame; it is given back if there is no room for it now.
    fn offer(&mut self, frame: Bytes) -> Option<Bytes>;
    /// Waits until [`offer`](Self::offer) may work again.
    fn room(&mut self) -> impl Future<Output = ()> + Send;
}

/// How a session ended, as the agent tells the service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ending {
    /// For `channel_closed`.
    pub(super) output: String,
    /// Whether it could not be started at all.
    pub(super) failed: bool,
}

impl Ending {
    fn failed(error: &str) -> Self {
        Self { output: format!("{ERROR_TITLE}{error}"), failed: true }
    }
}

/// Runs a session to its end. `control`: frames of the service itself; `from_client`: frames of the client. Dropped,
/// it kills its shell.
pub(super) async fn run<U: Uplink>(
    setup: Setup,
    mut control: mpsc::UnboundedReceiver<Bytes>,
    mut from_client: mpsc::Receiver<Bytes>,
    mut uplink: U,
) -> Ending {
    if !matches!(setup.plan, Plan::Shell { .. }) {
        return Ending::failed("This kind of session cannot be played yet");
    }
    let epoch_ms = Timestamp::now().as_millisecond().unsigned_abs();
    let mut core_setup = CoreSetup::new(&setup.session_id, &setup.agent_version, epoch_ms);
    let handshake = setup.plan.requires_handshake() || setup.kms.is_some();
    core_setup.handshake = handshake.then(|| setup.plan.session_type().to_owned());
    let mut core = Core::new(core_setup, now());
    while let Ok(frame) = control.try_recv() {
        handle_frame(&mut core, &frame);
    }
    core.start(now());

    // Dropped when the session is over, which kills what runs in it.
    let mut shell: Option<Shell> = None;
    let (mut keyboard, mut screen) = (None, None);
    let mut cutter = Cutter::default();
    // Taken from the channel, not yet by the terminal: until then nothing more is taken.
    let mut input = VecDeque::new();
    let mut unsent: Option<Bytes> = None;
    let mut draining: Option<Draining> = None;
    let mut start_at = (!handshake).then(|| Instant::now() + setup.shell_delay);
    loop {
        if start_at.is_some_and(|at| at <= Instant::now()) {
            start_at = None;
            match Shell::start(&setup.node, setup.unpaced) {
                Ok((started, Streams { input, output })) => {
                    core.set_handler_ready(true);
                    (shell, keyboard, screen) = (Some(started), Some(input), Some(output));
                }
                Err(error) => return cannot_start(&error, setup.unpaced).await,
            }
        }
        while let Some(event) = core.poll_event() {
            match event {
                Event::Input(bytes) => input.push_back(bytes),
                Event::Resize(size) => {
                    if let Some(shell) = &shell {
                        shell.resize(size);
                    }
                }
                Event::Flag(flag) => tracing::debug!(?flag, "a shell has no use for flags"),
                Event::Handshaken => start_at = Some(Instant::now() + setup.shell_delay),
                Event::HandshakeFailed(words) => return Ending::failed(&words),
                Event::Cancelled => return Ending::default(),
            }
        }
        while unsent.is_none()
            && let Some(frame) = core.poll_transmit()
        {
            unsent = uplink.offer(frame);
        }
        if let Some(stage) = &mut draining
            && (core.is_drained() || stage.until <= Instant::now())
        {
            if stage.announced {
                return Ending::default();
            }
            *stage = Draining { until: Instant::now() + DRAINING, announced: true };
            core.send_state(now(), "Terminating");
            continue;
        }

        let free = core.backlog() < BACKLOG;
        let deadline = core.poll_timeout().map(Instant::from_std);
        let deadline =
            deadline.into_iter().chain(draining.as_ref().map(|stage| stage.until)).chain(start_at).min();
        tokio::select! {
            Some(frame) = control.recv() => handle_frame(&mut core, &frame),
            Some(frame) = from_client.recv(), if free && input.is_empty() => handle_frame(&mut core, &frame),
            () = uplink.room(), if unsent.is_some() => unsent = unsent.take().and_then(|frame| uplink.offer(frame)),
            taken = write(keyboard.as_ref(), &mut input), if !input.is_empty() => {
                if !taken {
                    input.clear();
                }
            }
            read = read(screen.as_mut()), if draining.is_none() && free && core.is_active() => match read {
                Some(read) => core.send(now(), PayloadType::Output, cutter.cut(&read)),
                None => draining = Some(Draining { until: Instant::now() + DRAINING, announced: false }),
            },
            () = until(deadline), if deadline.is_some() => core.handle_timeout(now()),
            else => return Ending::default(),
        }
    }
}

/// The end of a shell: first until its output is acknowledged or time is up, then, after the service was told, once more.
struct Draining {
    until: Instant,
    announced: bool,
}

/// The time as the core knows it.
fn now() -> std::time::Instant {
    Instant::now().into_std()
}

fn handle_frame(core: &mut Core, frame: &Bytes) {
    if let Err(reason) = core.handle_frame(now(), frame) {
        tracing::debug!(%reason, "frame ignored");
    }
}

async fn cannot_start(error: &str, unpaced: bool) -> Ending {
    if !unpaced {
        sleep(START_ERROR).await;
    }
    Ending::failed(&format!("Unable to start command: {error}\n"))
}

/// Gives the terminal the next input once it takes it; false: nobody will ever read it.
async fn write(keyboard: Option<&mpsc::Sender<Bytes>>, input: &mut VecDeque<Bytes>) -> bool {
    let Some(keyboard) = keyboard else { return false };
    let Ok(permit) = keyboard.reserve().await else { return false };
    if let Some(bytes) = input.pop_front() {
        permit.send(bytes);
    }
    true
}

/// What the terminal shows next; `None`: nothing runs in it any more. Without a shell it waits for ever.
async fn read(screen: Option<&mut mpsc::Receiver<Bytes>>) -> Option<Bytes> {
    match screen {
        Some(screen) => screen.recv().await,
        None => std::future::pending().await,
    }
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
