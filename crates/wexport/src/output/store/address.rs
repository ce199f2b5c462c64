//! Addresses in an object store: `s3://bucket/key`.

use std::path::Path;

use export_hyper::Artifact;

use crate::output::destination::Scheme;
use crate::output::template::{Known, Template};
use crate::problem::Problem;

/// A place in an object store.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Address {
    pub(super) scheme: Scheme,
    pub(super) bucket: String,
    pub(super) key: Key,
}

/// What an object is to be called.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Key {
    /// By this name.
    Named(String),
    /// By the service's name, after this prefix, which is empty or ends in a slash.
    Under(String),
    /// By a name that is made of what is known of the export.
    Template(Template),
}

/// The longest key that every store takes, in bytes of UTF-8.
const LONGEST_KEY: usize = 1024;

impl Address {
    /// Reads what stands after `://`.
    pub(in crate::output) fn parse(scheme: Scheme, rest: &str) -> Result<Self, Problem> {
        let word = scheme.as_str();
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        if bucket.is_empty() || !bucket.bytes().all(legal) {
            let what = format!("-o: {bucket:?} is not the name of a bucket");
            return Err(Problem::usage(what).advise(format!("write {word}://BUCKET/KEY")));
        }
        let key = if key.contains(['{', '}']) {
            Key::Template(Template::parse(key, Path::new(""))?)
        } else if key.is_empty() || key.ends_with('/') {
            Key::Under(key.into())
        } else {
            Key::Named(key.into())
        };
        let refuse = |reason| Problem::usage(format!("-o {word}://{rest}: {reason}"));
        match &key {
            Key::Under(prefix) if prefix.is_empty() => {}
            Key::Under(prefix) => {
                check(prefix.strip_suffix('/').unwrap_or(prefix)).map_err(refuse)?
            }
            Key::Named(key) => check(key).map_err(refuse)?,
            Key::Template(_) => {}
        }
        Ok(Self { scheme, bucket: bucket.into(), key })
    }

    /// The key, now that the service has named the file; or why it cannot be one.
    pub(super) fn key_of(&self, known: &Known<'_>, artifact: &Artifact) -> Result<String, String> {
        let key = match &self.key {
            Key::Named(key) => key.clone(),
            Key::Under(prefix) => format!("{prefix}{}", artifact.file_name()),
            Key::Template(template) => template.fill(known, artifact),
        };
        match check(&key) {
            Ok(()) => Ok(key),
            Err(reason) => Err(format!("{}: {reason}", self.url(&key))),
        }
    }

    /// The URL of an object in this bucket.
    pub(super) fn url(&self, key: &str) -> String {
        format!("{}://{}/{key}", self.scheme.as_str(), self.bucket)
    }
}

/// Whether every store takes such a key as it is, and every tool finds the object again.
fn check(key: &str) -> Result<(), &'static str> {
    if key.len() > LONGEST_KEY {
        Err("a key has at most 1024 bytes")
    } else if key.contains(char::is_control) {
        Err("a key has no control characters")
    } else if key.split('/').any(|part| matches!(part, "" | "." | "..")) {
        Err("no part of a key is empty, `.` or `..`")
    } else {
        Ok(())
    }
}

/// The same key with a number before its extension.
pub(super) fn numbered(key: &str, number: u32) -> String {
    let (folder, name) = key.split_at(key.rfind('/').map_or(0, |slash| slash + 1));
    let name = export_host::numbered(Path::new(name), number);
    format!("{folder}{}", name.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_and_a_key_are_told_apart() {
        fn key(rest: &str) -> Result<Key, Problem> {
            Address::parse(Scheme::S3, rest).map(|address| address.key)
        }
        assert_eq!(key("b/a/x y.pdf").unwrap(), Key::Named("a/x y.pdf".into()));
        assert_eq!(key("b").unwrap(), Key::Under(String::new()));
        assert_eq!(key("b/a/").unwrap(), Key::Under("a/".into()));
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
    fn a_key_gets_its_number_before_its_extension() {
        assert_eq!(numbered("a.b/x.tar.gz", 2), "a.b/x (2).tar.gz");
        assert_eq!(numbered("x", 3), "x (3)");
    }
}
