//! A stream of which no more is read than a look may take in: whoever sends without end gets an error.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The most that one connection to a server may bring, in bytes.
pub(crate) const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// A stream that ends in an error after [`MAX_BYTES`].
#[derive(Debug)]
pub(crate) struct Bounded<S> {
    stream: S,
    left: u64,
}

impl<S> Bounded<S> {
    /// Bounds what is read of a stream.
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, left: MAX_BYTES }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(task, buffer);
        let came = u64::try_from(buffer.filled().len().saturating_sub(before)).unwrap_or(u64::MAX);
        match self.left.checked_sub(came) {
            Some(left) => {
                self.left = left;
                polled
            }
            None => Poll::Ready(Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("the answer is longer than {MAX_BYTES} bytes"),
            ))),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(task, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(task)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(task)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt as _;

    #[tokio::test]
    async fn what_is_sent_without_end_ends_in_an_error() {
        let mut endless = Bounded::new(tokio::io::repeat(7));
        let mut page = vec![0; 64 * 1024];
        let mut read = 0_u64;
        let error = loop {
            match endless.read(&mut page).await {
                Ok(bytes) => read += bytes as u64,
                Err(error) => break error,
            }
            assert!(read <= MAX_BYTES);
        };
        assert_eq!((error.kind(), read), (io::ErrorKind::InvalidData, MAX_BYTES));
    }
}
