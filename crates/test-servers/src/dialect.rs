//! Another service than Workiva: an export is accepted with a `Location`, which has the file later.

use export_core::dialect::{Dialect, Head, OperationFacts, Reading, Repeat};
use export_core::{ApiError, ErrorOrigin, Phase};
use http::{Request, StatusCode, Uri};

/// A dialect whose exports are submitted to `/exports` at this base URL.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "a test creates it")]
pub struct OtherService(pub String);

impl Dialect for OtherService {
    fn name(&self) -> &str {
        "other-service"
    }

    fn save(&self) -> String {
        self.0.clone()
    }

    fn repeat(&self) -> Repeat {
        Repeat::Harmless
    }

    fn request(&self, _phase: Phase, target: Option<&Uri>) -> Request<Vec<u8>> {
        match target {
            Some(target) => Request::get(target).body(Vec::new()).unwrap(),
            None => Request::post(format!("{}/exports", self.0)).body(b"{}".to_vec()).unwrap(),
        }
    }

    fn read<'b>(&self, phase: Phase, head: &Head<'b>, _body: Option<&'b [u8]>) -> Reading<'b> {
        match (phase, head.status(), head.text("location")) {
            (Phase::Submit, _, Some(at)) => {
                Reading::Accepted { operation: at.into(), facts: OperationFacts::default() }
            }
            (Phase::Submit, ..) => Reading::Malformed("no Location"),
            (_, StatusCode::OK, _) => Reading::ReadyHere,
            _ => Reading::Pending(OperationFacts::default()),
        }
    }

    fn error(&self, _head: &Head<'_>, _body: &[u8]) -> ApiError {
        ApiError::new(ErrorOrigin::Service)
    }
}
