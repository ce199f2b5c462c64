//! `wexport document` and its like.

use std::sync::Arc;

use export_hyper::ExportJob;

use super::environment;
use super::finish::Readers;
use crate::cli::Export;
use crate::place::Order;
use crate::report::{Exit, Problem};
use crate::run::{Outcome, Plan, Runner, Start};
use crate::settings::{Settings, dress};
use crate::show::{Watcher, display, print};
use crate::spec::{Asked, Described, describe, dry_run};
use crate::{clock, sunset};

/// Asks for an export, waits for it, and puts its file in place.
pub(super) async fn run<W: Asked>(command: Export<W>) -> Exit {
    let stdout_carries_file = command.place.output.as_deref() == Some("-");
    let readers = Readers { show: command.session.show, stdout_carries_file };
    let watcher = Arc::new(Watcher::new(display(command.session.show, stdout_carries_file)));
    let ended = export(&command, &watcher).await;
    readers.finish(ended, &watcher)
}

async fn export<W: Asked>(
    command: &Export<W>,
    watcher: &Arc<Watcher>,
) -> Result<Option<Outcome>, Problem> {
    let mut settings = Settings::resolve(&command.session, &environment)?;
    if let Some(word) = command.request.resubmit {
        settings.resubmit = word.into();
    }
    let config = settings.config()?;
    let Described { spec, what, unknown } = describe(command, &config)?;
    for field in unknown {
        watcher.warn(format!("{field} is not known to this release; it is sent as it is"));
    }
    if settings.deny_deprecated {
        let job = ExportJob::new(spec.clone(), &config);
        if let Some(notice) = job.ok().and_then(|job| job.sunset(clock::now())) {
            return Err(sunset::deny(&notice));
        }
    }
    if let Some(form) = command.request.dry_run {
        print(&dry_run(spec, &config, dress, form)?)?;
        return Ok(None);
    }
    let place = Order::new(&command.place, clock::now())?;
    let runner = Runner::open(settings, &mut |warning| watcher.warn(warning))?;
    let plan = Plan { start: Start::Spec(Box::new(spec)), what, place };
    runner.export(plan, watcher).await.map(Some)
}
