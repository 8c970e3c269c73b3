//! The client's stream: numbers messages, keeps each until it is acknowledged, and sends it again when it seems lost.
//!
//! Nothing is ever dropped from here. What the window does not take stays in [`Input`], and what that does not take
//! stays with the caller. A message counts as lost when its timer runs out, or when three messages sent after it
//! were acknowledged: acknowledgements are selective, one per message. Where the network is seen to change the order,
//! such a message is waited for a little longer (as in RFC 8985). To the official agent all resends are ordinary
//! duplicates.

use std::{collections::VecDeque, time::Duration, time::Instant};

use bytes::Bytes;

use super::{compose::Composer, input::Input, rtt::Rtt};
use crate::session::message::{PayloadType, STREAM_PAYLOAD_LIMIT, Size};

/// Typed messages that may be unacknowledged: 256 KiB, and on a link across the world (250 ms) 1 MB/s. The official
/// agent's reorder buffer holds 100 000.
const WINDOW_MAX: usize = 256;
/// The same for the bytes of a port: 10 MB/s at 50 ms, for half a megabyte of memory.
const PORT_WINDOW_MAX: usize = 512;
/// Where the window starts, and grows from by one per acknowledgement.
const WINDOW_START: usize = 32;
/// What a timeout leaves of it, at least.
const WINDOW_MIN: usize = 4;
/// Later messages whose acknowledgements prove an earlier one lost (RFC 5681, section 3.2).
const OVERTAKEN: u32 = 3;
/// Timed-out messages that are sent again at once; their acknowledgements show what became of the others.
const BURST: usize = 4;
/// While the agent is said to be away, one message is tried this often.
const PAUSED_PACE: Duration = Duration::from_secs(5);
/// Sizes on the way at a time; newer ones wait, and only the newest of them is sent.
const SIZES_IN_FLIGHT: usize = 2;

/// A message that was sent and is not acknowledged.
#[derive(Debug)]
struct Slot {
    sequence: i64,
    kind: PayloadType,
    frame: Bytes,
    sends: u32,
    first_sent: Instant,
    last_sent: Instant,
    /// Place of its first and of its latest transmission among all transmissions.
    first_order: u64,
    last_order: u64,
    /// Messages sent after it that were acknowledged.
    overtaken: u32,
    /// Overtaken, and lost unless it is acknowledged by then.
    lost_at: Option<Instant>,
    /// Sent again because it was overtaken.
    hastened: bool,
    expires: Instant,
    /// To be sent again now.
    due: bool,
}

/// An answer of the handshake.
#[derive(Debug)]
struct Control {
    kind: PayloadType,
    payload: Bytes,
    /// Not to be sent for the first time after this.
    until: Option<Instant>,
}

/// The window, and what waits to enter it.
#[derive(Debug)]
pub(super) struct Outgoing {
    next: i64,
    slots: VecDeque<Slot>,
    /// Handshake answers: go out before the session runs.
    control: VecDeque<Control>,
    size: Size,
    size_pending: bool,
    /// Whether the far side has a terminal.
    has_size: bool,
    pub(super) input: Input,
    running: bool,
    paused: bool,
    window: usize,
    window_max: usize,
    /// How many in the window are to be sent again now, and how many were sent more than once.
    due: usize,
    resent: usize,
    /// How much longer than a round trip an overtaken message is waited for.
    patience: Duration,
    transmissions: u64,
    /// No timed-out message is sent again before this.
    next_burst: Option<Instant>,
    rtt: Rtt,
}

impl Outgoing {
    pub(super) fn new(size: Size) -> Self {
        Self {
            next: 0,
            slots: VecDeque::new(),
            control: VecDeque::new(),
            size,
            size_pending: true,
            has_size: true,
            input: Input::default(),
            running: false,
            paused: false,
            window: WINDOW_START,
            window_max: WINDOW_MAX,
            due: 0,
            resent: 0,
            patience: Duration::ZERO,
            transmissions: 0,
            next_burst: None,
            rtt: Rtt::default(),
        }
    }

