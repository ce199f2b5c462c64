//! Checkpoints that somebody has changed.

use export_core::{Checkpoint, Config, ExportJob, Phase, Region, Resubmit};
use http::{Response, StatusCode};

use crate::origin::{Allowed, US};
use crate::script::{Answer, Turn};
use crate::world::{TOKEN, World, gives_away};

/// What a poll says.
const COMPLETED: &[u8] = br#"{"status":"completed","resourceUrl":"/f"}"#;

/// The file that it has.
const FILE: &[u8] = b"%PDF-1.7 and the rest of it";
const ETAG: &str = "\"v1\"";

/// The bytes are JSON; a job that goes on from it meets a service that is done at once.
pub(crate) fn check(data: &[u8]) {
    if gives_away(TOKEN, data) {
        return;
    }
    let Ok(saved) = serde_json::from_slice::<Checkpoint>(data) else { return };
    let again: Checkpoint = serde_json::from_str(&serde_json::to_string(&saved).unwrap()).unwrap();
    assert_eq!(again, saved);
    for resubmit in [Resubmit::IfHarmless, Resubmit::Always] {
        go_on(saved.clone(), resubmit);
    }
}

fn go_on(saved: Checkpoint, resubmit: Resubmit) {
    let config = Config::for_region(Region::Us)
        .with_allowed_origin("https://files.example.com:8443")
        .unwrap()
        .with_resubmit(resubmit);
    let synced = usize::try_from(saved.offset()).unwrap_or(usize::MAX);
    let was_accepted = saved.operation().is_some();
    let Ok(job) = ExportJob::resume(saved, &config) else { return };
    assert_eq!(job.operation().is_some(), was_accepted);
    let allowed = Allowed::new(&[US[0], US[1], "https://files.example.com:8443"]);
    let accepted = answer(202, [("location", "/operations/op2".into())], b"");
    let completed = answer(200, [], COMPLETED);
    let whole = answer(200, [("etag", ETAG.into())], FILE);
    let no_such_part = answer(416, [], b"");
    let parts: Vec<_> = (0..FILE.len()).map(part).collect();
    let mut world = World::new(&config, &allowed);
    // What was synced is there; what comes behind it in the sink is anything.
    world.sink = [&FILE[..synced.min(FILE.len())], b"????"].concat();
    let outcome = world.run(job, |_, sent| match sent.phase {
        Phase::Submit => {
            assert!(!was_accepted, "a submit of what was accepted");
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
    });
    assert!(outcome.is_err() || world.sink == FILE, "another file");
}

fn part(from: usize) -> Turn<'static> {
    let range = format!("bytes {from}-{}/{}", FILE.len() - 1, FILE.len());
    answer(206, [("content-range", range), ("etag", ETAG.into())], &FILE[from..])
}

fn answer<const N: usize>(
    status: u16,
    headers: [(&'static str, String); N],
    body: &'static [u8],
) -> Turn<'static> {
    let mut head = Response::new(());
    *head.status_mut() = StatusCode::from_u16(status).unwrap();
    for (name, value) in headers {
        head.headers_mut().insert(name, value.parse().unwrap());
    }
    Turn::Answer(Answer::new(head, body))
}
