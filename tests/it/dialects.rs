//! Dialects of other services, driven through faults.
#![expect(clippy::unwrap_used, reason = "a test that cannot continue has failed")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use conformance::dialects::play::{FAULTS, Fault, play, play_and_cancel};
use conformance::dialects::site::Site;
use conformance::dialects::{SAMPLES, STORE, Sample, fhir, salesforce};
use export_core::dialect::Repeat;
use export_core::{Artifact, Config, Error, ExportJob};
use insta::assert_snapshot;
use test_servers::quick;

/// The number of requests at the start of an export that get any combination of faults.
const LENGTH: u32 = 4;

#[test]
fn every_result_is_the_whole_one() {
    for sample in &SAMPLES {
        let (mut whole, mut failed) = (0, 0);
        for number in 0..FAULTS.len().pow(LENGTH) {
            let digit = |place| FAULTS[number / FAULTS.len().pow(place) % FAULTS.len()];
            let script: Vec<Fault> = (0..LENGTH).map(digit).collect();
            if check(sample, &script) { whole += 1 } else { failed += 1 }
        }
        // Another submit after a lost response would be another export.
        let is_repeated = (sample.dialect)(sample.base).repeat() == Repeat::Harmless;
        let is_enough = whole > if is_repeated { failed } else { 0 };
        assert!(is_enough, "{}: {whole} whole, {failed} failed", sample.name);
    }
}

/// Late faults hit the downloads of each file.
#[test]
fn late_faults_do_not_change_the_result() {
    for sample in &SAMPLES {
        for quiet in 0..12 {
            for first in FAULTS {
                for second in FAULTS {
                    let mut script = vec![Fault::None; quiet];
                    script.extend([first, second]);
                    check(sample, &script);
                }
            }
        }
    }
}

/// Returns whether the export has its files.
fn check(sample: &Sample, script: &[Fault]) -> bool {
    let played = play(sample, script);
    let context = || format!("{} {script:?}\n{}{:?}", sample.name, played.log, played.outcome);
    if (sample.dialect)(sample.base).repeat() == Repeat::SideEffect {
        assert!(played.submits <= 1, "{}", context());
    }
    match &played.outcome {
        Ok(_) => {
            assert_eq!(played.files, (sample.service)(STORE).files(), "{}", context());
            true
        }
        Err(error) => {
            // No fault is the fault of the service or of the export.
            let is_expected = error.is_resumable()
                || matches!(error, Error::SubmitUnconfirmed { .. } | Error::Gateway { .. });
            assert!(is_expected, "{}", context());
            false
        }
    }
}

/// Both adapters get the same files over sockets, through faults, with each of their methods that takes
/// several.
#[test]
fn adapters_export_from_other_services() {
    for sample in [fhir::SAMPLE, salesforce::SAMPLE] {
        for adapter in ["hyper", "ureq"] {
            let store = Site::start((sample.service)(STORE));
            let site = Site::start((sample.service)(&store.url()));
            let expected = (sample.service)(&store.url()).files();
            let folder = tempfile::tempdir().unwrap();
            let files = match adapter {
                "hyper" => with_hyper(&sample, &site.url(), folder.path()),
                _ => with_ureq(&sample, &site.url(), folder.path()),
            };
            let read = |(path, artifact): &(PathBuf, Artifact)| {
                (artifact.file_name().to_owned(), fs::read(path).unwrap())
            };
            let files: Vec<_> = files.iter().map(read).collect();
            assert_eq!(files, expected, "{adapter}");
            // The token went to the service, and to no other origin.
            let has_token = |request: &String| request.contains("t0ken");
            assert!(site.requests().iter().all(has_token), "{adapter}");
            assert!(!store.requests().iter().any(has_token), "{adapter}");
            assert!(!site.requests().is_empty());
        }
    }
}

fn with_ureq(sample: &Sample, url: &str, folder: &Path) -> Vec<(PathBuf, Artifact)> {
    let client = test_servers::settings(export_ureq::Client::builder(), url)
        .config(Config::new(url).unwrap().with_limits(quick()))
        .build()
        .unwrap();
    let job = ExportJob::with_dialect((sample.dialect)(url), client.config());
    // One file is no place for several.
    let alone = client.job(job).to_file(folder.join("alone")).unwrap_err();
    assert!(alone.to_string().contains("the result has several files"), "{alone}");
    let job = ExportJob::with_dialect((sample.dialect)(url), client.config());
    client.job(job).to_files(folder).unwrap()
}

fn with_hyper(sample: &Sample, url: &str, folder: &Path) -> Vec<(PathBuf, Artifact)> {
    let client = test_servers::settings(export_hyper::Client::builder(), url)
        .config(Config::new(url).unwrap().with_limits(quick()))
        .build()
        .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let job = ExportJob::with_dialect((sample.dialect)(url), client.config());
        let alone = client.job(job).to_file(folder.join("alone")).await.unwrap_err();
        assert!(alone.to_string().contains("the result has several files"), "{alone}");
        let job = ExportJob::with_dialect((sample.dialect)(url), client.config());
        client.job(job).to_files(folder).await.unwrap()
    })
}

#[test]
fn exports_without_faults() {
    let mut text = String::new();
    for sample in &SAMPLES {
        let played = play(sample, &[]);
        let _ = writeln!(text, "{}\n{}", sample.name, played.log);
        for (name, bytes) in played.files {
            let _ = writeln!(text, "{name}: {} bytes", bytes.len());
        }
        text.push('\n');
    }
    assert_snapshot!(text);
}

#[test]
fn cancelled_exports() {
    let mut text = String::new();
    for sample in &SAMPLES {
        let played = play_and_cancel(sample, 2);
        let end = played.outcome.map_or_else(|error| error.to_string(), |_| "done".into());
        let _ = writeln!(text, "{}\n{}{end}\n", sample.name, played.log);
    }
    assert_snapshot!(text);
}
