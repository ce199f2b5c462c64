//! What file systems can and cannot do: modes, mounts, long names, names that are not UTF-8.

use std::fs;

use export_sim::{Endpoint, Fault, Nth, Rule, Scenario};

use crate::world::{World, quick};

const PDF: [&str; 4] = ["document", "d1", "-f", "pdf"];

fn line<'a>(flags: &[&'a str]) -> Vec<&'a str> {
    PDF.into_iter().chain(flags.iter().copied()).collect()
}

/// A service whose files have a name of 196 bytes and an extension.
fn long_names() -> World {
    World::with(quick().with_file_name("Größenordnung ".repeat(14)))
}

#[test]
fn long_names_of_the_service_leave_room_for_others() {
    let world = long_names();
    let text = "t".repeat(60);
    let template = format!("{text} - {{date}} - {{name}} - {{id}}.{{ext}}");
    for output in [&["-o", template.as_str()][..], &[]] {
        let flags = [output, &["--if-exists", "rename", "--receipt"]].concat();
        let before = world.names("").len();
        world.done(&line(&flags));
        let second = world.done(&line(&flags));
        let path = second.out.trim_end();
        assert!(path.ends_with(" (2).pdf"), "{path}");
        assert!(output.is_empty() || path.ends_with(" - d1 (2).pdf"), "{path}");
        world.done(&["verify", path]);
        assert_eq!(world.names("").len(), before + 4);
    }
}

#[test]
fn a_job_with_a_long_name_is_resumed() {
    let broken = Rule::new(Endpoint::Download, Fault::status(500)).on(Nth::Only(1));
    let config = quick().with_file_name("n".repeat(190));
    let world = World::with(config.with_scenario(Scenario::default().with_rule(broken)));
    let template = format!("{}{{name}}.{{ext}}", "t".repeat(100));
    assert_eq!(world.run(&line(&["-o", &template, "--retries", "0"])).code, Some(75));
    world.done(&["jobs", "resume", "--failed"]);
    assert_eq!(world.names("").len(), 1);
}

#[test]
fn names_that_are_too_long_are_refused_before_any_request() {
    let world = World::new();
    let (long, longer) = (format!("{}.pdf", "n".repeat(246)), "n".repeat(256));
    let template = format!("{}{{name}}.{{ext}}", "t".repeat(250));
    let known = format!("{}{{date}}.pdf", "t".repeat(250));
    let folder = format!("{longer}/{{name}}");
    for flags in [
        &["-o", long.as_str(), "--receipt"][..],
        &["-o", &long, "--if-exists", "rename"],
        &["-o", &longer],
        &["-o", &template],
        &["-o", &known],
        &["-o", &folder],
    ] {
        let ran = world.run(&line(flags));
        assert_eq!(ran.code, Some(2), "{flags:?}: {}", ran.err);
        assert!(ran.err.contains("too long") && ran.err.contains("use a shorter"), "{}", ran.err);
    }
    assert!(world.requests().is_empty());
    world.done(&line(&["-o", &long]));
    let rows = format!("kind,id,format,output\ndocument,d1,pdf,{longer}.pdf\n");
    world.write("list.csv", rows);
    assert_eq!(world.run(&["batch", "list.csv"]).code, Some(2));
}

#[test]
fn names_that_may_be_one_file_are_numbered() {
    let world = World::new();
    let outputs = ["Übersicht.pdf", "U\u{308}BERSICHT.pdf", "./Übersicht.pdf"];
    let rows = outputs.map(|output| format!("document,d1,pdf,{output}\n")).concat();
    world.write("list.csv", format!("kind,id,format,output\n{rows}"));
    world.done(&["batch", "list.csv"]);
    let expected = ["U\u{308}BERSICHT (2).pdf", "list.csv", "Übersicht (3).pdf", "Übersicht.pdf"];
    assert_eq!(world.names(""), expected);
}

#[test]
fn a_temporary_folder_that_is_missing_is_reported_before_any_request() {
    let world = World::new();
    let missing = world.work().join("missing");
    let variables = ["TMPDIR", "TMP", "TEMP"].map(|name| (name, missing.to_str().unwrap()));
    let ran = world.run_with(&variables, &line(&["-o", "-"]));
    assert_eq!(ran.code, Some(7), "{}", ran.err);
    assert!(ran.err.contains("set TMPDIR"), "{}", ran.err);
    assert!(world.requests().is_empty());
}

