//! What to export: all export endpoints and their options.

mod archive;
mod attachment;
mod body;
mod document;
mod error;
mod file;
mod options;
mod presentation;
mod reader;
mod rules;
mod spreadsheet;
mod strict;
mod style_guide;

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use self::body::{Body, ContainerExport, NamedFormat, NoBody, OptionalFormat};
use self::reader::Field;
use super::format::FileFormat;
use super::routes::{Endpoint, Route};
use super::settings::ApiVersion;

pub use self::archive::ArchiveOptions;
pub use self::attachment::TestAttachment;
pub use self::document::{
    DocumentDocxOptions, DocumentExport, DocumentPdfOptions, DocumentXhtmlOptions,
};
pub use self::error::SpecError;
pub use self::file::FileExport;
pub use self::options::{ExportOption, ItemKind, OptionValue};
pub use self::presentation::{PresentationExport, PresentationPdfOptions, PresentationPptxOptions};
pub use self::spreadsheet::{
    ExportPrecision, PageOrientation, PageScale, SpreadsheetCsvOptions, SpreadsheetExport,
    SpreadsheetPdfOptions, SpreadsheetXlsxOptions,
};
pub use self::strict::Strict;
pub use self::style_guide::StyleGuideExport;

/// What to export, and how.
///
/// There is one constructor for each export endpoint. A spec is independent of the API version, which
/// the [config](crate::Config::with_api_version) sets. [`ExportJob::new`](crate::ExportJob::new) fails
/// if that version does not have the endpoint, and checks everything else that the service would
/// refuse, as far as that is known without a request.
///
/// ```
/// use export_core::workiva::{DocumentExport, ExportSpec, FileExport, SpreadsheetExport};
///
/// let report = ExportSpec::document("d1", DocumentExport::pdf());
/// let sheet = ExportSpec::spreadsheet("s1", SpreadsheetExport::csv().with_sheets(["sheet-1"]));
/// let upload = ExportSpec::file("f1", FileExport::supporting_document());
/// ```
///
/// [`from_body`](Self::from_body) takes the path and the JSON body of a request as a script already
/// sends it. [`with_field`](Self::with_field) sets options that are newer than this release.
#[derive(Clone, Debug, PartialEq)]
pub struct ExportSpec {
    endpoint: Endpoint,
    /// The ids in the order of the path, and the container's id, which is in the body.
    ids: Vec<String>,
    body: Body,
    /// Fields that are not part of `body`.
    fields: Vec<Field>,
}

/// The longest body that the service accepts, in **bytes**.
const MAX_BODY: usize = 10_485_760;

/// The most objects and lists within each other in a body. The service's own bodies have four; a
/// parser of JSON may stop at 128 or less, and a checkpoint has the body within other objects.
const MAX_DEPTH: usize = 64;

/// What is kept in place of a body, where none is sent.
pub(super) const NO_BODY: &str = "null";

/// Where the id is in the body of the endpoint without an id in its path.
const CONTAINER: [&str; 2] = ["workivaFileExportOptions", "sourceId"];

impl ExportSpec {
    /// Any file, by its id and its kind.
    #[must_use]
    pub fn file(file_id: impl Into<String>, export: FileExport) -> Self {
        Self::new(Endpoint::File, vec![file_id.into()], Body::File(export))
    }

    /// The contents of a container in Workiva's own format, as a `.tar.gz`. Only in API version
    /// 2022-01-01; the successor is [`file`](Self::file) with [`FileExport::workiva`].
    #[must_use]
    pub fn container(source_id: impl Into<String>, options: ArchiveOptions) -> Self {
        let body = Body::Container(ContainerExport::new(options));
        Self::new(Endpoint::Container, vec![source_id.into()], body)
    }

    /// A document.
    #[must_use]
    pub fn document(document_id: impl Into<String>, export: DocumentExport) -> Self {
        Self::new(Endpoint::Document, vec![document_id.into()], Body::Document(export))
    }

