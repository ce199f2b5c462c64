//! Which process runs a job or a batch, and whether it is alive.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use export_hyper::Timestamp;
use serde::{Deserialize, Serialize};

use crate::clock;
use crate::problem::{Exit, Problem};
use crate::text::duration;

/// How often a process that runs a job or a batch gives a sign of life.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(30);

/// After how long without one it is stopped, or hangs. `wexport jobs list --help` names it.
const SILENCE: Duration = Duration::from_secs(120);

/// Announces this process in the folder of a run. The file is removed at the end, and its time is
/// that of the last sign of life. A lock alone does not tell a process that is stopped from one that
/// works.
#[derive(Debug)]
pub(super) struct Presence {
    path: PathBuf,
    file: File,
}

/// A process that runs a job or a batch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RunningProcess {
    pub(crate) pid: u32,
    pub(crate) host: String,
    /// When it was last heard of. Not stored in the file.
    #[serde(default = "never")]
    pub(crate) heard: Timestamp,
}

const NAME: &str = "running.json";

const fn never() -> Timestamp {
    Timestamp::EPOCH
}

impl Presence {
    /// Announces this process; `None` if the file cannot be written, on which nothing depends.
    pub(super) fn announce(folder: &Path) -> Option<Self> {
        let path = folder.join(NAME);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path).ok()?;
        let this = RunningProcess { pid: std::process::id(), host: host(), heard: clock::now() };
        file.write_all(&serde_json::to_vec(&this).ok()?).ok()?;
        Some(Self { path, file })
    }

    /// Gives a sign of life.
    pub(super) fn beat(&self) {
        let _ = self.file.set_modified(SystemTime::now());
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

impl RunningProcess {
    /// The process that has announced itself in a folder. It may have been killed since.
    pub(super) fn read(folder: &Path) -> Option<Self> {
        let path = folder.join(NAME);
        let stored: Self = serde_json::from_slice(&fs::read(&path).ok()?).ok()?;
        let heard = clock::at(fs::metadata(path).ok()?.modified().ok()?);
        Some(Self { heard, ..stored })
    }

    /// A process of another machine, which was heard of this long ago.
    #[cfg(feature = "postgres")]
    pub(super) fn silent_for(silence: Duration, pid: u32, host: String) -> Self {
        let heard = SystemTime::now().checked_sub(silence).unwrap_or(SystemTime::UNIX_EPOCH);
        Self { pid, host, heard: clock::at(heard) }
    }

    /// Writes it to a copy of its run.
    #[cfg(feature = "postgres")]
    pub(super) fn write(&self, folder: &Path) -> std::io::Result<()> {
        let mut file = File::create(folder.join(NAME))?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_millis(self.heard.as_millis()))
    }

    /// How long nothing has been heard of it, if that is too long.
    pub(crate) fn silence(&self, now: Timestamp) -> Option<Duration> {
        let silence = now.since(self.heard);
        (silence >= SILENCE).then_some(silence)
    }

    /// The status of its run: `running`, or `running, not heard of for 5 min`.
    pub(crate) fn status(&self, now: Timestamp) -> String {
        match self.silence(now) {
            None => "running".into(),
            Some(silence) => {
                let minutes = Duration::from_secs(silence.as_secs() / 60 * 60);
                format!("running, not heard of for {}", duration(minutes))
            }
        }
    }

    /// When it was heard of, or what to do if that is too long ago.
    pub(crate) fn remark(&self, now: Timestamp, id: &str) -> String {
        match self.silence(now) {
            None => format!("{self}, heard of {} ago", duration(now.since(self.heard))),
            Some(_) => format!("{self}; {}", self.advice(id)),
        }
    }

    /// What to do about one that is stopped or hangs.
    pub(crate) fn advice(&self, id: &str) -> String {
        let Self { pid, host, .. } = self;
        format!(
            "if it is stopped or hangs, end it: kill {pid} on {host}, or kill -9 {pid}; then: \
             wexport jobs resume {id}"
        )
    }
}

impl fmt::Display for RunningProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} on {}", self.pid, self.host)
    }
}

/// The problem of a run that is running already.
pub(super) fn running_elsewhere(kind: &str, id: &str, process: Option<RunningProcess>) -> Problem {
    let Some(process) = process else {
        let message = format!("{kind} {id} is running in another process");
        return Problem::new(Exit::Running, message);
    };
    let now = clock::now();
    let ago = duration(now.since(process.heard));
    let message =
        format!("{kind} {id} is running in another process: {process}, heard of {ago} ago");
    Problem::new(Exit::Running, message).advise(match process.silence(now) {
        None => "wait until it has ended".into(),
        Some(_) => process.advice(id),
    })
}

/// The name of this machine.
pub(super) fn host() -> String {
    #[cfg(unix)]
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    #[cfg(not(unix))]
    let host = std::env::var("COMPUTERNAME").unwrap_or_else(|_| "this machine".into());
    host
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silent_process_is_told_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let presence = Presence::announce(folder.path()).unwrap();
        let now = clock::now();
        presence.file.set_modified(SystemTime::now() - Duration::from_secs(359)).unwrap();
        let process = RunningProcess::read(folder.path()).unwrap();
        assert_eq!(process.status(now), "running, not heard of for 5 min");
        assert!(process.remark(now, "7f3a").ends_with("wexport jobs resume 7f3a"));
        presence.beat();
        let process = RunningProcess::read(folder.path()).unwrap();
        assert_eq!(process.pid, std::process::id());
        assert_eq!(process.status(process.heard + Duration::from_secs(119)), "running");
        let remark = process.remark(process.heard + Duration::from_secs(7), "7f3a");
        assert!(remark.ends_with(", heard of 7 s ago"), "{remark}");
        // A clock that was set back.
        assert_eq!(process.status(Timestamp::EPOCH), "running");
        drop(presence);
        assert_eq!(RunningProcess::read(folder.path()), None);
    }
}
