//! The program `export-sim`.
#![cfg(feature = "program")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_export-sim"));
    command.args(args);
    command
}

/// Starts the program, and returns it with the line that it prints when it is ready.
fn start(args: &[&str]) -> (Program, String) {
    let mut child = command(&["--listen", "127.0.0.1:0"])
        .args(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (Program(child), line)
}

/// Runs the program with invalid arguments, and returns the error message.
fn error(args: &[&str]) -> String {
    let output = command(args).output().unwrap();
    assert!(!output.status.success(), "{args:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn get(address: &str, target: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

#[test]
fn prints_address_and_credentials() {
    let (mut program, line) = start(&[]);
    let address = line.strip_prefix("listening on http://").unwrap().trim_end();
    assert!(get(address, "/").starts_with("HTTP/1.1 404 Not Found"));
    program.0.kill().unwrap();
    let mut notes = String::new();
    program.0.stderr.take().unwrap().read_to_string(&mut notes).unwrap();
    assert!(notes.contains("sim-token") && notes.contains("sim-client:sim-secret"), "{notes}");
}

#[test]
fn tls_writes_ca_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    let (_program, line) = start(&["--tls", "--ca", ca.to_str().unwrap()]);
    assert!(line.starts_with("listening on https://127.0.0.1:"), "{line}");
    let pem = std::fs::read_to_string(ca).unwrap();
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----"));
}

#[test]
fn scenario_file_is_applied() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(
        br#"{"rules": [{"match": {"endpoint": "other"}, "then": {"fault": "status", "status": 418}}]}"#,
    )
    .unwrap();
    let (_program, line) = start(&["--scenario", file.path().to_str().unwrap()]);
    let address = line.strip_prefix("listening on http://").unwrap().trim_end();
    assert!(get(address, "/").starts_with("HTTP/1.1 418"));
}

#[test]
fn example_scenarios_are_applied() {
    let example = |name: &str| format!("{}/scenarios/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let post = |address: &str, target: &str, body: &str, headers: &str| {
        let mut stream = TcpStream::connect(address).unwrap();
        let request = format!(
            "POST {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n{body}",
            body.len()
        );
        // Fails if the connection is closed before the whole request is read.
        let _ = stream.write_all(request.as_bytes());
        let mut response = Vec::new();
        let ended = stream.read_to_end(&mut response);
        ended.map(|_| String::from_utf8_lossy(&response).into_owned())
    };
    let address = |line: &str| line.trim_end().rsplit_once("//").unwrap().1.to_owned();
    let submit = |address: &str| {
        let headers = "authorization: Bearer sim-token\r\ncontent-type: application/json\r\n";
        post(address, "/platform/v1/documents/d1/export", r#"{"format":"pdf"}"#, headers)
    };

    let (_program, line) = start(&["--scenario", &example("transient-faults")]);
    let transient = address(&line);
    assert!(submit(&transient).is_err(), "the first connection is reset");
    assert_eq!(submit(&transient).unwrap(), "", "the first response to a submit is lost");
    assert!(submit(&transient).unwrap().starts_with("HTTP/1.1 202"));
    let response = post(&transient, "/iam/v1/oauth2/token", "", "").unwrap();
    assert!(response.starts_with("HTTP/1.1 502"), "{response}");

    let (_program, line) = start(&["--scenario", &example("hostile-urls")]);
    let hostile = address(&line);
    let response = submit(&hostile).unwrap();
    let location = response.lines().find_map(|line| line.strip_prefix("location: ")).unwrap();
    assert!(
        !location.contains(&hostile) && location.starts_with("http://127.0.0.1:"),
        "{response}"
    );

    let (_program, line) = start(&["--scenario", &example("one-in-ten")]);
    let healthy = (0..100).filter_map(|_| submit(&address(&line)).ok());
    let healthy = healthy.filter(|response| response.starts_with("HTTP/1.1 202")).count();
    assert!((80..100).contains(&healthy), "{healthy} of 100");
}

#[test]
fn invalid_arguments_are_reported() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"{\"rules\": 7}").unwrap();
    let scenario = file.path().to_str().unwrap();
    let check = |args: &[&str], expected: &str| {
        let message = error(args);
        assert!(message.contains(expected), "{message}");
    };
    check(&["--scenario", scenario], "invalid scenario: invalid type: integer `7`");
    check(&["--scenario", "/nowhere.json"], "/nowhere.json: ");
    check(&["--files", scenario], "is not a directory");
    check(
        &["--complete-after", "2 weeks"],
        "invalid duration `2 weeks`: expected a number with a unit",
    );
    check(&["--artifact-size", "1GB"], "KiB, MiB, GiB");
    check(&["--artifact-size", "999999999TiB"], "too large");
    check(&["--client", "id"], "ID:SECRET");
    check(&["--public-url", "example.org"], "expected https://host");
    check(&["--fault-rate", "1.5"], "at most 1");
    check(&["--operations-rate=-1"], "0 or more");
    check(&["--downloads", "by-post"], "api-host, redirect");
    check(&["--ca", "ca.pem"], "--tls");
    check(&["--listen", "here"], "invalid socket address");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    check(&["--listen", &address], "cannot listen on");
}
