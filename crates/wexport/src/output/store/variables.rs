//! The variables of the environment that configure the client of a store.
//!
//! They are checked before anything is sent: object_store panics on a value that cannot be part of
//! a request, and it does so only when the file is to be uploaded.

use std::ffi::OsString;
use std::str::FromStr;

use export_core::origins::{Origin, UrlError};

use crate::problem::Problem;
use crate::settings::trimmed_variable;

/// The keys whose value is a URL, as object_store names them.
const URLS: [&str; 10] = [
    "aws_endpoint",
    "aws_endpoint_url_s3",
    "aws_endpoint_url_sts",
    "aws_metadata_endpoint",
    "aws_container_credentials_full_uri",
    "google_base_url",
    "azure_storage_endpoint",
    "azure_storage_authority_host",
    "azure_msi_endpoint",
    "azure_fabric_token_service_url",
];

/// The keys whose value may have several lines, since it is JSON.
const MULTI_LINE: [&str; 1] = ["google_service_account_key"];

/// The variables that a store's client reads: those whose name begins with `prefix`, and `more`.
/// An empty variable counts as unset, as for all other variables.
///
/// # Errors
///
/// Fails with the name of a variable whose value cannot be used. Its value may be secret, and is not
/// part of the error.
pub(super) fn read<K: FromStr + AsRef<str>>(
    environment: impl Iterator<Item = (OsString, OsString)>,
    prefix: &str,
    more: &[&str],
) -> Result<Vec<(K, String)>, Problem> {
    let mut found = Vec::new();
    for (name, value) in environment {
        let Ok(name) = name.into_string() else { continue };
        let lower = name.to_ascii_lowercase();
        let is_read = lower.starts_with(prefix) || more.contains(&name.as_str());
        let (true, Ok(key)) = (is_read, lower.parse::<K>()) else { continue };
        if value.is_empty() {
            continue;
        }
        if MULTI_LINE.contains(&key.as_ref()) {
            let value = value.into_string().map_err(|_| refuse(&name, "it is not valid UTF-8"))?;
            found.push((key, value));
            continue;
        }
        let value = trimmed_variable(&name, value)?;
        check(key.as_ref(), &value).map_err(|reason| refuse(&name, &reason))?;
        found.push((key, value));
    }
    Ok(found)
}

/// Checks variables that a store's client reads itself, when it sends a request.
#[cfg(any(feature = "gs", feature = "az"))]
pub(super) fn check_own(names: &[&str]) -> Result<(), Problem> {
    for name in names {
        let Some(value) = std::env::var_os(name).filter(|value| !value.is_empty()) else {
            continue;
        };
        let trimmed = trimmed_variable(name, value.clone())?;
        if value != trimmed.as_str() {
            return Err(refuse(name, "it begins or ends with a space or a line break"));
        }
    }
    Ok(())
}

/// Refuses an endpoint that is plain http, unless that is allowed.
#[cfg(any(feature = "s3", feature = "az"))]
pub(super) fn check_encryption(
    name: &str,
    endpoint: Option<String>,
    allow: &str,
    is_allowed: bool,
) -> Result<(), Problem> {
    if is_allowed || !endpoint.is_some_and(|url| url.starts_with("http://")) {
        return Ok(());
    }
    let what = format!("{name} is plain http: the file would be sent unencrypted");
    Err(Problem::usage(what).advise(format!("allow it with {allow}=true")))
}

/// Whether requests have a checksum that S3 need not have: a bucket with Object Lock requires one.
/// AWS's SDKs read the same variable, for stores that refuse it.
///
/// **Source:** <https://docs.aws.amazon.com/sdkref/latest/guide/feature-dataintegrity.html>
#[cfg(feature = "s3")]
pub(super) fn wants_checksums() -> Result<bool, Problem> {
    const NAME: &str = "AWS_REQUEST_CHECKSUM_CALCULATION";
    let Some(value) = std::env::var_os(NAME).filter(|value| !value.is_empty()) else {
        return Ok(true);
    };
    match trimmed_variable(NAME, value)?.to_ascii_lowercase().as_str() {
        "when_supported" => Ok(true),
        "when_required" => Ok(false),
        _ => Err(refuse(NAME, "expected when_supported or when_required")),
    }
}

