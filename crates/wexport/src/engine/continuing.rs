//! Continues the earlier run with the name and the date of a command: what is done stays, and what is
//! under way goes on.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use export_hyper::Checkpoint;

use super::context::spec_of;
use crate::event::Event;
use crate::output::{Destination, Moment, Outputs, display_path};
use crate::problem::{Exit, Problem};
use crate::receipt::{Receipt, difference, receipts_in};
use crate::state::{
    BatchDb, BatchDbWriter, BatchDir, BatchDraft, Items, JobRecord, Later, LaterExports, NewRow,
    Reopen, Row, RowEnd, RowResult, RowStatus, RunDescription, RunOptions, RunStore as _,
    SingleRun, StateDir, request_fingerprint,
};
use crate::text::export_count;
use crate::ui::Reporter;

/// A command that continues a run.
pub(super) struct Continuing<'a> {
    /// `None` if no state is kept. The receipts beside the files tell what is done then.
    pub(super) state: Option<&'a StateDir>,
    /// What a new run would be.
    pub(super) description: &'a RunDescription,
    pub(super) outputs: &'a Outputs,
    pub(super) reporter: &'a Reporter,
}

/// What becomes of a batch.
pub(super) enum ContinuedBatch {
    /// The earlier batch goes on, without the exports that have a later one.
    Earlier(Arc<BatchDbWriter>, BTreeMap<u64, Later>),
    /// There is none, or its list is another by now. These exports of the new batch were begun.
    New(Box<BatchDraft>, Vec<(u64, Checkpoint)>),
}

/// What becomes of a single export.
pub(super) enum ContinuedJob {
    /// Its file is there.
    Done(String),
    /// The earlier job goes on.
    Earlier(Box<SingleRun>),
    New,
}

/// The most rows that a message names.
const MAX_NAMED: usize = 10;

