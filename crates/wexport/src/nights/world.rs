//! A machine with a folder, on which the program runs, is killed, and finds what it has left.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser as _;
use export_hyper::Timestamp;
use tempfile::TempDir;
use tokio::time::sleep_until;

use super::network::{Network, URL};
use crate::args::Cli;
use crate::commands;
use crate::machine::Machine;
use crate::problem::Exit;
use crate::receipt;
use crate::report::Report;
use crate::state::{BatchDb, Found, RowEnd, StateDir};

/// The rows of the list.
pub(super) const ROWS: usize = 6;

pub(super) struct World {
    pub(super) machine: Arc<Machine>,
    pub(super) network: Network,
    folder: TempDir,
    /// The number of machines that had the state.
    moves: u32,
}

/// A run that has ended.
#[derive(Debug)]
pub(super) struct Ran {
    code: ExitCode,
    /// What it printed to standard error: the mail of cron.
    pub(super) mail: String,
}

impl Ran {
    pub(super) fn is(&self, exit: Exit) -> bool {
        self.code == exit.into()
    }
}

impl World {
    pub(super) fn new(machine: Arc<Machine>, network: Network) -> Self {
        // In memory, where the system has it: what is flushed to a disk takes most of the time.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let world = Self { machine, network, folder, moves: 0 };
        fs::create_dir_all(world.work()).unwrap();
        for (name, value) in [
            ("HOME", world.work().join("home").to_str().unwrap()),
            ("WEXPORT_BASE_URL", URL),
            ("WORKIVA_CLIENT_ID", "an-id"),
            ("WORKIVA_CLIENT_SECRET", "a-secret"),
        ] {
            world.machine.set_variable(name, value);
        }
        world
    }

    /// All files of the machine.
    fn disk(&self) -> PathBuf {
        self.folder.path().join("disk")
    }

    pub(super) fn work(&self) -> PathBuf {
        self.disk().join("work")
    }

    fn state(&self) -> PathBuf {
        self.disk().join(format!("state{}", self.moves))
    }

    /// Writes the list of a date.
    fn write_list(&self, date: &str) {
        let mut list = String::from("kind,id,format,output\n");
        for (id, file) in self.exports(date) {
            let file = file.display().to_string().replace(date, "{date}");
            list.push_str(&format!("document,{id},pdf,{file}\n"));
        }
        fs::write(self.work().join("list.csv"), list).unwrap();
    }

    /// The exports of a date, and their files. The last one replaces its file of the night before.
    pub(super) fn exports(&self, date: &str) -> Vec<(String, PathBuf)> {
        let file = |row| match row {
            ROWS => self.work().join("latest.pdf"),
            _ => self.work().join(date).join(format!("{row}.pdf")),
        };
        (1..=ROWS).map(|row| (format!("d{row}-of-{date}"), file(row))).collect()
    }

    /// Runs the line of cron.
    pub(super) async fn run(&self, date: &str) -> Ran {
        let never = self.machine.now() + std::time::Duration::from_secs(30 * 86_400);
        self.run_until(date, never).await.expect("it ends within a month")
    }

    /// Runs the line of cron, and kills it at a time; `None` if it has not ended before.
    ///
    /// The command is dropped while its folder is out of its reach, so that nothing of it does more than the system
    /// does for a killed process: its locks are released. No write is torn, since the time of a paused clock does
    /// not pass during one.
    pub(super) async fn run_until(&self, date: &str, time: Timestamp) -> Option<Ran> {
        self.write_list(date);
        let (list, state) = (self.work().join("list.csv"), self.state());
        let line = ["wexport", "batch", list.to_str().unwrap(), "--continue", "--receipt"];
        let options = ["--date", date, "--state", state.to_str().unwrap()];
        let cli = Cli::try_parse_from([&line[..], &options].concat()).unwrap();
        let mut command = Box::pin(commands::run(cli));
        let code = tokio::select! {
            biased;
            () = sleep_until(self.machine.instant(time)) => None,
            code = &mut command => Some(code),
        };
        if code.is_none() {
            let away = self.folder.path().join("away");
            fs::rename(self.disk(), &away).unwrap();
            drop(command);
            assert!(!self.disk().exists(), "a killed process has written");
            fs::rename(away, self.disk()).unwrap();
        }
        let mail = self.machine.take_errors();
        code.map(|code| Ran { code, mail })
    }

    /// Another machine takes over the disk.
    pub(super) fn move_state(&mut self) {
        let old = self.state();
        self.moves += 1;
        fs::rename(old, self.state()).unwrap();
    }

    /// Another machine takes over the files, but not the state.
    pub(super) fn lose_state(&mut self) {
        fs::remove_dir_all(self.state()).unwrap();
        self.moves += 1;
    }

    /// The exports of the latest batch whose operation or file is recorded. One that was killed while
    /// it was stored has sent nothing.
    pub(super) fn recorded(&self) -> HashSet<String> {
        let Some(batch) = StateDir::existing(&self.state()).batches().unwrap().pop() else {
            return HashSet::new();
        };
        let Ok(db) = BatchDb::open(&batch) else { return HashSet::new() };
        let rows = db.all_rows().map(Result::unwrap).filter(|row| {
            let end = db.result(row.number).unwrap().map(|result| result.end);
            row.checkpoint.operation().is_some() || matches!(end, Some(RowEnd::Done { .. }))
        });
        rows.map(|row| row.subject.id).collect()
    }

    /// Whether a file is there with its receipt of a date.
    pub(super) fn has_receipt(&self, file: &Path, date: &str) -> bool {
        let receipt = fs::read(format!("{}.receipt.json", file.display()));
        let receipt = receipt.map(|receipt| serde_json::from_slice::<serde_json::Value>(&receipt));
        receipt.is_ok_and(|receipt| receipt.unwrap()["date"] == date)
            && receipt::verify(file).is_ok()
    }

    /// The text of `wexport report`.
    pub(super) fn report(&self) -> String {
        let state = StateDir::existing(&self.state());
        let batch = state.batches().unwrap().pop().expect("there is a batch");
        Report::read(&state, &Found::Batch(batch)).unwrap().text()
    }
}
