//! All endpoints in all API versions: paths, headers and sunset dates.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use http::HeaderValue;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::settings::ApiVersion;
use super::settings::ApiVersion::{V2022_01_01, V2026_01_01};
use crate::sunset::Sunset;
use crate::time::Timestamp;

/// An endpoint, whatever its path in an API version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    File,
    Container,
    Document,
    Spreadsheet,
    Presentation,
    StyleGuide,
    GraphReport,
    TestForm,
    PhaseAttachment,
    MatrixAttachment,
    SampleAttachment,
    PhaseOriginal,
    MatrixOriginal,
    SampleOriginal,
    Files,
    Operation,
    Token,
}

use Endpoint::*;

/// An endpoint in one API version.
#[derive(Clone, Copy, Debug)]
pub(super) struct Route {
    pub(super) endpoint: Endpoint,
    pub(super) version: ApiVersion,
    /// The path, with the names of the ids in braces.
    pub(super) path: &'static str,
    /// Whether the `X-Version` header is sent.
    pub(super) has_header: bool,
    /// The announced end.
    pub(super) sunset: Option<Sunset>,
}

const DEPRECATED: Timestamp = Timestamp::from_date(2026, 2, 12);

const FILE_ENDS: Option<Sunset> = Some(Sunset::new(
    "POST /prototype/platform/files/{fileId}/export",
    DEPRECATED,
    Timestamp::from_date(2027, 1, 31),
    "POST /files/{fileId}/export with API version 2026-01-01",
));
const CONTAINER_ENDS: Option<Sunset> = Some(Sunset::new(
    "POST /prototype/platform/files/export",
    DEPRECATED,
    Timestamp::from_date(2027, 1, 31),
    "POST /files/{fileId}/export with kind Workiva and API version 2026-01-01",
));
const PROTOTYPE_OPERATION_ENDS: Option<Sunset> = Some(Sunset::new(
    "GET /prototype/platform/operations/{operationId}",
    DEPRECATED,
    Timestamp::from_date(2027, 1, 31),
    "GET /operations/{operationId} with API version 2026-01-01",
));
const OPERATION_ENDS: Option<Sunset> = general_ends(
    "GET /platform/v1/operations/{operationId}",
    "GET /operations/{operationId} with API version 2026-01-01",
);
const FILES_END: Option<Sunset> =
    general_ends("GET /platform/v1/files", "GET /files with API version 2026-01-01");
const PROTOTYPE_FILES_END: Option<Sunset> = Some(Sunset::new(
    "GET /prototype/platform/files",
    DEPRECATED,
    Timestamp::from_date(2027, 1, 31),
    "GET /files with API version 2026-01-01",
));
const DOCUMENT_ENDS: Option<Sunset> = general_ends(
    "POST /platform/v1/documents/{documentId}/export",
    "POST /documents/{documentId}/export with API version 2026-01-01",
);
const SPREADSHEET_ENDS: Option<Sunset> = general_ends(
    "POST /platform/v1/spreadsheets/{spreadsheetId}/export",
    "POST /spreadsheets/{spreadsheetId}/export with API version 2026-01-01",
);
const PRESENTATION_ENDS: Option<Sunset> = general_ends(
    "POST /platform/v1/presentations/{presentationId}/export",
    "POST /presentations/{presentationId}/export with API version 2026-01-01",
);

const GRAPH_REPORT_ENDS: Option<Sunset> = general_ends(
    "POST /platform/v1/graph/reports/{reportId}/export",
    "POST /graph/reports/{reportId}/export with API version 2026-01-01",
);
const TEST_FORM_ENDS: Option<Sunset> = general_ends(
    "POST /platform/v1/testForms/{testFormId}/export",
    "POST /testForms/{testFormId}/export with API version 2026-01-01",
);
const ATTACHMENT_ENDS: Option<Sunset> = general_ends(
    "POST /platform/v1/testForms/{testFormId}/../attachments/{attachmentId}/export",
    "the same path without /platform/v1 with API version 2026-01-01",
);
const ORIGINAL_ENDS: Option<Sunset> = general_ends(
    "POST /platform/v1/testForms/{testFormId}/../attachments/{attachmentId}/download",
    "the same path without /platform/v1 with API version 2026-01-01",
);

/// The end of the paths of 2022-01-01 that are not prototypes.
const fn general_ends(endpoint: &'static str, successor: &'static str) -> Option<Sunset> {
    Some(Sunset::new(endpoint, DEPRECATED, Timestamp::from_date(2029, 1, 31), successor))
}