impl Continuing<'_> {
    /// Continues a batch, if there is one. Exports of the draft whose files are there are concluded.
    pub(super) async fn batch(
        &self,
        earlier: Option<(BatchDir, RunDescription)>,
        draft: Box<BatchDraft>,
    ) -> Result<ContinuedBatch, Problem> {
        let Some((batch, description)) = earlier else {
            self.without_earlier(&draft)?;
            return Ok(ContinuedBatch::New(draft, Vec::new()));
        };
        let db = BatchDb::open(&batch)?;
        if is_same_list(draft.all_rows(), db.all_rows())? {
            self.say(format!("continuing batch {}{}", batch.id(), began(&description)));
            return self.same_list(draft, &batch, db, description).await;
        }
        let begun = self.changed_list(&draft, &db, &description).await?;
        Ok(ContinuedBatch::New(draft, begun))
    }

    /// Continues a batch with the same list.
    async fn same_list(
        &self,
        draft: Box<BatchDraft>,
        batch: &BatchDir,
        db: BatchDb,
        description: RunDescription,
    ) -> Result<ContinuedBatch, Problem> {
        let again = self.to_repeat(&draft, db.results()).await?;
        // Others cannot read the draft, and would wait for it.
        drop((draft, db));
        if !again.is_empty() {
            let numbers: Vec<u64> = again.iter().map(|(row, _)| row.number).collect();
            BatchDbWriter::resume(batch, Reopen::All)?.start_over(&numbers)?;
        }
        // Not while the batch is locked: a run that is running has no later ones.
        let mut later = match self.state {
            Some(state) => LaterExports::find(state)?.of_batch(batch.id()),
            None => BTreeMap::new(),
        };
        later.retain(|_, later| later.file.is_some());
        let store = BatchDbWriter::resume(batch, Reopen::All)?;
        store.set_options(self.options_after(&description))?;
        for (row, reason) in again {
            if !later.contains_key(&row.number) {
                self.say_again(row.number, &reason);
                // It is a new export, which may replace what is there now.
                store.store_destination(row.number, &row.destination)?;
            }
        }
        Ok(ContinuedBatch::Earlier(Arc::new(store), later))
    }

    /// The exports that have ended and are to be exported again, as the list has them now, and why.
    pub(super) async fn to_repeat(
        &self,
        draft: &BatchDraft,
        results: Items<'_, RowResult>,
    ) -> Result<Vec<(Row, String)>, Problem> {
        let mut again = Vec::new();
        for result in results {
            let result = result?;
            let row = draft.row(result.row)?;
            if let Some(reason) = self.why_again(&row.destination, &result.end).await? {
                again.push((row, reason));
            }
        }
        Ok(again)
    }

    /// The options of this command, with those of the earlier one that it does not give.
    pub(super) fn options_after(&self, earlier: &RunDescription) -> RunOptions {
        let mut options = self.description.options.clone();
        options.results = options.results.or_else(|| earlier.options.results.clone());
        options
    }

    /// Takes over the exports of a batch with another list. Returns the checkpoints of those that were begun.
    pub(super) async fn changed_list(
        &self,
        draft: &BatchDraft,
        db: &BatchDb,
        description: &RunDescription,
    ) -> Result<Vec<(u64, Checkpoint)>, Problem> {
        let mut earlier: HashMap<String, Vec<u64>> = HashMap::new();
        for row in db.all_rows() {
            let row = row?;
            earlier.entry(fingerprint(&row)).or_default().push(row.number);
        }
        let (mut receipts, mut begun) = (Receipts::new(self.description), Vec::new());
        let (mut new, mut again) = (Vec::new(), Vec::new());
        for row in draft.rows() {
            let row = row?;
            let numbers = earlier.get_mut(&fingerprint(&row));
            let Some(number) =
                numbers.and_then(|numbers| (!numbers.is_empty()).then(|| numbers.remove(0)))
            else {
                if !self.take_over_receipt(draft, &row, &mut receipts)? {
                    new.push(row.line);
                }
                continue;
            };
            let Some(before) = db.row(number)? else { continue };
            match (before.status, db.result(number)?) {
                (RowStatus::Done, Some(result)) => {
                    match self.why_again(&row.destination, &result.end).await? {
                        Some(reason) => again.push((row.number, reason)),
                        None => self.take_over(draft, row.number, &result.end)?,
                    }
                }
                (RowStatus::Open | RowStatus::Failed, _) if before.checkpoint != row.checkpoint => {
                    begun.push((row.number, before.checkpoint));
                }
                _ => {}
            }
        }
        let mut gone: Vec<u64> = earlier.into_values().flatten().collect();
        gone.sort_unstable();
        let (batch, began) = (db.batch().id(), began(description));
        self.say(format!(
            "continuing batch {batch}{began} in another batch, since the list or a flag has changed: \
             {} new{}, {} gone{}",
            export_count(new.len() as u64),
            named("row", &new),
            export_count(gone.len() as u64),
            named("former row", &gone),
        ));
        for (number, reason) in again {
            self.say_again(number, &reason);
        }
        Ok(begun)
    }

    /// Begins a batch. The receipts beside the files tell what is done.
    fn without_earlier(&self, draft: &BatchDraft) -> Result<(), Problem> {
        let (mut receipts, mut done, mut all) = (Receipts::new(self.description), 0, 0);
        for row in draft.rows() {
            all += 1;
            done += u64::from(self.take_over_receipt(draft, &row?, &mut receipts)?);
        }
        let nothing = self.nothing_to_continue();
        self.say(match done {
            0 => nothing,
            done => format!(
                "{nothing}; {done} of {} are there, as their receipts say",
                export_count(all)
            ),
        });
        Ok(())
    }

    fn take_over_receipt(
        &self,
        draft: &BatchDraft,
        row: &Row,
        receipts: &mut Receipts<'_>,
    ) -> Result<bool, Problem> {
        let Some((file, receipt)) = receipts.find(row) else { return Ok(false) };
        let (file, receipt) = (file.display().to_string(), Some(Box::new(receipt)));
        self.take_over(draft, row.number, &RowEnd::Done { file, receipt })?;
        Ok(true)
    }

    /// Concludes an export of the draft with a file that is there.
    fn take_over(&self, draft: &BatchDraft, number: u64, end: &RowEnd) -> Result<(), Problem> {
        if let RowEnd::Done { file, .. } = end {
            let names = self.outputs.names().for_export(number).with_receipts(true);
            if file.contains("://") {
                names.reserve(file.clone());
            } else {
                names.reserve_file(file.as_ref());
            }
        }
        draft.take_over(number, end)
    }

    /// Looks for the job to continue.
    pub(super) async fn job(&self, row: &NewRow) -> Result<ContinuedJob, Problem> {
        let earlier = match self.state {
            Some(state) => state.previous_job(self.description)?.map(|job| (state, job)),
            None => None,
        };
        let Some((state, job)) = earlier else {
            let row = Row {
                number: 1,
                line: 1,
                subject: row.subject.clone(),
                destination: row.destination.clone(),
                status: RowStatus::Waiting,
                checkpoint: row.fresh.clone(),
            };
            let nothing = self.nothing_to_continue();
            return Ok(match Receipts::new(self.description).find(&row) {
                Some((file, _)) => {
                    self.say(format!("{nothing}; the file is there, as its receipt says"));
                    ContinuedJob::Done(file.display().to_string())
                }
                None => {
                    self.say(nothing);
                    ContinuedJob::New
                }
            });
        };
        let fail = |error| Problem::local(format!("cannot read job {}", job.id()), &error);
        let record = job.record().map_err(fail)?;
        let (id, began) = (job.id(), began(&record.run));
        let fresh = job.fresh().map_err(fail)?;
        let is_same = fresh.is_some_and(|fresh| {
            request_fingerprint(&record.subject, &record.destination, &fresh)
                == request_fingerprint(&row.subject, &row.destination, &row.fresh)
        });
        if !is_same {
            self.say(format!("not continuing job {id}{began}: it is another export"));
            return Ok(ContinuedJob::New);
        }
        let end = record.run.end.as_ref().and_then(|end| end.outcome.as_ref());
        if let Some(end @ (RowEnd::Done { file, .. } | RowEnd::Skipped { file })) = end {
            return Ok(match self.why_again(&row.destination, end).await? {
                None => {
                    self.say(format!("job {id}{began} is done"));
                    ContinuedJob::Done(file.clone())
                }
                Some(reason) => {
                    let JobRecord { destination, subject, .. } = &record;
                    if let Some(file) = LaterExports::after(state, id, destination, subject)? {
                        return Err(superseded(id, &file));
                    }
                    self.say(format!(
                        "job {id}{began} is done, but {reason}: it is exported again"
                    ));
                    ContinuedJob::New
                }
            });
        }
        if let Some(later) = LaterExports::find(state)?.of_job(id)
            && let Some(file) = &later.file
        {
            return Err(superseded(id, file));
        }
        self.say(format!("continuing job {id}{began}"));
        Ok(ContinuedJob::Earlier(Box::new(SingleRun::resume(job)?)))
    }

    /// Why an export that ended is to be repeated: its file is not there, or not the same.
    async fn why_again(
        &self,
        destination: &Destination,
        end: &RowEnd,
    ) -> Result<Option<String>, Problem> {
        let (file, receipt) = match end {
            RowEnd::Done { file, receipt } => (file, receipt.as_deref()),
            RowEnd::Skipped { file } => (file, None),
            RowEnd::Failed { .. } => return Ok(None),
        };
        if file.contains("://") {
            let reason = self.outputs.object_difference(destination, file, receipt).await?;
            return Ok(reason.map(|reason| format!("{file} {reason}")));
        }
        let path = Path::new(file);
        let reason = match receipt {
            Some(receipt) => difference(path, receipt),
            None => (!path.exists()).then(|| "is gone".into()),
        };
        Ok(reason.map(|reason| format!("{} {reason}", display_path(path))))
    }

    fn nothing_to_continue(&self) -> String {
        let RunDescription { options, .. } = self.description;
        let what = match (&options.key, &options.list) {
            (Some(key), _) => format!("--key {key}"),
            (None, Some(list)) => display_path(list),
            (None, None) => "this list".into(),
        };
        let date = options.date.as_deref().unwrap_or_default();
        format!("nothing of {what} for {date} to continue: beginning it")
    }

    pub(super) fn say(&self, message: String) {
        self.reporter.event(Event::Continuing { message });
    }

    pub(super) fn say_again(&self, row: u64, reason: &str) {
        self.reporter.warn(format!("row {row}: {reason}: it is exported again"));
    }
}

