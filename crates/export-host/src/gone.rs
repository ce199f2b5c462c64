//! Connections whose other side is gone.

use std::io::{Error, ErrorKind};

/// Whether writing failed because the other side has closed the connection. What it said before
/// can still be read then: a server may answer a request that it has not read to the end.
#[must_use]
pub fn is_gone(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset
    )
}
