//! `wexport report`.

use super::jobs::{JobsState, settings_of};
use crate::args::ReportArgs;
use crate::problem::{Exit, Problem};
use crate::report::Report;
use crate::state::{Found, Wanted};
use crate::ui::print;

pub(super) fn run(args: &ReportArgs) -> Result<(), Problem> {
    let state = JobsState::open(&settings_of(&args.state)?, Wanted::Report(args.id.as_deref()))?;
    let found = match &args.id {
        Some(id) => state.find(id)?,
        None => state.batches()?.pop().map(Found::Batch).ok_or_else(|| {
            Problem::new(Exit::No, "there is no batch").advise("`wexport jobs list` lists jobs")
        })?,
    };
    let report = Report::read(&state, &found)?;
    print(&if args.md { report.markdown() } else { report.text() })?;
    args.html.as_ref().map_or(Ok(()), |file| report.write_html(file))
}
