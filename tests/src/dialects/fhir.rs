//! FHIR Bulk Data: a kick-off by `GET`, progress in a header, and a manifest of files
//! (<https://hl7.org/fhir/uv/bulkdata/export.html>).
//!
//! The files are named as by the reference client of the specification's authors, which also keeps the
//! manifest, and fetches the lists of what was deleted and of errors.

use std::sync::Arc;

use export_core::dialect::{Dialect, Head, OperationFacts, Reading, Repeat, ResultFile};
use export_core::{ApiError, ErrorOrigin, Phase};
use http::header::{ACCEPT, CONTENT_LOCATION};
use http::{Method, Request, Response, StatusCode, Uri};
use serde_json::Value;

use super::{Sample, Service, file, json, path, response};

const BASE: &str = "https://ehr.example.com";

#[derive(Debug)]
struct BulkData {
    base: String,
    path: &'static str,
}

impl Dialect for BulkData {
    fn name(&self) -> &str {
        "fhir-bulk-data"
    }

    fn save(&self) -> String {
        self.path.into()
    }

    fn repeat(&self) -> Repeat {
        Repeat::Harmless
    }

    fn request(&self, phase: Phase, target: Option<&Uri>) -> Request<Vec<u8>> {
        let url = target.map_or_else(|| format!("{}{}", self.base, self.path), Uri::to_string);
        let request = match phase {
            Phase::Submit => Request::get(url)
                .header(ACCEPT, "application/fhir+json")
                .header("prefer", "respond-async"),
            Phase::Poll => Request::get(url).header(ACCEPT, "application/json"),
            Phase::Cancel => Request::builder().method(Method::DELETE).uri(url),
            _ => Request::get(url).header(ACCEPT, "application/fhir+ndjson"),
        };
        request.body(Vec::new()).expect("the URL is legal")
    }

    fn read<'b>(&self, phase: Phase, head: &Head<'b>, body: Option<&'b [u8]>) -> Reading<'b> {
        let location = head.text(CONTENT_LOCATION.as_str());
        match (phase, head.status(), location) {
            (Phase::Submit, StatusCode::ACCEPTED, Some(url)) => {
                Reading::Accepted { operation: url.into(), facts: OperationFacts::default() }
            }
            (Phase::Poll, StatusCode::ACCEPTED, _) => {
                let progress = head.text("x-progress").unwrap_or("in progress");
                Reading::Pending(OperationFacts::default().with_status(progress))
            }
            (Phase::Poll, StatusCode::OK, _) => match head.json::<Value>(body) {
                Ok(manifest) => Reading::ReadyFiles {
                    files: files_of(&manifest, body.unwrap_or_default()),
                    facts: OperationFacts::default(),
                },
                Err(reading) => reading,
            },
            _ => Reading::Foreign,
        }
    }

    fn can_cancel(&self) -> bool {
        true
    }

    fn error(&self, _head: &Head<'_>, body: &[u8]) -> ApiError {
        let outcome: Value = serde_json::from_slice(body).unwrap_or_default();
        let issue = &outcome["issue"][0];
        let is_outcome = outcome["resourceType"] == "OperationOutcome";
        let origin = if is_outcome { ErrorOrigin::Service } else { ErrorOrigin::Unknown };
        ApiError::new(origin)
            .with_code(issue["code"].as_str())
            .with_message(issue["diagnostics"].as_str())
    }
}

/// The manifest itself, and all files that it lists.
fn files_of<'b>(manifest: &Value, body: &'b [u8]) -> Vec<ResultFile<'b>> {
    let mut files = vec![ResultFile::inline(body).named("manifest.json")];
    for (list, folder) in [("output", ""), ("deleted", "deleted-"), ("error", "error-")] {
        let items = manifest[list].as_array().into_iter().flatten();
        for (item, number) in items.zip(1..) {
            let url = item["url"].as_str().unwrap_or_default().to_owned();
            let kind = item["type"].as_str().unwrap_or("resources");
            let file = ResultFile::at(url).named(format!("{folder}{number}.{kind}.ndjson"));
            let wants_token = manifest["requiresAccessToken"] != false;
            files.push(if wants_token { file } else { file.without_token() });
        }
    }
    files
}

/// The sample.
pub const SAMPLE: Sample = Sample {
    name: "fhir-bulk-data",
    base: BASE,
    dialect: |base| {
        Arc::new(BulkData { base: base.into(), path: "/Patient/$export?_type=Patient,Observation" })
    },
    service: |store| Box::new(Simulated { store: store.into(), polls: 0 }),
};

struct Simulated {
    store: String,
    polls: u32,
}

/// The manifest, with a file at another origin.
const MANIFEST: &str = r#"{
    "transactionTime": "2026-03-01T00:00:00Z",
    "request": "https://ehr.example.com/Patient/$export",
    "requiresAccessToken": true,
    "output": [
        {"type": "Patient", "url": "/files/1", "count": 2},
        {"type": "Observation", "url": "/files/2"},
        {"type": "Observation", "url": "STORE/3?part=3"}
    ],
    "deleted": [{"type": "Bundle", "url": "/files/4"}],
    "error": [{"type": "OperationOutcome", "url": "/files/5"}]
}"#;

const FILES: [(&str, &str); 5] = [
    ("1.Patient.ndjson", "{\"resourceType\":\"Patient\"}\n{\"resourceType\":\"Patient\"}\n"),
    ("2.Observation.ndjson", "{\"resourceType\":\"Observation\",\"id\":\"1\"}\n"),
    ("3.Observation.ndjson", "{\"resourceType\":\"Observation\",\"id\":\"2\"}\n"),
    ("deleted-1.Bundle.ndjson", "{\"resourceType\":\"Bundle\"}\n"),
    ("error-1.OperationOutcome.ndjson", "{\"resourceType\":\"OperationOutcome\"}\n"),
];

impl Simulated {
    fn manifest(&self) -> String {
        MANIFEST.replace("STORE", &self.store)
    }
}

impl Service for Simulated {
    fn respond(&mut self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        let kind = [("content-type", "application/fhir+ndjson")];
        let of = |number: usize| file(request, &kind, FILES[number - 1].1);
        match path(request).as_str() {
            url if url.starts_with("GET /Patient/$export") => {
                response(202, &[("content-location", "/status/1")], "")
            }
            "GET /status/1" => {
                self.polls += 1;
                match self.polls {
                    1 => response(202, &[("x-progress", "30%"), ("retry-after", "20")], ""),
                    2 => response(202, &[("x-progress", "80%")], ""),
                    _ => json(200, &[], &self.manifest()),
                }
            }
            "DELETE /status/1" => response(202, &[], ""),
            "GET /files/1" => of(1),
            "GET /files/2" => of(2),
            "GET /3?part=3" => of(3),
            "GET /files/4" => of(4),
            "GET /files/5" => of(5),
            _ => response(404, &[], ""),
        }
    }

    fn files(&self) -> Vec<(String, Vec<u8>)> {
        let manifest = self.manifest();
        let all = [("manifest.json", manifest.as_str())].into_iter().chain(FILES);
        all.map(|(name, text)| (name.into(), text.into())).collect()
    }
}
