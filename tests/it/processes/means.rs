//! Ways to take something from a process: disk space, root's rights.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::place::NIGHTLY;

/// Runs the job so that no file may grow beyond so many bytes: the disk looks full then.
pub(super) fn no_file_beyond(bytes: u64) -> Command {
    let mut command = Command::new("sh");
    // In blocks of 512 bytes. Without the trap, the signal would end the process.
    let blocks = (bytes / 512).to_string();
    command.args(["-c", r#"trap "" XFSZ; ulimit -f "$0"; exec "$@""#, &blocks, NIGHTLY]);
    command
}

/// Runs a script, whose words `"$@"` run the job, where it may mount what it likes and nobody else
/// sees it. `None` where that is not allowed.
pub(super) fn in_a_namespace(script: &str) -> Option<Command> {
    let run = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--map-root-user", "sh", "-c", script, "sh", NIGHTLY]);
        command
    };
    let mut probe = run("mount -t tmpfs none /tmp");
    let is_possible = probe.stderr(Stdio::null()).status().is_ok_and(|status| status.success());
    is_possible.then(|| run(script))
}

/// Runs the job without root's right to write wherever it likes. `None` if that cannot be taken
/// away.
pub(super) fn powerless() -> Option<Command> {
    let folder = tempfile::tempdir().unwrap();
    set_mode(folder.path(), 0o555);
    let cannot_write = |command: &mut Command| {
        let file = folder.path().join("file");
        let ran = command.arg("touch").arg(&file).stderr(Stdio::null()).status().is_ok();
        ran && fs::remove_file(file).is_err()
    };
    let without_power = || {
        let mut command = Command::new("setpriv");
        command.args(["--bounding-set", "-dac_override"]);
        command
    };
    if cannot_write(&mut Command::new("env")) {
        return Some(Command::new(NIGHTLY));
    }
    cannot_write(&mut without_power()).then(|| {
        let mut command = without_power();
        command.arg(NIGHTLY);
        command
    })
}

/// A machine without these shows less, and says so.
pub(super) fn not_shown(why: &str) {
    eprintln!("not shown on this machine: {why}");
}

pub(super) fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}
