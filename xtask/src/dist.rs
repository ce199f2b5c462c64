//! Makes the artifacts of a release in `target/dist`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::licences;
use crate::shell::{TaskResult, cargo, output, root, run, target};

/// The tools, with the versions that were tried. They are installed if they are missing.
const TOOLS: [(&str, &str); 3] =
    [("cargo-deb", "^3.8"), ("cargo-generate-rpm", "^0.21"), ("cargo-cyclonedx", "^0.5")];

/// The target of a static binary, which runs on any Linux.
const STATIC: &str = "x86_64-unknown-linux-musl";

/// Builds the program, and packs it: an archive, a Debian package, an RPM, an image of a container where
/// its tool is installed, an SBOM, and the checksums.
///
/// `--debug` packs a debug build, to try the packages. `--target` is that of rustc.
pub(crate) fn make(args: &[&str]) -> TaskResult {
    let mut profile = "release";
    let mut triple = None;
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match (*arg, args.as_slice().first()) {
            ("--debug", _) => profile = "dev",
            ("--target", Some(value)) => {
                triple = Some((*value).to_owned());
                args.next();
            }
            _ => return Err(format!("unexpected argument '{arg}'")),
        }
    }
    let dist = Dist::new(profile, triple)?;
    dist.build()?;
    dist.stage()?;
    dist.archive()?;
    if dist.triple.contains("linux") {
        dist.packages()?;
        dist.image()?;
    }
    dist.sbom()?;
    // Elsewhere, the checksums are those of the release, which are made of all its files.
    if cfg!(target_os = "linux") { checksums(&dist.folder) } else { Ok(()) }
}

/// Writes the checksums of a folder of artifacts, and fills in the templates for Homebrew and Scoop:
/// `cargo xtask dist templates FOLDER URL`, once the archives of all systems are there.
pub(crate) fn templates(folder: &str, url: &str) -> TaskResult {
    let folder = Path::new(folder);
    checksums(folder)?;
    let sums = read(&folder.join("SHA256SUMS"))?;
    for name in ["wexport.rb", "wexport.json"] {
        let template = read(&root().join("packaging").join(name))?;
        write(&folder.join(name), &fill_in(&template, &version()?, url, &sums)?)?;
    }
    Ok(())
}

/// The artifacts of one target.
struct Dist {
    profile: &'static str,
    triple: String,
    version: String,
    folder: PathBuf,
    /// The files of the packages, as the manifest of the program names them.
    stage: PathBuf,
}

