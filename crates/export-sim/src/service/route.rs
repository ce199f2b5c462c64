use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

use crate::Origin;

/// The endpoint of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Endpoint {
    /// Requests a token.
    Token,
    /// Starts an export.
    Submit,
    /// Polls the status of an operation.
    Operation,
    /// Lists the files of the workspace.
    Files,
    /// Downloads a file from the API host.
    Download,
    /// Downloads a file from the storage origin.
    Storage,
    /// An unknown path.
    Other,
}

/// A matched path, with the ids in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) target: Target,
    pub(crate) generation: Generation,
    pub(crate) ids: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Token,
    Submit(ExportKind),
    Files,
    Operation,
    Download,
    Stored,
}

/// The kind of object to export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExportKind {
    Attachment,
    Document,
    File,
    FileWithoutId,
    /// An attachment as it was uploaded.
    Original,
    Presentation,
    Report,
    Spreadsheet,
    StyleGuide,
    TestForm,
}

/// A generation of the API: a set of paths and the `X-Version` that they require.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Generation {
    /// 2022-01-01, the default version, below `/prototype/platform`.
    Prototype,
    /// 2022-01-01, below `/platform/v1` and `/iam/v1`.
    Platform,
    /// 2026-01-01, without a prefix.
    Current,
    /// Any version: URLs that the service returns, which clients use unchanged.
    Any,
}

const ROUTES: &[(&str, Generation, Target)] = {
    use ExportKind::*;
    use Generation::*;
    use Target::*;
    &[
        ("/iam/v1/oauth2/token", Platform, Token),
        ("/oauth2/token", Current, Token),
        ("/prototype/platform/files/export", Prototype, Submit(FileWithoutId)),
        ("/prototype/platform/files/{}/export", Prototype, Submit(File)),
        ("/platform/v1/documents/{}/export", Platform, Submit(Document)),
        ("/platform/v1/spreadsheets/{}/export", Platform, Submit(Spreadsheet)),
        ("/platform/v1/presentations/{}/export", Platform, Submit(Presentation)),
        ("/files/{}/export", Current, Submit(File)),
        ("/documents/{}/export", Current, Submit(Document)),
        ("/spreadsheets/{}/export", Current, Submit(Spreadsheet)),
        ("/presentations/{}/export", Current, Submit(Presentation)),
        ("/content/styleGuides/{}/export", Current, Submit(StyleGuide)),
        ("/graph/reports/{}/export", Current, Submit(Report)),
        ("/testForms/{}/export", Current, Submit(TestForm)),
        ("/testForms/{}/testPhases/{}/attachments/{}/export", Current, Submit(Attachment)),
        (
            "/testForms/{}/testPhases/{}/matrices/{}/attachments/{}/export",
            Current,
            Submit(Attachment),
        ),
        (
            "/testForms/{}/testPhases/{}/matrices/{}/samples/{}/attachments/{}/export",
            Current,
            Submit(Attachment),
        ),
        ("/platform/v1/graph/reports/{}/export", Platform, Submit(Report)),
        ("/platform/v1/testForms/{}/export", Platform, Submit(TestForm)),
        (
            "/platform/v1/testForms/{}/testPhases/{}/attachments/{}/export",
            Platform,
            Submit(Attachment),
        ),
        (
            "/platform/v1/testForms/{}/testPhases/{}/matrices/{}/attachments/{}/export",
            Platform,
            Submit(Attachment),
        ),
        (
            "/platform/v1/testForms/{}/testPhases/{}/matrices/{}/samples/{}/attachments/{}/export",
            Platform,
            Submit(Attachment),
        ),
        (
            "/platform/v1/testForms/{}/testPhases/{}/attachments/{}/download",
            Platform,
            Submit(Original),
        ),
        (
            "/platform/v1/testForms/{}/testPhases/{}/matrices/{}/attachments/{}/download",
            Platform,
            Submit(Original),
        ),
        (
            "/platform/v1/testForms/{}/testPhases/{}/matrices/{}/samples/{}/attachments/{}/download",
            Platform,
            Submit(Original),
        ),
        ("/testForms/{}/testPhases/{}/attachments/{}/download", Current, Submit(Original)),
        (
            "/testForms/{}/testPhases/{}/matrices/{}/attachments/{}/download",
            Current,
            Submit(Original),
        ),
        (
            "/testForms/{}/testPhases/{}/matrices/{}/samples/{}/attachments/{}/download",
            Current,
            Submit(Original),
        ),
        ("/prototype/platform/files", Prototype, Files),
        ("/platform/v1/files", Platform, Files),
        ("/files", Current, Files),
        ("/prototype/platform/operations/{}", Prototype, Operation),
        ("/platform/v1/operations/{}", Platform, Operation),
        ("/operations/{}", Current, Operation),
        ("/exports/{}/content", Any, Download),
    ]
};

