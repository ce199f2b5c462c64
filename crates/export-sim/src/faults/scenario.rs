use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::{Value, json};

use super::fault::Fault;
use super::values::ConnectionFault;
use crate::{Endpoint, Origin};

/// The faults to inject, and when: rules, and a random share of all requests.
///
/// All rules that match a request apply to it, in order. The JSON format is documented in
/// [`SCENARIOS.md`](crate::guide).
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
    pub(super) random: Option<RandomRule>,
}

/// The text is not a valid [`Scenario`]. The message has the line and the reason.
#[derive(Debug, thiserror::Error)]
#[error("invalid scenario: {0}")]
pub struct ScenarioError(#[from] serde_json::Error);

impl Scenario {
    /// Parses a scenario.
    ///
    /// # Errors
    ///
    /// If the text is not JSON or not a valid scenario.
    pub fn from_json(text: &str) -> Result<Self, ScenarioError> {
        Ok(serde_json::from_str(text)?)
    }

    /// A scenario in which a share of all requests fails, with faults that clients should survive.
    #[must_use]
    pub fn random(seed: u64, rate: f64) -> Self {
        Self::default().with_random(RandomRule { seed, rate, faults: Vec::new() })
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

    /// Injects random faults into a share of the requests that no rule matches.
    #[must_use]
    pub fn with_random(mut self, random: RandomRule) -> Self {
        self.random = Some(random);
        self
    }
}

/// The faults of the requests that match.
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
        let matches = Matches { endpoint, source: None, nth: Nth::Every, per: Per::Service };
        Self { matches, then: vec![fault], service: None }
    }

    /// Restricts the rule to some of the requests.
    #[must_use]
    pub fn on(mut self, nth: Nth) -> Self {
        self.matches.nth = nth;
        self
    }

    /// Restricts the rule to the exports of the object with this id, and counts only their requests.
    #[must_use]
    pub fn of(mut self, source: impl Into<String>) -> Self {
        self.matches.source = Some(source.into());
        self
    }

    /// Counts the requests of each operation separately.
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

    /// Sets whether the service processes the request. **It does** by default, unless a fault replaces the response.
    #[must_use]
    pub fn with_service(mut self, role: Role) -> Self {
        self.service = Some(role);
        self
    }
}

/// The requests that a rule matches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Matches {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// The id of the exported object. The requests of its exports match, and only they are counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Which of the requests to the endpoint.
    #[serde(default)]
    pub nth: Nth,
    /// How the requests are counted.
    #[serde(default)]
    pub per: Per,
}

/// A fault of the connections that match. The first matching rule applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "callers construct it with a struct literal")]
pub struct ConnectionRule {
    /// The origin that the connection is made to.
    pub origin: Origin,
    /// Which of the connections to the origin.
    #[serde(default)]
    pub nth: Nth,
    /// The fault.
    pub then: ConnectionFault,
}

/// How requests are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Per {
    /// All requests to the endpoint together.
    #[default]
    Service,
    /// The requests of each operation separately.
    Operation,
}

/// A selection of requests, counted from 1.
///
/// In JSON: `"every"`, a number, `{"from": 2, "to": 5}` (both bounds are optional), or `{"every": 3}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
#[non_exhaustive]
pub enum Nth {
    /// All requests.
    #[default]
    Every,
    /// The nth request.
    Only(u64),
    /// From the first to the second number, inclusive.
    Between(u64, u64),
    /// Every nth request: for 3, the third, sixth, ninth and so on.
    EachOf(u64),
}

impl Nth {
    pub(super) fn contains(self, count: u64) -> bool {
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
        let invalid = || {
            format!(
                "invalid nth `{value}`: expected \"every\", a number from 1, {{\"from\": 1, \"to\": 3}} or {{\"every\": 2}}"
            )
        };
        let number = |name: &str| match value.get(name) {
            Some(number) => number.as_u64().filter(|n| *n > 0).map(Some).ok_or_else(invalid),
            None => Ok(None),
        };
        match &value {
            Value::String(word) if word == "every" => Ok(Self::Every),
            Value::Number(_) => {
                value.as_u64().filter(|n| *n > 0).map(Self::Only).ok_or_else(invalid)
            }
            Value::Object(members) => {
                match (members.len(), number("every")?, number("from")?, number("to")?) {
                    (1, Some(step), None, None) => Ok(Self::EachOf(step)),
                    (1, None, Some(from), None) => Ok(Self::Between(from, u64::MAX)),
                    (1, None, None, Some(to)) => Ok(Self::Between(1, to)),
                    (2, None, Some(from), Some(to)) => Ok(Self::Between(from, to)),
                    _ => Err(invalid()),
                }
            }
            _ => Err(invalid()),
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

/// Whether the service processes a request that is matched by a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Role {
    /// The service processes the request; only the response is faulty.
    Acts,
    /// The service never receives the request.
    Idle,
}

/// Random faults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "callers construct it with a struct literal")]
pub struct RandomRule {
    /// The same seed selects the same faults for the same sequence of requests.
    #[serde(default)]
    pub seed: u64,
    /// The share of the requests that fail, from 0 to 1.
    pub rate: f64,
    /// The faults to select from. If empty, the faults that a client should survive at the endpoint.
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
