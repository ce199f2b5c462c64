//! `wexport document`, and the other commands that export one file.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use export_hyper::{Event as JobEvent, Phase};

use super::single_command::SingleCommand;
use super::{environment, refuse_json};
use crate::args::Export;
use crate::clock;
use crate::engine::{self, Plan, RunOutcome, sends_email, shared_pace, stopped_by};
use crate::event::Event;
use crate::explain::{Context, explain};
use crate::hooks::Hooks;
use crate::output::{Destination, Moment};
use crate::problem::{Exit, Problem};
use crate::request::{ExportCommand, ExportRequest, ListedExport, dry_run};
use crate::settings::{Overrides, Settings, apply_headers};
use crate::signals;
use crate::state::RunOptions;
use crate::text::redact;
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
    if export.request.no_wait {
        submit(request, &settings, command).await?;
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
    let plan = Plan::Single(export, RunOptions { key, date, ..RunOptions::default() });
    engine::run(plan, settings, &command.reporter).await.map(Some)
}

/// Submits an export, and prints its operation when the service has accepted it.
async fn submit(
    request: ExportRequest,
    settings: &Settings,
    command: &SingleCommand,
) -> Result<(), Problem> {
    let reporter = &command.reporter;
    let loaded = settings.credentials.load(&mut |warning| reporter.warn(warning))?;
    let token_source = settings.credentials.token_source(loaded.client_id.as_deref());
    let pace = shared_pace(settings, loaded.client_id.as_deref(), reporter);
    let client = settings.client(loaded.credentials, None, pace)?;
    let ExportRequest { job, subject, .. } = request;
    reporter.event(Event::Started {
        subject: subject.clone(),
        api_version: settings.api_version.value.to_string(),
        base_url: settings.service.value.base_url().into(),
        resumed: false,
    });
    let (events, sends_email) = (Arc::clone(reporter), sends_email(job.checkpoint().spec()));
    let sent = Arc::new(AtomicBool::new(false));
    let is_sent = Arc::clone(&sent);
    let export = client.job(*job).on_event(move |event| {
        if matches!(event, JobEvent::Sending { phase: Phase::Submit, .. }) {
            is_sent.store(true, Ordering::Relaxed);
        }
        events.job_event(1, event);
    });
    let submitted = signals::interruptible(export.submit()).await.map_err(|signal| {
        let mut problem = Problem::new(signal, stopped_by(signal));
        problem.retry = Some(match sent.load(Ordering::Relaxed) {
            true => {
                "yes, after a check in Workiva: the service may have accepted the export".into()
            }
            false => "yes: the service had not accepted the export".into(),
        });
        problem
    })?;
    let submitted = submitted.map_err(|error| {
        let scope = Some(subject.scope).filter(|scope| !scope.is_empty());
        explain(&error, &Context { scope, token_source, sends_email, ..Context::default() })
    })?;
    match command.show.json {
        // The event has it.
        true => Ok(()),
        false => print(&format!("{}\n", redact(&submitted.operation))),
    }
}
