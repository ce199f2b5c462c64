//! A connection that tells the attempt what happens on it.

use std::fmt;
use std::io;
use std::sync::Arc;

use export_host::{UnexpectedTls, is_gone};
use ureq::Error;
use ureq::unversioned::transport::{Buffers, NextTimeout, Transport};

use super::attempt::Attempt;

/// A connection whose limits are the attempt's, and which tells it when something goes out.
pub(crate) struct Watched {
    inner: Box<dyn Transport>,
    attempt: Arc<Attempt>,
    /// Whether anything has come yet.
    is_new: bool,
    /// Why the other side takes no more.
    deaf: Option<io::Error>,
}

impl Watched {
    pub(crate) fn new(inner: Box<dyn Transport>, attempt: Arc<Attempt>) -> Self {
        Self { inner, attempt, is_new: true, deaf: None }
    }
}

impl Transport for Watched {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.attempt.sent();
        if self.deaf.is_some() {
            return Ok(());
        }
        match self.inner.transmit_output(amount, self.attempt.timeout(timeout)) {
            // It may have answered before it hung up, without reading to the end. ureq reads an
            // answer only once a request is out, so that this one has to seem to be.
            Err(Error::Io(error)) if is_gone(&error) => {
                self.deaf = Some(error);
                Ok(())
            }
            other => other,
        }
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let came = match self.inner.await_input(self.attempt.timeout(timeout)) {
            Ok(true) => true,
            came => match self.deaf.take() {
                Some(error) => return Err(keep_apart(Error::Io(error))),
                None => came.map_err(keep_apart)?,
            },
        };
        if came && std::mem::take(&mut self.is_new) && !self.inner.is_tls() {
            UnexpectedTls::check(self.inner.buffers().input())?;
        }
        Ok(came)
    }

    fn is_open(&mut self) -> bool {
        self.deaf.is_none() && self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").field("inner", &self.inner).finish_non_exhaustive()
    }
}

/// ureq takes a reset connection, and TLS that ends without its closing alert, for the end of a
/// body without a length. Then half a file would count as a whole one.
fn keep_apart(error: Error) -> Error {
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
