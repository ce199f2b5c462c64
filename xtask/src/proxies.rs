//! `wexport` through a real proxy that re-signs TLS and one that wants a password: mitmproxy is both.
//!
//! The tests of the program have proxies of their own; this is the one that companies' are like.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::shell::{Done, Simulator, cargo, python, run, target};

/// A refusal has to come within this time.
const AT_ONCE: Duration = Duration::from_secs(2);

pub(crate) fn check() -> Done {
    run(&mut cargo(&["build", "--quiet", "--package", "wexport"]))?;
    let python = python("proxies-venv", &["mitmproxy==11.0.2"])?;
    let folder = target("proxies");
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let ca = folder.join("service-ca.pem");
    let quick = ["--retry-after", "0", "--operations-rate", "0", "--complete-after", "0s"];
    let ca_text = ca.display().to_string();
    let words = [&["--tls", "--ca", ca_text.as_str()][..], &quick].concat();
    let simulator = Simulator::start("debug", &words)?;
    let shell = Shell { folder: &folder, service: &simulator.url };

    let proxy = Mitmproxy::start(&python, &folder, &ca, &[])?;
    re_signed(&shell, &proxy)?;
    drop(proxy);
    let proxy = Mitmproxy::start(&python, &folder, &ca, &["--proxyauth", "me:s3same"])?;
    guarded(&shell, &proxy)
}

/// Its authority is needed, and is enough; the doctor names it.
fn re_signed(shell: &Shell<'_>, proxy: &Mitmproxy) -> Done {
    let url = format!("http://127.0.0.1:{}", proxy.port);
    let began = Instant::now();
    let refused = shell.export(&url, &["--ca-bundle", "service-ca.pem"])?;
    refused.has("an unknown authority", 6, &["--ca-bundle", "does not know"])?;
    if began.elapsed() > AT_ONCE {
        return Err(format!("the refusal took {:?}", began.elapsed()));
    }
    let doctor = shell.wexport(&url, &["doctor", "--ca-bundle", "service-ca.pem"])?;
    doctor.has("the doctor", 6, &["signed by mitmproxy", "pass its authority with --ca-bundle"])?;
    let bundle = proxy.authority();
    shell.export(&url, &["--ca-bundle", &bundle])?.has("the authority", 0, &["a.pdf"])?;
    let doctor = shell.wexport(&url, &["doctor", "--ca-bundle", &bundle])?;
    doctor.has("the doctor", 0, &["signed by mitmproxy, known by the CA bundle alone"])?;
    println!("mitmproxy: refused without its authority, an export with it, named by the doctor");
    Ok(())
}

/// Its password is needed, and is enough.
fn guarded(shell: &Shell<'_>, proxy: &Mitmproxy) -> Done {
    let bundle = proxy.authority();
    for (user, code, said) in [
        ("", 6, &["407", "http://USER:PASSWORD@HOST:PORT"][..]),
        ("me:wrong@", 6, &["407"]),
        ("me:s3same@", 0, &["a.pdf"]),
    ] {
        let url = format!("http://{user}127.0.0.1:{}", proxy.port);
        shell.export(&url, &["--ca-bundle", &bundle])?.has("a password", code, said)?;
        let doctor = shell.wexport(&url, &["doctor", "--ca-bundle", &bundle])?;
        doctor.has("the doctor of a password", code, &["by HTTPS_PROXY"])?;
    }
    println!("mitmproxy: refused without its password, an export with it");
    Ok(())
}

/// Where commands are given, and to which service.
struct Shell<'a> {
    folder: &'a Path,
    service: &'a str,
}

impl Shell<'_> {
    fn export(&self, proxy: &str, words: &[&str]) -> Done<Ran> {
        let export = ["document", "d1", "--format", "pdf", "-o", "a.pdf"];
        self.wexport(proxy, &[&export, words].concat())
    }

    fn wexport(&self, proxy: &str, words: &[&str]) -> Done<Ran> {
        let output = Command::new(target("debug").join("wexport"))
            .args(words)
            .current_dir(self.folder)
            .env_clear()
            .env("HOME", self.folder)
            .env("HTTPS_PROXY", proxy)
            .env("WEXPORT_BASE_URL", self.service)
            .env("WORKIVA_CLIENT_ID", "id")
            .env("WORKIVA_CLIENT_SECRET", "secret")
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("wexport cannot be started: {error}"))?;
        let text = [output.stdout, output.stderr].concat();
        Ok(Ran { code: output.status.code(), text: String::from_utf8_lossy(&text).into_owned() })
    }
}

/// What came of a command.
struct Ran {
    code: Option<i32>,
    text: String,
}

impl Ran {
    fn has(&self, case: &str, code: i32, words: &[&str]) -> Done {
        let missing = words.iter().find(|word| !self.text.contains(**word));
        if self.code != Some(code) || missing.is_some() || self.text.contains("s3same") {
            return Err(format!("{case}: code {:?}, not {missing:?} in\n{}", self.code, self.text));
        }
        Ok(())
    }
}

/// mitmproxy, running until this is dropped.
struct Mitmproxy {
    child: Child,
    port: String,
    home: PathBuf,
}

impl Mitmproxy {
    /// Starts it on a free port. It believes the service's authority, and has made one of its own.
    fn start(python: &Path, folder: &Path, ca: &Path, words: &[&str]) -> Done<Self> {
        let home = folder.join("mitmproxy");
        let mut child = Command::new(python.with_file_name("mitmdump"))
            .args(["--listen-host", "127.0.0.1", "--listen-port", "0"])
            .args(["--set", &format!("confdir={}", home.display())])
            .args(["--set", &format!("ssl_verify_upstream_trusted_ca={}", ca.display())])
            .args(words)
            .env("PYTHONUNBUFFERED", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("mitmdump does not start: {error}"))?;
        let Some(stdout) = child.stdout.take() else { return Err("no output".into()) };
        let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
        let port = lines.find_map(|line| {
            let (_, address) = line.split_once("listening at ")?;
            Some(address.trim_end_matches('.').rsplit(':').next()?.to_owned())
        });
        // What it says from now on is read and of no interest: it must not wait for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        let proxy = Self { child, port: port.unwrap_or_default(), home };
        if proxy.port.is_empty() { Err("mitmdump did not say where".into()) } else { Ok(proxy) }
    }

    /// The file of its authority.
    fn authority(&self) -> String {
        self.home.join("mitmproxy-ca-cert.pem").display().to_string()
    }
}

impl Drop for Mitmproxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
