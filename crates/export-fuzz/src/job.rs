//! Answers, failures, dropped handles and crashes in any order: what a job must not do.

use export_core::{
    ArchiveOptions, Config, DocumentExport, ExportJob, ExportSpec, FileExport, Pace, Phase, Region,
    Resubmit,
};
use http::StatusCode;

use crate::origin::{Allowed, US};
use crate::script::{Script, Turn};
use crate::world::{TOKEN, World, gives_away};

/// Plays a [script](crate::script); once it is over, its last answer is the answer for ever.
pub(crate) fn check(data: &[u8]) {
    if gives_away(TOKEN, data) {
        return;
    }
    let script = Script::read(data);
    let mut config = Config::for_region(Region::Us);
    if script.says("exact") {
        config = config.with_pace(Pace::Exact);
    }
    if script.says("jitter") {
        config = config.with_jitter(7);
    }
    if script.says("never") {
        config = config.with_resubmit(Resubmit::Never);
    }
    let mails = script.says("mail");
    let spec = if mails {
        let options = ArchiveOptions { email_on_complete: Some(true), ..ArchiveOptions::default() };
        ExportSpec::file("f1", FileExport::folder(options))
    } else {
        ExportSpec::document("d1", DocumentExport::pdf())
    };
    let job = ExportJob::new(spec, &config).unwrap();

    // Neither a process that dies for ever nor a driver that never waits for an answer comes to an
    // end, and it is not the machine's doing.
    let ends = |turn: &&Turn<'_>| match turn {
        Turn::Answer(answer) => !answer.left,
        Turn::Lost(_) => true,
        Turn::Crash | Turn::Drop => false,
    };
    let Some(forever) = script.turns.iter().rev().find(ends) else { return };
    let allowed = Allowed::new(&US);
    let mut world = World::new(&config, &allowed);
    let mut submits = Submits { repeats: !(mails || script.says("never")), ..Submits::default() };
    let _ = world.run(job, |index, sent| {
        let turn = script.turns.get(index).unwrap_or(forever);
        if sent.phase == Phase::Submit {
            submits.sent(turn);
        }
        turn
    });
}

/// The submit requests so far.
#[derive(Default)]
struct Submits {
    repeats: bool,
    /// How many may have arrived without being refused.
    arrived: u32,
    accepted: bool,
}

impl Submits {
    fn sent(&mut self, turn: &Turn<'_>) {
        assert!(!self.accepted, "a submit after one was accepted");
        assert!(self.repeats || self.arrived == 0, "a second submit that may double");
        assert!(self.arrived < 3, "a fourth submit that may have arrived");
        self.arrived += u32::from(Self::may_have_arrived(turn));
        if let Turn::Answer(answer) = turn {
            let location = answer.head.headers().get("location");
            let location = location.and_then(|value| value.to_str().ok()).unwrap_or_default();
            let says_where = location.strip_prefix("/o");
            let says_where = says_where
                .is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'/'));
            self.accepted |= answer.head.status() == StatusCode::ACCEPTED && says_where;
        }
    }

    fn may_have_arrived(turn: &Turn<'_>) -> bool {
        match turn {
            Turn::Crash | Turn::Drop => true,
            Turn::Lost(kind) => *kind != export_core::FailureKind::NotSent,
            Turn::Answer(answer) => match answer.head.status().as_u16() {
                // The service, or what stands before it, has not taken these.
                401 | 407 | 429 => false,
                // It says so in its own words, or by asking to come back.
                503 => answer.left,
                _ => true,
            },
        }
    }
}
