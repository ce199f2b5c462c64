//! Power BI's export of a report to a file: progress in per cent, and the file behind the operation
//! (<https://learn.microsoft.com/rest/api/power-bi/reports/export-to-file>).

use std::sync::Arc;

use export_core::dialect::{Dialect, Head, OperationFacts, Reading, Repeat};
use export_core::{ApiError, ErrorOrigin, Phase};
use http::{Request, Response, Uri};
use serde_json::Value;

use super::{Sample, Service, file, json, response, url};

const BASE: &str = "https://api.powerbi.com";

#[derive(Debug)]
struct ExportTo {
    report: &'static str,
}

impl Dialect for ExportTo {
    fn name(&self) -> &str {
        "power-bi-export-to"
    }

    fn save(&self) -> String {
        self.report.into()
    }

    fn repeat(&self) -> Repeat {
        Repeat::Harmless
    }

    fn request(&self, _phase: Phase, target: Option<&Uri>) -> Request<Vec<u8>> {
        let request = match target {
            Some(target) => Request::get(target).body(Vec::new()),
            None => {
                let url = format!("{BASE}/v1.0/myorg/reports/{}/ExportTo", self.report);
                let request = Request::post(url).header("content-type", "application/json");
                request.body(br#"{"format":"PDF"}"#.to_vec())
            }
        };
        request.expect("the URL is legal")
    }

    fn read<'b>(&self, phase: Phase, head: &Head<'b>, body: Option<&'b [u8]>) -> Reading<'b> {
        let export: Value = match head.json(body) {
            Ok(export) => export,
            Err(reading) => return reading,
        };
        let (Some(id), Some(status)) = (export["id"].as_str(), export["status"].as_str()) else {
            return Reading::Malformed("no export");
        };
        let facts = OperationFacts::default().with_status(status.to_owned());
        let facts = match export["percentComplete"].as_u64().and_then(|n| u8::try_from(n).ok()) {
            Some(percent) => facts.with_percent(percent),
            None => facts,
        };
        let operation = format!("/v1.0/myorg/reports/{}/exports/{id}", self.report);
        match (phase, status) {
            (Phase::Submit, _) => Reading::Accepted { operation: operation.into(), facts },
            (_, "Succeeded") => {
                Reading::ReadyAt { resource: format!("{operation}/file").into(), facts }
            }
            (_, "Failed") => Reading::Failed(self.error(head, body.unwrap_or_default()), facts),
            _ => Reading::Pending(facts),
        }
    }

    fn error(&self, _head: &Head<'_>, body: &[u8]) -> ApiError {
        let error: Value = serde_json::from_slice(body).unwrap_or_default();
        match error["error"]["code"].as_str() {
            None => ApiError::new(ErrorOrigin::Unknown),
            code => ApiError::new(ErrorOrigin::Service).with_code(code),
        }
    }

    fn file_name(&self) -> String {
        "report.pdf".into()
    }
}

/// The sample.
pub const SAMPLE: Sample = Sample {
    name: "power-bi-export-to",
    base: BASE,
    dialect: |_| Arc::new(ExportTo { report: "5b21" }),
    service: |_| Box::new(Simulated::default()),
};

#[derive(Default)]
struct Simulated {
    polls: u32,
}

const PDF: &str = "%PDF-1.7 a report of Power BI";

impl Service for Simulated {
    fn respond(&mut self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        let export = |status, word, percent| {
            let body = format!(r#"{{"id":"e1","status":"{word}","percentComplete":{percent}}}"#);
            let wait: &[_] = if status == 202 { &[("retry-after", "15")] } else { &[] };
            json(status, wait, &body)
        };
        match url(request).as_str() {
            "POST api.powerbi.com/v1.0/myorg/reports/5b21/ExportTo" => export(202, "NotStarted", 0),
            "GET api.powerbi.com/v1.0/myorg/reports/5b21/exports/e1" => {
                self.polls += 1;
                match self.polls {
                    1 => export(202, "Running", 70),
                    _ => export(200, "Succeeded", 100),
                }
            }
            "GET api.powerbi.com/v1.0/myorg/reports/5b21/exports/e1/file" => {
                file(request, &[("content-type", "application/pdf")], PDF)
            }
            _ => response(404, &[], ""),
        }
    }

    fn files(&self) -> Vec<(String, Vec<u8>)> {
        vec![("report.pdf".into(), PDF.into())]
    }
}
