//! `wexport batch`.

use std::path::{self, Path, PathBuf};
use std::sync::Arc;

use export_hyper::Config;

use super::{environment, refuse_json};
use crate::args::{BatchArgs, DateArg, DryRun, ShowArgs};
use crate::clock;
use crate::engine::{self, AddExport, Plan, RunOutcome, Start};
use crate::hooks::{Hooks, Shown};
use crate::output::Moment;
use crate::problem::{Exit, Problem};
use crate::request::{List, ListedExport, Source, dry_run, read_list};
use crate::settings::{Overrides, Settings, apply_headers};
use crate::state::RunOptions;
use crate::text::sanitize;
use crate::ui::{Reporter, print, print_problem};

pub(super) async fn run(args: BatchArgs) -> Exit {
    let reporter = Arc::new(Reporter::of_batch(args.session.show, None));
    let hooks = args.hooks.clone();
    let overrides = Overrides { resubmit: args.resubmit, hooks, ..Overrides::default() };
    let settings = Settings::resolve(&args.session, &overrides, &environment);
    let hooks = args.dry_run.is_none().then(|| Hooks::begin(&settings, &overrides.hooks));
    let outcome = match settings {
        Ok(settings) => run_batch(&args, settings, &reporter).await,
        Err(problem) => Err(problem),
    };
    let exit = finish(outcome, args.session.show, None, &reporter);
    if let Some(hooks) = hooks {
        let shown = Shown { show: args.session.show, stdout_carries_file: false };
        hooks.end(exit, &[reporter.facts()], shown).await;
    }
    exit
}

async fn run_batch(
    args: &BatchArgs,
    settings: Settings,
    reporter: &Arc<Reporter>,
) -> Result<Option<RunOutcome>, Problem> {
    if args.for_workers && !settings.has_database() {
        return Err(no_database("--for-workers"));
    }
    let config = settings.config()?;
    let moment = Moment::local(clock::now());
    let mut list = Source::new(&args.list).open()?;
    if let Some(form) = args.dry_run {
        refuse_json(args.session.show)?;
        // Nothing is printed of a list that is invalid: the commands may be run as they are read.
        list = list.rewindable()?;
        read(&mut list, args, moment, &config, reporter, &mut |_| Ok(()))?;
        list.rewind()?;
        read_list(&mut list, &args.output, moment, &config, |export| {
            print(&request(export, form)?)
        })?;
        return Ok(None);
    }
    let start = if args.continues || args.key.is_some() { Start::Continue } else { Start::New };
    if start == Start::Continue && args.key.is_none() && args.list == "-" {
        return Err(Problem::usage("--continue cannot be used with a list from standard input")
            .advise("name the batch: --key NAME"));
    }
    let date = moment.with_date(args.output.date.map(|DateArg(date)| date)).format("%F", None);
    let date = match start {
        Start::Continue => Some(date?),
        // Only needed by a later command.
        Start::New => date.ok(),
    };
    let options = RunOptions {
        keep_going: args.keep_going,
        max_in_flight: args.max_in_flight.map(Into::into),
        results: args.results.as_deref().map(absolute).transpose()?,
        list: (args.list != "-").then(|| {
            let list = Path::new(&args.list);
            absolute(list).unwrap_or_else(|_| list.into())
        }),
        key: args.key.clone(),
        for_workers: args.for_workers,
        date,
    };
    let read = |add: AddExport<'_>| read(&mut list, args, moment, &config, reporter, add);
    let plan = Plan::Batch { read: Box::new(read), source: args.list.clone(), options, start };
    engine::run(plan, settings, reporter).await.map(Some)
}

/// Reads a list, and warns of what the user should know.
fn read(
    list: &mut List,
    args: &BatchArgs,
    moment: Moment,
    config: &Config,
    reporter: &Reporter,
    add: AddExport<'_>,
) -> Result<(), Problem> {
    let (mut denied, mut warnings) = (Ok(()), 0);
    read_list(list, &args.output, moment, config, |export| {
        let ListedExport { line, request, .. } = &export;
        for warning in &request.warnings {
            warnings += 1;
            if warnings <= MAX_WARNINGS {
                reporter.warn(format!("line {line}: {warning}"));
            }
        }
        // Reported after the errors of the list.
        if args.session.connection.deny_deprecated && denied.is_ok() {
            denied = request.deny_deprecated();
        }
        add(export)
    })?;
    if warnings > MAX_WARNINGS {
        reporter.warn(format!("{} more warnings", warnings - MAX_WARNINGS));
    }
    denied
}

/// Further warnings about the rows of a list are only counted.
const MAX_WARNINGS: u64 = 20;

/// Prints the problem of a batch that does not have all of its files. `run` names it if there are
/// others.
pub(super) fn finish(
    outcome: Result<Option<RunOutcome>, Problem>,
    show: ShowArgs,
    run: Option<&str>,
    reporter: &Reporter,
) -> Exit {
    let problem = match outcome {
        Ok(None) => None,
        Ok(Some(RunOutcome { problem, .. })) => problem,
        Err(problem) => {
            reporter.failed(&problem);
            Some(problem)
        }
    };
    let exit = problem.map_or(Exit::Done, |problem| {
        reporter.keep_problem(&problem);
        // With `--json`, it was reported as an event: an error, or the end of the batch.
        if !show.json {
            print_problem(&problem.of_run(run));
        }
        problem.exit
    });
    reporter.exit_code(exit)
}

/// The request of a row, under its line.
fn request(export: ListedExport, form: DryRun) -> Result<String, Problem> {
    let ListedExport { line, mut request, .. } = export;
    let text = dry_run(&mut request.job, apply_headers, form)?;
    let subject = request.subject.to_string();
    Ok(format!("# line {line}: {}\n{text}\n", sanitize(&subject)))
}

/// The problem of a flag or a command that needs a database.
pub(super) fn no_database(what: &str) -> Problem {
    Problem::usage(format!("{what} needs a database that the workers share"))
        .advise("name it: --state postgres://USER@HOST/DATABASE, or WEXPORT_STATE")
}

/// Makes a path absolute: a process that resumes a batch may have another working directory.
fn absolute(path: &Path) -> Result<PathBuf, Problem> {
    if path == Path::new("-") {
        return Err(Problem::usage("invalid value '-' for '--results': expected a file")
            .advise("name a file; --json prints the events of each export to standard output"));
    }
    let absolute = path::absolute(path)
        .map_err(|error| Problem::local(format!("--results {}", path.display()), &error))?;
    // It is stored as text.
    match absolute.to_str() {
        Some(_) => Ok(absolute),
        None => Err(Problem::usage(format!(
            "invalid value '{}' for '--results': its folder is not UTF-8",
            path.display()
        ))
        .advise("name a file in another folder")),
    }
}
