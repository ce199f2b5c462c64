//! Batches whose state is in a database that several machines share.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::task::spawn_blocking;

use super::continuing::{Continuing, began, is_same_list};
use super::open::store_rows;
use super::prepare::DestinationChecks;
use super::{AddExport, Start, protect_files};
use crate::clock;
use crate::event::Event;
use crate::output::{Outputs, format_extension};
use crate::problem::{Exit, Problem};
use crate::settings::Settings;
use crate::state::{
    BatchDraft, Claimed, FollowedBatch, PgBatch, PgBook, Reopen, RunDescription, RunEnd, RunStore,
    Snapshot, StateDir,
};
use crate::ui::Reporter;

/// A batch in a database.
pub(super) enum DatabaseBatch {
    /// This process holds it.
    Held {
        store: Arc<dyn RunStore>,
        /// Whether it, or an earlier batch whose exports it takes over, was begun before.
        is_resumed: bool,
    },
    /// Workers drive its exports.
    ForWorkers(Box<FollowedBatch>),
}

/// Holds the batch of this name, also one that another process holds until it ends or gives no sign of
/// life; or begins it. One for workers is left to them.
pub(super) async fn open_batch(
    read: impl FnOnce(AddExport<'_>) -> Result<(), Problem>,
    start: Start,
    description: &RunDescription,
    settings: &Settings,
    outputs: &Outputs,
    reporter: &Arc<Reporter>,
) -> Result<DatabaseBatch, Problem> {
    // Its rows are checked on this machine before they are stored for all.
    let unusable = |error| Problem::local("cannot check the list", &error);
    let folder = tempfile::tempdir().map_err(unusable)?;
    let mut draft = StateDir::open(folder.path())?.begin_batch(description.began)?;
    store_rows(&mut draft, read)?;
    protect_files(&description.options, outputs, settings)?;
    if description.options.for_workers {
        check_names(&draft)?;
    }
    let for_thread = settings.clone();
    let book = blocking(move || PgBook::open(&for_thread)).await?;
    let book = book.ok_or_else(|| Problem::new(Exit::Local, "there is no database"))?;
    loop {
        let claimed = match start {
            Start::New => {
                let (book, description) = (book.clone(), description.clone());
                blocking(move || book.release_name(&description)).await?;
                Claimed::New
            }
            Start::Continue => claim(&book, description, reporter).await?,
        };
        match claimed {
            Claimed::Earlier(store, earlier) => {
                let continuing = Continuing { state: None, description, outputs, reporter };
                if is_same_list(draft.all_rows(), store.all_rows())? {
                    let store = go_on(&continuing, *store, &earlier, &draft).await?;
                    return Ok(opened(&book, store, description, true));
                }
                let new = begin_instead(&continuing, &book, &store, *earlier, &draft, settings);
                if let Some(new) = new.await? {
                    return Ok(opened(&book, new, description, true));
                }
            }
            Claimed::WithWorkers(id) => {
                let followed = book.follow(&id);
                if !is_same_list(draft.all_rows(), followed.all_rows())? {
                    return Err(changed_while_running(&id));
                }
                return Ok(DatabaseBatch::ForWorkers(Box::new(followed)));
            }
            Claimed::New => {
                DestinationChecks::new(outputs, settings).check_batch(&draft).await?;
                if let Some(store) = book.create(&draft, description, None, &[])? {
                    return Ok(opened(&book, store, description, false));
                }
            }
        }
    }
}

/// Leaves a batch for workers to them.
fn opened(
    book: &PgBook,
    store: PgBatch,
    description: &RunDescription,
    is_resumed: bool,
) -> DatabaseBatch {
    match description.options.for_workers {
        true => DatabaseBatch::ForWorkers(Box::new(book.follow(store.id().unwrap_or_default()))),
        false => DatabaseBatch::Held { store: Arc::new(store), is_resumed },
    }
}

/// Refuses exports for workers whose files may get the same name: no worker knows those that others have
/// taken.
fn check_names(draft: &BatchDraft) -> Result<(), Problem> {
    let mut names = HashMap::new();
    for row in draft.all_rows() {
        let row = row?;
        let problem = |what| {
            Problem::usage(format!("line {}: {what}", row.line))
                .advise("for workers, give each file a name of its own, such as -o '{id}.{ext}'")
        };
        if row.destination.is_stdout() {
            return Err(problem("workers cannot write to standard output".into()));
        }
        let extension = format_extension(&row.checkpoint);
        let name = row.destination.partial_name(&row.subject, extension.as_deref());
        let Some(name) = name else { continue };
        if let Some(line) = names.insert(name.to_ascii_lowercase(), row.line) {
            return Err(problem(format!("its file may get the name of that of line {line}")));
        }
    }
    Ok(())
}

/// The problem of another list than that of a batch whose exports workers have.
fn changed_while_running(id: &str) -> Problem {
    let message = format!("the list or a flag has changed since batch {id} was begun");
    Problem::usage(message).advise(
        "wait until workers have ended the batch, go on with the list as it was, or begin another batch \
         with --key NAME",
    )
}

/// Makes this process a worker of a batch; `None` if no batch for workers has exports left.
pub(crate) async fn join_batch(
    settings: &Settings,
    client_id: Option<String>,
    key: Option<String>,
) -> Result<Option<Arc<dyn RunStore>>, Problem> {
    let settings = settings.clone();
    blocking(move || {
        let Some(book) = PgBook::open(&settings)? else { return Ok(None) };
        let base_url = settings.service.value.base_url();
        let joined = book.join(base_url, client_id.as_deref(), key.as_deref())?;
        Ok(joined.map(|batch| Arc::new(batch) as Arc<dyn RunStore>))
    })
    .await
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
    continuing: &Continuing<'_>,
    store: PgBatch,
    earlier: &RunDescription,
    draft: &BatchDraft,
) -> Result<PgBatch, Problem> {
    let id = store.id().unwrap_or_default();
    continuing.say(format!("continuing batch {id}{}", began(earlier)));
    let again = continuing.to_repeat(draft, store.results()).await?;
    store.reopen(Reopen::All)?;
    for (row, reason) in again {
        continuing.say_again(row.number, &reason);
        store.start_over(row.number)?;
        store.store_destination(row.number, &row.destination)?;
    }
    store.begin_again(Some(continuing.options_after(earlier)))?;
    Ok(store)
}

/// Begins a batch with another list, which takes over the exports of the earlier one; `None` if another
/// process was faster.
async fn begin_instead(
    continuing: &Continuing<'_>,
    book: &PgBook,
    store: &PgBatch,
    mut earlier: RunDescription,
    draft: &BatchDraft,
    settings: &Settings,
) -> Result<Option<PgBatch>, Problem> {
    // A copy, since it is read one export at a time.
    let (_copy, db) = Snapshot::of_batch(book, store.id().unwrap_or_default())?;
    let begun = continuing.changed_list(draft, &db, &earlier).await?;
    DestinationChecks::new(continuing.outputs, settings).check_batch(draft).await?;
    // One without an end would wait for a process that goes on with it.
    let (at, exit_code) = (clock::now(), Exit::SomeFailed.code());
    let text = "its exports are taken over".into();
    earlier.end.get_or_insert(RunEnd { at, exit_code, text, outcome: None });
    book.create(draft, continuing.description, Some((store, &earlier)), &begun)
}

pub(super) async fn blocking<T: Send + 'static>(
    call: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let called = spawn_blocking(call).await;
    called.unwrap_or_else(|error| Err(Problem::new(Exit::Local, error.to_string())))
}
