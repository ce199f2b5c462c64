//! `wexport fetch`: downloads the file of an operation that was started elsewhere.

use super::environment;
use super::single_command::SingleCommand;
use crate::args::FetchArgs;
use crate::clock;
use crate::engine::{self, Plan, RunOutcome};
use crate::hooks::Hooks;
use crate::output::{Destination, Moment};
use crate::problem::{Exit, Problem};
use crate::request::{ExportRequest, ListedExport};
use crate::settings::{Overrides, Settings};
use crate::state::RunOptions;

pub(super) async fn run(args: FetchArgs) -> Exit {
    let stdout_carries_file = args.output.output.as_deref() == Some("-");
    let command = SingleCommand::new(args.session.show, stdout_carries_file);
    let overrides = Overrides { hooks: args.hooks.clone(), ..Overrides::default() };
    let settings = Settings::resolve(&args.session, &overrides, &environment);
    let hooks = Hooks::begin(&settings, &overrides.hooks);
    let outcome = match settings {
        Ok(settings) => fetch(&args, settings, &command).await.map(Some),
        Err(problem) => Err(problem),
    };
    command.finish_with_hooks(outcome, Some(hooks)).await
}

async fn fetch(
    args: &FetchArgs,
    settings: Settings,
    command: &SingleCommand,
) -> Result<RunOutcome, Problem> {
    let request = ExportRequest::attach(args, &settings.config()?)?;
    if settings.deny_deprecated {
        request.deny_deprecated()?;
    }
    let destination = Destination::new(&args.output, Moment::local(clock::now()))?;
    let plan = Plan::Single(
        Box::new(ListedExport { line: 1, request, destination }),
        RunOptions::default(),
    );
    engine::run(plan, settings, &command.reporter).await
}
