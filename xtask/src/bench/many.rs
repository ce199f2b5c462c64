//! Many exports that are done at once, without a limit at the service: `wexport batch` compared with a
//! short script, and with what the machine itself allows.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::median;
use super::plot::{Curve, plot};
use crate::shell::{Simulator, TaskResult, cargo, output, python, root, run, target};

const SIZES: [usize; 3] = [500, 2_000, 10_000];
const ROUNDS: usize = 3;

/// The size of a file, in bytes.
const FILE_SIZE: usize = 10_000;

/// Wall time and processor time; the latter is not measured for what runs in this process.
type Times = (Duration, Option<Duration>);

/// Measures all sizes, or one.
pub(crate) fn many(size: Option<&str>) -> TaskResult {
    let sizes = super::sizes(size, &SIZES)?;
    let build = ["build", "--release", "--quiet", "--package"];
    run(&mut cargo(&[&build[..], &["wexport"]].concat()))?;
    run(&mut cargo(&[&build[..], &["conformance", "--example", "bare_loop"]].concat()))?;
    let python = python("bench-venv", &["httpx==0.28.1"])?;
    let file_size = FILE_SIZE.to_string();
    let quick = ["--complete-after", "0s", "--operations-rate", "0", "--retry-after", "0"];
    let simulator =
        Simulator::start("release", &[&quick[..], &["--artifact-size", &file_size]].concat())?;
    let bench = Bench { python, folder: target("bench-many"), url: &simulator.url };
    bench.remove_files()?;

    println!(
        "{:>7} {:<20} {:>8} {:>9} {:>10} {:>10}",
        "exports", "client", "median", "script=1", "processor", "script=1"
    );
    let mut walls = Vec::new();
    for size in sizes {
        walls.push((size, bench.compare(size)?));
    }
    bench.remove_files()?;
    if walls.len() > 1 { draw(&walls) } else { Ok(()) }
}

/// Plots the files per second by the number of exports.
fn draw(walls: &[(usize, [f64; 4])]) -> TaskResult {
    let colours = ["#d95f02", "#1b6ca8", "#7570b3", "#000"];
    let curves: Vec<Curve> = (0..CLIENTS.len())
        .map(|client| {
            let points = walls.iter().map(|(size, walls)| {
                let exports = *size as f64;
                (exports, exports / walls[client])
            });
            Curve::new(CLIENTS[client], colours[client], "").with_points(points.collect())
        })
        .collect();
    let marks = [(100.0, "100"), (300.0, "300"), (1_000.0, "1,000"), (3_000.0, "3,000")];
    let title = "Files per second, of exports that are done at once";
    let path = root().join("docs/files-per-second.svg");
    fs::write(&path, plot(title, "exports", &marks, &curves))
        .map_err(|error| format!("{}: {error}", path.display()))?;
    println!("\nwrote {}", path.display());
    Ok(())
}

struct Bench<'a> {
    python: PathBuf,
    folder: PathBuf,
    url: &'a str,
}

/// What is measured, in this order in each round.
const CLIENTS: [&str; 4] = ["script", "wexport batch", "bare hyper loop", "bare flushes"];

impl Bench<'_> {
    /// Returns the wall times in seconds.
    fn compare(&self, size: usize) -> TaskResult<[f64; 4]> {
        let mut times: [(Vec<Duration>, Vec<Duration>); 4] = Default::default();
        for round in 0..ROUNDS {
            for (client, (walls, cpus)) in CLIENTS.into_iter().zip(&mut times) {
                // Files stay until the end: without a journal, ext4 searches long for an inode while
                // many were deleted in the last minutes.
                let folder = self.folder.join(format!("{size}-{round}-{client}"));
                let (wall, cpu) = self.time(client, size, &folder)?;
                walls.push(wall);
                cpus.extend(cpu);
            }
        }
        let medians = times.map(|(mut walls, mut cpus)| {
            let cpu = (!cpus.is_empty()).then(|| median(&mut cpus).as_secs_f64());
            (median(&mut walls).as_secs_f64(), cpu)
        });
        let (script, script_cpu) = medians[0];
        for (client, (wall, cpu)) in CLIENTS.into_iter().zip(medians) {
            let ratio = wall / script;
            print!("{size:>7} {client:<20} {wall:>7.2}s {ratio:>9.2}");
            match cpu.zip(script_cpu) {
                Some((cpu, script)) => println!(" {cpu:>9.2}s {:>10.2}", cpu / script),
                None => println!(" {:>10} {:>10}", "-", "-"),
            }
        }
        Ok(medians.map(|(wall, _)| wall))
    }

    fn remove_files(&self) -> TaskResult {
        match fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(format!("{}: {error}", self.folder.display()))
            }
            _ => Ok(()),
        }
    }

    fn time(&self, client: &str, size: usize, folder: &Path) -> TaskResult<Times> {
        let files = folder.join("files");
        fs::create_dir_all(&files).map_err(|error| format!("{}: {error}", files.display()))?;
        let count = size.to_string();
        let mut command = Command::new(&self.python);
        command.arg(root().join("xtask/src/bench/measured.py"));
        match client {
            "script" => {
                command.arg(&self.python).arg(root().join("xtask/src/bench/plain_loop.py"));
                command.args([self.url, &count]).arg(&files);
            }
            "wexport batch" => {
                let list = folder.join("list.csv");
                write_list(&list, size).map_err(|error| format!("{}: {error}", list.display()))?;
                command.arg(target("release").join("wexport")).arg("batch").arg(list);
                command.arg("--state").arg(folder.join("state"));
                command.arg("--output").arg(files.join("{id}.{format}"));
                command.args(["--submit-rate", "1000/s", "--poll-rate", "1000/s"]);
                // The script does not wait at all before it polls.
                command.args(["--poll-interval", "100ms"]);
                command.env("WEXPORT_BASE_URL", self.url).env("WORKIVA_TOKEN", "t0ken");
            }
            "bare hyper loop" => {
                command.arg(target("release").join("examples").join("bare_loop"));
                command.args([self.url, &count]).arg(&files);
            }
            _ => return flush(&files, size).map_err(|error| error.to_string()),
        }
        let printed = output(&mut command)?;
        let mut times = printed.split_whitespace().map(|seconds| {
            seconds.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        });
        let (Some(Some(wall)), Some(Some(cpu))) = (times.next(), times.next()) else {
            return Err(format!("unexpected output: {printed:?}"));
        };
        let written = fs::read_dir(&files).map_err(|error| error.to_string())?.count();
        if written == size {
            Ok((wall, Some(cpu)))
        } else {
            Err(format!("{client} has written {written} of {size} files"))
        }
    }
}

/// A list of documents, as PDF.
pub(super) fn write_list(path: &Path, size: usize) -> std::io::Result<()> {
    let mut list = String::from("id,kind,format\n");
    for number in 0..size {
        list += &format!("{number:032x},document,pdf\n");
    }
    fs::write(path, list)
}

/// Writes as many files, one after the other, each with one flush: the least that a durable file costs.
fn flush(folder: &Path, size: usize) -> std::io::Result<Times> {
    let (content, began) = (vec![0; FILE_SIZE], Instant::now());
    for number in 0..size {
        let mut file = File::create(folder.join(number.to_string()))?;
        file.write_all(&content)?;
        file.sync_data()?;
    }
    Ok((began.elapsed(), None))
}
