//! Runs `wexport` through mitmproxy, once with TLS interception and once with proxy authentication.
//!
//! The tests of `wexport` use simple proxies. mitmproxy is similar to the proxies of companies.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::shell::{Simulator, TaskResult, build_programs, python, target};

/// The maximum time until an untrusted certificate is reported.
const MAX_REFUSAL: Duration = Duration::from_secs(2);

pub(crate) fn check() -> TaskResult {
    build_programs()?;
    let python = python("proxies-venv", &["mitmproxy==11.0.2"])?;
    let folder = target("proxies");
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let ca = folder.join("service-ca.pem");
    let quick = ["--retry-after", "0", "--operations-rate", "0", "--complete-after", "0s"];
    let ca_text = ca.display().to_string();
    let args = [&["--tls", "--ca", ca_text.as_str()][..], &quick].concat();
    let simulator = Simulator::start("debug", &args)?;
    let runner = Runner { folder: &folder, service: &simulator.url };

    let proxy = Mitmproxy::start(&python, &folder, &ca, &[])?;
    check_tls_interception(&runner, &proxy)?;
    drop(proxy);
    let proxy = Mitmproxy::start(&python, &folder, &ca, &["--proxyauth", "me:s3same"])?;
    check_authentication(&runner, &proxy)
}

/// Checks that the proxy's CA has to be trusted, and that the doctor names it.
fn check_tls_interception(runner: &Runner<'_>, proxy: &Mitmproxy) -> TaskResult {
    let url = format!("http://127.0.0.1:{}", proxy.port);
    let began = Instant::now();
    let refused = runner.export(&url, &["--ca-bundle", "service-ca.pem"])?;
    refused.expect("unknown CA", 6, &["--ca-bundle", "does not trust"])?;
    if began.elapsed() > MAX_REFUSAL {
        return Err(format!("the error took {:?}", began.elapsed()));
    }
    let doctor = runner.wexport(&url, &["doctor", "--ca-bundle", "service-ca.pem"])?;
    doctor.expect("doctor", 6, &["issued by mitmproxy", "pass its CA with --ca-bundle"])?;
    let bundle = proxy.ca_path();
    runner.export(&url, &["--ca-bundle", &bundle])?.expect("trusted CA", 0, &["a.pdf"])?;
    let doctor = runner.wexport(&url, &["doctor", "--ca-bundle", &bundle])?;
    doctor.expect("doctor", 0, &["issued by mitmproxy, trusted only by the CA bundle"])?;
    println!("mitmproxy with TLS interception: ok");
    Ok(())
}

/// Checks that the proxy's password is required and sufficient.
fn check_authentication(runner: &Runner<'_>, proxy: &Mitmproxy) -> TaskResult {
    let bundle = proxy.ca_path();
    for (user, code, expected) in [
        ("", 6, &["407", "http://USER:PASSWORD@HOST:PORT"][..]),
        ("me:wrong@", 6, &["407"]),
        ("me:s3same@", 0, &["a.pdf"]),
    ] {
        let url = format!("http://{user}127.0.0.1:{}", proxy.port);
        let export = runner.export(&url, &["--ca-bundle", &bundle])?;
        export.expect("password", code, expected)?;
        let doctor = runner.wexport(&url, &["doctor", "--ca-bundle", &bundle])?;
        doctor.expect("password, doctor", code, &["set by HTTPS_PROXY"])?;
    }
    println!("mitmproxy with authentication: ok");
    Ok(())
}

/// Runs `wexport` in a folder against a service.
struct Runner<'a> {
    folder: &'a Path,
    service: &'a str,
}

impl Runner<'_> {
    fn export(&self, proxy: &str, args: &[&str]) -> TaskResult<CommandOutput> {
        let export = ["document", "d1", "--format", "pdf", "-o", "a.pdf"];
        self.wexport(proxy, &[&export, args].concat())
    }

    fn wexport(&self, proxy: &str, args: &[&str]) -> TaskResult<CommandOutput> {
        let output = Command::new(target("debug").join("wexport"))
            .args(args)
            .current_dir(self.folder)
            .env_clear()
            .env("HOME", self.folder)
            .env("HTTPS_PROXY", proxy)
            .env("WEXPORT_BASE_URL", self.service)
            .env("WORKIVA_CLIENT_ID", "id")
            .env("WORKIVA_CLIENT_SECRET", "secret")
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("cannot start wexport: {error}"))?;
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        Ok(CommandOutput { code: output.status.code(), text })
    }
}

/// The exit code of a command, and its output on stdout and stderr.
struct CommandOutput {
    code: Option<i32>,
    text: String,
}

impl CommandOutput {
    /// Fails unless the exit code and the texts are as expected, or if the password is shown.
    fn expect(&self, case: &str, code: i32, texts: &[&str]) -> TaskResult {
        let missing = texts.iter().find(|text| !self.text.contains(**text));
        if self.code != Some(code) || missing.is_some() || self.text.contains("s3same") {
            return Err(format!(
                "{case}: exit code {:?}, missing {missing:?} in\n{}",
                self.code, self.text
            ));
        }
        Ok(())
    }
}

/// A mitmproxy process. It is killed when this is dropped.
struct Mitmproxy {
    child: Child,
    port: String,
    home: PathBuf,
}

impl Mitmproxy {
    /// Starts mitmproxy on a free port. It trusts the CA of the service, and generates its own CA.
    fn start(python: &Path, folder: &Path, ca: &Path, args: &[&str]) -> TaskResult<Self> {
        let home = folder.join("mitmproxy");
        let mut child = Command::new(python.with_file_name("mitmdump"))
            .args(["--listen-host", "127.0.0.1", "--listen-port", "0"])
            .args(["--set", &format!("confdir={}", home.display())])
            .args(["--set", &format!("ssl_verify_upstream_trusted_ca={}", ca.display())])
            .args(args)
            .env("PYTHONUNBUFFERED", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start mitmdump: {error}"))?;
        let Some(stdout) = child.stdout.take() else { return Err("no output".into()) };
        let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
        let port = lines.find_map(|line| {
            let (_, address) = line.split_once("listening at ")?;
            Some(address.trim_end_matches('.').rsplit(':').next()?.to_owned())
        });
        // Discards further output, so that mitmproxy does not block on a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let proxy = Self { child, port: port.unwrap_or_default(), home };
        if proxy.port.is_empty() {
            Err("mitmdump did not print its address".into())
        } else {
            Ok(proxy)
        }
    }

    /// The path of mitmproxy's CA certificate.
    fn ca_path(&self) -> String {
        self.home.join("mitmproxy-ca-cert.pem").display().to_string()
    }
}

impl Drop for Mitmproxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
