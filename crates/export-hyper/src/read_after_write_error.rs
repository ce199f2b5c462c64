//! A connection that can still be read after a write has failed.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use export_host::{UnexpectedTls, is_closed_by_peer};
use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use hyper_rustls::MaybeHttpsStream;
use hyper_util::client::legacy::connect::{Connected, Connection};

/// A connection whose response is read even if writing the request has failed: a server may respond
/// and close the connection before it has read the request to the end, and hyper would not look for
/// the response.
///
/// It also checks whether the first bytes from a plain-text server are TLS.
#[derive(Debug)]
pub(crate) struct ReadAfterWriteError<S> {
    stream: S,
    /// Whether the first bytes were checked, or need not be.
    is_checked: bool,
    /// Why writing has failed. Later writes are dropped.
    write_error: Option<io::Error>,
}

impl<S> ReadAfterWriteError<MaybeHttpsStream<S>> {
    pub(crate) fn new(stream: MaybeHttpsStream<S>) -> Self {
        let is_checked = matches!(stream, MaybeHttpsStream::Https(_));
        Self { stream, is_checked, write_error: None }
    }
}

impl<S> ReadAfterWriteError<S> {
    /// Keeps the error of a write to a connection that the peer has closed, and reports success.
    fn keep_error(&mut self, written: io::Result<usize>, length: usize) -> io::Result<usize> {
        match written {
            Err(error) if is_closed_by_peer(&error) => {
                self.write_error = Some(error);
                Ok(length)
            }
            other => other,
        }
    }
}

impl<S: Read + Unpin> ReadAfterWriteError<S> {
    fn poll_first_bytes(
        &mut self,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut first = [0; UnexpectedTls::CHECKED_BYTES];
        let room = first.len().min(buffer.remaining());
        let mut first = ReadBuf::new(first.get_mut(..room).unwrap_or_default());
        ready!(Pin::new(&mut self.stream).poll_read(cx, first.unfilled()))?;
        self.is_checked = true;
        UnexpectedTls::check(first.filled())?;
        buffer.put_slice(first.filled());
        Poll::Ready(Ok(()))
    }
}

impl<S: Read + Unpin> Read for ReadAfterWriteError<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let read = match self.is_checked {
            true => Pin::new(&mut self.stream).poll_read(cx, buffer),
            false => self.poll_first_bytes(cx, buffer),
        };
        read.map_err(|error| self.write_error.take().unwrap_or(error))
    }
}

impl<S: Write + Unpin> Write for ReadAfterWriteError<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.write_error.is_some() {
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes));
        Poll::Ready(self.keep_error(written, bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.write_error.is_some() {
            return Poll::Ready(Ok(()));
        }
        let flushed = ready!(Pin::new(&mut self.stream).poll_flush(cx));
        Poll::Ready(self.keep_error(flushed.map(|()| 0), 0).map(drop))
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
        if self.write_error.is_some() {
            return Poll::Ready(Ok(length));
        }
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, bytes));
        Poll::Ready(self.keep_error(written, length))
    }
}

impl<S: Connection> Connection for ReadAfterWriteError<S> {
    fn connected(&self) -> Connected {
        self.stream.connected()
    }
}
