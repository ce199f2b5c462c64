//! Why a spec is refused before anything is sent.

use alloc::string::String;

use crate::url::UrlError;
use crate::workiva::ApiVersion;

/// Why an export cannot be asked for as it was described.
///
/// Found out without a request. Fields are named as in the service's own JSON.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SpecError {
    /// The body does not have the form that the endpoint takes.
    #[error("{field}: {problem}")]
    Body {
        /// The field, or `body` for the whole.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Two options exclude each other.
    #[error("{field} cannot be given together with {with}: leave one of them out")]
    Conflict {
        /// The one.
        field: String,
        /// The other, which is true.
        with: String,
    },
    /// An id is empty.
    #[error("{id} is empty: give the id of what is meant")]
    EmptyId {
        /// Which id.
        id: &'static str,
    },
    /// A list selects nothing.
    #[error("{field} is an empty list: name at least one, or leave the field out to export all")]
    EmptyList {
        /// The list.
        field: String,
    },
    /// Options that belong to another kind or format than the one asked for.
    #[error("{field} is for {meant} only, and this asks for {chosen}: leave it out")]
    Misplaced {
        /// The options.
        field: String,
        /// The kind or format that they belong to.
        meant: &'static str,
        /// The kind or format asked for.
        chosen: &'static str,
    },
    /// No export endpoint of either generation has this path.
    #[error("{0:?} is not the path of an export endpoint, such as /files/FILE_ID/export")]
    Path(String),
    /// A number is outside its range.
    #[error("{field} is {given}: it has to be from {min} to {max} {unit}")]
    Range {
        /// The field.
        field: String,
        /// Its value.
        given: f64,
        /// The least that the service takes.
        min: f64,
        /// The most that the service takes.
        max: f64,
        /// What is counted.
        unit: &'static str,
    },
    /// More than one sheet as csv.
    #[error("{field} names {count} sheets: csv takes one, or all of them if the field is left out")]
    Sheets {
        /// The list.
        field: String,
        /// How many it names.
        count: usize,
    },
    /// The request would be longer than the service takes.
    #[error("the body has {length} bytes: the service takes at most {limit}")]
    TooLong {
        /// Its length in **bytes**.
        length: usize,
        /// The longest that is taken, in **bytes**.
        limit: usize,
    },
    /// Base URL and ids make no URL that can be used.
    #[error("the request's URL cannot be used: {0}")]
    Url(#[from] UrlError),
    /// The generation of the API has no such endpoint.
    #[error(
        "API version {version} has no export of {what}: choose {instead} with Config::with_api_version"
    )]
    Version {
        /// What was to be exported.
        what: &'static str,
        /// The generation that the config names.
        version: ApiVersion,
        /// The one that has it.
        instead: ApiVersion,
    },
}
