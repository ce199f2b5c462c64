//! The client of one bucket.
//!
//! Each store reads its own settings from the environment; requests use the program's connections.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use export_hyper::Timestamp;
use object_store::multipart::MultipartStore;
use object_store::path::Path as ObjectPath;
use object_store::{
    Attribute, Attributes, GetOptions, MultipartUpload, ObjectStore, PutMode, PutMultipartOptions,
    PutOptions, RetryConfig,
};
use tokio::time::timeout;

use super::address::Address;
use super::error::StoreError;
use super::parts::{MultipartById, payload};
use super::transport::{Transport, run};
use super::upload_dir::UploadId;
use super::variables;
use crate::clock;
use crate::output::destination::Scheme;
use crate::problem::{Exit, Problem};
use crate::receipt::Receipt;
use crate::settings::Settings;

/// The client of a bucket. Clones share its connections and credentials.
#[derive(Clone)]
pub(in crate::output) struct Bucket {
    pub(super) store: Arc<dyn ObjectStore>,
    /// The same client, for stores whose multipart uploads have an id, by which another process can
    /// abort them.
    pub(super) by_id: Option<Arc<dyn MultipartStore>>,
    /// A client for the completion of multipart uploads, for stores that can check that no such
    /// object exists.
    pub(super) by_id_if_new: Option<Arc<dyn MultipartStore>>,
    /// Whether a put can have the condition that no such object exists.
    has_conditions: bool,
}

/// What happens to an object that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PutCondition {
    Replace,
    /// The put fails. The store itself checks this where it can.
    IfNew,
}

/// An object that exists.
#[derive(Debug)]
pub(super) struct ExistingObject {
    length: u64,
    /// When it was stored, by the store's clock.
    pub(super) modified: Timestamp,
    attributes: Attributes,
}

/// A multipart upload, and its id if it has one.
pub(super) type StartedUpload = (Box<dyn MultipartUpload>, Option<UploadId>);

