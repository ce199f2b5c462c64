use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::schema::Order;
use crate::{End, Timestamp};

/// The exports that were started, and who has asked for them how often.
#[derive(Clone, Debug, Default)]
pub(crate) struct Operations {
    /// In the order in which they were started.
    all: Vec<Operation>,
    /// Where each is, by its id.
    places: HashMap<Box<str>, usize>,
    pace: HashMap<String, Allowance>,
}

#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) id: String,
    pub(crate) order: Order,
    pub(crate) request_id: String,
    pub(crate) user: String,
    pub(crate) started: Timestamp,
    pub(crate) takes: Duration,
    /// How often the exported file has changed.
    pub(crate) edition: u64,
    pub(crate) fate: Fate,
}

/// How an operation will end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Completes,
    /// With this status, code and message.
    Fails(&'static str, String, String),
}

impl Operations {
    pub(crate) fn insert(&mut self, operation: Operation) {
        self.places.insert(operation.id.as_str().into(), self.all.len());
        self.all.push(operation);
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Operation> {
        self.all.get(*self.places.get(id)?)
    }

    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut Operation> {
        self.all.get_mut(*self.places.get(id)?)
    }

    /// The operation that this request started, if it was the last to start one.
    pub(crate) fn started_by(&self, request_id: &str) -> Option<String> {
        let last = self.all.last()?;
        (last.request_id == request_id).then(|| last.id.clone())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Operation> {
        self.all.iter()
    }

    /// Lets a request of this token pass, or says for how many seconds it has to stay away.
    pub(crate) fn admit(&mut self, now: Timestamp, token: &str, rate: f64) -> Result<(), u64> {
        if rate <= 0.0 {
            return Ok(());
        }
        let most = rate.max(1.0);
        let allowance =
            self.pace.entry(token.to_owned()).or_insert(Allowance { requests: most, counted: now });
        let earned = now.since(allowance.counted).as_secs_f64() * rate;
        allowance.requests = (allowance.requests + earned).min(most);
        allowance.counted = now;
        // The sum of many small earnings may miss the whole number by a hair.
        if allowance.requests >= 1.0 - 1e-9 {
            allowance.requests = (allowance.requests - 1.0).max(0.0);
            return Ok(());
        }
        Err((((1.0 - allowance.requests) / rate).ceil() as u64).max(1))
    }
}

/// How many requests a token has left.
#[derive(Clone, Copy, Debug)]
struct Allowance {
    requests: f64,
    counted: Timestamp,
}

impl Operation {
    /// Ends the operation now, without a file.
    pub(crate) fn end(&mut self, now: Timestamp, status: End, code: &str, message: &str) {
        self.takes = now.since(self.started);
        let status = match status {
            End::Failed => "failed",
            End::Cancelled => "cancelled",
        };
        self.fate = Fate::Fails(status, code.to_owned(), message.to_owned());
    }

    pub(crate) fn status(&self, now: Timestamp) -> &'static str {
        let passed = now.since(self.started);
        if passed >= self.takes {
            return match &self.fate {
                Fate::Completes => "completed",
                Fate::Fails(status, ..) => status,
            };
        }
        match passed.as_secs_f64() / self.takes.as_secs_f64() {
            ..0.1 => "acknowledged",
            ..0.3 => "queued",
            _ => "started",
        }
    }

    /// The operation as the service shows it.
    pub(crate) fn to_json(&self, now: Timestamp, resource: impl FnOnce() -> String) -> Value {
        let status = self.status(now);
        let updated = now.min(self.started.after(self.takes)).max(self.started);
        let details = match &self.fate {
            Fate::Fails(end, code, message) if status == *end => {
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
    fn one_request_a_second_is_admitted_at_exactly_that_pace() {
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
    fn a_slow_rate_says_how_long_to_stay_away() {
        let mut operations = Operations::default();
        let mut admit = |secs: u64| operations.admit(Timestamp::from_millis(secs * 1000), "a", 0.1);
        assert_eq!(admit(0), Ok(()));
        assert_eq!(admit(3), Err(7));
        assert_eq!(admit(10), Ok(()));
    }
}
