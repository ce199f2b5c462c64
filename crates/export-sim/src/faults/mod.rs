//! What goes wrong, as data: scenarios, the choice of faults, and their effect on an answer.

mod apply;
mod director;
mod fault;
mod menu;
mod scenario;
mod values;

pub(crate) use self::apply::{Context, apply};
pub(crate) use self::director::{Director, Plan};
pub use self::fault::Fault;
pub use self::scenario::{
    ConnectionRule, Matches, Nth, Per, Randomly, Role, Rule, Scenario, ScenarioError,
};
pub use self::values::{
    BodyKind, End, LengthClaim, Moment, RedirectTo, Refusal, RetryAfter, UrlForm,
};