impl Bucket {
    pub(super) async fn find(&self, key: &str) -> Result<Option<ExistingObject>, StoreError> {
        let options = GetOptions { head: true, ..GetOptions::default() };
        match run(self.store.get_opts(&path(key)?, options)).await {
            Ok(found) => {
                let (length, attributes) = (found.meta.size, found.attributes);
                let modified = clock::at(found.meta.last_modified.into());
                Ok(Some(ExistingObject { length, modified, attributes }))
            }
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Puts an object in one request.
    pub(super) async fn put(
        &self,
        key: &str,
        bytes: Bytes,
        attributes: Attributes,
        condition: PutCondition,
    ) -> Result<(), StoreError> {
        let mode = match condition {
            PutCondition::Replace => PutMode::Overwrite,
            PutCondition::IfNew if self.has_conditions => PutMode::Create,
            PutCondition::IfNew => match self.find(key).await? {
                Some(_) => return Err(StoreError::taken()),
                None => PutMode::Overwrite,
            },
        };
        let options = PutOptions { mode, attributes, ..PutOptions::default() };
        run(self.store.put_opts(&path(key)?, payload(&bytes), options)).await.map(drop)
    }

    /// Starts a multipart upload.
    ///
    /// The future is `'static`, so that a caller that stops waiting can let it finish in a task.
    pub(super) fn start(
        &self,
        key: &str,
        attributes: Attributes,
        condition: PutCondition,
    ) -> impl Future<Output = Result<StartedUpload, StoreError>> + Send + 'static {
        let (bucket, key) = (self.clone(), key.to_owned());
        async move {
            let path = path(&key)?;
            let options = PutMultipartOptions { attributes, ..PutMultipartOptions::default() };
            let Some(store) = bucket.by_id else {
                let upload = run(bucket.store.put_multipart_opts(&path, options)).await?;
                return Ok((upload, None));
            };
            let id = run(store.create_multipart_opts(&path, options)).await?;
            let complete = match (condition, bucket.by_id_if_new) {
                (PutCondition::IfNew, Some(if_new)) => if_new,
                _ => Arc::clone(&store),
            };
            let upload = MultipartById::new(store, complete, path, id.clone());
            Ok((Box::new(upload) as _, Some(UploadId { key, id })))
        }
    }

    /// Whether the store itself checks [`PutCondition::IfNew`] for multipart uploads.
    pub(super) const fn checks_multipart(&self) -> bool {
        self.by_id_if_new.is_some()
    }

    /// Aborts a multipart upload of another process, if it still exists.
    pub(super) async fn abort(&self, upload: &UploadId) -> Result<(), StoreError> {
        let Some(store) = &self.by_id else { return Ok(()) };
        match run(store.abort_multipart(&path(&upload.key)?, &upload.id)).await {
            Err(error) if !error.is_missing() => Err(error),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bucket")
    }
}

impl ExistingObject {
    /// Whether this is the file of the receipt. A lost response, or a process that was killed,
    /// leaves such an object.
    pub(super) fn matches(&self, receipt: &Receipt) -> bool {
        let has = |name, value| self.metadata(name).is_some_and(|found| found == value);
        self.length == receipt.bytes
            && has("sha256", &receipt.sha256)
            && self.is_of(&receipt.operation)
    }

    /// Whether this is the file of an operation.
    pub(super) fn is_of(&self, operation: &str) -> bool {
        self.metadata("operation").is_some_and(|found| found == operation)
    }

    fn metadata(&self, name: &'static str) -> Option<&str> {
        self.attributes.get(&Attribute::Metadata(name.into())).map(AsRef::as_ref)
    }
}

/// The longest value in an object's metadata, in bytes: S3 allows 2 KiB for all of them.
const MAX_VALUE: usize = 256;

/// The metadata of an object: its media type, and the short values of the receipt.
pub(super) fn attributes_of(receipt: &Receipt) -> Attributes {
    let mut attributes = Attributes::new();
    if let Some(media_type) = &receipt.media_type {
        attributes.insert(Attribute::ContentType, media_type.clone().into());
    }
    let number = |number: u64| Some(number.to_string());
    for (name, value) in [
        ("sha256", Some(receipt.sha256.clone())),
        ("bytes", number(receipt.bytes)),
        ("operation", Some(receipt.operation.clone())),
        // Names are one word each: Azure refuses hyphens, and some proxies drop underscores.
        ("originalrequest", receipt.original_request.clone()),
        ("created", receipt.created.clone()),
        ("updated", receipt.updated.clone()),
        ("submits", number(receipt.submits.into())),
        ("wexport", Some(receipt.wexport.clone())),
    ] {
        // Metadata is sent in headers.
        let legal = |value: &String| {
            value.len() <= MAX_VALUE && value.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        };
        if let Some(value) = value.filter(legal) {
            attributes.insert(Attribute::Metadata(name.into()), value.into());
        }
    }
    attributes
}

fn path(key: &str) -> Result<ObjectPath, StoreError> {
    ObjectPath::parse(key).map_err(|error| StoreError::Other(error.to_string()))
}

/// How long the metadata service of a machine has to issue credentials.
const CREDENTIALS_TIMEOUT: Duration = Duration::from_secs(10);

impl Bucket {
    /// Makes the client of a bucket, and checks that there are credentials: an error is better now
    /// than after an hour of waiting for an export.
    pub(super) async fn open(
        address: &Address,
        settings: &Settings,
        transport: Transport,
    ) -> Result<Self, Problem> {
        let mut retry = RetryConfig::default();
        if let Some(retries) = &settings.retries {
            retry.max_retries = usize::try_from(retries.value.0).unwrap_or(usize::MAX);
        }
        let opening = async {
            match address.scheme {
                #[cfg(feature = "s3")]
                Scheme::S3 => s3(&address.bucket, transport, retry).await,
                #[cfg(feature = "gs")]
                Scheme::Gs => gs(&address.bucket, transport, retry).await,
                #[cfg(feature = "az")]
                Scheme::Az => az(&address.bucket, transport, retry).await,
                #[cfg(not(all(feature = "s3", feature = "gs", feature = "az")))]
                other => Err(other.not_compiled_in()),
            }
        };
        let timed_out = |_| Err(no_credentials(address.scheme, "timed out"));
        timeout(CREDENTIALS_TIMEOUT, opening).await.unwrap_or_else(timed_out)
    }
}

#[cfg(feature = "s3")]
async fn s3(bucket: &str, transport: Transport, retry: RetryConfig) -> Result<Bucket, Problem> {
    use http::header::IF_NONE_MATCH;
    use http::{HeaderMap, HeaderValue};
    use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, Checksum};
    use object_store::{ClientConfigKey, ClientOptions};

    let mut settings = AmazonS3Builder::new();
    for (key, value) in variables::read(std::env::vars_os(), "aws_", &[])? {
        settings = settings.with_config(key, value);
    }
    let is_set = |key| settings.get_config_value(&key).is_some();
    let (id, secret) = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY");
    match (is_set(AmazonS3ConfigKey::AccessKeyId), is_set(AmazonS3ConfigKey::SecretAccessKey)) {
        (true, false) => return Err(only_one(id, secret)),
        (false, true) => return Err(only_one(secret, id)),
        _ => {}
    }
    let token_file = settings.get_config_value(&AmazonS3ConfigKey::ContainerAuthorizationTokenFile);
    if let Some(path) = token_file {
        variables::check_token_file("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &path)?;
    }
    if settings.get_config_value(&AmazonS3ConfigKey::Checksum).is_none()
        && variables::wants_checksums()?
    {
        settings = settings.with_checksum_algorithm(Checksum::SHA256);
    }
    let settings =
        settings.with_bucket_name(bucket).with_http_connector(transport).with_retry(retry);
    let store = build(Scheme::S3, || settings.clone().build()).await?;
    let credentials = Arc::clone(store.credentials());
    let skips_signature = settings.get_config_value(&AmazonS3ConfigKey::SkipSignature);
    if skips_signature.as_deref() != Some("true") {
        check_credentials(Scheme::S3, run(credentials.get_credential()).await)?;
    }
    let endpoints = [AmazonS3ConfigKey::S3Endpoint, AmazonS3ConfigKey::Endpoint];
    let endpoint = endpoints.iter().find_map(|key| settings.get_config_value(key));
    let allows_http = AmazonS3ConfigKey::Client(ClientConfigKey::AllowHttp);
    let allows_http = settings.get_config_value(&allows_http).as_deref() == Some("true");
    variables::check_encryption("AWS_ENDPOINT_URL", endpoint, "AWS_ALLOW_HTTP", allows_http)?;
    let has_conditions = settings.get_config_value(&AmazonS3ConfigKey::ConditionalPut);
    let has_conditions = has_conditions.as_deref() != Some("disabled");
    // object_store has no condition for the completion of a multipart upload: this client sends the
    // condition with each request, and is used for the completion alone.
    let condition = HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_static("*"))]);
    let options = ClientOptions::new().with_allow_http(allows_http).with_default_headers(condition);
    let if_new = settings.with_credentials(credentials).with_client_options(options);
    let if_new = build(Scheme::S3, || if_new.build()).await?;
    let store = Arc::new(store);
    let by_id = Some(Arc::clone(&store) as _);
    let by_id_if_new = has_conditions.then(|| Arc::new(if_new) as _);
    Ok(Bucket { by_id, by_id_if_new, has_conditions, store })
}

