//! An operation in the style of Azure, such as an analysis of a document: `Operation-Location`, a wait
//! in the body, and the result inline
//! (<https://github.com/microsoft/api-guidelines/blob/vNext/azure/Guidelines.md>).

use std::sync::Arc;
use std::time::Duration;

use export_core::dialect::{Dialect, Head, OperationFacts, Reading, Repeat, ResultFile};
use export_core::{ApiError, ErrorOrigin, Phase};
use http::{Method, Request, Response, Uri};
use serde_json::Value;

use super::{Sample, Service, json, response, url};

const BASE: &str = "https://example.cognitiveservices.azure.com";

#[derive(Debug)]
struct Analysis {
    model: &'static str,
}

impl Dialect for Analysis {
    fn name(&self) -> &str {
        "azure-analysis"
    }

    fn save(&self) -> String {
        self.model.into()
    }

    fn repeat(&self) -> Repeat {
        // Each is paid for.
        Repeat::SideEffect
    }

    fn request(&self, phase: Phase, target: Option<&Uri>) -> Request<Vec<u8>> {
        let request = match (phase, target) {
            (Phase::Cancel, Some(url)) => Request::builder().method(Method::DELETE).uri(url),
            (_, Some(url)) => Request::get(url),
            (_, None) => Request::post(format!("{BASE}/models/{}:analyze", self.model)),
        };
        request.body(Vec::new()).expect("the URL is legal")
    }

    fn read<'b>(&self, phase: Phase, head: &Head<'b>, body: Option<&'b [u8]>) -> Reading<'b> {
        if phase == Phase::Submit {
            let facts = OperationFacts::default();
            return match head.text("operation-location") {
                Some(operation) => Reading::Accepted { operation: operation.into(), facts },
                None => Reading::Foreign,
            };
        }
        let operation: Value = match head.json(body) {
            Ok(operation) => operation,
            Err(reading) => return reading,
        };
        let Some(status) = operation["status"].as_str() else {
            return Reading::Malformed("no status");
        };
        let mut facts = OperationFacts::default().with_status(status.to_owned());
        if let Some(seconds) = operation["retryAfterInSeconds"].as_u64() {
            facts = facts.with_retry_after(Duration::from_secs(seconds));
        }
        match status {
            "succeeded" => {
                let result = operation["analyzeResult"].to_string().into_bytes();
                let file = ResultFile::inline(result).named("result.json");
                let files = vec![file.with_media_type("application/json")];
                Reading::ReadyFiles { files, facts }
            }
            "failed" | "canceled" => {
                Reading::Failed(self.error(head, body.unwrap_or_default()), facts)
            }
            _ => Reading::Pending(facts),
        }
    }

    fn can_cancel(&self) -> bool {
        true
    }

    fn error(&self, _head: &Head<'_>, body: &[u8]) -> ApiError {
        let error: Value = serde_json::from_slice(body).unwrap_or_default();
        match error["error"]["code"].as_str() {
            None => ApiError::new(ErrorOrigin::Unknown),
            code => ApiError::new(ErrorOrigin::Service)
                .with_code(code)
                .with_message(error["error"]["message"].as_str()),
        }
    }
}

/// The sample.
pub const SAMPLE: Sample = Sample {
    name: "azure-analysis",
    base: BASE,
    dialect: |_| Arc::new(Analysis { model: "layout" }),
    service: |_| Box::new(Simulated::default()),
};

#[derive(Default)]
struct Simulated {
    polls: u32,
}

const RESULT: &str = r#"{"pages":3}"#;

impl Service for Simulated {
    fn respond(&mut self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        match url(request).as_str() {
            "POST example.cognitiveservices.azure.com/models/layout:analyze" => {
                response(202, &[("operation-location", "/operations/7?api-version=1")], "")
            }
            "GET example.cognitiveservices.azure.com/operations/7?api-version=1" => {
                self.polls += 1;
                match self.polls {
                    1 => json(200, &[], r#"{"status":"running","retryAfterInSeconds":12}"#),
                    _ => {
                        let body = format!(r#"{{"status":"succeeded","analyzeResult":{RESULT}}}"#);
                        json(200, &[], &body)
                    }
                }
            }
            "DELETE example.cognitiveservices.azure.com/operations/7?api-version=1" => {
                response(204, &[], "")
            }
            _ => response(404, &[], ""),
        }
    }

    fn files(&self) -> Vec<(String, Vec<u8>)> {
        vec![("result.json".into(), RESULT.into())]
    }
}
