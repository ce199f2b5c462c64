//! Checkpoints that were changed.

use export_core::workiva::Region;
use export_core::{Checkpoint, Config, ExportJob, Phase, Resubmit};
use http::{Response, StatusCode};

use crate::harness::{Harness, TOKEN, contains_secret};
use crate::origin::{Allowed, US};
use crate::script::{ScriptedReply, ScriptedResponse};

/// The response to a poll.
const COMPLETED: &[u8] = br#"{"status":"completed","resourceUrl":"/f"}"#;

/// The file, and its validator.
const FILE: &[u8] = b"%PDF-1.7 and the rest of it";
const ETAG: &str = "\"v1\"";

/// The bytes are the JSON of a checkpoint. The service completes a resumed job at once.
pub(crate) fn check(data: &[u8]) {
    if contains_secret(TOKEN, data) {
        return;
    }
    let Ok(saved) = serde_json::from_slice::<Checkpoint>(data) else { return };
    let again: Checkpoint = serde_json::from_str(&serde_json::to_string(&saved).unwrap()).unwrap();
    assert_eq!(again, saved);
    for resubmit in [Resubmit::IfHarmless, Resubmit::Always] {
        resume(saved.clone(), resubmit);
    }
}

fn resume(saved: Checkpoint, resubmit: Resubmit) {
    let config = Config::for_region(Region::Us)
        .with_allowed_origin("https://files.example.com:8443")
        .unwrap()
        .with_resubmit(resubmit);
    let synced = usize::try_from(saved.offset()).unwrap_or(usize::MAX);
    let was_accepted = saved.operation().is_some();
    let Ok(job) = ExportJob::resume(saved, &config) else { return };
    assert_eq!(job.operation().is_some(), was_accepted);
    let allowed = Allowed::new(&[US[0], US[1], "https://files.example.com:8443"]);
    let accepted = response(202, [("location", "/operations/op2".into())], b"");
    let completed = response(200, [], COMPLETED);
    let whole = response(200, [("etag", ETAG.into())], FILE);
    let no_such_part = response(416, [], b"");
    let parts: Vec<_> = (0..FILE.len()).map(part).collect();
    let mut harness = Harness::new(&config, &allowed);
    // The sink has the synced bytes, and other bytes behind them.
    harness.sink = [&FILE[..synced.min(FILE.len())], b"????"].concat();
    let outcome = harness.run(job, |_, sent| match sent.phase {
        Phase::Submit => {
            assert!(!was_accepted, "a submit after the export was accepted");
            &accepted
        }
        Phase::Poll => &completed,
        Phase::Fetch => {
            let text = |name| sent.headers.get(name).and_then(|value| value.to_str().ok());
            let from = text("range").and_then(|range| range.strip_prefix("bytes="));
            match from.and_then(|range| range.strip_suffix("-")?.parse::<usize>().ok()) {
                Some(from) if text("if-range") == Some(ETAG) => {
                    parts.get(from).unwrap_or(&no_such_part)
                }
                _ => &whole,
            }
        }
        other => unreachable!("{other} is no request of Workiva"),
    });
    assert!(outcome.is_err() || harness.sink == FILE, "a wrong file");
}

fn part(from: usize) -> ScriptedReply<'static> {
    let range = format!("bytes {from}-{}/{}", FILE.len() - 1, FILE.len());
    response(206, [("content-range", range), ("etag", ETAG.into())], &FILE[from..])
}

fn response<const N: usize>(
    status: u16,
    headers: [(&'static str, String); N],
    body: &'static [u8],
) -> ScriptedReply<'static> {
    let mut head = Response::new(());
    *head.status_mut() = StatusCode::from_u16(status).unwrap();
    for (name, value) in headers {
        head.headers_mut().insert(name, value.parse().unwrap());
    }
    ScriptedReply::Response(ScriptedResponse::new(head, body))
}
