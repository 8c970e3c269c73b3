//! The handle by which a session is steered. Its methods never wait for the network, but for [`Commands::input`].

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::session::message::{Flag, Size};

/// Pieces of input that may wait for the driver. One key is one piece, and so is a paste.
const INPUT_PIECES: usize = 64;

/// What did not fit; try again later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Full(pub Bytes);

/// Steers one session. When the last clone is dropped the session is ended.
#[derive(Debug, Clone)]
pub struct Commands {
    input: mpsc::Sender<Piece>,
    size: Arc<watch::Sender<Size>>,
    /// Counts the times that unsent input was to be thrown away.
    discard: Arc<watch::Sender<u64>>,
    end: CancellationToken,
    _last: Arc<DropGuard>,
}

/// Input, and how often input had been thrown away when it was handed over.
#[derive(Debug)]
struct Piece {
    what: What,
    discards: u64,
}

#[derive(Debug)]
enum What {
    Bytes(Bytes),
    Flag(Flag),
    /// The answer goes out when all before it has arrived.
    Mark(oneshot::Sender<()>),
}

/// The driver's side of [`Commands`].
#[derive(Debug)]
pub(super) struct Orders {
    input: mpsc::Receiver<Piece>,
    /// Taken from `input` before its turn.
    kept: VecDeque<Piece>,
    /// Discards that were passed on.
    discarded: u64,
    size: watch::Receiver<Size>,
    discard: watch::Receiver<u64>,
    end: CancellationToken,
}

/// What the owner wants.
#[derive(Debug)]
pub(super) enum Order {
    End,
    Resize(Size),
    Discard,
    Input(Bytes),
    Flag(Flag),
    /// Tell when all input so far has arrived.
    Mark(oneshot::Sender<()>),
}

impl Orders {
    /// The next order. Input comes only if `with_input`, and after everything else. Nothing is lost if the future is
    /// dropped.
    pub(super) async fn next(&mut self, with_input: bool) -> Order {
        loop {
            let discards = tokio::select! {
                biased;
                () = self.end.cancelled() => return Order::End,
                // The senders go with the last handle, and that ends the session.
                Ok(()) = self.discard.changed() => *self.discard.borrow_and_update(),
                Ok(()) = self.size.changed() => return Order::Resize(*self.size.borrow_and_update()),
                Some(piece) = next_input(&mut self.kept, &mut self.input), if with_input => {
                    if piece.discards <= self.discarded {
                        return match piece.what {
                            What::Bytes(bytes) => Order::Input(bytes),
                            What::Flag(flag) => Order::Flag(flag),
                            What::Mark(arrived) => Order::Mark(arrived),
                        };
                    }
                    // It has overtaken the order to discard what was before it.
                    let discards = piece.discards;
                    self.kept.push_front(piece);
                    discards
                }
                else => return Order::End,
            };
            if discards > self.discarded {
                self.discarded = discards;
                return Order::Discard;
            }
        }
    }

    /// Takes the waiting input that is older than the last [`Order::Discard`].
    pub(super) fn drain_input(&mut self) -> Vec<Bytes> {
        let waiting = std::iter::from_fn(|| self.input.try_recv().ok());
        let (old, new): (Vec<_>, _) =
            self.kept.drain(..).chain(waiting).partition(|piece| piece.discards < self.discarded);
        self.kept = new.into();
        let mut bytes = Vec::new();
        // Only bytes are thrown away, and the rest is due now.
        for piece in old.into_iter().rev() {
            match piece.what {
                What::Bytes(typed) => bytes.push(typed),
                _ => self.kept.push_front(piece),
            }
        }
        bytes.reverse();
        bytes
    }
}

async fn next_input(kept: &mut VecDeque<Piece>, input: &mut mpsc::Receiver<Piece>) -> Option<Piece> {
    match kept.pop_front() {
        Some(piece) => Some(piece),
        None => input.recv().await,
    }
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
    (
        commands,
        Orders {
            input: input_out,
            kept: VecDeque::new(),
            discarded: 0,
            size: size_out,
            discard: discard_out,
            end,
        },
    )
}

impl Commands {
    /// Hands over bytes to be typed, unless too much is waiting already. What is typed into an ended session is
    /// gone; the session has said so with its last event.
    pub fn try_input(&self, bytes: Bytes) -> Result<(), Full> {
        match self.input.try_reserve() {
            Ok(permit) => permit.send(self.piece(What::Bytes(bytes))),
            Err(mpsc::error::TrySendError::Full(())) => return Err(Full(bytes)),
            Err(mpsc::error::TrySendError::Closed(())) => {}
        }
        Ok(())
    }

    /// Hands over bytes to be typed, waiting while too much is waiting already.
    pub async fn input(&self, bytes: Bytes) {
        // An ended session takes no input and has said so with its last event.
        let _ = self.input.send(self.piece(What::Bytes(bytes))).await;
    }

    /// Sends a signal of port sessions, in its place after the input that was handed over before.
    pub async fn flag(&self, flag: Flag) {
        let _ = self.input.send(self.piece(What::Flag(flag))).await;
    }

    /// Waits until all input and flags that were handed over before have arrived at the agent, or the session is over.
    pub async fn drained(&self) {
        let (arrived, arrival) = oneshot::channel();
        let _ = self.input.send(self.piece(What::Mark(arrived))).await;
        // The other side goes when the session ends.
        let _ = arrival.await;
    }

    fn piece(&self, what: What) -> Piece {
        Piece { what, discards: *self.discard.borrow() }
    }

    /// Throws away the input that was handed over before and is not on its way yet: the rest of a paste.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn input_is_discarded_up_to_the_order_and_not_beyond() {
        let size = Size { cols: 1, rows: 1 };
        let (commands, mut orders) = channel(size);
        let input = |text: &'static str| commands.try_input(Bytes::from_static(text.as_bytes())).unwrap();
        input("old");
        commands.discard_input();
        input("older than the second");
        commands.discard_input();
        input("new");
        commands.resize(Size { cols: 2, rows: 2 });
        assert!(matches!(orders.next(true).await, Order::Discard));
        assert_eq!(orders.drain_input(), ["old", "older than the second"]);
        assert!(matches!(orders.next(true).await, Order::Resize(Size { cols: 2, .. })));
        assert!(matches!(orders.next(true).await, Order::Input(bytes) if bytes == "new"));
        input("newer");
        assert!(matches!(orders.next(true).await, Order::Input(bytes) if bytes == "newer"));
        commands.end();
        assert!(matches!(orders.next(true).await, Order::End));
    }

    #[tokio::test]
    async fn too_much_input_is_given_back() {
        let (commands, orders) = channel(Size { cols: 1, rows: 1 });
        for _ in 0..INPUT_PIECES {
            commands.try_input(Bytes::from_static(b"x")).unwrap();
        }
        assert_eq!(commands.try_input(Bytes::from_static(b"y")), Err(Full(Bytes::from_static(b"y"))));
        drop(orders);
        assert_eq!(commands.try_input(Bytes::from_static(b"y")), Ok(()), "an ended session swallows it");
    }
}
