//! Fault injection: scenarios, the selection of faults, and their effect on a response.

mod apply;
mod catalog;
mod fault;
mod scenario;
mod selector;
mod values;

pub(crate) use self::apply::{FaultContext, apply};
pub use self::fault::Fault;
pub use self::scenario::{
    ConnectionRule, Matches, Nth, Per, RandomRule, Role, Rule, Scenario, ScenarioError,
};
pub(crate) use self::selector::{FaultPlan, FaultSelector, Subject};
pub use self::values::{
    BodyKind, ConnectionFault, FinalStatus, LengthClaim, Moment, RedirectTo, RetryAfter, UrlForm,
};
