//! The Debian package on a bare Debian: it is installed, used and removed in a chroot.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shell::{Simulator, TaskResult, output, root, run, target};

/// Where the package puts the program: a crontab needs its path.
const PROGRAM: &str = "/usr/bin/wexport";

/// The user who exports, and their home.
const USER: &str = "ada";
const HOME: &str = "/home/ada";

/// Installs the package in `target/dist` on a new Debian of the release of this machine, whose glibc the program needs. Runs
/// the demo and the lines of cron in the README as a user, and removes the package again.
///
/// debootstrap and chroot need root.
pub(crate) fn check() -> TaskResult {
    let package = package()?;
    let debian = Debian::bootstrap()?;
    fs::copy(&package, debian.path("/wexport.deb")).map_err(|error| error.to_string())?;
    // It recommends ca-certificates.
    debian.as_root("apt-get update && apt-get install --yes /wexport.deb")?;
    let files = debian.files_of_the_package()?;
    debian.as_user("wexport --version")?;
    debian.as_user("wexport demo")?;
    debian.expect_files("wexport-demo")?;

    let readme = fs::read_to_string(root().join("README.md")).map_err(|error| error.to_string())?;
    let service = Simulator::start("debug", &["--client", "an-id:a-secret"])?;
    debian.as_user(
        "mkdir -p ~/.config/wexport && umask 077 && echo a-secret > ~/.config/wexport/secret",
    )?;
    let init = block(&readme, "sh", "wexport init")?;
    debian.as_user(&format!("{init} --no-input --base-url {}", service.url))?;
    debian.as_user(r"printf 'kind,id,format\ndocument,d1,pdf\ndocument,d2,pdf\n' > list.csv")?;
    for (command, folder) in [("document", "reports"), ("batch", "night")] {
        let line = block(&readme, "cron", &format!(" {command} "))?;
        let line = command_of(&line)?;
        // What it prints is mailed each night.
        for _ in 0..2 {
            let printed = debian.as_user(&line)?;
            if !printed.is_empty() {
                return Err(format!("`{line}` printed {printed}"));
            }
        }
        debian.expect_files(folder)?;
    }

    debian.as_root("apt-get purge --yes wexport")?;
    if let Some(left) = files.iter().find(|file| debian.path(file).exists()) {
        return Err(format!("the package has left {left}"));
    }
    println!("the Debian package: ok, with {} files", files.len());
    Ok(())
}

/// The package that `cargo xtask dist` has made.
fn package() -> TaskResult<PathBuf> {
    let dist = target("dist");
    let entries = fs::read_dir(&dist).into_iter().flatten().flatten();
    let mut packages = entries.map(|entry| entry.path());
    let package =
        packages.find(|path| path.extension().is_some_and(|extension| extension == "deb"));
    package
        .ok_or_else(|| format!("{} has no package: run `cargo xtask dist` first", dist.display()))
}

/// A Debian in a folder, which is removed when this is dropped.
struct Debian {
    folder: PathBuf,
}

impl Debian {
    fn bootstrap() -> TaskResult<Self> {
        let debian = Self { folder: target("debian") };
        debian.remove();
        // The release and the mirror of this machine.
        let format =
            ["indextargets", "--format", "$(CODENAME) $(REPO_URI)", "Created-By: Packages"];
        let sources = output(Command::new("apt-get").args(format))?;
        let release = release()?;
        let mirror = sources.lines().find_map(|line| line.strip_prefix(&format!("{release} ")));
        let mirror = mirror.ok_or_else(|| format!("apt has no source of {release}"))?;
        let mut debootstrap = Command::new("debootstrap");
        debootstrap.args(["--variant=minbase", &release]).arg(&debian.folder).arg(mirror);
        output(&mut debootstrap)?;
        debian.as_root(&format!("useradd --create-home --shell /bin/sh {USER}"))?;
        Ok(debian)
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.join(path.trim_start_matches('/'))
    }

