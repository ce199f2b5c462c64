//! Microsoft Graph's copy of a drive item: the operation is polled at another origin, which must not
//! get the token (<https://learn.microsoft.com/graph/long-running-actions-overview>).

use std::sync::Arc;

use export_core::dialect::{Dialect, Head, OperationFacts, Reading, Repeat};
use export_core::origins::Access;
use export_core::{ApiError, ErrorOrigin, Phase};
use http::header::LOCATION;
use http::{Request, Response, Uri};
use serde_json::Value;

use super::{Sample, Service, file, json, response, url};

const BASE: &str = "https://graph.microsoft.com";

#[derive(Debug)]
struct Copy {
    item: &'static str,
}

impl Dialect for Copy {
    fn name(&self) -> &str {
        "graph-copy"
    }

    fn save(&self) -> String {
        self.item.into()
    }

    fn repeat(&self) -> Repeat {
        Repeat::SideEffect
    }

    fn request(&self, _phase: Phase, target: Option<&Uri>) -> Request<Vec<u8>> {
        let request = match target {
            Some(target) => Request::get(target).body(Vec::new()),
            None => Request::post(format!("{BASE}/v1.0/me/drive/items/{}/copy", self.item))
                .header("content-type", "application/json")
                .body(br#"{"name":"copy.xlsx"}"#.to_vec()),
        };
        request.expect("the URL is legal")
    }

    fn access(&self, phase: Phase) -> Access {
        if phase == Phase::Poll { Access::Anonymous } else { Access::Trusted }
    }

    fn read<'b>(&self, phase: Phase, head: &Head<'b>, body: Option<&'b [u8]>) -> Reading<'b> {
        if phase == Phase::Submit {
            let facts = OperationFacts::default();
            return match head.text(LOCATION.as_str()) {
                Some(monitor) => Reading::Accepted { operation: monitor.into(), facts },
                None => Reading::Foreign,
            };
        }
        let monitor: Value = match head.json(body) {
            Ok(monitor) => monitor,
            Err(reading) => return reading,
        };
        let Some(status) = monitor["status"].as_str() else {
            return Reading::Malformed("no status");
        };
        let mut facts = OperationFacts::default().with_status(status.to_owned());
        if let Some(percent) = monitor["percentageComplete"].as_f64() {
            facts = facts.with_percent(percent.clamp(0.0, 100.0).round() as u8);
        }
        match (status, monitor["resourceId"].as_str()) {
            ("completed", Some(id)) => {
                let resource = format!("{BASE}/v1.0/me/drive/items/{id}/content");
                Reading::ReadyAt { resource: resource.into(), facts }
            }
            ("completed", None) => Reading::CompletedWithoutUrl(facts),
            ("failed" | "deleteFailed", _) => {
                Reading::Failed(self.error(head, body.unwrap_or_default()), facts)
            }
            _ => Reading::Pending(facts),
        }
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

    fn file_name(&self) -> String {
        "copy.xlsx".into()
    }
}

/// The sample.
pub const SAMPLE: Sample = Sample {
    name: "graph-copy",
    base: BASE,
    dialect: |_| Arc::new(Copy { item: "01NK" }),
    service: |_| Box::new(Simulated::default()),
};

#[derive(Default)]
struct Simulated {
    polls: u32,
}

const FILE: &str = "PK\u{3}\u{4} a copied workbook";

impl Service for Simulated {
    fn respond(&mut self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        match url(request).as_str() {
            "POST graph.microsoft.com/v1.0/me/drive/items/01NK/copy" => {
                let monitor = "https://example.sharepoint.com/_api/v2.0/monitor/4A34";
                response(202, &[("location", monitor)], "")
            }
            "GET example.sharepoint.com/_api/v2.0/monitor/4A34" => {
                self.polls += 1;
                match self.polls {
                    1 => json(202, &[], r#"{"status":"inProgress","percentageComplete":27.8}"#),
                    _ => json(200, &[], r#"{"status":"completed","resourceId":"02AB"}"#),
                }
            }
            "GET graph.microsoft.com/v1.0/me/drive/items/02AB/content" => {
                response(302, &[("location", "https://store.example.net/02AB?part=1")], "")
            }
            "GET store.example.net/02AB?part=1" => file(request, &[], FILE),
            _ => response(404, &[], ""),
        }
    }

    fn files(&self) -> Vec<(String, Vec<u8>)> {
        vec![("copy.xlsx".into(), FILE.into())]
    }
}
