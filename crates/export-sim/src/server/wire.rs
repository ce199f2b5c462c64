use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection that can be asked whether all is out, and told to send what no HTTP library would.
#[derive(Debug)]
pub(super) struct Wire<S> {
    stream: S,
    state: Arc<WireState>,
}

/// What a body knows of the connection that it goes out on.
#[derive(Debug, Default)]
pub(super) struct WireState(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    flushes: u64,
    tail: Bytes,
    waiting: Vec<Waker>,
}

impl<S> Wire<S> {
    pub(super) fn new(stream: S) -> (Self, Arc<WireState>) {
        let state = Arc::new(WireState::default());
        (Self { stream, state: state.clone() }, state)
    }
}

impl WireState {
    /// How often all has been out so far.
    pub(super) fn flushes(&self) -> u64 {
        self.inner().flushes
    }

    /// Waits until all has been out more often than that.
    pub(super) fn poll_flushed(&self, cx: &mut Context<'_>, since: u64) -> Poll<()> {
        let mut inner = self.inner();
        if inner.flushes > since {
            return Poll::Ready(());
        }
        inner.waiting.push(cx.waker().clone());
        Poll::Pending
    }

    /// Sends these bytes when all else is out, outside of every message.
    pub(super) fn send_behind(&self, tail: Bytes) {
        self.inner().tail = tail;
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, state } = &mut *self;
        loop {
            let mut inner = state.inner();
            if inner.tail.is_empty() {
                break;
            }
            let written = ready!(Pin::new(&mut *stream).poll_write(cx, &inner.tail))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            inner.tail.advance(written);
        }
        ready!(Pin::new(stream).poll_flush(cx))?;
        let mut inner = state.inner();
        inner.flushes += 1;
        inner.waiting.drain(..).for_each(Waker::wake);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
