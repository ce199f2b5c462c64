//! The world that a seed describes: what is exported, how the service is, what goes wrong.

use std::time::Duration;

use export_core::{
    ApiVersion, ArchiveOptions, Config, DocumentExport, ExportSpec, FileExport, Pace,
    PresentationExport, SpreadsheetExport,
};
use export_sim::{Completion, Downloads, Fault, Framing, RandomRule, Scenario};
use fastrand::Rng;

use super::fate::{Fate, Moment, Turn};
use super::line::API;
use super::play::Lab;
use crate::case::SECRET;

/// Things happen by chance.
#[derive(Clone, Debug)]
pub struct AtRandom {
    random: Rng,
    die: f64,
    lose_power: f64,
    drop: f64,
    fail: f64,
    unreachable: f64,
}

impl Fate for AtRandom {
    fn turn(&mut self, moment: Moment) -> Turn {
        let mut dice = self.random.f64();
        let is_fallible = matches!(moment, Moment::Store | Moment::Write | Moment::Complete);
        for (turn, rate) in [
            (Turn::Die, self.die),
            (Turn::LosePower, self.lose_power),
            (Turn::Drop, self.drop),
            (Turn::Fail, if is_fallible { self.fail } else { 0.0 }),
        ] {
            if dice < rate {
                return turn;
            }
            dice -= rate;
        }
        Turn::GoOn
    }

    fn pick(&mut self, end: u64) -> u64 {
        self.random.u64(..end)
    }

    fn is_unreachable(&mut self) -> bool {
        self.random.f64() < self.unreachable
    }
}

/// The world of a seed.
pub(super) fn lab(seed: u64) -> Lab<AtRandom> {
    let mut random = Rng::with_seed(seed);
    let fate = fate(&mut random);
    let config = Config::new(API).expect("it is a URL on this machine");
    let config = config
        .with_api_version(*one_of(&mut random, &[ApiVersion::V2022_01_01, ApiVersion::V2026_01_01]))
        .with_pace(*one_of(&mut random, &[Pace::Gentle, Pace::Exact]))
        .with_jitter(seed);
    let spec = spec(&mut random);
    let service = service(&mut random, seed);
    let piece = random.usize(1..2_000);
    Lab::new(spec, config, service, fate).with_reruns(3).with_piece(piece)
}

fn fate(random: &mut Rng) -> AtRandom {
    let rate = |random: &mut Rng| *one_of(random, &[0.0, 0.0, 0.002, 0.01, 0.04]);
    AtRandom {
        die: rate(random),
        lose_power: rate(random),
        drop: rate(random),
        fail: rate(random),
        unreachable: rate(random) * 5.0,
        random: random.fork(),
    }
}

fn spec(random: &mut Rng) -> ExportSpec {
    let mail = ArchiveOptions { email_on_complete: Some(true), ..ArchiveOptions::default() };
    match random.u8(0..5) {
        0 => ExportSpec::document("d1", DocumentExport::pdf()),
        1 => ExportSpec::spreadsheet("s1", SpreadsheetExport::xlsx()),
        2 => ExportSpec::presentation("p1", PresentationExport::pptx()),
        3 => ExportSpec::file("f1", FileExport::folder(ArchiveOptions::default())),
        _ => ExportSpec::file("f1", FileExport::folder(mail)),
    }
}

fn service(random: &mut Rng, seed: u64) -> export_sim::Config {
    let seconds = Duration::from_secs;
    let downloads = [
        Downloads::ApiHost,
        Downloads::Signed,
        Downloads::Redirect(301),
        Downloads::Redirect(302),
        Downloads::Redirect(303),
        Downloads::Redirect(307),
    ];
    let framing = *one_of(random, &[Framing::Length, Framing::Length, Framing::Chunked]);
    let longest = one_of(random, &[0, 1, 20, 600, 3_300, 9_000]);
    let completion = Completion::Fixed(seconds(random.u64(0..=*longest)));
    let largest = one_of(random, &[8, 20, 5_000, 20_000]);
    let size = random.u64(8..=*largest);
    let service = export_sim::Config::default()
        .with_client("the-client", SECRET)
        .with_token_lifetime(seconds(*one_of(random, &[5, 45, 61, 599, 3_600])))
        .with_operations_rate(*one_of(random, &[0.0, 0.2, 1.0]))
        .with_completion(completion)
        .with_downloads(*one_of(random, &downloads))
        .with_framing(framing)
        .with_signed_url_lifetime(seconds(*one_of(random, &[0, 3, 900])))
        .with_artifact_size(size)
        .with_scenario(scenario(random, framing, seed))
        .with_seed(seed);
    match random.u8(0..4) {
        0 => service.without_retry_after(),
        1 => service.with_retry_after(0),
        2 => service.with_retry_after(random.u64(1..90)),
        _ => service,
    }
}

/// A share of the requests goes wrong: in ways that a client should survive, or in any.
fn scenario(random: &mut Rng, framing: Framing, seed: u64) -> Scenario {
    let rate = *one_of(random, &[0.0, 0.02, 0.1, 0.3, 0.7]);
    // What clients should survive includes a body that is cut, and only a length tells of that.
    let is_survivable = random.bool() && framing == Framing::Length;
    let faults = if is_survivable { Vec::new() } else { hostile(framing) };
    Scenario::default().with_random(RandomRule { seed, rate, faults })
}

/// Everything that can be told from the truth. What cannot is the service's own word: a body that
/// ends without an announced length, another file under the same validator.
fn hostile(framing: Framing) -> Vec<Fault> {
    let mut faults: Vec<Fault> = HOSTILE
        .lines()
        .map(|line| serde_json::from_str(line).expect("the faults of the soak are written rightly"))
        .collect();
    if framing == Framing::Chunked {
        faults.retain(|fault| {
            !matches!(fault, Fault::Truncate { .. } | Fault::Overlong { .. } | Fault::Body { .. })
        });
    }
    faults
}

/// One fault in each line, as in a scenario.
const HOSTILE: &str = include_str!("hostile.ndjson");

fn one_of<'a, T>(random: &mut Rng, choices: &'a [T]) -> &'a T {
    &choices[random.usize(..choices.len())]
}