/// Checks a file with a token, which the client sends as it is. An unreadable file is left to the
/// client.
#[cfg(feature = "s3")]
pub(super) fn check_token_file(name: &str, path: &str) -> Result<(), Problem> {
    match std::fs::read_to_string(path) {
        Ok(token) if token.contains(char::is_control) => {
            Err(refuse(name, &format!("the token in {path} contains a line break"))
                .advise("write it without one: printf instead of echo"))
        }
        _ => Ok(()),
    }
}

fn check(key: &str, value: &str) -> Result<(), String> {
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    match key {
        _ if URLS.contains(&key) => {
            let is_whole = key == "aws_container_credentials_full_uri";
            let parsed = Origin::parse(value).and_then(|_| match value.contains(['?', '#']) {
                // The client appends the path.
                true if !is_whole => Err(UrlError::Query),
                _ => Ok(()),
            });
            parsed.map_err(|error| {
                format!("expected a URL such as https://store.example.com:9000; {error}")
            })
        }
        // It is a part of the host name.
        "aws_region" | "aws_default_region" if !value.bytes().all(is_legal) => {
            Err("expected the name of a region, such as eu-central-1".into())
        }
        "aws_container_credentials_relative_uri" if !value.starts_with('/') => {
            Err("expected a path that begins with /".into())
        }
        _ => Ok(()),
    }
}

fn refuse(name: &str, reason: &str) -> Problem {
    Problem::usage(format!("invalid value for {name}: {reason}"))
}

#[cfg(all(test, feature = "s3"))]
mod tests {
    use object_store::aws::AmazonS3ConfigKey;

    use super::*;

    fn read_one(name: &str, value: &str) -> Result<Option<String>, String> {
        let environment = [(name.into(), value.into())].into_iter();
        let found = read::<AmazonS3ConfigKey>(environment, "aws_", &[]);
        let found = found.map_err(|problem| problem.message)?;
        Ok(found.into_iter().next().map(|(_, value)| value))
    }

    #[test]
    fn surrounding_blanks_are_removed() {
        for (name, value, expected) in [
            ("AWS_ACCESS_KEY_ID", "AKIA1\n", "AKIA1"),
            ("AWS_REGION", " eu-central-1\r\n", "eu-central-1"),
            ("AWS_SESSION_TOKEN", "\u{feff}a token\n", "a token"),
            ("AWS_ENDPOINT_URL", "https://localhost:9000/\r", "https://localhost:9000/"),
            (
                "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                "http://[::1]:80/c?id=1",
                "http://[::1]:80/c?id=1",
            ),
        ] {
            assert_eq!(read_one(name, value).as_ref().map(Option::as_deref), Ok(Some(expected)));
        }
    }

    #[test]
    fn variables_of_other_programs_are_ignored() {
        for name in ["AWS_EXECUTION_ENV", "AWS_CA_BUNDLE", "MY_AWS_REGION", "REGION"] {
            assert_eq!(read_one(name, "\n\"x"), Ok(None), "{name}");
        }
        assert_eq!(read_one("AWS_ENDPOINT_URL", ""), Ok(None));
    }

    #[test]
    fn values_that_no_request_can_have_are_refused() {
        for (name, value) in [
            ("AWS_ACCESS_KEY_ID", "AK\nIA1"),
            ("AWS_SECRET_ACCESS_KEY", "sec\u{7f}ret"),
            ("AWS_SECRET_ACCESS_KEY", "'secret'"),
            ("AWS_ACCESS_KEY_ID", " \n"),
            ("AWS_REGION", "us east"),
            ("AWS_DEFAULT_REGION", "eu-central-1/x"),
            ("AWS_ENDPOINT_URL", "127.0.0.1:9000"),
            ("AWS_ENDPOINT", "ftp://secret"),
            ("AWS_ENDPOINT_URL_S3", "https://me:secret@localhost"),
            ("AWS_ENDPOINT_URL", "https://localhost?secret"),
            ("AWS_ENDPOINT_URL_STS", "https://"),
            ("AWS_METADATA_ENDPOINT", "http://localhost:99999"),
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "/v2"),
            ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "v2"),
        ] {
            let message = read_one(name, value).expect_err(value);
            assert!(message.contains(name), "{message}");
            assert!(!message.contains("secret"), "{message}");
        }
    }
}
