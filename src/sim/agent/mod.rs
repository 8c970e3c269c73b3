//! The simulated agent of one session: the protocol as the official agent speaks it, and a real shell behind it.
//!
//! | part | job |
//! | --- | --- |
//! | `core` | the data channel as a pure state machine, with books of its own |
//! | `handshake` | its part before a session starts; pure |
//! | `cipher` | encrypted payloads |
//! | `retransmission` | when a frame is taken for lost |
//! | `version` | what depends on the versions of agent and client |
//! | `plan` | what a session is for |
//! | `recording` | where it is recorded: looked at before it starts |
//! | `handler` | what all kinds of sessions have in common |
//! | `shell` | shells and commands in a terminal |
//! | `command` | commands without one |
//! | `port` | connections |
//! | `ssh` | the nodes' SSH server |
//! | `output`, `pace` | how output is cut into payloads, and how fast it goes |
//! | `surroundings`, `process` | this machine; killing all that runs in a terminal |
//!
//! [`run`] joins them: one task that lives as long as the session and does not know of sockets.
//!
//! ```text
//!   handshake (or none) ──▶ running ──it ends──▶ draining (all acknowledged, or 2 s) ──▶ "Terminating" ──▶ draining ──▶ over
//!                              │                        └─────────── ports ──────────────────────────────────▶ over
//!                              └──────── channel_closed: what runs is killed ────────────────────────────────▶ over
//! ```

mod cipher;
mod command;
mod core;
mod handler;
mod handshake;
mod output;
mod pace;
mod plan;
mod port;
mod process;
mod recording;
mod retransmission;
mod shell;
mod ssh;
mod surroundings;
#[cfg(test)]
mod tests;
mod version;

use std::{collections::VecDeque, future::Future, sync::Arc, time::Duration};

use aws_lc_rs::rand;
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep, sleep_until},
};

use self::{
    core::{Core, CoreSetup, Event},
    handler::{Active, End, Handler, Input, Output, Starting},
    handshake::{Encryption, HandshakeSetup},
    port::Circumstances,
    shell::Job,
};
use crate::session::message::Flag;

pub use plan::{Keys, KmsSetup, Plan, Recording, RecordingBucket, RecordingGroup, Reply};
pub(super) use ssh::SshKeys;

