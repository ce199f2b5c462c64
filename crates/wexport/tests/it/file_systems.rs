//! What file systems can and cannot do: names that are not UTF-8.

use std::fs;

use export_sim::{Endpoint, Fault, Nth, Rule, Scenario};

use crate::world::{World, quick};

const PDF: [&str; 4] = ["document", "d1", "-f", "pdf"];

fn line<'a>(flags: &[&'a str]) -> Vec<&'a str> {
    PDF.into_iter().chain(flags.iter().copied()).collect()
}

#[cfg(unix)]
mod on_unix {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::path::PathBuf;
    use std::process::{Command, Output};

    use super::*;

    /// Runs the program in a shell, after other commands: it is `"$@"`.
    fn in_shell(world: &World, script: &str, flags: &[&str]) -> Output {
        let command = world.command(&line(flags));
        let mut shell = Command::new("sh");
        shell.args(["-c", script, "sh"]).arg(command.get_program()).args(command.get_args());
        shell.current_dir(world.work()).env_clear();
        shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        shell.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        shell.output().unwrap()
    }

    /// A folder whose name is not UTF-8; `None` where there can be none, as on macOS.
    fn latin_folder(world: &World) -> Option<PathBuf> {
        let folder = world.work().join(OsStr::from_bytes(b"Gesch\xe4ft"));
        match fs::create_dir(&folder) {
            Ok(()) => Some(folder),
            Err(error) => {
                println!("skipped, since names have to be UTF-8 here: {error}");
                None
            }
        }
    }

    #[test]
    fn folder_that_is_not_utf8_can_be_used() {
        let broken = Rule::new(Endpoint::Operation, Fault::status(503)).on(Nth::Only(1));
        let world = World::with(quick().with_scenario(Scenario::default().with_rule(broken)));
        let Some(folder) = latin_folder(&world) else { return };
        let run = |line: &[&str]| {
            let mut command = world.command(line);
            world.ran(command.current_dir(&folder).output().unwrap())
        };
        let interrupted = run(&line(&["-o", "a.pdf", "--receipt", "--retries", "0"]));
        assert_eq!(interrupted.code, Some(75), "{}", interrupted.err);
        world.done(&["jobs", "resume", "--failed"]);
        assert_eq!(run(&["verify", "a.pdf"]).code, Some(0));

        let elsewhere = world.work().join("{id}.{ext}");
        let elsewhere = elsewhere.to_str().unwrap();
        fs::write(folder.join("list.csv"), "kind,id,format\ndocument,d2,pdf\n").unwrap();
        for output in [elsewhere, "{id}.{ext}", "."] {
            let ran = run(&["batch", "list.csv", "-o", output]);
            assert_eq!(ran.code, Some(0), "{output}: {}", ran.err);
        }
        assert!(world.work().join("d2.pdf").exists() && folder.join("d2.pdf").exists());
        let sent = world.requests().len();
        let ran = run(&["batch", "list.csv", "-o", elsewhere, "--results", "r.jsonl"]);
        assert_eq!(ran.code, Some(2), "{}", ran.err);
        assert!(ran.err.contains("--results"), "{}", ran.err);

        let mut command = world.command(&line(&["-o"]));
        let ran = world.ran(command.arg(folder.join("b.pdf")).output().unwrap());
        assert_eq!(ran.code, Some(2), "{}", ran.err);
        assert!(ran.err.contains("'--output <PATH>': not UTF-8"), "{}", ran.err);
        assert_eq!(world.requests().len(), sent);
    }

    #[test]
    fn removed_folder_does_not_end_exports_elsewhere() {
        let world = World::new();
        let target = world.work().join("a.pdf");
        fs::create_dir(world.work().join("gone")).unwrap();
        let script = "cd gone && rmdir ../gone && exec \"$@\"";
        let output = in_shell(&world, script, &["-o", target.to_str().unwrap()]);
        assert!(output.status.success(), "{}", world.ran(output).err);
        assert!(target.exists());
    }
}