    fn as_root(&self, line: &str) -> TaskResult<String> {
        self.run(&[], line)
    }

    /// Runs a line in the home of the user, with the environment of cron.
    fn as_user(&self, line: &str) -> TaskResult<String> {
        self.run(&[&format!("--userspec={USER}:{USER}")], &format!("cd {HOME} && {line}"))
    }

    /// Returns what the line prints.
    fn run(&self, options: &[&str], line: &str) -> TaskResult<String> {
        eprintln!("# {line}");
        // dpkg needs those of root.
        let path =
            if options.is_empty() { "/usr/sbin:/usr/bin:/sbin:/bin" } else { "/usr/bin:/bin" };
        // What is mounted for a command is unmounted with its end, however it ends.
        let mut chroot = Command::new("unshare");
        chroot.args([
            "--mount",
            "/bin/sh",
            "-c",
            r#"mount -t proc proc "$0/proc" && exec chroot "$@""#,
        ]);
        chroot.arg(&self.folder).args(options).arg(&self.folder);
        chroot.args(["/usr/bin/env", "-i", "SHELL=/bin/sh", &format!("HOME={HOME}")]);
        chroot.args([format!("LOGNAME={USER}"), format!("PATH={path}")]);
        output(chroot.args(["/bin/sh", "-c", &format!("{line} 2>&1")]))
    }

    /// The files that the package has installed. They are all there.
    fn files_of_the_package(&self) -> TaskResult<Vec<String>> {
        let listed = self.as_root("dpkg --listfiles wexport")?;
        let files = listed.lines().filter(|path| !self.path(path).is_dir());
        let files: Vec<String> = files.map(String::from).collect();
        for place in [
            PROGRAM,
            "/usr/share/man/man1/wexport.1.gz",
            "/usr/share/bash-completion/completions/wexport",
            "/usr/share/fish/vendor_completions.d/wexport.fish",
            "/usr/share/zsh/vendor-completions/_wexport",
            "/usr/share/doc/wexport/LICENSES-THIRD-PARTY.txt",
        ] {
            if !files.iter().any(|file| file == place) {
                return Err(format!("the package has no {place}"));
            }
        }
        match files.iter().find(|file| !self.path(file).exists()) {
            Some(missing) => Err(format!("{missing} was not installed")),
            None => Ok(files),
        }
    }

    /// Fails if a folder in the home of the user has no file.
    fn expect_files(&self, folder: &str) -> TaskResult {
        let folder = self.path(HOME).join(folder);
        if has_file(&folder) { Ok(()) } else { Err(format!("no file in {}", folder.display())) }
    }

    fn remove(&self) {
        // What is mounted there, if debootstrap was killed, is not this command's to remove.
        let mut rm = Command::new("rm");
        let _ = run(rm.args(["-rf", "--one-file-system"]).arg(&self.folder));
    }
}

impl Drop for Debian {
    fn drop(&mut self) {
        self.remove();
    }
}

/// The code name of the release of this machine.
fn release() -> TaskResult<String> {
    let text = fs::read_to_string("/etc/os-release").map_err(|error| error.to_string())?;
    let name = text.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    name.map(String::from).ok_or_else(|| "/etc/os-release has no VERSION_CODENAME".into())
}

/// The code block of a page in a language that contains a text.
fn block(page: &str, language: &str, text: &str) -> TaskResult<String> {
    let fence = format!("```{language}\n");
    let mut blocks = page.split(&fence).skip(1).filter_map(|rest| rest.split("```").next());
    let found = blocks.find(|block| block.contains(text));
    found.map(|block| block.trim().into()).ok_or_else(|| format!("the README has no `{text}`"))
}

/// The command of a line of a crontab, with the program of the package.
fn command_of(line: &str) -> TaskResult<String> {
    let after = line.split_once("bin/wexport\" ").ok_or("the line has another program")?.1;
    Ok(format!("{PROGRAM} {after}"))
}

fn has_file(folder: &Path) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).any(|path| path.is_file() || has_file(&path))
}
