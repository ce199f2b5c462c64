use http::Uri;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::route::Generation;
use crate::random::hash;
use crate::{Config, Timestamp};

/// The URLs that the service returns to clients.
#[derive(Clone, Debug)]
pub(crate) struct Urls {
    /// Scheme, host, port and optional prefix, without a trailing slash.
    api: String,
    storage: String,
    storage_authority: String,
    /// The key of the signatures.
    key: u64,
}

const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl Urls {
    pub(crate) fn new(config: &Config) -> Self {
        let base = |url: &Option<Uri>, default: &str| {
            let url = url.as_ref().map_or_else(|| default.to_owned(), Uri::to_string);
            url.trim_end_matches('/').to_owned()
        };
        let authority = config.storage_url.as_ref().and_then(Uri::authority);
        let storage = base(&config.storage_url, "http://127.0.0.1:8081");
        Self {
            api: base(&config.public_url, "http://127.0.0.1:8080"),
            storage_authority: authority
                .map_or_else(|| "127.0.0.1:8081".to_owned(), ToString::to_string),
            storage,
            key: hash(config.seed, b"signed URLs"),
        }
    }

    pub(crate) fn api(&self) -> &str {
        &self.api
    }

    pub(crate) fn storage(&self) -> &str {
        &self.storage
    }

    pub(crate) fn is_storage(&self, authority: &str) -> bool {
        self.storage_authority == authority
    }

    pub(crate) fn operation(&self, generation: Generation, id: &str) -> String {
        format!("{}{}/{id}", self.api, generation.operation_path())
    }

    pub(crate) fn download(&self, id: &str) -> String {
        format!("{}/exports/{id}/content", self.api)
    }

    /// A signed URL that gives access to a file without credentials until it expires.
    pub(crate) fn signed(&self, id: &str, file_name: &str, expires: Timestamp) -> String {
        let name = utf8_percent_encode(file_name, SEGMENT);
        let expires = expires.as_secs();
        let signature = self.signature(id, expires);
        format!("{}/artifacts/{id}/{name}?expires={expires}&signature={signature}", self.storage)
    }

    /// Whether the query of a URL has a valid, unexpired signature for this file.
    pub(crate) fn is_valid(&self, id: &str, query: &str, now: Timestamp) -> bool {
        let value = |name: &str| {
            query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
        };
        let Some(expires) = value("expires").and_then(|it| it.parse().ok()) else { return false };
        value("signature") == Some(&*self.signature(id, expires)) && now.as_secs() < expires
    }

    fn signature(&self, id: &str, expires: u64) -> String {
        let first = hash(self.key ^ expires, id.as_bytes());
        format!("{first:016x}{:016x}", hash(first ^ self.key, b"signature"))
    }
}
