//! Before anything is sent: each destination is checked, and each name is reserved.

use std::cell::OnceCell;
use std::path::Path;

use export_hyper::Checkpoint;
use futures_util::stream::{self, StreamExt};

use crate::args::IfExistsArg;
use crate::output::{Destination, Expected, Outputs};
use crate::problem::{Exit, Problem};
use crate::settings::Settings;
use crate::state::{
    BatchDraft, EarlierFiles, Row, RowEnd, RowStatus, RunStore, StateDir, fingerprint,
};
use crate::subject::Subject;

/// The number of destinations that are checked at once: one in an object store takes a request.
const MAX_CONCURRENT: usize = 64;

/// The number of destinations that cannot be used and are printed.
const MAX_SHOWN: usize = 50;

/// Checks destinations before anything is sent.
#[derive(Debug)]
pub(super) struct DestinationChecks<'a> {
    outputs: &'a Outputs,
    settings: &'a Settings,
    /// Read when an export needs them.
    earlier: OnceCell<EarlierFiles>,
}

impl<'a> DestinationChecks<'a> {
    pub(super) const fn new(outputs: &'a Outputs, settings: &'a Settings) -> Self {
        Self { outputs, settings, earlier: OnceCell::new() }
    }

    /// Checks a destination. Returns the file that exists and is to be kept, if there is one: also
    /// one that the service has named, if an earlier run has recorded its name.
    pub(super) async fn check(
        &self,
        number: u64,
        destination: &Destination,
        subject: &Subject,
        fresh: &Checkpoint,
    ) -> Result<Option<String>, Problem> {
        let expected = Expected::of(destination, fresh);
        let kept = self.outputs.check(number, destination, subject, &expected).await?;
        let is_open = destination.if_exists == IfExistsArg::Skip
            && kept.is_none()
            && destination.is_named_by_service();
        if !is_open {
            return Ok(kept);
        }
        let base_url = self.settings.service.value.base_url();
        let Some(export) = fingerprint(base_url, subject, destination, fresh) else {
            return Ok(None);
        };
        let Some(file) = self.earlier()?.find(&export) else { return Ok(None) };
        if file.contains("://") {
            let object = Destination { output: Some(file), ..destination.clone() };
            return self.outputs.check(number, &object, subject, &Expected::default()).await;
        }
        Ok(Path::new(&file).exists().then_some(file))
    }

    fn earlier(&self) -> Result<&EarlierFiles, Problem> {
        if let Some(earlier) = self.earlier.get() {
            return Ok(earlier);
        }
        let earlier = match &self.settings.state {
            Some(state) => EarlierFiles::read(&StateDir::existing(&state.value))?,
            None => EarlierFiles::default(),
        };
        Ok(self.earlier.get_or_init(|| earlier))
    }

    /// Checks the destinations of a batch, and reserves their names in the order of the exports. Those
    /// whose file exists and is kept are skipped.
    ///
    /// # Errors
    ///
    /// Fails with the lines and problems of all destinations that cannot be used.
    pub(super) async fn check_batch(&self, draft: &BatchDraft) -> Result<(), Problem> {
        let checked = stream::iter(draft.rows()).map(|row| async move {
            let row = row?;
            let Row { number, destination, subject, checkpoint, .. } = &row;
            let checked = self.check(*number, destination, subject, checkpoint).await;
            Ok::<_, Problem>((row, checked))
        });
        let mut checked = checked.buffered(MAX_CONCURRENT);
        let (mut refused, mut count) = (Vec::new(), 0);
        while let Some(checked) = checked.next().await {
            let (row, checked) = checked?;
            match checked {
                Ok(None) => {}
                Ok(Some(file)) => draft.skip(row.number, file)?,
                Err(problem) => {
                    count += 1;
                    if refused.len() < MAX_SHOWN {
                        refused.push((row.line, problem));
                    }
                }
            }
        }
        if refused.is_empty() { Ok(()) } else { Err(merge(&refused, count)) }
    }
}

/// Reserves the names that the exports of a resumed run have.
///
/// # Errors
///
/// Fails if one of them would replace a file that this run reads.
pub(super) fn restore_names(store: &dyn RunStore, outputs: &Outputs) -> Result<(), Problem> {
    let names = outputs.names().clone().with_receipts(true);
    for reserved in store.reserved_names() {
        let (number, name) = reserved?;
        names.for_export(number).reserve(name);
    }
    for result in store.results() {
        let result = result?;
        if let RowEnd::Done { file, .. } = result.end {
            let names = names.for_export(result.row);
            if file.contains("://") {
                names.reserve(file)
            } else {
                names.reserve_file(file.as_ref())
            };
        }
    }
    let [mut open, mut waiting] =
        [RowStatus::Open, RowStatus::Waiting].map(|status| store.rows(status, 0).peekable());
    // In the order of their numbers, so that each gets the name that it had.
    loop {
        let number = |row: Option<&Result<Row, Problem>>| match row {
            Some(Ok(row)) => row.number,
            Some(Err(_)) => 0,
            None => u64::MAX,
        };
        let is_open = number(open.peek()) < number(waiting.peek());
        let Some(row) = (if is_open { open.next() } else { waiting.next() }) else { return Ok(()) };
        let row = row?;
        outputs.check_protected(&row.destination, &row.subject)?;
        if let Some(path) = row.destination.fixed_path() {
            names.for_export(row.number).with_receipts(row.destination.receipt).reserve_path(&path);
        }
    }
}

/// Merges the first problems of a batch, which has `count`. The exit code is that of the first.
fn merge(refused: &[(u64, Problem)], count: usize) -> Problem {
    let mut text = String::from("some destinations cannot be used, nothing was sent");
    for (line, problem) in refused {
        text.push_str(&format!("\n  line {line}: {}", problem.message));
    }
    if let more @ 1.. = count - refused.len() {
        text.push_str(&format!("\n  and {more} more"));
    }
    let exit = refused.first().map_or(Exit::Local, |(_, problem)| problem.exit);
    let advice = refused.first().into_iter().flat_map(|(_, problem)| problem.advice.clone());
    advice.fold(Problem::new(exit, text), Problem::advise)
}