/// **Source:** Workiva's API reference, as of 2026-11; for graph reports and test forms in 2022-01-01, public
/// clients of 2024.
///
/// The token endpoint takes its path and its header in pairs only: the old path with the new header,
/// or the other way round, is answered with 404 (observed).
#[rustfmt::skip]
pub(super) const ROUTES: &[Route] = &[
    route(File,             V2022_01_01, true,  FILE_ENDS,      "/prototype/platform/files/{fileId}/export"),
    route(Container,        V2022_01_01, true,  CONTAINER_ENDS, "/prototype/platform/files/export"),
    route(Document,         V2022_01_01, true,  DOCUMENT_ENDS,  "/platform/v1/documents/{documentId}/export"),
    route(Spreadsheet,      V2022_01_01, true,  SPREADSHEET_ENDS, "/platform/v1/spreadsheets/{spreadsheetId}/export"),
    route(Presentation,     V2022_01_01, true,  PRESENTATION_ENDS, "/platform/v1/presentations/{presentationId}/export"),
    route(GraphReport,      V2022_01_01, true,  GRAPH_REPORT_ENDS, "/platform/v1/graph/reports/{reportId}/export"),
    route(TestForm,         V2022_01_01, true,  TEST_FORM_ENDS, "/platform/v1/testForms/{testFormId}/export"),
    route(PhaseAttachment,  V2022_01_01, true,  ATTACHMENT_ENDS, "/platform/v1/testForms/{testFormId}/testPhases/{testPhaseId}/attachments/{attachmentId}/export"),
    route(MatrixAttachment, V2022_01_01, true,  ATTACHMENT_ENDS, "/platform/v1/testForms/{testFormId}/testPhases/{testPhaseId}/matrices/{matrixId}/attachments/{attachmentId}/export"),
    route(SampleAttachment, V2022_01_01, true,  ATTACHMENT_ENDS, "/platform/v1/testForms/{testFormId}/testPhases/{testPhaseId}/matrices/{matrixId}/samples/{sampleId}/attachments/{attachmentId}/export"),
    route(PhaseOriginal,    V2022_01_01, true,  ORIGINAL_ENDS,  "/platform/v1/testForms/{testFormId}/testPhases/{testPhaseId}/attachments/{attachmentId}/download"),
    route(MatrixOriginal,   V2022_01_01, true,  ORIGINAL_ENDS,  "/platform/v1/testForms/{testFormId}/testPhases/{testPhaseId}/matrices/{matrixId}/attachments/{attachmentId}/download"),
    route(SampleOriginal,   V2022_01_01, true,  ORIGINAL_ENDS,  "/platform/v1/testForms/{testFormId}/testPhases/{testPhaseId}/matrices/{matrixId}/samples/{sampleId}/attachments/{attachmentId}/download"),
    route(Files,            V2022_01_01, true,  FILES_END,      "/platform/v1/files"),
    route(Files,            V2022_01_01, true,  PROTOTYPE_FILES_END, "/prototype/platform/files"),
    route(Operation,        V2022_01_01, true,  OPERATION_ENDS, "/platform/v1/operations/{operationId}"),
    route(Operation,        V2022_01_01, true,  PROTOTYPE_OPERATION_ENDS, "/prototype/platform/operations/{operationId}"),
    route(Token,            V2022_01_01, false, None,           "/iam/v1/oauth2/token"),

    route(File,             V2026_01_01, true,  None,           "/files/{fileId}/export"),
    route(Document,         V2026_01_01, true,  None,           "/documents/{documentId}/export"),
    route(Spreadsheet,      V2026_01_01, true,  None,           "/spreadsheets/{spreadsheetId}/export"),
    route(Presentation,     V2026_01_01, true,  None,           "/presentations/{presentationId}/export"),
    route(StyleGuide,       V2026_01_01, true,  None,           "/content/styleGuides/{styleGuideId}/export"),
    route(GraphReport,      V2026_01_01, true,  None,           "/graph/reports/{reportId}/export"),
    route(TestForm,         V2026_01_01, true,  None,           "/testForms/{testFormId}/export"),
    route(PhaseAttachment,  V2026_01_01, true,  None,           "/testForms/{testFormId}/testPhases/{testPhaseId}/attachments/{attachmentId}/export"),
    route(MatrixAttachment, V2026_01_01, true,  None,           "/testForms/{testFormId}/testPhases/{testPhaseId}/matrices/{matrixId}/attachments/{attachmentId}/export"),
    route(SampleAttachment, V2026_01_01, true,  None,           "/testForms/{testFormId}/testPhases/{testPhaseId}/matrices/{matrixId}/samples/{sampleId}/attachments/{attachmentId}/export"),
    route(PhaseOriginal,    V2026_01_01, true,  None,           "/testForms/{testFormId}/testPhases/{testPhaseId}/attachments/{attachmentId}/download"),
    route(MatrixOriginal,   V2026_01_01, true,  None,           "/testForms/{testFormId}/testPhases/{testPhaseId}/matrices/{matrixId}/attachments/{attachmentId}/download"),
    route(SampleOriginal,   V2026_01_01, true,  None,           "/testForms/{testFormId}/testPhases/{testPhaseId}/matrices/{matrixId}/samples/{sampleId}/attachments/{attachmentId}/download"),
    route(Files,            V2026_01_01, true,  None,           "/files"),
    route(Operation,        V2026_01_01, true,  None,           "/operations/{operationId}"),
    route(Token,            V2026_01_01, true,  None,           "/oauth2/token"),
];

