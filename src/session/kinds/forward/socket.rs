//! A connection from a local program, over TCP or a Unix socket.

use std::{
    io::{self, IoSlice},
    time::Duration,
};

use bytes::BufMut;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UnixStream},
    time::timeout,
};

/// How long a local program may go on sending into a connection that the far side has closed.
const FAREWELL: Duration = Duration::from_secs(5);

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