    /// A spreadsheet.
    #[must_use]
    pub fn spreadsheet(spreadsheet_id: impl Into<String>, export: SpreadsheetExport) -> Self {
        Self::new(Endpoint::Spreadsheet, vec![spreadsheet_id.into()], Body::Spreadsheet(export))
    }

    /// A presentation.
    #[must_use]
    pub fn presentation(presentation_id: impl Into<String>, export: PresentationExport) -> Self {
        Self::new(Endpoint::Presentation, vec![presentation_id.into()], Body::Presentation(export))
    }

    /// A style guide. Only in API version 2026-01-01.
    #[must_use]
    pub fn style_guide(style_guide_id: impl Into<String>, export: StyleGuideExport) -> Self {
        Self::new(Endpoint::StyleGuide, vec![style_guide_id.into()], Body::StyleGuide(export))
    }

    /// A graph report, as csv.
    #[must_use]
    pub fn graph_report(report_id: impl Into<String>) -> Self {
        let body = Body::GraphReport(NamedFormat::default());
        Self::new(Endpoint::GraphReport, vec![report_id.into()], body)
    }

    /// A test form, as xlsx.
    #[must_use]
    pub fn test_form(test_form_id: impl Into<String>) -> Self {
        let body = Body::TestForm(OptionalFormat::default());
        Self::new(Endpoint::TestForm, vec![test_form_id.into()], body)
    }

    /// An attachment of a test form, as pdf.
    #[must_use]
    pub fn test_attachment(attachment: TestAttachment) -> Self {
        let (endpoint, _, ids) = attachment.into_parts();
        Self::new(endpoint, ids, Body::Attachment(OptionalFormat::default()))
    }

    /// An attachment of a test form as it was uploaded, in its own format.
    #[must_use]
    pub fn original_test_attachment(attachment: TestAttachment) -> Self {
        let (_, endpoint, ids) = attachment.into_parts();
        Self::new(endpoint, ids, Body::Original(NoBody {}))
    }

    /// The export of an existing request: its path or URL in any API version, and its JSON body.
    ///
    /// The request is sent to the base URL and in the API version of the config, not to those of
    /// `path`. Fields that this release does not know are kept, and listed by
    /// [`unknown_fields`](Self::unknown_fields). A known field that is `null` counts as missing.
    ///
    /// ```
    /// use export_core::workiva::ExportSpec;
    ///
    /// let spec = ExportSpec::from_body(
    ///     "/prototype/platform/files/f1/export",
    ///     r#"{"kind": "SupportingDocument", "asOf": "2026-06-30"}"#,
    /// )?;
    /// assert_eq!(spec.unknown_fields(), ["asOf"]);
    /// # Ok::<(), export_core::workiva::SpecError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Fails if the path is not that of an export endpoint, or the body is not valid for it.
    pub fn from_body(path: &str, body: impl AsRef<[u8]>) -> Result<Self, SpecError> {
        let unknown_path = || SpecError::Path(path.into());
        let (route, ids) = Route::of_path(path_of(path)).ok_or_else(unknown_path)?;
        let endpoint = route.endpoint;
        if matches!(endpoint, Endpoint::Files | Endpoint::Operation | Endpoint::Token) {
            return Err(unknown_path());
        }
        Self::read(endpoint, ids, body.as_ref())
    }

    /// The same item with this JSON body in place of the options of the spec.
    ///
    /// It is checked like that of [`from_body`](Self::from_body).
    ///
    /// # Errors
    ///
    /// Fails if the body is not valid for the endpoint, or is for another [container](Self::container).
    pub fn with_body(self, body: impl AsRef<[u8]>) -> Result<Self, SpecError> {
        Self::read(self.endpoint, self.ids, body.as_ref())
    }

