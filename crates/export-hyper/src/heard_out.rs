//! A connection on which the other side is heard out.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use export_host::{UnexpectedTls, is_closed_by_peer};
use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use hyper_rustls::MaybeHttpsStream;
use hyper_util::client::legacy::connect::{Connected, Connection};

/// A connection that is read to the end before it is given up, and whose first bytes are looked
/// at: the other side may speak TLS where it was spoken to in the clear.
#[derive(Debug)]
pub(crate) struct HeardOut<S> {
    stream: S,
    /// Whether the first bytes have come, or do not matter.
    is_known: bool,
    /// Why the other side takes no more.
    deaf: Option<io::Error>,
}

impl<S> HeardOut<MaybeHttpsStream<S>> {
    pub(crate) fn of(stream: MaybeHttpsStream<S>) -> Self {
        let is_known = matches!(stream, MaybeHttpsStream::Https(_));
        Self { stream, is_known, deaf: None }
    }
}

impl<S> HeardOut<S> {
    /// Passes over that the other side takes no more. It may have answered before it hung up,
    /// without reading to the end, and hyper would not look any more.
    fn forgive(&mut self, written: io::Result<usize>, length: usize) -> io::Result<usize> {
        match written {
            Err(error) if is_closed_by_peer(&error) => {
                self.deaf = Some(error);
                Ok(length)
            }
            other => other,
        }
    }
}

impl<S: Read + Unpin> HeardOut<S> {
    fn poll_first(
        &mut self,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut first = [0; UnexpectedTls::CHECKED_BYTES];
        let room = first.len().min(buffer.remaining());
        let mut first = ReadBuf::new(first.get_mut(..room).unwrap_or_default());
        ready!(Pin::new(&mut self.stream).poll_read(cx, first.unfilled()))?;
        self.is_known = true;
        UnexpectedTls::check(first.filled())?;
        buffer.put_slice(first.filled());
        Poll::Ready(Ok(()))
    }
}

impl<S: Read + Unpin> Read for HeardOut<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let read = match self.is_known {
            true => Pin::new(&mut self.stream).poll_read(cx, buffer),
            false => self.poll_first(cx, buffer),
        };
        read.map_err(|error| self.deaf.take().unwrap_or(error))
    }
}

impl<S: Write + Unpin> Write for HeardOut<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.deaf.is_some() {
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes));
        Poll::Ready(self.forgive(written, bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.deaf.is_some() {
            return Poll::Ready(Ok(()));
        }
        let flushed = ready!(Pin::new(&mut self.stream).poll_flush(cx));
        Poll::Ready(self.forgive(flushed.map(|()| 0), 0).map(drop))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length = bytes.iter().map(|slice| slice.len()).sum();
        if self.deaf.is_some() {
            return Poll::Ready(Ok(length));
        }
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, bytes));
        Poll::Ready(self.forgive(written, length))
    }
}

impl<S: Connection> Connection for HeardOut<S> {
    fn connected(&self) -> Connected {
        self.stream.connected()
    }
}
