//! GitHub's migrations: a header of its own, an archive that may not be there yet, and a redirect to an
//! object store (<https://docs.github.com/rest/migrations/orgs>).

use std::sync::Arc;

use export_core::dialect::{Dialect, Head, OperationFacts, Reading, Repeat, TokenHeader};
use export_core::{ApiError, ErrorOrigin, Phase};
use http::header::AUTHORIZATION;
use http::{Request, Response, StatusCode, Uri};
use serde_json::Value;

use super::{Sample, Service, file, json, response, url};

const BASE: &str = "https://api.github.com";

#[derive(Debug)]
struct Migration {
    organisation: &'static str,
}

impl Dialect for Migration {
    fn name(&self) -> &str {
        "github-migrations"
    }

    fn save(&self) -> String {
        self.organisation.into()
    }

    fn repeat(&self) -> Repeat {
        // Each is listed, and may lock repositories.
        Repeat::SideEffect
    }

    fn request(&self, _phase: Phase, target: Option<&Uri>) -> Request<Vec<u8>> {
        let request = match target {
            Some(target) => Request::get(target).body(Vec::new()),
            None => Request::post(format!("{BASE}/orgs/{}/migrations", self.organisation))
                .body(br#"{"repositories":["example/one"]}"#.to_vec()),
        };
        request.expect("the URL is legal")
    }

    fn token_header(&self) -> TokenHeader {
        TokenHeader::new(AUTHORIZATION, "token ")
    }

    fn read<'b>(&self, phase: Phase, head: &Head<'b>, body: Option<&'b [u8]>) -> Reading<'b> {
        let migration: Value = match head.json(body) {
            Ok(migration) => migration,
            Err(reading) => return reading,
        };
        let (Some(id), Some(state)) = (migration["id"].as_u64(), migration["state"].as_str())
        else {
            return Reading::Malformed("no migration");
        };
        let facts = OperationFacts::default().with_status(state.to_owned());
        let operation = format!("/orgs/{}/migrations/{id}", self.organisation);
        match (phase, state) {
            (Phase::Submit, _) => Reading::Accepted { operation: operation.into(), facts },
            (_, "exported") => {
                Reading::ReadyAt { resource: format!("{operation}/archive").into(), facts }
            }
            (_, "failed") => Reading::Failed(ApiError::new(ErrorOrigin::Service), facts),
            _ => Reading::Pending(facts),
        }
    }

    fn is_not_ready(&self, phase: Phase, status: StatusCode, error: &ApiError) -> bool {
        let is_service = error.origin() == ErrorOrigin::Service;
        phase == Phase::Fetch && status == StatusCode::NOT_FOUND && is_service
    }

    fn error(&self, _head: &Head<'_>, body: &[u8]) -> ApiError {
        let error: Value = serde_json::from_slice(body).unwrap_or_default();
        match error["message"].as_str() {
            None => ApiError::new(ErrorOrigin::Unknown),
            message => ApiError::new(ErrorOrigin::Service).with_message(message),
        }
    }

    fn file_name(&self) -> String {
        "migration.tar.gz".into()
    }
}

/// The sample.
pub const SAMPLE: Sample = Sample {
    name: "github-migrations",
    base: BASE,
    dialect: |_| Arc::new(Migration { organisation: "example" }),
    service: |_| Box::new(Simulated::default()),
};

#[derive(Default)]
struct Simulated {
    polls: u32,
    fetches: u32,
}

const ARCHIVE: &str = "\u{1f}the archive of a migration";

impl Service for Simulated {
    fn respond(&mut self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        let migration =
            |status, state| json(status, &[], &format!(r#"{{"id":79,"state":"{state}"}}"#));
        match url(request).as_str() {
            "POST api.github.com/orgs/example/migrations" => migration(201, "pending"),
            "GET api.github.com/orgs/example/migrations/79" => {
                self.polls += 1;
                migration(200, if self.polls < 2 { "exporting" } else { "exported" })
            }
            "GET api.github.com/orgs/example/migrations/79/archive" => {
                self.fetches += 1;
                match self.fetches {
                    1 => json(404, &[], r#"{"message":"Not Found"}"#),
                    _ => response(302, &[("location", "https://store.example.net/79?part=1")], ""),
                }
            }
            "GET store.example.net/79?part=1" => {
                file(request, &[("content-type", "application/gzip")], ARCHIVE)
            }
            _ => response(400, &[], ""),
        }
    }

    fn files(&self) -> Vec<(String, Vec<u8>)> {
        vec![("migration.tar.gz".into(), ARCHIVE.into())]
    }
}
