//! Reaching a bucket: the settings of each store are its own, in the environment; how requests
//! travel is the program's.

use std::time::Duration;

use object_store::RetryConfig;
use tokio::time::timeout;

use super::address::Address;
use super::bucket::Bucket;
use super::transport::{Transport, ask};
use crate::place::scheme::Scheme;
use crate::report::{Exit, Problem};
use crate::settings::Settings;

/// Credentials that a machine gives out by itself are there by then.
const CREDENTIALS_WITHIN: Duration = Duration::from_secs(10);

impl Bucket {
    /// Reaches for a bucket, and makes sure that there is somebody to ask as: better now than
    /// after an hour of waiting for an export.
    pub(super) async fn open(
        address: &Address,
        settings: &Settings,
        transport: Transport,
    ) -> Result<Self, Problem> {
        let retries = usize::try_from(settings.retries.value).unwrap_or(usize::MAX);
        let retry = RetryConfig { max_retries: retries, ..RetryConfig::default() };
        let opening = async {
            match address.scheme {
                #[cfg(feature = "s3")]
                Scheme::S3 => s3(&address.bucket, transport, retry).await,
                #[cfg(feature = "gs")]
                Scheme::Gs => gs(&address.bucket, transport, retry).await,
                #[cfg(feature = "az")]
                Scheme::Az => az(&address.bucket, transport, retry).await,
                #[cfg(not(all(feature = "s3", feature = "gs", feature = "az")))]
                other => Err(other.missing()),
            }
        };
        let no_answer = |_| Err(no_credentials(address.scheme, "no answer came"));
        timeout(CREDENTIALS_WITHIN, opening).await.unwrap_or_else(no_answer)
    }
}

#[cfg(feature = "s3")]
async fn s3(bucket: &str, transport: Transport, retry: RetryConfig) -> Result<Bucket, Problem> {
    use std::sync::Arc;

    use http::header::IF_NONE_MATCH;
    use http::{HeaderMap, HeaderValue};
    use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
    use object_store::{ClientConfigKey, ClientOptions};

    let mut settings = AmazonS3Builder::new();
    for (name, value) in std::env::vars_os() {
        let (name, value) = (name.to_string_lossy().to_ascii_lowercase(), value.into_string());
        // An empty variable counts as none, as everywhere.
        if let (true, Ok(key), Ok(value)) = (name.starts_with("aws_"), name.parse(), value)
            && !value.is_empty()
        {
            settings = settings.with_config(key, value);
        }
    }
    let settings =
        settings.with_bucket_name(bucket).with_http_connector(transport).with_retry(retry);
    let store = settings.clone().build().map_err(|error| unusable(Scheme::S3, &error))?;
    let credentials = Arc::clone(store.credentials());
    let signs = settings.get_config_value(&AmazonS3ConfigKey::SkipSignature);
    if signs.as_deref() != Some("true") {
        found(Scheme::S3, ask(credentials.get_credential()).await)?;
    }
    let endpoints = [AmazonS3ConfigKey::S3Endpoint, AmazonS3ConfigKey::Endpoint];
    let endpoint = endpoints.iter().find_map(|key| settings.get_config_value(key));
    let allows_http = AmazonS3ConfigKey::Client(ClientConfigKey::AllowHttp);
    let allows_http = settings.get_config_value(&allows_http).as_deref() == Some("true");
    if !allows_http && endpoint.is_some_and(|url| url.starts_with("http://")) {
        let what = "AWS_ENDPOINT_URL is plain http: the file would cross the network in the clear";
        return Err(Problem::usage(what).advise("allow it with AWS_ALLOW_HTTP=true"));
    }
    // A client all of whose requests have the condition, for the one request that is to have it.
    let condition = HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_static("*"))]);
    let options = ClientOptions::new().with_allow_http(allows_http).with_default_headers(condition);
    let if_new = settings.with_credentials(credentials).with_client_options(options).build();
    let if_new = if_new.map_err(|error| unusable(Scheme::S3, &error))?;
    let store = Arc::new(store);
    Ok(Bucket { by_id: Some(Arc::clone(&store) as _), by_id_if_new: Some(Arc::new(if_new)), store })
}

#[cfg(feature = "gs")]
async fn gs(bucket: &str, transport: Transport, retry: RetryConfig) -> Result<Bucket, Problem> {
    use std::sync::Arc;

    let store = object_store::gcp::GoogleCloudStorageBuilder::from_env()
        .with_bucket_name(bucket)
        .with_http_connector(transport)
        .with_retry(retry)
        .build()
        .map_err(|error| unusable(Scheme::Gs, &error))?;
    found(Scheme::Gs, ask(store.credentials().get_credential()).await)?;
    let store = Arc::new(store);
    Ok(Bucket { by_id: Some(Arc::clone(&store) as _), by_id_if_new: None, store })
}

#[cfg(feature = "az")]
async fn az(container: &str, transport: Transport, retry: RetryConfig) -> Result<Bucket, Problem> {
    use std::sync::Arc;

    let store = object_store::azure::MicrosoftAzureBuilder::from_env()
        .with_container_name(container)
        .with_http_connector(transport)
        .with_retry(retry)
        .build()
        .map_err(|error| unusable(Scheme::Az, &error))?;
    found(Scheme::Az, ask(store.credentials().get_credential()).await)?;
    // Blocks that are not committed have no id, and vanish by themselves after a week.
    Ok(Bucket { by_id: None, by_id_if_new: None, store: Arc::new(store) })
}

fn unusable(scheme: Scheme, error: &object_store::Error) -> Problem {
    let what = format!("{}:// cannot be used as it is set up: {error}", scheme.as_str());
    Problem::usage(what).advise(HELP)
}

fn found<T>(scheme: Scheme, asked: Result<T, super::trouble::Trouble>) -> Result<(), Problem> {
    asked.map(drop).map_err(|trouble| {
        let reason = trouble.explain("asking this machine for some").what;
        no_credentials(scheme, &reason)
    })
}

fn no_credentials(scheme: Scheme, reason: &str) -> Problem {
    let (word, names) = match scheme {
        Scheme::S3 => ("s3", "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        Scheme::Gs => ("gs", "GOOGLE_APPLICATION_CREDENTIALS"),
        Scheme::Az => ("az", "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY"),
    };
    let what = format!("there are no credentials for {word}://: {reason}");
    let problem = Problem::new(Exit::Unauthorized, what);
    problem.advise(format!("set {names}")).advise(HELP)
}

const HELP: &str = "`wexport help stores` names the variables that each store reads";
