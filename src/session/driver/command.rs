//! The handle by which a session is steered. Its methods never wait for the network, but for [`Commands::input`].

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use tokio::sync::{Notify, Semaphore, TryAcquireError, mpsc, oneshot, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::session::message::{Flag, Size};

/// Pieces of input that may wait for the driver. One key is one piece, and so is a paste.
const INPUT_PIECES: usize = 64;
/// Bytes of input that may wait for the driver; a larger piece waits alone.
const INPUT_BYTES: usize = 256 << 10;

/// What did not fit; try again later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Full(pub Bytes);

/// Steers one session. When the last clone is dropped the session is ended.
#[derive(Debug, Clone)]
pub struct Commands {
    input: mpsc::Sender<Piece>,
    /// A permit for each byte that may wait.
    room: Arc<Semaphore>,
    size: Arc<watch::Sender<Size>>,
    /// Counts the times that unsent input was to be thrown away.
    discard: Arc<watch::Sender<u64>>,
    hurry: Arc<Notify>,
    end: CancellationToken,
    _last: Arc<DropGuard>,
}

/// Input, and how often input had been thrown away when it was handed over.
#[derive(Debug)]
struct Piece {
    what: What,
    discards: u64,
    /// Permits that it holds.
    room: usize,
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
    room: Arc<Semaphore>,
    /// Taken from `input` before its turn.
    kept: VecDeque<Piece>,
    /// Discards that were passed on.
    discarded: u64,
    size: watch::Receiver<Size>,
    discard: watch::Receiver<u64>,
    hurry: Arc<Notify>,
    end: CancellationToken,
}

/// What the owner wants.
#[derive(Debug)]
pub(super) enum Order {
    End,
    Resize(Size),
    Discard,
    /// Without a connection: try again now.
    Hurry,
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
                () = self.hurry.notified() => return Order::Hurry,
                Ok(()) = self.size.changed() => return Order::Resize(*self.size.borrow_and_update()),
                Some(piece) = next_input(&mut self.kept, &mut self.input), if with_input => {
                    if piece.discards <= self.discarded {
                        self.room.add_permits(piece.room);
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
        for mut piece in old.into_iter().rev() {
            self.room.add_permits(std::mem::take(&mut piece.room));
            match piece.what {
                What::Bytes(typed) => bytes.push(typed),
                _ => self.kept.push_front(piece),
            }
        }
        bytes.reverse();
        bytes
    }
}

impl Drop for Orders {
    /// Whoever waits for room need not wait any longer.
    fn drop(&mut self) {
        self.room.close();
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
    let (hurry, end) = (Arc::new(Notify::new()), CancellationToken::new());
    let room = Arc::new(Semaphore::new(INPUT_BYTES));
    let commands = Commands {
        input: input_in,
        room: room.clone(),
        size: Arc::new(size_in),
        discard: Arc::new(discard_in),
        hurry: hurry.clone(),
        end: end.clone(),
        _last: Arc::new(end.clone().drop_guard()),
    };
    (
        commands,
        Orders {
            input: input_out,
            room,
            kept: VecDeque::new(),
            discarded: 0,
            size: size_out,
            discard: discard_out,
            hurry,
            end,
        },
    )
}

impl Commands {
    /// Hands over bytes to be typed, unless too much is waiting already. What is typed into an ended session is
    /// gone; the session has said so with its last event.
    pub fn try_input(&self, bytes: Bytes) -> Result<(), Full> {
        let size = bytes.len().min(INPUT_BYTES);
        let room = match self.room.try_acquire_many(size as u32) {
            Ok(room) => room,
            Err(TryAcquireError::NoPermits) => return Err(Full(bytes)),
            Err(TryAcquireError::Closed) => return Ok(()),
        };
        match self.input.try_reserve() {
            Ok(place) => {
                room.forget();
                place.send(self.piece(What::Bytes(bytes), size));
            }
            Err(mpsc::error::TrySendError::Full(())) => return Err(Full(bytes)),
            Err(mpsc::error::TrySendError::Closed(())) => {}
        }
        Ok(())
    }

    /// Hands over bytes to be typed, waiting while too much is waiting already. Either all is handed over, or nothing if
    /// the future is dropped before.
    pub async fn input(&self, bytes: Bytes) {
        // An ended session takes no input and has said so with its last event.
        let size = bytes.len().min(INPUT_BYTES);
        let Ok(room) = self.room.acquire_many(size as u32).await else { return };
        let Ok(place) = self.input.reserve().await else { return };
        room.forget();
        place.send(self.piece(What::Bytes(bytes), size));
    }

    /// Sends a signal of port sessions, in its place after the input that was handed over before.
    pub async fn flag(&self, flag: Flag) {
        let _ = self.input.send(self.piece(What::Flag(flag), 0)).await;
    }

    /// Waits until all input and flags that were handed over before have arrived at the agent, or the session is over.
    pub async fn drained(&self) {
        let (arrived, arrival) = oneshot::channel();
        let _ = self.input.send(self.piece(What::Mark(arrived), 0)).await;
        // The other side goes when the session ends.
        let _ = arrival.await;
    }

    fn piece(&self, what: What, room: usize) -> Piece {
        Piece { what, discards: *self.discard.borrow(), room }
    }

    /// Throws away the input that was handed over before and is not on its way yet: the rest of a paste.
    pub fn discard_input(&self) {
        self.discard.send_modify(|times| *times += 1);
    }

    /// The terminal's size is now this. Sizes that a later one overtakes are not sent.
    pub fn resize(&self, size: Size) {
        self.size.send_if_modified(|current| std::mem::replace(current, size) != size);
    }

    /// What kept a lost connection from being made anew is mended, as far as the owner knows: the next attempt need not wait.
    pub fn hurry(&self) {
        self.hurry.notify_one();
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
    async fn the_bytes_that_wait_are_bounded_and_a_large_piece_waits_alone() {
        let (commands, mut orders) = channel(Size { cols: 1, rows: 1 });
        let piece = |size: usize| Bytes::from(vec![b'x'; size]);
        commands.try_input(piece(INPUT_BYTES - 10)).unwrap();
        assert_eq!(commands.try_input(piece(11)), Err(Full(piece(11))));
        commands.try_input(piece(10)).unwrap();
        assert!(commands.try_input(piece(10 << 20)).is_err());
        for _ in 0..2 {
            assert!(matches!(orders.next(true).await, Order::Input(_)));
        }
        commands.try_input(piece(10 << 20)).unwrap();
        assert!(commands.try_input(piece(1)).is_err());
        commands.discard_input();
        assert!(matches!(orders.next(true).await, Order::Discard));
        assert_eq!(orders.drain_input().len(), 1);
        commands.try_input(piece(INPUT_BYTES)).unwrap();
    }

    #[tokio::test]
    async fn flags_and_marks_keep_their_place_and_are_not_discarded() {
        let (commands, mut orders) = channel(Size { cols: 1, rows: 1 });
        commands.input(Bytes::from_static(b"before")).await;
        commands.flag(Flag::DisconnectToPort).await;
        commands.input(Bytes::from_static(b"after")).await;
        assert!(matches!(orders.next(true).await, Order::Input(bytes) if bytes == "before"));
        assert!(matches!(orders.next(true).await, Order::Flag(Flag::DisconnectToPort)));
        commands.flag(Flag::TerminateSession).await;
        commands.discard_input();
        assert!(matches!(orders.next(true).await, Order::Discard));
        assert_eq!(orders.drain_input(), ["after"]);
        assert!(matches!(orders.next(true).await, Order::Flag(Flag::TerminateSession)));
        let drained = tokio::spawn(async move { commands.drained().await });
        let Order::Mark(arrived) = orders.next(true).await else { panic!() };
        arrived.send(()).unwrap();
        drained.await.unwrap();
    }

    #[tokio::test]
    async fn too_much_input_is_given_back() {
        let (commands, orders) = channel(Size { cols: 1, rows: 1 });
        for _ in 0..INPUT_PIECES {
            commands.try_input(Bytes::from_static(b"x")).unwrap();
        }
        assert_eq!(commands.try_input(Bytes::from_static(b"y")), Err(Full(Bytes::from_static(b"y"))));
        drop(orders);
        commands.input(Bytes::from_static(b"nor does anybody wait")).await;
        assert_eq!(commands.try_input(Bytes::from_static(b"y")), Ok(()), "an ended session swallows it");
    }
}
