//! Opens a tunnel through an HTTP proxy.

use export_host::{Proxy, Tunnel, TunnelError};
use http::Uri;
use ureq::Error;
use ureq::unversioned::transport::{NextTimeout, Transport};

/// Asks the proxy at the other end of a connection for a tunnel to the host of `target`.
pub(crate) fn open(
    mut inner: Box<dyn Transport>,
    proxy: &Proxy,
    target: &Uri,
    timeout: impl Fn() -> NextTimeout,
) -> Result<Box<dyn Transport>, Error> {
    let tunnel = Tunnel::new(proxy, target);
    let request = tunnel.request().as_bytes();
    let output = inner.buffers().output();
    let room = output.get_mut(..request.len()).ok_or(Error::BadUri("it is too long".into()))?;
    room.copy_from_slice(request);
    inner.transmit_output(request.len(), timeout())?;

    loop {
        let more = inner.await_input(timeout())?;
        match tunnel.parse_response(inner.buffers().input()) {
            Some(Ok(length)) => {
                inner.buffers().input_consume(length);
                return Ok(inner);
            }
            Some(Err(error)) => return Err(Error::Other(error.into())),
            None if !more => return Err(Error::Other(TunnelError::NotHttp.into())),
            // Consumes nothing, so that the next read appends.
            None => inner.buffers().input_consume(0),
        }
    }
}
