//! A connection from a local program, over TCP or a Unix socket.

use std::{
    io::{self, IoSlice},
    time::Duration,
};

use bytes::BufMut;
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, Interest},
    net::{TcpStream, UnixStream},
    time::{sleep, timeout},
};

/// How long a local program may go on sending into a connection that the far side has closed.
const FAREWELL: Duration = Duration::from_secs(5);
/// How often a program that sends no more is asked whether it is still there.
const PROBE: Duration = Duration::from_secs(10);
/// How often the answer is looked at.
const LOOK: Duration = Duration::from_secs(2);

/// A connected local program.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    pub(super) async fn readable(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.readable().await,
            Self::Unix(stream) => stream.readable().await,
        }
    }

    pub(super) async fn writable(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.writable().await,
            Self::Unix(stream) => stream.writable().await,
        }
    }

    pub(super) fn try_read(&self, buffer: &mut impl BufMut) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_read_buf(buffer),
            Self::Unix(stream) => stream.try_read_buf(buffer),
        }
    }

    pub(super) fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_write_vectored(slices),
            Self::Unix(stream) => stream.try_write_vectored(slices),
        }
    }

    /// Waits until a program that sends no more reads no more, either: it has closed the connection. Over TCP that looks
    /// like a half-close, until its system forgets the connection (a minute, on Linux) and says so when asked.
    pub(super) async fn gone(&self) {
        if let Self::Tcp(stream) = self {
            let keepalive = TcpKeepalive::new().with_time(PROBE).with_interval(PROBE);
            // Without it we learn of it later, from a write.
            let _ = SockRef::from(stream).set_tcp_keepalive(&keepalive);
        }
        loop {
            let ready = match self {
                Self::Tcp(stream) => stream.ready(Interest::WRITABLE).await,
                Self::Unix(stream) => stream.ready(Interest::WRITABLE).await,
            };
            if ready.is_ok_and(|ready| !ready.is_write_closed()) { sleep(LOOK).await } else { return }
        }
    }

    /// Closes it so that the program sees an error and no ordinary end.
    pub(super) fn reset(self) {
        if let Self::Tcp(stream) = &self {
            // If it cannot be, an ordinary end is what is left.
            let _ = stream.set_zero_linger();
        }
    }

    /// Closes it in order. What the program still sends is read for a while: closing over unread bytes would reset the
    /// connection, and perhaps take from the program what it has not read yet.
    pub(super) fn finish(self) {
        async fn drain(mut stream: impl AsyncReadExt + AsyncWriteExt + Unpin) {
            let mut rest = [0; 4096];
            if stream.shutdown().await.is_ok() {
                while stream.read(&mut rest).await.is_ok_and(|count| count > 0) {}
            }
        }
        tokio::spawn(async move {
            let _: Result<(), _> = match self {
                Self::Tcp(stream) => timeout(FAREWELL, drain(stream)).await,
                Self::Unix(stream) => timeout(FAREWELL, drain(stream)).await,
            };
        });
    }
}
