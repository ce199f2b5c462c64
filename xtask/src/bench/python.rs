//! The Python package: the size of its wheel, its import, and one large export beside a short script.

use std::fs;
use std::process::Command;
use std::time::Duration;

use super::median;
use crate::python;
use crate::shell::{Simulator, TaskResult, output, root, target};

/// The sizes of the file in MiB: the memory must not grow with it.
const SIZES: [u64; 2] = [20, 200];
const ROUNDS: usize = 3;

/// What exports, in this order in each round. The first two are a loop of `requests` with reads of 1 MiB, and the same
/// loop with a flush to disk at the end, without which a crash may lose the file: the clients flush theirs.
const CLIENTS: [&str; 7] =
    ["script", "flushed", "Client", "AsyncClient", "requests", "httpx", "aiohttp"];

/// Builds the wheel as it is published, and measures it.
pub(crate) fn python() -> TaskResult {
    let python = python::python()?;
    let wheel = python::install(&python, "wheel")?;
    let size = fs::metadata(&wheel).map_err(|error| format!("{}: {error}", wheel.display()))?.len();
    println!("wheel {:.2} MB", size as f64 / 1e6);
    let folder = target("bench-python");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let file = folder.join("file");
    let mut imports = Vec::new();
    println!(
        "{:>5} {:<12} {:>8} {:>9} {:>10} {:>10}",
        "MiB", "client", "median", "script=1", "flushed=1", "peak MiB"
    );
    for size in SIZES {
        let bytes = format!("{size}MiB");
        let quick = ["--complete-after", "0s", "--operations-rate", "0", "--retry-after", "0"];
        let simulator =
            Simulator::start("release", &[&quick[..], &["--artifact-size", &bytes]].concat())?;
        let mut times: [Vec<Duration>; CLIENTS.len()] = Default::default();
        let mut peaks = [0.0_f64; CLIENTS.len()];
        for _ in 0..ROUNDS {
            for ((client, times), peak) in CLIENTS.into_iter().zip(&mut times).zip(&mut peaks) {
                let mut command = Command::new(&python);
                command.arg(root().join("xtask/src/bench/python.py"));
                let printed = output(command.args([client, &simulator.url]).arg(&file))?;
                let numbers: Vec<f64> =
                    printed.split_whitespace().filter_map(|number| number.parse().ok()).collect();
                let [took, imported, memory] = numbers[..] else {
                    return Err(format!("unexpected output: {printed:?}"));
                };
                times.push(Duration::from_secs_f64(took));
                imports.push(Duration::from_secs_f64(imported));
                *peak = peak.max(memory / 1024.0);
            }
        }
        let times = times.map(|mut times| median(&mut times).as_secs_f64());
        for ((client, time), peak) in CLIENTS.into_iter().zip(times).zip(peaks) {
            let [script, flushed] = [0, 1].map(|index| time / times[index]);
            println!(
                "{size:>5} {client:<12} {time:>7.3}s {script:>9.2} {flushed:>10.2} {peak:>10.1}"
            );
        }
    }
    println!("import {:.1} ms (median)", median(&mut imports).as_secs_f64() * 1e3);
    let _ = fs::remove_dir_all(&folder);
    Ok(())
}