    /// The session runs: size and input may go out.
    pub(super) fn start(&mut self) {
        self.running = true;
    }

    /// The session's bytes are those of a port: no size is sent, and input is cut anywhere.
    pub(super) fn carry_a_port(&mut self) {
        self.window_max = PORT_WINDOW_MAX;
        self.has_size = false;
        self.size_pending = false;
        self.input.take_raw();
    }

    /// Queues a message that goes out even before the session runs, but not after `until`.
    pub(super) fn answer(&mut self, kind: PayloadType, payload: Bytes, until: Option<Instant>) {
        self.control.push_back(Control { kind, payload, until });
    }

    /// The number of the next new message.
    pub(super) fn next_sequence(&self) -> i64 {
        self.next
    }

    /// Messages given to the network, each time counted.
    pub(super) fn transmissions(&self) -> u64 {
        self.transmissions
    }

    pub(super) fn resize(&mut self, size: Size) {
        if self.size != size {
            self.size = size;
            self.size_pending = self.has_size;
        }
    }

    /// All that is unacknowledged goes out again in order, and then the size: the far side may have lost any of it.
    pub(super) fn reconnected(&mut self) {
        for slot in &mut self.slots {
            slot.due = true;
            slot.overtaken = 0;
            slot.lost_at = None;
        }
        self.due = self.slots.len();
        self.size_pending = self.has_size;
        self.next_burst = None;
        self.rtt.forget_backoff();
    }

    pub(super) fn pause(&mut self) {
        self.paused = true;
    }

    /// The agent is back; what it missed it gets now.
    pub(super) fn unpause(&mut self, now: Instant) {
        self.paused = false;
        self.next_burst = None;
        self.rtt.forget_backoff();
        for slot in &mut self.slots {
            slot.expires = slot.expires.min(now);
        }
    }

    /// An acknowledgement came. Numbers that are not in the window are old news or nonsense.
    pub(super) fn acknowledge(&mut self, now: Instant, sequence: i64) {
        let Ok(index) = self.slots.binary_search_by_key(&sequence, |slot| slot.sequence) else { return };
        let Some(slot) = self.slots.remove(index) else { return };
        self.due -= usize::from(slot.due);
        self.resent -= usize::from(slot.sends > 1);
        self.window = (self.window + 1).min(self.window_max);

        let order = match slot.sends {
            1 => {
                self.rtt.sample(now.saturating_duration_since(slot.first_sent));
                slot.last_order
            }
            // Sent more than once. So soon after the latest time, it is an earlier one that is acknowledged.
            _ => {
                let since = now.saturating_duration_since(slot.last_sent);
                match self.rtt.smoothed() {
                    Some(rtt) if since < rtt / 2 => {
                        // It was on its way, and only late.
                        if slot.hastened {
                            self.patience = (self.patience * 2).clamp(rtt / 8, rtt * 2);
                        }
                        slot.first_order
                    }
                    _ => slot.last_order,
                }
            }
        };
        let wait = self.rtt.smoothed().unwrap_or_default() + self.patience;
        // Where nothing was sent twice, only those in front of it were sent before it: mostly none.
        let before = if self.resent == 0 { index } else { self.slots.len() };
        for slot in self.slots.range_mut(..before).filter(|slot| slot.last_order < order) {
            slot.overtaken += 1;
            if slot.overtaken < OVERTAKEN || slot.due {
                continue;
            }
            let lost_at = slot.last_sent + wait;
            if self.patience.is_zero() || lost_at <= now {
                (slot.due, slot.hastened) = (true, true);
                self.due += 1;
            } else {
                slot.lost_at = Some(lost_at);
            }
        }
    }

