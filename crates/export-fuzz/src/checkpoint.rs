//! Checkpoints that somebody has changed.

use export_core::{Checkpoint, Config, ExportJob, Region, Resubmit};

use crate::origin::Allowed;
use crate::script::{Script, Turn};
use crate::world::{TOKEN, World, gives_away};

/// A service that accepts, and is done at once.
const SERVICE: &[u8] = b"
===
202
location: /operations/op2
===
200

{\"status\":\"completed\",\"resourceUrl\":\"/f\"}
===
200
etag: \"v1\"

%PDF-1.7 and the rest of it";

/// The bytes are JSON; a job that goes on from it meets a [service](SERVICE).
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
    let was_accepted = saved.operation().is_some();
    let Ok(job) = ExportJob::resume(saved, &config) else { return };
    assert_eq!(job.operation().is_some(), was_accepted);
    let allowed = Allowed::new(&["https://api.app.wdesk.com", "https://files.example.com:8443"]);
    let service = Script::read(SERVICE);
    let [accepted, completed, file] = &service.turns[..] else { panic!("three answers") };
    let mut world = World::new(&config, &allowed, true);
    // The sink may hold more than was synced.
    world.sink = b"%PDF-1.7 and".to_vec();
    let _ = world.run(job, |_, sent| -> &Turn<'_> {
        match (sent.phase, sent.url.ends_with("/f")) {
            (export_core::Phase::Submit, _) => {
                assert!(!was_accepted, "a submit of what was accepted");
                accepted
            }
            (export_core::Phase::Poll, _) => completed,
            (export_core::Phase::Fetch, _) => file,
        }
    });
}
