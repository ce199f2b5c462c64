//! Random schedules: the export, the service and the faults of a seed.

use std::time::Duration;

use export_core::workiva::{
    ApiVersion, ArchiveOptions, DocumentExport, ExportSpec, FileExport, PresentationExport,
    SpreadsheetExport,
};
use export_core::{Config, Pace};
use export_sim::{Completion, Downloads, Fault, Framing, RandomRule, Scenario};
use fastrand::Rng;

use super::inject::{CrashPoint, Injection, Injector};
use super::network::API;
use super::sim::CrashSim;
use crate::case::SECRET;

/// Injects at random, with a rate for each kind of injection.
#[derive(Clone, Debug)]
pub struct RandomInjector {
    random: Rng,
    kill: f64,
    power_loss: f64,
    drop_handle: f64,
    fail: f64,
    unreachable: f64,
}

impl Injector for RandomInjector {
    fn at(&mut self, point: CrashPoint) -> Injection {
        let mut number = self.random.f64();
        let is_fallible =
            matches!(point, CrashPoint::Store | CrashPoint::Write | CrashPoint::Complete);
        for (injection, rate) in [
            (Injection::Kill, self.kill),
            (Injection::PowerLoss, self.power_loss),
            (Injection::DropHandle, self.drop_handle),
            (Injection::Fail, if is_fallible { self.fail } else { 0.0 }),
        ] {
            if number < rate {
                return injection;
            }
            number -= rate;
        }
        Injection::None
    }

    fn pick(&mut self, end: u64) -> u64 {
        self.random.u64(..end)
    }

    fn is_unreachable(&mut self) -> bool {
        self.random.f64() < self.unreachable
    }
}

/// The simulation of a seed.
pub(super) fn random_sim(seed: u64) -> CrashSim<RandomInjector> {
    let mut random = Rng::with_seed(seed);
    let injector = injector(&mut random);
    let config = Config::new(API).expect("the URL is valid");
    let config = config
        .with_api_version(*one_of(&mut random, &[ApiVersion::V2022_01_01, ApiVersion::V2026_01_01]))
        .with_pace(*one_of(&mut random, &[Pace::Gentle, Pace::Exact]))
        .with_jitter(seed);
    let spec = spec(&mut random);
    let service = service(&mut random, seed);
    let write_size = random.usize(1..2_000);
    CrashSim::new(spec, config, service, injector).with_resumes(3).with_write_size(write_size)
}

fn injector(random: &mut Rng) -> RandomInjector {
    let rate = |random: &mut Rng| *one_of(random, &[0.0, 0.0, 0.002, 0.01, 0.04]);
    RandomInjector {
        kill: rate(random),
        power_loss: rate(random),
        drop_handle: rate(random),
        fail: rate(random),
        unreachable: rate(random) * 5.0,
        random: random.fork(),
    }
}

fn spec(random: &mut Rng) -> ExportSpec {
    let email = ArchiveOptions::default().email_on_complete(true);
    match random.u8(0..5) {
        0 => ExportSpec::document("d1", DocumentExport::pdf()),
        1 => ExportSpec::spreadsheet("s1", SpreadsheetExport::xlsx()),
        2 => ExportSpec::presentation("p1", PresentationExport::pptx()),
        3 => ExportSpec::file("f1", FileExport::folder(ArchiveOptions::default())),
        _ => ExportSpec::file("f1", FileExport::folder(email)),
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
    let max_duration = one_of(random, &[0, 1, 20, 600, 3_300, 9_000]);
    let completion = Completion::Fixed(seconds(random.u64(0..=*max_duration)));
    let max_size = one_of(random, &[8, 20, 5_000, 20_000]);
    let size = random.u64(8..=*max_size);
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

/// Random faults in a share of the requests: only those that a client should survive, or all.
fn scenario(random: &mut Rng, framing: Framing, seed: u64) -> Scenario {
    let rate = *one_of(random, &[0.0, 0.02, 0.1, 0.3, 0.7]);
    // The survivable faults include truncated bodies, which clients can detect only by the length.
    let is_survivable = random.bool() && framing == Framing::Length;
    let faults = if is_survivable { Vec::new() } else { hostile(framing) };
    Scenario::default().with_random(RandomRule { seed, rate, faults })
}

/// All faults that a client can detect. It cannot detect a body without a declared length that ends
/// early, or another file with the same validator.
fn hostile(framing: Framing) -> Vec<Fault> {
    let mut faults: Vec<Fault> = HOSTILE
        .lines()
        .map(|network| serde_json::from_str(network).expect("hostile.ndjson is valid"))
        .collect();
    if framing == Framing::Chunked {
        faults.retain(|fault| {
            !matches!(fault, Fault::Truncate { .. } | Fault::Overlong { .. } | Fault::Body { .. })
        });
    }
    faults
}

/// One fault per line, in the format of scenarios.
const HOSTILE: &str = include_str!("hostile.ndjson");

fn one_of<'a, T>(random: &mut Rng, choices: &'a [T]) -> &'a T {
    &choices[random.usize(..choices.len())]
}
