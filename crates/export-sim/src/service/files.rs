//! The list of the files of the workspace, in pages.

use http::StatusCode;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::tokens::Grant;
use super::{RequestContext, Service, errors};
use crate::SimResponse;

/// A file that the service lists.
///
/// ```
/// use export_sim::{Config, WorkspaceFile};
///
/// let report = WorkspaceFile::new("d1", "Annual report", "Document").in_folder("f1");
/// let config = Config::default().with_workspace([report]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkspaceFile {
    id: String,
    name: String,
    kind: String,
    container: String,
    state: &'static str,
}

impl WorkspaceFile {
    /// A file in the root.
    #[must_use]
    pub fn new(id: impl Into<String>, name: impl Into<String>, kind: impl Into<String>) -> Self {
        let (id, name, kind) = (id.into(), name.into(), kind.into());
        Self { id, name, kind, container: String::new(), state: "Active" }
    }

    /// Moves it to a folder.
    #[must_use]
    pub fn in_folder(self, id: impl Into<String>) -> Self {
        Self { container: id.into(), ..self }
    }

    /// Moves it to the trash.
    #[must_use]
    pub fn trashed(self) -> Self {
        Self { state: "Trashed", ..self }
    }

    fn to_json(&self) -> Value {
        let time = json!({ "dateTime": "2026-11-02T09:30:00Z", "user": { "id": "sim-user" } });
        json!({
            "id": self.id,
            "name": self.name,
            "kind": self.kind,
            "type": null,
            "container": self.container,
            "created": time,
            "modified": time,
            "state": self.state,
            "template": false,
        })
    }
}

/// The files of a workspace to try the list with.
pub(crate) fn samples() -> Vec<WorkspaceFile> {
    let file = WorkspaceFile::new;
    vec![
        file("5f0a1c9e2b7d4e6f8a3b5c7d9e1f2a4b", "Reports 2026", "Folder"),
        file("124efa2a142f472ba1ceab34ed18915f", "Annual report 2026", "Document"),
        file("8a2c51d9e0f34b7c96d1a5e8b2c4f607", "Q4 figures", "Spreadsheet")
            .in_folder("5f0a1c9e2b7d4e6f8a3b5c7d9e1f2a4b"),
        file("3c7b9a1d5e2f48608b4d6f0a2c8e1b35", "Q4 report", "Document")
            .in_folder("5f0a1c9e2b7d4e6f8a3b5c7d9e1f2a4b"),
        file("77b0d4e6f8a24c1e9b3d5f7a0c2e4b68", "Q4 board meeting", "Presentation"),
        file("e91b3d5f7a0c4e2680b4d6f8a1c3e579", "Auditor's letter.docx", "SupportingDocument"),
        file("0d2f4b6a8c1e4357990b2d4f6a8c1e35", "Q4 report (old)", "Document").trashed(),
    ]
}

/// The largest and the default number of files of a page.
const PAGE: usize = 1_000;

/// A request for a page. The cursor of the next page has it all.
#[derive(Default)]
struct PageRequest {
    from: usize,
    size: usize,
    kind: Option<String>,
}

impl Service {
    pub(super) fn files(&self, call: &RequestContext) -> SimResponse {
        let grant = self.tokens.authorize(call.now, &call.parts.headers).map(|(_, grant)| grant);
        match grant.map(|grant| Grant::allows(grant, "file:read")) {
            None => return errors::unauthorized(),
            Some(false) => return errors::missing_scope("file:read"),
            Some(true) => {}
        }
        let request = match PageRequest::parse(call.parts.uri.query().unwrap_or_default()) {
            Ok(request) => request,
            Err(message) => return errors::refuse(StatusCode::BAD_REQUEST, &message),
        };
        let is_listed =
            |file: &&WorkspaceFile| request.kind.as_ref().is_none_or(|kind| *kind == file.kind);
        let mut rest = self.config.workspace.iter().filter(is_listed).skip(request.from);
        let page: Vec<_> = rest.by_ref().take(request.size).map(WorkspaceFile::to_json).collect();
        let next = rest.next().map(|_| {
            let cursor = request.next_cursor();
            format!("{}{}?$next={cursor}", self.urls.api(), call.parts.uri.path())
        });
        SimResponse::json(StatusCode::OK, &json!({ "data": page, "@nextLink": next }))
    }
}

impl PageRequest {
    fn parse(query: &str) -> Result<Self, String> {
        let mut request = Self { size: PAGE, ..Self::default() };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let decoded = |text| percent_decode_str(text).decode_utf8().unwrap_or_default();
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decoded(name), decoded(value));
            match &*name {
                "$filter" => {
                    let kind = value.strip_prefix("kind eq '").and_then(|it| it.strip_suffix('\''));
                    let kind = kind.ok_or_else(|| format!("$filter {value} is not supported"))?;
                    request.kind = Some(kind.to_owned());
                }
                "$maxpagesize" => {
                    let size = value.parse().ok().filter(|size| (1..=PAGE).contains(size));
                    request.size = size.ok_or("$maxpagesize must be from 1 to 1000")?;
                }
                "$next" => {
                    request =
                        Self::of_cursor(&value).ok_or("$next is not a cursor of this list")?;
                }
                _ => return Err(format!("the parameter {name} is not supported")),
            }
        }
        Ok(request)
    }

    fn next_cursor(&self) -> String {
        let kind = self.kind.as_deref().unwrap_or_default();
        let text = format!("{}.{}.{kind}", self.from + self.size, self.size);
        text.bytes().map(|byte| format!("{byte:02x}")).collect()
    }

    fn of_cursor(cursor: &str) -> Option<Self> {
        let digits = cursor.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok());
        let bytes = digits.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect::<Option<_>>()?;
        let text = String::from_utf8(bytes).ok()?;
        let (from, rest) = text.split_once('.')?;
        let (size, kind) = rest.split_once('.')?;
        let kind = (!kind.is_empty()).then(|| kind.to_owned());
        Some(Self { from: from.parse().ok()?, size: size.parse().ok()?, kind })
    }
}
