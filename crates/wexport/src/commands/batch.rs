//! `wexport batch`.

use std::path::{self, PathBuf};
use std::sync::Arc;

use super::environment;
use crate::args::{BatchArgs, DryRun};
use crate::clock;
use crate::engine::{self, Plan, RunOutcome};
use crate::problem::{Exit, Problem};
use crate::request::{ListedExport, Source, dry_run, read_list};
use crate::settings::{Overrides, Settings, apply_headers};
use crate::state::RunOptions;
use crate::text::sanitize;
use crate::ui::{Reporter, print, print_problem};

pub(super) async fn run(args: BatchArgs) -> Exit {
    let reporter = Arc::new(Reporter::of_batch(args.session.show));
    let outcome = run_batch(&args, &reporter).await;
    finish(outcome, &reporter)
}

async fn run_batch(
    args: &BatchArgs,
    reporter: &Arc<Reporter>,
) -> Result<Option<RunOutcome>, Problem> {
    let overrides = Overrides { resubmit: args.resubmit, ..Overrides::default() };
    let settings = Settings::resolve(&args.session, &overrides, &environment)?;
    let config = settings.config()?;
    let source = Source::new(&args.list);
    let exports = read_list(&source, &args.output, clock::now(), &config)?;
    for ListedExport { line, request, .. } in &exports {
        for warning in &request.warnings {
            reporter.warn(format!("line {line}: {warning}"));
        }
    }
    if settings.deny_deprecated {
        exports.iter().try_for_each(|export| export.request.deny_deprecated())?;
    }
    if let Some(form) = args.dry_run {
        return print(&requests(exports, form)?).map(|()| None);
    }
    let options = RunOptions {
        keep_going: args.keep_going,
        max_in_flight: args.max_in_flight.map(Into::into),
        results: args.results.as_ref().map(absolute).transpose()?,
    };
    let plan = Plan::Batch { exports, source: args.list.clone(), options };
    engine::run(plan, settings, reporter).await.map(Some)
}

/// Prints the problem of a batch that does not have all of its files.
pub(super) fn finish(outcome: Result<Option<RunOutcome>, Problem>, reporter: &Reporter) -> Exit {
    let problem = match outcome {
        Ok(None | Some(RunOutcome { problem: None, .. })) => return Exit::Done,
        Ok(Some(RunOutcome { problem: Some(problem), .. })) => problem,
        Err(problem) => {
            reporter.failed(&problem);
            problem
        }
    };
    print_problem(&problem);
    problem.exit
}

/// The requests of a list, each under its line.
fn requests(exports: Vec<ListedExport>, form: DryRun) -> Result<String, Problem> {
    let mut text = String::new();
    for ListedExport { line, mut request, .. } in exports {
        let subject = request.subject.to_string();
        text.push_str(&format!("# line {line}: {}\n", sanitize(&subject)));
        text.push_str(&dry_run(&mut request.job, apply_headers, form)?);
        text.push('\n');
    }
    Ok(text)
}

/// Makes a path absolute: a process that resumes a batch may have another working directory.
fn absolute(path: &PathBuf) -> Result<PathBuf, Problem> {
    path::absolute(path)
        .map_err(|error| Problem::local(format!("--results {}", path.display()), &error))
}
