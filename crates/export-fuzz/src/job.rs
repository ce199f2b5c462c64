//! Responses, failures, dropped handles and crashes in any order.

use export_core::workiva::{ArchiveOptions, DocumentExport, ExportSpec, FileExport, Region};
use export_core::{Config, ExportJob, Limits, Pace, Phase, Resubmit};
use http::StatusCode;

use crate::harness::{Harness, TOKEN, contains_secret};
use crate::origin::{Allowed, US};
use crate::script::{Script, ScriptedReply};

/// Runs a job with a [script](crate::script), whose last reply is repeated.
pub(crate) fn check(data: &[u8]) {
    if contains_secret(TOKEN, data) {
        return;
    }
    let script = Script::read(data);
    let mut config = Config::for_region(Region::Us);
    if script.has_flag("exact") {
        config = config.with_pace(Pace::Exact);
    }
    if script.has_flag("jitter") {
        config = config.with_jitter(7);
    }
    if script.has_flag("never") {
        config = config.with_resubmit(Resubmit::Never);
    }
    let mails = script.has_flag("mail");
    let spec = if mails {
        let options = ArchiveOptions::default().email_on_complete(true);
        ExportSpec::file("f1", FileExport::folder(options))
    } else {
        ExportSpec::document("d1", DocumentExport::pdf())
    };
    let job = ExportJob::new(spec, &config).unwrap();

    // Endless crashes or dropped handles never end a job, so that they are not repeated.
    let is_repeatable = |reply: &&ScriptedReply<'_>| match reply {
        ScriptedReply::Response(response) => !response.drops_body,
        ScriptedReply::Failure(_) => true,
        ScriptedReply::Crash | ScriptedReply::Drop => false,
    };
    let Some(repeated) = script.replies.iter().rev().find(is_repeatable) else { return };
    let allowed = Allowed::new(&US);
    let mut harness = Harness::new(&config, &allowed);
    let may_repeat = !(mails || script.has_flag("never"));
    let mut submits = Submits { may_repeat, ..Submits::default() };
    let _ = harness.run(job, |index, sent| {
        let reply = script.replies.get(index).unwrap_or(repeated);
        if sent.phase == Phase::Submit {
            submits.sent(reply);
        }
        reply
    });
}

/// The submit requests so far.
#[derive(Default)]
struct Submits {
    may_repeat: bool,
    /// The number of submits that may have arrived and were not refused.
    arrived: u32,
    /// Those of this process: a resumed job counts again.
    of_process: u32,
    accepted: bool,
}

impl Submits {
    fn sent(&mut self, reply: &ScriptedReply<'_>) {
        assert!(!self.accepted, "a submit after the export was accepted");
        assert!(self.may_repeat || self.arrived == 0, "a second submit with a side effect");
        let most = Limits::default().max_submits;
        assert!(self.of_process < most, "more submits may have arrived than are allowed");
        let may_have_arrived = u32::from(Self::may_have_arrived(reply));
        self.arrived += may_have_arrived;
        self.of_process = match reply {
            ScriptedReply::Crash => 0,
            _ => self.of_process + may_have_arrived,
        };
        if let ScriptedReply::Response(response) = reply {
            let location = response.head.headers().get("location");
            let location = location.and_then(|value| value.to_str().ok()).unwrap_or_default();
            let is_valid = location
                .strip_prefix("/o")
                .is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'/'));
            self.accepted |= response.head.status() == StatusCode::ACCEPTED && is_valid;
        }
    }

    fn may_have_arrived(reply: &ScriptedReply<'_>) -> bool {
        match reply {
            ScriptedReply::Crash | ScriptedReply::Drop => true,
            ScriptedReply::Failure(kind) => *kind != export_core::FailureKind::NotSent,
            ScriptedReply::Response(response) => match response.head.status().as_u16() {
                // Refused by the service, or by a proxy in front of it.
                401 | 407 | 429 => false,
                // Refused, if the job has seen the body or a `Retry-After`.
                503 => response.drops_body,
                _ => true,
            },
        }
    }
}
