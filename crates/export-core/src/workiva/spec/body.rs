//! The body of a submit request.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::archive::ArchiveOptions;
use super::document::DocumentExport;
use super::error::SpecError;
use super::file::FileExport;
use super::presentation::PresentationExport;
use super::reader::{self, Field};
use super::spreadsheet::SpreadsheetExport;
use super::style_guide::StyleGuideExport;
use crate::workiva::format::FileFormat;
use crate::workiva::routes::Endpoint;

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(super) enum Body {
    File(FileExport),
    Container(ContainerExport),
    Document(DocumentExport),
    Spreadsheet(SpreadsheetExport),
    Presentation(PresentationExport),
    StyleGuide(StyleGuideExport),
    GraphReport(NamedFormat<Csv>),
    TestForm(OptionalFormat<Xlsx>),
    Attachment(OptionalFormat<Pdf>),
    Original(NoBody),
}

/// The body of the endpoint without an id in its path. The id of the container is a field of the
/// options on the wire, and one of the ids of the spec here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ContainerExport {
    kind: ContainerKind,
    workiva_file_export_options: ArchiveOptions,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum ContainerKind {
    Workiva,
}

/// The body of an endpoint that takes none.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct NoBody {}

/// The body of an endpoint with a single format, which the body has to name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct NamedFormat<F> {
    format: F,
}

/// The body of an endpoint with a single format, which the body may omit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct OptionalFormat<F> {
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<F>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Csv {
    #[default]
    Csv,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Xlsx {
    #[default]
    Xlsx,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Pdf {
    #[default]
    Pdf,
}

impl<F: Default> Default for OptionalFormat<F> {
    fn default() -> Self {
        Self { format: Some(F::default()) }
    }
}

impl ContainerExport {
    pub(super) const fn new(options: ArchiveOptions) -> Self {
        Self { kind: ContainerKind::Workiva, workiva_file_export_options: options }
    }
}

impl Body {
    /// Reads the body of an endpoint, and returns the unknown fields as well.
    pub(super) fn read(endpoint: Endpoint, json: &Value) -> Result<(Self, Vec<Field>), SpecError> {
        fn known<'de, T: Deserialize<'de>>(
            json: &'de Value,
            body: fn(T) -> Body,
        ) -> Result<(Body, Vec<Field>), SpecError> {
            reader::read(json).map(|(read, unknown)| (body(read), unknown))
        }
        match endpoint {
            Endpoint::File => known(json, Self::File),
            Endpoint::Container => known(json, Self::Container),
            Endpoint::Document => known(json, Self::Document),
            Endpoint::Spreadsheet => known(json, Self::Spreadsheet),
            Endpoint::Presentation => known(json, Self::Presentation),
            Endpoint::StyleGuide => known(json, Self::StyleGuide),
            Endpoint::GraphReport => known(json, Self::GraphReport),
            Endpoint::TestForm => known(json, Self::TestForm),
            Endpoint::PhaseAttachment | Endpoint::MatrixAttachment | Endpoint::SampleAttachment => {
                known(json, Self::Attachment)
            }
            Endpoint::PhaseOriginal | Endpoint::MatrixOriginal | Endpoint::SampleOriginal => {
                known(json, Self::Original)
            }
            Endpoint::Files | Endpoint::Operation | Endpoint::Token => {
                Err(SpecError::Path(endpoint.as_str().into()))
            }
        }
    }

    /// Checks the rules that the types do not express.
    pub(super) fn check(&self) -> Result<(), SpecError> {
        match self {
            Self::File(export) => export.check(),
            Self::Document(export) => export.check(""),
            Self::Spreadsheet(export) => export.check(""),
            Self::Presentation(export) => export.check(""),
            Self::Container(_)
            | Self::StyleGuide(_)
            | Self::GraphReport(_)
            | Self::TestForm(_)
            | Self::Attachment(_)
            | Self::Original(_) => Ok(()),
        }
    }

    /// The object that has the options, such as `documentExport`; `None` if it is the body itself.
    pub(super) const fn object_of_options(&self) -> Option<&'static str> {
        match self {
            Self::File(export) => export.object_of_options(),
            Self::Container(_) => Some("workivaFileExportOptions"),
            _ => None,
        }
    }

    pub(super) fn to_json(&self) -> Result<Map<String, Value>, SpecError> {
        let wrong = |problem| SpecError::Body { field: "body".into(), problem };
        match serde_json::to_value(self) {
            Ok(Value::Object(object)) => Ok(object),
            Ok(other) => Err(wrong(other.to_string())),
            Err(error) => Err(wrong(error.to_string())),
        }
    }

    /// The format of the exported file.
    pub(super) fn file_format(&self) -> FileFormat {
        match self {
            Self::File(export) => export.file_format(),
            Self::Container(_) => FileFormat::TarGz,
            Self::Document(export) => export.file_format(),
            Self::Spreadsheet(export) => export.file_format(),
            Self::Presentation(export) => export.file_format(),
            Self::StyleGuide(_) | Self::Original(_) => FileFormat::Any,
            Self::GraphReport(_) => FileFormat::Csv,
            Self::TestForm(_) => FileFormat::Xlsx,
            Self::Attachment(_) => FileFormat::Pdf,
        }
    }

    /// The formats that the file can have, as extensions; none if nothing is known.
    pub(super) fn formats(&self) -> &'static [&'static str] {
        match (self, self.file_format()) {
            (Self::File(export), FileFormat::Any) => export.formats(),
            (_, format) => format.extensions(),
        }
    }
}
