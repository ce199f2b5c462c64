//! `wexport document`, and the other commands that export one file.

use super::single_command::SingleCommand;
use super::{environment, refuse_json};
use crate::args::Export;
use crate::clock;
use crate::engine::{self, Plan, RunOutcome};
use crate::hooks::Hooks;
use crate::output::{Destination, Moment};
use crate::problem::{Exit, Problem};
use crate::request::{ExportCommand, ExportRequest, ListedExport, dry_run};
use crate::settings::{Overrides, Settings, apply_headers};
use crate::state::RunOptions;
use crate::ui::print;

pub(super) async fn run<C: ExportCommand>(export: Export<C>) -> Exit {
    let stdout_carries_file = export.output.output.as_deref() == Some("-");
    let command = SingleCommand::new(export.session.show, stdout_carries_file);
    let hooks = export.hooks.clone();
    let overrides = Overrides { resubmit: export.request.resubmit, hooks, ..Overrides::default() };
    let settings = Settings::resolve(&export.session, &overrides, &environment);
    let is_sent = export.request.dry_run.is_none();
    let hooks = is_sent.then(|| Hooks::begin(&settings, &overrides.hooks));
    let outcome = match settings {
        Ok(settings) => run_export(&export, settings, &command).await,
        Err(problem) => Err(problem),
    };
    command.finish_with_hooks(outcome, hooks).await
}

async fn run_export<C: ExportCommand>(
    export: &Export<C>,
    settings: Settings,
    command: &SingleCommand,
) -> Result<Option<RunOutcome>, Problem> {
    let mut request = ExportRequest::new(export, &settings.config()?)?;
    for warning in std::mem::take(&mut request.warnings) {
        command.reporter.warn(warning);
    }
    if settings.deny_deprecated {
        request.deny_deprecated()?;
    }
    if let Some(form) = export.request.dry_run {
        refuse_json(export.session.show)?;
        print(&dry_run(&mut request.job, apply_headers, form)?)?;
        return Ok(None);
    }
    let destination = Destination::new(&export.output, Moment::local(clock::now()))?;
    let key = export.request.key.clone();
    let date = key.as_ref().map(|_| destination.moment.format("%F", None)).transpose()?;
    if key.is_some() && destination.is_stdout() {
        return Err(Problem::usage("--key cannot be used with -o -")
            .advise("name a file: what is done is known by its file"));
    }
    let export = Box::new(ListedExport { line: 1, request, destination });
    let plan = Plan::Named(export, RunOptions { key, date, ..RunOptions::default() });
    engine::run(plan, settings, &command.reporter).await.map(Some)
}