#[test]
fn doctor_tries_what_an_export_does() {
    let world = World::new();
    let state = world.work().join("state");
    fs::create_dir_all(state.join("batches")).unwrap();
    fs::write(state.join("jobs"), "").unwrap();
    let ran = world.run(&["doctor", "--state", "state"]);
    assert_eq!(ran.code, Some(7), "{}", ran.out);
    fs::remove_file(state.join("jobs")).unwrap();
    world.done(&["doctor", "--state", "state"]);
    assert_eq!(world.names("state/jobs"), [""; 0]);
}

#[cfg(unix)]
mod on_unix {
    use std::ffi::OsStr;
    use std::fs::Permissions;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::PermissionsExt;
    use std::path::{Path, PathBuf};
    use std::process::{Command, Output};

    use super::*;
    use crate::world::Ran;

    fn mode(path: impl AsRef<Path>) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

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

    #[test]
    fn replaced_files_keep_their_mode() {
        let world = World::new();
        world.write("list.csv", "kind,id,format,output\ndocument,d1,pdf,a.pdf\n");
        let files = ["a.pdf", "a.pdf.receipt.json"].map(|name| world.work().join(name));
        let jobs: [&[&str]; 3] = [
            &["document", "d1", "-f", "pdf", "-o", "a.pdf", "--receipt"],
            &["document", "d1", "-f", "pdf", "-o", "a.{format}", "--receipt"],
            &["batch", "list.csv", "--receipt"],
        ];
        for job in jobs {
            for expected in [0o600, 0o640] {
                for file in &files {
                    fs::write(file, "old").unwrap();
                    fs::set_permissions(file, Permissions::from_mode(expected)).unwrap();
                }
                world.done(job);
                for file in &files {
                    assert_ne!(fs::read(file).unwrap(), b"old");
                    assert_eq!(mode(file), expected, "{job:?} {}", file.display());
                }
            }
        }
    }