    /// `ids` lacks the id of a container if only the body has it.
    fn read(endpoint: Endpoint, mut ids: Vec<String>, body: &[u8]) -> Result<Self, SpecError> {
        let wrong = |problem| SpecError::Body { field: "body".into(), problem };
        let body = body.trim_ascii();
        let json = match (endpoint, body) {
            (Endpoint::StyleGuide, b"" | b"null") => Map::new().into(),
            (endpoint, b"" | b"null") if endpoint.has_no_body() => Map::new().into(),
            _ => serde_json::from_slice(body)
                .map(|Strict(json)| json)
                .map_err(|error| wrong(error.to_string()))?,
        };
        let (body, mut fields) = Body::read(endpoint, &json)?;
        if endpoint == Endpoint::Container {
            let found = fields.iter().position(|field| field.path == CONTAINER);
            let found = found.map(|index| fields.remove(index).value);
            let wrong = |problem| SpecError::Body { field: CONTAINER.join("."), problem };
            match (found.as_ref().map(Value::as_str), ids.first()) {
                (Some(Some(found)), None) => ids.push(found.into()),
                (None, Some(_)) => {}
                (Some(Some(found)), Some(id)) if found == id => {}
                (Some(Some(found)), Some(id)) => {
                    return Err(wrong(format!("{found:?} is not the requested container {id:?}")));
                }
                (Some(None), _) | (None, None) => {
                    return Err(wrong("expected the id of a container".into()));
                }
            }
        }
        Ok(Self { endpoint, ids, body, fields })
    }

    /// Sets a field of the body by its path in the service's JSON, for options that are newer than
    /// this release.
    ///
    /// A known field may be set as well, and is checked like any other.
    ///
    /// ```
    /// use export_core::workiva::{DocumentExport, ExportSpec};
    ///
    /// let spec = ExportSpec::document("d1", DocumentExport::pdf())
    ///     .with_field("pdfOptions.includeBookmarks", true)?;
    /// assert_eq!(spec.unknown_fields(), ["pdfOptions.includeBookmarks"]);
    /// # Ok::<(), export_core::workiva::SpecError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Fails if a part of the path is empty, the path is too deep, or the value is not representable in
    /// JSON.
    pub fn with_field(mut self, path: &str, value: impl Serialize) -> Result<Self, SpecError> {
        let wrong = |problem| SpecError::Body { field: path.into(), problem };
        if path.split('.').any(str::is_empty) {
            return Err(wrong("a part of the name is empty".into()));
        }
        // The depth of the body is checked when it is rendered, which must not overflow the stack.
        if path.split('.').count() > MAX_DEPTH {
            let start = path.split('.').next().unwrap_or_default().into();
            return Err(SpecError::TooDeep { field: start, limit: MAX_DEPTH });
        }
        let value = serde_json::to_value(value).map_err(|error| wrong(error.to_string()))?;
        self.fields.push(Field { path: path.split('.').map(String::from).collect(), value });
        Ok(self)
    }

    /// Sets a field of the body, as [`with_field`](Self::with_field), to a value that is written in JSON.
    ///
    /// ```
    /// use export_core::workiva::{DocumentExport, ExportSpec};
    ///
    /// let document = ExportSpec::document("d1", DocumentExport::pdf());
    /// assert!(document.clone().with_json_field("new", r#"{"a": 1}"#).is_ok());
    /// assert!(document.with_json_field("new", r#"{"a": 1, "a": 2}"#).is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// Fails as `with_field` does, and if the value is not JSON, has two members of the same name, or
    /// has a number that cannot be sent as it is written.
    pub fn with_json_field(self, path: &str, json: &str) -> Result<Self, SpecError> {
        let wrong = |problem| SpecError::Body { field: path.into(), problem };
        let Strict(value) = serde_json::from_str(json).map_err(|error| wrong(error.to_string()))?;
        self.with_field(path, value)
    }