/// Finds the route of a path, regardless of the requested version.
pub(crate) fn find(origin: Origin, path: &str) -> Option<Route> {
    let found = |pattern: &str, generation, target| {
        Some(Route { target, generation, ids: ids(pattern, path)? })
    };
    match origin {
        Origin::Storage => found("/artifacts/{}/{}", Generation::Any, Target::Stored),
        Origin::Api => ROUTES
            .iter()
            .find_map(|(pattern, generation, target)| found(pattern, *generation, *target)),
    }
}

impl Route {
    pub(crate) fn endpoint(&self) -> Endpoint {
        match self.target {
            Target::Token => Endpoint::Token,
            Target::Submit(_) => Endpoint::Submit,
            Target::Files => Endpoint::Files,
            Target::Operation => Endpoint::Operation,
            Target::Download => Endpoint::Download,
            Target::Stored => Endpoint::Storage,
        }
    }

    /// The allowed methods, in the format of `Allow`.
    pub(crate) fn methods(&self) -> &'static str {
        match self.target {
            Target::Token | Target::Submit(_) => "POST",
            Target::Files | Target::Operation => "GET",
            Target::Download | Target::Stored => "GET, HEAD",
        }
    }

    /// The id of the operation in the path, if there is one.
    pub(crate) fn operation(&self) -> Option<&str> {
        match self.target {
            Target::Operation | Target::Download | Target::Stored => {
                self.ids.first().map(String::as_str)
            }
            Target::Token | Target::Submit(_) | Target::Files => None,
        }
    }

    /// The id of the object to export, if the path has it.
    pub(crate) fn source(&self) -> Option<&str> {
        match self.target {
            Target::Submit(_) => self.ids.last().map(String::as_str),
            _ => None,
        }
    }
}

impl Generation {
    /// Whether paths of this generation exist for requests with this `X-Version`.
    pub(crate) fn accepts(self, version: Option<&str>) -> bool {
        match self {
            Self::Prototype | Self::Platform => version.is_none_or(|v| Some(v) == self.version()),
            Self::Current => version == self.version(),
            Self::Any => true,
        }
    }

    /// The version of its paths; `None` for paths of any version.
    pub(crate) fn version(self) -> Option<&'static str> {
        match self {
            Self::Prototype | Self::Platform => Some("2022-01-01"),
            Self::Current => Some("2026-01-01"),
            Self::Any => None,
        }
    }

    pub(crate) fn operation_path(self) -> &'static str {
        match self {
            Self::Prototype => "/prototype/platform/operations",
            Self::Platform => "/platform/v1/operations",
            Self::Current | Self::Any => "/operations",
        }
    }
}

/// The decoded path segments at the placeholders of the pattern. An empty segment does not match.
fn ids(pattern: &str, path: &str) -> Option<Vec<String>> {
    let mut ids = Vec::new();
    let mut segments = path.split('/');
    for expected in pattern.split('/') {
        let segment = segments.next()?;
        if expected == "{}" && !segment.is_empty() {
            ids.push(percent_decode_str(segment).decode_utf8().ok()?.into_owned());
        } else if expected != segment {
            return None;
        }
    }
    segments.next().is_none().then_some(ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_single_decoded_segments() {
        let ids = |path| find(Origin::Api, path).map(|route| route.ids);
        assert_eq!(ids("/files/a%2Fb%20c/export"), Some(vec!["a/b c".to_owned()]));
        assert_eq!(ids("/files/a/b/export"), None);
        assert_eq!(ids("/files//export"), None);
        assert_eq!(ids("/files/%ff/export"), None);
        assert_eq!(ids("/files/a/export/"), None);
    }
}
