//! A connection that obeys the limits of an attempt and reports to it.

use std::fmt;
use std::io;
use std::sync::Arc;

use export_host::{UnexpectedTls, is_closed_by_peer};
use ureq::Error;
use ureq::unversioned::transport::{Buffers, NextTimeout, Transport};
use zeroize::Zeroizing;

use super::attempt::{Attempt, Withheld};

/// A connection with the limits of an [`Attempt`], to which it reports when a request is sent.
///
/// It adds the target and the token to the request, checks whether the first bytes from a plain-text server are
/// TLS, and reads the response even if writing the request has failed: a server may respond and
/// close the connection before it has read the request to the end.
pub(crate) struct AttemptTransport {
    inner: Box<dyn Transport>,
    attempt: Arc<Attempt>,
    /// Whether no bytes were received yet.
    is_new: bool,
    /// Why writing has failed. Later writes are dropped.
    write_error: Option<io::Error>,
}

impl AttemptTransport {
    pub(crate) fn new(inner: Box<dyn Transport>, attempt: Arc<Attempt>) -> Self {
        Self { inner, attempt, is_new: true, write_error: None }
    }

    /// Completes the head in the output buffer, whose first line is `METHOD / HTTP/1.1`, with the
    /// target of the request and the token. Returns the new length of the output.
    fn complete_head(&mut self, amount: usize) -> Result<usize, Error> {
        let Some(Withheld { target, headers }) = self.attempt.take_withheld() else {
            return Ok(amount);
        };
        let output = self.inner.buffers().output();
        let written = output.get(..amount).unwrap_or_default();
        let slash = written.iter().position(|&byte| byte == b'/').unwrap_or(amount);
        let line = written.windows(2).position(|pair| pair == b"\r\n").map_or(amount, |at| at + 2);
        let mut added = Zeroizing::new(target.as_str().as_bytes().to_vec());
        added.extend_from_slice(written.get(slash + 1..line).unwrap_or_default());
        for (name, value) in headers {
            let line = [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat();
            added.extend_from_slice(&line);
        }
        let length = slash + added.len() + (amount - line);
        if length > output.len() {
            return Err(Error::BadUri("its head is too long".into()));
        }
        output.copy_within(line..amount, slash + added.len());
        if let Some(room) = output.get_mut(slash..slash + added.len()) {
            room.copy_from_slice(&added);
        }
        Ok(length)
    }
}

impl Transport for AttemptTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let amount = self.complete_head(amount)?;
        self.attempt.sent();
        if self.write_error.is_some() {
            return Ok(());
        }
        match self.inner.transmit_output(amount, self.attempt.timeout(timeout)) {
            // Reports success, since ureq reads a response only after it has sent the request.
            Err(Error::Io(error)) if is_closed_by_peer(&error) => {
                self.write_error = Some(error);
                Ok(())
            }
            other => other,
        }
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let received = match self.inner.await_input(self.attempt.timeout(timeout)) {
            Ok(true) => true,
            received => match self.write_error.take() {
                Some(error) => return Err(wrap_truncation(Error::Io(error))),
                None => received.map_err(wrap_truncation)?,
            },
        };
        if received && std::mem::take(&mut self.is_new) && !self.inner.is_tls() {
            UnexpectedTls::check(self.inner.buffers().input())?;
        }
        Ok(received)
    }

    fn is_open(&mut self) -> bool {
        self.write_error.is_none() && self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

impl fmt::Debug for AttemptTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttemptTransport").field("inner", &self.inner).finish_non_exhaustive()
    }
}

/// Wraps errors that ureq takes for the end of a body without a length: a reset connection, and TLS
/// that ends without its closing alert. A truncated file would count as complete.
fn wrap_truncation(error: Error) -> Error {
    match error {
        Error::Io(error)
            if matches!(
                error.kind(),
                io::ErrorKind::UnexpectedEof
                    | io::ErrorKind::ConnectionAborted
                    | io::ErrorKind::ConnectionReset
            ) =>
        {
            Error::Io(io::Error::other(error))
        }
        other => other,
    }
}
