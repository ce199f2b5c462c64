//! TLS over another connection.

use std::fmt;
use std::io::{Read, Write};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use ureq::Error;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, LazyBuffers, NextTimeout, Transport, TransportAdapter,
};

/// TLS over another connection, with a custom config: ureq's connector can trust either the
/// system's certificate authorities or those of a bundle, but not both.
pub(crate) struct TlsTransport {
    stream: StreamOwned<ClientConnection, TransportAdapter>,
    buffers: LazyBuffers,
}

impl TlsTransport {
    /// Establishes TLS with `host`, a name or an IP address.
    pub(crate) fn connect(
        inner: Box<dyn Transport>,
        config: &Arc<ClientConfig>,
        host: &str,
        details: &ConnectionDetails<'_>,
        timeout: NextTimeout,
    ) -> Result<Self, Error> {
        let name = ServerName::try_from(host.trim_end_matches('.').to_owned())
            .map_err(|_| Error::BadUri("its host is not a valid TLS server name".into()))?;
        let connection =
            ClientConnection::new(Arc::clone(config), name).map_err(|e| Error::Other(e.into()))?;
        let mut stream = StreamOwned::new(
            connection,
            TransportAdapter::new(inner, Arc::clone(&details.current_time)),
        );
        stream.sock.set_timeout(timeout);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        let config = details.config;
        let buffers = LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size());
        Ok(Self { stream, buffers })
    }
}

impl Transport for TlsTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.stream.sock.set_timeout(timeout);
        let output = self.buffers.output().get(..amount).unwrap_or_default();
        self.stream.write_all(output)?;
        self.stream.flush()?;
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.stream.sock.set_timeout(timeout);
        let read = self.stream.read(self.buffers.input_append_buf())?;
        self.buffers.input_appended(read);
        Ok(read > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.sock.get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}

impl fmt::Debug for TlsTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsTransport").finish_non_exhaustive()
    }
}
