//! The service as an HTTP server on real sockets.

mod body;
mod connection;
mod head;
mod link;
mod stream;
mod thread;
mod tls;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use http::Uri;
use tokio::io::DuplexStream;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use self::link::Link;
use self::thread::RuntimeThread;
use self::tls::Tls;
use crate::{Config, Mistake, Origin, RecordedRequest, Service, StartedExport, Timestamp};

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

/// What has to stop with the server.
#[derive(Debug)]
enum Running {
    /// Tasks on the runtime of the caller.
    Tasks([JoinHandle<()>; 2]),
    /// A thread whose runtime runs the tasks.
    Thread { _thread: RuntimeThread },
}

impl Server {
    /// Starts a server on the current tokio runtime.
    ///
    /// The server uses the runtime's clock, which tests can pause.
    ///
    /// # Errors
    ///
    /// If an address cannot be bound, or no certificate can be generated for the public URLs.
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
        let bandwidth = config.bandwidth;
        let shared = Arc::new(Shared::new(Service::new(config), bandwidth));
        let acceptor = tls.as_ref().map(Tls::acceptor);
        let listen = |listener, origin| {
            tokio::spawn(accept(listener, origin, acceptor.clone(), shared.clone()))
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

    /// Starts a server in a new thread with its own runtime.
    ///
    /// # Errors
    ///
    /// As [`Server::start`], or if the thread cannot be spawned.
    pub fn start_blocking(config: Config) -> io::Result<Self> {
        let (mut server, thread) = RuntimeThread::start(config)?;
        server.running = Running::Thread { _thread: thread };
        Ok(server)
    }

    /// The URL of the API, without a trailing slash: the public URL, or else the address listened on.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The URL of the storage origin, without a trailing slash.
    #[must_use]
    pub fn storage_url(&self) -> &str {
        &self.storage_url
    }

    /// The address that the API listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The certificate of the CA that clients have to trust, if TLS is enabled.
    #[must_use]
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    /// The requests received so far at both origins, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.shared.service().requests()
    }

    /// What the client has done wrong in the requests received so far. Test a client by asserting that it is empty.
    #[must_use]
    pub fn mistakes(&self) -> Vec<Mistake> {
        self.shared.service().mistakes()
    }

    /// The number of connections made to this origin so far, including those without a request.
    #[must_use]
    pub fn connections(&self, origin: Origin) -> u64 {
        self.shared.service().connections(origin)
    }

    /// The exports started so far, in order.
    #[must_use]
    pub fn exports(&self) -> Vec<StartedExport> {
        self.shared.service().exports()
    }

    /// Opens an in-memory connection to one of the origins: HTTP/1.1 without TLS.
    ///
    /// Use it with a paused clock: tokio advances a paused clock when no task can make progress, and it does not know
    /// whether a socket is about to become ready.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn connect(&self, origin: Origin) -> DuplexStream {
        let (client, server) = tokio::io::duplex(256 * 1024);
        tokio::spawn(connection::run_in_memory(server, origin, self.shared.clone()));
        client
    }

    /// The current time of the server.
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

/// The state that all connections share: the service and the clock.
#[derive(Debug)]
struct Shared {
    service: Mutex<Service>,
    /// The wall clock is read once, at the start; the time is monotonic from then on.
    started: (Timestamp, Instant),
    link: Link,
}

impl Shared {
    fn new(service: Service, bandwidth: Option<u64>) -> Self {
        let started = (SystemTime::now().into(), Instant::now());
        Self { service: Mutex::new(service), started, link: Link::new(bandwidth) }
    }

    fn service(&self) -> MutexGuard<'_, Service> {
        self.service.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Timestamp {
        let (wall, instant) = self.started;
        wall.after(instant.elapsed())
    }
}

/// Accepts connections until the task is aborted; the connections end with it.
async fn accept(
    listener: TcpListener,
    origin: Origin,
    tls: Option<TlsAcceptor>,
    shared: Arc<Shared>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection::run(stream, origin, tls.clone(), shared.clone()));
                }
                // The error may be temporary, for example when there are no free file descriptors.
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// The configured URL, or else that of the address, which is then stored in the configuration.
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
