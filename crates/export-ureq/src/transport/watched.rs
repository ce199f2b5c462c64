//! A connection that tells the attempt what happens on it.

use std::fmt;
use std::io;
use std::sync::Arc;

use export_host::{UnexpectedTls, is_closed_by_peer};
use ureq::Error;
use ureq::unversioned::transport::{Buffers, NextTimeout, Transport};
use zeroize::Zeroizing;

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

    /// Puts the token into the head that is about to go out, behind its first line, and says how
    /// long the output is then.
    fn authorize(&mut self, amount: usize) -> Result<usize, Error> {
        let Some(value) = self.attempt.take_authorization() else { return Ok(amount) };
        let header = Zeroizing::new([b"authorization: ", value.as_bytes(), b"\r\n"].concat());
        let output = self.inner.buffers().output();
        let written = output.get(..amount).unwrap_or_default();
        let line = written.windows(2).position(|pair| pair == b"\r\n").map(|at| at + 2);
        let (Some(line), true) = (line, amount + header.len() <= output.len()) else {
            return Err(Error::BadUri("its head is too long".into()));
        };
        output.copy_within(line..amount, line + header.len());
        if let Some(room) = output.get_mut(line..line + header.len()) {
            room.copy_from_slice(&header);
        }
        Ok(amount + header.len())
    }
}

impl Transport for Watched {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let amount = self.authorize(amount)?;
        self.attempt.sent();
        if self.deaf.is_some() {
            return Ok(());
        }
        match self.inner.transmit_output(amount, self.attempt.timeout(timeout)) {
            // It may have answered before it hung up, without reading to the end. ureq reads an
            // answer only once a request is out, so that this one has to seem to be.
            Err(Error::Io(error)) if is_closed_by_peer(&error) => {
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
