//! Many connections over one session, by smux version 1. Pure: no socket, no task, no clock.
//!
//! Version 1 has no flow control of a stream: what the far side sends has to be taken, or all streams stand still. So
//! what a local program does not read is held here, up to [`HELD_LIMIT`] for all of them; beyond it, the stream that
//! holds most is given up. If nobody else could be kept waiting, the session is not read instead.

use std::{
    collections::{HashMap, VecDeque},
    io::IoSlice,
    time::{Duration, Instant},
};

use bytes::{Buf, Bytes, BytesMut};

use crate::session::message::smux::{Command, Decoder, Frame, HEADER_LENGTH, Header, SmuxError};

/// Bytes for all streams that may wait for local programs.
const HELD_LIMIT: usize = 64 << 20;
/// A stream that holds this much is clogged. When all are, the session is not read.
const CLOGGED: usize = 1 << 20;
/// What may wait for the session before no more is read from local programs.
const OUTGOING_LIMIT: usize = 32 << 10;
/// Old agents give up after 30 s without any frame.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// A local program that has shut down its sending side still gets its reply, but not after such a silence: it may be
/// gone without our noticing.
const LINGER: Duration = Duration::from_secs(600);

/// Names a connection within its session.
pub(crate) type StreamId = u32;

/// What the shell has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// There are bytes for the local program.
    Readable(StreamId),
    /// The far side has closed it, and nothing is left for the local program.
    Finished(StreamId),
    /// The far side cannot connect.
    Refused(StreamId),
    /// Given up, since nobody reads it.
    Unread(StreamId),
    /// Given up, since it has been half closed and silent for long.
    Silent(StreamId),
}

#[derive(Debug, Default)]
struct Stream {
    held: Held,
    received: bool,
    /// The far side has closed it; or refused it, if true.
    closed: Option<bool>,
    /// Since when there is nothing from the local program to come, and no byte came from the far side.
    silent_since: Option<Instant>,
}

/// Bytes that wait for a local program.
#[derive(Debug, Default)]
pub(super) struct Held {
    pieces: VecDeque<Bytes>,
    length: usize,
}

impl Held {
    pub(super) fn len(&self) -> usize {
        self.length
    }

    pub(super) fn push(&mut self, bytes: Bytes) {
        self.length += bytes.len();
        self.pieces.push_back(bytes);
    }

    pub(super) fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let count = slices.len().min(self.pieces.len());
        for (slice, piece) in slices.iter_mut().zip(&self.pieces) {
            *slice = IoSlice::new(piece);
        }
        count
    }

    pub(super) fn consume(&mut self, mut count: usize) {
        self.length -= count;
        while let Some(piece) = self.pieces.front_mut() {
            if count < piece.len() {
                piece.advance(count);
                return;
            }
            count -= piece.len();
            self.pieces.pop_front();
        }
    }
}

/// The client's end of a multiplexed session.
#[derive(Debug)]
pub(crate) struct Mux {
    decoder: Decoder,
    last_id: StreamId,
    streams: HashMap<StreamId, Stream>,
    held: usize,
    outgoing: VecDeque<Bytes>,
    outgoing_length: usize,
    told: VecDeque<Told>,
    /// Refusals that were announced and whose stream is not closed yet.
    refusals: usize,
    keep_alive: Option<Instant>,
    /// Ended on their side here; few.
    half_closed: Vec<StreamId>,
}

impl Mux {
    /// At the start of a session. Old agents want keepalives, and from new ones they keep the idle timeout off.
    pub(crate) fn new(now: Instant, keep_alive: bool) -> Self {
        Self {
            decoder: Decoder::new(),
            last_id: 1,
            streams: HashMap::new(),
            held: 0,
            outgoing: VecDeque::new(),
            outgoing_length: 0,
            told: VecDeque::new(),
            refusals: 0,
            keep_alive: keep_alive.then(|| now + KEEP_ALIVE),
            half_closed: Vec::new(),
        }
    }

    /// Opens a stream.
    pub(crate) fn open(&mut self) -> StreamId {
        self.last_id += 2;
        self.streams.insert(self.last_id, Stream::default());
        self.bare(Command::Open, self.last_id);
        self.last_id
    }

    /// Whether [`send`](Self::send) should be called.
    pub(crate) fn has_room(&self) -> bool {
        self.outgoing_length < OUTGOING_LIMIT
    }

    /// Sends data of the local program. The first [`HEADER_LENGTH`] bytes of `frame` are a gap before it; the data has
    /// at most 64 KiB.
    pub(crate) fn send(&mut self, stream: StreamId, mut frame: BytesMut) {
        let length = frame.len() - HEADER_LENGTH;
        debug_assert!(u16::try_from(length).is_ok());
        if length == 0 || self.streams.get(&stream).is_none_or(|stream| stream.closed.is_some()) {
            return;
        }
        let header = Header { command: Command::Data, length: length as u16, stream };
        frame[..HEADER_LENGTH].copy_from_slice(&header.encode());
        self.queue(frame.freeze());
    }

