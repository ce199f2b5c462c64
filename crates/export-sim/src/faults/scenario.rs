use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::{Value, json};

use super::fault::Fault;
use super::values::Refusal;
use crate::{Endpoint, Origin};

/// What goes wrong, and when: rules, and a share of all requests at random.
///
/// All rules that match a request apply to it, in their order. How one is written as JSON, with all that it can say,
/// is in [`SCENARIOS.md`](crate::guide).
///
/// ```
/// use export_sim::{Endpoint, Fault, Nth, Rule, Scenario};
///
/// let scenario = Scenario::from_json(r#"{
///     "rules": [
///         {"match": {"endpoint": "operation", "nth": 1}, "then": {"fault": "status", "status": 503, "retry_after": 17}},
///         {"match": {"endpoint": "download", "nth": {"from": 1, "to": 2}}, "then": {"fault": "close", "at": {"byte": 100}}}
///     ]
/// }"#)?;
///
/// let first = Rule::new(Endpoint::Token, Fault::status(401)).on(Nth::Only(1));
/// let longer = scenario.with_rule(first);
/// # Ok::<_, export_sim::ScenarioError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Scenario {
    #[serde(default)]
    pub(super) rules: Vec<Rule>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) connections: Vec<ConnectionRule>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) random: Option<Randomly>,
}

/// Why a text is no [`Scenario`]; says what and in which line.
#[derive(Debug, thiserror::Error)]
#[error("the scenario cannot be read: {0}")]
pub struct ScenarioError(#[from] serde_json::Error);

impl Scenario {
    /// Reads a scenario.
    ///
    /// # Errors
    ///
    /// If the text is not JSON or says something that no scenario can.
    pub fn from_json(text: &str) -> Result<Self, ScenarioError> {
        Ok(serde_json::from_str(text)?)
    }

    /// A scenario in which a share of all requests goes wrong, each in a way that clients should survive.
    #[must_use]
    pub fn random(seed: u64, rate: f64) -> Self {
        Self::default().with_random(Randomly { seed, rate, faults: Vec::new() })
    }

    /// Adds a rule.
    #[must_use]
    pub fn with_rule(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Adds a rule for connections.
    #[must_use]
    pub fn with_connection(mut self, rule: ConnectionRule) -> Self {
        self.connections.push(rule);
        self
    }

    /// Lets a share of all requests that no rule matches go wrong.
    #[must_use]
    pub fn with_random(mut self, random: Randomly) -> Self {
        self.random = Some(random);
        self
    }
}

/// Which requests, and what goes wrong with them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Rule {
    #[serde(rename = "match")]
    pub(super) matches: Matches,
    #[serde(deserialize_with = "one_or_many")]
    pub(super) then: Vec<Fault>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) service: Option<Role>,
}

impl Rule {
    /// A rule for every request to this endpoint.
    #[must_use]
    pub fn new(endpoint: Endpoint, fault: Fault) -> Self {
        let matches = Matches { endpoint, nth: Nth::Every, per: Per::Service };
        Self { matches, then: vec![fault], service: None }
    }

    /// Only for some of the requests.
    #[must_use]
    pub fn on(mut self, nth: Nth) -> Self {
        self.matches.nth = nth;
        self
    }

    /// Counts the requests of each operation by themselves.
    #[must_use]
    pub fn per_operation(mut self) -> Self {
        self.matches.per = Per::Operation;
        self
    }

    /// Adds another fault to the same requests.
    #[must_use]
    pub fn and(mut self, fault: Fault) -> Self {
        self.then.push(fault);
        self
    }

    /// Says whether the service sees the request. **It does** by default, unless the fault is another answer.
    #[must_use]
    pub fn with_service(mut self, role: Role) -> Self {
        self.service = Some(role);
        self
    }
}

/// Which requests a rule is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Matches {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// Which of the requests to it.
    #[serde(default)]
    pub nth: Nth,
    /// What the requests are counted by.
    #[serde(default)]
    pub per: Per,
}

/// Which connections nothing is said on, and what becomes of them. The first rule that matches one applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "it is written out in Rust as it is in JSON")]
pub struct ConnectionRule {
    /// Where they lead.
    pub origin: Origin,
    /// Which of those there.
    #[serde(default)]
    pub nth: Nth,
    /// What becomes of them.
    pub then: Refusal,
}

/// What requests are counted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Per {
    /// All that the service gets at this endpoint.
    #[default]
    Service,
    /// Those that are about the same operation.
    Operation,
}

/// Some of the requests, counted from 1.
///
/// In JSON `"every"`, a number, `{"from": 2, "to": 5}` without one or the other, or `{"every": 3}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
#[non_exhaustive]
pub enum Nth {
    /// All of them.
    #[default]
    Every,
    /// This one.
    Only(u64),
    /// From this one to that one, both included.
    Between(u64, u64),
    /// The third, sixth, ninth, and so on.
    EachOf(u64),
}

impl Nth {
    pub(super) fn holds(self, count: u64) -> bool {
        match self {
            Self::Every => true,
            Self::Only(nth) => count == nth,
            Self::Between(from, to) => from <= count && count <= to,
            Self::EachOf(step) => step > 0 && count.is_multiple_of(step),
        }
    }
}

impl TryFrom<Value> for Nth {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{value}` names no requests: write \"every\", a number from 1, {{\"from\": 1, \"to\": 3}} or {{\"every\": 2}}"
            )
        };
        let number = |name: &str| match value.get(name) {
            Some(number) => number.as_u64().filter(|n| *n > 0).map(Some).ok_or_else(wrong),
            None => Ok(None),
        };
        match &value {
            Value::String(word) if word == "every" => Ok(Self::Every),
            Value::Number(_) => value.as_u64().filter(|n| *n > 0).map(Self::Only).ok_or_else(wrong),
            Value::Object(members) => {
                match (members.len(), number("every")?, number("from")?, number("to")?) {
                    (1, Some(step), None, None) => Ok(Self::EachOf(step)),
                    (1, None, Some(from), None) => Ok(Self::Between(from, u64::MAX)),
                    (1, None, None, Some(to)) => Ok(Self::Between(1, to)),
                    (2, None, Some(from), Some(to)) => Ok(Self::Between(from, to)),
                    _ => Err(wrong()),
                }
            }
            _ => Err(wrong()),
        }
    }
}

impl From<Nth> for Value {
    fn from(nth: Nth) -> Self {
        match nth {
            Nth::Every => json!("every"),
            Nth::Only(nth) => json!(nth),
            Nth::Between(from, u64::MAX) => json!({ "from": from }),
            Nth::Between(from, to) => json!({ "from": from, "to": to }),
            Nth::EachOf(step) => json!({ "every": step }),
        }
    }
}

/// Whether the service sees a request that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Role {
    /// It acts on it; what goes wrong is the answer.
    Acts,
    /// It never gets it.
    Idle,
}

/// Faults at random.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "it is written out in Rust as it is in JSON")]
pub struct Randomly {
    /// The same seed chooses the same faults for the same sequence of requests.
    #[serde(default)]
    pub seed: u64,
    /// The share of the requests that go wrong, from 0 to 1.
    pub rate: f64,
    /// What may go wrong. If it is empty, whatever a client should survive at that endpoint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
}

fn one_or_many<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Fault>, D::Error> {
    let faults = match Value::deserialize(from)? {
        Value::Array(faults) => faults,
        fault => vec![fault],
    };
    faults.into_iter().map(|it| serde_json::from_value(it).map_err(D::Error::custom)).collect()
}
