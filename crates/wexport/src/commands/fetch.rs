//! `wexport fetch`: the file of an operation that was started elsewhere.

use std::sync::Arc;

use super::environment;
use super::finish::Readers;
use crate::cli::FetchArgs;
use crate::clock;
use crate::place::Order;
use crate::report::{Exit, Problem};
use crate::run::{Outcome, Plan, Runner, Start};
use crate::settings::Settings;
use crate::show::{Watcher, display};
use crate::spec::What;

/// Waits for the operation, and puts its file in place.
pub(super) async fn run(command: FetchArgs) -> Exit {
    let stdout_carries_file = command.place.output.as_deref() == Some("-");
    let readers = Readers { show: command.session.show, stdout_carries_file };
    let watcher = Arc::new(Watcher::new(display(command.session.show, stdout_carries_file)));
    let ended = fetch(command, &watcher).await;
    readers.finish(ended.map(Some), &watcher)
}

async fn fetch(command: FetchArgs, watcher: &Arc<Watcher>) -> Result<Outcome, Problem> {
    let settings = Settings::resolve(&command.session, &environment)?;
    let place = Order::new(&command.place, clock::now())?;
    let runner = Runner::open(settings, &mut |warning| watcher.warn(warning))?;
    let id = command.operation.rsplit('/').next().unwrap_or_default();
    let what = What { kind: "operation".into(), id: id.into(), ..What::default() };
    runner.export(Plan { start: Start::Operation(command.operation), what, place }, watcher).await
}
