//! A PostgreSQL server.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

use crate::Authority;

/// A PostgreSQL server on loopback, whose superuser is `ada`. It is stopped when it is dropped.
#[derive(Debug)]
pub struct Postgres {
    programs: PathBuf,
    folder: TempDir,
    port: u16,
    authority: Authority,
}

/// The user that runs the server, which refuses root.
const USER: &str = "nobody";

impl Postgres {
    /// That of `ada`.
    pub const PASSWORD: &str = "pg-s3cret";

    /// `None` where PostgreSQL is not installed: never in CI.
    pub fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            assert!(std::env::var_os("CI").is_none(), "PostgreSQL is not installed");
            eprintln!(
                "skipped: PostgreSQL is not installed (on Debian: apt-get install postgresql)"
            );
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        fs::write(folder.path().join("password"), Self::PASSWORD).unwrap();
        let authority = Authority::new("PostgreSQL");
        let (certificate, key) = authority.issue("localhost", |_| {});
        fs::write(folder.path().join("server.crt"), certificate.pem()).unwrap();
        let path = folder.path().join("server.key");
        fs::write(&path, key.serialize_pem()).unwrap();
        make_private(&path);
        if is_root() {
            let owned = Command::new("chown").args(["-R", USER]).arg(folder.path()).status();
            assert!(owned.unwrap().success());
        }
        let server = Self { programs, folder, port, authority };
        let line = ["-A", "scram-sha-256", "-U", "ada", "-N", "-E", "UTF8", "--locale", "C"];
        let password = server.path("password");
        done(
            server
                .program("initdb")
                .args(line)
                .arg("--pwfile")
                .arg(password)
                .arg("-D")
                .arg(server.path("data")),
        );
        server.begin();
        Some(server)
    }

    /// On 127.0.0.1.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// That of its certificate, which is for `localhost`.
    pub const fn authority(&self) -> &Authority {
        &self.authority
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn program(&self, name: &str) -> Command {
        let program = self.programs.join(name);
        let mut command = match is_root() {
            true => {
                let mut command = Command::new("setpriv");
                command.args(["--reuid", USER, "--clear-groups", "--"]).arg(program);
                command
            }
            false => Command::new(program),
        };
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    /// Starts a server that was stopped.
    pub fn begin(&self) {
        let folder = self.folder.path().display();
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c fsync=off -k {folder} -c ssl=on \
             -c ssl_cert_file={folder}/server.crt -c ssl_key_file={folder}/server.key",
            self.port
        );
        let mut start = self.program("pg_ctl");
        start.args(["start", "-w", "-o", &options, "-D"]).arg(self.path("data"));
        start.arg("-l").arg(self.path("log"));
        // The server keeps the streams.
        assert!(start.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success());
    }

    /// Stops the server: `fast`, or `immediate` as in a crash.
    pub fn stop(&self, mode: &str) {
        done(self.program("pg_ctl").args(["stop", "-m", mode, "-D"]).arg(self.path("data")));
    }

    /// Makes a statement, and returns its rows as lines.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        let mut psql = Command::new("psql");
        psql.args(["-X", "-A", "-t", "-h", "127.0.0.1", "-U", "ada", "-d", database, "-c", sql]);
        psql.args(["-p", &self.port.to_string()]).env("PGPASSWORD", Self::PASSWORD);
        String::from_utf8(done(&mut psql).stdout).unwrap()
    }

    /// A new database. Returns its name.
    pub fn database(&self) -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(0);

        let name = format!("book{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        name
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _ = self
            .program("pg_ctl")
            .args(["stop", "-m", "immediate", "-D"])
            .arg(self.path("data"))
            .output();
    }
}

#[cfg(unix)]
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(not(unix))]
const fn is_root() -> bool {
    false
}

/// Otherwise the server refuses the key.
fn make_private(key: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(key, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let _ = key;
}

/// The folder of the server's programs.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let debian = debian.map(|entry| entry.unwrap().path().join("bin"));
    std::env::split_paths(&path).chain(debian).find(|folder| folder.join("initdb").exists())
}

fn done(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    output
}