    /// Sets an option by its description, wherever the body of this spec has it.
    ///
    /// ```
    /// use export_core::workiva::{DocumentExport, ExportOption, ExportSpec, FileExport};
    ///
    /// let comments = ExportOption::all().find(|option| option.name == "include_comments").unwrap();
    /// let document = DocumentExport::pdf();
    /// let spec = ExportSpec::file("f1", FileExport::document(document)).with_option(comments, true)?;
    /// assert!(spec.unknown_fields().is_empty());
    /// # Ok::<(), export_core::workiva::SpecError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Fails if the value is not representable in JSON.
    pub fn with_option(
        self,
        option: &ExportOption,
        value: impl Serialize,
    ) -> Result<Self, SpecError> {
        let path = option.path();
        match self.body.object_of_options() {
            Some(object) => self.with_field(&format!("{object}.{path}"), value),
            None => self.with_field(&path, value),
        }
    }

    /// The paths of the fields in the body that this release does not know.
    #[must_use]
    pub fn unknown_fields(&self) -> Vec<String> {
        let read = self.to_json().and_then(|json| Body::read(self.endpoint, &json.into()));
        let (_, unknown) = read.unwrap_or_else(|_| (self.body.clone(), self.fields.clone()));
        let container =
            |field: &Field| field.path == CONTAINER && self.endpoint == Endpoint::Container;
        unknown.iter().filter(|field| !container(field)).map(Field::name).collect()
    }

    /// The formats that the exported file can have, as file name extensions: one if the request has it,
    /// several if the service chooses one of them, and none if nothing is known.
    ///
    /// ```
    /// use export_core::workiva::{DocumentExport, ExportSpec, FileExport, SpreadsheetExport};
    ///
    /// let file = |export| ExportSpec::file("f1", export);
    /// assert_eq!(file(FileExport::spreadsheet(SpreadsheetExport::csv())).formats(), ["zip"]);
    /// assert_eq!(file(FileExport::document(None)).formats(), DocumentExport::FORMATS);
    /// assert!(file(FileExport::supporting_document()).formats().is_empty());
    /// ```
    #[must_use]
    pub fn formats(&self) -> &'static [&'static str] {
        let read = self.to_json().and_then(|json| Body::read(self.endpoint, &json.into()));
        read.map_or(&[], |(body, _)| body.formats())
    }

    /// The OAuth scope that the service requires for this export.
    ///
    /// ```
    /// use export_core::workiva::{ExportSpec, FileExport};
    ///
    /// let spec = ExportSpec::file("f1", FileExport::supporting_document());
    /// assert_eq!(spec.scope(), "file:write");
    /// ```
    #[must_use]
    pub const fn scope(&self) -> &'static str {
        self.endpoint.scope()
    }

    const fn new(endpoint: Endpoint, ids: Vec<String>, body: Body) -> Self {
        Self { endpoint, ids, body, fields: Vec::new() }
    }

    /// The body as it is sent.
    fn to_json(&self) -> Result<Map<String, Value>, SpecError> {
        let mut json = self.body.to_json()?;
        if let (Endpoint::Container, Some(id)) = (self.endpoint, self.ids.first()) {
            let path = CONTAINER.map(String::from).to_vec();
            Field { path, value: id.as_str().into() }.put(&mut json)?;
        }
        self.fields.iter().try_for_each(|field| field.put(&mut json))?;
        Ok(json)
    }

    /// Checks the spec, and renders it for a request.
    pub(super) fn render(&self, version: ApiVersion) -> Result<Rendered, SpecError> {
        let route = self.route(version)?;
        self.check_ids(route)?;
        self.body.check()?;
        let json = Value::Object(self.to_json()?);
        let (body, _) = Body::read(self.endpoint, &json)?;
        body.check()?;

        if let Some(field) = too_deep(&json) {
            return Err(SpecError::TooDeep { field: field.into(), limit: MAX_DEPTH });
        }
        let wrong = |error: serde_json::Error| SpecError::Body {
            field: "body".into(),
            problem: error.to_string(),
        };
        let text = match json.as_object().and_then(|fields| fields.keys().next()) {
            Some(field) if self.endpoint.has_no_body() => {
                let problem = "the download of an original takes no body".into();
                return Err(SpecError::Body { field: field.clone(), problem });
            }
            None if self.endpoint.has_no_body() => NO_BODY.into(),
            _ => serde_json::to_string(&json).map_err(wrong)?,
        };
        if text.len() > MAX_BODY {
            return Err(SpecError::TooLong { length: text.len(), limit: MAX_BODY });
        }
        let format = body.file_format();
        Ok(Rendered {
            route,
            path: route.render(&self.ids),
            mails: asks_for_mail(&json),
            body: RawValue::from_string(text).map_err(wrong)?,
            format,
            file_name: self.file_name(format),
        })
    }

    fn route(&self, version: ApiVersion) -> Result<&'static Route, SpecError> {
        self.endpoint.in_version(version).ok_or_else(|| SpecError::Version {
            what: self.endpoint.as_str(),
            version,
            instead: ApiVersion::ALL
                .into_iter()
                .find(|&other| self.endpoint.in_version(other).is_some())
                .unwrap_or(version),
        })
    }

    fn check_ids(&self, route: &Route) -> Result<(), SpecError> {
        let names =
            route.id_names().chain((self.endpoint == Endpoint::Container).then_some("sourceId"));
        for (text, id) in self.ids.iter().zip(names) {
            if text.is_empty() {
                return Err(SpecError::EmptyId { id });
            }
            // The service would look for an item of this name.
            if text.contains("://") {
                return Err(SpecError::UrlAsId { id });
            }
        }
        Ok(())
    }

    /// The last id, with the extension of the format.
    fn file_name(&self, format: FileFormat) -> String {
        let id = self.ids.last().map_or("export", String::as_str);
        let id = match id.contains(['/', '\\']) {
            true => Cow::Owned(id.replace(['/', '\\'], "_")),
            false => Cow::Borrowed(id),
        };
        let name = match format.extension() {
            Some(extension) => [&id, ".", extension].concat(),
            None => id.into_owned(),
        };
        crate::file_name::safe_file_name(&name).unwrap_or_else(|| "export".into())
    }
}