    #[test]
    fn devices_and_pipes_are_refused_before_any_request() {
        let world = World::new();
        let made = Command::new("mkfifo").arg(world.work().join("pipe")).status().unwrap();
        assert!(made.success());
        for output in ["/dev/null", "pipe", "/dev/stdout"] {
            let ran = world.run(&line(&["-o", output]));
            assert_eq!(ran.code, Some(7), "{output}: {}", ran.err);
            assert!(ran.err.contains("use -o - for standard output"), "{}", ran.err);
        }
        assert!(world.requests().is_empty());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn folder_that_takes_no_file_is_not_to_be_made() {
        let world = World::new();
        for output in ["/proc/x.pdf", "/proc/nowhere/x.pdf"] {
            let Ran { code, err, .. } = world.run(&line(&["-o", output]));
            assert_eq!(code, Some(7), "{err}");
            assert!(err.contains("/proc") && !err.contains("make the folder"), "{err}");
        }
    }

    #[test]
    fn stdout_that_cannot_be_written_is_reported_before_any_request() {
        let world = World::new();
        for script in ["exec \"$@\" >&-", "exec \"$@\" 1</dev/null"] {
            let output = in_shell(&world, script, &["-o", "-"]);
            let Ran { code, err, .. } = world.ran(output);
            assert_eq!(code, Some(2), "{script}: {err}");
            assert!(err.contains("standard output is closed"), "{script}: {err}");
        }
        assert!(world.requests().is_empty());
        let output = in_shell(&world, "exec \"$@\" >/dev/null", &["-o", "-"]);
        assert!(output.status.success());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_stdout_is_an_error_with_advice() {
        let world = World::new();
        let Ran { code, err, .. } =
            world.ran(in_shell(&world, "exec \"$@\" >/dev/full", &["-o", "-"]));
        assert_eq!(code, Some(7), "{err}");
        assert!(err.contains("cannot write to standard output: No space left"), "{err}");
        assert!(err.contains("free some space") && err.contains("jobs resume"), "{err}");
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

    /// The mounts of a test are in a namespace of their own, which ends with it.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_that_is_a_mount_point_is_overwritten() {
        if !Command::new("unshare").args(["-rm", "true"]).status().is_ok_and(|it| it.success()) {
            return println!("skipped, since `unshare -rm` does not work here");
        }
        let world = World::new();
        for folder in ["host", "out"] {
            fs::create_dir(world.work().join(folder)).unwrap();
        }
        let mount = |name: &str| {
            fs::write(world.work().join("out").join(name), "").unwrap();
            fs::write(world.work().join("host").join(name), "old ".repeat(100_000)).unwrap();
            format!("mount --bind host/{name} out/{name}; ")
        };
        let mounts = mount("a.pdf") + &mount("d1.pdf") + &mount("a.pdf.receipt.json");
        let script = format!("unshare -rm sh -ec '{mounts} exec \"$@\"' sh \"$@\"");
        for (name, flags) in [
            ("a.pdf", &["-o", "out/a.pdf", "--receipt"][..]),
            ("d1.pdf", &["-o", "out/"]),
            ("d1.pdf", &["-o", "out/{id}.pdf"]),
        ] {
            fs::write(world.work().join("host").join(name), "old ".repeat(100_000)).unwrap();
            let Ran { code, err, .. } = world.ran(in_shell(&world, &script, flags));
            assert_eq!(code, Some(0), "{flags:?}: {err}");
            let warning = format!("{name} cannot be replaced in one step");
            assert_eq!(err.matches(&warning).count(), 1, "{flags:?}: {err}");
            assert_eq!(world.read(format!("host/{name}")), world.exported(), "{flags:?}");
        }
        assert_eq!(world.names("out"), ["a.pdf", "a.pdf.receipt.json", "d1.pdf"]);
        assert!(world.read("host/a.pdf.receipt.json").starts_with(b"{"));

        // Its folder need not be writable, as in a container. The part is elsewhere then.
        let read_only = "mount --bind out out; mount --bind host/a.pdf out/a.pdf; \
                         mount --bind host/a.pdf.receipt.json out/a.pdf.receipt.json; \
                         mount -o remount,bind,ro out;";
        let script = format!("unshare -rm sh -ec '{read_only} exec \"$@\"' sh \"$@\"");
        for flags in [&["-o", "out/a.pdf", "--receipt"][..], &["-o", "out/a.{format}"]] {
            fs::write(world.work().join("host/a.pdf"), "old ".repeat(100_000)).unwrap();
            let Ran { code, err, .. } = world.ran(in_shell(&world, &script, flags));
            assert_eq!(code, Some(0), "{flags:?}: {err}");
            assert!(err.contains("a.pdf cannot be replaced in one step"), "{flags:?}: {err}");
            assert_eq!(world.read("host/a.pdf"), world.exported(), "{flags:?}");
        }
        let Ran { code, err, .. } = world.ran(in_shell(&world, &script, &["-o", "out/new.pdf"]));
        assert_eq!(code, Some(7), "{err}");

        // A mount that cannot be written is an error before any request.
        let sent = world.requests().len();
        let read_only = "mount --bind host/a.pdf out/a.pdf; mount -o remount,bind,ro out/a.pdf;";
        let script = format!("unshare -rm sh -ec '{read_only} exec \"$@\"' sh \"$@\"");
        let Ran { code, err, .. } = world.ran(in_shell(&world, &script, &["-o", "out/a.pdf"]));
        assert_eq!(code, Some(7), "{err}");
        assert_eq!(world.requests().len(), sent);
    }

    /// The same folder and the same file, each mounted twice.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_that_is_mounted_twice_is_one_file() {
        if !Command::new("unshare").args(["-rm", "true"]).status().is_ok_and(|it| it.success()) {
            return println!("skipped, since `unshare -rm` does not work here");
        }
        let world = World::new();
        for folder in ["host", "one", "two"] {
            fs::create_dir(world.work().join(folder)).unwrap();
        }
        for file in ["f", "a.pdf", "b.pdf"] {
            fs::write(world.work().join(file), "").unwrap();
        }
        let outputs = ["one/x.pdf", "two/x.pdf", "a.pdf", "b.pdf"];
        let rows = outputs.map(|output| format!("document,d1,pdf,{output}\n")).concat();
        world.write("list.csv", format!("kind,id,format,output\n{rows}"));
        let mounts = "mount --bind host one; mount --bind host two; mount --bind f a.pdf; \
                      mount --bind f b.pdf;";
        let script = format!("unshare -rm sh -ec '{mounts} exec \"$@\"' sh \"$@\"");
        let mut shell = Command::new("sh");
        let command = world.command(&["batch", "list.csv", "-q"]);
        shell.args(["-c", &script, "sh"]).arg(command.get_program()).args(command.get_args());
        shell.current_dir(world.work());
        shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let Ran { code, err, .. } = world.ran(shell.output().unwrap());
        assert_eq!(code, Some(0), "{err}");
        assert_eq!(world.names("host"), ["x (2).pdf", "x.pdf"]);
        let written =
            ["f", "b (2).pdf", "host/x.pdf", "host/x (2).pdf"].map(|name| world.read(name));
        assert!(written.iter().all(|file| file.starts_with(b"%PDF-")));
    }
}
