//! What stands behind the protocol in a session: a shell, a command, a connection. Each is a task or a few threads of its own,
//! spoken to over two bounded channels; while one of them is full, the other side waits.

use std::{future::Future, pin::Pin};

use bytes::Bytes;
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

use super::{Ending, core::ControlSignal, process::Group, shell::Shell};
use crate::session::message::{Flag, PayloadType, Size};

/// From the client.
#[derive(Debug)]
pub(super) enum Input {
    Data(Bytes),
    Size(Size),
    Flag(Flag),
    Signal(ControlSignal),
}

/// For the client, and for the agent.
#[derive(Debug)]
pub(super) enum Output {
    Data(PayloadType, Bytes),
    /// The next input is acknowledged only after [`Output::Taken`].
    Hold,
    /// What was held is done with.
    Taken,
    End(End),
}

/// How a session's work ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// It is done: what was sent is given 2 s to be acknowledged. `terminating`: the service is told so, as commands and shells do.
    Over { ending: Ending, terminating: bool },
    /// The agent's worker died, and its master notices later.
    Crashed,
}

impl End {
    /// A shell or a command is over.
    pub(super) fn done() -> Self {
        Self::Over { ending: Ending::default(), terminating: true }
    }

    /// A connection is over.
    pub(super) fn closed() -> Self {
        Self::Over { ending: Ending::default(), terminating: false }
    }

    /// It failed, with words of its own or none.
    pub(super) fn failed(output: impl Into<String>) -> Self {
        Self::Over { ending: Ending { output: output.into(), failed: true }, terminating: false }
    }
}

/// A running session's work. Dropped, it ends.
pub(super) struct Handler {
    pub(super) input: mpsc::Sender<Input>,
    /// Taken out by who listens.
    pub(super) output: Option<mpsc::Receiver<Output>>,
    /// The terminal, for those that have one.
    pub(super) terminal: Option<Shell>,
    pub(super) _task: Option<Task>,
    /// A command's processes.
    pub(super) group: Option<Group>,
    /// Whether it watches for pauses itself. From others nothing is taken during a pause.
    pub(super) minds_pauses: bool,
}

/// A task that ends with its owner.
pub(super) struct Task(pub(super) JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A handler that is being started, or why it cannot be.
pub(super) type Starting = Pin<Box<dyn Future<Output = Result<Handler, End>> + Send>>;

/// A handler that is one task.
pub(super) fn spawn<F>(work: impl FnOnce(mpsc::Receiver<Input>, mpsc::Sender<Output>) -> F) -> Handler
where
    F: Future<Output = End> + Send + 'static,
{
    let (input, from_client) = mpsc::channel(INPUTS);
    let (to_client, output) = mpsc::channel(1);
    let work = work(from_client, to_client.clone());
    let task = tokio::spawn(async move {
        let end = work.await;
        // If nobody listens any more, the session is over already.
        let _ = to_client.send(Output::End(end)).await;
    });
    Handler {
        input,
        output: Some(output),
        terminal: None,
        _task: Some(Task(task)),
        group: None,
        minds_pauses: false,
    }
}

/// Pieces of input that wait for a handler; behind them the agent stops reading from its channel.
pub(super) const INPUTS: usize = 16;

/// Whether the channel is not paused.
pub(super) type Active = watch::Receiver<bool>;
