//! Salesforce's Bulk API 2.0: a query whose result is in pages, each with the place of the next one in
//! a header (<https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/>).

use std::sync::Arc;

use export_core::dialect::{Dialect, Follows, Head, OperationFacts, Reading, Repeat};
use export_core::{ApiError, ErrorOrigin, Phase};
use http::{Method, Request, Response, Uri};
use serde_json::Value;

use super::{Sample, Service, file, json, path, response};

const BASE: &str = "https://example.my.salesforce.com";
const JOBS: &str = "/services/data/v62.0/jobs/query";

#[derive(Debug)]
struct Query {
    base: String,
    soql: &'static str,
}

impl Dialect for Query {
    fn name(&self) -> &str {
        "salesforce-bulk-2"
    }

    fn save(&self) -> String {
        self.soql.into()
    }

    fn repeat(&self) -> Repeat {
        Repeat::Harmless
    }

    fn request(&self, phase: Phase, target: Option<&Uri>) -> Request<Vec<u8>> {
        let (method, body) = match phase {
            Phase::Submit => {
                (Method::POST, format!(r#"{{"operation":"query","query":"{}"}}"#, self.soql))
            }
            Phase::Cancel => (Method::PATCH, r#"{"state":"Aborted"}"#.into()),
            _ => (Method::GET, String::new()),
        };
        let url = target.map_or_else(|| format!("{}{JOBS}", self.base), Uri::to_string);
        let request = Request::builder().method(method).uri(url);
        let request = request.header("content-type", "application/json");
        request.body(body.into()).expect("the URL is legal")
    }

    fn read<'b>(&self, phase: Phase, head: &Head<'b>, body: Option<&'b [u8]>) -> Reading<'b> {
        let job: Value = match head.json(body) {
            Ok(job) => job,
            Err(reading) => return reading,
        };
        let text = |name| job[name].as_str().map(String::from);
        let (Some(id), Some(state)) = (text("id"), text("state")) else {
            return Reading::Malformed("no job");
        };
        let facts = OperationFacts::default().with_status(state.clone());
        match (phase, state.as_str()) {
            (Phase::Submit, _) => {
                Reading::Accepted { operation: format!("{JOBS}/{id}").into(), facts }
            }
            (_, "JobComplete") => {
                Reading::ReadyAt { resource: format!("{JOBS}/{id}/results").into(), facts }
            }
            (_, "Failed" | "Aborted") => {
                let why =
                    ApiError::new(ErrorOrigin::Service).with_message(job["errorMessage"].as_str());
                Reading::Failed(why, facts)
            }
            _ => Reading::Pending(facts),
        }
    }

    fn follows<'b>(&self, head: &Head<'b>) -> Follows<'b> {
        match head.text("sforce-locator") {
            None => Follows::Refuse("no Sforce-Locator: the page is not a result"),
            Some("null") => Follows::Nothing,
            Some(locator) => Follows::Next(format!("?locator={locator}").into()),
        }
    }

    fn can_cancel(&self) -> bool {
        true
    }

    fn error(&self, _head: &Head<'_>, body: &[u8]) -> ApiError {
        let errors: Value = serde_json::from_slice(body).unwrap_or_default();
        match errors[0]["errorCode"].as_str() {
            None => ApiError::new(ErrorOrigin::Unknown),
            code => ApiError::new(ErrorOrigin::Service)
                .with_code(code)
                .with_message(errors[0]["message"].as_str()),
        }
    }

    fn file_name(&self) -> String {
        "result.csv".into()
    }
}

/// The sample.
pub const SAMPLE: Sample = Sample {
    name: "salesforce-bulk-2",
    base: BASE,
    dialect: |base| Arc::new(Query { base: base.into(), soql: "SELECT Id FROM Account" }),
    service: |_| Box::new(Simulated::default()),
};

#[derive(Default)]
struct Simulated {
    polls: u32,
}

const PAGES: [(&str, &str); 3] =
    [("Id\n001A\n001B\n", "MTAwMDA"), ("Id\n001C\n001D\n", "MjAwMDA"), ("Id\n001E\n", "null")];

impl Service for Simulated {
    fn respond(&mut self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        let job = |state: &str| json(200, &[], &format!(r#"{{"id":"750","state":"{state}"}}"#));
        let of_page = |page: usize| {
            let (text, locator) = PAGES[page];
            file(request, &[("content-type", "text/csv"), ("sforce-locator", locator)], text)
        };
        match path(request).replace(JOBS, "").as_str() {
            "POST " => job("UploadComplete"),
            "GET /750" => {
                self.polls += 1;
                job(if self.polls < 2 { "InProgress" } else { "JobComplete" })
            }
            "PATCH /750" => job("Aborted"),
            "GET /750/results" => of_page(0),
            "GET /750/results?locator=MTAwMDA" => of_page(1),
            "GET /750/results?locator=MjAwMDA" => of_page(2),
            _ => response(404, &[], ""),
        }
    }

    fn files(&self) -> Vec<(String, Vec<u8>)> {
        let names = ["result.csv", "result-2.csv", "result-3.csv"];
        names.into_iter().zip(PAGES).map(|(name, (text, _))| (name.into(), text.into())).collect()
    }
}