const fn route(
    endpoint: Endpoint,
    version: ApiVersion,
    has_header: bool,
    sunset: Option<Sunset>,
    path: &'static str,
) -> Route {
    Route { endpoint, version, path, has_header, sunset }
}

impl Endpoint {
    /// The route that is requested in an API version, if that version has the endpoint.
    pub(super) fn in_version(self, version: ApiVersion) -> Option<&'static Route> {
        ROUTES.iter().find(|route| route.endpoint == self && route.version == version.paths())
    }

    /// The OAuth scope that the service requires; empty if it requires none.
    pub(super) const fn scope(self) -> &'static str {
        match self {
            File | Container => "file:write",
            Document | Spreadsheet | Presentation | StyleGuide | Files => "file:read",
            GraphReport | TestForm | PhaseAttachment | MatrixAttachment | SampleAttachment
            | PhaseOriginal | MatrixOriginal | SampleOriginal => "graph:read",
            Operation | Token => "",
        }
    }

    /// Whether its submit has no body: it downloads a file as it was uploaded.
    pub(super) const fn has_no_body(self) -> bool {
        matches!(self, PhaseOriginal | MatrixOriginal | SampleOriginal)
    }

    /// What the endpoint exports, for messages.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            File => "files",
            Container => "containers without a file id",
            Document => "documents",
            Spreadsheet => "spreadsheets",
            Presentation => "presentations",
            StyleGuide => "style guides",
            GraphReport => "graph reports",
            TestForm => "test forms",
            PhaseAttachment | MatrixAttachment | SampleAttachment | PhaseOriginal
            | MatrixOriginal | SampleOriginal => "attachments of test forms",
            Files => "lists of files",
            Operation => "operations",
            Token => "tokens",
        }
    }
}

impl Route {
    /// The path with these ids, each encoded as one path segment.
    pub(super) fn render<S: AsRef<str>>(&self, ids: &[S]) -> String {
        let mut ids = ids.iter();
        let mut path = String::with_capacity(self.path.len() + 32);
        for segment in self.segments() {
            path.push('/');
            match segment {
                Segment::Fixed(text) => path.push_str(text),
                Segment::Id(_) => path.extend(ids.next().map(|id| encoded(id.as_ref()))),
            }
        }
        path
    }

    /// The route of a path in any API version, and the ids in the path.
    pub(super) fn of_path(path: &str) -> Option<(&'static Self, Vec<String>)> {
        ROUTES.iter().find_map(|route| Some((route, route.ids_in(path)?)))
    }

    /// Whether a path is of this route.
    pub(super) fn is_of(&self, path: &str) -> bool {
        // Most routes differ before their first id. Bytes are faster to split, and this is done for each poll.
        fn segments(path: &str) -> impl Iterator<Item = &[u8]> {
            path.as_bytes().split(|byte| *byte == b'/')
        }
        let (fixed, own) = self.path.split_at(self.path.find('{').unwrap_or(self.path.len()));
        let Some(given) = path.strip_prefix(fixed) else { return false };
        let mut given = segments(given);
        segments(own).all(|own| {
            let is_id = own.starts_with(b"{");
            given.next().is_some_and(|given| given == own || (is_id && !given.is_empty()))
        }) && given.next().is_none()
    }

