//! Batches whose state is in a database that several machines share.

use std::sync::Arc;

use tokio::task::spawn_blocking;

use super::continuing::{Continuing, began, is_same_list};
use super::prepare::DestinationChecks;
use super::{AddExport, Start, protect_files, store_rows};
use crate::event::Event;
use crate::output::Outputs;
use crate::problem::{Exit, Problem};
use crate::settings::Settings;
use crate::state::{
    BatchDraft, Claimed, PgBatch, PgBook, Reopen, RunDescription, RunStore, StateDir,
};
use crate::ui::Reporter;

/// A batch that this process holds.
pub(super) struct HeldBatch {
    pub(super) store: Arc<dyn RunStore>,
    /// Whether another process has begun it.
    pub(super) is_resumed: bool,
}

/// Holds the batch of this name, also one that another process holds until it ends or gives no sign of
/// life; or begins it.
pub(super) async fn hold_batch(
    read: impl FnOnce(AddExport<'_>) -> Result<(), Problem>,
    start: Start,
    description: &RunDescription,
    settings: &Settings,
    outputs: &Outputs,
    reporter: &Arc<Reporter>,
) -> Result<HeldBatch, Problem> {
    // Its rows are checked on this machine before they are stored for all.
    let unusable = |error| Problem::local("cannot check the list", &error);
    let folder = tempfile::tempdir().map_err(unusable)?;
    let mut draft = StateDir::open(folder.path())?.begin_batch(description.began)?;
    store_rows(&mut draft, read)?;
    protect_files(&description.options, outputs, settings)?;
    let for_thread = settings.clone();
    let book = blocking(move || PgBook::open(&for_thread)).await?;
    let book = book.ok_or_else(|| Problem::new(Exit::Local, "there is no database"))?;
    loop {
        let claimed = match start {
            Start::New => Claimed::New,
            Start::Continue => claim(&book, description, reporter).await?,
        };
        match claimed {
            Claimed::Earlier(store, earlier) => {
                let store = go_on(*store, &earlier, &draft, description, outputs, reporter).await?;
                return Ok(HeldBatch { store: Arc::new(store), is_resumed: true });
            }
            Claimed::New => {
                DestinationChecks::new(outputs, settings).check_batch(&draft).await?;
                if let Some(store) = book.create(&draft, description)? {
                    return Ok(HeldBatch { store: Arc::new(store), is_resumed: false });
                }
            }
        }
    }
}

async fn claim(
    book: &PgBook,
    description: &RunDescription,
    reporter: &Arc<Reporter>,
) -> Result<Claimed, Problem> {
    let (book, description) = (book.clone(), description.clone());
    let reporter = Arc::clone(reporter);
    let mut on_wait = move |message: &str| {
        reporter.event(Event::Continuing { message: message.into() });
    };
    blocking(move || book.claim(&description, &mut on_wait)).await
}

/// Goes on with a batch that another process has begun.
async fn go_on(
    store: PgBatch,
    earlier: &RunDescription,
    draft: &BatchDraft,
    description: &RunDescription,
    outputs: &Outputs,
    reporter: &Arc<Reporter>,
) -> Result<PgBatch, Problem> {
    let id = store.id().unwrap_or_default().to_owned();
    if !is_same_list(draft.all_rows(), store.all_rows())? {
        let message = format!("the list or a flag has changed since batch {id} was begun");
        return Err(Problem::usage(message)
            .advise("begin another batch with --key NAME, or go on with the list as it was"));
    }
    let continuing = Continuing { state: None, description, outputs, reporter };
    continuing.say(format!("continuing batch {id}{}", began(earlier)));
    let mut again = Vec::new();
    for result in store.results() {
        let result = result?;
        let row = draft.row(result.row)?;
        if let Some(reason) = continuing.why_again(&row.destination, &result.end).await? {
            again.push((row, reason));
        }
    }
    store.reopen(Reopen::All)?;
    let mut options = description.options.clone();
    options.results = options.results.or_else(|| earlier.options.results.clone());
    store.set_options(options)?;
    for (row, reason) in again {
        continuing.say_again(row.number, &reason);
        store.start_over(row.number)?;
        store.store_destination(row.number, &row.destination)?;
    }
    Ok(store)
}

async fn blocking<T: Send + 'static>(
    call: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let called = spawn_blocking(call).await;
    called.unwrap_or_else(|error| Err(Problem::new(Exit::Local, error.to_string())))
}
