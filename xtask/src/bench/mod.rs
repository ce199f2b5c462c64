//! Benchmarks of the core, of downloads and transfers compared with curl, of many exports compared with a
//! script, of separate processes, of the start of a batch, and of the Python package.

mod many;
#[expect(
    unreachable_pub,
    reason = "the file is also a module of a library, with many dependencies"
)]
#[path = "../../../tests/src/batch_sim/plot.rs"]
mod plot;
mod processes;
mod python;
mod start;
mod store;
mod transfer;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) use self::many::many;
pub(crate) use self::processes::processes;
pub(crate) use self::python::python;
pub(crate) use self::start::start;
pub(crate) use self::transfer::transfer;
use crate::shell::{Simulator, TaskResult, cargo, output, run, target};

/// Measures the core: time and memory of an export, of a step, and of a waiting job.
pub(crate) fn core() -> TaskResult {
    run(&mut cargo(&[
        "run",
        "--release",
        "--quiet",
        "--package",
        "conformance",
        "--example",
        "core_costs",
    ]))
}

const SIZE: u64 = 1 << 30;
const ROUNDS: usize = 5;

/// Downloads 1 GiB over loopback, discarded and to a file, alternately with curl and both adapters.
pub(crate) fn download() -> TaskResult {
    let build = ["build", "--release", "--quiet", "--package", "conformance", "--example", "fetch"];
    run(&mut cargo(&build))?;
    let size = SIZE.to_string();
    let quick = ["--artifact-size", &size, "--complete-after", "0s", "--operations-rate", "0"];
    let simulator = Simulator::start("release", &[&quick[..], &["--retry-after", "0"]].concat())?;
    let folder = target("bench-files");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let file = folder.join("artifact.pdf");
    let url = artifact_url(&simulator.url)?;

    println!(
        "{:<10} {:<8} {:>8} {:>10} {:>8} {:>10}",
        "target", "client", "median", "MiB/s", "curl=1", "RSS MiB"
    );
    for (kind, to) in [("discard", None), ("file", Some(file.as_path()))] {
        let mut times: [Vec<Duration>; 3] = Default::default();
        let mut rss = [0_u64; 3];
        for _ in 0..ROUNDS {
            for (index, client) in ["curl", "hyper", "ureq"].into_iter().enumerate() {
                let (time, peak) = match client {
                    "curl" => (curl(&url, to)?, 0),
                    adapter => fetch(adapter, &simulator.url, to)?,
                };
                if let Some(times) = times.get_mut(index) {
                    times.push(time);
                }
                if let Some(rss) = rss.get_mut(index) {
                    *rss = peak.max(*rss);
                }
            }
        }
        let curl = median(&mut times[0]);
        for (index, client) in ["curl", "hyper", "ureq"].into_iter().enumerate() {
            let time = median(&mut times[index]);
            let rate = SIZE as f64 / 1_048_576.0 / time.as_secs_f64();
            let ratio = curl.as_secs_f64() / time.as_secs_f64();
            let rss = if rss[index] == 0 {
                "-".into()
            } else {
                format!("{:.1}", rss[index] as f64 / 1024.0)
            };
            println!(
                "{kind:<10} {client:<8} {:>7.3}s {rate:>10.0} {ratio:>8.2} {rss:>10}",
                time.as_secs_f64()
            );
        }
    }
    let _ = fs::remove_dir_all(&folder);
    Ok(())
}

/// The middle one, if there is one.
fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// The number of exports that a benchmark was asked for, or its own numbers.
fn sizes(asked: Option<&str>, own: &[usize]) -> TaskResult<Vec<usize>> {
    match asked.map(str::parse) {
        None => Ok(own.to_vec()),
        Some(Ok(size)) => Ok(vec![size]),
        Some(Err(error)) => Err(format!("the number of exports: {error}")),
    }
}

/// Starts an export with curl, and returns the URL of its file.
fn artifact_url(base: &str) -> TaskResult<String> {
    let submit = format!("{base}/documents/bench/export");
    let head = output(Command::new("curl").args([
        "--silent",
        "--dump-header",
        "-",
        "--output",
        "/dev/null",
        "--request",
        "POST",
        &submit,
        "--header",
        "X-Version: 2026-01-01",
        "--header",
        "Content-Type: application/json",
        "--header",
        "Authorization: Bearer t0ken",
        "--data",
        r#"{"format":"pdf"}"#,
    ]))?;
    let location = head
        .lines()
        .find_map(|line| {
            line.split_once(": ").filter(|(name, _)| name.eq_ignore_ascii_case("location"))
        })
        .map(|(_, url)| url.trim())
        .ok_or("no Location in the response of the simulator")?;
    let operation = output(Command::new("curl").args([
        "--silent",
        location,
        "--header",
        "X-Version: 2026-01-01",
        "--header",
        "Authorization: Bearer t0ken",
    ]))?;
    let url = operation.split("\"resourceUrl\":\"").nth(1).and_then(|rest| rest.split('"').next());
    url.map(String::from).ok_or_else(|| format!("no resourceUrl in {operation}"))
}

fn curl(url: &str, to: Option<&Path>) -> TaskResult<Duration> {
    let mut command = Command::new("curl");
    command.args([
        "--silent",
        "--fail",
        "--header",
        "Authorization: Bearer t0ken",
        url,
        "--output",
    ]);
    command.arg(to.unwrap_or_else(|| Path::new("/dev/null")));
    if let Some(to) = to {
        let _ = fs::remove_file(to);
    }
    let started = Instant::now();
    succeed(&mut command)?;
    if let Some(to) = to {
        succeed(Command::new("sync").arg(to))?;
    }
    Ok(started.elapsed())
}

/// Downloads with an adapter in a separate process, and returns its time and peak memory in KiB.
fn fetch(adapter: &str, base: &str, to: Option<&Path>) -> TaskResult<(Duration, u64)> {
    let mut command = Command::new(target("release").join("examples").join("fetch"));
    command.args([adapter, base]).args(to);
    if let Some(to) = to {
        let _ = fs::remove_file(to);
    }
    let started = Instant::now();
    let peak = output(&mut command)?;
    let time = started.elapsed();
    let peak = peak.trim().parse().map_err(|_| format!("unexpected output of fetch: {peak:?}"))?;
    Ok((time, peak))
}

fn succeed(command: &mut Command) -> TaskResult {
    let status = command.stdin(Stdio::null()).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        other => Err(format!("{command:?} failed: {other:?}")),
    }
}
