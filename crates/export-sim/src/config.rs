use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::Uri;

use crate::service::files;
use crate::{Completion, Scenario, WorkspaceFile};

/// Configuration of the simulated service.
///
/// With the defaults any id exists, an export is completed at its first poll, the file comes from the API host, and
/// the `Retry-After` values are those observed at the real service.
///
/// ```
/// use std::time::Duration;
/// use export_sim::{Config, Downloads};
///
/// let config = Config::default()
///     .with_token("a-token")
///     .with_client("an-id", "a-secret")
///     .with_complete_after(Duration::from_secs(30))
///     .with_downloads(Downloads::Redirect(302));
/// assert_eq!(config.tokens(), ["a-token"]);
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) listen: SocketAddr,
    pub(crate) storage_listen: SocketAddr,
    pub(crate) public_url: Option<Uri>,
    pub(crate) storage_url: Option<Uri>,
    pub(crate) tls: Option<Certificate>,
    pub(crate) tokens: Vec<String>,
    pub(crate) clients: Vec<(String, String)>,
    pub(crate) scopes: Vec<String>,
    pub(crate) token_lifetime: Duration,
    pub(crate) submit_retry_after: Option<u64>,
    pub(crate) poll_retry_after: Option<u64>,
    pub(crate) operations_rate: f64,
    pub(crate) bandwidth: Option<u64>,
    pub(crate) completion: Completion,
    pub(crate) downloads: Downloads,
    pub(crate) framing: Framing,
    pub(crate) signed_url_lifetime: Duration,
    pub(crate) content: Content,
    pub(crate) file_name: Option<String>,
    pub(crate) workspace: Vec<WorkspaceFile>,
    pub(crate) scenario: Scenario,
    pub(crate) seed: u64,
    pub(crate) record_limit: usize,
}

/// The certificate that the server presents to clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Certificate {
    /// A valid certificate for `127.0.0.1`, `::1`, `localhost` and the hosts of the public URLs.
    Valid,
    /// A certificate for another host.
    WrongName,
    /// A certificate that expired at the end of 2020.
    Expired,
}

/// Where an exported file is downloaded from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Downloads {
    /// The `resourceUrl` is on the API host and returns the file with a 200.
    ApiHost,
    /// The `resourceUrl` is on the API host and redirects with this status to a signed URL on the storage origin.
    Redirect(u16),
    /// The `resourceUrl` is a signed URL on the storage origin.
    Signed,
}

/// How the end of a download is signalled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Framing {
    /// A `Content-Length` header.
    Length,
    /// No length: the last chunk (HTTP/1.1) or the end of the stream (HTTP/2).
    Chunked,
}

/// Content of the exported files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// Small real documents.
    Documents,
    /// Files from a folder of the user.
    Folder(PathBuf),
    /// A generated pattern of this many bytes.
    Synthetic(u64),
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            storage_listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            public_url: None,
            storage_url: None,
            tls: None,
            tokens: Vec::new(),
            clients: Vec::new(),
            scopes: ["file:read", "file:write", "graph:read"].map(String::from).to_vec(),
            token_lifetime: Duration::from_secs(3600),
            submit_retry_after: Some(5),
            poll_retry_after: Some(1),
            operations_rate: 1.0,
            bandwidth: None,
            completion: Completion::default(),
            downloads: Downloads::ApiHost,
            framing: Framing::Length,
            signed_url_lifetime: Duration::from_secs(900),
            content: Content::Documents,
            file_name: None,
            workspace: files::samples(),
            scenario: Scenario::default(),
            seed: 0,
            record_limit: 10_000,
        }
    }
}

/// Addresses and TLS.
impl Config {
    /// Sets the address that the API origin listens on. **127.0.0.1:0**, a free port, by default.
    #[must_use]
    pub fn with_listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Sets the address that the storage origin listens on. **127.0.0.1:0**, a free port, by default.
    #[must_use]
    pub fn with_storage_listen(mut self, address: SocketAddr) -> Self {
        self.storage_listen = address;
        self
    }

    /// Sets the URL at which clients reach the API origin, for use behind a proxy.
    /// **The address listened on** by default.
    #[must_use]
    pub fn with_public_url(mut self, url: Uri) -> Self {
        self.public_url = Some(url);
        self
    }

    /// Sets the URL at which clients reach the storage origin. **The address listened on** by default.
    #[must_use]
    pub fn with_storage_url(mut self, url: Uri) -> Self {
        self.storage_url = Some(url);
        self
    }

    /// Enables TLS for both origins, with HTTP/2 by ALPN and a CA generated for this run. **Off** by default.
    #[must_use]
    pub fn with_tls(self) -> Self {
        self.with_certificate(Certificate::Valid)
    }

    /// Enables TLS with the given kind of certificate.
    #[must_use]
    pub fn with_certificate(mut self, certificate: Certificate) -> Self {
        self.tls = Some(certificate);
        self
    }
}

/// Credentials.
impl Config {
    /// Adds an access token that never expires. **`sim-token`** if neither a token nor a client is added.
    #[must_use]
    pub fn with_token(mut self, token: impl Into<String>) -> Self {
        self.tokens.push(token.into());
        self
    }

