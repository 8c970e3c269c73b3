//! The bytes under a socket. A cable with a limit is cut after so many of them, in either direction, wherever that is:
//! in the middle of a frame, of a header, of a length.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream that may be cut.
pub(super) struct Cable<S> {
    inner: S,
    /// How many bytes still pass.
    left: u64,
}

impl<S> Cable<S> {
    /// `limit`: how many bytes pass before it is cut; `None`: never cut.
    pub(super) fn new(inner: S, limit: Option<u64>) -> Self {
        Self { inner, left: limit.unwrap_or(u64::MAX) }
    }
}

fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, "the cable is cut")
}

impl<S: AsyncRead + Unpin> AsyncRead for Cable<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.left == 0 {
            return Poll::Ready(Err(cut()));
        }
        let room = usize::try_from(this.left).unwrap_or(usize::MAX).min(buf.remaining());
        let mut part = ReadBuf::new(buf.initialize_unfilled_to(room));
        let polled = Pin::new(&mut this.inner).poll_read(cx, &mut part);
        let filled = part.filled().len();
        buf.advance(filled);
        this.left -= filled as u64;
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Cable<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.left == 0 {
            return Poll::Ready(Err(cut()));
        }
        let room = usize::try_from(this.left).unwrap_or(usize::MAX).min(data.len());
        let polled = Pin::new(&mut this.inner).poll_write(cx, &data[..room]);
        if let Poll::Ready(Ok(written)) = &polled {
            this.left -= *written as u64;
        }
        polled
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_cable_is_cut_at_the_byte() {
        let (near, mut far) = tokio::io::duplex(64);
        let mut cable = Cable::new(near, Some(10));
        far.write_all(b"abcd").await.unwrap();
        let mut got = [0; 8];
        assert_eq!(cable.read(&mut got).await.unwrap(), 4);
        assert_eq!(&got[..4], b"abcd");
        assert_eq!(cable.write(b"0123456789").await.unwrap(), 6, "six of ten are left");
        assert!(cable.write(b"x").await.is_err());
        assert!(cable.read(&mut got).await.is_err());
        drop(cable);
        let mut rest = Vec::new();
        far.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"012345");
    }

    #[tokio::test]
    async fn a_cable_without_limit_passes_everything() {
        let (near, mut far) = tokio::io::duplex(64);
        let mut cable = Cable::new(near, None);
        far.write_all(&[7; 60]).await.unwrap();
        let mut got = Vec::new();
        drop(far);
        cable.read_to_end(&mut got).await.unwrap();
        assert_eq!(got, [7; 60]);
    }
}
