//! Restricted environments for a process, and obstacles at the path of a file.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::fixture::NIGHTLY;

/// Something other than a regular file.
#[derive(Clone, Debug)]
pub(super) enum Obstacle {
    Directory,
    /// A symbolic link to this path.
    Link(PathBuf),
    /// A named pipe.
    Fifo,
}

impl Obstacle {
    pub(super) fn create(&self, path: &Path) {
        match self {
            Self::Directory => fs::create_dir(path).unwrap(),
            Self::Link(to) => symlink(to, path).unwrap(),
            Self::Fifo => assert!(Command::new("mkfifo").arg(path).status().unwrap().success()),
        }
    }

    pub(super) fn remove(&self, path: &Path) {
        match self {
            Self::Directory => fs::remove_dir(path).unwrap(),
            Self::Link(_) | Self::Fifo => fs::remove_file(path).unwrap(),
        }
    }
}

/// Runs the job with a limit of the file size, which has the effect of a full disk.
pub(super) fn with_file_size_limit(bytes: u64) -> Command {
    let mut command = Command::new("sh");
    // The unit of `ulimit -f` is 512 bytes. The trap ignores SIGXFSZ, which would end the process.
    let blocks = (bytes / 512).to_string();
    command.args(["-c", r#"trap "" XFSZ; ulimit -f "$0"; exec "$@""#, &blocks, NIGHTLY]);
    command
}

/// Runs a script in a mount namespace, where it can mount file systems. `"$@"` in the script runs
/// the job. `None` if the system does not allow it.
pub(super) fn in_mount_namespace(script: &str) -> Option<Command> {
    let run = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--map-root-user", "sh", "-c", script, "sh", NIGHTLY]);
        command
    };
    let mut probe = run("mount -t tmpfs none /tmp");
    let is_possible = probe.stderr(Stdio::null()).status().is_ok_and(|status| status.success());
    is_possible.then(|| run(script))
}

/// Runs the job without the capability to bypass file permissions. `None` if the tests run as root
/// and the capability cannot be dropped.
pub(super) fn unprivileged() -> Option<Command> {
    let folder = tempfile::tempdir().unwrap();
    set_mode(folder.path(), 0o555);
    let cannot_write = |command: &mut Command| {
        let file = folder.path().join("file");
        let ran = command.arg("touch").arg(&file).stderr(Stdio::null()).status().is_ok();
        ran && fs::remove_file(file).is_err()
    };
    let without_capability = || {
        let mut command = Command::new("setpriv");
        command.args(["--bounding-set", "-dac_override"]);
        command
    };
    if cannot_write(&mut Command::new("env")) {
        return Some(Command::new(NIGHTLY));
    }
    cannot_write(&mut without_capability()).then(|| {
        let mut command = without_capability();
        command.arg(NIGHTLY);
        command
    })
}

/// Prints that a test is skipped on this machine.
pub(super) fn skip(reason: &str) {
    eprintln!("skipped: {reason}");
}

pub(super) fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}
