//! The `tracing` spans of a job.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use export_core::driver::{Reply, Step};
use export_core::token::Token;
use export_core::workiva::{DocumentExport, ExportSpec};
use export_core::{Config, ExportJob, Timestamp};
use export_host::Hooks;
use http::Response;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Records spans as text.
#[derive(Clone, Default)]
struct SpanLog(Arc<Mutex<(u64, String)>>);

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = write!(self.0, " {field}={value:?}");
    }
}

impl Subscriber for SpanLog {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut log = self.0.lock().unwrap();
        log.0 += 1;
        let number = log.0;
        let parent = span.parent().map(Id::into_u64);
        let _ = write!(log.1, "{number} in {parent:?}: {}", span.metadata().name());
        span.record(&mut Fields(&mut log.1));
        log.1.push('\n');
        Id::from_u64(number)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let mut log = self.0.lock().unwrap();
        let _ = write!(log.1, "{}:", span.into_u64());
        values.record(&mut Fields(&mut log.1));
        log.1.push('\n');
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[test]
fn job_span_holds_requests_and_no_secret() {
    let log = SpanLog::default();
    tracing::subscriber::with_default(log.clone(), || {
        let config = Config::new("https://api.app.wdesk.com").unwrap();
        let spec = ExportSpec::document("d1", DocumentExport::pdf());
        let mut job = ExportJob::new(spec, &config).unwrap();
        let mut observer = Hooks::default().observer();
        let token = Token::fixed("s3cret").unwrap();
        let mut now = Timestamp::from_date(2026, 3, 1);
        let signed = r#"{"status":"completed","resourceUrl":"https://store.example/f?sig=s3cret"}"#;
        let answers = [
            Response::builder().status(202).header("location", "/operations/1").body("").unwrap(),
            Response::builder().header("x-request-id", "r1").body(signed).unwrap(),
            Response::builder().status(503).header("retry-after", "7").body("").unwrap(),
        ];
        let mut answers = answers.iter();
        loop {
            observer.observe(|| job.next_event());
            match job.step(now) {
                Step::Done(_) => break,
                Step::Wait(wait) => now = wait.until,
                Step::Inline(_) | Step::Complete(_) => unreachable!("Workiva sends one file"),
                Step::Transmit(transmit) => {
                    let Some(answer) = answers.next() else { break };
                    let (_, in_flight) = transmit.start(now, Some(&token), 0);
                    now = now + Duration::from_millis(5);
                    match in_flight.handle_head(now, answer) {
                        Reply::Collect(collect) => {
                            collect.handle_body(now, answer.body().as_bytes())
                        }
                        Reply::Stream(stream) => stream.finish(now, 0),
                    }
                }
            }
        }
    });
    let log = log.0.lock().unwrap().1.clone();
    assert!(!log.contains("s3cret"), "{log}");
    let expected = "\
1 in None: export
1: sunset.days_left=1067
2 in Some(1): request export.phase=submit http.request.method=POST \
url.full=https://api.app.wdesk.com/platform/v1/documents/d1/export
2: http.response.status_code=202
1: operation.url=https://api.app.wdesk.com/operations/1
3 in Some(1): wait wait.milliseconds=1000 wait.why=Pace
4 in Some(1): request export.phase=poll http.request.method=GET \
url.full=https://api.app.wdesk.com/operations/1
4: http.response.status_code=200
4: workiva.request_id=\"r1\"
1: operation.status=\"completed\"
5 in Some(1): request export.phase=fetch http.request.method=GET \
url.full=https://store.example/f?sig=***
5: http.response.status_code=503
5: http.response.header.retry_after=7
6 in Some(1): wait wait.milliseconds=7000 wait.why=RetryAfter
";
    assert_eq!(log, expected);
}
