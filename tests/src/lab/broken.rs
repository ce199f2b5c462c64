//! The promises, as they are broken.

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Broken {
    /// A token, a secret or a header that identifies the caller went where it may not go.
    #[error("a token left: {0}")]
    Leak(String),
    /// A secret stands in something that is stored or shown.
    #[error("a secret is shown: {0}")]
    Shown(String),
    /// A request went out before the service allowed it.
    #[error("too soon: {0}")]
    TooSoon(String),
    /// An export that somebody notices was started twice.
    #[error("{0} mails were sent")]
    TwoMails(usize),
    /// An export was asked for again after it was accepted and stored.
    #[error("a second submit, although the first was accepted and stored")]
    SecondSubmit,
    /// The file is not the one that the service has.
    #[error("the file is damaged: {0}")]
    Damaged(String),
    /// The job asked for a wait that is over already.
    #[error("a wait for the past")]
    PastWait,
    /// The job did not end within its budgets.
    #[error("the job does not end: {0}")]
    Endless(String),
    /// A request went out although what came before it could not be stored.
    #[error("a request was sent that was not written down")]
    NotWrittenDown,
    /// What was stored cannot be gone on from.
    #[error("the checkpoint is of no use: {0}")]
    Checkpoint(String),
}