    /// The local program has nothing more to send, but may read on: the far side is not told, since closing is for
    /// both directions.
    pub(crate) fn local_ended(&mut self, now: Instant, stream: StreamId) {
        if let Some(state) = self.streams.get_mut(&stream)
            && state.silent_since.is_none()
        {
            state.silent_since = Some(now);
            self.half_closed.push(stream);
        }
    }

    /// The local program is gone.
    pub(crate) fn close(&mut self, stream: StreamId) {
        if let Some(state) = self.remove(stream)
            && state.closed.is_none()
        {
            self.bare(Command::Close, stream);
        }
    }

    /// The next bytes for the session.
    pub(crate) fn poll_transmit(&mut self) -> Option<Bytes> {
        let bytes = self.outgoing.pop_front()?;
        self.outgoing_length -= bytes.len();
        Some(bytes)
    }

    /// Bytes have come from the session.
    pub(crate) fn handle(&mut self, now: Instant, bytes: Bytes) -> Result<(), SmuxError> {
        self.decoder.push(bytes);
        while let Some(frame) = self.decoder.pop()? {
            match frame {
                Frame::Data { stream, bytes } => self.receive(now, stream, bytes),
                Frame::Close { stream } => self.far_closed(stream),
                // Agents open nothing.
                Frame::Open { .. } | Frame::KeepAlive => {}
            }
        }
        Ok(())
    }

    fn receive(&mut self, now: Instant, stream: StreamId, bytes: Bytes) {
        // What comes for a stream that is closed here is discarded.
        let Some(state) = self.streams.get_mut(&stream).filter(|state| state.closed.is_none()) else {
            return;
        };
        if state.held.len() == 0 {
            self.told.push_back(Told::Readable(stream));
        }
        if state.silent_since.is_some() {
            state.silent_since = Some(now);
        }
        state.received = true;
        self.held += bytes.len();
        state.held.push(bytes);
        if self.held > HELD_LIMIT
            && let Some((&most, _)) = self.streams.iter().max_by_key(|(_, state)| state.held.len())
        {
            self.close(most);
            self.told.push_back(Told::Unread(most));
        }
    }

    fn far_closed(&mut self, stream: StreamId) {
        let Some(state) = self.streams.get_mut(&stream).filter(|state| state.closed.is_none()) else {
            return;
        };
        // The refusal names no stream, but comes before its end, and nothing can have come from it.
        let refused = self.refusals > 0 && !state.received;
        state.closed = Some(refused);
        self.bare(Command::Close, stream);
        if refused {
            self.refusals -= 1;
            self.told.push_back(Told::Refused(stream));
            self.remove(stream);
        } else {
            self.finish(stream);
        }
    }

    /// The agent says that it cannot connect a stream.
    pub(crate) fn handle_refusal(&mut self) {
        self.refusals += 1;
    }

    /// What is to be done.
    pub(crate) fn poll(&mut self) -> Option<Told> {
        self.told.pop_front()
    }

    /// Bytes for the local program; how many slices were filled.
    pub(crate) fn slices<'a>(&'a self, stream: StreamId, slices: &mut [IoSlice<'a>]) -> usize {
        self.streams.get(&stream).map_or(0, |state| state.held.slices(slices))
    }

    /// The local program took this many of them.
    pub(crate) fn consume(&mut self, stream: StreamId, count: usize) {
        if let Some(state) = self.streams.get_mut(&stream) {
            state.held.consume(count);
            self.held -= count;
            self.finish(stream);
        }
    }

    fn finish(&mut self, stream: StreamId) {
        if self.streams.get(&stream).is_some_and(|state| state.closed.is_some() && state.held.len() == 0) {
            self.told.push_back(Told::Finished(stream));
            self.remove(stream);
        }
    }

    /// Whether more bytes of the session should be taken. Not if that would help no local program.
    pub(crate) fn is_reading(&self) -> bool {
        self.held < CLOGGED || self.streams.values().any(|state| state.held.len() < CLOGGED)
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let silent = self.half_closed.iter().filter_map(|stream| {
            self.streams.get(stream).and_then(|state| state.silent_since).map(|since| since + LINGER)
        });
        silent.chain(self.keep_alive).min()
    }

    /// The time has come.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if let Some(at) = self.keep_alive
            && at <= now
        {
            self.keep_alive = Some(now + KEEP_ALIVE);
            if self.outgoing.is_empty() {
                self.bare(Command::KeepAlive, 0);
            }
        }
        let silent = self.half_closed.iter().copied().find(|stream| {
            let since = self.streams.get(stream).and_then(|state| state.silent_since);
            since.is_some_and(|since| since + LINGER <= now)
        });
        if let Some(stream) = silent {
            self.close(stream);
            self.told.push_back(Told::Silent(stream));
        }
    }

    fn remove(&mut self, stream: StreamId) -> Option<Stream> {
        let state = self.streams.remove(&stream)?;
        self.held -= state.held.len();
        self.half_closed.retain(|other| *other != stream);
        Some(state)
    }

    fn bare(&mut self, command: Command, stream: StreamId) {
        let header = Header { command, length: 0, stream };
        self.queue(Bytes::copy_from_slice(&header.encode()));
    }

    fn queue(&mut self, bytes: Bytes) {
        self.outgoing_length += bytes.len();
        self.outgoing.push_back(bytes);
    }
}

#[cfg(test)]
mod tests;
