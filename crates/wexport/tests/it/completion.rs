//! The completion of a line by a shell, from what this machine knows.

use std::process::Command;

use crate::world::World;

/// What the program offers for the last of these words.
fn offered(world: &World, words: &[&str]) -> Vec<String> {
    let index = words.len() - 1;
    let mut command = world.command(&[&["--", "wexport"], words].concat());
    command.env("WEXPORT_COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", (index + 1).to_string());
    command.env("_CLAP_IFS", "\n");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let lines = String::from_utf8(output.stdout).unwrap();
    // Flags may follow the values of an argument.
    lines.lines().filter(|line| !line.starts_with('-')).map(str::to_owned).collect()
}

#[test]
fn ids_that_were_listed_are_offered_by_kind() {
    let world = World::new();
    assert_eq!(offered(&world, &["presentation", "7"]), [""; 0]);
    world.done(&["files"]);
    assert_eq!(offered(&world, &["presentation", "7"]), ["77b0d4e6f8a24c1e9b3d5f7a0c2e4b68"]);
    assert_eq!(offered(&world, &["document", "7"]), [""; 0]);
    assert_eq!(offered(&world, &["file", "7"]), ["77b0d4e6f8a24c1e9b3d5f7a0c2e4b68"]);
    assert_eq!(offered(&world, &["files", "--in", ""]), ["5f0a1c9e2b7d4e6f8a3b5c7d9e1f2a4b"]);
    // Nothing is asked of the service, and nothing is left without state.
    let requests = world.requests().len();
    offered(&world, &["document", ""]);
    assert_eq!(world.requests().len(), requests);
    let world = World::new();
    world.done(&["files", "--no-state"]);
    assert!(!world.home().join(".cache").exists());
}

#[test]
fn jobs_settings_and_topics_are_offered() {
    let world = World::new();
    world.done(&["document", "d1", "-f", "pdf", "-o", "a.pdf", "--quiet"]);
    let id_of = |line: &str| line.split(' ').next().unwrap().to_owned();
    world.write("list.csv", "kind,id,format\ndocument,d2,pdf\n");
    world.done(&["batch", "list.csv", "-o", "b.pdf", "--quiet"]);
    let mut jobs: Vec<String> = world.done(&["jobs", "list"]).out.lines().map(id_of).collect();
    // The latest is the first.
    jobs.sort_unstable_by(|one, other| other.cmp(one));
    for command in [&["jobs", "show", ""][..], &["jobs", "resume", ""], &["report", ""]] {
        assert_eq!(offered(&world, command), jobs, "{command:?}");
    }
    assert_eq!(offered(&world, &["document", "--region", ""]), ["us", "eu", "apac"]);
    assert_eq!(offered(&world, &["status", "--api-version", "2026"]), ["2026-01-01"]);
    assert_eq!(offered(&world, &["help", "hoo"]), ["hooks"]);
    assert_eq!(offered(&world, &["help", "spreads"]), ["spreadsheet"]);
    assert_eq!(offered(&world, &["spreads"]), ["spreadsheet"]);
    std::fs::create_dir_all(world.home().join(".config/wexport")).unwrap();
    world.write("../home/.config/wexport/config.toml", "[profile.prod]\nregion = \"eu\"\n");
    assert_eq!(offered(&world, &["files", "--profile", ""]), ["prod"]);
}

#[test]
fn latest_hundred_jobs_are_offered() {
    let world = World::new();
    let jobs: Vec<String> = (100..201).map(|number| format!("20261127-081531-{number}")).collect();
    for job in &jobs {
        let folder = world.home().join(".local/state/wexport/jobs").join(job);
        std::fs::create_dir_all(folder).unwrap();
    }
    let offered = offered(&world, &["jobs", "show", ""]);
    assert_eq!(offered.iter().rev().collect::<Vec<_>>(), jobs[1..].iter().collect::<Vec<_>>());
}

/// The script, in the shells of this machine.
#[test]
fn shells_complete_a_line_with_the_script() {
    let world = World::new();
    world.done(&["files"]);
    let bin = std::path::Path::new(env!("CARGO_BIN_EXE_wexport")).parent().unwrap().to_owned();
    let id = "77b0d4e6f8a24c1e9b3d5f7a0c2e4b68";
    let bash = "source <(wexport completions bash)\n\
                COMP_WORDS=(wexport presentation 7); COMP_CWORD=2\n\
                $(complete -p wexport | sed 's/.*-F \\([^ ]*\\).*/\\1/') wexport 7 presentation\n\
                echo \"${COMPREPLY[@]}\"";
    let fish = "wexport completions fish | source; complete --do-complete 'wexport presentation 7'";
    // The file of a package completes the first line already.
    let zsh = "wexport completions zsh > _wexport; fpath=($PWD)\n\
               compdef() { : }; _describe() { local name=$@[-1]; print -l ${(P)name} }\n\
               autoload _wexport; words=(wexport presentation 7); CURRENT=3; _wexport";
    let mut shells = 0;
    for (shell, script) in [("bash", bash), ("fish", fish), ("zsh", zsh)] {
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
        let environment = world.command(&[]);
        let environment = environment.get_envs().filter_map(|(name, value)| Some((name, value?)));
        let mut command = Command::new(shell);
        command.env_clear().envs(environment).env("PATH", path).args(["-c", script]);
        let Ok(output) = command.current_dir(world.work()).output() else { continue };
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains(id), "{shell}: {output:?}");
        shells += 1;
    }
    assert!(shells > 0, "bash is missing");
}
