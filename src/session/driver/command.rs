//! The handle by which a session is steered. Its methods never wait for the network, but for [`Commands::input`].

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::session::message::Size;

/// Pieces of input that may wait for the driver. One key is one piece, and so is a paste.
const INPUT_PIECES: usize = 64;

/// What did not fit; try again later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Full(pub Bytes);

/// Steers one session. When the last clone is dropped the session is ended.
#[derive(Debug, Clone)]
pub struct Commands {
    input: mpsc::Sender<Bytes>,
    size: Arc<watch::Sender<Size>>,
    /// Counts the times that unsent input was to be thrown away.
    discard: Arc<watch::Sender<u64>>,
    end: CancellationToken,
    _last: Arc<DropGuard>,
}

/// The driver's side of [`Commands`].
#[derive(Debug)]
pub(super) struct Orders {
    pub(super) input: mpsc::Receiver<Bytes>,
    pub(super) size: watch::Receiver<Size>,
    pub(super) discard: watch::Receiver<u64>,
    pub(super) end: CancellationToken,
}

pub(super) fn channel(size: Size) -> (Commands, Orders) {
    let (input_in, input_out) = mpsc::channel(INPUT_PIECES);
    let (size_in, size_out) = watch::channel(size);
    let (discard_in, discard_out) = watch::channel(0);
    let end = CancellationToken::new();
    let commands = Commands {
        input: input_in,
        size: Arc::new(size_in),
        discard: Arc::new(discard_in),
        end: end.clone(),
        _last: Arc::new(end.clone().drop_guard()),
    };
    (commands, Orders { input: input_out, size: size_out, discard: discard_out, end })
}

impl Commands {
    /// Hands over bytes to be typed, unless too much is waiting already. What is typed into an ended session is
    /// gone; the session has said so with its last event.
    pub fn try_input(&self, bytes: Bytes) -> Result<(), Full> {
        match self.input.try_send(bytes) {
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
            Err(mpsc::error::TrySendError::Full(bytes)) => Err(Full(bytes)),
        }
    }

    /// Hands over bytes to be typed, waiting while too much is waiting already.
    pub async fn input(&self, bytes: Bytes) {
        // An ended session takes no input and has said so with its last event.
        let _ = self.input.send(bytes).await;
    }

    /// Throws away the input that was handed over and is not on its way yet: the rest of a paste.
    pub fn discard_input(&self) {
        self.discard.send_modify(|times| *times += 1);
    }

    /// The terminal's size is now this. Sizes that a later one overtakes are not sent.
    pub fn resize(&self, size: Size) {
        self.size.send_if_modified(|current| std::mem::replace(current, size) != size);
    }

    /// Ends the session, whatever the network does. `Event::Ended` follows shortly.
    pub fn end(&self) {
        self.end.cancel();
    }
}