/// How long the end of a session waits for the acknowledgement of its last output.
const DRAINING: Duration = Duration::from_secs(2);
/// How long the official agent waits before it reports that a shell could not be started.
const START_ERROR: Duration = Duration::from_secs(2);
/// How long the master of the official agent takes to notice that a session's worker is dead.
const CRASH_NOTICED: Duration = Duration::from_secs(60);
/// Frames that wait for the wire before the agent stops reading from it and from its session.
const BACKLOG: usize = 64;
/// What the official agent puts before an error that fails the session.
const ERROR_TITLE: &str = "\n----------ERROR-------\n";
/// What its master says of a dead worker.
const CRASH: &str = "document process failed unexpectedly: ipc messaging received timeout signal , check \
                     [ssm-document-worker]/[ssm-session-worker] log for crash reason";

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
    pub(super) recording: Recording,
    pub(super) unpaced: bool,
    /// From the start, or the end of the handshake, until the terminal is up.
    pub(super) shell_delay: Duration,
    pub(super) node: Node,
    pub(super) ssh: Arc<SshKeys>,
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
/// it kills what it runs.
pub(super) async fn run<U: Uplink>(
    setup: Setup,
    mut control: mpsc::UnboundedReceiver<Bytes>,
    mut from_client: mpsc::Receiver<Bytes>,
    mut uplink: U,
) -> Ending {
    let mut core = Core::new(core_setup(&setup), now());
    while let Ok(frame) = control.try_recv() {
        handle_frame(&mut core, &frame);
    }
    core.start(now());

    let (pause, active) = watch::channel(core.is_active());
    let mut starting: Option<Starting> = None;
    // Dropped when the session is over, which ends what runs in it.
    let mut handler: Option<Handler> = None;
    let mut from_handler: Option<mpsc::Receiver<Output>> = None;
    // Taken from the channel, not yet by the handler: until then nothing more is taken.
    let mut input = VecDeque::new();
    let mut unsent: Option<Bytes> = None;
    let mut draining: Option<Draining> = None;
    let is_command = matches!(setup.plan, Plan::NonInteractive { .. });
    let is_port = matches!(setup.plan, Plan::Port(_));
    if !needs_handshake(&setup) {
        starting = Some(start(&setup, String::new(), active.clone()));
    }
    loop {
        while let Some(event) = core.poll_event() {
            match event {
                Event::Input(bytes) => input.push_back(Input::Data(bytes)),
                Event::Signal(signal) => input.push_back(Input::Signal(signal)),
                Event::Resize(size) => input.push_back(Input::Size(size)),
                Event::Flag(flag) => {
                    if is_port && flag == Flag::DisconnectToPort {
                        // The next input makes a new connection, and is taken only if that succeeds.
                        core.hold_next();
                    }
                    input.push_back(Input::Flag(flag));
                }
                Event::Handshaken => {
                    // The official agent's commands take, and ignore, input before they run.
                    core.set_handler_ready(is_command);
                    starting = Some(start(&setup, core.client_version().to_owned(), active.clone()));
                }
                Event::HandshakeFailed(words) => {
                    draining = Some(Draining::new(Ending::failed(&words), false))
                }
                Event::Cancelled => return Ending::default(),
            }
        }
        pause.send_if_modified(|active| std::mem::replace(active, core.is_active()) != core.is_active());
        while unsent.is_none()
            && let Some(frame) = core.poll_transmit()
        {
            unsent = uplink.offer(frame);
        }
        if let Some(stage) = &mut draining
            && (core.is_drained() || stage.until <= Instant::now())
        {
            if !stage.terminating {
                return std::mem::take(&mut stage.ending);
            }
            *stage = Draining::new(std::mem::take(&mut stage.ending), false);
            core.send_state(now(), "Terminating");
            continue;
        }

        if let Some(terminal) = handler.as_ref().and_then(|handler| handler.terminal.as_ref()) {
            while let Some(Input::Size(size)) = input.front() {
                terminal.resize(*size);
                input.pop_front();
            }
        }

        let to_handler = handler.as_ref().map(|handler| &handler.input);
        let free = core.backlog() < BACKLOG;
        let listening = draining.is_none()
            && free
            && (core.is_active() || handler.as_ref().is_some_and(|handler| handler.minds_pauses));
        let reading = core.is_reading();
        let deadline = core.poll_timeout().map(Instant::from_std);
        let deadline = deadline.into_iter().chain(draining.as_ref().map(|stage| stage.until)).min();
        tokio::select! {
            Some(frame) = control.recv(), if reading => handle_frame(&mut core, &frame),
            Some(frame) = from_client.recv(), if reading && free && input.len() < MOST_INPUT => {
                handle_frame(&mut core, &frame);
            }
            () = uplink.room(), if unsent.is_some() => unsent = unsent.take().and_then(|frame| uplink.offer(frame)),
            started = run_start(&mut starting), if starting.is_some() => {
                starting = None;
                match started {
                    Ok(mut started) => {
                        core.set_handler_ready(true);
                        from_handler = started.output.take();
                        handler = Some(started);
                    }
                    Err(End::Over { ending, terminating }) => draining = Some(Draining::new(ending, terminating)),
                    Err(End::Crashed) => return crash(setup.unpaced).await,
                }
            }
            () = hand_over(to_handler, &mut input), if to_handler.is_some() && !input.is_empty() => {}
            output = listen(from_handler.as_mut()), if listening => match output {
                Output::Data(payload_type, bytes) => core.send(now(), payload_type, bytes),
                Output::Hold => core.hold_next(),
                Output::Taken => core.release(now()),
                Output::End(End::Over { ending, terminating }) => draining = Some(Draining::new(ending, terminating)),
                Output::End(End::Crashed) => {
                    drop(handler);
                    return crash(setup.unpaced).await;
                }
            },
            () = until(deadline), if deadline.is_some() => core.handle_timeout(now()),
            else => return Ending::default(),
        }
    }
}

/// Pieces of input that wait for a place in the handler's queue.
const MOST_INPUT: usize = 16;

/// The end of a session: first until its output is acknowledged or time is up, then, if the service is to be told, once more.
struct Draining {
    until: Instant,
    ending: Ending,
    terminating: bool,
}

impl Draining {
    fn new(ending: Ending, terminating: bool) -> Self {
        Self { until: Instant::now() + DRAINING, ending, terminating }
    }
}

/// The official agent asks for a handshake where the kind of session needs one, or to encrypt, which it does not do for ports.
fn needs_handshake(setup: &Setup) -> bool {
    setup.plan.requires_handshake() || setup.kms.is_some()
}