/// The receipts in the folders of a batch.
struct Receipts<'a> {
    description: &'a RunDescription,
    folders: HashMap<PathBuf, Vec<(PathBuf, Receipt)>>,
    taken: HashSet<PathBuf>,
}

impl<'a> Receipts<'a> {
    fn new(description: &'a RunDescription) -> Self {
        Self { description, folders: HashMap::new(), taken: HashSet::new() }
    }

    /// The file of an export, if it is there and has a receipt of the same request and date. Only an
    /// export that is to have a receipt has one.
    fn find(&mut self, row: &Row) -> Option<(PathBuf, Receipt)> {
        let Row { subject, destination, .. } = row;
        let (folder, path) =
            destination.folder_and_path(subject).filter(|_| destination.receipt)?;
        let receipts = self.folders.entry(folder).or_insert_with_key(|folder| receipts_in(folder));
        let (spec, date) = (spec_of(row), destination.moment.date());
        let RunDescription { base_url, api_version, client_id, .. } = self.description;
        let is_wanted = |(file, receipt): &&(PathBuf, Receipt)| {
            let same_client = match (client_id, &receipt.client_id) {
                (Some(one), Some(other)) => one == other,
                _ => true,
            };
            path.as_ref().is_none_or(|path| path == file)
                && same_client
                && receipt.date.is_some()
                && (&receipt.subject, &receipt.spec, &receipt.date) == (subject, &spec, &date)
                && (&receipt.base_url, &receipt.api_version) == (base_url, api_version)
        };
        let found = receipts
            .iter()
            .filter(is_wanted)
            .filter(|(file, _)| !self.taken.contains(file))
            .find(|(file, receipt)| difference(file, receipt).is_none())?
            .clone();
        self.taken.insert(found.0.clone());
        Some(found)
    }
}

