//! `wexport status`: prints the status of an operation.

use std::fmt::Write;
use std::sync::Arc;

use export_hyper::Event as JobEvent;

use super::{environment, exit_code};
use crate::args::StatusArgs;
use crate::engine::shared_pace;
use crate::event::Event;
use crate::explain::{Context, explain};
use crate::problem::{Exit, Problem};
use crate::request::check_operation;
use crate::settings::{Overrides, Settings};
use crate::text::{redact, sanitize};
use crate::ui::{Reporter, print};

/// Polls the operation once.
pub(super) async fn run(args: StatusArgs) -> Exit {
    let show = args.session.show;
    let reporter = Arc::new(Reporter::of_single(show, None, false));
    let printed = match status(&args, &reporter).await {
        Ok(event) => {
            let printed = if show.json { Ok(()) } else { print(&text(&event)) };
            reporter.event(event);
            printed
        }
        Err(problem) => {
            reporter.failed(&problem);
            Err(problem)
        }
    };
    exit_code(printed, show, &reporter)
}

async fn status(args: &StatusArgs, reporter: &Arc<Reporter>) -> Result<Event, Problem> {
    let settings = Settings::resolve(&args.session, &Overrides::default(), &environment)?;
    check_operation(&args.operation)?;
    let loaded = settings.credentials.load(&mut |warning| reporter.warn(warning))?;
    let token_source = settings.credentials.token_source(loaded.client_id.as_deref());
    let pace = shared_pace(&settings, loaded.client_id.as_deref(), reporter);
    let client = settings.client(loaded.credentials, None, pace)?;
    let operation = client.attach(&args.operation);
    let operation = match args.session.show.json {
        // A single event, which is the result.
        true => operation,
        false => {
            let events = Arc::clone(reporter);
            operation.on_event(move |event| {
                // The result has it.
                if !matches!(event, JobEvent::Status { .. }) {
                    events.job_event(1, event);
                }
            })
        }
    };
    let status = operation.status().await;
    let context = Context { token_source, is_attached: true, ..Context::default() };
    let status = status.map_err(|error| explain(&error, &context))?;
    let text = |fact: &Option<std::borrow::Cow<'_, str>>| fact.as_deref().map(String::from);
    Ok(Event::Operation {
        operation: status.checkpoint.operation().map(redact).unwrap_or_default(),
        status: text(&status.facts.status),
        is_ready: status.is_ready,
        created: text(&status.facts.created),
        updated: text(&status.facts.updated),
        original_request: text(&status.facts.original_request),
    })
}

fn text(event: &Event) -> String {
    let Event::Operation { operation, status, is_ready, created, updated, original_request } =
        event
    else {
        return String::new();
    };
    let mut text = String::new();
    let ready = Some(if *is_ready { "yes" } else { "no" });
    for (name, fact) in [
        ("operation", Some(operation.as_str())),
        ("status", status.as_deref()),
        ("file is ready", ready),
        ("created", created.as_deref()),
        ("updated", updated.as_deref()),
        ("original request", original_request.as_deref()),
    ] {
        if let Some(fact) = fact {
            let _ = writeln!(text, "{name:<17} {}", sanitize(fact));
        }
    }
    text
}
