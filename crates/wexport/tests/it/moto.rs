//! An S3 server for tests: moto, from PyPI, in a virtual environment under `target/`.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use fs4::FileExt;
use tempfile::TempDir;
use test_servers::Authority;

/// The packages of moto that its S3 server needs: the others are large.
const PACKAGES: [&str; 3] = ["moto[s3]==5.2.5", "flask==3.1.3", "flask-cors==6.0.5"];

/// The server. It ends with the test process.
pub(crate) struct Moto {
    _child: Child,
    _folder: TempDir,
    pub(crate) address: SocketAddr,
    /// The address with TLS.
    pub(crate) tls: SocketAddr,
    /// The CA of its certificate.
    pub(crate) ca: PathBuf,
}

/// A response of the server.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

/// The server that the tests share. Each test has buckets of its own.
pub(crate) fn moto() -> &'static Moto {
    static SHARED: OnceLock<Moto> = OnceLock::new();
    SHARED.get_or_init(Moto::start)
}

impl Moto {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        let authority = Authority::new("moto");
        fs::write(file("ca.pem"), authority.pem()).unwrap();
        let (certificate, key) = authority.issue("localhost", |_| {});
        fs::write(file("tls.pem"), certificate.pem()).unwrap();
        fs::write(file("key.pem"), key.serialize_pem()).unwrap();
        let mut child = Command::new(python())
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/s3_server.py"))
            .args([file("tls.pem"), file("key.pem")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
        let mut address = || {
            let port: u16 = lines.next().expect("moto prints its port").unwrap().parse().unwrap();
            SocketAddr::from(([127, 0, 0, 1], port))
        };
        let (address, tls) = (address(), address());
        Self { address, tls, ca: file("ca.pem"), _child: child, _folder: folder }
    }

    /// A new bucket.
    pub(crate) fn bucket(&self) -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let bucket = format!("bucket-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        assert_eq!(self.request("PUT", &format!("/{bucket}"), b"").status, 200);
        bucket
    }

    pub(crate) fn request(&self, method: &str, path: &str, body: &[u8]) -> Response {
        self.request_to("s3", method, path, body)
    }

    /// Sends a request to a service of moto, which is `s3` or another one. moto does not check the
    /// signature, but finds the service in it.
    pub(crate) fn request_to(
        &self,
        service: &str,
        method: &str,
        path: &str,
        body: &[u8],
    ) -> Response {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let scope = format!("test/20260101/us-east-1/{service}/aws4_request");
        let form = if service == "s3" { "octet-stream" } else { "x-www-form-urlencoded" };
        write!(stream, "{method} {path} HTTP/1.0\r\nHost: localhost\r\n").unwrap();
        write!(stream, "Content-Type: application/{form}\r\n").unwrap();
        write!(stream, "Authorization: AWS4-HMAC-SHA256 Credential={scope}\r\n").unwrap();
        let length = body.len();
        write!(stream, "Content-Length: {length}\r\n\r\n").unwrap();
        stream.write_all(body).unwrap();
        let mut response = Vec::new();
        stream.read_to_end(&mut response).unwrap();
        let end = response.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(response[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Response { status, head, body: response.split_off(end + 4) }
    }

    /// An object; `None` if it does not exist.
    pub(crate) fn object(&self, bucket: &str, key: &str) -> Option<Response> {
        let response = self.request("GET", &format!("/{bucket}/{key}"), b"");
        (response.status == 200).then_some(response)
    }

    /// The keys in a bucket.
    pub(crate) fn keys(&self, bucket: &str) -> Vec<String> {
        elements(&self.request("GET", &format!("/{bucket}?list-type=2"), b""), "Key")
    }

    /// The ids of the multipart uploads that were neither completed nor aborted.
    pub(crate) fn uploads(&self, bucket: &str) -> Vec<String> {
        elements(&self.request("GET", &format!("/{bucket}?uploads"), b""), "UploadId")
    }
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines
            .into_iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

/// The texts of all XML elements with this name.
pub(crate) fn elements(response: &Response, name: &str) -> Vec<String> {
    assert_eq!(response.status, 200, "{response:?}");
    let text = String::from_utf8(response.body.clone()).unwrap();
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let found = text.split(&open).skip(1).map(|rest| rest.split(&close).next().unwrap().into());
    found.collect()
}

/// A Python interpreter with moto. The first run installs it; processes take turns.
pub(crate) fn python() -> PathBuf {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("moto");
    fs::create_dir_all(&home).unwrap();
    let lock = File::create(home.join("lock")).unwrap();
    FileExt::lock(&lock).unwrap();
    let (python, ready) = (home.join("venv/bin/python"), home.join("ready"));
    let wanted = PACKAGES.join(" ");
    if fs::read_to_string(&ready).ok().as_ref() != Some(&wanted) {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(home.join("venv")));
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        run(Command::new(&python).args(install).args(PACKAGES));
        fs::write(&ready, wanted).unwrap();
    }
    python
}

fn run(command: &mut Command) {
    let ended = command.status();
    let succeeded = ended.as_ref().is_ok_and(|status| status.success());
    assert!(succeeded, "these tests need python3 and PyPI: {command:?} ended with {ended:?}");
}
