//! The service behind real sockets.

mod body;
mod connection;
mod head;
mod listener;
mod shared;
mod thread;
mod tls;
mod wire;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use http::Uri;
use tokio::io::DuplexStream;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use self::shared::Shared;
use self::thread::RuntimeThread;
use self::tls::Tls;
use crate::{Config, Origin, RecordedRequest, Service, StartedExport, Timestamp};

/// A running server. It stops when it is dropped.
///
/// ```
/// use export_sim::{Config, Server};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let server = Server::start(Config::default().with_tls()).await?;
/// assert!(server.url().starts_with("https://127.0.0.1:"));
/// assert!(server.ca_pem().is_some_and(|pem| pem.starts_with("-----BEGIN CERTIFICATE-----")));
/// # Ok::<_, std::io::Error>(())
/// # })?;
/// # Ok::<_, std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
    address: SocketAddr,
    url: String,
    storage_url: String,
    ca_pem: Option<String>,
    running: Running,
}

/// What has to end with the server.
#[derive(Debug)]
enum Running {
    /// Tasks on the runtime of whoever started it.
    Tasks([JoinHandle<()>; 2]),
    /// A thread with a runtime, which has the tasks.
    Thread { _thread: RuntimeThread },
}

impl Server {
    /// Starts a server on the current tokio runtime.
    ///
    /// Its clock is that of the runtime; where that one is paused, the server's is too.
    ///
    /// # Errors
    ///
    /// If an address cannot be listened on, or no certificate can be made for the public URLs.
    pub async fn start(mut config: Config) -> io::Result<Self> {
        let api = TcpListener::bind(config.listen).await?;
        let storage = TcpListener::bind(config.storage_listen).await?;
        let address = api.local_addr()?;
        let tls = match config.tls {
            Some(certificate) => {
                let urls = [&config.public_url, &config.storage_url];
                let hosts = urls.iter().filter_map(|url| url.as_ref()?.host());
                Some(Tls::new(certificate, hosts)?)
            }
            None => None,
        };
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = base(&mut config.public_url, scheme, address)?;
        let storage_url = base(&mut config.storage_url, scheme, storage.local_addr()?)?;
        let shared = Arc::new(Shared::new(Service::new(config)));
        let acceptor = tls.as_ref().map(Tls::acceptor);
        let listen = |listener, origin| {
            tokio::spawn(listener::run(listener, origin, acceptor.clone(), shared.clone()))
        };
        let tasks = [listen(api, Origin::Api), listen(storage, Origin::Storage)];
        Ok(Self {
            address,
            url,
            storage_url,
            ca_pem: tls.map(Tls::into_ca_pem),
            running: Running::Tasks(tasks),
            shared,
        })
    }

    /// Starts a server on a runtime of its own, in a thread of its own.
    ///
    /// # Errors
    ///
    /// As [`Server::start`], or if there can be no thread.
    pub fn start_blocking(config: Config) -> io::Result<Self> {
        let (mut server, thread) = RuntimeThread::start(config)?;
        server.running = Running::Thread { _thread: thread };
        Ok(server)
    }

    /// The URL of the API: the public one, or else the address listened on. No slash at its end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The URL of the storage origin. No slash at its end.
    #[must_use]
    pub fn storage_url(&self) -> &str {
        &self.storage_url
    }

    /// The address that the API listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The certificate of the CA to trust, if the server speaks TLS.
    #[must_use]
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    /// The requests received so far, on both origins, in their order.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.shared.service().requests()
    }

    /// How many connections were made to this origin so far, those included on which nothing was said.
    #[must_use]
    pub fn connections(&self, origin: Origin) -> u64 {
        self.shared.service().connections(origin)
    }

    /// The exports started so far, in their order.
    #[must_use]
    pub fn exports(&self) -> Vec<StartedExport> {
        self.shared.service().exports()
    }

    /// A connection to one of the origins that uses no socket: HTTP/1.1 without TLS.
    ///
    /// Under a paused clock it is the better way: time waits until neither side has anything to do, which nobody
    /// can know of a socket.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn connect(&self, origin: Origin) -> DuplexStream {
        let (client, server) = tokio::io::duplex(256 * 1024);
        tokio::spawn(connection::inside(server, origin, self.shared.clone()));
        client
    }

    /// What time it is for the server.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.shared.now()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Running::Tasks(tasks) = &self.running {
            tasks.iter().for_each(JoinHandle::abort);
        }
    }
}

/// The URL that the configuration has, or else that of the address; the configuration has it from now on.
fn base(url: &mut Option<Uri>, scheme: &str, address: SocketAddr) -> io::Result<String> {
    let url = match url {
        Some(url) => url,
        None => url.insert(
            format!("{scheme}://{address}")
                .parse()
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?,
        ),
    };
    Ok(url.to_string().trim_end_matches('/').to_owned())
}