    /// Adds a client that can request tokens. **`sim-client`** with **`sim-secret`** if neither a token nor a
    /// client is added.
    #[must_use]
    pub fn with_client(mut self, id: impl Into<String>, secret: impl Into<String>) -> Self {
        self.clients.push((id.into(), secret.into()));
        self
    }

    /// Sets the scopes that tokens can have. **`file:read`, `file:write` and `graph:read`** by default.
    #[must_use]
    pub fn with_scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the lifetime of the tokens that clients request. **One hour** by default.
    #[must_use]
    pub fn with_token_lifetime(mut self, lifetime: Duration) -> Self {
        self.token_lifetime = lifetime;
        self
    }

    /// The configured access tokens.
    #[must_use]
    pub fn tokens(&self) -> Vec<&str> {
        match &self.tokens[..] {
            [] if self.clients.is_empty() => vec!["sim-token"],
            tokens => tokens.iter().map(String::as_str).collect(),
        }
    }

    /// The configured clients, as pairs of id and secret.
    #[must_use]
    pub fn clients(&self) -> Vec<(&str, &str)> {
        match &self.clients[..] {
            [] if self.tokens.is_empty() => vec![("sim-client", "sim-secret")],
            clients => clients.iter().map(|(id, secret)| (id.as_str(), secret.as_str())).collect(),
        }
    }
}

/// Timing, rate limits and faults.
impl Config {
    /// Sets how long an export takes. **Zero** by default: completed at the first poll.
    #[must_use]
    pub fn with_complete_after(self, time: Duration) -> Self {
        self.with_completion(Completion::Fixed(time))
    }

    /// Sets the distribution of the time that exports take.
    #[must_use]
    pub fn with_completion(mut self, completion: Completion) -> Self {
        self.completion = completion;
        self
    }

    /// Sets the `Retry-After` of submits and polls, in seconds. **5 for submits, 1 for polls** by default, as observed
    /// at the real service.
    #[must_use]
    pub fn with_retry_after(mut self, seconds: u64) -> Self {
        self.submit_retry_after = Some(seconds);
        self.poll_retry_after = Some(seconds);
        self
    }

    /// Sends no `Retry-After` with submits and polls.
    #[must_use]
    pub fn without_retry_after(mut self) -> Self {
        self.submit_retry_after = None;
        self.poll_retry_after = None;
        self
    }

    /// Sets the number of operation requests that each token may send per second; 0 disables the limit. **1** by
    /// default.
    #[must_use]
    pub fn with_operations_rate(mut self, per_second: impl Into<f64>) -> Self {
        let rate = per_second.into();
        self.operations_rate = if rate.is_finite() { rate.max(0.0) } else { 0.0 };
        self
    }

    /// Sets the number of bytes per second that all clients together receive of the bodies of responses; 0 disables
    /// the limit. **No limit** by default.
    #[must_use]
    pub fn with_bandwidth(mut self, per_second: u64) -> Self {
        self.bandwidth = (per_second > 0).then_some(per_second);
        self
    }

    /// Sets the faults to inject. **None** by default.
    #[must_use]
    pub fn with_scenario(mut self, scenario: Scenario) -> Self {
        self.scenario = scenario;
        self
    }

    /// Sets the seed of all random values: ids and completion times. **0** by default.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}

/// The exported files.
impl Config {
    /// Serves a pattern of this many bytes, generated on the fly, instead of documents.
    #[must_use]
    pub fn with_artifact_size(mut self, bytes: u64) -> Self {
        self.content = Content::Synthetic(bytes);
        self
    }

    /// Serves files from this folder, named `{id}.{extension of the format}` or `{id}`. Other ids do not exist.
    #[must_use]
    pub fn with_files(mut self, folder: impl AsRef<Path>) -> Self {
        self.content = Content::Folder(folder.as_ref().to_path_buf());
        self
    }

    /// Sets the file name of downloads, without the extension. **The id of the exported object** by default.
    #[must_use]
    pub fn with_file_name(mut self, name: impl Into<String>) -> Self {
        self.file_name = Some(name.into());
        self
    }

    /// Sets the files that the service lists. **A few samples** by default. Any id can be exported, whether it is
    /// listed or not.
    #[must_use]
    pub fn with_workspace(mut self, files: impl IntoIterator<Item = WorkspaceFile>) -> Self {
        self.workspace = files.into_iter().collect();
        self
    }

    /// Sets where files are downloaded from. **The API host** by default.
    #[must_use]
    pub fn with_downloads(mut self, downloads: Downloads) -> Self {
        self.downloads = downloads;
        self
    }

    /// Sets how the end of a download is signalled. **By `Content-Length`** by default.
    #[must_use]
    pub fn with_framing(mut self, framing: Framing) -> Self {
        self.framing = framing;
        self
    }

    /// Sets how long a signed URL is valid. **15 minutes** by default.
    #[must_use]
    pub fn with_signed_url_lifetime(mut self, lifetime: Duration) -> Self {
        self.signed_url_lifetime = lifetime;
        self
    }

    /// Sets how many requests are recorded; when there are more, the oldest are dropped. **10,000** by default.
    #[must_use]
    pub fn with_record_limit(mut self, requests: usize) -> Self {
        self.record_limit = requests;
        self
    }
}
