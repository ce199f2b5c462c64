//! Why a spec is refused before anything is sent.

use alloc::string::String;

use crate::url::UrlError;
use crate::workiva::ApiVersion;

/// Why a spec is refused before anything is sent.
///
/// Fields are named as in the service's JSON.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SpecError {
    /// The body is not valid for the endpoint.
    #[error("{field}: {problem}")]
    Body {
        /// The field, or `body` for the whole body.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Two options exclude each other.
    #[error("{field} cannot be used with {with}")]
    Conflict {
        /// One of the options.
        field: String,
        /// The other option, which is true.
        with: String,
    },
    /// An id is empty.
    #[error("{id} must not be empty")]
    EmptyId {
        /// The name of the id.
        id: &'static str,
    },
    /// A list is empty.
    #[error("{field} must not be empty: omit it to export all")]
    EmptyList {
        /// The list.
        field: String,
    },
    /// Options belong to another kind or format than the requested one.
    #[error("{field} requires {meant}, but the export is {chosen}")]
    Misplaced {
        /// The options.
        field: String,
        /// The kind or format that they belong to.
        meant: &'static str,
        /// The requested kind or format.
        chosen: &'static str,
    },
    /// The path is not that of an export endpoint in any API version.
    #[error("{0:?} is not the path of an export endpoint, such as /files/FILE_ID/export")]
    Path(String),
    /// A number is outside its range.
    #[error("{field} is {given}: expected {min} to {max} {unit}")]
    Range {
        /// The field.
        field: String,
        /// The value.
        given: f64,
        /// The smallest value that the service accepts.
        min: f64,
        /// The largest value that the service accepts.
        max: f64,
        /// The unit.
        unit: &'static str,
    },
    /// More than one sheet is selected for csv.
    #[error("{field} has {count} sheets: csv allows one, or all if the field is omitted")]
    Sheets {
        /// The list.
        field: String,
        /// The number of sheets.
        count: usize,
    },
    /// The body has too many objects and lists within each other.
    #[error("{field} has more than {limit} objects and lists within each other")]
    TooDeep {
        /// The field of the body.
        field: String,
        /// The most that are sent.
        limit: usize,
    },
    /// The body is longer than the service accepts.
    #[error("the body has {length} bytes: the service accepts at most {limit}")]
    TooLong {
        /// The length in **bytes**.
        length: usize,
        /// The longest accepted body in **bytes**.
        limit: usize,
    },
    /// The URL of the request is refused.
    #[error("the URL of the request is refused: {0}")]
    Url(#[from] UrlError),
    /// An id is a URL, such as a link to the item.
    #[error("{id} is a URL: expected the id in it, such as 124efa2a142f472ba1ceab34ed18915f")]
    UrlAsId {
        /// The name of the id.
        id: &'static str,
    },
    /// The API version does not have the endpoint.
    #[error(
        "API version {version} has no export of {what}: set {instead} with Config::with_api_version"
    )]
    Version {
        /// What the endpoint exports.
        what: &'static str,
        /// The API version of the config.
        version: ApiVersion,
        /// The API version that has the endpoint.
        instead: ApiVersion,
    },
}