/// A spec as it is sent.
pub(super) struct Rendered {
    pub(super) route: &'static Route,
    pub(super) path: String,
    pub(super) body: Box<RawValue>,
    pub(super) format: FileFormat,
    pub(super) file_name: String,
    /// Whether the export sends a mail.
    pub(super) mails: bool,
}

/// The path of a URL; a path is returned as it is.
pub(super) fn path_of(url: &str) -> &str {
    let without_query = url.split(['?', '#']).next().unwrap_or_default();
    match without_query.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("", |slash| &rest[slash..]),
        None => without_query,
    }
}

/// The field of a body that is deeper than [`MAX_DEPTH`].
fn too_deep(body: &Value) -> Option<&str> {
    fn exceeds(value: &Value, limit: usize) -> bool {
        match value {
            Value::Object(_) | Value::Array(_) if limit == 0 => true,
            Value::Object(fields) => fields.values().any(|value| exceeds(value, limit - 1)),
            Value::Array(items) => items.iter().any(|value| exceeds(value, limit - 1)),
            _ => false,
        }
    }
    let mut fields = body.as_object()?.iter();
    fields.find(|(_, value)| exceeds(value, MAX_DEPTH - 1)).map(|(name, _)| name.as_str())
}

/// Whether `emailOnComplete` is set anywhere in the body, also within unknown fields.
pub(super) fn asks_for_mail(json: &Value) -> bool {
    match json {
        Value::Object(fields) => fields.iter().any(|(name, value)| {
            let off = matches!(value, Value::Null | Value::Bool(false));
            (name == "emailOnComplete" && !off) || asks_for_mail(value)
        }),
        Value::Array(items) => items.iter().any(asks_for_mail),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
