//! Downloads of a batch compared with parallel transfers of the same files by curl.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::many::write_list;
use super::store::Store;
use super::{artifact_url, median, succeed};
use crate::shell::{Simulator, TaskResult, cargo, run, target};

const EXPORTS: usize = 200;
const ROUNDS: usize = 3;

/// The sizes of the files, the bandwidth of the link (0 if the machine is the limit), and where they go.
const CASES: [(&str, &str, To); 4] = [
    ("1MiB", "119MiB", To::Files),
    ("1MiB", "119MiB", To::Store),
    ("1MiB", "0", To::Files),
    ("50MiB", "0", To::Files),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum To {
    Files,
    /// An object store. curl uploads the files when it has all.
    Store,
}

/// Fetches the files of many exports, by `wexport batch` with their submits and polls, and by `curl --parallel`
/// without.
pub(crate) fn transfer() -> TaskResult {
    run(&mut cargo(&["build", "--release", "--quiet", "--package", "wexport"]))?;
    println!(
        "{:>8} {:>8} {:<10} {:<8} {:>8} {:>10} {:>8}",
        "exports", "file", "link", "to", "curl", "wexport", "curl=1"
    );
    for (size, bandwidth, to) in CASES {
        let bench = Bench::start(size, bandwidth, to)?;
        let mut times: [Vec<Duration>; 2] = Default::default();
        for _ in 0..ROUNDS {
            times[0].push(bench.curl()?);
            times[1].push(bench.batch()?);
        }
        let [curl, batch] = times.map(|mut times| median(&mut times).as_secs_f64());
        let link = if bandwidth == "0" { "loopback" } else { "1 Gbit/s" };
        println!(
            "{EXPORTS:>8} {size:>8} {link:<10} {:<8} {curl:>7.2}s {batch:>9.2}s {:>8.2}",
            if to == To::Store { "a store" } else { "files" },
            curl / batch
        );
        let _ = fs::remove_dir_all(&bench.folder);
    }
    Ok(())
}

struct Bench {
    simulator: Simulator,
    folder: PathBuf,
    to: To,
    store: Store,
}

impl Bench {
    fn start(size: &str, bandwidth: &str, to: To) -> TaskResult<Self> {
        let quick = ["--complete-after", "0s", "--operations-rate", "0", "--retry-after", "0"];
        let args = ["--artifact-size", size, "--bandwidth", bandwidth];
        let simulator = Simulator::start("release", &[&quick[..], &args].concat())?;
        let folder = target("bench-transfer");
        let store = Store::start().map_err(|error| error.to_string())?;
        let bench = Self { simulator, folder, to, store };
        bench.clear()?;
        let (mut transfers, mut uploads) = (String::new(), String::new());
        for number in 0..EXPORTS {
            let url = artifact_url(&bench.simulator.url)?;
            let file = bench.files().join(format!("{number}.pdf"));
            let _ =
                writeln!(transfers, "url = \"{url}\"\noutput = {:?}", file.display().to_string());
            let to = format!("http://{}/bucket/{number}.pdf", bench.store.address);
            let _ =
                writeln!(uploads, "url = \"{to}\"\nupload-file = {:?}", file.display().to_string());
        }
        for (path, lines) in [(bench.transfers(), transfers), (bench.uploads(), uploads)] {
            fs::write(path, lines).map_err(|error| error.to_string())?;
        }
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

    fn uploads(&self) -> PathBuf {
        self.folder.join("uploads")
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
        let curl = |config: PathBuf| {
            let mut command = Command::new("curl");
            command.args(["--silent", "--fail", "--parallel", "--parallel-max", "8"]);
            command.args(["--header", "Authorization: Bearer t0ken", "--header", "Expect:"]);
            command.arg("--config").arg(config);
            command
        };
        let uploads = (self.to == To::Store).then(|| curl(self.uploads()));
        self.time([curl(self.transfers())].into_iter().chain(uploads))
    }

    fn batch(&self) -> TaskResult<Duration> {
        let mut command = Command::new(target("release").join("wexport"));
        command.args(["batch", "--quiet"]).arg(self.list());
        command.arg("--state").arg(self.folder.join("state"));
        match self.to {
            To::Files => command.arg("--output").arg(self.files().join("{id}.{format}")),
            To::Store => {
                command.args(["--output", "s3://bucket/{id}.{format}"]);
                command.envs(self.store.variables())
            }
        };
        command.args(["--submit-rate", "1000/s", "--poll-rate", "1000/s"]);
        command.args(["--poll-interval", "100ms"]);
        command.env("WEXPORT_BASE_URL", &self.simulator.url).env("WORKIVA_TOKEN", "t0ken");
        self.time([command])
    }

    /// The time until all files are on disk, or in the store.
    fn time(&self, commands: impl IntoIterator<Item = Command>) -> TaskResult<Duration> {
        self.clear()?;
        self.store.take_written();
        let began = Instant::now();
        for mut command in commands {
            // curl shows the progress of parallel transfers also if it is told to be silent.
            succeed(command.stderr(Stdio::null()))?;
        }
        let written = match self.to {
            To::Store => self.store.take_written(),
            To::Files => {
                let files = fs::read_dir(self.files()).map_err(|error| error.to_string())?;
                let files: Vec<PathBuf> = files.flatten().map(|file| file.path()).collect();
                succeed(Command::new("sync").args(&files))?;
                files.len()
            }
        };
        let time = began.elapsed();
        if written == EXPORTS { Ok(time) } else { Err(format!("{written} of {EXPORTS} files")) }
    }
}
