//! What every export of a batch needs.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use export_hyper::Checkpoint;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use super::results::Results;
use crate::place::{Claims, Delivery, Opened};
use crate::receipt::Origin;
use crate::report::{Context, Exit, Problem};
use crate::settings::Settings;
use crate::show::BatchWatcher;
use crate::state::{BatchDescription, HeldBook, Paces, Row};

/// Settings, state and display of a batch.
#[derive(Debug)]
pub(super) struct Common {
    pub(super) settings: Settings,
    pub(super) client_id: Option<String>,
    pub(super) book: Arc<HeldBook>,
    pub(super) paces: Paces,
    pub(super) description: BatchDescription,
    pub(super) claims: Claims,
    pub(super) watcher: Arc<BatchWatcher>,
    pub(super) results: Option<Results>,
    /// Why the places of some exports did not open.
    pub(super) asides: Mutex<HashMap<u64, Aside>>,
    /// Whether somebody has stopped the program.
    pub(super) is_stopped: watch::Sender<bool>,
}

/// Why an export gets no place, in the program's own words: what its job has of it is an error of
/// a sink.
#[derive(Debug)]
pub(super) enum Aside {
    /// Another file is there, and is to be left.
    Skipped(PathBuf),
    Problem(Problem),
}

impl Common {
    /// The row of an export.
    pub(super) async fn row(self: &Arc<Self>, number: u64) -> Result<Row, Problem> {
        let row = self.with_book(move |book| book.row(number)).await?;
        row.ok_or_else(|| Problem::new(Exit::Local, format!("the batch has no row {number}")))
    }

    /// Does something with the book where it may block.
    pub(super) async fn with_book<T, E>(
        self: &Arc<Self>,
        work: impl FnOnce(&HeldBook) -> Result<T, E> + Send + 'static,
    ) -> Result<T, Problem>
    where
        T: Send + 'static,
        E: Into<Problem> + Send + 'static,
    {
        let book = Arc::clone(&self.book);
        match spawn_blocking(move || work(&book)).await {
            Ok(done) => done.map_err(Into::into),
            Err(error) => Err(Problem::new(Exit::Local, error.to_string())),
        }
    }

    /// Makes the place for the file of an export whose download begins, or goes on.
    pub(super) async fn open(self: Arc<Self>, number: u64) -> io::Result<Delivery> {
        let opened = match self.row(number).await {
            Ok(row) => self.open_for(row).await,
            Err(problem) => Err(problem),
        };
        let aside = match opened {
            Ok(Opened::Sink(delivery)) => return Ok(delivery),
            Ok(Opened::Skip(path)) => Aside::Skipped(path),
            Err(problem) => Aside::Problem(problem),
        };
        self.asides.lock().unwrap_or_else(PoisonError::into_inner).insert(number, aside);
        Err(io::Error::other("there is no place for this file"))
    }

    async fn open_for(self: &Arc<Self>, row: Row) -> Result<Opened<Delivery>, Problem> {
        let claims = self.claims.of(row.number);
        let opened = Delivery::open(&row.place, &row.what, &claims, &self.settings).await?;
        #[cfg(feature = "store")]
        if let Opened::Sink(mut delivery) = opened {
            if delivery.waits_here() {
                let spool = self.book.batch().spool(row.number);
                std::fs::create_dir_all(&spool)
                    .map_err(|error| Problem::local("there is no place for the file", &error))?;
                delivery.settle(Some(&spool), &self.origin(&row))?;
            }
            return Ok(Opened::Sink(delivery));
        }
        Ok(opened)
    }

    /// Why the place of an export did not open, if it did not.
    pub(super) fn aside(&self, number: u64) -> Option<Aside> {
        self.asides.lock().unwrap_or_else(PoisonError::into_inner).remove(&number)
    }

    /// What is known of the file of an export beside what the service says of it.
    pub(super) fn origin(&self, row: &Row) -> Origin {
        Origin {
            what: row.what.clone(),
            spec: spec_of(&row.checkpoint),
            base_url: self.description.base_url.clone(),
            api_version: self.description.api_version.clone(),
            client_id: self.client_id.clone(),
            began: row.place.at,
        }
    }

    /// What is known of an export when it has failed.
    pub(super) fn context(&self, row: &Row, operation: Option<String>) -> Context {
        let scope = &row.what.scope;
        Context {
            scope: (!scope.is_empty()).then(|| scope.clone()),
            job: Some(self.book.batch().id().into()),
            operation,
            token_from: self.settings.credentials.token_from(self.client_id.as_deref()),
        }
    }
}

fn spec_of(checkpoint: &Checkpoint) -> Option<Value> {
    serde_json::from_str(checkpoint.spec()).ok()
}