fn core_setup(setup: &Setup) -> CoreSetup {
    let epoch_ms = Timestamp::now().as_millisecond().unsigned_abs();
    let mut core_setup = CoreSetup::new(&setup.session_id, &setup.agent_version, epoch_ms);
    let (properties, separate_output) = match &setup.plan {
        Plan::Port(properties) => (
            properties.iter().map(|(name, value)| (name.clone(), Value::from(value.clone()))).collect(),
            false,
        ),
        Plan::NonInteractive { separate_output, .. } => (Value::Null, *separate_output),
        Plan::Shell { .. } | Plan::Interactive { .. } => (Value::Null, false),
    };
    let kms = setup.kms.clone().filter(|_| !matches!(setup.plan, Plan::Port(_)));
    core_setup.signals = matches!(setup.plan, Plan::NonInteractive { .. });
    core_setup.handshake = needs_handshake(setup).then(|| HandshakeSetup {
        session_type: setup.plan.session_type().to_owned(),
        properties,
        separate_output,
        encryption: kms.map(|kms| Encryption {
            kms,
            target: setup.target.clone(),
            challenge: STANDARD.encode(random(16)),
            proof: random(64),
        }),
    });
    core_setup
}

fn random(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    if rand::fill(&mut bytes).is_err() {
        // Without randomness nothing is secret; the session goes on, since it is played on this machine alone.
        tracing::warn!("no randomness for a challenge");
    }
    bytes
}

/// Starts what the plan is about.
fn start(setup: &Setup, client_version: String, active: Active) -> Starting {
    let setup = setup.clone();
    Box::pin(async move {
        sleep(setup.shell_delay).await;
        let Setup { plan, node, unpaced, recording, .. } = setup;
        let (job, run_as) = match &plan {
            Plan::Shell { profile, run_as } => (Job::Shell { profile }, run_as),
            Plan::Interactive { commands, .. } if commands.trim().is_empty() => {
                return Err(End::failed("Commands cannot be empty for session type InteractiveCommands"));
            }
            Plan::Interactive { commands, run_as } => (Job::Commands(commands), run_as),
            Plan::NonInteractive { commands, separate_output, stdout_prefix, stderr_prefix } => {
                recording::check(&recording, &setup.agent_version, unpaced).await.map_err(End::failed)?;
                let apart = separate_output.then(|| command::Prefixes {
                    stdout: stdout_prefix.clone(),
                    stderr: stderr_prefix.clone(),
                });
                let job = command::Job { commands: commands.clone(), apart };
                return command::start(node, job, active, unpaced);
            }
            Plan::Port(properties) => {
                let around = Circumstances {
                    session_id: setup.session_id,
                    target: setup.target,
                    agent_version: setup.agent_version,
                    client_version,
                    unpaced,
                    ssh: setup.ssh,
                };
                return port::start(properties.clone(), around).await;
            }
        };
        recording::check(&recording, &setup.agent_version, unpaced).await.map_err(End::failed)?;
        match shell::start(&node, job, run_as.as_deref(), unpaced) {
            Ok(handler) => Ok(handler),
            Err(error) => {
                if !unpaced {
                    sleep(START_ERROR).await;
                }
                let words = format!("Unable to start command: {error}\n");
                Err(End::Over { ending: Ending::failed(&words), terminating: false })
            }
        }
    })
}

/// The worker is dead: nothing is sent or heard any more, until its master notices.
async fn crash(unpaced: bool) -> Ending {
    if !unpaced {
        sleep(CRASH_NOTICED).await;
    }
    Ending { output: CRASH.to_owned(), failed: true }
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

async fn run_start(starting: &mut Option<Starting>) -> Result<Handler, End> {
    match starting {
        Some(starting) => starting.await,
        None => std::future::pending().await,
    }
}

/// Gives the handler the next input once it takes it.
async fn hand_over(handler: Option<&mpsc::Sender<Input>>, input: &mut VecDeque<Input>) {
    let Some(handler) = handler else { return };
    match handler.reserve().await {
        Ok(permit) => {
            if let Some(next) = input.pop_front() {
                permit.send(next);
            }
        }
        // Nobody will ever read it.
        Err(_) => input.clear(),
    }
}

/// What the handler has to say next. Without one it waits for ever.
async fn listen(handler: Option<&mut mpsc::Receiver<Output>>) -> Output {
    match handler {
        Some(handler) => handler.recv().await.unwrap_or(Output::End(End::done())),
        None => std::future::pending().await,
    }
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
