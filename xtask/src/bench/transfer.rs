//! Downloads of a batch compared with parallel transfers of the same files by curl.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::many::write_list;
use super::{artifact_url, median, succeed};
use crate::shell::{Simulator, TaskResult, cargo, run, target};

const EXPORTS: usize = 200;
const ROUNDS: usize = 3;

/// The sizes of the files, and the bandwidth of the link; 0 if the machine is the limit.
const CASES: [(&str, &str); 3] = [("1MiB", "119MiB"), ("1MiB", "0"), ("50MiB", "0")];

/// Fetches the files of many exports, by `wexport batch` with their submits and polls, and by `curl --parallel`
/// without.
pub(crate) fn transfer() -> TaskResult {
    run(&mut cargo(&["build", "--release", "--quiet", "--package", "wexport"]))?;
    println!(
        "{:>8} {:>8} {:<10} {:>8} {:>10} {:>8}",
        "exports", "file", "link", "curl", "wexport", "curl=1"
    );
    for (size, bandwidth) in CASES {
        let bench = Bench::start(size, bandwidth)?;
        let mut times: [Vec<Duration>; 2] = Default::default();
        for _ in 0..ROUNDS {
            times[0].push(bench.curl()?);
            times[1].push(bench.batch()?);
        }
        let [curl, batch] = times.map(|mut times| median(&mut times).as_secs_f64());
        let link = if bandwidth == "0" { "loopback" } else { "1 Gbit/s" };
        println!(
            "{EXPORTS:>8} {size:>8} {link:<10} {curl:>7.2}s {batch:>9.2}s {:>8.2}",
            curl / batch
        );
        let _ = fs::remove_dir_all(&bench.folder);
    }
    Ok(())
}

struct Bench {
    simulator: Simulator,
    folder: PathBuf,
}

impl Bench {
    fn start(size: &str, bandwidth: &str) -> TaskResult<Self> {
        let quick = ["--complete-after", "0s", "--operations-rate", "0", "--retry-after", "0"];
        let args = ["--artifact-size", size, "--bandwidth", bandwidth];
        let simulator = Simulator::start("release", &[&quick[..], &args].concat())?;
        let folder = target("bench-transfer");
        let bench = Self { simulator, folder };
        bench.clear()?;
        let mut transfers = String::new();
        for number in 0..EXPORTS {
            let url = artifact_url(&bench.simulator.url)?;
            let file = bench.files().join(format!("{number}.pdf"));
            let _ =
                writeln!(transfers, "url = \"{url}\"\noutput = {:?}", file.display().to_string());
        }
        fs::write(bench.transfers(), transfers).map_err(|error| error.to_string())?;
        write_list(&bench.list(), EXPORTS).map_err(|error| error.to_string())?;
        Ok(bench)
    }

    fn files(&self) -> PathBuf {
        self.folder.join("files")
    }

    fn list(&self) -> PathBuf {
        self.folder.join("list.csv")
    }

    fn transfers(&self) -> PathBuf {
        self.folder.join("transfers")
    }

    /// Removes the files of the round before, and waits until the disk is idle.
    fn clear(&self) -> TaskResult {
        for folder in [self.files(), self.folder.join("state")] {
            let _ = fs::remove_dir_all(folder);
        }
        fs::create_dir_all(self.files()).map_err(|error| error.to_string())?;
        succeed(Command::new("sync").arg("--file-system").arg(&self.folder))
    }

    fn curl(&self) -> TaskResult<Duration> {
        let mut command = Command::new("curl");
        command.args(["--silent", "--fail", "--parallel", "--parallel-max", "8"]);
        command.args(["--header", "Authorization: Bearer t0ken", "--config"]);
        command.arg(self.transfers());
        self.time(command)
    }

    fn batch(&self) -> TaskResult<Duration> {
        let mut command = Command::new(target("release").join("wexport"));
        command.args(["batch", "--quiet"]).arg(self.list());
        command.arg("--state").arg(self.folder.join("state"));
        command.arg("--output").arg(self.files().join("{id}.{format}"));
        command.args(["--submit-rate", "1000/s", "--poll-rate", "1000/s"]);
        command.args(["--poll-interval", "100ms"]);
        command.env("WEXPORT_BASE_URL", &self.simulator.url).env("WORKIVA_TOKEN", "t0ken");
        self.time(command)
    }

    /// The time until all files are on disk.
    fn time(&self, mut command: Command) -> TaskResult<Duration> {
        self.clear()?;
        let began = Instant::now();
        // curl shows the progress of parallel transfers also if it is told to be silent.
        succeed(command.stderr(Stdio::null()))?;
        let files = fs::read_dir(self.files()).map_err(|error| error.to_string())?;
        let files: Vec<PathBuf> = files.flatten().map(|file| file.path()).collect();
        succeed(Command::new("sync").args(&files))?;
        let time = began.elapsed();
        match files.len() {
            EXPORTS => Ok(time),
            written => Err(format!("{command:?} has written {written} of {EXPORTS} files")),
        }
    }
}
