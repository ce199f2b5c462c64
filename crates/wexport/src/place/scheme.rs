//! The object stores that there are, whether or not they were compiled in.

use crate::report::Problem;

/// An object store, by the scheme of its URLs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// Amazon S3, and whatever speaks like it.
    S3,
    /// Google Cloud Storage.
    Gs,
    /// Azure Blob Storage.
    Az,
}

impl Scheme {
    /// The store that a scheme names.
    pub(super) fn of(word: &str) -> Option<Self> {
        let known = [Self::S3, Self::Gs, Self::Az];
        known.into_iter().find(|scheme| scheme.as_str().eq_ignore_ascii_case(word))
    }

    /// Its scheme, and the cargo feature that compiles it in.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Gs => "gs",
            Self::Az => "az",
        }
    }

    /// Whether this program can reach it.
    #[cfg(feature = "store")]
    pub(super) const fn is_compiled_in(self) -> bool {
        match self {
            Self::S3 => cfg!(feature = "s3"),
            Self::Gs => cfg!(feature = "gs"),
            Self::Az => cfg!(feature = "az"),
        }
    }

    /// What there is to say about a store that this program cannot reach.
    pub(super) fn missing(self) -> Problem {
        let word = self.as_str();
        Problem::usage(format!("-o: this wexport was built without {word}://"))
            .advise(format!("build it with the cargo feature `{word}`"))
    }
}
