use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::route::Route;
use super::schema::ExportRequest;
use crate::faults::Subject;
use crate::{FinalStatus, Timestamp};

/// The operations, and the rate limits of the tokens that poll them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Operations {
    /// In the order in which they were started.
    all: Vec<Operation>,
    /// The index of each operation in `all`, by its id.
    indices: HashMap<Box<str>, usize>,
    /// The rate limit of each token.
    limits: HashMap<String, Allowance>,
}

#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) id: String,
    pub(crate) request: ExportRequest,
    pub(crate) request_id: String,
    pub(crate) user: String,
    pub(crate) started: Timestamp,
    /// The time from the start to the end of the operation.
    pub(crate) duration: Duration,
    /// How often the exported file has changed.
    pub(crate) revision: u64,
    pub(crate) outcome: Outcome,
}

/// The outcome of an operation, once its duration has passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Completed,
    /// Ends with this status, code and message.
    Failed(&'static str, String, String),
}

impl Operations {
    pub(crate) fn insert(&mut self, operation: Operation) {
        self.indices.insert(operation.id.as_str().into(), self.all.len());
        self.all.push(operation);
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Operation> {
        self.all.get(*self.indices.get(id)?)
    }

    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut Operation> {
        self.all.get_mut(*self.indices.get(id)?)
    }

    /// What a request to this route is about.
    pub(crate) fn subject<'a>(&'a self, route: Option<&'a Route>) -> Subject<'a> {
        let Some(route) = route else { return Subject::default() };
        let operation = route.operation();
        let source = match operation {
            Some(id) => self.get(id).map(|it| it.request.name()),
            None => route.source(),
        };
        Subject { operation, source }
    }

    /// The id of the most recent operation, if this request started it.
    pub(crate) fn started_by(&self, request_id: &str) -> Option<String> {
        let last = self.all.last()?;
        (last.request_id == request_id).then(|| last.id.clone())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Operation> {
        self.all.iter()
    }

    /// Applies the rate limit to a request of this token, as a token bucket with a burst of one second.
    ///
    /// Returns the number of seconds to wait if the request exceeds the limit.
    pub(crate) fn admit(&mut self, now: Timestamp, token: &str, rate: f64) -> Result<(), u64> {
        if rate <= 0.0 {
            return Ok(());
        }
        let burst = rate.max(1.0);
        let allowance = self
            .limits
            .entry(token.to_owned())
            .or_insert(Allowance { requests: burst, updated: now });
        let refill = now.since(allowance.updated).as_secs_f64() * rate;
        allowance.requests = (allowance.requests + refill).min(burst);
        allowance.updated = now;
        // The tolerance absorbs rounding errors of many small refills.
        if allowance.requests >= 1.0 - 1e-9 {
            allowance.requests = (allowance.requests - 1.0).max(0.0);
            return Ok(());
        }
        Err((((1.0 - allowance.requests) / rate).ceil() as u64).max(1))
    }
}

/// The number of requests that a token may send now.
#[derive(Clone, Copy, Debug)]
struct Allowance {
    requests: f64,
    updated: Timestamp,
}

impl Operation {
    /// Ends the operation now, without a file.
    pub(crate) fn end(&mut self, now: Timestamp, status: FinalStatus, code: &str, message: &str) {
        self.duration = now.since(self.started);
        let status = match status {
            FinalStatus::Failed => "failed",
            FinalStatus::Cancelled => "cancelled",
        };
        self.outcome = Outcome::Failed(status, code.to_owned(), message.to_owned());
    }

    pub(crate) fn status(&self, now: Timestamp) -> &'static str {
        let elapsed = now.since(self.started);
        if elapsed >= self.duration {
            return match &self.outcome {
                Outcome::Completed => "completed",
                Outcome::Failed(status, ..) => status,
            };
        }
        match elapsed.as_secs_f64() / self.duration.as_secs_f64() {
            ..0.1 => "acknowledged",
            ..0.3 => "queued",
            _ => "started",
        }
    }

    /// The JSON representation of the operation.
    pub(crate) fn to_json(&self, now: Timestamp, resource: impl FnOnce() -> String) -> Value {
        let status = self.status(now);
        let updated = now.min(self.started.after(self.duration)).max(self.started);
        let details = match &self.outcome {
            Outcome::Failed(end, code, message) if status == *end => {
                json!([{ "code": code, "message": message, "target": null }])
            }
            _ => Value::Null,
        };
        let stamp =
            |time: Timestamp| json!({ "dateTime": time.to_string(), "user": { "id": self.user } });
        json!({
            "id": self.id,
            "status": status,
            "resourceUrl": if status == "completed" { json!(resource()) } else { Value::Null },
            "details": details,
            "originalRequest": self.request_id,
            "created": stamp(self.started),
            "updated": stamp(updated),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admit_allows_one_request_per_second() {
        let mut operations = Operations::default();
        let mut admit = |millis| operations.admit(Timestamp::from_millis(millis), "a", 1.0);
        assert_eq!(admit(0), Ok(()));
        assert_eq!(admit(999), Err(1));
        assert_eq!(admit(1000), Ok(()));
        assert_eq!(admit(1333), Err(1));
        assert_eq!(admit(1666), Err(1));
        assert_eq!(admit(2000), Ok(()));
    }

    #[test]
    fn admit_returns_the_seconds_to_wait() {
        let mut operations = Operations::default();
        let mut admit = |secs: u64| operations.admit(Timestamp::from_millis(secs * 1000), "a", 0.1);
        assert_eq!(admit(0), Ok(()));
        assert_eq!(admit(3), Err(7));
        assert_eq!(admit(10), Ok(()));
    }
}
