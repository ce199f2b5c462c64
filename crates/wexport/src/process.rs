//! The commands that a user sets: `credential_command`, `--on-failure` and `--on-success`.

use std::process::{Child, Command};

/// A command from its words. A single word is a command line for the system's shell. `None` if there
/// is no word.
pub(crate) fn command(words: &[String]) -> Option<Command> {
    match words {
        [] => None,
        [line] => Some(shell(line)),
        [program, arguments @ ..] => {
            let mut command = Command::new(program);
            command.args(arguments);
            Some(command)
        }
    }
}

fn shell(line: &str) -> Command {
    let (shell, flag) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
    let mut command = Command::new(shell);
    command.args([flag, line]);
    command
}

/// Gives a command a process group of its own, so that all of its processes can be killed. False
/// where there are no groups.
#[cfg(unix)]
pub(crate) fn separate(command: &mut Command) -> bool {
    std::os::unix::process::CommandExt::process_group(command, 0);
    true
}

#[cfg(not(unix))]
pub(crate) const fn separate(_command: &mut Command) -> bool {
    false
}

/// Kills a command, with its group if it has one. The errors are ignored: it may have exited already.
pub(crate) fn kill(child: &mut Child, has_group: bool) {
    #[cfg(unix)]
    if has_group {
        use rustix::process::{Pid, Signal, kill_process_group};

        let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
    }
    #[cfg(not(unix))]
    let _ = has_group;
    let _ = child.kill();
    let _ = child.wait();
}