    /// The next message to go out. It is in the window from now on.
    pub(super) fn poll(&mut self, now: Instant, composer: &mut Composer) -> Option<Bytes> {
        if self.due > 0
            && let Some(index) = self.slots.iter().position(|slot| slot.due)
        {
            return Some(self.resend(now, index));
        }
        while let Some(Control { kind, payload, until }) = self.control.pop_front() {
            if until.is_none_or(|until| now < until) {
                return Some(self.transmit(now, kind, payload, composer));
            }
        }
        if !self.running {
            return None;
        }
        // A size does not wait for the window: it would come too late.
        if self.size_pending && self.sizes_in_flight() < SIZES_IN_FLIGHT {
            self.size_pending = false;
            let payload = self.size.encode();
            return Some(self.transmit(now, PayloadType::Size, payload, composer));
        }
        if self.slots.len() >= self.window {
            return None;
        }
        let (kind, payload) = self.input.pop(STREAM_PAYLOAD_LIMIT)?;
        Some(self.transmit(now, kind, payload, composer))
    }

    fn transmit(
        &mut self,
        now: Instant,
        kind: PayloadType,
        payload: Bytes,
        composer: &mut Composer,
    ) -> Bytes {
        let frame = composer.stream(now, self.next, kind, payload);
        self.transmissions += 1;
        self.slots.push_back(Slot {
            sequence: self.next,
            kind,
            frame: frame.clone(),
            sends: 1,
            first_sent: now,
            last_sent: now,
            first_order: self.transmissions,
            last_order: self.transmissions,
            overtaken: 0,
            lost_at: None,
            hastened: false,
            expires: now + self.rtt.timeout(1),
            due: false,
        });
        self.next += 1;
        frame
    }

    fn resend(&mut self, now: Instant, index: usize) -> Bytes {
        self.transmissions += 1;
        self.due -= 1;
        let slot = &mut self.slots[index];
        self.resent += usize::from(slot.sends == 1);
        slot.sends += 1;
        slot.last_sent = now;
        slot.last_order = self.transmissions;
        slot.overtaken = 0;
        slot.lost_at = None;
        slot.expires = now + self.rtt.timeout(slot.sends);
        slot.due = false;
        slot.frame.clone()
    }

    /// Marks what has timed out.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        for slot in self.slots.iter_mut().filter(|slot| slot.lost_at.is_some_and(|at| at <= now)) {
            slot.lost_at = None;
            if !slot.due {
                (slot.due, slot.hastened) = (true, true);
                self.due += 1;
            }
        }
        if self.expiry().is_none_or(|at| at > now) {
            return;
        }
        let burst = if self.paused { 1 } else { BURST };
        for slot in self.slots.iter_mut().filter(|slot| !slot.due && slot.expires <= now).take(burst) {
            slot.due = true;
            self.due += 1;
        }
        self.rtt.back_off();
        self.window = (self.window / 2).max(WINDOW_MIN);
        self.next_burst = Some(now + if self.paused { PAUSED_PACE } else { self.rtt.timeout(1) / 2 });
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    pub(super) fn timeout(&self) -> Option<Instant> {
        let lost = self.slots.iter().filter_map(|slot| slot.lost_at).min();
        [lost, self.expiry()].into_iter().flatten().min()
    }

    /// When the next timer runs out.
    fn expiry(&self) -> Option<Instant> {
        let expires = self.slots.iter().filter(|slot| !slot.due).map(|slot| slot.expires).min()?;
        Some(self.next_burst.map_or(expires, |burst| burst.max(expires)))
    }

    /// Since when the oldest unacknowledged message is on its way.
    pub(super) fn waiting_since(&self) -> Option<Instant> {
        self.slots.front().map(|slot| slot.first_sent)
    }

    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.rtt.smoothed()
    }

    /// Whether everything that was taken in is acknowledged.
    pub(super) fn is_idle(&self) -> bool {
        self.slots.is_empty() && self.input.is_empty() && self.control.is_empty()
    }

    fn sizes_in_flight(&self) -> usize {
        self.slots.iter().filter(|slot| slot.kind == PayloadType::Size).count()
    }
}