impl Dist {
    fn new(profile: &'static str, triple: Option<String>) -> TaskResult<Self> {
        let triple = match triple {
            Some(triple) => triple,
            None => default_target()?,
        };
        let folder = target("dist");
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(|error| explain(&folder, &error))?;
        }
        let stage = folder.join("stage");
        for sub in ["man", "completions"] {
            let sub = stage.join(sub);
            fs::create_dir_all(&sub).map_err(|error| explain(&sub, &error))?;
        }
        Ok(Self { profile, triple, version: version()?, folder, stage })
    }

    fn exe(&self) -> &'static str {
        if self.triple.contains("windows") { "wexport.exe" } else { "wexport" }
    }

    fn build(&self) -> TaskResult {
        let words = "build --locked --package wexport --profile";
        let mut words: Vec<&str> = words.split(' ').collect();
        words.extend([self.profile, "--target", &self.triple]);
        let mut command = cargo(&words);
        // The same commit makes the same program, wherever it is built.
        command.env("WEXPORT_COMMIT", commit());
        run(&mut command)?;
        let built = if self.profile == "dev" { "debug" } else { self.profile };
        let program = target(&self.triple).join(built).join(self.exe());
        copy(&program, &self.stage.join(self.exe()))
    }

    /// Writes what the packages have beside the program.
    fn stage(&self) -> TaskResult {
        let program = self.stage.join(self.exe());
        let printed = |words: &[&str]| output(Command::new(&program).args(words));
        print!("{}", printed(&["--version"])?);
        run(Command::new(&program).arg("man").arg(self.stage.join("man")))?;
        for (shell, name) in [
            ("bash", "wexport.bash"),
            ("fish", "wexport.fish"),
            ("powershell", "_wexport.ps1"),
            ("zsh", "_wexport"),
        ] {
            let script = printed(&["completions", shell])?;
            write(&self.stage.join("completions").join(name), &script)?;
        }
        for name in ["README.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE"] {
            copy(&root().join(name), &self.stage.join(name))?;
        }
        licences::write("wexport", &self.stage.join("LICENSES-THIRD-PARTY.txt"))
    }

    fn archive(&self) -> TaskResult {
        let name = format!("wexport-v{}-{}", self.version, self.triple);
        let folder = self.folder.join(&name);
        fs::rename(&self.stage, &folder).map_err(|error| explain(&folder, &error))?;
        let packed = if self.triple.contains("windows") {
            let zip = ["-a", "-cf", &format!("{name}.zip"), &name].map(String::from);
            run(Command::new("tar").args(zip).current_dir(&self.folder))
        } else {
            // With GNU tar, neither the time nor the user of the build is in it.
            let mut tar = Command::new("tar");
            if cfg!(target_os = "linux") {
                tar.args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner"]);
                tar.arg("--mtime=@0");
            }
            tar.args(["-czf", &format!("{name}.tar.gz"), &name]);
            run(tar.current_dir(&self.folder))
        };
        fs::rename(&folder, &self.stage).map_err(|error| explain(&folder, &error))?;
        packed
    }

    /// The Debian package and the RPM. Their contents are in the manifest of the program.
    fn packages(&self) -> TaskResult {
        install("cargo-deb")?;
        let folder = self.folder.display().to_string();
        let deb = ["deb", "--no-build", "--no-strip", "--locked", "--package", "wexport"];
        run(cargo(&deb).args(["--target", &self.triple, "--output", &folder]))?;
        install("cargo-generate-rpm")?;
        let rpm = ["generate-rpm", "--package", "crates/wexport", "--target", &self.triple];
        run(cargo(&rpm).args(["--output", &folder]))
    }

    /// An image without an engine, where umoci is installed: the program with the libraries that it is
    /// linked to, the CA certificates of this machine, and a user without rights.
    fn image(&self) -> TaskResult {
        let found = Command::new("umoci").arg("--version").stdout(Stdio::null()).status();
        if found.is_err() {
            println!("skipped the image: umoci is not installed");
            return Ok(());
        }
        let rootfs = self.folder.join("rootfs");
        copy(&self.stage.join("wexport"), &rootfs.join("usr/bin/wexport"))?;
        for library in libraries(&self.stage.join("wexport")) {
            copy(&library, &rootfs.join(library.strip_prefix("/").unwrap_or(&library)))?;
        }
        let certificates = "etc/ssl/certs/ca-certificates.crt";
        copy(&Path::new("/").join(certificates), &rootfs.join(certificates))?;
        let passwd = rootfs.join("etc/passwd");
        write(&passwd, "wexport:x:65532:65532::/home/wexport:/sbin/nologin\n")?;
        for folder in ["home/wexport", "tmp", "work"] {
            let folder = rootfs.join(folder);
            fs::create_dir_all(&folder).map_err(|error| explain(&folder, &error))?;
        }
        let layout = self.folder.join("oci");
        let umoci = |words: &str| {
            run(Command::new("umoci").args(words.split(' ')).current_dir(&self.folder))
        };
        umoci("init --layout oci")?;
        umoci("new --image oci:wexport")?;
        umoci("insert --image oci:wexport --rootless rootfs /")?;
        umoci(
            "config --image oci:wexport --config.user 65532:65532 --config.workingdir /work \
             --config.entrypoint /usr/bin/wexport --config.env HOME=/home/wexport",
        )?;
        let name = format!("wexport-v{}-{}.oci.tar", self.version, self.triple);
        run(Command::new("tar").args(["-C", "oci", "-cf", &name, "."]).current_dir(&self.folder))?;
        remove(&rootfs)?;
        remove(&layout)
    }

    fn sbom(&self) -> TaskResult {
        install("cargo-cyclonedx")?;
        let name = format!("wexport-v{}-{}.cdx", self.version, self.triple);
        let sbom = ["cyclonedx", "--format", "json", "--target", &self.triple, "--manifest-path"];
        let manifest = ["crates/wexport/Cargo.toml", "--override-filename", &name];
        // The same sources make the same file: its time and its number are left out.
        run(cargo(&sbom).args(manifest).env("SOURCE_DATE_EPOCH", "0"))?;
        // It writes one for each crate of the workspace, beside its manifest.
        let root = root();
        for parent in [root.join("crates"), root.clone()] {
            let entries = fs::read_dir(&parent).map_err(|error| explain(&parent, &error))?;
            for folder in entries.flatten().map(|entry| entry.path()) {
                let written = folder.join(format!("{name}.json"));
                if folder.ends_with("crates/wexport") {
                    let text = without_paths(&read(&written)?, &root);
                    write(&self.folder.join(format!("{name}.json")), &text)?;
                }
                let _ = fs::remove_file(&written);
            }
        }
        Ok(())
    }
}