/// Whether the rows of a list are those of an earlier batch.
pub(super) fn is_same_list(
    mut rows: Items<'_, Row>,
    mut earlier: Items<'_, Row>,
) -> Result<bool, Problem> {
    loop {
        match (rows.next().transpose()?, earlier.next().transpose()?) {
            (None, None) => return Ok(true),
            (Some(row), Some(before))
                if row.number == before.number
                    && row.destination.if_exists == before.destination.if_exists
                    && fingerprint(&row) == fingerprint(&before) => {}
            _ => return Ok(false),
        }
    }
}

fn fingerprint(row: &Row) -> String {
    request_fingerprint(&row.subject, &row.destination, &row.checkpoint)
}

/// When a run was begun: ` of 2026-11-30 02:15`.
pub(super) fn began(run: &RunDescription) -> String {
    let time = Moment::local(run.began).format("%F %H:%M", None);
    time.map(|time| format!(" of {time}")).unwrap_or_default()
}

fn named(what: &str, numbers: &[u64]) -> String {
    let first: Vec<String> = numbers.iter().take(MAX_NAMED).map(u64::to_string).collect();
    let more = if numbers.len() > MAX_NAMED { ", .." } else { "" };
    let plural = if numbers.len() == 1 { "" } else { "s" };
    match first.is_empty() {
        true => String::new(),
        false => format!(" ({what}{plural} {}{more})", first.join(", ")),
    }
}

fn superseded(id: &str, file: &str) -> Problem {
    let message = format!("job {id} is superseded: a later export has brought {file}");
    Problem::new(Exit::No, message)
        .advise(format!("to replace the file: wexport jobs resume {id} --overwrite-newer"))
}
