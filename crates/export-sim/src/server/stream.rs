use std::collections::VecDeque;
use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_rustls::server::TlsStream;

use super::head::{self, WriteOp};
use crate::delivery::{Action, HeadFaults};

/// A stream that can rewrite heads, send bytes outside of messages, and break the connection: what an HTTP library
/// does not offer.
#[derive(Debug)]
pub(super) struct FaultyStream<S: Resettable> {
    stream: S,
    state: Arc<StreamState>,
    /// The incomplete head that is to be rewritten.
    held: Vec<u8>,
    /// Operations to carry out before anything else is written.
    queue: VecDeque<WriteOp>,
    sleep: Option<Pin<Box<Sleep>>>,
}

/// The state that a [`FaultyStream`] shares with the bodies that are sent over it.
#[derive(Debug, Default)]
pub(super) struct StreamState(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// The number of completed flushes.
    flushes: u64,
    /// The faults of the next head.
    head: Option<HeadFaults>,
    /// Bytes to send after the message.
    tail: Bytes,
    /// The action to take after the next flush.
    end: Option<Action>,
    /// Tasks that wait for a flush.
    waiting: Vec<Waker>,
    /// The task that reads from the connection.
    reading: Option<Waker>,
    is_ended: bool,
    is_reset: bool,
}

/// A connection that can be reset.
pub(super) trait Resettable {
    /// Sends a reset instead of a normal close when the connection is dropped, if the transport supports it.
    fn reset_when_dropped(&self);
}

impl Resettable for TcpStream {
    fn reset_when_dropped(&self) {
        // Fails only if the connection is already gone.
        let _ = self.set_zero_linger();
    }
}

impl Resettable for TlsStream<TcpStream> {
    fn reset_when_dropped(&self) {
        self.get_ref().0.reset_when_dropped();
    }
}

impl Resettable for DuplexStream {
    fn reset_when_dropped(&self) {}
}

impl<S: Resettable> FaultyStream<S> {
    pub(super) fn new(stream: S) -> (Self, Arc<StreamState>) {
        let state = Arc::new(StreamState::default());
        let (held, queue) = (Vec::new(), VecDeque::new());
        (Self { stream, state: state.clone(), held, queue, sleep: None }, state)
    }
}

impl<S: Resettable> Drop for FaultyStream<S> {
    fn drop(&mut self) {
        if self.state.inner().is_reset {
            self.stream.reset_when_dropped();
        }
    }
}

impl StreamState {
    /// The number of completed flushes.
    pub(super) fn flushes(&self) -> u64 {
        self.inner().flushes
    }

    /// Waits until the number of completed flushes exceeds `since`.
    pub(super) fn poll_flushed(&self, cx: &mut Context<'_>, since: u64) -> Poll<()> {
        let mut inner = self.inner();
        if inner.flushes > since {
            return Poll::Ready(());
        }
        inner.waiting.push(cx.waker().clone());
        Poll::Pending
    }

    /// Applies these faults to the next head that is written.
    pub(super) fn change_next_head(&self, faults: HeadFaults) {
        self.inner().head = Some(faults);
    }

    /// Sends these bytes after the current message, outside of its framing.
    pub(super) fn send_after_message(&self, tail: Bytes) {
        self.inner().tail = tail;
    }

    /// Ends the connection after the next flush.
    pub(super) fn end_after_flush(&self, action: Action) {
        self.inner().end = Some(action);
    }

    /// Resets the connection when it is dropped.
    pub(super) fn reset(&self) {
        self.inner().is_reset = true;
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: AsyncWrite + Resettable + Unpin> FaultyStream<S> {
    /// Holds back a head that is to be rewritten. Returns whether these bytes were held back.
    fn hold(&mut self, bytes: &[u8]) -> bool {
        if self.state.inner().head.is_none() {
            return false;
        }
        self.held.extend_from_slice(bytes);
        if let Some(end) = head::end(&self.held)
            && let Some(faults) = self.state.inner().head.take()
        {
            let held = std::mem::take(&mut self.held);
            self.queue = head::rewrite(&faults, &held[..end]);
            self.queue.push_back(WriteOp::Bytes(Bytes::copy_from_slice(&held[end..])));
        }
        true
    }

    /// Carries out the queued operations.
    fn poll_queue(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(next) = self.queue.front_mut() {
            match next {
                WriteOp::Bytes(bytes) if bytes.is_empty() => {}
                WriteOp::Bytes(bytes) => {
                    let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
                    if written == 0 {
                        return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                    }
                    bytes.advance(written);
                    continue;
                }
                WriteOp::Pause(time) => {
                    ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
                    let until = Instant::now() + *time;
                    let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(until)));
                    ready!(sleep.as_mut().poll(cx));
                    self.sleep = None;
                }
                WriteOp::Hang => {
                    ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
                    return Poll::Pending;
                }
                WriteOp::Close | WriteOp::Reset => {
                    ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
                    if *next == WriteOp::Reset {
                        self.state.reset();
                    }
                    return Poll::Ready(Err(io::Error::other("the scenario ends the connection")));
                }
            }
            self.queue.pop_front();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_tail(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, state, .. } = self;
        loop {
            let mut inner = state.inner();
            if inner.tail.is_empty() {
                return Poll::Ready(Ok(()));
            }
            let written = ready!(Pin::new(&mut *stream).poll_write(cx, &inner.tail))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            inner.tail.advance(written);
        }
    }
}

impl<S: AsyncRead + Resettable + Unpin> AsyncRead for FaultyStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        {
            let mut inner = self.state.inner();
            if inner.is_ended {
                // Reports the end of the input, upon which hyper closes the connection.
                return Poll::Ready(Ok(()));
            }
            inner.reading = Some(cx.waker().clone());
        }
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Resettable + Unpin> AsyncWrite for FaultyStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.hold(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        ready!(self.poll_queue(cx))?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.state.inner().head.is_some() {
            let first = bytes.iter().find(|slice| !slice.is_empty());
            return self.poll_write(cx, first.map_or(&[], |slice| slice));
        }
        ready!(self.poll_queue(cx))?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_queue(cx))?;
        ready!(self.poll_tail(cx))?;
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        let mut inner = self.state.inner();
        inner.flushes += 1;
        inner.waiting.drain(..).for_each(Waker::wake);
        if let Some(action) = inner.end.take() {
            inner.is_ended = true;
            inner.is_reset |= action == Action::Reset;
            inner.reading.take().into_iter().for_each(Waker::wake);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.state.inner().is_reset {
            // A shutdown would send a FIN before the reset.
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
