//! Addresses in an object store: `s3://bucket/key`.

use std::path::Path;

use export_hyper::Artifact;

use crate::output::destination::Scheme;
use crate::output::moment::Moment;
use crate::output::template::{Known, Template};
use crate::problem::Problem;

/// The address of one or more objects in a store.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Address {
    pub(super) scheme: Scheme,
    pub(super) bucket: String,
    pub(super) key: Key,
}

/// The key of an object.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Key {
    /// This key.
    Exact(String),
    /// This prefix, which is empty or ends in a slash, and the service's name for the file.
    Prefix(String),
    /// A key that is filled in from what is known of the export.
    Template(Template),
}

/// The longest key that every store accepts, in **bytes** of UTF-8: the limit of S3 and Google Cloud
/// Storage. Azure allows 1,024 characters.
const MAX_KEY_LENGTH: usize = 1024;

impl Address {
    /// Parses the part of a URL after `://`.
    pub(in crate::output) fn parse(
        scheme: Scheme,
        rest: &str,
        moment: &Moment,
    ) -> Result<Self, Problem> {
        let name = scheme.as_str();
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        if bucket.is_empty() || !bucket.bytes().all(legal) {
            let what = format!("-o: invalid bucket name {bucket:?}");
            return Err(Problem::usage(what).advise(format!("use {name}://BUCKET/KEY")));
        }
        let key = if key.contains(['{', '}']) {
            Key::Template(Template::parse(key, Path::new(""), moment)?)
        } else if key.is_empty() || key.ends_with('/') {
            Key::Prefix(key.into())
        } else {
            Key::Exact(key.into())
        };
        let refuse = |reason| Problem::usage(format!("-o {name}://{rest}: {reason}"));
        match &key {
            Key::Prefix(prefix) if prefix.is_empty() => {}
            Key::Prefix(prefix) => {
                check(prefix.strip_suffix('/').unwrap_or(prefix)).map_err(refuse)?
            }
            Key::Exact(key) => check(key).map_err(refuse)?,
            Key::Template(_) => {}
        }
        Ok(Self { scheme, bucket: bucket.into(), key })
    }

    /// The key of a file that the service has named.
    ///
    /// # Errors
    ///
    /// Fails with the reason why the key is invalid.
    pub(super) fn key_for(&self, known: &Known<'_>, artifact: &Artifact) -> Result<String, String> {
        let key = match &self.key {
            Key::Exact(key) => key.clone(),
            Key::Prefix(prefix) => format!("{prefix}{}", artifact.file_name()),
            Key::Template(template) => template.fill(known, artifact),
        };
        match check(&key) {
            Ok(()) => Ok(key),
            Err(reason) => Err(format!("{}: {reason}", self.url(&key))),
        }
    }

    /// The URL with what is known of the key if the service uses this extension. `None` if no two exports
    /// have the same.
    pub(in crate::output) fn partial_url(
        &self,
        known: &Known<'_>,
        extension: Option<&str>,
    ) -> Option<String> {
        Some(match &self.key {
            Key::Exact(key) => self.url(key),
            Key::Prefix(prefix) => self.url(&format!("{prefix}{{name}}")),
            Key::Template(template) => {
                self.url(&template.partial_path(known, extension)?.to_string_lossy())
            }
        })
    }

    /// The URL with what is known of the key, and the rest of what tells two objects apart. `None`
    /// if no two exports have the same.
    pub(in crate::output) fn identity(&self, known: &Known<'_>) -> Option<String> {
        let url = self.partial_url(known, None)?;
        let is_known = match &self.key {
            Key::Exact(_) => true,
            Key::Prefix(_) => false,
            Key::Template(template) => template.known_path(known).is_some(),
        };
        Some(if is_known { url } else { format!("{url}\n{}", known.subject) })
    }

    /// The key that the file will have if the service uses this extension, and chooses nothing else.
    pub(in crate::output) fn expected_key(
        &self,
        known: &Known<'_>,
        extension: Option<&str>,
    ) -> Option<String> {
        match &self.key {
            Key::Exact(key) => Some(key.clone()),
            Key::Prefix(_) => None,
            Key::Template(template) => template.expected(known, extension),
        }
    }

    /// The URL of an object in this bucket.
    pub(super) fn url(&self, key: &str) -> String {
        format!("{}://{}/{key}", self.scheme.as_str(), self.bucket)
    }
}

/// Checks that every store accepts a key unchanged, and that every tool can address the object.
fn check(key: &str) -> Result<(), &'static str> {
    if key.len() > MAX_KEY_LENGTH {
        Err("the key is longer than 1024 bytes")
    } else if key.contains(char::is_control) {
        Err("the key contains a control character")
    } else if key.split('/').any(|part| matches!(part, "" | "." | "..")) {
        Err("a part of the key is empty, `.` or `..`")
    } else {
        Ok(())
    }
}

/// The key with a number before its extension.
pub(super) fn numbered(key: &str, number: u32) -> String {
    let (folder, name) = key.split_at(key.rfind('/').map_or(0, |slash| slash + 1));
    let name = export_host::numbered(Path::new(name), number);
    format!("{folder}{}", name.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_parsed() {
        fn key(rest: &str) -> Result<Key, Problem> {
            let moment = Moment::local(export_hyper::Timestamp::EPOCH);
            Address::parse(Scheme::S3, rest, &moment).map(|address| address.key)
        }
        assert_eq!(key("b/a/x y.pdf").unwrap(), Key::Exact("a/x y.pdf".into()));
        assert_eq!(key("b").unwrap(), Key::Prefix(String::new()));
        assert_eq!(key("b/a/").unwrap(), Key::Prefix("a/".into()));
        assert!(matches!(key("b/{date}/{name}").unwrap(), Key::Template(_)));
        let longest = "x".repeat(1024);
        assert!(key(&format!("b/{longest}")).is_ok());
        for rest in ["", "/x", "b:c/x", "me@b/x", "{date}/x"] {
            assert!(key(rest).is_err(), "{rest:?}");
        }
        for rest in ["a//x", "/x", "../x", "a/./x", "a//", "x\n", &format!("{longest}x")] {
            assert!(key(&format!("b/{rest}")).is_err(), "{rest:?}");
        }
    }

    #[test]
    fn keys_are_numbered_before_the_extension() {
        assert_eq!(numbered("a.b/x.tar.gz", 2), "a.b/x (2).tar.gz");
        assert_eq!(numbered("x", 3), "x (3)");
    }
}
