//! The invariants that the simulation checks.

/// A violated invariant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// A token, a secret or a header that identifies the caller was sent to the wrong origin.
    #[error("credentials sent to the wrong place: {0}")]
    TokenLeak(String),
    /// A stored or printed text contains a secret.
    #[error("secret in stored or printed text: {0}")]
    SecretShown(String),
    /// A request was sent before the service allowed it.
    #[error("request sent too early: {0}")]
    TooSoon(String),
    /// An export with side effects was started more than once.
    #[error("{0} emails were sent")]
    DuplicateEmail(usize),
    /// A submit was sent again after the export was accepted and the acceptance was stored.
    #[error("second submit after the first was accepted and stored")]
    SecondSubmit,
    /// The file differs from the one that the service has.
    #[error("damaged file: {0}")]
    DamagedFile(String),
    /// The job requested a wait that is already over.
    #[error("wait until a time in the past")]
    PastWait,
    /// The job exceeded its budgets.
    #[error("the job does not end: {0}")]
    Endless(String),
    /// A request was sent although the checkpoint before it could not be stored.
    #[error("request sent after a failed store")]
    NotStored,
    /// The job cannot be resumed from the stored checkpoint.
    #[error("invalid checkpoint: {0}")]
    InvalidCheckpoint(String),
}