/// The SBOM without the folder of the build, which the references to the crates of the workspace have.
fn without_paths(sbom: &str, root: &Path) -> String {
    // They are URLs.
    let root = root.display().to_string().replace('\\', "/");
    sbom.replace(&format!("{root}/"), "")
}

/// The target of a static binary where it is installed, or else that of this machine, with a note.
fn default_target() -> TaskResult<String> {
    let installed = output(Command::new("rustup").args(["target", "list", "--installed"]));
    if installed.is_ok_and(|installed| installed.lines().any(|line| line == STATIC)) {
        return Ok(STATIC.into());
    }
    let about = output(Command::new("rustc").arg("-vV"))?;
    let host = about.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default();
    if host.ends_with("-linux-gnu") {
        let libc = output(Command::new("ldd").arg("--version")).unwrap_or_default();
        let libc = libc.lines().next().unwrap_or("of an unknown version").to_owned();
        println!("{STATIC} is not installed: the program needs the glibc of this machine, {libc}");
    }
    Ok(host.into())
}

fn install(tool: &str) -> TaskResult {
    let subcommand = tool.trim_start_matches("cargo-");
    let found = cargo(&[subcommand, "--help"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let requirement = TOOLS.iter().find(|(name, _)| *name == tool).map(|(_, version)| *version);
    match (found, requirement) {
        (Ok(status), _) if status.success() => Ok(()),
        (_, Some(version)) => run(&mut cargo(&["install", "--locked", tool, "--version", version])),
        (_, None) => Err(format!("{tool} is not installed")),
    }
}

/// The libraries that a program is linked to, with the loader; none of a static one.
fn libraries(program: &Path) -> Vec<PathBuf> {
    let listed = output(Command::new("ldd").arg(program)).unwrap_or_default();
    let words = listed.split_whitespace().filter(|word| word.starts_with('/'));
    words.map(PathBuf::from).collect()
}

/// The commit, with a `+` if files have changed since; empty without git.
fn commit() -> String {
    let git = |words: &[&str]| {
        let output = Command::new("git").args(words).current_dir(root()).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let changed = git(&["status", "--porcelain", "--untracked-files=no"]);
    let mark = if changed.is_some_and(|changed| !changed.is_empty()) { "+" } else { "" };
    git(&["rev-parse", "--short=12", "HEAD"]).map(|it| it + mark).unwrap_or_default()
}

fn version() -> TaskResult<String> {
    let id = output(&mut cargo(&["pkgid", "--locked", "--package", "wexport"]))?;
    Ok(id.trim().rsplit(['#', '@']).next().unwrap_or_default().into())
}

/// Writes `SHA256SUMS`, as `sha256sum --check` reads it.
fn checksums(folder: &Path) -> TaskResult {
    let entries = fs::read_dir(folder).map_err(|error| explain(folder, &error))?;
    let files = entries.flatten().filter(|entry| entry.path().is_file());
    let mut names: Vec<_> = files.map(|entry| entry.file_name()).collect();
    names.retain(|name| name != "SHA256SUMS" && name != "wexport.rb" && name != "wexport.json");
    names.sort();
    let sums = output(Command::new("sha256sum").arg("--").args(&names).current_dir(folder))?;
    print!("{sums}");
    write(&folder.join("SHA256SUMS"), &sums)
}

/// Fills in a template. `{{sha256:SUFFIX}}` is the checksum of the archive whose name ends so.
fn fill_in(template: &str, version: &str, url: &str, sums: &str) -> TaskResult<String> {
    let known: BTreeMap<&str, &str> = sums
        .lines()
        .filter_map(|line| line.split_once("  "))
        .map(|(sum, name)| (name, sum))
        .collect();
    let mut filled = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) =
            after.split_once("}}").ok_or("a placeholder of a template has no end")?;
        filled.push_str(before);
        filled.push_str(match (name, name.strip_prefix("sha256:")) {
            ("version", _) => version,
            ("url", _) => url,
            (_, Some(suffix)) => {
                let archive = format!("wexport-v{version}-{suffix}");
                known
                    .get(archive.as_str())
                    .copied()
                    .ok_or_else(|| format!("{archive} has no checksum"))?
            }
            _ => return Err(format!("the placeholder {name} of a template is not known")),
        });
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

fn read(path: &Path) -> TaskResult<String> {
    fs::read_to_string(path).map_err(|error| explain(path, &error))
}

fn write(path: &Path, text: &str) -> TaskResult {
    fs::write(path, text).map_err(|error| explain(path, &error))
}

fn copy(from: &Path, to: &Path) -> TaskResult {
    let folder = to.parent().unwrap_or_else(|| Path::new(""));
    fs::create_dir_all(folder).map_err(|error| explain(folder, &error))?;
    fs::copy(from, to).map(|_| ()).map_err(|error| explain(from, &error))
}

fn remove(folder: &Path) -> TaskResult {
    fs::remove_dir_all(folder).map_err(|error| explain(folder, &error))
}

fn explain(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYSTEMS: [&str; 5] = [
        "aarch64-apple-darwin.tar.gz",
        "aarch64-unknown-linux-musl.tar.gz",
        "x86_64-apple-darwin.tar.gz",
        "x86_64-pc-windows-msvc.zip",
        "x86_64-unknown-linux-musl.tar.gz",
    ];

    fn template(name: &str) -> String {
        read(&root().join("packaging").join(name)).unwrap()
    }

    #[test]
    fn templates_are_filled_in() {
        let sum =
            |system: &&str| format!("{}  wexport-v1.2.3-{system}\n", system.replace('.', "-"));
        let sums: String = SYSTEMS.iter().map(sum).collect();
        for name in ["wexport.rb", "wexport.json"] {
            let filled = fill_in(&template(name), "1.2.3", "https://example.com/w", &sums).unwrap();
            assert!(!filled.contains("{{") && !filled.contains("}}"), "{filled}");
            assert!(
                filled.contains("https://example.com/w/releases/download/v1.2.3/wexport-v1.2.3-")
            );
            let missing = fill_in(&template(name), "1.2.4", "https://example.com/w", &sums);
            assert!(missing.unwrap_err().contains("has no checksum"));
        }
    }

    /// The release workflow builds the archives that the templates name.
    #[test]
    fn archives_of_the_templates_are_built_by_the_release() {
        let workflow = read(&root().join(".github/workflows/release.yml")).unwrap();
        for system in SYSTEMS {
            let (triple, _) = system.split_once('.').unwrap();
            assert!(workflow.contains(&format!("target: {triple}\n")), "{triple}");
        }
    }

    #[test]
    fn sbom_has_no_path_of_the_build() {
        let reference =
            |path: &str| format!("\"bom-ref\": \"path+file://{path}crates/wexport#0.1.0\"");
        for (root, start) in [("/home/w", "/home/w/"), ("D:\\a\\w", "D:/a/w/")] {
            assert_eq!(without_paths(&reference(start), Path::new(root)), reference(""));
        }
    }

    /// Each file of the packages is one that [`Dist::stage`] writes.
    #[test]
    fn packages_have_the_files_that_are_staged() {
        let manifest = read(&root().join("crates/wexport/Cargo.toml")).unwrap();
        let staged: Vec<&str> = manifest
            .split('"')
            .filter_map(|word| word.split_once("dist/stage/"))
            .map(|(_, name)| name)
            .collect();
        for name in [
            "wexport",
            "man/*.1",
            "completions/wexport.bash",
            "completions/wexport.fish",
            "completions/_wexport",
            "LICENSES-THIRD-PARTY.txt",
        ] {
            let uses = staged.iter().filter(|found| **found == name).count();
            assert_eq!(uses, 2, "{name} is in the Debian package and in the RPM");
        }
    }
}
