//! Google Drive's long-running download: a small file may be ready in the response to the submit
//! (<https://developers.google.com/workspace/drive/api/guides/long-running-operations>).

use std::sync::Arc;

use export_core::dialect::{Dialect, Head, OperationFacts, Reading, Repeat};
use export_core::{ApiError, ErrorOrigin, Phase};
use http::{Request, Response, Uri};
use serde_json::Value;

use super::{Sample, Service, file, json, response, url};

const BASE: &str = "https://www.googleapis.com";

#[derive(Debug)]
struct Download {
    file: &'static str,
}

impl Dialect for Download {
    fn name(&self) -> &str {
        "google-drive-download"
    }

    fn save(&self) -> String {
        self.file.into()
    }

    fn repeat(&self) -> Repeat {
        Repeat::Harmless
    }

    fn request(&self, _phase: Phase, target: Option<&Uri>) -> Request<Vec<u8>> {
        let request = match target {
            Some(target) => Request::get(target),
            None => Request::post(format!(
                "{BASE}/drive/v3/files/{}/download?mimeType=application/pdf",
                self.file
            )),
        };
        request.body(Vec::new()).expect("the URL is legal")
    }

    fn read<'b>(&self, phase: Phase, head: &Head<'b>, body: Option<&'b [u8]>) -> Reading<'b> {
        let operation: Value = match head.json(body) {
            Ok(operation) => operation,
            Err(reading) => return reading,
        };
        let facts = OperationFacts::default();
        let uri = operation["response"]["downloadUri"].as_str();
        match (operation["done"].as_bool(), uri, operation["name"].as_str()) {
            (Some(true), Some(uri), _) => {
                Reading::ReadyAt { resource: uri.to_owned().into(), facts }
            }
            (Some(true), None, _) => {
                Reading::Failed(self.error(head, body.unwrap_or_default()), facts)
            }
            (_, _, Some(name)) if phase == Phase::Submit => Reading::Accepted {
                operation: format!("/drive/v3/operations/{name}").into(),
                facts,
            },
            (_, _, Some(_)) => Reading::Pending(facts),
            _ => Reading::Malformed("no operation"),
        }
    }

    fn error(&self, _head: &Head<'_>, body: &[u8]) -> ApiError {
        let error: Value = serde_json::from_slice(body).unwrap_or_default();
        match error["error"]["message"].as_str() {
            None => ApiError::new(ErrorOrigin::Unknown),
            message => ApiError::new(ErrorOrigin::Service).with_message(message),
        }
    }

    fn file_name(&self) -> String {
        "document.pdf".into()
    }
}

/// The sample.
pub const SAMPLE: Sample = Sample {
    name: "google-drive-download",
    base: BASE,
    dialect: |_| Arc::new(Download { file: "1xyz" }),
    service: |_| Box::new(Simulated),
};

struct Simulated;

const PDF: &str = "%PDF-1.7 a document of Drive";

impl Service for Simulated {
    fn respond(&mut self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        match url(request).as_str() {
            "POST www.googleapis.com/drive/v3/files/1xyz/download?mimeType=application/pdf" => {
                let uri = "https://www.googleapis.com/drive/v3/downloads/1?alt=media";
                let done = format!(r#"{{"done":true,"response":{{"downloadUri":"{uri}"}}}}"#);
                json(200, &[], &done)
            }
            "GET www.googleapis.com/drive/v3/downloads/1?alt=media" => {
                file(request, &[("content-type", "application/pdf")], PDF)
            }
            _ => response(404, &[], ""),
        }
    }

    fn files(&self) -> Vec<(String, Vec<u8>)> {
        vec![("document.pdf".into(), PDF.into())]
    }
}
