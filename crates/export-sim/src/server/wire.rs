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

use super::head::{self, Out};
use crate::delivery::{Act, HeadPlan};

/// A connection that can be asked whether all is out, and told to send what no HTTP library would.
#[derive(Debug)]
pub(super) struct Wire<S: Resettable> {
    stream: S,
    state: Arc<WireState>,
    /// The start of a head that is to be changed.
    held: Vec<u8>,
    /// What has to be out before anything else.
    queue: VecDeque<Out>,
    sleep: Option<Pin<Box<Sleep>>>,
}

/// What a body knows of the connection that it goes out on.
#[derive(Debug, Default)]
pub(super) struct WireState(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    flushes: u64,
    /// What is to be done to the next head.
    head: Option<HeadPlan>,
    tail: Bytes,
    /// What happens when all is out.
    end: Option<Act>,
    waiting: Vec<Waker>,
    /// Whoever waits for the client to say something.
    reading: Option<Waker>,
    is_ended: bool,
    is_reset: bool,
}

/// A connection that can be broken off without a goodbye.
pub(super) trait Resettable {
    /// Lets the connection be reset when it is dropped, if there is such a thing.
    fn reset_when_dropped(&self);
}

impl Resettable for TcpStream {
    fn reset_when_dropped(&self) {
        // If it cannot be done, the connection is gone already.
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

impl<S: Resettable> Wire<S> {
    pub(super) fn new(stream: S) -> (Self, Arc<WireState>) {
        let state = Arc::new(WireState::default());
        let (held, queue) = (Vec::new(), VecDeque::new());
        (Self { stream, state: state.clone(), held, queue, sleep: None }, state)
    }
}

impl<S: Resettable> Drop for Wire<S> {
    fn drop(&mut self) {
        if self.state.inner().is_reset {
            self.stream.reset_when_dropped();
        }
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

    /// Does this to the head that is written next.
    pub(super) fn change_head(&self, plan: HeadPlan) {
        self.inner().head = Some(plan);
    }

    /// Sends these bytes when all else is out, outside of every message.
    pub(super) fn send_behind(&self, tail: Bytes) {
        self.inner().tail = tail;
    }

    /// Ends the connection when all else is out.
    pub(super) fn end_behind(&self, act: Act) {
        self.inner().end = Some(act);
    }

    /// Has the connection reset when it is dropped.
    pub(super) fn reset(&self) {
        self.inner().is_reset = true;
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: AsyncWrite + Resettable + Unpin> Wire<S> {
    /// Keeps back a head that is to be changed, and says whether these bytes were part of one.
    fn hold(&mut self, bytes: &[u8]) -> bool {
        if self.state.inner().head.is_none() {
            return false;
        }
        self.held.extend_from_slice(bytes);
        if let Some(end) = head::end(&self.held)
            && let Some(plan) = self.state.inner().head.take()
        {
            let held = std::mem::take(&mut self.held);
            self.queue = head::rewrite(&plan, &held[..end]);
            self.queue.push_back(Out::Bytes(Bytes::copy_from_slice(&held[end..])));
        }
        true
    }

    /// Sends what was kept back.
    fn poll_queue(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(next) = self.queue.front_mut() {
            match next {
                Out::Bytes(bytes) if bytes.is_empty() => {}
                Out::Bytes(bytes) => {
                    let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
                    if written == 0 {
                        return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                    }
                    bytes.advance(written);
                    continue;
                }
                Out::Pause(time) => {
                    ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
                    let until = Instant::now() + *time;
                    let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(until)));
                    ready!(sleep.as_mut().poll(cx));
                    self.sleep = None;
                }
                Out::Hang => {
                    ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
                    return Poll::Pending;
                }
                Out::Close | Out::Reset => {
                    ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
                    if *next == Out::Reset {
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

impl<S: AsyncRead + Resettable + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        {
            let mut inner = self.state.inner();
            if inner.is_ended {
                // As if the client had hung up: the server then does so too.
                return Poll::Ready(Ok(()));
            }
            inner.reading = Some(cx.waker().clone());
        }
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Resettable + Unpin> AsyncWrite for Wire<S> {
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
        if let Some(act) = inner.end.take() {
            inner.is_ended = true;
            inner.is_reset |= act == Act::Reset;
            inner.reading.take().into_iter().for_each(Waker::wake);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.state.inner().is_reset {
            // A goodbye would come before the reset.
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