    /// The names of the ids, as in the API reference.
    pub(super) fn id_names(&self) -> impl Iterator<Item = &'static str> {
        self.segments().filter_map(|segment| match segment {
            Segment::Fixed(_) => None,
            Segment::Id(name) => Some(name),
        })
    }

    /// The value of the `X-Version` header, if it is sent: the requested version, if it has this path.
    pub(super) fn version_header(&self, requested: ApiVersion) -> Option<HeaderValue> {
        let version = if requested.paths() == self.version { requested } else { self.version };
        version.header().filter(|_| self.has_header)
    }

    fn ids_in(&self, path: &str) -> Option<Vec<String>> {
        let mut ids = Vec::new();
        let mut given = path.strip_prefix('/')?.split('/');
        for segment in self.segments() {
            let given = given.next()?;
            match segment {
                Segment::Fixed(text) if text == given => {}
                Segment::Id(_) if !given.is_empty() => {
                    ids.push(percent_decode_str(given).decode_utf8().ok()?.into());
                }
                Segment::Fixed(_) | Segment::Id(_) => return None,
            }
        }
        given.next().is_none().then_some(ids)
    }

    fn segments(&self) -> impl Iterator<Item = Segment> {
        self.path.split('/').skip(1).map(|text| {
            text.strip_prefix('{')
                .and_then(|text| text.strip_suffix('}'))
                .map_or(Segment::Fixed(text), Segment::Id)
        })
    }
}

enum Segment {
    Fixed(&'static str),
    Id(&'static str),
}

/// Everything but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Encodes an id as one path segment, so that no id ends the segment or is a dot segment.
fn encoded(id: &str) -> Cow<'_, str> {
    match id {
        "." => "%2E".into(),
        ".." => "%2E%2E".into(),
        _ => utf8_percent_encode(id, RESERVED).into(),
    }
}

#[cfg(test)]
mod tests {
    use alloc::{format, vec};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn path_is_listed_once() {
        for route in ROUTES {
            assert_eq!(ROUTES.iter().filter(|other| other.path == route.path).count(), 1);
            assert!(ROUTES.iter().filter(|other| other.is_of(route.path)).count() == 1);
        }
        // An operation has two paths in 2022-01-01; this one is requested.
        let requested = Operation.in_version(V2022_01_01).unwrap();
        assert_eq!(requested.path, "/platform/v1/operations/{operationId}");
    }

    #[test]
    fn rendered_path_is_recognised() {
        for route in ROUTES {
            let ids: Vec<_> = route.id_names().collect();
            let (found, read) = Route::of_path(&route.render(&ids)).unwrap();
            assert_eq!(
                (found.endpoint, read),
                (route.endpoint, ids.iter().map(|&i| i.into()).collect())
            );
        }
    }

    #[test]
    fn path_of_a_route_has_its_ids_and_no_more() {
        for route in ROUTES {
            let ids: Vec<_> = route.id_names().collect();
            let path = route.render(&ids);
            assert!(route.is_of(&path));
            assert!(!route.is_of(&format!("{path}/")) && !route.is_of(&path[1..]));
            let without = route.render(&vec![""; ids.len()]);
            assert_eq!(route.is_of(&without), ids.is_empty(), "{without}");
        }
    }

    #[test]
    fn id_is_encoded_as_one_segment() {
        let route = File.in_version(V2026_01_01).unwrap();
        for (id, segment) in [
            ("f1", "f1"),
            ("a-b_c~d.e", "a-b_c~d.e"),
            ("a/b", "a%2Fb"),
            ("a\\b", "a%5Cb"),
            (".", "%2E"),
            ("..", "%2E%2E"),
            ("../..", "..%2F.."),
            ("%2e", "%252e"),
            ("a b?c#d", "a%20b%3Fc%23d"),
            ("\0\r\n", "%00%0D%0A"),
            ("ü", "%C3%BC"),
        ] {
            let path = route.render(&[id]);
            assert_eq!(path, alloc::format!("/files/{segment}/export"));
            let uri: http::Uri = alloc::format!("https://h.example{path}").parse().unwrap();
            assert_eq!(uri.path(), path, "unchanged");
            assert_eq!(Route::of_path(&path).unwrap().1, vec![String::from(id)]);
        }
    }

    #[test]
    fn unknown_path_has_no_route() {
        for path in [
            "",
            "/",
            "files/f1/export",
            "/files//export",
            "/files/f1",
            "/files/f1/export/",
            "/files/f1/export/x",
            "/files/%FF/export",
            "/v1/files/f1/export",
        ] {
            assert!(Route::of_path(path).is_none(), "{path:?}");
        }
    }

    proptest! {
        #[test]
        fn id_round_trips_through_the_path(ids in proptest::array::uniform5("(?s).{1,9}")) {
            let route = SampleAttachment.in_version(V2026_01_01).unwrap();
            let path = route.render(&ids);
            prop_assert_eq!(path.split('/').count(), route.path.split('/').count());
            prop_assert!(path.split('/').all(|segment| segment != "." && segment != ".."));
            let uri: http::Uri = alloc::format!("https://h.example{path}").parse().unwrap();
            prop_assert_eq!(uri.path(), &path);
            prop_assert_eq!(Route::of_path(&path).unwrap().1, ids);
        }
    }
}