#[cfg(feature = "gs")]
async fn gs(bucket: &str, transport: Transport, retry: RetryConfig) -> Result<Bucket, Problem> {
    variables::check_own(&["GCE_METADATA_HOST", "GCE_METADATA_ROOT", "GCE_METADATA_IP"])?;
    let mut settings = object_store::gcp::GoogleCloudStorageBuilder::new();
    for (key, value) in variables::read(std::env::vars_os(), "google_", &["SERVICE_ACCOUNT"])? {
        settings = settings.with_config(key, value);
    }
    let settings =
        settings.with_bucket_name(bucket).with_http_connector(transport).with_retry(retry);
    let store = build(Scheme::Gs, || settings.build()).await?;
    check_credentials(Scheme::Gs, run(store.credentials().get_credential()).await)?;
    let store = Arc::new(store);
    let by_id = Some(Arc::clone(&store) as _);
    Ok(Bucket { by_id, by_id_if_new: None, has_conditions: true, store })
}

#[cfg(feature = "az")]
async fn az(container: &str, transport: Transport, retry: RetryConfig) -> Result<Bucket, Problem> {
    use object_store::ClientConfigKey;
    use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};

    variables::check_own(&["IDENTITY_HEADER"])?;
    let mut settings = MicrosoftAzureBuilder::new();
    for (key, value) in variables::read(std::env::vars_os(), "azure_", &["IDENTITY_ENDPOINT"])? {
        settings = settings.with_config(key, value);
    }
    let is_emulator = settings.get_config_value(&AzureConfigKey::UseEmulator);
    let account = settings.get_config_value(&AzureConfigKey::AccountName);
    if account.is_none() && is_emulator.as_deref() != Some("true") {
        return Err(Problem::usage("no storage account for az://")
            .advise("set AZURE_STORAGE_ACCOUNT_NAME")
            .advise(HELP));
    }
    let endpoint = settings.get_config_value(&AzureConfigKey::Endpoint);
    let allows_http = AzureConfigKey::Client(ClientConfigKey::AllowHttp);
    let allows_http = settings.get_config_value(&allows_http).as_deref() == Some("true");
    variables::check_encryption(
        "AZURE_STORAGE_ENDPOINT",
        endpoint,
        "AZURE_ALLOW_HTTP",
        allows_http,
    )?;
    let settings =
        settings.with_container_name(container).with_http_connector(transport).with_retry(retry);
    let store = build(Scheme::Az, || settings.build()).await?;
    check_credentials(Scheme::Az, run(store.credentials().get_credential()).await)?;
    // Uncommitted blocks have no id; the store removes them after a week.
    Ok(Bucket { by_id: None, by_id_if_new: None, has_conditions: true, store: Arc::new(store) })
}

/// The problem of a variable that is of no use without another.
#[cfg(feature = "s3")]
fn only_one(set: &str, missing: &str) -> Problem {
    Problem::usage(format!("{set} is set, but not {missing}"))
        .advise(format!("set {missing} as well"))
        .advise(HELP)
}

async fn build<T>(
    scheme: Scheme,
    build: impl FnOnce() -> object_store::Result<T>,
) -> Result<T, Problem> {
    run(async { build() }).await.map_err(|error| {
        let what = format!("invalid settings for {}://", scheme.as_str());
        Problem::usage(error.explain(&what).message).advise(HELP)
    })
}

fn check_credentials<T>(scheme: Scheme, result: Result<T, StoreError>) -> Result<(), Problem> {
    result.map(drop).map_err(|error| {
        let cause = error.explain("getting credentials of this machine");
        let mut problem = no_credentials(scheme, &cause.message);
        problem.facts = cause.facts;
        problem.facts.phase = None;
        problem
    })
}

fn no_credentials(scheme: Scheme, reason: &str) -> Problem {
    let (name, variables) = match scheme {
        Scheme::S3 => ("s3", "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        Scheme::Gs => ("gs", "GOOGLE_APPLICATION_CREDENTIALS"),
        Scheme::Az => ("az", "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY"),
    };
    let what = format!("no credentials for {name}://: {reason}");
    let problem = Problem::new(Exit::Unauthorized, what);
    problem.advise(format!("set {variables}")).advise(HELP)
}

const HELP: &str = "`wexport help stores` names the variables that each store reads";
